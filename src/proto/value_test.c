/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/attr.h"

static void
kept(void **state)
{
	static const char *const plain[] = {"5", "5.0", "-1", "<0.5", ">=500", "1:40", "+++",
	    "-----", "*5.2", "3,9 - 5,6", "1.2e5", "1E-3", "  170", "^26.7", "NEG", "Not Detected",
	    "Positif", "AB POS", "1+", "12 %"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (!value_is_plain(bytes_str(plain[i])))
			fail_msg("%s should be kept", plain[i]);
	}
}

/* Anything that could tell of a person is not. */
static void
hashed(void **state)
{
	static const char *const text[] = {"", " ", "Smith", "DOE^JANE", "e", "E5", "5e", "5 mg",
	    "see note", "positive for Mr X",
	    "1234567890123456789012345678901234567890123456789012345678901234567890", "A1", "0x10"};
	static const uint8_t nul[] = {'5', 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		if (value_is_plain(bytes_str(text[i])))
			fail_msg("%s should be hashed", text[i]);
	}
	assert_false(value_is_number(bytes_of(nul, sizeof(nul))));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(kept), cmocka_unit_test(hashed)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
