/* SPDX-License-Identifier: Apache-2.0 */
/* The order between the two directions: nothing is told before what its sender had received. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/stream.h"
#include "rng.h"

enum { MODEL_ROUNDS = 30000, SEGMENTS_MAX = 100, LEN_MAX = 8000, REORDER_MS = 100 };

/* ---- cases: the calls as one line of text ---- */

struct world {
	struct stream_pool pool;
	struct budget budget;
	struct stream stream;
	struct wall now;
	const uint8_t *sent; /* the payload under way */
	bool copied;         /* a run was told that is not part of it */
	char text[512];
	struct buf log; /* >data of orig, <data of resp, (n) a gap, | an end */
};

static void
note(struct world *w, enum name_value dir)
{
	buf_printf(&w->log, "%s", dir == dir_orig ? ">" : "<");
}

static void
on_data(void *ctx, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct world *w = ctx;

	(void)offset;
	note(w, dir);
	if (run.len <= 20)
		buf_add(&w->log, run);
	else
		buf_printf(&w->log, "%u", (unsigned)run.len);
	w->copied |= run.ptr != w->sent;
}

static void
on_gap(void *ctx, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct world *w = ctx;

	(void)offset;
	note(w, dir);
	buf_printf(&w->log, "(%u)", (unsigned)missing);
}

static void
on_end(void *ctx, enum name_value dir)
{
	note(ctx, dir);
	buf_printf(&((struct world *)ctx)->log, "|");
}

static void
on_conflict(void *ctx, enum name_value dir, uint64_t offset, uint64_t len)
{
	(void)offset;
	(void)len;
	note(ctx, dir);
	buf_printf(&((struct world *)ctx)->log, "!");
}

static const struct stream_sink sink = {on_data, on_gap, on_end, on_conflict};

static void
world_init(struct world *w, size_t budget_cap, size_t side_bytes)
{
	*w = (struct world){.budget = {.cap = budget_cap}, .now = {NS_PER_S}};
	w->log = (struct buf){
	    .ptr = (uint8_t *)w->text, .room = sizeof(w->text), .cap = sizeof(w->text)};
	stream_pool_init(
	    &w->pool, &(struct stream_settings){
			  .sink = &sink, .budget = &w->budget, .side_bytes = side_bytes});
}

/* What was told since the last time. */
static void
told(struct world *w, const char *text)
{
	assert_false(w->log.cut);
	w->text[w->log.len] = 0;
	assert_string_equal(w->text, text);
	buf_reset(&w->log);
}

static void
world_end(struct world *w, const char *text)
{
	stream_end(&w->pool, &w->stream, w);
	told(w, text);
	assert_null(w->pool.oldest);
	stream_pool_free(&w->pool);
	assert_int_equal(w->budget.used, 0);
}

static void
send_cut(struct world *w, enum name_value dir, uint8_t flags, uint32_t seq, uint32_t ack,
    struct bytes payload, uint32_t wire)
{
	struct packet p = {.kind = PACKET_TCP,
	    .tcp_flags = flags,
	    .seq = seq,
	    .ack = ack,
	    .payload = payload,
	    .payload_wire = wire};

	w->sent = payload.ptr;
	stream_tick(&w->pool, w->now);
	stream_packet(&w->pool, &w->stream, dir, &p, w->now, w);
}

static void
send(struct world *w, enum name_value dir, uint8_t flags, uint32_t seq, uint32_t ack,
    const char *text)
{
	struct bytes b = bytes_str(text);

	send_cut(w, dir, flags, seq, ack, b, (uint32_t)b.len);
}

static void
pass(struct world *w, int64_t ms)
{
	w->now.ns += ms * NS_PER_MS;
	stream_sweep(&w->pool, w->now);
}

/* orig's first byte is 1001, resp's 5001. */
static void
shake(struct world *w)
{
	send(w, dir_orig, TCP_SYN, 1000, 0, "");
	send(w, dir_resp, TCP_SYN | TCP_ACK, 5000, 1001, "");
	send(w, dir_orig, TCP_ACK, 1001, 5001, "");
}

static void
in_order_is_in_place(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK, 1001, 5001, "ask");
	send(&w, dir_resp, TCP_ACK, 5001, 1004, "yes");
	send(&w, dir_orig, TCP_ACK, 1004, 5004, "why");
	told(&w, ">ask<yes>why");
	assert_false(w.copied);
	assert_int_equal(w.pool.waited, 0);
	assert_null(w.pool.oldest);
	world_end(&w, ">|<|");
}

