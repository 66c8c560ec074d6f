/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants:
 * 1. The store role runs before any sensor; a sensor's pipe is at the store before it starts.
 * 2. A role that dies is said, recorded by the store, and started again with back-off when live.
 *    One that ends with an error (its interface is gone) is started again by the daemon only.
 * 3. The store is told to finish only when no sensor runs; what sensors wrote is read before.
 * 4. Nothing here reads a byte that came from outside: descriptors are passed on unread. */
#include "role/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "brain/request.h"
#include "capture/live.h"
#include "ipc/ipc.h"
#include "role/guard.h"
#include "role/listen.h"
#include "role/role.h"
#include "store/store.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/loop.h"
#include "sys/spawn.h"
#include "sys/term.h"

enum {
	PIPE_BYTES = 1 << 20,
	BACKOFF_FIRST_MS = 500,
	BACKOFF_MAX_MS = 60000,
	ABSENT_MS = 2000,
	RAN_WELL_MS = 60000,
	TICK_MS = 250
};

enum { STATUS_SYSTEM = 4 };

struct sensor {
	struct watch_source *source;
	unsigned index;      /* among the sensors of its source */
	uint32_t number;     /* of the capture, given by the store; 0 = none yet */
	pid_t pid;           /* -1: does not run */
	struct mono restart; /* when it may start again; 0 = not waiting */
	struct mono started;
	int backoff_ms;
	bool told; /* why it cannot be started */
};

struct parent {
	struct watch_plan *plan;
	struct loop *loop;
	struct sensor sensors[WATCH_SOURCES_MAX * WATCH_SENSORS_MAX];
	size_t n_sensors;
	pid_t store;
	int ctl;                 /* to the store */
	pid_t web;               /* -1: does not run */
	int web_listener;        /* -1: there is no console */
	struct mono web_restart; /* 0: not waiting */
	int web_backoff_ms;
	bool rpt_running;
	int listener; /* control socket, -1 none */
	struct sip_key key;
	struct guard *guard; /* NULL: no gateway */
	bool live;
	bool stopping;
	bool finished; /* finish was sent */
	int status;
};

static bool
still_running(const struct parent *p)
{
	if (p->plan->serve && !p->stopping)
		return true;
	for (size_t i = 0; i < p->n_sensors; i++) {
		if (p->sensors[i].pid != -1 || (p->sensors[i].restart.ns != 0 && !p->stopping))
			return true;
	}
	return guard_is_running(p->guard) || (p->guard != NULL && !p->stopping);
}

/* --- the store --- */

static enum err
wait_report(struct parent *p, struct ipc_packet *packet, enum ipc_type want, struct why *why)
{
	enum err e = ipc_receive(p->ctl, IPC_RPT, &p->rpt_running, packet, why);

	if (e == ERR_ABSENT)
		return FAIL(why, ERR_SYSTEM, "the store role ended at its start");
	if (e == ERR_OK && packet->type != want)
		return FAIL(why, ERR_SYSTEM, "the store role said something unexpected");
	return e;
}

static enum err
start_store(struct parent *p, struct why *why)
{
	struct ipc_open open = {.version = IPC_VERSION,
	    .live = p->live,
	    .summary = (uint8_t)p->plan->summary,
	    .colour = p->plan->colour};
	struct store_dir *dir = NULL;
	struct ipc_packet packet;
	struct ipc_ready ready;
	struct spawn s = {.role = "store", .n_fds = 1};
	int pair[2];
	enum err e;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return FAIL_SYS(why, "socket pair");
	(void)snprintf(open.data, sizeof(open.data), "%s", p->plan->data);
	(void)snprintf(
	    open.config, sizeof(open.config), "%s", p->plan->config ? p->plan->config : "");
	s.fds[0] = pair[1];
	p->ctl = pair[0];
	p->rpt_running = false;
	e = spawn_role(&s, &p->store, why);
	fd_close(&pair[1]);
	if (e == ERR_OK)
		e = ipc_send(p->ctl, IPC_CTL, IPC_CTL_open, bytes_of(&open, sizeof(open)), -1, why);
	if (e == ERR_OK)
		e = wait_report(p, &packet, IPC_RPT_ready, why);
	if (e != ERR_OK)
		return e;
	memcpy(&ready, packet.payload.ptr, sizeof(ready));
	if (ready.code != ERR_OK)
		return FAIL(
		    why, (enum err)ready.code, "%.*s", (int)sizeof(ready.text) - 1, ready.text);
	if ((e = store_dir_open(&dir, p->plan->data, STORE_READ, why)) == ERR_OK)
		e = store_dir_key(dir, &p->key, why);
	if (dir != NULL)
		store_dir_close(dir);
	return e;
}

