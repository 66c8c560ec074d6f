/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/purl.h"

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
parse(struct bytes text, struct purl *p, size_t *at)
{
	struct guard g = guard_new(text);
	enum fault f = purl_parse(arena, g.view, p, at);

	guard_free(&g);
	return f;
}

static bool
writes(const struct purl *p, struct bytes expected)
{
	struct buf out = {0};
	bool same;

	purl_write(p, &out);
	same = bytes_eq(buf_bytes(&out), expected);
	if (!same)
		print_message("# wrote %.*s, not %.*s\n", (int)out.len, (char *)out.ptr,
		    (int)expected.len, (const char *)expected.ptr);
	buf_free(&out);
	return same;
}

static void
canonical(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
	    {"pkg:npm/foobar@12.3.1", "pkg:npm/foobar@12.3.1"},
	    {"PKG:NPM/%40Angular/Animation@12.3.1", "pkg:npm/%40Angular/Animation@12.3.1"},
	    {"pkg:npm/@angular/animation@12.3.1", "pkg:npm/%40angular/animation@12.3.1"},
	    {"pkg:PyPI/Django_package@1.11.1.DEV1", "pkg:pypi/django-package@1.11.1.dev1"},
	    {"pkg:github/Package-url/purl-Spec@ABC", "pkg:github/package-url/purl-spec@ABC"},
	    {"pkg://generic//a//b/", "pkg:generic/a/b"},
	    {"pkg:generic/a@", "pkg:generic/a"},
	    {"pkg:generic/a?", "pkg:generic/a"},
	    {"pkg:generic/a?z=&B=1&a=2", "pkg:generic/a?a=2&b=1"},
	    {"pkg:generic/a?url=x?y=z", "pkg:generic/a%3Furl%3Dx?y=z"},
	    {"pkg:generic/a#/./b/../c//", "pkg:generic/a#b/c"},
	    {"pkg:generic/a#%2e%2E/b", "pkg:generic/a#b"},
	    {"pkg:generic/a%2Fb@1%2F2", "pkg:generic/a%2Fb@1%2F2"},
	    {"pkg:generic/a@1/2", "pkg:generic/a@1%2F2"},
	    {"pkg:generic/\xc3\xa9", "pkg:generic/%C3%A9"},
	    {"pkg:generic/a%20b+c~d", "pkg:generic/a%20b%2Bc~d"},
	    {"pkg:oci/Debian@SHA256:AB", "pkg:oci/debian@sha256:ab"},
	    {"pkg:rpm/Fedora/Curl@7", "pkg:rpm/fedora/Curl@7"},
	    {"pkg:cpan/drolsky/DateTime", "pkg:cpan/DROLSKY/DateTime"},
	    {"pkg:pub/A-b.C", "pkg:pub/a_b_c"},
	    {"pkg:git/GitHub.com/A/B/C.git", "pkg:git/github.com/a/b/c.git"},
	    {"pkg:git/codeberg.org/A/b", "pkg:git/codeberg.org/A/b"},
	    {"pkg:mlflow/Model?repository_url=x.databricks.net",
		"pkg:mlflow/model?repository_url=x.databricks.net"},
	    {"pkg:mlflow/Model?repository_url=x.azureml.ms",
		"pkg:mlflow/Model?repository_url=x.azureml.ms"},
	    {"pkg:swid/F@29?tag_id=75B8C285-FA7B-485B-B199-4745E3004D0D",
		"pkg:swid/F@29?tag_id=75b8c285-fa7b-485b-b199-4745e3004d0d"},
	    {"pkg:swid/F@29?tag_id=Org.F", "pkg:swid/F@29?tag_id=Org.F"},
	    {"pkg:golang/GitHub.com/Gorilla/Context@V1",
		"pkg:golang/github.com/gorilla/context@V1"},
	    {"pkg:huggingface/M/Bert@ABC", "pkg:huggingface/M/Bert@abc"},
	    {"pkg:conan/v/p@1?channel=stable", "pkg:conan/v/p@1?channel=stable"},
	    {"pkg:chrome-extension/HLEPFOOHEGKHHMJIEOECHADDAEJAOKHF@25.7.1",
		"pkg:chrome-extension/hlepfoohegkhhmjieoechaddaejaokhf@25.7.1"},
	    {"pkg:future-type/N/a@V", "pkg:future-type/N/a@V"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct purl p;
		size_t at;
		enum fault f = parse(bytes_str(table[i].in), &p, &at);

		if (f != FAULT_none)
			fail_msg("%s: %s at %zu", table[i].in, fault_name(f), at);
		if (!writes(&p, bytes_str(table[i].out)))
			fail_msg("%s", table[i].in);
	}
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
	    {"npm/a", FAULT_scheme, 0},
	    {"pkg", FAULT_scheme, 0},
	    {"pkg%3Anpm/a", FAULT_scheme, 0},
	    {"pk:npm/a", FAULT_scheme, 0},
	    {"http://npm/a", FAULT_scheme, 0},
	    {" pkg:npm/a", FAULT_control, 0},
	    {"pkg:npm/a ", FAULT_control, 9},
	    {"pkg:npm/a\tb", FAULT_control, 9},
	    {"pkg:npm/a\x7f", FAULT_control, 9},
	    {"pkg:", FAULT_type_form, 4},
	    {"pkg:/", FAULT_type_form, 5},
	    {"pkg:3npm/a", FAULT_type_form, 4},
	    {"pkg:n_m/a", FAULT_type_form, 4},
	    {"pkg:n+m/a", FAULT_type_form, 4},
	    {"pkg:n%70m/a", FAULT_type_form, 4},
	    {"pkg:npm:x/a", FAULT_type_form, 4},
	    {"pkg:npm", FAULT_name_missing, 7},
	    {"pkg:npm/", FAULT_name_missing, 7},
	    {"pkg:npm/@1", FAULT_name_missing, 8},
	    {"pkg:npm/a/@1", FAULT_name_missing, 10},
	    {"pkg:npm/@angular/animation", FAULT_name_missing, 8},
	    {"pkg:npm/a%", FAULT_percent, 9},
	    {"pkg:npm/a%2", FAULT_percent, 9},
	    {"pkg:npm/a%2g", FAULT_percent, 9},
	    {"pkg:npm/a@%zz", FAULT_percent, 10},
	    {"pkg:npm/a?b=%", FAULT_percent, 12},
	    {"pkg:npm/a#%4", FAULT_percent, 10},
	    {"pkg:npm/%ff", FAULT_encoding, 8},
	    {"pkg:npm/%c0%af", FAULT_encoding, 8},
	    {"pkg:npm/%ed%a0%80", FAULT_encoding, 8},
	    {"pkg:npm/\xff", FAULT_encoding, 8},
	    {"pkg:npm/a%2Fb/c", FAULT_segment_slash, 8},
	    {"pkg:npm/a#b%2fc", FAULT_segment_slash, 10},
	    {"pkg:npm/a?=1", FAULT_qualifier_key, 10},
	    {"pkg:npm/a?b=1&&c=2", FAULT_qualifier_key, 14},
	    {"pkg:npm/a?1b=1", FAULT_qualifier_key, 10},
	    {"pkg:npm/a?b%20=1", FAULT_qualifier_key, 10},
	    {"pkg:npm/a?b=1&c=2&B=3", FAULT_qualifier_twice, 18},
	    {"pkg:cargo/n/a", FAULT_namespace_given, 10},
	    {"pkg:pypi/n/a", FAULT_namespace_given, 9},
	    {"pkg:deb/curl@7", FAULT_namespace_missing, 8},
	    {"pkg:maven/a@1", FAULT_namespace_missing, 10},
	    {"pkg:swift/a@1", FAULT_namespace_missing, 10},
	    {"pkg:julia/Dates@1", FAULT_qualifier_missing, 17},
	    {"pkg:julia/Dates?uuid=", FAULT_qualifier_missing, 16},
	    {"pkg:swid/F@29?x=1", FAULT_qualifier_missing, 14},
	    {"pkg:conan/p@1?channel=stable", FAULT_namespace_missing, 10},
	    {"pkg:conan/v/p@1", FAULT_qualifier_missing, 10},
	    {"pkg:cpan/URI::X", FAULT_name_form, 9},
	    {"pkg:cocoapods/.a", FAULT_name_form, 14},
	    {"pkg:cocoapods/a+b", FAULT_name_form, 14},
	    {"pkg:cocoapods/a%20b", FAULT_name_form, 14},
	    {"pkg:git/codeberg.org/%2F", FAULT_name_missing, 21},
	    {"pkg:chrome-extension/hlepfoohegkhhmjieoechaddaejaokhz", FAULT_name_form, 21},
	    {"pkg:chrome-extension/hlepf", FAULT_name_form, 21},
	    {"pkg:chrome-extension/hlepfoohegkhhmjieoechaddaejaokhf@1..2", FAULT_version_form, 54},
	    {"pkg:chrome-extension/hlepfoohegkhhmjieoechaddaejaokhf@1.2.3.4.5", FAULT_version_form,
		54},
	};
	uint8_t long_text[PURL_TEXT_MAX + 1];
	struct buf many = {0};
	struct purl p;
	size_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		enum fault f = parse(bytes_str(table[i].in), &p, &at);

		if (f != table[i].fault || at != table[i].at)
			fail_msg("%s: %s at %zu", table[i].in, fault_name(f), at);
		assert_int_equal(p.type.len, 0);
	}
	memset(long_text, 'a', sizeof(long_text));
	assert_int_equal(parse(bytes_of(long_text, sizeof(long_text)), &p, &at), FAULT_too_long);
	buf_text(&many, "pkg:npm/a?a=1");
	for (int i = 0; i < PURL_QUALIFIERS_MAX; i++)
		buf_printf(&many, "&k%d=1", i);
	assert_int_equal(parse(buf_bytes(&many), &p, &at), FAULT_qualifiers_many);
	many.len -= 6;
	assert_int_equal(parse(buf_bytes(&many), &p, &at), FAULT_none);
	buf_free(&many);
}

