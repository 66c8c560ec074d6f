/* SPDX-License-Identifier: Apache-2.0 */
/* Versions without a rule of their own: devices (generic), and the plain orders of vers: intdot,
 * lexicographic, datetime. */
#include "base/utf8.h"
#include "intel/version_rules.h"

/* --- generic --- */

enum { YEAR_MIN = 1980, YEAR_MAX = 2099 };

/* Words that tell builds and previews apart from the release they belong to. */
static const struct bytes build_words[] = {BYTES_INIT("alpha"), BYTES_INIT("beta"),
    BYTES_INIT("bld"), BYTES_INIT("build"), BYTES_INIT("demo"), BYTES_INIT("dev"),
    BYTES_INIT("eng"), BYTES_INIT("fix"), BYTES_INIT("hf"), BYTES_INIT("hotfix"),
    BYTES_INIT("patch"), BYTES_INIT("pre"), BYTES_INIT("preview"), BYTES_INIT("rc"),
    BYTES_INIT("snapshot"), BYTES_INIT("sp"), BYTES_INIT("test"), BYTES_INIT("update")};

static bool
is_build_word(struct bytes t)
{
	for (size_t i = 0; i < ARRAY_LEN(build_words); i++)
		if (bytes_eq_nocase(t, build_words[i]))
			return true;
	return false;
}

/* "v", "ver", "version" in front say nothing, nor does what separates them. */
static struct bytes
without_v(struct bytes t)
{
	size_t n = version_letters(t), i = n;
	struct bytes word = bytes_sub(t, 0, n);

	if (!bytes_eq_nocase(word, BYTES("v")) && !bytes_eq_nocase(word, BYTES("ver")) &&
	    !bytes_eq_nocase(word, BYTES("version")))
		return t;
	while (i < t.len && (t.ptr[i] == '.' || t.ptr[i] == ' '))
		i++;
	return i < t.len && version_is_digit(t.ptr[i]) ? bytes_from(t, i) : t;
}

/* The next run of digits or letters; empty at the end. */
static struct bytes
next_run(struct bytes *t)
{
	while (t->len > 0 && !version_is_digit(t->ptr[0]) && !version_is_letter(t->ptr[0]))
		*t = bytes_from(*t, 1);
	return version_take(t,
	    t->len > 0 && version_is_digit(t->ptr[0]) ? version_digits(*t) : version_letters(*t));
}

static enum fault
check_generic(struct bytes t)
{
	struct bytes run, rest = without_v(t);
	bool digits = false, slash = false;

	for (size_t i = 0; i < rest.len; i++) {
		uint8_t c = rest.ptr[i];

		slash |= c == '/';
		digits |= version_is_digit(c);
		if (c == '*' || c == '?')
			return FAULT_version_wildcard;
		if (!version_is_digit(c) && !version_is_letter(c) && strchr("._-+~:/", c) == NULL)
			return FAULT_version_words;
		if (c == 0)
			return FAULT_version_words;
	}
	while ((run = next_run(&rest)).len > 0)
		if (bytes_eq_nocase(run, BYTES("x")) || bytes_eq_nocase(run, BYTES("xx")))
			return FAULT_version_wildcard;
	if (slash)
		return FAULT_version_date;
	return digits ? FAULT_none : FAULT_version_letters;
}

/* 2023, 202301, 20230131. */
static bool
is_year(struct bytes run)
{
	unsigned year = 0;

	if (run.len != 4 && run.len != 6 && run.len != 8)
		return false;
	for (size_t i = 0; i < 4; i++)
		year = year * 10 + (unsigned)(run.ptr[i] - '0');
	return year >= YEAR_MIN && year <= YEAR_MAX;
}

static enum fault
same_shape(struct bytes a, struct bytes b)
{
	bool words_a = false, words_b = false, first = true;

	while (a.len > 0 || b.len > 0) {
		struct bytes x = next_run(&a), y = next_run(&b);
		bool nx = x.len > 0 && version_is_digit(x.ptr[0]),
		     ny = y.len > 0 && version_is_digit(y.ptr[0]);

		if (first && (nx != ny || (!nx && !bytes_eq_nocase(x, y))))
			return FAULT_version_prefixes;
		if (first && nx && is_year(x) != is_year(y))
			return FAULT_version_years;
		words_a |= is_build_word(x);
		words_b |= is_build_word(y);
		first = false;
	}
	return words_a != words_b ? FAULT_version_builds : FAULT_none;
}

static enum fault
compare_generic(struct bytes a, struct bytes b, int *order)
{
	enum fault f;

	a = without_v(a);
	b = without_v(b);
	if ((f = same_shape(a, b)) != FAULT_none)
		return f;
	while (*order == 0 && (a.len > 0 || b.len > 0)) {
		struct bytes x = next_run(&a), y = next_run(&b);
		bool nx = x.len > 0 && version_is_digit(x.ptr[0]),
		     ny = y.len > 0 && version_is_digit(y.ptr[0]);

		*order = x.len == 0 || y.len == 0 ? (x.len > 0) - (y.len > 0)
			 : nx != ny               ? (nx ? 1 : -1)
			 : nx                     ? version_numbers(x, y)
						  : version_text_nocase(x, y);
	}
	return FAULT_none;
}

