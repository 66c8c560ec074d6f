/* SPDX-License-Identifier: Apache-2.0 */
/* Languages whose versions are richer than three numbers: pep440, maven, gem. */
#include "intel/version_rules.h"

/* --- pep440 --- */

enum pre { PRE_A, PRE_B, PRE_RC, PRE_NONE };

struct pep {
	struct bytes epoch, release, pre_number, post_number, dev_number, local;
	enum pre pre;
	bool post, dev;
};

static bool
is_separator(struct bytes t)
{
	return t.len > 0 && (t.ptr[0] == '-' || t.ptr[0] == '_' || t.ptr[0] == '.');
}

static bool
take_word(struct bytes *t, struct bytes word)
{
	if (!bytes_starts_nocase(*t, word))
		return false;
	*t = bytes_from(*t, word.len);
	return true;
}

/* After a word: a separator and digits, both optional. */
static struct bytes
take_number(struct bytes *t)
{
	if (is_separator(*t))
		*t = bytes_from(*t, 1);
	return version_take(t, version_digits(*t));
}

/* The longer spelling of two that begin alike comes first. */
static const struct {
	struct bytes word;
	enum pre pre;
} pre_words[] = {
    {BYTES_INIT("alpha"), PRE_A},
    {BYTES_INIT("beta"), PRE_B},
    {BYTES_INIT("preview"), PRE_RC},
    {BYTES_INIT("pre"), PRE_RC},
    {BYTES_INIT("rc"), PRE_RC},
    {BYTES_INIT("a"), PRE_A},
    {BYTES_INIT("b"), PRE_B},
    {BYTES_INIT("c"), PRE_RC},
};

static void
take_pre(struct bytes *t, struct pep *p)
{
	struct bytes rest = is_separator(*t) ? bytes_from(*t, 1) : *t;

	for (size_t i = 0; i < ARRAY_LEN(pre_words); i++) {
		if (take_word(&rest, pre_words[i].word)) {
			p->pre = pre_words[i].pre;
			p->pre_number = take_number(&rest);
			*t = rest;
			return;
		}
	}
}

static void
take_post(struct bytes *t, struct pep *p)
{
	struct bytes rest = *t;

	if (rest.len > 1 && rest.ptr[0] == '-' && version_is_digit(rest.ptr[1])) {
		rest = bytes_from(rest, 1);
		p->post = true;
		p->post_number = version_take(&rest, version_digits(rest));
		*t = rest;
		return;
	}
	if (is_separator(rest))
		rest = bytes_from(rest, 1);
	if (take_word(&rest, BYTES("post")) || take_word(&rest, BYTES("rev")) ||
	    take_word(&rest, BYTES("r"))) {
		p->post = true;
		p->post_number = take_number(&rest);
		*t = rest;
	}
}

static bool
local_holds(struct bytes t)
{
	bool separated = true;

	for (size_t i = 0; i < t.len; i++) {
		bool plain = version_is_digit(t.ptr[i]) || version_is_letter(t.ptr[i]);

		if (!plain && (separated || !is_separator(bytes_from(t, i))))
			return false;
		separated = !plain;
	}
	return !separated;
}

/* Appendix B of PEP 440, from left to right. */
static bool
split_pep440(struct bytes t, struct pep *p)
{
	struct bytes rest;
	size_t n;

	*p = (struct pep){.pre = PRE_NONE};
	t = bytes_trim(t);
	(void)take_word(&t, BYTES("v"));
	if ((n = version_digits(t)) > 0 && n < t.len && t.ptr[n] == '!') {
		p->epoch = bytes_sub(t, 0, n);
		t = bytes_from(t, n + 1);
	}
	if ((n = version_digits(t)) == 0)
		return false;
	while (n + 1 < t.len && t.ptr[n] == '.' && version_is_digit(t.ptr[n + 1]))
		n += 1 + version_digits(bytes_from(t, n + 1));
	p->release = version_take(&t, n);
	take_pre(&t, p);
	take_post(&t, p);
	rest = is_separator(t) ? bytes_from(t, 1) : t;
	if (take_word(&rest, BYTES("dev"))) {
		p->dev = true;
		p->dev_number = take_number(&rest);
		t = rest;
	}
	if (t.len == 0)
		return true;
	p->local = bytes_from(t, 1);
	return t.ptr[0] == '+' && local_holds(p->local);
}

