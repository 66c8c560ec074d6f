/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of others, where the shared data is there: Merkle proofs, notes, cosignatures, logs of
 * tiles, proofs of public logs, Ed25519. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/base64.h"
#include "guard.h"
#include "ledger/entry.h"
#include "ledger/proof.h"

static struct hasher *h;

static bool
shared(const char *name, char out[512])
{
	char path[256];
	const char *p;

	(void)snprintf(path, sizeof(path), "ledger/%s", name);
	p = shared_path(path);
	if (p != NULL)
		(void)snprintf(out, 512, "%s", p);
	if (p == NULL || access(out, F_OK) != 0) {
		print_message("shared data is not here: %s\n", path);
		return false;
	}
	return true;
}

static json_t *
load(const char *name)
{
	char path[512];
	json_t *j;

	if (!shared(name, path))
		return NULL;
	j = json_load_file(path, 0, NULL);
	assert_non_null(j);
	return j;
}

static struct bytes
text_of(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);

	assert_true(json_is_string(v));
	return bytes_of(json_string_value(v), json_string_length(v));
}

/* Strings to bytes: hex, or base64. */
static size_t
raw_of(struct bytes text, uint8_t *out, size_t room)
{
	static const char digits[] = "0123456789abcdef";

	assert_true(text.len / 2 <= room);
	for (size_t i = 0; i < text.len; i += 2) {
		const char *hi = strchr(digits, text.ptr[i]);
		const char *lo = strchr(digits, text.ptr[i + 1]);

		assert_true(hi != NULL && lo != NULL);
		out[i / 2] = (uint8_t)((hi - digits) << 4 | (lo - digits));
	}
	return text.len / 2;
}

static struct tree_hash
hex_hash(const json_t *j)
{
	struct tree_hash out;

	assert_int_equal(raw_of(bytes_str(json_string_value(j)), out.b, sizeof(out.b)), 32);
	return out;
}

static struct tree_proof
hex_proof(const json_t *list)
{
	struct tree_proof p = {.n = json_array_size(list)};

	for (size_t i = 0; i < p.n; i++)
		p.hash[i] = hex_hash(json_array_get(list, i));
	return p;
}

/* False where one of the hashes has another length than 32. */
static bool
base64_proof(const json_t *list, struct tree_proof *p)
{
	p->n = json_array_size(list);
	for (size_t i = 0; i < p->n; i++) {
		if (!tree_hash_parse(
			bytes_str(json_string_value(json_array_get(list, i))), &p->hash[i]))
			return false;
	}
	return true;
}

static void
kept(void *ctx, unsigned level, uint64_t at, const struct tree_hash *hash)
{
	(void)ctx;
	(void)level;
	(void)at;
	(void)hash;
}

/* Roots by growing, and the proofs of a file. root[] by size. */
static void
run_tree(const json_t *j, const struct tree_hash *leaf, size_t n)
{
	const json_t *roots = json_object_get(j, "root_by_size"), *c;
	struct tree_hash *root = calloc(n + 1, sizeof(*root));
	struct tree_edge edge = {0};
	size_t i;

	assert_non_null(root);
	for (size_t size = 0; size <= n; size++) {
		char key[24];
		const json_t *want;

		(void)snprintf(key, sizeof(key), "%zu", size);
		want = json_is_array(roots) ? json_array_get(roots, size)
					    : json_object_get(roots, key);
		root[size] = tree_edge_root(h, &edge);
		if (want != NULL) {
			struct tree_hash w = hex_hash(want);

			assert_true(tree_hash_eq(&w, &root[size]));
		}
		if (size < n)
			tree_edge_add(h, &edge, &leaf[size], kept, NULL);
	}
	json_array_foreach(json_object_get(j, "inclusion"), i, c)
	{
		uint64_t index = (uint64_t)json_integer_value(json_object_get(c, "index"));
		uint64_t size = (uint64_t)json_integer_value(json_object_get(c, "size"));
		struct tree_proof p = hex_proof(json_object_get(c, "proof"));

		assert_true(tree_inclusion_holds(h, index, size, &leaf[index], &p, &root[size]));
	}
	assert_true(i > 0);
	json_array_foreach(json_object_get(j, "consistency"), i, c)
	{
		uint64_t from = (uint64_t)json_integer_value(json_object_get(c, "from"));
		uint64_t to = (uint64_t)json_integer_value(json_object_get(c, "to"));
		struct tree_proof p = hex_proof(json_object_get(c, "proof"));

		assert_true(tree_consistency_holds(h, from, to, &p, &root[from], &root[to]));
	}
	assert_true(i > 0);
	free(root);
}

