/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from bytes, through decode, fragments, flows and streams. Input: one byte link type (an
 * index), then frames of a 16-bit length each. A frame of length 0xffff is not a frame but a
 * segment put together from the next 8 bytes, so that the fuzzer reaches deep into the streams. */
#include <stdlib.h>

#include "base/cursor.h"
#include "net/flow.h"
#include "net/fragment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct stream_pool pool;
};

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
on_data(void *ctx, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct flow *f = ctx;

	must(run.len > 0 && offset == f->word[dir]);
	f->word[dir] += run.len;
}

static void
on_gap(void *ctx, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct flow *f = ctx;

	must(missing > 0 && offset == f->word[dir]);
	f->word[dir] += missing;
}

static void
on_end(void *ctx, enum name_value dir)
{
	struct flow *f = ctx;

	must(((uintptr_t)f->user >> dir & 1) == 0);
	f->user = (void *)((uintptr_t)f->user | 1u << dir);
}

static void
on_conflict(void *ctx, enum name_value dir, uint64_t offset, uint64_t len)
{
	(void)ctx;
	(void)dir;
	(void)offset;
	must(len > 0);
}

static void
on_over(void *ctx, struct flow *f, enum flow_over why)
{
	struct world *w = ctx;

	(void)flow_state(f, why);
	stream_end(&w->pool, &f->stream, f);
	must(f->key.transport != IP_PROTO_TCP || ((uintptr_t)f->user & 3) == 3);
}

static struct packet
segment(struct cursor *c)
{
	static const uint8_t text[256];
	static const uint8_t flags[8] = {TCP_ACK, TCP_ACK, TCP_SYN, TCP_SYN | TCP_ACK,
	    TCP_ACK | TCP_FIN, TCP_RST, TCP_ACK, TCP_RST | TCP_ACK};
	uint8_t how = cursor_u8(c), len = cursor_u8(c), cut = cursor_u8(c);
	bool back = (how & 8) != 0;
	struct packet p = {.kind = PACKET_TCP,
	    .ip_version = 4,
	    .transport = IP_PROTO_TCP,
	    .tcp_flags = flags[how & 7],
	    .src_port = back ? 104 : 4000,
	    .dst_port = back ? 4000 : 104};

	p.seq = (uint32_t)(int16_t)cursor_be16(c);
	p.ack = (uint32_t)(int16_t)cursor_be16(c);
	p.payload = bytes_of(text + cursor_u8(c) % 8, len % 200u);
	p.payload_wire = (uint32_t)p.payload.len + (cut > 250 ? cut : 0u);
	return p;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int links[] = {LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_SLL, LINKTYPE_SLL2,
	    LINKTYPE_NULL, LINKTYPE_PPP, LINKTYPE_80211_RADIOTAP, LINKTYPE_MPLS, LINKTYPE_C_HDLC,
	    LINKTYPE_PPP_ETHER};
	static const struct stream_sink sink = {on_data, on_gap, on_end, on_conflict};
	struct cursor c = cursor_of(bytes_of(data, size));
	int link = links[cursor_u8(&c) % ARRAY_LEN(links)];
	struct budget budget = {.cap = 256 * 1024};
	struct fragment_table fragments;
	struct flow_table flows;
	struct world w;
	struct wall now = {0};

	stream_pool_init(&w.pool,
	    &(struct stream_settings){.sink = &sink, .budget = &budget, .side_bytes = 16384});
	must(flow_init(&flows,
	    &(struct flow_settings){
		.capacity = 16, .key = {1, 2}, .budget = &budget, .over = on_over, .ctx = &w}));
	must(fragment_init(
	    &fragments, &(struct fragment_settings){.datagrams = 8, .budget = &budget}));
	while (cursor_left(&c) >= 2) {
		uint16_t len = cursor_be16(&c);
		struct bytes whole;
		struct flow_aim aim;
		struct packet p;
		enum name_value dir;
		unsigned notes;

		now.ns += (len & 0xf) * 20 * NS_PER_MS;
		if (len == 0xffff)
			p = segment(&c);
		else
			packet_decode(
			    cursor_take(&c, len < cursor_left(&c) ? len : cursor_left(&c)), link,
			    &p);
		must(p.payload_wire >= p.payload.len);
		if (p.kind == PACKET_FRAGMENT &&
		    fragment_add(&fragments, &p, now, &whole, &notes) == FRAGMENT_WHOLE)
			packet_resume(&p, whole);
		if (!flow_aim(&flows, &p, &aim))
			continue;
		struct flow *f = flow_take(&flows, &aim, &p, now, &dir);

		if (p.kind != PACKET_TCP)
			continue;
		stream_tick(&w.pool, now);
		stream_packet(&w.pool, &f->stream, dir, &p, now, f);
		must(budget.used <= budget.cap);
	}
	flow_free(&flows);
	stream_pool_free(&w.pool);
	fragment_free(&fragments);
	must(budget.used == 0);
	return 0;
}
