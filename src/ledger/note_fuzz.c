/* SPDX-License-Identifier: Apache-2.0 */
/* Every text of the ledger that comes from outside: notes, checkpoints, keys, proofs, policies,
 * bundles. What is read and written again is the same. */
#include <stdlib.h>

#include "ledger/entry.h"
#include "ledger/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same(const struct buf *b, struct bytes in)
{
	if (!bytes_eq(buf_bytes(b), in))
		abort();
}

static void
try_note(struct hasher *h, struct bytes in)
{
	static const uint8_t seed[ED25519_SEED] = {1};
	struct note_key k = {.name = BYTES("a"), .type = NOTE_COSIGNATURE};
	struct note_signers s;
	struct checkpoint c;
	struct buf out = {0};
	struct note n;

	if (ed25519_public(seed, k.public, NULL) != ERR_OK)
		abort();
	k.id = note_key_id(h, k.name, k.type, k.public);
	if (note_parse(in, &n, NULL) != ERR_OK)
		return;
	if (n.n == 0 || note_verify(&n, &k, 1, &s, NULL) == ERR_OK)
		abort();
	if (checkpoint_parse(n.text, &c, NULL) == ERR_OK) {
		checkpoint_format(&c, &out);
		same(&out, n.text);
	}
	buf_free(&out);
}

static void
try_bundle(struct bytes in)
{
	struct buf out = {0};
	struct bytes rest = in, entry;

	while (bundle_next(&rest, &entry)) {
		(void)entry_form(entry);
		bundle_add(&out, entry);
	}
	same(&out, bytes_sub(in, 0, in.len - rest.len));
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hasher *h = hasher_new();
	struct bytes in = bytes_of(data, size);
	struct tlog_proof p;
	struct policy policy;
	struct note_key k;
	struct buf out = {0};

	try_note(h, in);
	try_bundle(in);
	if (tlog_proof_parse(in, &p, NULL) == ERR_OK) {
		tlog_proof_format(&p, &out);
		same(&out, in);
	}
	buf_reset(&out);
	if (note_key_parse(h, in, &k, NULL) == ERR_OK) {
		note_key_format(&k, &out);
		same(&out, in);
	}
	(void)(policy_parse(h, in, &policy, NULL) == ERR_OK);
	buf_free(&out);
	hasher_free(h);
	return 0;
}