static void
tell_process(struct parent *p, const char *role, const char *what, int status, const char *detail)
{
	struct ipc_process m = {.status = (uint32_t)status};

	(void)snprintf(m.role, sizeof(m.role), "%s", role);
	(void)snprintf(m.what, sizeof(m.what), "%s", what);
	(void)snprintf(m.detail, sizeof(m.detail), "%s", detail);
	(void)(ipc_send(p->ctl, IPC_CTL, IPC_CTL_process, bytes_of(&m, sizeof(m)), -1, NULL) ==
	       ERR_OK);
}

/* --- sensors --- */

/* One number an interface, not that of another daemon on this machine. */
static uint16_t
fanout_group(const struct parent *p, const struct sensor *s)
{
	return (uint16_t)(((unsigned)getpid() * WATCH_SOURCES_MAX +
			      (unsigned)(s->source - p->plan->sources)) |
			  1U << 15);
}

static enum err
open_source(const struct sensor *s, const struct parent *p, int *fd, struct why *why)
{
	char path[64];

	/* Opened anew where that can be: sensors that share a file must not share its position. */
	if (!s->source->live) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", s->source->fd);
		if (lseek(s->source->fd, 0, SEEK_CUR) == -1 ||
		    (*fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
			*fd = dup(s->source->fd);
		return *fd == -1 ? FAIL_SYS(why, "%s", s->source->name) : ERR_OK;
	}
	return live_open(&(struct live_settings){.interface = s->source->name,
			     .fanout_group = p->plan->sensors > 1 ? fanout_group(p, s) : 0,
			     .promiscuous = true},
	    fd, why);
}

static enum err
attach(struct parent *p, struct sensor *s, int read_end, struct why *why)
{
	struct ipc_attach m = {.source = s->number, .sensor = s->index, .live = s->source->live};
	struct ipc_attached answer;
	struct ipc_packet packet;
	enum err e;

	/* The sensors of one source share its number. */
	for (size_t i = 0; i < p->n_sensors && m.source == 0; i++) {
		if (p->sensors[i].source == s->source)
			m.source = p->sensors[i].number;
	}
	(void)snprintf(m.name, sizeof(m.name), "%s", s->source->name);
	if ((e = ipc_send(p->ctl, IPC_CTL, IPC_CTL_attach, bytes_of(&m, sizeof(m)), read_end,
		 why)) == ERR_OK)
		e = wait_report(p, &packet, IPC_RPT_attached, why);
	if (e != ERR_OK)
		return e;
	memcpy(&answer, packet.payload.ptr, sizeof(answer));
	s->number = answer.source;
	return ERR_OK;
}

static enum err
start_sensor(struct parent *p, struct sensor *s, struct why *why)
{
	struct ipc_start start = {.version = IPC_VERSION,
	    .sensor = s->index,
	    .sensors = p->plan->sensors,
	    .key = p->key,
	    .max_flows = p->plan->max_flows,
	    .memory_bytes = p->plan->memory_bytes,
	    .live = s->source->live,
	    .progress = p->plan->progress};
	struct spawn child = {.role = "sensor", .n_fds = 3};
	int events[2] = {-1, -1}, down[2] = {-1, -1}, capture = -1;
	struct buf message = {0};
	enum err e;

	s->restart.ns = 0;
	if (pipe2(events, O_CLOEXEC) == -1 || pipe2(down, O_CLOEXEC) == -1) {
		e = FAIL_SYS(why, "pipe");
		goto done;
	}
	(void)fcntl(events[1], F_SETPIPE_SZ, PIPE_BYTES);
	if ((e = open_source(s, p, &capture, why)) != ERR_OK ||
	    (e = attach(p, s, events[0], why)) != ERR_OK)
		goto done;
	start.source = s->number;
	(void)snprintf(start.name, sizeof(start.name), "%s", s->source->name);
	ipc_put(&message, IPC_DOWN, IPC_DOWN_start, bytes_of(&start, sizeof(start)));
	if ((e = fd_write_all(down[1], buf_bytes(&message), why)) != ERR_OK)
		goto done;
	child.fds[0] = capture;
	child.fds[1] = events[1];
	child.fds[2] = down[0];
	s->started = mono_now();
	e = spawn_role(&child, &s->pid, why);
done:
	explicit_bzero(&start.key, sizeof(start.key));
	buf_free(&message);
	fd_close(&events[0]);
	fd_close(&events[1]);
	fd_close(&down[0]);
	fd_close(&down[1]);
	fd_close(&capture);
	return e;
}

static void
plan_restart(struct sensor *s)
{
	if (s->started.ns != 0 && mono_now().ns - s->started.ns > RAN_WELL_MS * NS_PER_MS)
		s->backoff_ms = 0;
	s->started.ns = 0;
	s->backoff_ms = s->backoff_ms == 0                   ? BACKOFF_FIRST_MS
			: s->backoff_ms > BACKOFF_MAX_MS / 2 ? BACKOFF_MAX_MS
							     : s->backoff_ms * 2;
	s->restart.ns = mono_now().ns + s->backoff_ms * NS_PER_MS;
}

/* --- the console --- */

static enum err
start_web(struct parent *p, struct why *why)
{
	const char *args[] = {
	    p->plan->data, p->plan->listen, p->plan->site != NULL ? p->plan->site : "", NULL};
	struct spawn child = {.role = "web", .args = args, .n_fds = 2};
	int pair[2];
	enum err e;

	p->web_restart.ns = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return FAIL_SYS(why, "socket pair");
	child.fds[0] = p->web_listener;
	child.fds[1] = pair[1];
	/* To the store it is one who asks for changes, like a command. */
	if ((e = ipc_send(
		 p->ctl, IPC_CTL, IPC_CTL_client, (struct bytes){NULL, 0}, pair[0], why)) == ERR_OK)
		e = spawn_role(&child, &p->web, why);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	return e;
}

static enum err
open_web(struct parent *p, struct why *why)
{
	enum err e;

	if (p->plan->listen == NULL)
		return ERR_OK;
	if ((e = listen_open(p->plan->listen, &p->web_listener, why)) == ERR_OK)
		return start_web(p, why);
	/* Watching matters more than being looked at. */
	if (p->plan->listen_must)
		return e;
	role_say("web", "no console: %s", why->text);
	return ERR_OK;
}

static void
web_ended(struct parent *p, int status)
{
	char detail[IPC_TEXT_MAX];

	p->web = -1;
	if (p->stopping || p->finished)
		return;
	(void)snprintf(detail, sizeof(detail), "ended %s %d",
	    WIFSIGNALED(status) ? "by signal" : "with status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	tell_process(p, "web", WIFSIGNALED(status) ? "crash" : "exit", status, detail);
	role_say("web", "%s; it is started again", detail);
	p->web_backoff_ms = p->web_backoff_ms == 0                   ? BACKOFF_FIRST_MS
			    : p->web_backoff_ms > BACKOFF_MAX_MS / 2 ? BACKOFF_MAX_MS
								     : p->web_backoff_ms * 2;
	p->web_restart.ns = mono_now().ns + p->web_backoff_ms * NS_PER_MS;
}

/* --- the gateway --- */

static enum err
attach_gate(void *ctx, int read_end, uint32_t *source, struct why *why)
{
	struct parent *p = ctx;
	struct ipc_attach m = {.source = *source, .live = 1, .gate = 1, .name = "gateway"};
	struct ipc_attached answer;
	struct ipc_packet packet;
	enum err e;

	if ((e = ipc_send(p->ctl, IPC_CTL, IPC_CTL_attach, bytes_of(&m, sizeof(m)), read_end,
		 why)) == ERR_OK)
		e = wait_report(p, &packet, IPC_RPT_attached, why);
	if (e != ERR_OK)
		return e;
	memcpy(&answer, packet.payload.ptr, sizeof(answer));
	*source = answer.source;
	return ERR_OK;
}

static void
tell_of_gate(void *ctx, const char *role, const char *what, int status, const char *detail)
{
	tell_process(ctx, role, what, status, detail);
}

static enum err
start_guard(struct parent *p, struct why *why)
{
	struct guard_settings s = {.data = p->plan->data,
	    .config = p->plan->config,
	    .key = p->key,
	    .calls = {.ctx = p, .attach = attach_gate, .tell = tell_of_gate}};

	return p->plan->gate ? guard_start(&p->guard, &s, why) : ERR_OK;
}

/* --- what happens --- */

static void
maybe_finish(struct parent *p)
{
	struct why why;

	if (p->finished || still_running(p))
		return;
	p->finished = true;
	if (p->web != -1)
		(void)kill(p->web, SIGTERM);
	if (ipc_send(p->ctl, IPC_CTL, IPC_CTL_finish, (struct bytes){NULL, 0}, -1, &why) != ERR_OK)
		loop_stop(p->loop);
}

static void
sensor_ended(struct parent *p, struct sensor *s, int status)
{
	bool crashed = WIFSIGNALED(status);
	int code = crashed ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	char detail[IPC_TEXT_MAX];

	s->pid = -1;
	if (code == 0) {
		tell_process(p, "sensor", "exit", 0, s->source->name);
	} else {
		(void)snprintf(detail, sizeof(detail), "%s: %s %d", s->source->name,
		    crashed ? "ended by signal" : "ended with status",
		    crashed ? WTERMSIG(status) : code);
		tell_process(p, "sensor", crashed ? "crash" : "exit", code, detail);
		if (crashed)
			role_say("sensor", "%s%s", detail,
			    s->source->live ? "; it is started again" : "; what was read is kept");
		if ((!s->source->live || (!crashed && !p->plan->daemon)) && p->status == 0)
			p->status = crashed ? STATUS_SYSTEM : code;
	}
	if (s->source->live && !p->stopping && (crashed || p->plan->daemon))
		plan_restart(s);
}

/* It could not be started. The daemon waits for an interface; a watch ends without it. */
static void
sensor_refused(struct parent *p, struct sensor *s, enum err e, const struct why *why)
{
	if (!s->told)
		role_say("sensor", "%s%s", why->text,
		    p->plan->daemon ? "; it is tried again" : "; what was seen is kept");
	s->told = true;
	if (!p->plan->daemon) {
		s->restart.ns = 0;
		p->status = STATUS_SYSTEM;
		maybe_finish(p);
		return;
	}
	plan_restart(s);
	if (e == ERR_ABSENT && s->backoff_ms > ABSENT_MS) { /* cheap to look for */
		s->backoff_ms = ABSENT_MS;
		s->restart.ns = mono_now().ns + ABSENT_MS * NS_PER_MS;
	}
}

static void
store_ended(struct parent *p, int status)
{
	p->store = -1;
	if (WIFEXITED(status) && p->finished) {
		if (p->status == 0)
			p->status = WEXITSTATUS(status);
	} else {
		if (WIFSIGNALED(status))
			role_say("store", "ended by signal %d; everything committed before is kept",
			    WTERMSIG(status));
		p->status = STATUS_SYSTEM; /* why, it has said itself */
	}
	loop_stop(p->loop);
}

static void
stop_sensors(struct parent *p)
{
	p->stopping = true;
	for (size_t i = 0; i < p->n_sensors; i++) {
		if (p->sensors[i].pid != -1)
			(void)kill(p->sensors[i].pid, SIGTERM);
	}
	guard_stop(p->guard);
	maybe_finish(p);
}

static void
on_signal(void *ctx, int signo)
{
	struct parent *p = ctx;
	int status;
	pid_t pid;

	if (signo != SIGCHLD) {
		stop_sensors(p);
		return;
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == p->store)
			store_ended(p, status);
		if (pid == p->web)
			web_ended(p, status);
		if (p->guard != NULL)
			(void)guard_ended(p->guard, pid, status);
		for (size_t i = 0; i < p->n_sensors; i++) {
			if (p->sensors[i].pid == pid)
				sensor_ended(p, &p->sensors[i], status);
		}
	}
	if (p->store != -1)
		maybe_finish(p);
}

static void
on_tick(void *ctx)
{
	struct parent *p = ctx;
	struct mono now = mono_now();
	struct why why;
	enum err e;

	if (p->web_restart.ns != 0 && now.ns >= p->web_restart.ns && !p->stopping &&
	    start_web(p, &why) != ERR_OK)
		role_say("web", "%s", why.text);
	for (size_t i = 0; i < p->n_sensors && !p->stopping; i++) {
		struct sensor *s = &p->sensors[i];

		if (s->restart.ns == 0 || now.ns < s->restart.ns)
			continue;
		if ((e = start_sensor(p, s, &why)) != ERR_OK) {
			sensor_refused(p, s, e, &why);
			continue;
		}
		s->told = false;
		tell_process(p, "sensor", "restart", 0, s->source->name);
	}
	if (p->guard != NULL)
		guard_tick(p->guard, now);
}

static void
on_client(void *ctx, uint32_t events)
{
	struct parent *p = ctx;
	int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	if (fd == -1)
		return;
	(void)(ipc_send(p->ctl, IPC_CTL, IPC_CTL_client, (struct bytes){NULL, 0}, fd, NULL) ==
	       ERR_OK);
	fd_close(&fd);
}

static enum err
listen_control(struct parent *p, struct why *why)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	mode_t mask;
	int r;

	if ((size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", p->plan->data,
		REQUEST_SOCKET) >= sizeof(a.sun_path))
		return FAIL(
		    why, ERR_USAGE, "the path of the data directory is too long for a socket");
	if ((p->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) == -1)
		return FAIL_SYS(why, "control socket");
	(void)unlink(a.sun_path);
	mask = umask(0177);
	r = bind(p->listener, (struct sockaddr *)&a, sizeof(a));
	(void)umask(mask);
	if (r == -1 || listen(p->listener, 16) == -1)
		return FAIL_SYS(why, "%s", a.sun_path);
	return loop_watch(p->loop, p->listener, EPOLLIN, on_client, p, why) == NULL ? ERR_SYSTEM
										    : ERR_OK;
}

