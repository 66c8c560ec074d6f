/* SPDX-License-Identifier: Apache-2.0 */
/* One TLS connection is one socket of the client and one end of a socket pair, and two small
 * buffers between them. Invariants:
 * 1. A buffer is filled only when it is empty, so that each side waits for the other.
 * 2. Nothing here looks at what is carried.
 * 3. A turn moves at most TURNS buffers, then others have theirs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "role/web.h"
#include "sys/clock.h"
#include "sys/fd.h"

enum { BUFFER_BYTES = 16 * 1024, TURNS = 16, ACCEPTS = 16, HANDSHAKE_S = 10 };

struct bridge {
	struct bridge *next;
	struct web_tls *t;
	int net, pair;
	struct watch *net_watch, *pair_watch;
	uint32_t net_wants, pair_wants;
	struct tls_conn *tls;
	uint8_t in[BUFFER_BYTES], out[BUFFER_BYTES];
	size_t in_at, in_len, out_at, out_len;
	bool spoke;    /* something came through TLS */
	bool ended_in; /* nothing more comes from the client */
	bool dead;
	struct mono last;
};

struct web_tls {
	struct loop *loop;
	int listener;
	struct watch *watch;
	struct tls_server *server;
	struct web_http *http;
	struct bridge *all;
	size_t n;
};

static void
drop(struct bridge *b)
{
	if (b->dead)
		return;
	b->dead = true;
	loop_unwatch(b->t->loop, b->net_watch);
	loop_unwatch(b->t->loop, b->pair_watch);
	tls_conn_free(b->tls);
	b->tls = NULL;
	fd_close(&b->net);
	fd_close(&b->pair);
	b->t->n--;
}

