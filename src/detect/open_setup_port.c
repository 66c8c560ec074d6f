/* SPDX-License-Identifier: Apache-2.0 */
/* One finding a device and service. */
#include "detect/engine.h"

void
detect_open_setup_port(struct detect *d, const struct event *ev)
{
	static const char *const words[] = {
	    "", ", which a password protects", ", without a password", ", and shows its password"};
	const struct ev_setup *s = &ev->u.setup;
	struct end at = {s->ip, asset_of_ip(d->book, s->ip)};
	struct hit h = {.detector = DETECTOR_open_setup_port,
	    .device = at.device,
	    .ip = s->ip,
	    .link = d->link.id,
	    .cause = bytes_sub(s->what, 0, FINDING_CAUSE_MAX)};

	if (s->password == 2 || s->password == 3)
		h.severity = severity_high;
	else if (s->password == 1)
		h.severity = severity_low;
	if (detect_hit(d, &h))
		detect_say(d, "%s answers on its set-up service (%.*s)%s", end_text(d, at).t,
		    (int)s->what.len, (const char *)s->what.ptr,
		    words[s->password < ARRAY_LEN(words) ? s->password : 0]);
}
