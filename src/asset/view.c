/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a book: look-ups, lists, JSON. */
#include "asset/book.h"

static const char *const class_labels[ASSET_CLASSES] = {[ASSET_UNKNOWN] = "unknown",
    [ASSET_ANALYZER] = "analyzer",
    [ASSET_GLUCOSE_METER] = "glucose_meter",
    [ASSET_IMAGING] = "imaging",
    [ASSET_MIDDLEWARE] = "middleware",
    [ASSET_LIS] = "lis",
    [ASSET_PACS] = "pacs",
    [ASSET_SERIAL_SERVER] = "serial_server",
    [ASSET_WORKSTATION] = "workstation",
    [ASSET_SERVER] = "server",
    [ASSET_PRINTER] = "printer",
    [ASSET_NETWORK] = "network"};

static const char *const state_labels[] = {[ASSET_STAGED] = "staged",
    [ASSET_APPROVED] = "approved",
    [ASSET_BLOCKED] = "blocked",
    [ASSET_RETIRED] = "retired"};

const char *
asset_class_label(enum asset_class c)
{
	return (size_t)c < ASSET_CLASSES ? class_labels[c] : class_labels[ASSET_UNKNOWN];
}

const char *
asset_state_label(enum asset_state s)
{
	return (size_t)s < ARRAY_LEN(state_labels) ? state_labels[s] : state_labels[ASSET_STAGED];
}

bool
asset_class_of_label(struct bytes label, enum asset_class *c)
{
	for (size_t i = 0; i < ASSET_CLASSES; i++) {
		if (bytes_eq(label, bytes_str(class_labels[i]))) {
			*c = (enum asset_class)i;
			return true;
		}
	}
	return false;
}

bool
asset_state_of_label(struct bytes label, enum asset_state *s)
{
	for (size_t i = 0; i < ARRAY_LEN(state_labels); i++) {
		if (bytes_eq(label, bytes_str(state_labels[i]))) {
			*s = (enum asset_state)i;
			return true;
		}
	}
	return false;
}

static uint64_t
id_of_endpoint(const struct asset_book *b, uint32_t e)
{
	return e == NONE ? 0 : asset_at(b, endpoint_at(b, e)->asset)->id;
}

uint64_t
asset_of_ip(const struct asset_book *b, struct ip ip)
{
	return id_of_endpoint(b, ip_find(b, ip));
}

uint64_t
asset_of_mac(const struct asset_book *b, struct mac mac)
{
	uint32_t m = idmap_get(&b->mac_map, mac_key(mac)), best = NONE;

	if (m == NONE)
		return 0;
	for (uint32_t e = mac_at(b, m)->endpoints; e != NONE; e = endpoint_at(b, e)->next_mac) {
		if (best == NONE || endpoint_at(b, e)->bind > endpoint_at(b, best)->bind ||
		    (endpoint_at(b, e)->bind == endpoint_at(b, best)->bind && e < best))
			best = e;
	}
	return id_of_endpoint(b, best);
}

uint64_t
asset_resolve(const struct asset_book *b, uint64_t id)
{
	uint32_t slot = slot_of_id(b, id);

	return slot == NONE ? 0 : asset_at(b, slot)->id;
}

/* The address in use: not former, of IPv4 before IPv6, heard last. */
static uint32_t
main_endpoint(const struct asset_book *b, uint32_t slot)
{
	uint32_t best = NONE;
	int best_rank = 0;

	for (uint32_t e = asset_at(b, slot)->endpoints; e != NONE; e = endpoint_at(b, e)->next) {
		const struct endpoint *ep = endpoint_at(b, e);
		int rank = ((ep->flags & (EP_FORMER | EP_SUPERSEDED)) == 0 ? 4 : 0) +
			   (ip_is_zero(ep->ip) ? 0 : 1) + (ip_is_v4(ep->ip) ? 1 : 0);

		if (best == NONE || rank > best_rank ||
		    (rank == best_rank &&
			(ep->last_ns > endpoint_at(b, best)->last_ns ||
			    (ep->last_ns == endpoint_at(b, best)->last_ns && e < best)))) {
			best = e;
			best_rank = rank;
		}
	}
	return best;
}

