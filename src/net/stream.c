/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants:
 * 1. offset and next name the same byte; everything before it was told (data or gap).
 * 2. Held chunks are sorted, do not overlap, and start after `next` whenever no call is under way:
 *    a chunk at `next` waits for the other direction (must_wait()), or the direction's start is
 *    not known. An empty chunk is a FIN that waits.
 * 3. A side has a hold only while it has chunks; a hold is in the pool's list, oldest progress
 *    first.
 * 4. recent holds bytes [recent->from, side->offset), at most RECENT_BYTES.
 * 5. Of two directions that wait for each other, which true segments cannot, one gives up in time:
 *    stop_waiting() takes at least one chunk from the list of those that wait.
 *
 *   unknown --SYN, ACK of the peer, third segment, time--> SYNCED --FIN reached, RST, end--> ENDED
 *             start()              settle()                          finish()
 */
#include "net/stream.h"

#include "base/attr.h"

enum {
	SYNCED = 1, /* next is known */
	ACKED = 2,  /* acked is known */
	FIN_SEEN = 4,
	ENDED = 8,
	MUTED = 16,
	FRESH = 32,   /* SYN was the last thing this side sent */
	SEEKING = 64, /* not SYNCED, and next is the lowest number held */
	SEEN = 128,   /* this side sent something */
	STUCK = 256,  /* next is missing, and the other side waited for it long enough */
};

enum {
	CHUNK_BYTES = 2048,
	RECENT_BYTES = 8192,
	SIDE_BYTES_DEFAULT = 1 << 20,
	RECENTS_DEFAULT = 4096,
	REORDER_DEFAULT_MS = 100,
	TIMEOUT_DEFAULT_S = 10,
	SETTLE_SEGMENTS = 3,
	GIVE_UP_CHUNKS = 64 * 1024 / CHUNK_BYTES, /* behind a hole that was acknowledged */
	PATIENCE = 10, /* times reorder_ns, where what is waited for is behind a hole itself */
	RESET_WINDOW = 1 << 20,
	AHEAD_MAX = 1 << 30, /* RFC 7323 2.2: no window is larger */
};

struct stream_chunk {
	struct stream_chunk *next;
	uint32_t seq;
	uint32_t len;
	uint32_t ack; /* of the segment: what its sender had received */
	uint8_t data[CHUNK_BYTES - 20];
};
_Static_assert(sizeof(struct stream_chunk) == CHUNK_BYTES, "a chunk is what its name says");

struct stream_hold {
	struct stream_hold *older, *newer;
	struct stream *stream;
	void *ctx;
	struct stream_chunk *head, *tail;
	int64_t since_ns; /* last progress of the direction */
	uint32_t chunks;
	uint32_t segments;
	enum name_value dir;
};

struct stream_recent {
	struct stream_recent *next; /* in the free list */
	struct stream_side *owner;
	uint64_t from;
	uint8_t data[RECENT_BYTES]; /* the byte at offset o is data[o % RECENT_BYTES] */
};

/* What one call works on. */
struct job {
	struct stream_pool *pool;
	struct stream *stream;
	struct stream_side *side;
	void *ctx;
	int64_t now_ns;
	enum name_value dir;
	uint32_t ack; /* of the segment under way */
};

static inline int32_t
seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline enum name_value
other_dir(enum name_value dir)
{
	return dir == dir_orig ? dir_resp : dir_orig;
}

static inline struct stream_side *
other_side(const struct job *j)
{
	return &j->stream->side[other_dir(j->dir)];
}

void
stream_pool_init(struct stream_pool *pool, const struct stream_settings *s)
{
	*pool = (struct stream_pool){.set = *s};
	if (pool->set.side_bytes == 0)
		pool->set.side_bytes = SIDE_BYTES_DEFAULT;
	if (pool->set.recents == 0)
		pool->set.recents = RECENTS_DEFAULT;
	if (pool->set.reorder_ns == 0)
		pool->set.reorder_ns = REORDER_DEFAULT_MS * NS_PER_MS;
	if (pool->set.timeout_ns == 0)
		pool->set.timeout_ns = TIMEOUT_DEFAULT_S * NS_PER_S;
}

void
stream_pool_free(struct stream_pool *pool)
{
	struct stream_chunk *c;
	struct stream_recent *r;
	struct stream_hold *h;

	while ((c = pool->free_chunk) != NULL) {
		pool->free_chunk = c->next;
		budget_free(pool->set.budget, c, sizeof(*c));
	}
	while ((r = pool->free_recent) != NULL) {
		pool->free_recent = r->next;
		budget_free(pool->set.budget, r, sizeof(*r));
	}
	if (pool->recents != NULL)
		budget_free(pool->set.budget, pool->recents,
		    pool->set.recents * sizeof(struct stream_recent *));
	pool->recents = NULL;
	pool->n_recents = 0;
	while ((h = pool->free_hold) != NULL) {
		pool->free_hold = h->newer;
		budget_free(pool->set.budget, h, sizeof(*h));
	}
}

