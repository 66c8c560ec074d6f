/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for one unit of work (a message, a request, a report): many allocations, one end.
 * Total:  over the cap gives NULL.
 * Memory: chunks of at least 4 KiB, charged to the budget where one is given; arena_reset()
 *         keeps the first chunk. */
#pragma once

#include "base/attr.h"
#include "base/budget.h"
#include "base/bytes.h"

struct arena;

struct arena *arena_new(size_t cap_bytes, struct budget *budget) MUST_CHECK; /* NULL: no memory */
/* n zeroed bytes aligned for any object; NULL over the cap. Lives until reset or free. */
void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;
/* A copy of b in the arena; an empty view with a NULL pointer over the cap. */
struct bytes arena_copy(struct arena *a, struct bytes b);
/* A terminated copy; NULL over the cap. */
char *arena_str(struct arena *a, struct bytes b);
void arena_reset(struct arena *a);
void arena_free(struct arena *a);
