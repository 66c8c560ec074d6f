/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP connection that carries associations.
 *
 * Association: NONE -rq()-> ASKED -ac()-> OPEN -release()-> OVER
 *                              ASKED -rj()-> OVER, any -abort()-> OVER, OVER -rq()-> ASKED
 * Message of a side: IDLE -pdv()-> COMMAND -command_end()-> DATA -message_end()-> IDLE
 *                                         COMMAND -command_end()-> IDLE (no data set)
 * Invariants: one message at a time and side (PS3.8 annex E: fragments of one message follow each
 * other); notes of a message are told right before it, so any cut gives the same order; nothing of
 * a fragment outlives the call but what dataset.h carries. */
#include "proto/dicom/dicom.h"

#include <stdio.h>

#include "proto/dicom/assoc.h"
#include "proto/dicom/dimse.h"
#include "proto/dicom/inflate.h"
#include "proto/dicom/pdu.h"

enum {
	OPEN_IDS_MAX = 32,
	INFLATE_CHUNK = 1024,
	CONFIDENCE_AE = 60,
	CONFIDENCE_CALLED = 45,
	CONFIDENCE_SOFTWARE = 50
};

enum assoc_state {
	ASSOC_NONE,
	ASSOC_ASKED,
	ASSOC_OPEN,
	ASSOC_REJECTED,
	ASSOC_RELEASED,
	ASSOC_ABORTED
};

enum message_state { MESSAGE_IDLE, MESSAGE_COMMAND, MESSAGE_DATA };

struct context {
	bool asked, accepted;
	uint8_t syntaxes; /* asked for: bits 1 << enum dicom_syntax */
	uint8_t syntax;   /* accepted */
};

struct side {
	struct dicom_pdu pdu;
	/* Of this side's application entity. */
	uint8_t ae_n, name_n;
	uint8_t ae[DICOM_AE_MAX];
	uint8_t name[24];
	uint32_t takes; /* longest P-DATA it wants, 0 = any or not told */
	bool long_told;
	/* Its message. */
	enum message_state state;
	uint8_t context;
	bool ignore; /* fragments of this PDV belong to nothing */
	bool cut;    /* bytes of the message are missing */
	bool lost;   /* borders of PDVs were lost: what comes may be the middle of something */
	uint64_t message_at, size;
	struct dicom_command command;
	struct dicom_set set;
	struct dicom_notes notes;
	struct dicom_identity identity;
	struct dicom_inflate *inflate;
	/* Requests that wait for a final answer. */
	uint16_t open_id[OPEN_IDS_MAX];
	uint8_t n_open;
	bool ids_incomplete; /* some were not seen or not kept */
	/* Device of its last store. */
	uint64_t device;
	bool device_known, device_behind;
};

struct session {
	struct observer *o;
	enum assoc_state state;
	enum name_value asker; /* side of the association requestor */
	struct hash128 user;   /* of its user identity */
	bool user_named;
	bool outside_told;
	uint64_t salt; /* makes message ids of this association unique */
	uint64_t n_assoc;
	struct wall opened;
	struct side side[2];
	struct context context[256];
};

static enum name_value
other(enum name_value dir)
{
	return dir == dir_orig ? dir_resp : dir_orig;
}

void
dicom_notes_tell(const struct dicom_notes *notes, const struct observer *o, enum name_value dir)
{
	for (size_t i = 0; i < notes->n; i++) {
		const struct dicom_note *n = &notes->list[i];
		struct ev_anomaly a = {.name = n->name,
		    .proto = PROTO_dicom,
		    .count = n->count,
		    .detail = bytes_str(n->detail)};

		o->emit(o->owner, dir, n->offset, EV_anomaly, &a);
	}
}

static void
tell(struct session *s, enum name_value dir, uint64_t offset, enum anomaly name, const char *detail)
{
	observe_anomaly(s->o, dir, offset, name, PROTO_dicom, detail);
}

/* --- messages --- */

static struct bytes
ae_of(const struct session *s, enum name_value dir)
{
	return bytes_of(s->side[dir].ae, s->side[dir].ae_n);
}

