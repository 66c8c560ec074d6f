/* SPDX-License-Identifier: Apache-2.0 */
/* Two programs that know the same short code agree on a strong key; who does not know it gets one
 * guess for each run and learns nothing more from it.
 * Source: RFC 9382 (SPAKE2), group P-256, SHA-256, HKDF, HMAC; points M and N of section 4.
 * Input:  the peer's share and proof are hostile bytes.
 * Memory: secrets are wiped by pake_free(). */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

enum { PAKE_SHARE = 65, PAKE_PROOF = 32, PAKE_KEY = 16, PAKE_SCALAR = 32 };

enum pake_side { PAKE_A, PAKE_B }; /* A speaks first */

struct pake;

/* code: what both people typed; stretched with scrypt over `salt` (public, both sides the same).
 * name_a, name_b: bound into the key; at most 128 bytes each. */
enum err pake_new(struct pake **out, enum pake_side side, struct bytes code, struct bytes salt,
    struct bytes name_a, struct bytes name_b, struct why *why) MUST_CHECK;

/* The same from a given password scalar and secret: for the vectors of the RFC. */
enum err pake_new_from(struct pake **out, enum pake_side side, const uint8_t w[PAKE_SCALAR],
    const uint8_t secret[PAKE_SCALAR], struct bytes name_a, struct bytes name_b,
    struct why *why) MUST_CHECK;

/* What the peer is sent. */
void pake_share(const struct pake *p, uint8_t out[PAKE_SHARE]);

/* Take the peer's share; our proof comes out. ERR_INPUT: not a point of the curve. */
enum err pake_meet(
    struct pake *p, struct bytes share, uint8_t proof[PAKE_PROOF], struct why *why) MUST_CHECK;

/* Hold the peer's proof against what it must be. ERR_REFUSED: another code. Only then key. */
enum err pake_finish(
    struct pake *p, struct bytes proof, uint8_t key[PAKE_KEY], struct why *why) MUST_CHECK;

/* HMAC-SHA256 of data under a key that pake_finish() gave. */
void pake_mac(const uint8_t key[PAKE_KEY], struct bytes data, uint8_t out[PAKE_PROOF]);

void pake_free(struct pake *p); /* p may be NULL */
