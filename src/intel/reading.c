/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/reading.h"

#include "intel/vers.h"
#include "intel/version.h"

/* --- ranges --- */

enum bound { BOUND_EQ, BOUND_LT, BOUND_LE, BOUND_GT, BOUND_GE };

struct part {
	enum bound bound;
	struct bytes version;
};

struct parts {
	struct part at[READING_PARTS_MAX];
	size_t n;
	bool everything; /* a star stands for all versions */
	bool soft;       /* words were read: only the inside is sure */
	bool odd;        /* something stands there that is no part of a range */
};

static struct version_reading
verdict(enum read_verdict v, enum fault f, const char *how)
{
	return (struct version_reading){v, f, how};
}

/* True, and past it, where t begins with the word in any case and no letter or digit follows. */
static bool
take_word(struct bytes *t, const char *word)
{
	struct bytes w = bytes_str(word), rest;

	if (!bytes_starts_nocase(*t, w))
		return false;
	rest = bytes_from(*t, w.len);
	if (rest.len > 0 && ((rest.ptr[0] | 0x20) >= 'a' && (rest.ptr[0] | 0x20) <= 'z'))
		return false;
	*t = bytes_trim(rest);
	return true;
}

/* "prior to", "before": a bound in words. */
static bool
take_before(struct bytes *t)
{
	return take_word(t, "prior to") || take_word(t, "before") || take_word(t, "earlier than") ||
	       take_word(t, "lower than") || take_word(t, "older than");
}

static bool
take_bound(struct bytes *t, enum bound *b)
{
	uint8_t c = t->len > 0 ? t->ptr[0] : 0;
	bool equal = t->len > 1 && t->ptr[1] == '=';

	if (c == '<')
		*b = equal ? BOUND_LE : BOUND_LT;
	else if (c == '>')
		*b = equal ? BOUND_GE : BOUND_GT;
	else if (c == '=')
		*b = BOUND_EQ;
	else
		return false;
	*t = bytes_trim(bytes_from(*t, c != '=' && equal ? 2 : 1));
	return true;
}

static void
add_part(struct parts *p, enum bound b, struct bytes version)
{
	if (p->n == READING_PARTS_MAX || version.len == 0 || version.len > VERSION_TEXT_MAX)
		p->odd = true;
	else
		p->at[p->n++] = (struct part){b, version};
}

/* "and" before a second bound is how people write "|" between the two ends of an interval. */
static struct bytes
without_and(struct bytes t)
{
	static const char *const words[] = {"and", "to", "or"};

	t = bytes_trim(t);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);

		if (i != 2 && t.len > n + 1 && t.ptr[t.len - n - 1] == ' ' &&
		    bytes_eq_nocase(bytes_from(t, t.len - n), bytes_str(words[i])))
			return bytes_trim(bytes_sub(t, 0, t.len - n));
	}
	return t;
}

static size_t
find_bound(struct bytes t)
{
	size_t lt = bytes_find(t, '<'), gt = bytes_find(t, '>');

	return lt < gt ? lt : gt;
}

/* What stands between two "|": bounds, one behind the other, or a version. */
static void
read_piece(struct parts *p, struct bytes t)
{
	bool first = true;

	t = bytes_trim(t);
	if (bytes_eq(t, BYTES("*"))) {
		p->everything = true;
		return;
	}
	if (t.len == 0) {
		p->odd = true;
		return;
	}
	while (t.len > 0) {
		enum bound b = BOUND_EQ;
		bool bounded = take_bound(&t, &b);
		size_t next = find_bound(t);

		/* "A10 < A11": nobody knows what the first is. */
		if (!first && !bounded)
			p->odd = true;
		if (!bounded && next < t.len)
			p->odd = true;
		if (!bounded && bytes_find(t, '!') < t.len)
			p->odd = true;
		add_part(p, b, next < t.len ? without_and(bytes_sub(t, 0, next)) : bytes_trim(t));
		t = bytes_from(t, next);
		first = false;
	}
}

