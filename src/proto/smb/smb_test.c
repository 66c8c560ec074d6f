/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/smb/ntlm.h"
#include "trace.h"

extern const struct protocol smb_protocol;

/* A growing conversation made of framed messages. */
struct script {
	uint8_t bytes[16384];
	size_t n;
	struct turn turns[16];
	size_t n_turns;
};

static void
add(struct script *s, enum name_value dir, struct bytes message)
{
	uint8_t *p = s->bytes + s->n;

	p[0] = 0;
	p[1] = 0;
	p[2] = (uint8_t)(message.len >> 8);
	p[3] = (uint8_t)message.len;
	memcpy(p + 4, message.ptr, message.len);
	s->turns[s->n_turns++] = (struct turn){.dir = dir, .data = bytes_of(p, message.len + 4)};
	s->n += message.len + 4;
}

#define SMB1(cmd, status, flags, unicode)                                                          \
	"\xffSMB" cmd status flags unicode "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define OK "\0\0\0\0"

/* NTLMSSP challenge of Windows 7 SP1: NetBIOS computer "LABPC", domain "LAB". */
#define CHALLENGE                                                                                  \
	"NTLMSSP\0\x02\0\0\0"                                                                      \
	"\0\0\0\0\x38\0\0\0"                                                                       \
	"\x01\0\x80\x02"                                                                           \
	"12345678"                                                                                 \
	"\0\0\0\0\0\0\0\0"                                                                         \
	"\x1c\0\x1c\0\x38\0\0\0"                                                                   \
	"\x06\x01\xb1\x1d\0\0\0\x0f"                                                               \
	"\x01\0\x0a\0L\0A\0B\0P\0C\0"                                                              \
	"\x02\0\x06\0L\0A\0B\0"                                                                    \
	"\0\0\0\0"

/* Authenticate: domain "LAB", user "anna", workstation "WS1", Windows 10. */
#define AUTHENTICATE                                                                               \
	"NTLMSSP\0\x03\0\0\0"                                                                      \
	"\0\0\0\0\0\0\0\0"                                                                         \
	"\0\0\0\0\0\0\0\0"                                                                         \
	"\x06\0\x06\0\x48\0\0\0"                                                                   \
	"\x08\0\x08\0\x4e\0\0\0"                                                                   \
	"\x06\0\x06\0\x56\0\0\0"                                                                   \
	"\0\0\0\0\0\0\0\0"                                                                         \
	"\x01\0\0\x02"                                                                             \
	"\x0a\0\x61\x4a\0\0\0\x0f"                                                                 \
	"L\0A\0B\0"                                                                                \
	"a\0n\0n\0a\0"                                                                             \
	"W\0S\0"                                                                                   \
	"1\0"

static struct bytes
smb2(uint16_t command, bool response, uint32_t status, struct bytes body)
{
	static uint8_t out[4][1024];
	static unsigned which;
	uint8_t *p = out[which++ % 4];

	memset(p, 0, 64);
	memcpy(p, "\xfeSMB\x40", 5);
	for (int i = 0; i < 4; i++)
		p[8 + i] = (uint8_t)(status >> (8 * i));
	p[12] = (uint8_t)command;
	p[16] = response;
	memcpy(p + 64, body.ptr, body.len);
	return bytes_of(p, 64 + body.len);
}

