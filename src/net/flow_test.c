/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/flow.h"
#include "rng.h"

struct over {
	uint64_t id;
	enum flow_over why;
	enum name_value state;
	uint64_t packets[2];
	uint64_t bytes[2];
	uint8_t flags;
	uint16_t orig_port;
};

enum { OVERS_MAX = 64 };

struct world {
	struct flow_table t;
	struct stream_pool pool;
	struct budget budget;
	struct over over[OVERS_MAX];
	size_t n_over;
	int64_t ms;  /* packet time */
	size_t told; /* stream bytes */
};

static void
on_data(void *ctx, enum name_value dir, struct bytes run, uint64_t offset)
{
	(void)dir;
	(void)offset;
	((struct flow *)ctx)->word[0] += run.len;
}

static void
on_gap(void *ctx, enum name_value dir, uint64_t offset, uint64_t missing)
{
	(void)ctx;
	(void)dir;
	(void)offset;
	(void)missing;
}

static void
on_end(void *ctx, enum name_value dir)
{
	(void)ctx;
	(void)dir;
}

static const struct stream_sink sink = {on_data, on_gap, on_end, on_gap};

static void
on_over(void *ctx, struct flow *f, enum flow_over why)
{
	struct world *w = ctx;

	stream_end(&w->pool, &f->stream, f);
	w->told += f->word[0];
	w->over[w->n_over++ % OVERS_MAX] = (struct over){.id = f->id,
	    .why = why,
	    .state = flow_state(f, why),
	    .packets = {f->packets[0], f->packets[1]},
	    .bytes = {f->bytes[0], f->bytes[1]},
	    .flags = f->flags,
	    .orig_port = flow_port(f, dir_orig)};
}

static void
world_init(struct world *w, size_t capacity)
{
	*w = (struct world){.budget = {.cap = 64 << 20}, .ms = 1000000};
	stream_pool_init(&w->pool, &(struct stream_settings){.sink = &sink, .budget = &w->budget});
	assert_true(flow_init(&w->t, &(struct flow_settings){.capacity = capacity,
					 .key = {1, 2},
					 .budget = &w->budget,
					 .over = on_over,
					 .ctx = w}));
}

static void
world_free(struct world *w)
{
	flow_free(&w->t);
	stream_pool_free(&w->pool);
	assert_int_equal(w->budget.used, 0);
	assert_int_equal(w->n_over, w->t.n);
}