/* ---- the last bytes told ---- */

static void
forget_recent(struct stream_pool *pool, struct stream_side *side)
{
	if (side->recent == NULL)
		return;
	side->recent->next = pool->free_recent;
	pool->free_recent = side->recent;
	side->recent = NULL;
}

/* Where all are in use the next in turn is taken from its owner. */
static struct stream_recent *
steal_recent(struct stream_pool *pool)
{
	struct stream_recent *r;

	if (pool->n_recents == 0)
		return NULL;
	r = pool->recents[pool->recent_hand++ % pool->n_recents];
	r->owner->recent = NULL;
	pool->recents_stolen++;
	return r;
}

static struct stream_recent *
new_recent(struct stream_pool *pool)
{
	struct stream_recent *r = pool->free_recent;

	if (r != NULL) {
		pool->free_recent = r->next;
		return r;
	}
	if (pool->recents == NULL &&
	    (pool->recents = budget_alloc(pool->set.budget, pool->set.recents * sizeof(r))) == NULL)
		return NULL;
	if (pool->n_recents == pool->set.recents ||
	    (r = budget_alloc(pool->set.budget, sizeof(*r))) == NULL)
		return steal_recent(pool);
	pool->recents[pool->n_recents++] = r;
	return r;
}

/* Keep the run that starts at side->offset. */
static inline void
keep_recent(struct stream_pool *pool, struct stream_side *side, struct bytes run)
{
	struct stream_recent *r = side->recent;
	uint64_t end = side->offset + run.len;
	size_t at, first;

	if (r == NULL) {
		if ((r = new_recent(pool)) == NULL)
			return;
		side->recent = r;
		r->owner = side;
		r->from = side->offset;
	}
	if (run.len > RECENT_BYTES)
		run = bytes_from(run, run.len - RECENT_BYTES);
	at = (size_t)((end - run.len) % RECENT_BYTES);
	first = RECENT_BYTES - at < run.len ? RECENT_BYTES - at : run.len;
	memcpy(r->data + at, run.ptr, first);
	memcpy(r->data, run.ptr + first, run.len - first);
	if (end - r->from > RECENT_BYTES)
		r->from = end - RECENT_BYTES;
}

/* ---- conflicts ---- */

static void
tell_conflict(const struct job *j, uint64_t offset, size_t first, size_t last)
{
	j->pool->conflicts++;
	j->pool->set.sink->conflict(j->ctx, j->dir, offset + first, last - first + 1);
}

/* Hold what came again against what is kept; both start at offset. */
static void
compare(const struct job *j, uint64_t offset, const uint8_t *kept, const uint8_t *again, size_t n)
{
	size_t first = 0, last = n;

	if (n == 0 || memcmp(kept, again, n) == 0)
		return;
	while (kept[first] == again[first])
		first++;
	while (kept[last - 1] == again[last - 1])
		last--;
	tell_conflict(j, offset, first, last - 1);
}

/* `again` repeats bytes from offset on, all of them told before. */
static void
compare_recent(const struct job *j, uint64_t offset, struct bytes again)
{
	const struct stream_recent *r = j->side->recent;

	if (r == NULL)
		return;
	if (offset < r->from) {
		uint64_t lost = r->from - offset;

		if (lost >= again.len)
			return;
		again = bytes_from(again, (size_t)lost);
		offset = r->from;
	}
	while (again.len > 0) {
		size_t at = (size_t)(offset % RECENT_BYTES);
		size_t n = RECENT_BYTES - at < again.len ? RECENT_BYTES - at : again.len;

		compare(j, offset, r->data + at, again.ptr, n);
		again = bytes_from(again, n);
		offset += n;
	}
}

/* ---- the order between the directions ---- */

/* True where bytes that came, and that ack covers, wait to be told. */
static bool
holds_before(const struct stream_side *side, uint32_t ack)
{
	return side->hold != NULL && side->hold->head != NULL &&
	       seq_diff(ack, side->hold->head->seq) > 0;
}

static bool
must_wait_long(const struct job *j, uint32_t ack)
{
	const struct stream_side *other = other_side(j);

	if ((other->flags & (SYNCED | SEEN | ENDED | MUTED)) != (SYNCED | SEEN))
		return false;
	/* More than can be held cannot be on its way: the number is another connection's or forged.
	 */
	if ((size_t)seq_diff(ack, other->next) > j->pool->set.side_bytes)
		return false;
	return (other->flags & STUCK) == 0 || holds_before(other, ack);
}

/* Whoever sent this had received bytes of the other direction that were not told yet. */
static inline bool
must_wait(const struct job *j, uint32_t ack)
{
	return UNLIKELY(seq_diff(ack, other_side(j)->next) > 0) && must_wait_long(j, ack);
}

/* The first chunk's turn has come, but for the other direction. */
static inline bool
head_is_next(const struct stream_side *side)
{
	return (side->flags & SYNCED) != 0 && side->hold != NULL && side->hold->head != NULL &&
	       side->hold->head->seq == side->next;
}

