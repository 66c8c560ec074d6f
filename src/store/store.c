/* SPDX-License-Identifier: Apache-2.0 */
/* The front of the store: opening, appending, reading events. See store.h. */
#include "store/store.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "store/inner.h"

enum {
	BLOCKS_AT_ONCE = 64,              /* summaries read in one statement */
	BLOCKS_ARENA_BYTES = 1024 * 1024, /* their key sets */
	GONE_MAX = 50, /* a writer that joins blocks as fast as we look has stopped before that */
	TAIL_FULL = STORE_BLOCK_RAW_MAX / 4 * 3,
};

static const struct backend_ops *const backends[] = {&backend_sqlite};

const char *const store_backends[] = {"sqlite", NULL};

/* --- opening --- */

static struct wall
system_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (struct wall){t.tv_sec * NS_PER_S + t.tv_nsec};
}

static enum err
read_u64(struct store *st, const char *key, uint64_t *v, struct why *why)
{
	struct buf value = {0};
	enum err e = st->ops->value(st->b, key, &value, why);

	if (e == ERR_OK && value.len == sizeof(*v))
		memcpy(v, value.ptr, sizeof(*v));
	buf_free(&value);
	return e == ERR_ABSENT ? ERR_OK : e;
}

static enum err
put_u64(struct store *st, const char *key, uint64_t v, struct why *why)
{
	return st->ops->value_put(st->b, key, bytes_of(&v, sizeof(v)), why);
}

/* Numbers go on behind the last block, and behind what retention has dropped. */
static enum err
read_state(struct store *st, struct why *why)
{
	struct buf value = {0};
	uint64_t first, end = 1, next = 1;
	enum err e;

	if ((e = st->ops->block_range(st->b, &first, &end, why)) != ERR_OK ||
	    (e = read_u64(st, "next_seq", &next, why)) != ERR_OK)
		return e;
	st->next_seq = st->kept_seq = end > next ? end : next;
	e = st->ops->value(st->b, "rebuilding", &value, why);
	st->rebuilding = e == ERR_OK && bytes_eq(buf_bytes(&value), BYTES("1"));
	buf_free(&value);
	return e == ERR_ABSENT ? ERR_OK : e;
}

