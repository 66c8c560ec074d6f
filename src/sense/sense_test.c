/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/sense.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lab/day.h"
#include "net/packet.h"
#include "rng.h"

/* The frames of a lab, kept. */
struct tape {
	struct buf bytes;
	struct sense_frame *frames; /* bytes.ptr = offset in bytes until tape_ready() */
	size_t n, room;
	struct lab_truth truth;
};

static void
keep_frame(void *ctx, struct wall time, struct bytes frame)
{
	struct tape *t = ctx;

	if (t->n == t->room) {
		t->room = t->room == 0 ? 1024 : t->room * 2;
		t->frames = realloc(t->frames, t->room * sizeof(*t->frames));
		assert_non_null(t->frames);
	}
	t->frames[t->n] =
	    (struct sense_frame){.bytes = {(uint8_t *)(uintptr_t)t->bytes.len, frame.len},
		.wire_len = (uint32_t)frame.len,
		.linktype = LINKTYPE_ETHERNET,
		.vlan_tci = -1,
		.time = time,
		.number = t->n + 1};
	t->n++;
	buf_add(&t->bytes, frame);
}

static void
tape_ready(struct tape *t)
{
	for (size_t i = 0; i < t->n; i++)
		t->frames[i].bytes.ptr = t->bytes.ptr + (uintptr_t)t->frames[i].bytes.ptr;
}

static void
tape_day(struct tape *t, uint32_t disorder_ppm)
{
	struct wire w = {.fn = keep_frame,
	    .ctx = t,
	    .now = {INT64_C(1772352000) * NS_PER_S},
	    .random = 5,
	    .disorder_ppm = disorder_ppm};

	*t = (struct tape){0};
	lab_day(&w, &t->truth);
	tape_ready(t);
}

static void
tape_free(struct tape *t)
{
	buf_free(&t->bytes);
	free(t->frames);
}

struct heard {
	struct buf records;
	uint64_t messages[PROTO_MAX];
	uint64_t results;
	uint64_t kinds[EV_MAX];
	uint64_t anomalies[ANOMALY_MAX];
	uint64_t evicted, unread; /* flows so marked */
};

static void
hear(void *ctx, struct bytes records)
{
	struct heard *h = ctx;
	struct event ev;
	size_t used;

	buf_add(&h->records, records);
	while (records.len > 0) {
		assert_int_equal(event_decode(records, &ev, &used, NULL), ERR_OK);
		records = bytes_from(records, used);
		h->kinds[ev.kind]++;
		if (ev.kind == EV_message) {
			h->messages[ev.u.message.proto]++;
			h->results += ev.u.message.n_results;
			assert_true(ev.head.link != 0 && ev.head.packet != 0);
		} else if (ev.kind == EV_anomaly) {
			h->anomalies[ev.u.anomaly.name] += ev.u.anomaly.count;
		} else if (ev.kind == EV_flow) {
			h->evicted += (ev.u.flow.flags & FLOW_EVICTED) != 0;
			h->unread += (ev.u.flow.flags & FLOW_UNREAD) != 0;
		}
	}
}

static struct sense_counters
run(const struct tape *t, const struct sense_settings *with, struct rng *batches, struct heard *h)
{
	struct sense_settings set = with != NULL ? *with : (struct sense_settings){0};
	struct sense_counters c;
	struct sense *s;

	set.key = (struct sip_key){1, 2};
	set.source = 1;
	set.events = hear;
	set.ctx = h;
	*h = (struct heard){0};
	assert_non_null(s = sense_new(&set));
	for (size_t i = 0; i < t->n;) {
		size_t n =
		    batches != NULL ? 1 + rng_below(batches, SENSE_BATCH_MAX) : SENSE_BATCH_MAX;

		if (n > t->n - i)
			n = t->n - i;
		sense_frames(s, t->frames + i, n);
		i += n;
	}
	sense_end(s);
	sense_count(s, &c);
	sense_free(s);
	return c;
}

static void
check_truth(const struct tape *t, const struct heard *h)
{
	assert_int_equal(h->messages[PROTO_hl7], t->truth.hl7);
	assert_int_equal(h->messages[PROTO_astm], t->truth.astm);
	assert_int_equal(h->messages[PROTO_poct1a], t->truth.poct1a);
	assert_int_equal(h->messages[PROTO_dicom], t->truth.dicom);
	assert_int_equal(h->messages[PROTO_fhir], t->truth.fhir);
	assert_int_equal(h->results, t->truth.results);
}

static void
the_day_is_read_whole(void **state)
{
	struct sense_counters c;
	struct heard h;
	struct tape t;

	(void)state;
	for (uint32_t ppm = 0; ppm <= 100000; ppm += 50000) {
		tape_day(&t, ppm);
		c = run(&t, NULL, NULL, &h);
		check_truth(&t, &h);
		assert_int_equal(c.packets, t.n);
		assert_int_equal(h.anomalies[ANOMALY_tcp_gap], 0);
		assert_int_equal(h.anomalies[ANOMALY_memory_cap], 0);
		assert_int_equal(h.kinds[EV_flow], c.flows);
		buf_free(&h.records);
		tape_free(&t);
	}
}

