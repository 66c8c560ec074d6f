/* SPDX-License-Identifier: Apache-2.0 */
/* A reader over a view with a sticky error, for layouts of fixed fields.
 * Reads past the end give 0 or an empty view and set `short_`; test it once at the end of a
 * layout. No read ever touches a byte outside the view. */
#pragma once

#include "base/bytes.h"

struct cursor {
	struct bytes in;
	size_t at;   /* always <= in.len */
	bool short_; /* a read asked for more than there was */
};

static inline struct cursor
cursor_of(struct bytes in)
{
	return (struct cursor){in, 0, false};
}

static inline size_t
cursor_left(const struct cursor *c)
{
	return c->in.len - c->at;
}

/* The next n bytes, and step over them; empty where fewer are left. */
static inline struct bytes
cursor_take(struct cursor *c, size_t n)
{
	struct bytes b;

	if (cursor_left(c) < n) {
		c->short_ = true;
		c->at = c->in.len;
		return (struct bytes){NULL, 0};
	}
	b = bytes_sub(c->in, c->at, n);
	c->at += n;
	return b;
}

static inline uint64_t
cursor_be(struct cursor *c, size_t n)
{
	struct bytes b = cursor_take(c, n);
	uint64_t v = 0;

	for (size_t i = 0; i < b.len; i++)
		v = v << 8 | b.ptr[i];
	return v;
}

static inline uint64_t
cursor_le(struct cursor *c, size_t n)
{
	struct bytes b = cursor_take(c, n);
	uint64_t v = 0;

	for (size_t i = b.len; i > 0; i--)
		v = v << 8 | b.ptr[i - 1];
	return v;
}

static inline uint8_t
cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_be(c, 1);
}

static inline uint16_t
cursor_be16(struct cursor *c)
{
	return (uint16_t)cursor_be(c, 2);
}

static inline uint32_t
cursor_be32(struct cursor *c)
{
	return (uint32_t)cursor_be(c, 4);
}

static inline uint16_t
cursor_le16(struct cursor *c)
{
	return (uint16_t)cursor_le(c, 2);
}

static inline uint32_t
cursor_le32(struct cursor *c)
{
	return (uint32_t)cursor_le(c, 4);
}

static inline struct bytes
cursor_rest(struct cursor *c)
{
	return cursor_take(c, cursor_left(c));
}

/* Plain loads for places that were held against the length already. */
static inline uint16_t
load_be16(const uint8_t *p)
{
	return (uint16_t)((uint16_t)p[0] << 8 | p[1]);
}

static inline uint32_t
load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint16_t
load_le16(const uint8_t *p)
{
	return (uint16_t)((uint16_t)p[1] << 8 | p[0]);
}

static inline uint32_t
load_le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}
