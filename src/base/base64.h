/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 reading and writing.
 * Source: RFC 4648 4 and 5 (both alphabets); line ends and blanks inside are stepped over.
 * Total:  any bytes; base64_decode() stops at the first that does not belong, at '=' or where out
 * is full.
 */
#pragma once

#include "base/buf.h"
#include "base/bytes.h"

/* Decode into out; returns the bytes written (at most room). */
size_t base64_decode(struct bytes text, uint8_t *out, size_t room);

/* Standard alphabet with padding. */
void base64_encode(struct bytes data, struct buf *out);

/* Decode what base64_encode() writes and nothing else: the standard alphabet, whole groups of four,
 * padding where it belongs, unused bits zero. False (*n is 0) on anything else, or where out has
 * not the room. */
bool base64_decode_strict(struct bytes text, uint8_t *out, size_t room, size_t *n) MUST_CHECK;
