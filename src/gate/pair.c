/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate/inner.h"
#include "sys/fd.h"

static void on_side(void *ctx, uint32_t events);

static struct side *
other(struct side *s)
{
	return &s->pair->side[s->dir == dir_orig ? dir_resp : dir_orig];
}

/* --- what a side waits for --- */

static bool
may_read(const struct side *s, const struct side *o)
{
	const struct pair *p = s->pair;

	if (s->state != SIDE_OPEN || s->eof)
		return false;
	if (p->ending)
		return true; /* thrown away, until the peer ends too */
	if (p->gate->choked && p->link->set.unsure == GATE_REFUSE)
		return false;
	return o->state == SIDE_OPEN && !o->shut && side_waiting(o) < GATE_PAUSE_BYTES;
}

static void
arm(struct side *s)
{
	struct pair *p = s->pair;
	struct side *o = other(s);
	uint32_t events = 0;
	struct why why;

	if (s->fd == -1 || p->dead)
		return;
	switch (s->state) {
	case SIDE_CONNECT:
		events = EPOLLOUT;
		break;
	case SIDE_SHAKE:
		events = s->read_wants_write ? EPOLLOUT : EPOLLIN;
		break;
	case SIDE_OPEN:
		if (may_read(s, o)) {
			events = s->read_wants_write ? EPOLLOUT : EPOLLIN;
			if (s->more)
				events |= EPOLLOUT; /* bytes wait inside: come back at once */
		}
		if (side_waiting(s) > 0 || (s->shut_due && !s->shut))
			events |= s->write_wants_read ? EPOLLIN : EPOLLOUT;
		break;
	default:
		return;
	}
	if (s->watch == NULL) {
		/* Where nothing is awaited, nothing is watched: a peer that hangs up would call
		 * for ever. */
		if (events == 0)
			return;
		s->watch = loop_watch(p->gate->set.loop, s->fd, events, on_side, s, &why);
		if (s->watch == NULL)
			pair_fail(p, "fail", why.text);
		s->armed = events;
		return;
	}
	if (events == s->armed)
		return;
	if (loop_change(p->gate->set.loop, s->watch, events, &why) != ERR_OK)
		pair_fail(p, "fail", why.text);
	s->armed = events;
}

/* --- ends --- */

static void
leave(struct pair *p, enum name_value state, bool reset)
{
	struct gate *g = p->gate;

	if (p->dead)
		return;
	p->dead = true;
	if (p->stream != NULL) {
		stream_tell(p, &p->side[0]);
		stream_tell(p, &p->side[1]);
		sense_close(g->set.sense, p->stream, state, g->wall);
		p->stream = NULL;
	}
	for (int d = 0; d < 2; d++)
		side_close(&p->side[d], reset);
	p->link->open--;
	p->link->status->open = p->link->open;
}

void
pair_end(struct pair *p, enum name_value state)
{
	leave(p, state, false);
}

void
pair_reset(struct pair *p, enum name_value state)
{
	leave(p, state, true);
}

void
pair_fail(struct pair *p, const char *what, const char *reason)
{
	if (p->dead)
		return;
	p->link->status->failures++;
	gate_note(p, what, "", 0, reason);
	pair_reset(p, state_rejected);
}

void
pair_reap(struct gate *g)
{
	for (struct pair *p = g->pairs, *next; p != NULL; p = next) {
		next = p->next;
		if (!p->dead)
			continue;
		if (p->prev != NULL)
			p->prev->next = next;
		else
			g->pairs = next;
		if (next != NULL)
			next->prev = p->prev;
		budget_free(&g->budget, p, sizeof(*p));
	}
}

/* --- beginning --- */

static void
set_options(int fd)
{
	const struct {
		int level, name, value;
	} options[] = {{IPPROTO_TCP, TCP_NODELAY, 1}, {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, 60}, {IPPROTO_TCP, TCP_KEEPINTVL, 15},
	    {IPPROTO_TCP, TCP_KEEPCNT, 4}};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
		    sizeof(options[i].value));
}

static socklen_t
address_of(struct ip ip, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (ip_is_v4(ip)) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		memcpy(&four->sin_addr, ip.b + 12, 4);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	memcpy(&six->sin6_addr, ip.b, 16);
	return sizeof(*six);
}

static void
open_stream(struct pair *p)
{
	const struct gate_link *l = &p->link->set;
	struct gate *g = p->gate;
	struct sense_ends ends = {.ip = {p->ip[0], l->dial.ip},
	    .port = {p->port[0], l->dial.port},
	    .is_protected = l->listen.tls || l->dial.tls};

	for (int d = 0; d < 2; d++) {
		for (size_t i = 0; i < g->n_peers && p->side[d].peer[0] != 0; i++)
			ends.behind[d] |= strcmp(g->peers[i].name, p->side[d].peer) == 0 &&
					  g->peers[i].is_gateway;
	}
	p->stream = sense_open(g->set.sense, &ends, g->wall);
}

