/* SPDX-License-Identifier: Apache-2.0 */
/* One function per header. Each takes what it needs off the front of w->in and names the header
 * that follows; the loop in walk() is the only place that goes on, so depth is counted once. */
#include "net/packet.h"

#include "base/attr.h"
#include "base/cursor.h"

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_BRIDGE = 0x6558, /* Ethernet inside GRE */
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_MULTICAST = 0x8848,
	TYPE_PPP = 0x880b,
	TYPE_PPPOE_SESSION = 0x8864,
	TYPE_QINQ = 0x88a8,
	TYPE_ERSPAN = 0x88be,
	TYPE_ERSPAN_III = 0x22eb,
	TYPE_QINQ_OLD_1 = 0x9100,
	TYPE_QINQ_OLD_2 = 0x9200,
	TYPE_LENGTH_MAX = 1500, /* IEEE 802.3: up to here the field is a length */
};

enum {
	PROTO_IPV4 = 4,
	PROTO_IPV6 = 41,
	PROTO_V6_ROUTING = 43,
	PROTO_V6_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_AH = 51,
	PROTO_V6_OPTIONS = 60,
	PROTO_ETHERIP = 97,
	PROTO_V6_MOBILITY = 135,
	PROTO_MPLS = 137,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
};

enum { PORT_VXLAN = 4789, PORT_VXLAN_LINUX = 8472, PORT_GTPU = 2152, PORT_GENEVE = 6081 };

enum next {
	NEXT_STOP,
	NEXT_ETHER,
	NEXT_TYPE, /* by w->type */
	NEXT_LLC,
	NEXT_IP, /* by the version nibble */
	NEXT_PPP,
	NEXT_PPPOE,
	NEXT_MPLS,
	NEXT_80211,
	NEXT_PROTO, /* by p->transport */
};

struct walk {
	struct packet *p;
	struct bytes in;     /* captured bytes not yet read */
	uint32_t wire;       /* of them and of what was cut off, by the innermost IP header */
	uint16_t type;       /* for NEXT_TYPE */
	bool v6;             /* extension headers may follow */
	struct packet outer; /* what stands if a guess at a tunnel over UDP was wrong */
	bool guessed;
};

static enum next
fault(struct walk *w, enum packet_fault f)
{
	if (w->p->fault == PACKET_FINE)
		w->p->fault = (uint8_t)f;
	return NEXT_STOP;
}

static inline void
skip(struct walk *w, size_t n)
{
	w->in.ptr += n;
	w->in.len -= n;
}

static void
tunnel(struct walk *w, enum packet_tunnel t)
{
	w->p->tunnel = (uint8_t)t;
	w->p->n_tunnels++;
}

static enum next
by_type(struct walk *w, uint16_t type)
{
	w->p->ether_type = w->type = type;
	return type <= TYPE_LENGTH_MAX ? NEXT_LLC : NEXT_TYPE;
}

static inline enum next
read_ether(struct walk *w)
{
	if (w->in.len < 14)
		return fault(w, PACKET_LINK_SHORT);
	w->p->dst_mac = mac_from(w->in.ptr);
	w->p->src_mac = mac_from(w->in.ptr + 6);
	uint16_t type = load_be16(w->in.ptr + 12);
	skip(w, 14);
	return by_type(w, type);
}

static void
tagged(struct packet *p, uint16_t tci)
{
	uint16_t vid = tci & 0xfff;

	if (p->vlan_outer == 0)
		p->vlan_outer = vid;
	p->vlan = vid;
}

static enum next
read_vlan(struct walk *w)
{
	uint16_t type;

	if (w->in.len < 4)
		return fault(w, PACKET_LINK_SHORT);
	tagged(w->p, load_be16(w->in.ptr));
	type = load_be16(w->in.ptr + 2);
	skip(w, 4);
	return by_type(w, type);
}

/* IEEE 802.2 with SNAP; other LLC carries nothing that is read here. */
static enum next
read_llc(struct walk *w)
{
	static const uint8_t snap[5] = {
	    0xaa, 0xaa, 0x03, 0, 0}; /* then 00 or f8: RFC 1042, 802.1H */
	uint16_t type;

	if (w->in.len < 8 || memcmp(w->in.ptr, snap, sizeof(snap)) != 0)
		return NEXT_STOP;
	type = load_be16(w->in.ptr + 6);
	skip(w, 8);
	w->p->ether_type = w->type = type;
	return type <= TYPE_LENGTH_MAX ? NEXT_STOP : NEXT_TYPE;
}

