/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/dataset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "proto/dicom/write.h"
#include "rng.h"

static enum dicom_tell
tell_all(uint32_t tag, unsigned depth)
{
	(void)tag;
	(void)depth;
	return TELL_ENTER;
}

/* Only 0008,0060: everything else is stepped over. */
static enum dicom_tell
tell_one(uint32_t tag, unsigned depth)
{
	return depth == 0 && tag == 0x00080060 ? TELL_VALUE : TELL_NOT;
}

/* One line an element, in out. cut: bytes a run, 0 = whole, SIZE_MAX = at random. */
static void
walk(struct dicom_set *set, struct bytes data, size_t cut, struct rng *rng, struct buf *out)
{
	while (data.len > 0) {
		size_t n = cut == 0          ? data.len
			   : cut == SIZE_MAX ? 1 + rng_below(rng, data.len)
					     : cut;
		struct guard g = guard_new(bytes_sub(data, 0, n));
		struct bytes in = g.view;
		struct dicom_set_event ev;

		data = bytes_from(data, n);
		while ((ev = dicom_set_next(set, &in)).kind == DICOM_SET_ELEMENT) {
			buf_printf(out, "%08x %u %u @%u ", (unsigned)ev.tag, (unsigned)ev.length,
			    ev.depth, (unsigned)ev.offset);
			buf_hex(out, ev.value);
			buf_byte(out, '\n');
		}
		guard_free(&g);
	}
	dicom_set_end(set);
}

/* All elements of data as text, the same whole, byte by byte and at random cuts. */
static struct buf
elements(struct bytes data, enum dicom_syntax syntax, dicom_tell_fn *tell, uint32_t last,
    struct dicom_notes *notes, struct rng *rng)
{
	struct buf whole = {0};

	for (int i = -1; i < 4; i++) {
		struct dicom_notes mine = {0};
		struct dicom_set set;
		struct buf out = {0};

		dicom_set_init(&set, syntax, tell, last, &mine);
		walk(&set, data, i < 0 ? 0 : i == 0 ? 1 : SIZE_MAX, rng, i < 0 ? &whole : &out);
		if (i < 0) {
			*notes = mine;
		} else {
			assert_true(bytes_eq(buf_bytes(&out), buf_bytes(&whole)));
			assert_memory_equal(&mine, notes, sizeof(mine));
		}
		buf_free(&out);
	}
	return whole;
}

struct wrong_set {
	struct bytes data;
	enum dicom_syntax syntax;
	enum anomaly name; /* 0: none */
	size_t elements;
};

#define SET(lit) BYTES_INIT(lit)

