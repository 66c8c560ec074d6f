/* SPDX-License-Identifier: Apache-2.0 */
/* Epoch, version, release: deb, rpm and alpm; and the numbers with suffixes of apk and gentoo. */
#include "intel/version_rules.h"

enum { EPOCH_DIGITS_MAX = 10 };

struct evr {
	struct bytes epoch, version, release;
	bool has_epoch, has_release;
};

static size_t
find_last(struct bytes t, uint8_t c)
{
	size_t i = t.len;

	while (i > 0)
		if (t.ptr[--i] == c)
			return i;
	return t.len;
}

static struct evr
split_evr(struct bytes t, size_t colon)
{
	struct evr e = {0};
	size_t i;

	if (colon < t.len) {
		e.has_epoch = true;
		e.epoch = bytes_sub(t, 0, colon);
		t = bytes_from(t, colon + 1);
	}
	if ((i = find_last(t, '-')) < t.len) {
		e.has_release = true;
		e.release = bytes_from(t, i + 1);
		t = bytes_sub(t, 0, i);
	}
	e.version = t;
	return e;
}

/* --- deb --- */

static bool
deb_bytes_hold(struct bytes t, const char *more)
{
	for (size_t i = 0; i < t.len; i++)
		if (!version_is_digit(t.ptr[i]) && !version_is_letter(t.ptr[i]) &&
		    strchr(more, t.ptr[i]) == NULL)
			return false;
	return t.len > 0 && memchr(t.ptr, 0, t.len) == NULL;
}

static enum fault
check_deb(struct bytes t)
{
	struct evr e = split_evr(t, bytes_find(t, ':'));
	bool epoch = !e.has_epoch || (e.epoch.len > 0 && e.epoch.len <= EPOCH_DIGITS_MAX &&
					 version_digits(e.epoch) == e.epoch.len);

	return epoch && deb_bytes_hold(e.version, e.has_epoch ? ".+-~:" : ".+-~") &&
		       (!e.has_release || deb_bytes_hold(e.release, ".+~"))
		   ? FAULT_none
		   : FAULT_version_invalid;
}

/* ~ before the end, the end and digits before letters, letters before the rest. */
static int
deb_weight(struct bytes t)
{
	uint8_t c = t.len == 0 ? '0' : t.ptr[0];

	return c == '~' ? -1 : version_is_digit(c) ? 0 : version_is_letter(c) ? c : c + 256;
}

static int
deb_compare(struct bytes a, struct bytes b)
{
	while (a.len > 0 || b.len > 0) {
		int c;

		while ((a.len > 0 && !version_is_digit(a.ptr[0])) ||
		       (b.len > 0 && !version_is_digit(b.ptr[0]))) {
			if ((c = deb_weight(a) - deb_weight(b)) != 0)
				return version_sign(c);
			a = bytes_from(a, 1);
			b = bytes_from(b, 1);
		}
		c = version_numbers(
		    version_take(&a, version_digits(a)), version_take(&b, version_digits(b)));
		if (c != 0)
			return c;
	}
	return 0;
}

static enum fault
compare_deb(struct bytes a, struct bytes b, int *order)
{
	struct evr x = split_evr(a, bytes_find(a, ':')), y = split_evr(b, bytes_find(b, ':'));

	*order = version_numbers(x.epoch, y.epoch);
	if (*order == 0)
		*order = deb_compare(x.version, y.version);
	if (*order == 0)
		*order = deb_compare(x.release, y.release);
	return FAULT_none;
}

const struct version_order version_order_deb = {check_deb, compare_deb};

/* --- rpm --- */

/* Printable and without blanks. */
static bool
is_plain(struct bytes t)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.ptr[i] <= ' ' || t.ptr[i] >= 0x7f)
			return false;
	return true;
}

/* An epoch is digits before a colon; any other colon is a separator. */
static struct evr
split_rpm(struct bytes t)
{
	size_t n = version_digits(t);

	return split_evr(t, n < t.len && t.ptr[n] == ':' ? n : t.len);
}

static enum fault
check_rpm(struct bytes t)
{
	struct evr e = split_rpm(t);

	return is_plain(t) && e.version.len > 0 && (!e.has_release || e.release.len > 0) &&
		       (!e.has_epoch || (e.epoch.len > 0 && e.epoch.len <= EPOCH_DIGITS_MAX))
		   ? FAULT_none
		   : FAULT_version_invalid;
}

