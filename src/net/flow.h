/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations between two endpoints: a table of fixed size.
 * Key:    both addresses and ports in canonical order and the transport, under SipHash with a
 *         secret key. The VLAN is part of the key only where settings say so: a mirror port often
 *         shows one direction tagged and the other not, and that must stay one flow. ICMP and
 *         other transports have ports 0: one flow for each pair of hosts.
 * Originator: who sent SYN; for SYN+ACK first, its receiver; else, mid-session, the side with the
 *         higher port, and where those are equal or the transport is not TCP, who spoke first.
 *         A SYN that comes after its data in the capture turns the flow round (FLOW_SWAPPED) as
 *         long as nothing of it was told.
 * Time:   of packets only, on a clock of the table's own: a step back of over a minute is taken as
 *         another clock, a step forward counts as a day at most; time-outs are kept to the second.
 * Memory: `capacity` flows and eight bytes each twice, from the budget, touched as they are used.
 * Total:  any packet. Where the table is full the flow whose time-out is nearest is given up:
 *         half-open and closing ones go before established ones.
 * Limits: FLOW_BURST time-outs are worked off for each packet at most. */
#pragma once

#include "base/sip.h"
#include "net/stream.h"

enum { FLOW_BURST = 128, FLOW_CAPACITY_DEFAULT = 131072 };

struct flow_key {
	struct ip ip[2];
	uint16_t port[2];
	uint16_t vlan; /* 0 where it is not part of the key */
	uint8_t transport;
	uint8_t zero;
};
_Static_assert(sizeof(struct flow_key) == 40, "no padding: it is hashed and compared as bytes");

enum flow_over {
	FLOW_OVER_TIMEOUT, /* nothing came for too long, or the time after its close went by */
	FLOW_OVER_REUSED,  /* a new connection with the same addresses and ports */
	FLOW_OVER_EVICTED, /* room was needed */
	FLOW_OVER_FLUSHED, /* the capture ended */
};

struct flow {
	struct flow_key key;
	uint64_t hash;
	struct wall last;    /* of the last packet */
	int64_t active_ns;   /* the same by the table's own clock */
	uint64_t packets[2]; /* by enum name_value dir: dir_orig, dir_resp */
	uint64_t bytes[2];   /* payload as sent, repeats included */
	uint8_t tcp_seen[2]; /* TCP flags of all its segments, or-ed */
	uint8_t orig;        /* index of the originator in key */
	uint8_t phase;       /* private */
	uint8_t flags;       /* FLOW_MIDSTREAM, FLOW_SWAPPED; FLOW_CONFLICT is the owner's */
	bool syn_waits;      /* syn_seq is of a SYN that does not fit, from side syn_dir */
	uint8_t syn_dir;
	uint8_t tunnel;       /* enum packet_tunnel, of its first packet */
	struct stream stream; /* TCP only */
	void *user;           /* the owner's: zero in a new flow */
	uint64_t word[2];     /* the owner's: zero in a new flow */
	uint64_t id;          /* from 1, in order of first packets */
	struct wall first;
	struct mac mac[2]; /* by dir; of the first packet of each side */
	uint16_t vlan;     /* of the first packet */
	uint16_t vlan_outer;
	uint32_t syn_seq;
	uint32_t due;        /* private: the wheel */
	uint32_t prev, next; /* private: the wheel; next also the free list */
};

struct flow_settings {
	size_t capacity;        /* live flows, 16 to 2^30; 0: FLOW_CAPACITY_DEFAULT */
	int64_t half_open_ns;   /* SYN without an answer; 0: 30 s */
	int64_t established_ns; /* 0: 1 h */
	int64_t closing_ns;     /* after both FIN, or RST; 0: 5 s */
	int64_t udp_ns;         /* and every other transport; 0: 60 s */
	bool vlan_in_key;
	struct sip_key key;
	struct budget *budget; /* required */
	/* A flow is over: its slot is used again after this returns. The owner ends its streams and
	 * frees what user holds. Must not call back into the table. */
	void (*over)(void *ctx, struct flow *f, enum flow_over why);
	void *ctx;
};

struct flow_slot {
	uint32_t tag;   /* lower half of the hash */
	uint32_t index; /* of the flow, from 1; 0 = free */
};

struct flow_table {
	struct flow_settings set;
	struct flow *flows;
	struct flow_slot *slots;
	uint32_t *wheel; /* a list of flows for each second */
	size_t mask;     /* slots - 1 */
	size_t used;     /* flows ever taken from the pool: index used and above are fresh */
	uint32_t free;
	uint32_t tick; /* seconds of the wheel worked off */
	bool started;
	int64_t clock_ns; /* never goes back */
	uint64_t skew_ns; /* clock_ns of a packet = its time + skew_ns, modulo 2^64 */
	struct flow_key last_key;
	uint64_t last_hash;
	size_t live, high;
	uint64_t n; /* flows ever */
	uint64_t packets;
	uint64_t timed_out, evicted, reused;
};

/* Where a packet belongs: made once, then used for fetching ahead and for the look-up. */
struct flow_aim {
	struct flow_key key;
	uint64_t hash;
	uint8_t src; /* index of the packet's sender in key */
};

/* False: no memory. */
bool flow_init(struct flow_table *t, const struct flow_settings *s) MUST_CHECK;

/* Compute where p belongs and ask for the slot's memory. False: p belongs to no flow (no IP, or a
 * fragment that must be reassembled first). */
bool flow_aim(struct flow_table *t, const struct packet *p, struct flow_aim *aim) MUST_CHECK;

/* Some packets later: ask for the flow's own memory. Optional. */
void flow_fetch(const struct flow_table *t, const struct flow_aim *aim);

/* The flow of p, new where there is none, with its counters and state brought up to p. *dir: who
 * sent p. First, flows whose time is over are told. Never NULL. For TCP, stream_packet() follows.
 * For a batch: aim all, fetch all, then take each. */
struct flow *flow_take(struct flow_table *t, const struct flow_aim *aim, const struct packet *p,
    struct wall time, enum name_value *dir);

/* Bring the clock up to `time` without a packet (a quiet live capture). */
void flow_advance(struct flow_table *t, struct wall time);

/* End every flow, in the order of the pool. */
void flow_flush(struct flow_table *t);
/* flow_flush(), and the memory back. */
void flow_free(struct flow_table *t);

/* As ev_flow.state tells it. */
enum name_value flow_state(const struct flow *f, enum flow_over why);

static inline struct ip
flow_ip(const struct flow *f, enum name_value dir)
{
	return f->key.ip[f->orig ^ (uint8_t)dir];
}

static inline uint16_t
flow_port(const struct flow *f, enum name_value dir)
{
	return f->key.port[f->orig ^ (uint8_t)dir];
}
