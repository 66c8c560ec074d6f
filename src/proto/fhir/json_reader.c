/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: level[0..depth) are the open containers; keys holds sum(n_keys) marks; r->text is
 * used (held) from the first escape or run's end of a token on. */
#include "proto/fhir/json_reader.h"

#include "base/attr.h"
#include "base/utf8.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum state {
	TOP, /* between texts */
	VALUE,
	VALUE_OR_END,
	KEY,
	KEY_OR_END,
	COLON,
	AFTER,
	TEXT_DONE,
	STRING,
	ESCAPE,
	UNICODE,
	NUMBER,
	WORD,
	BROKEN,
};

enum number {
	NUMBER_MINUS,
	NUMBER_ZERO,
	NUMBER_INT,
	NUMBER_POINT,
	NUMBER_FRACTION,
	NUMBER_E,
	NUMBER_SIGN,
	NUMBER_EXPONENT,
	NUMBER_BAD,
	NUMBER_OVER,
};

void
json_reader_init(struct json_reader *r, const struct sip_key *key, struct budget *budget)
{
	*r = (struct json_reader){.key = key};
	r->text.cap = JSON_TEXT_MAX;
	r->text.budget = budget;
	r->keys.cap = (size_t)JSON_READ_DEPTH_MAX * JSON_KEYS_MAX * sizeof(uint64_t);
	r->keys.budget = budget;
}

void
json_reader_reset(struct json_reader *r)
{
	struct buf keys = r->keys, text = r->text;

	*r = (struct json_reader){.key = r->key, .keys = keys, .text = text};
	buf_reset(&r->keys);
	buf_reset(&r->text);
}

void
json_reader_free(struct json_reader *r)
{
	buf_free(&r->keys);
	buf_free(&r->text);
}

static struct json_token
token(const struct json_reader *r, enum json_kind kind)
{
	return (struct json_token){.kind = kind, .offset = r->start};
}

static struct json_token
broken(struct json_reader *r)
{
	r->state = BROKEN;
	return (struct json_token){.kind = JSON_BROKEN, .offset = r->at};
}

static void
after_value(struct json_reader *r)
{
	r->state = r->depth == 0 ? TEXT_DONE : AFTER;
}

static struct json_token
open_container(struct json_reader *r, uint8_t c)
{
	if (r->depth == JSON_READ_DEPTH_MAX) {
		r->odd |= JSON_ODD_DEEP;
		return broken(r);
	}
	r->n_keys[r->depth] = 0;
	r->level[r->depth++] = c;
	r->state = c == '{' ? KEY_OR_END : VALUE_OR_END;
	return token(r, c == '{' ? JSON_OBJECT : JSON_ARRAY);
}

static struct json_token
close_container(struct json_reader *r, uint8_t c)
{
	bool object = c == '}';

	if (r->depth == 0 || r->level[r->depth - 1] != (object ? '{' : '['))
		return broken(r);
	r->depth--;
	r->keys.len -= r->n_keys[r->depth] * sizeof(uint64_t);
	after_value(r);
	return token(r, object ? JSON_OBJECT_END : JSON_ARRAY_END);
}

/* Remember the key of the innermost object; note where it was there already. */
static void
mark_key(struct json_reader *r, struct bytes text)
{
	uint64_t mark = sip64(r->key, text), other;
	uint8_t *n = &r->n_keys[r->depth - 1];
	size_t from = r->keys.len - *n * sizeof(mark);

	for (size_t i = 0; i < *n; i++) {
		memcpy(&other, r->keys.ptr + from + i * sizeof(other), sizeof(other));
		if (other == mark) {
			r->odd |= JSON_ODD_DUPLICATE;
			return;
		}
	}
	if (*n == JSON_KEYS_MAX)
		return;
	buf_add(&r->keys, bytes_of(&mark, sizeof(mark)));
	if (r->keys.cut) {
		r->odd |= JSON_ODD_MEMORY;
		r->keys.cut = false;
		return;
	}
	++*n;
}

static void
begin_text(struct json_reader *r)
{
	buf_reset(&r->text);
	r->size = 0;
	r->held = false;
	r->wide = false;
	r->high = 0;
}

/* Keep bytes of a text, as many as its cap allows; size counts all. */
static void
keep(struct json_reader *r, struct bytes part)
{
	size_t room = JSON_TEXT_MAX - r->text.len;

	r->held = true;
	r->size += part.len;
	buf_add(&r->text, bytes_sub(part, 0, room));
	if (r->text.cut) {
		r->odd |= JSON_ODD_MEMORY;
		r->text.cut = false;
	}
}

/* Where the run of plain characters of a string ends: at '"', '\' or a control character. Sets
 * *wide where a byte >= 0x80 stands before it. */
