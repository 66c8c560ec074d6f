/* SPDX-License-Identifier: Apache-2.0 */
/* `decode --proto dicom`: one JSON object a PDU, a DIMSE message or a file (README.md, "Decode").
 * Shows content, for the person who asked: values of elements up to DICOM_VALUE_MAX bytes, never a
 * secret of a user identity, never pixels. Memory: two buffers of DECODE_LINE_MAX. */
#include <stdio.h>

#include "base/cursor.h"
#include "proto/dicom/assoc.h"
#include "proto/dicom/dicom.h"
#include "proto/dicom/dimse.h"
#include "proto/dicom/inflate.h"
#include "proto/dicom/pdu.h"

enum { DECODE_LINE_MAX = 16 * 1024 * 1024, HEX_MAX = 16, INFLATE_CHUNK = 1024 };

/* --- elements --- */

static enum dicom_tell
tell_all(uint32_t tag, unsigned depth)
{
	(void)tag;
	(void)depth;
	return TELL_ENTER;
}

struct tag_name {
	uint32_t tag;
	uint16_t vr; /* where none is written (implicit VR) */
	const char *name;
};

static const struct tag_name *
tag_name(uint32_t tag)
{
#define VR(s) DICOM_VR((s)[0], (s)[1])
	static const struct tag_name table[] = {
	    {0x00000000, DICOM_VR('U', 'L'), "CommandGroupLength"},
	    {0x00000002, DICOM_VR('U', 'I'), "AffectedSOPClassUID"},
	    {0x00000003, DICOM_VR('U', 'I'), "RequestedSOPClassUID"},
	    {0x00000100, DICOM_VR('U', 'S'), "CommandField"},
	    {0x00000110, DICOM_VR('U', 'S'), "MessageID"},
	    {0x00000120, DICOM_VR('U', 'S'), "MessageIDBeingRespondedTo"},
	    {0x00000600, DICOM_VR('A', 'E'), "MoveDestination"},
	    {0x00000700, DICOM_VR('U', 'S'), "Priority"},
	    {0x00000800, DICOM_VR('U', 'S'), "CommandDataSetType"},
	    {0x00000900, DICOM_VR('U', 'S'), "Status"},
	    {0x00000901, DICOM_VR('A', 'T'), "OffendingElement"},
	    {0x00000902, DICOM_VR('L', 'O'), "ErrorComment"},
	    {0x00001000, DICOM_VR('U', 'I'), "AffectedSOPInstanceUID"},
	    {0x00001001, DICOM_VR('U', 'I'), "RequestedSOPInstanceUID"},
	    {0x00001020, DICOM_VR('U', 'S'), "NumberOfRemainingSuboperations"},
	    {0x00001021, DICOM_VR('U', 'S'), "NumberOfCompletedSuboperations"},
	    {0x00001022, DICOM_VR('U', 'S'), "NumberOfFailedSuboperations"},
	    {0x00001023, DICOM_VR('U', 'S'), "NumberOfWarningSuboperations"},
	    {0x00001030, DICOM_VR('A', 'E'), "MoveOriginatorApplicationEntityTitle"},
	    {0x00001031, DICOM_VR('U', 'S'), "MoveOriginatorMessageID"},
	    {0x00020010, DICOM_VR('U', 'I'), "TransferSyntaxUID"},
	    {0x00080005, DICOM_VR('C', 'S'), "SpecificCharacterSet"},
	    {0x00080016, DICOM_VR('U', 'I'), "SOPClassUID"},
	    {0x00080018, DICOM_VR('U', 'I'), "SOPInstanceUID"},
	    {0x00080050, DICOM_VR('S', 'H'), "AccessionNumber"},
	    {0x00080060, DICOM_VR('C', 'S'), "Modality"},
	    {0x00080070, DICOM_VR('L', 'O'), "Manufacturer"},
	    {0x00080080, DICOM_VR('L', 'O'), "InstitutionName"},
	    {0x00081010, DICOM_VR('S', 'H'), "StationName"},
	    {0x00081090, DICOM_VR('L', 'O'), "ManufacturerModelName"},
	    {0x00100010, DICOM_VR('P', 'N'), "PatientName"},
	    {0x00100020, DICOM_VR('L', 'O'), "PatientID"},
	    {0x00181000, DICOM_VR('L', 'O'), "DeviceSerialNumber"},
	    {0x00181002, DICOM_VR('U', 'I'), "DeviceUID"},
	    {0x00181008, DICOM_VR('L', 'O'), "GatewayID"},
	    {0x00181009, DICOM_VR('U', 'T'), "UniqueDeviceIdentifier"},
	    {0x0018100a, DICOM_VR('S', 'Q'), "UDISequence"},
	    {0x00181020, DICOM_VR('L', 'O'), "SoftwareVersions"},
	    {0x0020000d, DICOM_VR('U', 'I'), "StudyInstanceUID"},
	    {0x00280010, DICOM_VR('U', 'S'), "Rows"},
	    {0x00280011, DICOM_VR('U', 'S'), "Columns"},
	    {0x00400512, DICOM_VR('L', 'O'), "ContainerIdentifier"},
	    {0x00400551, DICOM_VR('L', 'O'), "SpecimenIdentifier"},
	    {0x7fe00010, DICOM_VR('O', 'W'), "PixelData"},
	};
#undef VR

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].tag == tag)
			return &table[i];
	}
	return NULL;
}