static void
read_parts(struct parts *p, struct bytes t)
{
	enum bound none;
	bool words;

	*p = (struct parts){0};
	t = bytes_trim(t);
	if (bytes_starts_nocase(t, BYTES("vers:all/")))
		t = bytes_trim(bytes_from(t, 9));
	else if (bytes_starts_nocase(t, BYTES("vls:")))
		t = bytes_trim(bytes_from(t, 4));
	words = take_word(&t, "all versions") || take_word(&t, "all") ||
		take_word(&t, "versions") || take_word(&t, "version");
	if (words && t.len == 0) {
		p->everything = true;
		return;
	}
	if (take_before(&t)) {
		p->soft = true;
		if (take_bound(&t, &none))
			p->odd = true;
		add_part(p, BOUND_LT, t);
		if (find_bound(t) < t.len || bytes_find(t, '|') < t.len)
			p->odd = true;
		return;
	}
	p->soft = words;
	do {
		struct bytes rest;
		bool more = bytes_find(t, '|') < t.len;

		read_piece(p, bytes_split(t, '|', &rest));
		t = rest;
		if (!more)
			break;
	} while (!p->odd || p->n < READING_PARTS_MAX);
}

/* The texts say the same version but for zeros or separators at the end: "1.2" and "1.2.0". */
static bool
zeros_only(struct bytes longer, struct bytes shorter)
{
	if (longer.len <= shorter.len || !bytes_starts_nocase(longer, shorter))
		return false;
	longer = bytes_from(longer, shorter.len);
	if (longer.ptr[0] != '.' && longer.ptr[0] != '-')
		return false;
	for (size_t i = 0; i < longer.len; i++) {
		if (longer.ptr[i] != '.' && longer.ptr[i] != '-' && longer.ptr[i] != '0')
			return false;
	}
	return true;
}

static struct bytes
without_v(struct bytes t)
{
	if (t.len > 1 && (t.ptr[0] | 0x20) == 'v' && t.ptr[1] >= '0' && t.ptr[1] <= '9')
		return bytes_from(t, 1);
	return t;
}

/* Where the version stands to the part's: fault, or *order. */
static enum fault
stand(const struct part *p, struct bytes version, int *order)
{
	struct bytes a = without_v(version), b = without_v(p->version);
	enum fault f;
	int of;

	*order = 0;
	if (bytes_eq_nocase(a, b))
		return FAULT_none;
	/* Half a version names several whole ones. */
	if (p->bound == BOUND_EQ && b.len > a.len && bytes_starts_nocase(b, a) &&
	    (b.ptr[a.len] == '.' || b.ptr[a.len] == '-'))
		return FAULT_version_invalid;
	if ((f = version_compare(version_scheme_named(BYTES("generic")), version, p->version, order,
		 &of)) != FAULT_none)
		return f;
	return zeros_only(a, b) || zeros_only(b, a) ? FAULT_version_zeros : FAULT_none;
}

/* One bound, with the tie read as what the bound decides. */
static enum read_verdict
hold(const struct part *p, struct bytes version, enum fault *f)
{
	int order;
	bool in;

	*f = stand(p, version, &order);
	if (*f != FAULT_none)
		return READ_DOUBT;
	switch (p->bound) {
	case BOUND_LT:
		in = order < 0;
		break;
	case BOUND_LE:
		in = order <= 0;
		break;
	case BOUND_GT:
		in = order > 0;
		break;
	case BOUND_GE:
		in = order >= 0;
		break;
	default:
		in = order == 0;
	}
	return in ? READ_IN : READ_OUT;
}

static bool
is_lower(enum bound b)
{
	return b == BOUND_GT || b == BOUND_GE;
}

static bool
is_upper(enum bound b)
{
	return b == BOUND_LT || b == BOUND_LE;
}

