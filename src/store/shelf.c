/* SPDX-License-Identifier: Apache-2.0 */
#include "store/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sha256.h"
#include "sys/fd.h"

#define NEW_ENDING ".new"

enum { WHY_BYTES_MAX = 4096 };

struct pending {
	char name[SHELF_NAME_MAX + 1];
	bool aside;
};

struct shelf {
	int dir, csaf, aside, lock;
	enum store_mode mode;
	struct pending *pending;
	size_t n, room;
};

static bool
is_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > SHELF_NAME_MAX || name[0] == '.')
		return false;
	for (; *name != 0; name++) {
		char c = *name;

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '+' || c == '-' || c == '_' || c == '.'))
			return false;
	}
	return true;
}

/* --- opening --- */

static enum err
open_folder(int at, const char *name, enum store_mode mode, int *out, struct why *why)
{
	struct stat st;

	if (mode == STORE_WRITE && mkdirat(at, name, 0700) == -1 && errno != EEXIST)
		return FAIL_SYS(why, "make the folder %.80s", name);
	if ((*out = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		if (errno == ENOENT && mode == STORE_READ)
			return FAIL(why, ERR_ABSENT,
			    "no advisories have been imported: hemostat advisory import PATH...");
		return FAIL_SYS(why, "open the folder %.80s", name);
	}
	if (fstat(*out, &st) == -1)
		return FAIL_SYS(why, "look at the folder %.80s", name);
	if ((st.st_mode & 022) != 0)
		return FAIL(why, ERR_REFUSED,
		    "%.80s can be written by other users (mode %04o); chmod 700 it", name,
		    (unsigned)st.st_mode & 07777);
	return ERR_OK;
}

/* What a broken import left behind. */
static void
drop_leftovers(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name), k = sizeof(NEW_ENDING) - 1;

		if (n > k && strcmp(e->d_name + n - k, NEW_ENDING) == 0)
			(void)unlinkat(dir, e->d_name, 0);
	}
	if (d != NULL)
		(void)closedir(d);
	else
		fd_close(&fd);
}

static enum err
take_lock(struct shelf *s, struct why *why)
{
	if ((s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)) ==
	    -1)
		return FAIL_SYS(why, "write among the advisories");
	if (flock(s->lock, LOCK_EX | LOCK_NB) == -1)
		return FAIL(why, ERR_REFUSED,
		    "another import runs on this data directory; wait for its end");
	drop_leftovers(s->csaf);
	drop_leftovers(s->aside);
	return ERR_OK;
}

enum err
shelf_open(struct shelf **out, const char *data_dir, enum store_mode mode, struct why *why)
{
	struct shelf *s = calloc(1, sizeof(*s));
	int data = -1;
	enum err e;

	*out = NULL;
	if (s == NULL)
		return FAIL_SYS(why, "advisories");
	s->dir = s->csaf = s->aside = s->lock = -1;
	s->mode = mode;
	if ((e = open_folder(AT_FDCWD, data_dir, mode, &data, why)) == ERR_OK &&
	    (e = open_folder(data, "advisories", mode, &s->dir, why)) == ERR_OK &&
	    (e = open_folder(s->dir, "csaf", mode, &s->csaf, why)) == ERR_OK &&
	    (e = open_folder(s->dir, "aside", mode, &s->aside, why)) == ERR_OK &&
	    mode == STORE_WRITE)
		e = take_lock(s, why);
	fd_close(&data);
	if (e == ERR_OK)
		*out = s;
	else
		shelf_close(s);
	return e;
}

void
shelf_close(struct shelf *s)
{
	char name[SHELF_NAME_MAX + sizeof(NEW_ENDING)];

	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++) {
		(void)snprintf(name, sizeof(name), "%s" NEW_ENDING, s->pending[i].name);
		(void)unlinkat(s->pending[i].aside ? s->aside : s->csaf, name, 0);
	}
	free(s->pending);
	fd_close(&s->csaf);
	fd_close(&s->aside);
	fd_close(&s->dir);
	fd_close(&s->lock);
	free(s);
}

/* --- files --- */

static enum err
read_file(int dir, const char *name, struct buf *out, struct why *why)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	enum err e = ERR_OK;
	struct stat st;
	size_t got = 1;

	buf_reset(out);
	if (fd == -1)
		return errno == ENOENT
			   ? FAIL(why, ERR_ABSENT, "%.80s is not among the advisories", name)
			   : FAIL_SYS(why, "%.80s", name);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		fd_close(&fd);
		return FAIL(why, ERR_REFUSED, "%.80s is not a file", name);
	}
	while (e == ERR_OK && got > 0) {
		size_t step = (size_t)st.st_size > out->len ? (size_t)st.st_size - out->len : 1;

		if (!buf_reserve(out, step)) {
			e = FAIL(why, ERR_LIMIT, "%.80s is larger than can be read", name);
			break;
		}
		if ((e = fd_read_some(fd, out->ptr + out->len, step, &got, why)) == ERR_OK)
			out->len += got;
	}
	fd_close(&fd);
	return e;
}

