/* SPDX-License-Identifier: Apache-2.0 */
/* decode(): the session itself reads the file; this looks on and writes. Anomalies that are told
 * before a message belong to it; what is left over at the end comes as a "rest". */
#include "proto/hl7v2/hl7v2.h"
#include "proto/hl7v2/session.h"

enum { PENDING_MAX = 256, RESULTS_MAX = HL7_RESULTS_BYTES_MAX };

struct pending {
	uint64_t name, offset, count;
};

struct decoder {
	const struct line_sink *sink;
	struct buf line;
	struct buf results; /* of the message that was told last */
	uint64_t flags;
	unsigned n;
	struct pending pending[PENDING_MAX];
};

/* --- fields --- */

static bool
holds(struct bytes b, uint8_t delim)
{
	return delim != 0 && b.len > 0 && memchr(b.ptr, delim, b.len) != NULL;
}

/* b cut at delim into an array, or as it is; inner: for each part. */
static void
write_split(struct json *j, struct bytes b, const uint8_t *delims, unsigned n)
{
	if (n == 0 || !holds(b, delims[0])) {
		if (n > 1)
			write_split(j, b, delims + 1, n - 1);
		else
			json_bytes(j, b);
		return;
	}
	json_array(j);
	for (bool more = true; more;) {
		size_t at = bytes_find(b, delims[0]);

		more = at < b.len;
		write_split(j, bytes_sub(b, 0, at), delims + 1, n - 1);
		b = bytes_from(b, at + 1);
	}
	json_array_end(j);
}

static void
write_field(struct json *j, const struct hl7_delims *d, struct bytes f)
{
	const uint8_t delims[] = {d->repetition, d->component, d->subcomponent};
	const uint8_t *inner = delims + 1;

	if (!holds(f, d->repetition) && !holds(f, d->component) && !holds(f, d->subcomponent)) {
		json_bytes(j, f);
		return;
	}
	json_array(j);
	for (bool more = true; more;) {
		size_t at = delims[0] == 0 ? f.len : bytes_find(f, delims[0]);
		struct bytes rep = bytes_sub(f, 0, at);

		more = at < f.len;
		/* Subcomponents alone: one component that has them. */
		if (!holds(rep, d->component) && holds(rep, d->subcomponent)) {
			json_array(j);
			write_split(j, rep, inner + 1, 1);
			json_array_end(j);
		} else {
			write_split(j, rep, inner, 2);
		}
		f = bytes_from(f, at + 1);
	}
	json_array_end(j);
}

static void
write_segment(struct json *j, const struct hl7_segment *g, const struct hl7_delims *d,
    uint64_t offset, bool head)
{
	struct hl7_delims plain = {0, 0, 0, 0, 0, 0};

	json_object(j);
	json_kbytes(j, "name", hl7_token(g, 0));
	json_ku64(j, "offset", offset);
	json_key(j, "fields");
	json_array(j);
	if (head)
		json_bytes(j, bytes_sub(g->text, 3, 1));
	for (unsigned i = 1; i <= g->n; i++)
		write_field(j, head && i == 1 ? &plain : d, hl7_token(g, i));
	json_array_end(j);
	json_object_end(j);
}

static void
write_segments(struct json *j, struct bytes text, uint64_t offset)
{
	struct hl7_delims d = hl7_delims_usual;
	struct hl7_segment g;
	struct hl7_scan scan;
	struct bytes rest;

	hl7_scan_init(&scan, text, d.field);
	json_key(j, "segments");
	json_array(j);
	while ((rest = hl7_scan_rest(&scan)).len > 0) {
		bool head = hl7_is_head(rest);

		if (head) {
			d = hl7_delims_of(rest);
			hl7_scan_separator(&scan, d.field);
		}
		if (hl7_scan_next(&scan, &g))
			write_segment(j, &g, &d, offset + (uint64_t)(g.text.ptr - text.ptr), head);
	}
	json_array_end(j);
}

/* --- lines --- */

static void
write_anomalies(struct decoder *d, struct json *j)
{
	json_key(j, "anomalies");
	json_array(j);
	for (unsigned i = 0; i < d->n; i++) {
		json_object(j);
		json_kstr(j, "name", anomaly_info(d->pending[i].name)->name);
		json_ku64(j, "offset", d->pending[i].offset);
		if (d->pending[i].count > 1)
			json_ku64(j, "count", d->pending[i].count);
		json_object_end(j);
	}
	json_array_end(j);
	d->n = 0;
}

static struct json
start_line(struct decoder *d, const char *unit, uint64_t offset, uint64_t length)
{
	struct json j = json_on(&d->line);

	buf_reset(&d->line);
	json_object(&j);
	json_kstr(&j, "proto", "hl7");
	json_kstr(&j, "unit", unit);
	json_ku64(&j, "offset", offset);
	json_ku64(&j, "length", length);
	return j;
}

