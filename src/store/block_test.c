/* SPDX-License-Identifier: Apache-2.0 */
#include "store/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fixture.h"
#include "guard.h"
#include "rng.h"
#include "store/tally.h"

static void
packed_comes_back(void **state)
{
	struct packer *p = packer_new();
	struct buf raw = {0}, kept = {0}, out = {0}, at = {0};
	struct why why;

	(void)state;
	assert_non_null(p);
	for (uint64_t i = 0; i < 500; i++)
		sample_event(i, &raw);
	assert_int_equal(block_pack(p, 77, buf_bytes(&raw), &kept, &why), ERR_OK);
	assert_true(kept.len < raw.len / 2);
	assert_int_equal(block_unpack(p, 77, buf_bytes(&kept), &out, &why), ERR_OK);
	assert_true(bytes_eq(buf_bytes(&raw), buf_bytes(&out)));
	assert_int_equal(block_index(buf_bytes(&out), 500, &at, &why), ERR_OK);
	assert_int_equal(block_index(buf_bytes(&out), 499, &at, &why), ERR_INPUT);
	assert_int_equal(block_index(buf_bytes(&out), 501, &at, &why), ERR_INPUT);
	assert_int_equal(
	    block_index(bytes_sub(buf_bytes(&out), 0, out.len - 1), 500, &at, &why), ERR_INPUT);
	/* The block of another number is damage, not data. */
	assert_int_equal(block_unpack(p, 78, buf_bytes(&kept), &out, &why), ERR_INPUT);
	buf_free(&raw);
	buf_free(&kept);
	buf_free(&out);
	buf_free(&at);
	packer_free(p);
}

/* Every cut is refused; every changed byte is refused or changes nothing. */
static void
damage_is_told(void **state)
{
	struct packer *p = packer_new();
	struct buf raw = {0}, kept = {0}, out = {0};
	struct rng rng = rng_new(2);
	uint64_t refused = 0;

	(void)state;
	for (uint64_t i = 0; i < 40; i++)
		sample_event(i, &raw);
	assert_int_equal(block_pack(p, 1, buf_bytes(&raw), &kept, NULL), ERR_OK);
	for (size_t n = 0; n < kept.len; n++) {
		struct guard g = guard_new(bytes_of(kept.ptr, n));

		assert_int_equal(block_unpack(p, 1, g.view, &out, NULL), ERR_INPUT);
		guard_free(&g);
	}
	for (size_t i = 0; i < kept.len * 3; i++) {
		struct guard g = guard_new(buf_bytes(&kept));
		uint8_t *b = (uint8_t *)(uintptr_t)g.view.ptr + i % kept.len;
		enum err e;

		*b ^= (uint8_t)(1 + rng_below(&rng, 255));
		e = block_unpack(p, 1, g.view, &out, NULL);
		refused += e == ERR_INPUT;
		if (e == ERR_OK)
			assert_true(bytes_eq(buf_bytes(&raw), buf_bytes(&out)));
		guard_free(&g);
	}
	assert_true(refused > kept.len * 3 * 99 / 100);
	buf_free(&raw);
	buf_free(&kept);
	buf_free(&out);
	packer_free(p);
}

/* A frame that says it holds far more than a block may is not unpacked. */
static void
bombs_are_refused(void **state)
{
	struct packer *p = packer_new();
	struct buf raw = {0}, kept = {0}, out = {0};

	(void)state;
	assert_true(buf_reserve(&raw, 64 << 20));
	memset(raw.ptr, 0, 64 << 20);
	raw.len = 64 << 20;
	assert_int_equal(block_pack(p, 1, buf_bytes(&raw), &kept, NULL), ERR_OK);
	assert_int_equal(block_unpack(p, 1, buf_bytes(&kept), &out, NULL), ERR_INPUT);
	assert_true(out.room <= STORE_BLOCK_RAW_MAX * 2);
	buf_free(&raw);
	buf_free(&kept);
	buf_free(&out);
	packer_free(p);
}

