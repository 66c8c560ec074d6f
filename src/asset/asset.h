/* SPDX-License-Identifier: Apache-2.0 */
/* Which device is this: one asset for one thing, across its addresses and over time.
 *
 * Input:    events of every sensor of one site, in one order, that of arrival (address spaces of
 *           two sites may overlap: one book a site). Stored events that event_is_derived() says
 *           were made here or by detect are not fed again.
 * Output:   EV_device events to the sink: what = "new", "change", "merge" (before = id that went,
 *           after = id that stays), "split" (before = asset that was left). EV_device with what =
 *           "state" is an input (a person set `id` to the state in `after`) and answered by none.
 * Ids:      1, 2, 3, ... in order of first sight. The same events in the same order give the same
 *           assets and ids, also across asset_encode() and asset_restore().
 * Evidence: everything hangs on the endpoint (an IP address with the MAC behind it) that it was
 *           seen at; an asset is a set of endpoints, so a merge loses nothing and can be undone.
 *           Endpoints are one asset where
 *             - ARP, neighbour discovery or DHCP ties their addresses to one MAC, or an IPv6
 *               address is built from it or link-local;
 *             - one MAC sends with a second address of the same /24 after the first fell silent;
 *             - both claim one serial number with one model, or one host name by DHCP or NetBIOS,
 *               and the earlier one fell silent. When it speaks again the two are split.
 *           A MAC that sends for several networks, or a router by its own word, ties nothing.
 * Claims:   all are kept, with their source, first and last time and the packet of the first.
 *           Confidence scale: 90-100 a person, or the device in a field made for it; 60-80 a field
 *           that usually holds it; 30-50 derived (OUI, TTL); below 30 a hint. The best value has
 *           the highest confidence, then the latest start of being claimed.
 *           A claim "behind" is about an instrument that the endpoint speaks for: it is kept as a
 *           claim of the endpoint, marked, never its best value, and makes no asset of its own:
 *           the fields of several instruments in a message cannot be told apart for sure.
 * Memory:   all from the budget; pools grow up to the limits. When full, the asset that is least
 *           missed (staged, one endpoint, no claim, no link, silent longest of a sample) gives way;
 *           where there is none the newcomer is not kept and counted in asset_stats.refused.
 * Cost:     message and flow events: two hash look-ups, no allocation.
 * Checked:  asset_restore() on any bytes gives a book or an error.
 * Not checked: two devices that share one MAC and one address in turn are one asset. */
#pragma once

#include "event/sink.h"

enum asset_state { ASSET_STAGED, ASSET_APPROVED, ASSET_BLOCKED, ASSET_RETIRED };

enum asset_class {
	ASSET_UNKNOWN,
	ASSET_ANALYZER,
	ASSET_GLUCOSE_METER,
	ASSET_IMAGING,
	ASSET_MIDDLEWARE,
	ASSET_LIS,
	ASSET_PACS,
	ASSET_SERIAL_SERVER,
	ASSET_WORKSTATION,
	ASSET_SERVER,
	ASSET_PRINTER,
	ASSET_NETWORK,
	ASSET_CLASSES
};

/* What tables know; each may be NULL. The answers are static texts, NULL or empty = unknown. */
struct asset_knowledge {
	struct bytes (*maker_of_mac)(struct mac mac);
	struct bytes (*class_of_model)(struct bytes model); /* a label of asset_class_label() */
	struct bytes (*maker_of_model)(struct bytes model);
};

struct asset_limits {
	size_t assets;      /* devices; default ASSET_MAX */
	size_t endpoints;   /* addresses; default 2 x assets */
	size_t links;       /* client-server pairs; default 4 x assets */
	size_t claims;      /* of one endpoint; default ASSET_CLAIMS_MAX */
	struct sip_key key; /* of hash tables; the same for every book that must agree */
	const struct asset_knowledge *knowledge; /* NULL: asset_tables of asset/tables.h */
};

enum {
	ASSET_MAX = 16384,
	ASSET_CLAIMS_MAX = 48, /* of one endpoint; above it the weakest, then oldest, gives way */
	ASSET_QUIET_S = 300,   /* an endpoint silent this long may have become another address */
	ASSET_RUN_S = 43200,   /* a value not claimed this long starts anew when claimed again */
	ASSET_SHOWN_ADDRESSES = 32,
	ASSET_SHOWN_LINKS = 256,
	ASSET_ROUTER_IPS = 8, /* addresses of one MAC above which it is a router or a proxy */
};

