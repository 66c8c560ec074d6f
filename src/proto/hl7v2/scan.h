/* SPDX-License-Identifier: Apache-2.0 */
/* Segments, fields and their parts of HL7 v2 text, in place.
 * Source:  HL7 v2.5.1 2.5.3 (fields), 2.5.4 (delimiters), 2.7 (escapes); 2.15.9 (MSH).
 * Input:   the text of one or more messages, without framing, never copied.
 * Output:  views into the text.
 * Memory:  none but the structs given by the caller.
 * Total:   any bytes are segments of fields; a text without separators is one field.
 * Cost:    one pass with SSE2 or AVX2 (chosen at run time) finds segment ends and field separators
 *          64 bytes a step; repetitions, components and escapes are looked for when asked for.
 * Limits:  HL7_FIELDS_MAX fields of a segment are told apart; what follows is one last field. */
#pragma once

#include "base/buf.h"

enum { HL7_FIELDS_MAX = 512, HL7_STRIP_BLOCKS = 16 };

/* 0 = the message declares none. */
struct hl7_delims {
	uint8_t field, component, repetition, escape, subcomponent, truncation;
};

extern const struct hl7_delims hl7_delims_usual; /* |^~\& */

struct hl7_segment {
	struct bytes text;                /* without its end */
	uint8_t end;                      /* CR or LF; 0 where the text ended */
	bool over;                        /* more than HL7_FIELDS_MAX fields */
	uint32_t n;                       /* separators in sep[] */
	uint32_t sep[HL7_FIELDS_MAX + 2]; /* where each stands in text; sep[n] = text.len */
};

struct hl7_scan {
	struct bytes in;
	size_t at;     /* next segment, or its blank lines */
	uint8_t field; /* separator */
	bool high;     /* a byte of 80 or more was passed (up to a strip ahead) */
	bool control;  /* a byte below 20 other than CR and LF was passed (same) */
	bool lf;       /* a segment or blank line ended with LF */
	bool narrow;   /* SSE2 even where AVX2 is there; for tests, set behind init */
	size_t strip;  /* where the strip in hand starts */
	unsigned n, w; /* blocks in it, block in hand */
	uint64_t sep[HL7_STRIP_BLOCKS], eol[HL7_STRIP_BLOCKS];
};

void hl7_scan_init(struct hl7_scan *s, struct bytes text, uint8_t field);
/* Go on with another separator from the next segment on. */
void hl7_scan_separator(struct hl7_scan *s, uint8_t field);
/* Step over blank lines, where the next byte is of one. */
void hl7_scan_blank(struct hl7_scan *s);
/* The same; what is left from the next segment on, empty at the end. */
static inline struct bytes
hl7_scan_rest(struct hl7_scan *s)
{
	if (s->at < s->in.len && s->in.ptr[s->at] < 0x0e)
		hl7_scan_blank(s);
	return (struct bytes){s->in.ptr + s->at, s->in.len - s->at};
}
/* The next segment that is not empty; false at the end. */
bool hl7_scan_next(struct hl7_scan *s, struct hl7_segment *g);

/* True where text starts with MSH, FHS or BHS and a byte that can be a separator: no letter, digit,
 * blank, CR or LF. */
bool hl7_is_head(struct bytes text);

/* The delimiters that a MSH, FHS or BHS segment declares (its text may run on behind it). */
struct hl7_delims hl7_delims_of(struct bytes head);

/* Three letters as a number, for switch: HL7_NAME('M','S','H'). Lower case counts as upper. */
#define HL7_NAME(a, b, c) ((uint32_t)(a) << 16 | (uint32_t)(b) << 8 | (uint32_t)(c))
/* Of the segment; 0 where it does not start with a letter and two letters or digits, followed by
 * the separator or the end. *lower: letters were not capitals. */
uint32_t hl7_segment_name(const struct hl7_segment *g, bool *lower);

/* Token n of a segment: 0 = its name. Empty where there are fewer. */
static inline struct bytes
hl7_token(const struct hl7_segment *g, unsigned n)
{
	size_t from;

	if (n > g->n)
		return (struct bytes){NULL, 0};
	from = n == 0 ? 0 : (size_t)g->sep[n - 1] + 1;
	return (struct bytes){g->text.ptr + from, g->sep[n] - from};
}

/* Piece n (from 0) of b, cut at delim; delim 0: b is piece 0. Empty where there are fewer. */
struct bytes hl7_part(struct bytes b, uint8_t delim, unsigned n);
/* How many pieces there are; 1 for nothing. */
size_t hl7_parts(struct bytes b, uint8_t delim);
/* Component c, subcomponent u (both from 1; u = 0: all of the component) of the first repetition.
 */
struct bytes hl7_piece(const struct hl7_delims *d, struct bytes field, unsigned c, unsigned u);

/* hl7_piece(d, field, 1, 1), at less cost: what stands before the first delimiter. */
static inline struct bytes
hl7_first(const struct hl7_delims *d, struct bytes field)
{
	size_t n = 0;

	while (n < field.len && field.ptr[n] != d->component && field.ptr[n] != d->repetition &&
	       field.ptr[n] != d->subcomponent)
		n++;
	return (struct bytes){field.ptr, n};
}

/* Not empty and not the explicit null "" (HL7 v2.5.1 2.5.3). */
static inline bool
hl7_valued(struct bytes b)
{
	return b.len > 0 && !(b.len == 2 && b.ptr[0] == '"' && b.ptr[1] == '"');
}

/* Append text with its escape sequences undone: delimiters and \X..\ as bytes, \.br\ and \.sp\ as a
 * line end, \H\ \N\ and other formatting dropped; what is unknown or open stays as sent. */
void hl7_unescape(struct buf *out, const struct hl7_delims *d, struct bytes text);

struct hl7_escapes {
	size_t n;       /* well-formed sequences */
	size_t unknown; /* closed, but of no known kind */
	size_t open;    /* without an end in their field */
	size_t first;   /* where the first unknown or open one stands */
};

/* Look over the escape sequences of a text of fields. */
struct hl7_escapes hl7_escapes_of(struct bytes text, const struct hl7_delims *d);
