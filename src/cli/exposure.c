/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat exposure check|list: devices and what advisories say of them. */
#include <stdlib.h>

#include "cli/library.h"
#include "cli/open.h"
#include "intel/exposure.h"

/* --- check: one device by its names --- */

static const struct cli_option check_options[] = {
    {"vendor", 0, "NAME", "maker"},
    {"product", 0, "NAME", "product, as its label or the maker calls it"},
    {"version", 0, "TEXT", "software version, as the device shows it"},
    {"model", 0, "NAME", "model, where that is not the product's name"},
    {0},
};

static const char *const check_heads[] = {"STATUS", "ADVISORY", "REVISED", "CVES", "SCORE", "WHY"};

struct checking {
	struct cli *c;
	struct exposure_query query;
	struct cli_table *table; /* NULL: JSON */
	struct buf line;
	size_t n, outside;
	enum err failed;
	struct why why;
};

static int
worst_score(const struct exposure *e)
{
	int best = -1;

	for (size_t i = 0; i < e->n_vulnerabilities; i++) {
		const struct csaf_vulnerability *v = e->vulnerabilities[i].vulnerability;

		for (size_t k = 0; k < v->n_scores; k++) {
			if (v->scores[k].computed > best)
				best = v->scores[k].computed;
		}
	}
	return best;
}

static void
row_exposure(struct cli_table *t, const struct csaf *d, const struct exposure *e)
{
	const struct exposure_match *m = &e->matches[0];
	char text[512];
	int score = worst_score(e);

	for (size_t i = 0; i < e->n_matches; i++) {
		if (e->n_products > 0 && e->matches[i].product == e->products[0])
			m = &e->matches[i];
	}
	cli_cell_str(t, exposure_status_name(e->status));
	cli_cell(t, d->id);
	cli_cell(t, bytes_sub(d->revised, 0, 10));
	cli_cell_u64(t, e->n_vulnerabilities);
	text[0] = 0;
	if (score >= 0)
		(void)snprintf(text, sizeof(text), "%.1f", score / 10.0);
	cli_cell_str(t, text);
	(void)snprintf(text, sizeof(text), "%.*s: %s; %s",
	    (int)(m->range.len < 128 ? m->range.len : 128), (const char *)m->range.ptr,
	    m->version.how, m->names.how);
	cli_cell_str(t, text);
}

static bool
check_one(void *ctx, const struct csaf *d, struct arena *a)
{
	struct checking *k = ctx;
	struct json j = json_on(&k->line);
	struct exposure e;

	if ((k->failed = exposure_check(a, d, &k->query, &e, &k->why)) != ERR_OK)
		return false;
	k->outside += e.status == EXPOSURE_NONE && e.outside > 0;
	if (e.status == EXPOSURE_NONE)
		return true;
	k->n++;
	if (k->table != NULL) {
		row_exposure(k->table, d, &e);
		return true;
	}
	json_object(&j);
	json_kstr(&j, "type", "exposure");
	exposure_json(d, &k->query, &e, &j);
	json_object_end(&j);
	cli_json_line(&k->line);
	return true;
}

static int
run_check(struct cli *c)
{
	struct checking k = {.c = c};
	struct library library;
	int status;

	k.query.names.vendor = bytes_str(cli_value(c, "vendor"));
	k.query.names.product = bytes_str(cli_value(c, "product"));
	k.query.names.model = bytes_str(cli_value(c, "model"));
	k.query.version = bytes_str(cli_value(c, "version"));
	if (c->n_args > 0)
		return cli_fail(EXIT_USAGE,
		    "exposure check takes --vendor, --product and --version, no arguments");
	if (k.query.names.vendor.len == 0 ||
	    (k.query.names.product.len == 0 && k.query.names.model.len == 0))
		return cli_fail(EXIT_USAGE,
		    "exposure check needs --vendor NAME and --product NAME (or --model NAME)");
	if ((status = library_open(c, &library)) >= 0)
		return status;
	if (!c->json)
		k.table = cli_table_new(c, check_heads, ARRAY_LEN(check_heads));
	library_each(&library, check_one, &k);
	if (k.table != NULL)
		cli_table_end(k.table, "no imported advisory names this product in this version");
	status = library_state(c, &library);
	if (!c->json && k.outside > 0)
		printf("%zu more advisories name this product in other versions only\n", k.outside);
	library_close(&library);
	buf_free(&k.line);
	return k.failed != ERR_OK ? cli_why(&k.why) : status;
}

