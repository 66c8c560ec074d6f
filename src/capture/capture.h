/* SPDX-License-Identifier: Apache-2.0 */
/* Packets with a time, from a file (capture/file.h) or an interface (capture/live.h), in batches.
 * Output: views into the source's own buffer: they live until the next call on the same capture.
 * Use:    in one role; not to be shared. */
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"

enum { CAPTURE_BATCH = 64 }; /* a good size for the array given to capture_next_batch() */

struct capture_packet {
	struct bytes bytes; /* what was captured */
	uint32_t wire_len;  /* what was on the wire: bytes.len or more, where the source tells */
	int linktype;       /* LINKTYPE_ value (net/packet.h) */
	struct wall time;
	uint64_t index;     /* from 1, in the order of the capture */
	uint32_t interface; /* of a pcapng section, from 0; of a live capture always 0 */
	uint16_t vlan_tci;  /* a tag that the kernel took out: packet_tagged(); 0 = none */
};

struct capture_counters {
	uint64_t packets; /* given out */
	uint64_t bytes;   /* captured bytes of them */
	uint64_t dropped; /* by the kernel, for want of room */
	uint64_t frozen;  /* times the kernel's ring was full */
};

struct capture;

/* The next packets, at most `max`. *n is 0 with ERR_OK where there is nothing more now: at the end
 * of a file, or in a live capture until more comes.
 * ERR_INPUT, ERR_LIMIT: the file does not hold together from here on; all before it was given.
 * ERR_SYSTEM: reading failed, or the interface is gone (ERR_ABSENT: it is down and may come back).
 */
MUST_CHECK enum err capture_next_batch(
    struct capture *c, struct capture_packet *out, size_t max, size_t *n, struct why *why);

/* Nothing will ever come again (the end of a file, after an error too). */
bool capture_ended(const struct capture *c);
/* To wait on for reading in an event loop. */
int capture_fd(const struct capture *c);
struct capture_counters capture_counters(struct capture *c);
/* Takes NULL. The descriptor stays open: it is its opener's. */
void capture_close(struct capture *c);
