/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "intel/csaf_check.h"
#include "rng.h"

static struct bytes
sample(const char *name)
{
	const char *root = getenv("HEMOSTAT_SOURCE");
	struct bytes text;
	char path[512];

	(void)snprintf(
	    path, sizeof(path), "%s/tests/corpus/csaf/%s", root == NULL ? "." : root, name);
	text = file_slurp(path);
	assert_non_null(text.ptr);
	return text;
}

static void
done(struct bytes text)
{
	free((void *)(uintptr_t)text.ptr);
}

static bool
check(struct bytes text, struct csaf_faults *f)
{
	struct arena *a = arena_new(CSAF_ARENA_MAX, NULL);
	struct why why = {0};
	struct csaf d;
	bool read = csaf_read(a, text, &d, &why) == ERR_OK;

	if (read)
		assert_int_equal(csaf_check(a, &d, f, &why), ERR_OK);
	arena_free(a);
	return read;
}

/* lab.json with one text replaced by another. */
static struct bytes
changed(struct bytes text, const char *from, const char *to)
{
	size_t at = bytes_find_seq(text, bytes_str(from));
	struct buf b = {0};

	assert_true(at < text.len);
	buf_add(&b, bytes_sub(text, 0, at));
	buf_text(&b, to);
	buf_add(&b, bytes_from(text, at + strlen(from)));
	return buf_bytes(&b);
}

static const struct {
	enum csaf_test test;
	const char *from, *to;
} changes[] = {
    {CSAF_TEST_undefined_product, "\"fixed\": [\n     \"P-FIXED\"",
	"\"fixed\": [\n     \"P-NOWHERE\""},
    {CSAF_TEST_product_twice, "\"product_id\": \"P-FIXED\"", "\"product_id\": \"P-RANGE\""},
    {CSAF_TEST_circular, "\"product_reference\": \"P-SIEMENS\"",
	"\"product_reference\": \"C-BOTH\""},
    {CSAF_TEST_undefined_group, "\"group_id\": \"G-1\"", "\"group_id\": \"G-2\""},
    {CSAF_TEST_status_contradiction, "\"fixed\": [\n     \"P-FIXED\"",
	"\"fixed\": [\n     \"P-RANGE\""},
    {CSAF_TEST_scores_twice, "\"products\": [\n      \"P-PAIR\"",
	"\"products\": [\n      \"P-RANGE\""},
    {CSAF_TEST_cvss_invalid, "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
	"AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H"},
    {CSAF_TEST_cvss_invalid, "\"baseScore\": 9.8", "\"baseScore\": 11"},
    {CSAF_TEST_cvss_computed, "\"baseScore\": 9.8", "\"baseScore\": 9.7"},
    {CSAF_TEST_cvss_computed, "\"CRITICAL\"", "\"HIGH\""},
    {CSAF_TEST_cvss_inconsistent, "\"baseScore\": 9.8",
	"\"attackVector\": \"LOCAL\", \"baseScore\": 9.8"},
    {CSAF_TEST_history_order, "\"date\": \"2026-01-05T10:00:00Z\"",
	"\"date\": \"2026-03-05T10:00:00Z\""},
    {CSAF_TEST_latest_version, "\"version\": \"2\"", "\"version\": \"1\""},
    {CSAF_TEST_draft_status, "\"version\": \"2\"", "\"version\": \"0\""},
    {CSAF_TEST_released_zero, "\"number\": \"1\"", "\"number\": \"0\""},
    {CSAF_TEST_history_prerelease, "\"number\": \"1\"", "\"number\": \"1.0.0-rc\""},
    {CSAF_TEST_released_prerelease, "\"version\": \"2\"", "\"version\": \"2.0.0-rc\""},
    {CSAF_TEST_history_gap, "\"number\": \"2\"", "\"number\": \"3\""},
    {CSAF_TEST_revision_twice, "\"number\": \"1\"", "\"number\": \"2\""},
    {CSAF_TEST_cve_twice, "CVE-2026-10002", "CVE-2026-10001"},
    {CSAF_TEST_category_name, "csaf_security_advisory", "Security Advisory"},
    {CSAF_TEST_profile_vuln_notes, "\"notes\"", "\"no_notes\""},
    {CSAF_TEST_profile_status, "\"product_status\"", "\"no_status\""},
    {CSAF_TEST_profile_no_vulns, "csaf_security_advisory", "csaf_informational_advisory"},
    {CSAF_TEST_profile_notes, "csaf_security_advisory", "csaf_security_incident_response"},
    {CSAF_TEST_profile_references, "csaf_security_advisory", "csaf_security_incident_response"},
    {CSAF_TEST_profile_vex_impact, "csaf_security_advisory", "csaf_vex"},
    {CSAF_TEST_profile_vex_action, "csaf_security_advisory", "csaf_vex"},
    {CSAF_TEST_profile_vulns, "\"vulnerabilities\"", "\"no_vulnerabilities\""},
    {CSAF_TEST_profile_tree, "\"product_tree\"", "\"no_tree\""},
    {CSAF_TEST_translation, "\"lang\": \"en\"", "\"lang\": \"en\", \"source_lang\": \"en\""},
    {CSAF_TEST_translator, "\"category\": \"vendor\"", "\"category\": \"translator\""},
    {CSAF_TEST_remediation_products, "\"group_ids\"", "\"no_group_ids\""},
    {CSAF_TEST_mixed_versions, "\"number\": \"1\"", "\"number\": \"1.0.0\""},
    {CSAF_TEST_version_range, "\"name\": \"2.5.0\"", "\"name\": \"2.5.0 and earlier\""},
    {CSAF_TEST_version_range, "\"name\": \"2.5.0\"", "\"name\": \"<2.5.0\""},
    {CSAF_TEST_purl, "\"product_id\": \"P-FIXED\"",
	"\"product_id\": \"P-FIXED\", \"product_identification_helper\": {\"purl\": \"pkg:/x\"}"},
};

