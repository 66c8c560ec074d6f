/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/fhir/resource.h"

#include <stdio.h>

#include "base/base64.h"
#include "proto/value.h"

enum {
	DEVICE_SURE = 85,
	DEVICE_HINT = 60,
	VALUE_MAX = 128,
	FLAGS_MAX = 24,
	RANGE_MAX = 64,
	KEY_MAX = 512,
};

static const struct fhir_type types[] = {
#define RESOURCE(name, cat) {#name, category_##cat},
#include "proto/fhir/resources.def"
};

const struct fhir_type *
fhir_type(struct bytes name)
{
	size_t low = 0, high = ARRAY_LEN(types);

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = bytes_cmp(name, bytes_str(types[mid].name));

		if (c == 0)
			return &types[mid];
		if (c > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct bytes
fhir_reference_id(struct bytes reference)
{
	size_t history = bytes_find_seq(reference, BYTES("/_history/"));
	struct bytes r = bytes_sub(reference, 0, history);

	for (size_t i = r.len; i > 0; i--) {
		if (r.ptr[i - 1] == '/')
			return bytes_from(r, i);
	}
	return r;
}

static void
first_hash(const struct observer *o, struct hash128 *h, struct bytes id)
{
	if (hash128_is_zero(*h))
		*h = observer_hash(o, id);
}

/* Reference.reference, else Reference.identifier.value. */
static struct bytes
reference(const struct doc *d, doc_id ref)
{
	struct bytes id = fhir_reference_id(doc_text_at(d, ref, "reference"));

	return id.len > 0 ? id : doc_text_at(d, ref, "identifier/value");
}

void
fhir_word(char *out, size_t room, struct bytes text)
{
	size_t n = text.len < room - 1 ? text.len : room - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = text.ptr[i] >= 0x20 && text.ptr[i] < 0x7f ? (char)text.ptr[i] : '?';
	out[n] = 0;
}

/* --- who it is about --- */

/* Elements of Patient, RelatedPerson and Person that say who someone is. */
static const char *const person_elements[] = {"identifier", "name", "telecom", "birthDate",
    "deceasedDateTime", "address", "maritalStatus", "multipleBirthInteger", "photo", "contact"};

/* Elements that refer to the person a resource is about. */
static const char *const subject_elements[] = {"subject", "patient", "individual", "beneficiary"};

static uint64_t
count_items(const struct doc *d, doc_id id)
{
	uint64_t n = 0;

	if (id == 0)
		return 0;
	if (doc_node(d, id)->kind != JSON_ARRAY)
		return 1;
	for (id = doc_child(d, id); id != 0; id = doc_next(d, id))
		n++;
	return n;
}

/* Valued fields that hold patient data, in this resource. */
static void
count_phi(struct fhir_reading *r, const struct doc *d, doc_id id, bool is_person)
{
	uint64_t n = 0;

	for (size_t i = 0; is_person && i < ARRAY_LEN(person_elements); i++)
		n += count_items(d, doc_get(d, id, person_elements[i]));
	for (size_t i = 0; i < ARRAY_LEN(subject_elements); i++) {
		doc_id subject = doc_get(d, id, subject_elements[i]);

		n += doc_text_at(d, subject, "reference").len > 0;
		n += doc_text_at(d, subject, "display").len > 0;
		n += doc_text_at(d, subject, "identifier/value").len > 0;
	}
	n += doc_text_at(d, id, "text/div").len > 0;
	n += count_items(d, doc_get(d, id, "note"));
	n += doc_get(d, id, "accessionIdentifier") != 0;
	r->sum->phi += n;
}

static void
read_subject(struct fhir_reading *r, const struct doc *d, doc_id id)
{
	for (size_t i = 0; i < ARRAY_LEN(subject_elements); i++) {
		doc_id subject = doc_get(d, id, subject_elements[i]);
		struct bytes text = doc_text_at(d, subject, "reference");

		if (subject == 0 || (bytes_find_seq(text, BYTES("Group/")) < text.len) ||
		    (bytes_find_seq(text, BYTES("Device/")) < text.len))
			continue;
		first_hash(r->o, &r->sum->patient, reference(d, subject));
	}
}

static struct bytes
own_id(const struct doc *d, doc_id id)
{
	struct bytes t = doc_text_at(d, id, "id");

	return t.len > 0 ? t : doc_text_at(d, id, "identifier/value");
}

/* --- results --- */

/* FHIR's words as the letters of HL7 table 0085 and 0123, which the rest of the program knows;
 * a word that is none stays as it is. */
static struct bytes
status_letter(struct bytes status, bool *corrects)
{
	static const struct {
		struct bytes word;
		const char *letter;
		bool corrects;
	} table[] = {
	    {BYTES_INIT("final"), "F", false},
	    {BYTES_INIT("preliminary"), "P", false},
	    {BYTES_INIT("partial"), "P", false},
	    {BYTES_INIT("registered"), "I", false},
	    {BYTES_INIT("amended"), "C", true},
	    {BYTES_INIT("corrected"), "C", true},
	    {BYTES_INIT("appended"), "C", true},
	    {BYTES_INIT("entered-in-error"), "W", true},
	    {BYTES_INIT("cancelled"), "X", false},
	};

	*corrects = false;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (bytes_eq(status, table[i].word)) {
			*corrects = table[i].corrects;
			return bytes_str(table[i].letter);
		}
	}
	return status;
}

struct text {
	char *ptr;
	size_t room, n;
};

static void
add(struct text *t, struct bytes b)
{
	size_t n = t->room - t->n;

	if (n > b.len)
		n = b.len;
	if (n > 0)
		memcpy(t->ptr + t->n, b.ptr, n);
	t->n += n;
}

static struct bytes
text_bytes(const struct text *t)
{
	return bytes_of(t->ptr, t->n);
}

/* Quantity: comparator, then value as sent. */
static void
add_quantity(struct text *t, const struct doc *d, doc_id q)
{
	add(t, doc_text_at(d, q, "comparator"));
	add(t, doc_text_at(d, q, "value"));
}

struct value {
	struct text text;
	struct bytes units;
	struct hash128 hash;
	doc_id at;
};

/* Digits and the marks of FHIR's date, time and period. */
static bool
is_time(struct bytes t)
{
	for (size_t i = 0; i < t.len; i++) {
		if (!(t.ptr[i] >= '0' && t.ptr[i] <= '9') && memchr("-:T+Z./", t.ptr[i], 7) == NULL)
			return false;
	}
	return true;
}

/* A code has no blanks (FHIR R4 "code"); what has may be free text. */
static bool
is_code(struct bytes t)
{
	return t.len <= VALUE_TEXT_MAX && bytes_find(t, ' ') == t.len && bytes_printable(t);
}

/* value[x] of an Observation or a component. False: it has none. */
static bool
read_value(const struct fhir_reading *r, const struct doc *d, doc_id holder, struct value *v)
{
	doc_id id = doc_child(d, holder), q;
	struct bytes key, text;

	while (id != 0 && (!bytes_starts(doc_key(d, id), BYTES("value")) ||
			      doc_key(d, id).len <= 5 || doc_key(d, id).ptr[5] > 'Z'))
		id = doc_next(d, id);
	v->at = id;
	if (id == 0)
		return false;
	key = doc_key(d, id);
	if (bytes_eq(key, BYTES("valueQuantity"))) {
		add_quantity(&v->text, d, id);
		v->units = doc_text_at(d, id, "unit");
		if (v->units.len == 0)
			v->units = doc_text_at(d, id, "code");
	} else if (bytes_eq(key, BYTES("valueCodeableConcept"))) {
		text = doc_text_at(d, id, "coding/code");
		add(&v->text, text);
		if (text.len == 0)
			v->hash = observer_hash(r->o, doc_text_at(d, id, "text"));
	} else if (bytes_eq(key, BYTES("valueRange"))) {
		q = doc_get(d, id, "low");
		add_quantity(&v->text, d, q);
		add(&v->text, BYTES("-"));
		add_quantity(&v->text, d, doc_get(d, id, "high"));
		v->units = doc_text_at(d, q, "unit");
	} else if (bytes_eq(key, BYTES("valueRatio"))) {
		add_quantity(&v->text, d, doc_get(d, id, "numerator"));
		add(&v->text, BYTES(":"));
		add_quantity(&v->text, d, doc_get(d, id, "denominator"));
		v->units = doc_text_at(d, id, "numerator/unit");
	} else if (bytes_eq(key, BYTES("valueSampledData"))) {
		v->hash = observer_hash(r->o, doc_text_at(d, id, "data"));
	} else if (bytes_eq(key, BYTES("valuePeriod"))) {
		add(&v->text, doc_text_at(d, id, "start"));
		add(&v->text, BYTES("/"));
		add(&v->text, doc_text_at(d, id, "end"));
	} else if (bytes_eq(key, BYTES("valueString"))) {
		v->hash = observer_hash(r->o, doc_text(d, id));
	} else {
		add(&v->text, doc_text(d, id)); /* integer, boolean, time, dateTime */
	}
	text = text_bytes(&v->text);
	if (value_is_plain(text) || is_time(text) || bytes_eq(text, BYTES("true")) ||
	    bytes_eq(text, BYTES("false")) ||
	    (bytes_eq(key, BYTES("valueCodeableConcept")) && is_code(text)))
		return true;
	v->hash = observer_hash(r->o, text);
	v->text.n = 0;
	return true;
}

static void
read_range(const struct doc *d, doc_id holder, struct text *t)
{
	doc_id range = doc_child(d, doc_get(d, holder, "referenceRange"));
	struct bytes low = doc_text_at(d, range, "low/value");
	struct bytes high = doc_text_at(d, range, "high/value");

	if (low.len == 0 && high.len == 0) {
		struct bytes text = doc_text_at(d, range, "text");

		if (value_is_plain(text))
			add(t, text);
		return;
	}
	if (low.len == 0)
		add(t, BYTES("<="));
	add(t, low);
	add(t, high.len == 0 ? BYTES("+") : low.len == 0 ? BYTES("") : BYTES("-"));
	add(t, high);
}

static void
read_flags(const struct doc *d, doc_id holder, struct text *t)
{
	doc_id id = doc_child(d, doc_get(d, holder, "interpretation"));

	for (; id != 0; id = doc_next(d, id)) {
		struct bytes code = doc_text_at(d, id, "coding/code");

		if (t->n > 0 && code.len > 0)
			add(t, BYTES("~"));
		add(t, code);
	}
}

static struct bytes
first_of(const struct doc *d, doc_id id, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bytes t = doc_text_at(d, id, paths[i]);

		if (t.len > 0)
			return t;
	}
	return (struct bytes){NULL, 0};
}

