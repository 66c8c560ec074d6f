/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "intel/vectors.h"
#include "rng.h"

static const struct version_scheme *
scheme(const char *name)
{
	const struct version_scheme *s = version_scheme_named(bytes_str(name));

	if (s == NULL)
		fail_msg("no scheme %s", name);
	return s;
}

static enum fault
compare(const struct version_scheme *s, struct bytes a, struct bytes b, int *order)
{
	struct guard ga = guard_new(a), gb = guard_new(b);
	int of;
	enum fault f = version_compare(s, ga.view, gb.view, order, &of);

	guard_free(&ga);
	guard_free(&gb);
	return f;
}

/* Each line: versions of one scheme, oldest first; = stands between equal ones. */
static const struct {
	const char *scheme, *versions;
} lines[] = {
    {"semver", "0.0.0-0 0.0.0 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 "
	       "1.0.0-beta.11 1.0.0-rc.1 1.0.0 = 1.0.0+b 1.0.1 1.2.0 1.10.0 2.0.0 "
	       "99999999999999999999.0.0 100000000000000000000.0.0"},
    {"npm", "1.2.2 1.2.3-a v1.2.3 = =1.2.3 = 1.2.3 1.2.4"},
    {"go", "v0.0.0-20190101000000-abcdefabcdef v0.1.0 v1 = v1.0 = 1.0.0 = v1.0.0+incompatible v1.2 "
	   "v1.2.1"},
    {"deb", "1.0~~ 1.0~~a 1.0~ 1.0 = 1.0-0 = 0:1.0 1.0-1 1.0a 1.0+ 1.0.1 1.2 1.10 1:0 1:0-1~x"},
    {"rpm",
	"1.0~~ 1.0~rc1 1.0 1.0-1 1.0-2 1.0^ 1.0^git1 1.0.a 1.0.1 = 1.0..1 = 1.0.01 1.2 1.10 1:0.1"},
    {"alpm", "1.0a 1.0alpha 1.0b 1.0 1.0.a 1.0.1 1.1 1:0.1"},
    {"apk", "1.0_alpha 1.0_alpha2 1.0_beta 1.0_pre 1.0_rc1 1.0 = 1.0-r0 1.0-r1 1.0_git 1.0_p1 1.0a "
	    "1.0.0 1.01 "
	    "1.1 1.2 1.10"},
    {"pep440",
	"1.dev0 1.0.dev456 1.0a1 = 1.0.alpha-1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 "
	"1.0b2 "
	"1.0b2.post345.dev456 1.0b2.post345 1.0rc1.dev456 1.0rc1 = 1.0c1 = 1.0preview1 1.0 = v1 = "
	"1.0.0 1.0+abc.5 1.0+abc.7 1.0+5 1.0.post456.dev34 1.0.post456 = 1-456 = 1.0.0rev456 "
	"1.0.15 1.1.dev1 1!0.1"},
    {"maven", "1-alpha = 1alpha = 1-a0 1-alpha-1 = 1-a1 1-beta 1-milestone 1-rc = 1-cr 1-SNAPSHOT "
	      "1 = 1.0 = 1-ga = "
	      "1.final = 1-release = 1.0.0 1-sp 1-abc 1-xyz 1-1 = 1.0-1 1.1 = 1.01 2 10"},
    {"gem", "1.a 1.0.b1 = 1.b.1 1.0.b1.1 1.0.pre 1 = 1.0 = 1.0.0 1.0.1 1.2.a 1.2 1.10"},
    {"nuget", "1.0.0-alpha = 1.0-ALPHA 1.0.0-beta 1.0.0-beta.2 1.0 = 1.0.0.0 = 1.0.0+x 1.0.0.1 "
	      "1.0.1 1.10"},
    {"openssl", "0.9.8 0.9.8a 0.9.8z 0.9.8za 1.0.0 1.0.1 1.0.1z 3.0.0-alpha1 3.0.0 3.0.1 3.10.0"},
    {"intdot", "0 1 = 1.0 = 01 1.2 1.10 2"},
    {"lexicographic", "1.10 1.2 A a aa b"},
    {"datetime", "2023-12-31T23:59:59Z = 2024-01-01T00:59:59+01:00 2024-01-01T00:00:00Z = "
		 "2024-01-01T00:00:00.0Z "
		 "2024-01-01T00:00:00.05Z 2024-01-01T00:00:00.5Z 2024-02-29T00:00:00Z"},
    {"generic", "1.0 = 1.00 = v1.0 = V1_0 = Version.1-0 1.0.0 1.1 1.2.a 1.2.b 1.2.1 2.5 2.9 2.10 = "
		"2-10 2.50 4.2 4.12"},
    {"generic", "U7.1 = u7_1 U7.2 U10"},
    {"generic", "2023.1 2023.2 2024.1 20240101"},
    {"generic", "1.0-beta1 1.0-beta2 1.0-rc1"},
};