static uint64_t
integer(struct bytes v, bool big)
{
	uint64_t n = 0;

	for (size_t i = 0; i < v.len; i++)
		n = n << 8 | v.ptr[big ? i : v.len - 1 - i];
	return n;
}

/* PS3.5 6.2: which VRs are text, which are numbers. */
static bool
vr_text(uint16_t vr)
{
	switch (vr) {
	case DICOM_VR('A', 'E'):
	case DICOM_VR('A', 'S'):
	case DICOM_VR('C', 'S'):
	case DICOM_VR('D', 'A'):
	case DICOM_VR('D', 'S'):
	case DICOM_VR('D', 'T'):
	case DICOM_VR('I', 'S'):
	case DICOM_VR('L', 'O'):
	case DICOM_VR('L', 'T'):
	case DICOM_VR('P', 'N'):
	case DICOM_VR('S', 'H'):
	case DICOM_VR('S', 'T'):
	case DICOM_VR('T', 'M'):
	case DICOM_VR('U', 'C'):
	case DICOM_VR('U', 'I'):
	case DICOM_VR('U', 'R'):
	case DICOM_VR('U', 'T'):
		return true;
	default:
		return false;
	}
}

static void
value_json(struct json *j, const struct dicom_set_event *ev, uint16_t vr)
{
	struct bytes v = dicom_uid_trim(ev->value);

	if (ev->value.len == 0 || ev->tag >> 16 == 0x7fe0)
		return;
	if (vr_text(vr) || (vr == 0 && bytes_printable(v))) {
		json_kbytes(j, "value", v);
		if (ev->length > ev->value.len)
			json_kbool(j, "cut", true);
		return;
	}
	switch (vr) {
	case DICOM_VR('U', 'S'):
	case DICOM_VR('U', 'L'):
	case DICOM_VR('U', 'V'):
		if (ev->value.len == (vr == DICOM_VR('U', 'S')      ? 2
					 : vr == DICOM_VR('U', 'L') ? 4
								    : 8)) {
			json_ku64(j, "number", integer(ev->value, ev->big));
			return;
		}
		break;
	case DICOM_VR('S', 'S'):
		if (ev->value.len == 2) {
			json_ki64(j, "number", (int16_t)integer(ev->value, ev->big));
			return;
		}
		break;
	case DICOM_VR('S', 'L'):
		if (ev->value.len == 4) {
			json_ki64(j, "number", (int32_t)integer(ev->value, ev->big));
			return;
		}
		break;
	default:
		break;
	}
	json_khex(j, "hex", bytes_sub(ev->value, 0, HEX_MAX));
}

