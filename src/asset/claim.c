/* SPDX-License-Identifier: Apache-2.0 */
/* Claims: what was said of an endpoint, which of it is best, and the class that follows. */
#include "asset/book.h"

enum { VALUE_MAX = 128, SOURCE_MAX = 40 };

struct claim *
claim_new(struct asset_book *b, struct bytes value, struct bytes source)
{
	struct claim *c;

	value = bytes_sub(value, 0, VALUE_MAX);
	source = bytes_sub(source, 0, SOURCE_MAX);
	if ((c = budget_alloc(b->budget, sizeof(*c) + value.len + source.len)) == NULL)
		return NULL;
	c->value_len = (uint8_t)value.len;
	c->source_len = (uint8_t)source.len;
	memcpy(c->text, value.ptr, value.len);
	if (source.len > 0)
		memcpy(c->text + value.len, source.ptr, source.len);
	b->n_claims++;
	return c;
}

void
claim_free(struct asset_book *b, struct claim *c)
{
	b->n_claims--;
	budget_free(b->budget, c, sizeof(*c) + c->value_len + c->source_len);
}

/* Clinical protocols on a serial device server speak for the analyzer on its line. */
static bool
source_is_clinical(struct bytes source)
{
	static const char *const heads[] = {"HL7", "LIS0", "ASTM", "POCT1", "vendor"};

	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		if (bytes_starts_nocase(source, bytes_str(heads[i])))
			return true;
	}
	return false;
}

bool
claim_is_direct(const struct endpoint *ep, const struct claim *c)
{
	return !c->behind && ((ep->flags & EP_SERIAL) == 0 || !source_is_clinical(claim_source(c)));
}

/* Does x stand before y? Every tie is broken by content, never by place. */
static bool
claim_beats(const struct claim *x, const struct claim *y)
{
	int order;

	if (x->confidence != y->confidence)
		return x->confidence > y->confidence;
	if (x->since_ns != y->since_ns)
		return x->since_ns > y->since_ns;
	if ((order = bytes_cmp(claim_value(x), claim_value(y))) != 0)
		return order < 0;
	return bytes_cmp(claim_source(x), claim_source(y)) < 0;
}

const struct claim *
claim_best_of(const struct endpoint *ep, enum name_value attr, const struct claim *best)
{
	for (const struct claim *c = ep->claims; c != NULL; c = c->next) {
		if (c->attr == attr && claim_is_direct(ep, c) &&
		    (best == NULL || claim_beats(c, best)))
			best = c;
	}
	return best;
}

const struct claim *
claim_best(const struct asset_book *b, uint32_t slot, enum name_value attr)
{
	const struct claim *best = NULL;

	for (uint32_t e = asset_at(b, slot)->endpoints; e != NONE; e = endpoint_at(b, e)->next)
		best = claim_best_of(endpoint_at(b, e), attr, best);
	return best;
}

struct bytes
asset_value(const struct asset_book *b, uint32_t slot, enum name_value attr)
{
	const struct asset_knowledge *k = b->limits.knowledge;
	const struct claim *c = claim_best(b, slot, attr);
	uint32_t best = NONE;

	if (c != NULL)
		return claim_value(c);
	if (attr != attr_maker)
		return (struct bytes){NULL, 0};
	if (k->maker_of_model != NULL && (c = claim_best(b, slot, attr_model)) != NULL) {
		struct bytes maker = k->maker_of_model(claim_value(c));

		if (maker.len > 0)
			return maker;
	}
	if (k->maker_of_mac == NULL)
		return (struct bytes){NULL, 0};
	for (uint32_t e = asset_at(b, slot)->endpoints; e != NONE; e = endpoint_at(b, e)->next) {
		if (!mac_is_zero(endpoint_at(b, e)->mac))
			best = e < best ? e : best;
	}
	return best == NONE ? (struct bytes){NULL, 0} : k->maker_of_mac(endpoint_at(b, best)->mac);
}

/* Attributes whose change is a fact about the thing, not about what runs on it at the moment. */
static bool
attr_is_stable(uint64_t attr)
{
	switch (attr) {
	case attr_maker:
	case attr_model:
	case attr_serial:
	case attr_software:
	case attr_hardware:
	case attr_firmware:
	case attr_os:
	case attr_hostname:
	case attr_udi:
		return true;
	default:
		return false;
	}
}

static bool
same_matter(const struct claim *c, uint64_t attr, struct bytes source, unsigned behind)
{
	return c->attr == attr && c->behind == behind && bytes_eq(claim_source(c), source);
}

