/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants:
 *   kept   speaks of events that the store has committed; now = kept and what was added since;
 *          pending holds the hashes between the two, by level.
 *   The checkpoint's size is never over kept's, but while a broken log is made again.
 *   Level files may be longer than kept says: what lies behind is written again. */
#include "tlog/tlog.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fd.h"

enum {
	FILE_BYTES_MAX = 256 * 1024 * 1024,
	HISTORY_EVERY = 4096, /* entries between two checkpoints of the history */
};

struct tlog {
	int dir_fd, keys_fd; /* ledger/, keys/; keys only for a writer */
	int level[TREE_LEVELS];
	bool dirty[TREE_LEVELS];
	struct hasher *h;
	struct tlog_key *key;        /* of a writer */
	struct buf names, rotations; /* what keys[] points into */
	struct note_key keys[NOTE_KEYS_MAX];
	size_t n_keys;
	struct buf note;
	struct checkpoint cp;
	struct tree_edge kept, now;
	struct buf pending[TREE_LEVELS];
	uint64_t pending_at[TREE_LEVELS];
	uint64_t history_size;
	bool filed; /* the newest checkpoint is in its file */
	bool writer;
	bool broken;
	bool anew; /* level files carry ".new" until they lead to the checkpoint */
};

/* --- small files --- */

