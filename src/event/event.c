/* SPDX-License-Identifier: Apache-2.0 */
/* One table, made from events.def, drives encoding, decoding and JSON. */
#include "event/event.h"

#include <stddef.h>

enum field_type { F_U64, F_TIME, F_TEXT, F_IP, F_MAC, F_HASH, F_NAMED, F_PROTOCOL, F_ANOM, F_LIST };

enum field_class { C_PUBLIC, C_NETWORK, C_IDENTITY, C_HEALTH };

struct field {
	const char *name;
	uint16_t off;  /* in struct ev_KIND */
	uint16_t max;  /* bytes, of a TEXT */
	uint8_t type;  /* enum field_type */
	uint8_t class; /* enum field_class */
	uint8_t set;   /* enum name_set, of a NAMED */
};

struct layout {
	const char *name;
	const struct field *fields;
	size_t n;
};

#define EVENT(id, no, text)  static const struct field fields_ev_##id[] = {
#define RECORD(id, no, text) static const struct field fields_ev_##id[] = {
#define ROW(ev, f, max, type, class, set)                                                          \
	{#f, offsetof(struct ev_##ev, f), max, type, C_##class, set},
#define U64(ev, f, c)        ROW(ev, f, 0, F_U64, c, 0)
#define TIME(ev, f, c)       ROW(ev, f, 0, F_TIME, c, 0)
#define TEXT(ev, f, max, c)  ROW(ev, f, max, F_TEXT, c, 0)
#define IP(ev, f, c)         ROW(ev, f, 0, F_IP, c, 0)
#define MAC(ev, f, c)        ROW(ev, f, 0, F_MAC, c, 0)
#define HASH(ev, f, c)       ROW(ev, f, 0, F_HASH, c, 0)
#define NAMED(ev, f, set, c) ROW(ev, f, 0, F_NAMED, c, NAMES_##set)
#define PROTOCOL(ev, f, c)   ROW(ev, f, 0, F_PROTOCOL, c, 0)
#define ANOM(ev, f, c)       ROW(ev, f, 0, F_ANOM, c, 0)
#define LIST(ev, f, rec, c)  ROW(ev, f, 0, F_LIST, c, 0)
#define END(ev)                                                                                    \
	}                                                                                          \
	;
#include "event/events.def"

static const struct layout layouts[EV_MAX] = {
#define EVENT(id, no, text) [no] = {#id, fields_ev_##id, ARRAY_LEN(fields_ev_##id)},
#include "event/events.def"
};

static const struct layout result_layout = {
    "result", fields_ev_result, ARRAY_LEN(fields_ev_result)};

enum { EVENT_PREFIX = 5, VARINT_MAX = 10 };

/* Bytes that the fields of each kind take at most, LIST bytes apart. */
#define EVENT(id, no, text)  enum { ROOM_##id = 0
#define RECORD(id, no, text) enum { ROOM_##id = 0
#define U64(ev, f, c)        +VARINT_MAX
#define TIME(ev, f, c)       +VARINT_MAX
#define TEXT(ev, f, max, c)  +VARINT_MAX + (max)
#define IP(ev, f, c)         +16
#define MAC(ev, f, c)        +6
#define HASH(ev, f, c)       +16
#define NAMED(ev, f, set, c) +VARINT_MAX
#define PROTOCOL(ev, f, c)   +VARINT_MAX
#define ANOM(ev, f, c)       +VARINT_MAX
#define LIST(ev, f, rec, c)  +VARINT_MAX
#define END(ev)                                                                                    \
	}                                                                                          \
	;
#include "event/events.def"

static const uint16_t rooms[EV_MAX] = {
#define EVENT(id, no, text) [no] = ROOM_##id,
#include "event/events.def"
};

/* --- writing --- */

