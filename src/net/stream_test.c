/* SPDX-License-Identifier: Apache-2.0 */
/* Streams against a model: a byte array that remembers who came first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "net/stream.h"
#include "rng.h"

enum { LEN_MAX = 6000, MODEL_ROUNDS = 30000, HOSTILE_ROUNDS = 400, HOSTILE_PACKETS = 500 };

/* What one side told. */
struct heard {
	uint8_t bytes[LEN_MAX + 64];
	uint8_t there[LEN_MAX + 64];
	uint64_t next;
	uint64_t missing;
	size_t gaps, ends, conflicts;
	uint64_t conflict_at, conflict_len;
	bool store; /* offsets fit the arrays */
};

struct world {
	struct stream_pool pool;
	struct budget budget;
	struct stream stream;
	struct heard heard[2];
	size_t mute_after; /* calls of data() until the sink mutes; 0: never */
	struct wall now;
};

static void
on_data(void *ctx, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct world *w = ctx;
	struct heard *h = &w->heard[dir];

	assert_true(run.len > 0);
	assert_int_equal(h->ends, 0);
	assert_true(offset == h->next);
	if (h->store) {
		assert_true(offset + run.len <= sizeof(h->bytes));
		memcpy(h->bytes + offset, run.ptr, run.len);
		memset(h->there + offset, 1, run.len);
	}
	h->next += run.len;
	if (w->mute_after > 0 && --w->mute_after == 0)
		stream_mute(&w->pool, &w->stream);
}

static void
on_gap(void *ctx, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct heard *h = &((struct world *)ctx)->heard[dir];

	assert_true(missing > 0);
	assert_int_equal(h->ends, 0);
	assert_true(offset == h->next);
	h->next += missing;
	h->missing += missing;
	h->gaps++;
}

static void
on_end(void *ctx, enum name_value dir)
{
	struct heard *h = &((struct world *)ctx)->heard[dir];

	assert_int_equal(h->ends++, 0);
}

static void
on_conflict(void *ctx, enum name_value dir, uint64_t offset, uint64_t len)
{
	struct heard *h = &((struct world *)ctx)->heard[dir];

	assert_true(len > 0);
	h->conflicts++;
	h->conflict_at = offset;
	h->conflict_len = len;
}

static const struct stream_sink sink = {on_data, on_gap, on_end, on_conflict};

static void
world_init(struct world *w, size_t budget_cap, size_t side_bytes)
{
	*w = (struct world){.budget = {.cap = budget_cap}, .now = {NS_PER_S}};
	w->heard[0].store = w->heard[1].store = true;
	stream_pool_init(
	    &w->pool, &(struct stream_settings){
			  .sink = &sink, .budget = &w->budget, .side_bytes = side_bytes});
}

/* The stream again as new, the pool as it is. */
static void
world_again(struct world *w)
{
	w->stream = (struct stream){0};
	memset(w->heard, 0, sizeof(w->heard));
	w->heard[0].store = w->heard[1].store = true;
	w->pool.conflicts = 0;
}

static void
world_free(struct world *w)
{
	stream_end(&w->pool, &w->stream, w);
	assert_null(w->pool.oldest);
	stream_pool_free(&w->pool);
	assert_int_equal(w->budget.used, 0);
}

static void
send_cut(struct world *w, enum name_value dir, uint8_t flags, uint32_t seq, uint32_t ack,
    struct bytes payload, uint32_t wire)
{
	struct packet p = {
	    .kind = PACKET_TCP, .tcp_flags = flags, .seq = seq, .ack = ack, .payload_wire = wire};
	struct guard g = guard_new(payload);

	p.payload = g.view;
	stream_tick(&w->pool, w->now);
	stream_packet(&w->pool, &w->stream, dir, &p, w->now, w);
	guard_free(&g);
}

static void
send(struct world *w, enum name_value dir, uint8_t flags, uint32_t seq, uint32_t ack,
    struct bytes payload)
{
	send_cut(w, dir, flags, seq, ack, payload, (uint32_t)payload.len);
}

