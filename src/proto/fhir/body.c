/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/fhir/body.h"

/* A JSON text whose first bytes name no resource is not FHIR; those that put resourceType last
 * are small. */
enum { STRANGE_AFTER_BYTES = 256 * 1024 };

void
fhir_body_init(struct fhir_body *b, struct observer *o)
{
	*b = (struct fhir_body){.reading = {.o = o, .sum = &b->sum}};
	json_reader_init(&b->reader, o->key, o->budget);
	doc_init(&b->doc, o->budget);
}

void
fhir_body_free(struct fhir_body *b)
{
	json_reader_free(&b->reader);
	doc_free(&b->doc);
}

void
fhir_body_begin(struct fhir_body *b, enum name_value dir, uint64_t offset, struct buf *results)
{
	json_reader_reset(&b->reader);
	doc_reset(&b->doc);
	b->sum = (struct fhir_summary){0};
	b->reading.sum = &b->sum;
	b->reading.dir = dir;
	b->reading.offset = offset;
	b->reading.results = results;
	b->known = b->nameless = b->broken = b->strange = false;
}

/* An object is over: where it is a resource that stands alone (the whole text, or under the key
 * "resource"), read it and drop it. */
static void
object_over(struct fhir_body *b, doc_id id)
{
	bool top = b->doc.depth == 0;
	struct bytes type = doc_text_at(&b->doc, id, "resourceType");

	if (!top && !bytes_eq(doc_key(&b->doc, id), BYTES("resource")))
		return;
	if (top)
		fhir_word(b->sum.type, sizeof(b->sum.type), type);
	if (fhir_type(type) != NULL) {
		b->known = true;
		fhir_resource(&b->reading, &b->doc, id);
	} else if (top) {
		b->nameless = true;
	}
	if (!top)
		doc_drop_below(&b->doc, id);
}

static void
text_over(struct fhir_body *b)
{
	if (b->text_end != NULL)
		b->text_end(b, b->ctx);
	doc_reset(&b->doc);
}

static void
take(struct fhir_body *b, const struct json_token *t)
{
	doc_id id = doc_add(&b->doc, t);

	if (t->kind == JSON_OBJECT_END && id != 0) {
		object_over(b, id);
	} else if (t->kind == JSON_TEXT_END) {
		text_over(b);
	} else if (t->kind == JSON_BROKEN && !b->broken) {
		b->broken = true;
		b->broken_at = t->offset;
	}
}

void
fhir_body_data(struct fhir_body *b, struct bytes part)
{
	while (!b->broken && !b->strange) {
		struct json_token t = json_next(&b->reader, &part);

		if (t.kind == JSON_MORE)
			return;
		take(b, &t);
		if (b->doc.cut && !b->known && t.offset > STRANGE_AFTER_BYTES)
			b->strange = true;
	}
}

void
fhir_body_end(struct fhir_body *b, bool cut)
{
	struct json_token t;

	if (!cut && !b->strange) {
		do {
			t = json_finish(&b->reader);
			take(b, &t);
		} while (t.kind != JSON_MORE && t.kind != JSON_TEXT_END && t.kind != JSON_BROKEN);
	}
	if (b->sum.type[0] == 0)
		fhir_word(b->sum.type, sizeof(b->sum.type),
		    doc_text_at(&b->doc, b->doc.nodes.len > 0 ? 1 : 0, "resourceType"));
	b->known |= fhir_type(bytes_str(b->sum.type)) != NULL;
}

uint64_t
fhir_body_odd(const struct fhir_body *b, void (*tell)(void *ctx, enum anomaly name), void *ctx)
{
	static const struct {
		unsigned bit;
		enum anomaly name;
	} table[] = {
	    {JSON_ODD_BOM, ANOMALY_json_bom},
	    {JSON_ODD_DUPLICATE, ANOMALY_json_duplicate_key},
	    {JSON_ODD_DEEP, ANOMALY_json_deep},
	    {JSON_ODD_TRAILING, ANOMALY_json_trailing},
	    {JSON_ODD_SURROGATE, ANOMALY_json_surrogate},
	    {JSON_ODD_UTF8, ANOMALY_json_not_utf8},
	    {JSON_ODD_CONTROL, ANOMALY_json_control},
	    {JSON_ODD_MEMORY, ANOMALY_memory_cap},
	};
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if ((b->reader.odd & table[i].bit) == 0)
			continue;
		tell(ctx, table[i].name);
		n++;
	}
	if (b->broken && (b->reader.odd & JSON_ODD_DEEP) == 0) {
		tell(ctx, ANOMALY_json_bad);
		n++;
	}
	if (b->doc.cut) {
		tell(ctx, ANOMALY_unit_too_large);
		n++;
	}
	if (b->nameless) {
		tell(ctx, ANOMALY_fhir_type_unknown);
		n++;
	}
	return n;
}
