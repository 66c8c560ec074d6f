/* SPDX-License-Identifier: Apache-2.0 */
/* At the start everything is new: what is seen while learning is one finding for all. */
#include "detect/engine.h"

void
detect_new_device(struct detect *d, const struct event *ev)
{
	const struct ev_device *v = &ev->u.device;
	bool learning = d->head->time.ns - d->first_ns < (int64_t)d->config.learn_s * NS_PER_S;
	struct end at = {v->ip, v->id};
	struct hit h = {.detector = DETECTOR_new_device};
	struct bytes maker;

	if (bytes_eq(v->what, BYTES("state"))) {
		detect_close(d, DETECTOR_new_device, v->id, BYTES("new"),
		    "a person decided about the device");
		return;
	}
	if (!bytes_eq(v->what, BYTES("new")) && !bytes_eq(v->what, BYTES("split")))
		return;
	if (learning) {
		h.cause = BYTES("learning");
		if (detect_hit(d, &h))
			detect_say(d,
			    "%llu devices seen for the first time while learning: look through "
			    "the list and approve what belongs here",
			    (unsigned long long)d->said->count);
		return;
	}
	h.device = v->id;
	h.ip = v->ip;
	h.cause = BYTES("new");
	maker = bytes_sub(asset_best(d->book, v->id, attr_maker), 0, 60);
	if (detect_hit(d, &h))
		detect_say(d, "A device that was never seen before: %s%s%.*s%s", end_text(d, at).t,
		    maker.len > 0 ? ", made by " : "", (int)maker.len, (const char *)maker.ptr,
		    "; approve or block it");
}
