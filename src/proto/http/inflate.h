/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded decompression of one body: gzip (RFC 1952), zlib or raw deflate (RFC 1950, 1951).
 * Memory: about 44 KiB from the budget, kept for the next body.
 * Limits: INFLATE_BYTES_MAX of output; INFLATE_RATIO_MAX times the input once past
 *         INFLATE_FREE_BYTES. Past them the rest is dropped: INFLATE_BOMB.
 * Total:  any bytes. */
#pragma once

#include "base/budget.h"
#include "base/bytes.h"

enum {
	INFLATE_BYTES_MAX = 64 << 20,
	INFLATE_FREE_BYTES = 1 << 20,
	INFLATE_RATIO_MAX = 200,
};

enum inflate_result { INFLATE_MORE, INFLATE_END, INFLATE_BAD, INFLATE_BOMB };

struct inflater;

struct inflater *inflater_new(struct budget *budget); /* NULL: no memory */
void inflater_begin(struct inflater *f);
/* Gives output to take() as it comes. After any result but MORE, bytes are ignored. */
enum inflate_result inflater_data(
    struct inflater *f, struct bytes in, void (*take)(void *ctx, struct bytes out), void *ctx);
void inflater_free(struct inflater *f);