static enum next
read_arp(struct walk *w)
{
	w->p->kind = PACKET_ARP;
	w->p->payload = w->in;
	w->p->payload_wire = (uint32_t)w->in.len;
	return NEXT_STOP;
}

/* What every IP header ends with: the captured view is cut to what was sent. */
static void
begin_ip(struct walk *w, uint32_t wire, uint8_t version)
{
	struct packet *p = w->p;

	if (w->in.len > wire)
		w->in.len = wire;
	else if (w->in.len < wire)
		(void)fault(w, PACKET_CUT);
	w->wire = wire;
	w->v6 = version == 6;
	p->ip_version = version;
	p->kind = PACKET_IP;
	p->payload = w->in;
	p->payload_wire = wire;
}

/* RFC 791 3.1 */
static inline enum next
read_ipv4(struct walk *w)
{
	const uint8_t *h = w->in.ptr;
	struct packet *p = w->p;
	uint32_t head, total;
	uint16_t frag;

	if (w->in.len < 20)
		return fault(w, PACKET_IP_SHORT);
	if (h[0] >> 4 != 4)
		return fault(w, PACKET_IP_VERSION);
	head = (uint32_t)(h[0] & 15) * 4;
	total = load_be16(h + 2);
	if (total == 0 && w->in.len <= UINT32_MAX) /* left to the network card by the sender */
		total = (uint32_t)w->in.len;
	if (head < 20 || total < head)
		return fault(w, PACKET_IP_LENGTH);
	if (w->in.len < head)
		return fault(w, PACKET_IP_SHORT);
	frag = load_be16(h + 6);
	p->ip_head = h;
	p->ttl = h[8];
	p->transport = h[9];
	p->src = ip_from_v4(h + 12);
	p->dst = ip_from_v4(h + 16);
	skip(w, head);
	begin_ip(w, total - head, 4);
	if (UNLIKELY((frag & 0x3fff) != 0)) {
		p->kind = PACKET_FRAGMENT;
		p->fragment_id = load_be16(h + 4);
		p->fragment_at = (uint16_t)((frag & 0x1fff) * 8);
		p->fragment_more = (frag & 0x2000) != 0;
		return NEXT_STOP;
	}
	return NEXT_PROTO;
}

/* RFC 8200 3 */
static enum next
read_ipv6(struct walk *w)
{
	const uint8_t *h = w->in.ptr;
	struct packet *p = w->p;
	uint32_t len;

	if (w->in.len < 40)
		return fault(w, PACKET_IP_SHORT);
	if (h[0] >> 4 != 6)
		return fault(w, PACKET_IP_VERSION);
	len = load_be16(h + 4);
	p->ip_head = h;
	p->transport = h[6];
	p->ttl = h[7];
	p->src = ip_from_v6(h + 8);
	p->dst = ip_from_v6(h + 24);
	skip(w, 40);
	if (len == 0 && w->in.len <= UINT32_MAX) /* a jumbogram, or the card's job */
		len = (uint32_t)w->in.len;
	begin_ip(w, len, 6);
	return NEXT_PROTO;
}

static enum next
read_ip(struct walk *w)
{
	if (w->in.len == 0)
		return fault(w, PACKET_IP_SHORT);
	switch (w->in.ptr[0] >> 4) {
	case 4:
		return read_ipv4(w);
	case 6:
		return read_ipv6(w);
	default:
		return fault(w, PACKET_IP_VERSION);
	}
}

/* Step over n bytes of IP's payload. */
static void
skip_ip(struct walk *w, uint32_t n)
{
	skip(w, n);
	w->wire -= n;
	w->p->payload = w->in;
	w->p->payload_wire = w->wire;
}

/* RFC 8200 4; RFC 4302 2.2 counts in other units. */
static enum next
read_extension(struct walk *w)
{
	struct packet *p = w->p;
	uint32_t len;

	if (w->in.len < 8)
		return fault(w, PACKET_IP_SHORT);
	len = p->transport == PROTO_AH ? ((uint32_t)w->in.ptr[1] + 2) * 4
				       : ((uint32_t)w->in.ptr[1] + 1) * 8;
	if (w->in.len < len)
		return fault(w, PACKET_IP_SHORT);
	p->transport = w->in.ptr[0];
	skip_ip(w, len);
	return NEXT_PROTO;
}

