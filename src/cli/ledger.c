/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat ledger status|checkpoint|prove|consistency|rotate. Checking and exporting:
 * ledger_check.c and ledger_export.c. */
#include "cli/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

/* --- opening --- */

int
cli_ledger_open(const struct cli *c, enum store_mode mode, struct cli_ledger *l)
{
	struct why why;
	enum err e;
	int status;

	*l = (struct cli_ledger){0};
	if ((status = cli_open(c, mode, &l->s)) >= 0)
		return status;
	/* The store may lag behind the ledger, never the other way, so it is read first. */
	e = store_value(l->s.store, "ledger.signed", &l->remembered, &why);
	if (e == ERR_OK || e == ERR_ABSENT)
		e = tlog_open(
		    &l->log, store_dir_fd(l->s.dir), TLOG_READ, (struct bytes){NULL, 0}, &why);
	if (e == ERR_OK)
		return -1;
	if (e == ERR_ABSENT && l->remembered.len > 0)
		e = FAIL(&why, ERR_REFUSED,
		    "the ledger was deleted: the store remembers a checkpoint of it; first bad "
		    "entry: 0");
	cli_ledger_close(l);
	return e == ERR_REFUSED ? cli_fail(EXIT_FOUND, "%s", why.text) : cli_why(&why);
}

void
cli_ledger_close(struct cli_ledger *l)
{
	tlog_close(l->log);
	buf_free(&l->remembered);
	cli_close(&l->s);
}

static void
print_bytes(struct bytes b)
{
	(void)fwrite(b.ptr, 1, b.len, stdout);
}

/* Checkpoint and key, as members of an open object. */
static void
json_checkpoint(struct json *j, const struct tlog *t)
{
	const struct checkpoint *cp = tlog_checkpoint(t);
	struct buf text = {0};
	size_t n;
	const struct note_key *keys = tlog_keys(t, &n);

	json_kbytes(j, "origin", keys[0].name);
	json_ku64(j, "size", cp->size);
	base64_encode(bytes_of(cp->root.b, sizeof(cp->root.b)), &text);
	json_kbytes(j, "root", buf_bytes(&text));
	json_key(j, "keys");
	json_array(j);
	for (size_t i = 0; i < n; i++) {
		buf_reset(&text);
		note_key_format(&keys[i], &text);
		json_bytes(j, buf_bytes(&text));
	}
	json_array_end(j);
	buf_free(&text);
}

static void
put_line(struct buf *line, struct json *j)
{
	json_object_end(j);
	cli_json_line(line);
	buf_free(line);
}

/* --- status --- */

static int
run_status(struct cli *c)
{
	struct buf line = {0}, text = {0};
	struct json j = json_on(&line);
	const struct checkpoint *cp;
	struct cli_ledger l;
	uint64_t first = 0, last = 0;
	struct why why;
	size_t n;
	int status;

	if ((status = cli_ledger_open(c, STORE_READ, &l)) >= 0)
		return status;
	if (store_range(l.s.store, &first, &last, &why) != ERR_OK) {
		cli_ledger_close(&l);
		return cli_why(&why);
	}
	cp = tlog_checkpoint(l.log);
	if (c->json) {
		json_object(&j);
		json_kstr(&j, "type", "ledger_status");
		json_checkpoint(&j, l.log);
		json_ku64(&j, "unsigned", last > cp->size ? last - cp->size : 0);
		json_kbool(&j, "sound", !tlog_broken(l.log));
		put_line(&line, &j);
	} else {
		tree_hash_format(&cp->root, &text);
		(void)tlog_keys(l.log, &n);
		printf("ledger      %.*s\nsigned      %llu entries\nroot        %.*s\nkeys        "
		       "%zu (the last one signs)\nnot signed  %llu events\n",
		    (int)cp->origin.len, (const char *)cp->origin.ptr, (unsigned long long)cp->size,
		    (int)text.len, (const char *)text.ptr, n,
		    (unsigned long long)(last > cp->size ? last - cp->size : 0));
		if (tlog_broken(l.log))
			printf("its files DO NOT lead to this root: hemostat ledger verify\n");
		else
			printf("keep a copy of `hemostat ledger checkpoint` elsewhere: nothing "
			       "else shows that a whole log was replaced\n");
	}
	status = tlog_broken(l.log) ? EXIT_FOUND : EXIT_DONE;
	buf_free(&text);
	cli_ledger_close(&l);
	return status;
}