static void
element_json(struct json *j, const struct dicom_set_event *ev)
{
	const struct tag_name *name = tag_name(ev->tag);
	char text[16];
	uint16_t vr = ev->vr != 0 ? ev->vr : name != NULL ? name->vr : 0;

	json_object(j);
	json_ku64(j, "offset", ev->where);
	(void)snprintf(text, sizeof(text), "%04x,%04x", (unsigned)(ev->tag >> 16),
	    (unsigned)(ev->tag & 0xffff));
	json_kstr(j, "tag", text);
	if (vr != 0) {
		const uint8_t letters[2] = {(uint8_t)(vr >> 8), (uint8_t)vr};

		json_kbytes(j, "vr", bytes_of(letters, 2));
	}
	if (name != NULL)
		json_kstr(j, "name", name->name);
	if (ev->depth > 0)
		json_ku64(j, "depth", ev->depth);
	if (ev->length == DICOM_UNDEFINED)
		json_kstr(j, "length", "undefined");
	else
		json_ku64(j, "length", ev->length);
	value_json(j, ev, vr);
	json_object_end(j);
}

static void
notes_json(struct json *j, const struct dicom_notes *notes)
{
	json_key(j, "anomalies");
	json_array(j);
	for (size_t i = 0; i < notes->n; i++) {
		const struct anomaly_info *info = anomaly_info(notes->list[i].name);

		json_object(j);
		json_kstr(j, "name", info == NULL ? "unknown" : info->name);
		json_ku64(j, "offset", notes->list[i].offset);
		json_ku64(j, "count", notes->list[i].count);
		if (notes->list[i].detail[0] != 0)
			json_kstr(j, "detail", notes->list[i].detail);
		json_object_end(j);
	}
	json_array_end(j);
}

static void
uid_json(struct json *j, const char *key, struct bytes uid)
{
	const char *name = dicom_uid_name(uid);
	char name_key[40];

	json_kbytes_some(j, key, uid);
	if (name != NULL) {
		(void)snprintf(name_key, sizeof(name_key), "%s_name", key);
		json_kstr(j, name_key, name);
	}
}

/* --- streams --- */

struct decoder {
	const struct line_sink *out;
	struct budget budget;
	struct buf pdu_text, message_text;
	struct json pdu, message;
	struct dicom_notes pdu_notes, notes;
	struct dicom_pdu reader;
	/* Of the message that is open. */
	enum { DECODE_IDLE, DECODE_COMMAND, DECODE_DATA } state;
	uint64_t message_at, size;
	bool pdvs; /* the PDU's "pdvs" array is open */
	uint8_t context;
	struct dicom_command command;
	struct dicom_set set;
	enum dicom_syntax syntax[256]; /* as the associate PDU says, where one does */
	struct dicom_inflate *inflate;
};

static void
line(const struct line_sink *out, struct buf *text)
{
	if (text->cut) {
		buf_reset(text);
		buf_text(text, "{\"error\":\"object too long\"}");
	}
	out->line(out->ctx, buf_bytes(text));
	buf_reset(text);
}

static void
message_close(struct decoder *d)
{
	if (d->state == DECODE_IDLE)
		return;
	if (d->inflate != NULL && dicom_inflate_damaged(d->inflate))
		dicom_note_add(&d->notes, ANOMALY_dicom_deflate, d->message_at, "data set");
	dicom_inflate_free(d->inflate);
	d->inflate = NULL;
	d->state = DECODE_IDLE;
	json_array_end(&d->message);
	json_ku64(&d->message, "length", d->size);
	notes_json(&d->message, &d->notes);
	json_object_end(&d->message);
	line(d->out, &d->message_text);
}

