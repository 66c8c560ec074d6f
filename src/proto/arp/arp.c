/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/arp/arp.h"

#include "base/cursor.h"

static void
bind(const struct observer *o, struct ip ip, struct mac mac, const char *source, uint64_t flags)
{
	struct ev_binding b = {.ip = ip, .mac = mac, .source = bytes_str(source), .flags = flags};

	o->emit(o->owner, dir_orig, 0, EV_binding, &b);
}

static void
malformed(const struct observer *o, enum anomaly name, enum proto proto, const char *what)
{
	observe_anomaly(o, dir_orig, 0, name, proto, what);
}

/* RFC 826: hardware type, protocol type, lengths, operation, then two pairs of addresses. */
bool
arp_packet(struct observer *o, struct bytes body)
{
	enum { ETHERNET = 1, IPV4 = 0x0800, REPLY = 2 };
	struct cursor c = cursor_of(body);
	unsigned hardware = cursor_be16(&c), protocol = cursor_be16(&c);
	unsigned hlen = cursor_u8(&c), plen = cursor_u8(&c), op = cursor_be16(&c);
	struct bytes sha, spa, tha, tpa;
	struct mac sender;

	observe_unit(o, UNIT_arp_packets);
	if (c.short_) {
		malformed(o, ANOMALY_arp_malformed, PROTO_arp, "shorter than its header");
		return true;
	}
	if (hardware != ETHERNET || protocol != IPV4)
		return true; /* other networks: nothing to tell */
	sha = cursor_take(&c, hlen);
	spa = cursor_take(&c, plen);
	tha = cursor_take(&c, hlen);
	tpa = cursor_take(&c, plen);
	if (c.short_ || hlen != 6 || plen != 4) {
		malformed(o, ANOMALY_arp_malformed, PROTO_arp, "address lengths");
		return true;
	}
	(void)tha;
	sender = mac_from(sha.ptr);
	if (mac_is_group(sender)) {
		malformed(o, ANOMALY_arp_sender_group, PROTO_arp, "sender MAC");
		return true;
	}
	/* RFC 5227 1.1: a probe has no sender address yet. */
	if (load_be32(spa.ptr) == 0 || mac_is_zero(sender) || ip_is_group(ip_from_v4(spa.ptr)))
		return true;
	bind(o, ip_from_v4(spa.ptr), sender, "arp",
	    bytes_eq(spa, tpa) && op <= REPLY ? BINDING_GRATUITOUS : 0);
	return true;
}

/* RFC 4861 4.6.1: the link-layer address of option kind, zero where there is none. */
static struct mac
link_layer(struct bytes options, uint8_t kind, bool *bad)
{
	struct mac none = {{0}};

	while (options.len > 0) {
		size_t n = options.len < 2 ? 0 : (size_t)options.ptr[1] * 8;

		if (n == 0 || n > options.len) {
			*bad = true;
			return none;
		}
		if (options.ptr[0] == kind)
			return mac_from(options.ptr + 2);
		options = bytes_from(options, n);
	}
	return none;
}

bool
nd_packet(struct observer *o, struct ip src, struct bytes in)
{
	enum { RS = 133, RA, NS, NA, REDIRECT, SOURCE = 1, TARGET = 2 };
	enum { NA_ROUTER = 0x80, NA_SOLICITED = 0x40 };
	static const size_t fixed[] = {
	    [RS - RS] = 8, [RA - RS] = 16, [NS - RS] = 24, [NA - RS] = 24, [REDIRECT - RS] = 40};
	unsigned type = in.len == 0 ? 0 : in.ptr[0];
	bool bad = false;
	struct mac mac;

	if (type < RS || type > REDIRECT)
		return false;
	observe_unit(o, UNIT_nd_packets);
	if (in.len < fixed[type - RS] || in.ptr[1] != 0) {
		malformed(o, ANOMALY_nd_malformed, PROTO_icmp, "shorter than its type asks");
		return true;
	}
	mac = link_layer(bytes_from(in, fixed[type - RS]), type == NA ? TARGET : SOURCE, &bad);
	if (bad)
		malformed(o, ANOMALY_nd_malformed, PROTO_icmp, "option length");
	if (mac_is_zero(mac) || mac_is_group(mac) || type == REDIRECT)
		return true;
	if (type == NA)
		bind(o, ip_from_v6(in.ptr + 8), mac, "nd",
		    ((in.ptr[4] & NA_ROUTER) != 0 ? (uint64_t)BINDING_ROUTER : 0) |
			((in.ptr[4] & NA_SOLICITED) != 0 ? 0 : (uint64_t)BINDING_GRATUITOUS));
	else if (!ip_is_zero(src))
		bind(o, src, mac, "nd", type == RA ? BINDING_ROUTER : 0);
	return true;
}
