/* SPDX-License-Identifier: Apache-2.0 */
#include "store/block.h"

#include <stdlib.h>

#include <zstd.h>

enum {
	KEY_PROBES = 4,
	KEY_BITS = 10, /* of the set, a key */
	KEY_SET_MIN = 16,
	KEY_SET_MAX = 128 * 1024, /* bytes */
	PACK_LEVEL = -1, /* as small as 1 on our events, whose hashes do not compress, and faster */
	PACK_HASH_LOG = 12, /* of 13: stays in the first cache, 16 % faster for 2 % more bytes */
	STAMP_MAGIC = 0x184d2a50, /* a skippable frame */
	STAMP_BYTES = 16,
};

/* --- summary --- */

bool
block_proto(const struct event *ev, uint64_t *proto)
{
	switch (ev->kind) {
	case EV_message:
		*proto = ev->u.message.proto;
		break;
	case EV_anomaly:
		*proto = ev->u.anomaly.proto;
		break;
	case EV_credential:
		*proto = ev->u.credential.proto;
		break;
	case EV_login:
		*proto = ev->u.login.proto;
		break;
	case EV_tls:
		*proto = PROTO_tls;
		break;
	case EV_attachment:
		*proto = ev->u.attachment.proto;
		break;
	case EV_setup:
		*proto = ev->u.setup.proto;
		break;
	case EV_flow:
		*proto = ev->u.flow.proto;
		break;
	case EV_link:
		*proto = ev->u.link.proto;
		break;
	default:
		*proto = 0;
		return false;
	}
	if (*proto >= PROTO_MAX)
		*proto = PROTO_unknown;
	return true;
}

uint64_t
block_protos(const struct event *ev)
{
	uint64_t p;

	return block_proto(ev, &p) ? UINT64_C(1) << p : 0;
}

uint64_t
block_key_id(uint64_t id)
{
	return mix64(id ^ UINT64_C(0x6c696e6b666c6f77));
}

uint64_t
block_key_hash(struct hash128 h)
{
	uint64_t v;

	memcpy(&v, h.b, sizeof(v));
	return mix64(v);
}

static void
add_key(struct buf *keys, uint64_t key)
{
	if (keys->len < BLOCK_KEYS_MAX * sizeof(key))
		buf_add(keys, bytes_of(&key, sizeof(key)));
}

static void
add_id(struct buf *keys, uint64_t id)
{
	if (id != 0)
		add_key(keys, block_key_id(id));
}

static void
add_hash(struct buf *keys, struct hash128 h)
{
	if (!hash128_is_zero(h))
		add_key(keys, block_key_hash(h));
}

void
block_note(struct block_info *b, struct buf *keys, const struct event *ev, size_t record_len)
{
	if (b->n == 0 || ev->head.time.ns < b->min_time.ns)
		b->min_time = ev->head.time;
	if (b->n == 0 || ev->head.time.ns > b->max_time.ns)
		b->max_time = ev->head.time;
	b->n++;
	b->kinds |= UINT64_C(1) << ev->kind;
	b->protos |= block_protos(ev);
	b->raw_len += record_len;
	add_id(keys, ev->head.link);
	add_id(keys, ev->head.flow);
	if (ev->kind == EV_message) {
		add_hash(keys, ev->u.message.control);
		add_hash(keys, ev->u.message.ack_of);
		add_hash(keys, ev->u.message.patient);
		add_hash(keys, ev->u.message.order);
		add_hash(keys, ev->u.message.specimen);
	} else if (ev->kind == EV_link) {
		add_id(keys, ev->u.link.id);
	} else if (ev->kind == EV_flow) {
		add_id(keys, ev->u.flow.id);
		add_id(keys, ev->u.flow.link);
	} else if (ev->kind == EV_finding) {
		add_id(keys, ev->u.finding.link);
	}
}

void
block_join(struct block_info *a, const struct block_info *b)
{
	if (b->n == 0)
		return;
	if (a->n == 0 || b->min_time.ns < a->min_time.ns)
		a->min_time = b->min_time;
	if (a->n == 0 || b->max_time.ns > a->max_time.ns)
		a->max_time = b->max_time;
	a->n += b->n;
	a->kinds |= b->kinds;
	a->protos |= b->protos;
	a->raw_len += b->raw_len;
	a->received = b->received;
}

/* --- key sets --- */

/* Probe i of a key: the key is mixed well already, so its halves serve as two hashes. */
static size_t
probe(uint64_t key, unsigned i, size_t bits)
{
	return (size_t)((key & UINT32_MAX) + i * (key >> 32 | 1)) & (bits - 1);
}

void
block_keys_pack(struct bytes keys, struct buf *out)
{
	size_t n = keys.len / sizeof(uint64_t), len = KEY_SET_MIN;
	uint64_t key;

	buf_reset(out);
	while (len < KEY_SET_MAX && len * 8 < n * KEY_BITS)
		len *= 2;
	if (!buf_reserve(out, len))
		return;
	memset(out->ptr, n >= BLOCK_KEYS_MAX ? 0xff : 0, len);
	out->len = len;
	for (size_t k = 0; k < n && n < BLOCK_KEYS_MAX; k++) {
		memcpy(&key, keys.ptr + k * sizeof(key), sizeof(key));
		for (unsigned i = 0; i < KEY_PROBES; i++) {
			size_t bit = probe(key, i, len * 8);

			out->ptr[bit / 8] |= (uint8_t)(1u << bit % 8);
		}
	}
}