static void
eight_leaves(void **state)
{
	json_t *j = load("rfc6962-eight-leaves.json");
	struct tree_hash leaf[8];

	(void)state;
	if (j == NULL)
		return;
	for (size_t i = 0; i < 8; i++) {
		uint8_t raw[32];
		const json_t *hex = json_array_get(json_object_get(j, "leaf_inputs_hex"), i);
		size_t n = raw_of(bytes_str(json_string_value(hex)), raw, sizeof(raw));
		struct tree_hash want =
		    hex_hash(json_array_get(json_object_get(j, "leaf_hashes"), i));

		leaf[i] = tree_leaf(h, bytes_of(raw, n));
		assert_true(tree_hash_eq(&leaf[i], &want));
	}
	run_tree(j, leaf, 8);
	json_decref(j);
}

static void
generated(void **state)
{
	json_t *j = load("generated-1500.json");
	struct tree_hash *leaf = calloc(1500, sizeof(*leaf));

	(void)state;
	for (unsigned i = 0; i < 1500 && j != NULL; i++) {
		uint8_t sum[SHA256_BYTES];
		char seed[32];
		int n = snprintf(seed, sizeof(seed), "lab-ledger:%u", i);

		hash_two(h, bytes_of(seed, (size_t)n), (struct bytes){NULL, 0}, sum);
		leaf[i] = tree_leaf(h, bytes_of(sum, 7 * i % 33));
	}
	if (j != NULL)
		run_tree(j, leaf, 1500);
	free(leaf);
	json_decref(j);
}

/* One case counts back from 0 to 2^64 - 1, which is read as a real number. */
static uint64_t
number_of(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);

	return json_number_value(v) > 9.2e18 ? UINT64_MAX : (uint64_t)json_number_value(v);
}

static bool
probe_inclusion(const json_t *j)
{
	struct tree_hash root, leaf;
	struct tree_proof p;

	return tree_hash_parse(text_of(j, "root"), &root) &&
	       tree_hash_parse(text_of(j, "leafHash"), &leaf) &&
	       base64_proof(json_object_get(j, "proof"), &p) &&
	       tree_inclusion_holds(
		   h, number_of(j, "leafIdx"), number_of(j, "treeSize"), &leaf, &p, &root);
}

/* "don't care" stands for a root in some: shorter than a hash, here filled up with zeros. */
static struct tree_hash
any_root(struct bytes text)
{
	struct tree_hash out = {0};
	size_t n;

	assert_true(base64_decode_strict(text, out.b, sizeof(out.b), &n));
	return out;
}

static bool
probe_consistency(const json_t *j)
{
	struct tree_hash root1 = any_root(text_of(j, "root1")),
			 root2 = any_root(text_of(j, "root2"));
	struct tree_proof p;

	return base64_proof(json_object_get(j, "proof"), &p) &&
	       tree_consistency_holds(
		   h, number_of(j, "size1"), number_of(j, "size2"), &p, &root1, &root2);
}

/* Folders two deep: kind, then a case each. */
static unsigned
walk(const char *path, bool (*probe)(const json_t *))
{
	struct dirent *e;
	unsigned n = 0;
	DIR *d = opendir(path);

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char name[1024];
		struct stat st;
		json_t *j;

		(void)snprintf(name, sizeof(name), "%.700s/%.255s", path, e->d_name);
		if (e->d_name[0] == '.' || stat(name, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			n += walk(name, probe);
			continue;
		}
		j = json_load_file(name, JSON_DECODE_INT_AS_REAL, NULL);
		assert_non_null(j);
		if (probe(j) == json_is_true(json_object_get(j, "wantErr")))
			fail_msg("%s", name);
		json_decref(j);
		n++;
	}
	(void)closedir(d);
	return n;
}

