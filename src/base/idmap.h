/* SPDX-License-Identifier: Apache-2.0 */
/* A table from 64-bit keys to 32-bit values (indexes into the owner's pool).
 * Keys:   already well spread (sip64 or mix64); key 0 is not allowed.
 * Memory: 16 bytes a slot, grows by doubling up to cap entries, charged to the budget.
 * Total:  a put into a full table says so; look-ups are O(1) expected, bounded by the load of 3/4.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/budget.h"

struct idmap_slot {
	uint64_t key; /* 0: free */
	uint32_t value;
};

struct idmap {
	struct idmap_slot *slots;
	size_t room;           /* slots, a power of two, or 0 */
	size_t n;              /* entries */
	size_t cap;            /* most entries */
	struct budget *budget; /* required */
};

#define IDMAP_NONE UINT32_MAX

/* The value under key, or IDMAP_NONE. */
uint32_t idmap_get(const struct idmap *m, uint64_t key);
/* Set or replace. False where the table is at its cap or memory is out: nothing changed. */
bool idmap_put(struct idmap *m, uint64_t key, uint32_t value) MUST_CHECK;
/* Remove; nothing happens where the key is absent. */
void idmap_drop(struct idmap *m, uint64_t key);
void idmap_clear(struct idmap *m);
void idmap_free(struct idmap *m);

/* Ask the processor to fetch the slot of a key that will be looked up soon. */
static inline void
idmap_prefetch(const struct idmap *m, uint64_t key)
{
	if (m->room > 0)
		__builtin_prefetch(&m->slots[key & (m->room - 1)]);
}