static struct packet
packet_of(uint8_t proto, uint32_t a, uint16_t a_port, uint32_t b, uint16_t b_port)
{
	uint8_t x[4] = {10, (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a};
	uint8_t y[4] = {10, (uint8_t)(b >> 16), (uint8_t)(b >> 8), (uint8_t)b};

	return (struct packet){.kind = proto == IP_PROTO_TCP   ? PACKET_TCP
				       : proto == IP_PROTO_UDP ? PACKET_UDP
							       : PACKET_ICMP,
	    .ip_version = 4,
	    .transport = proto,
	    .src = ip_from_v4(x),
	    .dst = ip_from_v4(y),
	    .src_port = a_port,
	    .dst_port = b_port,
	    .src_mac = {{2, 0, 0, 0, 0, (uint8_t)a}},
	    .dst_mac = {{2, 0, 0, 0, 0, (uint8_t)b}}};
}

static struct flow *
take(struct world *w, const struct packet *p, enum name_value *dir)
{
	struct flow_aim aim;
	struct flow *f;
	struct wall now = {w->ms * NS_PER_MS};

	assert_true(flow_aim(&w->t, p, &aim));
	flow_fetch(&w->t, &aim);
	f = flow_take(&w->t, &aim, p, now, dir);
	if (p->kind == PACKET_TCP) {
		stream_tick(&w->pool, now);
		stream_packet(&w->pool, &f->stream, *dir, p, now, f);
	}
	return f;
}

/* A segment between client 1:4000 and server 2:104; to: true from the client. */
static struct flow *
tcp(struct world *w, bool to, uint8_t flags, uint32_t seq, uint32_t ack, size_t len)
{
	static const uint8_t bytes[2000];
	struct packet p = to ? packet_of(IP_PROTO_TCP, 1, 4000, 2, 104)
			     : packet_of(IP_PROTO_TCP, 2, 104, 1, 4000);
	enum name_value dir;
	struct flow *f;

	p.tcp_flags = flags;
	p.seq = seq;
	p.ack = ack;
	p.payload = bytes_of(bytes, len);
	p.payload_wire = (uint32_t)len;
	f = take(w, &p, &dir);
	assert_int_equal(dir, to ? dir_orig : dir_resp);
	return f;
}

static void
shake(struct world *w)
{
	(void)tcp(w, true, TCP_SYN, 100, 0, 0);
	(void)tcp(w, false, TCP_SYN | TCP_ACK, 500, 101, 0);
	(void)tcp(w, true, TCP_ACK, 101, 501, 0);
}

static const struct over *
last_over(const struct world *w)
{
	return &w->over[(w->n_over - 1) % OVERS_MAX];
}

static void
life_of_a_connection(void **state)
{
	struct world w;
	struct flow *f;

	(void)state;
	world_init(&w, 0);
	shake(&w);
	f = tcp(&w, true, TCP_ACK, 101, 501, 50);
	assert_int_equal(f->id, 1);
	assert_int_equal(f->mac[dir_orig].b[5], 1);
	assert_int_equal(f->mac[dir_resp].b[5], 2);
	assert_int_equal(flow_port(f, dir_orig), 4000);
	assert_int_equal(flow_port(f, dir_resp), 104);
	assert_true(ip_eq(flow_ip(f, dir_resp), packet_of(6, 2, 0, 1, 0).src));
	(void)tcp(&w, false, TCP_ACK | TCP_FIN, 501, 151, 20);
	w.ms += 3000;
	(void)tcp(&w, true, TCP_ACK | TCP_FIN, 151, 522, 0);
	w.ms += 4000;
	(void)tcp(&w, false, TCP_ACK, 522, 152, 0);
	assert_int_equal(w.n_over, 0);
	w.ms += 7000;
	flow_advance(&w.t, (struct wall){w.ms * NS_PER_MS});
	assert_int_equal(w.n_over, 1);
	assert_int_equal(w.over[0].why, FLOW_OVER_TIMEOUT);
	assert_int_equal(w.over[0].state, state_closed);
	assert_int_equal(w.over[0].packets[0], 4);
	assert_int_equal(w.over[0].packets[1], 3);
	assert_int_equal(w.over[0].bytes[0], 50);
	assert_int_equal(w.over[0].bytes[1], 20);
	assert_int_equal(w.over[0].flags, 0);
	assert_int_equal(w.told, 70);
	world_free(&w);
}

static void
who_began(void **state)
{
	static const struct {
		const char *name;
		uint8_t proto, flags;
		uint16_t src, dst;
		enum name_value dir; /* of the first packet */
		uint8_t told;        /* FLOW_ bits */
	} cases[] = {
	    {"SYN", IP_PROTO_TCP, TCP_SYN, 104, 4000, dir_orig, 0},
	    {"SYN+ACK", IP_PROTO_TCP, TCP_SYN | TCP_ACK, 4000, 104, dir_resp, 0},
	    {"from high", IP_PROTO_TCP, TCP_ACK, 4000, 104, dir_orig, FLOW_MIDSTREAM},
	    {"from low", IP_PROTO_TCP, TCP_ACK, 104, 4000, dir_resp, FLOW_MIDSTREAM},
	    {"equal", IP_PROTO_TCP, TCP_ACK, 104, 104, dir_orig, FLOW_MIDSTREAM},
	    {"UDP from low", IP_PROTO_UDP, 0, 53, 4000, dir_orig, 0},
	    {"ICMP", IP_PROTO_ICMP, 0, 0, 0, dir_orig, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases) * 2; i++) {
		/* Both orders of addresses. */
		struct packet p =
		    i % 2 == 0
			? packet_of(cases[i / 2].proto, 1, cases[i / 2].src, 2, cases[i / 2].dst)
			: packet_of(cases[i / 2].proto, 2, cases[i / 2].src, 1, cases[i / 2].dst);
		struct world w;
		enum name_value dir;
		struct flow *f;

		world_init(&w, 16);
		p.tcp_flags = cases[i / 2].flags;
		f = take(&w, &p, &dir);
		if (dir != cases[i / 2].dir || f->flags != cases[i / 2].told)
			fail_msg("%s: dir %d flags %d", cases[i / 2].name, dir, f->flags);
		assert_int_equal(f->packets[dir], 1);
		world_free(&w);
	}
}

static void
turned_round(void **state)
{
	struct world w;
	struct packet p = packet_of(IP_PROTO_TCP, 1, 104, 2, 4000);
	enum name_value dir;
	struct flow *f;

	(void)state;
	world_init(&w, 16);
	/* The client has the lower port, its SYN comes after its first data. */
	p.tcp_flags = TCP_ACK;
	p.seq = 101;
	p.ack = 501;
	p.payload = BYTES("data");
	p.payload_wire = 4;
	f = take(&w, &p, &dir);
	assert_int_equal(dir, dir_resp);
	p.tcp_flags = TCP_SYN;
	p.seq = 100;
	p.payload = BYTES("");
	p.payload_wire = 0;
	assert_ptr_equal(take(&w, &p, &dir), f);
	assert_int_equal(dir, dir_orig);
	assert_int_equal(f->flags, FLOW_SWAPPED);
	assert_int_equal(f->packets[dir_orig], 2);
	assert_int_equal(flow_port(f, dir_orig), 104);
	assert_int_equal(f->word[0], 4);
	world_free(&w);
}

static void
states(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 16);
	/* Nobody answers. */
	(void)tcp(&w, true, TCP_SYN, 100, 0, 0);
	w.ms += 29000;
	(void)tcp(&w, true, TCP_SYN, 100, 0, 0);
	w.ms += 29000;
	flow_advance(&w.t, (struct wall){w.ms * NS_PER_MS});
	assert_int_equal(w.n_over, 0);
	w.ms += 3000;
	flow_advance(&w.t, (struct wall){w.ms * NS_PER_MS});
	assert_int_equal(w.n_over, 1);
	assert_int_equal(last_over(&w)->state, state_unanswered);
	/* Refused; the client's second try with the same SYN is the same flow. */
	(void)tcp(&w, true, TCP_SYN, 200, 0, 0);
	(void)tcp(&w, false, TCP_RST | TCP_ACK, 0, 201, 0);
	(void)tcp(&w, true, TCP_SYN, 200, 0, 0);
	(void)tcp(&w, false, TCP_RST | TCP_ACK, 0, 201, 0);
	assert_int_equal(w.n_over, 1);
	/* Another SYN is another flow. */
	(void)tcp(&w, true, TCP_SYN, 300, 0, 0);
	assert_int_equal(last_over(&w)->state, state_rejected);
	assert_int_equal(last_over(&w)->why, FLOW_OVER_REUSED);
	/* Reset after data; a reset far off is nobody's. */
	(void)tcp(&w, false, TCP_SYN | TCP_ACK, 500, 301, 0);
	(void)tcp(&w, true, TCP_ACK, 301, 501, 10);
	(void)tcp(&w, false, TCP_RST, 400, 0, 0);
	w.ms += 20000;
	(void)tcp(&w, true, TCP_ACK, 311, 501, 10);
	assert_int_equal(w.n_over, 2);
	(void)tcp(&w, false, TCP_RST, 501, 0, 0);
	w.ms += 7000;
	flow_advance(&w.t, (struct wall){w.ms * NS_PER_MS});
	assert_int_equal(last_over(&w)->state, state_reset);
	/* A forged reset inside the window: the connection goes on, and so does the flow. */
	shake(&w);
	(void)tcp(&w, false, TCP_RST, 900, 0, 0);
	(void)tcp(&w, true, TCP_ACK, 101, 501, 10);
	w.ms += 7000;
	(void)tcp(&w, true, TCP_ACK, 111, 501, 10);
	assert_int_equal(w.n_over, 3);
	w.ms += 3602 * INT64_C(1000);
	flow_advance(&w.t, (struct wall){w.ms * NS_PER_MS});
	assert_int_equal(last_over(&w)->state, state_timeout);
	/* The end of the capture. */
	shake(&w);
	flow_flush(&w.t);
	assert_int_equal(last_over(&w)->state, state_established);
	assert_int_equal(last_over(&w)->why, FLOW_OVER_FLUSHED);
	assert_int_equal(w.t.live, 0);
	world_free(&w);
}

