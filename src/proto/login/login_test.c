/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace.h"

extern const struct protocol ftp_protocol, ssh_protocol, telnet_protocol;

#define C(text)                                                                                    \
	{                                                                                          \
		.dir = dir_orig, .data = BYTES_INIT(text)                                          \
	}
#define S(text)                                                                                    \
	{                                                                                          \
		.dir = dir_resp, .data = BYTES_INIT(text)                                          \
	}

/* Feed, hold any cut against the whole, and give the trace. */
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

/* --- telnet --- */

static void
telnet_login(void **state)
{
	static const struct turn turns[] = {
	    S("\xff\xfb\x01\xff\xfd\x18\r\nDebian GNU/Linux 9\r\nhost login: "),
	    C("\xff\xfc\x18"),
	    C("r"),
	    S("r"),
	    C("ox\x7fo"),
	    S("ox\b \bo"),
	    C("t\r"),
	    S("t\r\n"),
	    S("Password: "),
	    C("hunter2\r\n"),
	    S("\r\nLogin incorrect\r\n"),
	    S("host login: "),
	    C("anna\r\0"),
	    S("anna\r\n"),
	    S("Password: "),
	    C("secret\r\0"),
	    S("\r\nLast login: Mon\r\n$ "),
	    C("ls\r\n"),
	    S("ls\r\nfile\r\n$ "),
	};
	struct trace t;

	(void)state;
	play(&t, &telnet_protocol, turns, ARRAY_LEN(turns));
	want(&t, "\"os\",\"value\":\"Debian GNU/Linux 9\"", 1);
	want(&t, "\"scheme\":\"telnet\"", 2);
	want(&t, "\"account\":\"root\"", 1);
	want(&t, "\"outcome\":\"failure\"", 1);
	want(&t, "\"outcome\":\"success\"", 1);
	want(&t, "\"user\"", 4);
	want(&t, "hunter2", 0);
	want(&t, "anna", 0);
	want(&t, "secret", 0);
	assert_int_equal(t.observer.units[UNIT_telnet_commands], 3);
	trace_free(&t);
}

static void
telnet_outcomes(void **state)
{
	static const struct {
		struct turn turns[5];
		const char *outcome;
	} cases[] = {
	    {{S("login: "), C("a\r"), S("Password: "), C("b\r"), S("\r\nlogin: ")}, "failure"},
	    {{S("login: "), C("a\r"), S("Password: "), C("b\r"), S("\r\nKey in your selection: ")},
		"success"},
	    {{S("login: "), C("a\r"), S("Password: "), C("b\r"), S("\r\nWelcome!\r\n")}, "success"},
	    {{S("login: "), C("a\r"), S("Password: "), C("b\r"), S("\r\nAccess DENIED\r\n")},
		"failure"},
	    {{S("login: "), C("a\r"), S("Password: "), C("b\r"), S("\r\n")}, "unknown"},
	    {{S("Please enter\r\n"), S("Console password: "), C("moxa\n"), S("\r\n"), S("MENU>")},
		"success"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace t;
		char text[40];

		play(&t, &telnet_protocol, cases[i].turns, 5);
		(void)snprintf(text, sizeof(text), "\"outcome\":\"%s\"", cases[i].outcome);
		if (t.n_kind[EV_login] != 1 || t.n_kind[EV_credential] != 1 ||
		    trace_count(&t, text) != 1)
			fail_msg("case %zu: %s", i, trace_text(&t));
		trace_free(&t);
	}
}

static void
telnet_banners(void **state)
{
	static const struct turn moxa[] = {
	    S("\xff\xfb\x03\xff\xfb\x01\r\n-----\r\nModel name       : NPort 5110\r\n"
	      "MAC address      : 00:90:E8:77:01:21\r\nSerial No.       : 4711\r\n"
	      "Firmware version : 2.3 Build 11\r\n\r\nPlease keyin your password:")};
	struct trace t;

	(void)state;
	play(&t, &telnet_protocol, moxa, 1);
	want(&t, "\"model\",\"value\":\"NPort 5110\"", 1);
	want(&t, "\"maker\",\"value\":\"Moxa\"", 1);
	want(&t, "\"serial\",\"value\":\"4711\"", 1);
	want(&t, "\"firmware\",\"value\":\"2.3 Build 11\"", 1);
	trace_free(&t);
}

static void
telnet_hostile(void **state)
{
	static uint8_t long_sub[3000], long_line[3000];
	struct turn turns[3] = {{.dir = dir_resp, .data = {long_sub, sizeof(long_sub)}},
	    {.dir = dir_resp, .data = {long_line, sizeof(long_line)}}, C("x\r\n")};
	static const struct turn odd[] = {S("\xff"), C("\xff\xff\xff"), S("\xff\xfa"),
	    S("\xff\xf0\xff\xf1"), S("\xff\xfa\x2c\xff\xff\xff\xf0login: "),
	    C("\x7f\x7f\x08\r\r\r"), S("password:"), C("\n\n")};
	static const struct turn hole[] = {S("login: "), C("a\r"), S("Password: "),
	    {.dir = dir_orig, .data = BYTES_INIT("ret\r\n"), .gap = 3}, S("\r\n$ "), C("ls\r\n")};
	struct trace t;

	(void)state;
	memset(long_sub, 'A', sizeof(long_sub));
	memcpy(long_sub, "\xff\xfa\x18", 3);
	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line + sizeof(long_line) - 7, "login: ", 7);
	play(&t, &telnet_protocol, turns, 3);
	want(&t, "telnet_suboption_long", 1);
	trace_free(&t);
	play(&t, &telnet_protocol, odd, ARRAY_LEN(odd));
	trace_free(&t);
	play(&t, &telnet_protocol, hole, ARRAY_LEN(hole));
	want(&t, "credential", 0);
	trace_free(&t);
}

