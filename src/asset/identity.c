/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints, the MACs that tie them, and the assets they make up.
 * An endpoint's way: made by endpoint_touch(); tied to others by tie(); moved out again by
 * endpoint_returns() (the silent one spoke), mac_becomes_router() (its MAC proves nothing) or
 * address_moves() (its IP went to another MAC: it stays as a FORMER one). */
#include "asset/book.h"

#include <stdio.h>

/* --- pools and keys --- */

uint32_t
pool_push(struct asset_book *b, struct pool *p)
{
	if (p->n == p->room) {
		size_t room = p->room == 0 ? 64 : p->room * 2;
		void *items;

		if (room > p->cap)
			room = p->cap;
		if (room <= p->room)
			return NONE;
		items = budget_realloc(b->budget, p->items, p->room * p->size, room * p->size);
		if (items == NULL)
			return NONE;
		p->items = items;
		p->room = room;
	}
	memset((uint8_t *)p->items + p->n * p->size, 0, p->size);
	return (uint32_t)p->n++;
}

void
pool_free(struct asset_book *b, struct pool *p)
{
	budget_free(b->budget, p->items, p->room * p->size);
	p->items = NULL;
	p->n = p->room = 0;
}

uint64_t
ip_key(const struct asset_book *b, struct ip ip)
{
	uint64_t hi, lo;

	memcpy(&hi, ip.b, 8);
	memcpy(&lo, ip.b + 8, 8);
	return mix64(mix64(hi ^ b->limits.key.k0) + (lo ^ b->limits.key.k1)) | 1;
}

uint64_t
mac_key(struct mac mac)
{
	uint64_t v = 1;

	memcpy((uint8_t *)&v + 2, mac.b, sizeof(mac.b));
	return mix64(v); /* one to one, and not zero since v is not */
}

