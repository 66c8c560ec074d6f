/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "intel/exposure.h"
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

static void
reads_the_tree(void **state)
{
	struct arena *a = arena_new(CSAF_ARENA_MAX, NULL);
	struct bytes text = sample("lab.json");
	const struct csaf_product *p;
	struct why why = {0};
	struct csaf d;

	(void)state;
	assert_int_equal(csaf_read(a, text, &d, &why), ERR_OK);
	assert_true(bytes_eq(d.id, BYTES("EXA-2026-001")));
	assert_int_equal(d.n_products, 13);
	assert_int_equal(d.n_combined, 1);
	assert_int_equal(d.undefined, 0);
	assert_false(d.circular);
	p = &d.products[csaf_product_named(&d, BYTES("P-RANGE"))];
	assert_true(bytes_eq(p->vendor, BYTES("Examplia Diagnostics GmbH")));
	assert_true(bytes_eq(p->name, BYTES("Chemline 400")));
	assert_true(bytes_eq(p->range, BYTES("<= 2.4.1")));
	p = &d.products[csaf_product_named(&d, BYTES("P-HOST"))];
	assert_true(bytes_eq(p->family, BYTES("Base OS")));
	p = &d.products[csaf_product_named(&d, BYTES("C-BOTH"))];
	assert_true(bytes_eq(d.products[p->part].id, BYTES("P-SIEMENS")));
	assert_true(bytes_eq(d.products[p->whole].id, BYTES("P-HOST")));
	assert_int_equal(csaf_product_named(&d, BYTES("P-NOWHERE")), CSAF_NONE);
	assert_int_equal(csaf_product_named(&d, BYTES("")), CSAF_NONE);
	assert_int_equal(d.n_vulnerabilities, 2);
	assert_int_equal(d.vulnerabilities[0].group[CSAF_KNOWN_AFFECTED].n, 7);
	assert_int_equal(d.vulnerabilities[0].scores[0].computed, 98);
	assert_int_equal(d.vulnerabilities[0].remedies[0].n, 2);
	done(text);
	text = sample("circle.json");
	arena_reset(a);
	assert_int_equal(csaf_read(a, text, &d, &why), ERR_OK);
	assert_true(d.circular);
	assert_int_equal(d.undefined, 1);
	assert_true(bytes_eq(d.vulnerabilities[0].id, BYTES("X-1")));
	done(text);
	arena_free(a);
}

static const struct {
	const char *product, *model, *version;
	enum exposure_status want;
	const char *product_id;
	size_t cves;
} devices[] = {
    {"Chemline 400", "", "2.4.1", EXPOSURE_AFFECTED, "P-RANGE", 2},
    {"Chemline 400", "", "2.5.0", EXPOSURE_FIXED, "P-FIXED", 1},
    {"Chemline 400", "", "2.6", EXPOSURE_NONE, NULL, 0},
    {"Chemline 400", "", "", EXPOSURE_NEEDS_REVIEW, "P-RANGE", 2},
    {"Chemline 400", "", "new", EXPOSURE_NEEDS_REVIEW, "P-RANGE", 2},
    {"Chemline 900", "", "2.1", EXPOSURE_NEEDS_REVIEW, "P-WILD", 1},
    {"Hemline", "", "1.4", EXPOSURE_AFFECTED, "P-PAIR", 2},
    {"Hemline", "", "3.2", EXPOSURE_AFFECTED, "P-LIST", 1},
    {"Hemline", "", "3.1", EXPOSURE_NONE, NULL, 0},
    {"Hemline Cell Counter", "", "1.4", EXPOSURE_NEEDS_REVIEW, "P-PAIR", 2},
    {"LBX", "", "", EXPOSURE_AFFECTED, "P-ALL", 1},
    {"Testline", "", "1.0", EXPOSURE_NEEDS_REVIEW, "P-DATE", 1},
    {"Quietline", "", "1.0", EXPOSURE_UNKNOWN, "P-SILENT", 0},
    {"Freeline", "", "1.0", EXPOSURE_NEEDS_REVIEW, "P-FREE", 1},
    /* a combination: both sides, one side, the other, one side in another version */
    {"Reader", "Base OS", "5", EXPOSURE_AFFECTED, "C-BOTH", 1},
    {"Reader", "", "7.1", EXPOSURE_NEEDS_REVIEW, "C-BOTH", 1},
    {"Base OS", "", "5", EXPOSURE_NEEDS_REVIEW, "C-BOTH", 1},
    {"Reader", "", "7.2", EXPOSURE_NONE, NULL, 0},
    {"Otherline", "", "1.0", EXPOSURE_NONE, NULL, 0},
};

