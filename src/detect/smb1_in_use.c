/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of SMB tells a server that chose version 1 as its service. */
#include "detect/engine.h"

void
detect_smb1_in_use(struct detect *d, const struct event *ev)
{
	const struct ev_claim *c = &ev->u.claim;
	struct end at = {c->ip, asset_of_ip(d->book, c->ip)};
	struct hit h = {
	    .detector = DETECTOR_smb1_in_use, .link = d->link.id, .cause = BYTES("SMB 1")};

	if (c->attr != attr_service || c->behind || !bytes_eq(c->value, BYTES("SMB 1")))
		return;
	if (at.device == 0)
		at = detect_speaker(d);
	h.device = at.device;
	h.ip = at.ip;
	h.peer = detect_listener(d).ip;
	h.severity = asset_is_clinical(d->book, at.device) ? severity_high : severity_medium;
	if (detect_hit(d, &h))
		detect_say(d,
		    "%s shares files by SMB 1, the protocol that WannaCry and its kin spread by",
		    end_text(d, at).t);
}
