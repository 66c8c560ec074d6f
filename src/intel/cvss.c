/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/cvss.h"

enum { VALUES_MAX = 6 };

enum group { BASE, TEMP, ENV, MORE };

struct metric {
	const char *name;
	enum group group;
	const char *values[VALUES_MAX];
};

#define METRIC(version, group, name, ...) ROW_##version(group, name, __VA_ARGS__)
#define ROW(group, name, ...)             {name, group, {__VA_ARGS__}},

static const struct metric metrics_2_0[] = {
#define ROW_2_0 ROW
#define ROW_3_X(...)
#define ROW_4_0(...)
#include "intel/cvss_metrics.def"
#undef ROW_2_0
#undef ROW_3_X
};

#define METRIC(version, group, name, ...) ROW_##version(group, name, __VA_ARGS__)
static const struct metric metrics_3_x[] = {
#define ROW_2_0(...)
#define ROW_3_X ROW
#include "intel/cvss_metrics.def"
#undef ROW_3_X
#undef ROW_4_0
};

#define METRIC(version, group, name, ...) ROW_##version(group, name, __VA_ARGS__)
static const struct metric metrics_4_0[] = {
#define ROW_3_X(...)
#define ROW_4_0 ROW
#include "intel/cvss_metrics.def"
};

_Static_assert(ARRAY_LEN(metrics_4_0) <= CVSS_METRICS_MAX, "a bit each in struct cvss");

static const struct {
	const char *name, *prefix;
	const struct metric *metrics;
	size_t n;
} versions[] = {
    [CVSS_2_0] = {"2.0", "", metrics_2_0, ARRAY_LEN(metrics_2_0)},
    [CVSS_3_0] = {"3.0", "CVSS:3.0/", metrics_3_x, ARRAY_LEN(metrics_3_x)},
    [CVSS_3_1] = {"3.1", "CVSS:3.1/", metrics_3_x, ARRAY_LEN(metrics_3_x)},
    [CVSS_4_0] = {"4.0", "CVSS:4.0/", metrics_4_0, ARRAY_LEN(metrics_4_0)},
};

enum {
	V2_AV,
	V2_AC,
	V2_AU,
	V2_C,
	V2_I,
	V2_A,
	V2_E,
	V2_RL,
	V2_RC,
	V2_CDP,
	V2_TD,
	V2_CR,
	V2_IR,
	V2_AR
};

enum {
	V3_AV,
	V3_AC,
	V3_PR,
	V3_UI,
	V3_S,
	V3_C,
	V3_I,
	V3_A,
	V3_E,
	V3_RL,
	V3_RC,
	V3_CR,
	V3_IR,
	V3_AR,
	V3_MAV, /* eight, in the order of the base metrics */
};

enum {
	V4_AV,
	V4_AC,
	V4_AT,
	V4_PR,
	V4_UI,
	V4_VC,
	V4_VI,
	V4_VA,
	V4_SC,
	V4_SI,
	V4_SA,
	V4_E,
	V4_CR,
	V4_IR,
	V4_AR,
	V4_MAV, /* eleven, in the order of the base metrics */
};

/* --- reading and writing --- */

static int
metric_named(enum cvss_version version, struct bytes name)
{
	for (size_t i = 0; i < versions[version].n; i++)
		if (bytes_eq(name, bytes_str(versions[version].metrics[i].name)))
			return (int)i;
	return -1;
}

static int
value_named(const struct metric *m, struct bytes value)
{
	for (int i = 0; i < VALUES_MAX && m->values[i] != NULL; i++)
		if (bytes_eq(value, bytes_str(m->values[i])))
			return i;
	return -1;
}

static enum fault
parse_metric(struct cvss *v, struct bytes part, int *last, size_t *at)
{
	struct bytes value, name = bytes_split(part, ':', &value);
	const struct metric *m;
	int i, j;

	if (name.len == 0 || value.len == 0)
		return FAULT_metric_form;
	if ((i = metric_named(v->version, name)) == -1)
		return FAULT_metric_unknown;
	if ((v->given >> i & 1) != 0)
		return FAULT_metric_twice;
	if (v->version == CVSS_4_0 && i < *last)
		return FAULT_metric_order;
	m = &versions[v->version].metrics[i];
	if ((j = value_named(m, value)) == -1) {
		*at += name.len + 1;
		return FAULT_metric_value;
	}
	v->given |= (uint32_t)1 << i;
	v->value[i] = (uint8_t)j;
	*last = i;
	return FAULT_none;
}

