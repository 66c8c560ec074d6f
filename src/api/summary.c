/* SPDX-License-Identifier: Apache-2.0 */
/* /summary: the first page in one answer; /hours: counts for charts; /metrics: OpenMetrics. */
#include <stdio.h>

#include "api/inner.h"
#include "detect/detect.h"

enum { Q_KIND, Q_SINCE, Q_UNTIL };

#define HOUR_NS (3600 * NS_PER_S)
#define DAY_NS  (24 * HOUR_NS)

struct group {
	size_t n, devices;
	uint64_t severity, first_id, last_device;
};

struct overview {
	struct api_call *c;
	struct group groups[DETECTORS];
	size_t open;
	uint64_t devices, staged, blocked;
	uint64_t links, clinical, clear, packets, dropped, sources, live;
	struct wall last_packet;
	struct wall from, to; /* the day that is told of */
	uint64_t messages;
	struct wall newest_hour;
};

static bool
count_finding(void *ctx, const struct store_finding *f)
{
	struct overview *o = ctx;
	const struct detector_info *d = detector_named(f->detector);
	struct group *g;

	if (d == NULL)
		return true;
	g = &o->groups[d->id];
	o->open++;
	if (g->n++ == 0)
		g->first_id = f->id;
	if (f->severity > g->severity)
		g->severity = f->severity;
	if (f->device != 0 && f->device != g->last_device)
		g->devices++;
	g->last_device = f->device;
	return true;
}

static bool
count_device(void *ctx, const struct store_device *d)
{
	struct overview *o = ctx;

	o->devices++;
	o->staged += bytes_eq(d->state, BYTES("staged"));
	o->blocked += bytes_eq(d->state, BYTES("blocked"));
	return true;
}

static bool
count_link(void *ctx, const struct store_link *l)
{
	struct overview *o = ctx;

	o->links++;
	if (proto_kind(l->proto) == PROTO_KIND_CLINICAL) {
		o->clinical++;
		o->clear += l->encrypted == 0;
	}
	if (l->last.ns > o->last_packet.ns)
		o->last_packet = l->last;
	return true;
}

static bool
count_source(void *ctx, const struct store_source *s)
{
	struct overview *o = ctx;

	o->sources++;
	o->live += s->ended.ns == 0;
	o->packets += s->packets;
	o->dropped += s->dropped;
	return true;
}

static bool
newest_hour(void *ctx, const struct store_hour *h)
{
	struct overview *o = ctx;

	if (h->start.ns > o->newest_hour.ns)
		o->newest_hour = h->start;
	return true;
}

static bool
count_hour(void *ctx, const struct store_hour *h)
{
	((struct overview *)ctx)->messages += h->n;
	return true;
}

static enum err
gather(struct overview *o, struct why *why)
{
	struct store *st = o->c->api->set.store;
	struct store_finding_filter open = {.state = BYTES("open")};
	struct store_page by_id = {.by = STORE_BY_ID}, page = by_id;
	struct wall now = o->c->in->now;
	enum err e;

	if ((e = store_findings(st, &open, &page, count_finding, o, why)) != ERR_OK)
		return e;
	page = by_id;
	if ((e = store_devices(st, NULL, &page, count_device, o, why)) != ERR_OK)
		return e;
	page = by_id;
	if ((e = store_links(st, NULL, &page, count_link, o, why)) != ERR_OK)
		return e;
	page = by_id;
	if ((e = store_sources(st, &page, count_source, o, why)) != ERR_OK ||
	    (e = store_hours(st, EV_message, (struct wall){0}, (struct wall){0}, newest_hour, o,
		 why)) != ERR_OK)
		return e;
	/* A capture that was read from a file may be of another day: then the day is that of its
	 * last message. */
	o->to = o->live == 0 && o->newest_hour.ns != 0 && o->newest_hour.ns + HOUR_NS < now.ns
		    ? (struct wall){o->newest_hour.ns + HOUR_NS}
		    : now;
	o->from.ns = o->to.ns - DAY_NS;
	return store_hours(st, EV_message, (struct wall){o->from.ns / HOUR_NS * HOUR_NS}, o->to,
	    count_hour, o, why);
}

