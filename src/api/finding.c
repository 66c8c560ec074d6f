/* SPDX-License-Identifier: Apache-2.0 */
/* /findings: what needs judgement, and the judgement. */
#include <stdio.h>

#include "api/inner.h"
#include "detect/detect.h"

enum { Q_STATE, Q_DETECTOR, Q_DEVICE, Q_SEVERITY, Q_ORDER };

static bool
write_row(void *ctx, const struct store_finding *f)
{
	json_raw(&((struct api_call *)ctx)->json, f->evidence);
	return true;
}

static void
run_list(struct api_call *c)
{
	struct store_finding_filter f = {.state = c->query[Q_STATE],
	    .detector = c->query[Q_DETECTOR],
	    .device = c->number[Q_DEVICE]};
	char next[STORE_PLACE_TEXT_MAX] = "";
	struct store_page page;
	struct why why;

	if (c->query[Q_SEVERITY].ptr != NULL)
		(void)name_value(NAMES_severity, c->query[Q_SEVERITY], &f.min_severity);
	if (!api_page(c,
		bytes_eq(c->query[Q_ORDER], BYTES("last")) ? STORE_BY_LAST : STORE_BY_SEVERITY,
		&page))
		return;
	api_list_begin(c);
	if (api_failed(c, store_findings(c->api->set.store, &f, &page, write_row, c, &why), &why))
		return;
	if (page.more)
		store_place_format(&page.after, next);
	api_list_end(c, next);
}

static bool
copy_json(void *ctx, const struct store_finding *f)
{
	buf_add(ctx, f->evidence);
	return true;
}

static void
run_show(struct api_call *c)
{
	struct why why;

	if (!api_failed(
		c, store_finding(c->api->set.store, c->id, copy_json, &c->out->body, &why), &why))
		(void)api_tagged(c);
}

static void
run_change(struct api_call *c)
{
	struct request r = {.kind = REQUEST_FINDING_STATE, .id = c->id};
	struct buf now = {0};
	struct why why;
	bool fits;

	if (api_failed(c, store_finding(c->api->set.store, c->id, copy_json, &now, &why), &why))
		return;
	fits = api_matches(c, buf_bytes(&now));
	buf_free(&now);
	(void)snprintf(r.state, sizeof(r.state), "%s", api_body_text(c, "state"));
	(void)snprintf(r.reason, sizeof(r.reason), "%s", api_body_text(c, "reason"));
	if (fits && api_change(c, &r))
		run_show(c);
}

static const char detector_words[] = ""
#define DETECTOR(id, no, sev, tech, kinds, text) #id " "
#include "detect/detectors.def"
    ;

static const struct api_field list_query[] = {
    [Q_STATE] = {.name = "state", .kind = API_WORD, .words = "open closed accepted"},
    [Q_DETECTOR] = {.name = "detector", .kind = API_WORD, .words = detector_words},
    [Q_DEVICE] = {.name = "device", .kind = API_NUMBER, .min = 1},
    [Q_SEVERITY] = {.name = "severity",
	.kind = API_WORD,
	.text = "at least",
	.words = "info low medium high critical"},
    [Q_ORDER] = {.name = "order", .kind = API_WORD, .words = "severity last"},
    {0},
};

static const struct api_field change_fields[] = {
    {.name = "state", .kind = API_WORD, .words = "open closed accepted", .required = true},
    {.name = "reason",
	.kind = API_TEXT,
	.text = "kept with the case",
	.min = 3,
	.max = 191,
	.required = true},
    {0},
};

const struct api_route api_finding_routes[] = {
    {.method = API_GET,
	.path = "/findings",
	.permission = PERM_read,
	.run = run_list,
	.id = "listFindings",
	.summary = "Findings, worst first",
	.query = list_query,
	.answer = "what happened, why it matters, what to do, evidence",
	.list = true},
    {.method = API_GET,
	.path = "/findings/{id}",
	.permission = PERM_read,
	.run = run_show,
	.id = "getFinding",
	.summary = "One finding",
	.answer = "the finding"},
    {.method = API_PATCH,
	.path = "/findings/{id}",
	.permission = PERM_findings,
	.run = run_change,
	.id = "changeFinding",
	.summary = "Close a finding, accept it, or open it again; with a reason",
	.body = change_fields,
	.answer = "the finding",
	.edit = true},
    {0},
};
