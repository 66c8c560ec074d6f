/* SPDX-License-Identifier: Apache-2.0 */
/* What kinds of files travel in a body: the first bytes of it, or of each part of a multipart.
 * Source: RFC 2046 5.1 (multipart), DICOM PS3.18 10.5 (STOW-RS), PS3.10 7.1 (preamble).
 * Input:  a body in runs cut anywhere.
 * Output: tell() once a file at its end: declared media type, first bytes (at most
 *         PARTS_HEAD_MAX), size.
 * Memory: none but the struct.
 * Limits: boundaries of at most 70 characters (RFC 2046 5.1.1); part heads are read to
 *         PARTS_LINE_MAX bytes a line.
 * Not checked: transfer codings inside parts. */
#pragma once

#include "base/bytes.h"

enum {
	PARTS_HEAD_MAX = 132,
	PARTS_LINE_MAX = 160,
	PARTS_MEDIA_MAX = 64,
	PARTS_DELIMITER_MAX = 4 + 70,
};

enum parts_state {
	PARTS_OFF,
	PARTS_SINGLE,    /* the whole body is one file */
	PARTS_PREAMBLE,  /* before the first delimiter */
	PARTS_DELIMITED, /* right after a delimiter: "--" ends all */
	PARTS_PART_HEAD,
	PARTS_PART_BODY,
	PARTS_EPILOGUE,
};

struct parts {
	void *ctx;
	void (*tell)(void *ctx, struct bytes media, struct bytes head, uint64_t size);
	/* private */
	enum parts_state state;
	uint8_t delimiter[PARTS_DELIMITER_MAX]; /* CR LF "--" boundary */
	size_t n_delimiter;
	size_t matched;  /* bytes of the delimiter that the last bytes are */
	size_t borrowed; /* of these, bytes of the line end before the content */
	uint8_t line[PARTS_LINE_MAX];
	size_t n_line;
	char media[PARTS_MEDIA_MAX + 1];
	uint8_t head[PARTS_HEAD_MAX];
	size_t n_head;
	uint64_t size;
};

/* Begin a body of this Content-Type. False: a multipart without a usable boundary. */
bool parts_begin(struct parts *p, struct bytes content_type);
void parts_data(struct parts *p, struct bytes run);
/* True where the body was whole: a multipart must have met its last delimiter. */
bool parts_end(struct parts *p);

/* The value of a parameter of a field ("boundary", "charset"), without quotes. */
struct bytes field_parameter(struct bytes value, struct bytes name);