static void
table(void **state)
{
	static const struct wrong_set rows[] = {
	    /* right */
	    {SET(""), SYNTAX_EXPLICIT, 0, 0},
	    {SET("\x08\0\x60\0CS\2\0SM"), SYNTAX_EXPLICIT, 0, 1},
	    {SET("\x08\0\x60\0\2\0\0\0SM"), SYNTAX_IMPLICIT, 0, 1},
	    {SET("\0\x08\0\x60"
		 "CS\0\2SM"),
		SYNTAX_BIG, 0, 1},
	    {SET("\x08\0\x60\0CS\2\0SM"), SYNTAX_UNKNOWN, 0, 1},
	    {SET("\x08\0\x60\0\2\0\0\0SM"), SYNTAX_UNKNOWN, 0, 1},
	    {SET("\0\x08\0\x60"
		 "CS\0\2SM"),
		SYNTAX_UNKNOWN, 0, 1},
	    /* sequence of defined length, item of defined length */
	    {SET("\x08\0\x40\x11SQ\0\0\x12\0\0\0\xfe\xff\0\xe0\x0a\0\0\0"
		 "\x08\0\x60\0CS\2\0SM"),
		SYNTAX_EXPLICIT, 0, 2},
	    /* both undefined */
	    {SET("\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
		 "\x08\0\x60\0CS\2\0SM\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
		 "\x08\0\x50\x11SH\0\0"),
		SYNTAX_EXPLICIT, 0, 3},
	    /* UN of undefined length holds implicit elements (CP-246), explicit ones follow */
	    {SET("\x09\0\x01\x10UN\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
		 "\x08\0\x60\0\2\0\0\0SM\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
		 "\x10\0\x20\0LO\2\0P1"),
		SYNTAX_EXPLICIT, 0, 3},
	    /* pixel fragments, one of which looks like a delimiter */
	    {SET("\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\x08\0\0"
		 "\0"
		 "\xfe\xff\xdd\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"),
		SYNTAX_ENCAPSULATED, 0, 1},
	    /* wrong */
	    {SET("\x08\0\x60\0CS\4\0SM"), SYNTAX_EXPLICIT, ANOMALY_dicom_element_length, 0},
	    {SET("\x08\0\x60"), SYNTAX_EXPLICIT, ANOMALY_dicom_element_length, 0},
	    {SET("\x08\0\x60\0OB\0\0\2\0"), SYNTAX_EXPLICIT, ANOMALY_dicom_element_length, 0},
	    {SET("\x08\0\x60\0OB\0\0\xfe\xff\xff\xffxx"), SYNTAX_EXPLICIT,
		ANOMALY_dicom_element_length, 0},
	    {SET("\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff"), SYNTAX_EXPLICIT,
		ANOMALY_dicom_element_length, 1},
	    {SET("\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\x08\0\x60\0CS\2\0SM"), SYNTAX_EXPLICIT,
		ANOMALY_dicom_element_length, 1},
	    {SET("\x08\0\x40\x11SQ\0\0\x12\0\0\0\xfe\xff\0\xe0\x0b\0\0\0"
		 "\x08\0\x60\0CS\2\0SM"),
		SYNTAX_EXPLICIT, ANOMALY_dicom_element_length, 1},
	    {SET("\x08\0\x40\x11SQ\0\0\x12\0\0\0\xfe\xff\0\xe0\x0a\0\0\0"
		 "\x08\0\x60\0CS\4\0SMxx"),
		SYNTAX_EXPLICIT, ANOMALY_dicom_element_length, 1},
	    {SET("\x08\0\x40\x11SQ\0\0\4\0\0\0\xfe\xff\0\xe0\0\0\0\0"), SYNTAX_EXPLICIT,
		ANOMALY_dicom_element_length, 1},
	    {SET("\xfe\xff\xdd\xe0\0\0\0\0"), SYNTAX_EXPLICIT, ANOMALY_dicom_element_length, 0},
	    {SET("\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
		 "\xfe\xff\xdd\xe0\0\0\0\0"),
		SYNTAX_EXPLICIT, ANOMALY_dicom_element_length, 1},
	    {SET("\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\xdd\xe0\2\0\0\0"), SYNTAX_EXPLICIT,
		ANOMALY_dicom_element_length, 1},
	    {SET("\x08\0\x60\0CS\2\0SM\x08\0\x60\0CS\2\0SM"), SYNTAX_EXPLICIT,
		ANOMALY_dicom_element_order, 2},
	    {SET("\x08\0\x60\0CS\1\0S"), SYNTAX_EXPLICIT, ANOMALY_dicom_element_odd, 1},
	    {SET("\x08\0\x05\0CS\0\0\x08\0\x60\0QQ\0\0\2\0\0\0SM"), SYNTAX_EXPLICIT,
		ANOMALY_dicom_vr, 2},
	    {SET("\x08\0\x05\0CS\0\0\x08\0\x60\0\x01\x02\2\0SM"), SYNTAX_EXPLICIT, ANOMALY_dicom_vr,
		2},
	    {SET("\x08\0\x60\0\2\0\0\0SM"), SYNTAX_EXPLICIT, ANOMALY_dicom_syntax, 1},
	    {SET("\x08\0\x60\0CS\2\0SM"), SYNTAX_IMPLICIT, ANOMALY_dicom_syntax, 1},
	    {SET("\x08\0\x60\0CS\2\0SM"), SYNTAX_BIG, ANOMALY_dicom_syntax, 1},
	};
	struct rng rng = rng_new(5);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dicom_notes notes;
		struct buf out =
		    elements(rows[i].data, rows[i].syntax, tell_all, UINT32_MAX, &notes, &rng);
		size_t n = 0;

		for (size_t k = 0; k < out.len; k++)
			n += out.ptr[k] == '\n';
		if (n != rows[i].elements || notes.n != (rows[i].name != 0) ||
		    (notes.n > 0 && notes.list[0].name != rows[i].name))
			fail_msg("row %zu: %zu elements, %zu notes, first %d\n%.*s", i, n, notes.n,
			    notes.n > 0 ? (int)notes.list[0].name : 0, (int)out.len,
			    (const char *)out.ptr);
		buf_free(&out);
	}
}

