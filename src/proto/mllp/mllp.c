/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants:
 *  1. Between calls, hold + part are all bytes of the open unit's body, in this order; part is only
 *     used in OUT and BARE, at the start of a line.
 *  2. In OUT, where `junk` is set, the bytes from `start` up to `at - part_n` were not told.
 *  3. `told` bodies stay in hold until the next call, which gives hold back first.
 *
 *   OUT --VT--> BLOCK --FS--> BLOCK_FS --CR,LF--> OUT        (outside, block, block_fs)
 *    |            |  ^-----other byte----'  `--VT--> OUT
 *    |            `--over cap--> SKIP --FS--> SKIP_FS --CR,LF,VT--> OUT   (skip, skip_fs)
 *    `--head at a line start--> BARE --FS--> AFTER --any--> OUT           (bare, after)
 *                                 `--VT, next head--> OUT                                      */
#include "proto/mllp/mllp.h"

#include "base/attr.h"

enum { VT = 0x0b, FS = 0x1c, CR = 0x0d, LF = 0x0a, ACK = 0x06, NAK = 0x15 };

enum { HLLP_HEADER = 4, HLLP_TRAILER = 8 };

enum { HOLD_FIRST_BYTES = 4096 };

enum state { OUT, BLOCK, BLOCK_FS, BARE, AFTER, SKIP, SKIP_FS };

static const struct mllp_event more = {.kind = MLLP_MORE};

void
mllp_init(struct mllp *p, struct buf_pool *pool, struct budget *budget, size_t cap_bytes)
{
	*p = (struct mllp){.pool = pool,
	    .hold = {.cap = cap_bytes + sizeof(p->part) + 1, .budget = budget},
	    .line = true};
}

static size_t
cap_of(const struct mllp *p)
{
	return p->hold.cap - sizeof(p->part) - 1;
}

void
mllp_free(struct mllp *p)
{
	buf_free(&p->hold);
}

static void
consume(struct mllp *p, struct bytes *in, size_t n)
{
	*in = bytes_from(*in, n);
	p->at += n;
}

/* Append to hold; false where memory is out. */
static bool
keep(struct mllp *p, struct bytes b)
{
	if (b.len == 0)
		return true;
	if (p->hold.ptr == NULL) {
		buf_pool_take(p->pool, &p->hold);
		if (p->hold.ptr == NULL && cap_of(p) > HOLD_FIRST_BYTES &&
		    !buf_reserve(&p->hold, HOLD_FIRST_BYTES))
			return false;
	}
	buf_add(&p->hold, b);
	return !p->hold.cut;
}

/* A unit whose body is hold + tail. Where memory is out: what hold has, and the flag. */
static struct mllp_event
tell(struct mllp *p, enum mllp_kind kind, unsigned flags, struct bytes tail, uint64_t end)
{
	struct mllp_event ev = {kind, p->flags | flags, tail, p->start,
	    p->start + (kind == MLLP_BLOCK), end - p->start};

	if (p->hold.len > 0) {
		if (!keep(p, tail))
			ev.flags |= MLLP_CUT_MEMORY;
		ev.body = buf_bytes(&p->hold);
	}
	p->flags = 0;
	p->seen = true;
	return ev;
}

/* C.4: every reading of "characters so far" and of "all characters" that peers have. */
static unsigned
hllp_check(struct bytes block)
{
	struct bytes data = bytes_sub(block, 0, block.len - HLLP_TRAILER);
	uint64_t count = 0, sum = 0;
	unsigned flags = 0;
	uint8_t x = 0, y;

	if (!bytes_to_u64(bytes_sub(block, data.len, 5), &count) ||
	    !bytes_to_u64(bytes_sub(block, data.len + 5, 3), &sum))
		return MLLP_HLLP_SHORT;
	for (size_t i = 0; i < data.len; i++)
		x ^= data.ptr[i];
	y = x;
	for (size_t i = 0; i < 5; i++)
		y ^= block.ptr[data.len + i];
	if (count != data.len + 1 && count != data.len && count != data.len - HLLP_HEADER)
		flags |= MLLP_HLLP_LENGTH;
	if (sum != 999 && sum != x && sum != (x ^ VT) && sum != y && sum != (y ^ VT))
		flags |= MLLP_HLLP_SUM;
	return flags;
}

/* What a block is, by its content. */
static struct mllp_event
classify(struct mllp_event ev)
{
	struct bytes b = ev.body;

	if (b.len == 1 && (b.ptr[0] == ACK || b.ptr[0] == NAK) && (ev.flags & MLLP_CUT) == 0) {
		ev.kind = MLLP_COMMIT;
		return ev;
	}
	if (b.len < HLLP_HEADER || (b.ptr[0] != 'D' && b.ptr[0] != 'N') || b.ptr[1] < '0' ||
	    b.ptr[1] > '9' || b.ptr[2] < '0' || b.ptr[2] > '9' || b.ptr[3] != CR)
		return ev;
	ev.kind = MLLP_HLLP;
	if (b.ptr[0] == 'N')
		ev.flags |= MLLP_HLLP_NAK;
	ev.body_offset += HLLP_HEADER;
	ev.body = bytes_from(b, HLLP_HEADER);
	if ((ev.flags & MLLP_CUT) != 0)
		return ev;
	if (b.len >= HLLP_HEADER + HLLP_TRAILER)
		ev.flags |= hllp_check(b);
	else
		ev.flags |= MLLP_HLLP_SHORT;
	if ((ev.flags & MLLP_HLLP_SHORT) == 0)
		ev.body.len -= HLLP_TRAILER;
	return ev;
}

static struct mllp_event
tell_block(struct mllp *p, unsigned flags, struct bytes tail, uint64_t end)
{
	return classify(tell(p, MLLP_BLOCK, flags, tail, end));
}

static void
go_out(struct mllp *p, bool line, unsigned junk_flags)
{
	p->state = OUT;
	p->line = line;
	p->flags = junk_flags;
}

/* --- outside any unit --- */

static void
add_junk(struct mllp *p, struct bytes b, uint64_t from)
{
	if (b.len == 0)
		return;
	if (!p->junk) {
		p->junk = true;
		p->start = from;
		p->flags &= MLLP_TAIL;
		p->flags |= MLLP_JUNK_ENDS | (p->seen ? 0 : MLLP_FIRST);
	}
	for (size_t i = 0; i < b.len && (p->flags & MLLP_JUNK_ENDS) != 0; i++) {
		if (b.ptr[i] != FS && b.ptr[i] != CR)
			p->flags &= ~(uint32_t)MLLP_JUNK_ENDS;
	}
	if (memchr(b.ptr, FS, b.len) != NULL)
		p->flags |= MLLP_JUNK_FS;
}

/* The junk that ends right before offset end. */
static struct mllp_event
tell_junk(struct mllp *p, uint64_t end)
{
	struct mllp_event ev = {MLLP_JUNK, p->flags, {NULL, 0}, p->start, p->start, end - p->start};

	p->junk = false;
	p->flags = 0;
	return ev;
}

/* part + run held against the start of a message. */
static enum mllp_head
line_head(const struct mllp *p, struct bytes in, size_t *skip)
{
	uint8_t window[sizeof(p->part)];
	size_t n = in.len < sizeof(window) - p->part_n ? in.len : sizeof(window) - p->part_n;

	if (p->part_n == 0)
		return mllp_head(bytes_sub(in, 0, sizeof(window)), skip);
	memcpy(window, p->part, p->part_n);
	if (n > 0)
		memcpy(window + p->part_n, in.ptr, n);
	return mllp_head(bytes_of(window, p->part_n + n), skip);
}

/* The whole run is the start of what may be a message head: it waits for the next run. */
static void
stash(struct mllp *p, struct bytes *in)
{
	if (in->len > 0)
		memcpy(p->part + p->part_n, in->ptr, in->len);
	p->part_n = (uint8_t)(p->part_n + in->len);
	consume(p, in, in->len);
}

static void
start_bare(struct mllp *p, struct bytes *in, size_t skip)
{
	uint8_t first;

	p->start = p->at - p->part_n + skip;
	p->flags = skip > 0 ? MLLP_BOM : 0;
	p->state = BARE;
	p->line = false;
	first = p->part_n > skip ? p->part[skip] : in->ptr[skip - p->part_n];
	p->has_msh = first == 'M';
	if (p->part_n > skip)
		(void)keep(p, bytes_of(p->part + skip, p->part_n - skip));
	else
		consume(p, in, skip - p->part_n);
	p->part_n = 0;
}

static bool
outside(struct mllp *p, struct bytes *in, struct mllp_event *ev)
{
	size_t n, skip;

	if (p->line && (p->part_n > 0 || in->ptr[0] != VT)) {
		enum mllp_head head = line_head(p, *in, &skip);

		if (head == MLLP_HEAD_PART) {
			stash(p, in);
			return false;
		}
		if (head == MLLP_HEAD_YES) {
			if (p->junk) {
				*ev = tell_junk(p, p->at - p->part_n);
				return true;
			}
			start_bare(p, in, skip);
			return false;
		}
	}
	add_junk(p, bytes_of(p->part, p->part_n), p->at - p->part_n);
	p->part_n = 0;
	p->line = false;
	n = bytes_find4(*in, VT, CR, LF, FS);
	add_junk(p, bytes_sub(*in, 0, n), p->at);
	consume(p, in, n);
	if (in->len == 0)
		return false;
	if (in->ptr[0] != VT) {
		add_junk(p, bytes_sub(*in, 0, 1), p->at);
		consume(p, in, 1);
		p->line = true;
		return false;
	}
	if (p->junk) {
		*ev = tell_junk(p, p->at);
		return true;
	}
	p->start = p->at;
	p->flags = 0;
	p->state = BLOCK;
	consume(p, in, 1);
	return false;
}

/* --- inside a block --- */

/* Room for the body up to the cap. */
static size_t
room_of(const struct mllp *p)
{
	return p->hold.len < cap_of(p) ? cap_of(p) - p->hold.len : 0;
}

static bool
block(struct mllp *p, struct bytes *in, struct mllp_event *ev)
{
	size_t n = bytes_find2(*in, VT, FS), room = room_of(p);
	struct bytes body = bytes_sub(*in, 0, n);
	uint8_t next;

	if (n > room) {
		consume(p, in, room);
		*ev = tell_block(p, MLLP_CUT_SIZE, bytes_sub(body, 0, room), p->at);
		p->state = SKIP;
		return true;
	}
	if (n == in->len || (in->ptr[n] == FS && n + 1 == in->len)) {
		p->state = n == in->len ? BLOCK : BLOCK_FS;
		consume(p, in, in->len);
		if (keep(p, body))
			return false;
		*ev = tell_block(p, MLLP_CUT_MEMORY, (struct bytes){NULL, 0}, p->at);
		p->state = p->state == BLOCK ? SKIP : SKIP_FS;
		return true;
	}
	if (in->ptr[n] == VT) {
		consume(p, in, n);
		*ev = tell_block(p, MLLP_CUT_START, body, p->at);
		go_out(p, false, 0);
		return true;
	}
	next = in->ptr[n + 1];
	if (next == CR || next == LF || next == VT) {
		consume(p, in, next == VT ? n + 1 : n + 2);
		*ev = tell_block(p,
		    next == LF   ? MLLP_END_LF
		    : next == VT ? MLLP_END_FS
				 : 0,
		    body, p->at);
		go_out(p, true, 0);
		return true;
	}
	p->flags |= MLLP_FS_INSIDE;
	body.len++;
	consume(p, in, n + 1);
	if (keep(p, body))
		return false;
	*ev = tell_block(p, MLLP_CUT_MEMORY, (struct bytes){NULL, 0}, p->at);
	p->state = SKIP;
	return true;
}

static bool
block_fs(struct mllp *p, struct bytes *in, struct mllp_event *ev)
{
	static const uint8_t fs = FS;
	uint8_t c = in->ptr[0];

	if (c == CR || c == LF || c == VT) {
		if (c != VT)
			consume(p, in, 1);
		*ev = tell_block(p,
		    c == LF   ? MLLP_END_LF
		    : c == VT ? MLLP_END_FS
			      : 0,
		    (struct bytes){NULL, 0}, p->at);
		go_out(p, true, 0);
		return true;
	}
	p->flags |= MLLP_FS_INSIDE;
	p->state = BLOCK;
	if (keep(p, bytes_of(&fs, 1)))
		return false;
	*ev = tell_block(p, MLLP_CUT_MEMORY, (struct bytes){NULL, 0}, p->at);
	p->state = SKIP;
	return true;
}

static void
skip(struct mllp *p, struct bytes *in)
{
	size_t n = bytes_find2(*in, VT, FS);

	consume(p, in, n);
	if (in->len == 0)
		return;
	if (in->ptr[0] == VT) {
		go_out(p, false, 0);
		return;
	}
	consume(p, in, 1);
	p->state = SKIP_FS;
}

static void
skip_fs(struct mllp *p, struct bytes *in)
{
	uint8_t c = in->ptr[0];

	if (c != CR && c != LF && c != VT) {
		p->state = SKIP;
		return;
	}
	if (c != VT)
		consume(p, in, 1);
	go_out(p, true, 0);
}

/* --- a message without framing --- */

static struct mllp_event
tell_bare(struct mllp *p, struct bytes *in, size_t n, unsigned flags)
{
	struct bytes body = bytes_sub(*in, 0, n);

	consume(p, in, n);
	return tell(p, MLLP_BARE, flags, body, p->at);
}

/* The body has reached the cap; what waited in part may have gone over it and is junk then. */
static struct mllp_event
cut_bare(struct mllp *p, struct bytes *in)
{
	size_t cap = cap_of(p), over = p->hold.len > cap ? p->hold.len - cap : 0;
	struct mllp_event ev = tell_bare(p, in, room_of(p), MLLP_CUT_SIZE);

	ev.body.len -= over;
	ev.size -= over;
	go_out(p, false, MLLP_TAIL);
	add_junk(p, bytes_of(ev.body.ptr + ev.body.len, over), p->at - over);
	return ev;
}

static bool
bare(struct mllp *p, struct bytes *in, struct mllp_event *ev)
{
	size_t i = 0, n, skip;

	for (;;) {
		struct bytes rest = bytes_from(*in, i);

		if (p->hold.len + i > cap_of(p)) {
			*ev = cut_bare(p, in);
			return true;
		}
		if (p->line && (rest.len > 0 || p->part_n > 0)) {
			enum mllp_head head = line_head(p, rest, &skip);

			if (head == MLLP_HEAD_PART) {
				struct bytes whole = bytes_sub(*in, 0, i);

				consume(p, in, i);
				stash(p, in);
				if (keep(p, whole))
					return false;
				break;
			}
			if (head == MLLP_HEAD_YES && p->has_msh) {
				uint64_t end = p->at + i - p->part_n;

				*ev = tell_bare(p, in, i, 0);
				ev->size = end - ev->offset;
				go_out(p, true, 0);
				return true;
			}
			if (head == MLLP_HEAD_YES)
				p->has_msh = skip < p->part_n ? p->part[skip] == 'M'
							      : rest.ptr[skip - p->part_n] == 'M';
			/* Not the end: the bytes that waited are body after all; i is 0 there. */
			if (!keep(p, bytes_of(p->part, p->part_n)))
				break;
			p->part_n = 0;
			p->line = false;
		}
		n = bytes_find4(rest, VT, CR, LF, FS);
		i += n;
		if (i == in->len)
			break;
		if (in->ptr[i] == VT || in->ptr[i] == FS) {
			bool fs = in->ptr[i] == FS;

			if (p->hold.len + i > cap_of(p))
				continue;
			*ev = tell_bare(p, in, i, fs ? MLLP_START_MISSING : 0);
			if (fs) {
				consume(p, in, 1);
				ev->size++;
				p->state = AFTER;
			} else {
				go_out(p, false, 0);
			}
			return true;
		}
		i++;
		p->line = true;
	}
	if (p->hold.len + i > cap_of(p)) {
		*ev = cut_bare(p, in);
		return true;
	}
	n = in->len;
	if (!p->hold.cut && keep(p, *in)) {
		consume(p, in, n);
		return false;
	}
	consume(p, in, n);
	*ev = tell(p, MLLP_BARE, MLLP_CUT_MEMORY, (struct bytes){NULL, 0}, p->at);
	p->part_n = 0;
	go_out(p, false, MLLP_TAIL);
	return true;
}

/* Behind the FS of a unit that was told already. */
static bool
after(struct mllp *p, struct bytes *in, struct mllp_event *ev)
{
	uint8_t c = in->ptr[0];

	*ev = (struct mllp_event){
	    MLLP_NOTE, c == LF ? MLLP_END_LF : MLLP_END_FS, {NULL, 0}, p->at, p->at, c == LF};
	if (c == CR || c == LF)
		consume(p, in, 1);
	go_out(p, true, 0);
	return c != CR;
}

static void
release(struct mllp *p)
{
	if (p->state == OUT || p->state == AFTER || p->state == SKIP || p->state == SKIP_FS)
		buf_pool_give(p->pool, &p->hold);
}

struct mllp_event
mllp_next(struct mllp *p, struct bytes *in)
{
	struct mllp_event ev = more;

	release(p);
	while (in->len > 0) {
		bool told = false;

		switch ((enum state)p->state) {
		case OUT:
			told = outside(p, in, &ev);
			break;
		case BLOCK:
			told = block(p, in, &ev);
			break;
		case BLOCK_FS:
			told = block_fs(p, in, &ev);
			break;
		case BARE:
			told = bare(p, in, &ev);
			break;
		case AFTER:
			told = after(p, in, &ev);
			break;
		case SKIP:
			skip(p, in);
			break;
		case SKIP_FS:
			skip_fs(p, in);
			break;
		}
		if (told)
			return ev;
	}
	return more;
}

/* End whatever is open; cut: why. */
static struct mllp_event
close_unit(struct mllp *p, unsigned cut)
{
	const struct bytes none = {NULL, 0};
	struct mllp_event ev = more;

	release(p);
	switch ((enum state)p->state) {
	case OUT:
		add_junk(p, bytes_of(p->part, p->part_n), p->at - p->part_n);
		if (p->junk)
			ev = tell_junk(p, p->at);
		break;
	case BLOCK:
		ev = tell_block(p, cut, none, p->at);
		break;
	case BLOCK_FS:
		ev = tell_block(p, cut == MLLP_CUT_END ? MLLP_END_FS : 0, none, p->at);
		break;
	case BARE:
		if (!keep(p, bytes_of(p->part, p->part_n)))
			p->flags |= MLLP_CUT_MEMORY;
		ev = tell(p, MLLP_BARE, cut == MLLP_CUT_GAP ? cut : 0, none, p->at);
		break;
	case AFTER:
		if (cut == MLLP_CUT_END)
			ev = (struct mllp_event){MLLP_NOTE, MLLP_END_FS, none, p->at, p->at, 0};
		break;
	case SKIP:
	case SKIP_FS:
		break;
	}
	p->part_n = 0;
	go_out(p, true, MLLP_TAIL);
	return ev;
}

struct mllp_event
mllp_gap(struct mllp *p, uint64_t missing)
{
	struct mllp_event ev = close_unit(p, MLLP_CUT_GAP);

	p->at += missing;
	return ev;
}

struct mllp_event
mllp_end(struct mllp *p)
{
	return close_unit(p, MLLP_CUT_END);
}

struct mllp_event
mllp_flush(struct mllp *p)
{
	struct mllp_event ev = more;

	release(p);
	if (p->state == BLOCK_FS) {
		ev = tell_block(p, 0, (struct bytes){NULL, 0}, p->at);
		p->state = AFTER;
	} else if (p->state == BARE && p->has_msh && p->line && p->part_n == 0) {
		ev = tell(p, MLLP_BARE, 0, (struct bytes){NULL, 0}, p->at);
		go_out(p, true, 0);
	}
	return ev;
}