static size_t
put_long_varint(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		p[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	p[n++] = (uint8_t)v;
	return n;
}

static inline uint8_t *
put_varint(uint8_t *p, uint64_t v)
{
	*p = (uint8_t)v;
	return p + (LIKELY(v < 0x80) ? 1 : put_long_varint(p, v));
}

/* Most texts are short: overlapping words instead of a call. The room was reserved. */
static inline void
put_bytes(uint8_t *out, struct bytes b)
{
	if (b.len > 32) {
		memcpy(out, b.ptr, b.len);
	} else if (b.len >= 16) {
		uint64_t word[4];

		memcpy(word, b.ptr, 16);
		memcpy(word + 2, b.ptr + b.len - 16, 16);
		memcpy(out, word, 16);
		memcpy(out + b.len - 16, word + 2, 16);
	} else if (b.len >= 8) {
		uint64_t first, last;

		memcpy(&first, b.ptr, 8);
		memcpy(&last, b.ptr + b.len - 8, 8);
		memcpy(out, &first, 8);
		memcpy(out + b.len - 8, &last, 8);
	} else if (b.len >= 4) {
		uint32_t first, last;

		memcpy(&first, b.ptr, 4);
		memcpy(&last, b.ptr + b.len - 4, 4);
		memcpy(out, &first, 4);
		memcpy(out + b.len - 4, &last, 4);
	} else if (b.len > 0) {
		out[0] = b.ptr[0];
		out[b.len / 2] = b.ptr[b.len / 2];
		out[b.len - 1] = b.ptr[b.len - 1];
	}
}

static inline uint8_t *
put_text(uint8_t *p, struct bytes text, size_t max)
{
	if (UNLIKELY(text.len > max))
		text.len = max;
	p = put_varint(p, text.len);
	put_bytes(p, text);
	return p + text.len;
}

static inline uint8_t *
put_raw(uint8_t *p, const void *from, size_t n)
{
	memcpy(p, from, n);
	return p + n;
}

/* write_KIND(): straight through the fields of a kind, to p, whose room was reserved; gives where
 * it stopped. lists_KIND(): bytes of its LIST fields. */
#define HEAD_OF(id)                                                                                \
	static uint8_t *write_##id(uint8_t *p, const void *fields)                                 \
	{                                                                                          \
		const struct ev_##id *in = fields;
#define EVENT(id, no, text)  HEAD_OF(id)
#define RECORD(id, no, text) HEAD_OF(id)
#define U64(ev, f, c)        p = put_varint(p, in->f);
#define TIME(ev, f, c)       p = put_varint(p, (uint64_t)in->f.ns);
#define TEXT(ev, f, max, c)  p = put_text(p, in->f, max);
#define IP(ev, f, c)         p = put_raw(p, &in->f, sizeof(in->f));
#define MAC(ev, f, c)        p = put_raw(p, &in->f, sizeof(in->f));
#define HASH(ev, f, c)       p = put_raw(p, &in->f, sizeof(in->f));
#define NAMED(ev, f, set, c) p = put_varint(p, in->f);
#define PROTOCOL(ev, f, c)   p = put_varint(p, in->f);
#define ANOM(ev, f, c)       p = put_varint(p, in->f);
#define LIST(ev, f, rec, c)  p = put_text(p, in->f, SIZE_MAX);
#define END(ev)                                                                                    \
	return p;                                                                                  \
	}
#include "event/events.def"
#undef HEAD_OF

#define HEAD_OF(id)                                                                                \
	static inline size_t lists_##id(const void *fields)                                        \
	{                                                                                          \
		const struct ev_##id *in = fields;                                                 \
		size_t n = 0;
#define EVENT(id, no, text)  HEAD_OF(id)
#define RECORD(id, no, text) HEAD_OF(id)
#define LIST(ev, f, rec, c)  n += in->f.len;
#define END(ev)                                                                                    \
	(void)in;                                                                                  \
	return n;                                                                                  \
	}
#include "event/events.def"
#undef HEAD_OF

struct writer {
	uint8_t *(*write)(uint8_t *p, const void *fields);
	size_t (*lists)(const void *fields);
};

static const struct writer writers[EV_MAX] = {
#define EVENT(id, no, text) [no] = {write_##id, lists_##id},
#include "event/events.def"
};

bool
event_encode(
    struct buf *out, enum event_kind kind, const struct event_head *head, const void *fields)
{
	const struct writer *w = (size_t)kind < EV_MAX ? &writers[kind] : NULL;
	uint8_t *start, *p;
	size_t room;

	if (w == NULL || w->write == NULL || out->cut)
		return false;
	room = EVENT_PREFIX + 7 * VARINT_MAX + rooms[kind] + w->lists(fields);
	if (room > EVENT_BYTES_MAX || !buf_reserve(out, room))
		return false;
	start = out->ptr + out->len;
	p = put_varint(start + EVENT_PREFIX, (uint64_t)head->time.ns);
	p = put_varint(p, head->source);
	p = put_varint(p, head->packet);
	p = put_varint(p, head->flow);
	p = put_varint(p, head->link);
	p = put_varint(p, head->dir);
	p = put_varint(p, head->offset);
	p = w->write(p, fields);
	room = (size_t)(p - start);
	start[0] = (uint8_t)(room - 4);
	start[1] = (uint8_t)((room - 4) >> 8);
	start[2] = (uint8_t)((room - 4) >> 16);
	start[3] = 0;
	start[4] = (uint8_t)kind;
	out->len += room;
	return true;
}

bool
result_encode(struct buf *list, const struct ev_result *r)
{
	uint8_t *p;
	size_t n;

	if (list->cut || !buf_reserve(list, 2 + ROOM_result))
		return false;
	/* The length goes in front as two LEB128 bytes always, so that the fields need no move. */
	p = list->ptr + list->len;
	n = (size_t)(write_result(p + 2, r) - (p + 2));
	p[0] = (uint8_t)(n | 0x80);
	p[1] = (uint8_t)(n >> 7);
	list->len += n + 2;
	return true;
}

/* --- reading --- */

struct varint {
	uint64_t v;
	const uint8_t *next; /* NULL: cut, or over 64 bits */
};

static struct varint
get_long_varint(const uint8_t *p, const uint8_t *end)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
		uint8_t c = *p++;

		if (shift == 63 && c > 1)
			break;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return (struct varint){v, p};
	}
	return (struct varint){0, NULL};
}

