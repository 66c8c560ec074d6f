/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat ledger verify: every event against its leaf, leaves against tiles, tiles against every
 * checkpoint there is: the newest, the history, the store's memory, and those kept elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "cli/ledger.h"
#include "sys/clock.h"

enum { LEAVES_AT_ONCE = 4096, POINTS_MAX = 1 << 20, FILE_MAX = NOTE_BYTES_MAX };

struct check {
	struct cli_ledger l;
	struct tree_reader reader;
	struct audit audit;
	struct audit_complete *complete;
	struct audit_list notes; /* faults of checkpoints themselves */
	struct buf points;       /* struct audit_point each */
	uint64_t size;           /* entries that the newest checkpoint speaks of */
	uint64_t first;          /* event kept first; 0 = none */
	uint64_t gone;           /* let go by retention */
	uint64_t absent;         /* gone before the ledger began */
	struct tree_hash absent_leaf;
	struct tree_hash leaf[LEAVES_AT_ONCE];
	uint64_t leaf_at;
	size_t leaf_n;
	bool ended; /* level0 has ended before its time */
	struct why why;
};

/* --- checkpoints --- */

/* A signed root to be met; a fault where it is not one of this log. */
static void
add_point(struct check *k, struct bytes note, const char *label, bool elsewhere)
{
	struct audit_point p = {.elsewhere = elsewhere};
	struct note_signers signers;
	struct checkpoint cp;
	struct note n;
	size_t n_keys;
	const struct note_key *keys = tlog_keys(k->l.log, &n_keys);

	if (note_parse(note, &n, &k->why) != ERR_OK ||
	    checkpoint_parse(n.text, &cp, &k->why) != ERR_OK) {
		audit_add(&k->notes, AUDIT_SIGNATURE, 0, 0, "%s: %.100s", label, k->why.text);
		return;
	}
	if (!bytes_eq(cp.origin, keys[0].name)) {
		audit_add(&k->notes, AUDIT_SIGNATURE, 0, cp.size, "%s is of another ledger", label);
		return;
	}
	if (note_verify(&n, keys, n_keys, &signers, &k->why) != ERR_OK) {
		audit_add(&k->notes, AUDIT_SIGNATURE, 0, cp.size, "%s: %.100s", label, k->why.text);
		return;
	}
	p.size = cp.size;
	p.root = cp.root;
	(void)snprintf(p.label, sizeof(p.label), "%.60s", label);
	if (k->points.len / sizeof(p) < POINTS_MAX)
		buf_add(&k->points, bytes_of(&p, sizeof(p)));
}

static int
read_file(const char *name, struct buf *out)
{
	FILE *f = fopen(name, "rb");

	buf_reset(out);
	if (f == NULL)
		return cli_fail(EXIT_INPUT, "%s: cannot be read", name);
	if (buf_reserve(out, FILE_MAX))
		out->len = fread(out->ptr, 1, FILE_MAX, f);
	(void)fclose(f);
	return -1;
}

/* A key from elsewhere: the data directory's own could have been replaced with the rest. */
static int
hold_key(struct check *k, const char *word)
{
	struct buf text = {0};
	struct note_key trusted;
	size_t n;
	int status = -1;

	if (word == NULL)
		return -1;
	if (strchr(word, '+') != NULL)
		buf_text(&text, word);
	else if ((status = read_file(word, &text)) >= 0)
		goto done;
	if (note_key_parse(
		tlog_hasher(k->l.log), bytes_trim(buf_bytes(&text)), &trusted, &k->why) != ERR_OK)
		status = cli_fail(EXIT_INPUT, "--key: %s", k->why.text);
	else if (memcmp(trusted.public, tlog_keys(k->l.log, &n)[0].public, ED25519_PUBLIC) != 0)
		audit_add(&k->notes, AUDIT_SIGNATURE, 0, 0, "the ledger began with another key");
done:
	buf_free(&text);
	return status;
}

static int
gather(struct check *k, struct cli *c)
{
	struct buf file = {0};
	struct bytes rest, note;
	char label[64];
	int status;

	if ((status = hold_key(k, cli_value(c, "key"))) >= 0)
		return status;
	if (tlog_note(k->l.log).len > 0)
		add_point(k, tlog_note(k->l.log), "the newest checkpoint", false);
	else
		audit_add(&k->notes, AUDIT_SIGNATURE, 0, 0, "there is no checkpoint");
	if (k->l.remembered.len > 0)
		add_point(k, buf_bytes(&k->l.remembered), "the checkpoint that the store remembers",
		    false);
	if (tlog_file(k->l.log, "history", &file, &k->why) != ERR_OK) {
		buf_free(&file);
		return cli_why(&k->why);
	}
	rest = buf_bytes(&file);
	while (tlog_history_next(&rest, &note))
		add_point(k, note, "a checkpoint of the history", false);
	for (size_t i = 0; i < c->n_args; i++) {
		(void)snprintf(label, sizeof(label), "%.60s", c->args[i]);
		if ((status = read_file(c->args[i], &file)) >= 0)
			break;
		add_point(k, buf_bytes(&file), label, true);
	}
	buf_free(&file);
	return status;
}

