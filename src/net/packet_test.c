/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "guard.h"
#include "net/build.h"
#include "net/fragment.h"
#include "net/packet.h"
#include "rng.h"

static const uint8_t a4[4] = {10, 0, 0, 1}, b4[4] = {192, 168, 7, 9};
static const struct ip a6 = {{0xfd, 0x77, [15] = 1}}, b6 = {{0xfd, 0x77, [15] = 2}};

static struct frame
tcp_frame(bool v6)
{
	return (struct frame){.src_mac = {{2, 1, 1, 1, 1, 1}},
	    .dst_mac = {{2, 2, 2, 2, 2, 2}},
	    .src = v6 ? a6 : ip_from_v4(a4),
	    .dst = v6 ? b6 : ip_from_v4(b4),
	    .transport = IP_PROTO_TCP,
	    .src_port = 40000,
	    .dst_port = 2575,
	    .seq = 0x01020304,
	    .ack = 0x05060708,
	    .tcp_flags = TCP_ACK | TCP_PSH,
	    .window = 501,
	    .payload = BYTES("\vMSH|^~\\&|")};
}

static struct packet
decode(struct bytes b, int linktype)
{
	struct guard g = guard_new(b);
	struct packet p;

	packet_decode(g.view, linktype, &p);
	/* Views point into what is gone now: keep only the length. */
	p.payload.ptr = p.payload.ptr == NULL ? NULL : b.ptr + (p.payload.ptr - g.view.ptr);
	guard_free(&g);
	return p;
}

static void
is_tcp_frame(const struct packet *p, bool v6)
{
	assert_int_equal(p->fault, PACKET_FINE);
	assert_int_equal(p->kind, PACKET_TCP);
	assert_int_equal(p->ip_version, v6 ? 6 : 4);
	assert_true(ip_eq(p->src, v6 ? a6 : ip_from_v4(a4)));
	assert_true(ip_eq(p->dst, v6 ? b6 : ip_from_v4(b4)));
	assert_int_equal(p->src_port, 40000);
	assert_int_equal(p->dst_port, 2575);
	assert_int_equal(p->seq, 0x01020304);
	assert_int_equal(p->ack, 0x05060708);
	assert_int_equal(p->tcp_flags, TCP_ACK | TCP_PSH);
	assert_int_equal(p->window, 501);
	assert_int_equal(p->ttl, 64);
	assert_int_equal(p->payload_wire, 10);
	assert_true(bytes_eq(p->payload, BYTES("\vMSH|^~\\&|")));
}

/* Write, read, the same; with padding behind, as short Ethernet frames have it. */
static void
write_then_read(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (int tags = 0; tags < 3; tags++) {
			struct frame f = tcp_frame(v6);
			struct buf out = {0};
			struct packet p;

			f.vlan = tags > 0 ? 10 : 0;
			f.vlan_outer = tags > 1 ? 100 : 0;
			frame_build(&out, &f);
			buf_add(&out, BYTES("\0\0\0\0\0\0"));
			p = decode(buf_bytes(&out), LINKTYPE_ETHERNET);
			is_tcp_frame(&p, v6);
			assert_true(mac_eq(p.src_mac, f.src_mac));
			assert_true(mac_eq(p.dst_mac, f.dst_mac));
			assert_int_equal(p.vlan, f.vlan);
			assert_int_equal(p.vlan_outer, tags == 1 ? 10 : f.vlan_outer);
			assert_int_equal(p.tunnel, TUNNEL_NONE);
			buf_free(&out);
		}
	}
}

