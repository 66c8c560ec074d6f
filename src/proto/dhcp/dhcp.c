/* SPDX-License-Identifier: Apache-2.0 */
/* DHCP for IPv4 and IPv6: which machine holds which address, and what it says it is.
 * Source: RFC 2131, RFC 2132 (options), RFC 3396 (overload), RFC 4702 (FQDN), RFC 951 (BOOTP);
 *         RFC 8415 (DHCPv6), RFC 4704 (FQDN).
 * Told:   a binding of address and MAC from each ACK or REPLY; the server that spoke (flag
 *         BINDING_SERVER) and the routers it names (BINDING_ROUTER); from clients host name,
 *         vendor class ("DHCP class MSFT 5.0") and option list ("DHCP options 1,3,6"), both as
 *         claims of attribute os in the words that asset/tables.h reads.
 * Limits: relay messages of DHCPv6 nest at most RELAY_DEPTH_MAX deep. */
#include <stdio.h>

#include "base/cursor.h"
#include "base/json.h"
#include "proto/proto.h"

enum { PORT_SERVER = 67, PORT_CLIENT = 68, PORT6_CLIENT = 546, PORT6_SERVER = 547 };
enum { BOOTP_BYTES = 236, RELAY_DEPTH_MAX = 8 };

enum message_type {
	DISCOVER = 1,
	OFFER,
	REQUEST,
	DECLINE,
	ACK,
	NAK,
	RELEASE,
	INFORM,
};

enum option {
	OPT_PAD = 0,
	OPT_ROUTER = 3,
	OPT_HOST = 12,
	OPT_DOMAIN = 15,
	OPT_REQUESTED = 50,
	OPT_OVERLOAD = 52,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_LIST = 55,
	OPT_CLASS = 60,
	OPT_FQDN = 81,
	OPT_END = 255,
};

/* What of a message matters here; views into it. */
struct dhcp {
	uint8_t op;
	unsigned type; /* 0: BOOTP without options */
	struct ip client, your, requested, server;
	struct mac mac;
	struct bytes opt[256]; /* last value of each option */
	bool bad;
};

static bool
on_ports(const struct probe_view *v, uint16_t a, uint16_t b)
{
	return v->port[0] == a || v->port[0] == b || v->port[1] == a || v->port[1] == b;
}

static struct ip
ip4_option(struct bytes b)
{
	struct ip none = {{0}};

	return b.len >= 4 ? ip_from_v4(b.ptr) : none;
}

/* RFC 2132 2 */
static void
options(struct dhcp *d, struct bytes in)
{
	struct cursor c = cursor_of(in);

	while (cursor_left(&c) > 0) {
		uint8_t code = cursor_u8(&c);
		struct bytes value;

		if (code == OPT_PAD)
			continue;
		if (code == OPT_END)
			return;
		value = cursor_take(&c, cursor_u8(&c));
		if (c.short_) {
			d->bad = true;
			return;
		}
		d->opt[code] = value;
	}
}

/* RFC 2131 2. False: not a DHCP or BOOTP message of an Ethernet host. */
static bool
read_message(struct dhcp *d, struct bytes in)
{
	static const uint8_t cookie[4] = {0x63, 0x82, 0x53, 0x63};
	struct cursor c = cursor_of(in);
	struct bytes chaddr, addresses, sname, file, overload;
	uint8_t htype, hlen;

	memset(d, 0, sizeof(*d));
	if (in.len < BOOTP_BYTES)
		return false;
	d->op = cursor_u8(&c);
	htype = cursor_u8(&c);
	hlen = cursor_u8(&c);
	if (d->op < 1 || d->op > 2 || hlen > 16)
		return false;
	(void)cursor_take(&c, 9); /* hops, xid, secs, flags */
	addresses = cursor_take(&c, 16);
	chaddr = cursor_take(&c, 16);
	sname = cursor_take(&c, 64);
	file = cursor_take(&c, 128);
	if (load_be32(addresses.ptr) != 0)
		d->client = ip_from_v4(addresses.ptr);
	if (load_be32(addresses.ptr + 4) != 0)
		d->your = ip_from_v4(addresses.ptr + 4);
	if (htype == 1 && hlen == 6)
		d->mac = mac_from(chaddr.ptr);
	if (!bytes_eq(cursor_take(&c, 4), bytes_of(cookie, 4)))
		return true; /* BOOTP alone */
	options(d, cursor_rest(&c));
	overload = d->opt[OPT_OVERLOAD];
	if (overload.len == 1 && (overload.ptr[0] & 1) != 0)
		options(d, file);
	if (overload.len == 1 && (overload.ptr[0] & 2) != 0)
		options(d, sname);
	if (d->opt[OPT_TYPE].len == 1)
		d->type = d->opt[OPT_TYPE].ptr[0];
	d->requested = ip4_option(d->opt[OPT_REQUESTED]);
	d->server = ip4_option(d->opt[OPT_SERVER]);
	return true;
}