/* --- leaves --- */

/* The stored hash of the next leaf; NULL at the end of what is stored. */
static const struct tree_hash *
stored_leaf(struct check *k)
{
	uint64_t at = k->audit.leaves.size;
	uint64_t left = k->size - at;

	if (k->leaf_n == 0 || at >= k->leaf_at + k->leaf_n) {
		k->leaf_at = at;
		if (tlog_level(k->l.log, 0, at,
			left < LEAVES_AT_ONCE ? (size_t)left : LEAVES_AT_ONCE, k->leaf, &k->leaf_n,
			&k->why) != ERR_OK)
			k->leaf_n = 0;
		if (k->leaf_n == 0) {
			k->ended = true;
			return NULL;
		}
	}
	return &k->leaf[at - k->leaf_at];
}

/* Leaves up to (not with) index `to` whose events are not at hand. */
static void
pass_over(struct check *k, uint64_t to)
{
	const struct tree_hash *leaf;

	while (k->audit.leaves.size < to && (leaf = stored_leaf(k)) != NULL) {
		uint64_t at = k->audit.leaves.size;

		if (tree_hash_eq(leaf, &k->absent_leaf))
			k->absent++;
		else if (k->first == 0 || at + 1 < k->first)
			k->gone++;
		else
			audit_add(&k->audit.faults, AUDIT_MISSING, at, at,
			    "the event is not in the store");
		audit_leaf(&k->audit, leaf, NULL);
	}
}

static void
tell_fact(struct check *k, const struct store_event *e)
{
	struct audit_fact f = {.index = e->seq - 1,
	    .source = e->ev.head.source,
	    .time = e->ev.head.time,
	    .kind = FACT_OTHER};

	if (e->ev.kind == EV_capture) {
		f.kind = FACT_CAPTURE;
		f.what = e->ev.u.capture.what;
		f.detail = e->ev.u.capture.detail;
	} else if (e->ev.kind == EV_process) {
		f.kind = FACT_PROCESS;
		f.role = e->ev.u.process.role;
		f.what = e->ev.u.process.what;
		f.detail = e->ev.u.process.detail;
	}
	audit_fact(k->complete, &f);
}

static bool
check_event(void *ctx, const struct store_event *e)
{
	struct check *k = ctx;
	struct hasher *h = tlog_hasher(k->l.log);
	uint8_t room[ENTRY_DIGEST_BYTES];
	const struct tree_hash *leaf;
	struct tree_hash made;

	pass_over(k, e->seq - 1);
	if (k->ended || (leaf = stored_leaf(k)) == NULL)
		return false;
	made = tree_leaf(h, entry_of(h, e->record, room));
	audit_leaf(&k->audit, leaf, &made);
	tell_fact(k, e);
	return true;
}

static enum err
walk(struct check *k, struct why *why)
{
	struct store_filter f = {.from_seq = 1, .to_seq = k->size, .by = STORE_OLDEST_FIRST};
	uint64_t last;
	enum err e;

	if ((e = store_range(k->l.s.store, &k->first, &last, why)) != ERR_OK)
		return e;
	audit_start(&k->audit, tlog_hasher(k->l.log), (struct audit_point *)(void *)k->points.ptr,
	    k->points.len / sizeof(struct audit_point), &k->reader);
	e = k->size > 0 ? store_events(k->l.s.store, &f, check_event, k, why) : ERR_OK;
	if (e == ERR_INPUT) {
		audit_add(&k->audit.faults, AUDIT_MISSING, k->audit.leaves.size,
		    k->audit.leaves.size, "%.150s", why->text);
		e = ERR_OK;
	}
	pass_over(k, k->size);
	audit_end(&k->audit);
	audit_complete_end(k->complete);
	return e;
}

/* --- telling --- */

static void
json_faults(struct json *j, const char *key, const struct audit_list *l)
{
	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < l->n; i++) {
		const struct audit_fault *f = &l->fault[i];

		json_object(j);
		json_kstr(j, "kind", audit_kind_name(f->kind));
		json_ku64(j, "from", f->from);
		json_ku64(j, "to", f->to);
		json_kstr(j, "text", f->text);
		json_object_end(j);
	}
	json_array_end(j);
}

static void
print_faults(const struct audit_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct audit_fault *f = &l->fault[i];

		if (f->from == f->to)
			printf("  entry %llu: %s\n", (unsigned long long)f->from, f->text);
		else
			printf("  entries %llu to %llu: %s\n", (unsigned long long)f->from,
			    (unsigned long long)f->to, f->text);
	}
	if (l->all > l->n)
		printf("  and %llu more\n", (unsigned long long)(l->all - l->n));
}

