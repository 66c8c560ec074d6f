/* SPDX-License-Identifier: Apache-2.0 */
/* A request's way: path -> console file or route -> session -> rate -> permission -> origin and
 * token -> query -> body -> handler. Every step that says no ends it with a problem. */
#include <stdio.h>
#include <stdlib.h>

#include "api/inner.h"
#include "crypto/password.h"
#include "crypto/random.h"

#define SESSION_COOKIE "__Host-hemostat="
#define API_ROOT       "/api/v1"

const char *const api_security_headers[] = {"Content-Security-Policy",
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
    "'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options", "nosniff", "X-Frame-Options", "DENY", "Referrer-Policy",
    "no-referrer", "Cross-Origin-Opener-Policy", "same-origin", "Cross-Origin-Resource-Policy",
    "same-origin", "Permissions-Policy", "camera=(), geolocation=(), microphone=(), usb=()", NULL};

static const struct api_route *const resources[] = {
#define RESOURCE(name) api_##name##_routes,
#include "api/resources.def"
};

const struct api_route *
api_route_at(size_t i)
{
	for (size_t r = 0; r < ARRAY_LEN(resources); r++) {
		for (const struct api_route *t = resources[r]; t->path != NULL; t++) {
			if (i-- == 0)
				return t;
		}
	}
	return NULL;
}

/* --- life --- */

static enum err
load_people(struct api *a, struct why *why)
{
	struct buf kept = {0};
	enum err e = store_value(a->set.store, PEOPLE_VALUE, &kept, why);

	if (e == ERR_OK || e == ERR_ABSENT)
		e = people_decode(&a->people, buf_bytes(&kept), why);
	crypto_wipe(kept.ptr, kept.len);
	buf_free(&kept);
	return e;
}

enum err
api_new(struct api **out, const struct api_settings *s, struct why *why)
{
	struct api *a = calloc(1, sizeof(*a));
	uint8_t token[16];
	struct buf word = {0};
	uint32_t seed;
	enum err e;

	*out = NULL;
	if (a == NULL || (a->sessions = sessions_new()) == NULL) {
		free(a);
		return FAIL(why, ERR_SYSTEM, "no memory for the API");
	}
	a->set = *s;
	if ((e = password_init(why)) == ERR_OK && (e = load_people(a, why)) == ERR_OK &&
	    (e = crypto_random(&a->key, sizeof(a->key), why)) == ERR_OK &&
	    (e = crypto_random(&seed, sizeof(seed), why)) == ERR_OK &&
	    (e = crypto_random(token, sizeof(token), why)) == ERR_OK) {
		body_seed(seed);
		a->links = link_names_new(s->store);
		/* The hash that unknown names are checked against is made before it is needed. */
		(void)password_matches(NULL, BYTES("x"));
		if (a->people.n == 0) {
			buf_hex(&word, bytes_of(token, sizeof(token)));
			(void)snprintf(a->setup, sizeof(a->setup), "%.*s", (int)word.len,
			    (const char *)word.ptr);
		}
		openapi_write(&a->openapi, s->version);
		(void)snprintf(a->openapi_tag, sizeof(a->openapi_tag), "\"%016llx\"",
		    (unsigned long long)sip64(&a->key, buf_bytes(&a->openapi)));
		*out = a;
	} else {
		api_free(a);
	}
	buf_free(&word);
	return e;
}

void
api_free(struct api *a)
{
	if (a == NULL)
		return;
	sessions_free(a->sessions);
	if (a->links != NULL)
		link_names_free(a->links);
	buf_free(&a->openapi);
	crypto_wipe(a, sizeof(*a));
	free(a);
}

const char *
api_setup_token(const struct api *a)
{
	return a->setup;
}

/* --- answers --- */

static const char *
status_title(int status)
{
	switch (status) {
	case 400:
		return "The request makes no sense";
	case 401:
		return "Sign in first";
	case 403:
		return "Not allowed";
	case 404:
		return "There is no such thing";
	case 405:
		return "That cannot be done with it";
	case 409:
		return "That does not go together with what stands";
	case 412:
		return "It was changed in between";
	case 413:
		return "Too large";
	case 415:
		return "JSON is expected";
	case 428:
		return "Say which version is to be changed";
	case 429:
		return "Too many requests";
	case 503:
		return "Not now";
	default:
		return "Hemostat failed";
	}
}

