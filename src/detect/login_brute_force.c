/* SPDX-License-Identifier: Apache-2.0 */
/* Counted by the address that tries, whatever it tries to enter. */
#include "detect/engine.h"

void
detect_login_brute_force(struct detect *d, const struct event *ev)
{
	const struct ev_login *l = &ev->u.login;
	struct end client = detect_client(d), server = detect_server(d);
	struct hit h = {.detector = DETECTOR_login_brute_force,
	    .device = server.device,
	    .ip = server.ip,
	    .peer = client.ip,
	    .link = d->link.id,
	    .cause = bytes_str(proto_label(l->proto))};
	struct row_logins *row;
	bool fresh, many;

	if (d->link.id == 0)
		return;
	row = table_row(&d->logins, key_of_ip(client.ip, 4), &fresh);
	if (detect_window(d, &row->start_ns, d->config.login_window_s))
		row->failures = row->others = 0;
	many = row->failures >= d->config.login_failures;
	if (l->outcome == outcome_failure) {
		row->failures++;
	} else if (l->outcome == outcome_unknown) {
		/* Where the outcome cannot be read, four tries weigh as one failure. */
		if (++row->others % 4 == 0)
			row->failures++;
		else
			return;
	} else if (many) {
		h.cause = BYTES("entered");
		h.severity = severity_critical;
		row->failures = 0;
		if (detect_hit(d, &h))
			detect_say(d, "%s got into %s by %s after many failed log-ins",
			    end_text(d, client).t, end_text(d, server).t, proto_text(l->proto));
		return;
	} else {
		/* Somebody mistyped and then got it right. */
		row->failures = 0;
		return;
	}
	if (row->failures >= d->config.login_failures && detect_hit(d, &h))
		detect_say(d, "%s failed %llu times within %llu s to log in, here to %s by %s",
		    end_text(d, client).t, (unsigned long long)row->failures,
		    (unsigned long long)d->config.login_window_s, end_text(d, server).t,
		    proto_text(l->proto));
}
