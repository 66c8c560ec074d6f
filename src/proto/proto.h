/* SPDX-License-Identifier: Apache-2.0 */
/* The one interface of every protocol: recognise, read, decode.
 * A protocol is a row in protocols.def and a `const struct protocol` in its folder; nothing else
 * needs to know it.
 *
 * Streams (TCP, serial): the owner puts bytes in order and calls data() for each run as it comes,
 *   in place where that can be; a run is never empty, may be cut anywhere, and its bytes live only
 *   during the call. offset = bytes of that direction before the run, holes included. A hole is
 *   told by gap() before the run that follows it. end() tells that a direction is over (FIN, RST,
 *   time-out); both directions end before close().
 * Datagrams (UDP): datagram() gets each payload whole; there is no session.
 *
 * Total:  any bytes in any cut give the same observations as the whole; no call fails. Work is
 *         linear in the bytes given. What cannot be kept (budget) is dropped with an anomaly.
 * Memory: session and buffers from observer->budget; close() gives all of it back. */
#pragma once

#include "proto/observer.h"

enum probe {
	PROBE_NO,    /* these bytes are not mine */
	PROBE_MAYBE, /* not enough bytes yet */
	PROBE_YES,
};

enum { PROBE_BYTES_MAX = 512 }; /* a protocol must have decided by then */

struct probe_view {
	struct bytes head[2]; /* first bytes of each direction (dir_orig, dir_resp), may be empty */
	uint16_t port[2];     /* a hint only, never the reason for a yes */
	bool ended;           /* no more bytes will come */
};

/* One object a line, given without a line end; the view lives during the call. */
struct line_sink {
	void *ctx;
	void (*line)(void *ctx, struct bytes json);
};

struct protocol {
	enum proto id;
	const char *name; /* as for `decode --proto` */
	/* Streams; all NULL for a protocol of datagrams only. */
	enum probe (*probe)(const struct probe_view *v);
	void *(*open)(struct observer *o); /* NULL: no memory; o lives as long as the session */
	void (*data)(void *session, enum name_value dir, struct bytes run, uint64_t offset);
	void (*gap)(void *session, enum name_value dir, uint64_t offset, uint64_t missing);
	void (*end)(void *session, enum name_value dir);
	void (*close)(void *session);
	/* What a session turned out to carry (http -> fhir); NULL: id is right. */
	enum proto (*carries)(const void *session);
	/* Datagrams; NULL for a protocol of streams only. src, dst: of the packet. True where the
	 * payload was this protocol's. */
	bool (*datagram)(struct observer *o, enum name_value dir, struct bytes payload,
	    const struct probe_view *v);
	/* For people and tests: a stream of one side, or bare messages, to one JSON object a unit,
	 * with "offset", "length", and "anomalies" [{name, offset}]. Shows content: the caller has
	 * asked for it. NULL: `decode` does not offer this protocol. */
	void (*decode)(struct bytes file, const struct line_sink *out);
};

/* All protocols in the order in which they are probed; ends with NULL. */
extern const struct protocol *const protocols[];

/* By name ("hl7"); NULL where there is none. */
const struct protocol *protocol_named(struct bytes name);
