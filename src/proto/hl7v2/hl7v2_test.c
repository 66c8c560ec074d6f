/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations against expected observations. All people are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "proto/hl7v2/hl7v2.h"
#include "trace.h"

#define VT   "\x0b"
#define END  "\x1c\r"
#define MSH_ "MSH|^~\\&|XN-550|Sysmex|LIS|LAB|20260203040506||"
#define ORU  MSH_ "ORU^R01^ORU_R01|M1|P|2.5.1\r"
#define PID_ "PID|1|9|123456^^^LAB^MR||Example^Person||19800101|F\r"
#define OBR_ "OBR|1|P-77|F-88|CBC^Blood count^L|||20260203040000\r"
#define OBX_ "OBX|1|NM|718-7^Hemoglobin^LN|1|13.5|g/dL|12-16|N|||F|||20260203\r"
#define ACK_ "MSH|^~\\&|LIS|LAB|XN-550|Sysmex|20260203040507||ACK^R01^ACK|A1|P|2.5.1\rMSA|AA|M1\r"

static const struct turn *
turns_of(struct turn *t, enum name_value dir, struct bytes data)
{
	*t = (struct turn){dir, data, 0};
	return t;
}

/* Feed whole, check all cuts; the trace to look at. */
static void
run_turns(struct trace *t, const struct turn *turns, size_t n)
{
	trace_init(t);
	trace_feed(t, &hl7_protocol, turns, n, NULL, false);
	trace_check_cuts(&hl7_protocol, turns, n, 12);
}

static void
run(struct trace *t, struct bytes data)
{
	struct turn turn;

	run_turns(t, turns_of(&turn, dir_orig, data), 1);
}

static void
expect(struct trace *t, const char *needle, size_t n)
{
	size_t got = trace_count(t, needle);

	if (got != n) {
		fprintf(stderr, "'%s': %zu, want %zu, in\n%s", needle, got, n, trace_text(t));
		fail();
	}
}

static void
a_result_and_its_answer(void **state)
{
	const struct turn turns[] = {
	    {dir_orig, BYTES(VT ORU PID_ OBR_ OBX_ END), 0}, {dir_resp, BYTES(VT ACK_ END), 0}};
	struct trace t;

	(void)state;
	run_turns(&t, turns, 2);
	expect(&t, "\"kind\":\"message\"", 2);
	expect(&t,
	    "\"offset\":1,\"message\":{\"proto\":\"hl7\",\"category\":\"result\","
	    "\"carrier\":\"mllp\",\"type\":\"ORU^R01\",\"version\":\"2.5.1\","
	    "\"sender\":\"XN-550^Sysmex\",\"receiver\":\"LIS^LAB\"",
	    1);
	expect(&t,
	    "\"code\":\"718-7\",\"system\":\"LN\",\"name\":\"Hemoglobin\",\"sub\":\"1\","
	    "\"value\":\"13.5\",\"units\":\"g/dL\",\"range\":\"12-16\",\"flags\":\"N\","
	    "\"status\":\"F\",\"observed\":\"20260203\",\"offset\":208,\"corrects\":0",
	    1);
	expect(&t, "\"category\":\"ack\"", 1);
	expect(&t, "\"ack\":\"AA\"", 1);
	expect(&t, "\"kind\":\"anomaly\"", 0);
	expect(&t, "\"flags\":0,\"anomalies\":0", 2);
	expect(&t, "\"attr\":\"application\",\"value\":\"XN-550\"", 1);
	expect(&t, "\"attr\":\"model\",\"value\":\"XN-550\"", 1);
	expect(&t, "\"attr\":\"facility\",\"value\":\"LAB\"", 1);
	/* Names, numbers and times of birth do not leave. */
	expect(&t, "Example", 0);
	expect(&t, "123456", 0);
	expect(&t, "F-88", 0);
	expect(&t, "M1", 0);
	expect(&t, "\"phi\":6", 1);
	assert_int_equal(t.observer.units[UNIT_mllp_blocks], 2);
	trace_free(&t);
}

/* The hash under key, from the line that holds needle; copied to out. */
static bool
hash_in(struct trace *t, const char *needle, const char *key, char out[33])
{
	const char *line = strstr(trace_text(t), needle), *p;

	if (line == NULL)
		return false;
	while (line > (const char *)t->text.ptr && line[-1] != '\n')
		line--;
	p = strstr(line, key);
	if (p == NULL || p > strchr(line, '\n'))
		return false;
	(void)snprintf(out, 33, "%.32s", p + strlen(key));
	return true;
}

static void
ids_pair_by_hash(void **state)
{
	const struct turn turns[] = {
	    {dir_orig, BYTES(VT ORU END), 0}, {dir_resp, BYTES(VT ACK_ END), 0}};
	char control[33], answered[33];
	struct trace t;

	(void)state;
	run_turns(&t, turns, 2);
	assert_true(hash_in(&t, "\"category\":\"result\"", "\"control\":\"", control));
	assert_true(hash_in(&t, "\"category\":\"ack\"", "\"ack_of\":\"", answered));
	assert_string_equal(control, answered);
	trace_free(&t);
}

struct pair_row {
	const char *name;
	struct turn turns[8];
	size_t n;
	size_t repeat, unpaired;
};

#define MSG(id)      MSH_ "ORU^R01|" id "|P|2.5.1\r"
#define ANS(id, of)  "MSH|^~\\&|LIS||XN||||ACK|" id "|P|2.5.1\rMSA|AA|" of "\r"
#define ANSC(id, of) "MSH|^~\\&|LIS||XN||||ACK|" id "|P|2.5.1\rMSA|CA|" of "\r"
#define O(d)                                                                                       \
	{                                                                                          \
		dir_orig, BYTES_INIT(d), 0                                                         \
	}
#define P(d)                                                                                       \
	{                                                                                          \
		dir_resp, BYTES_INIT(d), 0                                                         \
	}

