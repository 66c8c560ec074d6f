/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/csaf_check.h"

#include <stdlib.h>

#include "base/clock.h"
#include "intel/purl.h"

static const struct {
	const char *number, *text;
	bool done;
} tests[] = {
#define CSAF_TEST(id, number, done, text) [CSAF_TEST_##id] = {number, text, done},
#include "intel/csaf_tests.def"
#undef CSAF_TEST
};

const char *
csaf_test_number(enum csaf_test t)
{
	return tests[t].number;
}

const char *
csaf_test_text(enum csaf_test t)
{
	return tests[t].text;
}

bool
csaf_test_done(enum csaf_test t)
{
	return tests[t].done;
}

enum profile {
	PROFILE_OTHER,
	PROFILE_INCIDENT,
	PROFILE_INFORMATIONAL,
	PROFILE_ADVISORY,
	PROFILE_VEX
};

/* A revision number: an integer, or semantic. */
struct number {
	struct bytes text; /* without a build part */
	uint64_t part[3];
	bool semver, pre, good;
};

struct revision {
	struct wall date;
	struct number number;
	size_t at;
};

struct checking {
	const struct csaf *doc;
	struct csaf_faults *out;
	struct arena *arena;
	const struct jtree *document, *tracking, *tree, *groups;
	enum profile profile;
	uint8_t *mark;   /* a byte a product, for one test at a time */
	uint8_t *second; /* another */
};

static void
fault_at(struct checking *c, enum csaf_test t, const struct jtree *v)
{
	if (!c->out->failed[t]) {
		c->out->failed[t] = true;
		c->out->at[t] = v == NULL ? 0 : v->at;
		c->out->n_tests++;
	}
}

static bool
is(const struct jtree *object, const char *key, const char *value)
{
	return bytes_eq(jtree_text(object, key), bytes_str(value));
}

static bool
one_of(struct bytes t, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes_eq(t, bytes_str(list[i])))
			return true;
	}
	return false;
}

/* --- identifiers of products and groups: 6.1.1 to 6.1.5 --- */

static const struct jtree *
group_named(const struct checking *c, struct bytes id)
{
	const struct jtree *g = jtree_first(c->groups, JTREE_ARRAY);

	while (g != NULL && !bytes_eq(jtree_text(g, "group_id"), id))
		g = g->next;
	return g;
}

static void
check_id(struct checking *c, const struct jtree *id)
{
	if (jtree_is(id, JTREE_STRING) && csaf_product_named(c->doc, id->text) == CSAF_NONE)
		fault_at(c, CSAF_TEST_undefined_product, id);
}

static void
check_ids(struct checking *c, const struct jtree *list)
{
	for (const struct jtree *id = jtree_first(list, JTREE_ARRAY); id != NULL; id = id->next)
		check_id(c, id);
}

static void
check_group_ids(struct checking *c, const struct jtree *list)
{
	for (const struct jtree *id = jtree_first(list, JTREE_ARRAY); id != NULL; id = id->next) {
		if (group_named(c, id->text) == NULL)
			fault_at(c, CSAF_TEST_undefined_group, id);
	}
}

static void
check_tree(struct checking *c)
{
	const struct csaf *d = c->doc;

	for (size_t i = 1; i < d->n_products; i++) {
		struct bytes id = d->products[d->by_id[i]].id;

		if (bytes_eq(id, d->products[d->by_id[i - 1]].id))
			fault_at(c, CSAF_TEST_product_twice, c->tree);
	}
	if (d->circular)
		fault_at(c, CSAF_TEST_circular, c->tree);
	for (const struct jtree *r = jtree_list(c->tree, "relationships"); r != NULL; r = r->next) {
		check_id(c, jtree_get(r, "product_reference"));
		check_id(c, jtree_get(r, "relates_to_product_reference"));
	}
	for (const struct jtree *g = jtree_first(c->groups, JTREE_ARRAY); g != NULL; g = g->next) {
		check_ids(c, jtree_get(g, "product_ids"));
		for (const struct jtree *h = g->next; h != NULL; h = h->next) {
			if (bytes_eq(jtree_text(g, "group_id"), jtree_text(h, "group_id")))
				fault_at(c, CSAF_TEST_group_twice, h);
		}
	}
}