static void
ordered(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct bytes rest = bytes_str(lines[i].versions), list[64];
		size_t level[64], n = 0, at = 0;

		while (rest.len > 0) {
			struct bytes one = bytes_split(rest, ' ', &rest);

			if (bytes_eq(one, BYTES("="))) {
				at--;
				continue;
			}
			list[n] = one;
			level[n++] = at++;
		}
		for (size_t x = 0; x < n; x++) {
			for (size_t y = 0; y < n; y++) {
				int order, expected = (level[x] > level[y]) - (level[x] < level[y]);
				enum fault f =
				    compare(scheme(lines[i].scheme), list[x], list[y], &order);

				if (f != FAULT_none || order != expected)
					fail_msg("%s: %.*s, %.*s: %d, not %d (%s)", lines[i].scheme,
					    (int)list[x].len, (const char *)list[x].ptr,
					    (int)list[y].len, (const char *)list[y].ptr, order,
					    expected, fault_name(f));
			}
		}
	}
}

static void
refused(void **state)
{
	static const struct {
		const char *scheme, *a, *b;
		enum fault fault;
		int of;
	} table[] = {
	    {"semver", "", "1.0.0", FAULT_empty, 0},
	    {"semver", "1.0.0", "", FAULT_empty, 1},
	    {"semver", "1.0", "1", FAULT_version_invalid, 2},
	    {"semver", "1.0.0", "v1.0.0", FAULT_version_invalid, 1},
	    {"semver", "01.0.0", "1.0.0", FAULT_version_invalid, 0},
	    {"semver", "1.0.0.0", "1.0.0", FAULT_version_invalid, 0},
	    {"semver", "1.0.0-", "1.0.0", FAULT_version_invalid, 0},
	    {"semver", "1.0.0-01", "1.0.0", FAULT_version_invalid, 0},
	    {"semver", "1.0.0-a..b", "1.0.0", FAULT_version_invalid, 0},
	    {"semver", "1.0.0+", "1.0.0", FAULT_version_invalid, 0},
	    {"semver", "1.0.0-\xc3\xa9", "1.0.0", FAULT_version_invalid, 0},
	    {"semver", "-1.0.0", "1.0.0", FAULT_version_invalid, 0},
	    {"npm", "1.0", "1.0.0", FAULT_version_invalid, 0},
	    {"npm", "latest", "1.0.0", FAULT_version_invalid, 0},
	    {"go", "v1.2-pre", "v1.2.0", FAULT_version_invalid, 0},
	    {"go", "master", "v1.2.0", FAULT_version_invalid, 0},
	    {"go", "vv1.2.0", "v1.2.0", FAULT_version_invalid, 0},
	    {"deb", "a:1", "1", FAULT_version_invalid, 0},
	    {"deb", ":1", "1", FAULT_version_invalid, 0},
	    {"deb", "99999999999:1", "1", FAULT_version_invalid, 0},
	    {"deb", "1-", "1", FAULT_version_invalid, 0},
	    {"deb", "-1", "1", FAULT_version_invalid, 0},
	    {"deb", "1_0", "1", FAULT_version_invalid, 0},
	    {"deb", "1 0", "1", FAULT_version_invalid, 0},
	    {"rpm", "1 0", "1", FAULT_version_invalid, 0},
	    {"rpm", "1:", "1", FAULT_version_invalid, 0},
	    {"rpm", "1-", "1", FAULT_version_invalid, 0},
	    {"rpm", "\xc3\xa9", "1", FAULT_version_invalid, 0},
	    {"apk", "1.0_foo1", "1", FAULT_version_invalid, 0},
	    {"apk", "1..0", "1", FAULT_version_invalid, 0},
	    {"apk", "a1", "1", FAULT_version_invalid, 0},
	    {"apk", "1.0-r", "1", FAULT_version_invalid, 0},
	    {"apk", "1.0-1", "1", FAULT_version_invalid, 0},
	    {"pep440", "1.0-foo", "1", FAULT_version_invalid, 0},
	    {"pep440", "1.0.", "1", FAULT_version_invalid, 0},
	    {"pep440", "1.0+", "1", FAULT_version_invalid, 0},
	    {"pep440", "1.0+a..b", "1", FAULT_version_invalid, 0},
	    {"pep440", "!1", "1", FAULT_version_invalid, 0},
	    {"pep440", "1.0.dev1.post1", "1", FAULT_version_invalid, 0},
	    {"maven", "1 0", "1", FAULT_version_invalid, 0},
	    {"gem", "a", "1", FAULT_version_invalid, 0},
	    {"gem", "1..2", "1", FAULT_version_invalid, 0},
	    {"gem", "1.2.", "1", FAULT_version_invalid, 0},
	    {"gem", "1a", "1", FAULT_version_invalid, 0},
	    {"gem", "1_2", "1", FAULT_version_invalid, 0},
	    {"nuget", "1.2.3.4.5", "1", FAULT_version_invalid, 0},
	    {"openssl", "1.0", "1.0.0", FAULT_version_invalid, 0},
	    {"intdot", "1.", "1", FAULT_version_invalid, 0},
	    {"intdot", "1.a", "1", FAULT_version_invalid, 0},
	    {"lexicographic", "\xff", "1", FAULT_encoding, 0},
	    {"datetime", "2024-02-30T00:00:00Z", "2024-01-01T00:00:00Z", FAULT_version_invalid, 0},
	    {"datetime", "2024-01-01t00:00:00z", "2024-01-01T00:00:00Z", FAULT_version_invalid, 0},
	    {"datetime", "2024-01-01T00:00:00", "2024-01-01T00:00:00Z", FAULT_version_invalid, 0},
	    {"datetime", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Z", FAULT_version_invalid, 0},
	    {"datetime", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00Z", FAULT_version_invalid, 0},
	    {"generic", "2.3.6 and below", "1", FAULT_version_words, 0},
	    {"generic", "1.54(x)", "1", FAULT_version_words, 0},
	    {"generic", "14.1.x", "14.1.2", FAULT_version_wildcard, 0},
	    {"generic", "1.2", "2.*", FAULT_version_wildcard, 1},
	    {"generic", "N", "K", FAULT_version_letters, 2},
	    {"generic", "8/30/2024", "1.0", FAULT_version_date, 0},
	    {"generic", "U7", "L9", FAULT_version_prefixes, 2},
	    {"generic", "U7", "7", FAULT_version_prefixes, 2},
	    {"generic", "2023.1", "4.2", FAULT_version_years, 2},
	    {"generic", "20230131", "4.2", FAULT_version_years, 2},
	    {"generic", "4.2-beta1", "4.2", FAULT_version_builds, 2},
	    {"generic", "4.2", "4.2 build 7", FAULT_version_words, 1},
	    {"generic", "4.2", "4.2.build7", FAULT_version_builds, 2},
	    {"generic", "4.2sp1", "4.1", FAULT_version_builds, 2},
	};
	uint8_t long_text[VERSION_TEXT_MAX + 1];
	int order, of;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct version_scheme *s = scheme(table[i].scheme);
		enum fault f =
		    version_compare(s, bytes_str(table[i].a), bytes_str(table[i].b), &order, &of);

		if (f != table[i].fault || of != table[i].of || order != 0)
			fail_msg("%s: %s, %s: %s of %d", table[i].scheme, table[i].a, table[i].b,
			    fault_name(f), of);
	}
	assert_null(version_scheme_named(BYTES("nonsense")));
	assert_null(version_scheme_named(BYTES("")));
	assert_string_equal(version_scheme_name(scheme("PyPI")), "pep440");
	memset(long_text, '1', sizeof(long_text));
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		assert_int_equal(
		    version_compare(scheme(lines[i].scheme), bytes_of(long_text, sizeof(long_text)),
			BYTES("1"), &order, &of),
		    FAULT_too_long);
	}
}