/* What one result is known by again: its order or specimen (else the patient and the time), its
 * code and its sub-id. */
static struct hash128
result_key(const struct observer *o, const struct doc *d, doc_id obs, const struct ev_result *res)
{
	struct bytes anchor = reference(d, doc_child(d, doc_get(d, obs, "basedOn")));
	char bytes[KEY_MAX];
	struct text t = {bytes, sizeof(bytes), 0};

	if (anchor.len == 0)
		anchor = reference(d, doc_get(d, obs, "specimen"));
	if (anchor.len == 0)
		anchor = doc_text_at(d, obs, "identifier/value");
	if (anchor.len > 0) {
		add(&t, bytes_sub(anchor, 0, VALUE_MAX));
	} else {
		add(&t, bytes_sub(reference(d, doc_get(d, obs, "subject")), 0, VALUE_MAX));
		add(&t, BYTES("\x1f"));
		add(&t, bytes_sub(res->observed, 0, 32));
	}
	add(&t, BYTES("\x1f"));
	add(&t, bytes_sub(res->code, 0, 64));
	add(&t, BYTES("\x1f"));
	add(&t, bytes_sub(res->system, 0, 64));
	add(&t, BYTES("\x1f"));
	add(&t, res->sub);
	return observer_hash(o, text_bytes(&t));
}

