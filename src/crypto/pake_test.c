/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void
unhex(const char *text, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char two[3] = {text[2 * i], text[2 * i + 1], 0};

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
}

static void
is(const uint8_t *got, const char *text, size_t n)
{
	uint8_t want[128];

	unhex(text, want, n);
	assert_memory_equal(got, want, n);
}

/* RFC 9382 appendix B, first vector. */
static void
vector_of_the_rfc(void **state)
{
	uint8_t w[32], x[32], y[32], share[2][PAKE_SHARE], proof[2][PAKE_PROOF], key[2][PAKE_KEY];
	struct pake *a, *b;
	struct why why;

	(void)state;
	unhex("2ee57912099d31560b3a44b1184b9b4866e904c49d12ac5042c97dca461b1a5f", w, 32);
	unhex("43dd0fd7215bdcb482879fca3220c6a968e66d70b1356cac18bb26c84a78d729", x, 32);
	unhex("dcb60106f276b02606d8ef0a328c02e4b629f84f89786af5befb0bc75b6e66be", y, 32);
	assert_int_equal(
	    pake_new_from(&a, PAKE_A, w, x, BYTES("server"), BYTES("client"), &why), ERR_OK);
	assert_int_equal(
	    pake_new_from(&b, PAKE_B, w, y, BYTES("server"), BYTES("client"), &why), ERR_OK);
	pake_share(a, share[0]);
	pake_share(b, share[1]);
	is(share[0],
	    "04a56fa807caaa53a4d28dbb9853b9815c61a411118a6fe516a8798434751470f9"
	    "010153ac33d0d5f2047ffdb1a3e42c9b4e6be662766e1eeb4116988ede5f912c",
	    PAKE_SHARE);
	is(share[1],
	    "0406557e482bd03097ad0cbaa5df82115460d951e3451962f1eaf4367a420676d0"
	    "9857ccbc522686c83d1852abfa8ed6e4a1155cf8f1543ceca528afb591a1e0b7",
	    PAKE_SHARE);
	assert_int_equal(pake_meet(a, bytes_of(share[1], PAKE_SHARE), proof[0], &why), ERR_OK);
	assert_int_equal(pake_meet(b, bytes_of(share[0], PAKE_SHARE), proof[1], &why), ERR_OK);
	is(proof[0], "58ad4aa88e0b60d5061eb6b5dd93e80d9c4f00d127c65b3b35b1b5281fee38f0", 32);
	is(proof[1], "d3e2e547f1ae04f2dbdbf0fc4b79f8ecff2dff314b5d32fe9fcef2fb26dc459b", 32);
	assert_int_equal(pake_finish(a, bytes_of(proof[1], 32), key[0], &why), ERR_OK);
	assert_int_equal(pake_finish(b, bytes_of(proof[0], 32), key[1], &why), ERR_OK);
	is(key[0], "0e0672dc86f8e45565d338b0540abe69", PAKE_KEY);
	assert_memory_equal(key[0], key[1], PAKE_KEY);
	pake_free(a);
	pake_free(b);
}

static enum err
run(const char *code_a, const char *code_b, const char *name_b, int flip)
{
	uint8_t share[2][PAKE_SHARE], proof[2][PAKE_PROOF], key[PAKE_KEY];
	struct bytes salt = BYTES("0123456789abcdef");
	struct pake *a, *b;
	struct why why;
	enum err e;

	assert_int_equal(
	    pake_new(&a, PAKE_A, bytes_str(code_a), salt, BYTES("a"), BYTES("b"), &why), ERR_OK);
	assert_int_equal(
	    pake_new(&b, PAKE_B, bytes_str(code_b), salt, BYTES("a"), bytes_str(name_b), &why),
	    ERR_OK);
	pake_share(a, share[0]);
	pake_share(b, share[1]);
	if (flip >= 0)
		share[1][flip] ^= 1;
	e = pake_meet(a, bytes_of(share[1], PAKE_SHARE), proof[0], &why);
	if (e == ERR_OK)
		e = pake_meet(b, bytes_of(share[0], PAKE_SHARE), proof[1], &why);
	if (e == ERR_OK)
		e = pake_finish(a, bytes_of(proof[1], 32), key, &why);
	if (e == ERR_OK)
		e = pake_finish(b, bytes_of(proof[0], 32), key, &why);
	pake_free(a);
	pake_free(b);
	return e;
}

static void
only_the_same_code_meets(void **state)
{
	(void)state;
	assert_int_equal(run("123456789", "123456789", "b", -1), ERR_OK);
	assert_int_equal(run("123456789", "123456780", "b", -1), ERR_REFUSED);
	assert_int_equal(run("", "1", "b", -1), ERR_REFUSED);
	assert_int_equal(run("123456789", "123456789", "other", -1), ERR_REFUSED);
	for (int i = 0; i < PAKE_SHARE; i += 16)
		assert_int_not_equal(run("1", "1", "b", i), ERR_OK);
}

static void
hostile_shares_are_refused(void **state)
{
	uint8_t zero[PAKE_SHARE] = {0}, proof[PAKE_PROOF], key[PAKE_KEY];
	struct pake *a;
	struct why why;

	(void)state;
	assert_int_equal(
	    pake_new(&a, PAKE_A, BYTES("1"), BYTES("salt"), BYTES("a"), BYTES("b"), &why), ERR_OK);
	for (size_t n = 0; n <= PAKE_SHARE; n++)
		assert_int_equal(pake_meet(a, bytes_of(zero, n), proof, &why), ERR_INPUT);
	zero[0] = 4;
	assert_int_equal(pake_meet(a, bytes_of(zero, PAKE_SHARE), proof, &why), ERR_INPUT);
	assert_int_equal(pake_finish(a, bytes_of(zero, PAKE_PROOF), key, &why), ERR_REFUSED);
	pake_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(vector_of_the_rfc),
	    cmocka_unit_test(only_the_same_code_meets),
	    cmocka_unit_test(hostile_shares_are_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
