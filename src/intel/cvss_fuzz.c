/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: refused inside them, or scored on the scale and written so that it reads the same. */
#include <assert.h>

#include "fuzz.h"
#include "intel/cvss.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cvss_scores s, t;
	struct buf out = {0};
	struct cvss v, w;
	size_t at;

	if (cvss_parse(bytes_of(data, size), &v, &at) != FAULT_none) {
		assert(at <= size);
		return 0;
	}
	s = cvss_score(&v);
	assert(s.base <= 100 && s.temporal <= 100 && s.environmental <= 100 && s.score <= 100);
	cvss_write(&v, &out);
	assert(cvss_parse(buf_bytes(&out), &w, &at) == FAULT_none);
	t = cvss_score(&w);
	assert(memcmp(&s, &t, sizeof(s)) == 0);
	buf_free(&out);
	return 0;
}