/* RFC 8200 4.5 */
static enum next
read_v6_fragment(struct walk *w)
{
	struct packet *p = w->p;
	uint16_t at;

	if (w->in.len < 8)
		return fault(w, PACKET_IP_SHORT);
	at = load_be16(w->in.ptr + 2);
	p->transport = w->in.ptr[0];
	p->fragment_id = load_be32(w->in.ptr + 4);
	skip_ip(w, 8);
	if ((at & 0xfff9) == 0) /* RFC 6946: an atomic fragment is whole */
		return NEXT_PROTO;
	p->kind = PACKET_FRAGMENT;
	p->fragment_at = at & 0xfff8;
	p->fragment_more = (at & 1) != 0;
	return NEXT_STOP;
}

/* RFC 9293 3.2; options only of a SYN. */
static void
read_tcp_options(struct walk *w, struct bytes o)
{
	struct packet *p = w->p;
	size_t at = 0;

	while (at < o.len && p->n_options < TCP_OPTIONS_MAX) {
		uint8_t kind = o.ptr[at];
		uint8_t len = 1;

		p->options |= (uint64_t)(kind > 15 ? 15 : kind) << (4 * p->n_options++);
		if (kind == 0)
			return;
		if (kind != 1) {
			if (o.len - at < 2 || (len = o.ptr[at + 1]) < 2 || len > o.len - at) {
				(void)fault(w, PACKET_TCP_OPTION);
				return;
			}
			if (kind == 2 && len == 4)
				p->mss = load_be16(o.ptr + at + 2);
			else if (kind == 3 && len == 3)
				p->window_scale = o.ptr[at + 2];
		}
		at += len;
	}
}

static inline enum next
read_tcp(struct walk *w)
{
	const uint8_t *h = w->in.ptr;
	struct packet *p = w->p;
	uint32_t head;

	if (w->in.len < 20)
		return fault(w, PACKET_TCP_SHORT);
	head = (uint32_t)(h[12] >> 4) * 4;
	if (head < 20 || head > w->wire)
		return fault(w, PACKET_TCP_OFFSET);
	if (w->in.len < head)
		return fault(w, PACKET_TCP_SHORT);
	p->src_port = load_be16(h);
	p->dst_port = load_be16(h + 2);
	p->seq = load_be32(h + 4);
	p->ack = load_be32(h + 8);
	p->tcp_flags = h[13];
	p->window = load_be16(h + 14);
	p->kind = PACKET_TCP;
	if (UNLIKELY((p->tcp_flags & TCP_SYN) != 0)) {
		p->window_scale = 0xff;
		read_tcp_options(w, bytes_sub(w->in, 20, head - 20));
	}
	skip_ip(w, head);
	return NEXT_STOP;
}

/* RFC 7348 5: flags with only the I bit, a frame follows. */
static bool
is_vxlan(const struct packet *p)
{
	return (p->dst_port == PORT_VXLAN || p->dst_port == PORT_VXLAN_LINUX) &&
	       p->payload.len >= 8 + 14 && p->payload.ptr[0] == 0x08 && p->payload.ptr[7] == 0;
}

/* TS 29.281 5.1: version 1, a G-PDU. */
static bool
is_gtpu(const struct packet *p)
{
	return (p->dst_port == PORT_GTPU || p->src_port == PORT_GTPU) && p->payload.len >= 8 + 20 &&
	       (p->payload.ptr[0] & 0xf0) == 0x30 && p->payload.ptr[1] == 0xff;
}

/* RFC 8926 3.4: version 0; 3.5: the length of options. */
static bool
is_geneve(const struct packet *p)
{
	return p->dst_port == PORT_GENEVE && p->payload.len >= 8 + 14 &&
	       (p->payload.ptr[0] & 0xc0) == 0 && (p->payload.ptr[1] & 0x3f) == 0 &&
	       p->payload.ptr[7] == 0;
}

static enum next
read_geneve(struct walk *w)
{
	size_t head = 8 + (size_t)(w->in.ptr[0] & 0x3f) * 4;

	if (w->in.len < head)
		return NEXT_STOP;
	w->type = load_be16(w->in.ptr + 2);
	skip(w, head);
	return NEXT_TYPE;
}

