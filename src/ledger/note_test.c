/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/entry.h"
#include "ledger/proof.h"

static struct hasher *h;

struct signer {
	uint8_t seed[ED25519_SEED];
	struct note_key key;
};

static struct signer
signer_of(uint8_t no, struct bytes name, enum note_key_type type)
{
	struct signer s = {.seed = {no, 1, 2, 3}, .key = {.name = name, .type = type}};
	struct why why;

	assert_int_equal(ed25519_public(s.seed, s.key.public, &why), ERR_OK);
	s.key.id = note_key_id(h, name, type, s.key.public);
	return s;
}

static struct bytes
note_of(struct buf *b, struct bytes text, const struct signer *by, size_t n)
{
	struct why why;

	buf_reset(b);
	buf_add(b, text);
	buf_byte(b, '\n');
	for (size_t i = 0; i < n; i++)
		assert_int_equal(
		    note_sign(b, text, &by[i].key, by[i].seed, 1700000000 + i, &why), ERR_OK);
	return buf_bytes(b);
}

#define TEXT                                                                                       \
	"lab.example/audit\n5\n"                                                                   \
	"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"

static void
signed_and_read(void **state)
{
	struct signer by[2] = {signer_of(1, BYTES("lab.example/audit"), NOTE_ED25519),
	    signer_of(2, BYTES("witness.example"), NOTE_COSIGNATURE)};
	struct note_key keys[2] = {by[0].key, by[1].key};
	struct note_signers s;
	struct checkpoint c;
	struct buf b = {0}, again = {0};
	struct note n;
	struct why why;

	(void)state;
	assert_int_equal(note_parse(note_of(&b, BYTES(TEXT), by, 2), &n, &why), ERR_OK);
	assert_int_equal(n.n, 2);
	assert_int_equal(note_verify(&n, keys, 2, &s, &why), ERR_OK);
	assert_int_equal(s.n, 2);
	assert_true(s.by[0] && s.by[1]);
	assert_int_equal(s.time[1], 1700000001);
	assert_int_equal(note_verify(&n, keys + 1, 1, &s, &why), ERR_OK);
	assert_int_equal(note_verify(&n, keys, 0, &s, &why), ERR_REFUSED);
	assert_int_equal(checkpoint_parse(n.text, &c, &why), ERR_OK);
	assert_int_equal(c.size, 5);
	checkpoint_format(&c, &again);
	assert_true(bytes_eq(buf_bytes(&again), BYTES(TEXT)));
	buf_free(&b);
	buf_free(&again);
}

/* Any changed bit and any cut of a signed note is refused, or is a change of a name that makes the
 * signature one of an unknown key. */
static void
every_bit_counts(void **state)
{
	struct signer by = signer_of(1, BYTES("lab.example/audit"), NOTE_ED25519);
	struct note_signers s;
	struct buf b = {0};
	struct bytes whole = note_of(&b, BYTES(TEXT), &by, 1);
	struct note n;
	struct why why;

	(void)state;
	for (size_t bit = 0; bit < whole.len * 8; bit++) {
		b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(note_parse(whole, &n, &why) == ERR_OK &&
			     note_verify(&n, &by.key, 1, &s, &why) == ERR_OK);
		b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < whole.len; len++)
		assert_false(note_parse(bytes_sub(whole, 0, len), &n, &why) == ERR_OK &&
			     note_verify(&n, &by.key, 1, &s, &why) == ERR_OK);
	buf_free(&b);
}