static void
telnet_carries_a_serial_line(void **state)
{
	static const struct turn turns[] = {
	    S("\xff\xfd\x2c"), C("\xff\xfb\x2c\xff\xfa\x2c\x01\0\0\x25\x80\xff\xf0")};
	struct trace t;
	void *s;

	(void)state;
	trace_init(&t);
	s = telnet_protocol.open(&t.observer);
	assert_int_equal(telnet_protocol.carries(s), PROTO_telnet);
	telnet_protocol.data(s, dir_resp, turns[0].data, 0);
	assert_int_equal(telnet_protocol.carries(s), PROTO_rfc2217);
	telnet_protocol.close(s);
	trace_free(&t);
}

/* --- FTP --- */

static void
ftp_session(void **state)
{
	static const struct turn turns[] = {S("220-Hello\r\n220 (vsFTPd 3.0.3)\r\n"),
	    C("USER anna\r\n"), S("331 Please specify the password.\r\n"), C("PASS geheim\r\n"),
	    S("530 Login incorrect.\r\n"), C("user anonymous\r\npass a@b\r\n"),
	    S("331 ok\r\n230 in\r\n"), C("SYST\r\n"), S("215 UNIX Type: L8\r\n"),
	    C("STOR patient-miller.csv\r\n"), S("150 go\r\n226 done\r\n"), C("QUIT\r\n"),
	    S("221-bye\r\n230 not a login\r\n221 bye\r\n")};
	struct trace t;

	(void)state;
	play(&t, &ftp_protocol, turns, ARRAY_LEN(turns));
	want(&t, "\"software\",\"value\":\"vsFTPd 3.0.3\"", 1);
	want(&t, "\"scheme\":\"PASS\"", 2);
	want(&t, "\"account\":\"anonymous\"", 1);
	want(&t, "\"outcome\":\"failure\"", 1);
	want(&t, "\"os\",\"value\":\"Unix\"", 1);
	want(&t, "miller", 0);
	want(&t, "geheim", 0);
	want(&t, "anna", 0);
	assert_int_equal(t.observer.units[UNIT_ftp_commands], 7);
	trace_free(&t);
}

static void
ftp_hostile(void **state)
{
	static uint8_t line[5000];
	static const struct turn secure[] = {S("220 FTP\r\n"), C("AUTH TLS\r\n"), S("234 go\r\n"),
	    C("USER x\r\nPASS y\r\n"), S("530 no\r\n")};
	static const struct turn hole[] = {S("220 FTP\r\n"), C("US"),
	    {.dir = dir_orig, .data = BYTES_INIT("PASS in the middle\r\nPASS y\r\n"), .gap = 100}};
	static const struct turn binary[] = {
	    S("220\xff\xfe\n2\n22\n220\n\n\r\n"), C("\0\0\0\n\n"), C("USER\r\nPASS\r\nUSER \r\n")};
	struct turn too_long[] = {{.dir = dir_orig, .data = {line, sizeof(line)}}};
	struct trace t;

	(void)state;
	play(&t, &ftp_protocol, secure, ARRAY_LEN(secure));
	want(&t, "credential", 0);
	want(&t, "login", 0);
	trace_free(&t);
	play(&t, &ftp_protocol, hole, ARRAY_LEN(hole));
	want(&t, "\"scheme\":\"PASS\"", 1);
	trace_free(&t);
	play(&t, &ftp_protocol, binary, ARRAY_LEN(binary));
	trace_free(&t);
	memset(line, 'A', sizeof(line));
	memcpy(line, "MKD ", 4);
	line[sizeof(line) - 1] = '\n';
	play(&t, &ftp_protocol, too_long, 1);
	want(&t, "ftp_line_long", 1);
	trace_free(&t);
}

/* --- SSH --- */

