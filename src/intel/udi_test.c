/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/udi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "intel/vectors.h"
#include "rng.h"

enum { YEAR = 2026 };

static enum fault
parse(struct bytes text, struct udi *u, size_t *at)
{
	struct guard g = guard_new(text);
	enum fault f = udi_parse(g.view, YEAR, u, at);

	/* Views are into the guarded copy: bring them back. */
	if (f == FAULT_none) {
		struct bytes *views[] = {&u->di, &u->lot, &u->serial, &u->version};

		for (size_t i = 0; i < ARRAY_LEN(views); i++)
			if (views[i]->len > 0)
				views[i]->ptr = text.ptr + (views[i]->ptr - g.view.ptr);
	}
	guard_free(&g);
	return f;
}

static void
is(const char *text, const char *what, struct bytes got, const char *expected)
{
	if (!bytes_eq(got, bytes_str(expected)))
		fail_msg("%s: %s is %.*s", text, what, (int)got.len, (const char *)got.ptr);
}

#define DI  "00467769273227"
#define H16 "=/A9999XYZ100T0944"

static void
readings(void **state)
{
	static const struct {
		const char *text, *issuer, *di, *lot, *serial, *expiry, *made;
		bool doubtful;
	} table[] = {
	    {"(01)" DI, "GS1", DI, "", "", "", "", false},
	    {"01" DI, "GS1", DI, "", "", "", "", false},
	    {"\x1d"
	     "01" DI,
		"GS1", DI, "", "", "", "", false},
	    {"]d201" DI "17260200"
	     "10A/B",
		"GS1", DI, "A/B", "", "2026-02-28", "", false},
	    {"]C1(01)" DI "(17)280200(11)240229", "GS1", DI, "", "", "2028-02-29", "2024-02-29",
		false},
	    {"01" DI "10L1\x1d"
	     "21S1",
		"GS1", DI, "L1", "S1", "", "", false},
	    {"01" DI "10L1\x1d"
	     "21S1\x1d",
		"GS1", DI, "L1", "S1", "", "", false},
	    {"01" DI "10L121S1", "GS1", DI, "L121S1", "", "", "", true},
	    {"01" DI "10AB17270100", "GS1", DI, "AB17270100", "", "", "", true},
	    {"01" DI "10AB17279900", "GS1", DI, "AB17279900", "", "", "", false},
	    {"(01)" DI "(10)L121S1", "GS1", DI, "L121S1", "", "", "", false},
	    {"(01)" DI "(240)X(8012)1.2.3(7003)2702281259", "GS1", DI, "", "", "2027-02-28", "",
		false},
	    {"(01)" DI "(3103)000750(17)760101(11)770101", "GS1", DI, "", "", "2076-01-01",
		"1977-01-01", false},
	    {"+A123BJC5D6E71G", "HIBCC", "A123BJC5D6E71", "", "", "", "", false},
	    {H16, "ICCBBA", "A9999XYZ100T0944", "", "", "", "", false},
	    {H16 "=,000025=A99971312345600=>014032=}013032&,1000000000000XYZ123", "ICCBBA",
		"A9999XYZ100T0944", "000000000000XYZ123", "000025", "2014-02-01", "2013-02-01",
		false},
	    {"=)1TE123456A&)RZ12345678", "ICCBBA", "1TE123456A", "RZ12345678", "", "", "", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const char *t = table[i].text;
		char date[UDI_DATE_TEXT_MAX];
		struct udi u;
		size_t at;
		enum fault f = parse(bytes_str(t), &u, &at);

		if (f != FAULT_none)
			fail_msg("%s: %s at %zu", t, fault_name(f), at);
		assert_string_equal(udi_issuer_name(u.issuer), table[i].issuer);
		is(t, "di", u.di, table[i].di);
		is(t, "lot", u.lot, table[i].lot);
		is(t, "serial", u.serial, table[i].serial);
		is(t, "expiry", bytes_of(date, udi_date_text(u.expiry, date)), table[i].expiry);
		is(t, "made", bytes_of(date, udi_date_text(u.made, date)), table[i].made);
		assert_int_equal(u.doubtful, table[i].doubtful);
		assert_int_equal(u.checked, u.issuer != UDI_ICCBBA);
	}
}

/* Secondary data of HIBCC; the check character is put behind. */
static void
hibcc_secondary(void **state)
{
	static const struct {
		const char *body;
		enum fault fault;
		const char *lot, *serial, *expiry, *made;
	} table[] = {
	    {"/$LOT", FAULT_none, "LOT", "", "", ""},
	    {"/$+SER", FAULT_none, "", "SER", "", ""},
	    {"/$$0928L", FAULT_none, "L", "", "2028-09-30", ""},
	    {"/$$2092828L", FAULT_none, "L", "", "2028-09-28", ""},
	    {"/$$3280928L", FAULT_none, "L", "", "2028-09-28", ""},
	    {"/$$428092823L", FAULT_none, "L", "", "2028-09-28", ""},
	    {"/$$528060L", FAULT_none, "L", "", "2028-02-29", ""},
	    {"/$$62806022L", FAULT_none, "L", "", "2028-02-29", ""},
	    {"/$$7L", FAULT_none, "L", "", "", ""},
	    {"/$$+7S", FAULT_none, "", "S", "", ""},
	    {"/$$+3280928S", FAULT_none, "", "S", "2028-09-28", ""},
	    {"/$$805", FAULT_none, "", "", "", ""},
	    {"/$$8053280928L", FAULT_none, "L", "", "2028-09-28", ""},
	    {"/$$9000050928L", FAULT_none, "L", "", "2028-09-30", ""},
	    {"/28060L", FAULT_none, "L", "", "2028-02-29", ""},
	    {"/$L/SX/16D20240229/14D20280101/Q5", FAULT_none, "L", "X", "2028-01-01", "2024-02-29"},
	    {"/", FAULT_hibcc_data, "", "", "", ""},
	    {"//", FAULT_hibcc_data, "", "", "", ""},
	    {"/X", FAULT_hibcc_data, "", "", "", ""},
	    {"/$$", FAULT_hibcc_data, "", "", "", ""},
	    {"/$$L", FAULT_hibcc_data, "", "", "", ""},
	    {"/$$80", FAULT_hibcc_data, "", "", "", ""},
	    {"/$$9000A0", FAULT_hibcc_data, "", "", "", ""},
	    {"/$L/$M", FAULT_hibcc_data, "", "", "", ""},
	    {"/$L/Q", FAULT_hibcc_data, "", "", "", ""},
	    {"/$$1328L", FAULT_date, "", "", "", ""},
	    {"/$$3281328L", FAULT_date, "", "", "", ""},
	    {"/$$3280230L", FAULT_date, "", "", "", ""},
	    {"/$$3280200L", FAULT_date, "", "", "", ""},
	    {"/$$328022", FAULT_date, "", "", "", ""},
	    {"/$$428022824L", FAULT_date, "", "", "", ""},
	    {"/$$527366L", FAULT_date, "", "", "", ""},
	    {"/$$527000L", FAULT_date, "", "", "", ""},
	    {"/$L/16D20230229", FAULT_date, "", "", "", ""},
	    {"/$L/16D2023022", FAULT_date, "", "", "", ""},
	    {"/$A.B", FAULT_ai_character, "", "", "", ""},
	    {"/$AAAAAAAAAAAAAAAAAAAAA", FAULT_ai_length, "", "", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char text[128], date[UDI_DATE_TEXT_MAX];
		int n = snprintf(text, sizeof(text), "+A123BJC5D6E71%s", table[i].body);
		struct udi u;
		size_t at;
		enum fault f;

		text[n] = (char)udi_check_hibcc(bytes_of(text, (size_t)n));
		f = parse(bytes_of(text, (size_t)n + 1), &u, &at);
		if (f != table[i].fault)
			fail_msg("%s: %s at %zu", table[i].body, fault_name(f), at);
		is(text, "lot", u.lot, table[i].lot);
		is(text, "serial", u.serial, table[i].serial);
		is(text, "expiry", bytes_of(date, udi_date_text(u.expiry, date)), table[i].expiry);
		is(text, "made", bytes_of(date, udi_date_text(u.made, date)), table[i].made);
	}
}

static void
refusals(void **state)
{
	static const struct {
		const char *text;
		enum fault fault;
		size_t at;
	} table[] = {
	    {"", FAULT_empty, 0},
	    {"x", FAULT_udi_unknown, 0},
	    {" (01)" DI, FAULT_udi_unknown, 0},
	    {"]", FAULT_symbology, 0},
	    {"]X1"
	     "01" DI,
		FAULT_symbology, 0},
	    {"]d2", FAULT_di_missing, 3},
	    {"(01)00467769273228", FAULT_check_digit, 17},
	    {"01"
	     "00467769273228",
		FAULT_check_digit, 15},
	    {"(01)0046776927322", FAULT_ai_length, 4},
	    {"(01)004677692732270", FAULT_ai_length, 4},
	    {"010046776927322", FAULT_ai_length, 2},
	    {"(01)0046776927322X", FAULT_ai_character, 17},
	    {"(01)" DI "(99", FAULT_bracket, 18},
	    {"(01)" DI "(", FAULT_bracket, 18},
	    {"(01)" DI "()", FAULT_bracket, 18},
	    {"(01)" DI "(1)", FAULT_bracket, 18},
	    {"(01)" DI "(x0)", FAULT_bracket, 18},
	    {"(01)" DI "(12345)", FAULT_bracket, 18},
	    {"(01)" DI "(10)a(b", FAULT_bracket, 23},
	    {"(01)" DI "(03)1", FAULT_ai_unknown, 18},
	    {"(01)" DI "(010)1", FAULT_ai_unknown, 18},
	    {"(01)" DI "(3)", FAULT_bracket, 18},
	    {"01" DI "03", FAULT_ai_unknown, 16},
	    {"01" DI "x", FAULT_ai_unknown, 16},
	    {"01" DI "17261330", FAULT_date, 18},
	    {"01" DI "17260230", FAULT_date, 18},
	    {"01" DI "17260032", FAULT_date, 18},
	    {"01" DI "1726013", FAULT_ai_length, 18},
	    {"01" DI "17A60130", FAULT_ai_character, 18},
	    {"01" DI "70032702282460", FAULT_date, 20},
	    {"01" DI "70032702002359", FAULT_date, 20},
	    {"(01)" DI "(10)", FAULT_ai_length, 22},
	    {"01" DI "10", FAULT_ai_length, 18},
	    {"01" DI "10ABCDEFGHIJKLMNOPQRSTU", FAULT_ai_length, 18},
	    {"01" DI "10A B", FAULT_ai_character, 19},
	    {"01" DI "10A#B", FAULT_ai_character, 19},
	    {"01" DI "10A\xc3\xa9", FAULT_ai_character, 19},
	    {"01" DI "10A\x1d"
	     "10A",
		FAULT_ai_twice, 22},
	    {"01" DI "01" DI, FAULT_ai_twice, 18},
	    {"17260101", FAULT_di_missing, 2},
	    {"\x1d", FAULT_di_missing, 0},
	    {"+", FAULT_hibcc_primary, 0},
	    {"+A123B1", FAULT_hibcc_primary, 0},
	    {"+1123BJC5D6E71G", FAULT_hibcc_primary, 0},
	    {"+a123BJC5D6E71G", FAULT_hibcc_primary, 0},
	    {"+A123BJC5D6E7XG", FAULT_hibcc_primary, 0},
	    {"+A123BJC5D6E7AAAAAAAAAAAAAA1G", FAULT_hibcc_primary, 0},
	    {"+A12/BJC5D6E71G", FAULT_hibcc_primary, 0},
	    {"+A123BJC5D6E71H", FAULT_check_digit, 14},
	    {"+A123BJC5D6E71g", FAULT_check_digit, 14},
	    {"+A123BJC5D6E71/$a0", FAULT_check_digit, 17},
	    {"=", FAULT_ai_length, 0},
	    {"=/A9999XYZ100T094", FAULT_ai_length, 0},
	    {"=/A9999XYZ100T09 4", FAULT_ai_character, 0},
	    {H16 "x", FAULT_iccbba_data, 18},
	    {H16 "=>014366", FAULT_date, 18},
	    {H16 "=>01403X", FAULT_date, 18},
	    {H16 H16, FAULT_ai_twice, 18},
	    {"=,000025", FAULT_di_missing, 8},
	    {"&x", FAULT_iccbba_data, 0},
	};
	uint8_t long_text[UDI_TEXT_MAX + 1];
	struct udi u;
	size_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		enum fault f = parse(bytes_str(table[i].text), &u, &at);

		if (f != table[i].fault || at != table[i].at)
			fail_msg("%s: %s at %zu", table[i].text, fault_name(f), at);
		assert_int_equal(u.di.len, 0);
	}
	memset(long_text, '0', sizeof(long_text));
	assert_int_equal(parse(bytes_of(long_text, sizeof(long_text)), &u, &at), FAULT_too_long);
	assert_int_equal(udi_check_gs1(BYTES("0046776927322")), '7');
	assert_int_equal(udi_check_gs1(BYTES("00467x")), 0);
	assert_int_equal(udi_check_hibcc(BYTES("+A123BJC5D6E71")), 'G');
	assert_int_equal(udi_check_hibcc(BYTES("+a")), 0);
	assert_int_equal(udi_check_hibcc(BYTES("+\0A")), 0);
}

/* A wrong digit anywhere is seen, and so are most swaps: the promise of modulo 10. */
static void
one_wrong_digit(void **state)
{
	char text[] = "01" DI;
	struct udi u;
	size_t at;

	(void)state;
	for (size_t i = 2; i < 16; i++) {
		char was = text[i];

		for (char c = '0'; c <= '9'; c++) {
			text[i] = c;
			assert_int_equal(parse(bytes_str(text), &u, &at),
			    c == was ? FAULT_none : FAULT_check_digit);
		}
		text[i] = was;
	}
}

/* Two digits stand for the year nearest to now. */
static void
centuries(void **state)
{
	struct udi u;
	size_t at;

	(void)state;
	for (int now = 1999; now < 2120; now++) {
		for (int yy = 0; yy < 100; yy++) {
			char text[32];

			(void)snprintf(text, sizeof(text), "01" DI "17%02d0131", yy);
			assert_int_equal(udi_parse(bytes_str(text), now, &u, &at), FAULT_none);
			assert_int_equal(u.expiry.year % 100, yy);
			assert_in_range(u.expiry.year, now - 49, now + 50);
		}
	}
}

/* --- shared samples --- */

static bool
date_is(struct bytes expected, struct udi_date d)
{
	char date[UDI_DATE_TEXT_MAX], wanted[UDI_DATE_TEXT_MAX];
	struct udi_date want = {0};

	if (expected.len == 6) {
		static const int last[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

		want.year = 2000 + (expected.ptr[0] - '0') * 10 + expected.ptr[1] - '0';
		want.month = (expected.ptr[2] - '0') * 10 + expected.ptr[3] - '0';
		want.day = (expected.ptr[4] - '0') * 10 + expected.ptr[5] - '0';
		if (want.day == 0)
			want.day = last[want.month - 1] + (want.month == 2 && want.year % 4 == 0);
		expected = bytes_of(wanted, udi_date_text(want, wanted));
	}
	return bytes_eq(bytes_of(date, udi_date_text(d, date)), expected);
}

static void
shared_samples(void **state)
{
	json_t *none, *root, *list, *one;
	size_t i, read_n = 0, refused_n = 0;
	struct udi u;
	size_t at;

	(void)state;
	if (shared_path("udi/SOURCES.md") == NULL) {
		print_message("# no shared data: skipped\n");
		return; /* not skip(): meson reads its line as a failure */
	}
	root = vectors_open("udi/udi_samples.json", &none);
	list = json_object_get(root, "samples");
	json_array_foreach(list, i, one)
	{
		const json_t *e = json_object_get(one, "expect");
		const char *text = json_string_value(json_object_get(one, "udi"));
		enum fault f = parse(vectors_text(one, "udi"), &u, &at);

		if (f != FAULT_none)
			fail_msg("%s: %s at %zu", text, fault_name(f), at);
		if (!bytes_eq(vectors_text(e, "agency"), bytes_str(udi_issuer_name(u.issuer))) ||
		    !bytes_eq(vectors_text(e, "di"), u.di) ||
		    !bytes_eq(vectors_text(e, "lot"), u.lot) ||
		    !bytes_eq(vectors_text(e, "serial"), u.serial) ||
		    !date_is(vectors_text(e, "expires"), u.expiry) ||
		    !date_is(vectors_text(e, "manufactured"), u.made))
			fail_msg("%s", text);
		read_n++;
	}
	list = json_object_get(root, "reject");
	json_array_foreach(list, i, one)
	{
		if (parse(vectors_text(one, "udi"), &u, &at) == FAULT_none)
			fail_msg("%s: taken", json_string_value(json_object_get(one, "udi")));
		refused_n++;
	}
	json_decref(root);
	print_message("# %zu read, %zu refused\n", read_n, refused_n);
	assert_true(read_n > 50 && refused_n > 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(readings),
	    cmocka_unit_test(hibcc_secondary),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(one_wrong_digit),
	    cmocka_unit_test(centuries),
	    cmocka_unit_test(shared_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