static void
message_open(struct decoder *d, const struct dicom_pdu_event *ev)
{
	d->state = DECODE_COMMAND;
	d->context = ev->context;
	d->message_at = ev->offset;
	d->size = 0;
	d->notes.n = 0;
	d->command = (struct dicom_command){0};
	dicom_set_init(&d->set, SYNTAX_IMPLICIT, tell_all, DICOM_COMMAND_LAST, &d->notes);
	d->message = json_on(&d->message_text);
	json_object(&d->message);
	json_kstr(&d->message, "unit", "dimse");
	json_ku64(&d->message, "offset", ev->offset);
	json_ku64(&d->message, "context", ev->context);
	json_key(&d->message, "command");
	json_array(&d->message);
}

static void
command_close(struct decoder *d, uint64_t offset)
{
	const struct dicom_command *c = &d->command;
	enum dicom_syntax syntax = d->syntax[d->context];
	char name[DIMSE_NAME_MAX];

	dicom_set_end(&d->set);
	(void)dicom_command_check(c, d->message_at, &d->notes);
	json_array_end(&d->message);
	json_kbytes(&d->message, "type", dicom_command_name(c->command, name));
	if (c->has_id)
		json_ku64(&d->message, "message_id", c->id);
	if (c->has_answered)
		json_ku64(&d->message, "answered", c->answered);
	if (c->has_status) {
		(void)snprintf(name, sizeof(name), "%04X", (unsigned)c->status);
		json_kstr(&d->message, "status", name);
	}
	json_key(&d->message, "elements");
	json_array(&d->message);
	if (!c->has_data_type || c->data_type == DIMSE_DATA_NONE) {
		message_close(d);
		return;
	}
	d->state = DECODE_DATA;
	if (syntax == SYNTAX_DEFLATED)
		d->inflate = dicom_inflate_new(&d->budget);
	dicom_set_init(&d->set, syntax, tell_all, UINT32_MAX, &d->notes);
	d->set.shift = offset;
}

static void
walk(struct decoder *d, struct bytes data)
{
	struct dicom_set_event ev;

	while ((ev = dicom_set_next(&d->set, &data)).kind == DICOM_SET_ELEMENT) {
		element_json(&d->message, &ev);
		if (d->state == DECODE_COMMAND)
			dicom_command_take(&d->command, &ev, &d->notes);
	}
}

static void
fragment(struct decoder *d, const struct dicom_pdu_event *ev)
{
	uint8_t chunk[INFLATE_CHUNK];
	struct bytes in = ev->body, out;

	if (d->state == DECODE_IDLE || ev->context != d->context)
		return;
	d->size += ev->length;
	if (d->state == DECODE_DATA && d->set.syntax == SYNTAX_DEFLATED) {
		while (d->inflate != NULL &&
		       (out = dicom_inflate_next(d->inflate, &in, chunk, sizeof(chunk))).len > 0)
			walk(d, out);
		return;
	}
	d->set.shift = ev->offset - d->set.at;
	walk(d, in);
}

static void
pdv(struct decoder *d, const struct dicom_pdu_event *ev)
{
	bool command = (ev->flags & PDV_COMMAND) != 0;

	if (!d->pdvs) {
		d->pdvs = true;
		json_key(&d->pdu, "pdvs");
		json_array(&d->pdu);
	}
	json_object(&d->pdu);
	json_ku64(&d->pdu, "offset", ev->offset);
	json_ku64(&d->pdu, "length", ev->length);
	json_ku64(&d->pdu, "context", ev->context);
	json_kbool(&d->pdu, "command", command);
	json_kbool(&d->pdu, "last", (ev->flags & PDV_LAST) != 0);
	json_object_end(&d->pdu);
	if (d->state != DECODE_IDLE &&
	    (ev->context != d->context || (command && d->state == DECODE_DATA))) {
		dicom_note_add(&d->pdu_notes, ANOMALY_dicom_interleaved, ev->offset, "PDV");
		message_close(d);
	}
	if (command && d->state == DECODE_IDLE)
		message_open(d, ev);
	else if (!command && d->state != DECODE_DATA)
		dicom_note_add(&d->pdu_notes, ANOMALY_dicom_data_unexpected, ev->offset, "PDV");
}