void
api_header(struct api_response *out, const char *name, const char *fmt, ...)
{
	struct api_header *h;
	va_list ap;

	if (out->n_headers == API_HEADERS_MAX)
		abort();
	h = &out->headers[out->n_headers++];
	h->name = name;
	va_start(ap, fmt);
	(void)vsnprintf(h->value, sizeof(h->value), fmt, ap);
	va_end(ap);
}

void
api_problem(struct api_call *c, int status, const char *fmt, ...)
{
	char detail[320];
	struct json j;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	buf_reset(&c->out->body);
	c->out->status = status;
	c->out->type = "application/problem+json";
	c->out->stream = false;
	j = json_on(&c->out->body);
	json_object(&j);
	json_kstr(&j, "type", "about:blank");
	json_kstr(&j, "title", status_title(status));
	json_ku64(&j, "status", (uint64_t)status);
	json_kstr(&j, "detail", detail);
	json_object_end(&j);
	if (status == 401 || status == 403)
		c->api->refused++;
	if (status >= 500)
		c->api->errors++;
}

bool
api_failed(struct api_call *c, enum err e, const struct why *why)
{
	static const int statuses[] = {[ERR_INPUT] = 500,
	    [ERR_LIMIT] = 409,
	    [ERR_SYSTEM] = 503,
	    [ERR_ABSENT] = 404,
	    [ERR_USAGE] = 400,
	    [ERR_REFUSED] = 409};

	if (e == ERR_OK)
		return false;
	api_problem(c, statuses[e], "%s", why->text);
	return true;
}

void
api_list_begin(struct api_call *c)
{
	json_object(&c->json);
	json_key(&c->json, "items");
	json_array(&c->json);
}

void
api_list_end(struct api_call *c, const char *next)
{
	json_array_end(&c->json);
	json_kstr(&c->json, "next", next != NULL && next[0] != 0 ? next : NULL);
	json_object_end(&c->json);
}

static void
tag_of(const struct api *a, struct bytes body, char out[32])
{
	(void)snprintf(out, 32, "\"%016llx\"", (unsigned long long)sip64(&a->key, body));
}

bool
api_tagged(struct api_call *c)
{
	char tag[32];

	tag_of(c->api, buf_bytes(&c->out->body), tag);
	api_header(c->out, "ETag", "%s", tag);
	if (!bytes_eq(c->in->if_none_match, bytes_str(tag)))
		return true;
	buf_reset(&c->out->body);
	c->out->status = 304;
	return false;
}

bool
api_matches(struct api_call *c, struct bytes current)
{
	char tag[32];

	if (c->in->if_match.len == 0) {
		api_problem(c, 428,
		    "an edit needs If-Match with the ETag of what you saw, so that nobody's "
		    "change is lost");
		return false;
	}
	tag_of(c->api, current, tag);
	if (bytes_eq(c->in->if_match, bytes_str(tag)))
		return true;
	api_problem(c, 412, "look at it again: somebody or something changed it");
	return false;
}

/* --- what came --- */

const char *
api_body_text(const struct api_call *c, const char *field)
{
	return body_text(c->body, field);
}

bool
api_page(struct api_call *c, enum store_by by, struct store_page *page)
{
	*page = (struct store_page){.by = by, .limit = c->limit};
	if (store_place_parse(c->cursor, &page->after))
		return true;
	api_problem(c, 400, "cursor: not one that a list gave as next");
	return false;
}

bool
api_change(struct api_call *c, struct request *r)
{
	struct why why;

	(void)snprintf(r->who, sizeof(r->who), "%s", c->who);
	(void)snprintf(r->from, sizeof(r->from), "%s", c->in->from);
	return !api_failed(c, c->api->set.change(c->api->set.ctx, r, &why), &why);
}