static void
probes(void **state)
{
	char path[512];

	(void)state;
	if (!shared("rfc6962-probes/inclusion", path))
		return;
	assert_true(walk(path, probe_inclusion) > 20);
	assert_true(shared("rfc6962-probes/consistency", path));
	assert_true(walk(path, probe_consistency) > 20);
}

static void
notes(void **state)
{
	json_t *j = load("signed-note.json");
	const json_t *c;
	struct note_key k;
	struct buf b = {0};
	size_t i;

	(void)state;
	if (j == NULL)
		return;
	assert_int_equal(note_key_parse(h, text_of(j, "vkey"), &k, NULL), ERR_OK);
	note_key_format(&k, &b);
	assert_true(bytes_eq(buf_bytes(&b), text_of(j, "vkey")));
	json_array_foreach(json_object_get(j, "bad_vkeys"), i, c)
	{
		struct note_key bad;

		assert_int_not_equal(
		    note_key_parse(h, bytes_str(json_string_value(c)), &bad, NULL), ERR_OK);
	}
	json_array_foreach(json_object_get(j, "cases"), i, c)
	{
		struct note_signers s;
		struct note n;
		bool ok = note_parse(text_of(c, "note"), &n, NULL) == ERR_OK &&
			  note_verify(&n, &k, 1, &s, NULL) == ERR_OK;

		if (ok != json_is_true(json_object_get(c, "accept")))
			fail_msg("%s", json_string_value(json_object_get(c, "name")));
	}
	assert_true(i > 0);
	buf_free(&b);
	json_decref(j);
}

static void
fixed_key(void **state)
{
	json_t *j = load("checkpoint-fixed-key.json");
	uint8_t seed[ED25519_SEED], public[ED25519_PUBLIC];
	struct note_key k = {.type = NOTE_ED25519};
	struct buf b = {0};
	struct note n;
	struct why why;

	(void)state;
	if (j == NULL)
		return;
	assert_int_equal(raw_of(text_of(j, "seed_hex"), seed, sizeof(seed)), sizeof(seed));
	(void)raw_of(text_of(j, "public_key_hex"), public, sizeof(public));
	assert_int_equal(ed25519_public(seed, k.public, &why), ERR_OK);
	assert_memory_equal(k.public, public, sizeof(public));
	k.name = text_of(j, "origin");
	k.id = note_key_id(h, k.name, k.type, k.public);
	note_key_format(&k, &b);
	assert_true(bytes_eq(buf_bytes(&b), text_of(j, "vkey")));
	buf_reset(&b);
	assert_int_equal(note_parse(text_of(j, "checkpoint"), &n, &why), ERR_OK);
	buf_add(&b, n.text);
	buf_byte(&b, '\n');
	assert_int_equal(note_sign(&b, n.text, &k, seed, 0, &why), ERR_OK);
	assert_true(bytes_eq(buf_bytes(&b), text_of(j, "checkpoint")));
	buf_free(&b);
	json_decref(j);
}

static void
cosignature(void **state)
{
	char path[512];
	struct note_signers s;
	struct note_key k;
	struct bytes key, note;
	struct note n;
	struct why why;

	(void)state;
	if (!shared("cosignature/witness-one.vkey", path))
		return;
	key = file_slurp(path);
	assert_true(shared("cosignature/witness-one.checkpoint", path));
	note = file_slurp(path);
	assert_int_equal(note_key_parse(h, bytes_trim(key), &k, &why), ERR_OK);
	assert_int_equal(k.type, NOTE_COSIGNATURE);
	assert_int_equal(note_parse(note, &n, &why), ERR_OK);
	assert_int_equal(n.n, 2);
	assert_int_equal(note_verify(&n, &k, 1, &s, &why), ERR_OK);
	assert_int_equal(s.time[0], 0x69546780);
	free((void *)(uintptr_t)key.ptr);
	free((void *)(uintptr_t)note.ptr);
}