/* The value that a source claimed last, other than `but`. */
static struct claim *
latest_of_source(struct endpoint *ep, uint64_t attr, struct bytes source, const struct claim *but)
{
	struct claim *last = NULL;

	for (struct claim *c = ep->claims; c != NULL; c = c->next) {
		if (c != but && same_matter(c, attr, source, 0) &&
		    (last == NULL || c->since_ns > last->since_ns ||
			(c->since_ns == last->since_ns &&
			    bytes_cmp(claim_value(c), claim_value(last)) < 0)))
			last = c;
	}
	return last;
}

/* Room for one more: the weakest, then the one not heard for longest, goes. */
static void
drop_weakest(struct asset_book *b, struct endpoint *ep)
{
	struct claim **weakest = &ep->claims, *gone;

	for (struct claim **p = &ep->claims; *p != NULL; p = &(*p)->next) {
		const struct claim *c = *p, *w = *weakest;
		int cc = c->confidence - (c->behind ? 50 : 0),
		    wc = w->confidence - (w->behind ? 50 : 0);

		if (cc < wc || (cc == wc && c->last_ns < w->last_ns))
			weakest = p;
	}
	gone = *weakest;
	*weakest = gone->next;
	claim_free(b, gone);
	ep->n_claims--;
	b->refused++;
}

static void
tell_change(struct asset_book *b, uint32_t e, const struct claim *before, const struct claim *now)
{
	if (before == NULL || before->many || now->many || !attr_is_stable(now->attr) ||
	    !claim_is_direct(endpoint_at(b, e), now))
		return;
	device_event(b, asset_at(b, endpoint_at(b, e)->asset)->id, "change", now->attr,
	    claim_value(before), claim_value(now), "claimed otherwise by the same source", e);
}

static void
claim_again(struct asset_book *b, uint32_t e, struct claim *c, unsigned confidence)
{
	struct endpoint *ep = endpoint_at(b, e);
	int64_t now = b->head->time.ns;
	struct claim *last = latest_of_source(ep, c->attr, claim_source(c), c);
	bool anew = now - c->last_ns >= ASSET_RUN_S * NS_PER_S;

	if (c->count < UINT32_MAX)
		c->count++;
	if (now > c->last_ns)
		c->last_ns = now;
	if (confidence > c->confidence)
		c->confidence = (uint8_t)confidence;
	if (last == NULL || c->behind || last->since_ns < c->since_ns)
		return;
	if (anew) {
		c->since_ns = now;
		tell_change(b, e, last, c);
	} else {
		/* Both are said side by side: this source names several things. */
		c->many = last->many = 1;
	}
}

void
claim_add(struct asset_book *b, uint32_t e, enum name_value attr, struct bytes value,
    struct bytes source, unsigned confidence, unsigned behind)
{
	struct endpoint *ep = endpoint_at(b, e);
	struct claim *c, *last;

	value = bytes_sub(bytes_trim(value), 0, VALUE_MAX);
	source = bytes_sub(source, 0, SOURCE_MAX);
	if (value.len == 0 || attr == 0 || (unsigned)attr > UINT8_MAX)
		return;
	behind = behind != 0;
	if (confidence > 100)
		confidence = 100;
	for (c = ep->claims; c != NULL; c = c->next) {
		if (same_matter(c, attr, source, behind) && bytes_eq(claim_value(c), value)) {
			claim_again(b, e, c, confidence);
			return;
		}
	}
	if (ep->n_claims >= b->limits.claims)
		drop_weakest(b, ep);
	if ((c = claim_new(b, value, source)) == NULL) {
		b->refused++;
		return;
	}
	c->first_ns = c->since_ns = c->last_ns = b->head->time.ns;
	c->source = b->head->source;
	c->packet = b->head->packet;
	c->flow = b->head->flow;
	c->offset = b->head->offset;
	c->dir = (uint8_t)b->head->dir;
	c->count = 1;
	c->attr = (uint8_t)attr;
	c->confidence = (uint8_t)confidence;
	c->behind = (uint8_t)behind;
	last = behind ? NULL : latest_of_source(ep, attr, source, NULL);
	c->many = last != NULL && last->many;
	c->next = ep->claims;
	ep->claims = c;
	ep->n_claims++;
	asset_mark_dirty(b, ep->asset);
	tell_change(b, e, last, c);
	if (attr == attr_class || attr == attr_model || attr == attr_os)
		asset_classify(b, ep->asset);
	if (attr == attr_serial || attr == attr_model)
		endpoint_match_serial(b, e);
}