bool
asset_get(const struct asset_book *b, uint64_t id, struct asset_view *out)
{
	uint32_t slot = slot_of_id(b, id), e;
	const struct asset *a;

	memset(out, 0, sizeof(*out));
	if (slot == NONE)
		return false;
	a = asset_at(b, slot);
	*out = (struct asset_view){.id = a->id,
	    .state = a->state,
	    .class = a->class,
	    .first_seen = {a->first_ns},
	    .last_seen = {a->last_ns},
	    .clinical = a->clinical,
	    .router = a->router};
	if ((e = main_endpoint(b, slot)) != NONE) {
		out->ip = endpoint_at(b, e)->ip;
		out->mac = endpoint_at(b, e)->mac;
	}
	return true;
}

enum asset_state
asset_state_of(const struct asset_book *b, uint64_t id)
{
	uint32_t slot = slot_of_id(b, id);

	return slot == NONE ? ASSET_STAGED : asset_at(b, slot)->state;
}

enum asset_class
asset_class_of(const struct asset_book *b, uint64_t id)
{
	uint32_t slot = slot_of_id(b, id);

	return slot == NONE ? ASSET_UNKNOWN : asset_at(b, slot)->class;
}

bool
asset_is_clinical(const struct asset_book *b, uint64_t id)
{
	uint32_t slot = slot_of_id(b, id);

	return slot != NONE && asset_at(b, slot)->clinical;
}

struct wall
asset_first_seen(const struct asset_book *b, uint64_t id)
{
	uint32_t slot = slot_of_id(b, id);

	return (struct wall){slot == NONE ? 0 : asset_at(b, slot)->first_ns};
}

bool
asset_link_get(const struct asset_book *b, uint64_t link, struct asset_link *out)
{
	uint32_t i = link == 0 ? NONE : idmap_get(&b->link_map, link);
	const struct link *l;

	if (i == NONE) {
		memset(out, 0, sizeof(*out));
		return false;
	}
	l = link_at(b, i);
	*out = (struct asset_link){.id = l->id,
	    .client = l->ip[0],
	    .server = l->ip[1],
	    .client_id = id_of_endpoint(b, link_end(b, i, 0)),
	    .server_id = id_of_endpoint(b, link_end(b, i, 1)),
	    .port = l->port,
	    .proto = l->proto,
	    .transport = l->transport,
	    .messages = l->messages,
	    .first_seen = {l->first_ns},
	    .last_seen = {l->last_ns}};
	return true;
}

struct bytes
asset_best(const struct asset_book *b, uint64_t id, enum name_value attr)
{
	uint32_t slot = slot_of_id(b, id);

	return slot == NONE ? (struct bytes){NULL, 0} : asset_value(b, slot, attr);
}

uint64_t
asset_next(const struct asset_book *b, uint64_t after)
{
	for (uint64_t id = after + 1; id <= b->last_id; id++) {
		uint32_t v = idmap_get(&b->ids, id);

		if (v != NONE && (v & GONE_BIT) == 0)
			return id;
	}
	return 0;
}

uint64_t
asset_dirty_take(struct asset_book *b)
{
	uint32_t id, slot;

	if (b->dirty_taken >= b->dirty.n)
		return 0;
	id = ((uint32_t *)b->dirty.items)[b->dirty_taken++];
	slot = slot_of_id(b, id);
	if (slot != NONE && asset_at(b, slot)->id == id)
		asset_at(b, slot)->dirty = false;
	return id;
}

void
asset_book_stats(const struct asset_book *b, struct asset_stats *out)
{
	*out = (struct asset_stats){.assets = b->n_assets,
	    .endpoints = b->n_endpoints,
	    .links = b->links.n,
	    .claims = b->n_claims,
	    .refused = b->refused,
	    .evicted = b->evicted,
	    .merges = b->merges,
	    .splits = b->splits};
}

/* --- JSON --- */

static void
json_attr(const struct asset_book *b, uint32_t slot, struct json *j, enum name_value attr)
{
	struct bytes v = asset_value(b, slot, attr);

	json_key(j, name_label(NAMES_attr, attr));
	if (v.len == 0)
		json_null(j);
	else
		json_bytes(j, v);
}

