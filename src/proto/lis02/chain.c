/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: start <= record <= done <= mark <= text.len; between calls of chain_data() start is
 * 0; mark == done where no frame is in doubt. Records are looked for only in what is read, so a
 * frame that is taken back was never told.
 * Lines outside frames: BOL -letter delimiter-> RECORD -CR LF-> BOL
 *                       BOL -STX-> VENDOR -ETX-> BOL;  BOL -other text-> NOISE -CR LF-> BOL
 *                       a hole -> RESYNC -CR LF or control-> BOL */
#include "proto/lis02/chain.h"

enum { LOOSE_BOL, LOOSE_RECORD, LOOSE_NOISE, LOOSE_VENDOR, LOOSE_RESYNC };

static void
anomaly(struct chain *c, enum anomaly name, uint64_t offset)
{
	c->sink->anomaly(c->sink->ctx, name, offset);
}

/* --- places --- */

static struct chain_segment *
segments(const struct chain *c, size_t *n)
{
	*n = c->segments.len / sizeof(struct chain_segment);
	return (struct chain_segment *)(void *)c->segments.ptr;
}

/* Index of the segment that holds pos (n > 0, segs[0].pos <= pos). */
static size_t
segment_find(const struct chain_segment *segs, size_t n, size_t pos)
{
	size_t lo = 0;

	while (n - lo > 1) {
		size_t mid = lo + (n - lo) / 2;

		if (segs[mid].pos <= pos)
			lo = mid;
		else
			n = mid;
	}
	return lo;
}

static uint64_t
offset_of(const struct chain_segment *segs, size_t n, size_t pos)
{
	const struct chain_segment *s;

	if (n == 0)
		return 0;
	s = &segs[segment_find(segs, n, pos)];
	return s->offset + (pos - s->pos);
}

uint64_t
lis02_message_offset(const struct lis02_message *m, size_t pos)
{
	return offset_of(m->segments, m->n_segments, m->base + pos);
}

static uint64_t
text_offset(const struct chain *c, size_t pos)
{
	size_t n;
	const struct chain_segment *segs = segments(c, &n);

	return offset_of(segs, n, pos);
}

/* --- the text --- */

static struct bytes
text_part(const struct chain *c, size_t from, size_t to)
{
	return bytes_sub(buf_bytes(&c->text), from, to - from);
}

static void
text_truncate(struct chain *c, size_t len)
{
	size_t n;
	const struct chain_segment *segs = segments(c, &n);

	c->text.len = len;
	while (n > 0 && segs[n - 1].pos >= len)
		n--;
	c->segments.len = n * sizeof(struct chain_segment);
}

/* Drop what was told: [0, start). */
static void
text_compact(struct chain *c)
{
	size_t n, keep;
	struct chain_segment *segs = segments(c, &n);

	if (c->start == 0)
		return;
	if (c->start == c->text.len) {
		c->text.len = c->segments.len = 0;
	} else {
		keep = segment_find(segs, n, c->start);
		segs[keep].offset += c->start - segs[keep].pos;
		segs[keep].pos = c->start;
		for (size_t i = keep; i < n; i++)
			segs[i].pos -= c->start;
		buf_drop(&c->segments, keep * sizeof(*segs));
		buf_drop(&c->text, c->start);
	}
	c->record -= c->start;
	c->done -= c->start;
	c->mark -= c->start;
	c->start = 0;
}

static void
message_reset(struct chain *c)
{
	c->records = 0;
	c->framed = c->cut = c->headed = false;
}

/* Tell the message [start, end) and begin a new one behind it. */
static void
message_flush(struct chain *c, size_t end)
{
	size_t n;
	const struct chain_segment *segs = segments(c, &n);
	struct lis02_message m = {.text = text_part(c, c->start, end),
	    .records = c->records,
	    .framed = c->framed,
	    .cut = c->cut,
	    .headless = !c->headed,
	    .delim = c->delim,
	    .base = c->start,
	    .segments = segs,
	    .n_segments = n};

	if (c->records > 0) {
		while (m.text.len > 0 && m.text.ptr[0] == '\r') {
			m.text = bytes_from(m.text, 1);
			m.base++;
		}
		m.offset = lis02_message_offset(&m, 0);
		if (m.headless)
			anomaly(c, ANOMALY_lis02_header_missing, m.offset);
		c->sink->message(c->sink->ctx, &m);
	}
	c->start = end;
	message_reset(c);
}

