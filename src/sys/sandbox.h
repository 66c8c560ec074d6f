/* SPDX-License-Identifier: Apache-2.0 */
/* Shut a role in after its set-up and before its first outside byte: no new privileges, no
 * capabilities, a list of allowed system calls, the part of the file system it needs, limits.
 * A forbidden call fails with EPERM (so that a self-test can try them) except execve, ptrace and
 * friends, which end the process. The lists stand in sandbox.c, one table a profile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum sandbox_profile {
	SANDBOX_SENSOR, /* reads its capture, writes its pipe, allocates; nothing else */
	SANDBOX_STORE,  /* files below one directory; no network, no programs */
	SANDBOX_WEB,    /* accepts on what it was given; opens no file, makes no connection */
	SANDBOX_GATE,   /* TCP: accepts, connects; no file, no listening, no other kind of socket */
	SANDBOX_KEYS,   /* one socket to the gate; nothing else */
	SANDBOX_READER, /* a command that parses a file given by a person: as sensor, plus reading
			 */
};

/* dir_fd: the directory that STORE keeps (-1 for the others). why tells what could not be set;
 * on kernels without Landlock the file rule is left to seccomp and *landlocked says so. */
enum err sandbox_enter(
    enum sandbox_profile p, int dir_fd, bool *landlocked, struct why *why) MUST_CHECK;

struct sandbox_try {
	const char *what; /* "open a file for reading" */
	bool held;        /* true: it was refused, as it must be */
};

enum { SANDBOX_TRIES_MAX = 16 };

/* Try from inside what profile p forbids. Returns the number of rows. */
size_t sandbox_self_test(enum sandbox_profile p, struct sandbox_try out[SANDBOX_TRIES_MAX]);