static struct version_reading
judge(const struct parts *p, struct bytes version)
{
	struct version_reading doubt = {0};
	bool doubted = false;

	for (size_t i = 0; i < p->n; i++) {
		bool pair =
		    is_lower(p->at[i].bound) && i + 1 < p->n && is_upper(p->at[i + 1].bound);
		enum fault f, g = FAULT_none;
		enum read_verdict a = hold(&p->at[i], version, &f), b = READ_IN;

		if (pair)
			b = hold(&p->at[++i], version, &g);
		if (a == READ_OUT || b == READ_OUT)
			continue;
		if (a == READ_IN && b == READ_IN)
			return verdict(READ_IN, FAULT_none,
			    pair                         ? "between the two bounds"
			    : is_upper(p->at[i].bound)   ? "within the upper bound"
			    : p->at[i].bound == BOUND_EQ ? "the very version that is named"
							 : "from the lower bound on");
		if (!doubted)
			doubt = verdict(
			    READ_DOUBT, f != FAULT_none ? f : g, "cannot be told apart for sure");
		doubted = true;
	}
	if (doubted)
		return doubt;
	return p->soft ? verdict(READ_DOUBT, FAULT_version_words,
			     "outside a range that is told in words")
		       : verdict(READ_OUT, FAULT_none, "outside of what is named");
}

/* The sides of a proper vers range of a known scheme. */
static struct version_reading
read_vers(struct bytes text, struct bytes version)
{
	struct arena *a = arena_new(1 << 20, NULL);
	struct version_reading out;
	struct vers range;
	enum fault f = FAULT_memory;
	size_t at;
	bool in = false;

	if (a != NULL && (f = vers_parse(a, text, VERS_SOFT, &range, &at)) == FAULT_none) {
		if (range.all)
			in = true;
		else
			f = version.len == 0 ? FAULT_empty : vers_contains(&range, version, &in);
	}
	out = f != FAULT_none
		  ? verdict(READ_DOUBT, f, "the range cannot be held against this version")
	      : in ? verdict(READ_IN, FAULT_none, "in the range")
		   : verdict(READ_OUT, FAULT_none, "outside of the range");
	arena_free(a);
	return out;
}

struct version_reading
version_read(struct bytes text, struct bytes version)
{
	struct parts parts;

	text = bytes_trim(text);
	version = bytes_trim(version);
	if (text.len == 0)
		return verdict(READ_DOUBT, FAULT_empty, "no version is named");
	if (text.len > READING_TEXT_MAX || version.len > VERSION_TEXT_MAX)
		return verdict(READ_DOUBT, FAULT_too_long, "too long to be read");
	if (bytes_starts_nocase(text, BYTES("vers:")) &&
	    !bytes_starts_nocase(text, BYTES("vers:all/")))
		return read_vers(text, version);
	read_parts(&parts, text);
	if (parts.everything && !parts.odd)
		return verdict(READ_IN, FAULT_none, "every version");
	if (version.len == 0)
		return verdict(READ_DOUBT, FAULT_empty, "the device's version is not known");
	if (parts.n == 1 && !parts.odd && parts.at[0].bound == BOUND_EQ &&
	    bytes_eq_nocase(parts.at[0].version, version))
		return verdict(READ_IN, FAULT_none, "the very version that is named");
	if (parts.odd)
		return verdict(
		    READ_DOUBT, FAULT_version_words, "not a range that can be read for sure");
	return judge(&parts, version);
}

/* --- names --- */

/* Letters of Latin-1 and Latin Extended-A beneath their accents, by code point from U+00C0. */
static const char *
plain_letter(uint32_t c)
{
	static const char *const latin[] = {"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e",
	    "e", "i", "i", "i", "i", "d", "n", "o", "o", "o", "o", "o", "", "o", "u", "u", "u", "u",
	    "y", "th", "ss"};

	if (c >= 0xc0 && c <= 0xff)
		return latin[(c - 0xc0) & 31];
	return NULL;
}

