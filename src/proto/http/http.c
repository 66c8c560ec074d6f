/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: queue[0..n_queue) are the slots of requests in order whose exchange is not over;
 * current[dir] is the slot of the message under way in dir, or NO_SLOT; a slot is in use while it
 * is queued. An exchange is over when both its messages are, or when its other half cannot come
 * any more. */
#include "proto/http/http.h"

#include "proto/http/content.h"
#include "proto/http/decode.h"
#include "proto/http/identity.h"
#include "proto/http/inflate.h"
#include "proto/http/parts.h"

#define CONTENT(id) extern const struct http_content id##_content;
#include "proto/http/contents.def"
#undef CONTENT

const struct http_content *const http_contents[] = {
#define CONTENT(id) &id##_content,
#include "proto/http/contents.def"
#undef CONTENT
    NULL};

enum { NO_SLOT = HTTP_SLOTS, CONTENTS_MAX = 4, FORM_MAX = 512 };

_Static_assert(ARRAY_LEN(http_contents) <= CONTENTS_MAX + 1, "one state a content");

struct exchange {
	bool used;
	bool head_only; /* HEAD: the answer has no body */
	bool connect;
	bool asked, answered; /* that message is over */
	bool answering;       /* its answer has begun */
	bool new_login;       /* these credentials were not met before in this session */
	struct http_login login;
};

struct side {
	struct http_reader reader;
	uint64_t at;    /* offset of the next byte */
	size_t slot;    /* of the message under way, or NO_SLOT */
	size_t content; /* that reads the body, or CONTENTS_MAX */
	uint64_t start; /* of the message */
	bool broken;    /* a hole or a bad coding: no more body for this message */
	bool inflating;
	bool form;
	bool in_parts;
	struct inflater *inflater;
	struct parts parts;
	uint8_t form_text[FORM_MAX];
	size_t n_form;
	uint64_t claimed; /* mark of the last fields that gave claims */
};

struct session {
	struct observer *o;
	struct side side[2];
	void *content[CONTENTS_MAX];
	struct exchange exchanges[HTTP_SLOTS];
	size_t queue[HTTP_SLOTS];
	size_t n_queue;
	uint64_t login; /* mark of the last credentials */
	bool lost;      /* bytes were lost: an answer may be to a request that was not seen */
};

static void
note(struct session *s, enum name_value dir, enum anomaly name, uint64_t offset)
{
	observe_anomaly(s->o, dir, offset, name, PROTO_http, NULL);
}

/* --- exchanges --- */

static void
exchange_over(struct session *s, size_t slot)
{
	for (size_t i = 0; http_contents[i] != NULL; i++) {
		if (s->content[i] != NULL)
			http_contents[i]->done(s->content[i], slot);
	}
	s->exchanges[slot] = (struct exchange){0};
	for (size_t i = 0; i < s->n_queue; i++) {
		if (s->queue[i] != slot)
			continue;
		memmove(s->queue + i, s->queue + i + 1, (s->n_queue - i - 1) * sizeof(s->queue[0]));
		s->n_queue--;
		return;
	}
}

static bool
is_current(const struct session *s, size_t slot)
{
	return s->side[0].slot == slot || s->side[1].slot == slot;
}

static size_t
exchange_new(struct session *s)
{
	size_t slot = 0;

	if (s->n_queue == HTTP_SLOTS) {
		/* The oldest that no side is at. */
		for (size_t i = 0; i < s->n_queue; i++) {
			if (!is_current(s, s->queue[i])) {
				exchange_over(s, s->queue[i]);
				s->lost = true;
				break;
			}
		}
	}
	while (s->exchanges[slot].used)
		slot++;
	s->exchanges[slot] = (struct exchange){.used = true};
	s->queue[s->n_queue++] = slot;
	return slot;
}

static void
exchange_check(struct session *s, size_t slot)
{
	const struct exchange *x = &s->exchanges[slot];

	if (x->asked && x->answered && !is_current(s, slot))
		exchange_over(s, slot);
}

/* Requests whose answers cannot be told any more: all that no side is at. */
static void
exchanges_drop(struct session *s)
{
	for (size_t i = s->n_queue; i > 0; i--) {
		if (!is_current(s, s->queue[i - 1]))
			continue;
		/* Its other half is not to be waited for. */
		s->exchanges[s->queue[i - 1]].asked = s->exchanges[s->queue[i - 1]].answered = true;
	}
	for (size_t i = 0; i < s->n_queue;) {
		if (is_current(s, s->queue[i]))
			i++;
		else
			exchange_over(s, s->queue[i]);
	}
}

