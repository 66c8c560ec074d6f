/* SPDX-License-Identifier: Apache-2.0 */
/* Clinical messages of invented people and specimens, as devices of a lab send them. All names,
 * ids and values come from small lists and the seed of struct wire; none belongs to a person. */
#pragma once

#include "lab/wire.h"

struct lab_case {
	char patient[16]; /* "SYN0001234" */
	char family[16], given[16];
	char born[12];
	char specimen[16]; /* "S26000123" */
	char order[16];
	unsigned number;
};

struct lab_case lab_case_new(struct wire *w, unsigned number);

struct lab_value {
	char text[16];
	size_t test; /* row of lab_tests */
};

struct lab_test {
	const char *code, *loinc, *name, *units, *range;
	double low, high;
	int decimals;
};

extern const struct lab_test lab_tests[];
extern const size_t lab_tests_n;

/* Draw n values of different tests, from `first` on. */
void lab_values(struct wire *w, size_t first, size_t n, struct lab_value *out);

/* ORU^R01 with one OBX a value, in MLLP. app: who sends; device: who measured (OBX-18). control:
 * MSH-10. status: F or C. At least min_bytes long (comment segments fill up). */
void lab_oru(struct buf *out, struct wire *w, const struct lab_case *c, const char *app,
    const char *device, const char *to, const char *control, const struct lab_value *v, size_t n,
    const char *status, size_t min_bytes);
/* The answer, in MLLP. code: AA, AE, AR. */
void lab_ack(struct buf *out, struct wire *w, const char *app, const char *to, const char *control,
    const char *code);
/* ADT^A08 and QRY^A19, in MLLP. */
void lab_adt(struct buf *out, struct wire *w, const struct lab_case *c, const char *control);
void lab_query(struct buf *out, struct wire *w, const char *patient, const char *control);

/* The records H P O R... L of one LIS02 message, each ended by CR, without framing. */
void lab_lis02(struct buf *out, struct wire *w, const struct lab_case *c, const char *sender,
    const struct lab_value *v, size_t n);
/* The same records as LIS01 frames of at most 240 bytes of text, ENQ first, EOT last; frame ends
 * are told so that answers can be put between them. More frames than fit are left out. */
struct lab_frames {
	size_t end[64]; /* byte after each frame in out */
	size_t n;
};
void lab_lis01(struct buf *out, struct bytes records, struct lab_frames *f);

/* A POCT1-A document: HEL.R01, OBS.R01 or ACK.R01. */
void lab_poct_hello(struct buf *out, struct wire *w, const char *model, const char *serial);
void lab_poct_obs(
    struct buf *out, struct wire *w, const struct lab_case *c, const char *value, unsigned control);
void lab_poct_ack(struct buf *out, struct wire *w, unsigned control);

/* FHIR Observation JSON. */
void lab_fhir(struct buf *out, struct wire *w, const struct lab_case *c, const struct lab_value *v);