/* 6.1.13, 6.1.25 and 6.1.31 of each product. */
static void
check_helper(struct checking *c, const struct jtree *helper)
{
	const struct jtree *purl = jtree_get(helper, "purl");

	if (jtree_is(purl, JTREE_STRING)) {
		struct purl p;
		size_t at;

		if (purl_parse(c->arena, purl->text, &p, &at) != FAULT_none)
			fault_at(c, CSAF_TEST_purl, purl);
	}
	for (const struct jtree *f = jtree_list(helper, "hashes"); f != NULL; f = f->next) {
		for (const struct jtree *a = jtree_list(f, "file_hashes"); a != NULL; a = a->next) {
			for (const struct jtree *b = a->next; b != NULL; b = b->next) {
				if (bytes_eq(
					jtree_text(a, "algorithm"), jtree_text(b, "algorithm")))
					fault_at(c, CSAF_TEST_hash_twice, b);
			}
		}
	}
}

static bool
has_range_words(struct bytes t)
{
	static const char *const words[] = {
	    "after", "all", "before", "earlier", "later", "prior", "versions"};

	if (bytes_find(t, '<') < t.len || bytes_find(t, '>') < t.len)
		return true;
	while (t.len > 0) {
		struct bytes w = bytes_split(t, ' ', &t);

		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			if (bytes_eq_nocase(w, bytes_str(words[i])))
				return true;
		}
	}
	return false;
}

static void
check_products(struct checking *c)
{
	for (size_t i = 0; i < c->doc->n_products; i++) {
		check_helper(c, c->doc->products[i].helper);
		if (has_range_words(c->doc->products[i].version))
			fault_at(c, CSAF_TEST_version_range, c->tree);
	}
}

/* --- revisions: 6.1.14, 6.1.16 to 6.1.22, 6.1.30 --- */

static struct number
read_number(struct bytes t)
{
	struct number n = {.text = bytes_split(t, '+', &t)};
	struct bytes rest = n.text, core;

	if (bytes_to_u64(rest, &n.part[0])) {
		n.good = true;
		return n;
	}
	n.semver = true;
	n.pre = bytes_find(rest, '-') < rest.len;
	core = bytes_split(rest, '-', &rest);
	n.good = true;
	for (int i = 0; i < 3; i++)
		n.good &= bytes_to_u64(bytes_split(core, '.', &core), &n.part[i]);
	return n;
}

static int
compare_numbers(const struct number *a, const struct number *b)
{
	for (int i = 0; i < 3; i++) {
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	}
	if (a->pre != b->pre)
		return a->pre ? -1 : 1;
	return a->pre ? bytes_cmp(a->text, b->text) : 0;
}

static int
by_date(const void *x, const void *y)
{
	const struct revision *a = x, *b = y;

	if (a->date.ns != b->date.ns)
		return a->date.ns < b->date.ns ? -1 : 1;
	return compare_numbers(&a->number, &b->number);
}

/* The versions are one; drafts may leave their pre-release part out. */
static bool
same_version(const struct number *a, const struct number *b, bool draft)
{
	for (int i = 0; i < 3; i++) {
		if (a->part[i] != b->part[i])
			return false;
	}
	return draft || (a->pre == b->pre && (!a->pre || bytes_eq(a->text, b->text)));
}

