/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/entry.h"
#include "verify/record.h"

enum {
	PATH_ROOM = 4096 + TILE_PATH_MAX,
	BUNDLE_BYTES_MAX = TREE_TILE * (ENTRY_BYTES_MAX + 2),
	HISTORY_BYTES_MAX = 256 * 1024 * 1024,
};

/* --- files --- */

enum err
verify_slurp(const char *path, size_t max, struct buf *out, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t r = 1;

	buf_reset(out);
	if (fd == -1 && errno == ENOENT)
		return FAIL(why, ERR_ABSENT, "%.200s: no such file", path);
	if (fd == -1)
		return FAIL_SYS(why, "%.200s", path);
	while (r != 0 && out->len <= max) {
		if (!buf_reserve(out, 16384)) {
			r = -1;
			errno = ENOMEM;
		} else if ((r = read(fd, out->ptr + out->len, 16384)) > 0) {
			out->len += (size_t)r;
		}
		if (r == -1 && errno != EINTR)
			break;
	}
	(void)close(fd);
	if (r == -1)
		return FAIL_SYS(why, "%.200s", path);
	return out->len <= max ? ERR_OK : FAIL(why, ERR_INPUT, "%.200s: too large", path);
}

static enum err
slurp_in(const char *dir, const char *name, size_t max, struct buf *out, struct why *why)
{
	char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "%.4000s/%s", dir, name);
	return verify_slurp(path, max, out, why);
}

/* --- tiles --- */

struct tiles {
	const char *dir;
	uint64_t size;
	struct buf tile[TREE_LEVELS]; /* the last one read of each level */
	uint64_t at[TREE_LEVELS];
};

/* A tile as the size of the log asks for: full, or exactly as wide as it must be; a wider partial
 * or full one will do. */
static enum err
read_tile(struct tiles *t, unsigned level, uint64_t n, struct buf *out, struct why *why)
{
	uint64_t all = t->size >> 8 * level;
	unsigned width =
	    all - n * TREE_TILE < TREE_TILE ? (unsigned)(all - n * TREE_TILE) : TREE_TILE;
	char name[TILE_PATH_MAX];
	enum err e = ERR_ABSENT;

	for (unsigned w = width; e == ERR_ABSENT && w <= TREE_TILE; w++) {
		tile_path(name, level, n, w);
		e = slurp_in(t->dir, name, TREE_TILE * SHA256_BYTES, out, why);
		if (e == ERR_OK && out->len != (size_t)w * SHA256_BYTES)
			return FAIL(why, ERR_INPUT, "%s has %zu bytes", name, out->len);
	}
	if (e == ERR_ABSENT) {
		tile_path(name, level, n, width);
		return FAIL(why, ERR_ABSENT, "%s is not there", name);
	}
	return e;
}

static enum err
read_hashes(
    void *ctx, unsigned level, uint64_t first, size_t n, struct tree_hash *out, struct why *why)
{
	struct tiles *t = ctx;
	uint64_t tile = first / TREE_TILE;
	size_t at = (size_t)(first % TREE_TILE) * SHA256_BYTES;
	enum err e;

	if (level >= TREE_LEVELS)
		return FAIL(why, ERR_INPUT, "a tree of more levels than there can be");
	if (t->at[level] != tile + 1) {
		t->at[level] = 0;
		if ((e = read_tile(t, level, tile, &t->tile[level], why)) != ERR_OK)
			return e;
		t->at[level] = tile + 1;
	}
	if (t->tile[level].len < at + n * SHA256_BYTES)
		return FAIL(why, ERR_INPUT, "a tile of level %u is too narrow", level);
	memcpy(out, t->tile[level].ptr + at, n * SHA256_BYTES);
	return ERR_OK;
}

static void
tiles_free(struct tiles *t)
{
	for (unsigned i = 0; i < TREE_LEVELS; i++)
		buf_free(&t->tile[i]);
}

/* --- keys --- */

/* The next note of several, each with an empty line behind it. */
static bool
next_note(struct bytes *rest, struct bytes *note)
{
	size_t text = bytes_find_seq(*rest, BYTES("\n\n")), n;

	if (text == rest->len)
		return false;
	n = bytes_find_seq(bytes_from(*rest, text + 2), BYTES("\n\n"));
	if (text + 2 + n == rest->len)
		return false;
	*note = bytes_sub(*rest, 0, text + 2 + n + 1);
	*rest = bytes_from(*rest, note->len + 1);
	return true;
}