static void
public_logs(void **state)
{
	json_t *j = load("rekor-inclusion.json");
	const json_t *c;
	size_t i;

	(void)state;
	json_array_foreach(j, i, c)
	{
		struct tree_hash root, leaf;
		struct tree_proof p;
		struct checkpoint cp;
		uint64_t index, size;
		struct note n;
		bool holds, matches;

		assert_true(number_parse(text_of(c, "index"), &index));
		assert_true(number_parse(text_of(c, "size"), &size));
		assert_true(tree_hash_parse(text_of(c, "root_b64"), &root));
		assert_true(tree_hash_parse(text_of(c, "leaf_hash_b64"), &leaf));
		holds = base64_proof(json_object_get(c, "proof_b64"), &p) &&
			tree_inclusion_holds(h, index, size, &leaf, &p, &root);
		if (holds != json_is_true(json_object_get(c, "proof_valid")))
			fail_msg("%s: proof", json_string_value(json_object_get(c, "case")));
		/* One has no signature at all: no note, but a checkpoint. */
		if (note_parse(text_of(c, "checkpoint"), &n, NULL) != ERR_OK)
			n.text = bytes_sub(text_of(c, "checkpoint"), 0,
			    bytes_find_seq(text_of(c, "checkpoint"), BYTES("\n\n")) + 1);
		matches = checkpoint_parse(n.text, &cp, NULL) == ERR_OK && cp.size == size &&
			  tree_hash_eq(&cp.root, &root);
		if (matches != json_is_true(json_object_get(c, "checkpoint_matches_proof")))
			print_message(
			    "differs: %s\n", json_string_value(json_object_get(c, "case")));
	}
	json_decref(j);
}

static void
ed25519(void **state)
{
	json_t *j = load("ed25519-wycheproof.json");
	const json_t *group, *c;
	size_t g, i, n = 0;

	(void)state;
	json_array_foreach(json_object_get(j, "testGroups"), g, group)
	{
		uint8_t key[ED25519_PUBLIC];

		(void)raw_of(text_of(json_object_get(group, "publicKey"), "pk"), key, sizeof(key));
		json_array_foreach(json_object_get(group, "tests"), i, c)
		{
			uint8_t msg[4096], sig[256];
			size_t msg_n = raw_of(text_of(c, "msg"), msg, sizeof(msg));
			size_t sig_n = raw_of(text_of(c, "sig"), sig, sizeof(sig));
			bool ok = ed25519_verify(key, bytes_of(msg, msg_n), bytes_of(sig, sig_n));

			if (ok != bytes_eq(text_of(c, "result"), BYTES("valid")))
				fail_msg(
				    "tcId %d", (int)json_integer_value(json_object_get(c, "tcId")));
			n++;
		}
	}
	assert_true(j == NULL || n > 100);
	json_decref(j);
}

/* --- logs of tiles --- */

static enum err
read_tile(
    void *ctx, unsigned level, uint64_t first, size_t n, struct tree_hash *out, struct why *why)
{
	char tile[TILE_PATH_MAX], path[768];
	unsigned width = (unsigned)(first % TREE_TILE + n);

	/* A full tile, or the narrowest partial one that is there. */
	for (unsigned w = TREE_TILE; w >= width; w--) {
		struct bytes file;

		tile_path(tile, level, first / TREE_TILE, w);
		(void)snprintf(path, sizeof(path), "%s/%s", (const char *)ctx, tile);
		file = file_slurp(path);
		if (file.ptr == NULL)
			continue;
		assert_int_equal(file.len, (size_t)w * sizeof(*out));
		memcpy(out, file.ptr + first % TREE_TILE * sizeof(*out), n * sizeof(*out));
		free((void *)(uintptr_t)file.ptr);
		return ERR_OK;
	}
	return FAIL(why, ERR_ABSENT, "no tile %s", tile);
}

