/* SPDX-License-Identifier: Apache-2.0 */
/* Role gate: the links' connections; events to the store; no file, no key.
 * Descriptors: 3 the socket to the parent, 4 the pipe to the store, 5 the status file.
 * Listening sockets and the socket to the keys role come over 3.
 * Recording: events wait in a bounded queue while the store is busy. When it is full, links that
 * refuse what they are unsure of stop reading; for the others events are lost, and how many is
 * told: a result that waits for a disk can harm, a gap in the record is an alarm.
 * Ends: 0 it was told to; 3 the parent broke the protocol; 4 system trouble. */
#include "gate/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "crypto/tls.h"
#include "role/role.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/sandbox.h"

enum { FD_PARENT = 3, FD_EVENTS = 4, FD_STATUS = 5, STATUS_INPUT = 3, STATUS_SYSTEM = 4 };
enum {
	TICK_MS = 250,
	TICKS_A_SECOND = 4,
	QUEUE_BYTES = 16 << 20,
	CHOKE_BYTES = 12 << 20,
	KEYS_WAIT_S = 3,
	RENEW_RETRY_S = 60,
};

struct gate_role {
	struct loop *loop;
	struct gate *gate;
	struct sense *sense;
	struct gate_status *status;
	struct buf queue; /* events for the store */
	size_t queue_at;
	struct watch *pipe;
	bool deaf; /* the store is gone */
	int keys;  /* -1: none */
	bool keys_running;
	struct ipc_certificate identity;
	int64_t renew_at_ns; /* wall */
	bool gte_running;
	/* The configuration that is being told. */
	struct gate_link links[GATE_LINKS_MAX];
	int listeners[GATE_LINKS_MAX];
	size_t n_links;
	struct gate_peer *peers;
	size_t n_peers;
	bool committed; /* what comes next is another one */
	unsigned ticks;
	enum err failed;
	struct why why;
};

static void
fail(struct gate_role *r, enum err e, const struct why *why)
{
	if (r->failed == ERR_OK) {
		r->failed = e;
		r->why = *why;
	}
	loop_stop(r->loop);
}

/* --- events to the store --- */

static void on_pipe(void *ctx, uint32_t events);

static void
drain(struct gate_role *r)
{
	struct why why;

	while (!r->deaf && r->queue_at < r->queue.len) {
		ssize_t n =
		    write(FD_EVENTS, r->queue.ptr + r->queue_at, r->queue.len - r->queue_at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno != EAGAIN)
			r->deaf = true;
		if (n <= 0)
			break;
		r->queue_at += (size_t)n;
	}
	if (r->deaf || r->queue_at == r->queue.len) {
		buf_reset(&r->queue);
		r->queue_at = 0;
		if (r->pipe != NULL)
			loop_unwatch(r->loop, r->pipe);
		r->pipe = NULL;
	} else if (r->pipe == NULL) {
		r->pipe = loop_watch(r->loop, FD_EVENTS, EPOLLOUT, on_pipe, r, &why);
	}
}

static void
on_pipe(void *ctx, uint32_t events)
{
	struct gate_role *r = ctx;

	(void)events;
	drain(r);
}

/* False: it did not fit. */
static bool
send_message(struct gate_role *r, enum ipc_type type, struct bytes payload)
{
	size_t waits = r->queue.len - r->queue_at;

	if (r->deaf || waits + payload.len + 16 > QUEUE_BYTES)
		return false;
	if (r->queue_at > QUEUE_BYTES / 2) {
		buf_drop(&r->queue, r->queue_at);
		r->queue_at = 0;
	}
	ipc_put(&r->queue, IPC_UP, type, payload);
	drain(r);
	return true;
}

static void
on_events(void *ctx, struct bytes records)
{
	struct gate_role *r = ctx;

	if (!send_message(r, IPC_UP_events, records))
		r->status->lost_events += records.len;
}

