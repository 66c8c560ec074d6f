/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace.h"

extern const struct protocol snmp_protocol;

static size_t
put(uint8_t *out, uint8_t tag, struct bytes v)
{
	out[0] = tag;
	out[1] = (uint8_t)v.len;
	memcpy(out + 2, v.ptr, v.len);
	return v.len + 2;
}

/* A v2c message of one variable; sizes under 128. Static storage. */
static struct bytes
message(uint8_t version, struct bytes community, uint8_t pdu, struct bytes oid, uint8_t tag,
    struct bytes value)
{
	static uint8_t out[256];
	uint8_t a[200], b[200];
	size_t n = put(a, 6, oid);

	n += put(a + n, tag, value);
	n = put(b, 0x30, bytes_of(a, n));
	n = put(a, 0x30, bytes_of(b, n));
	memcpy(b, "\x02\x01\x07\x02\x01\0\x02\x01\0", 9);
	memcpy(b + 9, a, n);
	n = put(a, pdu, bytes_of(b, n + 9));
	memcpy(b, "\x02\x01", 2);
	b[2] = version;
	memmove(b + 3 + 2 + community.len, a, n);
	(void)put(b + 3, 4, community);
	n = put(out, 0x30, bytes_of(b, 3 + 2 + community.len + n));
	return bytes_of(out, n);
}

static const struct bytes sys_descr = BYTES_INIT("\x2b\x06\x01\x02\x01\x01\x01\0");
static const struct bytes sys_name = BYTES_INIT("\x2b\x06\x01\x02\x01\x01\x05\0");

