/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

extern const struct protocol dns_protocol, mdns_protocol, llmnr_protocol, nbns_protocol;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)fuzz_protocol(&dns_protocol, data, size);
	(void)fuzz_protocol(&mdns_protocol, data, size);
	(void)fuzz_protocol(&llmnr_protocol, data, size);
	return fuzz_protocol(&nbns_protocol, data, size);
}
