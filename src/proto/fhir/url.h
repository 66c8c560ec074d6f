/* SPDX-License-Identifier: Apache-2.0 */
/* What a FHIR request asks for, by its target.
 * Source: FHIR R4 (4.0.1) "RESTful API" 3.1.0, "Search" 3.1.1. */
#pragma once

#include "proto/observer.h"

enum { FHIR_WHAT_MAX = 48 };

struct fhir_url {
	char type[40];             /* last known resource type of the path; empty: none */
	char operation[40];        /* "$everything", "_search", "_history", "metadata" */
	struct hash128 patient;    /* from Patient/id, or a parameter */
	uint64_t n_patient_fields; /* parameters of the query that tell of a patient */
};

void fhir_url_read(const struct observer *o, struct bytes target, struct fhir_url *u);
