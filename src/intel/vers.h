/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of versions: vers:scheme/constraint|constraint, and the events of OSV.
 * Source:  vers specification (package-url); OSV schema 1.6, evaluation of ranges.
 * Input:   a range from an advisory, an SBOM or a VEX.
 * Output:  constraints sorted by version, versions decoded, in the arena.
 * Total:   any bytes give a range or a named fault; whether a version is in it is yes, no, or the
 *          reason why nobody can tell.
 * Strict reading refuses what is not canonical; soft reading drops blanks and empty constraints,
 *          sorts, and takes "vers:all/<4.3" (seen in CSAF) for the constraint it holds, with the
 *          generic order.
 * Limits:  VERS_TEXT_MAX bytes, VERS_CONSTRAINTS_MAX constraints. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "intel/version.h"

enum { VERS_TEXT_MAX = 65536, VERS_CONSTRAINTS_MAX = 1024 };

enum vers_comparator { VERS_EQ, VERS_NE, VERS_LT, VERS_LE, VERS_GT, VERS_GE };

struct vers_constraint {
	enum vers_comparator comparator;
	struct bytes version;
};

struct vers {
	struct bytes type;
	const struct version_scheme *scheme; /* NULL: all, none, or none that is known here */
	bool all;                            /* the constraint is a star */
	struct vers_constraint *list;
	size_t n;
};

enum vers_reading { VERS_STRICT, VERS_SOFT };

enum fault vers_parse(struct arena *a, struct bytes text, enum vers_reading reading,
    struct vers *out, size_t *at) MUST_CHECK;

void vers_write(const struct vers *r, struct buf *out);

/* FAULT_none: *in tells. Else the reason why there is no telling. */
enum fault vers_contains(const struct vers *r, struct bytes version, bool *in) MUST_CHECK;

/* --- OSV --- */

enum osv_event_kind { OSV_INTRODUCED, OSV_FIXED, OSV_LAST_AFFECTED, OSV_LIMIT };

struct osv_event {
	enum osv_event_kind kind;
	struct bytes version; /* introduced "0" is below everything; limit "*" bounds nothing */
};

/* One range's events, in any order. FAULT_none: *affected tells. */
enum fault osv_affects(const struct version_scheme *s, const struct osv_event *events, size_t n,
    struct bytes version, bool *affected) MUST_CHECK;