static void
bad_notes(void **state)
{
	static const struct {
		const char *name;
		struct bytes in;
	} cases[] = {
	    {"empty", BYTES_INIT("")},
	    {"one line end", BYTES_INIT("\n")},
	    {"no blank line", BYTES_INIT("a\n\xe2\x80\x94 k AAAAAAA=\n")},
	    {"no signature", BYTES_INIT("a\n\n")},
	    {"last line cut", BYTES_INIT("a\n\n\xe2\x80\x94 k AAAAAAAA")},
	    {"no dash", BYTES_INIT("a\n\n- k AAAAAAA=\n")},
	    {"no name", BYTES_INIT("a\n\n\xe2\x80\x94  AAAAAAAA\n")},
	    {"plus in the name", BYTES_INIT("a\n\n\xe2\x80\x94 k+k AAAAAAAA\n")},
	    {"wide blank in the name", BYTES_INIT("a\n\n\xe2\x80\x94 k\xe2\x80\x83k AAAAAAAA\n")},
	    {"no signature bytes", BYTES_INIT("a\n\n\xe2\x80\x94 k AAAAAA==\n")},
	    {"not base64", BYTES_INIT("a\n\n\xe2\x80\x94 k AAAA*AAA\n")},
	    {"unused bits set", BYTES_INIT("a\n\n\xe2\x80\x94 k AAAAAAB=\n")},
	    {"URL alphabet", BYTES_INIT("a\n\n\xe2\x80\x94 k AAAA_AAA\n")},
	    {"control character", BYTES_INIT("a\tb\n\n\xe2\x80\x94 k AAAAAAAA\n")},
	    {"carriage return", BYTES_INIT("a\r\n\n\xe2\x80\x94 k AAAAAAAA\n")},
	    {"not UTF-8", BYTES_INIT("a\xff\n\n\xe2\x80\x94 k AAAAAAAA\n")},
	    {"junk behind", BYTES_INIT("a\n\n\xe2\x80\x94 k AAAAAAAA\njunk\n")},
	};
	struct note n;
	struct why why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (note_parse(cases[i].in, &n, &why) != ERR_INPUT)
			fail_msg("%s: not refused", cases[i].name);
	}
	assert_int_equal(
	    note_parse(BYTES("a\n\nb\n\n\xe2\x80\x94 k AAAAAAA=\n"), &n, &why), ERR_OK);
	assert_true(bytes_eq(n.text, BYTES("a\n\nb\n")));
}

static void
bad_checkpoints(void **state)
{
	static const char *const bad[] = {"", "\n", "a\n", "a\n5\n", "\n5\n",
	    "a\n05\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
	    "a\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
	    "a\n9223372036854775808\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
	    "a\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n",
	    "a\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==\n",
	    "a\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	    "a\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n",
	    "a\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nx"};
	struct checkpoint c;
	struct why why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(checkpoint_parse(bytes_str(bad[i]), &c, &why), ERR_INPUT);
	assert_int_equal(
	    checkpoint_parse(
		BYTES("a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\next 1\next 2\n"), &c,
		&why),
	    ERR_OK);
	assert_int_equal(c.extensions.len, 12);
}

static void
keys_are_held_to_their_id(void **state)
{
	struct signer s = signer_of(9, BYTES("lab.example/audit"), NOTE_ED25519);
	struct buf b = {0};
	struct note_key k;
	struct why why;

	(void)state;
	note_key_format(&s.key, &b);
	assert_int_equal(note_key_parse(h, buf_bytes(&b), &k, &why), ERR_OK);
	assert_memory_equal(k.public, s.key.public, sizeof(k.public));
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(note_key_parse(h, buf_bytes(&b), &k, &why), ERR_INPUT);
		b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(
		    note_key_parse(h, bytes_sub(buf_bytes(&b), 0, len), &k, &why), ERR_INPUT);
	buf_free(&b);
}

/* --- entries and tiles --- */

static void
paths(void **state)
{
	static const struct {
		unsigned level;
		uint64_t n;
		unsigned width;
		const char *path;
	} cases[] = {{0, 0, 256, "tile/0/000"}, {0, 273, 112, "tile/0/273.p/112"},
	    {1, 1, 17, "tile/1/001.p/17"}, {2, 0, 1, "tile/2/000.p/1"},
	    {3, 1234067, 256, "tile/3/x001/x234/067"}, {TILE_ENTRIES, 999, 256, "tile/entries/999"},
	    {TILE_ENTRIES, 1000, 1, "tile/entries/x001/000.p/1"}};
	char out[TILE_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		tile_path(out, cases[i].level, cases[i].n, cases[i].width);
		assert_string_equal(out, cases[i].path);
	}
	tile_path(out, 63, UINT64_MAX, 255);
	assert_true(strlen(out) < TILE_PATH_MAX - 1);
}

