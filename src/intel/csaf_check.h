/* SPDX-License-Identifier: Apache-2.0 */
/* The mandatory tests of CSAF 2.0: what a document that can be read does wrong.
 * Source:  OASIS CSAF 2.0 section 6.1; csaf_tests.def names each and says which are not done here.
 * Input:   what csaf_read() gave.
 * Output:  the failed tests, each with the place of its first fault.
 * Memory:  the arena given.
 * Total:   any document that csaf_read() took; a document that fails is used all the same.
 * Limits:  an array of over CSAF_CHECK_LIST_MAX elements that a test holds against each other is
 *          not held (the test then passes). */
#pragma once

#include "intel/csaf.h"

enum { CSAF_CHECK_LIST_MAX = 4096 };

enum csaf_test {
#define CSAF_TEST(id, number, done, text) CSAF_TEST_##id,
#include "intel/csaf_tests.def"
#undef CSAF_TEST
	CSAF_TEST_MAX,
};

struct csaf_faults {
	bool failed[CSAF_TEST_MAX];
	size_t at[CSAF_TEST_MAX]; /* offset in the document of the first fault */
	size_t n_tests;           /* how many failed */
};

/* ERR_LIMIT: the arena is full. */
enum err csaf_check(
    struct arena *a, const struct csaf *doc, struct csaf_faults *out, struct why *why) MUST_CHECK;

const char *csaf_test_number(enum csaf_test t); /* "6.1.27.3" */
const char *csaf_test_text(enum csaf_test t);
bool csaf_test_done(enum csaf_test t); /* false: not done here, never fails */