static void
answer_before_question(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_resp, TCP_ACK, 5001, 1004, "yes");
	told(&w, "");
	send(&w, dir_resp, TCP_ACK, 5004, 1004, " sir");
	told(&w, "");
	send(&w, dir_orig, TCP_ACK, 1001, 5001, "ask");
	told(&w, ">ask<yes sir");
	assert_null(w.pool.oldest);
	assert_int_equal(w.pool.waited, 1); /* the other one stood behind it */
	/* A question in two parts, of which the first is late. */
	send(&w, dir_orig, TCP_ACK, 1006, 5008, "cd");
	send(&w, dir_resp, TCP_ACK, 5008, 1008, "ok");
	told(&w, "");
	send(&w, dir_orig, TCP_ACK, 1004, 5008, "ab");
	told(&w, ">ab>cd<ok");
	/* An answer whose own first part is late: its time begins when that came. */
	send(&w, dir_resp, TCP_ACK, 5012, 1008, "34");
	pass(&w, REORDER_MS - 10);
	send(&w, dir_resp, TCP_ACK, 5010, 1010, "12");
	pass(&w, REORDER_MS - 10);
	told(&w, "");
	send(&w, dir_orig, TCP_ACK, 1008, 5010, "ef");
	told(&w, ">ef<12<34");
	world_end(&w, ">|<|");
}

static void
conversation_waits_for_its_first_word(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_resp, TCP_ACK, 5001, 1002, "1");
	send(&w, dir_orig, TCP_ACK, 1002, 5002, "b");
	send(&w, dir_resp, TCP_ACK, 5002, 1003, "2");
	send(&w, dir_orig, TCP_ACK, 1003, 5003, "c");
	send(&w, dir_resp, TCP_ACK | TCP_FIN, 5003, 1004, "3");
	send(&w, dir_orig, TCP_ACK | TCP_FIN, 1004, 5005, "");
	told(&w, "");
	send(&w, dir_orig, TCP_ACK, 1001, 5001, "a");
	told(&w, ">a<1>b<2>c<3<|>|");
	world_end(&w, "");
}

static void
end_waits(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_resp, TCP_ACK | TCP_FIN, 5001, 1004, "");
	send(&w, dir_resp, TCP_ACK | TCP_FIN, 5001, 1004, "");
	told(&w, "");
	send(&w, dir_orig, TCP_ACK, 1001, 5001, "ask");
	told(&w, ">ask<|");
	world_end(&w, ">|");
	/* Not for ever. */
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_resp, TCP_ACK | TCP_FIN, 5001, 1004, "");
	pass(&w, REORDER_MS);
	told(&w, "<|");
	assert_null(w.pool.oldest);
	world_end(&w, ">(3)>|");
}

static void
bytes_that_never_come(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_resp, TCP_ACK, 5001, 1004, "yes");
	pass(&w, REORDER_MS - 1);
	told(&w, "");
	pass(&w, 1);
	told(&w, "<yes");
	/* The same hole again: no more waiting. */
	send(&w, dir_resp, TCP_ACK, 5004, 1004, "and");
	send(&w, dir_resp, TCP_ACK, 5007, 1006, "so");
	told(&w, "<and<so");
	/* Bytes from behind it came: they go first, whatever becomes of the hole. */
	send(&w, dir_orig, TCP_ACK, 1006, 5009, "more");
	send(&w, dir_resp, TCP_ACK, 5009, 1010, "on");
	told(&w, "");
	pass(&w, REORDER_MS);
	told(&w, ">(5)>more<on");
	/* After the hole it is as before. */
	send(&w, dir_resp, TCP_ACK, 5011, 1011, "x");
	told(&w, "");
	send(&w, dir_orig, TCP_ACK, 1010, 5011, "y");
	told(&w, ">y<x");
	world_end(&w, ">|<|");
	/* They come after all: that hole is no more, the next one is another. */
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_resp, TCP_ACK, 5001, 1004, "yes");
	pass(&w, REORDER_MS);
	send(&w, dir_orig, TCP_ACK, 1001, 5001, "ask");
	told(&w, "<yes>ask");
	send(&w, dir_resp, TCP_ACK, 5004, 1006, "so");
	told(&w, "");
	send(&w, dir_orig, TCP_ACK, 1004, 5004, "it");
	told(&w, ">it<so");
	world_end(&w, ">|<|");
	/* Nor at the end: what is missing is told before what answers it. */
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_resp, TCP_ACK, 5001, 1004, "yes");
	world_end(&w, ">(3)<yes>|<|");
}

