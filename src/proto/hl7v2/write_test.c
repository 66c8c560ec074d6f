/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/hl7v2/write.h"
#include "rng.h"

static void
same(struct bytes a, const char *want)
{
	if (!bytes_eq(a, bytes_str(want))) {
		fprintf(stderr, "got  '%.*s'\nwant '%s'\n", (int)a.len, (const char *)a.ptr, want);
		fail();
	}
}

static void
a_message(void **state)
{
	const struct hl7_header h = {.application = BYTES("APP^1"),
	    .receiving_application = BYTES("LIS"),
	    .type = BYTES("ORU^R01"),
	    .control_id = BYTES("7"),
	    .version = BYTES("2.5.1"),
	    .application_ack = BYTES("AL"),
	    .profile = BYTES("LAB-29^IHE")};
	struct buf out = {0};
	struct hl7_writer w;

	(void)state;
	hl7_write_begin(&w, &out);
	hl7_write_end(&w);
	hl7_write_msh(&w, &h);
	hl7_write_segment(&w, "OBX");
	hl7_write_field(&w, 1, BYTES("1"));
	hl7_write_field(&w, 3, BYTES("a|b"));
	hl7_write_component(&w, BYTES("c^d"));
	hl7_write_subcomponent(&w, BYTES("e&\\"));
	hl7_write_repetition(&w, BYTES("~\r"));
	hl7_write_raw(&w, 5, BYTES("x^y\nz"));
	hl7_write_segment(&w, "DSC");
	hl7_write_end(&w);
	same(buf_bytes(&out), "MSH|^~\\&|APP^1||LIS||||ORU^R01|7||2.5.1||||AL|||||LAB-29^IHE\r"
			      "OBX|1||a\\F\\b^c\\S\\d&e\\T\\\\E\\~\\R\\\\X0D\\||x^y z\rDSC\r");
	buf_free(&out);
}

static void
any_value_comes_back(void **state)
{
	struct rng rng = rng_new(3);
	struct buf out = {0}, back = {0};

	(void)state;
	for (int round = 0; round < 3000; round++) {
		uint8_t value[3][12];
		struct hl7_segment g;
		struct hl7_writer w;
		struct hl7_scan s;
		size_t n[3];

		buf_reset(&out);
		hl7_write_begin(&w, &out);
		hl7_write_segment(&w, "ZXX");
		for (size_t i = 0; i < 3; i++) {
			n[i] = rng_below(&rng, sizeof(value[i]) + 1);
			for (size_t k = 0; k < n[i]; k++)
				value[i][k] = rng_below(&rng, 2) == 0
						  ? (uint8_t) "|^~\\&\r\nX0"[rng_below(&rng, 9)]
						  : (uint8_t)rng_next(&rng);
			hl7_write_field(&w, (unsigned)(1 + 2 * i), bytes_of(value[i], n[i]));
		}
		hl7_write_end(&w);
		hl7_scan_init(&s, buf_bytes(&out), '|');
		assert_true(hl7_scan_next(&s, &g));
		assert_int_equal(g.n, 5);
		for (unsigned i = 0; i < 3; i++) {
			buf_reset(&back);
			hl7_unescape(&back, &w.d, hl7_token(&g, 1 + 2 * i));
			assert_true(bytes_eq(buf_bytes(&back), bytes_of(value[i], n[i])));
		}
		assert_false(hl7_scan_next(&s, &g));
	}
	buf_free(&out);
	buf_free(&back);
}

static void
answers(void **state)
{
	static const struct {
		const char *message, *code, *error, *text, *want;
	} rows[] = {
	    {"MSH|^~\\&|A|B|C|D|20260101||ORU^R01|M1|P|2.5.1\rPID|1\r", "AA", "", "",
		"MSH|^~\\&|C|D|A|B|T||ACK^R01|9|P|2.5.1\rMSA|AA|M1\r"},
	    {"MSH|^~\\&|A|B|C|D|||ORU^R01|M1|P|2.5.1\r", "AE", "207", "x|y",
		"MSH|^~\\&|C|D|A|B|T||ACK^R01|9|P|2.5.1\rMSA|AE|M1\rERR|||207|E||||x\\F\\y\r"},
	    {"MSH|^~\\&|A|B|C|D|||ORU|M1|P|2.3\r", "AR", "207", "no",
		"MSH|^~\\&|C|D|A|B|T||ACK|9|P|2.3\rMSA|AR|M1|no\r"},
	    {"MSH#*~\\&#A#B#C#D###ORU*R01#M1#P#2.4", "AA", "", "",
		"MSH#*~\\&#C#D#A#B#T##ACK*R01#9#P#2.4\rMSA#AA#M1\r"},
	    {"MSH|^~|A", "AR", "", "", "MSH|^~\\&|||A||T||ACK|9\rMSA|AR|\r"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct hl7_ack a = {bytes_str(rows[i].code), BYTES("9"), BYTES("T"),
		    bytes_str(rows[i].error), bytes_str(rows[i].text)};

		buf_reset(&out);
		assert_true(hl7_write_ack(&out, bytes_str(rows[i].message), &a));
		same(buf_bytes(&out), rows[i].want);
	}
	buf_reset(&out);
	assert_false(hl7_write_ack(&out, BYTES(""), &(struct hl7_ack){.code = BYTES("AA")}));
	assert_false(hl7_write_ack(&out, BYTES("PID|1"), &(struct hl7_ack){.code = BYTES("AA")}));
	assert_false(hl7_write_ack(&out, BYTES("BHS|^~\\&|"), &(struct hl7_ack){0}));
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void
times(void **state)
{
	char text[HL7_TIME_MAX];
	struct wall t;

	(void)state;
	assert_true(wall_parse(BYTES("2026-02-03T04:05:06.789Z"), &t));
	assert_int_equal(hl7_format_time(t, text), 19);
	assert_string_equal(text, "20260203040506+0000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_message),
	    cmocka_unit_test(any_value_comes_back), cmocka_unit_test(answers),
	    cmocka_unit_test(times)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