/* The request that an answer is to: the first that none has begun for. */
static size_t
exchange_asked(struct session *s)
{
	for (size_t i = 0; i < s->n_queue; i++) {
		if (!s->exchanges[s->queue[i]].answering)
			return s->queue[i];
	}
	return NO_SLOT;
}

/* --- log-ins --- */

static const char *
scheme_name(enum http_scheme s)
{
	switch (s) {
	case HTTP_AUTH_BASIC:
		return "Basic";
	case HTTP_AUTH_BEARER:
		return "Bearer";
	case HTTP_AUTH_KEY:
		return "X-API-Key";
	default:
		return NULL;
	}
}

static void
tell_credential(struct session *s, enum name_value dir, uint64_t offset, const char *scheme,
    const struct http_login *l)
{
	struct ev_credential c = {
	    .proto = PROTO_http,
	    .scheme = bytes_str(scheme),
	    .user = l->user,
	    .account = bytes_str(l->account),
	};

	s->o->emit(s->o->owner, dir, offset, EV_credential, &c);
}

static void
take_login(struct session *s, struct exchange *x, enum name_value dir, const struct http_head *h)
{
	struct http_login in_url;
	struct bytes query;

	x->login = http_login(s->o, h);
	(void)http_path(h->target, &query);
	in_url = http_form_login(s->o, query);
	if (in_url.scheme != HTTP_AUTH_NONE && in_url.mark != s->login)
		tell_credential(s, dir, h->offset, "URL", &in_url);
	if (x->login.scheme == HTTP_AUTH_NONE || x->login.scheme == HTTP_AUTH_OTHER) {
		if (in_url.scheme != HTTP_AUTH_NONE)
			s->login = in_url.mark;
		return;
	}
	x->new_login = x->login.mark != s->login;
	s->login = x->login.mark;
	if (x->new_login && scheme_name(x->login.scheme) != NULL)
		tell_credential(s, dir, h->offset, scheme_name(x->login.scheme), &x->login);
}

/* RFC 9110 15.5.2: 401 (and 407) refuse the credentials; 403 refuses what they ask for. */
static void
tell_outcome(
    struct session *s, const struct exchange *x, enum name_value dir, const struct http_head *h)
{
	struct ev_login l = {.proto = PROTO_http, .user = x->login.user};

	if (x->login.scheme == HTTP_AUTH_NONE || x->login.scheme == HTTP_AUTH_OTHER)
		return;
	if (h->status == 401 || h->status == 403 || h->status == 407)
		l.outcome = outcome_failure;
	else if (h->status >= 200 && h->status < 400)
		l.outcome = outcome_success;
	else
		l.outcome = outcome_unknown;
	if (l.outcome == outcome_failure || x->new_login)
		s->o->emit(s->o->owner, dir, h->offset, EV_login, &l);
}

/* --- bodies --- */

struct part_place {
	struct session *s;
	enum name_value dir;
};

static bool
is_executable(enum name_value magic)
{
	return magic == magic_pe || magic == magic_elf || magic == magic_macho ||
	       magic == magic_script;
}

/* PS3.10 7.1: 128 bytes that may be anything, then "DICM". */
static bool
is_dicom_file(struct bytes head)
{
	return head.len >= 132 && memcmp(head.ptr + 128, "DICM", 4) == 0;
}

static void
tell_file(void *ctx, struct bytes media, struct bytes head, uint64_t size)
{
	const struct part_place *p = ctx;
	struct side *side = &p->s->side[p->dir];
	bool dicom = is_dicom_file(head);
	struct ev_attachment a = {
	    .proto = PROTO_http,
	    .place = dicom ? BYTES("DICOM preamble") : BYTES("HTTP body"),
	    .media = media,
	    .magic = magic_of(head),
	    .size = size,
	};

	if (dicom || is_executable((enum name_value)a.magic) ||
	    bytes_eq_nocase(media, BYTES("application/dicom")))
		p->s->o->emit(p->s->o->owner, p->dir, side->start, EV_attachment, &a);
}

static void
form_bytes(struct side *side, struct bytes part)
{
	size_t n = FORM_MAX - side->n_form;

	part = bytes_sub(part, 0, n);
	if (part.len > 0)
		memcpy(side->form_text + side->n_form, part.ptr, part.len);
	side->n_form += part.len;
}

struct body_place {
	struct session *s;
	enum name_value dir;
};