static size_t
plain_length(struct bytes in, bool *wide)
{
	size_t i = 0;

#if defined(__SSE2__)
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
	const __m128i low = _mm_set1_epi8(0x1f);

	for (; in.len - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(in.ptr + i));
		__m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
		unsigned stop, high = (unsigned)_mm_movemask_epi8(v);

		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, low), v));
		stop = (unsigned)_mm_movemask_epi8(hit);
		if (stop != 0) {
			unsigned n = (unsigned)__builtin_ctz(stop);

			*wide |= (high & ((1u << n) - 1)) != 0;
			return i + n;
		}
		*wide |= high != 0;
	}
#endif
	for (; i < in.len; i++) {
		uint8_t c = in.ptr[i];

		if (c == '"' || c == '\\' || c < 0x20)
			break;
		*wide |= c >= 0x80;
	}
	return i;
}

static struct json_token
text_token(struct json_reader *r, enum json_kind kind, struct bytes text, uint64_t size)
{
	struct json_token t = token(r, kind);

	t.text = bytes_sub(text, 0, JSON_TEXT_MAX);
	t.size = size;
	return t;
}

static struct json_token
end_string(struct json_reader *r, struct bytes text)
{
	if (r->wide && text.len <= JSON_TEXT_MAX && r->size <= JSON_TEXT_MAX && !utf8_valid(text))
		r->odd |= JSON_ODD_UTF8;
	if (!r->is_key) {
		after_value(r);
		return text_token(r, JSON_STRING, text, r->size);
	}
	mark_key(r, bytes_sub(text, 0, JSON_TEXT_MAX));
	r->state = COLON;
	return text_token(r, JSON_KEY, text, r->size);
}

