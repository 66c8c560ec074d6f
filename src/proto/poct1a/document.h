/* SPDX-License-Identifier: Apache-2.0 */
/* What a POCT1-A2 document says: one message observation with its results, claims, passwords.
 * Source:  CLSI POCT1-A2 (device message layer) as quoted by vendors' interface papers: an
 * element's value is its attribute V (U unit, SN code system, DN display name), else its text.
 * Type:    the name of the root element, whatever HDR.message_type says.
 * Results: one for each OBS; key from ORD.order_id (else PT.patient_id), SVC.sequence_nbr and
 *          OBS.observation_id; offset = of the value's bytes from the document's '<'.
 * Privacy: PT, ORD, OPR and SPC fields leave as keyed hashes, notes never.
 * Memory:  DOCUMENT_RESULTS_MAX bytes of results and as much again as the document for undone
 *          references, from the budget, only while needed. */
#pragma once

#include "proto/observer.h"
#include "proto/poct1a/xml.h"

enum {
	DOCUMENT_RESULTS_MAX = 200 * 1024,
	DOCUMENT_OBS_MAX = 64,      /* results of one SVC that wait for its ORD */
	DOCUMENT_ACCOUNTS_MAX = 64, /* passwords told from one list */
	DOCUMENT_PEERS = 8,         /* control ids that an ACK may answer */
};

/* One direction's memory of what it sent. */
struct document_reader {
	struct observer *o;
	enum name_value dir;
	struct buf results;
	struct buf plain; /* room for undone references */
	struct hash128 sent[DOCUMENT_PEERS];
	size_t n_sent;
	bool heard; /* a document came on this direction */
};

struct document_place {
	uint64_t offset; /* of the document in the stream */
	uint64_t size;
	unsigned scale; /* bytes on the wire for one of the document */
	bool framed;    /* in an MLLP block */
};

void document_reader_init(struct document_reader *r, struct observer *o, enum name_value dir);
void document_reader_free(struct document_reader *r);

/* Observe a document that the splitter gave; peer: the other direction. */
void document_observe(struct document_reader *r, const struct document_reader *peer,
    const struct xml_piece *d, const struct document_place *at);

/* "OBS.R01" is a POCT1-A root: capitals, a dot, R and two digits. */
bool document_is_root(struct bytes name);
/* Name of the root element; empty where none can be read. */
struct bytes document_root(struct bytes document);
enum name_value document_category(struct bytes root);
/* The anomaly that goes with an error. */
enum anomaly document_anomaly(enum xml_error e);

/* --- writing --- */

/* An element; depth 0 is the root, given first. Empty fields are left out. */
struct document_element {
	unsigned depth; /* at most one more than the element before */
	const char *name;
	struct bytes v, u, sn, dn;
	bool has_v; /* write V even where it is empty */
};

/* An XML declaration, then the elements in document order. */
void document_write(struct buf *out, const struct document_element *e, size_t n);