/* Body bytes with all codings undone. */
static void
plain_bytes(void *ctx, struct bytes part)
{
	const struct body_place *p = ctx;
	struct side *side = &p->s->side[p->dir];

	if (side->content < CONTENTS_MAX)
		http_contents[side->content]->body(
		    p->s->content[side->content], side->slot, p->dir, part);
	if (side->form)
		form_bytes(side, part);
	if (side->in_parts) {
		struct part_place place = {p->s, p->dir};

		side->parts.ctx = &place;
		parts_data(&side->parts, part);
		side->parts.ctx = NULL;
	}
}

static void
on_body(struct http_reader *r, struct bytes part)
{
	struct session *s = r->owner;
	struct side *side = &s->side[r->dir];
	struct body_place place = {s, r->dir};

	if (side->broken)
		return;
	if (!side->inflating) {
		plain_bytes(&place, part);
		return;
	}
	switch (inflater_data(side->inflater, part, plain_bytes, &place)) {
	case INFLATE_MORE:
		return;
	case INFLATE_END:
		side->inflating = false;
		r->wanted = false;
		return;
	case INFLATE_BAD:
		note(s, r->dir, ANOMALY_http_coding_bad, side->start);
		break;
	case INFLATE_BOMB:
		note(s, r->dir, ANOMALY_http_coding_bomb, side->start);
		break;
	}
	side->broken = true;
	r->wanted = false;
}

/* Content-Encoding; false: one that is not read here. */
static bool
coding_begin(struct session *s, enum name_value dir, const struct http_head *h)
{
	struct side *side = &s->side[dir];
	struct bytes coding = http_field(h, BYTES("content-encoding"));

	side->inflating = false;
	if (coding.len == 0 || bytes_eq_nocase(coding, BYTES("identity")))
		return true;
	if (!bytes_eq_nocase(coding, BYTES("gzip")) && !bytes_eq_nocase(coding, BYTES("x-gzip")) &&
	    !bytes_eq_nocase(coding, BYTES("deflate")))
		return false;
	if (side->inflater == NULL && (side->inflater = inflater_new(s->o->budget)) == NULL) {
		note(s, dir, ANOMALY_memory_cap, h->offset);
		return false;
	}
	inflater_begin(side->inflater);
	side->inflating = true;
	return true;
}

/* Who reads this body. Files are looked for where a file can be: not in text, pictures, JSON. */
static void
body_begin(struct session *s, struct http_reader *r, const struct http_head *h)
{
	struct side *side = &s->side[r->dir];
	struct bytes type = http_field(h, BYTES("content-type"));

	side->content = CONTENTS_MAX;
	side->broken = side->inflating = side->form = side->in_parts = false;
	side->n_form = 0;
	for (size_t i = 0; http_contents[i] != NULL; i++) {
		if (s->content[i] == NULL)
			continue;
		if (http_contents[i]->head(s->content[i], side->slot, r->dir, h) &&
		    side->content == CONTENTS_MAX)
			side->content = i;
	}
	side->form = h->kind == HTTP_REQUEST &&
		     bytes_starts_nocase(type, BYTES("application/x-www-form-urlencoded"));
	if (!side->form && side->content == CONTENTS_MAX &&
	    !bytes_starts_nocase(type, BYTES("text/")) &&
	    !bytes_starts_nocase(type, BYTES("image/"))) {
		side->in_parts = parts_begin(&side->parts, type);
		if (!side->in_parts)
			note(s, r->dir, ANOMALY_http_multipart_bad, h->offset);
	}
	r->wanted = side->content < CONTENTS_MAX || side->form || side->in_parts;
	if (r->wanted && !coding_begin(s, r->dir, h)) {
		side->broken = side->content < CONTENTS_MAX;
		side->in_parts = side->form = false;
		r->wanted = false;
	}
}

static void
body_end(struct session *s, struct side *side, enum name_value dir, uint64_t size, bool cut)
{
	if (side->form) {
		struct http_login l =
		    http_form_login(s->o, bytes_of(side->form_text, side->n_form));

		if (l.scheme != HTTP_AUTH_NONE)
			tell_credential(s, dir, side->start, "form", &l);
		memset(side->form_text, 0, sizeof(side->form_text));
	}
	if (side->in_parts) {
		struct part_place place = {s, dir};
		bool whole;

		side->parts.ctx = &place;
		whole = parts_end(&side->parts);
		side->parts.ctx = NULL;
		if (!whole && !cut && !side->broken)
			note(s, dir, ANOMALY_http_multipart_bad, side->start);
	}
	cut |= side->broken || side->inflating;
	for (size_t i = 0; http_contents[i] != NULL; i++) {
		if (s->content[i] != NULL)
			http_contents[i]->end(s->content[i], side->slot, dir, size, cut);
	}
	side->form = side->in_parts = side->inflating = false;
	side->content = CONTENTS_MAX;
}

