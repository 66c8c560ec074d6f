/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/poct1a/poct1a.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"
#include "guard.h"
#include "proto/mllp/mllp.h"
#include "proto/poct1a/document.h"
#include "trace.h"

static const enum name_value O = dir_orig, R = dir_resp;

#define HDR(type, id)                                                                              \
	"<HDR><HDR.message_type V=\"" type "\"/><HDR.control_id V=\"" id                           \
	"\"/><HDR.version_id V=\"POCT1\"/></HDR>"
#define HELLO                                                                                      \
	"<HEL.R01>" HDR("HEL.R01",                                                                 \
	    "1") "<DEV><DEV.device_id V=\"TDX^GM-200^GM2-1\"/><DEV.vendor_id V=\"TDX\"/>"          \
		 "<DEV.model_id V=\"GM-200\"/><DEV.serial_id V=\"GM2-1\"/>"                        \
		 "<DEV.manufacturer_name V=\"Test &amp; Co\"/><DEV.sw_version "                    \
		 "V=\"\">4.4</DEV.sw_version>"                                                     \
		 "</DEV></HEL.R01>"
#define ACK_OF(id, of)                                                                             \
	"<ACK.R01>" HDR("ACK.R01", id) "<ACK><ACK.type_cd V=\"AA\"/><ACK.ack_control_id V=\"" of   \
				       "\"/></ACK></ACK.R01>"
#define OBS(code, value)                                                                           \
	"<OBS><OBS.observation_id V=\"" code "\" SN=\"LN\" DN=\"Glucose\"/>"                       \
	"<OBS.value V=\"" value "\" U=\"mmol/L\"/><OBS.status_cd V=\"A\"/>"                        \
	"<OBS.interpretation_cd V=\"H\"/><OBS.normal_lo-hi_limit V=\"[3.9;5.6]\"/></OBS>"
#define RESULT(id, obs)                                                                            \
	"<?xml version=\"1.0\"?><OBS.R01>" HDR("OBS.R01",                                          \
	    id) "<SVC><SVC.observation_dttm V=\"2026-03-04T10:00:00\"/><SVC.sequence_nbr "         \
		"V=\"7\"/>"                                                                        \
		"<PT><PT.patient_id V=\"TP-1\"/><PT.name V=\"ALFA\"/>" obs "</PT>"                 \
		"<OPR><OPR.operator_id V=\"OP-7\"/></OPR><ORD><ORD.order_id V=\"A-1\"/></ORD>"     \
		"<NTE><NTE.text V=\"a note\"/></NTE></SVC></OBS.R01>"

static void
hear(const struct turn *turns, size_t n, struct trace *t)
{
	trace_check_cuts(&poct1a_protocol, turns, n, 8);
	trace_init(t);
	trace_feed(t, &poct1a_protocol, turns, n, NULL, false);
}

static void
one(const char *text, struct trace *t)
{
	struct turn turn = {O, bytes_str(text), 0};

	hear(&turn, 1, t);
}

static void
expect(struct trace *t, const char *needle, size_t n)
{
	if (trace_count(t, needle) != n)
		fail_msg("%zu lines with %s, expected %zu:\n%s", trace_count(t, needle), needle, n,
		    trace_text(t));
}

#define UNITS(t) ((t)->observer.units[UNIT_poct1a_documents])

static void
conversation(void **state)
{
	const struct turn turns[] = {{O, BYTES(HELLO), 0}, {R, BYTES(ACK_OF("100", "1")), 0},
	    {O, BYTES(RESULT("2", OBS("2339-0", "6.4") OBS("3024-7", "&lt;0.2"))), 0},
	    {R, BYTES(ACK_OF("101", "2") ACK_OF("102", "77")), 0},
	    {O, BYTES(RESULT("2", OBS("2339-0", "6.4"))), 0}};
	struct trace t;

	(void)state;
	hear(turns, ARRAY_LEN(turns), &t);
	expect(&t, "\"type\":\"HEL.R01\",\"version\":\"POCT1\",\"sender\":\"TDX^GM-200^GM2-1\"", 1);
	expect(&t, "\"attr\":\"maker\",\"value\":\"Test & Co\"", 1);
	expect(&t, "\"attr\":\"software\",\"value\":\"4.4\"", 1);
	expect(&t, "\"attr\":\"serial\",\"value\":\"GM2-1\"", 1);
	expect(&t, "\"category\":\"ack\"", 3);
	expect(&t, "\"ack\":\"AA\"", 3);
	expect(&t, "\"flags\":32", 1); /* the ACK of 77 */
	expect(&t, "\"flags\":4", 1);  /* the repeated OBS */
	expect(&t,
	    "\"code\":\"2339-0\",\"system\":\"LN\",\"name\":\"Glucose\",\"sub\":\"7\","
	    "\"value\":\"6.4\",\"units\":\"mmol/L\",\"range\":\"[3.9;5.6]\",\"flags\":\"H\","
	    "\"status\":\"A\",\"observed\":\"2026-03-04T10:00:00\"",
	    2);
	expect(&t, "\"value\":\"<0.2\"", 1);
	expect(&t, "\"phi\":5", 2);
	expect(&t, "ALFA", 0);
	expect(&t, "TP-1", 0);
	expect(&t, "OP-7", 0);
	expect(&t, "\"kind\":\"anomaly\"", 0);
	assert_int_equal(UNITS(&t), 6);
	trace_free(&t);
}

