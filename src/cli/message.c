/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat message list|show, result list, event list: what the event blocks hold. */
#include <string.h>

#include "cli/open.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/loop.h"

enum { FOLLOW_PERIOD_MS = 250 };

struct listing {
	struct cli *c;
	struct cli_table *table;
	struct link_names *links;
	struct buf line;
	struct bytes type, category; /* filters, empty for all */
	uint64_t last_seq;
	size_t n, limit;
};

/* Where a fact was seen. What it says follows: a key may stand only once in an object. */
static void
json_head(struct json *j, struct listing *l, const struct store_event *e)
{
	const struct link_name *k = link_name_of(l->links, e->ev.head.link);

	json_ku64(j, "id", e->seq);
	json_kwall(j, "time", e->ev.head.time);
	json_ku64(j, "source", e->ev.head.source);
	json_ku64(j, "packet", e->ev.head.packet);
	json_ku64(j, "offset", e->ev.head.offset);
	json_ku64(j, "flow", e->ev.head.flow);
	json_kstr(j, "dir", name_label(NAMES_dir, e->ev.head.dir));
	json_ku64(j, "link", k->number);
	json_kstr(j, "client", k->client);
	json_kstr(j, "server", k->server);
	json_ku64(j, "port", k->port);
}

static void
json_message(struct listing *l, const struct store_event *e)
{
	struct json j = json_on(&l->line);

	json_object(&j);
	json_kstr(&j, "kind", "message"); /* type is the message's own: ORU^R01 */
	json_head(&j, l, e);
	event_json_fields(&j, &e->ev);
	json_object_end(&j);
	cli_json_line(&l->line);
}

static bool
list_message(void *ctx, const struct store_event *e)
{
	const struct ev_message *m = &e->ev.u.message;
	struct listing *l = ctx;
	const struct link_name *k;
	char route[128];

	if (l->type.len > 0 && !bytes_starts(m->type, l->type))
		return true;
	if (l->category.len > 0 &&
	    !bytes_eq(bytes_str(name_label(NAMES_category, m->category)), l->category))
		return true;
	if (l->table == NULL) {
		json_message(l, e);
	} else {
		k = link_name_of(l->links, e->ev.head.link);
		cli_cell_u64(l->table, e->seq);
		cli_cell_time(l->table, e->ev.head.time);
		cli_cell_str(l->table, proto_label(m->proto));
		cli_cell(l->table, m->type);
		(void)snprintf(route, sizeof(route), "%s > %s",
		    e->ev.head.dir == dir_orig ? k->client : k->server,
		    e->ev.head.dir == dir_orig ? k->server : k->client);
		cli_cell_str(l->table, route);
		cli_cell(l->table, m->sender);
		cli_cell_u64(l->table, m->size);
		cli_cell_u64(l->table, m->n_results);
		cli_cell(l->table, m->ack);
		cli_cell_u64(l->table, m->anomalies);
	}
	return l->limit == 0 || ++l->n < l->limit;
}

static bool
list_result(void *ctx, const struct store_event *e, const struct ev_result *r)
{
	struct listing *l = ctx;
	struct json j = json_on(&l->line);

	if (l->table == NULL) {
		json_object(&j);
		json_kstr(&j, "type", "result");
		json_head(&j, l, e);
		json_kstr(&j, "proto", proto_label(e->ev.u.message.proto));
		json_key(&j, "result");
		json_object(&j);
		result_json_fields(&j, r);
		json_object_end(&j);
		json_object_end(&j);
		cli_json_line(&l->line);
		return true;
	}
	cli_cell_u64(l->table, e->seq);
	cli_cell_time(l->table, e->ev.head.time);
	cli_cell(l->table, e->ev.u.message.sender);
	cli_cell(l->table, r->name.len > 0 ? r->name : r->code);
	cli_cell(l->table,
	    r->value.len > 0 || hash128_is_zero(r->value_hash) ? r->value : BYTES("(text)"));
	cli_cell(l->table, r->units);
	cli_cell(l->table, r->flags);
	cli_cell(l->table, r->status);
	cli_cell_str(l->table, r->corrects != 0 ? "yes" : "");
	return true;
}

static void
brief(struct buf *out, const struct event *ev)
{
	struct json j = json_on(out);

	json_object(&j);
	event_json_fields(&j, ev);
	json_object_end(&j);
}

static bool
list_event(void *ctx, const struct store_event *e)
{
	struct listing *l = ctx;

	l->last_seq = e->seq;
	if (l->c->json) {
		struct json j = json_on(&l->line);

		json_object(&j);
		json_kstr(&j, "type", event_name(e->ev.kind));
		json_head(&j, l, e);
		json_key(&j, "fact");
		json_object(&j);
		event_json_fields(&j, &e->ev);
		json_object_end(&j);
		json_object_end(&j);
		cli_json_line(&l->line);
		return true;
	}
	if (l->table == NULL) {
		char when[WALL_TEXT_MAX];

		(void)wall_format(e->ev.head.time, when);
		brief(&l->line, &e->ev);
		printf("%llu  %s  %-10s  %.*s\n", (unsigned long long)e->seq, when,
		    event_name(e->ev.kind), (int)l->line.len, (const char *)l->line.ptr);
		buf_reset(&l->line);
		return true;
	}
	buf_reset(&l->line);
	brief(&l->line, &e->ev);
	cli_cell_u64(l->table, e->seq);
	cli_cell_time(l->table, e->ev.head.time);
	cli_cell_str(l->table, event_name(e->ev.kind));
	cli_cell(l->table, buf_bytes(&l->line));
	return true;
}

