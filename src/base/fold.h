/* SPDX-License-Identifier: Apache-2.0 */
/* A keyed hash of 64 bits at a fraction of SipHash's cost: words are mixed in by a multiplication
 * to 128 bits whose halves are folded together (the way of the wyhash family). Use:    tables and
 * fingerprints inside one process whose values nobody outside ever sees. Not for identifiers that
 * leave, or where someone could measure which inputs collide: it has no proof; sip64() and sip128()
 * are for those. */
#pragma once

#include "base/sip.h"

static inline uint64_t
fold_mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 m = a;

	m *= b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

uint64_t fold64(const struct sip_key *key, struct bytes data);
