/* SPDX-License-Identifier: Apache-2.0 */
/* Units cut from one direction of a stream: text lines, and records that begin with their length.
 * Input:   runs in stream order, cut anywhere; the caller tells holes.
 * Output:  views into the run where the unit lies in it whole, else into the cutter's own buffer;
 *          they live until the next call on the same cutter.
 * Memory:  at most cap (lines) or keep (frames) bytes, from the budget of `held`.
 * Total:   any bytes; every call takes bytes or says that none are left. Work is linear. */
#pragma once

#include "base/buf.h"

struct piece {
	struct bytes body; /* at most cap or keep bytes of the unit */
	uint64_t offset;   /* of its first byte */
	uint64_t size;     /* on the wire, with line end or prefix */
	bool cut;          /* body is only the start of the unit */
};

/* --- lines --- */

struct lines {
	size_t cap;      /* most bytes of a line that are kept; set before use */
	struct buf held; /* budget set before use */
	uint64_t start;  /* offset of the open line */
	uint64_t size;   /* its bytes so far, dropped ones included */
	bool given;      /* held was shown by the last call */
	bool broken;     /* the open line lost its start: not shown */
};

/* The next line that ends with LF, without LF and a CR before it. False: *in is used up. */
bool lines_next(struct lines *l, struct bytes *in, uint64_t *offset, struct piece *line);
/* What stands there without a line end, and forget it. False: nothing does. */
bool lines_rest(struct lines *l, struct piece *line);
/* A hole: forget the open line and drop what follows up to the next LF. */
void lines_reset(struct lines *l);
void lines_free(struct lines *l);

/* --- frames --- */

enum frames_step {
	FRAMES_MORE,    /* the input is used up */
	FRAMES_UNIT,    /* *unit: the first min(size, keep) bytes of a unit; the rest is skipped */
	FRAMES_LOST,    /* no unit can start at unit->offset: looking for the next from here on */
	FRAMES_REFUSED, /* the budget is out: one unit was dropped */
};

struct frames {
	size_t prefix; /* bytes that tell the size, 1..FRAMES_SYNC_MAX */
	size_t keep;   /* most bytes of a unit that are shown, >= prefix and sync */
	/* Whole size of the unit with its prefix, from `prefix` bytes; below `prefix`: not a unit.
	 */
	uint64_t (*size_of)(struct bytes prefix);
	/* True where `sync` bytes are surely the start of a unit of at least that size. sync = 0:
	 * once lost, the direction stays lost. */
	bool (*sync_at)(struct bytes window);
	size_t sync; /* 0, or prefix..FRAMES_SYNC_MAX */
	struct buf held;
	uint64_t start; /* offset of the open unit */
	uint64_t skip;  /* bytes of the last unit that are still to come */
	bool lost;
	bool given;
};

enum { FRAMES_SYNC_MAX = 32 };

enum frames_step frames_next(
    struct frames *f, struct bytes *in, uint64_t *offset, struct piece *unit);
/* missing bytes are not there: harmless inside a skipped part, else the cutter is lost. */
void frames_gap(struct frames *f, uint64_t missing);
void frames_free(struct frames *f);