/* Do two claims of enough weight about the thing itself disagree? */
static bool
attr_conflicts(const struct asset_book *b, uint32_t slot, enum name_value attr)
{
	const struct claim *best = claim_best(b, slot, attr);

	if (best == NULL)
		return false;
	for (uint32_t e = asset_at(b, slot)->endpoints; e != NONE; e = endpoint_at(b, e)->next) {
		const struct endpoint *ep = endpoint_at(b, e);

		for (const struct claim *c = ep->claims; c != NULL; c = c->next) {
			if (c->attr == attr && claim_is_direct(ep, c) && c->confidence >= 50 &&
			    c->last_ns >= best->since_ns &&
			    !bytes_eq_nocase(claim_value(c), claim_value(best)))
				return true;
		}
	}
	return false;
}

/* Endpoints of an asset by falling index order of their list are put in rising order: lists differ
 * after a restore, JSON does not. One look at all addresses for each that is shown. */
static uint32_t
endpoint_after(const struct asset_book *b, uint32_t slot, uint32_t after)
{
	uint32_t best = NONE;

	for (uint32_t e = asset_at(b, slot)->endpoints; e != NONE; e = endpoint_at(b, e)->next) {
		if ((after == NONE || e > after) && e < best)
			best = e;
	}
	return best;
}

static void
json_address(const struct endpoint *ep, struct json *j)
{
	static const char *const binds[] = {"none", "packet", "bound"};
	char text[IP_TEXT_MAX];

	json_object(j);
	if (!ip_is_zero(ep->ip))
		json_kbytes(j, "ip", bytes_of(text, ip_format(ep->ip, text)));
	if (!mac_is_zero(ep->mac))
		json_kbytes(j, "mac", bytes_of(text, mac_format(ep->mac, text)));
	json_kstr(j, "evidence", binds[ep->bind]);
	json_kbool(j, "former", (ep->flags & (EP_FORMER | EP_SUPERSEDED)) != 0);
	json_kwall(j, "first_seen", (struct wall){ep->first_ns});
	json_kwall(j, "last_seen", (struct wall){ep->last_ns});
	json_object_end(j);
}

static void
json_claim(const struct endpoint *ep, const struct claim *c, struct json *j)
{
	char text[IP_TEXT_MAX];

	json_object(j);
	json_kstr(j, "attr", name_label(NAMES_attr, c->attr));
	json_kbytes(j, "value", claim_value(c));
	json_kbytes(j, "source", claim_source(c));
	json_ku64(j, "confidence", c->confidence);
	json_kbool(j, "behind", !claim_is_direct(ep, c));
	json_ku64(j, "count", c->count);
	json_kwall(j, "first_seen", (struct wall){c->first_ns});
	json_kwall(j, "last_seen", (struct wall){c->last_ns});
	if (!ip_is_zero(ep->ip))
		json_kbytes(j, "ip", bytes_of(text, ip_format(ep->ip, text)));
	json_key(j, "evidence");
	json_object(j);
	json_ku64(j, "source", c->source);
	json_ku64(j, "packet", c->packet);
	if (c->flow != 0) {
		json_ku64(j, "flow", c->flow);
		json_kstr(j, "dir", name_label(NAMES_dir, c->dir));
		json_ku64(j, "offset", c->offset);
	}
	json_object_end(j);
	json_object_end(j);
}

