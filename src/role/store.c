/* SPDX-License-Identifier: Apache-2.0 */
/* Role store: events of the sensors to the brain and so to the disk; what people ask for.
 * Descriptors: 3 the socket to the parent. Pipes of sensors and clients of the control socket come
 * over it.
 * A sensor is hostile: a message out of the table, or an event that is none, ends its pipe and is
 * recorded; what came before stays. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "role/role.h"
#include "role/summary.h"
#include "settings/settings.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/loop.h"
#include "sys/sandbox.h"

enum { FD_PARENT = 3 };
enum { STATUS_INPUT = 3, STATUS_SYSTEM = 4 };
enum {
	PIPES_MAX = 256,
	CLIENTS_MAX = 32,
	COMMIT_LIVE_MS = 250,
	COMMIT_FILE_MS = 1000,
	RETAIN_MS = 60000,
	DURABLE_LIVE_MS = 1000,
	DURABLE_FILE_MS = 10000,
	ALIVE_EVERY_S = 300
};

struct role;

struct pipe_end {
	struct role *r;
	int fd; /* -1: free */
	struct watch *watch;
	struct ipc_reader in;
	uint32_t source, sensor;
	bool live;
	bool done; /* its DONE came */
	char name[128];
	struct ipc_stats stats; /* the latest */
};

struct client {
	struct role *r;
	int fd; /* -1: free */
	struct watch *watch;
};

struct role {
	struct loop *loop;
	struct ipc_open open;
	bool ctl_running;
	struct store_dir *dir;
	struct store *store;
	struct tlog *ledger;
	struct brain *brain;
	struct settings settings;
	struct pipe_end pipes[PIPES_MAX];
	struct client clients[CLIENTS_MAX];
	struct ipc_stats ended; /* of sensors that are gone */
	struct mono started;
	bool finish;
	bool waiting;  /* something was taken since the last commit */
	bool unsynced; /* a commit since the last durable one */
	struct mono synced, alive;
	enum err failed;
	struct why why;
};

static void
fail(struct role *r, enum err e, const struct why *why)
{
	if (r->failed == ERR_OK) {
		r->failed = e;
		r->why = *why;
	}
	loop_stop(r->loop);
}

static void
commit(struct role *r, enum store_durability how)
{
	struct why why;
	enum err e;

	if (!r->waiting)
		return;
	r->waiting = false;
	if ((e = brain_commit(r->brain, how, &why)) != ERR_OK)
		fail(r, e, &why);
}

static void
tell_capture(struct role *r, const struct pipe_end *p, const char *what, const char *detail)
{
	struct event_head head = {.time = wall_now(), .source = p->source};
	struct ev_capture c = {.what = bytes_str(what),
	    .name = bytes_str(p->name),
	    .packets = p->stats.packets,
	    .bytes = p->stats.bytes,
	    .dropped = p->stats.dropped,
	    .flows = p->stats.flows,
	    .detail = bytes_str(detail)};
	struct why why;
	enum err e;

	if ((e = brain_tell(r->brain, EV_capture, &head, &c, &why)) != ERR_OK)
		fail(r, e, &why);
	r->waiting = true;
}

static void
tell_process(
    struct role *r, const char *role, const char *what, uint64_t status, const char *detail)
{
	struct event_head head = {.time = wall_now()};
	struct ev_process p = {.role = bytes_str(role),
	    .what = bytes_str(what),
	    .status = status,
	    .detail = bytes_str(detail)};
	struct why why;
	enum err e;

	if ((e = brain_tell(r->brain, EV_process, &head, &p, &why)) != ERR_OK)
		fail(r, e, &why);
	r->waiting = true;
}

/* --- sensors --- */

static void
add_stats(struct ipc_stats *sum, const struct ipc_stats *s)
{
	sum->packets += s->packets;
	sum->bytes += s->bytes;
	sum->dropped += s->dropped;
	sum->flows += s->flows;
	sum->live_flows += s->live_flows;
	if (s->memory_high > sum->memory_high)
		sum->memory_high = s->memory_high;
	for (size_t u = 0; u < UNIT_COUNT; u++)
		sum->units[u] += s->units[u];
}

static size_t
open_pipes(const struct role *r)
{
	size_t n = 0;

	for (size_t i = 0; i < PIPES_MAX; i++)
		n += r->pipes[i].fd != -1;
	return n;
}

/* Sensors that share one file all read every packet: it is counted once. */
static bool
counts_packets(const struct pipe_end *p)
{
	return p->live || p->sensor == 0;
}