static void
keep_result(struct fhir_reading *r, const struct ev_result *res)
{
	r->sum->n_results++;
	if (r->results == NULL)
		return;
	if (r->results->len > RESULTS_BYTES_MAX - 2048 || !result_encode(r->results, res))
		r->sum->results_cut = true;
}

/* A result from obs; holder is obs itself or one of its components. */
static void
add_result(struct fhir_reading *r, const struct doc *d, doc_id obs, doc_id holder, const char *sub)
{
	static const char *const times[] = {
	    "effectiveDateTime", "effectiveInstant", "effectivePeriod/start", "issued"};
	static const char *const names[] = {"code/text", "code/coding/display"};
	static const char *const devices[] = {
	    "device/display", "device/identifier/value", "device/reference"};
	char value[VALUE_MAX], range[RANGE_MAX], flags[FLAGS_MAX];
	struct value v = {.text = {value, sizeof(value), 0}};
	struct text range_text = {range, sizeof(range), 0}, flag_text = {flags, sizeof(flags), 0};
	struct ev_result res = {.sub = bytes_str(sub)};
	bool corrects, has_value = read_value(r, d, holder, &v);

	res.code = doc_text_at(d, holder, "code/coding/code");
	res.system = doc_text_at(d, holder, "code/coding/system");
	res.name = first_of(d, holder, names, ARRAY_LEN(names));
	res.value = text_bytes(&v.text);
	res.value_hash = v.hash;
	res.units = v.units;
	read_range(d, holder, &range_text);
	res.range = text_bytes(&range_text);
	read_flags(d, holder, &flag_text);
	if (!has_value && flag_text.n == 0)
		add(&flag_text, doc_text_at(d, holder, "dataAbsentReason/coding/code"));
	res.flags = text_bytes(&flag_text);
	res.status = status_letter(doc_text_at(d, obs, "status"), &corrects);
	res.corrects = corrects;
	res.observed = first_of(d, obs, times, ARRAY_LEN(times));
	res.device = first_of(d, obs, devices, ARRAY_LEN(devices));
	res.offset = doc_node(d, v.at != 0 ? v.at : holder)->offset;
	res.key = result_key(r->o, d, obs, &res);
	keep_result(r, &res);
}