/* --- start --- */

/* At the daemon's start: a kind of link that is not read is left out, an interface that is not
 * there is waited for. */
static enum err
begin_sensor(struct parent *p, struct sensor *s, struct why *why)
{
	enum err e = start_sensor(p, s, why);

	if (e == ERR_OK || !p->plan->daemon)
		return e;
	if (e == ERR_ABSENT) {
		sensor_refused(p, s, e, why);
		return ERR_OK;
	}
	if (e == ERR_REFUSED && p->plan->n_sources > 1) {
		role_say("sensor", "%s; it is left out", why->text);
		return ERR_OK;
	}
	return e;
}

static enum err
start_all(struct parent *p, struct why *why)
{
	const int signals[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, 0};
	enum err e;

	if ((p->loop = loop_new(why)) == NULL)
		return ERR_SYSTEM;
	if ((e = loop_signals(p->loop, signals, on_signal, p, why)) != ERR_OK ||
	    (e = start_store(p, why)) != ERR_OK || (e = listen_control(p, why)) != ERR_OK)
		return e;
	if (loop_every(p->loop, TICK_MS, on_tick, p, why) == NULL)
		return ERR_SYSTEM;
	if ((e = open_web(p, why)) != ERR_OK)
		return e;
	for (size_t i = 0; i < p->plan->n_sources; i++) {
		for (unsigned k = 0; k < p->plan->sensors; k++) {
			struct sensor *s = &p->sensors[p->n_sensors++];

			*s = (struct sensor){.source = &p->plan->sources[i], .index = k, .pid = -1};
			if ((e = begin_sensor(p, s, why)) != ERR_OK)
				return e;
		}
	}
	if ((e = start_guard(p, why)) != ERR_OK)
		return e;
	if (!still_running(p))
		return FAIL(why, ERR_SYSTEM, "no interface is left to watch");
	return ERR_OK;
}

