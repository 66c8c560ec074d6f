/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes, the checkpoints in them, and cosignatures of witnesses.
 * Source:  C2SP signed-note, tlog-checkpoint, tlog-cosignature.
 * Input:   any bytes. Views in the results point into them.
 * Total:   a note, checkpoint or key is read whole or refused with ERR_INPUT; base64 is strict, so
 *          that no second spelling of a note verifies.
 * Limits:  NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX signatures, NOTE_KEYS_MAX keys at a time.
 * Not checked: signatures by keys that were not given (ECDSA, ML-DSA, other logs) are passed over,
 *          as the standard asks. */
#pragma once

#include "base/buf.h"
#include "crypto/sign.h"
#include "ledger/tree.h"

enum {
	NOTE_BYTES_MAX = 256 * 1024,
	NOTE_SIGNATURES_MAX = 64,
	NOTE_SIGNATURE_BYTES_MAX = 4096, /* decoded, key id included */
	NOTE_KEYS_MAX = 128,
	NOTE_NAME_MAX = 255,
};

enum note_key_type { NOTE_ED25519 = 1, NOTE_COSIGNATURE = 4 };

struct note_key {
	struct bytes name;
	enum note_key_type type;
	uint32_t id;
	uint8_t public[ED25519_PUBLIC];
};

/* True for a name that a key may have: not empty, no blank of any kind, no '+', UTF-8. */
bool note_name_fits(struct bytes name);
uint32_t note_key_id(
    struct hasher *h, struct bytes name, enum note_key_type type, const uint8_t *public);
/* "name+hex id+base64" without a line end. ERR_INPUT: not one, the id does not belong to the key,
 * or a type that is not known here. */
enum err note_key_parse(
    struct hasher *h, struct bytes text, struct note_key *out, struct why *why) MUST_CHECK;
void note_key_format(const struct note_key *k, struct buf *out);

struct note_signature {
	struct bytes name;
	uint32_t id;
	struct bytes base64; /* of id and signature */
};

struct note {
	struct bytes text; /* its last line end included */
	size_t n;
	struct note_signature sig[NOTE_SIGNATURES_MAX];
};

enum err note_parse(struct bytes in, struct note *out, struct why *why) MUST_CHECK;

/* Which of the keys (at most NOTE_KEYS_MAX) have signed. */
struct note_signers {
	size_t n;                     /* how many */
	bool by[NOTE_KEYS_MAX];       /* keys[i] has */
	uint64_t time[NOTE_KEYS_MAX]; /* of its cosignature, seconds since 1970; else 0 */
};

/* ERR_REFUSED: a known key's signature does not hold, or no known key has signed. */
enum err note_verify(const struct note *n, const struct note_key *keys, size_t n_keys,
    struct note_signers *out, struct why *why) MUST_CHECK;

/* Append the signature line of k over text (which ends in a line end). time_s: for a cosignature.
 */
enum err note_sign(struct buf *out, struct bytes text, const struct note_key *k,
    const uint8_t seed[ED25519_SEED], uint64_t time_s, struct why *why) MUST_CHECK;

/* --- checkpoints --- */

struct checkpoint {
	struct bytes origin;
	uint64_t size;
	struct tree_hash root;
	struct bytes extensions; /* whole lines; usually none */
};

enum err checkpoint_parse(struct bytes text, struct checkpoint *out, struct why *why) MUST_CHECK;
void checkpoint_format(const struct checkpoint *c, struct buf *out);

/* Up to '\n', and step over it. False: no whole line is left. */
bool line_next(struct bytes *rest, struct bytes *line);
/* 44 characters of base64. */
bool tree_hash_parse(struct bytes text, struct tree_hash *out);
void tree_hash_format(const struct tree_hash *hash, struct buf *out);
/* Decimal without leading zeros, up to 2^63 - 1. */
bool number_parse(struct bytes text, uint64_t *out);
