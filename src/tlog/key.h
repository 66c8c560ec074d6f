/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's signing key: the one place that holds it.
 * Today the store role keeps it; everything else asks through this header, so that another role
 * can hold it and answer over a socket without a change elsewhere.
 * Files:   keys/ledger.key, the 32 bytes of the secret (mode 0600).
 * Memory:  wiped when freed; excluded from dumps by the role's own settings. */
#pragma once

#include "ledger/note.h"

struct tlog_key;

#define TLOG_KEY_NAME "ledger.key"

/* keys_fd: the keys folder. make: a new secret where there is none. name: the origin it signs for;
 * empty: one made from the public key ("hemostat/" and 32 hex digits). ERR_ABSENT: no key there. */
enum err tlog_key_open(struct tlog_key **out, struct hasher *h, int keys_fd, bool make,
    struct bytes name, struct why *why) MUST_CHECK;
/* A new secret beside the old one, not yet in use. */
enum err tlog_key_next(struct tlog_key **out, struct hasher *h, int keys_fd, struct bytes name,
    struct why *why) MUST_CHECK;
/* Put the secret of tlog_key_next() in the place of the old one, which is then gone for ever. */
enum err tlog_key_promote(int keys_fd, struct why *why) MUST_CHECK;
void tlog_key_free(struct tlog_key *k);

/* The public side; the name lives as long as k. */
const struct note_key *tlog_key_public(const struct tlog_key *k);
/* Append the signature line over text. */
enum err tlog_key_sign(
    const struct tlog_key *k, struct bytes text, struct buf *out, struct why *why) MUST_CHECK;
