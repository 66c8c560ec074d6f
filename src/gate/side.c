/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate/inner.h"
#include "sys/fd.h"

static enum side_io
plain_outcome(ssize_t n, struct why *why)
{
	if (n >= 0)
		return SIDE_DONE;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return SIDE_WAIT;
	(void)FAIL_SYS(why, "the connection");
	return errno == ECONNRESET || errno == EPIPE || errno == ETIMEDOUT ? SIDE_RESET
									   : SIDE_BROKEN;
}

static enum side_io
tls_outcome(enum tls_io io, bool *wants_other, enum tls_io other)
{
	*wants_other = io == other;
	switch (io) {
	case TLS_OK:
		return SIDE_DONE;
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
		return SIDE_WAIT;
	case TLS_END:
	case TLS_CUT: /* devices close without a word: what came is passed on as it is */
		return SIDE_EOF;
	case TLS_RESET:
		return SIDE_RESET;
	default:
		return SIDE_BROKEN;
	}
}

enum side_io
side_shake(struct side *s, struct why *why)
{
	enum tls_io io = tls_handshake(s->tls, why);

	s->read_wants_write = io == TLS_WANT_WRITE;
	return io == TLS_OK                                  ? SIDE_DONE
	       : io == TLS_WANT_READ || io == TLS_WANT_WRITE ? SIDE_WAIT
							     : SIDE_BROKEN;
}

enum side_io
side_read(struct side *s, uint8_t *to, size_t room, size_t *got, struct why *why)
{
	enum side_io io;
	ssize_t n;
	size_t k;

	*got = 0;
	if (s->tls == NULL) {
		n = recv(s->fd, to, room, 0);
		io = plain_outcome(n, why);
		*got = n > 0 ? (size_t)n : 0;
		return n == 0 ? SIDE_EOF : io;
	}
	do {
		io = tls_outcome(tls_read(s->tls, to + *got, room - *got, &k, why),
		    &s->read_wants_write, TLS_WANT_WRITE);
		*got += k;
	} while (io == SIDE_DONE && *got < room && tls_has_pending(s->tls));
	s->more = io == SIDE_DONE && tls_has_pending(s->tls);
	return io == SIDE_WAIT && *got > 0 ? SIDE_DONE : io;
}

/* The descriptor took n bytes of data: they belong to the units in passing[]. */
static void
count_written(struct side *s, struct bytes data)
{
	const struct sip_key *key = &s->pair->gate->set.key;

	for (unsigned i = 0; data.len > 0; i++) {
		struct passing *m = NULL;
		size_t n = data.len;

		while (i < s->n_passing && s->passing[(s->first + i) % PASSING_MAX].done)
			i++;
		if (i < s->n_passing) {
			m = &s->passing[(s->first + i) % PASSING_MAX];
			if (m->end - s->written < n)
				n = (size_t)(m->end - s->written);
		}
		if (m == NULL || !m->own)
			sip_stream_add(&s->out_hash, bytes_sub(data, 0, n));
		s->written += n;
		data = bytes_from(data, n);
		if (m == NULL || s->written < m->end)
			continue;
		m->done = true;
		m->done_ns = s->pair->gate->mono.ns;
		if (!m->own) {
			m->hash_out = sip_stream_end(&s->out_hash);
			sip_stream_begin(&s->out_hash, key);
		}
	}
}

static enum side_io
write_some(struct side *s, struct bytes data, size_t *put, struct why *why)
{
	enum side_io io = SIDE_DONE;
	ssize_t n;
	size_t k;

	*put = 0;
	while (io == SIDE_DONE && *put < data.len) {
		struct bytes rest = bytes_from(data, *put);

		if (s->tls != NULL) {
			io = tls_outcome(
			    tls_write(s->tls, rest, &k, why), &s->write_wants_read, TLS_WANT_READ);
		} else {
			n = send(s->fd, rest.ptr, rest.len, MSG_NOSIGNAL);
			io = plain_outcome(n, why);
			k = n > 0 ? (size_t)n : 0;
		}
		if (k > 0)
			count_written(s, bytes_sub(rest, 0, k));
		*put += k;
		if (k < rest.len && io == SIDE_DONE && s->tls == NULL)
			io = SIDE_WAIT; /* a short write: the socket is full */
	}
	return io;
}

size_t
side_waiting(const struct side *s)
{
	return s->out.len - s->out_at;
}

enum side_io
side_give(struct side *s, struct bytes data, struct why *why)
{
	enum side_io io;
	size_t put = 0;

	s->queued += data.len;
	if (side_waiting(s) == 0 && s->state == SIDE_OPEN) {
		io = write_some(s, data, &put, why);
		if (io != SIDE_DONE && io != SIDE_WAIT)
			return io;
	}
	data = bytes_from(data, put);
	if (data.len == 0)
		return SIDE_DONE;
	s->out.budget = &s->pair->gate->budget;
	buf_add(&s->out, data);
	if (s->out.cut) {
		(void)FAIL(why, ERR_LIMIT, "no memory for what waits to be sent");
		return SIDE_BROKEN;
	}
	return SIDE_WAIT;
}

enum side_io
side_drain(struct side *s, struct why *why)
{
	enum side_io io = SIDE_DONE;
	size_t put;

	if (side_waiting(s) > 0) {
		io = write_some(s, bytes_from(buf_bytes(&s->out), s->out_at), &put, why);
		s->out_at += put;
	}
	if (s->out_at == s->out.len && s->out.len > 0) {
		buf_free(&s->out);
		s->out_at = 0;
	}
	return io;
}

enum side_io
side_shut(struct side *s)
{
	bool ignored;

	if (s->tls != NULL && tls_outcome(tls_end(s->tls), &ignored, TLS_WANT_READ) == SIDE_WAIT)
		return SIDE_WAIT;
	(void)shutdown(s->fd, SHUT_WR);
	s->shut = true;
	return SIDE_DONE;
}

void
side_close(struct side *s, bool reset)
{
	struct linger now = {1, 0};

	if (s->watch != NULL)
		loop_unwatch(s->pair->gate->set.loop, s->watch);
	s->watch = NULL;
	s->armed = 0;
	if (s->fd != -1 && reset)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	tls_free(s->tls);
	s->tls = NULL;
	fd_close(&s->fd);
	buf_free(&s->out);
	s->out_at = 0;
	buf_free(&s->hold);
	s->state = SIDE_GONE;
}
