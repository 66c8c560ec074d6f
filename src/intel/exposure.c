/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/exposure.h"

#include <stdlib.h>

static const char *const status_names[] = {
    [EXPOSURE_NONE] = "none",
    [EXPOSURE_UNKNOWN] = "unknown",
    [EXPOSURE_NOT_AFFECTED] = "not_affected",
    [EXPOSURE_FIXED] = "fixed",
    [EXPOSURE_UNDER_INVESTIGATION] = "under_investigation",
    [EXPOSURE_NEEDS_REVIEW] = "needs_review",
    [EXPOSURE_AFFECTED] = "affected",
};

const char *
exposure_status_name(enum exposure_status s)
{
	return status_names[s];
}

/* --- one product --- */

/* The verdict over a version and a range that both stand on the path: in only where both say so. */
static struct version_reading
read_versions(const struct csaf_product *p, const struct exposure_query *q, struct bytes *range)
{
	struct version_reading a, b;

	*range = p->range.len > 0 ? p->range : p->version;
	a = version_read(*range, q->version);
	if (p->range.len == 0 || p->version.len == 0)
		return a;
	b = version_read(p->version, q->version);
	if (a.verdict == READ_OUT || b.verdict == READ_OUT)
		return a.verdict == READ_OUT ? a : b;
	return a.verdict == READ_DOUBT ? a : b;
}

static struct exposure_match
match_single(const struct csaf *doc, uint32_t no, const struct exposure_query *q)
{
	const struct csaf_product *p = &doc->products[no];
	struct name_listed listed = {p->vendor, p->family, p->name, {NULL, 0}};
	struct exposure_match m = {.product = no};

	if (listed.product.len == 0) {
		listed.product = p->family;
		listed.family = (struct bytes){NULL, 0};
	}
	listed.text = p->branched ? (p->version.len > 0 ? p->version : p->range) : p->full_name;
	m.names = name_read(&q->names, &listed);
	/* A full name alone is free text: the maker's name stands somewhere in it. */
	if (!p->branched && m.names.likeness == NAME_OTHER) {
		listed.vendor = q->names.vendor;
		listed.product = p->full_name;
		m.names = name_read(&q->names, &listed);
		if (m.names.likeness != NAME_OTHER)
			m.names = (struct name_reading){
			    NAME_LIKE, "a product that is named in free text only"};
	}
	if (m.names.likeness == NAME_OTHER)
		return m;
	m.version = read_versions(p, q, &m.range);
	m.named = m.names.likeness == NAME_SAME;
	/* What bounds the version further is not known of the device. */
	if (m.version.verdict == READ_IN && (p->service_pack.len > 0 || p->patch_level.len > 0))
		m.version = (struct version_reading){READ_DOUBT, FAULT_none,
		    "only with a service pack or patch level that is named"};
	m.sure = m.named && m.version.verdict == READ_IN;
	return m;
}

/* singles: the matches of all products that are no combination; combinations refer to earlier ones
 * or to each other (csaf_read() refuses circles), so a few rounds settle them. */
static struct exposure_match
match_combined(const struct csaf *doc, uint32_t no, const struct exposure_match *all)
{
	const struct csaf_product *p = &doc->products[no];
	const struct exposure_match *part = p->part == CSAF_NONE ? NULL : &all[p->part];
	const struct exposure_match *whole = p->whole == CSAF_NONE ? NULL : &all[p->whole];
	bool a = part != NULL && part->names.likeness != NAME_OTHER,
	     b = whole != NULL && whole->names.likeness != NAME_OTHER;
	struct exposure_match m = {.product = no};

	if (!a && !b)
		return m;
	m = a ? *part : *whole;
	m.product = no;
	if (a && b) {
		if (whole->version.verdict == READ_OUT ||
		    (whole->version.verdict == READ_DOUBT && part->version.verdict == READ_IN)) {
			m.version = whole->version;
			m.range = whole->range;
		}
		m.sure = part->sure && whole->sure;
		m.named = part->named && whole->named;
		return m;
	}
	m.half = true;
	m.sure = false;
	return m;
}