static void
pairing(void **state)
{
	static const struct pair_row rows[] = {
	    {"lock step",
		{O(VT MSG("1") END), P(VT ANS("a", "1") END), O(VT MSG("2") END),
		    P(VT ANS("b", "2") END)},
		4, 0, 0},
	    {"answers with one id",
		{O(VT MSG("1") END), P(VT ANS("ACK", "1") END), O(VT MSG("2") END),
		    P(VT ANS("ACK", "2") END)},
		4, 0, 0},
	    {"all answers again",
		{O(VT MSG("1") END), P(VT ANS("ACK", "1") END), O(VT MSG("2") END),
		    P(VT ANS("ACK", "1") END VT ANS("ACK", "2") END)},
		4, 1, 0},
	    {"commit, then application",
		{O(VT MSG("1") END), P(VT ANSC("a", "1") END), P(VT ANS("b", "1") END)}, 3, 0, 0},
	    {"late",
		{O(VT MSG("1") END VT MSG("2") END), P(VT ANS("b", "2") END),
		    P(VT ANS("a", "1") END)},
		3, 0, 0},
	    {"the message again", {O(VT MSG("1") END), O(VT MSG("1") END), P(VT ANS("a", "1") END)},
		3, 1, 0},
	    {"the message again, answered again",
		{O(VT MSG("1") END), P(VT ANS("a", "1") END), O(VT MSG("1") END),
		    P(VT ANS("a", "1") END)},
		4, 1, 0},
	    {"an answer to nothing", {O(VT MSG("1") END), P(VT ANS("a", "9") END)}, 2, 0, 1},
	    {"one side only", {P(VT ANS("a", "9") END)}, 1, 0, 0},
	    {"behind a hole",
		{O(VT MSG("1") END), {dir_orig, BYTES_INIT("x"), 100}, P(VT ANS("a", "9") END)}, 3,
		0, 0},
	    {"a cut message",
		{O(VT MSG("1") END VT "MSH|^~\\&|"), O(VT MSG("2") END), P(VT ANS("a", "9") END)},
		3, 0, 0},
	    {"both ways on one connection",
		{O(VT MSG("1") END), P(VT MSG("1") END), O(VT ANS("x", "1") END),
		    P(VT ANS("y", "1") END)},
		4, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct trace t;
		size_t repeat, unpaired;

		run_turns(&t, rows[i].turns, rows[i].n);
		repeat = trace_count(&t, "\"flags\":4,");
		unpaired = trace_count(&t, "\"flags\":32,");
		if (repeat != rows[i].repeat || unpaired != rows[i].unpaired) {
			fprintf(stderr, "%s: repeat %zu unpaired %zu\n%s", rows[i].name, repeat,
			    unpaired, trace_text(&t));
			fail();
		}
		trace_free(&t);
	}
}

/* 300 messages, each answered by all answers so far: nothing is unpaired, and a stranger is
 * found more often than not. */
static void
cumulative_answers(void **state)
{
	struct trace t;
	size_t strangers = 0;
	void *s;

	(void)state;
	trace_init(&t);
	s = hl7_protocol.open(&t.observer);
	for (int i = 0; i < 300; i++) {
		char text[256];
		int n = snprintf(text, sizeof(text), VT MSG("id%d") END, i);

		hl7_protocol.data(s, dir_orig, bytes_of(text, (size_t)n), 0);
		for (int k = i < 30 ? 0 : i - 30; k <= i; k++) {
			n = snprintf(text, sizeof(text), VT ANS("ACK", "id%d") END, k);
			hl7_protocol.data(s, dir_resp, bytes_of(text, (size_t)n), 0);
		}
	}
	expect(&t, "\"flags\":32,", 0);
	for (int i = 0; i < 100; i++) {
		char text[256];
		int n = snprintf(text, sizeof(text), VT ANS("ACK", "stranger%d") END, i);

		hl7_protocol.data(s, dir_resp, bytes_of(text, (size_t)n), 0);
	}
	strangers = trace_count(&t, "\"flags\":32,");
	assert_in_range(strangers, 60, 100);
	hl7_protocol.end(s, dir_orig);
	hl7_protocol.end(s, dir_resp);
	hl7_protocol.close(s);
	trace_free(&t);
}

struct anomaly_row {
	const char *name;
	struct bytes in;
	const char *anomalies; /* names in order of telling, each with a blank behind */
	size_t messages;
};

/* Names of all anomalies in a trace, in order. */
static void
anomalies_of(struct trace *t, char *out, size_t room)
{
	const char *p = trace_text(t);
	const char *key = "\"anomaly\":{\"name\":\"";
	size_t n = 0;

	while ((p = strstr(p, key)) != NULL) {
		size_t len;

		p += strlen(key);
		len = strcspn(p, "\"");
		n += (size_t)snprintf(out + n, room - n, "%.*s ", (int)len, p);
	}
	out[n] = 0;
}

#define H MSH_ "ORU^R01|1|P|2.5.1"

static void
deviations(void **state)
{
	static const struct anomaly_row rows[] = {
	    {"none", BYTES_INIT(VT H "\r" END), "", 1},
	    {"last segment without CR", BYTES_INIT(VT H END), "", 1},
	    {"junk between", BYTES_INIT(VT H END "xx" VT H END), "mllp_junk ", 2},
	    {"junk first", BYTES_INIT("xx" VT H END), "mllp_junk ", 1},
	    {"starts inside", BYTES_INIT("|1\r" END VT H END), "mllp_midstream ", 1},
	    {"FS LF", BYTES_INIT(VT H "\x1c\n"), "mllp_end_lf ", 1},
	    {"FS alone", BYTES_INIT(VT H "\x1c" VT H END), "mllp_end_no_cr ", 2},
	    {"FS at the end", BYTES_INIT(VT H "\x1c"), "mllp_end_no_cr ", 1},
	    {"end twice", BYTES_INIT(VT H END END VT H END), "mllp_end_repeated ", 2},
	    {"end missing", BYTES_INIT(VT H "\r"), "mllp_end_missing ", 1},
	    {"start in block", BYTES_INIT(VT H "\r" VT H END), "mllp_start_in_block ", 2},
	    {"start missing", BYTES_INIT(VT H END H END), "mllp_start_missing ", 2},
	    {"FS in data", BYTES_INIT(VT H "\rNTE|\x1cx" END), "mllp_fs_in_data hl7_control_byte ",
		1},
	    {"empty block", BYTES_INIT(VT END), "mllp_empty_block ", 0},
	    {"unframed", BYTES_INIT(H "\r"), "mllp_unframed ", 1},
	    {"refused", BYTES_INIT(VT "\x15" END), "mllp_commit_nak ", 0},
	    {"XML in a block", BYTES_INIT(VT "<ClinicalDocument/>" END), "mllp_not_hl7 ", 0},
	    {"UTF-16", BYTES_INIT(VT "M\0S\0H\0|\0" END), "mllp_not_hl7 ", 0},
	    {"no MSH", BYTES_INIT(VT "PID|1\rOBX|1\r" END), "mllp_not_hl7 ", 0},
	    {"MSH in lower case", BYTES_INIT(VT "msh|^~\\&|" END), "mllp_not_hl7 ", 0},
	    {"segments before MSH", BYTES_INIT(VT "PID|1\r" H "\r" END), "hl7_segments_orphan ", 1},
	    {"BOM", BYTES_INIT(VT "\xef\xbb\xbf" H END), "hl7_bom ", 1},
	    {"BOM, unframed", BYTES_INIT("\xef\xbb\xbf" H "\r"), "mllp_unframed hl7_bom ", 1},
	    {"LF", BYTES_INIT(VT H "\nPID|1\n" END), "hl7_segment_end ", 1},
	    {"CR LF", BYTES_INIT(VT H "\r\nPID|1\r\n" END), "hl7_segment_end ", 1},
	    {"other delimiters", BYTES_INIT(VT "MSH#*~\\&#A#B#C#D###ORU*R01#1#P#2.3\r" END),
		"hl7_delimiters_unusual ", 1},
	    {"two encoding characters", BYTES_INIT(VT "MSH|^~|A|B|C|D|||ORU|1|P|2.3\r" END),
		"hl7_delimiters_few ", 1},
	    {"doubled escape", BYTES_INIT(VT "MSH|^~\\\\&|A|B|C|D|||ORU|1|P|2.3\r" END),
		"hl7_delimiters_unusual hl7_delimiters_clash ", 1},
	    {"truncation character", BYTES_INIT(VT "MSH|^~\\&#|A|B|C|D|||ORU|1|P|2.7\r" END), "",
		1},
	    {"MSH alone", BYTES_INIT(VT "MSH|^~\\&" END),
		"hl7_no_type hl7_no_control_id hl7_no_processing_id hl7_no_version ", 1},
	    {"MSH| alone", BYTES_INIT(VT "MSH|" END),
		"hl7_delimiters_few hl7_no_type hl7_no_control_id hl7_no_processing_id "
		"hl7_no_version ",
		1},
	    {"MSH cut off", BYTES_INIT(VT "MSH|^~\\&|A|B|C|D|||OR"), "mllp_end_missing ", 1},
	    {"null as type", BYTES_INIT(VT "MSH|^~\\&|A|B|C|D|||\"\"|1|P|2.3\r" END),
		"hl7_no_type ", 1},
	    {"lower case segment", BYTES_INIT(VT H "\rpid|1\r" END), "hl7_segment_case ", 1},
	    {"not a segment", BYTES_INIT(VT H "\rgarbage line\rPID|1\r" END), "hl7_segment_name ",
		1},
	    {"escape unknown", BYTES_INIT(VT H "\rNTE|1||a\\Q\\b\r" END), "hl7_escape_unknown ", 1},
	    {"escape open", BYTES_INIT(VT H "\rNTE|1||C:\\x\r" END), "hl7_escape_open ", 1},
	    {"good escapes", BYTES_INIT(VT H "\rNTE|1||a\\F\\b\\.br\\\r" END), "", 1},
	    {"Latin-1 undeclared", BYTES_INIT(VT H "\rNTE|1||M\xfcller\r" END),
		"hl7_charset_undeclared ", 1},
	    {"UTF-8 declared", BYTES_INIT(VT H "||||||UNICODE UTF-8\rNTE|1||\xc3\xbc\r" END), "",
		1},
	    {"UTF-8 broken", BYTES_INIT(VT H "||||||UNICODE UTF-8\rNTE|1||\xfc\r" END),
		"hl7_not_utf8 ", 1},
	    {"Latin-1 declared", BYTES_INIT(VT H "||||||8859/1\rNTE|1||\xfc\r" END), "", 1},
	    {"control bytes", BYTES_INIT(VT H "\rNTE|1||a\tb\0c\r" END), "hl7_control_byte ", 1},
	    {"two messages", BYTES_INIT(VT H "\r" H "\r" END), "hl7_block_shared ", 2},
	    {"batch", BYTES_INIT(VT "BHS|^~\\&|\r" H "\r" H "\rBTS|2\r" END), "", 2},
	    {"batch over blocks",
		BYTES_INIT(VT "BHS|^~\\&|\r" END VT H "\r" END VT H "\r" END VT "BTS|2\r" END), "",
		2},
	    {"batch count", BYTES_INIT(VT "BHS|^~\\&|\r" H "\rBTS|2\r" END), "hl7_batch_count ", 1},
	    {"batch count is no number", BYTES_INIT(VT "BHS|^~\\&|\r" H "\rBTS|x\r" END),
		"hl7_batch_count ", 1},
	    {"batch without count", BYTES_INIT(VT "BHS|^~\\&|\r" H "\rBTS\r" END), "", 1},
	    {"file count", BYTES_INIT(VT "FHS|^~\\&|\rBHS|^~\\&|\r" H "\rBTS|1\rFTS|2\r" END),
		"hl7_file_count ", 1},
	    {"file", BYTES_INIT(VT "FHS|^~\\&|\rBHS|^~\\&|\r" H "\rBTS|1\rFTS|1\r" END), "", 1},
	    {"BHS in BHS", BYTES_INIT(VT "BHS|^~\\&|\r" H "\rBHS|^~\\&|\rBTS\r" END),
		"hl7_envelope ", 1},
	    {"BTS alone", BYTES_INIT(VT H "\rBTS|1\r" END), "hl7_envelope ", 1},
	    {"batch left open", BYTES_INIT(VT "BHS|^~\\&|\r" H "\r" END), "hl7_envelope ", 1},
	    {"strange MSA-1", BYTES_INIT(VT MSH_ "ACK|1|P|2.3\rMSA|OK|1\r" END), "hl7_ack_code ",
		1},
	    {"ACK without MSA", BYTES_INIT(VT MSH_ "ACK|1|P|2.3\r" END), "hl7_ack_no_msa ", 1},
	    {"MSA without MSA-2", BYTES_INIT(VT MSH_ "ACK|1|P|2.3\rMSA|AA\r" END),
		"hl7_ack_no_msa ", 1},
	    {"one id, two messages", BYTES_INIT(VT H "\rPID|1\r" END VT H "\rPID|2\r" END),
		"hl7_control_id_reused ", 2},
	    {"one id, MSH-7 differs",
		BYTES_INIT(VT "MSH|^~\\&|A||||1||ORU|7|P|2\rPID|1\r" END VT
			      "MSH|^~\\&|A||||2||ORU|7|P|2\rPID|1\r" END),
		"", 2},
	    {"HLLP", BYTES_INIT(VT "D23\r" H "\r00080999" END), "hllp_length ", 1},
	    {"HLLP without trailer", BYTES_INIT(VT "D23\r" H "\r" END), "hllp_trailer ", 1},
	    {"HLLP sum", BYTES_INIT(VT "D23\rMSH|^~\\&|00014998" END),
		"hllp_checksum hl7_no_type hl7_no_control_id hl7_no_processing_id hl7_no_version ",
		1},
	    {"HLLP refused", BYTES_INIT(VT "N23\rC00006999" END), "hllp_nak ", 0},
	    {"broken base64", BYTES_INIT(VT H "\rOBX|1|ED|x||^a^b^Base64^!!!!\r" END),
		"hl7_attachment_encoding ", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char got[1024];
		struct trace t;

		run(&t, rows[i].in);
		anomalies_of(&t, got, sizeof(got));
		if (strcmp(got, rows[i].anomalies) != 0 ||
		    t.n_kind[EV_message] != rows[i].messages) {
			fprintf(stderr, "%s:\n got  %s(%zu)\n want %s(%zu)\n%s", rows[i].name, got,
			    t.n_kind[EV_message], rows[i].anomalies, rows[i].messages,
			    trace_text(&t));
			fail();
		}
		trace_free(&t);
	}
}

/* Anomalies point at bytes. */
static void
places(void **state)
{
	static const struct {
		struct bytes in;
		const char *want;
	} rows[] = {
	    {BYTES_INIT(VT "MSH|^~\\&|A|B|C|D|||ORU|1|P|2.3\rNTE|1||\xfc\r" END),
		"\"offset\":39,\"anomaly\":{\"name\":\"hl7_charset_undeclared\""},
	    {BYTES_INIT(VT "MSH|^~\\&|A|B|C|D|||ORU|1|P|2.3\rpid|\r" END),
		"\"offset\":32,\"anomaly\":{\"name\":\"hl7_segment_case\""},
	    {BYTES_INIT("zz" VT "MSH|^~\\&|A|B|C|D|||ORU|1|P|2.3\rpid|\r" END),
		"\"offset\":34,\"anomaly\":{\"name\":\"hl7_segment_case\""},
	    {BYTES_INIT(VT "MSH|^~\\&|A|B|C|D|||ORU|1|P|2.3\rZ|\rZ|\rZ|\r" END),
		"\"offset\":32,\"anomaly\":{\"name\":\"hl7_segment_name\",\"proto\":\"hl7\","
		"\"count\":3"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct trace t;

		run(&t, rows[i].in);
		expect(&t, rows[i].want, 1);
		trace_free(&t);
	}
}

static void
holes(void **state)
{
	struct turn turns[] = {
	    {dir_orig, BYTES_INIT(VT ORU OBR_ OBX_ "OBX|2|NM|2^x^L||12"), 0},
	    {dir_orig, BYTES_INIT("5|g\rMSA|AA|7\r" END VT ORU OBX_ END), 900},
	};
	struct trace t;

	(void)state;
	run_turns(&t, turns, 2);
	expect(&t, "\"kind\":\"message\"", 2);
	/* The second value may have been longer: it is not told. */
	expect(&t, "\"flags\":1,\"anomalies\":0,\"n_results\":1", 1);
	expect(&t, "\"value\":\"12\"", 0);
	expect(&t, "\"name\":\"mllp_gap_in_block\"", 1);
	expect(&t, "\"kind\":\"anomaly\"", 1);
	trace_free(&t);
	/* In MSH-10: what may be short is not there; what is whole is. */
	turns[0].data = BYTES(VT "MSH|^~\\&|XN|F|L|L|||ORU^R01|12");
	turns[1].data = BYTES("34|P|2.5\r" END);
	run_turns(&t, turns, 2);
	expect(&t, "\"type\":\"ORU^R01\"", 1);
	expect(&t, "\"control\"", 0);
	expect(&t, "\"flags\":1,", 1);
	trace_free(&t);
	/* Before MSH is told apart: nothing is made up. */
	turns[0].data = BYTES(VT "MS");
	run_turns(&t, turns, 2);
	expect(&t, "\"kind\":\"message\"", 0);
	expect(&t, "\"name\":\"mllp_gap_in_block\"", 1);
	trace_free(&t);
	/* A hole in a batch: its count says nothing. */
	turns[0].data = BYTES(VT "BHS|^~\\&|\r" H "\r" H "\rPI");
	turns[1].data = BYTES("\r" H "\rBTS|4\r" END);
	run_turns(&t, turns, 2);
	expect(&t, "hl7_batch_count", 0);
	trace_free(&t);
}

struct value_row {
	const char *obx;  /* from OBX-2 on */
	const char *want; /* in the line of the message */
	size_t results;
};

static void
values(void **state)
{
	static const struct value_row rows[] = {
	    {"NM|a||5.0", "\"value\":\"5.0\"", 1},
	    {"NM|a||-----", "\"value\":\"-----\"", 1},
	    {"NM|a||ABN", "\"value\":\"ABN\"", 1},
	    {"NM|a||>500", "\"value\":\">500\"", 1},
	    {"NM|a||Person Example", "\"value_hash\"", 1},
	    {"SN|a||>^100", "\"value\":\">^100\"", 1},
	    {"SN|a||^1^:^128", "\"value\":\"^1^:^128\"", 1},
	    {"CWE|a||260373001^Detected^SCT", "\"value\":\"260373001\",\"value_hash\":", 1},
	    {"CE|a||^Negative", "\"value\":\"Negative\",\"value_hash\":", 1},
	    {"CE|a||^Example Person", "\"value_hash\"", 1},
	    {"ST|a||NEG", "\"value\":\"NEG\"", 1},
	    {"ST|a||Not Detected", "\"value\":\"Not Detected\"", 1},
	    {"ST|a||O POS", "\"value\":\"O POS\"", 1},
	    {"ST|a||1:160", "\"value\":\"1:160\"", 1},
	    {"ST|a||Example", "\"value_hash\"", 1},
	    {"ST|a||1234567890123", "\"value_hash\"", 1}, /* could be a number of a person */
	    {"TX|a||some words", "\"value_hash\"", 1},
	    {"DT|a||19800101", "\"value_hash\"", 1},
	    {"NM|a||\"\"", "\"value\":\"\\\"\\\"\"", 1},
	    {"NM|a||", "\"code\":\"a\",\"observed\":", 1},
	    {"|a||7", "\"value\":\"7\"", 1},
	    {"NM|^^^PT^Time^L||7", "\"code\":\"PT\",\"system\":\"L\",\"name\":\"Time\"", 1},
	    {"NM|a||7||||||C", "\"corrects\":1", 1},
	    {"NM|a||7||||||W", "\"corrects\":1", 1},
	    {"NM|a||7||||||D", "\"corrects\":1", 1},
	    {"NM|a||7||||||F", "\"corrects\":0", 1},
	    {"NA|a^b^L^S_RAW^x||1^2", "\"n_results\":0", 0},
	    {"ED|a^b^L^S_IMAGE^x||", "\"n_results\":0", 0},
	    {"ST|531969^MDC_ATTR_ID_MODEL^MDC||XN-550", "\"n_results\":0", 0},
	    {"NM|a||7|||||||||||||m^M~s^M~1^M", "\"device\":\"m^M~s^M~1^M\"", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[512];
		struct trace t;
		int n = snprintf(text, sizeof(text), VT ORU OBR_ "OBX|1|%s\r" END, rows[i].obx);

		run(&t, bytes_of(text, (size_t)n));
		expect(&t, rows[i].want, 1);
		expect(&t, "\"name\":\"Example", 0);
		expect(&t, "Example P", 0);
		expect(&t, rows[i].results == 1 ? "\"n_results\":1" : "\"n_results\":0", 1);
		trace_free(&t);
	}
}

static void
one_result_one_key(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
	    {ORU PID_ OBR_ OBX_, ORU PID_ OBR_ OBX_, true},
	    /* value, status, units may differ; so may the sender */
	    {ORU OBR_ "OBX|1|NM|A||5|g|||||P\r",
		"MSH|^~\\&|X|||||L|ORU^R01|9|P|2.3\r" OBR_ "OBX|7|NM|A||6|mg|||||C\r", true},
	    {ORU OBR_ "OBX|1|NM|A||5\r", ORU OBR_ "OBX|1|NM|B||5\r", false},
	    {ORU OBR_ "OBX|1|NM|A|1|5\r", ORU OBR_ "OBX|1|NM|A|2|5\r", false},
	    {ORU "OBR|1||F-1|T\rOBX|1|NM|A||5\r", ORU "OBR|1||F-2|T\rOBX|1|NM|A||5\r", false},
	    {ORU "ORC|RE||F-1\rOBR|1\rOBX|1|NM|A||5\r", ORU "OBR|1||F-1\rOBX|1|NM|A||5\r", true},
	    {ORU "OBR|1\rORC|RE||F-1\rOBX|1|NM|A||5\r", ORU "OBR|1||F-1\rOBX|1|NM|A||5\r", true},
	    {ORU "OBR|1|P-1\rOBX|1|NM|A||5\r", ORU "OBR|1|P-1^X\rOBX|1|NM|A||5\r", true},
	    {ORU "SPM|1|S1\rOBX|1|NM|A||5\r", ORU "SAC|||S1\rOBX|1|NM|A||5\r", true},
	    {ORU "SPM|1|S1\rOBX|1|NM|A||5\r", ORU "SPM|1|S2\rOBX|1|NM|A||5\r", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char key[2][33];

		for (int k = 0; k < 2; k++) {
			struct buf in = {0};
			struct trace t;

			buf_text(&in, VT);
			buf_text(&in, k == 0 ? rows[i].a : rows[i].b);
			buf_text(&in, END);
			run(&t, buf_bytes(&in));
			assert_true(
			    hash_in(&t, "\"results\":[", "\"results\":[{\"key\":\"", key[k]));
			trace_free(&t);
			buf_free(&in);
		}
		assert_int_equal(strcmp(key[0], key[1]) == 0, rows[i].same);
	}
}

static void
corrected_order(void **state)
{
	struct trace t;

	(void)state;
	run(&t, BYTES(VT ORU "OBR|1||F|T|||||||||||||||||||||C\rOBX|1|NM|A||5||||||F\r" END));
	expect(&t, "\"corrects\":1", 1);
	trace_free(&t);
}

static void
categories(void **state)
{
	static const struct {
		const char *type, *want;
	} rows[] = {
	    {"ORU^R01", "result"},
	    {"OUL^R22^OUL_R22", "result"},
	    {"OML^O33", "order"},
	    {"ORM^O01", "order"},
	    {"QBP^Q11", "query"},
	    {"QRY^Q02", "query"},
	    {"RSP^K11", "query_answer"},
	    {"DSR^Q03", "query_answer"},
	    {"ADT^A01", "patient"},
	    {"MFN^M03", "config"},
	    {"EAC^U07", "directive"},
	    {"SSU^U03", "status"},
	    {"INU^U05", "status"},
	    {"ORL^O34", "ack"},
	    {"ACK", "ack"},
	    {"QQQ^X", "other"},
	    {"ORU", "result"},
	    {"ZZZZ", "other"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256], want[64];
		struct trace t;
		int n = snprintf(text, sizeof(text), VT MSH_ "%s|1|P|2.5.1\r" END, rows[i].type);

		run(&t, bytes_of(text, (size_t)n));
		(void)snprintf(want, sizeof(want), "\"category\":\"%s\"", rows[i].want);
		expect(&t, want, 1);
		trace_free(&t);
	}
}

static void
claims(void **state)
{
	struct trace t;

	(void)state;
	run(&t, BYTES(VT "MSH|^~\\&|cobas 8000|\"\"|LIS||||OUL^R22^OUL_R22|1|P|2.5.1|||NE|AL||"
			 "UNICODE UTF-8|||LAB-29^IHE\r"
			 "SPM|1|022&BARCODE||SERPLAS^^99ROC\r"
			 "OBR|1|\"\"||717^^99ROC\rINV|x|OK^^HL70383||||||||||20270101||||L1|Roche\r"
			 "OBX|1|NM|717^717^99ROC^^^IHELAW|1|5||||||F|||||||c503^ROCHE~1234-05^ROCHE"
			 "~1^ROCHE\rOBX|2|NM|718^^99ROC|1|6||||||F|||||||c503^ROCHE~1234-05^ROCHE"
			 "~1^ROCHE\r" END));
	expect(&t,
	    "\"attr\":\"model\",\"value\":\"c503\",\"source\":\"HL7 OBX-18\","
	    "\"confidence\":70,\"behind\":0",
	    1);
	expect(&t, "\"attr\":\"serial\",\"value\":\"1234-05\"", 1);
	expect(&t, "\"attr\":\"maker\",\"value\":\"ROCHE\"", 1);
	expect(&t, "\"attr\":\"maker\",\"value\":\"Roche\",\"source\":\"HL7 INV-17\"", 1);
	expect(&t, "\"attr\":\"facility\"", 0);
	trace_free(&t);
	run(&t, BYTES(VT "MSH|^~\\&|cobas 4800 software 2.3.0.1905^56450_00001^M|Roche|LIS||||"
			 "ORU^R01|1|P|2.5.1\rSFT|Maker Inc|1.2.3|Product|77\r"
			 "PRT||||EQUIP||||||D1^X||||||(01)07613336121355||||SN9||a^Analyzer\r"
			 "DEV|1|(01)00000000000017|||Maker D|Brand|Model D||||SD7|||||9.9\r"
			 "OBX|1|ST|531972^MDC_ATTR_SN^MDC||SN-MDC\r"
			 "OBX|2|NM|1^a^b||3||||||F|||||||0012210000112233^X^0012^EUI-64\r"
			 "EQU|M-1^X\r" END));
	expect(&t, "\"attr\":\"model\",\"value\":\"cobas 4800\"", 1);
	expect(&t, "\"attr\":\"software\",\"value\":\"2.3.0.1905\"", 1);
	expect(&t, "\"attr\":\"serial\",\"value\":\"56450_00001\"", 1);
	expect(&t, "\"attr\":\"software\",\"value\":\"1.2.3\",\"source\":\"HL7 SFT-2\"", 1);
	expect(&t, "\"attr\":\"udi\",\"value\":\"(01)07613336121355\"", 1);
	expect(&t, "\"attr\":\"serial\",\"value\":\"SN9\"", 1);
	expect(&t, "\"attr\":\"class\",\"value\":\"Analyzer\"", 1);
	expect(&t, "\"attr\":\"model\",\"value\":\"Model D\"", 1);
	expect(&t, "\"attr\":\"serial\",\"value\":\"SN-MDC\"", 1);
	expect(&t, "\"attr\":\"serial\",\"value\":\"0012210000112233\"", 1);
	expect(&t, "\"attr\":\"model\",\"value\":\"M-1\"", 1);
	trace_free(&t);
	/* Twice the same: said once. */
	run(&t, BYTES(VT ORU END VT ORU END));
	expect(&t, "\"attr\":\"application\"", 1);
	trace_free(&t);
}

static void
attachments(void **state)
{
	struct buf in = {0};
	struct trace t;

	(void)state;
	run(&t, BYTES(VT ORU "OBX|1|ED|R^Report||^application^pdf^Base64^JVBERi0xLjQKJeLjz9M=\r"
			     "OBX|2|ED|X^x||^AP^^Hex^4D5A90000300~^TEXT^plain^A^hello\r" END));
	expect(&t,
	    "\"place\":\"OBX-5\",\"media\":\"application/pdf\",\"magic\":\"pdf\","
	    "\"size\":14",
	    1);
	expect(&t, "\"media\":\"AP\",\"magic\":\"windows_executable\",\"size\":6", 1);
	expect(&t, "\"media\":\"TEXT/plain\",\"magic\":\"text\",\"size\":5", 1);
	expect(&t, "\"n_results\":2", 1);
	trace_free(&t);
	/* An executable in a text field. */
	buf_text(&in, VT ORU "OBX|1|TX|R^Report||TVqQAAMAAAAEAAAA");
	for (int i = 0; i < 300; i++)
		buf_byte(&in, 'A');
	buf_text(&in, "\r" END);
	run(&t, buf_bytes(&in));
	expect(&t, "\"magic\":\"windows_executable\"", 1);
	trace_free(&t);
	buf_free(&in);
}

static void
release_two(void **state)
{
	const struct turn turns[] = {{dir_orig, BYTES(VT ORU END), 0},
	    {dir_resp, BYTES(VT "\x06" END VT ACK_ END), 0},
	    {dir_orig, BYTES(VT "\x06" END VT MSG("2") END), 0}};
	struct trace t;

	(void)state;
	run_turns(&t, turns, 3);
	expect(&t, "\"carrier\":\"mllp\"", 1);
	expect(&t, "\"carrier\":\"mllp2\"", 2);
	assert_int_equal(t.observer.units[UNIT_mllp_blocks], 5);
	assert_int_equal(t.observer.units[UNIT_mllp_commits], 2);
	expect(&t, "\"kind\":\"anomaly\"", 0);
	trace_free(&t);
}

/* FS without CR and an answer: the message stands before its answer, and pairs. */
static void
answers_flush(void **state)
{
	const struct turn turns[] = {{dir_orig, BYTES(VT ORU "\x1c"), 0},
	    {dir_resp, BYTES(VT ACK_ END), 0}, {dir_orig, BYTES(MSG("2")), 0},
	    {dir_resp, BYTES(VT ANS("b", "2") END), 0}};
	struct trace t;

	(void)state;
	run_turns(&t, turns, 4);
	expect(&t, "\"kind\":\"message\"", 4);
	expect(&t, "\"flags\":0", 4);
	expect(&t, "mllp_end_no_cr", 1);
	trace_free(&t);
}

static void
bombs(void **state)
{
	static const struct {
		const char *name, *anomaly;
		const char *head, *fill;
		int n;
	} rows[] = {
	    {"fields", "hl7_fields_cap", "PID", "|", 600},
	    {"repetitions", "hl7_repetitions_cap", "PID|1||a", "~", 1200},
	    {"components", "hl7_components_cap", "PID|1||a", "^", 1200},
	    {"subcomponents", "hl7_components_cap", "PID|1||a", "&", 1200},
	    {"a long segment", "hl7_segment_oversize", "PID|1||", "x", 70000},
	    {"segments", "hl7_segments_cap", "", "PV1\r", 100001},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf in = {0};
		struct turn turn;
		struct trace t;

		buf_text(&in, VT H "\r");
		buf_text(&in, rows[i].head);
		for (int k = 0; k < rows[i].n; k++)
			buf_text(&in, rows[i].fill);
		buf_text(&in, "\r" END);
		trace_init(&t);
		trace_feed(
		    &t, &hl7_protocol, turns_of(&turn, dir_orig, buf_bytes(&in)), 1, NULL, false);
		expect(&t, rows[i].anomaly, 1);
		expect(&t, "\"kind\":\"anomaly\"", 1);
		expect(&t, "\"kind\":\"message\"", 1);
		trace_free(&t);
		buf_free(&in);
	}
	/* A wave form in OBX-5 is none. */
	{
		struct buf in = {0};
		struct trace t;
		struct turn turn;

		buf_text(&in, VT H "\rOBX|1|NA|w||");
		for (int k = 0; k < 5000; k++)
			buf_text(&in, "12^13~");
		buf_text(&in, "\r" END);
		trace_init(&t);
		trace_feed(
		    &t, &hl7_protocol, turns_of(&turn, dir_orig, buf_bytes(&in)), 1, NULL, false);
		expect(&t, "\"kind\":\"anomaly\"", 0);
		trace_free(&t);
		buf_free(&in);
	}
}

static void
more_results_than_fit(void **state)
{
	struct buf in = {0};
	struct turn turn;
	struct trace t;

	(void)state;
	buf_text(&in, VT ORU OBR_);
	for (int i = 0; i < 5000; i++)
		buf_printf(&in, "OBX|%d|NM|T%d^name of test^L||%d|mg/dL|1-5|N|||F\r", i, i, i);
	buf_text(&in, END VT ORU OBR_ OBX_ END);
	trace_init(&t);
	trace_feed(&t, &hl7_protocol, turns_of(&turn, dir_orig, buf_bytes(&in)), 1, NULL, false);
	expect(&t, "\"flags\":16,\"anomalies\":0,\"n_results\":5000", 1);
	expect(&t, "\"n_results\":1", 1);
	trace_free(&t);
	buf_free(&in);
}

static void
memory_is_refused(void **state)
{
	struct trace t;
	struct buf in = {0};
	void *s;

	(void)state;
	trace_init(&t);
	t.budget.cap = 100;
	assert_null(hl7_protocol.open(&t.observer));
	t.budget.cap = 3000;
	s = hl7_protocol.open(&t.observer);
	assert_non_null(s);
	buf_text(&in, VT ORU OBR_);
	for (int i = 0; i < 300; i++)
		buf_text(&in, OBX_);
	/* In one run: no buffer for the block, but none for the results either. */
	hl7_protocol.data(s, dir_orig, buf_bytes(&in), 0);
	hl7_protocol.data(s, dir_orig, BYTES(OBX_ END), in.len);
	hl7_protocol.data(s, dir_orig, BYTES(VT ORU END), in.len);
	expect(&t, "\"name\":\"memory_cap\"", 1);
	expect(&t, "\"kind\":\"message\"", 1);
	hl7_protocol.end(s, dir_orig);
	hl7_protocol.end(s, dir_resp);
	hl7_protocol.close(s);
	trace_free(&t);
	buf_free(&in);
}

static void
probes(void **state)
{
	static const struct {
		const char *name;
		struct bytes orig, resp;
		bool ended;
		enum probe want;
	} rows[] = {
	    {"MLLP", BYTES_INIT(VT "MSH|^~"), BYTES_INIT(""), false, PROBE_YES},
	    {"by its answer", BYTES_INIT(""), BYTES_INIT(VT "MSH|^~"), false, PROBE_YES},
	    {"batch", BYTES_INIT(VT "FHS|"), BYTES_INIT(""), false, PROBE_YES},
	    {"BOM", BYTES_INIT(VT "\xef\xbb\xbfMSH|"), BYTES_INIT(""), false, PROBE_YES},
	    {"unframed", BYTES_INIT("MSH|"), BYTES_INIT(""), false, PROBE_YES},
	    {"unframed, BOM", BYTES_INIT("\xef\xbb\xbfMSH|"), BYTES_INIT(""), false, PROBE_YES},
	    {"unframed, blank line", BYTES_INIT("\r\nMSH|"), BYTES_INIT(""), false, PROBE_YES},
	    {"junk", BYTES_INIT("xyz" VT "MSH|"), BYTES_INIT(""), false, PROBE_YES},
	    {"HLLP", BYTES_INIT(VT "D23\r"), BYTES_INIT(""), false, PROBE_YES},
	    {"VT", BYTES_INIT(VT), BYTES_INIT(""), false, PROBE_MAYBE},
	    {"VT MS", BYTES_INIT(VT "MS"), BYTES_INIT(""), false, PROBE_MAYBE},
	    {"M", BYTES_INIT("M"), BYTES_INIT(""), false, PROBE_MAYBE},
	    {"D2", BYTES_INIT(VT "D2"), BYTES_INIT(""), false, PROBE_MAYBE},
	    {"commit", BYTES_INIT(""), BYTES_INIT(VT "\x06" END), false, PROBE_MAYBE},
	    {"refusal", BYTES_INIT(""), BYTES_INIT(VT "\x15" END), true, PROBE_MAYBE},
	    {"nothing", BYTES_INIT(""), BYTES_INIT(""), false, PROBE_MAYBE},
	    {"nothing, ended", BYTES_INIT(""), BYTES_INIT(""), true, PROBE_NO},
	    {"inside", BYTES_INIT("7^x|5|mg\rOBX|2|NM|b\rOBX|3|NM|c"), BYTES_INIT(""), false,
		PROBE_YES},
	    {"inside, one line", BYTES_INIT("7^x|5|mg\rOBX|2|NM|b"), BYTES_INIT(""), false,
		PROBE_MAYBE},
	    {"XML in MLLP", BYTES_INIT(VT "<?xml"), BYTES_INIT(""), false, PROBE_NO},
	    {"VT and a word", BYTES_INIT(VT "MSA|"), BYTES_INIT(""), false, PROBE_NO},
	    {"VT 06 06", BYTES_INIT(VT "\x06\x06"), BYTES_INIT(""), false, PROBE_NO},
	    {"MSHA", BYTES_INIT("MSHA"), BYTES_INIT(""), true, PROBE_NO},
	    {"HTTP", BYTES_INIT("GET / HTTP/1.1\r\n\r\n"), BYTES_INIT(""), true, PROBE_NO},
	    {"a post of HL7",
		BYTES_INIT("POST / HTTP/1.1\r\nA: b\r\n\r\nMSH|^~\\&|\rPID|1\rOBX|1\rOBX|2\r"),
		BYTES_INIT(""), true, PROBE_NO},
	    {"ASTM", BYTES_INIT("\x05"), BYTES_INIT("\x06"), true, PROBE_NO},
	    {"TLS", BYTES_INIT("\x16\x03\x01"), BYTES_INIT("\x16\x03\x03"), true, PROBE_NO},
	};
	uint8_t long_[PROBE_BYTES_MAX];
	struct probe_view v = {.head = {{long_, sizeof(long_)}, {NULL, 0}}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct guard a = guard_new(rows[i].orig), b = guard_new(rows[i].resp);
		struct probe_view view = {
		    .head = {a.view, b.view}, .port = {40000, 2575}, .ended = rows[i].ended};

		if (hl7_protocol.probe(&view) != rows[i].want) {
			fprintf(stderr, "%s: %d\n", rows[i].name, hl7_protocol.probe(&view));
			fail();
		}
		guard_free(&a);
		guard_free(&b);
	}
	memset(long_, 'x', sizeof(long_));
	assert_int_equal(hl7_protocol.probe(&v), PROBE_NO);
	memset(long_, VT[0], sizeof(long_));
	assert_int_equal(hl7_protocol.probe(&v), PROBE_NO);
}

static void
decoded(const char *in, size_t len, const char *want)
{
	struct guard g = guard_new(bytes_of(in, len));
	struct buf out = {0};

	trace_decode(&hl7_protocol, g.view, &out);
	if (strcmp((const char *)out.ptr, want) != 0) {
		fprintf(stderr, "got\n%swant\n%s", (const char *)out.ptr, want);
		fail();
	}
	buf_free(&out);
	guard_free(&g);
}

#define DECODED(in, want) decoded(in, sizeof(in) - 1, want)

static void
decode(void **state)
{
	(void)state;
	DECODED(VT
	    "MSH|^~\\&|A^1|B|C|D|||ACK^R01|7|P|2.5\rMSA|AE|6|x\rZAA|a~b|c^d&e^|f&g|\"\"|\r" END,
	    "{\"proto\":\"hl7\",\"unit\":\"message\",\"offset\":1,\"length\":71,\"carrier\":"
	    "\"mllp\",\"type\":\"ACK^R01\",\"version\":\"2.5\",\"control_id\":\"7\",\"sender\":"
	    "\"A^B\",\"receiver\":\"C^D\",\"category\":\"ack\",\"ack\":{\"code\":\"AE\","
	    "\"control_id\":\"6\"},\"segments\":[{\"name\":\"MSH\",\"offset\":1,\"fields\":["
	    "\"|\",\"^~\\\\&\",[[\"A\",\"1\"]],\"B\",\"C\",\"D\",\"\",\"\",[[\"ACK\",\"R01\"]],"
	    "\"7\",\"P\",\"2.5\"]},{\"name\":\"MSA\",\"offset\":38,\"fields\":[\"AE\",\"6\","
	    "\"x\"]},{\"name\":\"ZAA\",\"offset\":49,\"fields\":[[\"a\",\"b\"],[[\"c\",[\"d\","
	    "\"e\"],\"\"]],[[[\"f\",\"g\"]]],\"\\\"\\\"\",\"\"]}],\"anomalies\":[]}\n");
	DECODED(VT "\x06" END VT "\x15" END,
	    "{\"proto\":\"hl7\",\"unit\":\"commit\",\"offset\":0,\"length\":4,\"stored\":true,"
	    "\"anomalies\":[]}\n"
	    "{\"proto\":\"hl7\",\"unit\":\"commit\",\"offset\":4,\"length\":4,\"stored\":false,"
	    "\"anomalies\":[{\"name\":\"mllp_commit_nak\",\"offset\":4}]}\n");
	DECODED("", "");
	DECODED("no HL7 here",
	    "{\"proto\":\"hl7\",\"unit\":\"rest\",\"offset\":0,\"length\":0,\"anomalies\":[{"
	    "\"name\":\"mllp_junk\",\"offset\":0}]}\n");
	DECODED("BHS|^~\\&\nMSH|^~\\&|A|B|C|D|||ORU|1|P|2\nOBX|1|NM|t||5\nBTS|1\n",
	    "{\"proto\":\"hl7\",\"unit\":\"message\",\"offset\":9,\"length\":43,\"carrie"
	    "r\":\"none\",\"type\":\"ORU\",\"version\":\"2\",\"control_id\":\"1\",\"send"
	    "er\":\"A^B\",\"receiver\":\"C^D\",\"category\":\"result\",\"batch\":true,\""
	    "results\":[{\"key\":\"a98ca1d569f6526acc0d9a6ac3c259da\",\"code\":\"t\",\"v"
	    "alue\":\"5\",\"offset\":41,\"corrects\":0}],\"segments\":[{\"name\":\"BHS\""
	    ",\"offset\":0,\"fields\":[\"|\",\"^~\\\\&\"]},{\"name\":\"MSH\",\"offset\":"
	    "9,\"fields\":[\"|\",\"^~\\\\&\",\"A\",\"B\",\"C\",\"D\",\"\",\"\",\"ORU\",\""
	    "1\",\"P\",\"2\"]},{\"name\":\"OBX\",\"offset\":38,\"fields\":[\"1\",\"NM\","
	    "\"t\",\"\",\"5\"]},{\"name\":\"BTS\",\"offset\":52,\"fields\":[\"1\"]}],\"a"
	    "nomalies\":[{\"name\":\"mllp_unframed\",\"offset\":0},{\"name\":\"hl7_segme"
	    "nt_end\",\"offset\":37}]}\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_result_and_its_answer),
	    cmocka_unit_test(ids_pair_by_hash), cmocka_unit_test(pairing),
	    cmocka_unit_test(cumulative_answers), cmocka_unit_test(deviations),
	    cmocka_unit_test(places), cmocka_unit_test(holes), cmocka_unit_test(values),
	    cmocka_unit_test(one_result_one_key), cmocka_unit_test(corrected_order),
	    cmocka_unit_test(categories), cmocka_unit_test(claims), cmocka_unit_test(attachments),
	    cmocka_unit_test(release_two), cmocka_unit_test(answers_flush), cmocka_unit_test(bombs),
	    cmocka_unit_test(more_results_than_fit), cmocka_unit_test(memory_is_refused),
	    cmocka_unit_test(probes), cmocka_unit_test(decode)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