static void
holds_devices_against_it(void **state)
{
	struct bytes text = sample("lab.json");
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		struct arena *a = arena_new(CSAF_ARENA_MAX, NULL);
		struct exposure_query q = {
		    {BYTES("Examplia Diagnostics"), bytes_str(devices[i].product),
			bytes_str(devices[i].model)},
		    bytes_str(devices[i].version)};
		struct buf line = {0};
		struct json j = json_on(&line);
		struct jtree *said;
		struct exposure e;
		struct csaf d;
		struct why why;
		bool listed = devices[i].product_id == NULL;

		assert_int_equal(csaf_read(a, text, &d, &why), ERR_OK);
		assert_int_equal(exposure_check(a, &d, &q, &e, &why), ERR_OK);
		for (size_t k = 0; k < e.n_products; k++)
			listed |=
			    devices[i].product_id != NULL && bytes_eq(d.products[e.products[k]].id,
								 bytes_str(devices[i].product_id));
		if (e.status != devices[i].want || e.n_vulnerabilities != devices[i].cves ||
		    !listed) {
			print_error("%s %s %s: %s, %zu CVEs, %zu products\n", devices[i].product,
			    devices[i].model, devices[i].version, exposure_status_name(e.status),
			    e.n_vulnerabilities, e.n_products);
			bad++;
		}
		json_object(&j);
		exposure_json(&d, &q, &e, &j);
		json_object_end(&j);
		assert_int_equal(jtree_parse(a, buf_bytes(&line), &said, &why), ERR_OK);
		assert_true(bytes_eq(jtree_text(said, "advisory"), BYTES("EXA-2026-001")));
		buf_free(&line);
		arena_free(a);
	}
	assert_int_equal(bad, 0);
	done(text);
}

static void
refuses(void **state)
{
	static const char *const cases[] = {"", "[]", "{}", "{\"document\":{}}",
	    "{\"document\":{\"csaf_version\":\"2.1\"}}", "{\"document\":{\"csaf_version\":2.0}}",
	    "{\"document\":{\"csaf_version\":\"2.0\"}}",
	    "{\"document\":{\"csaf_version\":\"2.0\",\"tracking\":{\"id\":\"a\"}}}",
	    "{\"document\":{\"csaf_version\":\"2.0\",\"tracking\":{\"id\":\"a\",\"version\":\"1\"}}"
	    "}",
	    "{\"document\":{\"csaf_version\":\"2.0\",\"tracking\":{\"id\":1,\"version\":\"1\","
	    "\"current_release_date\":\"2026\"}}}",
	    "{\"document\":{\"csaf_version\":\"2.0\",\"csaf_version\":\"2.0\"}}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(1 << 20, NULL);
		struct why why = {0};
		struct csaf d;

		assert_int_equal(csaf_read(a, bytes_str(cases[i]), &d, &why), ERR_INPUT);
		assert_true(why.text[0] != 0);
		arena_free(a);
	}
}

/* Too deep, too wide for its arena, and bytes changed at will: an answer, in bounds. */
static void
survives(void **state)
{
	struct bytes text = sample("lab.json");
	struct rng rng = rng_new(11);
	uint8_t *copy = malloc(text.len);
	struct buf deep = {0};
	struct arena *a = arena_new(4 << 20, NULL);
	struct why why;
	struct csaf d;

	(void)state;
	assert_non_null(copy);
	for (int i = 0; i < 3000; i++) {
		struct exposure_query q = {
		    {BYTES("Examplia"), BYTES("Hemline"), {NULL, 0}}, BYTES("1.4")};
		struct exposure e;

		memcpy(copy, text.ptr, text.len);
		for (size_t k = 0; k < 1 + rng_below(&rng, 4); k++)
			copy[rng_below(&rng, text.len)] = (uint8_t)rng_next(&rng);
		arena_reset(a);
		if (csaf_read(a,
			bytes_of(copy, text.len - (i % 3 == 0 ? rng_below(&rng, text.len) : 0)), &d,
			&why) == ERR_OK)
			assert_int_equal(exposure_check(a, &d, &q, &e, &why), ERR_OK);
	}
	arena_free(a);
	a = arena_new(16384, NULL);
	assert_int_equal(csaf_read(a, text, &d, &why), ERR_LIMIT);
	arena_free(a);
	a = arena_new(4 << 20, NULL);
	buf_text(&deep, "{\"document\":{\"csaf_version\":\"2.0\",\"tracking\":{\"id\":\"a\","
			"\"version\":\"1\",\"current_release_date\":\"2026\"}},"
			"\"product_tree\":");
	for (int i = 0; i < 100000; i++)
		buf_text(&deep, "{\"branches\":[");
	assert_int_equal(csaf_read(a, buf_bytes(&deep), &d, &why), ERR_LIMIT);
	buf_free(&deep);
	arena_free(a);
	free(copy);
	done(text);
}

