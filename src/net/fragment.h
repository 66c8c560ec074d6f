/* SPDX-License-Identifier: Apache-2.0 */
/* IP fragments to whole datagrams, both families.
 * Source: RFC 791 3.2, RFC 815, RFC 8200 4.5, RFC 5722 (overlaps are an attack).
 * Input:  packets of kind PACKET_FRAGMENT in capture order, with their time.
 * Output: the bytes that followed the IP headers, for packet_resume(); they live until the next
 *         call on the table.
 * Memory: all from the budget: at most `datagrams` at a time, each up to 64 KiB and a kilobyte.
 * Total:  first data wins; every fragment gets one result. Where a slot or memory is out the oldest
 *         datagram is given up and counted in `dropped`.
 * Limits: FRAGMENT_DATAGRAM_MAX bytes; an unfinished datagram is given up after timeout_ns.
 * Not checked: that two fragments agree in TTL or options. */
#pragma once

#include "base/budget.h"
#include "base/clock.h"
#include "base/sip.h"
#include "net/packet.h"

enum { FRAGMENT_DATAGRAM_MAX = 65535 };

struct fragment_settings {
	size_t datagrams;   /* unfinished at one time; 0: 1024 */
	int64_t timeout_ns; /* 0: 30 s */
	struct sip_key key;
	struct budget *budget; /* required */
};

enum fragment_result {
	FRAGMENT_HELD,
	FRAGMENT_WHOLE,  /* *whole is the datagram */
	FRAGMENT_BAD,    /* length or place cannot be: dropped */
	FRAGMENT_CUT,    /* the capture holds only a part of it: dropped */
	FRAGMENT_REFUSED /* no memory */
};

/* Bits of *notes. */
enum {
	FRAGMENT_REPEAT = 1,  /* brings bytes again that were there, and nothing differs */
	FRAGMENT_OVERLAP = 2, /* partly covers other fragments, bytes are the same */
	FRAGMENT_CONFLICT = 4 /* brings other bytes for a place that was filled */
};

struct fragment_table {
	struct fragment_settings set;
	struct datagram *pool;
	uint32_t *chain; /* heads of hash chains, indexes into pool */
	uint32_t oldest; /* by first fragment */
	uint32_t newest;
	uint32_t free;
	uint32_t done;        /* the one that was handed out last */
	size_t n;             /* unfinished datagrams */
	uint64_t fragments;   /* seen */
	uint64_t reassembled; /* datagrams */
	uint64_t timed_out;   /* datagrams */
	uint64_t dropped;     /* datagrams given up for want of room */
	uint64_t lost;        /* these, and those whose rest never came in time */
};

/* False: no memory. */
bool fragment_init(struct fragment_table *t, const struct fragment_settings *s) MUST_CHECK;

/* Add one. On FRAGMENT_WHOLE p->transport is that of the first fragment, as packet_resume() needs
 * it. notes gets its bits on every result. */
enum fragment_result fragment_add(struct fragment_table *t, struct packet *p, struct wall now,
    struct bytes *whole, unsigned *notes) MUST_CHECK;

void fragment_free(struct fragment_table *t);
