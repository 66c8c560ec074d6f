/* SPDX-License-Identifier: Apache-2.0 */
/* DNS, multicast DNS and LLMNR.
 * Source: RFC 1035, RFC 6762 (mDNS), RFC 6763 (services), RFC 4795 (LLMNR).
 * Told:   from answers of mDNS and LLMNR, which a host gives about itself: its names and
 *         addresses, its services, what their TXT records say of maker, model and firmware.
 *         Plain DNS speaks of others: its messages are counted and checked only. */
#include <stdio.h>

#include "base/json.h"
#include "base/utf8.h"
#include "proto/names/message.h"
#include "proto/pieces.h"
#include "proto/proto.h"

enum { PORT_DNS = 53, PORT_MDNS = 5353, PORT_LLMNR = 5355, CLASS_MASK = 0x7fff };

static bool
port_is(const struct probe_view *v, uint16_t port)
{
	return v->port[0] == port || v->port[1] == port;
}

/* --- recognising --- */

/* Header fields that a DNS speaker sets: a known opcode, the Z bit clear (RFC 1035 4.1.1). */
static bool
header_sane(const struct dns_message *m)
{
	unsigned op = dns_opcode(m);

	return (m->flags & 0x0040) == 0 && op != 3 && op <= 6;
}

/* The whole message is one question of a plain name and records that fill it to the last byte:
 * random bytes do not look like that. */
static bool
message_strict(struct bytes in)
{
	struct dns_message m;
	struct dns_record r;
	size_t records;

	if (!dns_open(&m, in) || !header_sane(&m) || m.n[0] != 1 || !dns_question(&m, &r))
		return false;
	if (!r.name.plain && bytes_find(dns_name_text(&r.name), '.') == r.name.len)
		return false;
	if (r.type == 0 || r.type > 260 || (r.class != 1 && r.class != 255) || r.name.len < 2)
		return false;
	records = (size_t)m.n[1] + m.n[2] + m.n[3];
	for (size_t i = 0; i < records; i++) {
		if (!dns_record(&m, &r))
			return false;
	}
	return m.at == in.len;
}

/* --- telling --- */

static void
anomaly_of(const struct observer *o, enum name_value dir, uint64_t offset,
    const struct dns_message *m, enum proto proto)
{
	static const enum anomaly names[] = {[DNS_SHORT] = ANOMALY_dns_malformed,
	    [DNS_LOOP] = ANOMALY_dns_pointer_loop,
	    [DNS_LONG] = ANOMALY_dns_name_long,
	    [DNS_LABEL] = ANOMALY_dns_malformed};
	char place[40];

	(void)snprintf(place, sizeof(place), "message of %zu bytes, at %zu", m->in.len, m->at);
	observe_anomaly(o, dir, offset, names[m->fault], proto, place);
}

static void
bind(const struct observer *o, enum name_value dir, uint64_t offset, struct bytes host,
    struct ip ip, const char *source)
{
	struct ev_binding b = {.ip = ip, .host = host, .source = bytes_str(source)};

	if (host.len > 0 && !ip_is_group(ip) && !ip_is_loopback(ip))
		o->emit(o->owner, dir, offset, EV_binding, &b);
}

/* Without a closing ".local" (RFC 6762 3). */
static struct bytes
host_part(struct bytes name)
{
	static const struct bytes local = BYTES_INIT(".local");

	if (name.len > local.len && bytes_eq_nocase(bytes_from(name, name.len - local.len), local))
		name.len -= local.len;
	return name;
}

struct txt_key {
	const char *key;
	enum name_value attr;
};

/* Keys of DNS-SD TXT records that say what a device is: printers (Bonjour Printing 1.2),
 * AirPlay, Google Cast, device-info, and what vendors use for themselves. */
