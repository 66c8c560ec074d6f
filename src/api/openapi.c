/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAPI 3.1 document, made from the route tables that the router runs by.
 * Source: OpenAPI Specification 3.1.0. Extensions: x-permission, x-roles. */
#include <stdio.h>

#include "api/inner.h"

static const char *const methods[] = {"get", "post", "patch", "delete"};

static void
write_words(struct json *j, const char *words)
{
	struct bytes rest = bytes_str(words);

	json_key(j, "enum");
	json_array(j);
	while (rest.len > 0) {
		struct bytes word = bytes_split(rest, ' ', &rest);

		if (word.len > 0)
			json_bytes(j, word);
	}
	json_array_end(j);
}

static void
write_schema(struct json *j, const struct api_field *f)
{
	json_object(j);
	json_kstr(j, "type", f->kind == API_NUMBER ? "integer" : "string");
	if (f->kind == API_NUMBER) {
		json_ku64(j, "minimum", f->min);
		if (f->max != 0)
			json_ku64(j, "maximum", f->max);
	}
	if (f->kind == API_TIME)
		json_kstr(j, "format", "date-time");
	if (f->kind == API_SECRET)
		json_kstr(j, "format", "password");
	if (f->kind == API_WORD)
		write_words(j, f->words);
	if (f->kind == API_TEXT || f->kind == API_SECRET) {
		if (f->min != 0)
			json_ku64(j, "minLength", f->min);
		json_ku64(j, "maxLength", f->max == 0 ? API_PARAM_BYTES : f->max);
	}
	json_object_end(j);
}

static void
write_param(struct json *j, const char *where, const struct api_field *f)
{
	json_object(j);
	json_kstr(j, "name", f->name);
	json_kstr(j, "in", where);
	json_kbool(j, "required", f->required);
	if (f->text != NULL)
		json_kstr(j, "description", f->text);
	json_key(j, "schema");
	write_schema(j, f);
	json_object_end(j);
}

static void
write_params(struct json *j, const struct api_route *r)
{
	static const struct api_field id = {
	    .name = "id", .kind = API_NUMBER, .min = 1, .required = true};
	static const struct api_field name = {
	    .name = "name", .kind = API_TEXT, .min = 1, .max = 31, .required = true};
	static const struct api_field limit = {.name = "limit",
	    .kind = API_NUMBER,
	    .text = "rows of a page",
	    .min = 1,
	    .max = API_LIMIT_MAX};
	static const struct api_field cursor = {
	    .name = "cursor", .kind = API_TEXT, .text = "next of the page before", .max = 72};
	static const struct api_field match = {.name = "If-Match",
	    .kind = API_TEXT,
	    .text = "the ETag of what was seen",
	    .max = 40,
	    .required = true};
	static const struct api_field csrf = {.name = "X-CSRF-Token",
	    .kind = API_TEXT,
	    .text = "csrf of GET /session",
	    .max = 39,
	    .required = true};

	json_key(j, "parameters");
	json_array(j);
	if (strstr(r->path, "{id}") != NULL)
		write_param(j, "path", &id);
	if (strstr(r->path, "{name}") != NULL)
		write_param(j, "path", &name);
	for (const struct api_field *f = r->query; f != NULL && f->name != NULL; f++)
		write_param(j, "query", f);
	if (r->list) {
		write_param(j, "query", &limit);
		write_param(j, "query", &cursor);
	}
	if (r->edit)
		write_param(j, "header", &match);
	if (r->method != API_GET && !r->no_session)
		write_param(j, "header", &csrf);
	json_array_end(j);
}

static void
write_body(struct json *j, const struct api_route *r)
{
	if (r->body == NULL)
		return;
	json_key(j, "requestBody");
	json_object(j);
	json_kbool(j, "required", true);
	json_key(j, "content");
	json_object(j);
	json_key(j, "application/json");
	json_object(j);
	json_key(j, "schema");
	json_object(j);
	json_kstr(j, "type", "object");
	json_kbool(j, "additionalProperties", false);
	json_key(j, "required");
	json_array(j);
	for (const struct api_field *f = r->body; f->name != NULL; f++) {
		if (f->required)
			json_str(j, f->name);
	}
	json_array_end(j);
	json_key(j, "properties");
	json_object(j);
	for (const struct api_field *f = r->body; f->name != NULL; f++) {
		json_key(j, f->name);
		write_schema(j, f);
	}
	for (unsigned close = 0; close < 5; close++)
		json_object_end(j);
}

static void
write_answer(
    struct json *j, const char *status, const char *text, const char *type, const char *schema)
{
	json_key(j, status);
	json_object(j);
	json_kstr(j, "description", text);
	if (type != NULL) {
		json_key(j, "content");
		json_object(j);
		json_key(j, type);
		json_object(j);
		if (schema != NULL) {
			json_key(j, "schema");
			json_object(j);
			json_kstr(j, "$ref", schema);
			json_object_end(j);
		}
		json_object_end(j);
		json_object_end(j);
	}
	json_object_end(j);
}

