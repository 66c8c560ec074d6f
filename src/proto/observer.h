/* SPDX-License-Identifier: Apache-2.0 */
/* What a parser is given: where its observations go, the key for identifiers, memory, the time.
 * A parser is pure: all it does is read bytes and call these. The owner of the stream (sensor,
 * gate, test) adds addresses, packet number and link, and drops what repeats itself. */
#pragma once

#include "event/event.h"

struct observer {
	void *owner;
	/* One observation of kind, made by side dir, about the unit that starts `offset` bytes into
	 * that side's stream (into the datagram for UDP). fields: struct ev_KIND; views in it need
	 * to live only until this returns. Address fields left zero are filled in by the owner. */
	void (*emit)(void *owner, enum name_value dir, uint64_t offset, enum event_kind kind,
	    const void *fields);
	const struct sip_key *key; /* for identifiers */
	struct budget *budget;     /* for sessions and their buffers */
	struct wall now;           /* time of the packet that is being read */
	uint64_t units[UNIT_COUNT];
	struct buf_pool pool; /* work space of all sessions; the owner ends it: buf_pool_free() */
};

/* Keyed hash of an identifier after cutting blanks at both ends; all zero where nothing is left. */
struct hash128 observer_hash(const struct observer *o, struct bytes id);

void observe_message(
    const struct observer *o, enum name_value dir, uint64_t offset, const struct ev_message *m);

/* A claim about the endpoint on side dir. value is trimmed; nothing happens where it is empty.
 * source: a literal such as "HL7 MSH-3.1". confidence 0-100 (see asset.h for the scale). */
void observe_claim(const struct observer *o, enum name_value dir, uint64_t offset,
    enum name_value attr, struct bytes value, const char *source, unsigned confidence);

/* The same about a device that stands behind the endpoint (an instrument named by middleware). */
void observe_claim_behind(const struct observer *o, enum name_value dir, uint64_t offset,
    enum name_value attr, struct bytes value, const char *source, unsigned confidence);

/* detail: place and numbers, never content; may be NULL. */
void observe_anomaly(const struct observer *o, enum name_value dir, uint64_t offset,
    enum anomaly name, enum proto proto, const char *detail);

static inline void
observe_unit(struct observer *o, enum unit u)
{
	o->units[u]++;
}

/* What the first bytes of embedded data are. Looks at 16 bytes at most. */
enum name_value magic_of(struct bytes head);

/* True for account names that everyone knows: root, admin, anonymous, guest, ... */
bool account_is_common(struct bytes name);