static struct hash128
id_hash(const struct session *s, enum name_value asker, uint16_t id)
{
	uint8_t text[11];

	memcpy(text, &s->salt, 8);
	text[8] = (uint8_t)asker;
	text[9] = (uint8_t)(id >> 8);
	text[10] = (uint8_t)id;
	return sip128(s->o->key, bytes_of(text, sizeof(text)));
}

static void
id_open(struct side *sd, uint16_t id)
{
	if (sd->n_open == OPEN_IDS_MAX) {
		memmove(sd->open_id, sd->open_id + 1, sizeof(sd->open_id) - sizeof(sd->open_id[0]));
		sd->n_open--;
		sd->ids_incomplete = true;
	}
	sd->open_id[sd->n_open++] = id;
}

/* False: no such request is open. */
static bool
id_answer(struct side *sd, uint16_t id, bool final)
{
	for (size_t i = 0; i < sd->n_open; i++) {
		if (sd->open_id[i] != id)
			continue;
		if (final) {
			sd->n_open--;
			memmove(sd->open_id + i, sd->open_id + i + 1,
			    (sd->n_open - i) * sizeof(sd->open_id[0]));
		}
		return true;
	}
	return sd->ids_incomplete;
}

/* The device that made a stored data set (rules: identity.h). */
static void
store_claims(struct session *s, enum name_value dir)
{
	struct side *sd = &s->side[dir];
	uint64_t device = dicom_identity_device(&sd->identity, s->o->key);
	bool behind = sd->command.sub_operation || (s->state != ASSOC_NONE && dir != s->asker) ||
		      dicom_identity_behind(&sd->identity, ae_of(s, dir)) ||
		      (sd->device_known && (sd->device_behind || sd->device != device));

	if (sd->device_known && sd->device == device && sd->device_behind == behind)
		return;
	sd->device_known = true;
	sd->device = device;
	sd->device_behind = behind;
	dicom_identity_claims(&sd->identity, s->o, dir, sd->message_at, behind);
}

static void
message_tell(struct session *s, enum name_value dir)
{
	struct side *sd = &s->side[dir];
	const struct dicom_command *c = &sd->command;
	char name[DIMSE_NAME_MAX], status[8];
	struct ev_message m = {.proto = PROTO_dicom,
	    .category = dicom_command_category(c->command),
	    .carrier = BYTES("dicom"),
	    .type = dicom_command_name(c->command, name),
	    .version = bytes_of(sd->name, sd->name_n),
	    .sender = ae_of(s, dir),
	    .receiver = ae_of(s, other(dir)),
	    .patient = sd->identity.patient,
	    .order = sd->identity.order,
	    .specimen = sd->identity.specimen,
	    .size = sd->size,
	    .phi = sd->identity.phi,
	    .flags = sd->cut ? MESSAGE_CUT : 0,
	    .anomalies = dicom_notes_sum(&sd->notes)};

	if ((c->command & DIMSE_ANSWER) != 0) {
		if (c->has_answered)
			m.ack_of = id_hash(s, other(dir), c->answered);
		if (c->has_status)
			m.ack = bytes_of(status,
			    (size_t)snprintf(status, sizeof(status), "%04X", (unsigned)c->status));
		if (c->has_answered &&
		    !id_answer(&s->side[other(dir)], c->answered,
			!c->has_status || !dicom_status_pending(c->status)) &&
		    s->state != ASSOC_NONE)
			m.flags |= MESSAGE_UNPAIRED;
	} else if (c->has_id) {
		m.control = id_hash(s, dir, c->id);
		id_open(sd, c->id);
	} else if (c->command == DIMSE_C_CANCEL && c->has_answered) {
		m.ack_of = id_hash(s, dir, c->answered);
	}
	for (size_t i = 0; i < sd->notes.n; i++) {
		if (sd->notes.list[i].name == ANOMALY_dicom_command ||
		    sd->notes.list[i].name == ANOMALY_dicom_element_length)
			m.flags |= MESSAGE_MALFORMED;
	}
	observe_message(s->o, dir, sd->message_at, &m);
}