/* orig ISN 1000, resp ISN 5000: first bytes 1001 and 5001. */
static void
shake(struct world *w)
{
	send(w, dir_orig, TCP_SYN, 1000, 0, BYTES(""));
	send(w, dir_resp, TCP_SYN | TCP_ACK, 5000, 1001, BYTES(""));
	send(w, dir_orig, TCP_ACK, 1001, 5001, BYTES(""));
}

static void
expect(const struct world *w, enum name_value dir, const char *text)
{
	const struct heard *h = &w->heard[dir];

	assert_int_equal(h->next, strlen(text));
	assert_memory_equal(h->bytes, text, strlen(text));
}

static void
in_order_and_close(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK | TCP_PSH, 1001, 5001, BYTES("hello "));
	send(&w, dir_orig, TCP_ACK | TCP_PSH, 1007, 5001, BYTES("world"));
	send(&w, dir_resp, TCP_ACK, 5001, 1012, BYTES("yes"));
	send(&w, dir_orig, TCP_ACK | TCP_FIN, 1012, 5004, BYTES("!"));
	assert_int_equal(w.heard[dir_orig].ends, 1);
	assert_int_equal(w.heard[dir_resp].ends, 0);
	send(&w, dir_resp, TCP_ACK | TCP_FIN, 5004, 1014, BYTES(""));
	assert_true(stream_ended(&w.stream));
	send(&w, dir_orig, TCP_ACK, 1014, 5005, BYTES("late"));
	expect(&w, dir_orig, "hello world!");
	expect(&w, dir_resp, "yes");
	assert_int_equal(w.heard[0].gaps + w.heard[1].gaps, 0);
	world_free(&w);
	assert_int_equal(w.heard[dir_orig].ends, 1);
}

static void
idle_side_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct stream_side) < 64);
}

static void
keep_alive_and_window_probe(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("abc"));
	send(&w, dir_orig, TCP_ACK, 1003, 5001, BYTES("\0"));
	send(&w, dir_orig, TCP_ACK, 1003, 5001, BYTES(""));
	send(&w, dir_resp, TCP_ACK, 5000, 1004, BYTES(""));
	send(&w, dir_orig, TCP_ACK, 1004, 5001, BYTES("d")); /* probe: one new byte */
	send(&w, dir_orig, TCP_ACK, 1004, 5001, BYTES("d"));
	send(&w, dir_orig, TCP_ACK, 1004, 5001, BYTES("def"));
	expect(&w, dir_orig, "abcdef");
	assert_int_equal(w.pool.conflicts, 0);
	world_free(&w);
}

static void
retransmissions(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("result=42;"));
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("result=42;"));
	assert_int_equal(w.pool.conflicts, 0);
	send(&w, dir_orig, TCP_ACK, 1006, 5001, BYTES("t=99;tail"));
	assert_int_equal(w.heard[dir_orig].conflicts, 1);
	assert_int_equal(w.heard[dir_orig].conflict_at, 7);
	assert_int_equal(w.heard[dir_orig].conflict_len, 2);
	expect(&w, dir_orig, "result=42;tail");
	/* What was acknowledged nobody will take from a forger: it is not kept. */
	send(&w, dir_resp, TCP_ACK, 5001, 1015, BYTES(""));
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("rEsult"));
	assert_int_equal(w.heard[dir_orig].conflicts, 1);
	/* Against data that waits. */
	send(&w, dir_orig, TCP_ACK, 1020, 5001, BYTES("later"));
	send(&w, dir_orig, TCP_ACK, 1018, 5001, BYTES("..lAter"));
	assert_int_equal(w.heard[dir_orig].conflicts, 2);
	assert_int_equal(w.heard[dir_orig].conflict_at, 20);
	assert_int_equal(w.heard[dir_orig].conflict_len, 1);
	send(&w, dir_orig, TCP_ACK, 1015, 5001, BYTES("---"));
	expect(&w, dir_orig, "result=42;tail---..later");
	world_free(&w);
}

