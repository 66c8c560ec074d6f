/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/poct1a/document.h"

#include "proto/value.h"

enum { KEY_TEXT_MAX = 480 };

/* What a device's own fields claim. */
struct claim_row {
	const char *name;
	enum name_value attr;
	const char *source;
	uint8_t confidence;
};

enum { CLAIM_ROWS = 7 };

static const struct claim_row claim_rows[CLAIM_ROWS] = {
    {"DEV.manufacturer_name", attr_maker, "POCT1-A DEV.manufacturer_name", 90},
    {"DEV.vendor_id", attr_maker, "POCT1-A DEV.vendor_id", 70},
    {"DEV.model_id", attr_model, "POCT1-A DEV.model_id", 90},
    {"DEV.serial_id", attr_serial, "POCT1-A DEV.serial_id", 90},
    {"DEV.sw_version", attr_software, "POCT1-A DEV.sw_version", 90},
    {"DEV.hw_version", attr_hardware, "POCT1-A DEV.hw_version", 90},
    {"DEV.device_name", attr_name, "POCT1-A DEV.device_name", 80},
};

struct walk {
	struct document_reader *r;
	const struct xml_piece *d;
	const struct document_place *at;
	struct ev_message ev;
	size_t n_anomalies;
	size_t plain_used;
	/* the service that is open */
	struct bytes order, patient, sequence, observed;
	struct ev_result obs[DOCUMENT_OBS_MAX];
	size_t n_obs;
	struct ev_result *open; /* the OBS that is open */
	struct bytes operator_id;
	size_t n_accounts;
	struct bytes claims[CLAIM_ROWS];
	struct bytes device_id;
};

static void
note(struct walk *w, enum anomaly name)
{
	w->n_anomalies++;
	observe_anomaly(w->r->o, w->r->dir, w->at->offset, name, PROTO_poct1a, NULL);
}

/* --- roots --- */

bool
document_is_root(struct bytes name)
{
	size_t n = name.len;

	if (n < 5 || n > 24 || name.ptr[n - 4] != '.' || name.ptr[n - 3] != 'R' ||
	    name.ptr[n - 2] < '0' || name.ptr[n - 2] > '9' || name.ptr[n - 1] < '0' ||
	    name.ptr[n - 1] > '9')
		return false;
	for (size_t i = 0; i < n - 4; i++) {
		uint8_t c = name.ptr[i];

		if (!((c >= 'A' && c <= 'Z') || c == '_' || c == '.'))
			return false;
	}
	return true;
}

struct bytes
document_root(struct bytes document)
{
	struct xml_reader r = xml_read(document);
	struct xml_token t = xml_next(&r);
	size_t at, n = 0;

	if (t.kind == XML_START)
		return t.name;
	/* Not readable up to there: the first tag that looks like a root. */
	while ((at = bytes_find(document, '<')) < document.len) {
		document = bytes_from(document, at + 1);
		for (n = 0; n < document.len && n < 24 && document.ptr[n] > ' ' &&
			    document.ptr[n] != '>' && document.ptr[n] != '/';
		     n++)
			continue;
		if (document_is_root(bytes_sub(document, 0, n)))
			return bytes_sub(document, 0, n);
	}
	return (struct bytes){NULL, 0};
}

enum name_value
document_category(struct bytes root)
{
	static const struct {
		const char *name;
		enum name_value category;
	} table[] = {{"HEL", category_session}, {"ACK", category_ack}, {"DST", category_status},
	    {"EVS", category_status}, {"OBS", category_result}, {"REQ", category_query},
	    {"EOT", category_session}, {"END", category_session}, {"ESC", category_session},
	    {"KPA", category_session}, {"DTV", category_directive}, {"CFG", category_config},
	    {"OPL", category_account}, {"PTL", category_patient}};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (bytes_eq(bytes_sub(root, 0, 3), bytes_str(table[i].name)) && root.len > 3 &&
		    root.ptr[3] == '.')
			return table[i].category;
	}
	return category_other;
}

enum anomaly
document_anomaly(enum xml_error e)
{
	switch (e) {
	case XML_CUT:
		return ANOMALY_poct1a_cut;
	case XML_DOCTYPE:
		return ANOMALY_poct1a_doctype;
	case XML_ENTITY:
		return ANOMALY_poct1a_entity;
	case XML_DEPTH:
		return ANOMALY_poct1a_depth;
	case XML_ATTRIBUTES:
		return ANOMALY_poct1a_attributes;
	case XML_SIZE:
		return ANOMALY_unit_too_large;
	case XML_MEMORY:
		return ANOMALY_memory_cap;
	case XML_MISMATCH:
		return ANOMALY_poct1a_mismatch;
	default:
		return ANOMALY_poct1a_malformed;
	}
}

