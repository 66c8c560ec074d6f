/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

extern const struct protocol rdp_protocol, vnc_protocol;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)fuzz_protocol(&rdp_protocol, data, size);
	return fuzz_protocol(&vnc_protocol, data, size);
}
