/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/loop.h"
#include "sys/sandbox.h"

struct seen {
	struct loop *loop;
	int reads, ticks, signals, fd;
	struct watch *watch;
};

static void
on_read(void *ctx, uint32_t events)
{
	struct seen *s = ctx;
	size_t got;
	char c;

	(void)events;
	assert_int_equal(fd_read_some(s->fd, &c, 1, &got, NULL), ERR_OK);
	s->reads++;
	loop_unwatch(s->loop, s->watch);
	(void)kill(getpid(), SIGUSR1);
}

static void
on_tick(void *ctx)
{
	struct seen *s = ctx;

	if (++s->ticks >= 3 && s->signals > 0)
		loop_stop(s->loop);
}

static void
on_signal(void *ctx, int signo)
{
	assert_int_equal(signo, SIGUSR1);
	((struct seen *)ctx)->signals++;
}

static void
loop_works(void **state)
{
	const int signals[] = {SIGUSR1, 0};
	struct seen s = {0};
	struct why why;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_non_null(s.loop = loop_new(&why));
	s.fd = p[0];
	assert_non_null(s.watch = loop_watch(s.loop, p[0], EPOLLIN, on_read, &s, &why));
	assert_non_null(loop_every(s.loop, 1, on_tick, &s, &why));
	assert_int_equal(loop_signals(s.loop, signals, on_signal, &s, &why), ERR_OK);
	assert_int_equal(fd_write_all(p[1], BYTES("xy"), &why), ERR_OK);
	assert_int_equal(loop_run(s.loop, &why), ERR_OK);
	assert_int_equal(s.reads, 1);
	assert_int_equal(s.signals, 1);
	loop_free(s.loop);
	fd_close(&p[0]);
	fd_close(&p[1]);
	assert_int_equal(p[0], -1);
}

/* Enter a profile in a child and try what it forbids; the exit status counts what was not held. */
static int
tries_not_held(enum sandbox_profile p)
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	if ((pid = fork()) == 0) {
		struct sandbox_try tries[SANDBOX_TRIES_MAX];
		char dir[] = "/tmp/hemostat-test-XXXXXX";
		int fd = mkdtemp(dir) == NULL ? -1 : open(dir, O_RDONLY | O_DIRECTORY);
		struct why why = {0};
		bool landlocked;
		int bad = 0;
		size_t n;

		if (fd == -1 || sandbox_enter(p, fd, &landlocked, &why) != ERR_OK) {
			fprintf(stderr, "# %s\n", why.text);
			_exit(100);
		}
		n = sandbox_self_test(p, tries);
		for (size_t i = 0; i < n; i++) {
			if (!tries[i].held)
				fprintf(stderr, "# not held: %s\n", tries[i].what);
			bad += !tries[i].held;
		}
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
sandbox_holds(void **state)
{
	(void)state;
	assert_int_equal(tries_not_held(SANDBOX_SENSOR), 0);
	assert_int_equal(tries_not_held(SANDBOX_STORE), 0);
	assert_int_equal(tries_not_held(SANDBOX_WEB), 0);
	assert_int_equal(tries_not_held(SANDBOX_READER), 0);
}

static void
exec_is_deadly(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	if ((pid = fork()) == 0) {
		char *const argv[] = {NULL};
		struct why why;
		bool landlocked;

		if (sandbox_enter(SANDBOX_SENSOR, -1, &landlocked, &why) != ERR_OK)
			_exit(100);
		(void)execv("/bin/true", argv);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void
clocks_go_on(void **state)
{
	struct mono a = mono_now(), b = mono_now();

	(void)state;
	assert_true(b.ns >= a.ns);
	assert_true(wall_now().ns > INT64_C(1700000000) * NS_PER_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(loop_works),
	    cmocka_unit_test(sandbox_holds), cmocka_unit_test(exec_is_deadly),
	    cmocka_unit_test(clocks_go_on)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
