/* SPDX-License-Identifier: Apache-2.0 */
/* With zones: a clinical system may be reached from clinical zones only. Without: private addresses
 * are inside, and clinical talk between inside and outside is told in either direction. */
#include "detect/engine.h"

static void
tell(struct detect *d, struct end client, struct end server, uint64_t proto, uint64_t link)
{
	const struct detect_zone *zone = detect_zone_of(&d->config, client.ip);
	bool leaves = detect_is_inside(d, client.ip) && !detect_is_inside(d, server.ip);
	struct end at = leaves ? client : server;
	struct hit h = {.detector = DETECTOR_outside_zone,
	    .device = at.device,
	    .ip = at.ip,
	    .peer = leaves ? server.ip : client.ip,
	    .link = link};
	char cause[IP_TEXT_MAX];

	/* Public addresses come by the hundreds: they are one cause. */
	ip_format(h.peer, cause);
	h.cause = ip_is_private(h.peer) ? bytes_str(cause) : BYTES("public");
	if (!detect_hit(d, &h))
		return;
	if (leaves)
		detect_say(d, "%s talks %s to %s, outside the network", end_text(d, client).t,
		    proto_text(proto), end_text(d, server).t);
	else
		detect_say(d, "%s is reached by %s from %s, which is in %s%s",
		    end_text(d, server).t, proto_text(proto), end_text(d, client).t,
		    zone != NULL ? "zone " : "no zone", zone != NULL ? zone->name : "");
}

static bool
is_outside(const struct detect *d, struct ip client, struct ip server, bool clinical_talk)
{
	const struct detect_zone *from, *to;

	if (detect_is_manager(d, client))
		return false;
	if (d->config.n_zones == 0)
		return ip_is_private(client) != ip_is_private(server) &&
		       (clinical_talk || !ip_is_private(client));
	from = detect_zone_of(&d->config, client);
	to = detect_zone_of(&d->config, server);
	if (to == NULL)
		return clinical_talk && from != NULL;
	return to != from && to->clinical && (from == NULL || !from->clinical);
}

void
detect_outside_zone(struct detect *d, const struct event *ev)
{
	struct end client, server;
	bool talk;

	if (ev->kind == EV_link) {
		const struct ev_link *l = &ev->u.link;

		client = (struct end){l->client, asset_of_ip(d->book, l->client)};
		server = (struct end){l->server, asset_of_ip(d->book, l->server)};
		talk = proto_kind(l->proto) == PROTO_KIND_CLINICAL;
		if (talk && is_outside(d, client.ip, server.ip, true))
			tell(d, client, server, l->proto, l->id);
		return;
	}
	/* Any answered flow into a clinical system; clinical talk was told by its link. */
	{
		const struct ev_flow *f = &ev->u.flow;

		if (f->resp_packets == 0 || f->state == state_rejected ||
		    f->state == state_unanswered || ip_is_group(f->resp) || ip_is_group(f->orig) ||
		    proto_kind(f->proto) == PROTO_KIND_CLINICAL)
			return;
		client = (struct end){f->orig, asset_of_ip(d->book, f->orig)};
		server = (struct end){f->resp, asset_of_ip(d->book, f->resp)};
		if (asset_is_clinical(d->book, server.device) &&
		    is_outside(d, client.ip, server.ip, false))
			tell(d, client, server, f->proto, f->link);
	}
}
