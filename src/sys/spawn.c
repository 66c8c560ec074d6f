/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sys/fd.h"

enum { SPAWN_ARGS_MAX = 64, FIRST_FD = 3, PARKED_FD = 100 };

static char *const *
reduced_environment(void)
{
	static const char *const kept[] = {"LANG", "TERM", "NO_COLOR", "TZ", "PATH"};
	static char text[ARRAY_LEN(kept)][512];
	static char *env[ARRAY_LEN(kept) + 1];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		const char *v = getenv(kept[i]);

		if (v != NULL && strlen(v) < sizeof(text[0]) - 16) {
			(void)snprintf(text[n], sizeof(text[n]), "%s=%s", kept[i], v);
			env[n] = text[n];
			n++;
		}
	}
	env[n] = NULL;
	return env;
}

/* In the child, between fork and exec: only async-signal-safe calls. */
static void
become(const struct spawn *s, char *const *argv, char *const *env, pid_t parent)
{
	sigset_t none;
	int self;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(125);
	for (size_t i = 0; i < s->n_fds; i++) {
		if (dup2(s->fds[i], PARKED_FD + (int)i) == -1)
			_exit(125);
	}
	if ((self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)) == -1)
		_exit(125);
	if (dup3(self, PARKED_FD + SPAWN_FDS_MAX, O_CLOEXEC) == -1)
		_exit(125);
	for (size_t i = 0; i < s->n_fds; i++) {
		if (dup2(PARKED_FD + (int)i, FIRST_FD + (int)i) == -1)
			_exit(125);
	}
	(void)close_range((unsigned)(FIRST_FD + (int)s->n_fds), PARKED_FD + SPAWN_FDS_MAX - 1, 0);
	(void)close_range(PARKED_FD + SPAWN_FDS_MAX + 1, ~0U, 0);
	if (s->quiet && (self = open("/dev/null", O_WRONLY)) != -1)
		(void)dup2(self, STDOUT_FILENO);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)fexecve(PARKED_FD + SPAWN_FDS_MAX, argv, env);
	_exit(125);
}

enum err
spawn_role(const struct spawn *s, pid_t *pid, struct why *why)
{
	char name[64];
	char *argv[SPAWN_ARGS_MAX] = {
	    name, (char *)(uintptr_t) "--role", (char *)(uintptr_t)s->role};
	char *const *env = reduced_environment();
	pid_t parent = getpid();
	size_t n = 3;

	*pid = -1;
	(void)snprintf(name, sizeof(name), "hemostat: %s", s->role);
	for (const char *const *a = s->args; a != NULL && *a != NULL; a++) {
		if (n + 1 >= SPAWN_ARGS_MAX)
			return FAIL(why, ERR_LIMIT, "too many arguments for role %s", s->role);
		argv[n++] = (char *)(uintptr_t)*a;
	}
	argv[n] = NULL;
	if ((*pid = fork()) == -1)
		return FAIL_SYS(why, "start role %s", s->role);
	if (*pid == 0)
		become(s, argv, env, parent);
	return ERR_OK;
}