static uint32_t
take_character(struct bytes *t)
{
	uint8_t a = t->ptr[0];
	uint32_t c = a;
	size_t n = a < 0x80 ? 1 : a >= 0xc2 && a < 0xe0 ? 2 : a >= 0xe0 && a < 0xf0 ? 3 : 4;

	if (n > t->len || (a >= 0x80 && a < 0xc2))
		n = 1;
	if (n == 2)
		c = (uint32_t)(a & 0x1f) << 6 | (t->ptr[1] & 0x3f);
	else if (n > 2)
		c = 0x10000; /* no letter of names here */
	*t = bytes_from(*t, n);
	return c;
}

size_t
name_fold(struct bytes text, char out[READING_NAME_MAX])
{
	size_t n = 0;
	bool gap = false;

	while (text.len > 0 && n + 4 < READING_NAME_MAX) {
		uint32_t c = take_character(&text);
		const char *put;
		char one[2] = {0};

		/* UTF-8 that was read as Latin-1 and written again: A-tilde, then what was the
		 * letter. */
		if (c == 0xc3 && text.len > 1 && text.ptr[0] == 0xc2) {
			uint32_t d = take_character(&text);

			c = 0xc0 | (d & 0x3f);
		}
		if (c == '&') {
			put = NULL;
		} else if (c < 0x80) {
			one[0] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
			put = (one[0] >= 'a' && one[0] <= 'z') || (one[0] >= '0' && one[0] <= '9')
				  ? one
				  : NULL;
		} else {
			put = plain_letter(c);
		}
		if (put == NULL) {
			gap = true;
			continue;
		}
		if (gap && n > 0)
			out[n++] = ' ';
		gap = false;
		for (; *put != 0; put++)
			out[n++] = *put;
	}
	out[n] = 0;
	return n;
}

enum { WORDS_MAX = 40 };

struct words {
	char text[READING_NAME_MAX];
	struct bytes at[WORDS_MAX];
	size_t n;
};

static bool
one_of(struct bytes w, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes_eq(w, bytes_str(list[i])))
			return true;
	}
	return false;
}

static void
split_words(struct words *w)
{
	struct bytes t = bytes_str(w->text);

	w->n = 0;
	while (t.len > 0 && w->n < WORDS_MAX)
		w->at[w->n++] = bytes_split(t, ' ', &t);
}

static void
drop_words(struct words *w, const char *const *list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (!one_of(w->at[i], list, n))
			w->at[kept++] = w->at[i];
	}
	if (kept > 0)
		w->n = kept;
}

static void
fold_maker(struct bytes text, struct words *out)
{
	static const char *const legal[] = {"ltd", "limited", "inc", "incorporated", "gmbh", "co",
	    "corp", "corporation", "company", "ag", "sa", "oy", "oyj", "llc", "bv", "kg", "plc",
	    "and", "the", "kgaa", "se", "spa", "srl", "pty", "nv", "ab", "as"};

	(void)name_fold(text, out->text);
	split_words(out);
	drop_words(out, legal, ARRAY_LEN(legal));
}

static void
fold_product(struct bytes text, struct words *out)
{
	static const char *const empty[] = {
	    "model", "models", "the", "and", "software", "series", "family"};

	(void)name_fold(text, out->text);
	split_words(out);
	drop_words(out, empty, ARRAY_LEN(empty));
}

/* Equal where all letters and digits are, in order: "WebViewer" and "Web Viewer". */
static bool
same_letters(const struct bytes *a, size_t na, const struct bytes *b, size_t nb)
{
	size_t i = 0, j = 0, x = 0, y = 0;

	for (;;) {
		while (i < na && x == a[i].len) {
			i++;
			x = 0;
		}
		while (j < nb && y == b[j].len) {
			j++;
			y = 0;
		}
		if (i == na || j == nb)
			return i == na && j == nb && na > 0;
		if (a[i].ptr[x++] != b[j].ptr[y++])
			return false;
	}
}

static bool
same_words(const struct words *a, const struct words *b)
{
	return same_letters(a->at, a->n, b->at, b->n);
}

/* All of a's words stand in front of b, or the other way round. */
static bool
begins(const struct words *a, const struct words *b)
{
	size_t n = a->n < b->n ? a->n : b->n;

	for (size_t i = 0; i < n; i++) {
		if (!bytes_eq(a->at[i], b->at[i]))
			return false;
	}
	return n > 0;
}

