/* SPDX-License-Identifier: Apache-2.0 */
/* Package URLs: pkg:type/namespace/name@version?qualifiers#subpath.
 * Source:  package-url specification (ECMA-427) and its type definitions (purl_types.def).
 * Input:   one purl, from anywhere.
 * Output:  components decoded and normalised by the rules of their type; views into the arena,
 *          valid until it is reset.
 * Memory:  the arena's, less than four times the text.
 * Total:   any bytes give a purl or a named fault with its offset.
 * Tolerant: / after pkg:, empty namespace segments, empty version, empty qualifier values, upper
 *          case in scheme, type and keys, characters that should be encoded (but no blanks and
 *          controls): all read, none of it in the canonical form.
 * Limits:  PURL_TEXT_MAX bytes, PURL_QUALIFIERS_MAX qualifiers.
 * Not checked: whether a version follows its type's own rules (but chrome-extension); letters
 *          beyond ASCII keep their case. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "intel/fault.h"

enum { PURL_TEXT_MAX = 8192, PURL_QUALIFIERS_MAX = 64 };

struct purl_qualifier {
	struct bytes key, value;
};

/* Empty where there is none; only type and name are always there. */
struct purl {
	struct bytes type;
	struct bytes namespace; /* segments joined by / */
	struct bytes name;
	struct bytes version;
	struct bytes subpath;                                  /* segments joined by / */
	struct purl_qualifier qualifiers[PURL_QUALIFIERS_MAX]; /* by key, each key once */
	size_t n_qualifiers;
};

/* *at: the offset of what is wrong. On a fault *out is cleared. */
enum fault purl_parse(struct arena *a, struct bytes text, struct purl *out, size_t *at) MUST_CHECK;

/* The same checks and rules for components that come apart: not encoded, qualifiers in any
 * order. */
enum fault purl_build(struct arena *a, const struct purl *parts, struct purl *out) MUST_CHECK;

/* The canonical text. */
void purl_write(const struct purl *p, struct buf *out);

/* The value of a qualifier; empty where it is not there. */
struct bytes purl_qualifier(const struct purl *p, struct bytes key);

/* Type, namespace and name are equal. */
bool purl_same_package(const struct purl *a, const struct purl *b);