/* --- list: the devices of the inventory --- */

static const struct cli_option list_options[] = {
    {"device", 0, "ID", "only this device"},
    {"status", 0, "NAME",
	"only affected, needs_review, under_investigation, fixed, not_affected or unknown"},
    {0},
};

static const char *const list_heads[] = {
    "DEVICE", "MAKER", "MODEL", "SOFTWARE", "STATUS", "ADVISORY", "CVES", "SCORE"};

enum { DEVICES_MAX = 65536 };

struct device {
	uint64_t id;
	char *maker, *model, *software;
	size_t n;        /* advisories that speak of it */
	struct buf rows; /* JSON, a line each */
};

struct devices {
	struct cli *c;
	struct device *at;
	size_t n, room;
	struct cli_table *table; /* NULL: JSON */
	const char *status;      /* only this; NULL: all */
	enum err failed;
	struct why why;
};

static char *
copy(struct bytes t)
{
	char *p = malloc(t.len + 1);

	if (p != NULL) {
		if (t.len > 0)
			memcpy(p, t.ptr, t.len);
		p[t.len] = 0;
	}
	return p;
}

static bool
keep_device(void *ctx, const struct store_device *d)
{
	struct devices *l = ctx;
	struct device *v;

	if (l->n == l->room) {
		size_t room = l->room == 0 ? 64 : l->room * 2;
		struct device *more =
		    room > DEVICES_MAX ? NULL : realloc(l->at, room * sizeof(*more));

		if (more == NULL) {
			l->failed = FAIL(&l->why, ERR_LIMIT, "more than %d devices", DEVICES_MAX);
			return false;
		}
		l->at = more;
		l->room = room;
	}
	v = &l->at[l->n++];
	*v = (struct device){.id = d->id,
	    .maker = copy(d->maker),
	    .model = copy(d->model),
	    .software = copy(d->software)};
	if (v->maker != NULL && v->model != NULL && v->software != NULL)
		return true;
	l->failed = FAIL(&l->why, ERR_SYSTEM, "no memory");
	return false;
}

static void
free_devices(struct devices *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->at[i].maker);
		free(l->at[i].model);
		free(l->at[i].software);
		buf_free(&l->at[i].rows);
	}
	free(l->at);
}

static bool
is_asked(const struct devices *l, enum exposure_status s)
{
	return l->status == NULL || strcmp(l->status, exposure_status_name(s)) == 0;
}

static void
row_device(struct devices *l, const struct device *v, const char *status, struct bytes advisory,
    size_t cves, int score)
{
	char text[16] = "";

	cli_cell_u64(l->table, v->id);
	cli_cell_str(l->table, v->maker);
	cli_cell_str(l->table, v->model);
	cli_cell_str(l->table, v->software);
	cli_cell_str(l->table, status);
	cli_cell(l->table, advisory);
	if (score >= 0)
		(void)snprintf(text, sizeof(text), "%.1f", score / 10.0);
	cli_cell_u64(l->table, cves);
	cli_cell_str(l->table, text);
}

static bool
list_one(void *ctx, const struct csaf *d, struct arena *a)
{
	struct devices *l = ctx;

	for (size_t i = 0; i < l->n; i++) {
		struct device *v = &l->at[i];
		struct exposure_query q = {
		    {bytes_str(v->maker), bytes_str(v->model), {NULL, 0}}, bytes_str(v->software)};
		struct json j = json_on(&v->rows);
		struct exposure e;

		if (q.names.vendor.len == 0 || q.names.product.len == 0)
			continue;
		if ((l->failed = exposure_check(a, d, &q, &e, &l->why)) != ERR_OK)
			return false;
		if (e.status == EXPOSURE_NONE)
			continue;
		v->n++;
		if (!is_asked(l, e.status))
			continue;
		if (l->table != NULL) {
			row_device(l, v, exposure_status_name(e.status), d->id, e.n_vulnerabilities,
			    worst_score(&e));
			continue;
		}
		json_object(&j);
		json_kstr(&j, "type", "exposure");
		json_ku64(&j, "device", v->id);
		json_kstr(&j, "maker", v->maker);
		json_kstr(&j, "model", v->model);
		json_kstr(&j, "software", v->software);
		exposure_json(d, &q, &e, &j);
		json_object_end(&j);
		buf_byte(&v->rows, '\n');
	}
	return true;
}

