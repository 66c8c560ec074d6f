/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

enum { ARENA_CHUNK_MIN = 4096, ARENA_ALIGN = alignof(max_align_t) };

struct chunk {
	struct chunk *next; /* older */
	size_t room;        /* bytes in data */
	size_t used;
	alignas(max_align_t) uint8_t data[];
};

struct arena {
	size_t cap;
	size_t held; /* bytes of all chunks */
	struct chunk *head;
	struct budget *budget;
};

static void *
take(struct budget *b, size_t n)
{
	return b != NULL ? budget_alloc(b, n) : calloc(1, n);
}

static void
give(struct budget *b, void *p, size_t n)
{
	if (b != NULL)
		budget_free(b, p, n);
	else
		free(p);
}

struct arena *
arena_new(size_t cap_bytes, struct budget *budget)
{
	struct arena *a = take(budget, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->cap = cap_bytes;
	a->budget = budget;
	return a;
}

static bool
add_chunk(struct arena *a, size_t n)
{
	size_t room = n > ARENA_CHUNK_MIN ? n : ARENA_CHUNK_MIN;
	struct chunk *c;

	if (a->head != NULL && room < a->head->room && a->head->room <= a->cap - a->held)
		room = a->head->room;
	if (room > a->cap - a->held)
		room = n;
	if (room > a->cap - a->held)
		return false;
	if ((c = take(a->budget, sizeof(*c) + room)) == NULL)
		return false;
	c->room = room;
	c->next = a->head;
	a->head = c;
	a->held += room;
	return true;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	size_t need;
	uint8_t *p;

	if (n > SIZE_MAX - ARENA_ALIGN)
		return NULL;
	need = (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	if (a->head == NULL || need > a->head->room - a->head->used) {
		if (!add_chunk(a, need))
			return NULL;
	}
	p = a->head->data + a->head->used;
	a->head->used += need;
	memset(p, 0, n);
	return p;
}

struct bytes
arena_copy(struct arena *a, struct bytes b)
{
	uint8_t *p = arena_alloc(a, b.len);

	if (p == NULL)
		return (struct bytes){NULL, 0};
	if (b.len > 0)
		memcpy(p, b.ptr, b.len);
	return (struct bytes){p, b.len};
}

char *
arena_str(struct arena *a, struct bytes b)
{
	char *p = b.len == SIZE_MAX ? NULL : arena_alloc(a, b.len + 1);

	if (p != NULL && b.len > 0)
		memcpy(p, b.ptr, b.len);
	return p;
}

void
arena_reset(struct arena *a)
{
	while (a->head != NULL && a->head->next != NULL) {
		struct chunk *c = a->head;

		a->head = c->next;
		a->held -= c->room;
		give(a->budget, c, sizeof(*c) + c->room);
	}
	if (a->head != NULL)
		a->head->used = 0;
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	arena_reset(a);
	if (a->head != NULL)
		give(a->budget, a->head, sizeof(*a->head) + a->head->room);
	give(a->budget, a, sizeof(*a));
}