/* FHIR R4 Observation: one result for its own value, one for each component. */
static void
read_observation(struct fhir_reading *r, const struct doc *d, doc_id id)
{
	char ignored[1];
	struct value v = {.text = {ignored, 0, 0}};
	doc_id component = doc_child(d, doc_get(d, id, "component"));
	bool has_value = read_value(r, d, id, &v);
	bool is_panel = component != 0 || doc_get(d, id, "hasMember") != 0;
	unsigned n = 0;

	first_hash(r->o, &r->sum->specimen, reference(d, doc_get(d, id, "specimen")));
	first_hash(r->o, &r->sum->order, reference(d, doc_child(d, doc_get(d, id, "basedOn"))));
	if (has_value || !is_panel)
		add_result(r, d, id, id, "");
	for (; component != 0; component = doc_next(d, component)) {
		char sub[12];

		(void)snprintf(sub, sizeof(sub), "%u", ++n);
		add_result(r, d, id, component, sub);
	}
}

/* A report tells of a correction even where the corrected values are elsewhere. */
static void
read_report(struct fhir_reading *r, const struct doc *d, doc_id id)
{
	bool corrects;

	(void)status_letter(doc_text_at(d, id, "status"), &corrects);
	first_hash(r->o, &r->sum->specimen, reference(d, doc_child(d, doc_get(d, id, "specimen"))));
	first_hash(r->o, &r->sum->order, reference(d, doc_child(d, doc_get(d, id, "basedOn"))));
	if (corrects)
		add_result(r, d, id, id, "report");
}

/* --- devices and files --- */

static void
claim(struct fhir_reading *r, enum name_value attr, struct bytes value, const char *source,
    unsigned confidence)
{
	observe_claim_behind(r->o, r->dir, r->offset, attr, value, source, confidence);
}

static void
read_device(struct fhir_reading *r, const struct doc *d, doc_id id)
{
	static const char *const udi[] = {
	    "udiCarrier/carrierHRF", "udiCarrier/deviceIdentifier", "distinctIdentifier"};
	static const char *const model[] = {"modelNumber", "deviceName/name"};

	claim(r, attr_udi, first_of(d, id, udi, ARRAY_LEN(udi)), "FHIR Device.udiCarrier",
	    DEVICE_SURE);
	claim(r, attr_maker, doc_text_at(d, id, "manufacturer"), "FHIR Device.manufacturer",
	    DEVICE_SURE);
	claim(r, attr_model, first_of(d, id, model, ARRAY_LEN(model)), "FHIR Device.modelNumber",
	    DEVICE_SURE);
	claim(r, attr_serial, doc_text_at(d, id, "serialNumber"), "FHIR Device.serialNumber",
	    DEVICE_SURE);
	claim(r, attr_software, doc_text_at(d, id, "version/value"), "FHIR Device.version",
	    DEVICE_HINT);
}

