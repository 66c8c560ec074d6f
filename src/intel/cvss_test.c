/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/cvss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "rng.h"

/* Parse from a view that ends at an unreadable page. */
static enum fault
parse(struct bytes text, struct cvss *v, size_t *at)
{
	struct guard g = guard_new(text);
	enum fault f = cvss_parse(g.view, v, at);

	guard_free(&g);
	return f;
}

static struct cvss_scores
score_of(const char *text)
{
	struct cvss v;
	size_t at;

	if (parse(bytes_str(text), &v, &at) != FAULT_none)
		fail_msg("%s: refused", text);
	return cvss_score(&v);
}

/* --- scores --- */

#define V31 "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:"
#define V4  "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/"

static void
scores(void **state)
{
	static const struct {
		const char *vector;
		int base, temporal, environmental, score;
		const char *severity;
	} table[] = {
	    /* the three examples of the 2.0 guide, 3.3 */
	    {"AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:H", 78, 64, 92, -1,
		"High"},
	    {"AV:N/AC:L/Au:N/C:C/I:C/A:C/E:F/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:L", 100, 83, 90, -1,
		"High"},
	    {"AV:L/AC:H/Au:N/C:C/I:C/A:C/E:POC/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:M", 62, 49, 75,
		-1, "Medium"},
	    {"AV:N/AC:L/Au:N/C:N/I:N/A:N", 0, -1, -1, -1, "Low"},
	    {"A:P/I:P/C:P/Au:N/AC:L/AV:N", 75, -1, -1, -1, "High"},
	    {"AV:N/AC:L/Au:N/C:P/I:P/A:P/TD:N", 75, -1, 0, -1, "High"},
	    {"AV:N/AC:L/Au:N/C:P/I:P/A:P/E:ND", 75, -1, -1, -1, "High"},
	    {"AV:L/AC:H/Au:M/C:P/I:N/A:N/CR:L", 8, -1, 0, -1, "Low"},
	    {V31 "U/C:H/I:H/A:H", 98, 98, 98, -1, "Critical"},
	    {V31 "C/C:H/I:H/A:H", 100, 100, 100, -1, "Critical"},
	    {V31 "C/C:N/I:N/A:N", 0, 0, 0, -1, "None"},
	    {V31 "U/C:N/I:N/A:N/MC:H", 0, 0, 75, -1, "None"},
	    {"CVSS:3.0/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:L", 16, 16, 16, -1, "Low"},
	    {V4 "VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", -1, -1, -1, 100, "Critical"},
	    {V4 "VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", -1, -1, -1, 0, "None"},
	    {V4 "VC:N/VI:N/VA:N/SC:N/SI:N/SA:N/MSA:S", -1, -1, -1, 89, "High"},
	    {V4 "VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", -1, -1, -1, 93, "Critical"},
	    {V4 "VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/U:Amber", -1, -1, -1, 93, "Critical"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct cvss_scores s = score_of(table[i].vector);

		print_message("# %s\n", table[i].vector);
		assert_int_equal(s.base, table[i].base);
		assert_int_equal(s.temporal, table[i].temporal);
		assert_int_equal(s.environmental, table[i].environmental);
		assert_int_equal(s.score, table[i].score);
		assert_string_equal(cvss_severity_name(s.severity), table[i].severity);
	}
}

/* --- refusals --- */

#define B2 "AV:N/AC:L/Au:N/C:P/I:P/A:P"
#define B3 V31 "U/C:H/I:H/A:H"
#define B4 V4 "VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"

static void
refusals(void **state)
{
	static const struct {
		const char *vector;
		enum fault fault;
		size_t at;
	} table[] = {
	    {"", FAULT_empty, 0},
	    {"/", FAULT_metric_form, 0},
	    {":", FAULT_metric_form, 0},
	    {"CVSS:3.1", FAULT_cvss_prefix, 0},
	    {"CVSS:3.2/" B2, FAULT_cvss_prefix, 0},
	    {"CVSS:2.0/" B2, FAULT_cvss_prefix, 0},
	    {"cvss:3.1/AV:N", FAULT_cvss_prefix, 0},
	    {"CVSS:3.1/", FAULT_metric_form, 9},
	    {"CVSS:3.1//AV:N", FAULT_metric_form, 9},
	    {"CVSS:3.1/AV", FAULT_metric_form, 9},
	    {"CVSS:3.1/AV:", FAULT_metric_form, 9},
	    {"CVSS:3.1/:N", FAULT_metric_form, 9},
	    {"CVSS:3.1/AV:N", FAULT_metric_missing, 13},
	    {V31 "U/C:H/I:H", FAULT_metric_missing, 40},
	    {B3 "/", FAULT_metric_form, 45},
	    {B3 " ", FAULT_metric_value, 43},
	    {" " B3, FAULT_metric_unknown, 0},
	    {B3 "/A:H", FAULT_metric_twice, 45},
	    {B3 "/E:Z", FAULT_metric_value, 47},
	    {B3 "/E:x", FAULT_metric_value, 47},
	    {B3 "/E:XX", FAULT_metric_value, 47},
	    {B3 "/E:X:X", FAULT_metric_value, 47},
	    {B3 "/ZZ:X", FAULT_metric_unknown, 45},
	    {B3 "/MAV:Q", FAULT_metric_value, 49},
	    {B3 "/Au:N", FAULT_metric_unknown, 45},
	    {B2 "/E:X", FAULT_metric_value, 29},
	    {B2 "/E:N", FAULT_metric_value, 29},
	    {B2 "/E:POC/E:POC", FAULT_metric_twice, 33},
	    {"(" B2 ")", FAULT_metric_unknown, 0},
	    {"AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", FAULT_metric_unknown, 10},
	    {B4 "/E:F", FAULT_metric_value, 66},
	    {B4 "/CR:H/E:A", FAULT_metric_order, 69},
	    {B4 "/U:clear", FAULT_metric_value, 66},
	    {B4 "/MSC:S", FAULT_metric_value, 68},
	    {B4 "/SA:H", FAULT_metric_twice, 64},
	    {"CVSS:4.0/AC:L/AV:N", FAULT_metric_order, 14},
	    {V4 "VC:H/VI:H/VA:H/SC:H/SI:S/SA:H", FAULT_metric_value, 57},
	    {V4 "VC:H/VI:H/VA:H/SC:H/SI:H", FAULT_metric_missing, 58},
	};
	uint8_t long_text[CVSS_TEXT_MAX + 1];
	struct cvss v;
	size_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		enum fault f = parse(bytes_str(table[i].vector), &v, &at);

		print_message("# %s: %s at %zu\n", table[i].vector, fault_name(f), at);
		assert_string_equal(fault_name(f), fault_name(table[i].fault));
		assert_int_equal(at, table[i].at);
		assert_true(fault_text(f)[0] != 0);
	}
	memset(long_text, 'A', sizeof(long_text));
	assert_int_equal(parse(bytes_of(long_text, sizeof(long_text)), &v, &at), FAULT_too_long);
	assert_int_equal(
	    parse(BYTES("AV:N/AC:L/Au:N/C:P/I:P/A:\xff"), &v, &at), FAULT_metric_value);
	assert_int_equal(parse(BYTES("AV:N/AC:L/Au:N/C:P/I:P/A:P\0"), &v, &at), FAULT_metric_value);
}

