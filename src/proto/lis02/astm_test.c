/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/lis02/astm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"
#include "guard.h"
#include "proto/lis02/chain.h"
#include "proto/lis02/lis02.h"
#include "trace.h"

static const enum name_value O = dir_orig, R = dir_resp;

/* A message of an invented analyzer. */
#define REC_H "H|\\^&|||AX-90^TestCo^1.2.3^SN00117|||||LIS||P|LIS2-A2|20260304120000\r"
#define REC_P "P|1||TP-0001||TESTCASE^ALFA||19700101|F\r"
#define REC_O "O|1|SP-0001||^^^GLU|R\r"
#define REC_R "R|1|^^^GLU|5.1|mmol/L|3.9-5.6|N||F||T1||20260304115500|AX-90\r"
#define REC_L "L|1|N\r"
#define WHOLE REC_H REC_P REC_O REC_R REC_L

struct talk {
	struct turn turns[64];
	size_t n;
	struct buf bytes[64];
};

static void
say(struct talk *t, enum name_value dir, struct bytes b)
{
	struct buf *keep = &t->bytes[t->n];

	assert_true(t->n < ARRAY_LEN(t->turns));
	buf_add(keep, b);
	t->turns[t->n++] = (struct turn){.dir = dir, .data = buf_bytes(keep)};
}

static void
say_frame(struct talk *t, enum name_value dir, unsigned number, const char *text, uint8_t last)
{
	struct buf b = {0};

	lis01_write_frame(&b, number, bytes_str(text), last);
	say(t, dir, buf_bytes(&b));
	buf_free(&b);
}

static void
say_byte(struct talk *t, enum name_value dir, uint8_t c)
{
	say(t, dir, bytes_of(&c, 1));
}

/* Feed whole, keep the trace; also check all cuts. */
static void
hear(struct talk *t, struct trace *tr)
{
	trace_check_cuts(&astm_protocol, t->turns, t->n, 10);
	trace_init(tr);
	trace_feed(tr, &astm_protocol, t->turns, t->n, NULL, false);
	for (size_t i = 0; i < t->n; i++)
		buf_free(&t->bytes[i]);
	memset(t, 0, sizeof(*t));
}

static void
expect(struct trace *t, const char *needle, size_t n)
{
	if (trace_count(t, needle) != n)
		fail_msg("%zu lines with %s, expected %zu:\n%s", trace_count(t, needle), needle, n,
		    trace_text(t));
}

#define UNITS(t, u) ((t)->observer.units[UNIT_##u])

/* --- the link --- */

static void
clean_session(void **state)
{
	struct talk k = {0};
	struct trace t;
	struct buf wire = {0};

	(void)state;
	lis01_write_session(&wire, BYTES(WHOLE), LIS01_TEXT_E1381);
	say(&k, O, buf_bytes(&wire));
	hear(&k, &t);
	expect(&t, "\"type\":\"HPOR\"", 1);
	expect(&t, "\"category\":\"result\"", 1);
	expect(&t, "\"carrier\":\"lis01\"", 1);
	expect(&t, "\"version\":\"LIS2-A2\"", 1);
	expect(&t, "\"receiver\":\"LIS\"", 1);
	expect(&t, "\"phi\":4", 1);
	expect(&t, "\"anomalies\":0", 1);
	expect(&t, "\"kind\":\"anomaly\"", 0);
	expect(&t, "\"value\":\"5.1\",\"units\":\"mmol/L\",\"range\":\"3.9-5.6\"", 1);
	expect(&t, "\"software\",\"value\":\"1.2.3\"", 1);
	expect(&t, "TP-0001", 0);
	expect(&t, "SP-0001", 0);
	expect(&t, "ALFA", 0);
	assert_int_equal(UNITS(&t, astm_enq), 1);
	assert_int_equal(UNITS(&t, astm_frames), 5);
	assert_int_equal(UNITS(&t, astm_frames_bad), 0);
	assert_int_equal(UNITS(&t, astm_eot), 1);
	assert_int_equal(UNITS(&t, lis02_records), 5);
	trace_free(&t);
	buf_free(&wire);
}

/* Where the n-th byte of the frames' texts stands on the wire. */
static uint64_t
wire_place(struct bytes wire, size_t n)
{
	struct lis01 l;
	struct lis01_event e;
	uint64_t offset = 0;

	lis01_init(&l);
	while ((e = lis01_next(&l, &wire, &offset)).kind != LIS01_MORE) {
		if (e.kind != LIS01_PIECE)
			continue;
		if (n < e.body.len)
			return e.offset + n;
		n -= e.body.len;
	}
	fail();
	return 0;
}

/* message offset + result offset is where the value stands on the wire, whatever lies between. */
static void
offsets(void **state)
{
	size_t value = bytes_find_seq(BYTES(WHOLE), BYTES("5.1"));
	struct buf wire = {0};

	(void)state;
	for (size_t max = 1; max < 80; max += 3) {
		struct talk k = {0};
		struct trace t;
		char needle[64];

		buf_reset(&wire);
		lis01_write_session(&wire, BYTES(WHOLE), max);
		say(&k, R, buf_bytes(&wire));
		trace_init(&t);
		trace_feed(&t, &astm_protocol, k.turns, k.n, NULL, false);
		(void)snprintf(needle, sizeof(needle), "\"offset\":%u,\"corrects\":0",
		    (unsigned)(wire_place(buf_bytes(&wire), value) - 3));
		expect(&t, "\"offset\":3,\"message\"", 1);
		expect(&t, needle, 1);
		trace_free(&t);
		buf_free(&k.bytes[0]);
	}
	buf_free(&wire);
}

