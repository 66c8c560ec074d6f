/* SPDX-License-Identifier: Apache-2.0 */
/* Which message answers which, by control ids (HL7 v2.5.1 2.9.2, 2.9.3), in a few bytes a side.
 * What peers do, and what must not be called an attack: the same id again after a time-out; an
 * answer sent twice; all earlier answers sent again; the answer of the application long behind
 * the accept answer; every answer with the same id of its own. So: the last ids stand in recent[]
 * with what was answered; older ones in two Bloom filters, which never forget an id before its
 * time but may take a stranger for one: an answer is called unpaired only where it surely is. */
#include "base/fold.h"
#include "proto/hl7v2/session.h"

enum { OLDER_IDS = 24, OLDER_BITS = 64 * SIDE_OLDER_WORDS, LOSS_MESSAGES = SIDE_RECENT };

enum { ANSWER_COMMIT = 1, ANSWER_APPLICATION = 2 };

/* Sixteen bits of what stands behind MSH (MSH-7 may differ when a message is sent again), never 0.
 */
static uint16_t
print_of(const struct session *s, struct bytes b)
{
	uint16_t print = (uint16_t)(fold64(s->o->key, b) >> 48);

	return print == 0 ? 1 : print;
}

static uint32_t
id_hash(const struct session *s, struct bytes id)
{
	uint64_t h = sip64(s->o->key, id);
	uint32_t v = (uint32_t)(h ^ h >> 32);

	return v == 0 ? 1 : v;
}

static void
older_add(struct side *side, uint32_t id)
{
	if (id == 0)
		return;
	if (side->older_n == OLDER_IDS) {
		memcpy(side->older[1], side->older[0], sizeof(side->older[0]));
		memset(side->older[0], 0, sizeof(side->older[0]));
		side->older_n = 0;
	}
	side->older_n++;
	side->older[0][id % OLDER_BITS / 64] |= UINT64_C(1) << id % 64;
	id >>= 16;
	side->older[0][id % OLDER_BITS / 64] |= UINT64_C(1) << id % 64;
}

static bool
older_has(const struct side *side, uint32_t id)
{
	uint32_t b = id >> 16;

	for (size_t i = 0; i < 2; i++) {
		if ((side->older[i][id % OLDER_BITS / 64] >> id % 64 & 1) != 0 &&
		    (side->older[i][b % OLDER_BITS / 64] >> b % 64 & 1) != 0)
			return true;
	}
	return false;
}

static size_t
recent_slot(const struct side *side, uint32_t id)
{
	for (size_t i = 0; i < SIDE_RECENT; i++) {
		if (side->recent[i] == id)
			return i;
	}
	return SIDE_RECENT;
}

static void
remember(struct side *side, uint32_t id, uint16_t print)
{
	size_t slot = side->next;

	older_add(side, side->recent[slot]);
	side->recent[slot] = id;
	side->print[slot] = print;
	side->answered &= ~(UINT32_C(3) << 2 * slot);
	side->next = (uint8_t)((slot + 1) % SIDE_RECENT);
}

static void
answer(struct session *s, struct side *peer, struct message *m)
{
	uint32_t id = id_hash(s, m->ack_of);
	size_t slot = recent_slot(peer, id);
	uint32_t bit =
	    m->ev.ack.len > 0 && m->ev.ack.ptr[0] == 'C' ? ANSWER_COMMIT : ANSWER_APPLICATION;

	if (slot < SIDE_RECENT) {
		if ((peer->answered >> 2 * slot & bit) != 0)
			m->ev.flags |= MESSAGE_REPEAT;
		peer->answered |= bit << 2 * slot;
	} else if (older_has(peer, id)) {
		m->ev.flags |= MESSAGE_REPEAT;
	} else if (peer->started && peer->loss == 0) {
		m->ev.flags |= MESSAGE_UNPAIRED;
	}
}

/* A message whose id was sent just before: again, or another message under the same id. */
static void
same_id(struct reading *r, size_t slot, uint16_t print)
{
	struct side *side = r->side;

	if (side->print[slot] != 0 && print != 0) {
		if (side->print[slot] == print)
			r->m.ev.flags |= MESSAGE_REPEAT;
		else
			hl7_note(r, ANOMALY_hl7_control_id_reused, r->m.control.ptr);
	}
	side->print[slot] = print;
	/* Sent again, answered again. */
	side->answered &= ~(UINT32_C(3) << 2 * slot);
}

void
hl7_pair(struct reading *r, struct bytes content)
{
	struct message *m = &r->m;
	struct side *side = r->side;
	uint16_t print = m->cut || m->ack_of.len > 0 ? 0 : print_of(r->s, content);
	uint32_t id;
	size_t slot;

	side->started = true;
	if (m->ack_of.len > 0)
		answer(r->s, &r->s->side[!r->dir], m);
	if (m->cut || m->control.len == 0)
		hl7_pair_lost(r->s, r->dir);
	else if (side->loss > 0)
		side->loss--;
	if (m->control.len == 0)
		return;
	id = id_hash(r->s, m->control);
	slot = recent_slot(side, id);
	if (slot == SIDE_RECENT)
		remember(side, id, print);
	else if (m->ack_of.len == 0)
		same_id(r, slot, print);
}

void
hl7_pair_lost(struct session *s, enum name_value dir)
{
	s->side[dir].loss = LOSS_MESSAGES;
	s->side[dir].count_lost = true;
}
