/* SPDX-License-Identifier: Apache-2.0 */
/* A-ASSOCIATE-RQ and -AC bodies: who calls whom, what they will speak.
 * Source:  PS3.8 9.3.2, 9.3.3, annex D; PS3.7 annex D.3 (user information, user identity).
 * Input:   the whole body of one PDU, without its head.
 * Output:  views into the body.
 * Total:   any bytes; what cannot be read is noted and left empty.
 * Limits:  DICOM_CONTEXTS_MAX contexts (all odd ids), DICOM_ROLES_MAX roles are kept. */
#pragma once

#include "proto/dicom/notes.h"
#include "proto/dicom/uid.h"

enum { DICOM_CONTEXTS_MAX = 128, DICOM_ROLES_MAX = 32, DICOM_AE_MAX = 16, DICOM_VERSION_MAX = 16 };

enum dicom_result { CONTEXT_ACCEPTED = 0 }; /* of a context in an AC; 1-4: refused */

struct dicom_context {
	uint8_t id;
	uint8_t result;         /* AC */
	uint32_t syntaxes;      /* bits 1 << enum dicom_syntax of its transfer syntaxes */
	struct bytes abstract;  /* RQ: SOP class */
	struct bytes transfers; /* sub-items, for dicom_context_transfer() */
};

struct dicom_role {
	struct bytes uid;
	uint8_t scu, scp;
};

enum {
	USER_NAME = 1,
	USER_NAME_PASSCODE,
	USER_KERBEROS,
	USER_SAML,
	USER_JWT,
};

struct dicom_assoc {
	bool answer;
	uint16_t version;
	struct bytes called, calling; /* trimmed */
	struct bytes application_context;
	struct bytes class_uid, version_name; /* of the sender's implementation */
	uint32_t max_length;                  /* 0: none or not told */
	uint16_t window_invoked, window_performed;
	uint8_t user_type; /* 0: no user identity */
	struct bytes user; /* primary field: a name for types 1 and 2, else a token */
	size_t secret_bytes;
	size_t n_contexts, n_roles;
	struct dicom_context context[DICOM_CONTEXTS_MAX];
	struct dicom_role role[DICOM_ROLES_MAX];
};

/* offset: of the body in the stream, for notes. */
void dicom_assoc_read(struct dicom_assoc *a, struct bytes body, bool answer, uint64_t offset,
    struct dicom_notes *notes);
/* Take the next transfer syntax off *transfers; false at the end. */
bool dicom_context_transfer(struct bytes *transfers, struct bytes *uid);