static void
nak_and_again(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_byte(&k, O, LIS01_ENQ);
	say_byte(&k, R, LIS01_NAK);
	say_byte(&k, O, LIS01_ENQ);
	say_byte(&k, R, LIS01_ACK);
	say_frame(&k, O, 1, REC_H, LIS01_ETX);
	say_byte(&k, R, LIS01_ACK);
	say(&k, O,
	    BYTES("\x02"
		  "2P|1||WRONG\r\x03"
		  "00\r\n"));
	say_byte(&k, R, LIS01_NAK);
	say_frame(&k, O, 2, REC_P, LIS01_ETX);
	say_byte(&k, R, LIS01_ACK);
	say_frame(&k, O, 3, REC_L, LIS01_ETX);
	say_frame(&k, O, 3, REC_L, LIS01_ETX); /* the ACK was lost */
	say_byte(&k, R, LIS01_ACK);
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"type\":\"HP\"", 1);
	expect(&t, "\"phi\":3", 1);
	expect(&t, "lis01_checksum\"", 1);
	expect(&t, "lis01_frame_repeat", 1);
	assert_int_equal(UNITS(&t, astm_enq), 2);
	assert_int_equal(UNITS(&t, astm_frames), 5);
	assert_int_equal(UNITS(&t, astm_frames_bad), 1);
	assert_int_equal(UNITS(&t, astm_nak), 2);
	assert_int_equal(UNITS(&t, lis02_records), 3);
	trace_free(&t);
}

/* A tap of the sender's side only gives the same message. */
static void
one_side(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_byte(&k, O, LIS01_ENQ);
	say_frame(&k, O, 1, REC_H, LIS01_ETX);
	say(&k, O,
	    BYTES("\x02"
		  "2P|1||WRONG\r\x03"
		  "00\r\n"));
	say_frame(&k, O, 2, REC_P, LIS01_ETX);
	say_frame(&k, O, 2, REC_P, LIS01_ETX);
	say_frame(&k, O, 3, REC_L, LIS01_ETX);
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"type\":\"HP\"", 1);
	expect(&t, "\"phi\":3", 1);
	assert_int_equal(UNITS(&t, astm_frames), 5);
	assert_int_equal(UNITS(&t, lis02_records), 3);
	trace_free(&t);
}

/* A bad frame that nobody asked again for was taken: its data counts. */
static void
bad_but_kept(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_byte(&k, O, LIS01_ENQ);
	say_frame(&k, O, 1, REC_H REC_P REC_O, LIS01_ETX);
	say(&k, O,
	    BYTES("\x02"
		  "2" REC_R "\x03"
		  "00\r\n"));
	say_byte(&k, R, LIS01_ACK);
	say_byte(&k, R, LIS01_ACK);
	say_frame(&k, O, 3, REC_L, LIS01_ETX);
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"n_results\":1", 1);
	assert_int_equal(UNITS(&t, astm_frames_bad), 1);
	trace_free(&t);
}

static void
refused_for_good(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_byte(&k, O, LIS01_ENQ);
	say_byte(&k, R, LIS01_ACK);
	say_frame(&k, O, 1, REC_H, LIS01_ETX);
	say_byte(&k, R, LIS01_ACK);
	for (int i = 0; i < LIS01_RETRIES; i++) {
		say_frame(&k, O, 5, REC_P, LIS01_ETX);
		say_byte(&k, R, LIS01_NAK);
	}
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"type\":\"H\"", 1);
	expect(&t, "\"flags\":1", 1);
	expect(&t, "lis02_terminator_missing", 1);
	expect(&t, "\"lis01_frame_number\",\"proto\":\"astm\",\"count\":6", 1);
	assert_int_equal(UNITS(&t, astm_frames_bad), 6);
	assert_int_equal(UNITS(&t, lis02_records), 1);
	trace_free(&t);
}

/* Numbers that never change (or come twice) with other text are data, not repeats. */
static void
constant_number(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_byte(&k, O, LIS01_ENQ);
	say_frame(&k, O, 1, REC_H, LIS01_ETX);
	say_frame(&k, O, 1, REC_P, LIS01_ETX);
	say_frame(&k, O, 1, REC_O, LIS01_ETX);
	say_frame(&k, O, 1, REC_R, LIS01_ETX);
	say_frame(&k, O, 1, REC_L, LIS01_ETX);
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"type\":\"HPOR\"", 1);
	expect(&t, "\"lis01_frame_number_same\",\"proto\":\"astm\",\"count\":4", 1);
	trace_free(&t);
}

static void
jumping_numbers(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_byte(&k, O, LIS01_ENQ);
	say_frame(&k, O, 0, REC_H REC_P, LIS01_ETX);
	say_frame(&k, O, 5, REC_O, LIS01_ETX);
	say_frame(&k, O, 5, REC_R, LIS01_ETX);
	say_frame(&k, O, 2, REC_L, LIS01_ETX);
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"type\":\"HPOR\"", 1);
	expect(&t, "\"name\":\"lis01_frame_number\"", 1);
	trace_free(&t);
}

