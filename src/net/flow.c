/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants:
 * 1. A live flow is in exactly one slot run (linear probing, removals shift back) and in exactly
 *    one list of the wheel.
 * 2. due is never later than the second after the flow's time-out by its phase; a flow that was
 *    active since is put back when its second comes. So a packet moves no list.
 * 3. live <= capacity, slots >= 2 * capacity.
 *
 *   HALF_OPEN --other than SYN seen--> ESTABLISHED --both FIN, RST--> CLOSING --time--> over
 *   (UDP and others: DATAGRAM)                     RESET, REJECTED likewise */
#include "net/flow.h"

#include "base/attr.h"

enum phase { HALF_OPEN, ESTABLISHED, CLOSED, RESET, REJECTED, DATAGRAM };

enum { WHEEL = 4096, EVICT_TRIES = 64 };

#define CLOCK_STEP_NS (86400 * NS_PER_S) /* the most that one packet moves the clock */
#define CLOCK_BACK_NS (60 * NS_PER_S)    /* a step back of more is another clock */
#define CLOCK_MAX_NS  (INT64_C(1) << 61) /* so that seconds fit 32 bits */

#define NIL UINT32_MAX

static int64_t
or_default(int64_t v, int64_t seconds)
{
	return v > 0 ? v : seconds * NS_PER_S;
}

bool
flow_init(struct flow_table *t, const struct flow_settings *s)
{
	size_t slots = 32;

	*t = (struct flow_table){.set = *s, .free = NIL};
	if (t->set.capacity == 0)
		t->set.capacity = FLOW_CAPACITY_DEFAULT;
	if (t->set.capacity < 16)
		t->set.capacity = 16;
	if (t->set.capacity > (size_t)1 << 30)
		t->set.capacity = (size_t)1 << 30;
	t->set.half_open_ns = or_default(s->half_open_ns, 30);
	t->set.established_ns = or_default(s->established_ns, 3600);
	t->set.closing_ns = or_default(s->closing_ns, 5);
	t->set.udp_ns = or_default(s->udp_ns, 60);
	while (slots < 2 * t->set.capacity)
		slots *= 2;
	t->mask = slots - 1;
	t->flows = budget_alloc(s->budget, t->set.capacity * sizeof(*t->flows));
	t->slots = budget_alloc(s->budget, slots * sizeof(*t->slots));
	t->wheel = budget_alloc(s->budget, WHEEL * sizeof(*t->wheel));
	if (t->flows == NULL || t->slots == NULL || t->wheel == NULL) {
		flow_free(t);
		return false;
	}
	memset(t->wheel, 0xff, WHEEL * sizeof(*t->wheel));
	return true;
}

/* ---- keys ---- */

static inline uint64_t
load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Order of endpoints: any total order will do. */
static inline bool
after(const struct ip *a, uint16_t a_port, const struct ip *b, uint16_t b_port)
{
	uint64_t x = load64(a->b + 8), y = load64(b->b + 8);

	if (x != y)
		return x > y;
	x = load64(a->b);
	y = load64(b->b);
	if (x != y)
		return x > y;
	return a_port > b_port;
}

static inline bool
key_eq(const struct flow_key *a, const struct flow_key *b)
{
	const uint8_t *x = (const uint8_t *)a, *y = (const uint8_t *)b;

	return ((load64(x) ^ load64(y)) | (load64(x + 8) ^ load64(y + 8)) |
		   (load64(x + 16) ^ load64(y + 16)) | (load64(x + 24) ^ load64(y + 24)) |
		   (load64(x + 32) ^ load64(y + 32))) == 0;
}

static uint64_t
hash_key(const struct flow_table *t, const struct flow_key *k, uint8_t version)
{
	struct {
		uint8_t ip[2][4];
		uint8_t rest[8];
	} v4;

	if (version != 4)
		return sip64(&t->set.key, bytes_of(k, sizeof(*k)));
	memcpy(v4.ip[0], k->ip[0].b + 12, 4);
	memcpy(v4.ip[1], k->ip[1].b + 12, 4);
	memcpy(v4.rest, k->port, 8);
	return sip64(&t->set.key, bytes_of(&v4, sizeof(v4)));
}

