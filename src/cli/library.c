/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/library.h"

#include <inttypes.h>

#include "sys/clock.h"
#include "sys/sandbox.h"

int
library_open(const struct cli *c, struct library *l)
{
	char path[DATA_DIR_PATH_MAX];
	struct shelf *shelf = NULL;
	bool landlocked;
	struct why why;
	enum err e;

	*l = (struct library){0};
	if (c->data != NULL)
		(void)snprintf(path, sizeof(path), "%s", c->data);
	else
		data_dir_default(path);
	if ((e = shelf_open(&shelf, path, STORE_READ, &why)) == ERR_OK)
		e = shelf_load(shelf, &l->contents, &why);
	shelf_close(shelf);
	if (e == ERR_OK && (l->arena = arena_new(CSAF_ARENA_MAX, NULL)) == NULL)
		e = FAIL_SYS(&why, "advisories");
	if (e == ERR_OK && l->contents.n == 0)
		e = FAIL(&why, ERR_ABSENT,
		    "no advisories have been imported: hemostat advisory import PATH...");
	if (e == ERR_OK)
		e = sandbox_enter(SANDBOX_READER, -1, &landlocked, &why);
	if (e == ERR_OK)
		return -1;
	library_close(l);
	return cli_why(&why);
}

void
library_each(struct library *l, library_fn fn, void *ctx)
{
	bool go = true;

	for (size_t i = 0; go && i < l->contents.n; i++) {
		struct wall revised;
		struct csaf doc;
		struct why why;

		if (csaf_read(l->arena, l->contents.documents[i].text, &doc, &why) != ERR_OK) {
			(void)cli_fail(EXIT_FOUND, "%s: damaged since its import: %s",
			    l->contents.documents[i].name, why.text);
			l->unreadable++;
		} else {
			if (wall_parse(doc.revised, &revised) && revised.ns > l->newest.ns)
				l->newest = revised;
			go = fn(ctx, &doc, l->arena);
		}
		arena_reset(l->arena);
	}
}

int
library_state(const struct cli *c, const struct library *l)
{
	int64_t days = (wall_now().ns - l->contents.imported.ns) / NS_PER_S / 86400;
	char newest[WALL_TEXT_MAX];
	int status = EXIT_DONE;

	(void)wall_format(l->newest, newest);
	if (l->contents.imported.ns == 0)
		status = cli_fail(EXIT_FOUND, "nobody knows when these advisories were imported");
	else if (days > LIBRARY_STALE_DAYS)
		status = cli_fail(
		    EXIT_FOUND, "STALE: advisories were last imported %" PRId64 " days ago", days);
	if (l->unreadable > 0)
		status = cli_fail(EXIT_FOUND,
		    "INCOMPLETE: %zu advisories are damaged; import them again", l->unreadable);
	if (l->contents.aside > 0)
		(void)cli_fail(EXIT_FOUND,
		    "INCOMPLETE: %zu documents were put aside unread: hemostat advisory list "
		    "--aside",
		    l->contents.aside);
	if (!c->json)
		(void)fprintf(stderr,
		    "%zu advisories, the newest of %.10s, imported %" PRId64 " days ago\n",
		    l->contents.n, newest, l->contents.imported.ns == 0 ? -1 : days);
	return status;
}

void
library_close(struct library *l)
{
	shelf_contents_free(&l->contents);
	arena_free(l->arena);
	l->arena = NULL;
}
