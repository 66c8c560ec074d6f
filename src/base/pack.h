/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of our own state: numbers as LEB128 (7 bits a byte, lowest first), runs of bytes with
 * their length in front or raw. The reader is a cursor: what is cut, or a number over 64 bits,
 * reads as zero and sets `short_`, to be tested once at the end. */
#pragma once

#include "base/buf.h"
#include "base/cursor.h"

static inline void
pack_u64(struct buf *out, uint64_t v)
{
	uint8_t b[10];
	size_t n = 0;

	while (v >= 0x80) {
		b[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	b[n++] = (uint8_t)v;
	buf_add(out, bytes_of(b, n));
}

static inline uint64_t
unpack_u64(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = cursor_u8(c);

		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return c->short_ ? 0 : v;
	}
	c->short_ = true;
	return 0;
}

/* A number up to max; over it reads as zero and sets short_. */
static inline uint64_t
unpack_upto(struct cursor *c, uint64_t max)
{
	uint64_t v = unpack_u64(c);

	if (v > max) {
		c->short_ = true;
		return 0;
	}
	return v;
}

static inline void
pack_bytes(struct buf *out, struct bytes b)
{
	pack_u64(out, b.len);
	buf_add(out, b);
}

/* A run of at most max bytes; a view into the input. */
static inline struct bytes
unpack_bytes(struct cursor *c, size_t max)
{
	return cursor_take(c, (size_t)unpack_upto(c, max));
}

static inline void
pack_raw(struct buf *out, const void *p, size_t n)
{
	buf_add(out, bytes_of(p, n));
}

static inline void
unpack_raw(struct cursor *c, void *p, size_t n)
{
	struct bytes b = cursor_take(c, n);

	if (b.len == n)
		memcpy(p, b.ptr, n);
	else
		memset(p, 0, n);
}
