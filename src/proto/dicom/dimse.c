/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/dimse.h"

#include <stdio.h>

#include "base/cursor.h"

struct command_row {
	uint16_t command;
	const char *name;
	enum name_value request, answer;
};

static const struct command_row *
row_of(uint16_t command)
{
	static const struct command_row table[] = {
	    {DIMSE_C_STORE, "C-STORE", category_image, category_ack},
	    {DIMSE_C_GET, "C-GET", category_transfer, category_ack},
	    {DIMSE_C_FIND, "C-FIND", category_query, category_query_answer},
	    {DIMSE_C_MOVE, "C-MOVE", category_transfer, category_ack},
	    {DIMSE_C_ECHO, "C-ECHO", category_status, category_ack},
	    {DIMSE_N_EVENT_REPORT, "N-EVENT-REPORT", category_status, category_ack},
	    {DIMSE_N_GET, "N-GET", category_query, category_query_answer},
	    {DIMSE_N_SET, "N-SET", category_status, category_ack},
	    {DIMSE_N_ACTION, "N-ACTION", category_directive, category_ack},
	    {DIMSE_N_CREATE, "N-CREATE", category_status, category_ack},
	    {DIMSE_N_DELETE, "N-DELETE", category_directive, category_ack},
	    {DIMSE_C_CANCEL, "C-CANCEL", category_directive, category_other},
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].command == (command & ~DIMSE_ANSWER))
			return &table[i];
	}
	return NULL;
}

enum dicom_tell
dicom_command_tell(uint32_t tag, unsigned depth)
{
	(void)depth;
	switch (tag) {
	case 0x00000000:
	case 0x00000100:
	case 0x00000110:
	case 0x00000120:
	case 0x00000800:
	case 0x00000900:
	case 0x00001030:
		return TELL_VALUE;
	default:
		return TELL_NOT;
	}
}

static void
number(const struct dicom_set_event *ev, uint16_t *to, bool *has, struct dicom_notes *notes)
{
	if (ev->length != 2) {
		dicom_note_add(notes, ANOMALY_dicom_command, ev->where,
		    "element 0000,%04x has length %u", (unsigned)(ev->tag & 0xffff),
		    (unsigned)ev->length);
		return;
	}
	*to = load_le16(ev->value.ptr);
	*has = true;
}

void
dicom_command_take(
    struct dicom_command *c, const struct dicom_set_event *ev, struct dicom_notes *notes)
{
	switch (ev->tag) {
	case 0x00000000:
		c->started = ev->offset == 0;
		break;
	case 0x00000100:
		number(ev, &c->command, &c->has_command, notes);
		break;
	case 0x00000110:
		number(ev, &c->id, &c->has_id, notes);
		break;
	case 0x00000120:
		number(ev, &c->answered, &c->has_answered, notes);
		break;
	case 0x00000800:
		number(ev, &c->data_type, &c->has_data_type, notes);
		break;
	case 0x00000900:
		number(ev, &c->status, &c->has_status, notes);
		break;
	case 0x00001030:
		c->sub_operation = true;
		break;
	default:
		break;
	}
}

bool
dicom_command_check(const struct dicom_command *c, uint64_t offset, struct dicom_notes *notes)
{
	bool answer = (c->command & DIMSE_ANSWER) != 0;

	if (!c->has_command) {
		dicom_note_add(
		    notes, ANOMALY_dicom_command, offset, "command set without 0000,0100");
		return false;
	}
	if (!dicom_command_known(c->command))
		dicom_note_add(notes, ANOMALY_dicom_command_unknown, offset, "command %04x",
		    (unsigned)c->command);
	if (!c->started)
		dicom_note_add(
		    notes, ANOMALY_dicom_command, offset, "command set without 0000,0000");
	if (!c->has_data_type)
		dicom_note_add(
		    notes, ANOMALY_dicom_command, offset, "command set without 0000,0800");
	if (answer ? !c->has_answered : !c->has_id && c->command != DIMSE_C_CANCEL)
		dicom_note_add(notes, ANOMALY_dicom_command, offset,
		    "command set without message id, 0000,%s", answer ? "0120" : "0110");
	if (answer && !c->has_status)
		dicom_note_add(
		    notes, ANOMALY_dicom_command, offset, "answer without status, 0000,0900");
	return true;
}

bool
dicom_command_known(uint16_t command)
{
	return row_of(command) != NULL && command != (DIMSE_C_CANCEL | DIMSE_ANSWER);
}

struct bytes
dicom_command_name(uint16_t command, char name[DIMSE_NAME_MAX])
{
	const struct command_row *row = row_of(command);
	int n;

	if (row == NULL)
		n = snprintf(name, DIMSE_NAME_MAX, "0x%04x", (unsigned)command);
	else
		n = snprintf(name, DIMSE_NAME_MAX, "%s-%s", row->name,
		    (command & DIMSE_ANSWER) != 0 ? "RSP" : "RQ");
	return bytes_of(name, (size_t)n);
}

enum name_value
dicom_command_category(uint16_t command)
{
	const struct command_row *row = row_of(command);

	if (row == NULL)
		return category_other;
	return (command & DIMSE_ANSWER) != 0 ? row->answer : row->request;
}
