/* SPDX-License-Identifier: Apache-2.0 */
/* A book as bytes and back.
 * Layout: magic, version; counters; assets, endpoints (each with its claims), MACs, links, free
 *         lists, redirects of ids, the two text maps, dirty ids. Lists that can be rebuilt from
 *         these are not written. Every index is held against its pool before it is used. */
#include "asset/book.h"
#include "base/pack.h"

static const uint8_t magic[4] = {'H', 'M', 'A', 'B'};

enum { SNAPSHOT_VERSION = 1 };

/* NONE travels as 0, an index as itself + 1. */
static void
pack_index(struct buf *out, uint32_t i)
{
	pack_u64(out, i == NONE ? 0 : (uint64_t)i + 1);
}

static uint32_t
unpack_index(struct cursor *c, size_t n)
{
	uint64_t v = unpack_upto(c, n);

	return v == 0 ? NONE : (uint32_t)(v - 1);
}

/* An index that must be there. */
static uint32_t
unpack_member(struct cursor *c, size_t n)
{
	uint64_t v = unpack_u64(c);

	if (v >= n) {
		c->short_ = true;
		return 0;
	}
	return (uint32_t)v;
}

static void
pack_claims(const struct endpoint *ep, struct buf *out)
{
	pack_u64(out, ep->n_claims);
	for (const struct claim *c = ep->claims; c != NULL; c = c->next) {
		pack_bytes(out, claim_value(c));
		pack_bytes(out, claim_source(c));
		pack_u64(out, (uint64_t)c->first_ns);
		pack_u64(out, (uint64_t)c->since_ns);
		pack_u64(out, (uint64_t)c->last_ns);
		pack_u64(out, c->source);
		pack_u64(out, c->packet);
		pack_u64(out, c->flow);
		pack_u64(out, c->offset);
		pack_u64(out, c->count);
		pack_u64(out, c->attr);
		pack_u64(out, c->confidence);
		pack_u64(out, (uint64_t)(c->behind | c->dir << 1 | c->many << 2));
	}
}

static void
pack_endpoint(const struct endpoint *ep, struct buf *out)
{
	pack_u64(out, ep->flags);
	if ((ep->flags & EP_LIVE) == 0)
		return;
	pack_raw(out, ep->ip.b, sizeof(ep->ip.b));
	pack_raw(out, ep->mac.b, sizeof(ep->mac.b));
	pack_u64(out, ep->bind);
	pack_u64(out, ep->asset);
	pack_index(out, ep->heir);
	pack_u64(out, (uint64_t)ep->first_ns);
	pack_u64(out, (uint64_t)ep->last_ns);
	pack_u64(out, ep->client_of);
	pack_u64(out, ep->server_of);
	for (size_t r = 0; r < ROLES; r++)
		pack_u64(out, ep->roles[r]);
	pack_claims(ep, out);
}

static void
pack_asset(const struct asset *a, struct buf *out)
{
	pack_u64(out, a->live ? a->id : 0);
	if (!a->live)
		return;
	pack_u64(out, a->state);
	pack_u64(out, a->class);
	pack_u64(out, (uint64_t)a->first_ns);
	pack_u64(out, (uint64_t)a->last_ns);
	pack_u64(out, (uint64_t)(a->clinical | a->router << 1));
}

static void
pack_link(const struct link *l, struct buf *out)
{
	pack_u64(out, l->id);
	for (unsigned side = 0; side < 2; side++) {
		pack_raw(out, l->ip[side].b, sizeof(l->ip[side].b));
		pack_index(out, l->ends[side]);
	}
	pack_u64(out, (uint64_t)l->first_ns);
	pack_u64(out, (uint64_t)l->last_ns);
	pack_u64(out, l->messages);
	pack_u64(out, l->port);
	pack_u64(out, l->proto);
	pack_u64(out, l->transport);
}

static void
pack_free(const struct pool *p, struct buf *out)
{
	pack_u64(out, p->n);
	for (size_t i = 0; i < p->n; i++)
		pack_u64(out, ((const uint32_t *)p->items)[i]);
}

static void
pack_map(const struct idmap *m, struct buf *out)
{
	pack_u64(out, m->n);
	for (size_t i = 0; i < m->room; i++) {
		if (m->slots[i].key != 0) {
			pack_u64(out, m->slots[i].key);
			pack_u64(out, m->slots[i].value);
		}
	}
}

