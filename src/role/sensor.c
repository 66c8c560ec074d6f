/* SPDX-License-Identifier: Apache-2.0 */
/* Role sensor: its capture in, events to the store, nothing else.
 * Descriptors: 3 the capture, 4 the pipe to the store, 5 the pipe with its start message.
 * Ends: 0 the file was read or it was told to stop; 3 bad input; 4 system trouble. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/file.h"
#include "capture/live.h"
#include "naming/naming.h"
#include "role/role.h"
#include "sense/sense.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/sandbox.h"

enum { FD_CAPTURE = 3, FD_EVENTS = 4, FD_START = 5 };
enum { STATUS_INPUT = 3, STATUS_SYSTEM = 4 };
enum { STATS_PERIOD_MS = 500, LIVE_WAIT_MS = 200, CHECK_EVERY = 256 };

struct sensor {
	struct ipc_start start;
	struct capture *capture;
	struct sense *sense;
	struct naming *naming;
	int signals;
	struct mono next_stats;
	uint64_t file_bytes; /* 0: not known */
	bool progress_shown;
	bool deaf; /* the store is gone */
	bool down; /* its interface is down */
};

static void
send_message(struct sensor *s, enum ipc_type type, struct bytes payload)
{
	uint8_t head[5];
	uint32_t len = (uint32_t)payload.len;

	memcpy(head, &len, sizeof(len));
	head[4] = (uint8_t)type;
	if (s->deaf || fd_write_all(FD_EVENTS, bytes_of(head, sizeof(head)), NULL) != ERR_OK ||
	    fd_write_all(FD_EVENTS, payload, NULL) != ERR_OK)
		s->deaf = true;
}

static void
on_events(void *ctx, struct bytes records)
{
	send_message(ctx, IPC_UP_events, records);
}

static void
send_stats(struct sensor *s)
{
	struct ipc_stats m = {0};
	struct sense_counters c;

	sense_count(s->sense, &c);
	m.packets = c.packets;
	m.bytes = c.bytes;
	m.dropped = capture_counters(s->capture).dropped;
	m.flows = c.flows;
	m.live_flows = c.live_flows;
	m.memory_high = c.memory_high;
	memcpy(m.units, c.units, sizeof(m.units));
	send_message(s, IPC_UP_stats, bytes_of(&m, sizeof(m)));
}

static void
show_progress(struct sensor *s, bool last)
{
	struct capture_counters c;

	if (!s->start.progress || s->start.live)
		return;
	if (last) {
		if (s->progress_shown)
			(void)fputs("\r\033[K", stderr);
		return;
	}
	c = capture_counters(s->capture);
	if (s->file_bytes > 0 && capture_file_wrap(s->capture) == CAPTURE_PLAIN)
		(void)fprintf(stderr, "\rreading %s: %3llu %%, %llu packets\033[K", s->start.name,
		    (unsigned long long)(capture_file_offset(s->capture) * 100 / s->file_bytes),
		    (unsigned long long)c.packets);
	else
		(void)fprintf(stderr, "\rreading %s: %llu MB, %llu packets\033[K", s->start.name,
		    (unsigned long long)(c.bytes >> 20), (unsigned long long)c.packets);
	s->progress_shown = true;
}

static void
tick(struct sensor *s)
{
	struct mono now = mono_now();

	if (now.ns < s->next_stats.ns)
		return;
	s->next_stats.ns = now.ns + STATS_PERIOD_MS * NS_PER_MS;
	send_stats(s);
	show_progress(s, false);
}

/* --- naming, for sense --- */

static void *
name_open(void *ctx)
{
	return naming_open(ctx);
}

static bool
name_packet(void *ctx, void *flow, struct bytes ip, struct wall time, char label[32])
{
	return naming_packet(ctx, flow, ip, time, label);
}

static void
name_close(void *ctx, void *flow)
{
	naming_close(ctx, flow);
}

/* --- reading --- */

static void
take_batch(struct sensor *s, const struct capture_packet *in, size_t n)
{
	struct sense_frame frames[CAPTURE_BATCH];

	for (size_t i = 0; i < n; i++)
		frames[i] = (struct sense_frame){.bytes = in[i].bytes,
		    .wire_len = in[i].wire_len,
		    .linktype = in[i].linktype,
		    .vlan_tci = in[i].vlan_tci == 0 ? -1 : in[i].vlan_tci,
		    .time = in[i].time,
		    .number = in[i].index};
	sense_frames(s->sense, frames, n);
}

static bool
told_to_stop(const struct sensor *s)
{
	struct signalfd_siginfo info;

	return read(s->signals, &info, sizeof(info)) == sizeof(info);
}

static enum err
read_file(struct sensor *s, struct why *why)
{
	struct capture_packet packets[CAPTURE_BATCH];
	unsigned turns = 0;
	size_t n;
	enum err e;

	while ((e = capture_next_batch(s->capture, packets, CAPTURE_BATCH, &n, why)) == ERR_OK) {
		if (n == 0)
			break;
		take_batch(s, packets, n);
		if (++turns % CHECK_EVERY != 0)
			continue;
		tick(s);
		if (s->deaf || told_to_stop(s))
			break;
	}
	/* A batch that ends in an error still holds what came before it. */
	if (e != ERR_OK && n > 0)
		take_batch(s, packets, n);
	return e;
}

