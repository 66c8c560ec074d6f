/* SPDX-License-Identifier: Apache-2.0 */
#include "net/build.h"

#include "net/packet.h"

static void
be16(struct buf *out, uint16_t v)
{
	buf_byte(out, (uint8_t)(v >> 8));
	buf_byte(out, (uint8_t)v);
}

static void
be32(struct buf *out, uint32_t v)
{
	be16(out, (uint16_t)(v >> 16));
	be16(out, (uint16_t)v);
}

static uint32_t
sum_words(uint32_t sum, struct bytes b)
{
	uint64_t s = sum;

	for (size_t i = 0; i + 1 < b.len; i += 2)
		s += (uint32_t)b.ptr[i] << 8 | b.ptr[i + 1];
	if (b.len % 2 != 0)
		s += (uint32_t)b.ptr[b.len - 1] << 8;
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return (uint32_t)s;
}

uint16_t
internet_checksum(uint32_t sum, struct bytes b)
{
	return (uint16_t)~sum_words(sum, b);
}

static void
put16(struct buf *out, size_t at, uint16_t v)
{
	if (out->cut || at + 2 > out->len)
		return;
	out->ptr[at] = (uint8_t)(v >> 8);
	out->ptr[at + 1] = (uint8_t)v;
}

static size_t
transport_head(const struct frame *f)
{
	if (f->fragment)
		return 0;
	switch (f->transport) {
	case IP_PROTO_TCP:
		return 20 + (f->tcp_options.len + 3) / 4 * 4;
	case IP_PROTO_UDP:
		return 8;
	default:
		return 0;
	}
}

static void
build_transport(struct buf *out, const struct frame *f, uint32_t pseudo)
{
	size_t at = out->len, head = transport_head(f);
	size_t sum_at = at + (f->transport == IP_PROTO_TCP ? 16 : 6);
	uint16_t sum;

	if (head == 0) {
		buf_add(out, f->payload);
		return;
	}
	be16(out, f->src_port);
	be16(out, f->dst_port);
	if (f->transport == IP_PROTO_TCP) {
		be32(out, f->seq);
		be32(out, f->ack);
		buf_byte(out, (uint8_t)(head / 4 << 4));
		buf_byte(out, f->tcp_flags);
		be16(out, f->window);
		be32(out, 0);
		buf_add(out, f->tcp_options);
		while (!out->cut && out->len - at < head)
			buf_byte(out, 0);
	} else {
		be16(out, (uint16_t)(8 + f->payload.len));
		be16(out, 0);
	}
	buf_add(out, f->payload);
	if (out->cut)
		return;
	sum = internet_checksum(pseudo, bytes_of(out->ptr + at, out->len - at));
	put16(out, sum_at, sum == 0 && f->transport == IP_PROTO_UDP ? 0xffff : sum);
}

static void
build_ipv4(struct buf *out, const struct frame *f)
{
	size_t at = out->len, len = transport_head(f) + f->payload.len;
	uint32_t pseudo = f->transport + (uint32_t)len;

	buf_byte(out, 0x45);
	buf_byte(out, 0);
	be16(out, (uint16_t)(20 + len));
	be16(out, f->ip_id);
	be16(out, (uint16_t)((f->fragment_more ? 0x2000 : 0) | f->fragment_at / 8));
	buf_byte(out, f->ttl == 0 ? 64 : f->ttl);
	buf_byte(out, f->transport);
	be16(out, 0);
	buf_add(out, bytes_of(f->src.b + 12, 4));
	buf_add(out, bytes_of(f->dst.b + 12, 4));
	if (out->cut)
		return;
	put16(out, at + 10, internet_checksum(0, bytes_of(out->ptr + at, 20)));
	pseudo = sum_words(pseudo, bytes_of(f->src.b + 12, 4));
	build_transport(out, f, sum_words(pseudo, bytes_of(f->dst.b + 12, 4)));
}

static void
build_ipv6(struct buf *out, const struct frame *f)
{
	size_t len = transport_head(f) + f->payload.len;
	uint32_t pseudo = f->transport + (uint32_t)len;

	be32(out, 0x60000000);
	be16(out, (uint16_t)len);
	buf_byte(out, f->transport);
	buf_byte(out, f->ttl == 0 ? 64 : f->ttl);
	buf_add(out, bytes_of(f->src.b, 16));
	buf_add(out, bytes_of(f->dst.b, 16));
	pseudo = sum_words(pseudo, bytes_of(f->src.b, 16));
	build_transport(out, f, sum_words(pseudo, bytes_of(f->dst.b, 16)));
}

void
frame_build_ip(struct buf *out, const struct frame *f)
{
	if (ip_is_v4(f->src))
		build_ipv4(out, f);
	else
		build_ipv6(out, f);
}

void
frame_build(struct buf *out, const struct frame *f)
{
	buf_add(out, bytes_of(f->dst_mac.b, 6));
	buf_add(out, bytes_of(f->src_mac.b, 6));
	if (f->vlan_outer != 0) {
		be16(out, 0x88a8);
		be16(out, f->vlan_outer);
	}
	if (f->vlan != 0) {
		be16(out, 0x8100);
		be16(out, f->vlan);
	}
	be16(out, ip_is_v4(f->src) ? 0x0800 : 0x86dd);
	frame_build_ip(out, f);
}

void
frame_build_arp(struct buf *out, bool answer, struct mac sender, struct ip sender_ip,
    struct mac target, struct ip target_ip)
{
	static const struct mac everyone = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	buf_add(out, bytes_of(answer ? target.b : everyone.b, 6));
	buf_add(out, bytes_of(sender.b, 6));
	be16(out, 0x0806);
	be16(out, 1);
	be16(out, 0x0800);
	be16(out, 0x0604);
	be16(out, answer ? 2 : 1);
	buf_add(out, bytes_of(sender.b, 6));
	buf_add(out, bytes_of(sender_ip.b + 12, 4));
	buf_add(out, bytes_of(target.b, 6));
	buf_add(out, bytes_of(target_ip.b + 12, 4));
}