static enum err
follow(struct hasher *h, struct bytes rotations, struct policy *p, struct why *why)
{
	struct bytes in, text, line;
	struct note_signers s;
	struct note_key next;
	struct note n;

	while (next_note(&rotations, &in)) {
		const struct note_key *last = &p->keys[p->n_logs - 1];

		if (p->n_logs == POLICY_LOGS_MAX)
			return FAIL(why, ERR_LIMIT, "more than %d keys", POLICY_LOGS_MAX);
		if (note_parse(in, &n, why) != ERR_OK)
			return FAIL(why, ERR_REFUSED, "rotations: a note cannot be read");
		text = n.text;
		if (note_verify(&n, last, 1, &s, NULL) != ERR_OK || !line_next(&text, &line) ||
		    !bytes_eq(line, last->name) || !line_next(&text, &line) ||
		    !bytes_eq(line, BYTES("next key")) || !line_next(&text, &line) ||
		    text.len > 0 || note_key_parse(h, line, &next, NULL) != ERR_OK ||
		    next.type != NOTE_ED25519 || !bytes_eq(next.name, last->name))
			return FAIL(why, ERR_REFUSED,
			    "rotations: key %zu was not named by the key before it", p->n_logs + 1);
		p->keys[p->n_logs++] = next;
	}
	return ERR_OK;
}

enum err
verify_keys(struct hasher *h, const char *dir, const struct note_key *first, struct policy *p,
    struct verify_texts *t, struct why *why)
{
	struct note_key key;
	enum err e;

	if (first == NULL) {
		if ((e = slurp_in(dir, "log.vkey", 4096, &t->key, why)) == ERR_ABSENT)
			return FAIL(why, ERR_USAGE,
			    "%.100s has no log.vkey: give the log's key with --key, or a --policy",
			    dir);
		if (e != ERR_OK ||
		    (e = note_key_parse(h, bytes_trim(buf_bytes(&t->key)), &key, why)) != ERR_OK)
			return e;
		first = &key;
	}
	policy_of_key(first, p);
	if (dir == NULL)
		return ERR_OK;
	e = slurp_in(dir, "rotations", HISTORY_BYTES_MAX, &t->more, why);
	if (e == ERR_OK)
		e = follow(h, buf_bytes(&t->more), p, why);
	return e == ERR_ABSENT ? ERR_OK : e;
}

/* --- the whole --- */

struct walk {
	struct verify_log *v;
	struct hasher *h;
	struct tiles tiles, other; /* other: of the copy to hold against */
	struct buf points, bundle;
	struct bytes rest; /* of the bundle */
	bool have_bundle;
	bool differs;
};

static void
add_point(struct walk *w, struct bytes note, const char *label, bool elsewhere)
{
	struct audit_point p = {.elsewhere = elsewhere};
	struct note_signers s;
	struct checkpoint cp;
	struct why why;

	if (policy_open(&w->v->policy, note, &cp, &s, &why) != ERR_OK) {
		audit_add(
		    &w->v->audit.faults, AUDIT_SIGNATURE, 0, 0, "%.60s: %.90s", label, why.text);
		return;
	}
	p.size = cp.size;
	p.root = cp.root;
	(void)snprintf(p.label, sizeof(p.label), "%.60s", label);
	buf_add(&w->points, bytes_of(&p, sizeof(p)));
}

static enum err
gather(struct walk *w, struct why *why)
{
	struct buf file = {0};
	struct bytes rest, note;
	struct checkpoint cp;
	struct note n;
	enum err e;

	if ((e = slurp_in(w->v->dir, "checkpoint", NOTE_BYTES_MAX, &file, why)) != ERR_OK ||
	    (e = note_parse(buf_bytes(&file), &n, why)) != ERR_OK ||
	    (e = checkpoint_parse(n.text, &cp, why)) != ERR_OK)
		goto done;
	w->v->size = cp.size;
	add_point(w, buf_bytes(&file), "checkpoint", false);
	e = slurp_in(w->v->dir, "history", HISTORY_BYTES_MAX, &file, why);
	if (e != ERR_OK && e != ERR_ABSENT)
		goto done;
	rest = buf_bytes(&file);
	/* Older ones were signed before witnesses were asked: only the log's key counts there. */
	while (e == ERR_OK && next_note(&rest, &note)) {
		struct policy own = w->v->policy;

		w->v->policy.quorum_group = w->v->policy.quorum_witness = 0;
		add_point(w, note, "a checkpoint of the history", false);
		w->v->policy = own;
	}
	for (size_t i = 0; i < w->v->n_saved; i++) {
		if ((e = verify_slurp(w->v->saved[i], NOTE_BYTES_MAX, &file, why)) != ERR_OK)
			goto done;
		add_point(w, buf_bytes(&file), w->v->saved[i], true);
	}
	e = ERR_OK;
done:
	buf_free(&file);
	return e;
}

