/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments start at multiples of eight bytes, so one bit for each eight bytes says what is there.
 * Invariants: 1. a datagram in use is in one hash chain and in the age list;
 *             2. data holds `room` bytes, every set bit lies below it;
 *             3. `filled` is the number of set bits. */
#include "net/fragment.h"

enum {
	UNIT_BYTES = 8,
	UNITS = (FRAGMENT_DATAGRAM_MAX + 1) / UNIT_BYTES,
	DATAGRAMS_DEFAULT = 1024,
	TIMEOUT_DEFAULT_S = 30,
	ROOM_STEP = 4096
};

#define NIL UINT32_MAX

struct fragment_key {
	struct ip src, dst;
	uint32_t id;
	uint16_t vlan;
	uint8_t transport; /* IPv4 only: RFC 8200 4.5 leaves it out */
	uint8_t version;
};
_Static_assert(sizeof(struct fragment_key) == 40, "no padding: it is hashed as bytes");

struct datagram {
	struct fragment_key key;
	uint32_t chain_next;
	uint32_t older, newer;
	uint32_t slot;
	struct wall first;
	uint8_t *data;
	uint32_t room;
	uint32_t filled;
	uint32_t total; /* bytes, 0 while the last fragment is missing */
	uint32_t top;   /* highest end seen */
	uint8_t transport;
	uint64_t have[UNITS / 64];
};

bool
fragment_init(struct fragment_table *t, const struct fragment_settings *s)
{
	*t = (struct fragment_table){.set = *s, .oldest = NIL, .newest = NIL, .done = NIL};
	if (t->set.datagrams == 0)
		t->set.datagrams = DATAGRAMS_DEFAULT;
	if (t->set.datagrams > NIL - 1)
		t->set.datagrams = NIL - 1;
	if (t->set.timeout_ns == 0)
		t->set.timeout_ns = TIMEOUT_DEFAULT_S * NS_PER_S;
	t->pool = budget_alloc(s->budget, t->set.datagrams * sizeof(*t->pool));
	t->chain = budget_alloc(s->budget, t->set.datagrams * sizeof(*t->chain));
	if (t->pool == NULL || t->chain == NULL) {
		fragment_free(t);
		return false;
	}
	for (size_t i = 0; i < t->set.datagrams; i++) {
		t->chain[i] = NIL;
		t->pool[i].chain_next = i + 1 < t->set.datagrams ? (uint32_t)i + 1 : NIL;
	}
	return true;
}

static void
drop_data(struct fragment_table *t, struct datagram *d)
{
	budget_free(t->set.budget, d->data, d->room);
	d->data = NULL;
	d->room = 0;
}

void
fragment_free(struct fragment_table *t)
{
	for (size_t i = 0; t->pool != NULL && i < t->set.datagrams; i++)
		drop_data(t, &t->pool[i]);
	if (t->pool != NULL)
		budget_free(t->set.budget, t->pool, t->set.datagrams * sizeof(*t->pool));
	if (t->chain != NULL)
		budget_free(t->set.budget, t->chain, t->set.datagrams * sizeof(*t->chain));
	t->pool = NULL;
	t->chain = NULL;
}

/* Out of chain and age list; the data stays. */
static void
unlink_datagram(struct fragment_table *t, uint32_t i)
{
	struct datagram *d = &t->pool[i];
	uint32_t *at = &t->chain[d->slot];

	while (*at != i)
		at = &t->pool[*at].chain_next;
	*at = d->chain_next;
	*(d->older == NIL ? &t->oldest : &t->pool[d->older].newer) = d->newer;
	*(d->newer == NIL ? &t->newest : &t->pool[d->newer].older) = d->older;
	t->n--;
}

static void
release(struct fragment_table *t, uint32_t i)
{
	drop_data(t, &t->pool[i]);
	t->pool[i].chain_next = t->free;
	t->free = i;
}

static void
give_up_oldest(struct fragment_table *t)
{
	uint32_t i = t->oldest;

	unlink_datagram(t, i);
	release(t, i);
	t->lost++;
}

static struct fragment_key
key_of(const struct packet *p)
{
	return (struct fragment_key){.src = p->src,
	    .dst = p->dst,
	    .id = p->fragment_id,
	    .vlan = p->vlan,
	    .transport = p->ip_version == 4 ? p->transport : 0,
	    .version = p->ip_version};
}