static void
check_log(char *dir, const struct policy *p, const char *const *names)
{
	struct tree_reader r = {dir, read_tile};
	struct why why;

	for (; *names != NULL; names++) {
		struct note_signers s;
		struct tree_edge edge;
		struct tree_hash root;
		struct checkpoint c;
		struct bytes note;
		char path[768];

		(void)snprintf(path, sizeof(path), "%s/%s", dir, *names);
		note = file_slurp(path);
		assert_non_null(note.ptr);
		if (policy_open(p, note, &c, &s, &why) != ERR_OK)
			fail_msg("%s: %s", path, why.text);
		assert_int_equal(tree_edge_load(h, &r, c.size, &edge, &why), ERR_OK);
		root = tree_edge_root(h, &edge);
		assert_true(tree_hash_eq(&root, &c.root));
		free((void *)(uintptr_t)note.ptr);
	}
}

static void
fifteen(void **state)
{
	static const char *const names[] = {"checkpoint", "checkpoint.0", "checkpoint.1",
	    "checkpoint.2", "checkpoint.3", "checkpoint.4", "checkpoint.5", "checkpoint.6",
	    "checkpoint.7", "checkpoint.8", "checkpoint.9", "checkpoint.10", "checkpoint.11",
	    "checkpoint.12", "checkpoint.13", "checkpoint.14", "checkpoint.15", NULL};
	char dir[512], path[600];
	struct note_key k;
	struct policy p;
	struct bytes key;

	(void)state;
	if (!shared("tlog-tiles-fifteen", dir))
		return;
	(void)snprintf(path, sizeof(path), "%s/log.vkey", dir);
	key = file_slurp(path);
	assert_int_equal(note_key_parse(h, bytes_trim(key), &k, NULL), ERR_OK);
	policy_of_key(&k, &p);
	check_log(dir, &p, names);
	free((void *)(uintptr_t)key.ptr);
}

static void
six_hundred(void **state)
{
	static const char *const names[] = {"checkpoint", "checkpoint.1", "checkpoint.255",
	    "checkpoint.256", "checkpoint.257", "checkpoint.512", NULL};
	static const uint64_t proofs[] = {0, 1, 255, 256, 300, 599};
	char dir[512], path[600];
	struct policy p;
	struct bytes policy;
	struct why why;

	(void)state;
	if (!shared("tlog-tiles-six-hundred", dir))
		return;
	(void)snprintf(path, sizeof(path), "%s/policy", dir);
	policy = file_slurp(path);
	assert_int_equal(policy_parse(h, policy, &p, &why), ERR_OK);
	check_log(dir, &p, names);
	for (size_t i = 0; i < ARRAY_LEN(proofs); i++) {
		struct tlog_proof proof;
		struct checkpoint c;
		struct bytes file, bundle, rest, entry = {0};
		struct tree_hash leaf;
		char tile[TILE_PATH_MAX];

		(void)snprintf(
		    path, sizeof(path), "%s/proofs/%u.tlog-proof", dir, (unsigned)proofs[i]);
		file = file_slurp(path);
		tile_path(tile, TILE_ENTRIES, proofs[i] / 256, proofs[i] < 512 ? 256 : 88);
		(void)snprintf(path, sizeof(path), "%s/%s", dir, tile);
		rest = bundle = file_slurp(path);
		for (uint64_t k = 0; k <= proofs[i] % 256; k++)
			assert_true(bundle_next(&rest, &entry));
		leaf = tree_leaf(h, entry);
		assert_int_equal(tlog_proof_parse(file, &proof, &why), ERR_OK);
		assert_int_equal(proof.index, proofs[i]);
		assert_int_equal(tlog_proof_holds(h, &p, &proof, &leaf, &c, &why), ERR_OK);
		leaf.b[0] ^= 1;
		assert_int_equal(tlog_proof_holds(h, &p, &proof, &leaf, &c, &why), ERR_REFUSED);
		free((void *)(uintptr_t)file.ptr);
		free((void *)(uintptr_t)bundle.ptr);
	}
	free((void *)(uintptr_t)policy.ptr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(eight_leaves),
	    cmocka_unit_test(generated), cmocka_unit_test(probes), cmocka_unit_test(notes),
	    cmocka_unit_test(fixed_key), cmocka_unit_test(cosignature),
	    cmocka_unit_test(public_logs), cmocka_unit_test(ed25519), cmocka_unit_test(fifteen),
	    cmocka_unit_test(six_hundred)};
	int r;

	h = hasher_new();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	hasher_free(h);
	return r;
}
