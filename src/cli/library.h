/* SPDX-License-Identifier: Apache-2.0 */
/* The imported advisories, read all at once behind the sandbox. */
#pragma once

#include "cli/cli.h"
#include "intel/csaf.h"
#include "store/shelf.h"

enum { LIBRARY_STALE_DAYS = 30 };

struct library {
	struct shelf_contents contents;
	struct arena *arena; /* of the document at hand */
	size_t unreadable;   /* kept, but damaged since */
	struct wall newest;  /* latest current_release_date */
};

/* Load all and shut this process in: nothing can be opened or written but what is open. -1: fine;
 * else the exit status (a word was said). */
int library_open(const struct cli *c, struct library *l);

/* Each advisory in the order of file names, until false; views live during the call. */
typedef bool (*library_fn)(void *ctx, const struct csaf *doc, struct arena *a);
void library_each(struct library *l, library_fn fn, void *ctx);

/* Say on standard error how old and how whole the advisories are, where that is a reason for doubt;
 * in a few words otherwise (text output only). EXIT_DONE, or EXIT_FOUND where they are stale or
 * damaged. After library_each(). */
int library_state(const struct cli *c, const struct library *l);
void library_close(struct library *l);
