/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "proto/hl7v2/scan.h"
#include "rng.h"

static void
same(struct bytes a, const char *want)
{
	if (!bytes_eq(a, bytes_str(want))) {
		fprintf(stderr, "got '%.*s', want '%s'\n", (int)a.len, (const char *)a.ptr, want);
		fail();
	}
}

/* The scan held against the plainest possible one. */
static void
check_scan_with(struct bytes text, uint8_t field, bool narrow)
{
	struct guard guard = guard_new(text);
	struct bytes in = guard.view;
	struct hl7_segment g;
	struct hl7_scan s;
	size_t at = 0;

	hl7_scan_init(&s, in, field);
	s.narrow = narrow;
	for (;;) {
		size_t end, n = 0;

		while (at < in.len && (in.ptr[at] == '\r' || in.ptr[at] == '\n'))
			at++;
		if (at == in.len) {
			assert_false(hl7_scan_next(&s, &g));
			break;
		}
		for (end = at; end < in.len && in.ptr[end] != '\r' && in.ptr[end] != '\n'; end++) {
			n += in.ptr[end] == field;
		}
		assert_true(hl7_scan_next(&s, &g));
		assert_ptr_equal(g.text.ptr, in.ptr + at);
		assert_int_equal(g.text.len, end - at);
		assert_int_equal(g.n, n < HL7_FIELDS_MAX ? n : HL7_FIELDS_MAX);
		assert_int_equal(g.over, n > HL7_FIELDS_MAX);
		assert_int_equal(g.end, end < in.len ? in.ptr[end] : 0);
		for (size_t i = at, k = 0; i < end && k < g.n; i++) {
			if (in.ptr[i] == field)
				assert_int_equal(g.sep[k++], i - at);
		}
		assert_int_equal(g.sep[g.n], g.text.len);
		at = end;
	}
	guard_free(&guard);
}

static void
check_scan(struct bytes text, uint8_t field)
{
	check_scan_with(text, field, false);
	check_scan_with(text, field, true);
}

static void
scan_is_the_plain_one(void **state)
{
	static const uint8_t alphabet[] = {'|', '|', '\r', '\n', 'A', 'b', ' ', 0, 0x80, 0xff};
	struct rng rng = rng_new(11);
	uint8_t text[2600];

	(void)state;
	for (size_t len = 0; len < sizeof(text); len += 1 + len / 8) {
		for (int round = 0; round < 60; round++) {
			size_t spread = 1 + rng_below(&rng, 40);

			for (size_t i = 0; i < len; i++)
				text[i] = rng_below(&rng, spread) == 0
					      ? alphabet[rng_below(&rng, sizeof(alphabet))]
					      : (uint8_t)('a' + rng_below(&rng, 26));
			check_scan(bytes_of(text, len), '|');
			check_scan(bytes_of(text, len), 0);
			check_scan(bytes_of(text, len), 0xff);
		}
	}
	memset(text, '|', sizeof(text));
	for (size_t len = HL7_FIELDS_MAX - 2; len < HL7_FIELDS_MAX + 3; len++)
		check_scan(bytes_of(text, len), '|');
	check_scan(bytes_of(text, sizeof(text)), '|');
}

