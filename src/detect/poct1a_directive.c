/* SPDX-License-Identifier: Apache-2.0 */
/* A device dials its manager, and the manager directs it over that connection. Who dials in to
 * direct, or is not the one the device was directed by while learning, is a stranger. */
#include "detect/engine.h"

void
detect_poct1a_directive(struct detect *d, const struct event *ev)
{
	const struct ev_message *m = &ev->u.message;
	struct end from = detect_speaker(d), to = detect_listener(d);
	struct hit h = {.detector = DETECTOR_poct1a_directive,
	    .device = to.device,
	    .ip = to.ip,
	    .peer = from.ip,
	    .link = d->link.id,
	    .cause = bytes_sub(m->type, 0, FINDING_CAUSE_MAX)};
	bool fresh, dialled;
	struct row_seen *row;

	if (m->proto != PROTO_poct1a || d->link.id == 0 ||
	    (m->category != category_directive && m->category != category_config) ||
	    detect_is_manager(d, from.ip))
		return;
	dialled = ev->head.dir == dir_resp;
	row = table_row(&d->directors, key_of_ips(to.ip, from.ip, 8), &fresh);
	if (fresh && dialled && !detect_has_learned(d, to.device))
		row->first_ns = d->head->time.ns;
	if (row->first_ns != 0)
		return;
	if (detect_hit(d, &h))
		detect_say(d, "%s told %s what to do (%.*s), but is not its known manager",
		    end_text(d, from).t, end_text(d, to).t, (int)m->type.len,
		    (const char *)m->type.ptr);
}
