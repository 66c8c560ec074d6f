/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/db.h"

/* Run a statement whose only parameter is a block's number. */
static enum err
run_on(struct backend *b, enum sql id, uint64_t first_seq, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);

	if (s == NULL)
		return e;
	bind_u64(s, 1, first_seq);
	return sql_run(b, s, why);
}

static enum err
put_blob(struct backend *b, enum sql id, uint64_t first_seq, struct bytes data, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);

	if (s == NULL)
		return e;
	bind_u64(s, 1, first_seq);
	bind_blob(s, 2, data);
	return sql_run(b, s, why);
}

enum err
sqlite_block_put(struct backend *b, const struct block_info *i, struct bytes keys,
    struct bytes kept, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_block_put, &e, why);

	if (s == NULL)
		return e;
	bind_u64(s, 1, i->first_seq);
	bind_u64(s, 2, i->n);
	bind_u64(s, 3, i->kinds);
	bind_u64(s, 4, i->protos);
	bind_i64(s, 5, i->min_time.ns);
	bind_i64(s, 6, i->max_time.ns);
	bind_i64(s, 7, i->received.ns);
	bind_u64(s, 8, i->raw_len);
	bind_u64(s, 9, i->len);
	if ((e = sql_run(b, s, why)) != ERR_OK ||
	    (e = put_blob(b, SQL_keys_put, i->first_seq, keys, why)) != ERR_OK)
		return e;
	return put_blob(b, SQL_bytes_put, i->first_seq, kept, why);
}

enum err
sqlite_block_drop(struct backend *b, uint64_t first_seq, struct why *why)
{
	enum err e;

	if ((e = run_on(b, SQL_block_drop, first_seq, why)) != ERR_OK ||
	    (e = run_on(b, SQL_keys_drop, first_seq, why)) != ERR_OK)
		return e;
	return run_on(b, SQL_bytes_drop, first_seq, why);
}

/* A one-row, one-number question; *v stays where the answer is NULL. */
static enum err
ask(struct backend *b, enum sql id, int64_t about, uint64_t *v, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);
	bool got;

	if (s == NULL)
		return e;
	bind_i64(s, 1, about);
	if ((e = sql_row(b, s, &got, why)) != ERR_OK || !got)
		return e;
	if (sqlite3_column_type(s, 0) != SQLITE_NULL)
		*v = (uint64_t)sqlite3_column_int64(s, 0);
	sql_leave(s);
	return ERR_OK;
}

static int64_t
clamp_seq(uint64_t seq)
{
	return seq > INT64_MAX ? INT64_MAX : (int64_t)seq;
}

enum err
sqlite_blocks(struct backend *b, const struct block_query *q, struct arena *a,
    struct block_row *rows, size_t cap, size_t *n, struct why *why)
{
	static const enum sql ids[2][2] = {
	    {SQL_blocks_up, SQL_blocks_keys_up}, {SQL_blocks_down, SQL_blocks_keys_down}};
	uint64_t from = q->from_seq;
	sqlite3_stmt *s;
	struct row r;
	bool got;
	enum err e;

	*n = 0;
	/* The first block may have started before the first number. */
	if (from > 0 && (e = ask(b, SQL_block_holding, clamp_seq(from), &from, why)) != ERR_OK)
		return e;
	s = sql_of(b, ids[q->by == STORE_NEWEST_FIRST][q->keys], &e, why);
	if (s == NULL)
		return e;
	bind_i64(s, 1, clamp_seq(from));
	bind_i64(s, 2, clamp_seq(q->to_seq));
	bind_u64(s, 3, q->kinds);
	bind_u64(s, 4, q->protos);
	bind_i64(s, 5, q->from_time.ns);
	bind_i64(s, 6, q->to_time.ns);
	bind_u64(s, 7, cap);
	bind_i64(s, 8, clamp_seq(q->from_seq));
	while (*n < cap) {
		struct block_row *row = &rows[*n];

		if ((e = sql_row(b, s, &got, why)) != ERR_OK || !got)
			return e;
		r = (struct row){s, a, 0, false};
		row->info.first_seq = row_u64(&r);
		row->info.n = row_u64(&r);
		row->info.kinds = row_u64(&r);
		row->info.protos = row_u64(&r);
		row->info.min_time = row_wall(&r);
		row->info.max_time = row_wall(&r);
		row->info.received = row_wall(&r);
		row->info.raw_len = row_u64(&r);
		row->info.len = row_u64(&r);
		row->keys = row_bytes(&r);
		if (r.cut)
			break;
		++*n;
	}
	sql_leave(s);
	return *n == 0 && cap > 0 ? FAIL(why, ERR_SYSTEM, "no memory to read a block") : ERR_OK;
}

