/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pieces.h"

static void
advance(struct bytes *in, uint64_t *offset, size_t n)
{
	*in = bytes_from(*in, n);
	*offset += n;
}

/* --- lines --- */

static struct piece
line_of(struct bytes body, uint64_t offset, uint64_t size, size_t cap, bool ended)
{
	struct piece p = {body, offset, size, false};

	/* The CR before LF is no content; a line cut short has lost its CR anyway. */
	p.cut = size - ended > body.len;
	if (!p.cut && ended && body.len > 0 && body.ptr[body.len - 1] == '\r')
		p.body.len--;
	if (p.body.len > cap) {
		p.body.len = cap;
		p.cut = true;
	}
	return p;
}

static void
hold(struct lines *l, struct bytes part)
{
	/* One byte over the cap, so that "just the cap and CR" is told from "cut". */
	size_t room = l->cap + 1 - (l->held.len < l->cap + 1 ? l->held.len : l->cap + 1);

	l->size += part.len;
	buf_add(&l->held, bytes_sub(part, 0, room));
}

bool
lines_next(struct lines *l, struct bytes *in, uint64_t *offset, struct piece *line)
{
	size_t n;

	if (l->given) {
		buf_reset(&l->held);
		l->given = false;
	}
	if (l->broken) {
		n = bytes_find(*in, '\n');
		l->broken = n == in->len;
		advance(in, offset, l->broken ? n : n + 1);
	}
	if (in->len == 0)
		return false;
	n = bytes_find(*in, '\n');
	if (l->size == 0)
		l->start = *offset;
	if (n == in->len) {
		hold(l, *in);
		advance(in, offset, n);
		return false;
	}
	if (l->size == 0) {
		*line = line_of(bytes_sub(*in, 0, n), l->start, n + 1, l->cap, true);
	} else {
		hold(l, bytes_sub(*in, 0, n));
		*line = line_of(buf_bytes(&l->held), l->start, l->size + 1, l->cap, true);
		l->given = true;
		l->size = 0;
	}
	advance(in, offset, n + 1);
	return true;
}

bool
lines_rest(struct lines *l, struct piece *line)
{
	if (l->given || l->size == 0)
		return false;
	*line = line_of(buf_bytes(&l->held), l->start, l->size, l->cap, false);
	l->given = true;
	l->size = 0;
	return true;
}

void
lines_reset(struct lines *l)
{
	buf_reset(&l->held);
	l->size = 0;
	l->given = false;
	l->broken = true;
}

void
lines_free(struct lines *l)
{
	buf_free(&l->held);
}

/* --- frames --- */

static void
take(struct frames *f, struct bytes *in, uint64_t *offset, size_t n)
{
	if (n > in->len)
		n = in->len;
	buf_add(&f->held, bytes_sub(*in, 0, n));
	advance(in, offset, n);
}

/* Look for the next sure start of a unit. True: it is at held (where that is not empty) or at the
 * start of *in. */
static bool
resync(struct frames *f, struct bytes *in, uint64_t *offset)
{
	size_t fresh = 0; /* bytes at the end of held that came from this run */

	if (f->sync == 0) {
		advance(in, offset, in->len);
		return false;
	}
	for (;;) {
		if (f->held.len > 0 && f->held.len <= fresh) {
			/* All of it lies in this run: read in place from there. */
			*in = bytes_of(in->ptr - f->held.len, in->len + f->held.len);
			*offset -= f->held.len;
			buf_reset(&f->held);
			fresh = 0;
		}
		if (f->held.len == 0 && in->len >= f->sync) {
			size_t last = in->len - f->sync;

			for (size_t i = 0; i <= last; i++) {
				if (f->sync_at(bytes_sub(*in, i, f->sync))) {
					advance(in, offset, i);
					return true;
				}
			}
			advance(in, offset, last + 1);
		}
		if (f->held.len + in->len < f->sync) {
			take(f, in, offset, in->len);
			return false;
		}
		fresh += f->sync - f->held.len;
		take(f, in, offset, f->sync - f->held.len);
		if (f->held.cut) {
			buf_reset(&f->held);
			return false;
		}
		if (f->sync_at(buf_bytes(&f->held)))
			return true;
		buf_drop(&f->held, 1);
	}
}

enum frames_step
frames_next(struct frames *f, struct bytes *in, uint64_t *offset, struct piece *unit)
{
	uint64_t size, want;
	size_t n;

	if (f->given) {
		buf_reset(&f->held);
		f->given = false;
	}
	if (f->skip > 0) {
		n = f->skip < in->len ? (size_t)f->skip : in->len;
		advance(in, offset, n);
		f->skip -= n;
	}
	if (in->len == 0)
		return FRAMES_MORE;
	if (f->lost) {
		if (!resync(f, in, offset))
			return FRAMES_MORE;
		f->lost = false;
		f->start = *offset - f->held.len;
	}
	if (f->held.len == 0)
		f->start = *offset;
	if (f->held.len > 0 || in->len < f->prefix) {
		if (f->held.len < f->prefix)
			take(f, in, offset, f->prefix - f->held.len);
		if (f->held.cut)
			goto refused;
		if (f->held.len < f->prefix)
			return FRAMES_MORE;
	}
	size = f->size_of(f->held.len > 0 ? bytes_sub(buf_bytes(&f->held), 0, f->prefix)
					  : bytes_sub(*in, 0, f->prefix));
	*unit = (struct piece){.offset = f->start, .size = size};
	if (size < f->prefix || size < f->held.len) {
		f->lost = true;
		/* The byte at start is no start: begin to look one byte later. */
		if (f->held.len > 0)
			buf_drop(&f->held, 1);
		else
			advance(in, offset, 1);
		return FRAMES_LOST;
	}
	want = size < f->keep ? size : f->keep;
	if (f->held.len == 0 && in->len >= want) {
		unit->body = bytes_sub(*in, 0, (size_t)want);
		advance(in, offset, (size_t)want);
	} else {
		if (f->held.len < want)
			take(f, in, offset, (size_t)want - f->held.len);
		if (f->held.cut)
			goto refused;
		if (f->held.len < want)
			return FRAMES_MORE;
		unit->body = buf_bytes(&f->held);
		f->given = true;
	}
	unit->cut = want < size;
	f->skip = size - want;
	return FRAMES_UNIT;
refused:
	*unit = (struct piece){.offset = f->start};
	buf_reset(&f->held);
	f->lost = true;
	return FRAMES_REFUSED;
}

void
frames_gap(struct frames *f, uint64_t missing)
{
	if (f->skip >= missing) {
		f->skip -= missing;
		return;
	}
	f->skip = 0;
	f->lost = true;
	f->given = false;
	buf_reset(&f->held);
}

void
frames_free(struct frames *f)
{
	buf_free(&f->held);
}
