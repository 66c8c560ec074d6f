/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that show up in the first minutes belong to the network; later ones do not. */
#include "detect/engine.h"

void
detect_dhcp_takeover(struct detect *d, const struct event *ev)
{
	const struct ev_binding *b = &ev->u.binding;
	struct end at = {b->ip, asset_of_ip(d->book, b->ip)};
	struct hit h = {.detector = DETECTOR_dhcp_takeover,
	    .device = at.device,
	    .ip = b->ip,
	    .cause = BYTES("server")};
	struct row_seen *row;
	bool fresh;

	if (!bytes_eq(b->source, BYTES("dhcp")) || (b->flags & BINDING_SERVER) == 0 ||
	    ip_is_zero(b->ip) || ip_is_group(b->ip))
		return;
	if (d->dhcp_first_ns == 0)
		d->dhcp_first_ns = d->head->time.ns;
	row = table_row(&d->dhcp_servers, key_of_ip(b->ip, 7), &fresh);
	if (fresh)
		row->first_ns = d->head->time.ns;
	if (row->first_ns - d->dhcp_first_ns < (int64_t)d->config.dhcp_learn_s * NS_PER_S ||
	    asset_state_of(d->book, at.device) == ASSET_APPROVED || detect_is_manager(d, b->ip))
		return;
	if (detect_hit(d, &h))
		detect_say(d,
		    "%s hands out addresses; only other machines did so before: it can lead "
		    "devices to a false gateway",
		    end_text(d, at).t);
}