enum err
sqlite_block_bytes(
    struct backend *b, uint64_t first_seq, uint64_t n_events, struct buf *out, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_block_bytes, &e, why);
	const void *p;
	bool got;
	int n;

	buf_reset(out);
	if (s == NULL)
		return e;
	bind_u64(s, 1, first_seq);
	bind_u64(s, 2, n_events);
	if ((e = sql_row(b, s, &got, why)) != ERR_OK)
		return e;
	if (!got)
		return FAIL(why, ERR_ABSENT, "no block starts at event %llu",
		    (unsigned long long)first_seq);
	p = sqlite3_column_blob(s, 0);
	n = sqlite3_column_bytes(s, 0);
	if (p == NULL)
		e = sqlite3_errcode(b->db) == SQLITE_NOMEM ? sql_fail(b, SQLITE_NOMEM, why)
							   : sql_fail(b, SQLITE_CORRUPT, why);
	else
		buf_add(out, bytes_of(p, (size_t)n));
	sql_leave(s);
	if (e == ERR_OK && out->cut)
		return FAIL(why, ERR_SYSTEM, "no memory to read a block");
	return e;
}

static enum err
edge(struct backend *b, enum sql id, uint64_t *first, uint64_t *n, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);
	bool got;

	*first = 1;
	*n = 0;
	if (s == NULL)
		return e;
	if ((e = sql_row(b, s, &got, why)) != ERR_OK || !got)
		return e;
	*first = (uint64_t)sqlite3_column_int64(s, 0);
	*n = (uint64_t)sqlite3_column_int64(s, 1);
	sql_leave(s);
	return ERR_OK;
}

enum err
sqlite_block_range(struct backend *b, uint64_t *first, uint64_t *end, struct why *why)
{
	uint64_t last, n;
	enum err e;

	*first = *end = 1;
	if ((e = edge(b, SQL_block_first, first, &n, why)) != ERR_OK ||
	    (e = edge(b, SQL_block_last, &last, &n, why)) != ERR_OK)
		return e;
	*end = last + n;
	return ERR_OK;
}

enum err
sqlite_block_since(struct backend *b, struct wall t, uint64_t *seq, struct why *why)
{
	*seq = INT64_MAX;
	return ask(b, SQL_block_since, t.ns, seq, why);
}

enum err
sqlite_block_numbers(
    struct backend *b, enum store_order by, uint64_t bound, uint64_t *out, size_t cap, size_t *n)
{
	enum err e;
	sqlite3_stmt *s =
	    sql_of(b, by == STORE_OLDEST_FIRST ? SQL_bytes_up : SQL_bytes_down, &e, NULL);
	bool got;

	*n = 0;
	if (s == NULL)
		return e;
	bind_i64(s, 1, clamp_seq(bound));
	bind_u64(s, 2, cap);
	while (*n < cap) {
		if ((e = sql_row(b, s, &got, NULL)) != ERR_OK || !got)
			return e;
		out[(*n)++] = (uint64_t)sqlite3_column_int64(s, 0);
	}
	sql_leave(s);
	return ERR_OK;
}

enum err
sqlite_value_put(struct backend *b, const char *key, struct bytes value, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_value_put, &e, why);

	if (s == NULL)
		return e;
	bind_text(s, 1, bytes_str(key));
	bind_blob(s, 2, value);
	return sql_run(b, s, why);
}

enum err
sqlite_value(struct backend *b, const char *key, struct buf *out, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_value, &e, why);
	bool got;

	buf_reset(out);
	if (s == NULL)
		return e;
	bind_text(s, 1, bytes_str(key));
	if ((e = sql_row(b, s, &got, why)) != ERR_OK)
		return e;
	if (!got)
		return FAIL(why, ERR_ABSENT, "nothing is kept under %s", key);
	if (sqlite3_column_bytes(s, 0) > 0)
		buf_add(
		    out, bytes_of(sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0)));
	sql_leave(s);
	return out->cut ? FAIL(why, ERR_SYSTEM, "no memory for a value") : ERR_OK;
}