static void
nobody_to_wait_for(void **state)
{
	struct world w;

	(void)state;
	/* orig was never seen. */
	world_init(&w, 1 << 20, 0);
	send(&w, dir_resp, TCP_SYN | TCP_ACK, 5000, 1001, "");
	send(&w, dir_resp, TCP_ACK, 5001, 1004, "yes");
	told(&w, "<yes");
	world_end(&w, ">(3)>|<|");
	/* orig is over: the number after its FIN, and any other. */
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK | TCP_FIN, 1001, 5001, "ask");
	send(&w, dir_resp, TCP_ACK, 5001, 1005, "yes");
	send(&w, dir_resp, TCP_ACK, 5004, 1099, "no");
	told(&w, ">ask>|<yes<no");
	world_end(&w, "<|");
	/* More than can be held; a number from before. */
	world_init(&w, 1 << 20, 16384);
	shake(&w);
	send(&w, dir_resp, TCP_ACK, 5001, 1001 + 16385, "a");
	send(&w, dir_resp, TCP_ACK, 5002, 1002 + (1u << 30), "b");
	send(&w, dir_resp, TCP_ACK, 5003, 900, "c");
	send(&w, dir_resp, 0, 5004, 1099, "d");
	told(&w, "<a<b<c<d");
	world_end(&w, ">(16385)>|<|");
	/* Cut by the capture. */
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send_cut(&w, dir_resp, TCP_ACK, 5001, 1004, BYTES("ye"), 3);
	told(&w, "<ye<(1)");
	world_end(&w, ">(3)>|<|");
}

static void
forged_acknowledgements(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1 << 20, 0);
	shake(&w);
	/* The true segment brings its own, true one. */
	send(&w, dir_resp, TCP_ACK, 5001, 1500, "yes");
	told(&w, "");
	send(&w, dir_resp, TCP_ACK, 5001, 1001, "yes");
	told(&w, "<yes");
	send(&w, dir_resp, TCP_ACK, 5004, 1500, "no");
	send(&w, dir_resp, TCP_ACK, 5004, 1001, "now");
	told(&w, "<now");
	/* orig goes on unharmed, in place, while a forged one waits; and nothing was moved. */
	send(&w, dir_resp, TCP_ACK, 5007, 1500, "x");
	for (uint32_t i = 0; i < 9; i++) {
		w.copied = false;
		send(&w, dir_orig, TCP_ACK, 1001 + i, 5001, "o");
		assert_false(w.copied);
		pass(&w, 10);
	}
	told(&w, ">o>o>o>o>o>o>o>o>o");
	pass(&w, 10);
	told(&w, "<x");
	world_end(&w, ">(490)>|<|");
	/* Each direction waits for the other: one gives up. */
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_resp, TCP_ACK, 5001, 1004, "yes");
	send(&w, dir_orig, TCP_ACK, 1001, 5004, "ask");
	told(&w, "");
	pass(&w, 9 * REORDER_MS);
	told(&w, "");
	pass(&w, REORDER_MS);
	told(&w, "<yes>ask");
	/* What comes then is another matter. */
	send(&w, dir_resp, TCP_ACK, 5004, 1006, "so");
	told(&w, "");
	send(&w, dir_orig, TCP_ACK, 1004, 5004, "it");
	told(&w, ">it<so");
	world_end(&w, ">|<|");
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_resp, TCP_ACK, 5001, 1004, "yes");
	send(&w, dir_orig, TCP_ACK, 1001, 5004, "ask");
	world_end(&w, ">ask<yes>|<|");
}

static void
resets(void **state)
{
	struct world w;

	(void)state;
	/* The number after bytes that wait is the right one; what is held is told in order. */
	world_init(&w, 1 << 20, 0);
	shake(&w);
	send(&w, dir_orig, TCP_ACK, 1003, 5001, "k");
	send(&w, dir_resp, TCP_ACK, 5001, 1004, "yes");
	assert_int_equal(stream_reset_fit(&w.stream, dir_resp, 5004), STREAM_FIT_EXACT);
	assert_int_equal(stream_reset_fit(&w.stream, dir_resp, 5001), STREAM_FIT_NOT);
	assert_int_equal(stream_reset_fit(&w.stream, dir_orig, 1001), STREAM_FIT_EXACT);
	send(&w, dir_resp, TCP_RST, 5004, 0, "");
	told(&w, ">(2)>k<yes<|>|");
	world_end(&w, "");
}

