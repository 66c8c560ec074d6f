/* SPDX-License-Identifier: Apache-2.0 */
/* One suite for every backend: each case runs once for each name in store_backends. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "rng.h"
#include "store/inner.h"

static const char *backend; /* of the group that runs */
static struct wall clock_now;

static struct wall
now(void)
{
	return clock_now;
}

struct box {
	struct temp_dir tmp;
	struct store_dir *dir;
	struct store *st;
	struct store_options opt;
	struct why why;
};

static void
box_open(struct box *b, enum store_mode mode)
{
	assert_int_equal(store_dir_open(&b->dir, b->tmp.path, mode, &b->why), ERR_OK);
	assert_int_equal(store_open(&b->st, b->dir, mode, &b->opt, &b->why), ERR_OK);
}

static void
box_close(struct box *b)
{
	store_close(b->st);
	store_dir_close(b->dir);
	b->st = NULL;
	b->dir = NULL;
}

static int
setup(void **state)
{
	struct box *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -1;
	clock_now = sample_time(0);
	b->tmp = temp_dir_new();
	b->opt = (struct store_options){backend, now};
	*state = b;
	box_open(b, STORE_WRITE);
	return 0;
}

static int
teardown(void **state)
{
	struct box *b = *state;

	box_close(b);
	temp_dir_free(&b->tmp);
	free(b);
	return 0;
}

/* Append sample events from..to-1 and commit every `each` events (0: not at all). */
static void
append(struct box *b, uint64_t from, uint64_t to, uint64_t each)
{
	struct buf rec = {0};
	uint64_t seq;

	for (uint64_t i = from; i < to; i++) {
		buf_reset(&rec);
		sample_event(i, &rec);
		assert_int_equal(store_append(b->st, buf_bytes(&rec), NULL, &seq, &b->why), ERR_OK);
		assert_int_equal(seq, i + 1);
		if (each != 0 && (i + 1) % each == 0)
			assert_int_equal(store_commit(b->st, STORE_FAST, &b->why), ERR_OK);
	}
	buf_free(&rec);
}

static void
commit(struct box *b)
{
	assert_int_equal(store_commit(b->st, STORE_DURABLE, &b->why), ERR_OK);
}

/* Every event given is the sample of its number, in order. */
struct seen {
	uint64_t n, first, last;
	uint64_t stop_after;
	bool ordered, same, down;
};

static bool
see(void *ctx, const struct store_event *e)
{
	static struct buf want;
	struct seen *s = ctx;

	buf_reset(&want);
	sample_event(e->seq - 1, &want);
	s->same &= bytes_eq(buf_bytes(&want), e->record);
	if (s->n++ == 0)
		s->first = e->seq;
	else
		s->ordered &= s->down ? e->seq < s->last : e->seq > s->last;
	s->last = e->seq;
	return s->n != s->stop_after;
}

static struct seen
walk(struct box *b, struct store_filter f)
{
	struct seen s = {.ordered = true, .same = true, .down = f.by == STORE_NEWEST_FIRST};

	assert_int_equal(store_events(b->st, &f, see, &s, &b->why), ERR_OK);
	assert_true(s.ordered);
	assert_true(s.same);
	return s;
}

/* --- events --- */

static void
append_and_read(void **state)
{
	struct box *b = *state;
	uint64_t first, last;
	struct seen s;

	append(b, 0, 5000, 0);
	s = walk(b, (struct store_filter){0}); /* a writer sees what is not committed */
	assert_int_equal(s.n, 5000);
	commit(b);
	assert_int_equal(store_range(b->st, &first, &last, &b->why), ERR_OK);
	assert_int_equal(first, 1);
	assert_int_equal(last, 5000);
	box_close(b);
	box_open(b, STORE_READ);
	s = walk(b, (struct store_filter){0});
	assert_int_equal(s.n, 5000);
	assert_int_equal(s.first, 1);
	s = walk(b, (struct store_filter){.by = STORE_NEWEST_FIRST, .limit = 7});
	assert_int_equal(s.n, 7);
	assert_int_equal(s.first, 5000);
	assert_int_equal(s.last, 4994);
}

/* Whatever the commits, the same events in few blocks. */
static void
small_commits_make_few_blocks(void **state)
{
	struct box *b = *state;
	struct store_check check;
	struct seen s;

	append(b, 0, 4000, 3);
	commit(b);
	assert_int_equal(store_check(b->st, &check, &b->why), ERR_OK);
	assert_int_equal(check.events, 4000);
	assert_true(check.blocks < 30);
	s = walk(b, (struct store_filter){0});
	assert_int_equal(s.n, 4000);
	box_close(b);
	box_open(b, STORE_WRITE);
	append(b, 4000, 4100, 1);
	s = walk(b, (struct store_filter){.by = STORE_NEWEST_FIRST});
	assert_int_equal(s.n, 4100);
	assert_int_equal(s.last, 1);
}

static void
not_committed_is_gone(void **state)
{
	struct box *b = *state;

	append(b, 0, 100, 0);
	commit(b);
	append(b, 100, 1900, 0);
	assert_int_equal(walk(b, (struct store_filter){0}).n, 1900);
	box_close(b);
	box_open(b, STORE_WRITE);
	assert_int_equal(walk(b, (struct store_filter){0}).n, 100);
	append(b, 100, 120, 0); /* numbers go on without a hole */
}