static enum fault
parse(struct bytes text, struct cvss *v, size_t *at)
{
	int last = -1;

	*at = 0;
	if (text.len == 0)
		return FAULT_empty;
	if (text.len > CVSS_TEXT_MAX) {
		*at = CVSS_TEXT_MAX;
		return FAULT_too_long;
	}
	for (v->version = CVSS_4_0; v->version > CVSS_2_0; v->version--)
		if (bytes_starts(text, bytes_str(versions[v->version].prefix)))
			break;
	if (v->version == CVSS_2_0 && bytes_starts_nocase(text, BYTES("CVSS")))
		return FAULT_cvss_prefix;
	for (*at = strlen(versions[v->version].prefix);;) {
		size_t n = bytes_find(bytes_from(text, *at), '/'), from = *at;
		enum fault f = parse_metric(v, bytes_sub(text, from, n), &last, at);

		if (f != FAULT_none)
			return f;
		*at = from + n;
		if (*at == text.len)
			break;
		++*at;
	}
	for (size_t i = 0; i < versions[v->version].n; i++)
		if (versions[v->version].metrics[i].group == BASE && (v->given >> i & 1) == 0)
			return FAULT_metric_missing;
	return FAULT_none;
}

enum fault
cvss_parse(struct bytes text, struct cvss *out, size_t *at)
{
	struct cvss v = {0};
	enum fault f = parse(text, &v, at);

	*out = f == FAULT_none ? v : (struct cvss){0};
	return f;
}

void
cvss_write(const struct cvss *v, struct buf *out)
{
	bool first = true;

	buf_text(out, versions[v->version].prefix);
	for (size_t i = 0; i < versions[v->version].n; i++) {
		const struct metric *m = &versions[v->version].metrics[i];

		if (m->group != BASE && v->value[i] == 0)
			continue;
		buf_printf(out, "%s%s:%s", first ? "" : "/", m->name, m->values[v->value[i]]);
		first = false;
	}
}

const char *
cvss_value(const struct cvss *v, const char *metric)
{
	int i = metric_named(v->version, bytes_str(metric));

	return i == -1 ? NULL : versions[v->version].metrics[i].values[v->value[i]];
}

const char *
cvss_version_name(enum cvss_version version)
{
	return versions[version].name;
}

const char *
cvss_severity_name(enum cvss_severity severity)
{
	static const char *const names[] = {"None", "Low", "Medium", "High", "Critical"};

	return names[severity];
}

enum cvss_severity
cvss_severity(enum cvss_version version, int score)
{
	if (version != CVSS_2_0 && score == 0)
		return CVSS_SEV_NONE;
	if (score < 40)
		return CVSS_SEV_LOW;
	if (score < 70)
		return CVSS_SEV_MEDIUM;
	return version == CVSS_2_0 || score < 90 ? CVSS_SEV_HIGH : CVSS_SEV_CRITICAL;
}

/* x / y to the nearest whole, half up; y > 0 and even. */
static int64_t
divide_half_up(int64_t x, int64_t y)
{
	int64_t n = x + y / 2;

	return n >= 0 ? n / y : -((-n + y - 1) / y);
}

/* Whether a metric of the group has a value other than "not defined". */
static bool
defined(const struct cvss *v, enum group g)
{
	for (size_t i = 0; i < versions[v->version].n; i++)
		if (versions[v->version].metrics[i].group == g && v->value[i] != 0)
			return true;
	return false;
}

/* --- version 2.0, 3.2.1 to 3.2.3 --- */

/* 1 - impact, in 1/20,000, by requirement (not defined, low, medium, high) and impact: the common
 * denominator of all products of the two. */
static const int64_t v2_left[4][3] = {
    {20000, 14500, 6800},
    {20000, 17250, 13400},
    {20000, 14500, 6800},
    {20000, 11695, 68},
};

enum { V2_LEFT_ONE = 20000 };

