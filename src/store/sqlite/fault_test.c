/* SPDX-License-Identifier: Apache-2.0 */
/* What the store does when its disk is full, fails, loses power or lies, and when its writer is
 * killed. Promise under test: nothing acknowledged is lost, nothing wrong is given out. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk.h"
#include "fixture.h"
#include "guard.h"

/* --- helpers: plain code, also run in children that must not use cmocka --- */

struct box {
	struct store_dir *dir;
	struct store *st;
	struct why why;
};

static enum err
box_open(struct box *b, const char *path, enum store_mode mode)
{
	enum err e;

	b->st = NULL;
	if ((e = store_dir_open(&b->dir, path, mode, &b->why)) != ERR_OK)
		return e;
	return store_open(&b->st, b->dir, mode, NULL, &b->why);
}

static void
box_close(struct box *b)
{
	store_close(b->st);
	store_dir_close(b->dir);
	b->st = NULL;
	b->dir = NULL;
}

/* Append the n samples that come next; *last gets the number of the last. */
static enum err
append(struct box *b, uint64_t n, uint64_t *last)
{
	static struct buf rec;
	uint64_t first;
	enum err e;

	if ((e = store_range(b->st, &first, last, &b->why)) != ERR_OK)
		return e;
	for (uint64_t k = 0; k < n; k++) {
		buf_reset(&rec);
		sample_event(*last, &rec);
		if ((e = store_append(b->st, buf_bytes(&rec), NULL, last, &b->why)) != ERR_OK)
			return e;
	}
	return ERR_OK;
}

struct seen {
	uint64_t n, last, holes, wrong;
};

static bool
see(void *ctx, const struct store_event *e)
{
	static struct buf want;
	struct seen *s = ctx;

	buf_reset(&want);
	sample_event(e->seq - 1, &want);
	s->wrong += !bytes_eq(buf_bytes(&want), e->record);
	s->holes += e->seq != s->last + 1;
	s->last = e->seq;
	s->n++;
	return true;
}

static enum err
walk(struct box *b, struct seen *s)
{
	struct store_filter all = {0};

	*s = (struct seen){0};
	return store_events(b->st, &all, see, s, &b->why);
}

/* The store opens for writing, holds at least `acked` samples without holes, is sound, goes on. */
static void
assert_sound(const char *path, uint64_t acked)
{
	struct store_check check;
	struct box b;
	struct seen s;
	uint64_t last;

	assert_int_equal(box_open(&b, path, STORE_WRITE), ERR_OK);
	assert_int_equal(walk(&b, &s), ERR_OK);
	assert_int_equal(s.holes, 0);
	assert_int_equal(s.wrong, 0);
	assert_true(s.n >= acked);
	assert_int_equal(store_check(b.st, &check, &b.why), ERR_OK);
	assert_int_equal(check.events, s.n);
	assert_int_equal(append(&b, 3, &last), ERR_OK);
	assert_int_equal(last, s.n + 3);
	box_close(&b); /* what was appended is dropped */
}

struct sums {
	uint64_t links, messages, mix;
};

static bool
sum_link(void *ctx, const struct store_link *l)
{
	struct sums *s = ctx;

	s->links++;
	s->messages += l->messages;
	s->mix += mix64(l->number + l->messages * 3 + l->bytes * 5 + (uint64_t)l->last.ns);
	return true;
}

/* What was counted as events came is what counting again gives. */
static void
assert_tallies(const char *path)
{
	struct sums live = {0}, again = {0};
	struct store_page page = {0};
	struct box b;

	assert_int_equal(box_open(&b, path, STORE_WRITE), ERR_OK);
	assert_int_equal(store_links(b.st, NULL, &page, sum_link, &live, &b.why), ERR_OK);
	assert_int_equal(store_rebuild(b.st, NULL, NULL, &b.why), ERR_OK);
	page = (struct store_page){0};
	assert_int_equal(store_links(b.st, NULL, &page, sum_link, &again, &b.why), ERR_OK);
	assert_memory_equal(&live, &again, sizeof(live));
	assert_true(live.links > 0);
	box_close(&b);
}

static int
setup(void **state)
{
	struct temp_dir *t = malloc(sizeof(*t));

	if (t == NULL)
		return -1;
	disk_reset();
	*t = temp_dir_new();
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	temp_dir_free(*state);
	free(*state);
	return 0;
}

/* --- the writer is killed --- */