/* A device of which no advisory speaks: nothing is known, which is not the same as nothing is
 * wrong. */
static void
tell_silent(struct devices *l, const struct device *v)
{
	const char *why = v->maker[0] == 0 || v->model[0] == 0
			      ? "the device's maker or model is not known"
			      : "no imported advisory names this device and version";
	struct buf line = {0};
	struct json j = json_on(&line);

	if (v->n > 0 || !is_asked(l, EXPOSURE_UNKNOWN))
		return;
	if (l->table != NULL) {
		row_device(l, v, "unknown", bytes_str(why), 0, -1);
		return;
	}
	json_object(&j);
	json_kstr(&j, "type", "exposure");
	json_ku64(&j, "device", v->id);
	json_kstr(&j, "maker", v->maker);
	json_kstr(&j, "model", v->model);
	json_kstr(&j, "software", v->software);
	json_kstr(&j, "status", "unknown");
	json_kstr(&j, "why", why);
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
}

/* The devices that were asked for. -1: fine; else the exit status. */
static int
load_devices(struct cli *c, struct devices *l)
{
	struct store_page page = {.by = STORE_BY_ID};
	struct cli_store s;
	struct why why;
	uint64_t id;
	enum err e;
	int status;

	if (!cli_number(c, "device", 1, UINT64_MAX, 0, &id))
		return EXIT_USAGE;
	if ((status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	e = id != 0 ? store_device(s.store, id, keep_device, l, &why)
		    : store_devices(s.store, NULL, &page, keep_device, l, &why);
	cli_close(&s);
	return e != ERR_OK ? cli_why(&why) : l->failed != ERR_OK ? cli_why(&l->why) : -1;
}

static int
run_list(struct cli *c)
{
	struct devices l = {.c = c, .status = cli_value(c, "status")};
	struct library library;
	bool known = l.status == NULL;
	int status;

	for (int s = EXPOSURE_UNKNOWN; s < EXPOSURE_STATUS_MAX; s++)
		known |= l.status != NULL &&
			 strcmp(l.status, exposure_status_name((enum exposure_status)s)) == 0;
	if (!known)
		return cli_fail(
		    EXIT_USAGE, "--status %s: expected %s", l.status, list_options[1].help);
	if ((status = load_devices(c, &l)) >= 0 || (status = library_open(c, &library)) >= 0) {
		free_devices(&l);
		return status;
	}
	if (!c->json)
		l.table = cli_table_new(c, list_heads, ARRAY_LEN(list_heads));
	library_each(&library, list_one, &l);
	for (size_t i = 0; i < l.n; i++) {
		(void)fwrite(l.at[i].rows.ptr, 1, l.at[i].rows.len, stdout);
		tell_silent(&l, &l.at[i]);
	}
	if (l.table != NULL)
		cli_table_end(l.table, "nothing of that kind");
	status = library_state(c, &library);
	library_close(&library);
	free_devices(&l);
	return l.failed != ERR_OK ? cli_why(&l.why) : status;
}

const struct cli_command command_exposure_check = {.noun = "exposure",
    .verb = "check",
    .args = "",
    .summary = "what the advisories say of a device that need not be in the inventory",
    .detail = "One row (one object with --json) for each advisory that speaks of this product in "
	      "this version:\n"
	      "affected, fixed, not_affected, under_investigation, needs_review or unknown. "
	      "needs_review: the names\n"
	      "or versions leave room for doubt, and a person has to look. No row: no imported "
	      "advisory names it.\n"
	      "Exit status 1: the advisories are stale or damaged; 3: there are none.",
    .options = check_options,
    .run = run_check};

const struct cli_command command_exposure_list = {.noun = "exposure",
    .verb = "list",
    .args = "",
    .summary = "devices of the inventory and what the advisories say of them",
    .options = list_options,
    .run = run_list};