static const struct txt_key txt_keys[] = {
    {"model", attr_model},
    {"md", attr_model},
    {"am", attr_model},
    {"ty", attr_model},
    {"product", attr_model},
    {"usb_MDL", attr_model},
    {"usb_MFG", attr_maker},
    {"mfg", attr_maker},
    {"manufacturer", attr_maker},
    {"vendor", attr_maker},
    {"fn", attr_name},
    {"serialNumber", attr_serial},
    {"serial", attr_serial},
    {"sn", attr_serial},
    {"fv", attr_firmware},
    {"fw", attr_firmware},
    {"firmware", attr_firmware},
    {"osvers", attr_os},
};

/* RFC 6763 6: strings of "key=value", each with a length byte. */
static void
tell_txt(const struct observer *o, enum name_value dir, const struct dns_record *r)
{
	struct cursor c = cursor_of(r->data);

	while (cursor_left(&c) > 0) {
		uint64_t at = r->at + c.at;
		struct bytes value, key = cursor_take(&c, cursor_u8(&c));

		key = bytes_split(key, '=', &value);
		/* "(HP LaserJet 4)": the brackets are the syntax of `product`. */
		if (value.len > 2 && value.ptr[0] == '(' && value.ptr[value.len - 1] == ')')
			value = bytes_sub(value, 1, value.len - 2);
		for (size_t i = 0; i < ARRAY_LEN(txt_keys); i++) {
			if (bytes_eq_nocase(key, bytes_str(txt_keys[i].key)) && utf8_valid(value))
				observe_claim(o, dir, at, txt_keys[i].attr, value, "mDNS TXT", 70);
		}
	}
}

/* "Front desk._ipp._tcp.local": what stands before the service, and the service itself. */
static void
tell_service(const struct observer *o, enum name_value dir, const struct dns_record *r)
{
	struct bytes name = host_part(dns_name_text(&r->name));
	struct bytes rest = bytes_from(name, r->name.first + 1);

	if (rest.len == 0 || rest.ptr[0] != '_')
		return;
	observe_claim(o, dir, r->at, attr_service, rest, "mDNS SRV", 70);
	if (r->name.text[0] != '_')
		observe_claim(o, dir, r->at, attr_name, bytes_of(r->name.text, r->name.first),
		    "mDNS instance", 50);
}

static void
tell_hinfo(const struct observer *o, enum name_value dir, const struct dns_record *r)
{
	struct cursor c = cursor_of(r->data);
	struct bytes cpu = cursor_take(&c, cursor_u8(&c));
	struct bytes os = cursor_take(&c, cursor_u8(&c));

	(void)cpu;
	observe_claim(o, dir, r->at, attr_os, os, "mDNS HINFO", 60);
}

static void
tell_record(const struct observer *o, enum name_value dir, struct dns_record *r, enum proto proto)
{
	const char *source = proto == PROTO_mdns ? "mdns" : "llmnr";
	struct bytes host = host_part(dns_name_text(&r->name));

	if ((r->class & CLASS_MASK) != 1)
		return;
	if (r->type == DNS_A && r->data.len == 4)
		bind(o, dir, r->at, host, ip_from_v4(r->data.ptr), source);
	else if (r->type == DNS_AAAA && r->data.len == 16)
		bind(o, dir, r->at, host, ip_from_v6(r->data.ptr), source);
	if (proto != PROTO_mdns)
		return;
	if (r->type == DNS_SRV)
		tell_service(o, dir, r);
	else if (r->type == DNS_TXT)
		tell_txt(o, dir, r);
	else if (r->type == DNS_HINFO)
		tell_hinfo(o, dir, r);
}

/* One message of any of the three; all of it is walked, so that faults are found. */
static void
message(struct observer *o, enum name_value dir, uint64_t offset, struct bytes in, enum proto proto)
{
	struct dns_message m;
	struct dns_record r;
	size_t records;
	bool told;

	observe_unit(o, UNIT_dns_messages);
	if (!dns_open(&m, in)) {
		m.fault = DNS_SHORT;
		anomaly_of(o, dir, offset, &m, proto);
		return;
	}
	told = proto != PROTO_dns && (m.flags & DNS_RESPONSE) != 0 && dns_rcode(&m) == 0;
	records = (size_t)m.n[1] + m.n[2] + m.n[3];
	for (size_t i = 0; i < m.n[0] && dns_question(&m, &r); i++)
		;
	for (size_t i = 0; i < records && m.fault == DNS_OK && dns_record(&m, &r); i++) {
		bool authority = i >= m.n[1] && i < (size_t)m.n[1] + m.n[2];

		if (told && !authority)
			tell_record(o, dir, &r, proto);
	}
	if (m.fault != DNS_OK)
		anomaly_of(o, dir, offset, &m, proto);
}

