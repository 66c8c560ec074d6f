/* SPDX-License-Identifier: Apache-2.0 */
/* Store and ledger together: in step, over every way to end and to be tampered with.
 * HEMOSTAT_KILLS=n: how often the writer is killed (300). */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "brain/brain.h"
#include "fixture.h"
#include "guard.h"
#include "rng.h"

enum { KILLS = 300, KILLS_A_FOLDER = 25 };

/* A writer, all of it. */
struct bench {
	struct store_dir *dir;
	struct store *st;
	struct tlog *ledger;
	struct brain *brain;
	struct why why;
};

static enum err
writer_open(struct bench *b, const char *path)
{
	struct sip_key key;
	enum err e;

	*b = (struct bench){0};
	if ((e = store_dir_open(&b->dir, path, STORE_WRITE, &b->why)) == ERR_OK &&
	    (e = store_dir_key(b->dir, &key, &b->why)) == ERR_OK &&
	    (e = store_open(&b->st, b->dir, STORE_WRITE, NULL, &b->why)) == ERR_OK &&
	    (e = brain_ledger_open(&b->ledger, b->dir, b->st, &b->why)) == ERR_OK)
		e = brain_open(&b->brain, b->st, b->ledger, &key, NULL, &b->why);
	return e;
}

static void
let_go(struct bench *b)
{
	tlog_close(b->ledger);
	store_close(b->st);
	if (b->dir != NULL)
		store_dir_close(b->dir);
}

static void
writer_close(struct bench *b)
{
	assert_int_equal(brain_close(b->brain, &b->why), ERR_OK);
	let_go(b);
}

/* Events that a sensor may send, from *i on. */
static enum err
feed(struct bench *b, uint64_t *i, size_t n)
{
	struct buf record = {0};
	enum err e = ERR_OK;

	while (n > 0 && e == ERR_OK) {
		struct bytes rest;

		buf_reset(&record);
		sample_event((*i)++, &record);
		if (record.ptr[4] == EV_finding || record.ptr[4] == EV_device)
			continue;
		rest = buf_bytes(&record);
		e = brain_take(b->brain, &rest, &b->why);
		n--;
	}
	buf_free(&record);
	return e;
}

static void
open_and_feed(struct bench *b, const char *path, uint64_t *i, size_t n)
{
	assert_int_equal(writer_open(b, path), ERR_OK);
	assert_int_equal(feed(b, i, n), ERR_OK);
	assert_int_equal(brain_commit(b->brain, STORE_DURABLE, &b->why), ERR_OK);
}

/* --- holding store against ledger --- */

struct reading {
	struct tlog *t;
	uint64_t next, bad; /* bad: first event that is not its leaf, 0 = none */
};

static bool
hold(void *ctx, const struct store_event *e)
{
	struct reading *r = ctx;
	uint8_t room[ENTRY_DIGEST_BYTES];
	struct tree_hash have, want;
	size_t got;

	have = tree_leaf(tlog_hasher(r->t), entry_of(tlog_hasher(r->t), e->record, room));
	if (tlog_level(r->t, 0, e->seq - 1, 1, &want, &got, NULL) != ERR_OK || got != 1 ||
	    e->seq != r->next || !tree_hash_eq(&have, &want)) {
		r->bad = r->next;
		return false;
	}
	r->next++;
	return true;
}

static struct tree_hash
root_at(struct tlog *t, uint64_t size)
{
	struct tree_reader r = tlog_reader(t);
	struct tree_edge edge;
	struct why why;

	if (tree_edge_load(tlog_hasher(t), &r, size, &edge, &why) != ERR_OK)
		fail_msg("%s", why.text);
	return tree_edge_root(tlog_hasher(t), &edge);
}