static void
entries(void **state)
{
	static uint8_t big[ENTRY_BYTES_MAX + 1] = {0xfc, 0xff, 0, 0, 1};
	uint8_t room[ENTRY_DIGEST_BYTES], record[] = {2, 0, 0, 0, 13, 0};
	struct bytes e, rest, got;
	struct buf b = {0};

	(void)state;
	e = entry_of(h, bytes_of(record, sizeof(record)), room);
	assert_ptr_equal(e.ptr, record);
	assert_int_equal(entry_form(e), ENTRY_RECORD);
	e = entry_of(h, bytes_of(big, sizeof(big)), room);
	assert_int_equal(e.len, ENTRY_DIGEST_BYTES);
	assert_int_equal(entry_form(e), ENTRY_DIGEST);
	bundle_add(&b, e);
	e = entry_of(h, (struct bytes){NULL, 0}, room);
	assert_int_equal(entry_form(e), ENTRY_ABSENT);
	bundle_add(&b, e);
	assert_int_equal(entry_form(BYTES("")), ENTRY_OTHER);
	assert_int_equal(
	    entry_form(bytes_sub(bytes_of(record, sizeof(record)), 0, 5)), ENTRY_OTHER);
	rest = buf_bytes(&b);
	assert_true(bundle_next(&rest, &got) && got.len == ENTRY_DIGEST_BYTES);
	assert_true(bundle_next(&rest, &got) && got.len == ENTRY_ABSENT_BYTES);
	assert_false(bundle_next(&rest, &got));
	assert_int_equal(rest.len, 0);
	rest = bytes_sub(buf_bytes(&b), 0, b.len - 1);
	assert_true(bundle_next(&rest, &got));
	assert_false(bundle_next(&rest, &got));
	assert_true(rest.len > 0);
	buf_free(&b);
}

/* --- proofs and policies --- */

static void
policies(void **state)
{
	struct signer log = signer_of(1, BYTES("lab.example/audit"), NOTE_ED25519);
	struct signer w[3] = {signer_of(2, BYTES("w1"), NOTE_COSIGNATURE),
	    signer_of(3, BYTES("w2"), NOTE_COSIGNATURE),
	    signer_of(4, BYTES("w3"), NOTE_COSIGNATURE)};
	static const struct {
		const char *tail; /* behind the log, witnesses A B C */
		bool fits;
		unsigned met; /* bit k: with the first k witnesses it is met */
	} cases[] = {
	    {"quorum none\n", true, 15},
	    {"quorum A\n", true, 14},
	    {"quorum C\n", true, 8},
	    {"group g any A B C\nquorum g\n", true, 14},
	    {"group g all A B C\nquorum g\n", true, 8},
	    {"group g 2 A B C # two\n\n# more\nquorum g", true, 12},
	    {"group g any A B\ngroup k all g C\nquorum k\n", true, 8},
	    {"", false, 0},
	    {"quorum D\n", false, 0},
	    {"quorum A\nquorum A\n", false, 0},
	    {"quorum\n", false, 0},
	    {"quorum A B\n", false, 0},
	    {"group g 0 A B\nquorum g\n", false, 0},
	    {"group g 3 A B\nquorum g\n", false, 0},
	    {"group g 02 A B\nquorum g\n", false, 0},
	    {"group g most A B\nquorum g\n", false, 0},
	    {"group g any A A\nquorum g\n", false, 0},
	    {"group g any A\ngroup k any A B\nquorum k\n", false, 0},
	    {"group g any g A\nquorum g\n", false, 0},
	    {"group A any B C\nquorum A\n", false, 0},
	    {"group none any B C\nquorum none\n", false, 0},
	    {"group g any\nquorum g\n", false, 0},
	    {"nonsense\nquorum none\n", false, 0},
	};
	struct policy p;
	struct why why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = {0}, note = {0};

		buf_text(&b, "# a comment\nlog ");
		note_key_format(&log.key, &b);
		for (size_t k = 0; k < 3; k++) {
			buf_printf(&b, "\nwitness %c ", "ABC"[k]);
			note_key_format(&w[k].key, &b);
		}
		buf_printf(&b, "\n%s", cases[i].tail);
		if ((policy_parse(h, buf_bytes(&b), &p, &why) == ERR_OK) != cases[i].fits)
			fail_msg("%s", cases[i].tail);
		for (size_t k = 0; k <= 3 && cases[i].fits; k++) {
			struct signer by[4] = {log, w[0], w[1], w[2]};
			struct note_signers s;
			struct checkpoint c;
			bool met = policy_open(&p, note_of(&note, BYTES(TEXT), by, 1 + k), &c, &s,
				       &why) == ERR_OK;

			if (met != ((cases[i].met >> k & 1) != 0))
				fail_msg("%s with %zu witnesses", cases[i].tail, k);
		}
		buf_free(&b);
		buf_free(&note);
	}
}