static enum next
read_gtpu(struct walk *w)
{
	bool more = (w->in.ptr[0] & 4) != 0;

	if ((w->in.ptr[0] & 7) == 0) {
		skip(w, 8);
		return NEXT_IP;
	}
	if (w->in.len < 12)
		return NEXT_STOP;
	more = more && w->in.ptr[11] != 0;
	skip(w, 12);
	while (more) {
		size_t len = w->in.len == 0 ? 0 : (size_t)w->in.ptr[0] * 4;

		if (len == 0 || len > w->in.len)
			return NEXT_STOP;
		more = w->in.ptr[len - 1] != 0;
		skip(w, len);
	}
	return NEXT_IP;
}

/* RFC 768. A tunnel is a guess from the port and the first bytes: walk() comes back to the
 * datagram where no packet is found inside. */
static enum next
read_udp(struct walk *w)
{
	const uint8_t *h = w->in.ptr;
	struct packet *p = w->p;
	uint32_t len;

	if (w->in.len < 8)
		return fault(w, PACKET_UDP_SHORT);
	p->src_port = load_be16(h);
	p->dst_port = load_be16(h + 2);
	p->kind = PACKET_UDP;
	len = load_be16(h + 4);
	if ((len < 8 && len != 0) || len > w->wire) {
		(void)fault(w, PACKET_UDP_LENGTH);
		len = 0;
	}
	if (len != 0) {
		w->wire = len;
		if (w->in.len > len)
			w->in.len = len;
	}
	skip_ip(w, 8);
	if (LIKELY(!is_vxlan(p) && !is_gtpu(p) && !is_geneve(p)))
		return NEXT_STOP;
	w->outer = *p;
	w->guessed = true;
	p->kind = PACKET_OTHER;
	p->ip_version = 0;
	p->src_port = p->dst_port = 0;
	if (is_vxlan(&w->outer)) {
		tunnel(w, TUNNEL_VXLAN);
		skip(w, 8);
		return NEXT_ETHER;
	}
	if (is_geneve(&w->outer)) {
		tunnel(w, TUNNEL_GENEVE);
		return read_geneve(w);
	}
	tunnel(w, TUNNEL_GTPU);
	return read_gtpu(w);
}

static enum next
read_icmp(struct walk *w)
{
	if (w->in.len < 4)
		return fault(w, PACKET_ICMP_SHORT);
	w->p->kind = PACKET_ICMP;
	w->p->icmp_type = w->in.ptr[0];
	w->p->icmp_code = w->in.ptr[1];
	skip_ip(w, 4);
	return NEXT_STOP;
}

/* draft-foschiano-erspan 4: type I has no header, II has 8 bytes, III 12 or 20. */
static enum next
read_erspan(struct walk *w, size_t head)
{
	bool ip = false;

	if (w->in.len < head)
		return fault(w, PACKET_LINK_SHORT);
	if (head == 12) {
		ip = (w->in.ptr[10] >> 2 & 0x1f) == 2;
		if ((w->in.ptr[11] & 1) != 0)
			head += 8;
		if (w->in.len < head)
			return fault(w, PACKET_LINK_SHORT);
	}
	skip(w, head);
	return ip ? NEXT_IP : NEXT_ETHER;
}

/* RFC 2784 2.1, 2890 2, 2637 4.1 */
static enum next
read_gre(struct walk *w)
{
	uint16_t flags, type;
	size_t head = 4;

	if (w->in.len < 4)
		return fault(w, PACKET_LINK_SHORT);
	flags = load_be16(w->in.ptr);
	type = load_be16(w->in.ptr + 2);
	if ((flags & 7) > 1 || (flags & 0x4000) != 0) /* source routing: never seen, deprecated */
		return NEXT_STOP;
	head += ((flags & 0x8000) != 0) * 4u + ((flags & 0x2000) != 0) * 4u +
		((flags & 0x1000) != 0) * 4u + ((flags & 7) == 1 && (flags & 0x80) != 0) * 4u;
	if (w->in.len < head)
		return fault(w, PACKET_LINK_SHORT);
	skip(w, head);
	tunnel(w, type == TYPE_ERSPAN || type == TYPE_ERSPAN_III ? TUNNEL_ERSPAN : TUNNEL_GRE);
	switch (type) {
	case TYPE_ERSPAN:
		return read_erspan(w, (flags & 0x1000) != 0 ? 8 : 0);
	case TYPE_ERSPAN_III:
		return read_erspan(w, 12);
	case TYPE_PPP:
		return w->in.len == 0 ? NEXT_STOP : NEXT_PPP; /* PPTP acknowledges without data */
	default:
		w->type = type;
		return type == 0 ? NEXT_STOP : NEXT_TYPE;
	}
}