static void
contention(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_byte(&k, O, LIS01_ENQ);
	say_byte(&k, R, LIS01_ENQ);
	say_byte(&k, O, LIS01_ENQ);
	say_byte(&k, R, LIS01_ACK);
	say_frame(&k, O, 1, REC_H REC_L, LIS01_ETX);
	say_byte(&k, R, LIS01_EOT); /* interrupt: the host wants to send */
	say_byte(&k, O, LIS01_EOT);
	say_byte(&k, R, LIS01_ENQ);
	say_byte(&k, O, LIS01_ACK);
	say_frame(&k, R, 1, "H|\\^&|||LIS^9\r" REC_P REC_O REC_L, LIS01_ETX);
	say_byte(&k, O, LIS01_ACK);
	say_byte(&k, R, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"kind\":\"anomaly\"", 0);
	expect(&t, "\"type\":\"H\"", 1);
	expect(&t, "\"category\":\"order\"", 1);
	expect(&t, "\"attr\":\"application\",\"value\":\"LIS\"", 1);
	assert_int_equal(UNITS(&t, astm_enq), 4);
	assert_int_equal(UNITS(&t, astm_eot), 3);
	trace_free(&t);
}

static void
query_and_answer(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_byte(&k, R, LIS01_ENQ);
	say_byte(&k, O, LIS01_ACK);
	say_frame(&k, R, 1, REC_H "Q|1|^SP-0001||ALL||||||||O\r" REC_L, LIS01_ETX);
	say_byte(&k, O, LIS01_ACK);
	say_byte(&k, R, LIS01_EOT);
	say_byte(&k, O, LIS01_ENQ);
	say_byte(&k, R, LIS01_ACK);
	say_frame(&k, O, 1, "H|\\^&|||LIS\r" REC_P REC_O REC_L, LIS01_ETX);
	say_byte(&k, R, LIS01_ACK);
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"category\":\"query\"", 1);
	expect(&t, "\"category\":\"query_answer\"", 1);
	expect(&t, "\"specimen\":\"c8ad0de2a828a125726198449cc10624\"", 2);
	trace_free(&t);
}

static void
keepalive_noise_and_bare(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say(&k, O, BYTES("\x05\x04\xff\x00\xfe" WHOLE "junk text\rmore"));
	say_byte(&k, O, LIS01_EOT);
	say_byte(&k, R, LIS01_ACK);
	say_byte(&k, R, LIS01_ACK);
	hear(&k, &t);
	expect(&t, "lis01_keepalive", 1);
	expect(&t, "\"carrier\":\"none\"", 1);
	expect(&t, "lis02_unframed", 1);
	expect(&t, "lis01_noise", 2);
	expect(&t, "\"lis01_answer_unasked\",\"proto\":\"astm\",\"count\":2", 1);
	expect(&t, "\"offset\":5,\"message\"", 1);
	trace_free(&t);
}

/* --- records over frames --- */

static void
records_over_frames(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	/* ETX where a record is only half there, and ETX that closes a record without CR */
	say_byte(&k, O, LIS01_ENQ);
	say_frame(&k, O, 1, REC_H "P|1||TP", LIS01_ETX);
	say_frame(&k, O, 2, "-0001\rO|1|SP-0001||^^^GLU", LIS01_ETX);
	say_frame(&k, O, 3, "R|1|^^^GLU|5", LIS01_ETB);
	say_frame(&k, O, 4, ".1|mmol/L\rL|1|N", LIS01_ETX);
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"type\":\"HPOR\"", 1);
	expect(&t, "\"value\":\"5.1\"", 1);
	expect(&t, "\"flags\":0", 1);
	expect(&t, "\"lis02_record_end_missing\",\"proto\":\"astm\",\"count\":2", 1);
	assert_int_equal(UNITS(&t, lis02_records), 5);
	trace_free(&t);
}

static void
several_messages(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_byte(&k, O, LIS01_ENQ);
	say_frame(&k, O, 1, WHOLE WHOLE REC_H REC_P, LIS01_ETB);
	say_frame(&k, O, 2, REC_H REC_L, LIS01_ETX);
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"kind\":\"message\"", 4);
	expect(&t, "\"type\":\"HPOR\"", 2);
	expect(&t, "\"type\":\"HP\"", 1);
	expect(&t, "\"kind\":\"claim\"",
	    4); /* the same sender once: model, sw, serial; H alone: app */
	expect(&t, "lis01_etb_whole_record", 1);
	trace_free(&t);
}

static void
no_header(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_frame(&k, O, 4, REC_R, LIS01_ETX);
	say_frame(&k, O, 5, REC_L, LIS01_ETX);
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"type\":\"R\"", 1);
	expect(&t, "\"n_results\":1", 1);
	expect(&t, "\"flags\":1", 1);
	expect(&t, "lis02_header_missing", 1);
	expect(&t, "lis01_enq_missing", 1);
	expect(&t, "lis02_hierarchy", 1);
	trace_free(&t);
}

static void
a_hole(void **state)
{
	struct talk k = {0};
	struct trace t;

	(void)state;
	say_byte(&k, O, LIS01_ENQ);
	say_frame(&k, O, 1, REC_H REC_P "O|1|SP-0", LIS01_ETB);
	say(&k, O,
	    BYTES("\x02"
		  "2001||^^^GLU|R\rR|1|lost"));
	say(&k, O,
	    BYTES("^GLU|9.9\rR|2|^^^LAC|1.1\r\x03"
		  "55\r\n"));
	k.turns[k.n - 1].gap = 100;
	say_frame(&k, O, 3, REC_R, LIS01_ETX);
	say_frame(&k, O, 4, REC_L, LIS01_ETX);
	say_byte(&k, O, LIS01_EOT);
	hear(&k, &t);
	expect(&t, "\"type\":\"HPR\"", 1);
	expect(&t, "\"n_results\":1", 1);
	expect(&t, "\"flags\":1", 1);
	expect(&t, "9.9", 0);
	expect(&t, "\"kind\":\"anomaly\"", 1); /* R without O */
	trace_free(&t);
}

/* --- meaning --- */

