/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "proto/fhir/fhir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_protocol(&fhir_protocol, data, size);
}
