/* SPDX-License-Identifier: Apache-2.0 */
/* Holding a whole log against itself: is it what was signed (integrity), and does it say all that
 * it should (completeness)? Two answers, never one.
 * Input:   entries in order, with the hash that the log stores for each; facts of some entries.
 * Output:  faults with the index of the first bad entry, or the range in which it lies.
 * Memory:  the struct; a bounded number of faults (the rest is counted).
 * Not checked: what nobody signed or saved. A log whose owner rewrites all of it, checkpoints
 *          included, is found by a checkpoint that was kept elsewhere, and by nothing else. */
#pragma once

#include "base/clock.h"
#include "ledger/note.h"

enum {
	AUDIT_FAULTS_MAX = 64,
	AUDIT_SOURCES_MAX = 4096,
	AUDIT_CLOCK_SLACK_S = 2,
	AUDIT_SILENCE_S = 660, /* of a live watch: two heartbeats and a little */
};

enum audit_kind {
	AUDIT_ENTRY,      /* an entry is not what its leaf hash says */
	AUDIT_MISSING,    /* an entry is not there, and retention cannot be why */
	AUDIT_TILE,       /* stored hashes do not lead to the stored hash above them */
	AUDIT_CHECKPOINT, /* a signed root is not that of the log */
	AUDIT_SHORT,      /* the log ends before what was signed */
	AUDIT_SIGNATURE,  /* a checkpoint is not signed as it should be */
	AUDIT_GAP,        /* completeness: something should be there */
	AUDIT_CLOCK,      /* completeness: the clock was turned back */
};

const char *audit_kind_name(enum audit_kind k);

struct audit_fault {
	enum audit_kind kind;
	uint64_t from, to; /* the fault is at `from`, or somewhere from..to */
	char text[160];
};

struct audit_list {
	size_t n; /* kept, at most AUDIT_FAULTS_MAX */
	uint64_t all;
	struct audit_fault fault[AUDIT_FAULTS_MAX];
};

/* A fault that follows the last one of the same kind and text only makes it longer. */
void audit_add(struct audit_list *l, enum audit_kind kind, uint64_t from, uint64_t to,
    const char *fmt, ...) PRINTF_LIKE(5, 6);

/* The first bad entry: *exact tells whether it is known, or only that none before it is bad. False:
 * there is no fault. */
bool audit_first(const struct audit_list *l, uint64_t *index, bool *exact);

/* --- integrity --- */

/* A signed root to be met on the way. */
struct audit_point {
	uint64_t size;
	struct tree_hash root;
	char label[64]; /* for people: which checkpoint */
	bool elsewhere; /* kept outside the log: who rewrote the log cannot have changed it */
	bool met;
};

struct audit {
	struct hasher *h;
	const struct tree_reader *stored; /* levels from 1 on; NULL: not looked at */
	struct audit_point *point;        /* by size */
	size_t n_points, at;
	struct tree_edge leaves, entries; /* over stored leaf hashes; over hashes of entries */
	bool entries_met; /* the last point was met by the entries, whatever the leaves say */
	uint64_t good;    /* entries that a met point speaks for */
	uint64_t good_elsewhere; /* the same, of points that were kept elsewhere */
	uint64_t checked;        /* entries that were there to be hashed */
	enum err failed;         /* of the reader */
	struct audit_list faults;
};

/* points: sorted here; both live as long as a. */
void audit_start(struct audit *a, struct hasher *h, struct audit_point *points, size_t n,
    const struct tree_reader *stored);
/* The next leaf: as stored, and as made from the entry (NULL: the entry is not at hand). */
void audit_leaf(struct audit *a, const struct tree_hash *stored, const struct tree_hash *made);
/* No more leaves: points that were not reached are faults. */
void audit_end(struct audit *a);

/* --- completeness --- */

struct audit_fact {
	uint64_t index;
	uint64_t source;
	struct wall time;
	enum { FACT_OTHER, FACT_CAPTURE, FACT_PROCESS } kind;
	struct bytes role, what, detail; /* of capture and process events */
};

struct audit_source {
	uint64_t number, started, last; /* indexes */
	bool open, live;
};

struct audit_complete {
	size_t n_sources;
	struct audit_source source[AUDIT_SOURCES_MAX];
	uint64_t highest;      /* number of a source */
	unsigned live;         /* open ones */
	struct wall clock;     /* latest time by our own clock */
	uint64_t sources_open; /* told at the end: not said to have stopped */
	struct audit_list faults;
};

void audit_fact(struct audit_complete *c, const struct audit_fact *f);
void audit_complete_end(struct audit_complete *c);