static int
run_checkpoint(struct cli *c)
{
	struct buf line = {0};
	struct json j = json_on(&line);
	struct cli_ledger l;
	int status;

	if ((status = cli_ledger_open(c, STORE_READ, &l)) >= 0)
		return status;
	if (c->json) {
		json_object(&j);
		json_kstr(&j, "type", "ledger_checkpoint");
		json_checkpoint(&j, l.log);
		json_kbytes(&j, "note", tlog_note(l.log));
		put_line(&line, &j);
	} else {
		print_bytes(tlog_note(l.log));
	}
	cli_ledger_close(&l);
	return EXIT_DONE;
}

/* --- proofs --- */

struct proving {
	struct cli_ledger l;
	struct buf entry;
	struct tree_hash leaf, made; /* as stored; as hashed from the entry */
	bool have;
};

static bool
take_entry(void *ctx, const struct store_event *e)
{
	struct proving *p = ctx;
	struct hasher *h = tlog_hasher(p->l.log);
	uint8_t room[ENTRY_DIGEST_BYTES];
	struct bytes entry = entry_of(h, e->record, room);

	buf_add(&p->entry, entry);
	p->made = tree_leaf(h, entry);
	p->have = true;
	return true;
}

static int
put_entry(const struct cli *c, struct bytes entry)
{
	const char *name = cli_value(c, "entry");
	FILE *f;
	bool ok;

	if (name == NULL)
		return EXIT_DONE;
	if ((f = fopen(name, "wb")) == NULL)
		return cli_fail(EXIT_SYSTEM, "%s: cannot be written", name);
	ok = fwrite(entry.ptr, 1, entry.len, f) == entry.len;
	ok = fclose(f) == 0 && ok;
	return ok ? EXIT_DONE : cli_fail(EXIT_SYSTEM, "%s: cannot be written", name);
}

static void
print_proof(const struct cli *c, const struct proving *p, uint64_t seq, struct bytes proof)
{
	struct buf line = {0}, text = {0};
	struct json j = json_on(&line);

	if (!c->json) {
		print_bytes(proof);
		return;
	}
	json_object(&j);
	json_kstr(&j, "type", "ledger_proof");
	json_ku64(&j, "event", seq);
	json_ku64(&j, "index", seq - 1);
	json_checkpoint(&j, p->l.log);
	if (p->have) {
		base64_encode(buf_bytes(&p->entry), &text);
		json_kbytes(&j, "entry", buf_bytes(&text));
	}
	json_khex(&j, "leaf_hash", bytes_of(p->leaf.b, sizeof(p->leaf.b)));
	json_kbytes(&j, "proof", proof);
	put_line(&line, &j);
	buf_free(&text);
}

static int
prove(struct cli *c, struct proving *p, uint64_t seq)
{
	struct tree_reader r = tlog_reader(p->l.log);
	const struct checkpoint *cp = tlog_checkpoint(p->l.log);
	struct tlog_proof proof = {.index = seq - 1, .note = tlog_note(p->l.log)};
	struct buf out = {0};
	struct why why;
	enum err e;
	int status;

	if (seq > cp->size)
		return cli_fail(EXIT_INPUT, "event %llu is not signed yet: %llu are",
		    (unsigned long long)seq, (unsigned long long)cp->size);
	if (tree_inclusion(tlog_hasher(p->l.log), &r, seq - 1, cp->size, &proof.path, &why) !=
		ERR_OK ||
	    r.read(r.ctx, 0, seq - 1, 1, &p->leaf, &why) != ERR_OK)
		return cli_why(&why);
	e = store_event(p->l.s.store, seq, take_entry, p, &why);
	if (e != ERR_OK && e != ERR_ABSENT)
		return cli_why(&why);
	if ((p->have && !tree_hash_eq(&p->made, &p->leaf)) ||
	    !tree_inclusion_holds(
		tlog_hasher(p->l.log), seq - 1, cp->size, &p->leaf, &proof.path, &cp->root))
		return cli_fail(EXIT_FOUND,
		    "event %llu does not verify: see hemostat ledger verify",
		    (unsigned long long)seq);
	if (!p->have)
		(void)cli_fail(EXIT_DONE,
		    "event %llu is not in the store any more; the proof is of its leaf hash",
		    (unsigned long long)seq);
	tlog_proof_format(&proof, &out);
	print_proof(c, p, seq, buf_bytes(&out));
	status = p->have ? put_entry(c, buf_bytes(&p->entry)) : EXIT_DONE;
	buf_free(&out);
	return status;
}