/* --- class --- */

struct summary {
	uint64_t roles[ROLES];
	uint64_t client_of, server_of;
	unsigned flags;
};

static void
add_up(const struct asset_book *b, uint32_t slot, struct summary *s)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t e = asset_at(b, slot)->endpoints; e != NONE; e = endpoint_at(b, e)->next) {
		const struct endpoint *ep = endpoint_at(b, e);

		for (size_t r = 0; r < ROLES; r++)
			s->roles[r] += ep->roles[r];
		s->client_of |= ep->client_of;
		s->server_of |= ep->server_of;
		s->flags |= ep->flags;
	}
}

static enum asset_class
class_of_roles(const struct summary *s)
{
	bool sends = s->roles[ROLE_RESULTS_SENT] > 0, gets = s->roles[ROLE_RESULTS_GOT] > 0;

	if (s->roles[ROLE_IMAGES_GOT] > 0)
		return ASSET_PACS;
	if (sends && gets)
		return ASSET_MIDDLEWARE;
	if (gets)
		return ASSET_LIS;
	if (s->roles[ROLE_IMAGES_SENT] > 0)
		return ASSET_IMAGING;
	if (sends)
		return ASSET_ANALYZER;
	if (s->roles[ROLE_ORDERS_SENT] > 0 && s->roles[ROLE_QUERIES_GOT] > 0)
		return ASSET_LIS;
	return ASSET_UNKNOWN;
}

/* A version number alone fits a server and a workstation: only words tell. */
static enum asset_class
class_of_os(struct bytes os)
{
	static const char *const words[] = {"Professional", "Home", " XP", " Vista", "Embedded",
	    " IoT", "Windows 7 ", "Windows 8 ", "Windows 8.1 ", "Windows 10 ", "Windows 11 "};

	if (os.len == 0 || bytes_find_seq(os, BYTES("Windows")) == os.len)
		return ASSET_UNKNOWN;
	if (bytes_find_seq(os, BYTES("Server")) < os.len)
		return ASSET_SERVER;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (bytes_find_seq(os, bytes_str(words[i])) < os.len)
			return ASSET_WORKSTATION;
	}
	return ASSET_UNKNOWN;
}

/* In order: what it says it is; what its model is; what it does for others; what it does. */
static enum asset_class
derive_class(const struct asset_book *b, uint32_t slot, const struct summary *s)
{
	const struct asset_knowledge *k = b->limits.knowledge;
	const struct claim *c = claim_best(b, slot, attr_class);
	enum asset_class class;

	if (c != NULL && asset_class_of_label(claim_value(c), &class))
		return class;
	if (k->class_of_model != NULL && (c = claim_best(b, slot, attr_model)) != NULL &&
	    asset_class_of_label(k->class_of_model(claim_value(c)), &class) &&
	    class != ASSET_UNKNOWN)
		return class;
	if ((s->flags & EP_SERIAL) != 0)
		return ASSET_SERIAL_SERVER;
	if ((class = class_of_roles(s)) != ASSET_UNKNOWN)
		return class;
	if ((s->flags & EP_ROUTER) != 0)
		return ASSET_NETWORK;
	if ((s->flags & EP_PRINTER) != 0)
		return ASSET_PRINTER;
	return class_of_os(asset_value(b, slot, attr_os));
}

void
asset_classify(struct asset_book *b, uint32_t slot)
{
	struct asset *a = asset_at(b, slot);
	const uint64_t clinical = UINT64_C(1) << PROTO_hl7 | UINT64_C(1) << PROTO_astm |
				  UINT64_C(1) << PROTO_poct1a | UINT64_C(1) << PROTO_dicom |
				  UINT64_C(1) << PROTO_fhir | UINT64_C(1) << PROTO_vendor |
				  UINT64_C(1) << PROTO_hl7v3;
	struct summary s;
	enum asset_class class;

	add_up(b, slot, &s);
	class = derive_class(b, slot, &s);
	a->clinical = ((s.client_of | s.server_of) & clinical) != 0 ||
		      (class >= ASSET_ANALYZER && class <= ASSET_SERIAL_SERVER);
	a->router = (s.flags & EP_ROUTER) != 0;
	if (a->class != (uint8_t) class) {
		a->class = (uint8_t) class;
		asset_mark_dirty(b, slot);
	}
}
