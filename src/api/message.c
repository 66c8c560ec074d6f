/* SPDX-License-Identifier: Apache-2.0 */
/* /messages and /results: what was said on clinical links. Measured values only for who may see
 * them; identifiers are keyed hashes for everybody. */
#include <stdio.h>

#include "api/inner.h"

enum { Q_PROTO, Q_LINK, Q_SINCE, Q_UNTIL, Q_CATEGORY, Q_CODE = Q_CATEGORY };

/* Most messages that are looked at for one page, where few of them fit. */
enum { LOOKED_AT_MAX = 100000 };

struct listing {
	struct api_call *c;
	size_t n, looked_at;
	uint64_t last_seq; /* of the last row given, or looked at */
	bool more;
};

static void
write_head(struct listing *l, const struct store_event *e)
{
	const struct link_name *k = link_name_of(l->c->api->links, e->ev.head.link);
	const struct ev_message *m = &e->ev.u.message;
	struct json *j = &l->c->json;

	json_ku64(j, "id", e->seq);
	json_kwall(j, "time", e->ev.head.time);
	json_ku64(j, "link", k->number);
	json_kstr(j, "client", k->client);
	json_kstr(j, "server", k->server);
	json_ku64(j, "port", k->port);
	json_kstr(j, "dir", name_label(NAMES_dir, e->ev.head.dir));
	json_kstr(j, "proto", proto_label(m->proto));
	json_kbytes(j, "type", m->type);
	json_kbytes(j, "sender", m->sender);
}

static void
write_place(struct json *j, const struct store_event *e)
{
	json_ku64(j, "source", e->ev.head.source);
	json_ku64(j, "packet", e->ev.head.packet);
	json_ku64(j, "flow", e->ev.head.flow);
	json_ku64(j, "offset", e->ev.head.offset);
}

static void
write_message(struct listing *l, const struct store_event *e)
{
	const struct ev_message *m = &e->ev.u.message;
	struct json *j = &l->c->json;

	write_head(l, e);
	json_kstr(j, "category", name_label(NAMES_category, m->category));
	json_kbytes(j, "version", m->version);
	json_kbytes(j, "receiver", m->receiver);
	json_kbytes(j, "ack", m->ack);
	json_ku64(j, "size", m->size);
	json_ku64(j, "phi", m->phi);
	json_ku64(j, "n_results", m->n_results);
	json_ku64(j, "anomalies", m->anomalies);
	json_kbool(j, "cut", (m->flags & MESSAGE_CUT) != 0);
	json_kbool(j, "malformed", (m->flags & MESSAGE_MALFORMED) != 0);
}

static bool
list_message(void *ctx, const struct store_event *e)
{
	struct listing *l = ctx;
	struct bytes category = l->c->query[Q_CATEGORY];

	l->last_seq = e->seq;
	if (category.ptr == NULL ||
	    bytes_eq(category, bytes_str(name_label(NAMES_category, e->ev.u.message.category)))) {
		json_object(&l->c->json);
		write_message(l, e);
		json_object_end(&l->c->json);
		l->n++;
	}
	l->more = l->n == l->c->limit || ++l->looked_at == LOOKED_AT_MAX;
	return !l->more;
}

static bool
take_number(void *ctx, const struct store_link *l)
{
	*(uint64_t *)ctx = l->id;
	return true;
}

/* False: a problem was told. */
static bool
take_filter(struct api_call *c, struct store_filter *f)
{
	struct why why;
	uint64_t no, from;

	*f = (struct store_filter){
	    .by = STORE_NEWEST_FIRST, .from_time = c->time[Q_SINCE], .to_time = c->time[Q_UNTIL]};
	if (c->query[Q_PROTO].ptr != NULL) {
		(void)proto_of(c->query[Q_PROTO], &no);
		f->protos = UINT64_C(1) << no;
	}
	if (c->number[Q_LINK] != 0 && api_failed(c,
					  store_link_numbered(c->api->set.store, c->number[Q_LINK],
					      take_number, &f->link, &why),
					  &why))
		return false;
	if (c->cursor.len == 0)
		return true;
	if (!bytes_to_u64(c->cursor, &from) || from < 2) {
		api_problem(c, 400, "cursor: not one that a list gave as next");
		return false;
	}
	f->to_seq = from - 1;
	return true;
}

static void
end_list(struct listing *l)
{
	char next[24] = "";

	if (l->more && l->last_seq > 1)
		(void)snprintf(next, sizeof(next), "%llu", (unsigned long long)l->last_seq);
	api_list_end(l->c, next);
}

