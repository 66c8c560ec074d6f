/* SPDX-License-Identifier: Apache-2.0 */
/* A flow that got no answer or a refusal is a try. Many different addresses, or many ports of one,
 * in a short time are a search; one address that is tried again and again is only a dead server. */
#include "detect/engine.h"

static void
tell(struct detect *d, struct ip from, struct ip to, const char *cause, size_t n, const char *what)
{
	struct end at = {from, asset_of_ip(d->book, from)};
	struct hit h = {.detector = DETECTOR_scan,
	    .device = at.device,
	    .ip = from,
	    .peer = to,
	    .cause = bytes_str(cause)};

	if (detect_hit(d, &h))
		detect_say(d, "%s tried about %zu %s within %llu s without an answer, last %s",
		    end_text(d, at).t, n, what, (unsigned long long)d->config.scan_window_s,
		    ip_text(to).t);
}

static size_t
count(struct detect *d, struct table *t, uint64_t key, uint64_t target)
{
	struct row_targets *row;
	bool fresh;

	row = table_row(t, key, &fresh);
	if (detect_window(d, &row->start_ns, d->config.scan_window_s))
		memset(&row->seen, 0, sizeof(row->seen));
	return sketch_add(&row->seen, target);
}

void
detect_scan(struct detect *d, const struct event *ev)
{
	const struct ev_flow *f = &ev->u.flow;
	size_t n;

	if ((f->state != state_rejected && f->state != state_unanswered) || ip_is_group(f->resp) ||
	    ip_is_group(f->orig) || (f->flags & FLOW_MIDSTREAM) != 0 ||
	    detect_is_manager(d, f->orig))
		return;
	n = count(d, &d->scan_hosts, key_of_ip(f->orig, 1), key_of_ip(f->resp, 2));
	if (n >= d->config.scan_hosts)
		tell(d, f->orig, f->resp, "addresses", n, "addresses");
	n = count(d, &d->scan_ports, key_of_ips(f->orig, f->resp, 3),
	    mix64(f->resp_port << 8 | f->transport));
	if (n >= d->config.scan_ports)
		tell(d, f->orig, f->resp, "ports", n, "ports of one address");
}
