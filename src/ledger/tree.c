/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/tree.h"

#include <assert.h>

/* --- hashing --- */

struct tree_hash
tree_leaf(struct hasher *h, struct bytes entry)
{
	static const uint8_t prefix[1] = {0};
	struct tree_hash out;

	hash_two(h, bytes_of(prefix, sizeof(prefix)), entry, out.b);
	return out;
}

struct tree_hash
tree_node(struct hasher *h, const struct tree_hash *left, const struct tree_hash *right)
{
	uint8_t in[1 + 2 * SHA256_BYTES] = {1};
	struct tree_hash out;

	memcpy(in + 1, left->b, SHA256_BYTES);
	memcpy(in + 1 + SHA256_BYTES, right->b, SHA256_BYTES);
	hash_two(h, bytes_of(in, sizeof(in)), (struct bytes){NULL, 0}, out.b);
	return out;
}

struct tree_hash
tree_empty(struct hasher *h)
{
	struct tree_hash out;

	hash_two(h, (struct bytes){NULL, 0}, (struct bytes){NULL, 0}, out.b);
	return out;
}

bool
tree_hash_eq(const struct tree_hash *a, const struct tree_hash *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* --- checking --- */

/* RFC 9162 2.1.3.2 */
bool
tree_inclusion_holds(struct hasher *h, uint64_t index, uint64_t size, const struct tree_hash *leaf,
    const struct tree_proof *p, const struct tree_hash *root)
{
	struct tree_hash r = *leaf;
	uint64_t fn = index, sn;

	if (index >= size || p->n > TREE_PROOF_MAX)
		return false;
	sn = size - 1;
	for (size_t i = 0; i < p->n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) != 0 || fn == sn) {
			r = tree_node(h, &p->hash[i], &r);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			r = tree_node(h, &r, &p->hash[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && tree_hash_eq(&r, root);
}

/* RFC 9162 2.1.4.2 */
bool
tree_consistency_holds(struct hasher *h, uint64_t old_size, uint64_t size,
    const struct tree_proof *p, const struct tree_hash *old_root, const struct tree_hash *root)
{
	struct tree_hash fr, sr;
	uint64_t fn, sn;
	size_t i = 0;

	if (old_size == 0 || old_size > size || p->n > TREE_PROOF_MAX)
		return false;
	if (old_size == size)
		return p->n == 0 && tree_hash_eq(old_root, root);
	if ((old_size & (old_size - 1)) == 0) {
		fr = *old_root;
	} else {
		if (p->n == 0)
			return false;
		fr = p->hash[i++];
	}
	sr = fr;
	fn = old_size - 1;
	sn = size - 1;
	while ((fn & 1) != 0) {
		fn >>= 1;
		sn >>= 1;
	}
	for (; i < p->n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) != 0 || fn == sn) {
			fr = tree_node(h, &p->hash[i], &fr);
			sr = tree_node(h, &p->hash[i], &sr);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			sr = tree_node(h, &sr, &p->hash[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && tree_hash_eq(&fr, old_root) && tree_hash_eq(&sr, root);
}

/* --- growing --- */

void
tree_edge_add(struct hasher *h, struct tree_edge *e, const struct tree_hash *leaf, tree_store_fn fn,
    void *ctx)
{
	struct tree_hash node = *leaf;
	uint64_t at = e->size;
	unsigned height = 0;

	fn(ctx, 0, at, &node);
	while ((at & 1) != 0) {
		node = tree_node(h, &e->node[--e->n], &node);
		at >>= 1;
		if (++height % 8 == 0)
			fn(ctx, height / 8, at, &node);
	}
	assert(e->n < ARRAY_LEN(e->node));
	e->node[e->n++] = node;
	e->size++;
}

struct tree_hash
tree_edge_root(struct hasher *h, const struct tree_edge *e)
{
	struct tree_hash r;

	if (e->n == 0)
		return tree_empty(h);
	r = e->node[e->n - 1];
	for (unsigned i = e->n - 1; i > 0; i--)
		r = tree_node(h, &e->node[i - 1], &r);
	return r;
}

/* --- stored trees --- */

/* The full subtree of 2^height leaves from leaf `start` on, folded from at most 128 entries of the
 * level below it. */
static enum err
stored_node(struct hasher *h, const struct tree_reader *r, uint64_t start, unsigned height,
    struct tree_hash *out, struct why *why)
{
	struct tree_hash part[TREE_TILE / 2];
	unsigned level = height / 8;
	size_t n = (size_t)1 << height % 8;
	enum err e;

	if ((e = r->read(r->ctx, level, start >> 8 * level, n, part, why)) != ERR_OK)
		return e;
	for (; n > 1; n /= 2) {
		for (size_t i = 0; i < n / 2; i++)
			part[i] = tree_node(h, &part[2 * i], &part[2 * i + 1]);
	}
	*out = part[0];
	return ERR_OK;
}

/* Full subtrees of leaves from..to-1, the largest first; from is a multiple of the largest. */
static enum err
edge_of(struct hasher *h, const struct tree_reader *r, uint64_t from, uint64_t to,
    struct tree_edge *out, struct why *why)
{
	enum err e;

	out->n = 0;
	out->size = to - from;
	for (unsigned height = 63; height < 64; height--) {
		if ((out->size >> height & 1) == 0)
			continue;
		if ((e = stored_node(h, r, from, height, &out->node[out->n++], why)) != ERR_OK)
			return e;
		from += UINT64_C(1) << height;
	}
	return ERR_OK;
}

static enum err
range_root(struct hasher *h, const struct tree_reader *r, uint64_t from, uint64_t to,
    struct tree_hash *out, struct why *why)
{
	struct tree_edge edge;
	enum err e = edge_of(h, r, from, to, &edge, why);

	if (e == ERR_OK)
		*out = tree_edge_root(h, &edge);
	return e;
}

enum err
tree_edge_load(struct hasher *h, const struct tree_reader *r, uint64_t size, struct tree_edge *out,
    struct why *why)
{
	return edge_of(h, r, 0, size, out, why);
}

/* The largest power of two below n > 1. */
static uint64_t
split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

static void
turn_round(struct tree_proof *p)
{
	for (size_t i = 0; i < p->n / 2; i++) {
		struct tree_hash t = p->hash[i];

		p->hash[i] = p->hash[p->n - 1 - i];
		p->hash[p->n - 1 - i] = t;
	}
}

enum err
tree_inclusion(struct hasher *h, const struct tree_reader *r, uint64_t index, uint64_t size,
    struct tree_proof *out, struct why *why)
{
	uint64_t lo = 0, hi = size;
	enum err e;

	out->n = 0;
	if (index >= size || size > INT64_MAX)
		return FAIL(why, ERR_USAGE, "entry %llu is not in a tree of %llu entries",
		    (unsigned long long)index, (unsigned long long)size);
	while (hi - lo > 1) {
		uint64_t mid = lo + split(hi - lo);
		bool left = index < mid;

		e = range_root(h, r, left ? mid : lo, left ? hi : mid, &out->hash[out->n++], why);
		if (e != ERR_OK)
			return e;
		if (left)
			hi = mid;
		else
			lo = mid;
	}
	turn_round(out);
	return ERR_OK;
}

enum err
tree_consistency(struct hasher *h, const struct tree_reader *r, uint64_t old_size, uint64_t size,
    struct tree_proof *out, struct why *why)
{
	uint64_t lo = 0, hi = size;
	enum err e;

	out->n = 0;
	if (old_size == 0 || old_size > size || size > INT64_MAX)
		return FAIL(why, ERR_USAGE, "there is no consistency proof from %llu to %llu",
		    (unsigned long long)old_size, (unsigned long long)size);
	while (hi != old_size) {
		uint64_t mid = lo + split(hi - lo);
		bool left = old_size <= mid;

		e = range_root(h, r, left ? mid : lo, left ? hi : mid, &out->hash[out->n++], why);
		if (e != ERR_OK)
			return e;
		if (left)
			hi = mid;
		else
			lo = mid;
	}
	if (lo != 0 && (e = range_root(h, r, lo, hi, &out->hash[out->n++], why)) != ERR_OK)
		return e;
	turn_round(out);
	return ERR_OK;
}
