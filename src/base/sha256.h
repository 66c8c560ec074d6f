/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of bytes that are all there, for pure rooms that may not call a library.
 * Source: FIPS 180-4, 6.2.
 * Use:    fingerprints that others compute too (JA4). Signatures, sealing and the ledger use
 *         the crypto room, which is faster and certified. */
#pragma once

#include "base/bytes.h"

struct sha256 {
	uint8_t b[32];
};

struct sha256 sha256_of(struct bytes data);