static bool
speaks(const struct exposure_match *m)
{
	return m->names.likeness != NAME_OTHER && m->version.verdict != READ_OUT;
}

/* --- statuses --- */

static enum exposure_status
group_status(int g)
{
	switch (g) {
	case CSAF_FIRST_AFFECTED:
	case CSAF_KNOWN_AFFECTED:
	case CSAF_LAST_AFFECTED:
		return EXPOSURE_AFFECTED;
	case CSAF_FIRST_FIXED:
	case CSAF_FIXED:
		return EXPOSURE_FIXED;
	case CSAF_KNOWN_NOT_AFFECTED:
		return EXPOSURE_NOT_AFFECTED;
	case CSAF_UNDER_INVESTIGATION:
		return EXPOSURE_UNDER_INVESTIGATION;
	default:
		return EXPOSURE_NONE;
	}
}

/* What a doubtful match makes of a status: one that asks for nothing says nothing then. */
static enum exposure_status
doubted(enum exposure_status s)
{
	return s == EXPOSURE_AFFECTED || s == EXPOSURE_UNDER_INVESTIGATION ? EXPOSURE_NEEDS_REVIEW
									   : EXPOSURE_NONE;
}

/* gave[p]: the status that product p has led to in any vulnerability. */
static enum exposure_status
judge(const struct csaf_vulnerability *v, const struct exposure_match *all, uint8_t *gave)
{
	bool said[EXPOSURE_STATUS_MAX] = {false};
	enum exposure_status worst = EXPOSURE_NONE;

	for (int g = 0; g < CSAF_GROUP_MAX; g++) {
		enum exposure_status stated = group_status(g);

		for (size_t i = 0; stated != EXPOSURE_NONE && i < v->group[g].n; i++) {
			const struct exposure_match *m = &all[v->group[g].products[i]];
			enum exposure_status s;

			if (!speaks(m))
				continue;
			s = m->sure ? stated : doubted(stated);
			said[s] = true;
			if (s > worst)
				worst = s;
			if (s > gave[m->product])
				gave[m->product] = (uint8_t)s;
		}
	}
	if (worst == EXPOSURE_AFFECTED && (said[EXPOSURE_FIXED] || said[EXPOSURE_NOT_AFFECTED]))
		return EXPOSURE_NEEDS_REVIEW;
	return worst;
}

static enum err
full(struct why *why)
{
	return FAIL(why, ERR_LIMIT, "more products than can be held against one device");
}

static enum err
match_all(struct arena *a, const struct csaf *doc, const struct exposure_query *q,
    struct exposure *out, struct exposure_match **all, struct why *why)
{
	size_t first = doc->n_products - doc->n_combined;
	struct exposure_match *m = arena_alloc(a, (doc->n_products + 1) * sizeof(*m));
	size_t n = 0;
	bool changed = doc->n_combined > 0;

	if (m == NULL)
		return full(why);
	for (size_t i = 0; i < first; i++)
		m[i] = match_single(doc, (uint32_t)i, q);
	for (size_t i = first; i < doc->n_products; i++)
		m[i].product = (uint32_t)i;
	for (int round = 0; changed && round < CSAF_PATH_MAX; round++) {
		changed = false;
		for (size_t i = first; i < doc->n_products; i++) {
			struct exposure_match now = match_combined(doc, (uint32_t)i, m);

			changed |= now.names.likeness != m[i].names.likeness ||
				   now.sure != m[i].sure || now.half != m[i].half;
			m[i] = now;
		}
	}
	for (size_t i = 0; i < doc->n_products; i++) {
		n += speaks(&m[i]);
		out->outside +=
		    m[i].names.likeness == NAME_SAME && m[i].version.verdict == READ_OUT;
	}
	if (n > 0 && (out->matches = arena_alloc(a, n * sizeof(*out->matches))) == NULL)
		return full(why);
	for (size_t i = 0; i < doc->n_products; i++) {
		if (speaks(&m[i]))
			out->matches[out->n_matches++] = m[i];
	}
	*all = m;
	return ERR_OK;
}