static enum next
read_etherip(struct walk *w)
{
	if (w->in.len < 2)
		return fault(w, PACKET_LINK_SHORT);
	skip(w, 2);
	tunnel(w, TUNNEL_ETHERIP);
	return NEXT_ETHER;
}

static enum next
read_proto(struct walk *w)
{
	switch (w->p->transport) {
	case IP_PROTO_TCP:
		return read_tcp(w);
	case IP_PROTO_UDP:
		return read_udp(w);
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMP6:
		return read_icmp(w);
	case PROTO_IPV4:
	case PROTO_IPV6:
		tunnel(w, TUNNEL_IPIP);
		return NEXT_IP;
	case PROTO_GRE:
		return read_gre(w);
	case PROTO_MPLS:
		return NEXT_MPLS;
	case PROTO_ETHERIP:
		return read_etherip(w);
	case PROTO_AH:
		return read_extension(w);
	case 0:
	case PROTO_V6_ROUTING:
	case PROTO_V6_OPTIONS:
	case PROTO_V6_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		return w->v6 ? read_extension(w) : NEXT_STOP;
	case PROTO_V6_FRAGMENT:
		return w->v6 ? read_v6_fragment(w) : NEXT_STOP;
	default:
		return NEXT_STOP;
	}
}

/* RFC 1662 3.1, 1661 2: address and control may be left out, the protocol may be one byte. */
static enum next
read_ppp(struct walk *w)
{
	uint16_t proto;

	if (w->in.len >= 2 && w->in.ptr[0] == 0xff && w->in.ptr[1] == 0x03)
		skip(w, 2);
	if (w->in.len < 2)
		return fault(w, PACKET_LINK_SHORT);
	if ((w->in.ptr[0] & 1) != 0) {
		proto = w->in.ptr[0];
		skip(w, 1);
	} else {
		proto = load_be16(w->in.ptr);
		skip(w, 2);
	}
	switch (proto) {
	case 0x0021:
	case 0x0057:
		return NEXT_IP;
	case 0x0281:
		return NEXT_MPLS;
	default:
		return NEXT_STOP;
	}
}

/* RFC 2516 4 */
static enum next
read_pppoe(struct walk *w)
{
	size_t len;

	if (w->in.len < 6)
		return fault(w, PACKET_LINK_SHORT);
	len = load_be16(w->in.ptr + 4);
	if (w->in.ptr[1] != 0)
		return NEXT_STOP;
	skip(w, 6);
	if (w->in.len > len)
		w->in.len = len;
	tunnel(w, TUNNEL_PPPOE);
	return NEXT_PPP;
}

/* RFC 3032 2.1; RFC 4385 3: a control word begins with a zero nibble, a frame follows. */
static enum next
read_mpls(struct walk *w)
{
	bool bottom = false;

	while (!bottom) {
		if (w->in.len < 5)
			return fault(w, PACKET_LINK_SHORT);
		bottom = (w->in.ptr[2] & 1) != 0;
		skip(w, 4);
	}
	tunnel(w, TUNNEL_MPLS);
	switch (w->in.ptr[0] >> 4) {
	case 4:
	case 6:
		return NEXT_IP;
	case 0:
		if (w->in.len < 4)
			return fault(w, PACKET_LINK_SHORT);
		skip(w, 4);
		return NEXT_ETHER;
	default:
		return NEXT_STOP;
	}
}

static enum next
read_type(struct walk *w)
{
	switch (w->type) {
	case TYPE_IPV4:
		return read_ipv4(w);
	case TYPE_IPV6:
		return read_ipv6(w);
	case TYPE_ARP:
		return read_arp(w);
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_QINQ_OLD_1:
	case TYPE_QINQ_OLD_2:
		return read_vlan(w);
	case TYPE_MPLS:
	case TYPE_MPLS_MULTICAST:
		return NEXT_MPLS;
	case TYPE_PPPOE_SESSION:
		return NEXT_PPPOE;
	case TYPE_BRIDGE:
		return NEXT_ETHER;
	default:
		return NEXT_STOP;
	}
}