static void
run_list(struct api_call *c)
{
	struct listing l = {.c = c};
	struct store_filter f;
	struct why why;

	if (!take_filter(c, &f))
		return;
	api_list_begin(c);
	if (!api_failed(c, store_messages(c->api->set.store, &f, list_message, &l, &why), &why))
		end_list(&l);
}

static bool
show_message(void *ctx, const struct store_event *e)
{
	struct listing *l = ctx;
	struct json *j = &l->c->json;
	struct bytes list = e->ev.u.message.results;
	struct ev_result r;

	if (e->ev.kind != EV_message)
		return true;
	l->n++;
	json_object(j);
	write_message(l, e);
	write_place(j, e);
	json_kbytes(j, "carrier", e->ev.u.message.carrier);
	json_kbool(j, "results_hidden", !role_may(l->c->role, PERM_results));
	json_key(j, "results");
	json_array(j);
	while (role_may(l->c->role, PERM_results) && result_next(&list, &r)) {
		json_object(j);
		result_json_fields(j, &r);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
	return true;
}

static void
run_show(struct api_call *c)
{
	struct listing l = {.c = c};
	struct why why;

	if (api_failed(c, store_event(c->api->set.store, c->id, show_message, &l, &why), &why))
		return;
	if (l.n == 0)
		api_problem(c, 404, "event %llu is not a message", (unsigned long long)c->id);
	else
		(void)api_tagged(c);
}

/* A page ends between two messages, so that a cursor is the number of one. */
static bool
list_result(void *ctx, const struct store_event *e, const struct ev_result *r)
{
	struct listing *l = ctx;
	struct json *j = &l->c->json;

	if (e->seq != l->last_seq && l->n >= l->c->limit) {
		l->more = true;
		return false;
	}
	l->last_seq = e->seq;
	l->n++;
	json_object(j);
	write_head(l, e);
	json_key(j, "result");
	json_object(j);
	result_json_fields(j, r);
	json_object_end(j);
	json_object_end(j);
	return true;
}

static void
run_results(struct api_call *c)
{
	struct listing l = {.c = c};
	struct store_filter f;
	struct why why;

	if (!take_filter(c, &f))
		return;
	api_list_begin(c);
	if (!api_failed(c,
		store_results(c->api->set.store, &f, c->query[Q_CODE], list_result, &l, &why),
		&why))
		end_list(&l);
}

static const char proto_words[] = ""
#define PROTO(id, no, label, kind, text) label " "
#include "event/protos.def"
    ;

static const char category_words[] = ""
#define NAME(set, id, no, label) WORD_##set(label)
#define WORD_category(label)     label " "
#define WORD_transport(label)
#define WORD_attr(label)
#define WORD_outcome(label)
#define WORD_magic(label)
#define WORD_state(label)
#define WORD_severity(label)
#define WORD_dir(label)
#include "event/names.def"
    ;

#define COMMON_QUERY                                                                               \
	[Q_PROTO] = {.name = "proto", .kind = API_WORD, .words = proto_words},                     \
	[Q_LINK] = {.name = "link", .kind = API_NUMBER, .text = "number of a link", .min = 1},     \
	[Q_SINCE] = {.name = "since", .kind = API_TIME, .text = "not before"},                     \
	[Q_UNTIL] = {.name = "until", .kind = API_TIME, .text = "not after"}

static const struct api_field message_query[] = {
    COMMON_QUERY, [Q_CATEGORY] = {.name = "category", .kind = API_WORD, .words = category_words},
    {0}};
static const struct api_field result_query[] = {COMMON_QUERY,
    [Q_CODE] = {.name = "code", .kind = API_TEXT, .text = "test code as sent", .max = 64}, {0}};

const struct api_route api_message_routes[] = {
    {.method = API_GET,
	.path = "/messages",
	.permission = PERM_read,
	.run = run_list,
	.id = "listMessages",
	.summary = "Clinical messages, newest first",
	.query = message_query,
	.answer = "type, ends, size, deviations; no values",
	.list = true},
    {.method = API_GET,
	.path = "/messages/{id}",
	.permission = PERM_read,
	.run = run_show,
	.id = "getMessage",
	.summary = "One message, where it was seen; results for who may see them",
	.answer = "the message"},
    {.method = API_GET,
	.path = "/results",
	.permission = PERM_results,
	.run = run_results,
	.id = "listResults",
	.summary = "Measured values as sent, newest first",
	.query = result_query,
	.answer = "value, units, range, flags; a page ends with a whole message",
	.list = true},
    {0},
};