/* With its port a sane header will do, so that damaged messages are seen; without, all of it
 * must hold together. */
static bool
datagram(struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v,
    uint16_t port, enum proto proto)
{
	struct dns_message m;

	if (!dns_open(&m, payload))
		return false;
	if (port_is(v, port) ? !header_sane(&m) : !message_strict(payload))
		return false;
	message(o, dir, 0, payload, proto);
	return true;
}

static bool
dns_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	return datagram(o, dir, payload, v, PORT_DNS, PROTO_dns);
}

static bool
mdns_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	return port_is(v, PORT_MDNS) && datagram(o, dir, payload, v, PORT_MDNS, PROTO_mdns);
}

static bool
llmnr_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	return port_is(v, PORT_LLMNR) && datagram(o, dir, payload, v, PORT_LLMNR, PROTO_llmnr);
}

/* --- DNS over TCP: RFC 1035 4.2.2, two bytes of length before each message --- */

enum { DNS_TCP_KEEP = 65537 };

struct dns_session {
	struct observer *o;
	struct frames frames[2];
};

static uint64_t
tcp_size(struct bytes prefix)
{
	unsigned n = load_be16(prefix.ptr);

	return n < DNS_HEADER_BYTES ? 0 : n + 2u;
}

static enum probe
probe_side(struct bytes head, const struct probe_view *v)
{
	struct dns_message m;
	struct dns_record r;
	size_t n;

	if (head.len < 2)
		return PROBE_MAYBE;
	n = load_be16(head.ptr);
	if (n < DNS_HEADER_BYTES + 5)
		return PROBE_NO;
	head = bytes_from(head, 2);
	if (head.len >= n)
		return message_strict(bytes_sub(head, 0, n)) ? PROBE_YES : PROBE_NO;
	if (dns_open(&m, head) && (!header_sane(&m) || m.n[0] != 1))
		return PROBE_NO;
	if (head.len + 2 < PROBE_BYTES_MAX && !v->ended)
		return PROBE_MAYBE;
	/* Too long to see whole: the question must do, and the port breaks the tie. */
	return head.len >= DNS_HEADER_BYTES && dns_question(&m, &r) && r.class == 1 &&
		       port_is(v, PORT_DNS)
		   ? PROBE_YES
		   : PROBE_NO;
}

static enum probe
dns_probe(const struct probe_view *v)
{
	enum probe best = PROBE_MAYBE;

	for (size_t i = 0; i < 2; i++) {
		enum probe p = v->head[i].len == 0 ? PROBE_MAYBE : probe_side(v->head[i], v);

		if (p == PROBE_NO)
			return PROBE_NO;
		if (p == PROBE_YES)
			best = PROBE_YES;
	}
	return best;
}

static void *
dns_session_open(struct observer *o)
{
	struct dns_session *s = budget_alloc(o->budget, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = o;
	for (size_t i = 0; i < 2; i++)
		s->frames[i] = (struct frames){.prefix = 2,
		    .keep = DNS_TCP_KEEP,
		    .size_of = tcp_size,
		    .held.budget = o->budget};
	return s;
}

static void
dns_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct dns_session *s = session;
	struct piece p;

	for (;;) {
		switch (frames_next(&s->frames[dir], &run, &offset, &p)) {
		case FRAMES_MORE:
			return;
		case FRAMES_UNIT:
			message(s->o, dir, p.offset, bytes_from(p.body, 2), PROTO_dns);
			break;
		case FRAMES_LOST:
			observe_anomaly(s->o, dir, p.offset, ANOMALY_dns_malformed, PROTO_dns,
			    "length below 12");
			break;
		case FRAMES_REFUSED:
			observe_anomaly(
			    s->o, dir, p.offset, ANOMALY_memory_cap, PROTO_dns, "message");
			break;
		}
	}
}

