/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/notes.h"

#include <stdarg.h>
#include <stdio.h>

void
dicom_note_add(struct dicom_notes *notes, enum anomaly name, uint64_t offset, const char *fmt, ...)
{
	struct dicom_note *note;
	va_list ap;

	if (notes == NULL)
		return;
	for (size_t i = 0; i < notes->n; i++) {
		if (notes->list[i].name == name) {
			notes->list[i].count++;
			return;
		}
	}
	if (notes->n == DICOM_NOTES_MAX)
		return;
	note = &notes->list[notes->n++];
	*note = (struct dicom_note){.name = name, .count = 1, .offset = offset};
	va_start(ap, fmt);
	(void)vsnprintf(note->detail, sizeof(note->detail), fmt, ap);
	va_end(ap);
}

uint64_t
dicom_notes_sum(const struct dicom_notes *notes)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < notes->n; i++)
		sum += notes->list[i].count;
	return sum;
}
