/* SPDX-License-Identifier: Apache-2.0 */
/* Derived tables and the two that hold numbers told to people. */
#include "store/sqlite/db.h"

static struct bytes
ip_bytes(const struct ip *a)
{
	return bytes_of(a->b, sizeof(a->b));
}

static struct bytes
mac_bytes(const struct mac *m)
{
	return bytes_of(m->b, sizeof(m->b));
}

/* --- writing --- */

static enum err
run_on(struct backend *b, enum sql id, uint64_t v, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);

	if (s == NULL)
		return e;
	bind_u64(s, 1, v);
	return sql_run(b, s, why);
}

static enum err
link_counts(struct backend *b, const struct store_link *l, int *changed, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_link_add, &e, why);

	*changed = 0;
	if (s == NULL)
		return e;
	bind_u64(s, 1, l->id);
	bind_i64(s, 2, l->first.ns);
	bind_i64(s, 3, l->last.ns);
	bind_u64(s, 4, l->messages);
	bind_u64(s, 5, l->results);
	bind_u64(s, 6, l->flows);
	bind_u64(s, 7, l->bytes);
	bind_u64(s, 8, l->encrypted);
	e = sql_run(b, s, why);
	*changed = sqlite3_changes(b->db);
	return e;
}

enum err
sqlite_link_add(struct backend *b, const struct tally_link *l, struct why *why)
{
	sqlite3_stmt *s;
	int changed;
	enum err e;

	if ((e = link_counts(b, &l->row, &changed, why)) != ERR_OK)
		return e;
	if (changed == 0 && ((e = run_on(b, SQL_link_number, l->row.id, why)) != ERR_OK ||
				(e = run_on(b, SQL_link_new, l->row.id, why)) != ERR_OK ||
				(e = link_counts(b, &l->row, &changed, why)) != ERR_OK))
		return e;
	if (!l->defined)
		return ERR_OK;
	if ((s = sql_of(b, SQL_link_define, &e, why)) == NULL)
		return e;
	bind_u64(s, 1, l->row.id);
	bind_blob(s, 2, ip_bytes(&l->row.client));
	bind_blob(s, 3, ip_bytes(&l->row.server));
	bind_blob(s, 4, mac_bytes(&l->row.client_mac));
	bind_blob(s, 5, mac_bytes(&l->row.server_mac));
	bind_u64(s, 6, l->row.port);
	bind_u64(s, 7, l->row.proto);
	bind_u64(s, 8, l->row.transport);
	bind_u64(s, 9, l->row.vlan);
	bind_text(s, 10, bytes_of(l->app, l->row.app.len));
	return sql_run(b, s, why);
}

enum err
sqlite_hour_add(struct backend *b, const struct tally_hour *h, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_hour_add, &e, why);

	if (s == NULL)
		return e;
	bind_u64(s, 1, h->kind);
	bind_i64(s, 2, h->hour);
	bind_u64(s, 3, h->sub);
	bind_u64(s, 4, h->n);
	bind_u64(s, 5, h->bytes);
	return sql_run(b, s, why);
}

enum err
sqlite_source_add(struct backend *b, const struct tally_source *t, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_source_add, &e, why);

	if (s == NULL)
		return e;
	bind_u64(s, 1, t->number);
	bind_text(s, 2, bytes_of(t->name, t->name_len));
	bind_i64(s, 3, t->started.ns);
	bind_i64(s, 4, t->ended.ns);
	bind_u64(s, 5, t->packets);
	bind_u64(s, 6, t->bytes);
	bind_u64(s, 7, t->dropped);
	return sql_run(b, s, why);
}

enum err
sqlite_source_new(struct backend *b, struct bytes kind, struct bytes name, struct wall now,
    uint64_t *number, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_source_new, &e, why);

	*number = 0;
	if (s == NULL)
		return e;
	bind_text(s, 1, kind);
	bind_text(s, 2, name);
	bind_i64(s, 3, now.ns);
	if ((e = sql_run(b, s, why)) == ERR_OK)
		*number = (uint64_t)sqlite3_last_insert_rowid(b->db);
	return e;
}

enum err
sqlite_device_put(struct backend *b, const struct store_device *d, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_device_put, &e, why);

	if (s == NULL)
		return e;
	bind_u64(s, 1, d->id);
	bind_text(s, 2, d->state);
	bind_text(s, 3, d->class);
	bind_text(s, 4, d->maker);
	bind_text(s, 5, d->model);
	bind_text(s, 6, d->serial);
	bind_text(s, 7, d->software);
	bind_text(s, 8, d->os);
	bind_text(s, 9, d->hostname);
	bind_text(s, 10, d->addresses);
	bind_i64(s, 11, d->first.ns);
	bind_i64(s, 12, d->last.ns);
	bind_blob(s, 13, d->snapshot);
	bind_blob(s, 14, d->json);
	return sql_run(b, s, why);
}

