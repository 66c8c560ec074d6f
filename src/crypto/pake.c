/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pake.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "crypto/random.h"

enum { NAME_MAX_BYTES = 128, HALF = 16, SCRYPT_N = 1 << 15, SCRYPT_BYTES = 40 };

/* RFC 9382 4, P-256. */
static const uint8_t point_m[33] = {0x02, 0x88, 0x6e, 0x2f, 0x97, 0xac, 0xe4, 0x6e, 0x55, 0xba,
    0x9d, 0xd7, 0x24, 0x25, 0x79, 0xf2, 0x99, 0x3b, 0x64, 0xe1, 0x6e, 0xf3, 0xdc, 0xab, 0x95, 0xaf,
    0xd4, 0x97, 0x33, 0x3d, 0x8f, 0xa1, 0x2f};
static const uint8_t point_n[33] = {0x03, 0xd8, 0xbb, 0xd6, 0xc6, 0x39, 0xc6, 0x29, 0x37, 0xb0,
    0x4d, 0x99, 0x7f, 0x38, 0xc3, 0x77, 0x07, 0x19, 0xc6, 0x29, 0xd7, 0x01, 0x4d, 0x49, 0xa2, 0x4b,
    0x4f, 0x98, 0xba, 0xa1, 0x29, 0x2b, 0x49};

struct pake {
	enum pake_side side;
	EC_GROUP *group;
	BN_CTX *ctx;
	BIGNUM *w, *secret;
	EC_POINT *m, *n;
	uint8_t share[PAKE_SHARE];
	uint8_t w_bytes[PAKE_SCALAR];
	uint8_t name[2][NAME_MAX_BYTES];
	size_t name_len[2];
	uint8_t key[PAKE_KEY];
	uint8_t expected[PAKE_PROOF];
	bool met;
};

void
pake_free(struct pake *p)
{
	if (p == NULL)
		return;
	BN_clear_free(p->w);
	BN_clear_free(p->secret);
	EC_POINT_free(p->m);
	EC_POINT_free(p->n);
	BN_CTX_free(p->ctx);
	EC_GROUP_free(p->group);
	crypto_wipe(p, sizeof(*p));
	free(p);
}

/* share = secret * G + w * (M for A, N for B). */
static bool
make_share(struct pake *p)
{
	EC_POINT *s = EC_POINT_new(p->group);
	bool ok = s != NULL &&
		  EC_POINT_mul(
		      p->group, s, p->secret, p->side == PAKE_A ? p->m : p->n, p->w, p->ctx) == 1 &&
		  EC_POINT_point2oct(p->group, s, POINT_CONVERSION_UNCOMPRESSED, p->share,
		      PAKE_SHARE, p->ctx) == PAKE_SHARE;

	EC_POINT_free(s);
	return ok;
}

static bool
set_up(struct pake *p, const BIGNUM *w, const BIGNUM *secret)
{
	p->m = EC_POINT_new(p->group);
	p->n = EC_POINT_new(p->group);
	p->w = BN_dup(w);
	p->secret = BN_dup(secret);
	if (p->m == NULL || p->n == NULL || p->w == NULL || p->secret == NULL ||
	    EC_POINT_oct2point(p->group, p->m, point_m, sizeof(point_m), p->ctx) != 1 ||
	    EC_POINT_oct2point(p->group, p->n, point_n, sizeof(point_n), p->ctx) != 1 ||
	    BN_bn2binpad(p->w, p->w_bytes, PAKE_SCALAR) != PAKE_SCALAR)
		return false;
	BN_set_flags(p->w, BN_FLG_CONSTTIME);
	BN_set_flags(p->secret, BN_FLG_CONSTTIME);
	return make_share(p);
}

static enum err
begin(struct pake **out, enum pake_side side, struct bytes name_a, struct bytes name_b,
    struct why *why)
{
	struct pake *p = calloc(1, sizeof(*p));