static int
run_prove(struct cli *c)
{
	struct proving p = {0};
	uint64_t seq;
	int status;

	if (c->n_args != 1 || !bytes_to_u64(bytes_str(c->args[0]), &seq) || seq == 0)
		return cli_fail(
		    EXIT_USAGE, "ledger prove takes one event number; see hemostat event list");
	if ((status = cli_ledger_open(c, STORE_READ, &p.l)) >= 0)
		return status;
	status = prove(c, &p, seq);
	buf_free(&p.entry);
	cli_ledger_close(&p.l);
	return status;
}

static int
run_consistency(struct cli *c)
{
	struct buf out = {0};
	struct tree_proof path;
	struct tree_reader r;
	struct cli_ledger l;
	uint64_t size;
	struct why why;
	int status;

	if (c->n_args != 1 || !bytes_to_u64(bytes_str(c->args[0]), &size))
		return cli_fail(EXIT_USAGE, "ledger consistency takes the size of an older "
					    "checkpoint (its second line)");
	if ((status = cli_ledger_open(c, STORE_READ, &l)) >= 0)
		return status;
	r = tlog_reader(l.log);
	if (tree_consistency(tlog_hasher(l.log), &r, size, tlog_signed_size(l.log), &path, &why) !=
	    ERR_OK) {
		cli_ledger_close(&l);
		return cli_why(&why);
	}
	buf_printf(&out, "old %llu\n", (unsigned long long)size);
	for (size_t i = 0; i < path.n; i++) {
		tree_hash_format(&path.hash[i], &out);
		buf_byte(&out, '\n');
	}
	buf_byte(&out, '\n');
	buf_add(&out, tlog_note(l.log));
	print_bytes(buf_bytes(&out));
	buf_free(&out);
	cli_ledger_close(&l);
	return EXIT_DONE;
}

/* --- keys --- */

static int
run_rotate(struct cli *c)
{
	struct tlog *t = NULL;
	struct cli_store s;
	struct buf name = {0};
	struct why why;
	size_t n;
	enum err e;
	int status;

	if ((status = cli_open(c, STORE_WRITE, &s)) >= 0)
		return status;
	if ((e = brain_ledger_open(&t, s.dir, s.store, &why)) == ERR_OK &&
	    (e = tlog_rotate(t, &why)) == ERR_OK) {
		const struct note_key *keys = tlog_keys(t, &n);

		note_key_format(&keys[n - 1], &name);
		printf("%.*s\n", (int)name.len, (const char *)name.ptr);
	}
	buf_free(&name);
	tlog_close(t);
	cli_close(&s);
	return e == ERR_OK ? EXIT_DONE : cli_why(&why);
}

static const struct cli_option prove_options[] = {
    {"entry", 0, "FILE", "write the bytes that are proven to FILE"}, {0}};

const struct cli_command command_ledger_status = {.noun = "ledger",
    .verb = "status",
    .args = "",
    .summary = "how much is signed, by which key",
    .run = run_status};

const struct cli_command command_ledger_checkpoint = {.noun = "ledger",
    .verb = "checkpoint",
    .args = "",
    .summary = "the newest signed checkpoint, to be kept elsewhere",
    .run = run_checkpoint};

const struct cli_command command_ledger_prove = {.noun = "ledger",
    .verb = "prove",
    .args = "EVENT",
    .summary = "a proof that an event is in the ledger, to be checked anywhere",
    .detail = "The proof is a C2SP tlog-proof; hemostat-verify proof checks it offline.",
    .options = prove_options,
    .run = run_prove};

const struct cli_command command_ledger_consistency = {.noun = "ledger",
    .verb = "consistency",
    .args = "SIZE",
    .summary = "a proof that nothing before SIZE has changed since",
    .run = run_consistency};

const struct cli_command command_ledger_rotate = {.noun = "ledger",
    .verb = "rotate",
    .args = "",
    .summary = "sign with a new key from now on; the old one is gone",
    .detail = "The old key signs the new one's name, so that who trusts the first key follows.",
    .run = run_rotate};
