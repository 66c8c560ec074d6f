/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fold.h"

static inline uint64_t
word(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Up to eight bytes as a word; different bytes of one length give different words. */
static inline uint64_t
short_word(const uint8_t *p, size_t n)
{
	uint32_t first, last;

	if (n >= 4) {
		memcpy(&first, p, sizeof(first));
		memcpy(&last, p + n - 4, sizeof(last));
		return (uint64_t)first << 32 | last;
	}
	return n == 0 ? 0 : (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
}

/* Bits without a pattern (of pi), so that simple keys in tests do as well as random ones. */
#define P0 UINT64_C(0x243f6a8885a308d3)
#define P1 UINT64_C(0x13198a2e03707344)
#define P2 UINT64_C(0xa4093822299f31d0)
#define P3 UINT64_C(0x082efa98ec4e6c89)

uint64_t
fold64(const struct sip_key *key, struct bytes data)
{
	const uint8_t *p = data.ptr;
	uint64_t a = key->k0 ^ P0, b = key->k1 ^ P1;
	const uint64_t k = key->k1 ^ P2, m = key->k0 ^ P3;
	size_t n = data.len;

	/* Two lanes, so that one need not wait for the other's multiplication. */
	for (; n > 32; n -= 32, p += 32) {
		a = fold_mix(word(p) ^ k, word(p + 8) ^ a);
		b = fold_mix(word(p + 16) ^ m, word(p + 24) ^ b);
	}
	if (n > 16) {
		a = fold_mix(word(p) ^ k, word(p + 8) ^ a);
		b = fold_mix(word(p + n - 16) ^ m, word(p + n - 8) ^ b);
	} else if (n > 8) {
		a = fold_mix(word(p) ^ k, word(p + n - 8) ^ a);
	} else {
		a = fold_mix(short_word(p, n) ^ k, a);
	}
	return fold_mix(a ^ m, b ^ data.len ^ k);
}