/* The message is over, well or not. */
static void
message_end(struct session *s, enum name_value dir)
{
	struct side *sd = &s->side[dir];

	if (sd->inflate != NULL && dicom_inflate_damaged(sd->inflate))
		dicom_note_add(
		    &sd->notes, ANOMALY_dicom_deflate, sd->message_at, "deflated data set");
	dicom_inflate_free(sd->inflate);
	sd->inflate = NULL;
	sd->state = MESSAGE_IDLE;
	dicom_notes_tell(&sd->notes, s->o, dir);
	if (sd->command.has_command) {
		dicom_identity_attachment(&sd->identity, s->o, dir);
		if (sd->command.command == DIMSE_C_STORE)
			store_claims(s, dir);
		message_tell(s, dir);
	}
	dicom_identity_clear(&sd->identity);
}

/* The rest of an open message will not come, or cannot be found. */
static void
message_cut(struct session *s, enum name_value dir)
{
	struct side *sd = &s->side[dir];

	if (sd->state == MESSAGE_IDLE)
		return;
	if (sd->state == MESSAGE_COMMAND)
		sd->notes.n = 0; /* nothing whole was read */
	sd->cut = true;
	message_end(s, dir);
}

static void
borders_lost(struct session *s, enum name_value dir)
{
	message_cut(s, dir);
	s->side[dir].lost = true;
	s->side[dir].ids_incomplete = true;
	s->side[dir].ignore = true;
}

static enum dicom_syntax
syntax_of(const struct session *s, uint8_t context)
{
	const struct context *c = &s->context[context];

	if (c->accepted)
		return (enum dicom_syntax)c->syntax;
	for (unsigned i = SYNTAX_IMPLICIT; i <= SYNTAX_ENCAPSULATED; i++) {
		if (c->syntaxes == 1u << i)
			return (enum dicom_syntax)i; /* asked for one alone, answer not seen */
	}
	return SYNTAX_UNKNOWN;
}

/* The command set is complete. */
static void
command_end(struct session *s, enum name_value dir, uint64_t offset)
{
	struct side *sd = &s->side[dir];
	enum dicom_syntax syntax;

	dicom_set_end(&sd->set);
	if (sd->lost && !(sd->command.has_command && sd->command.started)) {
		sd->state = MESSAGE_IDLE; /* the tail of a command whose head was lost */
		return;
	}
	sd->lost = false;
	if (!dicom_command_check(&sd->command, sd->message_at, &sd->notes) ||
	    !sd->command.has_data_type || sd->command.data_type == DIMSE_DATA_NONE) {
		message_end(s, dir);
		return;
	}
	syntax = syntax_of(s, sd->context);
	sd->state = MESSAGE_DATA;
	if (syntax == SYNTAX_DEFLATED && (sd->inflate = dicom_inflate_new(s->o->budget)) == NULL)
		dicom_note_add(&sd->notes, ANOMALY_memory_cap, offset, "inflater");
	dicom_set_init(&sd->set, syntax, dicom_identity_tell, DICOM_IDENTITY_LAST, &sd->notes);
	sd->set.shift = offset;
}

static void
walk(struct session *s, struct side *sd, struct bytes data)
{
	struct dicom_set_event ev;

	while ((ev = dicom_set_next(&sd->set, &data)).kind == DICOM_SET_ELEMENT) {
		if (sd->state == MESSAGE_COMMAND)
			dicom_command_take(&sd->command, &ev, &sd->notes);
		else
			dicom_identity_take(&sd->identity, s->o, &ev);
	}
}

static void
fragment(struct session *s, struct side *sd, const struct dicom_pdu_event *ev)
{
	uint8_t chunk[INFLATE_CHUNK];
	struct bytes in = ev->body, out;

	if (sd->ignore || sd->set.state == SET_AT_DONE)
		return;
	if (sd->state == MESSAGE_DATA && sd->set.syntax == SYNTAX_DEFLATED) {
		while (sd->inflate != NULL && sd->set.state != SET_AT_DONE &&
		       (out = dicom_inflate_next(sd->inflate, &in, chunk, sizeof(chunk))).len > 0)
			walk(s, sd, out);
		return;
	}
	sd->set.shift = ev->offset - sd->set.at;
	walk(s, sd, in);
}

