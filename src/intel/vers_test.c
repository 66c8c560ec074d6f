/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/vers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "intel/vectors.h"
#include "rng.h"

static struct arena *arena;

static enum fault
parse(struct bytes text, enum vers_reading reading, struct vers *v, size_t *at)
{
	struct guard g = guard_new(text);
	enum fault f = vers_parse(arena, g.view, reading, v, at);

	guard_free(&g);
	return f;
}

static void
contains(void **state)
{
	static const struct {
		const char *range;
		const char *in, *out; /* versions between blanks */
	} table[] = {
	    {"vers:npm/*", "0.0.0 9.9.9-x not-a-version", ""},
	    {"vers:all/*", "1 x", ""},
	    {"vers:npm/1.2.3", "1.2.3 1.2.3+b", "1.2.2 1.2.3-a 1.2.4"},
	    {"vers:npm/=1.2.3", "1.2.3", "1.2.4"},
	    {"vers:npm/!=1.2.3", "1.2.2 1.2.4", "1.2.3"},
	    {"vers:npm/<2.0.0", "0.0.0 1.9.9 2.0.0-rc.1", "2.0.0 3.0.0"},
	    {"vers:npm/<=2.0.0", "2.0.0 0.1.0", "2.0.1"},
	    {"vers:npm/>2.0.0", "2.0.1", "2.0.0 1.0.0"},
	    {"vers:npm/>=1.0.0|<2.0.0", "1.0.0 1.5.0", "0.9.0 2.0.0"},
	    {"vers:npm/>=1.0.0|!=1.5.0|<2.0.0", "1.0.0 1.4.0 1.6.0", "1.5.0 2.0.0"},
	    {"vers:npm/<1.0.0|>=2.0.0|<3.0.0|4.0.0", "0.1.0 2.5.0 4.0.0", "1.0.0 3.0.0 4.0.1"},
	    {"vers:npm/<1.0.0|>2.0.0", "0.1.0 3.0.0", "1.0.0 1.5.0 2.0.0"},
	    {"vers:npm/1.0.0|2.0.0|>=3.0.0", "1.0.0 2.0.0 3.0.0 4.0.0", "1.5.0 0.1.0"},
	    {"vers:deb/<1:0", "2 0:1", "1:0 2:0"},
	    {"vers:generic/<2.10", "2.9", "2.10 2.11"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct bytes lists[2] = {bytes_str(table[i].in), bytes_str(table[i].out)};
		struct vers v;
		size_t at;

		assert_int_equal(
		    parse(bytes_str(table[i].range), VERS_STRICT, &v, &at), FAULT_none);
		for (size_t k = 0; k < 2; k++) {
			while (lists[k].len > 0) {
				struct bytes one = bytes_split(lists[k], ' ', &lists[k]);
				bool in;

				assert_int_equal(vers_contains(&v, one, &in), FAULT_none);
				if (in != (k == 0))
					fail_msg("%s: %.*s", table[i].range, (int)one.len,
					    (const char *)one.ptr);
			}
		}
	}
}

static void
soft(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
	    {"vers:npm/ >= 1.0.0 | <2.0.0 |", "vers:npm/>=1.0.0|<2.0.0"},
	    {"vers:npm/>=2.0.0||1.0.0", "vers:npm/1.0.0|>=2.0.0"},
	    {"vers:all/<V4.3.8", "vers:all/<V4.3.8"},
	    {"vers:deb/1%3a1", "vers:deb/1:1"},
	    {"vers:generic/1%7C2", "vers:generic/1%7C2"},
	};
	struct vers v;
	size_t at;
	bool in;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct buf out = {0};

		assert_int_equal(parse(bytes_str(table[i].in), VERS_SOFT, &v, &at), FAULT_none);
		vers_write(&v, &out);
		if (!bytes_eq(buf_bytes(&out), bytes_str(table[i].out)))
			fail_msg("%s: %.*s", table[i].in, (int)out.len, (char *)out.ptr);
		buf_free(&out);
	}
	/* The constraint counts, not the word "all". */
	assert_int_equal(parse(BYTES("vers:all/<V4.3.8"), VERS_SOFT, &v, &at), FAULT_none);
	assert_int_equal(vers_contains(&v, BYTES("V4.3.7"), &in), FAULT_none);
	assert_true(in);
	assert_int_equal(vers_contains(&v, BYTES("4.3.8"), &in), FAULT_none);
	assert_false(in);
	assert_int_equal(vers_contains(&v, BYTES("4.3.x"), &in), FAULT_version_wildcard);
	assert_false(in);
}