enum err
sqlite_device_drop(struct backend *b, uint64_t id, struct why *why)
{
	return run_on(b, SQL_device_drop, id, why);
}

enum err
sqlite_finding_put(struct backend *b, const struct store_finding *f, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_finding_put, &e, why);

	if (s == NULL)
		return e;
	bind_u64(s, 1, f->id);
	bind_text(s, 2, f->detector);
	bind_u64(s, 3, f->severity);
	bind_u64(s, 4, f->device);
	bind_u64(s, 5, f->link);
	bind_text(s, 6, f->cause);
	bind_text(s, 7, f->text);
	bind_u64(s, 8, f->count);
	bind_i64(s, 9, f->first.ns);
	bind_i64(s, 10, f->last.ns);
	bind_text(s, 11, f->state);
	bind_blob(s, 12, f->evidence);
	bind_blob(s, 13, f->snapshot);
	bind_blob(s, 14, f->json);
	return sql_run(b, s, why);
}

enum err
sqlite_derived_clear(struct backend *b, struct why *why)
{
	static const enum sql ids[] = {
	    SQL_clear_devices, SQL_clear_findings, SQL_clear_hours, SQL_clear_links};
	enum err e = ERR_OK;

	for (size_t i = 0; i < ARRAY_LEN(ids) && e == ERR_OK; i++) {
		sqlite3_stmt *s = sql_of(b, ids[i], &e, why);

		if (s != NULL)
			e = sql_run(b, s, why);
	}
	return e;
}

/* --- reading --- */

/* Where a list starts: behind the place given, or at the end of its order that comes first. */
static void
bind_place(sqlite3_stmt *s, const struct store_page *p, bool ascending)
{
	const struct store_place *at = &p->after;

	bind_i64(s, 1, at->set ? at->a : INT64_MAX);
	bind_i64(s, 2, at->set ? at->b : INT64_MAX);
	if (at->set)
		bind_u64(s, 3, at->id);
	else
		bind_i64(s, 3, ascending ? INT64_MIN : INT64_MAX);
}

static void
read_device(struct row *r, struct store_device *d)
{
	d->id = row_u64(r);
	d->state = row_bytes(r);
	d->class = row_bytes(r);
	d->maker = row_bytes(r);
	d->model = row_bytes(r);
	d->serial = row_bytes(r);
	d->software = row_bytes(r);
	d->os = row_bytes(r);
	d->hostname = row_bytes(r);
	d->addresses = row_bytes(r);
	d->first = row_wall(r);
	d->last = row_wall(r);
	d->snapshot = row_bytes(r);
	d->json = row_bytes(r);
}

static void
read_finding(struct row *r, struct store_finding *f)
{
	f->id = row_u64(r);
	f->detector = row_bytes(r);
	f->severity = row_u64(r);
	f->device = row_u64(r);
	f->link = row_u64(r);
	f->cause = row_bytes(r);
	f->text = row_bytes(r);
	f->count = row_u64(r);
	f->first = row_wall(r);
	f->last = row_wall(r);
	f->state = row_bytes(r);
	f->evidence = row_bytes(r);
	f->snapshot = row_bytes(r);
	f->json = row_bytes(r);
}

static void
read_link(struct row *r, struct store_link *l)
{
	l->number = row_u64(r);
	l->id = row_u64(r);
	row_fixed(r, &l->client, sizeof(l->client));
	row_fixed(r, &l->server, sizeof(l->server));
	row_fixed(r, &l->client_mac, sizeof(l->client_mac));
	row_fixed(r, &l->server_mac, sizeof(l->server_mac));
	l->port = row_u64(r);
	l->proto = row_u64(r);
	l->transport = row_u64(r);
	l->vlan = row_u64(r);
	l->app = row_bytes(r);
	l->first = row_wall(r);
	l->last = row_wall(r);
	l->messages = row_u64(r);
	l->results = row_u64(r);
	l->flows = row_u64(r);
	l->bytes = row_u64(r);
	l->encrypted = row_u64(r);
}

static void
read_source(struct row *r, struct store_source *s)
{
	s->number = row_u64(r);
	s->kind = row_bytes(r);
	s->name = row_bytes(r);
	s->started = row_wall(r);
	s->ended = row_wall(r);
	s->packets = row_u64(r);
	s->bytes = row_u64(r);
	s->dropped = row_u64(r);
}

/* Which kind of row a list is made of. */
enum table { DEVICES, FINDINGS, LINKS, SOURCES };

