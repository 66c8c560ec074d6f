/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/lis01/lis01.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"
#include "guard.h"
#include "rng.h"

/* One letter an event: E A N T control, S start, R start that replaces, F frame (with o l b m for
 * its checksum, 0 r s w for its number), X cut, t tail, ! no tail, text as it is, ~ loose. */
static void
put(struct buf *out, const struct lis01_event *e)
{
	static const char sum[] = "olbm", number[] = "0rsw";

	switch (e->kind) {
	case LIS01_CONTROL:
		buf_text(out, e->byte == LIS01_ENQ   ? "E"
			      : e->byte == LIS01_ACK ? "A"
			      : e->byte == LIS01_NAK ? "N"
						     : "T");
		break;
	case LIS01_START:
		buf_printf(out, e->replaces ? "R%u:" : "S%u:", e->frame.number);
		break;
	case LIS01_PIECE:
		buf_add(out, e->body);
		break;
	case LIS01_BYTE:
		buf_printf(out, "<%02x>", e->body.ptr[0]);
		break;
	case LIS01_FRAME:
		buf_printf(out, "F%c%c%s", sum[e->frame.sum], number[e->frame.sequence],
		    e->frame.last == LIS01_ETX ? "" : "+");
		break;
	case LIS01_FRAME_CUT:
		buf_text(out, "X");
		break;
	case LIS01_TAIL:
		buf_text(out, e->byte != 0 ? "!" : "t");
		break;
	case LIS01_LOOSE:
		for (size_t i = 0; i < e->body.len; i++)
			buf_printf(out, "~%02x", e->body.ptr[i]);
		break;
	case LIS01_MORE:
		break;
	}
}

static void
run(struct bytes in, struct buf *out, struct rng *rng)
{
	struct lis01 l;
	struct lis01_event e;
	uint64_t offset = 0;

	lis01_init(&l);
	while (in.len > 0) {
		size_t n = rng == NULL ? in.len : 1 + rng_below(rng, in.len < 9 ? in.len : 9);
		struct guard g = guard_new(bytes_sub(in, 0, n));
		struct bytes part = g.view;

		in = bytes_from(in, n);
		while ((e = lis01_next(&l, &part, &offset)).kind != LIS01_MORE)
			put(out, &e);
		guard_free(&g);
	}
	while ((e = lis01_end(&l)).kind != LIS01_MORE)
		put(out, &e);
}

struct link_case {
	const char *name;
	struct bytes in;
	const char *out;
};

#define A1                                                                                         \
	"\x02"                                                                                     \
	"1A\r\x03"                                                                                 \
	"82\r\n"
#define A2                                                                                         \
	"\x02"                                                                                     \
	"2B\r\x03"                                                                                 \
	"84\r\n"

