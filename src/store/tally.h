/* SPDX-License-Identifier: Apache-2.0 */
/* What links, sources and hours gain from events, summed in memory until the next commit.
 * Pure: no clock, no database. The same events give the same sums, live or in a rebuild.
 * A flow is told once, when it is over or its capture ends: its bytes are added when told.
 * Memory: about 250 bytes a link and 48 bytes an hour that changed; tally_full() says when to
 *         hand over. */
#pragma once

#include "base/idmap.h"
#include "store/store.h"

struct tally_link {
	struct store_link row; /* counts are what is added; app points into app[] */
	bool defined;          /* an EV_link told its endpoints */
	char app[32];
};

struct tally_hour {
	int64_t hour; /* since 1970 */
	uint8_t kind, sub;
	uint64_t n, bytes;
};

struct tally_source {
	uint64_t number;
	char name[128];
	size_t name_len;
	struct wall started, ended; /* 0: not told */
	uint64_t packets, bytes, dropped;
};

enum { TALLY_SOURCES_MAX = 64 };

struct tally {
	struct budget budget;
	struct idmap link_at, hour_at;
	struct buf links; /* struct tally_link */
	struct buf hours; /* struct tally_hour */
	struct tally_source sources[TALLY_SOURCES_MAX];
	size_t n_sources;
};

void tally_init(struct tally *t);
/* False: no room or memory; hand over, reset and try again. */
bool tally_add(struct tally *t, const struct event *ev) MUST_CHECK;
bool tally_full(const struct tally *t);
size_t tally_n_links(const struct tally *t);
struct tally_link *tally_link_at(const struct tally *t, size_t i);
size_t tally_n_hours(const struct tally *t);
const struct tally_hour *tally_hour_at(const struct tally *t, size_t i);
void tally_reset(struct tally *t);
void tally_free(struct tally *t);
