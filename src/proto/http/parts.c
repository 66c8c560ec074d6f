/* SPDX-License-Identifier: Apache-2.0 */
/* States: PREAMBLE -> DELIMITED -> PART_HEAD -> PART_BODY -> DELIMITED ...; DELIMITED -> EPILOGUE
 * at "--". SINGLE stays. Invariant: matched < n_delimiter; as CR stands only at the delimiter's
 * start, a failed match can begin again only at a CR. */
#include "proto/http/parts.h"

enum { BOUNDARY_MAX = 70 };

struct bytes
field_parameter(struct bytes value, struct bytes name)
{
	struct bytes rest;

	(void)bytes_split(value, ';', &rest);
	while (rest.len > 0) {
		struct bytes v, item = bytes_trim(bytes_split(rest, ';', &rest));
		struct bytes key = bytes_trim(bytes_split(item, '=', &v));

		v = bytes_trim(v);
		if (!bytes_eq_nocase(key, name))
			continue;
		if (v.len >= 2 && v.ptr[0] == '"' && v.ptr[v.len - 1] == '"')
			v = bytes_sub(v, 1, v.len - 2);
		return v;
	}
	return (struct bytes){NULL, 0};
}

static void
file_begin(struct parts *p)
{
	p->n_head = 0;
	p->size = 0;
}

static void
file_bytes(struct parts *p, struct bytes part)
{
	size_t n = PARTS_HEAD_MAX - p->n_head;

	if (n > part.len)
		n = part.len;
	if (n > 0)
		memcpy(p->head + p->n_head, part.ptr, n);
	p->n_head += n;
	p->size += part.len;
}

static void
file_end(struct parts *p)
{
	p->tell(
	    p->ctx, bytes_of(p->media, strlen(p->media)), bytes_of(p->head, p->n_head), p->size);
}

static void
keep_media(struct parts *p, struct bytes value)
{
	struct bytes rest, media = bytes_trim(bytes_split(value, ';', &rest));
	size_t n = media.len < PARTS_MEDIA_MAX ? media.len : PARTS_MEDIA_MAX;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = media.ptr[i];

		p->media[i] = c > 0x20 && c < 0x7f ? (char)c : '?';
	}
	p->media[n] = 0;
}

bool
parts_begin(struct parts *p, struct bytes content_type)
{
	struct bytes boundary;

	keep_media(p, content_type);
	file_begin(p);
	p->matched = 0;
	p->n_line = 0;
	if (!bytes_starts_nocase(content_type, BYTES("multipart/"))) {
		p->state = PARTS_SINGLE;
		return true;
	}
	p->state = PARTS_OFF;
	boundary = field_parameter(content_type, BYTES("boundary"));
	if (boundary.len == 0 || boundary.len > BOUNDARY_MAX ||
	    bytes_find(boundary, '\r') < boundary.len)
		return false;
	memcpy(p->delimiter, "\r\n--", 4);
	memcpy(p->delimiter + 4, boundary.ptr, boundary.len);
	p->n_delimiter = 4 + boundary.len;
	p->matched = p->borrowed = 2; /* the first may stand without a line end before it */
	p->state = PARTS_PREAMBLE;
	return true;
}

/* Bytes in which the delimiter is looked for; returns how many were taken: all, or up to and with
 * the delimiter (then the state is DELIMITED). */
static size_t
body_bytes(struct parts *p, struct bytes run)
{
	bool in_part = p->state == PARTS_PART_BODY;
	size_t i = 0, from = 0;

	while (i < run.len) {
		if (p->matched == 0) {
			i += bytes_find(bytes_from(run, i), '\r');
			if (i == run.len)
				break;
			if (in_part)
				file_bytes(p, bytes_sub(run, from, i - from));
			from = ++i;
			p->matched = 1;
			continue;
		}
		if (run.ptr[i] != p->delimiter[p->matched]) {
			/* What looked like a delimiter was content. */
			if (in_part)
				file_bytes(
				    p, bytes_from(bytes_of(p->delimiter, p->matched), p->borrowed));
			p->matched = p->borrowed = 0;
			from = i;
			continue;
		}
		from = ++i;
		if (++p->matched < p->n_delimiter)
			continue;
		if (in_part)
			file_end(p);
		p->matched = p->borrowed = 0;
		p->n_line = 0;
		p->state = PARTS_DELIMITED;
		return i;
	}
	if (in_part && p->matched == 0)
		file_bytes(p, bytes_from(run, from));
	return run.len;
}

static void
line_done(struct parts *p)
{
	struct bytes line = bytes_of(p->line, p->n_line);

	p->n_line = 0;
	if (p->state == PARTS_DELIMITED) {
		p->state = bytes_starts(line, BYTES("--")) ? PARTS_EPILOGUE : PARTS_PART_HEAD;
		keep_media(p, BYTES("text/plain")); /* RFC 2046 5.1: where a part has no type */
		return;
	}
	line = bytes_trim(line);
	if (line.len == 0) {
		file_begin(p);
		p->state = PARTS_PART_BODY;
		p->matched = p->borrowed = 2; /* a part may be empty */
	} else if (bytes_starts_nocase(line, BYTES("content-type:"))) {
		keep_media(p, bytes_from(line, 13));
	}
}

void
parts_data(struct parts *p, struct bytes run)
{
	while (run.len > 0) {
		size_t n = run.len;

		switch (p->state) {
		case PARTS_OFF:
		case PARTS_EPILOGUE:
			return;
		case PARTS_SINGLE:
			file_bytes(p, run);
			return;
		case PARTS_PREAMBLE:
		case PARTS_PART_BODY:
			n = body_bytes(p, run);
			break;
		case PARTS_DELIMITED:
		case PARTS_PART_HEAD:
			n = bytes_find(run, '\n');
			for (size_t i = 0; i < n && p->n_line < PARTS_LINE_MAX; i++)
				p->line[p->n_line++] = run.ptr[i];
			if (n < run.len) {
				n++;
				line_done(p);
			}
			break;
		}
		run = bytes_from(run, n);
	}
}

bool
parts_end(struct parts *p)
{
	enum parts_state s = p->state;
	bool last =
	    s == PARTS_DELIMITED && p->n_line >= 2 && p->line[0] == '-' && p->line[1] == '-';

	p->state = PARTS_OFF;
	if (s == PARTS_SINGLE || s == PARTS_PART_BODY)
		file_end(p);
	return s == PARTS_OFF || s == PARTS_SINGLE || s == PARTS_EPILOGUE || last;
}