static inline struct varint
get_varint(const uint8_t *p, const uint8_t *end)
{
	if (LIKELY(p < end && *p < 0x80))
		return (struct varint){*p, p + 1};
	return get_long_varint(p, end);
}

/* read_KIND(): straight through the fields of a kind, from p on; every field is set, those at the
 * end that an older writer did not know to zero. Gives where it stopped; NULL: no such fields. */
#define EVENT(id, no, text)                                                                        \
	static const uint8_t *read_##id(const uint8_t *p, const uint8_t *end, struct ev_##id *out) \
	{                                                                                          \
		struct varint n;
#define RECORD(id, no, text)                                                                       \
	static inline const uint8_t *read_##id(                                                    \
	    const uint8_t *p, const uint8_t *end, struct ev_##id *out)                             \
	{                                                                                          \
		struct varint n;
#define NUMBER(place)                                                                              \
	n = (struct varint){0, p};                                                                 \
	if (LIKELY(p != end))                                                                      \
		n = get_varint(p, end);                                                            \
	if (n.next == NULL)                                                                        \
		return NULL;                                                                       \
	place;                                                                                     \
	p = n.next;
/* A run of less than 128 bytes that is all there is the usual one: one way for it, one for the
 * rest. */
#define RUN(f, max)                                                                                \
	if (LIKELY(p != end && *p <= ((max) < 0x7f ? (max) : 0x7f) && *p < end - p)) {             \
		out->f = bytes_of(p + 1, *p);                                                      \
		p += 1 + *p;                                                                       \
	} else {                                                                                   \
		NUMBER(out->f = bytes_of(n.next, n.v))                                             \
		if (n.v > (size_t)(end - p) || n.v > (max))                                        \
			return NULL;                                                               \
		p += n.v;                                                                          \
	}
#define EXACT(f)                                                                                   \
	if (UNLIKELY(p == end)) {                                                                  \
		memset(&out->f, 0, sizeof(out->f));                                                \
	} else {                                                                                   \
		if (sizeof(out->f) > (size_t)(end - p))                                            \
			return NULL;                                                               \
		memcpy(&out->f, p, sizeof(out->f));                                                \
		p += sizeof(out->f);                                                               \
	}
#define U64(ev, f, c)        NUMBER(out->f = n.v)
#define TIME(ev, f, c)       NUMBER(out->f.ns = (int64_t)n.v)
#define TEXT(ev, f, max, c)  RUN(f, (size_t)(max))
#define IP(ev, f, c)         EXACT(f)
#define MAC(ev, f, c)        EXACT(f)
#define HASH(ev, f, c)       EXACT(f)
#define NAMED(ev, f, set, c) NUMBER(out->f = n.v)
#define PROTOCOL(ev, f, c)   NUMBER(out->f = n.v)
#define ANOM(ev, f, c)       NUMBER(out->f = n.v)
#define LIST(ev, f, rec, c)  RUN(f, SIZE_MAX)
#define END(ev)                                                                                    \
	return p;                                                                                  \
	}
#include "event/events.def"

_Static_assert(sizeof(struct ip) == 16 && sizeof(struct mac) == 6 && sizeof(struct hash128) == 16,
    "addresses and hashes are read as they lie");

static const uint8_t *
read_head(const uint8_t *p, const uint8_t *end, struct event_head *out)
{
	uint64_t *const places[] = {
	    &out->source, &out->packet, &out->flow, &out->link, &out->dir, &out->offset};
	struct varint n = get_varint(p, end);

	out->time.ns = (int64_t)n.v;
	for (size_t i = 0; i < ARRAY_LEN(places) && n.next != NULL; i++) {
		n = get_varint(n.next, end);
		*places[i] = n.v;
	}
	return n.next;
}

static const uint8_t *
read_fields(const uint8_t *p, const uint8_t *end, struct event *ev)
{
	switch (ev->kind) {
#define EVENT(id, no, text)                                                                        \
	case EV_##id:                                                                              \
		return read_##id(p, end, &ev->u.id);
#include "event/events.def"
	default:
		return NULL;
	}
}

enum err
event_decode(struct bytes in, struct event *ev, size_t *used, struct why *why)
{
	const uint8_t *p, *end;
	size_t len;

	*used = 0;
	memset(ev, 0, sizeof(*ev));
	if (in.len < EVENT_PREFIX)
		return FAIL(why, ERR_LIMIT, "event cut in its prefix");
	len = (size_t)in.ptr[0] | (size_t)in.ptr[1] << 8 | (size_t)in.ptr[2] << 16 |
	      (size_t)in.ptr[3] << 24;
	if (len < 8 || len > EVENT_BYTES_MAX)
		return FAIL(
		    why, ERR_INPUT, "event length %zu, expected 8 to %d", len, EVENT_BYTES_MAX);
	*used = len + 4;
	if (in.len - 4 < len)
		return FAIL(why, ERR_LIMIT, "event cut: %zu of %zu bytes", in.len, len + 4);
	if (in.ptr[4] >= EV_MAX || layouts[in.ptr[4]].name == NULL)
		return FAIL(why, ERR_INPUT, "event kind %u is not known", in.ptr[4]);
	ev->kind = in.ptr[4];
	end = in.ptr + 4 + len;
	p = read_head(in.ptr + EVENT_PREFIX, end, &ev->head);
	if (p != NULL)
		p = read_fields(p, end, ev);
	if (p != end)
		return FAIL(why, ERR_INPUT, "event of kind %s and %zu bytes does not hold together",
		    layouts[ev->kind].name, len);
	return ERR_OK;
}

bool
result_next(struct bytes *list, struct ev_result *res)
{
	const uint8_t *end = NULL;
	struct varint n = {0, NULL};

	if (list->len > 0) {
		end = list->ptr + list->len;
		n = get_varint(list->ptr, end);
	}
	if (n.next != NULL && n.v <= (size_t)(end - n.next)) {
		*list = bytes_of(n.next + n.v, (size_t)(end - n.next) - n.v);
		if (LIKELY(read_result(n.next, n.next + n.v, res) == n.next + n.v))
			return true;
	}
	memset(res, 0, sizeof(*res));
	return false;
}

/* --- JSON --- */

static void
json_field(struct json *j, const struct field *f, const void *p)
{
	char text[IP_TEXT_MAX];
	struct hash128 h;
	struct bytes b;
	struct mac m;
	struct ip a;
	uint64_t v;

	switch (f->type) {
	case F_TEXT:
		memcpy(&b, p, sizeof(b));
		json_kbytes_some(j, f->name, b);
		return;
	case F_LIST:
		memcpy(&b, p, sizeof(b));
		if (b.len == 0)
			return;
		json_key(j, f->name);
		json_array(j);
		for (struct ev_result r; result_next(&b, &r);) {
			json_object(j);
			result_json_fields(j, &r);
			json_object_end(j);
		}
		json_array_end(j);
		return;
	case F_IP:
		memcpy(&a, p, sizeof(a));
		if (!ip_is_zero(a))
			json_kbytes(j, f->name, bytes_of(text, ip_format(a, text)));
		return;
	case F_MAC:
		memcpy(&m, p, sizeof(m));
		if (!mac_is_zero(m))
			json_kbytes(j, f->name, bytes_of(text, mac_format(m, text)));
		return;
	case F_HASH:
		memcpy(&h, p, sizeof(h));
		if (!hash128_is_zero(h))
			json_khex(j, f->name, bytes_of(h.b, sizeof(h.b)));
		return;
	default:
		break;
	}
	memcpy(&v, p, sizeof(v));
	switch (f->type) {
	case F_TIME:
		if (v != 0)
			json_kwall(j, f->name, (struct wall){(int64_t)v});
		break;
	case F_NAMED:
		json_kstr(j, f->name, name_label((enum name_set)f->set, v));
		break;
	case F_PROTOCOL:
		json_kstr(j, f->name, proto_label(v));
		break;
	case F_ANOM:
		json_kstr(j, f->name, anomaly_info(v) != NULL ? anomaly_info(v)->name : "unknown");
		break;
	default:
		json_ku64(j, f->name, v);
	}
}

static void
json_fields(struct json *j, const struct layout *l, const void *fields)
{
	for (size_t i = 0; i < l->n; i++)
		json_field(j, &l->fields[i], (const uint8_t *)fields + l->fields[i].off);
}

void
result_json_fields(struct json *j, const struct ev_result *r)
{
	json_fields(j, &result_layout, r);
}

void
event_json_fields(struct json *j, const struct event *ev)
{
	json_fields(j, &layouts[ev->kind], &ev->u);
}

void
event_json(struct json *j, const struct event *ev)
{
	const struct event_head *h = &ev->head;

	json_object(j);
	json_kstr(j, "kind", event_name(ev->kind));
	json_kwall(j, "time", h->time);
	if (h->source != 0)
		json_ku64(j, "source", h->source);
	if (h->packet != 0)
		json_ku64(j, "packet", h->packet);
	if (h->flow != 0) {
		json_ku64(j, "flow", h->flow);
		json_kstr(j, "dir", name_label(NAMES_dir, h->dir));
		json_ku64(j, "offset", h->offset);
	}
	if (h->link != 0)
		json_ku64(j, "link", h->link);
	json_key(j, event_name(ev->kind));
	json_object(j);
	event_json_fields(j, ev);
	json_object_end(j);
	json_object_end(j);
}

/* --- words --- */

const char *
event_name(enum event_kind kind)
{
	return (size_t)kind < EV_MAX ? layouts[kind].name : NULL;
}

enum event_kind
event_kind_of(struct bytes name)
{
	for (size_t i = 0; i < EV_MAX; i++) {
		if (layouts[i].name != NULL && bytes_eq(bytes_str(layouts[i].name), name))
			return (enum event_kind)i;
	}
	return 0;
}

struct word {
	enum name_set set;
	uint64_t value;
	const char *label;
};

static const struct word words[] = {
#define NAME(set, id, no, label) {NAMES_##set, no, label},
#include "event/names.def"
};

const char *
name_label(enum name_set set, uint64_t value)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (words[i].set == set && words[i].value == value)
			return words[i].label;
	}
	return "unknown";
}