static void
a_log_signs_for_itself_only(void **state)
{
	struct signer other = signer_of(1, BYTES("other.example"), NOTE_ED25519);
	struct note_signers s;
	struct checkpoint c;
	struct buf b = {0};
	struct policy p;
	struct why why;

	(void)state;
	policy_of_key(&other.key, &p);
	assert_int_equal(
	    policy_open(&p, note_of(&b, BYTES(TEXT), &other, 1), &c, &s, &why), ERR_REFUSED);
	buf_free(&b);
}

static void
bad_proofs(void **state)
{
#define HEAD "c2sp.org/tlog-proof@v1\n"
#define HASH "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
	static const char *const bad[] = {"", "index 0\n\n", HEAD, HEAD "\n", HEAD "index\n\n",
	    HEAD "index -1\n\n", HEAD "index 01\n\n", HEAD "index 0\n", HEAD "index 0\n" HASH,
	    HEAD "index 0\nAAAA\n\n", HEAD "extra *\nindex 0\n\n", HEAD "extra \nindex 0\n\n",
	    HEAD "index 0\nextra AAAA\n\n", HEAD "index 0 \n\n"};
	struct tlog_proof p;
	struct buf b = {0};
	struct why why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(tlog_proof_parse(bytes_str(bad[i]), &p, &why), ERR_INPUT);
	assert_int_equal(
	    tlog_proof_parse(BYTES(HEAD "extra AAAA\nindex 7\n" HASH HASH "\nx"), &p, &why),
	    ERR_OK);
	assert_int_equal(p.index, 7);
	assert_int_equal(p.path.n, 2);
	tlog_proof_format(&p, &b);
	assert_true(bytes_eq(buf_bytes(&b), BYTES(HEAD "extra AAAA\nindex 7\n" HASH HASH "\nx")));
	buf_reset(&b);
	buf_text(&b, HEAD "index 7\n");
	for (int i = 0; i < TREE_PROOF_MAX; i++)
		buf_text(&b, HASH);
	buf_text(&b, "\n");
	assert_int_equal(tlog_proof_parse(buf_bytes(&b), &p, &why), ERR_OK);
	b.len--;
	buf_text(&b, HASH "\n");
	assert_int_equal(tlog_proof_parse(buf_bytes(&b), &p, &why), ERR_INPUT);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(signed_and_read),
	    cmocka_unit_test(every_bit_counts), cmocka_unit_test(bad_notes),
	    cmocka_unit_test(bad_checkpoints), cmocka_unit_test(keys_are_held_to_their_id),
	    cmocka_unit_test(paths), cmocka_unit_test(entries), cmocka_unit_test(policies),
	    cmocka_unit_test(a_log_signs_for_itself_only), cmocka_unit_test(bad_proofs)};
	int r;

	h = hasher_new();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	hasher_free(h);
	return r;
}