static void
agents(void **state)
{
	static const struct {
		struct bytes oid;
		uint8_t tag;
		struct bytes value;
		const char *want;
	} cases[] = {
	    {BYTES_INIT("\x2b\x06\x01\x02\x01\x01\x01\0"), 4,
		BYTES_INIT("Software: Windows Version 6.1 (Build 7601 Multiprocessor Free)"),
		"\"os\",\"value\":\"Windows 6.1.7601\""},
	    {BYTES_INIT("\x2b\x06\x01\x02\x01\x01\x01\0"), 4,
		BYTES_INIT("Linux lis 5.10.0-23 #1 SMP"), "\"os\",\"value\":\"Linux 5.10.0-23\""},
	    {BYTES_INIT("\x2b\x06\x01\x02\x01\x01\x02\0"), 6,
		BYTES_INIT("\x2b\x06\x01\x04\x01\xc3\x73\x02\x07"), "\"maker\",\"value\":\"Moxa\""},
	    {BYTES_INIT("\x2b\x06\x01\x02\x01\x01\x05\0"), 4, BYTES_INIT("nport-3"),
		"\"hostname\",\"value\":\"nport-3\""},
	    {BYTES_INIT("\x2b\x06\x01\x02\x01\x2f\x01\x01\x01\x01\x0b\x01"), 4,
		BYTES_INIT("SN-4711"), "\"serial\",\"value\":\"SN-4711\""},
	    {BYTES_INIT("\x2b\x06\x01\x02\x01\x2f\x01\x01\x01\x01\x0d\x01"), 4,
		BYTES_INIT("NPort 5110"), "\"model\",\"value\":\"NPort 5110\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes m =
		    message(1, BYTES("public"), 0xa2, cases[i].oid, cases[i].tag, cases[i].value);
		struct trace t;

		trace_init(&t);
		assert_true(trace_datagram(&t, &snmp_protocol, dir_resp, m, 161, 40000));
		if (trace_count(&t, cases[i].want) != 1 || trace_count(&t, "anomaly") != 0)
			fail_msg("case %zu: %s", i, trace_text(&t));
		assert_int_equal(trace_count(&t, "\"account\":\"public\""), 1);
		trace_free(&t);
		trace_hurt_datagram(&snmp_protocol, m, 161, 40000);
	}
}

/* What someone asks for or sets is no fact about the one who asks. */
static void
questions(void **state)
{
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(trace_datagram(&t, &snmp_protocol, dir_orig,
	    message(0, BYTES("s3cret"), 0xa0, sys_descr, 5, BYTES("")), 40000, 161));
	assert_true(trace_datagram(&t, &snmp_protocol, dir_orig,
	    message(0, BYTES("private"), 0xa3, sys_name, 4, BYTES("evil")), 40000, 161));
	assert_int_equal(t.n, 2);
	assert_int_equal(t.n_kind[EV_credential], 2);
	assert_int_equal(trace_count(&t, "\"account\""), 1);
	assert_int_equal(trace_count(&t, "s3cret"), 0);
	trace_free(&t);
}

static void
hostile(void **state)
{
	static const struct {
		struct bytes in;
		bool mine;
	} cases[] = {
	    {BYTES_INIT(""), false}, {BYTES_INIT("\x30"), false},
	    {BYTES_INIT("\x30\x84\xff\xff\xff\xff\x02\x01\x01\x04\x06public"), true},
	    {BYTES_INIT("\x30\x80\x02\x01\x01"), true},        /* indefinite length */
	    {BYTES_INIT("\x30\x05\x02\x04\0\0\0\x01"), false}, /* version in 4 bytes */
	    {BYTES_INIT("\x30\x03\x02\x01\x02"), false},       /* v2 of 1993 */
	    {BYTES_INIT("\x30\x03\x02\x01\x01"), true},
	    {BYTES_INIT("\x30\x0b\x02\x01\x01\x04\x06public"), true},
	    {BYTES_INIT("\x30\x0d\x02\x01\x01\x04\x06public\xa2\x00"), true},
	    {BYTES_INIT("\x30\x0d\x02\x01\x01\x04\x06public\x42\x00"), true},
	    {BYTES_INIT("\x30\x08\x02\x01\x03\x30\x00\x04\x01\x30"), true}, /* v3, security cut */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace t;
		bool mine;

		trace_init(&t);
		mine = trace_datagram(&t, &snmp_protocol, dir_orig, cases[i].in, 40000, 161);
		if (mine != cases[i].mine || trace_count(&t, "snmp_malformed") != mine)
			fail_msg("case %zu: %d %s", i, mine, trace_text(&t));
		assert_false(
		    trace_datagram(&t, &snmp_protocol, dir_orig, cases[i].in, 40000, 40001));
		trace_free(&t);
	}
}

static void
version3(void **state)
{
	/* Report from an engine of Net-SNMP's enterprise 8072 with a MAC: no user data. */
	static const struct bytes report =
	    BYTES_INIT("\x30\x4a\x02\x01\x03"
		       "\x30\x0d\x02\x01\x01\x02\x02\x05\xdc\x04\x01\0\x02\x01\x03"
		       "\x04\x1b\x30\x19\x04\x0b\x80\x00\x1f\x88\x03\x00\x90\xe8\x01\x02\x03\x02"
		       "\x01\0\x02\x01\0\x04\0\x04\0\x04\0"
		       "\x30\x19\x04\0\x04\0\xa8\x13\x02\x01\x07\x02\x01\0\x02\x01\0\x30\x08\x30"
		       "\x06\x06\x01\x2b\x02\x01\x05");
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(trace_datagram(&t, &snmp_protocol, dir_resp, report, 161, 40000));
	if (trace_count(
		&t, "\"mac\":\"00:90:e8:01:02:03\",\"attr\":\"maker\",\"value\":\"Net-SNMP\"") != 1)
		fail_msg("%s", trace_text(&t));
	assert_int_equal(t.n_kind[EV_credential], 0);
	trace_free(&t);
	trace_hurt_datagram(&snmp_protocol, report, 161, 40000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(agents),
	    cmocka_unit_test(questions),
	    cmocka_unit_test(hostile),
	    cmocka_unit_test(version3),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