static void
refusals(void **state)
{
	static const struct {
		const char *in;
		enum fault fault;
		size_t at;
	} table[] = {
	    {"", FAULT_empty, 0},
	    {"npm/1.0.0", FAULT_vers_prefix, 0},
	    {"vers:npm", FAULT_vers_prefix, 0},
	    {"VERS:npm/1", FAULT_vers_prefix, 0},
	    {"vers:/1.0.0", FAULT_vers_type, 5},
	    {"vers:NPM/1.0.0", FAULT_vers_type, 5},
	    {"vers:n_m/1.0.0", FAULT_vers_type, 5},
	    {"vers:npm/", FAULT_vers_pipe, 9},
	    {"vers:npm/|1.0.0", FAULT_vers_pipe, 9},
	    {"vers:npm/1.0.0|", FAULT_vers_pipe, 15},
	    {"vers:npm/1.0.0||2.0.0", FAULT_vers_pipe, 15},
	    {"vers:npm/ 1.0.0", FAULT_control, 9},
	    {"vers:npm/1.0.0\t", FAULT_control, 14},
	    {"vers:npm/>=", FAULT_vers_constraint, 9},
	    {"vers:npm/>>1.0.0", FAULT_vers_constraint, 10},
	    {"vers:npm/=>1.0.0", FAULT_vers_constraint, 10},
	    {"vers:npm/1.*", FAULT_vers_constraint, 11},
	    {"vers:npm/*|1.0.0", FAULT_vers_star, 9},
	    {"vers:npm/>*", FAULT_vers_constraint, 10},
	    {"vers:npm/1.0%2G0", FAULT_percent, 12},
	    {"vers:npm/1.0%2", FAULT_percent, 12},
	    {"vers:npm/1%2e0", FAULT_vers_encoding, 10},
	    {"vers:npm/1%2E0", FAULT_vers_encoding, 10},
	    {"vers:npm/%FF", FAULT_encoding, 9},
	    {"vers:npm/2.0.0|1.0.0", FAULT_vers_unsorted, 9},
	    {"vers:npm/1.0.0|1.0.0", FAULT_vers_twice, 9},
	    {"vers:npm/>=1.0.0|<1.0.0", FAULT_vers_twice, 9},
	    {"vers:npm/1.0.0|latest", FAULT_version_invalid, 9},
	    {"vers:unheard-of/1|2", FAULT_scheme_unknown, 16},
	    {"vers:datetime/2024-01-01t00:00:00z", FAULT_version_invalid, 14},
	};
	uint8_t *long_text = malloc(VERS_TEXT_MAX + 1);
	struct buf many = {0};
	struct vers v;
	size_t at;
	bool in;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		enum fault f = parse(bytes_str(table[i].in), VERS_STRICT, &v, &at);

		if (f != table[i].fault || at != table[i].at)
			fail_msg("%s: %s at %zu", table[i].in, fault_name(f), at);
	}
	assert_non_null(long_text);
	memset(long_text, 'v', VERS_TEXT_MAX + 1);
	assert_int_equal(
	    parse(bytes_of(long_text, VERS_TEXT_MAX + 1), VERS_SOFT, &v, &at), FAULT_too_long);
	free(long_text);
	buf_text(&many, "vers:intdot/0");
	for (int i = 1; i <= VERS_CONSTRAINTS_MAX; i++)
		buf_printf(&many, "|%d", i);
	assert_int_equal(parse(buf_bytes(&many), VERS_STRICT, &v, &at), FAULT_vers_many);
	buf_free(&many);
	/* A single constraint of a scheme that is not known can be read, but not asked. */
	assert_int_equal(parse(BYTES("vers:unheard-of/<1"), VERS_STRICT, &v, &at), FAULT_none);
	assert_int_equal(vers_contains(&v, BYTES("0"), &in), FAULT_scheme_unknown);
	assert_int_equal(parse(BYTES("vers:npm/<1.0.0"), VERS_STRICT, &v, &at), FAULT_none);
	assert_int_equal(vers_contains(&v, BYTES("0"), &in), FAULT_version_invalid);
}

