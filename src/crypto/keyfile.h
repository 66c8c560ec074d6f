/* SPDX-License-Identifier: Apache-2.0 */
/* Symmetric keys kept in files of their own: raw bytes, mode 0600, owned by who runs us.
 * Output: a key file appears whole or not at all (written beside its name, synced, then linked);
 *         of two programs that make the same key at one time, both end with the same bytes.
 * Total:  a file that is a link, has another length, is open to other users, or belongs to someone
 *         else (root excepted) is refused, never repaired. */
#pragma once

#include <stdint.h>

#include "base/err.h"

#include <stddef.h>

enum { KEY_FILE_MAX = 64 }; /* bytes of one key */

/* Read the key of n bytes (1..KEY_FILE_MAX) in file `name` (no slash) of folder dir_fd.
 * ERR_ABSENT: no such file. ERR_REFUSED: open to others, or not ours. ERR_INPUT: not n bytes.
 * ERR_SYSTEM: cannot be read. On any error out is all zero. The caller wipes out after use. */
enum err key_file_load(
    int dir_fd, const char *name, uint8_t *out, size_t n, struct why *why) MUST_CHECK;

/* The same, after making the file from random bytes where there is none. */
enum err key_file_ensure(
    int dir_fd, const char *name, uint8_t *out, size_t n, struct why *why) MUST_CHECK;
