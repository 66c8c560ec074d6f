/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: an interaction lives from the first head of its slot to done(); the body of a
 * direction belongs to the interaction whose message is under way there. */
#include "proto/fhir/fhir.h"

#include <stdio.h>

#include "proto/fhir/body.h"
#include "proto/fhir/decode.h"
#include "proto/fhir/url.h"
#include "proto/http/parts.h"

enum { PARTY_MAX = 96, METHOD_MAX = 12, TYPE_MAX = METHOD_MAX + 2 * TYPE_WORD_MAX + 2 };

enum format { FORMAT_NONE, FORMAT_JSON, FORMAT_XML };

enum half_index { ASKED, ANSWERED };

/* What is kept of one message of an interaction. */
struct half {
	bool seen, cut, malformed;
	enum format format;
	bool is_fhir_type; /* by its media type */
	struct fhir_summary sum;
	uint64_t size, offset;
	uint64_t anomalies;
	enum name_value dir;
};

struct interaction {
	bool used;
	bool is_fhir;
	char method[METHOD_MAX];
	struct fhir_url url;
	unsigned status;
	char sender[PARTY_MAX], receiver[PARTY_MAX], version[24];
	struct half half[2];
	struct buf results;
};

struct state {
	struct observer *o;
	struct interaction *slots[HTTP_SLOTS]; /* made when first needed, kept */
	struct fhir_body *body[2];             /* likewise, by direction */
	enum half_index reading[2];            /* which half the direction's message is */
	bool seen;
};

static void *
fhir_open(struct observer *o)
{
	struct state *s = budget_alloc(o->budget, sizeof(*s));

	if (s != NULL)
		s->o = o;
	return s;
}

static void
fhir_close(void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < HTTP_SLOTS; i++) {
		if (s->slots[i] == NULL)
			continue;
		buf_free(&s->slots[i]->results);
		budget_free(s->o->budget, s->slots[i], sizeof(*s->slots[i]));
	}
	for (size_t i = 0; i < 2; i++) {
		if (s->body[i] == NULL)
			continue;
		fhir_body_free(s->body[i]);
		budget_free(s->o->budget, s->body[i], sizeof(*s->body[i]));
	}
	budget_free(s->o->budget, s, sizeof(*s));
}

static struct interaction *
interaction_of(struct state *s, size_t slot)
{
	struct interaction *x = s->slots[slot];
	struct buf results;

	if (x == NULL) {
		if ((x = budget_alloc(s->o->budget, sizeof(*x))) == NULL)
			return NULL;
		x->results.budget = s->o->budget;
		x->results.cap = RESULTS_BYTES_MAX;
		s->slots[slot] = x;
	}
	if (!x->used) {
		results = x->results;
		*x = (struct interaction){.used = true, .results = results};
		buf_reset(&x->results);
	}
	return x;
}

/* FHIR R4 "RESTful API" 3.1.0.1.9 and RFC 8259; older drafts wrote json+fhir. */
static void
read_media(struct bytes type, enum format *format, bool *is_fhir)
{
	struct bytes rest;

	type = bytes_trim(bytes_split(type, ';', &rest));
	*is_fhir = bytes_find_seq(type, BYTES("fhir")) < type.len;
	*format = FORMAT_NONE;
	if (bytes_find_seq(type, BYTES("json")) < type.len)
		*format = FORMAT_JSON;
	else if (bytes_find_seq(type, BYTES("xml")) < type.len)
		*format = FORMAT_XML;
}

static void
head_of_request(struct state *s, struct interaction *x, const struct http_head *h)
{
	struct bytes accept = http_field(h, BYTES("accept"));
	bool metadata;

	fhir_word(x->method, sizeof(x->method), h->method);
	fhir_url_read(s->o, h->target, &x->url);
	fhir_word(x->sender, sizeof(x->sender), http_field(h, BYTES("user-agent")));
	fhir_word(x->receiver, sizeof(x->receiver), http_field(h, BYTES("host")));
	metadata = bytes_eq(h->method, BYTES("GET")) &&
		   bytes_eq(bytes_str(x->url.operation), BYTES("metadata"));
	x->is_fhir |= metadata || bytes_find_seq(accept, BYTES("fhir+")) < accept.len ||
		      (s->seen && x->url.type[0] != 0);
}

