/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

extern const struct protocol ftp_protocol, ssh_protocol, telnet_protocol;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)fuzz_protocol(&ftp_protocol, data, size);
	(void)fuzz_protocol(&ssh_protocol, data, size);
	return fuzz_protocol(&telnet_protocol, data, size);
}