static void
tell(const struct observer *o, enum name_value dir, struct mac mac, enum name_value attr,
    struct bytes value, const char *source, unsigned confidence)
{
	struct ev_claim c = {.mac = mac,
	    .attr = attr,
	    .value = bytes_trim(value),
	    .source = bytes_str(source),
	    .confidence = confidence};

	if (c.value.len > 0 && bytes_printable(c.value))
		o->emit(o->owner, dir, 0, EV_claim, &c);
}

static void
bind(const struct observer *o, enum name_value dir, struct ip ip, struct mac mac, struct ip by,
    uint64_t flags)
{
	struct ev_binding b = {
	    .ip = ip, .mac = mac, .by = by, .source = BYTES_INIT("dhcp"), .flags = flags};

	o->emit(o->owner, dir, 0, EV_binding, &b);
}

/* "DHCP class MSFT 5.0": the words under which asset/tables.h knows it. */
static void
tell_class(const struct observer *o, enum name_value dir, struct mac mac, struct bytes class_)
{
	char text[96];

	class_ = bytes_trim(bytes_sub(class_, 0, 80));
	if (class_.len == 0 || !bytes_printable(class_))
		return;
	(void)snprintf(
	    text, sizeof(text), "DHCP class %.*s", (int)class_.len, (const char *)class_.ptr);
	tell(o, dir, mac, attr_os, bytes_str(text), "DHCP option 60", 60);
}

/* The order in which a stack asks for options tells stacks apart. */
static void
tell_list(const struct observer *o, enum name_value dir, struct mac mac, struct bytes list)
{
	char text[128];
	size_t n = (size_t)snprintf(text, sizeof(text), "DHCP options ");

	for (size_t i = 0; i < list.len && sizeof(text) - n > 5; i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, i == 0 ? "%u" : ",%u", list.ptr[i]);
	if (list.len > 0)
		tell(o, dir, mac, attr_os, bytes_of(text, n), "DHCP option 55", 30);
}

/* RFC 4702 2.1: flags, two unused bytes, the name, as text or (E bit) as labels. */
static struct bytes
fqdn_host(struct bytes v)
{
	bool labels = v.len > 0 && (v.ptr[0] & 4) != 0;

	v = bytes_from(v, 3);
	if (labels)
		return v.len > 0 ? bytes_sub(v, 1, v.ptr[0]) : v;
	return bytes_sub(v, 0, bytes_find(v, '.'));
}

static void
tell_client(const struct observer *o, enum name_value dir, const struct dhcp *d)
{
	tell(o, dir, d->mac, attr_hostname, d->opt[OPT_HOST], "DHCP option 12", 70);
	tell(o, dir, d->mac, attr_hostname, fqdn_host(d->opt[OPT_FQDN]), "DHCP option 81", 70);
	tell_class(o, dir, d->mac, d->opt[OPT_CLASS]);
	tell_list(o, dir, d->mac, d->opt[OPT_LIST]);
}

