/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat finding list|show|close|reopen. */
#include "brain/request.h"
#include "cli/open.h"
#include "detect/detect.h"

static const struct cli_option list_options[] = {
    {"all", 'a', NULL, "closed ones too"},
    {"detector", 0, "ID", "only of this detector"},
    {"device", 0, "ID", "only about this device"},
    {"severity", 0, "NAME", "at least: info, low, medium, high, critical"},
    {"limit", 'n', "N", "at most N rows (0 = all)"},
    {0},
};

static const char *const heads[] = {
    "ID", "SEVERITY", "DETECTOR", "DEVICE", "TIMES", "LAST (UTC)", "WHAT HAPPENED"};

struct listing {
	struct cli *c;
	struct cli_table *table;
	size_t n;
};

static bool
list_finding(void *ctx, const struct store_finding *f)
{
	struct listing *l = ctx;

	l->n++;
	if (l->table == NULL) {
		cli_typed_json("finding", f->evidence);
		return true;
	}
	cli_cell_u64(l->table, f->id);
	cli_cell_str(l->table, name_label(NAMES_severity, f->severity));
	cli_cell(l->table, f->detector);
	cli_cell_u64(l->table, f->device);
	cli_cell_u64(l->table, f->count);
	cli_cell_time(l->table, f->last);
	cli_cell(l->table, f->text);
	return true;
}

static int
run_list(struct cli *c)
{
	struct store_page page = {.by = STORE_BY_SEVERITY};
	struct store_finding_filter f = {.detector = bytes_str(cli_value(c, "detector"))};
	const char *severity = cli_value(c, "severity");
	struct listing l = {.c = c};
	struct cli_store s;
	struct why why;
	uint64_t limit;
	enum err e;
	int status;

	if (!cli_number(c, "limit", 0, UINT32_MAX, 0, &limit) ||
	    !cli_number(c, "device", 1, UINT64_MAX, 0, &f.device))
		return EXIT_USAGE;
	if (severity != NULL && !name_value(NAMES_severity, bytes_str(severity), &f.min_severity))
		return cli_fail(EXIT_USAGE,
		    "--severity %s: expected info, low, medium, high or critical", severity);
	if (cli_value(c, "all") == NULL)
		f.state = BYTES("open");
	page.limit = limit;
	if ((status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	if (!c->json)
		l.table = cli_table_new(c, heads, ARRAY_LEN(heads));
	e = store_findings(s.store, &f, &page, list_finding, &l, &why);
	if (l.table != NULL)
		cli_table_end(l.table, "nothing found");
	cli_close(&s);
	return e == ERR_OK ? EXIT_DONE : cli_why(&why);
}

static bool
show_finding(void *ctx, const struct store_finding *f)
{
	struct listing *l = ctx;
	const struct detector_info *d = detector_named(f->detector);
	char first[WALL_TEXT_MAX], last[WALL_TEXT_MAX];

	if (l->c->json) {
		cli_typed_json("finding", f->evidence);
		return true;
	}
	(void)wall_format(f->first, first);
	(void)wall_format(f->last, last);
	printf("finding %llu, %s, %.*s\n\n%.*s\n\n", (unsigned long long)f->id,
	    name_label(NAMES_severity, f->severity), (int)f->state.len, (const char *)f->state.ptr,
	    (int)f->text.len, (const char *)f->text.ptr);
	if (d != NULL)
		printf(
		    "Why it matters: %s\nWhat to do:     %s\nTechnique:      %s (ATT&CK for ICS)\n",
		    d->why, d->todo, d->technique);
	printf("Detector:       %.*s (doc/detectors/%.*s.md)\nDevice:         %llu\n"
	       "Seen:           %llu times, first %s, last %s\n",
	    (int)f->detector.len, (const char *)f->detector.ptr, (int)f->detector.len,
	    (const char *)f->detector.ptr, (unsigned long long)f->device,
	    (unsigned long long)f->count, first, last);
	cli_pretty_member(f->evidence, "evidence");
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

	if ((status = cli_one_id(c, "finding", &id)) >= 0 ||
	    (status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	e = store_finding(s.store, id, show_finding, &l, &why);
	cli_close(&s);
	return e == ERR_OK ? EXIT_DONE : cli_why(&why);
}

static int
run_close(struct cli *c)
{
	uint64_t id;
	int status = cli_one_id(c, "finding", &id);

	if (status >= 0)
		return status;
	if (cli_value(c, "reason") == NULL)
		return cli_fail(
		    EXIT_USAGE, "finding close needs --reason TEXT: it is kept with the case");
	return cli_request(c, REQUEST_FINDING_STATE, id, "closed");
}

static int
run_reopen(struct cli *c)
{
	uint64_t id;
	int status = cli_one_id(c, "finding", &id);

	return status >= 0 ? status : cli_request(c, REQUEST_FINDING_STATE, id, "open");
}

const struct cli_command command_finding_list = {.noun = "finding",
    .verb = "list",
    .args = "",
    .summary = "what needs judgement, worst first",
    .options = list_options,
    .run = run_list};

const struct cli_command command_finding_show = {.noun = "finding",
    .verb = "show",
    .args = "ID",
    .summary = "one finding: what happened, why it matters, what to do",
    .run = run_show};

const struct cli_command command_finding_close = {.noun = "finding",
    .verb = "close",
    .args = "ID",
    .summary = "close a finding, with a reason",
    .options = cli_reason_options,
    .run = run_close};

const struct cli_command command_finding_reopen = {.noun = "finding",
    .verb = "reopen",
    .args = "ID",
    .summary = "open a closed finding again",
    .options = cli_reason_options,
    .run = run_reopen};
