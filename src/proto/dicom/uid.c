/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/uid.h"

#include "base/attr.h"

struct uid_name {
	struct bytes uid;
	const char *name;
};

struct bytes
dicom_uid_trim(struct bytes uid)
{
	while (uid.len > 0 && (uid.ptr[uid.len - 1] == 0 || uid.ptr[uid.len - 1] == ' '))
		uid.len--;
	return uid;
}

bool
dicom_uid_valid(struct bytes uid)
{
	if (uid.len == 0 || uid.len > DICOM_UID_MAX)
		return false;
	for (size_t i = 0; i < uid.len; i++) {
		if (uid.ptr[i] != '.' && (uid.ptr[i] < '0' || uid.ptr[i] > '9'))
			return false;
	}
	return true;
}

enum dicom_syntax
dicom_syntax_of(struct bytes uid)
{
	uid = dicom_uid_trim(uid);
	if (bytes_eq(uid, BYTES(DICOM_UID_IMPLICIT)))
		return SYNTAX_IMPLICIT;
	if (bytes_eq(uid, BYTES(DICOM_UID_EXPLICIT)))
		return SYNTAX_EXPLICIT;
	if (bytes_eq(uid, BYTES("1.2.840.10008.1.2.2")))
		return SYNTAX_BIG;
	if (bytes_eq(uid, BYTES("1.2.840.10008.1.2.1.99")))
		return SYNTAX_DEFLATED;
	if (bytes_starts(uid, BYTES("1.2.840.10008.1.2.4.")) ||
	    bytes_eq(uid, BYTES("1.2.840.10008.1.2.5")))
		return SYNTAX_ENCAPSULATED;
	return SYNTAX_UNKNOWN;
}

const char *
dicom_uid_name(struct bytes uid)
{
	static const struct uid_name table[] = {
#define UID(uid, name) {BYTES_INIT(uid), name},
#include "proto/dicom/uids.def"
	};

	uid = dicom_uid_trim(uid);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (bytes_eq(uid, table[i].uid))
			return table[i].name;
	}
	return NULL;
}

const struct dicom_maker *
dicom_maker_of(struct bytes uid)
{
	/* The longer root first where one stands inside another. */
	static const struct dicom_maker table[] = {
	    {"1.2.276.0.7230010.3.", "OFFIS DCMTK", true},
	    {"1.2.40.0.13.1.", "dcm4che", true},
	    {"1.2.826.0.1.3680043.2.1143.", "GDCM", true},
	    {"1.2.826.0.1.3680043.8.498.", "pydicom", true},
	    {"1.2.826.0.1.3680043.9.3811.", "pynetdicom", true},
	    {"1.3.6.1.4.1.30071.8.", "fo-dicom", true},
	    {"1.3.6.1.4.1.25403.", "ClearCanvas", true},
	    {"1.2.840.113619.", "GE", false},
	    {"1.3.12.2.1107.", "Siemens", false},
	    {"1.3.46.670589.", "Philips", false},
	    {"1.2.392.200036.9116.", "Canon (Toshiba)", false},
	    {"1.2.392.200036.9125.", "Fujifilm", false},
	    {"1.3.51.", "Agfa", false},
	    {"1.2.124.113532.", "Agfa", false},
	    {"1.2.840.113564.", "Carestream (Kodak)", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (bytes_starts(uid, bytes_str(table[i].root)))
			return &table[i];
	}
	return NULL;
}
