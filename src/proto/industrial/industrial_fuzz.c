/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

extern const struct protocol bacnet_protocol, modbus_protocol;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)fuzz_protocol(&bacnet_protocol, data, size);
	return fuzz_protocol(&modbus_protocol, data, size);
}
