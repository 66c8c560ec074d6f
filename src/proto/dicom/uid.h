/* SPDX-License-Identifier: Apache-2.0 */
/* Unique identifiers that Hemostat knows by name, and what follows from a transfer syntax.
 * Source: PS3.5 section 9 and annex A, PS3.6 annex A; roots of makers as they stand in front of the
 *         implementation class UIDs that their products send. */
#pragma once

#include "base/bytes.h"

/* How a data set is written. */
enum dicom_syntax {
	SYNTAX_UNKNOWN,      /* found out from the first element */
	SYNTAX_IMPLICIT,     /* implicit VR little endian */
	SYNTAX_EXPLICIT,     /* explicit VR little endian, native pixels */
	SYNTAX_BIG,          /* explicit VR big endian, retired */
	SYNTAX_DEFLATED,     /* explicit VR little endian under RFC 1951 */
	SYNTAX_ENCAPSULATED, /* explicit VR little endian, pixels in fragments */
};

enum { DICOM_UID_MAX = 64 }; /* PS3.5 9.1 */

#define DICOM_APPLICATION_CONTEXT "1.2.840.10008.3.1.1.1"
#define DICOM_UID_IMPLICIT        "1.2.840.10008.1.2"
#define DICOM_UID_EXPLICIT        "1.2.840.10008.1.2.1"
#define DICOM_UID_VERIFICATION    "1.2.840.10008.1.1"

/* Without the padding NUL of an odd-length UID. */
struct bytes dicom_uid_trim(struct bytes uid);
/* 1-64 bytes of digits and dots. */
bool dicom_uid_valid(struct bytes uid);

enum dicom_syntax dicom_syntax_of(struct bytes uid);
/* Name of a SOP class or transfer syntax; NULL for one that is not in uids.def. */
const char *dicom_uid_name(struct bytes uid);

/* Who made the DICOM software that sends this implementation class UID. */
struct dicom_maker {
	const char *root;
	const char *name;
	bool toolkit; /* a library found inside products of many makers: says nothing of the device
		       */
};
const struct dicom_maker *dicom_maker_of(struct bytes uid); /* NULL: unknown */