const struct version_order version_order_generic = {check_generic, compare_generic};

/* --- intdot: numbers and dots --- */

static enum fault
check_intdot(struct bytes t)
{
	bool empty = true;

	for (size_t i = 0; i < t.len; i++) {
		if (!version_is_digit(t.ptr[i]) && (t.ptr[i] != '.' || empty))
			return FAULT_version_invalid;
		empty = t.ptr[i] == '.';
	}
	return empty ? FAULT_version_invalid : FAULT_none;
}

static enum fault
compare_intdot(struct bytes a, struct bytes b, int *order)
{
	while (*order == 0 && (a.len > 0 || b.len > 0))
		*order = version_numbers(bytes_split(a, '.', &a), bytes_split(b, '.', &b));
	return FAULT_none;
}

const struct version_order version_order_intdot = {check_intdot, compare_intdot};

/* --- lexicographic: by code point, which is the order of UTF-8's bytes --- */

static enum fault
check_lexicographic(struct bytes t)
{
	return utf8_valid(t) ? FAULT_none : FAULT_encoding;
}

static enum fault
compare_lexicographic(struct bytes a, struct bytes b, int *order)
{
	*order = version_sign(bytes_cmp(a, b));
	return FAULT_none;
}

const struct version_order version_order_lexicographic = {
    check_lexicographic, compare_lexicographic};

/* --- datetime: RFC 3339 --- */

struct instant {
	int64_t seconds; /* from 0000-03-01, in UTC */
	struct bytes fraction;
};

/* n digits at place *i, and over them; -1 where there are not. */
static int
number_at(struct bytes t, size_t *i, size_t n)
{
	struct bytes d = bytes_sub(t, *i, n);
	int v = 0;

	if (d.len != n || version_digits(d) != n)
		return -1;
	for (size_t k = 0; k < n; k++)
		v = v * 10 + (d.ptr[k] - '0');
	*i += n;
	return v;
}

static bool
byte_at(struct bytes t, size_t *i, uint8_t c)
{
	return *i < t.len && t.ptr[(*i)++] == c;
}

static int64_t
days_of(int y, int m, int d)
{
	int64_t year = m < 3 ? y - 1 : y, month = m < 3 ? m + 9 : m - 3;

	return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + d - 1;
}

static bool
date_holds(int y, int m, int d)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

	return y >= 0 && m >= 1 && m <= 12 && d >= 1 && d <= days[m - 1] + (m == 2 && leap);
}

static bool
split_datetime(struct bytes t, struct instant *w)
{
	int y, mo, d, h, mi, s, oh = 0, om = 0, sign = 1;
	size_t i = 0;

	*w = (struct instant){0};
	if ((y = number_at(t, &i, 4)) == -1 || !byte_at(t, &i, '-') ||
	    (mo = number_at(t, &i, 2)) == -1 || !byte_at(t, &i, '-') ||
	    (d = number_at(t, &i, 2)) == -1 || !byte_at(t, &i, 'T') ||
	    (h = number_at(t, &i, 2)) == -1 || !byte_at(t, &i, ':') ||
	    (mi = number_at(t, &i, 2)) == -1 || !byte_at(t, &i, ':') ||
	    (s = number_at(t, &i, 2)) == -1)
		return false;
	if (i < t.len && t.ptr[i] == '.') {
		size_t n = version_digits(bytes_from(t, ++i));

		if (n == 0)
			return false;
		w->fraction = bytes_sub(t, i, n);
		i += n;
	}
	while (w->fraction.len > 0 && w->fraction.ptr[w->fraction.len - 1] == '0')
		w->fraction.len--;
	if (i < t.len && (t.ptr[i] == '+' || t.ptr[i] == '-')) {
		sign = t.ptr[i++] == '-' ? -1 : 1;
		if ((oh = number_at(t, &i, 2)) == -1 || !byte_at(t, &i, ':') ||
		    (om = number_at(t, &i, 2)) == -1)
			return false;
	} else if (!byte_at(t, &i, 'Z')) {
		return false;
	}
	if (i != t.len || !date_holds(y, mo, d) || h > 23 || mi > 59 || s > 60 || oh > 23 ||
	    om > 59)
		return false;
	w->seconds = ((days_of(y, mo, d) * 24 + h - sign * oh) * 60 + mi - sign * om) * 60 + s;
	return true;
}

static enum fault
check_datetime(struct bytes t)
{
	struct instant w;

	return split_datetime(t, &w) ? FAULT_none : FAULT_version_invalid;
}

static enum fault
compare_datetime(struct bytes a, struct bytes b, int *order)
{
	struct instant x, y;

	(void)split_datetime(a, &x);
	(void)split_datetime(b, &y);
	*order = x.seconds != y.seconds ? (x.seconds > y.seconds ? 1 : -1)
					: version_sign(bytes_cmp(x.fraction, y.fraction));
	return FAULT_none;
}

const struct version_order version_order_datetime = {check_datetime, compare_datetime};
