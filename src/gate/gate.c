/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/gate.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate/inner.h"
#include "sys/clock.h"
#include "sys/fd.h"

enum { ACCEPTS_A_TURN = 16, NOTES_A_SECOND = 50 };

#define MEMORY_DEFAULT ((size_t)256 << 20)

void
gate_now(struct gate *g)
{
	g->wall = wall_now();
	g->mono = mono_now();
}

/* --- telling --- */

static bool
is_trouble(const char *what)
{
	return strcmp(what, "open") != 0 && strcmp(what, "certificate") != 0;
}

static bool
too_often(struct link *l)
{
	int64_t s = l->gate->mono.ns / NS_PER_S;

	if (s != l->told_s) {
		l->told_s = s;
		l->told = 0;
	}
	if (++l->told <= NOTES_A_SECOND)
		return false;
	l->untold++;
	return true;
}

static void
tell(struct link *l, const struct pair *p, const char *what, const char *type, uint64_t size,
    const char *reason)
{
	struct gate *g = l->gate;
	struct event_head head = {.time = g->wall};
	struct ev_gate e = {.name = bytes_str(l->set.name),
	    .what = bytes_str(what),
	    .type = bytes_str(type),
	    .reason = bytes_str(reason),
	    .version = l->set.listen.tls || l->set.dial.tls ? bytes_str(l->status->version)
							    : (struct bytes){NULL, 0},
	    .server = l->set.dial.ip,
	    .size = size,
	    .count = 1};

	if (is_trouble(what)) {
		(void)snprintf(
		    l->status->trouble, sizeof(l->status->trouble), "%s: %s", what, reason);
		l->status->trouble_ns = g->wall.ns;
	}
	if (too_often(l))
		return;
	e.count += l->untold;
	l->untold = 0;
	if (p != NULL) {
		e.client = p->ip[0];
		e.peer = bytes_str(p->side[0].peer[0] != 0 ? p->side[0].peer : p->side[1].peer);
		if (p->stream != NULL) {
			head.flow = sense_flow(p->stream);
			head.link = sense_link(p->stream);
		}
	}
	sense_tell(g->set.sense, EV_gate, &head, &e);
}

void
gate_note(struct pair *p, const char *what, const char *type, uint64_t size, const char *reason)
{
	tell(p->link, p, what, type, size, reason);
}

void
link_note(struct link *l, const char *what, const char *reason)
{
	tell(l, NULL, what, "", 0, reason);
}

/* --- trust --- */

static uint64_t
trust_of(const struct gate *g, const struct gate_peer *p)
{
	return sip64(&g->set.key, bytes_of(p->anchor, p->len)) ^
	       sip64(&g->set.key, bytes_str(p->subject)) * 3 ^
	       sip64(&g->set.key, bytes_str(p->name)) * 5;
}

static bool
is_allowed(const struct gate_end *e, const char *name)
{
	for (size_t i = 0; i < e->n_peers; i++) {
		if (strcmp(e->peers[i], name) == 0)
			return true;
	}
	return false;
}

enum err
link_know(struct link *l, int which, const struct tls_peer *seen, struct side *s, bool *is_gateway,
    struct why *why)
{
	const struct gate_end *e = which == 0 ? &l->set.listen : &l->set.dial;
	const struct gate *g = l->gate;
	const struct gate_peer *anchor = &g->peers[l->anchor_of[which][seen->anchor]];

	for (size_t i = 0; i < g->n_peers; i++) {
		const struct gate_peer *p = &g->peers[i];

		if (!is_allowed(e, p->name) || p->len != anchor->len ||
		    memcmp(p->anchor, anchor->anchor, p->len) != 0 ||
		    (p->subject[0] != 0 && strcmp(p->subject, seen->name) != 0))
			continue;
		memcpy(s->peer, p->name, sizeof(s->peer));
		s->trust = trust_of(g, p);
		*is_gateway = p->is_gateway != 0;
		return ERR_OK;
	}
	return FAIL(why, ERR_REFUSED, "%.60s holds a certificate but is not a peer of this link",
	    seen->name);
}

bool
link_trusts(const struct gate *g, const struct link *l, int which, uint64_t trust)
{
	const struct gate_end *e = which == 0 ? &l->set.listen : &l->set.dial;

	for (size_t i = 0; i < g->n_peers; i++) {
		if (is_allowed(e, g->peers[i].name) && trust_of(g, &g->peers[i]) == trust)
			return true;
	}
	return false;
}