uint64_t
text_key(const struct asset_book *b, struct bytes text)
{
	uint8_t low[128];
	size_t n = text.len < sizeof(low) ? text.len : sizeof(low);

	for (size_t i = 0; i < n; i++) {
		uint8_t c = text.ptr[i];

		low[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
	}
	return sip64(&b->limits.key, bytes_of(low, n)) | 1;
}

uint32_t
slot_of_id(const struct asset_book *b, uint64_t id)
{
	uint32_t v;

	/* Each step leads to a lower id, so this ends. */
	while (id != 0 && id <= b->last_id) {
		if ((v = idmap_get(&b->ids, id)) == NONE)
			return NONE;
		if ((v & GONE_BIT) == 0)
			return v;
		if ((v & ~GONE_BIT) >= id)
			return NONE;
		id = v & ~GONE_BIT;
	}
	return NONE;
}

/* --- telling --- */

void
device_event(struct asset_book *b, uint64_t id, const char *what, enum name_value attr,
    struct bytes before, struct bytes after, const char *reason, uint32_t endpoint)
{
	struct ev_device d = {.id = id,
	    .what = bytes_str(what),
	    .attr = attr,
	    .before = before,
	    .after = after,
	    .reason = bytes_str(reason)};

	if (b->sink == NULL)
		return;
	if (endpoint != NONE) {
		d.ip = endpoint_at(b, endpoint)->ip;
		d.mac = endpoint_at(b, endpoint)->mac;
	}
	b->sink->emit(b->sink->ctx, EV_device, b->head, &d);
}

static void
dirty_id(struct asset_book *b, uint32_t id)
{
	uint32_t i;

	if (b->dirty_taken == b->dirty.n) {
		b->dirty_taken = b->dirty.n = 0;
	} else if (b->dirty.n == b->dirty.room && b->dirty_taken > 0) {
		uint32_t *items = b->dirty.items;

		memmove(
		    items, items + b->dirty_taken, (b->dirty.n - b->dirty_taken) * sizeof(*items));
		b->dirty.n -= b->dirty_taken;
		b->dirty_taken = 0;
	}
	if ((i = pool_push(b, &b->dirty)) == NONE)
		b->refused++;
	else
		((uint32_t *)b->dirty.items)[i] = id;
}

void
asset_mark_dirty(struct asset_book *b, uint32_t slot)
{
	struct asset *a = asset_at(b, slot);

	if (a->dirty)
		return;
	a->dirty = true;
	dirty_id(b, a->id);
}

/* --- lists --- */

static void
list_add(struct asset_book *b, uint32_t slot, uint32_t e)
{
	endpoint_at(b, e)->asset = slot;
	endpoint_at(b, e)->next = asset_at(b, slot)->endpoints;
	asset_at(b, slot)->endpoints = e;
}

static void
list_drop(struct asset_book *b, uint32_t e)
{
	uint32_t *p = &asset_at(b, endpoint_at(b, e)->asset)->endpoints;

	while (*p != e)
		p = &endpoint_at(b, *p)->next;
	*p = endpoint_at(b, e)->next;
}

static uint32_t
mac_find(const struct asset_book *b, struct mac mac)
{
	return idmap_get(&b->mac_map, mac_key(mac));
}

static uint32_t
mac_make(struct asset_book *b, struct mac mac)
{
	static const uint8_t vrrp[] = {0x00, 0x00, 0x5e, 0x00, 0x01};
	static const uint8_t hsrp[] = {0x00, 0x00, 0x0c, 0x07, 0xac};
	uint32_t m = mac_find(b, mac);

	if (m != NONE)
		return m;
	if ((m = pool_push(b, &b->macs)) == NONE)
		return NONE;
	if (!idmap_put(&b->mac_map, mac_key(mac), m)) {
		b->macs.n--;
		return NONE;
	}
	mac_at(b, m)->mac = mac;
	mac_at(b, m)->endpoints = NONE;
	mac_at(b, m)->router =
	    memcmp(mac.b, vrrp, sizeof(vrrp)) == 0 || memcmp(mac.b, hsrp, sizeof(hsrp)) == 0;
	return m;
}

/* The last record takes the place of one that is empty. */
static void
mac_drop(struct asset_book *b, uint32_t m)
{
	uint32_t last = (uint32_t)b->macs.n - 1;

	idmap_drop(&b->mac_map, mac_key(mac_at(b, m)->mac));
	if (m != last) {
		*mac_at(b, m) = *mac_at(b, last);
		/* The key is there already: a put only replaces its value. */
		if (!idmap_put(&b->mac_map, mac_key(mac_at(b, m)->mac), m))
			b->refused++;
	}
	b->macs.n--;
}

static void
mac_leave(struct asset_book *b, uint32_t e)
{
	struct endpoint *ep = endpoint_at(b, e);
	uint32_t m = mac_is_zero(ep->mac) ? NONE : mac_find(b, ep->mac);

	if (m != NONE) {
		uint32_t *p = &mac_at(b, m)->endpoints;

		while (*p != NONE && *p != e)
			p = &endpoint_at(b, *p)->next_mac;
		if (*p == e)
			*p = ep->next_mac;
		if (mac_at(b, m)->endpoints == NONE && !mac_at(b, m)->router)
			mac_drop(b, m);
	}
	ep->next_mac = NONE;
	ep->mac = (struct mac){{0}};
	ep->bind = BIND_NONE;
}

uint32_t
ip_find(const struct asset_book *b, struct ip ip)
{
	uint32_t e = idmap_get(&b->ip_map, ip_key(b, ip));

	return e != NONE && ip_eq(endpoint_at(b, e)->ip, ip) ? e : NONE;
}

uint32_t
link_end(const struct asset_book *b, uint32_t link, unsigned side)
{
	uint32_t e = link_at(b, link)->ends[side];

	if (e == NONE || LIKELY((endpoint_at(b, e)->flags & EP_FORMER) == 0))
		return e;
	return ip_find(b, endpoint_at(b, e)->ip);
}

/* --- room --- */

static void
endpoint_release(struct asset_book *b, uint32_t e)
{
	struct endpoint *ep = endpoint_at(b, e);
	uint32_t i;

	if (!ip_is_zero(ep->ip) && ip_find(b, ep->ip) == e)
		idmap_drop(&b->ip_map, ip_key(b, ep->ip));
	mac_leave(b, e);
	memset(ep, 0, sizeof(*ep));
	b->n_endpoints--;
	if ((i = pool_push(b, &b->free_endpoints)) != NONE)
		((uint32_t *)b->free_endpoints.items)[i] = e;
}

static void
asset_release(struct asset_book *b, uint32_t slot)
{
	uint32_t i;

	memset(asset_at(b, slot), 0, sizeof(struct asset));
	b->n_assets--;
	if ((i = pool_push(b, &b->free_assets)) != NONE)
		((uint32_t *)b->free_assets.items)[i] = slot;
}

/* Staged, nothing claimed, no link, one address: a spoofed source makes many of these. */
static bool
asset_is_thin(const struct asset_book *b, uint32_t slot)
{
	const struct asset *a = asset_at(b, slot);
	const struct endpoint *ep;

	if (!a->live || a->state != ASSET_STAGED || a->router || a->endpoints == NONE)
		return false;
	ep = endpoint_at(b, a->endpoints);
	return ep->next == NONE && ep->claims == NULL && ep->links == NONE && ep->next_ip == NONE &&
	       (ep->flags & ~EP_LIVE) == 0;
}

/* Make room for one asset with one endpoint: the longest silent thin one of the next 256. */
static void
evict(struct asset_book *b)
{
	uint32_t best = NONE, e;

	for (size_t i = 0; i < 256 && i < b->assets.n; i++) {
		uint32_t slot = b->clock_hand++ % (uint32_t)b->assets.n;

		/* Never one that this event has just touched. */
		if (asset_is_thin(b, slot) && asset_at(b, slot)->last_ns < b->head->time.ns &&
		    (best == NONE || asset_at(b, slot)->last_ns < asset_at(b, best)->last_ns))
			best = slot;
	}
	if (best == NONE)
		return;
	e = asset_at(b, best)->endpoints;
	idmap_drop(&b->ids, asset_at(b, best)->id);
	if (!asset_at(b, best)->dirty)
		dirty_id(b, asset_at(b, best)->id);
	endpoint_release(b, e);
	asset_release(b, best);
	b->evicted++;
}

static uint32_t
take_free(struct asset_book *b, struct pool *freed, struct pool *pool)
{
	if (freed->n > 0)
		return ((uint32_t *)freed->items)[--freed->n];
	return pool_push(b, pool);
}

static uint32_t
asset_make(struct asset_book *b, int64_t first_ns)
{
	uint32_t slot = take_free(b, &b->free_assets, &b->assets);
	struct asset *a;

	if (slot == NONE)
		return NONE;
	b->n_assets++;
	while (b->ids.n >= b->ids.cap && b->forget_hand < b->last_id) {
		uint32_t v = idmap_get(&b->ids, ++b->forget_hand);

		if (v != NONE && (v & GONE_BIT) != 0)
			idmap_drop(&b->ids, b->forget_hand);
	}
	if (b->last_id + 1 >= GONE_BIT || !idmap_put(&b->ids, b->last_id + 1, slot)) {
		asset_release(b, slot);
		return NONE;
	}
	a = asset_at(b, slot);
	*a = (struct asset){.id = ++b->last_id,
	    .endpoints = NONE,
	    .live = true,
	    .first_ns = first_ns,
	    .last_ns = first_ns};
	asset_mark_dirty(b, slot);
	return slot;
}

static uint32_t
endpoint_make(struct asset_book *b, struct ip ip)
{
	struct endpoint *ep;
	uint32_t e, former;

	if (b->n_assets >= b->assets.cap ||
	    (b->free_endpoints.n == 0 && b->endpoints.n >= b->endpoints.cap))
		evict(b);
	if ((e = take_free(b, &b->free_endpoints, &b->endpoints)) == NONE)
		return NONE;
	b->n_endpoints++;
	ep = endpoint_at(b, e);
	*ep = (struct endpoint){.ip = ip,
	    .first_ns = b->head->time.ns,
	    .last_ns = b->head->time.ns,
	    .asset = NONE,
	    .next = NONE,
	    .next_mac = NONE,
	    .next_ip = NONE,
	    .links = NONE,
	    .heir = NONE,
	    .flags = EP_LIVE};
	if (!ip_is_zero(ip)) {
		former = ip_find(b, ip);
		if (!idmap_put(&b->ip_map, ip_key(b, ip), e)) {
			ep->ip = (struct ip){{0}};
			endpoint_release(b, e);
			return NONE;
		}
		if (former != NONE) {
			endpoint_at(b, former)->flags |= EP_FORMER;
			ep->next_ip = former;
		}
	}
	return e;
}

/* --- merge and split --- */

static enum asset_state
stronger_state(enum asset_state x, enum asset_state y)
{
	static const uint8_t rank[] = {
	    [ASSET_STAGED] = 0, [ASSET_RETIRED] = 1, [ASSET_APPROVED] = 2, [ASSET_BLOCKED] = 3};

	return rank[x] >= rank[y] ? x : y;
}

static void
merge(struct asset_book *b, uint32_t x, uint32_t y, const char *reason, uint32_t endpoint)
{
	uint32_t keep = asset_at(b, x)->id < asset_at(b, y)->id ? x : y;
	uint32_t gone = keep == x ? y : x;
	char before[16], after[16];
	struct asset *k, *g;
	uint32_t e;

	if (x == y)
		return;
	k = asset_at(b, keep);
	g = asset_at(b, gone);
	while ((e = g->endpoints) != NONE) {
		list_drop(b, e);
		list_add(b, keep, e);
	}
	k->state = (uint8_t)stronger_state(k->state, g->state);
	if (g->first_ns < k->first_ns)
		k->first_ns = g->first_ns;
	if (g->last_ns > k->last_ns)
		k->last_ns = g->last_ns;
	snprintf(before, sizeof(before), "%u", (unsigned)g->id);
	snprintf(after, sizeof(after), "%u", (unsigned)k->id);
	/* The key is there already: a put only replaces its value. */
	if (!idmap_put(&b->ids, g->id, GONE_BIT | k->id))
		idmap_drop(&b->ids, g->id);
	if (!g->dirty)
		dirty_id(b, g->id);
	asset_release(b, gone);
	b->merges++;
	asset_mark_dirty(b, keep);
	asset_classify(b, keep);
	device_event(b, asset_at(b, keep)->id, "merge", 0, bytes_str(before), bytes_str(after),
	    reason, endpoint);
}

static bool
same_bound_mac(const struct endpoint *x, const struct endpoint *y)
{
	return x->bind == BIND_BOUND && y->bind == BIND_BOUND && mac_eq(x->mac, y->mac);
}

/* Move e, and what its MAC ties to it, out of its asset into a new one. */
static void
split_off(struct asset_book *b, uint32_t e, const char *reason)
{
	uint32_t old = endpoint_at(b, e)->asset, slot, next;
	struct endpoint *ep;
	char before[16];
	int64_t first = endpoint_at(b, e)->first_ns;
	bool others = false;

	for (uint32_t o = asset_at(b, old)->endpoints; o != NONE; o = endpoint_at(b, o)->next) {
		if (o != e && !same_bound_mac(endpoint_at(b, o), endpoint_at(b, e)))
			others = true;
	}
	if (!others)
		return;
	if (b->n_assets >= b->assets.cap)
		evict(b);
	if ((slot = asset_make(b, first)) == NONE) {
		b->refused++;
		return;
	}
	ep = endpoint_at(b, e);
	for (uint32_t o = asset_at(b, old)->endpoints; o != NONE; o = next) {
		next = endpoint_at(b, o)->next;
		if (o == e || same_bound_mac(endpoint_at(b, o), ep)) {
			list_drop(b, o);
			list_add(b, slot, o);
			if (endpoint_at(b, o)->last_ns > asset_at(b, slot)->last_ns)
				asset_at(b, slot)->last_ns = endpoint_at(b, o)->last_ns;
		}
	}
	b->splits++;
	asset_mark_dirty(b, old);
	asset_classify(b, old);
	asset_classify(b, slot);
	snprintf(before, sizeof(before), "%u", (unsigned)asset_at(b, old)->id);
	device_event(
	    b, asset_at(b, slot)->id, "split", 0, bytes_str(before), (struct bytes){0}, reason, e);
}

/* e was taken for an earlier address of its heir, but it speaks: they are two. */
static void
endpoint_returns(struct asset_book *b, uint32_t e)
{
	struct endpoint *ep = endpoint_at(b, e);
	uint32_t heir = ep->heir;

	ep->flags &= (uint16_t)~EP_SUPERSEDED;
	ep->heir = NONE;
	if (heir != NONE && (endpoint_at(b, heir)->flags & EP_LIVE) != 0 &&
	    endpoint_at(b, heir)->asset == ep->asset && !same_bound_mac(endpoint_at(b, heir), ep))
		split_off(b, heir, "the earlier address speaks again");
}

static bool
silent(const struct asset_book *b, uint32_t e)
{
	return b->head->time.ns - endpoint_at(b, e)->last_ns >= ASSET_QUIET_S * NS_PER_S;
}

static void
supersede(struct asset_book *b, uint32_t old, uint32_t heir, const char *reason)
{
	endpoint_at(b, old)->flags |= EP_SUPERSEDED;
	endpoint_at(b, old)->heir = heir;
	merge(b, endpoint_at(b, old)->asset, endpoint_at(b, heir)->asset, reason, heir);
}

/* --- MACs --- */

static uint32_t
net24(struct ip ip)
{
	return (uint32_t)ip.b[12] << 16 | (uint32_t)ip.b[13] << 8 | ip.b[14];
}

/* Does what this MAC carries show that it forwards for others? */
static bool
mac_forwards(const struct asset_book *b, uint32_t m)
{
	uint32_t first_net = UINT32_MAX;
	size_t total = 0, public = 0;
	bool nets_differ = false;

	for (uint32_t e = mac_at(b, m)->endpoints; e != NONE; e = endpoint_at(b, e)->next_mac) {
		const struct endpoint *ep = endpoint_at(b, e);

		if (ip_is_zero(ep->ip) || !ip_is_v4(ep->ip) || (ep->flags & EP_FORMER) != 0)
			continue;
		total++;
		if (ep->bind == BIND_BOUND)
			continue;
		if (!ip_is_private(ep->ip))
		public++;
		if (first_net == UINT32_MAX)
			first_net = net24(ep->ip);
		else if (first_net != net24(ep->ip))
			nets_differ = true;
	}
	return nets_differ || (public > 0 && total > 1) || total > ASSET_ROUTER_IPS;
}

static void
mark_router(struct asset_book *b, uint32_t e)
{
	endpoint_at(b, e)->flags |= EP_ROUTER;
	asset_mark_dirty(b, endpoint_at(b, e)->asset);
	asset_classify(b, endpoint_at(b, e)->asset);
}

static uint32_t place(struct asset_book *b, uint32_t e);

/* The lowest endpoint of a MAC that the MAC, being a router's, says nothing about; or NONE. */
static uint32_t
one_behind(const struct asset_book *b, uint32_t m, size_t bound)
{
	uint32_t best = NONE;

	for (uint32_t e = mac_at(b, m)->endpoints; e != NONE; e = endpoint_at(b, e)->next_mac) {
		const struct endpoint *ep = endpoint_at(b, e);

		if (ep->bind != BIND_BOUND || (bound > ASSET_ROUTER_IPS && !ip_is_zero(ep->ip)))
			best = e < best ? e : best;
	}
	return best;
}

/* Records of MACs move when one is dropped, and a new asset may drop one: look up again. */
static void
mac_becomes_router(struct asset_book *b, struct mac mac)
{
	struct ip none = {{0}};
	uint32_t e, m = mac_find(b, mac);
	size_t bound = 0;

	mac_at(b, m)->router = true;
	for (e = mac_at(b, m)->endpoints; e != NONE; e = endpoint_at(b, e)->next_mac)
		bound += endpoint_at(b, e)->bind == BIND_BOUND;
	while ((e = one_behind(b, mac_find(b, mac), bound)) != NONE) {
		if ((endpoint_at(b, e)->flags & EP_SUPERSEDED) != 0)
			endpoint_returns(b, e);
		mac_leave(b, e);
		split_off(b, e, "its MAC forwards for several networks");
	}
	m = mac_find(b, mac);
	if (mac_at(b, m)->endpoints == NONE) {
		if ((e = endpoint_make(b, none)) == NONE)
			return;
		m = mac_find(b, mac);
		endpoint_at(b, e)->mac = mac;
		endpoint_at(b, e)->bind = BIND_BOUND;
		endpoint_at(b, e)->flags |= EP_ROUTER;
		mac_at(b, m)->endpoints = e;
		(void)place(b, e);
		return;
	}
	for (e = mac_at(b, m)->endpoints; e != NONE; e = endpoint_at(b, e)->next_mac)
		mark_router(b, e);
}

/* Make one asset of what this endpoint's MAC proves. */
static void
tie(struct asset_book *b, uint32_t e)
{
	const struct endpoint *ep = endpoint_at(b, e);
	uint32_t m = mac_find(b, ep->mac), bound = NONE, before = NONE;

	if (m == NONE)
		return;
	for (uint32_t o = mac_at(b, m)->endpoints; o != NONE; o = endpoint_at(b, o)->next_mac) {
		const struct endpoint *op = endpoint_at(b, o);

		if (o == e)
			continue;
		if (ep->bind == BIND_BOUND && op->bind == BIND_BOUND)
			bound = o < bound ? o : bound;
		else if (!mac_at(b, m)->router && op->asset != ep->asset &&
			 (op->flags & EP_SUPERSEDED) == 0 && ip_is_v4(op->ip) && ip_is_v4(ep->ip) &&
			 net24(op->ip) == net24(ep->ip) && silent(b, o))
			before = o < before ? o : before;
	}
	if (bound != NONE) {
		struct endpoint *op = endpoint_at(b, bound);

		if (op->asset != ep->asset)
			merge(b, op->asset, ep->asset, "the same MAC", e);
		for (uint32_t o = mac_at(b, m)->endpoints; o != NONE;
		     o = endpoint_at(b, o)->next_mac) {
			if (endpoint_at(b, o)->heir != NONE &&
			    same_bound_mac(
				endpoint_at(b, o), endpoint_at(b, endpoint_at(b, o)->heir))) {
				endpoint_at(b, o)->flags &= (uint16_t)~EP_SUPERSEDED;
				endpoint_at(b, o)->heir = NONE;
			}
		}
	} else if (before != NONE) {
		supersede(b, before, e, "the same MAC, after the earlier address fell silent");
	}
}

/* Give an endpoint that is in no asset its asset. */
static uint32_t
place(struct asset_book *b, uint32_t e)
{
	uint32_t slot = asset_make(b, b->head->time.ns);

	if (slot == NONE) {
		endpoint_release(b, e);
		return NONE;
	}
	list_add(b, slot, e);
	asset_classify(b, slot);
	device_event(
	    b, asset_at(b, slot)->id, "new", 0, (struct bytes){0}, (struct bytes){0}, NULL, e);
	return e;
}

/* Put a placed endpoint under a MAC. */
static void
mac_join(struct asset_book *b, uint32_t e, struct mac mac, enum bind bind)
{
	uint32_t m = mac_make(b, mac);

	if (m == NONE) {
		b->refused++;
		return;
	}
	if (mac_at(b, m)->router && bind != BIND_BOUND)
		return;
	endpoint_at(b, e)->mac = mac;
	endpoint_at(b, e)->bind = (uint8_t)bind;
	endpoint_at(b, e)->next_mac = mac_at(b, m)->endpoints;
	mac_at(b, m)->endpoints = e;
	if (mac_forwards(b, m)) {
		mac_becomes_router(b, mac);
		if (mac_is_zero(endpoint_at(b, e)->mac))
			return;
	}
	tie(b, e);
	if (mac_at(b, mac_find(b, mac))->router)
		mark_router(b, e);
}

void
endpoint_is_router(struct asset_book *b, uint32_t e)
{
	uint32_t m =
	    mac_is_zero(endpoint_at(b, e)->mac) ? NONE : mac_find(b, endpoint_at(b, e)->mac);

	if ((endpoint_at(b, e)->flags & EP_ROUTER) == 0)
		mark_router(b, e);
	if (m != NONE && !mac_at(b, m)->router && endpoint_at(b, e)->bind == BIND_BOUND)
		mac_becomes_router(b, endpoint_at(b, e)->mac);
}

void
endpoint_heard(struct asset_book *b, uint32_t e)
{
	struct endpoint *ep = endpoint_at(b, e);
	struct asset *a = asset_at(b, ep->asset);

	if (b->head->time.ns > ep->last_ns)
		ep->last_ns = b->head->time.ns;
	if (b->head->time.ns > a->last_ns)
		a->last_ns = b->head->time.ns;
	asset_mark_dirty(b, ep->asset);
}

/* The IP of e is bound to another MAC now: e stays where it is as a former address. */
static uint32_t
address_moves(struct asset_book *b, uint32_t e, struct mac mac)
{
	struct ip ip = endpoint_at(b, e)->ip;
	char before[MAC_TEXT_MAX], after[MAC_TEXT_MAX];
	struct bytes was = bytes_of(before, mac_format(endpoint_at(b, e)->mac, before));
	struct bytes is = bytes_of(after, mac_format(mac, after));
	uint32_t o, m;

	endpoint_heard(b, e);
	for (o = endpoint_at(b, e)->next_ip; o != NONE; o = endpoint_at(b, o)->next_ip) {
		if (mac_eq(endpoint_at(b, o)->mac, mac))
			break;
	}
	if (o != NONE) {
		/* Between the two once more: swap their places in the list of this IP. */
		uint32_t prev = e;

		while (endpoint_at(b, prev)->next_ip != o)
			prev = endpoint_at(b, prev)->next_ip;
		endpoint_at(b, prev)->next_ip = endpoint_at(b, o)->next_ip;
		endpoint_at(b, o)->next_ip = e;
		endpoint_at(b, o)->flags &= (uint16_t)~EP_FORMER;
		endpoint_at(b, e)->flags |= EP_FORMER;
		return idmap_put(&b->ip_map, ip_key(b, ip), o) ? o : e;
	}
	/* A device known by its MAC only gets its address. */
	if ((o = endpoint_make(b, ip)) == NONE) {
		b->refused++;
		return e;
	}
	if (place(b, o) == NONE) {
		/* The map entry went with it: the address stays where it was. */
		endpoint_at(b, e)->flags &= (uint16_t)~EP_FORMER;
		if (!idmap_put(&b->ip_map, ip_key(b, ip), e))
			b->refused++;
		return e;
	}
	mac_join(b, o, mac, BIND_BOUND);
	m = endpoint_at(b, o)->asset;
	device_event(
	    b, asset_at(b, m)->id, "change", 0, was, is, "the address went to another MAC", o);
	return o;
}

/* The endpoint that stands for a MAC: its lowest bound one, else its lowest. */
static uint32_t
mac_main(const struct asset_book *b, uint32_t m)
{
	uint32_t best = NONE;

	for (uint32_t e = mac_at(b, m)->endpoints; e != NONE; e = endpoint_at(b, e)->next_mac) {
		if (best == NONE || endpoint_at(b, e)->bind > endpoint_at(b, best)->bind ||
		    (endpoint_at(b, e)->bind == endpoint_at(b, best)->bind && e < best))
			best = e;
	}
	return best;
}

static uint32_t
mac_touch(struct asset_book *b, struct mac mac, enum make make)
{
	struct ip none = {{0}};
	uint32_t m = mac_find(b, mac), e;

	if (m != NONE && (e = mac_main(b, m)) != NONE)
		return e;
	if (make == LOOK || (e = endpoint_make(b, none)) == NONE || place(b, e) == NONE)
		return NONE;
	mac_join(b, e, mac, BIND_BOUND);
	return e;
}

/* An IPv6 address that is on this link by its form. */
static bool
ip_of_mac(struct ip ip, struct mac mac)
{
	uint8_t eui[8] = {
	    mac.b[0] ^ 2, mac.b[1], mac.b[2], 0xff, 0xfe, mac.b[3], mac.b[4], mac.b[5]};

	if (ip_is_v4(ip))
		return false;
	return (ip.b[0] == 0xfe && (ip.b[1] & 0xc0) == 0x80) || memcmp(ip.b + 8, eui, 8) == 0;
}

/* A bound IP takes over the endpoint under which its MAC was known before it had an address. */
static uint32_t
adopt(struct asset_book *b, struct ip ip, struct mac mac)
{
	uint32_t m = mac_find(b, mac);

	if (m == NONE)
		return NONE;
	for (uint32_t e = mac_at(b, m)->endpoints; e != NONE; e = endpoint_at(b, e)->next_mac) {
		if (ip_is_zero(endpoint_at(b, e)->ip) && idmap_put(&b->ip_map, ip_key(b, ip), e)) {
			endpoint_at(b, e)->ip = ip;
			asset_mark_dirty(b, endpoint_at(b, e)->asset);
			return e;
		}
	}
	return NONE;
}

/* Say that a device has a further IPv4 address: people look for that. */
static void
tell_address(struct asset_book *b, uint32_t e)
{
	const struct asset *a = asset_at(b, endpoint_at(b, e)->asset);
	char before[IP_TEXT_MAX], after[IP_TEXT_MAX];
	uint32_t last = NONE;

	if (!ip_is_v4(endpoint_at(b, e)->ip))
		return;
	for (uint32_t o = a->endpoints; o != NONE; o = endpoint_at(b, o)->next) {
		if (o != e && !ip_is_zero(endpoint_at(b, o)->ip) &&
		    ip_is_v4(endpoint_at(b, o)->ip) &&
		    (last == NONE || endpoint_at(b, o)->last_ns > endpoint_at(b, last)->last_ns ||
			(endpoint_at(b, o)->last_ns == endpoint_at(b, last)->last_ns && o < last)))
			last = o;
	}
	if (last == NONE || a->router)
		return;
	device_event(b, a->id, "change", 0,
	    bytes_of(before, ip_format(endpoint_at(b, last)->ip, before)),
	    bytes_of(after, ip_format(endpoint_at(b, e)->ip, after)), "a further address", e);
}

uint32_t
endpoint_touch(struct asset_book *b, struct ip ip, struct mac mac, enum bind bind, enum make make)
{
	struct mac none = {{0}};
	struct endpoint *ep;
	uint32_t e;
	bool make_asset = make == MAKE;

	if (mac_is_group(mac))
		mac = none;
	if (ip_is_zero(ip))
		return mac_is_zero(mac) ? NONE : mac_touch(b, mac, make);
	if (ip_is_group(ip))
		return NONE;
	if (bind != BIND_BOUND && !ip_is_v4(ip) && !mac_is_zero(mac) && ip_of_mac(ip, mac))
		bind = BIND_BOUND;
	e = ip_find(b, ip);
	if (UNLIKELY(e == NONE)) {
		uint64_t merges = b->merges;

		if (!make_asset)
			return NONE;
		if (bind == BIND_BOUND && !mac_is_zero(mac) && (e = adopt(b, ip, mac)) != NONE)
			return e;
		if ((e = endpoint_make(b, ip)) == NONE || place(b, e) == NONE) {
			b->refused++;
			return NONE;
		}
		if (!mac_is_zero(mac))
			mac_join(b, e, mac, bind);
		if (b->merges != merges)
			tell_address(b, e);
		return e;
	}
	ep = endpoint_at(b, e);
	if (!mac_is_zero(mac)) {
		if (LIKELY(mac_eq(ep->mac, mac))) {
			if (UNLIKELY(bind > (enum bind)ep->bind)) {
				ep->bind = (uint8_t)bind;
				tie(b, e);
				asset_mark_dirty(b, endpoint_at(b, e)->asset);
			}
		} else if (mac_is_zero(ep->mac)) {
			mac_join(b, e, mac, bind);
		} else if (bind == BIND_BOUND) {
			if (ep->bind == BIND_BOUND) {
				e = address_moves(b, e, mac);
			} else {
				mac_leave(b, e);
				mac_join(b, e, mac, bind);
			}
		}
		ep = endpoint_at(b, e);
	}
	if (UNLIKELY((ep->flags & EP_SUPERSEDED) != 0))
		endpoint_returns(b, e);
	endpoint_heard(b, e);
	return e;
}

/* --- names and serial numbers --- */

static bool
serial_is_telling(struct bytes s)
{
	bool digit = false, differs = false;

	for (size_t i = 0; i < s.len; i++) {
		digit = digit || (s.ptr[i] >= '0' && s.ptr[i] <= '9');
		differs = differs || s.ptr[i] != s.ptr[0];
	}
	return s.len >= 4 && digit && differs;
}

/* The one serial number an endpoint claims for itself; NULL where there are several or none. */
static const struct claim *
serial_of(const struct endpoint *ep)
{
	const struct claim *found = NULL;

	for (const struct claim *c = ep->claims; c != NULL; c = c->next) {
		if (c->attr != attr_serial || c->confidence < 50 || !claim_is_direct(ep, c))
			continue;
		if (c->many || (found != NULL && !bytes_eq(claim_value(c), claim_value(found))))
			return NULL;
		found = c;
	}
	return found;
}

void
endpoint_match_serial(struct asset_book *b, uint32_t e)
{
	struct endpoint *ep = endpoint_at(b, e);
	const struct claim *serial = serial_of(ep), *other, *model, *omodel;
	uint64_t key;
	uint32_t o;

	if (serial == NULL || !serial_is_telling(claim_value(serial)))
		return;
	key = text_key(b, claim_value(serial));
	o = idmap_get(&b->serial_map, key);
	if (o == NONE || o == e || (endpoint_at(b, o)->flags & EP_LIVE) == 0 ||
	    (other = serial_of(endpoint_at(b, o))) == NULL ||
	    !bytes_eq_nocase(claim_value(other), claim_value(serial))) {
		if (!idmap_put(&b->serial_map, key, e))
			b->refused++;
		return;
	}
	if (endpoint_at(b, o)->asset == ep->asset)
		return;
	model = claim_best_of(ep, attr_model, NULL);
	omodel = claim_best_of(endpoint_at(b, o), attr_model, NULL);
	if (model == NULL || omodel == NULL ||
	    !bytes_eq_nocase(claim_value(model), claim_value(omodel)))
		return;
	if (silent(b, o)) {
		supersede(b, o, e, "the same serial number and model");
		tell_address(b, e);
		if (!idmap_put(&b->serial_map, key, e))
			b->refused++;
	} else if ((ep->flags & EP_TWIN) == 0) {
		char ip[IP_TEXT_MAX];

		ep->flags |= EP_TWIN;
		device_event(b, asset_at(b, ep->asset)->id, "change", attr_serial,
		    bytes_of(ip, ip_format(endpoint_at(b, o)->ip, ip)), claim_value(serial),
		    "the same serial number and model at two addresses", e);
	}
}

static bool
host_is_telling(struct bytes h)
{
	static const char *const common[] = {"localhost", "localhost.localdomain", "android",
	    "iphone", "ipad", "desktop", "laptop", "host", "pc", "user-pc", "windows",
	    "raspberrypi", "debian", "ubuntu", "unknown", "none", "workgroup"};

	for (size_t i = 0; i < ARRAY_LEN(common); i++) {
		if (bytes_eq_nocase(h, bytes_str(common[i])))
			return false;
	}
	return h.len >= 3;
}

void
endpoint_match_host(struct asset_book *b, uint32_t e, struct bytes host)
{
	const struct endpoint *ep = endpoint_at(b, e), *op;
	uint64_t key = text_key(b, host);
	uint32_t o = idmap_get(&b->host_map, key);

	if (!host_is_telling(host))
		return;
	if (!idmap_put(&b->host_map, key, e))
		b->refused++;
	if (o == NONE || o == e)
		return;
	op = endpoint_at(b, o);
	if ((op->flags & EP_LIVE) == 0 || op->asset == ep->asset || !silent(b, o) ||
	    (!mac_is_zero(op->mac) && !mac_is_zero(ep->mac) && !mac_eq(op->mac, ep->mac)))
		return;
	for (const struct claim *c = op->claims; c != NULL; c = c->next) {
		if (c->attr == attr_hostname && bytes_eq_nocase(claim_value(c), host)) {
			supersede(b, o, e, "the same host name");
			tell_address(b, e);
			return;
		}
	}
}

/* --- after a restore --- */

bool
book_relink(struct asset_book *b)
{
	for (uint32_t i = 0; i < b->assets.n; i++)
		asset_at(b, i)->endpoints = NONE;
	for (uint32_t i = 0; i < b->macs.n; i++) {
		mac_at(b, i)->endpoints = NONE;
		if (!idmap_put(&b->mac_map, mac_key(mac_at(b, i)->mac), i))
			return false;
	}
	for (uint32_t i = 0; i < b->endpoints.n; i++) {
		struct endpoint *ep = endpoint_at(b, i);
		uint32_t m;

		ep->next = ep->next_mac = ep->next_ip = ep->links = NONE;
		if ((ep->flags & EP_LIVE) == 0)
			continue;
		list_add(b, ep->asset, i);
		if (!mac_is_zero(ep->mac) && (m = mac_find(b, ep->mac)) != NONE) {
			ep->next_mac = mac_at(b, m)->endpoints;
			mac_at(b, m)->endpoints = i;
		}
		if (!ip_is_zero(ep->ip) && (ep->flags & EP_FORMER) == 0 &&
		    !idmap_put(&b->ip_map, ip_key(b, ep->ip), i))
			return false;
	}
	for (uint32_t i = 0; i < b->endpoints.n; i++) {
		struct endpoint *ep = endpoint_at(b, i);
		uint32_t top;

		if ((ep->flags & (EP_LIVE | EP_FORMER)) != (EP_LIVE | EP_FORMER) ||
		    (top = ip_find(b, ep->ip)) == NONE)
			continue;
		ep->next_ip = endpoint_at(b, top)->next_ip;
		endpoint_at(b, top)->next_ip = i;
	}
	for (uint32_t i = 0; i < b->links.n; i++) {
		struct link *l = link_at(b, i);

		for (unsigned side = 0; side < 2; side++) {
			l->next[side] = NONE;
			if (l->ends[side] == NONE)
				continue;
			l->next[side] = endpoint_at(b, l->ends[side])->links;
			endpoint_at(b, l->ends[side])->links = i * 2 + side;
		}
		if (!idmap_put(&b->link_map, l->id, i))
			return false;
	}
	return true;
}