/* Against a plain reading of the same constraints, number by number. */
static void
every_small_range(void **state)
{
	static const char *const signs[] = {"<", "<=", ">", ">="};
	size_t ranges = 0;

	(void)state;
	/* Alternating bounds at 2, 4, 6, 8: any run of the four, each with one of four signs. */
	for (int mask = 1; mask < 16; mask++) {
		for (int pick = 0; pick < 256; pick++) {
			struct buf text = {0};
			struct vers v;
			int sign[4], n = 0, place[4];
			size_t at;

			buf_text(&text, "vers:intdot/");
			for (int i = 0; i < 4; i++) {
				if ((mask >> i & 1) == 0)
					continue;
				sign[n] = pick >> (2 * i) & 3;
				place[n] = 2 * (i + 1);
				buf_printf(
				    &text, "%s%s%d", n > 0 ? "|" : "", signs[sign[n]], place[n]);
				n++;
			}
			assert_int_equal(
			    vers_parse(arena, buf_bytes(&text), VERS_STRICT, &v, &at), FAULT_none);
			for (int x = 0; x < 10; x++) {
				char version[4];
				bool in, expected = false;

				for (int i = 0; i < n; i++) {
					bool upper =
					    sign[i]<2, before_lower = i> 0 && sign[i - 1] >= 2;

					expected |= x == place[i] && (sign[i] & 1) != 0;
					if (upper && x < place[i] &&
					    (i == 0 || (before_lower && x > place[i - 1])))
						expected = true;
				}
				expected |= sign[n - 1] >= 2 && x > place[n - 1];
				(void)snprintf(version, sizeof(version), "%d", x);
				assert_int_equal(
				    vers_contains(&v, bytes_str(version), &in), FAULT_none);
				if (in != expected)
					fail_msg("%.*s: %d", (int)text.len, (char *)text.ptr, x);
			}
			buf_free(&text);
			arena_reset(arena);
			ranges++;
		}
	}
	print_message("# %zu ranges\n", ranges);
}

/* --- OSV --- */

static void
events(void **state)
{
	static const struct osv_event table[] = {
	    {OSV_FIXED, BYTES_INIT("2.0.0")},
	    {OSV_INTRODUCED, BYTES_INIT("0")},
	    {OSV_INTRODUCED, BYTES_INIT("3.0.0")},
	    {OSV_LAST_AFFECTED, BYTES_INIT("3.5.0")},
	};
	static const struct osv_event limit[] = {
	    {OSV_INTRODUCED, BYTES_INIT("1.0.0")},
	    {OSV_LIMIT, BYTES_INIT("2.0.0")},
	};
	static const struct {
		const char *version;
		bool in, in_limit;
	} cases[] = {
	    {"0.0.0-a", true, false},
	    {"1.0.0", true, true},
	    {"2.0.0-rc.1", true, true},
	    {"2.0.0", false, false},
	    {"2.9.0", false, false},
	    {"3.0.0-rc.1", false, false},
	    {"3.0.0", true, false},
	    {"3.5.0", true, false},
	    {"3.5.1", false, false},
	};
	const struct version_scheme *s = version_scheme_named(BYTES("semver"));
	bool in;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(
		    osv_affects(s, table, ARRAY_LEN(table), bytes_str(cases[i].version), &in),
		    FAULT_none);
		assert_int_equal(in, cases[i].in);
		assert_int_equal(
		    osv_affects(s, limit, ARRAY_LEN(limit), bytes_str(cases[i].version), &in),
		    FAULT_none);
		assert_int_equal(in, cases[i].in_limit);
	}
	assert_int_equal(osv_affects(s, table, 0, BYTES("1.0.0"), &in), FAULT_none);
	assert_false(in);
	assert_int_equal(
	    osv_affects(s, table, ARRAY_LEN(table), BYTES("1.0"), &in), FAULT_version_invalid);
	assert_false(in);
}

/* --- shared vectors --- */

struct tally {
	size_t tests, bad;
};

static bool
canonical_parse_holds(const json_t *test)
{
	static const char *const signs[] = {"=", "!=", "<", "<=", ">", ">="};
	json_t *expected = json_object_get(test, "expected_output");
	json_t *list = json_object_get(expected, "version_constraints");
	bool fails = json_is_true(json_object_get(test, "expected_failure"));
	struct vers v;
	size_t at;
	enum fault f = parse(vectors_text(test, "input"), VERS_STRICT, &v, &at);

	if (fails || f != FAULT_none)
		return fails == (f != FAULT_none);
	if (v.n != json_array_size(list) || !bytes_eq(v.type, vectors_text(expected, "scheme")))
		return false;
	for (size_t i = 0; i < v.n; i++) {
		json_t *pair = json_array_get(list, i), *version = json_array_get(pair, 1);

		if (strcmp(json_string_value(json_array_get(pair, 0)),
			signs[v.list[i].comparator]) != 0 ||
		    !bytes_eq(v.list[i].version,
			bytes_of(json_string_value(version), json_string_length(version))))
			return false;
	}
	return true;
}

static bool
validate_holds(const json_t *test)
{
	struct buf out = {0};
	struct vers v;
	size_t at;
	bool same;

	if (parse(vectors_text(test, "input"), VERS_SOFT, &v, &at) != FAULT_none)
		return false;
	vers_write(&v, &out);
	same = bytes_eq(buf_bytes(&out), vectors_text(test, "expected_output"));
	buf_free(&out);
	return same;
}

