/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL 3.0 signs through our own function when the EC key carries a method of its own: such a
 * key counts as foreign, is never handed to a provider, and needs no private part. The EC_KEY calls
 * are marked deprecated since 3.0; the alternative is a provider of our own, twenty times the code.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/tls.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>

enum { SESSIONS_KEPT = 8 };

#define CIPHERS_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define CIPHERS_12                                                                                 \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"                             \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"
#define GROUPS "X25519:P-256:P-384"

struct tls_context {
	SSL_CTX *ssl;
	EC_KEY_METHOD *method;
	X509 *anchors[TLS_ANCHORS_MAX];
	size_t n_anchors;
	enum tls_role role;
	bool (*sign)(void *ctx, struct bytes digest, uint8_t *sig, size_t *len);
	void *ctx;
	size_t users; /* connections, plus 1 for the owner */
	SSL_SESSION *sessions[SESSIONS_KEPT];
	size_t n_sessions;
};

struct tls {
	SSL *ssl;
	struct tls_context *context;
};

/* --- signing elsewhere --- */

/* OpenSSL's table of places for owners' data is process-wide; this is our place in it. */
static int
key_place(void)
{
	static int place = -1;

	if (place == -1)
		place = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return place;
}

static int
sign_elsewhere(int type, const unsigned char *digest, int len, unsigned char *sig, unsigned *n,
    const BIGNUM *kinv, const BIGNUM *r, EC_KEY *key)
{
	const struct tls_context *c = EC_KEY_get_ex_data(key, key_place());
	uint8_t room[TLS_SIGNATURE_MAX];
	size_t got = 0;

	(void)type;
	(void)kinv;
	(void)r;
	*n = 0;
	if (c == NULL || len <= 0 || !c->sign(c->ctx, bytes_of(digest, (size_t)len), room, &got) ||
	    got == 0 || got > (size_t)ECDSA_size(key))
		return 0;
	memcpy(sig, room, got);
	*n = (unsigned)got;
	return 1;
}

static EVP_PKEY *
foreign_key(struct tls_context *c, X509 *certificate)
{
	EVP_PKEY *public = X509_get0_pubkey(certificate), *out = EVP_PKEY_new();
	EC_KEY *key = public != NULL && EVP_PKEY_base_id(public) == EVP_PKEY_EC
			  ? EC_KEY_dup(EVP_PKEY_get0_EC_KEY(public))
			  : NULL;

	c->method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	if (c->method != NULL)
		EC_KEY_METHOD_set_sign(c->method, sign_elsewhere, NULL, NULL);
	if (key == NULL || out == NULL || c->method == NULL ||
	    EC_KEY_set_method(key, c->method) != 1 ||
	    EC_KEY_set_ex_data(key, key_place(), c) != 1 || EVP_PKEY_assign_EC_KEY(out, key) != 1) {
		EC_KEY_free(key);
		EVP_PKEY_free(out);
		return NULL;
	}
	return out;
}

void
tls_warm_up(void)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method()), *d = SSL_CTX_new(TLS_client_method());

	(void)key_place();
	SSL_CTX_free(c);
	SSL_CTX_free(d);
	ERR_clear_error();
}

/* --- context --- */

static X509 *
read_der(struct bytes der)
{
	const uint8_t *p = der.ptr;

	return d2i_X509(NULL, &p, (long)der.len);
}

/* A client keeps the sessions it was given, each for one use (RFC 8446 appendix C.4). */
static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_context *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (c == NULL || c->n_sessions == SESSIONS_KEPT)
		return 0;
	c->sessions[c->n_sessions++] = session;
	return 1;
}

