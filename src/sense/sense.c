/* SPDX-License-Identifier: Apache-2.0 */
/* A talk is what sense keeps of a flow that carries bytes: which protocol it is, its session.
 *
 *    (no talk) --first bytes--> PROBING --a protocol says yes--> READING
 *                                  |  all say no
 *                                  +--> NAMING (nDPI, first packets) --> SILENT
 *
 * Invariants:
 * 1. Parsers are called only from here, one at a time: s->at says for which flow and packet.
 * 2. A talk's session is closed before its flow's slot is given to another.
 * 3. Bytes seen while probing are told to the session before any later byte, in order of arrival.
 */
#include "sense/sense.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fold.h"
#include "base/idmap.h"
#include "net/flow.h"
#include "net/fragment.h"
#include "net/packet.h"
#include "net/stream.h"
#include "proto/arp/arp.h"
#include "proto/proto.h"

enum {
	HELD_RUNS_MAX = 24, /* runs kept while probing */
	OUT_FLUSH_BYTES = 192 * 1024,
	OUT_CAP_BYTES = 512 * 1024,
	ANOMALY_KINDS = 6,     /* kept apart per talk; others share the last place */
	ANOMALY_TOLD_MAX = 3,  /* of one kind told one by one; the rest as a count at the end */
	REPEAT_S = 3600,       /* claims, links, addresses of packets are told again so often */
	BINDING_REPEAT_S = 60, /* ARP, neighbour discovery, DHCP, names */
	HASHED_MAX = 200,      /* bytes of a value that tell two claims apart */
	SEEN_CLAIMS_MAX = 65536,
	SEEN_LINKS_MAX = 65536,
	SEEN_PAIRS_MAX = 65536,
};

/* What sense keeps in a flow's own words. */
enum { WORD_SENSE, WORD_LOST };

enum talk_state { TALK_PROBING, TALK_READING, TALK_NAMING, TALK_SILENT };

struct held_run {
	uint64_t offset;
	uint32_t len;
	uint8_t dir;
};

struct held {
	struct buf bytes; /* of both directions, in order of arrival */
	size_t n;
	struct held_run runs[HELD_RUNS_MAX];
	struct bytes head[2]; /* rebuilt for each probe, points into head_bytes */
	uint8_t head_bytes[2][PROBE_BYTES_MAX];
};

struct told {
	uint16_t name; /* enum anomaly */
	uint16_t proto;
	uint32_t n;
};

struct talk {
	enum talk_state state;
	const struct protocol *protocol;
	void *session;
	void *naming;
	struct held *held;
	uint64_t link; /* 0: not told yet */
	enum proto proto;
	char app[32];
	struct told told[ANOMALY_KINDS];
};

struct sense_stream {
	struct flow flow;
	struct sense_ends ends;
	uint64_t offset[2];
	bool ended[2];
};

struct seen {
	struct idmap map;
	uint64_t cleared;
};

struct sense {
	struct sense_settings set;
	struct budget budget;
	struct observer observer;
	struct buf out;
	struct flow_table flows;
	struct fragment_table fragments;
	struct stream_pool streams;
	struct seen claims, links, pairs;
	struct sense_counters count;
	/* Where we are: read by the observer's functions. */
	struct {
		struct flow *flow; /* NULL: a packet without a flow */
		struct talk *talk;
		const struct packet *packet;
		const struct sense_stream *stream; /* NULL: of packets */
		uint64_t number;
		struct wall time;
	} at;
};

static struct sense *
sense_of(const struct flow *f)
{
	return (struct sense *)(uintptr_t)f->word[WORD_SENSE];
}

/* --- events out --- */

static void
give_out(struct sense *s)
{
	if (s->out.len > 0)
		s->set.events(s->set.ctx, buf_bytes(&s->out));
	buf_reset(&s->out);
}

static void
put(struct sense *s, enum event_kind kind, const struct event_head *head, const void *fields)
{
	if (s->out.len >= OUT_FLUSH_BYTES)
		give_out(s);
	/* A record that does not fit is not lost in silence: results are capped by their parser so
	 * that no record passes EVENT_BYTES_MAX. */
	if (!event_encode(&s->out, kind, head, fields)) {
		give_out(s);
		(void)event_encode(&s->out, kind, head, fields);
	}
}

static struct event_head
head_here(const struct sense *s, enum name_value dir, uint64_t offset)
{
	struct event_head h = {.time = s->at.time,
	    .source = s->set.source,
	    .packet = s->at.number,
	    .dir = dir,
	    .offset = offset};

	if (s->at.flow != NULL) {
		h.flow = s->at.flow->id;
		h.link = s->at.talk != NULL ? s->at.talk->link : 0;
	}
	return h;
}

