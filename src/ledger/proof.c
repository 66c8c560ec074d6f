/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/proof.h"

#include "base/base64.h"

#define PROOF_HEAD "c2sp.org/tlog-proof@v1"

enum { EXTRA_MAX = 64 * 1024, POLICY_NAME_MAX = 64, POLICY_WORDS_MAX = 3 + POLICY_WITNESSES_MAX };

/* --- proofs --- */

static bool
extra_fits(struct bytes text)
{
	uint8_t raw[3 * 1024];
	size_t n;

	/* In pieces of whole groups: only the last may be padded. */
	while (text.len > 4096) {
		if (!base64_decode_strict(bytes_sub(text, 0, 4096), raw, sizeof(raw), &n) ||
		    n != sizeof(raw))
			return false;
		text = bytes_from(text, 4096);
	}
	return text.len > 0 && base64_decode_strict(text, raw, sizeof(raw), &n);
}

enum err
tlog_proof_parse(struct bytes in, struct tlog_proof *out, struct why *why)
{
	struct bytes rest = in, line;

	memset(out, 0, sizeof(*out));
	if (!line_next(&rest, &line) || !bytes_eq(line, BYTES(PROOF_HEAD)))
		return FAIL(why, ERR_INPUT, "not a proof: line 1 is not " PROOF_HEAD);
	if (!line_next(&rest, &line))
		return FAIL(why, ERR_INPUT, "not a proof: no index");
	if (bytes_starts(line, BYTES("extra "))) {
		out->extra = bytes_from(line, 6);
		if (out->extra.len > EXTRA_MAX || !extra_fits(out->extra))
			return FAIL(why, ERR_INPUT, "not a proof: its extra is not base64");
		if (!line_next(&rest, &line))
			return FAIL(why, ERR_INPUT, "not a proof: no index");
	}
	if (!bytes_starts(line, BYTES("index ")) || !number_parse(bytes_from(line, 6), &out->index))
		return FAIL(why, ERR_INPUT, "not a proof: no index");
	for (;;) {
		if (!line_next(&rest, &line))
			return FAIL(why, ERR_INPUT, "not a proof: no checkpoint");
		if (line.len == 0)
			break;
		if (out->path.n == TREE_PROOF_MAX ||
		    !tree_hash_parse(line, &out->path.hash[out->path.n++]))
			return FAIL(why, ERR_INPUT, "not a proof: hash %zu is none", out->path.n);
	}
	out->note = rest;
	return ERR_OK;
}

void
tlog_proof_format(const struct tlog_proof *p, struct buf *out)
{
	buf_text(out, PROOF_HEAD "\n");
	if (p->extra.len > 0) {
		buf_text(out, "extra ");
		buf_add(out, p->extra);
		buf_byte(out, '\n');
	}
	buf_printf(out, "index %llu\n", (unsigned long long)p->index);
	for (size_t i = 0; i < p->path.n; i++) {
		tree_hash_format(&p->path.hash[i], out);
		buf_byte(out, '\n');
	}
	buf_byte(out, '\n');
	buf_add(out, p->note);
}

/* --- policies --- */

struct words {
	size_t n;
	struct bytes word[POLICY_WORDS_MAX];
};

/* Words between blanks and tabs, up to a '#'. False: too many. */
static bool
words_of(struct bytes line, struct words *w)
{
	size_t i = 0;

	w->n = 0;
	line = bytes_sub(line, 0, bytes_find(line, '#'));
	while (i < line.len) {
		size_t from = i;

		while (i < line.len && line.ptr[i] != ' ' && line.ptr[i] != '\t' &&
		       line.ptr[i] != '\r')
			i++;
		if (i > from) {
			if (w->n == POLICY_WORDS_MAX)
				return false;
			w->word[w->n++] = bytes_sub(line, from, i - from);
		} else {
			i++;
		}
	}
	return true;
}