static void
pdv_end(struct decoder *d, const struct dicom_pdu_event *ev)
{
	if ((ev->flags & PDV_LAST) == 0 || d->state == DECODE_IDLE || ev->context != d->context)
		return;
	if (d->state == DECODE_COMMAND) {
		command_close(d, ev->offset);
		return;
	}
	if (d->set.syntax != SYNTAX_DEFLATED)
		dicom_set_end(&d->set);
	message_close(d);
}

static void
context_json(struct json *j, const struct dicom_assoc *a, const struct dicom_context *c)
{
	struct bytes list = c->transfers, uid;

	json_object(j);
	json_ku64(j, "id", c->id);
	if (a->answer)
		json_ku64(j, "result", c->result);
	else
		uid_json(j, "abstract", c->abstract);
	json_key(j, "transfer");
	json_array(j);
	while (dicom_context_transfer(&list, &uid))
		json_bytes(j, dicom_uid_trim(uid));
	json_array_end(j);
	json_object_end(j);
}

static void
associate_json(struct json *j, const struct dicom_assoc *a)
{
	json_ku64(j, "version", a->version);
	json_kbytes(j, "called", a->called);
	json_kbytes(j, "calling", a->calling);
	json_kbytes_some(j, "application_context", a->application_context);
	json_key(j, "contexts");
	json_array(j);
	for (size_t i = 0; i < a->n_contexts; i++)
		context_json(j, a, &a->context[i]);
	json_array_end(j);
	json_ku64(j, "max_length", a->max_length);
	json_kbytes_some(j, "implementation_uid", a->class_uid);
	json_kbytes_some(j, "implementation_version", a->version_name);
	if (a->window_invoked != 0 || a->window_performed != 0) {
		json_ku64(j, "window_invoked", a->window_invoked);
		json_ku64(j, "window_performed", a->window_performed);
	}
	if (a->n_roles > 0) {
		json_key(j, "roles");
		json_array(j);
		for (size_t i = 0; i < a->n_roles; i++) {
			json_object(j);
			json_kbytes(j, "uid", dicom_uid_trim(a->role[i].uid));
			json_ku64(j, "scu", a->role[i].scu);
			json_ku64(j, "scp", a->role[i].scp);
			json_object_end(j);
		}
		json_array_end(j);
	}
	if (a->user_type != 0) {
		json_key(j, "user_identity");
		json_object(j);
		json_ku64(j, "type", a->user_type);
		if (a->user_type <= USER_NAME_PASSCODE)
			json_kbytes(j, "user", a->user);
		else
			json_ku64(j, "token_length", a->user.len);
		if (a->user_type == USER_NAME_PASSCODE)
			json_ku64(j, "secret_length", a->secret_bytes);
		json_object_end(j);
	}
}

static void
body(struct decoder *d, const struct dicom_pdu_event *ev)
{
	struct dicom_assoc a;

	switch (ev->type) {
	case PDU_ASSOCIATE_RQ:
	case PDU_ASSOCIATE_AC:
		dicom_assoc_read(&a, ev->body, ev->type == PDU_ASSOCIATE_AC,
		    ev->offset + DICOM_PDU_HEAD, &d->pdu_notes);
		associate_json(&d->pdu, &a);
		memset(d->syntax, 0, sizeof(d->syntax));
		for (size_t i = 0; i < a.n_contexts; i++) {
			for (unsigned k = SYNTAX_IMPLICIT; k <= SYNTAX_ENCAPSULATED; k++) {
				if (a.context[i].syntaxes == 1u << k)
					d->syntax[a.context[i].id] = (enum dicom_syntax)k;
			}
		}
		return;
	default:
		break;
	}
	if (ev->body.len != 4)
		dicom_note_add(&d->pdu_notes, ANOMALY_dicom_pdu_length, ev->offset, "%s",
		    dicom_pdu_name(ev->type));
	if (ev->body.len < 4)
		return;
	if (ev->type == PDU_ASSOCIATE_RJ)
		json_ku64(&d->pdu, "result", ev->body.ptr[1]);
	if (ev->type == PDU_ASSOCIATE_RJ || ev->type == PDU_ABORT) {
		json_ku64(&d->pdu, "source", ev->body.ptr[2]);
		json_ku64(&d->pdu, "reason", ev->body.ptr[3]);
	}
}