/* True the first time, when period_s went by since it was last true, and after the table was
 * emptied because it was full. */
static bool
is_due(const struct sense *s, struct seen *seen, uint64_t key, uint32_t period_s)
{
	uint32_t now = (uint32_t)((uint64_t)s->at.time.ns / (uint64_t)NS_PER_S) & INT32_MAX;
	uint32_t last;

	key |= key == 0;
	last = idmap_get(&seen->map, key);
	if (last != IDMAP_NONE && now - last < period_s)
		return false;
	if (!idmap_put(&seen->map, key, now)) {
		idmap_clear(&seen->map);
		seen->cleared++;
		(void)!idmap_put(&seen->map, key, now);
	}
	return true;
}

/* Of what was told, for the tables of struct seen. b: its first HASHED_MAX bytes. */
static uint64_t
hash_parts(const struct sense *s, struct bytes a, struct bytes b, uint64_t c)
{
	const struct sip_key *k = &s->set.key;
	uint64_t part[3] = {fold64(k, a), fold64(k, bytes_sub(b, 0, HASHED_MAX)), c};

	return fold64(k, bytes_of(part, sizeof(part)));
}

/* An address pair that is one host's: told once. */
static void
tell_pair(struct sense *s, struct ip ip, struct mac mac)
{
	struct ev_binding b = {.ip = ip, .mac = mac, .source = BYTES("packet")};
	struct event_head h = {.time = s->at.time, .source = s->set.source, .packet = s->at.number};

	if (ip_is_group(ip) || mac_is_group(mac))
		return;
	if (is_due(s, &s->pairs,
		hash_parts(s, bytes_of(ip.b, sizeof(ip.b)), bytes_of(mac.b, sizeof(mac.b)), 1),
		REPEAT_S))
		put(s, EV_binding, &h, &b);
}

/* --- links --- */

static uint64_t
link_id(const struct sense *s, const struct flow *f, enum proto proto, const char *app)
{
	struct ip orig = flow_ip(f, dir_orig), resp = flow_ip(f, dir_resp);
	uint8_t room[16 + 16 + 2 + 1 + 1 + 32] = {0};
	uint16_t port = flow_port(f, dir_resp);
	uint64_t id;

	memcpy(room, orig.b, 16);
	memcpy(room + 16, resp.b, 16);
	memcpy(room + 32, &port, 2);
	room[34] = (uint8_t)proto;
	room[35] = f->key.transport;
	if (app != NULL)
		memcpy(room + 36, app, strnlen(app, 31));
	/* 53 bits: a number that every reader of JSON keeps whole. */
	id = sip64(&s->set.key, bytes_of(room, sizeof(room))) >> 11;
	return id | (id == 0);
}

static void
tell_link(struct sense *s, struct flow *f, struct talk *t)
{
	struct ev_link l = {.client = flow_ip(f, dir_orig),
	    .server = flow_ip(f, dir_resp),
	    .port = flow_port(f, dir_resp),
	    .client_mac = f->mac[dir_orig],
	    .server_mac = f->mac[dir_resp],
	    .proto = t->proto,
	    .transport = f->key.transport,
	    .app = bytes_str(t->app),
	    .vlan = f->vlan};
	struct event_head h;

	t->link = l.id = link_id(s, f, t->proto, t->proto == PROTO_other ? t->app : NULL);
	if (!is_due(s, &s->links, l.id, REPEAT_S))
		return;
	h = head_here(s, dir_orig, 0);
	put(s, EV_link, &h, &l);
}

/* --- the observer --- */

/* The place of an anomaly kind in its talk's table; NULL: tell it. */
static struct told *
told_place(struct talk *t, const struct ev_anomaly *a)
{
	for (size_t i = 0; i < ANOMALY_KINDS; i++) {
		struct told *k = &t->told[i];

		if (k->n == 0)
			*k = (struct told){(uint16_t)a->name, (uint16_t)a->proto, 0};
		if (k->name == a->name && k->proto == a->proto)
			return k;
	}
	return NULL;
}

static bool
too_often(struct sense *s, const struct ev_anomaly *a)
{
	struct told *k = s->at.talk == NULL ? NULL : told_place(s->at.talk, a);

	return k != NULL && ++k->n > ANOMALY_TOLD_MAX;
}

