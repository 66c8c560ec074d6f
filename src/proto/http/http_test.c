/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "guard.h"
#include "proto/http/http.h"
#include "proto/http/inflate.h"
#include "proto/http/reader.h"
#include "trace.h"

#define ASK(text)                                                                                  \
	{                                                                                          \
		dir_orig, BYTES_INIT(text), 0                                                      \
	}
#define SAY(text)                                                                                  \
	{                                                                                          \
		dir_resp, BYTES_INIT(text), 0                                                      \
	}

enum { TURNS_MAX = 8 };

struct expectation {
	const char *text; /* NULL: end of list */
	size_t lines;
};

struct conversation_case {
	const char *name;
	struct turn turns[TURNS_MAX];
	unsigned requests, responses;
	struct expectation want[6];
};

static const struct conversation_case cases[] = {
    {"one request, one answer",
	{ASK("GET /a HTTP/1.1\r\nHost: lab\r\nUser-Agent: probe/1.0\r\n\r\n"),
	    SAY("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: Apache/2.4.1 "
		"(Debian)\r\n\r\nabc")},
	1, 1, {{"\"probe/1.0\"", 1}, {"Apache/2.4.1", 1}, {"\"Debian\"", 1}, {"anomaly", 0}}},
    {"pipelined, one answer without a body",
	{ASK("GET /a HTTP/1.1\r\nHost: x\r\n\r\nHEAD /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c "
	     "HTTP/1.1\r\nHost: x\r\n\r\n"),
	    SAY("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: "
		"99\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n")},
	3, 3, {{"anomaly", 0}}},
    {"chunks with extension and trailer",
	{ASK("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	     "3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"),
	    SAY("HTTP/1.1 204 No Content\r\n\r\n"), ASK("GET /b HTTP/1.1\r\nHost: x\r\n\r\n")},
	2, 1, {{"anomaly", 0}}},
    {"100-continue, then the answer",
	{ASK("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"),
	    SAY("HTTP/1.1 100 Continue\r\n\r\n"), ASK("hi"),
	    SAY("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
	1, 2, {{"anomaly", 0}}},
    {"until close",
	{ASK("GET / HTTP/1.0\r\n\r\n"), SAY("HTTP/1.0 200 OK\r\n\r\nabc\r\n\r\nHTTP/1.1")}, 1, 1,
	{{"anomaly", 0}}},
    {"empty lines before a request", {ASK("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")}, 1, 0,
	{{"anomaly", 0}}},
    {"websocket: another protocol after 101",
	{ASK("GET /w HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"),
	    SAY("HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello"),
	    ASK("\x81\x85\r\n\r\nGET / HTTP/1.1\r\n\r\n")},
	1, 1, {{"anomaly", 0}}},
    {"CONNECT",
	{ASK("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"), SAY("HTTP/1.1 200 OK\r\n\r\n"),
	    ASK("\x16\x03\x01")},
	1, 1, {{"anomaly", 0}}},
    {"HTTP/2 preface", {ASK("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12"), SAY("\x00\x00\x12")},
	1, 0, {{"anomaly", 0}}},
    /* signs of smuggling */
    {"length and coding",
	{ASK("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
	     "0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n")},
	2, 0, {{"http_length_and_coding", 1}}},
    {"two lengths",
	{ASK("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: "
	     "2\r\n\r\nab")},
	1, 0, {{"http_lengths_differ", 1}}},
    {"the same length twice", {ASK("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\n\r\nab")},
	1, 0, {{"anomaly", 0}}},
    {"length with a sign", {ASK("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\nab")}, 1,
	0, {{"http_length_bad", 1}}},
    {"length past 64 bits",
	{ASK("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\nab")}, 1,
	0, {{"http_length_bad", 1}}},
    {"coding in disguise",
	{ASK("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n")}, 1, 0,
	{{"http_coding_disguised", 1}}},
    {"chunked is not last",
	{ASK("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n")}, 1, 0,
	{{"http_coding_disguised", 1}}},
    {"blank before the colon", {ASK("POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n")}, 1,
	0, {{"http_space_before_colon", 1}}},
    {"folded field", {ASK("GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n")}, 1, 0,
	{{"http_fold", 1}}},
    {"bare LF", {ASK("GET / HTTP/1.1\nHost: x\n\n")}, 1, 0, {{"http_bare_lf", 1}}},
    {"bare CR", {ASK("GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n")}, 1, 0, {{"http_bare_cr", 1}}},
    {"NUL", {ASK("GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n")}, 1, 0, {{"http_nul", 1}}},
    {"no Host", {ASK("GET / HTTP/1.1\r\n\r\n")}, 1, 0, {{"http_host_bad", 1}}},
    {"two Hosts", {ASK("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")}, 1, 0,
	{{"http_host_bad", 1}}},
    {"a line that is no field", {ASK("GET / HTTP/1.1\r\nHost: x\r\nrubbish\r\n\r\n")}, 1, 0,
	{{"http_field_bad", 1}}},
    {"a chunk that is no number",
	{ASK("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
	     "GET /b HTTP/1.1\r\nHost: x\r\n\r\n")},
	2, 0, {{"http_chunk_bad", 1}}},
    {"a chunk that is longer than it says",
	{ASK("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
	     "chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n")},
	1, 0, {{"http_chunk_bad", 1}}},
    {"a chunk of 2^64",
	{ASK("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
	     "chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nabc")},
	1, 0, {{"http_chunk_bad", 1}}},
    {"rubbish, then a request", {ASK("rubbish\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")}, 1, 0,
	{{"http_start_line_bad", 1}}},
    {"cut in the head", {ASK("GET / HTTP/1.1\r\nHo")}, 0, 0, {{"http_message_cut", 1}}},
    {"cut in the body", {ASK("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")}, 1, 0,
	{{"http_message_cut", 1}}},
    {"an answer to nothing", {SAY("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")}, 0, 1,
	{{"http_answer_unasked", 1}}},
    /* log-ins */
    {"Basic, refused, then accepted",
	{ASK("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRtaW46eA==\r\n\r\n"),
	    SAY("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
	    ASK("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRtaW46eQ==\r\n\r\n"),
	    SAY("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
	    ASK("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRtaW46eQ==\r\n\r\n"),
	    SAY("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
	3, 3,
	{{"\"scheme\":\"Basic\"", 2}, {"\"account\":\"admin\"", 2}, {"\"failure\"", 1},
	    {"\"success\"", 1}}},
    {"Digest tells a user, but no password",
	{ASK("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Digest username=\"bob\", "
	     "realm=\"r\"\r\n\r\n"),
	    SAY("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
	1, 1, {{"\"credential\"", 0}, {"\"success\"", 1}}},
    {"Bearer",
	{ASK("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer abc.def\r\n\r\n"),
	    SAY("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")},
	1, 1, {{"\"scheme\":\"Bearer\"", 1}, {"\"failure\"", 1}}},
    {"a password in a form",
	{ASK(
	    "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	    "Content-Length: 22\r\n\r\nuser=root&password=abc")},
	1, 0, {{"\"scheme\":\"form\"", 1}, {"\"account\":\"root\"", 1}, {"abc", 0}}},
    {"a password in a URL", {ASK("GET /x?user=bob&passwd=secret HTTP/1.1\r\nHost: x\r\n\r\n")}, 1,
	0, {{"\"scheme\":\"URL\"", 1}, {"secret", 0}, {"bob", 0}}},
    {"Basic of rubbish", {ASK("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ****\r\n\r\n")}, 1,
	0, {{"\"scheme\":\"Basic\"", 1}}},
    /* machines */
    {"Windows XP, Moxa",
	{ASK("GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: Mozilla/4.0 (compatible; MSIE 8.0; Windows "
	     "NT "
	     "5.1)\r\n\r\n"),
	    SAY("HTTP/1.1 401 No\r\nServer: MoxaHttp/1.0\r\nWWW-Authenticate: Basic realm=\"NPort "
		"5610\"\r\nContent-Length: 0\r\n\r\n")},
	1, 1, {{"\"Windows XP\"", 1}, {"\"MSIE 8.0\"", 1}, {"\"Moxa\"", 2}, {"\"NPort 5610\"", 1}}},
    /* files */
    {"a program as a body",
	{ASK("POST /u HTTP/1.1\r\nHost: x\r\nContent-Type: "
	     "application/octet-stream\r\nContent-Length: "
	     "6\r\n\r\nMZ\x90\0\3\0")},
	1, 0, {{"\"windows_executable\"", 1}, {"\"size\":6", 1}}},
    {"a multipart with a program",
	{ASK("POST /u HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
	     "boundary=\"b1\"\r\nTransfer-Encoding: chunked\r\n\r\n"
	     "57\r\n--b1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\njust "
	     "text\r\n-\r\n--b1\r\n"
	     "Content-Type: app\r\n25\r\nlication/x-elf\r\n\r\n\x7f"
	     "ELF\x01\x01--b\r\n--b1--\r\n\r\n0\r\n\r\n")},
	1, 0, {{"\"linux_executable\"", 1}, {"\"size\":9", 1}, {"application/x-elf", 1}}},
    {"a multipart without an end",
	{ASK("POST /u HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
	     "boundary=b1\r\nContent-Length: 9\r\n\r\n--b1\r\n\r\nx")},
	1, 0, {{"http_multipart_bad", 1}}},
    {"a multipart without a boundary",
	{ASK("POST /u HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/related\r\nContent-Length: "
	     "1\r\n\r\nx")},
	1, 0, {{"http_multipart_bad", 1}}},
    {"a body that says gzip and is not",
	{ASK("POST /u HTTP/1.1\r\nHost: x\r\nContent-Type: application/dicom\r\nContent-Encoding: "
	     "gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\xff\xff")},
	1, 0, {{"http_coding_bad", 1}}},
    /* holes */
    {"a hole inside a body",
	{ASK("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"),
	    {dir_orig, BYTES_INIT("hijGET /b HTTP/1.1\r\nHost: x\r\n\r\n"), 4}},
	2, 0, {{"anomaly", 0}}},
    {"a hole over a message's end",
	{ASK("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"),
	    {dir_orig, BYTES_INIT("rest of something\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"), 400},
	    SAY("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
	2, 1, {{"anomaly", 0}}},
    {"a hole in a head",
	{ASK("GET / HTTP/1.1\r\nHo"),
	    {dir_orig, BYTES_INIT("x\r\n\r\nGET / HTTP/1.1\r\nHost: y\r\n\r\n"), 30}},
	1, 0, {{"anomaly", 0}}},
};

static size_t
n_turns(const struct turn *t)
{
	size_t n = 0;

	while (n < TURNS_MAX && t[n].data.len > 0)
		n++;
	return n;
}

static void
conversations(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct conversation_case *c = &cases[i];
		struct trace t;

		trace_init(&t);
		trace_feed(&t, &http_protocol, c->turns, n_turns(c->turns), NULL, false);
		for (size_t k = 0; k < ARRAY_LEN(c->want) && c->want[k].text != NULL; k++) {
			if (trace_count(&t, c->want[k].text) != c->want[k].lines)
				fail_msg("%s: %s: %s", c->name, c->want[k].text, trace_text(&t));
		}
		if (t.observer.units[UNIT_http_requests] != c->requests ||
		    t.observer.units[UNIT_http_responses] != c->responses)
			fail_msg("%s: %u requests, %u responses", c->name,
			    (unsigned)t.observer.units[UNIT_http_requests],
			    (unsigned)t.observer.units[UNIT_http_responses]);
		trace_free(&t);
		trace_check_cuts(&http_protocol, c->turns, n_turns(c->turns), 12);
	}
}

/* A part with a DICOM file whose preamble is a program: the place tells it. */
static void
stow_preamble(void **state)
{
	static const char head[] = "POST /studies HTTP/1.1\r\nHost: x\r\nContent-Type: "
				   "multipart/related; type=\"application/dicom\"; "
				   "boundary=xx\r\nContent-Length: 192\r\n\r\n";
	static const char part[] = "--xx\r\nContent-Type: application/dicom\r\n\r\n";
	uint8_t file[sizeof(head) + 192] = {0};
	struct turn turn = {dir_orig, {file, sizeof(head) - 1 + 192}, 0};
	uint8_t *p = file + sizeof(head) - 1;
	struct trace t;

	(void)state;
	memcpy(file, head, sizeof(head) - 1);
	memcpy(p, part, sizeof(part) - 1);
	p += sizeof(part) - 1;
	memcpy(p, "MZ", 2);
	memcpy(p + 128, "DICM", 4);
	memcpy(file + turn.data.len - 10, "\r\n--xx--\r\n", 10);
	trace_init(&t);
	trace_feed(&t, &http_protocol, &turn, 1, NULL, false);
	assert_int_equal(trace_count(&t, "\"DICOM preamble\""), 1);
	assert_int_equal(trace_count(&t, "windows_executable"), 1);
	trace_free(&t);
	trace_check_cuts(&http_protocol, &turn, 1, 20);
}

static void
caps(void **state)
{
	size_t len = 200 * 1024;
	char *big = malloc(len);
	struct trace t;
	struct turn turn = {dir_orig, {(uint8_t *)big, len}, 0};
	int n;

	(void)state;
	assert_non_null(big);
	/* A head without an end, then a request that is found again. */
	memset(big, 'a', len);
	memcpy(big, "GET / HTTP/1.1\r\nX: ", 19);
	memcpy(big + len - 31, "\nGET / HTTP/1.1\r\nHost: xyz\r\n\r\n", 31);
	trace_init(&t);
	trace_feed(&t, &http_protocol, &turn, 1, NULL, false);
	assert_int_equal(trace_count(&t, "unit_too_large"), 1);
	assert_int_equal(t.observer.units[UNIT_http_requests], 1);
	assert_true(t.budget.high < 256 * 1024);
	trace_free(&t);
	trace_check_cuts(&http_protocol, &turn, 1, 3);
	/* More fields than are kept. */
	n = snprintf(big, len, "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 500; i++)
		n += snprintf(big + n, len - (size_t)n, "X-%d: y\r\n", i);
	n += snprintf(big + n, len - (size_t)n, "\r\n");
	turn.data.len = (size_t)n;
	trace_init(&t);
	trace_feed(&t, &http_protocol, &turn, 1, NULL, false);
	assert_int_equal(trace_count(&t, "http_fields_many"), 1);
	trace_free(&t);
	/* More requests than slots, none answered. */
	n = 0;
	for (int i = 0; i < 100; i++)
		n += snprintf(big + n, len - (size_t)n, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
	turn.data.len = (size_t)n;
	trace_init(&t);
	trace_feed(&t, &http_protocol, &turn, 1, NULL, false);
	assert_int_equal(t.observer.units[UNIT_http_requests], 100);
	trace_free(&t);
	free(big);
}

static void
count_bytes(void *ctx, struct bytes out)
{
	*(uint64_t *)ctx += out.len;
}

static void
inflating(void **state)
{
	struct budget b = {.cap = 1 << 20};
	struct inflater *f = inflater_new(&b);
	uLong room = compressBound(32 << 20);
	uint8_t *packed = malloc(room), *plain = calloc(1, 32 << 20);
	uint64_t n = 0;

	(void)state;
	assert_non_null(f);
	assert_non_null(packed);
	assert_non_null(plain);
	assert_int_equal(compress(packed, &room, plain, 32 << 20), Z_OK);
	/* Zeros: 32 MiB from 32 KiB. Stopped early, in any cut. */
	inflater_begin(f);
	assert_int_equal(inflater_data(f, bytes_of(packed, room), count_bytes, &n), INFLATE_BOMB);
	assert_true(n < 4 << 20);
	inflater_begin(f);
	n = 0;
	for (size_t i = 0; i < room; i++) {
		if (inflater_data(f, bytes_of(packed + i, 1), count_bytes, &n) != INFLATE_MORE)
			break;
	}
	assert_true(n > 0 && n < 4 << 20);
	/* A small one in single bytes, twice through the same inflater. */
	room = compressBound(32 << 20);
	assert_int_equal(compress(packed, &room, (const uint8_t *)"hello hello hello", 17), Z_OK);
	for (int round = 0; round < 2; round++) {
		enum inflate_result r = INFLATE_MORE;

		inflater_begin(f);
		n = 0;
		for (size_t i = 0; i < room; i++)
			r = inflater_data(f, bytes_of(packed + i, 1), count_bytes, &n);
		assert_int_equal(r, INFLATE_END);
		assert_int_equal(n, 17);
	}
	inflater_begin(f);
	assert_int_equal(
	    inflater_data(f, BYTES("\x78\x9c\xff\xff\xff"), count_bytes, &n), INFLATE_BAD);
	inflater_free(f);
	assert_int_equal(b.used, 0);
	free(packed);
	free(plain);
}

static void
probing(void **state)
{
	static const struct {
		struct bytes orig, resp;
		enum probe want;
	} probes[] = {
	    {BYTES_INIT("GET / HTTP/1.1\r\n"), BYTES_INIT(""), PROBE_YES},
	    {BYTES_INIT("GET /abc"), BYTES_INIT(""), PROBE_MAYBE},
	    {BYTES_INIT("GE"), BYTES_INIT(""), PROBE_MAYBE},
	    {BYTES_INIT("GET / FOO\r\n"), BYTES_INIT(""), PROBE_NO},
	    {BYTES_INIT("GET\r\n"), BYTES_INIT(""), PROBE_NO},
	    {BYTES_INIT("OPTIONS rtsp://x RTSP/1.0\r\n"), BYTES_INIT(""), PROBE_NO},
	    {BYTES_INIT(""), BYTES_INIT("HTTP/1.1 200 OK"), PROBE_YES},
	    {BYTES_INIT(""), BYTES_INIT("HTTP/1.1 abc OK"), PROBE_NO},
	    {BYTES_INIT("xyz"), BYTES_INIT("HTTP/1.1 200 OK"), PROBE_YES},
	    {BYTES_INIT("\x0bMSH|"), BYTES_INIT(""), PROBE_NO},
	    {BYTES_INIT("GET /\x00\x01"), BYTES_INIT(""), PROBE_NO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
		struct guard a = guard_new(probes[i].orig), b = guard_new(probes[i].resp);
		struct probe_view v = {{a.view, b.view}, {0, 0}, false};

		if (http_protocol.probe(&v) != probes[i].want)
			fail_msg("probe %zu", i);
		guard_free(&a);
		guard_free(&b);
	}
}

static void
start_lines(void **state)
{
	static const char *const bad[] = {"", "GET", "GET /", "GET / HTTP/1.", "GET / HTTP/a.1",
	    " / HTTP/1.1", "G@T / HTTP/1.1", "GET HTTP/1.1", "HTTP/1.1", "HTTP/1.1 20",
	    "HTTP/1.1 2000 x", "HTTP/1.1  200", "HTTP/1.1 099 x",
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (http_start_line(bytes_str(bad[i])) != HTTP_UNKNOWN)
			fail_msg("%s", bad[i]);
	}
	assert_int_equal(http_start_line(BYTES("GET / HTTP/1.1\r\n")), HTTP_REQUEST);
	assert_int_equal(http_start_line(BYTES("GET /a b HTTP/1.1")), HTTP_REQUEST);
	assert_int_equal(http_start_line(BYTES("HTTP/1.0 404")), HTTP_RESPONSE);
	assert_int_equal(http_start_line(BYTES("HTTP/1.0 404 Not here\r\n")), HTTP_RESPONSE);
}

static void
decoding(void **state)
{
	struct buf out = {0};

	(void)state;
	trace_decode(&http_protocol,
	    BYTES("POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / "
		  "HTTP/1.1\r\n\r\n"),
	    &out);
	assert_non_null(strstr((char *)out.ptr, "\"target\":\"/a?b\""));
	assert_non_null(strstr((char *)out.ptr, "\"body_length\":3"));
	assert_non_null(strstr((char *)out.ptr, "\"offset\":53"));
	assert_non_null(strstr((char *)out.ptr, "http_host_bad"));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(conversations),
	    cmocka_unit_test(stow_preamble),
	    cmocka_unit_test(caps),
	    cmocka_unit_test(inflating),
	    cmocka_unit_test(probing),
	    cmocka_unit_test(start_lines),
	    cmocka_unit_test(decoding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