	*out = NULL;
	if (p == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for pairing");
	if (name_a.len > NAME_MAX_BYTES || name_b.len > NAME_MAX_BYTES) {
		free(p);
		return FAIL(why, ERR_INPUT, "a name of over %d bytes", NAME_MAX_BYTES);
	}
	p->side = side;
	p->name_len[0] = name_a.len;
	p->name_len[1] = name_b.len;
	if (name_a.len > 0)
		memcpy(p->name[0], name_a.ptr, name_a.len);
	if (name_b.len > 0)
		memcpy(p->name[1], name_b.ptr, name_b.len);
	p->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	p->ctx = BN_CTX_secure_new();
	*out = p;
	return p->group != NULL && p->ctx != NULL ? ERR_OK
						  : FAIL(why, ERR_SYSTEM, "no curve P-256");
}

static enum err
end_of(struct pake **out, bool ok, struct why *why)
{
	if (ok)
		return ERR_OK;
	pake_free(*out);
	*out = NULL;
	return FAIL(why, ERR_SYSTEM, "key agreement could not be set up");
}

enum err
pake_new_from(struct pake **out, enum pake_side side, const uint8_t w[PAKE_SCALAR],
    const uint8_t secret[PAKE_SCALAR], struct bytes name_a, struct bytes name_b, struct why *why)
{
	BIGNUM *bw = BN_bin2bn(w, PAKE_SCALAR, NULL), *bs = BN_bin2bn(secret, PAKE_SCALAR, NULL);
	enum err e = begin(out, side, name_a, name_b, why);

	if (e == ERR_OK || *out != NULL)
		e = end_of(
		    out, e == ERR_OK && bw != NULL && bs != NULL && set_up(*out, bw, bs), why);
	BN_clear_free(bw);
	BN_clear_free(bs);
	return e;
}

/* w = scrypt(code) reduced; 40 bytes in, so that the reduction's bias is below 2^-64 (RFC
 * 9382 3.2).
 */
static bool
stretch(const struct pake *p, struct bytes code, struct bytes salt, BIGNUM *w)
{
	uint8_t out[SCRYPT_BYTES];
	bool ok = EVP_PBE_scrypt((const char *)code.ptr, code.len, salt.ptr, salt.len, SCRYPT_N, 8,
		      1, (uint64_t)SCRYPT_N * 8 * 128 * 2, out, sizeof(out)) == 1;
	BIGNUM *wide = ok ? BN_bin2bn(out, sizeof(out), NULL) : NULL;

	ok = wide != NULL && BN_nnmod(w, wide, EC_GROUP_get0_order(p->group), p->ctx) == 1;
	BN_clear_free(wide);
	crypto_wipe(out, sizeof(out));
	return ok;
}

enum err
pake_new(struct pake **out, enum pake_side side, struct bytes code, struct bytes salt,
    struct bytes name_a, struct bytes name_b, struct why *why)
{
	BIGNUM *w = BN_new(), *secret = BN_new();
	enum err e = begin(out, side, name_a, name_b, why);

