/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/live.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/private.h"
#include "net/packet.h"

enum { FRAME_BYTES = 2048, SNAPLEN = 262144 };

struct live {
	struct capture base;
	uint8_t *ring;
	size_t n_blocks;
	size_t block;  /* the one that is read, or is next */
	bool open;     /* it is ours */
	uint32_t left; /* packets of it not given out */
	const uint8_t *at;
	uint64_t n;
	int linktype;
	bool loopback; /* every packet shows twice: out and in */
	char interface[IFNAMSIZ];
};

static size_t
blocks_of(const struct live_settings *s)
{
	size_t n =
	    (s->ring_bytes == 0 ? LIVE_RING_BYTES_DEFAULT : s->ring_bytes) / LIVE_BLOCK_BYTES;

	return n < 2 ? 2 : n > 4096 ? 4096 : n;
}

/* LINKTYPE_ of a kernel's kind of hardware; -1 where it is not read. */
static int
linktype_of(uint16_t hatype)
{
	switch (hatype) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return LINKTYPE_ETHERNET;
	case ARPHRD_NONE: /* tun, WireGuard */
	case ARPHRD_RAWIP:
		return LINKTYPE_RAW;
	case ARPHRD_IEEE80211_RADIOTAP:
		return LINKTYPE_80211_RADIOTAP;
	default:
		return -1;
	}
}

static enum err
set_filter(int fd, const char *text, int linktype, struct why *why)
{
	struct bpf_program program;
	struct sock_fprog kernel;
	enum err e = ERR_OK;
	pcap_t *p;

	if ((p = pcap_open_dead(linktype == LINKTYPE_RAW ? DLT_RAW : linktype, SNAPLEN)) == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory to compile a filter");
	if (pcap_compile(p, &program, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		e = FAIL(why, ERR_USAGE, "filter \"%s\": %s", text, pcap_geterr(p));
		pcap_close(p);
		return e;
	}
	kernel.len = (unsigned short)program.bf_len;
	kernel.filter = (struct sock_filter *)(void *)program.bf_insns; /* the same layout */
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &kernel, sizeof(kernel)) != 0)
		e = FAIL_SYS(why, "attach filter \"%s\"", text);
	pcap_freecode(&program);
	pcap_close(p);
	return e;
}

static enum err
set_ring(int fd, const struct live_settings *s, struct why *why)
{
	int version = TPACKET_V3;
	struct tpacket_req3 ring = {.tp_block_size = LIVE_BLOCK_BYTES,
	    .tp_frame_size = FRAME_BYTES,
	    .tp_block_nr = (unsigned)blocks_of(s),
	    .tp_frame_nr = (unsigned)(blocks_of(s) * (LIVE_BLOCK_BYTES / FRAME_BYTES)),
	    .tp_retire_blk_tov = LIVE_RETIRE_MS};

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0)
		return FAIL_SYS(why, "%s: packet ring of version 3", s->interface);
	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) != 0)
		return FAIL_SYS(why, "%s: packet ring of %zu MiB", s->interface, blocks_of(s));
	return ERR_OK;
}

/* Find the interface, set all up, and only then bind: no packet of another interface comes in. */
static enum err
set_up(int fd, const struct live_settings *s, struct why *why)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet_mreq promiscuous = {.mr_type = PACKET_MR_PROMISC};
	unsigned fanout =
	    s->fanout_group | (PACKET_FANOUT_HASH | (unsigned)PACKET_FANOUT_FLAG_DEFRAG) << 16;
	struct ifreq ifr = {0};
	enum err e;
	int linktype;

	if (strlen(s->interface) >= sizeof(ifr.ifr_name))
		return FAIL(
		    why, ERR_ABSENT, "no interface has a name as long as \"%.32s\"", s->interface);
	memcpy(ifr.ifr_name, s->interface, strlen(s->interface));
	if (ioctl(fd, SIOCGIFINDEX, &ifr) != 0)
		return FAIL(why, ERR_ABSENT, "no interface \"%s\" (ip link shows those there are)",
		    s->interface);
	to.sll_ifindex = promiscuous.mr_ifindex = ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) != 0)
		return FAIL_SYS(why, "%s: kind of link", s->interface);
	if ((linktype = linktype_of(ifr.ifr_hwaddr.sa_family)) < 0)
		return FAIL(why, ERR_REFUSED, "%s: links of kind %d are not read", s->interface,
		    ifr.ifr_hwaddr.sa_family);
	if ((e = set_ring(fd, s, why)) != ERR_OK)
		return e;
	if (s->filter != NULL && s->filter[0] != 0 &&
	    (e = set_filter(fd, s->filter, linktype, why)) != ERR_OK)
		return e;
	if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		return FAIL_SYS(why, "%s: bind", s->interface);
	if (s->promiscuous && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
				  sizeof(promiscuous)) != 0)
		return FAIL_SYS(why, "%s: promiscuous mode", s->interface);
	if (s->fanout_group != 0 &&
	    setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &fanout, sizeof(fanout)) != 0)
		return FAIL_SYS(why, "%s: fanout group %u", s->interface, s->fanout_group);
	return ERR_OK;
}

