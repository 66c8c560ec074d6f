/* SPDX-License-Identifier: Apache-2.0 */
/* How two boxes come to trust each other: a short one-time code, typed by people, and one TCP
 * connection. The argument why this is safe stands in doc/gate.md.
 *   offerer -> joiner   magic, salt
 *   joiner  -> offerer  share A              (crypto/pake.h)
 *   offerer -> joiner   share B
 *   joiner  -> offerer  proof A              wrong: a try is used up
 *   offerer -> joiner   proof B, card B      card: name, TLS port, authority; under a MAC
 *   joiner  -> offerer  card A
 *   offerer -> joiner   "done"
 * Each message: u16 big endian length, bytes. Runs in a command, blocking, with time-outs.
 * Limits: PAIRING_TRIES wrong codes, PAIRING_STEP_S for each step. */
#pragma once

#include "gate/gate.h"

enum {
	PAIRING_PORT = 7741,
	PAIRING_TLS_PORT = 7700,
	PAIRING_TRIES = 3,
	PAIRING_STEP_S = 15,
	PAIRING_CODE_MAX = 16,
	PAIRING_CARD_MAX = GATE_CERT_MAX + 128,
};

/* What a box tells of itself. */
struct pairing_card {
	char name[GATE_NAME_MAX];
	uint16_t port; /* where its protected side listens; 0: it only dials */
	uint16_t len;
	uint8_t authority[GATE_CERT_MAX]; /* DER */
};

/* Nine random digits as people type them: "482-177-306". */
enum err pairing_code(char out[PAIRING_CODE_MAX], struct why *why) MUST_CHECK;

/* Talk over a connected descriptor. ERR_REFUSED: the codes differ. ERR_INPUT: not our protocol.
 * theirs is filled on ERR_OK only. */
enum err pairing_offer(int fd, struct bytes code, const struct pairing_card *ours,
    struct pairing_card *theirs, struct why *why) MUST_CHECK;
enum err pairing_join(int fd, struct bytes code, const struct pairing_card *ours,
    struct pairing_card *theirs, struct why *why) MUST_CHECK;