bool
asset_encode(const struct asset_book *b, struct buf *out)
{
	size_t gone = 0;

	pack_raw(out, magic, sizeof(magic));
	pack_u64(out, SNAPSHOT_VERSION);
	pack_u64(out, b->last_id);
	pack_u64(out, b->clock_hand);
	pack_u64(out, b->forget_hand);
	pack_u64(out, b->refused);
	pack_u64(out, b->evicted);
	pack_u64(out, b->merges);
	pack_u64(out, b->splits);
	pack_u64(out, b->assets.n);
	pack_u64(out, b->endpoints.n);
	pack_u64(out, b->macs.n);
	pack_u64(out, b->links.n);
	for (uint32_t i = 0; i < b->assets.n; i++)
		pack_asset(asset_at(b, i), out);
	for (uint32_t i = 0; i < b->endpoints.n; i++)
		pack_endpoint(endpoint_at(b, i), out);
	for (uint32_t i = 0; i < b->macs.n; i++) {
		pack_raw(out, mac_at(b, i)->mac.b, 6);
		pack_u64(out, mac_at(b, i)->router);
	}
	for (uint32_t i = 0; i < b->links.n; i++)
		pack_link(link_at(b, i), out);
	pack_free(&b->free_assets, out);
	pack_free(&b->free_endpoints, out);
	for (size_t i = 0; i < b->ids.room; i++)
		gone += b->ids.slots[i].key != 0 && (b->ids.slots[i].value & GONE_BIT) != 0;
	pack_u64(out, gone);
	for (size_t i = 0; i < b->ids.room; i++) {
		if (b->ids.slots[i].key != 0 && (b->ids.slots[i].value & GONE_BIT) != 0) {
			pack_u64(out, b->ids.slots[i].key);
			pack_u64(out, b->ids.slots[i].value & ~GONE_BIT);
		}
	}
	pack_map(&b->serial_map, out);
	pack_map(&b->host_map, out);
	pack_u64(out, b->dirty.n - b->dirty_taken);
	for (size_t i = b->dirty_taken; i < b->dirty.n; i++)
		pack_u64(out, ((const uint32_t *)b->dirty.items)[i]);
	return !out->cut;
}

/* --- reading --- */

static bool
unpack_claims(struct asset_book *b, struct endpoint *ep, struct cursor *c)
{
	uint64_t n = unpack_upto(c, b->limits.claims);
	struct claim **tail = &ep->claims;

	for (uint64_t i = 0; i < n && !c->short_; i++) {
		struct bytes value = unpack_bytes(c, 128), source = unpack_bytes(c, 40);
		struct claim *k;
		uint64_t bits;

		if (c->short_)
			return true;
		if ((k = claim_new(b, value, source)) == NULL)
			return false;
		*tail = k;
		tail = &k->next;
		ep->n_claims++;
		k->first_ns = (int64_t)unpack_u64(c);
		k->since_ns = (int64_t)unpack_u64(c);
		k->last_ns = (int64_t)unpack_u64(c);
		k->source = unpack_u64(c);
		k->packet = unpack_u64(c);
		k->flow = unpack_u64(c);
		k->offset = unpack_u64(c);
		k->count = (uint32_t)unpack_upto(c, UINT32_MAX);
		k->attr = (uint8_t)unpack_upto(c, UINT8_MAX);
		k->confidence = (uint8_t)unpack_upto(c, 100);
		bits = unpack_upto(c, 7);
		k->behind = bits & 1;
		k->dir = bits >> 1 & 1;
		k->many = bits >> 2 & 1;
	}
	return true;
}

static bool
unpack_endpoint(struct asset_book *b, struct endpoint *ep, struct cursor *c)
{
	ep->flags = (uint16_t)unpack_upto(c, UINT16_MAX);
	ep->heir = NONE;
	if ((ep->flags & EP_LIVE) == 0) {
		ep->flags = 0;
		return true;
	}
	b->n_endpoints++;
	unpack_raw(c, ep->ip.b, sizeof(ep->ip.b));
	unpack_raw(c, ep->mac.b, sizeof(ep->mac.b));
	ep->bind = (uint8_t)unpack_upto(c, BIND_BOUND);
	ep->asset = unpack_member(c, b->assets.n);
	ep->heir = unpack_index(c, b->endpoints.n);
	ep->first_ns = (int64_t)unpack_u64(c);
	ep->last_ns = (int64_t)unpack_u64(c);
	ep->client_of = unpack_u64(c);
	ep->server_of = unpack_u64(c);
	for (size_t r = 0; r < ROLES; r++)
		ep->roles[r] = (uint32_t)unpack_upto(c, UINT32_MAX);
	if (ep->asset < b->assets.n && !asset_at(b, ep->asset)->live)
		c->short_ = true;
	return unpack_claims(b, ep, c);
}

