/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of derived tables, in chunks: a chunk is copied out of the database before any of it is
 * given away, so that no snapshot stays open during a callback. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/inner.h"

enum {
	ROWS_AT_ONCE = 256,
	ROWS_ARENA_BYTES = 16 * 1024 * 1024,
	ROW_BYTES_MAX = 4 * 1024 * 1024, /* texts and blobs of one row */
};

/* --- places --- */

void
store_place_format(const struct store_place *p, char out[STORE_PLACE_TEXT_MAX])
{
	if (!p->set)
		out[0] = '\0';
	else
		(void)snprintf(out, STORE_PLACE_TEXT_MAX, "%" PRIx64 ".%" PRIx64 ".%" PRIx64,
		    (uint64_t)p->a, (uint64_t)p->b, p->id);
}

static bool
hex_u64(struct bytes t, uint64_t *v)
{
	*v = 0;
	if (t.len == 0 || t.len > 16)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = t.ptr[i];

		if (c >= '0' && c <= '9')
			*v = *v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*v = *v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	return true;
}

bool
store_place_parse(struct bytes text, struct store_place *p)
{
	struct bytes rest = text;
	uint64_t a, b, id;

	memset(p, 0, sizeof(*p));
	if (text.len == 0)
		return true;
	if (!hex_u64(bytes_split(rest, '.', &rest), &a) ||
	    !hex_u64(bytes_split(rest, '.', &rest), &b) || !hex_u64(rest, &id))
		return false;
	*p = (struct store_place){1, (int64_t)a, (int64_t)b, id};
	return true;
}

/* --- a list in chunks --- */

/* What differs from one kind of row to another. */
struct list {
	size_t row_size;
	const void *filter;
	enum err (*fetch)(struct store *st, const struct list *l, const struct store_page *p,
	    struct arena *a, void *rows, size_t cap, size_t *n, struct why *why);
	bool (*give)(const struct list *l, const void *row);
	struct store_place (*place)(const struct store_page *p, const void *row);
	/* The caller's function: one of these. */
	store_device_fn device_fn;
	store_finding_fn finding_fn;
	store_link_fn link_fn;
	store_source_fn source_fn;
	void *ctx;
};

static size_t
chunk_size(const struct store_page *p, size_t given)
{
	size_t left = p->limit == 0 ? ROWS_AT_ONCE : p->limit - given;

	return left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
}

/* Give rows until the caller has enough; false to stop. */
static bool
give_rows(const struct list *l, struct store_page *p, const uint8_t *rows, size_t n, size_t *given)
{
	for (size_t i = 0; i < n; i++) {
		const void *row = rows + i * l->row_size;

		p->after = l->place(p, row);
		++*given;
		if (!l->give(l, row)) {
			p->more = true;
			return false;
		}
	}
	p->more = p->limit != 0 && *given == p->limit;
	return !p->more;
}

static enum err
walk_rows(struct store *st, const struct list *l, struct store_page *p, struct why *why)
{
	struct arena *a = arena_new(ROWS_ARENA_BYTES, NULL);
	uint8_t *rows = calloc(ROWS_AT_ONCE, l->row_size);
	size_t n = 1, given = 0;
	enum err e;

	p->more = false;
	if (a == NULL || rows == NULL)
		e = FAIL(why, ERR_SYSTEM, "no memory to read rows");
	else
		e = store_settle(st, why);
	while (e == ERR_OK && n > 0) {
		arena_reset(a);
		e = l->fetch(st, l, p, a, rows, chunk_size(p, given), &n, why);
		if (e == ERR_OK && !give_rows(l, p, rows, n, &given))
			break;
	}
	free(rows);
	arena_free(a);
	return e;
}

static int64_t
time_key(enum store_by by, struct wall first, struct wall last)
{
	return by == STORE_BY_ID ? 0 : by == STORE_BY_FIRST ? first.ns : last.ns;
}

/* --- devices --- */

static enum err
fetch_devices(struct store *st, const struct list *l, const struct store_page *p, struct arena *a,
    void *rows, size_t cap, size_t *n, struct why *why)
{
	return st->ops->devices(st->b, l->filter, p, a, rows, cap, n, why);
}

static bool
give_device(const struct list *l, const void *row)
{
	return l->device_fn(l->ctx, row);
}

static struct store_place
place_device(const struct store_page *p, const void *row)
{
	const struct store_device *d = row;

	return (struct store_place){1, time_key(p->by, d->first, d->last), 0, d->id};
}

enum err
store_devices(struct store *st, const struct store_device_filter *f, struct store_page *page,
    store_device_fn fn, void *ctx, struct why *why)
{
	static const struct store_device_filter any;
	struct list l = {.row_size = sizeof(struct store_device),
	    .filter = f == NULL ? &any : f,
	    .fetch = fetch_devices,
	    .give = give_device,
	    .place = place_device,
	    .device_fn = fn,
	    .ctx = ctx};

	return walk_rows(st, &l, page, why);
}