enum { MAKER_NAMES_MAX = 12 };

struct maker {
	const char *names[MAKER_NAMES_MAX];
};

static const struct maker makers[] = {
#define MAKER(...) {{__VA_ARGS__}},
#include "intel/makers.def"
};

/* name: folded, without legal forms. */
static bool
is_maker_name(const char *name, const struct words *w)
{
	size_t i = 0, x = 0;

	for (; *name != 0; name++) {
		if (*name == ' ')
			continue;
		while (i < w->n && x == w->at[i].len) {
			i++;
			x = 0;
		}
		if (i == w->n || w->at[i].ptr[x++] != (uint8_t)*name)
			return false;
	}
	return i + 1 == w->n && x == w->at[i].len;
}

/* The maker's place in the table, or -1. */
static int
maker_of(const struct words *w)
{
	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		for (size_t k = 0; k < MAKER_NAMES_MAX && makers[i].names[k] != NULL; k++) {
			if (is_maker_name(makers[i].names[k], w))
				return (int)i;
		}
	}
	return -1;
}

enum maker_likeness { MAKER_OTHER, MAKER_BEGINS, MAKER_ALIAS, MAKER_SAME };

/* a_known, b_known: maker_of(). */
static enum maker_likeness
compare_makers(const struct words *a, int a_known, const struct words *b, int b_known)
{
	static const char *const common[] = {
	    "general", "medical", "health", "healthcare", "advanced", "national", "first", "new"};

	if (same_words(a, b))
		return MAKER_SAME;
	if (a_known >= 0 && a_known == b_known)
		return MAKER_ALIAS;
	/* "Roche" and "Roche Diagnostics": a first word that is a name. */
	if (begins(a, b) && a->at[0].len >= 4 && !one_of(a->at[0], common, ARRAY_LEN(common)))
		return MAKER_BEGINS;
	return MAKER_OTHER;
}

/* How many words of the product are this name in front of it, with at least one left behind. */
static size_t
leading_name(const struct words *product, struct bytes name)
{
	size_t n = 0;

	while (name.len > 0) {
		if (n + 1 >= product->n || !bytes_eq(bytes_split(name, ' ', &name), product->at[n]))
			return 0;
		n++;
	}
	return n;
}

/* Products often repeat their maker's name in front. */
static void
drop_maker(struct words *product, const struct words *maker, int known)
{
	size_t n = 0, m;

	if (maker->n < product->n && begins(maker, product))
		n = maker->n;
	for (size_t k = 0; known >= 0 && k < MAKER_NAMES_MAX && makers[known].names[k] != NULL;
	     k++) {
		m = leading_name(product, bytes_str(makers[known].names[k]));
		if (m > n)
			n = m;
	}
	if (n > 0) {
		memmove(product->at, product->at + n, (product->n - n) * sizeof(product->at[0]));
		product->n -= n;
	}
}

/* How many of a's words stand in b; *weighty: one of them says more than "system" does. */
static size_t
common_words(const struct words *a, const struct words *b, bool *weighty)
{
	static const char *const light[] = {"system", "systems", "monitor", "monitors", "pump",
	    "pumps", "server", "station", "unit", "device", "devices", "point", "of", "care",
	    "patient", "medical", "portal", "manager", "workstation", "with", "for", "central",
	    "client", "service", "application", "app", "viewer", "web", "infusion", "plus", "pro",
	    "analyzer"};
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		for (size_t k = 0; k < b->n; k++) {
			if (bytes_eq(a->at[i], b->at[k])) {
				n++;
				*weighty |=
				    a->at[i].len >= 2 && !one_of(a->at[i], light, ARRAY_LEN(light));
				break;
			}
		}
	}
	return n;
}

/* "Patient Information Center iX (PICiX)": without, or by what stands in brackets, it is the same,
 * where that is one word. More words are conditions ("with wireless option"). */
