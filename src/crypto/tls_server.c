/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tls_server.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct tls_server {
	SSL_CTX *ctx;
};

struct tls_conn {
	SSL *ssl;
	bool failed;
};

enum { SERIAL_BYTES = 16, DAY_S = 86400 };

static enum err
fail_ssl(struct why *why, enum err e, const char *what)
{
	char text[160] = "";

	ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
	ERR_clear_error();
	return FAIL(why, e, "%s: %.150s", what, text);
}

/* --- identity --- */

static bool
add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX v;
	X509_EXTENSION *e;
	bool done;

	X509V3_set_ctx_nodb(&v);
	X509V3_set_ctx(&v, x, x, NULL, NULL, 0);
	if ((e = X509V3_EXT_conf_nid(NULL, &v, nid, value)) == NULL)
		return false;
	done = X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return done;
}

static bool
fill_certificate(X509 *x, EVP_PKEY *key, const char *cn, const char *names, time_t now, int days)
{
	uint8_t serial[SERIAL_BYTES];
	BIGNUM *number = NULL;
	X509_NAME *name = X509_get_subject_name(x);
	bool done;

	if (RAND_bytes(serial, sizeof(serial)) != 1)
		return false;
	serial[0] &= 0x7f;
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL &&
	       X509_set_version(x, 2) == 1 &&
	       ASN1_TIME_set(X509_getm_notBefore(x), now - DAY_S) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(x), now + (time_t)days * DAY_S) != NULL &&
	       X509_set_pubkey(x, key) == 1 &&
	       X509_NAME_add_entry_by_txt(
		   name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(x, name) == 1 &&
	       add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(x, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(x, NID_ext_key_usage, "serverAuth") &&
	       add_extension(x, NID_subject_alt_name, names) && X509_sign(x, key, EVP_sha256()) > 0;
	BN_free(number);
	return done;
}

enum err
tls_identity_make(
    const char *cn, const char *names, struct wall now, int days, struct buf *out, struct why *why)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	enum err e = ERR_OK;
	char *text;
	long n;

	if (key == NULL || x == NULL || bio == NULL ||
	    !fill_certificate(x, key, cn, names, (time_t)(now.ns / NS_PER_S), days) ||
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(bio, x) != 1) {
		e = fail_ssl(why, ERR_SYSTEM, "a certificate could not be made");
	} else {
		n = BIO_get_mem_data(bio, &text);
		buf_add(out, bytes_of(text, (size_t)n));
		OPENSSL_cleanse(text, (size_t)n);
	}
	BIO_free(bio);
	X509_free(x);
	EVP_PKEY_free(key);
	return e;
}

static X509 *
first_certificate(struct bytes pem, struct why *why)
{
	BIO *bio = pem.len > INT_MAX ? NULL : BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

	if (x == NULL)
		(void)fail_ssl(why, ERR_INPUT, "no certificate in the PEM text");
	BIO_free(bio);
	return x;
}

enum err
tls_identity_end(struct bytes pem, struct wall *end, struct why *why)
{
	X509 *x = first_certificate(pem, why);
	struct tm tm;

	*end = (struct wall){0};
	if (x == NULL)
		return ERR_INPUT;
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1)
		end->ns = (int64_t)timegm(&tm) * NS_PER_S;
	X509_free(x);
	return ERR_OK;
}

enum err
tls_identity_fingerprint(struct bytes pem, char out[TLS_FINGERPRINT_MAX], struct why *why)
{
	X509 *x = first_certificate(pem, why);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	out[0] = 0;
	if (x == NULL)
		return ERR_INPUT;
	if (X509_digest(x, EVP_sha256(), digest, &n) == 1) {
		for (unsigned i = 0; i < n && i < 32; i++)
			(void)snprintf(out + (size_t)i * 3, TLS_FINGERPRINT_MAX - (size_t)i * 3,
			    "%02X%s", digest[i], i + 1 < n ? ":" : "");
	}
	X509_free(x);
	return ERR_OK;
}

