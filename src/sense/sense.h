/* SPDX-License-Identifier: Apache-2.0 */
/* Packets in, events out: the whole of what one sensor does, without any system call.
 *   frame -> packet -> (fragments) -> flow -> streams -> the protocol that its bytes are -> events
 * Input:  frames in capture order, in batches; their bytes live during the call.
 * Output: encoded events to a function, in batches; the same capture gives the same bytes of
 * events. Memory: all that outside bytes can make us hold comes from one budget
 * (sense_settings.memory). When a table is full, the oldest gives way and that is counted; nothing
 * is invented. Total:  any frames. */
#pragma once

#include "event/event.h"

struct sense;

struct sense_settings {
	struct sip_key key; /* for identifiers, links, hash tables */
	uint64_t source;    /* number of the capture, for every event's head */
	unsigned sensor;    /* takes the flows whose hash falls to it ... */
	unsigned sensors;   /* ... among so many; 0 or 1: all */
	size_t max_flows;   /* 0: SENSE_FLOWS */
	size_t memory;      /* bytes; 0: SENSE_MEMORY */
	/* Encoded events, one after another; the view lives during the call. */
	void (*events)(void *ctx, struct bytes records);
	void *ctx;
	/* May be NULL: names for flows that no parser takes, by their first IP packets. */
	const struct sense_naming *naming;
};

/* The impure part, given by the role: see naming/naming.h. */
struct sense_naming {
	void *ctx;
	void *(*open)(void *ctx);
	/* True: over; label holds the word or is empty. */
	bool (*packet)(void *ctx, void *flow, struct bytes ip, struct wall time, char label[32]);
	void (*close)(void *ctx, void *flow);
};

enum { SENSE_FLOWS = 131072, SENSE_BATCH_MAX = 64 };
#define SENSE_MEMORY ((size_t)192 << 20)

struct sense_frame {
	struct bytes bytes;
	uint32_t wire_len;
	int linktype;
	int vlan_tci; /* taken out by the kernel; -1: none */
	struct wall time;
	uint64_t number; /* of the packet in its capture, from 1 */
};

struct sense_counters {
	uint64_t packets;
	uint64_t bytes; /* on the wire */
	uint64_t flows;
	uint64_t live_flows;
	uint64_t memory_high;
	uint64_t units[UNIT_COUNT];
};

/* A conversation that is in order already (the gateway's): bytes come in runs, without packets. */
struct sense_ends {
	struct ip ip[2]; /* by dir: dir_orig who connected, dir_resp who was called */
	uint16_t port[2];
	bool behind[2];    /* that address is a gateway: what is said is about a device behind it */
	bool is_protected; /* part of the way is under TLS */
};

struct sense_stream;

struct sense *sense_new(const struct sense_settings *s); /* NULL: no memory */
void sense_frames(
    struct sense *s, const struct sense_frame *frames, size_t n); /* <= SENSE_BATCH_MAX */
/* Nothing came, and it is now so late: end what is over, give out what waits. */
void sense_idle(struct sense *s, struct wall now);
/* End every flow: what was held is told. */
void sense_end(struct sense *s);
void sense_count(const struct sense *s, struct sense_counters *out);
void sense_free(struct sense *s);

/* NULL: no memory. Ends with sense_close(). */
struct sense_stream *sense_open(struct sense *s, const struct sense_ends *ends, struct wall now);
void sense_data(struct sense *s, struct sense_stream *t, enum name_value dir, struct bytes run,
    struct wall now);
void sense_shut(struct sense *s, struct sense_stream *t, enum name_value dir, struct wall now);
/* state: state_closed, state_reset, state_rejected, ... as the flow's event tells it. */
void sense_close(struct sense *s, struct sense_stream *t, enum name_value state, struct wall now);
/* What t turned out to carry, and its link; 0 while not known. */
enum proto sense_proto(const struct sense_stream *t);
uint64_t sense_link(const struct sense_stream *t);
uint64_t sense_flow(const struct sense_stream *t);
/* An event of the owner's, among the others. */
void sense_tell(
    struct sense *s, enum event_kind kind, const struct event_head *head, const void *fields);