/* The same IP packet behind every link and tunnel. %s of head: bytes before the IP header. */
static const struct {
	const char *name;
	int linktype;
	int tunnel;
	bool v6;
	struct bytes head;
} carriers[] = {
    {"raw", LINKTYPE_RAW, TUNNEL_NONE, false, BYTES_INIT("")},
    {"raw bsd", LINKTYPE_RAW_BSD, TUNNEL_NONE, true, BYTES_INIT("")},
    {"null", LINKTYPE_NULL, TUNNEL_NONE, false, BYTES_INIT("\2\0\0\0")},
    {"null big", LINKTYPE_NULL, TUNNEL_NONE, true, BYTES_INIT("\0\0\0\36")},
    {"loop", LINKTYPE_LOOP, TUNNEL_NONE, true, BYTES_INIT("\0\0\0\30")},
    {"ppp", LINKTYPE_PPP, TUNNEL_NONE, false, BYTES_INIT("\xff\3\0\x21")},
    {"ppp short", LINKTYPE_PPP, TUNNEL_NONE, true, BYTES_INIT("\x57")},
    {"ppp dir", LINKTYPE_PPP_DIR, TUNNEL_NONE, false, BYTES_INIT("\1\xff\3\0\x21")},
    {"hdlc", LINKTYPE_C_HDLC, TUNNEL_NONE, false, BYTES_INIT("\x0f\0\x08\0")},
    {"sll", LINKTYPE_SLL, TUNNEL_NONE, false, BYTES_INIT("\0\0\0\1\0\6\2\1\1\1\1\1\0\0\x08\0")},
    {"sll2", LINKTYPE_SLL2, TUNNEL_NONE, true,
	BYTES_INIT("\x86\xdd\0\0\0\0\0\3\0\1\0\6\2\1\1\1\1\1\0\0")},
    {"snap", LINKTYPE_ETHERNET, TUNNEL_NONE, false,
	BYTES_INIT("\2\2\2\2\2\2\2\1\1\1\1\1\0\x40\xaa\xaa\3\0\0\0\x08\0")},
    {"wifi", LINKTYPE_80211, TUNNEL_NONE, false,
	BYTES_INIT("\x88\1\0\0\2\2\2\2\2\2\2\1\1\1\1\1\2\3\3\3\3\3\0\0\0\0\xaa\xaa\3\0\0\0\x08\0")},
    {"radiotap", LINKTYPE_80211_RADIOTAP, TUNNEL_NONE, true,
	BYTES_INIT(
	    "\0\0\x08\0\0\0\0\0\x08\2\0\0\2\2\2\2\2\2\2\1\1\1\1\1\2\3\3\3\3\3\0\0\xaa\xaa\3\0"
	    "\0\0\x86\xdd")},
    {"pppoe", LINKTYPE_ETHERNET, TUNNEL_PPPOE, false,
	BYTES_INIT("\2\2\2\2\2\2\2\1\1\1\1\1\x88\x64\x11\0\0\7\0\x34\0\x21")},
    {"mpls", LINKTYPE_ETHERNET, TUNNEL_MPLS, true,
	BYTES_INIT("\2\2\2\2\2\2\2\1\1\1\1\1\x88\x47\0\1\0\x40\0\2\1\x40")},
    {"mpls wire", LINKTYPE_MPLS, TUNNEL_MPLS, false,
	BYTES_INIT("\0\2\1\x40\0\0\0\0\2\2\2\2\2\2\2\1\1\1\1\1\x08\0")},
};

static void
carried(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(carriers); i++) {
		struct frame f = tcp_frame(carriers[i].v6);
		struct buf out = {0};
		struct packet p;

		buf_add(&out, carriers[i].head);
		frame_build_ip(&out, &f);
		p = decode(buf_bytes(&out), carriers[i].linktype);
		if (p.kind != PACKET_TCP || p.tunnel != carriers[i].tunnel)
			fail_msg("%s: kind %d, fault %s", carriers[i].name, p.kind,
			    packet_fault_name(p.fault));
		is_tcp_frame(&p, carriers[i].v6);
		/* Cut anywhere: never TCP before its header is whole. */
		for (size_t n = 0; n < out.len; n++) {
			p = decode(bytes_of(out.ptr, n), carriers[i].linktype);
			if (n < out.len - 10)
				assert_int_not_equal(p.kind, PACKET_TCP);
			else
				assert_int_equal(p.payload_wire, 10);
			/* An empty frame may say nothing at all. */
			assert_true(p.fault != PACKET_FINE || p.kind == PACKET_OTHER);
		}
		buf_free(&out);
	}
	assert_true(packet_link_known(LINKTYPE_ETHERNET));
	assert_false(packet_link_known(147));
}

