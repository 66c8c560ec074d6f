/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/names/message.h"
#include "trace.h"

extern const struct protocol dns_protocol, mdns_protocol, llmnr_protocol, nbns_protocol;

#define HEAD(flags, qd, an, ns, ar) "\x12\x34" flags "\0" qd "\0" an "\0" ns "\0" ar
#define LAB_HOST                                                                                   \
	"\x06"                                                                                     \
	"reader"                                                                                   \
	"\x05"                                                                                     \
	"local"                                                                                    \
	"\0"

static const struct bytes query =
    BYTES_INIT(HEAD("\x01\x00", "\x01", "\0", "\0", "\0") "\x03"
							  "lis"
							  "\x03"
							  "lab"
							  "\0\0\x01\0\x01");

static const struct bytes answer = BYTES_INIT(HEAD(
    "\x81\x80", "\x01", "\x01", "\0", "\0") "\x03"
					    "lis"
					    "\x03"
					    "lab"
					    "\0\0\x01\0\x01"
					    "\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\x4d\x00\x0a");

/* An analyzer's print server: A, SRV, TXT and HINFO of itself. */
static const struct bytes announce = BYTES_INIT(HEAD("\x84\x00", "\0", "\x04", "\0", "\0") LAB_HOST
    "\0\x01\x80\x01\0\0\0\x78\0\x04\x0a\x4d\x00\x21" /* A */
    "\x05"
    "Front"
    "\x04"
    "_ipp"
    "\x04"
    "_tcp"
    "\xc0\x13"                                               /* -> "local" at 19 */
    "\0\x21\x80\x01\0\0\0\x78\0\x08\0\0\0\0\x02\x77\xc0\x0c" /* SRV */
    "\xc0\x28\0\x10\x80\x01\0\0\0\x78\0\x28"                 /* TXT */
    "\x0f"
    "usb_MFG=Acme Co"
    "\x0c"
    "model=AX-200"
    "\x0a"
    "product=()"
    "\xc0\x0c\0\x0d\0\x01\0\0\0\x78\0\x0a"
    "\x03"
    "ARM"
    "\x05"
    "LINUX"); /* HINFO */

static void
plain_dns_is_counted(void **state)
{
	static const uint16_t port = 53;
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(trace_datagram(&t, &dns_protocol, dir_orig, query, 40000, port));
	assert_true(trace_datagram(&t, &dns_protocol, dir_resp, answer, port, 40000));
	/* Off its port a whole, well-formed message is still known. */
	assert_true(trace_datagram(&t, &dns_protocol, dir_orig, query, 40000, 9999));
	assert_int_equal(t.observer.units[UNIT_dns_messages], 3);
	assert_int_equal(t.n, 0);
	trace_free(&t);
}

static void
not_dns(void **state)
{
	static const struct bytes cases[] = {
	    BYTES_INIT(""),
	    BYTES_INIT("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00"), /* short header */
	    BYTES_INIT("\x0bMSH|^~\\&|A|B|C|D|20260101||ORU^R01|1|P|2.5\r\x1c\r"),
	    BYTES_INIT("\x02"
		       "1H|\\^&|||LIS\r\x03"
		       "A4\r\n"),
	    BYTES_INIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	    BYTES_INIT("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\x00\x00\x00"),
	    /* one byte too many at the end */
	    BYTES_INIT(HEAD("\x01\x00", "\x01", "\0", "\0", "\0") "\x03"
								  "lis"
								  "\0\0\x01\0\x01"
								  "x"),
	    /* class 7, type 0, opcode 9, Z bit, two questions */
	    BYTES_INIT(HEAD("\x01\x00", "\x01", "\0", "\0", "\0") "\x03"
								  "lis"
								  "\0\0\x01\0\x07"),
	    BYTES_INIT(HEAD("\x01\x00", "\x01", "\0", "\0", "\0") "\x03"
								  "lis"
								  "\0\0\x00\0\x01"),
	    BYTES_INIT(HEAD("\x49\x00", "\x01", "\0", "\0", "\0") "\x03"
								  "lis"
								  "\0\0\x01\0\x01"),
	    BYTES_INIT(HEAD("\x01\x40", "\x01", "\0", "\0", "\0") "\x03"
								  "lis"
								  "\0\0\x01\0\x01"),
	    BYTES_INIT(HEAD("\x01\x00", "\x02", "\0", "\0", "\0") "\x03"
								  "lis"
								  "\0\0\x01\0\x01"),
	};
	struct trace t;

	(void)state;
	trace_init(&t);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (trace_datagram(&t, &dns_protocol, dir_orig, cases[i], 40000, 9999))
			fail_msg("case %zu was taken for DNS", i);
		assert_false(trace_datagram(&t, &mdns_protocol, dir_orig, cases[i], 1, 2));
		assert_false(trace_datagram(&t, &llmnr_protocol, dir_orig, cases[i], 1, 2));
		assert_false(trace_datagram(&t, &nbns_protocol, dir_orig, cases[i], 1, 2));
	}
	assert_int_equal(t.n, 0);
	trace_free(&t);
}

