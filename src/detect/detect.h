/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong: events in, findings out.
 * Input:   each event of a site in order of arrival, after asset_book_event() took it; and each
 *          EV_device the book made of it. A person's EV_finding (who is set; what = "closed",
 *          "accepted" or "reopened"; id) is an input too.
 * Output:  EV_finding to the sink, what = "new", "again" (the count reached a power of two, it got
 *          worse, or a day went by), "reopened", "closed" (by Hemostat: the cause is gone).
 *          A finding is what one detector saw of one device for one cause. "accepted" ones count on
 *          and stay silent.
 * Ids:     1, 2, 3, ...; the same events give the same findings and ids.
 * Time:    that of the event heads only.
 * Memory:  all from the budget, fixed at detect_new() but for findings (FINDINGS_MAX); full tables
 *          forget what was used longest ago, closed findings go before open ones.
 * Total:   any event; restore of any bytes.
 * Not checked: what is inside TLS that Hemostat does not end itself. */
#pragma once

#include "asset/tables.h"

enum detector_id {
	DETECTOR_NONE,
#define DETECTOR(id, no, sev, tech, kinds, text) DETECTOR_##id = (no),
#include "detect/detectors.def"
	DETECTORS
};

enum { FINDINGS_MAX = 4096, FINDING_CAUSE_MAX = 64, FINDING_TEXT_MAX = 256 };

struct detector_info {
	enum detector_id id;
	const char *name;
	enum name_value severity; /* as a rule; a finding may say more or less */
	const char *technique;    /* ATT&CK for ICS */
	const char *text;         /* what it means, one line */
	const char *why;          /* why it matters to patients or their data */
	const char *todo;         /* what to do about it */
};

struct detect_cidr {
	struct ip ip;
	uint8_t bits; /* of 128: an IPv4 /24 is 96 + 24 */
};

struct detect_zone {
	const char *name;
	const struct detect_cidr *nets;
	size_t n_nets;
	bool clinical;
};

struct detect_config {
	/* None: private addresses are inside, public ones outside. */
	const struct detect_zone *zones;
	size_t n_zones;
	/* Machines that may manage, scan and enter devices. */
	const struct ip *managers;
	size_t n_managers;
	/* What is known of an operating system; NULL: os_support() of asset/tables.h. */
	bool (*os_support)(struct bytes claim, struct os_support *out);
#define RATE(id, value, unit, text) uint64_t id; /* 0: default */
#include "detect/rates.def"
};

struct detect_rate {
	const char *name;
	uint64_t value; /* default */
	const char *unit;
	const char *text;
};

enum finding_state { FINDING_OPEN, FINDING_CLOSED, FINDING_ACCEPTED };

/* A finding as it stands. Texts live until the next event. */
struct finding_view {
	uint64_t id;
	enum detector_id detector;
	enum name_value severity;
	enum finding_state state;
	uint64_t device, link; /* 0: none */
	struct ip ip, peer;
	struct bytes cause, text;
	uint64_t count;
	struct event_head first; /* evidence: packet and offset of the first time */
	struct wall last;
};

struct detect;

/* config is copied, what it points to is borrowed for life; NULL: defaults. NULL: no memory. */
struct detect *detect_new(struct budget *budget, const struct detect_config *config) MUST_CHECK;
void detect_free(struct detect *d);

/* sink may be NULL. book: the one that took this event. */
void detect_event(struct detect *d, const struct event *ev, const struct asset_book *book,
    const struct event_sink *sink);

bool detect_finding(const struct detect *d, uint64_t id, struct finding_view *out);
/* The finding with the lowest id above `after`; 0 at the end. */
uint64_t detect_next(const struct detect *d, uint64_t after);
void detect_finding_json(const struct detect *d, uint64_t id, struct json *j);
/* New findings of a detector since the start (not occurrences). */
uint64_t detect_count(const struct detect *d, enum detector_id id);
uint64_t detect_forgotten(const struct detect *d); /* open findings that had to make room */

/* NULL: no such detector. */
const struct detector_info *detector_info(enum detector_id id);
const struct detector_info *detector_named(struct bytes name);
/* The table of rates, n rows. */
const struct detect_rate *detect_rates(size_t *n);
/* The zone an address is in; NULL: none. */
const struct detect_zone *detect_zone_of(const struct detect_config *c, struct ip ip);

bool detect_encode(const struct detect *d, struct buf *out);
/* Into a new engine. Tables of another size (a setting changed) start empty. On error the engine is
 * to be freed. */
enum err detect_restore(struct detect *d, struct bytes in, struct why *why) MUST_CHECK;
