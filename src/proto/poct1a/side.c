/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/poct1a/side.h"

enum { FORM_UNKNOWN, FORM_RAW, FORM_MLLP, FORM_UTF16 };

enum { MLLP_VT = 0x0b, UTF16_BLOCK = 256 };

void
side_init(struct poct1a_side *s, const struct side_sink *sink, struct buf_pool *pool,
    struct budget *budget)
{
	*s = (struct poct1a_side){.sink = sink};
	xml_split_init(&s->split, budget);
	mllp_init(&s->mllp, pool, budget, XML_DOCUMENT_MAX);
}

void
side_free(struct poct1a_side *s)
{
	xml_split_free(&s->split);
	mllp_free(&s->mllp);
}

static void
anomaly(struct poct1a_side *s, enum anomaly name, uint64_t offset)
{
	s->sink->anomaly(s->sink->ctx, name, offset);
}

static void
tell(struct poct1a_side *s, const struct xml_piece *p)
{
	struct document_place at = {.offset = p->offset, .size = p->size, .scale = s->split.scale};

	at.framed = s->form == FORM_MLLP;
	if (p->kind == XML_NOISE)
		anomaly(s, ANOMALY_poct1a_noise, p->offset);
	else if (p->kind == XML_DOCUMENT)
		s->sink->document(s->sink->ctx, p, &at);
}

static void
split(struct poct1a_side *s, struct bytes run, uint64_t offset)
{
	for (;;) {
		struct xml_piece p = xml_split_next(&s->split, &run, &offset);

		if (p.kind == XML_MORE)
			return;
		tell(s, &p);
	}
}

static void
split_cut(struct poct1a_side *s, bool resync)
{
	struct xml_piece p = xml_split_cut(&s->split, resync);

	tell(s, &p);
}

/* --- MLLP --- */

static void
block(struct poct1a_side *s, const struct mllp_event *e)
{
	const unsigned usual = MLLP_FIRST | MLLP_BOM;

	switch (e->kind) {
	case MLLP_BLOCK:
	case MLLP_BARE:
	case MLLP_HLLP:
		if ((e->flags & ~usual) != 0)
			anomaly(s, ANOMALY_poct1a_framing, e->offset);
		split(s, e->body, e->body_offset);
		split_cut(s, false);
		break;
	case MLLP_JUNK:
		anomaly(s, ANOMALY_poct1a_noise, e->offset);
		break;
	case MLLP_NOTE:
		anomaly(s, ANOMALY_poct1a_framing, e->offset);
		break;
	case MLLP_COMMIT:
	case MLLP_MORE:
		break;
	}
}

static void
blocks(struct poct1a_side *s, struct bytes run)
{
	for (;;) {
		struct mllp_event e = mllp_next(&s->mllp, &run);

		if (e.kind == MLLP_MORE)
			return;
		block(s, &e);
	}
}

/* --- UTF-16 --- */

static void
utf16(struct poct1a_side *s, struct bytes run, uint64_t offset)
{
	uint8_t out[UTF16_BLOCK];
	uint64_t start = offset;
	size_t n = 0;

	if (!s->odd && run.len > 0 && ((offset - s->base) & 1) != 0) {
		/* a hole of odd length: out of step, one byte is lost */
		run = bytes_from(run, 1);
		offset++;
		start++;
	}
	for (size_t i = 0; i < run.len; i++) {
		uint8_t hi, lo;

		if (!s->odd) {
			if (n == 0)
				start = offset + i;
			s->half = run.ptr[i];
			s->odd = true;
			continue;
		}
		if (n == 0)
			start = offset + i - 1;
		s->odd = false;
		hi = s->big_endian ? s->half : run.ptr[i];
		lo = s->big_endian ? run.ptr[i] : s->half;
		out[n++] = hi == 0 && lo < 0x80 ? lo : hi == 0xfe && lo == 0xff ? ' ' : '?';
		if (n == sizeof(out)) {
			split(s, bytes_of(out, n), start);
			n = 0;
		}
	}
	if (n > 0)
		split(s, bytes_of(out, n), start);
}

/* --- the whole --- */

static void
by_form(struct poct1a_side *s, struct bytes run, uint64_t offset)
{
	if (run.len == 0)
		return;
	switch (s->form) {
	case FORM_MLLP:
		blocks(s, run);
		break;
	case FORM_UTF16:
		utf16(s, run, offset);
		break;
	default:
		split(s, run, offset);
	}
}

/* UTF-16 shows by its mark or by a NUL beside the first '<'. */
static bool
utf16_starts(uint8_t a, uint8_t b, bool *big_endian)
{
	*big_endian = (a == 0xfe && b == 0xff) || (a == 0 && b == '<');
	return *big_endian || (a == 0xff && b == 0xfe) || (a == '<' && b == 0);
}

/* The form by the first byte, or by the first two. False: one more is needed. */
static bool
choose(struct poct1a_side *s, struct bytes *run, uint64_t *offset)
{
	uint8_t a = s->has_first ? s->first : run->ptr[0], b;

	if (!s->has_first) {
		if (a == MLLP_VT || (a != 0xff && a != 0xfe && a != 0 && a != '<')) {
			s->form = a == MLLP_VT ? FORM_MLLP : FORM_RAW;
			return true;
		}
		s->first = a;
		s->has_first = true;
		s->base = *offset;
		*run = bytes_from(*run, 1);
		++*offset;
		if (run->len == 0)
			return false;
	}
	b = run->ptr[0];
	s->has_first = false;
	s->form = FORM_RAW;
	if (utf16_starts(a, b, &s->big_endian)) {
		s->form = FORM_UTF16;
		s->split.scale = 2;
		anomaly(s, ANOMALY_poct1a_utf16, s->base);
	}
	by_form(s, bytes_of(&a, 1), s->base);
	return true;
}

void
side_data(struct poct1a_side *s, struct bytes run, uint64_t offset)
{
	if (s->form == FORM_UNKNOWN && !choose(s, &run, &offset))
		return;
	by_form(s, run, offset);
}

void
side_gap(struct poct1a_side *s, uint64_t offset, uint64_t missing)
{
	struct mllp_event e;

	(void)offset;
	if (s->form == FORM_MLLP) {
		e = mllp_gap(&s->mllp, missing);
		block(s, &e);
		return;
	}
	if (s->has_first || s->form == FORM_UNKNOWN) {
		s->has_first = false;
		s->form = FORM_RAW;
	}
	s->odd = false;
	split_cut(s, true);
}

void
side_end(struct poct1a_side *s)
{
	struct mllp_event e;

	if (s->has_first) {
		s->has_first = false;
		s->form = FORM_RAW;
		split(s, bytes_of(&s->first, 1), s->base);
	}
	if (s->form == FORM_MLLP) {
		e = mllp_end(&s->mllp);
		block(s, &e);
	}
	split_cut(s, false);
}