/* RFC 3629 3: one code point of our own making. */
static void
keep_code_point(struct json_reader *r, uint32_t c)
{
	uint8_t u[4];
	size_t n;

	if (c < 0x80) {
		u[0] = (uint8_t)c;
		n = 1;
	} else if (c < 0x800) {
		u[0] = (uint8_t)(0xc0 | c >> 6);
		n = 2;
	} else if (c < 0x10000) {
		u[0] = (uint8_t)(0xe0 | c >> 12);
		n = 3;
	} else {
		u[0] = (uint8_t)(0xf0 | c >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		u[i] = (uint8_t)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
	keep(r, bytes_of(u, n));
}

/* A first half of a pair that is not followed by its second. */
static void
lone_half(struct json_reader *r)
{
	if (r->high == 0)
		return;
	r->high = 0;
	r->odd |= JSON_ODD_SURROGATE;
	keep_code_point(r, 0xfffd);
}

/* RFC 8259 7: \uXXXX, outside the basic plane in two halves. */
static void
end_unicode(struct json_reader *r)
{
	uint32_t c = r->escape;

	r->state = STRING;
	if (c >= 0xdc00 && c <= 0xdfff && r->high != 0) {
		c = 0x10000 + ((uint32_t)(r->high - 0xd800) << 10) + (c - 0xdc00);
		r->high = 0;
		keep_code_point(r, c);
		return;
	}
	lone_half(r);
	if (c >= 0xd800 && c <= 0xdbff) {
		r->high = (uint16_t)c;
	} else if (c >= 0xdc00 && c <= 0xdfff) {
		r->odd |= JSON_ODD_SURROGATE;
		keep_code_point(r, 0xfffd);
	} else {
		keep_code_point(r, c);
	}
}

/* False: not an escape. */
static bool
escape_byte(struct json_reader *r, uint8_t c)
{
	static const uint8_t simple[][2] = {{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', '\b'},
	    {'f', '\f'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}};

	if (c == 'u') {
		r->state = UNICODE;
		r->escape = 0;
		r->n_escape = 0;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(simple); i++) {
		if (simple[i][0] == c) {
			lone_half(r);
			keep_code_point(r, simple[i][1]);
			r->state = STRING;
			return true;
		}
	}
	return false;
}

static bool
unicode_byte(struct json_reader *r, uint8_t c)
{
	unsigned d = c >= '0' && c <= '9'   ? (unsigned)c - '0'
		     : c >= 'a' && c <= 'f' ? c - 'a' + 10u
		     : c >= 'A' && c <= 'F' ? c - 'A' + 10u
					    : 16;

	if (d == 16)
		return false;
	r->escape = (uint16_t)(r->escape << 4 | d);
	if (++r->n_escape == 4)
		end_unicode(r);
	return true;
}

/* RFC 8259 6: the next state of a number; NUMBER_OVER where c does not belong to it. */
static enum number
number_next(enum number s, uint8_t c)
{
	bool digit = c >= '0' && c <= '9';
	bool e = c == 'e' || c == 'E';

	switch (s) {
	case NUMBER_MINUS:
		return c == '0' ? NUMBER_ZERO : digit ? NUMBER_INT : NUMBER_BAD;
	case NUMBER_ZERO:
		return digit ? NUMBER_BAD : c == '.' ? NUMBER_POINT : e ? NUMBER_E : NUMBER_OVER;
	case NUMBER_INT:
		return digit ? NUMBER_INT : c == '.' ? NUMBER_POINT : e ? NUMBER_E : NUMBER_OVER;
	case NUMBER_POINT:
		return digit ? NUMBER_FRACTION : NUMBER_BAD;
	case NUMBER_FRACTION:
		return digit ? NUMBER_FRACTION : e ? NUMBER_E : NUMBER_OVER;
	case NUMBER_E:
		return digit ? NUMBER_EXPONENT : c == '+' || c == '-' ? NUMBER_SIGN : NUMBER_BAD;
	case NUMBER_SIGN:
		return digit ? NUMBER_EXPONENT : NUMBER_BAD;
	default:
		return digit ? NUMBER_EXPONENT : NUMBER_OVER;
	}
}

static bool
number_whole(enum number s)
{
	return s == NUMBER_ZERO || s == NUMBER_INT || s == NUMBER_FRACTION || s == NUMBER_EXPONENT;
}

static struct json_token
end_number(struct json_reader *r, struct bytes part)
{
	struct bytes text = part;

	if (r->held) {
		keep(r, part);
		text = buf_bytes(&r->text);
	} else {
		r->size = part.len;
	}
	after_value(r);
	return text_token(r, JSON_NUMBER, text, r->size);
}

/* RFC 8259 2: blanks at the start; pretty texts are full of them. */
static inline size_t
blank_length(struct bytes in)
{
	const uint64_t blanks = 1u << '\t' | 1u << '\n' | 1u << '\r' | UINT64_C(1) << ' ';
	size_t n = 0;

	while (n < in.len && in.ptr[n] <= ' ' && (blanks >> in.ptr[n] & 1) != 0)
		n++;
	return n;
}

static inline void
take(struct json_reader *r, struct bytes *in, size_t n)
{
	if (n == 0)
		return; /* an empty view may hold no pointer */
	in->ptr += n;
	in->len -= n;
	r->at += n;
}

/* Go on with a string; false: the run is used up. */
static bool
string_step(struct json_reader *r, struct bytes *in, struct json_token *out)
{
	size_t n = plain_length(*in, &r->wide);
	struct bytes part = bytes_sub(*in, 0, n);
	uint8_t c;

	if (n > 0)
		lone_half(r);
	if (n == in->len) {
		keep(r, part);
		take(r, in, n);
		return false;
	}
	c = in->ptr[n];
	take(r, in, n + 1);
	if (c == '"') {
		lone_half(r);
		if (r->held) {
			keep(r, part);
			part = buf_bytes(&r->text);
		} else {
			r->size = part.len;
		}
		*out = end_string(r, part);
		return true;
	}
	keep(r, part);
	if (c == '\\') {
		r->state = ESCAPE;
	} else {
		lone_half(r);
		r->odd |= JSON_ODD_CONTROL;
		keep(r, bytes_of(&c, 1));
	}
	out->kind = JSON_MORE;
	return true;
}

static bool
number_step(struct json_reader *r, struct bytes *in, struct json_token *out)
{
	enum number s = r->number;
	size_t n = 0;

	while (n < in->len) {
		enum number next = number_next(s, in->ptr[n]);

		if (next == NUMBER_BAD) {
			take(r, in, n);
			*out = broken(r);
			return true;
		}
		if (next == NUMBER_OVER) {
			struct bytes part = bytes_sub(*in, 0, n);

			take(r, in, n);
			*out = end_number(r, part);
			return true;
		}
		s = next;
		n++;
	}
	r->number = (uint8_t)s;
	keep(r, *in);
	take(r, in, in->len);
	return false;
}

/* The first byte of a value, already taken. */
static struct json_token
begin_value(struct json_reader *r, uint8_t c)
{
	struct json_token more = {.kind = JSON_MORE};

	switch (c) {
	case '{':
	case '[':
		return open_container(r, c);
	case '"':
		begin_text(r);
		r->is_key = false;
		r->state = STRING;
		return more;
	case 't':
		r->word = "true";
		break;
	case 'f':
		r->word = "false";
		break;
	case 'n':
		r->word = "null";
		break;
	default:
		return broken(r);
	}
	r->n_word = 1;
	r->state = WORD;
	return more;
}

static struct json_token
word_byte(struct json_reader *r, uint8_t c)
{
	if ((uint8_t)r->word[r->n_word] != c)
		return broken(r);
	if (r->word[++r->n_word] != 0)
		return (struct json_token){.kind = JSON_MORE};
	after_value(r);
	return token(r, r->word[0] == 't' ? JSON_TRUE : r->word[0] == 'f' ? JSON_FALSE : JSON_NULL);
}

/* RFC 8259 8.1: a byte order mark before the first text is stepped over and told. */
static bool
bom_byte(struct json_reader *r, uint8_t c)
{
	static const uint8_t bom[3] = {0xef, 0xbb, 0xbf};

	if (r->any_text || r->n_bom == sizeof(bom) || c != bom[r->n_bom])
		return false;
	if (++r->n_bom == sizeof(bom))
		r->odd |= JSON_ODD_BOM;
	return true;
}

/* One byte between tokens. */
static struct json_token
structure_byte(struct json_reader *r, struct bytes *in)
{
	uint8_t c = in->ptr[0];

	r->start = r->at;
	switch ((enum state)r->state) {
	case TOP:
		if (bom_byte(r, c)) {
			take(r, in, 1);
			return (struct json_token){.kind = JSON_MORE};
		}
		if (r->n_bom % 3 != 0)
			return broken(r);
		if (r->any_text)
			r->odd |= JSON_ODD_TRAILING;
		r->any_text = true;
		FALLTHROUGH;
	case VALUE:
	case VALUE_OR_END:
		if (c == ']' && r->state == VALUE_OR_END) {
			take(r, in, 1);
			return close_container(r, c);
		}
		if (c == '-' || (c >= '0' && c <= '9')) {
			begin_text(r);
			r->state = NUMBER;
			r->number = NUMBER_MINUS;
			if (c == '-') {
				keep(r, bytes_sub(*in, 0, 1));
				take(r, in, 1);
			}
			return (struct json_token){.kind = JSON_MORE};
		}
		take(r, in, 1);
		return begin_value(r, c);
	case KEY:
	case KEY_OR_END:
		take(r, in, 1);
		if (c == '}' && r->state == KEY_OR_END)
			return close_container(r, c);
		if (c != '"')
			return broken(r);
		begin_text(r);
		r->is_key = true;
		r->state = STRING;
		return (struct json_token){.kind = JSON_MORE};
	case COLON:
		take(r, in, 1);
		if (c != ':')
			return broken(r);
		r->state = VALUE;
		return (struct json_token){.kind = JSON_MORE};
	default: /* AFTER */
		take(r, in, 1);
		if (c != ',')
			return c == '}' || c == ']' ? close_container(r, c) : broken(r);
		r->state = r->level[r->depth - 1] == '{' ? KEY : VALUE;
		return (struct json_token){.kind = JSON_MORE};
	}
}

struct json_token
json_next(struct json_reader *r, struct bytes *in)
{
	struct json_token t = {.kind = JSON_MORE};

	for (;;) {
		uint8_t c;
		size_t n;

		if (r->state == TEXT_DONE) {
			r->state = TOP;
			r->start = r->at;
			return token(r, JSON_TEXT_END);
		}
		if (r->state == BROKEN) {
			take(r, in, in->len);
			return (struct json_token){.kind = JSON_BROKEN, .offset = r->at};
		}
		if (in->len == 0)
			return (struct json_token){.kind = JSON_MORE};
		c = in->ptr[0];
		switch ((enum state)r->state) {
		case STRING:
			if (!string_step(r, in, &t))
				continue;
			break;
		case NUMBER:
			if (!number_step(r, in, &t))
				continue;
			break;
		case ESCAPE:
			take(r, in, 1);
			if (!escape_byte(r, c))
				return broken(r);
			continue;
		case UNICODE:
			take(r, in, 1);
			if (!unicode_byte(r, c))
				return broken(r);
			continue;
		case WORD:
			take(r, in, 1);
			t = word_byte(r, c);
			break;
		default:
			if ((n = blank_length(*in)) > 0) {
				take(r, in, n);
				continue;
			}
			t = structure_byte(r, in);
			break;
		}
		if (t.kind != JSON_MORE)
			return t;
	}
}

struct json_token
json_finish(struct json_reader *r)
{
	struct bytes none = {NULL, 0};

	if (r->state == NUMBER) {
		if (!number_whole(r->number))
			return broken(r);
		return end_number(r, none);
	}
	if (r->state == TEXT_DONE || r->state == BROKEN)
		return json_next(r, &none);
	return r->state == TOP && r->n_bom % 3 == 0 ? (struct json_token){.kind = JSON_MORE}
						    : broken(r);
}
