/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rng.h"

enum { SIZE_MAX_ALL = 70, SIZE_STORED = 70000 };

static struct hasher *h;

/* A tree whose hashes lie in memory. */
struct memory {
	struct tree_hash *level[TREE_LEVELS];
	uint64_t n[TREE_LEVELS];
	struct tree_edge edge;
};

static void
keep(void *ctx, unsigned level, uint64_t at, const struct tree_hash *hash)
{
	struct memory *m = ctx;

	assert_true(level < TREE_LEVELS);
	assert_int_equal(at, m->n[level]);
	if ((at & (at - 1)) == 0) {
		m->level[level] =
		    realloc(m->level[level], sizeof(*hash) * (size_t)(at == 0 ? 1 : 2 * at));
		assert_non_null(m->level[level]);
	}
	m->level[level][m->n[level]++] = *hash;
}

static enum err
look(void *ctx, unsigned level, uint64_t first, size_t n, struct tree_hash *out, struct why *why)
{
	const struct memory *m = ctx;

	if (level >= TREE_LEVELS || first + n > m->n[level])
		return FAIL(why, ERR_SYSTEM, "level %u ends before", level);
	assert_true(first % TREE_TILE + n <= TREE_TILE);
	memcpy(out, m->level[level] + first, n * sizeof(*out));
	return ERR_OK;
}

static struct tree_hash
leaf_number(uint64_t i)
{
	return tree_leaf(h, bytes_of(&i, i % (sizeof(i) + 1)));
}

static struct memory
memory_of(uint64_t size)
{
	struct memory m = {0};

	for (uint64_t i = 0; i < size; i++) {
		struct tree_hash leaf = leaf_number(i);

		tree_edge_add(h, &m.edge, &leaf, keep, &m);
	}
	return m;
}

static void
memory_free(struct memory *m)
{
	for (unsigned i = 0; i < TREE_LEVELS; i++)
		free(m->level[i]);
}

/* The definition in RFC 6962 2.1, word for word. */
static struct tree_hash
root_by_definition(uint64_t from, uint64_t to)
{
	struct tree_hash left, right;
	uint64_t k = 1;

	if (to == from)
		return tree_empty(h);
	if (to - from == 1)
		return leaf_number(from);
	while (2 * k < to - from)
		k *= 2;
	left = root_by_definition(from, from + k);
	right = root_by_definition(from + k, to);
	return tree_node(h, &left, &right);
}

static void
known_hashes(void **state)
{
	static const uint8_t empty[] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb,
	    0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
	    0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
	static const uint8_t empty_leaf[] = {0x6e, 0x34, 0x0b, 0x9c, 0xff, 0xb3, 0x7a, 0x98, 0x9c,
	    0xa5, 0x44, 0xe6, 0xbb, 0x78, 0x0a, 0x2c, 0x78, 0x90, 0x1d, 0x3f, 0xb3, 0x37, 0x38,
	    0x76, 0x85, 0x11, 0xa3, 0x06, 0x17, 0xaf, 0xa0, 0x1d};
	struct tree_hash e = tree_empty(h), l = tree_leaf(h, BYTES("")), both;

	(void)state;
	assert_memory_equal(e.b, empty, sizeof(empty));
	assert_memory_equal(l.b, empty_leaf, sizeof(empty_leaf));
	/* Leaf and node are kept apart: the same bytes hash differently. */
	both = tree_node(h, &l, &l);
	assert_false(tree_hash_eq(&both, &l));
}

static void
roots_are_the_definition(void **state)
{
	struct memory m = {0};

	(void)state;
	for (uint64_t n = 0; n <= 600; n++) {
		struct tree_hash want = root_by_definition(0, n), got = tree_edge_root(h, &m.edge);
		struct tree_hash leaf = leaf_number(n);

		assert_true(tree_hash_eq(&want, &got));
		tree_edge_add(h, &m.edge, &leaf, keep, &m);
	}
	memory_free(&m);
}

/* Every single change of a proof that holds is refused. */
static void
refuse_changes(uint64_t index, uint64_t size, const struct tree_hash *leaf,
    const struct tree_proof *p, const struct tree_hash *root)
{
	struct tree_hash other = *leaf;
	struct tree_proof q = *p;

	other.b[7] ^= 1;
	assert_false(tree_inclusion_holds(h, index, size, &other, p, root));
	other = *root;
	other.b[31] ^= 0x80;
	assert_false(tree_inclusion_holds(h, index, size, leaf, p, &other));
	assert_false(tree_inclusion_holds(h, size, size, leaf, p, root));
	assert_false(tree_inclusion_holds(h, index ^ 1, size, leaf, p, root));
	for (size_t i = 0; i < p->n; i++) {
		q.hash[i].b[0] ^= 1;
		assert_false(tree_inclusion_holds(h, index, size, leaf, &q, root));
		q.hash[i].b[0] ^= 1;
	}
	q.hash[q.n++] = *root;
	assert_false(tree_inclusion_holds(h, index, size, leaf, &q, root));
	if (p->n > 0) {
		q.n = p->n - 1;
		assert_false(tree_inclusion_holds(h, index, size, leaf, &q, root));
		memmove(q.hash, p->hash + 1, q.n * sizeof(q.hash[0]));
		assert_false(tree_inclusion_holds(h, index, size, leaf, &q, root));
	}
}