bool
flow_aim(struct flow_table *t, const struct packet *p, struct flow_aim *aim)
{
	uint8_t src;

	if (p->kind < PACKET_IP || (p->kind == PACKET_IP && (p->transport == IP_PROTO_TCP ||
								p->transport == IP_PROTO_UDP)))
		return false;
	src = after(&p->src, p->src_port, &p->dst, p->dst_port);
	aim->src = src;
	aim->key.ip[src] = p->src;
	aim->key.ip[!src] = p->dst;
	aim->key.port[src] = p->src_port;
	aim->key.port[!src] = p->dst_port;
	aim->key.vlan = t->set.vlan_in_key ? p->vlan : 0;
	aim->key.transport = p->transport;
	aim->key.zero = 0;
	/* Packets come in runs of one conversation. */
	if (!key_eq(&aim->key, &t->last_key)) {
		t->last_key = aim->key;
		t->last_hash = hash_key(t, &aim->key, p->ip_version);
	}
	aim->hash = t->last_hash;
	__builtin_prefetch(&t->slots[aim->hash & t->mask]);
	return true;
}

/* Also the flow's first slot, cut by the mask: capacity keeps that below 32 bits. */
static inline uint32_t
tag_of(uint64_t hash)
{
	return (uint32_t)hash;
}

void
flow_fetch(const struct flow_table *t, const struct flow_aim *aim)
{
	const struct flow_slot *s = &t->slots[aim->hash & t->mask];

	if (s->index != 0 && s->tag == tag_of(aim->hash)) {
		const uint8_t *f = (const uint8_t *)&t->flows[s->index - 1];

		__builtin_prefetch(f, 1);
		__builtin_prefetch(f + 64, 1);
		__builtin_prefetch(f + 128, 1);
	}
}

static struct flow *
find_flow(const struct flow_table *t, const struct flow_aim *aim)
{
	uint32_t tag = tag_of(aim->hash);

	for (size_t i = aim->hash & t->mask; t->slots[i].index != 0; i = (i + 1) & t->mask) {
		struct flow *f = &t->flows[t->slots[i].index - 1];

		if (t->slots[i].tag == tag && key_eq(&f->key, &aim->key))
			return f;
	}
	return NULL;
}

static void
add_slot(struct flow_table *t, uint64_t hash, uint32_t index)
{
	size_t i = hash & t->mask;

	while (t->slots[i].index != 0)
		i = (i + 1) & t->mask;
	t->slots[i] = (struct flow_slot){tag_of(hash), index + 1};
}

static void
drop_slot(struct flow_table *t, uint64_t hash, uint32_t index)
{
	size_t i = hash & t->mask, j;

	while (t->slots[i].index != index + 1)
		i = (i + 1) & t->mask;
	for (j = i;;) {
		size_t home;

		j = (j + 1) & t->mask;
		if (t->slots[j].index == 0)
			break;
		home = t->slots[j].tag & t->mask;
		/* Move j back only where its home does not lie between the hole and itself. */
		if (((j - home) & t->mask) >= ((j - i) & t->mask)) {
			t->slots[i] = t->slots[j];
			i = j;
		}
	}
	t->slots[i].index = 0;
}

/* ---- the wheel ---- */

static int64_t
patience_ns(const struct flow_table *t, const struct flow *f)
{
	switch ((enum phase)f->phase) {
	case HALF_OPEN:
		return t->set.half_open_ns;
	case ESTABLISHED:
		return t->set.established_ns;
	case DATAGRAM:
		return t->set.udp_ns;
	case CLOSED:
	case RESET:
	case REJECTED:
		break;
	}
	return t->set.closing_ns;
}

static bool
is_over(const struct flow_table *t, const struct flow *f)
{
	return t->clock_ns - f->active_ns >= patience_ns(t, f);
}

static void
wheel_remove(struct flow_table *t, const struct flow *f)
{
	*(f->prev == NIL ? &t->wheel[f->due % WHEEL] : &t->flows[f->prev].next) = f->next;
	if (f->next != NIL)
		t->flows[f->next].prev = f->prev;
}

static void
wheel_add(struct flow_table *t, struct flow *f)
{
	int64_t due = (f->active_ns + patience_ns(t, f)) / NS_PER_S + 1;
	uint32_t index = (uint32_t)(f - t->flows);
	uint32_t *head;

	if (due <= t->tick)
		due = (int64_t)t->tick + 1;
	if (due > (int64_t)t->tick + WHEEL - 1)
		due = (int64_t)t->tick + WHEEL - 1;
	f->due = (uint32_t)due;
	head = &t->wheel[f->due % WHEEL];
	f->prev = NIL;
	f->next = *head;
	if (*head != NIL)
		t->flows[*head].prev = index;
	*head = index;
}

