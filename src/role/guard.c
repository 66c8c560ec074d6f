/* SPDX-License-Identifier: Apache-2.0 */
#include "role/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate/peers.h"
#include "gate/status.h"
#include "role/role.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/spawn.h"

enum { BACKLOG = 512, PIPE_BYTES = 1 << 20, SEND_WAIT_S = 5 };
enum { BACKOFF_FIRST_MS = 250, BACKOFF_MAX_MS = 30000 };

/* What the files looked like. */
struct look {
	int64_t settings_ns, links_ns, peers_ns;
};

struct guard {
	struct guard_settings set;
	struct gate_link *links;
	size_t n_links;
	int listeners[GATE_LINKS_MAX]; /* -1: could not be opened yet */
	struct gate_peer *peers;
	size_t n_peers;
	int dir; /* of the gate's files; -1: none */
	int ctl; /* to the gate role; -1: it does not run */
	pid_t gate, keys;
	uint32_t source;
	struct look seen;
	struct mono look_at, restart_gate, restart_keys;
	int backoff_ms;
	bool stopping;
};

/* --- files --- */

static int64_t
changed_at(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return 0;
	return st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec + (int64_t)st.st_size * 7 +
	       (int64_t)st.st_ino * 13;
}

static struct look
look(const struct guard *g)
{
	char path[4200];
	struct look l = {.settings_ns = g->set.config != NULL ? changed_at(g->set.config) : 0};

	(void)snprintf(path, sizeof(path), "%s/%s/%s", g->set.data, GATE_DIR, GATE_LINKS);
	l.links_ns = changed_at(path);
	(void)snprintf(path, sizeof(path), "%s/%s/%s", g->set.data, GATE_DIR, GATE_PEERS_DIR);
	l.peers_ns = changed_at(path);
	return l;
}

static enum err
add_links(const char *path, struct gate_link *all, size_t *n, struct why *why)
{
	struct settings s;
	enum err e = settings_load(&s, path, why);

	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < s.n_links && e == ERR_OK; i++) {
		for (size_t k = 0; k < *n; k++) {
			if (strcmp(all[k].name, s.links[i].name) == 0)
				e = FAIL(why, ERR_INPUT,
				    "settings %s: link %s is in the settings already", path,
				    s.links[i].name);
			else if (all[k].listen.port == s.links[i].listen.port &&
				 ip_eq(all[k].listen.ip, s.links[i].listen.ip))
				e = FAIL(why, ERR_INPUT,
				    "settings %s: link %s listens on port %u as link %s does", path,
				    s.links[i].name, s.links[i].listen.port, all[k].name);
		}
		if (e == ERR_OK && *n == GATE_LINKS_MAX)
			e = FAIL(why, ERR_LIMIT, "more than %d links", GATE_LINKS_MAX);
		if (e == ERR_OK)
			all[(*n)++] = s.links[i];
	}
	settings_free(&s);
	return e;
}

