/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/source.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { ZSTD_WINDOW_LOG_MAX = 27 }; /* 128 MiB, what the zstd program accepts without being asked */

/* read() that is never interrupted. -1 with EAGAIN stays. */
static ssize_t
read_fd(struct source *s, uint8_t *out, size_t room)
{
	ssize_t n;

	do
		n = read(s->fd, out, room);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		s->at += (uint64_t)n;
	if (n == 0)
		s->fd_ended = true;
	return n;
}

/* More wrapped bytes behind those that are left. ERR_OK with nothing new: would block or ended. */
static enum err
fill(struct source *s, struct why *why)
{
	ssize_t n;

	if (s->in_from > 0) {
		memmove(s->in, s->in + s->in_from, s->in_to - s->in_from);
		s->in_to -= s->in_from;
		s->in_from = 0;
	}
	if (s->in_to == SOURCE_IN_BYTES || s->fd_ended)
		return ERR_OK;
	n = read_fd(s, s->in + s->in_to, SOURCE_IN_BYTES - s->in_to);
	if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK)
		return FAIL_SYS(why, "read capture at byte offset %" PRIu64, s->at);
	if (n > 0)
		s->in_to += (size_t)n;
	return ERR_OK;
}

static enum err
open_wrap(struct source *s, struct why *why)
{
	static const uint8_t gzip[3] = {0x1f, 0x8b, 8}, zstd[4] = {0x28, 0xb5, 0x2f, 0xfd};

	if (s->in_to >= sizeof(gzip) && memcmp(s->in, gzip, sizeof(gzip)) == 0) {
		if (inflateInit2(&s->z, 15 + 16) != Z_OK)
			return FAIL(why, ERR_SYSTEM, "no memory for gzip");
		s->wrap = CAPTURE_GZIP;
	} else if (s->in_to >= sizeof(zstd) && memcmp(s->in, zstd, sizeof(zstd)) == 0) {
		if ((s->zstd = ZSTD_createDCtx()) == NULL ||
		    ZSTD_isError(
			ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX)))
			return FAIL(why, ERR_SYSTEM, "no memory for zstd");
		s->wrap = CAPTURE_ZSTD;
	}
	return ERR_OK;
}

enum err
source_open(struct source *s, int fd, struct why *why)
{
	enum err e = ERR_OK;

	*s = (struct source){.fd = fd};
	if ((s->in = malloc(SOURCE_IN_BYTES)) == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for a capture buffer");
	while (s->in_to < 4 && !s->fd_ended && e == ERR_OK) {
		size_t had = s->in_to;

		e = fill(s, why);
		if (e == ERR_OK && s->in_to == had && !s->fd_ended)
			(void)poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
	}
	if (e == ERR_OK)
		e = open_wrap(s, why);
	if (e != ERR_OK)
		source_close(s);
	return e;
}

static enum err
read_plain(struct source *s, uint8_t *out, size_t room, size_t *n, struct why *why)
{
	size_t left = s->in_to - s->in_from;
	ssize_t got;

	if (left > 0) { /* what was read to tell the wrapping */
		*n = left < room ? left : room;
		memcpy(out, s->in + s->in_from, *n);
		s->in_from += *n;
		return ERR_OK;
	}
	if (s->fd_ended)
		return ERR_OK;
	got = read_fd(s, out, room);
	if (got == -1 && errno != EAGAIN && errno != EWOULDBLOCK)
		return FAIL_SYS(why, "read capture at byte offset %" PRIu64, s->at);
	*n = got > 0 ? (size_t)got : 0;
	return ERR_OK;
}

static enum err
damaged(const struct source *s, const char *kind, const char *what, struct why *why)
{
	return FAIL(why, ERR_INPUT, "%s data damaged before byte offset %" PRIu64 ": %s", kind,
	    s->at - (s->in_to - s->in_from), what);
}

static enum err
step_gzip(struct source *s, uint8_t *out, size_t room, size_t *n, struct why *why)
{
	int r;

	if (!s->inside && s->z.total_in > 0) {
		/* RFC 1952 2.2: another member may follow. gzip(1) leaves zeros after the last of
		 * a file on tape alone. */
		if (s->in[s->in_from] == 0) {
			s->in_from = s->in_to;
			return ERR_OK;
		}
		if (inflateReset(&s->z) != Z_OK)
			return FAIL(why, ERR_SYSTEM, "gzip cannot start again");
	}
	s->z.next_in = s->in + s->in_from;
	s->z.avail_in = (uInt)(s->in_to - s->in_from);
	s->z.next_out = out;
	s->z.avail_out = room > UINT32_MAX ? UINT32_MAX : (uInt)room;
	r = inflate(&s->z, Z_NO_FLUSH);
	*n = (size_t)(s->z.next_out - out);
	s->in_from = s->in_to - s->z.avail_in;
	s->inside = r != Z_STREAM_END;
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return damaged(s, "gzip", s->z.msg == NULL ? "unknown" : s->z.msg, why);
	return ERR_OK;
}

static enum err
step_zstd(struct source *s, uint8_t *out, size_t room, size_t *n, struct why *why)
{
	ZSTD_inBuffer i = {s->in, s->in_to, s->in_from};
	ZSTD_outBuffer o = {out, room, 0};
	size_t r = ZSTD_decompressStream(s->zstd, &o, &i);

	s->in_from = i.pos;
	*n = o.pos;
	if (ZSTD_isError(r))
		return damaged(s, "zstd", ZSTD_getErrorName(r), why);
	s->inside = r != 0;
	return ERR_OK;
}

static enum err
read_wrapped(struct source *s, uint8_t *out, size_t room, size_t *n, struct why *why)
{
	enum err e = ERR_OK;

	while (*n == 0 && e == ERR_OK) {
		size_t had = s->in_to - s->in_from;

		/* A decoder may hold output for which there was no room: ask it first. */
		if (had > 0 || s->inside)
			e = s->wrap == CAPTURE_GZIP ? step_gzip(s, out, room, n, why)
						    : step_zstd(s, out, room, n, why);
		if (*n > 0 || e != ERR_OK)
			break;
		had = s->in_to - s->in_from;
		e = fill(s, why);
		if (e != ERR_OK || s->in_to - s->in_from > had)
			continue;
		if (s->fd_ended && s->inside)
			return FAIL(why, ERR_INPUT,
			    "compressed data breaks off at byte offset %" PRIu64, s->at);
		break;
	}
	return e;
}

enum err
source_read(struct source *s, uint8_t *out, size_t room, size_t *n, bool *ended, struct why *why)
{
	enum err e;

	*n = 0;
	e = s->wrap == CAPTURE_PLAIN ? read_plain(s, out, room, n, why)
				     : read_wrapped(s, out, room, n, why);
	*ended = e == ERR_OK && *n == 0 && s->fd_ended;
	return e;
}

void
source_close(struct source *s)
{
	if (s->wrap == CAPTURE_GZIP)
		(void)inflateEnd(&s->z);
	(void)ZSTD_freeDCtx(s->zstd);
	free(s->in);
	s->in = NULL;
	s->zstd = NULL;
	s->wrap = CAPTURE_PLAIN;
}