static void
hole_acknowledged(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("ab"));
	send(&w, dir_orig, TCP_ACK, 1006, 5001, BYTES("fg"));
	send(&w, dir_resp, TCP_ACK, 5001, 1008, BYTES(""));
	assert_int_equal(w.heard[dir_orig].gaps, 0); /* the capture may have mixed the order */
	w.now.ns += 150 * NS_PER_MS;
	stream_tick(&w.pool, w.now);
	assert_int_equal(w.heard[dir_orig].gaps, 1);
	assert_int_equal(w.heard[dir_orig].missing, 3);
	assert_int_equal(w.heard[dir_orig].next, 7);
	assert_memory_equal(w.heard[dir_orig].bytes + 5, "fg", 2);
	/* The lost segment after all: too late, silent. */
	send(&w, dir_orig, TCP_ACK, 1003, 5001, BYTES("cde"));
	assert_int_equal(w.heard[dir_orig].next, 7);
	world_free(&w);
}

static void
hole_not_acknowledged_waits(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("ab"));
	send(&w, dir_orig, TCP_ACK, 1001 + 500000, 5001, BYTES("forged"));
	w.now.ns += 5 * NS_PER_S;
	send(&w, dir_orig, TCP_ACK, 1003, 5001, BYTES("cd"));
	w.now.ns += 11 * NS_PER_S;
	stream_tick(&w.pool, w.now);
	assert_null(w.pool.oldest);
	send(&w, dir_orig, TCP_ACK, 1005, 5001, BYTES("ef"));
	expect(&w, dir_orig, "abcdef");
	assert_int_equal(w.heard[dir_orig].gaps, 0);
	world_free(&w);
	assert_int_equal(w.heard[dir_orig].next, 6);
}

static void
one_side_only(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	send(&w, dir_orig, TCP_SYN, 1000, 0, BYTES(""));
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("ab"));
	send(&w, dir_orig, TCP_ACK, 1005, 5001, BYTES("ef"));
	assert_int_equal(w.heard[dir_orig].next, 2);
	w.now.ns += 11 * NS_PER_S;
	stream_tick(&w.pool, w.now);
	assert_int_equal(w.heard[dir_orig].gaps, 1);
	assert_int_equal(w.heard[dir_orig].next, 6);
	/* The other side was never seen, but its end was acknowledged. */
	send(&w, dir_orig, TCP_ACK, 1007, 5101, BYTES("g"));
	world_free(&w);
	assert_int_equal(w.heard[dir_resp].missing, 100);
	assert_int_equal(w.heard[dir_resp].ends, 1);
}

static void
snap_cut(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send_cut(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("abc"), 10);
	send_cut(&w, dir_orig, TCP_ACK, 1011, 5001, BYTES(""), 5);
	send(&w, dir_orig, TCP_ACK, 1016, 5001, BYTES("z"));
	assert_int_equal(w.heard[dir_orig].gaps, 2);
	assert_int_equal(w.heard[dir_orig].missing, 12);
	assert_int_equal(w.heard[dir_orig].next, 16);
	assert_memory_equal(w.heard[dir_orig].bytes + 15, "z", 1);
	world_free(&w);
}

static void
mid_session(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	/* The order of the first two is mixed; the third settles it. */
	send(&w, dir_orig, TCP_ACK, 1005, 5001, BYTES("ef"));
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("abcd"));
	assert_int_equal(w.heard[dir_orig].next, 0);
	send(&w, dir_orig, TCP_ACK, 1007, 5001, BYTES("gh"));
	expect(&w, dir_orig, "abcdefgh");
	/* The other side begins where it was acknowledged: no waiting. */
	send(&w, dir_resp, TCP_ACK, 5001, 1009, BYTES("ok"));
	expect(&w, dir_resp, "ok");
	world_free(&w);
	/* An acknowledgement settles it too. */
	world_init(&w, 1 << 20, 0);
	send(&w, dir_resp, TCP_ACK, 77, 4000, BYTES("one"));
	assert_int_equal(w.heard[dir_resp].next, 0);
	send(&w, dir_orig, TCP_ACK, 4000, 80, BYTES(""));
	expect(&w, dir_resp, "one");
	world_free(&w);
	/* And the end. */
	world_init(&w, 1 << 20, 0);
	send(&w, dir_resp, TCP_ACK, 77, 4000, BYTES("one"));
	stream_end(&w.pool, &w.stream, &w);
	expect(&w, dir_resp, "one");
	world_free(&w);
}