static void
what_was_passed_is_known(void **state)
{
	static const struct {
		struct bytes text;
		bool high, control, lf;
	} rows[] = {
	    {BYTES_INIT("MSH|a\rPID|b\r"), false, false, false},
	    {BYTES_INIT("MSH|a\nPID|b"), false, false, true},
	    {BYTES_INIT("MSH|a\r\nPID|b\r\n"), false, false, true},
	    {BYTES_INIT("MSH|\xc3\xa9\r"), true, false, false},
	    {BYTES_INIT("MSH|\t\r"), false, true, false},
	    {BYTES_INIT("MSH|\x7f\r"), false, false, false},
	    {BYTES_INIT("MSH|0123456789012345678901234567890123456789012345678901234567890123456"
			"789\x01\r"),
		false, true, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct hl7_segment g;
		struct hl7_scan s;

		hl7_scan_init(&s, rows[i].text, '|');
		while (hl7_scan_next(&s, &g))
			continue;
		assert_int_equal(s.high, rows[i].high);
		assert_int_equal(s.control, rows[i].control);
		assert_int_equal(s.lf, rows[i].lf);
	}
}

static void
separator_changes(void **state)
{
	struct hl7_segment g;
	struct hl7_scan s;

	(void)state;
	hl7_scan_init(&s, BYTES("MSH|a|b\rMSH#c#d|e\r\rPID#f"), '|');
	assert_true(hl7_scan_next(&s, &g));
	assert_int_equal(g.n, 2);
	same(hl7_scan_rest(&s), "MSH#c#d|e\r\rPID#f");
	hl7_scan_separator(&s, '#');
	assert_true(hl7_scan_next(&s, &g));
	same(hl7_token(&g, 2), "d|e");
	assert_true(hl7_scan_next(&s, &g));
	same(hl7_token(&g, 1), "f");
	assert_false(hl7_scan_next(&s, &g));
}

static void
delimiters(void **state)
{
	static const struct {
		const char *head;
		const char want[7]; /* field, component, ...; '0' = none */
	} rows[] = {
	    {"MSH|^~\\&|", "|^~\\&0"},
	    {"MSH|^~\\&#|", "|^~\\&#"},
	    {"MSH|^~|", "|^~000"},
	    {"MSH|", "|00000"},
	    {"MSH", "000000"},
	    {"MSH||", "|00000"},
	    {"MSH#*~\\&#", "#*~\\&0"},
	    {"MSH|^~\\&\r", "|^~\\&0"},
	    {"MSH|^~\\&", "|^~\\&0"},
	    {"MSH|^~\\&A", "|^~\\&0"},
	    {"MSH|^A\\&|", "|^0000"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct hl7_delims d = hl7_delims_of(bytes_str(rows[i].head));
		const uint8_t got[] = {
		    d.field, d.component, d.repetition, d.escape, d.subcomponent, d.truncation};

		for (size_t k = 0; k < sizeof(got); k++)
			assert_int_equal(got[k], rows[i].want[k] == '0' ? 0 : rows[i].want[k]);
	}
}

static void
heads(void **state)
{
	static const char *const yes[] = {"MSH|", "FHS|", "BHS|", "MSH#x", "MSH\x01"};
	static const char *const no[] = {"", "MSH", "MSHA", "MSH1", "MSH ", "MSH\r", "MSH\n",
	    "msh|", "FSH|", "BSH|", "MHS|", "BTS|", "MSA|", "xMSH|"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(hl7_is_head(bytes_str(yes[i])));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(hl7_is_head(bytes_str(no[i])));
}

static uint32_t
name_of(const char *text, bool *lower)
{
	struct hl7_segment g;
	struct hl7_scan s;

	hl7_scan_init(&s, bytes_str(text), '|');
	assert_true(hl7_scan_next(&s, &g));
	return hl7_segment_name(&g, lower);
}

static void
names(void **state)
{
	static const char *const bad[] = {
	    "PI", "PIDX|", "1ID|", "P D|", "P-D|", "P|", "|", "\xc3\xa9X|", "PID "};
	bool lower;

	(void)state;
	assert_int_equal(name_of("PID|1", &lower), HL7_NAME('P', 'I', 'D'));
	assert_false(lower);
	assert_int_equal(name_of("DSC", &lower), HL7_NAME('D', 'S', 'C'));
	assert_int_equal(name_of("ZX1|", &lower), HL7_NAME('Z', 'X', '1'));
	assert_int_equal(name_of("pV1|", &lower), HL7_NAME('P', 'V', '1'));
	assert_true(lower);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(name_of(bad[i], &lower), 0);
}

static void
parts(void **state)
{
	const struct hl7_delims *d = &hl7_delims_usual;
	struct bytes f = BYTES("a^b&c&d^^e~f^g");

	(void)state;
	same(hl7_piece(d, f, 1, 0), "a");
	same(hl7_piece(d, f, 2, 0), "b&c&d");
	same(hl7_piece(d, f, 2, 1), "b");
	same(hl7_piece(d, f, 2, 3), "d");
	same(hl7_piece(d, f, 2, 4), "");
	same(hl7_piece(d, f, 3, 1), "");
	same(hl7_piece(d, f, 4, 1), "e");
	same(hl7_piece(d, f, 5, 1), "");
	same(hl7_part(f, '~', 1), "f^g");
	same(hl7_part(f, '~', 2), "");
	same(hl7_part(f, 0, 0), "a^b&c&d^^e~f^g");
	same(hl7_part(f, 0, 1), "");
	same(hl7_part(BYTES(""), '^', 0), "");
	same(hl7_first(d, f), "a");
	same(hl7_first(d, BYTES("a&b^c")), "a");
	same(hl7_first(d, BYTES("~b")), "");
	same(hl7_first(d, BYTES("abc")), "abc");
	assert_int_equal(hl7_parts(f, '~'), 2);
	assert_int_equal(hl7_parts(BYTES("^^"), '^'), 3);
	assert_int_equal(hl7_parts(BYTES(""), '^'), 1);
	assert_int_equal(hl7_parts(f, 0), 1);
	assert_true(hl7_valued(BYTES("0")));
	assert_false(hl7_valued(BYTES("\"\"")));
	assert_false(hl7_valued(BYTES("")));
	assert_true(hl7_valued(BYTES("\"\"x")));
}

static void
escapes(void **state)
{
	static const struct {
		const char *in, *out;
		size_t n, unknown, open;
	} rows[] = {
	    {"plain", "plain", 0, 0, 0},
	    {"a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\P\\", "a|b^c&d~e\\f#", 6, 0, 0},
	    {"\\X41\\\\X4243\\", "ABC", 2, 0, 0},
	    {"\\X4\\", "\\X4\\", 0, 1, 0},
	    {"\\X\\", "\\X\\", 0, 1, 0},
	    {"\\XZZ\\", "\\XZZ\\", 0, 1, 0},
	    {"\\H\\bold\\N\\", "bold", 2, 0, 0},
	    {"a\\.br\\b\\.sp+3\\c\\.in4\\", "a\nb\nc", 3, 0, 0},
	    {"\\.zz\\", "\\.zz\\", 0, 1, 0},
	    {"\\Q\\", "\\Q\\", 0, 1, 0},
	    {"\\\\", "\\\\", 0, 1, 0},
	    {"C:\\dir", "C:\\dir", 0, 0, 1},
	    {"\\", "\\", 0, 0, 1},
	    {"x\\F", "x\\F", 0, 0, 1},
	    {"\\F|S\\", "\\F|S\\", 0, 0, 2},
	    {"\\Zabc\\", "\\Zabc\\", 1, 0, 0},
	    {"\\C2842\\\\M1B2842\\", "\\C2842\\\\M1B2842\\", 2, 0, 0},
	    {"\\F\\F\\F\\", "|F|", 2, 0, 0},
	    {"\\f\\", "\\f\\", 0, 1, 0},
	};
	struct hl7_delims none = hl7_delims_usual;
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct guard g = guard_new(bytes_str(rows[i].in));
		struct hl7_escapes e = hl7_escapes_of(g.view, &hl7_delims_usual);

		buf_reset(&out);
		hl7_unescape(&out, &hl7_delims_usual, g.view);
		same(buf_bytes(&out), rows[i].out);
		assert_int_equal(e.n, rows[i].n);
		assert_int_equal(e.unknown, rows[i].unknown);
		assert_int_equal(e.open, rows[i].open);
		guard_free(&g);
	}
	none.escape = 0;
	buf_reset(&out);
	hl7_unescape(&out, &none, BYTES("\\F\\"));
	same(buf_bytes(&out), "\\F\\");
	assert_int_equal(hl7_escapes_of(BYTES("\\F\\"), &none).n, 0);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(scan_is_the_plain_one),
	    cmocka_unit_test(what_was_passed_is_known), cmocka_unit_test(separator_changes),
	    cmocka_unit_test(delimiters), cmocka_unit_test(heads), cmocka_unit_test(names),
	    cmocka_unit_test(parts), cmocka_unit_test(escapes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
