/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants of the scan:
 *  1. Bits of sep[] and eol[] at places before `at` are cleared; at is inside block w of the strip,
 *     or w == n and the next strip starts at or behind `at`.
 *  2. Bit b of block i stands for byte strip + 64 i + b. */
#include "proto/hl7v2/scan.h"

#include "base/attr.h"
#include "base/mask.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

enum { BLOCK = 64, STRIP = BLOCK * HL7_STRIP_BLOCKS, CR = 0x0d, LF = 0x0a };

const struct hl7_delims hl7_delims_usual = {'|', '^', '~', '\\', '&', 0};

/* Masks of n whole blocks at p. */
typedef void classify_fn(struct hl7_scan *s, const uint8_t *p, unsigned from, unsigned n);

#ifdef __SSE2__

static void
classify_sse2(struct hl7_scan *s, const uint8_t *p, unsigned from, unsigned n)
{
	const __m128i field = _mm_set1_epi8((char)s->field), cr = _mm_set1_epi8(CR);
	const __m128i lf = _mm_set1_epi8(LF), low = _mm_set1_epi8(0x1f);
	unsigned high = 0, control = 0;

	for (unsigned i = from; i < from + n; i++, p += BLOCK) {
		uint64_t sep = 0, eol = 0;

		for (unsigned k = 0; k < 4; k++) {
			__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * k));
			__m128i e = _mm_or_si128(_mm_cmpeq_epi8(v, cr), _mm_cmpeq_epi8(v, lf));
			unsigned em = (unsigned)_mm_movemask_epi8(e);

			sep |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, field))
			       << (16 * k);
			eol |= (uint64_t)em << (16 * k);
			high |= (unsigned)_mm_movemask_epi8(v);
			control |=
			    (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, low), v)) ^
			    em;
		}
		s->sep[i] = sep & ~eol;
		s->eol[i] = eol;
	}
	s->high |= high != 0;
	s->control |= control != 0;
}

__attribute__((target("avx2"))) static void
classify_avx2(struct hl7_scan *s, const uint8_t *p, unsigned from, unsigned n)
{
	const __m256i field = _mm256_set1_epi8((char)s->field), cr = _mm256_set1_epi8(CR);
	const __m256i lf = _mm256_set1_epi8(LF), low = _mm256_set1_epi8(0x1f);
	unsigned high = 0, control = 0;

	for (unsigned i = from; i < from + n; i++, p += BLOCK) {
		uint64_t sep = 0, eol = 0;

		for (unsigned k = 0; k < 2; k++) {
			__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32 * k));
			__m256i e =
			    _mm256_or_si256(_mm256_cmpeq_epi8(v, cr), _mm256_cmpeq_epi8(v, lf));
			__m256i c = _mm256_cmpeq_epi8(_mm256_min_epu8(v, low), v);
			unsigned em = (unsigned)_mm256_movemask_epi8(e);

			sep |= (uint64_t)(unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, field))
			       << (32 * k);
			eol |= (uint64_t)em << (32 * k);
			high |= (unsigned)_mm256_movemask_epi8(v);
			control |= (unsigned)_mm256_movemask_epi8(c) ^ em;
		}
		s->sep[i] = sep & ~eol;
		s->eol[i] = eol;
	}
	s->high |= high != 0;
	s->control |= control != 0;
}

static classify_fn *
classifier(const struct hl7_scan *s)
{
	return !s->narrow && __builtin_cpu_supports("avx2") ? classify_avx2 : classify_sse2;
}

#else

static void
classify_plain(struct hl7_scan *s, const uint8_t *p, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++, p += BLOCK) {
		uint64_t sep = 0, eol = 0;

		for (unsigned k = 0; k < BLOCK; k++) {
			uint64_t bit = UINT64_C(1) << k;

			if (p[k] == CR || p[k] == LF)
				eol |= bit;
			else if (p[k] == s->field)
				sep |= bit;
			s->control |= p[k] < 0x20 && p[k] != CR && p[k] != LF;
			s->high |= p[k] >= 0x80;
		}
		s->sep[i] = sep;
		s->eol[i] = eol;
	}
}

static classify_fn *
classifier(const struct hl7_scan *s)
{
	(void)s;
	return classify_plain;
}

#endif

