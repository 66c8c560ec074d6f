/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of a network interface through a ring shared with the kernel.
 * Source: packet(7), Documentation/networking/packet_mmap.rst (TPACKET_V3), Linux 4.20 or later.
 * Two steps, since two processes do them: live_open() needs CAP_NET_RAW and is the parent's; the
 *         descriptor goes to the sensor, where live_map() needs no privilege. Both take the same
 *         settings. From live_open() on the kernel fills the ring.
 * Output: capture.h; a batch never spans blocks of the ring. A VLAN tag that the card or kernel
 *         took out is in vlan_tci. Time is the kernel's.
 * Memory: ring_bytes, locked by the kernel; when the ring is full packets are dropped and counted.
 * Several sensors: each has its own descriptor with the same fanout_group; the kernel gives all
 *         packets of a flow, both directions, to one of them. It then puts IP fragments together
 *         itself, so overlaps of fragments are not seen. */
#pragma once

#include "capture/capture.h"

enum { LIVE_RING_BYTES_DEFAULT = 32 << 20, LIVE_BLOCK_BYTES = 1 << 20, LIVE_RETIRE_MS = 40 };

struct live_settings {
	const char *interface;
	size_t ring_bytes;     /* rounded down to whole blocks, 2 at least; 0: the default */
	uint16_t fanout_group; /* 0: the only sensor */
	bool promiscuous;
	const char *filter; /* as tcpdump takes it; NULL or "": everything */
};

/* ERR_ABSENT: no such interface. ERR_USAGE: the filter does not compile. ERR_REFUSED: a kind of
 * link that is not read. ERR_SYSTEM: the kernel said no (privilege, memory). *fd is -1 then. */
MUST_CHECK enum err live_open(const struct live_settings *s, int *fd, struct why *why);

/* The descriptor stays the caller's, and open as long as the capture is. */
MUST_CHECK enum err live_map(
    int fd, const struct live_settings *s, struct capture **c, struct why *why);