/* The datagram of key, begun where it is new; NIL only with a pool that is empty. */
static uint32_t
find_datagram(struct fragment_table *t, const struct fragment_key *key, struct wall now)
{
	uint32_t slot =
	    (uint32_t)(sip64(&t->set.key, bytes_of(key, sizeof(*key))) % t->set.datagrams);
	struct datagram *d;
	uint32_t i;

	for (i = t->chain[slot]; i != NIL; i = t->pool[i].chain_next) {
		if (memcmp(&t->pool[i].key, key, sizeof(*key)) == 0)
			return i;
	}
	if (t->free == NIL) {
		give_up_oldest(t);
		t->dropped++;
	}
	i = t->free;
	d = &t->pool[i];
	t->free = d->chain_next;
	*d = (struct datagram){.key = *key,
	    .chain_next = t->chain[slot],
	    .older = t->newest,
	    .newer = NIL,
	    .slot = slot,
	    .first = now};
	t->chain[slot] = i;
	*(t->newest == NIL ? &t->oldest : &t->pool[t->newest].newer) = i;
	t->newest = i;
	t->n++;
	return i;
}

/* Room for `need` bytes; other datagrams are given up for it, the oldest first. */
static bool
make_room(struct fragment_table *t, uint32_t i, uint32_t need)
{
	struct datagram *d = &t->pool[i];
	uint32_t room = (need + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
	uint8_t *p;

	if (need <= d->room)
		return true;
	while ((p = budget_realloc(t->set.budget, d->data, d->room, room)) == NULL) {
		if (t->oldest == i)
			return false;
		give_up_oldest(t);
		t->dropped++;
	}
	d->data = p;
	d->room = room;
	return true;
}

static bool
have(const struct datagram *d, uint32_t unit)
{
	return (d->have[unit / 64] >> (unit % 64) & 1) != 0;
}

/* Copy what is new, hold against what is there. */
static unsigned
merge(struct datagram *d, uint32_t at, struct bytes in)
{
	size_t again = 0, fresh = 0;
	unsigned notes = 0;

	for (size_t i = 0; i < in.len; i += UNIT_BYTES) {
		uint32_t unit = (uint32_t)((at + i) / UNIT_BYTES);
		size_t n = in.len - i < UNIT_BYTES ? in.len - i : UNIT_BYTES;

		if (have(d, unit)) {
			again++;
			if (memcmp(d->data + at + i, in.ptr + i, n) != 0)
				notes |= FRAGMENT_CONFLICT;
			continue;
		}
		fresh++;
		memcpy(d->data + at + i, in.ptr + i, n);
		d->have[unit / 64] |= UINT64_C(1) << (unit % 64);
	}
	d->filled += (uint32_t)fresh;
	if (again > 0 && notes == 0)
		notes = fresh > 0 ? FRAGMENT_OVERLAP : FRAGMENT_REPEAT;
	return notes;
}

enum fragment_result
fragment_add(struct fragment_table *t, struct packet *p, struct wall now, struct bytes *whole,
    unsigned *notes)
{
	struct fragment_key key = key_of(p);
	uint32_t end = p->fragment_at + p->payload_wire;
	struct datagram *d;
	uint32_t i;

	*whole = (struct bytes){NULL, 0};
	*notes = 0;
	t->fragments++;
	if (t->done != NIL) {
		release(t, t->done);
		t->done = NIL;
	}
	while (t->oldest != NIL && now.ns - t->pool[t->oldest].first.ns > t->set.timeout_ns) {
		give_up_oldest(t);
		t->timed_out++;
	}
	if (p->payload_wire > FRAGMENT_DATAGRAM_MAX || end > FRAGMENT_DATAGRAM_MAX ||
	    p->payload_wire == 0 || (p->fragment_more && p->payload_wire % UNIT_BYTES != 0))
		return FRAGMENT_BAD;
	if (p->payload.len < p->payload_wire)
		return FRAGMENT_CUT;
	i = find_datagram(t, &key, now);
	d = &t->pool[i];
	/* The end is where the first of the last fragments put it, past everything that was seen.
	 */
	if ((d->total != 0 && (end > d->total || (!p->fragment_more && end != d->total))) ||
	    (!p->fragment_more && end < d->top)) {
		*notes = FRAGMENT_CONFLICT;
		return FRAGMENT_BAD;
	}
	if (!make_room(t, i, end)) {
		unlink_datagram(t, i);
		release(t, i);
		return FRAGMENT_REFUSED;
	}
	*notes = merge(d, p->fragment_at, p->payload);
	if (end > d->top)
		d->top = end;
	if (!p->fragment_more && d->total == 0)
		d->total = end;
	if (p->fragment_at == 0)
		d->transport = p->transport;
	if (d->total == 0 || d->filled < (d->total + UNIT_BYTES - 1) / UNIT_BYTES)
		return FRAGMENT_HELD;
	unlink_datagram(t, i);
	t->done = i;
	t->reassembled++;
	*whole = bytes_of(d->data, d->total);
	p->transport = d->transport;
	return FRAGMENT_WHOLE;
}