static void
bare(struct trace *t, struct bytes text)
{
	struct turn turn = {O, text, 0};

	trace_check_cuts(&astm_protocol, &turn, 1, 5);
	trace_init(t);
	trace_feed(t, &astm_protocol, &turn, 1, NULL, false);
}

struct value_case {
	const char *record; /* R */
	const char *needle;
};

static void
values(void **state)
{
	static const struct value_case table[] = {
	    {"R|1|^^^687|28.6|U/L|10-40|N||F", "\"code\":\"687\",\"value\":\"28.6\""},
	    {"R|1|^^^^WBC^1|  5.5|10*3/uL||N", "\"code\":\"WBC\",\"sub\":\"1\",\"value\":\"5.5\""},
	    {"R|1|^^^WBC^6690-2|8.30", "\"code\":\"WBC\",\"name\":\"6690-2\",\"value\":\"8.30\""},
	    {"R|1|HBCT|0.05", "\"code\":\"HBCT\",\"value\":\"0.05\""},
	    {"R|1|^MTB^^1|NEG^", "\"value\":\"NEG\""},
	    {"R|1|^MTB^^1|^26.7", "\"value\":\"26.7\""},
	    {"R|1|^MTB^^1|POS^26.7", "\"value\":\"POS^26.7\""},
	    {"R|1|^^^X|-----", "\"value\":\"-----\""},
	    {"R|1|^^^X|5.0|||||C", "\"corrects\":1"},
	    {"R|1|^^^X|5.0|||||F|||20260101|20260102", "\"observed\":\"20260102\""},
	    {"R|1|^^^X|5.0|||||F|||20260101|", "\"observed\":\"20260101\""},
	    {"R|1|^^^X|Mr Smith is ill", "\"value_hash\":\""},
	    {"R|1|^^^X|POS^Mr Smith", "\"value_hash\":\""},
	    {"R|1||", "\"n_results\":1"},
	    {"R|", "\"n_results\":1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct buf b = {0};
		struct trace t;

		buf_printf(&b, "%s%s%s%s\r%s", REC_H, REC_P, REC_O, table[i].record, REC_L);
		bare(&t, buf_bytes(&b));
		expect(&t, table[i].needle, 1);
		expect(&t, "Smith", 0);
		trace_free(&t);
		buf_free(&b);
	}
}

struct sender_case {
	const char *sender;
	const char *claims[4]; /* needles */
	size_t n;              /* claims in all */
};

static void
senders(void **state)
{
	static const struct sender_case table[] = {
	    {"ARCHITECT^8.10^F3453010030^H1P1O1R1",
		{"\"model\",\"value\":\"ARCHITECT\"", "\"software\",\"value\":\"8.10\"",
		    "\"serial\",\"value\":\"F3453010030\"", "\"maker\",\"value\":\"Abbott\""},
		4},
	    {"XN-550^00-24^22723^^^^BD634545",
		{"\"model\",\"value\":\"XN-550\"", "\"serial\",\"value\":\"22723\""}, 4},
	    {"XP-100^00-13^^^^A7869^BS649542", {"\"serial\",\"value\":\"A7869\""}, 4},
	    {"site^Roche^c111^4.2.2.1730^1^13147",
		{"\"model\",\"value\":\"cobas c111\"", "\"serial\",\"value\":\"13147\"",
		    "\"software\",\"value\":\"4.2.2.1730\"", "\"name\",\"value\":\"site\""},
		5},
	    {"c311^1", {"\"model\",\"value\":\"cobas c311\""}, 2},
	    {"DCA VANTAGE^04.04.00.00^S067337", {"\"serial\",\"value\":\"S067337\""}, 4},
	    {"H500^910YOXH02826^2.2.2.2b",
		{"\"model\",\"value\":\"Yumizen H500\"", "\"software\",\"value\":\"2.2.2.2b\""}, 4},
	    {"Afinion 2 Analyzer^^AF20052397", {"\"serial\",\"value\":\"AF20052397\""}, 3},
	    {"Lab 3^GeneXpert^4.8",
		{"\"name\",\"value\":\"Lab 3\"", "\"model\",\"value\":\"GeneXpert\""}, 4},
	    {"Unheard^V2.1^ZX123456",
		{"\"model\",\"value\":\"Unheard\",\"source\":\"LIS02 H-5.1\",\"confidence\":40",
		    "\"software\",\"value\":\"V2.1\"", "\"serial\",\"value\":\"ZX123456\""},
		3},
	    {"", {NULL}, 0},
	    {"^^^", {NULL}, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct buf b = {0};
		struct trace t;

		buf_printf(
		    &b, "H|\\^&|||%s\r%s%sR|1|^^^X|1\r%s", table[i].sender, REC_P, REC_O, REC_L);
		bare(&t, buf_bytes(&b));
		for (size_t k = 0; k < 4 && table[i].claims[k] != NULL; k++)
			expect(&t, table[i].claims[k], 1);
		expect(&t, "\"kind\":\"claim\"", table[i].n);
		trace_free(&t);
		buf_free(&b);
	}
}

static void
device_behind(void **state)
{
	struct trace t;

	(void)state;
	bare(&t, BYTES("H|@^\\|||Lab 3^GeneXpert^4.8\rP|1\rO|1|S1\r"
		       "R|1|^MTB|NEG^||||||||||Cepheid-44413S0^801234^700001^12^345^20270101\r"
		       "R|2|^RIF|NEG^||||||||||Cepheid-44413S0^801234^700001^12^345^20270101\r"
		       "L|1|N\r"));
	expect(&t, "\"behind\":1", 2);
	expect(&t, "\"attr\":\"serial\",\"value\":\"801234\"", 1);
	expect(&t, "lis02_escape", 0);
	trace_free(&t);
}

struct specimen_case {
	const char *patient, *order;
	const char *same_as; /* an id whose hash must stand there */
};

static void
specimens(void **state)
{
	static const struct specimen_case table[] = {
	    {"P|1", "O|1|S77", "S77"},
	    {"P|1", "O|1|  S77  ^LAB|x", "S77"},
	    {"P|1", "O|1||^^            S77^A", "S77"},
	    {"P|1", "O|1||0001^01^S77", "S77"},
	    {"P|1", "O|1||S77^^6", "S77"},
	    {"P|1", "O|1||S77", "S77"},
	    {"P|1|S77", "O|1", "S77"},
	    {"P|1", "O|1|S&X3737&", "S77"},
	};
	char first[33] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct buf b = {0};
		struct trace t;
		struct bytes text;
		size_t at;

		buf_printf(
		    &b, "H|\\^&\r%s\r%s\rR|1|^^^X|1\rL|1\r", table[i].patient, table[i].order);
		bare(&t, buf_bytes(&b));
		text = buf_bytes(&t.text);
		at = bytes_find_seq(text, BYTES("\"specimen\":\""));
		if (at == text.len)
			fail_msg("no specimen in case %zu", i);
		if (i == 0)
			memcpy(first, text.ptr + at + 12, 32);
		else
			assert_memory_equal(first, text.ptr + at + 12, 32);
		trace_free(&t);
		buf_free(&b);
	}
}

struct kind_case {
	const char *records;
	const char *type, *category;
};

static void
kinds(void **state)
{
	static const struct kind_case table[] = {
	    {"L|1\r", "\"type\":\"H\"", "session"},
	    {"P|1\rL|1\r", "\"type\":\"HP\"", "patient"},
	    {"P|1\rO|1|S\rL|1\r", "\"type\":\"HPO\"", "order"},
	    {"P|1\rO|1|S|||||||||||||||||||||||Q\rL|1\r", "\"type\":\"HPO\"", "query_answer"},
	    {"Q|1|^S\rL|1\r", "\"type\":\"HQ\"", "query"},
	    {"M|1|QC\rS|1|x\rL|1\r", "\"type\":\"HMS\"", "status"},
	    {"P|1\rO|1|S\rC|1|I|t\rR|1|^^^X|1\rM|1|d\rL|1\r", "\"type\":\"HPOCRM\"", "result"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct buf b = {0};
		struct trace t;
		char category[40];

		buf_printf(&b, "H|\\^&\r%s", table[i].records);
		bare(&t, buf_bytes(&b));
		(void)snprintf(
		    category, sizeof(category), "\"category\":\"%s\"", table[i].category);
		expect(&t, table[i].type, 1);
		expect(&t, category, 1);
		trace_free(&t);
		buf_free(&b);
	}
}

static void
text_exports(void **state)
{
	struct trace t;

	(void)state;
	bare(&t, BYTES("# a comment\n1H|\\\\^&|||AX-90\n2P|1||TP\n3O|1|S\n4R|1|^^^X|1\n5L|1|N\n"));
	expect(&t, "\"type\":\"HPOR\"", 1);
	expect(&t, "lis02_doubled_backslash", 1);
	expect(&t, "\"lis02_frame_text\",\"proto\":\"astm\",\"count\":5", 1);
	expect(&t, "\"lis02_line_feed\",\"proto\":\"astm\",\"count\":5", 1);
	expect(&t, "lis01_noise", 1);
	trace_free(&t);
	bare(&t, BYTES(REC_H "P|1\r\nO|1\r\n\r\nR|1|^^^X|1\r\nL|1\r\n"));
	expect(&t, "lis02_line_feed", 0);
	expect(&t, "\"n_results\":1", 1);
	trace_free(&t);
}

static void
vendor_blocks(void **state)
{
	struct turn turn = {O,
	    BYTES("\x02\x1emtrsl|\x1epi1|\x1eqn0.05|\x1d"
		  "b0\n\x03"),
	    0};
	struct trace t;
	void *s;

	(void)state;
	bare(&t, turn.data);
	expect(&t, "astm_vendor_block", 1);
	assert_int_equal(UNITS(&t, vendor_blocks), 1);
	assert_int_equal(UNITS(&t, astm_frames), 0);
	s = astm_protocol.open(&t.observer);
	astm_protocol.data(s, O, turn.data, 0);
	assert_int_equal(astm_protocol.carries(s), PROTO_vendor);
	astm_protocol.close(s);
	trace_free(&t);
	bare(&t, BYTES("\x02"
		       "26/03/04 10:00 ID# 12 NA 140\x03"));
	expect(&t, "astm_vendor_text", 1);
	trace_free(&t);
	bare(&t, BYTES("\x02 NA 140 K 4.0\x03\x02 NA 141\x03"));
	assert_int_equal(UNITS(&t, vendor_blocks), 2);
	trace_free(&t);
}

/* --- telnet --- */

static void
telnet(void **state)
{
	struct talk k = {0};
	struct buf frame = {0};
	size_t ff;
	struct trace t;
	void *s;

	(void)state;
	say(&k, O, BYTES("\xff\xfb\x2c\xff\xfb\x00"));
	say(&k, R, BYTES("\xff\xfb\x00\xff\xfa\x2c\x65\x00\x00\x25\x80\xff\xf0\x05"));
	say_byte(&k, O, LIS01_ACK);
	/* 0xFF in the name: doubled on the wire, single in the checksum; an option in the middle */
	lis01_write_frame(&frame, 1,
	    BYTES("H|\\^&\rP|1||7||A\xff"
		  "B\r"),
	    LIS01_ETX);
	ff = bytes_find(buf_bytes(&frame), 0xff);
	say(&k, R, bytes_sub(buf_bytes(&frame), 0, ff));
	say(&k, R, BYTES("\xff\xff\xff\xfa\x2c\x6a\x00\xff\xf0"));
	say(&k, R, bytes_from(buf_bytes(&frame), ff + 1));
	say_frame(&k, R, 2, "L|1\r", LIS01_ETX);
	say_byte(&k, R, LIS01_EOT);
	buf_free(&frame);
	hear(&k, &t);
	expect(&t, "\"type\":\"HP\"", 1);
	expect(&t, "\"kind\":\"anomaly\"", 1); /* eight_bit */
	expect(&t, "lis01_eight_bit", 1);
	assert_int_equal(UNITS(&t, telnet_commands), 5);
	assert_int_equal(UNITS(&t, astm_frames), 2);
	assert_int_equal(UNITS(&t, astm_frames_bad), 0);
	s = astm_protocol.open(&t.observer);
	astm_protocol.data(s, R, BYTES("\xff\xfb\x2c"), 0);
	assert_int_equal(astm_protocol.carries(s), PROTO_rfc2217);
	astm_protocol.data(s, R, BYTES("\x05"), 3);
	assert_int_equal(astm_protocol.carries(s), PROTO_astm);
	astm_protocol.close(s);
	trace_free(&t);
}

/* --- hostile --- */

/* A message without an end meets the cap: told as cut, memory stays bounded. */
static void
endless(void **state)
{
	struct trace t;
	void *s;
	uint64_t at = 0;
	uint8_t block[8192];

	(void)state;
	trace_init(&t);
	s = astm_protocol.open(&t.observer);
	memset(block, 'x', sizeof(block));
	block[sizeof(block) - 1] = '\r';
	memcpy(block, "C|1|", 4);
	astm_protocol.data(s, O, BYTES(REC_H), at);
	at += sizeof(REC_H) - 1;
	for (int i = 0; i < 2000; i++, at += sizeof(block))
		astm_protocol.data(s, O, bytes_of(block, sizeof(block)), at);
	astm_protocol.data(s, O,
	    BYTES("\x02"
		  "1"),
	    at);
	at += 2;
	memset(block, 'y', sizeof(block));
	for (int i = 0; i < 2000; i++, at += sizeof(block))
		astm_protocol.data(s, R, bytes_of(block, sizeof(block)), at);
	astm_protocol.end(s, O);
	astm_protocol.end(s, R);
	astm_protocol.close(s);
	expect(&t, "unit_too_large", 3);
	assert_true(t.budget.high < 12 << 20);
	trace_free(&t);
}

/* Many small messages in one frame: linear, nothing lost. */
static void
crowd(void **state)
{
	struct buf b = {0};
	struct talk k = {0};
	struct trace t;

	(void)state;
	buf_add(&b, BYTES("\x05\x02"
			  "1"));
	for (int i = 0; i < 50000; i++)
		buf_add(&b, BYTES("H|\\^&\rL|1\r"));
	buf_add(&b, BYTES("\x03"
			  "00\r\n\x04"));
	say(&k, O, buf_bytes(&b));
	trace_init(&t);
	trace_feed(&t, &astm_protocol, k.turns, 1, NULL, false);
	assert_int_equal(t.n_kind[EV_message], 50000);
	trace_free(&t);
	buf_free(&k.bytes[0]);
	buf_free(&b);
}

/* No memory at all: nothing is kept, nothing fails. */
static void
poor(void **state)
{
	struct buf wire = {0};

	(void)state;
	lis01_write_session(&wire, BYTES(WHOLE WHOLE), 50);
	for (size_t cap = 0; cap < 30000; cap += 997) {
		struct trace t;
		void *s;

		trace_init(&t);
		t.budget.cap = cap;
		if ((s = astm_protocol.open(&t.observer)) != NULL) {
			astm_protocol.data(s, O, buf_bytes(&wire), 0);
			astm_protocol.end(s, O);
			astm_protocol.end(s, R);
			astm_protocol.close(s);
		}
		trace_free(&t);
	}
	buf_free(&wire);
}

/* Conversations of meaningful bytes in a random order: any cut is the same as the whole. */
static void
random_talk(void **state)
{
	static const char *const parts[] = {"\x05", "\x04", "\x06", "\x15", "\x02", "\x03", "\x17",
	    "\r", "\n", REC_H, REC_P, REC_O, REC_R, REC_L, "H|", "1", "R|1|^^^A|2", "\x02\x31",
	    "\x1e", "\xff\xfb\x2c", "\xff", "junk", "L|1|N"};
	struct rng rng = rng_new(11);

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct talk k = {0};

		for (size_t n = 1 + rng_below(&rng, 12); n > 0; n--) {
			struct buf b = {0};

			for (size_t m = 1 + rng_below(&rng, 5); m > 0; m--) {
				const char *part = parts[rng_below(&rng, ARRAY_LEN(parts))];

				if (rng_below(&rng, 3) == 0)
					lis01_write_frame(&b, (unsigned)rng_below(&rng, 4),
					    bytes_str(part),
					    rng_below(&rng, 2) == 0 ? LIS01_ETX : LIS01_ETB);
				else
					buf_text(&b, part);
			}
			say(&k, rng_below(&rng, 3) == 0 ? R : O, buf_bytes(&b));
			if (rng_below(&rng, 12) == 0)
				k.turns[k.n - 1].gap = 1 + rng_below(&rng, 50);
			buf_free(&b);
		}
		trace_check_cuts(&astm_protocol, k.turns, k.n, 3);
		for (size_t i = 0; i < k.n; i++)
			buf_free(&k.bytes[i]);
	}
}

/* --- recognising --- */

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
	    {"ENQ", {BYTES_INIT("\x05"), {NULL, 0}}, false, PROBE_MAYBE},
	    {"ENQ, ACK", {BYTES_INIT("\x05"), BYTES_INIT("\x06")}, false, PROBE_YES},
	    {"ENQ, NAK", {BYTES_INIT("\x05"), BYTES_INIT("\x15")}, false, PROBE_YES},
	    {"responder's ENQ", {BYTES_INIT("\x06"), BYTES_INIT("\x05")}, false, PROBE_YES},
	    {"contention", {BYTES_INIT("\x05"), BYTES_INIT("\x05")}, false, PROBE_YES},
	    {"ENQ and frame",
		{BYTES_INIT("\x05\x02"
			    "1H|\\^&"),
		    {NULL, 0}},
		false, PROBE_YES},
	    {"ENQ EOT", {BYTES_INIT("\x05\x04"), {NULL, 0}}, false, PROBE_YES},
	    {"frame",
		{BYTES_INIT("\x02"
			    "3R|1|"),
		    {NULL, 0}},
		false, PROBE_YES},
	    {"middle of a record",
		{BYTES_INIT("\x02"
			    "3678\x17"
			    "EF\r\n"),
		    {NULL, 0}},
		false, PROBE_YES},
	    {"records", {BYTES_INIT("H|\\^&|||x"), {NULL, 0}}, false, PROBE_YES},
	    {"other delimiters", {BYTES_INIT("H|@^\\|||x"), {NULL, 0}}, false, PROBE_YES},
	    {"vendor", {BYTES_INIT("\x02\x1emtrsl"), {NULL, 0}}, false, PROBE_YES},
	    {"COM-PORT", {BYTES_INIT("\xff\xfb\x2c"), {NULL, 0}}, false, PROBE_YES},
	    {"telnet, ENQ",
		{BYTES_INIT("\xff\xfb\x00\x05\x02"
			    "1H|"),
		    {NULL, 0}},
		false, PROBE_YES},
	    {"telnet login", {BYTES_INIT("\xff\xfd\x01login: "), {NULL, 0}}, false, PROBE_NO},
	    {"SOCKS 5", {BYTES_INIT("\x05\x01\x00"), {NULL, 0}}, false, PROBE_NO},
	    {"SOCKS 5, two methods", {BYTES_INIT("\x05\x02\x00\x02"), {NULL, 0}}, false, PROBE_NO},
	    {"DCE/RPC", {BYTES_INIT("\x05\x00\x0b\x03"), {NULL, 0}}, false, PROBE_NO},
	    {"HTTP", {BYTES_INIT("GET / HTTP/1.1\r\n"), {NULL, 0}}, false, PROBE_NO},
	    {"HTTP HEAD", {BYTES_INIT("HEAD / HTTP/1.1\r\n"), {NULL, 0}}, false, PROBE_NO},
	    {"FTP", {{NULL, 0}, BYTES_INIT("220 ready\r\n")}, false, PROBE_NO},
	    {"POP PASS", {BYTES_INIT("PASS x\r\n"), {NULL, 0}}, false, PROBE_NO},
	    {"MLLP", {BYTES_INIT("\x0bMSH|^~\\&|"), {NULL, 0}}, false, PROBE_NO},
	    {"TLS", {BYTES_INIT("\x16\x03\x01\x02\x00"), {NULL, 0}}, false, PROBE_NO},
	    {"STX, then binary", {BYTES_INIT("\x02\x00\x01"), {NULL, 0}}, false, PROBE_NO},
	    {"frame that never ends",
		{BYTES_INIT("\x02"
			    "3xyzxyz"),
		    {NULL, 0}},
		true, PROBE_NO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct probe_view v = {
		    {table[i].head[0], table[i].head[1]}, {1, 2}, table[i].ended};

		if (astm_protocol.probe(&v) != table[i].want)
			fail_msg("%s: %d", table[i].name, (int)astm_protocol.probe(&v));
	}
}

