/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- faults --- */

const char *
audit_kind_name(enum audit_kind k)
{
	static const char *const names[] = {
	    "entry", "missing", "tile", "checkpoint", "short", "signature", "gap", "clock"};

	return names[k];
}

void
audit_add(
    struct audit_list *l, enum audit_kind kind, uint64_t from, uint64_t to, const char *fmt, ...)
{
	struct audit_fault f = {.kind = kind, .from = from, .to = to};
	struct audit_fault *last = l->n > 0 ? &l->fault[l->n - 1] : NULL;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(f.text, sizeof(f.text), fmt, args);
	va_end(args);
	l->all++;
	if (last != NULL && last->kind == kind && last->to + 1 == from &&
	    (kind == AUDIT_ENTRY || kind == AUDIT_MISSING) && strcmp(last->text, f.text) == 0)
		last->to = to;
	else if (l->n < AUDIT_FAULTS_MAX)
		l->fault[l->n++] = f;
}

static bool
is_exact(const struct audit_fault *f)
{
	return f->kind != AUDIT_TILE && f->kind != AUDIT_CHECKPOINT && f->kind != AUDIT_SIGNATURE;
}

bool
audit_first(const struct audit_list *l, uint64_t *index, bool *exact)
{
	const struct audit_fault *best = NULL;

	/* A known place tells more than the range around it. */
	for (size_t i = 0; i < l->n; i++) {
		const struct audit_fault *f = &l->fault[i];

		if (best == NULL || (is_exact(f) && !is_exact(best)) ||
		    (is_exact(f) == is_exact(best) && f->from < best->from))
			best = f;
	}
	if (best == NULL)
		return false;
	*index = best->from;
	*exact = is_exact(best);
	return true;
}

/* --- integrity --- */

static int
by_size(const void *x, const void *y)
{
	const struct audit_point *a = x, *b = y;

	return a->size < b->size ? -1 : a->size > b->size;
}

static void
meet_points(struct audit *a)
{
	struct tree_hash leaves, entries;
	bool met = false, met_elsewhere = false;

	if (a->at == a->n_points || a->point[a->at].size != a->leaves.size)
		return;
	leaves = tree_edge_root(a->h, &a->leaves);
	entries = tree_edge_root(a->h, &a->entries);
	for (; a->at < a->n_points && a->point[a->at].size == a->leaves.size; a->at++) {
		struct audit_point *p = &a->point[a->at];
		uint64_t good = p->elsewhere ? a->good_elsewhere : a->good;

		p->met = tree_hash_eq(&leaves, &p->root);
		a->entries_met = tree_hash_eq(&entries, &p->root);
		met |= p->met;
		met_elsewhere |= p->met && p->elsewhere;
		if (!p->met)
			audit_add(&a->faults, AUDIT_CHECKPOINT, p->size > 0 ? good : 0,
			    p->size > 0 ? p->size - 1 : 0, "%s of %llu entries is of another log%s",
			    p->label, (unsigned long long)p->size,
			    a->entries_met ? "; the events themselves lead to it" : "");
	}
	if (met)
		a->good = a->leaves.size;
	if (met_elsewhere)
		a->good_elsewhere = a->leaves.size;
}

void
audit_start(struct audit *a, struct hasher *h, struct audit_point *points, size_t n,
    const struct tree_reader *stored)
{
	memset(a, 0, sizeof(*a));
	a->h = h;
	a->point = points;
	a->n_points = n;
	a->stored = stored;
	if (n > 0)
		qsort(points, n, sizeof(*points), by_size);
	meet_points(a);
}

static void
hold_tile(void *ctx, unsigned level, uint64_t at, const struct tree_hash *hash)
{
	struct audit *a = ctx;
	struct tree_hash stored;
	struct why why;

	if (level == 0 || a->stored == NULL)
		return;
	if (a->stored->read(a->stored->ctx, level, at, 1, &stored, &why) != ERR_OK)
		audit_add(&a->faults, AUDIT_TILE, at << 8 * level, ((at + 1) << 8 * level) - 1,
		    "%.120s", why.text);
	else if (!tree_hash_eq(&stored, hash))
		audit_add(&a->faults, AUDIT_TILE, at << 8 * level, ((at + 1) << 8 * level) - 1,
		    "the hashes of a tile do not lead to the hash of level %u above them", level);
}

static void
hold_nothing(void *ctx, unsigned level, uint64_t at, const struct tree_hash *hash)
{
	(void)ctx;
	(void)level;
	(void)at;
	(void)hash;
}

