/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "proto/tls/tls.h"
#include "proto/tls/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x509 x;

	if (size > 0 && data[0] == 0x30)
		(void)x509_read(bytes_of(data, size), &x);
	return fuzz_protocol(&tls_protocol, data, size);
}
