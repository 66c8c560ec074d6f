/* SPDX-License-Identifier: Apache-2.0 */
/* By link when it begins, by flow when it is over: what a device is may be known only then. */
#include "detect/engine.h"

/* Names by which nDPI knows tools for use from afar. */
static bool
is_remote_app(struct bytes app)
{
	static const char *const apps[] = {"TeamViewer", "AnyDesk", "VNC", "RDP", "LogMeIn",
	    "RemoteScan", "Splashtop", "RustDesk", "GoTo", "ShowMyPC", "Citrix", "pcAnywhere",
	    "Radmin", "ISLonline", "SupRemo", "DameWare"};

	for (size_t i = 0; i < ARRAY_LEN(apps); i++) {
		if (bytes_starts_nocase(app, bytes_str(apps[i])))
			return true;
	}
	return false;
}

static void
look(
    struct detect *d, struct ip from, struct ip to, uint64_t proto, struct bytes app, uint64_t link)
{
	struct end client = {from, asset_of_ip(d->book, from)};
	struct end server = {to, asset_of_ip(d->book, to)};
	bool relay = is_remote_app(app);
	bool dialled_out;
	struct end at;
	struct bytes name = relay ? app : bytes_str(proto_text(proto));
	struct hit h = {.detector = DETECTOR_remote_access, .link = link};

	if (proto != PROTO_rdp && proto != PROTO_vnc && proto != PROTO_ssh && !relay)
		return;
	/* Tools of this kind dial out to a relay that lets the other side in. */
	dialled_out = relay && !asset_is_clinical(d->book, server.device) &&
		      asset_is_clinical(d->book, client.device);
	at = dialled_out ? client : server;
	if (!asset_is_clinical(d->book, at.device) ||
	    detect_is_manager(d, dialled_out ? server.ip : client.ip))
		return;
	h.device = at.device;
	h.ip = at.ip;
	h.peer = dialled_out ? server.ip : client.ip;
	h.severity = detect_is_inside(d, h.peer)
			 ? (proto == PROTO_ssh ? severity_low : severity_medium)
			 : severity_high;
	h.cause = bytes_sub(name, 0, FINDING_CAUSE_MAX);
	if (detect_hit(d, &h))
		detect_say(d, "%s is used from afar by %.*s, %s %s", end_text(d, at).t,
		    (int)name.len, (const char *)name.ptr, dialled_out ? "through" : "from",
		    ip_text(h.peer).t);
}

void
detect_remote_access(struct detect *d, const struct event *ev)
{
	if (ev->kind == EV_link) {
		const struct ev_link *l = &ev->u.link;

		look(d, l->client, l->server, l->proto, l->app, l->id);
	} else {
		const struct ev_flow *f = &ev->u.flow;

		if (f->resp_packets > 0 && f->state != state_rejected)
			look(d, f->orig, f->resp, f->proto, f->app, f->link);
	}
}
