/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of the SQLite backend share. */
#pragma once

#include <sqlite3.h>

#include "store/backend.h"

enum sql {
#define SQL(id, text) SQL_##id,
#include "store/sqlite/statements.def"
	SQL_COUNT
};

struct backend {
	sqlite3 *db;
	sqlite3_stmt *stmts[SQL_COUNT];
	const char *dir; /* path, for messages */
	bool writer;
};

#define DB_NAME     "hemostat.db"
#define DB_NEW_NAME "hemostat.db.new"

enum { DB_PATH_MAX = DATA_DIR_PATH_MAX + 64 };

void db_path(char out[DB_PATH_MAX], const struct store_dir *d, const char *name);

/* A statement ready for binding, or NULL with *e and why set. */
sqlite3_stmt *sql_of(struct backend *b, enum sql id, enum err *e, struct why *why);

void bind_u64(sqlite3_stmt *s, int at, uint64_t v);
void bind_i64(sqlite3_stmt *s, int at, int64_t v);
void bind_text(sqlite3_stmt *s, int at, struct bytes t);      /* empty: '' */
void bind_text_some(sqlite3_stmt *s, int at, struct bytes t); /* empty: NULL */
void bind_blob(sqlite3_stmt *s, int at, struct bytes t);      /* empty: x'' */
void bind_null(sqlite3_stmt *s, int at);

/* Run a statement that gives no rows. */
enum err sql_run(struct backend *b, sqlite3_stmt *s, struct why *why) MUST_CHECK;
/* Next row: *got false at the end, and the statement is reset. */
enum err sql_row(struct backend *b, sqlite3_stmt *s, bool *got, struct why *why) MUST_CHECK;
/* Leave a statement before its last row. */
void sql_leave(sqlite3_stmt *s);
enum err sql_fail(struct backend *b, int rc, struct why *why);

/* Reading a row from left to right; texts and blobs are copied into the arena. */
struct row {
	sqlite3_stmt *s;
	struct arena *a;
	int at;
	bool cut; /* the arena is full */
};

uint64_t row_u64(struct row *r);
int64_t row_i64(struct row *r);
struct wall row_wall(struct row *r);
struct bytes row_bytes(struct row *r);
void row_fixed(struct row *r, void *out, size_t n); /* zero where its length is not n */

/* blocks.c */
enum err sqlite_block_put(struct backend *b, const struct block_info *i, struct bytes keys,
    struct bytes kept, struct why *why);
enum err sqlite_block_drop(struct backend *b, uint64_t first_seq, struct why *why);
enum err sqlite_blocks(struct backend *b, const struct block_query *q, struct arena *a,
    struct block_row *rows, size_t cap, size_t *n, struct why *why);
enum err sqlite_block_bytes(
    struct backend *b, uint64_t first_seq, uint64_t n, struct buf *out, struct why *why);
enum err sqlite_block_range(struct backend *b, uint64_t *first, uint64_t *end, struct why *why);
enum err sqlite_block_since(struct backend *b, struct wall t, uint64_t *seq, struct why *why);
enum err sqlite_block_numbers(
    struct backend *b, enum store_order by, uint64_t bound, uint64_t *out, size_t cap, size_t *n);
enum err sqlite_value_put(struct backend *b, const char *key, struct bytes value, struct why *why);
enum err sqlite_value(struct backend *b, const char *key, struct buf *out, struct why *why);

/* rows.c */
enum err sqlite_link_add(struct backend *b, const struct tally_link *l, struct why *why);
enum err sqlite_hour_add(struct backend *b, const struct tally_hour *h, struct why *why);
enum err sqlite_source_add(struct backend *b, const struct tally_source *s, struct why *why);
enum err sqlite_source_new(struct backend *b, struct bytes kind, struct bytes name, struct wall now,
    uint64_t *number, struct why *why);
enum err sqlite_device_put(struct backend *b, const struct store_device *d, struct why *why);
enum err sqlite_device_drop(struct backend *b, uint64_t id, struct why *why);
enum err sqlite_finding_put(struct backend *b, const struct store_finding *f, struct why *why);
enum err sqlite_derived_clear(struct backend *b, struct why *why);
void sqlite_numbers_copy(struct backend *to, struct backend *from);
enum err sqlite_devices(struct backend *b, const struct store_device_filter *f,
    const struct store_page *p, struct arena *a, struct store_device *rows, size_t cap, size_t *n,
    struct why *why);
enum err sqlite_findings(struct backend *b, const struct store_finding_filter *f,
    const struct store_page *p, struct arena *a, struct store_finding *rows, size_t cap, size_t *n,
    struct why *why);
enum err sqlite_links(struct backend *b, const struct store_link_filter *f,
    const struct store_page *p, struct arena *a, struct store_link *rows, size_t cap, size_t *n,
    struct why *why);
enum err sqlite_sources(struct backend *b, const struct store_page *p, struct arena *a,
    struct store_source *rows, size_t cap, size_t *n, struct why *why);
enum err sqlite_hours(struct backend *b, enum event_kind kind, int64_t after_hour,
    int64_t after_sub, int64_t to, struct tally_hour *rows, size_t cap, size_t *n, struct why *why);
enum err sqlite_device(
    struct backend *b, uint64_t id, struct arena *a, struct store_device *row, struct why *why);
enum err sqlite_finding(
    struct backend *b, uint64_t id, struct arena *a, struct store_finding *row, struct why *why);
enum err sqlite_link(struct backend *b, uint64_t id, uint64_t number, struct arena *a,
    struct store_link *row, struct why *why);
enum err sqlite_totals(struct backend *b, struct store_totals *t, struct why *why);
