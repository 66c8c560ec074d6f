/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace.h"

extern const struct protocol rdp_protocol, vnc_protocol;

#define C(text)                                                                                    \
	{                                                                                          \
		.dir = dir_orig, .data = BYTES_INIT(text)                                          \
	}
#define S(text)                                                                                    \
	{                                                                                          \
		.dir = dir_resp, .data = BYTES_INIT(text)                                          \
	}

static void
play(struct trace *t, const struct protocol *p, const struct turn *turns, size_t n)
{
	trace_check_cuts(p, turns, n, 15);
	trace_init(t);
	trace_feed(t, p, turns, n, NULL, false);
}

static void
want(struct trace *t, const char *needle, size_t n)
{
	if (trace_count(t, needle) != n)
		fail_msg("%zu of '%s', wanted %zu in\n%s", trace_count(t, needle), needle, n,
		    trace_text(t));
}

#define REQUEST                                                                                    \
	"\x03\0\0\x2a\x25\xe0\0\0\0\0\0"                                                           \
	"Cookie: mstshash=anna\r\n"                                                                \
	"\x01\0\x08\0\x03\0\0\0"
#define CONFIRM(proto)                                                                             \
	"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0"                                                       \
	"\x02\0\x08\0" proto "\0\0\0"

static void
rdp_sessions(void **state)
{
	static const struct turn secure[] = {
	    C(REQUEST), S(CONFIRM("\x02")), C("\x16\x03\x01\0\x05hello")};
	static const struct turn refused[] = {
	    C(REQUEST), S("\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x03\0\x08\0\x05\0\0\0")};
	static const struct turn plain[] = {C("\x03\0\0\x0b\x06\xe0\0\0\0\0\0"),
	    S("\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0"),
	    C("\x03\0\0\x48\x02\xf0\x80\x7f\x65\x82"
	      "Duca\x81\x02"
	      "\x01\xc0\xd8\0\x04\0\x08\0\0\x04\0\x03\x01\xca\x03\xaa\x09\x04\0\0"
	      "\x28\x0a\0\0"
	      "L\0A\0B\0-\0P\0C\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")};
	struct trace t;

	(void)state;
	play(&t, &rdp_protocol, secure, ARRAY_LEN(secure));
	want(&t, "\"service\",\"value\":\"RDP with CredSSP\"", 1);
	want(&t, "\"outcome\":\"unknown\",\"user\"", 1);
	want(&t, "anna", 0);
	assert_int_equal(t.observer.units[UNIT_rdp_requests], 1);
	trace_free(&t);
	play(&t, &rdp_protocol, refused, ARRAY_LEN(refused));
	want(&t, "service", 0);
	trace_free(&t);
	play(&t, &rdp_protocol, plain, ARRAY_LEN(plain));
	want(&t, "RDP without TLS", 1);
	want(&t, "\"hostname\",\"value\":\"LAB-PC\"", 1);
	want(&t, "\"os\",\"value\":\"Windows build 2600\"", 1);
	trace_free(&t);
}

static void
rdp_hostile(void **state)
{
	static const struct turn turns[][2] = {
	    {C("\x03\0\0\x0b\x07\xe0\0\0\0\0\0"), S("\x03\0\0\x07\x02\xd0\0")},
	    {C("\x03\0\0\x04"), S("\x03\0\xff\xff")},
	    {C("\x03\0\0\x13\x0e\xe0\0\0\0\0\0\xc1\x02\x01\0\xc2\x02\x01\x02"), S("\x04")},
	    {C("\x03\0\0\x07\x02\xe0\0"), S("\x03")},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(turns); i++)
		trace_check_cuts(&rdp_protocol, turns[i], 2, 10);
}