enum err
live_open(const struct live_settings *s, int *fd, struct why *why)
{
	enum err e;

	*fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd == -1 && errno == EPERM)
		return FAIL(why, ERR_SYSTEM,
		    "%s: not allowed to capture: run as root, or give the program CAP_NET_RAW "
		    "once: "
		    "setcap cap_net_raw+ep $(command -v hemostat)",
		    s->interface);
	if (*fd == -1)
		return FAIL_SYS(why, "%s: packet socket", s->interface);
	if ((e = set_up(*fd, s, why)) != ERR_OK) {
		(void)close(*fd);
		*fd = -1;
	}
	return e;
}

static struct tpacket_block_desc *
block_of(const struct live *l, size_t i)
{
	return (struct tpacket_block_desc *)(void *)(l->ring + i * LIVE_BLOCK_BYTES);
}

/* Nothing in the ring: is there still an interface? */
static enum err
check_interface(const struct live *l, struct why *why)
{
	struct sockaddr_ll name = {0};
	socklen_t len = sizeof(name);
	struct ifreq ifr = {0};
	int error = 0;

	if (getsockname(l->base.fd, (struct sockaddr *)&name, &len) != 0)
		return FAIL_SYS(why, "%s: name of the packet socket", l->interface);
	if (name.sll_ifindex <= 0)
		return FAIL(why, ERR_SYSTEM, "interface \"%s\" is gone", l->interface);
	len = sizeof(error);
	if (getsockopt(l->base.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return FAIL_SYS(why, "%s: state of the packet socket", l->interface);
	/* The error shows once; the flags as long as it is down. */
	memcpy(ifr.ifr_name, l->interface, sizeof(ifr.ifr_name));
	if (error == ENETDOWN ||
	    (ioctl(l->base.fd, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & IFF_UP) == 0))
		return FAIL(why, ERR_ABSENT, "interface \"%s\" is down", l->interface);
	errno = error;
	return error == 0 ? ERR_OK : FAIL_SYS(why, "%s", l->interface);
}

/* Give the block that was read back, and take the next that has packets. */
static bool
next_block(struct live *l)
{
	for (;;) {
		struct tpacket_block_desc *b = block_of(l, l->block);

		if (l->open) {
			__atomic_store_n(
			    &b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
			l->open = false;
			l->block = (l->block + 1) % l->n_blocks;
			continue;
		}
		if ((__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) &
			TP_STATUS_USER) == 0)
			return false;
		l->open = true;
		l->left = b->hdr.bh1.num_pkts;
		l->at = (const uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
		if (l->left > 0)
			return true;
	}
}

static bool
shown_twice(const struct live *l, const struct tpacket3_hdr *h)
{
	const struct sockaddr_ll *from =
	    (const struct sockaddr_ll *)(const void *)((const uint8_t *)h +
						       TPACKET_ALIGN(sizeof(*h)));

	return l->loopback && from->sll_pkttype == PACKET_OUTGOING;
}

static enum err
live_next(struct capture *c, struct capture_packet *out, size_t max, size_t *n, struct why *why)
{
	struct live *l = (struct live *)c;

	while (*n == 0) {
		if (l->left == 0 && !next_block(l))
			return check_interface(l, why);
		while (l->left > 0 && *n < max) {
			const struct tpacket3_hdr *h =
			    (const struct tpacket3_hdr *)(const void *)l->at;

			l->left--;
			l->at += h->tp_next_offset;
			__builtin_prefetch(l->at);
			if (shown_twice(l, h))
				continue;
			out[(*n)++] = (struct capture_packet){
			    .bytes = bytes_of((const uint8_t *)h + h->tp_mac, h->tp_snaplen),
			    .wire_len = h->tp_len,
			    .linktype = l->linktype,
			    .time = {(int64_t)h->tp_sec * NS_PER_S + h->tp_nsec},
			    .index = ++l->n,
			    .vlan_tci = (h->tp_status & TP_STATUS_VLAN_VALID) != 0
					    ? (uint16_t)h->hv1.tp_vlan_tci
					    : 0};
		}
	}
	return ERR_OK;
}

/* The kernel's counters start again at each reading. */
static void
live_count(struct capture *c)
{
	struct tpacket_stats_v3 st = {0};
	socklen_t len = sizeof(st);

	if (getsockopt(c->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) != 0)
		return;
	c->counters.dropped += st.tp_drops;
	c->counters.frozen += st.tp_freeze_q_cnt;
}

static void
live_close(struct capture *c)
{
	struct live *l = (struct live *)c;

	(void)munmap(l->ring, l->n_blocks * LIVE_BLOCK_BYTES);
	free(l);
}

static const struct capture_ops live_ops = {
    .next = live_next, .count = live_count, .close = live_close};

enum err
live_map(int fd, const struct live_settings *s, struct capture **c, struct why *why)
{
	struct sockaddr_ll name = {0};
	socklen_t len = sizeof(name);
	struct live *l;
	void *ring;

	*c = NULL;
	if (getsockname(fd, (struct sockaddr *)&name, &len) != 0)
		return FAIL_SYS(why, "%s: name of the packet socket", s->interface);
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for a capture");
	l->base = (struct capture){.ops = &live_ops, .fd = fd};
	l->n_blocks = blocks_of(s);
	l->linktype = linktype_of(name.sll_hatype);
	l->loopback = name.sll_hatype == ARPHRD_LOOPBACK;
	memcpy(l->interface, s->interface, strnlen(s->interface, sizeof(l->interface) - 1));
	ring =
	    mmap(NULL, l->n_blocks * LIVE_BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED) {
		free(l);
		return FAIL_SYS(why, "%s: map the packet ring", s->interface);
	}
	l->ring = ring;
	*c = &l->base;
	return ERR_OK;
}
