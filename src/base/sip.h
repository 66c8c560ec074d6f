/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4: a keyed hash of short inputs, 64 and 128 bits.
 * Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012, and the
 *         128-bit variant of its reference code. Byte order: little endian.
 * Use:    hash tables that an attacker feeds, and the keyed hashes under which identifiers of
 *         patients, specimens and orders are kept (the key never leaves the data directory). */
#pragma once

#include "base/bytes.h"

struct sip_key {
	uint64_t k0, k1;
};

struct hash128 {
	uint8_t b[16];
};

uint64_t sip64(const struct sip_key *key, struct bytes data);
struct hash128 sip128(const struct sip_key *key, struct bytes data);

/* A 64-bit mix of one word for tables whose keys an attacker cannot choose freely. */
static inline uint64_t
mix64(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	return x;
}

/* sip128() of bytes that come in pieces. */
struct sip_stream {
	uint64_t v[4];
	uint64_t tail; /* bytes that do not fill a word yet */
	uint64_t len;
};

void sip_stream_begin(struct sip_stream *s, const struct sip_key *key);
void sip_stream_add(struct sip_stream *s, struct bytes data);
struct hash128 sip_stream_end(const struct sip_stream *s);

static inline bool
hash128_is_zero(struct hash128 h)
{
	static const struct hash128 zero;

	return memcmp(h.b, zero.b, sizeof(h.b)) == 0;
}
