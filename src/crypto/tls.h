/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over a descriptor that is already connected, both sides proving who they are.
 * Source:  RFC 8446 (TLS 1.3), RFC 9325 (BCP 195); TLS 1.2 with ECDHE and AEAD only where asked.
 * Trust:   a peer must hold the key of a certificate that one of the given anchors issued (or that
 *          is itself an anchor). Addresses and host names decide nothing.
 * Keys:    the private key is not here: `sign` is asked for each signature (crypto/ca.h, in
 *          another process). Only ECDSA P-256 certificates of ours; peers may have any kind.
 * Never:   renegotiation, compression, early data, resumption of a session whose peer is not
 *          trusted any more (tls_peer() looks at the certificate again).
 * Blocks:  never on the descriptor; in `sign` as long as that takes. */
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"

enum tls_role { TLS_CLIENT, TLS_SERVER };

enum { TLS_ANCHORS_MAX = 64, TLS_NAME_MAX = 64, TLS_SIGNATURE_MAX = 80 };

struct tls_spec {
	enum tls_role role;
	bool old;                    /* TLS 1.2 too */
	struct bytes certificate;    /* ours, DER */
	struct bytes authority;      /* the one that issued it, DER; sent along */
	const struct bytes *anchors; /* DER */
	size_t n_anchors;
	/* Put the ECDSA signature (DER) of a digest into sig, at most TLS_SIGNATURE_MAX bytes.
	 * False: no signature; the handshake fails. */
	bool (*sign)(void *ctx, struct bytes digest, uint8_t *sig, size_t *len);
	void *ctx;
};

struct tls_context;

/* Have the library read what it reads of files now, before a sandbox closes. */
void tls_warm_up(void);

/* What spec points to is copied, but for ctx. ERR_INPUT: a certificate cannot be read. */
enum err tls_context_new(
    struct tls_context **out, const struct tls_spec *spec, struct why *why) MUST_CHECK;
void tls_context_free(struct tls_context *c); /* connections may outlive it; c may be NULL */

enum tls_io {
	TLS_OK,
	TLS_WANT_READ,  /* again when the descriptor is readable */
	TLS_WANT_WRITE, /* again when it is writable */
	TLS_END,        /* the peer said that it sends no more */
	TLS_CUT,        /* the connection ended without that word */
	TLS_RESET,      /* the connection was reset */
	TLS_FAILED,     /* not TLS, not trusted, or tampered with: why says */
};

struct tls;

/* NULL: no memory. The descriptor stays the caller's. */
struct tls *tls_new(struct tls_context *c, int fd);
void tls_free(struct tls *t); /* t may be NULL */

enum tls_io tls_handshake(struct tls *t, struct why *why);
/* *got bytes into p, at least 1 on TLS_OK. */
enum tls_io tls_read(struct tls *t, void *p, size_t n, size_t *got, struct why *why);
/* *put bytes of data taken, at least 1 on TLS_OK. */
enum tls_io tls_write(struct tls *t, struct bytes data, size_t *put, struct why *why);
/* Say that we send no more; the other direction stays. TLS_WANT_WRITE: again. */
enum tls_io tls_end(struct tls *t);
/* True while read bytes wait inside, which the descriptor does not show. */
bool tls_has_pending(const struct tls *t);

struct tls_peer {
	size_t anchor;           /* index in spec.anchors */
	char name[TLS_NAME_MAX]; /* common name of the peer's certificate */
	char version[16], cipher[40];
	bool resumed;
};

/* After the handshake: who is there. ERR_REFUSED: none of the anchors, or no longer valid. */
enum err tls_peer(const struct tls *t, struct tls_peer *out, struct why *why) MUST_CHECK;
