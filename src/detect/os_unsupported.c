/* SPDX-License-Identifier: Apache-2.0 */
/* Judges what the book holds as best. Several editions share one version on the wire: where support
 * of the longest of them still goes on, it is a question (low), not a fact. */
#include "detect/engine.h"

void
detect_os_unsupported(struct detect *d, const struct event *ev)
{
	const struct ev_claim *c = &ev->u.claim;
	struct end at = {c->ip, asset_of_ip(d->book, c->ip)};
	struct hit h = {.detector = DETECTOR_os_unsupported};
	struct os_support os;
	int64_t now = d->head->time.ns;
	char day[WALL_TEXT_MAX];
	bool maybe;

	if (c->attr != attr_os || c->behind)
		return;
	if (at.device == 0)
		at = detect_speaker(d);
	if (!d->config.os_support(asset_best(d->book, at.device, attr_os), &os) || os.end.ns == 0 ||
	    now <= os.end.ns)
		return;
	maybe = os.latest.ns != 0 && now <= os.latest.ns;
	h.severity = maybe                                   ? severity_low
		     : asset_is_clinical(d->book, at.device) ? severity_high
							     : severity_medium;
	h.device = at.device;
	h.ip = at.ip;
	h.cause = bytes_sub(os.name, 0, FINDING_CAUSE_MAX);
	wall_format(maybe || os.latest.ns == 0 ? os.end : os.latest, day);
	if (detect_hit(d, &h))
		detect_say(d, "%s runs %.*s; security updates for %s ended on %.10s",
		    end_text(d, at).t, (int)bytes_sub(os.name, 0, 100).len,
		    (const char *)os.name.ptr, maybe ? "its common editions" : "it", day);
}