static void
send_stats(struct gate_role *r)
{
	struct ipc_stats m = {0};
	struct sense_counters c;

	sense_count(r->sense, &c);
	m.packets = c.packets;
	m.bytes = c.bytes;
	m.flows = c.flows;
	m.memory_high = c.memory_high;
	memcpy(m.units, c.units, sizeof(m.units));
	(void)send_message(r, IPC_UP_stats, bytes_of(&m, sizeof(m)));
}

/* --- the keys role --- */

static enum err
ask_keys(struct gate_role *r, enum ipc_type ask, struct bytes payload, enum ipc_type want,
    struct ipc_packet *p, struct why *why)
{
	enum err e;

	if (r->keys == -1)
		return FAIL(why, ERR_SYSTEM, "the keys role is not there");
	if ((e = ipc_send(r->keys, IPC_KEY, ask, payload, -1, why)) == ERR_OK)
		e = ipc_receive(r->keys, IPC_SIG, &r->keys_running, p, why);
	if (e == ERR_OK && p->type != want)
		e = FAIL(why, ERR_SYSTEM, "the keys role said something unexpected");
	if (e != ERR_OK)
		fd_close(&r->keys); /* the parent starts another */
	return e;
}

static bool
sign(void *ctx, struct bytes digest, uint8_t *sig, size_t *len)
{
	struct gate_role *r = ctx;
	struct ipc_packet p;
	struct why why;

	*len = 0;
	if (digest.len < 32 || digest.len > 64 ||
	    ask_keys(r, IPC_KEY_sign, digest, IPC_SIG_signature, &p, &why) != ERR_OK ||
	    p.payload.len > TLS_SIGNATURE_MAX)
		return false;
	memcpy(sig, p.payload.ptr, p.payload.len);
	*len = p.payload.len;
	return *len > 0;
}

static enum err
take_certificate(struct gate_role *r, const struct ipc_packet *p, struct why *why)
{
	struct wall now = wall_now();

	memcpy(&r->identity, p->payload.ptr, sizeof(r->identity));
	if ((size_t)r->identity.leaf_len + r->identity.authority_len > sizeof(r->identity.der))
		return FAIL(why, ERR_SYSTEM, "the keys role sent a broken certificate");
	r->status->certificate_end_ns = r->identity.end_ns;
	/* Renewed when a third of its life is left. */
	r->renew_at_ns = now.ns + (r->identity.end_ns - now.ns) / 3 * 2;
	return ERR_OK;
}

static enum err
meet_keys(struct gate_role *r, int fd, struct why *why)
{
	struct timeval wait = {KEYS_WAIT_S, 0};
	uint32_t version = IPC_VERSION;
	struct ipc_packet p;
	enum err e;

	fd_close(&r->keys);
	r->keys = fd;
	r->keys_running = false;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if ((e = ask_keys(r, IPC_KEY_hello, bytes_of(&version, sizeof(version)),
		 IPC_SIG_certificate, &p, why)) != ERR_OK)
		return e;
	return take_certificate(r, &p, why);
}

/* --- configuration --- */

static enum err
configure(struct gate_role *r, struct why *why)
{
	struct gate_identity identity = {bytes_of(r->identity.der, r->identity.leaf_len),
	    bytes_of(r->identity.der + r->identity.leaf_len, r->identity.authority_len)};
	int fds[GATE_LINKS_MAX];

	memcpy(fds, r->listeners, sizeof(fds));
	for (size_t i = 0; i < r->n_links; i++)
		r->listeners[i] = -1;
	return gate_configure(
	    r->gate, r->links, fds, r->n_links, r->peers, r->n_peers, &identity, why);
}

static enum err
take_link(struct gate_role *r, struct ipc_packet *p, struct why *why)
{
	if (p->payload.len != sizeof(struct gate_link) || r->n_links == GATE_LINKS_MAX)
		return FAIL(why, ERR_INPUT, "a link of another size, or too many");
	memcpy(&r->links[r->n_links], p->payload.ptr, sizeof(struct gate_link));
	r->links[r->n_links].name[GATE_NAME_MAX - 1] = 0;
	r->listeners[r->n_links++] = p->fd;
	p->fd = -1;
	return ERR_OK;
}