enum err
exposure_check(struct arena *a, const struct csaf *doc, const struct exposure_query *q,
    struct exposure *out, struct why *why)
{
	struct exposure_match *all = NULL;
	uint8_t *gave;
	bool sure = false;
	enum err e;

	*out = (struct exposure){0};
	if ((e = match_all(a, doc, q, out, &all, why)) != ERR_OK || out->n_matches == 0)
		return e;
	gave = arena_alloc(a, doc->n_products);
	out->vulnerabilities =
	    arena_alloc(a, (doc->n_vulnerabilities + 1) * sizeof(*out->vulnerabilities));
	out->products = arena_alloc(a, out->n_matches * sizeof(*out->products));
	if (gave == NULL || out->vulnerabilities == NULL || out->products == NULL)
		return full(why);
	for (size_t i = 0; i < doc->n_vulnerabilities; i++) {
		enum exposure_status s = judge(&doc->vulnerabilities[i], all, gave);

		if (s == EXPOSURE_NONE)
			continue;
		out->vulnerabilities[out->n_vulnerabilities++] =
		    (struct exposure_vulnerability){&doc->vulnerabilities[i], s};
		if (s > out->status)
			out->status = s;
	}
	for (size_t i = 0; i < out->n_matches; i++)
		sure |= out->matches[i].sure;
	/* The device is named, and no vulnerability says anything of it. */
	if (out->status == EXPOSURE_NONE && sure)
		out->status = EXPOSURE_UNKNOWN;
	for (size_t i = 0; i < out->n_matches; i++) {
		const struct exposure_match *m = &out->matches[i];
		bool counts = out->status == EXPOSURE_UNKNOWN ? m->sure
			      : out->status == EXPOSURE_NEEDS_REVIEW
				  ? gave[m->product] >= EXPOSURE_NEEDS_REVIEW
				  : gave[m->product] == out->status;

		if (counts)
			out->products[out->n_products++] = m->product;
	}
	return ERR_OK;
}

/* --- for people and programs --- */

static bool
is_counted(const struct exposure *e, uint32_t product)
{
	return csaf_has(e->products, e->n_products, product);
}

static bool
is_scored(const struct exposure *e, const struct csaf_score *s)
{
	for (size_t i = 0; i < e->n_products; i++) {
		if (csaf_has(s->products, s->n, e->products[i]))
			return true;
	}
	return false;
}

static void
json_scores(const struct exposure *e, const struct csaf_vulnerability *v, struct json *j)
{
	json_key(j, "scores");
	json_array(j);
	for (size_t i = 0; i < v->n_scores; i++) {
		const struct csaf_score *s = &v->scores[i];

		if (!is_scored(e, s))
			continue;
		json_object(j);
		json_kbytes(j, "version", s->version);
		json_kbytes(j, "vector", s->vector);
		json_key(j, "base");
		if (s->computed != CVSS_NONE)
			json_double(j, s->computed / 10.0, 1);
		else if (s->base >= 0)
			json_double(j, s->base, 1);
		else
			json_null(j);
		if (s->computed != CVSS_NONE)
			json_kstr(j, "severity", cvss_severity_name(s->severity));
		/* The document gives another number than its vector does. */
		if (s->computed != CVSS_NONE && s->base >= 0 &&
		    (int)(s->base * 10 + 0.5) != s->computed) {
			json_key(j, "stated");
			json_double(j, s->base, 1);
		}
		json_object_end(j);
	}
	json_array_end(j);
}

static void
json_remedies(const struct exposure *e, const struct csaf_vulnerability *v, struct json *j)
{
	bool some = false;

	for (size_t i = 0; i < v->n_remedies; i++) {
		const struct csaf_remedy *m = &v->remedies[i];
		bool ours = false;

		for (size_t k = 0; !ours && k < e->n_products; k++)
			ours = csaf_has(m->products, m->n, e->products[k]);
		if (!ours)
			continue;
		if (!some) {
			json_key(j, "remediations");
			json_array(j);
		}
		some = true;
		json_object(j);
		json_kbytes(j, "category", m->category);
		json_kbytes(j, "details", m->details);
		json_kbytes_some(j, "url", m->url);
		json_object_end(j);
	}
	if (some)
		json_array_end(j);
}

