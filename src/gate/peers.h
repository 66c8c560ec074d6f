/* SPDX-License-Identifier: Apache-2.0 */
/* Whom this box trusts: one file a peer in the folder `gate/peers` of the data directory, PEM with
 * a few lines before it ("Subject: name", "Gateway: yes"). Removing the file ends the trust: the
 * gateway sees it within two seconds and ends the peer's connections.
 * Total: a file that cannot be read is ERR_INPUT and names itself; nothing is half taken. */
#pragma once

#include "gate/gate.h"

#define GATE_DIR       "gate"
#define GATE_PEERS_DIR "peers"
#define GATE_LINKS     "links.yaml" /* made by `gate pair`; settings of links only */

/* Open DATA/gate, made with mode 0700 (and peers below) where make is set. ERR_ABSENT: not there.
 */
enum err gate_dir_open(const char *data, bool make, int *fd, struct why *why) MUST_CHECK;

/* All peers, by name; at most GATE_PEERS_MAX into *out (malloc'ed, the caller's). */
enum err peers_load(int gate_dir, struct gate_peer **out, size_t *n, struct why *why) MUST_CHECK;
/* Write or replace one. */
enum err peers_save(int gate_dir, const struct gate_peer *p, struct why *why) MUST_CHECK;
enum err peers_remove(int gate_dir, const char *name, struct why *why) MUST_CHECK;