static void
tell_rest(struct sense *s, struct talk *t)
{
	for (size_t i = 0; i < ANOMALY_KINDS; i++) {
		const struct told *k = &t->told[i];
		struct ev_anomaly a = {.name = k->name, .proto = k->proto};
		struct event_head h;

		if (k->n <= ANOMALY_TOLD_MAX)
			continue;
		a.count = k->n - ANOMALY_TOLD_MAX;
		a.detail = BYTES("further ones of this conversation");
		h = head_here(s, dir_orig, 0);
		put(s, EV_anomaly, &h, &a);
	}
}

/* Address fields that a parser left empty are those of the side that spoke. */
static void
fill_claim(const struct sense *s, enum name_value dir, struct ev_claim *c)
{
	const struct flow *f = s->at.flow;
	const struct packet *p = s->at.packet;

	if (!ip_is_zero(c->ip) || !mac_is_zero(c->mac))
		return;
	if (s->at.stream != NULL && s->at.stream->ends.behind[dir])
		c->behind = 1;
	if (f != NULL) {
		c->ip = flow_ip(f, dir);
		c->mac = f->mac[dir];
	} else if (p != NULL) {
		c->ip = p->src;
		c->mac = p->src_mac;
	}
}

static void
observe(void *owner, enum name_value dir, uint64_t offset, enum event_kind kind, const void *fields)
{
	struct sense *s = owner;
	struct event_head h = head_here(s, dir, offset);
	union {
		struct ev_claim claim;
		struct ev_binding binding;
		struct ev_setup setup;
		struct ev_message message;
	} u;

	switch (kind) {
	case EV_message:
		if (s->at.stream == NULL || !s->at.stream->ends.is_protected)
			break;
		u.message = *(const struct ev_message *)fields;
		u.message.flags |= MESSAGE_PROTECTED;
		fields = &u.message;
		break;
	case EV_claim:
		u.claim = *(const struct ev_claim *)fields;
		fill_claim(s, dir, &u.claim);
		if (!is_due(s, &s->claims,
			hash_parts(s, bytes_of(u.claim.ip.b, sizeof(u.claim.ip.b)), u.claim.value,
			    u.claim.attr << 32 ^ fold64(&s->set.key, u.claim.source) << 1 ^
				u.claim.behind),
			REPEAT_S))
			return;
		fields = &u.claim;
		break;
	case EV_binding:
		u.binding = *(const struct ev_binding *)fields;
		if (ip_is_zero(u.binding.ip) && s->at.flow != NULL)
			u.binding.ip = flow_ip(s->at.flow, dir);
		if (!is_due(s, &s->pairs,
			hash_parts(s, bytes_of(&u.binding, offsetof(struct ev_binding, host)),
			    u.binding.host,
			    u.binding.flags << 8 ^
				(u.binding.source.len > 0 ? u.binding.source.ptr[0] : 0) ^
				fold64(
				    &s->set.key, bytes_of(u.binding.by.b, sizeof(u.binding.by.b)))),
			BINDING_REPEAT_S))
			return;
		fields = &u.binding;
		break;
	case EV_setup:
		u.setup = *(const struct ev_setup *)fields;
		if (ip_is_zero(u.setup.ip) && s->at.flow != NULL)
			u.setup.ip = flow_ip(s->at.flow, dir);
		fields = &u.setup;
		break;
	case EV_anomaly:
		if (too_often(s, fields))
			return;
		break;
	default:
		break;
	}
	put(s, kind, &h, fields);
}

/* --- probing --- */

static void
drop_held(struct sense *s, struct talk *t)
{
	if (t->held == NULL)
		return;
	buf_free(&t->held->bytes);
	budget_free(&s->budget, t->held, sizeof(*t->held));
	t->held = NULL;
}

/* Memory is out and bytes of this flow are not read: counted for each flow, told now and then. */
static void
tell_unread(struct sense *s, struct flow *f)
{
	uint64_t n;

	if ((f->flags & FLOW_UNREAD) != 0)
		return;
	f->flags |= FLOW_UNREAD;
	n = ++s->observer.units[UNIT_flows_unread];
	if ((n & (n - 1)) == 0)
		observe_anomaly(&s->observer, dir_orig, 0, ANOMALY_memory_cap, PROTO_unknown,
		    "connections are not read");
}

