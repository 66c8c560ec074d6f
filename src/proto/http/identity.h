/* SPDX-License-Identifier: Apache-2.0 */
/* What HTTP fields say of the machines and of who logs in.
 * Source: RFC 9110 10.1.5 (User-Agent), 10.2.4 (Server), 11 (authentication), RFC 7617 (Basic),
 *         RFC 7616 (Digest), RFC 6750 (Bearer). */
#pragma once

#include "proto/http/reader.h"
#include "proto/observer.h"

enum http_scheme {
	HTTP_AUTH_NONE,
	HTTP_AUTH_BASIC,
	HTTP_AUTH_DIGEST,
	HTTP_AUTH_BEARER,
	HTTP_AUTH_KEY, /* X-API-Key and the like */
	HTTP_AUTH_OTHER,
};

enum { HTTP_USER_MAX = 96 };

struct http_login {
	enum http_scheme scheme;
	struct hash128 user;
	char account[24]; /* only a well-known one */
	uint64_t mark;    /* the same for the same credentials */
};

void http_claims(const struct observer *o, enum name_value dir, const struct http_head *h);

/* What the Authorization of a request holds; passwords and tokens are not kept. */
struct http_login http_login(const struct observer *o, const struct http_head *h);

/* The user of a form or query text that holds a password or token; scheme NONE: it holds none. */
struct http_login http_form_login(const struct observer *o, struct bytes form);

/* The bytes before '?', without scheme and host. */
struct bytes http_path(struct bytes target, struct bytes *query);
