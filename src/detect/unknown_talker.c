/* SPDX-License-Identifier: Apache-2.0 */
/* A link is told once by each sensor, and again when one restarts: what counts is whether the
 * book has just met it. */
#include "detect/engine.h"

void
detect_unknown_talker(struct detect *d, const struct event *ev)
{
	const struct ev_link *l = &ev->u.link;
	struct asset_link link;
	struct end client, server;
	struct hit h = {.detector = DETECTOR_unknown_talker};
	bool blocked;

	if (!asset_link_get(d->book, l->id, &link) || proto_kind(l->proto) != PROTO_KIND_CLINICAL)
		return;
	client = (struct end){link.client, link.client_id};
	server = (struct end){link.server, link.server_id};
	blocked = asset_state_of(d->book, client.device) == ASSET_BLOCKED ||
		  asset_state_of(d->book, client.device) == ASSET_RETIRED;
	if (!blocked &&
	    (link.first_seen.ns != d->head->time.ns || !detect_has_learned(d, server.device) ||
		detect_is_manager(d, client.ip)))
		return;
	h.device = client.device;
	h.ip = client.ip;
	h.peer = server.ip;
	h.link = l->id;
	h.severity = blocked ? severity_critical : 0;
	h.cause = bytes_str(blocked ? "blocked" : proto_label(l->proto));
	if (detect_hit(d, &h))
		detect_say(d, "%s%s talks %s to %s%s", end_text(d, client).t,
		    blocked ? ", which was blocked or retired," : "", proto_text(l->proto),
		    end_text(d, server).t, blocked ? "" : " and never did before");
}