enum err
guard_read_links(
    const char *data, const char *config, struct gate_link **out, size_t *n, struct why *why)
{
	struct gate_link *all = calloc(GATE_LINKS_MAX, sizeof(*all));
	char path[4200];
	enum err e = ERR_OK;

	*out = NULL;
	*n = 0;
	if (all == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for links");
	if (config != NULL)
		e = add_links(config, all, n, why);
	(void)snprintf(path, sizeof(path), "%s/%s/%s", data, GATE_DIR, GATE_LINKS);
	if (e == ERR_OK && access(path, F_OK) == 0)
		e = add_links(path, all, n, why);
	if (e != ERR_OK) {
		free(all);
		*n = 0;
		return e;
	}
	*out = all;
	return ERR_OK;
}

/* A name without a peer lets nobody in: worth a word. */
static void
say_unknown(const struct guard *g)
{
	for (size_t i = 0; i < g->n_links; i++) {
		const struct gate_end *ends[2] = {&g->links[i].listen, &g->links[i].dial};

		for (size_t k = 0; k < (size_t)2 * GATE_LINK_PEERS; k++) {
			const struct gate_end *e = ends[k % 2];
			bool known = k / 2 >= e->n_peers;

			for (size_t p = 0; p < g->n_peers && !known; p++)
				known = strcmp(g->peers[p].name, e->peers[k / 2]) == 0;
			if (!known)
				role_say("gate",
				    "link %s: no peer is named %s; see hemostat gate list",
				    g->links[i].name, e->peers[k / 2]);
		}
	}
}

static bool
needs_keys(const struct guard *g)
{
	for (size_t i = 0; i < g->n_links; i++) {
		if (g->links[i].listen.tls || g->links[i].dial.tls)
			return true;
	}
	return false;
}

/* --- listening sockets: kept while their address stays, through every restart of the gate --- */

static int
listen_on(const struct gate_end *e, struct why *why)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(e->port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
	bool is_four = ip_is_v4(e->ip);
	int on = 1, fd;
	char ip[IP_TEXT_MAX];

	memcpy(&four.sin_addr, e->ip.b + 12, 4);
	memcpy(&six.sin6_addr, e->ip.b, 16);
	fd = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd == -1 ||
	    bind(fd, is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six,
		is_four ? sizeof(four) : sizeof(six)) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		(void)ip_format(e->ip, ip);
		(void)FAIL_SYS(why, "listen on %s port %u", ip, e->port);
		fd_close(&fd);
	}
	return fd;
}

static bool
is_same_place(const struct gate_end *a, const struct gate_end *b)
{
	return a->port == b->port && ip_eq(a->ip, b->ip);
}

/* Take over sockets of the old set, open the missing, close the rest. */
static void
move_listeners(struct guard *g, const struct gate_link *links, size_t n)
{
	int fresh[GATE_LINKS_MAX];
	struct why why;

	for (size_t i = 0; i < n; i++) {
		fresh[i] = -1;
		for (size_t k = 0; k < g->n_links && fresh[i] == -1; k++) {
			if (!is_same_place(&g->links[k].listen, &links[i].listen))
				continue;
			fresh[i] = g->listeners[k];
			g->listeners[k] = -1;
		}
	}
	for (size_t k = 0; k < g->n_links; k++)
		fd_close(&g->listeners[k]);
	for (size_t i = 0; i < n; i++) {
		if (fresh[i] == -1 && (fresh[i] = listen_on(&links[i].listen, &why)) == -1)
			role_say("gate", "link %s: %s", links[i].name, why.text);
	}
	memcpy(g->listeners, fresh, n * sizeof(fresh[0]));
}

/* --- telling the gate --- */

static enum err
send_ctl(struct guard *g, enum ipc_type type, const void *p, size_t n, int fd, struct why *why)
{
	return ipc_send(g->ctl, IPC_GTE, type, bytes_of(p, n), fd, why);
}

static enum err
tell_configuration(struct guard *g, struct why *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < g->n_links && e == ERR_OK; i++)
		e = send_ctl(
		    g, IPC_GTE_link, &g->links[i], sizeof(g->links[i]), g->listeners[i], why);
	for (size_t i = 0; i < g->n_peers && e == ERR_OK; i++)
		e = send_ctl(g, IPC_GTE_peer, &g->peers[i], sizeof(g->peers[i]), -1, why);
	return e == ERR_OK ? send_ctl(g, IPC_GTE_commit, NULL, 0, -1, why) : e;
}

static enum err
start_keys(struct guard *g, struct why *why)
{
	struct spawn s = {.role = "keys", .n_fds = 2};
	int pair[2];
	enum err e;

	g->restart_keys.ns = 0;
	if (g->dir == -1 && (e = gate_dir_open(g->set.data, true, &g->dir, why)) != ERR_OK)
		return e;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return FAIL_SYS(why, "socket pair");
	s.fds[0] = pair[1];
	s.fds[1] = g->dir;
	if ((e = spawn_role(&s, &g->keys, why)) == ERR_OK)
		e = send_ctl(g, IPC_GTE_keys, NULL, 0, pair[0], why);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	return e;
}

