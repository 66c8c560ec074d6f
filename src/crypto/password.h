/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of passwords: Argon2id by libsodium, in its own text form (salt and cost inside).
 * Cost:    64 MiB and about a tenth of a second each: the caller bounds how often strangers may
 * ask. Memory:  64 MiB for the time of a call. */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

enum { PASSWORD_HASH_MAX = 128 }; /* with the terminator */

/* Once a process, before a sandbox is entered. */
enum err password_init(struct why *why) MUST_CHECK;

/* ERR_SYSTEM: no memory. out is then empty. */
enum err password_hash(
    struct bytes password, char out[PASSWORD_HASH_MAX], struct why *why) MUST_CHECK;

/* hash NULL: works as long as for a real one and says no, so that time does not tell which
 * accounts there are. */
bool password_matches(const char *hash, struct bytes password);
