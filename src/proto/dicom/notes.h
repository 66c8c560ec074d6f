/* SPDX-License-Identifier: Apache-2.0 */
/* Deviations found in one unit (an associate PDU, a message, a file), told together at its end, so
 * that a hostile unit costs one line a name and any cut of the stream tells the same.
 * Limits: DICOM_NOTES_MAX names; a repeated name only counts. */
#pragma once

#include "base/attr.h"
#include "event/event.h"

enum { DICOM_NOTES_MAX = 16, DICOM_NOTE_TEXT_MAX = 56 };

struct dicom_note {
	enum anomaly name;
	uint64_t count;
	uint64_t offset; /* of the first, in the stream or file */
	char detail[DICOM_NOTE_TEXT_MAX];
};

struct dicom_notes {
	size_t n;
	struct dicom_note list[DICOM_NOTES_MAX];
};

/* detail: place and numbers, never content. notes may be NULL. */
void dicom_note_add(struct dicom_notes *notes, enum anomaly name, uint64_t offset, const char *fmt,
    ...) PRINTF_LIKE(4, 5);

/* All counts together. */
uint64_t dicom_notes_sum(const struct dicom_notes *notes);
