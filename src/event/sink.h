/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pure room puts the events it makes itself (device, finding).
 * The head is that of the event that caused it, so that time and evidence pointer go with it.
 * Views in `fields` live until emit() returns. */
#pragma once

#include "event/event.h"

struct event_sink {
	void *ctx;
	void (*emit)(void *ctx, enum event_kind kind, const struct event_head *head,
	    const void *fields); /* fields: struct ev_KIND */
};

/* True for what the asset and detect rooms made from other events: rebuilding from stored events
 * leaves these out, since the same events make them again. What a person did is not derived. */
static inline bool
event_is_derived(const struct event *ev)
{
	return (ev->kind == EV_device && ev->u.device.who.len == 0) ||
	       (ev->kind == EV_finding && ev->u.finding.who.len == 0);
}