static void
tell(struct check *k, const struct cli *c, const struct audit_list *faults, double seconds)
{
	size_t points = k->points.len / sizeof(struct audit_point);
	bool exact = false, bad;
	struct buf line = {0};
	struct json j = json_on(&line);
	uint64_t first = 0;

	bad = audit_first(faults, &first, &exact);
	if (c->json) {
		json_object(&j);
		json_kstr(&j, "type", "ledger_verify");
		json_kbytes(&j, "origin", tlog_checkpoint(k->l.log)->origin);
		json_ku64(&j, "size", k->size);
		json_kstr(&j, "integrity", bad ? "broken" : "holds");
		json_key(&j, "first_bad");
		if (bad)
			json_u64(&j, first);
		else
			json_null(&j);
		json_kbool(&j, "first_bad_exact", exact);
		json_faults(&j, "faults", faults);
		json_kstr(&j, "completeness", k->complete->faults.n > 0 ? "gaps" : "complete");
		json_faults(&j, "gaps", &k->complete->faults);
		json_ku64(&j, "checked", k->audit.checked);
		json_ku64(&j, "gone", k->gone);
		json_ku64(&j, "absent", k->absent);
		json_ku64(&j, "checkpoints", points);
		json_ku64(&j, "captures", k->complete->n_sources);
		json_ku64(&j, "captures_open", k->complete->sources_open);
		json_key(&j, "seconds");
		json_double(&j, seconds, 3);
		json_object_end(&j);
		cli_json_line(&line);
		buf_free(&line);
		return;
	}
	printf("integrity: %s: %llu entries, %llu held against their events, %zu checkpoints\n",
	    bad ? "BROKEN" : "holds", (unsigned long long)k->size,
	    (unsigned long long)k->audit.checked, points);
	if (bad)
		printf("first bad entry: %s%llu (event %llu)\n", exact ? "" : "not before ",
		    (unsigned long long)first, (unsigned long long)first + 1);
	print_faults(faults);
	if (k->gone > 0)
		printf("%llu events were let go by retention: their leaf hashes remain\n",
		    (unsigned long long)k->gone);
	printf("completeness: %s: %zu captures, %llu without a stop\n",
	    k->complete->faults.n > 0 ? "GAPS" : "nothing missing", k->complete->n_sources,
	    (unsigned long long)k->complete->sources_open);
	print_faults(&k->complete->faults);
}

static int
run_verify(struct cli *c)
{
	struct check *k = calloc(1, sizeof(*k));
	struct mono start = mono_now();
	uint8_t room[ENTRY_DIGEST_BYTES];
	int status = EXIT_SYSTEM;
	enum err e;

	if (k == NULL || (k->complete = calloc(1, sizeof(*k->complete))) == NULL) {
		free(k);
		return cli_fail(EXIT_SYSTEM, "no memory");
	}
	if ((status = cli_ledger_open(c, STORE_READ, &k->l)) >= 0) {
		if (c->json && status == EXIT_FOUND)
			printf(
			    "{\"type\":\"ledger_verify\",\"integrity\":\"broken\",\"first_bad\":0,"
			    "\"first_bad_exact\":true,\"faults\":[],\"gaps\":[]}\n");
		goto done;
	}
	k->reader = tlog_reader(k->l.log);
	k->size = tlog_signed_size(k->l.log);
	k->absent_leaf = tree_leaf(
	    tlog_hasher(k->l.log), entry_of(tlog_hasher(k->l.log), (struct bytes){NULL, 0}, room));
	if ((status = gather(k, c)) < 0) {
		if ((e = walk(k, &k->why)) != ERR_OK) {
			status = cli_why(&k->why);
		} else {
			for (size_t i = 0; i < k->notes.n; i++)
				audit_add(&k->audit.faults, k->notes.fault[i].kind,
				    k->notes.fault[i].from, k->notes.fault[i].to, "%s",
				    k->notes.fault[i].text);
			tell(k, c, &k->audit.faults,
			    (double)(mono_now().ns - start.ns) / (double)NS_PER_S);
			status = k->audit.faults.n > 0 || (cli_value(c, "complete") != NULL &&
							      k->complete->faults.n > 0)
				     ? EXIT_FOUND
				     : EXIT_DONE;
		}
	}
	cli_ledger_close(&k->l);
done:
	buf_free(&k->points);
	free(k->complete);
	free(k);
	return status;
}

static const struct cli_option options[] = {
    {"key", 0, "KEY", "the ledger's first verifier key, or a file of it, kept elsewhere"},
    {"complete", 0, NULL, "status 1 for gaps too: captures cut off, events lost, a clock set back"},
    {0}};

const struct cli_command command_ledger_verify = {.noun = "ledger",
    .verb = "verify",
    .args = "[CHECKPOINT...]",
    .summary = "hold every event, tile and checkpoint against each other",
    .detail = "CHECKPOINT: files of checkpoints that were kept elsewhere. Ends with status 1 where "
	      "something does not verify, and names the first bad entry (from 0; event - 1).",
    .options = options,
    .run = run_verify};
