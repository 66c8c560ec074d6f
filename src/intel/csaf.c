/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/csaf.h"

#include <stdlib.h>

static const char *const group_names[] = {
    [CSAF_FIRST_AFFECTED] = "first_affected",
    [CSAF_FIRST_FIXED] = "first_fixed",
    [CSAF_FIXED] = "fixed",
    [CSAF_KNOWN_AFFECTED] = "known_affected",
    [CSAF_KNOWN_NOT_AFFECTED] = "known_not_affected",
    [CSAF_LAST_AFFECTED] = "last_affected",
    [CSAF_RECOMMENDED] = "recommended",
    [CSAF_UNDER_INVESTIGATION] = "under_investigation",
};

struct reading {
	struct arena *arena;
	struct csaf *doc;
	struct why *why;
	const struct csaf_product **order; /* while the index is made */
};

const char *
csaf_group_name(enum csaf_group g)
{
	return group_names[g];
}

static enum err
full(struct reading *r, const char *of)
{
	return FAIL(r->why, ERR_LIMIT, "more %s than are read of one document", of);
}

/* --- the product tree (3.1.2, 3.2.2) --- */

struct branch_level {
	const struct jtree *at; /* the branch whose children are walked next */
	struct bytes vendor, family, name, version, range, service_pack, patch_level, architecture;
};

/* What the category of a branch says about all that is below it. */
static void
read_category(const struct jtree *branch, struct branch_level *l)
{
	struct {
		const char *category;
		struct bytes *field;
	} const fields[] = {{"vendor", &l->vendor}, {"product_family", &l->family},
	    {"product_name", &l->name}, {"product_version", &l->version},
	    {"product_version_range", &l->range}, {"service_pack", &l->service_pack},
	    {"patch_level", &l->patch_level}, {"architecture", &l->architecture}};
	struct bytes category = jtree_text(branch, "category");

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (bytes_eq(category, bytes_str(fields[i].category)))
			*fields[i].field = bytes_trim(jtree_text(branch, "name"));
	}
}

/* Calls one() for each product of the tree with what stands above it. */
static enum err
walk_branches(struct reading *r, const struct jtree *tree,
    enum err (*one)(struct reading *, const struct jtree *product, const struct branch_level *))
{
	struct branch_level level[CSAF_PATH_MAX];
	size_t depth = 0;
	enum err e;

	level[0] = (struct branch_level){.at = jtree_list(tree, "branches")};
	for (;;) {
		const struct jtree *b = level[depth].at, *below, *product;
		struct branch_level here;

		if (b == NULL) {
			if (depth == 0)
				return ERR_OK;
			depth--;
			continue;
		}
		level[depth].at = b->next;
		here = level[depth];
		read_category(b, &here);
		if ((product = jtree_get(b, "product")) != NULL &&
		    (e = one(r, product, &here)) != ERR_OK)
			return e;
		if ((below = jtree_list(b, "branches")) == NULL)
			continue;
		if (depth + 1 == CSAF_PATH_MAX)
			return full(r, "branches above one product");
		here.at = below;
		level[++depth] = here;
	}
}

static enum err
count_product(struct reading *r, const struct jtree *product, const struct branch_level *l)
{
	(void)product;
	(void)l;
	return r->doc->n_products++ < CSAF_PRODUCTS_MAX ? ERR_OK : full(r, "products");
}

static struct csaf_product *
new_product(struct reading *r, const struct jtree *product)
{
	struct csaf_product *p = &r->doc->products[r->doc->n_products++];

	p->id = jtree_text(product, "product_id");
	p->full_name = jtree_text(product, "name");
	p->helper = jtree_get(product, "product_identification_helper");
	p->part = p->whole = CSAF_NONE;
	return p;
}

static enum err
add_branched(struct reading *r, const struct jtree *product, const struct branch_level *l)
{
	struct csaf_product *p = new_product(r, product);

	p->branched = true;
	p->vendor = l->vendor;
	p->family = l->family;
	p->name = l->name;
	p->version = l->version;
	p->range = l->range;
	p->service_pack = l->service_pack;
	p->patch_level = l->patch_level;
	p->architecture = l->architecture;
	return ERR_OK;
}

static int
by_id(const void *a, const void *b, void *ctx)
{
	const struct csaf_product *p = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int c = bytes_cmp(p[x].id, p[y].id);

	return c != 0 ? c : (x > y) - (x < y);
}

