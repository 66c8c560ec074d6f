/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's part of the gateway: reads the links and peers, opens the listening sockets, starts
 * the roles gate and keys, starts them again, and tells the gate what changed in the files, within
 * GUARD_LOOK_MS. A change that cannot be read leaves everything as it was, and is said. */
#pragma once

#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/sip.h"
#include "settings/settings.h"

enum { GUARD_LOOK_MS = 1000 };

/* What the parent does for it. */
struct guard_calls {
	void *ctx;
	/* Give the reading end of an event pipe to the store; *source gets its number there. */
	enum err (*attach)(void *ctx, int read_end, uint32_t *source, struct why *why);
	void (*tell)(void *ctx, const char *role, const char *what, int status, const char *detail);
};

struct guard_settings {
	const char *data;   /* directory */
	const char *config; /* settings file or NULL */
	struct sip_key key;
	struct guard_calls calls;
};

struct guard;

/* Start what the files ask for: nothing where there is no link yet. */
enum err guard_start(
    struct guard **out, const struct guard_settings *s, struct why *why) MUST_CHECK;
size_t guard_links(const struct guard *g); /* g may be NULL */
void guard_tick(struct guard *g, struct mono now);
/* True: pid was one of its roles. */
bool guard_ended(struct guard *g, pid_t pid, int status);
void guard_stop(struct guard *g);             /* end the roles */
bool guard_is_running(const struct guard *g); /* g may be NULL */
void guard_free(struct guard *g);             /* waits for the roles */

/* Links of the settings and of gate/links.yaml together, checked against each other and against the
 * peers; *out malloc'ed. Used by the parent and by commands. */
enum err guard_read_links(const char *data, const char *config, struct gate_link **out, size_t *n,
    struct why *why) MUST_CHECK;
