/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat-verify: checks ledgers and proofs offline, with nothing but files and keys. Small on
 * purpose: it is to be read, built and run by somebody who does not trust the rest.
 * Exit status: 0 verified; 1 something does not verify; 2 wrong usage; 3 bad input; 4 system. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ledger/proof.h"
#include "verify/log.h"

enum { EXIT_VERIFIED, EXIT_BROKEN, EXIT_USAGE, EXIT_INPUT, EXIT_SYSTEM };
enum { TEXT_MAX_BYTES = 1 << 20, ENTRY_FILE_MAX = 1 << 20 };

static const char usage[] =
    "hemostat-verify: checks a Hemostat ledger, or any C2SP transparency log, offline\n"
    "\n"
    "  hemostat-verify log DIR [--checkpoint FILE]... [--against DIR]\n"
    "      a whole log: entries, tiles, every checkpoint; what the records tell of gaps.\n"
    "      --checkpoint: one kept elsewhere; --against: an older or other copy\n"
    "  hemostat-verify proof FILE --entry FILE | --leaf HEX\n"
    "      a .tlog-proof, and the bytes it proves (or their leaf hash)\n"
    "  hemostat-verify consistency OLD NEW\n"
    "      OLD: a checkpoint; NEW: what `hemostat ledger consistency` wrote\n"
    "  hemostat-verify note FILE\n"
    "      a signed checkpoint\n"
    "\n"
    "  --key KEY      the log's verifier key (name+id+base64), or a file of it\n"
    "  --policy FILE  logs, witnesses and quorum (C2SP tlog-policy) instead of a key\n"
    "  --complete     log: status 1 for gaps too\n"
    "  --json         one object a line\n"
    "Without a key `log` takes the one in the folder: then only its inner agreement is shown.\n"
    "Exit status: 0 verified, 1 not, 2 wrong usage, 3 bad input, 4 system trouble.\n";

struct options {
	const char *args[2];
	size_t n_args;
	const char *key, *policy, *entry, *leaf, *against;
	const char *saved[VERIFY_SAVED_MAX];
	size_t n_saved;
	bool json, complete;
};

static int
say(int code, const char *text)
{
	(void)fprintf(stderr, "hemostat-verify: %s\n", text);
	return code;
}

static int
say_why(const struct why *why)
{
	int code = why->code == ERR_SYSTEM    ? EXIT_SYSTEM
		   : why->code == ERR_USAGE   ? EXIT_USAGE
		   : why->code == ERR_REFUSED ? EXIT_BROKEN
					      : EXIT_INPUT;

	return say(code, why->text);
}

/* The answer to one proof or note. */
static int
answer(const struct options *o, const char *type, const struct checkpoint *c, const struct why *why)
{
	struct buf out = {0};
	struct json j = json_on(&out);
	bool ok = why == NULL;

	if (!o->json) {
		if (ok)
			printf("verified: %.*s, %llu entries\n", (int)c->origin.len,
			    (const char *)c->origin.ptr, (unsigned long long)c->size);
		else
			printf("NOT VERIFIED: %s\n", why->text);
		return ok ? EXIT_VERIFIED : EXIT_BROKEN;
	}
	json_object(&j);
	json_kstr(&j, "type", type);
	json_kbool(&j, "verified", ok);
	if (ok) {
		json_kbytes(&j, "origin", c->origin);
		json_ku64(&j, "size", c->size);
	} else {
		json_kstr(&j, "reason", why->text);
	}
	json_object_end(&j);
	printf("%.*s\n", (int)out.len, (const char *)out.ptr);
	buf_free(&out);
	return ok ? EXIT_VERIFIED : EXIT_BROKEN;
}

/* --- keys --- */

/* -1: *p is filled; its views point into *t. dir: where log.vkey may be; NULL: nowhere. */
static int
load_policy(struct hasher *h, const struct options *o, const char *dir, struct policy *p,
    struct verify_texts *t)
{
	struct note_key key;
	struct why why;