/* --- findings --- */

static enum err
fetch_findings(struct store *st, const struct list *l, const struct store_page *p, struct arena *a,
    void *rows, size_t cap, size_t *n, struct why *why)
{
	return st->ops->findings(st->b, l->filter, p, a, rows, cap, n, why);
}

static bool
give_finding(const struct list *l, const void *row)
{
	return l->finding_fn(l->ctx, row);
}

static struct store_place
place_finding(const struct store_page *p, const void *row)
{
	const struct store_finding *f = row;

	if (p->by == STORE_BY_SEVERITY)
		return (struct store_place){1, (int64_t)f->severity, f->last.ns, f->id};
	return (struct store_place){1, time_key(p->by, f->first, f->last), 0, f->id};
}

enum err
store_findings(struct store *st, const struct store_finding_filter *f, struct store_page *page,
    store_finding_fn fn, void *ctx, struct why *why)
{
	static const struct store_finding_filter any;
	struct list l = {.row_size = sizeof(struct store_finding),
	    .filter = f == NULL ? &any : f,
	    .fetch = fetch_findings,
	    .give = give_finding,
	    .place = place_finding,
	    .finding_fn = fn,
	    .ctx = ctx};

	return walk_rows(st, &l, page, why);
}

/* --- links --- */

static enum err
fetch_links(struct store *st, const struct list *l, const struct store_page *p, struct arena *a,
    void *rows, size_t cap, size_t *n, struct why *why)
{
	return st->ops->links(st->b, l->filter, p, a, rows, cap, n, why);
}

static bool
give_link(const struct list *l, const void *row)
{
	return l->link_fn(l->ctx, row);
}

static struct store_place
place_link(const struct store_page *p, const void *row)
{
	const struct store_link *k = row;

	return (struct store_place){1, time_key(p->by, k->first, k->last), 0, k->number};
}

enum err
store_links(struct store *st, const struct store_link_filter *f, struct store_page *page,
    store_link_fn fn, void *ctx, struct why *why)
{
	static const struct store_link_filter any;
	struct list l = {.row_size = sizeof(struct store_link),
	    .filter = f == NULL ? &any : f,
	    .fetch = fetch_links,
	    .give = give_link,
	    .place = place_link,
	    .link_fn = fn,
	    .ctx = ctx};

	return walk_rows(st, &l, page, why);
}

/* --- sources --- */

static enum err
fetch_sources(struct store *st, const struct list *l, const struct store_page *p, struct arena *a,
    void *rows, size_t cap, size_t *n, struct why *why)
{
	(void)l;
	return st->ops->sources(st->b, p, a, rows, cap, n, why);
}

static bool
give_source(const struct list *l, const void *row)
{
	return l->source_fn(l->ctx, row);
}

static struct store_place
place_source(const struct store_page *p, const void *row)
{
	const struct store_source *s = row;

	(void)p;
	return (struct store_place){1, 0, 0, s->number};
}

enum err
store_sources(
    struct store *st, struct store_page *page, store_source_fn fn, void *ctx, struct why *why)
{
	struct list l = {.row_size = sizeof(struct store_source),
	    .fetch = fetch_sources,
	    .give = give_source,
	    .place = place_source,
	    .source_fn = fn,
	    .ctx = ctx};

	return walk_rows(st, &l, page, why);
}

/* --- hours --- */

#define HOUR_NS (3600 * NS_PER_S)

enum err
store_hours(struct store *st, enum event_kind kind, struct wall from, struct wall to,
    store_hour_fn fn, void *ctx, struct why *why)
{
	struct tally_hour rows[ROWS_AT_ONCE];
	int64_t last = to.ns == 0 ? INT64_MAX : to.ns / HOUR_NS;
	int64_t hour = from.ns == 0 ? INT64_MIN : from.ns / HOUR_NS, sub = -1;
	size_t n = ROWS_AT_ONCE;
	enum err e = store_settle(st, why);

	while (e == ERR_OK && n == ROWS_AT_ONCE) {
		e = st->ops->hours(st->b, kind, hour, sub, last, rows, ROWS_AT_ONCE, &n, why);
		for (size_t i = 0; i < n && e == ERR_OK; i++) {
			struct store_hour h = {
			    {rows[i].hour * HOUR_NS}, kind, rows[i].sub, rows[i].n, rows[i].bytes};

			hour = rows[i].hour;
			sub = rows[i].sub;
			if (!fn(ctx, &h))
				return ERR_OK;
		}
	}
	return e;
}

/* --- one row --- */

