/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

extern const struct protocol digi_protocol, lantronix_protocol, moxa_protocol;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)fuzz_protocol(&digi_protocol, data, size);
	(void)fuzz_protocol(&lantronix_protocol, data, size);
	return fuzz_protocol(&moxa_protocol, data, size);
}