static void
check_sorted(struct checking *c, const struct revision *r, size_t n, const struct number *version,
    bool released)
{
	const struct jtree *history = jtree_get(c->tracking, "revision_history");
	bool draft = is(c->tracking, "status", "draft");

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && compare_numbers(&r[i - 1].number, &r[i].number) > 0)
			fault_at(c, CSAF_TEST_history_order, history);
		if (i > 0 && r[i].number.part[0] > r[i - 1].number.part[0] + 1)
			fault_at(c, CSAF_TEST_history_gap, history);
		if (r[i].number.pre)
			fault_at(c, CSAF_TEST_history_prerelease, history);
		if (released && r[i].number.part[0] == 0)
			fault_at(c, CSAF_TEST_released_zero, history);
		if (r[i].number.semver != version->semver)
			fault_at(c, CSAF_TEST_mixed_versions, history);
		for (size_t k = 0; k < i; k++) {
			if (bytes_eq(r[k].number.text, r[i].number.text))
				fault_at(c, CSAF_TEST_revision_twice, history);
		}
	}
	if (n > 0 && r[0].number.part[0] > 1)
		fault_at(c, CSAF_TEST_history_gap, history);
	if (n > 0 && !same_version(&r[n - 1].number, version, draft))
		fault_at(c, CSAF_TEST_latest_version, jtree_get(c->tracking, "version"));
}

static enum err
check_revisions(struct checking *c, struct why *why)
{
	const struct jtree *history = jtree_get(c->tracking, "revision_history"),
			   *v = jtree_get(c->tracking, "version");
	struct number version = read_number(c->doc->version);
	bool released = is(c->tracking, "status", "final") || is(c->tracking, "status", "interim");
	size_t n = jtree_is(history, JTREE_ARRAY) ? history->n : 0, k = 0;
	struct revision *r;

	if ((version.part[0] == 0 || version.pre) && !is(c->tracking, "status", "draft"))
		fault_at(c, CSAF_TEST_draft_status, v);
	if (released && version.pre)
		fault_at(c, CSAF_TEST_released_prerelease, v);
	if (n == 0 || n > CSAF_CHECK_LIST_MAX)
		return ERR_OK;
	if ((r = arena_alloc(c->arena, n * sizeof(*r))) == NULL)
		return FAIL(why, ERR_LIMIT, "more revisions than are held");
	for (const struct jtree *h = history->first; h != NULL; h = h->next, k++) {
		r[k].number = read_number(jtree_text(h, "number"));
		(void)wall_parse(jtree_text(h, "date"), &r[k].date);
	}
	qsort(r, n, sizeof(*r), by_date);
	check_sorted(c, r, n, &version, released);
	return ERR_OK;
}

/* --- CVSS: 6.1.7 to 6.1.10 --- */

/* The short form of a property's value: the first letters of its words ("PROOF_OF_CONCEPT": POC),
 * or in version 3 of the first alone; X and ND for what is not defined. */
static bool
is_value(struct bytes word, const char *value, bool v2)
{
	char initials[8];
	size_t n = 0;

	if (bytes_eq(word, BYTES("NOT_DEFINED")))
		return bytes_eq(bytes_str(value), v2 ? BYTES("ND") : BYTES("X"));
	if (v2 && bytes_eq(word, BYTES("UNCONFIRMED")))
		return strcmp(value, "UC") == 0;
	if (v2 && bytes_eq(word, BYTES("UNCORROBORATED")))
		return strcmp(value, "UR") == 0;
	for (size_t i = 0; i < word.len && n < sizeof(initials); i++) {
		if (i == 0 || (v2 && word.ptr[i - 1] == '_'))
			initials[n++] = (char)word.ptr[i];
	}
	if (v2 && bytes_eq(word, BYTES("ADJACENT_NETWORK")))
		n = 1;
	return bytes_eq(bytes_of(initials, n), bytes_str(value));
}