/* Once, not at every look; one sensor speaks for all that share the interface. */
static void
say_down(struct sensor *s, const struct why *why)
{
	s->down = !s->down;
	if (s->start.sensor != 0)
		return;
	if (s->down)
		(void)fprintf(stderr, "hemostat: %s; packets are read again as soon as it is up\n",
		    why->text);
	else
		(void)fprintf(stderr, "hemostat: interface \"%s\" is up again\n", s->start.name);
}

static enum err
read_live(struct sensor *s, struct why *why)
{
	struct pollfd wait[2] = {
	    {.fd = capture_fd(s->capture), .events = POLLIN}, {.fd = s->signals, .events = POLLIN}};
	struct capture_packet packets[CAPTURE_BATCH];
	size_t n;
	enum err e;

	for (;;) {
		e = capture_next_batch(s->capture, packets, CAPTURE_BATCH, &n, why);
		if (e != ERR_OK && e != ERR_ABSENT)
			return e;
		if (s->down != (e == ERR_ABSENT))
			say_down(s, why);
		if (e == ERR_ABSENT)
			n = 0;
		if (n > 0)
			take_batch(s, packets, n);
		tick(s);
		if (s->deaf || told_to_stop(s))
			return ERR_OK;
		if (n > 0)
			continue;
		sense_idle(s->sense, wall_now());
		if (poll(wait, 2, LIVE_WAIT_MS) == -1 && errno != EINTR)
			return FAIL_SYS(why, "wait for packets");
	}
}

/* --- start --- */

static enum err
read_start(struct sensor *s, struct why *why)
{
	struct ipc_reader r = {.direction = IPC_DOWN};
	struct ipc_message m;
	size_t at = 0;
	enum err e;

	do {
		if ((e = ipc_fill(&r, FD_START, why)) != ERR_OK)
			break;
	} while ((e = ipc_next(&r, &at, &m, why)) == ERR_LIMIT);
	if (e == ERR_OK) {
		memcpy(&s->start, m.payload.ptr, sizeof(s->start));
		s->start.name[sizeof(s->start.name) - 1] = 0;
		if (s->start.version != IPC_VERSION)
			e = FAIL(why, ERR_SYSTEM, "parent and sensor are of different versions");
	}
	explicit_bzero(r.in.ptr, r.in.len);
	buf_free(&r.in);
	(void)close(FD_START);
	return e;
}

static enum err
open_capture(struct sensor *s, struct why *why)
{
	struct stat st;
	struct live_settings live = {.interface = s->start.name, .promiscuous = true};

	if (s->start.live)
		return live_map(FD_CAPTURE, &live, &s->capture, why);
	if (fstat(FD_CAPTURE, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		s->file_bytes = (uint64_t)st.st_size;
	return capture_file_open(FD_CAPTURE, &s->capture, why);
}

static enum err
prepare(struct sensor *s, struct why *why)
{
	static struct sense_naming naming = {
	    .open = name_open, .packet = name_packet, .close = name_close};
	struct sense_settings set;
	struct ipc_hello hello = {.version = IPC_VERSION};
	sigset_t stop;
	bool landlocked;
	enum err e;

	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	if ((s->signals = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		return FAIL_SYS(why, "signals");
	if ((e = read_start(s, why)) != ERR_OK || (e = open_capture(s, why)) != ERR_OK)
		return e;
	if ((s->naming = naming_new()) == NULL)
		return FAIL_SYS(why, "naming");
	naming.ctx = s->naming;
	set = (struct sense_settings){.key = s->start.key,
	    .source = s->start.source,
	    .sensor = s->start.sensor,
	    /* The kernel's fan-out has shared a live capture already. */
	    .sensors = s->start.live ? 1 : s->start.sensors,
	    .max_flows = s->start.max_flows,
	    .memory = s->start.memory_bytes,
	    .events = on_events,
	    .ctx = s,
	    .naming = &naming};
	if ((s->sense = sense_new(&set)) == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for the sensor");
	explicit_bzero(&set.key, sizeof(set.key));
	explicit_bzero(&s->start.key, sizeof(s->start.key));
	hello.sensor = s->start.sensor;
	hello.source = s->start.source;
	(void)snprintf(hello.name, sizeof(hello.name), "%s", s->start.name);
	send_message(s, IPC_UP_hello, bytes_of(&hello, sizeof(hello)));
	return sandbox_enter(SANDBOX_SENSOR, -1, &landlocked, why);
}

int
role_sensor(int argc, char **argv)
{
	struct sensor s = {0};
	struct ipc_done done = {0};
	struct why why = {0};
	enum err e;

	(void)argc;
	(void)argv;
	if ((e = prepare(&s, &why)) == ERR_OK)
		e = s.start.live ? read_live(&s, &why) : read_file(&s, &why);
	if (s.sense != NULL) {
		sense_end(s.sense);
		send_stats(&s);
	}
	show_progress(&s, true);
	done.code = e;
	if (e != ERR_OK) {
		(void)snprintf(
		    done.text, sizeof(done.text), "%.*s", (int)sizeof(done.text) - 1, why.text);
		if (s.start.live) /* why names the interface */
			(void)fprintf(stderr, "hemostat: %s; what was seen is kept\n", why.text);
		else
			(void)fprintf(stderr, "hemostat: %s: %s\n", s.start.name, why.text);
	}
	if (s.sense != NULL)
		send_message(&s, IPC_UP_done, bytes_of(&done, sizeof(done)));
	sense_free(s.sense);
	capture_close(s.capture);
	naming_free(s.naming);
	return e == ERR_OK ? 0 : e == ERR_INPUT || e == ERR_LIMIT ? STATUS_INPUT : STATUS_SYSTEM;
}
