/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/dicom/write.h"

#define HL7(type, sender)                                                                          \
	"\x0bMSH|^~\\&|" sender "|LAB|LIS|H|2026||" type "|77|P|2.5.1\rPID|1||SECRET\r\x1c\r"

static struct gate_link
link_with(const struct gate_rule *rules, size_t n)
{
	struct gate_link l = {
	    .name = "x", .max_bytes = GATE_SIZE_DEFAULT, .mode = GATE_BLOCK, .n_rules = (uint8_t)n};

	for (size_t i = 0; i < n; i++)
		l.rules[i] = rules[i];
	return l;
}

static struct judgement
judge(const struct gate_link *l, enum unit_carrier c, enum name_value dir, struct bytes unit)
{
	struct policy_memory m = {0};
	struct judgement j;

	policy_judge(l, c, dir, unit, unit.len, &m, &j);
	return j;
}

static void
patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} rows[] = {{"", "x", true}, {"*", "", true}, {"ORU^*", "ORU^R01", true},
	    {"oru^r01", "ORU^R01", true}, {"ORU", "ORU^R01", false}, {"*R01", "ORU^R01", true},
	    {"a*b*c", "aXXbYYc", true}, {"a*b*c", "aXXcYYb", false}, {"x", "", false},
	    {"**", "abc", true}, {"*a", "aaaaaaaaab", false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(
		    policy_fits(rows[i].pattern, bytes_str(rows[i].text)), rows[i].fits);
}

static void
hl7_rules(void **state)
{
	const struct gate_rule rules[] = {{.deny = 1, .type = "ADT*"},
	    {.type = "ORU^R01", .sender = "XN*", .from = GATE_FROM_CLIENT, .max_bytes = 200}};
	struct gate_link l = link_with(rules, 2);
	const struct {
		enum name_value dir;
		struct bytes unit;
		enum verdict verdict;
		const char *said;
	} rows[] = {
	    {dir_orig, BYTES_INIT(HL7("ORU^R01", "XN-550")), VERDICT_PASS, ""},
	    {dir_orig, BYTES_INIT(HL7("ORU^R01^ORU_R01", "XN-550")), VERDICT_PASS, ""},
	    {dir_orig, BYTES_INIT(HL7("ADT^A01", "XN-550")), VERDICT_REFUSE, "deny rule 1"},
	    {dir_orig, BYTES_INIT(HL7("ORU^R01", "OTHER")), VERDICT_REFUSE, "no allow rule"},
	    {dir_resp, BYTES_INIT(HL7("ORU^R01", "XN-550")), VERDICT_REFUSE, "no allow rule"},
	    {dir_resp, BYTES_INIT("\x0bMSH|^~\\&|L|H|X|L|2026||ACK|1|P|2.5\rMSA|AA|77\r\x1c\r"),
		VERDICT_PASS, ""},
	    {dir_orig,
		BYTES_INIT("\x0bMSH|^~\\&|XN|L|L|H|2026||ORU^R01|1|P|2.5\rMSH|^~\\&|XN|L|L|H|2026||"
			   "ADT^A01|2|P|2.5\r\x1c\r"),
		VERDICT_REFUSE, "deny rule 1"},
	    {dir_orig, BYTES_INIT("\x0bgarbage\x1c\r"), VERDICT_UNSURE, "can be read"},
	    {dir_orig, BYTES_INIT("\x0b\x1c\r"), VERDICT_UNSURE, ""},
	    {dir_orig, BYTES_INIT("\x0b\x0bMSH|^~\\&|XN\x0bMSH|\x1c\r"), VERDICT_UNSURE, "inside"},
	    {dir_orig, BYTES_INIT("\x0b\x06\x1c\r"), VERDICT_PASS, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct judgement j = judge(&l, UNIT_MLLP, rows[i].dir, rows[i].unit);

		if (j.verdict != rows[i].verdict || strstr(j.reason, rows[i].said) == NULL)
			fail_msg("row %zu: %d %s", i, j.verdict, j.reason);
		assert_null(strstr(j.reason, "SECRET"));
		for (size_t n = 0; n < rows[i].unit.len; n++)
			(void)judge(&l, UNIT_MLLP, dir_orig, bytes_of(rows[i].unit.ptr, n));
	}
}

static void
astm_rules(void **state)
{
	const struct gate_rule rules[] = {
	    {.deny = 1, .type = "Q"}, {.sender = "GOOD*", .proto = PROTO_astm}};
	struct gate_link l = link_with(rules, 2);
	static const struct {
		struct bytes unit;
		enum verdict verdict;
	} rows[] = {{BYTES_INIT("\x02\x31H|\\^&|||GOOD^1\r\x03\x41\x42\r\n"), VERDICT_PASS},
	    {BYTES_INIT("\x02\x31H|\\^&|||BAD^1\r\x03\x41\x42\r\n"), VERDICT_REFUSE},
	    {BYTES_INIT("\x02\x31H|\\^&|||GOOD\rQ|1|^S1\r\x17\x41\x42\r\n"), VERDICT_REFUSE},
	    {BYTES_INIT("\x02\x31H|\\^&|||GOOD\r\x03\x02\x31H|\\^&|||BAD\r\x03"), VERDICT_REFUSE},
	    {BYTES_INIT("\x02\x31H|\\^&|||GOOD\r\x02\x31H|\\^&|||BAD\r\x03"), VERDICT_REFUSE},
	    {BYTES_INIT("\x02\x31H|\\^&|||GOOD\x04"), VERDICT_UNSURE},
	    {BYTES_INIT("H|\\^&|||BAD\r"), VERDICT_UNSURE}, {BYTES_INIT("\x02"), VERDICT_UNSURE}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct judgement j = judge(&l, UNIT_ASTM, dir_orig, rows[i].unit);

		if (j.verdict != rows[i].verdict)
			fail_msg("row %zu: %d %s", i, j.verdict, j.reason);
	}
}

static void
answers(void **state)
{
	const struct gate_rule rule = {.deny = 1, .sender = "*"};
	struct gate_link l = link_with(&rule, 1);
	struct bytes unit = BYTES(HL7("ORU^R01", "XN"));
	struct judgement j = judge(&l, UNIT_MLLP, dir_orig, unit);
	struct buf out = {0};
	bool close;

	(void)state;
	policy_answer(&out, UNIT_MLLP, unit, &j, (struct wall){0}, &close);
	assert_true(bytes_find_seq(buf_bytes(&out), BYTES("MSA|AR|77")) < out.len);
	assert_true(bytes_find_seq(buf_bytes(&out), BYTES("\rERR|")) < out.len);
	assert_int_equal(out.ptr[0], 0x0b);
	assert_false(close);
	buf_reset(&out);
	policy_answer(&out, UNIT_ASTM, BYTES("\x02"), &j, (struct wall){0}, &close);
	assert_true(bytes_eq(buf_bytes(&out), BYTES("\x15")));
	buf_reset(&out);
	policy_answer(&out, UNIT_HTTP, BYTES("GET"), &j, (struct wall){0}, &close);
	assert_true(bytes_starts(buf_bytes(&out), BYTES("HTTP/1.1 403")) && close);
	buf_free(&out);
}

static void
dicom_rules(void **state)
{
	const struct dicom_offer offers[] = {
	    {.id = 1, .abstract = "1.2.840.10008.1.1", .transfer = {"1.2.840.10008.1.2"}},
	    {.id = 3,
		.abstract = "1.2.840.10008.5.1.4.1.2.2.1",
		.transfer = {"1.2.840.10008.1.2"}}};
	const struct dicom_association a = {.version = 1,
	    .called = "PACS",
	    .calling = "MODALITY",
	    .offers = offers,
	    .n_offers = 2,
	    .max_length = 16384,
	    .class_uid = "1.2.3"};
	const struct gate_rule allow = {.sender = "MODALITY", .receiver = "PACS"};
	const struct gate_rule no_find[] = {
	    {.deny = 1, .type = "1.2.840.10008.5.1.4.1.2.*"}, {.sender = "MODALITY"}};
	struct gate_link l = link_with(&allow, 1), find = link_with(no_find, 2);
	struct buf rq = {0}, out = {0};
	struct judgement j;
	bool close;

	(void)state;
	dicom_write_association(&rq, &a);
	assert_int_equal(judge(&l, UNIT_DICOM, dir_orig, buf_bytes(&rq)).verdict, VERDICT_PASS);
	j = judge(&find, UNIT_DICOM, dir_orig, buf_bytes(&rq));
	assert_int_equal(j.verdict, VERDICT_REFUSE);
	policy_answer(&out, UNIT_DICOM, buf_bytes(&rq), &j, (struct wall){0}, &close);
	assert_int_equal(out.ptr[0], 3);
	assert_true(close);
	assert_int_equal(
	    judge(&l, UNIT_DICOM, dir_resp, BYTES("\x04\0\0\0\0\0")).verdict, VERDICT_PASS);
	for (size_t n = 0; n < rq.len; n++)
		(void)judge(&find, UNIT_DICOM, dir_orig, bytes_of(rq.ptr, n));
	buf_free(&rq);
	buf_free(&out);
}

static void
http_rules(void **state)
{
	const struct gate_rule rules[] = {{.type = "GET Patient"}, {.type = "POST Observation"}};
	struct gate_link l = link_with(rules, 2);
	static const struct {
		struct bytes unit;
		enum verdict verdict;
	} rows[] = {{BYTES_INIT("GET /fhir/Patient/12?x=1 HTTP/1.1\r\n\r\n"), VERDICT_PASS},
	    {BYTES_INIT("POST /Observation HTTP/1.0\r\n\r\n"), VERDICT_PASS},
	    {BYTES_INIT("DELETE /fhir/Patient/12 HTTP/1.1\r\n\r\n"), VERDICT_REFUSE},
	    {BYTES_INIT("GET / HTTP/1.1\r\n\r\n"), VERDICT_REFUSE},
	    {BYTES_INIT("GET /fhir/Patient\r\n\r\n"), VERDICT_UNSURE},
	    {BYTES_INIT("\r\n\r\n"), VERDICT_UNSURE}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(
		    judge(&l, UNIT_HTTP, dir_orig, rows[i].unit).verdict, rows[i].verdict);
}

static void
protocols_of_a_link(void **state)
{
	struct gate_link l = link_with(NULL, 0);
	char reason[REASON_MAX];

	(void)state;
	assert_true(policy_carries(&l, UNIT_RAW, reason));
	l.protos = UINT64_C(1) << PROTO_hl7;
	assert_true(policy_carries(&l, UNIT_MLLP, reason));
	assert_false(policy_carries(&l, UNIT_HTTP, reason));
	assert_false(policy_carries(&l, UNIT_RAW, reason));
	l.protos = UINT64_C(1) << PROTO_fhir;
	assert_true(policy_carries(&l, UNIT_HTTP, reason));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(patterns), cmocka_unit_test(hl7_rules),
	    cmocka_unit_test(astm_rules), cmocka_unit_test(answers), cmocka_unit_test(dicom_rules),
	    cmocka_unit_test(http_rules), cmocka_unit_test(protocols_of_a_link)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