static void
data_before_syn(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	send(&w, dir_orig, TCP_ACK, 1003, 5001, BYTES("cd"));
	send(&w, dir_orig, TCP_SYN, 1000, 0, BYTES(""));
	assert_int_equal(w.heard[dir_orig].next, 0);
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("ab"));
	expect(&w, dir_orig, "abcd");
	world_free(&w);
	/* Data in the SYN. */
	world_init(&w, 1 << 20, 0);
	send(&w, dir_orig, TCP_SYN, 1000, 0, BYTES("ab"));
	send(&w, dir_resp, TCP_SYN | TCP_ACK, 5000, 1003, BYTES("x"));
	send(&w, dir_orig, TCP_ACK, 1003, 5002, BYTES("c"));
	expect(&w, dir_orig, "abc");
	expect(&w, dir_resp, "x");
	world_free(&w);
}

static void
resets(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("ab"));
	send(&w, dir_resp, TCP_RST, 7000, 0, BYTES("")); /* in a window, not exact: maybe forged */
	send(&w, dir_resp, TCP_RST, 1, 0, BYTES(""));
	send(&w, dir_orig, TCP_ACK, 1003, 5001, BYTES("cd"));
	assert_int_equal(w.heard[dir_orig].ends, 0);
	expect(&w, dir_orig, "abcd");
	send(&w, dir_orig, TCP_ACK, 1007, 5001, BYTES("gh"));
	send(&w, dir_resp, TCP_RST, 5001, 0, BYTES(""));
	assert_true(stream_ended(&w.stream));
	assert_int_equal(w.heard[dir_orig].next, 8);
	assert_int_equal(w.heard[dir_orig].missing, 2);
	world_free(&w);
}

static void
fin_before_data(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK | TCP_FIN, 1003, 5001, BYTES("cd"));
	assert_int_equal(w.heard[dir_orig].ends, 0);
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("ab"));
	expect(&w, dir_orig, "abcd");
	assert_int_equal(w.heard[dir_orig].ends, 1);
	world_free(&w);
	/* A forged FIN ahead of the data does not cut them off. */
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK | TCP_FIN, 1003, 5001, BYTES(""));
	send(&w, dir_orig, TCP_ACK, 1001, 5001, BYTES("abcd"));
	expect(&w, dir_orig, "abcd");
	assert_int_equal(w.heard[dir_orig].ends, 0);
	world_free(&w);
}

/* Cap of a side: what comes over it is dropped while nobody acknowledged it, and the hole is given
 * up where nobody ever acknowledges. */
static void
side_cap(void **state)
{
	static uint8_t block[1000];
	struct world w;

	(void)state;
	for (int acks = 0; acks < 2; acks++) {
		world_init(&w, 1 << 20, 16 * 1024);
		w.heard[0].store = false;
		if (acks)
			shake(&w);
		else
			send(&w, dir_orig, TCP_SYN, 1000, 0, BYTES(""));
		for (uint32_t i = 1; i < 200; i++) {
			send(&w, dir_orig, TCP_ACK, 1001 + i * 2000, 5001,
			    bytes_of(block, sizeof(block)));
			assert_true(w.budget.used <= 100 * 1024);
		}
		if (acks) {
			assert_int_equal(w.heard[dir_orig].next, 0);
			assert_true(w.pool.dropped_bytes > 0);
		} else {
			assert_true(w.heard[dir_orig].next > 100 * 2000);
			assert_int_equal(w.pool.dropped_bytes, 0);
		}
		world_free(&w);
	}
}

/* Ten thousand connections that leave holes, in a budget of 256 KiB: those that make no progress
 * give way, and one that behaves is heard whole. */