/* The record [c->record, end), CR included where it has one. */
static void
record_end(struct chain *c, size_t end)
{
	struct bytes r = text_part(c, c->record, end);
	size_t at = c->record;

	c->record = end;
	if (r.len == 0 || r.ptr[0] == '\r')
		return;
	if (!lis02_starts_record(r, c->delim)) {
		anomaly(c, ANOMALY_lis02_record_unknown, text_offset(c, at));
		return;
	}
	if (r.ptr[0] == 'H') {
		if (c->records > 0) {
			c->cut = true;
			anomaly(c, ANOMALY_lis02_terminator_missing, text_offset(c, at));
		}
		message_flush(c, at);
		c->headed = true;
		c->delim = r.ptr[1];
	}
	c->framed |= c->last != 0;
	c->records++;
	c->sink->record(c->sink->ctx, text_offset(c, at));
	if (r.ptr[0] == 'L')
		message_flush(c, end);
}

/* Put a CR at `at`, where a frame ended a record without one. */
static void
text_insert_cr(struct chain *c, size_t at)
{
	size_t n;
	struct chain_segment *segs;

	if (!buf_reserve(&c->text, 1)) {
		c->text.cut = false; /* the next text meets the cap again */
		return;
	}
	memmove(c->text.ptr + at + 1, c->text.ptr + at, c->text.len - at);
	c->text.ptr[at] = '\r';
	c->text.len++;
	segs = segments(c, &n);
	while (n > 0 && segs[n - 1].pos >= at)
		segs[--n].pos++;
}

/* [done, end) is text of the sender's message: find its records. last: ETX, ETB, or 0 for a line
 * outside frames. */
static void
text_read(struct chain *c, size_t end, uint8_t last)
{
	size_t from = c->done, partial;

	if (c->record < c->done && c->last == LIS01_ETX &&
	    lis02_starts_record(text_part(c, c->done, end), c->delim)) {
		anomaly(c, ANOMALY_lis02_record_end_missing, text_offset(c, c->done));
		text_insert_cr(c, c->done);
		end++;
		c->mark++;
	}
	c->last = last;
	while (from < end) {
		from += bytes_find(text_part(c, from, end), '\r');
		if (from == end)
			break;
		record_end(c, ++from);
	}
	partial = end - c->record;
	if (last == LIS01_ETB && partial == 0 && end > c->done)
		anomaly(c, ANOMALY_lis01_etb_whole_record, c->unit);
	if (last == LIS01_ETX && partial > 1 && c->text.ptr[c->record] == 'L' &&
	    c->text.ptr[c->record + 1] == c->delim) {
		anomaly(c, ANOMALY_lis02_record_end_missing, text_offset(c, c->record));
		record_end(c, end);
	}
	c->done = end;
}

static void
doubt_keep(struct chain *c)
{
	uint8_t last = c->doubtful;

	c->doubtful = 0;
	if (last != 0)
		text_read(c, c->mark, last);
}

static void
doubt_drop(struct chain *c)
{
	c->doubtful = 0;
	text_truncate(c, c->done);
	c->mark = c->done;
}

/* The message will get no more text. */
static void
message_end(struct chain *c)
{
	doubt_keep(c);
	if (c->record < c->done) {
		anomaly(c, ANOMALY_lis02_record_end_missing, text_offset(c, c->record));
		record_end(c, c->done);
	}
	if (c->records > 0) {
		c->cut = true;
		anomaly(c, ANOMALY_lis02_terminator_missing, text_offset(c, c->start));
	}
	message_flush(c, c->done);
	text_compact(c);
	c->last = 0;
}

/* A cap was met: what was read so far is told, the open unit is dropped. */
static void
overflow(struct chain *c, bool large)
{
	anomaly(c, large ? ANOMALY_unit_too_large : ANOMALY_memory_cap, c->unit);
	c->cut = true;
	c->doubtful = 0;
	message_flush(c, c->record);
	buf_reset(&c->text);
	buf_reset(&c->segments);
	c->start = c->record = c->done = c->mark = 0;
	c->cut = true;
	c->skip = true;
}

static void
text_add(struct chain *c, struct bytes b, uint64_t offset)
{
	struct chain_segment s = {offset, c->text.len};
	size_t n;
	const struct chain_segment *segs = segments(c, &n);
	bool large = b.len > CHAIN_TEXT_MAX - c->text.len || n == CHAIN_SEGMENTS_MAX;

	if (c->skip)
		return;
	if (n == 0 || segs[n - 1].offset + (s.pos - segs[n - 1].pos) != offset)
		buf_add(&c->segments, bytes_of(&s, sizeof(s)));
	buf_add(&c->text, b);
	if (c->text.cut || c->segments.cut)
		overflow(c, large);
}