/* Does this event fit, as the header says it should? The other way to the same answer. */
static bool
fits(const struct store_filter *f, uint64_t seq)
{
	struct buf rec = {0};
	struct event ev;
	uint64_t i = seq - 1;
	struct hash128 zero = {{0}}, specimen = sample_specimen(i);
	bool message, yes;
	size_t used;

	sample_event(i, &rec);
	assert_int_equal(event_decode(buf_bytes(&rec), &ev, &used, NULL), ERR_OK);
	message = ev.kind == EV_message;
	yes = (f->kinds == 0 || f->kinds >> ev.kind & 1) &&
	      (f->from_seq == 0 || seq >= f->from_seq) && (f->to_seq == 0 || seq <= f->to_seq) &&
	      (f->from_time.ns == 0 || ev.head.time.ns >= f->from_time.ns) &&
	      (f->to_time.ns == 0 || ev.head.time.ns <= f->to_time.ns) &&
	      (f->link == 0 || ev.head.link == f->link) &&
	      (f->flow == 0 || ev.head.flow == f->flow) &&
	      (f->source == 0 || ev.head.source == f->source);
	if (f->protos != 0)
		yes &= (message && f->protos >> ev.u.message.proto & 1) ||
		       ((ev.kind == EV_link || ev.kind == EV_flow) && f->protos >> PROTO_hl7 & 1);
	if (memcmp(&f->specimen, &zero, sizeof(zero)) != 0)
		yes &= message && memcmp(&f->specimen, &specimen, sizeof(specimen)) == 0;
	buf_free(&rec);
	return yes;
}

static void
filters_agree_with_a_plain_scan(void **state)
{
	enum { N = 3000 };
	struct box *b = *state;
	struct rng rng = rng_new(11);
	uint64_t found = 0;

	append(b, 0, N, 700);
	for (int round = 0; round < 200; round++) {
		struct store_filter f = {0};
		uint64_t want = 0;

		if (rng_below(&rng, 3) == 0)
			f.kinds = rng_next(&rng) & ((UINT64_C(1) << 16) - 1);
		if (rng_below(&rng, 3) == 0)
			f.protos = UINT64_C(1) << (rng_below(&rng, 2) ? PROTO_astm : PROTO_hl7);
		if (rng_below(&rng, 3) == 0)
			f.from_seq = rng_below(&rng, N + 50);
		if (rng_below(&rng, 3) == 0)
			f.to_seq = rng_below(&rng, N + 50);
		if (rng_below(&rng, 3) == 0)
			f.from_time = sample_time(rng_below(&rng, N + 50));
		if (rng_below(&rng, 3) == 0)
			f.to_time = sample_time(rng_below(&rng, N));
		if (rng_below(&rng, 4) == 0)
			f.link = sample_link(rng_below(&rng, N));
		if (rng_below(&rng, 4) == 0)
			f.flow = 1 + rng_below(&rng, N / 50 + 5);
		if (rng_below(&rng, 8) == 0)
			f.specimen = sample_specimen(rng_below(&rng, N));
		if (rng_below(&rng, 8) == 0)
			f.source = 1 + rng_below(&rng, 2);
		f.by = rng_below(&rng, 2) ? STORE_NEWEST_FIRST : STORE_OLDEST_FIRST;
		for (uint64_t seq = 1; seq <= N; seq++)
			want += fits(&f, seq);
		assert_int_equal(walk(b, f).n, want);
		found += want;
	}
	assert_true(found > 0);
}

static void
one_event(void **state)
{
	struct box *b = *state;
	struct seen s = {.ordered = true, .same = true};

	append(b, 0, 1000, 100);
	assert_int_equal(store_event(b->st, 777, see, &s, &b->why), ERR_OK);
	assert_int_equal(s.first, 777);
	assert_true(s.same);
	assert_int_equal(store_event(b->st, 0, see, &s, &b->why), ERR_ABSENT);
	assert_int_equal(store_event(b->st, 1001, see, &s, &b->why), ERR_ABSENT);
	assert_int_equal(store_event(b->st, UINT64_MAX, see, &s, &b->why), ERR_ABSENT);
	assert_int_equal(s.n, 1);
}

struct results {
	uint64_t n;
	uint64_t last_seq;
	bool good;
};

static bool
see_result(void *ctx, const struct store_event *m, const struct ev_result *r)
{
	struct results *s = ctx;

	s->n++;
	s->last_seq = m->seq;
	s->good &= m->ev.kind == EV_message && bytes_eq(r->code, BYTES("K"));
	return true;
}

static void
results(void **state)
{
	struct box *b = *state;
	struct results s = {.good = true};
	struct store_filter f = {.specimen = sample_specimen(17)};

	append(b, 0, 1600, 0);
	assert_int_equal(store_results(b->st, &f, BYTES("K"), see_result, &s, &b->why), ERR_OK);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.last_seq, 18);
	s.n = 0;
	f = (struct store_filter){.limit = 10, .by = STORE_NEWEST_FIRST};
	assert_int_equal(store_results(b->st, &f, BYTES("K"), see_result, &s, &b->why), ERR_OK);
	assert_int_equal(s.n, 10);
	assert_true(s.good);
	s.n = 0;
	f = (struct store_filter){0};
	assert_int_equal(store_results(b->st, &f, BYTES(""), see_result, &s, &b->why), ERR_OK);
	assert_int_equal(s.n, 1600 / 16 * SAMPLE_MESSAGES_OF_16 * SAMPLE_RESULTS);
	s.n = 0;
	assert_int_equal(store_results(b->st, &f, BYTES("NONE"), see_result, &s, &b->why), ERR_OK);
	assert_int_equal(s.n, 0);
}

/* A reader follows a writer by asking for what comes after the last event it saw. */
static void
follow(void **state)
{
	struct box *b = *state;
	struct store_filter f = {0};
	struct store_dir *dir;
	struct store *reader;
	struct seen s = {.ordered = true, .same = true};

	append(b, 0, 10, 0);
	commit(b);
	assert_int_equal(store_dir_open(&dir, b->tmp.path, STORE_READ, &b->why), ERR_OK);
	assert_int_equal(store_open(&reader, dir, STORE_READ, &b->opt, &b->why), ERR_OK);
	for (uint64_t to = 10; to < 600; to += 7) {
		f.from_seq = s.last + 1;
		assert_int_equal(store_events(reader, &f, see, &s, &b->why), ERR_OK);
		assert_int_equal(s.last, to);
		append(b, to, to + 7, 0);
		assert_int_equal(store_commit(b->st, STORE_FAST, &b->why), ERR_OK);
	}
	assert_true(s.same && s.ordered);
	store_close(reader);
	store_dir_close(dir);
}

