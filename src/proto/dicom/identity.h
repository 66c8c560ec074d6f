/* SPDX-License-Identifier: Apache-2.0 */
/* What a data set says about the device that made it, and the keyed hashes of whom it is about.
 * Source:  PS3.6 (tags), PS3.15 annex E (elements that hold patient data).
 * Output:  texts of devices as sent, cut to DICOM_FIELD_MAX; identifiers of patients, orders and
 *          specimens only as keyed hashes, made as soon as the element is read.
 *
 * Whose claims (dicom_identity_claims): a data set names the device that made it. That is the
 * sender itself where its AE title equals the station name (0008,1010), or, with less confidence,
 * where no station name is given. It stands behind the sender where the store is a sub-operation
 * of C-MOVE or C-GET, where a gateway (0018,1008) is named, where station name and AE title differ,
 * or where one association carries data sets of several devices. */
#pragma once

#include "proto/dicom/dataset.h"
#include "proto/observer.h"

enum { DICOM_FIELD_MAX = 128 };

#define DICOM_IDENTITY_LAST 0x00420012u /* type of an encapsulated document */

enum dicom_field {
	FIELD_CLASS,       /* SOP class UID */
	FIELD_MODALITY,    /* 0008,0060 */
	FIELD_MAKER,       /* 0008,0070 */
	FIELD_INSTITUTION, /* 0008,0080 */
	FIELD_STATION,     /* 0008,1010 */
	FIELD_MODEL,       /* 0008,1090 */
	FIELD_SERIAL,      /* 0018,1000 */
	FIELD_GATEWAY,     /* 0018,1008 */
	FIELD_UDI,         /* 0018,1009, at the top or in 0018,100A */
	FIELD_SOFTWARE,    /* 0018,1020 */
	FIELD_MEDIA,       /* 0042,0012 */
	FIELD_COUNT
};

struct dicom_identity {
	struct hash128 patient;  /* of 0010,0020 alone, so that other protocols' hashes match */
	struct hash128 order;    /* of 0008,0050 */
	struct hash128 specimen; /* of 0040,0512, else of the first 0040,0551 */
	uint64_t phi;            /* valued elements at the top that hold patient data */
	uint64_t document_bytes; /* 0042,0011 */
	enum name_value document_magic;
	uint64_t document_at; /* its place; meaningful where document_bytes > 0 */
	struct {
		uint8_t n;
		uint8_t text[DICOM_FIELD_MAX];
	} field[FIELD_COUNT];
};

enum dicom_tell dicom_identity_tell(uint32_t tag, unsigned depth);
void dicom_identity_clear(struct dicom_identity *id);
/* One element that dicom_identity_tell() asked for. */
void dicom_identity_take(
    struct dicom_identity *id, const struct observer *o, const struct dicom_set_event *ev);

struct bytes dicom_identity_text(const struct dicom_identity *id, enum dicom_field f);
/* Of maker, model, serial and station: tells devices apart. 0 where all are empty. */
uint64_t dicom_identity_device(const struct dicom_identity *id, const struct sip_key *key);
/* Does the data set's device stand behind a sender of this AE title? The caller knows of
 * sub-operations and of other devices on the association. */
bool dicom_identity_behind(const struct dicom_identity *id, struct bytes ae);
void dicom_identity_claims(const struct dicom_identity *id, const struct observer *o,
    enum name_value dir, uint64_t offset, bool behind);
/* EV_attachment for an encapsulated document, where there is one. */
void dicom_identity_attachment(
    const struct dicom_identity *id, const struct observer *o, enum name_value dir);
