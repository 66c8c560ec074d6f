/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded memory: rows by a 64-bit key; where a set of eight is full, the row used longest ago
 * gives way. Fixed size, no allocation after table_new(), the same calls give the same rows.
 * Keys: well spread (mix64, sip64 or a keyed hash); 0 is not allowed.
 * Rows: plain numbers without pointers; table_pack() writes them as they lie in memory. */
#pragma once

#include "base/budget.h"
#include "base/pack.h"

enum { TABLE_WAYS = 8 };

struct table {
	uint64_t *keys; /* sets x TABLE_WAYS; 0 = free */
	uint32_t *used; /* tick of last use */
	uint8_t *rows;
	size_t sets; /* a power of two */
	size_t row_bytes;
	uint32_t tick;
	uint64_t dropped; /* rows that gave way */
};

/* At least `rows` rows. False: no memory. */
bool table_new(struct table *t, struct budget *b, size_t rows, size_t row_bytes) MUST_CHECK;
void table_free(struct table *t, struct budget *b);
/* NULL: not there. */
void *table_find(struct table *t, uint64_t key);
/* The row of key, made (zeroed, *fresh = true) where it is not there. */
void *table_row(struct table *t, uint64_t key, bool *fresh);
void table_drop(struct table *t, uint64_t key);
void table_pack(const struct table *t, struct buf *out);
/* A table of other sizes is skipped. What does not hold together sets c->short_. */
void table_unpack(struct table *t, struct cursor *c);

static inline void
table_prefetch(const struct table *t, uint64_t key)
{
	size_t at = (key & (t->sets - 1)) * TABLE_WAYS;

	__builtin_prefetch(&t->keys[at]);
	__builtin_prefetch(&t->rows[at * t->row_bytes]);
}
