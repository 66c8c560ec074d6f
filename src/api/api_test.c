/* SPDX-License-Identifier: Apache-2.0 */
/* The API without sockets: a store in a temporary directory, changes applied in this process. */
#include "api/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "brain/brain.h"

static char dir[64];
static struct store_dir *store_dir;
static struct store *writer, *reader;
static struct brain *brain;
static struct api *api;
static struct api_response out;
static char cookie[128], csrf[64];
static struct wall now = {INT64_C(1772352000) * NS_PER_S};

static enum err
change(void *ctx, const struct request *r, struct why *why)
{
	enum err e = brain_request(brain, r, now, why);

	(void)ctx;
	return e == ERR_OK ? brain_commit(brain, STORE_FAST, why) : e;
}

static int
setup(void **state)
{
	struct api_settings set = {.change = change, .site = "test", .version = "0"};
	struct sip_key key;
	struct why why;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/hemostat-api-XXXXXX");
	if (mkdtemp(dir) == NULL || store_dir_open(&store_dir, dir, STORE_WRITE, &why) != ERR_OK ||
	    store_dir_key(store_dir, &key, &why) != ERR_OK ||
	    store_open(&writer, store_dir, STORE_WRITE, NULL, &why) != ERR_OK ||
	    brain_open(&brain, writer, NULL, &key, NULL, &why) != ERR_OK ||
	    brain_commit(brain, STORE_FAST, &why) != ERR_OK ||
	    store_open(&reader, store_dir, STORE_READ, NULL, &why) != ERR_OK) {
		(void)fprintf(stderr, "%s\n", why.text);
		return -1;
	}
	set.store = reader;
	return api_new(&api, &set, &why) == ERR_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[96];
	struct why why;

	(void)state;
	buf_free(&out.body);
	api_free(api);
	store_close(reader);
	(void)(brain_close(brain, &why) == ERR_OK);
	store_close(writer);
	store_dir_close(store_dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static int
ask_as(enum api_method m, const char *url, const char *body, struct api_request in)
{
	struct bytes query, path = bytes_split(bytes_str(url), '?', &query);

	buf_free(&out.body);
	in.method = m;
	in.path = path;
	in.query = query;
	in.body = bytes_str(body);
	in.host = BYTES("localhost:8443");
	if (in.content_type.ptr == NULL && body != NULL)
		in.content_type = BYTES("application/json");
	(void)snprintf(in.from, sizeof(in.from), "192.0.2.1");
	in.now = now;
	in.mono.ns = now.ns;
	now.ns += NS_PER_S;
	api_handle(api, &in, &out);
	return out.status;
}

static int
ask(enum api_method m, const char *url, const char *body)
{
	return ask_as(m, url, body,
	    (struct api_request){.cookie = bytes_str(cookie), .csrf = bytes_str(csrf)});
}

static bool
said(const char *text)
{
	struct bytes b = buf_bytes(&out.body);

	return bytes_find_seq(b, bytes_str(text)) < b.len;
}

static void
take_session(void)
{
	struct bytes b = buf_bytes(&out.body);
	size_t at = bytes_find_seq(b, BYTES("\"csrf\":\""));

	for (size_t i = 0; i < out.n_headers; i++) {
		if (strcmp(out.headers[i].name, "Set-Cookie") == 0)
			(void)snprintf(cookie, sizeof(cookie), "%.*s",
			    (int)strcspn(out.headers[i].value, ";"), out.headers[i].value);
	}
	(void)snprintf(csrf, sizeof(csrf), "%.32s", (const char *)b.ptr + at + 8);
}

static void
nobody_sees_anything(void **state)
{
	static const char *const paths[] = {"/api/v1/devices", "/api/v1/devices/1", "/api/v1/links",
	    "/api/v1/messages", "/api/v1/results", "/api/v1/findings", "/api/v1/events",
	    "/api/v1/stream", "/api/v1/accounts", "/api/v1/summary", "/api/v1/hours",
	    "/api/v1/sources", "/metrics"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_int_equal(ask(API_GET, paths[i], NULL), 401);
	assert_int_equal(ask(API_GET, "/api/v1/session", NULL), 200);
	assert_true(said("\"setup\":true"));
	assert_int_equal(ask(API_GET, "/api/v1/openapi.json", NULL), 200);
}

static void
strange_paths(void **state)
{
	static const char *const paths[] = {"/api/v1/", "/api/v1", "/api/v2/devices",
	    "/api/v1/devices/", "/api/v1/devices/0", "/api/v1/devices/-1", "/api/v1/devices/1x",
	    "/api/v1/devices/99999999999999999999", "/api/v1/../../etc/passwd", "/../etc/passwd",
	    "/%2e%2e/etc/passwd", "//etc/passwd", "/index.html/", "/app.js", "/api/v1/devices%2f1",
	    "/api/v1//devices", "", "/api/v1/accounts/..", "/keys/identifier.key"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_int_equal(ask(API_GET, paths[i], NULL), 404);
	assert_int_equal(ask(API_OTHER, "/api/v1/devices", NULL), 405);
	assert_int_equal(ask(API_DELETE, "/api/v1/devices", NULL), 405);
	assert_int_equal(ask(API_POST, "/", "{}"), 405);
}

static void
set_up_works_once_and_with_the_link_only(void **state)
{
	char body[256], token[API_TOKEN_MAX];

	(void)state;
	memcpy(token, api_setup_token(api), sizeof(token));
	assert_int_equal(strlen(token), 32);
	assert_int_equal(ask(API_POST, "/api/v1/setup",
			     "{\"token\":\"wrong\",\"name\":\"anna\",\"password\":\"blue kettle "
			     "marches\"}"),
	    403);
	(void)snprintf(body, sizeof(body),
	    "{\"token\":\"%s\",\"name\":\"anna\",\"password\":\"Laboratory2026!\"}", token);
	assert_int_equal(ask(API_POST, "/api/v1/setup", body), 400);
	(void)snprintf(body, sizeof(body),
	    "{\"token\":\"%s\",\"name\":\"Anna B\",\"password\":\"blue kettle marches\"}", token);
	assert_int_equal(ask(API_POST, "/api/v1/setup", body), 400);
	(void)snprintf(body, sizeof(body),
	    "{\"token\":\"%s\",\"name\":\"anna\",\"password\":\"blue kettle marches\"}", token);
	assert_int_equal(ask_as(API_POST, "/api/v1/setup", body,
			     (struct api_request){.origin = BYTES("https://evil.example")}),
	    403);
	assert_int_equal(ask_as(API_POST, "/api/v1/setup", body,
			     (struct api_request){.content_type = BYTES("text/plain")}),
	    415);
	assert_int_equal(ask(API_POST, "/api/v1/setup", body), 201);
	take_session();
	assert_string_equal(api_setup_token(api), "");
	assert_int_equal(ask(API_POST, "/api/v1/setup", body), 409);
	assert_int_equal(ask(API_GET, "/api/v1/session", NULL), 200);
	assert_true(said("\"account\":\"anna\",\"role\":\"administrator\""));
	assert_true(said("\"setup\":false"));
}

static void
bad_queries_and_bodies(void **state)
{
	static const char *const gets[] = {"/api/v1/devices?nonsense=1", "/api/v1/devices?limit=0",
	    "/api/v1/devices?limit=501", "/api/v1/devices?limit=x", "/api/v1/devices?cursor=zz",
	    "/api/v1/devices?cursor=1.2", "/api/v1/devices?state=nonsense",
	    "/api/v1/devices?find=%zz", "/api/v1/devices?find=%0", "/api/v1/devices?find=%",
	    "/api/v1/devices?find=%00", "/api/v1/devices?find=a%0ab",
	    "/api/v1/devices?state=staged&state=staged", "/api/v1/messages?cursor=1",
	    "/api/v1/messages?cursor=-5", "/api/v1/messages?since=yesterday",
	    "/api/v1/messages?link=0", "/api/v1/links?host=localhost",
	    "/api/v1/findings?severity=awful", "/api/v1/events?kind=nonsense",
	    "/api/v1/devices?a&b&c&d&e&f&g&h&i&j&k&l&m&n", "/api/v1/accounts?cursor=x"};
	static const char *const bodies[] = {"", "[]", "null", "{", "{\"name\":\"x\"",
	    "{\"name\":1,\"role\":\"viewer\",\"password\":\"blue kettle marches\"}",
	    "{\"name\":\"x\",\"name\":\"y\",\"role\":\"viewer\",\"password\":\"blue kettle "
	    "marches\"}",
	    "{\"name\":\"x\",\"role\":\"king\",\"password\":\"blue kettle marches\"}",
	    "{\"name\":\"x\",\"role\":\"viewer\"}",
	    "{\"name\":\"x\",\"role\":\"viewer\",\"password\":\"blue kettle "
	    "marches\",\"extra\":\"1\"}",
	    "{\"name\":\"x\\u0000y\",\"role\":\"viewer\",\"password\":\"blue kettle marches\"}",
	    "{\"name\":\"x\\ny\",\"role\":\"viewer\",\"password\":\"blue kettle marches\"}",
	    "{\"name\":\"\xff\",\"role\":\"viewer\",\"password\":\"blue kettle marches\"}"};
	static char huge[API_REQUEST_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(gets); i++) {
		if (ask(API_GET, gets[i], NULL) != 400)
			fail_msg("%s: %d", gets[i], out.status);
	}
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		if (ask(API_POST, "/api/v1/accounts", bodies[i]) != 400)
			fail_msg("%s: %d", bodies[i], out.status);
	}
	memset(huge, '[', sizeof(huge) - 1);
	assert_int_equal(ask(API_POST, "/api/v1/accounts", huge), 413);
	huge[API_REQUEST_MAX - 1] = 0;
	assert_int_equal(ask(API_POST, "/api/v1/accounts", huge), 400);
}

static void
changes_need_token_origin_and_version(void **state)
{
	static const char ben[] =
	    "{\"name\":\"ben\",\"role\":\"viewer\",\"password\":\"green chairs whistle\"}";
	struct api_request in = {.cookie = bytes_str(cookie)};
	char tag[64] = "";

	(void)state;
	assert_int_equal(ask_as(API_POST, "/api/v1/accounts", ben, in), 403);
	in.csrf = BYTES("00000000000000000000000000000000");
	assert_int_equal(ask_as(API_POST, "/api/v1/accounts", ben, in), 403);
	in.csrf = bytes_str(csrf);
	in.origin = BYTES("https://localhost.evil.example");
	assert_int_equal(ask_as(API_POST, "/api/v1/accounts", ben, in), 403);
	in.origin = BYTES("null");
	assert_int_equal(ask_as(API_POST, "/api/v1/accounts", ben, in), 403);
	in.origin = BYTES("https://localhost:8443");
	assert_int_equal(ask_as(API_POST, "/api/v1/accounts", ben, in), 201);
	assert_false(said("argon2"));
	assert_int_equal(ask(API_POST, "/api/v1/accounts", ben), 409);

	assert_int_equal(ask(API_PATCH, "/api/v1/accounts/ben", "{\"role\":\"auditor\"}"), 428);
	in.if_match = BYTES("\"0000\"");
	assert_int_equal(
	    ask_as(API_PATCH, "/api/v1/accounts/ben", "{\"role\":\"auditor\"}", in), 412);
	assert_int_equal(ask(API_GET, "/api/v1/accounts/ben", NULL), 200);
	for (size_t i = 0; i < out.n_headers; i++) {
		if (strcmp(out.headers[i].name, "ETag") == 0)
			(void)snprintf(tag, sizeof(tag), "%s", out.headers[i].value);
	}
	in.if_none_match = bytes_str(tag);
	assert_int_equal(ask_as(API_GET, "/api/v1/accounts/ben", NULL, in), 304);
	in.if_match = bytes_str(tag);
	assert_int_equal(ask_as(API_PATCH, "/api/v1/accounts/ben",
			     "{\"role\":\"auditor\",\"state\":\"disabled\"}", in),
	    400);
	assert_int_equal(
	    ask_as(API_PATCH, "/api/v1/accounts/ben", "{\"role\":\"auditor\"}", in), 200);
	assert_int_equal(
	    ask_as(API_PATCH, "/api/v1/accounts/ben", "{\"role\":\"viewer\"}", in), 412);
	assert_int_equal(ask(API_PATCH, "/api/v1/accounts/nobody", "{\"role\":\"viewer\"}"), 404);
	assert_int_equal(ask(API_GET, "/api/v1/events?kind=account", NULL), 200);
	assert_true(said("\"before\":\"viewer\",\"after\":\"auditor\",\"who\":\"anna\",\"from\":"
			 "\"192.0.2.1\""));
	assert_int_equal(ask(API_GET, "/api/v1/devices/1", NULL), 404);
}

static void
wrong_passwords_are_slowed_down(void **state)
{
	char mine[128];
	int status = 0;

	(void)state;
	memcpy(mine, cookie, sizeof(mine));
	cookie[0] = 0;
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(API_POST, "/api/v1/session",
				     "{\"name\":\"ben\",\"password\":\"wrong wrong wrong\"}"),
		    401);
	now.ns -= NS_PER_S; /* the wait of a second is not over */
	assert_int_equal(ask(API_POST, "/api/v1/session",
			     "{\"name\":\"ben\",\"password\":\"green chairs whistle\"}"),
	    429);
	for (int i = 0; i < 4 && status != 200; i++) {
		now.ns += 5 * NS_PER_S;
		status = ask(API_POST, "/api/v1/session",
		    "{\"name\":\"ben\",\"password\":\"green chairs whistle\"}");
	}
	assert_int_equal(status, 200);
	memcpy(cookie, mine, sizeof(cookie));
}

static void
sessions_end(void **state)
{
	char mine[128];

	(void)state;
	assert_int_equal(ask(API_POST, "/api/v1/session/password",
			     "{\"old\":\"wrong\",\"password\":\"blue kettle marches home\"}"),
	    403);
	memcpy(mine, cookie, sizeof(mine));
	assert_int_equal(ask(API_POST, "/api/v1/session/password",
			     "{\"old\":\"blue kettle marches\",\"password\":\"blue kettle marches "
			     "home\"}"),
	    200);
	take_session();
	assert_int_equal(ask_as(API_GET, "/api/v1/devices", NULL,
			     (struct api_request){.cookie = bytes_str(mine)}),
	    401);
	assert_string_not_equal(mine, cookie);
	assert_int_equal(ask(API_GET, "/api/v1/devices", NULL), 200);
	now.ns += 31 * 60 * NS_PER_S;
	assert_int_equal(ask(API_GET, "/api/v1/devices", NULL), 401);
	assert_int_equal(ask(API_POST, "/api/v1/session",
			     "{\"name\":\"anna\",\"password\":\"blue kettle marches home\"}"),
	    200);
	take_session();
	assert_int_equal(ask(API_DELETE, "/api/v1/session", NULL), 204);
	assert_int_equal(ask(API_GET, "/api/v1/devices", NULL), 401);
}

static void
floods_are_held_off(void **state)
{
	int status = 200;

	(void)state;
	for (int i = 0; i < 1000 && status != 429; i++) {
		status = ask(API_GET, "/api/v1/session", NULL);
		now.ns -= NS_PER_S;
	}
	assert_int_equal(status, 429);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_sees_anything),
	    cmocka_unit_test(strange_paths),
	    cmocka_unit_test(set_up_works_once_and_with_the_link_only),
	    cmocka_unit_test(bad_queries_and_bodies),
	    cmocka_unit_test(changes_need_token_origin_and_version),
	    cmocka_unit_test(wrong_passwords_are_slowed_down),
	    cmocka_unit_test(sessions_end),
	    cmocka_unit_test(floods_are_held_off),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
