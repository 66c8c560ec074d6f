/* SPDX-License-Identifier: Apache-2.0 */
/* CVSS vectors of versions 2.0, 3.0, 3.1 and 4.0: read, score, write.
 * Source:  FIRST: CVSS v2.0 Complete Guide 3.2; v3.0 and v3.1 Specification 6, 7 and Appendix A;
 *          v4.0 Specification 7 and 8 with its lookup of macrovectors (cvss4.def).
 * Input:   the vector alone, from anywhere: no blanks or brackets around it. 2.0 has no prefix.
 * Output:  struct cvss by value; scores in tenths, so that 7.5 is 75.
 * Total:   any bytes give a vector or a named fault with its offset.
 * Strict:  base metrics all there, none twice, names and values in their case; the order is free
 *          in 2.0 and 3.x (as their schemas have it) and fixed in 4.0.
 * Exact:   integers throughout, but for the powers of a changed scope in 3.x, which no score's
 *          rounding comes close to (cvss_test.c holds all of them against that).
 * Rounding: 3.0 asks for the next tenth above, 3.1 gives it as a function on 1/100,000; both are
 *          computed by the latter: on exact values the two agree wherever a vector can get to.
 * Limits:  CVSS_TEXT_MAX bytes. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "intel/fault.h"

enum {
	CVSS_TEXT_MAX = 512,
	CVSS_METRICS_MAX = 32,
	CVSS_NONE = -1, /* no such score for this vector */
};

enum cvss_version { CVSS_2_0, CVSS_3_0, CVSS_3_1, CVSS_4_0 };

enum cvss_severity {
	CVSS_SEV_NONE,
	CVSS_SEV_LOW,
	CVSS_SEV_MEDIUM,
	CVSS_SEV_HIGH,
	CVSS_SEV_CRITICAL
};

struct cvss {
	enum cvss_version version;
	uint32_t given;                  /* bit m: metric m stands in the vector */
	uint8_t value[CVSS_METRICS_MAX]; /* place among the metric's values; not defined where not
					    given */
};

struct cvss_scores {
	int base;
	int temporal;      /* 2.0: CVSS_NONE where no temporal metric is defined; 4.0: always */
	int environmental; /* the same; 3.x gives all three always: what is not written is X */
	int score;         /* 4.0: threat and environment applied; else CVSS_NONE */
	enum cvss_severity severity; /* of base, of score in 4.0 */
};

/* *at: the offset of what is wrong. */
enum fault cvss_parse(struct bytes text, struct cvss *out, size_t *at) MUST_CHECK;
struct cvss_scores cvss_score(const struct cvss *v);

/* The rating scale: 0.0 none, low to 3.9, medium to 6.9, high to 8.9, critical; 2.0 knows low,
 * medium (4.0 on) and high (7.0 on) only. */
enum cvss_severity cvss_severity(enum cvss_version version, int score);

/* The canonical text: metrics in the standard's order, those not defined left out. */
void cvss_write(const struct cvss *v, struct buf *out);

/* The value of a metric by its name ("AV"), as text; NULL where the version has no such metric.
 * Not given is "X", in 2.0 "ND". */
const char *cvss_value(const struct cvss *v, const char *metric);

const char *cvss_version_name(enum cvss_version version);    /* "3.1" */
const char *cvss_severity_name(enum cvss_severity severity); /* "Medium" */
