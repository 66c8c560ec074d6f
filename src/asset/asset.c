/* SPDX-License-Identifier: Apache-2.0 */
/* The book itself: its life, and what each kind of event does to it. */
#include "asset/book.h"
#include "asset/tables.h"

static struct pool
pool_of(size_t size, size_t cap)
{
	return (struct pool){.size = size, .cap = cap};
}

static struct idmap
map_of(struct budget *budget, size_t cap)
{
	return (struct idmap){.budget = budget, .cap = cap};
}

struct asset_book *
asset_book_new(struct budget *budget, const struct asset_limits *limits)
{
	struct asset_book *b = budget_alloc(budget, sizeof(*b));
	struct asset_limits l = {0};

	if (b == NULL)
		return NULL;
	if (limits != NULL)
		l = *limits;
	if (l.assets == 0)
		l.assets = ASSET_MAX;
	if (l.endpoints == 0)
		l.endpoints = 2 * l.assets;
	if (l.links == 0)
		l.links = 4 * l.assets;
	if (l.claims == 0 || l.claims > UINT8_MAX)
		l.claims = ASSET_CLAIMS_MAX;
	if (l.knowledge == NULL)
		l.knowledge = &asset_tables;
	b->budget = budget;
	b->limits = l;
	b->assets = pool_of(sizeof(struct asset), l.assets);
	b->endpoints = pool_of(sizeof(struct endpoint), l.endpoints);
	b->macs = pool_of(sizeof(struct mac_record), l.endpoints);
	b->links = pool_of(sizeof(struct link), l.links);
	b->free_assets = pool_of(sizeof(uint32_t), l.assets);
	b->free_endpoints = pool_of(sizeof(uint32_t), l.endpoints);
	b->dirty = pool_of(sizeof(uint32_t), 4 * l.assets);
	b->ids = map_of(budget, 8 * l.assets);
	b->ip_map = map_of(budget, l.endpoints);
	b->mac_map = map_of(budget, l.endpoints);
	b->link_map = map_of(budget, l.links);
	b->serial_map = map_of(budget, l.endpoints);
	b->host_map = map_of(budget, l.endpoints);
	return b;
}

void
asset_book_free(struct asset_book *b)
{
	if (b == NULL)
		return;
	for (uint32_t i = 0; i < b->endpoints.n; i++) {
		struct claim *c = endpoint_at(b, i)->claims, *next;

		for (; c != NULL; c = next) {
			next = c->next;
			claim_free(b, c);
		}
	}
	pool_free(b, &b->assets);
	pool_free(b, &b->endpoints);
	pool_free(b, &b->macs);
	pool_free(b, &b->links);
	pool_free(b, &b->free_assets);
	pool_free(b, &b->free_endpoints);
	pool_free(b, &b->dirty);
	idmap_free(&b->ids);
	idmap_free(&b->ip_map);
	idmap_free(&b->mac_map);
	idmap_free(&b->link_map);
	idmap_free(&b->serial_map);
	idmap_free(&b->host_map);
	budget_free(b->budget, b, sizeof(*b));
}

static uint32_t
link_find(const struct asset_book *b, uint64_t id)
{
	return id == 0 ? NONE : idmap_get(&b->link_map, id);
}

/* The endpoint that spoke (or the other one); NONE where the link is not known. */
static uint32_t
endpoint_of_dir(const struct asset_book *b, uint64_t link, bool other)
{
	uint32_t l = link_find(b, link);
	bool server = b->head->dir == dir_resp;

	return l == NONE ? NONE : link_end(b, l, (server != other) ? 1 : 0);
}

/* Devices are what is ours: addresses of the Internet are known by their links and flows, unless
 * they speak a clinical protocol. */
static enum make
make_of(struct ip ip, uint64_t proto)
{
	return ip_is_private(ip) || proto_kind(proto) == PROTO_KIND_CLINICAL ? MAKE : LOOK;
}

static void
add_proto(struct asset_book *b, uint32_t e, bool server, uint64_t proto)
{
	struct endpoint *ep;
	uint64_t *set;

	if (e == NONE || proto == 0 || proto >= PROTO_MAX)
		return;
	ep = endpoint_at(b, e);
	set = server ? &ep->server_of : &ep->client_of;
	if ((*set >> proto & 1) != 0)
		return;
	*set |= UINT64_C(1) << proto;
	if (server && proto == PROTO_rfc2217)
		ep->flags |= EP_SERIAL;
	asset_classify(b, ep->asset);
	asset_mark_dirty(b, ep->asset);
}