static void
stops_behind_what_is_wanted(void **state)
{
	struct bytes data =
	    BYTES("\x08\0\x60\0CS\2\0SM\x10\0\x20\0LO\2\0P1\xff\xff garbage that is never read");
	struct dicom_notes notes = {0};
	struct dicom_set set;
	struct dicom_set_event ev;

	(void)state;
	dicom_set_init(&set, SYNTAX_EXPLICIT, tell_all, 0x00080060, &notes);
	ev = dicom_set_next(&set, &data);
	assert_int_equal(ev.kind, DICOM_SET_ELEMENT);
	ev = dicom_set_next(&set, &data);
	assert_int_equal(ev.kind, DICOM_SET_DONE);
	assert_int_equal(ev.tag, 0x00100020);
	assert_int_equal(ev.where, 10);
	dicom_set_end(&set);
	assert_int_equal(notes.n, 0);
	/* gggg,ffff: one group alone, in whichever direction the next one goes. */
	data = BYTES("\2\0\x10\0UI\2\0001\0\1\0\1\0UN");
	dicom_set_init(&set, SYNTAX_EXPLICIT, tell_all, 0x0002ffff, &notes);
	assert_int_equal(dicom_set_next(&set, &data).kind, DICOM_SET_ELEMENT);
	ev = dicom_set_next(&set, &data);
	assert_int_equal(ev.kind, DICOM_SET_MORE); /* half a head */
	data = BYTES("\0\0\0\0\0\0");
	assert_int_equal(dicom_set_next(&set, &data).kind, DICOM_SET_DONE);
}

static void
holes(void **state)
{
	struct bytes data = BYTES("\x08\0\x05\0CS\4\0ABCD\x08\0\x60\0CS\2\0SM");
	struct dicom_set set;
	struct bytes in;

	(void)state;
	for (size_t at = 0; at < data.len; at++) {
		struct dicom_set_event ev;

		dicom_set_init(&set, SYNTAX_EXPLICIT, tell_one, UINT32_MAX, NULL);
		in = bytes_sub(data, 0, at);
		while (dicom_set_next(&set, &in).kind == DICOM_SET_ELEMENT)
			;
		dicom_set_gap(&set, 1);
		in = bytes_from(data, at + 1);
		ev = dicom_set_next(&set, &in);
		/* Only a hole in the value that is stepped over leaves the next one whole. */
		assert_int_equal(ev.kind, at >= 8 && at < 12 ? DICOM_SET_ELEMENT : DICOM_SET_DONE);
		assert_true(set.lost == !(at >= 8 && at < 12));
	}
}

/* Any bytes: never a crash, never a cut that shows, never more events than heads fit. */
static void
random_bytes(void **state)
{
	struct rng rng = rng_new(6);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		static const uint8_t usual[] = {0, 0, 0, 2, 8, 0x10, 0x60, 0xff, 0xff, 0xfe, 0xe0,
		    0x0d, 0xdd, 'S', 'Q', 'U', 'N', 'O', 'B', 'C'};
		uint8_t text[96];
		size_t n = rng_below(&rng, sizeof(text));
		struct dicom_notes notes;
		struct buf out;

		for (size_t k = 0; k < n; k++)
			text[k] = usual[rng_below(&rng, sizeof(usual))];
		out = elements(bytes_of(text, n), (enum dicom_syntax)rng_below(&rng, 6), tell_all,
		    UINT32_MAX, &notes, &rng);
		buf_free(&out);
	}
}

static void
write_then_read(void **state)
{
	static const char *const vrs[] = {"CS", "LO", "UI", "OB", "UT", "OW", "SH"};
	static const enum dicom_syntax syntaxes[] = {SYNTAX_EXPLICIT, SYNTAX_IMPLICIT, SYNTAX_BIG};
	struct rng rng = rng_new(7);

	(void)state;
	for (int i = 0; i < 90; i++) {
		enum dicom_syntax syntax = syntaxes[i % 3];
		struct buf data = {0}, want = {0}, got;
		struct dicom_notes notes;
		uint32_t tag = 0x00080000;

		for (size_t k = 1 + rng_below(&rng, 9); k > 0; k--) {
			uint8_t value[400];
			size_t n = 2 * rng_below(&rng, sizeof(value) / 2);
			size_t at = data.len;

			for (size_t b = 0; b < n; b++)
				value[b] = (uint8_t)rng_next(&rng);
			tag += 1 + (uint32_t)rng_below(&rng, 0x80000);
			dicom_write_element(
			    &data, syntax, tag, vrs[rng_below(&rng, 7)], bytes_of(value, n));
			buf_printf(
			    &want, "%08x %u 0 @%u ", (unsigned)tag, (unsigned)n, (unsigned)at);
			buf_hex(&want, bytes_of(value, n < DICOM_VALUE_MAX ? n : DICOM_VALUE_MAX));
			buf_byte(&want, '\n');
		}
		got = elements(buf_bytes(&data), syntax, tell_all, UINT32_MAX, &notes, &rng);
		assert_true(bytes_eq(buf_bytes(&got), buf_bytes(&want)));
		assert_int_equal(notes.n, 0);
		buf_free(&data);
		buf_free(&want);
		buf_free(&got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(table),
	    cmocka_unit_test(stops_behind_what_is_wanted),
	    cmocka_unit_test(holes),
	    cmocka_unit_test(random_bytes),
	    cmocka_unit_test(write_then_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
