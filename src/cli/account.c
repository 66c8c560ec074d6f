/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat account list|add|role|password|disable|enable: the people who may sign in to the
 * console, for when nobody can. Who owns the data directory is trusted with it. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "brain/request.h"
#include "cli/open.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "people/people.h"

static int
run_list(struct cli *c)
{
	static const char *const heads[] = {"NAME", "ROLE", "STATE", "MADE (UTC)", "CHANGED (UTC)"};
	struct cli_table *table;
	struct buf kept = {0}, line = {0};
	struct people p;
	struct cli_store s;
	struct why why;
	enum err e;
	int status;

	if ((status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	e = store_value(s.store, PEOPLE_VALUE, &kept, &why);
	if (e == ERR_OK || e == ERR_ABSENT)
		e = people_decode(&p, buf_bytes(&kept), &why);
	crypto_wipe(kept.ptr, kept.len);
	buf_free(&kept);
	cli_close(&s);
	if (e != ERR_OK)
		return cli_why(&why);
	table = c->json ? NULL : cli_table_new(c, heads, ARRAY_LEN(heads));
	for (size_t i = 0; i < p.n; i++) {
		const struct account *a = &p.accounts[i];
		struct json j = json_on(&line);

		if (table != NULL) {
			cli_cell_str(table, a->name);
			cli_cell_str(table, role_label(a->role));
			cli_cell_str(table, a->disabled ? "disabled" : "enabled");
			cli_cell_time(table, a->created);
			cli_cell_time(table, a->changed);
			continue;
		}
		json_object(&j);
		json_kstr(&j, "type", "account");
		json_kstr(&j, "name", a->name);
		json_kstr(&j, "role", role_label(a->role));
		json_kstr(&j, "state", a->disabled ? "disabled" : "enabled");
		json_kwall(&j, "created", a->created);
		json_kwall(&j, "changed", a->changed);
		json_object_end(&j);
		cli_json_line(&line);
	}
	if (table != NULL)
		cli_table_end(
		    table, "no accounts yet: hemostat run prints a link to make the first");
	buf_free(&line);
	crypto_wipe(&p, sizeof(p));
	return EXIT_DONE;
}

/* A line of standard input, without echo on a terminal. False: a word was said. */
static bool
read_password(char out[PASSWORD_MAX + 2])
{
	struct termios shown, hidden;
	bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
	bool got;

	if (terminal) {
		(void)fputs("password: ", stderr);
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	got = fgets(out, PASSWORD_MAX + 2, stdin) != NULL;
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		(void)fputc('\n', stderr);
	}
	if (!got) {
		(void)cli_fail(EXIT_USAGE, "a password is expected on standard input");
		return false;
	}
	out[strcspn(out, "\n")] = 0;
	return true;
}

static enum err
hash(const char *name, struct request *r, const char *password, struct why *why)
{
	enum err e = password_judge(bytes_str(password), bytes_str(name), why);

	if (e == ERR_OK && (e = password_init(why)) == ERR_OK)
		e = password_hash(bytes_str(password), r->secret, why);
	return e;
}

static int
change(struct cli *c, const char *what, const char *role, bool password)
{
	struct request r = {.kind = REQUEST_ACCOUNT};
	char typed[PASSWORD_MAX + 2] = "";
	struct why why;
	enum err e = ERR_OK;

	if (c->n_args < 1 || !account_name_ok(bytes_str(c->args[0])))
		return cli_fail(EXIT_USAGE,
		    "account %s takes a NAME: 1 to 31 of a-z 0-9 . _ -, starting with a letter",
		    c->command->verb);
	(void)snprintf(r.name, sizeof(r.name), "%s", c->args[0]);
	(void)snprintf(r.state, sizeof(r.state), "%s", what);
	(void)snprintf(r.role, sizeof(r.role), "%s", role);
	if (password && !read_password(typed))
		return EXIT_USAGE;
	if (password)
		e = hash(r.name, &r, typed, &why);
	crypto_wipe(typed, sizeof(typed));
	if (e == ERR_OK)
		e = cli_ask(c, &r, &why);
	crypto_wipe(r.secret, sizeof(r.secret));
	if (e != ERR_OK)
		return cli_why(&why);
	if (!c->json)
		printf("account %s: %s done\n", r.name, what);
	return EXIT_DONE;
}

static int
run_add(struct cli *c)
{
	const char *role = cli_value(c, "role");
	enum role known;

	if (c->n_args != 1 || role == NULL || !role_of_label(bytes_str(role), &known))
		return cli_fail(EXIT_USAGE,
		    "account add takes NAME --role ROLE: viewer, technician, biomedical, "
		    "security, compliance, auditor or administrator");
	return change(c, "create", role, true);
}

static int
run_role(struct cli *c)
{
	enum role known;

	if (c->n_args != 2 || !role_of_label(bytes_str(c->args[1]), &known))
		return cli_fail(EXIT_USAGE,
		    "account role takes NAME ROLE: viewer, technician, biomedical, security, "
		    "compliance, auditor or administrator");
	return change(c, "role", c->args[1], false);
}

static int
run_password(struct cli *c)
{
	return change(c, "password", "", true);
}

static int
run_disable(struct cli *c)
{
	return change(c, "disable", "", false);
}

static int
run_enable(struct cli *c)
{
	return change(c, "enable", "", false);
}

static const struct cli_option add_options[] = {
    {"role", 0, "ROLE",
	"viewer, technician, biomedical, security, compliance, auditor, "
	"administrator"},
    {"reason", 0, "TEXT", "why, kept with the change"},
    {0},
};

const struct cli_command command_account_list = {.noun = "account",
    .verb = "list",
    .args = "",
    .summary = "people who may sign in to the console",
    .run = run_list};

const struct cli_command command_account_add = {.noun = "account",
    .verb = "add",
    .args = "NAME",
    .summary = "make an account; the password is asked for, or read from standard input",
    .options = add_options,
    .run = run_add};

const struct cli_command command_account_role = {.noun = "account",
    .verb = "role",
    .args = "NAME ROLE",
    .summary = "give an account another role",
    .options = cli_reason_options,
    .run = run_role};

const struct cli_command command_account_password = {.noun = "account",
    .verb = "password",
    .args = "NAME",
    .summary = "set a new password, also when the old one is lost",
    .options = cli_reason_options,
    .run = run_password};

const struct cli_command command_account_disable = {.noun = "account",
    .verb = "disable",
    .args = "NAME",
    .summary = "sign an account out and keep it out",
    .options = cli_reason_options,
    .run = run_disable};

const struct cli_command command_account_enable = {.noun = "account",
    .verb = "enable",
    .args = "NAME",
    .summary = "let a disabled account in again",
    .options = cli_reason_options,
    .run = run_enable};
