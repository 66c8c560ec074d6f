/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: refused inside them, or read, and what is written reads and writes the same. */
#include <assert.h>

#include "fuzz.h"
#include "intel/purl.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(1 << 20, NULL);
	struct buf once = {0}, twice = {0}, built = {0};
	struct purl p, q;
	size_t at;

	assert(a != NULL);
	if (purl_parse(a, bytes_of(data, size), &p, &at) != FAULT_none) {
		assert(at <= size);
	} else {
		purl_write(&p, &once);
		if (once.len <= PURL_TEXT_MAX) {
			assert(purl_parse(a, buf_bytes(&once), &q, &at) == FAULT_none);
			purl_write(&q, &twice);
			assert(bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
			assert(purl_same_package(&p, &q));
		}
		assert(purl_build(a, &p, &q) == FAULT_none);
		purl_write(&q, &built);
		assert(bytes_eq(buf_bytes(&once), buf_bytes(&built)));
	}
	buf_free(&once);
	buf_free(&twice);
	buf_free(&built);
	arena_free(a);
	return 0;
}