struct asset_book;

struct asset_stats {
	size_t assets, endpoints, links, claims;
	uint64_t refused; /* addresses, links or claims not kept: a limit was met */
	uint64_t evicted;
	uint64_t merges, splits;
};

/* What is held of an asset, in short. Texts live until the next event. */
struct asset_view {
	uint64_t id;
	enum asset_state state;
	enum asset_class class;
	struct ip ip;   /* the address in use: zero where only a MAC is known */
	struct mac mac; /* zero: not known, or behind a router */
	struct wall first_seen, last_seen;
	bool clinical; /* speaks a clinical protocol, or is of a class that does */
	bool router;
};

/* A link as the book holds it; client_id, server_id: 0 where that end is no asset. */
struct asset_link {
	uint64_t id;
	struct ip client, server;
	uint64_t client_id, server_id;
	uint16_t port;
	enum proto proto;
	enum name_value transport;
	uint64_t messages;
	struct wall first_seen, last_seen;
};

/* NULL: no memory in the budget. limits may be NULL: defaults. */
struct asset_book *asset_book_new(
    struct budget *budget, const struct asset_limits *limits) MUST_CHECK;
void asset_book_free(struct asset_book *b);

/* Take one event. Sink: gets EV_device events; may be NULL. */
void asset_book_event(struct asset_book *b, const struct event *ev, const struct event_sink *sink);

/* 0: none. An id that was merged away is answered by the one that stayed. */
uint64_t asset_of_ip(const struct asset_book *b, struct ip ip);
uint64_t asset_of_mac(const struct asset_book *b, struct mac mac);
uint64_t asset_resolve(const struct asset_book *b, uint64_t id);
bool asset_get(const struct asset_book *b, uint64_t id, struct asset_view *out);
/* Only id, state and class: the cheap form. */
enum asset_state asset_state_of(const struct asset_book *b, uint64_t id);
enum asset_class asset_class_of(const struct asset_book *b, uint64_t id);
bool asset_is_clinical(const struct asset_book *b, uint64_t id);
struct wall asset_first_seen(const struct asset_book *b, uint64_t id);

/* False: no such link. */
bool asset_link_get(const struct asset_book *b, uint64_t link, struct asset_link *out);

/* The best value of an attribute; empty: not known. Lives until the next event. */
struct bytes asset_best(const struct asset_book *b, uint64_t id, enum name_value attr);

/* Its IP addresses as text, blank between, in order of first sight; ASSET_SHOWN_ADDRESSES at most.
 */
void asset_addresses(const struct asset_book *b, uint64_t id, struct buf *out);

/* The asset with the lowest id above `after`; 0 at the end. */
uint64_t asset_next(const struct asset_book *b, uint64_t after);

/* An asset that changed since it was last taken, oldest first; 0: none. Ids that went by a merge or
 * an eviction are told too: asset_resolve() then gives another id or 0. */
uint64_t asset_dirty_take(struct asset_book *b);

/* One object: id, state, class, maker, model, serial, software, hardware, firmware, os, hostname,
 * udi, name (null where unknown), conflicts, addresses, first_seen, last_seen, protocols, claims
 * (with evidence: source, packet, flow, dir, offset), links. null for no such asset. Who floods a
 * server makes it thousands of links: at most ASSET_SHOWN_ADDRESSES addresses with their claims and
 * ASSET_SHOWN_LINKS links are told, the rest counted in addresses_more and links_more. */
void asset_json(const struct asset_book *b, uint64_t id, struct json *j);

void asset_book_stats(const struct asset_book *b, struct asset_stats *out);

/* The whole book as bytes; false where out met its cap. */
bool asset_encode(const struct asset_book *b, struct buf *out);
/* Into a new, empty book. ERR_INPUT: not a snapshot of this version, or does not hold together;
 * ERR_LIMIT: more than this book's limits or budget. On error the book is to be freed. */
enum err asset_restore(struct asset_book *b, struct bytes in, struct why *why) MUST_CHECK;

const char *asset_class_label(enum asset_class c); /* analyzer, glucose_meter, ... */
const char *asset_state_label(enum asset_state s); /* staged, approved, blocked, retired */
bool asset_class_of_label(struct bytes label, enum asset_class *c);
bool asset_state_of_label(struct bytes label, enum asset_state *s);
