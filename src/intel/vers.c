/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/vers.h"

#include "base/utf8.h"

/* --- reading --- */

struct reader {
	struct arena *a;
	struct bytes text;
	enum vers_reading reading;
	size_t at;
};

static bool
type_holds(struct bytes t)
{
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = t.ptr[i];
		bool letter = c >= 'a' && c <= 'z';

		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '.' || c == '-')))
			return false;
	}
	return t.len > 0;
}

static int
hex_upper(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
needs_encoding(uint8_t c)
{
	return c <= ' ' || c >= 0x7f || memchr("><=!*|%", c, 7) != NULL;
}

/* Percent-encoding of a version, undone once. */
static enum fault
decode(struct reader *r, struct bytes in, struct bytes *out)
{
	uint8_t *p = arena_alloc(r->a, in.len + 1);
	size_t n = 0, from = (size_t)(in.ptr - r->text.ptr);

	if (p == NULL)
		return FAULT_memory;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.ptr[i], x, y;

		r->at = from + i;
		if (c != '%') {
			if (memchr("><=!*", c, 5) != NULL)
				return FAULT_vers_constraint;
			p[n++] = c;
			continue;
		}
		x = in.len - i > 2 ? in.ptr[i + 1] : 0;
		y = in.len - i > 2 ? in.ptr[i + 2] : 0;
		x = x >= 'a' && x <= 'f' ? (uint8_t)(x - 32) : x;
		y = y >= 'a' && y <= 'f' ? (uint8_t)(y - 32) : y;
		if (hex_upper(x) == -1 || hex_upper(y) == -1)
			return FAULT_percent;
		c = (uint8_t)(hex_upper(x) << 4 | hex_upper(y));
		if (r->reading == VERS_STRICT && (x != in.ptr[i + 1] || y != in.ptr[i + 2] ||
						     !(needs_encoding(c) || c == '/' || c == '+')))
			return FAULT_vers_encoding;
		p[n++] = c;
		i += 2;
	}
	*out = bytes_of(p, n);
	r->at = from;
	return n == 0 ? FAULT_vers_constraint : utf8_valid(*out) ? FAULT_none : FAULT_encoding;
}

static enum vers_comparator
take_comparator(struct bytes *t)
{
	static const struct {
		struct bytes text;
		enum vers_comparator comparator;
	} table[] = {{BYTES_INIT("!="), VERS_NE}, {BYTES_INIT("<="), VERS_LE},
	    {BYTES_INIT(">="), VERS_GE}, {BYTES_INIT("<"), VERS_LT}, {BYTES_INIT(">"), VERS_GT},
	    {BYTES_INIT("="), VERS_EQ}};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (bytes_starts(*t, table[i].text)) {
			*t = bytes_from(*t, table[i].text.len);
			return table[i].comparator;
		}
	}
	return VERS_EQ;
}

/* Stable, by version; strict: must be so already. */
static enum fault
sort(struct reader *r, struct vers *v)
{
	for (size_t i = 1; i < v->n; i++) {
		struct vers_constraint c = v->list[i];
		size_t k = i;

		for (; k > 0; k--) {
			int order = 0, of;
			enum fault f = version_compare(
			    v->scheme, v->list[k - 1].version, c.version, &order, &of);

			if (f != FAULT_none)
				return f;
			if (r->reading == VERS_STRICT && order >= 0)
				return order == 0 ? FAULT_vers_twice : FAULT_vers_unsorted;
			if (order <= 0)
				break;
			v->list[k] = v->list[k - 1];
		}
		v->list[k] = c;
	}
	return FAULT_none;
}

static enum fault
add(struct vers *v, enum vers_comparator comparator, struct bytes version)
{
	if (v->n == VERS_CONSTRAINTS_MAX)
		return FAULT_vers_many;
	v->list[v->n++] = (struct vers_constraint){comparator, version};
	return FAULT_none;
}

static enum fault
parse_constraint(struct reader *r, struct bytes part, struct vers *v)
{
	enum vers_comparator comparator;
	struct bytes version;
	enum fault f;

	if (r->reading == VERS_SOFT)
		part = bytes_trim(part);
	if (part.len == 0)
		return r->reading == VERS_SOFT ? FAULT_none : FAULT_vers_pipe;
	if (bytes_eq(part, BYTES("*"))) {
		v->all = true;
		return FAULT_none;
	}
	comparator = take_comparator(&part);
	if (r->reading == VERS_SOFT)
		part = bytes_trim(part);
	if (part.len == 0)
		return FAULT_vers_constraint;
	if ((f = decode(r, part, &version)) != FAULT_none)
		return f;
	/* Of instants there is one canonical spelling; other schemes keep what a maker wrote. */
	if (r->reading == VERS_STRICT && bytes_eq(v->type, BYTES("datetime")) &&
	    (f = version_check(v->scheme, version)) != FAULT_none)
		return f;
	return add(v, comparator, version);
}