static struct bytes
skip_separators(struct bytes t)
{
	while (t.len > 0 && !version_is_digit(t.ptr[0]) && !version_is_letter(t.ptr[0]) &&
	       t.ptr[0] != '~' && t.ptr[0] != '^')
		t = bytes_from(t, 1);
	return t;
}

static bool
at(struct bytes t, uint8_t c)
{
	return t.len > 0 && t.ptr[0] == c;
}

static int
rpm_compare(struct bytes a, struct bytes b)
{
	while (true) {
		bool number;
		int c;

		a = skip_separators(a);
		b = skip_separators(b);
		if (at(a, '~') || at(b, '~')) {
			if (at(a, '~') != at(b, '~'))
				return at(a, '~') ? -1 : 1;
		} else if (at(a, '^') || at(b, '^')) {
			if (a.len == 0 || b.len == 0)
				return a.len == 0 ? -1 : 1;
			if (at(a, '^') != at(b, '^'))
				return at(a, '^') ? -1 : 1;
		} else {
			if (a.len == 0 || b.len == 0)
				return (a.len > 0) - (b.len > 0);
			number = version_is_digit(a.ptr[0]);
			if (number != version_is_digit(b.ptr[0]))
				return number ? 1 : -1;
			c = number ? version_numbers(version_take(&a, version_digits(a)),
					 version_take(&b, version_digits(b)))
				   : version_sign(bytes_cmp(version_take(&a, version_letters(a)),
					 version_take(&b, version_letters(b))));
			if (c != 0)
				return c;
			continue;
		}
		a = bytes_from(a, 1);
		b = bytes_from(b, 1);
	}
}

static enum fault
compare_rpm(struct bytes a, struct bytes b, int *order)
{
	struct evr x = split_rpm(a), y = split_rpm(b);

	*order = version_numbers(x.epoch, y.epoch);
	if (*order == 0)
		*order = rpm_compare(x.version, y.version);
	/* A version without a release is below the same with one. */
	if (*order == 0)
		*order = x.has_release && y.has_release ? rpm_compare(x.release, y.release)
							: x.has_release - y.has_release;
	return FAULT_none;
}

const struct version_order version_order_rpm = {check_rpm, compare_rpm};

/* --- alpm --- */

static size_t
alpm_skip(struct bytes *t)
{
	size_t n = 0;

	while (n < t->len && !version_is_digit(t->ptr[n]) && !version_is_letter(t->ptr[n]))
		n++;
	*t = bytes_from(*t, n);
	return n;
}

static int
alpm_compare(struct bytes a, struct bytes b)
{
	while (a.len > 0 && b.len > 0) {
		size_t i = alpm_skip(&a), j = alpm_skip(&b);
		bool number;
		int c;

		if (a.len == 0 || b.len == 0)
			break;
		if (i != j)
			return i < j ? -1 : 1;
		number = version_is_digit(a.ptr[0]);
		if (number != version_is_digit(b.ptr[0]))
			return number ? 1 : -1;
		c = number ? version_numbers(version_take(&a, version_digits(a)),
				 version_take(&b, version_digits(b)))
			   : version_sign(bytes_cmp(version_take(&a, version_letters(a)),
				 version_take(&b, version_letters(b))));
		if (c != 0)
			return c;
	}
	if (a.len == 0 && b.len == 0)
		return 0;
	/* Letters that are left never beat nothing. */
	if (a.len == 0)
		return version_is_letter(b.ptr[0]) ? 1 : -1;
	return version_is_letter(a.ptr[0]) ? -1 : 1;
}

/* A release counts only where both have one: the one order here that is not transitive where
 * releases are left out, as the package manager's own is not. */
static enum fault
compare_alpm(struct bytes a, struct bytes b, int *order)
{
	struct evr x = split_rpm(a), y = split_rpm(b);

	*order = version_numbers(x.epoch, y.epoch);
	if (*order == 0)
		*order = alpm_compare(x.version, y.version);
	if (*order == 0 && x.has_release && y.has_release)
		*order = alpm_compare(x.release, y.release);
	return FAULT_none;
}

const struct version_order version_order_alpm = {check_rpm, compare_alpm};

/* --- apk and gentoo --- */