/* --- properties --- */

/* The 3.1 specification's own formulas, on doubles: another way to the same numbers. */
static double
up(double x)
{
	int64_t i = (int64_t)floor(x * 100000 + 0.5);

	return i % 10000 == 0 ? (double)i / 100000 : (floor((double)i / 10000) + 1) / 10;
}

static bool
near_edge(double x)
{
	double i = x * 100000, part = i - floor(i);

	return fabs(part - 0.5) < 1e-6;
}

static size_t near_edges;

static double
plain_3(const double w[7], bool changed, bool modified, bool v31)
{
	double iss = 1 - (1 - w[4]) * (1 - w[5]) * (1 - w[6]), impact, e;

	if (modified && iss > 0.915)
		iss = 0.915;
	impact = !changed          ? 6.42 * iss
		 : modified && v31 ? 7.52 * (iss - 0.029) - 3.25 * pow(iss * 0.9731 - 0.02, 13)
				   : 7.52 * (iss - 0.029) - 3.25 * pow(iss - 0.02, 15);
	e = 8.22 * w[0] * w[1] * w[2] * w[3];
	if (impact <= 0)
		return 0;
	impact = changed ? 1.08 * (impact + e) : impact + e;
	near_edges += impact < 10 && near_edge(impact) && changed;
	return up(impact < 10 ? impact : 10);
}

