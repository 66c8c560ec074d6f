/* SPDX-License-Identifier: Apache-2.0 */
/* Advisories and VEX in the Common Security Advisory Framework 2.0.
 * Source:  OASIS CSAF 2.0 (2022-11-18), section 3.2 (properties), 3.1.2 (branches), 3.2.2.4
 *          (relationships).
 * Input:   one JSON document. The reader runs in a sandbox: documents come from outside.
 * Output:  the product tree laid flat and, for each vulnerability, which product is in which group
 *          of status. Texts are views into the document or the arena: both must live as long.
 * Memory:  the arena given: CSAF_ARENA_MAX is enough for any document of CSAF_BYTES_MAX that is
 *          not made to hurt.
 * Total:   any bytes give a document, or a reason why it cannot be used. What is merely against a
 *          rule (csaf_check.h) is read all the same.
 * Read softly: an identifier used and not defined is left out of the groups and counted in
 *          `undefined`; an unknown category of a branch is kept as such.
 * Limits:  CSAF_PRODUCTS_MAX, CSAF_VULNERABILITIES_MAX, CSAF_PATH_MAX branches above one product.
 */
#pragma once

#include "base/arena.h"
#include "base/jtree.h"
#include "intel/cvss.h"

enum {
	CSAF_BYTES_MAX = 32 << 20,
	CSAF_ARENA_MAX = 256 << 20,
	CSAF_PRODUCTS_MAX = 1 << 18,
	CSAF_VULNERABILITIES_MAX = 1 << 14,
	CSAF_PATH_MAX = 32,
	CSAF_NONE = -1,
};

/* The groups of product_status, in the order of section 3.2.3.9. */
enum csaf_group {
	CSAF_FIRST_AFFECTED,
	CSAF_FIRST_FIXED,
	CSAF_FIXED,
	CSAF_KNOWN_AFFECTED,
	CSAF_KNOWN_NOT_AFFECTED,
	CSAF_LAST_AFFECTED,
	CSAF_RECOMMENDED,
	CSAF_UNDER_INVESTIGATION,
	CSAF_GROUP_MAX,
};

/* A product, or a combination of two. Empty where nothing on its path says it. */
struct csaf_product {
	struct bytes id, full_name;
	struct bytes vendor, family, name;
	struct bytes version, range; /* branches product_version and product_version_range */
	struct bytes service_pack, patch_level, architecture;
	bool branched;       /* stands in the tree; else only its full name is known */
	int32_t part, whole; /* a combination: the product and what it relates to; else CSAF_NONE */
	struct bytes relation;      /* "installed_on" */
	const struct jtree *helper; /* product_identification_helper; may be NULL */
};

struct csaf_score {
	struct bytes vector, version; /* as they stand */
	double base;                  /* as it stands; negative where it does not */
	int computed; /* tenths, out of the vector; CVSS_NONE where it cannot be read */
	enum cvss_severity severity; /* of what was computed */
	const uint32_t *products;    /* sorted */
	size_t n;
};

struct csaf_remedy {
	struct bytes category, details, url;
	const uint32_t *products; /* sorted */
	size_t n;
};

struct csaf_vulnerability {
	struct bytes id; /* the CVE, else the first of ids */
	bool cve;
	struct bytes title;
	struct {
		const uint32_t *products; /* in the document's order */
		size_t n;
	} group[CSAF_GROUP_MAX];
	struct csaf_score *scores;
	size_t n_scores;
	struct csaf_remedy *remedies;
	size_t n_remedies;
};

struct csaf {
	const struct jtree *root;
	struct bytes id, title, category, version, status, tlp, publisher;
	struct bytes released, revised; /* initial and current release date, as they stand */
	struct csaf_product
	    *products; /* of the tree, then of full_product_names, then combinations */
	size_t n_products, n_combined;
	const uint32_t *by_id; /* products in the order of their ids */
	struct csaf_vulnerability *vulnerabilities;
	size_t n_vulnerabilities;
	size_t undefined;
	bool circular; /* combinations that rest on themselves */
};

/* ERR_INPUT: not a CSAF 2.0 document, or one without tracking id, version or date. ERR_LIMIT: a
 * limit. */
enum err csaf_read(
    struct arena *a, struct bytes document, struct csaf *out, struct why *why) MUST_CHECK;

const char *csaf_group_name(enum csaf_group g); /* "known_affected" */

/* The number of a product, or CSAF_NONE. */
int32_t csaf_product_named(const struct csaf *d, struct bytes id);
bool csaf_has(const uint32_t *sorted, size_t n, uint32_t product);

/* File name by section 5.1: tracking id in lower case, runs of other characters as one "_", then
 * ".json". False where it does not fit or nothing is left. */
enum { CSAF_FILE_NAME_MAX = 200 };
bool csaf_file_name(struct bytes id, char out[CSAF_FILE_NAME_MAX + 1]) MUST_CHECK;
