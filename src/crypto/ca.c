/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/random.h"

#define CA_KEY   "ca.key"
#define CA_CERT  "ca.pem"
#define NODE_KEY "node.key"

enum { FILE_BYTES_MAX = 16 * 1024, CA_DAYS = 20 * 365, BACKDATE_S = 3600, DAY_S = 86400 };

struct ca {
	EVP_PKEY *ca_key, *node_key;
	X509 *cert;
	char name[CERT_NAME_MAX];
};

bool
name_is_plain(struct bytes name)
{
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			(i > 0 && (c == '-' || c == '.' || c == '_'))))
			return false;
	}
	return name.len > 0 && name.len < CERT_NAME_MAX;
}

/* --- files --- */

static enum err
read_file(int dir_fd, const char *name, bool secret, struct buf *out, struct why *why)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	ssize_t n;
	enum err e = ERR_OK;

	if (fd == -1)
		return errno == ENOENT ? FAIL(why, ERR_ABSENT, "%s is not there", name)
				       : FAIL_SYS(why, "%s", name);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX)
		e = FAIL(
		    why, ERR_INPUT, "%s is not a file of at most %d bytes", name, FILE_BYTES_MAX);
	else if (secret && (st.st_mode & 077) != 0)
		e = FAIL(why, ERR_REFUSED, "%s can be read by others; make it mode 0600", name);
	else if (!buf_reserve(out, FILE_BYTES_MAX))
		e = FAIL(why, ERR_SYSTEM, "no memory for %s", name);
	while (e == ERR_OK && (n = read(fd, out->ptr + out->len, FILE_BYTES_MAX - out->len)) != 0) {
		if (n == -1)
			e = FAIL_SYS(why, "%s", name);
		else
			out->len += (size_t)n;
	}
	(void)close(fd);
	return e;
}

/* Whole or not at all: beside its name, synced, then linked. */
static enum err
write_file(int dir_fd, const char *name, struct bytes data, struct why *why)
{
	char side[32];
	enum err e = ERR_OK;
	int fd;

	(void)snprintf(side, sizeof(side), ".%s.new", name);
	(void)unlinkat(dir_fd, side, 0);
	fd = openat(dir_fd, side, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return FAIL_SYS(why, "make %s", name);
	if (write(fd, data.ptr, data.len) != (ssize_t)data.len || fsync(fd) == -1)
		e = FAIL_SYS(why, "write %s", name);
	(void)close(fd);
	if (e == ERR_OK && linkat(dir_fd, side, dir_fd, name, 0) == -1 && errno != EEXIST)
		e = FAIL_SYS(why, "make %s", name);
	(void)unlinkat(dir_fd, side, 0);
	(void)fsync(dir_fd);
	return e;
}

static enum err
write_bio(int dir_fd, const char *name, BIO *bio, struct why *why)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);

	return write_file(dir_fd, name, bytes_of(p, n > 0 ? (size_t)n : 0), why);
}

static EVP_PKEY *
read_key(int dir_fd, const char *name, enum err *e, struct why *why)
{
	struct buf text = {.cap = FILE_BYTES_MAX};
	EVP_PKEY *key = NULL;
	BIO *bio;

	if ((*e = read_file(dir_fd, name, true, &text, why)) == ERR_OK) {
		bio = BIO_new_mem_buf(text.ptr, (int)text.len);
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		BIO_free(bio);
		if (key == NULL)
			*e = FAIL(why, ERR_INPUT, "%s holds no private key", name);
	}
	if (text.ptr != NULL)
		crypto_wipe(text.ptr, text.room);
	buf_free(&text);
	ERR_clear_error();
	return key;
}

static X509 *
parse_pem(struct bytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return x;
}

static X509 *
read_cert(int dir_fd, enum err *e, struct why *why)
{
	struct buf text = {.cap = FILE_BYTES_MAX};
	X509 *x = NULL;

	if ((*e = read_file(dir_fd, CA_CERT, false, &text, why)) == ERR_OK &&
	    (x = parse_pem(buf_bytes(&text))) == NULL)
		*e = FAIL(why, ERR_INPUT, "%s holds no certificate", CA_CERT);
	buf_free(&text);
	return x;
}