static void
write_problem(struct json *j, const char *status, const char *text)
{
	write_answer(j, status, text, "application/problem+json", "#/components/schemas/Problem");
}

static void
write_answers(struct json *j, const struct api_route *r)
{
	const bool creates = r->method == API_POST && strcmp(r->path, "/session") != 0 &&
			     strcmp(r->path, "/session/password") != 0;

	json_key(j, "responses");
	json_object(j);
	if (r->method == API_DELETE)
		write_answer(j, "204", r->answer, NULL, NULL);
	else
		write_answer(j, creates ? "201" : "200", r->answer,
		    r->other_type != NULL ? r->other_type : "application/json",
		    r->list ? "#/components/schemas/List" : NULL);
	write_problem(j, "400", "a parameter or the body is not as described");
	if (r->permission != PERM_open || !r->no_session)
		write_problem(j, "401", "nobody is signed in");
	if (r->permission != PERM_open || r->method != API_GET)
		write_problem(j, "403", "the role may not, or the change came from elsewhere");
	if (strchr(r->path, '{') != NULL)
		write_problem(j, "404", "there is none");
	if (r->edit) {
		write_problem(j, "412", "it was changed in between");
		write_problem(j, "428", "If-Match is missing");
	}
	if (r->method != API_GET)
		write_problem(j, "409", "a rule forbids it");
	write_problem(j, "429", "too many requests");
	json_object_end(j);
}

static void
write_roles(struct json *j, enum permission p)
{
	json_kstr(j, "x-permission", permission_label(p));
	json_key(j, "x-roles");
	json_array(j);
	for (unsigned role = ROLE_NONE + 1; role < ROLES; role++) {
		if (role_may((enum role)role, p))
			json_str(j, role_label((enum role)role));
	}
	json_array_end(j);
	json_key(j, "security");
	json_array(j);
	if (p != PERM_open) {
		json_object(j);
		json_key(j, "session");
		json_array(j);
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

static void
write_route(struct json *j, const struct api_route *r)
{
	json_key(j, methods[r->method]);
	json_object(j);
	json_kstr(j, "operationId", r->id);
	json_kstr(j, "summary", r->summary);
	write_roles(j, r->permission);
	write_params(j, r);
	write_body(j, r);
	write_answers(j, r);
	json_object_end(j);
}

static bool
first_of_path(size_t at, const char *path)
{
	for (size_t i = 0; i < at; i++) {
		if (strcmp(api_route_at(i)->path, path) == 0)
			return false;
	}
	return true;
}

static void
write_paths(struct json *j)
{
	const struct api_route *r, *o;

	json_key(j, "paths");
	json_object(j);
	for (size_t i = 0; (r = api_route_at(i)) != NULL; i++) {
		if (!first_of_path(i, r->path))
			continue;
		json_key(j, r->path);
		json_object(j);
		for (size_t k = i; (o = api_route_at(k)) != NULL; k++) {
			if (strcmp(o->path, r->path) == 0)
				write_route(j, o);
		}
		json_object_end(j);
	}
	json_object_end(j);
}

static const char components[] =
    "{\"securitySchemes\":{\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":"
    "\"__Host-hemostat\"}},\"schemas\":{\"Problem\":{\"type\":\"object\",\"required\":[\"type\","
    "\"title\",\"status\",\"detail\"],\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{"
    "\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"}}},"
    "\"List\":{\"type\":\"object\",\"required\":[\"items\",\"next\"],\"properties\":{\"items\":{"
    "\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"next\":{\"type\":[\"string\","
    "\"null\"]}}}}}";

void
openapi_write(struct buf *out, const char *version)
{
	struct json j = json_on(out);

	json_object(&j);
	json_kstr(&j, "openapi", "3.1.0");
	json_key(&j, "info");
	json_object(&j);
	json_kstr(&j, "title", "Hemostat");
	json_kstr(&j, "version", version);
	json_kstr(&j, "summary", "What connected medical devices of a laboratory do");
	json_key(&j, "license");
	json_object(&j);
	json_kstr(&j, "name", "Apache-2.0");
	json_kstr(&j, "identifier", "Apache-2.0");
	json_object_end(&j);
	json_object_end(&j);
	json_key(&j, "servers");
	json_array(&j);
	json_object(&j);
	json_kstr(&j, "url", "/api/v1");
	json_object_end(&j);
	json_array_end(&j);
	write_paths(&j);
	json_key(&j, "components");
	json_raw(&j, bytes_str(components));
	json_object_end(&j);
}
