/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sip.h"

#define ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline void
rounds(struct state *s, int n)
{
	while (n-- > 0) {
		s->v0 += s->v1;
		s->v1 = ROTL(s->v1, 13) ^ s->v0;
		s->v0 = ROTL(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = ROTL(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = ROTL(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = ROTL(s->v1, 17) ^ s->v2;
		s->v2 = ROTL(s->v2, 32);
	}
}

static inline uint64_t
little(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline uint64_t
load_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return little(v);
}

static inline struct state
absorb(const struct sip_key *key, struct bytes data, bool wide)
{
	struct state s = {
	    key->k0 ^ UINT64_C(0x736f6d6570736575),
	    key->k1 ^ UINT64_C(0x646f72616e646f6d) ^ (wide ? 0xee : 0),
	    key->k0 ^ UINT64_C(0x6c7967656e657261),
	    key->k1 ^ UINT64_C(0x7465646279746573),
	};
	size_t whole = data.len & ~(size_t)7;
	size_t rest = data.len - whole;
	uint64_t last = (uint64_t)data.len << 56;

	for (size_t i = 0; i < whole; i += 8) {
		uint64_t m = load_le64(data.ptr + i);

		s.v3 ^= m;
		rounds(&s, 2);
		s.v0 ^= m;
	}
	if (whole > 0) /* the last eight bytes, without those that were absorbed */
		last |= load_le64(data.ptr + data.len - 8) >> 8 * (7 - rest) >> 8;
	for (size_t i = 0; whole == 0 && i < rest; i++)
		last |= (uint64_t)data.ptr[i] << (8 * i);
	s.v3 ^= last;
	rounds(&s, 2);
	s.v0 ^= last;
	return s;
}

uint64_t
sip64(const struct sip_key *key, struct bytes data)
{
	struct state s = absorb(key, data, false);

	s.v2 ^= 0xff;
	rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static void
store_le64(uint8_t *p, uint64_t v)
{
	v = little(v);
	memcpy(p, &v, sizeof(v));
}

struct hash128
sip128(const struct sip_key *key, struct bytes data)
{
	struct state s = absorb(key, data, true);
	struct hash128 h;

	s.v2 ^= 0xee;
	rounds(&s, 4);
	store_le64(h.b, s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
	s.v1 ^= 0xdd;
	rounds(&s, 4);
	store_le64(h.b + 8, s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
	return h;
}

void
sip_stream_begin(struct sip_stream *s, const struct sip_key *key)
{
	*s = (struct sip_stream){
	    .v = {key->k0 ^ UINT64_C(0x736f6d6570736575),
		key->k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
		key->k0 ^ UINT64_C(0x6c7967656e657261), key->k1 ^ UINT64_C(0x7465646279746573)}};
}

void
sip_stream_add(struct sip_stream *s, struct bytes data)
{
	struct state v = {s->v[0], s->v[1], s->v[2], s->v[3]};
	const uint8_t *p = data.ptr, *end = data.ptr + data.len;

	while (p < end && (s->len & 7) != 0) {
		s->tail |= (uint64_t)*p++ << (8 * (s->len & 7));
		if ((++s->len & 7) == 0) {
			v.v3 ^= s->tail;
			rounds(&v, 2);
			v.v0 ^= s->tail;
			s->tail = 0;
		}
	}
	for (; end - p >= 8; p += 8, s->len += 8) {
		uint64_t m = load_le64(p);

		v.v3 ^= m;
		rounds(&v, 2);
		v.v0 ^= m;
	}
	for (; p < end; s->len++)
		s->tail |= (uint64_t)*p++ << (8 * (s->len & 7));
	s->v[0] = v.v0;
	s->v[1] = v.v1;
	s->v[2] = v.v2;
	s->v[3] = v.v3;
}

struct hash128
sip_stream_end(const struct sip_stream *s)
{
	struct state v = {s->v[0], s->v[1], s->v[2], s->v[3]};
	uint64_t last = s->tail | s->len << 56;
	struct hash128 h;

	v.v3 ^= last;
	rounds(&v, 2);
	v.v0 ^= last;
	v.v2 ^= 0xee;
	rounds(&v, 4);
	store_le64(h.b, v.v0 ^ v.v1 ^ v.v2 ^ v.v3);
	v.v1 ^= 0xdd;
	rounds(&v, 4);
	store_le64(h.b + 8, v.v0 ^ v.v1 ^ v.v2 ^ v.v3);
	return h;
}
