/* SPDX-License-Identifier: Apache-2.0 */
/* TCP segments of one connection to two streams of bytes.
 * Source: RFC 9293 3.4, 3.8, 3.10; RFC 5961 (which RST counts).
 * Input:  every segment of the connection in capture order: lost, repeated, cut, shuffled, forged.
 * Output: for each direction data() and gap() in order of offset without a hole between them, then
 *         end() once. A segment in order is handed on in place: the run lives during the call.
 *         offset = bytes from the first byte of the direction (the one after SYN; where no SYN was
 *         seen, the first byte held to be known when the direction's first bytes are told).
 * Memory: struct stream is the owner's; what waits and what may be sent again comes from the pool:
 *         chunks of 2 KiB for data behind a hole, 8 KiB for the last bytes told that the receiver
 *         has not acknowledged. All from the budget; an idle stream holds nothing.
 * Total:  any segments in any order. First data wins. Bytes that arrive again are held against
 *         what was told, as far as it is kept: equal ones are silent, others a conflict().
 * Order:  of the two directions: a segment that acknowledges bytes of the other direction was sent
 *         after they were received; it is told after them, FIN and end() likewise. Where they come
 *         late in the capture it is held.
 * Cost:   constant for a segment in order; at most side_bytes / 2 KiB steps for one that is not.
 * A hole is given up (gap() told) when
 *   - the receiver acknowledged past it and either reorder_ns went by without progress or 64 KiB
 *     wait behind it: the segment was sent, the capture lost it;
 *   - no acknowledgement was ever seen (one side captured) and side_bytes wait or timeout_ns went
 *     by without progress;
 *   - the direction ends.
 * Where acknowledgements are seen and do not cover the hole, nobody received the data behind it:
 * after timeout_ns it is dropped (a true sender sends it again), so that a forged segment cannot
 * move the stream. The cut part of a segment (snaplen) is a gap at once.
 * Waiting for the other direction ends when its bytes are told (data or gap), when it ends, when
 * 64 KiB wait, or after reorder_ns; ten times that while bytes that came wait behind its hole,
 * whose own end comes first. Then nothing waits for this hole until bytes from behind it came.
 * Nothing waits for a direction that sent no segment or whose start is not known, for more than
 * side_bytes, or in a segment that was cut. So a forged acknowledgement delays a little and moves
 * nothing. A direction without SYN starts at its first segment; that is held back until an
 * acknowledgement covers it, a third segment came, or reorder_ns went by, since the capture may
 * have mixed the order. Not checked: checksums, timestamps (PAWS), urgent data (told in line). */
#pragma once

#include "base/budget.h"
#include "base/clock.h"
#include "event/event.h"
#include "net/packet.h"

/* None of these may call a stream_ function except stream_mute() on the stream it is told about. */
struct stream_sink {
	void (*data)(void *ctx, enum name_value dir, struct bytes run, uint64_t offset);
	void (*gap)(void *ctx, enum name_value dir, uint64_t offset, uint64_t missing);
	void (*end)(void *ctx, enum name_value dir);
	/* Bytes came again and differ: between the first and the last that does. */
	void (*conflict)(void *ctx, enum name_value dir, uint64_t offset, uint64_t len);
};

struct stream_settings {
	const struct stream_sink *sink; /* required, every call set */
	struct budget *budget;          /* required */
	size_t side_bytes;              /* held behind holes, each direction; 0: 1 MiB */
	size_t recents;     /* most directions with unacknowledged bytes kept; 0: 4096 */
	int64_t reorder_ns; /* 0: 100 ms */
	int64_t timeout_ns; /* 0: 10 s */
};

struct stream_side {
	uint64_t offset; /* of the byte that is next */
	struct stream_hold *hold;
	struct stream_recent *recent;
	uint32_t next;  /* sequence number of that byte */
	uint32_t acked; /* by the other side */
	uint32_t fin;   /* sequence number of FIN */
	uint32_t flags; /* private */
};

struct stream {
	struct stream_side side[2]; /* dir_orig, dir_resp; all zero is a new connection */
};

struct stream_pool {
	struct stream_settings set;
	struct stream_hold *oldest, *newest; /* by time of last progress */
	struct stream_hold *free_hold;
	struct stream_chunk *free_chunk;
	struct stream_recent *free_recent;
	struct stream_recent **recents; /* every one there is */
	struct stream_hold *cursor;     /* of stream_sweep() */
	size_t n_recents, recent_hand;
	int64_t swept_ns;
	uint64_t gaps, gap_bytes;
	uint64_t conflicts;
	uint64_t reordered;     /* segments that came before their turn */
	uint64_t waited;        /* segments that came before bytes their sender had received */
	uint64_t dropped_bytes; /* that nobody acknowledged, or that met a cap */
	uint64_t recents_stolen;
	uint64_t evicted; /* holes given up early because memory was out */
};

void stream_pool_init(struct stream_pool *pool, const struct stream_settings *s);
/* After every stream was ended. */
void stream_pool_free(struct stream_pool *pool);

/* One segment (p->kind is PACKET_TCP) sent by side dir. ctx is given to the sink, and kept as long
 * as something waits: it must stay valid until stream_end(). */
void stream_packet(struct stream_pool *pool, struct stream *s, enum name_value dir,
    const struct packet *p, struct wall now, void *ctx);

/* The connection is over as far as anyone will know: tells what is left, ends both directions that
 * have not ended, gives all memory back. May be called again: then nothing happens. */
void stream_end(struct stream_pool *pool, struct stream *s, void *ctx);

/* Nothing more is told about this stream, its segments cost next to nothing. */
void stream_mute(struct stream_pool *pool, struct stream *s);

/* Give up holes whose time is over, in any stream of the pool (the sink gets that stream's ctx).
 * For every packet, so that the same capture gives the same calls. */
void stream_sweep(struct stream_pool *pool, struct wall now);

static inline void
stream_tick(struct stream_pool *pool, struct wall now)
{
	if (pool->oldest != NULL &&
	    (now.ns - pool->swept_ns >= pool->set.reorder_ns || now.ns < pool->swept_ns))
		stream_sweep(pool, now);
}

/* How well a sequence number fits what is known of a direction. */
enum stream_fit { STREAM_FIT_NOT, STREAM_FIT_WINDOW, STREAM_FIT_EXACT };
/* Of an RST: EXACT ends the connection, WINDOW may be a forged one. */
enum stream_fit stream_reset_fit(const struct stream *s, enum name_value dir, uint32_t seq);
/* Of a SYN: EXACT is the one that was seen, WINDOW is possible since nothing was told yet. */
enum stream_fit stream_syn_fit(const struct stream *s, enum name_value dir, uint32_t seq);

/* Exchange the two directions. False (nothing done) where something was told already. */
bool stream_turn(struct stream *s);

/* True when both directions were ended. */
bool stream_ended(const struct stream *s);