int32_t
csaf_product_named(const struct csaf *d, struct bytes id)
{
	size_t from = 0, to = d->n_products;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (bytes_cmp(d->products[d->by_id[mid]].id, id) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from < d->n_products && id.len > 0 && bytes_eq(d->products[d->by_id[from]].id, id)
		   ? (int32_t)d->by_id[from]
		   : CSAF_NONE;
}

/* Each combination is entered once; a walk back into one that is still open is a circle.
 * Combinations refer to others by number, so a walk along them that is longer than their count goes
 * round. */
static enum err
check_circles(struct reading *r, size_t first)
{
	enum { NEW, OPEN, DONE };
	const struct csaf *d = r->doc;
	size_t n = d->n_products - first, depth;
	uint8_t *state = arena_alloc(r->arena, n + 1);
	uint32_t *stack = arena_alloc(r->arena, (n + 1) * sizeof(*stack));

	if (state == NULL || stack == NULL)
		return full(r, "relationships");
	for (size_t i = 0; i < n; i++) {
		if (state[i] != NEW)
			continue;
		depth = 0;
		stack[depth++] = (uint32_t)i;
		while (depth > 0) {
			size_t at = stack[depth - 1];
			const struct csaf_product *p = &d->products[first + at];
			int32_t next[2] = {p->part, p->whole};
			bool deeper = false;

			state[at] = OPEN;
			for (int k = 0; k < 2 && !deeper; k++) {
				size_t to = next[k] < (int32_t)first ? n : (size_t)next[k] - first;

				if (to < n && state[to] == OPEN)
					r->doc->circular = true;
				if (to < n && state[to] == NEW) {
					stack[depth++] = (uint32_t)to;
					deeper = true;
				}
			}
			if (!deeper) {
				state[at] = DONE;
				depth--;
			}
		}
	}
	return ERR_OK;
}

static enum err
make_index(struct reading *r)
{
	struct csaf *d = r->doc;
	uint32_t *order = arena_alloc(r->arena, (d->n_products + 1) * sizeof(*order));

	if (order == NULL)
		return full(r, "products");
	for (size_t i = 0; i < d->n_products; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, d->n_products, sizeof(*order), by_id, d->products);
	d->by_id = order;
	return ERR_OK;
}

static enum err
read_tree(struct reading *r, const struct jtree *tree)
{
	const struct jtree *names = jtree_get(tree, "full_product_names"),
			   *relations = jtree_get(tree, "relationships"), *v;
	struct csaf *d = r->doc;
	size_t first, room;
	enum err e;

	if ((e = walk_branches(r, tree, count_product)) != ERR_OK)
		return e;
	room = d->n_products + (jtree_is(names, JTREE_ARRAY) ? names->n : 0) +
	       (jtree_is(relations, JTREE_ARRAY) ? relations->n : 0);
	if (room > CSAF_PRODUCTS_MAX ||
	    (d->products = arena_alloc(r->arena, (room + 1) * sizeof(*d->products))) == NULL)
		return full(r, "products");
	d->n_products = 0;
	if ((e = walk_branches(r, tree, add_branched)) != ERR_OK)
		return e;
	for (v = jtree_first(names, JTREE_ARRAY); v != NULL; v = v->next)
		(void)new_product(r, v);
	first = d->n_products;
	for (v = jtree_first(relations, JTREE_ARRAY); v != NULL; v = v->next) {
		new_product(r, jtree_get(v, "full_product_name"))->relation =
		    jtree_text(v, "category");
		d->n_combined++;
	}
	if ((e = make_index(r)) != ERR_OK)
		return e;
	v = jtree_first(relations, JTREE_ARRAY);
	for (size_t i = first; v != NULL; v = v->next, i++) {
		d->products[i].part = csaf_product_named(d, jtree_text(v, "product_reference"));
		d->products[i].whole =
		    csaf_product_named(d, jtree_text(v, "relates_to_product_reference"));
		d->undefined += d->products[i].part == CSAF_NONE;
		d->undefined += d->products[i].whole == CSAF_NONE;
	}
	return check_circles(r, first);
}

/* --- lists of products --- */

struct product_list {
	uint32_t *at;
	size_t n, room;
};

static void
add_ids(struct reading *r, const struct jtree *id, struct product_list *out)
{
	for (; id != NULL; id = id->next) {
		int32_t no =
		    jtree_is(id, JTREE_STRING) ? csaf_product_named(r->doc, id->text) : CSAF_NONE;

		if (no == CSAF_NONE)
			r->doc->undefined++;
		else if (out->n < out->room)
			out->at[out->n++] = (uint32_t)no;
	}
}

static const struct jtree *
group_named(const struct csaf *d, const struct jtree *id)
{
	const struct jtree *g = jtree_list(jtree_get(d->root, "product_tree"), "product_groups");

	while (g != NULL &&
	       !(jtree_is(id, JTREE_STRING) && bytes_eq(jtree_text(g, "group_id"), id->text)))
		g = g->next;
	return g;
}

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The products that an object names by ids and, where key_groups is given, by groups; sorted. */
static enum err
read_products(struct reading *r, const struct jtree *object, const char *key,
    const char *key_groups, struct product_list *out)
{
	const struct jtree *ids = jtree_get(object, key),
			   *groups = key_groups == NULL ? NULL : jtree_list(object, key_groups);

	*out = (struct product_list){.room = jtree_is(ids, JTREE_ARRAY) ? ids->n : 0};
	for (const struct jtree *g = groups; g != NULL; g = g->next) {
		const struct jtree *list = jtree_get(group_named(r->doc, g), "product_ids");

		r->doc->undefined += list == NULL;
		out->room += jtree_is(list, JTREE_ARRAY) ? list->n : 0;
		if (out->room > CSAF_PRODUCTS_MAX)
			return full(r, "products in one list");
	}
	if (out->room > 0 &&
	    (out->at = arena_alloc(r->arena, out->room * sizeof(*out->at))) == NULL)
		return full(r, "products in one list");
	add_ids(r, jtree_first(ids, JTREE_ARRAY), out);
	for (const struct jtree *g = groups; g != NULL; g = g->next)
		add_ids(r, jtree_list(group_named(r->doc, g), "product_ids"), out);
	if (key_groups != NULL && out->n > 0)
		qsort(out->at, out->n, sizeof(*out->at), by_number);
	return ERR_OK;
}

bool
csaf_has(const uint32_t *sorted, size_t n, uint32_t product)
{
	return n > 0 && bsearch(&product, sorted, n, sizeof(*sorted), by_number) != NULL;
}

/* --- vulnerabilities (3.2.3) --- */

static enum err
read_score(
    struct reading *r, const struct jtree *score, const struct jtree *cvss, struct csaf_score *s)
{
	struct product_list list;
	struct cvss vector;
	enum err e;
	size_t at;

	if ((e = read_products(r, score, "products", "", &list)) != ERR_OK)
		return e;
	*s = (struct csaf_score){.vector = jtree_text(cvss, "vectorString"),
	    .version = jtree_text(cvss, "version"),
	    .base = -1,
	    .computed = CVSS_NONE,
	    .products = list.at,
	    .n = list.n};
	(void)jtree_double(jtree_get(cvss, "baseScore"), &s->base);
	if (cvss_parse(s->vector, &vector, &at) == FAULT_none) {
		s->computed = cvss_score(&vector).base;
		s->severity = cvss_severity(vector.version, s->computed);
	}
	return ERR_OK;
}

static enum err
read_scores(struct reading *r, const struct jtree *list, struct csaf_vulnerability *v)
{
	static const char *const kinds[] = {"cvss_v2", "cvss_v3"};
	size_t n = jtree_is(list, JTREE_ARRAY) ? list->n : 0;
	enum err e;

	if (n == 0)
		return ERR_OK;
	if ((v->scores = arena_alloc(r->arena, n * ARRAY_LEN(kinds) * sizeof(*v->scores))) == NULL)
		return full(r, "scores");
	for (const struct jtree *s = list->first; s != NULL; s = s->next) {
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			const struct jtree *cvss = jtree_get(s, kinds[k]);

			if (cvss != NULL &&
			    (e = read_score(r, s, cvss, &v->scores[v->n_scores++])) != ERR_OK)
				return e;
		}
	}
	return ERR_OK;
}

