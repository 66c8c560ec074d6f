/* SPDX-License-Identifier: Apache-2.0 */
/* Splitter: BETWEEN -'<'-> LT -name-> OPEN -'>'-> TEXT -'<'-> LT
 *                          LT -'/'-> CLOSE -'>'-> TEXT, or the end of the document at depth 0
 *                          LT -'?'-> PI;  LT -'!'-> BANG -> COMMENT, CDATA or DECL; all -> TEXT
 *           a hole -> RESYNC -"<?" or "<NAME.Rnn"-> PI, OPEN
 * A '<' where none may stand (inside a tag or a value) starts markup anew, and "<?xml" inside a
 * document starts the next one: so a torn document costs itself only. */
#include "proto/poct1a/xml.h"

enum {
	X_BETWEEN,
	X_LT,
	X_OPEN,
	X_QUOTE,
	X_CLOSE,
	X_PI,
	X_BANG,
	X_COMMENT,
	X_CDATA,
	X_DECL,
	X_DECL_QUOTE,
	X_TEXT,
	X_RESYNC,
	X_RESYNC_NAME,
};

const char *
xml_error_name(enum xml_error e)
{
	static const char *const names[] = {"ok", "cut", "syntax", "mismatch", "doctype", "entity",
	    "depth", "attributes", "size", "memory"};

	return (size_t)e < ARRAY_LEN(names) ? names[e] : "unknown";
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_name_start(uint8_t c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == ':';
}

static bool
is_name(uint8_t c)
{
	return is_name_start(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

/* --- splitter --- */

void
xml_split_init(struct xml_splitter *s, struct budget *budget)
{
	*s = (struct xml_splitter){.scale = 1};
	s->doc = (struct buf){.cap = XML_DOCUMENT_MAX, .budget = budget};
}

void
xml_split_free(struct xml_splitter *s)
{
	buf_free(&s->doc);
}

static void
refuse(struct xml_splitter *s, enum xml_error e)
{
	if (s->error == XML_OK)
		s->error = e;
}

static void
keep(struct xml_splitter *s, struct bytes b)
{
	size_t room = XML_DOCUMENT_MAX - s->doc.len;

	s->size += (uint64_t)b.len * s->scale;
	if (b.len > room)
		refuse(s, XML_SIZE);
	buf_add(&s->doc, bytes_sub(b, 0, room));
	if (s->doc.cut)
		refuse(s, XML_MEMORY);
}

static void
document_start(struct xml_splitter *s, uint64_t offset)
{
	buf_reset(&s->doc);
	s->size = 0;
	s->start = offset;
	s->error = XML_OK;
	s->depth = s->brackets = 0;
	s->rooted = s->noisy = false;
	s->lt = 0;
}

static struct xml_piece
document_end(struct xml_splitter *s)
{
	struct xml_piece p = {.kind = XML_DOCUMENT,
	    .error = s->error,
	    .body = buf_bytes(&s->doc),
	    .offset = s->start,
	    .size = s->size};

	s->state = X_BETWEEN;
	s->given = true;
	return p;
}

static void
tag_end(struct xml_splitter *s, bool open)
{
	s->rooted = true;
	s->state = X_TEXT;
	if (open && ++s->depth > XML_DEPTH_MAX)
		refuse(s, XML_DEPTH);
}

/* Where `b` leaves what its state can step over at once: index of the byte that decides. */
static size_t
skip_plain(const struct xml_splitter *s, struct bytes b)
{
	size_t n = 0;

	switch (s->state) {
	case X_TEXT:
	case X_RESYNC:
		return bytes_find(b, '<');
	case X_QUOTE:
		return bytes_find(bytes_sub(b, 0, bytes_find(b, s->quote)), '<');
	case X_DECL_QUOTE:
		return bytes_find(b, s->quote);
	case X_OPEN:
		/* the byte before one that decides is looked at again, for "/>" */
		while (n < b.len && b.ptr[n] != '>' && b.ptr[n] != '"' && b.ptr[n] != '\'' &&
		       b.ptr[n] != '<' && b.ptr[n] != '/')
			n++;
		return n;
	case X_CLOSE:
		return bytes_find(bytes_sub(b, 0, bytes_find(b, '>')), '<');
	default:
		return 0;
	}
}

static void
after_lt(struct xml_splitter *s, uint8_t c)
{
	s->match = s->target = 0;
	s->previous = c;
	if (c == '?') {
		s->state = X_PI;
	} else if (c == '!') {
		s->state = X_BANG;
	} else if (c == '/') {
		s->state = X_CLOSE;
	} else if (is_name_start(c)) {
		s->state = X_OPEN;
	} else {
		refuse(s, XML_SYNTAX);
		s->state = c == '<' ? X_LT : X_TEXT;
	}
}

/* One byte inside <? ?>, <!-- -->, <![CDATA[ ]]>: true at its end. */
static bool
run_end(struct xml_splitter *s, uint8_t c, const char *end)
{
	size_t n = strlen(end);

	if (c == (uint8_t)end[s->match]) {
		s->match++;
	} else if (s->match > 0 && c == (uint8_t)end[0]) {
		/* "--->" and "]]]>": all but the last of what matched is one byte repeated */
		s->match = (uint8_t)(c == s->previous && s->match == n - 1 ? n - 1 : 1);
	} else {
		s->match = 0;
	}
	s->previous = c;
	if (s->match < n)
		return false;
	s->state = X_TEXT;
	return true;
}

static void
bang(struct xml_splitter *s, uint8_t c)
{
	s->match = 0;
	s->previous = 0;
	if (c == '-') {
		s->state = X_COMMENT;
	} else if (c == '[') {
		s->state = X_CDATA;
	} else {
		refuse(s, XML_DOCTYPE);
		s->brackets = 0;
		s->state = X_DECL;
	}
}

static void
declaration(struct xml_splitter *s, uint8_t c)
{
	if (c == '"' || c == '\'') {
		s->quote = c;
		s->state = X_DECL_QUOTE;
	} else if (c == '[') {
		s->brackets++;
	} else if (c == ']') {
		s->brackets -= s->brackets > 0;
	} else if (c == '>' && s->brackets == 0) {
		s->state = X_TEXT;
	}
}

/* In a tag's inside: true where the document ends with it. */
static bool
in_tag(struct xml_splitter *s, uint8_t c)
{
	bool empty = s->previous == '/';

	s->previous = c;
	if (c == '"' || c == '\'') {
		s->quote = c;
		s->state = X_QUOTE;
	} else if (c == '<') {
		refuse(s, XML_SYNTAX);
		s->state = X_LT;
	} else if (c == '>') {
		tag_end(s, !empty);
		return empty && s->depth == 0;
	}
	return false;
}

static bool
in_end_tag(struct xml_splitter *s, uint8_t c)
{
	if (c == '<') {
		refuse(s, XML_SYNTAX);
		s->state = X_LT;
		return false;
	}
	if (c != '>')
		return false;
	s->state = X_TEXT;
	if (s->depth == 0)
		refuse(s, XML_SYNTAX);
	else
		s->depth--;
	return s->depth == 0;
}

/* "<?xml" begins a document; inside of one, the next (XML 2.6 and 2.8 allow it nowhere else). */
static bool
next_document(struct xml_splitter *s, uint8_t c)
{
	static const char target[] = "xml";

	if (s->target > 3)
		return false;
	if (s->target < 3) {
		s->target = c == (uint8_t)target[s->target] ? (uint8_t)(s->target + 1) : 9;
		return false;
	}
	s->target = 9;
	return is_blank(c) && s->lt > 0;
}

enum { TORN_BYTES = 6 }; /* "<?xml" and a blank */

/* The open document ends before the "<?xml " that was just kept: it starts the next. */
static struct xml_piece
document_torn(struct xml_splitter *s, uint8_t blank, uint64_t offset)
{
	struct xml_piece p;

	refuse(s, XML_CUT);
	s->size -= (uint64_t)TORN_BYTES * s->scale;
	p = document_end(s);
	p.body.len = s->lt;
	s->start = offset - (uint64_t)TORN_BYTES * s->scale;
	s->pre[0] = blank;
	s->state = X_PI;
	return p;
}

/* True where *piece is ready after this byte, which is kept in the document. */
static bool
document_byte(struct xml_splitter *s, uint8_t c)
{
	switch (s->state) {
	case X_LT:
		after_lt(s, c);
		return false;
	case X_OPEN:
		return in_tag(s, c);
	case X_QUOTE:
		s->previous = 0;
		s->state = c == '<' ? X_LT : X_OPEN;
		if (c == '<')
			refuse(s, XML_SYNTAX);
		return false;
	case X_CLOSE:
		return in_end_tag(s, c);
	case X_PI:
		(void)run_end(s, c, "?>");
		return false;
	case X_BANG:
		bang(s, c);
		return false;
	case X_COMMENT:
		(void)run_end(s, c, "-->");
		return false;
	case X_CDATA:
		(void)run_end(s, c, "]]>");
		return false;
	case X_DECL:
		declaration(s, c);
		return false;
	case X_DECL_QUOTE:
		s->state = X_DECL;
		return false;
	default: /* X_TEXT: '<' */
		s->state = X_LT;
		return false;
	}
}

/* After a hole: a document starts at "<?" or at a name as roots have it. True: it does, and
 * everything of it so far stands in doc. */
static bool
resync_byte(struct xml_splitter *s, uint8_t c, uint64_t offset)
{
	size_t n = s->match;

	if (s->state == X_RESYNC || c == '<') {
		s->pre[0] = '<';
		s->match = 1;
		s->start = offset;
		s->state = X_RESYNC_NAME;
		return false;
	}
	if (n == sizeof(s->pre) || !(is_name(c) || (n == 1 && c == '?'))) {
		s->state = X_RESYNC;
		return false;
	}
	s->pre[s->match++] = c;
	n++;
	if (c != '?' &&
	    !(n >= 5 && c >= '0' && c <= '9' && s->pre[n - 2] == 'R' && s->pre[n - 3] == '.'))
		return false;
	document_start(s, s->start);
	keep(s, bytes_of(s->pre, n));
	s->state = c == '?' ? X_PI : X_OPEN;
	s->match = s->target = 0;
	s->previous = c;
	return true;
}

static bool
is_markup(uint8_t state)
{
	return state != X_BETWEEN && state != X_RESYNC && state != X_RESYNC_NAME;
}

/* Outside documents. True: *p is noise to tell. */
static bool
between(struct xml_splitter *s, uint8_t c, uint64_t offset, struct xml_piece *p)
{
	if (c == '<') {
		document_start(s, offset);
		s->state = X_LT;
		keep(s, bytes_of(&c, 1));
		return false;
	}
	/* a byte order mark is no noise */
	if (is_blank(c) || c == 0xef || c == 0xbb || c == 0xbf)
		return false;
	if (s->noisy)
		return false;
	s->noisy = true;
	*p = (struct xml_piece){.kind = XML_NOISE, .offset = offset, .size = s->scale};
	return true;
}

static void
torn_restart(struct xml_splitter *s)
{
	document_start(s, s->start);
	keep(s, BYTES("<?xml"));
	keep(s, bytes_of(s->pre, 1));
	s->target = 9;
	s->match = 0;
}

static void
take(struct bytes *in, uint64_t *offset, size_t n, uint8_t scale)
{
	*in = bytes_from(*in, n);
	*offset += (uint64_t)n * scale;
}

struct xml_piece
xml_split_next(struct xml_splitter *s, struct bytes *in, uint64_t *offset)
{
	struct xml_piece p = {.kind = XML_MORE};

	if (s->given) {
		s->given = false;
		if (s->state == X_PI) /* the next document tore the last one */
			torn_restart(s);
		else
			buf_reset(&s->doc);
	}
	while (in->len > 0) {
		size_t n = skip_plain(s, *in);
		uint8_t c;

		if (n > 0) {
			if (is_markup(s->state))
				keep(s, bytes_sub(*in, 0, n));
			if (s->state == X_OPEN)
				s->previous = in->ptr[n - 1];
			take(in, offset, n, s->scale);
			continue;
		}
		c = in->ptr[0];
		if (!is_markup(s->state)) {
			bool tell = false;
			uint64_t at = *offset;

			take(in, offset, 1, s->scale);
			if (s->state == X_BETWEEN)
				tell = between(s, c, at, &p);
			else
				(void)resync_byte(s, c, at);
			if (tell)
				return p;
			continue;
		}
		if (c == '<' && s->state != X_PI && s->state != X_COMMENT && s->state != X_CDATA &&
		    s->state != X_DECL && s->state != X_BANG)
			s->lt = s->doc.len;
		keep(s, bytes_of(&c, 1));
		take(in, offset, 1, s->scale);
		if (s->state == X_PI && next_document(s, c))
			return document_torn(s, c, *offset);
		if (document_byte(s, c))
			return document_end(s);
	}
	return p;
}

struct xml_piece
xml_split_cut(struct xml_splitter *s, bool resync)
{
	struct xml_piece p = {.kind = XML_MORE};

	if (s->given && s->state == X_PI)
		torn_restart(s);
	else if (s->given)
		buf_reset(&s->doc);
	s->given = false;
	if (is_markup(s->state)) {
		refuse(s, XML_CUT);
		p = document_end(s);
	}
	s->noisy = false;
	s->state = resync ? X_RESYNC : X_BETWEEN;
	return p;
}

/* --- reader --- */

struct xml_reader
xml_read(struct bytes document)
{
	return (struct xml_reader){.in = document};
}

static struct xml_token
bad(struct xml_reader *r, enum xml_error e)
{
	r->done = true;
	return (struct xml_token){.kind = XML_BAD, .error = e, .at = r->at};
}

static uint8_t
peek(const struct xml_reader *r)
{
	return r->at < r->in.len ? r->in.ptr[r->at] : 0;
}

static bool
skip_blanks(struct xml_reader *r)
{
	size_t from = r->at;

	while (r->at < r->in.len && is_blank(r->in.ptr[r->at]))
		r->at++;
	return r->at > from;
}

static struct bytes
read_name(struct xml_reader *r)
{
	size_t from = r->at;

	if (r->at < r->in.len && is_name_start(r->in.ptr[r->at])) {
		while (r->at < r->in.len && is_name(r->in.ptr[r->at]))
			r->at++;
	}
	return bytes_sub(r->in, from, r->at - from);
}

/* The reference between '&' and ';' as UTF-8; 0 bytes where it is none of ours (XML 4.1, 4.6). */
static size_t
reference(struct bytes name, uint8_t out[4])
{
	static const struct {
		struct bytes name;
		uint8_t c;
	} named[] = {{BYTES_INIT("lt"), '<'}, {BYTES_INIT("gt"), '>'}, {BYTES_INIT("amp"), '&'},
	    {BYTES_INIT("quot"), '"'}, {BYTES_INIT("apos"), '\''}};
	bool hex = name.len > 1 && name.ptr[1] == 'x';
	uint32_t c = 0;

	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		if (bytes_eq(name, named[i].name)) {
			out[0] = named[i].c;
			return 1;
		}
	}
	if (name.len < 2 || name.len > 9 || name.ptr[0] != '#' || (hex && name.len < 3))
		return 0;
	for (size_t i = hex ? 2 : 1; i < name.len; i++) {
		uint8_t d = name.ptr[i];

		if (d >= '0' && d <= '9')
			d = (uint8_t)(d - '0');
		else if (hex && (d | 0x20) >= 'a' && (d | 0x20) <= 'f')
			d = (uint8_t)((d | 0x20) - 'a' + 10);
		else
			return 0;
		c = c * (hex ? 16 : 10) + d;
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* XML_OK where every '&' of text starts a reference of ours. */
static enum xml_error
check_references(struct bytes text)
{
	uint8_t out[4];
	size_t at;

	while ((at = bytes_find(text, '&')) < text.len) {
		size_t end;

		text = bytes_from(text, at + 1);
		end = bytes_find(bytes_sub(text, 0, 64), ';');
		if (end == text.len || end == 64)
			return XML_SYNTAX;
		if (reference(bytes_sub(text, 0, end), out) == 0)
			return end > 0 && (is_name_start(text.ptr[0]) || text.ptr[0] == '#')
				   ? XML_ENTITY
				   : XML_SYNTAX;
		text = bytes_from(text, end + 1);
	}
	return XML_OK;
}

struct bytes
xml_plain(struct bytes text, uint8_t *out)
{
	size_t n = 0;

	if (bytes_find(text, '&') == text.len)
		return text;
	while (text.len > 0) {
		struct bytes rest, plain = bytes_split(text, '&', &rest);
		bool more = plain.len < text.len;
		size_t got;

		if (plain.len > 0)
			memcpy(out + n, plain.ptr, plain.len);
		n += plain.len;
		if (!more)
			break;
		/* "&x;" is never shorter than what it stands for */
		if ((got = reference(bytes_split(rest, ';', &text), out + n)) == 0)
			return (struct bytes){NULL, 0};
		n += got;
	}
	return bytes_of(out, n);
}

/* One attribute, the blanks before it taken (XML 3.1). */
static enum xml_error
attribute(struct xml_reader *r)
{
	struct xml_attribute a;
	uint8_t quote;
	size_t n;

	if (r->n == XML_ATTRIBUTES_MAX)
		return XML_ATTRIBUTES;
	a.name = read_name(r);
	(void)skip_blanks(r);
	if (a.name.len == 0 || peek(r) != '=')
		return XML_SYNTAX;
	r->at++;
	(void)skip_blanks(r);
	quote = peek(r);
	if (quote != '"' && quote != '\'')
		return XML_SYNTAX;
	r->at++;
	n = bytes_find(bytes_from(r->in, r->at), quote);
	a.value = bytes_sub(r->in, r->at, n);
	if (r->at + n == r->in.len || bytes_find(a.value, '<') < a.value.len)
		return XML_SYNTAX;
	r->at += n + 1;
	r->attributes[r->n++] = a;
	return check_references(a.value);
}

/* Behind '<' (XML 3.1 rules 40 and 44). */
static struct xml_token
start_tag(struct xml_reader *r, size_t at)
{
	struct bytes name = read_name(r);
	enum xml_error e;

	r->n = 0;
	if (name.len == 0)
		return bad(r, XML_SYNTAX);
	for (;;) {
		bool blanks = skip_blanks(r);
		uint8_t c = peek(r);

		if (c == '>' || c == '/')
			break;
		if (!blanks)
			return bad(r, XML_SYNTAX);
		if ((e = attribute(r)) != XML_OK)
			return bad(r, e);
	}
	r->closing = peek(r) == '/';
	r->at += r->closing ? 2 : 1;
	if (r->at > r->in.len || r->in.ptr[r->at - 1] != '>')
		return bad(r, XML_SYNTAX);
	if (r->depth == XML_DEPTH_MAX)
		return bad(r, XML_DEPTH);
	r->open[r->depth++] = name;
	return (struct xml_token){
	    .kind = XML_START, .name = name, .at = at, .attributes = r->attributes, .n = r->n};
}

static struct xml_token
element_end(struct xml_reader *r, size_t at)
{
	struct xml_token t = {.kind = XML_END, .name = r->open[--r->depth], .at = at};

	r->closing = false;
	r->done = r->depth == 0;
	return t;
}

static struct xml_token
end_tag(struct xml_reader *r, size_t at)
{
	struct bytes name = read_name(r);

	(void)skip_blanks(r);
	if (name.len == 0 || peek(r) != '>' || r->depth == 0)
		return bad(r, XML_SYNTAX);
	r->at++;
	if (!bytes_eq(name, r->open[r->depth - 1]))
		return bad(r, XML_MISMATCH);
	return element_end(r, at);
}

/* Step over what starts with `open` bytes at r->at up to and with `end`; false: it has no end. */
static bool
step_over(struct xml_reader *r, size_t open, struct bytes end, struct bytes *inside)
{
	struct bytes rest = bytes_from(r->in, r->at + open);
	size_t n = bytes_find_seq(rest, end);

	if (rest.len == 0 || n == rest.len)
		return false;
	*inside = bytes_sub(rest, 0, n);
	r->at += open + n + end.len;
	return true;
}

static struct xml_token
text(struct xml_reader *r)
{
	struct xml_token t = {.kind = XML_TEXT, .at = r->at};
	enum xml_error e;

	t.text = bytes_sub(r->in, r->at, bytes_find(bytes_from(r->in, r->at), '<'));
	if (r->depth == 0 && bytes_trim(t.text).len > 0)
		return bad(r, XML_SYNTAX);
	if ((e = check_references(t.text)) != XML_OK)
		return bad(r, e);
	r->at += t.text.len;
	return t;
}

struct xml_token
xml_next(struct xml_reader *r)
{
	struct xml_token t;
	struct bytes rest, inside;

	for (;;) {
		size_t at = r->at;

		if (r->closing)
			return element_end(r, at);
		if (r->done)
			return (struct xml_token){.kind = XML_DONE, .at = at};
		rest = bytes_from(r->in, at);
		if (rest.len == 0)
			return bad(r, XML_CUT);
		if (rest.ptr[0] != '<') {
			t = text(r);
			if (t.kind == XML_BAD || r->depth > 0)
				return t;
			continue;
		}
		if (bytes_starts(rest, BYTES("<?"))) {
			if (!step_over(r, 2, BYTES("?>"), &inside))
				return bad(r, XML_CUT);
			continue;
		}
		if (bytes_starts(rest, BYTES("<!--"))) {
			if (!step_over(r, 4, BYTES("-->"), &inside))
				return bad(r, XML_CUT);
			continue;
		}
		if (bytes_starts(rest, BYTES("<![CDATA["))) {
			if (r->depth == 0 || !step_over(r, 9, BYTES("]]>"), &inside))
				return bad(r, XML_SYNTAX);
			return (struct xml_token){
			    .kind = XML_TEXT, .text = inside, .cdata = true, .at = at};
		}
		if (bytes_starts(rest, BYTES("<!")))
			return bad(r, XML_DOCTYPE);
		r->at += rest.len > 1 && rest.ptr[1] == '/' ? 2 : 1;
		return r->at - at == 2 ? end_tag(r, at) : start_tag(r, at);
	}
}

/* --- writing --- */

void
xml_write_text(struct buf *out, struct bytes t)
{
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = t.ptr[i];

		if (c == '&')
			buf_text(out, "&amp;");
		else if (c == '<')
			buf_text(out, "&lt;");
		else if (c == '>')
			buf_text(out, "&gt;");
		else if (c == '"')
			buf_text(out, "&quot;");
		else if (c == '\'')
			buf_text(out, "&apos;");
		else if (c < 0x20)
			buf_printf(out, "&#%u;", c);
		else
			buf_byte(out, c);
	}
}
