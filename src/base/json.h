/* SPDX-License-Identifier: Apache-2.0 */
/* JSON writing into a buf. Commas are placed by the writer; nesting is the caller's.
 * Output: valid UTF-8 for any input: bytes that are not UTF-8 come out as U+00XX (Latin-1), so
 *         that nothing is dropped; control characters are escaped.
 * Limits: JSON_DEPTH_MAX open objects and arrays (asserted: nesting is ours, not the input's). */
#pragma once

#include "base/buf.h"
#include "base/clock.h"

enum { JSON_DEPTH_MAX = 62 };

struct json {
	struct buf *out;
	uint64_t more; /* bit d: something stands at depth d already */
	unsigned depth;
	bool after_key;
};

static inline struct json
json_on(struct buf *out)
{
	return (struct json){.out = out};
}

void json_object(struct json *j);
void json_object_end(struct json *j);
void json_array(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key); /* key: ours, plain ASCII without quotes */

void json_bytes(struct json *j, struct bytes text);
void json_str(struct json *j, const char *text); /* NULL writes null */
void json_u64(struct json *j, uint64_t v);
void json_i64(struct json *j, int64_t v);
void json_double(struct json *j, double v, int decimals);
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
void json_wall(struct json *j, struct wall t); /* RFC 3339, UTC */
void json_hex(struct json *j, struct bytes data);
void json_raw(struct json *j, struct bytes json); /* a finished JSON value */

/* Key and value in one step. */
void json_kbytes(struct json *j, const char *key, struct bytes text);
void json_kstr(struct json *j, const char *key, const char *text);
void json_ku64(struct json *j, const char *key, uint64_t v);
void json_ki64(struct json *j, const char *key, int64_t v);
void json_kbool(struct json *j, const char *key, bool v);
void json_kwall(struct json *j, const char *key, struct wall t);
void json_khex(struct json *j, const char *key, struct bytes data);
/* Nothing at all where text is empty. */
void json_kbytes_some(struct json *j, const char *key, struct bytes text);