static int
over(struct listing *l, struct cli_store *s, enum err e, struct why *why, const char *nothing)
{
	if (l->table != NULL)
		cli_table_end(l->table, nothing);
	link_names_free(l->links);
	buf_free(&l->line);
	cli_close(s);
	return e == ERR_OK ? EXIT_DONE : cli_why(why);
}

static const struct cli_option message_options[] = {
    LIST_OPTIONS,
    {"type", 0, "TEXT", "only types that start so: ORU, ORU^R01, C-STORE"},
    {"category", 0, "NAME", "result, order, query, ack, patient, directive, ..."},
    {0},
};

static int
run_message_list(struct cli *c)
{
	static const char *const heads[] = {"ID", "TIME (UTC)", "PROTOCOL", "TYPE", "FROM > TO",
	    "SENDER", "BYTES", "RESULTS", "ACK", "ANOMALIES"};
	struct listing l = {.c = c,
	    .type = bytes_str(cli_value(c, "type")),
	    .category = bytes_str(cli_value(c, "category"))};
	struct store_filter f;
	struct cli_store s;
	struct why why;
	int status;

	if ((status = cli_list_filter(c, &f)) >= 0 || (status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	if ((status = cli_list_link(c, s.store, &f)) >= 0) {
		cli_close(&s);
		return status;
	}
	/* Filters of ours drop rows, so the limit is counted here. */
	l.limit = f.limit;
	f.limit = 0;
	l.links = link_names_new(s.store);
	l.table = c->json ? NULL : cli_table_new(c, heads, ARRAY_LEN(heads));
	return over(
	    &l, &s, store_messages(s.store, &f, list_message, &l, &why), &why, "no messages fit");
}

static bool
show_message(void *ctx, const struct store_event *e)
{
	const struct ev_message *m = &e->ev.u.message;
	struct listing *l = ctx;
	static const char *const heads[] = {
	    "TEST", "CODE", "VALUE", "UNITS", "RANGE", "FLAGS", "STATUS", "OFFSET"};
	const struct link_name *k = link_name_of(l->links, e->ev.head.link);
	char when[WALL_TEXT_MAX];
	struct ev_result r;
	struct bytes list = m->results;
	struct cli_table *t;

	if (e->ev.kind != EV_message)
		return true;
	l->n++;
	if (l->c->json) {
		json_message(l, e);
		return true;
	}
	(void)wall_format(e->ev.head.time, when);
	printf("message %llu, %s (%s)\n", (unsigned long long)e->seq, proto_text(m->proto),
	    name_label(NAMES_category, m->category));
	printf("  type       %.*s  version %.*s\n", (int)m->type.len, (const char *)m->type.ptr,
	    (int)m->version.len, (const char *)m->version.ptr);
	printf("  time       %s\n", when);
	printf("  link       %llu: %s to %s port %llu, spoken by the %s\n",
	    (unsigned long long)k->number, k->client, k->server, (unsigned long long)k->port,
	    name_label(NAMES_dir, e->ev.head.dir));
	printf("  where      source %llu, packet %llu, byte %llu of the stream, %llu bytes\n",
	    (unsigned long long)e->ev.head.source, (unsigned long long)e->ev.head.packet,
	    (unsigned long long)e->ev.head.offset, (unsigned long long)m->size);
	if (m->ack.len > 0)
		printf("  answer     %.*s\n", (int)m->ack.len, (const char *)m->ack.ptr);
	printf("  patient    %llu fields with patient data; identifiers are kept as keyed hashes "
	       "only\n",
	    (unsigned long long)m->phi);
	if (m->anomalies > 0)
		printf("  anomalies  %llu (hemostat event list --kind anomaly)\n",
		    (unsigned long long)m->anomalies);
	if (m->flags & MESSAGE_CUT)
		printf("  cut        bytes of this message are missing from the capture\n");
	t = cli_table_new(l->c, heads, ARRAY_LEN(heads));
	while (result_next(&list, &r)) {
		cli_cell(t, r.name);
		cli_cell(t, r.code);
		cli_cell(t,
		    r.value.len > 0 || hash128_is_zero(r.value_hash) ? r.value : BYTES("(text)"));
		cli_cell(t, r.units);
		cli_cell(t, r.range);
		cli_cell(t, r.flags);
		cli_cell(t, r.status);
		cli_cell_u64(t, r.offset);
	}
	cli_table_end(t, "  no results in it");
	return true;
}

static int
run_message_show(struct cli *c)
{
	struct listing l = {.c = c};
	struct cli_store s;
	struct why why;
	uint64_t id;
	enum err e;
	int status;

	if ((status = cli_one_id(c, "message", &id)) >= 0 ||
	    (status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	l.links = link_names_new(s.store);
	e = store_event(s.store, id, show_message, &l, &why);
	if (e == ERR_OK && l.n == 0)
		e = FAIL(&why, ERR_ABSENT, "event %llu is not a message", (unsigned long long)id);
	return over(&l, &s, e, &why, "");
}

static const struct cli_option result_options[] = {
    LIST_OPTIONS,
    {"code", 0, "CODE", "only this test code"},
    {0},
};

static int
run_result_list(struct cli *c)
{
	static const char *const heads[] = {"MESSAGE", "TIME (UTC)", "SENDER", "TEST", "VALUE",
	    "UNITS", "FLAGS", "STATUS", "CORRECTION"};
	struct listing l = {.c = c};
	struct store_filter f;
	struct cli_store s;
	struct why why;
	int status;

	if ((status = cli_list_filter(c, &f)) >= 0 || (status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	if ((status = cli_list_link(c, s.store, &f)) >= 0) {
		cli_close(&s);
		return status;
	}
	l.links = link_names_new(s.store);
	l.table = c->json ? NULL : cli_table_new(c, heads, ARRAY_LEN(heads));
	return over(&l, &s,
	    store_results(s.store, &f, bytes_str(cli_value(c, "code")), list_result, &l, &why),
	    &why, "no results fit");
}

static const struct cli_option event_options[] = {
    LIST_OPTIONS,
    {"kind", 'k', "NAME", "only this kind: message, claim, anomaly, flow, link, ..."},
    {"follow", 'f', NULL, "go on as events come, until interrupted"},
    {0},
};

struct following {
	struct listing *l;
	struct store *store;
	struct store_filter f;
	struct why *why;
	enum err e;
	struct loop *loop;
};

static void
follow_more(void *ctx)
{
	struct following *w = ctx;

	w->f.from_seq = w->l->last_seq + 1;
	w->e = store_events(w->store, &w->f, list_event, w->l, w->why);
	if (w->e != ERR_OK || fflush(stdout) != 0)
		loop_stop(w->loop);
}

static void
follow_end(void *ctx, int signo)
{
	(void)signo;
	loop_stop(((struct following *)ctx)->loop);
}

static enum err
follow(struct listing *l, struct store *st, const struct store_filter *f, struct why *why)
{
	const int signals[] = {2, 15, 0};
	struct following w = {l, st, *f, why, ERR_OK, NULL};
	enum err e;

	w.f.by = STORE_OLDEST_FIRST;
	w.f.limit = 0;
	if ((w.loop = loop_new(why)) == NULL)
		return ERR_SYSTEM;
	if ((e = loop_signals(w.loop, signals, follow_end, &w, why)) == ERR_OK &&
	    loop_every(w.loop, FOLLOW_PERIOD_MS, follow_more, &w, why) != NULL)
		e = loop_run(w.loop, why);
	loop_free(w.loop);
	return e != ERR_OK ? e : w.e;
}

static int
run_event_list(struct cli *c)
{
	static const char *const heads[] = {"ID", "TIME (UTC)", "KIND", "FIELDS"};
	const char *kind = cli_value(c, "kind");
	bool live = cli_value(c, "follow") != NULL;
	struct listing l = {.c = c};
	struct store_filter f;
	struct cli_store s;
	struct why why;
	uint64_t first;
	enum err e;
	int status;

	if (kind != NULL && event_kind_of(bytes_str(kind)) == 0)
		return cli_fail(EXIT_USAGE, "--kind %s: no such kind of event", kind);
	if ((status = cli_list_filter(c, &f)) >= 0 || (status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	if ((status = cli_list_link(c, s.store, &f)) >= 0) {
		cli_close(&s);
		return status;
	}
	if (kind != NULL)
		f.kinds = UINT64_C(1) << event_kind_of(bytes_str(kind));
	l.links = link_names_new(s.store);
	if (live) {
		if ((e = store_range(s.store, &first, &l.last_seq, &why)) == ERR_OK)
			e = follow(&l, s.store, &f, &why);
		return over(&l, &s, e, &why, "");
	}
	l.table = c->json ? NULL : cli_table_new(c, heads, ARRAY_LEN(heads));
	return over(&l, &s, store_events(s.store, &f, list_event, &l, &why), &why, "no events fit");
}

const struct cli_command command_message_list = {
    .noun = "message",
    .verb = "list",
    .args = "",
    .summary = "clinical messages, newest first",
    .options = message_options,
    .run = run_message_list,
};

const struct cli_command command_message_show = {
    .noun = "message",
    .verb = "show",
    .args = "ID",
    .summary = "one message: where it was seen, its results",
    .run = run_message_show,
};

const struct cli_command command_result_list = {
    .noun = "result",
    .verb = "list",
    .args = "",
    .summary = "measured values as sent, newest first",
    .options = result_options,
    .run = run_result_list,
};

const struct cli_command command_event_list = {
    .noun = "event",
    .verb = "list",
    .args = "",
    .summary = "stored facts, newest first; --follow for live",
    .options = event_options,
    .run = run_event_list,
};