static void
end_line(struct decoder *d, struct json *j)
{
	write_anomalies(d, j);
	json_object_end(j);
	if (!d->line.cut)
		d->sink->line(d->sink->ctx, buf_bytes(&d->line));
}

static void
write_flag(struct json *j, uint64_t flags, unsigned flag, const char *key)
{
	if ((flags & flag) != 0)
		json_kbool(j, key, true);
}

static void
write_message(struct decoder *d, struct json *j, const struct message *m)
{
	const struct ev_message *ev = &m->ev;
	struct bytes list = buf_bytes(&d->results);

	json_kbytes(j, "carrier", ev->carrier);
	json_kbytes(j, "type", ev->type);
	json_kbytes(j, "version", ev->version);
	json_kbytes(j, "control_id", m->control);
	json_kbytes(j, "sender", ev->sender);
	json_kbytes(j, "receiver", ev->receiver);
	json_kstr(j, "category", name_label(NAMES_category, ev->category));
	if (m->has_msa) {
		json_key(j, "ack");
		json_object(j);
		json_kbytes(j, "code", ev->ack);
		json_kbytes(j, "control_id", m->ack_of);
		json_object_end(j);
	}
	write_flag(j, d->flags, MESSAGE_CUT, "cut");
	write_flag(j, d->flags, MESSAGE_MALFORMED, "malformed");
	write_flag(j, d->flags, MESSAGE_BATCH, "batch");
	write_flag(j, d->flags, MESSAGE_REPEAT, "repeat");
	write_flag(j, d->flags, MESSAGE_UNPAIRED, "unpaired");
	if (list.len > 0) {
		json_key(j, "results");
		json_array(j);
		for (struct ev_result r; result_next(&list, &r);) {
			json_object(j);
			result_json_fields(j, &r);
			json_object_end(j);
		}
		json_array_end(j);
	}
}

static void
on_piece(void *ctx, struct bytes text, uint64_t offset, const struct message *m)
{
	struct decoder *d = ctx;
	struct json j;

	if (m == NULL) {
		j = start_line(d, "rest", offset, text.len);
	} else {
		/* text starts before MSH where an envelope does. */
		struct hl7_scan scan;
		struct bytes rest;
		struct hl7_segment g;
		uint64_t at = offset;

		hl7_scan_init(&scan, text, m->d.field);
		while ((rest = hl7_scan_rest(&scan)).len > 0) {
			at = offset + (uint64_t)(rest.ptr - text.ptr);
			if ((hl7_is_head(rest) && rest.ptr[0] == 'M') || !hl7_scan_next(&scan, &g))
				break;
		}
		j = start_line(d, "message", at, m->end - m->start);
		write_message(d, &j, m);
	}
	write_segments(&j, text, offset);
	end_line(d, &j);
}

static void
on_commit(void *ctx, uint64_t offset, uint64_t size, bool stored)
{
	struct decoder *d = ctx;
	struct json j = start_line(d, "commit", offset, size);

	json_kbool(&j, "stored", stored);
	end_line(d, &j);
}

/* Anomalies that belong to no message. */
static void
write_rest(struct decoder *d)
{
	struct json j;

	if (d->n == 0)
		return;
	j = start_line(d, "rest", d->pending[0].offset, 0);
	end_line(d, &j);
}

static void
on_emit(void *owner, enum name_value dir, uint64_t offset, enum event_kind kind, const void *fields)
{
	struct decoder *d = owner;

	(void)dir;
	if (kind == EV_anomaly) {
		const struct ev_anomaly *a = fields;

		if (d->n == PENDING_MAX)
			write_rest(d);
		d->pending[d->n++] = (struct pending){a->name, offset, a->count};
	} else if (kind == EV_message) {
		const struct ev_message *m = fields;

		buf_reset(&d->results);
		buf_add(&d->results, m->results);
		d->flags = m->flags;
	}
}

enum { DECODE_BUDGET_BYTES = 64 * 1024 * 1024 };

void
hl7_decode(struct bytes file, const struct line_sink *out)
{
	static const struct sip_key no_key;
	struct budget budget = {.cap = DECODE_BUDGET_BYTES};
	struct decoder d = {.sink = out, .results = {.cap = RESULTS_MAX}};
	const struct hl7_tap tap = {&d, on_piece, on_commit};
	struct observer o = {.owner = &d, .emit = on_emit, .key = &no_key, .budget = &budget};
	void *s = hl7_open_tapped(&o, &tap);

	if (s == NULL)
		return;
	if (file.len > 0)
		hl7_protocol.data(s, dir_orig, file, 0);
	hl7_protocol.end(s, dir_orig);
	hl7_protocol.end(s, dir_resp);
	hl7_protocol.close(s);
	write_rest(&d);
	buf_pool_free(&o.pool);
	buf_free(&d.line);
	buf_free(&d.results);
}