/* How frames come in batches changes no byte of the events. */
static void
batches_do_not_matter(void **state)
{
	struct rng rng = rng_new(11);
	struct heard whole, cut;
	struct tape t;

	(void)state;
	tape_day(&t, 20000);
	(void)run(&t, NULL, NULL, &whole);
	for (int i = 0; i < 5; i++) {
		(void)run(&t, NULL, &rng, &cut);
		assert_true(bytes_eq(buf_bytes(&whole.records), buf_bytes(&cut.records)));
		buf_free(&cut.records);
	}
	buf_free(&whole.records);
	tape_free(&t);
}

/* Sensors that share a source see everything once. */
static void
shares_add_up(void **state)
{
	struct sense_settings set = {.sensors = 3};
	struct heard sum = {0}, h;
	struct tape t;

	(void)state;
	tape_day(&t, 0);
	for (set.sensor = 0; set.sensor < set.sensors; set.sensor++) {
		(void)run(&t, &set, NULL, &h);
		for (size_t p = 0; p < PROTO_MAX; p++)
			sum.messages[p] += h.messages[p];
		sum.results += h.results;
		buf_free(&h.records);
	}
	check_truth(&t, &sum);
	tape_free(&t);
}

/* Identifiers of people leave as hashes: none of the invented ones stands in the events. */
static void
no_identifier_leaves(void **state)
{
	static const char *const needles[] = {"SYN000", "S2600", "ORD00", "Testperson", "Synthetic",
	    "Madeup", "Nowhere Road", "guess1", "TECH01"};
	struct heard h;
	struct tape t;

	(void)state;
	tape_day(&t, 0);
	(void)run(&t, NULL, NULL, &h);
	for (size_t i = 0; i < ARRAY_LEN(needles); i++) {
		assert_true(
		    bytes_find_seq(buf_bytes(&t.bytes), bytes_str(needles[i])) < t.bytes.len);
		assert_true(
		    bytes_find_seq(buf_bytes(&h.records), bytes_str(needles[i])) == h.records.len);
	}
	buf_free(&h.records);
	tape_free(&t);
}

/* Damaged and cut frames, and little memory: no crash, and what memory cost is told. */
static void
hostile_frames(void **state)
{
	struct sense_settings small = {.max_flows = 64, .memory = 4 << 20};
	struct rng rng = rng_new(12);
	struct sense_counters c;
	struct heard h;
	struct tape t;

	(void)state;
	for (int round = 0; round < 20; round++) {
		tape_day(&t, 50000);
		for (size_t i = 0; i < t.n; i++) {
			struct sense_frame *f = &t.frames[i];

			if (rng_below(&rng, 4) != 0)
				continue;
			if (rng_below(&rng, 4) == 0)
				f->bytes.len = rng_below(&rng, f->bytes.len + 1);
			for (size_t k = 0; k < 3 && f->bytes.len > 0; k++) {
				size_t at = (size_t)(f->bytes.ptr - t.bytes.ptr) +
					    rng_below(&rng, f->bytes.len);

				t.bytes.ptr[at] = (uint8_t)rng_next(&rng);
			}
		}
		c = run(&t, round % 2 == 0 ? &small : NULL, &rng, &h);
		assert_int_equal(c.packets, t.n);
		if (round % 2 == 0)
			assert_true(c.memory_high <= small.memory);
		buf_free(&h.records);
		tape_free(&t);
	}
}

/* What a full table and too little memory cost is counted and told, to the last flow. */
static void
limits_are_told(void **state)
{
	struct sense_settings small = {.max_flows = 16};
	struct sense_counters c;
	struct heard h;
	struct tape t;

	(void)state;
	tape_day(&t, 0);
	c = run(&t, &small, NULL, &h);
	assert_true(c.units[UNIT_flows_evicted] > 10);
	assert_int_equal(h.evicted, c.units[UNIT_flows_evicted]);
	assert_int_equal(h.kinds[EV_flow], c.flows);
	buf_free(&h.records);
	small = (struct sense_settings){.max_flows = 2048, .memory = 1};
	for (; small.memory < 64 << 20; small.memory *= 2) {
		struct sense *s;

		small.events = hear;
		small.ctx = &h;
		if ((s = sense_new(&small)) == NULL)
			continue; /* not even for its tables */
		sense_free(s);
		c = run(&t, &small, NULL, &h);
		assert_true(c.memory_high <= small.memory);
		assert_int_equal(h.unread, c.units[UNIT_flows_unread]);
		assert_true((h.unread == 0) == (c.units[UNIT_flows_unread] == 0));
		if (h.unread > 0)
			assert_true(h.anomalies[ANOMALY_memory_cap] > 0);
		if (h.anomalies[ANOMALY_memory_cap] == 0)
			check_truth(&t, &h);
		buf_free(&h.records);
	}
	tape_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_day_is_read_whole),
	    cmocka_unit_test(batches_do_not_matter), cmocka_unit_test(shares_add_up),
	    cmocka_unit_test(no_identifier_leaves), cmocka_unit_test(hostile_frames),
	    cmocka_unit_test(limits_are_told)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
