/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random.h"

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

enum err
crypto_random(void *out, size_t n, struct why *why)
{
	if (n > 0)
		memset(out, 0, n);
	if (n > INT_MAX)
		return FAIL(why, ERR_LIMIT, "%zu random bytes asked for at once", n);
	if (n > 0 && RAND_priv_bytes(out, (int)n) != 1) {
		memset(out, 0, n);
		return FAIL(why, ERR_SYSTEM, "the random generator gives no bytes");
	}
	return ERR_OK;
}

void
crypto_wipe(void *p, size_t n)
{
	if (n > 0)
		OPENSSL_cleanse(p, n);
}
