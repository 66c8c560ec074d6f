/* SPDX-License-Identifier: Apache-2.0 */
/* A document: read, laid flat, held against a device; every number it gives is one of its own.
 * Anything without a brace in front: a range, a line end, a version. */
#include <assert.h>

#include "fuzz.h"
#include "intel/csaf_check.h"
#include "intel/exposure.h"

enum { ARENA = 8 << 20 };

static void
check_document(struct bytes text)
{
	struct exposure_query q = {
	    {BYTES_INIT("Examplia Diagnostics"), BYTES_INIT("Chemline 400"), BYTES_INIT("LBX")},
	    BYTES_INIT("2.4.1")};
	struct arena *a = arena_new(ARENA, NULL);
	struct buf line = {0};
	struct json j = json_on(&line);
	struct csaf_faults f;
	struct exposure e;
	struct csaf d;
	struct why why;

	if (a == NULL || csaf_read(a, text, &d, &why) != ERR_OK) {
		arena_free(a);
		return;
	}
	for (size_t i = 0; i < d.n_vulnerabilities; i++) {
		for (int g = 0; g < CSAF_GROUP_MAX; g++) {
			for (size_t k = 0; k < d.vulnerabilities[i].group[g].n; k++)
				assert(d.vulnerabilities[i].group[g].products[k] < d.n_products);
		}
	}
	if (exposure_check(a, &d, &q, &e, &why) == ERR_OK) {
		assert(e.n_products <= e.n_matches && e.n_vulnerabilities <= d.n_vulnerabilities);
		json_object(&j);
		exposure_json(&d, &q, &e, &j);
		json_object_end(&j);
	}
	if (csaf_check(a, &d, &f, &why) == ERR_OK)
		assert(f.n_tests <= CSAF_TEST_MAX);
	buf_free(&line);
	arena_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes all = bytes_of(data, size), version, range;
	char folded[READING_NAME_MAX];

	if (size > 0 && data[0] == '{') {
		check_document(all);
		return 0;
	}
	range = bytes_split(all, '\n', &version);
	(void)version_read(range, version);
	assert(name_fold(all, folded) < READING_NAME_MAX);
	return 0;
}