static bool
fhir_head(void *state, size_t slot, enum name_value dir, const struct http_head *h)
{
	struct state *s = state;
	enum half_index which = h->kind == HTTP_REQUEST ? ASKED : ANSWERED;
	struct bytes type = http_field(h, BYTES("content-type"));
	struct interaction *x = interaction_of(s, slot);
	struct half *half;

	if (x == NULL)
		return false;
	half = &x->half[which];
	half->seen = true;
	half->dir = dir;
	half->offset = h->offset;
	read_media(type, &half->format, &half->is_fhir_type);
	x->is_fhir |= half->is_fhir_type;
	if (half->is_fhir_type)
		fhir_word(
		    x->version, sizeof(x->version), field_parameter(type, BYTES("fhirVersion")));
	if (which == ASKED) {
		head_of_request(s, x, h);
	} else {
		struct bytes server = http_field(h, BYTES("server"));

		x->status = h->status;
		if (server.len > 0)
			fhir_word(x->receiver, sizeof(x->receiver), server);
	}
	s->seen |= x->is_fhir;
	s->reading[dir] = which;
	if (half->format != FORMAT_JSON)
		return false;
	if (s->body[dir] == NULL) {
		if ((s->body[dir] = budget_alloc(s->o->budget, sizeof(*s->body[dir]))) == NULL)
			return false;
		fhir_body_init(s->body[dir], s->o);
	}
	fhir_body_begin(s->body[dir], dir, h->offset,
	    which == ANSWERED && x->half[ASKED].sum.n_results > 0 ? NULL : &x->results);
	return true;
}

static void
fhir_data(void *state, size_t slot, enum name_value dir, struct bytes part)
{
	struct state *s = state;

	(void)slot;
	fhir_body_data(s->body[dir], part);
}

static void
tell_odd(void *ctx, enum anomaly name)
{
	const struct fhir_reading *r = ctx;

	observe_anomaly(r->o, r->dir, r->offset, name, PROTO_fhir, NULL);
}

static void
ignore_odd(void *ctx, enum anomaly name)
{
	(void)ctx;
	(void)name;
}

static void
fhir_end(void *state, size_t slot, enum name_value dir, uint64_t size, bool cut)
{
	struct state *s = state;
	struct interaction *x = s->slots[slot];
	struct half *half;
	struct fhir_body *b = s->body[dir];

	if (x == NULL || !x->used)
		return;
	half = &x->half[s->reading[dir]];
	half->size = size;
	half->cut = cut;
	if (half->format != FORMAT_JSON || b == NULL || b->reading.offset != half->offset)
		return;
	if (b->reader.at == 0 && !cut)
		return; /* no body: an answer to HEAD, 304, 204 */
	fhir_body_end(b, cut);
	half->cut |= b->doc.cut;
	half->malformed = b->broken;
	half->sum = b->sum;
	if (!b->known && !x->is_fhir) {
		x->results.len = 0;
		return;
	}
	x->is_fhir = s->seen = true;
	half->anomalies =
	    fhir_body_odd(b, half->is_fhir_type || b->known ? tell_odd : ignore_odd, &b->reading);
	if (half->cut && b->known) {
		half->anomalies++;
		tell_odd(&b->reading, ANOMALY_fhir_body_cut);
	}
}

/* --- the message --- */

static void
first_hash(struct hash128 *h, struct hash128 other)
{
	if (hash128_is_zero(*h))
		*h = other;
}

static bool
is_method(const struct interaction *x, const char *method)
{
	return strcmp(x->method, method) == 0;
}

static bool
is_reading(const struct interaction *x)
{
	return is_method(x, "GET") || is_method(x, "HEAD") ||
	       strcmp(x->url.operation, "_search") == 0;
}

static enum name_value
category_of(const struct interaction *x)
{
	const struct fhir_summary *asked = &x->half[ASKED].sum;
	const struct fhir_type *type;

	if (strcmp(x->url.operation, "metadata") == 0)
		return category_config;
	if (is_reading(x))
		return category_query;
	if (!x->half[ASKED].seen)
		return category_query_answer;
	if (asked->n_results > 0)
		return category_result;
	if (x->url.operation[0] == '$')
		return category_directive;
	if (asked->has_order)
		return category_order;
	if (x->url.type[0] == 0 && asked->has_patient)
		return category_patient;
	type = fhir_type(bytes_str(x->url.type[0] != 0 ? x->url.type : asked->type));
	return type != NULL ? type->category : category_other;
}

