/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: refused inside them, or read into views that lie in them. */
#include <assert.h>

#include "fuzz.h"
#include "intel/udi.h"

static void
inside(const uint8_t *data, size_t size, struct bytes view)
{
	assert(view.len == 0 || (view.ptr >= data && view.ptr + view.len <= data + size));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[UDI_DATE_TEXT_MAX];
	struct udi u;
	size_t at;

	if (udi_parse(bytes_of(data, size), 2026, &u, &at) != FAULT_none) {
		assert(at <= size);
		return 0;
	}
	assert(u.di.len > 0);
	inside(data, size, u.di);
	inside(data, size, u.lot);
	inside(data, size, u.serial);
	inside(data, size, u.version);
	(void)udi_date_text(u.expiry, text);
	(void)udi_date_text(u.made, text);
	return 0;
}