void
hl7_scan_init(struct hl7_scan *s, struct bytes text, uint8_t field)
{
	s->in = text;
	s->at = s->strip = 0;
	s->field = field;
	s->high = s->control = s->lf = s->narrow = false;
	s->n = s->w = 0;
}

void
hl7_scan_separator(struct hl7_scan *s, uint8_t field)
{
	if (field == s->field)
		return;
	s->field = field;
	s->strip = s->at;
	s->n = s->w = 0;
}

/* The strip behind the one in hand; false at the end of the text. */
static bool
load(struct hl7_scan *s)
{
	size_t from = s->strip + (size_t)s->n * BLOCK, left, whole;
	uint8_t last[BLOCK];

	if (from >= s->in.len)
		return false;
	left = s->in.len - from;
	whole = left >= STRIP ? HL7_STRIP_BLOCKS : left / BLOCK;
	s->strip = from;
	s->w = 0;
	s->n = (unsigned)whole;
	classifier(s)(s, s->in.ptr + from, 0, s->n);
	if (whole < HL7_STRIP_BLOCKS && left % BLOCK > 0) {
		/* The tail sits before bytes that are not ours: a padded copy. A pad equal to the
		 * separator gives bits behind the end, which are cut off. */
		memset(last, ' ', sizeof(last));
		memcpy(last, s->in.ptr + from + whole * BLOCK, left % BLOCK);
		classifier(s)(s, last, s->n, 1);
		s->sep[s->n] &= (UINT64_C(1) << left % BLOCK) - 1;
		s->n++;
	}
	return true;
}

/* Clear what stands before `at` after a step over blank lines. */
static void
settle(struct hl7_scan *s)
{
	while (s->w < s->n || load(s)) {
		size_t base = s->strip + (size_t)s->w * BLOCK, off;

		if (s->at >= base + BLOCK) {
			s->w++;
			continue;
		}
		off = s->at > base ? s->at - base : 0;
		s->sep[s->w] &= ~UINT64_C(0) << off;
		s->eol[s->w] &= ~UINT64_C(0) << off;
		return;
	}
}

void
hl7_scan_blank(struct hl7_scan *s)
{
	size_t at = s->at;

	while (at < s->in.len && (s->in.ptr[at] == CR || s->in.ptr[at] == LF)) {
		s->lf |= s->in.ptr[at] == LF;
		at++;
	}
	if (at != s->at) {
		s->at = at;
		settle(s);
	}
}

/* Append the places of bits; base + bit = place in the segment. */
static inline uint32_t
flatten(struct hl7_segment *g, uint32_t n, uint64_t bits, uint32_t base)
{
	uint32_t *out = g->sep + n;

	if (UNLIKELY(n > HL7_FIELDS_MAX - BLOCK)) {
		while (bits != 0 && n < HL7_FIELDS_MAX) {
			g->sep[n++] = base + (uint32_t)__builtin_ctzll(bits);
			bits &= bits - 1;
		}
		g->over |= bits != 0;
		return n;
	}
	while (bits != 0) {
		*out++ = base + (uint32_t)__builtin_ctzll(bits);
		bits &= bits - 1;
	}
	return (uint32_t)(out - g->sep);
}

bool
hl7_scan_next(struct hl7_scan *s, struct hl7_segment *g)
{
	struct bytes rest = hl7_scan_rest(s);
	size_t start = s->at, end = s->in.len;
	uint32_t n = 0;

	if (rest.len == 0)
		return false;
	g->over = false;
	g->end = 0;
	s->at = s->in.len;
	while (s->w < s->n || load(s)) {
		uint32_t base = (uint32_t)(s->strip + (size_t)s->w * BLOCK - start);
		uint64_t sep = s->sep[s->w], eol = s->eol[s->w];

		if (eol != 0) {
			unsigned e = (unsigned)__builtin_ctzll(eol);

			n = flatten(g, n, sep & ((UINT64_C(1) << e) - 1), base);
			s->eol[s->w] = eol & (eol - 1);
			s->sep[s->w] = sep & ~((UINT64_C(2) << e) - 1);
			end = start + (uint32_t)(base + e);
			g->end = s->in.ptr[end];
			s->lf |= g->end == LF;
			s->at = end + 1;
			break;
		}
		n = flatten(g, n, sep, base);
		s->w++;
	}
	g->text = bytes_sub(s->in, start, end - start);
	g->n = n;
	g->sep[n] = (uint32_t)g->text.len;
	return true;
}

