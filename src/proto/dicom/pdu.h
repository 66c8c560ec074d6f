/* SPDX-License-Identifier: Apache-2.0 */
/* The DICOM upper layer, one TCP direction: PDUs and the PDVs inside P-DATA.
 * Source:  PS3.8 9.3: PDU = type, 00, u32 length, body; 9.3.5: P-DATA-TF is a run of PDVs, each
 *          u32 length, context id, message control header, fragment. Numbers are big endian.
 * Input:   bytes in stream order; holes by dicom_pdu_gap().
 * Output:  one event a call; views live until the next call on this reader.
 * Memory:  bodies of association PDUs only, up to DICOM_PDU_KEPT_MAX, from the budget; fragments
 * are handed on in place and never kept, so pixel data costs nothing per byte. Total:   any bytes
 * end in DICOM_PDU_MORE; every cut gives the same events, fragments aside, which come in as many
 * pieces as the runs make. Resync:  a PDU of unknown type with a small length is stepped over;
 * where a length cannot be right the reader looks for the next head that holds together (a P-DATA
 * head of at most DICOM_SCAN_PDATA_MAX with a PDV that fits, a whole release, rejection or abort,
 * an association PDU of version 1). Limits:  the caps below; the maximum length that the peer
 * announced is the session's to check. */
#pragma once

#include "base/buf.h"
#include "event/event.h"
#include "proto/proto.h"

enum {
	DICOM_PDU_HEAD = 6,
	DICOM_PDU_KEPT_MAX = 256 * 1024,    /* 128 contexts of 30 transfer syntaxes */
	DICOM_PDU_ODD_MAX = 64 * 1024,      /* longest PDU of unknown type that is stepped over */
	DICOM_SCAN_PDATA_MAX = 1024 * 1024, /* longest P-DATA a scan believes in */
	DICOM_PDATA_MAX = 1024 * 1024 * 1024,
	DICOM_ASSOCIATE_MIN = 68, /* fixed part of an associate body */
};

enum dicom_pdu_type {
	PDU_ASSOCIATE_RQ = 1,
	PDU_ASSOCIATE_AC,
	PDU_ASSOCIATE_RJ,
	PDU_P_DATA,
	PDU_RELEASE_RQ,
	PDU_RELEASE_RP,
	PDU_ABORT,
};

enum { PDV_COMMAND = 1, PDV_LAST = 2 }; /* PS3.8 annex E.2 */

enum dicom_pdu_kind {
	DICOM_PDU_MORE,     /* the input is used up */
	DICOM_PDU_BEGIN,    /* a head was read */
	DICOM_PDU_BODY,     /* body = whole body of a PDU that is not P-DATA */
	DICOM_PDU_PDV,      /* a PDV begins: length (of its fragment), context, flags */
	DICOM_PDU_FRAGMENT, /* body = the next piece of the PDV's fragment, at offset */
	DICOM_PDU_PDV_END,
	DICOM_PDU_END,  /* a PDU is over: type, offset and length of the whole */
	DICOM_PDU_NOTE, /* a deviation: anomaly, detail */
};

struct dicom_pdu_event {
	enum dicom_pdu_kind kind;
	uint8_t type;
	uint8_t context; /* of the PDV */
	uint8_t flags;   /* of the PDV */
	bool dropped;    /* with a note: the PDU was given up, no END follows */
	bool reserved;   /* with BEGIN: the reserved byte is not 00 */
	uint64_t offset; /* of the PDU, PDV or fragment in the stream */
	uint64_t length; /* of the body or fragment; bytes stepped over by a scan */
	struct bytes body;
	enum anomaly anomaly;
	const char *detail;
};

enum dicom_pdu_state {
	PDU_AT_HEAD,
	PDU_AT_KEPT,
	PDU_AT_PDV,
	PDU_AT_FRAGMENT,
	PDU_AT_SKIP,
	PDU_AT_SCAN,
};

/* Zero, with budget set, is a reader at the start of a stream. */
struct dicom_pdu {
	enum dicom_pdu_state state;
	uint8_t type, context, flags;
	uint8_t head_n;
	uint8_t head[20];
	uint32_t length;   /* of the PDU's body */
	uint32_t left;     /* of it */
	uint32_t pdv_left; /* of the PDV's fragment */
	uint64_t at;       /* stream offset of the next byte that comes in */
	uint64_t pdu_at, pdv_at, scan_at;
	struct buf kept;
};

struct dicom_pdu_event dicom_pdu_next(struct dicom_pdu *r, struct bytes *in);

/* `missing` bytes are not there. True: all of them were inside the fragment that is being read,
 * which goes on behind the hole. False: the border of PDVs is lost; after the PDU's end, where that
 * is known, else after a scan, PDUs go on. */
bool dicom_pdu_gap(struct dicom_pdu *r, uint64_t missing);

/* The stream ended inside a PDU. */
bool dicom_pdu_inside(const struct dicom_pdu *r);
void dicom_pdu_free(struct dicom_pdu *r);

/* Is this the start of a PDU that can be? MAYBE: more bytes are needed (20 always do).
 * A P-DATA has to hold one PDV that fills it, or to begin with the first element of a command set.
 */
enum probe dicom_pdu_plausible(struct bytes head);
const char *dicom_pdu_name(uint8_t type);