/* --- messages --- */

static void
claims_once(struct session *s, enum name_value dir, const struct http_head *h)
{
	static const char *const names[] = {
	    "user-agent", "server", "x-powered-by", "via", "www-authenticate"};
	uint64_t mark = 1;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		mark = mix64(mark ^ sip64(s->o->key, http_field(h, bytes_str(names[i]))));
	if (mark == s->side[dir].claimed)
		return;
	s->side[dir].claimed = mark;
	http_claims(s->o, dir, h);
}

static enum http_body
on_request(struct session *s, struct http_reader *r, const struct http_head *h)
{
	struct side *side = &s->side[r->dir];
	struct exchange *x;

	observe_unit(s->o, UNIT_http_requests);
	side->slot = NO_SLOT; /* the last one's end was told */
	side->slot = exchange_new(s);
	x = &s->exchanges[side->slot];
	x->head_only = bytes_eq(h->method, BYTES("HEAD"));
	x->connect = bytes_eq(h->method, BYTES("CONNECT"));
	take_login(s, x, r->dir, h);
	claims_once(s, r->dir, h);
	body_begin(s, r, h);
	/* RFC 9113 3.4: the preface of HTTP/2. */
	if (bytes_eq(h->method, BYTES("PRI"))) {
		s->side[1 - r->dir].reader.state = HTTP_OVER;
		return HTTP_TUNNEL;
	}
	return HTTP_BODY_AS_SAID;
}

static enum http_body
on_response(struct session *s, struct http_reader *r, const struct http_head *h)
{
	struct side *side = &s->side[r->dir];
	struct exchange *x;

	observe_unit(s->o, UNIT_http_responses);
	side->slot = exchange_asked(s);
	if (h->status < 200 && h->status != 101) { /* RFC 9110 15.2: the answer itself follows */
		side->slot = NO_SLOT;
		return HTTP_BODY_NONE;
	}
	if (side->slot == NO_SLOT) {
		if (!s->lost)
			note(s, r->dir, ANOMALY_http_answer_unasked, h->offset);
		side->slot = exchange_new(s);
		s->exchanges[side->slot].asked = true;
	}
	x = &s->exchanges[side->slot];
	x->answering = true;
	tell_outcome(s, x, r->dir, h);
	claims_once(s, r->dir, h);
	body_begin(s, r, h);
	if (h->status == 101 || (x->connect && h->status < 300)) {
		s->side[1 - r->dir].reader.state = HTTP_OVER;
		return HTTP_TUNNEL;
	}
	if (x->head_only || h->status == 204 || h->status == 304)
		return HTTP_BODY_NONE;
	return HTTP_BODY_AS_SAID;
}

static enum http_body
on_head(struct http_reader *r, const struct http_head *h)
{
	struct session *s = r->owner;

	s->side[r->dir].start = h->offset;
	return h->kind == HTTP_REQUEST ? on_request(s, r, h) : on_response(s, r, h);
}

static void
on_hole(struct http_reader *r)
{
	struct session *s = r->owner;

	s->side[r->dir].broken = true;
	r->wanted = false;
}

static void
on_end(struct http_reader *r, uint64_t size, bool cut)
{
	struct session *s = r->owner;
	struct side *side = &s->side[r->dir];
	size_t slot = side->slot;

	if (slot == NO_SLOT)
		return; /* 1xx */
	body_end(s, side, r->dir, size, cut);
	side->slot = NO_SLOT;
	if (r->kind == HTTP_REQUEST)
		s->exchanges[slot].asked = true;
	else
		s->exchanges[slot].answered = true;
	exchange_check(s, slot);
}

static void
on_lost(struct http_reader *r)
{
	struct session *s = r->owner;

	s->lost = true;
	exchanges_drop(s);
}

static void
on_anomaly(struct http_reader *r, enum anomaly name, uint64_t offset)
{
	note(r->owner, r->dir, name, offset);
}

static const struct http_sink sink = {on_head, on_body, on_hole, on_end, on_lost, on_anomaly};

/* --- the protocol --- */

