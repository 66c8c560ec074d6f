/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory. The lock is flock() on a file of its own: it goes with its holder, however
 * that ends; the process number in it is only for people. */
#include "store/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/keyfile.h"
#include "crypto/random.h"

#define SYSTEM_DIR  "/var/lib/hemostat"
#define LOCAL_DIR   "./hemostat-data"
#define KEY_NAME    "identifier.key"
#define NOTHING_YET "nothing has been watched yet: run hemostat watch or hemostat demo"

struct store_dir {
	int fd;
	int lock_fd; /* -1: reader */
	char path[DATA_DIR_PATH_MAX];
};

/* --- which --- */

const char *
data_dir_choose(const char *first, const char *otherwise)
{
	char parent[DATA_DIR_PATH_MAX];
	struct stat st;

	if (stat(first, &st) == 0) {
		return S_ISDIR(st.st_mode) &&
			       faccessat(AT_FDCWD, first, R_OK | W_OK | X_OK, AT_EACCESS) == 0
			   ? first
			   : otherwise;
	}
	if (errno != ENOENT || strlen(first) >= sizeof(parent))
		return otherwise;
	(void)snprintf(parent, sizeof(parent), "%s", first);
	return faccessat(AT_FDCWD, dirname(parent), W_OK | X_OK, AT_EACCESS) == 0 ? first
										  : otherwise;
}

void
data_dir_default(char out[DATA_DIR_PATH_MAX])
{
	(void)snprintf(out, DATA_DIR_PATH_MAX, "%s", data_dir_choose(SYSTEM_DIR, LOCAL_DIR));
}

/* --- checks --- */

/* What a person does next, by errno; empty where errno's own text says it all. */
static const char *
next_step(int sys)
{
	switch (sys) {
	case EACCES:
	case EPERM:
		return "; run as its owner, or name another with --data";
	case EROFS:
		return "; name one that can be written with --data";
	case ENOSPC:
	case EDQUOT:
		return "; free some space, or name one on another disk with --data";
	case ENOENT:
		return "; make the folder above it first";
	case ENOTDIR:
		return "; name a directory with --data";
	default:
		return "";
	}
}

static enum err
dir_fail(struct why *why, const char *what, const char *path)
{
	int sys = errno;
	enum err e = FAIL(why, ERR_SYSTEM, "cannot %s data directory %.80s: %s%s", what, path,
	    strerror(sys), next_step(sys));

	if (why != NULL)
		why->sys = sys;
	return e;
}

/* A directory that others can write is no place for keys; one of someone else is read at most. */
static enum err
check_owner(const char *path, const struct stat *st, enum store_mode mode, struct why *why)
{
	uid_t me = geteuid();

	if (st->st_uid != me && (mode == STORE_WRITE || me != 0))
		return FAIL(why, ERR_REFUSED,
		    "data directory %.80s belongs to user %lu, not to user %lu; run as its owner, "
		    "or name another with --data",
		    path, (unsigned long)st->st_uid, (unsigned long)me);
	if ((st->st_mode & 022) != 0)
		return FAIL(why, ERR_REFUSED,
		    "data directory %.80s can be written by other users (mode %04o); chmod 700 it",
		    path, (unsigned)st->st_mode & 07777);
	return ERR_OK;
}

/* --- making --- */

static enum err
make_folder(const struct store_dir *d, const char *name, struct why *why)
{
	struct stat st;

	if (mkdirat(d->fd, name, 0700) != 0 && errno != EEXIST)
		return dir_fail(why, "make a folder in", d->path);
	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return dir_fail(why, "look into", d->path);
	if (!S_ISDIR(st.st_mode))
		return FAIL(why, ERR_REFUSED, "%.80s/%s is not a directory", d->path, name);
	if ((st.st_mode & 077) != 0)
		return FAIL(why, ERR_REFUSED,
		    "%.80s/%s is open to other users (mode %04o); chmod 700 it", d->path, name,
		    (unsigned)st.st_mode & 07777);
	return ERR_OK;
}

