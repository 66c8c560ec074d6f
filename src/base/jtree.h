/* SPDX-License-Identifier: Apache-2.0 */
/* A whole JSON document as a tree in an arena, for documents that people import.
 * Source:  RFC 8259. A byte order mark in front is passed over.
 * Input:   bytes that outlive the tree: strings without escapes are views into them.
 * Memory:  the arena given, one node a value.
 * Total:   any bytes give a tree or a reason with its offset; no recursion; work is linear but for
 *          the members of one object, each of which is held against the others.
 * Strict:  UTF-8, no member twice, no lone surrogate, nothing behind the value.
 * Limits:  JTREE_DEPTH_MAX, JTREE_MEMBERS_MAX members of one object, the arena's cap. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { JTREE_DEPTH_MAX = 64, JTREE_MEMBERS_MAX = 256 };

enum jtree_kind {
	JTREE_NULL,
	JTREE_FALSE,
	JTREE_TRUE,
	JTREE_NUMBER,
	JTREE_STRING,
	JTREE_ARRAY,
	JTREE_OBJECT
};

struct jtree {
	enum jtree_kind kind;
	uint32_t n;        /* children */
	size_t at;         /* offset in the document */
	struct bytes key;  /* of a member */
	struct bytes text; /* strings decoded, numbers as they stand */
	struct jtree *first, *next;
};

/* ERR_INPUT: not JSON; ERR_LIMIT: a limit. why tells what and where. */
enum err jtree_parse(
    struct arena *a, struct bytes text, struct jtree **root, struct why *why) MUST_CHECK;

/* All of these take NULL for a value that is not there. */
const struct jtree *jtree_get(const struct jtree *object, const char *key); /* NULL: none */
struct bytes jtree_text(const struct jtree *object, const char *key); /* empty: no such string */
const struct jtree *jtree_first(
    const struct jtree *v, enum jtree_kind kind); /* NULL: not of that kind, or empty */
const struct jtree *jtree_list(
    const struct jtree *object, const char *key); /* first of that array */
bool jtree_is(const struct jtree *v, enum jtree_kind kind);
/* A number as a double; false where it is none, or one past the range of doubles. */
bool jtree_double(const struct jtree *v, double *out);
