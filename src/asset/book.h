/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the asset room: the pools of a book and the steps on them.
 * Invariants:
 * 1. Every live endpoint belongs to one live asset and stands once in its list.
 * 2. An endpoint with an IP that is not FORMER is the one that ip_map names for it.
 * 3. An endpoint stands in the list of its MAC's record exactly while it has a MAC.
 * 4. No decision depends on the order of a list: ties go to the lowest index, so that a restored
 *    book, whose lists are rebuilt, goes on as the old one would have. */
#pragma once

#include "asset/asset.h"
#include "base/idmap.h"

#define NONE IDMAP_NONE

enum bind { BIND_NONE, BIND_PACKET, BIND_BOUND };

enum {
	EP_LIVE = 1,
	EP_FORMER = 2,     /* its IP is another endpoint's now */
	EP_SUPERSEDED = 4, /* merged with `heir` because this one fell silent */
	EP_ROUTER = 8,
	EP_SERIAL = 16, /* a serial device server */
	EP_TWIN = 64,   /* said once that its serial number is also elsewhere */
	EP_PRINTER = 128,
};

/* What the endpoint was seen to do, by counts that stop at their top. */
enum role {
	ROLE_RESULTS_SENT,
	ROLE_RESULTS_GOT,
	ROLE_QUERIES_SENT,
	ROLE_QUERIES_GOT,
	ROLE_ORDERS_SENT,
	ROLE_ORDERS_GOT,
	ROLE_IMAGES_SENT,
	ROLE_IMAGES_GOT,
	ROLES
};

struct claim {
	struct claim *next;
	int64_t first_ns, since_ns, last_ns;
	uint64_t source, packet, flow, offset; /* of the first time */
	uint32_t count;
	uint8_t attr;
	uint8_t confidence;
	uint8_t behind;
	uint8_t dir;
	uint8_t many; /* the same source says several values side by side */
	uint8_t value_len, source_len;
	uint8_t text[]; /* value, then source */
};

struct endpoint {
	struct ip ip;
	int64_t first_ns, last_ns;
	struct claim *claims;
	uint64_t client_of, server_of; /* bit n: PROTO n */
	uint32_t asset;
	uint32_t next;     /* in the asset's list */
	uint32_t next_mac; /* in the MAC's list */
	uint32_t next_ip;  /* endpoints that had the same IP */
	uint32_t links;    /* first link end: 2 x link + side */
	uint32_t heir;
	uint32_t roles[ROLES];
	uint16_t flags;
	uint8_t n_claims;
	uint8_t bind; /* enum bind */
	struct mac mac;
};

struct mac_record {
	struct mac mac;
	bool router;
	uint32_t endpoints;
};

struct asset {
	int64_t first_ns, last_ns;
	uint32_t id;
	uint32_t endpoints;
	uint8_t state, class;
	bool live, dirty, clinical, router;
};

struct link {
	uint64_t id;
	struct ip ip[2]; /* client, server */
	int64_t first_ns, last_ns;
	uint64_t messages;
	uint32_t ends[2]; /* endpoints; NONE: not kept */
	uint32_t next[2];
	uint16_t port;
	uint8_t proto, transport;
};

/* A pool of one type: grows by doubling up to cap. */
struct pool {
	void *items;
	size_t n, room, cap, size;
};

struct asset_book {
	struct budget *budget;
	struct asset_limits limits;
	struct pool assets, endpoints, macs, links, free_assets, free_endpoints, dirty;
	struct idmap ids;     /* id -> slot, or GONE_BIT | the id that stayed */
	struct idmap ip_map;  /* hash of IP -> endpoint */
	struct idmap mac_map; /* mix of MAC -> record */
	struct idmap link_map;
	struct idmap serial_map, host_map; /* hash of text -> endpoint that last claimed it */
	size_t dirty_taken;
	uint32_t last_id;
	uint32_t clock_hand;  /* of evict() */
	uint32_t forget_hand; /* ids up to this one that were merged away may be forgotten */
	size_t n_assets, n_endpoints, n_claims;
	uint64_t refused, evicted, merges, splits;
	/* During one event: */
	const struct event_head *head;
	const struct event_sink *sink;
};

#define GONE_BIT UINT32_C(0x80000000)

static inline struct asset *
asset_at(const struct asset_book *b, uint32_t i)
{
	return &((struct asset *)b->assets.items)[i];
}

static inline struct endpoint *
endpoint_at(const struct asset_book *b, uint32_t i)
{
	return &((struct endpoint *)b->endpoints.items)[i];
}

static inline struct mac_record *
mac_at(const struct asset_book *b, uint32_t i)
{
	return &((struct mac_record *)b->macs.items)[i];
}

static inline struct link *
link_at(const struct asset_book *b, uint32_t i)
{
	return &((struct link *)b->links.items)[i];
}

/* The endpoint of a link's side (0 client, 1 server): where its address went to another device,
 * that one; NONE where it is no device. */
uint32_t link_end(const struct asset_book *b, uint32_t link, unsigned side);

static inline struct bytes
claim_value(const struct claim *c)
{
	return bytes_of(c->text, c->value_len);
}

static inline struct bytes
claim_source(const struct claim *c)
{
	return bytes_of(c->text + c->value_len, c->source_len);
}

/* One more item, zeroed; NONE at the cap or out of memory. */
uint32_t pool_push(struct asset_book *b, struct pool *p);
void pool_free(struct asset_book *b, struct pool *p);
uint64_t ip_key(const struct asset_book *b, struct ip ip);
uint64_t mac_key(struct mac mac);
uint64_t text_key(const struct asset_book *b, struct bytes text); /* letters in either case */
uint32_t slot_of_id(const struct asset_book *b, uint64_t id);     /* follows merges; NONE */

/* identity.c */
uint32_t ip_find(const struct asset_book *b, struct ip ip);
enum make { LOOK, MAKE };
/* The endpoint of an address that was just seen; made where that is asked for. mac may be zero. */
uint32_t endpoint_touch(
    struct asset_book *b, struct ip ip, struct mac mac, enum bind bind, enum make make);
/* It spoke just now. */
void endpoint_heard(struct asset_book *b, uint32_t e);
void endpoint_is_router(struct asset_book *b, uint32_t e);
/* Look whether what e says of itself makes it the same device as an older endpoint. */
void endpoint_match_serial(struct asset_book *b, uint32_t e);
void endpoint_match_host(struct asset_book *b, uint32_t e, struct bytes host);
void asset_mark_dirty(struct asset_book *b, uint32_t slot);
void device_event(struct asset_book *b, uint64_t id, const char *what, enum name_value attr,
    struct bytes before, struct bytes after, const char *reason, uint32_t endpoint);
/* Rebuild every list and map from the pools (after a restore). False: no memory. */
bool book_relink(struct asset_book *b);

/* claim.c */
void claim_add(struct asset_book *b, uint32_t e, enum name_value attr, struct bytes value,
    struct bytes source, unsigned confidence, unsigned behind);
/* True where the claim is about the endpoint itself. */
bool claim_is_direct(const struct endpoint *ep, const struct claim *c);
const struct claim *claim_best_of(
    const struct endpoint *ep, enum name_value attr, const struct claim *best);
const struct claim *claim_best(const struct asset_book *b, uint32_t slot, enum name_value attr);
struct claim *claim_new(struct asset_book *b, struct bytes value, struct bytes source);
void claim_free(struct asset_book *b, struct claim *c);
void asset_classify(struct asset_book *b, uint32_t slot);
struct bytes asset_value(const struct asset_book *b, uint32_t slot, enum name_value attr);
