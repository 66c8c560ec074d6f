/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/jtree.h"
#include "guard.h"
#include "rng.h"

enum { ARENA = 1 << 20 };

static enum err
parse(struct arena *a, struct bytes text, struct jtree **root)
{
	struct why why = {0};
	enum err e = jtree_parse(a, text, root, &why);

	assert_true((e == ERR_OK) == (*root != NULL));
	assert_true(e == ERR_OK || why.text[0] != 0);
	return e;
}

static void
reads_values(void **state)
{
	struct arena *a = arena_new(ARENA, NULL);
	const struct jtree *list;
	struct jtree *v;
	double d;

	(void)state;
	assert_int_equal(
	    parse(a,
		BYTES("\xef\xbb\xbf {\"a\" : [1, -2.5e1, true,false ,null, \"x\", {}, []],\n"
		      "\"\\u00e9\\ud83d\\ude00\\n\\\"\":\"\\/\"} "),
		&v),
	    ERR_OK);
	list = jtree_list(v, "a");
	assert_int_equal(jtree_get(v, "a")->n, 8);
	assert_true(jtree_double(list, &d) && d == 1);
	assert_true(jtree_double(list->next, &d) && d == -25);
	assert_true(jtree_is(list->next->next, JTREE_TRUE));
	assert_true(bytes_eq(jtree_text(v, "\xc3\xa9\xf0\x9f\x98\x80\n\""), BYTES("/")));
	assert_null(jtree_get(v, "b"));
	assert_null(jtree_get(list, "b"));
	assert_int_equal(jtree_text(v, "a").len, 0);
	assert_null(jtree_list(NULL, "a"));
	arena_free(a);
}

static void
refuses(void **state)
{
	static const struct bytes cases[] = {BYTES_INIT(""), BYTES_INIT(" "), BYTES_INIT("{"),
	    BYTES_INIT("["), BYTES_INIT("[1,"), BYTES_INIT("[1,]"), BYTES_INIT("{\"a\"}"),
	    BYTES_INIT("{\"a\":}"), BYTES_INIT("{\"a\":1,}"), BYTES_INIT("{a:1}"),
	    BYTES_INIT("{\"a\":1,\"a\":2}"), BYTES_INIT("{\"a\":1,\"\\u0061\":2}"),
	    BYTES_INIT("[01]"), BYTES_INIT("[-]"), BYTES_INIT("[1.]"), BYTES_INIT("[1e]"),
	    BYTES_INIT("[+1]"), BYTES_INIT("[.5]"), BYTES_INIT("[NaN]"), BYTES_INIT("tru"),
	    BYTES_INIT("nul"), BYTES_INIT("\"a"), BYTES_INIT("\"\\"), BYTES_INIT("\"\\\""),
	    BYTES_INIT("\"\\x\""), BYTES_INIT("\"\\u12\""), BYTES_INIT("\"\\ud800\""),
	    BYTES_INIT("\"\\udc00\""), BYTES_INIT("\"\\ud800\\u0041\""), BYTES_INIT("\"\x01\""),
	    BYTES_INIT("\"\xff\""), BYTES_INIT("\"\xc0\x80\""), BYTES_INIT("1 2"),
	    BYTES_INIT("[1}"), BYTES_INIT("{\"a\":1]"), BYTES_INIT("[1 2]"), BYTES_INIT("{} x"),
	    BYTES_INIT("[,1]"), BYTES_INIT("]"), BYTES_INIT("'a'")};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(ARENA, NULL);
		struct guard g = guard_new(cases[i]);
		struct jtree *v;

		if (parse(a, g.view, &v) == ERR_OK)
			fail_msg("accepted: %s", (const char *)cases[i].ptr);
		guard_free(&g);
		arena_free(a);
	}
}

static void
holds_limits(void **state)
{
	struct arena *a = arena_new(ARENA, NULL);
	struct buf b = {0};
	struct jtree *v;

	(void)state;
	for (int i = 0; i <= JTREE_DEPTH_MAX; i++)
		buf_byte(&b, '[');
	assert_int_equal(parse(a, buf_bytes(&b), &v), ERR_LIMIT);
	buf_reset(&b);
	buf_byte(&b, '{');
	for (int i = 0; i <= JTREE_MEMBERS_MAX; i++)
		buf_printf(&b, "%s\"%d\":0", i > 0 ? "," : "", i);
	buf_byte(&b, '}');
	assert_int_equal(parse(a, buf_bytes(&b), &v), ERR_LIMIT);
	buf_reset(&b);
	buf_byte(&b, '[');
	for (int i = 0; i < 100000; i++)
		buf_text(&b, "0,");
	assert_int_equal(parse(a, buf_bytes(&b), &v), ERR_LIMIT);
	buf_free(&b);
	arena_free(a);
}

/* Every cut and 2,000 changed bytes against an unreadable page: any answer but a crash. */
static void
survives_damage(void **state)
{
	struct bytes doc = BYTES(
	    "{\"a\":[1,-2.5e1,true,null,\"x\\u00e9\\ud83d\\ude00\"],\"b\":{\"c\":\"\xc3\xa9\"}}");
	struct rng rng = rng_new(7);
	uint8_t copy[128];

	(void)state;
	for (size_t i = 0; i < doc.len + 2000; i++) {
		struct arena *a = arena_new(ARENA, NULL);
		struct guard g;
		struct jtree *v;

		memcpy(copy, doc.ptr, doc.len);
		if (i >= doc.len)
			copy[rng_below(&rng, doc.len)] = (uint8_t)rng_next(&rng);
		g = guard_new(bytes_of(copy, i < doc.len ? i : doc.len));
		assert_true(parse(a, g.view, &v) != ERR_OK || i >= doc.len);
		guard_free(&g);
		arena_free(a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_values),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(holds_limits),
	    cmocka_unit_test(survives_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