/* Tunnels over IP: what stands between the outer IP header and the inner packet. */
static const struct {
	const char *name;
	int tunnel;
	uint8_t proto;
	uint16_t port; /* for UDP */
	bool inner_v6;
	bool ether;
	struct bytes head;
} tunnels[] = {
    {"ipip", TUNNEL_IPIP, 4, 0, false, false, BYTES_INIT("")},
    {"6in4", TUNNEL_IPIP, 41, 0, true, false, BYTES_INIT("")},
    {"gre", TUNNEL_GRE, 47, 0, false, false, BYTES_INIT("\0\0\x08\0")},
    {"gre all fields", TUNNEL_GRE, 47, 0, true, false,
	BYTES_INIT("\xb0\0\x86\xdd\0\0\0\0\0\0\0\7\0\0\0\1")},
    {"gre ether", TUNNEL_GRE, 47, 0, false, true, BYTES_INIT("\x20\0\x65\x58\0\0\0\7")},
    {"pptp", TUNNEL_GRE, 47, 0, false, false,
	BYTES_INIT("\x30\x81\x88\x0b\0\x34\0\7\0\0\0\1\0\0\0\2\xff\3\0\x21")},
    {"erspan 1", TUNNEL_ERSPAN, 47, 0, false, true, BYTES_INIT("\0\0\x88\xbe")},
    {"erspan 2", TUNNEL_ERSPAN, 47, 0, false, true,
	BYTES_INIT("\x10\0\x88\xbe\0\0\0\1\x10\1\0\0\0\0\0\0")},
    {"erspan 3", TUNNEL_ERSPAN, 47, 0, true, true,
	BYTES_INIT("\x10\0\x22\xeb\0\0\0\1\x20\1\0\0\0\0\0\0\0\0\0\0")},
    {"erspan 3 long", TUNNEL_ERSPAN, 47, 0, false, false,
	BYTES_INIT("\x10\0\x22\xeb\0\0\0\1\x20\1\0\0\0\0\0\0\0\0\x08\1........")},
    {"vxlan", TUNNEL_VXLAN, 17, 4789, false, true, BYTES_INIT("\x08\0\0\0\0\0\7\0")},
    {"geneve", TUNNEL_GENEVE, 17, 6081, false, true, BYTES_INIT("\1\0\x65\x58\0\0\7\0....")},
    {"gtp-u", TUNNEL_GTPU, 17, 2152, false, false, BYTES_INIT("\x30\xff\0\x32\0\0\0\7")},
    {"gtp-u extended", TUNNEL_GTPU, 17, 2152, true, false,
	BYTES_INIT("\x34\xff\0\x3a\0\0\0\7\0\0\0\x85\1\0\0\0")},
    {"etherip", TUNNEL_ETHERIP, 97, 0, false, true, BYTES_INIT("\x30\0")},
    {"mpls in ip", TUNNEL_MPLS, 137, 0, false, false, BYTES_INIT("\0\2\1\x40")},
};

static void
tunnelled(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tunnels) * 2; i++) {
		size_t k = i / 2;
		struct frame f = tcp_frame(tunnels[k].inner_v6), outer = tcp_frame(i % 2 == 1);
		struct buf in = {0}, out = {0};
		struct packet p;

		f.vlan = tunnels[k].ether ? 33 : 0;
		buf_add(&in, tunnels[k].head);
		if (tunnels[k].ether)
			frame_build(&in, &f);
		else
			frame_build_ip(&in, &f);
		outer.vlan = 5;
		outer.transport = tunnels[k].proto;
		outer.dst_port = tunnels[k].port;
		outer.payload = buf_bytes(&in);
		frame_build(&out, &outer);
		p = decode(buf_bytes(&out), LINKTYPE_ETHERNET);
		if (p.kind != PACKET_TCP || p.tunnel != tunnels[k].tunnel)
			fail_msg("%s: kind %d, tunnel %s, fault %s", tunnels[k].name, p.kind,
			    packet_tunnel_name(p.tunnel), packet_fault_name(p.fault));
		is_tcp_frame(&p, tunnels[k].inner_v6);
		assert_int_equal(p.vlan, tunnels[k].ether ? 33 : 5);
		assert_int_equal(p.vlan_outer, 5);
		for (size_t n = 0; n < out.len; n++)
			(void)decode(bytes_of(out.ptr, n), LINKTYPE_ETHERNET);
		buf_free(&in);
		buf_free(&out);
	}
}