static void
check_properties(struct checking *c, const struct jtree *cvss, const struct cvss *vector)
{
	static const struct {
		const char *property, *metric, *metric2;
	} properties[] = {{"attackVector", "AV", NULL}, {"attackComplexity", "AC", NULL},
	    {"privilegesRequired", "PR", NULL}, {"userInteraction", "UI", NULL},
	    {"scope", "S", NULL}, {"confidentialityImpact", "C", "C"},
	    {"integrityImpact", "I", "I"}, {"availabilityImpact", "A", "A"},
	    {"exploitCodeMaturity", "E", NULL}, {"remediationLevel", "RL", "RL"},
	    {"reportConfidence", "RC", "RC"}, {"confidentialityRequirement", "CR", "CR"},
	    {"integrityRequirement", "IR", "IR"}, {"availabilityRequirement", "AR", "AR"},
	    {"modifiedAttackVector", "MAV", NULL}, {"modifiedAttackComplexity", "MAC", NULL},
	    {"modifiedPrivilegesRequired", "MPR", NULL}, {"modifiedUserInteraction", "MUI", NULL},
	    {"modifiedScope", "MS", NULL}, {"modifiedConfidentialityImpact", "MC", NULL},
	    {"modifiedIntegrityImpact", "MI", NULL}, {"modifiedAvailabilityImpact", "MA", NULL},
	    {"accessVector", NULL, "AV"}, {"accessComplexity", NULL, "AC"},
	    {"authentication", NULL, "Au"}, {"exploitability", NULL, "E"},
	    {"collateralDamagePotential", NULL, "CDP"}, {"targetDistribution", NULL, "TD"}};
	bool v2 = vector->version == CVSS_2_0;

	for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
		const char *metric = v2 ? properties[i].metric2 : properties[i].metric;
		const struct jtree *p = jtree_get(cvss, properties[i].property);
		const char *value = metric == NULL || p == NULL ? NULL : cvss_value(vector, metric);

		if (value != NULL && jtree_is(p, JTREE_STRING) && !is_value(p->text, value, v2))
			fault_at(c, CSAF_TEST_cvss_inconsistent, p);
	}
}

static bool
is_tenths(const struct jtree *v, int tenths)
{
	double d;

	return tenths == CVSS_NONE || v == NULL ||
	       (jtree_double(v, &d) && d >= 0 && d <= 10 && (int)(d * 10 + 0.5) == tenths);
}

static bool
is_severity(const struct jtree *v, enum cvss_version version, int score)
{
	return v == NULL || score == CVSS_NONE ||
	       (jtree_is(v, JTREE_STRING) &&
		   bytes_eq_nocase(
		       v->text, bytes_str(cvss_severity_name(cvss_severity(version, score)))));
}

static void
check_cvss(struct checking *c, const struct jtree *cvss, bool v2)
{
	const struct jtree *base = jtree_get(cvss, "baseScore"),
			   *severity = jtree_get(cvss, "baseSeverity");
	static const char *const severities[] = {"NONE", "LOW", "MEDIUM", "HIGH", "CRITICAL"};
	struct bytes version = jtree_text(cvss, "version");
	struct cvss_scores s;
	struct cvss vector;
	double score = -1;
	bool valid =
	    cvss_parse(jtree_text(cvss, "vectorString"), &vector, &(size_t){0}) == FAULT_none &&
	    bytes_eq(version, bytes_str(cvss_version_name(vector.version))) &&
	    (vector.version == CVSS_2_0) == v2 && vector.version != CVSS_4_0 &&
	    jtree_double(base, &score) && score >= 0 && score <= 10;

	if (!v2)
		valid = valid &&
			one_of(jtree_text(cvss, "baseSeverity"), severities, ARRAY_LEN(severities));
	if (!valid) {
		fault_at(c, CSAF_TEST_cvss_invalid, cvss);
		return;
	}
	s = cvss_score(&vector);
	if (!is_tenths(base, s.base) || !is_tenths(jtree_get(cvss, "temporalScore"), s.temporal) ||
	    !is_tenths(jtree_get(cvss, "environmentalScore"), s.environmental) ||
	    (!v2 &&
		(!is_severity(severity, vector.version, s.base) ||
		    !is_severity(jtree_get(cvss, "temporalSeverity"), vector.version, s.temporal) ||
		    !is_severity(jtree_get(cvss, "environmentalSeverity"), vector.version,
			s.environmental))))
		fault_at(c, CSAF_TEST_cvss_computed, cvss);
	check_properties(c, cvss, &vector);
}

/* --- lists of products --- */

/* Add `how` to the marks of all products that an object names; FAULT where a bit is there already.
 */
static bool
mark_one(struct checking *c, const struct jtree *id, uint8_t *marks, uint8_t how)
{
	int32_t p = jtree_is(id, JTREE_STRING) ? csaf_product_named(c->doc, id->text) : CSAF_NONE;
	bool twice = p != CSAF_NONE && (marks[p] & how) != 0;

	if (p != CSAF_NONE)
		marks[p] |= how;
	return twice;
}

