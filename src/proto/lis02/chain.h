/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of one direction to LIS02 messages: frames put together, repeats and refused
 * frames taken out, records found, in frames or bare.
 * Source:  LIS01-A2 6.3 to 6.5, LIS02-A2 5.
 * Input:   bytes in stream order without telnet, cut anywhere; holes told by chain_gap(); what the
 *          other side answers told by chain_accepted() and chain_refused().
 * Output:  calls on the sink, in stream order; views live during the call.
 * A message starts at an H record and ends behind its L record, at the next H, at EOT, ENQ or the
 *          end of the direction. A record may span frames; a record that its frame does not end
 *          with CR goes on in the next frame unless ETX closed the frame and the next one begins
 *          like a record.
 * Doubt:   a frame with a wrong checksum or number is held until its fate shows: ACK, the frame
 *          after it or EOT keep it, NAK or the same frame again drop it. So a capture of one side
 *          gives the data too.
 * Memory:  one message: CHAIN_TEXT_MAX bytes and CHAIN_SEGMENTS_MAX marks, from the budget.
 * Total:   any bytes; over a cap the message is told with LIS02_CUT, the open frame is dropped. */
#pragma once

#include "event/event.h"
#include "proto/lis01/lis01.h"
#include "proto/lis02/lis02.h"

enum {
	CHAIN_TEXT_MAX = 4 << 20,   /* bytes of a message; the largest seen is 32 kB (Yumizen) */
	CHAIN_SEGMENTS_MAX = 65536, /* frames or pieces of a message */
	CHAIN_VENDOR_MAX = 16384,   /* bytes kept of a block of another protocol */
};

/* From position `pos` of the text on, bytes stand at `offset` and on in the stream. */
struct chain_segment {
	uint64_t offset;
	size_t pos;
};

struct lis02_message {
	struct bytes text; /* records, each ended by CR but perhaps the last */
	uint64_t offset;   /* of the first record in the stream */
	size_t records;    /* lines that are records */
	bool framed;       /* came in LIS01 frames */
	bool cut;          /* bytes are missing, or no L record closed it */
	bool headless;     /* no H record began it */
	uint8_t delim;     /* field delimiter where no H record tells it */
	size_t base;       /* position of text in the segments' count */
	const struct chain_segment *segments;
	size_t n_segments;
};

/* Stream offset of a byte of m->text. */
uint64_t lis02_message_offset(const struct lis02_message *m, size_t pos);

struct chain_sink {
	void *ctx;
	void (*control)(void *ctx, uint8_t byte, uint64_t offset); /* ENQ, ACK, NAK, EOT */
	void (*frame)(void *ctx, const struct lis01_frame *f);
	void (*tail)(void *ctx); /* all that belongs to the last frame is known; may be NULL */
	void (*record)(void *ctx, uint64_t offset);
	void (*message)(void *ctx, const struct lis02_message *m);
	/* STX text ETX of another protocol; text without both, cut at CHAIN_VENDOR_MAX. */
	void (*vendor)(void *ctx, struct bytes text, uint64_t offset, uint64_t size);
	void (*anomaly)(void *ctx, enum anomaly name, uint64_t offset);
};

struct chain {
	struct lis01 link;
	const struct chain_sink *sink;
	struct buf text;     /* [start, done) read, [done, mark) in doubt, [mark, len) open frame */
	struct buf segments; /* of struct chain_segment */
	size_t start;        /* of the open message */
	size_t record;       /* start of the record that is being put together */
	size_t done;
	size_t mark;
	size_t records;   /* in the open message */
	uint64_t unit;    /* offset of the open frame or line */
	uint64_t noise;   /* offset of the open noise */
	uint8_t delim;    /* field delimiter of the last H record */
	uint8_t last;     /* ETX or ETB of the last frame that was read; 0 none */
	uint8_t doubtful; /* ETX or ETB of the frame in doubt; 0: none is */
	uint8_t loose;    /* state of the bytes outside frames */
	uint8_t pre[2];   /* first bytes of a line, not yet judged */
	uint64_t pre_offset[2];
	size_t n_pre;
	bool session;    /* between ENQ (or a first frame) and EOT */
	bool any_frame;  /* a frame came since ENQ */
	bool ever_frame; /* a frame came on this direction */
	bool framed;     /* the open message has text from frames */
	bool cut;        /* the open message lacks bytes */
	bool headed;     /* the open message began with H */
	bool skip;       /* the rest of the open frame or line is dropped */
	bool in_noise;
	bool after_cr;
	struct buf vendor;
	uint64_t vendor_size;
};

void chain_init(struct chain *c, const struct chain_sink *sink, struct budget *budget);
void chain_data(struct chain *c, struct bytes run, uint64_t offset);
/* The other side said ACK, or NAK. */
void chain_accepted(struct chain *c);
void chain_refused(struct chain *c);
void chain_gap(struct chain *c, uint64_t offset);
void chain_end(struct chain *c);
void chain_free(struct chain *c);
