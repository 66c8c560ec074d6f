/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/udi.h"

#include <stdio.h>

enum { GROUP_SEPARATOR = 0x1d };

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
all_digits(struct bytes t)
{
	for (size_t i = 0; i < t.len; i++)
		if (!is_digit(t.ptr[i]))
			return false;
	return true;
}

/* Of at most nine digits. */
static int
number(struct bytes t)
{
	int v = 0;

	for (size_t i = 0; i < t.len; i++)
		v = v * 10 + (t.ptr[i] - '0');
	return v;
}

/* --- dates --- */

static int
days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static int
year_of(int two_digits, int year_now)
{
	int year = year_now / 100 * 100 + two_digits;

	if (year - year_now > 50)
		return year - 100;
	return year_now - year > 49 ? year + 100 : year;
}

/* Day 0 is the last of the month, where zero allows it. */
static bool
set_date(struct udi_date *d, int year, int month, int day, bool zero)
{
	if (year < 1 || month < 1 || month > 12)
		return false;
	if (day == 0 && zero)
		day = days_in(year, month);
	if (day < 1 || day > days_in(year, month))
		return false;
	*d = (struct udi_date){year, month, day};
	return true;
}

/* The n-th day of a year. */
static bool
set_day(struct udi_date *d, int year, int n)
{
	int month = 1;

	if (n < 1)
		return false;
	for (; month <= 12 && n > days_in(year, month); month++)
		n -= days_in(year, month);
	return month <= 12 && set_date(d, year, month, n, false);
}

size_t
udi_date_text(struct udi_date d, char out[UDI_DATE_TEXT_MAX])
{
	out[0] = 0;
	if (d.year < 1 || d.year > 9999)
		return 0;
	return (size_t)snprintf(out, UDI_DATE_TEXT_MAX, "%04u-%02u-%02u", (unsigned)d.year % 10000,
	    (unsigned)d.month % 100, (unsigned)d.day % 100);
}

/* --- check digits --- */

uint8_t
udi_check_gs1(struct bytes digits)
{
	unsigned sum = 0;

	if (!all_digits(digits))
		return 0;
	for (size_t i = 0; i < digits.len; i++)
		sum += (unsigned)(digits.ptr[digits.len - 1 - i] - '0') * (i % 2 == 0 ? 3 : 1);
	return (uint8_t)('0' + (10 - sum % 10) % 10);
}

static const char hibcc_alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%";

uint8_t
udi_check_hibcc(struct bytes text)
{
	size_t sum = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char *p = text.ptr[i] == 0 ? NULL : strchr(hibcc_alphabet, text.ptr[i]);

		if (p == NULL)
			return 0;
		sum += (size_t)(p - hibcc_alphabet);
	}
	return (uint8_t)hibcc_alphabet[sum % 43];
}

/* --- GS1 --- */

enum ai_kind { CHECKED, TEXT, DATE, DATETIME, DIGITS };

struct ai {
	struct bytes id; /* n: any digit */
	size_t min, max;
	enum ai_kind kind;
};

static const struct ai identifiers[] = {
#define AI(id, min, max, kind) {BYTES_INIT(id), min, max, kind},
#include "intel/udi_identifiers.def"
};

/* The identifier at the start of t; NULL where there is none. */
static const struct ai *
ai_at(struct bytes t)
{
	for (size_t i = 0; i < ARRAY_LEN(identifiers); i++) {
		const struct ai *a = &identifiers[i];
		size_t k = 0;

		if (t.len < a->id.len)
			continue;
		while (k < a->id.len &&
		       (a->id.ptr[k] == 'n' ? is_digit(t.ptr[k]) : a->id.ptr[k] == t.ptr[k]))
			k++;
		if (k == a->id.len)
			return a;
	}
	return NULL;
}

/* Character set 82 of GS1. */
static bool
is_gs1_text(uint8_t c)
{
	return c > ' ' && c < 0x7f && c != '#' && c != '$' && c != '@' && c != '[' && c != '\\' &&
	       c != ']' && c != '^' && c != '`' && (c < '{' || c > '~');
}