/* --- values --- */

static struct hash128
hash(const struct walk *w, struct bytes id)
{
	return observer_hash(w->r->o, id);
}

/* text with references undone, in room that lives as long as the document is read. */
static struct bytes
plain(struct walk *w, struct bytes text)
{
	struct buf *b = &w->r->plain;
	struct bytes out;

	if (bytes_find(text, '&') == text.len)
		return text;
	if (b->room < w->d->body.len && !buf_reserve(b, w->d->body.len))
		return (struct bytes){NULL, 0};
	if (text.len > b->room - w->plain_used)
		return (struct bytes){NULL, 0};
	out = xml_plain(text, b->ptr + w->plain_used);
	w->plain_used += out.len;
	return out;
}

static struct bytes
attribute(struct walk *w, const struct xml_token *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		if (bytes_eq(t->attributes[i].name, bytes_str(name)))
			return plain(w, t->attributes[i].value);
	}
	return (struct bytes){NULL, 0};
}

static size_t
place(const struct walk *w, const struct xml_token *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (bytes_eq(t->attributes[i].name, BYTES("V")))
			return (size_t)(t->attributes[i].value.ptr - w->d->body.ptr);
	}
	return t->at;
}

/* --- results --- */

/* Key and encoding wait until the service's order is known. */
static void
results_tell(struct walk *w)
{
	struct hash128 who = hash(w, w->order.len > 0 ? w->order : w->patient);

	for (size_t i = 0; i < w->n_obs; i++) {
		struct ev_result *r = &w->obs[i];
		uint8_t room[sizeof(who) + KEY_TEXT_MAX];
		struct bytes seq = bytes_sub(w->sequence, 0, KEY_TEXT_MAX / 2 - 1);
		struct bytes code = bytes_sub(r->code, 0, KEY_TEXT_MAX / 2 - 1);
		size_t n = sizeof(who);

		memcpy(room, &who, sizeof(who));
		if (seq.len > 0)
			memcpy(room + n, seq.ptr, seq.len);
		n += seq.len;
		room[n++] = 0;
		if (code.len > 0)
			memcpy(room + n, code.ptr, code.len);
		n += code.len;
		r->key = sip128(w->r->o->key, bytes_of(room, n));
		r->sub = w->sequence;
		r->observed = w->observed;
		if (!result_encode(&w->r->results, r))
			w->ev.flags |= MESSAGE_RESULTS_CUT;
	}
	w->n_obs = 0;
}

static void
result_open(struct walk *w)
{
	if (w->n_obs == DOCUMENT_OBS_MAX)
		results_tell(w);
	w->open = &w->obs[w->n_obs++];
	*w->open = (struct ev_result){0};
	w->ev.n_results++;
}

static void
service_close(struct walk *w)
{
	results_tell(w);
	w->order = w->patient = w->sequence = w->observed = (struct bytes){NULL, 0};
}

/* --- elements --- */

/* A leaf that can go into a record of its own. */
static void
account(struct walk *w)
{
	struct ev_credential c = {.proto = PROTO_poct1a,
	    .scheme = BYTES("ACC.password"),
	    .user = hash(w, w->operator_id)};

	if (w->n_accounts++ == DOCUMENT_ACCOUNTS_MAX)
		note(w, ANOMALY_poct1a_accounts_many);
	if (w->n_accounts > DOCUMENT_ACCOUNTS_MAX)
		return;
	if (account_is_common(bytes_trim(w->operator_id)))
		c.account = bytes_trim(w->operator_id);
	w->r->o->emit(w->r->o->owner, w->r->dir, w->at->offset, EV_credential, &c);
}

static void
device_field(struct walk *w, struct bytes name, struct bytes v)
{
	for (size_t i = 0; i < ARRAY_LEN(claim_rows); i++) {
		if (bytes_eq(name, bytes_str(claim_rows[i].name)) && w->claims[i].len == 0)
			w->claims[i] = v;
	}
	if (bytes_eq(name, BYTES("DEV.device_id")))
		w->device_id = v;
}

static void
obs_field(struct walk *w, struct bytes name, const struct xml_token *t, struct bytes v, size_t at)
{
	struct ev_result *r = w->open;

	if (bytes_eq(name, BYTES("OBS.observation_id"))) {
		r->code = v;
		r->system = attribute(w, t, "SN");
		r->name = attribute(w, t, "DN");
	} else if (bytes_eq(name, BYTES("OBS.value")) ||
		   bytes_eq(name, BYTES("OBS.qualitative_value"))) {
		if (r->value.len > 0 || v.len == 0)
			return;
		if (value_is_plain(v))
			r->value = v;
		else
			r->value_hash = hash(w, v);
		r->units = attribute(w, t, "U");
		r->offset = (uint64_t)at * w->at->scale;
	} else if (bytes_eq(name, BYTES("OBS.interpretation_cd"))) {
		r->flags = v;
	} else if (bytes_eq(name, BYTES("OBS.normal_lo-hi_limit"))) {
		r->range = v;
	} else if (bytes_eq(name, BYTES("OBS.status_cd"))) {
		r->status = v;
	}
}