static enum err
make_context(struct link *l, int which, const struct gate_identity *identity, struct why *why)
{
	const struct gate_end *e = which == 0 ? &l->set.listen : &l->set.dial;
	struct gate *g = l->gate;
	struct bytes anchors[TLS_ANCHORS_MAX];
	struct tls_context *c = NULL;
	size_t n = 0;
	enum err r;

	for (size_t i = 0; i < g->n_peers && n < TLS_ANCHORS_MAX; i++) {
		bool known = false;

		if (!is_allowed(e, g->peers[i].name))
			continue;
		for (size_t k = 0; k < n; k++)
			known |=
			    bytes_eq(anchors[k], bytes_of(g->peers[i].anchor, g->peers[i].len));
		if (known)
			continue;
		l->anchor_of[which][n] = (uint16_t)i;
		anchors[n++] = bytes_of(g->peers[i].anchor, g->peers[i].len);
	}
	if ((r = tls_context_new(&c,
		 &(struct tls_spec){.role = which == 0 ? TLS_SERVER : TLS_CLIENT,
		     .old = e->old_tls,
		     .certificate = identity->certificate,
		     .authority = identity->authority,
		     .anchors = anchors,
		     .n_anchors = n,
		     .sign = g->set.sign,
		     .ctx = g->set.ctx},
		 why)) != ERR_OK)
		return r;
	tls_context_free(l->context[which]);
	l->context[which] = c;
	return ERR_OK;
}

static enum err
make_contexts(struct link *l, const struct gate_identity *identity, struct why *why)
{
	enum err e;

	for (int which = 0; which < 2; which++) {
		const struct gate_end *end = which == 0 ? &l->set.listen : &l->set.dial;

		if (!end->tls || identity->certificate.len == 0) {
			tls_context_free(l->context[which]);
			l->context[which] = NULL;
		} else if ((e = make_context(l, which, identity, why)) != ERR_OK) {
			return e;
		}
	}
	return ERR_OK;
}

/* --- accepting --- */

static void
on_listener(void *ctx, uint32_t events)
{
	struct link *l = ctx;

	(void)events;
	gate_now(l->gate);
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage a = {0};
		socklen_t len = sizeof(a);
		const struct sockaddr_in *four = (const struct sockaddr_in *)&a;
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a;
		int fd =
		    accept4(l->listener, (struct sockaddr *)&a, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct ip ip;

		if (fd == -1)
			return;
		ip = a.ss_family == AF_INET ? ip_from_v4((const uint8_t *)&four->sin_addr)
					    : ip_from_v6((const uint8_t *)&six->sin6_addr);
		pair_accept(
		    l, fd, ip, ntohs(a.ss_family == AF_INET ? four->sin_port : six->sin6_port));
	}
}

/* --- configuration --- */

static struct link *
link_named(struct gate *g, const char *name)
{
	for (size_t i = 0; i < g->n_links; i++) {
		if (strcmp(g->links[i]->set.name, name) == 0)
			return g->links[i];
	}
	return NULL;
}

static void
stop_listening(struct link *l)
{
	if (l->watch != NULL)
		loop_unwatch(l->gate->set.loop, l->watch);
	l->watch = NULL;
	fd_close(&l->listener);
}

static enum err
take_link(struct gate *g, const struct gate_link *set, int listener,
    const struct gate_identity *identity, struct why *why)
{
	struct link *l = link_named(g, set->name);

	if (l == NULL) {
		if (g->n_links == GATE_LINKS_MAX || (l = calloc(1, sizeof(*l))) == NULL) {
			fd_close(&listener);
			return FAIL(why, ERR_LIMIT, "no room for link %s", set->name);
		}
		l->gate = g;
		l->listener = -1;
		g->links[g->n_links++] = l;
	}
	stop_listening(l);
	l->set = *set;
	l->listener = listener;
	l->used = true;
	if (listener != -1 &&
	    (l->watch = loop_watch(g->set.loop, listener, EPOLLIN, on_listener, l, why)) == NULL)
		return ERR_SYSTEM;
	return make_contexts(l, identity, why);
}

static void
drop_link(struct gate *g, size_t at)
{
	struct link *l = g->links[at];

	stop_listening(l);
	tls_context_free(l->context[0]);
	tls_context_free(l->context[1]);
	free(l);
	g->links[at] = g->links[--g->n_links];
}