bool
api_people(struct api_call *c)
{
	struct why why;

	return !api_failed(c, load_people(c->api, &why), &why);
}

/* --- path --- */

/* Length of one path element; the rest in *rest without its slash. */
static struct bytes
element(struct bytes *rest)
{
	return bytes_split(*rest, '/', rest);
}

static bool
path_fits(const char *pattern, struct bytes path, struct api_call *c)
{
	struct bytes p = bytes_str(pattern);

	if (path.len > 0 && path.ptr[path.len - 1] == '/')
		return false;
	while (p.len > 0 || path.len > 0) {
		struct bytes want = element(&p), got = element(&path);

		if (bytes_eq(want, BYTES("{id}"))) {
			if (!bytes_to_u64(got, &c->id) || c->id == 0)
				return false;
		} else if (bytes_eq(want, BYTES("{name}"))) {
			if (!account_name_ok(got))
				return false;
			c->name = got;
		} else if (!bytes_eq(want, got)) {
			return false;
		}
	}
	return true;
}

/* NULL: a problem was told. */
static const struct api_route *
find_route(struct api_call *c, struct bytes path)
{
	const struct api_route *r;
	char allowed[64] = "";
	size_t n = 0;

	for (size_t i = 0; (r = api_route_at(i)) != NULL; i++) {
		static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE"};

		if (!path_fits(r->path, path, c))
			continue;
		if (r->method == c->in->method)
			return r;
		n += (size_t)snprintf(allowed + n, sizeof(allowed) - n, "%s%s", n > 0 ? ", " : "",
		    methods[r->method]);
	}
	if (allowed[0] == 0) {
		api_problem(
		    c, 404, "there is nothing at this address; see " API_ROOT "/openapi.json");
		return NULL;
	}
	api_header(c->out, "Allow", "%s", allowed);
	api_problem(c, 405, "here it is %s", allowed);
	return NULL;
}

/* --- query --- */

static int
hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Into room; false where it is too long, badly escaped, or not clean text. */
static bool
unescape(struct bytes in, char *room, struct bytes *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++) {
		int c = in.ptr[i] == '+' ? ' ' : in.ptr[i];

		if (c == '%') {
			int hi = in.len - i < 3 ? -1 : hex_digit(in.ptr[i + 1]);
			int lo = hi == -1 ? -1 : hex_digit(in.ptr[i + 2]);

			if (lo == -1)
				return false;
			c = hi << 4 | lo;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n == API_PARAM_BYTES)
			return false;
		room[n++] = (char)c;
	}
	*out = bytes_of(room, n);
	return true;
}

static bool
is_word_of(struct bytes word, const char *words)
{
	struct bytes rest = bytes_str(words);

	while (rest.len > 0) {
		if (bytes_eq(word, bytes_split(rest, ' ', &rest)))
			return word.len > 0;
	}
	return false;
}

/* A value against its field; tells what is wrong. */
static bool
value_fits(struct api_call *c, const struct api_field *f, struct bytes v, uint64_t *number,
    struct wall *time)
{
	switch (f->kind) {
	case API_NUMBER:
		if (bytes_to_u64(v, number) && *number >= f->min &&
		    (f->max == 0 || *number <= f->max))
			return true;
		api_problem(c, 400, "%s: expected a number of %llu to %llu", f->name,
		    (unsigned long long)f->min,
		    (unsigned long long)(f->max == 0 ? UINT64_MAX : f->max));
		return false;
	case API_TIME:
		if (wall_parse(v, time))
			return true;
		api_problem(c, 400, "%s: expected a time such as 2026-02-03T04:05:06Z", f->name);
		return false;
	case API_WORD:
		if (is_word_of(v, f->words))
			return true;
		api_problem(c, 400, "%s: expected one of: %s", f->name, f->words);
		return false;
	default:
		if (v.len >= f->min && v.len <= (f->max == 0 ? API_PARAM_BYTES : f->max))
			return true;
		api_problem(c, 400, "%s: expected %llu to %llu bytes of text", f->name,
		    (unsigned long long)f->min,
		    (unsigned long long)(f->max == 0 ? API_PARAM_BYTES : f->max));
		return false;
	}
}