static void
dns_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct dns_session *s = session;

	(void)offset;
	frames_gap(&s->frames[dir], missing);
}

static void
dns_end(void *session, enum name_value dir)
{
	(void)session;
	(void)dir;
}

static void
dns_close(void *session)
{
	struct dns_session *s = session;

	frames_free(&s->frames[0]);
	frames_free(&s->frames[1]);
	budget_free(s->o->budget, s, sizeof(*s));
}

/* --- decode: one bare message --- */

static void
decode_record(struct json *j, struct dns_record *r, struct bytes in, bool question)
{
	struct dns_name name;
	char text[IP_TEXT_MAX];
	size_t end;

	json_object(j);
	json_kbytes(j, "name", dns_name_text(&r->name));
	json_ku64(j, "type", r->type);
	json_ku64(j, "class", r->class);
	if (!question) {
		json_ku64(j, "ttl", r->ttl);
		json_ku64(j, "offset", r->at);
		if (r->type == DNS_A && r->data.len == 4)
			json_kbytes(
			    j, "data", bytes_of(text, ip_format(ip_from_v4(r->data.ptr), text)));
		else if (r->type == DNS_AAAA && r->data.len == 16)
			json_kbytes(
			    j, "data", bytes_of(text, ip_format(ip_from_v6(r->data.ptr), text)));
		else if (r->type == DNS_PTR && dns_name_at(in, r->at, &name, &end) == DNS_OK)
			json_kbytes(j, "data", dns_name_text(&name));
		else
			json_khex(j, "data", r->data);
	}
	json_object_end(j);
}

static void
dns_decode(struct bytes file, const struct line_sink *out)
{
	static const char *const sections[] = {
	    "questions", "answers", "authorities", "additionals"};
	static const char *const faults[] = {
	    "", "dns_malformed", "dns_pointer_loop", "dns_name_long", "dns_malformed"};
	struct buf text = {0};
	struct json j = json_on(&text);
	struct dns_message m;
	struct dns_record r;
	bool header = dns_open(&m, file);

	if (!header)
		m.fault = DNS_SHORT;
	json_object(&j);
	json_ku64(&j, "offset", 0);
	json_ku64(&j, "length", file.len);
	json_ku64(&j, "id", m.id);
	json_kbool(&j, "response", (m.flags & DNS_RESPONSE) != 0);
	json_ku64(&j, "opcode", dns_opcode(&m));
	json_ku64(&j, "rcode", dns_rcode(&m));
	for (size_t s = 0; s < ARRAY_LEN(sections); s++) {
		json_key(&j, sections[s]);
		json_array(&j);
		for (size_t i = 0; i < m.n[s]; i++) {
			if (!(s == 0 ? dns_question(&m, &r) : dns_record(&m, &r)))
				break;
			decode_record(&j, &r, file, s == 0);
		}
		json_array_end(&j);
	}
	json_key(&j, "anomalies");
	json_array(&j);
	if (m.fault != DNS_OK) {
		json_object(&j);
		json_kstr(&j, "name", faults[m.fault]);
		json_ku64(&j, "offset", header ? m.at : 0);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	out->line(out->ctx, buf_bytes(&text));
	buf_free(&text);
}

const struct protocol dns_protocol = {
    .id = PROTO_dns,
    .name = "dns",
    .probe = dns_probe,
    .open = dns_session_open,
    .data = dns_data,
    .gap = dns_gap,
    .end = dns_end,
    .close = dns_close,
    .datagram = dns_datagram,
    .decode = dns_decode,
};

const struct protocol mdns_protocol = {
    .id = PROTO_mdns,
    .name = "mdns",
    .datagram = mdns_datagram,
};

const struct protocol llmnr_protocol = {
    .id = PROTO_llmnr,
    .name = "llmnr",
    .datagram = llmnr_datagram,
};
