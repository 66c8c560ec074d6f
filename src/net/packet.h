/* SPDX-License-Identifier: Apache-2.0 */
/* One captured frame to one struct packet: the innermost IP packet in it, whatever carries it.
 * Source: IEEE 802.3, 802.1Q, 802.1ad, 802.11; RFC 791, 8200, 9293, 768, 792, 4443, 826, 1661,
 *         2516, 3032, 2784, 2637, 7348, 8926, 2003, 4213, 3378; 3GPP TS 29.281 (GTP-U); ERSPAN
 * draft foschiano-erspan-03; LINKTYPE_ values of the tcpdump group. Input:  any bytes. Lengths in
 * headers are claims; each is held against what was captured. Output: plain values and views into
 * the frame: they live as long as the frame's bytes. Memory: none. Total:  every input gives a
 * packet; what did not hold together has a name in `fault`, and `kind` says how far the reading
 * got. What was read before a fault stays valid. Cost:   linear in headers, never in payload.
 * Limits: PACKET_LAYERS_MAX headers a frame, IPv6 extension headers included.
 * Not checked: checksums (senders' offload leaves them wrong in captures of their own host). */
#pragma once

#include "base/addr.h"
#include "base/bytes.h"

/* https://www.tcpdump.org/linktypes.html */
enum linktype {
	LINKTYPE_NULL = 0,
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_PPP = 9,
	LINKTYPE_RAW_BSD = 12,
	LINKTYPE_RAW_OPENBSD = 14,
	LINKTYPE_PPP_HDLC = 50,
	LINKTYPE_PPP_ETHER = 51,
	LINKTYPE_RAW = 101,
	LINKTYPE_C_HDLC = 104,
	LINKTYPE_80211 = 105,
	LINKTYPE_LOOP = 108,
	LINKTYPE_SLL = 113,
	LINKTYPE_80211_RADIOTAP = 127,
	LINKTYPE_PPP_DIR = 166,
	LINKTYPE_MPLS = 219,
	LINKTYPE_IPV4 = 228,
	LINKTYPE_IPV6 = 229,
	LINKTYPE_SLL2 = 276,
};

enum packet_kind {
	PACKET_OTHER,    /* no IP and no ARP in it; ether_type where the frame has one */
	PACKET_ARP,      /* payload = the ARP body, from the hardware type on */
	PACKET_FRAGMENT, /* payload = this fragment's bytes after the IP headers */
	PACKET_IP,       /* a transport that is not read here; payload = after the IP headers */
	PACKET_TCP,      /* payload = stream bytes */
	PACKET_UDP,      /* payload = the datagram */
	PACKET_ICMP,     /* ICMP or ICMPv6; payload = after type, code, checksum */
};

enum packet_fault {
	PACKET_FINE,
	PACKET_LINK_UNKNOWN, /* a link type that is not read here */
	PACKET_CUT,          /* the capture holds less than the IP header says was sent */
	PACKET_LINK_SHORT,   /* the frame ends inside a link or tunnel header */
	PACKET_IP_SHORT,     /* ... inside an IP header or extension header */
	PACKET_IP_VERSION,   /* neither 4 nor 6 where IP was announced */
	PACKET_IP_LENGTH,    /* header or total length smaller than the header itself */
	PACKET_TCP_SHORT,    /* IP's payload (or the capture) ends inside the TCP header */
	PACKET_TCP_OFFSET,   /* data offset below 5 words or past the segment */
	PACKET_TCP_OPTION,   /* an option's length does not fit the header (SYN only) */
	PACKET_UDP_SHORT,
	PACKET_UDP_LENGTH, /* UDP length below 8 or past IP's payload; IP's length was used */
	PACKET_ICMP_SHORT,
	PACKET_TOO_DEEP, /* more than PACKET_LAYERS_MAX headers */
	PACKET_FAULTS
};

/* What carried the packet, besides the link; the innermost is told. */
enum packet_tunnel {
	TUNNEL_NONE,
	TUNNEL_IPIP, /* IPv4 or IPv6 in either */
	TUNNEL_GRE,
	TUNNEL_ERSPAN,
	TUNNEL_VXLAN,
	TUNNEL_GENEVE,
	TUNNEL_GTPU,
	TUNNEL_PPPOE,
	TUNNEL_MPLS,
	TUNNEL_ETHERIP,
};

enum { PACKET_LAYERS_MAX = 24, TCP_OPTIONS_MAX = 16 };

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

/* IP protocol numbers that matter to the rooms above. */
enum { IP_PROTO_ICMP = 1, IP_PROTO_TCP = 6, IP_PROTO_UDP = 17, IP_PROTO_ICMP6 = 58 };

struct packet {
	struct bytes payload;   /* captured bytes, by kind */
	const uint8_t *ip_head; /* the innermost IP header in the frame, payload behind it in one
				   run; NULL: none, or the payload was reassembled */
	uint32_t payload_wire;  /* bytes of it that were sent: payload.len or more */
	uint8_t kind;           /* enum packet_kind */
	uint8_t fault;          /* enum packet_fault: the first met */
	uint8_t tunnel;         /* enum packet_tunnel */
	uint8_t n_tunnels;
	struct ip src, dst;
	uint16_t src_port, dst_port;
	uint16_t vlan;       /* of the innermost tag; 0 = none */
	uint16_t vlan_outer; /* of the first tag of the frame; equals vlan where there is one tag */
	uint8_t ip_version;  /* 4, 6, or 0 where no IP header was read */
	uint8_t transport;   /* IP protocol number */
	uint8_t ttl;         /* or hop limit */
	uint8_t tcp_flags;
	uint32_t seq, ack;
	uint16_t window;
	uint16_t ether_type;
	struct mac src_mac, dst_mac; /* innermost that there are; zero where the link has none */
	uint8_t icmp_type, icmp_code;
	/* Of a segment with SYN: */
	uint8_t n_options;
	uint8_t window_scale; /* 0xff: none */
	uint16_t mss;         /* 0: none */
	/* Of a fragment: */
	uint16_t fragment_at; /* byte offset in the datagram */
	bool fragment_more;
	uint32_t fragment_id;
	/* Kinds of the TCP options of a SYN in their order, four bits each from the lowest; a kind
	 * of 15 or more is 15. A hint at the sender's operating system. */
	uint64_t options;
};

/* Read one frame of that link type. */
void packet_decode(struct bytes frame, int linktype, struct packet *out);

/* Go on after reassembly: `datagram` is the whole of what followed the IP headers of p, which is a
 * PACKET_FRAGMENT; p becomes what packet_decode() would have made of the unfragmented packet. */
void packet_resume(struct packet *p, struct bytes datagram);

/* A tag that the capturing kernel took out of the frame (the tag control information, 16 bits):
 * it is the frame's first tag. */
void packet_tagged(struct packet *p, uint16_t tci);

bool packet_link_known(int linktype);
const char *packet_fault_name(enum packet_fault f);
const char *packet_tunnel_name(enum packet_tunnel t);