static enum err
read_remedies(struct reading *r, const struct jtree *list, struct csaf_vulnerability *v)
{
	size_t n = jtree_is(list, JTREE_ARRAY) ? list->n : 0;
	enum err e;

	if (n == 0)
		return ERR_OK;
	if ((v->remedies = arena_alloc(r->arena, n * sizeof(*v->remedies))) == NULL)
		return full(r, "remediations");
	for (const struct jtree *m = list->first; m != NULL; m = m->next) {
		struct product_list products;

		if ((e = read_products(r, m, "product_ids", "group_ids", &products)) != ERR_OK)
			return e;
		v->remedies[v->n_remedies++] = (struct csaf_remedy){jtree_text(m, "category"),
		    jtree_text(m, "details"), jtree_text(m, "url"), products.at, products.n};
	}
	return ERR_OK;
}

static enum err
read_vulnerability(struct reading *r, const struct jtree *from, struct csaf_vulnerability *v)
{
	const struct jtree *status = jtree_get(from, "product_status");
	enum err e;

	v->id = jtree_text(from, "cve");
	v->cve = v->id.len > 0;
	if (!v->cve)
		v->id = jtree_text(jtree_list(from, "ids"), "text");
	v->title = jtree_text(from, "title");
	for (int g = 0; g < CSAF_GROUP_MAX; g++) {
		struct product_list list;

		if ((e = read_products(r, status, group_names[g], NULL, &list)) != ERR_OK)
			return e;
		v->group[g].products = list.at;
		v->group[g].n = list.n;
	}
	if ((e = read_scores(r, jtree_get(from, "scores"), v)) != ERR_OK)
		return e;
	return read_remedies(r, jtree_get(from, "remediations"), v);
}

