/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace.h"

extern const struct protocol ntp_protocol, tftp_protocol;

static void
tftp_requests(void **state)
{
	static const struct {
		struct bytes in;
		uint16_t port;
		bool mine;
		size_t units, escapes;
	} cases[] = {
	    {BYTES_INIT("\0\x01"
			"config.bin\0octet\0"),
		69, true, 1, 0},
	    {BYTES_INIT("\0\x02"
			"config.bin\0NetASCII\0"),
		40000, true, 1, 0},
	    {BYTES_INIT("\0\x01"
			"a\0octet\0blksize\0"
			"1468\0"),
		69, true, 1, 0},
	    {BYTES_INIT("\0\x01"
			"../etc/passwd\0octet\0"),
		69, true, 1, 1},
	    {BYTES_INIT("\0\x01"
			"a\\..\\b\0octet\0"),
		69, true, 1, 1},
	    {BYTES_INIT("\0\x01"
			"a..b\0octet\0"),
		69, true, 1, 0},
	    {BYTES_INIT("\0\x01"
			"x\0image\0"),
		69, false, 0, 0},
	    {BYTES_INIT("\0\x01"
			"x\0octet"),
		69, false, 0, 0},
	    {BYTES_INIT("\0\x01\0octet\0"), 69, false, 0, 0},
	    {BYTES_INIT("\0\x01"), 69, false, 0, 0},
	    {BYTES_INIT(""), 69, false, 0, 0},
	    {BYTES_INIT("\0\x03\0\x01"
			"data"),
		69, true, 0, 0},
	    {BYTES_INIT("\0\x03\0\x01"
			"data"),
		40000, false, 0, 0},
	    {BYTES_INIT("\0\x09"
			"x\0octet\0"),
		69, false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace t;

		trace_init(&t);
		if (trace_datagram(&t, &tftp_protocol, dir_orig, cases[i].in, 40001,
			cases[i].port) != cases[i].mine ||
		    t.observer.units[UNIT_tftp_requests] != cases[i].units ||
		    trace_count(&t, "tftp_path_escape") != cases[i].escapes ||
		    t.n != cases[i].escapes || trace_count(&t, "passwd") != 0)
			fail_msg("case %zu: %s", i, trace_text(&t));
		trace_free(&t);
		trace_hurt_datagram(&tftp_protocol, cases[i].in, 40001, cases[i].port);
	}
}

static void
ntp_packets(void **state)
{
	uint8_t p[48] = {0x23};
	static const struct bytes control =
	    BYTES_INIT("\x16\x82\0\x01\0\0\0\0\0\0\0\x4e"
		       "version=\"ntpd 4.2.8p15@1.3728-o\", processor=\"armv7l\", "
		       "system=\"Linux/5.10.17\",  ");
	static const struct bytes monlist = BYTES_INIT("\x17\0\x03\x2a\0\0\0\0");
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(trace_datagram(&t, &ntp_protocol, dir_orig, bytes_of(p, 48), 123, 123));
	assert_false(trace_datagram(&t, &ntp_protocol, dir_orig, bytes_of(p, 47), 123, 123));
	assert_false(trace_datagram(&t, &ntp_protocol, dir_orig, bytes_of(p, 48), 124, 124));
	p[0] = 0x3b; /* version 7 */
	assert_false(trace_datagram(&t, &ntp_protocol, dir_orig, bytes_of(p, 48), 123, 123));
	p[0] = 0x20; /* mode 0 */
	assert_false(trace_datagram(&t, &ntp_protocol, dir_orig, bytes_of(p, 48), 123, 123));
	assert_int_equal(t.n, 0);
	assert_true(trace_datagram(&t, &ntp_protocol, dir_resp, control, 123, 40000));
	assert_int_equal(trace_count(&t, "\"software\",\"value\":\"ntpd 4.2.8p15\""), 1);
	assert_int_equal(trace_count(&t, "\"os\",\"value\":\"Linux 5.10.17\""), 1);
	assert_true(trace_datagram(&t, &ntp_protocol, dir_orig, monlist, 40000, 123));
	assert_int_equal(trace_count(&t, "ntp_monlist"), 1);
	assert_int_equal(t.observer.units[UNIT_ntp_packets], 3);
	trace_free(&t);
	trace_hurt_datagram(&ntp_protocol, control, 123, 40000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tftp_requests), cmocka_unit_test(ntp_packets)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
