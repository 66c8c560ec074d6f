/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/serialnet/serialnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "rng.h"

/* Everything that comes out, as text: data bytes with their offsets, commands. */
static void
undo(struct bytes in, struct buf *out, struct buf *data, struct rng *rng)
{
	struct serialnet s = {0};
	uint64_t offset = 0;

	while (in.len > 0) {
		size_t n = rng == NULL ? in.len : 1 + rng_below(rng, in.len);
		struct bytes run = bytes_sub(in, 0, n);

		in = bytes_from(in, n);
		for (;;) {
			struct serialnet_piece p = serialnet_next(&s, &run, &offset);

			if (p.kind == SERIALNET_MORE)
				break;
			if (p.kind == SERIALNET_DATA) {
				for (size_t i = 0; i < p.body.len; i++)
					buf_printf(out, "%02x@%u ", p.body.ptr[i],
					    (unsigned)(p.offset + i));
				if (data != NULL)
					buf_add(data, p.body);
				continue;
			}
			buf_printf(out, "%s %02x %02x@%u%s ",
			    p.kind == SERIALNET_SUB ? "sub" : "cmd", p.verb, p.option,
			    (unsigned)p.offset, p.cut ? " cut" : "");
			buf_hex(out, p.body);
		}
	}
}

struct undo_case {
	const char *name;
	struct bytes in;
	const char *out;
};

static void
cases(void **state)
{
	static const struct undo_case table[] = {
	    {"plain", BYTES_INIT("ab"), "61@0 62@1 "},
	    {"doubled",
		BYTES_INIT("a\xff\xff"
			   "b"),
		"61@0 ff@1 62@3 "},
	    {"option",
		BYTES_INIT("\xff\xfb\x2c"
			   "a"),
		"cmd fb 2c@0 61@3 "},
	    {"nop inside",
		BYTES_INIT("a\xff\xf1"
			   "b"),
		"61@0 cmd f1 00@1 62@3 "},
	    {"cr nul", BYTES_INIT("a\r\0b"), "61@0 0d@1 62@3 "},
	    {"cr nul, binary", BYTES_INIT("\xff\xfb\0\r\0b"), "cmd fb 00@0 0d@3 00@4 62@5 "},
	    {"binary off again", BYTES_INIT("\xff\xfb\0\xff\xfc\0\r\0b"),
		"cmd fb 00@0 cmd fc 00@3 0d@6 62@8 "},
	    {"nul alone stays", BYTES_INIT("a\0b"), "61@0 00@1 62@2 "},
	    {"com port", BYTES_INIT("\xff\xfa\x2c\x01\0\0\x25\x80\xff\xf0z"),
		"sub fa 2c@0 01000025807a@10 "},
	    {"ff in sub", BYTES_INIT("\xff\xfa\x2c\xff\xff\xff\xf0"), "sub fa 2c@0 ff"},
	    {"sub without end", BYTES_INIT("\xff\xfa\x2c\x01\xff\xfbz"), "sub fa 2c@0 cut 017a@6 "},
	    {"open at the end", BYTES_INIT("a\xff"), "61@0 "},
	    {"sub open at the end", BYTES_INIT("\xff\xfa\x2c\x01\x02"), ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct buf out = {0};

		undo(table[i].in, &out, NULL, NULL);
		if (!bytes_eq(buf_bytes(&out), bytes_str(table[i].out)))
			fail_msg("%s: %.*s", table[i].name, (int)out.len, (char *)out.ptr);
		buf_free(&out);
	}
}

/* Any cut gives the same bytes at the same offsets; a run without 0xFF comes back as it is. */
static void
cuts(void **state)
{
	static const uint8_t special[] = {0xff, 0xff, 0xfa, 0xf0, 0xfb, 0xfc, 0x2c, 0, '\r', 'a'};
	struct rng rng = rng_new(3);

	(void)state;
	for (int round = 0; round < 3000; round++) {
		uint8_t in[40];
		struct buf whole = {0}, cut = {0};
		size_t n = 1 + rng_below(&rng, sizeof(in));

		for (size_t i = 0; i < n; i++)
			in[i] = special[rng_below(&rng, sizeof(special))];
		undo(bytes_of(in, n), &whole, NULL, NULL);
		undo(bytes_of(in, n), &cut, NULL, &rng);
		if (!bytes_eq(buf_bytes(&whole), buf_bytes(&cut)))
			fail_msg("whole %.*s cut %.*s", (int)whole.len, (char *)whole.ptr,
			    (int)cut.len, (char *)cut.ptr);
		buf_free(&whole);
		buf_free(&cut);
	}
}

static void
no_copy(void **state)
{
	static const char text[] = "1H|\\^&|||\r\n\r\n";
	struct bytes in = bytes_of(text, sizeof(text) - 1);
	struct serialnet s = {0};
	uint64_t offset = 7;
	struct serialnet_piece p = serialnet_next(&s, &in, &offset);

	(void)state;
	assert_int_equal(p.kind, SERIALNET_DATA);
	assert_ptr_equal(p.body.ptr, text);
	assert_int_equal(p.body.len, sizeof(text) - 1);
	assert_int_equal(p.offset, 7);
	assert_int_equal(in.len, 0);
}

static void
long_sub(void **state)
{
	uint8_t in[SERIALNET_SUB_MAX + 20];
	struct serialnet s = {0};
	struct bytes b = bytes_of(in, sizeof(in));
	uint64_t offset = 0;
	struct serialnet_piece p;

	(void)state;
	memset(in, 1, sizeof(in));
	memcpy(in, "\xff\xfa\x2c", 3);
	memcpy(in + sizeof(in) - 2, "\xff\xf0", 2);
	p = serialnet_next(&s, &b, &offset);
	assert_int_equal(p.kind, SERIALNET_SUB);
	assert_int_equal(p.body.len, SERIALNET_SUB_MAX);
	assert_true(p.cut);
	assert_true(s.com_port);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(cuts),
	    cmocka_unit_test(no_copy), cmocka_unit_test(long_sub)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