/* --- properties --- */

static struct bytes
any_version(struct rng *rng, uint8_t *out, size_t cap)
{
	static const char *const pieces[] = {"0", "1", "2", "10", "007", "2023", ".", ".", ".", ".",
	    "-", "-", "~", "^", "+", "_", "a", "b", "rc", "alpha", "dev", "post", "pre", "final",
	    "sp", "x", "A", "SNAPSHOT", ":", "!", "r1", "p1", "_p", "_rc1", "-r1", "git"};
	size_t n = 0, count = 1 + rng_below(rng, 7);

	n += (size_t)snprintf((char *)out, cap, "%zu", rng_below(rng, 3));
	while (count-- > 0 && n + 12 < cap)
		n += (size_t)snprintf(
		    (char *)out + n, cap - n, "%s", pieces[rng_below(rng, ARRAY_LEN(pieces))]);
	return bytes_of(out, n);
}

/* In every scheme: what passes the check equals itself, an order turns round with its sides, and
 * goes on over three. */
static void
laws(void **state)
{
	static const char *const names[] = {"semver", "npm", "go", "deb", "rpm", "apk", "pep440",
	    "maven", "gem", "nuget", "openssl", "generic", "intdot", "lexicographic", "alpm"};
	enum { POOL = 120, TEXT = 96 };
	static uint8_t texts[POOL][TEXT];
	static int8_t m[POOL][POOL];
	struct rng rng = rng_new(440);

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		const struct version_scheme *s = scheme(names[k]);
		bool partial = strcmp(names[k], "generic") == 0,
		     loose = strcmp(names[k], "alpm") == 0 || strcmp(names[k], "maven") == 0;
		struct bytes pool[POOL];
		size_t n = 0, tries = 0, triples = 0;
		int order, of;

		while (n < POOL && tries++ < 2000000) {
			pool[n] = any_version(&rng, texts[n], TEXT);
			n += version_check(s, pool[n]) == FAULT_none;
		}
		assert_true(n > 50);
		for (size_t x = 0; x < n; x++) {
			for (size_t y = 0; y < n; y++) {
				enum fault f = version_compare(s, pool[x], pool[y], &order, &of);

				assert_true(f == FAULT_none || (partial && order == 0));
				assert_in_range(order + 1, 0, 2);
				m[x][y] = f == FAULT_none ? (int8_t)order : 9;
				if (x == y)
					assert_int_equal(order, 0);
			}
		}
		for (size_t x = 0; x < n; x++) {
			for (size_t y = 0; y < n; y++) {
				if (m[x][y] == 9 ? m[y][x] != 9 : m[x][y] != -m[y][x])
					fail_msg("%s: %.*s, %.*s: not turned", names[k],
					    (int)pool[x].len, (const char *)pool[x].ptr,
					    (int)pool[y].len, (const char *)pool[y].ptr);
				for (size_t z = 0; z < n && m[x][y] <= 0 && !loose; z++) {
					if (m[x][y] == 9 || m[y][z] == 9 || m[x][z] == 9 ||
					    m[y][z] > 0)
						continue;
					triples++;
					if (m[x][z] > 0 ||
					    ((m[x][y] < 0 || m[y][z] < 0) && m[x][z] == 0))
						fail_msg("%s: %.*s <= %.*s <= %.*s: not so",
						    names[k], (int)pool[x].len,
						    (const char *)pool[x].ptr, (int)pool[y].len,
						    (const char *)pool[y].ptr, (int)pool[z].len,
						    (const char *)pool[z].ptr);
				}
			}
		}
		print_message("# %s: %zu versions, %zu triples\n", names[k], n, triples);
	}
}