static void
ssh_banners(void **state)
{
	static const struct turn turns[] = {S("SSH-2.0-OpenSSH_8.4p1 Debian-5+deb11u1\r\n"),
	    C("SSH-2.0-PuTTY_Release_0.78\r\n\0\0\x01\x02"),
	    S("\0\0\x03\xff"
	      "SSH-2.0-again\r\n")};
	static const struct turn old[] = {S("hello\r\nSSH-1.99-Cisco-1.25\n"), C("SSH-1.5-x\n")};
	static const struct turn silent[] = {S("SSH-2.0-dropbear_2019.78")};
	struct trace t;

	(void)state;
	play(&t, &ssh_protocol, turns, ARRAY_LEN(turns));
	want(&t, "\"software\",\"value\":\"OpenSSH 8.4p1\"", 1);
	want(&t, "\"os\",\"value\":\"Debian GNU/Linux 11\"", 1);
	want(&t, "\"outcome\":\"unknown\"", 1);
	want(&t, "again", 0);
	assert_int_equal(t.observer.units[UNIT_ssh_banners], 2);
	trace_free(&t);
	play(&t, &ssh_protocol, old, ARRAY_LEN(old));
	want(&t, "ssh_version_1", 2);
	want(&t, "\"os\",\"value\":\"Cisco IOS\"", 1);
	trace_free(&t);
	play(&t, &ssh_protocol, silent, 1);
	want(&t, "dropbear 2019.78", 1);
	want(&t, "login", 0);
	trace_free(&t);
}

/* --- who is who --- */

static void
probing(void **state)
{
	static const struct {
		const char *name;
		struct bytes client, server;
		bool ended;
		enum probe ftp, ssh, telnet;
	} cases[] = {
	    {"nothing", BYTES_INIT(""), BYTES_INIT(""), false, PROBE_MAYBE, PROBE_MAYBE,
		PROBE_MAYBE},
	    {"ssh", BYTES_INIT(""), BYTES_INIT("SSH-2.0-x\r\n"), false, PROBE_NO, PROBE_YES,
		PROBE_MAYBE},
	    {"ssh cut", BYTES_INIT(""), BYTES_INIT("SSH"), false, PROBE_MAYBE, PROBE_MAYBE,
		PROBE_MAYBE},
	    {"ftp", BYTES_INIT(""), BYTES_INIT("220 FTP ready\r\n"), false, PROBE_YES, PROBE_NO,
		PROBE_MAYBE},
	    {"ftp later", BYTES_INIT("USER a\r\n"), BYTES_INIT("220 hello\r\n"), false, PROBE_YES,
		PROBE_NO, PROBE_MAYBE},
	    {"smtp", BYTES_INIT("EHLO a\r\n"), BYTES_INIT("220 mail ESMTP\r\n"), false, PROBE_NO,
		PROBE_NO, PROBE_MAYBE},
	    {"pop3", BYTES_INIT("USER a\r\n"), BYTES_INIT("+OK hi\r\n"), false, PROBE_NO, PROBE_NO,
		PROBE_MAYBE},
	    {"http", BYTES_INIT("GET / HTTP/1.1\r\n"), BYTES_INIT(""), true, PROBE_NO, PROBE_NO,
		PROBE_NO},
	    {"telnet", BYTES_INIT("\xff\xfb\x18"), BYTES_INIT("\xff\xfd\x18\r\nhi"), false,
		PROBE_NO, PROBE_NO, PROBE_YES},
	    {"commands only", BYTES_INIT("\xff\xfb\x18"), BYTES_INIT(""), false, PROBE_NO, PROBE_NO,
		PROBE_MAYBE},
	    {"commands only, over", BYTES_INIT("\xff\xfb\x18"), BYTES_INIT(""), true, PROBE_NO,
		PROBE_NO, PROBE_YES},
	    {"LIS01 behind RFC 2217", BYTES_INIT("\xff\xfb\x2c"), BYTES_INIT("\xff\xfd\x2c\x05"),
		false, PROBE_NO, PROBE_NO, PROBE_NO},
	    {"MLLP", BYTES_INIT("\x0bMSH|^~\\&|\r"), BYTES_INIT(""), false, PROBE_NO, PROBE_NO,
		PROBE_NO},
	    {"bare prompt", BYTES_INIT(""),
		BYTES_INIT("\r\nUser Access Verification\r\n\r\nPassword: "), false, PROBE_NO,
		PROBE_NO, PROBE_YES},
	    {"jpeg", BYTES_INIT("\xff\xd8\xff\xe0"), BYTES_INIT(""), false, PROBE_NO, PROBE_NO,
		PROBE_NO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_view v = {
		    .head = {cases[i].client, cases[i].server}, .ended = cases[i].ended};

		if (ftp_protocol.probe(&v) != cases[i].ftp)
			fail_msg("%s: ftp %d", cases[i].name, ftp_protocol.probe(&v));
		if (ssh_protocol.probe(&v) != cases[i].ssh)
			fail_msg("%s: ssh %d", cases[i].name, ssh_protocol.probe(&v));
		if (telnet_protocol.probe(&v) != cases[i].telnet)
			fail_msg("%s: telnet %d", cases[i].name, telnet_protocol.probe(&v));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(telnet_login),
	    cmocka_unit_test(telnet_outcomes),
	    cmocka_unit_test(telnet_banners),
	    cmocka_unit_test(telnet_hostile),
	    cmocka_unit_test(telnet_carries_a_serial_line),
	    cmocka_unit_test(ftp_session),
	    cmocka_unit_test(ftp_hostile),
	    cmocka_unit_test(ssh_banners),
	    cmocka_unit_test(probing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