static bool
same_but_brackets(
    struct bytes listed, const struct words *asked, const struct words *maker, int known)
{
	size_t open = bytes_find(listed, '('), close = bytes_find(listed, ')');
	struct words w;
	struct bytes in;

	if (open >= listed.len || close < open || bytes_trim(bytes_from(listed, close)).len > 1)
		return false;
	in = bytes_trim(bytes_sub(listed, open + 1, close - open - 1));
	fold_product(in, &w);
	if (w.n > 2 || w.n == 0 || in.len > 16)
		return false;
	if (same_words(&w, asked))
		return true;
	fold_product(bytes_sub(listed, 0, open), &w);
	drop_maker(&w, maker, known);
	return same_words(&w, asked);
}

static enum name_likeness
compare_products(
    const struct words *asked, struct bytes listed, const struct words *maker, int known)
{
	struct words w;
	bool weighty = false;
	size_t n;

	if (listed.len == 0 || asked->n == 0)
		return NAME_OTHER;
	fold_product(listed, &w);
	drop_maker(&w, maker, known);
	if (same_words(asked, &w) || same_but_brackets(listed, asked, maker, known))
		return NAME_SAME;
	n = common_words(asked, &w, &weighty);
	return weighty && (n == asked->n || n == w.n) ? NAME_LIKE : NAME_OTHER;
}

/* The best over the ways to say which product was asked for. */
static enum name_likeness
compare_asked(const struct name_query *q, struct bytes listed, const struct words *maker, int known,
    const struct words *own, int own_known)
{
	enum name_likeness best = NAME_OTHER, l;
	char both[2 * READING_NAME_MAX];
	struct bytes ways[3] = {q->product, q->model, {NULL, 0}};
	struct words asked;

	if (q->model.len > 0 && q->product.len < READING_NAME_MAX &&
	    q->model.len < READING_NAME_MAX - 1) {
		memcpy(both, q->product.ptr, q->product.len);
		both[q->product.len] = ' ';
		memcpy(both + q->product.len + 1, q->model.ptr, q->model.len);
		ways[2] = bytes_of(both, q->product.len + 1 + q->model.len);
	}
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (ways[i].len == 0)
			continue;
		fold_product(ways[i], &asked);
		drop_maker(&asked, own, own_known);
		l = compare_products(&asked, listed, maker, known);
		if (l > best)
			best = l;
	}
	return best;
}

static struct name_reading
named(enum name_likeness l, const char *how)
{
	return (struct name_reading){l, how};
}

struct name_reading
name_read(const struct name_query *q, const struct name_listed *listed)
{
	struct words asked_maker, maker;
	int asked_known, known;
	enum maker_likeness m;
	enum name_likeness p, family, text;

	fold_maker(q->vendor, &asked_maker);
	fold_maker(listed->vendor, &maker);
	asked_known = maker_of(&asked_maker);
	known = maker_of(&maker);
	m = compare_makers(&asked_maker, asked_known, &maker, known);
	p = compare_asked(q, listed->product, &maker, known, &asked_maker, asked_known);
	if (p == NAME_SAME && m == MAKER_SAME)
		return named(NAME_SAME, "same maker and product");
	if (p == NAME_SAME && m == MAKER_ALIAS)
		return named(NAME_SAME, "same product, the maker by another of its names");
	if (p == NAME_SAME && m == MAKER_BEGINS)
		return named(NAME_SAME, "same product, the maker by part of its name");
	if (m != MAKER_OTHER) {
		family = compare_asked(q, listed->family, &maker, known, &asked_maker, asked_known);
		text = compare_asked(q, listed->text, &maker, known, &asked_maker, asked_known);
		if (p == NAME_LIKE || family != NAME_OTHER || text != NAME_OTHER)
			return named(NAME_LIKE, "same maker, a product of a like name");
		return named(NAME_OTHER, "another product");
	}
	if (p == NAME_SAME)
		return named(NAME_LIKE, "same product name, another maker's name");
	return named(NAME_OTHER, "another maker");
}