/* Every base vector of 3.x, and every one with every requirement and modified scope. */
static void
all_of_3(void **state)
{
	static const double av[] = {0.85, 0.62, 0.55, 0.2}, ac[] = {0.77, 0.44},
			    ui[] = {0.85, 0.62}, pr[2][3] = {{0.85, 0.62, 0.27}, {0.85, 0.68, 0.5}},
			    cia[] = {0.56, 0.22, 0}, req[] = {1, 1.5, 1, 0.5};
	size_t n = 0;

	(void)state;
	for (int version = 0; version < 2; version++) {
		for (size_t i = 0; i < 4 * 2 * 3 * 2 * 2 * 27 * 64 * 3; i++) {
			struct cvss v = {.version = version == 0 ? CVSS_3_0 : CVSS_3_1};
			size_t k = i, radix[] = {4, 2, 3, 2, 2, 3, 3, 3};
			struct cvss_scores s;
			double w[7], e;
			size_t scope;

			for (size_t j = 0; j < 8; j++, k /= radix[j - 1])
				v.value[j] = (uint8_t)(k % radix[j]);
			for (size_t j = 0; j < 3; j++, k /= 4)
				v.value[11 + j] = (uint8_t)(k % 4);
			v.value[18] = (uint8_t)(k % 3);
			s = cvss_score(&v);
			scope = v.value[18] != 0 ? v.value[18] - 1u : v.value[4];
			w[0] = av[v.value[0]];
			w[1] = ac[v.value[1]];
			w[2] = pr[v.value[4]][v.value[2]];
			w[3] = ui[v.value[3]];
			for (size_t j = 0; j < 3; j++)
				w[4 + j] = cia[v.value[5 + j]];
			e = plain_3(w, v.value[4] != 0, false, version == 1);
			assert_int_equal(s.base, (int)lround(e * 10));
			w[2] = pr[scope][v.value[2]];
			for (size_t j = 0; j < 3; j++)
				w[4 + j] = cia[v.value[5 + j]] * req[v.value[11 + j]];
			e = up(plain_3(w, scope != 0, true, version == 1));
			assert_int_equal(s.environmental, (int)lround(e * 10));
			n++;
		}
	}
	print_message("# %zu vectors of 3.x, %zu near an edge of rounding\n", n, near_edges);
}

static void
all_of_2(void **state)
{
	static const double av[] = {0.395, 0.646, 1}, ac[] = {0.35, 0.61, 0.71},
			    au[] = {0.45, 0.56, 0.704}, cia[] = {0, 0.275, 0.66};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 729; i++, n++) {
		struct cvss v = {.version = CVSS_2_0};
		double impact, exploit, e;

		for (size_t j = 0, k = i; j < 6; j++, k /= 3)
			v.value[j] = (uint8_t)(k % 3);
		impact = 10.41 * (1 - (1 - cia[v.value[3]]) * (1 - cia[v.value[4]]) *
					  (1 - cia[v.value[5]]));
		exploit = 20 * av[v.value[0]] * ac[v.value[1]] * au[v.value[2]];
		e = impact == 0 ? 0 : (0.6 * impact + 0.4 * exploit - 1.5) * 1.176;
		/* doubles need help where the value lies on the edge itself */
		assert_int_equal(cvss_score(&v).base, (int)floor(e * 10 + 0.5 + 1e-9));
	}
	print_message("# %zu vectors of 2.0\n", n);
}

