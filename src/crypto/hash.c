/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"

#include <stdlib.h>

#include <openssl/evp.h>

struct hasher {
	EVP_MD *sha256;
	EVP_MD_CTX *ctx;
};

struct hasher *
hasher_new(void)
{
	struct hasher *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	h->ctx = EVP_MD_CTX_new();
	if (h->sha256 == NULL || h->ctx == NULL) {
		hasher_free(h);
		return NULL;
	}
	return h;
}

void
hasher_free(struct hasher *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	EVP_MD_free(h->sha256);
	free(h);
}

/* Nothing here can fail once the algorithm is there; a wrong hash must never be used, so abort. */
void
hash_two(struct hasher *h, struct bytes a, struct bytes b, uint8_t out[SHA256_BYTES])
{
	if (EVP_DigestInit_ex2(h->ctx, h->sha256, NULL) != 1 ||
	    (a.len > 0 && EVP_DigestUpdate(h->ctx, a.ptr, a.len) != 1) ||
	    (b.len > 0 && EVP_DigestUpdate(h->ctx, b.ptr, b.len) != 1) ||
	    EVP_DigestFinal_ex(h->ctx, out, NULL) != 1)
		abort();
}