enum err
shelf_read(struct shelf *s, const char *name, struct buf *out, struct why *why)
{
	buf_reset(out);
	if (!is_name(name))
		return FAIL(why, ERR_USAGE, "no name of an advisory");
	return read_file(s->csaf, name, out, why);
}

/* A file that will get its name at the commit. */
static enum err
put_file(struct shelf *s, bool aside, const char *name, struct bytes data, struct why *why)
{
	char file[SHELF_NAME_MAX + sizeof(NEW_ENDING)];
	int dir = aside ? s->aside : s->csaf, fd;
	enum err e;

	if (!is_name(name) || s->mode != STORE_WRITE)
		return FAIL(why, ERR_USAGE, "no name of an advisory");
	if (s->n == s->room) {
		size_t room = s->room == 0 ? 256 : s->room * 2;
		struct pending *more =
		    room > SHELF_FILES_MAX ? NULL : realloc(s->pending, room * sizeof(*more));

		if (more == NULL)
			return FAIL(why, ERR_LIMIT, "more than %d documents in one import",
			    SHELF_FILES_MAX);
		s->pending = more;
		s->room = room;
	}
	(void)snprintf(file, sizeof(file), "%s" NEW_ENDING, name);
	if ((fd = openat(dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)) ==
	    -1)
		return FAIL_SYS(why, "write %.80s", name);
	if ((e = fd_write_all(fd, data, why)) != ERR_OK) {
		fd_close(&fd);
		(void)unlinkat(dir, file, 0);
		return e;
	}
	fd_close(&fd);
	(void)snprintf(s->pending[s->n].name, sizeof(s->pending[s->n].name), "%s", name);
	s->pending[s->n++].aside = aside;
	return ERR_OK;
}

enum err
shelf_put(struct shelf *s, const char *name, struct bytes document, struct why *why)
{
	return put_file(s, false, name, document, why);
}

enum err
shelf_put_aside(
    struct shelf *s, struct bytes document, const char *source, const char *reason, struct why *why)
{
	struct sha256 digest = sha256_of(document);
	struct buf hex = {0}, text = {.cap = WHY_BYTES_MAX};
	char name[SHELF_NAME_MAX + 1];
	enum err e;

	buf_hex(&hex, bytes_of(digest.b, sizeof(digest.b)));
	buf_printf(&text, "%.1000s\n%.2000s\n", reason, source);
	(void)snprintf(name, sizeof(name), "%.*s", (int)hex.len, (const char *)hex.ptr);
	if ((e = put_file(s, true, name, document, why)) == ERR_OK) {
		(void)snprintf(name, sizeof(name), "%.*s.why", (int)hex.len, (const char *)hex.ptr);
		e = put_file(s, true, name, buf_bytes(&text), why);
	}
	buf_free(&hex);
	buf_free(&text);
	return e;
}

static enum err
write_time(struct shelf *s, struct wall now, struct why *why)
{
	char text[WALL_TEXT_MAX];
	size_t n = wall_format(now, text);
	int fd = openat(s->dir, "imported" NEW_ENDING,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	enum err e;

	if (fd == -1)
		return FAIL_SYS(why, "write among the advisories");
	e = fd_write_all(fd, bytes_of(text, n), why);
	fd_close(&fd);
	return e;
}

enum err
shelf_commit(struct shelf *s, struct wall now, struct why *why)
{
	char from[SHELF_NAME_MAX + sizeof(NEW_ENDING)];
	enum err e;

	if ((e = write_time(s, now, why)) != ERR_OK)
		return e;
	if (syncfs(s->dir) == -1)
		return FAIL_SYS(why, "write the advisories to the disk");
	for (size_t i = 0; i < s->n; i++) {
		int dir = s->pending[i].aside ? s->aside : s->csaf;

		/* The same document twice in one import: the first renaming took both. */
		(void)snprintf(from, sizeof(from), "%s" NEW_ENDING, s->pending[i].name);
		if (renameat(dir, from, dir, s->pending[i].name) == -1 && errno != ENOENT)
			return FAIL_SYS(why, "name %.80s", s->pending[i].name);
	}
	s->n = 0;
	if (renameat(s->dir, "imported" NEW_ENDING, s->dir, "imported") == -1 ||
	    fsync(s->csaf) == -1 || fsync(s->aside) == -1 || fsync(s->dir) == -1)
		return FAIL_SYS(why, "write the advisories to the disk");
	return ERR_OK;
}

/* --- reading all --- */

static bool
ends(const char *name, const char *ending)
{
	size_t n = strlen(name), k = strlen(ending);

	return n > k && strcmp(name + n - k, ending) == 0;
}

/* Calls one() with each proper name of a folder until it says stop. */
static enum err
each_name(int dir, const char *ending,
    enum err (*one)(void *ctx, const char *name, struct why *why), void *ctx, struct why *why)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;
	enum err r = ERR_OK;

	if (d == NULL) {
		fd_close(&fd);
		return FAIL_SYS(why, "list the advisories");
	}
	while (r == ERR_OK && (e = readdir(d)) != NULL) {
		if (is_name(e->d_name) && ends(e->d_name, ending))
			r = one(ctx, e->d_name, why);
	}
	(void)closedir(d);
	return r;
}

