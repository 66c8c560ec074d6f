/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; a removal shifts the run back, so there are no tombs. */
#include "base/idmap.h"

#include <assert.h>
#include <string.h>

enum { IDMAP_FIRST_SLOTS = 64 };

static size_t
slot_of(const struct idmap *m, uint64_t key)
{
	size_t i = key & (m->room - 1);

	while (m->slots[i].key != 0 && m->slots[i].key != key)
		i = (i + 1) & (m->room - 1);
	return i;
}

uint32_t
idmap_get(const struct idmap *m, uint64_t key)
{
	size_t i;

	assert(key != 0);
	if (m->room == 0)
		return IDMAP_NONE;
	i = slot_of(m, key);
	return m->slots[i].key == key ? m->slots[i].value : IDMAP_NONE;
}

static bool
grow(struct idmap *m)
{
	struct idmap old = *m;
	size_t room = m->room == 0 ? IDMAP_FIRST_SLOTS : m->room * 2;

	m->slots = budget_alloc(m->budget, room * sizeof(*m->slots));
	if (m->slots == NULL) {
		*m = old;
		return false;
	}
	m->room = room;
	for (size_t i = 0; i < old.room; i++) {
		if (old.slots[i].key != 0)
			m->slots[slot_of(m, old.slots[i].key)] = old.slots[i];
	}
	budget_free(m->budget, old.slots, old.room * sizeof(*old.slots));
	return true;
}

bool
idmap_put(struct idmap *m, uint64_t key, uint32_t value)
{
	size_t i;

	assert(key != 0);
	if (m->room > 0) {
		i = slot_of(m, key);
		if (m->slots[i].key == key) {
			m->slots[i].value = value;
			return true;
		}
	}
	if (m->n >= m->cap)
		return false;
	if (m->n >= m->room / 4 * 3 && !grow(m))
		return false;
	i = slot_of(m, key);
	m->slots[i] = (struct idmap_slot){key, value};
	m->n++;
	return true;
}

void
idmap_drop(struct idmap *m, uint64_t key)
{
	size_t i, j;

	assert(key != 0);
	if (m->room == 0)
		return;
	i = slot_of(m, key);
	if (m->slots[i].key == 0)
		return;
	m->n--;
	for (j = i;;) {
		size_t home;

		j = (j + 1) & (m->room - 1);
		if (m->slots[j].key == 0)
			break;
		home = m->slots[j].key & (m->room - 1);
		/* Move j back only where its home does not lie between the hole and itself. */
		if (((j - home) & (m->room - 1)) >= ((j - i) & (m->room - 1))) {
			m->slots[i] = m->slots[j];
			i = j;
		}
	}
	m->slots[i].key = 0;
}

void
idmap_clear(struct idmap *m)
{
	if (m->room > 0)
		memset(m->slots, 0, m->room * sizeof(*m->slots));
	m->n = 0;
}

void
idmap_free(struct idmap *m)
{
	budget_free(m->budget, m->slots, m->room * sizeof(*m->slots));
	m->slots = NULL;
	m->room = m->n = 0;
}
