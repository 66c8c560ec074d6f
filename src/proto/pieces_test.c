/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/pieces.h"
#include "rng.h"

/* Everything a cutter says about a stream, as text, whatever the cuts. */
static void
tell(struct buf *out, const char *what, const struct piece *p)
{
	buf_printf(out, "%s %llu+%llu%s:", what, (unsigned long long)p->offset,
	    (unsigned long long)p->size, p->cut ? " cut" : "");
	buf_add(out, p->body);
	buf_byte(out, '\n');
}

static void
run_lines(struct buf *out, struct bytes in, size_t cap, struct rng *rng)
{
	struct lines l = {.cap = cap};
	uint64_t offset = 0;
	struct piece p;

	while (in.len > 0) {
		size_t n = rng == NULL ? in.len : 1 + rng_below(rng, in.len);
		struct bytes run = bytes_sub(in, 0, n);

		while (lines_next(&l, &run, &offset, &p))
			tell(out, "line", &p);
		in = bytes_from(in, n);
	}
	if (lines_rest(&l, &p))
		tell(out, "rest", &p);
	assert_false(lines_rest(&l, &p));
	lines_free(&l);
}

static uint64_t
size_of(struct bytes prefix)
{
	return prefix.ptr[0] == '<' && prefix.ptr[1] >= '3' && prefix.ptr[1] <= '9'
		   ? (uint64_t)(prefix.ptr[1] - '0')
		   : 0;
}

static bool
sync_at(struct bytes w)
{
	return size_of(w) >= 3 && w.ptr[2] == '!';
}

static void
run_frames(struct buf *out, struct bytes in, size_t gap_at, struct rng *rng)
{
	struct frames f = {
	    .prefix = 2, .keep = 5, .size_of = size_of, .sync_at = sync_at, .sync = 3};
	uint64_t offset = 0;
	size_t at = 0;
	struct piece p;

	while (at < in.len) {
		size_t left = at < gap_at && gap_at < in.len ? gap_at - at : in.len - at;
		size_t n = rng == NULL ? left : 1 + rng_below(rng, left);
		struct bytes run = bytes_sub(in, at, n);
		enum frames_step step;

		while ((step = frames_next(&f, &run, &offset, &p)) != FRAMES_MORE)
			tell(out, step == FRAMES_UNIT ? "unit" : "lost", &p);
		at += n;
		if (at == gap_at) {
			frames_gap(&f, 2);
			offset += 2;
		}
	}
	frames_free(&f);
}