struct gs1 {
	struct udi *out;
	int year_now;
	uint64_t seen;  /* bit i: identifiers[i] */
	bool separated; /* an FNC1 stands somewhere */
};

_Static_assert(ARRAY_LEN(identifiers) <= 64, "a bit each in struct gs1");

static enum fault
gs1_date(struct gs1 *g, const struct ai *a, struct bytes v)
{
	struct udi_date d;

	if (!set_date(&d, year_of(number(bytes_sub(v, 0, 2)), g->year_now),
		number(bytes_sub(v, 2, 2)), number(bytes_sub(v, 4, 2)), a->kind == DATE))
		return FAULT_date;
	if (a->kind == DATETIME &&
	    (number(bytes_sub(v, 6, 2)) > 23 || number(bytes_sub(v, 8, 2)) > 59))
		return FAULT_date;
	if (bytes_eq(a->id, BYTES("11")))
		g->out->made = d;
	else if (bytes_eq(a->id, BYTES("17")) || a->kind == DATETIME)
		g->out->expiry = d;
	return FAULT_none;
}

/* Whether a value that ran to the end might hold the identifier of another. */
static bool
could_go_on(struct bytes v)
{
	for (size_t i = 1; i + 2 < v.len; i++) {
		struct bytes rest = bytes_from(v, i);
		const struct ai *a = ai_at(rest);

		if (a == NULL)
			continue;
		rest = bytes_from(rest, a->id.len);
		if (bytes_eq(a->id, BYTES("10")) || bytes_eq(a->id, BYTES("21")))
			return true;
		if (a->kind == DATE && rest.len >= 6 && all_digits(bytes_sub(rest, 0, 6)) &&
		    number(bytes_sub(rest, 2, 2)) >= 1 && number(bytes_sub(rest, 2, 2)) <= 12)
			return true;
	}
	return false;
}

/* value: of identifier a, its first byte at offset *at. */
static enum fault
gs1_value(struct gs1 *g, const struct ai *a, struct bytes value, size_t *at)
{
	uint64_t bit = (uint64_t)1 << (a - identifiers);

	if ((g->seen & bit) != 0)
		return FAULT_ai_twice;
	g->seen |= bit;
	if (value.len < a->min || value.len > a->max)
		return FAULT_ai_length;
	for (size_t i = 0; i < value.len; i++) {
		if (a->kind == TEXT ? !is_gs1_text(value.ptr[i]) : !is_digit(value.ptr[i])) {
			*at += i;
			return FAULT_ai_character;
		}
	}
	if (a->kind == CHECKED &&
	    udi_check_gs1(bytes_sub(value, 0, value.len - 1)) != value.ptr[value.len - 1]) {
		*at += value.len - 1;
		return FAULT_check_digit;
	}
	if (a->kind == DATE || a->kind == DATETIME)
		return gs1_date(g, a, value);
	if (bytes_eq(a->id, BYTES("01"))) {
		g->out->di = value;
		g->out->checked = true;
	} else if (bytes_eq(a->id, BYTES("10"))) {
		g->out->lot = value;
	} else if (bytes_eq(a->id, BYTES("21"))) {
		g->out->serial = value;
	} else if (bytes_eq(a->id, BYTES("8012"))) {
		g->out->version = value;
	}
	return FAULT_none;
}

/* "(01)...(17)...": a value goes up to the next bracket. */
static enum fault
gs1_brackets(struct gs1 *g, struct bytes text, size_t *at)
{
	for (size_t i = *at; i < text.len;) {
		struct bytes rest = bytes_from(text, i), value;
		size_t close = bytes_find(rest, ')');
		const struct ai *a;
		enum fault f;

		*at = i;
		if (rest.ptr[0] != '(' || close == rest.len || close < 3 || close > 5 ||
		    !all_digits(bytes_sub(rest, 1, close - 1)))
			return FAULT_bracket;
		a = ai_at(bytes_sub(rest, 1, close - 1));
		if (a == NULL || a->id.len != close - 1)
			return FAULT_ai_unknown;
		value = bytes_from(rest, close + 1);
		value = bytes_sub(value, 0, bytes_find(value, '('));
		*at = i + close + 1;
		if ((f = gs1_value(g, a, value, at)) != FAULT_none)
			return f;
		i += close + 1 + value.len;
	}
	return FAULT_none;
}