static enum err
set_rules(struct tls_context *c, const struct tls_spec *spec, struct why *why)
{
	static const unsigned char id[] = "hemostat gate";
	SSL_CTX *s = c->ssl;

	(void)SSL_CTX_set_options(
	    s, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_mode(s, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(s, 1);
	SSL_CTX_set_verify(s, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (spec->role == TLS_CLIENT) {
		SSL_CTX_set_session_cache_mode(
		    s, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(s, keep_session);
	} else {
		SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
		(void)SSL_CTX_set_num_tickets(s, 1);
	}
	if (SSL_CTX_set_min_proto_version(s, spec->old ? TLS1_2_VERSION : TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(s, CIPHERS_13) != 1 ||
	    SSL_CTX_set_cipher_list(s, CIPHERS_12) != 1 ||
	    SSL_CTX_set1_groups_list(s, GROUPS) != 1 ||
	    SSL_CTX_set_session_id_context(s, id, sizeof(id) - 1) != 1)
		return FAIL(why, ERR_SYSTEM, "TLS could not be set up");
	return ERR_OK;
}

static enum err
set_trust(struct tls_context *c, const struct tls_spec *spec, struct why *why)
{
	X509_STORE *store = SSL_CTX_get_cert_store(c->ssl);

	if (spec->n_anchors > TLS_ANCHORS_MAX)
		return FAIL(why, ERR_LIMIT, "%zu trusted certificates, expected at most %d",
		    spec->n_anchors, TLS_ANCHORS_MAX);
	(void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
	for (size_t i = 0; i < spec->n_anchors; i++) {
		X509 *x = c->anchors[i] = read_der(spec->anchors[i]);

		if (x == NULL)
			return FAIL(
			    why, ERR_INPUT, "trusted certificate %zu cannot be read", i + 1);
		c->n_anchors = i + 1;
		(void)X509_STORE_add_cert(store, x);
		if (spec->role == TLS_SERVER)
			(void)SSL_CTX_add_client_CA(c->ssl, x);
	}
	return ERR_OK;
}

static enum err
set_identity(struct tls_context *c, const struct tls_spec *spec, struct why *why)
{
	X509 *mine = read_der(spec->certificate), *above = NULL;
	EVP_PKEY *key = mine != NULL ? foreign_key(c, mine) : NULL;
	enum err e = ERR_OK;

	if (key == NULL || SSL_CTX_use_certificate(c->ssl, mine) != 1 ||
	    SSL_CTX_use_PrivateKey(c->ssl, key) != 1)
		e = FAIL(why, ERR_INPUT, "our own certificate cannot be used");
	else if (spec->authority.len > 0 && (above = read_der(spec->authority)) != NULL)
		(void)SSL_CTX_add1_chain_cert(c->ssl, above);
	X509_free(mine);
	X509_free(above);
	EVP_PKEY_free(key);
	return e;
}

enum err
tls_context_new(struct tls_context **out, const struct tls_spec *spec, struct why *why)
{
	struct tls_context *c = calloc(1, sizeof(*c));
	enum err e;

	*out = NULL;
	if (c == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for TLS");
	c->users = 1;
	c->role = spec->role;
	c->sign = spec->sign;
	c->ctx = spec->ctx;
	c->ssl = SSL_CTX_new(spec->role == TLS_CLIENT ? TLS_client_method() : TLS_server_method());
	if (c->ssl == NULL)
		e = FAIL(why, ERR_SYSTEM, "no memory for TLS");
	else if ((e = set_rules(c, spec, why)) == ERR_OK && (e = set_trust(c, spec, why)) == ERR_OK)
		e = set_identity(c, spec, why);
	if (c->ssl != NULL)
		(void)SSL_CTX_set_app_data(c->ssl, c);
	ERR_clear_error();
	if (e != ERR_OK) {
		tls_context_free(c);
		return e;
	}
	*out = c;
	return ERR_OK;
}

static void
let_go(struct tls_context *c)
{
	if (--c->users > 0)
		return;
	for (size_t i = 0; i < c->n_sessions; i++)
		SSL_SESSION_free(c->sessions[i]);
	for (size_t i = 0; i < c->n_anchors; i++)
		X509_free(c->anchors[i]);
	SSL_CTX_free(c->ssl);
	EC_KEY_METHOD_free(c->method);
	free(c);
}

void
tls_context_free(struct tls_context *c)
{
	if (c != NULL)
		let_go(c);
}

/* --- a connection --- */

struct tls *
tls_new(struct tls_context *c, int fd)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->ssl = SSL_new(c->ssl)) == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		if (t != NULL)
			SSL_free(t->ssl);
		free(t);
		return NULL;
	}
	t->context = c;
	c->users++;
	if (c->role == TLS_SERVER) {
		SSL_set_accept_state(t->ssl);
		return t;
	}
	SSL_set_connect_state(t->ssl);
	if (c->n_sessions > 0) {
		SSL_SESSION *s = c->sessions[--c->n_sessions];

		(void)SSL_set_session(t->ssl, s);
		SSL_SESSION_free(s);
	}
	return t;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	let_go(t->context);
	free(t);
}

/* What people read of a failed handshake. */
static void
tell(const struct tls *t, struct why *why)
{
	unsigned long code = ERR_peek_last_error();
	long verdict = SSL_get_verify_result(t->ssl);
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

	if (verdict != X509_V_OK)
		(void)FAIL(why, ERR_REFUSED, "the peer's certificate is not trusted: %s",
		    X509_verify_cert_error_string(verdict));
	else
		(void)FAIL(why, ERR_INPUT, "TLS: %s", reason != NULL ? reason : "no reason given");
}

static enum tls_io
outcome(const struct tls *t, int r, int sys, struct why *why)
{
	enum tls_io io = TLS_FAILED;

	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		io = TLS_WANT_READ;
		break;
	case SSL_ERROR_WANT_WRITE:
		io = TLS_WANT_WRITE;
		break;
	case SSL_ERROR_ZERO_RETURN:
		io = TLS_END;
		break;
	case SSL_ERROR_SYSCALL:
		io = sys == ECONNRESET || sys == EPIPE || sys == ETIMEDOUT ? TLS_RESET : TLS_CUT;
		(void)FAIL(why, ERR_SYSTEM, "the connection %s",
		    sys != 0 ? strerror(sys) : "ended without a word");
		break;
	default:
		if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			io = TLS_CUT;
			(void)FAIL(why, ERR_INPUT, "the connection ended without a word");
		} else {
			tell(t, why);
		}
	}
	ERR_clear_error();
	return io;
}

enum tls_io
tls_handshake(struct tls *t, struct why *why)
{
	int r;

	ERR_clear_error();
	errno = 0;
	r = SSL_do_handshake(t->ssl);
	return r == 1 ? TLS_OK : outcome(t, r, errno, why);
}

enum tls_io
tls_read(struct tls *t, void *p, size_t n, size_t *got, struct why *why)
{
	int r;

	*got = 0;
	errno = 0;
	r = SSL_read_ex(t->ssl, p, n, got);
	return r == 1 ? TLS_OK : outcome(t, r, errno, why);
}

enum tls_io
tls_write(struct tls *t, struct bytes data, size_t *put, struct why *why)
{
	int r;

	*put = 0;
	errno = 0;
	r = SSL_write_ex(t->ssl, data.ptr, data.len, put);
	return r == 1 ? TLS_OK : outcome(t, r, errno, why);
}

enum tls_io
tls_end(struct tls *t)
{
	struct why why;
	int r;

	errno = 0;
	r = SSL_shutdown(t->ssl);
	return r >= 0 ? TLS_OK : outcome(t, r, errno, &why);
}

bool
tls_has_pending(const struct tls *t)
{
	return SSL_has_pending(t->ssl) == 1;
}

/* Which anchor stands behind a certificate. A resumed session has no verified chain any more: its
 * certificate is held against the anchors again. */
static bool
find_anchor(const struct tls *t, X509 *leaf, size_t *at)
{
	const struct tls_context *c = t->context;
	STACK_OF(X509) *chain = SSL_get0_verified_chain(t->ssl);
	X509 *top = chain != NULL && sk_X509_num(chain) > 0
			? sk_X509_value(chain, sk_X509_num(chain) - 1)
			: NULL;

	for (*at = 0; *at < c->n_anchors; (*at)++) {
		X509 *a = c->anchors[*at];

		if (top != NULL
			? X509_cmp(a, top) == 0
			: X509_cmp(a, leaf) == 0 || X509_verify(leaf, X509_get0_pubkey(a)) == 1)
			return true;
	}
	return false;
}

enum err
tls_peer(const struct tls *t, struct tls_peer *out, struct why *why)
{
	X509 *leaf = SSL_get0_peer_certificate(t->ssl);
	enum err e = ERR_OK;

	*out = (struct tls_peer){.resumed = SSL_session_reused(t->ssl) == 1};
	(void)snprintf(out->version, sizeof(out->version), "%s", SSL_get_version(t->ssl));
	(void)snprintf(out->cipher, sizeof(out->cipher), "%s", SSL_get_cipher_name(t->ssl));
	if (leaf == NULL)
		return FAIL(why, ERR_REFUSED, "the peer showed no certificate");
	if (X509_NAME_get_text_by_NID(
		X509_get_subject_name(leaf), NID_commonName, out->name, sizeof(out->name)) < 0)
		out->name[0] = 0;
	for (char *p = out->name; *p != 0; p++) {
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	}
	if (SSL_get_verify_result(t->ssl) != X509_V_OK || !find_anchor(t, leaf, &out->anchor))
		e = FAIL(why, ERR_REFUSED, "the peer's certificate is not trusted");
	else if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
		e = FAIL(why, ERR_REFUSED, "the peer's certificate has expired");
	ERR_clear_error();
	return e;
}
