/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "proto/http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_protocol(&http_protocol, data, size);
}
