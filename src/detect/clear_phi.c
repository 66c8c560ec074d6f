/* SPDX-License-Identifier: Apache-2.0 */
/* One finding a server: that is where TLS is switched on once for all who talk to it. */
#include "detect/engine.h"

void
detect_clear_phi(struct detect *d, const struct event *ev)
{
	const struct ev_message *m = &ev->u.message;
	struct end server = detect_server(d);
	struct hit h = {.detector = DETECTOR_clear_phi,
	    .device = server.device,
	    .ip = server.ip,
	    .peer = d->link.client,
	    .link = d->link.id,
	    .cause = bytes_str(proto_label(m->proto))};

	if (m->phi == 0 || (m->flags & MESSAGE_PROTECTED) != 0 || detect_in_tls(d))
		return;
	if (detect_hit(d, &h))
		detect_say(d,
		    "%s to %s carries patient data readable by everyone on the way; first by %s",
		    proto_text(m->proto), end_text(d, server).t, end_text(d, detect_client(d)).t);
}
