/* SPDX-License-Identifier: Apache-2.0 */
/* Where the units of a stream end, without looking into them: what is held, judged and passed as
 * one. Much smaller than the parsers in proto/, which read the same bytes for the record.
 *   MLLP: .. VT .. FS CR        LIS01: one frame, or one control byte
 *   DICOM: one PDU              HTTP: a request's head; its body passes as pieces
 *   anything else: each run of bytes as it came
 * Source: protocols as in proto/mllp, lis01, dicom/pdu.h, http/reader.h.
 * Total:  any bytes in any cut; each call takes at least one byte; pure, no memory.
 * Limits: UNIT_HTTP_HEAD_MAX bytes of an HTTP head: beyond it the stream is marked odd and passes
 *         as runs. */
#pragma once

#include "base/bytes.h"
#include "event/event.h"

enum unit_carrier { UNIT_UNKNOWN, UNIT_RAW, UNIT_MLLP, UNIT_ASTM, UNIT_DICOM, UNIT_HTTP };

enum unit_kind {
	UNIT_MESSAGE, /* to be judged */
	UNIT_GLUE,    /* control bytes, line ends, bodies: goes the way of the unit before it */
	UNIT_RUN,     /* bytes of no known border */
};

enum { UNIT_HTTP_HEAD_MAX = 64 * 1024 };

struct unit_scan {
	enum unit_carrier carrier;
	uint8_t state;
	uint8_t count;   /* bytes since a mark */
	uint8_t odd;     /* borders were lost */
	uint8_t lines;   /* HTTP: line ends in a row */
	uint8_t head[6]; /* DICOM */
	uint64_t need;   /* bytes of what is announced that still come */
	uint64_t size;   /* bytes of the unit so far */
	char line[64];   /* HTTP: the head's line in hand, lower case, cut */
	uint8_t line_len;
	uint8_t has_length, is_chunked;
	uint64_t length;
};

/* From the first bytes of a conversation, of whichever side spoke first. UNIT_UNKNOWN: more bytes
 * are needed. */
enum unit_carrier unit_carrier_of(struct bytes head);
/* The protocol a carrier usually bears; PROTO_unknown for runs. */
enum proto unit_proto(enum unit_carrier c);

/* request: this side sends HTTP requests; the other's answers are runs. */
void unit_scan_init(struct unit_scan *u, enum unit_carrier carrier, bool request);

struct unit_piece {
	size_t len;          /* bytes of `in` that belong to the unit in hand */
	bool ends;           /* the unit is whole with them */
	enum unit_kind kind; /* of the unit */
};

/* in: at least one byte. */
struct unit_piece unit_next(struct unit_scan *u, struct bytes in);
