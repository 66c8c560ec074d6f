/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static int
digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

size_t
base64_decode(struct bytes text, uint8_t *out, size_t room)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < text.len && n < room; i++) {
		int d = digit(text.ptr[i]);

		if (text.ptr[i] == '\r' || text.ptr[i] == '\n' || text.ptr[i] == ' ')
			continue;
		if (d < 0)
			break;
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	return n;
}

void
base64_encode(struct bytes data, struct buf *out)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < data.len; i += 3) {
		size_t left = data.len - i;
		uint32_t v = (uint32_t)data.ptr[i] << 16 |
			     (left > 1 ? (uint32_t)data.ptr[i + 1] << 8 : 0) |
			     (left > 2 ? (uint32_t)data.ptr[i + 2] : 0);
		uint8_t group[4] = {(uint8_t)alphabet[v >> 18], (uint8_t)alphabet[v >> 12 & 63],
		    left > 1 ? (uint8_t)alphabet[v >> 6 & 63] : (uint8_t)'=',
		    left > 2 ? (uint8_t)alphabet[v & 63] : (uint8_t)'='};

		buf_add(out, bytes_of(group, sizeof(group)));
	}
}

bool
base64_decode_strict(struct bytes text, uint8_t *out, size_t room, size_t *n)
{
	size_t pad = 0, len;
	uint32_t bits = 0;

	*n = 0;
	if (text.len % 4 != 0)
		return false;
	while (pad < 2 && pad < text.len && text.ptr[text.len - 1 - pad] == '=')
		pad++;
	len = text.len / 4 * 3 - pad;
	if (len > room)
		return false;
	for (size_t i = 0; i < text.len - pad; i++) {
		int d = digit(text.ptr[i]);

		if (d < 0 || text.ptr[i] == '-' || text.ptr[i] == '_')
			return false;
		bits = bits << 6 | (uint32_t)d;
		switch (i % 4) {
		case 1:
			out[i / 4 * 3] = (uint8_t)(bits >> 4);
			break;
		case 2:
			out[i / 4 * 3 + 1] = (uint8_t)(bits >> 2);
			break;
		case 3:
			out[i / 4 * 3 + 2] = (uint8_t)bits;
			break;
		default:
			break;
		}
	}
	if ((pad == 2 && (bits & 15) != 0) || (pad == 1 && (bits & 3) != 0))
		return false;
	*n = len;
	return true;
}