static bool
mark_products(
    struct checking *c, const struct jtree *object, const char *key, uint8_t *marks, uint8_t how)
{
	bool twice = false;

	for (const struct jtree *id = jtree_list(object, key); id != NULL; id = id->next)
		twice |= mark_one(c, id, marks, how);
	for (const struct jtree *g = jtree_list(object, "group_ids"); g != NULL; g = g->next) {
		for (const struct jtree *id = jtree_list(group_named(c, g->text), "product_ids");
		     id != NULL; id = id->next)
			twice |= mark_one(c, id, marks, how);
	}
	return twice;
}

static bool
names_products(const struct jtree *v)
{
	return jtree_list(v, "product_ids") != NULL || jtree_list(v, "group_ids") != NULL;
}

/* --- one vulnerability --- */

static void
check_scores(struct checking *c, const struct jtree *vulnerability)
{
	memset(c->mark, 0, c->doc->n_products);
	for (const struct jtree *s = jtree_list(vulnerability, "scores"); s != NULL; s = s->next) {
		const struct jtree *v2 = jtree_get(s, "cvss_v2"), *v3 = jtree_get(s, "cvss_v3");

		check_ids(c, jtree_get(s, "products"));
		if (v2 != NULL)
			check_cvss(c, v2, true);
		if (v3 != NULL)
			check_cvss(c, v3, false);
		if ((v2 != NULL && mark_products(c, s, "products", c->mark, 1)) ||
		    (v3 != NULL &&
			mark_products(c, s, "products", c->mark, is(v3, "version", "3.0") ? 2 : 4)))
			fault_at(c, CSAF_TEST_scores_twice, s);
	}
}

/* 6.1.1 and 6.1.6. */
static void
check_status(struct checking *c, const struct jtree *vulnerability)
{
	static const struct {
		const char *group;
		uint8_t bit;
	} groups[] = {{"first_affected", 1}, {"known_affected", 1}, {"last_affected", 1},
	    {"known_not_affected", 2}, {"first_fixed", 4}, {"fixed", 4}, {"under_investigation", 8},
	    {"recommended", 0}};
	const struct jtree *status = jtree_get(vulnerability, "product_status");

	memset(c->mark, 0, c->doc->n_products);
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		check_ids(c, jtree_get(status, groups[i].group));
		(void)mark_products(c, status, groups[i].group, c->mark, groups[i].bit);
	}
	for (size_t i = 0; i < c->doc->n_products; i++) {
		if ((c->mark[i] & (c->mark[i] - 1)) != 0)
			fault_at(c, CSAF_TEST_status_contradiction, status);
	}
}

static void
check_lists(struct checking *c, const struct jtree *vulnerability)
{
	static const char *const lists[] = {"remediations", "threats", "flags"};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		for (const struct jtree *v = jtree_list(vulnerability, lists[i]); v != NULL;
		     v = v->next) {
			check_ids(c, jtree_get(v, "product_ids"));
			check_group_ids(c, jtree_get(v, "group_ids"));
			if (i == 0 && !names_products(v))
				fault_at(c, CSAF_TEST_remediation_products, v);
			if (i == 2 && !names_products(v))
				fault_at(c, CSAF_TEST_flag_products, v);
		}
	}
	for (const struct jtree *a = jtree_list(vulnerability, "involvements"); a != NULL;
	     a = a->next) {
		for (const struct jtree *b = a->next; b != NULL; b = b->next) {
			if (bytes_eq(jtree_text(a, "party"), jtree_text(b, "party")) &&
			    bytes_eq(jtree_text(a, "date"), jtree_text(b, "date")))
				fault_at(c, CSAF_TEST_involvement_twice, b);
		}
	}
}