static void
vnc_sessions(void **state)
{
	static const struct {
		struct turn turns[6];
		unsigned password; /* in the set-up event; 0: none told */
		const char *outcome;
	} cases[] = {
	    {{S("RFB 003.008\n"), C("RFB 003.008\n"), S("\x01\x01"), C("\x01"), S("\0\0\0\0"),
		 C("\x01")},
		2, "success"},
	    {{S("RFB 003.008\n"), C("RFB 003.008\n"), S("\x01\x02"), C("\x02"),
		 S("0123456789abcdef"), C("0123456789abcdef")},
		1, NULL},
	    {{S("RFB 003.008\n"), C("RFB 003.008\n"), S("\x01\x02"), C("\x02"),
		 S("0123456789abcdef\0\0\0\0"), C("x")},
		1, "success"},
	    {{S("RFB 003.008\n"), C("RFB 003.008\n"), S("\x01\x02"), C("\x02"),
		 S("0123456789abcdef\0\0\0\x01"), C("x")},
		1, "failure"},
	    {{S("RFB 003.003\n"), C("RFB 003.003\n"), S("\0\0\0\x01"), C("\x01"), S("x"), C("x")},
		2, "success"},
	    {{S("RFB 003.003\n"), C("RFB 003.003\n"), S("\0\0\0\x02"), C("y"),
		 S("0123456789abcdef\0\0\0\x01"), C("x")},
		1, "failure"},
	    {{S("RFB 003.007\n"), C("RFB 003.007\n"), S("\x02\x01\x10"), C("\x01"), S("\0"),
		 C("x")},
		2, "success"},
	    {{S("RFB 004.001\n"), C("RFB 004.001\n"), S("\x01\x0d"), C("\x0d"), S("junk"), C("x")},
		1, NULL},
	    {{S("RFB 003.008\n"), C("RFB 003.008\n"),
		 S("\0\0\0\0\x04"
		   "fail"),
		 C("x"), S("junk"), C("x")},
		0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace t;
		char text[40];

		play(&t, &vnc_protocol, cases[i].turns, 6);
		assert_int_equal(t.observer.units[UNIT_vnc_banners], 2);
		(void)snprintf(text, sizeof(text), "\"password\":%u", cases[i].password);
		if (t.n_kind[EV_setup] != (cases[i].password != 0) ||
		    trace_count(&t, text) != (cases[i].password != 0))
			fail_msg("case %zu: %s", i, trace_text(&t));
		(void)snprintf(text, sizeof(text), "\"outcome\":\"%s\"",
		    cases[i].outcome == NULL ? "" : cases[i].outcome);
		if (t.n_kind[EV_login] != (cases[i].outcome != NULL) ||
		    trace_count(&t, text) != (cases[i].outcome != NULL))
			fail_msg("case %zu: %s", i, trace_text(&t));
		trace_free(&t);
	}
}

static void
vnc_hostile(void **state)
{
	static const struct turn turns[][3] = {
	    {S("RFB 0xx.yyy\n"), C("RFB"), S("\xff")},
	    {S("RFB 003.008\n"), S("\xff\x01\x02"), S("\0\0\0\0\0\0\0\0")},
	    {S("RFB 003.008\n"), C("RFB 003.008\nRFB 003.008\n"), S("\x01\x02zzzz")},
	    {S("RFB 003.003\n"), S("\xff\xff\xff\xff"), C("RFB 999.999\n")},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(turns); i++)
		trace_check_cuts(&vnc_protocol, turns[i], 3, 10);
}

static void
probing(void **state)
{
	static const struct {
		const char *name;
		struct bytes client, server;
		bool ended;
		enum probe rdp, vnc;
	} cases[] = {
	    {"nothing", BYTES_INIT(""), BYTES_INIT(""), false, PROBE_MAYBE, PROBE_MAYBE},
	    {"rdp", BYTES_INIT(REQUEST), BYTES_INIT(""), false, PROBE_YES, PROBE_NO},
	    {"rdp cut", BYTES_INIT("\x03\0\0\x2a\x25\xe0"), BYTES_INIT(""), false, PROBE_MAYBE,
		PROBE_NO},
	    {"s7",
		BYTES_INIT(
		    "\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc0\x01\x0a\xc1\x02\x01\0\xc2\x02\x01\x02"),
		BYTES_INIT(""), false, PROBE_NO, PROBE_NO},
	    {"tpkt of other", BYTES_INIT("\x03\0\0\x07\x02\xf0\x80"), BYTES_INIT(""), false,
		PROBE_NO, PROBE_NO},
	    {"vnc", BYTES_INIT(""), BYTES_INIT("RFB 003.008\n"), false, PROBE_NO, PROBE_YES},
	    {"vnc cut", BYTES_INIT(""), BYTES_INIT("RFB 0"), false, PROBE_NO, PROBE_MAYBE},
	    {"vnc cut and over", BYTES_INIT(""), BYTES_INIT("RFB 0"), true, PROBE_NO, PROBE_NO},
	    {"text", BYTES_INIT("RFBX 003.008\n"), BYTES_INIT(""), false, PROBE_NO, PROBE_NO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_view v = {
		    .head = {cases[i].client, cases[i].server}, .ended = cases[i].ended};

		if (rdp_protocol.probe(&v) != cases[i].rdp)
			fail_msg("%s: rdp %d", cases[i].name, rdp_protocol.probe(&v));
		if (vnc_protocol.probe(&v) != cases[i].vnc)
			fail_msg("%s: vnc %d", cases[i].name, vnc_protocol.probe(&v));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rdp_sessions),
	    cmocka_unit_test(rdp_hostile),
	    cmocka_unit_test(vnc_sessions),
	    cmocka_unit_test(vnc_hostile),
	    cmocka_unit_test(probing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
