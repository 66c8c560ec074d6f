/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace.h"

extern const struct protocol bacnet_protocol, modbus_protocol;

#define C(text)                                                                                    \
	{                                                                                          \
		.dir = dir_orig, .data = BYTES_INIT(text)                                          \
	}
#define S(text)                                                                                    \
	{                                                                                          \
		.dir = dir_resp, .data = BYTES_INIT(text)                                          \
	}

static const struct turn identify[] = {C("\0\x07\0\0\0\x05\x01\x2b\x0e\x01\0"),
    S("\0\x07\0\0\0\x1b\x01\x2b\x0e\x01\x01\0\0\x03"
      "\0\x04"
      "Acme"
      "\x01\x03"
      "X-1"
      "\x02\x06"
      "V2.3.1"),
    C("\0\x08\0\0\0\x06\x01\x03\0\0\0\x01"), S("\0\x08\0\0\0\x05\x01\x03\x02\0\x07")};

static void
modbus_device(void **state)
{
	struct trace t;

	(void)state;
	trace_check_cuts(&modbus_protocol, identify, 4, 20);
	trace_init(&t);
	trace_feed(&t, &modbus_protocol, identify, 4, NULL, false);
	assert_int_equal(t.observer.units[UNIT_modbus_pdus], 4);
	assert_int_equal(trace_count(&t, "\"maker\",\"value\":\"Acme\""), 1);
	assert_int_equal(trace_count(&t, "\"model\",\"value\":\"X-1\""), 1);
	assert_int_equal(trace_count(&t, "\"firmware\",\"value\":\"V2.3.1\""), 1);
	assert_int_equal(t.n, 3);
	trace_free(&t);
}