static enum fault
gs1_plain(struct gs1 *g, struct bytes text, size_t *at)
{
	for (size_t i = *at; i < text.len;) {
		const struct ai *a = ai_at(bytes_from(text, i));
		struct bytes value;
		enum fault f;

		*at = i;
		if (text.ptr[i] == GROUP_SEPARATOR) {
			g->separated = true;
			i++;
			continue;
		}
		if (a == NULL)
			return FAULT_ai_unknown;
		i += a->id.len;
		value = bytes_from(text, i);
		value = bytes_sub(value, 0, bytes_find(value, GROUP_SEPARATOR));
		if (a->min == a->max)
			value = bytes_sub(value, 0, a->max);
		*at = i;
		if ((f = gs1_value(g, a, value, at)) != FAULT_none)
			return f;
		i += value.len;
		if (i == text.len && !g->separated && a->min != a->max)
			g->out->doubtful = could_go_on(value);
	}
	return FAULT_none;
}

static enum fault
parse_gs1(struct bytes text, int year_now, struct udi *out, size_t *at)
{
	static const struct bytes symbologies[] = {BYTES_INIT("]C1"), BYTES_INIT("]d2"),
	    BYTES_INIT("]Q3"), BYTES_INIT("]e0"), BYTES_INIT("]J1")};
	struct gs1 g = {.out = out, .year_now = year_now};
	enum fault f;

	out->issuer = UDI_GS1;
	if (text.ptr[0] == ']') {
		size_t i = 0;

		while (i < ARRAY_LEN(symbologies) && !bytes_starts(text, symbologies[i]))
			i++;
		if (i == ARRAY_LEN(symbologies))
			return FAULT_symbology;
		*at = 3;
	}
	f = *at < text.len && text.ptr[*at] == '(' ? gs1_brackets(&g, text, at)
						   : gs1_plain(&g, text, at);
	if (f != FAULT_none)
		return f;
	return out->di.len == 0 ? FAULT_di_missing : FAULT_none;
}

/* --- HIBCC --- */

static bool
is_hibcc_plain(struct bytes t)
{
	for (size_t i = 0; i < t.len; i++)
		if (!is_digit(t.ptr[i]) && (t.ptr[i] < 'A' || t.ptr[i] > 'Z'))
			return false;
	return true;
}

static struct bytes
take(struct bytes *t, size_t n)
{
	struct bytes head = bytes_sub(*t, 0, n);

	*t = bytes_from(*t, n);
	return head;
}

/* Digits of a date after its flag; false where they are not there or no date. */
static bool
hibcc_date(struct bytes *t, uint8_t flag, int year_now, struct udi_date *d)
{
	static const struct {
		uint8_t flag, digits;
	} forms[] = {{'1', 4}, {'2', 6}, {'3', 6}, {'4', 8}, {'5', 5}, {'6', 7}};
	struct bytes v = {0};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (forms[i].flag == flag)
			n = forms[i].digits;
	v = take(t, n);
	if (n == 0 || v.len != n || !all_digits(v))
		return false;
	switch (flag) {
	case '1': /* MMYY */
		return set_date(d, year_of(number(bytes_sub(v, 2, 2)), year_now),
		    number(bytes_sub(v, 0, 2)), 0, true);
	case '2': /* MMDDYY */
		return set_date(d, year_of(number(bytes_sub(v, 4, 2)), year_now),
		    number(bytes_sub(v, 0, 2)), number(bytes_sub(v, 2, 2)), false);
	case '3':
	case '4': /* YYMMDD, YYMMDDHH */
		return number(bytes_from(v, 6)) <= 23 &&
		       set_date(d, year_of(number(bytes_sub(v, 0, 2)), year_now),
			   number(bytes_sub(v, 2, 2)), number(bytes_sub(v, 4, 2)), false);
	default: /* YYJJJ, YYJJJHH */
		return number(bytes_from(v, 5)) <= 23 &&
		       set_day(d, year_of(number(bytes_sub(v, 0, 2)), year_now),
			   number(bytes_sub(v, 2, 3)));
	}
}