/* The base equation in tenths; cap: the adjusted impact is at most 10. */
static int
v2_base(const struct cvss *v, const uint8_t req[3], bool cap)
{
	static const int64_t av[] = {395, 646, 1000}, ac[] = {35, 61, 71}, au[] = {225, 280, 352};
	const int64_t one = 4000000000000000; /* 4e15 units: all terms are whole in it */
	const int64_t p_one = (int64_t)V2_LEFT_ONE * V2_LEFT_ONE * V2_LEFT_ONE;
	int64_t p = p_one - v2_left[req[0]][v->value[V2_C]] * v2_left[req[1]][v->value[V2_I]] *
				v2_left[req[2]][v->value[V2_A]];
	int64_t q = av[v->value[V2_AV]] * ac[v->value[V2_AC]] * au[v->value[V2_AU]];
	/* 0.6 * 10.41 * p and 0.4 * 20 * q */
	int64_t impact = cap && 1041 * p > 1000 * p_one ? 6 * one : 3123 * p;

	if (p == 0)
		return 0;
	/* (impact + exploitability - 1.5) * 1.176 * 10, 1.176 = 147 / 125 */
	return (int)divide_half_up((impact + 640000000 * q - one / 2 * 3) * 147, one / 80 * 1000);
}

static int
v2_temporal(const struct cvss *v, int base)
{
	static const int e[] = {100, 85, 90, 95, 100}, rl[] = {100, 87, 90, 95, 100},
			 rc[] = {100, 90, 95, 100};

	return (int)divide_half_up(
	    (int64_t)base * e[v->value[V2_E]] * rl[v->value[V2_RL]] * rc[v->value[V2_RC]], 1000000);
}

static int
v2_environmental(const struct cvss *v)
{
	static const int cdp[] = {0, 0, 1, 3, 4, 5}, td[] = {100, 0, 25, 75, 100};
	int t = v2_temporal(v, v2_base(v, v->value + V2_CR, true));
	/* Low requirements can push the equation below nothing; the scale begins at 0. */
	int s = (int)divide_half_up(
	    (int64_t)(10 * t + (100 - t) * cdp[v->value[V2_CDP]]) * td[v->value[V2_TD]], 1000);

	return s < 0 ? 0 : s;
}

static struct cvss_scores
score_2_0(const struct cvss *v)
{
	static const uint8_t plain[3] = {0, 0, 0};
	struct cvss_scores s = {v2_base(v, plain, false), CVSS_NONE, CVSS_NONE, CVSS_NONE, 0};

	if (defined(v, TEMP))
		s.temporal = v2_temporal(v, s.base);
	if (defined(v, ENV))
		s.environmental = v2_environmental(v);
	return s;
}

/* --- versions 3.0 and 3.1, 7.1 to 7.3 --- */

static double
power(double x, int n)
{
	double y = 1;

	while (n-- > 0)
		y *= x;
	return y;
}

/* A value in 1/100,000 to the tenth above; 3.1 Appendix A. */
static int
round_up(int64_t x)
{
	return (int)((x + 9999) / 10000);
}

/* Impact and exploitability, in 1e-10, to a score in tenths. */
static int
v3_combine(int64_t impact, int64_t exploit, bool changed)
{
	const int64_t ten = 1000000; /* of 1/100,000 */
	int64_t x;

	if (impact <= 0)
		return 0;
	x = changed ? divide_half_up((impact + exploit) * 108, 10000000)
		    : divide_half_up(impact + exploit, 100000);
	return round_up(x < ten ? x : ten);
}

/* iss: 1 - the product, in 1e-6; base and environmental equations differ in 3.1 only. */
static int64_t
v3_impact(int64_t iss, bool changed, bool modified_3_1)
{
	double x;

	if (!changed)
		return 642 * iss * 100;
	x = modified_3_1 ? power((double)iss * 0.9731 / 1e6 - 0.02, 13)
			 : power((double)(iss - 20000) / 1e6, 15);
	x *= 3.25e10;
	return 752 * (iss - 29000) * 100 - (int64_t)(x < 0 ? x - 0.5 : x + 0.5);
}

static int64_t
v3_exploit(const uint8_t m[8])
{
	static const int64_t av[] = {85, 62, 55, 20}, ac[] = {77, 44}, ui[] = {85, 62};
	static const int64_t pr[2][3] = {{85, 62, 27}, {85, 68, 50}};

	return 822 * av[m[V3_AV]] * ac[m[V3_AC]] * pr[m[V3_S]][m[V3_PR]] * ui[m[V3_UI]];
}

static int
v3_temporal(const struct cvss *v, int base)
{
	static const int e[] = {100, 100, 97, 94, 91}, rl[] = {100, 100, 97, 96, 95},
			 rc[] = {100, 100, 96, 92};

	return round_up(divide_half_up(
	    (int64_t)base * e[v->value[V3_E]] * rl[v->value[V3_RL]] * rc[v->value[V3_RC]], 100));
}

