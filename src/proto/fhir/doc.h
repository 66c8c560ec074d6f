/* SPDX-License-Identifier: Apache-2.0 */
/* A small tree of one JSON text, or of the part of it that is still needed: what was read of an
 * entry of a Bundle can be dropped again while the rest comes.
 * Memory: two runs of bytes, at most DOC_NODES_MAX nodes and DOC_TEXT_MAX bytes of text; past
 *         them `cut` is set and further nodes are not kept.
 * Limits: DOC_STRING_MAX bytes of a string are kept; size tells how many there were. */
#pragma once

#include "proto/fhir/json_reader.h"

enum { DOC_NODES_MAX = 48 * 1024, DOC_TEXT_MAX = 2 << 20, DOC_STRING_MAX = 4096 };

typedef uint32_t doc_id; /* 0: none */

struct doc_node {
	doc_id next, child, last;
	uint32_t key_at, key_len;
	uint32_t text_at, text_len;
	uint32_t size;   /* of the whole string, cut at UINT32_MAX */
	uint32_t offset; /* from the start of the text, cut at UINT32_MAX */
	uint8_t kind;    /* enum json_kind: OBJECT, ARRAY, STRING, ... */
};

struct doc {
	struct buf nodes; /* struct doc_node; the first stands for none */
	struct buf text;
	doc_id open[JSON_READ_DEPTH_MAX + 1];
	unsigned depth;
	uint32_t key_at, key_len; /* of the member to come */
	bool cut;
};

void doc_init(struct doc *d, struct budget *budget);
void doc_reset(struct doc *d);
void doc_free(struct doc *d);

/* Add a token. Returns the node that it began or, for an end, closed; 0 where none is kept. */
doc_id doc_add(struct doc *d, const struct json_token *t);
/* Drop all that is below a closed node; it must be the last that was closed. */
void doc_drop_below(struct doc *d, doc_id id);

const struct doc_node *doc_node(const struct doc *d, doc_id id);
struct bytes doc_key(const struct doc *d, doc_id id);
/* A string, or a number as sent, or "true", "false"; empty for others and for none. */
struct bytes doc_text(const struct doc *d, doc_id id);
/* Member of an object by its key; 0 where there is none. */
doc_id doc_get(const struct doc *d, doc_id object, const char *key);
/* A member of a member ...: path of keys with '/' between, e.g. "subject/reference"; where an
 * array is met its first item is taken. */
doc_id doc_at(const struct doc *d, doc_id object, const char *path);
struct bytes doc_text_at(const struct doc *d, doc_id object, const char *path);

static inline doc_id
doc_child(const struct doc *d, doc_id id)
{
	return doc_node(d, id)->child;
}

static inline doc_id
doc_next(const struct doc *d, doc_id id)
{
	return doc_node(d, id)->next;
}