/* Behind "$$": a quantity (8 and two digits, 9 and five), a date, then the lot. */
static enum fault
hibcc_quantity_date_lot(struct bytes t, int year_now, struct udi *out, struct bytes *name)
{
	uint8_t c = t.len > 0 ? t.ptr[0] : 0;

	if (c == '8' || c == '9') {
		size_t n = c == '8' ? 2 : 5;

		(void)take(&t, 1);
		if (t.len < n || !all_digits(take(&t, n)))
			return FAULT_hibcc_data;
		if (t.len == 0)
			return FAULT_none;
		c = t.ptr[0];
	}
	if (c == '7') {
		(void)take(&t, 1);
	} else if (c == '0' || c == '1') {
		if (!hibcc_date(&t, '1', year_now, &out->expiry))
			return FAULT_date;
	} else if (c >= '2' && c <= '6') {
		(void)take(&t, 1);
		if (!hibcc_date(&t, c, year_now, &out->expiry))
			return FAULT_date;
	} else {
		return FAULT_hibcc_data;
	}
	*name = t;
	return FAULT_none;
}

static enum fault
hibcc_secondary(struct bytes t, bool first, int year_now, struct udi *out)
{
	bool serial = false;
	struct bytes name = {0};
	enum fault f = FAULT_none;

	if (first && bytes_starts(t, BYTES("$"))) {
		bool two = bytes_starts(t, BYTES("$$"));

		t = bytes_from(t, two ? 2 : 1);
		if ((serial = bytes_starts(t, BYTES("+"))))
			t = bytes_from(t, 1);
		if (two)
			f = hibcc_quantity_date_lot(t, year_now, out, &name);
		else
			name = t;
		if (f != FAULT_none)
			return f;
		*(serial ? &out->serial : &out->lot) = name;
	} else if (bytes_starts(t, BYTES("S"))) {
		name = out->serial = bytes_from(t, 1);
	} else if (bytes_starts(t, BYTES("16D")) || bytes_starts(t, BYTES("14D"))) {
		struct bytes v = bytes_from(t, 3);

		if (v.len != 8 || !all_digits(v) ||
		    !set_date(t.ptr[1] == '6' ? &out->made : &out->expiry,
			number(bytes_sub(v, 0, 4)), number(bytes_sub(v, 4, 2)),
			number(bytes_sub(v, 6, 2)), false))
			return FAULT_date;
		return FAULT_none;
	} else if (bytes_starts(t, BYTES("Q"))) {
		return t.len > 1 && t.len <= 6 && all_digits(bytes_from(t, 1)) ? FAULT_none
									       : FAULT_hibcc_data;
	} else if (first && t.len >= 5 && all_digits(bytes_sub(t, 0, 5))) {
		/* YYJJJ and the lot, without a flag. */
		if (!hibcc_date(&t, '5', year_now, &out->expiry))
			return FAULT_date;
		name = out->lot = t;
	} else {
		return FAULT_hibcc_data;
	}
	return name.len > 20          ? FAULT_ai_length
	       : is_hibcc_plain(name) ? FAULT_none
				      : FAULT_ai_character;
}

static enum fault
parse_hibcc(struct bytes text, int year_now, struct udi *out, size_t *at)
{
	struct bytes body, primary;
	size_t n;

	out->issuer = UDI_HIBCC;
	if (text.len < 8)
		return FAULT_hibcc_primary;
	body = bytes_sub(text, 0, text.len - 1);
	primary = bytes_sub(body, 1, bytes_find(body, '/') - 1);
	n = primary.len;
	if (n < 6 || n > 23 || !is_hibcc_plain(primary) || is_digit(primary.ptr[0]) ||
	    !is_digit(primary.ptr[n - 1]))
		return FAULT_hibcc_primary;
	*at = text.len - 1;
	if (udi_check_hibcc(body) != text.ptr[*at] || text.ptr[*at] == 0)
		return FAULT_check_digit;
	out->checked = true;
	out->di = primary;
	*at = 1 + n;
	for (bool first = true; *at < body.len; first = false) {
		struct bytes part;
		enum fault f;

		++*at;
		part = bytes_sub(body, *at, bytes_find(bytes_from(body, *at), '/'));
		if ((f = hibcc_secondary(part, first, year_now, out)) != FAULT_none)
			return f;
		*at += part.len;
	}
	return FAULT_none;
}