/* While a reader's callback waits, the writer joins and adds blocks under it. */
struct slow {
	struct box *b;
	struct seen seen;
	uint64_t next;
};

static bool
see_and_write(void *ctx, const struct store_event *e)
{
	struct slow *s = ctx;

	if (e->seq % 50 == 0 && s->next < 2000) {
		append(s->b, s->next, s->next + 60, 20);
		s->next += 60;
	}
	return see(&s->seen, e);
}

static void
writer_runs_during_a_read(void **state)
{
	struct box *b = *state;
	struct slow s = {b, {.ordered = true, .same = true}, 500};
	struct store_filter all = {0};
	struct store_dir *dir;
	struct store *reader;

	append(b, 0, 500, 5);
	assert_int_equal(store_dir_open(&dir, b->tmp.path, STORE_READ, &b->why), ERR_OK);
	assert_int_equal(store_open(&reader, dir, STORE_READ, &b->opt, &b->why), ERR_OK);
	assert_int_equal(store_events(reader, &all, see_and_write, &s, &b->why), ERR_OK);
	assert_true(s.seen.same && s.seen.ordered);
	assert_true(s.seen.n >= 500);
	assert_int_equal(s.seen.n, s.seen.last); /* no hole */
	store_close(reader);
	store_dir_close(dir);
}

static void
bad_records(void **state)
{
	struct box *b = *state;
	struct buf rec = {0};
	struct event ev;
	size_t used;

	sample_event(1, &rec);
	assert_int_equal(event_decode(buf_bytes(&rec), &ev, &used, NULL), ERR_OK);
	for (size_t n = 0; n < rec.len; n++)
		assert_int_equal(
		    store_append(b->st, bytes_sub(buf_bytes(&rec), 0, n), NULL, NULL, &b->why),
		    ERR_INPUT);
	assert_int_equal(
	    store_append(b->st, bytes_sub(buf_bytes(&rec), 0, rec.len - 1), &ev, NULL, &b->why),
	    ERR_INPUT);
	assert_int_equal(
	    store_append(b->st, (struct bytes){NULL, 0}, &ev, NULL, &b->why), ERR_INPUT);
	ev.kind = EV_claim;
	assert_int_equal(store_append(b->st, buf_bytes(&rec), &ev, NULL, &b->why), ERR_INPUT);
	buf_byte(&rec, 0);
	assert_int_equal(store_append(b->st, buf_bytes(&rec), NULL, NULL, &b->why), ERR_INPUT);
	assert_int_equal(store_append_fields(b->st, 63, &ev.head, &ev.u, NULL, &b->why), ERR_INPUT);
	assert_int_equal(walk(b, (struct store_filter){0}).n, 0);
	buf_free(&rec);
}

/* The largest record there can be has a block of its own. */
static void
large_record(void **state)
{
	struct box *b = *state;
	struct buf list = {0};
	struct event_head head = {{1}, 0, 0, 0, 0, 0, 0};
	struct ev_result r = {.value = BYTES("1234567890")};
	struct ev_message m = {.proto = PROTO_hl7};
	struct store_check check;

	while (list.len < EVENT_BYTES_MAX - 2000)
		assert_true(result_encode(&list, &r));
	m.results = buf_bytes(&list);
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    store_append_fields(b->st, EV_message, &head, &m, NULL, &b->why), ERR_OK);
	commit(b);
	assert_int_equal(store_check(b->st, &check, &b->why), ERR_OK);
	assert_int_equal(check.events, 4);
	assert_int_equal(check.blocks, 4);
	buf_free(&list);
}

/* --- readers and writers --- */

static void
readers_cannot_write(void **state)
{
	struct box *b = *state;
	struct store_device d = {.id = 1};
	struct store_finding f = {.id = 1};
	struct store_dropped dropped;
	struct buf rec = {0};
	uint64_t n;

	commit(b);
	box_close(b);
	box_open(b, STORE_READ);
	sample_event(0, &rec);
	assert_int_equal(store_append(b->st, buf_bytes(&rec), NULL, NULL, &b->why), ERR_REFUSED);
	assert_int_equal(store_commit(b->st, STORE_FAST, &b->why), ERR_REFUSED);
	assert_int_equal(store_device_put(b->st, &d, &b->why), ERR_REFUSED);
	assert_int_equal(store_finding_put(b->st, &f, &b->why), ERR_REFUSED);
	assert_int_equal(store_device_drop(b->st, 1, &b->why), ERR_REFUSED);
	assert_int_equal(store_value_put(b->st, "k", BYTES("v"), &b->why), ERR_REFUSED);
	assert_int_equal(
	    store_source_new(b->st, BYTES("file"), BYTES("x"), &n, &b->why), ERR_REFUSED);
	assert_int_equal(store_derived_clear(b->st, &b->why), ERR_REFUSED);
	assert_int_equal(store_rebuild(b->st, NULL, NULL, &b->why), ERR_REFUSED);
	assert_int_equal(
	    store_retain(b->st, &(struct store_keep){0}, &dropped, &b->why), ERR_REFUSED);
	buf_free(&rec);
}

static void
unknown_backend(void **state)
{
	struct box *b = *state;
	struct store_options opt = {.backend = "dbase"};
	struct store *st;

	assert_int_equal(store_open(&st, b->dir, STORE_WRITE, &opt, &b->why), ERR_USAGE);
	assert_null(st);
}

/* --- derived --- */