static void
server_trouble(struct pair *p, const char *text)
{
	char reason[192], ip[IP_TEXT_MAX];

	(void)ip_format(p->link->set.dial.ip, ip);
	(void)snprintf(reason, sizeof(reason), "the server %s port %u: %.100s", ip,
	    p->link->set.dial.port, text);
	p->link->status->server_down = 1;
	pair_fail(p, "fail", reason);
}

static void
begin_shake(struct side *s)
{
	struct link *l = s->pair->link;
	int which = s->dir == dir_orig ? 0 : 1;

	s->state = SIDE_SHAKE;
	if (l->context[which] == NULL || (s->tls = tls_new(l->context[which], s->fd)) == NULL)
		pair_fail(s->pair, "fail", "no TLS context: the keys role is not there");
}

static void
dial(struct pair *p)
{
	struct side *s = &p->side[dir_resp];
	struct sockaddr_storage a;
	socklen_t len = address_of(p->link->set.dial.ip, p->link->set.dial.port, &a);

	p->deadline_ns = p->gate->mono.ns + GATE_SETUP_S * NS_PER_S;
	s->fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd == -1) {
		pair_fail(p, "fail", strerror(errno));
		return;
	}
	set_options(s->fd);
	s->state = SIDE_CONNECT;
	if (connect(s->fd, (struct sockaddr *)&a, len) == -1 && errno != EINPROGRESS) {
		server_trouble(p, strerror(errno));
		return;
	}
	arm(s);
}

void
pair_accept(struct link *l, int fd, struct ip ip, uint16_t port)
{
	struct gate *g = l->gate;
	struct pair *p;

	l->status->total++;
	if (l->open >= l->set.connections || (p = budget_alloc(&g->budget, sizeof(*p))) == NULL) {
		struct linger now = {1, 0};

		l->status->failures++;
		link_note(l, "fail",
		    l->open >= l->set.connections ? "more connections than the link allows"
						  : "no memory for another connection");
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		fd_close(&fd);
		return;
	}
	p->gate = g;
	p->link = l;
	p->end_state = state_closed;
	p->ip[0] = ip;
	p->port[0] = port;
	p->ip[1] = l->set.dial.ip;
	p->port[1] = l->set.dial.port;
	for (int d = 0; d < 2; d++) {
		p->side[d].pair = p;
		p->side[d].dir = d == 0 ? dir_orig : dir_resp;
		p->side[d].fd = -1;
		sip_stream_begin(&p->side[d].out_hash, &g->set.key);
	}
	p->side[0].fd = fd;
	p->next = g->pairs;
	if (g->pairs != NULL)
		g->pairs->prev = p;
	g->pairs = p;
	l->status->open = ++l->open;
	p->deadline_ns = g->mono.ns + GATE_SETUP_S * NS_PER_S;
	set_options(fd);
	if (l->set.listen.tls) {
		begin_shake(&p->side[0]);
		if (!p->dead)
			arm(&p->side[0]);
		return;
	}
	p->side[0].state = SIDE_OPEN;
	dial(p);
}

/* --- progress --- */

static void
both_open(struct pair *p)
{
	if (p->side[0].state != SIDE_OPEN || p->side[1].state != SIDE_OPEN)
		return;
	p->deadline_ns = 0;
	p->link->status->server_down = 0;
	open_stream(p);
	if (p->link->set.listen.tls || p->link->set.dial.tls)
		gate_note(p, "open", "", 0, "");
}

static void
proved(struct side *s)
{
	struct pair *p = s->pair;
	struct tls_peer seen;
	struct why why;
	bool gateway;

	if (tls_peer(s->tls, &seen, &why) != ERR_OK ||
	    link_know(p->link, s->dir == dir_orig ? 0 : 1, &seen, s, &gateway, &why) != ERR_OK) {
		p->link->status->strangers++;
		pair_fail(p, "stranger", why.text);
		return;
	}
	(void)snprintf(p->link->status->peer, sizeof(p->link->status->peer), "%s", s->peer);
	(void)snprintf(
	    p->link->status->version, sizeof(p->link->status->version), "%s", seen.version);
	s->state = SIDE_OPEN;
	s->more = tls_has_pending(s->tls);
	if (s->dir == dir_orig)
		dial(p);
	else
		both_open(p);
}

static void
shake(struct side *s)
{
	struct why why = {0};

	switch (side_shake(s, &why)) {
	case SIDE_DONE:
		proved(s);
		break;
	case SIDE_WAIT:
		break;
	default:
		if (why.code == ERR_REFUSED)
			s->pair->link->status->strangers++;
		if (s->dir == dir_resp)
			server_trouble(s->pair, why.text);
		else
			pair_fail(s->pair, why.code == ERR_REFUSED ? "stranger" : "fail", why.text);
	}
}