static void
tell_server(const struct observer *o, enum name_value dir, const struct dhcp *d)
{
	static const struct mac no_mac;
	static const struct ip no_ip;
	struct bytes routers = d->opt[OPT_ROUTER];
	struct ip leased = ip_is_zero(d->your) ? d->client : d->your;

	/* Where the server does not name itself, the owner fills in who sent the packet. */
	if (d->type == OFFER || d->type == ACK || d->type == NAK || d->type == 0)
		bind(o, dir, d->server, no_mac, no_ip, BINDING_SERVER);
	if ((d->type == ACK || d->type == 0) && !ip_is_zero(leased) && !mac_is_zero(d->mac))
		bind(o, dir, leased, d->mac, d->server, 0);
	if (d->type == ACK && routers.len >= 4)
		bind(o, dir, ip_from_v4(routers.ptr), no_mac, d->server, BINDING_ROUTER);
}

static bool
v4_message(struct observer *o, enum name_value dir, struct bytes in, bool on_port)
{
	struct dhcp d;

	if (!read_message(&d, in) || (!on_port && d.type == 0))
		return false;
	observe_unit(o, UNIT_dhcp_messages);
	if (d.bad)
		observe_anomaly(
		    o, dir, 0, ANOMALY_dhcp_malformed, PROTO_dhcp, "option over the end");
	if (d.op == 1)
		tell_client(o, dir, &d);
	else
		tell_server(o, dir, &d);
	return true;
}

/* --- IPv6: RFC 8415 --- */

enum message6 { SOLICIT6 = 1, ADVERTISE6 = 2, REPLY6 = 7, RELAY_FORW6 = 12, RELAY_REPL6 = 13 };

enum option6 {
	OPT6_CLIENT_ID = 1,
	OPT6_IA_NA = 3,
	OPT6_IA_ADDRESS = 5,
	OPT6_RELAY = 9,
	OPT6_CLASS = 16,
	OPT6_FQDN = 39,
};

/* RFC 8415 11: DUID of type 1 (link-layer and time) or 3 (link-layer) on Ethernet. */
static struct mac
duid_mac(struct bytes duid)
{
	struct mac none = {{0}};
	unsigned type = duid.len >= 4 ? load_be16(duid.ptr) : 0;

	if (type == 1 && load_be16(duid.ptr + 2) == 1 && duid.len == 14)
		return mac_from(duid.ptr + 8);
	if (type == 3 && load_be16(duid.ptr + 2) == 1 && duid.len == 10)
		return mac_from(duid.ptr + 4);
	return none;
}

/* The next option of *in; false at its end or where it does not hold together. */
static bool
option6(struct bytes *in, unsigned *code, struct bytes *value)
{
	size_t n;

	if (in->len < 4)
		return false;
	*code = load_be16(in->ptr);
	n = load_be16(in->ptr + 2);
	if (in->len - 4 < n)
		return false;
	*value = bytes_sub(*in, 4, n);
	*in = bytes_from(*in, 4 + n);
	return true;
}

static struct bytes
find6(struct bytes in, unsigned code)
{
	struct bytes value;
	unsigned got;

	while (option6(&in, &got, &value)) {
		if (got == code)
			return value;
	}
	return bytes_of(NULL, 0);
}

static void
tell_leases6(const struct observer *o, enum name_value dir, struct bytes in, struct mac mac)
{
	static const struct ip no_ip;
	struct bytes value, inner, address;
	unsigned code;

	while (option6(&in, &code, &value)) {
		if (code != OPT6_IA_NA)
			continue;
		inner = bytes_from(value, 12); /* IAID, T1, T2 */
		while (option6(&inner, &code, &address)) {
			if (code == OPT6_IA_ADDRESS && address.len >= 24)
				bind(o, dir, ip_from_v6(address.ptr), mac, no_ip, 0);
		}
	}
}