static void
room_to_wait(void **state)
{
	static uint8_t block[1400];
	struct world w;
	size_t n = 0;

	(void)state;
	/* 64 KiB behind bytes that do not come. */
	world_init(&w, 1 << 20, 0);
	shake(&w);
	while (w.log.len == 0) {
		assert_true(n * sizeof(block) < 80 * 1024);
		send_cut(&w, dir_resp, TCP_ACK, 5001 + (uint32_t)(n * sizeof(block)), 1004,
		    bytes_of(block, sizeof(block)), sizeof(block));
		n++;
	}
	assert_true(n * sizeof(block) >= 60 * 1024);
	assert_null(w.pool.oldest);
	buf_reset(&w.log);
	world_end(&w, ">(3)>|<|");
	/* No memory at all, then almost none: told in order of arrival, nothing lost. */
	for (size_t cap = 0; cap < 12000; cap += 500) {
		uint32_t next = 5001;

		world_init(&w, cap, 0);
		shake(&w);
		for (int i = 0; i < 9; i++) {
			send_cut(&w, dir_resp, TCP_ACK, next, 1004 + (uint32_t)i,
			    bytes_of(block, sizeof(block)), sizeof(block));
			next += sizeof(block);
		}
		assert_true(w.budget.used <= cap);
		stream_end(&w.pool, &w.stream, &w);
		assert_int_equal(w.stream.side[dir_resp].offset, 9 * sizeof(block));
		assert_int_equal(w.pool.gap_bytes, 11); /* of orig, to the last number */
		assert_int_equal(w.pool.dropped_bytes, 0);
		stream_pool_free(&w.pool);
	}
}

/* Others need the memory: the one that waits longest gives way, and tells what it has. */
static void
crowd_that_waits(void **state)
{
	enum { CROWD = 1000 };
	struct world *crowd = calloc(CROWD, sizeof(*crowd)), first;

	(void)state;
	assert_non_null(crowd);
	world_init(&first, 64 * 1024, 0);
	for (size_t i = 0; i < CROWD; i++) {
		struct packet p = {.kind = PACKET_TCP, .tcp_flags = TCP_SYN, .payload = BYTES("")};
		struct wall now = {NS_PER_S + (int64_t)i};
		struct world *w = &crowd[i];

		w->log = (struct buf){
		    .ptr = (uint8_t *)w->text, .room = sizeof(w->text), .cap = sizeof(w->text)};
		stream_packet(&first.pool, &w->stream, dir_orig, &p, now, w);
		p = (struct packet){.kind = PACKET_TCP,
		    .tcp_flags = TCP_SYN | TCP_ACK,
		    .ack = 1,
		    .payload = BYTES("")};
		stream_packet(&first.pool, &w->stream, dir_resp, &p, now, w);
		p = (struct packet){.kind = PACKET_TCP,
		    .tcp_flags = TCP_ACK | TCP_FIN,
		    .seq = 1,
		    .ack = 4,
		    .payload = BYTES("yes"),
		    .payload_wire = 3};
		stream_packet(&first.pool, &w->stream, dir_resp, &p, now, w);
		assert_true(first.budget.used <= first.budget.cap);
	}
	assert_true(first.pool.evicted > CROWD - 100);
	for (size_t i = 0; i < CROWD; i++) {
		stream_end(&first.pool, &crowd[i].stream, &crowd[i]);
		told(&crowd[i], i < first.pool.evicted ? "<yes<|>(3)>|" : ">(3)<yes>|<|");
	}
	world_end(&first, ">|<|");
	free(crowd);
}

/* ---- the model: a conversation whose every acknowledgement is true ---- */

struct segment {
	int64_t at_ns;
	uint32_t from, len; /* offsets */
	uint32_t ack;       /* offset of the other direction */
	uint8_t flags;
	uint8_t dir;
	bool lost;
};

struct talk {
	struct stream_pool pool;
	struct budget budget;
	struct stream stream;
	struct segment seg[SEGMENTS_MAX];
	size_t n;
	uint8_t text[2][LEN_MAX];
	uint32_t need[2][LEN_MAX]; /* of the other direction, before this byte */
	bool came[2][LEN_MAX + 1];
	uint32_t sent[2], fin_need[2];
	uint64_t next[2];
	size_t gaps, ends[2];
};