struct rows {
	uint64_t n;
	uint64_t ids[64];
	struct bytes last_text;
	char text[64];
	uint64_t stop_after;
};

static bool
take_row(struct rows *r, uint64_t id)
{
	if (r->n < ARRAY_LEN(r->ids))
		r->ids[r->n] = id;
	r->n++;
	return r->n != r->stop_after;
}

static bool
see_device(void *ctx, const struct store_device *d)
{
	struct rows *r = ctx;

	(void)snprintf(r->text, sizeof(r->text), "%.*s", (int)d->model.len,
	    d->model.len == 0 ? "" : (const char *)d->model.ptr);
	return take_row(r, d->id);
}

static bool
see_finding(void *ctx, const struct store_finding *f)
{
	return take_row(ctx, f->id);
}

static bool
see_link(void *ctx, const struct store_link *l)
{
	return take_row(ctx, l->number);
}

static void
put_device(struct box *b, uint64_t id, int64_t last, const char *state, const char *model)
{
	struct store_device d = {.id = id,
	    .state = bytes_str(state),
	    .class = BYTES("analyzer"),
	    .maker = BYTES("Sysmex"),
	    .model = bytes_str(model),
	    .addresses = BYTES("10.1.0.5 00:80:a3:00:00:01"),
	    .first = {last - 5},
	    .last = {last},
	    .snapshot = bytes_of("\0\1\2", 3),
	    .json = BYTES("{\"id\":1}")};

	assert_int_equal(store_device_put(b->st, &d, &b->why), ERR_OK);
}

static void
devices(void **state)
{
	struct box *b = *state;
	struct store_device_filter f = {.state = BYTES("approved")};
	struct store_page page = {.by = STORE_BY_LAST};
	struct rows r = {0};

	for (uint64_t id = 1; id <= 30; id++)
		put_device(b, id, (int64_t)(100 - id % 10), id % 3 ? "staged" : "approved", "XN");
	put_device(b, 7, 1000, "approved", "XN-2000");
	commit(b);
	assert_int_equal(store_devices(b->st, NULL, &page, see_device, &r, &b->why), ERR_OK);
	assert_int_equal(r.n, 30);
	assert_int_equal(r.ids[0], 7);
	assert_int_equal(r.ids[1], 30); /* of equal times, the larger id first */
	assert_false(page.more);
	r = (struct rows){0};
	page = (struct store_page){.by = STORE_BY_ID};
	assert_int_equal(store_devices(b->st, &f, &page, see_device, &r, &b->why), ERR_OK);
	assert_int_equal(r.n, 11);
	assert_int_equal(r.ids[0], 3);
	assert_int_equal(r.ids[2], 7);
	r = (struct rows){0};
	page = (struct store_page){0};
	f = (struct store_device_filter){.words = BYTES("xn-2")};
	assert_int_equal(store_devices(b->st, &f, &page, see_device, &r, &b->why), ERR_OK);
	assert_int_equal(r.n, 1);
	r = (struct rows){0};
	page = (struct store_page){0};
	f = (struct store_device_filter){.words = BYTES("' OR 1=1 --")};
	assert_int_equal(store_devices(b->st, &f, &page, see_device, &r, &b->why), ERR_OK);
	assert_int_equal(r.n, 0);
	assert_int_equal(store_device(b->st, 7, see_device, &r, &b->why), ERR_OK);
	assert_string_equal(r.text, "XN-2000");
	assert_int_equal(store_device_drop(b->st, 7, &b->why), ERR_OK);
	assert_int_equal(store_device_drop(b->st, 7, &b->why), ERR_OK);
	assert_int_equal(store_device(b->st, 7, see_device, &r, &b->why), ERR_ABSENT);
}

/* Pages of any size, put together, are the list; the place survives as text. */
static void
pages_make_the_list(void **state)
{
	struct box *b = *state;
	struct rng rng = rng_new(5);

	for (uint64_t id = 1; id <= 600; id++)
		put_device(b, mix64(id) >> 1 | (id % 2) << 63, (int64_t)rng_below(&rng, 40) + 1,
		    "staged", "m");
	for (int by = STORE_BY_ID; by <= STORE_BY_SEVERITY; by++) {
		for (size_t size = 1; size < 400; size = size * 3 + 1) {
			struct store_page page = {.by = (enum store_by)by, .limit = size};
			char text[STORE_PLACE_TEXT_MAX];
			uint64_t total = 0;

			do {
				struct rows r = {0};

				assert_int_equal(
				    store_devices(b->st, NULL, &page, see_device, &r, &b->why),
				    ERR_OK);
				assert_true(r.n <= size);
				total += r.n;
				store_place_format(&page.after, text);
				assert_true(store_place_parse(bytes_str(text), &page.after));
			} while (page.more);
			assert_int_equal(total, 600);
		}
	}
}

static void
bad_places(void **state)
{
	static const char *const bad[] = {".", "1", "1.2", "1.2.", "..", "1.2.3.4", "x.1.2",
	    "1.2.11111111111111111", "1.2.-1", "A.1.1"};
	struct store_place p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(store_place_parse(bytes_str(bad[i]), &p));
		assert_int_equal(p.set, 0);
	}
	assert_true(store_place_parse(BYTES(""), &p));
	assert_int_equal(p.set, 0);
}

