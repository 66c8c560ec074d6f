/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, at most U+10FFFF. */
#pragma once

#include "base/bytes.h"

/* Bytes of the first character; 0 where the view does not start with one. */
static inline size_t
utf8_length(struct bytes t)
{
	uint8_t a, b;

	if (t.len == 0)
		return 0;
	a = t.ptr[0];
	if (a < 0x80)
		return 1;
	if (a < 0xc2 || a > 0xf4 || t.len < 2)
		return 0;
	b = t.ptr[1];
	if ((b & 0xc0) != 0x80)
		return 0;
	if (a < 0xe0)
		return 2;
	if (t.len < 3 || (t.ptr[2] & 0xc0) != 0x80)
		return 0;
	if (a < 0xf0)
		return (a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) ? 0 : 3;
	if (t.len < 4 || (t.ptr[3] & 0xc0) != 0x80)
		return 0;
	return (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f) ? 0 : 4;
}

static inline bool
utf8_valid(struct bytes t)
{
	while (t.len > 0) {
		size_t n = utf8_length(t);

		if (n == 0)
			return false;
		t = bytes_from(t, n);
	}
	return true;
}