static void
json_vulnerabilities(const struct exposure *e, struct json *j)
{
	json_key(j, "cves");
	json_array(j);
	for (size_t i = 0; i < e->n_vulnerabilities; i++) {
		const struct exposure_vulnerability *x = &e->vulnerabilities[i];

		json_object(j);
		json_kbytes(j, "id", x->vulnerability->id);
		if (x->vulnerability->cve)
			json_kbytes(j, "cve", x->vulnerability->id);
		json_kstr(j, "status", exposure_status_name(x->status));
		json_scores(e, x->vulnerability, j);
		json_remedies(e, x->vulnerability, j);
		json_object_end(j);
	}
	json_array_end(j);
}

static void
json_reading(const struct csaf *doc, const struct exposure_match *m, struct json *j)
{
	const struct csaf_product *p = &doc->products[m->product];

	json_object(j);
	json_kbytes(j, "product_id", p->id);
	json_kbytes(j, "vendor", p->vendor);
	json_kbytes(j, "product", p->name.len > 0 ? p->name : p->full_name);
	json_kbytes(j, "range", m->range);
	json_kbool(j, "sure", m->sure);
	json_kstr(j, "names", m->names.how);
	json_kstr(j, "version", m->version.how);
	if (m->version.fault != FAULT_none)
		json_kstr(j, "doubt", fault_text(m->version.fault));
	if (m->half)
		json_kstr(j, "combination", "holds only together with another product");
	json_object_end(j);
}

/* The first of the readings that gave the status, as one sentence. */
static void
json_why(const struct csaf *doc, const struct exposure_query *q, const struct exposure *e,
    struct json *j)
{
	struct buf text = {.cap = 4096};

	for (size_t i = 0; i < e->n_matches && text.len == 0; i++) {
		const struct exposure_match *m = &e->matches[i];
		const struct csaf_product *p = &doc->products[m->product];
		struct bytes name = p->name.len > 0 ? p->name : p->full_name;

		if (!is_counted(e, m->product))
			continue;
		buf_byte(&text, '"');
		buf_add(&text, bytes_sub(m->range, 0, 512));
		buf_text(&text, "\" of ");
		buf_add(&text, bytes_sub(name, 0, 512));
		buf_text(&text, ": ");
		buf_add(&text, q->version.len > 0 ? bytes_sub(q->version, 0, 512)
						  : BYTES("a version that is not known"));
		buf_printf(&text, " is %s%s%s; %s%s", m->version.how,
		    m->version.fault != FAULT_none ? ": " : "",
		    m->version.fault != FAULT_none ? fault_text(m->version.fault) : "",
		    m->names.how, m->half ? "; holds only together with another product" : "");
	}
	json_kbytes(j, "why", buf_bytes(&text));
	buf_free(&text);
}

void
exposure_json(const struct csaf *doc, const struct exposure_query *q, const struct exposure *e,
    struct json *j)
{
	json_kbytes(j, "advisory", doc->id);
	json_kbytes(j, "title", doc->title);
	json_kstr(j, "status", exposure_status_name(e->status));
	json_key(j, "product_ids");
	json_array(j);
	for (size_t i = 0; i < e->n_products; i++)
		json_bytes(j, doc->products[e->products[i]].id);
	json_array_end(j);
	json_vulnerabilities(e, j);
	json_why(doc, q, e, j);
	json_key(j, "readings");
	json_array(j);
	for (size_t i = 0; i < e->n_matches; i++) {
		if (is_counted(e, e->matches[i].product))
			json_reading(doc, &e->matches[i], j);
	}
	json_array_end(j);
	json_kbytes(j, "revised", doc->revised);
	json_kbytes(j, "revision", doc->version);
	json_kbytes_some(j, "tlp", doc->tlp);
	json_kbytes_some(j, "publisher", doc->publisher);
}
