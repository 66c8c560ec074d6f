/* SPDX-License-Identifier: Apache-2.0 */
/* What one advisory says of one device.
 * Source:  CSAF 2.0 section 3.2.3.9 (product_status), 3.2.2.4 (relationships).
 * Input:   a document that csaf_read() gave, what is known of the device.
 * Output:  one status for the advisory and one for each vulnerability, with the products and words
 * that led to it. Memory:  the arena given. Rules:   a status is taken as it stands only where
 * maker, product and version were all read for sure; else it is EXPOSURE_NEEDS_REVIEW. A version
 * outside of all that an advisory names says nothing (EXPOSURE_NONE): the advisory does not speak
 * of it. A combination holds only where both sides are the device: one side alone is doubt. Two
 * sure statements that contradict each other are doubt. Of several vulnerabilities the advisory
 * gets the status that asks for most. Not checked: whether the advisory is right. */
#pragma once

#include "base/json.h"
#include "intel/csaf.h"
#include "intel/reading.h"

/* In the order of what asks for most. */
enum exposure_status {
	EXPOSURE_NONE,
	EXPOSURE_UNKNOWN,
	EXPOSURE_NOT_AFFECTED,
	EXPOSURE_FIXED,
	EXPOSURE_UNDER_INVESTIGATION,
	EXPOSURE_NEEDS_REVIEW,
	EXPOSURE_AFFECTED,
	EXPOSURE_STATUS_MAX,
};

struct exposure_query {
	struct name_query names;
	struct bytes version; /* empty: not known */
};

/* A product of the advisory that is, or may be, the device. */
struct exposure_match {
	uint32_t product;
	bool sure;  /* the device is this product in one of these versions */
	bool named; /* maker and product are the same */
	bool half;  /* one side of a combination only */
	struct name_reading names;
	struct version_reading version;
	struct bytes range; /* the text that was read; empty where there is none */
};

struct exposure_vulnerability {
	const struct csaf_vulnerability *vulnerability;
	enum exposure_status status;
};

struct exposure {
	enum exposure_status status;
	struct exposure_match *matches; /* in the document's order */
	size_t n_matches;
	uint32_t *products; /* of the matches those that gave the status; sorted */
	size_t n_products;
	struct exposure_vulnerability *vulnerabilities; /* without those of EXPOSURE_NONE */
	size_t n_vulnerabilities;
	size_t outside; /* products that are the device's, in other versions */
};

/* ERR_LIMIT: the arena is full. */
enum err exposure_check(struct arena *a, const struct csaf *doc, const struct exposure_query *q,
    struct exposure *out, struct why *why) MUST_CHECK;

const char *exposure_status_name(enum exposure_status s); /* "needs_review" */

/* One object of a line: advisory, product_ids, status, cves, why, readings. */
void exposure_json(const struct csaf *doc, const struct exposure_query *q, const struct exposure *e,
    struct json *j);