static enum fault
parse(struct reader *r, struct vers *v)
{
	struct bytes rest = r->text, part;
	size_t slash;
	enum fault f;

	if (rest.len == 0)
		return FAULT_empty;
	if (rest.len > VERS_TEXT_MAX) {
		r->at = VERS_TEXT_MAX;
		return FAULT_too_long;
	}
	if (!bytes_starts(rest, BYTES("vers:")) || (slash = bytes_find(rest, '/')) == rest.len)
		return FAULT_vers_prefix;
	r->at = 5;
	v->type = arena_copy(r->a, bytes_sub(rest, 5, slash - 5));
	v->list = arena_alloc(r->a, VERS_CONSTRAINTS_MAX * sizeof(v->list[0]));
	if (v->list == NULL || (v->type.ptr == NULL && slash > 5))
		return FAULT_memory;
	if (!type_holds(v->type))
		return FAULT_vers_type;
	v->scheme = version_scheme_named(v->type);
	if (r->reading == VERS_SOFT && bytes_eq(v->type, BYTES("all")))
		v->scheme = version_scheme_named(BYTES("generic"));
	for (r->at = 0; r->reading == VERS_STRICT && r->at < rest.len; r->at++)
		if (rest.ptr[r->at] <= ' ')
			return FAULT_control;
	for (size_t i = slash + 1;; i++) {
		r->at = i;
		part = bytes_sub(rest, i, bytes_find(bytes_from(rest, i), '|'));
		if ((f = parse_constraint(r, part, v)) != FAULT_none)
			return f;
		i += part.len;
		if (i >= rest.len)
			break;
	}
	r->at = slash + 1;
	if (v->all && v->n > 0)
		return FAULT_vers_star;
	if (!v->all && v->n == 0)
		return FAULT_vers_constraint;
	if (v->n < 2)
		return FAULT_none;
	if (v->scheme == NULL)
		return FAULT_scheme_unknown;
	return sort(r, v);
}

enum fault
vers_parse(
    struct arena *a, struct bytes text, enum vers_reading reading, struct vers *out, size_t *at)
{
	struct reader r = {a, text, reading, 0};
	enum fault f;

	*out = (struct vers){0};
	f = parse(&r, out);
	*at = f == FAULT_none ? 0 : r.at < text.len ? r.at : text.len;
	if (f != FAULT_none)
		*out = (struct vers){0};
	return f;
}

void
vers_write(const struct vers *v, struct buf *out)
{
	static const char *const signs[] = {"", "!=", "<", "<=", ">", ">="};

	buf_text(out, "vers:");
	buf_add(out, v->type);
	buf_byte(out, '/');
	if (v->all)
		buf_byte(out, '*');
	for (size_t i = 0; i < v->n; i++) {
		struct bytes t = v->list[i].version;

		buf_printf(out, "%s%s", i > 0 ? "|" : "", signs[v->list[i].comparator]);
		for (size_t k = 0; k < t.len; k++) {
			if (needs_encoding(t.ptr[k]))
				buf_printf(out, "%%%02X", t.ptr[k]);
			else
				buf_byte(out, t.ptr[k]);
		}
	}
}

/* --- asking --- */

static bool
is_upper(enum vers_comparator c)
{
	return c == VERS_LT || c == VERS_LE;
}

static bool
is_lower(enum vers_comparator c)
{
	return c == VERS_GT || c == VERS_GE;
}

/* Equality decides first; then the constraints that are left are walked as neighbours. */
enum fault
vers_contains(const struct vers *v, struct bytes version, bool *in)
{
	bool any_bound = false, any_equal = false, above = false;
	enum vers_comparator last = VERS_EQ;

	*in = v->all;
	if (v->all)
		return FAULT_none;
	if (v->scheme == NULL)
		return FAULT_scheme_unknown;
	for (size_t i = 0; i < v->n; i++) {
		const struct vers_constraint *c = &v->list[i];
		int order = 0, of;
		enum fault f = version_compare(v->scheme, version, c->version, &order, &of);

		if (f != FAULT_none) {
			*in = false;
			return f;
		}
		if (order == 0 && c->comparator != VERS_LT && c->comparator != VERS_GT) {
			*in = c->comparator != VERS_NE;
			return FAULT_none;
		}
		any_equal |= c->comparator == VERS_EQ;
		if (!is_upper(c->comparator) && !is_lower(c->comparator))
			continue;
		/* `above`: the version is above the bound before this one. */
		if (order < 0 && is_upper(c->comparator) &&
		    (!any_bound || (is_lower(last) && above)))
			*in = true;
		above = order > 0;
		last = c->comparator;
		any_bound = true;
	}
	if (any_bound && is_lower(last) && above)
		*in = true;
	if (!any_bound)
		*in = !any_equal;
	return FAULT_none;
}

/* The last event, in the order of versions, that the version has passed decides. Events of one
 * version count in the order they are given, as a stable sort would have them. */
enum fault
osv_affects(const struct version_scheme *s, const struct osv_event *events, size_t n,
    struct bytes version, bool *affected)
{
	const struct osv_event *decisive = NULL;
	bool limited = false, below_limit = false;
	int order, of;
	enum fault f;

	*affected = false;
	if ((f = version_check(s, version)) != FAULT_none)
		return f;
	for (size_t i = 0; i < n; i++) {
		const struct osv_event *e = &events[i];
		bool start = e->kind == OSV_INTRODUCED && bytes_eq(e->version, BYTES("0"));
		bool passed = start;

		if (e->kind == OSV_LIMIT && bytes_eq(e->version, BYTES("*")))
			continue;
		if (!start) {
			if ((f = version_compare(s, version, e->version, &order, &of)) !=
			    FAULT_none)
				return f;
			passed = e->kind == OSV_LAST_AFFECTED ? order > 0 : order >= 0;
		}
		if (e->kind == OSV_LIMIT) {
			limited = true;
			below_limit |= order < 0;
			continue;
		}
		if (!passed)
			continue;
		if (decisive != NULL && !(decisive->kind == OSV_INTRODUCED &&
					    bytes_eq(decisive->version, BYTES("0")))) {
			if (start)
				continue;
			if ((f = version_compare(s, e->version, decisive->version, &order, &of)) !=
			    FAULT_none)
				return f;
			if (order < 0)
				continue;
		}
		decisive = e;
	}
	*affected =
	    decisive != NULL && decisive->kind == OSV_INTRODUCED && (!limited || below_limit);
	return FAULT_none;
}