static const struct link_case table[] = {
    {"session", BYTES_INIT("\x05" A1 A2 "\x04"), "ES1:A\rFo0tS2:B\rFo0tT"},
    {"answers", BYTES_INIT("\x06\x15\x06\x04\x05"), "ANATE"},
    {"ETB",
	BYTES_INIT("\x05\x02"
		   "1A\r\x17"
		   "96\r\n"),
	"ES1:A\rFo0+t"},
    {"lower case",
	BYTES_INIT("\x05\x02"
		   "1AK\x03"
		   "c1\r\n"
		   "\x02"
		   "2Z\x03"
		   "8f\r\n"),
	"ES1:AKFb0tS2:ZFl0t"},
    {"wrong sum, then again",
	BYTES_INIT("\x05\x02"
		   "1A\r\x03"
		   "83\r\n" A1),
	"ES1:A\rFb0tR1:A\rFo0t"},
    {"wrong sum, then the next",
	BYTES_INIT("\x05\x02"
		   "1A\r\x03"
		   "83\r\n" A2),
	"ES1:A\rFb0tS2:B\rFo0t"},
    {"no sum",
	BYTES_INIT("\x05\x02"
		   "1A\r\x03\r\n" A2),
	"ES1:A\rFm0tS2:B\rFo0t"},
    {"no sum at the end",
	BYTES_INIT("\x02"
		   "1A\r\x03"),
	"S1:A\rFm0!"},
    {"half a sum",
	BYTES_INIT("\x02"
		   "1A\r\x03"
		   "8\r\n"),
	"S1:A\rFb0t"},
    {"no CR LF",
	BYTES_INIT("\x05\x02"
		   "1A\r\x03"
		   "82\x02"
		   "2B\r\x03"
		   "84\x04"),
	"ES1:A\rFo0!S2:B\rFo0!T"},
    {"CR only",
	BYTES_INIT("\x02"
		   "1A\r\x03"
		   "82\r\x04"),
	"S1:A\rFo0!T"},
    {"LF only",
	BYTES_INIT("\x02"
		   "1A\r\x03"
		   "82\n\x04"),
	"S1:A\rFo0!T"},
    {"repeat", BYTES_INIT("\x05" A1 A1 A2), "ES1:A\rFo0tS1:A\rFortS2:B\rFo0t"},
    {"same number, other text",
	BYTES_INIT("\x05" A1 "\x02"
		   "1B\r\x03"
		   "83\r\n"),
	"ES1:A\rFo0tS1:B\rFost"},
    {"wrong number",
	BYTES_INIT("\x05" A1 "\x02"
		   "5B\r\x03"
		   "87\r\n" A2),
	"ES1:A\rFo0tS5:B\rFowtS2:B\rFo0t"},
    {"number 0 first",
	BYTES_INIT("\x05\x02"
		   "0A\r\x03"
		   "81\r\n" A1),
	"ES0:A\rFowtS1:A\rFo0t"},
    {"number 8",
	BYTES_INIT("\x05\x02"
		   "8A\r\x03"
		   "89\r\n"),
	"ES8:A\rFowt"},
    {"mid-session",
	BYTES_INIT("\x02"
		   "5A\r\x03"
		   "86\r\n"
		   "\x02"
		   "6A\r\x03"
		   "87\r\n"),
	"S5:A\rFo0tS6:A\rFo0t"},
    {"7 to 0",
	BYTES_INIT("\x02"
		   "7A\r\x03"
		   "88\r\n"
		   "\x02"
		   "0A\r\x03"
		   "81\r\n"),
	"S7:A\rFo0tS0:A\rFo0t"},
    {"cut by ENQ",
	BYTES_INIT("\x02"
		   "1A\r\x05"),
	"S1:A\rXE"},
    {"cut by EOT",
	BYTES_INIT("\x02"
		   "1A\r\x04"),
	"S1:A\rXT"},
    {"cut by a frame",
	BYTES_INIT("\x02"
		   "1A\r" A1),
	"S1:A\rXS1:A\rFo0t"},
    {"STX as text",
	BYTES_INIT("\x02"
		   "1A\x02"
		   "B\x03"
		   "B9\r\n"),
	"S1:A<02>BFo0t"},
    {"restricted",
	BYTES_INIT("\x02"
		   "1\x06\n\x10\x03"
		   "54\r\n"),
	"S1:<06><0a><10>Fo0t"},
    {"tab is text",
	BYTES_INIT("\x02"
		   "1\t\x03"
		   "3D\r\n"),
	"S1:\tFo0t"},
    {"empty text",
	BYTES_INIT("\x02"
		   "1\x03"
		   "34\r\n"),
	"S1:Fo0t"},
    {"noise", BYTES_INIT("\xff\x00z"), "~ff~00~7a"},
    {"STX, no digit",
	BYTES_INIT("\x02\x1e"
		   "mt\x03"),
	"~02~1e~6d~74~03"},
    {"STX alone", BYTES_INIT("\x02"), "~02"},
    {"open frame",
	BYTES_INIT("\x02"
		   "1A"),
	"S1:AX"},
    {"STX at the end of a text",
	BYTES_INIT("\x02"
		   "1A\x02"),
	"S1:AX"},
};

static void
cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct buf out = {0};

		run(table[i].in, &out, NULL);
		if (!bytes_eq(buf_bytes(&out), bytes_str(table[i].out)))
			fail_msg("%s: %.*s, expected %s", table[i].name, (int)out.len,
			    (char *)out.ptr, table[i].out);
		buf_free(&out);
	}
}

/* Streams of the bytes that mean something: any cut is the same as the whole. */
static void
cuts(void **state)
{
	static const uint8_t special[] = {
	    2, 3, 4, 5, 6, 0x15, 0x17, '\r', '\n', '1', '2', 'A', '8'};
	struct rng rng = rng_new(5);

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct buf in = {0}, whole = {0}, cut = {0};
		size_t n = 1 + rng_below(&rng, 60);

		while (in.len < n) {
			if (rng_below(&rng, 6) == 0)
				buf_add(&in, table[rng_below(&rng, ARRAY_LEN(table))].in);
			else
				buf_byte(&in, special[rng_below(&rng, sizeof(special))]);
		}
		run(buf_bytes(&in), &whole, NULL);
		run(buf_bytes(&in), &cut, &rng);
		if (!bytes_eq(buf_bytes(&whole), buf_bytes(&cut)))
			fail_msg("whole %.*s\ncut %.*s", (int)whole.len, (char *)whole.ptr,
			    (int)cut.len, (char *)cut.ptr);
		buf_free(&in);
		buf_free(&whole);
		buf_free(&cut);
	}
}