static void
finds_what_is_changed(void **state)
{
	struct bytes text = sample("lab.json");
	struct csaf_faults f;
	int bad = 0;

	(void)state;
	assert_true(check(text, &f));
	for (int t = 0; t < CSAF_TEST_MAX; t++) {
		if (f.failed[t])
			print_error("unchanged: %s fails\n", csaf_test_number((enum csaf_test)t));
	}
	assert_int_equal(f.n_tests, 0);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct bytes other = changed(text, changes[i].from, changes[i].to);

		if (!check(other, &f) || !f.failed[changes[i].test]) {
			print_error("%s does not fail with %s\n", csaf_test_number(changes[i].test),
			    changes[i].to);
			bad++;
		}
		done(other);
	}
	assert_int_equal(bad, 0);
	done(text);
}

static void
survives(void **state)
{
	struct bytes text = sample("lab.json");
	struct rng rng = rng_new(5);
	uint8_t *copy = malloc(text.len);
	struct csaf_faults f;

	(void)state;
	assert_non_null(copy);
	for (int i = 0; i < 300; i++) {
		memcpy(copy, text.ptr, text.len);
		for (int k = 0; k < 4; k++)
			copy[rng_below(&rng, text.len)] = (uint8_t)rng_next(&rng);
		(void)check(bytes_of(copy, text.len), &f);
	}
	free(copy);
	done(text);
}

/* --- the shared documents --- */

static struct bytes
load(const char *name)
{
	const char *path = shared_path(name);

	return path == NULL ? (struct bytes){NULL, 0} : file_slurp(path);
}

static int
hold_list(const struct jtree *list, enum csaf_test t, bool must_fail)
{
	int bad = 0;

	for (const struct jtree *v = list; v != NULL; v = v->next) {
		struct bytes name = jtree_text(v, "name"), text;
		struct csaf_faults f = {0};
		char path[512];
		bool read;

		(void)snprintf(path, sizeof(path), "csaf/oasis-2.0/validator-tests/%.*s",
		    (int)name.len, (const char *)name.ptr);
		if ((text = load(path)).ptr == NULL)
			continue; /* a part of the set is kept elsewhere */
		read = check(text, &f);
		if (!read || f.failed[t] != must_fail) {
			print_error("%s: %.*s %s\n", csaf_test_number(t), (int)name.len,
			    (const char *)name.ptr,
			    !read       ? "was not read"
			    : must_fail ? "passes"
					: "fails");
			bad++;
		}
		done(text);
	}
	return bad;
}

static void
agrees_with_the_samples(void **state)
{
	struct bytes text = load("csaf/oasis-2.0/validator-tests/testcases.json");
	struct arena *a = arena_new(CSAF_ARENA_MAX, NULL);
	struct jtree *root;
	struct why why;
	int bad = 0;

	(void)state;
	if (text.ptr == NULL) {
		print_message("# the shared samples are not here\n");
		arena_free(a);
		return;
	}
	assert_int_equal(jtree_parse(a, text, &root, &why), ERR_OK);
	for (const struct jtree *v = jtree_list(root, "tests"); v != NULL; v = v->next) {
		for (int t = 0; t < CSAF_TEST_MAX; t++) {
			if (!csaf_test_done((enum csaf_test)t) ||
			    !bytes_eq(jtree_text(v, "id"),
				bytes_str(csaf_test_number((enum csaf_test)t))))
				continue;
			bad += hold_list(jtree_list(v, "failures"), (enum csaf_test)t, true);
			bad += hold_list(jtree_list(v, "valid"), (enum csaf_test)t, false);
		}
	}
	assert_int_equal(bad, 0);
	arena_free(a);
	done(text);
}

/* The 720 pass all tests that are done here. */
static void
passes_the_shared_advisories(void **state)
{
	struct bytes text = load("csaf/truth.json");
	struct arena *a = arena_new(CSAF_ARENA_MAX, NULL);
	struct jtree *root;
	struct why why;
	int bad = 0;

	(void)state;
	if (text.ptr == NULL) {
		print_message("# the shared advisories are not here\n");
		arena_free(a);
		return;
	}
	assert_int_equal(jtree_parse(a, text, &root, &why), ERR_OK);
	for (const struct jtree *v = jtree_list(root, "advisories"); v != NULL; v = v->next) {
		struct bytes file = jtree_text(v, "file"), document;
		struct csaf_faults f = {0};
		char path[512];

		(void)snprintf(
		    path, sizeof(path), "csaf/%.*s", (int)file.len, (const char *)file.ptr);
		document = load(path);
		assert_true(check(document, &f));
		for (int t = 0; t < CSAF_TEST_MAX; t++) {
			if (f.failed[t]) {
				print_error("%s fails %s at %zu\n", path,
				    csaf_test_number((enum csaf_test)t), f.at[t]);
				bad++;
			}
		}
		done(document);
	}
	assert_int_equal(bad, 0);
	arena_free(a);
	done(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_is_changed),
	    cmocka_unit_test(survives),
	    cmocka_unit_test(agrees_with_the_samples),
	    cmocka_unit_test(passes_the_shared_advisories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
