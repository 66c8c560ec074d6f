/* SPDX-License-Identifier: Apache-2.0 */
#include "base/budget.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

static bool
charge(struct budget *b, size_t n)
{
	if (n > b->cap - b->used) {
		b->refused++;
		return false;
	}
	b->used += n;
	if (b->used > b->high)
		b->high = b->used;
	return true;
}

void *
budget_alloc(struct budget *b, size_t n)
{
	void *p;

	if (!charge(b, n))
		return NULL;
	if ((p = calloc(1, n == 0 ? 1 : n)) == NULL) {
		b->used -= n;
		b->refused++;
	}
	return p;
}

void *
budget_realloc(struct budget *b, void *p, size_t old, size_t n)
{
	void *q;

	if (n > old && !charge(b, n - old))
		return NULL;
	if ((q = realloc(p, n == 0 ? 1 : n)) == NULL) {
		if (n > old)
			b->used -= n - old;
		b->refused++;
		return NULL;
	}
	if (n < old)
		b->used -= old - n;
	return q;
}

void
budget_free(struct budget *b, void *p, size_t n)
{
	if (p == NULL)
		return;
	assert(n <= b->used);
	b->used -= n;
	free(p);
}
