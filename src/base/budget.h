/* SPDX-License-Identifier: Apache-2.0 */
/* A memory account: every byte that outside input can make us hold is charged to one.
 * Total:  an allocation over the cap gives NULL, never more; callers drop the unit and count it.
 * Memory: blocks come from malloc; the caller names the size again when it frees. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct budget {
	size_t cap;       /* bytes that may be held at one time */
	size_t used;      /* bytes held now */
	size_t high;      /* the most ever held */
	uint64_t refused; /* allocations that met the cap */
};

/* n bytes, zeroed; NULL over the cap or out of memory. */
void *budget_alloc(struct budget *b, size_t n) MUST_CHECK;

/* Grow or shrink p from old to n bytes (bytes kept up to the smaller; new bytes undefined).
 * NULL leaves p as it was. p may be NULL with old == 0. */
void *budget_realloc(struct budget *b, void *p, size_t old, size_t n) MUST_CHECK;

/* Give back p of n bytes; p may be NULL. */
void budget_free(struct budget *b, void *p, size_t n);
