/* SPDX-License-Identifier: Apache-2.0 */
/* The Merkle tree of the ledger: hashing, growing, proofs made and proofs checked.
 * Source:  RFC 6962 2.1; RFC 9162 2.1.3.2 and 2.1.4.2 (the checking of proofs); C2SP tlog-tiles
 *          (levels of 256).
 * Stored:  level 0 holds the hashes of leaves; entry i of level l is the root of the full subtree
 *          over leaves i * 256^l to (i + 1) * 256^l - 1. Only full subtrees are stored.
 * Total:   proofs are any bytes from outside: a bad one is false, never a crash.
 * Limits:  TREE_PROOF_MAX hashes a proof: more than any tree of 2^63 leaves needs. */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"

enum { TREE_TILE = 256, TREE_LEVELS = 8, TREE_PROOF_MAX = 63 };

struct tree_hash {
	uint8_t b[SHA256_BYTES];
};

struct tree_proof {
	size_t n;
	struct tree_hash hash[TREE_PROOF_MAX];
};

struct tree_hash tree_leaf(struct hasher *h, struct bytes entry);
struct tree_hash tree_node(
    struct hasher *h, const struct tree_hash *left, const struct tree_hash *right);
struct tree_hash tree_empty(struct hasher *h);
bool tree_hash_eq(const struct tree_hash *a, const struct tree_hash *b);

/* --- checking --- */

/* Leaf `index` of a tree of `size` leaves with this root. */
bool tree_inclusion_holds(struct hasher *h, uint64_t index, uint64_t size,
    const struct tree_hash *leaf, const struct tree_proof *p,
    const struct tree_hash *root) MUST_CHECK;
/* The tree of old_size leaves is the beginning of the one of `size`. Sizes of zero are refused:
 * that case proves nothing; a caller for whom it means something decides it before. */
bool tree_consistency_holds(struct hasher *h, uint64_t old_size, uint64_t size,
    const struct tree_proof *p, const struct tree_hash *old_root,
    const struct tree_hash *root) MUST_CHECK;

/* --- growing --- */

/* The right edge: one hash for each bit set in size, the largest subtree first. */
struct tree_edge {
	uint64_t size;
	unsigned n;
	struct tree_hash node[64];
};

/* Told of each hash that is to be stored, leaf hashes included, in order within a level. */
typedef void (*tree_store_fn)(void *ctx, unsigned level, uint64_t at, const struct tree_hash *hash);

void tree_edge_add(struct hasher *h, struct tree_edge *e, const struct tree_hash *leaf,
    tree_store_fn fn, void *ctx);
struct tree_hash tree_edge_root(struct hasher *h, const struct tree_edge *e);

/* --- stored trees --- */

/* Entries first to first + n - 1 (n at most TREE_TILE) of a level, all in one tile, to out. */
struct tree_reader {
	void *ctx;
	enum err (*read)(void *ctx, unsigned level, uint64_t first, size_t n, struct tree_hash *out,
	    struct why *why);
};

/* The edge of the first `size` leaves. Errors are the reader's. */
enum err tree_edge_load(struct hasher *h, const struct tree_reader *r, uint64_t size,
    struct tree_edge *out, struct why *why) MUST_CHECK;
/* ERR_USAGE: index >= size. */
enum err tree_inclusion(struct hasher *h, const struct tree_reader *r, uint64_t index,
    uint64_t size, struct tree_proof *out, struct why *why) MUST_CHECK;
/* ERR_USAGE: not 0 < old_size <= size. */
enum err tree_consistency(struct hasher *h, const struct tree_reader *r, uint64_t old_size,
    uint64_t size, struct tree_proof *out, struct why *why) MUST_CHECK;
