/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 reading.
 * Source: RFC 4648 4 and 5 (both alphabets); line ends and blanks inside are stepped over.
 * Total:  any bytes; reading stops at the first that does not belong, at '=' or where out is full.
 */
#pragma once

#include "base/bytes.h"

/* Decode into out; returns the bytes written (at most room). */
size_t base64_decode(struct bytes text, uint8_t *out, size_t room);
