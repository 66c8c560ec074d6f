/* SPDX-License-Identifier: Apache-2.0 */
/* TLS hellos: what a client offers, what a server chose, and the fingerprint of the client.
 * Source: RFC 8446 4.1.2-4.2 and RFC 5246 7.4.1 (hellos), RFC 6101 E (SSL 2.0 hello), RFC 8701
 *         (GREASE values, ignored everywhere), JA4 by FoxIO (the client part, BSD-3-Clause).
 * Input:  the body of one handshake message (without type and length), whole.
 * Output: views into that body.
 * Total:  any bytes; false where a length inside does not hold, with what was read before it.
 * Limits: HELLO_LIST_MAX cipher suites and extensions take part in the fingerprint. */
#pragma once

#include "base/bytes.h"

enum { HELLO_LIST_MAX = 256, JA4_MAX = 40 };

struct tls_hello {
	uint16_t legacy_version; /* of the hello itself */
	uint16_t version;        /* client: highest offered; server: chosen */
	struct bytes random;     /* 32 bytes, fewer in SSL 2.0 */
	struct bytes session;    /* session id */
	struct bytes ciphers;    /* client: n pairs of bytes (n triples in SSL 2.0) */
	uint16_t cipher;         /* server: chosen */
	uint8_t compression;     /* server: chosen, 0 = none */
	struct bytes extensions; /* u16 type, u16 length, data; each */
	struct bytes sni;        /* first host name; empty where there is none */
	struct bytes alpn;       /* first protocol name */
	struct bytes signatures; /* pairs of bytes */
	unsigned has_sni : 1;    /* the extension is there, even if empty */
	unsigned has_psk : 1;    /* pre_shared_key: a 1.3 server resumes */
	unsigned has_ticket : 1; /* client: a non-empty session ticket */
	unsigned is_v2 : 1;      /* SSL 2.0 client hello */
	unsigned is_retry : 1;   /* HelloRetryRequest */
	unsigned downgraded : 1; /* server: random ends in a downgrade mark of RFC 8446 4.1.3 */
};

bool tls_client_hello(struct bytes body, struct tls_hello *h);
bool tls_server_hello(struct bytes body, struct tls_hello *h);
/* The message after the two length bytes, from its type byte 01. */
bool tls_v2_client_hello(struct bytes message, struct tls_hello *h);

/* True where the client offered this cipher suite. */
bool tls_offers(const struct tls_hello *client, uint16_t cipher);

/* JA4 text of a client over TCP, "t13d1516h2_8daaf6152771_e5627efa2ab1". Terminated; returns the
 * length. Lists longer than HELLO_LIST_MAX are cut to it before sorting. */
size_t tls_ja4(const struct tls_hello *client, char out[JA4_MAX]);