/* A port alone does not make a tunnel. */
static void
not_a_tunnel(void **state)
{
	static const uint16_t ports[] = {4789, 6081, 2152};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		struct frame f = tcp_frame(false);
		struct buf out = {0};
		struct packet p;

		f.transport = IP_PROTO_UDP;
		f.dst_port = ports[i];
		f.payload = BYTES("\x08\0\x08\0\0\0\0\0 forty bytes that are no packet ...");
		frame_build(&out, &f);
		p = decode(buf_bytes(&out), LINKTYPE_ETHERNET);
		assert_int_equal(p.kind, PACKET_UDP);
		assert_int_equal(p.dst_port, ports[i]);
		assert_int_equal(p.payload_wire, f.payload.len);
		buf_free(&out);
	}
}

static void
extension_headers(void **state)
{
	/* Hop-by-hop, routing, destination options, AH, an atomic fragment: each names the next. */
	static const uint8_t chain[] = {43, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 51, 0, 1,
	    4, 0, 0, 0, 0, 44, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 6, 0, 0, 0, 0, 0, 0, 9};
	struct frame f = tcp_frame(true);
	struct buf tcp = {0}, in = {0}, out = {0};
	struct packet p;

	(void)state;
	frame_build_ip(&tcp, &f);
	buf_add(&in, bytes_of(chain, sizeof(chain)));
	buf_add(&in, bytes_from(buf_bytes(&tcp), 40));
	f.transport = 0;
	f.payload = buf_bytes(&in);
	frame_build(&out, &f);
	p = decode(buf_bytes(&out), LINKTYPE_ETHERNET);
	is_tcp_frame(&p, true);
	for (size_t n = 0; n < out.len - 10; n++) {
		p = decode(bytes_of(out.ptr, n), LINKTYPE_ETHERNET);
		assert_int_not_equal(p.kind, PACKET_TCP);
	}
	buf_free(&tcp);
	buf_free(&in);
	buf_free(&out);
}

static void
syn_options(void **state)
{
	static const uint8_t options[] = {
	    2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7};
	struct frame f = tcp_frame(false);
	struct buf out = {0};
	struct packet p;

	(void)state;
	f.tcp_flags = TCP_SYN;
	f.payload = BYTES("");
	f.tcp_options = bytes_of(options, sizeof(options));
	frame_build(&out, &f);
	p = decode(buf_bytes(&out), LINKTYPE_ETHERNET);
	assert_int_equal(p.kind, PACKET_TCP);
	assert_int_equal(p.mss, 1460);
	assert_int_equal(p.window_scale, 7);
	assert_int_equal(p.n_options, 5);
	assert_int_equal(p.options, 0x31842);
	/* An option that says it is longer than the header. */
	out.ptr[14 + 20 + 20 + 19 - 1] = 200;
	p = decode(buf_bytes(&out), LINKTYPE_ETHERNET);
	assert_int_equal(p.kind, PACKET_TCP);
	assert_int_equal(p.fault, PACKET_TCP_OPTION);
	buf_free(&out);
}

/* One byte made wrong: the fault has its name. */
static void
faults(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		uint8_t proto;
		enum packet_fault fault;
		enum packet_kind kind;
	} cases[] = {
	    {14, 0x65, IP_PROTO_TCP, PACKET_IP_VERSION, PACKET_OTHER},
	    {14, 0x44, IP_PROTO_TCP, PACKET_IP_LENGTH, PACKET_OTHER},
	    {14, 0x4f, IP_PROTO_TCP, PACKET_IP_LENGTH, PACKET_OTHER},
	    {17, 19, IP_PROTO_TCP, PACKET_IP_LENGTH, PACKET_OTHER},
	    {17, 39, IP_PROTO_TCP, PACKET_TCP_SHORT, PACKET_IP},
	    {16, 2, IP_PROTO_TCP, PACKET_CUT, PACKET_TCP},
	    {46, 0x40, IP_PROTO_TCP, PACKET_TCP_OFFSET, PACKET_IP},
	    {46, 0xf0, IP_PROTO_TCP, PACKET_TCP_OFFSET, PACKET_IP},
	    {17, 27, IP_PROTO_UDP, PACKET_UDP_SHORT, PACKET_IP},
	    {39, 7, IP_PROTO_UDP, PACKET_UDP_LENGTH, PACKET_UDP},
	    {38, 1, IP_PROTO_UDP, PACKET_UDP_LENGTH, PACKET_UDP},
	    {17, 23, IP_PROTO_ICMP, PACKET_ICMP_SHORT, PACKET_IP},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct frame f = tcp_frame(false);
		struct buf out = {0};
		struct packet p;

		f.transport = cases[i].proto;
		frame_build(&out, &f);
		out.ptr[cases[i].at] = cases[i].value;
		p = decode(buf_bytes(&out), LINKTYPE_ETHERNET);
		if (p.fault != cases[i].fault || p.kind != cases[i].kind)
			fail_msg("case %zu: %s, kind %d", i, packet_fault_name(p.fault), p.kind);
		buf_free(&out);
	}
}