static bool
unpack_asset(struct asset_book *b, uint32_t slot, struct cursor *c)
{
	struct asset *a = asset_at(b, slot);
	uint64_t bits;

	a->endpoints = NONE;
	a->id = (uint32_t)unpack_upto(c, b->last_id);
	if (a->id == 0)
		return true;
	a->live = true;
	b->n_assets++;
	a->state = (uint8_t)unpack_upto(c, ASSET_RETIRED);
	a->class = (uint8_t)unpack_upto(c, ASSET_CLASSES - 1);
	a->first_ns = (int64_t)unpack_u64(c);
	a->last_ns = (int64_t)unpack_u64(c);
	bits = unpack_upto(c, 3);
	a->clinical = bits & 1;
	a->router = bits >> 1 & 1;
	if (idmap_get(&b->ids, a->id) != NONE)
		c->short_ = true; /* an id twice */
	return idmap_put(&b->ids, a->id, slot);
}

static void
unpack_link(struct asset_book *b, struct link *l, struct cursor *c)
{
	l->id = unpack_u64(c);
	for (unsigned side = 0; side < 2; side++) {
		unpack_raw(c, l->ip[side].b, sizeof(l->ip[side].b));
		l->ends[side] = unpack_index(c, b->endpoints.n);
		if (l->ends[side] != NONE && (endpoint_at(b, l->ends[side])->flags & EP_LIVE) == 0)
			c->short_ = true;
	}
	l->first_ns = (int64_t)unpack_u64(c);
	l->last_ns = (int64_t)unpack_u64(c);
	l->messages = unpack_u64(c);
	l->port = (uint16_t)unpack_upto(c, UINT16_MAX);
	l->proto = (uint8_t)unpack_upto(c, PROTO_MAX - 1);
	l->transport = (uint8_t)unpack_upto(c, UINT8_MAX);
	if (l->id == 0)
		c->short_ = true;
}

/* n zeroed items, each of which stands for at least one byte of the input. */
static bool
unpack_pool(struct asset_book *b, struct pool *p, struct cursor *c)
{
	uint64_t n = unpack_u64(c);

	if (n > p->cap || n > cursor_left(c)) {
		c->short_ = true;
		return n <= p->cap;
	}
	while (p->n < n) {
		if (pool_push(b, p) == NONE)
			return false;
	}
	return true;
}

static bool
unpack_free(struct asset_book *b, struct pool *p, size_t members, struct cursor *c)
{
	if (!unpack_pool(b, p, c))
		return false;
	for (size_t i = 0; i < p->n; i++)
		((uint32_t *)p->items)[i] = unpack_member(c, members);
	return true;
}

static bool
unpack_map(struct idmap *m, size_t members, struct cursor *c)
{
	uint64_t n = unpack_upto(c, m->cap);

	for (uint64_t i = 0; i < n && !c->short_; i++) {
		uint64_t key = unpack_u64(c);
		uint32_t value = unpack_member(c, members);

		if (key == 0)
			c->short_ = true;
		else if (!idmap_put(m, key, value))
			return false;
	}
	return true;
}

static bool
unpack_gone(struct asset_book *b, struct cursor *c)
{
	uint64_t n = unpack_upto(c, b->ids.cap);

	for (uint64_t i = 0; i < n && !c->short_; i++) {
		uint64_t id = unpack_upto(c, b->last_id), to = unpack_u64(c);

		if (id == 0 || to == 0 || to >= id || idmap_get(&b->ids, id) != NONE)
			c->short_ = true;
		else if (!idmap_put(&b->ids, id, GONE_BIT | (uint32_t)to))
			return false;
	}
	return true;
}

/* Free slots are those that are not live, each once. */
static bool
free_list_holds(const struct asset_book *b)
{
	size_t live_assets = 0, live_endpoints = 0;

	for (uint32_t i = 0; i < b->assets.n; i++)
		live_assets += asset_at(b, i)->live;
	for (uint32_t i = 0; i < b->endpoints.n; i++)
		live_endpoints += (endpoint_at(b, i)->flags & EP_LIVE) != 0;
	if (live_assets + b->free_assets.n != b->assets.n ||
	    live_endpoints + b->free_endpoints.n != b->endpoints.n)
		return false;
	/* Marked by what freed items do not use otherwise. */
	for (size_t i = 0; i < b->free_assets.n; i++) {
		struct asset *a = asset_at(b, ((uint32_t *)b->free_assets.items)[i]);

		if (a->live || a->router)
			return false;
		a->router = true;
	}
	for (size_t i = 0; i < b->free_endpoints.n; i++) {
		struct endpoint *ep = endpoint_at(b, ((uint32_t *)b->free_endpoints.items)[i]);

		if ((ep->flags & EP_LIVE) != 0 || ep->bind != 0)
			return false;
		ep->bind = 1;
	}
	return true;
}

