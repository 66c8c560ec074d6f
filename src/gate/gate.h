/* SPDX-License-Identifier: Apache-2.0 */
/* The inline gateway: connections of links, relayed, inspected, judged and recorded.
 *
 *   client ==> listen side | unit borders -> policy | dial side ==> server
 *                          |   sense (parsers) -> events            |
 *
 * Bytes:   go out as they came in. Each unit's hash is taken where its bytes leave the descriptor
 *          and again where they enter the other; both are recorded (event `relay`).
 * Order:   of a direction is kept; what is read is written before it is inspected, except in mode
 *          block, where a unit is held until it is whole.
 * Memory:  a connection's buffers come from one budget. A side is not read while more than
 *          GATE_PAUSE_BYTES wait for the other: TCP pushes back to the sender.
 * Failure: where memory or judgement fails, the link's `unsure` decides: pass and alarm, or refuse.
 * TLS:     a listening side proves its peer before the other side is dialled.
 * Process: one loop, no files, no key; signatures come from gate_settings.sign. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/sip.h"
#include "gate/link.h"
#include "gate/status.h"
#include "sense/sense.h"
#include "sys/loop.h"

enum {
	GATE_READ_BYTES = 256 * 1024, /* of one side in one turn */
	GATE_PAUSE_BYTES = 256 * 1024,
	GATE_SETUP_S = 15,  /* connecting and handshake */
	GATE_LINGER_S = 30, /* for a peer to take what is left at the end */
	GATE_CERT_MAX = 3500,
};

/* Who may be trusted, by the name that links use. */
struct gate_peer {
	char name[GATE_NAME_MAX];
	char subject[GATE_NAME_MAX]; /* common name it must show; empty: any that the anchor issued
				      */
	uint16_t len;
	uint8_t is_gateway; /* devices stand behind it */
	uint8_t pad;
	uint8_t anchor[GATE_CERT_MAX]; /* DER */
};

struct gate_identity {
	struct bytes certificate, authority; /* DER */
};

struct gate_settings {
	struct loop *loop;
	struct sense *sense;
	struct sip_key key;
	size_t memory; /* bytes held for all connections */
	/* Signatures for TLS: see crypto/tls.h. */
	bool (*sign)(void *ctx, struct bytes digest, uint8_t *sig, size_t *len);
	void *ctx;
	struct gate_status *status; /* shared with readers; not NULL */
};

struct gate;

struct gate *gate_new(const struct gate_settings *s); /* NULL: no memory */

/* Take a new configuration: links by name keep their connections; connections of links or peers
 * that are gone are ended at once. listeners[i] is the listening descriptor of links[i] (taken over
 * in any case; -1: could not be opened, why_not tells it). identity: empty views where no link has
 * TLS. */
enum err gate_configure(struct gate *g, const struct gate_link *links, const int *listeners,
    size_t n_links, const struct gate_peer *peers, size_t n_peers,
    const struct gate_identity *identity, struct why *why) MUST_CHECK;

/* Another certificate of ours, from the next handshake on. */
enum err gate_renew(
    struct gate *g, const struct gate_identity *identity, struct why *why) MUST_CHECK;

/* About once a second: time-outs, status. choked: recording is behind, and links whose unsure is
 * refuse read no more. */
void gate_tick(struct gate *g, bool choked);

/* End every connection, tell their flows. */
void gate_free(struct gate *g);
