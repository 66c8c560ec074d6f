/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sign.h"

#include <openssl/evp.h>

static EVP_PKEY *
secret_of(const uint8_t seed[ED25519_SEED], struct why *why)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED);

	if (key == NULL)
		(void)FAIL(why, ERR_SYSTEM, "no Ed25519 in the cryptographic provider");
	return key;
}

enum err
ed25519_public(const uint8_t seed[ED25519_SEED], uint8_t out[ED25519_PUBLIC], struct why *why)
{
	EVP_PKEY *key = secret_of(seed, why);
	size_t n = ED25519_PUBLIC;
	int ok;

	memset(out, 0, ED25519_PUBLIC);
	if (key == NULL)
		return ERR_SYSTEM;
	ok = EVP_PKEY_get_raw_public_key(key, out, &n);
	EVP_PKEY_free(key);
	return ok == 1 ? ERR_OK : FAIL(why, ERR_SYSTEM, "no public key of an Ed25519 seed");
}

enum err
ed25519_sign(const uint8_t seed[ED25519_SEED], struct bytes message, uint8_t out[ED25519_SIGNATURE],
    struct why *why)
{
	EVP_PKEY *key = secret_of(seed, why);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = ED25519_SIGNATURE;
	int ok = 0;

	memset(out, 0, ED25519_SIGNATURE);
	if (key != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1)
		ok = EVP_DigestSign(ctx, out, &n, message.ptr, message.len);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok == 1 ? ERR_OK : FAIL(why, ERR_SYSTEM, "an Ed25519 signature could not be made");
}

bool
ed25519_verify(const uint8_t key[ED25519_PUBLIC], struct bytes message, struct bytes signature)
{
	EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, ED25519_PUBLIC);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = 0;

	if (signature.len == ED25519_SIGNATURE && public != NULL && ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, public) == 1)
		ok = EVP_DigestVerify(ctx, signature.ptr, signature.len, message.ptr, message.len);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(public);
	return ok == 1;
}
