/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

struct place {
	struct temp_dir tmp;
	char dir[300];
	struct why why;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -1;
	p->tmp = temp_dir_new();
	(void)snprintf(p->dir, sizeof(p->dir), "%s/data", p->tmp.path);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	temp_dir_free(&p->tmp);
	free(p);
	return 0;
}

static mode_t
mode_of(const struct place *p, const char *name)
{
	char path[400];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static enum err
try_open(struct place *p, enum store_mode mode)
{
	struct store_dir *d;
	enum err e = store_dir_open(&d, p->dir, mode, &p->why);

	assert_int_equal(e == ERR_OK, d != NULL);
	store_dir_close(d);
	return e;
}

static void
made_closed_to_others(void **state)
{
	struct place *p = *state;
	struct store_dir *d;
	struct sip_key key, again;
	mode_t old = umask(0);

	assert_int_equal(try_open(p, STORE_READ), ERR_ABSENT);
	assert_int_equal(store_dir_open(&d, p->dir, STORE_WRITE, &p->why), ERR_OK);
	(void)umask(old);
	assert_int_equal(mode_of(p, "."), 0700);
	assert_int_equal(mode_of(p, "keys"), 0700);
	assert_int_equal(mode_of(p, "evidence"), 0700);
	assert_int_equal(mode_of(p, "keys/identifier.key"), 0600);
	assert_int_equal(mode_of(p, "lock"), 0600);
	assert_int_equal(store_dir_key(d, &key, &p->why), ERR_OK);
	assert_true(key.k0 != 0 && key.k1 != 0);
	assert_string_equal(store_dir_path(d), p->dir);
	store_dir_close(d);
	assert_int_equal(store_dir_open(&d, p->dir, STORE_READ, &p->why), ERR_OK);
	assert_int_equal(store_dir_key(d, &again, &p->why), ERR_OK);
	assert_memory_equal(&key, &again, sizeof(key));
	store_dir_close(d);
}

static void
one_writer_at_a_time(void **state)
{
	struct place *p = *state;
	struct store_dir *d;
	int fds[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(fds), 0);
	(void)fflush(stdout);
	if ((pid = fork()) == 0) {
		if (store_dir_open(&d, p->dir, STORE_WRITE, &p->why) != ERR_OK)
			_exit(1);
		if (write(fds[1], "x", 1) == 1)
			(void)pause();
		_exit(2);
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(try_open(p, STORE_WRITE), ERR_REFUSED);
	{
		char want[64];

		(void)snprintf(want, sizeof(want), "another hemostat (process %ld)", (long)pid);
		assert_non_null(strstr(p->why.text, want));
	}
	assert_int_equal(try_open(p, STORE_READ), ERR_OK);
	/* However a writer ends, its lock is gone. */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(try_open(p, STORE_WRITE), ERR_OK);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* Change one thing and expect a refusal that names what to do. */
static void
loose_rights_are_refused(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
		enum store_mode open;
		const char *text;
	} cases[] = {{".", 0770, STORE_WRITE, "chmod 700"}, {".", 0702, STORE_WRITE, "chmod 700"},
	    {".", 0720, STORE_READ, "chmod 700"}, {"keys", 0750, STORE_WRITE, "chmod 700"},
	    {"evidence", 0705, STORE_WRITE, "chmod 700"},
	    {"keys/identifier.key", 0640, STORE_WRITE, "chmod 600"}};
	struct place *p = *state;
	char path[400];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		mode_t good;

		assert_int_equal(try_open(p, STORE_WRITE), ERR_OK);
		good = mode_of(p, cases[i].name);
		(void)snprintf(path, sizeof(path), "%s/%s", p->dir, cases[i].name);
		assert_int_equal(chmod(path, cases[i].mode), 0);
		assert_int_equal(try_open(p, cases[i].open), ERR_REFUSED);
		assert_non_null(strstr(p->why.text, cases[i].text));
		assert_int_equal(chmod(path, good), 0);
	}
}

/* One that others may list, as made with the usual umask, is fine: what is in it is closed. */
static void
an_empty_folder_of_ours(void **state)
{
	struct place *p = *state;

	assert_int_equal(mkdir(p->dir, 0755), 0);
	assert_int_equal(chmod(p->dir, 0755), 0);
	assert_int_equal(try_open(p, STORE_WRITE), ERR_OK);
}

static void
wrong_places(void **state)
{
	struct place *p = *state;
	char long_path[DATA_DIR_PATH_MAX + 100], inner[400];
	struct store_dir *d;
	int fd;

	fd = open(p->dir, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(close(fd), 0);
	assert_int_equal(try_open(p, STORE_READ), ERR_SYSTEM);
	assert_int_equal(try_open(p, STORE_WRITE), ERR_SYSTEM);
	assert_non_null(strstr(p->why.text, "Not a directory; name a directory with --data"));
	(void)snprintf(inner, sizeof(inner), "%s/a/b", p->tmp.path);
	assert_int_equal(store_dir_open(&d, inner, STORE_WRITE, &p->why), ERR_SYSTEM);
	assert_non_null(strstr(p->why.text, "make the folder above it first"));
	assert_int_equal(store_dir_open(&d, "", STORE_WRITE, &p->why), ERR_USAGE);
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(store_dir_open(&d, long_path, STORE_READ, &p->why), ERR_USAGE);
	assert_null(d);
}

static void
links_inside_are_not_followed(void **state)
{
	static const char *const names[] = {"keys", "evidence", "lock", "keys/identifier.key"};
	struct place *p = *state;
	char path[400];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(try_open(p, STORE_WRITE), ERR_OK);
		(void)snprintf(path, sizeof(path), "rm -r '%s/%s'", p->dir, names[i]);
		assert_int_equal(system(path), 0);
		(void)snprintf(path, sizeof(path), "%s/%s", p->dir, names[i]);
		assert_int_equal(symlink("/tmp", path), 0);
		assert_int_not_equal(try_open(p, STORE_WRITE), ERR_OK);
		assert_int_equal(unlink(path), 0);
	}
}

/* As another user: neither reads nor writes. */
static void
of_another_user(void **state)
{
	struct place *p = *state;
	int status;

	if (geteuid() != 0) {
		print_message("# skipped: becoming another user needs root\n");
		skip();
	}
	assert_int_equal(try_open(p, STORE_WRITE), ERR_OK);
	assert_int_equal(chmod(p->tmp.path, 0755), 0);
	(void)fflush(stdout);
	if (fork() == 0) {
		int wrong = 0;

		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(9);
		wrong |= try_open(p, STORE_READ) != ERR_SYSTEM;
		wrong |= strstr(p->why.text, "Permission denied; run as its owner") == NULL;
		wrong |= try_open(p, STORE_WRITE) != ERR_SYSTEM;
		_exit(wrong);
	}
	assert_true(wait(&status) > 0 && WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* Root may read another's, and does not leave files of its own in it. */
	assert_int_equal(chown(p->dir, 65534, 65534), 0);
	assert_int_equal(try_open(p, STORE_READ), ERR_OK);
	assert_int_equal(try_open(p, STORE_WRITE), ERR_REFUSED);
	assert_non_null(strstr(p->why.text, "belongs to user 65534"));
}

static void
which_is_the_default(void **state)
{
	struct place *p = *state;
	char path[400], out[DATA_DIR_PATH_MAX];

	assert_string_equal(data_dir_choose(p->dir, "else"), p->dir); /* can be made */
	assert_int_equal(mkdir(p->dir, 0700), 0);
	assert_string_equal(data_dir_choose(p->dir, "else"), p->dir);
	(void)snprintf(path, sizeof(path), "%s/none/data", p->tmp.path);
	assert_string_equal(data_dir_choose(path, "else"), "else");
	(void)snprintf(path, sizeof(path), "%s/file", p->tmp.path);
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
	assert_string_equal(data_dir_choose(path, "else"), "else");
	data_dir_default(out);
	assert_true(strcmp(out, "/var/lib/hemostat") == 0 || strcmp(out, "./hemostat-data") == 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {CASE(made_closed_to_others), CASE(one_writer_at_a_time),
	    CASE(loose_rights_are_refused), CASE(an_empty_folder_of_ours), CASE(wrong_places),
	    CASE(links_inside_are_not_followed), CASE(of_another_user), CASE(which_is_the_default)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
