/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/write.h"

enum { SNAPLEN = 262144 };

static void
put32(struct buf *out, uint32_t v)
{
	buf_add(out, bytes_of(&v, sizeof(v)));
}

void
pcap_write_head(struct buf *out, int linktype)
{
	static const uint16_t version[2] = {2, 4};

	put32(out, 0xa1b23c4d);
	buf_add(out, bytes_of(version, sizeof(version)));
	put32(out, 0);
	put32(out, 0);
	put32(out, SNAPLEN);
	put32(out, (uint32_t)linktype);
}

void
pcap_write_packet(struct buf *out, struct wall time, struct bytes bytes, uint32_t wire_len)
{
	const int64_t last = (int64_t)UINT32_MAX * NS_PER_S;

	if (time.ns < 0)
		time.ns = 0;
	if (time.ns > last)
		time.ns = last;
	put32(out, (uint32_t)(time.ns / NS_PER_S));
	put32(out, (uint32_t)(time.ns % NS_PER_S));
	put32(out, (uint32_t)bytes.len);
	put32(out, wire_len < bytes.len ? (uint32_t)bytes.len : wire_len);
	buf_add(out, bytes);
}
