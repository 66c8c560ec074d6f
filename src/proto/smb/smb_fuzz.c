/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

extern const struct protocol smb_protocol;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_protocol(&smb_protocol, data, size);
}