/* ---- data behind a hole ---- */

static void
unlink_hold(struct stream_pool *pool, struct stream_hold *h)
{
	if (pool->cursor == h)
		pool->cursor = h->newer;
	*(h->older == NULL ? &pool->oldest : &h->older->newer) = h->newer;
	*(h->newer == NULL ? &pool->newest : &h->newer->older) = h->older;
}

static void
link_hold(struct stream_pool *pool, struct stream_hold *h)
{
	h->newer = NULL;
	h->older = pool->newest;
	*(pool->newest == NULL ? &pool->oldest : &pool->newest->newer) = h;
	pool->newest = h;
}

static void
progress(const struct job *j)
{
	struct stream_hold *h = j->side->hold;

	h->since_ns = j->now_ns;
	if (j->pool->newest != h) {
		unlink_hold(j->pool, h);
		link_hold(j->pool, h);
	}
}

static void
free_chunk(struct stream_pool *pool, struct stream_chunk *c)
{
	c->next = pool->free_chunk;
	pool->free_chunk = c;
}

static void
drop_hold(struct stream_pool *pool, struct stream_side *side)
{
	struct stream_hold *h = side->hold;

	if (h == NULL)
		return;
	while (h->head != NULL) {
		struct stream_chunk *c = h->head;

		h->head = c->next;
		pool->dropped_bytes += c->len;
		free_chunk(pool, c);
	}
	unlink_hold(pool, h);
	h->newer = pool->free_hold;
	pool->free_hold = h;
	side->hold = NULL;
}

static void give_up_oldest(const struct job *j);

static struct stream_chunk *
new_chunk(const struct job *j)
{
	struct stream_pool *pool = j->pool;
	struct stream_chunk *c;

	if (pool->free_chunk == NULL && (c = budget_alloc(pool->set.budget, sizeof(*c))) != NULL)
		return c;
	if (pool->free_chunk == NULL)
		give_up_oldest(j);
	if ((c = pool->free_chunk) != NULL)
		pool->free_chunk = c->next;
	return c;
}

static struct stream_hold *
get_hold(const struct job *j)
{
	struct stream_pool *pool = j->pool;
	struct stream_hold *h = j->side->hold;

	if (h != NULL)
		return h;
	if ((h = pool->free_hold) != NULL)
		pool->free_hold = h->newer;
	else if ((h = budget_alloc(pool->set.budget, sizeof(*h))) == NULL)
		return NULL;
	*h = (struct stream_hold){
	    .stream = j->stream, .ctx = j->ctx, .since_ns = j->now_ns, .dir = j->dir};
	link_hold(pool, h);
	j->side->hold = h;
	return h;
}

/* Put b, which starts at seq and touches no chunk, after `prev` (NULL: at the front). */
static bool
insert_run(const struct job *j, struct stream_chunk *prev, uint32_t seq, struct bytes b)
{
	struct stream_hold *h = j->side->hold;

	while (b.len > 0) {
		struct stream_chunk *c = prev;
		size_t n;

		if (c == NULL || c->seq + c->len != seq || c->len == sizeof(c->data) ||
		    (c->ack != j->ack && (must_wait(j, c->ack) || must_wait(j, j->ack)))) {
			if ((size_t)h->chunks * CHUNK_BYTES >= j->pool->set.side_bytes ||
			    (c = new_chunk(j)) == NULL)
				return false;
			c->seq = seq;
			c->len = 0;
			c->ack = j->ack;
			c->next = prev == NULL ? h->head : prev->next;
			*(prev == NULL ? &h->head : &prev->next) = c;
			if (c->next == NULL)
				h->tail = c;
			h->chunks++;
		}
		n = sizeof(c->data) - c->len < b.len ? sizeof(c->data) - c->len : b.len;
		memcpy(c->data + c->len, b.ptr, n);
		c->len += (uint32_t)n;
		seq += (uint32_t)n;
		b = bytes_from(b, n);
		prev = c;
	}
	return true;
}

/* Fill the places in [seq, seq + b.len) that are free, hold the others against b. */
static bool
fill_holes(const struct job *j, uint32_t seq, struct bytes b)
{
	struct stream_hold *h = j->side->hold;
	struct stream_chunk *prev = NULL, *c;

	if (h->tail != NULL && seq_diff(seq, h->tail->seq + h->tail->len) >= 0)
		return insert_run(j, h->tail, seq, b);
	for (c = h->head; c != NULL && b.len > 0; prev = c, c = c->next) {
		int32_t before = seq_diff(c->seq, seq);
		size_t n;

		if (before > 0) {
			n = b.len < (size_t)before ? b.len : (size_t)before;
			if (!insert_run(j, prev, seq, bytes_sub(b, 0, n)))
				return false;
			seq += (uint32_t)n;
			b = bytes_from(b, n);
		}
		before = seq_diff(seq, c->seq);
		if (b.len > 0 && before < (int32_t)c->len) {
			n = c->len - (uint32_t)before;
			n = b.len < n ? b.len : n;
			compare(j,
			    j->side->offset + (uint64_t)(int64_t)seq_diff(seq, j->side->next),
			    c->data + before, b.ptr, n);
			/* Sent twice: the earlier time counts. */
			if (n == c->len && seq_diff(j->ack, c->ack) < 0)
				c->ack = j->ack;
			seq += (uint32_t)n;
			b = bytes_from(b, n);
		}
	}
	return b.len == 0 || insert_run(j, prev, seq, b);
}