/* --- decode --- */

static void
decode(void **state)
{
	static const char *const want[] = {
	    "{\"unit\":\"enq\",\"offset\":0,\"length\":1,\"anomalies\":[]}\n",
	    "{\"unit\":\"frame\",\"offset\":1,\"length\":13,\"number\":1,\"end\":\"ETX\","
	    "\"text_length\":8,\"checksum\":\"D9\"",
	    "\"ok\":true,\"sequence\":\"ok\",\"repeat\":false,\"anomalies\":["
	    "{\"name\":\"lis01_checksum_case\",\"offset\":1}",
	    "{\"unit\":\"message\",\"offset\":3,\"length\":14,\"type\":\"H\",\"category\":"
	    "\"session\","
	    "\"carrier\":\"lis01\",\"delimiters\":\"|\\\\^&\",\"cut\":false,\"records\":["
	    "{\"type\":\"H\",\"offset\":3,\"fields\":[\"H\",\"\\\\^&\",\"x\"]},"
	    "{\"type\":\"L\",\"offset\":18,\"fields\":[\"L\",\"1\",\"N\"]}],\"anomalies\":[]}\n",
	    "{\"unit\":\"eot\",\"offset\":29,\"length\":1,\"anomalies\":[]}\n",
	};
	struct buf out = {0};

	(void)state;
	trace_decode(&astm_protocol,
	    BYTES("\x05\x02"
		  "1H|\\^&|x\r\x03"
		  "d9\r\n\x02"
		  "2L|1|N\r\x03"
		  "05\r\n\x04"),
	    &out);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		if (bytes_find_seq(buf_bytes(&out), bytes_str(want[i])) == out.len)
			fail_msg("no %s in\n%s", want[i], (char *)out.ptr);
	}
	buf_free(&out);
}