static void
hostile_names(void **state)
{
	static const struct {
		struct bytes in;
		const char *anomaly;
	} cases[] = {
	    {BYTES_INIT(HEAD("\x01\x00", "\x01", "\0", "\0", "\0") "\xc0\x0c\0\x01\0\x01"),
		"dns_pointer_loop"}, /* to itself */
	    {BYTES_INIT(HEAD("\x01\x00", "\x01", "\0", "\0", "\0") "\xc0\x10\0\x01\0\x01"),
		"dns_pointer_loop"}, /* ahead */
	    {BYTES_INIT(HEAD("\x01\x00", "\x01", "\0", "\0", "\0") "\x01"
								   "a\xc0\x0c\0\x01\0\x01"),
		"dns_pointer_loop"}, /* a. a. a. ... */
	    {BYTES_INIT(HEAD("\x01\x00", "\x01", "\0", "\0", "\0") "\xc0"), "dns_malformed"},
	    {BYTES_INIT(HEAD("\x01\x00", "\x01", "\0", "\0", "\0") "\x3f"
								   "abc"),
		"dns_malformed"},
	    {BYTES_INIT(HEAD("\x01\x00", "\x01", "\0", "\0", "\0") "\x43"
								   "abc\0\0\x01\0\x01"),
		"dns_malformed"}, /* label type 01 */
	    {BYTES_INIT(HEAD("\x81\x80", "\0", "\x01", "\0", "\0") "\0\0\x01\0\x01\0\0\0\0\0\x05"
								   "abcd"),
		"dns_malformed"}, /* record data over the end */
	    {BYTES_INIT(HEAD("\x81\x80", "\0", "\xff", "\0", "\0") "\0\0\x01\0\x01\0\0\0\0\0\x00"),
		"dns_malformed"}, /* 255 records told, one there */
	};
	struct trace t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		trace_init(&t);
		assert_true(trace_datagram(&t, &dns_protocol, dir_orig, cases[i].in, 40000, 53));
		if (t.n != 1 || trace_count(&t, cases[i].anomaly) != 1)
			fail_msg("case %zu: %s", i, trace_text(&t));
		trace_free(&t);
	}
}

/* 4 labels of 63 bytes and pointers back to them, over and over. */
static void
long_name(void **state)
{
	uint8_t in[12 + 5 * 64 + 5] = {0x12, 0x34, 1, 0, 0, 1};
	struct dns_name name;
	size_t end;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		in[12 + 64 * i] = 63;
	assert_int_equal(dns_name_at(bytes_of(in, sizeof(in)), 12, &name, &end), DNS_LONG);
	assert_true(name.len <= NAME_TEXT_MAX);
	in[12 + 64 * 3] = 62;
	memmove(in + 12 + 64 * 4 - 1, "\0", 1);
	assert_int_equal(dns_name_at(bytes_of(in, sizeof(in)), 12, &name, &end), DNS_OK);
	assert_int_equal(name.len, 254);
}

static void
mdns_tells(void **state)
{
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(trace_datagram(&t, &mdns_protocol, dir_orig, announce, 5353, 5353));
	assert_int_equal(trace_count(&t, "anomaly"), 0);
	assert_int_equal(
	    trace_count(&t, "\"ip\":\"10.77.0.33\",\"host\":\"reader\",\"source\":\"mdns\""), 1);
	assert_int_equal(trace_count(&t, "\"service\",\"value\":\"_ipp._tcp\""), 1);
	assert_int_equal(trace_count(&t, "\"name\",\"value\":\"Front\""), 1);
	assert_int_equal(trace_count(&t, "\"maker\",\"value\":\"Acme Co\""), 1);
	assert_int_equal(trace_count(&t, "\"model\",\"value\":\"AX-200\""), 1);
	assert_int_equal(trace_count(&t, "\"os\",\"value\":\"LINUX\""), 1);
	trace_free(&t);
	/* The same bytes as a query say nothing: known answers are not the asker's. */
	trace_init(&t);
	{
		uint8_t copy[256];

		memcpy(copy, announce.ptr, announce.len);
		copy[2] = 0;
		assert_true(trace_datagram(
		    &t, &mdns_protocol, dir_orig, bytes_of(copy, announce.len), 5353, 5353));
		assert_int_equal(t.n, 0);
	}
	trace_free(&t);
	trace_hurt_datagram(&mdns_protocol, announce, 5353, 5353);
}

static void
llmnr_tells(void **state)
{
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(trace_datagram(&t, &llmnr_protocol, dir_resp, answer, 5355, 50000));
	assert_int_equal(
	    trace_count(&t, "\"ip\":\"10.77.0.10\",\"host\":\"lis.lab\",\"source\":\"llmnr\""), 1);
	assert_true(trace_datagram(&t, &llmnr_protocol, dir_orig, query, 50000, 5355));
	assert_int_equal(t.n, 1);
	trace_free(&t);
}