enum err
store_device(struct store *st, uint64_t id, store_device_fn fn, void *ctx, struct why *why)
{
	struct arena *a = arena_new(ROWS_ARENA_BYTES, NULL);
	struct store_device row;
	enum err e = a == NULL ? FAIL(why, ERR_SYSTEM, "no memory to read a row")
			       : st->ops->device(st->b, id, a, &row, why);

	if (e == ERR_OK)
		(void)fn(ctx, &row);
	arena_free(a);
	return e;
}

enum err
store_finding(struct store *st, uint64_t id, store_finding_fn fn, void *ctx, struct why *why)
{
	struct arena *a = arena_new(ROWS_ARENA_BYTES, NULL);
	struct store_finding row;
	enum err e = a == NULL ? FAIL(why, ERR_SYSTEM, "no memory to read a row")
			       : st->ops->finding(st->b, id, a, &row, why);

	if (e == ERR_OK)
		(void)fn(ctx, &row);
	arena_free(a);
	return e;
}

static enum err
one_link(
    struct store *st, uint64_t id, uint64_t number, store_link_fn fn, void *ctx, struct why *why)
{
	struct arena *a = arena_new(ROWS_ARENA_BYTES, NULL);
	struct store_link row;
	enum err e =
	    a == NULL ? FAIL(why, ERR_SYSTEM, "no memory to read a row") : store_settle(st, why);

	if (e == ERR_OK)
		e = st->ops->link(st->b, id, number, a, &row, why);
	if (e == ERR_OK)
		(void)fn(ctx, &row);
	arena_free(a);
	return e;
}

enum err
store_link(struct store *st, uint64_t id, store_link_fn fn, void *ctx, struct why *why)
{
	return one_link(st, id, 0, fn, ctx, why);
}

enum err
store_link_numbered(struct store *st, uint64_t number, store_link_fn fn, void *ctx, struct why *why)
{
	if (number == 0)
		return FAIL(why, ERR_ABSENT, "there is no link 0");
	return one_link(st, 0, number, fn, ctx, why);
}

/* --- putting --- */

static enum err
put_allowed(struct store *st, size_t row_bytes, struct why *why)
{
	if (row_bytes > ROW_BYTES_MAX)
		return FAIL(why, ERR_LIMIT, "a row of %zu bytes, at most %d are kept", row_bytes,
		    ROW_BYTES_MAX);
	return store_begin(st, why);
}

enum err
store_device_put(struct store *st, const struct store_device *d, struct why *why)
{
	enum err e = put_allowed(st,
	    d->state.len + d->class.len + d->maker.len + d->model.len + d->serial.len +
		d->software.len + d->os.len + d->hostname.len + d->addresses.len + d->snapshot.len +
		d->json.len,
	    why);

	if (e == ERR_OK && (e = st->ops->device_put(st->b, d, why)) != ERR_OK)
		return store_undo(st, e);
	return e;
}

enum err
store_finding_put(struct store *st, const struct store_finding *f, struct why *why)
{
	enum err e = put_allowed(st,
	    f->detector.len + f->cause.len + f->text.len + f->state.len + f->evidence.len +
		f->snapshot.len + f->json.len,
	    why);

	if (e == ERR_OK && (e = st->ops->finding_put(st->b, f, why)) != ERR_OK)
		return store_undo(st, e);
	return e;
}

enum err
store_device_drop(struct store *st, uint64_t id, struct why *why)
{
	enum err e = store_begin(st, why);

	if (e == ERR_OK && (e = st->ops->device_drop(st->b, id, why)) != ERR_OK)
		return store_undo(st, e);
	return e;
}

enum err
store_source_new(
    struct store *st, struct bytes kind, struct bytes name, uint64_t *number, struct why *why)
{
	enum err e;

	*number = 0;
	if ((e = put_allowed(st, kind.len + name.len, why)) != ERR_OK)
		return e;
	/* Sources that events told of come first, so that no number is given twice. */
	if ((e = store_flush_tally(st, why)) != ERR_OK ||
	    (e = st->ops->source_new(st->b, kind, name, st->now(), number, why)) != ERR_OK)
		return store_undo(st, e);
	return ERR_OK;
}

enum err
store_value_put(struct store *st, const char *key, struct bytes value, struct why *why)
{
	enum err e;

	if (value.len > STORE_VALUE_MAX)
		return FAIL(why, ERR_LIMIT, "a value of %zu bytes, at most %d are kept", value.len,
		    STORE_VALUE_MAX);
	if ((e = store_begin(st, why)) != ERR_OK)
		return e;
	e = st->ops->value_put(st->b, key, value, why);
	return e == ERR_OK ? e : store_undo(st, e);
}

enum err
store_value(struct store *st, const char *key, struct buf *out, struct why *why)
{
	return st->ops->value(st->b, key, out, why);
}

enum err
store_totals(struct store *st, struct store_totals *t, struct why *why)
{
	enum err e;

	memset(t, 0, sizeof(*t));
	if ((e = store_settle(st, why)) != ERR_OK)
		return e;
	return st->ops->totals(st->b, t, why);
}
