/* SPDX-License-Identifier: Apache-2.0 */
/* /events: every stored fact; /stream: those that a page wants to hear of at once. */
#include <stdio.h>

#include "api/inner.h"

enum { Q_KIND, Q_SINCE, Q_UNTIL, Q_AFTER };

enum { STREAM_EVENTS_MAX = 100 };

struct listing {
	struct api_call *c;
	size_t n;
	uint64_t last_seq;
	bool more;
};

static void
write_event(struct api *a, struct json *j, const struct store_event *e, bool results)
{
	const struct link_name *k = link_name_of(a->links, e->ev.head.link);
	struct event ev = e->ev;

	if (ev.kind == EV_message && !results)
		ev.u.message.results = (struct bytes){0};
	json_object(j);
	json_ku64(j, "id", e->seq);
	json_kwall(j, "time", ev.head.time);
	json_kstr(j, "kind", event_name(ev.kind));
	json_ku64(j, "source", ev.head.source);
	json_ku64(j, "packet", ev.head.packet);
	json_ku64(j, "flow", ev.head.flow);
	json_ku64(j, "offset", ev.head.offset);
	json_ku64(j, "link", k->number);
	json_key(j, "fields");
	json_object(j);
	event_json_fields(j, &ev);
	json_object_end(j);
	json_object_end(j);
}

static bool
list_event(void *ctx, const struct store_event *e)
{
	struct listing *l = ctx;

	l->last_seq = e->seq;
	l->n++;
	write_event(l->c->api, &l->c->json, e, role_may(l->c->role, PERM_results));
	l->more = l->n == l->c->limit;
	return !l->more;
}

static void
run_list(struct api_call *c)
{
	const bool up = c->query[Q_AFTER].ptr != NULL;
	struct store_filter f = {.by = up ? STORE_OLDEST_FIRST : STORE_NEWEST_FIRST,
	    .from_time = c->time[Q_SINCE],
	    .to_time = c->time[Q_UNTIL],
	    .from_seq = up ? c->number[Q_AFTER] + 1 : 0};
	struct listing l = {.c = c};
	char next[24] = "";
	struct why why;
	uint64_t from;

	if (c->query[Q_KIND].ptr != NULL)
		f.kinds = UINT64_C(1) << event_kind_of(c->query[Q_KIND]);
	if (c->cursor.len > 0) {
		if (!bytes_to_u64(c->cursor, &from) || from < 2) {
			api_problem(c, 400, "cursor: not one that a list gave as next");
			return;
		}
		if (up)
			f.from_seq = from + 1;
		else
			f.to_seq = from - 1;
	}
	api_list_begin(c);
	if (api_failed(c, store_events(c->api->set.store, &f, list_event, &l, &why), &why))
		return;
	if (l.more && l.last_seq > 1)
		(void)snprintf(next, sizeof(next), "%llu", (unsigned long long)l.last_seq);
	api_list_end(c, next);
}

static bool
show_event(void *ctx, const struct store_event *e)
{
	struct api_call *c = ctx;

	write_event(c->api, &c->json, e, role_may(c->role, PERM_results));
	return true;
}

static void
run_show(struct api_call *c)
{
	struct why why;

	if (!api_failed(c, store_event(c->api->set.store, c->id, show_event, c, &why), &why))
		(void)api_tagged(c);
}

/* --- the stream --- */

static void
run_stream(struct api_call *c)
{
	uint64_t first, last, from = 0;
	struct why why;

	if (api_failed(c, store_range(c->api->set.store, &first, &last, &why), &why))
		return;
	if (bytes_to_u64(c->in->last_event_id, &from) && from > 0 && from <= last)
		last = from;
	c->out->type = "text/event-stream";
	c->out->stream = true;
	c->out->stream_from = last;
	c->out->stream_session = c->session->serial;
}

struct piece {
	struct api *api;
	struct buf *out;
	size_t n;
};

static bool
stream_event(void *ctx, const struct store_event *e)
{
	struct piece *p = ctx;
	struct json j = json_on(p->out);

	buf_printf(p->out, "id: %llu\nevent: %s\ndata: ", (unsigned long long)e->seq,
	    event_name(e->ev.kind));
	write_event(p->api, &j, e, false);
	buf_text(p->out, "\n\n");
	return ++p->n < STREAM_EVENTS_MAX;
}

enum err
api_stream(struct api *a, uint64_t *seq, struct buf *out, struct why *why)
{
	struct store_filter f = {.kinds = UINT64_C(1) << EV_device | UINT64_C(1) << EV_finding |
					  UINT64_C(1) << EV_capture | UINT64_C(1) << EV_process,
	    .from_seq = *seq + 1};
	struct piece p = {.api = a, .out = out};
	uint64_t first, last;
	enum err e;

	if ((e = store_range(a->set.store, &first, &last, why)) != ERR_OK || last <= *seq)
		return e;
	f.to_seq = last;
	if ((e = store_events(a->set.store, &f, stream_event, &p, why)) != ERR_OK)
		return e;
	/* Who missed some because there were too many asks the lists: this says that it should. */
	buf_printf(out, "id: %llu\nevent: progress\ndata: {\"last\":%llu}\n\n",
	    (unsigned long long)last, (unsigned long long)last);
	*seq = last;
	return ERR_OK;
}

bool
api_stream_alive(struct api *a, uint64_t session, struct wall now)
{
	const struct session *s = session_numbered(a->sessions, session, now);
	const struct account *who;

	if (s == NULL)
		return false;
	who = people_find(&a->people, bytes_str(s->name));
	return who != NULL && !who->disabled && who->epoch == s->epoch;
}

static const char kind_words[] = ""
#define EVENT(id, no, text) #id " "
#include "event/events.def"
    ;

static const struct api_field list_query[] = {
    [Q_KIND] = {.name = "kind", .kind = API_WORD, .words = kind_words},
    [Q_SINCE] = {.name = "since", .kind = API_TIME, .text = "not before"},
    [Q_UNTIL] = {.name = "until", .kind = API_TIME, .text = "not after"},
    [Q_AFTER] = {.name = "after",
	.kind = API_NUMBER,
	.text = "oldest first, behind this event: to follow",
	.max = INT64_MAX},
    {0},
};

const struct api_route api_event_routes[] = {
    {.method = API_GET,
	.path = "/events",
	.permission = PERM_events,
	.run = run_list,
	.id = "listEvents",
	.summary = "Every stored fact, newest first",
	.query = list_query,
	.answer = "events; values only for who may see them",
	.list = true},
    {.method = API_GET,
	.path = "/events/{id}",
	.permission = PERM_events,
	.run = run_show,
	.id = "getEvent",
	.summary = "One event",
	.answer = "the event"},
    {.method = API_GET,
	.path = "/stream",
	.permission = PERM_read,
	.run = run_stream,
	.id = "stream",
	.summary = "Changes of devices, findings, captures and roles as they are stored",
	.answer = "server-sent events: device, finding, capture, process, progress",
	.other_type = "text/event-stream"},
    {0},
};