/* --- frames --- */

static void loose_close(struct chain *c);

static void
frame_start(struct chain *c, const struct lis01_event *e)
{
	loose_close(c);
	if (!c->session)
		anomaly(c, ANOMALY_lis01_enq_missing, e->offset);
	if (e->replaces)
		doubt_drop(c);
	c->session = c->any_frame = c->ever_frame = true;
	c->unit = e->offset;
	c->mark = c->text.len;
	c->skip = false;
}

static void
frame_anomalies(struct chain *c, const struct lis01_frame *f)
{
	static const enum anomaly by_sum[] = {[LIS01_SUM_LOWER] = ANOMALY_lis01_checksum_case,
	    [LIS01_SUM_BAD] = ANOMALY_lis01_checksum,
	    [LIS01_SUM_MISSING] = ANOMALY_lis01_checksum_missing};
	static const enum anomaly by_number[] = {[LIS01_NUMBER_REPEAT] = ANOMALY_lis01_frame_repeat,
	    [LIS01_NUMBER_SAME] = ANOMALY_lis01_frame_number_same,
	    [LIS01_NUMBER_WRONG] = ANOMALY_lis01_frame_number};

	if (f->sum != LIS01_SUM_OK)
		anomaly(c, by_sum[f->sum], f->offset);
	if (f->sequence != LIS01_NUMBER_OK)
		anomaly(c, by_number[f->sequence], f->offset);
	if (f->text > LIS01_TEXT_A2)
		anomaly(c, ANOMALY_lis01_frame_over_64000, f->offset);
	else if (f->text > LIS01_TEXT_E1381)
		anomaly(c, ANOMALY_lis01_frame_over_247, f->offset);
	if (f->eight_bit)
		anomaly(c, ANOMALY_lis01_eight_bit, f->offset);
}

static void
frame_end(struct chain *c, const struct lis01_frame *f)
{
	c->sink->frame(c->sink->ctx, f);
	frame_anomalies(c, f);
	if (c->skip) {
		c->skip = false;
		c->mark = c->text.len;
		return;
	}
	if (f->repeat) {
		text_truncate(c, c->mark);
		return;
	}
	doubt_keep(c);
	if (f->sum == LIS01_SUM_MISSING && c->records == 0 && c->record == c->done &&
	    !lis02_starts_record(text_part(c, c->mark, c->text.len), c->delim)) {
		c->sink->vendor(c->sink->ctx, text_part(c, c->mark, c->text.len), f->offset,
		    f->end - f->offset);
		text_truncate(c, c->mark);
		return;
	}
	if (f->sum >= LIS01_SUM_BAD || f->sequence == LIS01_NUMBER_WRONG) {
		c->doubtful = f->last;
		c->mark = c->text.len;
		return;
	}
	text_read(c, c->text.len, f->last);
	c->mark = c->done;
	text_compact(c);
}

/* The open frame will not end. */
static void
frame_cut(struct chain *c)
{
	anomaly(c, ANOMALY_lis01_frame_cut, c->unit);
	text_truncate(c, c->mark);
	c->skip = false;
}

static void
control(struct chain *c, uint8_t byte, uint64_t offset)
{
	if (byte == LIS01_ENQ || byte == LIS01_EOT) {
		loose_close(c);
		message_end(c);
		if (byte == LIS01_EOT && c->session && !c->any_frame)
			anomaly(c, ANOMALY_lis01_keepalive, offset);
		c->session = byte == LIS01_ENQ;
		c->any_frame = false;
	} else if (!c->any_frame) {
		c->session = false; /* it answers: after a contention it is the receiver */
	}
	c->in_noise = false;
	c->sink->control(c->sink->ctx, byte, offset);
}

/* --- bytes outside frames --- */

static void
noise(struct chain *c, uint64_t offset)
{
	if (!c->in_noise)
		anomaly(c, ANOMALY_lis01_noise, offset);
	c->in_noise = true;
}

static void
vendor_add(struct chain *c, struct bytes b)
{
	buf_add(&c->vendor, bytes_sub(b, 0, CHAIN_VENDOR_MAX - c->vendor.len));
	c->vendor_size += b.len;
}

static void
vendor_end(struct chain *c)
{
	c->sink->vendor(c->sink->ctx, buf_bytes(&c->vendor), c->unit, c->vendor_size);
	buf_reset(&c->vendor);
	c->loose = LOOSE_BOL;
}