struct loading {
	struct shelf *shelf;
	struct shelf_contents *out;
	size_t room;
};

static enum err
load_one(void *ctx, const char *name, struct why *why)
{
	struct loading *l = ctx;
	struct buf text = {0};
	enum err e;

	if (l->out->n == l->room) {
		size_t room = l->room == 0 ? 256 : l->room * 2;
		struct shelf_document *more =
		    room > SHELF_FILES_MAX ? NULL
					   : realloc(l->out->documents, room * sizeof(*more));

		if (more == NULL)
			return FAIL(why, ERR_LIMIT, "more than %d advisories", SHELF_FILES_MAX);
		l->out->documents = more;
		l->room = room;
	}
	text.cap = SHELF_BYTES_MAX - l->out->bytes;
	if ((e = read_file(l->shelf->csaf, name, &text, why)) != ERR_OK) {
		buf_free(&text);
		return e;
	}
	(void)snprintf(l->out->documents[l->out->n].name, SHELF_NAME_MAX + 1, "%s", name);
	l->out->documents[l->out->n++].text = buf_bytes(&text);
	l->out->bytes += text.len;
	return ERR_OK;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct shelf_document *)a)->name, ((const struct shelf_document *)b)->name);
}

static enum err
count_one(void *ctx, const char *name, struct why *why)
{
	(void)name;
	(void)why;
	(*(size_t *)ctx)++;
	return ERR_OK;
}

enum err
shelf_load(struct shelf *s, struct shelf_contents *out, struct why *why)
{
	struct loading l = {s, out, 0};
	struct buf when = {.cap = 256};
	enum err e;

	*out = (struct shelf_contents){0};
	if ((e = each_name(s->csaf, ".json", load_one, &l, why)) != ERR_OK ||
	    (e = each_name(s->aside, ".why", count_one, &out->aside, why)) != ERR_OK) {
		shelf_contents_free(out);
		return e;
	}
	if (out->n > 0)
		qsort(out->documents, out->n, sizeof(*out->documents), by_name);
	if (read_file(s->dir, "imported", &when, NULL) == ERR_OK)
		(void)wall_parse(bytes_trim(buf_bytes(&when)), &out->imported);
	buf_free(&when);
	return ERR_OK;
}

void
shelf_contents_free(struct shelf_contents *c)
{
	for (size_t i = 0; i < c->n; i++)
		free((void *)(uintptr_t)c->documents[i].text.ptr);
	free(c->documents);
	*c = (struct shelf_contents){0};
}

struct asides {
	struct shelf *shelf;
	shelf_aside_fn fn;
	void *ctx;
};

static enum err
tell_aside(void *ctx, const char *name, struct why *why)
{
	struct asides *a = ctx;
	struct buf text = {.cap = 2 * WHY_BYTES_MAX};
	char digest[SHELF_NAME_MAX + 1];
	enum err e;

	if ((e = read_file(a->shelf->aside, name, &text, why)) == ERR_OK) {
		(void)snprintf(digest, sizeof(digest), "%.*s", (int)(strlen(name) - 4), name);
		a->fn(a->ctx, digest, bytes_trim(buf_bytes(&text)));
	}
	buf_free(&text);
	return e;
}

enum err
shelf_aside(struct shelf *s, shelf_aside_fn fn, void *ctx, struct why *why)
{
	struct asides a = {s, fn, ctx};

	return each_name(s->aside, ".why", tell_aside, &a, why);
}