static void
message_start(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	struct side *sd = &s->side[dir];

	sd->state = MESSAGE_COMMAND;
	sd->context = ev->context;
	sd->message_at = ev->offset;
	sd->size = 0;
	sd->cut = false;
	sd->command = (struct dicom_command){0};
	sd->notes.n = 0;
	dicom_identity_clear(&sd->identity);
	dicom_set_init(
	    &sd->set, SYNTAX_IMPLICIT, dicom_command_tell, DICOM_COMMAND_LAST, &sd->notes);
	if (s->state == ASSOC_OPEN && !s->context[ev->context].accepted)
		dicom_note_add(&sd->notes, ANOMALY_dicom_context, ev->offset,
		    "context %u was not accepted", (unsigned)ev->context);
}

static void
pdv(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	struct side *sd = &s->side[dir];
	bool command = (ev->flags & PDV_COMMAND) != 0;

	sd->ignore = false;
	if (sd->state != MESSAGE_IDLE &&
	    (ev->context != sd->context || (command && sd->state == MESSAGE_DATA))) {
		tell(s, dir, ev->offset, ANOMALY_dicom_interleaved, NULL);
		message_cut(s, dir);
	}
	if (command && sd->state == MESSAGE_IDLE) {
		message_start(s, dir, ev);
	} else if (!command && sd->state != MESSAGE_DATA) {
		if (!sd->lost)
			tell(s, dir, ev->offset, ANOMALY_dicom_data_unexpected, NULL);
		sd->ignore = true;
	}
	if (!sd->ignore)
		sd->size += ev->length;
}

static void
pdv_end(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	struct side *sd = &s->side[dir];

	if (sd->ignore || (ev->flags & PDV_LAST) == 0 || sd->state == MESSAGE_IDLE)
		return;
	if (sd->state == MESSAGE_COMMAND) {
		command_end(s, dir, ev->offset);
		return;
	}
	if (sd->set.syntax != SYNTAX_DEFLATED)
		dicom_set_end(&sd->set);
	message_end(s, dir);
}

/* --- associations --- */

static void
salt_new(struct session *s)
{
	uint8_t text[2 * DICOM_AE_MAX + 18] = {0};

	for (int d = 0; d < 2; d++)
		memcpy(text + d * (DICOM_AE_MAX + 1), s->side[d].ae, s->side[d].ae_n);
	memcpy(text + sizeof(text) - 16, &s->n_assoc, 8);
	memcpy(text + sizeof(text) - 8, &s->opened.ns, 8);
	s->salt = sip64(s->o->key, bytes_of(text, sizeof(text)));
}

static uint8_t
copy_text(uint8_t *to, size_t room, struct bytes from)
{
	from = bytes_sub(from, 0, room);
	if (from.len > 0)
		memcpy(to, from.ptr, from.len);
	return (uint8_t)from.len;
}

static void
side_name(struct side *sd, struct bytes ae)
{
	sd->ae_n = copy_text(sd->ae, sizeof(sd->ae), ae);
}

/* What the sender of an associate PDU says of its software. */
static void
software(struct session *s, enum name_value dir, uint64_t at, const struct dicom_assoc *a)
{
	const struct dicom_maker *maker = dicom_maker_of(a->class_uid);
	struct side *sd = &s->side[dir];

	sd->takes = a->max_length;
	sd->long_told = false;
	sd->name_n = copy_text(sd->name, sizeof(sd->name), a->version_name);
	observe_claim(
	    s->o, dir, at, attr_software, a->version_name, "DICOM item 55", CONFIDENCE_SOFTWARE);
	if (maker != NULL)
		observe_claim(s->o, dir, at, maker->toolkit ? attr_application : attr_maker,
		    bytes_str(maker->name), "DICOM item 52", maker->toolkit ? 50 : 40);
}

static void
messages_cut(struct session *s)
{
	message_cut(s, dir_orig);
	message_cut(s, dir_resp);
}

static void
assoc_new(struct session *s, enum name_value asker, const struct dicom_assoc *a)
{
	messages_cut(s);
	s->n_assoc++;
	s->asker = asker;
	s->user_named = false;
	s->user = (struct hash128){{0}};
	memset(s->context, 0, sizeof(s->context));
	for (int d = 0; d < 2; d++) {
		struct side *sd = &s->side[d];

		sd->n_open = sd->name_n = 0;
		sd->takes = 0;
		sd->lost = sd->ids_incomplete = sd->device_known = sd->device_behind = false;
	}
	side_name(&s->side[asker], a->calling);
	side_name(&s->side[other(asker)], a->called);
	salt_new(s);
}