bool
name_value(enum name_set set, struct bytes label, uint64_t *value)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (words[i].set == set && bytes_eq(bytes_str(words[i].label), label)) {
			*value = words[i].value;
			return true;
		}
	}
	return false;
}

struct proto_row {
	const char *label;
	const char *text;
	enum proto_kind kind;
};

static const struct proto_row protos[PROTO_MAX] = {
#define PROTO(id, no, label, kind, text) [no] = {label, text, PROTO_KIND_##kind},
#include "event/protos.def"
};

static const struct proto_row *
proto_row(uint64_t proto)
{
	return proto < PROTO_MAX && protos[proto].label != NULL ? &protos[proto] : &protos[0];
}

const char *
proto_label(uint64_t proto)
{
	return proto_row(proto)->label;
}

const char *
proto_text(uint64_t proto)
{
	return proto_row(proto)->text;
}

enum proto_kind
proto_kind(uint64_t proto)
{
	return proto_row(proto)->kind;
}

bool
proto_of(struct bytes label, uint64_t *proto)
{
	for (size_t i = 0; i < PROTO_MAX; i++) {
		if (protos[i].label != NULL && bytes_eq(bytes_str(protos[i].label), label)) {
			*proto = i;
			return true;
		}
	}
	return false;
}

static const struct anomaly_info anomalies[ANOMALY_MAX] = {
#define ANOMALY(id, no, class, source, text) [no] = {no, #id, ANOMALY_##class, source, text},
#include "event/anomalies.def"
};

const struct anomaly_info *
anomaly_info(uint64_t id)
{
	return id < ANOMALY_MAX && anomalies[id].name != NULL ? &anomalies[id] : NULL;
}

static const char *const units[UNIT_COUNT] = {
#define UNIT(id, text) [UNIT_##id] = #id,
#include "event/units.def"
};

const char *
unit_name(enum unit u)
{
	return (size_t)u < UNIT_COUNT ? units[u] : "unknown";
}