/* Append and commit for ever; tell each commit's last number to the pipe. */
static void
run_writer(const char *path, int out, uint64_t seed)
{
	struct box b;
	uint64_t last;

	if (box_open(&b, path, STORE_WRITE) != ERR_OK)
		_exit(3);
	for (uint64_t i = 0;; i++) {
		uint64_t r = mix64(seed * 1000003 + i);

		if (append(&b, 1 + r % (r % 7 == 0 ? 900 : 30), &last) != ERR_OK ||
		    store_commit(b.st, r >> 32 & 1 ? STORE_DURABLE : STORE_FAST, &b.why) !=
			ERR_OK ||
		    write(out, &last, sizeof(last)) != sizeof(last))
			_exit(4);
	}
}

static void
killed_writer(void **state)
{
	enum { ROUNDS = 60 };
	const struct temp_dir *t = *state;
	struct rng rng = rng_new(1);
	uint64_t acked = 0;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t told, wait_for = rng_below(&rng, 20);
		int fds[2], status;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		(void)fflush(stdout);
		if ((pid = fork()) == 0) {
			(void)close(fds[0]);
			run_writer(t->path, fds[1], round);
		}
		(void)close(fds[1]);
		for (uint64_t i = 0; i < wait_for && read(fds[0], &told, sizeof(told)) > 0; i++)
			acked = told;
		for (volatile size_t spin = rng_below(&rng, 3000000); spin > 0; spin--)
			continue;
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status)); /* not ended by an error of its own */
		while (read(fds[0], &told, sizeof(told)) > 0)
			acked = told;
		(void)close(fds[0]);
		assert_sound(t->path, acked);
	}
	assert_true(acked > 1000);
	assert_tallies(t->path);
}

/* --- the disk is full --- */

/* Fill until it fails, then make room and go on. Gives the number committed last; 0 = wrong. */
static uint64_t
fill(const char *path, bool (*make_room)(void), const char *word)
{
	struct box b;
	struct seen s;
	uint64_t last, committed = 0;
	enum err e;

	if (box_open(&b, path, STORE_WRITE) != ERR_OK)
		return 0;
	while ((e = append(&b, 700, &last)) == ERR_OK &&
	       (e = store_commit(b.st, STORE_DURABLE, &b.why)) == ERR_OK)
		committed = last;
	if (e != ERR_SYSTEM || strstr(b.why.text, word) == NULL) {
		(void)fprintf(stderr, "# %s: %s\n", err_name(e), b.why.text);
		return 0;
	}
	/* It reads on as it is, and writes on when there is room. */
	if (walk(&b, &s) != ERR_OK || s.n != committed || s.holes + s.wrong != 0 || !make_room())
		return 0;
	if (append(&b, 2000, &last) != ERR_OK || last != committed + 2000 ||
	    store_commit(b.st, STORE_DURABLE, &b.why) != ERR_OK)
		return 0;
	box_close(&b);
	return last;
}

static bool
lift_limit(void)
{
	struct rlimit lim = {RLIM_INFINITY, RLIM_INFINITY};

	if (getrlimit(RLIMIT_FSIZE, &lim) != 0)
		return false;
	lim.rlim_cur = lim.rlim_max;
	return setrlimit(RLIMIT_FSIZE, &lim) == 0;
}

static void
file_size_limit(void **state)
{
	const struct temp_dir *t = *state;
	struct rlimit lim;
	uint64_t last = 0;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	(void)fflush(stdout);
	if (fork() == 0) {
		(void)signal(SIGXFSZ, SIG_IGN);
		if (getrlimit(RLIMIT_FSIZE, &lim) == 0) {
			lim.rlim_cur = 3000000;
			if (setrlimit(RLIMIT_FSIZE, &lim) == 0)
				last = fill(t->path, lift_limit, "File too large");
		}
		_exit(write(fds[1], &last, sizeof(last)) != sizeof(last));
	}
	assert_int_equal(read(fds[0], &last, sizeof(last)), sizeof(last));
	(void)wait(NULL);
	(void)close(fds[0]);
	(void)close(fds[1]);
	assert_true(last > 2000);
	assert_sound(t->path, last);
	assert_tallies(t->path);
}

static const char *mounted;

static bool
grow_mount(void)
{
	return mount("none", mounted, "tmpfs", MS_REMOUNT, "size=64m") == 0;
}