static void
findings(void **state)
{
	struct box *b = *state;
	struct store_finding_filter open = {.state = BYTES("open")};
	struct store_page page = {.by = STORE_BY_SEVERITY};
	struct store_totals t;
	struct rows r = {0};

	for (uint64_t id = 1; id <= 20; id++) {
		struct store_finding f = {.id = id,
		    .detector = BYTES("clear_phi"),
		    .severity = id % 5,
		    .device = id % 3,
		    .cause = BYTES("hl7"),
		    .text = BYTES("patient data crosses the wire without TLS"),
		    .count = id,
		    .last = {(int64_t)id},
		    .state = id % 4 ? BYTES("open") : BYTES("closed"),
		    .evidence = BYTES("e"),
		    .snapshot = BYTES("s")};

		assert_int_equal(store_finding_put(b->st, &f, &b->why), ERR_OK);
	}
	assert_int_equal(store_findings(b->st, NULL, &page, see_finding, &r, &b->why), ERR_OK);
	assert_int_equal(r.n, 20);
	assert_int_equal(r.ids[0], 19); /* severity 4, newest */
	assert_int_equal(r.ids[19], 5);
	r = (struct rows){0};
	page = (struct store_page){.by = STORE_BY_LAST};
	open.min_severity = severity_high;
	open.device = 1;
	assert_int_equal(store_findings(b->st, &open, &page, see_finding, &r, &b->why), ERR_OK);
	assert_int_equal(r.n, 2); /* 13 and 19 */
	assert_int_equal(r.ids[0], 19);
	assert_int_equal(store_totals(b->st, &t, &b->why), ERR_OK);
	assert_int_equal(t.findings_open[severity_critical], 3);
	assert_int_equal(store_finding(b->st, 20, see_finding, &r, &b->why), ERR_OK);
	assert_int_equal(store_finding(b->st, 21, see_finding, &r, &b->why), ERR_ABSENT);
}

struct link_sum {
	uint64_t n, messages, results, flows, bytes, numbers;
	int64_t first, last;
	uint64_t mix; /* of everything, whatever the order */
};

static bool
sum_link(void *ctx, const struct store_link *l)
{
	struct link_sum *s = ctx;

	s->n++;
	s->messages += l->messages;
	s->results += l->results;
	s->flows += l->flows;
	s->bytes += l->bytes;
	s->numbers += l->number;
	s->mix += mix64(l->id + l->number * 3 + l->messages * 5 + l->bytes * 7) ^
		  mix64((uint64_t)l->first.ns + (uint64_t)l->last.ns * 3 + l->port) ^
		  l->client.b[15];
	if (s->first == 0 || l->first.ns < s->first)
		s->first = l->first.ns;
	if (l->last.ns > s->last)
		s->last = l->last.ns;
	return true;
}

static struct link_sum
sum_links(struct box *b)
{
	struct store_page page = {0};
	struct link_sum s = {0};

	assert_int_equal(store_links(b->st, NULL, &page, sum_link, &s, &b->why), ERR_OK);
	return s;
}

static bool
sum_hour(void *ctx, const struct store_hour *h)
{
	*(uint64_t *)ctx += h->n;
	return true;
}

static uint64_t
count_hours(struct box *b, enum event_kind kind, struct wall from, struct wall to)
{
	uint64_t n = 0;

	assert_int_equal(store_hours(b->st, kind, from, to, sum_hour, &n, &b->why), ERR_OK);
	return n;
}

/* Links and hours come from the events; commits of any size give the same; so does a rebuild. */
static void
tallies(void **state)
{
	enum { N = 16000, MESSAGES = N / 16 * SAMPLE_MESSAGES_OF_16 };
	struct box *b = *state;
	struct link_sum sum, again;
	struct store_totals t;
	struct wall none = {0};
	uint64_t k = 0;

	for (uint64_t at = 0; at < N; at += k) {
		k = 1 + mix64(at) % 999;
		if (k > N - at)
			k = N - at;
		append(b, at, at + k, 0);
		assert_int_equal(store_commit(b->st, STORE_FAST, &b->why), ERR_OK);
	}
	sum = sum_links(b);
	assert_int_equal(sum.n, SAMPLE_LINKS);
	assert_int_equal(sum.messages, MESSAGES);
	assert_int_equal(sum.results, MESSAGES * SAMPLE_RESULTS);
	assert_int_equal(sum.flows, N / 16);
	assert_int_equal(sum.bytes, N / 16 * 1100);
	assert_int_equal(sum.numbers, SAMPLE_LINKS * (SAMPLE_LINKS + 1) / 2);
	assert_int_equal(sum.first, sample_time(0).ns);
	assert_int_equal(count_hours(b, EV_message, none, none), MESSAGES);
	assert_int_equal(count_hours(b, EV_finding, none, none), N / 16);
	assert_int_equal(
	    count_hours(b, EV_message, sample_time(0), sample_time(3599)), 3600 / 16 * 12);
	assert_int_equal(store_totals(b->st, &t, &b->why), ERR_OK);
	assert_int_equal(t.events, N);
	assert_int_equal(t.messages[PROTO_hl7] + t.messages[PROTO_astm], MESSAGES);
	assert_int_equal(t.links, SAMPLE_LINKS);

	assert_int_equal(store_derived_clear(b->st, &b->why), ERR_OK);
	assert_true(store_rebuilding(b->st));
	assert_int_equal(sum_links(b).messages, 0);
	box_close(b);
	box_open(b, STORE_WRITE);
	assert_true(store_rebuilding(b->st)); /* a crash here is not forgotten */
	assert_int_equal(store_rebuild(b->st, NULL, NULL, &b->why), ERR_OK);
	assert_false(store_rebuilding(b->st));
	again = sum_links(b);
	assert_memory_equal(&sum, &again, sizeof(sum));
	assert_int_equal(count_hours(b, EV_message, none, none), MESSAGES);
	box_close(b);
	box_open(b, STORE_READ);
	assert_false(store_rebuilding(b->st));
	again = sum_links(b);
	assert_memory_equal(&sum, &again, sizeof(sum));
}

/* The brain's part of a rebuild puts rows while events are walked. */
static bool
put_as_replayed(void *ctx, const struct store_event *e)
{
	struct box *b = ctx;

	if (e->ev.kind == EV_claim)
		put_device(b, e->seq, e->ev.head.time.ns, "staged", "XN");
	return true;
}

