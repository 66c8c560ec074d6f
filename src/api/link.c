/* SPDX-License-Identifier: Apache-2.0 */
/* /links: which client talks what to which server; /sources: captures and their loss. */
#include <stdio.h>

#include "api/inner.h"

enum { Q_PROTO, Q_KIND, Q_HOST, Q_ORDER };

static bool
write_link(void *ctx, const struct store_link *k)
{
	struct json *j = &((struct api_call *)ctx)->json;
	char text[IP_TEXT_MAX];

	json_object(j);
	json_ku64(j, "link", k->number);
	json_ku64(j, "id", k->id);
	json_kstr(j, "proto", proto_label(k->proto));
	json_kstr(j, "protocol", proto_text(k->proto));
	json_kbool(j, "clinical", proto_kind(k->proto) == PROTO_KIND_CLINICAL);
	json_kbytes(j, "client", bytes_of(text, ip_format(k->client, text)));
	json_kbytes(j, "server", bytes_of(text, ip_format(k->server, text)));
	json_ku64(j, "port", k->port);
	json_kstr(j, "transport", name_label(NAMES_transport, k->transport));
	if (!mac_is_zero(k->client_mac))
		json_kbytes(j, "client_mac", bytes_of(text, mac_format(k->client_mac, text)));
	if (!mac_is_zero(k->server_mac))
		json_kbytes(j, "server_mac", bytes_of(text, mac_format(k->server_mac, text)));
	json_ku64(j, "vlan", k->vlan);
	json_kbytes_some(j, "app", k->app);
	json_ku64(j, "messages", k->messages);
	json_ku64(j, "results", k->results);
	json_ku64(j, "flows", k->flows);
	json_ku64(j, "bytes", k->bytes);
	json_kbool(j, "encrypted", k->encrypted != 0);
	json_kwall(j, "first_seen", k->first);
	json_kwall(j, "last_seen", k->last);
	json_object_end(j);
	return true;
}

static void
run_list(struct api_call *c)
{
	struct store_link_filter f = {0};
	char next[STORE_PLACE_TEXT_MAX] = "";
	struct store_page page;
	struct why why;
	uint64_t no;

	if (c->query[Q_PROTO].ptr != NULL) {
		(void)proto_of(c->query[Q_PROTO], &no);
		f.protos = UINT64_C(1) << no;
	} else if (c->query[Q_KIND].ptr != NULL) {
		for (uint64_t p = 0; p < PROTO_MAX; p++) {
			if (proto_kind(p) == PROTO_KIND_CLINICAL)
				f.protos |= UINT64_C(1) << p;
		}
	}
	if (c->query[Q_HOST].ptr != NULL && !ip_parse(c->query[Q_HOST], &f.host)) {
		api_problem(c, 400, "host: expected an IP address");
		return;
	}
	if (!api_page(
		c, bytes_eq(c->query[Q_ORDER], BYTES("last")) ? STORE_BY_LAST : STORE_BY_ID, &page))
		return;
	api_list_begin(c);
	if (api_failed(c, store_links(c->api->set.store, &f, &page, write_link, c, &why), &why))
		return;
	if (page.more)
		store_place_format(&page.after, next);
	api_list_end(c, next);
}

static void
run_show(struct api_call *c)
{
	struct why why;

	if (!api_failed(
		c, store_link_numbered(c->api->set.store, c->id, write_link, c, &why), &why))
		(void)api_tagged(c);
}

static bool
write_source(void *ctx, const struct store_source *s)
{
	struct json *j = &((struct api_call *)ctx)->json;

	json_object(j);
	json_ku64(j, "number", s->number);
	json_kbytes(j, "kind", s->kind);
	json_kbytes(j, "name", s->name);
	json_kwall(j, "started", s->started);
	json_key(j, "ended");
	if (s->ended.ns == 0)
		json_null(j);
	else
		json_wall(j, s->ended);
	json_ku64(j, "packets", s->packets);
	json_ku64(j, "bytes", s->bytes);
	json_ku64(j, "dropped", s->dropped);
	json_object_end(j);
	return true;
}

static void
run_sources(struct api_call *c)
{
	char next[STORE_PLACE_TEXT_MAX] = "";
	struct store_page page;
	struct why why;

	if (!api_page(c, STORE_BY_ID, &page))
		return;
	api_list_begin(c);
	if (api_failed(c, store_sources(c->api->set.store, &page, write_source, c, &why), &why))
		return;
	if (page.more)
		store_place_format(&page.after, next);
	api_list_end(c, next);
}

static const char proto_words[] = ""
#define PROTO(id, no, label, kind, text) label " "
#include "event/protos.def"
    ;

static const struct api_field list_query[] = {
    [Q_PROTO] = {.name = "proto", .kind = API_WORD, .words = proto_words},
    [Q_KIND] = {.name = "kind", .kind = API_WORD, .words = "clinical"},
    [Q_HOST] = {.name = "host", .kind = API_TEXT, .text = "IP address of either end", .max = 45},
    [Q_ORDER] = {.name = "order", .kind = API_WORD, .words = "number last"},
    {0},
};

const struct api_route api_link_routes[] = {
    {.method = API_GET,
	.path = "/links",
	.permission = PERM_read,
	.run = run_list,
	.id = "listLinks",
	.summary = "Which client talks what to which server",
	.query = list_query,
	.answer = "ends, protocol, counts, whether it is encrypted",
	.list = true},
    {.method = API_GET,
	.path = "/links/{id}",
	.permission = PERM_read,
	.run = run_show,
	.id = "getLink",
	.summary = "One link, by its number",
	.answer = "the link"},
    {.method = API_GET,
	.path = "/sources",
	.permission = PERM_read,
	.run = run_sources,
	.id = "listSources",
	.summary = "Captures: what was read, what was lost",
	.answer = "packets, bytes, dropped",
	.list = true},
    {0},
};