static enum fault
check_pep440(struct bytes t)
{
	struct pep p;

	return split_pep440(t, &p) ? FAULT_none : FAULT_version_invalid;
}

static int
compare_release(struct bytes a, struct bytes b)
{
	while (a.len > 0 || b.len > 0) {
		struct bytes x = bytes_split(a, '.', &a), y = bytes_split(b, '.', &b);
		int c = version_numbers(x, y);

		if (c != 0)
			return c;
	}
	return 0;
}

/* A development release of the version itself is before its previews, no preview is after them. */
static int
pre_rank(const struct pep *p)
{
	return p->pre == PRE_NONE && !p->post && p->dev ? -1 : (int)p->pre;
}

static struct bytes
take_local(struct bytes *t)
{
	size_t n = 0;

	while (n < t->len && !is_separator(bytes_from(*t, n)))
		n++;
	return version_take(t, n);
}

static int
compare_local(struct bytes a, struct bytes b)
{
	while (a.len > 0 && b.len > 0) {
		struct bytes x = take_local(&a), y = take_local(&b);
		bool nx = version_digits(x) == x.len, ny = version_digits(y) == y.len;
		int c = nx != ny ? (nx ? 1 : -1)
			: nx     ? version_numbers(x, y)
				 : version_text_nocase(x, y);

		if (c != 0)
			return c;
		a = bytes_from(a, 1);
		b = bytes_from(b, 1);
	}
	return (a.len > 0) - (b.len > 0);
}

static enum fault
compare_pep440(struct bytes a, struct bytes b, int *order)
{
	struct pep x, y;
	int c;

	(void)split_pep440(a, &x);
	(void)split_pep440(b, &y);
	c = version_numbers(x.epoch, y.epoch);
	c = c != 0 ? c : compare_release(x.release, y.release);
	c = c != 0 ? c : version_sign(pre_rank(&x) - pre_rank(&y));
	c = c != 0 ? c : version_numbers(x.pre_number, y.pre_number);
	c = c != 0 ? c : x.post - y.post;
	c = c != 0 ? c : version_numbers(x.post_number, y.post_number);
	c = c != 0 ? c : y.dev - x.dev;
	c = c != 0 ? c : version_numbers(x.dev_number, y.dev_number);
	*order = c != 0 ? c : compare_local(x.local, y.local);
	return FAULT_none;
}

const struct version_order version_order_pep440 = {check_pep440, compare_pep440};

/* --- maven --- */

/* A version is a list of items whose last item may be a list again: each - and each change between
 * digits and letters begins one. So it lies flat: items of list 0, then of list 1, and so on. Every
 * list loses its items of no meaning (0, "", final, ga, release) at its end, before the list in it;
 * a list in it without anything left is lost too. */
enum { ITEMS_MAX = VERSION_TEXT_MAX + 1, LISTS_MAX = 2 * ITEMS_MAX + 1 };

struct item {
	struct bytes text;
	bool number;
	bool before_digit; /* letters with a digit right behind */
};

struct maven {
	struct item item[ITEMS_MAX];
	size_t n;
	uint16_t end[LISTS_MAX];  /* of list k: one behind its last item; its first is end[k - 1] */
	uint16_t kept[LISTS_MAX]; /* the same without the items that mean nothing */
	size_t lists;
};

/* Qualifiers in their order; cr is rc, and final, ga and release are the empty one. */
static const struct bytes qualifiers[] = {BYTES_INIT("alpha"), BYTES_INIT("beta"),
    BYTES_INIT("milestone"), BYTES_INIT("rc"), BYTES_INIT("snapshot"), BYTES_INIT(""),
    BYTES_INIT("sp")};

enum { RANK_EMPTY = 5, RANK_OTHER = ARRAY_LEN(qualifiers) };

