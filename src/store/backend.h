/* SPDX-License-Identifier: Apache-2.0 */
/* What a database must do for the store. The front (store.c) knows no SQL, a backend knows no
 * events: blocks, rows and values only. Every function of a backend runs on its own, short
 * statement; nothing stays open between two calls but a writer's transaction.
 * A list function fills up to `cap` rows in the page's order, starting behind page->after; the
 * views in them live in the arena it is given. */
#pragma once

#include "store/block.h"
#include "store/tally.h"

struct backend;

struct block_query {
	uint64_t from_seq, to_seq; /* blocks that hold any of these */
	uint64_t kinds, protos;    /* 0 = any */
	struct wall from_time, to_time;
	enum store_order by;
	bool keys; /* the key sets are wanted */
};

struct block_row {
	struct block_info info;
	struct bytes keys;
};

/* Open without bringing the schema up to date: for the tests of migrations. */
enum { SCHEMA_NEWEST = 0 };

struct backend_ops {
	const char *name;

	/* schema_max: stop migrations there (SCHEMA_NEWEST: at the newest). anew: an empty
	 * database beside the usual one, which replace() will put in its place. */
	enum err (*open)(struct backend **out, struct store_dir *d, enum store_mode mode,
	    unsigned schema_max, bool anew, struct why *why);
	void (*close)(struct backend *b);
	/* Open for reading, whatever its state. */
	enum err (*open_damaged)(struct backend **out, struct store_dir *d, struct why *why);
	/* Move the usual database aside, say under which name, and put the new one in its place.
	 * Both are closed. */
	enum err (*replace)(struct store_dir *d, char aside[64], struct why *why);
	/* Remove the new one. */
	void (*abandon)(struct store_dir *d);
	/* The backend's own check of its structure. ERR_INPUT: damaged. */
	enum err (*check)(struct backend *b, struct why *why);

	enum err (*begin)(struct backend *b, struct why *why);
	enum err (*commit)(struct backend *b, enum store_durability how, struct why *why);
	void (*rollback)(struct backend *b);
	/* Give back a bounded amount of free space to the file system. */
	enum err (*shrink)(struct backend *b, struct why *why);

	enum err (*block_put)(struct backend *b, const struct block_info *info, struct bytes keys,
	    struct bytes kept, struct why *why);
	enum err (*block_drop)(struct backend *b, uint64_t first_seq, struct why *why);
	/* Up to cap rows, keys in the arena. */
	enum err (*blocks)(struct backend *b, const struct block_query *q, struct arena *a,
	    struct block_row *rows, size_t cap, size_t *n, struct why *why);
	/* The bytes of the block whose row says n events. ERR_ABSENT: joined to another or dropped
	 * since its row was read. n == 0: of any n, and the row may be missing. */
	enum err (*block_bytes)(
	    struct backend *b, uint64_t first_seq, uint64_t n, struct buf *out, struct why *why);
	/* First number, number behind the last; equal where there is none. */
	enum err (*block_range)(struct backend *b, uint64_t *first, uint64_t *end, struct why *why);

	/* Numbers of blocks whose bytes are there, behind `bound` in the order, as far as they can
	 * be read: some may have been found even where an error is told. */
	enum err (*block_numbers)(struct backend *b, enum store_order by, uint64_t bound,
	    uint64_t *out, size_t cap, size_t *n);
	/* No block before *seq holds an event at or after t. */
	enum err (*block_since)(struct backend *b, struct wall t, uint64_t *seq, struct why *why);

	enum err (*value_put)(
	    struct backend *b, const char *key, struct bytes value, struct why *why);
	enum err (*value)(struct backend *b, const char *key, struct buf *out, struct why *why);

	enum err (*link_add)(struct backend *b, const struct tally_link *l, struct why *why);
	enum err (*hour_add)(struct backend *b, const struct tally_hour *h, struct why *why);
	enum err (*source_add)(struct backend *b, const struct tally_source *s, struct why *why);
	enum err (*source_new)(struct backend *b, struct bytes kind, struct bytes name,
	    struct wall now, uint64_t *number, struct why *why);
	enum err (*device_put)(struct backend *b, const struct store_device *d, struct why *why);
	enum err (*device_drop)(struct backend *b, uint64_t id, struct why *why);
	enum err (*finding_put)(struct backend *b, const struct store_finding *f, struct why *why);
	enum err (*derived_clear)(struct backend *b, struct why *why);
	/* Copy sources and link numbers from another backend of the same kind; best effort. */
	void (*numbers_copy)(struct backend *to, struct backend *from);

	enum err (*devices)(struct backend *b, const struct store_device_filter *f,
	    const struct store_page *p, struct arena *a, struct store_device *rows, size_t cap,
	    size_t *n, struct why *why);
	enum err (*findings)(struct backend *b, const struct store_finding_filter *f,
	    const struct store_page *p, struct arena *a, struct store_finding *rows, size_t cap,
	    size_t *n, struct why *why);
	enum err (*links)(struct backend *b, const struct store_link_filter *f,
	    const struct store_page *p, struct arena *a, struct store_link *rows, size_t cap,
	    size_t *n, struct why *why);
	enum err (*sources)(struct backend *b, const struct store_page *p, struct arena *a,
	    struct store_source *rows, size_t cap, size_t *n, struct why *why);
	/* Behind hour `after_hour` and sub `after_sub`, up to hour `to`. */
	enum err (*hours)(struct backend *b, enum event_kind kind, int64_t after_hour,
	    int64_t after_sub, int64_t to, struct tally_hour *rows, size_t cap, size_t *n,
	    struct why *why);
	enum err (*device)(struct backend *b, uint64_t id, struct arena *a,
	    struct store_device *row, struct why *why);
	enum err (*finding)(struct backend *b, uint64_t id, struct arena *a,
	    struct store_finding *row, struct why *why);
	enum err (*link)(struct backend *b, uint64_t id, uint64_t number, struct arena *a,
	    struct store_link *row, struct why *why);
	enum err (*totals)(struct backend *b, struct store_totals *t, struct why *why);
};

extern const struct backend_ops backend_sqlite;

/* True for a directory that was opened for writing. */
bool store_dir_locked(const struct store_dir *d);

/* store_open() that stops migrations at a version: what an older program would have made. */
enum err store_open_schema(struct store **out, struct store_dir *d, enum store_mode mode,
    const struct store_options *opt, unsigned schema_max, struct why *why) MUST_CHECK;
