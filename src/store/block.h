/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of events: records end to end, a summary by which readers skip them, a set of keys, and
 * the bytes that are kept.
 * Kept bytes: one Zstandard frame (RFC 8878) with its checksum over the records, then a skippable
 *             frame of 8 bytes: the number of the first event, little endian.
 * Key set:    a Bloom filter of a power of two bytes, about 10 bits a key, 4 probes: about one in
 *             a hundred blocks is read for nothing. Keys: link, flow, and the identifiers of
 *             messages, each as 64 bits.
 * Total:      block_unpack() on any bytes gives records that decode, or ERR_INPUT.
 * Limits:     STORE_BLOCK_RAW_MAX bytes of records; BLOCK_KEYS_MAX keys (more: the set says yes to
 *             everything). */
#pragma once

#include "store/store.h"

enum { BLOCK_KEYS_MAX = 65536 };

struct block_info {
	uint64_t first_seq;
	uint64_t n;      /* events */
	uint64_t kinds;  /* bits 1 << EV_x */
	uint64_t protos; /* bits 1 << PROTO_x */
	struct wall min_time, max_time;
	struct wall received;
	uint64_t raw_len, len; /* bytes before and after compression */
};

/* What a record adds to the block it goes in. */
void block_note(struct block_info *b, struct buf *keys, const struct event *ev, size_t record_len);
/* a takes in b, which follows it. */
void block_join(struct block_info *a, const struct block_info *b);

/* The protocol that an event names (below PROTO_MAX); false where its kind names none. */
bool block_proto(const struct event *ev, uint64_t *proto);
/* The same as a bit, 0 where its kind names none. */
uint64_t block_protos(const struct event *ev);

/* The set of n keys, into out (reset first). */
void block_keys_pack(struct bytes keys, struct buf *out);
/* False: surely none of these n keys is in it. Any bytes are a set. */
bool block_keys_may_hold(struct bytes set, const uint64_t *keys, size_t n);
uint64_t block_key_id(uint64_t id);
uint64_t block_key_hash(struct hash128 h);

struct packer;

struct packer *packer_new(void) MUST_CHECK; /* NULL: no memory */
void packer_free(struct packer *p);
/* raw -> out (reset first). ERR_SYSTEM: no memory. */
enum err block_pack(struct packer *p, uint64_t first_seq, struct bytes raw, struct buf *out,
    struct why *why) MUST_CHECK;
/* kept -> out (reset first). ERR_INPUT: damaged, or the block of another number. */
enum err block_unpack(struct packer *p, uint64_t first_seq, struct bytes kept, struct buf *out,
    struct why *why) MUST_CHECK;

/* Where each of the n records starts, as u32 into at[]. ERR_INPUT: they do not make up raw. */
enum err block_index(struct bytes raw, uint64_t n, struct buf *at, struct why *why) MUST_CHECK;
