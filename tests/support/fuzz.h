/* SPDX-License-Identifier: Apache-2.0 */
/* One body for the fuzz targets of protocols: bytes become a conversation.
 * Input: first byte 'S': pieces of a stream, each u8 flags (bit 0: responder, bit 1: a hole of
 *        7 bytes before it), u16 length (big endian), bytes. 'D': a datagram: u8 direction, u16
 *        source port, u16 destination port, payload. Anything else: a file for decode(). */
#pragma once

#include "proto/proto.h"

/* What every fuzz target defines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Probes, feeds, ends and closes; asserts that all memory came back. Returns 0. */
int fuzz_protocol(const struct protocol *p, const uint8_t *data, size_t size);
