/* SPDX-License-Identifier: Apache-2.0 */
/* Three numbers, a preview part, a build part: semver and its relatives npm, go and nuget. */
#include "intel/version_rules.h"

enum { NUMBERS_MAX = 4 };

struct parts {
	struct bytes number[NUMBERS_MAX];
	size_t n;
	struct bytes preview; /* without its - */
	bool has_preview;
};

/* How a relative bends the grammar. */
struct bend {
	size_t min, max; /* numbers */
	bool zeros;      /* numbers may begin with 0 */
};

static bool
is_identifier_byte(uint8_t c)
{
	return version_is_digit(c) || version_is_letter(c) || c == '-';
}

/* Identifiers between dots, none empty; numbers without leading zeros where zeros is not set. */
static bool
identifiers_hold(struct bytes t, bool zeros)
{
	do {
		size_t n = bytes_find(t, '.');
		struct bytes one = bytes_sub(t, 0, n);
		bool last = n == t.len;

		if (one.len == 0)
			return false;
		for (size_t i = 0; i < one.len; i++)
			if (!is_identifier_byte(one.ptr[i]))
				return false;
		if (!zeros && one.len > 1 && one.ptr[0] == '0' && version_digits(one) == one.len)
			return false;
		if (last)
			return true;
		t = bytes_from(t, n + 1);
	} while (true);
}

static bool
split(struct bytes t, struct bend bend, struct parts *p)
{
	size_t plus = bytes_find(t, '+');

	*p = (struct parts){0};
	if (plus < t.len && !identifiers_hold(bytes_from(t, plus + 1), true))
		return false;
	t = bytes_sub(t, 0, plus);
	while (p->n < bend.max) {
		size_t n = version_digits(t);

		if (n == 0 || (!bend.zeros && n > 1 && t.ptr[0] == '0'))
			return false;
		p->number[p->n++] = version_take(&t, n);
		if (t.len == 0 || t.ptr[0] != '.')
			break;
		if (p->n == bend.max)
			return false;
		t = bytes_from(t, 1);
	}
	if (p->n < bend.min)
		return false;
	if (t.len == 0)
		return true;
	p->has_preview = true;
	p->preview = bytes_from(t, 1);
	return t.ptr[0] == '-' && identifiers_hold(p->preview, bend.zeros);
}

/* 11.4: identifier by identifier; numbers below text, more above less. */
static int
compare_previews(struct bytes a, struct bytes b, bool nocase)
{
	while (a.len > 0 && b.len > 0) {
		struct bytes x = bytes_split(a, '.', &a), y = bytes_split(b, '.', &b);
		bool nx = version_digits(x) == x.len, ny = version_digits(y) == y.len;
		int c = nx && ny   ? version_numbers(x, y)
			: nx != ny ? (nx ? -1 : 1)
			: nocase   ? version_text_nocase(x, y)
				   : version_sign(bytes_cmp(x, y));

		if (c != 0)
			return c;
	}
	return (a.len > 0) - (b.len > 0);
}

static int
compare_parts(const struct parts *a, const struct parts *b, bool nocase)
{
	for (size_t i = 0; i < NUMBERS_MAX; i++) {
		int c = version_numbers(a->number[i], b->number[i]);

		if (c != 0)
			return c;
	}
	if (!a->has_preview || !b->has_preview)
		return b->has_preview - a->has_preview;
	return compare_previews(a->preview, b->preview, nocase);
}

static const struct bend semver_bend = {3, 3, false};

static enum fault
check_semver(struct bytes t)
{
	struct parts p;

	return split(t, semver_bend, &p) ? FAULT_none : FAULT_version_invalid;
}

static enum fault
compare_semver(struct bytes a, struct bytes b, int *order)
{
	struct parts p, q;

	(void)split(a, semver_bend, &p);
	(void)split(b, semver_bend, &q);
	*order = compare_parts(&p, &q, false);
	return FAULT_none;
}

const struct version_order version_order_semver = {check_semver, compare_semver};

/* npm takes blanks around, and = and v in front. */
static struct bytes
npm_core(struct bytes t)
{
	t = bytes_trim(t);
	while (t.len > 0 && (t.ptr[0] == '=' || t.ptr[0] == 'v' || t.ptr[0] == ' '))
		t = bytes_from(t, 1);
	return t;
}

static enum fault
check_npm(struct bytes t)
{
	return check_semver(npm_core(t));
}

static enum fault
compare_npm(struct bytes a, struct bytes b, int *order)
{
	return compare_semver(npm_core(a), npm_core(b), order);
}

const struct version_order version_order_npm = {check_npm, compare_npm};

/* Go: a leading v (OSV leaves it out), v1 and v1.2 are short for v1.0.0 and v1.2.0. */
static const struct bend go_bend = {1, 3, false};

static bool
split_go(struct bytes t, struct parts *p)
{
	if (t.len > 0 && t.ptr[0] == 'v')
		t = bytes_from(t, 1);
	/* The short forms have neither preview nor build. */
	return split(t, go_bend, p) &&
	       (p->n == 3 || (!p->has_preview && bytes_find(t, '+') == t.len));
}

static enum fault
check_go(struct bytes t)
{
	struct parts p;

	return split_go(t, &p) ? FAULT_none : FAULT_version_invalid;
}

static enum fault
compare_go(struct bytes a, struct bytes b, int *order)
{
	struct parts p, q;

	(void)split_go(a, &p);
	(void)split_go(b, &q);
	*order = compare_parts(&p, &q, false);
	return FAULT_none;
}

const struct version_order version_order_go = {check_go, compare_go};

/* NuGet: one to four numbers, letters of previews without case. */
static const struct bend nuget_bend = {1, 4, true};

static enum fault
check_nuget(struct bytes t)
{
	struct parts p;

	return split(t, nuget_bend, &p) ? FAULT_none : FAULT_version_invalid;
}

static enum fault
compare_nuget(struct bytes a, struct bytes b, int *order)
{
	struct parts p, q;

	(void)split(a, nuget_bend, &p);
	(void)split(b, nuget_bend, &q);
	*order = compare_parts(&p, &q, true);
	return FAULT_none;
}

const struct version_order version_order_nuget = {check_nuget, compare_nuget};

/* OpenSSL: semver from 3 on; before, three numbers and up to a few letters, where more letters
 * are later: 1.0.2z, 1.0.2za. */
static bool
split_openssl(struct bytes t, struct parts *p, struct bytes *letters)
{
	*letters = (struct bytes){0};
	if (split(t, semver_bend, p))
		return true;
	for (size_t i = t.len; i > 0 && version_is_letter(t.ptr[i - 1]); i--)
		*letters = bytes_from(t, i - 1);
	return letters->len > 0 && split(bytes_sub(t, 0, t.len - letters->len), semver_bend, p) &&
	       !p->has_preview;
}

static enum fault
check_openssl(struct bytes t)
{
	struct bytes letters;
	struct parts p;

	return split_openssl(t, &p, &letters) ? FAULT_none : FAULT_version_invalid;
}

static enum fault
compare_openssl(struct bytes a, struct bytes b, int *order)
{
	struct bytes x, y;
	struct parts p, q;

	(void)split_openssl(a, &p, &x);
	(void)split_openssl(b, &q, &y);
	*order = compare_parts(&p, &q, false);
	if (*order == 0)
		*order = version_sign(bytes_cmp(x, y));
	return FAULT_none;
}

const struct version_order version_order_openssl = {check_openssl, compare_openssl};