/* All that is signed is there, in both; *root is that of `size` entries. */
static void
check_folder(const char *path, uint64_t size, const struct tree_hash *root)
{
	struct store_filter f = {.from_seq = 1};
	struct store_dir *dir = NULL;
	struct store *st = NULL;
	struct reading r = {.next = 1};
	struct tree_hash now;
	struct why why = {0};

	if (store_dir_open(&dir, path, STORE_READ, &why) != ERR_OK ||
	    store_open(&st, dir, STORE_READ, NULL, &why) != ERR_OK ||
	    tlog_open(&r.t, store_dir_fd(dir), TLOG_READ, (struct bytes){NULL, 0}, &why) != ERR_OK)
		fail_msg("%s", why.text);
	assert_false(tlog_broken(r.t));
	assert_true(tlog_signed_size(r.t) >= size);
	if (size > 0) {
		now = root_at(r.t, size);
		assert_true(tree_hash_eq(&now, root));
	}
	f.to_seq = tlog_signed_size(r.t);
	assert_int_equal(store_events(st, &f, hold, &r, &why), ERR_OK);
	assert_int_equal(r.bad, 0);
	assert_int_equal(r.next, tlog_signed_size(r.t) + 1);
	tlog_close(r.t);
	store_close(st);
	store_dir_close(dir);
}

static void
in_folder(const char *path, const char *name, char out[512])
{
	(void)snprintf(out, 512, "%s/%s", path, name);
}

static void
copy_file(const char *path, const char *from, const char *to)
{
	char a[512], b[512];
	struct bytes data;
	FILE *f;

	in_folder(path, from, a);
	in_folder(path, to, b);
	data = file_slurp(a);
	assert_non_null(data.ptr);
	f = fopen(b, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data.ptr, 1, data.len, f), data.len);
	assert_int_equal(fclose(f), 0);
	(void)chmod(b, 0600);
	free((void *)(uintptr_t)data.ptr);
}

static void
scribble(const char *path, const char *name, off_t at, uint8_t c, size_t n)
{
	char file[512];
	int fd;

	in_folder(path, name, file);
	fd = open(file, O_WRONLY);
	assert_int_not_equal(fd, -1);
	while (n-- > 0)
		assert_int_equal(pwrite(fd, &c, 1, at++), 1);
	assert_int_equal(close(fd), 0);
}

static void
drop_file(const char *path, const char *name)
{
	char file[512];

	in_folder(path, name, file);
	assert_int_equal(unlink(file), 0);
}

/* --- cases --- */

static void
in_step_over_runs(void **state)
{
	struct temp_dir d = temp_dir_new();
	struct tree_hash root = {{0}};
	uint64_t i = 0, size = 0;
	struct bench b;

	(void)state;
	for (int run = 0; run < 6; run++) {
		open_and_feed(&b, d.path, &i, run == 3 ? 0 : 700);
		size = tlog_signed_size(b.ledger);
		assert_int_equal(size + 1, store_next_seq(b.st));
		root = root_at(b.ledger, size);
		writer_close(&b);
		check_folder(d.path, size, &root);
	}
	assert_true(size > 5 * 700);
	temp_dir_free(&d);
}

static void
what_was_not_signed_is_taken_up(void **state)
{
	struct temp_dir d = temp_dir_new();
	struct tree_hash root;
	uint64_t i = 0, size;
	struct bench b;
	int status;
	pid_t pid;

	(void)state;
	open_and_feed(&b, d.path, &i, 100);
	size = tlog_signed_size(b.ledger);
	root = root_at(b.ledger, size);
	writer_close(&b);
	/* A process that ends without a word; its last 50 events were never committed. */
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		bool ok = writer_open(&b, d.path) == ERR_OK && feed(&b, &i, 1000) == ERR_OK &&
			  brain_commit(b.brain, STORE_FAST, &b.why) == ERR_OK &&
			  tlog_signed_size(b.ledger) == size && feed(&b, &i, 50) == ERR_OK;

		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	open_and_feed(&b, d.path, &i, 0);
	assert_true(tlog_signed_size(b.ledger) >= size + 1000);
	assert_int_equal(tlog_signed_size(b.ledger) + 1, store_next_seq(b.st));
	writer_close(&b);
	check_folder(d.path, size, &root);
	temp_dir_free(&d);
}