/* Lines of the status follow the links' order. */
static void
place_status(struct gate *g)
{
	struct gate_link_status *old = calloc(GATE_LINKS_MAX, sizeof(*old));
	struct gate_status *st = g->set.status;
	size_t n = st->n_links < GATE_LINKS_MAX ? st->n_links : GATE_LINKS_MAX;

	if (old != NULL)
		memcpy(old, st->links, n * sizeof(*old));
	memset(st->links, 0, sizeof(st->links));
	for (size_t i = 0; i < g->n_links; i++) {
		struct gate_link_status *s = &st->links[i];

		for (size_t k = 0; old != NULL && k < n; k++) {
			if (strcmp(old[k].name, g->links[i]->set.name) == 0)
				*s = old[k];
		}
		memcpy(s->name, g->links[i]->set.name, sizeof(s->name));
		s->listening = g->links[i]->listener != -1;
		s->tls[0] = g->links[i]->set.listen.tls;
		s->tls[1] = g->links[i]->set.dial.tls;
		g->links[i]->status = s;
	}
	st->n_links = g->n_links;
	free(old);
}

/* Links and peers that are gone take their connections with them, now. */
static void
end_untrusted(struct gate *g)
{
	for (struct pair *p = g->pairs; p != NULL; p = p->next) {
		bool stays = p->link->used;

		for (int d = 0; d < 2; d++)
			stays &=
			    p->side[d].trust == 0 || link_trusts(g, p->link, d, p->side[d].trust);
		if (p->dead || stays)
			continue;
		gate_note(p, "revoked", "", 0,
		    p->link->used ? "the peer is not trusted any more; its connection was ended"
				  : "the link was removed; its connections were ended");
		pair_reset(p, state_reset);
	}
	pair_reap(g);
}

enum err
gate_configure(struct gate *g, const struct gate_link *links, const int *listeners, size_t n_links,
    const struct gate_peer *peers, size_t n_peers, const struct gate_identity *identity,
    struct why *why)
{
	struct gate_peer *copy = calloc(n_peers + 1, sizeof(*copy));
	enum err e = ERR_OK;

	gate_now(g);
	if (copy == NULL)
		e = FAIL(why, ERR_SYSTEM, "no memory for peers");
	else if (n_peers > 0)
		memcpy(copy, peers, n_peers * sizeof(*copy));
	if (e == ERR_OK) {
		free(g->peers);
		g->peers = copy;
		g->n_peers = n_peers;
	}
	for (size_t i = 0; i < g->n_links; i++)
		g->links[i]->used = false;
	for (size_t i = 0; i < n_links; i++) {
		int fd = listeners[i];

		if (e == ERR_OK)
			e = take_link(g, &links[i], fd, identity, why);
		else
			fd_close(&fd);
	}
	if (e != ERR_OK)
		return e;
	end_untrusted(g);
	for (size_t i = g->n_links; i-- > 0;) {
		if (!g->links[i]->used)
			drop_link(g, i);
	}
	place_status(g);
	return ERR_OK;
}

enum err
gate_renew(struct gate *g, const struct gate_identity *identity, struct why *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < g->n_links && e == ERR_OK; i++) {
		e = make_contexts(g->links[i], identity, why);
		if (e == ERR_OK && (g->links[i]->context[0] || g->links[i]->context[1]))
			link_note(g->links[i], "certificate", "");
	}
	return e;
}

/* --- life --- */

struct gate *
gate_new(const struct gate_settings *s)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (g == NULL || (g->scratch = malloc(GATE_READ_BYTES)) == NULL) {
		free(g);
		return NULL;
	}
	g->set = *s;
	g->budget.cap = s->memory != 0 ? s->memory : MEMORY_DEFAULT;
	g->set.status->magic = GATE_STATUS_MAGIC;
	g->set.status->pid = (uint64_t)getpid();
	gate_now(g);
	return g;
}

void
gate_tick(struct gate *g, bool choked)
{
	gate_now(g);
	g->choked = choked;
	for (struct pair *p = g->pairs; p != NULL; p = p->next) {
		if (!p->dead)
			pair_tick(p);
	}
	pair_reap(g);
	g->set.status->memory = g->budget.used;
	g->set.status->memory_high = g->budget.high;
	g->set.status->alive_ns = g->wall.ns;
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	gate_now(g);
	for (struct pair *p = g->pairs; p != NULL; p = p->next)
		pair_end(p, state_closed);
	pair_reap(g);
	while (g->n_links > 0)
		drop_link(g, g->n_links - 1);
	free(g->peers);
	buf_free(&g->answers);
	free(g->scratch);
	free(g);
}
