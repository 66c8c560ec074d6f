/* SPDX-License-Identifier: Apache-2.0 */
/* Two kinds of time that never mix, and their text. No function here reads a clock. */
#pragma once

#include "base/bytes.h"

struct wall {
	int64_t ns; /* since 1970-01-01T00:00:00Z */
};

struct mono {
	int64_t ns; /* since an unknown start; only differences mean anything */
};

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

enum { WALL_TEXT_MAX = 32 };

/* RFC 3339 in UTC, "2026-02-03T04:05:06.789012345Z"; the fraction is cut to 3, 6 or 9 digits
 * without loss and left out where it is zero. Terminated. Returns the length. */
size_t wall_format(struct wall t, char out[WALL_TEXT_MAX]);

/* RFC 3339 with Z or an offset, fraction of up to 9 digits. False leaves *t alone. */
bool wall_parse(struct bytes text, struct wall *t);

/* Days since 1970-01-01 of a proleptic Gregorian date; month 1-12, day 1-31, not checked. */
int64_t days_from_civil(int64_t year, unsigned month, unsigned day);
