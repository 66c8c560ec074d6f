/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/wire.h"

#include "base/sip.h"
#include "net/build.h"
#include "net/packet.h"

enum { GAP_NS = 50000 };

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

/* A frame in `room`, which holds the largest that is made here. */
static struct bytes
build(const struct frame *f, uint8_t room[WIRE_FRAME_MAX])
{
	struct buf out = {.ptr = room, .room = WIRE_FRAME_MAX, .cap = WIRE_FRAME_MAX};

	frame_build(&out, f);
	return buf_bytes(&out);
}

static void
segment(struct wire_tcp *t, int side, unsigned flags, struct bytes data)
{
	static const uint8_t mss[] = {2, 4, WIRE_MSS >> 8, WIRE_MSS & 0xff};
	const struct wire_host *from = &t->host[side], *to = &t->host[1 - side];
	struct frame f = {.src_mac = from->mac,
	    .dst_mac = to->mac,
	    .src = from->ip,
	    .dst = to->ip,
	    .transport = IP_PROTO_TCP,
	    .src_port = t->port[side],
	    .dst_port = t->port[1 - side],
	    .seq = t->seq[side],
	    .ack = flags & TCP_ACK ? t->seq[1 - side] : 0,
	    .tcp_flags = (uint8_t)flags,
	    .window = 64240,
	    .ip_id = t->w->ip_id++,
	    .payload = data};
	uint8_t room[WIRE_FRAME_MAX];
	struct bytes frame;

	if ((flags & TCP_SYN) != 0)
		f.tcp_options = bytes_of(mss, sizeof(mss));
	frame = build(&f, room);
	t->seq[side] += (uint32_t)data.len + ((flags & (TCP_SYN | TCP_FIN)) != 0);
	if (data.len > 0)
		give_data(t->w, frame.ptr, frame.len);
	else
		give(t->w, frame.ptr, frame.len);
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

	segment(&t, 0, TCP_SYN, nothing);
	segment(&t, 1, TCP_SYN | TCP_ACK, nothing);
	segment(&t, 0, TCP_ACK, nothing);
	return t;
}

void
wire_tcp_push(struct wire_tcp *t, int side, struct bytes data)
{
	size_t n = 0;

	while (data.len > 0) {
		struct bytes part = bytes_sub(data, 0, WIRE_MSS);

		data = bytes_from(data, part.len);
		segment(t, side, data.len == 0 ? TCP_PSH | TCP_ACK : TCP_ACK, part);
		if (++n % 2 == 0 && data.len > 0)
			segment(t, 1 - side, TCP_ACK, nothing);
	}
}

void
wire_tcp_send(struct wire_tcp *t, int side, struct bytes data)
{
	wire_tcp_push(t, side, data);
	segment(t, 1 - side, TCP_ACK, nothing);
}

void
wire_tcp_forge(struct wire_tcp *t, int side, struct bytes data)
{
	uint32_t seq = t->seq[side];

	data = bytes_sub(data, 0, WIRE_MSS);
	t->seq[side] -= (uint32_t)data.len;
	segment(t, side, TCP_PSH | TCP_ACK, data);
	t->seq[side] = seq;
}

void
wire_tcp_close(struct wire_tcp *t)
{
	release(t->w, true);
	segment(t, 0, TCP_FIN | TCP_ACK, nothing);
	segment(t, 1, TCP_FIN | TCP_ACK, nothing);
	segment(t, 0, TCP_ACK, nothing);
	t->open = false;
}

void
wire_tcp_refused(struct wire *w, const struct wire_host *client, uint16_t client_port,
    const struct wire_host *server, uint16_t server_port, bool answered)
{
	struct wire_tcp t = wire_tcp_join(w, client, client_port, server, server_port);

	segment(&t, 0, TCP_SYN, nothing);
	t.seq[1] = 0;
	if (answered)
		segment(&t, 1, TCP_RST | TCP_ACK, nothing);
}

void
wire_udp(struct wire *w, const struct wire_host *from, uint16_t from_port,
    const struct wire_host *to, uint16_t to_port, struct bytes payload)
{
	struct frame f = {.src_mac = from->mac,
	    .dst_mac = to->mac,
	    .src = from->ip,
	    .dst = to->ip,
	    .transport = IP_PROTO_UDP,
	    .src_port = from_port,
	    .dst_port = to_port,
	    .ip_id = w->ip_id++,
	    .payload = bytes_sub(payload, 0, WIRE_MSS)};
	uint8_t room[WIRE_FRAME_MAX];
	struct bytes frame = build(&f, room);

	give(w, frame.ptr, frame.len);
}

void
wire_arp(struct wire *w, const struct wire_host *from, struct ip asked, bool reply,
    const struct wire_host *to)
{
	static const struct mac unknown;
	uint8_t room[WIRE_FRAME_MAX];
	struct buf out = {.ptr = room, .room = sizeof(room), .cap = sizeof(room)};

	frame_build_arp(&out, reply, from->mac, from->ip, reply ? to->mac : unknown, asked);
	give(w, out.ptr, out.len);
}