static void
ports_used_again(void **state)
{
	struct world w;
	struct flow *f;

	(void)state;
	world_init(&w, 16);
	shake(&w);
	(void)tcp(&w, true, TCP_ACK, 101, 501, 10);
	/* A SYN that does not fit proves nothing: anybody can send one. */
	(void)tcp(&w, true, TCP_SYN, 90000, 0, 0);
	f = tcp(&w, true, TCP_ACK, 111, 501, 10);
	assert_int_equal(f->id, 1);
	assert_int_equal(f->word[0], 20);
	/* Its answer does: the device was restarted. */
	f = tcp(&w, false, TCP_SYN | TCP_ACK, 7000, 90001, 0);
	assert_int_equal(f->id, 2);
	assert_int_equal(last_over(&w)->why, FLOW_OVER_REUSED);
	f = tcp(&w, true, TCP_ACK, 90001, 7001, 10);
	assert_int_equal(f->word[0], 10);
	/* After both FIN a SYN is a new one at once. */
	(void)tcp(&w, true, TCP_ACK | TCP_FIN, 90011, 7001, 0);
	(void)tcp(&w, false, TCP_ACK | TCP_FIN, 7001, 90012, 0);
	f = tcp(&w, true, TCP_SYN, 90012, 0, 0);
	assert_int_equal(f->id, 3);
	assert_int_equal(last_over(&w)->state, state_closed);
	/* With one side captured only, a SYN that does not fit is believed. */
	(void)tcp(&w, true, TCP_ACK, 90013, 1, 10);
	f = tcp(&w, true, TCP_SYN, 4, 0, 0);
	assert_int_equal(f->id, 4);
	world_free(&w);
}