static void
pdu_open(struct decoder *d, const struct dicom_pdu_event *ev)
{
	d->pdu_notes.n = 0;
	d->pdvs = false;
	d->pdu = json_on(&d->pdu_text);
	json_object(&d->pdu);
	json_kstr(&d->pdu, "unit", "pdu");
	json_ku64(&d->pdu, "offset", ev->offset);
	json_ku64(&d->pdu, "length", DICOM_PDU_HEAD + ev->length);
	json_kstr(&d->pdu, "type", dicom_pdu_name(ev->type));
	json_ku64(&d->pdu, "type_code", ev->type);
	if (ev->reserved)
		dicom_note_add(&d->pdu_notes, ANOMALY_dicom_reserved, ev->offset, "PDU head");
}

static void
pdu_close(struct decoder *d)
{
	if (d->pdu.depth == 0)
		return;
	if (d->pdvs)
		json_array_end(&d->pdu);
	notes_json(&d->pdu, &d->pdu_notes);
	json_object_end(&d->pdu);
	line(d->out, &d->pdu_text);
}

static void
note(struct decoder *d, const struct dicom_pdu_event *ev)
{
	if (d->pdu.depth == 0)
		pdu_open(d, ev);
	dicom_note_add(&d->pdu_notes, ev->anomaly, ev->offset, "%s", ev->detail);
	if (ev->dropped || ev->anomaly == ANOMALY_dicom_resync)
		pdu_close(d);
	if (ev->dropped || ev->anomaly == ANOMALY_dicom_pdv_length)
		message_close(d);
}

static void
stream(struct decoder *d, struct bytes in)
{
	struct dicom_pdu_event ev;

	while ((ev = dicom_pdu_next(&d->reader, &in)).kind != DICOM_PDU_MORE) {
		switch (ev.kind) {
		case DICOM_PDU_BEGIN:
			pdu_open(d, &ev);
			break;
		case DICOM_PDU_BODY:
			body(d, &ev);
			break;
		case DICOM_PDU_PDV:
			pdv(d, &ev);
			break;
		case DICOM_PDU_FRAGMENT:
			fragment(d, &ev);
			break;
		case DICOM_PDU_PDV_END:
			pdv_end(d, &ev);
			break;
		case DICOM_PDU_END:
			pdu_close(d);
			break;
		case DICOM_PDU_NOTE:
			note(d, &ev);
			break;
		case DICOM_PDU_MORE:
			break;
		}
	}
	if (dicom_pdu_inside(&d->reader)) {
		ev = (struct dicom_pdu_event){.offset = d->reader.at, .type = d->reader.type};
		if (d->pdu.depth == 0)
			pdu_open(d, &ev);
		dicom_note_add(&d->pdu_notes, ANOMALY_dicom_pdu_unfinished, d->reader.at,
		    "the stream ends inside a PDU");
		pdu_close(d);
	}
	message_close(d);
}

/* --- files --- */

static void
set_json(struct decoder *d, struct json *j, const char *key, enum dicom_syntax syntax,
    uint32_t last, struct bytes data, uint64_t shift)
{
	struct dicom_set_event ev;

	json_key(j, key);
	json_array(j);
	dicom_set_init(&d->set, syntax, tell_all, last, &d->notes);
	d->set.shift = shift;
	while ((ev = dicom_set_next(&d->set, &data)).kind == DICOM_SET_ELEMENT)
		element_json(j, &ev);
	if (last == UINT32_MAX &&
	    syntax != SYNTAX_DEFLATED) /* of which only the start is inflated */
		dicom_set_end(&d->set);
	json_array_end(j);
}

