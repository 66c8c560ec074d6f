/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/keyfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/random.h"

static enum err
read_whole(int fd, const char *name, uint8_t *out, size_t n, struct why *why)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = read(fd, out + got, n - got);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return FAIL_SYS(why, "read key file %s", name);
		if (r == 0)
			return FAIL(why, ERR_INPUT, "key file %s ended after %zu bytes", name, got);
		got += (size_t)r;
	}
	return ERR_OK;
}

enum err
key_file_load(int dir_fd, const char *name, uint8_t *out, size_t n, struct why *why)
{
	struct stat st;
	enum err e;
	int fd;

	assert(n > 0 && n <= KEY_FILE_MAX);
	memset(out, 0, n);
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return FAIL(why, ERR_ABSENT, "key file %s does not exist", name);
	if (fd == -1)
		return FAIL_SYS(why, "open key file %s", name);
	if (fstat(fd, &st) != 0)
		e = FAIL_SYS(why, "look at key file %s", name);
	else if (!S_ISREG(st.st_mode))
		e = FAIL(why, ERR_REFUSED, "key file %s is not a plain file", name);
	else if (st.st_uid != geteuid() && st.st_uid != 0 && geteuid() != 0)
		e = FAIL(why, ERR_REFUSED, "key file %s belongs to user %lu", name,
		    (unsigned long)st.st_uid);
	else if ((st.st_mode & 077) != 0)
		e = FAIL(why, ERR_REFUSED,
		    "key file %s is open to other users (mode %04o): chmod "
		    "600 it, and think who may have read it",
		    name, (unsigned)st.st_mode & 07777);
	else if (st.st_size != (off_t)n)
		e = FAIL(why, ERR_INPUT,
		    "key file %s has %lld bytes, expected %zu: restore it "
		    "from a copy",
		    name, (long long)st.st_size, n);
	else
		e = read_whole(fd, name, out, n, why);
	(void)close(fd);
	if (e != ERR_OK)
		crypto_wipe(out, n);
	return e;
}

/* Write and sync; the file has no reader yet. */
static enum err
write_whole(int fd, const char *name, const uint8_t *key, size_t n, struct why *why)
{
	size_t put = 0;

	while (put < n) {
		ssize_t w = write(fd, key + put, n - put);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return FAIL_SYS(why, "write key file %s", name);
		put += (size_t)w;
	}
	return fsync(fd) == 0 ? ERR_OK : FAIL_SYS(why, "sync key file %s", name);
}

static enum err
make_key(int dir_fd, const char *name, size_t n, struct why *why)
{
	uint8_t key[KEY_FILE_MAX];
	char part[80];
	enum err e;
	int fd, len;

	len = snprintf(part, sizeof(part), ".%s.%ld", name, (long)getpid());
	assert(len > 0 && (size_t)len < sizeof(part));
	if ((e = crypto_random(key, n, why)) != ERR_OK)
		return e;
	(void)unlinkat(dir_fd, part, 0); /* left by a process of this number that was killed */
	fd = openat(dir_fd, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		e = FAIL_SYS(why, "make key file %s", name);
		goto done;
	}
	e = write_whole(fd, name, key, n, why);
	if (close(fd) != 0 && e == ERR_OK)
		e = FAIL_SYS(why, "close key file %s", name);
	/* A link, not a rename: a key that is there already is never replaced. */
	if (e == ERR_OK && linkat(dir_fd, part, dir_fd, name, 0) != 0 && errno != EEXIST)
		e = FAIL_SYS(why, "name key file %s", name);
	(void)unlinkat(dir_fd, part, 0);
	if (e == ERR_OK && fsync(dir_fd) != 0)
		e = FAIL_SYS(why, "sync the folder of key file %s", name);
done:
	crypto_wipe(key, sizeof(key));
	return e;
}

enum err
key_file_ensure(int dir_fd, const char *name, uint8_t *out, size_t n, struct why *why)
{
	enum err e = key_file_load(dir_fd, name, out, n, why);

	if (e != ERR_ABSENT)
		return e;
	if ((e = make_key(dir_fd, name, n, why)) != ERR_OK)
		return e;
	return key_file_load(dir_fd, name, out, n, why);
}