static void
key_sets(void **state)
{
	static const size_t sizes[] = {0, 1, 10, 3000, BLOCK_KEYS_MAX - 1};
	struct buf keys = {0}, set = {0};
	uint64_t one = 1;

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		size_t wrong = 0;
		uint64_t k;

		buf_reset(&keys);
		for (uint64_t i = 0; i < sizes[s]; i++) {
			k = block_key_id(i);
			buf_add(&keys, bytes_of(&k, sizeof(k)));
		}
		block_keys_pack(buf_bytes(&keys), &set);
		for (uint64_t i = 0; i < sizes[s]; i++) {
			k = block_key_id(i);
			assert_true(block_keys_may_hold(buf_bytes(&set), &k, 1));
		}
		for (uint64_t i = 0; i < 10000; i++) {
			k = block_key_id(i + (UINT64_C(1) << 40));
			wrong += block_keys_may_hold(buf_bytes(&set), &k, 1);
		}
		assert_true(wrong < 300); /* of 10000 */
	}
	/* Too many keys: the set holds everything, as does a set that was cut. */
	while (keys.len < BLOCK_KEYS_MAX * sizeof(one))
		buf_add(&keys, bytes_of(&one, sizeof(one)));
	block_keys_pack(buf_bytes(&keys), &set);
	assert_true(block_keys_may_hold(buf_bytes(&set), &one, 1));
	one = 4711;
	assert_true(block_keys_may_hold(buf_bytes(&set), &one, 1));
	assert_true(block_keys_may_hold(bytes_sub(buf_bytes(&set), 0, 100), &one, 1));
	assert_true(block_keys_may_hold((struct bytes){NULL, 0}, &one, 1));
	buf_free(&keys);
	buf_free(&set);
}

/* The summary of a joined block is that of its events taken at once. */
static void
joined_is_whole(void **state)
{
	struct block_info whole = {0}, a = {0}, b = {0};
	struct buf keys = {0}, rec = {0};
	struct event ev;
	size_t used;

	(void)state;
	for (uint64_t i = 0; i < 100; i++) {
		buf_reset(&rec);
		sample_event(99 - i, &rec);
		assert_int_equal(event_decode(buf_bytes(&rec), &ev, &used, NULL), ERR_OK);
		block_note(&whole, &keys, &ev, used);
		block_note(i < 37 ? &a : &b, &keys, &ev, used);
	}
	block_join(&a, &b);
	block_join(&a, &(struct block_info){0});
	assert_memory_equal(&a, &whole, sizeof(a));
	assert_int_equal(whole.min_time.ns, sample_time(0).ns);
	assert_int_equal(whole.max_time.ns, sample_time(99).ns);
	buf_free(&keys);
	buf_free(&rec);
}

static void
hours_before_1970(void **state)
{
	struct ev_claim c = {.attr = attr_model};
	struct event ev = {.kind = EV_claim, .u = {.claim = c}};
	struct tally t;

	(void)state;
	tally_init(&t);
	ev.head.time.ns = -1;
	assert_true(tally_add(&t, &ev));
	ev.head.time.ns = 0;
	assert_true(tally_add(&t, &ev));
	ev.head.time.ns = INT64_MIN;
	assert_true(tally_add(&t, &ev));
	ev.head.time.ns = INT64_MAX;
	assert_true(tally_add(&t, &ev));
	assert_int_equal(tally_n_hours(&t), 4);
	assert_int_equal(tally_hour_at(&t, 0)->hour, -1);
	assert_int_equal(tally_hour_at(&t, 1)->hour, 0);
	assert_int_equal(tally_n_links(&t), 0);
	tally_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(packed_comes_back),
	    cmocka_unit_test(damage_is_told), cmocka_unit_test(bombs_are_refused),
	    cmocka_unit_test(key_sets), cmocka_unit_test(joined_is_whole),
	    cmocka_unit_test(hours_before_1970)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
