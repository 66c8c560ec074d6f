/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the table of operating systems (config) for what the book holds as best. */
#include "detect/engine.h"

void
detect_os_unsupported(struct detect *d, const struct event *ev)
{
	const struct ev_claim *c = &ev->u.claim;
	struct end at = {c->ip, asset_of_ip(d->book, c->ip)};
	struct hit h = {.detector = DETECTOR_os_unsupported};
	struct bytes os;
	struct wall end;
	char day[WALL_TEXT_MAX];

	if (c->attr != attr_os || c->behind || d->config.os_support_end == NULL)
		return;
	if (at.device == 0)
		at = detect_speaker(d);
	os = asset_best(d->book, at.device, attr_os);
	if (os.len == 0 || !d->config.os_support_end(os, &end) || d->head->time.ns <= end.ns)
		return;
	h.severity = asset_is_clinical(d->book, at.device) ? severity_high : severity_medium;
	h.device = at.device;
	h.ip = at.ip;
	h.cause = bytes_sub(os, 0, FINDING_CAUSE_MAX);
	wall_format(end, day);
	if (detect_hit(d, &h))
		detect_say(d, "%s runs %.*s; security updates for it ended on %.10s",
		    end_text(d, at).t, (int)os.len, (const char *)os.ptr, day);
}
