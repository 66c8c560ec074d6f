/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/utf8.h"

static void
before_value(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->more >> j->depth & 1)
		buf_byte(j->out, ',');
	j->more |= UINT64_C(1) << j->depth;
}

static void
open_level(struct json *j, uint8_t c)
{
	before_value(j);
	assert(j->depth < JSON_DEPTH_MAX);
	j->depth++;
	j->more &= ~(UINT64_C(1) << j->depth);
	buf_byte(j->out, c);
}

static void
close_level(struct json *j, uint8_t c)
{
	assert(j->depth > 0);
	j->depth--;
	buf_byte(j->out, c);
}

void
json_object(struct json *j)
{
	open_level(j, '{');
}

void
json_object_end(struct json *j)
{
	close_level(j, '}');
}

void
json_array(struct json *j)
{
	open_level(j, '[');
}

void
json_array_end(struct json *j)
{
	close_level(j, ']');
}

void
json_key(struct json *j, const char *key)
{
	before_value(j);
	buf_byte(j->out, '"');
	buf_text(j->out, key);
	buf_add(j->out, BYTES("\":"));
	j->after_key = true;
}

/* One byte that cannot stand as it is. */
static void
escape(struct buf *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	static const char short_[] = {
	    ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

	if (c == '"' || c == '\\') {
		buf_byte(out, '\\');
		buf_byte(out, c);
	} else if (c < sizeof(short_) && short_[c] != 0) {
		buf_byte(out, '\\');
		buf_byte(out, (uint8_t)short_[c]);
	} else {
		buf_add(out, BYTES("\\u00"));
		buf_byte(out, (uint8_t)hex[c >> 4]);
		buf_byte(out, (uint8_t)hex[c & 15]);
	}
}

void
json_bytes(struct json *j, struct bytes text)
{
	size_t from = 0, i = 0;

	before_value(j);
	buf_byte(j->out, '"');
	while (i < text.len) {
		uint8_t c = text.ptr[i];
		size_t n = 1;

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			i++;
			continue;
		}
		if (c >= 0x80 && (n = utf8_length(bytes_from(text, i))) > 0) {
			i += n;
			continue;
		}
		buf_add(j->out, bytes_sub(text, from, i - from));
		escape(j->out, c);
		from = ++i;
	}
	buf_add(j->out, bytes_sub(text, from, i - from));
	buf_byte(j->out, '"');
}

void
json_str(struct json *j, const char *text)
{
	if (text == NULL)
		json_null(j);
	else
		json_bytes(j, bytes_str(text));
}

void
json_u64(struct json *j, uint64_t v)
{
	char t[24];
	int n = snprintf(t, sizeof(t), "%" PRIu64, v);

	json_raw(j, bytes_of(t, (size_t)n));
}

void
json_i64(struct json *j, int64_t v)
{
	char t[24];
	int n = snprintf(t, sizeof(t), "%" PRId64, v);

	json_raw(j, bytes_of(t, (size_t)n));
}

void
json_double(struct json *j, double v, int decimals)
{
	char t[64];
	int n = snprintf(t, sizeof(t), "%.*f", decimals, v);

	if (n < 0 || (size_t)n >= sizeof(t) || v != v)
		json_null(j);
	else
		json_raw(j, bytes_of(t, (size_t)n));
}

void
json_bool(struct json *j, bool v)
{
	json_raw(j, v ? BYTES("true") : BYTES("false"));
}

void
json_null(struct json *j)
{
	json_raw(j, BYTES("null"));
}

void
json_wall(struct json *j, struct wall t)
{
	char text[WALL_TEXT_MAX];
	size_t n = wall_format(t, text);

	json_bytes(j, bytes_of(text, n));
}

void
json_hex(struct json *j, struct bytes data)
{
	before_value(j);
	buf_byte(j->out, '"');
	buf_hex(j->out, data);
	buf_byte(j->out, '"');
}

void
json_raw(struct json *j, struct bytes json)
{
	before_value(j);
	buf_add(j->out, json);
}

void
json_kbytes(struct json *j, const char *key, struct bytes text)
{
	json_key(j, key);
	json_bytes(j, text);
}

void
json_kstr(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_str(j, text);
}

void
json_ku64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

void
json_ki64(struct json *j, const char *key, int64_t v)
{
	json_key(j, key);
	json_i64(j, v);
}

void
json_kbool(struct json *j, const char *key, bool v)
{
	json_key(j, key);
	json_bool(j, v);
}

void
json_kwall(struct json *j, const char *key, struct wall t)
{
	json_key(j, key);
	json_wall(j, t);
}

void
json_khex(struct json *j, const char *key, struct bytes data)
{
	json_key(j, key);
	json_hex(j, data);
}

void
json_kbytes_some(struct json *j, const char *key, struct bytes text)
{
	if (text.len > 0)
		json_kbytes(j, key, text);
}
