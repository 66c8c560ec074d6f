/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace.h"

extern const struct protocol dhcp_protocol;

enum { BOOTP_BYTES = 236 };

/* A message: op, yiaddr, options. Static storage. */
static struct bytes
message(uint8_t op, uint32_t your, struct bytes options)
{
	static uint8_t out[1024];
	size_t n = BOOTP_BYTES;

	memset(out, 0, sizeof(out));
	out[0] = op;
	out[1] = 1;
	out[2] = 6;
	for (int i = 0; i < 4; i++)
		out[16 + i] = (uint8_t)(your >> (24 - 8 * i));
	memcpy(out + 28, "\x00\x20\x4a\x77\x01\x22", 6);
	memcpy(out + n, "\x63\x82\x53\x63", 4);
	n += 4;
	memcpy(out + n, options.ptr, options.len);
	return bytes_of(out, n + options.len);
}

static const struct bytes request = BYTES_INIT("\x35\x01\x03"
					       "\x0c\x08XPORT-01"
					       "\x3c\x08MSFT 5.0"
					       "\x37\x04\x01\x03\x06\x0f"
					       "\x32\x04\x0a\x4d\x00\x16"
					       "\xff");
static const struct bytes ack = BYTES_INIT("\x35\x01\x05"
					   "\x36\x04\x0a\x4d\x00\x01"
					   "\x03\x04\x0a\x4d\x00\x01"
					   "\xff");

static void
lease(void **state)
{
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(trace_datagram(&t, &dhcp_protocol, dir_orig, message(1, 0, request), 68, 67));
	assert_int_equal(
	    trace_count(
		&t, "\"mac\":\"00:20:4a:77:01:22\",\"attr\":\"hostname\",\"value\":\"XPORT-01\""),
	    1);
	assert_int_equal(trace_count(&t, "\"os\",\"value\":\"DHCP class MSFT 5.0\""), 1);
	assert_int_equal(trace_count(&t, "\"os\",\"value\":\"DHCP options 1,3,6,15\""), 1);
	assert_int_equal(t.n_kind[EV_binding], 0); /* asking is not having */
	assert_true(
	    trace_datagram(&t, &dhcp_protocol, dir_resp, message(2, 0x0a4d0016, ack), 67, 68));
	assert_int_equal(trace_count(&t, "\"ip\":\"10.77.0.22\",\"mac\":\"00:20:4a:77:01:22\","
					 "\"source\":\"dhcp\",\"by\":\"10.77.0.1\",\"flags\":0"),
	    1);
	assert_int_equal(
	    trace_count(&t, "\"ip\":\"10.77.0.1\",\"source\":\"dhcp\",\"flags\":2"), 1);
	assert_int_equal(trace_count(&t, "\"flags\":4"), 1);
	assert_int_equal(t.observer.units[UNIT_dhcp_messages], 2);
	trace_free(&t);
	trace_hurt_datagram(&dhcp_protocol, message(1, 0, request), 68, 67);
	trace_hurt_datagram(&dhcp_protocol, message(2, 0x0a4d0016, ack), 67, 68);
}

static void
two_servers_are_told_apart(void **state)
{
	static const struct bytes offers[] = {BYTES_INIT("\x35\x01\x02"
							 "\x36\x04\x0a\x4d\x00\x01"
							 "\xff"),
	    BYTES_INIT("\x35\x01\x02"
		       "\x36\x04\x0a\x4d\x00\x63"
		       "\xff")};
	struct trace t;

	(void)state;
	trace_init(&t);
	for (size_t i = 0; i < 2; i++)
		assert_true(trace_datagram(
		    &t, &dhcp_protocol, dir_resp, message(2, 0x0a4d0016, offers[i]), 67, 68));
	assert_int_equal(
	    trace_count(&t, "\"ip\":\"10.77.0.1\",\"source\":\"dhcp\",\"flags\":2"), 1);
	assert_int_equal(
	    trace_count(&t, "\"ip\":\"10.77.0.99\",\"source\":\"dhcp\",\"flags\":2"), 1);
	assert_int_equal(t.n, 2); /* an offer is no lease */
	trace_free(&t);
}