static int
v3_base(const struct cvss *v)
{
	static const int64_t cia[] = {56, 22, 0};
	int64_t left = 1;
	bool changed = v->value[V3_S] != 0;

	for (size_t i = V3_C; i <= V3_A; i++)
		left *= 100 - cia[v->value[i]];
	return v3_combine(v3_impact(1000000 - left, changed, false), v3_exploit(v->value), changed);
}

static int
v3_environmental(const struct cvss *v)
{
	/* requirement (X, H, M, L) times impact, in hundredths */
	static const int64_t cia[4][3] = {{56, 22, 0}, {84, 33, 0}, {56, 22, 0}, {28, 11, 0}};
	int64_t left = 1, miss;
	uint8_t m[8];
	bool changed;

	for (size_t i = 0; i < ARRAY_LEN(m); i++) {
		uint8_t mod = v->value[V3_MAV + i];

		m[i] = mod != 0 ? (uint8_t)(mod - 1) : v->value[i];
	}
	for (size_t i = 0; i < 3; i++)
		left *= 100 - cia[v->value[V3_CR + i]][m[V3_C + i]];
	miss = 1000000 - left < 915000 ? 1000000 - left : 915000;
	changed = m[V3_S] != 0;
	return v3_temporal(v,
	    v3_combine(v3_impact(miss, changed, v->version == CVSS_3_1), v3_exploit(m), changed));
}

static struct cvss_scores
score_3_x(const struct cvss *v)
{
	int base = v3_base(v);

	return (struct cvss_scores){base, v3_temporal(v, base), v3_environmental(v), CVSS_NONE, 0};
}

/* --- version 4.0, 8 --- */

#define MACRO(eq1, eq2, eq3, ...) {__VA_ARGS__},
static const uint8_t v4_macro[18][18] = {
#include "intel/cvss4.def"
};

struct eqs {
	int eq1, eq2, eq3, eq4, eq5, eq6;
};

static int
v4_look_up(struct eqs q)
{
	return v4_macro[(q.eq1 * 2 + q.eq2) * 3 + q.eq3][(q.eq4 * 3 + q.eq5) * 2 + q.eq6];
}

/* Levels of severity of each effective metric, 0 the worst; see v4_levels. */
struct levels {
	int av, pr, ui, ac, at, v[3], s[3], r[3], e;
};

/* Table 24 to 29: the equivalence sets. */
static struct eqs
v4_sets(const struct levels *l)
{
	struct eqs q;
	bool all_n = l->av == 0 && l->pr == 0 && l->ui == 0;
	bool any_n = l->av == 0 || l->pr == 0 || l->ui == 0;
	bool any_v = l->v[0] == 0 || l->v[1] == 0 || l->v[2] == 0;
	bool any_s = l->s[0] <= 1 || l->s[1] <= 1 || l->s[2] <= 1;

	q.eq1 = all_n ? 0 : any_n && l->av != 3 ? 1 : 2;
	q.eq2 = l->ac == 0 && l->at == 0 ? 0 : 1;
	q.eq3 = l->v[0] == 0 && l->v[1] == 0 ? 0 : any_v ? 1 : 2;
	q.eq4 = l->s[1] == 0 || l->s[2] == 0 ? 0 : any_s ? 1 : 2;
	q.eq5 = l->e;
	q.eq6 = 1;
	for (size_t i = 0; i < 3; i++)
		if (l->r[i] == 0 && l->v[i] == 0)
			q.eq6 = 0;
	return q;
}

/* Steps from the first of the set's worst vectors that is not below this one in any metric.
 * worst: n vectors of k levels. */
static int
steps(const int *level, const uint8_t *worst, size_t n, size_t k)
{
	for (size_t i = 0; i < n; i++, worst += k) {
		int sum = 0;
		size_t j = 0;

		for (; j < k && level[j] >= worst[j]; j++)
			sum += level[j] - worst[j];
		if (j == k)
			return sum;
	}
	return 0;
}

/* The worst vectors of each set; the depth of a set is the steps from them to its mildest. */
struct worst {
	uint8_t n, depth;
	uint8_t vectors[5 * 6];
};