/* "GET Patient", "POST Bundle transaction", "POST Patient $everything". */
static void
type_text(const struct interaction *x, char *out, size_t room)
{
	const struct fhir_summary *asked = &x->half[ASKED].sum, *said = &x->half[ANSWERED].sum;
	const char *type = x->url.type, *more = x->url.operation;

	if (type[0] == 0 && more[0] == 0)
		type = asked->type[0] != 0 ? asked->type : said->type;
	if (more[0] == 0 && strcmp(type, "Bundle") == 0)
		more = asked->type[0] != 0 ? asked->bundle : said->bundle;
	(void)snprintf(out, room, "%s%s%s%s%s", x->method,
	    x->method[0] != 0 && type[0] != 0 ? " " : "", type, more[0] != 0 ? " " : "", more);
}

static void
tell_xml(struct state *s, struct half *half)
{
	if (half->format != FORMAT_XML || !half->is_fhir_type)
		return;
	half->anomalies++;
	observe_anomaly(s->o, half->dir, half->offset, ANOMALY_fhir_xml, PROTO_fhir, NULL);
}

static void
tell(struct state *s, struct interaction *x)
{
	struct half *asked = &x->half[ASKED], *said = &x->half[ANSWERED];
	const struct half *first = asked->seen ? asked : said;
	char type[TYPE_MAX], ack[12] = "";
	struct ev_message m = {
	    .proto = PROTO_fhir,
	    .category = category_of(x),
	    .carrier = BYTES("http"),
	    .sender = bytes_str(x->sender),
	    .receiver = bytes_str(x->receiver),
	    .patient = asked->sum.patient,
	    .order = asked->sum.order,
	    .specimen = asked->sum.specimen,
	    .size = asked->size + said->size,
	    .phi = asked->sum.phi + said->sum.phi + x->url.n_patient_fields,
	};

	tell_xml(s, asked);
	tell_xml(s, said);
	if (x->url.n_patient_fields > 0 && is_method(x, "GET")) {
		asked->anomalies++;
		observe_anomaly(
		    s->o, asked->dir, asked->offset, ANOMALY_fhir_patient_in_url, PROTO_fhir, NULL);
	}
	type_text(x, type, sizeof(type));
	m.type = bytes_str(type);
	m.version = bytes_str(said->sum.version[0] != 0 ? said->sum.version : x->version);
	if (x->status != 0) {
		(void)snprintf(ack, sizeof(ack), "%u", x->status);
		m.ack = bytes_str(ack);
	}
	first_hash(&m.patient, x->url.patient);
	first_hash(&m.patient, said->sum.patient);
	first_hash(&m.order, said->sum.order);
	first_hash(&m.specimen, said->sum.specimen);
	m.phi += !hash128_is_zero(x->url.patient) && x->url.n_patient_fields == 0;
	m.n_results = asked->sum.n_results > 0 ? asked->sum.n_results : said->sum.n_results;
	m.results = buf_bytes(&x->results);
	m.anomalies = asked->anomalies + said->anomalies;
	if (asked->cut || said->cut)
		m.flags |= MESSAGE_CUT;
	if (asked->malformed || said->malformed)
		m.flags |= MESSAGE_MALFORMED;
	if (asked->sum.results_cut || said->sum.results_cut)
		m.flags |= MESSAGE_RESULTS_CUT;
	if (!asked->seen)
		m.flags |= MESSAGE_UNPAIRED;
	observe_message(s->o, first->dir, first->offset, &m);
}

static void
fhir_done(void *state, size_t slot)
{
	struct state *s = state;
	struct interaction *x = s->slots[slot];

	if (x == NULL || !x->used)
		return;
	if (x->is_fhir)
		tell(s, x);
	x->used = false;
}

static bool
fhir_seen(const void *state)
{
	return ((const struct state *)state)->seen;
}

const struct http_content fhir_content = {
    .id = PROTO_fhir,
    .open = fhir_open,
    .close = fhir_close,
    .head = fhir_head,
    .body = fhir_data,
    .end = fhir_end,
    .done = fhir_done,
    .seen = fhir_seen,
};

const struct protocol fhir_protocol = {
    .id = PROTO_fhir,
    .name = "fhir",
    .decode = fhir_decode,
};