static void
read_row(enum table t, struct row *r, void *rows, size_t i)
{
	switch (t) {
	case DEVICES:
		read_device(r, (struct store_device *)rows + i);
		return;
	case FINDINGS:
		read_finding(r, (struct store_finding *)rows + i);
		return;
	case LINKS:
		read_link(r, (struct store_link *)rows + i);
		return;
	case SOURCES:
		read_source(r, (struct store_source *)rows + i);
		return;
	}
}

/* Rows until the end, the cap, or the arena is full: what does not fit comes with the next call. */
static enum err
read_rows(struct backend *b, sqlite3_stmt *s, enum table t, struct arena *a, void *rows, size_t cap,
    size_t *n, struct why *why)
{
	enum err e;
	bool got;

	*n = 0;
	while (*n < cap) {
		struct row r = {s, a, 0, false};

		if ((e = sql_row(b, s, &got, why)) != ERR_OK || !got)
			return e;
		read_row(t, &r, rows, *n);
		if (r.cut)
			break;
		++*n;
	}
	sql_leave(s);
	return *n == 0 && cap > 0 ? FAIL(why, ERR_SYSTEM, "no memory to read a row") : ERR_OK;
}

enum err
sqlite_devices(struct backend *b, const struct store_device_filter *f, const struct store_page *p,
    struct arena *a, struct store_device *rows, size_t cap, size_t *n, struct why *why)
{
	enum sql id = p->by == STORE_BY_ID      ? SQL_devices_id
		      : p->by == STORE_BY_FIRST ? SQL_devices_first
						: SQL_devices_last;
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);

	*n = 0;
	if (s == NULL)
		return e;
	bind_place(s, p, id == SQL_devices_id);
	bind_text_some(s, 4, f->state);
	bind_text_some(s, 5, f->class);
	bind_text_some(s, 6, f->words);
	bind_u64(s, 7, cap);
	return read_rows(b, s, DEVICES, a, rows, cap, n, why);
}

enum err
sqlite_findings(struct backend *b, const struct store_finding_filter *f, const struct store_page *p,
    struct arena *a, struct store_finding *rows, size_t cap, size_t *n, struct why *why)
{
	static const enum sql ids[] = {[STORE_BY_ID] = SQL_findings_id,
	    [STORE_BY_LAST] = SQL_findings_last,
	    [STORE_BY_FIRST] = SQL_findings_first,
	    [STORE_BY_SEVERITY] = SQL_findings_severity};
	enum err e;
	sqlite3_stmt *s = sql_of(b, ids[p->by], &e, why);

	*n = 0;
	if (s == NULL)
		return e;
	bind_place(s, p, p->by == STORE_BY_ID);
	bind_text_some(s, 4, f->state);
	bind_text_some(s, 5, f->detector);
	bind_u64(s, 6, f->device);
	bind_u64(s, 7, f->link);
	bind_u64(s, 8, f->min_severity);
	bind_u64(s, 9, cap);
	return read_rows(b, s, FINDINGS, a, rows, cap, n, why);
}

enum err
sqlite_links(struct backend *b, const struct store_link_filter *f, const struct store_page *p,
    struct arena *a, struct store_link *rows, size_t cap, size_t *n, struct why *why)
{
	enum sql id = p->by == STORE_BY_ID      ? SQL_links_number
		      : p->by == STORE_BY_FIRST ? SQL_links_first
						: SQL_links_last;
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);

	*n = 0;
	if (s == NULL)
		return e;
	bind_place(s, p, id == SQL_links_number);
	bind_u64(s, 4, f->protos);
	if (ip_is_zero(f->host))
		bind_null(s, 5);
	else
		bind_blob(s, 5, ip_bytes(&f->host));
	bind_u64(s, 6, cap);
	return read_rows(b, s, LINKS, a, rows, cap, n, why);
}

enum err
sqlite_sources(struct backend *b, const struct store_page *p, struct arena *a,
    struct store_source *rows, size_t cap, size_t *n, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_sources, &e, why);

	*n = 0;
	if (s == NULL)
		return e;
	bind_u64(s, 1, p->after.set ? p->after.id : 0);
	bind_u64(s, 2, cap);
	return read_rows(b, s, SOURCES, a, rows, cap, n, why);
}

enum err
sqlite_hours(struct backend *b, enum event_kind kind, int64_t after_hour, int64_t after_sub,
    int64_t to, struct tally_hour *rows, size_t cap, size_t *n, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, SQL_hours, &e, why);
	bool got;

	*n = 0;
	if (s == NULL)
		return e;
	bind_u64(s, 1, kind);
	bind_i64(s, 2, after_hour);
	bind_i64(s, 3, after_sub);
	bind_i64(s, 4, to);
	bind_u64(s, 5, cap);
	while (*n < cap) {
		struct row r = {s, NULL, 0, false};

		if ((e = sql_row(b, s, &got, why)) != ERR_OK || !got)
			return e;
		rows[*n].kind = (uint8_t)kind;
		rows[*n].hour = row_i64(&r);
		rows[*n].sub = (uint8_t)row_u64(&r);
		rows[*n].n = row_u64(&r);
		rows[*n].bytes = row_u64(&r);
		++*n;
	}
	sql_leave(s);
	return ERR_OK;
}

