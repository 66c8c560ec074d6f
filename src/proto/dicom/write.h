/* SPDX-License-Identifier: Apache-2.0 */
/* Writes what the readers of this folder read: for the gateway's answers, simulators and tests.
 * Source: PS3.8 9.3, PS3.7 6.3 and 9.3, PS3.5 7.1.
 * Output: appended to a buf; test out->cut at the end (buf.h).
 * Input:  ours: lengths over what a field holds are cut, nothing is checked against the standard,
 * so that tests can write wrong things on purpose. */
#pragma once

#include "base/buf.h"
#include "proto/dicom/assoc.h"
#include "proto/dicom/dimse.h"

struct dicom_offer {
	uint8_t id;
	uint8_t result;          /* AC */
	const char *abstract;    /* RQ */
	const char *transfer[4]; /* ends with NULL, at most 4 */
};

struct dicom_association {
	bool answer; /* AC, else RQ */
	uint16_t version;
	const char *called, *calling;
	const struct dicom_offer *offers;
	size_t n_offers;
	uint32_t max_length;
	const char *class_uid;
	const char *version_name; /* NULL: left out */
	uint8_t user_type;        /* 0: no user identity */
	const char *user, *secret;
};

void dicom_write_association(struct buf *out, const struct dicom_association *a);
/* A-ASSOCIATE-RJ: PS3.8 table 9-21 (result 1 permanent, 2 transient; source 1 user, 2, 3 provider).
 */
void dicom_write_rejection(struct buf *out, uint8_t result, uint8_t source, uint8_t reason);
void dicom_write_release(struct buf *out, bool answer);
/* A-ABORT: source 0 user, 2 provider; reason PS3.8 table 9-26. */
void dicom_write_abort(struct buf *out, uint8_t source, uint8_t reason);

/* One element; value padded to even length (UI with NUL, OB with zero, else blank). vr: two
 * letters; not written in implicit. SYNTAX_UNKNOWN, _DEFLATED, _ENCAPSULATED write explicit little
 * endian. */
void dicom_write_element(
    struct buf *out, enum dicom_syntax syntax, uint32_t tag, const char *vr, struct bytes value);
void dicom_write_u16(struct buf *out, enum dicom_syntax syntax, uint32_t tag, uint16_t v);

struct dicom_command_spec {
	uint16_t command;
	uint16_t id;           /* of a request; answers: the id that is answered */
	const char *class_uid; /* NULL: left out */
	const char *instance_uid;
	uint16_t status; /* answers */
	bool has_data;
	const char *destination; /* C-MOVE */
	const char *originator;  /* sub-operation of a C-MOVE */
};

/* A command set, with its group length. */
void dicom_write_command(struct buf *out, const struct dicom_command_spec *c);
/* A command or data set as P-DATA-TF PDUs, each body at most max_length bytes (at least 7). */
void dicom_write_pdata(
    struct buf *out, uint8_t context, bool command, struct bytes data, uint32_t max_length);
/* A whole message: command set, then data where c->has_data. */
void dicom_write_message(struct buf *out, uint8_t context, const struct dicom_command_spec *c,
    struct bytes data, uint32_t max_length);
/* A file: zero preamble, "DICM", group 0002, data set. */
void dicom_write_file(struct buf *out, const char *class_uid, const char *instance_uid,
    const char *transfer, struct bytes data);
