/* SPDX-License-Identifier: Apache-2.0 */
/* One FHIR JSON body as it comes: tokens into a tree, resources read and dropped as they close,
 * so that a Bundle of any size needs the memory of its largest entry.
 * Total:  any bytes; what could not be read is told by cut, broken and odd. */
#pragma once

#include "proto/fhir/resource.h"

struct fhir_body {
	struct json_reader reader;
	struct doc doc;
	struct fhir_summary sum;
	struct fhir_reading reading;
	bool known;    /* a resource type of R4 was met */
	bool nameless; /* the outermost value is over and was no such resource */
	bool broken;   /* not JSON from broken_at on */
	uint64_t broken_at;
	bool strange; /* not FHIR as far as can be told: not read on */
	void (*text_end)(struct fhir_body *b, void *ctx); /* after each JSON text; may be NULL */
	void *ctx;
};

void fhir_body_init(struct fhir_body *b, struct observer *o);
/* Begin a body of the message in dir at offset. results: where results are kept, or NULL. */
void fhir_body_begin(
    struct fhir_body *b, enum name_value dir, uint64_t offset, struct buf *results);
void fhir_body_data(struct fhir_body *b, struct bytes part);
void fhir_body_end(struct fhir_body *b, bool cut);
void fhir_body_free(struct fhir_body *b);

/* Names of the deviations in b, in a fixed order: calls tell() for each. Returns how many. */
uint64_t fhir_body_odd(
    const struct fhir_body *b, void (*tell)(void *ctx, enum anomaly name), void *ctx);