static const struct api_field page_fields[] = {
    {.name = "limit", .kind = API_NUMBER, .min = 1, .max = API_LIMIT_MAX},
    {.name = "cursor", .kind = API_CURSOR, .max = STORE_PLACE_TEXT_MAX},
    {0},
};

static const struct api_field *
field_named(const struct api_field *t, struct bytes name, size_t *at)
{
	for (*at = 0; t != NULL && t[*at].name != NULL; ++*at) {
		if (bytes_eq(name, bytes_str(t[*at].name)))
			return &t[*at];
	}
	return NULL;
}

static bool
take_param(struct api_call *c, struct bytes name, struct bytes value)
{
	struct wall ignored;
	uint64_t number = 0;
	size_t at;
	const struct api_field *f = field_named(c->route->query, name, &at);

	if (f != NULL) {
		if (c->query[at].ptr != NULL) {
			api_problem(c, 400, "%s was given twice", f->name);
			return false;
		}
		c->query[at] = value;
		return value_fits(c, f, value, &c->number[at], &c->time[at]);
	}
	if (c->route->list && (f = field_named(page_fields, name, &at)) != NULL) {
		if (!value_fits(c, f, value, &number, &ignored))
			return false;
		if (at == 0)
			c->limit = (size_t)number;
		else
			c->cursor = value;
		return true;
	}
	api_problem(
	    c, 400, "a parameter of the query is not known here; see " API_ROOT "/openapi.json");
	return false;
}

static bool
take_query(struct api_call *c, char rooms[][API_PARAM_BYTES])
{
	struct bytes rest = c->in->query;
	size_t n = 0;

	c->limit = API_LIMIT_DEFAULT;
	while (rest.len > 0) {
		struct bytes pair = bytes_split(rest, '&', &rest), value;
		struct bytes name = bytes_split(pair, '=', &value);

		if (n == API_PARAMS_MAX) {
			api_problem(c, 400, "more than %d parameters", API_PARAMS_MAX);
			return false;
		}
		if (!unescape(value, rooms[n++], &value)) {
			api_problem(c, 400, "the query is not properly escaped, clean and short");
			return false;
		}
		if (!take_param(c, name, value))
			return false;
	}
	for (const struct api_field *f = c->route->query; f != NULL && f->name != NULL; f++) {
		if (f->required && c->query[f - c->route->query].ptr == NULL) {
			api_problem(c, 400, "%s is missing", f->name);
			return false;
		}
	}
	return true;
}

/* --- body --- */

static bool
text_is_clean(struct bytes t)
{
	for (size_t i = 0; i < t.len; i++) {
		if (t.ptr[i] < 0x20 || t.ptr[i] == 0x7f)
			return false;
	}
	return true;
}

static bool
check_fields(struct api_call *c)
{
	struct body_field b;

	for (size_t i = 0; body_field(c->body, i, &b); i++) {
		struct wall time;
		uint64_t number;
		size_t at;
		const struct api_field *f = field_named(c->route->body, bytes_str(b.name), &at);

		if (f == NULL || i == BODY_FIELDS_MAX) {
			api_problem(c, 400, "the body holds a field that is not known here");
			return false;
		}
		if (!b.is_text || !text_is_clean(b.text)) {
			api_problem(c, 400, "%s: expected clean text", f->name);
			return false;
		}
		if (!value_fits(c, f, b.text, &number, &time))
			return false;
	}
	for (const struct api_field *f = c->route->body; f->name != NULL; f++) {
		if (f->required && !body_has(c->body, f->name)) {
			api_problem(c, 400, "%s is missing", f->name);
			return false;
		}
	}
	return true;
}

static bool
take_body(struct api_call *c)
{
	struct bytes rest, type = bytes_trim(bytes_split(c->in->content_type, ';', &rest));
	int at;

	if (c->route->body == NULL) {
		if (c->in->body.len == 0)
			return true;
		api_problem(c, 400, "no body is expected here");
		return false;
	}
	if (!bytes_eq_nocase(type, BYTES("application/json"))) {
		api_problem(c, 415, "send Content-Type: application/json");
		return false;
	}
	if ((c->body = body_parse(c->in->body, &at)) == NULL) {
		api_problem(c, 400, "the body is not a JSON object, at byte %d", at);
		return false;
	}
	return check_fields(c);
}