static void
udp_times_out(void **state)
{
	struct world w;
	struct packet p = packet_of(IP_PROTO_UDP, 1, 5000, 2, 161);
	struct packet q = packet_of(IP_PROTO_UDP, 2, 161, 1, 5000);
	enum name_value dir;

	(void)state;
	world_init(&w, 16);
	(void)take(&w, &p, &dir);
	for (int i = 0; i < 10; i++) {
		w.ms += 50000;
		(void)take(&w, i % 2 == 0 ? &q : &p, &dir);
		assert_int_equal(dir, i % 2 == 0 ? dir_resp : dir_orig);
	}
	assert_int_equal(w.n_over, 0);
	/* Too late by a moment: the same addresses, another flow, though no wheel turned. */
	w.ms += 60000;
	assert_int_equal(take(&w, &p, &dir)->id, 2);
	assert_int_equal(w.n_over, 1);
	assert_int_equal(w.over[0].state, state_established);
	world_free(&w);
	assert_int_equal(last_over(&w)->state, state_unanswered);
}

static void
full_table(void **state)
{
	struct world w;
	enum name_value dir;

	(void)state;
	world_init(&w, 64);
	/* 32 established connections, then a flood of SYN. */
	for (uint32_t i = 0; i < 32; i++) {
		struct packet p = packet_of(IP_PROTO_TCP, 1, (uint16_t)(2000 + i), 2, 104);

		p.tcp_flags = TCP_ACK;
		(void)take(&w, &p, &dir);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		struct packet p = packet_of(IP_PROTO_TCP, 100 + i, 1024, 2, 104);

		p.tcp_flags = TCP_SYN;
		w.ms += i % 2;
		(void)take(&w, &p, &dir);
		assert_true(w.t.live <= 64);
	}
	assert_int_equal(w.t.evicted, 5000 - 32);
	for (uint32_t i = 0; i < 32; i++) {
		struct packet p = packet_of(IP_PROTO_TCP, 1, (uint16_t)(2000 + i), 2, 104);

		p.tcp_flags = TCP_ACK;
		assert_int_equal(take(&w, &p, &dir)->id, i + 1);
	}
	world_free(&w);
}

/* Times that jump: flows that go on stay, whatever the clock says. */
static void
clocks(void **state)
{
	static const int64_t jumps_ms[] = {-5000, -3600000, INT64_C(-1000000000000), 1000,
	    INT64_C(1000000000000), -INT64_C(1000000000000)};
	struct world w;

	(void)state;
	world_init(&w, 16);
	shake(&w);
	for (size_t i = 0; i < 3; i++) {
		w.ms += jumps_ms[i];
		(void)tcp(&w, true, TCP_ACK, 101 + (uint32_t)i, 501, 1);
		assert_int_equal(w.n_over, 0);
	}
	/* Far into the future everything is over, once; then life goes on. */
	w.ms += INT64_C(1000000000000);
	(void)tcp(&w, true, TCP_ACK, 104, 501, 1);
	assert_int_equal(w.n_over, 1);
	for (size_t i = 0; i < ARRAY_LEN(jumps_ms); i++) {
		w.ms += jumps_ms[i] / 1000000;
		(void)tcp(&w, true, TCP_ACK, 105, 501, 1);
	}
	assert_int_equal(w.n_over, 1);
	world_free(&w);
}