/* --- shared vectors --- */

static size_t
hold_pairs(const char *name, const char *scheme_name)
{
	const char *path = shared_path(name);
	struct bytes file = file_slurp(path), rest = file;
	size_t n = 0, bad = 0;

	assert_non_null(file.ptr);
	while (rest.len > 0) {
		struct bytes line = bytes_split(rest, '\n', &rest), a, b;
		int order = 0, expected;
		enum fault f;

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		a = bytes_split(line, '\t', &line);
		b = bytes_split(line, '\t', &line);
		expected = line.ptr[0] == '-' ? -1 : line.ptr[0] - '0';
		f = compare(scheme(scheme_name), a, b, &order);
		n++;
		if ((f != FAULT_none || order != expected) && bad++ < 50)
			print_message("# %s: %.*s, %.*s: %d, not %d (%s)\n", name, (int)a.len,
			    (const char *)a.ptr, (int)b.len, (const char *)b.ptr, order, expected,
			    fault_name(f));
	}
	free((void *)(uintptr_t)file.ptr);
	print_message("# %s: %zu pairs, %zu differ\n", name, n, bad);
	return bad;
}

static void
shared_pairs(void **state)
{
	static const char *const names[] = {"semver", "deb", "rpm", "pep440", "maven", "gem"};
	size_t bad = 0;

	(void)state;
	if (shared_path("versions/SOURCES.md") == NULL) {
		print_message("# no shared data: skipped\n");
		return; /* not skip(): meson reads its line as a failure */
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "versions/generated/%s.tsv", names[i]);
		bad += hold_pairs(name, names[i]);
	}
	assert_int_equal(bad, 0);
}

