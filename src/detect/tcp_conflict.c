/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever reads the first version and whoever reads the second see two stories. */
#include "detect/engine.h"

void
detect_tcp_conflict(struct detect *d, const struct event *ev)
{
	const struct ev_anomaly *a = &ev->u.anomaly;
	struct end from = detect_speaker(d), to = detect_listener(d);
	struct hit h = {.detector = DETECTOR_tcp_conflict,
	    .device = from.device,
	    .ip = from.ip,
	    .peer = to.ip,
	    .link = d->link.id,
	    .cause = bytes_str(proto_label(a->proto))};

	if (a->name != ANOMALY_tcp_conflict)
		return;
	if (proto_kind(a->proto) == PROTO_KIND_CLINICAL)
		h.severity = severity_critical;
	if (detect_hit(d, &h))
		detect_say(d,
		    "%s sent two different versions of the same bytes to %s by %s; the first "
		    "was read",
		    end_text(d, from).t, end_text(d, to).t, proto_text(a->proto));
}
