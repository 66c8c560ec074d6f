/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes up to a NUL as a range, the rest as a version: read strictly, it is written as it came;
 * read softly, what is written reads the same. */
#include <assert.h>

#include "fuzz.h"
#include "intel/vers.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes version, text = bytes_split(bytes_of(data, size), 0, &version);
	struct arena *a = arena_new(4 << 20, NULL);
	struct buf once = {0}, twice = {0};
	struct vers v, w;
	bool in;
	size_t at;

	assert(a != NULL);
	if (vers_parse(a, text, VERS_SOFT, &v, &at) == FAULT_none) {
		vers_write(&v, &once);
		if (once.len <= VERS_TEXT_MAX) {
			assert(vers_parse(a, buf_bytes(&once), VERS_SOFT, &w, &at) == FAULT_none);
			vers_write(&w, &twice);
			assert(bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
		}
		if (vers_contains(&v, version, &in) != FAULT_none)
			assert(!in);
	} else {
		assert(at <= text.len);
	}
	if (vers_parse(a, text, VERS_STRICT, &v, &at) != FAULT_none)
		assert(at <= text.len);
	buf_free(&once);
	buf_free(&twice);
	arena_free(a);
	return 0;
}