static void
version2(void **state)
{
	struct script s = {.n = 0};
	struct trace t;

	(void)state;
	add(&s, dir_orig, smb2(0, false, 0, BYTES("\x24\0\x01\0\x01\0\0\0\0\0\0\0")));
	add(&s, dir_resp, smb2(0, true, 0, BYTES("\x41\0\x03\0\x11\x03\0\0\0\0\0\0")));
	add(&s, dir_resp, smb2(1, true, 0xc0000016, BYTES("\x09\0\0\0\x48\0\x54\0" CHALLENGE)));
	add(&s, dir_orig,
	    smb2(1, false, 0,
		BYTES("\x19\0\0\0\0\0\0\0\0\0\0\0\x58\0\x5c\0\0\0\0\0\0\0\0\0" AUTHENTICATE)));
	add(&s, dir_resp, smb2(1, true, 0xc000006d, BYTES("\x09\0\0\0\0\0\0\0")));
	add(&s, dir_orig,
	    smb2(1, false, 0,
		BYTES("\x19\0\0\0\0\0\0\0\0\0\0\0\x58\0\x5c\0\0\0\0\0\0\0\0\0" AUTHENTICATE)));
	add(&s, dir_resp, smb2(1, true, 0, BYTES("\x09\0\0\0\0\0\0\0")));
	add(&s, dir_resp, BYTES("\xfdSMB0123456789012345678901234567890123456789012345"));
	trace_check_cuts(&smb_protocol, s.turns, s.n_turns, 20);
	trace_init(&t);
	trace_feed(&t, &smb_protocol, s.turns, s.n_turns, NULL, false);
	assert_int_equal(
	    trace_count(&t, "\"service\",\"value\":\"SMB 3.1.1, signing required\""), 1);
	assert_int_equal(trace_count(&t, "\"os\",\"value\":\"Windows 6.1.7601\""), 1);
	assert_int_equal(trace_count(&t, "\"os\",\"value\":\"Windows 10.0.19041\""), 2);
	assert_int_equal(trace_count(&t, "\"hostname\",\"value\":\"LABPC\""), 1);
	assert_int_equal(trace_count(&t, "\"hostname\",\"value\":\"WS1\""), 2);
	assert_int_equal(trace_count(&t, "\"outcome\":\"failure\",\"user\""), 1);
	assert_int_equal(trace_count(&t, "\"outcome\":\"success\",\"user\""), 1);
	assert_int_equal(trace_count(&t, "SMB 3 encrypted"), 1);
	assert_int_equal(trace_count(&t, "anna"), 0);
	assert_int_equal(trace_count(&t, "anomaly"), 0);
	assert_int_equal(t.observer.units[UNIT_smb_messages], 8);
	assert_int_equal(t.observer.units[UNIT_ntlm_messages], 3);
	trace_free(&t);
}

static void
version1(void **state)
{
	struct script s = {.n = 0};
	struct trace t;

	(void)state;
	add(&s, dir_resp, BYTES(SMB1("\x72", OK, "\x80", "\0\0") "\x11\x02\0"));
	/* old log-in: word count 13, passwords of 2 and 2 bytes, user, domain, systems */
	add(&s, dir_orig,
	    BYTES(SMB1("\x73", OK, "\0",
		"\0\0") "\x0d\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\x02\0\0\0\0\0\0\0\0\0"
			"\x20\0"
			"pwPW"
			"anna\0"
			"LAB\0"
			"Windows 5.0\0"
			"x\0"));
	add(&s, dir_resp,
	    BYTES(SMB1("\x73", OK, "\x80", "\0\0") "\x03\xff\0\0\0\0\0"
						   "\x20\0"
						   "Windows 5.1\0Windows 2000 LAN Manager\0LAB\0"));
	trace_check_cuts(&smb_protocol, s.turns, s.n_turns, 20);
	trace_init(&t);
	trace_feed(&t, &smb_protocol, s.turns, s.n_turns, NULL, false);
	assert_int_equal(trace_count(&t, "\"service\",\"value\":\"SMB 1\""), 1);
	assert_int_equal(trace_count(&t, "\"os\",\"value\":\"Windows 5.0\""), 1);
	assert_int_equal(trace_count(&t, "\"os\",\"value\":\"Windows 5.1\""), 1);
	assert_int_equal(trace_count(&t, "\"domain\",\"value\":\"LAB\""), 1);
	assert_int_equal(trace_count(&t, "\"outcome\":\"success\",\"user\""), 1);
	assert_int_equal(trace_count(&t, "anna"), 0);
	assert_int_equal(trace_count(&t, "pwPW"), 0);
	trace_free(&t);
}

/* A write of 9,000 bytes with a hole in it, and a hole at a border: the next header counts. */
static void
holes(void **state)
{
	static uint8_t big[4 + 9000];
	static const uint8_t head[68] = {0, 0, 0, 64, 0xfe, 'S', 'M', 'B', 0x40};
	struct turn turns[4] = {{.dir = dir_orig}};
	struct trace t;

	(void)state;
	memcpy(big, "\0\0\x23\x28\xfeSMB\x40\0\0\0\0\0\0\0\x09\0", 18);
	turns[0] = (struct turn){.dir = dir_orig, .data = bytes_of(big, 5000)};
	turns[1] = (struct turn){
	    .dir = dir_orig, .gap = 1000, .data = bytes_of(big + 6000, sizeof(big) - 6000)};
	turns[2] = (struct turn){.dir = dir_orig, .data = bytes_of(head, sizeof(head))};
	turns[3] = (struct turn){.dir = dir_orig, .gap = 7, .data = bytes_of(head, sizeof(head))};
	trace_check_cuts(&smb_protocol, turns, 4, 20);
	trace_init(&t);
	trace_feed(&t, &smb_protocol, turns, 4, NULL, false);
	assert_int_equal(t.observer.units[UNIT_smb_messages], 3);
	assert_int_equal(trace_count(&t, "anomaly"), 0);
	trace_free(&t);
}