static bool
hold_run(struct sense *s, struct talk *t, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct held *h = t->held;

	if (h == NULL) {
		if ((h = budget_alloc(&s->budget, sizeof(*h))) == NULL) {
			tell_unread(s, s->at.flow);
			return false;
		}
		h->bytes.budget = &s->budget;
		h->bytes.cap = 256 * 1024;
		t->held = h;
	}
	if (h->n == HELD_RUNS_MAX || run.len > UINT32_MAX)
		return false;
	buf_add(&h->bytes, run);
	if (h->bytes.cut) {
		if (run.len <= h->bytes.cap - h->bytes.len)
			tell_unread(s, s->at.flow);
		return false;
	}
	h->runs[h->n++] = (struct held_run){offset, (uint32_t)run.len, (uint8_t)dir};
	run = bytes_sub(run, 0, PROBE_BYTES_MAX - h->head[dir].len);
	if (run.len > 0)
		memcpy(h->head_bytes[dir] + h->head[dir].len, run.ptr, run.len);
	h->head[dir] = bytes_of(h->head_bytes[dir], h->head[dir].len + run.len);
	return true;
}

/* The protocol that says yes; *undecided is set where one may still do so. */
static const struct protocol *
probe_all(const struct probe_view *v, bool *undecided)
{
	*undecided = false;
	for (size_t i = 0; protocols[i] != NULL; i++) {
		if (protocols[i]->probe == NULL)
			continue;
		switch (protocols[i]->probe(v)) {
		case PROBE_YES:
			return protocols[i];
		case PROBE_MAYBE:
			*undecided = true;
			break;
		default:
			break;
		}
	}
	return NULL;
}

static void
go_silent(struct sense *s, struct flow *f, struct talk *t)
{
	drop_held(s, t);
	t->state = TALK_SILENT;
	if (f->key.transport == IP_PROTO_TCP)
		stream_mute(&s->streams, &f->stream);
}

static void
go_naming(struct sense *s, struct flow *f, struct talk *t)
{
	go_silent(s, f, t);
	if (s->set.naming == NULL)
		return;
	if ((t->naming = s->set.naming->open(s->set.naming->ctx)) != NULL)
		t->state = TALK_NAMING;
}

static void
learn_carried(struct sense *s, struct talk *t)
{
	enum proto now =
	    t->protocol->carries != NULL ? t->protocol->carries(t->session) : t->protocol->id;

	if (now != t->proto) {
		t->proto = now;
		tell_link(s, s->at.flow, t);
	}
}

static void
start_reading(struct sense *s, struct flow *f, struct talk *t, const struct protocol *p)
{
	t->protocol = p;
	t->proto = p->id;
	if ((t->session = p->open(&s->observer)) == NULL) {
		tell_unread(s, f);
		go_silent(s, f, t);
		return;
	}
	t->state = TALK_READING;
	tell_link(s, f, t);
}

static void
replay_held(struct sense *s, struct talk *t)
{
	struct held *h = t->held;
	struct bytes rest;

	if (h == NULL)
		return;
	t->held = NULL;
	rest = buf_bytes(&h->bytes);
	for (size_t i = 0; i < h->n; i++) {
		t->protocol->data(t->session, (enum name_value)h->runs[i].dir,
		    bytes_sub(rest, 0, h->runs[i].len), h->runs[i].offset);
		rest = bytes_from(rest, h->runs[i].len);
	}
	t->held = h;
	drop_held(s, t);
}

static void
probe_run(struct sense *s, struct flow *f, struct talk *t, enum name_value dir, struct bytes run,
    uint64_t offset)
{
	struct probe_view v = {.port = {flow_port(f, dir_orig), flow_port(f, dir_resp)}};
	const struct protocol *p;
	bool undecided;

	/* In place while these are the first bytes; only what stays undecided is copied. */
	if (t->held == NULL) {
		v.head[dir] = bytes_sub(run, 0, PROBE_BYTES_MAX);
		if ((p = probe_all(&v, &undecided)) != NULL) {
			start_reading(s, f, t, p);
			if (t->state == TALK_READING)
				t->protocol->data(t->session, dir, run, offset);
			return;
		}
		if (!undecided)
			go_naming(s, f, t);
		else if (!hold_run(s, t, dir, run, offset))
			go_naming(s, f, t);
		return;
	}
	if (!hold_run(s, t, dir, run, offset)) {
		go_naming(s, f, t);
		return;
	}
	v.head[0] = t->held->head[0];
	v.head[1] = t->held->head[1];
	if ((p = probe_all(&v, &undecided)) != NULL) {
		start_reading(s, f, t, p);
		if (t->state == TALK_READING)
			replay_held(s, t);
	} else if (!undecided ||
		   (v.head[0].len >= PROBE_BYTES_MAX && v.head[1].len >= PROBE_BYTES_MAX)) {
		go_naming(s, f, t);
	}
}

