/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON object in a request's body, read by jansson: flat, texts only. Its own file because
 * jansson and base/json.h share names.
 * Limits:  what the caller gives is bounded by API_REQUEST_MAX; nesting by jansson's 2048.
 * Memory:  jansson's, until body_free(). */
#pragma once

#include "base/bytes.h"

enum { BODY_FIELDS_MAX = 16 };

struct body;

struct body_field {
	const char *name;
	struct bytes text;
	bool is_text; /* false: a number, object, ... */
};

/* Before the first use, once: what hash tables are salted with. */
void body_seed(uint32_t seed);

/* NULL: not a JSON object without repeated names; *at tells the byte. */
struct body *body_parse(struct bytes in, int *at);
/* The i-th field; false behind the last. */
bool body_field(const struct body *b, size_t i, struct body_field *out);
/* The text of a field; "" where it is absent or no text. */
const char *body_text(const struct body *b, const char *name);
bool body_has(const struct body *b, const char *name);
void body_free(struct body *b);
