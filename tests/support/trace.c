/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard.h"

enum { TRACE_BUDGET_BYTES = 64 << 20 };

static void
trace_emit(
    void *owner, enum name_value dir, uint64_t offset, enum event_kind kind, const void *fields)
{
	struct trace *t = owner;
	struct event_head head = {.flow = 1, .dir = dir, .offset = offset};
	struct json j = json_on(&t->text);
	struct buf record = {0};
	struct event ev;
	struct why why;
	size_t used;

	/* Through the codec, so that every parser test is a test of it too. */
	if (!event_encode(&record, kind, &head, fields) ||
	    event_decode(buf_bytes(&record), &ev, &used, &why) != ERR_OK || used != record.len) {
		fprintf(stderr, "event of kind %d does not survive its encoding\n", (int)kind);
		abort();
	}
	event_json(&j, &ev);
	buf_byte(&t->text, '\n');
	buf_free(&record);
	t->n++;
	t->n_kind[kind]++;
}

void
trace_init(struct trace *t)
{
	*t = (struct trace){.budget = {.cap = TRACE_BUDGET_BYTES},
	    .key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
	t->observer = (struct observer){.owner = t,
	    .emit = trace_emit,
	    .key = &t->key,
	    .budget = &t->budget,
	    .now = {INT64_C(1767225600) * NS_PER_S}};
}

void
trace_free(struct trace *t)
{
	buf_pool_free(&t->observer.pool);
	if (t->budget.used != 0) {
		fprintf(stderr, "parser kept %zu bytes after close\n", t->budget.used);
		abort();
	}
	buf_free(&t->text);
}

const char *
trace_text(struct trace *t)
{
	buf_byte(&t->text, 0);
	t->text.len--;
	return (const char *)t->text.ptr;
}

size_t
trace_count(struct trace *t, const char *needle)
{
	struct bytes rest = buf_bytes(&t->text);
	size_t n = 0;

	while (rest.len > 0) {
		struct bytes line = bytes_split(rest, '\n', &rest);

		n += bytes_find_seq(line, bytes_str(needle)) < line.len;
	}
	return n;
}

static void
feed_run(const struct protocol *p, void *s, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct guard g = guard_new(run);

	p->data(s, dir, g.view, offset);
	guard_free(&g);
}

void
trace_feed(struct trace *t, const struct protocol *p, const struct turn *turns, size_t n,
    struct rng *rng, bool byte_wise)
{
	uint64_t at[2] = {0, 0};
	void *s = p->open(&t->observer);

	assert(s != NULL);
	for (size_t i = 0; i < n; i++) {
		struct bytes rest = turns[i].data;
		enum name_value dir = turns[i].dir;

		if (turns[i].gap > 0) {
			p->gap(s, dir, at[dir], turns[i].gap);
			at[dir] += turns[i].gap;
		}
		while (rest.len > 0) {
			size_t len = byte_wise     ? 1
				     : rng != NULL ? 1 + rng_below(rng, rest.len)
						   : rest.len;

			if (rng != NULL && rng_below(rng, 4) == 0 && len > 8)
				len = 1 + rng_below(rng, 8);
			feed_run(p, s, dir, bytes_sub(rest, 0, len), at[dir]);
			at[dir] += len;
			rest = bytes_from(rest, len);
		}
	}
	p->end(s, dir_orig);
	p->end(s, dir_resp);
	p->close(s);
}

static void
compare(struct trace *whole, struct trace *cut, const char *how)
{
	if (bytes_eq(buf_bytes(&whole->text), buf_bytes(&cut->text)) &&
	    memcmp(whole->observer.units, cut->observer.units, sizeof(cut->observer.units)) == 0)
		return;
	fprintf(stderr,
	    "cut (%s) gives other observations than the whole\n--- whole\n%s--- cut\n%s", how,
	    trace_text(whole), trace_text(cut));
	for (size_t u = 0; u < UNIT_COUNT; u++) {
		if (whole->observer.units[u] != cut->observer.units[u])
			fprintf(stderr, "%s: whole %llu cut %llu\n", unit_name((enum unit)u),
			    (unsigned long long)whole->observer.units[u],
			    (unsigned long long)cut->observer.units[u]);
	}
	abort();
}

void
trace_check_cuts(const struct protocol *p, const struct turn *turns, size_t n, int rounds)
{
	struct rng rng = rng_new(20260101);
	struct trace whole, cut;

	trace_init(&whole);
	trace_feed(&whole, p, turns, n, NULL, false);
	for (int i = -1; i < rounds; i++) {
		trace_init(&cut);
		trace_feed(&cut, p, turns, n, i < 0 ? NULL : &rng, i < 0);
		compare(&whole, &cut, i < 0 ? "byte by byte" : "random");
		trace_free(&cut);
	}
	trace_free(&whole);
}

bool
trace_datagram(struct trace *t, const struct protocol *p, enum name_value dir, struct bytes payload,
    uint16_t src, uint16_t dst)
{
	struct probe_view v = {.ended = true};
	struct guard g = guard_new(payload);
	bool mine;

	v.head[dir] = g.view;
	v.port[dir] = src;
	v.port[1 - dir] = dst;
	mine = p->datagram(&t->observer, dir, g.view, &v);
	guard_free(&g);
	return mine;
}

void
trace_hurt_datagram(const struct protocol *p, struct bytes payload, uint16_t src, uint16_t dst)
{
	struct trace t;
	uint8_t *copy = malloc(payload.len + 1);

	assert(copy != NULL);
	trace_init(&t);
	memcpy(copy, payload.ptr, payload.len);
	for (size_t n = 0; n < payload.len; n++)
		(void)trace_datagram(&t, p, dir_orig, bytes_sub(payload, 0, n), src, dst);
	for (size_t bit = 0; bit < payload.len * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)trace_datagram(&t, p, dir_orig, bytes_of(copy, payload.len), src, dst);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(copy);
	trace_free(&t);
}

static void
add_line(void *ctx, struct bytes json)
{
	struct buf *out = ctx;

	buf_add(out, json);
	buf_byte(out, '\n');
}

void
trace_decode(const struct protocol *p, struct bytes file, struct buf *out)
{
	struct line_sink sink = {out, add_line};

	p->decode(file, &sink);
	buf_byte(out, 0);
	out->len--;
}