/* --- ICCBBA --- */

/* cYYJJJ: 0 is 20YY, 9 is 19YY. */
static bool
iccbba_date(struct bytes v, struct udi_date *d)
{
	int century;

	if (!all_digits(v))
		return false;
	century = v.ptr[0] == '9' ? 1900 : 2000 + 100 * (v.ptr[0] - '0');
	return set_day(d, century + number(bytes_sub(v, 1, 2)), number(bytes_sub(v, 3, 3)));
}

static enum fault
parse_iccbba(struct bytes text, struct udi *out, size_t *at)
{
	/* Data identifiers and the length of what follows. "=" and a letter or digit is a donation
	 * number, whose first character is that letter or digit. */
	static const struct {
		struct bytes id;
		size_t len;
	} structures[] = {{BYTES_INIT("=/"), 16}, {BYTES_INIT("=)"), 10}, {BYTES_INIT("&)"), 10},
	    {BYTES_INIT("=,"), 6}, {BYTES_INIT("=>"), 6}, {BYTES_INIT("=}"), 6},
	    {BYTES_INIT("&,1"), 18}, {BYTES_INIT("="), 15}};

	out->issuer = UDI_ICCBBA;
	while (*at < text.len) {
		struct bytes rest = bytes_from(text, *at), v;
		size_t i = 0;

		while (i < ARRAY_LEN(structures) && !bytes_starts(rest, structures[i].id))
			i++;
		if (i == ARRAY_LEN(structures))
			return FAULT_iccbba_data;
		v = bytes_sub(rest, structures[i].id.len, structures[i].len);
		if (v.len != structures[i].len)
			return FAULT_ai_length;
		for (size_t k = 0; k < v.len; k++)
			if (!is_digit(v.ptr[k]) && (v.ptr[k] < 'A' || v.ptr[k] > 'Z') &&
			    (v.ptr[k] < 'a' || v.ptr[k] > 'z'))
				return i + 1 == ARRAY_LEN(structures) && k == 0
					   ? FAULT_iccbba_data
					   : FAULT_ai_character;
		switch (i) {
		case 0:
		case 1:
			if (out->di.len > 0)
				return FAULT_ai_twice;
			out->di = v;
			break;
		case 2:
		case 6:
			out->lot = v;
			break;
		case 3:
			out->serial = v;
			break;
		case 4:
		case 5:
			if (!iccbba_date(v, i == 4 ? &out->expiry : &out->made))
				return FAULT_date;
			break;
		default:
			break;
		}
		*at += structures[i].id.len + v.len;
	}
	return out->di.len == 0 ? FAULT_di_missing : FAULT_none;
}

static enum fault
parse(struct bytes text, int year_now, struct udi *out, size_t *at)
{
	uint8_t c;

	if (text.len == 0)
		return FAULT_empty;
	if (text.len > UDI_TEXT_MAX) {
		*at = UDI_TEXT_MAX;
		return FAULT_too_long;
	}
	c = text.ptr[0];
	if (c == '+')
		return parse_hibcc(text, year_now, out, at);
	if (c == '=' || c == '&')
		return parse_iccbba(text, out, at);
	if (c == ']' || c == '(' || c == GROUP_SEPARATOR || is_digit(c))
		return parse_gs1(text, year_now, out, at);
	return FAULT_udi_unknown;
}

enum fault
udi_parse(struct bytes text, int year_now, struct udi *out, size_t *at)
{
	enum fault f;

	*out = (struct udi){0};
	*at = 0;
	f = parse(text, year_now, out, at);
	if (f != FAULT_none)
		*out = (struct udi){0};
	else
		*at = 0;
	return f;
}

const char *
udi_issuer_name(enum udi_issuer issuer)
{
	static const char *const names[] = {"GS1", "HIBCC", "ICCBBA"};

	return names[issuer];
}
