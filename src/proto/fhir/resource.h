/* SPDX-License-Identifier: Apache-2.0 */
/* FHIR R4 resources: results, identifiers (as keyed hashes), devices, files.
 * Source: FHIR R4 (4.0.1) Observation, DiagnosticReport, Patient, Specimen, ServiceRequest,
 *         Device, Attachment, Reference; table 0085 of HL7 v2 for the letters of a status.
 * Input:  a tree whose object `id` has a resourceType.
 * Output: into the summary; claims and attachments at once through the observer.
 * Limits: RESULTS_BYTES_MAX of results in one message; resources inside resources (contained) one
 *         level deep, as FHIR has it. */
#pragma once

#include "proto/fhir/doc.h"
#include "proto/observer.h"

enum { RESULTS_BYTES_MAX = 192 * 1024, TYPE_WORD_MAX = 40 };

struct fhir_type {
	const char *name;
	enum name_value category;
};

/* The row of a resource type; NULL: R4 has no such type. */
const struct fhir_type *fhir_type(struct bytes name);

struct fhir_summary {
	struct hash128 patient, order, specimen; /* the first of each */
	uint64_t phi;
	uint64_t n_results;
	uint64_t n_resources;
	bool results_cut;
	bool has_order, has_patient;
	char type[TYPE_WORD_MAX];   /* of the outermost resource, set by the caller */
	char bundle[TYPE_WORD_MAX]; /* Bundle.type */
	char version[24];           /* CapabilityStatement.fhirVersion */
};

struct fhir_reading {
	struct observer *o;
	enum name_value dir;
	uint64_t offset; /* of the message in its stream */
	struct fhir_summary *sum;
	struct buf *results; /* NULL: count them, do not keep them */
};

void fhir_resource(struct fhir_reading *r, const struct doc *d, doc_id id);

/* The id in a reference: "http://x/fhir/Patient/7/_history/2" gives "7". */
struct bytes fhir_reference_id(struct bytes reference);

/* Copy a word of the wire into out, terminated; what is not printable becomes '?'. */
void fhir_word(char *out, size_t room, struct bytes text);
