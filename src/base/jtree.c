/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jtree.h"

#include <stdlib.h>

#include "base/utf8.h"

struct reading {
	struct arena *arena;
	struct bytes in;
	size_t at;
	struct why *why;
};

static enum err
wrong(struct reading *r, const char *what)
{
	return FAIL(r->why, ERR_INPUT, "offset %zu: %s", r->at, what);
}

static void
skip_blanks(struct reading *r)
{
	while (r->at < r->in.len) {
		uint8_t c = r->in.ptr[r->at];

		if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
			break;
		r->at++;
	}
}

/* --- strings --- */

static int
hex4(struct bytes t)
{
	int v = 0;

	if (t.len < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int c = t.ptr[i], d;

		if (c >= '0' && c <= '9')
			d = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			d = (c | 0x20) - 'a' + 10;
		else
			return -1;
		v = v << 4 | d;
	}
	return v;
}

static size_t
put_utf8(uint8_t *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* \u at raw[*i]: the character it and perhaps its second half stand for; -1: none. */
static int64_t
read_unicode(struct bytes raw, size_t *i)
{
	int high = hex4(bytes_from(raw, *i + 2)), low;

	*i += 6;
	if (high < 0 || (high >= 0xdc00 && high < 0xe000))
		return -1;
	if (high < 0xd800 || high >= 0xe000)
		return high;
	if (!bytes_starts(bytes_from(raw, *i), BYTES("\\u")) ||
	    (low = hex4(bytes_from(raw, *i + 2))) < 0xdc00 || low >= 0xe000)
		return -1;
	*i += 6;
	return 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
}

static enum err
decode(struct reading *r, struct bytes raw, struct bytes *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint8_t *p =
	    arena_alloc(r->arena, raw.len); /* an escape is never shorter than its character */
	size_t n = 0, i = 0;

	if (p == NULL)
		return FAIL(
		    r->why, ERR_LIMIT, "offset %zu: more than is read of one document", r->at);
	while (i < raw.len) {
		const char *e;
		int64_t c;

		if (raw.ptr[i] != '\\') {
			p[n++] = raw.ptr[i++];
			continue;
		}
		if (raw.ptr[i + 1] == 'u') {
			if ((c = read_unicode(raw, &i)) < 0)
				return wrong(r, "no character is escaped so");
			n += put_utf8(p + n, (uint32_t)c);
			continue;
		}
		e = memchr(from, raw.ptr[i + 1], sizeof(from) - 1);
		if (e == NULL)
			return wrong(r, "no character is escaped so");
		p[n++] = (uint8_t)to[e - from];
		i += 2;
	}
	*out = bytes_of(p, n);
	return ERR_OK;
}

/* at: behind the opening quote. */
static enum err
read_string(struct reading *r, struct bytes *out)
{
	const uint8_t *p = r->in.ptr;
	size_t from = r->at, i = from, n = r->in.len;
	bool escaped = false, wide = false;
	struct bytes raw;
	enum err e = ERR_OK;

	while (i < n && p[i] != '"') {
		if (p[i] < 0x20) {
			r->at = i;
			return wrong(r, "a control character in a string");
		}
		wide |= p[i] >= 0x80;
		if (p[i] == '\\') {
			escaped = true;
			i++;
		}
		i++;
	}
	if (i >= n)
		return wrong(r, "a string without an end");
	raw = bytes_of(p + from, i - from);
	if (wide && !utf8_valid(raw))
		return wrong(r, "a string that is not UTF-8");
	*out = raw;
	if (escaped)
		e = decode(r, raw, out);
	r->at = i + 1;
	return e;
}

/* --- numbers and words --- */

static size_t
digits(struct bytes t, size_t i)
{
	while (i < t.len && t.ptr[i] >= '0' && t.ptr[i] <= '9')
		i++;
	return i;
}

static enum err
read_number(struct reading *r, struct jtree *v)
{
	struct bytes t = r->in;
	size_t from = r->at, i = from, whole;

	i += t.ptr[i] == '-';
	whole = i;
	i = digits(t, i);
	if (i == whole || (t.ptr[whole] == '0' && i > whole + 1))
		return wrong(r, "not a number");
	if (i < t.len && t.ptr[i] == '.') {
		whole = ++i;
		if ((i = digits(t, i)) == whole)
			return wrong(r, "not a number");
	}
	if (i < t.len && (t.ptr[i] | 0x20) == 'e') {
		i++;
		i += i < t.len && (t.ptr[i] == '+' || t.ptr[i] == '-');
		whole = i;
		if ((i = digits(t, i)) == whole)
			return wrong(r, "not a number");
	}
	v->kind = JTREE_NUMBER;
	v->text = bytes_sub(t, from, i - from);
	r->at = i;
	return ERR_OK;
}

static enum err
read_word(struct reading *r, struct jtree *v)
{
	static const struct {
		struct bytes word;
		enum jtree_kind kind;
	} words[] = {{BYTES_INIT("true"), JTREE_TRUE}, {BYTES_INIT("false"), JTREE_FALSE},
	    {BYTES_INIT("null"), JTREE_NULL}};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (bytes_starts(bytes_from(r->in, r->at), words[i].word)) {
			v->kind = words[i].kind;
			r->at += words[i].word.len;
			return ERR_OK;
		}
	}
	return wrong(r, "not JSON");
}

/* --- the tree --- */

static enum err
read_key(struct reading *r, const struct jtree *object, struct jtree *v)
{
	enum err e;

	skip_blanks(r);
	if (r->at >= r->in.len || r->in.ptr[r->at] != '"')
		return wrong(r, "expected a member's name");
	r->at++;
	if ((e = read_string(r, &v->key)) != ERR_OK)
		return e;
	for (const struct jtree *c = object->first; c != NULL; c = c->next) {
		if (bytes_eq(c->key, v->key))
			return wrong(r, "a member stands twice in one object");
	}
	skip_blanks(r);
	if (r->at >= r->in.len || r->in.ptr[r->at] != ':')
		return wrong(r, "expected a colon");
	r->at++;
	return ERR_OK;
}