static void
too_deep(void **state)
{
	uint8_t tags[14 + 4 * 40] = {0};
	struct packet p;

	(void)state;
	for (size_t i = 12; i + 1 < sizeof(tags); i += 4) {
		tags[i] = 0x81;
		tags[i + 1] = 0;
	}
	p = decode(bytes_of(tags, sizeof(tags)), LINKTYPE_ETHERNET);
	assert_int_equal(p.fault, PACKET_TOO_DEEP);
}

static void
arp(void **state)
{
	struct mac m = {{2, 1, 1, 1, 1, 1}};
	struct buf out = {0};
	struct packet p;

	(void)state;
	frame_build_arp(&out, false, m, ip_from_v4(a4), (struct mac){{0}}, ip_from_v4(b4));
	p = decode(buf_bytes(&out), LINKTYPE_ETHERNET);
	assert_int_equal(p.kind, PACKET_ARP);
	assert_int_equal(p.payload.len, 28);
	assert_int_equal(load_be16(p.payload.ptr + 6), 1);
	buf_free(&out);
}

/* ---- fragments ---- */

struct bench {
	struct fragment_table t;
	struct budget budget;
};

static void
bench_init(struct bench *b, size_t datagrams, size_t cap)
{
	*b = (struct bench){.budget = {.cap = cap}};
	assert_true(fragment_init(
	    &b->t, &(struct fragment_settings){.datagrams = datagrams, .budget = &b->budget}));
}

static void
bench_free(struct bench *b)
{
	fragment_free(&b->t);
	assert_int_equal(b->budget.used, 0);
}

static enum fragment_result
add(struct bench *b, uint32_t id, uint16_t at, bool more, struct bytes data, struct bytes *whole,
    unsigned *notes, int64_t ms)
{
	struct packet p = {.kind = PACKET_FRAGMENT,
	    .ip_version = 4,
	    .transport = IP_PROTO_UDP,
	    .fragment_id = id,
	    .fragment_at = at,
	    .fragment_more = more,
	    .payload = data,
	    .payload_wire = (uint32_t)data.len};

	return fragment_add(&b->t, &p, (struct wall){ms * NS_PER_MS}, whole, notes);
}

