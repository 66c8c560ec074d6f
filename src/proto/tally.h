/* SPDX-License-Identifier: Apache-2.0 */
/* Anomalies of one unit of work, counted by name and told once each with their count and the place
 * of the first: a device that leaves out CR LF in each of a hundred frames is one observation.
 * Memory: inside the struct; names base .. base + TALLY_NAMES - 1 are counted, others told at once.
 */
#pragma once

#include "proto/observer.h"

enum { TALLY_NAMES = 64 };

struct tally {
	unsigned base;               /* first anomaly number that is counted */
	uint64_t set;                /* bit i: base + i was seen */
	uint64_t total;              /* since tally_take() */
	uint64_t first[TALLY_NAMES]; /* offset */
	uint32_t count[TALLY_NAMES];
};

static inline void
tally_add(struct tally *t, const struct observer *o, enum name_value dir, uint64_t offset,
    enum anomaly name, enum proto proto)
{
	unsigned i = (unsigned)name - t->base;

	t->total++;
	if (i >= TALLY_NAMES) {
		observe_anomaly(o, dir, offset, name, proto, NULL);
		return;
	}
	if ((t->set >> i & 1) == 0) {
		t->set |= UINT64_C(1) << i;
		t->first[i] = offset;
		t->count[i] = 0;
	}
	t->count[i]++;
}

/* How many were added since the last call. */
static inline uint64_t
tally_take(struct tally *t)
{
	uint64_t n = t->total;

	t->total = 0;
	return n;
}

/* Tell all that was counted, in the order of their numbers, and begin again. */
static inline void
tally_flush(struct tally *t, const struct observer *o, enum name_value dir, enum proto proto)
{
	while (t->set != 0) {
		unsigned i = (unsigned)__builtin_ctzll(t->set);
		struct ev_anomaly a = {.name = t->base + i, .proto = proto, .count = t->count[i]};

		t->set &= t->set - 1;
		o->emit(o->owner, dir, t->first[i], EV_anomaly, &a);
	}
}
