/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "guard.h"
#include "rng.h"

static struct ev_message
sample(struct buf *list)
{
	struct ev_result r = {.code = BYTES("GLU"),
	    .value = BYTES("5.0"),
	    .units = BYTES("mmol/L"),
	    .status = BYTES("F"),
	    .offset = 123};
	struct ev_message m = {.proto = PROTO_hl7,
	    .category = category_result,
	    .type = BYTES("ORU^R01"),
	    .size = 700,
	    .n_results = 2};

	assert_true(result_encode(list, &r));
	r.code = BYTES("LAC");
	assert_true(result_encode(list, &r));
	m.results = buf_bytes(list);
	m.patient.b[3] = 9;
	return m;
}

static void
round_trip(void **state)
{
	struct event_head head = {{1767225600000000000}, 2, 77, 5, 9, dir_resp, 4096};
	struct buf list = {0}, out = {0}, text = {0};
	struct ev_message m = sample(&list);
	struct json j = json_on(&text);
	struct event ev;
	struct ev_result r;
	struct bytes rest;
	struct why why;
	size_t used;

	(void)state;
	assert_true(event_encode(&out, EV_message, &head, &m));
	assert_int_equal(event_decode(buf_bytes(&out), &ev, &used, &why), ERR_OK);
	assert_int_equal(used, out.len);
	assert_int_equal(ev.head.packet, 77);
	assert_int_equal(ev.head.offset, 4096);
	assert_true(bytes_eq(ev.u.message.type, m.type));
	rest = ev.u.message.results;
	assert_true(result_next(&rest, &r));
	assert_true(bytes_eq(r.value, BYTES("5.0")));
	assert_true(result_next(&rest, &r));
	assert_true(bytes_eq(r.code, BYTES("LAC")));
	assert_false(result_next(&rest, &r));
	event_json(&j, &ev);
	assert_true(bytes_find_seq(buf_bytes(&text), BYTES("\"category\":\"result\"")) < text.len);
	buf_free(&list);
	buf_free(&out);
	buf_free(&text);
}

/* A longer text is cut to its maximum, so that what was written can always be read. */
static void
long_text_is_cut(void **state)
{
	uint8_t big[300];
	struct ev_claim c = {.value = bytes_of(big, sizeof(big)), .source = BYTES("x")};
	struct event_head head = {0};
	struct buf out = {0};
	struct event ev;
	struct why why;
	size_t used;

	(void)state;
	memset(big, 'a', sizeof(big));
	assert_true(event_encode(&out, EV_claim, &head, &c));
	assert_int_equal(event_decode(buf_bytes(&out), &ev, &used, &why), ERR_OK);
	assert_int_equal(ev.u.claim.value.len, 128);
	buf_free(&out);
}

/* Any cut asks for more or is refused; any changed byte decodes or is refused; nothing reads past
 * the end (each input sits against an unreadable page). */
static void
hostile(void **state)
{
	struct buf list = {0}, out = {0};
	struct ev_message m = sample(&list);
	struct event_head head = {0};
	struct rng rng = rng_new(1);
	struct event ev;
	struct ev_result r;
	size_t used;

	(void)state;
	assert_true(event_encode(&out, EV_message, &head, &m));
	for (size_t n = 0; n < out.len; n++) {
		struct guard g = guard_new(bytes_of(out.ptr, n));

		assert_int_equal(event_decode(g.view, &ev, &used, NULL), ERR_LIMIT);
		guard_free(&g);
	}
	for (int i = 0; i < 20000; i++) {
		struct guard g = guard_new(buf_bytes(&out));
		uint8_t *p = (uint8_t *)(uintptr_t)g.view.ptr;

		p[rng_below(&rng, out.len)] = (uint8_t)rng_next(&rng);
		p[rng_below(&rng, out.len)] = (uint8_t)rng_next(&rng);
		if (event_decode(g.view, &ev, &used, NULL) == ERR_OK && ev.kind == EV_message) {
			while (result_next(&ev.u.message.results, &r))
				continue;
		}
		guard_free(&g);
	}
	buf_free(&list);
	buf_free(&out);
}

static void
words(void **state)
{
	uint64_t v;

	(void)state;
	assert_string_equal(proto_label(PROTO_dicom), "dicom");
	assert_string_equal(proto_label(63), "unknown");
	assert_string_equal(proto_label(1 << 20), "unknown");
	assert_true(name_value(NAMES_attr, BYTES("udi"), &v));
	assert_int_equal(v, attr_udi);
	assert_false(name_value(NAMES_attr, BYTES("nonsense"), &v));
	assert_int_equal(event_kind_of(BYTES("flow")), EV_flow);
	assert_null(anomaly_info(0));
	assert_string_equal(anomaly_info(ANOMALY_tcp_conflict)->name, "tcp_conflict");
	assert_string_equal(unit_name(UNIT_mllp_blocks), "mllp_blocks");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip),
	    cmocka_unit_test(long_text_is_cut), cmocka_unit_test(hostile), cmocka_unit_test(words)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