static void
hostile(void **state)
{
	static const struct bytes cases[] = {
	    BYTES_INIT("\0\0\0\x05\xffSMB\x73"),                       /* header cut */
	    BYTES_INIT("\0\0\0\x10\xfeSMB\x40\0\0\0\0\0\0\0\0\0\0\0"), /* header cut */
	    BYTES_INIT("\x42\0\0\x05hello"),                           /* no frame type */
	    BYTES_INIT("\0\0\0\x23" SMB1("\x73", OK, "\0", "\0\0") "\xff\xff\xff"),
	    BYTES_INIT("\0\0\0\x23" SMB1("\x73", OK, "\x80", "\0\0") "\x04\xff\xff"),
	    BYTES_INIT("\0\0\0\x23" SMB1("\x72", OK, "\x80", "\0\0") "\x01\xff\xff"),
	    BYTES_INIT("\x81\0\x02\x01"
		       "names too long"),
	    BYTES_INIT("\0\xff\xff\xff\xfeSMB"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct turn turn = {.dir = dir_orig, .data = cases[i]};

		trace_check_cuts(&smb_protocol, &turn, 1, 10);
	}
}

static void
hostile_ntlm(void **state)
{
	static const struct {
		struct bytes in;
		bool bad;
	} cases[] = {
	    {BYTES_INIT(""), false},
	    {BYTES_INIT("NTLMSSP\0"), false},
	    {BYTES_INIT("NTLMSSP\0\x02\0\0\0"), false},
	    {BYTES_INIT("NTLMSSP\0\x09\0\0\0"), true},
	    {BYTES_INIT("NTLMSSP\0\x03\0\0\0"), true},
	    {BYTES_INIT("NTLMSSP\0\x03\0\0\0"
			"\0\0\0\0\0\0\0\0"
			"\0\0\0\0\0\0\0\0"
			"\xff\xff\0\0\xff\xff\xff\xff"
			"\0\0\0\0\0\0\0\0"
			"\0\0\0\0\0\0\0\0"
			"\0\0\0\0\0\0\0\0"
			"\0\0\0\0"),
		true},
	    {BYTES_INIT("NTLMSSP\0\x02\0\0\0"
			"\0\0\0\0\0\0\0\0"
			"\0\0\0\0"
			"12345678"
			"\0\0\0\0\0\0\0\0"
			"\x05\0\x05\0\x30\0\0\0"
			"\x01\0\xff\0x"),
		true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace t;

		trace_init(&t);
		(void)ntlm_tell(&t.observer, dir_orig, 0, cases[i].in, PROTO_smb);
		if (trace_count(&t, "ntlm_malformed") != cases[i].bad || t.n != cases[i].bad)
			fail_msg("case %zu: %s", i, trace_text(&t));
		trace_free(&t);
	}
}

static void
probing(void **state)
{
	static const struct {
		struct bytes a, b;
		bool ended;
		enum probe want;
	} cases[] = {
	    {BYTES_INIT("\0\0\0\x40\xfeSMB"), BYTES_INIT(""), false, PROBE_YES},
	    {BYTES_INIT("\0\0\0\x40\xffSMB"), BYTES_INIT(""), false, PROBE_YES},
	    {BYTES_INIT("\0\0\0\x40"), BYTES_INIT(""), false, PROBE_MAYBE},
	    {BYTES_INIT("\0\0\0\x40"), BYTES_INIT(""), true, PROBE_NO},
	    {BYTES_INIT("\0\0\0\x40\xfeSMX"), BYTES_INIT(""), false, PROBE_NO},
	    {BYTES_INIT("\x82\0\0\0"), BYTES_INIT("\0\0\0\x40\xffSMB"), false, PROBE_YES},
	    {BYTES_INIT("\x81\0\0\x44 EBEOEBEMFJFKEFFCDBCACACACACACACA"), BYTES_INIT(""), false,
		PROBE_YES},
	    {BYTES_INIT("\x81\0\0\x44 1234567890123456789012345678901234"), BYTES_INIT(""), false,
		PROBE_NO},
	    {BYTES_INIT("GET /"), BYTES_INIT(""), false, PROBE_NO},
	    {BYTES_INIT("\x0bMSH|"), BYTES_INIT(""), false, PROBE_NO},
	    {BYTES_INIT(""), BYTES_INIT(""), false, PROBE_MAYBE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_view v = {.head = {cases[i].a, cases[i].b}, .ended = cases[i].ended};

		if (smb_protocol.probe(&v) != cases[i].want)
			fail_msg("case %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(version2),
	    cmocka_unit_test(version1),
	    cmocka_unit_test(holes),
	    cmocka_unit_test(hostile),
	    cmocka_unit_test(hostile_ntlm),
	    cmocka_unit_test(probing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
