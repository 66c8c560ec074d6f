/* SPDX-License-Identifier: Apache-2.0 */
/* Whose password it was is never told; a default account is, since everyone knows it. */
#include "detect/engine.h"

#include <stdio.h>

void
detect_clear_credentials(struct detect *d, const struct event *ev)
{
	const struct ev_credential *c = &ev->u.credential;
	struct end server = detect_server(d);
	bool common = c->account.len > 0;
	char cause[FINDING_CAUSE_MAX];
	struct hit h = {.detector = DETECTOR_clear_credentials,
	    .device = server.device,
	    .ip = server.ip,
	    .peer = d->link.client,
	    .link = d->link.id};

	if (detect_in_tls(d))
		return;
	/* An SNMP community is read access most of the time. */
	if (c->proto == PROTO_snmp)
		h.severity = severity_low;
	else if (common)
		h.severity = severity_critical;
	(void)snprintf(cause, sizeof(cause), "%s %.*s", proto_label(c->proto), (int)c->scheme.len,
	    (const char *)c->scheme.ptr);
	h.cause = bytes_str(cause);
	if (detect_hit(d, &h))
		detect_say(d,
		    "%s to %s shows a password or token (%.*s%s%.*s) to everyone on the way",
		    proto_text(c->proto), end_text(d, server).t, (int)c->scheme.len,
		    (const char *)c->scheme.ptr, common ? ", account " : "", (int)c->account.len,
		    (const char *)c->account.ptr);
}