	if (o->policy != NULL) {
		if (verify_slurp(o->policy, TEXT_MAX_BYTES, &t->more, &why) != ERR_OK ||
		    policy_parse(h, buf_bytes(&t->more), p, &why) != ERR_OK)
			return say_why(&why);
		return -1;
	}
	if (o->key == NULL && dir == NULL)
		return say(EXIT_USAGE, "give the log's key with --key, or a --policy");
	if (o->key == NULL)
		return verify_keys(h, dir, NULL, p, t, &why) == ERR_OK ? -1 : say_why(&why);
	if (strchr(o->key, '+') != NULL)
		buf_text(&t->key, o->key);
	else if (verify_slurp(o->key, 4096, &t->key, &why) != ERR_OK)
		return say_why(&why);
	if (note_key_parse(h, bytes_trim(buf_bytes(&t->key)), &key, &why) != ERR_OK ||
	    verify_keys(h, dir, &key, p, t, &why) != ERR_OK)
		return say_why(&why);
	return -1;
}

static void
texts_free(struct verify_texts *t)
{
	buf_free(&t->key);
	buf_free(&t->more);
}

/* --- commands --- */

static void
json_list(struct json *j, const char *key, const struct audit_list *l)
{
	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < l->n; i++) {
		json_object(j);
		json_kstr(j, "kind", audit_kind_name(l->fault[i].kind));
		json_ku64(j, "from", l->fault[i].from);
		json_ku64(j, "to", l->fault[i].to);
		json_kstr(j, "text", l->fault[i].text);
		json_object_end(j);
	}
	json_array_end(j);
}

static void
print_list(const struct audit_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		printf("  entries %llu to %llu: %s\n", (unsigned long long)l->fault[i].from,
		    (unsigned long long)l->fault[i].to, l->fault[i].text);
}

static int
tell_log(const struct options *o, const struct verify_log *v)
{
	const struct audit_list *faults = &v->audit.faults, *gaps = &v->complete.faults;
	bool exact = false, bad;
	struct buf out = {0};
	struct json j = json_on(&out);
	uint64_t first = 0;

	bad = audit_first(faults, &first, &exact);
	if (o->json) {
		json_object(&j);
		json_kstr(&j, "type", "verify_log");
		json_ku64(&j, "size", v->size);
		json_kstr(&j, "integrity", bad ? "broken" : "holds");
		json_key(&j, "first_bad");
		if (bad)
			json_u64(&j, first);
		else
			json_null(&j);
		json_kbool(&j, "first_bad_exact", exact);
		json_list(&j, "faults", faults);
		json_kstr(&j, "completeness",
		    v->records == 0 ? "unknown"
		    : gaps->n > 0   ? "gaps"
				    : "complete");
		json_list(&j, "gaps", gaps);
		json_ku64(&j, "checked", v->audit.checked);
		json_ku64(&j, "bundles_missing", v->bundles_missing);
		json_ku64(&j, "checkpoints", v->n_points);
		json_object_end(&j);
		printf("%.*s\n", (int)out.len, (const char *)out.ptr);
		buf_free(&out);
	} else {
		printf("integrity: %s: %llu entries, %llu held against their bytes, %zu "
		       "checkpoints\n",
		    bad ? "BROKEN" : "holds", (unsigned long long)v->size,
		    (unsigned long long)v->audit.checked, v->n_points);
		if (bad)
			printf("first bad entry: %s%llu\n", exact ? "" : "not before ",
			    (unsigned long long)first);
		print_list(faults);
		if (v->bundles_missing > 0)
			printf("%llu entry bundles are not there: only their hashes were held\n",
			    (unsigned long long)v->bundles_missing);
		printf("completeness: %s\n", v->records == 0
						 ? "unknown: these are not records of Hemostat"
					     : gaps->n > 0 ? "GAPS"
							   : "nothing missing");
		print_list(gaps);
	}
	return bad || (o->complete && gaps->n > 0) ? EXIT_BROKEN : EXIT_VERIFIED;
}