/* The bit of a witness or group of this name; both zero where there is none. */
static bool
find_member(const struct policy *p, struct bytes name, uint64_t *witness, uint64_t *group)
{
	*witness = *group = 0;
	for (size_t i = 0; i < p->n_witnesses; i++) {
		if (bytes_eq(p->witness_name[i], name))
			*witness = UINT64_C(1) << i;
	}
	for (size_t i = 0; i < p->n_groups; i++) {
		if (bytes_eq(p->group[i].name, name))
			*group = UINT64_C(1) << i;
	}
	return (*witness | *group) != 0;
}

/* True for a name that a policy may give to something: "none" is taken. */
static bool
new_name(const struct policy *p, struct bytes name)
{
	uint64_t w, g;

	return name.len > 0 && name.len <= POLICY_NAME_MAX && !bytes_eq(name, BYTES("none")) &&
	       !find_member(p, name, &w, &g);
}

static bool
key_is_new(const struct policy *p, const struct note_key *k)
{
	for (size_t i = 0; i < p->n_logs + p->n_witnesses; i++) {
		if (memcmp(p->keys[i].public, k->public, sizeof(k->public)) == 0)
			return false;
	}
	return true;
}

static const char *
take_log(struct hasher *h, struct policy *p, const struct words *w)
{
	struct note_key k;

	if (w->n < 2 || w->n > 3)
		return "expected: log VKEY [URL]";
	if (p->n_logs == POLICY_LOGS_MAX)
		return "too many logs";
	if (note_key_parse(h, w->word[1], &k, NULL) != ERR_OK || k.type != NOTE_ED25519)
		return "not a log's key";
	if (!key_is_new(p, &k))
		return "this key stands there already";
	/* Logs stay in front of witnesses. */
	memmove(&p->keys[p->n_logs + 1], &p->keys[p->n_logs], p->n_witnesses * sizeof(k));
	p->keys[p->n_logs++] = k;
	return NULL;
}

static const char *
take_witness(struct hasher *h, struct policy *p, const struct words *w)
{
	struct note_key k;

	if (w->n < 3 || w->n > 4)
		return "expected: witness NAME VKEY [URL]";
	if (p->n_witnesses == POLICY_WITNESSES_MAX)
		return "too many witnesses";
	if (!new_name(p, w->word[1]))
		return "this name is taken or cannot be one";
	if (note_key_parse(h, w->word[2], &k, NULL) != ERR_OK || k.type != NOTE_COSIGNATURE)
		return "not a witness's key";
	if (!key_is_new(p, &k))
		return "this key stands there already";
	p->witness_name[p->n_witnesses] = w->word[1];
	p->keys[p->n_logs + p->n_witnesses++] = k;
	return NULL;
}

static const char *
take_group(struct policy *p, const struct words *w)
{
	struct policy_group g = {0};
	uint64_t witness, group;

	if (w->n < 4)
		return "expected: group NAME all|any|K MEMBERS...";
	if (p->n_groups == POLICY_GROUPS_MAX)
		return "too many groups";
	if (!new_name(p, w->word[1]))
		return "this name is taken or cannot be one";
	g.name = w->word[1];
	for (size_t i = 3; i < w->n; i++) {
		if (!find_member(p, w->word[i], &witness, &group))
			return "a member that is not defined above";
		if ((g.witnesses & witness) != 0 || (g.groups & group) != 0)
			return "a member that stands there twice";
		for (size_t k = 0; k < p->n_groups; k++) {
			if ((p->group[k].witnesses & witness) != 0 ||
			    (p->group[k].groups & group) != 0)
				return "a member of another group already";
		}
		g.witnesses |= witness;
		g.groups |= group;
	}
	if (bytes_eq(w->word[2], BYTES("all")))
		g.need = w->n - 3;
	else if (bytes_eq(w->word[2], BYTES("any")))
		g.need = 1;
	else if (!number_parse(w->word[2], &g.need) || g.need == 0 || g.need > w->n - 3)
		return "expected all, any, or how many members";
	p->group[p->n_groups++] = g;
	return NULL;
}