/* The stream ended while still undecided: a last word from each protocol. */
static void
probe_ended(struct sense *s, struct flow *f, struct talk *t)
{
	struct probe_view v = {
	    .port = {flow_port(f, dir_orig), flow_port(f, dir_resp)}, .ended = true};
	const struct protocol *p;
	bool undecided;

	if (t->held == NULL)
		return;
	v.head[0] = t->held->head[0];
	v.head[1] = t->held->head[1];
	if ((p = probe_all(&v, &undecided)) == NULL) {
		go_silent(s, f, t);
		return;
	}
	start_reading(s, f, t, p);
	if (t->state == TALK_READING)
		replay_held(s, t);
}

/* --- streams --- */

static struct talk *
talk_of(struct sense *s, struct flow *f)
{
	if (f->user == NULL)
		f->user = budget_alloc(&s->budget, sizeof(struct talk));
	return f->user;
}

static void
on_data(void *ctx, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct flow *f = ctx;
	struct sense *s = sense_of(f);
	struct talk *t = talk_of(s, f);

	s->at.flow = f;
	s->at.talk = t;
	if (t == NULL) {
		tell_unread(s, f);
		return;
	}
	switch (t->state) {
	case TALK_PROBING:
		probe_run(s, f, t, dir, run, offset);
		break;
	case TALK_READING:
		t->protocol->data(t->session, dir, run, offset);
		break;
	default:
		return;
	}
	if (t->state == TALK_READING)
		learn_carried(s, t);
}

static void
on_gap(void *ctx, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct flow *f = ctx;
	struct sense *s = sense_of(f);
	struct talk *t = f->user;
	char detail[64];
	struct buf text = {.ptr = (uint8_t *)detail, .room = sizeof(detail), .cap = sizeof(detail)};

	s->at.flow = f;
	s->at.talk = t;
	f->word[WORD_LOST] += missing;
	s->observer.units[UNIT_tcp_gaps]++;
	if (t == NULL)
		return;
	buf_printf(&text, "%llu bytes", (unsigned long long)missing);
	detail[text.len < sizeof(detail) ? text.len : sizeof(detail) - 1] = 0;
	if (t->state == TALK_READING) {
		observe_anomaly(&s->observer, dir, offset, ANOMALY_tcp_gap, t->proto, detail);
		t->protocol->gap(t->session, dir, offset, missing);
	}
}

static void
on_end(void *ctx, enum name_value dir)
{
	struct flow *f = ctx;
	struct sense *s = sense_of(f);
	struct talk *t = f->user;

	s->at.flow = f;
	s->at.talk = t;
	if (t == NULL)
		return;
	if (t->state == TALK_PROBING && stream_ended(&f->stream))
		probe_ended(s, f, t);
	if (t->state == TALK_READING)
		t->protocol->end(t->session, dir);
}

static void
on_conflict(void *ctx, enum name_value dir, uint64_t offset, uint64_t len)
{
	struct flow *f = ctx;
	struct sense *s = sense_of(f);
	char detail[64];

	s->at.flow = f;
	s->at.talk = talk_of(s, f);
	f->flags |= FLOW_CONFLICT;
	s->observer.units[UNIT_tcp_conflicts]++;
	(void)snprintf(detail, sizeof(detail), "%llu bytes", (unsigned long long)len);
	observe_anomaly(&s->observer, dir, offset, ANOMALY_tcp_conflict,
	    s->at.talk != NULL ? s->at.talk->proto : PROTO_unknown, detail);
}

static const struct stream_sink stream_calls = {on_data, on_gap, on_end, on_conflict};

/* --- the end of a flow --- */

static void
tell_flow(struct sense *s, struct flow *f, struct talk *t, enum name_value state)
{
	struct ev_flow e = {.id = f->id,
	    .link = t != NULL ? t->link : 0,
	    .orig = flow_ip(f, dir_orig),
	    .resp = flow_ip(f, dir_resp),
	    .orig_port = flow_port(f, dir_orig),
	    .resp_port = flow_port(f, dir_resp),
	    .orig_mac = f->mac[dir_orig],
	    .resp_mac = f->mac[dir_resp],
	    .transport = f->key.transport == IP_PROTO_ICMP6 ? transport_icmp : f->key.transport,
	    .proto = t != NULL ? t->proto : PROTO_unknown,
	    .app = bytes_str(t != NULL ? t->app : NULL),
	    .vlan = f->vlan,
	    .start = f->first,
	    .end = f->last,
	    .orig_packets = f->packets[dir_orig],
	    .resp_packets = f->packets[dir_resp],
	    .orig_bytes = f->bytes[dir_orig],
	    .resp_bytes = f->bytes[dir_resp],
	    .state = state,
	    .lost_bytes = f->word[WORD_LOST],
	    .flags = f->flags};
	struct event_head h = {.time = f->last,
	    .source = s->set.source,
	    .packet = s->at.number,
	    .flow = f->id,
	    .link = e.link};

	if (f->key.transport == IP_PROTO_ICMP || f->key.transport == IP_PROTO_ICMP6)
		e.proto = PROTO_icmp;
	put(s, EV_flow, &h, &e);
}

