/* SPDX-License-Identifier: Apache-2.0 */
/* Block framing of HL7, one direction of a stream: MLLP, its commit blocks, HLLP, and HL7 v2 that
 * comes without any framing. What is inside a block is the caller's (HL7 v2, POCT1-A, XML).
 * Source:  HL7 Transport Specification: MLLP, release 1 (block = VT(0B) data FS(1C) CR(0D)) and
 *          release 2 (a block with the one byte 06 or 15 commits or refuses the one before);
 *          HL7 v2.5.1 Implementation Guide C.4: HLLP (0B t v v 0D data ccccc xxx 1C 0D).
 * Input:   bytes in stream order; the stream's owner tells holes with mllp_gap() and the end with
 *          mllp_end().
 * Output:  one event a call. A body is a view into the run where the block lies whole in it, else
 *          into a buffer of the framer; it lives until the next call on this framer.
 * Memory:  nothing while no block is open; else one buffer of the pool, up to cap bytes.
 * Total:   any bytes end in MLLP_MORE; every other event takes at least one byte or ends a unit.
 *          Any cut of the stream into runs gives the same events.
 * Limits:  a body over cap bytes is told up to there (MLLP_CUT_SIZE); the rest is skipped.
 * Not checked: bytes below 20 in the data (the reader of the data does that). FS followed by
 *          anything but CR, LF, VT or the end is data, as receivers that look for FS CR have it. */
#pragma once

#include "base/buf.h"

enum { MLLP_CAP_BYTES = 16 * 1024 * 1024 }; /* the usual cap */

enum mllp_kind {
	MLLP_MORE,   /* the run is used up */
	MLLP_BLOCK,  /* VT body FS CR */
	MLLP_COMMIT, /* VT (06|15) FS CR; body = that byte */
	MLLP_HLLP,   /* body = data without the header and the trailer */
	MLLP_BARE,   /* one HL7 message (with what stands before the next) without VT */
	MLLP_JUNK,   /* bytes outside any unit; size of them, no body */
	MLLP_NOTE,   /* only flags: about the end of the unit told before */
};

/* Bits of mllp_event.flags. A cut body ends where bytes are missing; nothing is made up. */
enum {
	MLLP_CUT_GAP = 1 << 0,       /* a hole in the stream */
	MLLP_CUT_END = 1 << 1,       /* the stream ended */
	MLLP_CUT_START = 1 << 2,     /* VT inside the block: the next block starts there */
	MLLP_CUT_SIZE = 1 << 3,      /* over the cap */
	MLLP_CUT_MEMORY = 1 << 4,    /* the budget refused */
	MLLP_END_FS = 1 << 5,        /* FS without CR */
	MLLP_END_LF = 1 << 6,        /* FS LF */
	MLLP_FS_INSIDE = 1 << 7,     /* FS in the data */
	MLLP_START_MISSING = 1 << 8, /* BARE that ended with FS */
	MLLP_BOM = 1 << 9,           /* BARE behind a UTF-8 byte order mark */
	MLLP_HLLP_SHORT = 1 << 10,   /* HLLP without its eight digits at the end */
	MLLP_HLLP_LENGTH = 1 << 11,  /* ... whose count is wrong */
	MLLP_HLLP_SUM = 1 << 12,     /* ... whose checksum is wrong */
	MLLP_HLLP_NAK = 1 << 13,     /* ... of type N */
	MLLP_TAIL = 1 << 14,         /* JUNK behind a cut: the rest of something told as cut */
	MLLP_FIRST = 1 << 15,        /* JUNK before the first unit of the direction */
	MLLP_JUNK_FS = 1 << 16,      /* JUNK holds an FS */
	MLLP_JUNK_ENDS = 1 << 17,    /* JUNK is nothing but FS and CR */

	MLLP_CUT = MLLP_CUT_GAP | MLLP_CUT_END | MLLP_CUT_START | MLLP_CUT_SIZE | MLLP_CUT_MEMORY,
};

struct mllp_event {
	enum mllp_kind kind;
	unsigned flags;
	struct bytes body;
	uint64_t offset;      /* of the unit's first byte from the start of the stream */
	uint64_t body_offset; /* of the body's first byte */
	uint64_t size;        /* bytes of the unit on the wire */
};

/* One direction; plain data of the caller, touched by these functions only. */
struct mllp {
	struct buf_pool *pool;
	struct buf hold; /* body of the open unit as far as it came in earlier runs */
	uint64_t at;     /* offset of the next byte */
	uint64_t start;  /* offset of the open unit, or of junk that was not told yet */
	uint32_t flags;  /* of the open unit, or of the junk */
	uint8_t state;   /* enum state in mllp.c */
	uint8_t part_n;  /* bytes of a possible message head at the end of the last run */
	uint8_t part[7];
	bool line;    /* the next byte (of part, then of the run) starts a line */
	bool has_msh; /* the open BARE unit has its MSH */
	bool seen;    /* a unit was told */
	bool junk;    /* OUT: there is junk since start */
};

/* budget: for the buffers; pool: where they go when they are not needed. cap: bytes of a body. */
void mllp_init(struct mllp *p, struct buf_pool *pool, struct budget *budget, size_t cap_bytes);

/* The next unit of *in, which is moved on. With an empty run: MLLP_MORE, and the buffer of a unit
 * told before goes back to the pool. */
struct mllp_event mllp_next(struct mllp *p, struct bytes *in);

/* missing bytes are not there. One event, MLLP_MORE where no unit was open. */
struct mllp_event mllp_gap(struct mllp *p, uint64_t missing);

/* The peer has answered: a unit that only waits for its last byte to be certain (FS without CR
 * yet, an unframed message whose segment is complete) is told now. MLLP_MORE where none does. */
struct mllp_event mllp_flush(struct mllp *p);

/* No more bytes. One event, MLLP_MORE where no unit was open. */
struct mllp_event mllp_end(struct mllp *p);

/* Give back everything; the framer must not be used again without mllp_init(). */
void mllp_free(struct mllp *p);

/* How far `head` is the start of an HL7 v2 message or batch: MSH, FHS or BHS and a delimiter, a
 * UTF-8 byte order mark before it allowed. *skip: bytes of that mark. */
enum mllp_head { MLLP_HEAD_NO, MLLP_HEAD_PART, MLLP_HEAD_YES };
enum mllp_head mllp_head(struct bytes head, size_t *skip);

/* True for a byte that can be MSH-1: neither a letter, a digit, a blank nor a control byte. */
bool mllp_delimiter(uint8_t c);

/* Writers, each appending one whole block. */
void mllp_write(struct buf *out, struct bytes data);
void mllp_write_commit(struct buf *out, bool stored); /* release 2: 06, else 15 */
void hllp_write(struct buf *out, struct bytes data);  /* at most 99994 bytes of data */
