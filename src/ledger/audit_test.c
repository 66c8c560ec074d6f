/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 700 };

static struct hasher *h;

static void
nothing(void *ctx, unsigned level, uint64_t at, const struct tree_hash *hash)
{
	(void)ctx;
	(void)level;
	(void)at;
	(void)hash;
}

static struct tree_hash
leaf(uint64_t i)
{
	return tree_leaf(h, bytes_of(&i, sizeof(i)));
}

static struct audit_point
point(uint64_t size, const char *label)
{
	struct tree_edge e = {0};
	struct audit_point p = {.size = size};

	for (uint64_t i = 0; i < size; i++) {
		struct tree_hash l = leaf(i);

		tree_edge_add(h, &e, &l, nothing, NULL);
	}
	p.root = tree_edge_root(h, &e);
	(void)snprintf(p.label, sizeof(p.label), "%s", label);
	return p;
}

/* A log of `end` leaves; stored is false at `bad`, or the entry is. */
static void
run(struct audit *a, struct audit_point *points, size_t n, uint64_t end, uint64_t bad,
    bool stored_is_bad)
{
	audit_start(a, h, points, n, NULL);
	for (uint64_t i = 0; i < end; i++) {
		struct tree_hash stored = leaf(i), made = stored;

		if (i == bad)
			(stored_is_bad ? &stored : &made)->b[4] ^= 1;
		audit_leaf(a, &stored, &made);
	}
	audit_end(a);
}

static void
every_place(void **state)
{
	struct audit *a = calloc(1, sizeof(*a));
	uint64_t index;
	bool exact;

	(void)state;
	for (uint64_t bad = 0; bad <= N; bad += 23) {
		for (int stored = 0; stored < 2; stored++) {
			struct audit_point p[3] = {
			    point(N, "last"), point(256, "one"), point(300, "two")};

			run(a, p, 3, N, bad, stored);
			if (bad >= N) {
				assert_false(audit_first(&a->faults, &index, &exact));
				continue;
			}
			assert_true(audit_first(&a->faults, &index, &exact));
			assert_int_equal(index, bad);
			assert_true(exact);
			assert_int_equal(a->good, !stored     ? N
						  : bad < 256 ? 0
						  : bad < 300 ? 256
							      : 300);
		}
	}
	free(a);
}

static void
only_the_root_tells(void **state)
{
	struct audit *a = calloc(1, sizeof(*a));
	struct audit_point p[2] = {point(100, "one"), point(N, "two")};
	uint64_t index;
	bool exact;

	(void)state;
	p[1].root.b[0] ^= 1;
	audit_start(a, h, p, 2, NULL);
	for (uint64_t i = 0; i < N; i++) {
		struct tree_hash l = leaf(i);

		audit_leaf(a, &l, NULL);
	}
	audit_end(a);
	assert_true(audit_first(&a->faults, &index, &exact));
	assert_int_equal(index, 100);
	assert_false(exact);
	assert_int_equal(a->faults.fault[0].to, N - 1);
	free(a);
}

static void
ends_before_what_was_signed(void **state)
{
	struct audit *a = calloc(1, sizeof(*a));
	struct audit_point p[2] = {point(100, "one"), point(N, "two")};
	uint64_t index;
	bool exact;

	(void)state;
	run(a, p, 2, 500, N, false);
	assert_true(audit_first(&a->faults, &index, &exact));
	assert_int_equal(index, 500);
	assert_true(exact);
	assert_int_equal(a->faults.fault[0].kind, AUDIT_SHORT);
	free(a);
}

static void
two_that_disagree(void **state)
{
	struct audit *a = calloc(1, sizeof(*a));
	struct audit_point p[2] = {point(100, "ours"), point(100, "theirs")};
	uint64_t index;
	bool exact;

	(void)state;
	p[1].root.b[0] ^= 1;
	p[1].elsewhere = true;
	run(a, p, 2, 100, N, false);
	assert_true(audit_first(&a->faults, &index, &exact));
	assert_int_equal(index, 0);
	assert_false(exact);
	free(a);
}

