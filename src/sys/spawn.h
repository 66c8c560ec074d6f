/* SPDX-License-Identifier: Apache-2.0 */
/* Start this same program again as a role of its own: a fresh address space, nothing inherited but
 * the listed descriptors. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

enum { SPAWN_FDS_MAX = 16 };

struct spawn {
	const char *role;        /* becomes "hemostat: ROLE" in the process list */
	const char *const *args; /* after --role ROLE; ends with NULL; may be NULL */
	int fds[SPAWN_FDS_MAX];  /* become 3, 4, 5, ... in the child; 0 to 2 stay as they are */
	size_t n_fds;
	bool quiet; /* standard output to nowhere */
};

/* *pid gets the child. The environment is reduced to LANG, TERM, NO_COLOR, TZ and PATH. */
enum err spawn_role(const struct spawn *s, pid_t *pid, struct why *why) MUST_CHECK;
