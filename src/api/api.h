/* SPDX-License-Identifier: Apache-2.0 */
/* The API: one request in, one response out. No sockets and no HTTP library here: role/web_http.c
 * carries bytes, tests call api_handle() as it is.
 * Input:   paths, queries, headers and bodies of strangers: any bytes.
 * Output:  JSON, problem details (RFC 9457), or one of the console's files.
 * Memory:  a response at most API_BODY_MAX; sessions and throttles in fixed tables.
 * Total:   every request gets a status; 500 only where the store or the system fails.
 * Rules:   each route names one permission (people/roles.def); what changes something needs the
 *          session's token in X-CSRF-Token and, where the browser tells it, our own Origin.
 * Blocks:  on the disk, and for a tenth of a second where a password is checked. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "brain/request.h"
#include "store/store.h"

enum {
	API_BODY_MAX = 64 * 1024 * 1024,
	API_REQUEST_MAX = 16 * 1024, /* bytes of a request's body */
	API_HEADERS_MAX = 8,
	API_FROM_MAX = 48,
	API_TOKEN_MAX = 40, /* with the terminator */
};

enum api_method { API_GET, API_POST, API_PATCH, API_DELETE, API_OTHER };

/* Views live during api_handle(). Headers that did not come are empty. */
struct api_request {
	enum api_method method;
	struct bytes path, query; /* as sent, still escaped; query without the question mark */
	struct bytes cookie, host, origin, csrf, content_type, accept_encoding;
	struct bytes if_match, if_none_match, last_event_id;
	struct bytes body;
	char from[API_FROM_MAX]; /* address of the peer */
	bool background;         /* asked by a timer of the page, not by a person */
	bool from_here;          /* it is this machine's loopback */
	struct wall now;
	struct mono mono;
};

struct api_header {
	const char *name;
	char value[200];
};

struct api_response {
	int status;
	const char *type;
	const char *encoding; /* NULL: as it is */
	struct buf body;
	struct bytes fixed; /* instead of body: of the program, never freed */
	struct api_header headers[API_HEADERS_MAX];
	size_t n_headers;
	bool page;   /* a file of the console: cached by its digest */
	bool stream; /* server-sent events follow: api_stream() */
	uint64_t stream_from;
	uint64_t stream_session;
};

/* How a change gets to the one who writes the store. */
typedef enum err (*api_change_fn)(void *ctx, const struct request *r, struct why *why);

struct api_settings {
	struct store *store; /* opened for reading */
	api_change_fn change;
	void *ctx;
	const char *site;    /* name of the site, may be empty */
	const char *version; /* of the program */
};

struct api;

enum err api_new(struct api **out, const struct api_settings *s, struct why *why) MUST_CHECK;
void api_free(struct api *a);

/* The word that lets the first account be made; empty once there is one. Lives with a. */
const char *api_setup_token(const struct api *a);

/* *out is set whole; the caller frees out->body. */
void api_handle(struct api *a, const struct api_request *in, struct api_response *out);

/* Server-sent events after number *seq, as one piece of text for every listener; *seq moves on.
 * Nothing where nothing new is there. */
enum err api_stream(struct api *a, uint64_t *seq, struct buf *out, struct why *why) MUST_CHECK;
/* False: the session behind a stream is over. */
bool api_stream_alive(struct api *a, uint64_t session, struct wall now);

/* The headers every response carries, name and value by turns; ends with NULL. */
extern const char *const api_security_headers[];