static void
end_flow(struct flow_table *t, struct flow *f, enum flow_over why)
{
	t->set.over(t->set.ctx, f, why);
	switch (why) {
	case FLOW_OVER_TIMEOUT:
		t->timed_out++;
		break;
	case FLOW_OVER_REUSED:
		t->reused++;
		break;
	case FLOW_OVER_EVICTED:
		t->evicted++;
		break;
	case FLOW_OVER_FLUSHED:
		break;
	}
}

static void
drop_flow(struct flow_table *t, struct flow *f, enum flow_over why)
{
	uint32_t index = (uint32_t)(f - t->flows);

	end_flow(t, f, why);
	wheel_remove(t, f);
	drop_slot(t, f->hash, index);
	f->id = 0;
	f->next = t->free;
	t->free = index;
	t->live--;
}

/* Work off the seconds that went by. */
static void
turn_wheel(struct flow_table *t)
{
	int64_t now = t->clock_ns / NS_PER_S;
	int burst = FLOW_BURST;

	/* Once round is every flow, however long nothing came. */
	if (now - t->tick > WHEEL)
		t->tick = (uint32_t)(now - WHEEL);
	while (t->tick < now) {
		uint32_t i = t->wheel[(t->tick + 1) % WHEEL];

		if (i == NIL) {
			t->tick++;
			continue;
		}
		if (burst-- == 0)
			return;
		if (is_over(t, &t->flows[i])) {
			drop_flow(t, &t->flows[i], FLOW_OVER_TIMEOUT);
		} else {
			wheel_remove(t, &t->flows[i]);
			t->tick++; /* so that it is put into a second still to come */
			wheel_add(t, &t->flows[i]);
			t->tick--;
		}
	}
}

/* Only packets that claim a new day each can bring the clock here. */
static void
restart_clock(struct flow_table *t)
{
	flow_flush(t);
	t->clock_ns = 0;
	t->tick = 0;
	t->started = false;
}

void
flow_advance(struct flow_table *t, struct wall time)
{
	int64_t step;

	if (UNLIKELY(t->clock_ns > CLOCK_MAX_NS))
		restart_clock(t);
	if (UNLIKELY(!t->started)) {
		t->started = true;
		t->skew_ns = 0 - (uint64_t)time.ns;
	}
	step = (int64_t)((uint64_t)time.ns + t->skew_ns - (uint64_t)t->clock_ns);
	if (LIKELY(step >= 0)) {
		if (UNLIKELY(step > CLOCK_STEP_NS)) {
			t->skew_ns -= (uint64_t)(step - CLOCK_STEP_NS);
			step = CLOCK_STEP_NS;
		}
		t->clock_ns += step;
	} else if (UNLIKELY(step < -CLOCK_BACK_NS)) {
		t->skew_ns -= (uint64_t)step;
	}
	if (UNLIKELY(t->clock_ns / NS_PER_S != t->tick))
		turn_wheel(t);
}

/* ---- flows ---- */

/* The flow whose second comes first; those that were active since are put back on the way. */
static void
evict(struct flow_table *t)
{
	uint32_t found = NIL;
	int tries = 0;

	for (uint32_t s = 1; s <= WHEEL && found == NIL; s++) {
		uint32_t i;

		while ((i = t->wheel[(t->tick + s) % WHEEL]) != NIL) {
			struct flow *f = &t->flows[i];
			uint32_t due = f->due;

			found = i;
			wheel_remove(t, f);
			wheel_add(t, f);
			if (f->due == due || ++tries == EVICT_TRIES)
				break;
			found = NIL;
		}
	}
	drop_flow(t, &t->flows[found], FLOW_OVER_EVICTED);
}

static struct flow *
take_slot(struct flow_table *t)
{
	struct flow *f;

	if (t->live == t->set.capacity)
		evict(t);
	if (t->free != NIL) {
		f = &t->flows[t->free];
		t->free = f->next;
	} else {
		f = &t->flows[t->used++];
	}
	if (++t->live > t->high)
		t->high = t->live;
	return f;
}

static uint8_t
guess_originator(const struct flow_aim *aim, const struct packet *p)
{
	if (p->kind != PACKET_TCP)
		return aim->src;
	if ((p->tcp_flags & TCP_SYN) != 0)
		return (p->tcp_flags & TCP_ACK) != 0 ? !aim->src : aim->src;
	if (p->src_port == p->dst_port)
		return aim->src;
	return p->src_port > p->dst_port ? aim->src : !aim->src;
}