static void
modbus_hostile(void **state)
{
	static const struct turn cases[][2] = {
	    {C("\0\x07\0\x01\0\x05\x01\x2b\x0e\x01\0"), S("\0\x07\0\0\0\0\x01")},
	    {C("\0\x07\0\0\xff\xff\x01\x2b"), S("\0\x07\0\0\0\x01\x01")},
	    {C("junk\0\x08\0\0\0\x06\x01\x03\0\0\0\x01"),
		S("\0\x07\0\0\0\x0a\x01\x2b\x0e\x01\x01\0\0\xff\0\xff")},
	    {C("\0\x07\0\0\0\x05\x01\x2b\x0e\x01\0"),
		{.dir = dir_orig,
		    .gap = 5,
		    .data = BYTES_INIT("\0\0\x08\0\0\0\x06\x01\x03\0\0\0\x01")}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		trace_check_cuts(&modbus_protocol, cases[i], 2, 15);
}

static void
modbus_probing(void **state)
{
	static const struct {
		struct bytes a, b;
		uint16_t port;
		bool ended;
		enum probe want;
	} cases[] = {
	    {BYTES_INIT("\0\x07\0\0\0\x05\x01\x2b\x0e\x01\0"), BYTES_INIT(""), 502, false,
		PROBE_YES},
	    {BYTES_INIT("\0\x07\0\0\0\x05\x01\x2b\x0e\x01\0"), BYTES_INIT(""), 9999, false,
		PROBE_MAYBE},
	    {BYTES_INIT("\0\x07\0\0\0\x05\x01\x2b\x0e\x01\0"), BYTES_INIT(""), 9999, true,
		PROBE_NO},
	    {BYTES_INIT("\0\x07\0\0\0\x05\x01\x2b\x0e\x01\0"),
		BYTES_INIT("\0\x07\0\0\0\x03\x01\xab\x01"), 9999, false, PROBE_YES},
	    {BYTES_INIT("\0\x07\0\0\0\x05\x01\x2b\x0e\x01\0"),
		BYTES_INIT("\0\x09\0\0\0\x03\x01\xab\x01"), 9999, false, PROBE_NO},
	    {BYTES_INIT("\0\x07\0\x01\0\x05\x01\x2b"), BYTES_INIT(""), 502, false, PROBE_NO},
	    {BYTES_INIT("\x0bMSH|^~\\&|A|B"), BYTES_INIT(""), 502, false, PROBE_NO},
	    {BYTES_INIT("\x01\0\0\0\0\xcd\0\x01"), BYTES_INIT(""), 104, false, PROBE_MAYBE},
	    {BYTES_INIT(""), BYTES_INIT(""), 502, false, PROBE_MAYBE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_view v = {.head = {cases[i].a, cases[i].b},
		    .port = {40000, cases[i].port},
		    .ended = cases[i].ended};

		if (modbus_protocol.probe(&v) != cases[i].want)
			fail_msg("case %zu: %d", i, modbus_protocol.probe(&v));
	}
}

static const struct bytes i_am = BYTES_INIT("\x81\x0b\0\x14\x01\x20\xff\xff\0\xff\x10\0"
					    "\xc4\x02\0\0\x05\x22\x05\xc4");
static const struct bytes i_am_whole = BYTES_INIT("\x81\x0b\0\x18\x01\x20\xff\xff\0\xff\x10\0"
						  "\xc4\x02\0\0\x05\x22\x05\xc4\x91\0\x21\x05");
static const struct bytes i_am_routed =
    BYTES_INIT("\x81\x0b\0\x1c\x01\x28\xff\xff\0\0\x07\x01\x09\xff"
	       "\x10\0"
	       "\xc4\x02\0\0\x05\x22\x05\xc4\x91\0\x21\x07");
static const struct bytes model = BYTES_INIT("\x81\x0a\0\x1b\x01\0\x30\x01\x0c"
					     "\x0c\x02\0\0\x05\x19\x46\x3e\x75\x07\0"
					     "BX-200\x3f");
static const struct bytes multiple = BYTES_INIT("\x81\x0a\0\x25\x01\0\x30\x01\x0e"
						"\x0c\x02\0\0\x05\x1e"
						"\x29\x79\x4e\x75\x05\0"
						"Acme\x4f"
						"\x29\x2c\x4e\x75\x04\0"
						"1.2\x4f\x1f");
static const struct bytes reinit =
    BYTES_INIT("\x81\x0a\0\x16\x01\x04\0\x05\x01\x14\x09\x01\x1d\x08\0"
	       "geheim!");

static void
bacnet_devices(void **state)
{
	static const struct {
		const struct bytes *in;
		const char *want;
	} cases[] = {
	    {&i_am_whole, "\"maker\",\"value\":\"Johnson Controls\""},
	    {&i_am_routed, "\"maker\",\"value\":\"Siemens\",\"source\":\"BACnet "
			   "I-Am\",\"confidence\":80,\"behind\":1"},
	    {&model, "\"model\",\"value\":\"BX-200\""},
	    {&multiple, "\"maker\",\"value\":\"Acme\""},
	    {&multiple, "\"firmware\",\"value\":\"1.2\""},
	    {&reinit, "\"scheme\":\"BACnet password\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace t;

		trace_init(&t);
		if (!trace_datagram(&t, &bacnet_protocol, dir_orig, *cases[i].in, 47808, 47808) ||
		    trace_count(&t, cases[i].want) != 1 || trace_count(&t, "geheim") != 0)
			fail_msg("case %zu: %s", i, trace_text(&t));
		trace_free(&t);
		trace_hurt_datagram(&bacnet_protocol, *cases[i].in, 47808, 47808);
	}
}

static void
bacnet_hostile(void **state)
{
	static const struct {
		struct bytes in;
		bool mine, bad;
	} cases[] = {
	    {BYTES_INIT(""), false, false},
	    {BYTES_INIT("\x81\x0b\0\x07\x01\0"), true, true}, /* length over the end */
	    {BYTES_INIT("\x81\x0d\0\x04"), false, false},     /* unknown function */
	    {BYTES_INIT("\x82\x0b\0\x04"), false, false},
	    {BYTES_INIT("\x81\x0b\0\x04"), true, true},       /* no NPDU */
	    {BYTES_INIT("\x81\x0b\0\x06\x02\0"), true, true}, /* version 2 */
	    {BYTES_INIT("\x81\x0b\0\x09\x01\x28\0\0\xff"), true, true},
	    {BYTES_INIT("\x81\x04\0\x08\x01\x02\x03\x04"), true, true},
	    {BYTES_INIT("\x81\x00\0\x06\0\0"), true, false},
	    {BYTES_INIT("\x81\x0a\0\x13\x01\0\x30\x01\x0c\x0c\x02\0\0\x05\x19\x46\x3e\x75\xff"),
		true, false},
	    {BYTES_INIT("\x81\x0a\0\x0f\x01\0\x30\x01\x0c\x3e\x3e\x3e\x3f\x3f\x3f"), true, false},
	    {BYTES_INIT("\x81\x0a\0\x11\x01\0\x30\x01\x0e\x75\xff\xff\xff\xff\xff\xff\x01"), true,
		false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace t;

		trace_init(&t);
		if (trace_datagram(&t, &bacnet_protocol, dir_orig, cases[i].in, 47808, 47808) !=
			cases[i].mine ||
		    trace_count(&t, "bacnet_malformed") != cases[i].bad || t.n != cases[i].bad)
			fail_msg("case %zu: %s", i, trace_text(&t));
		trace_free(&t);
	}
	{
		struct trace t;

		/* off the port a length must fit */
		trace_init(&t);
		assert_false(trace_datagram(
		    &t, &bacnet_protocol, dir_orig, BYTES("\x81\x0b\0\x07\x01\0"), 1, 2));
		trace_free(&t);
	}
	trace_hurt_datagram(&bacnet_protocol, i_am, 47808, 47808);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(modbus_device),
	    cmocka_unit_test(modbus_hostile),
	    cmocka_unit_test(modbus_probing),
	    cmocka_unit_test(bacnet_devices),
	    cmocka_unit_test(bacnet_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