static void
drop_pipe(struct role *r, struct pipe_end *p)
{
	loop_unwatch(r->loop, p->watch);
	fd_close(&p->fd);
	buf_free(&p->in.in);
	if (!p->done)
		tell_capture(r, p, "fail", "the sensor ended before it said so");
	if (!counts_packets(p))
		p->stats.packets = p->stats.bytes = 0;
	add_stats(&r->ended, &p->stats);
	if (r->finish && open_pipes(r) == 0)
		loop_stop(r->loop);
}

static enum err
take_message(struct role *r, struct pipe_end *p, const struct ipc_message *m, struct why *why)
{
	struct bytes records = m->payload;
	struct ipc_done done;
	enum err e = ERR_OK;

	switch (m->type) {
	case IPC_UP_events:
		r->waiting = true;
		while (e == ERR_OK && records.len > 0)
			e = brain_take(r->brain, &records, why);
		return e;
	case IPC_UP_stats:
		memcpy(&p->stats, m->payload.ptr, sizeof(p->stats));
		return ERR_OK;
	case IPC_UP_done:
		memcpy(&done, m->payload.ptr, sizeof(done));
		done.text[sizeof(done.text) - 1] = 0;
		p->done = true;
		tell_capture(r, p, done.code == ERR_OK ? "stop" : "fail", done.text);
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

static void
on_pipe(void *ctx, uint32_t events)
{
	struct pipe_end *p = ctx;
	struct role *r = p->r;
	struct ipc_message m;
	struct why why = {0};
	size_t at = 0;
	enum err e;

	(void)events;
	if ((e = ipc_fill(&p->in, p->fd, &why)) != ERR_OK) {
		drop_pipe(r, p);
		return;
	}
	while ((e = ipc_next(&p->in, &at, &m, &why)) == ERR_OK) {
		if ((e = take_message(r, p, &m, &why)) != ERR_OK)
			break;
	}
	if (e == ERR_INPUT) {
		tell_process(r, "sensor", "refused", p->sensor, why.text);
		role_say("store", "%s: %s; this sensor is not heard any more", p->name, why.text);
		drop_pipe(r, p);
		return;
	}
	if (e != ERR_LIMIT) {
		fail(r, e, &why);
		return;
	}
	ipc_compact(&p->in, at);
	if (brain_wants_commit(r->brain))
		commit(r, STORE_FAST);
}

static enum err
attach(struct role *r, const struct ipc_packet *packet, struct why *why)
{
	struct ipc_attached answer;
	struct ipc_attach m;
	struct pipe_end *p = NULL;
	uint64_t number;
	enum err e;
	bool new;

	memcpy(&m, packet->payload.ptr, sizeof(m));
	m.name[sizeof(m.name) - 1] = 0;
	for (size_t i = 0; i < PIPES_MAX && p == NULL; i++) {
		if (r->pipes[i].fd == -1)
			p = &r->pipes[i];
	}
	if (p == NULL || packet->fd == -1)
		return FAIL(why, ERR_LIMIT, "no place for another sensor");
	new = m.source == 0;
	if (new) {
		if ((e = store_source_new(r->store,
			 m.gate   ? BYTES("gate")
			 : m.live ? BYTES("interface")
				  : BYTES("file"),
			 bytes_str(m.name), &number, why)) != ERR_OK)
			return e;
		m.source = (uint32_t)number;
	}
	*p = (struct pipe_end){.r = r,
	    .fd = packet->fd,
	    .in = {.direction = IPC_UP},
	    .source = m.source,
	    .sensor = m.sensor,
	    .live = m.live};
	memcpy(p->name, m.name, sizeof(p->name));
	if ((p->watch = loop_watch(r->loop, p->fd, EPOLLIN, on_pipe, p, why)) == NULL)
		return ERR_SYSTEM;
	if (new)
		tell_capture(r, p, "start", m.gate ? "gate" : m.live ? "interface" : "file");
	answer = (struct ipc_attached){m.source, m.sensor};
	return ipc_send(
	    FD_PARENT, IPC_RPT, IPC_RPT_attached, bytes_of(&answer, sizeof(answer)), -1, why);
}

/* --- people --- */

static void
drop_client(struct role *r, struct client *c)
{
	loop_unwatch(r->loop, c->watch);
	fd_close(&c->fd);
}

static void
on_client(void *ctx, uint32_t events)
{
	struct client *c = ctx;
	struct role *r = c->r;
	struct request_answer answer = {0};
	struct request request;
	struct why why = {0};
	enum err e;

	(void)events;
	if (recv(c->fd, &request, sizeof(request), MSG_DONTWAIT) != sizeof(request)) {
		drop_client(r, c);
		return;
	}
	e = brain_request(r->brain, &request, wall_now(), &why);
	if (e == ERR_OK)
		e = brain_commit(r->brain, STORE_DURABLE, &why);
	if (e == ERR_SYSTEM)
		fail(r, e, &why);
	answer.code = e;
	(void)snprintf(
	    answer.text, sizeof(answer.text), "%.*s", (int)sizeof(answer.text) - 1, why.text);
	(void)send(c->fd, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
take_client(struct role *r, int fd)
{
	for (size_t i = 0; i < CLIENTS_MAX && fd != -1; i++) {
		struct client *c = &r->clients[i];
		struct why why;

		if (c->fd != -1)
			continue;
		*c = (struct client){.r = r, .fd = fd};
		if ((c->watch = loop_watch(r->loop, fd, EPOLLIN, on_client, c, &why)) == NULL)
			fd_close(&c->fd);
		return;
	}
	fd_close(&fd);
}

/* --- the parent --- */

static void
on_parent(void *ctx, uint32_t events)
{
	struct role *r = ctx;
	struct ipc_process process;
	struct ipc_packet p;
	struct why why;
	enum err e;

	(void)events;
	if ((e = ipc_receive(FD_PARENT, IPC_CTL, &r->ctl_running, &p, &why)) != ERR_OK) {
		if (e == ERR_ABSENT) /* the parent died: keep what there is */
			loop_stop(r->loop);
		else
			fail(r, e, &why);
		return;
	}
	switch (p.type) {
	case IPC_CTL_attach:
		if ((e = attach(r, &p, &why)) != ERR_OK)
			fail(r, e, &why);
		break;
	case IPC_CTL_process:
		memcpy(&process, p.payload.ptr, sizeof(process));
		process.role[sizeof(process.role) - 1] = 0;
		process.what[sizeof(process.what) - 1] = 0;
		process.detail[sizeof(process.detail) - 1] = 0;
		tell_process(r, process.role, process.what, process.status, process.detail);
		break;
	case IPC_CTL_client:
		take_client(r, p.fd);
		break;
	case IPC_CTL_finish:
		r->finish = true;
		if (open_pipes(r) == 0)
			loop_stop(r->loop);
		break;
	default:
		fd_close(&p.fd);
	}
}

static void
on_tick(void *ctx)
{
	struct role *r = ctx;
	struct mono now = mono_now();
	bool durable =
	    now.ns - r->synced.ns >= (r->open.live ? DURABLE_LIVE_MS : DURABLE_FILE_MS) * NS_PER_MS;

	/* A live watch says that it is there: silence in the ledger is then a gap. */
	if (r->open.live && now.ns - r->alive.ns >= ALIVE_EVERY_S * NS_PER_S) {
		tell_process(r, "store", "alive", 0, "");
		r->alive = now;
	}
	if (!r->waiting && !(durable && r->unsynced))
		return;
	r->waiting = true;
	commit(r, durable ? STORE_DURABLE : STORE_FAST);
	r->unsynced = !durable;
	if (durable)
		r->synced = now;
}

/* Old events go, as the settings say; a bounded piece at a time. */
static void
on_retain(void *ctx)
{
	struct role *r = ctx;
	struct store_keep keep = {.max_bytes = r->settings.retention_bytes,
	    .keep_from_seq = tlog_signed_size(r->ledger) + 1};
	struct store_dropped dropped;
	struct why why;
	enum err e;

	if (r->settings.retention_days > 0)
		keep.received_after.ns =
		    wall_now().ns - (int64_t)r->settings.retention_days * 86400 * NS_PER_S;
	if (keep.max_bytes == 0 && keep.received_after.ns == 0)
		return;
	commit(r, STORE_DURABLE);
	if ((e = store_retain(r->store, &keep, &dropped, &why)) != ERR_OK)
		fail(r, e, &why);
}

/* --- life --- */

static enum err
open_all(struct role *r, struct why *why)
{
	struct ipc_packet p;
	struct sip_key key;
	bool landlocked;
	enum err e;

	if ((e = ipc_receive(FD_PARENT, IPC_CTL, &r->ctl_running, &p, why)) != ERR_OK)
		return e;
	memcpy(&r->open, p.payload.ptr, sizeof(r->open));
	r->open.data[sizeof(r->open.data) - 1] = 0;
	r->open.config[sizeof(r->open.config) - 1] = 0;
	if (r->open.version != IPC_VERSION)
		return FAIL(why, ERR_SYSTEM, "parent and store are of different versions");
	if ((e = settings_load(&r->settings, r->open.config[0] ? r->open.config : NULL, why)) !=
		ERR_OK ||
	    (e = store_dir_open(&r->dir, r->open.data, STORE_WRITE, why)) != ERR_OK ||
	    (e = store_dir_key(r->dir, &key, why)) != ERR_OK ||
	    (e = store_open(&r->store, r->dir, STORE_WRITE, NULL, why)) != ERR_OK ||
	    (e = brain_ledger_open(&r->ledger, r->dir, r->store, why)) != ERR_OK ||
	    (r->loop = loop_new(why)) == NULL ||
	    (e = sandbox_enter(SANDBOX_STORE, store_dir_fd(r->dir), &landlocked, why)) != ERR_OK ||
	    (e = brain_open(&r->brain, r->store, r->ledger, &key, &r->settings.detect, why)) !=
		ERR_OK)
		return r->loop == NULL && e == ERR_OK ? ERR_SYSTEM : e;
	explicit_bzero(&key, sizeof(key));
	if (loop_watch(r->loop, FD_PARENT, EPOLLIN, on_parent, r, why) == NULL ||
	    loop_every(r->loop, r->open.live ? COMMIT_LIVE_MS : COMMIT_FILE_MS, on_tick, r, why) ==
		NULL ||
	    (r->open.live && loop_every(r->loop, RETAIN_MS, on_retain, r, why) == NULL))
		return ERR_SYSTEM;
	return ERR_OK;
}

static enum err
tell_summary(struct role *r, struct why *why)
{
	struct summary s = {.stats = r->ended,
	    .seconds = (double)(mono_now().ns - r->started.ns) / 1e9,
	    .data = r->open.data,
	    .colour = r->open.colour};

	brain_run_told(r->brain, &s.run);
	if (r->open.summary == WATCH_JSON)
		return summary_json(&s, r->store, why);
	return r->open.summary == WATCH_TEXT ? summary_text(&s, r->store, why) : ERR_OK;
}

static void
close_all(struct role *r)
{
	for (size_t i = 0; i < PIPES_MAX; i++) {
		if (r->pipes[i].fd != -1)
			drop_pipe(r, &r->pipes[i]);
	}
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		fd_close(&r->clients[i].fd);
}

static enum err
finish(struct role *r, struct why *why)
{
	enum err e;

	if ((e = brain_commit(r->brain, STORE_DURABLE, why)) != ERR_OK)
		return e;
	return tell_summary(r, why);
}

int
role_store(int argc, char **argv)
{
	static struct role r;
	struct ipc_ready ready = {0};
	struct why why = {0}, end = {0};
	enum err e;

	(void)argc;
	(void)argv;
	/* The terminal's interrupt goes to the whole group: the parent says when it is over. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	r.started = r.alive = mono_now();
	for (size_t i = 0; i < PIPES_MAX; i++)
		r.pipes[i].fd = -1;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		r.clients[i].fd = -1;
	e = open_all(&r, &why);
	ready.code = e;
	(void)snprintf(
	    ready.text, sizeof(ready.text), "%.*s", (int)sizeof(ready.text) - 1, why.text);
	if (ipc_send(FD_PARENT, IPC_RPT, IPC_RPT_ready, bytes_of(&ready, sizeof(ready)), -1,
		&end) != ERR_OK ||
	    e != ERR_OK)
		return STATUS_SYSTEM;
	e = loop_run(r.loop, &why);
	if (r.failed != ERR_OK) {
		e = r.failed;
		why = r.why;
	} else {
		close_all(&r);
		e = finish(&r, &why);
	}
	if (e != ERR_OK)
		role_say("store", "%s; everything committed before is kept", why.text);
	if (brain_close(r.brain, &end) != ERR_OK && e == ERR_OK) {
		role_say("store", "%s; everything committed before is kept", end.text);
		e = ERR_SYSTEM;
	}
	loop_free(r.loop);
	tlog_close(r.ledger);
	store_close(r.store);
	store_dir_close(r.dir);
	settings_free(&r.settings);
	return e == ERR_OK ? 0 : e == ERR_INPUT ? STATUS_INPUT : STATUS_SYSTEM;
}