static void
hostile(void **state)
{
	static const struct bytes cut_option = BYTES_INIT("\x35\x01\x03\x0c\xff"
							  "abc");
	static const struct bytes control_name = BYTES_INIT("\x35\x01\x03\x0c\x04"
							    "a\x1b[0"
							    "\xff");
	static const struct bytes short_address = BYTES_INIT("\x35\x01\x05\x36\x02\x0a\x4d\xff");
	static const struct bytes fqdn_over = BYTES_INIT("\x35\x01\x03\x51\x05\x04\0\0\x3f"
							 "a\xff");
	struct bytes m;
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(
	    trace_datagram(&t, &dhcp_protocol, dir_orig, message(1, 0, cut_option), 68, 67));
	assert_int_equal(trace_count(&t, "dhcp_malformed"), 1);
	assert_true(
	    trace_datagram(&t, &dhcp_protocol, dir_orig, message(1, 0, control_name), 68, 67));
	assert_int_equal(trace_count(&t, "hostname"), 0);
	assert_true(
	    trace_datagram(&t, &dhcp_protocol, dir_resp, message(2, 0, short_address), 67, 68));
	assert_int_equal(trace_count(&t, "10.77"), 0);
	assert_true(trace_datagram(&t, &dhcp_protocol, dir_orig, message(1, 0, fqdn_over), 68, 67));
	/* not DHCP: too short, wrong operation, wrong length of addresses, no cookie off port */
	m = message(1, 0, request);
	assert_false(trace_datagram(&t, &dhcp_protocol, dir_orig, bytes_sub(m, 0, 235), 68, 67));
	m = message(3, 0, request);
	assert_false(trace_datagram(&t, &dhcp_protocol, dir_orig, m, 68, 67));
	m = bytes_sub(message(1, 0, request), 0, BOOTP_BYTES);
	assert_false(trace_datagram(&t, &dhcp_protocol, dir_orig, m, 9, 10));
	assert_true(trace_datagram(&t, &dhcp_protocol, dir_orig, m, 68, 67)); /* BOOTP */
	trace_free(&t);
}

static void
overload(void **state)
{
	static const struct bytes options = BYTES_INIT("\x35\x01\x03\x34\x01\x01\xff");
	struct bytes m = message(1, 0, options);
	uint8_t copy[1024];
	struct trace t;

	(void)state;
	memcpy(copy, m.ptr, m.len);
	memcpy(copy + 108, "\x0c\x05LAB-7\xff", 8); /* in the file field */
	trace_init(&t);
	assert_true(trace_datagram(&t, &dhcp_protocol, dir_orig, bytes_of(copy, m.len), 68, 67));
	assert_int_equal(trace_count(&t, "LAB-7"), 1);
	trace_free(&t);
}

static void
version6(void **state)
{
	static const struct bytes reply =
	    BYTES_INIT("\x07\x01\x02\x03"
		       "\0\x01\0\x0e\0\x01\0\x01\x12\x34\x56\x78\x00\x20\x4a\x77\x01\x22"
		       "\0\x03\0\x28\0\0\0\x01\0\0\0\0\0\0\0\0"
		       "\0\x05\0\x18\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\x21\0\0\0\x78\0\0\0\x78");
	static const struct bytes solicit = BYTES_INIT("\x01\x01\x02\x03"
						       "\0\x10\0\x0e\0\0\x01\x37\0\x08MSFT 5.0"
						       "\0\x27\0\x0a\0\x08"
						       "LAB-PC-1");
	static const struct bytes bad = BYTES_INIT("\x01\x01\x02\x03\0\x10\0\xff\0");
	uint8_t nest[4 + 40 * 38];
	size_t n = 0;
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(trace_datagram(&t, &dhcp_protocol, dir_resp, reply, 547, 546));
	assert_int_equal(trace_count(&t, "\"ip\":\"fd77::21\",\"mac\":\"00:20:4a:77:01:22\""), 1);
	assert_int_equal(trace_count(&t, "\"flags\":2"), 1);
	assert_true(trace_datagram(&t, &dhcp_protocol, dir_orig, solicit, 546, 547));
	assert_int_equal(trace_count(&t, "DHCP class MSFT 5.0"), 1);
	assert_int_equal(trace_count(&t, "LAB-PC-1"), 1);
	assert_true(trace_datagram(&t, &dhcp_protocol, dir_orig, bad, 546, 547));
	assert_int_equal(trace_count(&t, "dhcp_malformed"), 1);
	/* relays in relays, forty deep: given up, not followed */
	for (int i = 0; i < 40; i++) {
		size_t rest = sizeof(nest) - n - 38;

		memset(nest + n, 0, 34);
		nest[n] = 12;
		nest[n + 35] = 9;
		nest[n + 34] = 0;
		nest[n + 36] = (uint8_t)(rest >> 8);
		nest[n + 37] = (uint8_t)rest;
		n += 38;
	}
	memcpy(nest + n, "\x01\x01\x02\x03", 4);
	assert_true(
	    trace_datagram(&t, &dhcp_protocol, dir_orig, bytes_of(nest, sizeof(nest)), 546, 547));
	assert_int_equal(trace_count(&t, "dhcp_malformed"), 2);
	trace_free(&t);
	trace_hurt_datagram(&dhcp_protocol, reply, 547, 546);
	trace_hurt_datagram(&dhcp_protocol, solicit, 546, 547);
}

static void
decodes(void **state)
{
	struct buf out = {0};

	(void)state;
	trace_decode(&dhcp_protocol, message(1, 0, request), &out);
	assert_non_null(strstr((char *)out.ptr, "\"class\":\"MSFT 5.0\""));
	buf_reset(&out);
	trace_decode(&dhcp_protocol, BYTES("x"), &out);
	assert_non_null(strstr((char *)out.ptr, "dhcp_malformed"));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lease),
	    cmocka_unit_test(two_servers_are_told_apart),
	    cmocka_unit_test(hostile),
	    cmocka_unit_test(overload),
	    cmocka_unit_test(version6),
	    cmocka_unit_test(decodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
