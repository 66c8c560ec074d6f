/* SPDX-License-Identifier: Apache-2.0 */
/* Analyzers ask for each tube that they are given; nobody asks for hundreds of patients. */
#include "detect/engine.h"

static uint64_t
hash_word(struct hash128 h)
{
	uint64_t v;

	memcpy(&v, h.b, sizeof(v));
	return v;
}

static void
tell(struct detect *d, const char *cause, uint64_t n, const char *what)
{
	struct end from = detect_speaker(d);
	struct hit h = {.detector = DETECTOR_bulk_query,
	    .device = from.device,
	    .ip = from.ip,
	    .peer = detect_listener(d).ip,
	    .link = d->link.id,
	    .cause = bytes_str(cause)};

	if (detect_hit(d, &h))
		detect_say(d, "%s asked %s for about %llu %s within %llu s", end_text(d, from).t,
		    end_text(d, detect_listener(d)).t, (unsigned long long)n, what,
		    (unsigned long long)d->config.query_window_s);
}

static void
on_query(struct detect *d, const struct ev_message *m)
{
	struct row_queries *row;
	uint64_t n;
	bool fresh;

	row = table_row(&d->queries, key_of_ip(detect_speaker(d).ip, 9), &fresh);
	if (detect_window(d, &row->start_ns, d->config.query_window_s)) {
		int64_t start = row->start_ns;

		memset(row, 0, sizeof(*row));
		row->start_ns = start;
	}
	if (!hash128_is_zero(m->specimen) || !hash128_is_zero(m->order)) {
		n = sketch_add(&row->specimens,
		    hash_word(hash128_is_zero(m->specimen) ? m->order : m->specimen));
		if (n >= d->config.query_specimens)
			tell(d, "specimens", n, "different specimens or orders");
	} else if (!hash128_is_zero(m->patient)) {
		n = sketch_add(&row->patients, hash_word(m->patient));
		if (n >= d->config.query_patients)
			tell(d, "patients", n, "different patients");
	} else if (++row->open >= d->config.query_open) {
		tell(d, "open", row->open, "answers without naming a patient or specimen");
	}
}

/* Images sent on at somebody's word to a place that never got any. */
static void
on_transfer(struct detect *d, const struct ev_message *m)
{
	struct end from = detect_speaker(d), to = detect_listener(d);
	struct hit h = {.detector = DETECTOR_bulk_query,
	    .device = to.device,
	    .ip = to.ip,
	    .peer = from.ip,
	    .link = d->link.id,
	    .cause = BYTES("transfer")};
	struct row_seen *row;
	bool fresh;

	if (m->proto != PROTO_dicom || m->ack.len > 0)
		return;
	row = table_row(
	    &d->movers, (key_of_ips(from.ip, to.ip, 10) ^ key_of_bytes(m->sender, 1)) | 1, &fresh);
	if (fresh && !detect_has_learned(d, to.device))
		row->first_ns = d->head->time.ns;
	if (row->first_ns != 0)
		return;
	if (detect_hit(d, &h))
		detect_say(d, "%s (%.*s) had images moved from %s and never did before",
		    end_text(d, from).t, (int)m->sender.len, (const char *)m->sender.ptr,
		    end_text(d, to).t);
}

void
detect_bulk_query(struct detect *d, const struct event *ev)
{
	const struct ev_message *m = &ev->u.message;

	if (d->link.id == 0 ||
	    (m->category != category_query && m->category != category_transfer) ||
	    detect_is_manager(d, detect_speaker(d).ip))
		return;
	if (m->category == category_query)
		on_query(d, m);
	else
		on_transfer(d, m);
}