static size_t
rank(const struct item *i)
{
	static const struct {
		struct bytes word;
		size_t rank;
	} more[] = {{BYTES_INIT("cr"), 3}, {BYTES_INIT("ga"), RANK_EMPTY},
	    {BYTES_INIT("final"), RANK_EMPTY}, {BYTES_INIT("release"), RANK_EMPTY}};

	if (i->before_digit && i->text.len == 1) {
		uint8_t c = version_lower(i->text.ptr[0]);

		if (c == 'a' || c == 'b' || c == 'm')
			return c == 'a' ? 0 : c == 'b' ? 1 : 2;
	}
	for (size_t k = 0; k < ARRAY_LEN(qualifiers); k++)
		if (bytes_eq_nocase(i->text, qualifiers[k]))
			return k;
	for (size_t k = 0; k < ARRAY_LEN(more); k++)
		if (bytes_eq_nocase(i->text, more[k].word))
			return more[k].rank;
	return RANK_OTHER;
}

static bool
means_nothing(const struct item *i)
{
	return i->number ? version_trim_zeros(i->text).len == 0 : rank(i) == RANK_EMPTY;
}

static void
add_item(struct maven *m, struct bytes text, bool number, bool before_digit)
{
	m->item[m->n++] = (struct item){text, number, before_digit};
}

static void
end_list(struct maven *m)
{
	m->end[m->lists++] = (uint16_t)m->n;
}

static size_t
list_start(const struct maven *m, size_t k)
{
	return k == 0 ? 0 : m->end[k - 1];
}

/* Text at the end or with a digit right behind begins a list: ".rc1" counts as "-rc1". */
static void
add_text(struct maven *m, struct bytes text, bool before_digit)
{
	if (m->n > list_start(m, m->lists))
		end_list(m);
	add_item(m, text, false, before_digit);
}

static void
split_maven(struct bytes t, struct maven *m)
{
	bool digits = false;
	size_t from = 0;

	m->n = m->lists = 0;
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = t.ptr[i];
		bool digit = version_is_digit(c);

		if (c == '.' || c == '-') {
			if (i == from)
				add_item(m, BYTES("0"), true, false);
			else
				add_item(m, bytes_sub(t, from, i - from), digits, false);
			from = i + 1;
			if (c == '-')
				end_list(m);
			/* What follows a separator counts from there: no change of kind before it.
			 */
			continue;
		}
		if (digit != digits && i > from) {
			if (digits)
				add_item(m, bytes_sub(t, from, i - from), true, false);
			else
				add_text(m, bytes_sub(t, from, i - from), true);
			from = i;
			end_list(m);
		}
		digits = digit;
	}
	if (from < t.len && digits)
		add_item(m, bytes_from(t, from), true, false);
	else if (from < t.len)
		add_text(m, bytes_from(t, from), false);
	end_list(m);
	for (size_t k = 0; k < m->lists; k++) {
		size_t keep = m->end[k];

		while (keep > list_start(m, k) && means_nothing(&m->item[keep - 1]))
			keep--;
		m->kept[k] = (uint16_t)keep;
	}
	/* Lists at the end that hold nothing are not there. */
	while (m->lists > 1 && m->kept[m->lists - 1] == list_start(m, m->lists - 1))
		m->lists--;
}

static int
compare_items(const struct item *a, const struct item *b)
{
	size_t i, j;

	if (a->number != b->number)
		return a->number ? 1 : -1;
	if (a->number)
		return version_numbers(a->text, b->text);
	i = rank(a);
	j = rank(b);
	return i != j            ? (i > j ? 1 : -1)
	       : i == RANK_OTHER ? version_text_nocase(a->text, b->text)
				 : 0;
}

static int
compare_to_nothing(const struct item *i)
{
	if (i->number)
		return means_nothing(i) ? 0 : 1;
	return rank(i) < RANK_EMPTY ? -1 : rank(i) > RANK_EMPTY ? 1 : 0;
}

/* List k of m and all within against nothing. */
static int
list_to_nothing(const struct maven *m, size_t k)
{
	for (; k < m->lists; k++) {
		for (size_t i = list_start(m, k); i < m->kept[k]; i++) {
			int c = compare_to_nothing(&m->item[i]);

			if (c != 0)
				return c;
		}
	}
	return 0;
}

