/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

extern const struct protocol ntp_protocol, tftp_protocol;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)fuzz_protocol(&ntp_protocol, data, size);
	return fuzz_protocol(&tftp_protocol, data, size);
}