/* "ANALYZER1" padded with blanks, by suffix. */
#define NB_NAME "EBEOEBEMFJFKEFFCDBCACACACACACA"
#define NB_REGISTRATION(suffix, flags)                                                             \
	HEAD("\x29\x10", "\x01", "\0", "\0", "\x01")                                               \
	" " NB_NAME suffix "\0\0\x20\0\x01\xc0\x0c\0\x20\0\x01\0\x04\x93\xe0\0\x06" flags          \
	"\xc0\xa8\x01\x14"

static void
netbios_tells(void **state)
{
	static const struct bytes machine = BYTES_INIT(NB_REGISTRATION("AA", "\0\0"));
	static const struct bytes group = BYTES_INIT(NB_REGISTRATION("AA", "\x80\0"));
	static const struct bytes person = BYTES_INIT(NB_REGISTRATION("AD", "\0\0"));
	static const struct bytes stat = BYTES_INIT(HEAD(
	    "\x84\x00", "\0", "\x01", "\0", "\0") " CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\x01"
						  "\0\0\0\0\0\x2b\x02"
						  "LABPC01        \x20\x04\0"
						  "WORKGROUP      \x00\x84\0"
						  "\x00\x1b\x21\x77\x00\x10");
	struct trace t;

	(void)state;
	trace_init(&t);
	assert_true(trace_datagram(&t, &nbns_protocol, dir_orig, machine, 137, 137));
	assert_int_equal(trace_count(&t, "\"ip\":\"192.168.1.20\",\"host\":\"ANALYZER1\""), 1);
	assert_true(trace_datagram(&t, &nbns_protocol, dir_orig, group, 137, 137));
	assert_int_equal(trace_count(&t, "\"domain\",\"value\":\"ANALYZER1\""), 1);
	/* Suffix 03 may be a person: nothing. */
	assert_true(trace_datagram(&t, &nbns_protocol, dir_orig, person, 137, 137));
	assert_int_equal(t.n, 2);
	assert_true(trace_datagram(&t, &nbns_protocol, dir_resp, stat, 137, 137));
	assert_int_equal(trace_count(&t, "\"mac\":\"00:1b:21:77:00:10\",\"host\":\"LABPC01\""), 1);
	assert_int_equal(trace_count(&t, "\"domain\",\"value\":\"WORKGROUP\""), 1);
	assert_int_equal(t.observer.units[UNIT_netbios_messages], 4);
	trace_free(&t);
	trace_hurt_datagram(&nbns_protocol, machine, 137, 137);
	trace_hurt_datagram(&nbns_protocol, stat, 137, 137);
}

static void
over_tcp(void **state)
{
	uint8_t stream[512];
	size_t n = 0;
	struct turn turns[3] = {{.dir = dir_orig}, {.dir = dir_resp}, {.dir = dir_orig}};
	struct probe_view v = {.port = {40000, 40001}};
	struct trace t;

	(void)state;
	for (int i = 0; i < 2; i++) {
		stream[n++] = 0;
		stream[n++] = (uint8_t)query.len;
		memcpy(stream + n, query.ptr, query.len);
		n += query.len;
	}
	turns[0].data = bytes_of(stream, n);
	turns[1].data = BYTES("\0\x14\x12\x34\x81\x80\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01\0\0");
	turns[2].data = BYTES("\0\x05nonsense");
	trace_check_cuts(&dns_protocol, turns, 3, 20);
	trace_init(&t);
	trace_feed(&t, &dns_protocol, turns, 3, NULL, false);
	assert_int_equal(t.observer.units[UNIT_dns_messages], 3);
	assert_int_equal(trace_count(&t, "dns_pointer_loop"), 1);
	assert_int_equal(trace_count(&t, "length below 12"), 1);
	trace_free(&t);

	v.head[0] = turns[0].data;
	assert_int_equal(dns_protocol.probe(&v), PROBE_YES);
	v.head[0] = bytes_sub(turns[0].data, 0, 20);
	assert_int_equal(dns_protocol.probe(&v), PROBE_MAYBE);
	v.ended = true;
	assert_int_equal(dns_protocol.probe(&v), PROBE_NO);
	v.head[0] = BYTES("\0\x20GET / HTTP/1.1\r\n");
	v.ended = false;
	assert_int_equal(dns_protocol.probe(&v), PROBE_NO);
}

static void
decodes(void **state)
{
	struct buf out = {0};

	(void)state;
	trace_decode(&dns_protocol, answer, &out);
	assert_non_null(strstr((char *)out.ptr, "\"data\":\"10.77.0.10\""));
	buf_reset(&out);
	trace_decode(&dns_protocol, bytes_sub(answer, 0, 5), &out);
	assert_non_null(strstr((char *)out.ptr, "dns_malformed"));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_dns_is_counted),
	    cmocka_unit_test(not_dns),
	    cmocka_unit_test(hostile_names),
	    cmocka_unit_test(long_name),
	    cmocka_unit_test(mdns_tells),
	    cmocka_unit_test(llmnr_tells),
	    cmocka_unit_test(netbios_tells),
	    cmocka_unit_test(over_tcp),
	    cmocka_unit_test(decodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