static enum err
open_bundle(struct walk *w, uint64_t index, struct why *why)
{
	uint64_t n = index / TREE_TILE, left = w->v->size - n * TREE_TILE;
	char name[TILE_PATH_MAX];
	enum err e = ERR_ABSENT;

	w->have_bundle = false;
	for (unsigned width = left < TREE_TILE ? (unsigned)left : TREE_TILE;
	     e == ERR_ABSENT && width <= TREE_TILE; width++) {
		tile_path(name, TILE_ENTRIES, n, width);
		e = slurp_in(w->v->dir, name, BUNDLE_BYTES_MAX, &w->bundle, why);
	}
	if (e == ERR_OK) {
		w->have_bundle = true;
		w->rest = buf_bytes(&w->bundle);
	} else if (e == ERR_ABSENT) {
		w->v->bundles_missing++;
		e = ERR_OK;
	}
	return e;
}

/* What the other copy has at this index; the first difference is told. */
static void
hold_against(struct walk *w, uint64_t index, const struct tree_hash *leaf)
{
	struct tree_hash there;

	if (w->differs || index >= w->other.size)
		return;
	if (read_hashes(&w->other, 0, index, 1, &there, NULL) != ERR_OK ||
	    tree_hash_eq(&there, leaf))
		return;
	w->differs = true;
	audit_add(&w->v->audit.faults, AUDIT_ENTRY, index, index,
	    "the other copy holds another entry here");
}

static enum err
one_leaf(struct walk *w, uint64_t index, struct why *why)
{
	struct audit_fact fact = {.index = index};
	struct tree_hash stored, made;
	struct bytes entry;
	enum err e;

	if ((e = read_hashes(&w->tiles, 0, index, 1, &stored, why)) != ERR_OK)
		return e;
	if (index % TREE_TILE == 0 && (e = open_bundle(w, index, why)) != ERR_OK)
		return e;
	hold_against(w, index, &stored);
	if (!w->have_bundle) {
		audit_leaf(&w->v->audit, &stored, NULL);
		return ERR_OK;
	}
	if (!bundle_next(&w->rest, &entry)) {
		audit_add(&w->v->audit.faults, AUDIT_MISSING, index, index,
		    "the entry bundle ends before this entry");
		audit_leaf(&w->v->audit, &stored, NULL);
		return ERR_OK;
	}
	made = tree_leaf(w->h, entry);
	audit_leaf(&w->v->audit, &stored, &made);
	if (record_fact(entry, &fact)) {
		w->v->records++;
		audit_fact(&w->v->complete, &fact);
	}
	if (w->rest.len > 0 && (index % TREE_TILE == TREE_TILE - 1))
		audit_add(&w->v->audit.faults, AUDIT_ENTRY, index, index,
		    "the entry bundle goes on behind its last entry");
	return ERR_OK;
}

static enum err
open_other(struct walk *w, struct why *why)
{
	struct buf file = {0};
	struct checkpoint cp;
	struct note n;
	enum err e;

	w->other.dir = w->v->against;
	if (w->v->against == NULL)
		return ERR_OK;
	if ((e = slurp_in(w->v->against, "checkpoint", NOTE_BYTES_MAX, &file, why)) == ERR_OK &&
	    (e = note_parse(buf_bytes(&file), &n, why)) == ERR_OK &&
	    (e = checkpoint_parse(n.text, &cp, why)) == ERR_OK) {
		w->other.size = cp.size;
		add_point(w, buf_bytes(&file), "checkpoint of the other copy", true);
	}
	buf_free(&file);
	return e;
}

enum err
verify_log(struct hasher *h, struct verify_log *v, struct why *why)
{
	struct walk w = {.v = v, .h = h, .tiles = {.dir = v->dir}};
	struct tree_reader stored = {&w.tiles, read_hashes};
	struct audit_list notes;
	enum err e;

	if ((e = gather(&w, why)) != ERR_OK || (e = open_other(&w, why)) != ERR_OK)
		goto done;
	w.tiles.size = v->size;
	notes = v->audit.faults;
	v->n_points = w.points.len / sizeof(struct audit_point);
	audit_start(&v->audit, h, (struct audit_point *)(void *)w.points.ptr, v->n_points, &stored);
	v->audit.faults = notes;
	for (uint64_t i = 0; i < v->size && e == ERR_OK; i++)
		e = one_leaf(&w, i, why);
	if (e == ERR_ABSENT || e == ERR_INPUT) {
		audit_add(&v->audit.faults, AUDIT_SHORT, v->audit.leaves.size, v->size - 1,
		    "%.150s", why->text);
		e = ERR_OK;
	} else {
		audit_end(&v->audit);
	}
	audit_complete_end(&v->complete);
done:
	tiles_free(&w.tiles);
	tiles_free(&w.other);
	buf_free(&w.points);
	buf_free(&w.bundle);
	return e;
}
