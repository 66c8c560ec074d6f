/* SPDX-License-Identifier: Apache-2.0 */
/* /devices: what is connected, with the evidence of every claim; their state. */
#include <stdio.h>

#include "api/inner.h"

enum { Q_STATE, Q_CLASS, Q_FIND, Q_ORDER };

static bool
write_row(void *ctx, const struct store_device *d)
{
	struct json *j = &((struct api_call *)ctx)->json;

	json_object(j);
	json_ku64(j, "id", d->id);
	json_kbytes(j, "state", d->state);
	json_kbytes(j, "class", d->class);
	json_kbytes(j, "maker", d->maker);
	json_kbytes(j, "model", d->model);
	json_kbytes(j, "serial", d->serial);
	json_kbytes(j, "software", d->software);
	json_kbytes(j, "os", d->os);
	json_kbytes(j, "hostname", d->hostname);
	json_kbytes(j, "addresses", d->addresses);
	json_kwall(j, "first_seen", d->first);
	json_kwall(j, "last_seen", d->last);
	json_object_end(j);
	return true;
}

static void
run_list(struct api_call *c)
{
	struct store_device_filter f = {
	    .state = c->query[Q_STATE], .class = c->query[Q_CLASS], .words = c->query[Q_FIND]};
	char next[STORE_PLACE_TEXT_MAX] = "";
	struct store_page page;
	struct why why;

	if (!api_page(
		c, bytes_eq(c->query[Q_ORDER], BYTES("last")) ? STORE_BY_LAST : STORE_BY_ID, &page))
		return;
	api_list_begin(c);
	if (api_failed(c, store_devices(c->api->set.store, &f, &page, write_row, c, &why), &why))
		return;
	if (page.more)
		store_place_format(&page.after, next);
	api_list_end(c, next);
}

static bool
copy_json(void *ctx, const struct store_device *d)
{
	buf_add(ctx, d->json);
	return true;
}

static void
run_show(struct api_call *c)
{
	struct why why;

	if (!api_failed(
		c, store_device(c->api->set.store, c->id, copy_json, &c->out->body, &why), &why))
		(void)api_tagged(c);
}

static void
run_change(struct api_call *c)
{
	struct request r = {.kind = REQUEST_DEVICE_STATE, .id = c->id};
	struct buf now = {0};
	struct why why;
	bool fits;

	if (api_failed(c, store_device(c->api->set.store, c->id, copy_json, &now, &why), &why))
		return;
	fits = api_matches(c, buf_bytes(&now));
	buf_free(&now);
	(void)snprintf(r.state, sizeof(r.state), "%s", api_body_text(c, "state"));
	(void)snprintf(r.reason, sizeof(r.reason), "%s", api_body_text(c, "reason"));
	if (fits && api_change(c, &r))
		run_show(c);
}

#define STATE_WORDS "staged approved blocked retired"
#define CLASS_WORDS                                                                                \
	"unknown analyzer glucose_meter imaging middleware lis pacs serial_server workstation "    \
	"server printer network"

static const struct api_field list_query[] = {
    [Q_STATE] = {.name = "state", .kind = API_WORD, .words = STATE_WORDS},
    [Q_CLASS] = {.name = "class", .kind = API_WORD, .words = CLASS_WORDS},
    [Q_FIND] = {.name = "find",
	.kind = API_TEXT,
	.text = "in maker, model, serial, software, host name, addresses",
	.max = 100},
    [Q_ORDER] = {.name = "order", .kind = API_WORD, .words = "id last"},
    {0},
};

static const struct api_field change_fields[] = {
    {.name = "state", .kind = API_WORD, .words = STATE_WORDS, .required = true},
    {.name = "reason", .kind = API_TEXT, .text = "kept with the decision", .max = 191},
    {0},
};

const struct api_route api_device_routes[] = {
    {.method = API_GET,
	.path = "/devices",
	.permission = PERM_read,
	.run = run_list,
	.id = "listDevices",
	.summary = "Every device seen",
	.query = list_query,
	.answer = "what is held of each",
	.list = true},
    {.method = API_GET,
	.path = "/devices/{id}",
	.permission = PERM_read,
	.run = run_show,
	.id = "getDevice",
	.summary = "One device: every claim with source, packet and byte offset",
	.answer = "the device"},
    {.method = API_PATCH,
	.path = "/devices/{id}",
	.permission = PERM_devices,
	.run = run_change,
	.id = "changeDevice",
	.summary = "Approve, block, retire a device, or put it back",
	.body = change_fields,
	.answer = "the device",
	.edit = true},
    {0},
};