static void
tell_attachment(struct fhir_reading *r, const struct doc *d, doc_id holder, doc_id data)
{
	uint8_t head[16];
	struct ev_attachment a = {
	    .proto = PROTO_fhir,
	    .place = BYTES("FHIR Attachment"),
	    .media = doc_text_at(d, holder, "contentType"),
	    .size = (uint64_t)doc_node(d, data)->size / 4 * 3,
	};

	a.magic = magic_of(bytes_of(head, base64_decode(doc_text(d, data), head, sizeof(head))));
	r->o->emit(r->o->owner, r->dir, r->offset, EV_attachment, &a);
}

/* Every object with contentType and data, in the order in which they stand. */
static void
find_attachments(struct fhir_reading *r, const struct doc *d, doc_id top)
{
	doc_id path[JSON_READ_DEPTH_MAX + 1];
	unsigned depth = 0;
	doc_id id = top;

	while (id != 0) {
		doc_id data = doc_get(d, id, "data");

		if (data != 0 && doc_get(d, id, "contentType") != 0 &&
		    doc_node(d, data)->kind == JSON_STRING)
			tell_attachment(r, d, id, data);
		if (doc_child(d, id) != 0 && depth < JSON_READ_DEPTH_MAX) {
			path[depth++] = id;
			id = doc_child(d, id);
			continue;
		}
		while (depth > 0 && doc_next(d, id) == 0)
			id = path[--depth];
		id = depth > 0 ? doc_next(d, id) : 0;
	}
}

static void
read_one(struct fhir_reading *r, const struct doc *d, doc_id id)
{
	struct bytes type = doc_text_at(d, id, "resourceType");
	bool is_person = bytes_eq(type, BYTES("Patient")) ||
			 bytes_eq(type, BYTES("RelatedPerson")) || bytes_eq(type, BYTES("Person"));
	struct fhir_summary *sum = r->sum;

	sum->n_resources++;
	count_phi(r, d, id, is_person);
	read_subject(r, d, id);
	if (is_person) {
		sum->has_patient = true;
		if (bytes_eq(type, BYTES("Patient")))
			first_hash(r->o, &sum->patient, own_id(d, id));
	} else if (bytes_eq(type, BYTES("Observation"))) {
		read_observation(r, d, id);
	} else if (bytes_eq(type, BYTES("DiagnosticReport"))) {
		read_report(r, d, id);
	} else if (bytes_eq(type, BYTES("ServiceRequest"))) {
		sum->has_order = true;
		first_hash(r->o, &sum->order, own_id(d, id));
		first_hash(
		    r->o, &sum->specimen, reference(d, doc_child(d, doc_get(d, id, "specimen"))));
	} else if (bytes_eq(type, BYTES("Specimen"))) {
		struct bytes accession = doc_text_at(d, id, "accessionIdentifier/value");

		first_hash(r->o, &sum->specimen, accession.len > 0 ? accession : own_id(d, id));
	} else if (bytes_eq(type, BYTES("Device"))) {
		read_device(r, d, id);
	} else if (bytes_eq(type, BYTES("Bundle"))) {
		fhir_word(sum->bundle, sizeof(sum->bundle), doc_text_at(d, id, "type"));
	} else if (bytes_eq(type, BYTES("CapabilityStatement"))) {
		fhir_word(sum->version, sizeof(sum->version), doc_text_at(d, id, "fhirVersion"));
	}
}

void
fhir_resource(struct fhir_reading *r, const struct doc *d, doc_id id)
{
	doc_id inner = doc_child(d, doc_get(d, id, "contained"));

	read_one(r, d, id);
	for (; inner != 0; inner = doc_next(d, inner)) {
		if (doc_get(d, inner, "resourceType") != 0)
			read_one(r, d, inner);
	}
	find_attachments(r, d, id);
}
