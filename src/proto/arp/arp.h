/* SPDX-License-Identifier: Apache-2.0 */
/* ARP and IPv6 neighbour discovery: who says which MAC belongs to which address.
 * They are not carried by UDP or TCP: the owner of packets calls these.
 * Source: RFC 826, RFC 5227 (probes); RFC 4861 4 (neighbour discovery).
 * Input:  the bytes after the Ethernet header, or an ICMPv6 message; trailing padding is fine.
 * Output: EV_binding of source "arp" or "nd" on dir_orig, offset 0; deviations as anomalies.
 * Total:  any bytes; false where they are not of this protocol. */
#pragma once

#include "proto/observer.h"

/* BINDING_GRATUITOUS where the sender speaks of itself unasked. A probe (sender address zero)
 * ties nothing. Counts UNIT_arp_packets. */
bool arp_packet(struct observer *o, struct bytes body);

/* NS, NA and RA (types 135, 136, 134) from src; true for RS and redirect too. BINDING_ROUTER for
 * routers. Counts UNIT_nd_packets. Checksums are the caller's. */
bool nd_packet(struct observer *o, struct ip src, struct bytes icmpv6);
