/* SPDX-License-Identifier: Apache-2.0 */
/* States: HEAD -> LENGTH | UNTIL_CLOSE | CHUNK_SIZE | HEAD (head_done); CHUNK_SIZE -> CHUNK_DATA |
 * TRAILER (chunk_line); CHUNK_DATA -> CHUNK_END -> CHUNK_SIZE; TRAILER -> HEAD (message_done);
 * any -> SEARCH (search) -> HEAD.
 * Invariants: held holds bytes of a head or a line only; line_at <= held.len; a head that lies
 * whole in one run is read in place. */
#include "proto/http/reader.h"

#include "base/cursor.h"

enum { METHOD_MAX = 24, CHUNK_DIGITS_MAX = 15 };

/* RFC 9110 5.6.2: tchar. One bit a byte, 64 to a word. */
static inline bool
is_token_char(uint8_t c)
{
	static const uint64_t table[4] = {
	    UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe), 0, 0};

	return (table[c >> 6] >> (c & 63) & 1) != 0;
}

static struct bytes
without_line_end(struct bytes line)
{
	if (line.len > 0 && line.ptr[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* "HTTP/1.x" */
static bool
is_version(struct bytes v)
{
	return v.len == 8 && memcmp(v.ptr, "HTTP/", 5) == 0 && v.ptr[5] >= '0' && v.ptr[5] <= '9' &&
	       v.ptr[6] == '.' && v.ptr[7] >= '0' && v.ptr[7] <= '9';
}

/* RFC 9112 3 and 4. */
enum http_kind
http_start_line(struct bytes line)
{
	size_t method;

	line = without_line_end(line);
	if (line.len < 12)
		return HTTP_UNKNOWN;
	if (is_version(bytes_sub(line, 0, 8)))
		return line.ptr[8] == ' ' && line.ptr[9] >= '1' && line.ptr[9] <= '9' &&
			       line.ptr[10] >= '0' && line.ptr[10] <= '9' && line.ptr[11] >= '0' &&
			       line.ptr[11] <= '9' && (line.len == 12 || line.ptr[12] == ' ')
			   ? HTTP_RESPONSE
			   : HTTP_UNKNOWN;
	method = bytes_find(bytes_sub(line, 0, METHOD_MAX + 1), ' ');
	if (method == 0 || method > METHOD_MAX || method >= line.len - 9)
		return HTTP_UNKNOWN;
	for (size_t i = 0; i < method; i++) {
		if (!is_token_char(line.ptr[i]))
			return HTTP_UNKNOWN;
	}
	return line.ptr[line.len - 9] == ' ' && is_version(bytes_from(line, line.len - 8))
		   ? HTTP_REQUEST
		   : HTTP_UNKNOWN;
}

struct bytes
http_field(const struct http_head *h, struct bytes name)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		if (bytes_eq_nocase(h->fields[i].name, name))
			return h->fields[i].value;
	}
	return (struct bytes){NULL, 0};
}

void
http_reader_init(struct http_reader *r, const struct http_sink *sink, void *owner,
    enum name_value dir, struct budget *budget)
{
	*r = (struct http_reader){.sink = sink, .owner = owner, .dir = dir};
	r->held.cap = HTTP_HEAD_MAX;
	r->held.budget = budget;
}

void
http_reader_free(struct http_reader *r)
{
	buf_free(&r->held);
}

static void
forget_line(struct http_reader *r)
{
	buf_reset(&r->held);
	r->line_at = 0;
	r->n_lines = 0;
	r->skip_line = false;
}

static void
search(struct http_reader *r)
{
	forget_line(r);
	r->state = HTTP_SEARCH;
	r->sink->lost(r);
}

static void
message_done(struct http_reader *r, uint64_t end, bool cut)
{
	r->state = HTTP_HEAD;
	r->wanted = false;
	forget_line(r);
	r->sink->end(r, end - r->start, cut || r->cut);
	r->cut = false;
}

/* A message cannot be read on: tell it as cut and look for the next. */
static void
message_lost(struct http_reader *r, uint64_t at)
{
	message_done(r, at, true);
	search(r);
}

/* --- the head --- */

struct head_parse {
	struct http_reader *r;
	struct http_head h;
	struct http_field *fields; /* HTTP_FIELDS_MAX of them */
	bool bare_lf, fold, space, bad;
};

/* RFC 9112 5: name ":" OWS value OWS. */
static void
field_line(struct head_parse *p, struct bytes line)
{
	size_t colon = bytes_find(line, ':'), n = colon;
	struct http_field *f;

	if (line.ptr[0] == ' ' || line.ptr[0] == '\t') { /* 5.2: line folding */
		p->fold = true;
		if (p->h.n_fields == 0) {
			p->bad = true;
			return;
		}
		f = &p->fields[p->h.n_fields - 1];
		line = bytes_trim(line);
		if (line.len == 0)
			return;
		if (f->value.len == 0)
			f->value = line;
		else
			f->value.len = (size_t)(line.ptr + line.len - f->value.ptr);
		return;
	}
	if (colon == line.len || colon == 0) {
		p->bad = true;
		return;
	}
	while (n > 0 && (line.ptr[n - 1] == ' ' || line.ptr[n - 1] == '\t'))
		n--;
	p->space |= n < colon;
	for (size_t i = 0; i < n; i++)
		p->bad |= !is_token_char(line.ptr[i]);
	if (p->h.n_fields == HTTP_FIELDS_MAX) {
		p->h.n_fields++;
		return;
	}
	if (p->h.n_fields > HTTP_FIELDS_MAX)
		return;
	p->fields[p->h.n_fields++] =
	    (struct http_field){bytes_sub(line, 0, n), bytes_trim(bytes_from(line, colon + 1))};
}

/* RFC 9110 8.6: digits, or a list of the same digits. False where two differ or one is none. */
static bool
read_length(struct head_parse *p, struct bytes value)
{
	struct bytes rest = value;

	do {
		struct bytes item = bytes_trim(bytes_split(rest, ',', &rest));
		uint64_t v;

		if (!bytes_to_u64(item, &v)) {
			p->r->sink->anomaly(p->r, ANOMALY_http_length_bad, p->h.offset);
			return false;
		}
		if (p->h.has_length && v != p->h.length) {
			p->r->sink->anomaly(p->r, ANOMALY_http_lengths_differ, p->h.offset);
			return false;
		}
		p->h.has_length = true;
		p->h.length = v;
	} while (rest.len > 0);
	return true;
}

enum coding { CODING_CHUNKED, CODING_OTHER, CODING_IDENTITY, CODING_STRANGE };

static enum coding
coding_of(struct bytes item)
{
	static const struct {
		struct bytes name;
		enum coding coding;
	} table[] = {
	    {BYTES_INIT("chunked"), CODING_CHUNKED},
	    {BYTES_INIT("gzip"), CODING_OTHER},
	    {BYTES_INIT("x-gzip"), CODING_OTHER},
	    {BYTES_INIT("deflate"), CODING_OTHER},
	    {BYTES_INIT("compress"), CODING_OTHER},
	    {BYTES_INIT("identity"), CODING_IDENTITY},
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (bytes_eq_nocase(item, table[i].name))
			return table[i].coding;
	}
	return CODING_STRANGE;
}

/* RFC 9112 6.1 and 6.3: which rule ends the body. False: nothing can be said. */
static bool
read_framing(struct head_parse *p)
{
	bool has_coding = false, good = true, strange = false;
	enum coding last = CODING_IDENTITY;

	for (size_t i = 0; i < p->h.n_fields; i++) {
		struct bytes rest = p->fields[i].value;

		if (bytes_eq_nocase(p->fields[i].name, BYTES("content-length"))) {
			good &= read_length(p, rest);
		} else if (bytes_eq_nocase(p->fields[i].name, BYTES("transfer-encoding"))) {
			has_coding = true;
			do {
				struct bytes item = bytes_trim(bytes_split(rest, ',', &rest));

				strange |= last == CODING_CHUNKED; /* something after it */
				last = coding_of(item);
				strange |= last == CODING_STRANGE;
			} while (rest.len > 0);
		}
	}
	if (!has_coding)
		return good;
	if (strange)
		p->r->sink->anomaly(p->r, ANOMALY_http_coding_disguised, p->h.offset);
	if (p->h.has_length)
		p->r->sink->anomaly(p->r, ANOMALY_http_length_and_coding, p->h.offset);
	if (p->h.minor == 0)
		p->r->sink->anomaly(p->r, ANOMALY_http_coding_in_1_0, p->h.offset);
	p->h.chunked = last == CODING_CHUNKED;
	if (last != CODING_IDENTITY)
		p->h.has_length = false;
	return p->h.chunked || last == CODING_IDENTITY || p->h.kind == HTTP_RESPONSE;
}

static void
start_line(struct head_parse *p, struct bytes line)
{
	size_t n;

	if (p->h.kind == HTTP_RESPONSE) {
		p->h.minor = (unsigned)(line.ptr[7] - '0');
		p->h.status = (unsigned)(line.ptr[9] - '0') * 100 +
			      (unsigned)(line.ptr[10] - '0') * 10 + (unsigned)(line.ptr[11] - '0');
		return;
	}
	n = bytes_find(line, ' ');
	p->h.minor = (unsigned)(line.ptr[line.len - 1] - '0');
	p->h.method = bytes_sub(line, 0, n);
	p->h.target = bytes_trim(bytes_sub(line, n + 1, line.len - 9 - (n + 1)));
}

/* Signs that two readers may see two different messages here. */
static void
tell_head(struct head_parse *p, struct bytes head)
{
	struct http_reader *r = p->r;
	size_t hosts = 0;
	bool bare_cr = false;

	for (struct bytes rest = head; rest.len > 0;) {
		size_t at = bytes_find(rest, '\r');

		if (at == rest.len)
			break;
		bare_cr |= rest.len - at < 2 || rest.ptr[at + 1] != '\n';
		rest = bytes_from(rest, at + 1);
	}
	if (bare_cr)
		r->sink->anomaly(r, ANOMALY_http_bare_cr, p->h.offset);
	if (p->bare_lf)
		r->sink->anomaly(r, ANOMALY_http_bare_lf, p->h.offset);
	if (bytes_find(head, 0) < head.len)
		r->sink->anomaly(r, ANOMALY_http_nul, p->h.offset);
	if (p->fold)
		r->sink->anomaly(r, ANOMALY_http_fold, p->h.offset);
	if (p->space)
		r->sink->anomaly(r, ANOMALY_http_space_before_colon, p->h.offset);
	if (p->bad)
		r->sink->anomaly(r, ANOMALY_http_field_bad, p->h.offset);
	if (p->h.kind != HTTP_REQUEST || p->h.minor == 0)
		return;
	for (size_t i = 0; i < p->h.n_fields; i++)
		hosts += bytes_eq_nocase(p->fields[i].name, BYTES("host"));
	if (hosts != 1)
		r->sink->anomaly(r, ANOMALY_http_host_bad, p->h.offset);
}

static void
body_begin(
    struct http_reader *r, const struct http_head *h, enum http_body body, bool framed, uint64_t at)
{
	if (body == HTTP_TUNNEL) {
		message_done(r, at, false);
		r->state = HTTP_OVER;
		buf_free(&r->held);
	} else if (body == HTTP_BODY_NONE) {
		message_done(r, at, false);
	} else if (!framed) {
		message_lost(r, at);
	} else if (h->chunked) {
		r->state = HTTP_CHUNK_SIZE;
	} else if (h->has_length) {
		r->left = h->length;
		r->state = HTTP_LENGTH;
		if (r->left == 0)
			message_done(r, at, false);
	} else if (h->kind == HTTP_RESPONSE) {
		r->state = HTTP_UNTIL_CLOSE;
	} else {
		message_done(r, at, false);
	}
}

/* A whole head, from its start line to its empty line. */
static void
head_done(struct http_reader *r, struct bytes head)
{
	struct http_field fields[HTTP_FIELDS_MAX]; /* not cleared: n_fields tells */
	struct head_parse p = {.r = r, .h = {.offset = r->start, .size = head.len}};
	struct bytes rest = head, line;
	enum http_body body;
	bool framed;

	p.h.fields = p.fields = fields;
	for (size_t i = 0; rest.len > 0; i++) {
		size_t n = bytes_find(rest, '\n') + 1;

		line = bytes_sub(rest, 0, n);
		rest = bytes_from(rest, n);
		p.bare_lf |= line.len < 2 || line.ptr[line.len - 2] != '\r';
		line = without_line_end(line);
		if (i == 0) {
			r->kind = p.h.kind = http_start_line(line);
			start_line(&p, line);
		} else if (line.len > 0) {
			field_line(&p, line);
		}
	}
	if (p.h.n_fields > HTTP_FIELDS_MAX) {
		p.h.n_fields = HTTP_FIELDS_MAX;
		r->sink->anomaly(r, ANOMALY_http_fields_many, p.h.offset);
	}
	tell_head(&p, head);
	framed = read_framing(&p);
	r->wanted = false;
	r->cut = false;
	body = r->sink->head(r, &p.h);
	forget_line(r);
	body_begin(r, &p.h, body, framed, p.h.offset + head.len);
}

/* Keep bytes of a head that goes on; false where memory forbids it. */
static bool
hold(struct http_reader *r, struct bytes part, uint64_t offset)
{
	buf_add(&r->held, part);
	if (!r->held.cut)
		return true;
	r->sink->anomaly(r, ANOMALY_memory_cap, offset);
	return false;
}

/* Takes bytes up to the end of a head, or all of them. Returns how many. */
static size_t
head_bytes(struct http_reader *r, struct bytes run, uint64_t offset)
{
	size_t at = 0; /* start in run of the line under way, where held has no part of it */

	if (r->held.len == HTTP_HEAD_MAX) {
		r->sink->anomaly(r, ANOMALY_unit_too_large, r->start);
		search(r);
		r->skip_line = true;
		return 0;
	}
	run = bytes_sub(run, 0, HTTP_HEAD_MAX - r->held.len);
	if (r->held.len == 0)
		r->start = offset;
	for (;;) {
		size_t nl = at + bytes_find(bytes_from(run, at), '\n');
		size_t before = r->held.len - r->line_at; /* of this line, in held */
		struct bytes line;

		if (nl == run.len) {
			if (r->held.len == 0)
				r->line_at = at;
			if (!hold(r, run, r->start))
				search(r);
			return run.len;
		}
		if (before > 0 || (r->held.len > 0 && at == 0)) {
			/* The line began in an earlier run: finish it in held. */
			size_t line_at = r->line_at;

			if (!hold(r, bytes_sub(run, 0, nl + 1), r->start)) {
				search(r);
				return nl + 1;
			}
			line = bytes_from(buf_bytes(&r->held), line_at);
			r->line_at = r->held.len;
			if (without_line_end(line).len == 0 && r->n_lines == 0) {
				forget_line(r);
				return nl + 1;
			}
			if (without_line_end(line).len == 0) {
				head_done(r, buf_bytes(&r->held));
				return nl + 1;
			}
			if (r->n_lines++ == 0 && http_start_line(line) == HTTP_UNKNOWN) {
				r->sink->anomaly(r, ANOMALY_http_start_line_bad, r->start);
				search(r);
			}
			return nl + 1;
		}
		line = bytes_sub(run, at, nl + 1 - at);
		if (without_line_end(line).len == 0 && r->n_lines == 0)
			return nl + 1; /* RFC 9112 2.2: an empty line before a message */
		if (without_line_end(line).len == 0) {
			head_done(r, bytes_sub(run, 0, nl + 1));
			return nl + 1;
		}
		if (r->n_lines++ == 0 && http_start_line(line) == HTTP_UNKNOWN) {
			r->sink->anomaly(r, ANOMALY_http_start_line_bad, r->start);
			search(r);
			return nl + 1;
		}
		at = nl + 1;
		if (at < run.len)
			continue;
		/* The run ends with a line: keep it all. */
		if (!hold(r, run, r->start))
			search(r);
		r->line_at = r->held.len;
		return run.len;
	}
}

/* One line of at most HTTP_LINE_MAX into *line. Returns bytes taken; *whole tells whether the
 * line is there. A longer line gives *whole with what was kept and r->skip_line set. */
static size_t
line_bytes(struct http_reader *r, struct bytes run, struct bytes *line, bool *whole)
{
	size_t nl = bytes_find(run, '\n');
	struct bytes part = bytes_sub(run, 0, nl + 1);

	*whole = nl < run.len;
	if (r->held.len == 0 && *whole && part.len <= HTTP_LINE_MAX && !r->skip_line) {
		*line = part;
		return part.len;
	}
	if (!r->skip_line && r->held.len + part.len <= HTTP_LINE_MAX)
		buf_add(&r->held, part);
	else
		r->skip_line = true;
	r->skip_line |= r->held.cut;
	*line = buf_bytes(&r->held);
	return part.len;
}

/* RFC 9112 7.1: hex size, optional extensions. */
static void
chunk_line(
    struct http_reader *r, struct bytes line, bool too_long, uint64_t line_start, uint64_t end)
{
	uint64_t size = 0;
	size_t n = 0;

	line = without_line_end(line);
	while (n < line.len && n <= CHUNK_DIGITS_MAX) {
		uint8_t c = line.ptr[n], d;

		d = c >= '0' && c <= '9'   ? (uint8_t)(c - '0')
		    : c >= 'a' && c <= 'f' ? (uint8_t)(c - 'a' + 10)
		    : c >= 'A' && c <= 'F' ? (uint8_t)(c - 'A' + 10)
					   : 16;
		if (d == 16)
			break;
		size = size << 4 | d;
		n++;
	}
	if (too_long || n == 0 || n > CHUNK_DIGITS_MAX ||
	    (n < line.len && memchr("; \t", line.ptr[n], 3) == NULL)) {
		r->sink->anomaly(r, ANOMALY_http_chunk_bad, line_start);
		message_lost(r, end);
		return;
	}
	forget_line(r);
	r->left = size;
	r->state = size == 0 ? HTTP_TRAILER : HTTP_CHUNK_DATA;
}

static size_t
lined_bytes(struct http_reader *r, struct bytes run, uint64_t offset)
{
	struct bytes line;
	bool whole, too_long;
	uint64_t line_start;
	size_t n;

	if (r->held.len == 0 && !r->skip_line)
		r->line_start = offset;
	line_start = r->line_start;
	n = line_bytes(r, run, &line, &whole);
	if (!whole)
		return n;
	too_long = r->skip_line;
	switch (r->state) {
	case HTTP_CHUNK_SIZE:
		chunk_line(r, line, too_long, line_start, offset + n);
		break;
	case HTTP_CHUNK_END:
		line = without_line_end(line);
		if (too_long || line.len > 0) {
			r->sink->anomaly(r, ANOMALY_http_chunk_bad, line_start);
			message_lost(r, offset + n);
			break;
		}
		forget_line(r);
		r->state = HTTP_CHUNK_SIZE;
		break;
	case HTTP_TRAILER:
		line = without_line_end(line);
		forget_line(r);
		if (line.len == 0 && !too_long)
			message_done(r, offset + n, false);
		break;
	default: /* HTTP_SEARCH */
		if (too_long || http_start_line(line) == HTTP_UNKNOWN) {
			forget_line(r);
			break;
		}
		r->state = HTTP_HEAD;
		r->start = line_start;
		if (r->held.len == 0)
			buf_add(&r->held, line);
		r->line_at = r->held.len;
		r->n_lines = 1;
		if (r->held.cut)
			search(r);
		break;
	}
	return n;
}

static size_t
body_bytes(struct http_reader *r, struct bytes run, uint64_t offset)
{
	struct bytes part = run;

	if (r->state != HTTP_UNTIL_CLOSE) {
		part = bytes_sub(run, 0, r->left > SIZE_MAX ? SIZE_MAX : (size_t)r->left);
		r->left -= part.len;
	}
	if (r->wanted)
		r->sink->body(r, part);
	if (r->state == HTTP_LENGTH && r->left == 0)
		message_done(r, offset + part.len, false);
	else if (r->state == HTTP_CHUNK_DATA && r->left == 0)
		r->state = HTTP_CHUNK_END;
	return part.len;
}

void
http_reader_data(struct http_reader *r, struct bytes run, uint64_t offset)
{
	while (run.len > 0 && r->state != HTTP_OVER) {
		size_t n;

		switch (r->state) {
		case HTTP_HEAD:
			n = head_bytes(r, run, offset);
			break;
		case HTTP_LENGTH:
		case HTTP_UNTIL_CLOSE:
		case HTTP_CHUNK_DATA:
			n = body_bytes(r, run, offset);
			break;
		default:
			n = lined_bytes(r, run, offset);
			break;
		}
		run = bytes_from(run, n);
		offset += n;
	}
}

void
http_reader_gap(struct http_reader *r, uint64_t offset, uint64_t missing)
{
	switch (r->state) {
	case HTTP_OVER:
	case HTTP_SEARCH:
		forget_line(r);
		return;
	case HTTP_UNTIL_CLOSE:
		r->cut = true;
		r->sink->hole(r);
		return;
	case HTTP_LENGTH:
	case HTTP_CHUNK_DATA:
		if (missing > r->left)
			break;
		r->left -= missing;
		r->cut = true;
		r->sink->hole(r);
		if (r->left == 0 && r->state == HTTP_LENGTH)
			message_done(r, offset + missing, true);
		else if (r->left == 0)
			r->state = HTTP_CHUNK_END;
		return;
	case HTTP_HEAD:
		search(r);
		return;
	default:
		break;
	}
	message_lost(r, offset);
}

void
http_reader_end(struct http_reader *r, uint64_t offset)
{
	switch (r->state) {
	case HTTP_OVER:
	case HTTP_SEARCH:
		break;
	case HTTP_UNTIL_CLOSE:
		message_done(r, offset, false);
		break;
	case HTTP_HEAD:
		if (r->held.len > 0)
			r->sink->anomaly(r, ANOMALY_http_message_cut, r->start);
		break;
	default:
		r->sink->anomaly(r, ANOMALY_http_message_cut, r->start);
		message_done(r, offset, true);
		break;
	}
	r->state = HTTP_OVER;
	buf_free(&r->held);
}