/* --- making certificates --- */

static bool
set_time(ASN1_TIME *t, struct wall when, int64_t plus_s)
{
	return ASN1_TIME_set(t, (time_t)(when.ns / NS_PER_S + plus_s)) != NULL;
}

static bool
add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool
set_serial(X509 *x)
{
	BIGNUM *n = BN_new();
	bool ok = n != NULL && BN_rand(n, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;

	BN_free(n);
	return ok;
}

static bool
set_name(X509_NAME *to, const char *cn, const char *ou)
{
	return X509_NAME_add_entry_by_txt(
		   to, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) == 1 &&
	       (ou == NULL || X509_NAME_add_entry_by_txt(to, "OU", MBSTRING_UTF8,
				  (const unsigned char *)ou, -1, -1, 0) == 1);
}

struct order {
	const char *name;
	EVP_PKEY *subject, *signer;
	X509 *issuer; /* NULL: self-signed authority */
	struct wall now;
	unsigned days;
};

static X509 *
make_cert(const struct order *o)
{
	char san[CERT_NAME_MAX + 8], id[16];
	X509 *x = X509_new();
	X509 *issuer = o->issuer != NULL ? o->issuer : x;
	uint32_t random;
	bool ok;

	(void)snprintf(san, sizeof(san), "DNS:%s", o->name);
	ok = x != NULL && X509_set_version(x, 2) == 1 && set_serial(x) &&
	     crypto_random(&random, sizeof(random), NULL) == ERR_OK &&
	     set_time(X509_getm_notBefore(x), o->now, -BACKDATE_S) &&
	     set_time(X509_getm_notAfter(x), o->now, (int64_t)o->days * DAY_S) &&
	     X509_set_pubkey(x, o->subject) == 1;
	(void)snprintf(id, sizeof(id), "%08x", ok ? random : 0);
	/* Two boxes of one name must not have authorities of one name. */
	ok = ok && set_name(X509_get_subject_name(x), o->name, o->issuer == NULL ? id : NULL) &&
	     X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1;
	if (o->issuer == NULL)
		ok = ok &&
		     add_ext(x, issuer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
		     add_ext(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
		     add_ext(x, issuer, NID_subject_key_identifier, "hash");
	else
		ok = ok && add_ext(x, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
		     add_ext(x, issuer, NID_key_usage, "critical,digitalSignature") &&
		     add_ext(x, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
		     add_ext(x, issuer, NID_authority_key_identifier, "keyid:always") &&
		     add_ext(x, issuer, NID_subject_alt_name, san);
	if (ok && X509_sign(x, o->signer, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	ERR_clear_error();
	return NULL;
}

static enum err
make_key_file(int dir_fd, const char *name, struct why *why)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_secmem());
	enum err e;

	if (key == NULL || bio == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		e = FAIL(why, ERR_SYSTEM, "no key could be made for %s", name);
	else
		e = write_bio(dir_fd, name, bio, why);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return e;
}

static bool
is_there(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

enum err
ca_ensure(int dir_fd, const char *name, struct wall now, struct why *why)
{
	struct order o = {.name = name, .now = now, .days = CA_DAYS};
	enum err e = ERR_OK;
	X509 *x = NULL;
	BIO *bio = NULL;

	if (!name_is_plain(bytes_str(name)))
		return FAIL(why, ERR_USAGE,
		    "%.70s: a name has 1 to 63 letters, digits, '-', '.' or '_'", name);
	if (!is_there(dir_fd, NODE_KEY) && (e = make_key_file(dir_fd, NODE_KEY, why)) != ERR_OK)
		return e;
	if (!is_there(dir_fd, CA_KEY) && (e = make_key_file(dir_fd, CA_KEY, why)) != ERR_OK)
		return e;
	if (is_there(dir_fd, CA_CERT))
		return ERR_OK;
	if ((o.subject = o.signer = read_key(dir_fd, CA_KEY, &e, why)) != NULL) {
		x = make_cert(&o);
		bio = BIO_new(BIO_s_mem());
		if (x == NULL || bio == NULL || PEM_write_bio_X509(bio, x) != 1)
			e = FAIL(why, ERR_SYSTEM, "the authority's certificate could not be made");
		else
			e = write_bio(dir_fd, CA_CERT, bio, why);
	}
	EVP_PKEY_free(o.subject);
	X509_free(x);
	BIO_free(bio);
	return e;
}

static void
copy_name(char out[CERT_NAME_MAX], const X509_NAME *from)
{
	int n = X509_NAME_get_text_by_NID(
	    (X509_NAME *)(uintptr_t)from, NID_commonName, out, CERT_NAME_MAX);

	if (n < 0)
		out[0] = 0;
	for (char *p = out; *p != 0; p++) {
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	}
}

enum err
ca_open(struct ca **out, int dir_fd, struct why *why)
{
	struct ca *c = calloc(1, sizeof(*c));
	enum err e;

	*out = NULL;
	if (c == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for keys");
	if ((c->cert = read_cert(dir_fd, &e, why)) == NULL ||
	    (c->ca_key = read_key(dir_fd, CA_KEY, &e, why)) == NULL ||
	    (c->node_key = read_key(dir_fd, NODE_KEY, &e, why)) == NULL) {
		ca_close(c);
		return e;
	}
	if (X509_check_private_key(c->cert, c->ca_key) != 1) {
		ca_close(c);
		return FAIL(why, ERR_INPUT, "%s and %s do not belong together", CA_KEY, CA_CERT);
	}
	copy_name(c->name, X509_get_subject_name(c->cert));
	*out = c;
	return ERR_OK;
}

void
ca_close(struct ca *c)
{
	if (c == NULL)
		return;
	EVP_PKEY_free(c->ca_key);
	EVP_PKEY_free(c->node_key);
	X509_free(c->cert);
	free(c);
}

const char *
ca_name(const struct ca *c)
{
	return c->name;
}

static enum err
add_der(X509 *x, struct buf *der, struct why *why)
{
	int n = i2d_X509(x, NULL);
	uint8_t *p;

	if (n <= 0 || n > CERT_BYTES_MAX)
		return FAIL(why, ERR_INPUT, "a certificate of %d bytes, expected at most %d", n,
		    CERT_BYTES_MAX);
	if (!buf_reserve(der, (size_t)n))
		return FAIL(why, ERR_SYSTEM, "no memory for a certificate");
	p = der->ptr + der->len;
	der->len += (size_t)i2d_X509(x, &p);
	return ERR_OK;
}

enum err
ca_leaf(struct ca *c, struct wall now, unsigned days, struct buf *der, struct why *why)
{
	X509 *x = make_cert(&(struct order){.name = c->name,
	    .subject = c->node_key,
	    .signer = c->ca_key,
	    .issuer = c->cert,
	    .now = now,
	    .days = days});
	enum err e = x == NULL ? FAIL(why, ERR_SYSTEM, "no certificate could be made")
			       : add_der(x, der, why);

	X509_free(x);
	return e;
}

enum err
ca_sign(struct ca *c, struct bytes digest, uint8_t sig[SIGNATURE_MAX], size_t *len, struct why *why)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(c->node_key, NULL);
	bool ok;

	*len = SIGNATURE_MAX;
	ok = digest.len >= 32 && digest.len <= 64 && ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
	     EVP_PKEY_sign(ctx, sig, len, digest.ptr, digest.len) == 1;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	if (ok)
		return ERR_OK;
	*len = 0;
	return FAIL(why, ERR_INPUT, "a digest of %zu bytes cannot be signed", digest.len);
}

static enum err
take_bio(BIO *bio, struct buf *out, struct why *why)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);

	buf_add(out, bytes_of(p, n > 0 ? (size_t)n : 0));
	return out->cut ? FAIL(why, ERR_SYSTEM, "no memory for a certificate") : ERR_OK;
}

enum err
ca_issue(struct ca *c, const char *name, struct wall now, unsigned days, struct buf *key,
    struct buf *certificate, struct why *why)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	BIO *bio_key = BIO_new(BIO_s_secmem()), *bio_cert = BIO_new(BIO_s_mem());
	X509 *x = NULL;
	enum err e;

	if (!name_is_plain(bytes_str(name))) {
		e = FAIL(why, ERR_USAGE,
		    "%.70s: a name has 1 to 63 letters, digits, '-', '.' or '_'", name);
		goto done;
	}
	if (k != NULL)
		x = make_cert(&(struct order){.name = name,
		    .subject = k,
		    .signer = c->ca_key,
		    .issuer = c->cert,
		    .now = now,
		    .days = days});
	if (x == NULL || bio_key == NULL || bio_cert == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(bio_key, k, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(bio_cert, x) != 1)
		e = FAIL(why, ERR_SYSTEM, "no certificate could be made");
	else if ((e = take_bio(bio_key, key, why)) == ERR_OK)
		e = take_bio(bio_cert, certificate, why);
done:
	EVP_PKEY_free(k);
	X509_free(x);
	BIO_free(bio_key);
	BIO_free(bio_cert);
	return e;
}

enum err
ca_certificate(int dir_fd, struct buf *der, struct why *why)
{
	enum err e;
	X509 *x = read_cert(dir_fd, &e, why);

	if (x != NULL)
		e = add_der(x, der, why);
	X509_free(x);
	return e;
}

/* --- reading certificates --- */

enum err
cert_from_pem(struct bytes pem, struct buf *der, struct why *why)
{
	X509 *x = pem.len > 1 << 20 ? NULL : parse_pem(pem);
	enum err e =
	    x == NULL ? FAIL(why, ERR_INPUT, "no certificate in PEM form") : add_der(x, der, why);

	X509_free(x);
	return e;
}

static X509 *
parse_der(struct bytes der)
{
	const uint8_t *p = der.ptr;
	X509 *x = der.len > CERT_BYTES_MAX ? NULL : d2i_X509(NULL, &p, (long)der.len);

	if (x != NULL && p != der.ptr + der.len) {
		X509_free(x);
		x = NULL;
	}
	ERR_clear_error();
	return x;
}

enum err
cert_to_pem(struct bytes der, struct buf *pem, struct why *why)
{
	X509 *x = parse_der(der);
	BIO *bio = BIO_new(BIO_s_mem());
	enum err e;

	if (x == NULL || bio == NULL || PEM_write_bio_X509(bio, x) != 1)
		e = FAIL(why, ERR_INPUT, "these bytes are no certificate");
	else
		e = take_bio(bio, pem, why);
	X509_free(x);
	BIO_free(bio);
	return e;
}

static struct wall
wall_of(const ASN1_TIME *t)
{
	struct tm tm = {0};

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return (struct wall){0};
	return (struct wall){
	    (days_from_civil(tm.tm_year + 1900, (unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday) *
		    DAY_S +
		tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec) *
	    NS_PER_S};
}

enum err
cert_read(struct bytes der, struct cert_info *info, struct why *why)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	X509 *x = parse_der(der);
	unsigned n = 0;

	*info = (struct cert_info){0};
	if (x == NULL)
		return FAIL(why, ERR_INPUT, "these bytes are no certificate");
	copy_name(info->name, X509_get_subject_name(x));
	copy_name(info->issuer, X509_get_issuer_name(x));
	info->not_before = wall_of(X509_get0_notBefore(x));
	info->not_after = wall_of(X509_get0_notAfter(x));
	info->authority = X509_check_ca(x) > 0;
	(void)X509_digest(x, EVP_sha256(), hash, &n);
	for (unsigned i = 0; i < n && i < 32; i++)
		(void)snprintf(info->print + 2 * i, 3, "%02x", hash[i]);
	X509_free(x);
	ERR_clear_error();
	return ERR_OK;
}