static enum err
read_one(struct backend *b, enum sql id, uint64_t key, enum table t, struct arena *a, void *row,
    const char *what, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);
	size_t n;

	if (s == NULL)
		return e;
	bind_u64(s, 1, key);
	if ((e = read_rows(b, s, t, a, row, 1, &n, why)) != ERR_OK)
		return e;
	return n == 1 ? ERR_OK
		      : FAIL(why, ERR_ABSENT, "there is no %s %llu", what, (unsigned long long)key);
}

enum err
sqlite_device(
    struct backend *b, uint64_t id, struct arena *a, struct store_device *row, struct why *why)
{
	return read_one(b, SQL_device, id, DEVICES, a, row, "device", why);
}

enum err
sqlite_finding(
    struct backend *b, uint64_t id, struct arena *a, struct store_finding *row, struct why *why)
{
	return read_one(b, SQL_finding, id, FINDINGS, a, row, "finding", why);
}

enum err
sqlite_link(struct backend *b, uint64_t id, uint64_t number, struct arena *a,
    struct store_link *row, struct why *why)
{
	return number != 0 ? read_one(b, SQL_link_numbered, number, LINKS, a, row, "link", why)
			   : read_one(b, SQL_link, id, LINKS, a, row, "link with the id", why);
}

/* Rows of (index, count) into an array. */
static enum err
read_counts(struct backend *b, enum sql id, uint64_t *out, size_t n_out, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);
	bool got;

	if (s == NULL)
		return e;
	if (sqlite3_bind_parameter_count(s) > 0)
		bind_u64(s, 1, EV_message);
	while ((e = sql_row(b, s, &got, why)) == ERR_OK && got) {
		struct row r = {s, NULL, 0, false};
		uint64_t i = row_u64(&r);

		if (i < n_out)
			out[i] = row_u64(&r);
	}
	return e;
}

/* One row of three numbers. */
static enum err
read_three(struct backend *b, enum sql id, uint64_t *x, uint64_t *y, uint64_t *z, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);
	struct row r = {s, NULL, 0, false};
	bool got;

	if (s == NULL || (e = sql_row(b, s, &got, why)) != ERR_OK || !got)
		return e;
	*x = row_u64(&r);
	*y = row_u64(&r);
	*z = row_u64(&r);
	sql_leave(s);
	return ERR_OK;
}

enum err
sqlite_totals(struct backend *b, struct store_totals *t, struct why *why)
{
	enum err e;

	memset(t, 0, sizeof(*t));
	if ((e = read_three(b, SQL_total_blocks, &t->events, &t->event_bytes, &t->stored_bytes,
		 why)) != ERR_OK ||
	    (e = read_three(b, SQL_total_rows, &t->devices, &t->links, &t->sources, why)) !=
		ERR_OK ||
	    (e = read_counts(b, SQL_total_messages, t->messages, PROTO_MAX, why)) != ERR_OK)
		return e;
	return read_counts(
	    b, SQL_total_findings, t->findings_open, ARRAY_LEN(t->findings_open), why);
}

/* --- rescue --- */

/* Copy each row of a question asked of `from` into a statement of `to`, column by column. */
static void
copy_rows(struct backend *to, enum sql put, struct backend *from, enum sql get)
{
	enum err e;
	sqlite3_stmt *g = sql_of(from, get, &e, NULL);
	sqlite3_stmt *p = sql_of(to, put, &e, NULL);

	if (g == NULL || p == NULL)
		return;
	if (get == SQL_sources) {
		bind_i64(g, 1, 0);
		bind_i64(g, 2, INT64_MAX);
	}
	while (sqlite3_step(g) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(g); i++)
			(void)sqlite3_bind_value(p, i + 1, sqlite3_column_value(g, i));
		(void)sqlite3_step(p);
		sql_leave(p);
	}
	sql_leave(g);
}

void
sqlite_numbers_copy(struct backend *to, struct backend *from)
{
	copy_rows(to, SQL_value_put, from, SQL_values);
	copy_rows(to, SQL_put_source, from, SQL_sources);
	copy_rows(to, SQL_put_number, from, SQL_copy_numbers);
	copy_rows(to, SQL_put_link, from, SQL_copy_links);
}
