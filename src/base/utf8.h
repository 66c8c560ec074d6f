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

/* UTF-16LE to UTF-8, at most cap bytes, whole characters only, up to a NUL or the end. A lone
 * surrogate becomes '?'; an odd last byte is ignored. Returns the length. */
static inline size_t
utf8_from_utf16le(struct bytes in, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < in.len; i += 2) {
		uint32_t c = (uint32_t)in.ptr[i] | (uint32_t)in.ptr[i + 1] << 8;

		if (c == 0)
			break;
		if (c >= 0xd800 && c < 0xdc00 && i + 3 < in.len && (in.ptr[i + 3] & 0xfc) == 0xdc) {
			c = 0x10000 + ((c & 0x3ff) << 10) +
			    ((uint32_t)in.ptr[i + 2] | (uint32_t)(in.ptr[i + 3] & 3) << 8);
			i += 2;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = '?';
		}
		if (cap - n < (c < 0x80 ? 1u : c < 0x800 ? 2u : c < 0x10000 ? 3u : 4u))
			break;
		if (c < 0x80) {
			out[n++] = (uint8_t)c;
		} else if (c < 0x800) {
			out[n++] = (uint8_t)(0xc0 | c >> 6);
			out[n++] = (uint8_t)(0x80 | (c & 0x3f));
		} else if (c < 0x10000) {
			out[n++] = (uint8_t)(0xe0 | c >> 12);
			out[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
			out[n++] = (uint8_t)(0x80 | (c & 0x3f));
		} else {
			out[n++] = (uint8_t)(0xf0 | c >> 18);
			out[n++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
			out[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
			out[n++] = (uint8_t)(0x80 | (c & 0x3f));
		}
	}
	return n;
}