static bool
is_phi(struct bytes name)
{
	return bytes_starts(name, BYTES("PT.")) || bytes_starts(name, BYTES("ORD.")) ||
	       bytes_starts(name, BYTES("OPR.")) || bytes_eq(name, BYTES("NTE.text"));
}

/* An element with a value: t holds its start tag's attributes. */
static void
leaf(struct walk *w, struct bytes name, const struct xml_token *t, struct bytes v, size_t at)
{
	v = bytes_trim(v);
	if (v.len > 0 && is_phi(name))
		w->ev.phi++;
	if (bytes_starts(name, BYTES("OBS."))) {
		if (w->open != NULL)
			obs_field(w, name, t, v, at);
		return;
	}
	if (bytes_starts(name, BYTES("DEV."))) {
		device_field(w, name, v);
		return;
	}
	if (bytes_eq(name, BYTES("HDR.control_id")))
		w->ev.control = hash(w, v);
	else if (bytes_eq(name, BYTES("HDR.version_id")))
		w->ev.version = v;
	else if (bytes_eq(name, BYTES("HDR.message_type"))) {
		if (v.len > 0 && !bytes_eq(v, w->ev.type))
			note(w, ANOMALY_poct1a_type_differs);
	} else if (bytes_eq(name, BYTES("ACK.type_cd")))
		w->ev.ack = v;
	else if (bytes_eq(name, BYTES("ACK.ack_control_id")))
		w->ev.ack_of = hash(w, v);
	else if (bytes_eq(name, BYTES("ACK.control_id"))) {
		if (hash128_is_zero(w->ev.ack_of))
			w->ev.ack_of = hash(w, v);
	} else if (bytes_eq(name, BYTES("SVC.sequence_nbr")))
		w->sequence = v;
	else if (bytes_eq(name, BYTES("SVC.observation_dttm")))
		w->observed = v;
	else if (bytes_eq(name, BYTES("PT.patient_id"))) {
		w->patient = v;
		if (hash128_is_zero(w->ev.patient))
			w->ev.patient = hash(w, v);
	} else if (bytes_eq(name, BYTES("ORD.order_id"))) {
		w->order = v;
		if (hash128_is_zero(w->ev.order))
			w->ev.order = hash(w, v);
	} else if (bytes_eq(name, BYTES("SPC.specimen_id"))) {
		if (hash128_is_zero(w->ev.specimen))
			w->ev.specimen = hash(w, v);
	} else if (bytes_eq(name, BYTES("OPR.operator_id")))
		w->operator_id = v;
	else if (bytes_eq(name, BYTES("ACC.password")) && v.len > 0)
		account(w);
}

static void
element_open(struct walk *w, const struct xml_token *t)
{
	if (bytes_eq(t->name, BYTES("OBS")))
		result_open(w);
	else if (bytes_eq(t->name, BYTES("OPR")))
		w->operator_id = (struct bytes){NULL, 0};
}

static void
element_close(struct walk *w, struct bytes name)
{
	if (bytes_eq(name, BYTES("OBS")))
		w->open = NULL;
	else if (bytes_eq(name, BYTES("SVC")))
		service_close(w);
}

/* Reads to the end or the first error. An element's text counts where it has no V. */
static enum xml_error
read_elements(struct walk *w)
{
	struct xml_reader r = xml_read(w->d->body);
	struct xml_attribute held[XML_ATTRIBUTES_MAX];
	struct xml_token last = {0}; /* the start tag that is open with nothing but text in it */
	struct bytes text = {NULL, 0};

	for (;;) {
		struct xml_token t = xml_next(&r);

		switch (t.kind) {
		case XML_START:
			if (last.name.len > 0)
				leaf(
				    w, last.name, &last, attribute(w, &last, "V"), place(w, &last));
			memcpy(held, t.attributes, t.n * sizeof(held[0]));
			last = t;
			last.attributes = held;
			text = (struct bytes){NULL, 0};
			element_open(w, &t);
			break;
		case XML_TEXT:
			if (bytes_trim(text).len == 0)
				text = t.cdata ? t.text : plain(w, t.text);
			break;
		case XML_END:
			if (last.name.len > 0) {
				struct bytes v = attribute(w, &last, "V");
				size_t at = place(w, &last);

				if (v.len == 0 && bytes_trim(text).len > 0) {
					v = text;
					at = last.at;
				}
				leaf(w, last.name, &last, v, at);
			}
			last.name.len = 0;
			element_close(w, t.name);
			break;
		case XML_DONE:
			return XML_OK;
		case XML_BAD:
			return t.error;
		}
	}
}