/* Every base vector of 4.0 with every threat: on the scale, and none where there is no impact. */
static void
all_of_4(void **state)
{
	size_t radix[] = {4, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4}, n = 1;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(radix); i++)
		n *= radix[i];
	for (size_t i = 0; i < n; i++) {
		struct cvss v = {.version = CVSS_4_0};
		bool any = false;
		int s;

		for (size_t j = 0, k = i; j < ARRAY_LEN(radix); k /= radix[j++])
			v.value[j] = (uint8_t)(k % radix[j]);
		for (size_t j = 5; j < 11; j++)
			any |= v.value[j] != 2;
		s = cvss_score(&v).score;
		if (any ? s < 1 || s > 100 : s != 0)
			fail_msg("score %d", s);
	}
	print_message("# %zu vectors of 4.0\n", n);
}

static void
any_value(struct rng *rng, struct cvss *v)
{
	static const char *const all[] = {"AV", "AC", "AT", "PR", "UI", "S", "Au", "C", "I", "A",
	    "VC", "VI", "VA", "SC", "SI", "SA", "E", "RL", "RC", "CDP", "TD", "CR", "IR", "AR",
	    "MAV", "MAC", "MAT", "MPR", "MUI", "MS", "MC", "MI", "MA", "MVC", "MVI", "MVA", "MSC",
	    "MSI", "MSA", "AU", "R", "V", "RE", "U"};
	static const char *const values[] = {"N", "A", "L", "P", "H", "R", "U", "C", "X", "ND",
	    "POC", "F", "OF", "TF", "W", "T", "O", "UC", "UR", "LM", "MH", "M", "S", "Y", "I", "D",
	    "Clear", "Green", "Amber", "Red"};
	static const char *const prefixes[] = {"", "CVSS:3.0/", "CVSS:3.1/", "CVSS:4.0/"};
	struct buf text = {0};
	struct cvss one;
	size_t at;

	/* Grow a vector metric by metric: what parses stays. */
	buf_text(&text, prefixes[v->version]);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		size_t keep = text.len;

		if (rng_below(rng, 4) == 0)
			continue;
		for (int tries = 0; tries < 40; tries++) {
			enum fault f;

			text.len = keep;
			buf_printf(&text, "%s%s:%s", keep > strlen(prefixes[v->version]) ? "/" : "",
			    all[i], values[rng_below(rng, ARRAY_LEN(values))]);
			f = cvss_parse(buf_bytes(&text), &one, &at);
			if (f == FAULT_none || f == FAULT_metric_missing) {
				keep = text.len;
				break;
			}
		}
		text.len = keep;
		if (cvss_parse(buf_bytes(&text), &one, &at) == FAULT_none)
			*v = one;
	}
	buf_free(&text);
}

/* What is written reads the same, scores the same, and is written the same again. */
static void
written_reads_the_same(void **state)
{
	struct rng rng = rng_new(40);
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct cvss v = {.version = (enum cvss_version)(i % 4)}, w;
		struct buf a = {0}, b = {0};
		struct cvss_scores s, t;
		size_t at;

		any_value(&rng, &v);
		if (v.given == 0)
			continue;
		cvss_write(&v, &a);
		assert_int_equal(parse(buf_bytes(&a), &w, &at), FAULT_none);
		cvss_write(&w, &b);
		assert_true(bytes_eq(buf_bytes(&a), buf_bytes(&b)));
		assert_memory_equal(v.value, w.value, sizeof(v.value));
		s = cvss_score(&v);
		t = cvss_score(&w);
		assert_memory_equal(&s, &t, sizeof(s));
		/* Every truncation: refused or shorter, never past its end. */
		for (size_t k = 0; k < a.len; k++)
			if (parse(bytes_of(a.ptr, k), &w, &at) != FAULT_none)
				assert_true(at <= k);
		buf_free(&a);
		buf_free(&b);
		n++;
	}
	print_message("# %zu generated vectors\n", n);
	assert_true(n > 200);
}