static void
out_of_memory(void **state)
{
	struct purl p;
	size_t at;

	(void)state;
	for (size_t cap = 0; cap < 4200; cap += 4096) {
		struct arena *small = arena_new(cap == 0 ? 1 : cap, NULL);
		enum fault f;

		assert_non_null(small);
		f = purl_parse(small, BYTES("pkg:npm/%40a/b@1?c=2#d"), &p, &at);
		assert_true(f == FAULT_memory || f == FAULT_none);
		arena_free(small);
	}
}

/* All strings of up to six pieces over what means something: each is refused or its canonical
 * form is a fixed point. */
static void
fixed_points(void **state)
{
	static const char *const pieces[] = {"/", "@", "?", "#", "a", "%2F", "=", "&", ".", "%2e"};
	size_t total = 0, taken = 0, all = 1;

	(void)state;
	for (size_t len = 0; len <= 5; len++, all *= ARRAY_LEN(pieces)) {
		for (size_t i = 0; i < all; i++) {
			struct buf text = {0}, out = {0};
			struct purl p, q;
			size_t at, k = i;

			buf_text(&text, i % 2 == 0 ? "pkg:t/" : "pkg:git/h/");
			for (size_t j = 0; j < len; j++, k /= ARRAY_LEN(pieces))
				buf_text(&text, pieces[k % ARRAY_LEN(pieces)]);
			total++;
			if (purl_parse(arena, buf_bytes(&text), &p, &at) == FAULT_none) {
				taken++;
				purl_write(&p, &out);
				if (purl_parse(arena, buf_bytes(&out), &q, &at) != FAULT_none ||
				    !writes(&q, buf_bytes(&out)))
					fail_msg("%.*s", (int)text.len, (char *)text.ptr);
			}
			buf_free(&text);
			buf_free(&out);
			arena_reset(arena);
		}
	}
	print_message("# %zu of %zu taken\n", taken, total);
}