/* Client to server: one step. True: something moved. */
static bool
move_in(struct bridge *b, uint32_t *net, uint32_t *pair)
{
	ssize_t r;

	if (b->in_at == b->in_len && !b->ended_in) {
		enum tls_io io = tls_conn_read(b->tls, b->in, sizeof(b->in), &b->in_len);

		b->in_at = 0;
		if (io == TLS_IO_END) {
			b->ended_in = true;
			(void)shutdown(b->pair, SHUT_WR);
			return false;
		}
		*net |= io == TLS_IO_WANT_READ ? EPOLLIN : io == TLS_IO_WANT_WRITE ? EPOLLOUT : 0;
		if (io != TLS_IO_OK)
			return false;
		b->spoke = true;
	}
	if (b->in_at == b->in_len)
		return false;
	r = send(b->pair, b->in + b->in_at, b->in_len - b->in_at, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (r > 0)
		b->in_at += (size_t)r;
	else if (errno == EAGAIN || errno == EINTR)
		*pair |= EPOLLOUT;
	else
		drop(b);
	return r > 0;
}

/* Server to client. */
static bool
move_out(struct bridge *b, uint32_t *net, uint32_t *pair)
{
	enum tls_io io;
	size_t put;
	ssize_t r;

	if (b->out_at == b->out_len) {
		r = recv(b->pair, b->out, sizeof(b->out), MSG_DONTWAIT);
		b->out_at = b->out_len = 0;
		if (r == 0 || (r == -1 && errno != EAGAIN && errno != EINTR)) {
			drop(b);
			return false;
		}
		if (r == -1) {
			*pair |= EPOLLIN;
			return false;
		}
		b->out_len = (size_t)r;
	}
	io = tls_conn_write(b->tls, bytes_of(b->out + b->out_at, b->out_len - b->out_at), &put);
	b->out_at += put;
	if (io == TLS_IO_END)
		drop(b);
	*net |= io == TLS_IO_WANT_READ ? EPOLLIN : io == TLS_IO_WANT_WRITE ? EPOLLOUT : 0;
	return io == TLS_IO_OK;
}

static void
want(struct bridge *b, uint32_t net, uint32_t pair)
{
	struct why why;

	if (net != b->net_wants && loop_change(b->t->loop, b->net_watch, net, &why) != ERR_OK)
		drop(b);
	else if (pair != b->pair_wants &&
		 loop_change(b->t->loop, b->pair_watch, pair, &why) != ERR_OK)
		drop(b);
	b->net_wants = net;
	b->pair_wants = pair;
}

static void
pump(struct bridge *b)
{
	uint32_t net = 0, pair = 0;
	bool moved = true;

	for (unsigned turn = 0; turn < TURNS && moved && !b->dead; turn++) {
		net = pair = 0;
		moved = move_in(b, &net, &pair);
		if (!b->dead && (b->spoke || b->ended_in))
			moved |= move_out(b, &net, &pair);
		if (moved)
			b->last = mono_now();
	}
	if (b->dead)
		return;
	if (moved) { /* the turn is over, not the work */
		net |= EPOLLIN | EPOLLOUT;
		pair |= EPOLLIN;
	}
	want(b, net, pair);
}

static void
on_bridge(void *ctx, uint32_t events)
{
	struct bridge *b = ctx;

	/* A peer that is gone while nothing is asked of it would wake us for ever. */
	if ((events & (EPOLLERR | EPOLLHUP)) != 0 && b->ended_in)
		drop(b);
	if (!b->dead)
		pump(b);
	web_http_run(b->t->http);
}

static void
add(struct web_tls *t, int net, const struct sockaddr *from, socklen_t n)
{
	struct bridge *b = calloc(1, sizeof(*b));
	int pair[2] = {-1, -1};
	struct why why;

	if (b == NULL || t->n >= WEB_CONNECTIONS_MAX ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1) {
		fd_close(&net);
		free(b);
		return;
	}
	b->t = t;
	b->net = net;
	b->pair = pair[0];
	b->last = mono_now();
	b->next = t->all;
	t->all = b;
	t->n++;
	b->tls = tls_conn_new(t->server, net);
	b->net_wants = b->pair_wants = EPOLLIN;
	b->net_watch = loop_watch(t->loop, net, EPOLLIN, on_bridge, b, &why);
	b->pair_watch = loop_watch(t->loop, b->pair, EPOLLIN, on_bridge, b, &why);
	if (b->tls == NULL || b->net_watch == NULL || b->pair_watch == NULL)
		drop(b);
	if (!web_http_add(t->http, pair[1], from, n))
		drop(b);
}

static void
on_listener(void *ctx, uint32_t events)
{
	struct web_tls *t = ctx;

	(void)events;
	for (unsigned i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage from = {0};
		socklen_t n = sizeof(from);
		int fd = accept4(
		    t->listener, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd == -1)
			return;
		add(t, fd, (const struct sockaddr *)&from, n);
	}
}

enum err
web_tls_new(struct web_tls **out, struct loop *l, int listener, struct tls_server *server,
    struct web_http *h, struct why *why)
{
	struct web_tls *t = calloc(1, sizeof(*t));

	*out = t;
	if (t == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for connections");
	*t = (struct web_tls){.loop = l, .listener = listener, .server = server, .http = h};
	t->watch = loop_watch(l, listener, EPOLLIN, on_listener, t, why);
	return t->watch == NULL ? ERR_SYSTEM : ERR_OK;
}

static void
sweep(struct web_tls *t)
{
	struct bridge **at = &t->all;

	while (*at != NULL) {
		struct bridge *b = *at;

		if (b->dead) {
			*at = b->next;
			free(b);
		} else {
			at = &b->next;
		}
	}
}

void
web_tls_tick(struct web_tls *t)
{
	struct mono now = mono_now();

	for (struct bridge *b = t->all; b != NULL; b = b->next) {
		int64_t limit_s = b->spoke ? 2 * WEB_IDLE_S : HANDSHAKE_S;

		if (!b->dead && now.ns - b->last.ns > limit_s * NS_PER_S)
			drop(b);
	}
	/* Only here: no event of this turn can still point at what is freed. */
	sweep(t);
}

void
web_tls_free(struct web_tls *t)
{
	if (t == NULL)
		return;
	for (struct bridge *b = t->all; b != NULL; b = b->next)
		drop(b);
	sweep(t);
	free(t);
}
