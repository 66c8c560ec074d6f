/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.x messages of one direction.
 * Source:  RFC 9112 (message syntax), RFC 9110 (fields, methods, status).
 * Input:   runs in stream order, cut anywhere; holes told by http_reader_gap().
 * Output:  calls of the sink in stream order; views live during the call.
 * Memory:  an incomplete head of at most HTTP_HEAD_MAX bytes.
 * Cost:    body bytes that nobody wants are stepped over, not read.
 * Total:   any bytes. After bytes that are no message, and after a hole that cannot be stepped
 *          over, the reader looks for the next line that is a start line.
 * Limits:  HTTP_HEAD_MAX, HTTP_FIELDS_MAX, HTTP_LINE_MAX (chunk sizes, trailers, search). */
#pragma once

#include "event/event.h"

enum { HTTP_HEAD_MAX = 64 * 1024, HTTP_FIELDS_MAX = 200, HTTP_LINE_MAX = 8 * 1024 };

enum http_kind { HTTP_UNKNOWN, HTTP_REQUEST, HTTP_RESPONSE };

struct http_field {
	struct bytes name;
	struct bytes value; /* trimmed; holds line ends where the sender folded it */
};

struct http_head {
	enum http_kind kind;
	uint64_t offset; /* of the start line */
	size_t size;     /* bytes up to the body */
	unsigned minor;  /* HTTP/1.minor */
	struct bytes method, target;
	unsigned status;
	const struct http_field *fields;
	size_t n_fields;
	bool chunked;
	bool has_length;
	uint64_t length;
};

/* First field of that name (any case); empty where there is none. */
struct bytes http_field(const struct http_head *h, struct bytes name);

enum http_body {
	HTTP_BODY_AS_SAID, /* what the head says */
	HTTP_BODY_NONE,    /* answers to HEAD, 1xx, 204, 304 */
	HTTP_TUNNEL,       /* another protocol from here on */
};

struct http_reader;

struct http_sink {
	enum http_body (*head)(struct http_reader *r, const struct http_head *h);
	/* Only while r->wanted; transfer coding is undone. */
	void (*body)(struct http_reader *r, struct bytes part);
	void (*hole)(struct http_reader *r); /* inside a body */
	/* size: bytes of the whole message on the wire. */
	void (*end)(struct http_reader *r, uint64_t size, bool cut);
	void (*lost)(struct http_reader *r); /* messages may be missing from here on */
	void (*anomaly)(struct http_reader *r, enum anomaly name, uint64_t offset);
};

enum http_state {
	HTTP_HEAD,
	HTTP_LENGTH,
	HTTP_UNTIL_CLOSE,
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_END,
	HTTP_TRAILER,
	HTTP_SEARCH, /* for the next start line */
	HTTP_OVER,   /* tunnel: nothing more is read */
};

struct http_reader {
	const struct http_sink *sink;
	void *owner;
	enum name_value dir;
	enum http_kind kind;
	bool wanted; /* set by the owner in head(): give me the body */
	/* private */
	enum http_state state;
	bool cut;
	bool skip_line; /* the line under way passed its cap */
	uint64_t left;  /* of the body or the chunk */
	uint64_t start; /* offset of the message */
	struct buf held;
	uint64_t line_start; /* offset of the line under way, outside heads */
	size_t line_at;      /* in held: start of the line under way */
	size_t n_lines;      /* whole lines of the head under way */
};

void http_reader_init(struct http_reader *r, const struct http_sink *sink, void *owner,
    enum name_value dir, struct budget *budget);
void http_reader_data(struct http_reader *r, struct bytes run, uint64_t offset);
void http_reader_gap(struct http_reader *r, uint64_t offset, uint64_t missing);
void http_reader_end(struct http_reader *r, uint64_t offset);
void http_reader_free(struct http_reader *r);

/* Does this line (with or without its line end) start a message? HTTP_UNKNOWN: no. */
enum http_kind http_start_line(struct bytes line);