/* Hold b at seq, at or after next. False where a cap was met: a part may be held by then. */
static bool
hold_run(const struct job *j, uint32_t seq, struct bytes b)
{
	bool whole;

	if (b.len == 0)
		return true;
	if (get_hold(j) == NULL)
		return false;
	whole = fill_holes(j, seq, b);
	if (j->side->hold->head == NULL)
		drop_hold(j->pool, j->side);
	else
		j->side->hold->segments++;
	return whole;
}

/* ---- telling ---- */

static void
tell_gap(const struct job *j, uint32_t missing)
{
	struct stream_side *side = j->side;
	uint64_t offset = side->offset;

	forget_recent(j->pool, side);
	j->pool->gaps++;
	j->pool->gap_bytes += missing;
	side->flags &= ~(uint32_t)STUCK;
	side->next += missing;
	side->offset += missing;
	j->pool->set.sink->gap(j->ctx, j->dir, offset, missing);
}

/* Tell the bytes that are next; `cut` more were sent after them that the capture has not. */
static inline void
tell_data(const struct job *j, struct bytes run, uint32_t cut)
{
	struct stream_side *side = j->side;
	uint64_t offset = side->offset;

	if (run.len > 0) {
		if ((side->flags & ACKED) == 0 ||
		    seq_diff(side->acked, side->next + (uint32_t)run.len) < 0)
			keep_recent(j->pool, side, run);
		side->next += (uint32_t)run.len;
		side->offset += run.len;
		j->pool->set.sink->data(j->ctx, j->dir, run, offset);
	}
	if (UNLIKELY(cut > 0) && (side->flags & MUTED) == 0)
		tell_gap(j, cut);
}

/* Tell the chunks that are next, as far as they need not wait. */
static void
drain(const struct job *j)
{
	struct stream_side *side = j->side;
	struct stream_hold *h = side->hold;
	bool told = false;

	if (h == NULL)
		return;
	while (h->head != NULL && h->head->seq == side->next && !must_wait(j, h->head->ack)) {
		struct stream_chunk *c = h->head;

		told = true;
		side->flags &= ~(uint32_t)STUCK;
		h->head = c->next;
		h->chunks--;
		if (h->head == NULL)
			h->tail = NULL;
		tell_data(j, bytes_of(c->data, c->len), 0);
		free_chunk(j->pool, c);
		if ((side->flags & MUTED) != 0) /* the sink did not want more: h is gone */
			return;
	}
	if (h->head == NULL)
		drop_hold(j->pool, side);
	else if (told)
		progress(j);
}

/* The hole before the first chunk will not be filled. */
static void
skip_hole(const struct job *j)
{
	uint32_t missing = j->side->hold->head->seq - j->side->next;

	if (missing > 0)
		tell_gap(j, missing);
	if ((j->side->flags & MUTED) != 0)
		return;
	progress(j);
	drain(j);
}

static void
finish(const struct job *j)
{
	struct stream_side *side = j->side;

	if ((side->flags & (ENDED | MUTED)) != 0)
		return;
	side->flags |= ENDED;
	drop_hold(j->pool, side);
	forget_recent(j->pool, side);
	j->pool->set.sink->end(j->ctx, j->dir);
}

/* Hold the FIN. Where there is no room it does not wait. */
static void
hold_fin(const struct job *j)
{
	struct stream_hold *h = get_hold(j);
	struct stream_chunk *c, **at;

	if (h == NULL)
		return;
	if ((c = new_chunk(j)) == NULL) {
		if (h->head == NULL)
			drop_hold(j->pool, j->side);
		return;
	}
	for (at = &h->head; *at != NULL && seq_diff((*at)->seq, j->side->fin) < 0;)
		at = &(*at)->next;
	c->seq = j->side->fin;
	c->len = 0;
	c->ack = j->ack;
	c->next = *at;
	*at = c;
	if (c->next == NULL)
		h->tail = c;
	h->chunks++;
}

static void
finish_at_fin(const struct job *j)
{
	struct stream_side *side = j->side;

	if ((side->flags & (FIN_SEEN | SYNCED)) == (FIN_SEEN | SYNCED) && side->next == side->fin &&
	    !(head_is_next(side) && side->hold->head->len == 0))
		finish(j);
}

/* The other direction's bytes did not come, or there is no room to wait. For this hole nothing
 * waits again until something behind it came. */
