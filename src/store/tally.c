/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tally.h"

#include <assert.h>

#include "store/block.h"

#define HOUR_NS (3600 * NS_PER_S)

void
tally_init(struct tally *t)
{
	memset(t, 0, sizeof(*t));
	t->budget.cap = SIZE_MAX / 2; /* bounded by the entries below */
	t->link_at = (struct idmap){.cap = 2 * STORE_TALLY_MAX, .budget = &t->budget};
	t->hour_at = (struct idmap){.cap = 2 * STORE_TALLY_MAX, .budget = &t->budget};
}

size_t
tally_n_links(const struct tally *t)
{
	return t->links.len / sizeof(struct tally_link);
}

struct tally_link *
tally_link_at(const struct tally *t, size_t i)
{
	assert(i < tally_n_links(t));
	return (struct tally_link *)(void *)t->links.ptr + i;
}

size_t
tally_n_hours(const struct tally *t)
{
	return t->hours.len / sizeof(struct tally_hour);
}

static struct tally_hour *
hour_at(const struct tally *t, size_t i)
{
	return (struct tally_hour *)(void *)t->hours.ptr + i;
}

const struct tally_hour *
tally_hour_at(const struct tally *t, size_t i)
{
	assert(i < tally_n_hours(t));
	return hour_at(t, i);
}

bool
tally_full(const struct tally *t)
{
	return tally_n_links(t) >= STORE_TALLY_MAX || tally_n_hours(t) >= STORE_TALLY_MAX ||
	       t->n_sources >= TALLY_SOURCES_MAX / 2;
}

/* What is gained by a link; made where it is not held yet. NULL: no room. */
static struct tally_link *
link_of(struct tally *t, uint64_t id, struct wall time)
{
	uint64_t key = mix64(id); /* one to one, and 0 only for 0 */
	uint32_t i = idmap_get(&t->link_at, key);
	struct tally_link *l;

	if (i == IDMAP_NONE) {
		i = (uint32_t)tally_n_links(t);
		if (!buf_reserve(&t->links, sizeof(*l)) || !idmap_put(&t->link_at, key, i))
			return NULL;
		t->links.len += sizeof(*l);
		l = tally_link_at(t, i);
		memset(l, 0, sizeof(*l));
		l->row.id = id;
		l->row.first = l->row.last = time;
		return l;
	}
	l = tally_link_at(t, i);
	if (time.ns < l->row.first.ns)
		l->row.first = time;
	if (time.ns > l->row.last.ns)
		l->row.last = time;
	return l;
}

static bool
add_hour(struct tally *t, struct wall time, enum event_kind kind, uint64_t sub, uint64_t bytes)
{
	int64_t hour = time.ns / HOUR_NS - (time.ns % HOUR_NS < 0);
	/* Hours of an int64 of ns need 23 bits, kind and sub 8 each: no two keys meet. */
	uint64_t key = mix64(((uint64_t)hour & 0xffffff) << 16 | (uint64_t)kind << 8 | sub);
	uint32_t i = idmap_get(&t->hour_at, key);
	struct tally_hour *h;

	if (i == IDMAP_NONE) {
		i = (uint32_t)tally_n_hours(t);
		if (!buf_reserve(&t->hours, sizeof(*h)) || !idmap_put(&t->hour_at, key, i))
			return false;
		t->hours.len += sizeof(*h);
		*hour_at(t, i) = (struct tally_hour){hour, (uint8_t)kind, (uint8_t)sub, 0, 0};
	}
	h = hour_at(t, i);
	h->n++;
	h->bytes += bytes;
	return true;
}

