/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST_BYTES = 256 };

bool
buf_grow(struct buf *b, size_t more)
{
	size_t cap = b->cap == 0 ? SIZE_MAX / 2 : b->cap;
	size_t room = b->room;
	void *p;

	if (b->cut || b->len > cap || more > cap - b->len) {
		b->cut = true;
		return false;
	}
	while (room - b->len < more)
		room = room < BUF_FIRST_BYTES ? BUF_FIRST_BYTES : room > cap / 2 ? cap : room * 2;
	p = b->budget != NULL ? budget_realloc(b->budget, b->ptr, b->room, room)
			      : realloc(b->ptr, room);
	if (p == NULL) {
		b->cut = true;
		return false;
	}
	b->ptr = p;
	b->room = room;
	return true;
}

void
buf_byte(struct buf *b, uint8_t c)
{
	if (b->cut || !buf_reserve(b, 1))
		return;
	b->ptr[b->len++] = c;
}

void
buf_text(struct buf *b, const char *s)
{
	buf_add(b, bytes_str(s));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || b->cut || !buf_reserve(b, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->ptr + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_hex(struct buf *b, struct bytes data)
{
	static const char digits[] = "0123456789abcdef";

	if (b->cut || !buf_reserve(b, data.len * 2))
		return;
	for (size_t i = 0; i < data.len; i++) {
		b->ptr[b->len++] = (uint8_t)digits[data.ptr[i] >> 4];
		b->ptr[b->len++] = (uint8_t)digits[data.ptr[i] & 15];
	}
}

void
buf_drop(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	memmove(b->ptr, b->ptr + n, b->len - n);
	b->len -= n;
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->cut = false;
}

void
buf_free(struct buf *b)
{
	if (b->budget != NULL)
		budget_free(b->budget, b->ptr, b->room);
	else
		free(b->ptr);
	b->ptr = NULL;
	b->len = b->room = 0;
	b->cut = false;
}

void
buf_pool_take(struct buf_pool *pool, struct buf *b)
{
	if (b->ptr != NULL || pool->n == 0 || pool->block[pool->n - 1].budget != b->budget)
		return;
	pool->n--;
	b->ptr = pool->block[pool->n].ptr;
	b->room = pool->block[pool->n].room;
	b->len = 0;
}

void
buf_pool_give(struct buf_pool *pool, struct buf *b)
{
	if (b->ptr == NULL || b->room > BUF_POOL_BYTES || pool->n == BUF_POOL_BLOCKS) {
		buf_free(b);
		return;
	}
	pool->block[pool->n].ptr = b->ptr;
	pool->block[pool->n].room = b->room;
	pool->block[pool->n].budget = b->budget;
	pool->n++;
	b->ptr = NULL;
	b->len = b->room = 0;
	b->cut = false;
}

void
buf_pool_free(struct buf_pool *pool)
{
	while (pool->n > 0) {
		struct buf b = {.budget = pool->block[pool->n - 1].budget};

		buf_pool_take(pool, &b);
		buf_free(&b);
	}
}
