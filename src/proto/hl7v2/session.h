/* SPDX-License-Identifier: Apache-2.0 */
/* Private to hl7v2: what a conversation remembers, and the message that is being read. */
#pragma once

#include "proto/hl7v2/scan.h"
#include "proto/mllp/mllp.h"
#include "proto/proto.h"

/* Named caps. Sources: no field of HL7 v2.9 has a number over 80, no standard segment but those
 * with OBX-5, NTE-3 or documents passes a few KiB; the largest messages seen in the field are LAW
 * results with images. */
enum {
	HL7_SEGMENT_BYTES_MAX = 64 * 1024,  /* of segments that hold no data of their own */
	HL7_REPETITIONS_MAX = 1000,         /* of one field, OBX-5 apart */
	HL7_COMPONENTS_MAX = 1000,          /* of one repetition, OBX-5 apart */
	HL7_SEGMENTS_MAX = 100 * 1000,      /* of one message */
	HL7_RESULTS_BYTES_MAX = 200 * 1024, /* of the encoded results of one message */
	HL7_ANOMALIES_MAX = 32,             /* names told for one message */
};

enum { SIDE_RECENT = 8, SIDE_OLDER_WORDS = 2, SESSION_CLAIMS = 12 };

/* One direction. */
struct side {
	struct mllp framer;
	uint32_t recent[SIDE_RECENT];        /* hashes of the last control ids sent, 0 = none */
	uint16_t print[SIDE_RECENT];         /* of what those messages held; 0 = not known */
	uint32_t answered;                   /* two bits a slot: 1 commit, 2 application */
	uint32_t head;                       /* hash of MSH-3 and MSH-4 of the message before */
	uint64_t older[2][SIDE_OLDER_WORDS]; /* Bloom filters of what fell out of recent[] */
	uint8_t next;                        /* slot of recent[] */
	uint8_t older_n;                     /* ids in older[0] */
	uint8_t loss;           /* messages to come before what is missing cannot matter */
	bool started;           /* a message was seen */
	bool in_batch, in_file; /* BHS, FHS without their end yet */
	bool count_lost;        /* a message of the batch may have been lost */
	uint32_t batch_messages, file_batches;
};

struct session;

/* Who looks on (decode): called for each run of segments with one message or none in it. */
struct message;
struct hl7_tap {
	void *ctx;
	void (*piece)(void *ctx, struct bytes text, uint64_t offset, const struct message *m);
	void (*commit)(void *ctx, uint64_t offset, uint64_t size, bool stored);
};

struct session {
	struct observer *o;
	const struct hl7_tap *tap; /* NULL but in decode */
	bool commits;              /* a commit block was seen: release 2 */
	uint8_t claim_next;
	uint32_t claims[SESSION_CLAIMS]; /* hashes of claims made */
	struct side side[2];
};

struct noted {
	enum anomaly name;
	uint32_t count;
	uint64_t offset;
};

/* One message while its segments go by. Views are into the body. */
struct message {
	bool open, has_msa, cut;
	bool from_device; /* by its type, what an analyzer sends */
	bool law;         /* an analyzer speaks for itself (IHE LAW) */
	bool corrected;   /* OBR-25 C */
	struct hl7_delims d;
	size_t start, content, end; /* in the body: MSH, the segment behind it, the end */
	struct ev_message ev;
	struct bytes code, control, ack_of;    /* MSH-9.1, MSH-10, MSA-2 */
	struct bytes application;              /* MSH-3.1 */
	struct bytes charset;                  /* MSH-18 */
	struct bytes device;                   /* OBX-18 of the last OBX that had one */
	struct bytes patient;                  /* PID-3.1, ... */
	struct bytes orc_order;                /* of the last ORC */
	struct bytes order, service, observed; /* of the order group */
	bool filler;                           /* order is a filler's number */
	struct bytes specimen, first_order, first_specimen, first_filler;
	uint32_t n_segments;
	unsigned n_noted;
	struct noted noted[HL7_ANOMALIES_MAX];
	char type[64], sender[96], receiver[96];
};

/* A body while it is read. */
struct reading {
	struct session *s;
	struct side *side;
	enum name_value dir;
	const char *carrier;
	struct bytes body;
	uint64_t offset; /* of the body in the stream */
	bool cut;
	struct hl7_scan scan;
	struct buf results;
	size_t n_messages;
	struct message m;
};

/* All messages of a body that a framer told. */
void hl7_read_body(struct session *s, enum name_value dir, const char *carrier, struct bytes body,
    uint64_t offset, bool cut);
/* The stream ended: envelopes that were left open. */
void hl7_read_end(struct session *s, enum name_value dir, uint64_t offset);

/* Count a deviation of the open message (told with it), at a place of the body. */
void hl7_note(struct reading *r, enum anomaly name, const uint8_t *at);
/* Place of a byte of the body in the stream. */
static inline uint64_t
hl7_offset(const struct reading *r, const uint8_t *at)
{
	return r->offset + (uint64_t)(at - r->body.ptr);
}

/* Say it once a session. value: what is left after trimming. */
enum { BEHIND_NO, BEHIND_YES };
void hl7_claim(struct reading *r, enum name_value attr, struct bytes value, const char *source,
    unsigned confidence, int behind);
/* Claims that each kind of segment makes. */
void hl7_claim_msh(struct reading *r, const struct hl7_segment *g);
void hl7_claim_segment(struct reading *r, const struct hl7_segment *g, uint32_t name);
/* A claim of OBX: MDC device attributes. True where the OBX is one. */
bool hl7_claim_obx(struct reading *r, const struct hl7_segment *g);

/* Deviations: of MSH-1 and MSH-2; of one segment over 1,000 bytes; of the text of a message. */
void hl7_check_delimiters(struct reading *r, const struct hl7_segment *g);
void hl7_check_caps(struct reading *r, const struct hl7_segment *g, uint32_t name);
void hl7_check_text(struct reading *r, struct bytes text);

/* OBX: a result, an attachment, or neither. */
void hl7_obx(struct reading *r, const struct hl7_segment *g);

/* Control ids of both directions: sets MESSAGE_REPEAT and MESSAGE_UNPAIRED in the open message.
 * content: its segments behind MSH. */
void hl7_pair(struct reading *r, struct bytes content);
/* Messages of this side may be missing: answers to them mean nothing. */
void hl7_pair_lost(struct session *s, enum name_value dir);

/* Field n of a segment that is not MSH, FHS or BHS; of those, hl7_head_field(). */
static inline struct bytes
hl7_field(const struct hl7_segment *g, unsigned n)
{
	return hl7_token(g, n);
}

static inline struct bytes
hl7_head_field(const struct hl7_segment *g, unsigned n)
{
	return hl7_token(g, n - 1);
}
