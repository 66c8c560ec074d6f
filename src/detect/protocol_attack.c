/* SPDX-License-Identifier: Apache-2.0 */
/* One finding a sender and kind of deviation. */
#include "detect/engine.h"

void
detect_protocol_attack(struct detect *d, const struct event *ev)
{
	const struct ev_anomaly *a = &ev->u.anomaly;
	const struct anomaly_info *info = anomaly_info(a->name);
	struct end from = detect_speaker(d);
	struct hit h = {.detector = DETECTOR_protocol_attack,
	    .device = from.device,
	    .ip = from.ip,
	    .peer = detect_listener(d).ip,
	    .link = d->link.id};

	if (info == NULL || info->class != ANOMALY_ATTACK || a->name == ANOMALY_tcp_conflict)
		return;
	h.cause = bytes_str(info->name);
	if (detect_hit(d, &h))
		detect_say(d, "%s to %s by %s: %s%s%.*s%s", end_text(d, from).t,
		    ip_text(detect_listener(d).ip).t, proto_text(a->proto), info->text,
		    a->detail.len > 0 ? " (" : "", (int)a->detail.len, (const char *)a->detail.ptr,
		    a->detail.len > 0 ? ")" : "");
}