/* An old copy of the database: its lost numbers are never given twice. */
static void
store_that_went_back(void **state)
{
	struct temp_dir d = temp_dir_new();
	struct tree_hash root, now;
	uint64_t i = 0, size;
	struct bench b;

	(void)state;
	open_and_feed(&b, d.path, &i, 300);
	writer_close(&b);
	copy_file(d.path, "hemostat.db", "old.db");
	open_and_feed(&b, d.path, &i, 500);
	writer_close(&b);
	open_and_feed(&b, d.path, &i, 0);
	size = tlog_signed_size(b.ledger);
	root = root_at(b.ledger, size);
	writer_close(&b);
	copy_file(d.path, "old.db", "hemostat.db");
	open_and_feed(&b, d.path, &i, 10);
	assert_true(tlog_signed_size(b.ledger) >= size + 10);
	now = root_at(b.ledger, size);
	assert_true(tree_hash_eq(&now, &root));
	assert_int_equal(tlog_signed_size(b.ledger) + 1, store_next_seq(b.st));
	writer_close(&b);
	temp_dir_free(&d);
}

static void
damaged_levels_are_made_again(void **state)
{
	static const struct {
		const char *name;
		off_t at; /* -1: the whole file goes */
	} cases[] = {{"ledger/level0", -1}, {"ledger/level0", 32 * 700}, {"ledger/level1", 0},
	    {"ledger/level1", -1}};
	struct temp_dir d = temp_dir_new();
	struct tree_hash root;
	uint64_t i = 0, size;
	struct bench b;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		open_and_feed(&b, d.path, &i, 700);
		size = tlog_signed_size(b.ledger);
		root = root_at(b.ledger, size);
		writer_close(&b);
		/* The last tile is what the edge is read from. */
		if (cases[k].at < 0)
			drop_file(d.path, cases[k].name);
		else
			scribble(d.path, cases[k].name,
			    k == 1 ? (off_t)(size - 1) * 32 : cases[k].at, 0xa5, 32);
		open_and_feed(&b, d.path, &i, 5);
		assert_false(tlog_broken(b.ledger));
		writer_close(&b);
		check_folder(d.path, size, &root);
	}
	temp_dir_free(&d);
}

static void
refuse(const char *path, const char *word)
{
	struct bench b;

	if (writer_open(&b, path) != ERR_REFUSED || strstr(b.why.text, word) == NULL)
		fail_msg("expected a refusal that says \"%s\": %s", word, b.why.text);
	let_go(&b);
}

/* Damaged levels, and a store whose events lead elsewhere: nothing is signed. */
static void
neither_leads_to_the_root(void **state)
{
	struct temp_dir d = temp_dir_new(), other = temp_dir_new();
	uint64_t i = 0;
	struct bench b;
	char from[512], to[512];

	(void)state;
	open_and_feed(&b, d.path, &i, 400);
	writer_close(&b);
	i = 7000;
	open_and_feed(&b, other.path, &i, 400);
	writer_close(&b);
	in_folder(other.path, "hemostat.db", from);
	in_folder(d.path, "hemostat.db", to);
	assert_int_equal(rename(from, to), 0);
	/* The other database remembers a checkpoint of another ledger. */
	refuse(d.path, "another ledger");
	temp_dir_free(&d);
	temp_dir_free(&other);
}

static void
checkpoints_that_were_put_back(void **state)
{
	struct temp_dir d = temp_dir_new();
	struct tree_hash root;
	uint64_t i = 0, size;
	struct bench b;

	(void)state;
	open_and_feed(&b, d.path, &i, 300);
	writer_close(&b);
	copy_file(d.path, "ledger/checkpoint", "old");
	open_and_feed(&b, d.path, &i, 300);
	writer_close(&b);
	open_and_feed(&b, d.path, &i, 0);
	size = tlog_signed_size(b.ledger);
	root = root_at(b.ledger, size);
	writer_close(&b);
	copy_file(d.path, "old", "ledger/checkpoint");
	open_and_feed(&b, d.path, &i, 1);
	writer_close(&b);
	check_folder(d.path, size, &root);
	drop_file(d.path, "ledger/checkpoint");
	open_and_feed(&b, d.path, &i, 1);
	writer_close(&b);
	check_folder(d.path, size, &root);
	/* A changed signature. */
	scribble(d.path, "ledger/checkpoint", 0, 'H', 1);
	refuse(d.path, "not signed");
	temp_dir_free(&d);
}