/* 6.1.33: a product twice within one flag counts once. */
static void
check_flags(struct checking *c, const struct jtree *vulnerability)
{
	memset(c->mark, 0, c->doc->n_products);
	for (const struct jtree *f = jtree_list(vulnerability, "flags"); f != NULL; f = f->next) {
		memset(c->second, 0, c->doc->n_products);
		(void)mark_products(c, f, "product_ids", c->second, 1);
		for (size_t i = 0; i < c->doc->n_products; i++) {
			if (c->second[i] != 0 && c->mark[i] != 0)
				fault_at(c, CSAF_TEST_flags_twice, f);
			c->mark[i] |= c->second[i];
		}
	}
}

/* Each product of a group of status must be marked. */
static void
check_all_marked(
    struct checking *c, const struct jtree *vulnerability, const char *group, enum csaf_test t)
{
	for (const struct jtree *id = jtree_list(jtree_get(vulnerability, "product_status"), group);
	     id != NULL; id = id->next) {
		int32_t p =
		    jtree_is(id, JTREE_STRING) ? csaf_product_named(c->doc, id->text) : CSAF_NONE;

		if (p != CSAF_NONE && c->mark[p] == 0)
			fault_at(c, t, id);
	}
}

static void
check_vex(struct checking *c, const struct jtree *v)
{
	static const char *const groups[] = {
	    "fixed", "known_affected", "known_not_affected", "under_investigation"};
	bool some = false;

	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		some |= jtree_get(jtree_get(v, "product_status"), groups[i]) != NULL;
	if (!some)
		fault_at(c, CSAF_TEST_profile_vex_status, v);
	if (jtree_get(v, "cve") == NULL && jtree_get(v, "ids") == NULL)
		fault_at(c, CSAF_TEST_profile_vex_ids, v);
	memset(c->mark, 0, c->doc->n_products);
	for (const struct jtree *f = jtree_list(v, "flags"); f != NULL; f = f->next)
		(void)mark_products(c, f, "product_ids", c->mark, 1);
	for (const struct jtree *t = jtree_list(v, "threats"); t != NULL; t = t->next) {
		if (is(t, "category", "impact"))
			(void)mark_products(c, t, "product_ids", c->mark, 1);
	}
	check_all_marked(c, v, "known_not_affected", CSAF_TEST_profile_vex_impact);
	memset(c->mark, 0, c->doc->n_products);
	for (const struct jtree *r = jtree_list(v, "remediations"); r != NULL; r = r->next)
		(void)mark_products(c, r, "product_ids", c->mark, 1);
	check_all_marked(c, v, "known_affected", CSAF_TEST_profile_vex_action);
}

static void
check_vulnerabilities(struct checking *c)
{
	const struct csaf *d = c->doc;

	for (const struct jtree *v = jtree_list(d->root, "vulnerabilities"); v != NULL;
	     v = v->next) {
		check_status(c, v);
		check_scores(c, v);
		check_lists(c, v);
		check_flags(c, v);
		if (c->profile >= PROFILE_ADVISORY && jtree_get(v, "notes") == NULL)
			fault_at(c, CSAF_TEST_profile_vuln_notes, v);
		if (c->profile == PROFILE_ADVISORY && jtree_get(v, "product_status") == NULL)
			fault_at(c, CSAF_TEST_profile_status, v);
		if (c->profile == PROFILE_VEX)
			check_vex(c, v);
	}
	for (size_t i = 0; i < d->n_vulnerabilities && d->n_vulnerabilities <= CSAF_CHECK_LIST_MAX;
	     i++) {
		for (size_t k = 0; k < i; k++) {
			if (d->vulnerabilities[i].cve &&
			    bytes_eq(d->vulnerabilities[i].id, d->vulnerabilities[k].id))
				fault_at(
				    c, CSAF_TEST_cve_twice, jtree_get(d->root, "vulnerabilities"));
		}
	}
}

/* --- the document --- */

static const char *const reserved[] = {"csaf_base", "csaf_security_incident_response",
    "csaf_informational_advisory", "csaf_security_advisory", "csaf_vex"};

static enum profile
profile_of(struct bytes category)
{
	for (size_t i = 1; i < ARRAY_LEN(reserved); i++) {
		if (bytes_eq(category, bytes_str(reserved[i])))
			return (enum profile)i;
	}
	return PROFILE_OTHER;
}