/* What a flow is before its first packet is counted. Index, hash slot and wheel are the caller's.
 */
static void
begin_flow(struct flow_table *t, struct flow *f, const struct flow_aim *aim, const struct packet *p,
    struct wall time)
{
	uint32_t due = f->due, prev = f->prev, next = f->next;

	*f = (struct flow){.key = aim->key,
	    .hash = aim->hash,
	    .active_ns = t->clock_ns,
	    .first = time,
	    .id = ++t->n,
	    .orig = guess_originator(aim, p),
	    .phase = p->kind == PACKET_TCP ? HALF_OPEN : DATAGRAM,
	    .tunnel = p->tunnel,
	    .vlan = p->vlan,
	    .vlan_outer = p->vlan_outer,
	    .due = due,
	    .prev = prev,
	    .next = next};
	if (p->kind == PACKET_TCP && (p->tcp_flags & TCP_SYN) == 0)
		f->flags |= FLOW_MIDSTREAM;
}

static struct flow *
new_flow(struct flow_table *t, const struct flow_aim *aim, const struct packet *p, struct wall time)
{
	struct flow *f = take_slot(t);

	begin_flow(t, f, aim, p, time);
	add_slot(t, aim->hash, (uint32_t)(f - t->flows));
	wheel_add(t, f);
	return f;
}

/* The same addresses and ports, another connection: same slot, new flow. */
static void
renew_flow(struct flow_table *t, struct flow *f, const struct flow_aim *aim, const struct packet *p,
    struct wall time, enum flow_over why)
{
	end_flow(t, f, why);
	begin_flow(t, f, aim, p, time);
	wheel_remove(t, f);
	wheel_add(t, f);
}

static void
set_phase(struct flow_table *t, struct flow *f, enum phase phase)
{
	bool sooner = phase >= CLOSED && f->phase < CLOSED;

	f->phase = (uint8_t)phase;
	if (sooner) {
		wheel_remove(t, f);
		wheel_add(t, f);
	}
}

/* A SYN on a flow that exists: true where it begins another connection. */
static bool
begins_anew(struct flow *f, const struct packet *p, enum name_value dir)
{
	enum name_value back = dir == dir_orig ? dir_resp : dir_orig;

	if ((p->tcp_flags & TCP_ACK) != 0) {
		/* The answer to a SYN that did not fit proves that one. */
		return f->phase == REJECTED ||
		       (f->syn_waits && f->syn_dir == back && p->ack == f->syn_seq + 1);
	}
	switch (stream_syn_fit(&f->stream, dir, p->seq)) {
	case STREAM_FIT_EXACT:
		return false;
	case STREAM_FIT_WINDOW:
		return f->phase >= CLOSED;
	case STREAM_FIT_NOT:
		break;
	}
	if (f->phase >= CLOSED || f->packets[back] == 0 || (f->tcp_seen[dir] & TCP_FIN) != 0)
		return true;
	f->syn_waits = true;
	f->syn_dir = (uint8_t)dir;
	f->syn_seq = p->seq;
	return false;
}

/* The capture showed data before the SYN: now it is known who began. */
static void
turn_round(struct flow *f)
{
	struct mac m = f->mac[0];
	uint64_t n = f->packets[0], b = f->bytes[0];
	uint8_t seen = f->tcp_seen[0];

	f->orig ^= 1;
	f->mac[0] = f->mac[1];
	f->mac[1] = m;
	f->packets[0] = f->packets[1];
	f->packets[1] = n;
	f->bytes[0] = f->bytes[1];
	f->bytes[1] = b;
	f->tcp_seen[0] = f->tcp_seen[1];
	f->tcp_seen[1] = seen;
	f->flags |= FLOW_SWAPPED;
}

