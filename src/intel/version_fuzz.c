/* SPDX-License-Identifier: Apache-2.0 */
/* Two texts with a NUL between: in every scheme an order that turns round with its sides, or a
 * reason. */
#include <assert.h>

#include "fuzz.h"
#include "intel/version.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"semver", "npm", "go", "deb", "rpm", "alpm", "apk",
	    "pep440", "maven", "gem", "nuget", "openssl", "generic", "intdot", "lexicographic",
	    "datetime"};
	struct bytes b, a = bytes_split(bytes_of(data, size), 0, &b);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct version_scheme *s = version_scheme_named(bytes_str(names[i]));
		int x, y, of;
		enum fault f = version_compare(s, a, b, &x, &of),
			   g = version_compare(s, b, a, &y, &of);

		assert((f == FAULT_none) == (g == FAULT_none));
		assert(x == -y && x >= -1 && x <= 1);
		if (version_check(s, a) == FAULT_none) {
			assert(version_compare(s, a, a, &x, &of) == FAULT_none);
			assert(x == 0);
		}
	}
	return 0;
}
