/* SPDX-License-Identifier: Apache-2.0 */
/* NEUTRAL -STX-> STX -digit-> TEXT -ETX|ETB-> SUM1 -hex-> SUM2 -hex-> CR -> LF -> NEUTRAL
 *    ^            |other        |STX-> TEXT_STX (a new frame where a digit follows)
 *    +------------+-------------+-- ENQ, EOT: the frame is cut
 * Invariants: at most one frame is open; `doubt` names a frame that was given out but that the
 * receiver may have refused; `last` is the number of the last frame without doubt. */
#include "proto/lis01/lis01.h"

enum { L_NEUTRAL, L_STX, L_TEXT, L_TEXT_STX, L_SUM1, L_SUM2, L_TAIL_CR, L_TAIL_LF };

static const uint8_t one_stx = LIS01_STX;

void
lis01_init(struct lis01 *l)
{
	*l = (struct lis01){.last = LIS01_NONE, .doubt = LIS01_NONE};
}

/* --- scanning --- */

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static int
hex_value(uint8_t c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* LIS01-A2 6.3.1.3: these may not stand in a frame's text. */
static bool
is_restricted(uint8_t c)
{
	static const uint32_t set = 0x0000007e | 1u << '\n' | 0x00ff0000;

	return c < 32 && (set >> c & 1) != 0;
}

/* Index of the first restricted byte, or b.len; eight bytes at a time. */
static size_t
find_restricted(struct bytes b)
{
	const uint64_t low = UINT64_C(0x2020202020202020), top = UINT64_C(0x8080808080808080);
	size_t i = 0;

	for (;;) {
		uint64_t w;

		while (b.len - i >= 8) {
			memcpy(&w, b.ptr + i, 8);
			if (((w - low) & ~w & top) != 0)
				break;
			i += 8;
		}
		for (size_t k = 0; k < 8 && i < b.len; k++, i++) {
			if (is_restricted(b.ptr[i]))
				return i;
		}
		if (i == b.len)
			return i;
	}
}

/* Index of the first byte that has a meaning outside frames, or b.len. */
static size_t
find_control(struct bytes b)
{
	size_t i = 0;

	while (i < b.len) {
		uint8_t c;

		i += find_restricted(bytes_from(b, i));
		if (i == b.len)
			break;
		c = b.ptr[i];
		if (c == LIS01_STX || c == LIS01_EOT || c == LIS01_ENQ || c == LIS01_ACK ||
		    c == LIS01_NAK)
			return i;
		i++;
	}
	return i;
}

static void
text_add(struct lis01 *l, struct bytes b)
{
	enum { BLOCK = 1024 };
	struct lis01_digest *d = &l->text;

	while (b.len > 0) {
		size_t n = b.len < BLOCK ? b.len : BLOCK;
		uint32_t sum = 0, weighted = 0;
		uint8_t high = 0;

		for (uint32_t i = 0; i < n; i++) {
			sum += b.ptr[i];
			weighted += i * b.ptr[i];
			high |= b.ptr[i];
		}
		d->weighted += d->n * sum + weighted;
		d->sum += sum;
		d->n += n;
		l->high |= high;
		b = bytes_from(b, n);
	}
}

static bool
text_eq(const struct lis01_digest *a, const struct lis01_digest *b)
{
	return a->n == b->n && a->sum == b->sum && a->weighted == b->weighted;
}

static struct bytes
take(struct bytes *in, uint64_t *offset, size_t n)
{
	struct bytes b = bytes_sub(*in, 0, n);

	*in = bytes_from(*in, n);
	*offset += n;
	return b;
}

/* --- frames --- */

static struct lis01_event
frame_start(struct lis01 *l, uint8_t number)
{
	struct lis01_event e = {.kind = LIS01_START, .offset = l->stx};

	l->frame = (struct lis01_frame){.offset = l->stx, .number = number};
	l->text = (struct lis01_digest){0};
	l->high = 0;
	l->state = L_TEXT;
	e.replaces = l->doubt == number && l->doubt_sum;
	if (e.replaces)
		l->doubt = LIS01_NONE;
	e.frame = l->frame;
	return e;
}

/* LIS01-A2 6.3.2 and 6.5.1: 1 after ENQ, then one more modulo 8; the same again is a repeat. A
 * frame in doubt may have been taken by the receiver or not: both next numbers are right. */
static enum lis01_number
sequence(const struct lis01 *l, uint8_t n)
{
	bool in_step = l->last == LIS01_NONE ? (!l->fresh || n == 1) : n == ((l->last + 1) & 7);

	if (l->last == n && text_eq(&l->text, &l->last_text))
		return LIS01_NUMBER_REPEAT;
	if (n < 8 && (in_step || (l->doubt != LIS01_NONE && n == ((l->doubt + 1) & 7))))
		return LIS01_NUMBER_OK;
	return l->last == n ? LIS01_NUMBER_SAME : LIS01_NUMBER_WRONG;
}

static struct lis01_event
frame_end(struct lis01 *l, enum lis01_sum sum, uint64_t end)
{
	struct lis01_event e = {.kind = LIS01_FRAME, .offset = l->frame.offset};
	struct lis01_frame *f = &l->frame;

	f->end = end;
	f->text = l->text.n;
	f->sum = sum;
	f->eight_bit = l->high >= 0x80;
	f->sequence = sequence(l, f->number);
	f->repeat = f->sequence == LIS01_NUMBER_REPEAT;
	if (f->sequence == LIS01_NUMBER_WRONG && l->doubt == f->number && l->doubt_known &&
	    text_eq(&l->text, &l->doubt_text))
		f->repeat = true;
	if (f->sequence == LIS01_NUMBER_REPEAT) {
		/* nothing new */
	} else if (sum >= LIS01_SUM_BAD || f->sequence == LIS01_NUMBER_WRONG) {
		l->doubt = f->number;
		l->doubt_sum = sum >= LIS01_SUM_BAD;
		l->doubt_known = true;
		l->doubt_text = l->text;
	} else {
		l->last = f->number;
		l->last_text = l->text;
		l->doubt = LIS01_NONE;
		l->fresh = false;
	}
	l->state = L_TAIL_CR;
	e.frame = *f;
	return e;
}

/* The bytes behind ETX or ETB; true where *e is ready. Takes a byte only where it is used. */
static bool
sum_byte(struct lis01 *l, struct bytes *in, uint64_t *offset, struct lis01_event *e)
{
	uint8_t c = in->ptr[0];
	enum lis01_sum sum = LIS01_SUM_BAD;
	int hi, lo = hex_value(c);

	if (l->state == L_SUM1) {
		l->frame.sum_computed =
		    (uint8_t)(l->frame.number + '0' + l->text.sum + l->frame.last);
		if (lo < 0) {
			*e = frame_end(l, LIS01_SUM_MISSING, *offset);
			return true;
		}
		l->hex = c;
		l->state = L_SUM2;
		(void)take(in, offset, 1);
		l->frame.end = *offset;
		return false;
	}
	hi = hex_value(l->hex);
	if (lo >= 0) {
		(void)take(in, offset, 1);
		l->frame.sum_sent = (uint8_t)(hi << 4 | lo);
		if (l->frame.sum_sent == l->frame.sum_computed)
			sum = l->hex >= 'a' || c >= 'a' ? LIS01_SUM_LOWER : LIS01_SUM_OK;
	}
	*e = frame_end(l, sum, *offset);
	return true;
}

static struct lis01_event
tail_end(struct lis01 *l, uint64_t offset, uint8_t missing)
{
	l->state = L_NEUTRAL;
	return (struct lis01_event){.kind = LIS01_TAIL, .byte = missing, .offset = offset};
}

/* Inside the text of a frame. False: nothing to tell yet. */
static bool
text_bytes(struct lis01 *l, struct bytes *in, uint64_t *offset, struct lis01_event *e)
{
	size_t n = find_restricted(*in);

	*e = (struct lis01_event){.offset = *offset};
	if (n > 0) {
		e->kind = LIS01_PIECE;
		e->body = take(in, offset, n);
		text_add(l, e->body);
		return true;
	}
	switch (e->byte = in->ptr[0]) {
	case LIS01_ETX:
	case LIS01_ETB:
		(void)take(in, offset, 1);
		l->frame.last = e->byte;
		l->frame.end = *offset;
		l->state = L_SUM1;
		return false;
	case LIS01_STX:
		(void)take(in, offset, 1);
		l->stx = e->offset;
		l->state = L_TEXT_STX;
		return false;
	case LIS01_ENQ:
	case LIS01_EOT:
		e->kind = LIS01_FRAME_CUT;
		e->frame = l->frame;
		l->state = L_NEUTRAL;
		return true;
	default:
		e->kind = LIS01_BYTE;
		e->body = take(in, offset, 1);
		text_add(l, e->body);
		return true;
	}
}

/* STX inside a text: a digit makes it the start of the next frame, else it is text. */
static struct lis01_event
text_stx(struct lis01 *l, bool digit)
{
	struct lis01_event e = {.kind = LIS01_FRAME_CUT, .offset = l->stx, .frame = l->frame};

	if (digit) {
		l->state = L_STX;
		return e;
	}
	e.kind = LIS01_BYTE;
	e.byte = LIS01_STX;
	e.body = bytes_of(&one_stx, 1);
	text_add(l, e.body);
	l->state = L_TEXT;
	return e;
}

/* Between frames. False: nothing to tell yet. */
static bool
neutral_bytes(struct lis01 *l, struct bytes *in, uint64_t *offset, struct lis01_event *e)
{
	size_t n = find_control(*in);

	*e = (struct lis01_event){.kind = LIS01_LOOSE, .offset = *offset};
	if (n > 0) {
		e->body = take(in, offset, n);
		return true;
	}
	e->kind = LIS01_CONTROL;
	e->byte = in->ptr[0];
	(void)take(in, offset, 1);
	if (e->byte == LIS01_STX) {
		l->stx = e->offset;
		l->state = L_STX;
		return false;
	}
	if (e->byte == LIS01_ENQ || e->byte == LIS01_EOT) {
		l->fresh = e->byte == LIS01_ENQ;
		l->last = l->doubt = LIS01_NONE;
	}
	return true;
}

static struct lis01_event
loose_stx(struct lis01 *l)
{
	l->state = L_NEUTRAL;
	return (struct lis01_event){
	    .kind = LIS01_LOOSE, .offset = l->stx, .body = bytes_of(&one_stx, 1)};
}

struct lis01_event
lis01_next(struct lis01 *l, struct bytes *in, uint64_t *offset)
{
	struct lis01_event e = {.kind = LIS01_MORE};

	while (in->len > 0) {
		uint8_t c = in->ptr[0];

		switch (l->state) {
		case L_STX:
			if (!is_digit(c))
				return loose_stx(l);
			(void)take(in, offset, 1);
			return frame_start(l, (uint8_t)(c - '0'));
		case L_TEXT:
			if (text_bytes(l, in, offset, &e))
				return e;
			break;
		case L_TEXT_STX:
			return text_stx(l, is_digit(c));
		case L_SUM1:
		case L_SUM2:
			if (sum_byte(l, in, offset, &e))
				return e;
			break;
		case L_TAIL_CR:
			if (c != '\r') {
				if (c == '\n')
					(void)take(in, offset, 1);
				return tail_end(l, l->frame.end, 1);
			}
			(void)take(in, offset, 1);
			l->state = L_TAIL_LF;
			break;
		case L_TAIL_LF:
			if (c != '\n')
				return tail_end(l, l->frame.end, 1);
			(void)take(in, offset, 1);
			return tail_end(l, l->frame.end, 0);
		default:
			if (neutral_bytes(l, in, offset, &e))
				return e;
		}
	}
	return (struct lis01_event){.kind = LIS01_MORE};
}

void
lis01_refused(struct lis01 *l)
{
	l->doubt = LIS01_NONE;
}

bool
lis01_gap(struct lis01 *l)
{
	bool open = l->state >= L_TEXT && l->state <= L_SUM2;

	l->state = L_NEUTRAL;
	l->last = l->doubt = LIS01_NONE;
	l->fresh = false;
	return open;
}

struct lis01_event
lis01_end(struct lis01 *l)
{
	switch (l->state) {
	case L_STX:
		return loose_stx(l);
	case L_TEXT:
	case L_TEXT_STX:
		l->state = L_NEUTRAL;
		return (struct lis01_event){
		    .kind = LIS01_FRAME_CUT, .offset = l->frame.offset, .frame = l->frame};
	case L_SUM1:
		l->frame.sum_computed =
		    (uint8_t)(l->frame.number + '0' + l->text.sum + l->frame.last);
		return frame_end(l, LIS01_SUM_MISSING, l->frame.end);
	case L_SUM2:
		return frame_end(l, LIS01_SUM_BAD, l->frame.end);
	case L_TAIL_CR:
	case L_TAIL_LF:
		return tail_end(l, l->frame.end, 1);
	default:
		return (struct lis01_event){.kind = LIS01_MORE};
	}
}

/* --- writing --- */

void
lis01_write_frame(struct buf *out, unsigned number, struct bytes text, uint8_t last)
{
	static const char hex[] = "0123456789ABCDEF";
	uint8_t sum = (uint8_t)('0' + (number & 7));

	buf_byte(out, LIS01_STX);
	buf_byte(out, sum);
	buf_add(out, text);
	buf_byte(out, last);
	for (size_t i = 0; i < text.len; i++)
		sum = (uint8_t)(sum + text.ptr[i]);
	sum = (uint8_t)(sum + last);
	buf_byte(out, (uint8_t)hex[sum >> 4]);
	buf_byte(out, (uint8_t)hex[sum & 15]);
	buf_add(out, BYTES("\r\n"));
}

void
lis01_write_session(struct buf *out, struct bytes records, size_t text_max)
{
	unsigned number = 1;

	buf_byte(out, LIS01_ENQ);
	while (records.len > 0) {
		size_t n = bytes_find(records, '\r');
		struct bytes rec = bytes_sub(records, 0, n < records.len ? n + 1 : n);

		records = bytes_from(records, rec.len);
		while (rec.len > text_max) {
			lis01_write_frame(out, number++, bytes_sub(rec, 0, text_max), LIS01_ETB);
			rec = bytes_from(rec, text_max);
		}
		lis01_write_frame(out, number++, rec, LIS01_ETX);
	}
	buf_byte(out, LIS01_EOT);
}