static bool
refuse(void *ctx, const struct store_event *e)
{
	(void)ctx;
	return e->seq < 20;
}

static void
rebuild_puts_rows(void **state)
{
	struct box *b = *state;
	struct store_totals t;

	append(b, 0, 3200, 100);
	put_device(b, 999999, 5, "staged", "stale");
	assert_int_equal(store_rebuild(b->st, put_as_replayed, b, &b->why), ERR_OK);
	assert_int_equal(store_totals(b->st, &t, &b->why), ERR_OK);
	assert_int_equal(t.devices, 200);
	assert_int_equal(store_rebuild(b->st, refuse, NULL, &b->why), ERR_REFUSED);
	assert_true(store_rebuilding(b->st));
	append(b, 3200, 3210, 0); /* the store goes on */
}

static void
link_rows(void **state)
{
	struct box *b = *state;
	struct store_link_filter f = {.protos = UINT64_C(1) << PROTO_hl7};
	struct store_page page = {.by = STORE_BY_LAST, .limit = 5};
	struct rows r = {0};
	uint8_t v4[4] = {10, 1, 0, 7};

	append(b, 0, 640, 0);
	assert_int_equal(store_links(b->st, &f, &page, see_link, &r, &b->why), ERR_OK);
	assert_int_equal(r.n, 5);
	assert_true(page.more);
	f = (struct store_link_filter){.host = ip_from_v4(v4)};
	page = (struct store_page){0};
	r.n = 0;
	assert_int_equal(store_links(b->st, &f, &page, see_link, &r, &b->why), ERR_OK);
	assert_true(r.n > 0);
	v4[0] = 11;
	f.host = ip_from_v4(v4);
	page = (struct store_page){0};
	r.n = 0;
	assert_int_equal(store_links(b->st, &f, &page, see_link, &r, &b->why), ERR_OK);
	assert_int_equal(r.n, 0);
	assert_int_equal(store_link(b->st, sample_link(0), see_link, &r, &b->why), ERR_OK);
	assert_int_equal(r.ids[0], 1); /* the first link seen is number 1 */
	assert_int_equal(store_link_numbered(b->st, 1, see_link, &r, &b->why), ERR_OK);
	assert_int_equal(store_link_numbered(b->st, 0, see_link, &r, &b->why), ERR_ABSENT);
	assert_int_equal(store_link_numbered(b->st, 4711, see_link, &r, &b->why), ERR_ABSENT);
	assert_int_equal(store_link(b->st, 4711, see_link, &r, &b->why), ERR_ABSENT);
}

struct source_row {
	uint64_t n, packets, dropped;
	int64_t started, ended;
	char name[32];
};

static bool
see_source(void *ctx, const struct store_source *s)
{
	struct source_row *r = ctx;

	r->n++;
	r->packets = s->packets;
	r->dropped = s->dropped;
	r->started = s->started.ns;
	r->ended = s->ended.ns;
	(void)snprintf(
	    r->name, sizeof(r->name), "%.*s", (int)s->name.len, (const char *)s->name.ptr);
	return true;
}

static void
tell_capture(struct box *b, uint64_t number, const char *what, int64_t at, uint64_t packets)
{
	struct event_head head = {.time = {at}, .source = number};
	struct ev_capture c = {.what = bytes_str(what),
	    .name = BYTES("eth0"),
	    .packets = packets,
	    .dropped = packets / 10};

	assert_int_equal(store_append_fields(b->st, EV_capture, &head, &c, NULL, &b->why), ERR_OK);
}

static void
sources(void **state)
{
	struct box *b = *state;
	struct store_page page = {0};
	struct source_row r = {0};
	uint64_t one, two;

	assert_int_equal(
	    store_source_new(b->st, BYTES("interface"), BYTES("eth0"), &one, &b->why), ERR_OK);
	tell_capture(b, one, "start", 1000, 0);
	tell_capture(b, one, "stats", 2000, 50);
	commit(b);
	tell_capture(b, one, "stats", 3000, 70);
	tell_capture(b, one, "stop", 4000, 80);
	tell_capture(b, 0, "stop", 4000, 99); /* of no source: counted as an event only */
	assert_int_equal(store_sources(b->st, &page, see_source, &r, &b->why), ERR_OK);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.packets, 80);
	assert_int_equal(r.dropped, 8);
	assert_int_equal(r.started, 1000);
	assert_int_equal(r.ended, 4000);
	assert_string_equal(r.name, "eth0");
	assert_int_equal(
	    store_source_new(b->st, BYTES("file"), BYTES("a.pcap"), &two, &b->why), ERR_OK);
	assert_int_equal(two, one + 1);
	/* More sources between two commits than the tally holds at once. */
	for (uint64_t n = 10; n < 300; n++)
		tell_capture(b, n, "start", 5000, 1);
	page = (struct store_page){0};
	r.n = 0;
	assert_int_equal(store_sources(b->st, &page, see_source, &r, &b->why), ERR_OK);
	assert_int_equal(r.n, 292);
}

/* A capture whose times jump about gives a count for each hour, and no more memory than allowed. */
static void
many_hours(void **state)
{
	struct box *b = *state;
	struct ev_claim c = {.attr = attr_model, .value = BYTES("x")};
	struct wall none = {0};

	for (int64_t i = 0; i < 3000; i++) {
		struct event_head head = {
		    .time = {(int64_t)mix64((uint64_t)i + 1)}, .link = (uint64_t)i + 1};

		assert_int_equal(
		    store_append_fields(b->st, EV_claim, &head, &c, NULL, &b->why), ERR_OK);
	}
	assert_int_equal(count_hours(b, EV_claim, none, none), 3000);
	assert_int_equal(sum_links(b).n, 3000);
}

