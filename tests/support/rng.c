/* SPDX-License-Identifier: Apache-2.0 */
#include "rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct rng
rng_new(uint64_t seed)
{
	const char *env = getenv("HEMOSTAT_SEED");

	if (env != NULL)
		seed = strtoull(env, NULL, 10);
	printf("# seed %" PRIu64 "\n", seed);
	return (struct rng){seed};
}

uint64_t
rng_next(struct rng *r)
{
	uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

size_t
rng_below(struct rng *r, size_t n)
{
	return (size_t)(rng_next(r) % n);
}
