/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat ledger export: the log as C2SP tlog-tiles has it, to be checked by hemostat-verify or
 * any other program that knows the format. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ledger.h"

enum { PATH_ROOM = 4096 + TILE_PATH_MAX };

struct export
{
	struct cli_ledger l;
	const char *dir;
	uint64_t size, next; /* next: entry to go into the bundle */
	bool whole;          /* no entry of this bundle is missing */
	uint64_t left_out;   /* bundles that are not whole */
	struct buf bundle;
	struct tree_hash absent_leaf;
	struct why why;
	int status; /* -1: fine so far */
};

/* Folders of path behind the first `from` characters. */
static bool
make_folders(char *path, size_t from)
{
	for (char *p = path + from + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = 0;
		if (mkdir(path, 0777) != 0 && errno != EEXIST)
			return false;
		*p = '/';
	}
	return true;
}

static void
put(struct export *x, const char *name, struct bytes data)
{
	char path[PATH_ROOM];
	FILE *f;
	bool ok;

	if (x->status >= 0)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", x->dir, name);
	if (!make_folders(path, strlen(x->dir)) || (f = fopen(path, "wb")) == NULL) {
		x->status = cli_fail(EXIT_SYSTEM, "%s: %s", path, strerror(errno));
		return;
	}
	ok = data.len == 0 || fwrite(data.ptr, 1, data.len, f) == data.len;
	if (fclose(f) != 0 || !ok)
		x->status = cli_fail(EXIT_SYSTEM, "%s: %s", path, strerror(errno));
}

static void
put_ledger_file(struct export *x, const char *name)
{
	struct buf data = {0};

	if (x->status < 0 && tlog_file(x->l.log, name, &data, &x->why) != ERR_OK)
		x->status = cli_why(&x->why);
	if (data.len > 0)
		put(x, name, buf_bytes(&data));
	buf_free(&data);
}

static void
put_level(struct export *x, unsigned level)
{
	struct tree_reader r = tlog_reader(x->l.log);
	struct tree_hash tile[TREE_TILE];
	uint64_t n = x->size >> 8 * level;
	char name[TILE_PATH_MAX];

	for (uint64_t at = 0; at < n && x->status < 0; at += TREE_TILE) {
		unsigned width = n - at < TREE_TILE ? (unsigned)(n - at) : TREE_TILE;

		if (r.read(r.ctx, level, at, width, tile, &x->why) != ERR_OK) {
			x->status = cli_fail(EXIT_FOUND, "%s", x->why.text);
			return;
		}
		tile_path(name, level, at / TREE_TILE, width);
		put(x, name, bytes_of(tile, width * sizeof(tile[0])));
	}
}

/* --- entries --- */

static void
add_entry(struct export *x, struct bytes entry)
{
	char name[TILE_PATH_MAX];
	unsigned width;

	if (entry.len > 0)
		bundle_add(&x->bundle, entry);
	else
		x->whole = false;
	x->next++;
	if (x->next % TREE_TILE != 0 && x->next != x->size)
		return;
	width = (unsigned)((x->next - 1) % TREE_TILE) + 1;
	tile_path(name, TILE_ENTRIES, (x->next - 1) / TREE_TILE, width);
	if (x->whole)
		put(x, name, buf_bytes(&x->bundle));
	else
		x->left_out++;
	x->whole = true;
	buf_reset(&x->bundle);
}

/* Entries whose events are not at hand: known to be gone before the ledger began, or left out. */
static void
add_gone(struct export *x, uint64_t to)
{
	uint8_t room[ENTRY_DIGEST_BYTES];
	struct tree_hash leaf;
	size_t got;

	while (x->next < to && x->status < 0) {
		struct bytes entry = {NULL, 0};

		if (tlog_level(x->l.log, 0, x->next, 1, &leaf, &got, &x->why) == ERR_OK &&
		    got == 1 && tree_hash_eq(&leaf, &x->absent_leaf))
			entry = entry_of(tlog_hasher(x->l.log), entry, room);
		add_entry(x, entry);
	}
}

static bool
export_event(void *ctx, const struct store_event *e)
{
	struct export *x = ctx;
	uint8_t room[ENTRY_DIGEST_BYTES];

	add_gone(x, e->seq - 1);
	add_entry(x, entry_of(tlog_hasher(x->l.log), e->record, room));
	return x->status < 0;
}

static void
put_entries(struct export *x)
{
	struct store_filter f = {.from_seq = 1, .to_seq = x->size, .by = STORE_OLDEST_FIRST};

	if (x->size == 0)
		return;
	if (store_events(x->l.s.store, &f, export_event, x, &x->why) != ERR_OK && x->status < 0)
		(void)cli_fail(EXIT_FOUND, "%s", x->why.text);
	add_gone(x, x->size);
}

static void
export_all(struct export *x, bool entries)
{
	uint8_t room[ENTRY_DIGEST_BYTES];
	struct bytes none = {NULL, 0};

	x->size = tlog_signed_size(x->l.log);
	x->absent_leaf =
	    tree_leaf(tlog_hasher(x->l.log), entry_of(tlog_hasher(x->l.log), none, room));
	for (unsigned level = 0; level < TREE_LEVELS; level++)
		put_level(x, level);
	if (entries && x->status < 0)
		put_entries(x);
	put_ledger_file(x, "log.vkey");
	put_ledger_file(x, "rotations");
	put_ledger_file(x, "history");
	put(x, "checkpoint", tlog_note(x->l.log));
}

static int
run_export(struct cli *c)
{
	struct export x = {.status = -1, .whole = true};
	int status;

	if (c->n_args != 1)
		return cli_fail(EXIT_USAGE, "ledger export takes one new directory");
	x.dir = c->args[0];
	if (strlen(x.dir) > 4000)
		return cli_fail(EXIT_USAGE, "the path is too long");
	if ((status = cli_ledger_open(c, STORE_READ, &x.l)) >= 0)
		return status;
	if (mkdir(x.dir, 0777) != 0)
		x.status = cli_fail(EXIT_SYSTEM, "%s: %s", x.dir, strerror(errno));
	else
		export_all(&x, cli_value(c, "hashes") == NULL);
	buf_free(&x.bundle);
	if (x.status < 0 && !c->json)
		printf("%llu entries in %s%s\ncheck it anywhere: hemostat-verify log %s\n",
		    (unsigned long long)x.size, x.dir,
		    x.left_out > 0 ? "; bundles with events that are gone are left out" : "",
		    x.dir);
	else if (x.status < 0)
		printf("{\"type\":\"ledger_export\",\"size\":%llu,\"bundles_left_out\":%llu}\n",
		    (unsigned long long)x.size, (unsigned long long)x.left_out);
	cli_ledger_close(&x.l);
	return x.status < 0 ? EXIT_DONE : x.status;
}

static const struct cli_option options[] = {
    {"hashes", 0, NULL, "only tiles and checkpoints, not the events themselves"}, {0}};

const struct cli_command command_ledger_export = {.noun = "ledger",
    .verb = "export",
    .args = "DIR",
    .summary = "the whole ledger as C2SP tiles, to be checked elsewhere",
    .options = options,
    .run = run_export};