/* All strings of up to 5 of the bytes with a meaning: ends, in bounded steps, without a crash. */
static void
exhaustive(void **state)
{
	static const uint8_t special[] = {2, 3, 4, 5, 6, 0x15, 0x17, '\r', '\n', '1', 'A', 0xff};
	size_t total = 0;

	(void)state;
	for (size_t len = 1, all = 12; len <= 5; len++, all *= 12) {
		for (size_t k = 0; k < all; k++) {
			uint8_t in[5];
			struct lis01 l;
			struct lis01_event e;
			uint64_t offset = 0;
			size_t x = k, steps = 0;
			struct bytes b = bytes_of(in, len);

			for (size_t i = 0; i < len; i++, x /= 12)
				in[i] = special[x % 12];
			lis01_init(&l);
			while ((e = lis01_next(&l, &b, &offset)).kind != LIS01_MORE)
				assert_true(++steps <= 3 * len);
			while ((e = lis01_end(&l)).kind != LIS01_MORE)
				assert_true(++steps <= 3 * len + 3);
			assert_int_equal(offset, len);
			total++;
		}
	}
	print_message("# %zu strings\n", total);
}

/* Write, then read: the records come back, numbered right, with right checksums. */
static void
write_read(void **state)
{
	struct rng rng = rng_new(6);

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct buf records = {0}, wire = {0}, back = {0};
		size_t n = rng_below(&rng, 12), max = 1 + rng_below(&rng, 300);
		struct lis01 l;
		struct lis01_event e;
		struct bytes in;
		uint64_t offset = 0;

		for (size_t i = 0; i < n; i++) {
			for (size_t k = rng_below(&rng, 400); k > 0; k--)
				buf_byte(&records, (uint8_t)(' ' + rng_below(&rng, 224)));
			buf_byte(&records, '\r');
		}
		lis01_write_session(&wire, buf_bytes(&records), max);
		lis01_init(&l);
		in = buf_bytes(&wire);
		while ((e = lis01_next(&l, &in, &offset)).kind != LIS01_MORE) {
			assert_int_not_equal(e.kind, LIS01_LOOSE);
			assert_int_not_equal(e.kind, LIS01_BYTE);
			if (e.kind == LIS01_PIECE)
				buf_add(&back, e.body);
			if (e.kind == LIS01_FRAME) {
				assert_int_equal(e.frame.sum, LIS01_SUM_OK);
				assert_int_equal(e.frame.sequence, LIS01_NUMBER_OK);
				assert_true(e.frame.text <= max);
			}
			if (e.kind == LIS01_TAIL)
				assert_int_equal(e.byte, 0);
		}
		assert_true(bytes_eq(buf_bytes(&records), buf_bytes(&back)));
		buf_free(&records);
		buf_free(&wire);
		buf_free(&back);
	}
}

/* One changed byte of a frame never passes as right. */
static void
mutations(void **state)
{
	struct rng rng = rng_new(8);
	struct buf wire = {0};

	(void)state;
	lis01_write_frame(&wire, 1, BYTES("R|1|^^^GLU|5.1|mmol/L||N||F\r"), LIS01_ETX);
	for (int i = 0; i < 5000; i++) {
		uint8_t copy[64];
		size_t at = 2 + rng_below(&rng, wire.len - 7);
		uint8_t to = (uint8_t)rng_next(&rng);
		struct bytes in = bytes_of(copy, wire.len);
		struct lis01 l;
		struct lis01_event e;
		uint64_t offset = 0;

		memcpy(copy, wire.ptr, wire.len);
		if (copy[at] == to)
			continue;
		copy[at] = to;
		lis01_init(&l);
		while ((e = lis01_next(&l, &in, &offset)).kind != LIS01_MORE) {
			if (e.kind == LIS01_FRAME)
				assert_true(e.frame.sum >= LIS01_SUM_BAD);
		}
	}
	buf_free(&wire);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(cuts),
	    cmocka_unit_test(exhaustive), cmocka_unit_test(write_read),
	    cmocka_unit_test(mutations)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