static void
on_flow(struct asset_book *b, const struct ev_flow *f)
{
	bool answered = f->resp_packets > 0;
	uint32_t orig, resp;

	orig = endpoint_touch(b, f->orig, f->orig_mac, BIND_PACKET, make_of(f->orig, f->proto));
	resp = endpoint_touch(b, f->resp, answered ? f->resp_mac : (struct mac){{0}}, BIND_PACKET,
	    answered ? make_of(f->resp, f->proto) : LOOK);
	if (!answered || f->state == state_rejected)
		return;
	/* Touching the second may have moved assets, never endpoints. */
	add_proto(b, orig, false, f->proto);
	add_proto(b, resp, true, f->proto);
	if (resp != NONE && (f->resp_port == 9100 || f->resp_port == 515 || f->resp_port == 631) &&
	    f->transport == transport_tcp && f->orig_bytes > 0 &&
	    (endpoint_at(b, resp)->flags & EP_PRINTER) == 0) {
		endpoint_at(b, resp)->flags |= EP_PRINTER;
		asset_classify(b, endpoint_at(b, resp)->asset);
	}
}

static void
on_link(struct asset_book *b, const struct ev_link *l)
{
	uint32_t client, server, i = link_find(b, l->id);
	struct link *k;

	client =
	    endpoint_touch(b, l->client, l->client_mac, BIND_PACKET, make_of(l->client, l->proto));
	server =
	    endpoint_touch(b, l->server, l->server_mac, BIND_PACKET, make_of(l->server, l->proto));
	add_proto(b, client, false, l->proto);
	add_proto(b, server, true, l->proto);
	if (l->id == 0 || i != NONE)
		return;
	if ((i = pool_push(b, &b->links)) == NONE || !idmap_put(&b->link_map, l->id, i)) {
		if (i != NONE)
			b->links.n--;
		b->refused++;
		return;
	}
	k = link_at(b, i);
	k->id = l->id;
	k->ip[0] = l->client;
	k->ip[1] = l->server;
	k->first_ns = k->last_ns = b->head->time.ns;
	k->ends[0] = client;
	k->ends[1] = server;
	k->port = (uint16_t)l->port;
	k->proto = (uint8_t)(l->proto < PROTO_MAX ? l->proto : 0);
	k->transport = (uint8_t)l->transport;
	for (unsigned side = 0; side < 2; side++) {
		k->next[side] = NONE;
		if (k->ends[side] == NONE)
			continue;
		k->next[side] = endpoint_at(b, k->ends[side])->links;
		endpoint_at(b, k->ends[side])->links = i * 2 + side;
	}
}

static void
play(struct asset_book *b, uint32_t e, enum role role)
{
	struct endpoint *ep;

	if (e == NONE)
		return;
	ep = endpoint_at(b, e);
	if (ep->roles[role] == UINT32_MAX)
		return;
	if (ep->roles[role]++ == 0)
		asset_classify(b, ep->asset);
}

static void
on_message(struct asset_book *b, const struct ev_message *m)
{
	uint32_t i = link_find(b, b->head->link), speaker, listener;
	struct link *l;

	if (i == NONE)
		return;
	l = link_at(b, i);
	l->messages++;
	if (b->head->time.ns > l->last_ns)
		l->last_ns = b->head->time.ns;
	speaker = link_end(b, i, b->head->dir == dir_resp);
	listener = link_end(b, i, b->head->dir != dir_resp);
	if (speaker != NONE)
		endpoint_heard(b, speaker);
	switch (m->category) {
	case category_result:
		/* Whoever posts a FHIR Observation may be an app as well as an analyzer. */
		if (m->proto == PROTO_fhir)
			break;
		play(b, speaker, ROLE_RESULTS_SENT);
		play(b, listener, ROLE_RESULTS_GOT);
		break;
	case category_query:
		play(b, speaker, ROLE_QUERIES_SENT);
		play(b, listener, ROLE_QUERIES_GOT);
		break;
	case category_order:
		play(b, speaker, ROLE_ORDERS_SENT);
		play(b, listener, ROLE_ORDERS_GOT);
		break;
	case category_image:
		/* A store request, not its answer. */
		if (m->ack.len == 0) {
			play(b, speaker, ROLE_IMAGES_SENT);
			play(b, listener, ROLE_IMAGES_GOT);
		}
		break;
	default:
		break;
	}
}

