/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/lis02/lis02.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/attr.h"
#include "rng.h"

struct delims_case {
	const char *header;
	enum lis02_delims_kind kind;
	const char *delims; /* field repeat component escape */
};

static void
delimiters(void **state)
{
	static const struct delims_case table[] = {
	    {"H|\\^&|||", LIS02_DELIMS_USUAL, "|\\^&"},
	    {"H|\\^&", LIS02_DELIMS_USUAL, "|\\^&"},
	    {"H|@^\\|a@b", LIS02_DELIMS_OTHER, "|@^\\"},
	    {"H!\\^&!x", LIS02_DELIMS_OTHER, "!\\^&"},
	    {"H|\\\\^&|", LIS02_DELIMS_DOUBLED, "|\\^&"},
	    {"H|\\^|", LIS02_DELIMS_OTHER, "|\\^"},
	    {"H|\\|", LIS02_DELIMS_BROKEN, "|\\^"},
	    {"H||", LIS02_DELIMS_BROKEN, "|\\^"},
	    {"H|^^&|", LIS02_DELIMS_BROKEN, "|^^&"},
	    {"H|\\^&~|", LIS02_DELIMS_BROKEN, "|\\^&"},
	    {"H", LIS02_DELIMS_BROKEN, "|\\^&"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct lis02_delims d;
		uint8_t got[5] = {0};

		assert_int_equal(lis02_delims_of(bytes_str(table[i].header), &d), table[i].kind);
		memcpy(got, (const uint8_t[]){d.field, d.repeat, d.component, d.escape}, 4);
		assert_string_equal((char *)got, table[i].delims);
	}
}

static void
starts(void **state)
{
	(void)state;
	assert_true(lis02_starts_record(BYTES("P|1"), '|'));
	assert_true(lis02_starts_record(BYTES("H!\\^&"), '|'));
	assert_true(lis02_starts_record(BYTES("P!1"), '!'));
	assert_false(lis02_starts_record(BYTES("P!1"), '|'));
	assert_false(lis02_starts_record(BYTES("P"), '|'));
	assert_false(lis02_starts_record(BYTES("H "), '|'));
	assert_false(lis02_starts_record(BYTES("Ha"), '|'));
	assert_false(lis02_starts_record(BYTES("X|1"), '|'));
	assert_false(lis02_starts_record(BYTES("p|1"), '|'));
	assert_false(lis02_starts_record(BYTES(""), '|'));
}

static void
fields(void **state)
{
	struct lis02_delims d = LIS02_DELIMS_DEFAULT;
	struct bytes f[4];
	bool more;

	(void)state;
	assert_int_equal(lis02_split(BYTES("R|1|^^^GLU\\^^^LAC|5"), '|', f, 4, &more), 4);
	assert_false(more);
	assert_true(bytes_eq(lis02_component(f[2], &d, 4), BYTES("GLU")));
	assert_true(bytes_eq(lis02_component(f[2], &d, 1), BYTES("")));
	assert_int_equal(lis02_component(f[2], &d, 5).len, 0);
	assert_int_equal(lis02_component(f[2], &d, 500).len, 0);
	assert_int_equal(lis02_component((struct bytes){NULL, 0}, &d, 1).len, 0);
	assert_true(bytes_eq(lis02_component_trim(BYTES("^^  113^A"), &d, 3), BYTES("113")));
	assert_int_equal(lis02_split(BYTES("R|||||"), '|', f, 4, &more), 4);
	assert_true(more);
	assert_int_equal(lis02_split(BYTES(""), '|', f, 4, &more), 1);
	assert_int_equal(f[0].len, 0);
}

struct escape_case {
	const char *in, *out;
	size_t bad;
};

static void
escapes(void **state)
{
	static const struct escape_case table[] = {
	    {"plain", "plain", 0},
	    {"1&S&40", "1^40", 0},
	    {"&F&&R&&E&", "|\\&", 0},
	    {"&X41420D&z", "AB\rz", 0},
	    {"&H&bold&N&", "bold", 0},
	    {"mmol&Z&L", "mmol&Z&L", 2},
	    {"open&", "open&", 1},
	    {"&X4&", "&X4&", 2},
	    {"&X4G&", "&X4G&", 2},
	    {"&&", "&&", 2},
	};
	struct lis02_delims d = LIS02_DELIMS_DEFAULT;
	uint8_t room[32];
	size_t bad;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct bytes out =
		    lis02_unescape(bytes_str(table[i].in), &d, room, sizeof(room), &bad);

		if (!bytes_eq(out, bytes_str(table[i].out)) || bad != table[i].bad)
			fail_msg("%s: %.*s, %zu bad", table[i].in, (int)out.len, out.ptr, bad);
	}
	/* Never past the room. */
	for (size_t n = 0; n < 6; n++)
		assert_true(
		    lis02_unescape(BYTES("a&X4142434445&b&F&"), &d, room, n, &bad).len <= n);
	d.escape = 0;
	assert_int_equal(lis02_unescape(BYTES("a&F&"), &d, room, sizeof(room), &bad).len, 4);
}

/* Any text, any delimiters: what is written as text reads as the same text. */
static void
write_read(void **state)
{
	struct rng rng = rng_new(9);
	struct lis02_delims sets[] = {
	    LIS02_DELIMS_DEFAULT, {'|', '@', '^', '\\'}, {'!', '~', ':', '#'}};

	(void)state;
	for (int round = 0; round < 3000; round++) {
		const struct lis02_delims *d = &sets[rng_below(&rng, ARRAY_LEN(sets))];
		uint8_t text[24], room[64];
		size_t n = rng_below(&rng, sizeof(text)), bad;
		struct buf field = {0}, record = {0};
		struct bytes f[4], value;
		bool more;

		for (size_t i = 0; i < n; i++)
			text[i] = rng_below(&rng, 2) == 0
				      ? (uint8_t)rng_next(&rng)
				      : (uint8_t) "|\\^&@!~:#\r"[rng_below(&rng, 10)];
		lis02_write_text(&field, d, bytes_of(text, n));
		value = buf_bytes(&field);
		lis02_write_record(&record, d, 'C', &value, 1);
		assert_int_equal(record.ptr[record.len - 1], '\r');
		assert_int_equal(bytes_find(buf_bytes(&record), '\r'), record.len - 1);
		assert_int_equal(lis02_split(bytes_sub(buf_bytes(&record), 0, record.len - 1),
				     d->field, f, 4, &more),
		    2);
		value = lis02_unescape(f[1], d, room, sizeof(room), &bad);
		assert_int_equal(bad, 0);
		assert_true(bytes_eq(value, bytes_of(text, n)));
		buf_free(&field);
		buf_free(&record);
	}
}

static void
write_header(void **state)
{
	struct lis02_delims d, xpert = {'|', '@', '^', '\\'};
	struct bytes f[] = {BYTES_INIT(""), BYTES_INIT(""), BYTES_INIT("lab^GeneXpert^4.8")};
	struct buf out = {0};

	(void)state;
	lis02_write_header(&out, &xpert, f, 3);
	assert_true(bytes_eq(buf_bytes(&out), BYTES("H|@^\\|||lab^GeneXpert^4.8\r")));
	assert_int_equal(lis02_delims_of(buf_bytes(&out), &d), LIS02_DELIMS_OTHER);
	assert_memory_equal(&d, &xpert, sizeof(d));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(delimiters), cmocka_unit_test(starts),
	    cmocka_unit_test(fields), cmocka_unit_test(escapes), cmocka_unit_test(write_read),
	    cmocka_unit_test(write_header)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