static enum err
take_peer(struct gate_role *r, const struct ipc_packet *p, struct why *why)
{
	if (p->payload.len != sizeof(struct gate_peer) || r->n_peers == GATE_PEERS_MAX)
		return FAIL(why, ERR_INPUT, "a peer of another size, or too many");
	memcpy(&r->peers[r->n_peers], p->payload.ptr, sizeof(struct gate_peer));
	if (r->peers[r->n_peers].len > GATE_CERT_MAX)
		return FAIL(why, ERR_INPUT, "a peer's certificate is too long");
	r->n_peers++;
	return ERR_OK;
}

static void
begin_configuration(struct gate_role *r)
{
	if (!r->committed)
		return;
	r->committed = false;
	r->n_links = r->n_peers = 0;
}

static void
on_parent(void *ctx, uint32_t events)
{
	struct gate_role *r = ctx;
	struct ipc_packet p;
	struct why why = {0};
	enum err e;

	(void)events;
	if ((e = ipc_receive(FD_PARENT, IPC_GTE, &r->gte_running, &p, &why)) != ERR_OK) {
		if (e == ERR_ABSENT)
			loop_stop(r->loop);
		else
			fail(r, e, &why);
		return;
	}
	begin_configuration(r);
	switch (p.type) {
	case IPC_GTE_keys:
		if (p.fd != -1 && meet_keys(r, p.fd, &why) != ERR_OK)
			role_say("gate", "%s; TLS links wait for it", why.text);
		p.fd = -1;
		break;
	case IPC_GTE_link:
		e = take_link(r, &p, &why);
		break;
	case IPC_GTE_peer:
		e = take_peer(r, &p, &why);
		break;
	case IPC_GTE_commit:
		r->committed = true;
		if ((e = configure(r, &why)) == ERR_OK)
			gate_tick(r->gate, false);
		break;
	default:
		e = FAIL(&why, ERR_INPUT, "unexpected message");
	}
	fd_close(&p.fd);
	if (e != ERR_OK)
		fail(r, e, &why);
}

/* A fresh certificate: only the TLS contexts change. */
static void
renew(struct gate_role *r)
{
	struct ipc_packet p;
	struct why why;
	int64_t now = wall_now().ns;

	if (r->keys == -1 || r->renew_at_ns == 0 || now < r->renew_at_ns)
		return;
	r->renew_at_ns = now + RENEW_RETRY_S * NS_PER_S;
	if (ask_keys(r, IPC_KEY_renew, (struct bytes){NULL, 0}, IPC_SIG_renewed, &p, &why) !=
		ERR_OK ||
	    take_certificate(r, &p, &why) != ERR_OK ||
	    gate_renew(r->gate,
		&(struct gate_identity){bytes_of(r->identity.der, r->identity.leaf_len),
		    bytes_of(r->identity.der + r->identity.leaf_len, r->identity.authority_len)},
		&why) != ERR_OK)
		role_say("gate", "the certificate could not be renewed: %s", why.text);
}

static void
on_tick(void *ctx)
{
	struct gate_role *r = ctx;

	sense_idle(r->sense, wall_now());
	if (++r->ticks % TICKS_A_SECOND != 0)
		return;
	gate_tick(r->gate, r->queue.len - r->queue_at > CHOKE_BYTES);
	send_stats(r);
	renew(r);
}

static void
on_signal(void *ctx, int signo)
{
	struct gate_role *r = ctx;

	(void)signo;
	loop_stop(r->loop);
}

/* --- life --- */

static enum err
read_start(struct ipc_gate_start *start, bool *running, struct why *why)
{
	struct ipc_packet p;
	enum err e = ipc_receive(FD_PARENT, IPC_GTE, running, &p, why);

	if (e != ERR_OK)
		return e;
	fd_close(&p.fd);
	memcpy(start, p.payload.ptr, sizeof(*start));
	explicit_bzero(p.data, sizeof(p.data));
	return start->version == IPC_VERSION
		   ? ERR_OK
		   : FAIL(why, ERR_SYSTEM, "parent and gate are of different versions");
}

