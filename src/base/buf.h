/* SPDX-License-Identifier: Apache-2.0 */
/* A growable run of bytes with a cap, charged to a budget (or to none).
 * Total:  an append that would pass the cap or the budget appends nothing and sets `cut`, which
 *         stays set until buf_reset(). Test it once after a run of appends.
 * Memory: doubles, from 256 bytes; buf_free() gives all back; buf_reset() keeps the block. */
#pragma once

#include <stdarg.h>

#include "base/attr.h"
#include "base/budget.h"
#include "base/bytes.h"

struct buf {
	uint8_t *ptr;
	size_t len;
	size_t room; /* bytes allocated */
	size_t cap;  /* most bytes ever; 0 means no cap but memory */
	bool cut;
	struct budget *budget; /* NULL: not accounted */
};

/* buf_reserve() where the block must grow. */
bool buf_grow(struct buf *b, size_t more) MUST_CHECK;

/* At least `more` writable bytes at ptr + len; false where cap, budget or memory forbid. */
MUST_CHECK static inline bool
buf_reserve(struct buf *b, size_t more)
{
	return LIKELY(more <= b->room - b->len) || buf_grow(b, more);
}

static inline void
buf_add(struct buf *b, struct bytes data)
{
	if (data.len == 0 || b->cut || !buf_reserve(b, data.len))
		return;
	memcpy(b->ptr + b->len, data.ptr, data.len);
	b->len += data.len;
}

void buf_byte(struct buf *b, uint8_t c);
void buf_text(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_hex(struct buf *b, struct bytes data); /* lower case */
/* Drop the first n bytes (n <= len), moving the rest to the front. */
void buf_drop(struct buf *b, size_t n);
void buf_reset(struct buf *b);
void buf_free(struct buf *b);

/* Blocks that go round instead of back to malloc: work space of parsers that hold nothing while
 * they are idle. At most BUF_POOL_BLOCKS of at most BUF_POOL_BYTES are kept; they stay charged to
 * their budget until buf_pool_free(). All zero is an empty pool. */
enum { BUF_POOL_BLOCKS = 8, BUF_POOL_BYTES = 64 * 1024 };

struct buf_pool {
	unsigned n;
	struct {
		uint8_t *ptr;
		size_t room;
		struct budget *budget;
	} block[BUF_POOL_BLOCKS];
};

/* A block for b, which must have none, where the pool has one of b's budget; else nothing. */
void buf_pool_take(struct buf_pool *pool, struct buf *b);
/* Take b's block back (or free it); b is left empty. */
void buf_pool_give(struct buf_pool *pool, struct buf *b);
void buf_pool_free(struct buf_pool *pool);

static inline struct bytes
buf_bytes(const struct buf *b)
{
	return (struct bytes){b->ptr, b->len};
}