/* IEEE 802.11 9.2.4, 9.3.2: data frames in the clear. */
static enum next
read_80211(struct walk *w)
{
	const uint8_t *h = w->in.ptr;
	size_t head = 24, dst = 4, src = 10;
	bool qos;

	if (w->in.len < 24)
		return fault(w, PACKET_LINK_SHORT);
	/* Type data, not a null subtype, not protected. */
	if ((h[0] & 0x0f) != 0x08 || (h[0] & 0x40) != 0 || (h[1] & 0x40) != 0)
		return NEXT_STOP;
	qos = (h[0] & 0x80) != 0;
	switch (h[1] & 3) {
	case 1:
		dst = 16;
		break;
	case 2:
		src = 16;
		break;
	case 3:
		dst = 16;
		src = 24;
		head = 30;
		break;
	default:
		break;
	}
	if (w->in.len < head + 2)
		return fault(w, PACKET_LINK_SHORT);
	w->p->dst_mac = mac_from(h + dst);
	w->p->src_mac = mac_from(h + src);
	if (qos) {
		if ((h[head] & 0x80) != 0) /* several frames in one */
			return NEXT_STOP;
		head += (h[1] & 0x80) != 0 ? 6 : 2;
		if (w->in.len < head)
			return fault(w, PACKET_LINK_SHORT);
	}
	skip(w, head);
	return NEXT_LLC;
}

static enum next
read_cooked(struct walk *w, size_t head, size_t type_at, size_t alen_at, size_t alen_bytes)
{
	const uint8_t *h = w->in.ptr;
	uint16_t type;

	if (w->in.len < head)
		return fault(w, PACKET_LINK_SHORT);
	type = load_be16(h + type_at);
	if ((alen_bytes == 2 ? load_be16(h + alen_at) : h[alen_at]) == 6)
		w->p->src_mac = mac_from(h + alen_at + alen_bytes);
	skip(w, head);
	return by_type(w, type);
}

static enum next
read_loop(struct walk *w)
{
	uint32_t family;

	if (w->in.len < 4)
		return fault(w, PACKET_LINK_SHORT);
	family = load_be32(w->in.ptr);
	if (family > 0xffff)
		family = load_le32(w->in.ptr);
	skip(w, 4);
	switch (family) {
	case 2: /* AF_INET everywhere */
	case 10:
	case 24:
	case 28:
	case 30: /* AF_INET6 of Linux, NetBSD, FreeBSD, macOS */
		return NEXT_IP;
	default: /* writers disagree on the others: an IP header speaks for itself */
		return w->in.len >= 20 && (w->in.ptr[0] == 0x45 || w->in.ptr[0] >> 4 == 6)
			   ? NEXT_IP
			   : NEXT_STOP;
	}
}

static enum next
read_hdlc(struct walk *w)
{
	uint16_t type;

	if (w->in.len < 4)
		return fault(w, PACKET_LINK_SHORT);
	if (w->in.ptr[0] == 0xff)
		return NEXT_PPP;
	type = load_be16(w->in.ptr + 2);
	skip(w, 4);
	return by_type(w, type);
}

static enum next
read_radiotap(struct walk *w)
{
	size_t len;

	if (w->in.len < 4 || (len = load_le16(w->in.ptr + 2)) > w->in.len || len < 8)
		return fault(w, PACKET_LINK_SHORT);
	skip(w, len);
	return NEXT_80211;
}

static enum next
read_link(struct walk *w, int linktype)
{
	switch (linktype) {
	case LINKTYPE_ETHERNET:
		return read_ether(w);
	case LINKTYPE_SLL:
		return read_cooked(w, 16, 14, 4, 2);
	case LINKTYPE_SLL2:
		return read_cooked(w, 20, 0, 11, 1);
	case LINKTYPE_RAW_BSD:
	case LINKTYPE_RAW_OPENBSD:
	case LINKTYPE_RAW:
	case LINKTYPE_IPV4:
	case LINKTYPE_IPV6:
		return NEXT_IP;
	case LINKTYPE_NULL:
	case LINKTYPE_LOOP:
		return read_loop(w);
	case LINKTYPE_PPP:
		return NEXT_PPP;
	case LINKTYPE_PPP_DIR:
		if (w->in.len < 1)
			return fault(w, PACKET_LINK_SHORT);
		skip(w, 1);
		return NEXT_PPP;
	case LINKTYPE_PPP_HDLC:
	case LINKTYPE_C_HDLC:
		return read_hdlc(w);
	case LINKTYPE_PPP_ETHER:
		return NEXT_PPPOE;
	case LINKTYPE_MPLS:
		return NEXT_MPLS;
	case LINKTYPE_80211:
		return NEXT_80211;
	case LINKTYPE_80211_RADIOTAP:
		return read_radiotap(w);
	default:
		return fault(w, PACKET_LINK_UNKNOWN);
	}
}

