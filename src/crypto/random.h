/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes and the wiping of secrets.
 * Source: OpenSSL's private generator, seeded by the operating system. */
#pragma once

#include "base/err.h"

#include <stddef.h>

/* n random bytes fit for keys. ERR_SYSTEM: the generator has no entropy; out is then all zero and
 * must not be used. */
enum err crypto_random(void *out, size_t n, struct why *why) MUST_CHECK;

/* Overwrite n bytes in a way that the compiler keeps. p may be NULL with n == 0. */
void crypto_wipe(void *p, size_t n);
