/* SPDX-License-Identifier: Apache-2.0 */
/* The link layer of ASTM E1381 / CLSI LIS01-A2, one direction of a stream, passive.
 * Source:  LIS01-A2 6 (ASTM E1381-02): frame = STX FN text (ETB | ETX) C1 C2 CR LF; ENQ, ACK, NAK,
 *          EOT stand between frames.
 * Input:   bytes in stream order, cut anywhere, telnet already undone; holes told by lis01_gap().
 * Output:  one event a call. Text comes in pieces, as views into the run, between LIS01_START and
 *          LIS01_FRAME: the caller keeps what it needs, and takes it back where the frame turns
 *          out to be a repeat. Offsets are those of the caller.
 * Memory:  none but the struct.
 * Total:   any bytes; each call but LIS01_MORE takes at least one byte or ends a state.
 * Limits:  none here: a frame may be of any length (devices send 26 kB and more in one); the
 *          caller caps what it keeps.
 * Tolerant (each told by the event): no CR LF, no checksum, lower case checksum, wrong numbers,
 *          several frames without an answer, bytes outside frames (LIS01_LOOSE).
 * Not checked: timers (15 s, 30 s): the parser has no clock. */
#pragma once

#include "base/buf.h"

enum {
	LIS01_STX = 0x02,
	LIS01_ETX = 0x03,
	LIS01_EOT = 0x04,
	LIS01_ENQ = 0x05,
	LIS01_ACK = 0x06,
	LIS01_NAK = 0x15,
	LIS01_ETB = 0x17,
	LIS01_TEXT_E1381 = 240,   /* most text bytes of a frame, E1381 and LIS01-A */
	LIS01_TEXT_A2 = 63993,    /* most text bytes of a frame, LIS01-A2 */
	LIS01_FRAME_OVERHEAD = 7, /* STX FN ETX C1 C2 CR LF */
	LIS01_RETRIES = 6,
};

enum lis01_kind {
	LIS01_MORE,    /* the input is used up */
	LIS01_CONTROL, /* byte: ENQ, ACK, NAK or EOT */
	LIS01_START,   /* a frame begins; replaces: forget the text of the doubtful frame before */
	LIS01_PIECE,   /* body: text of the open frame */
	LIS01_BYTE,    /* body: one byte of text that the standard does not allow there */
	LIS01_FRAME,   /* the frame is whole up to its checksum: frame tells all about it */
	LIS01_FRAME_CUT, /* the open frame will not end: a new one, ENQ, EOT or a hole came */
	LIS01_TAIL,  /* CR LF after a frame; byte: 0 whole, 1 missing or cut; offset: its place */
	LIS01_LOOSE, /* body: bytes outside frames */
};

enum lis01_sum {
	LIS01_SUM_OK,
	LIS01_SUM_LOWER, /* right, in lower case */
	LIS01_SUM_BAD,
	LIS01_SUM_MISSING,
};

enum lis01_number {
	LIS01_NUMBER_OK,
	LIS01_NUMBER_REPEAT, /* same number and same text as the frame before */
	LIS01_NUMBER_SAME,   /* same number as the frame before, other text */
	LIS01_NUMBER_WRONG,  /* neither the last nor the next */
};

struct lis01_frame {
	uint64_t offset; /* of STX */
	uint64_t end;    /* offset behind the checksum, or behind ETX where that is missing */
	uint64_t text;   /* bytes of text */
	uint8_t number;  /* 0..9 as sent */
	uint8_t last;    /* LIS01_ETX or LIS01_ETB */
	uint8_t sum_computed;
	uint8_t sum_sent; /* 0 where missing or not hexadecimal */
	bool eight_bit;   /* a byte of 0x80 or more in the text */
	bool repeat;      /* same number and text as a frame before that is still held */
	enum lis01_sum sum;
	enum lis01_number sequence;
};

struct lis01_event {
	enum lis01_kind kind;
	uint8_t byte;
	bool replaces;
	struct bytes body; /* until the next call */
	uint64_t offset;
	struct lis01_frame frame; /* LIS01_START: offset and number; LIS01_FRAME: all */
};

/* What tells texts apart without keeping them: length, sum, sum weighted by place. */
struct lis01_digest {
	uint64_t n, sum, weighted;
};

struct lis01 {
	uint8_t state;
	uint8_t hex;      /* first checksum digit as sent */
	uint8_t last;     /* number of the last accepted frame; LIS01_NONE */
	uint8_t doubt;    /* number of a frame whose fate is not known; LIS01_NONE */
	bool fresh;       /* ENQ came, no frame since */
	bool doubt_sum;   /* that frame's doubt is its checksum, not its number */
	bool doubt_known; /* its text was not refused: doubt_text counts */
	uint64_t stx;     /* offset of the STX that is held */
	struct lis01_frame frame;
	struct lis01_digest text, last_text, doubt_text;
	uint8_t high; /* all text bytes or'ed */
};

enum { LIS01_NONE = 0xff };

/* Before the first byte of a direction. */
void lis01_init(struct lis01 *l);
struct lis01_event lis01_next(struct lis01 *l, struct bytes *in, uint64_t *offset);
/* A doubtful frame (wrong checksum or number) was refused by the other side. */
void lis01_refused(struct lis01 *l);
/* Bytes are missing. True where a frame was open (it is lost). */
bool lis01_gap(struct lis01 *l);
/* The direction is over: call until LIS01_MORE. A frame whose checksum did not come is LIS01_FRAME
 * with LIS01_SUM_MISSING, one without ETX or ETB is LIS01_FRAME_CUT. */
struct lis01_event lis01_end(struct lis01 *l);

/* --- writing --- */

/* One frame; number is taken modulo 8; last is LIS01_ETX or LIS01_ETB. */
void lis01_write_frame(struct buf *out, unsigned number, struct bytes text, uint8_t last);

/* A whole sender's side: ENQ, the records (CR-ended) in frames of at most text_max bytes of text,
 * EOT. Each record has its own frame or frames: ETB for all but its last. text_max > 0. */
void lis01_write_session(struct buf *out, struct bytes records, size_t text_max);
