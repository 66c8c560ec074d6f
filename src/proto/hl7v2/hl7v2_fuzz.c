/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "proto/hl7v2/hl7v2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_protocol(&hl7_protocol, data, size);
}
