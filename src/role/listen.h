/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets, opened by the parent only. */
#pragma once

#include "base/err.h"

/* "127.0.0.1:8443" or "[::1]:8443". ERR_USAGE: not such a text. ERR_SYSTEM: why says what to do. */
enum err listen_open(const char *address, int *fd, struct why *why) MUST_CHECK;