static void
end_flow(struct sense *s, struct flow *f, enum name_value state)
{
	struct talk *t;

	s->at.flow = f;
	if ((t = s->at.talk = f->user) != NULL) {
		if (t->session != NULL) {
			t->protocol->close(t->session);
			t->session = NULL;
		}
		if (t->naming != NULL)
			s->set.naming->close(s->set.naming->ctx, t->naming);
		drop_held(s, t);
		tell_rest(s, t);
	}
	tell_flow(s, f, t, state);
	if (t != NULL)
		budget_free(&s->budget, t, sizeof(*t));
	f->user = NULL;
	s->at.flow = NULL;
	s->at.talk = NULL;
}

static void
on_over(void *ctx, struct flow *f, enum flow_over why)
{
	struct sense *s = ctx;

	s->at.flow = f;
	if (f->key.transport == IP_PROTO_TCP)
		stream_end(&s->streams, &f->stream, f);
	if (why == FLOW_OVER_EVICTED) {
		f->flags |= FLOW_EVICTED;
		s->observer.units[UNIT_flows_evicted]++;
	}
	end_flow(s, f, flow_state(f, why));
}

/* --- packets --- */

static void
name_packet(struct sense *s, struct flow *f, struct talk *t, const struct packet *p)
{
	struct bytes ip;

	if (p->payload.len == 0 || p->ip_head == NULL)
		return;
	ip = bytes_of(p->ip_head, (size_t)(p->payload.ptr - p->ip_head) + p->payload.len);
	if (!s->set.naming->packet(s->set.naming->ctx, t->naming, ip, s->at.time, t->app))
		return;
	s->set.naming->close(s->set.naming->ctx, t->naming);
	t->naming = NULL;
	t->state = TALK_SILENT;
	if (t->app[0] == 0)
		return;
	t->proto = PROTO_other;
	tell_link(s, f, t);
}

/* A datagram goes to the protocol that took the flow's first one; else to each until one does. */
static void
take_datagram(
    struct sense *s, struct flow *f, struct talk *t, const struct packet *p, enum name_value dir)
{
	struct probe_view v = {.port = {flow_port(f, dir_orig), flow_port(f, dir_resp)}};

	if (t->protocol != NULL && t->protocol->datagram(&s->observer, dir, p->payload, &v))
		return;
	if (t->state != TALK_PROBING)
		return;
	for (size_t i = 0; protocols[i] != NULL; i++) {
		if (protocols[i]->datagram == NULL)
			continue;
		/* The link must be there before what is said on it; an id costs nothing. */
		t->link = link_id(s, f, protocols[i]->id, NULL);
		if (!protocols[i]->datagram(&s->observer, dir, p->payload, &v))
			continue;
		t->protocol = protocols[i];
		t->proto = protocols[i]->id;
		t->state = TALK_READING;
		tell_link(s, f, t);
		return;
	}
	t->link = 0;
	go_naming(s, f, t);
}

static void
take_flow_packet(struct sense *s, struct flow *f, const struct packet *p, enum name_value dir)
{
	struct talk *t;

	f->word[WORD_SENSE] = (uint64_t)(uintptr_t)s;
	/* Who was only spoken to has not been seen. */
	if (f->packets[dir] == 1)
		tell_pair(s, p->src, p->src_mac);
	s->at.flow = f;
	s->at.talk = f->user;
	switch (p->kind) {
	case PACKET_TCP:
		stream_packet(&s->streams, &f->stream, dir, p, s->at.time, f);
		s->at.flow = f;
		break;
	case PACKET_UDP:
		if (p->payload.len == 0 || (s->at.talk = t = talk_of(s, f)) == NULL)
			break;
		if (t->state != TALK_NAMING && t->state != TALK_SILENT)
			take_datagram(s, f, t, p, dir);
		break;
	case PACKET_ICMP:
		s->at.flow = NULL;
		/* The message from its type on: four bytes before what packet_decode() calls
		 * payload. */
		if (p->transport == IP_PROTO_ICMP6)
			(void)nd_packet(
			    &s->observer, p->src, bytes_of(p->payload.ptr - 4, p->payload.len + 4));
		s->at.flow = f;
		break;
	default:
		break;
	}
	if ((t = f->user) != NULL && t->state == TALK_NAMING)
		name_packet(s, f, t, p);
	s->at.flow = NULL;
	s->at.talk = NULL;
}