static void
keys_that_are_lost(void **state)
{
	struct temp_dir d = temp_dir_new();
	uint64_t i = 0;
	struct bench b;

	(void)state;
	open_and_feed(&b, d.path, &i, 30);
	writer_close(&b);
	copy_file(d.path, "keys/ledger.key", "saved");
	scribble(d.path, "keys/ledger.key", 3, 0x77, 2);
	refuse(d.path, "not the key");
	drop_file(d.path, "keys/ledger.key");
	refuse(d.path, "not the key");
	copy_file(d.path, "saved", "keys/ledger.key");
	open_and_feed(&b, d.path, &i, 1);
	writer_close(&b);
	temp_dir_free(&d);
}

static void
keys_hand_over(void **state)
{
	struct temp_dir d = temp_dir_new();
	struct note_key keys[NOTE_KEYS_MAX];
	struct buf rotations = {0};
	struct tree_hash root;
	uint64_t i = 0, size;
	struct bench b;
	size_t n;

	(void)state;
	open_and_feed(&b, d.path, &i, 30);
	keys[0] = tlog_keys(b.ledger, &n)[0];
	assert_int_equal(n, 1);
	assert_int_equal(tlog_rotate(b.ledger, &b.why), ERR_OK);
	assert_int_equal(tlog_rotate(b.ledger, &b.why), ERR_OK);
	assert_int_equal(feed(&b, &i, 10), ERR_OK);
	assert_int_equal(brain_commit(b.brain, STORE_DURABLE, &b.why), ERR_OK);
	size = tlog_signed_size(b.ledger);
	root = root_at(b.ledger, size);
	writer_close(&b);
	check_folder(d.path, size, &root);
	/* Cut between the note and the new key's place: brought to its end at the next start. */
	copy_file(d.path, "keys/ledger.key", "second");
	open_and_feed(&b, d.path, &i, 0);
	assert_int_equal(tlog_rotate(b.ledger, &b.why), ERR_OK);
	writer_close(&b);
	copy_file(d.path, "keys/ledger.key", "keys/ledger.key.next");
	copy_file(d.path, "second", "keys/ledger.key");
	open_and_feed(&b, d.path, &i, 5);
	(void)tlog_keys(b.ledger, &n);
	assert_int_equal(n, 4);
	n = 1;
	assert_int_equal(tlog_file(b.ledger, "rotations", &rotations, &b.why), ERR_OK);
	keys[0] = tlog_keys(b.ledger, &n)[0];
	n = 1;
	assert_int_equal(
	    tlog_follow(tlog_hasher(b.ledger), buf_bytes(&rotations), keys, &n, &b.why), ERR_OK);
	assert_int_equal(n, 4);
	/* The same notes do not lead from another key. */
	keys[0] = keys[1];
	n = 1;
	assert_int_equal(
	    tlog_follow(tlog_hasher(b.ledger), buf_bytes(&rotations), keys, &n, &b.why),
	    ERR_REFUSED);
	writer_close(&b);
	buf_free(&rotations);
	temp_dir_free(&d);
}

/* --- killed --- */

struct ack {
	uint64_t size;
	struct tree_hash root;
};

static void
child(const char *path, uint64_t i, struct rng rng, int out)
{
	struct bench b;

	if (writer_open(&b, path) != ERR_OK) {
		(void)fprintf(stderr, "# %s\n", b.why.text);
		_exit(9);
	}
	for (;;) {
		struct ack a;

		if (feed(&b, &i, 1 + rng_below(&rng, 60)) != ERR_OK ||
		    brain_commit(b.brain, rng_below(&rng, 4) == 0 ? STORE_FAST : STORE_DURABLE,
			&b.why) != ERR_OK)
			_exit(9);
		a.size = tlog_signed_size(b.ledger);
		a.root = tlog_checkpoint(b.ledger)->root;
		if (write(out, &a, sizeof(a)) != sizeof(a))
			_exit(8);
	}
}