static void
fragments_become_whole(void **state)
{
	struct bench b;
	struct bytes w;
	unsigned n;

	(void)state;
	bench_init(&b, 4, 1 << 20);
	assert_int_equal(add(&b, 1, 8, false, BYTES("last"), &w, &n, 0), FRAGMENT_HELD);
	assert_int_equal(add(&b, 2, 0, true, BYTES("other.id"), &w, &n, 0), FRAGMENT_HELD);
	assert_int_equal(add(&b, 1, 0, true, BYTES("first..."), &w, &n, 0), FRAGMENT_WHOLE);
	assert_true(bytes_eq(w, BYTES("first...last")));
	assert_int_equal(n, 0);
	/* Repeats, overlaps, conflicts: the first wins. */
	assert_int_equal(add(&b, 3, 0, true, BYTES("AAAAAAAABBBBBBBB"), &w, &n, 0), FRAGMENT_HELD);
	assert_int_equal(add(&b, 3, 0, true, BYTES("AAAAAAAA"), &w, &n, 0), FRAGMENT_HELD);
	assert_int_equal(n, FRAGMENT_REPEAT);
	assert_int_equal(add(&b, 3, 8, true, BYTES("BBBBBBBBCCCCCCCC"), &w, &n, 0), FRAGMENT_HELD);
	assert_int_equal(n, FRAGMENT_OVERLAP);
	assert_int_equal(add(&b, 3, 16, false, BYTES("xCCCCCCCDD"), &w, &n, 0), FRAGMENT_WHOLE);
	assert_int_equal(n, FRAGMENT_CONFLICT);
	assert_true(bytes_eq(w, BYTES("AAAAAAAABBBBBBBBCCCCCCCCDD")));
	/* Bad ones. */
	assert_int_equal(add(&b, 4, 0, true, BYTES("seven.."), &w, &n, 0), FRAGMENT_BAD);
	assert_int_equal(add(&b, 4, 0, true, BYTES(""), &w, &n, 0), FRAGMENT_BAD);
	assert_int_equal(add(&b, 4, 65528, false, BYTES("8 bytes."), &w, &n, 0), FRAGMENT_BAD);
	assert_int_equal(add(&b, 4, 8, false, BYTES("end"), &w, &n, 0), FRAGMENT_HELD);
	assert_int_equal(add(&b, 4, 8, true, BYTES("past end"), &w, &n, 0), FRAGMENT_BAD);
	assert_int_equal(n, FRAGMENT_CONFLICT);
	assert_int_equal(add(&b, 4, 8, false, BYTES("other end"), &w, &n, 0), FRAGMENT_BAD);
	assert_int_equal(add(&b, 5, 16, true, BYTES("far away"), &w, &n, 0), FRAGMENT_HELD);
	assert_int_equal(add(&b, 5, 8, false, BYTES("end"), &w, &n, 0), FRAGMENT_BAD);
	bench_free(&b);
}

static void
fragments_have_caps(void **state)
{
	struct bench b;
	struct bytes w;
	unsigned n;

	(void)state;
	/* Time. */
	bench_init(&b, 4, 1 << 20);
	assert_int_equal(add(&b, 1, 0, true, BYTES("8 bytes."), &w, &n, 0), FRAGMENT_HELD);
	assert_int_equal(add(&b, 1, 8, false, BYTES("end"), &w, &n, 30001), FRAGMENT_HELD);
	assert_int_equal(b.t.timed_out, 1);
	/* Datagrams: the oldest goes. */
	for (uint32_t i = 10; i < 20; i++)
		assert_int_equal(
		    add(&b, i, 0, true, BYTES("8 bytes."), &w, &n, 30001), FRAGMENT_HELD);
	assert_int_equal(b.t.n, 4);
	assert_int_equal(add(&b, 16, 8, false, BYTES("!"), &w, &n, 30001), FRAGMENT_WHOLE);
	assert_int_equal(add(&b, 15, 8, false, BYTES("!"), &w, &n, 30001), FRAGMENT_HELD);
	bench_free(&b);
	/* Memory: a budget for one datagram of 64 KiB and the table. */
	bench_init(&b, 64, 64 * 1300 + 70000);
	for (uint32_t i = 0; i < 200; i++) {
		(void)add(&b, i, 65520, true, BYTES("8 bytes."), &w, &n, 0);
		assert_true(b.budget.used <= b.budget.cap);
	}
	assert_true(b.t.dropped > 100);
	bench_free(&b);
}

