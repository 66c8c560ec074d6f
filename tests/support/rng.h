/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers for tests: splitmix64 from a seed that is printed, so that a failure can be
 * repeated with HEMOSTAT_SEED=n. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

/* From HEMOSTAT_SEED where that is set, else from `seed`; prints it as a TAP comment. */
struct rng rng_new(uint64_t seed);
uint64_t rng_next(struct rng *r);
size_t rng_below(struct rng *r, size_t n); /* 0 .. n-1; n > 0 */
