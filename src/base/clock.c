/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>

/* The usual shift of the year to March, so that leap days fall at its end. */
int64_t
days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

static void
civil_from_days(int64_t z, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t era, doe, yoe, doy, mp;

	z += 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	*month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

size_t
wall_format(struct wall t, char out[WALL_TEXT_MAX])
{
	int64_t s = t.ns / NS_PER_S, frac = t.ns % NS_PER_S, days, rest, year;
	unsigned month, day;
	int n;

	if (frac < 0) {
		frac += NS_PER_S;
		s--;
	}
	days = s / 86400;
	rest = s % 86400;
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	civil_from_days(days, &year, &month, &day);
	n = snprintf(out, WALL_TEXT_MAX, "%04d-%02u-%02uT%02d:%02d:%02d", (int)year, month, day,
	    (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
	if (frac % 1000 != 0)
		n += snprintf(out + n, WALL_TEXT_MAX - (size_t)n, ".%09dZ", (int)frac);
	else if (frac % 1000000 != 0)
		n += snprintf(out + n, WALL_TEXT_MAX - (size_t)n, ".%06dZ", (int)(frac / 1000));
	else if (frac != 0)
		n += snprintf(out + n, WALL_TEXT_MAX - (size_t)n, ".%03dZ", (int)(frac / 1000000));
	else
		n += snprintf(out + n, WALL_TEXT_MAX - (size_t)n, "Z");
	return (size_t)n;
}

/* Two to four digits at a fixed place; -1 where there is something else. */
static int
digits(struct bytes t, size_t at, size_t n)
{
	uint64_t v;

	if (t.len < n || at > t.len - n || !bytes_to_u64(bytes_sub(t, at, n), &v))
		return -1;
	return (int)v;
}

bool
wall_parse(struct bytes text, struct wall *t)
{
	static const char shape[] = "0000-00-00T00:00:00";
	int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
	int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
	int64_t frac = 0, scale = NS_PER_S, offset = 0, seconds;
	size_t i;

	if (text.len < sizeof(shape))
		return false;
	for (i = 0; i + 1 < sizeof(shape); i++) {
		if (shape[i] != '0' && text.ptr[i] != (uint8_t)shape[i] &&
		    !(shape[i] == 'T' && (text.ptr[i] == 't' || text.ptr[i] == ' ')))
			return false;
	}
	if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
	    minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	if (text.ptr[i] == '.') {
		size_t from = ++i;

		for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9' && i - from < 9;
		     i++) {
			scale /= 10;
			frac += scale * (text.ptr[i] - '0');
		}
		if (i == from)
			return false;
	}
	if (i + 1 == text.len && (text.ptr[i] == 'Z' || text.ptr[i] == 'z')) {
		offset = 0;
	} else if (text.len - i == 6 && (text.ptr[i] == '+' || text.ptr[i] == '-') &&
		   text.ptr[i + 3] == ':') {
		int oh = digits(text, i + 1, 2), om = digits(text, i + 4, 2);

		if (oh < 0 || oh > 23 || om < 0 || om > 59)
			return false;
		offset = (text.ptr[i] == '-' ? -1 : 1) * (oh * 3600 + om * 60);
	} else {
		return false;
	}
	seconds = days_from_civil(year, (unsigned)month, (unsigned)day) * 86400 + hour * 3600 +
		  minute * 60 + second - offset;
	if (seconds >= INT64_MAX / NS_PER_S || seconds <= INT64_MIN / NS_PER_S)
		return false;
	t->ns = seconds * NS_PER_S + frac;
	return true;
}