/* message offset + result offset is where the value stands. */
static void
offsets(void **state)
{
	static const char text[] = "\r\n" RESULT("2", OBS("2339-0", "6.4"));
	struct bytes b = bytes_str(text);
	char needle[64];
	struct trace t;

	(void)state;
	one(text, &t);
	(void)snprintf(needle, sizeof(needle), "\"offset\":%u,\"corrects\"",
	    (unsigned)bytes_find_seq(b, BYTES("6.4")) - 2);
	expect(&t, needle, 1);
	expect(&t, "\"offset\":2,\"message\"", 1);
	trace_free(&t);
}

struct kind_case {
	const char *root, *category;
};

static void
kinds(void **state)
{
	static const struct kind_case table[] = {{"HEL.R01", "session"}, {"DST.R01", "status"},
	    {"EVS.R01", "status"}, {"REQ.R01", "query"}, {"EOT.R01", "session"},
	    {"END.R01", "session"}, {"ESC.R01", "session"}, {"DTV.R01", "directive"},
	    {"DTV.R02", "directive"}, {"CFG.R01", "config"}, {"OPL.R01", "account"},
	    {"PTL.R01", "patient"}, {"OBS.R02", "result"}, {"NOVA.TPL.R01", "other"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char text[80], needle[60];
		struct trace t;

		(void)snprintf(text, sizeof(text), "<%s/>", table[i].root);
		(void)snprintf(needle, sizeof(needle), "\"category\":\"%s\"", table[i].category);
		one(text, &t);
		expect(&t, needle, 1);
		expect(&t, table[i].root, 1);
		expect(&t, "\"kind\":\"anomaly\"", 0);
		trace_free(&t);
	}
}

static void
passwords(void **state)
{
	struct buf list = {0};
	struct trace t;

	(void)state;
	one("<OPL.R01><OPR><OPR.operator_id V='admin'/><ACC><ACC.password V='1357'/></ACC></OPR>"
	    "<OPR><OPR.operator_id V='OP-8'/><ACC><ACC.password V=''/></ACC></OPR></OPL.R01>",
	    &t);
	expect(&t, "\"scheme\":\"ACC.password\"", 1);
	expect(&t, "\"account\":\"admin\"", 1);
	expect(&t, "1357", 0);
	trace_free(&t);
	buf_text(&list, "<OPL.R01>");
	for (int i = 0; i < 100; i++)
		buf_text(
		    &list, "<OPR><OPR.operator_id V='x'/><ACC><ACC.password V='y'/></ACC></OPR>");
	buf_text(&list, "</OPL.R01>");
	buf_byte(&list, 0);
	one((char *)list.ptr, &t);
	expect(&t, "\"kind\":\"credential\"", DOCUMENT_ACCOUNTS_MAX);
	expect(&t, "poct1a_accounts_many", 1);
	trace_free(&t);
	buf_free(&list);
}

struct refused_case {
	const char *text, *anomaly;
	size_t messages;
};

/* Refused documents are told with their type at most: no ids, no results, no claims. */
static void
refused(void **state)
{
	static const struct refused_case table[] = {
	    {"<!DOCTYPE OBS.R01 [<!ENTITY x SYSTEM 'file:///etc/x'>]>" RESULT("1", OBS("1", "&x;")),
		"poct1a_doctype", 1},
	    {RESULT("1", OBS("1", "&x;")), "poct1a_entity", 1},
	    {"<HEL.R01>" HDR("HEL.R01", "1") "<DEV><DEV.model_id V='GM'/></HEL.R01></DEV>",
		"poct1a_mismatch", 1},
	    {"<OBS.R01>" HDR("OBS.R01", "1") "<SVC>", "poct1a_cut", 1},
	    {"<OBS.R01 a=1></OBS.R01>", "poct1a_malformed", 1},
	    {"<X><Y></X></Y>", "poct1a_mismatch", 0},
	    {"</OBS.R01>", "poct1a_malformed", 0},
	    {"junk", "poct1a_noise", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct trace t;

		one(table[i].text, &t);
		expect(&t, table[i].anomaly, 1);
		expect(&t, "\"kind\":\"message\"", table[i].messages);
		expect(&t, "\"control\"", 0);
		expect(&t, "\"results\"", 0);
		expect(&t, "\"kind\":\"claim\"", 0);
		trace_free(&t);
	}
}

static void
deep(void **state)
{
	struct buf b = {0};
	struct trace t;

	(void)state;
	buf_text(&b, "<OBS.R01>");
	for (int i = 0; i < 5000; i++)
		buf_text(&b, "<A>");
	for (int i = 0; i < 5000; i++)
		buf_text(&b, "</A>");
	buf_text(&b, "</OBS.R01>" ACK_OF("1", "2"));
	buf_byte(&b, 0);
	one((char *)b.ptr, &t);
	expect(&t, "poct1a_depth", 1);
	expect(&t, "\"category\":\"ack\"", 1);
	trace_free(&t);
	buf_free(&b);
}

static void
oddities(void **state)
{
	struct trace t;

	(void)state;
	one("<DTV.R01>" HDR("REQ.R01", "1") "</DTV.R01>", &t);
	expect(&t, "poct1a_type_differs", 1);
	expect(&t, "\"type\":\"DTV.R01\"", 1);
	trace_free(&t);
	one("<?xml version='1.0'?>\r\n<!-- a > b --><DST.R01 "
	    "x='>'><![CDATA[</DST.R01>]]></DST.R01>\r\n",
	    &t);
	expect(&t, "\"type\":\"DST.R01\"", 1);
	trace_free(&t);
	one("<FOO><BAR V='1'/></FOO>", &t);
	expect(&t, "poct1a_root_unknown", 1);
	expect(&t, "\"category\":\"other\"", 1);
	trace_free(&t);
	one("<ACK.R01><ACK><ACK.type_cd V='AE'/><ACK.control_id V='9'/></ACK></ACK.R01>", &t);
	expect(&t, "\"ack_of\"", 1);
	expect(&t, "\"ack\":\"AE\"", 1);
	trace_free(&t);
	one(RESULT("1", OBS("1", "Mrs Smith said so")), &t);
	expect(&t, "\"value_hash\"", 1);
	expect(&t, "Smith", 0);
	trace_free(&t);
}

/* More results than wait for an order at one time, more than an event holds. */
static void
many_results(void **state)
{
	struct buf b = {0};
	struct turn turn;
	struct trace t;

	(void)state;
	buf_text(&b, "<OBS.R01><SVC><PT><PT.patient_id V='p'/>");
	for (int i = 0; i < 4000; i++)
		buf_text(&b, OBS("2339-0", "6.4"));
	buf_text(&b, "</PT></SVC></OBS.R01>");
	turn = (struct turn){O, buf_bytes(&b), 0};
	trace_init(&t);
	trace_feed(&t, &poct1a_protocol, &turn, 1, NULL, false);
	expect(&t, "\"n_results\":4000", 1);
	expect(&t, "\"flags\":16", 1);
	trace_free(&t);
	buf_free(&b);
}

static void
in_blocks(void **state)
{
	struct buf b = {0};
	struct turn turns[2];
	struct trace t;

	(void)state;
	mllp_write(&b, BYTES(HELLO));
	mllp_write(&b, BYTES(RESULT("2", OBS("2339-0", "6.4"))));
	mllp_write(&b, BYTES("<OBS.R01><torn>"));
	turns[0] = (struct turn){O, buf_bytes(&b), 0};
	turns[1] = (struct turn){R, BYTES(ACK_OF("3", "1")), 0};
	hear(turns, 2, &t);
	expect(&t, "\"carrier\":\"mllp\"", 3);
	expect(&t, "\"carrier\":\"none\"", 1);
	expect(&t, "poct1a_cut", 1);
	expect(&t, "\"value\":\"6.4\"", 1);
	trace_free(&t);
	buf_free(&b);
}

static void
wide(struct buf *out, const char *text, bool big)
{
	for (; *text != 0; text++) {
		if (big)
			buf_byte(out, 0);
		buf_byte(out, (uint8_t)*text);
		if (!big)
			buf_byte(out, 0);
	}
}

static void
utf16(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		struct buf b = {0};
		struct turn turn;
		struct trace t;

		if (form < 2)
			buf_add(&b, form == 0 ? BYTES("\xff\xfe") : BYTES("\xfe\xff"));
		wide(&b, &RESULT("2", OBS("2339-0", "6.4"))[21], form % 2 == 1);
		turn = (struct turn){O, buf_bytes(&b), 0};
		hear(&turn, 1, &t);
		expect(&t, "poct1a_utf16", 1);
		expect(&t, "\"type\":\"OBS.R01\"", 1);
		expect(&t, "\"value\":\"6.4\"", 1);
		trace_free(&t);
		buf_free(&b);
	}
}

static void
holes(void **state)
{
	const struct turn turns[] = {
	    {O, BYTES(HELLO "<OBS.R01>" HDR("OBS.R01", "2") "<SVC><PT>"), 0},
	    {O, BYTES("'/></PT></SVC></OBS.R01>" RESULT("3", OBS("1", "5"))), 500},
	    {R, BYTES("lost.R01><A/></A>" ACK_OF("9", "3")), 20}};
	struct trace t;

	(void)state;
	hear(turns, ARRAY_LEN(turns), &t);
	expect(&t, "poct1a_cut", 1);
	expect(&t, "\"flags\":3", 1);
	expect(&t, "\"value\":\"5\"", 1);
	expect(&t, "\"category\":\"ack\"", 1);
	assert_int_equal(UNITS(&t), 4);
	trace_free(&t);
}

static void
random_talk(void **state)
{
	static const char *const parts[] = {HELLO, ACK_OF("1", "2"), "<OBS.R01>", "</OBS.R01>",
	    "<A>", "</A>", "<!--", "-->", "<?xml ", "?>", "\x0b", "\x1c\r", "&x;", "<!DOCTYPE x>",
	    "'", "\"", "\xff\xfe", "<", "\x00", " "};
	struct rng rng = rng_new(12);

	(void)state;
	for (int round = 0; round < 150; round++) {
		struct turn turns[6];
		struct buf b[6] = {{0}};
		size_t n = 1 + rng_below(&rng, 6);

		for (size_t i = 0; i < n; i++) {
			for (size_t m = 1 + rng_below(&rng, 6); m > 0; m--) {
				const char *part = parts[rng_below(&rng, ARRAY_LEN(parts))];

				buf_add(&b[i], *part == 0 ? bytes_of(part, 1) : bytes_str(part));
			}
			turns[i] = (struct turn){rng_below(&rng, 2) == 0 ? O : R, buf_bytes(&b[i]),
			    rng_below(&rng, 8) == 0 ? 1 + rng_below(&rng, 9) : 0};
		}
		trace_check_cuts(&poct1a_protocol, turns, n, 3);
		for (size_t i = 0; i < n; i++)
			buf_free(&b[i]);
	}
}

static void
poor(void **state)
{
	(void)state;
	for (size_t cap = 0; cap < 40000; cap += 1499) {
		struct trace t;
		void *s;

		trace_init(&t);
		t.budget.cap = cap;
		if ((s = poct1a_protocol.open(&t.observer)) != NULL) {
			poct1a_protocol.data(s, O, BYTES(HELLO RESULT("2", OBS("&lt;", "1"))), 0);
			poct1a_protocol.end(s, O);
			poct1a_protocol.end(s, R);
			poct1a_protocol.close(s);
		}
		trace_free(&t);
	}
}

struct probe_case {
	const char *name;
	struct bytes head[2];
	bool ended;
	enum probe want;
};

static void
probes(void **state)
{
	static const struct probe_case table[] = {
	    {"nothing", {{NULL, 0}, {NULL, 0}}, false, PROBE_MAYBE},
	    {"nothing came", {{NULL, 0}, {NULL, 0}}, true, PROBE_NO},
	    {"root", {BYTES_INIT("<HEL.R01><HDR>"), {NULL, 0}}, false, PROBE_YES},
	    {"declaration", {BYTES_INIT("<?xml version='1.0'?>\r\n<HEL.R01>"), {NULL, 0}}, false,
		PROBE_YES},
	    {"declaration only", {BYTES_INIT("<?xml version='1.0'?>"), {NULL, 0}}, false,
		PROBE_MAYBE},
	    {"half a name", {BYTES_INIT("<HEL.R"), {NULL, 0}}, false, PROBE_MAYBE},
	    {"half a name at the end", {BYTES_INIT("<HEL.R"), {NULL, 0}}, true, PROBE_NO},
	    {"responder", {{NULL, 0}, BYTES_INIT("<REQ.R01>")}, false, PROBE_YES},
	    {"MLLP", {BYTES_INIT("\x0b<?xml version='1.0'?><OBS.R01>"), {NULL, 0}}, false,
		PROBE_YES},
	    {"comment", {BYTES_INIT("<!-- x --><OBS.R02 >"), {NULL, 0}}, false, PROBE_YES},
	    {"mark", {BYTES_INIT("\xef\xbb\xbf<OBS.R01>"), {NULL, 0}}, false, PROBE_YES},
	    {"UTF-16",
		{BYTES_INIT("\xff\xfe<\0H\0E\0L\0.\0R\0"
			    "0\0"
			    "1\0>\0"),
		    {NULL, 0}},
		false, PROBE_YES},
	    {"vendor topic", {BYTES_INIT("<NOVA.TPL.R01>"), {NULL, 0}}, false, PROBE_YES},
	    {"CDA", {BYTES_INIT("<?xml version='1.0'?><ClinicalDocument>"), {NULL, 0}}, false,
		PROBE_NO},
	    {"HTML", {BYTES_INIT("<!DOCTYPE html><html>"), {NULL, 0}}, false, PROBE_NO},
	    {"HL7", {BYTES_INIT("\x0bMSH|^~\\&|"), {NULL, 0}}, false, PROBE_NO},
	    {"HTTP", {BYTES_INIT("GET / HTTP/1.1\r\n"), {NULL, 0}}, false, PROBE_NO},
	    {"XMPP", {BYTES_INIT("<stream:stream>"), {NULL, 0}}, false, PROBE_NO},
	    {"syslog", {BYTES_INIT("<34>1 2026"), {NULL, 0}}, false, PROBE_NO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct probe_view v = {
		    {table[i].head[0], table[i].head[1]}, {1, 2}, table[i].ended};

		if (poct1a_protocol.probe(&v) != table[i].want)
			fail_msg("%s: %d", table[i].name, (int)poct1a_protocol.probe(&v));
	}
}

/* Written documents read as they were meant. */
static void
write_read(void **state)
{
	static const struct document_element e[] = {
	    {0, "OBS.R01", {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, false},
	    {1, "HDR", {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, false},
	    {2, "HDR.control_id", BYTES_INIT("42"), {NULL, 0}, {NULL, 0}, {NULL, 0}, false},
	    {1, "SVC", {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, false},
	    {2, "PT", {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, false},
	    {3, "PT.patient_id", {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, true},
	    {3, "OBS", {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, false},
	    {4, "OBS.observation_id", BYTES_INIT("2339-0"), {NULL, 0}, BYTES_INIT("LN"),
		BYTES_INIT("Glucose \"1\" & <2>"), false},
	    {4, "OBS.value", BYTES_INIT("<1.1"), BYTES_INIT("mmol/L"), {NULL, 0}, {NULL, 0}, false},
	    {1, "NTE", {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, false},
	};
	struct buf out = {0};
	struct trace t;

	(void)state;
	document_write(&out, e, ARRAY_LEN(e));
	buf_byte(&out, 0);
	one((char *)out.ptr, &t);
	expect(
	    &t, "\"name\":\"Glucose \\\"1\\\" & <2>\",\"value\":\"<1.1\",\"units\":\"mmol/L\"", 1);
	expect(&t, "\"phi\":0", 1);
	expect(&t, "\"kind\":\"anomaly\"", 0);
	trace_free(&t);
	buf_free(&out);
}

static void
decode(void **state)
{
	static const char *const want[] = {
	    "{\"unit\":\"document\",\"offset\":0,\"length\":51,\"root\":\"ACK.R01\",\"category\":"
	    "\"ack\","
	    "\"carrier\":\"none\",\"elements\":[{\"name\":\"ACK.R01\",\"depth\":0,\"offset\":0},"
	    "{\"name\":\"A\",\"depth\":1,\"offset\":9,\"@V\":\"<1\",\"@U\":\"x\"},"
	    "{\"name\":\"B\",\"depth\":1,\"offset\":29,\"text\":\"&\"}],\"ok\":true,\"error\":"
	    "\"ok\","
	    "\"anomalies\":[]}\n",
	    "\"root\":\"X.R01\"",
	    "\"ok\":false,\"error\":\"entity\",\"anomalies\":[{\"name\":\"poct1a_entity\","
	    "\"offset\":51}]",
	    "{\"unit\":\"noise\",\"offset\":72,\"length\":1,"
	    "\"anomalies\":[{\"name\":\"poct1a_noise\",\"offset\":72}]}\n",
	};
	struct buf out = {0};

	(void)state;
	trace_decode(&poct1a_protocol,
	    BYTES("<ACK.R01><A V='&lt;1' U='x'/><B>&amp;</B></ACK.R01><X.R01>&xxxx;</X.R01>!"),
	    &out);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		if (bytes_find_seq(buf_bytes(&out), bytes_str(want[i])) == out.len)
			fail_msg("no %s in\n%s", want[i], (char *)out.ptr);
	}
	buf_free(&out);
}

/* --- the figures of the shared samples: root elements by file --- */

static void
add_root(void *ctx, struct bytes line)
{
	struct buf *roots = ctx;
	struct bytes key = BYTES("\"root\":\""), rest;
	size_t at = bytes_find_seq(line, key);
	struct bytes root = at == line.len
				? (struct bytes){NULL, 0}
				: bytes_split(bytes_from(line, at + key.len), '"', &rest);

	if (!document_is_root(root))
		return;
	if (roots->len > 0)
		buf_byte(roots, ' ');
	buf_add(roots, root);
}

/* doc/truth-poct1a.md: where we read a root and the figures name none, or in another order. */
static const char *
explained(struct bytes file)
{
	static const char *const rows[][2] = {{"odd-quotes-and-comment.xml", "DST.R01"},
	    {"odd-two-documents.xml", "HEL.R01 DST.R01"}, {"odd-utf16.xml", "HEL.R01"},
	    {"mut-poct1a-03.bin", "DST.R01"}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (bytes_eq(file, bytes_str(rows[i][0])))
			return rows[i][1];
	}
	return NULL;
}

static void
shared_truth(void **state)
{
	const char *path = shared_path("poct1a/SOURCES.md");
	struct bytes table, rest;
	size_t files = 0;

	(void)state;
	if (path == NULL) {
		print_message("# shared samples are not here: skipped\n");
		return;
	}
	table = file_slurp(path);
	for (rest = table; rest.len > 0;) {
		struct bytes row = bytes_split(rest, '\n', &rest), cell[4], file;
		struct buf roots = {0};
		struct line_sink sink = {&roots, add_root};
		char name[256];
		uint64_t size;

		if (row.len == 0 || row.ptr[0] != '|')
			continue;
		row = bytes_from(row, 1);
		for (size_t i = 0; i < ARRAY_LEN(cell); i++)
			cell[i] = bytes_trim(bytes_split(row, '|', &row));
		if (!bytes_to_u64(cell[1], &size))
			continue;
		(void)snprintf(
		    name, sizeof(name), "poct1a/%.*s", (int)cell[0].len, (const char *)cell[0].ptr);
		file = file_slurp(shared_path(name));
		assert_int_equal(file.len, size);
		poct1a_protocol.decode(file, &sink);
		if (explained(cell[0]) != NULL)
			cell[2] = bytes_str(explained(cell[0]));
		else if (bytes_eq(cell[2], BYTES("-")))
			cell[2].len = 0;
		if (!bytes_eq(buf_bytes(&roots), cell[2]))
			fail_msg("%s: roots %.*s", name, (int)roots.len, (char *)roots.ptr);
		buf_free(&roots);
		free((void *)(uintptr_t)file.ptr);
		files++;
	}
	free((void *)(uintptr_t)table.ptr);
	assert_int_equal(files, 43);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(conversation),
	    cmocka_unit_test(offsets), cmocka_unit_test(kinds), cmocka_unit_test(passwords),
	    cmocka_unit_test(refused), cmocka_unit_test(deep), cmocka_unit_test(oddities),
	    cmocka_unit_test(many_results), cmocka_unit_test(in_blocks), cmocka_unit_test(utf16),
	    cmocka_unit_test(holes), cmocka_unit_test(random_talk), cmocka_unit_test(poor),
	    cmocka_unit_test(probes), cmocka_unit_test(write_read), cmocka_unit_test(decode),
	    cmocka_unit_test(shared_truth)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
