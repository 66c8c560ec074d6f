/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
a_hash_fits_its_password_only(void **state)
{
	char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];
	struct why why;

	(void)state;
	assert_int_equal(password_init(&why), ERR_OK);
	assert_int_equal(password_hash(BYTES("blue kettle marches"), hash, &why), ERR_OK);
	assert_true(bytes_starts(bytes_str(hash), BYTES("$argon2id$v=19$m=65536,")));
	assert_true(password_matches(hash, BYTES("blue kettle marches")));
	assert_false(password_matches(hash, BYTES("blue kettle marche")));
	assert_false(password_matches(hash, BYTES("")));
	assert_int_equal(password_hash(BYTES("blue kettle marches"), again, &why), ERR_OK);
	assert_string_not_equal(hash, again);
	assert_false(password_matches(NULL, BYTES("blue kettle marches")));
	assert_false(password_matches("", BYTES("")));
	assert_false(password_matches("$argon2id$", BYTES("x")));
	assert_false(password_matches("not a hash at all", BYTES("x")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_hash_fits_its_password_only)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
