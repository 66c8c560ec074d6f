/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat link list: who talks what to whom. */
#include "cli/open.h"

static const struct cli_option options[] = {
    {"limit", 'n', "N", "at most N rows (100; 0 = all)"},
    {"proto", 0, "NAME", "only this protocol"},
    {"host", 0, "IP", "only links of this address"},
    {"clinical", 0, NULL, "only clinical protocols"},
    {0},
};

static const char *const heads[] = {
    "LINK", "PROTOCOL", "CLIENT", "SERVER", "MESSAGES", "FLOWS", "TLS", "LAST SEEN (UTC)"};

struct listing {
	struct cli_table *table; /* NULL: JSON */
	struct buf line;
};

static void
json_link(struct listing *l, const struct store_link *k)
{
	struct json j = json_on(&l->line);
	char text[IP_TEXT_MAX];

	json_object(&j);
	json_kstr(&j, "type", "link");
	json_ku64(&j, "link", k->number);
	json_ku64(&j, "id", k->id);
	json_kstr(&j, "proto", proto_label(k->proto));
	json_kbytes(&j, "client", bytes_of(text, ip_format(k->client, text)));
	json_kbytes(&j, "server", bytes_of(text, ip_format(k->server, text)));
	json_ku64(&j, "port", k->port);
	json_kstr(&j, "transport", name_label(NAMES_transport, k->transport));
	if (!mac_is_zero(k->client_mac))
		json_kbytes(&j, "client_mac", bytes_of(text, mac_format(k->client_mac, text)));
	if (!mac_is_zero(k->server_mac))
		json_kbytes(&j, "server_mac", bytes_of(text, mac_format(k->server_mac, text)));
	json_ku64(&j, "vlan", k->vlan);
	json_kbytes_some(&j, "app", k->app);
	json_ku64(&j, "messages", k->messages);
	json_ku64(&j, "results", k->results);
	json_ku64(&j, "flows", k->flows);
	json_ku64(&j, "bytes", k->bytes);
	json_kbool(&j, "encrypted", k->encrypted != 0);
	json_kwall(&j, "first_seen", k->first);
	json_kwall(&j, "last_seen", k->last);
	json_object_end(&j);
	cli_json_line(&l->line);
}

static bool
show(void *ctx, const struct store_link *k)
{
	struct listing *l = ctx;
	char ip[IP_TEXT_MAX], server[IP_TEXT_MAX + 16];

	if (l->table == NULL) {
		json_link(l, k);
		return true;
	}
	cli_cell_u64(l->table, k->number);
	cli_cell(l->table,
	    k->proto == PROTO_other && k->app.len > 0 ? k->app : bytes_str(proto_label(k->proto)));
	(void)ip_format(k->client, ip);
	cli_cell_str(l->table, ip);
	(void)ip_format(k->server, ip);
	(void)snprintf(server, sizeof(server), ip_is_v4(k->server) ? "%s:%llu" : "[%s]:%llu", ip,
	    (unsigned long long)k->port);
	cli_cell_str(l->table, server);
	cli_cell_u64(l->table, k->messages);
	cli_cell_u64(l->table, k->flows);
	cli_cell_str(l->table, k->encrypted != 0 ? "yes" : "no");
	cli_cell_time(l->table, k->last);
	return true;
}

static uint64_t
clinical_protos(void)
{
	uint64_t bits = 0;

	for (uint64_t i = 0; i < PROTO_MAX; i++) {
		if (proto_kind(i) == PROTO_KIND_CLINICAL)
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

static int
run(struct cli *c)
{
	const char *proto = cli_value(c, "proto"), *host = cli_value(c, "host");
	struct store_page page = {.by = STORE_BY_ID};
	struct store_link_filter f = {0};
	struct listing l = {0};
	struct cli_store s;
	struct why why;
	uint64_t limit, no;
	enum err e;
	int status;

	if (!cli_number(c, "limit", 0, UINT32_MAX, 100, &limit))
		return EXIT_USAGE;
	page.limit = limit;
	if (proto != NULL) {
		if (!proto_of(bytes_str(proto), &no))
			return cli_fail(EXIT_USAGE, "--proto %s: no such protocol", proto);
		f.protos = UINT64_C(1) << no;
	} else if (cli_value(c, "clinical") != NULL) {
		f.protos = clinical_protos();
	}
	if (host != NULL && !ip_parse(bytes_str(host), &f.host))
		return cli_fail(EXIT_USAGE, "--host %s: expected an IP address", host);
	if ((status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	if (!c->json)
		l.table = cli_table_new(c, heads, ARRAY_LEN(heads));
	e = store_links(s.store, &f, &page, show, &l, &why);
	if (l.table != NULL)
		cli_table_end(l.table, "no links seen yet");
	if (page.more && !c->json)
		printf("more: --limit 0 shows all\n");
	buf_free(&l.line);
	cli_close(&s);
	return e == ERR_OK ? EXIT_DONE : cli_why(&why);
}

const struct cli_command command_link_list = {
    .noun = "link",
    .verb = "list",
    .args = "",
    .summary = "links: which client talks what to which server",
    .options = options,
    .run = run,
};
