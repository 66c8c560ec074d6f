/* SPDX-License-Identifier: Apache-2.0 */
/* JSON taken apart as it comes, one token a call.
 * Source: RFC 8259.
 * Input:  runs in order, cut anywhere; several texts may follow each other (NDJSON).
 * Output: tokens. text: of a key or string with escapes undone, of a number as it was sent;
 *         lives until the next call. Longer texts are cut to JSON_TEXT_MAX, size tells all of it.
 * Memory: one text that is cut by a run's end or holds escapes; key marks of open objects.
 * Cost:   strings are searched 16 bytes at a time; a string without escapes is shown in place.
 * Total:  any bytes; JSON_BROKEN ends the reading. Deviations that leave a meaning are flagged in
 *         `odd` and read on.
 * Limits: JSON_READ_DEPTH_MAX; duplicate keys are looked for among the first JSON_KEYS_MAX keys of
 *         an object (by 64-bit keyed hash).
 * Not checked: what numbers mean; they stay text. */
#pragma once

#include "base/buf.h"
#include "base/sip.h"

enum { JSON_READ_DEPTH_MAX = 64, JSON_TEXT_MAX = 64 * 1024, JSON_KEYS_MAX = 64 };

enum json_kind {
	JSON_MORE, /* the input is used up */
	JSON_OBJECT,
	JSON_OBJECT_END,
	JSON_ARRAY,
	JSON_ARRAY_END,
	JSON_KEY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
	JSON_TEXT_END, /* a whole JSON text is over; another may follow */
	JSON_BROKEN,   /* nothing more is read; why in `odd` (JSON_ODD_DEEP or none) */
};

/* Bits of `odd`: met since the start. */
enum {
	JSON_ODD_DUPLICATE = 1,
	JSON_ODD_DEEP = 2,
	JSON_ODD_TRAILING = 4, /* a second text, or bytes after the text */
	JSON_ODD_BOM = 8,
	JSON_ODD_SURROGATE = 16, /* half a pair; read as U+FFFD */
	JSON_ODD_UTF8 = 32,
	JSON_ODD_CONTROL = 64,
	JSON_ODD_MEMORY = 128,
};

struct json_token {
	enum json_kind kind;
	struct bytes text;
	uint64_t size;   /* bytes of the whole text, after escapes are undone */
	uint64_t offset; /* of the token's first byte */
};

struct json_reader {
	const struct sip_key *key;
	unsigned odd;
	uint64_t at; /* bytes taken */
	/* private */
	uint8_t state;
	uint8_t number; /* state of the number's grammar */
	uint8_t n_word, n_escape, n_bom;
	bool is_key, any_text, held, wide;
	uint16_t escape; /* digits of \u so far */
	uint16_t high;   /* first half of a surrogate pair, waiting for the second */
	const char *word;
	unsigned depth;
	uint8_t level[JSON_READ_DEPTH_MAX]; /* '{' or '[' */
	uint8_t n_keys[JSON_READ_DEPTH_MAX];
	struct buf keys; /* marks of the keys of all open objects, 8 bytes each */
	struct buf text; /* of the token under way, where it cannot be shown in place */
	uint64_t start, size;
};

void json_reader_init(struct json_reader *r, const struct sip_key *key, struct budget *budget);
void json_reader_reset(struct json_reader *r); /* for another text; keeps memory */
struct json_token json_next(struct json_reader *r, struct bytes *in);
/* The input is over: a number may still be waiting for its end. Call until it gives JSON_MORE,
 * JSON_TEXT_END or JSON_BROKEN. */
struct json_token json_finish(struct json_reader *r);
void json_reader_free(struct json_reader *r);