static int
open_status(struct guard *g, struct why *why)
{
	int fd = -1;

	if (g->dir == -1 && gate_dir_open(g->set.data, true, &g->dir, why) != ERR_OK)
		return -1;
	fd = openat(g->dir, GATE_STATUS_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1 || ftruncate(fd, sizeof(struct gate_status)) == -1) {
		(void)FAIL_SYS(why, "the gateway's status file");
		fd_close(&fd);
	}
	return fd;
}

static enum err
start_gate(struct guard *g, struct why *why)
{
	struct ipc_gate_start start = {.version = IPC_VERSION, .key = g->set.key};
	struct timeval wait = {SEND_WAIT_S, 0};
	struct spawn s = {.role = "gate", .n_fds = 3};
	int pair[2] = {-1, -1}, events[2] = {-1, -1}, status = -1;
	enum err e;

	g->restart_gate.ns = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1 ||
	    pipe2(events, O_CLOEXEC) == -1) {
		e = FAIL_SYS(why, "the gate's pipes");
		goto done;
	}
	(void)fcntl(events[1], F_SETPIPE_SZ, PIPE_BYTES);
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if ((status = open_status(g, why)) == -1) {
		e = ERR_SYSTEM;
		goto done;
	}
	if ((e = g->set.calls.attach(g->set.calls.ctx, events[0], &g->source, why)) != ERR_OK)
		goto done;
	start.source = g->source;
	s.fds[0] = pair[1];
	s.fds[1] = events[1];
	s.fds[2] = status;
	if ((e = spawn_role(&s, &g->gate, why)) != ERR_OK)
		goto done;
	g->ctl = pair[0];
	pair[0] = -1;
	if ((e = send_ctl(g, IPC_GTE_start, &start, sizeof(start), -1, why)) == ERR_OK &&
	    needs_keys(g))
		e = start_keys(g, why);
	if (e == ERR_OK)
		e = tell_configuration(g, why);
done:
	explicit_bzero(&start.key, sizeof(start.key));
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	fd_close(&events[0]);
	fd_close(&events[1]);
	fd_close(&status);
	return e;
}

/* --- changes --- */

static enum err
read_all(struct guard *g, struct why *why)
{
	struct gate_link *links = NULL;
	struct gate_peer *peers = NULL;
	size_t n_links = 0, n_peers = 0;
	enum err e = guard_read_links(g->set.data, g->set.config, &links, &n_links, why);

	if (e == ERR_OK && g->dir == -1) {
		struct why absent;

		(void)(gate_dir_open(g->set.data, false, &g->dir, &absent) == ERR_OK);
	}
	if (e == ERR_OK && g->dir != -1)
		e = peers_load(g->dir, &peers, &n_peers, why);
	if (e != ERR_OK) {
		free(links);
		return e;
	}
	move_listeners(g, links, n_links);
	free(g->links);
	free(g->peers);
	g->links = links;
	g->n_links = n_links;
	g->peers = peers;
	g->n_peers = n_peers;
	say_unknown(g);
	return ERR_OK;
}

static void
plan(struct guard *g, struct mono *at, struct mono now)
{
	g->backoff_ms = g->backoff_ms == 0                   ? BACKOFF_FIRST_MS
			: g->backoff_ms > BACKOFF_MAX_MS / 2 ? BACKOFF_MAX_MS
							     : g->backoff_ms * 2;
	at->ns = now.ns + g->backoff_ms * NS_PER_MS;
}

static void
take_changes(struct guard *g, struct mono now)
{
	struct look l = look(g);
	struct why why;
	enum err e;

	if (memcmp(&l, &g->seen, sizeof(l)) == 0)
		return;
	g->seen = l;
	if ((e = read_all(g, &why)) != ERR_OK) {
		role_say("gate", "%s; the links stay as they were", why.text);
		g->set.calls.tell(g->set.calls.ctx, "gate", "refused", (int)e, why.text);
		return;
	}
	if (g->gate == -1) {
		if (g->n_links > 0 && (e = start_gate(g, &why)) != ERR_OK)
			plan(g, &g->restart_gate, now);
	} else {
		if (needs_keys(g) && g->keys == -1)
			e = start_keys(g, &why);
		if (e == ERR_OK)
			e = tell_configuration(g, &why);
	}
	if (e != ERR_OK)
		role_say("gate", "%s", why.text);
	else
		g->set.calls.tell(
		    g->set.calls.ctx, "gate", "configured", 0, "links or peers changed");
}