enum err
store_open_schema(struct store **out, struct store_dir *d, enum store_mode mode,
    const struct store_options *opt, unsigned schema_max, struct why *why)
{
	struct bytes name = bytes_str(opt == NULL ? NULL : opt->backend);
	struct store *st;
	enum err e;

	*out = NULL;
	if (mode == STORE_WRITE && !store_dir_locked(d))
		return FAIL(why, ERR_REFUSED, "the data directory was opened for reading only");
	if ((st = calloc(1, sizeof(*st))) == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for the store");
	st->dir = d;
	st->writer = mode == STORE_WRITE;
	st->now = opt != NULL && opt->now != NULL ? opt->now : system_now;
	tally_init(&st->tally);
	for (size_t i = 0; i < ARRAY_LEN(backends) && st->ops == NULL; i++) {
		if (name.len == 0 || bytes_eq(name, bytes_str(backends[i]->name)))
			st->ops = backends[i];
	}
	if (st->ops == NULL)
		e = FAIL(why, ERR_USAGE, "there is no backend of that name");
	else if ((st->packer = packer_new()) == NULL)
		e = FAIL(why, ERR_SYSTEM, "no memory for the store");
	else if ((e = st->ops->open(&st->b, d, mode, schema_max, false, why)) == ERR_OK)
		e = read_state(st, why);
	if (e != ERR_OK) {
		store_close(st);
		return e;
	}
	*out = st;
	return ERR_OK;
}

enum err
store_open(struct store **out, struct store_dir *d, enum store_mode mode,
    const struct store_options *opt, struct why *why)
{
	return store_open_schema(out, d, mode, opt, SCHEMA_NEWEST, why);
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	if (st->b != NULL) {
		if (st->in_transaction)
			st->ops->rollback(st->b);
		st->ops->close(st->b);
	}
	packer_free(st->packer);
	tally_free(&st->tally);
	buf_free(&st->tail.raw);
	buf_free(&st->tail.keys);
	buf_free(&st->record);
	buf_free(&st->packed);
	buf_free(&st->set);
	free(st);
}

enum err
store_writable(const struct store *st, struct why *why)
{
	return st->writer ? ERR_OK : FAIL(why, ERR_REFUSED, "the store was opened for reading");
}

/* --- transactions --- */

static void
tail_reset(struct tail *t)
{
	t->n = 0;
	buf_reset(&t->raw);
	buf_reset(&t->keys);
}

void
store_seal_tail(struct store *st)
{
	assert(st->tail.n == 0 || st->tail.parts[st->tail.n - 1].written);
	tail_reset(&st->tail);
}

enum err
store_begin(struct store *st, struct why *why)
{
	enum err e;

	if ((e = store_writable(st, why)) != ERR_OK || st->in_transaction)
		return e;
	if ((e = st->ops->begin(st->b, why)) == ERR_OK)
		st->in_transaction = true;
	return e;
}

enum err
store_undo(struct store *st, enum err e)
{
	if (st->in_transaction)
		st->ops->rollback(st->b);
	st->in_transaction = false;
	st->next_seq = st->kept_seq;
	st->waiting = 0;
	tail_reset(&st->tail);
	tally_reset(&st->tally);
	return e;
}

/* Write the last part as a block; a block that starts at the same number is replaced. */
static enum err
write_part(struct store *st, struct why *why)
{
	struct tail *t = &st->tail;
	struct tail_part *p = &t->parts[t->n - 1];
	struct bytes raw = bytes_from(buf_bytes(&t->raw), p->raw_at);
	enum err e;

	block_keys_pack(bytes_from(buf_bytes(&t->keys), p->keys_at), &st->set);
	if (t->keys.cut || st->set.cut)
		return FAIL(why, ERR_SYSTEM, "no memory for the keys of a block");
	if ((e = block_pack(st->packer, p->info.first_seq, raw, &st->packed, why)) != ERR_OK)
		return e;
	p->info.len = st->packed.len;
	e = st->ops->block_put(st->b, &p->info, buf_bytes(&st->set), buf_bytes(&st->packed), why);
	p->written = p->has_row = e == ERR_OK;
	return e;
}

/* Join the last part into the one before it. */
static enum err
join_last(struct store *st, struct why *why)
{
	struct tail *t = &st->tail;
	struct tail_part *last = &t->parts[t->n - 1], *into = last - 1;
	enum err e = ERR_OK;

	if (last->has_row)
		e = st->ops->block_drop(st->b, last->info.first_seq, why);
	block_join(&into->info, &last->info);
	into->written = false;
	t->n--;
	return e;
}

/* Write what is not written. all: as one block, and start afresh. */
static enum err
flush_tail(struct store *st, bool all, struct why *why)
{
	struct tail *t = &st->tail;
	enum err e = ERR_OK;

	if (t->n == 0)
		return ERR_OK;
	if (!all && t->parts[t->n - 1].written)
		return ERR_OK;
	if ((e = store_begin(st, why)) != ERR_OK)
		return e;
	while (t->n > 1 && e == ERR_OK) {
		const struct tail_part *last = &t->parts[t->n - 1];

		if (!all && last[-1].info.raw_len > 2 * last->info.raw_len)
			break;
		e = join_last(st, why);
	}
	if (e == ERR_OK && !t->parts[t->n - 1].written)
		e = write_part(st, why);
	if (e == ERR_OK && (all || t->raw.len >= TAIL_FULL))
		tail_reset(t);
	return e;
}

enum err
store_flush_tally(struct store *st, struct why *why)
{
	struct tally *t = &st->tally;
	enum err e = ERR_OK;

	if (tally_n_links(t) == 0 && tally_n_hours(t) == 0 && t->n_sources == 0)
		return ERR_OK;
	if ((e = store_begin(st, why)) != ERR_OK)
		return e;
	for (size_t i = 0; i < tally_n_links(t) && e == ERR_OK; i++)
		e = st->ops->link_add(st->b, tally_link_at(t, i), why);
	for (size_t i = 0; i < tally_n_hours(t) && e == ERR_OK; i++)
		e = st->ops->hour_add(st->b, tally_hour_at(t, i), why);
	for (size_t i = 0; i < t->n_sources && e == ERR_OK; i++)
		e = st->ops->source_add(st->b, &t->sources[i], why);
	tally_reset(t);
	return e;
}

enum err
store_settle(struct store *st, struct why *why)
{
	enum err e;

	if (!st->writer)
		return ERR_OK;
	if ((e = flush_tail(st, false, why)) != ERR_OK ||
	    (e = store_flush_tally(st, why)) != ERR_OK)
		return store_undo(st, e);
	return ERR_OK;
}

enum err
store_commit(struct store *st, enum store_durability how, struct why *why)
{
	enum err e;

	if ((e = store_writable(st, why)) != ERR_OK || (e = store_settle(st, why)) != ERR_OK)
		return e;
	if (!st->in_transaction && (how == STORE_FAST || !st->unsynced))
		return ERR_OK;
	if ((e = store_begin(st, why)) != ERR_OK ||
	    (e = put_u64(st, "next_seq", st->next_seq, why)) != ERR_OK ||
	    (e = st->ops->commit(st->b, how, why)) != ERR_OK)
		return store_undo(st, e);
	st->in_transaction = false;
	st->unsynced = how == STORE_FAST;
	st->kept_seq = st->next_seq;
	st->waiting = 0;
	return ERR_OK;
}

bool
store_wants_commit(const struct store *st)
{
	return st->waiting >= STORE_COMMIT_BYTES || tally_full(&st->tally);
}

/* --- appending --- */

/* The part that is being filled; full tails have been flushed. */
static struct tail_part *
open_part(struct store *st)
{
	struct tail *t = &st->tail;
	struct tail_part *p;

	if (t->n > 0 && !t->parts[t->n - 1].written)
		return &t->parts[t->n - 1];
	assert(t->n < TAIL_PARTS_MAX);
	p = &t->parts[t->n++];
	memset(p, 0, sizeof(*p));
	p->raw_at = t->raw.len;
	p->keys_at = t->keys.len;
	p->info.first_seq = st->next_seq;
	p->info.received = st->now();
	return p;
}

static bool
tail_has_room(const struct tail *t, size_t len)
{
	if (t->raw.len + len > STORE_BLOCK_RAW_MAX)
		return false;
	return t->n < TAIL_PARTS_MAX || !t->parts[t->n - 1].written;
}

static enum err
check_record(struct bytes r, const struct event *ev, struct event *mine, struct why *why)
{
	size_t used;
	enum err e;

	if (ev == NULL) {
		if ((e = event_decode(r, mine, &used, why)) != ERR_OK)
			return e == ERR_LIMIT ? FAIL(why, ERR_INPUT, "a record was cut") : e;
		return used == r.len
			   ? ERR_OK
			   : FAIL(why, ERR_INPUT, "%zu bytes follow a record", r.len - used);
	}
	if (r.len < 5 || r.len > STORE_BLOCK_RAW_MAX || r.ptr[4] != ev->kind ||
	    ((size_t)r.ptr[0] | (size_t)r.ptr[1] << 8 | (size_t)r.ptr[2] << 16 |
		(size_t)r.ptr[3] << 24) != r.len - 4)
		return FAIL(why, ERR_INPUT, "a record of %zu bytes is not the event given", r.len);
	return ERR_OK;
}

enum err
store_append(
    struct store *st, struct bytes record, const struct event *ev, uint64_t *seq, struct why *why)
{
	struct tail *t = &st->tail;
	struct tail_part *p;
	struct event mine;
	enum err e;

	if (seq != NULL)
		*seq = 0;
	if ((e = store_writable(st, why)) != ERR_OK ||
	    (e = check_record(record, ev, &mine, why)) != ERR_OK)
		return e;
	if (ev == NULL)
		ev = &mine;
	if ((!tail_has_room(t, record.len) && (e = flush_tail(st, true, why)) != ERR_OK) ||
	    (tally_full(&st->tally) && (e = store_flush_tally(st, why)) != ERR_OK))
		return store_undo(st, e);
	p = open_part(st);
	buf_add(&t->raw, record);
	block_note(&p->info, &t->keys, ev, record.len);
	if (t->raw.cut || t->keys.cut || !tally_add(&st->tally, ev))
		return store_undo(st, FAIL(why, ERR_SYSTEM, "no memory to append an event"));
	if (seq != NULL)
		*seq = st->next_seq;
	st->next_seq++;
	st->waiting += record.len;
	return ERR_OK;
}

enum err
store_append_fields(struct store *st, enum event_kind kind, const struct event_head *head,
    const void *fields, uint64_t *seq, struct why *why)
{
	if (seq != NULL)
		*seq = 0;
	buf_reset(&st->record);
	if (!event_encode(&st->record, kind, head, fields))
		return FAIL(why, ERR_INPUT, "an event of kind %d cannot be encoded", (int)kind);
	return store_append(st, buf_bytes(&st->record), NULL, seq, why);
}

uint64_t
store_next_seq(const struct store *st)
{
	return st->next_seq;
}

enum err
store_skip_to(struct store *st, uint64_t seq, struct why *why)
{
	enum err e;

	if (seq <= st->next_seq)
		return ERR_OK;
	if (st->tail.n > 0 || st->next_seq != st->kept_seq)
		return FAIL(why, ERR_REFUSED, "events wait: numbers cannot be passed over now");
	if ((e = store_begin(st, why)) == ERR_OK)
		st->next_seq = seq;
	return e;
}

/* --- reading events --- */

enum err
store_read_block(struct store *st, const struct block_info *i, struct buf *kept, struct buf *raw,
    struct buf *at, struct why *why)
{
	struct why inner = {0};
	enum err e;

	if ((e = st->ops->block_bytes(st->b, i->first_seq, i->n, kept, why)) != ERR_OK)
		return e;
	if ((e = block_unpack(st->packer, i->first_seq, buf_bytes(kept), raw, &inner)) == ERR_OK)
		e = block_index(buf_bytes(raw), i->n, at, &inner);
	if (e == ERR_INPUT)
		return FAIL(why, e,
		    "%.80s: the block of events %llu to %llu is damaged (%s): run `hemostat store "
		    "rebuild`, or restore a copy of the data directory",
		    store_dir_path(st->dir), (unsigned long long)i->first_seq,
		    (unsigned long long)(i->first_seq + i->n - 1), inner.text);
	return e == ERR_OK ? e : FAIL(why, e, "%s", inner.text);
}

/* One walk over events. */
struct walk {
	struct store *st;
	const struct store_filter *f;
	struct block_query q; /* what is left to walk */
	uint64_t keys[6];
	size_t n_keys;
	store_event_fn fn;
	void *ctx;
	size_t given;
	bool stop;
	uint64_t gone; /* a block whose bytes were not there, 0 = none; how often in a row */
	unsigned gone_n;
	struct buf kept, raw, at;
	struct arena *arena;
	struct block_row rows[BLOCKS_AT_ONCE];
};

static void
want_hash(struct walk *w, struct hash128 h)
{
	if (!hash128_is_zero(h))
		w->keys[w->n_keys++] = block_key_hash(h);
}

static enum err
walk_start(struct walk *w, struct why *why)
{
	const struct store_filter *f = w->f;
	uint64_t since = 1;
	enum err e = ERR_OK;

	if (f->link != 0)
		w->keys[w->n_keys++] = block_key_id(f->link);
	if (f->flow != 0)
		w->keys[w->n_keys++] = block_key_id(f->flow);
	want_hash(w, f->control);
	want_hash(w, f->patient);
	want_hash(w, f->order);
	want_hash(w, f->specimen);
	w->q = (struct block_query){.from_seq = f->from_seq,
	    .to_seq = f->to_seq == 0 ? INT64_MAX : f->to_seq,
	    .kinds = f->kinds,
	    .protos = f->protos,
	    .from_time = f->from_time.ns == 0 ? (struct wall){INT64_MIN} : f->from_time,
	    .to_time = f->to_time.ns == 0 ? (struct wall){INT64_MAX} : f->to_time,
	    .by = f->by,
	    .keys = w->n_keys > 0};
	if (f->from_time.ns != 0)
		e = w->st->ops->block_since(w->st->b, f->from_time, &since, why);
	if (since > w->q.from_seq)
		w->q.from_seq = since;
	return e;
}

static bool
on_link(const struct event *ev, uint64_t link)
{
	return ev->head.link == link || (ev->kind == EV_link && ev->u.link.id == link) ||
	       (ev->kind == EV_flow && ev->u.flow.link == link) ||
	       (ev->kind == EV_finding && ev->u.finding.link == link);
}

static bool
hash_fits(struct hash128 want, struct hash128 have)
{
	return hash128_is_zero(want) || memcmp(want.b, have.b, sizeof(want.b)) == 0;
}

/* Identifiers are those of messages: any of them asked for drops the other kinds. */
static bool
identifiers_fit(const struct store_filter *f, const struct event *ev)
{
	const struct ev_message *m = &ev->u.message;

	if (hash128_is_zero(f->patient) && hash128_is_zero(f->order) &&
	    hash128_is_zero(f->specimen) && hash128_is_zero(f->control))
		return true;
	return ev->kind == EV_message && hash_fits(f->patient, m->patient) &&
	       hash_fits(f->order, m->order) && hash_fits(f->specimen, m->specimen) &&
	       (hash_fits(f->control, m->control) || hash_fits(f->control, m->ack_of));
}

static bool
event_fits(const struct walk *w, const struct event *ev)
{
	const struct store_filter *f = w->f;

	return ev->head.time.ns >= w->q.from_time.ns && ev->head.time.ns <= w->q.to_time.ns &&
	       (f->protos == 0 || (f->protos & block_protos(ev)) != 0) &&
	       (f->source == 0 || ev->head.source == f->source) &&
	       (f->link == 0 || on_link(ev, f->link)) &&
	       (f->flow == 0 || ev->head.flow == f->flow ||
		   (ev->kind == EV_flow && ev->u.flow.id == f->flow)) &&
	       identifiers_fit(f, ev);
}

/* Event i of the block in w->raw. Kinds that a newer program wrote are passed over. */
static enum err
walk_event(struct walk *w, const struct block_info *b, uint64_t i, struct why *why)
{
	struct store_event e;
	uint32_t at;
	size_t used;
	uint8_t kind;

	e.seq = b->first_seq + i;
	if (e.seq < w->q.from_seq || e.seq > w->q.to_seq)
		return ERR_OK;
	memcpy(&at, w->at.ptr + i * sizeof(at), sizeof(at));
	e.record = bytes_from(buf_bytes(&w->raw), at);
	kind = e.record.len > 4 ? e.record.ptr[4] : 0;
	if (kind >= EV_MAX || event_name(kind) == NULL ||
	    (w->f->kinds != 0 && (w->f->kinds >> kind & 1) == 0))
		return ERR_OK;
	if (event_decode(e.record, &e.ev, &used, NULL) != ERR_OK)
		return FAIL(why, ERR_INPUT, "%.80s: event %llu does not hold together",
		    store_dir_path(w->st->dir), (unsigned long long)e.seq);
	e.record.len = used;
	if (!event_fits(w, &e.ev))
		return ERR_OK;
	if (!w->fn(w->ctx, &e) || ++w->given == w->f->limit)
		w->stop = true;
	return ERR_OK;
}

/* *again: the block was merged or dropped by the writer just now. */
static enum err
walk_block(struct walk *w, const struct block_info *b, bool *again, struct why *why)
{
	enum err e = store_read_block(w->st, b, &w->kept, &w->raw, &w->at, why);

	if (e == ERR_ABSENT)
		w->gone_n = w->gone == b->first_seq ? w->gone_n + 1 : 1;
	*again = e == ERR_ABSENT && w->gone_n < GONE_MAX;
	if (*again) {
		w->gone = b->first_seq;
		return ERR_OK;
	}
	if (e == ERR_ABSENT)
		return FAIL(why, ERR_INPUT,
		    "%.80s: the events from %llu on are missing: run `hemostat store rebuild`, or "
		    "restore a copy of the data directory",
		    store_dir_path(w->st->dir), (unsigned long long)b->first_seq);
	w->gone = 0;
	for (uint64_t i = 0; i < b->n && e == ERR_OK && !w->stop; i++)
		e = walk_event(w, b, w->q.by == STORE_OLDEST_FIRST ? i : b->n - 1 - i, why);
	return e;
}

/* Step over a block; false at the end of what was asked for. */
static bool
walk_past(struct walk *w, const struct block_info *b)
{
	if (w->q.by == STORE_OLDEST_FIRST) {
		if (b->first_seq + b->n > w->q.from_seq)
			w->q.from_seq = b->first_seq + b->n;
	} else {
		if (b->first_seq <= 1)
			return false;
		if (b->first_seq - 1 < w->q.to_seq)
			w->q.to_seq = b->first_seq - 1;
	}
	return w->q.from_seq <= w->q.to_seq;
}

/* The next few blocks; *more false where there are none left. */
static enum err
walk_blocks(struct walk *w, bool *more, struct why *why)
{
	bool again = false;
	size_t n;
	enum err e;

	arena_reset(w->arena);
	e = w->st->ops->blocks(w->st->b, &w->q, w->arena, w->rows, BLOCKS_AT_ONCE, &n, why);
	*more = e == ERR_OK && n > 0;
	for (size_t i = 0; i < n && e == ERR_OK && *more && !again && !w->stop; i++) {
		const struct block_row *r = &w->rows[i];

		if (block_keys_may_hold(r->keys, w->keys, w->n_keys))
			e = walk_block(w, &r->info, &again, why);
		if (!again)
			*more = walk_past(w, &r->info);
	}
	return e;
}

enum err
store_events(
    struct store *st, const struct store_filter *f, store_event_fn fn, void *ctx, struct why *why)
{
	struct walk *w;
	bool more = true;
	enum err e;

	if ((e = store_settle(st, why)) != ERR_OK)
		return e;
	if ((w = calloc(1, sizeof(*w))) == NULL ||
	    (w->arena = arena_new(BLOCKS_ARENA_BYTES, NULL)) == NULL) {
		free(w);
		return FAIL(why, ERR_SYSTEM, "no memory to read events");
	}
	w->st = st;
	w->f = f;
	w->fn = fn;
	w->ctx = ctx;
	e = walk_start(w, why);
	while (e == ERR_OK && more && !w->stop)
		e = walk_blocks(w, &more, why);
	arena_free(w->arena);
	buf_free(&w->kept);
	buf_free(&w->raw);
	buf_free(&w->at);
	free(w);
	return e;
}

struct one {
	store_event_fn fn;
	void *ctx;
	bool found;
};

static bool
give_one(void *ctx, const struct store_event *e)
{
	struct one *o = ctx;

	o->found = true;
	(void)o->fn(o->ctx, e);
	return false;
}

enum err
store_event(struct store *st, uint64_t seq, store_event_fn fn, void *ctx, struct why *why)
{
	struct store_filter f = {.from_seq = seq, .to_seq = seq, .limit = 1};
	struct one o = {fn, ctx, false};
	enum err e = seq == 0 ? ERR_OK : store_events(st, &f, give_one, &o, why);

	if (e == ERR_OK && !o.found)
		return FAIL(why, ERR_ABSENT, "there is no event %llu", (unsigned long long)seq);
	return e;
}

enum err
store_messages(
    struct store *st, const struct store_filter *f, store_event_fn fn, void *ctx, struct why *why)
{
	struct store_filter m = *f;

	m.kinds = UINT64_C(1) << EV_message;
	return store_events(st, &m, fn, ctx, why);
}

struct results {
	store_result_fn fn;
	void *ctx;
	struct bytes code;
	size_t limit, given;
	bool newest_first;
	struct buf rests; /* struct bytes: the list from each result on */
};

/* False to stop. */
static bool
give_result(struct results *w, const struct store_event *e, struct bytes rest)
{
	struct ev_result r;

	if (!result_next(&rest, &r) || (w->code.len > 0 && !bytes_eq(w->code, r.code)))
		return true;
	return w->fn(w->ctx, e, &r) && ++w->given != w->limit;
}

static bool
give_results(void *ctx, const struct store_event *e)
{
	struct results *w = ctx;
	struct bytes rest = e->ev.u.message.results, here;
	struct ev_result r;
	size_t n;

	buf_reset(&w->rests);
	for (here = rest; result_next(&rest, &r); here = rest)
		buf_add(&w->rests, bytes_of(&here, sizeof(here)));
	n = w->rests.len / sizeof(here);
	for (size_t i = 0; i < n; i++) {
		size_t at = w->newest_first ? n - 1 - i : i;

		memcpy(&here, w->rests.ptr + at * sizeof(here), sizeof(here));
		if (!give_result(w, e, here))
			return false;
	}
	return true;
}

enum err
store_results(struct store *st, const struct store_filter *f, struct bytes code, store_result_fn fn,
    void *ctx, struct why *why)
{
	struct results w = {fn, ctx, code, f->limit, 0, f->by == STORE_NEWEST_FIRST, {0}};
	struct store_filter m = *f;
	enum err e;

	m.limit = 0;
	e = store_messages(st, &m, give_results, &w, why);
	if (e == ERR_OK && w.rests.cut)
		e = FAIL(why, ERR_SYSTEM, "no memory to read results");
	buf_free(&w.rests);
	return e;
}

enum err
store_range(struct store *st, uint64_t *first_seq, uint64_t *last_seq, struct why *why)
{
	uint64_t first, end;
	enum err e;

	*first_seq = *last_seq = 0;
	if ((e = store_settle(st, why)) != ERR_OK ||
	    (e = st->ops->block_range(st->b, &first, &end, why)) != ERR_OK)
		return e;
	if (end > first) {
		*first_seq = first;
		*last_seq = end - 1;
	}
	return ERR_OK;
}