static enum err
take_lock(struct store_dir *d, struct why *why)
{
	char text[32] = "";
	ssize_t n;

	d->lock_fd = openat(d->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d->lock_fd == -1)
		return dir_fail(why, "write in", d->path);
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return dir_fail(why, "lock", d->path);
		n = pread(d->lock_fd, text, sizeof(text) - 1, 0);
		text[n < 0 ? 0 : n] = '\0';
		return FAIL(why, ERR_REFUSED,
		    "data directory %.80s is being written by another hemostat (process %ld); stop "
		    "it first, or name another with --data",
		    d->path, strtol(text, NULL, 10));
	}
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(d->lock_fd, 0) != 0 || pwrite(d->lock_fd, text, (size_t)n, 0) != n)
		return dir_fail(why, "write in", d->path);
	return ERR_OK;
}

static enum err
open_keys(const struct store_dir *d, int *fd, struct why *why)
{
	*fd = openat(d->fd, "keys", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd != -1)
		return ERR_OK;
	if (errno == ENOENT)
		return FAIL(why, ERR_ABSENT, NOTHING_YET);
	return dir_fail(why, "open the keys in", d->path);
}

enum err
store_dir_key(const struct store_dir *d, struct sip_key *key, struct why *why)
{
	uint8_t raw[sizeof(*key)];
	enum err e;
	int fd;

	memset(key, 0, sizeof(*key));
	if ((e = open_keys(d, &fd, why)) != ERR_OK)
		return e;
	e = d->lock_fd == -1 ? key_file_load(fd, KEY_NAME, raw, sizeof(raw), why)
			     : key_file_ensure(fd, KEY_NAME, raw, sizeof(raw), why);
	(void)close(fd);
	if (e == ERR_OK)
		memcpy(key, raw, sizeof(raw));
	crypto_wipe(raw, sizeof(raw));
	return e == ERR_ABSENT ? FAIL(why, ERR_ABSENT, NOTHING_YET) : e;
}

static enum err
make_all(struct store_dir *d, struct why *why)
{
	struct sip_key key;
	enum err e;

	if ((e = take_lock(d, why)) != ERR_OK || (e = make_folder(d, "keys", why)) != ERR_OK ||
	    (e = make_folder(d, "evidence", why)) != ERR_OK)
		return e;
	e = store_dir_key(d, &key, why);
	crypto_wipe(&key, sizeof(key));
	return e;
}

enum err
store_dir_open(struct store_dir **out, const char *path, enum store_mode mode, struct why *why)
{
	struct store_dir *d;
	struct stat st;
	enum err e;

	*out = NULL;
	if (path[0] == '\0' || strlen(path) >= sizeof(d->path) - 32)
		return FAIL(why, ERR_USAGE, "the path of the data directory is %s",
		    path[0] == '\0' ? "empty" : "too long");
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for the data directory");
	d->fd = d->lock_fd = -1;
	(void)snprintf(d->path, sizeof(d->path), "%s", path);
	if (mode == STORE_WRITE && mkdir(path, 0700) != 0 && errno != EEXIST) {
		e = dir_fail(why, "make", path);
		goto fail;
	}
	d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd == -1) {
		e = mode == STORE_READ && errno == ENOENT
			? FAIL(why, ERR_ABSENT, "%.80s does not exist: " NOTHING_YET, path)
			: dir_fail(why, "open", path);
		goto fail;
	}
	if (fstat(d->fd, &st) != 0) {
		e = dir_fail(why, "look into", path);
		goto fail;
	}
	if ((e = check_owner(path, &st, mode, why)) != ERR_OK ||
	    (mode == STORE_WRITE && (e = make_all(d, why)) != ERR_OK))
		goto fail;
	*out = d;
	return ERR_OK;
fail:
	store_dir_close(d);
	return e;
}

bool
store_dir_locked(const struct store_dir *d)
{
	return d->lock_fd != -1;
}

int
store_dir_fd(const struct store_dir *d)
{
	return d->fd;
}

const char *
store_dir_path(const struct store_dir *d)
{
	return d->path;
}

void
store_dir_close(struct store_dir *d)
{
	if (d == NULL)
		return;
	if (d->lock_fd != -1)
		(void)close(d->lock_fd);
	if (d->fd != -1)
		(void)close(d->fd);
	free(d);
}
