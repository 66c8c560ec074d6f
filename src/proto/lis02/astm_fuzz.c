/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "proto/lis02/astm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_protocol(&astm_protocol, data, size);
}