enum err
tlog_file(const struct tlog *t, const char *name, struct buf *out, struct why *why)
{
	enum err e = ERR_OK;
	size_t got = 1;
	int fd;

	buf_reset(out);
	if ((fd = openat(t->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return errno == ENOENT ? ERR_OK : FAIL_SYS(why, "read ledger/%s", name);
	out->cap = FILE_BYTES_MAX;
	while (e == ERR_OK && got > 0) {
		if (!buf_reserve(out, 64 * 1024))
			e = FAIL(why, ERR_LIMIT, "ledger/%s is too large", name);
		else if ((e = fd_read_some(fd, out->ptr + out->len, 64 * 1024, &got, why)) ==
			 ERR_OK)
			out->len += got;
	}
	(void)close(fd);
	return e;
}

/* All of it or what was there before. Without TLOG_DURABLE a loss of power may bring the old one
 * back, or on some file systems an empty one. */
static enum err
put_file(const struct tlog *t, const char *name, struct bytes data, enum tlog_durability how,
    struct why *why)
{
	char part[64];
	enum err e;
	int fd;

	(void)snprintf(part, sizeof(part), "%s.part", name);
	fd = openat(t->dir_fd, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return FAIL_SYS(why, "write ledger/%s", name);
	if ((e = fd_write_all(fd, data, why)) == ERR_OK && how == TLOG_DURABLE &&
	    fdatasync(fd) != 0)
		e = FAIL_SYS(why, "sync ledger/%s", name);
	(void)close(fd);
	if (e == ERR_OK && renameat(t->dir_fd, part, t->dir_fd, name) != 0)
		e = FAIL_SYS(why, "name ledger/%s", name);
	if (e == ERR_OK && how == TLOG_DURABLE && fsync(t->dir_fd) != 0)
		e = FAIL_SYS(why, "sync ledger");
	return e;
}

bool
tlog_history_next(struct bytes *rest, struct bytes *note)
{
	size_t text = bytes_find_seq(*rest, BYTES("\n\n")), n;

	if (text == rest->len)
		return false;
	n = bytes_find_seq(bytes_from(*rest, text + 2), BYTES("\n\n"));
	if (text + 2 + n == rest->len) /* cut: its empty line is not there */
		return false;
	*note = bytes_sub(*rest, 0, text + 2 + n + 1);
	*rest = bytes_from(*rest, note->len + 1);
	return true;
}

/* --- keys --- */

enum err
tlog_follow(
    struct hasher *h, struct bytes rotations, struct note_key *keys, size_t *n, struct why *why)
{
	struct bytes text, origin, word, line, next_note;
	struct note_signers signers;
	struct note_key next;
	struct note note;

	while (tlog_history_next(&rotations, &next_note)) {
		if (*n == NOTE_KEYS_MAX)
			return FAIL(why, ERR_LIMIT, "more than %d keys", NOTE_KEYS_MAX);
		if (note_parse(next_note, &note, why) != ERR_OK)
			return FAIL(why, ERR_REFUSED, "the note of key %zu cannot be read", *n + 1);
		text = note.text;
		if (note_verify(&note, &keys[*n - 1], 1, &signers, NULL) != ERR_OK ||
		    !line_next(&text, &origin) || !bytes_eq(origin, keys[0].name) ||
		    !line_next(&text, &word) || !bytes_eq(word, BYTES("next key")) ||
		    !line_next(&text, &line) || text.len > 0 ||
		    note_key_parse(h, line, &next, NULL) != ERR_OK || next.type != NOTE_ED25519 ||
		    !bytes_eq(next.name, keys[0].name))
			return FAIL(
			    why, ERR_REFUSED, "key %zu was not named by the key before it", *n + 1);
		keys[(*n)++] = next;
	}
	return ERR_OK;
}

static enum err
read_keys(struct tlog *t, struct why *why)
{
	enum err e;

	t->n_keys = 0;
	if ((e = tlog_file(t, "log.vkey", &t->names, why)) != ERR_OK ||
	    (e = tlog_file(t, "rotations", &t->rotations, why)) != ERR_OK || t->names.len == 0)
		return e;
	if (note_key_parse(t->h, bytes_trim(buf_bytes(&t->names)), &t->keys[0], why) != ERR_OK)
		return FAIL(why, ERR_REFUSED, "ledger/log.vkey is not a verifier key");
	t->n_keys = 1;
	return tlog_follow(t->h, buf_bytes(&t->rotations), t->keys, &t->n_keys, why);
}

static bool
same_key(const struct note_key *a, const struct note_key *b)
{
	return a->id == b->id && memcmp(a->public, b->public, sizeof(a->public)) == 0;
}

/* A new log: its first key gives the name. */
static enum err
begin_keys(struct tlog *t, struct why *why)
{
	struct buf line = {0};
	enum err e;

	if ((e = tlog_key_open(&t->key, t->h, t->keys_fd, true, (struct bytes){NULL, 0}, why)) !=
	    ERR_OK)
		return e;
	note_key_format(tlog_key_public(t->key), &line);
	buf_byte(&line, '\n');
	e = put_file(t, "log.vkey", buf_bytes(&line), TLOG_DURABLE, why);
	buf_free(&line);
	return e == ERR_OK ? read_keys(t, why) : e;
}

/* The key that the last note names; a hand-over that was cut is brought to its end. */
static enum err
open_keys(struct tlog *t, struct why *why)
{
	const struct note_key *last;
	enum err e;

	if (t->n_keys == 0)
		return begin_keys(t, why);
	last = &t->keys[t->n_keys - 1];
	e = tlog_key_open(&t->key, t->h, t->keys_fd, false, last->name, why);
	if (e == ERR_OK && same_key(tlog_key_public(t->key), last))
		return ERR_OK;
	if (e != ERR_OK && e != ERR_ABSENT)
		return e;
	tlog_key_free(t->key);
	t->key = NULL;
	if (t->n_keys > 1) {
		if ((e = tlog_key_next(&t->key, t->h, t->keys_fd, last->name, why)) != ERR_OK)
			return e;
		if (same_key(tlog_key_public(t->key), last))
			return tlog_key_promote(t->keys_fd, why);
	}
	return FAIL(why, ERR_REFUSED,
	    "keys/" TLOG_KEY_NAME " is not the key of this ledger: restore it from a copy");
}

enum err
tlog_rotate(struct tlog *t, struct why *why)
{
	struct buf out = {0}, text = {0};
	struct tlog_key *next = NULL;
	struct bytes name = t->keys[0].name;
	enum err e;

	if (t->n_keys == NOTE_KEYS_MAX)
		return FAIL(why, ERR_LIMIT, "this ledger has had %d keys", NOTE_KEYS_MAX);
	if ((e = tlog_key_next(&next, t->h, t->keys_fd, name, why)) != ERR_OK)
		return e;
	buf_add(&text, name);
	buf_text(&text, "\nnext key\n");
	note_key_format(tlog_key_public(next), &text);
	buf_byte(&text, '\n');
	buf_add(&out, buf_bytes(&t->rotations));
	buf_add(&out, buf_bytes(&text));
	buf_byte(&out, '\n');
	if ((e = tlog_key_sign(t->key, buf_bytes(&text), &out, why)) == ERR_OK) {
		buf_byte(&out, '\n');
		e = out.cut || text.cut
			? FAIL(why, ERR_SYSTEM, "no memory for a new key")
			: put_file(t, "rotations", buf_bytes(&out), TLOG_DURABLE, why);
	}
	if (e == ERR_OK && (e = tlog_key_promote(t->keys_fd, why)) == ERR_OK &&
	    (e = read_keys(t, why)) == ERR_OK) {
		tlog_key_free(t->key);
		t->key = next;
		next = NULL;
	}
	tlog_key_free(next);
	buf_free(&out);
	buf_free(&text);
	return e;
}

/* --- levels --- */

static enum err
open_level(struct tlog *t, unsigned level, int flags, struct why *why)
{
	char name[16];

	if (t->level[level] != -1)
		return ERR_OK;
	(void)snprintf(name, sizeof(name), "level%u%s", level, t->anew ? ".new" : "");
	t->level[level] = openat(t->dir_fd, name,
	    (t->writer ? O_RDWR | O_CREAT : O_RDONLY) | flags | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (t->level[level] == -1 && errno != ENOENT)
		return FAIL_SYS(why, "open ledger/%s", name);
	return ERR_OK;
}

enum err
tlog_level(struct tlog *t, unsigned level, uint64_t first, size_t n, struct tree_hash *out,
    size_t *got, struct why *why)
{
	size_t want = n * sizeof(*out), have = 0;
	enum err e;

	*got = 0;
	if (level >= TREE_LEVELS || (e = open_level(t, level, 0, why)) != ERR_OK)
		return level >= TREE_LEVELS ? ERR_OK : e;
	while (t->level[level] != -1 && have < want) {
		ssize_t r = pread(t->level[level], (uint8_t *)out + have, want - have,
		    (off_t)(first * sizeof(*out) + have));

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return FAIL_SYS(why, "read ledger/level%u", level);
		if (r == 0)
			break;
		have += (size_t)r;
	}
	*got = have / sizeof(*out);
	return ERR_OK;
}

static enum err
read_level(
    void *ctx, unsigned level, uint64_t first, size_t n, struct tree_hash *out, struct why *why)
{
	size_t got;
	enum err e = tlog_level(ctx, level, first, n, out, &got, why);

	if (e != ERR_OK || got == n)
		return e;
	return FAIL(why, ERR_INPUT, "ledger/level%u ends before its hash %llu", level,
	    (unsigned long long)(first + got));
}

static enum err
write_level(struct tlog *t, unsigned level, struct why *why)
{
	struct buf *p = &t->pending[level];
	off_t at = (off_t)(t->pending_at[level] * sizeof(struct tree_hash));
	size_t put = 0;
	enum err e;

	if (p->len == 0)
		return ERR_OK;
	if ((e = open_level(t, level, 0, why)) != ERR_OK)
		return e;
	while (put < p->len) {
		ssize_t w = pwrite(t->level[level], p->ptr + put, p->len - put, at + (off_t)put);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return FAIL_SYS(why, "write ledger/level%u", level);
		put += (size_t)w;
	}
	t->dirty[level] = true;
	return ERR_OK;
}

/* --- opening --- */

static void
take_note(struct tlog *t, struct bytes note)
{
	struct note n;

	buf_reset(&t->note);
	buf_add(&t->note, note);
	t->cp = (struct checkpoint){0};
	if (note.len == 0 || t->note.cut)
		return;
	(void)(note_parse(buf_bytes(&t->note), &n, NULL) == ERR_OK &&
	       checkpoint_parse(n.text, &t->cp, NULL) == ERR_OK);
}

static bool
ours(const struct tlog *t, struct bytes note, uint64_t *size)
{
	struct note_signers s;
	struct checkpoint c;
	struct note n;

	if (t->n_keys == 0 || note_parse(note, &n, NULL) != ERR_OK ||
	    note_verify(&n, t->keys, t->n_keys, &s, NULL) != ERR_OK ||
	    checkpoint_parse(n.text, &c, NULL) != ERR_OK || !bytes_eq(c.origin, t->keys[0].name))
		return false;
	*size = c.size;
	return true;
}

/* The file's, or what the store remembers where that is newer. */
static enum err
read_checkpoint(struct tlog *t, struct bytes remembered, struct why *why)
{
	struct buf file = {0};
	struct note n;
	uint64_t size = 0, known = 0;
	enum err e;

	if ((e = tlog_file(t, "checkpoint", &file, why)) != ERR_OK)
		goto done;
	if (note_parse(buf_bytes(&file), &n, NULL) != ERR_OK)
		buf_reset(&file); /* what a loss of power leaves */
	if (file.len > 0 && !ours(t, buf_bytes(&file), &size)) {
		e = FAIL(why, ERR_REFUSED,
		    "ledger/checkpoint is not signed by this ledger's key: restore ledger/ and "
		    "keys/ from a copy");
		goto done;
	}
	/* Another log's memory (its keys are not ours) cannot be followed. */
	if (remembered.len > 0 && !ours(t, remembered, &known)) {
		e = FAIL(why, ERR_REFUSED,
		    "the store belongs to another ledger: restore ledger/ and keys/ from a copy");
		goto done;
	}
	if (known > size)
		take_note(t, remembered);
	else
		take_note(t, buf_bytes(&file));
	t->filed = known <= size;
	t->history_size = t->cp.size;
done:
	buf_free(&file);
	return e;
}

static enum err
load_edge(struct tlog *t, struct why *why)
{
	struct tree_reader r = tlog_reader(t);
	struct tree_hash root;
	enum err e = tree_edge_load(t->h, &r, t->cp.size, &t->kept, why);

	if (e == ERR_SYSTEM)
		return e;
	root = tree_edge_root(t->h, &t->kept);
	t->broken = e != ERR_OK || (t->note.len > 0 && !tree_hash_eq(&root, &t->cp.root));
	t->now = t->kept;
	for (unsigned i = 0; i < TREE_LEVELS; i++)
		t->pending_at[i] = t->kept.size >> 8 * i;
	return ERR_OK;
}

static enum err
open_folders(struct tlog *t, int dir_fd, struct why *why)
{
	if (t->writer && mkdirat(dir_fd, "ledger", 0700) != 0 && errno != EEXIST)
		return FAIL_SYS(why, "make ledger/");
	t->dir_fd = openat(dir_fd, "ledger", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (t->dir_fd == -1 && errno == ENOENT)
		return FAIL(why, ERR_ABSENT, "there is no ledger yet: run hemostat watch");
	if (t->dir_fd == -1)
		return FAIL_SYS(why, "open ledger/");
	if (!t->writer)
		return ERR_OK;
	t->keys_fd = openat(dir_fd, "keys", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return t->keys_fd == -1 ? FAIL_SYS(why, "open keys/") : ERR_OK;
}

enum err
tlog_open(
    struct tlog **out, int dir_fd, enum tlog_mode mode, struct bytes remembered, struct why *why)
{
	struct tlog *t = calloc(1, sizeof(*t));
	enum err e;

	*out = NULL;
	if (t == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for the ledger");
	t->dir_fd = t->keys_fd = -1;
	for (unsigned i = 0; i < TREE_LEVELS; i++)
		t->level[i] = -1;
	t->writer = mode == TLOG_WRITE;
	if ((t->h = hasher_new()) == NULL)
		e = FAIL(why, ERR_SYSTEM, "no SHA-256 in the cryptographic provider");
	else if ((e = open_folders(t, dir_fd, why)) == ERR_OK &&
		 (e = read_keys(t, why)) == ERR_OK &&
		 (!t->writer || (e = open_keys(t, why)) == ERR_OK) &&
		 (e = read_checkpoint(t, remembered, why)) == ERR_OK)
		e = load_edge(t, why);
	if (e == ERR_OK && !t->writer && t->n_keys == 0)
		e = FAIL(why, ERR_ABSENT, "there is no ledger yet: run hemostat watch");
	if (e != ERR_OK) {
		tlog_close(t);
		return e;
	}
	*out = t;
	return ERR_OK;
}

static void
close_levels(struct tlog *t)
{
	for (unsigned i = 0; i < TREE_LEVELS; i++)
		fd_close(&t->level[i]);
}

void
tlog_close(struct tlog *t)
{
	if (t == NULL)
		return;
	close_levels(t);
	fd_close(&t->dir_fd);
	fd_close(&t->keys_fd);
	for (unsigned i = 0; i < TREE_LEVELS; i++)
		buf_free(&t->pending[i]);
	buf_free(&t->names);
	buf_free(&t->rotations);
	buf_free(&t->note);
	tlog_key_free(t->key);
	hasher_free(t->h);
	free(t);
}

/* --- growing --- */

static void
pend(void *ctx, unsigned level, uint64_t at, const struct tree_hash *hash)
{
	struct tlog *t = ctx;

	assert(level < TREE_LEVELS);
	assert(at == t->pending_at[level] + t->pending[level].len / sizeof(*hash));
	buf_add(&t->pending[level], bytes_of(hash->b, sizeof(hash->b)));
}

void
tlog_drop(struct tlog *t)
{
	t->now = t->kept;
	for (unsigned i = 0; i < TREE_LEVELS; i++) {
		buf_reset(&t->pending[i]);
		t->pending_at[i] = t->kept.size >> 8 * i;
	}
}

/* After a store's undo the numbers begin again behind what is kept. */
static enum err
go_back(struct tlog *t, uint64_t size, struct why *why)
{
	if (size != t->kept.size)
		return FAIL(why, ERR_REFUSED, "event %llu does not follow event %llu in the ledger",
		    (unsigned long long)size + 1, (unsigned long long)t->now.size);
	tlog_drop(t);
	return ERR_OK;
}

enum err
tlog_add(struct tlog *t, uint64_t seq, struct bytes record, struct why *why)
{
	uint8_t room[ENTRY_DIGEST_BYTES];
	struct tree_hash leaf, root;
	enum err e;

	if (!t->writer || (t->broken && !t->anew))
		return FAIL(why, ERR_REFUSED, "the ledger cannot be added to");
	if (seq != t->now.size + 1 && (e = go_back(t, seq - 1, why)) != ERR_OK)
		return e;
	leaf = tree_leaf(t->h, entry_of(t->h, record, room));
	tree_edge_add(t->h, &t->now, &leaf, pend, t);
	for (unsigned i = 0; i < TREE_LEVELS; i++) {
		if (t->pending[i].cut)
			return FAIL(why, ERR_SYSTEM, "no memory for the ledger");
	}
	if (t->anew && t->now.size == t->cp.size) {
		root = tree_edge_root(t->h, &t->now);
		if (!tree_hash_eq(&root, &t->cp.root))
			return FAIL(why, ERR_REFUSED,
			    "neither the ledger's files nor the store's events lead to the signed "
			    "checkpoint of %llu entries: see hemostat ledger verify; nothing is "
			    "signed or added",
			    (unsigned long long)t->cp.size);
	}
	return ERR_OK;
}

/* The level files of a log that was made again take the place of the broken ones. */
static enum err
replace_levels(struct tlog *t, struct why *why)
{
	char from[16], to[16];

	for (unsigned i = 0; i < TREE_LEVELS; i++) {
		(void)snprintf(from, sizeof(from), "level%u.new", i);
		(void)snprintf(to, sizeof(to), "level%u", i);
		if (t->level[i] != -1 && fdatasync(t->level[i]) != 0)
			return FAIL_SYS(why, "sync ledger/%s", from);
		if (renameat(t->dir_fd, from, t->dir_fd, to) != 0 && errno != ENOENT)
			return FAIL_SYS(why, "name ledger/%s", to);
	}
	if (fsync(t->dir_fd) != 0)
		return FAIL_SYS(why, "sync ledger");
	t->anew = t->broken = false;
	return ERR_OK;
}

enum err
tlog_write(struct tlog *t, enum tlog_durability how, struct why *why)
{
	enum err e;

	for (unsigned i = 0; i < TREE_LEVELS; i++) {
		if ((e = write_level(t, i, why)) != ERR_OK)
			return e;
	}
	if (t->anew && t->now.size >= t->cp.size)
		return replace_levels(t, why);
	for (unsigned i = 0; i < TREE_LEVELS && how == TLOG_DURABLE; i++) {
		if (t->dirty[i] && fdatasync(t->level[i]) != 0)
			return FAIL_SYS(why, "sync ledger/level%u", i);
		t->dirty[i] = false;
	}
	return ERR_OK;
}

void
tlog_keep(struct tlog *t)
{
	t->kept = t->now;
	tlog_drop(t);
}

static enum err
append_history(struct tlog *t, struct why *why)
{
	enum err e;
	int fd = openat(
	    t->dir_fd, "history", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1)
		return FAIL_SYS(why, "write ledger/history");
	buf_byte(&t->note, '\n');
	e = fd_write_all(fd, buf_bytes(&t->note), why);
	t->note.len--;
	(void)close(fd);
	t->history_size = t->cp.size;
	return e;
}

/* The file need not be on disk at once: all that it speaks of is, in level files and store, so that
 * a start after a loss of power signs the same entries again, and more. */
enum err
tlog_sign(struct tlog *t, struct why *why)
{
	struct checkpoint c = {.origin = tlog_key_public(t->key)->name, .size = t->kept.size};
	struct buf note = {0};
	size_t text;
	enum err e;

	if (t->broken || c.size < t->cp.size)
		return FAIL(why, ERR_REFUSED, "the ledger has signed %llu entries and holds %llu",
		    (unsigned long long)t->cp.size, (unsigned long long)c.size);
	if (c.size == t->cp.size && t->note.len > 0) {
		if (!t->filed &&
		    (e = put_file(t, "checkpoint", buf_bytes(&t->note), TLOG_FAST, why)) != ERR_OK)
			return e;
		t->filed = true;
		return ERR_OK;
	}
	c.root = tree_edge_root(t->h, &t->kept);
	checkpoint_format(&c, &note);
	text = note.len;
	buf_byte(&note, '\n');
	if (note.cut)
		e = FAIL(why, ERR_SYSTEM, "no memory for a checkpoint");
	else if ((e = tlog_key_sign(t->key, bytes_sub(buf_bytes(&note), 0, text), &note, why)) ==
		 ERR_OK)
		e = put_file(t, "checkpoint", buf_bytes(&note), TLOG_FAST, why);
	if (e == ERR_OK) {
		t->filed = true;
		take_note(t, buf_bytes(&note));
		if (t->cp.size / HISTORY_EVERY != t->history_size / HISTORY_EVERY)
			e = append_history(t, why);
	}
	buf_free(&note);
	return e;
}

bool
tlog_broken(const struct tlog *t)
{
	return t->broken;
}

void
tlog_begin_again(struct tlog *t)
{
	char name[16];

	close_levels(t);
	t->anew = t->note.len > 0;
	for (unsigned i = 0; i < TREE_LEVELS && t->anew; i++) {
		(void)snprintf(name, sizeof(name), "level%u.new", i);
		(void)unlinkat(t->dir_fd, name, 0);
	}
	t->broken = t->anew;
	t->kept = (struct tree_edge){0};
	tlog_drop(t);
}

enum err
tlog_trim(struct tlog *t, struct why *why)
{
	struct stat st;
	enum err e;

	for (unsigned i = 0; i < TREE_LEVELS; i++) {
		off_t size = (off_t)((t->kept.size >> 8 * i) * sizeof(struct tree_hash));

		if (size == 0 && t->level[i] == -1)
			continue;
		if ((e = open_level(t, i, 0, why)) != ERR_OK)
			return e;
		if (fstat(t->level[i], &st) != 0 ||
		    (st.st_size > size && ftruncate(t->level[i], size) != 0))
			return FAIL_SYS(why, "cut ledger/level%u", i);
	}
	return ERR_OK;
}

/* --- reading --- */

uint64_t
tlog_next(const struct tlog *t)
{
	return t->now.size + 1;
}

uint64_t
tlog_signed_size(const struct tlog *t)
{
	return t->cp.size;
}

struct hasher *
tlog_hasher(const struct tlog *t)
{
	return t->h;
}

struct tree_reader
tlog_reader(struct tlog *t)
{
	return (struct tree_reader){t, read_level};
}

struct bytes
tlog_note(const struct tlog *t)
{
	return buf_bytes(&t->note);
}

const struct checkpoint *
tlog_checkpoint(const struct tlog *t)
{
	return &t->cp;
}

const struct note_key *
tlog_keys(const struct tlog *t, size_t *n)
{
	*n = t->n_keys;
	return t->keys;
}
