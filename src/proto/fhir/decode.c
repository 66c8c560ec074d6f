/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/fhir/decode.h"

#include "proto/fhir/body.h"
#include "proto/http/inflate.h"
#include "proto/http/reader.h"

struct decoder {
	const struct line_sink *out;
	struct observer o;
	struct budget budget;
	struct sip_key key;
	struct fhir_body body;
	struct buf results;
	struct buf text;
	uint64_t base;    /* offset of the body in the file */
	uint64_t note_at; /* offset that anomalies get */
	uint64_t before;  /* end of the JSON text before, in the body */
	struct inflater *inflater;
	bool inflating, told;
	struct json j;
	/* of the HTTP message under way */
	const char *kind;
	char method[12];
	unsigned status;
};

enum { DECODE_BUDGET_BYTES = 64 << 20 };

/* Claims and attachments of a file are not shown: the resource itself is. */
static void
drop(void *owner, enum name_value dir, uint64_t offset, enum event_kind kind, const void *fields)
{
	(void)owner;
	(void)dir;
	(void)offset;
	(void)kind;
	(void)fields;
}

static void
note_out(void *ctx, enum anomaly name)
{
	struct decoder *d = ctx;

	json_object(&d->j);
	json_kstr(&d->j, "name", anomaly_info(name)->name);
	json_ku64(&d->j, "offset", d->note_at);
	json_object_end(&d->j);
}

static void
results_out(struct decoder *d)
{
	struct bytes list = buf_bytes(&d->results);
	struct ev_result r;

	json_key(&d->j, "results");
	json_array(&d->j);
	while (list.len > 0 && result_next(&list, &r)) {
		json_object(&d->j);
		result_json_fields(&d->j, &r);
		json_object_end(&d->j);
	}
	json_array_end(&d->j);
}

static void
resource_out(struct decoder *d, uint64_t offset, uint64_t length)
{
	const struct fhir_body *b = &d->body;

	d->note_at = offset;
	buf_reset(&d->text);
	d->j = json_on(&d->text);
	json_object(&d->j);
	json_ku64(&d->j, "offset", offset);
	json_ku64(&d->j, "length", length);
	if (d->kind != NULL) {
		json_kstr(&d->j, "http", d->kind);
		if (d->method[0] != 0)
			json_kstr(&d->j, "method", d->method);
		if (d->status != 0)
			json_ku64(&d->j, "status", d->status);
	}
	json_kstr(&d->j, "resourceType", b->sum.type);
	if (b->sum.bundle[0] != 0)
		json_kstr(&d->j, "bundle", b->sum.bundle);
	json_ku64(&d->j, "resources", b->sum.n_resources);
	json_ku64(&d->j, "phi", b->sum.phi);
	if (!hash128_is_zero(b->sum.patient))
		json_khex(&d->j, "patient", bytes_of(b->sum.patient.b, 16));
	results_out(d);
	json_key(&d->j, "anomalies");
	json_array(&d->j);
	(void)fhir_body_odd(b, note_out, d);
	json_array_end(&d->j);
	json_object_end(&d->j);
	d->out->line(d->out->ctx, buf_bytes(&d->text));
	d->told = true;
}

/* After each JSON text: an object, and a fresh start for the next. */
static void
text_end(struct fhir_body *b, void *ctx)
{
	struct decoder *d = ctx;

	b->reader.odd &= ~(unsigned)JSON_ODD_TRAILING; /* NDJSON is meant */
	resource_out(d, d->base + d->before, b->reader.at - d->before);
	d->before = b->reader.at;
	buf_reset(&d->results);
	b->sum = (struct fhir_summary){0};
	b->nameless = false;
	b->reader.odd = 0;
}

static void
body_begin(struct decoder *d, uint64_t base)
{
	d->base = base;
	d->before = 0;
	d->told = false;
	buf_reset(&d->results);
	fhir_body_begin(&d->body, dir_orig, base, &d->results);
}

static void
body_end(struct decoder *d, bool cut)
{
	fhir_body_end(&d->body, cut);
	if (d->body.broken || (cut && !d->told))
		resource_out(d, d->base + d->before, d->body.reader.at - d->before);
}