static int
run_log(struct hasher *h, const struct options *o)
{
	struct verify_log *v = calloc(1, sizeof(*v));
	struct verify_texts texts = {0};
	struct why why;
	int status;

	if (v == NULL)
		return say(EXIT_SYSTEM, "no memory");
	v->dir = o->args[0];
	v->against = o->against;
	memcpy(v->saved, o->saved, sizeof(v->saved));
	v->n_saved = o->n_saved;
	if ((status = load_policy(h, o, v->dir, &v->policy, &texts)) < 0)
		status = verify_log(h, v, &why) == ERR_OK ? tell_log(o, v) : say_why(&why);
	texts_free(&texts);
	free(v);
	return status;
}

static bool
hex_hash(const char *text, struct tree_hash *out)
{
	if (strlen(text) != 2 * sizeof(out->b))
		return false;
	for (size_t i = 0; i < sizeof(out->b); i++) {
		unsigned v = 0;

		for (int k = 0; k < 2; k++) {
			char c = text[2 * i + (size_t)k];

			if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
				(c >= 'A' && c <= 'F')))
				return false;
			v = v * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
		}
		out->b[i] = (uint8_t)v;
	}
	return true;
}

/* The hash of what is to be proven. -1: fine. */
static int
load_leaf(struct hasher *h, const struct options *o, struct tree_hash *leaf)
{
	struct buf entry = {0};
	struct why why;

	if ((o->entry == NULL) == (o->leaf == NULL))
		return say(EXIT_USAGE, "give what is proven: --entry FILE or --leaf HEX");
	if (o->leaf != NULL)
		return hex_hash(o->leaf, leaf) ? -1 : say(EXIT_USAGE, "--leaf takes 64 hex digits");
	if (verify_slurp(o->entry, ENTRY_FILE_MAX, &entry, &why) != ERR_OK)
		return say_why(&why);
	*leaf = tree_leaf(h, buf_bytes(&entry));
	buf_free(&entry);
	return -1;
}

static int
run_proof(struct hasher *h, const struct options *o, const struct policy *p)
{
	struct buf file = {0};
	struct tlog_proof proof;
	struct checkpoint c;
	struct tree_hash leaf;
	struct why why;
	int status;

	if ((status = load_leaf(h, o, &leaf)) >= 0)
		return status;
	if (verify_slurp(o->args[0], TEXT_MAX_BYTES, &file, &why) != ERR_OK)
		status = say_why(&why);
	else if (tlog_proof_parse(buf_bytes(&file), &proof, &why) != ERR_OK ||
		 tlog_proof_holds(h, p, &proof, &leaf, &c, &why) != ERR_OK)
		status = answer(o, "verify_proof", NULL, &why);
	else
		status = answer(o, "verify_proof", &c, NULL);
	buf_free(&file);
	return status;
}

/* "old N", hashes, an empty line, a checkpoint. */
static enum err
read_consistency(
    struct bytes in, uint64_t *old, struct tree_proof *path, struct bytes *note, struct why *why)
{
	struct bytes line;

	path->n = 0;
	if (!line_next(&in, &line) || !bytes_starts(line, BYTES("old ")) ||
	    !number_parse(bytes_from(line, 4), old))
		return FAIL(why, ERR_INPUT, "not a consistency proof: line 1 is not old N");
	while (line_next(&in, &line)) {
		if (line.len == 0) {
			*note = in;
			return ERR_OK;
		}
		if (path->n == TREE_PROOF_MAX || !tree_hash_parse(line, &path->hash[path->n++]))
			break;
	}
	return FAIL(why, ERR_INPUT, "not a consistency proof: no hashes and checkpoint");
}

static int
run_consistency(struct hasher *h, const struct options *o, const struct policy *p)
{
	struct buf before = {0}, after = {0};
	struct checkpoint a, b;
	struct note_signers s;
	struct tree_proof path;
	struct bytes note;
	struct why why;
	uint64_t old;
	int status;

	if (verify_slurp(o->args[0], NOTE_BYTES_MAX, &before, &why) != ERR_OK ||
	    verify_slurp(o->args[1], TEXT_MAX_BYTES, &after, &why) != ERR_OK)
		status = say_why(&why);
	else if (policy_open(p, buf_bytes(&before), &a, &s, &why) != ERR_OK ||
		 read_consistency(buf_bytes(&after), &old, &path, &note, &why) != ERR_OK ||
		 policy_open(p, note, &b, &s, &why) != ERR_OK)
		status = answer(o, "verify_consistency", NULL, &why);
	else if (!bytes_eq(a.origin, b.origin) || a.size != old ||
		 !tree_consistency_holds(h, a.size, b.size, &path, &a.root, &b.root)) {
		(void)FAIL(&why, ERR_REFUSED,
		    "the log of %llu entries is not the beginning of the one of %llu",
		    (unsigned long long)a.size, (unsigned long long)b.size);
		status = answer(o, "verify_consistency", NULL, &why);
	} else {
		status = answer(o, "verify_consistency", &b, NULL);
	}
	buf_free(&before);
	buf_free(&after);
	return status;
}