static void
values(void **state)
{
	struct box *b = *state;
	struct buf out = {0};

	assert_int_equal(store_value(b->st, "k", &out, &b->why), ERR_ABSENT);
	assert_int_equal(store_value_put(b->st, "k", BYTES("one"), &b->why), ERR_OK);
	assert_int_equal(store_value_put(b->st, "k", BYTES("two"), &b->why), ERR_OK);
	assert_int_equal(store_value_put(b->st, "empty", BYTES(""), &b->why), ERR_OK);
	commit(b);
	assert_int_equal(store_value(b->st, "k", &out, &b->why), ERR_OK);
	assert_true(bytes_eq(buf_bytes(&out), BYTES("two")));
	assert_int_equal(store_value(b->st, "empty", &out, &b->why), ERR_OK);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void
too_large_a_row(void **state)
{
	struct box *b = *state;
	size_t n = 5 * 1024 * 1024;
	uint8_t *big = calloc(1, n);
	struct store_device d = {.id = 1, .snapshot = bytes_of(big, n)};

	assert_int_equal(store_device_put(b->st, &d, &b->why), ERR_LIMIT);
	d.snapshot.len = 3 * 1024 * 1024;
	for (d.id = 1; d.id <= 12; d.id++)
		assert_int_equal(store_device_put(b->st, &d, &b->why), ERR_OK);
	{
		struct store_page page = {0};
		struct rows r = {0};

		/* More than a chunk's memory: given in several. */
		assert_int_equal(
		    store_devices(b->st, NULL, &page, see_device, &r, &b->why), ERR_OK);
		assert_int_equal(r.n, 12);
	}
	free(big);
}

/* --- retention --- */

static void
retention(void **state)
{
	struct box *b = *state;
	struct store_keep keep = {.keep_from_seq = UINT64_MAX};
	struct store_dropped out;
	struct store_check check;
	struct store_totals t;
	struct link_sum sum;
	uint64_t first, last;

	for (uint64_t day = 0; day < 10; day++) {
		clock_now = sample_time(day * 86400);
		append(b, day * 1000, day * 1000 + 1000, 0);
		commit(b);
		box_close(b);
		box_open(b, STORE_WRITE);
	}
	sum = sum_links(b);
	assert_int_equal(store_retain(b->st, &keep, &out, &b->why), ERR_OK);
	assert_int_equal(out.blocks, 0);
	keep.received_after = sample_time(3 * 86400);
	keep.keep_from_seq = 0; /* the ledger holds nothing yet */
	assert_int_equal(store_retain(b->st, &keep, &out, &b->why), ERR_OK);
	assert_int_equal(out.blocks, 0);
	keep.keep_from_seq = 2500;
	keep.max_blocks = 1;
	do {
		assert_int_equal(store_retain(b->st, &keep, &out, &b->why), ERR_OK);
		assert_true(out.blocks <= 1);
	} while (out.more);
	assert_int_equal(store_range(b->st, &first, &last, &b->why), ERR_OK);
	assert_true(first > 1900 && first <= 2500); /* whole blocks only */
	keep.keep_from_seq = UINT64_MAX;
	keep.max_blocks = 0;
	assert_int_equal(store_retain(b->st, &keep, &out, &b->why), ERR_OK);
	assert_int_equal(store_range(b->st, &first, &last, &b->why), ERR_OK);
	assert_int_equal(first, 3001);
	assert_int_equal(last, 10000);
	assert_int_equal(store_totals(b->st, &t, &b->why), ERR_OK);
	keep = (struct store_keep){.max_bytes = t.stored_bytes / 2, .keep_from_seq = UINT64_MAX};
	assert_int_equal(store_retain(b->st, &keep, &out, &b->why), ERR_OK);
	assert_int_equal(store_totals(b->st, &t, &b->why), ERR_OK);
	assert_true(t.stored_bytes <= keep.max_bytes && t.events > 0);
	assert_int_equal(store_check(b->st, &check, &b->why), ERR_OK);
	assert_memory_equal(&sum, &(struct link_sum){0}, 0);
	assert_int_equal(sum_links(b).messages, sum.messages); /* derived rows stay */
	/* All of it, then numbers still go on where they were. */
	keep = (struct store_keep){.max_bytes = 1, .keep_from_seq = UINT64_MAX};
	assert_int_equal(store_retain(b->st, &keep, &out, &b->why), ERR_OK);
	box_close(b);
	box_open(b, STORE_WRITE);
	append(b, 10000, 10010, 0);
}

/* Blocks of the tail may be dropped while the writer still held them open for joining. */
static void
retention_of_the_tail(void **state)
{
	struct box *b = *state;
	struct store_keep keep = {.max_bytes = 1, .keep_from_seq = UINT64_MAX};
	struct store_dropped out;

	append(b, 0, 20, 1);
	assert_int_equal(store_retain(b->st, &keep, &out, &b->why), ERR_OK);
	assert_int_equal(out.events, 20);
	append(b, 20, 60, 1);
	assert_int_equal(walk(b, (struct store_filter){0}).first, 21);
}

/* --- opening --- */

static void
writes_of_two_programs(void **state)
{
	struct box *b = *state;
	struct store_dir *second;
	struct store *st;

	assert_int_equal(store_dir_open(&second, b->tmp.path, STORE_WRITE, &b->why), ERR_REFUSED);
	assert_non_null(strstr(b->why.text, "another hemostat (process "));
	assert_int_equal(store_dir_open(&second, b->tmp.path, STORE_READ, &b->why), ERR_OK);
	assert_int_equal(store_open(&st, second, STORE_WRITE, &b->opt, &b->why), ERR_REFUSED);
	store_dir_close(second);
}

static void
nothing_yet(void **state)
{
	struct box *b = *state;
	struct temp_dir empty = temp_dir_new();
	struct store_dir *d;
	struct sip_key key;
	struct store *st;
	char path[300];

	assert_int_equal(store_dir_open(&d, empty.path, STORE_READ, &b->why), ERR_OK);
	assert_int_equal(store_open(&st, d, STORE_READ, &b->opt, &b->why), ERR_ABSENT);
	assert_non_null(strstr(
	    b->why.text, "nothing has been watched yet: run hemostat watch or hemostat demo"));
	assert_int_equal(store_dir_key(d, &key, &b->why), ERR_ABSENT);
	/* A file that a writer made but never filled. */
	(void)snprintf(path, sizeof(path), "%s/hemostat.db", empty.path);
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(store_open(&st, d, STORE_READ, &b->opt, &b->why), ERR_ABSENT);
	store_dir_close(d);
	(void)snprintf(path, sizeof(path), "%s/not-there", empty.path);
	assert_int_equal(store_dir_open(&d, path, STORE_READ, &b->why), ERR_ABSENT);
	assert_non_null(strstr(b->why.text, "nothing has been watched yet"));
	temp_dir_free(&empty);
}

/* Put one block of n samples into a store of the first schema, as a program of that time did. */
static void
put_block(struct store *st, uint64_t n)
{
	struct buf raw = {0}, keys = {0}, set = {0}, kept = {0};
	struct block_info i = {.first_seq = 1};
	struct event ev;
	size_t used;

	for (uint64_t k = 0; k < n; k++) {
		size_t at = raw.len;

		sample_event(k, &raw);
		assert_int_equal(
		    event_decode(bytes_from(buf_bytes(&raw), at), &ev, &used, NULL), ERR_OK);
		block_note(&i, &keys, &ev, used);
	}
	block_keys_pack(buf_bytes(&keys), &set);
	assert_int_equal(block_pack(st->packer, 1, buf_bytes(&raw), &kept, NULL), ERR_OK);
	i.len = kept.len;
	assert_int_equal(st->ops->begin(st->b, NULL), ERR_OK);
	assert_int_equal(
	    st->ops->block_put(st->b, &i, buf_bytes(&set), buf_bytes(&kept), NULL), ERR_OK);
	assert_int_equal(st->ops->commit(st->b, STORE_DURABLE, NULL), ERR_OK);
	buf_free(&raw);
	buf_free(&keys);
	buf_free(&set);
	buf_free(&kept);
}

/* A database of the first schema is brought up to date by a writer and asks for a rebuild. */
static void
from_the_first_schema(void **state)
{
	struct box *b = *state;
	struct box o = {.tmp = temp_dir_new(), .opt = b->opt};
	struct store *st;

	assert_int_equal(store_dir_open(&o.dir, o.tmp.path, STORE_WRITE, &o.why), ERR_OK);
	assert_int_equal(store_open_schema(&o.st, o.dir, STORE_WRITE, &o.opt, 1, &o.why), ERR_OK);
	put_block(o.st, 320);
	box_close(&o);
	assert_int_equal(store_dir_open(&o.dir, o.tmp.path, STORE_READ, &o.why), ERR_OK);
	assert_int_equal(store_open(&st, o.dir, STORE_READ, &o.opt, &o.why), ERR_REFUSED);
	assert_non_null(strstr(o.why.text, "older Hemostat"));
	store_dir_close(o.dir);
	box_open(&o, STORE_WRITE);
	assert_true(store_rebuilding(o.st));
	assert_int_equal(walk(&o, (struct store_filter){0}).n, 320);
	assert_int_equal(store_rebuild(o.st, NULL, NULL, &o.why), ERR_OK);
	assert_int_equal(sum_links(&o).n, SAMPLE_LINKS);
	append(&o, 320, 400, 10);
	box_close(&o);
	box_open(&o, STORE_READ);
	assert_false(store_rebuilding(o.st));
	box_close(&o);
	temp_dir_free(&o.tmp);
}

/* --- privacy --- */

static void
search_finds_what_is_kept(void **state)
{
	struct box *b = *state;
	struct event_head head = {0};
	struct ev_claim c = {.attr = attr_model, .value = BYTES("Kepler-22b-Analyzer")};
	struct buf text = {0};

	append(b, 0, 100, 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(
		    store_append_fields(b->st, EV_claim, &head, &c, NULL, &b->why), ERR_OK);
	put_device(b, 1, 1, "staged", "Jaro-Winkler-9");
	commit(b);
	box_close(b);
	assert_int_equal(data_dir_holding(b->tmp.path, BYTES("DOE^JOHN")), 0);
	/* Compressed away in the file, found in the events. */
	assert_true(data_dir_holding(b->tmp.path, BYTES("Kepler-22b-Analyzer")) >= 50);
	assert_true(data_dir_holding(b->tmp.path, BYTES("Jaro-Winkler-9")) >= 1);
	assert_true(files_holding(b->tmp.path, BYTES("identifier.key")) >= 1);
	box_open(b, STORE_READ);
	buf_free(&text);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {CASE(append_and_read),
	    CASE(small_commits_make_few_blocks), CASE(not_committed_is_gone),
	    CASE(filters_agree_with_a_plain_scan), CASE(one_event), CASE(results), CASE(follow),
	    CASE(writer_runs_during_a_read), CASE(bad_records), CASE(large_record),
	    CASE(readers_cannot_write), CASE(unknown_backend), CASE(devices),
	    CASE(pages_make_the_list), CASE(bad_places), CASE(findings), CASE(tallies),
	    CASE(rebuild_puts_rows), CASE(link_rows), CASE(sources), CASE(many_hours), CASE(values),
	    CASE(too_large_a_row), CASE(retention), CASE(retention_of_the_tail),
	    CASE(writes_of_two_programs), CASE(nothing_yet), CASE(from_the_first_schema),
	    CASE(search_finds_what_is_kept)};
	int failed = 0;

	for (size_t i = 0; store_backends[i] != NULL; i++) {
		backend = store_backends[i];
		failed += cmocka_run_group_tests_name(backend, tests, NULL, NULL);
	}
	return failed;
}