static void
stop_waiting(const struct job *j)
{
	struct stream_side *other = other_side(j);
	uint32_t ack = j->side->hold->head->ack;

	other->flags |= STUCK;
	for (struct stream_chunk *c = j->side->hold->head; c != NULL; c = c->next) {
		if (seq_diff(c->ack, ack) <= 0)
			c->ack = other->next;
	}
	drain(j);
}

/* The start of a direction that nobody told is the lowest number held. */
static void
settle(const struct job *j)
{
	if ((j->side->flags & SYNCED) != 0)
		return;
	if ((j->side->flags & SEEKING) == 0)
		return;
	j->side->flags = (j->side->flags & ~(uint32_t)SEEKING) | SYNCED;
	drain(j);
	finish_at_fin(j);
}

/* True where the data behind the hole was received, or nobody can know. */
static bool
may_skip(const struct stream_side *side)
{
	return (side->flags & ACKED) == 0 || seq_diff(side->acked, side->next) > 0;
}

static void
review_hold(const struct job *j)
{
	struct stream_side *side = j->side;

	while (side->hold != NULL) {
		struct stream_hold *h = side->hold;
		int64_t age = j->now_ns - h->since_ns;
		bool acked = (side->flags & ACKED) != 0;

		if ((side->flags & SYNCED) == 0) {
			if ((acked && seq_diff(side->acked, side->next) > 0) ||
			    h->segments >= SETTLE_SEGMENTS || age >= j->pool->set.reorder_ns) {
				settle(j);
				continue;
			}
			return;
		}
		if (h->head->seq == side->next) {
			uint32_t ack = h->head->ack;
			int64_t patience = j->pool->set.reorder_ns;

			if (holds_before(other_side(j), ack))
				patience *= PATIENCE;
			if (!must_wait(j, ack))
				drain(j);
			else if (age >= patience || h->chunks >= GIVE_UP_CHUNKS)
				stop_waiting(j);
			else
				return;
		} else if (acked && seq_diff(side->acked, h->head->seq) >= 0 &&
			   (age >= j->pool->set.reorder_ns || h->chunks >= GIVE_UP_CHUNKS)) {
			skip_hole(j);
		} else if (age >= j->pool->set.timeout_ns) {
			if (may_skip(side))
				skip_hole(j);
			else
				drop_hold(j->pool, side);
		} else {
			return;
		}
	}
}

/* Give up what must be given up by now. */
static void
review(const struct job *j)
{
	review_hold(j);
	finish_at_fin(j);
}

static bool
is_over(const struct stream_side *side)
{
	return (side->flags & (ENDED | MUTED)) != 0;
}

/* What the end of a direction shows to be missing. */
static void
flush_tail(const struct job *j)
{
	const struct stream_side *side = j->side;
	int32_t missing = 0;

	if (is_over(side) || (side->flags & SYNCED) == 0)
		return;
	if ((side->flags & FIN_SEEN) != 0)
		missing = seq_diff(side->fin, side->next);
	else if ((side->flags & ACKED) != 0)
		missing = seq_diff(side->acked, side->next);
	/* One number that was acknowledged is most likely a FIN that was not seen. */
	if (missing > ((side->flags & FIN_SEEN) == 0))
		tell_gap(j, (uint32_t)missing);
}

/* Tell the first of what a direction holds. */
static void
flush_head(const struct job *j, const struct job *other)
{
	struct stream_side *side = j->side;
	struct stream_chunk *head = side->hold->head;
	uint32_t hole = head->seq - side->next;

	if (!may_skip(side) && hole > j->pool->set.side_bytes) {
		drop_hold(j->pool, side);
		return;
	}
	if (must_wait(j, head->ack) && other->side->hold == NULL)
		flush_tail(other);
	if (is_over(side))
		return;
	head->ack = other->side->next;
	skip_hole(j);
}

static bool
waits_for_held(const struct job *j)
{
	const struct stream_side *side = j->side;

	return side->hold != NULL && must_wait(j, side->hold->head->ack) &&
	       holds_before(other_side(j), side->hold->head->ack);
}

/* Tell all that is left, as well as it is known, and end both directions. */
static void
flush(const struct job *a, const struct job *b)
{
	if (!is_over(a->side))
		settle(a);
	if (!is_over(b->side))
		settle(b);
	while (a->side->hold != NULL || b->side->hold != NULL) {
		bool b_first = a->side->hold == NULL ||
			       (b->side->hold != NULL && waits_for_held(a) && !waits_for_held(b));

		flush_head(b_first ? b : a, b_first ? a : b);
	}
	flush_tail(a);
	finish(a);
	flush_tail(b);
	finish(b);
}

