/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/table.h"

#include <assert.h>

bool
table_new(struct table *t, struct budget *b, size_t rows, size_t row_bytes)
{
	memset(t, 0, sizeof(*t));
	t->sets = 1;
	while (t->sets * TABLE_WAYS < rows)
		t->sets *= 2;
	t->row_bytes = row_bytes;
	t->keys = budget_alloc(b, t->sets * TABLE_WAYS * sizeof(*t->keys));
	t->used = budget_alloc(b, t->sets * TABLE_WAYS * sizeof(*t->used));
	t->rows = budget_alloc(b, t->sets * TABLE_WAYS * row_bytes);
	return t->keys != NULL && t->used != NULL && t->rows != NULL;
}

void
table_free(struct table *t, struct budget *b)
{
	size_t n = t->sets * TABLE_WAYS;

	if (t->keys != NULL)
		budget_free(b, t->keys, n * sizeof(*t->keys));
	if (t->used != NULL)
		budget_free(b, t->used, n * sizeof(*t->used));
	if (t->rows != NULL)
		budget_free(b, t->rows, n * t->row_bytes);
	memset(t, 0, sizeof(*t));
}

static size_t
place(const struct table *t, uint64_t key)
{
	size_t first = (key & (t->sets - 1)) * TABLE_WAYS;

	for (size_t i = first; i < first + TABLE_WAYS; i++) {
		if (t->keys[i] == key)
			return i;
	}
	return SIZE_MAX;
}

void *
table_find(struct table *t, uint64_t key)
{
	size_t i = place(t, key);

	assert(key != 0);
	if (i == SIZE_MAX)
		return NULL;
	t->used[i] = ++t->tick;
	return t->rows + i * t->row_bytes;
}

void *
table_row(struct table *t, uint64_t key, bool *fresh)
{
	size_t i = place(t, key), first;

	assert(key != 0);
	*fresh = i == SIZE_MAX;
	if (*fresh) {
		first = (key & (t->sets - 1)) * TABLE_WAYS;
		i = first;
		for (size_t k = first; k < first + TABLE_WAYS && t->keys[i] != 0; k++) {
			/* The tick wraps: age is a difference. */
			if (t->keys[k] == 0 || t->tick - t->used[k] > t->tick - t->used[i])
				i = k;
		}
		t->dropped += t->keys[i] != 0;
		t->keys[i] = key;
		memset(t->rows + i * t->row_bytes, 0, t->row_bytes);
	}
	t->used[i] = ++t->tick;
	return t->rows + i * t->row_bytes;
}

void
table_drop(struct table *t, uint64_t key)
{
	size_t i = place(t, key);

	if (i != SIZE_MAX)
		t->keys[i] = 0;
}

void
table_pack(const struct table *t, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < t->sets * TABLE_WAYS; i++)
		n += t->keys[i] != 0;
	pack_u64(out, t->sets);
	pack_u64(out, t->row_bytes);
	pack_u64(out, t->tick);
	pack_u64(out, t->dropped);
	pack_u64(out, n);
	for (size_t i = 0; i < t->sets * TABLE_WAYS; i++) {
		if (t->keys[i] == 0)
			continue;
		pack_u64(out, i);
		pack_u64(out, t->keys[i]);
		pack_u64(out, t->used[i]);
		pack_raw(out, t->rows + i * t->row_bytes, t->row_bytes);
	}
}

void
table_unpack(struct table *t, struct cursor *c)
{
	uint64_t sets = unpack_u64(c), row_bytes = unpack_upto(c, 65536);
	uint32_t tick = (uint32_t)unpack_upto(c, UINT32_MAX);
	uint64_t dropped = unpack_u64(c), n = unpack_upto(c, cursor_left(c));
	bool same = sets == t->sets && row_bytes == t->row_bytes;

	if (same) {
		t->tick = tick;
		t->dropped = dropped;
	}
	for (uint64_t k = 0; k < n && !c->short_; k++) {
		uint64_t i = unpack_u64(c), key = unpack_u64(c), used = unpack_upto(c, UINT32_MAX);
		struct bytes row = cursor_take(c, (size_t)row_bytes);

		if (!same || c->short_)
			continue;
		if (key == 0 || i / TABLE_WAYS != (key & (t->sets - 1)) || t->keys[i] != 0 ||
		    place(t, key) != SIZE_MAX) {
			c->short_ = true;
			return;
		}
		t->keys[i] = key;
		t->used[i] = (uint32_t)used;
		memcpy(t->rows + i * t->row_bytes, row.ptr, t->row_bytes);
	}
}
