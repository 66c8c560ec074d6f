/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 signatures by OpenSSL.
 * Source: RFC 8032 5.1, pure Ed25519.
 * Total:  any bytes as key, message and signature; s is held below the group order, so that a
 *         signature cannot be changed into another that verifies. */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

enum { ED25519_SEED = 32, ED25519_PUBLIC = 32, ED25519_SIGNATURE = 64 };

/* The public key of a secret seed. ERR_SYSTEM: the provider refuses. */
enum err ed25519_public(
    const uint8_t seed[ED25519_SEED], uint8_t out[ED25519_PUBLIC], struct why *why) MUST_CHECK;
enum err ed25519_sign(const uint8_t seed[ED25519_SEED], struct bytes message,
    uint8_t out[ED25519_SIGNATURE], struct why *why) MUST_CHECK;
/* False: the signature does not hold, or could not be checked. */
bool ed25519_verify(
    const uint8_t key[ED25519_PUBLIC], struct bytes message, struct bytes signature) MUST_CHECK;
