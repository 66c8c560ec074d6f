/* SPDX-License-Identifier: Apache-2.0 */
/* /session and /setup: signing in and out, the first account, one's own password; /openapi.json. */
#include <stdio.h>

#include "api/inner.h"
#include "crypto/password.h"
#include "crypto/random.h"

#define COOKIE_RULES "Path=/; Secure; HttpOnly; SameSite=Strict"

static void
write_session(struct api_call *c, const struct session *s, enum role role)
{
	struct json *j = &c->json;

	json_object(j);
	json_kstr(j, "account", s != NULL ? s->name : NULL);
	json_kstr(j, "role", s != NULL ? role_label(role) : NULL);
	json_kstr(j, "csrf", s != NULL ? s->csrf : NULL);
	json_kbool(j, "setup", c->api->people.n == 0);
	json_kstr(j, "site", c->api->set.site);
	json_kstr(j, "version", c->api->set.version);
	json_ku64(j, "idle_seconds", SESSION_IDLE_S);
	json_key(j, "may");
	json_array(j);
	for (unsigned p = PERM_read; p < PERMISSIONS && s != NULL; p++) {
		if (role_may(role, (enum permission)p))
			json_str(j, permission_label((enum permission)p));
	}
	json_array_end(j);
	json_object_end(j);
}

static void
run_whoami(struct api_call *c)
{
	write_session(c, c->session, c->role);
}

/* The event of a log-in, a refusal or a log-out. */
static bool
tell(struct api_call *c, const char *what, const char *name, const char *reason)
{
	struct request r = {.kind = REQUEST_ACCOUNT};
	struct why why;

	(void)snprintf(r.state, sizeof(r.state), "%s", what);
	(void)snprintf(r.name, sizeof(r.name), "%s", name);
	(void)snprintf(r.who, sizeof(r.who), "%s", name);
	(void)snprintf(r.reason, sizeof(r.reason), "%s", reason);
	(void)snprintf(r.from, sizeof(r.from), "%s", c->in->from);
	return !api_failed(c, c->api->set.change(c->api->set.ctx, &r, &why), &why);
}

static void
enter(struct api_call *c, const struct account *a)
{
	struct session *s;
	struct why why;

	if (!tell(c, "login", a->name, ""))
		return;
	/* Whatever session the browser came with ends: nobody can plant one. */
	session_end(c->session);
	if ((s = session_start(c->api->sessions, a, c->in->now, &why)) == NULL) {
		api_problem(c, 503, "%s", why.text);
		return;
	}
	api_header(c->out, "Set-Cookie", "__Host-hemostat=%s; " COOKIE_RULES, s->token);
	write_session(c, s, a->role);
}

static bool
throttled(struct api_call *c, const uint64_t keys[2])
{
	for (size_t i = 0; i < 2; i++) {
		unsigned wait = throttle_wait(c->api->sessions, keys[i], c->in->mono);

		if (wait > 0) {
			api_header(c->out, "Retry-After", "%u", wait);
			api_problem(c, 429, "too many failed log-ins; try again in %u s", wait);
			return true;
		}
	}
	return false;
}

static void
run_login(struct api_call *c)
{
	const char *name = api_body_text(c, "name"), *password = api_body_text(c, "password");
	const struct account *a = people_find(&c->api->people, bytes_str(name));
	struct sip_key by_name = {c->api->key.k0 ^ 1, c->api->key.k1};
	/* An account and an address are slowed down each on its own. */
	const uint64_t keys[2] = {
	    sip64(&by_name, bytes_str(name)), sip64(&c->api->key, bytes_str(c->in->from))};

	if (throttled(c, keys))
		return;
	if (password_matches(a == NULL || a->disabled ? NULL : a->secret, bytes_str(password))) {
		throttle_cleared(c->api->sessions, keys[0]);
		throttle_cleared(c->api->sessions, keys[1]);
		enter(c, a);
		return;
	}
	throttle_failed(c->api->sessions, keys[0], c->in->mono);
	throttle_failed(c->api->sessions, keys[1], c->in->mono);
	/* A mistyped name may be a password: only names that exist are kept. */
	if (tell(c, "refused", a != NULL ? a->name : "",
		a == NULL     ? "no such account"
		: a->disabled ? "the account is disabled"
			      : "wrong password"))
		api_problem(c, 401, "name or password is wrong");
}

static void
run_logout(struct api_call *c)
{
	if (!tell(c, "logout", c->who, ""))
		return;
	session_end(c->session);
	api_header(c->out, "Set-Cookie", "__Host-hemostat=; Max-Age=0; " COOKIE_RULES);
	c->out->status = 204;
}

static bool
hash_password(struct api_call *c, const char *name, struct request *r)
{
	struct bytes password = bytes_str(api_body_text(c, "password"));
	struct why why;
	enum err e;

	if ((e = password_judge(password, bytes_str(name), &why)) == ERR_OK)
		e = password_hash(password, r->secret, &why);
	return !api_failed(c, e, &why);
}