static int
compare_lists(const struct maven *a, const struct maven *b)
{
	for (size_t k = 0;; k++) {
		size_t na = a->kept[k] - list_start(a, k), nb = b->kept[k] - list_start(b, k);
		bool more_a = k + 1 < a->lists, more_b = k + 1 < b->lists;

		for (size_t i = 0; i < na || i < nb; i++) {
			const struct item *x = i < na ? &a->item[list_start(a, k) + i] : NULL;
			const struct item *y = i < nb ? &b->item[list_start(b, k) + i] : NULL;
			int c;

			/* A list in the place of an item is below a number and above text. */
			if (x != NULL && y != NULL)
				c = compare_items(x, y);
			else if (x != NULL)
				c = i == nb && more_b ? (x->number ? 1 : -1)
						      : compare_to_nothing(x);
			else
				c = i == na && more_a ? (y->number ? -1 : 1)
						      : -compare_to_nothing(y);
			if (c != 0)
				return c;
		}
		if (more_a && more_b && na == nb)
			continue;
		return more_a ? list_to_nothing(a, k + 1) : more_b ? -list_to_nothing(b, k + 1) : 0;
	}
}

static enum fault
check_maven(struct bytes t)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.ptr[i] <= ' ' || t.ptr[i] == 0x7f)
			return FAULT_version_invalid;
	return FAULT_none;
}

static enum fault
compare_maven(struct bytes a, struct bytes b, int *order)
{
	struct maven x, y;

	split_maven(a, &x);
	split_maven(b, &y);
	*order = compare_lists(&x, &y);
	return FAULT_none;
}

const struct version_order version_order_maven = {check_maven, compare_maven};

/* --- gem --- */

/* Numbers and words; - stands for ".pre."; zeros before the first word and at the end are
 * nothing. */
enum { SEGMENTS_MAX = 2 * VERSION_TEXT_MAX + 1 };

struct gem {
	struct bytes segment[SEGMENTS_MAX];
	size_t n;
};

static enum fault
check_gem(struct bytes t)
{
	bool dashed = false, empty = true;

	t = bytes_trim(t);
	if (t.len == 0 || !version_is_digit(t.ptr[0]))
		return FAULT_version_invalid;
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = t.ptr[i];

		if (c == '.' || (c == '-' && !dashed)) {
			if (empty)
				return FAULT_version_invalid;
			dashed = dashed || c == '-';
			empty = true;
		} else if (version_is_digit(c) || (i > 0 && version_is_letter(c)) || c == '-') {
			empty = false;
		} else {
			return FAULT_version_invalid;
		}
	}
	/* The first part is a number alone. */
	if (version_digits(t) < t.len && version_is_letter(t.ptr[version_digits(t)]))
		return FAULT_version_invalid;
	return empty ? FAULT_version_invalid : FAULT_none;
}

static bool
is_zero(struct bytes t)
{
	return version_is_digit(t.ptr[0]) && version_trim_zeros(t).len == 0;
}

static void
trim_zero_segments(struct gem *g, size_t from)
{
	while (g->n > from && is_zero(g->segment[g->n - 1]))
		g->n--;
}

static void
add_segment(struct gem *g, struct bytes text, bool *words, size_t *numbers)
{
	if (!version_is_digit(text.ptr[0]) && !*words) {
		*words = true;
		trim_zero_segments(g, 0);
		*numbers = g->n;
	}
	g->segment[g->n++] = text;
}

static void
split_gem(struct bytes t, struct gem *g)
{
	size_t numbers = 0;
	bool words = false;

	g->n = 0;
	for (t = bytes_trim(t); t.len > 0;) {
		size_t n = version_digits(t);

		if (n == 0)
			n = version_letters(t);
		if (n > 0) {
			add_segment(g, version_take(&t, n), &words, &numbers);
			continue;
		}
		if (version_take(&t, 1).ptr[0] == '-')
			add_segment(g, BYTES("pre"), &words, &numbers);
	}
	trim_zero_segments(g, numbers);
}

static enum fault
compare_gem(struct bytes a, struct bytes b, int *order)
{
	const struct bytes zero = BYTES("0");
	struct gem x, y;

	split_gem(a, &x);
	split_gem(b, &y);
	*order = 0;
	for (size_t i = 0; *order == 0 && (i < x.n || i < y.n); i++) {
		struct bytes p = i < x.n ? x.segment[i] : zero, q = i < y.n ? y.segment[i] : zero;
		bool np = version_is_digit(p.ptr[0]), nq = version_is_digit(q.ptr[0]);

		*order = np != nq ? (np ? 1 : -1)
			 : np     ? version_numbers(p, q)
				  : version_sign(bytes_cmp(p, q));
	}
	return FAULT_none;
}

const struct version_order version_order_gem = {check_gem, compare_gem};