	if (e == ERR_OK || *out != NULL)
		e = end_of(out,
		    e == ERR_OK && w != NULL && secret != NULL && stretch(*out, code, salt, w) &&
			BN_priv_rand_range(secret, EC_GROUP_get0_order((*out)->group)) == 1 &&
			set_up(*out, w, secret),
		    why);
	BN_clear_free(w);
	BN_clear_free(secret);
	return e;
}

void
pake_share(const struct pake *p, uint8_t out[PAKE_SHARE])
{
	memcpy(out, p->share, PAKE_SHARE);
}

/* TT of RFC 9382 3.3: each part behind its length as 8 bytes, little endian. */
static void
add_part(uint8_t *copy, size_t *at, const uint8_t *part, size_t n)
{
	uint8_t len[8] = {(uint8_t)n, (uint8_t)(n >> 8)};

	memcpy(copy + *at, len, 8);
	memcpy(copy + *at + 8, part, n);
	*at += 8 + n;
}

static bool
expand(const uint8_t ka[HALF], uint8_t out[2 * HALF])
{
	static const char info[] = "ConfirmationKeys";
	size_t n = 2 * HALF;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	bool ok =
	    c != NULL && EVP_PKEY_derive_init(c) == 1 &&
	    EVP_PKEY_CTX_set_hkdf_md(c, EVP_sha256()) == 1 &&
	    EVP_PKEY_CTX_set1_hkdf_key(c, ka, HALF) == 1 &&
	    EVP_PKEY_CTX_add1_hkdf_info(c, (const unsigned char *)info, sizeof(info) - 1) == 1 &&
	    EVP_PKEY_derive(c, out, &n) == 1;

	EVP_PKEY_CTX_free(c);
	return ok;
}

static bool
conclude(struct pake *p, const uint8_t other[PAKE_SHARE], const uint8_t k[PAKE_SHARE],
    uint8_t proof[PAKE_PROOF])
{
	uint8_t tt[6 * 8 + 2 * NAME_MAX_BYTES + 3 * PAKE_SHARE + PAKE_SCALAR];
	uint8_t hash[2 * HALF], keys[2 * HALF];
	const uint8_t *a = p->side == PAKE_A ? p->share : other;
	const uint8_t *b = p->side == PAKE_A ? other : p->share;
	unsigned n = 0, mine = p->side == PAKE_A ? 0 : HALF;
	size_t at = 0;
	bool ok;

	add_part(tt, &at, p->name[0], p->name_len[0]);
	add_part(tt, &at, p->name[1], p->name_len[1]);
	add_part(tt, &at, a, PAKE_SHARE);
	add_part(tt, &at, b, PAKE_SHARE);
	add_part(tt, &at, k, PAKE_SHARE);
	add_part(tt, &at, p->w_bytes, PAKE_SCALAR);
	ok = EVP_Digest(tt, at, hash, &n, EVP_sha256(), NULL) == 1 && expand(hash + HALF, keys) &&
	     HMAC(EVP_sha256(), keys + mine, HALF, tt, at, proof, &n) != NULL &&
	     HMAC(EVP_sha256(), keys + (HALF - mine), HALF, tt, at, p->expected, &n) != NULL;
	memcpy(p->key, hash, PAKE_KEY);
	crypto_wipe(tt, sizeof(tt));
	crypto_wipe(hash, sizeof(hash));
	crypto_wipe(keys, sizeof(keys));
	return ok;
}

enum err
pake_meet(struct pake *p, struct bytes share, uint8_t proof[PAKE_PROOF], struct why *why)
{
	EC_POINT *other = EC_POINT_new(p->group), *k = EC_POINT_new(p->group);
	BIGNUM *minus = BN_new();
	uint8_t text[PAKE_SHARE];
	enum err e = ERR_OK;

	/* K = secret * (share - w * (N for A, M for B)); the cofactor of P-256 is 1. */
	if (other == NULL || k == NULL || minus == NULL)
		e = FAIL(why, ERR_SYSTEM, "no memory for pairing");
	else if (share.len != PAKE_SHARE ||
		 EC_POINT_oct2point(p->group, other, share.ptr, share.len, p->ctx) != 1 ||
		 EC_POINT_is_at_infinity(p->group, other) == 1)
		e = FAIL(why, ERR_INPUT, "the other box sent something that is no point of P-256");
	else if (BN_sub(minus, EC_GROUP_get0_order(p->group), p->w) != 1 ||
		 EC_POINT_mul(p->group, k, NULL, p->side == PAKE_A ? p->n : p->m, minus, p->ctx) !=
		     1 ||
		 EC_POINT_add(p->group, k, k, other, p->ctx) != 1 ||
		 EC_POINT_mul(p->group, k, NULL, k, p->secret, p->ctx) != 1 ||
		 EC_POINT_is_at_infinity(p->group, k) == 1 ||
		 EC_POINT_point2oct(p->group, k, POINT_CONVERSION_UNCOMPRESSED, text, PAKE_SHARE,
		     p->ctx) != PAKE_SHARE ||
		 !conclude(p, share.ptr, text, proof))
		e = FAIL(why, ERR_INPUT, "the key agreement did not come together");
	p->met = e == ERR_OK;
	crypto_wipe(text, sizeof(text));
	EC_POINT_clear_free(k);
	EC_POINT_free(other);
	BN_clear_free(minus);
	return e;
}

enum err
pake_finish(struct pake *p, struct bytes proof, uint8_t key[PAKE_KEY], struct why *why)
{
	memset(key, 0, PAKE_KEY);
	if (!p->met || !bytes_eq_secret(proof, bytes_of(p->expected, PAKE_PROOF)))
		return FAIL(why, ERR_REFUSED, "the other box does not know the same code");
	memcpy(key, p->key, PAKE_KEY);
	return ERR_OK;
}

void
pake_mac(const uint8_t key[PAKE_KEY], struct bytes data, uint8_t out[PAKE_PROOF])
{
	unsigned n = 0;

	memset(out, 0, PAKE_PROOF);
	(void)HMAC(EVP_sha256(), key, PAKE_KEY, data.ptr, data.len, out, &n);
}
