/* SPDX-License-Identifier: Apache-2.0 */
/* TLS and SSL over TCP, passive: one EV_tls a handshake.
 * Source:  RFC 8446 (1.3), RFC 5246 (1.2), 4346, 2246, RFC 6101 (SSL 3.0 and the 2.0 hello),
 *          RFC 6520 (heartbeat), RFC 8996 and 9325 (what is too old or too weak).
 * Input:   both directions as proto.h says. STARTTLS is out of scope: the stream starts with TLS.
 * Output:  EV_tls at the first of: change to encryption, a fatal alert, the end of both sides;
 *          a claim `name` from a client certificate; units tls_hellos, tls_certificates.
 * Memory:  one handshake message of at most HANDSHAKE_BYTES_MAX a side while it is incomplete.
 * Cost:    after the first application data of a side its bytes are not looked at any more.
 * Not checked: certificates of TLS 1.3 (encrypted), signatures and chains of the others. */
#pragma once

#include "proto/proto.h"

extern const struct protocol tls_protocol;

/* "TLS 1.2", "SSL 3.0", ...; "unknown" for other numbers. */
const char *tls_version_name(uint16_t version);
/* Drafts of TLS 1.3 on the wire: 7f 00 + draft, and fb xx of one large site. */
bool tls_version_is_draft(uint16_t version);

enum tls_grade {
	TLS_GRADE_UNKNOWN, /* not in the table */
	TLS_GRADE_GOOD,
	TLS_GRADE_LEGACY, /* no forward secrecy, or CBC: works, should go */
	TLS_GRADE_WEAK,   /* must not be used any more (RFC 9325 4.1) */
};

struct tls_cipher {
	uint16_t number;
	enum tls_grade grade;
	const char *name;
	const char *reason; /* why it is not good, for people; empty where it is */
};

const struct tls_cipher *tls_cipher(uint16_t number);         /* NULL: not in the table */
const struct tls_cipher *tls_cipher_named(struct bytes name); /* as in ev_tls.cipher */
bool tls_cipher_is_weak(struct bytes name);
/* True for versions below TLS 1.2 by the text of ev_tls.version (RFC 8996). */
bool tls_version_is_old(struct bytes version);