void
guard_tick(struct guard *g, struct mono now)
{
	struct why why = {0};

	if (g->stopping)
		return;
	if (now.ns >= g->look_at.ns) {
		g->look_at.ns = now.ns + GUARD_LOOK_MS * NS_PER_MS;
		take_changes(g, now);
	}
	if (g->gate == -1 && g->restart_gate.ns != 0 && now.ns >= g->restart_gate.ns) {
		if (start_gate(g, &why) == ERR_OK)
			g->set.calls.tell(g->set.calls.ctx, "gate", "restart", 0, "");
		else
			plan(g, &g->restart_gate, now);
	} else if (g->gate != -1 && g->keys == -1 && g->restart_keys.ns != 0 &&
		   now.ns >= g->restart_keys.ns) {
		if (start_keys(g, &why) == ERR_OK && tell_configuration(g, &why) == ERR_OK)
			g->set.calls.tell(g->set.calls.ctx, "keys", "restart", 0, "");
		else
			plan(g, &g->restart_keys, now);
	}
	if (why.text[0] != 0)
		role_say("gate", "%s; trying again", why.text);
}

bool
guard_ended(struct guard *g, pid_t pid, int status)
{
	bool crashed = WIFSIGNALED(status);
	int code = crashed ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	const char *role = pid == g->gate ? "gate" : "keys";
	struct mono now = mono_now();
	char detail[64];

	if (pid != g->gate && pid != g->keys)
		return false;
	(void)snprintf(detail, sizeof(detail), "ended %s %d", crashed ? "by signal" : "with status",
	    crashed ? WTERMSIG(status) : code);
	g->set.calls.tell(
	    g->set.calls.ctx, role, crashed ? "crash" : "exit", code, code == 0 ? "" : detail);
	if (pid == g->gate) {
		g->gate = -1;
		fd_close(&g->ctl);
		if (!g->stopping)
			plan(g, &g->restart_gate, now);
	} else {
		g->keys = -1;
		/* Without a gate it ends by itself; the next gate brings its own. */
		if (!g->stopping && g->gate != -1)
			plan(g, &g->restart_keys, now);
	}
	if (!g->stopping && code != 0)
		role_say(role, "%s; it is started again", detail);
	return true;
}

/* --- life --- */

enum err
guard_start(struct guard **out, const struct guard_settings *s, struct why *why)
{
	struct guard *g = calloc(1, sizeof(*g));
	enum err e;

	*out = g;
	if (g == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for the gateway");
	g->set = *s;
	g->dir = g->ctl = -1;
	g->gate = g->keys = -1;
	g->seen = look(g);
	if ((e = read_all(g, why)) != ERR_OK)
		return e;
	return g->n_links > 0 ? start_gate(g, why) : ERR_OK;
}

size_t
guard_links(const struct guard *g)
{
	return g != NULL ? g->n_links : 0;
}

bool
guard_is_running(const struct guard *g)
{
	return g != NULL && (g->gate != -1 || g->keys != -1);
}

void
guard_stop(struct guard *g)
{
	if (g == NULL)
		return;
	g->stopping = true;
	if (g->gate != -1)
		(void)kill(g->gate, SIGTERM);
	else if (g->keys != -1)
		(void)kill(g->keys, SIGTERM);
}

void
guard_free(struct guard *g)
{
	if (g == NULL)
		return;
	guard_stop(g);
	if (g->gate != -1)
		(void)waitpid(g->gate, NULL, 0);
	if (g->keys != -1) {
		(void)kill(g->keys, SIGTERM);
		(void)waitpid(g->keys, NULL, 0);
	}
	for (size_t i = 0; i < g->n_links; i++)
		fd_close(&g->listeners[i]);
	fd_close(&g->ctl);
	fd_close(&g->dir);
	explicit_bzero(&g->set.key, sizeof(g->set.key));
	free(g->links);
	free(g->peers);
	free(g);
}