/* Memory is out: the direction that waits longest gives its chunks back, unless it is this one. */
static void
give_up_oldest(const struct job *j)
{
	struct stream_hold *h = j->pool->oldest;
	struct job other;

	/* The other direction of the same stream may be under way in the caller. */
	while (h != NULL && h->stream == j->stream)
		h = h->newer;
	if (h == NULL)
		return;
	other = (struct job){.pool = j->pool,
	    .stream = h->stream,
	    .side = &h->stream->side[h->dir],
	    .ctx = h->ctx,
	    .now_ns = j->now_ns,
	    .dir = h->dir};
	j->pool->evicted++;
	if ((other.side->flags & SYNCED) == 0)
		settle(&other);
	else if (head_is_next(other.side))
		stop_waiting(&other);
	else if (may_skip(other.side))
		skip_hole(&other);
	else
		drop_hold(j->pool, other.side);
	finish_at_fin(&other);
}

/* ---- one segment ---- */

/* The first byte of the direction has number seq. */
static void
start(const struct job *j, uint32_t seq)
{
	struct stream_side *side = j->side;
	struct stream_hold *h = side->hold;

	if ((side->flags & SYNCED) != 0 && (side->offset != 0 || h != NULL))
		return;
	side->next = seq;
	side->flags = (side->flags & ~(uint32_t)(SEEKING | STUCK)) | SYNCED;
	if (seq_diff(side->acked, seq) < 0 || seq_diff(side->acked, seq) > AHEAD_MAX)
		side->flags &= ~(uint32_t)ACKED;
	/* What was held from before the start belongs to an older connection. */
	while (side->hold != NULL && seq_diff(h->head->seq, seq) < 0) {
		struct stream_chunk *c = h->head;
		int32_t old = seq_diff(seq, c->seq);

		if (old < (int32_t)c->len) {
			memmove(c->data, c->data + old, c->len - (uint32_t)old);
			c->len -= (uint32_t)old;
			c->seq = seq;
			break;
		}
		h->head = c->next;
		h->chunks--;
		free_chunk(j->pool, c);
		if (h->head == NULL) {
			h->tail = NULL;
			drop_hold(j->pool, side);
		}
	}
	if (side->hold != NULL)
		progress(j);
	drain(j);
}

static void
take_ack(const struct job *j, uint32_t ack)
{
	struct stream_side *side = j->side;

	if ((side->flags & ACKED) != 0 && seq_diff(ack, side->acked) <= 0)
		return;
	if ((side->flags & SYNCED) != 0 && seq_diff(ack, side->next) > AHEAD_MAX)
		return;
	side->acked = ack;
	side->flags |= ACKED;
	if (side->recent != NULL && seq_diff(ack, side->next) >= 0)
		forget_recent(j->pool, side);
	if (UNLIKELY(side->hold != NULL))
		review(j);
}

/* A segment of a direction whose start is not known. True where it waits now, or is too old. */
static bool
take_unknown(const struct job *j, uint32_t seq, struct bytes run, uint32_t wire)
{
	struct stream_side *side = j->side;

	if ((side->flags & SEEKING) == 0) {
		side->next = seq;
		side->flags |= SEEKING;
	} else if (seq_diff(seq, side->next) < -(int32_t)RESET_WINDOW) {
		return true;
	} else if (seq_diff(seq, side->next) < 0) {
		side->next = seq;
	}
	if (run.len == wire && hold_run(j, seq, run)) {
		review(j);
		return true;
	}
	/* What is cut, or finds no room, cannot wait. */
	settle(j);
	return (side->flags & (ENDED | MUTED)) != 0;
}

/* Part of a segment that is still to be told. */
struct part {
	uint32_t seq;
	uint32_t wire;
	struct bytes run;
};

/* Cut off what was told before, held against it. False where nothing is left. */
static bool
cut_old(const struct job *j, struct part *p)
{
	uint32_t old = j->side->next - p->seq;

	if (old == 0)
		return true;
	if (old == 1 && p->wire == 1)
		return false; /* RFC 9293 3.8.4: a keep-alive's byte means nothing */
	if (old <= j->side->offset)
		compare_recent(
		    j, j->side->offset - old, bytes_sub(p->run, 0, old < p->wire ? old : p->wire));
	if (old >= p->wire)
		return false;
	p->seq += old;
	p->wire -= old;
	p->run = bytes_from(p->run, old);
	return true;
}

/* Hold what is next until the other direction has told what its sender knew. False where there is
 * no room: then nothing waits any more, and a part may be told. */
static bool
wait_turn(const struct job *j, struct bytes run)
{
	struct stream_side *side = j->side;
	bool waits = head_is_next(side);

	if (hold_run(j, side->next, run)) {
		j->pool->waited++;
		if (!waits)
			progress(j);
		review(j);
		return true;
	}
	while (head_is_next(side))
		stop_waiting(j);
	return false;
}

