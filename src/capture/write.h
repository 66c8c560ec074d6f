/* SPDX-License-Identifier: Apache-2.0 */
/* A pcap file (nanoseconds, our byte order) written into a buf: for evidence, demo, tests.
 * Source: draft-ietf-opsawg-pcap. Total: the buf's cap and cut rule. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"

void pcap_write_head(struct buf *out, int linktype);
/* wire_len below bytes.len is taken as bytes.len. Times before 1970 or after 2106 are cut to it. */
void pcap_write_packet(struct buf *out, struct wall time, struct bytes bytes, uint32_t wire_len);