static void
memory_out(void **state)
{
	enum { CROWD = 10000 };
	struct world *crowd = calloc(CROWD, sizeof(*crowd));
	struct stream_pool pool;
	struct budget budget = {.cap = 256 * 1024};
	struct world good = {.now = {NS_PER_S}};

	(void)state;
	assert_non_null(crowd);
	stream_pool_init(&pool, &(struct stream_settings){.sink = &sink, .budget = &budget});
	good.heard[0].store = true;
	for (size_t i = 0; i < CROWD; i++) {
		struct packet p = {.kind = PACKET_TCP,
		    .tcp_flags = TCP_SYN,
		    .payload = BYTES(""),
		    .payload_wire = 0};
		struct wall now = {NS_PER_S + (int64_t)i * 1000};

		stream_packet(&pool, &crowd[i].stream, dir_orig, &p, now, &crowd[i]);
		p.tcp_flags = TCP_ACK;
		p.seq = 100;
		p.payload = BYTES("behind a hole");
		p.payload_wire = 13;
		stream_packet(&pool, &crowd[i].stream, dir_orig, &p, now, &crowd[i]);
		if (i == 5000) {
			for (int k = 0; k < 3; k++) {
				p = (struct packet){.kind = PACKET_TCP,
				    .tcp_flags = k == 0 ? TCP_SYN : TCP_ACK,
				    .seq = k == 0   ? 0
					   : k == 1 ? 3
						    : 1,
				    .payload = k == 0 ? BYTES("") : BYTES("ab"),
				    .payload_wire = k == 0 ? 0 : 2};
				stream_packet(&pool, &good.stream, dir_orig, &p, now, &good);
			}
		}
		assert_true(budget.used <= budget.cap);
	}
	assert_int_equal(good.heard[0].next, 4);
	assert_true(pool.evicted > 9000);
	for (size_t i = 0; i < CROWD; i++) {
		stream_end(&pool, &crowd[i].stream, &crowd[i]);
		assert_int_equal(crowd[i].heard[0].next, 112);
		assert_int_equal(crowd[i].heard[0].ends, 1);
	}
	stream_end(&pool, &good.stream, &good);
	stream_pool_free(&pool);
	assert_int_equal(budget.used, 0);
	free(crowd);
}

/* ---- the model ---- */

struct piece {
	size_t from, len;
	uint8_t twist; /* xored into its bytes */
};

struct model {
	uint8_t truth[LEN_MAX];
	uint8_t first[LEN_MAX]; /* what came first */
	uint8_t have[LEN_MAX];
	bool conflict;
};

enum { PIECES_MAX = 400 };

/* Cut [0, len) into pieces, repeat and overlap some, leave some out where lossy, mix the order. */
static size_t
make_pieces(struct rng *r, size_t len, struct piece *out, bool lossy, bool twisted)
{
	size_t n = 0;

	for (size_t at = 0; at < len && n < PIECES_MAX / 2;) {
		size_t k = rng_below(r, 8) == 0 ? 1 + rng_below(r, 4) : 1 + rng_below(r, 900);

		if (k > len - at || n == PIECES_MAX / 2 - 1)
			k = len - at;
		out[n++] = (struct piece){at, k, 0};
		at += k;
	}
	for (size_t extra = rng_below(r, 10); extra > 0 && len > 0; extra--) {
		size_t from = rng_below(r, len);

		out[n++] =
		    (struct piece){from, 1 + rng_below(r, len - from < 1000 ? len - from : 1000),
			twisted && rng_below(r, 2) == 0 ? (uint8_t)(1 + rng_below(r, 255)) : 0};
	}
	for (size_t i = n; i > 1 && rng_below(r, 8) != 0; i--) {
		size_t j =
		    rng_below(r, 3) == 0 ? rng_below(r, i) : i - 1 - rng_below(r, i < 4 ? i : 4);
		struct piece t = out[i - 1];

		out[i - 1] = out[j];
		out[j] = t;
	}
	if (lossy) {
		for (size_t i = 0; i < n; i++) {
			if (rng_below(r, 6) == 0)
				out[i--] = out[--n];
		}
	}
	return n;
}