static void
values_by_name(void **state)
{
	struct cvss v;
	size_t at;

	(void)state;
	assert_int_equal(parse(BYTES(B3 "/E:P"), &v, &at), FAULT_none);
	assert_string_equal(cvss_value(&v, "AV"), "N");
	assert_string_equal(cvss_value(&v, "E"), "P");
	assert_string_equal(cvss_value(&v, "RL"), "X");
	assert_null(cvss_value(&v, "Au"));
	assert_string_equal(cvss_version_name(v.version), "3.1");
}

/* --- shared vectors --- */

static int
tenths(struct bytes t)
{
	uint64_t whole = 0, part = 0;
	struct bytes rest, head = bytes_split(t, '.', &rest);

	if (bytes_eq(t, BYTES("-")))
		return CVSS_NONE;
	assert_true(bytes_to_u64(head, &whole) && bytes_to_u64(rest, &part));
	return (int)(whole * 10 + part);
}

static size_t
hold_file(const char *name)
{
	struct bytes file = file_slurp(shared_path(name)), rest = file, line;
	size_t n = 0, bad = 0;

	assert_non_null(file.ptr);
	while (rest.len > 0) {
		struct bytes cell[4];
		struct cvss_scores s;
		struct cvss v;
		size_t at;
		bool same;

		line = bytes_split(rest, '\n', &rest);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		for (size_t i = 0; i < ARRAY_LEN(cell); i++)
			cell[i] = bytes_split(line, '\t', &line);
		n++;
		if (parse(cell[0], &v, &at) != FAULT_none)
			fail_msg("%.*s: refused at %zu", (int)cell[0].len,
			    (const char *)cell[0].ptr, at);
		s = cvss_score(&v);
		same = v.version == CVSS_4_0
			   ? s.score == tenths(cell[1])
			   : s.base == tenths(cell[1]) && s.temporal == tenths(cell[2]) &&
				 s.environmental == tenths(cell[3]);
		if (!same && bad++ < 10)
			print_message("# %.*s: %d %d %d %d\n", (int)(line.ptr - cell[0].ptr),
			    (const char *)cell[0].ptr, s.base, s.temporal, s.environmental,
			    s.score);
	}
	free((void *)(uintptr_t)file.ptr);
	assert_int_equal(bad, 0);
	return n;
}

static void
shared_scores(void **state)
{
	(void)state;
	if (shared_path("cvss/SOURCES.md") == NULL) {
		print_message("# no shared data: skipped\n");
		return; /* not skip(): meson reads its line as a failure */
	}
	print_message("# %zu of 2.0\n", hold_file("cvss/generated/v2.tsv"));
	print_message("# %zu of 3.0\n", hold_file("cvss/generated/v3.0.tsv"));
	print_message("# %zu of 3.1\n", hold_file("cvss/generated/v3.1.tsv"));
	print_message("# %zu of 4.0\n", hold_file("cvss/generated/v4.0.tsv"));
}

static void
shared_refusals(void **state)
{
	struct bytes file, rest, line;
	struct cvss v;
	size_t at, n = 0;

	(void)state;
	if (shared_path("cvss/SOURCES.md") == NULL) {
		print_message("# no shared data: skipped\n");
		return; /* not skip(): meson reads its line as a failure */
	}
	file = file_slurp(shared_path("cvss/invalid.txt"));
	assert_non_null(file.ptr);
	for (rest = file; rest.len > 0;) {
		line = bytes_split(rest, '\n', &rest);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (parse(line, &v, &at) == FAULT_none)
			fail_msg("%.*s: taken", (int)line.len, (const char *)line.ptr);
		n++;
	}
	free((void *)(uintptr_t)file.ptr);
	print_message("# %zu refused\n", n);
	assert_true(n > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scores),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(all_of_2),
	    cmocka_unit_test(all_of_3),
	    cmocka_unit_test(all_of_4),
	    cmocka_unit_test(written_reads_the_same),
	    cmocka_unit_test(values_by_name),
	    cmocka_unit_test(shared_scores),
	    cmocka_unit_test(shared_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