/* 6.1.26: a reserved name, with or without "csaf", in other case or with other separators. */
static void
check_category(struct checking *c)
{
	static const char *const names[] = {"csafbase", "csafsecurityincidentresponse",
	    "csafinformationaladvisory", "csafsecurityadvisory", "csafvex",
	    "securityincidentresponse", "informationaladvisory", "securityadvisory", "vex"};
	struct bytes t = c->doc->category;
	char plain[64];
	size_t n = 0;

	if (one_of(t, reserved, ARRAY_LEN(reserved)))
		return;
	for (size_t i = 0; i < t.len && n < sizeof(plain); i++) {
		uint8_t x = t.ptr[i];

		if (x != '-' && x != '_' && x > ' ')
			plain[n++] = (char)(x >= 'A' && x <= 'Z' ? x | 0x20 : x);
	}
	if (one_of(bytes_of(plain, n), names, ARRAY_LEN(names)))
		fault_at(c, CSAF_TEST_category_name, jtree_get(c->document, "category"));
}

static void
check_profile(struct checking *c)
{
	static const char *const notes[] = {"description", "details", "general", "summary"};
	const struct jtree *vulnerabilities = jtree_get(c->doc->root, "vulnerabilities");
	bool note = false, reference = false;

	for (const struct jtree *n = jtree_list(c->document, "notes"); n != NULL; n = n->next)
		note |= one_of(jtree_text(n, "category"), notes, ARRAY_LEN(notes));
	for (const struct jtree *r = jtree_list(c->document, "references"); r != NULL; r = r->next)
		reference |= jtree_get(r, "category") == NULL || is(r, "category", "external");
	if (c->profile == PROFILE_INCIDENT || c->profile == PROFILE_INFORMATIONAL) {
		if (!note)
			fault_at(c, CSAF_TEST_profile_notes, c->document);
		if (!reference)
			fault_at(c, CSAF_TEST_profile_references, c->document);
	}
	if (c->profile == PROFILE_INFORMATIONAL && vulnerabilities != NULL)
		fault_at(c, CSAF_TEST_profile_no_vulns, vulnerabilities);
	if (c->profile >= PROFILE_ADVISORY && c->tree == NULL)
		fault_at(c, CSAF_TEST_profile_tree, c->document);
	if (c->profile >= PROFILE_ADVISORY && vulnerabilities == NULL)
		fault_at(c, CSAF_TEST_profile_vulns, c->document);
}

static void
check_languages(struct checking *c)
{
	struct bytes lang = jtree_text(c->document, "lang"),
		     source = jtree_text(c->document, "source_lang");

	if (is(jtree_get(c->document, "publisher"), "category", "translator") && source.len == 0)
		fault_at(c, CSAF_TEST_translator, c->document);
	if (source.len > 0 && bytes_eq_nocase(lang, source))
		fault_at(c, CSAF_TEST_translation, c->document);
}

enum err
csaf_check(struct arena *a, const struct csaf *doc, struct csaf_faults *out, struct why *why)
{
	const struct jtree *document = jtree_get(doc->root, "document"),
			   *tree = jtree_get(doc->root, "product_tree");
	struct checking c = {.doc = doc,
	    .out = out,
	    .arena = a,
	    .document = document,
	    .tracking = jtree_get(document, "tracking"),
	    .tree = tree,
	    .groups = jtree_get(tree, "product_groups"),
	    .profile = profile_of(doc->category)};
	enum err e;

	memset(out, 0, sizeof(*out));
	c.mark = arena_alloc(a, doc->n_products + 1);
	c.second = arena_alloc(a, doc->n_products + 1);
	if (c.mark == NULL || c.second == NULL)
		return FAIL(why, ERR_LIMIT, "more products than are held");
	check_tree(&c);
	check_products(&c);
	check_vulnerabilities(&c);
	check_category(&c);
	check_profile(&c);
	check_languages(&c);
	if ((e = check_revisions(&c, why)) != ERR_OK)
		return e;
	return ERR_OK;
}