static const struct worst worst1[3] = {
    {1, 1, {0, 0, 0}},
    {3, 4, {1, 0, 0, 0, 1, 0, 0, 0, 1}},
    {2, 5, {3, 0, 0, 1, 1, 1}},
};
static const struct worst worst2[2] = {
    {1, 1, {0, 0}},
    {2, 2, {1, 0, 0, 1}},
};
static const struct worst worst36[3][2] = {
    {{1, 7, {0, 0, 0, 0, 0, 0}}, {2, 6, {0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1}}},
    {{2, 8, {1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}},
	{5, 8,
	    {1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0,
		1}}},
    {{0}, {1, 10, {1, 1, 1, 0, 0, 0}}},
};
static const struct worst worst4[3] = {
    {1, 6, {1, 0, 0}},
    {1, 5, {1, 1, 1}},
    {1, 4, {2, 2, 2}},
};

/* The score of the next lower macrovector of EQ3 and EQ6 together; 0 where there is none. */
static int
v4_lower36(struct eqs q)
{
	struct eqs a = q, b = q;

	if (q.eq3 == 0 && q.eq6 == 0) {
		a.eq6 = 1;
		b.eq3 = 1;
		return v4_look_up(a) > v4_look_up(b) ? v4_look_up(a) : v4_look_up(b);
	}
	if (q.eq3 == 1 && q.eq6 == 0)
		a.eq6 = 1;
	else if (q.eq3 < 2)
		a.eq3++;
	else
		return 0;
	return v4_look_up(a);
}

static int
v4_value(const struct levels *l)
{
	enum { COMMON = 840 }; /* every depth divides it */
	struct eqs q = v4_sets(l), down;
	int value = v4_look_up(q), lower[4], sum = 0, n = 0;
	const int l1[3] = {l->av, l->pr, l->ui}, l2[2] = {l->ac, l->at};
	const int l36[6] = {l->v[0], l->v[1], l->v[2], l->r[0], l->r[1], l->r[2]};
	const struct worst *w[4] = {
	    &worst1[q.eq1], &worst2[q.eq2], &worst36[q.eq3][q.eq6], &worst4[q.eq4]};
	const int *levels[4] = {l1, l2, l36, l->s};
	static const size_t k[4] = {3, 2, 6, 3};

	down = q;
	down.eq1++;
	lower[0] = q.eq1 == 2 ? 0 : v4_look_up(down);
	down = q;
	down.eq2++;
	lower[1] = q.eq2 == 1 ? 0 : v4_look_up(down);
	lower[2] = v4_lower36(q);
	down = q;
	down.eq4++;
	lower[3] = q.eq4 == 2 ? 0 : v4_look_up(down);
	for (size_t i = 0; i < 4; i++) {
		if (lower[i] == 0)
			continue;
		n++;
		sum += (value - lower[i]) * steps(levels[i], w[i]->vectors, w[i]->n, k[i]) *
		       (COMMON / w[i]->depth);
	}
	/* EQ5 never moves within its set, but counts in the mean. */
	if (q.eq5 < 2)
		n++;
	if (n == 0)
		return value;
	return (int)divide_half_up((int64_t)value * COMMON * n - sum, COMMON * n);
}

static struct cvss_scores
score_4_0(const struct cvss *v)
{
	struct cvss_scores s = {CVSS_NONE, CVSS_NONE, CVSS_NONE, 0, 0};
	struct levels l;
	uint8_t m[11];

	for (size_t i = 0; i < ARRAY_LEN(m); i++) {
		uint8_t mod = v->value[V4_MAV + i];

		m[i] = mod != 0 ? (uint8_t)(mod - 1) : v->value[i];
	}
	l = (struct levels){
	    .av = m[V4_AV], .ac = m[V4_AC], .at = m[V4_AT], .pr = m[V4_PR], .ui = m[V4_UI]};
	l.e = v->value[V4_E] == 0 ? 0 : v->value[V4_E] - 1;
	for (size_t i = 0; i < 3; i++) {
		uint8_t safety = 3, r = v->value[V4_CR + i];

		l.v[i] = m[V4_VC + i];
		l.s[i] = m[V4_SC + i] == safety ? 0 : m[V4_SC + i] + 1;
		l.r[i] = r == 0 ? 0 : r - 1;
	}
	/* 8.2: no impact on either system is 0.0. */
	if (l.v[0] + l.v[1] + l.v[2] < 6 || l.s[0] + l.s[1] + l.s[2] < 9)
		s.score = v4_value(&l);
	return s;
}

struct cvss_scores
cvss_score(const struct cvss *v)
{
	struct cvss_scores s = v->version == CVSS_2_0   ? score_2_0(v)
			       : v->version == CVSS_4_0 ? score_4_0(v)
							: score_3_x(v);

	s.severity = cvss_severity(v->version, s.score != CVSS_NONE ? s.score : s.base);
	return s;
}