/* --- shared vectors --- */

struct tally {
	size_t tests, known, bad;
};

/* Vectors that another one contradicts: doc/truth-intel.md. */
static bool
is_known(const json_t *test)
{
	struct bytes input = vectors_text(test, "input"), type = vectors_text(test, "test_type");

	return bytes_eq(type, BYTES("parse")) &&
	       bytes_eq(
		   input, BYTES("pkg:Rpm/fedora/curl@7.50.3-1.fc25?Arch=i386&Distro=fedora-25"));
}

static bool
component_is(const json_t *expected, const char *key, struct bytes got)
{
	return bytes_eq(vectors_text(expected, key), got);
}

static bool
parts_are(const json_t *expected, const struct purl *p)
{
	json_t *q = json_object_get(expected, "qualifiers"), *value;
	const char *key;

	if (json_object_size(q) != p->n_qualifiers)
		return false;
	json_object_foreach(q, key, value) if (!bytes_eq(purl_qualifier(p, bytes_str(key)),
						   bytes_of(json_string_value(value),
						       json_string_length(value)))) return false;
	return component_is(expected, "type", p->type) &&
	       component_is(expected, "namespace", p->namespace) &&
	       component_is(expected, "name", p->name) &&
	       component_is(expected, "version", p->version) &&
	       component_is(expected, "subpath", p->subpath);
}