static void
run_setup(struct api_call *c)
{
	const char *name = api_body_text(c, "name");
	struct request r = {.kind = REQUEST_ACCOUNT, .state = "setup"};
	const uint64_t keys[2] = {1, sip64(&c->api->key, bytes_str(c->in->from))};
	const struct account *a;

	if (throttled(c, keys))
		return;
	if (c->api->people.n > 0 || c->api->setup[0] == 0) {
		api_problem(c, 409, "set-up is over: there is an account already");
		return;
	}
	if (!bytes_eq_secret(bytes_str(api_body_text(c, "token")), bytes_str(c->api->setup))) {
		throttle_failed(c->api->sessions, keys[1], c->in->mono);
		api_problem(c, 403, "that is not the link Hemostat printed at its last start");
		return;
	}
	if (!account_name_ok(bytes_str(name))) {
		api_problem(c, 400, "name: 1 to 31 of a-z 0-9 . _ -, starting with a letter");
		return;
	}
	if (!hash_password(c, name, &r))
		return;
	(void)snprintf(r.name, sizeof(r.name), "%s", name);
	c->who = name;
	if (!api_change(c, &r) || !api_people(c) ||
	    (a = people_find(&c->api->people, bytes_str(name))) == NULL)
		return;
	crypto_wipe(c->api->setup, sizeof(c->api->setup));
	c->out->status = 201;
	enter(c, a);
}

static void
run_own_password(struct api_call *c)
{
	const struct account *a = people_find(&c->api->people, bytes_str(c->who));
	struct sip_key by_name = {c->api->key.k0 ^ 1, c->api->key.k1};
	const uint64_t keys[2] = {sip64(&by_name, bytes_str(c->who)), 1};
	struct request r = {.kind = REQUEST_ACCOUNT, .state = "password"};

	if (throttled(c, keys))
		return;
	if (!password_matches(a->secret, bytes_str(api_body_text(c, "old")))) {
		throttle_failed(c->api->sessions, keys[0], c->in->mono);
		api_problem(c, 403, "the old password is wrong");
		return;
	}
	if (!hash_password(c, a->name, &r))
		return;
	(void)snprintf(r.name, sizeof(r.name), "%s", a->name);
	if (!api_change(c, &r) || !api_people(c) ||
	    (a = people_find(&c->api->people, bytes_str(r.name))) == NULL)
		return;
	/* Every other session of this account ends by its epoch. */
	enter(c, a);
}

static void
run_openapi(struct api_call *c)
{
	api_header(c->out, "ETag", "%s", c->api->openapi_tag);
	if (bytes_eq(c->in->if_none_match, bytes_str(c->api->openapi_tag)))
		c->out->status = 304;
	else
		buf_add(&c->out->body, buf_bytes(&c->api->openapi));
}

static const struct api_field login_fields[] = {
    {.name = "name", .kind = API_TEXT, .text = "account", .max = 31, .required = true},
    {.name = "password", .kind = API_SECRET, .max = PASSWORD_MAX, .required = true},
    {0},
};

static const struct api_field setup_fields[] = {
    {.name = "token",
	.kind = API_SECRET,
	.text = "from the link that was printed",
	.max = 39,
	.required = true},
    {.name = "name", .kind = API_TEXT, .text = "of the first account", .max = 31, .required = true},
    {.name = "password", .kind = API_SECRET, .max = PASSWORD_MAX, .required = true},
    {0},
};

static const struct api_field own_password_fields[] = {
    {.name = "old", .kind = API_SECRET, .max = PASSWORD_MAX, .required = true},
    {.name = "password", .kind = API_SECRET, .max = PASSWORD_MAX, .required = true},
    {0},
};

const struct api_route api_session_routes[] = {
    {.method = API_GET,
	.path = "/session",
	.permission = PERM_open,
	.run = run_whoami,
	.id = "getSession",
	.summary = "Who is signed in, what they may do, and whether set-up is open",
	.answer = "account, role, csrf, may"},
    {.method = API_POST,
	.path = "/session",
	.permission = PERM_open,
	.run = run_login,
	.id = "signIn",
	.summary = "Sign in with name and password",
	.body = login_fields,
	.answer = "the session; the cookie comes along",
	.no_session = true},
    {.method = API_DELETE,
	.path = "/session",
	.permission = PERM_self,
	.run = run_logout,
	.id = "signOut",
	.summary = "Sign out",
	.answer = "nothing"},
    {.method = API_POST,
	.path = "/session/password",
	.permission = PERM_self,
	.run = run_own_password,
	.id = "changeOwnPassword",
	.summary = "Change one's own password; every other session of the account ends",
	.body = own_password_fields,
	.answer = "the new session"},
    {.method = API_POST,
	.path = "/setup",
	.permission = PERM_open,
	.run = run_setup,
	.id = "setUp",
	.summary = "Make the first account with the one-time link",
	.body = setup_fields,
	.answer = "the session",
	.no_session = true},
    {.method = API_GET,
	.path = "/openapi.json",
	.permission = PERM_open,
	.run = run_openapi,
	.id = "getOpenApi",
	.summary = "This description",
	.answer = "OpenAPI 3.1"},
    {0},
};