static bool
add_capture(struct tally *t, const struct event *ev)
{
	const struct ev_capture *c = &ev->u.capture;
	struct tally_source *s = NULL;

	for (size_t i = 0; i < t->n_sources && s == NULL; i++) {
		if (t->sources[i].number == ev->head.source)
			s = &t->sources[i];
	}
	if (s == NULL) {
		if (t->n_sources == TALLY_SOURCES_MAX)
			return false;
		s = &t->sources[t->n_sources++];
		*s = (struct tally_source){.number = ev->head.source};
	}
	if (c->name.len > 0) {
		s->name_len = c->name.len < sizeof(s->name) ? c->name.len : sizeof(s->name);
		memcpy(s->name, c->name.ptr, s->name_len);
	}
	if (bytes_eq(c->what, BYTES("start")))
		s->started = ev->head.time;
	else if (bytes_eq(c->what, BYTES("stop")) || bytes_eq(c->what, BYTES("fail")))
		s->ended = ev->head.time;
	/* Counters are told as totals: the largest is the latest. */
	s->packets = c->packets > s->packets ? c->packets : s->packets;
	s->bytes = c->bytes > s->bytes ? c->bytes : s->bytes;
	s->dropped = c->dropped > s->dropped ? c->dropped : s->dropped;
	return true;
}

static void
define_link(struct tally_link *l, const struct ev_link *e)
{
	l->defined = true;
	l->row.client = e->client;
	l->row.server = e->server;
	l->row.client_mac = e->client_mac;
	l->row.server_mac = e->server_mac;
	l->row.port = e->port;
	l->row.proto = e->proto;
	l->row.transport = e->transport;
	l->row.vlan = e->vlan;
	l->row.app.len = e->app.len < sizeof(l->app) ? e->app.len : sizeof(l->app);
	if (l->row.app.len > 0)
		memcpy(l->app, e->app.ptr, l->row.app.len);
}

/* The link an event speaks of: its own, or the one it was seen on. */
static uint64_t
link_id(const struct event *ev)
{
	if (ev->kind == EV_link)
		return ev->u.link.id;
	if (ev->kind == EV_flow && ev->u.flow.link != 0)
		return ev->u.flow.link;
	return ev->head.link;
}

static bool
add_link(struct tally *t, const struct event *ev)
{
	uint64_t id = link_id(ev);
	struct tally_link *l;

	/* A finding about a link is no traffic on it. */
	if (id == 0 || ev->kind == EV_finding || ev->kind == EV_device)
		return true;
	if ((l = link_of(t, id, ev->head.time)) == NULL)
		return false;
	switch (ev->kind) {
	case EV_link:
		define_link(l, &ev->u.link);
		break;
	case EV_message:
		l->row.messages++;
		l->row.results += ev->u.message.n_results;
		break;
	case EV_flow:
		l->row.flows++;
		l->row.bytes += ev->u.flow.orig_bytes + ev->u.flow.resp_bytes;
		break;
	case EV_tls:
		l->row.encrypted++;
		break;
	default:
		break;
	}
	return true;
}

static bool
count_hour(struct tally *t, const struct event *ev)
{
	uint64_t sub = 0, bytes = 0;

	if (ev->kind == EV_finding) {
		if (!bytes_eq(ev->u.finding.what, BYTES("new")))
			return true;
		sub = ev->u.finding.severity & 0xff;
	} else {
		(void)block_proto(ev, &sub);
	}
	if (ev->kind == EV_message)
		bytes = ev->u.message.size;
	else if (ev->kind == EV_flow)
		bytes = ev->u.flow.orig_bytes + ev->u.flow.resp_bytes;
	return add_hour(t, ev->head.time, ev->kind, sub, bytes);
}

bool
tally_add(struct tally *t, const struct event *ev)
{
	/* Nothing is counted twice: the steps that can fail come before those that count. */
	if (tally_n_links(t) >= t->link_at.cap || tally_n_hours(t) >= t->hour_at.cap)
		return false;
	if (ev->kind == EV_capture && ev->head.source != 0 && !add_capture(t, ev))
		return false;
	return add_link(t, ev) && count_hour(t, ev);
}

void
tally_reset(struct tally *t)
{
	idmap_clear(&t->link_at);
	idmap_clear(&t->hour_at);
	buf_reset(&t->links);
	buf_reset(&t->hours);
	t->n_sources = 0;
}

void
tally_free(struct tally *t)
{
	idmap_free(&t->link_at);
	idmap_free(&t->hour_at);
	buf_free(&t->links);
	buf_free(&t->hours);
}