static void
user_identity(struct session *s, enum name_value dir, uint64_t at, const struct dicom_assoc *a)
{
	char scheme[32];
	struct ev_credential c = {.proto = PROTO_dicom};
	bool named = a->user_type == USER_NAME || a->user_type == USER_NAME_PASSCODE;

	if (a->user_type == 0)
		return;
	s->user_named = true;
	if (named)
		s->user = observer_hash(s->o, a->user);
	if (a->user_type == USER_NAME)
		return; /* a name alone is no secret */
	c.scheme = bytes_of(scheme,
	    (size_t)snprintf(scheme, sizeof(scheme), "user identity %u", (unsigned)a->user_type));
	c.user = s->user;
	if (named && account_is_common(a->user))
		c.account = a->user;
	s->o->emit(s->o->owner, dir, at, EV_credential, &c);
}

static void
rq(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	struct dicom_notes notes = {0};
	struct dicom_assoc a;

	if (s->state == ASSOC_ASKED || s->state == ASSOC_OPEN)
		tell(s, dir, ev->offset, ANOMALY_dicom_associated, "A-ASSOCIATE-RQ");
	observe_unit(s->o, UNIT_dicom_associations);
	dicom_assoc_read(&a, ev->body, false, ev->offset + DICOM_PDU_HEAD, &notes);
	dicom_notes_tell(&notes, s->o, dir);
	assoc_new(s, dir, &a);
	s->state = ASSOC_ASKED;
	for (size_t i = 0; i < a.n_contexts; i++) {
		s->context[a.context[i].id].asked = true;
		s->context[a.context[i].id].syntaxes = (uint8_t)a.context[i].syntaxes;
	}
	observe_claim(
	    s->o, dir, ev->offset, attr_ae_title, a.calling, "DICOM calling AE", CONFIDENCE_AE);
	software(s, dir, ev->offset, &a);
	user_identity(s, dir, ev->offset, &a);
}

static void
login(struct session *s, enum name_value dir, uint64_t at, enum name_value outcome)
{
	struct ev_login l = {.proto = PROTO_dicom, .outcome = outcome, .user = s->user};

	if (!s->user_named)
		l.user = observer_hash(s->o, ae_of(s, s->asker));
	s->o->emit(s->o->owner, dir, at, EV_login, &l);
}

/* True where an answer to an association request may come from side dir now. */
static bool
answer_fits(struct session *s, enum name_value dir, uint64_t at, const char *what)
{
	if (s->state == ASSOC_NONE || s->state == ASSOC_ABORTED ||
	    (s->state == ASSOC_ASKED && dir != s->asker))
		return true;
	tell(s, dir, at, ANOMALY_dicom_answer, what);
	return false;
}

static void
context_accept(
    struct session *s, const struct dicom_context *c, uint64_t at, struct dicom_notes *notes)
{
	struct context *mine = &s->context[c->id];

	if (c->result != CONTEXT_ACCEPTED)
		return;
	if (s->state == ASSOC_ASKED && (!mine->asked || (c->syntaxes & ~mine->syntaxes) != 0))
		dicom_note_add(notes, ANOMALY_dicom_unasked, at,
		    "context %u or its transfer syntax", (unsigned)c->id);
	mine->accepted = true;
	mine->syntax = SYNTAX_UNKNOWN;
	for (unsigned i = SYNTAX_IMPLICIT; i <= SYNTAX_ENCAPSULATED; i++) {
		if (c->syntaxes == 1u << i)
			mine->syntax = (uint8_t)i;
	}
}