static void
follow_tcp(struct flow_table *t, struct flow *f, const struct packet *p, enum name_value dir)
{
	enum name_value back = dir == dir_orig ? dir_resp : dir_orig;
	uint8_t flags = p->tcp_flags;
	bool fresh = (flags & (TCP_SYN | TCP_RST)) == 0;

	f->tcp_seen[dir] |= flags;
	if (UNLIKELY(f->phase == HALF_OPEN) && fresh)
		set_phase(t, f, ESTABLISHED);
	if (LIKELY((flags & (TCP_FIN | TCP_RST)) == 0)) {
		/* A reset that nobody minded was forged. */
		if (UNLIKELY(f->phase == RESET) && p->payload_wire > 0 && !stream_ended(&f->stream))
			set_phase(t, f, ESTABLISHED);
		return;
	}
	if ((flags & TCP_RST) != 0) {
		if (f->phase < CLOSED &&
		    stream_reset_fit(&f->stream, dir, p->seq) != STREAM_FIT_NOT)
			set_phase(t, f,
			    f->phase == HALF_OPEN && (f->tcp_seen[back] & TCP_SYN) != 0 &&
				    (f->tcp_seen[dir] & TCP_SYN) == 0
				? REJECTED
				: RESET);
	} else if (((f->tcp_seen[back] & TCP_FIN) != 0 || f->packets[back] == 0) &&
		   f->phase < CLOSED) {
		set_phase(t, f, CLOSED);
	}
}

static void
take_syn(struct flow_table *t, struct flow *f, const struct flow_aim *aim, const struct packet *p,
    struct wall time)
{
	enum name_value d = (enum name_value)(aim->src ^ f->orig);

	if (begins_anew(f, p, d)) {
		renew_flow(t, f, aim, p, time, FLOW_OVER_REUSED);
		return;
	}
	if ((f->flags & FLOW_MIDSTREAM) == 0 || f->syn_waits)
		return;
	f->flags &= (uint8_t)~FLOW_MIDSTREAM;
	if (d == ((p->tcp_flags & TCP_ACK) != 0 ? dir_orig : dir_resp) && stream_turn(&f->stream))
		turn_round(f);
}

struct flow *
flow_take(struct flow_table *t, const struct flow_aim *aim, const struct packet *p,
    struct wall time, enum name_value *dir)
{
	struct flow *f;
	enum name_value d;

	t->packets++;
	flow_advance(t, time);
	f = find_flow(t, aim);
	if (f == NULL)
		f = new_flow(t, aim, p, time);
	else if (UNLIKELY(is_over(t, f)))
		renew_flow(t, f, aim, p, time, FLOW_OVER_TIMEOUT);
	else if (UNLIKELY((p->tcp_flags & TCP_SYN) != 0))
		take_syn(t, f, aim, p, time);
	d = (enum name_value)(aim->src ^ f->orig);
	if (UNLIKELY(f->packets[d] == 0)) {
		f->mac[d] = p->src_mac;
		if (f->packets[d ^ 1u] == 0 && !mac_is_group(p->dst_mac))
			f->mac[d ^ 1u] = p->dst_mac;
	}
	f->packets[d]++;
	f->bytes[d] += p->payload_wire;
	f->last = time;
	f->active_ns = t->clock_ns;
	if (LIKELY(p->kind == PACKET_TCP))
		follow_tcp(t, f, p, d);
	*dir = d;
	return f;
}

void
flow_flush(struct flow_table *t)
{
	for (size_t i = 0; i < t->used; i++) {
		if (t->flows[i].id != 0)
			drop_flow(t, &t->flows[i], FLOW_OVER_FLUSHED);
	}
}

void
flow_free(struct flow_table *t)
{
	if (t->flows != NULL && t->slots != NULL && t->wheel != NULL)
		flow_flush(t);
	if (t->flows != NULL)
		budget_free(t->set.budget, t->flows, t->set.capacity * sizeof(*t->flows));
	if (t->slots != NULL)
		budget_free(t->set.budget, t->slots, (t->mask + 1) * sizeof(*t->slots));
	if (t->wheel != NULL)
		budget_free(t->set.budget, t->wheel, WHEEL * sizeof(*t->wheel));
	t->flows = NULL;
	t->slots = NULL;
	t->wheel = NULL;
}

enum name_value
flow_state(const struct flow *f, enum flow_over why)
{
	switch ((enum phase)f->phase) {
	case HALF_OPEN:
		return f->packets[dir_resp] == 0 ? state_unanswered : state_open;
	case DATAGRAM:
		return f->packets[dir_resp] == 0 ? state_unanswered : state_established;
	case ESTABLISHED:
		return why == FLOW_OVER_TIMEOUT ? state_timeout : state_established;
	case CLOSED:
		return state_closed;
	case RESET:
		return state_reset;
	case REJECTED:
		break;
	}
	return state_rejected;
}