static void
reap_all(struct parent *p)
{
	for (size_t i = 0; i < p->n_sensors; i++) {
		if (p->sensors[i].pid != -1) {
			(void)kill(p->sensors[i].pid, SIGTERM);
			(void)waitpid(p->sensors[i].pid, NULL, 0);
		}
	}
	if (p->web != -1) {
		(void)kill(p->web, SIGTERM);
		(void)waitpid(p->web, NULL, 0);
	}
	fd_close(&p->web_listener);
	guard_free(p->guard);
	p->guard = NULL;
	fd_close(&p->ctl);
	if (p->store > 0)
		(void)waitpid(p->store, NULL, 0);
}

static void
drop_control(struct parent *p)
{
	char path[DATA_DIR_PATH_MAX];

	if (p->listener == -1)
		return;
	fd_close(&p->listener);
	(void)snprintf(path, sizeof(path), "%s/%s", p->plan->data, REQUEST_SOCKET);
	(void)unlink(path);
}

int
watch_run(struct watch_plan *plan)
{
	struct parent p = {
	    .plan = plan, .store = -1, .ctl = -1, .web = -1, .web_listener = -1, .listener = -1};
	struct why why = {0};
	enum err e;

	p.live = plan->gate;
	for (size_t i = 0; i < plan->n_sources; i++)
		p.live |= plan->sources[i].live;
	if ((e = start_all(&p, &why)) == ERR_OK) {
		if (plan->hello != NULL) {
			FILE *to = plan->hello_to != NULL ? plan->hello_to : stdout;

			(void)fputs(plan->hello, to);
			(void)fflush(to);
		}
		maybe_finish(&p);
		e = loop_run(p.loop, &why);
	}
	drop_control(&p);
	reap_all(&p);
	loop_free(p.loop);
	explicit_bzero(&p.key, sizeof(p.key));
	if (e != ERR_OK) {
		(void)fprintf(stderr, "hemostat: %s\n", why.text);
		return e == ERR_INPUT || e == ERR_ABSENT ? 3 : e == ERR_USAGE ? 2 : STATUS_SYSTEM;
	}
	return p.status;
}