static void
send_piece(struct world *w, struct model *m, const struct piece *p, uint32_t isn, uint32_t ack)
{
	uint8_t bytes[LEN_MAX];
	/* A repeat of one byte right before the next is a keep-alive: it means nothing. */
	bool quiet =
	    (p->len == 1 && p->from + 1 == w->heard[dir_orig].next) || w->heard[dir_orig].ends > 0;

	for (size_t i = 0; i < p->len; i++) {
		size_t at = p->from + i;

		bytes[i] = m->truth[at] ^ p->twist;
		if (m->have[at]) {
			m->conflict |= !quiet && bytes[i] != m->first[at];
		} else {
			m->have[at] = 1;
			m->first[at] = bytes[i];
		}
	}
	send(w, dir_orig, TCP_ACK, isn + 1 + (uint32_t)p->from, ack, bytes_of(bytes, p->len));
}

static void
check_model(const struct world *w, const struct model *m, size_t len)
{
	const struct heard *h = &w->heard[dir_orig];
	uint64_t missing = 0;

	assert_int_equal(h->next, len);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(h->there[i], m->have[i]);
		if (m->have[i])
			assert_int_equal(h->bytes[i], m->first[i]);
		else
			missing++;
	}
	assert_int_equal(h->missing, missing);
	assert_int_equal(h->ends, 1);
	assert_int_equal(w->pool.conflicts > 0, m->conflict);
}

static void
any_order_same_stream(void **state)
{
	static struct piece pieces[PIECES_MAX];
	static struct model m;
	static struct world w;
	struct rng r = rng_new(11);

	(void)state;
	world_init(&w, 4 << 20, 0);
	for (int round = 0; round < MODEL_ROUNDS; round++) {
		size_t len = rng_below(&r, 3) == 0 ? rng_below(&r, 40) : rng_below(&r, LEN_MAX);
		bool lossy = rng_below(&r, 3) == 0, twisted = rng_below(&r, 3) == 0;
		size_t n = make_pieces(&r, len, pieces, lossy, twisted);
		uint32_t isn = rng_below(&r, 2) == 0 ? (uint32_t)(0 - rng_below(&r, LEN_MAX))
						     : (uint32_t)rng_next(&r);
		size_t fin_at = rng_below(&r, n + 1), got = 0;
		bool sided = rng_below(&r, 4) == 0; /* one side only */

		world_again(&w);
		memset(&m, 0, sizeof(m));
		for (size_t i = 0; i < len; i++)
			m.truth[i] = (uint8_t)rng_next(&r);
		send(&w, dir_orig, TCP_SYN, isn, 0, BYTES(""));
		if (!sided)
			send(&w, dir_resp, TCP_SYN | TCP_ACK, 9, isn + 1, BYTES(""));
		for (size_t i = 0; i <= n; i++) {
			if (i == fin_at)
				send(&w, dir_orig, TCP_ACK | TCP_FIN, isn + 1 + (uint32_t)len, 10,
				    BYTES(""));
			if (i < n)
				send_piece(&w, &m, &pieces[i], isn, 10);
			w.now.ns += 1000;
			while (got < len && m.have[got])
				got++;
			/* A receiver acknowledges what it has, or keeps silent. */
			if (!sided && !twisted && rng_below(&r, 4) == 0)
				send(&w, dir_resp, TCP_ACK, 10, isn + 1 + (uint32_t)got, BYTES(""));
		}
		stream_end(&w.pool, &w.stream, &w);
		check_model(&w, &m, len);
	}
	world_free(&w);
}