static void
on_claim(struct asset_book *b, const struct ev_claim *c)
{
	uint32_t e = NONE;

	if (!ip_is_zero(c->ip) || !mac_is_zero(c->mac))
		e = endpoint_touch(b, c->ip, c->mac, BIND_PACKET,
		    ip_is_zero(c->ip) || ip_is_private(c->ip) ? MAKE : LOOK);
	if (e == NONE)
		e = endpoint_of_dir(b, b->head->link, false);
	if (e != NONE)
		claim_add(b, e, (enum name_value)c->attr, c->value, c->source,
		    (unsigned)(c->confidence < 100 ? c->confidence : 100), c->behind != 0);
}

struct binding_source {
	struct bytes name;
	enum bind bind;
	uint8_t host_confidence;
	bool unique_host; /* the name is handed out once in a network */
};

static const struct binding_source binding_sources[] = {
    {BYTES_INIT("arp"), BIND_BOUND, 0, false},
    {BYTES_INIT("nd"), BIND_BOUND, 0, false},
    {BYTES_INIT("dhcp"), BIND_BOUND, 70, true},
    {BYTES_INIT("nbns"), BIND_PACKET, 70, true},
    {BYTES_INIT("mdns"), BIND_PACKET, 60, false},
    {BYTES_INIT("llmnr"), BIND_PACKET, 50, false},
    {BYTES_INIT("packet"), BIND_PACKET, 30, false},
};

static void
on_binding(struct asset_book *b, const struct ev_binding *d)
{
	const struct binding_source *s = &binding_sources[ARRAY_LEN(binding_sources) - 1];
	uint32_t e;

	for (size_t i = 0; i < ARRAY_LEN(binding_sources); i++) {
		if (bytes_eq(d->source, binding_sources[i].name))
			s = &binding_sources[i];
	}
	e = endpoint_touch(
	    b, d->ip, d->mac, s->bind, s->bind == BIND_BOUND || ip_is_private(d->ip) ? MAKE : LOOK);
	if (e == NONE)
		return;
	if ((d->flags & BINDING_SERVER) != 0 && bytes_eq(d->source, BYTES("dhcp")))
		add_proto(b, e, true, PROTO_dhcp);
	if ((d->flags & BINDING_ROUTER) != 0)
		endpoint_is_router(b, e);
	if (d->host.len > 0) {
		claim_add(b, e, attr_hostname, d->host, d->source,
		    s->host_confidence == 0 ? 30 : s->host_confidence, 0);
		if (s->unique_host)
			endpoint_match_host(b, e, d->host);
	}
}

static void
on_setup(struct asset_book *b, const struct ev_setup *s)
{
	uint32_t e = NONE;

	if (!ip_is_zero(s->ip))
		e = endpoint_touch(b, s->ip, (struct mac){{0}}, BIND_PACKET, make_of(s->ip, 0));
	if (e == NONE)
		e = endpoint_of_dir(b, b->head->link, false);
	if (e == NONE)
		return;
	add_proto(b, e, true, s->proto);
	if ((s->proto == PROTO_moxa || s->proto == PROTO_lantronix || s->proto == PROTO_digi ||
		s->proto == PROTO_rfc2217) &&
	    (endpoint_at(b, e)->flags & EP_SERIAL) == 0) {
		endpoint_at(b, e)->flags |= EP_SERIAL;
		asset_classify(b, endpoint_at(b, e)->asset);
	}
}

/* What a person decided. */
static void
on_device(struct asset_book *b, const struct ev_device *d)
{
	uint32_t slot = slot_of_id(b, d->id);
	enum asset_state state;

	if (slot == NONE || !bytes_eq(d->what, BYTES("state")) ||
	    !asset_state_of_label(d->after, &state))
		return;
	asset_at(b, slot)->state = (uint8_t)state;
	asset_mark_dirty(b, slot);
}

void
asset_book_event(struct asset_book *b, const struct event *ev, const struct event_sink *sink)
{
	uint32_t e;

	b->head = &ev->head;
	b->sink = sink;
	switch (ev->kind) {
	case EV_message:
		on_message(b, &ev->u.message);
		break;
	case EV_flow:
		on_flow(b, &ev->u.flow);
		break;
	case EV_link:
		on_link(b, &ev->u.link);
		break;
	case EV_claim:
		on_claim(b, &ev->u.claim);
		break;
	case EV_binding:
		on_binding(b, &ev->u.binding);
		break;
	case EV_setup:
		on_setup(b, &ev->u.setup);
		break;
	case EV_device:
		on_device(b, &ev->u.device);
		break;
	case EV_anomaly:
	case EV_credential:
	case EV_login:
	case EV_tls:
	case EV_attachment:
		if ((e = endpoint_of_dir(b, ev->head.link, false)) != NONE)
			endpoint_heard(b, e);
		break;
	default:
		break;
	}
	b->head = NULL;
	b->sink = NULL;
}
