/* SPDX-License-Identifier: Apache-2.0 */
/* Holes are said so that silence is not taken for safety. */
#include "detect/engine.h"

#include <stdio.h>

static void
tell(struct detect *d, const char *text, uint64_t n, uint64_t of)
{
	char cause[32];
	struct hit h = {.detector = DETECTOR_capture_loss};

	(void)snprintf(cause, sizeof(cause), "capture %llu", (unsigned long long)d->head->source);
	h.cause = bytes_str(cause);
	if (detect_hit(d, &h))
		detect_say(d,
		    "Capture %llu has holes: %llu %s%llu; nothing is claimed about what was in "
		    "them",
		    (unsigned long long)d->head->source, (unsigned long long)n, text,
		    (unsigned long long)of);
}

static void
on_capture(struct detect *d, const struct ev_capture *c)
{
	struct row_capture *row;
	uint64_t packets, dropped;
	bool fresh;

	row = table_row(&d->captures, mix64(d->head->source + 1) | 1, &fresh);
	/* Counters go on from the last report; a restart begins anew. */
	if (bytes_eq(c->what, BYTES("start")) || c->packets < row->packets ||
	    c->dropped < row->dropped)
		row->packets = row->dropped = 0;
	packets = c->packets - row->packets;
	dropped = c->dropped - row->dropped;
	row->packets = c->packets;
	row->dropped = c->dropped;
	if (dropped == 0 || dropped > UINT64_MAX / 1000000)
		return;
	if (dropped * 1000000 / (packets + dropped) >= d->config.loss_ppm)
		tell(d, "packets dropped of ", dropped, packets + dropped);
}

static void
on_anomaly(struct detect *d, const struct ev_anomaly *a)
{
	const struct anomaly_info *info = anomaly_info(a->name);
	struct row_capture *row;
	bool fresh;

	if (info == NULL || info->class != ANOMALY_LOSS)
		return;
	row = table_row(&d->captures, mix64(d->head->source + 1) | 1, &fresh);
	if (detect_window(d, &row->start_ns, d->config.loss_window_s))
		row->holes = 0;
	row->holes += a->count > 0 ? a->count : 1;
	if (row->holes >= d->config.loss_holes)
		tell(d, "missing pieces of streams within seconds: ", row->holes,
		    d->config.loss_window_s);
}

void
detect_capture_loss(struct detect *d, const struct event *ev)
{
	if (ev->kind == EV_capture)
		on_capture(d, &ev->u.capture);
	else
		on_anomaly(d, &ev->u.anomaly);
}