/* Something of dir is told that came after `need` bytes of the other. */
static void
check_turn(const struct talk *t, enum name_value dir, uint32_t need)
{
	int other = dir == dir_orig ? dir_resp : dir_orig;

	/* Bytes that are nowhere in the capture can be waited for, but not told. */
	if (t->next[other] < need)
		assert_false(t->came[other][t->next[other]]);
}

static void
talk_data(void *ctx, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct talk *t = ctx;

	assert_true(offset == t->next[dir]);
	assert_true(offset + run.len <= t->sent[dir]);
	assert_memory_equal(run.ptr, t->text[dir] + offset, run.len);
	for (size_t i = 0; i < run.len; i++)
		check_turn(t, dir, t->need[dir][offset + i]);
	t->next[dir] += run.len;
}

static void
talk_gap(void *ctx, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct talk *t = ctx;

	assert_true(offset == t->next[dir]);
	assert_true(offset + missing <= t->sent[dir]);
	for (uint64_t i = 0; i < missing; i++)
		assert_false(t->came[dir][offset + i]);
	t->next[dir] += missing;
	t->gaps++;
}

static void
talk_end(void *ctx, enum name_value dir)
{
	struct talk *t = ctx;

	assert_int_equal(t->ends[dir]++, 0);
	check_turn(t, dir, t->fin_need[dir]);
}

static void
talk_conflict(void *ctx, enum name_value dir, uint64_t offset, uint64_t len)
{
	(void)ctx;
	(void)dir;
	(void)offset;
	(void)len;
	fail_msg("a conflict where all is true");
}

static void
add_segment(struct talk *t, uint8_t dir, uint8_t flags, uint32_t from, uint32_t len, uint32_t ack)
{
	t->seg[t->n] = (struct segment){
	    .from = from, .len = len, .ack = ack, .flags = TCP_ACK | flags, .dir = dir};
	t->seg[t->n].at_ns = NS_PER_S + (int64_t)t->n * 2 * NS_PER_MS;
	t->n++;
	for (uint32_t i = from; i < from + len; i++) {
		if (ack < t->need[dir][i])
			t->need[dir][i] = ack;
	}
}

/* Both sides speak in any order, send again what the other has not got, and close. */
static void
converse(struct talk *t, struct rng *r)
{
	size_t steps = 2 + rng_below(r, SEGMENTS_MAX / 2 - 6);
	size_t big = rng_below(r, 3) == 0 ? 8 : 100;
	uint32_t got[2] = {0, 0}; /* by side d, of the other */

	for (size_t i = 0; i < steps; i++) {
		uint8_t d = (uint8_t)rng_below(r, 2);
		uint32_t open = t->sent[d] - got[!d], behind = t->sent[!d] - got[d];
		uint32_t len = 1 + (uint32_t)rng_below(r, big);

		if (rng_below(r, 3) != 0)
			got[d] +=
			    rng_below(r, 2) == 0 ? behind : (uint32_t)rng_below(r, behind + 1);
		switch (rng_below(r, 6)) {
		case 0:
			add_segment(t, d, 0, t->sent[d], 0, got[d]);
			break;
		case 1:
			if (open > 0) {
				uint32_t from = got[!d] + (uint32_t)rng_below(r, open);

				len = len < t->sent[d] - from ? len : t->sent[d] - from;
				/* Not one byte: it would look like a keep-alive. */
				if (len > 1)
					add_segment(t, d, 0, from, len, got[d]);
			}
			break;
		default:
			add_segment(t, d, TCP_PSH, t->sent[d], len, got[d]);
			t->sent[d] += len;
		}
	}
	for (uint8_t k = 0, d = (uint8_t)rng_below(r, 2); k < 2; k++, d ^= 1) {
		got[d] += (uint32_t)rng_below(r, t->sent[!d] - got[d] + 1);
		t->fin_need[d] = got[d];
		/* The second has received the first one's FIN where it got all. */
		add_segment(t, d, TCP_FIN, t->sent[d], 0,
		    got[d] + (k == 1 && got[d] == t->sent[!d] && rng_below(r, 2) == 0));
	}
}