static void
line_start(struct chain *c, uint64_t offset)
{
	doubt_keep(c);
	if (c->records == 0)
		anomaly(c, ANOMALY_lis02_unframed, offset);
	if (c->record < c->done && c->last != 0) {
		/* A frame's last record had no CR. */
		anomaly(c, ANOMALY_lis02_record_end_missing, text_offset(c, c->record));
		record_end(c, c->done);
	}
	text_compact(c);
	c->mark = c->done;
	c->unit = offset;
	c->loose = LOOSE_RECORD;
	c->in_noise = false;
	c->skip = false;
}

static void
line_end(struct chain *c, uint64_t offset, bool with_cr)
{
	c->loose = LOOSE_BOL;
	if (with_cr)
		text_add(c, BYTES("\r"), offset);
	else
		anomaly(c, ANOMALY_lis02_record_end_missing, offset);
	if (c->skip) {
		c->skip = false;
		return;
	}
	text_read(c, c->text.len, 0);
	if (!with_cr && c->record < c->done)
		record_end(c, c->done);
	c->mark = c->done;
	text_compact(c);
}

/* What the line started by pre[] and b is. Takes what it uses. */
static void
line_judge(struct chain *c, uint8_t b, uint64_t offset)
{
	uint8_t line[3] = {c->pre[0], c->pre[1], b};
	size_t n = c->n_pre, digit;

	line[n++] = b;
	digit = line[0] >= '0' && line[0] <= '9' ? 1 : 0;
	if (n == 1 && b == LIS01_STX) {
		c->unit = offset;
		c->vendor_size = 1;
		c->loose = LOOSE_VENDOR;
	} else if (n == 1 && (b < 0x20 || b >= 0x7f)) {
		if (b != '\r' && b != '\n')
			noise(c, offset);
		else
			c->in_noise = false;
	} else if (n < 2 + digit &&
		   (n == 1 ? digit != 0 || lis02_is_letter(b) : lis02_is_letter(b))) {
		c->pre[c->n_pre] = b;
		c->pre_offset[c->n_pre++] = offset;
	} else if (lis02_starts_record(bytes_of(line + digit, n - digit), c->delim)) {
		uint64_t at = n == 1 ? offset : c->pre_offset[0];

		line_start(c, at);
		if (digit != 0)
			anomaly(c, ANOMALY_lis02_frame_text, at);
		text_add(c, bytes_of(line + digit, 1), c->pre_offset[digit]);
		text_add(c, bytes_of(line + digit + 1, 1), offset);
		c->n_pre = 0;
	} else {
		noise(c, n == 1 ? offset : c->pre_offset[0]);
		c->loose = b == '\r' || b == '\n' ? LOOSE_BOL : LOOSE_NOISE;
		c->n_pre = 0;
	}
}

static size_t
find_line_end(struct bytes b)
{
	size_t cr = bytes_find(b, '\r');

	return bytes_find(bytes_sub(b, 0, cr), '\n');
}

static void
loose_bytes(struct chain *c, struct bytes b, uint64_t offset)
{
	while (b.len > 0) {
		size_t n = 1;

		switch (c->loose) {
		case LOOSE_RECORD:
			n = find_line_end(b);
			if (n > 0) {
				text_add(c, bytes_sub(b, 0, n), offset);
				break;
			}
			n = 1;
			if (b.ptr[0] == '\n')
				anomaly(c, ANOMALY_lis02_line_feed, offset);
			line_end(c, offset, true);
			break;
		case LOOSE_VENDOR:
			n = bytes_find(b, LIS01_ETX);
			vendor_add(c, bytes_sub(b, 0, n));
			if (n < b.len) {
				n++;
				c->vendor_size++;
				vendor_end(c);
			}
			break;
		case LOOSE_NOISE:
		case LOOSE_RESYNC:
			n = c->ever_frame && c->loose == LOOSE_RESYNC ? b.len : find_line_end(b);
			if (n < b.len) {
				n++;
				c->loose = LOOSE_BOL;
			}
			break;
		default:
			line_judge(c, b.ptr[0], offset);
		}
		b = bytes_from(b, n);
		offset += n;
	}
}

/* A frame or a control byte ends what stands outside frames. */
static void
loose_close(struct chain *c)
{
	if (c->n_pre > 0)
		noise(c, c->pre_offset[0]);
	c->n_pre = 0;
	if (c->loose == LOOSE_RECORD)
		line_end(c, c->unit, false);
	else if (c->loose == LOOSE_VENDOR)
		vendor_end(c);
	c->loose = LOOSE_BOL;
	c->in_noise = false;
}

