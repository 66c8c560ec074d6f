/* SPDX-License-Identifier: Apache-2.0 */
/* DIMSE command sets: which command, which message it is or answers.
 * Source: PS3.7 sections 6.3, 9.3, 10.3, annex E: implicit VR little endian, group 0000. */
#pragma once

#include "proto/dicom/dataset.h"
#include "proto/observer.h"

#define DICOM_COMMAND_LAST 0x0000ffffu

enum {
	DIMSE_C_STORE = 0x0001,
	DIMSE_C_GET = 0x0010,
	DIMSE_C_FIND = 0x0020,
	DIMSE_C_MOVE = 0x0021,
	DIMSE_C_ECHO = 0x0030,
	DIMSE_N_EVENT_REPORT = 0x0100,
	DIMSE_N_GET = 0x0110,
	DIMSE_N_SET = 0x0120,
	DIMSE_N_ACTION = 0x0130,
	DIMSE_N_CREATE = 0x0140,
	DIMSE_N_DELETE = 0x0150,
	DIMSE_C_CANCEL = 0x0fff,
	DIMSE_ANSWER = 0x8000,
	DIMSE_DATA_NONE = 0x0101,
	DIMSE_DATA_SOME = 0x0000, /* any value but 0101 */
};

enum { DIMSE_NAME_MAX = 24 };

struct dicom_command {
	uint16_t command;   /* 0000,0100 */
	uint16_t id;        /* 0000,0110 */
	uint16_t answered;  /* 0000,0120 */
	uint16_t data_type; /* 0000,0800 */
	uint16_t status;    /* 0000,0900 */
	bool has_command, has_id, has_answered, has_data_type, has_status;
	bool sub_operation; /* 0000,1030: a store on behalf of a C-MOVE */
	bool started;       /* the first element was 0000,0000, as it must be */
};

enum dicom_tell dicom_command_tell(uint32_t tag, unsigned depth);
/* One element of a command set; a number that is not one of two bytes is noted. */
void dicom_command_take(
    struct dicom_command *c, const struct dicom_set_event *ev, struct dicom_notes *notes);
/* At the end of the set: notes what must be there and is not. False: no command at all. */
bool dicom_command_check(const struct dicom_command *c, uint64_t offset, struct dicom_notes *notes);

/* "C-STORE-RQ"; "0x1234" for one that PS3.7 does not know. The text stands in name. */
struct bytes dicom_command_name(uint16_t command, char name[DIMSE_NAME_MAX]);
bool dicom_command_known(uint16_t command);
enum name_value dicom_command_category(uint16_t command);

static inline bool
dicom_status_pending(uint16_t status)
{
	return status == 0xff00 || status == 0xff01;
}