static enum next
read_next(struct walk *w, enum next next)
{
	switch (next) {
	case NEXT_ETHER:
		return read_ether(w);
	case NEXT_TYPE:
		return read_type(w);
	case NEXT_LLC:
		return read_llc(w);
	case NEXT_IP:
		return read_ip(w);
	case NEXT_PPP:
		return read_ppp(w);
	case NEXT_PPPOE:
		return read_pppoe(w);
	case NEXT_MPLS:
		return read_mpls(w);
	case NEXT_80211:
		return read_80211(w);
	case NEXT_PROTO:
		return read_proto(w);
	case NEXT_STOP:
		break;
	}
	return NEXT_STOP;
}

static void
walk(struct walk *w, enum next next)
{
	for (int n = 0; next != NEXT_STOP; n++) {
		if (n == PACKET_LAYERS_MAX) {
			(void)fault(w, PACKET_TOO_DEEP);
			break;
		}
		next = read_next(w, next);
	}
	if (UNLIKELY(w->guessed) && w->p->ip_version == 0 && w->p->kind != PACKET_ARP)
		*w->p = w->outer;
}

void
packet_decode(struct bytes frame, int linktype, struct packet *out)
{
	struct walk w;

	*out = (struct packet){0};
	w.p = out;
	w.in = frame;
	w.wire = 0;
	w.guessed = w.v6 = false;
	walk(&w, read_link(&w, linktype));
}

void
packet_resume(struct packet *p, struct bytes datagram)
{
	struct walk w;

	w.p = p;
	p->ip_head = NULL;
	w.in = p->payload = datagram;
	w.wire = p->payload_wire = (uint32_t)datagram.len;
	w.guessed = false;
	w.v6 = p->ip_version == 6;
	p->kind = PACKET_IP;
	p->fragment_more = false;
	p->fragment_at = 0;
	walk(&w, NEXT_PROTO);
}

void
packet_tagged(struct packet *p, uint16_t tci)
{
	p->vlan_outer = tci & 0xfff;
	if (p->vlan == 0)
		p->vlan = p->vlan_outer;
}

bool
packet_link_known(int linktype)
{
	struct packet p;

	packet_decode((struct bytes){NULL, 0}, linktype, &p);
	return p.fault != PACKET_LINK_UNKNOWN;
}

const char *
packet_fault_name(enum packet_fault f)
{
	static const char *const names[PACKET_FAULTS] = {
	    [PACKET_FINE] = "fine",
	    [PACKET_LINK_UNKNOWN] = "link_unknown",
	    [PACKET_CUT] = "cut",
	    [PACKET_LINK_SHORT] = "link_short",
	    [PACKET_IP_SHORT] = "ip_short",
	    [PACKET_IP_VERSION] = "ip_version",
	    [PACKET_IP_LENGTH] = "ip_length",
	    [PACKET_TCP_SHORT] = "tcp_short",
	    [PACKET_TCP_OFFSET] = "tcp_offset",
	    [PACKET_TCP_OPTION] = "tcp_option",
	    [PACKET_UDP_SHORT] = "udp_short",
	    [PACKET_UDP_LENGTH] = "udp_length",
	    [PACKET_ICMP_SHORT] = "icmp_short",
	    [PACKET_TOO_DEEP] = "too_deep",
	};

	return f < PACKET_FAULTS ? names[f] : "unknown";
}

const char *
packet_tunnel_name(enum packet_tunnel t)
{
	static const char *const names[] = {
	    [TUNNEL_NONE] = "none",
	    [TUNNEL_IPIP] = "ipip",
	    [TUNNEL_GRE] = "gre",
	    [TUNNEL_ERSPAN] = "erspan",
	    [TUNNEL_VXLAN] = "vxlan",
	    [TUNNEL_GENEVE] = "geneve",
	    [TUNNEL_GTPU] = "gtpu",
	    [TUNNEL_PPPOE] = "pppoe",
	    [TUNNEL_MPLS] = "mpls",
	    [TUNNEL_ETHERIP] = "etherip",
	};

	return (size_t)t < ARRAY_LEN(names) ? names[t] : "unknown";
}