static void
disk_full(void **state)
{
	const struct temp_dir *t = *state;
	char path[300];
	int status;

	(void)fflush(stdout);
	if (fork() == 0) {
		mounted = t->path;
		(void)snprintf(path, sizeof(path), "%s/data", t->path);
		if (unshare(CLONE_NEWNS) != 0 ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		    mount("none", t->path, "tmpfs", 0, "size=4m") != 0)
			_exit(77);
		_exit(fill(path, grow_mount, "is full") < 2000);
	}
	assert_true(wait(&status) > 0 && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("# skipped: mounting a small disk needs root\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A data directory on a disk that cannot be written is read all the same, as its last writer left
 * it: closed, or killed with its events still in the WAL. */
static int
read_only_child(const char *path, uint64_t want)
{
	struct box b;
	struct seen s;

	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount(path, path, NULL, MS_BIND, NULL) != 0 ||
	    mount("none", path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) != 0)
		return 77;
	if (box_open(&b, path, STORE_READ) != ERR_OK || walk(&b, &s) != ERR_OK) {
		(void)fprintf(stderr, "# %s\n", b.why.text);
		return 1;
	}
	box_close(&b);
	if (box_open(&b, path, STORE_WRITE) != ERR_SYSTEM ||
	    strstr(b.why.text, "Read-only file system; name one that can be written") == NULL)
		return 2;
	return s.n == want && s.holes + s.wrong == 0 ? 0 : 3;
}

static void
read_only_mount(void **state)
{
	const struct temp_dir *t = *state;
	uint64_t last;
	int status;

	for (int killed = 0; killed < 2; killed++) {
		(void)fflush(stdout);
		if (fork() == 0) {
			struct box b;

			if (box_open(&b, t->path, STORE_WRITE) != ERR_OK ||
			    append(&b, 500, &last) != ERR_OK ||
			    store_commit(b.st, STORE_DURABLE, &b.why) != ERR_OK)
				_exit(1);
			if (killed)
				_exit(0);
			box_close(&b);
			_exit(0);
		}
		assert_true(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
		(void)fflush(stdout);
		if (fork() == 0)
			_exit(read_only_child(t->path, 500 + 500 * (uint64_t)killed));
		assert_true(wait(&status) > 0 && WIFEXITED(status));
		if (WEXITSTATUS(status) == 77) {
			print_message("# skipped: a read-only mount needs root\n");
			skip();
		}
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

/* --- the disk fails, or loses power --- */

/* Open, append, commit, close. *acked: what was told to be kept; *durable: also over power. */
static enum err
scenario(const char *path, uint64_t *acked, uint64_t *durable)
{
	struct box b;
	uint64_t last;
	enum err e;

	*acked = *durable = 0;
	if ((e = box_open(&b, path, STORE_WRITE)) == ERR_OK) {
		for (uint64_t i = 0; i < 6 && e == ERR_OK; i++) {
			enum store_durability how = i % 2 ? STORE_DURABLE : STORE_FAST;

			if ((e = append(&b, 40 + 300 * (i == 3), &last)) == ERR_OK &&
			    (e = store_commit(b.st, how, &b.why)) == ERR_OK) {
				*acked = last;
				*durable = how == STORE_DURABLE ? last : *durable;
			}
		}
	}
	box_close(&b);
	return e;
}

static void
fails_at_each_operation(void **state)
{
	struct temp_dir *t = *state;
	uint64_t acked, durable, failed = 0, total;

	assert_int_equal(scenario(t->path, &acked, &durable), ERR_OK);
	total = disk_operations();
	assert_true(total > 50);
	for (uint64_t k = 1; k <= total; k++) {
		temp_dir_free(t);
		*t = temp_dir_new();
		disk_reset();
		disk_fail(k, k % 2, k % 3 == 0);
		failed += scenario(t->path, &acked, &durable) != ERR_OK;
		disk_reset();
		assert_sound(t->path, acked);
	}
	assert_true(failed > total / 2); /* the rest: at close, when all is committed */
}

static void
power_cut_at_each_operation(void **state)
{
	struct temp_dir *t = *state;
	struct rng rng = rng_new(3);
	uint64_t acked, durable, total, lost = 0;

	disk_watch(true);
	assert_int_equal(scenario(t->path, &acked, &durable), ERR_OK);
	total = disk_operations();
	for (uint64_t k = 1; k <= total; k++) {
		struct temp_dir after = temp_dir_new();
		struct box b;
		struct seen s;

		temp_dir_free(t);
		*t = temp_dir_new();
		disk_reset();
		disk_watch(true);
		disk_fail(k, true, false);
		(void)scenario(t->path, &acked, &durable);
		assert_int_equal(chmod(after.path, 0700), 0);
		disk_power_cut(&rng, after.path);
		disk_reset();
		{
			char db[300];

			(void)snprintf(db, sizeof(db), "%s/hemostat.db", after.path);
			(void)chmod(db, 0600);
			(void)snprintf(db, sizeof(db), "%s/hemostat.db-wal", after.path);
			(void)chmod(db, 0600);
		}
		assert_sound(after.path, durable);
		assert_int_equal(box_open(&b, after.path, STORE_WRITE), ERR_OK);
		assert_int_equal(walk(&b, &s), ERR_OK);
		lost += s.n < acked;
		box_close(&b);
		temp_dir_free(&after);
	}
	assert_true(lost > 0); /* the cut does lose what was not asked to be durable */
}

/* --- the file is damaged --- */

static struct bytes
make_database(const char *path)
{
	static char name[300];
	struct box b;
	uint64_t last;

	assert_int_equal(box_open(&b, path, STORE_WRITE), ERR_OK);
	assert_int_equal(append(&b, 4000, &last), ERR_OK);
	for (uint64_t id = 1; id < 50; id++) {
		struct store_device d = {.id = id, .state = BYTES("staged"), .json = BYTES("{}")};

		assert_int_equal(store_device_put(b.st, &d, &b.why), ERR_OK);
	}
	assert_int_equal(store_commit(b.st, STORE_DURABLE, &b.why), ERR_OK);
	box_close(&b);
	(void)snprintf(name, sizeof(name), "%s/hemostat.db", path);
	return file_slurp(name);
}

static void
write_file(const char *dir, const char *name, struct bytes data)
{
	char path[400];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "wb");
	assert_non_null(out);
	assert_int_equal(fwrite(data.ptr, 1, data.len, out), data.len);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void
damage(struct rng *rng, uint8_t *p, size_t *len)
{
	size_t at = rng_below(rng, *len);

	switch (rng_below(rng, 5)) {
	case 0:
		p[at] ^= (uint8_t)(1u << rng_below(rng, 8));
		break;
	case 1: /* a sector that reads as zeros */
		at &= ~(size_t)511;
		memset(p + at, 0, *len - at < 512 ? *len - at : 512);
		break;
	case 2: /* pages of elsewhere */
		at &= ~(size_t)8191;
		memmove(p + at, p + (rng_below(rng, *len) & ~(size_t)8191),
		    *len - at < 8192 ? *len - at : 8192);
		break;
	case 3:
		*len = at;
		break;
	default:
		for (int i = 0; i < 8; i++)
			p[rng_below(rng, *len)] = (uint8_t)rng_next(rng);
	}
}

static bool
see_device(void *ctx, const struct store_device *d)
{
	++*(uint64_t *)ctx;
	return d->id < UINT64_MAX;
}

/* Events are the true ones or there is an error that says what to do. */
static bool
read_damaged(const char *path)
{
	struct store_page page = {0};
	struct store_check check;
	struct box b;
	struct seen s = {0};
	uint64_t devices = 0;
	enum err e = box_open(&b, path, STORE_READ);
	bool noticed = e != ERR_OK;

	assert_true(e == ERR_OK || strlen(b.why.text) > 10);
	if (e == ERR_OK) {
		e = walk(&b, &s);
		assert_int_equal(s.wrong, 0);
		noticed |= e != ERR_OK;
		if (e == ERR_INPUT)
			assert_non_null(strstr(b.why.text, "hemostat store rebuild"));
		e = store_devices(b.st, NULL, &page, see_device, &devices, &b.why);
		noticed |= e != ERR_OK;
		e = store_check(b.st, &check, &b.why);
		noticed |= e != ERR_OK;
		if (e == ERR_OK)
			assert_int_equal(s.n, 4000);
	}
	box_close(&b);
	return noticed;
}

/* After a rescue all that is left is true and sound but for holes. */
static uint64_t
rescue_damaged(const char *path)
{
	struct store_dir *d;
	struct store_check saved, check;
	struct why why;
	struct box b;
	struct seen s;
	enum err e;

	assert_int_equal(store_dir_open(&d, path, STORE_WRITE, &why), ERR_OK);
	e = store_rescue(d, &saved, &why);
	store_dir_close(d);
	if (e != ERR_OK) /* not one page of it can be read: the file is as it was */
		return 0;
	assert_int_equal(box_open(&b, path, STORE_WRITE), ERR_OK);
	assert_true(store_rebuilding(b.st));
	assert_int_equal(walk(&b, &s), ERR_OK);
	assert_int_equal(s.wrong, 0);
	assert_int_equal(s.n, saved.events);
	e = store_check(b.st, &check, &b.why);
	assert_int_equal(check.damaged_blocks, 0);
	assert_false(check.structure_damaged);
	assert_int_equal(e == ERR_OK, check.holes == 0);
	assert_int_equal(store_rebuild(b.st, NULL, NULL, &b.why), ERR_OK);
	box_close(&b);
	return s.n;
}

static void
damaged_file(void **state)
{
	enum { ROUNDS = 150 };
	const struct temp_dir *t = *state;
	struct rng rng = rng_new(9);
	struct bytes good;
	uint64_t noticed = 0, saved = 0, rescued = 0;
	struct temp_dir first = temp_dir_new();

	good = make_database(first.path);
	temp_dir_free(&first);
	(void)t;
	for (int round = 0; round < ROUNDS; round++) {
		struct temp_dir d = temp_dir_new();
		uint8_t *bad = malloc(good.len);
		size_t len = good.len;

		assert_non_null(bad);
		memcpy(bad, good.ptr, good.len);
		damage(&rng, bad, &len);
		write_file(d.path, "hemostat.db", bytes_of(bad, len));
		if (read_damaged(d.path)) {
			uint64_t n = rescue_damaged(d.path);

			noticed++;
			rescued += n > 0;
			saved += n;
		}
		free(bad);
		temp_dir_free(&d);
	}
	print_message("# %llu of %d noticed, %llu rescued, %llu events saved of %llu\n",
	    (unsigned long long)noticed, ROUNDS, (unsigned long long)rescued,
	    (unsigned long long)saved, (unsigned long long)noticed * 4000);
	assert_true(noticed > ROUNDS / 2);
	assert_true(rescued > noticed / 2);
	assert_true(saved > noticed * 4000 / 4);
	free((void *)(uintptr_t)good.ptr);
}

/* --- files that are not ours, or of tomorrow --- */

static void
not_a_database(void **state)
{
	const struct temp_dir *t = *state;
	static const char *const texts[] = {
	    "", "x", "SQLite format 3", "this is a text of someone"};
	char big[20000];
	struct box b;

	memset(big, 'x', sizeof(big));
	write_file(t->path, "hemostat.db", bytes_of(big, sizeof(big)));
	for (int mode = STORE_READ; mode <= STORE_WRITE; mode++) {
		assert_int_equal(box_open(&b, t->path, (enum store_mode)mode), ERR_INPUT);
		assert_non_null(strstr(b.why.text, "is damaged: run `hemostat store rebuild`"));
		box_close(&b);
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		write_file(t->path, "hemostat.db", bytes_str(texts[i]));
		assert_int_not_equal(box_open(&b, t->path, STORE_READ), ERR_OK);
		box_close(&b);
	}
}

/* Change the number at an offset of the header: user version 60, application 68. */
static void
poke_header(const char *dir, size_t at, uint8_t value)
{
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/hemostat.db", dir);
	fd = open(path, O_RDWR);
	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, &value, 1, (off_t)at), 1);
	assert_int_equal(close(fd), 0);
}

static void
a_newer_schema(void **state)
{
	const struct temp_dir *t = *state;
	struct box b;
	uint64_t last;

	assert_int_equal(box_open(&b, t->path, STORE_WRITE), ERR_OK);
	assert_int_equal(append(&b, 10, &last), ERR_OK);
	assert_int_equal(store_commit(b.st, STORE_DURABLE, &b.why), ERR_OK);
	box_close(&b);
	poke_header(t->path, 63, 99);
	for (int mode = STORE_READ; mode <= STORE_WRITE; mode++) {
		assert_int_equal(box_open(&b, t->path, (enum store_mode)mode), ERR_REFUSED);
		assert_non_null(
		    strstr(b.why.text, "newer Hemostat (schema 99, this program knows"));
		box_close(&b);
	}
	poke_header(t->path, 63, 2);
	poke_header(t->path, 68, 'X');
	for (int mode = STORE_READ; mode <= STORE_WRITE; mode++) {
		assert_int_equal(box_open(&b, t->path, (enum store_mode)mode), ERR_REFUSED);
		assert_non_null(strstr(b.why.text, "is not a database of Hemostat"));
		box_close(&b);
	}
}

static void
open_to_others(void **state)
{
	const struct temp_dir *t = *state;
	char path[300];
	struct box b;

	assert_int_equal(box_open(&b, t->path, STORE_WRITE), ERR_OK);
	box_close(&b);
	(void)snprintf(path, sizeof(path), "%s/hemostat.db", t->path);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(box_open(&b, t->path, STORE_WRITE), ERR_REFUSED);
	assert_non_null(strstr(b.why.text, "chmod 600"));
	box_close(&b);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {CASE(killed_writer), CASE(file_size_limit),
	    CASE(disk_full), CASE(read_only_mount), CASE(fails_at_each_operation),
	    CASE(power_cut_at_each_operation), CASE(damaged_file), CASE(not_a_database),
	    CASE(a_newer_schema), CASE(open_to_others)};

	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
