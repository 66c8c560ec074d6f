/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/password.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

_Static_assert(PASSWORD_HASH_MAX >= crypto_pwhash_STRBYTES, "a hash fits");

enum err
password_init(struct why *why)
{
	return sodium_init() >= 0 ? ERR_OK : FAIL(why, ERR_SYSTEM, "libsodium could not start");
}

enum err
password_hash(struct bytes password, char out[PASSWORD_HASH_MAX], struct why *why)
{
	memset(out, 0, PASSWORD_HASH_MAX);
	if (crypto_pwhash_str_alg(out, (const char *)password.ptr, password.len,
		crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
		crypto_pwhash_ALG_ARGON2ID13) != 0) {
		memset(out, 0, PASSWORD_HASH_MAX);
		return FAIL(why, ERR_SYSTEM, "no memory to hash a password (64 MiB)");
	}
	return ERR_OK;
}

bool
password_matches(const char *hash, struct bytes password)
{
	/* Of random bytes nobody knows. */
	static char nobody[PASSWORD_HASH_MAX];
	char room[PASSWORD_HASH_MAX] = {0};
	uint8_t random[32];
	bool fits;

	if (hash == NULL && nobody[0] == 0) {
		randombytes_buf(random, sizeof(random));
		if (password_hash(bytes_of(random, sizeof(random)), nobody, NULL) != ERR_OK)
			return false;
	}
	(void)snprintf(room, sizeof(room), "%s", hash != NULL ? hash : nobody);
	fits = crypto_pwhash_str_verify(room, (const char *)password.ptr, password.len) == 0;
	sodium_memzero(room, sizeof(room));
	return fits && hash != NULL;
}