static bool
containment_holds(const json_t *test)
{
	json_t *input = json_object_get(test, "input");
	struct vers v;
	size_t at;
	bool in;

	return parse(vectors_text(input, "vers"), VERS_SOFT, &v, &at) == FAULT_none &&
	       vers_contains(&v, vectors_text(input, "version"), &in) == FAULT_none &&
	       in == json_is_true(json_object_get(test, "expected_output"));
}

static void
hold_vectors(void *ctx, const char *name)
{
	struct tally *t = ctx;
	json_t *tests, *root = vectors_open(name, &tests), *test;
	size_t i;

	json_array_foreach(tests, i, test)
	{
		struct bytes type = vectors_text(test, "test_type");
		bool holds;

		if (bytes_eq(type, BYTES("parse")))
			holds = canonical_parse_holds(test);
		else if (bytes_eq(type, BYTES("validate")))
			holds = validate_holds(test);
		else if (bytes_eq(type, BYTES("containment")))
			holds = containment_holds(test);
		else
			continue;
		t->tests++;
		if (!holds) {
			char *text = json_dumps(test, JSON_COMPACT);

			t->bad++;
			print_message("# %s: %s\n", name, text);
			free(text);
		}
	}
	json_decref(root);
	arena_reset(arena);
}

static void
shared_vectors(void **state)
{
	struct tally t = {0};

	(void)state;
	if (shared_path("versions/SOURCES.md") == NULL) {
		print_message("# no shared data: skipped\n");
		return; /* not skip(): meson reads its line as a failure */
	}
	(void)vectors_each("versions/vers-spec", ".json", hold_vectors, &t);
	print_message("# %zu vectors\n", t.tests);
	assert_int_equal(t.bad, 0);
	assert_true(t.tests > 30);
}

static size_t
events_of(const json_t *range, struct osv_event *out, size_t cap)
{
	static const char *const kinds[] = {"introduced", "fixed", "last_affected", "limit"};
	json_t *list = json_object_get(range, "events"), *e;
	size_t i, n = 0;

	json_array_foreach(
	    list, i, e) for (size_t k = 0; k < ARRAY_LEN(kinds);
			     k++) if (json_object_get(e, kinds[k]) != NULL && n < cap) out[n++] =
	    (struct osv_event){(enum osv_event_kind)k, vectors_text(e, kinds[k])};
	return n;
}

static bool
osv_holds(const json_t *row)
{
	char name[256];
	json_t *none, *root, *affected, *list, *one;
	struct bytes version = vectors_text(row, "version");
	bool hit = false;
	size_t i;

	(void)snprintf(
	    name, sizeof(name), "osv/%s", json_string_value(json_object_get(row, "file")));
	root = vectors_open(name, &none);
	/* Some files are wrapped by who collected them. */
	affected = json_object_get(root, "affected");
	if (affected == NULL)
		affected = json_object_get(json_object_get(root, "item"), "affected");
	affected = json_array_get(
	    affected, (size_t)json_integer_value(json_object_get(row, "affected_index")));
	assert_non_null(affected);
	list = json_object_get(affected, "versions");
	json_array_foreach(list, i, one) hit |=
	    bytes_eq(version, bytes_of(json_string_value(one), json_string_length(one)));
	list = json_object_get(affected, "ranges");
	json_array_foreach(list, i, one)
	{
		struct osv_event found[256];
		size_t n = events_of(one, found, ARRAY_LEN(found));
		bool in = false;

		if (!bytes_eq(vectors_text(one, "type"), BYTES("SEMVER")))
			continue;
		hit |= osv_affects(version_scheme_named(BYTES("npm")), found, n, version, &in) ==
			   FAULT_none &&
		       in;
	}
	json_decref(root);
	return hit == json_is_true(json_object_get(row, "affected"));
}

static void
shared_osv(void **state)
{
	json_t *rows, *root, *row;
	size_t i, bad = 0;

	(void)state;
	if (shared_path("osv/SOURCES.md") == NULL) {
		print_message("# no shared data: skipped\n");
		return;
	}
	root = vectors_open("osv/version_truth.json", &rows);
	json_array_foreach(rows, i, row)
	{
		if (!osv_holds(row)) {
			char *text = json_dumps(row, JSON_COMPACT);

			bad++;
			print_message("# %s\n", text);
			free(text);
		}
	}
	print_message("# %zu rows\n", json_array_size(rows));
	assert_int_equal(bad, 0);
	assert_true(json_array_size(rows) > 200);
	json_decref(root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(contains),
	    cmocka_unit_test(soft),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(every_small_range),
	    cmocka_unit_test(events),
	    cmocka_unit_test(shared_vectors),
	    cmocka_unit_test(shared_osv),
	};
	int status;

	arena = arena_new(16 << 20, NULL);
	if (arena == NULL)
		return 99;
	status = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(arena);
	return status;
}