struct tally {
	size_t tests, skipped, known, bad;
};

/* Written for the order Maven had before 3.8.7: doc/truth-intel.md. */
static bool
is_known(const json_t *test)
{
	json_t *list = json_object_get(json_object_get(test, "input"), "versions");
	const char *a = json_string_value(json_array_get(list, 0));
	const char *b = json_string_value(json_array_get(list, 1));

	return a != NULL && b != NULL && strcmp(a, "2-1") == 0 &&
	       (strcmp(b, "2.0.a") == 0 || strcmp(b, "2.0.0.a") == 0);
}

/* Lists come sorted by their last member first: each neighbour must not be above the next. */
static bool
vector_holds(const json_t *test, const struct version_scheme *s)
{
	json_t *list = json_object_get(json_object_get(test, "input"), "versions");
	json_t *expected = json_object_get(test, "expected_output");
	bool equality = bytes_eq(vectors_text(test, "test_type"), BYTES("equality"));
	json_t *look = equality ? list : expected;
	int order;

	for (size_t i = 0; i + 1 < json_array_size(look); i++) {
		json_t *a = json_array_get(look, i), *b = json_array_get(look, i + 1);

		if (compare(s, bytes_of(json_string_value(a), json_string_length(a)),
			bytes_of(json_string_value(b), json_string_length(b)),
			&order) != FAULT_none)
			return false;
		if (equality ? (order == 0) != json_is_true(expected) : order > 0)
			return false;
	}
	return true;
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
		const struct version_scheme *s = version_scheme_named(
		    vectors_text(json_object_get(test, "input"), "input_scheme"));

		if (!bytes_eq(type, BYTES("comparison")) && !bytes_eq(type, BYTES("equality")))
			continue;
		if (s == NULL) {
			t->skipped++;
			continue;
		}
		t->tests++;
		if (vector_holds(test, s))
			continue;
		if (is_known(test)) {
			t->known++;
			continue;
		}
		if (t->bad++ < 30) {
			char *text = json_dumps(test, JSON_COMPACT);

			print_message("# %s: %s\n", name, text);
			free(text);
		}
	}
	json_decref(root);
}

static void
shared_vectors(void **state)
{
	struct tally t = {0};

	(void)state;
	if (shared_path("versions/SOURCES.md") == NULL) {
		print_message("# no shared data: skipped\n");
		return;
	}
	(void)vectors_each("versions/vers-spec", ".json", hold_vectors, &t);
	(void)vectors_each("versions/univers", ".json", hold_vectors, &t);
	print_message("# %zu vectors, %zu of schemes that are not read, %zu of an older rule\n",
	    t.tests, t.skipped, t.known);
	assert_int_equal(t.bad, 0);
	assert_true(t.known <= 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ordered),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(laws),
	    cmocka_unit_test(shared_pairs),
	    cmocka_unit_test(shared_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
