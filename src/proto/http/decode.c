/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/decode.h"

#include "proto/http/reader.h"

enum { NOTES_MAX = 32 };

struct decoder {
	const struct line_sink *out;
	struct buf text;
	struct json j;
	uint64_t body;
	struct {
		enum anomaly name;
		uint64_t offset;
	} notes[NOTES_MAX];
	size_t n_notes;
};

static void
begin(struct decoder *d, const char *type, uint64_t offset)
{
	buf_reset(&d->text);
	d->j = json_on(&d->text);
	d->body = 0;
	json_object(&d->j);
	json_ku64(&d->j, "offset", offset);
	json_kstr(&d->j, "type", type);
}

static void
finish(struct decoder *d, uint64_t length)
{
	json_ku64(&d->j, "length", length);
	json_key(&d->j, "anomalies");
	json_array(&d->j);
	for (size_t i = 0; i < d->n_notes; i++) {
		json_object(&d->j);
		json_kstr(&d->j, "name", anomaly_info(d->notes[i].name)->name);
		json_ku64(&d->j, "offset", d->notes[i].offset);
		json_object_end(&d->j);
	}
	json_array_end(&d->j);
	json_object_end(&d->j);
	d->n_notes = 0;
	d->out->line(d->out->ctx, buf_bytes(&d->text));
}

static enum http_body
on_head(struct http_reader *r, const struct http_head *h)
{
	struct decoder *d = r->owner;

	begin(d, h->kind == HTTP_REQUEST ? "request" : "response", h->offset);
	if (h->kind == HTTP_REQUEST) {
		json_kbytes(&d->j, "method", h->method);
		json_kbytes(&d->j, "target", h->target);
	} else {
		json_ku64(&d->j, "status", h->status);
	}
	json_ku64(&d->j, "minor", h->minor);
	json_key(&d->j, "fields");
	json_array(&d->j);
	for (size_t i = 0; i < h->n_fields; i++) {
		json_object(&d->j);
		json_kbytes(&d->j, "name", h->fields[i].name);
		json_kbytes(&d->j, "value", h->fields[i].value);
		json_object_end(&d->j);
	}
	json_array_end(&d->j);
	json_ku64(&d->j, "body_offset", h->offset + h->size);
	r->wanted = true;
	if (h->kind == HTTP_RESPONSE && (h->status < 200 || h->status == 204 || h->status == 304))
		return h->status == 101 ? HTTP_TUNNEL : HTTP_BODY_NONE;
	return HTTP_BODY_AS_SAID;
}

static void
on_body(struct http_reader *r, struct bytes part)
{
	struct decoder *d = r->owner;

	d->body += part.len;
}

static void
on_hole(struct http_reader *r)
{
	(void)r;
}

static void
on_end(struct http_reader *r, uint64_t size, bool cut)
{
	struct decoder *d = r->owner;

	json_ku64(&d->j, "body_length", d->body);
	json_kbool(&d->j, "cut", cut);
	finish(d, size);
}

static void
on_anomaly(struct http_reader *r, enum anomaly name, uint64_t offset)
{
	struct decoder *d = r->owner;

	if (d->n_notes == NOTES_MAX)
		return;
	d->notes[d->n_notes].name = name;
	d->notes[d->n_notes++].offset = offset;
}

static const struct http_sink sink = {on_head, on_body, on_hole, on_end, on_hole, on_anomaly};

void
http_decode(struct bytes file, const struct line_sink *out)
{
	struct decoder d = {.out = out};
	struct http_reader r;

	http_reader_init(&r, &sink, &d, dir_orig, NULL);
	http_reader_data(&r, file, 0);
	http_reader_end(&r, file.len);
	if (d.n_notes > 0) {
		begin(&d, "note", d.notes[0].offset);
		finish(&d, 0);
	}
	http_reader_free(&r);
	buf_free(&d.text);
}