static void
v6_inner(const struct observer *o, enum name_value dir, struct bytes in)
{
	static const struct mac no_mac;
	static const struct ip no_ip;
	unsigned type = in.ptr[0];
	struct bytes opts = bytes_from(in, 4), class_, fqdn;
	struct mac mac = duid_mac(find6(opts, OPT6_CLIENT_ID));

	if (type == ADVERTISE6 || type == REPLY6) {
		bind(o, dir, no_ip, no_mac, no_ip, BINDING_SERVER);
		if (type == REPLY6 && !mac_is_zero(mac))
			tell_leases6(o, dir, opts, mac);
		return;
	}
	class_ = find6(opts, OPT6_CLASS); /* enterprise number, length, text */
	tell_class(o, dir, mac, bytes_from(class_, 6));
	fqdn = bytes_from(find6(opts, OPT6_FQDN), 1); /* flags, labels */
	if (fqdn.len > 0)
		tell(o, dir, mac, attr_hostname, bytes_sub(fqdn, 1, fqdn.ptr[0]),
		    "DHCPv6 option 39", 70);
}

static bool
options6_hold(struct bytes in)
{
	struct bytes value;
	unsigned code;

	while (option6(&in, &code, &value))
		;
	return in.len == 0;
}

static bool
v6_message(struct observer *o, enum name_value dir, struct bytes in)
{
	if (in.len < 4 || in.ptr[0] < SOLICIT6 || in.ptr[0] > 35)
		return false;
	observe_unit(o, UNIT_dhcp_messages);
	for (int depth = 0; depth <= RELAY_DEPTH_MAX && in.len >= 4; depth++) {
		if (in.ptr[0] != RELAY_FORW6 && in.ptr[0] != RELAY_REPL6) {
			if (options6_hold(bytes_from(in, 4)))
				v6_inner(o, dir, in);
			else
				break;
			return true;
		}
		/* type, hops, link address, peer address, options */
		in = find6(bytes_from(in, 34), OPT6_RELAY);
	}
	observe_anomaly(
	    o, dir, 0, ANOMALY_dhcp_malformed, PROTO_dhcp, "DHCPv6 options do not hold together");
	return true;
}

static bool
dhcp_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	if (on_ports(v, PORT6_CLIENT, PORT6_SERVER))
		return v6_message(o, dir, payload);
	return v4_message(o, dir, payload, on_ports(v, PORT_SERVER, PORT_CLIENT));
}

/* --- decode: one DHCPv4 message --- */

static void
dhcp_decode(struct bytes file, const struct line_sink *out)
{
	static const struct {
		const char *key;
		enum option option;
	} texts[] = {{"host", OPT_HOST}, {"domain", OPT_DOMAIN}, {"class", OPT_CLASS}};
	struct buf text = {0};
	struct json j = json_on(&text);
	char addr[IP_TEXT_MAX], mac[MAC_TEXT_MAX];
	struct dhcp d;
	bool read = read_message(&d, file);

	json_object(&j);
	json_ku64(&j, "offset", 0);
	json_ku64(&j, "length", file.len);
	json_ku64(&j, "op", d.op);
	json_ku64(&j, "type", d.type);
	if (!ip_is_zero(d.your))
		json_kbytes(&j, "your", bytes_of(addr, ip_format(d.your, addr)));
	if (!ip_is_zero(d.server))
		json_kbytes(&j, "server", bytes_of(addr, ip_format(d.server, addr)));
	json_kbytes(&j, "mac", bytes_of(mac, mac_format(d.mac, mac)));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		json_kbytes_some(&j, texts[i].key, d.opt[texts[i].option]);
	json_khex(&j, "list", d.opt[OPT_LIST]);
	json_key(&j, "anomalies");
	json_array(&j);
	if (!read || d.bad) {
		json_object(&j);
		json_kstr(&j, "name", "dhcp_malformed");
		json_ku64(&j, "offset", 0);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	out->line(out->ctx, buf_bytes(&text));
	buf_free(&text);
}

const struct protocol dhcp_protocol = {
    .id = PROTO_dhcp,
    .name = "dhcp",
    .datagram = dhcp_datagram,
    .decode = dhcp_decode,
};