static bool
alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

bool
hl7_is_head(struct bytes t)
{
	if (t.len < 4 || t.ptr[2] != (t.ptr[0] == 'M' ? 'H' : 'S') || alnum(t.ptr[3]) ||
	    t.ptr[3] == ' ' || t.ptr[3] == CR || t.ptr[3] == LF)
		return false;
	return (t.ptr[0] == 'M' && t.ptr[1] == 'S') ||
	       ((t.ptr[0] == 'F' || t.ptr[0] == 'B') && t.ptr[1] == 'H');
}

/* HL7 v2.5.1 2.15.9.1, 2.15.9.2 */
struct hl7_delims
hl7_delims_of(struct bytes head)
{
	struct hl7_delims d = {0, 0, 0, 0, 0, 0};
	uint8_t *const slot[] = {
	    &d.component, &d.repetition, &d.escape, &d.subcomponent, &d.truncation};

	if (head.len < 4)
		return d;
	d.field = head.ptr[3];
	for (size_t i = 0; i < ARRAY_LEN(slot) && 4 + i < head.len; i++) {
		uint8_t c = head.ptr[4 + i];

		if (c == d.field || c == CR || c == LF || alnum(c))
			break;
		*slot[i] = c;
	}
	return d;
}

uint32_t
hl7_segment_name(const struct hl7_segment *g, bool *lower)
{
	const uint8_t *p = g->text.ptr;
	uint32_t name = 0;

	*lower = false;
	if (g->sep[0] != 3)
		return 0;
	for (unsigned i = 0; i < 3; i++) {
		uint8_t c = p[i];

		if (c >= 'a' && c <= 'z') {
			*lower = true;
			c = (uint8_t)(c - 32);
		}
		if (!(c >= 'A' && c <= 'Z') && !(i > 0 && c >= '0' && c <= '9'))
			return 0;
		name = name << 8 | c;
	}
	return name;
}

struct bytes
hl7_part(struct bytes b, uint8_t delim, unsigned n)
{
	struct bytes rest = b, part = b;

	if (delim == 0)
		return n == 0 ? b : (struct bytes){NULL, 0};
	for (;;) {
		size_t at = bytes_find(rest, delim);

		part = bytes_sub(rest, 0, at);
		if (n-- == 0)
			return part;
		if (at == rest.len)
			return (struct bytes){NULL, 0};
		rest = bytes_from(rest, at + 1);
	}
}

size_t
hl7_parts(struct bytes b, uint8_t delim)
{
	size_t n = 1;

	if (delim == 0)
		return 1;
	for (size_t at; (at = bytes_find(b, delim)) < b.len; n++)
		b = bytes_from(b, at + 1);
	return n;
}

/* Component c of the first repetition of a short field, with one look at it. */
static struct bytes
short_component(const struct hl7_delims *d, struct bytes field, unsigned c)
{
	uint64_t marks = bytes_mask2(field, d->component, d->repetition);
	size_t from = 0, at;

	if (field.len == 0)
		return field;
	for (;; from = at + 1, marks &= marks - 1) {
		at = marks == 0 ? field.len : (size_t)__builtin_ctzll(marks);
		if (--c == 0)
			return (struct bytes){field.ptr + from, at - from};
		if (at == field.len || field.ptr[at] == d->repetition)
			return (struct bytes){NULL, 0};
	}
}

struct bytes
hl7_piece(const struct hl7_delims *d, struct bytes field, unsigned c, unsigned u)
{
	struct bytes b;

	if (LIKELY(field.len <= MASK_BYTES_MAX && d->component != 0 && d->repetition != 0))
		b = short_component(d, field, c);
	else
		b = hl7_part(hl7_part(field, d->repetition, 0), d->component, c - 1);
	return u == 0 ? b : hl7_part(b, d->subcomponent, u - 1);
}

/* --- escapes: HL7 v2.5.1 2.7 --- */

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
hex_pairs(struct bytes b)
{
	if (b.len == 0 || b.len % 2 != 0)
		return false;
	for (size_t i = 0; i < b.len; i++) {
		if (hex_value(b.ptr[i]) < 0)
			return false;
	}
	return true;
}