static enum err
read_value(struct reading *r, struct jtree *v, bool *opens)
{
	uint8_t c;

	*opens = false;
	skip_blanks(r);
	v->at = r->at;
	if (r->at >= r->in.len)
		return wrong(r, "ends too early");
	c = r->in.ptr[r->at];
	if (c == '{' || c == '[') {
		v->kind = c == '{' ? JTREE_OBJECT : JTREE_ARRAY;
		*opens = true;
		r->at++;
		return ERR_OK;
	}
	if (c == '"') {
		v->kind = JTREE_STRING;
		r->at++;
		return read_string(r, &v->text);
	}
	return c == '-' || (c >= '0' && c <= '9') ? read_number(r, v) : read_word(r, v);
}

struct level {
	struct jtree *v, *last;
};

/* A new child of the innermost open value, linked in. */
static enum err
add_child(struct reading *r, struct level *in, bool *opens, struct jtree **out)
{
	struct jtree *v = arena_alloc(r->arena, sizeof(*v));
	enum err e;

	if (v == NULL)
		return FAIL(
		    r->why, ERR_LIMIT, "offset %zu: more than is read of one document", r->at);
	if (in != NULL && in->v->kind == JTREE_OBJECT) {
		if (in->v->n >= JTREE_MEMBERS_MAX)
			return FAIL(r->why, ERR_LIMIT, "offset %zu: more than %d members", r->at,
			    JTREE_MEMBERS_MAX);
		if ((e = read_key(r, in->v, v)) != ERR_OK)
			return e;
	}
	if ((e = read_value(r, v, opens)) != ERR_OK)
		return e;
	if (in != NULL) {
		if (in->last == NULL)
			in->v->first = v;
		else
			in->last->next = v;
		in->last = v;
		in->v->n++;
	}
	*out = v;
	return ERR_OK;
}

/* Behind a value: closes what closes here. *go: another child follows. */
static enum err
after_value(struct reading *r, struct level *open, size_t *depth, bool *go)
{
	*go = false;
	while (*depth > 0) {
		struct level *l = &open[*depth - 1];
		uint8_t end = l->v->kind == JTREE_OBJECT ? '}' : ']', c;

		skip_blanks(r);
		if (r->at >= r->in.len)
			return wrong(r, "ends too early");
		c = r->in.ptr[r->at];
		if (c == end) {
			r->at++;
			(*depth)--;
			continue;
		}
		if (l->v->n > 0) {
			if (c != ',')
				return wrong(r, "expected a comma or an end");
			r->at++;
		}
		*go = true;
		return ERR_OK;
	}
	return ERR_OK;
}

enum err
jtree_parse(struct arena *a, struct bytes text, struct jtree **root, struct why *why)
{
	struct reading r = {.arena = a, .in = text, .why = why};
	struct level open[JTREE_DEPTH_MAX];
	struct jtree *v = NULL;
	size_t depth = 0;
	bool opens = false, go;
	enum err e;

	*root = NULL;
	if (bytes_starts(text, BYTES("\xef\xbb\xbf")))
		r.at = 3;
	do {
		if ((e = add_child(&r, depth > 0 ? &open[depth - 1] : NULL, &opens, &v)) !=
		    ERR_OK) {
			*root = NULL;
			return e;
		}
		if (*root == NULL)
			*root = v;
		if (opens) {
			if (depth == JTREE_DEPTH_MAX) {
				*root = NULL;
				return FAIL(why, ERR_LIMIT, "offset %zu: deeper than %d", r.at,
				    JTREE_DEPTH_MAX);
			}
			open[depth++] = (struct level){v, NULL};
		}
		if ((e = after_value(&r, open, &depth, &go)) != ERR_OK)
			break;
	} while (go);
	skip_blanks(&r);
	if (e == ERR_OK && r.at < text.len)
		e = wrong(&r, "something follows the document");
	if (e != ERR_OK)
		*root = NULL;
	return e;
}

/* --- asking --- */

bool
jtree_is(const struct jtree *v, enum jtree_kind kind)
{
	return v != NULL && v->kind == kind;
}

const struct jtree *
jtree_first(const struct jtree *v, enum jtree_kind kind)
{
	return jtree_is(v, kind) ? v->first : NULL;
}

const struct jtree *
jtree_get(const struct jtree *object, const char *key)
{
	size_t n = strlen(key);

	for (const struct jtree *c = jtree_first(object, JTREE_OBJECT); c != NULL; c = c->next) {
		if (c->key.len == n && memcmp(c->key.ptr, key, n) == 0)
			return c;
	}
	return NULL;
}

struct bytes
jtree_text(const struct jtree *object, const char *key)
{
	const struct jtree *v = jtree_get(object, key);

	return jtree_is(v, JTREE_STRING) ? v->text : (struct bytes){NULL, 0};
}

const struct jtree *
jtree_list(const struct jtree *object, const char *key)
{
	return jtree_first(jtree_get(object, key), JTREE_ARRAY);
}

bool
jtree_double(const struct jtree *v, double *out)
{
	char text[64];
	double d;

	if (!jtree_is(v, JTREE_NUMBER) || v->text.len >= sizeof(text))
		return false;
	memcpy(text, v->text.ptr, v->text.len);
	text[v->text.len] = 0;
	d = strtod(text, NULL);
	if (d > 1e300 || d < -1e300)
		return false;
	*out = d;
	return true;
}
