/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat device list|show|approve|block|retire. */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "brain/request.h"
#include "cli/open.h"
#include "settings/settings.h"

static const struct cli_option list_options[] = {
    {"state", 0, "NAME", "staged, approved, blocked or retired"},
    {"class", 0, "NAME", "analyzer, glucose_meter, imaging, middleware, lis, serial_server, ..."},
    {"find", 0, "TEXT", "in maker, model, serial, software, host name, addresses"},
    {"limit", 'n', "N", "at most N rows (0 = all)"},
    {0},
};

static const char *const heads[] = {
    "ID", "STATE", "CLASS", "MAKER", "MODEL", "SERIAL", "SOFTWARE", "ADDRESSES", "LAST SEEN (UTC)"};

struct listing {
	struct cli *c;
	struct cli_table *table;
	size_t n;
};

static struct bytes
or_unknown(struct bytes t)
{
	return t.len > 0 ? t : BYTES("unknown");
}

static bool
list_device(void *ctx, const struct store_device *d)
{
	struct listing *l = ctx;

	l->n++;
	if (l->table == NULL) {
		cli_typed_json("device", d->json);
		return true;
	}
	cli_cell_u64(l->table, d->id);
	cli_cell(l->table, d->state);
	cli_cell(l->table, or_unknown(d->class));
	cli_cell(l->table, or_unknown(d->maker));
	cli_cell(l->table, or_unknown(d->model));
	cli_cell(l->table, d->serial);
	cli_cell(l->table, d->software.len > 0 ? d->software : d->os);
	cli_cell(l->table, d->addresses);
	cli_cell_time(l->table, d->last);
	return true;
}

static int
run_list(struct cli *c)
{
	struct store_device_filter f = {.state = bytes_str(cli_value(c, "state")),
	    .class = bytes_str(cli_value(c, "class")),
	    .words = bytes_str(cli_value(c, "find"))};
	struct store_page page = {.by = STORE_BY_ID};
	struct listing l = {.c = c};
	struct cli_store s;
	struct why why;
	uint64_t limit;
	enum err e;
	int status;

	if (!cli_number(c, "limit", 0, UINT32_MAX, 0, &limit))
		return EXIT_USAGE;
	page.limit = limit;
	if ((status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	if (!c->json)
		l.table = cli_table_new(c, heads, ARRAY_LEN(heads));
	e = store_devices(s.store, &f, &page, list_device, &l, &why);
	if (l.table != NULL)
		cli_table_end(l.table, "no devices fit");
	cli_close(&s);
	return e == ERR_OK ? EXIT_DONE : cli_why(&why);
}

static bool
show_device(void *ctx, const struct store_device *d)
{
	struct listing *l = ctx;

	l->n++;
	if (l->c->json) {
		cli_typed_json("device", d->json);
		return true;
	}
	cli_pretty_json(d->json);
	return true;
}

static int
run_show(struct cli *c)
{
	struct listing l = {.c = c};
	struct cli_store s;
	struct why why;
	uint64_t id;
	enum err e;
	int status;

	if ((status = cli_one_id(c, "device", &id)) >= 0 ||
	    (status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	e = store_device(s.store, id, show_device, &l, &why);
	cli_close(&s);
	return e == ERR_OK ? EXIT_DONE : cli_why(&why);
}

enum err
cli_ask(struct cli *c, struct request *r, struct why *why)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *reason = cli_value(c, "reason");
	char path[DATA_DIR_PATH_MAX], file[DATA_DIR_PATH_MAX];
	struct settings settings;
	enum err e;

	cli_data_path(c, path);
	(void)snprintf(r->who, sizeof(r->who), "%s", pw != NULL ? pw->pw_name : "unknown");
	(void)snprintf(r->reason, sizeof(r->reason), "%s", reason != NULL ? reason : "");
	if ((e = settings_load(&settings, cli_settings_path(c, file), why)) == ERR_OK) {
		e = request_do(path, &settings.detect, r, why);
		settings_free(&settings);
	}
	return e;
}

int
cli_request(struct cli *c, unsigned kind, uint64_t id, const char *state)
{
	struct request r = {.kind = kind, .id = id};
	struct buf said = {0};
	struct why why;

	(void)snprintf(r.state, sizeof(r.state), "%s", state);
	if (cli_ask(c, &r, &why) != ERR_OK)
		return cli_why(&why);
	if (c->json) {
		struct json j = json_on(&said);

		json_object(&j);
		json_kstr(&j, "type", c->command->noun);
		json_ku64(&j, "id", id);
		json_kstr(&j, "state", state);
		json_object_end(&j);
		cli_json_line(&said);
	} else {
		printf("%s %llu is now %s\n", c->command->noun, (unsigned long long)id, state);
	}
	buf_free(&said);
	return EXIT_DONE;
}

static int
set_state(struct cli *c, const char *state)
{
	uint64_t id;
	int status = cli_one_id(c, "device", &id);

	return status >= 0 ? status : cli_request(c, REQUEST_DEVICE_STATE, id, state);
}

static int
run_approve(struct cli *c)
{
	return set_state(c, "approved");
}

static int
run_block(struct cli *c)
{
	return set_state(c, "blocked");
}

static int
run_retire(struct cli *c)
{
	return set_state(c, "retired");
}

const struct cli_option cli_reason_options[] = {
    {"reason", 0, "TEXT", "why, kept with the decision"},
    {0},
};

const struct cli_command command_device_list = {.noun = "device",
    .verb = "list",
    .args = "",
    .summary = "every device seen",
    .options = list_options,
    .run = run_list};

const struct cli_command command_device_show = {.noun = "device",
    .verb = "show",
    .args = "ID",
    .summary = "one device: every claim, with source, packet and byte offset",
    .run = run_show};

const struct cli_command command_device_approve = {.noun = "device",
    .verb = "approve",
    .args = "ID",
    .summary = "confirm a staged device",
    .options = cli_reason_options,
    .run = run_approve};

const struct cli_command command_device_block = {.noun = "device",
    .verb = "block",
    .args = "ID",
    .summary = "mark a device that must not be here",
    .options = cli_reason_options,
    .run = run_block};

const struct cli_command command_device_retire = {.noun = "device",
    .verb = "retire",
    .args = "ID",
    .summary = "mark a device that is gone for good",
    .options = cli_reason_options,
    .run = run_retire};