static int
by_time(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

/* The capture shows some late, some twice, some not at all. */
static void
disturb(struct talk *t, struct rng *r, bool lossy)
{
	size_t n = t->n;

	for (size_t i = 0; i < n; i++) {
		struct segment *s = &t->seg[i];

		if (t->n < SEGMENTS_MAX && s->len != 1 && rng_below(r, 10) == 0) {
			t->seg[t->n] = *s;
			t->seg[t->n++].at_ns += (int64_t)rng_below(r, 50 * NS_PER_MS);
		}
		if (rng_below(r, 3) == 0)
			s->at_ns += (int64_t)rng_below(r, 50 * NS_PER_MS);
		s->lost = lossy && (s->flags & TCP_FIN) == 0 && rng_below(r, 8) == 0;
	}
	qsort(t->seg, t->n, sizeof(t->seg[0]), by_time);
	for (size_t i = 0; i < t->n; i++) {
		const struct segment *s = &t->seg[i];

		if (!s->lost)
			memset(t->came[s->dir] + s->from, 1, s->len);
	}
}

static void
hear(struct talk *t, const struct segment *s, uint32_t isn[2])
{
	struct packet p = {.kind = PACKET_TCP,
	    .tcp_flags = s->flags,
	    .seq = isn[s->dir] + 1 + s->from,
	    .ack = isn[!s->dir] + 1 + s->ack,
	    .payload = bytes_of(t->text[s->dir] + s->from, s->len),
	    .payload_wire = s->len};
	struct wall now = {s->at_ns};

	if ((s->flags & TCP_SYN) != 0)
		p.seq--;
	stream_tick(&t->pool, now);
	stream_packet(&t->pool, &t->stream, (enum name_value)s->dir, &p, now, t);
}

static void
true_conversations(void **state)
{
	static const struct stream_sink talk_sink = {talk_data, talk_gap, talk_end, talk_conflict};
	static struct talk t;
	struct rng r = rng_new(17);
	size_t waited = 0, gaps = 0;

	(void)state;
	for (int round = 0; round < MODEL_ROUNDS; round++) {
		bool lossy = rng_below(&r, 3) == 0;
		uint32_t isn[2] = {(uint32_t)rng_next(&r), 0 - (uint32_t)rng_below(&r, 300)};

		memset(&t, 0, sizeof(t));
		memset(t.need, 0xff, sizeof(t.need));
		t.budget.cap = 4 << 20;
		stream_pool_init(
		    &t.pool, &(struct stream_settings){.sink = &talk_sink, .budget = &t.budget});
		for (size_t i = 0; i < LEN_MAX; i++)
			t.text[0][i] = t.text[1][i] = (uint8_t)rng_next(&r);
		converse(&t, &r);
		disturb(&t, &r, lossy);
		hear(&t, &(struct segment){.flags = TCP_SYN, .dir = dir_orig}, isn);
		hear(&t, &(struct segment){.flags = TCP_SYN | TCP_ACK, .dir = dir_resp}, isn);
		hear(&t, &(struct segment){.flags = TCP_ACK, .dir = dir_orig}, isn);
		for (size_t i = 0; i < t.n; i++) {
			if (!t.seg[i].lost)
				hear(&t, &t.seg[i], isn);
		}
		/* Where all came, all is told: nothing waits for the end or for time. */
		if (!lossy) {
			assert_int_equal(t.gaps, 0);
			assert_int_equal(t.ends[0] + t.ends[1], 2);
			assert_null(t.pool.oldest);
		}
		stream_end(&t.pool, &t.stream, &t);
		for (int d = 0; d < 2; d++) {
			assert_int_equal(t.next[d], t.sent[d]);
			assert_int_equal(t.ends[d], 1);
		}
		waited += t.pool.waited;
		gaps += t.gaps;
		stream_pool_free(&t.pool);
		assert_int_equal(t.budget.used, 0);
	}
	printf("# %zu waited, %zu gaps\n", waited, gaps);
	assert_true(waited > MODEL_ROUNDS / 2 && gaps > MODEL_ROUNDS / 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_order_is_in_place),
	    cmocka_unit_test(answer_before_question),
	    cmocka_unit_test(conversation_waits_for_its_first_word),
	    cmocka_unit_test(end_waits),
	    cmocka_unit_test(bytes_that_never_come),
	    cmocka_unit_test(nobody_to_wait_for),
	    cmocka_unit_test(forged_acknowledgements),
	    cmocka_unit_test(resets),
	    cmocka_unit_test(room_to_wait),
	    cmocka_unit_test(crowd_that_waits),
	    cmocka_unit_test(true_conversations),
	};

	return cmocka_run_group_tests_name("net stream order", tests, NULL, NULL);
}
