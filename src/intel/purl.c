/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/purl.h"

#include "base/utf8.h"

/* Where each component stands in the text, for faults that a type's rules find. */
struct places {
	size_t type, namespace, name, version, qualifiers;
};

enum need { OPTIONAL, NEEDED, ABSENT };
enum letters { KEEP, LOWER, UPPER };

struct rules {
	struct bytes type;
	enum need namespace_need;
	enum letters namespace_letters, name_letters, version_letters;
	struct bytes qualifier; /* required */
	enum fault (*more)(struct arena *a, struct purl *p, const struct places *w, size_t *at);
};

/* --- bytes --- */

static bool
is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_letter(uint8_t c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The views of a purl under work lie in the arena: they may be written. */
static uint8_t *
own(struct bytes b)
{
	return (uint8_t *)(uintptr_t)b.ptr;
}

static void
set_letters(struct bytes b, enum letters how)
{
	uint8_t *p = own(b);

	for (size_t i = 0; i < b.len; i++) {
		if (how == LOWER && p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (uint8_t)(p[i] + 32);
		else if (how == UPPER && is_lower(p[i]))
			p[i] = (uint8_t)(p[i] - 32);
	}
}

static size_t
find_last(struct bytes t, uint8_t c)
{
	size_t i = t.len;

	while (i > 0)
		if (t.ptr[--i] == c)
			return i;
	return t.len;
}

static int
hex_value(uint8_t c)
{
	return is_digit(c)            ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* --- rules of types --- */

static enum fault
more_chrome(struct arena *a, struct purl *p, const struct places *w, size_t *at)
{
	size_t parts = 1;

	(void)a;
	*at = w->name;
	if (p->name.len != 32)
		return FAULT_name_form;
	for (size_t i = 0; i < p->name.len; i++)
		if (p->name.ptr[i] < 'a' || p->name.ptr[i] > 'p')
			return FAULT_name_form;
	/* One to four numbers with dots between. */
	*at = w->version;
	for (size_t i = 0; i < p->version.len; i++) {
		bool dot = p->version.ptr[i] == '.';

		parts += dot;
		if (!dot && !is_digit(p->version.ptr[i]))
			return FAULT_version_form;
		if (dot && (i == 0 || i + 1 == p->version.len || p->version.ptr[i - 1] == '.'))
			return FAULT_version_form;
	}
	return parts > 4 ? FAULT_version_form : FAULT_none;
}

static enum fault
more_cocoapods(struct arena *a, struct purl *p, const struct places *w, size_t *at)
{
	(void)a;
	*at = w->name;
	if (p->name.ptr[0] == '.')
		return FAULT_name_form;
	for (size_t i = 0; i < p->name.len; i++)
		if (p->name.ptr[i] <= ' ' || p->name.ptr[i] == '+')
			return FAULT_name_form;
	return FAULT_none;
}

/* A channel belongs to someone, and the package of someone is told apart by qualifiers. */
static enum fault
more_conan(struct arena *a, struct purl *p, const struct places *w, size_t *at)
{
	(void)a;
	*at = w->namespace;
	if (p->namespace.len == 0 && purl_qualifier(p, BYTES("channel")).len > 0 &&
	    purl_qualifier(p, BYTES("user")).len == 0)
		return FAULT_namespace_missing;
	return p->namespace.len > 0 && p->n_qualifiers == 0 ? FAULT_qualifier_missing : FAULT_none;
}

static enum fault
more_cpan(struct arena *a, struct purl *p, const struct places *w, size_t *at)
{
	(void)a;
	*at = w->name;
	return bytes_find_seq(p->name, BYTES("::")) < p->name.len ? FAULT_name_form : FAULT_none;
}

/* The namespace is the host, all the rest of the path is the name; hosts whose own types fold
 * letters fold them here, too. */
static enum fault
more_git(struct arena *a, struct purl *p, const struct places *w, size_t *at)
{
	static const struct bytes folding[] = {BYTES_INIT("github"), BYTES_INIT("github.com"),
	    BYTES_INIT("bitbucket"), BYTES_INIT("bitbucket.org")};
	struct bytes path[2] = {p->namespace, p->name}, rest;
	uint8_t *out = arena_alloc(a, p->namespace.len + p->name.len + 2);
	size_t host = 0, n = 0;

	if (out == NULL)
		return FAULT_memory;
	for (size_t i = 0; i < ARRAY_LEN(path); i++) {
		for (rest = path[i]; rest.len > 0;) {
			struct bytes segment = bytes_split(rest, '/', &rest);

			if (segment.len == 0)
				continue;
			if (n > 0)
				out[n++] = '/';
			memcpy(out + n, segment.ptr, segment.len);
			n += segment.len;
			host = host == 0 ? n : host;
		}
	}
	*at = w->name;
	if (host == n)
		return FAULT_name_missing;
	p->namespace = bytes_of(out, host);
	p->name = bytes_of(out + host + 1, n - host - 1);
	for (size_t i = 0; i < ARRAY_LEN(folding); i++) {
		if (bytes_eq_nocase(p->namespace, folding[i])) {
			set_letters(p->namespace, LOWER);
			set_letters(p->name, LOWER);
		}
	}
	return FAULT_none;
}

static enum fault
more_kebab(struct arena *a, struct purl *p, const struct places *w, size_t *at)
{
	(void)a, (void)w, (void)at;
	for (size_t i = 0; i < p->name.len; i++)
		if (p->name.ptr[i] == '_')
			own(p->name)[i] = '-';
	return FAULT_none;
}

/* Databricks folds the letters of a model's name, other servers do not. */
static enum fault
more_mlflow(struct arena *a, struct purl *p, const struct places *w, size_t *at)
{
	struct bytes url = purl_qualifier(p, BYTES("repository_url"));

	(void)a, (void)w, (void)at;
	if (bytes_find_seq(url, BYTES("databricks")) < url.len)
		set_letters(p->name, LOWER);
	return FAULT_none;
}

static enum fault
more_pub(struct arena *a, struct purl *p, const struct places *w, size_t *at)
{
	(void)a, (void)w, (void)at;
	for (size_t i = 0; i < p->name.len; i++)
		if (!is_lower(p->name.ptr[i]) && !is_digit(p->name.ptr[i]))
			own(p->name)[i] = '_';
	return FAULT_none;
}

/* A tag_id that is a GUID is written in lower case. */
static enum fault
more_swid(struct arena *a, struct purl *p, const struct places *w, size_t *at)
{
	struct bytes id = purl_qualifier(p, BYTES("tag_id"));

	(void)a, (void)w, (void)at;
	if (id.len != 36)
		return FAULT_none;
	for (size_t i = 0; i < id.len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? id.ptr[i] != '-' : hex_value(id.ptr[i]) == -1)
			return FAULT_none;
	}
	set_letters(id, LOWER);
	return FAULT_none;
}

static const struct rules types[] = {
#define PURL_TYPE(type, need, namespace, name, version, qualifier, more)                           \
	{BYTES_INIT(type), need, namespace, name, version, BYTES_INIT(qualifier), more},
#include "intel/purl_types.def"
};

static bool
key_is_well_formed(struct bytes key)
{
	if (key.len == 0 || !is_letter(key.ptr[0]))
		return false;
	for (size_t i = 0; i < key.len; i++)
		if (!is_letter(key.ptr[i]) && !is_digit(key.ptr[i]) && key.ptr[i] != '.' &&
		    key.ptr[i] != '-' && key.ptr[i] != '_')
			return false;
	return true;
}

static bool
type_is_well_formed(struct bytes type)
{
	return key_is_well_formed(type) && bytes_find(type, '_') == type.len;
}

/* In its place by key; all the qualifiers before are in theirs. */
static enum fault
add_qualifier(struct purl *p, struct purl_qualifier q)
{
	size_t i = p->n_qualifiers;

	if (i == PURL_QUALIFIERS_MAX)
		return FAULT_qualifiers_many;
	for (; i > 0; i--) {
		int c = bytes_cmp(p->qualifiers[i - 1].key, q.key);

		if (c == 0)
			return FAULT_qualifier_twice;
		if (c < 0)
			break;
	}
	memmove(&p->qualifiers[i + 1], &p->qualifiers[i],
	    (p->n_qualifiers - i) * sizeof(p->qualifiers[0]));
	p->qualifiers[i] = q;
	p->n_qualifiers++;
	return FAULT_none;
}

/* What a type asks for, on components that are decoded, split and the arena's own. */
static enum fault
follow_type(struct arena *a, struct purl *p, const struct places *w, size_t *at)
{
	const struct rules *r = NULL;

	for (size_t i = 0; i < ARRAY_LEN(types) && r == NULL; i++)
		if (bytes_eq(types[i].type, p->type))
			r = &types[i];
	*at = w->name;
	if (p->name.len == 0)
		return FAULT_name_missing;
	if (r == NULL)
		return FAULT_none;
	*at = w->namespace;
	if (r->namespace_need == NEEDED && p->namespace.len == 0)
		return FAULT_namespace_missing;
	if (r->namespace_need == ABSENT && p->namespace.len > 0)
		return FAULT_namespace_given;
	*at = w->qualifiers;
	if (r->qualifier.len > 0 && purl_qualifier(p, r->qualifier).len == 0)
		return FAULT_qualifier_missing;
	set_letters(p->namespace, r->namespace_letters);
	set_letters(p->name, r->name_letters);
	set_letters(p->version, r->version_letters);
	return r->more == NULL ? FAULT_none : r->more(a, p, w, at);
}

/* --- parsing --- */

/* The text under work, and where each view of it stands. */
struct source {
	struct arena *a;
	struct bytes text;
	size_t at; /* of a fault */
};

static size_t
place(const struct source *s, struct bytes view)
{
	return view.ptr == NULL ? s->text.len : (size_t)(view.ptr - s->text.ptr);
}

static enum fault
decode(struct source *s, struct bytes in, struct bytes *out)
{
	uint8_t *p = arena_alloc(s->a, in.len + 1);
	size_t n = 0;

	*out = (struct bytes){0};
	s->at = place(s, in);
	if (p == NULL)
		return FAULT_memory;
	for (size_t i = 0; i < in.len; i++) {
		int high, low;

		if (in.ptr[i] != '%') {
			p[n++] = in.ptr[i];
			continue;
		}
		if (in.len - i < 3 || (high = hex_value(in.ptr[i + 1])) == -1 ||
		    (low = hex_value(in.ptr[i + 2])) == -1) {
			s->at += i;
			return FAULT_percent;
		}
		p[n++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	if (!utf8_valid(bytes_of(p, n)))
		return FAULT_encoding;
	*out = bytes_of(p, n);
	return FAULT_none;
}

/* Segments between slashes, decoded and joined again. paths: "." and ".." mean nothing. */
static enum fault
decode_segments(struct source *s, struct bytes in, bool path, struct bytes *out)
{
	uint8_t *p = arena_alloc(s->a, in.len + 1);
	size_t n = 0;

	*out = (struct bytes){0};
	s->at = place(s, in);
	if (p == NULL)
		return FAULT_memory;
	while (in.len > 0) {
		struct bytes raw = bytes_split(in, '/', &in), segment;
		enum fault f = decode(s, raw, &segment);

		if (f != FAULT_none)
			return f;
		if (bytes_find(segment, '/') < segment.len)
			return FAULT_segment_slash;
		if (segment.len == 0 ||
		    (path && (bytes_eq(segment, BYTES(".")) || bytes_eq(segment, BYTES("..")))))
			continue;
		if (n > 0)
			p[n++] = '/';
		memcpy(p + n, segment.ptr, segment.len);
		n += segment.len;
	}
	*out = bytes_of(p, n);
	return FAULT_none;
}

static enum fault
parse_qualifiers(struct source *s, struct bytes in, struct purl *p)
{
	while (in.len > 0) {
		struct bytes pair = bytes_split(in, '&', &in), value,
			     key = bytes_split(pair, '=', &value);
		struct purl_qualifier q;
		enum fault f;

		s->at = place(s, pair);
		if (!key_is_well_formed(key))
			return FAULT_qualifier_key;
		q.key = arena_copy(s->a, key);
		if (q.key.ptr == NULL)
			return FAULT_memory;
		set_letters(q.key, LOWER);
		if (value.len == 0)
			continue;
		if ((f = decode(s, value, &q.value)) != FAULT_none)
			return f;
		s->at = place(s, pair);
		if ((f = add_qualifier(p, q)) != FAULT_none)
			return f;
	}
	return FAULT_none;
}

static struct bytes
strip_slashes(struct bytes t)
{
	while (t.len > 0 && t.ptr[0] == '/')
		t = bytes_from(t, 1);
	while (t.len > 0 && t.ptr[t.len - 1] == '/')
		t.len--;
	return t;
}

/* From the right, as the specification goes: subpath, qualifiers, then scheme and type from the
 * left, then version and name from the right; the namespace is what is left. */
static enum fault
parse(struct source *s, struct purl *p)
{
	struct bytes rest = s->text, part;
	struct places w;
	enum fault f;
	size_t i;

	if (rest.len == 0)
		return FAULT_empty;
	if (rest.len > PURL_TEXT_MAX) {
		s->at = PURL_TEXT_MAX;
		return FAULT_too_long;
	}
	for (; s->at < rest.len; s->at++)
		if (rest.ptr[s->at] <= ' ' || rest.ptr[s->at] == 0x7f)
			return FAULT_control;
	if ((i = find_last(rest, '#')) < rest.len) {
		if ((f = decode_segments(s, bytes_from(rest, i + 1), true, &p->subpath)) !=
		    FAULT_none)
			return f;
		rest = bytes_sub(rest, 0, i);
	}
	w.qualifiers = rest.len;
	if ((i = find_last(rest, '?')) < rest.len) {
		w.qualifiers = i + 1;
		if ((f = parse_qualifiers(s, bytes_from(rest, i + 1), p)) != FAULT_none)
			return f;
		rest = bytes_sub(rest, 0, i);
	}
	s->at = 0;
	if (!bytes_starts_nocase(rest, BYTES("pkg:")))
		return FAULT_scheme;
	rest = strip_slashes(bytes_from(rest, 4));
	part = bytes_sub(rest, 0, bytes_find(rest, '/'));
	s->at = w.type = place(s, rest);
	if (!type_is_well_formed(part))
		return FAULT_type_form;
	if ((p->type = arena_copy(s->a, part)).ptr == NULL)
		return FAULT_memory;
	set_letters(p->type, LOWER);
	rest = strip_slashes(bytes_from(rest, part.len));
	w.namespace = place(s, rest);
	w.version = w.namespace + rest.len;
	if ((i = find_last(rest, '@')) < rest.len) {
		w.version = w.namespace + i + 1;
		if ((f = decode(s, bytes_from(rest, i + 1), &p->version)) != FAULT_none)
			return f;
		rest = bytes_sub(rest, 0, i);
	}
	i = find_last(rest, '/');
	part = i < rest.len ? bytes_from(rest, i + 1) : rest;
	w.name = place(s, part);
	if ((f = decode(s, part, &p->name)) != FAULT_none)
		return f;
	if (i < rest.len &&
	    (f = decode_segments(s, bytes_sub(rest, 0, i), false, &p->namespace)) != FAULT_none)
		return f;
	return follow_type(s->a, p, &w, &s->at);
}

enum fault
purl_parse(struct arena *a, struct bytes text, struct purl *out, size_t *at)
{
	struct source s = {a, text, 0};
	enum fault f;

	*out = (struct purl){0};
	f = parse(&s, out);
	*at = f == FAULT_none ? 0 : s.at;
	if (f != FAULT_none)
		*out = (struct purl){0};
	return f;
}

/* --- building and writing --- */

/* A copy of the arena's own without empty segments. */
static enum fault
copy_segments(struct arena *a, struct bytes in, bool path, struct bytes *out)
{
	uint8_t *p = arena_alloc(a, in.len + 1);
	size_t n = 0;

	if (p == NULL)
		return FAULT_memory;
	while (in.len > 0) {
		struct bytes segment = bytes_split(in, '/', &in);

		if (segment.len == 0 ||
		    (path && (bytes_eq(segment, BYTES(".")) || bytes_eq(segment, BYTES("..")))))
			continue;
		if (n > 0)
			p[n++] = '/';
		memcpy(p + n, segment.ptr, segment.len);
		n += segment.len;
	}
	*out = bytes_of(p, n);
	return FAULT_none;
}

static enum fault
copy_text(struct arena *a, struct bytes in, struct bytes *out)
{
	uint8_t *p = arena_alloc(a, in.len + 1);

	if (p == NULL)
		return FAULT_memory;
	if (!utf8_valid(in))
		return FAULT_encoding;
	if (in.len > 0)
		memcpy(p, in.ptr, in.len);
	*out = bytes_of(p, in.len);
	return FAULT_none;
}

static enum fault
build(struct arena *a, const struct purl *in, struct purl *out)
{
	const struct places w = {0};
	enum fault f;
	size_t at;

	if (!type_is_well_formed(in->type))
		return FAULT_type_form;
	if (!utf8_valid(in->namespace) || !utf8_valid(in->subpath))
		return FAULT_encoding;
	if ((f = copy_text(a, in->type, &out->type)) != FAULT_none ||
	    (f = copy_text(a, in->name, &out->name)) != FAULT_none ||
	    (f = copy_text(a, in->version, &out->version)) != FAULT_none ||
	    (f = copy_segments(a, in->namespace, false, &out->namespace)) != FAULT_none ||
	    (f = copy_segments(a, in->subpath, true, &out->subpath)) != FAULT_none)
		return f;
	set_letters(out->type, LOWER);
	for (size_t i = 0; i < in->n_qualifiers; i++) {
		struct purl_qualifier q;

		if (!key_is_well_formed(in->qualifiers[i].key))
			return FAULT_qualifier_key;
		if (in->qualifiers[i].value.len == 0)
			continue;
		if ((f = copy_text(a, in->qualifiers[i].key, &q.key)) != FAULT_none ||
		    (f = copy_text(a, in->qualifiers[i].value, &q.value)) != FAULT_none)
			return f;
		set_letters(q.key, LOWER);
		if ((f = add_qualifier(out, q)) != FAULT_none)
			return f;
	}
	return follow_type(a, out, &w, &at);
}

enum fault
purl_build(struct arena *a, const struct purl *parts, struct purl *out)
{
	enum fault f;

	*out = (struct purl){0};
	if ((f = build(a, parts, out)) != FAULT_none)
		*out = (struct purl){0};
	return f;
}

/* Everything but letters, digits, . - _ ~ and : is encoded; between: a byte that stays. */
static void
encode(struct buf *out, struct bytes t, uint8_t between)
{
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = t.ptr[i];

		if (is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_' || c == '~' ||
		    c == ':' || c == between)
			buf_byte(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

void
purl_write(const struct purl *p, struct buf *out)
{
	buf_text(out, "pkg:");
	buf_add(out, p->type);
	buf_byte(out, '/');
	if (p->namespace.len > 0) {
		encode(out, p->namespace, '/');
		buf_byte(out, '/');
	}
	encode(out, p->name, bytes_eq(p->type, BYTES("git")) ? '/' : ':');
	if (p->version.len > 0) {
		buf_byte(out, '@');
		encode(out, p->version, ':');
	}
	for (size_t i = 0; i < p->n_qualifiers; i++) {
		buf_byte(out, i == 0 ? '?' : '&');
		buf_add(out, p->qualifiers[i].key);
		buf_byte(out, '=');
		encode(out, p->qualifiers[i].value, ':');
	}
	if (p->subpath.len > 0) {
		buf_byte(out, '#');
		encode(out, p->subpath, '/');
	}
}

struct bytes
purl_qualifier(const struct purl *p, struct bytes key)
{
	for (size_t i = 0; i < p->n_qualifiers; i++)
		if (bytes_eq(p->qualifiers[i].key, key))
			return p->qualifiers[i].value;
	return (struct bytes){0};
}

bool
purl_same_package(const struct purl *a, const struct purl *b)
{
	return bytes_eq(a->type, b->type) && bytes_eq(a->namespace, b->namespace) &&
	       bytes_eq(a->name, b->name);
}
