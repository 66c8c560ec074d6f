/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "proto/arp/arp.h"
#include "trace.h"

#define ETH_IP "\0\x01\x08\0\x06\x04"
#define MAC_A  "\x00\x90\xe8\x77\x01\x21"
#define MAC_0  "\0\0\0\0\0\0"
#define IP_A   "\x0a\x4d\x00\x15"
#define IP_B   "\x0a\x4d\x00\x0a"
#define IP_0   "\0\0\0\0"

struct arp_case {
	const char *name;
	struct bytes in;
	const char *want; /* in the only line; NULL: nothing is told */
};

static void
arp_cases(void **state)
{
	static const struct arp_case cases[] = {
	    {"request", BYTES_INIT(ETH_IP "\0\x01" MAC_A IP_A MAC_0 IP_B),
		"\"ip\":\"10.77.0.21\",\"mac\":\"00:90:e8:77:01:21\",\"source\":\"arp\",\"flags\":"
		"0"},
	    {"reply, padded", BYTES_INIT(ETH_IP "\0\x02" MAC_A IP_A MAC_0 IP_B "\0\0\0\0\0\0"),
		"\"flags\":0"},
	    {"gratuitous", BYTES_INIT(ETH_IP "\0\x01" MAC_A IP_A MAC_0 IP_A), "\"flags\":1"},
	    {"gratuitous reply", BYTES_INIT(ETH_IP "\0\x02" MAC_A IP_A MAC_A IP_A), "\"flags\":1"},
	    {"probe", BYTES_INIT(ETH_IP "\0\x01" MAC_A IP_0 MAC_0 IP_B), NULL},
	    {"group sender", BYTES_INIT(ETH_IP "\0\x02\x01\0\x5e\0\0\x01" IP_A MAC_0 IP_B),
		"arp_sender_group"},
	    {"broadcast sender",
		BYTES_INIT(ETH_IP "\0\x02\xff\xff\xff\xff\xff\xff" IP_A MAC_0 IP_B),
		"arp_sender_group"},
	    {"sender 255.255.255.255",
		BYTES_INIT(ETH_IP "\0\x02" MAC_A "\xff\xff\xff\xff" MAC_0 IP_B), NULL},
	    {"zero MAC", BYTES_INIT(ETH_IP "\0\x02" MAC_0 IP_A MAC_0 IP_B), NULL},
	    {"empty", BYTES_INIT(""), "arp_malformed"},
	    {"header cut", BYTES_INIT("\0\x01\x08\0\x06\x04\0"), "arp_malformed"},
	    {"addresses cut", BYTES_INIT(ETH_IP "\0\x01" MAC_A IP_A MAC_0 "\x0a"), "arp_malformed"},
	    {"length 255", BYTES_INIT("\0\x01\x08\0\xff\x04\0\x01" MAC_A IP_A), "arp_malformed"},
	    {"length 0", BYTES_INIT("\0\x01\x08\0\0\0\0\x01"), "arp_malformed"},
	    {"ATM", BYTES_INIT("\0\x13\x08\0\x06\x04\0\x01" MAC_A IP_A MAC_0 IP_B), NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct guard g = guard_new(cases[i].in);
		struct trace t;

		trace_init(&t);
		assert_true(arp_packet(&t.observer, g.view));
		assert_int_equal(t.observer.units[UNIT_arp_packets], 1);
		if (cases[i].want == NULL ? t.n != 0
					  : t.n != 1 || trace_count(&t, cases[i].want) != 1)
			fail_msg("%s: %s", cases[i].name, trace_text(&t));
		trace_free(&t);
		guard_free(&g);
	}
}

#define TARGET "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\x21"

static void
nd_cases(void **state)
{
	static const struct arp_case cases[] = {
	    {"solicited advertisement", BYTES_INIT("\x88\0\0\0\x60\0\0\0" TARGET "\x02\x01" MAC_A),
		"\"ip\":\"fd77::21\",\"mac\":\"00:90:e8:77:01:21\",\"source\":\"nd\",\"flags\":0"},
	    {"unsolicited", BYTES_INIT("\x88\0\0\0\x20\0\0\0" TARGET "\x02\x01" MAC_A),
		"\"flags\":1"},
	    {"of a router", BYTES_INIT("\x88\0\0\0\xe0\0\0\0" TARGET "\x02\x01" MAC_A),
		"\"flags\":4"},
	    {"solicitation", BYTES_INIT("\x87\0\0\0\0\0\0\0" TARGET "\x01\x01" MAC_A),
		"\"ip\":\"fe80::1\""},
	    {"router advertisement",
		BYTES_INIT("\x86\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\0"
			   "\x01\x01" MAC_A),
		"\"flags\":4"},
	    {"without address", BYTES_INIT("\x88\0\0\0\x60\0\0\0" TARGET), NULL},
	    {"option of length 0", BYTES_INIT("\x88\0\0\0\x60\0\0\0" TARGET "\x02\0" MAC_A),
		"nd_malformed"},
	    {"option over the end", BYTES_INIT("\x88\0\0\0\x60\0\0\0" TARGET "\x02\x02" MAC_A),
		"nd_malformed"},
	    {"option of one byte", BYTES_INIT("\x88\0\0\0\x60\0\0\0" TARGET "\x02"),
		"nd_malformed"},
	    {"cut", BYTES_INIT("\x88\0\0\0\x60\0\0\0\xfd"), "nd_malformed"},
	    {"code 1", BYTES_INIT("\x88\x01\0\0\x60\0\0\0" TARGET), "nd_malformed"},
	};
	static const struct ip src = {{0xfe, 0x80, [15] = 1}};
	struct trace t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct guard g = guard_new(cases[i].in);

		trace_init(&t);
		assert_true(nd_packet(&t.observer, src, g.view));
		if (cases[i].want == NULL ? t.n != 0
					  : t.n != 1 || trace_count(&t, cases[i].want) != 1)
			fail_msg("%s: %s", cases[i].name, trace_text(&t));
		trace_free(&t);
		guard_free(&g);
	}
	trace_init(&t);
	assert_false(nd_packet(&t.observer, src, BYTES("")));
	assert_false(nd_packet(&t.observer, src, BYTES("\x80\0\0\0\0\0\0\0")));
	trace_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(arp_cases), cmocka_unit_test(nd_cases)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