/* The figures of the shared samples: frames, right checksums, longest frame, records by letter. */

struct figures {
	size_t frames, sum_ok, longest;
	size_t records[26];
};

static uint64_t
number_after(struct bytes line, const char *key)
{
	size_t at = bytes_find_seq(line, bytes_str(key));
	struct bytes t = bytes_from(line, at + strlen(key));
	size_t n = 0;
	uint64_t v = 0;

	while (n < t.len && t.ptr[n] >= '0' && t.ptr[n] <= '9')
		n++;
	(void)bytes_to_u64(bytes_sub(t, 0, n), &v);
	return v;
}

static void
count_line(void *ctx, struct bytes line)
{
	struct figures *f = ctx;

	if (bytes_starts(line, BYTES("{\"unit\":\"frame\"")) &&
	    bytes_find_seq(line, BYTES("\"checksum\":null")) == line.len) {
		uint64_t n = number_after(line, "\"text_length\":") + LIS01_FRAME_OVERHEAD;

		f->frames++;
		f->sum_ok += bytes_find_seq(line, BYTES("\"ok\":true")) < line.len;
		f->longest = n > f->longest ? n : f->longest;
	}
	if (!bytes_starts(line, BYTES("{\"unit\":\"message\"")))
		return;
	for (size_t at; (at = bytes_find_seq(line, BYTES("{\"type\":\""))) < line.len;) {
		line = bytes_from(line, at + 9);
		f->records[line.ptr[0] - 'A']++;
	}
}