/* --- server --- */

static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *offered,
    unsigned n_offered, void *ctx)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)ctx;
	if (SSL_select_next_proto(&chosen, n, ours, sizeof(ours) - 1, offered, n_offered) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool
use_identity(SSL_CTX *ctx, struct bytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	X509 *x;
	bool first = true, fine = key != NULL;

	BIO_free(bio);
	bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	while (fine && bio != NULL && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		fine = first ? SSL_CTX_use_certificate(ctx, x) == 1
			     : SSL_CTX_add1_chain_cert(ctx, x) == 1;
		first = false;
		X509_free(x);
	}
	fine = fine && !first && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
	       SSL_CTX_check_private_key(ctx) == 1;
	BIO_free(bio);
	EVP_PKEY_free(key);
	return fine;
}

enum err
tls_server_new(struct tls_server **out, struct bytes pem, struct why *why)
{
	struct tls_server *s = calloc(1, sizeof(*s));
	enum err e = ERR_OK;

	*out = NULL;
	if (s == NULL || pem.len > INT_MAX || (s->ctx = SSL_CTX_new(TLS_server_method())) == NULL) {
		e = fail_ssl(why, ERR_SYSTEM, "TLS could not be set up");
		goto done;
	}
	(void)SSL_CTX_set_min_proto_version(s->ctx, TLS1_3_VERSION);
	(void)SSL_CTX_set_num_tickets(s->ctx, 0);
	(void)SSL_CTX_set_session_cache_mode(s->ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(s->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					   SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(s->ctx, choose_alpn, NULL);
	if (!use_identity(s->ctx, pem))
		e = fail_ssl(why, ERR_INPUT, "certificate and key cannot be used");
	ERR_clear_error();
done:
	if (e != ERR_OK) {
		tls_server_free(s);
		s = NULL;
	}
	*out = s;
	return e;
}

void
tls_server_free(struct tls_server *s)
{
	if (s != NULL)
		SSL_CTX_free(s->ctx);
	free(s);
}

/* --- connections --- */

struct tls_conn *
tls_conn_new(struct tls_server *s, int fd)
{
	struct tls_conn *c = calloc(1, sizeof(*c));

	if (c != NULL && ((c->ssl = SSL_new(s->ctx)) == NULL || SSL_set_fd(c->ssl, fd) != 1)) {
		SSL_free(c->ssl);
		free(c);
		c = NULL;
	}
	if (c != NULL)
		SSL_set_accept_state(c->ssl);
	return c;
}

static enum tls_io
outcome(struct tls_conn *c, int r)
{
	int e = SSL_get_error(c->ssl, r);

	ERR_clear_error();
	if (e == SSL_ERROR_WANT_READ)
		return TLS_IO_WANT_READ;
	if (e == SSL_ERROR_WANT_WRITE)
		return TLS_IO_WANT_WRITE;
	c->failed = e != SSL_ERROR_ZERO_RETURN;
	return TLS_IO_END;
}

enum tls_io
tls_conn_read(struct tls_conn *c, void *p, size_t n, size_t *got)
{
	int r;

	*got = 0;
	if (c->failed)
		return TLS_IO_END;
	r = SSL_read_ex(c->ssl, p, n, got);
	return r == 1 ? TLS_IO_OK : outcome(c, r);
}

enum tls_io
tls_conn_write(struct tls_conn *c, struct bytes data, size_t *put)
{
	int r;

	*put = 0;
	if (c->failed)
		return TLS_IO_END;
	r = SSL_write_ex(c->ssl, data.ptr, data.len, put);
	return r == 1 ? TLS_IO_OK : outcome(c, r);
}

void
tls_conn_free(struct tls_conn *c)
{
	if (c == NULL)
		return;
	if (!c->failed)
		(void)SSL_shutdown(c->ssl);
	ERR_clear_error();
	SSL_free(c->ssl);
	free(c);
}