/* Every way to cut six bytes into segments, each in every order, SYN first. */
static void
all_orders_of_small(void **state)
{
	static const uint8_t text[6] = {'a', 'b', 'c', 'd', 'e', 'f'};
	struct world w;
	size_t n_cases = 0;

	(void)state;
	world_init(&w, 1 << 20, 0);
	for (unsigned cuts = 0; cuts < 32; cuts++) {
		size_t from[7] = {0}, n = 1, orders = 1;

		for (unsigned i = 0; i < 5; i++) {
			if ((cuts >> i & 1) != 0)
				from[n++] = i + 1;
		}
		from[n] = 6;
		for (size_t i = 2; i <= n; i++)
			orders *= i;
		for (size_t code = 0; code < orders; code++) {
			size_t left[6] = {0, 1, 2, 3, 4, 5}, rest = code;

			world_again(&w);
			send(&w, dir_orig, TCP_SYN, UINT32_MAX - 3, 0, BYTES(""));
			for (size_t k = n; k > 0; k--) {
				size_t pick = rest % k, i = left[pick];

				rest /= k;
				left[pick] = left[k - 1];
				send(&w, dir_orig, TCP_ACK, UINT32_MAX - 2 + (uint32_t)from[i], 1,
				    bytes_of(text + from[i], from[i + 1] - from[i]));
			}
			expect(&w, dir_orig, "abcdef");
			stream_end(&w.pool, &w.stream, &w);
			n_cases++;
		}
	}
	assert_int_equal(n_cases, 1 + 5 * 2 + 10 * 6 + 10 * 24 + 5 * 120 + 720);
	world_free(&w);
}

/* Anything goes: offsets stay without holes, memory under its cap, all is given back. */
static void
hostile_segments(void **state)
{
	static uint8_t noise[70000];
	static struct world w;
	struct rng r = rng_new(13);

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)rng_next(&r);
	for (int round = 0; round < HOSTILE_ROUNDS; round++) {
		uint32_t base = (uint32_t)rng_next(&r);
		uint32_t spread = 1u << rng_below(&r, 31);

		world_init(
		    &w, (size_t)1 << (12 + rng_below(&r, 9)), (size_t)1 << rng_below(&r, 17));
		w.heard[0].store = w.heard[1].store = false;
		w.mute_after = rng_below(&r, 4) == 0 ? 1 + rng_below(&r, 200) : 0;
		for (int i = 0; i < HOSTILE_PACKETS; i++) {
			size_t len = rng_below(&r, 3) == 0   ? 0
				     : rng_below(&r, 8) == 0 ? rng_below(&r, sizeof(noise))
							     : rng_below(&r, 1500);
			uint32_t seq = base + (uint32_t)(rng_next(&r) % spread) - spread / 4;
			uint8_t flags = rng_below(&r, 4) == 0 ? (uint8_t)rng_next(&r) : TCP_ACK;
			enum name_value d = rng_below(&r, 3) == 0 ? dir_resp : dir_orig;
			struct packet p = {.kind = PACKET_TCP,
			    .tcp_flags = flags & (rng_below(&r, 10) == 0 ? 0xff : 0x3a),
			    .seq = rng_below(&r, 2) == 0 ? w.stream.side[d].next : seq,
			    .ack = base + (uint32_t)(rng_next(&r) % spread),
			    .payload = bytes_of(noise, len),
			    .payload_wire =
				(uint32_t)(len + (rng_below(&r, 9) == 0 ? rng_below(&r, 99) : 0))};

			w.now.ns += (int64_t)rng_below(&r, 40) * NS_PER_MS;
			if (rng_below(&r, 200) == 0)
				w.now.ns -= NS_PER_S;
			stream_tick(&w.pool, w.now);
			stream_packet(&w.pool, &w.stream, d, &p, w.now, &w);
			assert_true(w.budget.used <= w.budget.cap);
		}
		world_free(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_order_and_close),
	    cmocka_unit_test(idle_side_is_small),
	    cmocka_unit_test(keep_alive_and_window_probe),
	    cmocka_unit_test(retransmissions),
	    cmocka_unit_test(hole_acknowledged),
	    cmocka_unit_test(hole_not_acknowledged_waits),
	    cmocka_unit_test(one_side_only),
	    cmocka_unit_test(snap_cut),
	    cmocka_unit_test(mid_session),
	    cmocka_unit_test(data_before_syn),
	    cmocka_unit_test(resets),
	    cmocka_unit_test(fin_before_data),
	    cmocka_unit_test(side_cap),
	    cmocka_unit_test(memory_out),
	    cmocka_unit_test(any_order_same_stream),
	    cmocka_unit_test(all_orders_of_small),
	    cmocka_unit_test(hostile_segments),
	};

	return cmocka_run_group_tests_name("net stream", tests, NULL, NULL);
}