static void
lines_cases(void **state)
{
	static const struct {
		struct bytes in;
		const char *want;
	} cases[] = {
	    {BYTES_INIT("ab\r\ncd\n"), "line 0+4:ab\nline 4+3:cd\n"},
	    {BYTES_INIT("ab"), "rest 0+2:ab\n"},
	    {BYTES_INIT("\n\r\n"), "line 0+1:\nline 1+2:\n"},
	    {BYTES_INIT("abcd\r\n"), "line 0+6:abcd\n"},
	    {BYTES_INIT("abcde\r\n"), "line 0+7 cut:abcd\n"},
	    {BYTES_INIT("abcdefgh\nx"), "line 0+9 cut:abcd\nrest 9+1:x\n"},
	    {BYTES_INIT("a\rb\n"), "line 0+4:a\rb\n"},
	    {BYTES_INIT(""), ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = {0};

		run_lines(&out, cases[i].in, 4, NULL);
		if (!bytes_eq(buf_bytes(&out), bytes_str(cases[i].want)))
			fail_msg("case %zu: %.*s", i, (int)out.len, (const char *)out.ptr);
		buf_free(&out);
	}
}

static void
frames_cases(void **state)
{
	static const struct {
		struct bytes in;
		size_t gap_at;
		const char *want;
	} cases[] = {
	    {BYTES_INIT("<3a<4bc"), 99, "unit 0+3:<3a\nunit 3+4:<4bc\n"},
	    {BYTES_INIT("<9abcdefg<3z"), 99, "unit 0+9 cut:<9abc\nunit 9+3:<3z\n"},
	    {BYTES_INIT("xx<3a<3!<3b"), 99, "lost 0+0:\nunit 5+3:<3!\nunit 8+3:<3b\n"},
	    {BYTES_INIT("<2<3!"), 99, "lost 0+0:\nunit 2+3:<3!\n"},
	    {BYTES_INIT("<3"), 99, ""},
	    /* a hole inside the skipped part costs nothing */
	    {BYTES_INIT("<9abcfg<3z"), 5, "unit 0+9 cut:<9abc\nunit 9+3:<3z\n"},
	    /* a hole inside a kept part: the next sure start counts */
	    {BYTES_INIT("<5a<3x<3!<3y"), 3, "unit 8+3:<3!\nunit 11+3:<3y\n"},
	    /* a hole at a border: the same */
	    {BYTES_INIT("<3a<3x<3!"), 3, "unit 0+3:<3a\nunit 8+3:<3!\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = {0};

		run_frames(&out, cases[i].in, cases[i].gap_at, NULL);
		if (!bytes_eq(buf_bytes(&out), bytes_str(cases[i].want)))
			fail_msg("case %zu: %.*s", i, (int)out.len, (const char *)out.ptr);
		buf_free(&out);
	}
}

/* Random strings over the special bytes, with a hole: any cut tells the same. */
static void
any_cut(void **state)
{
	static const char letters[] = "<<<345!!a\r\n";
	struct rng rng = rng_new(11);

	(void)state;
	for (int round = 0; round < 4000; round++) {
		uint8_t text[40];
		struct bytes in = bytes_of(text, 1 + rng_below(&rng, sizeof(text)));
		size_t gap_at = rng_below(&rng, 50);
		struct buf whole = {0}, cut = {0};

		for (size_t i = 0; i < in.len; i++)
			text[i] = (uint8_t)letters[rng_below(&rng, sizeof(letters) - 1)];
		run_lines(&whole, in, 4, NULL);
		run_lines(&cut, in, 4, &rng);
		run_frames(&whole, in, gap_at, NULL);
		run_frames(&cut, in, gap_at, &rng);
		if (!bytes_eq(buf_bytes(&whole), buf_bytes(&cut)))
			fail_msg("'%.*s'\n%.*s--- cut\n%.*s", (int)in.len, (const char *)text,
			    (int)whole.len, (const char *)whole.ptr, (int)cut.len,
			    (const char *)cut.ptr);
		buf_free(&whole);
		buf_free(&cut);
	}
}

static void
line_with_a_hole(void **state)
{
	struct lines l = {.cap = 8};
	struct bytes a = BYTES("ab\ncd"), b = BYTES("ef\ngh\n");
	uint64_t offset = 0;
	struct piece p;

	(void)state;
	assert_true(lines_next(&l, &a, &offset, &p));
	assert_false(lines_next(&l, &a, &offset, &p));
	lines_reset(&l);
	offset += 3;
	assert_true(lines_next(&l, &b, &offset, &p));
	assert_true(bytes_eq(p.body, BYTES("gh")));
	assert_int_equal(p.offset, 11);
	assert_false(lines_rest(&l, &p));
	lines_free(&l);
}

static void
no_memory(void **state)
{
	struct budget none = {.cap = 0};
	struct frames f = {.prefix = 2, .keep = 5, .size_of = size_of, .held.budget = &none};
	struct lines l = {.cap = 4, .held.budget = &none};
	struct bytes run = BYTES("<"), more = BYTES("ab"), end = BYTES("\n");
	uint64_t offset = 0;
	struct piece p;

	(void)state;
	assert_int_equal(frames_next(&f, &run, &offset, &p), FRAMES_REFUSED);
	assert_int_equal(frames_next(&f, &run, &offset, &p), FRAMES_MORE);
	assert_false(lines_next(&l, &more, &offset, &p));
	assert_true(lines_next(&l, &end, &offset, &p));
	assert_true(p.cut);
	assert_int_equal(p.body.len, 0);
	frames_free(&f);
	lines_free(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_cases),
	    cmocka_unit_test(frames_cases),
	    cmocka_unit_test(any_cut),
	    cmocka_unit_test(line_with_a_hole),
	    cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
