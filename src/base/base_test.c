/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/fold.h"
#include "base/idmap.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/pack.h"
#include "base/sha256.h"
#include "base/sip.h"
#include "base/utf8.h"
#include "guard.h"
#include "rng.h"

static void
views(void **state)
{
	struct bytes rest;
	uint64_t v = 7;

	(void)state;
	assert_int_equal(bytes_find_seq(BYTES("aaab"), BYTES("ab")), 2);
	assert_int_equal(bytes_find_seq(BYTES("aaa"), BYTES("ab")), 3);
	assert_int_equal(bytes_find_seq(BYTES("a"), BYTES("ab")), 1);
	assert_true(bytes_eq(bytes_trim(BYTES("  x y\t")), BYTES("x y")));
	assert_true(bytes_eq(bytes_split(BYTES("a|b|c"), '|', &rest), BYTES("a")));
	assert_true(bytes_eq(rest, BYTES("b|c")));
	assert_true(bytes_eq(bytes_sub(BYTES("abc"), 5, 2), BYTES("")));
	assert_false(bytes_to_u64(BYTES("18446744073709551616"), &v));
	assert_false(bytes_to_u64(BYTES(""), &v));
	assert_false(bytes_to_u64(BYTES("-1"), &v));
	assert_int_equal(v, 7);
	assert_true(bytes_to_u64(BYTES("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
	assert_true(bytes_cmp(BYTES("ab"), BYTES("abc")) < 0);
	assert_true(bytes_eq_nocase(BYTES("HoSt"), BYTES("host")));
}

static void
cursor_is_sticky(void **state)
{
	struct cursor c = cursor_of(BYTES("\x01\x02\x03"));

	(void)state;
	assert_int_equal(cursor_be16(&c), 0x0102);
	assert_false(c.short_);
	assert_int_equal(cursor_be32(&c), 0);
	assert_true(c.short_);
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_left(&c), 0);
}

static void
base64_cases(void **state)
{
	static const struct {
		struct bytes text, want;
	} cases[] = {
	    {BYTES_INIT(""), BYTES_INIT("")},
	    {BYTES_INIT("Zg=="), BYTES_INIT("f")},
	    {BYTES_INIT("Zm8="), BYTES_INIT("fo")},
	    {BYTES_INIT("Zm9vYmFy"), BYTES_INIT("foobar")},
	    {BYTES_INIT("Zm9v\r\n YmFy"), BYTES_INIT("foobar")},
	    {BYTES_INIT("_-8"), BYTES_INIT("\xff\xef")},
	    {BYTES_INIT("Zg==Zg=="), BYTES_INIT("f")},
	    {BYTES_INIT("Zm9v*YmFy"), BYTES_INIT("foo")},
	    {BYTES_INIT("Z"), BYTES_INIT("")},
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(bytes_eq(
		    bytes_of(out, base64_decode(cases[i].text, out, sizeof(out))), cases[i].want));
	assert_int_equal(base64_decode(BYTES("Zm9vYmFy"), out, 2), 2);
}

static void
base64_strict(void **state)
{
	static const char *const bad[] = {"A", "AA", "AAA", "AA=", "=AAA", "A===", "====", "AA=A",
	    "AB==", "AAB=", "AAA*", "AA-A", "AA_A", "AAAA=", "AA A", "AAA\n", "AA==AAAA"};
	uint8_t raw[64], out[64];
	struct buf b = {0};
	size_t n;

	(void)state;
	for (size_t len = 0; len < sizeof(raw); len++) {
		raw[len] = (uint8_t)(len * 37);
		buf_reset(&b);
		base64_encode(bytes_of(raw, len), &b);
		assert_true(base64_decode_strict(buf_bytes(&b), out, sizeof(out), &n));
		assert_true(bytes_eq(bytes_of(out, n), bytes_of(raw, len)));
		if (len > 0)
			assert_false(base64_decode_strict(buf_bytes(&b), out, len - 1, &n));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(base64_decode_strict(bytes_str(bad[i]), out, sizeof(out), &n));
	buf_free(&b);
}

/* FIPS 180-4 examples, and the lengths around the border of a block. */
static void
sha256_vectors(void **state)
{
	static const struct {
		size_t n; /* bytes 'a' */
		uint8_t head[4];
	} runs[] = {
	    {1, {0xca, 0x97, 0x81, 0x12}},
	    {55, {0x9f, 0x43, 0x90, 0xf8}},
	    {56, {0xb3, 0x54, 0x39, 0xa4}},
	    {57, {0xf1, 0x3b, 0x2d, 0x72}},
	    {63, {0x7d, 0x3e, 0x74, 0xa0}},
	    {64, {0xff, 0xe0, 0x54, 0xfe}},
	    {65, {0x63, 0x53, 0x61, 0xc4}},
	    {119, {0x31, 0xeb, 0xa5, 0x1c}},
	    {120, {0x2f, 0x3d, 0x33, 0x54}},
	    {128, {0x68, 0x36, 0xcf, 0x13}},
	    {130, {0x1e, 0x3c, 0x4f, 0x47}},
	};
	uint8_t text[130];
	struct sha256 h = sha256_of(BYTES("abc"));

	(void)state;
	assert_memory_equal(h.b,
	    "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
	    "\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad",
	    32);
	h = sha256_of(BYTES(""));
	assert_memory_equal(h.b, "\xe3\xb0\xc4\x42\x98\xfc\x1c\x14", 8);
	h = sha256_of(BYTES("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"));
	assert_memory_equal(h.b, "\x24\x8d\x6a\x61\xd2\x06\x38\xb8", 8);
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		h = sha256_of(bytes_of(text, runs[i].n));
		assert_memory_equal(h.b, runs[i].head, 4);
	}
}

/* The first and the 16th row of the 64-bit and 128-bit test vectors of the reference code. */
/* Every byte and the length count, at every length; so does the key. */
static void
fold_sees_all(void **state)
{
	const struct sip_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	const struct sip_key other = {UINT64_C(0x0706050403020101), UINT64_C(0x0f0e0d0c0b0a0908)};
	uint8_t in[100] = {0};

	(void)state;
	for (size_t n = 0; n <= sizeof(in); n++) {
		uint64_t h = fold64(&key, bytes_of(in, n));

		assert_true(h == fold64(&key, bytes_of(in, n)));
		assert_true(h != fold64(&other, bytes_of(in, n)));
		for (size_t m = 0; m < n; m++)
			assert_true(h != fold64(&key, bytes_of(in, m)));
		for (size_t bit = 0; bit < 8 * n; bit++) {
			in[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_true(h != fold64(&key, bytes_of(in, n)));
			in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* The table of idmap takes the low bits, fingerprints the high ones: both spread. */
static void
fold_spreads(void **state)
{
	enum { N = 1 << 14, CELLS = 1 << 10 };
	const struct sip_key key = {3, 5};
	static unsigned low[CELLS], high[CELLS];

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		uint64_t h = fold64(&key, bytes_of(&i, sizeof(i)));

		low[h % CELLS]++;
		high[h >> 54]++;
	}
	for (size_t i = 0; i < CELLS; i++) {
		assert_in_range(low[i], 1, 4 * N / CELLS);
		assert_in_range(high[i], 1, 4 * N / CELLS);
	}
}

static void
sip_vectors(void **state)
{
	struct sip_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	static const uint8_t want[16] = {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6,
	    0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
	uint8_t in[15];

	(void)state;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	assert_true(sip64(&key, bytes_of(in, 0)) == UINT64_C(0x726fdb47dd0e0e31));
	assert_true(sip64(&key, bytes_of(in, 15)) == UINT64_C(0xa129ca6149be45e5));
	assert_memory_equal(sip128(&key, bytes_of(in, 0)).b, want, 16);
}

static void
time_text(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"2026-02-03T04:05:06.789Z", INT64_C(1770091506789000000)},
	    {"2000-02-29T23:59:59.000000001Z", INT64_C(951868799000000001)},
	    {"1969-12-31T23:59:59.500Z", -500000000},
	};
	static const char *const bad[] = {"9999-01-01T00:00:00Z", "2262-04-12T00:00:00Z",
	    "0000-01-01T00:00:00Z", "", "2026-02-03", "2026-13-03T04:05:06Z", "2026-02-03T04:05:06",
	    "2026-02-03T04:05:06.Z", "2026-02-03T24:05:06Z", "2026-02-03T04:05:06+1:00",
	    "x026-02-03T04:05:06Z"};
	char out[WALL_TEXT_MAX];
	struct wall t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(
		    wall_format((struct wall){cases[i].ns}, out), strlen(cases[i].text));
		assert_string_equal(out, cases[i].text);
		assert_true(wall_parse(bytes_str(cases[i].text), &t));
		assert_true(t.ns == cases[i].ns);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(wall_parse(bytes_str(bad[i]), &t));
	assert_true(wall_parse(BYTES("1970-01-01T01:00:00+01:00"), &t));
	assert_true(t.ns == 0);
}

static void
addresses(void **state)
{
	static const char *const same[] = {
	    "10.1.2.3", "fd77::21", "::1", "2001:db8::1:0:0:1", "1:2:3:4:5:6:7:8", "fe80::", "::"};
	static const char *const bad[] = {"", "1.2.3", "1.2.3.256", "1.2.3.4.5", ":::", "1::2::3",
	    "12345::", "1:2:3:4:5:6:7:8:9", "g::"};
	char out[IP_TEXT_MAX];
	struct mac m;
	struct ip a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		assert_true(ip_parse(bytes_str(same[i]), &a));
		(void)ip_format(a, out);
		assert_string_equal(out, same[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(ip_parse(bytes_str(bad[i]), &a));
	assert_true(ip_parse(BYTES("::ffff:10.0.0.1"), &a) && ip_is_v4(a) && ip_is_private(a));
	assert_true(ip_parse(BYTES("8.8.8.8"), &a) && !ip_is_private(a));
	assert_true(ip_parse(BYTES("239.1.1.1"), &a) && ip_is_group(a));
	assert_true(mac_parse(BYTES("00-90-E8-01-02-03"), &m) && m.b[1] == 0x90);
	assert_true(mac_parse(BYTES("0090e8010203"), &m));
	assert_false(mac_parse(BYTES("00:90:e8:01:02:zz"), &m));
}

static void
json_text(void **state)
{
	struct buf out = {0};
	struct json j = json_on(&out);

	(void)state;
	json_object(&j);
	json_kbytes(&j, "a", BYTES("q\"\\\n\x01 \xc3\xa9 \xff"));
	json_key(&j, "b");
	json_array(&j);
	json_u64(&j, 1);
	json_i64(&j, -2);
	json_bool(&j, true);
	json_null(&j);
	json_object(&j);
	json_object_end(&j);
	json_array_end(&j);
	json_object_end(&j);
	buf_byte(&out, 0);
	assert_string_equal((char *)out.ptr,
	    "{\"a\":\"q\\\"\\\\\\n\\u0001 \xc3\xa9 \\u00ff\",\"b\":[1,-2,true,null,{}]}");
	buf_free(&out);
}

static void
utf8_edges(void **state)
{
	uint8_t out[16];

	(void)state;
	assert_true(utf8_valid(BYTES("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
	assert_false(utf8_valid(BYTES("\xc0\x80")));
	assert_false(utf8_valid(BYTES("\xed\xa0\x80")));
	assert_false(utf8_valid(BYTES("\xf4\x90\x80\x80")));
	assert_false(utf8_valid(BYTES("\xe2\x82")));
	/* a, e acute, euro, a pair, a lone half, then a NUL that ends it */
	assert_int_equal(utf8_from_utf16le(BYTES("a\0\xe9\0\xac\x20\x3d\xd8\x00\xde\x00\xd8"
						 "b\0\0\0c\0"),
			     out, sizeof(out)),
	    12);
	assert_memory_equal(out, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80?b", 12);
	assert_int_equal(utf8_from_utf16le(BYTES("\xac\x20\xac\x20\xac"), out, 5), 3);
	assert_int_equal(utf8_from_utf16le(BYTES("a"), out, 5), 0);
}

/* Against a plain array, through growth, removal and refusal. */
static void
idmap_model(void **state)
{
	struct budget budget = {.cap = 1 << 20};
	struct idmap m = {.cap = 600, .budget = &budget};
	struct rng rng = rng_new(3);
	uint32_t model[1000];
	size_t n = 0;

	(void)state;
	memset(model, 0xff, sizeof(model));
	for (int i = 0; i < 200000; i++) {
		size_t k = rng_below(&rng, 1000);
		uint64_t key = mix64(k + 1) | 1;

		if (rng_below(&rng, 3) == 0) {
			idmap_drop(&m, key);
			n -= model[k] != IDMAP_NONE;
			model[k] = IDMAP_NONE;
		} else if (idmap_put(&m, key, (uint32_t)i)) {
			n += model[k] == IDMAP_NONE;
			model[k] = (uint32_t)i;
		} else {
			assert_int_equal(m.n, 600);
		}
		assert_int_equal(m.n, n);
		k = rng_below(&rng, 1000);
		assert_int_equal(idmap_get(&m, mix64(k + 1) | 1), model[k]);
	}
	idmap_free(&m);
	assert_int_equal(budget.used, 0);
}

static void
memory_caps(void **state)
{
	struct budget budget = {.cap = 10000};
	struct arena *a = arena_new(8192, &budget);
	struct buf b = {.cap = 1000, .budget = &budget};
	size_t got = 0;

	(void)state;
	assert_non_null(a);
	while (arena_alloc(a, 100) != NULL)
		got++;
	assert_true(got >= 60 && got <= 82);
	assert_null(budget_alloc(&budget, 10000));
	arena_reset(a);
	assert_non_null(arena_str(a, BYTES("hello")));
	arena_free(a);
	for (int i = 0; i < 2000; i++)
		buf_byte(&b, 'x');
	assert_true(b.cut);
	assert_int_equal(b.len, 1000);
	buf_free(&b);
	assert_int_equal(budget.used, 0);
	assert_true(budget.refused > 0);
}

static void
find_any_of_four(void **state)
{
	uint8_t text[70];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len++) {
		assert_int_equal(bytes_find4(bytes_of(text, len), 1, 2, 3, 0xff), len);
		for (size_t at = 0; at < len; at++) {
			text[at] = (uint8_t)(at % 4 == 3 ? 0xff : at % 4 + 1);
			assert_int_equal(bytes_find4(bytes_of(text, len), 1, 2, 3, 0xff), at);
			text[at] = 'a';
		}
	}
}

/* At every length and place, with a twin behind or before it, up to the last byte that may be read.
 */
static void
find_either_of_two(void **state)
{
	uint8_t text[150];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t len = 1; len <= sizeof(text); len++) {
		for (size_t at = 0; at < len; at++) {
			size_t twin = (at * 7 + len) % len, first = at < twin ? at : twin;
			struct guard g;

			text[twin] = 0xff;
			text[at] = 1;
			g = guard_new(bytes_of(text, len));
			assert_int_equal(bytes_find2(g.view, 1, 0xff), first);
			assert_int_equal(bytes_find2(g.view, 0xff, 1), first);
			assert_int_equal(bytes_find2(g.view, 2, 0), len);
			if (len <= MASK_BYTES_MAX) {
				uint64_t one = UINT64_C(1) << at, both = one | UINT64_C(1) << twin;

				assert_true(bytes_mask2(g.view, 1, 0xff) == both);
				assert_true(bytes_mask2(g.view, 1, 1) == one);
				assert_true(bytes_mask2(g.view, 0, 0) == 0);
			}
			guard_free(&g);
			text[at] = text[twin] = 'a';
		}
	}
	assert_int_equal(bytes_find2(BYTES(""), 0, 0), 0);
	assert_true(bytes_mask2(BYTES(""), 0, 0) == 0);
}

static void
blocks_go_round(void **state)
{
	struct budget budget = {.cap = 1 << 20}, other = {.cap = 100};
	struct buf b[BUF_POOL_BLOCKS + 2], big = {.budget = &budget}, alien = {.budget = &other};
	struct buf_pool pool = {0};
	uint8_t *ptr;

	(void)state;
	buf_pool_take(&pool, &big);
	assert_null(big.ptr);
	assert_true(buf_reserve(&big, BUF_POOL_BYTES + 1));
	buf_pool_give(&pool, &big);
	assert_int_equal(budget.used, 0);
	for (size_t i = 0; i < ARRAY_LEN(b); i++) {
		b[i] = (struct buf){.budget = &budget};
		buf_text(&b[i], "x");
	}
	for (size_t i = 0; i < ARRAY_LEN(b); i++)
		buf_pool_give(&pool, &b[i]);
	assert_int_equal(pool.n, BUF_POOL_BLOCKS);
	ptr = pool.block[pool.n - 1].ptr;
	buf_pool_take(&pool, &alien);
	assert_null(alien.ptr);
	buf_pool_take(&pool, &b[0]);
	assert_ptr_equal(b[0].ptr, ptr);
	assert_int_equal(b[0].len, 0);
	buf_pool_give(&pool, &b[0]);
	buf_pool_free(&pool);
	assert_int_equal(budget.used, 0);
}

/* Write then read gives the same; any cut is told. */
static void
pack_round_trip(void **state)
{
	static const uint64_t cases[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
	struct buf out = {0};
	struct cursor c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		pack_u64(&out, cases[i]);
	pack_bytes(&out, BYTES("abc"));
	c = cursor_of(buf_bytes(&out));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(unpack_u64(&c) == cases[i]);
	assert_true(bytes_eq(unpack_bytes(&c, 3), BYTES("abc")));
	assert_false(c.short_);
	assert_int_equal(cursor_left(&c), 0);
	for (size_t n = 0; n < out.len; n++) {
		c = cursor_of(bytes_of(out.ptr, n));
		for (size_t i = 0; i < ARRAY_LEN(cases); i++)
			(void)unpack_u64(&c);
		(void)unpack_bytes(&c, 3);
		assert_true(c.short_);
	}
	c = cursor_of(BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
	assert_int_equal(unpack_u64(&c), 0); /* 65 bits */
	assert_true(c.short_);
	c = cursor_of(BYTES("\x05"));
	assert_int_equal(unpack_upto(&c, 4), 0);
	assert_true(c.short_);
	buf_free(&out);
}

static void
sip_in_pieces(void **state)
{
	struct sip_key key = {1, 2};
	uint8_t in[67];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= sizeof(in); n++) {
		for (size_t cut = 0; cut <= n; cut++) {
			struct sip_stream s;
			struct hash128 whole = sip128(&key, bytes_of(in, n)), got;

			sip_stream_begin(&s, &key);
			sip_stream_add(&s, bytes_of(in, cut));
			sip_stream_add(&s, bytes_of(in + cut, n - cut));
			got = sip_stream_end(&s);
			assert_memory_equal(got.b, whole.b, 16);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(views),
	    cmocka_unit_test(cursor_is_sticky), cmocka_unit_test(sip_vectors),
	    cmocka_unit_test(sip_in_pieces), cmocka_unit_test(fold_sees_all),
	    cmocka_unit_test(fold_spreads), cmocka_unit_test(sha256_vectors),
	    cmocka_unit_test(base64_cases), cmocka_unit_test(base64_strict),
	    cmocka_unit_test(time_text), cmocka_unit_test(addresses), cmocka_unit_test(json_text),
	    cmocka_unit_test(utf8_edges), cmocka_unit_test(idmap_model),
	    cmocka_unit_test(memory_caps), cmocka_unit_test(pack_round_trip),
	    cmocka_unit_test(find_any_of_four), cmocka_unit_test(find_either_of_two),
	    cmocka_unit_test(blocks_go_round)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