static void
ac(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	struct dicom_notes notes = {0};
	struct dicom_assoc a;

	if (!answer_fits(s, dir, ev->offset, "A-ASSOCIATE-AC"))
		return;
	dicom_assoc_read(&a, ev->body, true, ev->offset + DICOM_PDU_HEAD, &notes);
	if (s->state == ASSOC_NONE) {
		assoc_new(s, other(dir), &a); /* its fields repeat the request's (PS3.8 9.3.3) */
		s->side[other(dir)].ids_incomplete = true;
	}
	for (size_t i = 0; i < a.n_contexts; i++)
		context_accept(s, &a.context[i], ev->offset, &notes);
	dicom_notes_tell(&notes, s->o, dir);
	observe_claim(s->o, dir, ev->offset, attr_ae_title, ae_of(s, dir), "DICOM called AE",
	    CONFIDENCE_CALLED);
	software(s, dir, ev->offset, &a);
	if (s->user_named)
		login(s, dir, ev->offset, outcome_success);
	if (s->state != ASSOC_ABORTED)
		s->state = ASSOC_OPEN;
}

static void
rj(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	char detail[48];

	if (!answer_fits(s, dir, ev->offset, "A-ASSOCIATE-RJ"))
		return;
	if (s->state == ASSOC_NONE)
		s->asker = other(dir);
	(void)snprintf(detail, sizeof(detail), "result %u source %u reason %u",
	    (unsigned)ev->body.ptr[1], (unsigned)ev->body.ptr[2], (unsigned)ev->body.ptr[3]);
	tell(s, dir, ev->offset, ANOMALY_dicom_rejected, detail);
	login(s, dir, ev->offset, outcome_failure);
	s->state = ASSOC_REJECTED;
}

/* P-DATA or a release needs an association. */
static void
need_assoc(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	if (s->state == ASSOC_NONE && !s->outside_told) {
		s->outside_told = true;
		tell(s, dir, ev->offset, ANOMALY_dicom_outside, dicom_pdu_name(ev->type));
	} else if (s->state >= ASSOC_REJECTED && !s->outside_told &&
		   !(s->state == ASSOC_RELEASED && ev->type == PDU_RELEASE_RP)) {
		s->outside_told = true;
		tell(s, dir, ev->offset, ANOMALY_dicom_after_end, dicom_pdu_name(ev->type));
	}
}

static void
aborted(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	char detail[32];

	(void)snprintf(detail, sizeof(detail), "source %u reason %u", (unsigned)ev->body.ptr[2],
	    (unsigned)ev->body.ptr[3]);
	tell(s, dir, ev->offset, ANOMALY_dicom_aborted, detail);
	messages_cut(s);
	s->state = ASSOC_ABORTED;
}

static void
body(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	if (ev->type == PDU_ASSOCIATE_RQ) {
		rq(s, dir, ev);
		return;
	}
	if (ev->type == PDU_ASSOCIATE_AC) {
		ac(s, dir, ev);
		return;
	}
	if (ev->body.len != 4)
		tell(s, dir, ev->offset, ANOMALY_dicom_pdu_length, dicom_pdu_name(ev->type));
	if (ev->body.len < 4)
		return;
	switch (ev->type) {
	case PDU_ASSOCIATE_RJ:
		rj(s, dir, ev);
		break;
	case PDU_ABORT:
		aborted(s, dir, ev);
		break;
	case PDU_RELEASE_RQ:
		need_assoc(s, dir, ev);
		break;
	default:
		need_assoc(s, dir, ev);
		messages_cut(s);
		if (s->state == ASSOC_OPEN || s->state == ASSOC_ASKED)
			s->state = ASSOC_RELEASED;
	}
}

/* --- the stream --- */

static void
begin(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	struct side *sd = &s->side[dir];
	uint32_t takes = s->side[other(dir)].takes;
	char detail[64];

	if (ev->reserved)
		tell(s, dir, ev->offset, ANOMALY_dicom_reserved, "PDU head");
	if (ev->type != PDU_P_DATA)
		return;
	need_assoc(s, dir, ev);
	if (takes != 0 && ev->length > takes && !sd->long_told) {
		sd->long_told = true;
		(void)snprintf(detail, sizeof(detail), "length %llu, peer takes %u",
		    (unsigned long long)ev->length, (unsigned)takes);
		tell(s, dir, ev->offset, ANOMALY_dicom_pdu_over_max, detail);
	}
}