static void
tell_fragment_trouble(struct sense *s, unsigned notes)
{
	if (notes & FRAGMENT_CONFLICT)
		observe_anomaly(&s->observer, dir_orig, 0, ANOMALY_ip_fragment_overlap,
		    PROTO_unknown, "other bytes for the same place");
}

/* False: nothing more to do with it. */
static bool
reassemble(struct sense *s, struct packet *p)
{
	struct bytes whole;
	unsigned notes;

	s->observer.units[UNIT_ip_fragments]++;
	switch (fragment_add(&s->fragments, p, s->at.time, &whole, &notes)) {
	case FRAGMENT_WHOLE:
		tell_fragment_trouble(s, notes);
		packet_resume(p, whole);
		return true;
	case FRAGMENT_CUT:
		observe_anomaly(
		    &s->observer, dir_orig, 0, ANOMALY_packet_truncated, PROTO_unknown, "fragment");
		break;
	case FRAGMENT_BAD:
		observe_anomaly(
		    &s->observer, dir_orig, 0, ANOMALY_packet_malformed, PROTO_unknown, "fragment");
		break;
	default:
		tell_fragment_trouble(s, notes);
	}
	return false;
}

static bool
mine(const struct sense *s, uint64_t hash)
{
	return s->set.sensors <= 1 || hash % s->set.sensors == s->set.sensor;
}

static void
set_place(struct sense *s, const struct sense_frame *f, const struct packet *p)
{
	s->at.flow = NULL;
	s->at.talk = NULL;
	s->at.packet = p;
	s->at.stream = NULL;
	s->at.number = f->number;
	s->at.time = s->observer.now = f->time;
}