static void
file_json(struct decoder *d, const struct observer *o, struct bytes file)
{
	static const char *const preambles[] = {"none", "zero", "tiff", "other", "alarm"};
	struct json *j = &d->message;
	struct buf plain = {.cap = DICOM_INFLATE_MAX, .budget = &d->budget};
	struct dicom_file f;
	struct bytes data;
	uint64_t meta_at;
	size_t n = 1;

	(void)dicom_file_start(&f, file, &meta_at);
	(void)dicom_file_read(&f, o, file, &d->pdu_notes);
	*j = json_on(&d->message_text);
	json_object(j);
	json_kstr(j, "unit", "file");
	json_ku64(j, "offset", 0);
	json_ku64(j, "length", file.len);
	json_kstr(j, "preamble", preambles[f.preamble]);
	if (f.preamble >= PREAMBLE_OTHER)
		json_kstr(j, "magic", name_label(NAMES_magic, f.magic));
	uid_json(j, "transfer_syntax", f.transfer);
	uid_json(j, "sop_class", dicom_identity_text(&f.identity, FIELD_CLASS));
	if (f.meta)
		set_json(d, j, "meta", SYNTAX_EXPLICIT, 0x0002ffff,
		    bytes_from(file, (size_t)meta_at), meta_at);
	data = bytes_from(file, (size_t)f.data_at);
	if (dicom_syntax_of(f.transfer) == SYNTAX_DEFLATED) {
		d->inflate = dicom_inflate_new(&d->budget);
		while (d->inflate != NULL && n > 0 && buf_reserve(&plain, INFLATE_CHUNK)) {
			n = dicom_inflate_next(
			    d->inflate, &data, plain.ptr + plain.len, INFLATE_CHUNK)
				.len;
			plain.len += n;
		}
		dicom_inflate_free(d->inflate);
		d->inflate = NULL;
		data = buf_bytes(&plain);
	}
	set_json(d, j, "elements", dicom_syntax_of(f.transfer), UINT32_MAX, data, f.data_at);
	buf_free(&plain);
	for (size_t i = 0; i < d->notes.n; i++) {
		bool told = false;

		for (size_t k = 0; k < d->pdu_notes.n; k++)
			told = told || d->pdu_notes.list[k].name == d->notes.list[i].name;
		if (!told && d->pdu_notes.n < DICOM_NOTES_MAX)
			d->pdu_notes.list[d->pdu_notes.n++] = d->notes.list[i];
	}
	notes_json(j, &d->pdu_notes);
	json_object_end(j);
	line(d->out, &d->message_text);
}

static void
no_emit(void *owner, enum name_value dir, uint64_t offset, enum event_kind kind, const void *fields)
{
	(void)owner;
	(void)dir;
	(void)offset;
	(void)kind;
	(void)fields;
}

void
dicom_decode(struct bytes file, const struct line_sink *out)
{
	static const struct sip_key key = {0};
	struct budget budget = {.cap = 4 * (size_t)DECODE_LINE_MAX};
	struct observer o = {.emit = no_emit, .key = &key, .budget = &budget};
	struct decoder *d = budget_alloc(&budget, sizeof(*d));
	struct dicom_file f;
	uint64_t meta_at;

	if (d == NULL)
		return;
	d->out = out;
	d->budget = (struct budget){.cap = 4 * (size_t)DECODE_LINE_MAX};
	d->pdu_text.cap = d->message_text.cap = DECODE_LINE_MAX;
	d->reader.kept.cap = DICOM_PDU_KEPT_MAX;
	if (dicom_file_start(&f, file, &meta_at))
		file_json(d, &o, file);
	else
		stream(d, file);
	dicom_pdu_free(&d->reader);
	dicom_inflate_free(d->inflate);
	buf_free(&d->pdu_text);
	buf_free(&d->message_text);
	budget_free(&budget, d, sizeof(*d));
}