/* Cut a datagram at random, mix, repeat: the same datagram, and packet_resume() reads it. */
static void
fragments_any_order(void **state)
{
	struct rng r = rng_new(23);
	struct bench b;

	(void)state;
	bench_init(&b, 8, 4 << 20);
	for (uint32_t round = 0; round < 3000; round++) {
		bool v6 = rng_below(&r, 2) == 0;
		static uint8_t text[9000];
		struct frame f = tcp_frame(v6);
		struct buf ip = {0};
		struct bytes data, whole = {NULL, 0};
		size_t cut[64], n = 0, at = 0;
		enum fragment_result last = FRAGMENT_HELD;
		struct packet p = {.kind = PACKET_OTHER};

		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (uint8_t)rng_next(&r);
		f.payload = bytes_of(text, 1 + rng_below(&r, sizeof(text)));
		frame_build_ip(&ip, &f);
		data = bytes_from(buf_bytes(&ip), v6 ? 40 : 20);
		while (at < data.len && n < 63) {
			cut[n++] = at;
			at += n == 63 ? data.len : 8 * (1 + rng_below(&r, 60));
		}
		for (size_t i = n; i > 1; i--) {
			size_t j = rng_below(&r, i), t = cut[i - 1];

			cut[i - 1] = cut[j];
			cut[j] = t;
		}
		for (size_t i = 0; i < n && last != FRAGMENT_WHOLE; i++) {
			size_t end = data.len;
			unsigned notes;

			for (size_t k = 0; k < n; k++) {
				if (cut[k] > cut[i] && cut[k] < end)
					end = cut[k];
			}
			for (int again = rng_below(&r, 4) == 0; again >= 0; again--) {
				p = (struct packet){.kind = PACKET_FRAGMENT,
				    .ip_version = v6 ? 6 : 4,
				    .src = f.src,
				    .dst = f.dst,
				    .ttl = 64,
				    .transport = cut[i] == 0 || !v6 ? IP_PROTO_TCP : 99,
				    .fragment_id = round,
				    .fragment_at = (uint16_t)cut[i],
				    .fragment_more = end < data.len,
				    .payload = bytes_sub(data, cut[i], end - cut[i]),
				    .payload_wire = (uint32_t)(end - cut[i])};
				last = fragment_add(&b.t, &p, (struct wall){round}, &whole, &notes);
				assert_true((notes & FRAGMENT_CONFLICT) == 0);
				if (last == FRAGMENT_WHOLE)
					break;
			}
		}
		assert_int_equal(last, FRAGMENT_WHOLE);
		assert_true(bytes_eq(whole, data));
		packet_resume(&p, whole);
		assert_int_equal(p.kind, PACKET_TCP);
		assert_int_equal(p.dst_port, 2575);
		assert_true(bytes_eq(p.payload, f.payload));
		buf_free(&ip);
	}
	bench_free(&b);
}

/* Any bytes as any link: a packet, views inside the frame, nothing else. */
static void
noise(void **state)
{
	static const int links[] = {
	    0, 1, 9, 12, 50, 51, 101, 104, 105, 108, 113, 127, 166, 219, 228, 229, 276};
	struct rng r = rng_new(29);

	(void)state;
	for (int round = 0; round < 40000; round++) {
		uint8_t b[160];
		size_t n = rng_below(&r, sizeof(b) + 1);
		struct guard g;
		struct packet p;

		for (size_t i = 0; i < n; i++)
			b[i] = (uint8_t)rng_next(&r);
		if (n > 40 && rng_below(&r, 2) == 0)
			memcpy(b + 12, "\x08\0\x45\0\0\x60\0\0\0\0\x40", 11);
		if (n > 40 && rng_below(&r, 2) == 0)
			b[23] = (uint8_t[]){4, 6, 17, 41, 47, 1, 137, 97}[rng_below(&r, 8)];
		g = guard_new(bytes_of(b, n));
		packet_decode(g.view, links[rng_below(&r, ARRAY_LEN(links))], &p);
		assert_true(p.payload_wire >= p.payload.len);
		if (p.payload.len > 0) {
			assert_true(p.payload.ptr >= g.view.ptr);
			assert_true(p.payload.ptr + p.payload.len <= g.view.ptr + g.view.len);
		}
		guard_free(&g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(write_then_read),
	    cmocka_unit_test(carried),
	    cmocka_unit_test(tunnelled),
	    cmocka_unit_test(not_a_tunnel),
	    cmocka_unit_test(extension_headers),
	    cmocka_unit_test(syn_options),
	    cmocka_unit_test(faults),
	    cmocka_unit_test(too_deep),
	    cmocka_unit_test(arp),
	    cmocka_unit_test(fragments_become_whole),
	    cmocka_unit_test(fragments_have_caps),
	    cmocka_unit_test(fragments_any_order),
	    cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests_name("net packet", tests, NULL, NULL);
}
