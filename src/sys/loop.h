/* SPDX-License-Identifier: Apache-2.0 */
/* A thin event loop over epoll: descriptors, one timer each, signals as events. One per process.
 * Callbacks do bounded work and return; they may add and remove watches, their own included. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"

struct loop;
struct watch;

typedef void (*watch_fn)(void *ctx, uint32_t epoll_events);
typedef void (*timer_fn)(void *ctx);
typedef void (*signal_fn)(void *ctx, int signo);

struct loop *loop_new(struct why *why);
void loop_free(struct loop *l);

/* Watch fd for EPOLLIN, EPOLLOUT, ... (level-triggered). The loop never closes fd. NULL: system. */
struct watch *loop_watch(
    struct loop *l, int fd, uint32_t events, watch_fn fn, void *ctx, struct why *why) MUST_CHECK;
enum err loop_change(struct loop *l, struct watch *w, uint32_t events, struct why *why) MUST_CHECK;
void loop_unwatch(struct loop *l, struct watch *w);

/* Call fn every period_ms until unwatched. */
struct watch *loop_every(
    struct loop *l, int period_ms, timer_fn fn, void *ctx, struct why *why) MUST_CHECK;

/* Block the listed signals (0 ends the list) in this process and deliver them here. */
enum err loop_signals(
    struct loop *l, const int *signals, signal_fn fn, void *ctx, struct why *why) MUST_CHECK;

/* Until loop_stop(). */
enum err loop_run(struct loop *l, struct why *why) MUST_CHECK;
void loop_stop(struct loop *l);