/* --- the whole --- */

void
document_reader_init(struct document_reader *r, struct observer *o, enum name_value dir)
{
	*r = (struct document_reader){.o = o, .dir = dir};
	r->results = (struct buf){.cap = DOCUMENT_RESULTS_MAX, .budget = o->budget};
	r->plain = (struct buf){.cap = XML_DOCUMENT_MAX, .budget = o->budget};
}

void
document_reader_free(struct document_reader *r)
{
	buf_free(&r->results);
	buf_free(&r->plain);
}

static void
check_pairing(struct walk *w, const struct document_reader *peer)
{
	struct document_reader *r = w->r;
	struct hash128 *slot = &r->sent[r->n_sent % DOCUMENT_PEERS];
	bool found = false;

	if (!hash128_is_zero(w->ev.control)) {
		const struct hash128 *last = &r->sent[(r->n_sent - 1) % DOCUMENT_PEERS];

		if (r->n_sent > 0 && memcmp(last, &w->ev.control, sizeof(*last)) == 0)
			w->ev.flags |= MESSAGE_REPEAT;
		*slot = w->ev.control;
		r->n_sent++;
	}
	for (size_t i = 0; i < DOCUMENT_PEERS; i++)
		found |= memcmp(&peer->sent[i], &w->ev.ack_of, sizeof(w->ev.ack_of)) == 0;
	if (!hash128_is_zero(w->ev.ack_of) && !found && peer->heard)
		w->ev.flags |= MESSAGE_UNPAIRED;
}

/* A document that does not hold together is told with its type only: nothing in it is trusted. */
void
document_observe(struct document_reader *r, const struct document_reader *peer,
    const struct xml_piece *d, const struct document_place *at)
{
	struct walk w = {.r = r, .d = d, .at = at};
	enum xml_error e = d->error;
	bool known;

	buf_reset(&r->results);
	w.ev.type = document_root(d->body);
	w.ev.category = document_category(w.ev.type);
	if (e == XML_OK)
		e = read_elements(&w);
	if (e == XML_OK) {
		results_tell(&w);
		check_pairing(&w, peer);
		for (size_t i = 0; i < CLAIM_ROWS; i++)
			observe_claim(r->o, r->dir, at->offset, claim_rows[i].attr, w.claims[i],
			    claim_rows[i].source, claim_rows[i].confidence);
		w.ev.sender = bytes_trim(w.device_id);
		w.ev.results = buf_bytes(&r->results);
	} else {
		note(&w, document_anomaly(e));
		w.ev = (struct ev_message){.type = w.ev.type,
		    .category = w.ev.category,
		    .flags = MESSAGE_MALFORMED | (e == XML_CUT ? MESSAGE_CUT : 0)};
	}
	r->heard = true;
	known = document_is_root(w.ev.type);
	if (e == XML_OK && !known)
		note(&w, ANOMALY_poct1a_root_unknown);
	w.ev.proto = PROTO_poct1a;
	w.ev.carrier = at->framed ? BYTES("mllp") : BYTES("none");
	w.ev.size = at->size;
	w.ev.anomalies = w.n_anomalies;
	if (e != XML_OK && !known)
		return;
	observe_unit(r->o, UNIT_poct1a_documents);
	observe_message(r->o, r->dir, at->offset, &w.ev);
}

/* --- writing --- */

static void
write_attribute(struct buf *out, const char *name, struct bytes v)
{
	buf_printf(out, " %s=\"", name);
	xml_write_text(out, v);
	buf_byte(out, '"');
}

void
document_write(struct buf *out, const struct document_element *e, size_t n)
{
	const char *open[XML_DEPTH_MAX];
	unsigned depth = 0;

	buf_text(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>");
	for (size_t i = 0; i < n; i++) {
		bool inner = i + 1 < n && e[i + 1].depth > e[i].depth;

		while (depth > e[i].depth)
			buf_printf(out, "</%s>", open[--depth]);
		buf_printf(out, "<%s", e[i].name);
		if (e[i].has_v || e[i].v.len > 0)
			write_attribute(out, "V", e[i].v);
		if (e[i].u.len > 0)
			write_attribute(out, "U", e[i].u);
		if (e[i].sn.len > 0)
			write_attribute(out, "SN", e[i].sn);
		if (e[i].dn.len > 0)
			write_attribute(out, "DN", e[i].dn);
		buf_text(out, inner ? ">" : " />");
		if (inner && depth < XML_DEPTH_MAX)
			open[depth++] = e[i].name;
	}
	while (depth > 0)
		buf_printf(out, "</%s>", open[--depth]);
}