/* The byte that stands for a one-letter sequence, 0 for others. */
static uint8_t
escaped_delimiter(const struct hl7_delims *d, uint8_t letter)
{
	switch (letter) {
	case 'F':
		return d->field;
	case 'S':
		return d->component;
	case 'T':
		return d->subcomponent;
	case 'R':
		return d->repetition;
	case 'E':
		return d->escape;
	case 'P':
		return d->truncation != 0 ? d->truncation : '#';
	default:
		return 0;
	}
}

/* 2.7.1 to 2.7.6: the kinds that are defined, by what stands between the escape characters. */
static bool
escape_known(struct bytes seq)
{
	static const char *const formats[] = {"br", "sp", "fi", "nf", "in", "ti", "sk", "ce"};
	struct bytes rest;

	if (seq.len == 0)
		return false;
	rest = bytes_from(seq, 1);
	switch (seq.ptr[0]) {
	case 'F':
	case 'S':
	case 'T':
	case 'R':
	case 'E':
	case 'P':
	case 'H':
	case 'N':
		return seq.len == 1;
	case 'X':
		return hex_pairs(rest);
	case 'C':
	case 'M':
		return hex_pairs(rest) && rest.len >= 4 && rest.len <= 6;
	case 'Z':
		return true;
	case '.':
		for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
			if (bytes_starts_nocase(rest, bytes_str(formats[i])))
				return true;
		}
		return false;
	default:
		return false;
	}
}

/* The sequence that starts at t[at] (an escape character): its content; false where it is open. */
static bool
escape_at(struct bytes t, size_t at, const struct hl7_delims *d, struct bytes *seq)
{
	struct bytes rest = bytes_from(t, at + 1);
	size_t n = bytes_find4(rest, d->escape, d->field, CR, LF);

	*seq = bytes_sub(rest, 0, n);
	return n < rest.len && rest.ptr[n] == d->escape;
}

void
hl7_unescape(struct buf *out, const struct hl7_delims *d, struct bytes text)
{
	struct bytes seq;

	while (text.len > 0) {
		size_t at = d->escape == 0 ? text.len : bytes_find(text, d->escape);
		uint8_t c;

		buf_add(out, bytes_sub(text, 0, at));
		text = bytes_from(text, at);
		if (text.len == 0)
			return;
		if (!escape_at(text, 0, d, &seq) || !escape_known(seq)) {
			buf_byte(out, d->escape);
			text = bytes_from(text, 1);
			continue;
		}
		c = seq.len == 1 ? escaped_delimiter(d, seq.ptr[0]) : 0;
		if (c != 0) {
			buf_byte(out, c);
		} else if (seq.ptr[0] == 'X') {
			for (size_t i = 1; i < seq.len; i += 2)
				buf_byte(out, (uint8_t)(hex_value(seq.ptr[i]) << 4 |
							hex_value(seq.ptr[i + 1])));
		} else if (bytes_starts_nocase(seq, BYTES(".br")) ||
			   bytes_starts_nocase(seq, BYTES(".sp"))) {
			buf_byte(out, LF);
		} else if (seq.ptr[0] == 'Z' || seq.ptr[0] == 'C' || seq.ptr[0] == 'M') {
			buf_add(out, bytes_sub(text, 0, seq.len + 2));
		}
		text = bytes_from(text, seq.len + 2);
	}
}

struct hl7_escapes
hl7_escapes_of(struct bytes text, const struct hl7_delims *d)
{
	struct hl7_escapes e = {0, 0, 0, 0};
	struct bytes rest = text, seq;

	if (d->escape == 0)
		return e;
	for (;;) {
		size_t at = bytes_find(rest, d->escape);
		bool closed;

		if (at == rest.len)
			return e;
		closed = escape_at(rest, at, d, &seq);
		if (closed && escape_known(seq)) {
			e.n++;
		} else {
			if (e.unknown + e.open == 0)
				e.first = (size_t)(rest.ptr - text.ptr) + at;
			e.unknown += closed;
			e.open += !closed;
		}
		/* An unknown sequence ends at its escape character; an open one is one byte. */
		rest = bytes_from(rest, at + 1 + (closed ? seq.len + 1 : 0));
	}
}