static const char *
take_quorum(struct policy *p, const struct words *w, bool *have)
{
	if (w->n != 2)
		return "expected: quorum NAME|none";
	if (*have)
		return "a second quorum";
	*have = true;
	if (bytes_eq(w->word[1], BYTES("none")))
		return NULL;
	return find_member(p, w->word[1], &p->quorum_witness, &p->quorum_group)
		   ? NULL
		   : "a name that is not defined above";
}

enum err
policy_parse(struct hasher *h, struct bytes in, struct policy *out, struct why *why)
{
	bool have_quorum = false;
	struct bytes line;
	struct words w;
	unsigned number = 0;

	memset(out, 0, sizeof(*out));
	while (in.len > 0) {
		const char *fault = NULL;

		line = bytes_split(in, '\n', &in);
		number++;
		if (!words_of(line, &w))
			fault = "too many words";
		else if (w.n == 0)
			continue;
		else if (bytes_eq(w.word[0], BYTES("log")))
			fault = take_log(h, out, &w);
		else if (bytes_eq(w.word[0], BYTES("witness")))
			fault = take_witness(h, out, &w);
		else if (bytes_eq(w.word[0], BYTES("group")))
			fault = take_group(out, &w);
		else if (bytes_eq(w.word[0], BYTES("quorum")))
			fault = take_quorum(out, &w, &have_quorum);
		else
			fault = "expected log, witness, group or quorum";
		if (fault != NULL)
			return FAIL(why, ERR_INPUT, "policy line %u: %s", number, fault);
	}
	return have_quorum ? ERR_OK : FAIL(why, ERR_INPUT, "a policy without a quorum line");
}

void
policy_of_key(const struct note_key *log, struct policy *out)
{
	memset(out, 0, sizeof(*out));
	out->keys[out->n_logs++] = *log;
}

/* Groups name only what stands before them, so one pass in order decides all. */
static bool
quorum_met(const struct policy *p, const struct note_signers *s)
{
	uint64_t witnesses = 0, groups = 0;

	for (size_t i = 0; i < p->n_witnesses; i++)
		witnesses |= (uint64_t)s->by[p->n_logs + i] << i;
	for (size_t i = 0; i < p->n_groups; i++) {
		const struct policy_group *g = &p->group[i];
		uint64_t n = (uint64_t)__builtin_popcountll(g->witnesses & witnesses) +
			     (uint64_t)__builtin_popcountll(g->groups & groups);

		groups |= (uint64_t)(n >= g->need) << i;
	}
	if ((p->quorum_witness | p->quorum_group) == 0)
		return true;
	return (p->quorum_witness & witnesses) != 0 || (p->quorum_group & groups) != 0;
}

enum err
policy_open(const struct policy *p, struct bytes note, struct checkpoint *out,
    struct note_signers *signers, struct why *why)
{
	struct note n;
	enum err e;

	if ((e = note_parse(note, &n, why)) != ERR_OK ||
	    (e = checkpoint_parse(n.text, out, why)) != ERR_OK ||
	    (e = note_verify(&n, p->keys, p->n_logs + p->n_witnesses, signers, why)) != ERR_OK)
		return e;
	for (size_t i = 0; i < p->n_logs; i++) {
		if (signers->by[i] && bytes_eq(p->keys[i].name, out->origin))
			return quorum_met(p, signers)
				   ? ERR_OK
				   : FAIL(why, ERR_REFUSED, "too few witnesses have cosigned");
	}
	return FAIL(why, ERR_REFUSED, "not signed by the log that its origin names");
}

enum err
tlog_proof_holds(struct hasher *h, const struct policy *p, const struct tlog_proof *proof,
    const struct tree_hash *leaf, struct checkpoint *c, struct why *why)
{
	struct note_signers signers;
	enum err e = policy_open(p, proof->note, c, &signers, why);

	if (e != ERR_OK)
		return e;
	if (!tree_inclusion_holds(h, proof->index, c->size, leaf, &proof->path, &c->root))
		return FAIL(why, ERR_REFUSED,
		    "entry %llu: the proof does not lead from these bytes to the signed root",
		    (unsigned long long)proof->index);
	return ERR_OK;
}
