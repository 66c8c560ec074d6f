/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sys/fd.h"

enum { LOOP_EVENTS = 64 };

struct watch {
	struct watch *next; /* all watches; removed ones are freed between turns */
	int fd;
	bool dead;
	bool own_fd; /* timer and signal descriptors are ours to close */
	watch_fn fn;
	timer_fn timer;
	signal_fn signal;
	void *ctx;
};

struct loop {
	int epoll;
	bool stop;
	struct watch *all;
};

struct loop *
loop_new(struct why *why)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL || (l->epoll = epoll_create1(EPOLL_CLOEXEC)) == -1) {
		(void)FAIL_SYS(why, "event loop");
		free(l);
		return NULL;
	}
	return l;
}

static void
free_watch(struct watch *w)
{
	if (w->own_fd)
		fd_close(&w->fd);
	free(w);
}

static void
sweep(struct loop *l, bool all)
{
	struct watch **at = &l->all;

	while (*at != NULL) {
		struct watch *w = *at;

		if (!all && !w->dead) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		free_watch(w);
	}
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	sweep(l, true);
	fd_close(&l->epoll);
	free(l);
}

struct watch *
loop_watch(struct loop *l, int fd, uint32_t events, watch_fn fn, void *ctx, struct why *why)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (w == NULL || epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) == -1) {
		(void)FAIL_SYS(why, "watch descriptor %d", fd);
		free(w);
		return NULL;
	}
	w->fd = fd;
	w->fn = fn;
	w->ctx = ctx;
	w->next = l->all;
	l->all = w;
	return w;
}

enum err
loop_change(struct loop *l, struct watch *w, uint32_t events, struct why *why)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &ev) == -1)
		return FAIL_SYS(why, "change watch of descriptor %d", w->fd);
	return ERR_OK;
}

void
loop_unwatch(struct loop *l, struct watch *w)
{
	if (w == NULL || w->dead)
		return;
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->dead = true;
}

struct watch *
loop_every(struct loop *l, int period_ms, timer_fn fn, void *ctx, struct why *why)
{
	struct timespec period = {period_ms / 1000, (long)(period_ms % 1000) * 1000000};
	struct itimerspec spec = {period, period};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct watch *w;

	if (fd == -1 || timerfd_settime(fd, 0, &spec, NULL) == -1) {
		(void)FAIL_SYS(why, "timer");
		fd_close(&fd);
		return NULL;
	}
	if ((w = loop_watch(l, fd, EPOLLIN, NULL, ctx, why)) == NULL) {
		fd_close(&fd);
		return NULL;
	}
	w->own_fd = true;
	w->timer = fn;
	return w;
}

enum err
loop_signals(struct loop *l, const int *signals, signal_fn fn, void *ctx, struct why *why)
{
	struct watch *w;
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	for (; *signals != 0; signals++)
		(void)sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
	    (fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		return FAIL_SYS(why, "signals");
	if ((w = loop_watch(l, fd, EPOLLIN, NULL, ctx, why)) == NULL) {
		fd_close(&fd);
		return ERR_SYSTEM;
	}
	w->own_fd = true;
	w->signal = fn;
	return ERR_OK;
}

static void
fire(struct watch *w, uint32_t events)
{
	struct signalfd_siginfo info;
	uint64_t ticks;

	if (w->timer != NULL) {
		if (read(w->fd, &ticks, sizeof(ticks)) == sizeof(ticks))
			w->timer(w->ctx);
	} else if (w->signal != NULL) {
		while (!w->dead && read(w->fd, &info, sizeof(info)) == sizeof(info))
			w->signal(w->ctx, (int)info.ssi_signo);
	} else {
		w->fn(w->ctx, events);
	}
}

enum err
loop_run(struct loop *l, struct why *why)
{
	struct epoll_event ev[LOOP_EVENTS];

	l->stop = false;
	while (!l->stop) {
		int n = epoll_wait(l->epoll, ev, LOOP_EVENTS, -1);

		if (n == -1 && errno != EINTR)
			return FAIL_SYS(why, "event loop");
		for (int i = 0; i < n && !l->stop; i++) {
			struct watch *w = ev[i].data.ptr;

			if (!w->dead)
				fire(w, ev[i].events);
		}
		sweep(l, false);
	}
	return ERR_OK;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}