static enum err
read_vulnerabilities(struct reading *r, const struct jtree *list)
{
	struct csaf *d = r->doc;
	size_t n = jtree_is(list, JTREE_ARRAY) ? list->n : 0;
	enum err e;

	if (n == 0)
		return ERR_OK;
	if (n > CSAF_VULNERABILITIES_MAX ||
	    (d->vulnerabilities = arena_alloc(r->arena, n * sizeof(*d->vulnerabilities))) == NULL)
		return full(r, "vulnerabilities");
	for (const struct jtree *v = list->first; v != NULL; v = v->next) {
		if ((e = read_vulnerability(r, v, &d->vulnerabilities[d->n_vulnerabilities++])) !=
		    ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* --- the document (3.2.1) --- */

static enum err
read_head(struct reading *r)
{
	const struct jtree *doc = jtree_get(r->doc->root, "document"),
			   *tracking = jtree_get(doc, "tracking");
	struct csaf *d = r->doc;

	if (!bytes_eq(jtree_text(doc, "csaf_version"), BYTES("2.0")))
		return FAIL(
		    r->why, ERR_INPUT, "not a CSAF 2.0 document: no document.csaf_version \"2.0\"");
	d->category = jtree_text(doc, "category");
	d->title = jtree_text(doc, "title");
	d->publisher = jtree_text(jtree_get(doc, "publisher"), "name");
	d->tlp = jtree_text(jtree_get(jtree_get(doc, "distribution"), "tlp"), "label");
	d->id = jtree_text(tracking, "id");
	d->version = jtree_text(tracking, "version");
	d->status = jtree_text(tracking, "status");
	d->released = jtree_text(tracking, "initial_release_date");
	d->revised = jtree_text(tracking, "current_release_date");
	if (d->id.len == 0 || d->version.len == 0 || d->revised.len == 0)
		return FAIL(r->why, ERR_INPUT, "document.tracking lacks its %s",
		    d->id.len == 0        ? "id"
		    : d->version.len == 0 ? "version"
					  : "current_release_date");
	return ERR_OK;
}

enum err
csaf_read(struct arena *a, struct bytes document, struct csaf *out, struct why *why)
{
	struct reading r = {.arena = a, .doc = out, .why = why};
	struct jtree *root;
	enum err e;

	*out = (struct csaf){0};
	if (document.len > CSAF_BYTES_MAX)
		return FAIL(why, ERR_LIMIT, "larger than %d bytes", CSAF_BYTES_MAX);
	if ((e = jtree_parse(a, document, &root, why)) != ERR_OK)
		return e;
	out->root = root;
	if ((e = read_head(&r)) != ERR_OK ||
	    (e = read_tree(&r, jtree_get(root, "product_tree"))) != ERR_OK)
		return e;
	return read_vulnerabilities(&r, jtree_get(root, "vulnerabilities"));
}

bool
csaf_file_name(struct bytes id, char out[CSAF_FILE_NAME_MAX + 1])
{
	static const char ending[] = ".json";
	size_t n = 0;
	bool some = false;

	for (size_t i = 0; i < id.len; i++) {
		uint8_t c = id.ptr[i];
		bool keep;

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		keep = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-';
		some |= keep;
		if (!keep && n > 0 && out[n - 1] == '_')
			continue;
		if (n + sizeof(ending) > CSAF_FILE_NAME_MAX)
			return false;
		out[n++] = keep ? (char)c : '_';
	}
	memcpy(out + n, ending, sizeof(ending));
	return some;
}
