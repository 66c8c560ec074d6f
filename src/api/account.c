/* SPDX-License-Identifier: Apache-2.0 */
/* /accounts: people and their roles. Secrets never leave. */
#include <stdio.h>

#include "api/inner.h"
#include "crypto/password.h"

static void
write_account(struct json *j, const struct account *a)
{
	json_object(j);
	json_kstr(j, "name", a->name);
	json_kstr(j, "role", role_label(a->role));
	json_kstr(j, "state", a->disabled ? "disabled" : "enabled");
	json_kwall(j, "created", a->created);
	json_kwall(j, "changed", a->changed);
	json_object_end(j);
}

static void
run_list(struct api_call *c)
{
	uint64_t from = 0;

	if (c->cursor.len > 0 && !bytes_to_u64(c->cursor, &from)) {
		api_problem(c, 400, "cursor: not one that a list gave as next");
		return;
	}
	api_list_begin(c);
	for (size_t i = (size_t)from; i < c->api->people.n && i - from < c->limit; i++)
		write_account(&c->json, &c->api->people.accounts[i]);
	if (from < c->api->people.n && c->api->people.n - from > c->limit) {
		char next[24];

		(void)snprintf(next, sizeof(next), "%llu", (unsigned long long)(from + c->limit));
		api_list_end(c, next);
	} else {
		api_list_end(c, NULL);
	}
}

static void
run_show(struct api_call *c)
{
	const struct account *a = people_find(&c->api->people, c->name);

	if (a == NULL) {
		api_problem(c, 404, "there is no such account");
		return;
	}
	write_account(&c->json, a);
	(void)api_tagged(c);
}

static bool
add_secret(struct api_call *c, struct request *r)
{
	struct bytes password = bytes_str(api_body_text(c, "password"));
	struct why why;
	enum err e;

	if ((e = password_judge(password, bytes_str(r->name), &why)) == ERR_OK)
		e = password_hash(password, r->secret, &why);
	return !api_failed(c, e, &why);
}

static void
answer(struct api_call *c, const char *name)
{
	if (!api_people(c))
		return;
	c->name = bytes_str(name);
	run_show(c);
}

static void
run_create(struct api_call *c)
{
	struct request r = {.kind = REQUEST_ACCOUNT, .state = "create"};

	(void)snprintf(r.name, sizeof(r.name), "%s", api_body_text(c, "name"));
	(void)snprintf(r.role, sizeof(r.role), "%s", api_body_text(c, "role"));
	if (!account_name_ok(bytes_str(r.name))) {
		api_problem(c, 400, "name: 1 to 31 of a-z 0-9 . _ -, starting with a letter");
		return;
	}
	if (!add_secret(c, &r) || !api_change(c, &r))
		return;
	c->out->status = 201;
	answer(c, r.name);
}

/* One thing at a time: what is recorded says exactly what was asked. */
static void
run_change(struct api_call *c)
{
	const char *role = api_body_text(c, "role"), *state = api_body_text(c, "state");
	const bool password = api_body_text(c, "password")[0] != 0;
	const struct account *a = people_find(&c->api->people, c->name);
	struct request r = {.kind = REQUEST_ACCOUNT};
	struct buf now = {0};
	struct json j = json_on(&now);
	bool fits;

	if (a == NULL) {
		api_problem(c, 404, "there is no such account");
		return;
	}
	write_account(&j, a);
	fits = api_matches(c, buf_bytes(&now));
	buf_free(&now);
	if (!fits)
		return;
	if ((role[0] != 0) + (state[0] != 0) + password != 1) {
		api_problem(c, 400, "change one of role, state, password at a time");
		return;
	}
	memcpy(r.name, a->name, sizeof(r.name));
	(void)snprintf(r.role, sizeof(r.role), "%s", role);
	(void)snprintf(r.reason, sizeof(r.reason), "%s", api_body_text(c, "reason"));
	(void)snprintf(r.state, sizeof(r.state), "%s",
	    role[0] != 0                                   ? "role"
	    : password                                     ? "password"
	    : bytes_eq(bytes_str(state), BYTES("enabled")) ? "enable"
							   : "disable");
	if ((!password || add_secret(c, &r)) && api_change(c, &r))
		answer(c, r.name);
}

#define ROLE_WORDS "viewer technician biomedical security compliance auditor administrator"

static const struct api_field create_fields[] = {
    {.name = "name",
	.kind = API_TEXT,
	.text = "a-z 0-9 . _ -",
	.min = 1,
	.max = 31,
	.required = true},
    {.name = "role", .kind = API_WORD, .words = ROLE_WORDS, .required = true},
    {.name = "password", .kind = API_SECRET, .max = PASSWORD_MAX, .required = true},
    {0},
};

static const struct api_field change_fields[] = {
    {.name = "role", .kind = API_WORD, .words = ROLE_WORDS},
    {.name = "state", .kind = API_WORD, .words = "enabled disabled"},
    {.name = "password", .kind = API_SECRET, .max = PASSWORD_MAX},
    {.name = "reason", .kind = API_TEXT, .text = "kept with the change", .max = 191},
    {0},
};

const struct api_route api_account_routes[] = {
    {.method = API_GET,
	.path = "/accounts",
	.permission = PERM_people_read,
	.run = run_list,
	.id = "listAccounts",
	.summary = "Accounts in the order they were made",
	.answer = "name, role, state",
	.list = true},
    {.method = API_POST,
	.path = "/accounts",
	.permission = PERM_people,
	.run = run_create,
	.id = "createAccount",
	.summary = "Make an account",
	.body = create_fields,
	.answer = "the account"},
    {.method = API_GET,
	.path = "/accounts/{name}",
	.permission = PERM_people_read,
	.run = run_show,
	.id = "getAccount",
	.summary = "One account",
	.answer = "the account"},
    {.method = API_PATCH,
	.path = "/accounts/{name}",
	.permission = PERM_people,
	.run = run_change,
	.id = "changeAccount",
	.summary = "Change role, state or password of an account; its sessions end",
	.body = change_fields,
	.answer = "the account",
	.edit = true},
    {0},
};