/* The latest first, *room at most; returns how many were left out. */
static uint64_t
json_links(const struct asset_book *b, uint32_t e, size_t *room, struct json *j)
{
	uint64_t more = 0;

	for (uint32_t end = endpoint_at(b, e)->links; end != NONE;) {
		const struct link *l = link_at(b, end / 2);
		unsigned side = end % 2;
		char text[IP_TEXT_MAX];

		if (*room == 0) {
			more++;
			end = l->next[side];
			continue;
		}
		--*room;
		json_object(j);
		json_ku64(j, "id", l->id);
		json_kstr(j, "role", side == 0 ? "client" : "server");
		json_kstr(j, "protocol", proto_label(l->proto));
		json_kstr(j, "transport", name_label(NAMES_transport, l->transport));
		json_ku64(j, "port", l->port);
		json_kbytes(j, "peer_ip", bytes_of(text, ip_format(l->ip[1 - side], text)));
		json_key(j, "peer");
		if (l->ends[1 - side] == NONE)
			json_null(j);
		else
			json_u64(j, id_of_endpoint(b, l->ends[1 - side]));
		json_ku64(j, "messages", l->messages);
		json_kwall(j, "first_seen", (struct wall){l->first_ns});
		json_kwall(j, "last_seen", (struct wall){l->last_ns});
		json_object_end(j);
		end = l->next[side];
	}
	return more;
}

void
asset_json(const struct asset_book *b, uint64_t id, struct json *j)
{
	static const enum name_value attrs[] = {attr_maker, attr_model, attr_serial, attr_software,
	    attr_hardware, attr_firmware, attr_os, attr_hostname, attr_udi, attr_name};
	uint32_t slot = slot_of_id(b, id), e = NONE;
	uint32_t shown[ASSET_SHOWN_ADDRESSES];
	size_t n_shown = 0, room = ASSET_SHOWN_LINKS;
	uint64_t protos = 0, more = 0;
	const struct asset *a;

	if (slot == NONE) {
		json_null(j);
		return;
	}
	a = asset_at(b, slot);
	json_object(j);
	json_ku64(j, "id", a->id);
	json_kstr(j, "state", asset_state_label(a->state));
	json_kstr(j, "class", asset_class_label(a->class));
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++)
		json_attr(b, slot, j, attrs[i]);
	json_kbool(j, "clinical", a->clinical);
	json_key(j, "conflicts");
	json_array(j);
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++) {
		if (attr_conflicts(b, slot, attrs[i]))
			json_str(j, name_label(NAMES_attr, attrs[i]));
	}
	json_array_end(j);
	json_kwall(j, "first_seen", (struct wall){a->first_ns});
	json_kwall(j, "last_seen", (struct wall){a->last_ns});
	json_key(j, "addresses");
	json_array(j);
	while (n_shown < ARRAY_LEN(shown) && (e = endpoint_after(b, slot, e)) != NONE) {
		json_address(endpoint_at(b, e), j);
		shown[n_shown++] = e;
	}
	json_array_end(j);
	for (e = a->endpoints; e != NONE; e = endpoint_at(b, e)->next) {
		protos |= endpoint_at(b, e)->client_of | endpoint_at(b, e)->server_of;
		more++;
	}
	json_ku64(j, "addresses_more", more - n_shown);
	json_key(j, "protocols");
	json_array(j);
	for (unsigned p = 0; p < PROTO_MAX; p++) {
		if ((protos >> p & 1) != 0)
			json_str(j, proto_label(p));
	}
	json_array_end(j);
	json_key(j, "claims");
	json_array(j);
	for (size_t i = 0; i < n_shown; i++) {
		for (const struct claim *c = endpoint_at(b, shown[i])->claims; c != NULL;
		     c = c->next)
			json_claim(endpoint_at(b, shown[i]), c, j);
	}
	json_array_end(j);
	json_key(j, "links");
	json_array(j);
	more = 0;
	for (size_t i = 0; i < n_shown; i++)
		more += json_links(b, shown[i], &room, j);
	json_array_end(j);
	json_ku64(j, "links_more", more);
	json_object_end(j);
}

void
asset_addresses(const struct asset_book *b, uint64_t id, struct buf *out)
{
	uint32_t slot = slot_of_id(b, id), e = NONE;
	char text[IP_TEXT_MAX];

	if (slot == NONE)
		return;
	for (size_t n = 0; n < ASSET_SHOWN_ADDRESSES && (e = endpoint_after(b, slot, e)) != NONE;
	     n++) {
		const struct endpoint *ep = endpoint_at(b, e);

		if (ip_is_zero(ep->ip))
			continue;
		(void)ip_format(ep->ip, text);
		buf_printf(out, "%s%s", out->len > 0 ? " " : "", text);
	}
}
