/* SPDX-License-Identifier: Apache-2.0 */
/* The shape is told in poct1a.h. */
#include "proto/poct1a/poct1a.h"
#include "proto/poct1a/side.h"

struct decoder {
	const struct line_sink *out;
	struct buf line;
	struct buf plain;
};

static void
put_plain(struct decoder *d, struct json *j, struct bytes text, bool cdata)
{
	buf_reset(&d->plain);
	if (!cdata && buf_reserve(&d->plain, text.len))
		text = xml_plain(text, d->plain.ptr);
	json_bytes(j, text);
}

static void
put_start(struct decoder *d, struct json *j, const struct xml_token *t, size_t depth,
    const struct document_place *at)
{
	json_object(j);
	json_kbytes(j, "name", t->name);
	json_ku64(j, "depth", depth);
	json_ku64(j, "offset", at->offset + (uint64_t)t->at * at->scale);
	for (size_t i = 0; i < t->n; i++) {
		char key[64];
		struct bytes name = bytes_sub(t->attributes[i].name, 0, sizeof(key) - 2);

		/* names are letters, digits and . _ : - only */
		key[0] = '@';
		memcpy(key + 1, name.ptr, name.len);
		key[1 + name.len] = 0;
		json_key(j, key);
		put_plain(d, j, t->attributes[i].value, false);
	}
}

/* The list of elements; the first error. */
static enum xml_error
put_elements(
    struct decoder *d, struct json *j, struct bytes document, const struct document_place *at)
{
	struct xml_reader r = xml_read(document);
	size_t depth = 0;
	bool open = false, texted = false;

	for (;;) {
		struct xml_token t = xml_next(&r);

		if (open && (t.kind != XML_TEXT)) {
			json_object_end(j);
			open = false;
		}
		switch (t.kind) {
		case XML_START:
			put_start(d, j, &t, depth++, at);
			open = true;
			texted = false;
			break;
		case XML_TEXT:
			if (open && !texted && bytes_trim(t.text).len > 0) {
				json_key(j, "text");
				put_plain(d, j, t.text, t.cdata);
				texted = true;
			}
			break;
		case XML_END:
			depth--;
			break;
		case XML_DONE:
			return XML_OK;
		case XML_BAD:
			return t.error;
		}
	}
}

static void
put_anomaly(struct json *j, enum anomaly name, uint64_t offset)
{
	json_object(j);
	json_kstr(j, "name", anomaly_info(name)->name);
	json_ku64(j, "offset", offset);
	json_object_end(j);
}

static void
on_document(void *ctx, const struct xml_piece *p, const struct document_place *at)
{
	struct decoder *d = ctx;
	struct json j = json_on(&d->line);
	struct bytes root = document_root(p->body);
	enum xml_error e;

	json_object(&j);
	json_kstr(&j, "unit", "document");
	json_ku64(&j, "offset", at->offset);
	json_ku64(&j, "length", at->size);
	json_kbytes(&j, "root", root);
	json_kstr(&j, "category", name_label(NAMES_category, document_category(root)));
	json_kstr(&j, "carrier", at->framed ? "mllp" : "none");
	json_key(&j, "elements");
	json_array(&j);
	e = put_elements(d, &j, p->body, at);
	json_array_end(&j);
	if (p->error != XML_OK)
		e = p->error;
	json_kbool(&j, "ok", e == XML_OK);
	json_kstr(&j, "error", xml_error_name(e));
	json_key(&j, "anomalies");
	json_array(&j);
	if (e != XML_OK)
		put_anomaly(&j, document_anomaly(e), at->offset);
	if (at->scale == 2)
		put_anomaly(&j, ANOMALY_poct1a_utf16, at->offset);
	if (e == XML_OK && !document_is_root(root))
		put_anomaly(&j, ANOMALY_poct1a_root_unknown, at->offset);
	json_array_end(&j);
	json_object_end(&j);
	d->out->line(d->out->ctx, buf_bytes(&d->line));
	buf_reset(&d->line);
}

static void
on_anomaly(void *ctx, enum anomaly name, uint64_t offset)
{
	struct decoder *d = ctx;
	struct json j = json_on(&d->line);

	if (name == ANOMALY_poct1a_utf16) /* stands in each document */
		return;
	json_object(&j);
	json_kstr(&j, "unit", "noise");
	json_ku64(&j, "offset", offset);
	json_ku64(&j, "length", 1);
	json_key(&j, "anomalies");
	json_array(&j);
	put_anomaly(&j, name, offset);
	json_array_end(&j);
	json_object_end(&j);
	d->out->line(d->out->ctx, buf_bytes(&d->line));
	buf_reset(&d->line);
}

void
poct1a_decode(struct bytes file, const struct line_sink *out)
{
	struct budget memory = {.cap = SIZE_MAX};
	struct decoder d = {.out = out};
	struct side_sink sink = {&d, on_document, on_anomaly};
	struct buf_pool pool = {0};
	struct poct1a_side side;

	side_init(&side, &sink, &pool, &memory);
	side_data(&side, file, 0);
	side_end(&side);
	side_free(&side);
	buf_pool_free(&pool);
	buf_free(&d.line);
	buf_free(&d.plain);
}