static void *
http_open(struct observer *o)
{
	struct session *s = budget_alloc(o->budget, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = o;
	for (size_t i = 0; http_contents[i] != NULL; i++)
		s->content[i] = http_contents[i]->open(o);
	for (size_t dir = 0; dir < 2; dir++) {
		http_reader_init(&s->side[dir].reader, &sink, s, (enum name_value)dir, o->budget);
		s->side[dir].slot = NO_SLOT;
		s->side[dir].content = CONTENTS_MAX;
		s->side[dir].parts.tell = tell_file;
	}
	return s;
}

static void
http_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct session *s = session;

	s->side[dir].at = offset + run.len;
	http_reader_data(&s->side[dir].reader, run, offset);
}

static void
http_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct session *s = session;

	s->side[dir].at = offset + missing;
	http_reader_gap(&s->side[dir].reader, offset, missing);
}

static void
http_end(void *session, enum name_value dir)
{
	struct session *s = session;

	http_reader_end(&s->side[dir].reader, s->side[dir].at);
	s->side[dir].slot = NO_SLOT;
	if (s->side[1 - dir].reader.state == HTTP_OVER)
		exchanges_drop(s);
}

static void
http_close(void *session)
{
	struct session *s = session;

	for (size_t dir = 0; dir < 2; dir++) {
		http_reader_free(&s->side[dir].reader);
		inflater_free(s->side[dir].inflater);
	}
	for (size_t i = 0; http_contents[i] != NULL; i++) {
		if (s->content[i] != NULL)
			http_contents[i]->close(s->content[i]);
	}
	budget_free(s->o->budget, s, sizeof(*s));
}

static enum proto
http_carries(const void *session)
{
	const struct session *s = session;

	for (size_t i = 0; http_contents[i] != NULL; i++) {
		if (s->content[i] != NULL && http_contents[i]->seen(s->content[i]))
			return http_contents[i]->id;
	}
	return PROTO_http;
}

static const char *const methods[] = {"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ",
    "PATCH ", "TRACE ", "CONNECT ", "PROPFIND ", "PROPPATCH ", "MKCOL ", "COPY ", "MOVE ", "LOCK ",
    "UNLOCK ", "REPORT ", "SEARCH ", "PRI "};

static enum probe
probe_request(struct bytes h, bool ended)
{
	bool begins = false, known = false;
	size_t nl;

	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct bytes m = bytes_str(methods[i]);

		known |= bytes_starts(h, m);
		begins |= bytes_starts(m, bytes_sub(h, 0, m.len));
	}
	if (!known)
		return begins && !ended ? PROBE_MAYBE : PROBE_NO;
	nl = bytes_find(h, '\n');
	if (nl < h.len)
		return http_start_line(bytes_sub(h, 0, nl)) == HTTP_REQUEST ? PROBE_YES : PROBE_NO;
	if (!bytes_printable(bytes_sub(h, 0, h.len - 1)))
		return PROBE_NO;
	if (h.len >= PROBE_BYTES_MAX)
		return PROBE_YES;
	return ended ? PROBE_NO : PROBE_MAYBE;
}

static enum probe
probe_response(struct bytes h, bool ended)
{
	struct bytes version = BYTES("HTTP/1.");

	if (!bytes_starts(version, bytes_sub(h, 0, version.len)))
		return PROBE_NO;
	if (h.len < 12)
		return ended ? PROBE_NO : PROBE_MAYBE;
	return http_start_line(bytes_sub(h, 0, 12)) == HTTP_RESPONSE ? PROBE_YES : PROBE_NO;
}

static enum probe
probe_side(struct bytes h, bool ended)
{
	enum probe a, b;

	if (h.len == 0)
		return PROBE_MAYBE;
	a = probe_request(h, ended);
	b = probe_response(h, ended);
	if (a == PROBE_YES || b == PROBE_YES)
		return PROBE_YES;
	return a == PROBE_MAYBE || b == PROBE_MAYBE ? PROBE_MAYBE : PROBE_NO;
}

/* A start line on either side decides: the other may have been met in the middle of a body. */
static enum probe
http_probe(const struct probe_view *v)
{
	enum probe a = probe_side(v->head[dir_orig], v->ended);
	enum probe b = probe_side(v->head[dir_resp], v->ended);

	if (a == PROBE_YES || b == PROBE_YES)
		return PROBE_YES;
	return a == PROBE_NO || b == PROBE_NO || v->ended ? PROBE_NO : PROBE_MAYBE;
}

const struct protocol http_protocol = {
    .id = PROTO_http,
    .name = "http",
    .probe = http_probe,
    .open = http_open,
    .data = http_data,
    .gap = http_gap,
    .end = http_end,
    .close = http_close,
    .carries = http_carries,
    .decode = http_decode,
};