bool
block_keys_may_hold(struct bytes set, const uint64_t *keys, size_t n)
{
	/* A set of another length than ours is a set of everything. */
	if (set.len == 0 || (set.len & (set.len - 1)) != 0)
		return true;
	for (size_t k = 0; k < n; k++) {
		for (unsigned i = 0; i < KEY_PROBES; i++) {
			size_t bit = probe(keys[k], i, set.len * 8);

			if ((set.ptr[bit / 8] >> bit % 8 & 1) == 0)
				return false;
		}
	}
	return true;
}

/* --- kept bytes --- */

struct packer {
	ZSTD_CCtx *c;
	ZSTD_DCtx *d;
};

struct packer *
packer_new(void)
{
	struct packer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->c = ZSTD_createCCtx();
	p->d = ZSTD_createDCtx();
	if (p->c == NULL || p->d == NULL ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(p->c, ZSTD_c_compressionLevel, PACK_LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(p->c, ZSTD_c_hashLog, PACK_HASH_LOG)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(p->c, ZSTD_c_checksumFlag, 1))) {
		packer_free(p);
		return NULL;
	}
	return p;
}

void
packer_free(struct packer *p)
{
	if (p == NULL)
		return;
	(void)ZSTD_freeCCtx(p->c);
	(void)ZSTD_freeDCtx(p->d);
	free(p);
}

static void
put_le(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

enum err
block_pack(struct packer *p, uint64_t first_seq, struct bytes raw, struct buf *out, struct why *why)
{
	size_t n;

	buf_reset(out);
	if (!buf_reserve(out, ZSTD_compressBound(raw.len) + STAMP_BYTES))
		return FAIL(why, ERR_SYSTEM, "no memory to pack a block of %zu bytes", raw.len);
	n = ZSTD_compress2(p->c, out->ptr, out->room - STAMP_BYTES, raw.ptr, raw.len);
	if (ZSTD_isError(n))
		return FAIL(why, ERR_SYSTEM, "a block of %zu bytes cannot be packed", raw.len);
	put_le(out->ptr + n, STAMP_MAGIC, 4);
	put_le(out->ptr + n + 4, 8, 4);
	put_le(out->ptr + n + 8, first_seq, 8);
	out->len = n + STAMP_BYTES;
	return ERR_OK;
}

/* The stamp at the end of kept bytes, taken off. */
static bool
take_stamp(struct bytes *kept, uint64_t first_seq)
{
	uint8_t want[STAMP_BYTES];

	if (kept->len < sizeof(want))
		return false;
	put_le(want, STAMP_MAGIC, 4);
	put_le(want + 4, 8, 4);
	put_le(want + 8, first_seq, 8);
	kept->len -= sizeof(want);
	return memcmp(kept->ptr + kept->len, want, sizeof(want)) == 0;
}

enum err
block_unpack(
    struct packer *p, uint64_t first_seq, struct bytes kept, struct buf *out, struct why *why)
{
	unsigned long long size;
	size_t n;

	buf_reset(out);
	if (!take_stamp(&kept, first_seq))
		return FAIL(why, ERR_INPUT, "it is not the block of that number");
	/* The two error values are the largest numbers there are. */
	size = ZSTD_getFrameContentSize(kept.ptr, kept.len);
	if (size > STORE_BLOCK_RAW_MAX)
		return FAIL(why, ERR_INPUT, "its size cannot be");
	if (!buf_reserve(out, (size_t)size + 1))
		return FAIL(why, ERR_SYSTEM, "no memory to read a block");
	n = ZSTD_decompressDCtx(p->d, out->ptr, (size_t)size, kept.ptr, kept.len);
	if (ZSTD_isError(n) || n != size)
		return FAIL(why, ERR_INPUT, "its bytes do not fit their checksum");
	out->len = n;
	return ERR_OK;
}

enum err
block_index(struct bytes raw, uint64_t n, struct buf *at, struct why *why)
{
	size_t pos = 0;

	buf_reset(at);
	while (raw.len - pos >= 4) {
		uint32_t start = (uint32_t)pos;
		size_t len = (size_t)raw.ptr[pos] | (size_t)raw.ptr[pos + 1] << 8 |
			     (size_t)raw.ptr[pos + 2] << 16 | (size_t)raw.ptr[pos + 3] << 24;

		if (len > raw.len - pos - 4)
			break;
		buf_add(at, bytes_of(&start, sizeof(start)));
		pos += 4 + len;
	}
	if (at->cut)
		return FAIL(why, ERR_SYSTEM, "no memory to read a block");
	if (pos != raw.len || at->len / sizeof(uint32_t) != n)
		return FAIL(why, ERR_INPUT, "its records do not add up");
	return ERR_OK;
}
