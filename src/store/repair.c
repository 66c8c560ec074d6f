/* SPDX-License-Identifier: Apache-2.0 */
/* Making derived tables again, checking, saving what a damaged database still holds, and letting
 * old events go. */
#include <stdlib.h>

#include "store/inner.h"

enum {
	REBUILD_COMMIT_EVENTS = 100000,
	RETAIN_BLOCKS = 1000,
	NUMBERS_AT_ONCE = 1024,
	CHECK_TRIES = 50,
	CHECK_ARENA_BYTES = 1024 * 1024,
};

/* --- making again --- */

bool
store_rebuilding(const struct store *st)
{
	return st->rebuilding;
}

enum err
store_derived_clear(struct store *st, struct why *why)
{
	enum err e;

	if ((e = store_settle(st, why)) != ERR_OK || (e = store_begin(st, why)) != ERR_OK)
		return e;
	if ((e = st->ops->derived_clear(st->b, why)) != ERR_OK ||
	    (e = st->ops->value_put(st->b, "rebuilding", BYTES("1"), why)) != ERR_OK)
		return store_undo(st, e);
	if ((e = store_commit(st, STORE_DURABLE, why)) == ERR_OK)
		st->rebuilding = true;
	return e;
}

struct rebuild {
	struct store *st;
	store_event_fn fn;
	void *ctx;
	uint64_t n;
	enum err e;
	struct why *why;
};

static bool
replay(void *ctx, const struct store_event *ev)
{
	struct rebuild *r = ctx;

	if (tally_full(&r->st->tally))
		r->e = store_flush_tally(r->st, r->why);
	if (r->e == ERR_OK && !tally_add(&r->st->tally, &ev->ev))
		r->e = FAIL(r->why, ERR_SYSTEM, "no memory to count an event");
	if (r->e == ERR_OK && r->fn != NULL && !r->fn(r->ctx, ev))
		r->e = FAIL(r->why, ERR_REFUSED, "the rebuild was stopped at event %llu",
		    (unsigned long long)ev->seq);
	if (r->e == ERR_OK && ++r->n % REBUILD_COMMIT_EVENTS == 0)
		r->e = store_commit(r->st, STORE_FAST, r->why);
	return r->e == ERR_OK;
}

enum err
store_rebuild(struct store *st, store_event_fn fn, void *ctx, struct why *why)
{
	struct rebuild r = {st, fn, ctx, 0, ERR_OK, why};
	struct store_filter all = {0};
	enum err e;

	if ((e = store_derived_clear(st, why)) != ERR_OK)
		return e;
	all.to_seq = st->next_seq;
	if ((e = store_events(st, &all, replay, &r, why)) == ERR_OK)
		e = r.e;
	if (e != ERR_OK || (e = store_begin(st, why)) != ERR_OK ||
	    (e = st->ops->value_put(st->b, "rebuilding", BYTES("0"), why)) != ERR_OK)
		return store_undo(st, e);
	if ((e = store_commit(st, STORE_DURABLE, why)) == ERR_OK)
		st->rebuilding = false;
	return e;
}

/* --- checking --- */

struct checker {
	struct store *st;
	struct buf kept, raw, at, keys;
	struct store_check *out;
};

static void
checker_free(struct checker *c)
{
	buf_free(&c->kept);
	buf_free(&c->raw);
	buf_free(&c->at);
	buf_free(&c->keys);
}

/* The summary that the records in c->raw ask for. ERR_INPUT: one of them is not an event. */
static enum err
summarise(struct checker *c, struct block_info *i, struct why *why)
{
	struct bytes rest = buf_bytes(&c->raw);
	struct event ev;
	size_t used;
	enum err e;

	buf_reset(&c->keys);
	while (rest.len > 0) {
		if ((e = event_decode(rest, &ev, &used, why)) != ERR_OK)
			return e == ERR_LIMIT ? ERR_INPUT : e;
		block_note(i, &c->keys, &ev, used);
		rest = bytes_from(rest, used);
	}
	return ERR_OK;
}

static bool
same_summary(const struct block_info *a, const struct block_info *b)
{
	return a->n == b->n && a->kinds == b->kinds && a->protos == b->protos &&
	       a->min_time.ns == b->min_time.ns && a->max_time.ns == b->max_time.ns &&
	       a->raw_len == b->raw_len;
}

/* True where the block is what its row says. *gone: a writer changed it since. */
static bool
block_sound(struct checker *c, const struct block_row *row, bool *gone)
{
	struct block_info i = {.first_seq = row->info.first_seq};
	enum err e = store_read_block(c->st, &row->info, &c->kept, &c->raw, &c->at, NULL);
	uint64_t key;

	*gone = e == ERR_ABSENT;
	if (e != ERR_OK || summarise(c, &i, NULL) != ERR_OK || !same_summary(&i, &row->info) ||
	    c->kept.len != row->info.len)
		return false;
	for (size_t k = 0; k < c->keys.len; k += sizeof(key)) {
		memcpy(&key, c->keys.ptr + k, sizeof(key));
		if (!block_keys_may_hold(row->keys, &key, 1))
			return false;
	}
	return true;
}

