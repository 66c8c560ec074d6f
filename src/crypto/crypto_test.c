/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/keyfile.h"
#include "crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static int dir_fd;

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/hemostat-crypto-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd == -1 ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlinkat(dir_fd, "k", 0);
	(void)unlinkat(dir_fd, "other", 0);
	(void)close(dir_fd);
	return rmdir(dir); /* fails where a part file was left behind */
}

static void
put_file(const char *name, size_t n, mode_t mode)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	uint8_t bytes[100];

	memset(bytes, 7, sizeof(bytes));
	assert_true(fd != -1);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	assert_int_equal(close(fd), 0);
}

static void
random_differs(void **state)
{
	uint8_t a[32], b[32], zero[32] = {0};
	struct why why;

	(void)state;
	assert_int_equal(crypto_random(a, sizeof(a), &why), ERR_OK);
	assert_int_equal(crypto_random(b, sizeof(b), &why), ERR_OK);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, zero, sizeof(a));
	assert_int_equal(crypto_random(a, 0, &why), ERR_OK);
	assert_int_equal(crypto_random(NULL, 0, &why), ERR_OK);
	crypto_wipe(a, sizeof(a));
	assert_memory_equal(a, zero, sizeof(a));
	crypto_wipe(NULL, 0);
}

static void
made_once_then_kept(void **state)
{
	uint8_t a[32], b[32];
	struct stat st;
	struct why why;

	(void)state;
	assert_int_equal(key_file_load(dir_fd, "k", a, sizeof(a), &why), ERR_ABSENT);
	assert_int_equal(key_file_ensure(dir_fd, "k", a, sizeof(a), &why), ERR_OK);
	assert_int_equal(key_file_ensure(dir_fd, "k", b, sizeof(b), &why), ERR_OK);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(fstatat(dir_fd, "k", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
}

/* Everyone who makes the key at the same time ends with the same key. */
static void
made_by_many(void **state)
{
	uint8_t mine[16], theirs[16];
	int fds[2];
	struct why why;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			if (key_file_ensure(dir_fd, "k", mine, sizeof(mine), &why) != ERR_OK)
				_exit(1);
			_exit(write(fds[1], mine, sizeof(mine)) != sizeof(mine));
		}
	}
	(void)close(fds[1]);
	assert_int_equal(key_file_ensure(dir_fd, "k", mine, sizeof(mine), &why), ERR_OK);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(read(fds[0], theirs, sizeof(theirs)), sizeof(theirs));
		assert_memory_equal(mine, theirs, sizeof(mine));
	}
	(void)close(fds[0]);
	while (wait(NULL) > 0)
		continue;
}

static void
bad_files_are_refused(void **state)
{
	static const struct {
		const char *name;
		size_t n;
		mode_t mode;
		enum err want;
	} cases[] = {{"short", 31, 0600, ERR_INPUT}, {"long", 33, 0600, ERR_INPUT},
	    {"empty", 0, 0600, ERR_INPUT}, {"readable by the group", 32, 0640, ERR_REFUSED},
	    {"readable by all", 32, 0604, ERR_REFUSED}, {"writable by all", 32, 0602, ERR_REFUSED}};
	uint8_t key[32], zero[32] = {0};
	struct why why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put_file("k", cases[i].n, cases[i].mode);
		assert_int_equal(
		    key_file_ensure(dir_fd, "k", key, sizeof(key), &why), cases[i].want);
		assert_memory_equal(key, zero, sizeof(key));
		assert_int_equal(unlinkat(dir_fd, "k", 0), 0);
	}
	put_file("other", 32, 0600);
	assert_int_equal(symlinkat("other", dir_fd, "k"), 0);
	assert_int_equal(key_file_ensure(dir_fd, "k", key, sizeof(key), &why), ERR_SYSTEM);
	assert_int_equal(unlinkat(dir_fd, "k", 0), 0);
	assert_int_equal(mkfifoat(dir_fd, "k", 0600), 0);
	assert_int_equal(key_file_ensure(dir_fd, "k", key, sizeof(key), &why), ERR_REFUSED);
}

static void
unwritable_folder(void **state)
{
	uint8_t key[16];
	struct why why;

	(void)state;
	assert_int_equal(key_file_ensure(-1, "k", key, sizeof(key), &why), ERR_SYSTEM);
	assert_true(strlen(why.text) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(random_differs),
	    cmocka_unit_test_setup_teardown(made_once_then_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(made_by_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(bad_files_are_refused, setup, teardown),
	    cmocka_unit_test(unwritable_folder)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
