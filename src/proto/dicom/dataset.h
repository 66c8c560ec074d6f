/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the elements of a DICOM data set, a command set or a file's meta group, in pieces.
 * Source:  PS3.5 sections 6.2, 7.1-7.5, annex A; CP-246 (UN of undefined length is implicit).
 * Input:   bytes in order, cut anywhere; dicom_set_gap() for a hole.
 * Output:  one event for each element that `tell` asks for; its value is a view that lives until
 *          the next call, cut to DICOM_VALUE_MAX bytes.
 * Memory:  the struct alone: a head of 12 bytes and one value are all that is ever carried over.
 * Total:   any bytes; values that are not asked for are stepped over by their length, so the work
 *          is one step an element. Past `last` (elements ascend) the walk is over.
 * Limits:  DICOM_DEPTH_MAX open sequences and items; deeper ends the walk with a note.
 * Not checked: values against their VR, private blocks, pixel fragments. */
#pragma once

#include "proto/dicom/notes.h"
#include "proto/dicom/uid.h"

enum { DICOM_VALUE_MAX = 256, DICOM_DEPTH_MAX = 16 };

#define DICOM_UNDEFINED UINT32_MAX /* a length that the bytes themselves end */

enum dicom_tell {
	TELL_NOT,
	TELL_VALUE,
	TELL_ENTER, /* TELL_VALUE; of a sequence the elements of its items, too */
};

/* depth: 0 at the top, 1 in an item of a sequence there, ... */
typedef enum dicom_tell dicom_tell_fn(uint32_t tag, unsigned depth);

enum dicom_set_kind {
	DICOM_SET_MORE,    /* the input is used up */
	DICOM_SET_ELEMENT, /* tag, vr, length, depth, value */
	DICOM_SET_DONE,    /* nothing behind `last` is walked; rest of the input left alone */
};

struct dicom_set_event {
	enum dicom_set_kind kind;
	uint32_t tag; /* group << 16 | element */
	uint16_t vr;  /* two letters, the first in the high byte; 0 in implicit */
	bool big;
	uint32_t length; /* on the wire; DICOM_UNDEFINED */
	unsigned depth;
	uint64_t offset;    /* of the element, in the data set */
	uint64_t where;     /* of the element, offset + shift when it began */
	struct bytes value; /* at most DICOM_VALUE_MAX bytes */
};

struct dicom_level {
	uint64_t end; /* data set offset; UINT64_MAX: by a delimiter */
	bool item;    /* an item (holds elements), else a sequence (holds items) */
	bool blind;   /* its elements are not asked for */
	bool explicit_before;
};

struct dicom_set {
	/* Set by dicom_set_init(). */
	dicom_tell_fn *tell;
	uint32_t last;
	enum dicom_syntax syntax;
	struct dicom_notes *notes;
	/* The caller's: stream offset of a byte less its data set offset. */
	uint64_t shift;
	/* State. */
	uint64_t at;
	enum { SET_AT_HEAD, SET_AT_VALUE, SET_AT_SKIP, SET_AT_DONE } state;
	bool explicit_, big, settled, lost, one_group;
	uint8_t head_n;
	uint8_t head[12];
	uint16_t value_n;
	uint16_t value_want;
	uint32_t skip;
	uint32_t prev;   /* tag before, at the top */
	unsigned levels; /* open */
	struct dicom_set_event now;
	struct dicom_level level[DICOM_DEPTH_MAX];
	uint8_t value[DICOM_VALUE_MAX];
};

/* A walk of a new data set. last: greatest tag of interest; gggg,ffff walks group gggg alone,
 * UINT32_MAX to the end. SYNTAX_UNKNOWN is settled by the first element; for the others it is
 * checked against it, told where it disagrees, and the bytes are believed. SYNTAX_DEFLATED means
 * the inflated bytes. */
void dicom_set_init(struct dicom_set *s, enum dicom_syntax syntax, dicom_tell_fn *tell,
    uint32_t last, struct dicom_notes *notes);
struct dicom_set_event dicom_set_next(struct dicom_set *s, struct bytes *in);
/* A hole: harmless where it lies in a value that is stepped over, else the walk is over. */
void dicom_set_gap(struct dicom_set *s, uint64_t missing);
/* No more bytes come: notes a data set that ended inside an element or sequence. */
void dicom_set_end(struct dicom_set *s);

/* Explicit VR with two reserved bytes and a u32 length (PS3.5 table 7.1-1). */
bool dicom_vr_long(uint16_t vr);
bool dicom_vr_known(uint16_t vr);
/* Known to be a sequence where no VR says so (implicit VR). */
bool dicom_tag_sequence(uint32_t tag);

#define DICOM_VR(a, b) ((uint16_t)((a) << 8 | (b)))
