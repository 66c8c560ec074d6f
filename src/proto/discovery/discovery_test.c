/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace.h"

extern const struct protocol digi_protocol, lantronix_protocol, moxa_protocol;

static const struct bytes moxa_answer = BYTES_INIT(
    "\x81\0\0\x18\0\0\0\x07\x80\0\x56\x10\x56\x18\x00\x90\xe8\x77\x01\x21\x0a\x4d\x00\x15");
static const struct bytes moxa_report = BYTES_INIT("MOXA"
						   "\x01\x05NPort"
						   "\x03\x06\x00\x90\xe8\x77\x01\x21"
						   "\x04\x04\0\0\x12\x67"
						   "\x05\x04\x0a\x4d\x00\x15"
						   "\x08\x04\x01\x03\x04\0");
static const struct bytes digi_answer = BYTES_INIT("DIGI\0\x02\0\x2f"
						   "\x01\x06\x00\x40\x9d\x77\x01\x23"
						   "\x02\x04\x0a\x4d\x00\x17"
						   "\x0d\x0f"
						   "Digi Connect ME"
						   "\x08\x0a"
						   "82000856_F");

static struct bytes
record(struct bytes password)
{
	static uint8_t out[124] = {0, 0, 0, 0xf9, 0x0a, 0x4d, 0, 0x16};

	memcpy(out + 12, password.ptr, 4);
	return bytes_of(out, sizeof(out));
}

static void
answers(void **state)
{
	static const struct {
		const struct protocol *p;
		const struct bytes *in;
		uint16_t port;
		const char *want;
	} cases[] = {
	    {&moxa_protocol, &moxa_answer, 4800, "\"maker\",\"value\":\"Moxa\""},
	    {&moxa_protocol, &moxa_answer, 4800, "application 80005610 hardware 5618"},
	    {&moxa_protocol, &moxa_answer, 1029,
		"\"ip\":\"10.77.0.21\",\"mac\":\"00:90:e8:77:01:21\",\"source\":\"moxa\""},
	    {&moxa_protocol, &moxa_answer, 9, "\"what\":\"Moxa UDP 4800\",\"password\":0"},
	    {&moxa_protocol, &moxa_report, 4002, "\"firmware\",\"value\":\"1.3.4\""},
	    {&moxa_protocol, &moxa_report, 4002, "\"name\",\"value\":\"NPort\""},
	    {&digi_protocol, &digi_answer, 2362, "\"model\",\"value\":\"Digi Connect ME\""},
	    {&digi_protocol, &digi_answer, 2362, "\"firmware\",\"value\":\"82000856_F\""},
	    {&digi_protocol, &digi_answer, 9, "\"class\",\"value\":\"serial_server\""},
	    {&digi_protocol, &digi_answer, 9,
		"\"ip\":\"10.77.0.23\",\"mac\":\"00:40:9d:77:01:23\",\"source\":\"addp\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace t;

		trace_init(&t);
		if (!trace_datagram(&t, cases[i].p, dir_resp, *cases[i].in, cases[i].port, 40000) ||
		    trace_count(&t, cases[i].want) != 1)
			fail_msg("case %zu: %s", i, trace_text(&t));
		assert_int_equal(t.observer.units[UNIT_discovery_packets], 1);
		trace_free(&t);
		trace_hurt_datagram(cases[i].p, *cases[i].in, cases[i].port, 40000);
	}
}

static void
lantronix_record(void **state)
{
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(trace_datagram(
	    &t, &lantronix_protocol, dir_resp, record(BYTES("\0\0\0\0")), 30718, 40000));
	assert_int_equal(trace_count(&t, "\"ip\":\"10.77.0.22\",\"proto\":\"lantronix\",\"what\":"
					 "\"Lantronix UDP 30718\",\"password\":2"),
	    1);
	assert_int_equal(t.n_kind[EV_credential], 0);
	assert_true(
	    trace_datagram(&t, &lantronix_protocol, dir_resp, record(BYTES("abcd")), 30718, 40000));
	assert_int_equal(trace_count(&t, "\"password\":3"), 1);
	assert_int_equal(t.n_kind[EV_credential], 1);
	assert_int_equal(trace_count(&t, "abcd"), 0);
	assert_true(trace_datagram(&t, &lantronix_protocol, dir_resp,
	    BYTES("\0\0\0\xf7\0\0\0\0X5\0\0\0\0\0\0\0\0\0\0\x00\x20\x4a\x77\x01\x22"), 30718,
	    40000));
	assert_int_equal(trace_count(&t, "type X5"), 1);
	assert_true(trace_datagram(&t, &lantronix_protocol, dir_resp,
	    BYTES("\0\0\0\xf7\0\0\0\0X5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x00\x20\x4a\x77\x01\x22"),
	    30718, 40000));
	assert_int_equal(trace_count(&t, "\"mac\":\"00:20:4a:77:01:22\""), 1);
	trace_free(&t);
	trace_hurt_datagram(&lantronix_protocol, record(BYTES("abcd")), 30718, 40000);
}

static void
writing_is_an_attack(void **state)
{
	static const struct {
		const struct protocol *p;
		struct bytes in;
		uint16_t port;
	} cases[] = {
	    {&lantronix_protocol, BYTES_INIT("\0\0\0\xfa\x0a\x4d"), 30718},
	    {&lantronix_protocol, BYTES_INIT("\0\0\0\x03"), 30718},
	    {&digi_protocol, BYTES_INIT("DIGI\0\x03\0\0"), 2362},
	    {&digi_protocol, BYTES_INIT("DIGI\0\x05\0\0"), 2362},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace t;

		trace_init(&t);
		assert_true(
		    trace_datagram(&t, cases[i].p, dir_orig, cases[i].in, 40000, cases[i].port));
		if (trace_count(&t, "setup_written") != 1)
			fail_msg("case %zu: %s", i, trace_text(&t));
		trace_free(&t);
	}
}

static void
not_discovery(void **state)
{
	static const struct bytes cases[] = {
	    BYTES_INIT(""),
	    BYTES_INIT("\x01"),
	    BYTES_INIT("\x01\0\0\x09\0\0\0\0"), /* length is not 8 */
	    BYTES_INIT("\x70\0\0\x08\0\0\0\0"), /* function */
	    BYTES_INIT("MOXA\x01\xff"),         /* field over the end */
	    BYTES_INIT("MOXA\x01\x01"
		       "a"),            /* no MAC */
	    BYTES_INIT("DIGI\0\0\0\0"), /* operation 0 */
	    BYTES_INIT("DIGI\0\x7f\0\0"),
	    BYTES_INIT("DIGI\0\x02\0"),
	    BYTES_INIT("\0\0\0\x20"), /* code */
	    BYTES_INIT("\0\x01\x01\xf6"),
	};
	struct trace t;

	(void)state;
	trace_init(&t);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (trace_datagram(&t, &moxa_protocol, dir_orig, cases[i], 4800, 4800) ||
		    trace_datagram(&t, &digi_protocol, dir_orig, cases[i], 2362, 2362) ||
		    trace_datagram(&t, &lantronix_protocol, dir_orig, cases[i], 30718, 30718))
			fail_msg("case %zu was taken", i);
	}
	/* off their ports only what has a magic is known */
	assert_false(trace_datagram(&t, &lantronix_protocol, dir_orig, BYTES("\0\0\0\xf6"), 9, 10));
	assert_false(
	    trace_datagram(&t, &moxa_protocol, dir_orig, BYTES("\x01\0\0\x08\0\0\0\0"), 9, 10));
	assert_int_equal(t.n, 0);
	/* answers that are cut are told */
	assert_true(
	    trace_datagram(&t, &moxa_protocol, dir_orig, BYTES("\x81\0\0\x08\0\0\0\0"), 4800, 9));
	assert_true(trace_datagram(&t, &digi_protocol, dir_orig,
	    BYTES("DIGI\0\x02\0\x09\x01\x06"
		  "abc"),
	    9, 9));
	assert_true(trace_datagram(&t, &lantronix_protocol, dir_orig,
	    BYTES("\0\0\0\xf9"
		  "abc"),
	    30718, 9));
	assert_true(trace_datagram(&t, &lantronix_protocol, dir_orig,
	    BYTES("\0\0\0\xf7"
		  "abc"),
	    30718, 9));
	assert_int_equal(trace_count(&t, "discovery_malformed"), 5);
	trace_free(&t);
}

