/* SPDX-License-Identifier: Apache-2.0 */
#include "brain/brain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fixture.h"
#include "lab/day.h"
#include "net/packet.h"
#include "rng.h"
#include "sense/sense.h"

static const struct sip_key key = {3, 4};

/* Events of the lab day, as a sensor gives them. */
static void
add(void *ctx, struct bytes records)
{
	buf_add(ctx, records);
}

struct feeding {
	struct sense *sense;
	uint64_t n;
};

static void
feed(void *ctx, struct wall time, struct bytes frame)
{
	struct feeding *f = ctx;
	struct sense_frame in = {.bytes = frame,
	    .wire_len = (uint32_t)frame.len,
	    .linktype = LINKTYPE_ETHERNET,
	    .vlan_tci = -1,
	    .time = time,
	    .number = ++f->n};

	sense_frames(f->sense, &in, 1);
}

static struct buf
day_events(void)
{
	struct buf out = {0};
	struct sense_settings set = {.key = key, .source = 1, .events = add, .ctx = &out};
	struct feeding f = {.sense = sense_new(&set)};
	struct wire w = {
	    .fn = feed, .ctx = &f, .now = {INT64_C(1772352000) * NS_PER_S}, .random = 5};
	struct lab_truth truth;

	assert_non_null(f.sense);
	lab_day(&w, &truth);
	sense_end(f.sense);
	sense_free(f.sense);
	return out;
}

/* A data directory with a brain on it. */
struct place {
	struct temp_dir temp;
	char path[300];
	struct store_dir *dir;
	struct store *store;
	struct brain *brain;
};

static void
place_open(struct place *p)
{
	struct why why;

	if (store_dir_open(&p->dir, p->path, STORE_WRITE, &why) != ERR_OK ||
	    store_open(&p->store, p->dir, STORE_WRITE, NULL, &why) != ERR_OK ||
	    brain_open(&p->brain, p->store, NULL, &key, NULL, &why) != ERR_OK)
		fail_msg("%s", why.text);
}

static void
place_new(struct place *p)
{
	*p = (struct place){.temp = temp_dir_new()};
	(void)snprintf(p->path, sizeof(p->path), "%s/data", p->temp.path);
	place_open(p);
}

/* orderly: the brain remembers; else it goes as if killed after its last commit. */
static void
place_close(struct place *p, bool orderly)
{
	struct why why;

	if (orderly)
		assert_int_equal(brain_close(p->brain, &why), ERR_OK);
	store_close(p->store);
	if (!orderly) {
		/* What was not committed is gone; the memory of the brain is not needed again. */
		p->store = NULL;
		brain_forget(p->brain);
	}
	store_dir_close(p->dir);
}

static void
place_free(struct place *p)
{
	temp_dir_free(&p->temp);
}

static void
take_all(struct place *p, struct bytes records)
{
	struct why why;

	while (records.len > 0) {
		if (brain_take(p->brain, &records, &why) != ERR_OK)
			fail_msg("%s", why.text);
	}
	assert_int_equal(brain_commit(p->brain, STORE_DURABLE, &why), ERR_OK);
}

static bool
print_device(void *ctx, const struct store_device *d)
{
	buf_add(ctx, d->json);
	buf_byte(ctx, '\n');
	return true;
}

static bool
print_finding(void *ctx, const struct store_finding *f)
{
	buf_add(ctx, f->evidence);
	buf_byte(ctx, '\n');
	return true;
}

/* Devices and findings as the store has them. */
static struct buf
picture(struct place *p)
{
	struct store_page devices = {.by = STORE_BY_ID}, findings = {.by = STORE_BY_ID};
	struct buf out = {0};
	struct why why;

	assert_int_equal(store_devices(p->store, NULL, &devices, print_device, &out, &why), ERR_OK);
	assert_int_equal(
	    store_findings(p->store, NULL, &findings, print_finding, &out, &why), ERR_OK);
	return out;
}

/* The byte where the event after the n-th begins. */
static size_t
after_events(struct bytes records, size_t n)
{
	size_t at = 0, used;
	struct event ev;

	while (n-- > 0 && at < records.len) {
		assert_int_equal(event_decode(bytes_from(records, at), &ev, &used, NULL), ERR_OK);
		at += used;
	}
	return at;
}