static void
every_inclusion_proof(void **state)
{
	struct memory m = memory_of(SIZE_MAX_ALL);
	struct tree_reader r = {&m, look};
	struct tree_proof p;
	struct why why;

	(void)state;
	for (uint64_t size = 1; size <= SIZE_MAX_ALL; size++) {
		struct tree_hash root = root_by_definition(0, size);

		for (uint64_t i = 0; i < size; i++) {
			struct tree_hash leaf = leaf_number(i);

			assert_int_equal(tree_inclusion(h, &r, i, size, &p, &why), ERR_OK);
			assert_true(tree_inclusion_holds(h, i, size, &leaf, &p, &root));
			refuse_changes(i, size, &leaf, &p, &root);
		}
		assert_int_equal(tree_inclusion(h, &r, size, size, &p, &why), ERR_USAGE);
	}
	memory_free(&m);
}

static void
every_consistency_proof(void **state)
{
	struct memory m = memory_of(SIZE_MAX_ALL);
	struct tree_reader r = {&m, look};
	struct tree_hash root[SIZE_MAX_ALL + 1];
	struct tree_proof p;
	struct why why;

	(void)state;
	for (uint64_t n = 0; n <= SIZE_MAX_ALL; n++)
		root[n] = root_by_definition(0, n);
	for (uint64_t n = 1; n <= SIZE_MAX_ALL; n++) {
		for (uint64_t o = 1; o <= n; o++) {
			struct tree_hash bad = root[o];

			assert_int_equal(tree_consistency(h, &r, o, n, &p, &why), ERR_OK);
			assert_true(tree_consistency_holds(h, o, n, &p, &root[o], &root[n]));
			bad.b[3] ^= 4;
			assert_false(tree_consistency_holds(h, o, n, &p, &bad, &root[n]));
			assert_false(tree_consistency_holds(h, o, n, &p, &root[o], &bad));
			for (size_t i = 0; i < p.n; i++) {
				p.hash[i].b[9] ^= 1;
				assert_false(
				    tree_consistency_holds(h, o, n, &p, &root[o], &root[n]));
				p.hash[i].b[9] ^= 1;
			}
			p.hash[p.n++] = root[n];
			assert_false(tree_consistency_holds(h, o, n, &p, &root[o], &root[n]));
			p.n -= 2;
			if (o != n)
				assert_false(
				    tree_consistency_holds(h, o, n, &p, &root[o], &root[n]));
		}
		p.n = 0;
		assert_false(tree_consistency_holds(h, 0, n, &p, &root[0], &root[n]));
		assert_int_equal(tree_consistency(h, &r, 0, n, &p, &why), ERR_USAGE);
		assert_int_equal(tree_consistency(h, &r, n + 1, n, &p, &why), ERR_USAGE);
	}
	memory_free(&m);
}

static void
three_levels_of_tiles(void **state)
{
	struct memory m = memory_of(SIZE_STORED);
	struct tree_reader r = {&m, look};
	struct tree_hash root = tree_edge_root(h, &m.edge), again, old;
	struct rng rng = rng_new(11);
	struct tree_edge edge;
	struct tree_proof p;
	struct why why;

	(void)state;
	assert_int_equal(m.n[0], 70000);
	assert_int_equal(m.n[1], 273);
	assert_int_equal(m.n[2], 1);
	for (int k = 0; k < 300; k++) {
		uint64_t i = rng_below(&rng, SIZE_STORED), n = 1 + rng_below(&rng, SIZE_STORED);
		struct tree_hash leaf = leaf_number(i);

		assert_int_equal(tree_inclusion(h, &r, i, SIZE_STORED, &p, &why), ERR_OK);
		assert_true(tree_inclusion_holds(h, i, SIZE_STORED, &leaf, &p, &root));
		assert_int_equal(tree_edge_load(h, &r, n, &edge, &why), ERR_OK);
		old = tree_edge_root(h, &edge);
		assert_int_equal(tree_consistency(h, &r, n, SIZE_STORED, &p, &why), ERR_OK);
		assert_true(tree_consistency_holds(h, n, SIZE_STORED, &p, &old, &root));
	}
	assert_int_equal(tree_edge_load(h, &r, SIZE_STORED, &edge, &why), ERR_OK);
	again = tree_edge_root(h, &edge);
	assert_true(tree_hash_eq(&root, &again));
	assert_int_equal(tree_edge_load(h, &r, SIZE_STORED + 1, &edge, &why), ERR_SYSTEM);
	memory_free(&m);
}

static void
sizes_of_the_far_end(void **state)
{
	struct tree_hash x = {{1}};
	struct tree_proof p = {0};

	(void)state;
	p.n = TREE_PROOF_MAX;
	assert_false(tree_inclusion_holds(h, UINT64_MAX - 1, UINT64_MAX, &x, &p, &x));
	assert_false(tree_inclusion_holds(h, 0, UINT64_MAX, &x, &p, &x));
	assert_false(tree_consistency_holds(h, UINT64_MAX - 1, UINT64_MAX, &p, &x, &x));
	assert_false(tree_consistency_holds(h, 1, UINT64_MAX, &p, &x, &x));
	p.n = SIZE_MAX;
	assert_false(tree_inclusion_holds(h, 0, 1, &x, &p, &x));
	assert_false(tree_consistency_holds(h, 1, 2, &p, &x, &x));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(known_hashes),
	    cmocka_unit_test(roots_are_the_definition), cmocka_unit_test(every_inclusion_proof),
	    cmocka_unit_test(every_consistency_proof), cmocka_unit_test(three_levels_of_tiles),
	    cmocka_unit_test(sizes_of_the_far_end)};
	int r;

	h = hasher_new();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	hasher_free(h);
	return r;
}
