/* SPDX-License-Identifier: Apache-2.0 */
/* The book tells a change only where the same source, which says one thing at a time, says another.
 */
#include "detect/engine.h"

void
detect_device_changed(struct detect *d, const struct event *ev)
{
	const struct ev_device *v = &ev->u.device;
	struct end at = {v->ip, v->id};
	struct hit h = {.detector = DETECTOR_device_changed, .device = v->id, .ip = v->ip};
	const char *what = v->attr == 0 ? "address" : name_label(NAMES_attr, v->attr);
	struct mac mac;

	/* An address at another MAC is what arp_takeover weighs. */
	if (!bytes_eq(v->what, BYTES("change")) || (v->attr == 0 && mac_parse(v->before, &mac)))
		return;
	h.severity = v->attr == attr_software || v->attr == attr_firmware || v->attr == attr_os ||
			     v->attr == attr_hostname
			 ? severity_low
			 : severity_medium;
	h.cause = bytes_str(what);
	if (detect_hit(d, &h))
		detect_say(d, "The %s of %s went from \"%.*s\" to \"%.*s\"%s%.*s", what,
		    end_text(d, at).t, (int)v->before.len, (const char *)v->before.ptr,
		    (int)v->after.len, (const char *)v->after.ptr, v->reason.len > 0 ? ": " : "",
		    (int)v->reason.len, (const char *)v->reason.ptr);
}