static void
write_work(struct json *j, const struct group *g, const struct detector_info *d)
{
	json_object(j);
	json_kstr(j, "detector", d->name);
	json_kstr(j, "severity", name_label(NAMES_severity, g->severity));
	json_ku64(j, "findings", g->n);
	json_ku64(j, "devices", g->devices);
	json_ku64(j, "first", g->first_id);
	json_kstr(j, "meaning", d->text);
	json_kstr(j, "why", d->why);
	json_kstr(j, "todo", d->todo);
	json_object_end(j);
}

static void
write_findings(struct json *j, const struct overview *o)
{
	json_key(j, "work");
	json_array(j);
	for (uint64_t s = severity_critical + 1; s-- > 0;) {
		for (unsigned d = 1; d < DETECTORS; d++) {
			if (o->groups[d].n > 0 && o->groups[d].severity == s)
				write_work(j, &o->groups[d], detector_info((enum detector_id)d));
		}
	}
	json_array_end(j);
}

static void
write_open(struct json *j, const struct store_totals *t)
{
	json_key(j, "open");
	json_object(j);
	for (uint64_t s = 0; s <= severity_critical; s++)
		json_ku64(j, name_label(NAMES_severity, s), t->findings_open[s]);
	json_object_end(j);
}

static void
run_summary(struct api_call *c)
{
	static const struct overview none;
	struct overview o = none;
	struct store_totals t;
	struct json *j = &c->json;
	struct why why;

	o.c = c;
	if (api_failed(c, gather(&o, &why), &why) ||
	    api_failed(c, store_totals(c->api->set.store, &t, &why), &why))
		return;
	json_object(j);
	json_kstr(j, "site", c->api->set.site);
	json_kwall(j, "from", o.from);
	json_kwall(j, "to", o.to);
	json_kbool(j, "past", o.to.ns != c->in->now.ns);
	json_ku64(j, "devices", o.devices);
	json_ku64(j, "staged", o.staged);
	json_ku64(j, "blocked", o.blocked);
	json_ku64(j, "messages", o.messages);
	json_ku64(j, "links", o.links);
	json_ku64(j, "clinical_links", o.clinical);
	json_ku64(j, "clear_links", o.clear);
	json_ku64(j, "findings", o.open);
	write_open(j, &t);
	json_ku64(j, "sources", o.sources);
	json_ku64(j, "sources_live", o.live);
	json_ku64(j, "packets", o.packets);
	json_ku64(j, "dropped", o.dropped);
	if (o.last_packet.ns != 0)
		json_kwall(j, "last_packet", o.last_packet);
	json_ku64(j, "events", t.events);
	json_ku64(j, "stored_bytes", t.stored_bytes);
	write_findings(j, &o);
	json_object_end(j);
}

/* --- hours --- */

static bool
write_hour(void *ctx, const struct store_hour *h)
{
	struct json *j = &((struct api_call *)ctx)->json;

	json_object(j);
	json_kwall(j, "start", h->start);
	json_kstr(j, "sub",
	    h->kind == EV_finding ? name_label(NAMES_severity, h->sub) : proto_label(h->sub));
	json_ku64(j, "n", h->n);
	json_ku64(j, "bytes", h->bytes);
	json_object_end(j);
	return true;
}

static void
run_hours(struct api_call *c)
{
	enum event_kind kind =
	    c->query[Q_KIND].ptr != NULL ? event_kind_of(c->query[Q_KIND]) : EV_message;
	struct wall to = c->time[Q_UNTIL].ns != 0 ? c->time[Q_UNTIL] : c->in->now;
	struct wall from = c->time[Q_SINCE];
	struct why why;

	if (from.ns == 0 || to.ns - from.ns > 92 * DAY_NS)
		from.ns = to.ns - 7 * DAY_NS;
	api_list_begin(c);
	if (!api_failed(c,
		store_hours(c->api->set.store, kind, (struct wall){from.ns / HOUR_NS * HOUR_NS}, to,
		    write_hour, c, &why),
		&why))
		api_list_end(c, NULL);
}

/* --- metrics --- */