static void
connected(struct side *s)
{
	struct pair *p = s->pair;
	socklen_t len = sizeof(int);
	int e = 0;

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &len) == -1 || e != 0) {
		server_trouble(p, strerror(e != 0 ? e : errno));
		return;
	}
	if (p->link->set.dial.tls) {
		begin_shake(s);
		if (!p->dead)
			shake(s);
		return;
	}
	s->state = SIDE_OPEN;
	both_open(p);
}

static void
broken(struct side *s, enum side_io io, const char *text)
{
	struct pair *p = s->pair;
	struct side *o = other(s);

	if (p->dead)
		return;
	if (io == SIDE_BROKEN) {
		pair_fail(p, "fail", text);
		return;
	}
	/* A reset: what came before it is still delivered, then the other side sees one too. */
	p->end_state = state_reset;
	if (o->state == SIDE_OPEN && side_waiting(o) > 0) {
		side_close(s, true);
		p->deadline_ns = p->gate->mono.ns + GATE_LINGER_S * NS_PER_S;
		return;
	}
	pair_reset(p, state_reset);
}

static void
read_side(struct side *s)
{
	struct pair *p = s->pair;
	struct gate *g = p->gate;
	struct why why = {0};
	enum side_io io;
	size_t got;

	if (!may_read(s, other(s)))
		return;
	io = side_read(s, g->scratch, GATE_READ_BYTES, &got, &why);
	if (got > 0 && !p->ending)
		stream_take(p, s->dir, bytes_of(g->scratch, got));
	if (p->dead || io == SIDE_DONE || io == SIDE_WAIT)
		return;
	if (io == SIDE_EOF) {
		s->eof = true;
		if (!p->ending)
			stream_over(p, s->dir);
		return;
	}
	broken(s, io, why.text);
}

static void
write_side(struct side *s)
{
	struct pair *p = s->pair;
	struct why why = {0};
	enum side_io io;

	if (s->state != SIDE_OPEN)
		return;
	io = side_drain(s, &why);
	stream_tell(p, s);
	if (io != SIDE_DONE && io != SIDE_WAIT)
		broken(s, io == SIDE_EOF ? SIDE_RESET : io, why.text);
}

/* Say the end where it is due; the pair is over when both sides said it, or one is gone. */
void
pair_progress(struct pair *p)
{
	bool over = true;

	for (int d = 0; d < 2 && !p->dead; d++) {
		struct side *s = &p->side[d];

		if (s->state == SIDE_OPEN && s->shut_due && !s->shut && side_waiting(s) == 0)
			(void)side_shut(s);
		if (s->state == SIDE_GONE)
			continue;
		if (p->side[!d].state == SIDE_GONE && !p->ending)
			over &= side_waiting(s) == 0;
		else
			over &= s->shut && (s->eof || s->state != SIDE_OPEN);
	}
	if (p->dead)
		return;
	if (over && (p->side[0].state == SIDE_OPEN || p->side[1].state == SIDE_OPEN)) {
		if (p->end_state == state_reset)
			pair_reset(p, state_reset);
		else
			pair_end(p, p->ending ? state_rejected : p->end_state);
		return;
	}
	arm(&p->side[0]);
	arm(&p->side[1]);
}

static void
on_side(void *ctx, uint32_t events)
{
	struct side *s = ctx;
	struct pair *p = s->pair;
	struct gate *g = p->gate;

	gate_now(g);
	switch (s->state) {
	case SIDE_CONNECT:
		connected(s);
		break;
	case SIDE_SHAKE:
		shake(s);
		break;
	case SIDE_OPEN:
		if (s->out.len > 0 || s->shut_due)
			write_side(s);
		if (!p->dead && s->state == SIDE_OPEN) {
			if (may_read(s, other(s))) {
				read_side(s);
			} else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
				if ((events & EPOLLERR) != 0) {
					broken(s, SIDE_RESET, "");
				} else if (s->watch != NULL) {
					loop_unwatch(g->set.loop, s->watch);
					s->watch = NULL;
					s->armed = 0;
				}
			}
		}
		/* What this side took may let the other be read; inside TLS bytes may wait. */
		if (!p->dead && other(s)->more)
			read_side(other(s));
		break;
	default:
		break;
	}
	if (!p->dead)
		pair_progress(p);
	if (p->dead)
		pair_reap(g);
}

void
pair_tick(struct pair *p)
{
	struct gate *g = p->gate;

	if (p->deadline_ns != 0 && g->mono.ns > p->deadline_ns) {
		if (p->ending || p->end_state == state_reset)
			pair_reset(p, p->ending ? state_rejected : state_reset);
		else if (p->side[0].state == SIDE_SHAKE)
			pair_fail(p, "fail", "the client did not finish its handshake in time");
		else
			server_trouble(p, "no answer in time");
		return;
	}
	pair_progress(p);
}
