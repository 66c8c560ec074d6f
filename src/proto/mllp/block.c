/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no state: the head of a message, and writing. */
#include "base/attr.h"
#include "proto/mllp/mllp.h"

enum { VT = 0x0b, FS = 0x1c, CR = 0x0d, ACK = 0x06, NAK = 0x15 };

enum { HLLP_COUNT_MAX = 100000 };

bool
mllp_delimiter(uint8_t c)
{
	return c > 0x20 && c < 0x7f && !(c >= '0' && c <= '9') &&
	       !((c | 32) >= 'a' && (c | 32) <= 'z');
}

enum mllp_head
mllp_head(struct bytes head, size_t *skip)
{
	static const uint8_t bom[3] = {0xef, 0xbb, 0xbf};
	static const char names[3][3] = {{'M', 'S', 'H'}, {'F', 'H', 'S'}, {'B', 'H', 'S'}};
	size_t n = 0;

	*skip = 0;
	while (n < 3 && n < head.len && head.ptr[n] == bom[n])
		n++;
	if (n == head.len)
		return MLLP_HEAD_PART;
	if (n == 3) {
		*skip = 3;
		head = bytes_from(head, 3);
	} else if (n > 0) {
		return MLLP_HEAD_NO;
	}
	n = head.len < 3 ? head.len : 3;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (memcmp(head.ptr, names[i], n) != 0)
			continue;
		if (head.len < 4)
			return MLLP_HEAD_PART;
		return mllp_delimiter(head.ptr[3]) ? MLLP_HEAD_YES : MLLP_HEAD_NO;
	}
	return MLLP_HEAD_NO;
}

void
mllp_write(struct buf *out, struct bytes data)
{
	buf_byte(out, VT);
	buf_add(out, data);
	buf_byte(out, FS);
	buf_byte(out, CR);
}

void
mllp_write_commit(struct buf *out, bool stored)
{
	buf_byte(out, VT);
	buf_byte(out, stored ? ACK : NAK);
	buf_byte(out, FS);
	buf_byte(out, CR);
}

void
hllp_write(struct buf *out, struct bytes data)
{
	size_t from = out->len;
	unsigned x = 0;

	buf_text(out, "\013D23\r");
	buf_add(out, data);
	for (size_t i = from; i < out->len; i++)
		x ^= out->ptr[i];
	buf_printf(out, "%05u%03u\034\r", (unsigned)(data.len + 5) % HLLP_COUNT_MAX, x);
}