static void
lantronix_menu(void **state)
{
	static const struct turn open_menu[] = {{.dir = dir_resp,
	    .data = BYTES_INIT("*** Lantronix Universal Device Server ***\r\n"
			       "Serial Number 5415404  MAC address 00:20:4A:54:3C:4D\r\n"
			       "Software version V5.8.0.1 (041112) XPTEX\r\n\r\nPress Enter to go "
			       "into Setup Mode")}};
	static const struct turn locked[] = {
	    {.dir = dir_resp,
		.data = BYTES_INIT("MAC address 00204A543C4D\r\nSoftware version 01.8 (031202) "
				   "XPTEX\r\nPassword :")},
	    {.dir = dir_orig, .data = BYTES_INIT("geheim\r\n")}};
	struct probe_view v = {.port = {40000, 9999}};
	struct trace t;

	(void)state;
	trace_check_cuts(&lantronix_protocol, open_menu, 1, 20);
	trace_init(&t);
	trace_feed(&t, &lantronix_protocol, open_menu, 1, NULL, false);
	assert_int_equal(trace_count(&t, "\"model\",\"value\":\"Universal Device Server\""), 1);
	assert_int_equal(trace_count(&t, "\"serial\",\"value\":\"5415404\""), 1);
	assert_int_equal(trace_count(&t, "\"firmware\",\"value\":\"V5.8.0.1\""), 1);
	assert_int_equal(trace_count(&t, "\"mac\":\"00:20:4a:54:3c:4d\""), 1);
	assert_int_equal(trace_count(&t, "\"password\":2"), 1);
	trace_free(&t);
	trace_check_cuts(&lantronix_protocol, locked, 2, 20);
	trace_init(&t);
	trace_feed(&t, &lantronix_protocol, locked, 2, NULL, false);
	assert_int_equal(trace_count(&t, "\"password\":1"), 1);
	assert_int_equal(trace_count(&t, "geheim"), 0);
	trace_free(&t);

	v.head[1] = open_menu[0].data;
	assert_int_equal(lantronix_protocol.probe(&v), PROBE_YES);
	v.head[1] = bytes_sub(open_menu[0].data, 0, 8);
	assert_int_equal(lantronix_protocol.probe(&v), PROBE_MAYBE);
	v.head[1] = BYTES("*** hello ***\r\n");
	v.ended = true;
	assert_int_equal(lantronix_protocol.probe(&v), PROBE_NO);
	v.head[1] = BYTES("\x05");
	v.ended = false;
	assert_int_equal(lantronix_protocol.probe(&v), PROBE_NO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers),
	    cmocka_unit_test(lantronix_record),
	    cmocka_unit_test(writing_is_an_attack),
	    cmocka_unit_test(not_discovery),
	    cmocka_unit_test(lantronix_menu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
