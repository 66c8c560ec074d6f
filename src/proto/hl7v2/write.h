/* SPDX-License-Identifier: Apache-2.0 */
/* HL7 v2 messages and acknowledgements to bytes: simulators, the gateway's answers, tests.
 * Source:  HL7 v2.5.1 2.5 (encoding), 2.9 (acknowledgement), 2.15.5, 2.15.8, 2.15.9; 2.7 (escapes).
 * Output:  appended to a buf; test its `cut` once at the end.
 * Total:   any bytes as values: delimiters are escaped, CR, LF and other control bytes become
 *          \X..\, so that what is read back is what was given.
 *
 *	struct hl7_writer w;
 *	hl7_write_begin(&w, &out);
 *	hl7_write_msh(&w, &header);
 *	hl7_write_segment(&w, "OBX");
 *	hl7_write_field(&w, 1, BYTES("1"));
 *	hl7_write_field(&w, 3, BYTES("718-7"));
 *	hl7_write_component(&w, BYTES("Hemoglobin"));
 *	hl7_write_end(&w);                              -- OBX|1||718-7^Hemoglobin<CR> */
#pragma once

#include "base/clock.h"
#include "proto/hl7v2/scan.h"

struct hl7_writer {
	struct buf *out;
	struct hl7_delims d;
	unsigned field; /* the field that is being written; 0 = the name alone */
	bool open;      /* a segment is open */
};

/* MSH without its first two fields. Empty fields are left out. */
struct hl7_header {
	struct bytes application, facility;                     /* MSH-3, MSH-4, with components */
	struct bytes receiving_application, receiving_facility; /* MSH-5, MSH-6 */
	struct bytes time;                                      /* MSH-7 */
	struct bytes type;                                      /* MSH-9: ORU^R01^ORU_R01 */
	struct bytes control_id;                                /* MSH-10 */
	struct bytes processing_id;                             /* MSH-11 */
	struct bytes version;                                   /* MSH-12 */
	struct bytes accept_ack, application_ack;               /* MSH-15, MSH-16 */
	struct bytes charset;                                   /* MSH-18 */
	struct bytes profile;                                   /* MSH-21 */
};

struct hl7_ack {
	struct bytes code;       /* AA, AE, AR, CA, CE, CR */
	struct bytes control_id; /* of the acknowledgement itself */
	struct bytes time;       /* MSH-7 */
	struct bytes error;      /* table 0357: 100, 207, ...; empty: no ERR segment */
	struct bytes text;       /* ERR-8 (MSA-3 before v2.5) */
};

void hl7_write_begin(struct hl7_writer *w, struct buf *out); /* |^~\& */
void hl7_write_segment(struct hl7_writer *w, const char *name);
/* Go to field n (fields ascend) and write text there, escaped. */
void hl7_write_field(struct hl7_writer *w, unsigned n, struct bytes text);
/* The same with text that has its delimiters and escapes already; only CR and LF are kept out. */
void hl7_write_raw(struct hl7_writer *w, unsigned n, struct bytes text);
/* The next repetition, component, subcomponent of the field, escaped. */
void hl7_write_repetition(struct hl7_writer *w, struct bytes text);
void hl7_write_component(struct hl7_writer *w, struct bytes text);
void hl7_write_subcomponent(struct hl7_writer *w, struct bytes text);
void hl7_write_end(struct hl7_writer *w); /* closes the last segment */
void hl7_write_msh(struct hl7_writer *w, const struct hl7_header *h);

/* The header of a message, views into it. False where it does not start with MSH. */
bool hl7_read_header(struct bytes message, struct hl7_header *h, struct hl7_delims *d);

/* The answer to a message: MSH with both sides swapped and the message's own delimiters and
 * version, MSA, ERR. False (nothing appended) where there is no MSH to answer. */
bool hl7_write_ack(struct buf *out, struct bytes message, const struct hl7_ack *a);

/* YYYYMMDDHHMMSS+0000; returns the length. */
enum { HL7_TIME_MAX = 24 };
size_t hl7_format_time(struct wall t, char out[HL7_TIME_MAX]);
