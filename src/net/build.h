/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from plain values: Ethernet, tags, IPv4 or IPv6, TCP or UDP, with right lengths and
 * checksums. For tests, the demo and benchmarks; the reverse of packet_decode().
 * Output: appended to a buf; the buf's cap and cut rule. */
#pragma once

#include "base/addr.h"
#include "base/buf.h"

struct frame {
	struct mac src_mac, dst_mac;
	uint16_t vlan, vlan_outer; /* 0 = no tag; outer is 802.1ad and needs vlan */
	struct ip src, dst;        /* both of one family */
	uint8_t ttl;               /* 0: 64 */
	uint8_t transport;         /* IP_PROTO_TCP, IP_PROTO_UDP, or any with payload as it is */
	uint16_t src_port, dst_port;
	uint32_t seq, ack;
	uint8_t tcp_flags;
	uint16_t window;
	struct bytes tcp_options; /* padded to words with zeros */
	uint16_t ip_id;
	/* IPv4 only: the payload is a piece of a datagram at this byte offset. */
	bool fragment;
	bool fragment_more;
	uint16_t fragment_at;
	struct bytes payload;
};

/* Append one Ethernet frame. */
void frame_build(struct buf *out, const struct frame *f);
/* The same from the IP header on. */
void frame_build_ip(struct buf *out, const struct frame *f);

/* Append an ARP request (or answer) for IPv4 in an Ethernet frame. */
void frame_build_arp(struct buf *out, bool answer, struct mac sender, struct ip sender_ip,
    struct mac target, struct ip target_ip);

/* RFC 1071 over b, as it goes on the wire, where sum holds the words before b. */
uint16_t internet_checksum(uint32_t sum, struct bytes b);