static void
metric(struct buf *b, const char *name, const char *type, const char *help, uint64_t v)
{
	buf_printf(b, "# TYPE hemostat_%s %s\n# HELP hemostat_%s %s\nhemostat_%s%s %llu\n", name,
	    type, name, help, name, strcmp(type, "counter") == 0 ? "_total" : "",
	    (unsigned long long)v);
}

static void
run_metrics(struct api_call *c)
{
	struct buf *b = &c->out->body;
	struct overview o = {.c = c};
	struct store_totals t;
	struct why why;

	/* Counts only; a collector on this machine needs no account. */
	if (!c->in->from_here && (c->session == NULL || !role_may(c->role, PERM_read))) {
		api_problem(c, 401, "from another machine, sign in first");
		return;
	}
	if (api_failed(c, gather(&o, &why), &why) ||
	    api_failed(c, store_totals(c->api->set.store, &t, &why), &why))
		return;
	c->out->type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
	metric(b, "events", "gauge", "Events kept.", t.events);
	metric(b, "stored_bytes", "gauge", "Bytes of kept events, compressed.", t.stored_bytes);
	metric(b, "devices", "gauge", "Devices known.", o.devices);
	metric(b, "devices_staged", "gauge", "Devices nobody has judged yet.", o.staged);
	metric(b, "links", "gauge", "Links known.", o.links);
	metric(b, "clinical_links_clear", "gauge", "Clinical links without TLS.", o.clear);
	metric(b, "packets", "counter", "Packets read by all captures.", o.packets);
	metric(b, "packets_dropped", "counter", "Packets the kernel dropped.", o.dropped);
	metric(b, "sources_live", "gauge", "Captures that run.", o.live);
	metric(b, "api_requests", "counter", "Requests to API and console.", c->api->requests);
	metric(
	    b, "api_refused", "counter", "Requests refused for want of rights.", c->api->refused);
	metric(b, "api_errors", "counter", "Requests that failed.", c->api->errors);
	metric(b, "sessions", "gauge", "People signed in.", sessions_live(c->api->sessions));
	buf_text(b, "# TYPE hemostat_messages counter\n# HELP hemostat_messages Clinical messages "
		    "seen.\n");
	for (uint64_t p = 0; p < PROTO_MAX; p++) {
		if (proto_kind(p) == PROTO_KIND_CLINICAL)
			buf_printf(b, "hemostat_messages_total{proto=\"%s\"} %llu\n",
			    proto_label(p), (unsigned long long)t.messages[p]);
	}
	buf_text(b, "# TYPE hemostat_findings_open gauge\n# HELP hemostat_findings_open Open "
		    "findings.\n");
	for (uint64_t s = 0; s <= severity_critical; s++)
		buf_printf(b, "hemostat_findings_open{severity=\"%s\"} %llu\n",
		    name_label(NAMES_severity, s), (unsigned long long)t.findings_open[s]);
	buf_text(b, "# EOF\n");
}

static const struct api_field hours_query[] = {
    [Q_KIND] = {.name = "kind", .kind = API_WORD, .words = "message flow link finding anomaly"},
    [Q_SINCE] = {.name = "since", .kind = API_TIME, .text = "at most 92 days before until"},
    [Q_UNTIL] = {.name = "until", .kind = API_TIME},
    {0},
};

const struct api_route api_summary_routes[] = {
    {.method = API_GET,
	.path = "/summary",
	.permission = PERM_read,
	.run = run_summary,
	.id = "getSummary",
	.summary = "The state of the site: numbers, work to do, health of the sensors",
	.answer = "numbers and worklist"},
    {.method = API_GET,
	.path = "/hours",
	.permission = PERM_read,
	.run = run_hours,
	.id = "listHours",
	.summary = "Counts by hour: of messages by protocol, of findings by severity, ...",
	.query = hours_query,
	.answer = "start, sub, n, bytes"},
    {.method = API_GET,
	.path = "/metrics",
	.permission = PERM_open,
	.run = run_metrics,
	.id = "getMetrics",
	.summary = "Metrics for collectors; from this machine without signing in",
	.answer = "OpenMetrics text",
	.other_type = "application/openmetrics-text"},
    {0},
};