static void
names_files(void **state)
{
	char out[CSAF_FILE_NAME_MAX + 1], big[1024];

	(void)state;
	assert_true(csaf_file_name(BYTES("ICSMA-24-065-01"), out));
	assert_string_equal(out, "icsma-24-065-01.json");
	assert_true(csaf_file_name(BYTES("RHSA-2024:45 46/../x"), out));
	assert_string_equal(out, "rhsa-2024_45_46_x.json");
	assert_false(csaf_file_name(BYTES("../"), out));
	assert_false(csaf_file_name(BYTES(""), out));
	memset(big, 'a', sizeof(big));
	assert_false(csaf_file_name(bytes_of(big, sizeof(big)), out));
}

/* --- the shared advisories --- */

static double
highest(const struct csaf *d)
{
	double best = -1;

	for (size_t i = 0; i < d->n_vulnerabilities; i++) {
		for (size_t k = 0; k < d->vulnerabilities[i].n_scores; k++)
			best = d->vulnerabilities[i].scores[k].base > best
				   ? d->vulnerabilities[i].scores[k].base
				   : best;
	}
	return best;
}

static size_t
count_cves(const struct csaf *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_vulnerabilities; i++)
		n += d->vulnerabilities[i].cve;
	return n;
}

static size_t
count_status(const struct csaf *d, const char *name)
{
	size_t n = 0;

	for (int g = 0; g < CSAF_GROUP_MAX; g++) {
		for (size_t i = 0; strcmp(csaf_group_name((enum csaf_group)g), name) == 0 &&
				   i < d->n_vulnerabilities;
		     i++)
			n += d->vulnerabilities[i].group[g].n;
	}
	return n;
}

static bool
same(const struct jtree *truth, const char *key, size_t ours)
{
	struct bytes id = jtree_text(truth, "id");
	double n = -1;
	bool ok = jtree_double(jtree_get(truth, key), &n) && n == (double)ours;

	if (!ok)
		print_error("%.*s: %s is %zu here, %g there\n", (int)id.len, (const char *)id.ptr,
		    key, ours, n);
	return ok;
}

static int
hold_document(const struct jtree *truth)
{
	struct arena *a = arena_new(CSAF_ARENA_MAX, NULL);
	struct bytes file = jtree_text(truth, "file"), text;
	struct why why = {0};
	char name[512], key[64];
	double score;
	struct csaf d;
	int bad = 0;

	(void)snprintf(name, sizeof(name), "csaf/%.*s", (int)file.len, (const char *)file.ptr);
	text = file_slurp(shared_path(name));
	assert_non_null(text.ptr);
	assert_int_equal(csaf_read(a, text, &d, &why), ERR_OK);
	assert_true(bytes_eq(d.id, jtree_text(truth, "id")) &&
		    bytes_eq(d.title, jtree_text(truth, "title")) &&
		    bytes_eq(d.version, jtree_text(truth, "version")) &&
		    bytes_eq(d.revised, jtree_text(truth, "current_release_date")));
	bad += !same(truth, "products", d.n_products);
	bad += !same(truth, "relationships", d.n_combined);
	bad += !same(truth, "vulnerabilities", d.n_vulnerabilities);
	bad += !same(truth, "cves", count_cves(&d));
	for (const struct jtree *n = jtree_first(jtree_get(truth, "status"), JTREE_OBJECT);
	     n != NULL; n = n->next) {
		(void)snprintf(key, sizeof(key), "%.*s", (int)n->key.len, (const char *)n->key.ptr);
		bad += !same(jtree_get(truth, "status"), key, count_status(&d, key));
	}
	if (jtree_double(jtree_get(truth, "max_base_score"), &score))
		bad += highest(&d) != score;
	arena_free(a);
	done(text);
	return bad;
}

static void
meets_every_shared_count(void **state)
{
	const char *path = shared_path("csaf/truth.json");
	struct arena *a = arena_new(CSAF_ARENA_MAX, NULL);
	struct bytes text = path == NULL ? (struct bytes){NULL, 0} : file_slurp(path);
	struct jtree *root;
	struct why why;
	size_t n = 0;
	int bad = 0;

	(void)state;
	if (text.ptr == NULL) {
		print_message("# the shared advisories are not here\n");
		arena_free(a);
		return;
	}
	assert_int_equal(jtree_parse(a, text, &root, &why), ERR_OK);
	for (const struct jtree *t = jtree_list(root, "advisories"); t != NULL; t = t->next, n++)
		bad += hold_document(t);
	assert_int_equal(n, 720);
	assert_int_equal(bad, 0);
	arena_free(a);
	done(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_the_tree),
	    cmocka_unit_test(holds_devices_against_it),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(survives),
	    cmocka_unit_test(names_files),
	    cmocka_unit_test(meets_every_shared_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