/* STX in the middle of a line of text is part of it; at a line's start it opens a block. */
static void
loose(struct chain *c, struct bytes b, uint64_t offset)
{
	if (c->loose == LOOSE_RECORD && b.ptr[0] == LIS01_STX)
		anomaly(c, ANOMALY_lis01_restricted_byte, offset);
	loose_bytes(c, b, offset);
}

/* --- the whole --- */

void
chain_init(struct chain *c, const struct chain_sink *sink, struct budget *budget)
{
	*c = (struct chain){.sink = sink, .delim = '|'};
	lis01_init(&c->link);
	c->text = (struct buf){.cap = CHAIN_TEXT_MAX, .budget = budget};
	c->segments = (struct buf){
	    .cap = CHAIN_SEGMENTS_MAX * sizeof(struct chain_segment), .budget = budget};
	c->vendor = (struct buf){.cap = CHAIN_VENDOR_MAX, .budget = budget};
}

static void
link_event(struct chain *c, const struct lis01_event *e)
{
	switch (e->kind) {
	case LIS01_CONTROL:
		control(c, e->byte, e->offset);
		break;
	case LIS01_START:
		frame_start(c, e);
		break;
	case LIS01_PIECE:
		text_add(c, e->body, e->offset);
		break;
	case LIS01_BYTE:
		anomaly(c,
		    e->byte == '\n' ? ANOMALY_lis02_line_feed : ANOMALY_lis01_restricted_byte,
		    e->offset);
		text_add(c, e->byte == '\n' ? BYTES("\r") : e->body, e->offset);
		break;
	case LIS01_FRAME:
		frame_end(c, &e->frame);
		break;
	case LIS01_FRAME_CUT:
		frame_cut(c);
		break;
	case LIS01_TAIL:
		if (e->byte != 0)
			anomaly(c, ANOMALY_lis01_crlf_missing, e->offset);
		if (c->sink->tail != NULL)
			c->sink->tail(c->sink->ctx);
		break;
	case LIS01_LOOSE:
		loose(c, e->body, e->offset);
		break;
	case LIS01_MORE:
		break;
	}
}

void
chain_data(struct chain *c, struct bytes run, uint64_t offset)
{
	for (;;) {
		struct lis01_event e = lis01_next(&c->link, &run, &offset);

		if (e.kind == LIS01_MORE)
			return;
		link_event(c, &e);
	}
}

void
chain_accepted(struct chain *c)
{
	size_t open = c->mark;

	if (c->doubtful == 0 || c->text.len != open)
		return;
	doubt_keep(c);
	c->mark = c->done;
	text_compact(c);
}

void
chain_refused(struct chain *c)
{
	if (c->doubtful == 0 || c->text.len != c->mark)
		return;
	doubt_drop(c);
	lis01_refused(&c->link);
}

void
chain_gap(struct chain *c, uint64_t offset)
{
	bool open = lis01_gap(&c->link);

	c->unit = offset;
	if (open) {
		text_truncate(c, c->mark);
		c->skip = false;
	}
	if (c->loose == LOOSE_RECORD) {
		text_truncate(c, c->done);
		c->mark = c->done;
		c->skip = false;
	}
	if (c->loose == LOOSE_VENDOR)
		vendor_end(c);
	doubt_keep(c);
	c->n_pre = 0;
	c->in_noise = false;
	c->cut |= c->records > 0 || c->record < c->done;
	text_truncate(c, c->record);
	c->done = c->mark = c->record;
	c->session = true; /* ENQ may be in the hole */
	c->any_frame = true;
	c->loose = LOOSE_RESYNC;
}

/* A frame that the direction's end cut: its text is told, as far as it came. */
void
chain_end(struct chain *c)
{
	for (;;) {
		struct lis01_event e = lis01_end(&c->link);

		if (e.kind == LIS01_MORE)
			break;
		if (e.kind != LIS01_FRAME_CUT) {
			link_event(c, &e);
			continue;
		}
		anomaly(c, ANOMALY_lis01_frame_cut, c->unit);
		doubt_keep(c);
		text_read(c, c->text.len, LIS01_ETX);
		c->mark = c->done;
		c->cut = true;
	}
	loose_close(c);
	message_end(c);
}

void
chain_free(struct chain *c)
{
	buf_free(&c->text);
	buf_free(&c->segments);
	buf_free(&c->vendor);
}