static void
raise_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

static enum err
prepare(struct gate_role *r, struct why *why)
{
	const int signals[] = {SIGTERM, SIGINT, 0};
	struct ipc_hello hello = {.version = IPC_VERSION, .name = "gateway"};
	struct ipc_gate_start start;
	struct sense_settings sense;
	struct gate_settings set;
	bool landlocked;
	enum err e;

	(void)signal(SIGPIPE, SIG_IGN);
	raise_files();
	if ((r->loop = loop_new(why)) == NULL)
		return ERR_SYSTEM;
	if ((e = loop_signals(r->loop, signals, on_signal, r, why)) != ERR_OK ||
	    (e = read_start(&start, &r->gte_running, why)) != ERR_OK)
		return e;
	r->status =
	    mmap(NULL, sizeof(*r->status), PROT_READ | PROT_WRITE, MAP_SHARED, FD_STATUS, 0);
	if (r->status == MAP_FAILED)
		return FAIL_SYS(why, "the status file");
	memset(r->status, 0, sizeof(*r->status));
	(void)close(FD_STATUS);
	(void)fcntl(FD_EVENTS, F_SETFL, O_NONBLOCK);
	r->peers = calloc(GATE_PEERS_MAX, sizeof(*r->peers));
	sense = (struct sense_settings){.key = start.key,
	    .source = start.source,
	    .max_flows = 1024,
	    .events = on_events,
	    .ctx = r};
	r->sense = sense_new(&sense);
	set = (struct gate_settings){.loop = r->loop,
	    .sense = r->sense,
	    .key = start.key,
	    .memory = start.memory_bytes,
	    .sign = sign,
	    .ctx = r,
	    .status = r->status};
	r->gate = r->sense != NULL ? gate_new(&set) : NULL;
	if (r->gate == NULL || r->peers == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for the gateway");
	hello.source = start.source;
	explicit_bzero(&start.key, sizeof(start.key));
	(void)send_message(r, IPC_UP_hello, bytes_of(&hello, sizeof(hello)));
	tls_warm_up();
	if (loop_watch(r->loop, FD_PARENT, EPOLLIN, on_parent, r, why) == NULL ||
	    loop_every(r->loop, TICK_MS, on_tick, r, why) == NULL)
		return ERR_SYSTEM;
	return sandbox_enter(SANDBOX_GATE, -1, &landlocked, why);
}

/* What is still to be recorded, without haste. */
static void
finish(struct gate_role *r, enum err e, const struct why *why)
{
	struct ipc_done done = {.code = e};

	if (r->gate != NULL && r->sense != NULL) {
		gate_free(r->gate);
		sense_end(r->sense);
		send_stats(r);
	}
	if (e != ERR_OK)
		(void)snprintf(
		    done.text, sizeof(done.text), "%.*s", (int)sizeof(done.text) - 1, why->text);
	(void)send_message(r, IPC_UP_done, bytes_of(&done, sizeof(done)));
	(void)fcntl(FD_EVENTS, F_SETFL, 0);
	drain(r);
	sense_free(r->sense);
	buf_free(&r->queue);
	loop_free(r->loop);
}

int
role_gate(int argc, char **argv)
{
	static struct gate_role r = {.keys = -1};
	struct why why = {0};
	enum err e;

	(void)argc;
	(void)argv;
	r.queue.cap = QUEUE_BYTES * 2;
	if ((e = prepare(&r, &why)) == ERR_OK)
		e = loop_run(r.loop, &why);
	if (r.failed != ERR_OK) {
		e = r.failed;
		why = r.why;
	}
	if (e != ERR_OK)
		role_say("gate", "%s", why.text);
	finish(&r, e, &why);
	return e == ERR_OK ? 0 : e == ERR_INPUT ? STATUS_INPUT : STATUS_SYSTEM;
}