static int
run_note(const struct options *o, const struct policy *p)
{
	struct buf file = {0};
	struct note_signers s;
	struct checkpoint c;
	struct why why;
	int status;

	if (verify_slurp(o->args[0], NOTE_BYTES_MAX, &file, &why) != ERR_OK)
		status = say_why(&why);
	else if (policy_open(p, buf_bytes(&file), &c, &s, &why) != ERR_OK)
		status = answer(o, "verify_note", NULL, &why);
	else
		status = answer(o, "verify_note", &c, NULL);
	buf_free(&file);
	return status;
}

/* --- start --- */

static bool
take_option(struct options *o, const char *name, const char *value)
{
	struct {
		const char *name;
		const char **to;
	} one[] = {{"--key", &o->key}, {"--policy", &o->policy}, {"--entry", &o->entry},
	    {"--leaf", &o->leaf}, {"--against", &o->against}};

	for (size_t i = 0; i < ARRAY_LEN(one); i++) {
		if (strcmp(name, one[i].name) == 0 && value != NULL) {
			*one[i].to = value;
			return true;
		}
	}
	if (strcmp(name, "--checkpoint") == 0 && value != NULL && o->n_saved < VERIFY_SAVED_MAX) {
		o->saved[o->n_saved++] = value;
		return true;
	}
	return false;
}

/* -1: read; else the exit status. */
static int
read_options(int argc, char **argv, struct options *o)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			o->json = true;
		} else if (strcmp(argv[i], "--complete") == 0) {
			o->complete = true;
		} else if (strcmp(argv[i], "--help") == 0) {
			(void)fputs(usage, stdout);
			return EXIT_VERIFIED;
		} else if (strncmp(argv[i], "--", 2) == 0) {
			if (!take_option(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
				return say(EXIT_USAGE, "an option that is not known, or that lacks "
						       "its value; see --help");
			i++;
		} else if (o->n_args < ARRAY_LEN(o->args)) {
			o->args[o->n_args++] = argv[i];
		} else {
			return say(EXIT_USAGE, "too many arguments; see --help");
		}
	}
	return -1;
}

int
main(int argc, char **argv)
{
	static struct policy policy;
	struct options o = {0};
	struct verify_texts texts = {0};
	struct hasher *h;
	size_t want;
	int status;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		(void)fputs(usage, stdout);
		return EXIT_VERIFIED;
	}
	if (argc < 2)
		return say(EXIT_USAGE, "what? see --help");
	if ((status = read_options(argc, argv, &o)) >= 0)
		return status;
	want = strcmp(argv[1], "consistency") == 0 ? 2 : 1;
	if (o.n_args != want)
		return say(EXIT_USAGE, "wrong number of arguments; see --help");
	if ((h = hasher_new()) == NULL)
		return say(EXIT_SYSTEM, "no SHA-256 in the cryptographic provider");
	if (strcmp(argv[1], "log") == 0)
		status = run_log(h, &o);
	else if ((status = load_policy(h, &o, NULL, &policy, &texts)) >= 0)
		;
	else if (strcmp(argv[1], "proof") == 0)
		status = run_proof(h, &o, &policy);
	else if (strcmp(argv[1], "consistency") == 0)
		status = run_consistency(h, &o, &policy);
	else if (strcmp(argv[1], "note") == 0)
		status = run_note(&o, &policy);
	else
		status = say(EXIT_USAGE, "what? see --help");
	texts_free(&texts);
	hasher_free(h);
	return status;
}