static void
times_of_all_kinds(void **state)
{
	struct rng r = rng_new(41);
	struct world w;
	enum name_value dir;

	(void)state;
	world_init(&w, 16);
	for (uint32_t i = 0; i < 200000; i++) {
		struct packet p = packet_of(IP_PROTO_UDP, i % 30, 5000, 2, 161);
		struct flow_aim aim;
		struct wall t = {
		    i % 3 == 0 ? (int64_t)rng_next(&r) : (int64_t)(i % 100000) * 86400 * NS_PER_S};

		assert_true(flow_aim(&w.t, &p, &aim));
		(void)flow_take(&w.t, &aim, &p, t, &dir);
		assert_true(w.t.live <= 16);
	}
	world_free(&w);
}

/* Against a plain array: every packet finds the flow of its addresses, whatever was dropped. */
static void
crowd(void **state)
{
	enum { PAIRS = 3000, PACKETS = 400000 };
	struct rng r = rng_new(43);
	uint64_t *id = calloc(PAIRS, sizeof(*id));
	struct world w;
	enum name_value dir;

	(void)state;
	assert_non_null(id);
	world_init(&w, 1024);
	for (int i = 0; i < PACKETS; i++) {
		uint32_t k = (uint32_t)rng_below(&r, rng_below(&r, 3) == 0 ? PAIRS : PAIRS / 10);
		bool back = rng_below(&r, 2) == 0;
		struct packet p = back ? packet_of(IP_PROTO_UDP, 7, 161, 100 + k, 9)
				       : packet_of(IP_PROTO_UDP, 100 + k, 9, 7, 161);
		struct flow *f;

		w.ms += (int64_t)rng_below(&r, 20);
		f = take(&w, &p, &dir);
		assert_true(ip_eq(flow_ip(f, dir), p.src));
		assert_int_equal(flow_port(f, dir), p.src_port);
		/* A known flow keeps its number; a number never comes back. */
		assert_true(f->id >= id[k]);
		if (f->id != id[k])
			assert_int_equal(f->packets[0] + f->packets[1], 1);
		id[k] = f->id;
		assert_true(w.t.live <= 1024);
	}
	assert_true(w.t.evicted > 0);
	free(id);
	world_free(&w);
}

static void
no_flow(void **state)
{
	struct packet p = packet_of(IP_PROTO_UDP, 1, 1, 2, 2);
	struct flow_aim aim;
	struct world w;

	(void)state;
	world_init(&w, 16);
	for (int kind = PACKET_OTHER; kind <= PACKET_IP; kind++) {
		p.kind = (uint8_t)kind;
		assert_false(flow_aim(&w.t, &p, &aim)); /* PACKET_IP: a broken UDP header */
	}
	p.transport = 47;
	assert_true(flow_aim(&w.t, &p, &aim));
	world_free(&w);
}

static void
vlan_by_choice(void **state)
{
	struct packet p = packet_of(IP_PROTO_UDP, 1, 1, 2, 2);
	struct flow_aim a, b;
	struct world w;

	(void)state;
	world_init(&w, 16);
	for (int keyed = 0; keyed < 2; keyed++) {
		w.t.set.vlan_in_key = keyed == 1;
		p.vlan = 1;
		assert_true(flow_aim(&w.t, &p, &a));
		p.vlan = 2;
		assert_true(flow_aim(&w.t, &p, &b));
		assert_int_equal(a.hash != b.hash, keyed);
	}
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(life_of_a_connection),
	    cmocka_unit_test(who_began),
	    cmocka_unit_test(turned_round),
	    cmocka_unit_test(states),
	    cmocka_unit_test(ports_used_again),
	    cmocka_unit_test(udp_times_out),
	    cmocka_unit_test(full_table),
	    cmocka_unit_test(clocks),
	    cmocka_unit_test(times_of_all_kinds),
	    cmocka_unit_test(crowd),
	    cmocka_unit_test(no_flow),
	    cmocka_unit_test(vlan_by_choice),
	};

	return cmocka_run_group_tests_name("net flow", tests, NULL, NULL);
}
