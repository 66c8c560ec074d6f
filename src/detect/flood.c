/* SPDX-License-Identifier: Apache-2.0 */
/* Messages are held against what was the most on their link before, connections against a fixed
 * rate. A window is told once. */
#include "detect/engine.h"

static bool
over(struct detect *d, struct row_window *row, uint64_t least, uint64_t times)
{
	uint64_t limit;

	if (row->start_ns != 0 &&
	    d->head->time.ns - row->start_ns >= (int64_t)d->config.flood_window_s * NS_PER_S) {
		/* What was a flood is no measure of what is normal. */
		if (row->told == 0 && row->count > row->most)
			row->most = row->count;
		row->count = row->told = 0;
		row->start_ns = 0;
	}
	if (row->start_ns == 0)
		row->start_ns = d->head->time.ns;
	row->count++;
	limit = times > 0 && row->most < UINT64_MAX / times && row->most * times > least
		    ? row->most * times
		    : least;
	if (row->count < limit || row->told != 0)
		return false;
	row->told = 1;
	return true;
}

static void
on_message(struct detect *d)
{
	struct end to = detect_listener(d);
	struct row_window *row;
	bool fresh;
	struct hit h = {.detector = DETECTOR_flood,
	    .device = to.device,
	    .ip = to.ip,
	    .peer = detect_speaker(d).ip,
	    .link = d->link.id,
	    .cause = BYTES("messages")};

	if (d->link.id == 0)
		return;
	row = table_row(&d->messages, mix64(d->link.id * 2 + d->head->dir) | 1, &fresh);
	if (over(d, row, d->config.flood_messages, d->config.flood_times_learned) &&
	    detect_hit(d, &h))
		detect_say(d, "%s got %llu messages within %llu s from %s", end_text(d, to).t,
		    (unsigned long long)row->count, (unsigned long long)d->config.flood_window_s,
		    end_text(d, detect_speaker(d)).t);
}

static void
on_flow(struct detect *d, const struct ev_flow *f)
{
	struct end to = {f->resp, asset_of_ip(d->book, f->resp)};
	struct row_window *row;
	bool fresh;
	struct hit h = {.detector = DETECTOR_flood,
	    .device = to.device,
	    .ip = f->resp,
	    .peer = f->orig,
	    .cause = BYTES("connections")};

	/* Only what can be entered: datagrams to name servers are no connections. */
	if (f->transport != transport_tcp || to.device == 0 ||
	    (!asset_is_clinical(d->book, to.device)))
		return;
	row = table_row(&d->connections, key_of_ip(f->resp, 5), &fresh);
	if (over(d, row, d->config.flood_connections, 0) && detect_hit(d, &h))
		detect_say(d, "%s got %llu connections within %llu s, last from %s",
		    end_text(d, to).t, (unsigned long long)row->count,
		    (unsigned long long)d->config.flood_window_s, ip_text(f->orig).t);
}

void
detect_flood(struct detect *d, const struct event *ev)
{
	if (ev->kind == EV_message)
		on_message(d);
	else
		on_flow(d, &ev->u.flow);
}
