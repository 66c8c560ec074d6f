/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "proto/poct1a/poct1a.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_protocol(&poct1a_protocol, data, size);
}