static void
spin(size_t us)
{
	struct timespec a, b;

	(void)clock_gettime(CLOCK_MONOTONIC, &a);
	do
		(void)clock_gettime(CLOCK_MONOTONIC, &b);
	while (
	    (uint64_t)(b.tv_sec - a.tv_sec) * 1000000 + (uint64_t)(b.tv_nsec - a.tv_nsec) / 1000 <
	    us);
}

/* What a loss of power may leave besides: level files cut or scribbled over behind what is signed,
 * half of a file that was being written. */
static void
lose_power(const char *path, struct rng *rng)
{
	struct store_dir *dir;
	char name[512];
	uint64_t size;
	struct tlog *t;
	struct stat st;
	struct why why;

	if (store_dir_open(&dir, path, STORE_READ, &why) != ERR_OK)
		return;
	if (tlog_open(&t, store_dir_fd(dir), TLOG_READ, (struct bytes){NULL, 0}, &why) == ERR_OK) {
		size = tlog_signed_size(t);
		tlog_close(t);
		in_folder(path, "ledger/level0", name);
		if (stat(name, &st) == 0 && st.st_size > (off_t)size * 32) {
			size_t tail = (size_t)st.st_size - (size_t)size * 32;

			if (rng_below(rng, 2) == 0)
				(void)!truncate(name, (off_t)(size * 32 + rng_below(rng, tail)));
			else
				scribble(path, "ledger/level0", (off_t)size * 32, 0, tail);
		}
		if (size > 0) {
			copy_file(path, "ledger/checkpoint", "ledger/checkpoint.part");
			in_folder(path, "ledger/checkpoint.part", name);
			(void)!truncate(name, (off_t)rng_below(rng, 200));
			if (rng_below(rng, 2) == 0)
				copy_file(path, "ledger/checkpoint.part", "ledger/checkpoint");
		}
	}
	store_dir_close(dir);
}

/* A start and a proper end: what was acknowledged is signed again. */
static void
recover(const char *path)
{
	struct bench b;

	if (writer_open(&b, path) != ERR_OK)
		fail_msg("%s", b.why.text);
	writer_close(&b);
}

static void
kill_once(const char *path, uint64_t from, struct rng *rng, struct ack *last)
{
	size_t after = rng_below(rng, 6);
	struct ack a;
	int p[2], status;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	(void)rng_next(rng);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		(void)close(p[0]);
		child(path, from, *rng, p[1]);
	}
	(void)close(p[1]);
	for (size_t i = 0; i < after && read(p[0], &a, sizeof(a)) == sizeof(a); i++)
		*last = a;
	spin(rng_below(rng, after == 0 ? 20000 : 3000));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	while (read(p[0], &a, sizeof(a)) == sizeof(a)) {
		assert_true(a.size >= last->size);
		*last = a;
	}
	(void)close(p[0]);
}

static void
killed_anywhere(void **state)
{
	const char *wanted = getenv("HEMOSTAT_KILLS");
	unsigned long kills = wanted != NULL ? strtoul(wanted, NULL, 10) : KILLS, done = 0;
	struct rng rng = rng_new(20260704);

	(void)state;
	while (done < kills) {
		struct temp_dir d = temp_dir_new();
		struct ack last = {0};

		for (int i = 0; i < KILLS_A_FOLDER && done < kills; i++, done++) {
			struct ack before = last;

			kill_once(d.path, 100000 * (uint64_t)i, &rng, &last);
			if (last.size > 0)
				check_folder(d.path, last.size, &last.root);
			if (before.size > 0)
				check_folder(d.path, before.size, &before.root);
			if (rng_below(&rng, 2) != 0)
				continue;
			lose_power(d.path, &rng);
			recover(d.path);
			check_folder(d.path, last.size, &last.root);
		}
		temp_dir_free(&d);
	}
	print_message("# killed %lu times\n", done);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(in_step_over_runs),
	    cmocka_unit_test(what_was_not_signed_is_taken_up),
	    cmocka_unit_test(store_that_went_back), cmocka_unit_test(damaged_levels_are_made_again),
	    cmocka_unit_test(neither_leads_to_the_root),
	    cmocka_unit_test(checkpoints_that_were_put_back), cmocka_unit_test(keys_that_are_lost),
	    cmocka_unit_test(keys_hand_over), cmocka_unit_test(killed_anywhere)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
