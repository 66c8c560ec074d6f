/* SPDX-License-Identifier: Apache-2.0 */
/* What an X.509 certificate says: names, times, key, signature algorithm. Nothing is verified.
 * Source: RFC 5280 4.1 and 4.2.1.6; DER by X.690 10. OIDs: RFC 3279, 4055, 5480, 8410.
 * Input:  one DER certificate, whole.
 * Output: texts inside the struct, always terminated; no view outlives the input.
 * Total:  any bytes; false where the structure does not hold, with what was read before it.
 * Limits: X509_TEXT_MAX a name; fixed depth (no recursion); X509_EXTENSIONS_MAX extensions.
 * Not checked: signatures, chains, revocation. self_issued means issuer = subject, which is what
 *         a self-signed certificate looks like from outside. */
#pragma once

#include "base/bytes.h"
#include "base/clock.h"

enum { X509_TEXT_MAX = 128, X509_WORD_MAX = 48, X509_EXTENSIONS_MAX = 64 };

struct x509 {
	char subject[X509_TEXT_MAX]; /* "CN=..., O=..." as far as given */
	char issuer[X509_TEXT_MAX];
	char common_name[X509_TEXT_MAX];   /* CN of the subject alone */
	struct wall not_before, not_after; /* 0 where not readable */
	char key[X509_WORD_MAX];           /* "RSA 2048", "EC P-256", "Ed25519" */
	unsigned key_bits;                 /* 0 where not known */
	char signature[X509_WORD_MAX];     /* "sha256WithRSAEncryption", or the OID in digits */
	unsigned n_alt_names;
	unsigned self_issued : 1;
	unsigned is_ca : 1;
	unsigned weak : 1; /* MD5 or SHA-1 signature, RSA or DSA below 2048 bits, EC below 224 */
};

bool x509_read(struct bytes der, struct x509 *out);