/* One row of the table in SOURCES.md: | file | src | path | bytes | frames | ok | longest | ... */
static bool
truth_row(struct bytes row, char *name, size_t room, struct figures *f)
{
	struct bytes cell[9], rest = bytes_from(row, 1);
	uint64_t v[3] = {0, 0, 0};

	if (row.len == 0 || row.ptr[0] != '|')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(cell); i++)
		cell[i] = bytes_trim(bytes_split(rest, '|', &rest));
	for (size_t i = 0; i < 3; i++) {
		if (!bytes_to_u64(cell[4 + i], &v[i]))
			return false;
	}
	*f = (struct figures){.frames = v[0], .sum_ok = v[1], .longest = v[2]};
	for (rest = cell[7]; rest.len > 0;) {
		struct bytes one = bytes_split(rest, ' ', &rest);

		if (one.len > 1 && bytes_to_u64(bytes_from(one, 1), &v[0]))
			f->records[one.ptr[0] - 'A'] = v[0];
	}
	(void)snprintf(name, room, "astm/%.*s", (int)cell[0].len, (const char *)cell[0].ptr);
	return true;
}

static void
shared_truth(void **state)
{
	const char *path = shared_path("astm/SOURCES.md");
	struct bytes table, rest;
	size_t files = 0;

	(void)state;
	if (path == NULL) {
		/* not skip(): meson reads cmocka's "not ok # SKIP" as a failure */
		print_message("# shared samples are not here: skipped\n");
		return;
	}
	table = file_slurp(path);
	for (rest = table; rest.len > 0;) {
		struct bytes row = bytes_split(rest, '\n', &rest), file;
		struct figures want, got = {0};
		struct line_sink sink = {&got, count_line};
		char name[256];

		if (!truth_row(row, name, sizeof(name), &want))
			continue;
		file = file_slurp(shared_path(name));
		assert_non_null(file.ptr);
		astm_protocol.decode(file, &sink);
		/* doc/truth-astm.md: an M record whose delimiter was mutated to 0xC5 */
		if (bytes_eq(bytes_str(name), BYTES("astm/mut-astm-06.bin")))
			got.records['M' - 'A']++;
		if (memcmp(&want, &got, sizeof(got)) != 0)
			fail_msg("%s: %zu frames, %zu ok, longest %zu", name, got.frames,
			    got.sum_ok, got.longest);
		free((void *)(uintptr_t)file.ptr);
		files++;
	}
	free((void *)(uintptr_t)table.ptr);
	assert_int_equal(files, 36);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(clean_session),
	    cmocka_unit_test(offsets), cmocka_unit_test(nak_and_again), cmocka_unit_test(one_side),
	    cmocka_unit_test(bad_but_kept), cmocka_unit_test(refused_for_good),
	    cmocka_unit_test(constant_number), cmocka_unit_test(jumping_numbers),
	    cmocka_unit_test(contention), cmocka_unit_test(query_and_answer),
	    cmocka_unit_test(keepalive_noise_and_bare), cmocka_unit_test(records_over_frames),
	    cmocka_unit_test(several_messages), cmocka_unit_test(no_header),
	    cmocka_unit_test(a_hole), cmocka_unit_test(values), cmocka_unit_test(senders),
	    cmocka_unit_test(device_behind), cmocka_unit_test(specimens), cmocka_unit_test(kinds),
	    cmocka_unit_test(text_exports), cmocka_unit_test(vendor_blocks),
	    cmocka_unit_test(telnet), cmocka_unit_test(endless), cmocka_unit_test(crowd),
	    cmocka_unit_test(poor), cmocka_unit_test(random_talk), cmocka_unit_test(probes),
	    cmocka_unit_test(decode), cmocka_unit_test(shared_truth)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