void
sense_frames(struct sense *s, const struct sense_frame *frames, size_t n)
{
	struct packet packets[SENSE_BATCH_MAX];
	struct flow_aim aims[SENSE_BATCH_MAX];
	bool aimed[SENSE_BATCH_MAX];

	for (size_t i = 0; i < n; i++) {
		packet_decode(frames[i].bytes, frames[i].linktype, &packets[i]);
		if (frames[i].vlan_tci >= 0)
			packet_tagged(&packets[i], (uint16_t)frames[i].vlan_tci);
		aimed[i] = packets[i].kind != PACKET_FRAGMENT &&
			   flow_aim(&s->flows, &packets[i], &aims[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (aimed[i])
			flow_fetch(&s->flows, &aims[i]);
	}
	for (size_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		enum name_value dir;
		struct flow *f;

		set_place(s, &frames[i], p);
		stream_tick(&s->streams, s->at.time);
		set_place(s, &frames[i], p);
		s->count.packets++;
		s->count.bytes += frames[i].wire_len;
		if (p->kind == PACKET_FRAGMENT && reassemble(s, p))
			aimed[i] = flow_aim(&s->flows, p, &aims[i]);
		if (p->kind == PACKET_ARP && mine(s, 0)) {
			(void)arp_packet(&s->observer, p->payload);
			continue;
		}
		if (!aimed[i] || !mine(s, aims[i].hash))
			continue;
		f = flow_take(&s->flows, &aims[i], p, s->at.time, &dir);
		set_place(s, &frames[i], p);
		take_flow_packet(s, f, p, dir);
	}
}

/* --- life --- */

struct sense *
sense_new(const struct sense_settings *set)
{
	struct sense *s = calloc(1, sizeof(*s));
	struct flow_settings flows;
	struct fragment_settings fragments;
	struct stream_settings streams;

	if (s == NULL)
		return NULL;
	s->set = *set;
	s->budget.cap = set->memory != 0 ? set->memory : SENSE_MEMORY;
	s->observer = (struct observer){
	    .owner = s, .emit = observe, .key = &s->set.key, .budget = &s->budget};
	s->out = (struct buf){.cap = OUT_CAP_BYTES};
	s->claims.map = (struct idmap){.cap = SEEN_CLAIMS_MAX, .budget = &s->budget};
	s->links.map = (struct idmap){.cap = SEEN_LINKS_MAX, .budget = &s->budget};
	s->pairs.map = (struct idmap){.cap = SEEN_PAIRS_MAX, .budget = &s->budget};
	flows = (struct flow_settings){.capacity = set->max_flows,
	    .key = s->set.key,
	    .budget = &s->budget,
	    .over = on_over,
	    .ctx = s};
	fragments = (struct fragment_settings){.key = s->set.key, .budget = &s->budget};
	streams = (struct stream_settings){.sink = &stream_calls, .budget = &s->budget};
	if (!flow_init(&s->flows, &flows)) {
		free(s);
		return NULL;
	}
	if (!fragment_init(&s->fragments, &fragments)) {
		flow_free(&s->flows);
		free(s);
		return NULL;
	}
	stream_pool_init(&s->streams, &streams);
	return s;
}

void
sense_idle(struct sense *s, struct wall now)
{
	s->at.time = s->observer.now = now;
	flow_advance(&s->flows, now);
	stream_sweep(&s->streams, now);
	give_out(s);
}

void
sense_end(struct sense *s)
{
	flow_flush(&s->flows);
	s->fragments.lost += s->fragments.n;
	give_out(s);
}

void
sense_count(const struct sense *s, struct sense_counters *out)
{
	*out = s->count;
	out->flows = s->flows.n;
	out->live_flows = s->flows.live;
	out->memory_high = s->budget.high;
	memcpy(out->units, s->observer.units, sizeof(out->units));
	out->units[UNIT_fragments_lost] = s->fragments.lost;
}

void
sense_free(struct sense *s)
{
	if (s == NULL)
		return;
	flow_free(&s->flows);
	stream_pool_free(&s->streams);
	buf_pool_free(&s->observer.pool);
	fragment_free(&s->fragments);
	idmap_free(&s->claims.map);
	idmap_free(&s->links.map);
	idmap_free(&s->pairs.map);
	buf_free(&s->out);
	explicit_bzero(&s->set.key, sizeof(s->set.key));
	free(s);
}

/* --- conversations without packets --- */

static void
set_stream(struct sense *s, struct sense_stream *t, struct wall now)
{
	s->at.flow = &t->flow;
	s->at.talk = t->flow.user;
	s->at.packet = NULL;
	s->at.stream = t;
	s->at.number = 0;
	s->at.time = s->observer.now = now;
	t->flow.last = now;
}

static void
leave_stream(struct sense *s)
{
	s->at.flow = NULL;
	s->at.talk = NULL;
	s->at.stream = NULL;
}

struct sense_stream *
sense_open(struct sense *s, const struct sense_ends *ends, struct wall now)
{
	struct sense_stream *t = budget_alloc(&s->budget, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->ends = *ends;
	t->flow.key.transport = IP_PROTO_TCP;
	for (int d = 0; d < 2; d++) {
		t->flow.key.ip[d] = ends->ip[d];
		t->flow.key.port[d] = ends->port[d];
	}
	t->flow.word[WORD_SENSE] = (uint64_t)(uintptr_t)s;
	t->flow.id = ++s->flows.n;
	t->flow.first = t->flow.last = now;
	return t;
}

void
sense_data(
    struct sense *s, struct sense_stream *t, enum name_value dir, struct bytes run, struct wall now)
{
	if (run.len == 0)
		return;
	set_stream(s, t, now);
	t->flow.packets[dir]++;
	t->flow.bytes[dir] += run.len;
	s->count.packets++;
	s->count.bytes += run.len;
	on_data(&t->flow, dir, run, t->offset[dir]);
	t->offset[dir] += run.len;
	leave_stream(s);
}

void
sense_shut(struct sense *s, struct sense_stream *t, enum name_value dir, struct wall now)
{
	struct talk *talk = t->flow.user;

	if (t->ended[dir])
		return;
	t->ended[dir] = true;
	set_stream(s, t, now);
	if (talk != NULL && talk->state == TALK_PROBING && t->ended[0] && t->ended[1])
		probe_ended(s, &t->flow, talk);
	if (talk != NULL && talk->state == TALK_READING)
		talk->protocol->end(talk->session, dir);
	leave_stream(s);
}

void
sense_close(struct sense *s, struct sense_stream *t, enum name_value state, struct wall now)
{
	sense_shut(s, t, dir_orig, now);
	sense_shut(s, t, dir_resp, now);
	set_stream(s, t, now);
	end_flow(s, &t->flow, state);
	leave_stream(s);
	budget_free(&s->budget, t, sizeof(*t));
}

enum proto
sense_proto(const struct sense_stream *t)
{
	const struct talk *talk = t->flow.user;

	return talk != NULL ? talk->proto : PROTO_unknown;
}

uint64_t
sense_link(const struct sense_stream *t)
{
	const struct talk *talk = t->flow.user;

	return talk != NULL ? talk->link : 0;
}

uint64_t
sense_flow(const struct sense_stream *t)
{
	return t->flow.id;
}

void
sense_tell(struct sense *s, enum event_kind kind, const struct event_head *head, const void *fields)
{
	struct event_head h = *head;

	h.source = s->set.source;
	put(s, kind, &h, fields);
}