void
audit_leaf(struct audit *a, const struct tree_hash *stored, const struct tree_hash *made)
{
	if (made != NULL) {
		a->checked++;
		if (!tree_hash_eq(stored, made))
			audit_add(&a->faults, AUDIT_ENTRY, a->leaves.size, a->leaves.size,
			    "the entry is not what its leaf hash says");
	}
	tree_edge_add(a->h, &a->entries, made != NULL ? made : stored, hold_nothing, NULL);
	tree_edge_add(a->h, &a->leaves, stored, hold_tile, a);
	meet_points(a);
}

void
audit_end(struct audit *a)
{
	for (; a->at < a->n_points; a->at++)
		audit_add(&a->faults, AUDIT_SHORT, a->leaves.size, a->point[a->at].size - 1,
		    "%s speaks of %llu entries; %llu are there", a->point[a->at].label,
		    (unsigned long long)a->point[a->at].size, (unsigned long long)a->leaves.size);
}

/* --- completeness --- */

static struct audit_source *
source_of(struct audit_complete *c, uint64_t number)
{
	for (size_t i = c->n_sources; i > 0; i--) {
		if (c->source[i - 1].number == number)
			return &c->source[i - 1];
	}
	return NULL;
}

static void
source_starts(struct audit_complete *c, const struct audit_fact *f)
{
	struct audit_source *s = source_of(c, f->source);
	bool live = bytes_eq(f->detail, BYTES("interface"));

	if (f->source > c->highest + 1)
		audit_add(&c->faults, AUDIT_GAP, f->index, f->index,
		    "capture %llu begins; nothing tells of capture %llu",
		    (unsigned long long)f->source, (unsigned long long)c->highest + 1);
	if (f->source > c->highest)
		c->highest = f->source;
	if (s == NULL && c->n_sources < AUDIT_SOURCES_MAX)
		s = &c->source[c->n_sources++];
	if (s == NULL)
		return;
	*s = (struct audit_source){f->source, f->index, f->index, true, live};
	c->live += live;
}

static void
source_stops(struct audit_complete *c, const struct audit_fact *f)
{
	struct audit_source *s = source_of(c, f->source);

	if (s == NULL || !s->open)
		return;
	s->open = false;
	c->live -= s->live;
}

/* By our own clock: only what Hemostat tells of itself, not times of packets. */
static void
hold_clock(struct audit_complete *c, const struct audit_fact *f)
{
	int64_t step = f->time.ns - c->clock.ns;

	if (c->clock.ns != 0 && step < -AUDIT_CLOCK_SLACK_S * NS_PER_S)
		audit_add(&c->faults, AUDIT_CLOCK, f->index, f->index,
		    "the clock is %lld s behind an earlier entry", (long long)(-step / NS_PER_S));
	if (c->live > 0 && step > AUDIT_SILENCE_S * NS_PER_S)
		audit_add(&c->faults, AUDIT_GAP, f->index, f->index,
		    "no word for %lld s while a live capture ran", (long long)(step / NS_PER_S));
	if (f->time.ns > c->clock.ns)
		c->clock = f->time;
}

void
audit_fact(struct audit_complete *c, const struct audit_fact *f)
{
	struct audit_source *s;

	if (f->kind == FACT_OTHER) {
		if (f->source == 0)
			return;
		s = source_of(c, f->source);
		if (s != NULL)
			s->last = f->index;
		else if (f->source > c->highest) {
			audit_add(&c->faults, AUDIT_GAP, f->index, f->index,
			    "an event of capture %llu, whose start is not told",
			    (unsigned long long)f->source);
			c->highest = f->source;
		}
		return;
	}
	hold_clock(c, f);
	if (f->kind == FACT_PROCESS) {
		if (bytes_eq(f->role, BYTES("ledger")) && bytes_eq(f->what, BYTES("loss")))
			audit_add(&c->faults, AUDIT_GAP, f->index, f->index, "%.*s",
			    (int)(f->detail.len < 150 ? f->detail.len : 150),
			    (const char *)f->detail.ptr);
		return;
	}
	if (bytes_eq(f->what, BYTES("start")))
		source_starts(c, f);
	else if (bytes_eq(f->what, BYTES("stop")) || bytes_eq(f->what, BYTES("fail")))
		source_stops(c, f);
}

void
audit_complete_end(struct audit_complete *c)
{
	/* The newest may be running still; an older one that never stopped was cut off. */
	for (size_t i = 0; i < c->n_sources; i++) {
		const struct audit_source *s = &c->source[i];

		c->sources_open += s->open;
		if (s->open && s->number < c->highest)
			audit_add(&c->faults, AUDIT_GAP, s->last, s->last,
			    "capture %llu ends here without a word that it stopped",
			    (unsigned long long)s->number);
	}
}