static enum http_body
on_head(struct http_reader *r, const struct http_head *h)
{
	struct decoder *d = r->owner;
	struct bytes coding = http_field(h, BYTES("content-encoding"));

	d->kind = h->kind == HTTP_REQUEST ? "request" : "response";
	fhir_word(d->method, sizeof(d->method), h->method);
	d->status = h->status;
	r->wanted = bytes_find_seq(http_field(h, BYTES("content-type")), BYTES("json")) <
		    http_field(h, BYTES("content-type")).len;
	d->inflating = false;
	if (r->wanted && coding.len > 0 && !bytes_eq_nocase(coding, BYTES("identity"))) {
		if (d->inflater == NULL)
			d->inflater = inflater_new(&d->budget);
		if (d->inflater == NULL)
			r->wanted = false;
		else
			inflater_begin(d->inflater);
		d->inflating = r->wanted;
	}
	if (r->wanted)
		body_begin(d, h->offset + h->size);
	else if (h->kind == HTTP_REQUEST)
		d->told = true;
	if (h->kind == HTTP_RESPONSE && (h->status < 200 || h->status == 204 || h->status == 304))
		return HTTP_BODY_NONE;
	return HTTP_BODY_AS_SAID;
}

static void
plain(void *ctx, struct bytes part)
{
	struct decoder *d = ctx;

	fhir_body_data(&d->body, part);
}

static void
on_body(struct http_reader *r, struct bytes part)
{
	struct decoder *d = r->owner;

	if (!d->inflating)
		plain(d, part);
	else if (inflater_data(d->inflater, part, plain, d) > INFLATE_END)
		r->wanted = false;
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

	(void)size;
	if (d->body.reader.at > 0)
		body_end(d, cut);
	json_reader_reset(&d->body.reader);
}

static void
on_anomaly(struct http_reader *r, enum anomaly name, uint64_t offset)
{
	struct decoder *d = r->owner;

	buf_reset(&d->text);
	d->j = json_on(&d->text);
	json_object(&d->j);
	json_ku64(&d->j, "offset", offset);
	json_ku64(&d->j, "length", 0);
	json_key(&d->j, "anomalies");
	json_array(&d->j);
	d->note_at = offset;
	note_out(d, name);
	json_array_end(&d->j);
	json_object_end(&d->j);
	d->out->line(d->out->ctx, buf_bytes(&d->text));
}

static const struct http_sink sink = {on_head, on_body, on_hole, on_end, on_hole, on_anomaly};

static void
http_in(struct decoder *d, struct bytes file)
{
	struct http_reader r;

	http_reader_init(&r, &sink, d, dir_orig, &d->budget);
	http_reader_data(&r, file, 0);
	http_reader_end(&r, file.len);
	http_reader_free(&r);
}

/* JSON texts one after the other. Where one of several does not hold together, the next line that
 * starts an object goes on: NDJSON loses a line, not the rest. */
static void
json_in(struct decoder *d, struct bytes file)
{
	uint64_t base = 0;
	size_t n_texts = 0;

	while (file.len > 0) {
		size_t at;

		body_begin(d, base);
		fhir_body_data(&d->body, file);
		body_end(d, false);
		n_texts += d->before > 0;
		if (!d->body.broken || n_texts == 0)
			return;
		at = (size_t)d->body.broken_at;
		do {
			at += bytes_find(bytes_from(file, at), '\n');
			at += at < file.len;
		} while (at < file.len && file.ptr[at] != '{');
		file = bytes_from(file, at);
		base += at;
	}
}

void
fhir_decode(struct bytes file, const struct line_sink *out)
{
	struct decoder d = {.out = out, .budget = {.cap = DECODE_BUDGET_BYTES}};
	struct bytes start =
	    bytes_trim(bytes_starts(file, BYTES("\xef\xbb\xbf")) ? bytes_from(file, 3) : file);

	d.o = (struct observer){.owner = &d, .emit = drop, .key = &d.key, .budget = &d.budget};
	d.results.cap = RESULTS_BYTES_MAX;
	fhir_body_init(&d.body, &d.o);
	d.body.text_end = text_end;
	d.body.ctx = &d;
	if (http_start_line(bytes_sub(start, 0, bytes_find(start, '\n'))) != HTTP_UNKNOWN) {
		http_in(&d, file);
	} else if (start.len > 0 && start.ptr[0] == '<') {
		body_begin(&d, 0);
		buf_reset(&d.text);
		d.j = json_on(&d.text);
		json_object(&d.j);
		json_ku64(&d.j, "offset", 0);
		json_ku64(&d.j, "length", file.len);
		json_key(&d.j, "anomalies");
		json_array(&d.j);
		note_out(&d, ANOMALY_fhir_xml);
		json_array_end(&d.j);
		json_object_end(&d.j);
		out->line(out->ctx, buf_bytes(&d.text));
	} else {
		json_in(&d, file);
	}
	fhir_body_free(&d.body);
	inflater_free(d.inflater);
	buf_free(&d.results);
	buf_free(&d.text);
}