/* wire bytes were sent from seq on, run is what the capture has of them. */
static void
take_data(const struct job *j, uint32_t seq, struct bytes run, uint32_t wire)
{
	struct stream_pool *pool = j->pool;
	struct stream_side *side = j->side;
	int32_t ahead;

	if ((side->flags & SYNCED) == 0) {
		if ((side->flags & ACKED) != 0 && wire == 1 && seq + 1 == side->acked)
			return; /* a keep-alive */
		if ((side->flags & (ACKED | SEEKING)) == ACKED && side->acked == seq) {
			start(j, seq);
		} else if (take_unknown(j, seq, run, wire)) {
			return;
		}
	}
	if ((side->flags & FIN_SEEN) != 0 && seq_diff(seq + wire, side->fin) > 0)
		side->flags &= ~(uint32_t)FIN_SEEN; /* data counts more than an early FIN */
	while ((ahead = seq_diff(seq, side->next)) > 0) {
		pool->reordered++;
		if (ahead > AHEAD_MAX)
			return;
		if (hold_run(j, seq, run)) {
			review(j);
			return;
		}
		if (head_is_next(side)) {
			stop_waiting(j);
			if (is_over(side))
				return;
			continue;
		}
		if (!may_skip(side)) {
			pool->dropped_bytes += run.len;
			return;
		}
		if (side->hold != NULL && side->hold->head != NULL &&
		    seq_diff(side->hold->head->seq, seq) <= 0)
			skip_hole(j);
		else
			tell_gap(j, (uint32_t)ahead);
		if ((side->flags & (ENDED | MUTED)) != 0)
			return;
	}
	struct part p = {seq, wire, run};

	if (!cut_old(j, &p))
		return;
	side->flags &= ~(uint32_t)STUCK;
	/* What was cut by the capture cannot wait. */
	if (p.run.len == p.wire && (head_is_next(side) || must_wait(j, j->ack)) &&
	    (wait_turn(j, p.run) || is_over(side) || !cut_old(j, &p)))
		return;
	if (LIKELY(side->hold == NULL)) {
		tell_data(j, p.run, p.wire - (uint32_t)p.run.len);
		return;
	}
	/* Up to what is held it is new; what is held came first and wins. */
	uint32_t fresh = side->hold->head->seq - p.seq;

	if (fresh >= p.wire) {
		tell_data(j, p.run, p.wire - (uint32_t)p.run.len);
	} else {
		tell_data(j, bytes_sub(p.run, 0, fresh), 0);
		p.run = bytes_from(p.run, fresh);
		if ((side->flags & MUTED) == 0 && !hold_run(j, p.seq + fresh, p.run))
			pool->dropped_bytes += p.run.len; /* a part of it: a hole by then */
	}
	if (side->hold != NULL)
		progress(j);
	drain(j);
}

static void
take_reset(const struct job *j, const struct job *peer, uint32_t seq)
{
	if (stream_reset_fit(j->stream, j->dir, seq) == STREAM_FIT_EXACT)
		flush(j, peer);
}

/* Tell what no longer waits for the other direction. True where something was. */
static bool
wake(const struct job *j)
{
	struct stream_side *side = j->side;
	uint64_t before = side->offset;

	if (!head_is_next(side) || must_wait(j, side->hold->head->ack))
		return false;
	drain(j);
	finish_at_fin(j);
	return side->offset != before || is_over(side);
}

static void
wake_both(const struct job *a, const struct job *b)
{
	bool told;

	do {
		told = wake(a);
		told = wake(b) || told;
	} while (told);
}

static inline void
take_segment(const struct job *j, const struct job *peer, const struct packet *p)
{
	struct stream_side *side = j->side;
	uint32_t seq = p->seq;

	if (UNLIKELY((p->tcp_flags & TCP_SYN) != 0)) {
		start(j, seq + 1);
		side->flags |= FRESH;
		if ((p->tcp_flags & TCP_ACK) != 0 && (peer->side->flags & SYNCED) == 0)
			start(peer, p->ack);
		seq++;
	} else if (UNLIKELY((side->flags & FRESH) != 0)) {
		/* The end of the handshake names the other side's start too. */
		side->flags &= ~(uint32_t)FRESH;
		if ((p->tcp_flags & (TCP_ACK | TCP_RST)) == TCP_ACK &&
		    (peer->side->flags & (SYNCED | SEEKING)) == 0)
			start(peer, p->ack);
	}
	if (LIKELY((p->tcp_flags & TCP_ACK) != 0) && (peer->side->flags & ENDED) == 0)
		take_ack(peer, p->ack);
	if (is_over(side))
		return;
	if (p->payload_wire > 0 && (p->tcp_flags & TCP_RST) == 0) {
		if (LIKELY((side->flags & (SYNCED | FIN_SEEN | STUCK)) == SYNCED &&
			   seq == side->next && side->hold == NULL &&
			   p->payload.len == p->payload_wire) &&
		    !must_wait(j, j->ack))
			tell_data(j, p->payload, 0);
		else
			take_data(j, seq, p->payload, p->payload_wire);
	}
	if (LIKELY((p->tcp_flags & (TCP_FIN | TCP_RST)) == 0 && (side->flags & FIN_SEEN) == 0))
		return;
	if (is_over(side))
		return;
	if ((p->tcp_flags & TCP_FIN) != 0 && (side->flags & FIN_SEEN) == 0) {
		if ((side->flags & (SYNCED | SEEKING)) == 0)
			start(j, seq + p->payload_wire);
		side->fin = seq + p->payload_wire;
		if (seq_diff(side->fin, side->next) >= 0) {
			side->flags |= FIN_SEEN;
			if ((side->flags & SYNCED) != 0 && must_wait(j, j->ack))
				hold_fin(j);
		}
	}
	finish_at_fin(j);
	if ((p->tcp_flags & TCP_RST) != 0)
		take_reset(j, peer, p->seq);
}