/* One endpoint in use an address; every MAC recorded; every asset with an endpoint. */
static bool
book_holds(const struct asset_book *b)
{
	for (uint32_t i = 0; i < b->endpoints.n; i++) {
		const struct endpoint *ep = endpoint_at(b, i);

		if ((ep->flags & EP_LIVE) == 0)
			continue;
		if (!ip_is_zero(ep->ip) && (ep->flags & EP_FORMER) == 0 &&
		    idmap_get(&b->ip_map, ip_key(b, ep->ip)) != i)
			return false;
		if (!mac_is_zero(ep->mac) && idmap_get(&b->mac_map, mac_key(ep->mac)) == NONE)
			return false;
	}
	for (uint32_t i = 0; i < b->assets.n; i++) {
		if (asset_at(b, i)->live && asset_at(b, i)->endpoints == NONE)
			return false;
	}
	return b->mac_map.n == b->macs.n && b->link_map.n == b->links.n;
}

static bool
unpack_book(struct asset_book *b, struct cursor *c)
{
	b->last_id = (uint32_t)unpack_upto(c, GONE_BIT - 1);
	b->clock_hand = (uint32_t)unpack_upto(c, UINT32_MAX);
	b->forget_hand = (uint32_t)unpack_upto(c, GONE_BIT);
	b->refused = unpack_u64(c);
	b->evicted = unpack_u64(c);
	b->merges = unpack_u64(c);
	b->splits = unpack_u64(c);
	if (!unpack_pool(b, &b->assets, c) || !unpack_pool(b, &b->endpoints, c) ||
	    !unpack_pool(b, &b->macs, c) || !unpack_pool(b, &b->links, c))
		return false;
	for (uint32_t i = 0; i < b->assets.n; i++) {
		if (!unpack_asset(b, i, c))
			return false;
	}
	for (uint32_t i = 0; i < b->endpoints.n; i++) {
		if (!unpack_endpoint(b, endpoint_at(b, i), c))
			return false;
	}
	for (uint32_t i = 0; i < b->macs.n; i++) {
		unpack_raw(c, mac_at(b, i)->mac.b, 6);
		mac_at(b, i)->router = unpack_upto(c, 1) == 1;
	}
	for (uint32_t i = 0; i < b->links.n; i++)
		unpack_link(b, link_at(b, i), c);
	if (!unpack_free(b, &b->free_assets, b->assets.n, c) ||
	    !unpack_free(b, &b->free_endpoints, b->endpoints.n, c) || !unpack_gone(b, c) ||
	    !unpack_map(&b->serial_map, b->endpoints.n, c) ||
	    !unpack_map(&b->host_map, b->endpoints.n, c) || !unpack_pool(b, &b->dirty, c))
		return false;
	for (size_t i = 0; i < b->dirty.n; i++) {
		uint32_t id = (uint32_t)unpack_upto(c, b->last_id);
		uint32_t slot = slot_of_id(b, id);

		((uint32_t *)b->dirty.items)[i] = id;
		if (slot != NONE && asset_at(b, slot)->id == id)
			asset_at(b, slot)->dirty = true;
	}
	return true;
}

enum err
asset_restore(struct asset_book *b, struct bytes in, struct why *why)
{
	struct cursor c = cursor_of(in);
	struct bytes head = cursor_take(&c, sizeof(magic));

	if (!bytes_eq(head, bytes_of(magic, sizeof(magic))) || unpack_u64(&c) != SNAPSHOT_VERSION)
		return FAIL(
		    why, ERR_INPUT, "not an asset snapshot of version %d", SNAPSHOT_VERSION);
	if (b->last_id != 0 || b->endpoints.n != 0)
		return FAIL(why, ERR_USAGE, "an asset snapshot needs an empty book");
	if (!unpack_book(b, &c))
		return FAIL(
		    why, ERR_LIMIT, "an asset snapshot of %zu bytes passes the limits", in.len);
	if (c.short_ || cursor_left(&c) > 0 || !free_list_holds(b))
		return FAIL(
		    why, ERR_INPUT, "asset snapshot does not hold together at byte %zu", c.at);
	if (!book_relink(b))
		return FAIL(why, ERR_LIMIT, "no memory to index an asset snapshot");
	if (!book_holds(b))
		return FAIL(why, ERR_INPUT, "asset snapshot names an address, MAC or link twice");
	return ERR_OK;
}