/* --- who --- */

static void
find_session(struct api_call *c)
{
	struct bytes rest = c->in->cookie;
	const struct account *a;

	while (rest.len > 0 && c->session == NULL) {
		struct bytes pair = bytes_trim(bytes_split(rest, ';', &rest));

		if (bytes_starts(pair, BYTES(SESSION_COOKIE)))
			c->session = session_of(c->api->sessions,
			    bytes_from(pair, sizeof(SESSION_COOKIE) - 1), c->in->now);
	}
	if (c->session == NULL)
		return;
	a = people_find(&c->api->people, bytes_str(c->session->name));
	if (a == NULL || a->disabled || a->epoch != c->session->epoch) {
		session_end(c->session);
		c->session = NULL;
		return;
	}
	c->who = a->name;
	c->role = a->role;
}

/* A browser tells where a request was made: it must be our own page. */
static bool
origin_fits(struct api_call *c)
{
	struct bytes o = c->in->origin;

	return o.len == 0 ||
	       (bytes_starts(o, BYTES("https://")) && bytes_eq(bytes_from(o, 8), c->in->host));
}

static bool
may_change(struct api_call *c)
{
	if (c->route->method == API_GET)
		return true;
	if (!origin_fits(c)) {
		api_problem(c, 403, "this change was asked for from another site's page");
		return false;
	}
	if (c->route->no_session)
		return true;
	if (c->session != NULL && bytes_eq_secret(c->in->csrf, bytes_str(c->session->csrf)))
		return true;
	api_problem(c, 403, "X-CSRF-Token: the token of this session is expected");
	return false;
}

static bool
may_enter(struct api_call *c)
{
	enum permission p = c->route->permission;

	if (p == PERM_open)
		return true;
	if (c->session == NULL) {
		api_problem(c, 401, "sign in: POST " API_ROOT "/session");
		return false;
	}
	if (role_may(c->role, p))
		return true;
	api_problem(c, 403, "a %s may not %s", role_label(c->role), permission_text(p));
	return false;
}

static void
run_call(struct api_call *c, struct bytes path)
{
	char rooms[API_PARAMS_MAX][API_PARAM_BYTES];
	uint64_t address = sip64(&c->api->key, bytes_str(c->in->from));

	if (!api_people(c))
		return;
	find_session(c);
	if (!rate_take(c->api->sessions, c->session, address, c->in->mono)) {
		api_header(c->out, "Retry-After", "1");
		api_problem(c, 429, "slow down");
		return;
	}
	if ((c->route = find_route(c, path)) == NULL || !may_enter(c) || !may_change(c) ||
	    !take_query(c, rooms) || !take_body(c))
		return;
	if (c->session != NULL && !c->in->background)
		c->session->seen = c->in->now;
	c->json = json_on(&c->out->body);
	c->route->run(c);
	if (c->out->body.cut)
		api_problem(c, 503, "the answer would be larger than %d MiB; ask for less",
		    API_BODY_MAX >> 20);
}

void
api_handle(struct api *a, const struct api_request *in, struct api_response *out)
{
	struct api_call c = {.api = a, .in = in, .out = out, .who = ""};

	*out = (struct api_response){.status = 200, .type = "application/json"};
	out->body.cap = API_BODY_MAX;
	a->requests++;
	if (in->body.len > API_REQUEST_MAX)
		api_problem(&c, 413, "a body has at most %d bytes", API_REQUEST_MAX);
	else if (bytes_eq(in->path, BYTES("/metrics")))
		run_call(&c, in->path);
	else if (bytes_starts(in->path, BYTES(API_ROOT "/")))
		run_call(&c, bytes_from(in->path, sizeof(API_ROOT) - 1));
	else if (!console_answer(in, out))
		api_problem(&c, in->method == API_GET ? 404 : 405, "there is no such page");
	body_free(c.body);
}
