/* SPDX-License-Identifier: Apache-2.0 */
/* The server side of TLS 1.3 on sockets that do not block, by OpenSSL.
 * Settings: TLS 1.3 only; no tickets, no resumption, no renegotiation, no early data; "http/1.1" by
 *           ALPN where the peer offers it.
 * Total:    any bytes of the peer end in TLS_IO_END at worst.
 * Memory:   about 40 KiB a connection in OpenSSL.
 * Threads:  none; one connection is one socket of one loop. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

/* A new key (EC P-256) and a certificate signed by it, PEM, appended to out, which the caller
 * wipes. names: "DNS:localhost,IP:127.0.0.1", as OpenSSL has subjectAltName. Valid from a day
 * before now for `days`. */
enum err tls_identity_make(const char *common_name, const char *names, struct wall now, int days,
    struct buf *out, struct why *why) MUST_CHECK;

/* When the first certificate of a PEM text ends. ERR_INPUT: there is none. */
enum err tls_identity_end(struct bytes pem, struct wall *end, struct why *why) MUST_CHECK;

/* SHA-256 of the first certificate as people compare it: "AB:CD:...". */
enum { TLS_FINGERPRINT_MAX = 96 };
enum err tls_identity_fingerprint(
    struct bytes pem, char out[TLS_FINGERPRINT_MAX], struct why *why) MUST_CHECK;

struct tls_server;

/* pem: certificate chain and key. ERR_INPUT: they are none, or do not fit each other. */
enum err tls_server_new(struct tls_server **out, struct bytes pem, struct why *why) MUST_CHECK;
void tls_server_free(struct tls_server *s);

struct tls_conn;

enum tls_io {
	TLS_IO_OK,
	TLS_IO_WANT_READ,  /* call again when the socket can be read */
	TLS_IO_WANT_WRITE, /* call again when the socket can be written */
	TLS_IO_END,        /* closed by the peer, or broken: nothing more will come or go */
};

/* fd stays the caller's, and open until tls_conn_free(). NULL: no memory. */
struct tls_conn *tls_conn_new(struct tls_server *s, int fd) MUST_CHECK;
enum tls_io tls_conn_read(struct tls_conn *c, void *p, size_t n, size_t *got) MUST_CHECK;
/* After WANT_READ or WANT_WRITE the same bytes are to be given again (at any address). */
enum tls_io tls_conn_write(struct tls_conn *c, struct bytes data, size_t *put) MUST_CHECK;
/* Says goodbye where that goes without waiting. c may be NULL. */
void tls_conn_free(struct tls_conn *c);
