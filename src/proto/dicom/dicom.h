/* SPDX-License-Identifier: Apache-2.0 */
/* DICOM: associations, DIMSE messages and files.
 * Source:  PS3.5, PS3.7, PS3.8, PS3.10; see README.md for what is told and what is not.
 * Streams: `dicom_protocol` (proto/proto.h), one TCP connection; may join in mid-association.
 * Files:   dicom_file_inspect(), dicom_file_read(): PS3.10 files, also those that lack preamble or
 *          meta group, and prefixes of files. */
#pragma once

#include "proto/dicom/identity.h"
#include "proto/proto.h"

extern const struct protocol dicom_protocol;

enum dicom_preamble {
	PREAMBLE_NONE,  /* the file starts with DICM, or with an element */
	PREAMBLE_ZERO,  /* as it should be */
	PREAMBLE_TIFF,  /* legal second use, whole slide images */
	PREAMBLE_OTHER, /* something else */
	PREAMBLE_ALARM, /* an executable, script, archive or document starts here (CVE-2019-11687)
			 */
};

struct dicom_file {
	enum dicom_preamble preamble;
	enum name_value magic;     /* of the preamble */
	bool meta;                 /* there is a group 0002 */
	enum dicom_syntax syntax;  /* of the data set, as found */
	struct bytes transfer;     /* transfer syntax UID, a view into the file */
	struct bytes class_uid;    /* implementation that wrote the file */
	struct bytes version_name; /* and its version name */
	struct bytes ae;           /* 0002,0016 */
	uint64_t data_at;          /* offset of the data set */
	bool inside;               /* the bytes end inside an element */
	struct dicom_identity identity;
};

/* Read a file, or the first bytes of one (a few KiB do: pixels are not looked at). o: for hashes
 * and the memory of an inflater only, nothing is told. False: no DICOM file. notes may be NULL. */
bool dicom_file_read(
    struct dicom_file *f, const struct observer *o, struct bytes file, struct dicom_notes *notes);

/* The same, and tell o: EV_attachment "DICOM preamble" where the preamble is not zero (TIFF is
 * fine and not told), anomalies, claims (behind side dir: the file names the device that made it).
 * offset: of the file in the stream of side dir. Counts one dicom_files. False: no DICOM file,
 * nothing told. */
bool dicom_file_inspect(
    struct observer *o, enum name_value dir, uint64_t offset, struct bytes file);

/* Private to the room: parts of dicom_protocol (probe.c, decode.c). */
enum probe dicom_probe(const struct probe_view *v);
void dicom_decode(struct bytes file, const struct line_sink *out);
/* Finds out how a file begins; false: no DICOM file. */
bool dicom_file_start(struct dicom_file *f, struct bytes file, uint64_t *meta_at);
/* Emit notes as anomalies of side dir. */
void dicom_notes_tell(
    const struct dicom_notes *notes, const struct observer *o, enum name_value dir);