static void
note(struct session *s, enum name_value dir, const struct dicom_pdu_event *ev)
{
	char detail[64];

	if (ev->anomaly == ANOMALY_dicom_resync) {
		(void)snprintf(
		    detail, sizeof(detail), "after %llu bytes", (unsigned long long)ev->length);
		tell(s, dir, ev->offset, ev->anomaly, detail);
		return;
	}
	(void)snprintf(detail, sizeof(detail), "%s: type %u, length %llu", ev->detail,
	    (unsigned)ev->type, (unsigned long long)ev->length);
	tell(s, dir, ev->offset, ev->anomaly, detail);
	if (ev->dropped || ev->anomaly == ANOMALY_dicom_pdv_length)
		borders_lost(s, dir);
	if (ev->dropped && ev->anomaly == ANOMALY_dicom_pdu_length)
		observe_unit(s->o, UNIT_dicom_pdus);
}

static void
dicom_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct session *s = session;
	struct side *sd = &s->side[dir];
	struct dicom_pdu_event ev;

	(void)offset;
	while ((ev = dicom_pdu_next(&sd->pdu, &run)).kind != DICOM_PDU_MORE) {
		switch (ev.kind) {
		case DICOM_PDU_BEGIN:
			begin(s, dir, &ev);
			break;
		case DICOM_PDU_BODY:
			body(s, dir, &ev);
			break;
		case DICOM_PDU_PDV:
			pdv(s, dir, &ev);
			break;
		case DICOM_PDU_FRAGMENT:
			fragment(s, sd, &ev);
			break;
		case DICOM_PDU_PDV_END:
			pdv_end(s, dir, &ev);
			break;
		case DICOM_PDU_END:
			if (ev.type >= PDU_ASSOCIATE_RQ && ev.type <= PDU_ABORT)
				observe_unit(s->o, UNIT_dicom_pdus);
			break;
		case DICOM_PDU_NOTE:
			note(s, dir, &ev);
			break;
		case DICOM_PDU_MORE:
			break;
		}
	}
}

static void
dicom_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct session *s = session;
	struct side *sd = &s->side[dir];

	(void)offset;
	if (!dicom_pdu_gap(&sd->pdu, missing)) {
		borders_lost(s, dir);
		return;
	}
	if (sd->ignore || sd->state == MESSAGE_IDLE)
		return;
	sd->cut = true;
	if (sd->inflate != NULL) {
		dicom_inflate_free(sd->inflate);
		sd->inflate = NULL;
	}
	dicom_set_gap(&sd->set, missing);
	if (sd->state == MESSAGE_COMMAND && sd->set.lost)
		borders_lost(s, dir);
}

static void
dicom_end(void *session, enum name_value dir)
{
	struct session *s = session;
	struct side *sd = &s->side[dir];
	char detail[48];

	if (dicom_pdu_inside(&sd->pdu) && s->state != ASSOC_ABORTED) {
		(void)snprintf(detail, sizeof(detail), "type %u", (unsigned)sd->pdu.type);
		tell(s, dir, sd->pdu.at, ANOMALY_dicom_pdu_unfinished,
		    sd->pdu.state == PDU_AT_HEAD ? "PDU head" : detail);
	}
	message_cut(s, dir);
}

static void *
dicom_open(struct observer *o)
{
	struct session *s = budget_alloc(o->budget, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = o;
	s->opened = o->now;
	for (int d = 0; d < 2; d++) {
		s->side[d].pdu.kept.cap = DICOM_PDU_KEPT_MAX;
		s->side[d].pdu.kept.budget = o->budget;
	}
	salt_new(s);
	return s;
}

static void
dicom_close(void *session)
{
	struct session *s = session;
	struct budget *b = s->o->budget;

	for (int d = 0; d < 2; d++) {
		dicom_pdu_free(&s->side[d].pdu);
		dicom_inflate_free(s->side[d].inflate);
	}
	budget_free(b, s, sizeof(*s));
}

const struct protocol dicom_protocol = {
    .id = PROTO_dicom,
    .name = "dicom",
    .probe = dicom_probe,
    .open = dicom_open,
    .data = dicom_data,
    .gap = dicom_gap,
    .end = dicom_end,
    .close = dicom_close,
    .decode = dicom_decode,
};