static enum err
check_blocks(struct checker *c, struct arena *a, struct why *why)
{
	struct block_query q = {
	    .to_seq = INT64_MAX, .from_time = {INT64_MIN}, .to_time = {INT64_MAX}, .keys = true};
	struct block_row row;
	size_t n = 1, tries = 0;
	bool sound, gone;
	enum err e = ERR_OK;

	while (n > 0) {
		arena_reset(a);
		e = c->st->ops->blocks(c->st->b, &q, a, &row, 1, &n, why);
		if (e != ERR_OK || n == 0)
			break;
		if (row.info.n == 0 || row.info.n > STORE_BLOCK_RAW_MAX) {
			c->out->structure_damaged = true;
			return FAIL(why, ERR_INPUT, "blocks do not follow each other");
		}
		sound = block_sound(c, &row, &gone);
		if (gone && tries++ < CHECK_TRIES)
			continue;
		tries = 0;
		c->out->holes += q.from_seq != 0 && row.info.first_seq > q.from_seq;
		c->out->blocks++;
		c->out->events += row.info.n;
		if (!sound) {
			c->out->damaged_blocks++;
			c->out->damaged_events += row.info.n;
		}
		q.from_seq = row.info.first_seq + row.info.n;
	}
	return e;
}

enum err
store_check(struct store *st, struct store_check *out, struct why *why)
{
	struct checker c = {.st = st, .out = out};
	struct arena *a = arena_new(CHECK_ARENA_BYTES, NULL);
	struct store_totals t;
	enum err e;

	memset(out, 0, sizeof(*out));
	if (a == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory to check the store");
	if ((e = store_settle(st, why)) != ERR_OK)
		goto done;
	out->structure_damaged = st->ops->check(st->b, NULL) != ERR_OK;
	e = check_blocks(&c, a, why);
	/* Rows that overlap are passed over by a walk, and counted by a sum. */
	if (e == ERR_OK && st->writer && (e = st->ops->totals(st->b, &t, why)) == ERR_OK)
		out->structure_damaged |= t.events != out->events;
	out->structure_damaged |= e == ERR_INPUT;
	if (e == ERR_OK && (out->structure_damaged || out->damaged_blocks > 0 || out->holes > 0))
		e = FAIL(why, ERR_INPUT,
		    "%.80s: %llu of %llu blocks are damaged, %llu holes%s: run `hemostat store "
		    "rebuild`, or restore a copy of the data directory",
		    store_dir_path(st->dir), (unsigned long long)out->damaged_blocks,
		    (unsigned long long)out->blocks, (unsigned long long)out->holes,
		    out->structure_damaged ? ", and the file's structure is damaged" : "");
done:
	checker_free(&c);
	arena_free(a);
	return e;
}

/* --- saving --- */

/* From a damaged backend into a new one. Works from the bytes of blocks alone: summaries and key
 * sets are made again. */
struct rescue {
	const struct backend_ops *ops;
	struct backend *from, *to;
	struct packer *packer;
	struct checker c;
	struct buf set;
	struct wall now;
	uint64_t end; /* number behind the last block saved, going up */
};

static bool
unpack_alone(struct rescue *r, uint64_t first_seq, struct block_info *i)
{
	*i = (struct block_info){.first_seq = first_seq, .received = r->now};
	if (r->ops->block_bytes(r->from, first_seq, 0, &r->c.kept, NULL) != ERR_OK ||
	    block_unpack(r->packer, first_seq, buf_bytes(&r->c.kept), &r->c.raw, NULL) != ERR_OK ||
	    summarise(&r->c, i, NULL) != ERR_OK)
		return false;
	i->len = r->c.kept.len;
	return i->n > 0;
}

static enum err
save_block(struct rescue *r, uint64_t first_seq, struct why *why)
{
	struct store_check *out = r->c.out;
	struct block_info i;

	out->blocks++;
	if (!unpack_alone(r, first_seq, &i)) {
		out->damaged_blocks++;
		return ERR_OK;
	}
	r->end = first_seq + i.n > r->end ? first_seq + i.n : r->end;
	out->events += i.n;
	block_keys_pack(buf_bytes(&r->c.keys), &r->set);
	if (r->c.keys.cut || r->set.cut)
		return FAIL(why, ERR_SYSTEM, "no memory for the keys of a block");
	return r->ops->block_put(r->to, &i, buf_bytes(&r->set), buf_bytes(&r->c.kept), why);
}

/* Blocks one way until the end or until the damaged database gives no more. */
static enum err
save_run(struct rescue *r, enum store_order by, uint64_t bound, struct why *why)
{
	uint64_t *numbers = calloc(NUMBERS_AT_ONCE, sizeof(*numbers));
	size_t n = 1;
	enum err e = ERR_OK;

	if (numbers == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory to save blocks");
	while (n > 0 && e == ERR_OK) {
		if (r->ops->block_numbers(r->from, by, bound, numbers, NUMBERS_AT_ONCE, &n) !=
			ERR_OK &&
		    n == 0)
			r->c.out->structure_damaged = true;
		for (size_t i = 0; i < n && e == ERR_OK; i++) {
			if (by == STORE_NEWEST_FIRST && numbers[i] < r->end) {
				n = 0;
				break;
			}
			e = save_block(r, numbers[i], why);
			bound = numbers[i];
		}
	}
	free(numbers);
	return e;
}

static enum err
save_all(struct rescue *r, struct why *why)
{
	enum err e;

	if ((e = r->ops->begin(r->to, why)) != ERR_OK)
		return e;
	r->ops->numbers_copy(r->to, r->from);
	if ((e = save_run(r, STORE_OLDEST_FIRST, 0, why)) != ERR_OK)
		return e;
	if (r->c.out->structure_damaged &&
	    (e = save_run(r, STORE_NEWEST_FIRST, INT64_MAX, why)) != ERR_OK)
		return e;
	if ((e = r->ops->value_put(r->to, "rebuilding", BYTES("1"), why)) != ERR_OK)
		return e;
	return r->ops->commit(r->to, STORE_DURABLE, why);
}

enum err
store_rescue(struct store_dir *d, struct store_check *out, struct why *why)
{
	struct rescue r = {.ops = &backend_sqlite, .packer = packer_new(), .c = {.out = out}};
	char aside[64];
	enum err e;

	memset(out, 0, sizeof(*out));
	if (r.packer == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for the rescue");
	if (!store_dir_locked(d))
		e = FAIL(why, ERR_REFUSED, "the data directory was opened for reading only");
	else if ((e = r.ops->open_damaged(&r.from, d, why)) == ERR_OK &&
		 (e = r.ops->open(&r.to, d, STORE_WRITE, SCHEMA_NEWEST, true, why)) == ERR_OK)
		e = save_all(&r, why);
	if (e != ERR_OK && r.to != NULL)
		r.ops->rollback(r.to);
	r.ops->close(r.from);
	r.ops->close(r.to);
	if (e == ERR_OK && out->events == 0 && (out->structure_damaged || out->blocks > 0))
		e = ERR_INPUT;
	if (e == ERR_INPUT)
		e = FAIL(why, ERR_INPUT,
		    "%.80s: not one event of the damaged database can be read: restore a copy of "
		    "the data directory, or move hemostat.db away to begin anew",
		    store_dir_path(d));
	if (e == ERR_OK)
		e = r.ops->replace(d, aside, why);
	else if (store_dir_locked(d))
		r.ops->abandon(d);
	checker_free(&r.c);
	buf_free(&r.set);
	packer_free(r.packer);
	return e;
}

/* --- retention --- */

static bool
may_go(const struct store_keep *keep, const struct block_info *i, uint64_t kept_bytes)
{
	if (i->first_seq + i->n > keep->keep_from_seq)
		return false;
	if (keep->max_bytes != 0 && kept_bytes > keep->max_bytes)
		return true;
	return keep->received_after.ns != 0 && i->received.ns < keep->received_after.ns;
}

static enum err
drop_blocks(struct store *st, const struct store_keep *keep, uint64_t kept_bytes,
    struct store_dropped *out, struct why *why)
{
	struct block_query q = {
	    .to_seq = INT64_MAX, .from_time = {INT64_MIN}, .to_time = {INT64_MAX}};
	size_t left = keep->max_blocks == 0 ? RETAIN_BLOCKS : keep->max_blocks, n;
	struct block_row row;
	enum err e;

	for (;;) {
		if ((e = st->ops->blocks(st->b, &q, NULL, &row, 1, &n, why)) != ERR_OK || n == 0 ||
		    !may_go(keep, &row.info, kept_bytes))
			return e;
		if (left-- == 0) {
			out->more = true;
			return ERR_OK;
		}
		if ((e = st->ops->block_drop(st->b, row.info.first_seq, why)) != ERR_OK)
			return e;
		out->blocks++;
		out->events += row.info.n;
		out->bytes += row.info.len;
		kept_bytes -= row.info.len < kept_bytes ? row.info.len : kept_bytes;
	}
}

enum err
store_retain(
    struct store *st, const struct store_keep *keep, struct store_dropped *out, struct why *why)
{
	struct store_totals t;
	enum err e;

	memset(out, 0, sizeof(*out));
	if ((e = store_commit(st, STORE_FAST, why)) != ERR_OK)
		return e;
	store_seal_tail(st); /* its blocks may go now */
	if ((e = store_totals(st, &t, why)) != ERR_OK || (e = store_begin(st, why)) != ERR_OK)
		return e;
	if ((e = drop_blocks(st, keep, t.stored_bytes, out, why)) != ERR_OK)
		goto undo;
	if ((e = store_commit(st, STORE_DURABLE, why)) != ERR_OK)
		goto undone;
	return out->blocks > 0 ? st->ops->shrink(st->b, why) : ERR_OK;
undo:
	(void)store_undo(st, e);
undone:
	memset(out, 0, sizeof(*out));
	return e;
}