/* Suffixes in their order; the ones up to rc stand before none at all. */
static const struct bytes suffixes[] = {BYTES_INIT("alpha"), BYTES_INIT("beta"), BYTES_INIT("pre"),
    BYTES_INIT("rc"), BYTES_INIT(""), BYTES_INIT("cvs"), BYTES_INIT("svn"), BYTES_INIT("git"),
    BYTES_INIT("hg"), BYTES_INIT("p")};

enum { SUFFIX_NONE = 4 };

/* One after the other: numbers and dots, a letter, suffixes, a revision. */
struct ebuild {
	struct bytes numbers, suffixes, revision;
	uint8_t letter;
};

/* The next "_word" and its digits; SUFFIX_NONE at the end, -1 where it is no known word. */
static int
next_suffix(struct bytes *t, struct bytes *digits)
{
	struct bytes word;

	*digits = (struct bytes){0};
	if (t->len == 0)
		return SUFFIX_NONE;
	if (t->ptr[0] != '_')
		return -1;
	*t = bytes_from(*t, 1);
	word = version_take(t, version_letters(*t));
	*digits = version_take(t, version_digits(*t));
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (i != SUFFIX_NONE && bytes_eq(word, suffixes[i]))
			return (int)i;
	return -1;
}

static bool
split_ebuild(struct bytes t, struct ebuild *e)
{
	size_t n = 0;
	struct bytes rest, digits;

	*e = (struct ebuild){0};
	while (n < t.len && (version_is_digit(t.ptr[n]) || t.ptr[n] == '.'))
		n++;
	e->numbers = version_take(&t, n);
	for (size_t i = 0; i < n; i++)
		if (e->numbers.ptr[i] == '.' &&
		    (i == 0 || i + 1 == n || e->numbers.ptr[i - 1] == '.'))
			return false;
	if (t.len > 0 && version_is_letter(t.ptr[0]))
		e->letter = version_take(&t, 1).ptr[0];
	n = find_last(t, '-');
	if (n < t.len) {
		e->revision = bytes_from(t, n + 1);
		if (e->revision.len < 2 || e->revision.ptr[0] != 'r')
			return false;
		e->revision = bytes_from(e->revision, 1);
		if (version_digits(e->revision) != e->revision.len)
			return false;
	}
	e->suffixes = bytes_sub(t, 0, n);
	for (rest = e->suffixes; rest.len > 0;)
		if (next_suffix(&rest, &digits) == -1)
			return false;
	return e->numbers.len > 0;
}

static enum fault
check_ebuild(struct bytes t)
{
	struct ebuild e;

	return split_ebuild(t, &e) ? FAULT_none : FAULT_version_invalid;
}

static struct bytes
trim_trailing_zeros(struct bytes t)
{
	while (t.len > 0 && t.ptr[t.len - 1] == '0')
		t.len--;
	return t;
}

/* After the first, a number that begins with 0 counts as the digits behind a point. */
static int
compare_components(struct bytes a, struct bytes b)
{
	for (bool first = true; a.len > 0 && b.len > 0; first = false) {
		struct bytes x = bytes_split(a, '.', &a), y = bytes_split(b, '.', &b);
		int c =
		    first || (x.ptr[0] != '0' && y.ptr[0] != '0')
			? version_numbers(x, y)
			: version_sign(bytes_cmp(trim_trailing_zeros(x), trim_trailing_zeros(y)));

		if (c != 0)
			return c;
	}
	return (a.len > 0) - (b.len > 0);
}

static enum fault
compare_ebuild(struct bytes a, struct bytes b, int *order)
{
	struct ebuild x, y;

	(void)split_ebuild(a, &x);
	(void)split_ebuild(b, &y);
	*order = compare_components(x.numbers, y.numbers);
	if (*order == 0)
		*order = version_sign(x.letter - y.letter);
	while (*order == 0 && (x.suffixes.len > 0 || y.suffixes.len > 0)) {
		struct bytes m, n;
		int i = next_suffix(&x.suffixes, &m), j = next_suffix(&y.suffixes, &n);

		*order = i != j ? version_sign(i - j) : version_numbers(m, n);
	}
	if (*order == 0)
		*order = version_numbers(x.revision, y.revision);
	return FAULT_none;
}

const struct version_order version_order_apk = {check_ebuild, compare_ebuild};
const struct version_order version_order_gentoo = {check_ebuild, compare_ebuild};