static void
faults_are_bounded(void **state)
{
	struct audit_list l = {0};

	(void)state;
	for (uint64_t i = 0; i < 100000; i++)
		audit_add(&l, AUDIT_ENTRY, i, i, "x");
	assert_int_equal(l.n, 1);
	assert_int_equal(l.fault[0].to, 99999);
	for (uint64_t i = 0; i < 1000; i++)
		audit_add(&l, AUDIT_ENTRY, 3 * i, 3 * i, "y");
	assert_int_equal(l.n, AUDIT_FAULTS_MAX);
	assert_int_equal(l.all, 101000);
}

/* --- completeness --- */

struct step {
	uint64_t source;
	int64_t at_s;
	const char *what;   /* NULL: an event of a sensor */
	const char *detail; /* of a capture's start */
};

static struct audit_complete *
told(const struct step *s, size_t n)
{
	struct audit_complete *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	for (size_t i = 0; i < n; i++) {
		struct audit_fact f = {.index = i,
		    .source = s[i].source,
		    .time.ns = s[i].at_s * NS_PER_S,
		    .kind = s[i].what == NULL                 ? FACT_OTHER
			    : strcmp(s[i].what, "alive") == 0 ? FACT_PROCESS
							      : FACT_CAPTURE,
		    .what = bytes_str(s[i].what),
		    .detail = bytes_str(s[i].detail)};

		audit_fact(c, &f);
	}
	audit_complete_end(c);
	return c;
}

static void
gaps(void **state)
{
	static const struct {
		const char *name;
		struct step step[8];
		size_t n;
		const char *text; /* of the only gap, NULL: none */
		uint64_t at;
	} cases[] = {
	    {"whole", {{1, 1, "start", "file"}, {1, 0, NULL, NULL}, {1, 2, "stop", ""}}, 3, NULL,
		0},
	    {"running", {{1, 1, "start", "file"}, {1, 0, NULL, NULL}}, 2, NULL, 0},
	    {"cut off",
		{{1, 1, "start", "file"}, {1, 0, NULL, NULL}, {2, 3, "start", "file"},
		    {2, 4, "stop", ""}},
		4, "capture 1 ends here without", 1},
	    {"one is missing",
		{{1, 1, "start", "file"}, {1, 1, "stop", ""}, {3, 2, "start", "file"}}, 3,
		"nothing tells of capture 2", 2},
	    {"no start", {{1, 0, NULL, NULL}}, 1, "whose start is not told", 0},
	    {"clock back", {{1, 100, "start", "file"}, {1, 40, "stop", ""}}, 2, "60 s behind", 1},
	    {"clock a little back", {{1, 100, "start", "file"}, {1, 99, "stop", ""}}, 2, NULL, 0},
	    {"packets from long ago",
		{{1, 100, "start", "file"}, {1, -999, NULL, NULL}, {1, 101, "stop", ""}}, 3, NULL,
		0},
	    {"silence of a live watch",
		{{1, 100, "start", "interface"}, {0, 400, "alive", ""}, {0, 5000, "alive", ""}}, 3,
		"no word for 4600 s", 2},
	    {"silence between watches",
		{{1, 100, "start", "interface"}, {1, 101, "stop", ""}, {2, 9999, "start", "file"}},
		3, NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct audit_complete *c = told(cases[i].step, cases[i].n);

		if (c->faults.n != (cases[i].text != NULL) ||
		    (cases[i].text != NULL &&
			(strstr(c->faults.fault[0].text, cases[i].text) == NULL ||
			    c->faults.fault[0].from != cases[i].at)))
			fail_msg("%s: %zu gaps, %s", cases[i].name, c->faults.n,
			    c->faults.fault[0].text);
		free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_place),
	    cmocka_unit_test(only_the_root_tells), cmocka_unit_test(ends_before_what_was_signed),
	    cmocka_unit_test(two_that_disagree), cmocka_unit_test(faults_are_bounded),
	    cmocka_unit_test(gaps)};
	int r;

	h = hasher_new();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	hasher_free(h);
	return r;
}
