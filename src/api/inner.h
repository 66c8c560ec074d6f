/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the API: routes as tables, a call in progress, answers. */
#pragma once

#include "api/api.h"
#include "api/body.h"
#include "base/json.h"
#include "people/people.h"
#include "store/link_names.h"

enum { API_PARAMS_MAX = 12, API_PARAM_BYTES = 256, API_LIMIT_DEFAULT = 50, API_LIMIT_MAX = 500 };

enum api_kind {
	API_TEXT, /* at most `max` bytes */
	API_NUMBER,
	API_TIME,
	API_WORD, /* one of `words`, blank between */
	API_CURSOR,
	API_SECRET, /* text that is never shown */
};

struct api_field {
	const char *name; /* NULL ends a table */
	enum api_kind kind;
	const char *text;
	const char *words;
	uint64_t min, max;
	bool required;
};

struct api_call;

struct api_route {
	enum api_method method;
	const char *path; /* {id}: a number above 0; {name}: an account */
	enum permission permission;
	void (*run)(struct api_call *c);
	const char *id;      /* operationId */
	const char *summary; /* one line */
	const struct api_field *query;
	const struct api_field *body;
	const char *answer;     /* what 200 gives: one line */
	bool list;              /* {items, next}, with limit and cursor */
	bool edit;              /* wants If-Match */
	bool no_session;        /* a change that needs no CSRF token: there is no session yet */
	const char *other_type; /* of the answer where it is not JSON */
};

#define RESOURCE(name) extern const struct api_route api_##name##_routes[];
#include "api/resources.def"

struct session;

struct api_call {
	struct api *api;
	const struct api_request *in;
	struct api_response *out;
	const struct api_route *route;
	struct session *session; /* NULL: nobody is signed in */
	const char *who;         /* account, "" for nobody */
	enum role role;
	uint64_t id;
	struct bytes name;
	struct bytes
	    query[API_PARAMS_MAX];       /* by place in route->query, unescaped; ptr NULL: absent */
	uint64_t number[API_PARAMS_MAX]; /* of API_NUMBER */
	struct wall time[API_PARAMS_MAX]; /* of API_TIME */
	size_t limit;
	struct bytes cursor;
	struct body *body; /* NULL: none is expected here */
	struct json json;  /* on out->body */
};

struct api {
	struct api_settings set;
	struct sip_key key; /* of throttle tables */
	struct people people;
	struct link_names *links;
	struct buf openapi;
	char openapi_tag[32];
	char setup[API_TOKEN_MAX];
	struct session_table *sessions;
	uint64_t requests, refused, errors; /* for /metrics */
};

/* --- answers --- */

/* A problem: title by status, detail for people. What was written of the body is dropped. */
void api_problem(struct api_call *c, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* By class of the error; true where e is one. */
bool api_failed(struct api_call *c, enum err e, const struct why *why);
void api_header(struct api_response *out, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Lists: {"items":[ ... ],"next":cursor or null}. */
void api_list_begin(struct api_call *c);
void api_list_end(struct api_call *c, const char *next); /* NULL or "": the last page */

/* An object whose ETag is made of it, or 304. True where the body stands. */
bool api_tagged(struct api_call *c);
/* Holds If-Match against `current`, the ETag of what stands now. False: a problem was told. */
bool api_matches(struct api_call *c, struct bytes current_body);

/* --- what came --- */

/* The text of a field of the body; "" where it is absent. */
const char *api_body_text(const struct api_call *c, const char *field);
/* "page" of store lists from cursor and limit. False: a problem was told. */
bool api_page(struct api_call *c, enum store_by by, struct store_page *page);

/* Asks the writer for a change in the name of who is signed in. True: done. */
bool api_change(struct api_call *c, struct request *r);

/* People as the store has them now. False: a problem was told. */
bool api_people(struct api_call *c);

/* --- sessions (session.c) --- */

enum { SESSION_IDLE_S = 30 * 60, SESSION_LONGEST_S = 12 * 3600 };

struct session {
	uint64_t serial; /* 0: free */
	char token[API_TOKEN_MAX];
	char csrf[API_TOKEN_MAX];
	char name[ACCOUNT_NAME_MAX];
	uint32_t epoch;
	struct wall started, seen;
	int64_t allowance; /* of requests, in ns of time */
	struct mono filled;
};

struct session_table *sessions_new(void);
void sessions_free(struct session_table *t);
/* NULL: no random bytes. The one seen longest ago gives way where the table is full. */
struct session *session_start(
    struct session_table *t, const struct account *who, struct wall now, struct why *why);
/* Of the cookie's value; NULL: none, or it is over. */
struct session *session_of(struct session_table *t, struct bytes token, struct wall now);
struct session *session_numbered(struct session_table *t, uint64_t serial, struct wall now);
void session_end(struct session *s);
size_t sessions_live(const struct session_table *t);

/* Requests: RATE_PER_S a second for a session, else for an address. False: too many. */
bool rate_take(struct session_table *t, struct session *s, uint64_t address, struct mono now);
/* Log-ins: seconds that key has to wait still; 0: may try. */
unsigned throttle_wait(const struct session_table *t, uint64_t key, struct mono now);
void throttle_failed(struct session_table *t, uint64_t key, struct mono now);
void throttle_cleared(struct session_table *t, uint64_t key);

/* --- other files --- */

void openapi_write(struct buf *out, const char *version);
/* Every route, one after the other; NULL at the end. */
const struct api_route *api_route_at(size_t i);

/* The console's file for a path, if it is one. */
bool console_answer(const struct api_request *in, struct api_response *out);
