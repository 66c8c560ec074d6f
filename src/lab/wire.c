/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/wire.h"

#include "base/sip.h"

enum {
	ETH_LEN = 14,
	IP_LEN = 20,
	TCP_LEN = 20,
	UDP_LEN = 8,
	GAP_NS = 50000,
	FIN = 1,
	SYN = 2,
	RST = 4,
	PSH = 8,
	ACK = 16
};

uint64_t
wire_random(struct wire *w)
{
	w->random += UINT64_C(0x9e3779b97f4a7c15);
	return mix64(w->random);
}

uint64_t
wire_below(struct wire *w, uint64_t n)
{
	return wire_random(w) % n;
}

struct wire_host
wire_host(uint32_t oui, uint8_t net, uint8_t last)
{
	const uint8_t v4[4] = {10, 77, net, last};
	struct wire_host h = {
	    {{(uint8_t)(oui >> 16), (uint8_t)(oui >> 8), (uint8_t)oui, 0x10, net, last}},
	    ip_from_v4(v4)};

	return h;
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t
sum_of(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	return sum;
}

static unsigned
fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void
give(struct wire *w, const uint8_t *frame, size_t len)
{
	w->fn(w->ctx, w->now, bytes_of(frame, len));
	w->now.ns += w->gap_ns != 0 ? w->gap_ns : GAP_NS;
	w->frames++;
	w->bytes += len;
}

static void
release(struct wire *w, bool all)
{
	for (size_t i = 0; i < w->n_held;) {
		struct wire_held *h = &w->held[i];

		if (!all && h->behind > 0) {
			h->behind--;
			i++;
			continue;
		}
		give(w, h->frame, h->len);
		memmove(h, h + 1, (w->n_held - i - 1) * sizeof(*h));
		w->n_held--;
	}
}

static void
hold(struct wire *w, const uint8_t *frame, size_t len, unsigned behind)
{
	struct wire_held *h = &w->held[w->n_held++];

	h->len = len;
	h->behind = behind;
	memcpy(h->frame, frame, len);
}

/* A data segment, perhaps out of order. */
static void
give_data(struct wire *w, const uint8_t *frame, size_t len)
{
	if (w->disorder_ppm != 0 && w->n_held < WIRE_HELD_MAX && len <= WIRE_FRAME_MAX &&
	    wire_below(w, 1000000) < w->disorder_ppm) {
		switch (wire_below(w, 3)) {
		case 0: /* sent twice */
			give(w, frame, len);
			hold(w, frame, len, 2);
			break;
		case 1: /* overtaken by the next */
			hold(w, frame, len, 1);
			break;
		default: /* lost, sent again later */
			hold(w, frame, len, 3 + (unsigned)wire_below(w, 5));
		}
		return;
	}
	give(w, frame, len);
	if (w->n_held > 0)
		release(w, false);
}

void
wire_flush(struct wire *w)
{
	release(w, true);
}

static void
ethernet(uint8_t *p, struct mac src, struct mac dst, unsigned type)
{
	memcpy(p, dst.b, 6);
	memcpy(p + 6, src.b, 6);
	put16(p + 12, type);
}

static void
ipv4(struct wire *w, uint8_t *p, struct ip src, struct ip dst, uint8_t proto, size_t payload)
{
	memset(p, 0, IP_LEN);
	p[0] = 0x45;
	put16(p + 2, (unsigned)(IP_LEN + payload));
	put16(p + 4, w->ip_id++);
	p[6] = 0x40;
	p[8] = 64;
	p[9] = proto;
	memcpy(p + 12, src.b + 12, 4);
	memcpy(p + 16, dst.b + 12, 4);
	put16(p + 10, fold(sum_of(p, IP_LEN)));
}

static unsigned
transport_sum(const uint8_t *ip, size_t len)
{
	return fold(sum_of(ip + 12, 8) + ip[9] + (uint32_t)len + sum_of(ip + IP_LEN, len));
}

static void
segment(struct wire_tcp *t, int side, unsigned flags, struct bytes data)
{
	const struct wire_host *from = &t->host[side], *to = &t->host[1 - side];
	uint8_t frame[ETH_LEN + IP_LEN + TCP_LEN + 4 + WIRE_MSS];
	size_t options = flags & SYN ? 4 : 0, len = TCP_LEN + options + data.len;
	uint8_t *tcp = frame + ETH_LEN + IP_LEN;

	ethernet(frame, from->mac, to->mac, 0x0800);
	ipv4(t->w, frame + ETH_LEN, from->ip, to->ip, 6, len);
	memset(tcp, 0, TCP_LEN + 4);
	put16(tcp, t->port[side]);
	put16(tcp + 2, t->port[1 - side]);
	put32(tcp + 4, t->seq[side]);
	put32(tcp + 8, flags & ACK ? t->seq[1 - side] : 0);
	tcp[12] = (uint8_t)((TCP_LEN + options) / 4 << 4);
	tcp[13] = (uint8_t)flags;
	put16(tcp + 14, 64240);
	if (options > 0) {
		tcp[20] = 2;
		tcp[21] = 4;
		put16(tcp + 22, WIRE_MSS);
	}
	if (data.len > 0)
		memcpy(tcp + TCP_LEN + options, data.ptr, data.len);
	put16(tcp + 16, transport_sum(frame + ETH_LEN, len));
	t->seq[side] += (uint32_t)data.len + ((flags & (SYN | FIN)) != 0);
	if (data.len > 0)
		give_data(t->w, frame, ETH_LEN + IP_LEN + len);
	else
		give(t->w, frame, ETH_LEN + IP_LEN + len);
}

static const struct bytes nothing;

struct wire_tcp
wire_tcp_join(struct wire *w, const struct wire_host *client, uint16_t client_port,
    const struct wire_host *server, uint16_t server_port)
{
	struct wire_tcp t = {w, {*client, *server}, {client_port, server_port},
	    {(uint32_t)wire_random(w), (uint32_t)wire_random(w)}, true};

	return t;
}

struct wire_tcp
wire_tcp_open(struct wire *w, const struct wire_host *client, uint16_t client_port,
    const struct wire_host *server, uint16_t server_port)
{
	struct wire_tcp t = wire_tcp_join(w, client, client_port, server, server_port);

	segment(&t, 0, SYN, nothing);
	segment(&t, 1, SYN | ACK, nothing);
	segment(&t, 0, ACK, nothing);
	return t;
}

void
wire_tcp_push(struct wire_tcp *t, int side, struct bytes data)
{
	size_t n = 0;

	while (data.len > 0) {
		struct bytes part = bytes_sub(data, 0, WIRE_MSS);

		data = bytes_from(data, part.len);
		segment(t, side, data.len == 0 ? PSH | ACK : ACK, part);
		if (++n % 2 == 0 && data.len > 0)
			segment(t, 1 - side, ACK, nothing);
	}
}

void
wire_tcp_send(struct wire_tcp *t, int side, struct bytes data)
{
	wire_tcp_push(t, side, data);
	segment(t, 1 - side, ACK, nothing);
}

void
wire_tcp_forge(struct wire_tcp *t, int side, struct bytes data)
{
	uint32_t seq = t->seq[side];

	data = bytes_sub(data, 0, WIRE_MSS);
	t->seq[side] -= (uint32_t)data.len;
	segment(t, side, PSH | ACK, data);
	t->seq[side] = seq;
}

void
wire_tcp_close(struct wire_tcp *t)
{
	release(t->w, true);
	segment(t, 0, FIN | ACK, nothing);
	segment(t, 1, FIN | ACK, nothing);
	segment(t, 0, ACK, nothing);
	t->open = false;
}

void
wire_tcp_refused(struct wire *w, const struct wire_host *client, uint16_t client_port,
    const struct wire_host *server, uint16_t server_port, bool answered)
{
	struct wire_tcp t = wire_tcp_join(w, client, client_port, server, server_port);

	segment(&t, 0, SYN, nothing);
	t.seq[1] = 0;
	if (answered)
		segment(&t, 1, RST | ACK, nothing);
}

void
wire_udp(struct wire *w, const struct wire_host *from, uint16_t from_port,
    const struct wire_host *to, uint16_t to_port, struct bytes payload)
{
	uint8_t frame[ETH_LEN + IP_LEN + UDP_LEN + WIRE_MSS];
	uint8_t *udp = frame + ETH_LEN + IP_LEN;

	payload = bytes_sub(payload, 0, WIRE_MSS);
	ethernet(frame, from->mac, to->mac, 0x0800);
	ipv4(w, frame + ETH_LEN, from->ip, to->ip, 17, UDP_LEN + payload.len);
	put16(udp, from_port);
	put16(udp + 2, to_port);
	put16(udp + 4, (unsigned)(UDP_LEN + payload.len));
	put16(udp + 6, 0);
	if (payload.len > 0)
		memcpy(udp + UDP_LEN, payload.ptr, payload.len);
	put16(udp + 6, transport_sum(frame + ETH_LEN, UDP_LEN + payload.len));
	give(w, frame, ETH_LEN + IP_LEN + UDP_LEN + payload.len);
}

void
wire_arp(struct wire *w, const struct wire_host *from, struct ip asked, bool reply,
    const struct wire_host *to)
{
	static const struct mac everyone = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	uint8_t frame[60] = {0};
	uint8_t *arp = frame + ETH_LEN;

	ethernet(frame, from->mac, reply ? to->mac : everyone, 0x0806);
	put16(arp, 1);
	put16(arp + 2, 0x0800);
	arp[4] = 6;
	arp[5] = 4;
	put16(arp + 6, reply ? 2 : 1);
	memcpy(arp + 8, from->mac.b, 6);
	memcpy(arp + 14, from->ip.b + 12, 4);
	if (reply)
		memcpy(arp + 18, to->mac.b, 6);
	memcpy(arp + 24, asked.b + 12, 4);
	give(w, frame, sizeof(frame));
}