static enum fault
build_from(const json_t *input, struct purl *out)
{
	struct purl parts = {.type = vectors_text(input, "type"),
	    .namespace = vectors_text(input, "namespace"),
	    .name = vectors_text(input, "name"),
	    .version = vectors_text(input, "version"),
	    .subpath = vectors_text(input, "subpath")};
	json_t *q = json_object_get(input, "qualifiers"), *value;
	const char *key;

	json_object_foreach(q, key, value) parts.qualifiers[parts.n_qualifiers++] =
	    (struct purl_qualifier){
		bytes_str(key), bytes_of(json_string_value(value), json_string_length(value))};
	return purl_build(arena, &parts, out);
}

static bool
holds(const json_t *test)
{
	struct bytes type = vectors_text(test, "test_type");
	json_t *input = json_object_get(test, "input");
	json_t *expected = json_object_get(test, "expected_output");
	bool fails = json_is_true(json_object_get(test, "expected_failure"));
	struct purl p;
	enum fault f;
	size_t at;

	f = bytes_eq(type, BYTES("build")) ? build_from(input, &p)
					   : parse(vectors_text(test, "input"), &p, &at);
	if (fails || f != FAULT_none)
		return fails == (f != FAULT_none);
	return bytes_eq(type, BYTES("parse")) ? parts_are(expected, &p)
					      : writes(&p, vectors_text(test, "expected_output"));
}

static void
hold_file(void *ctx, const char *name)
{
	struct tally *t = ctx;
	json_t *tests, *root = vectors_open(name, &tests), *test;
	size_t i;

	assert_non_null(root);
	json_array_foreach(tests, i, test)
	{
		char *text;

		t->tests++;
		if (holds(test))
			continue;
		if (is_known(test)) {
			t->known++;
			continue;
		}
		t->bad++;
		text = json_dumps(json_object_get(test, "input"), JSON_ENCODE_ANY | JSON_COMPACT);
		print_message("# %s: %s %s: %s\n", name,
		    json_string_value(json_object_get(test, "test_type")),
		    json_string_value(json_object_get(test, "description")), text);
		free(text);
	}
	json_decref(root);
	arena_reset(arena);
}

static void
shared_suite(void **state)
{
	struct tally t = {0};

	(void)state;
	if (shared_path("purl/SOURCES.md") == NULL) {
		print_message("# no shared data: skipped\n");
		return; /* not skip(): meson reads its line as a failure */
	}
	(void)vectors_each("purl/spec", ".json", hold_file, &t);
	(void)vectors_each("purl/types", "-test.json", hold_file, &t);
	print_message("# %zu tests, %zu contradicted by others\n", t.tests, t.known);
	assert_int_equal(t.bad, 0);
	assert_true(t.tests > 300 && t.known <= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(canonical),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(out_of_memory),
	    cmocka_unit_test(fixed_points),
	    cmocka_unit_test(shared_suite),
	};
	int status;

	arena = arena_new(16 << 20, NULL);
	if (arena == NULL)
		return 99;
	status = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(arena);
	return status;
}
