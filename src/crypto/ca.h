/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate authority of one box, and what can be read of certificates.
 * Each box is an authority of its own: an EC P-256 key that never leaves the folder it was made in,
 * and a self-signed certificate. It signs short-lived certificates for the box's own gateway (whose
 * key is another one), and, when a person asks, longer ones for devices that speak TLS themselves.
 * Boxes trust each other by holding each other's authority certificate: see doc/gate.md.
 * Source: RFC 5280, profile: P-256, SHA-256, serial of 128 random bits.
 * Files:  ca.key, ca.pem, node.key in one folder; keys PEM, mode 0600, appear whole or not at all.
 * Input:  PEM and DER given by people and peers are hostile: ERR_INPUT, never a crash.
 * Limits: CERT_BYTES_MAX for one certificate. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

enum { CERT_BYTES_MAX = 3500, CERT_NAME_MAX = 64, CERT_PRINT_MAX = 65, SIGNATURE_MAX = 80 };

struct ca;

/* Make what is missing in the folder; name: of this box, 1 to 63 of letters, digits, '-', '.', '_'.
 * Existing files stay. */
enum err ca_ensure(int dir_fd, const char *name, struct wall now, struct why *why) MUST_CHECK;

/* Read the keys into memory. ERR_ABSENT: ca_ensure() was never run. */
enum err ca_open(struct ca **out, int dir_fd, struct why *why) MUST_CHECK;
void ca_close(struct ca *c); /* wipes the keys; c may be NULL */

const char *ca_name(const struct ca *c); /* of this box */

/* Append the DER of a new certificate for the box's own gateway, valid from an hour before now. */
enum err ca_leaf(
    struct ca *c, struct wall now, unsigned days, struct buf *der, struct why *why) MUST_CHECK;

/* Sign a digest of 32 to 64 bytes with the gateway's key: ECDSA, DER. */
enum err ca_sign(struct ca *c, struct bytes digest, uint8_t sig[SIGNATURE_MAX], size_t *len,
    struct why *why) MUST_CHECK;

/* A key and a certificate for a device that speaks TLS itself, both PEM. */
enum err ca_issue(struct ca *c, const char *name, struct wall now, unsigned days, struct buf *key,
    struct buf *certificate, struct why *why) MUST_CHECK;

/* Append the DER of the authority's certificate; from a folder, without the keys. */
enum err ca_certificate(int dir_fd, struct buf *der, struct why *why) MUST_CHECK;

struct cert_info {
	char name[CERT_NAME_MAX];   /* common name, printable bytes only */
	char issuer[CERT_NAME_MAX]; /* of the issuer's */
	char print[CERT_PRINT_MAX]; /* SHA-256 of the DER, hex */
	struct wall not_before, not_after;
	bool authority; /* may issue certificates */
};

/* The first certificate of a PEM text to DER. ERR_INPUT: none, or longer than CERT_BYTES_MAX. */
enum err cert_from_pem(struct bytes pem, struct buf *der, struct why *why) MUST_CHECK;
enum err cert_to_pem(struct bytes der, struct buf *pem, struct why *why) MUST_CHECK;
enum err cert_read(struct bytes der, struct cert_info *info, struct why *why) MUST_CHECK;

/* True for what may name a box, a peer, a link: 1 to 63 letters, digits, '-', '.', '_'. */
bool name_is_plain(struct bytes name);