/* Stopped and started anywhere, well or badly, the picture is that of one run. */
static void
restarts_change_nothing(void **state)
{
	struct buf events = day_events(), once, twice;
	struct rng rng = rng_new(21);
	struct place p;

	(void)state;
	place_new(&p);
	take_all(&p, buf_bytes(&events));
	once = picture(&p);
	place_close(&p, true);
	place_free(&p);
	assert_true(once.len > 1000);
	for (int round = 0; round < 12; round++) {
		size_t cut = after_events(buf_bytes(&events), rng_below(&rng, 900));

		place_new(&p);
		take_all(&p, bytes_of(events.ptr, cut));
		place_close(&p, round % 2 == 0);
		place_open(&p);
		take_all(&p, bytes_from(buf_bytes(&events), cut));
		twice = picture(&p);
		place_close(&p, true);
		place_free(&p);
		assert_true(bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
		buf_free(&twice);
	}
	buf_free(&once);
	buf_free(&events);
}

static void
rebuild_is_the_same(void **state)
{
	struct request r = {
	    .kind = REQUEST_DEVICE_STATE, .id = 2, .state = "approved", .who = "kim"};
	struct buf events = day_events(), before, after;
	struct place p;
	struct why why;
	uint64_t n;

	(void)state;
	place_new(&p);
	take_all(&p, buf_bytes(&events));
	assert_int_equal(brain_request(p.brain, &r, (struct wall){1}, &why), ERR_OK);
	r = (struct request){
	    .kind = REQUEST_FINDING_STATE, .id = 1, .state = "closed", .who = "kim"};
	assert_int_equal(brain_request(p.brain, &r, (struct wall){2}, &why), ERR_OK);
	assert_int_equal(brain_commit(p.brain, STORE_DURABLE, &why), ERR_OK);
	before = picture(&p);
	assert_int_equal(brain_close(p.brain, &why), ERR_OK);
	assert_int_equal(brain_rebuild(p.store, &key, NULL, &n, &why), ERR_OK);
	assert_true(n > 500);
	after = picture(&p);
	assert_true(bytes_eq(buf_bytes(&before), buf_bytes(&after)));
	assert_true(bytes_find_seq(buf_bytes(&after), BYTES("\"approved\"")) < after.len);
	assert_true(bytes_find_seq(buf_bytes(&after), BYTES("\"closed\"")) < after.len);
	store_close(p.store);
	store_dir_close(p.dir);
	place_free(&p);
	buf_free(&before);
	buf_free(&after);
	buf_free(&events);
}

/* A sensor may not speak for the centre, nor send what is no event; what came before stays. */
static void
a_lying_sensor_is_refused(void **state)
{
	struct ev_device device = {.id = 1, .what = BYTES("state"), .after = BYTES("approved")};
	struct ev_finding finding = {.id = 1, .what = BYTES("closed"), .who = BYTES("nobody")};
	struct ev_process process = {.role = BYTES("store")};
	struct event_head head = {.time = {5}};
	struct buf lie = {0};
	struct bytes rest;
	struct place p;
	struct why why;

	(void)state;
	place_new(&p);
	assert_true(event_encode(&lie, EV_device, &head, &device));
	rest = buf_bytes(&lie);
	assert_int_equal(brain_take(p.brain, &rest, &why), ERR_INPUT);
	buf_reset(&lie);
	assert_true(event_encode(&lie, EV_finding, &head, &finding));
	rest = buf_bytes(&lie);
	assert_int_equal(brain_take(p.brain, &rest, &why), ERR_INPUT);
	buf_reset(&lie);
	assert_true(event_encode(&lie, EV_process, &head, &process));
	rest = buf_bytes(&lie);
	assert_int_equal(brain_take(p.brain, &rest, &why), ERR_INPUT);
	rest = BYTES("\xff\xff\xff\xff\x01 not an event");
	assert_int_equal(brain_take(p.brain, &rest, &why), ERR_INPUT);
	rest = bytes_of(lie.ptr, lie.len - 1);
	assert_int_equal(brain_take(p.brain, &rest, &why), ERR_INPUT);
	place_close(&p, true);
	place_free(&p);
	buf_free(&lie);
}

static void
bad_requests(void **state)
{
	static const struct {
		struct request r;
		enum err e;
	} cases[] = {
	    {{.kind = REQUEST_DEVICE_STATE, .id = 99, .state = "approved"}, ERR_ABSENT},
	    {{.kind = REQUEST_DEVICE_STATE, .id = 1, .state = "happy"}, ERR_USAGE},
	    {{.kind = REQUEST_FINDING_STATE, .id = 99, .state = "closed"}, ERR_ABSENT},
	    {{.kind = REQUEST_FINDING_STATE, .id = 1, .state = "happy"}, ERR_USAGE},
	    {{.kind = 77, .id = 1}, ERR_INPUT},
	};
	struct request unterminated = {.kind = REQUEST_DEVICE_STATE, .id = 1};
	struct place p;
	struct why why;

	(void)state;
	place_new(&p);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
		    brain_request(p.brain, &cases[i].r, (struct wall){1}, &why), cases[i].e);
	memset(unterminated.reason, 'x', sizeof(unterminated.reason));
	assert_int_equal(brain_request(p.brain, &unterminated, (struct wall){1}, &why), ERR_INPUT);
	place_close(&p, true);
	place_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(restarts_change_nothing),
	    cmocka_unit_test(rebuild_is_the_same), cmocka_unit_test(a_lying_sensor_is_refused),
	    cmocka_unit_test(bad_requests)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