void
stream_packet(struct stream_pool *pool, struct stream *s, enum name_value dir,
    const struct packet *p, struct wall now, void *ctx)
{
	enum name_value back = other_dir(dir);
	uint32_t ack = (p->tcp_flags & TCP_ACK) != 0 ? p->ack : s->side[back].next;
	struct job j = {pool, s, &s->side[dir], ctx, now.ns, dir, ack};
	struct job peer = {pool, s, &s->side[back], ctx, now.ns, back, 0};

	if ((j.side->flags & MUTED) != 0)
		return;
	j.side->flags |= SEEN;
	take_segment(&j, &peer, p);
	if (UNLIKELY(j.side->hold != NULL || peer.side->hold != NULL))
		wake_both(&peer, &j);
}

void
stream_end(struct stream_pool *pool, struct stream *s, void *ctx)
{
	struct job orig = {pool, s, &s->side[dir_orig], ctx, 0, dir_orig, 0};
	struct job resp = {pool, s, &s->side[dir_resp], ctx, 0, dir_resp, 0};

	for (int d = 0; d < 2; d++) {
		const struct stream_hold *h = s->side[d].hold;

		if (h != NULL && h->since_ns > orig.now_ns)
			orig.now_ns = resp.now_ns = h->since_ns;
	}
	flush(&orig, &resp);
}

void
stream_mute(struct stream_pool *pool, struct stream *s)
{
	for (int d = 0; d < 2; d++) {
		drop_hold(pool, &s->side[d]);
		forget_recent(pool, &s->side[d]);
		s->side[d].flags |= MUTED;
	}
}

void
stream_sweep(struct stream_pool *pool, struct wall now)
{
	struct stream_hold *h;

	pool->swept_ns = now.ns;
	/* unlink_hold() moves the cursor on when its hold goes away under our feet. */
	for (pool->cursor = pool->oldest; (h = pool->cursor) != NULL;) {
		enum name_value back = other_dir(h->dir);
		struct stream *s = h->stream;
		struct job j = {pool, s, &s->side[h->dir], h->ctx, now.ns, h->dir, 0};
		struct job peer = {pool, s, &s->side[back], h->ctx, now.ns, back, 0};

		if (now.ns - h->since_ns < pool->set.reorder_ns)
			break;
		pool->cursor = h->newer;
		review(&j);
		wake_both(&peer, &j);
	}
	pool->cursor = NULL;
}

/* The number after the bytes without a hole: those that wait for the other direction count. */
static uint32_t
received(const struct stream_side *side)
{
	uint32_t end = side->next;

	if (head_is_next(side)) {
		for (const struct stream_chunk *c = side->hold->head; c != NULL && c->seq == end;
		     c = c->next)
			end += c->len;
	}
	return end;
}

enum stream_fit
stream_reset_fit(const struct stream *s, enum name_value dir, uint32_t seq)
{
	const struct stream_side *side = &s->side[dir];
	int32_t d = seq_diff(seq, received(side));

	if ((side->flags & SYNCED) == 0 || (side->flags & (MUTED | ENDED)) != 0 || d == 0)
		return STREAM_FIT_EXACT;
	if ((side->flags & FIN_SEEN) != 0 && seq == side->fin + 1)
		return STREAM_FIT_EXACT;
	return d > 0 && d < RESET_WINDOW ? STREAM_FIT_WINDOW : STREAM_FIT_NOT;
}

enum stream_fit
stream_syn_fit(const struct stream *s, enum name_value dir, uint32_t seq)
{
	const struct stream_side *side = &s->side[dir];

	if ((side->flags & SYNCED) != 0 && side->next - (uint32_t)side->offset == seq + 1)
		return STREAM_FIT_EXACT;
	if ((side->flags & SYNCED) == 0 || (side->offset == 0 && side->hold == NULL))
		return STREAM_FIT_WINDOW;
	return STREAM_FIT_NOT;
}

bool
stream_turn(struct stream *s)
{
	struct stream_side side = s->side[0];

	if (s->side[0].offset != 0 || s->side[1].offset != 0 ||
	    ((s->side[0].flags | s->side[1].flags) & (ENDED | MUTED)) != 0)
		return false;
	s->side[0] = s->side[1];
	s->side[1] = side;
	for (int d = 0; d < 2; d++) {
		if (s->side[d].hold != NULL)
			s->side[d].hold->dir = (enum name_value)d;
	}
	return true;
}

bool
stream_ended(const struct stream *s)
{
	return (s->side[0].flags & s->side[1].flags & ENDED) != 0;
}
