/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a file as they were before gzip or zstd. Private to the capture room.
 * Total:  any bytes; damage in the wrapping is an error that names the offset in the wrapped file.
 */
#pragma once

#include <zlib.h>
#include <zstd.h>

#include "capture/file.h"

enum { SOURCE_IN_BYTES = 128 * 1024 };

struct source {
	int fd;
	enum capture_wrap wrap;
	bool fd_ended; /* the descriptor has no more */
	bool inside;   /* a gzip member or zstd frame is begun and not complete */
	uint64_t at;   /* bytes taken from the descriptor */
	uint8_t *in;   /* wrapped bytes not yet used: [in_from, in_to) */
	size_t in_from, in_to;
	z_stream z;
	ZSTD_DCtx *zstd;
};

/* Tell the wrapping by the first bytes. */
MUST_CHECK enum err source_open(struct source *s, int fd, struct why *why);
/* Up to `room` bytes. *n is 0 with ERR_OK at the end (*ended true), or where a descriptor that does
 * not block has nothing now. On an error *n bytes before the damage are still good. */
MUST_CHECK enum err source_read(
    struct source *s, uint8_t *out, size_t room, size_t *n, bool *ended, struct why *why);
void source_close(struct source *s);
