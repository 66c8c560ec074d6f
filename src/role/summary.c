/* SPDX-License-Identifier: Apache-2.0 */
#include "role/summary.h"

#include <stdio.h>

#include "cli/open.h"

enum { DEVICE_ROWS_MAX = 40, FINDING_ROWS_MAX = 20, LINK_ROWS_MAX = 20 };

/* --- JSON --- */

static void
put_line(struct buf *b)
{
	buf_byte(b, '\n');
	(void)fwrite(b->ptr, 1, b->len, stdout);
	buf_reset(b);
}

static bool
json_device(void *ctx, const struct store_device *d)
{
	(void)ctx;
	cli_typed_json("device", d->json);
	return true;
}

static bool
json_finding(void *ctx, const struct store_finding *f)
{
	(void)ctx;
	cli_typed_json("finding", f->evidence);
	return true;
}

static void
json_counts(struct json *j, const struct summary *s)
{
	const struct brain_run *r = &s->run;

	json_key(j, "messages");
	json_object(j);
	for (uint64_t p = 0; p < PROTO_MAX; p++) {
		if (proto_kind(p) == PROTO_KIND_CLINICAL || r->messages[p] > 0)
			json_ku64(j, proto_label(p), r->messages[p]);
	}
	json_object_end(j);
	json_key(j, "units");
	json_object(j);
	for (unsigned u = 0; u < UNIT_COUNT; u++)
		json_ku64(j, unit_name((enum unit)u), s->stats.units[u]);
	json_object_end(j);
	json_ku64(j, "results", r->results);
	json_key(j, "findings");
	json_object(j);
	for (unsigned d = 1; d < DETECTORS; d++) {
		if (r->findings[d] > 0)
			json_ku64(j, detector_info((enum detector_id)d)->name, r->findings[d]);
	}
	json_object_end(j);
	json_key(j, "anomalies");
	json_object(j);
	for (uint64_t a = 0; a < ANOMALY_MAX; a++) {
		if (r->anomalies[a] > 0)
			json_ku64(j, anomaly_info(a)->name, r->anomalies[a]);
	}
	json_object_end(j);
}

enum err
summary_json(const struct summary *s, struct store *st, struct why *why)
{
	struct store_page page = {.by = STORE_BY_ID};
	struct buf line = {0};
	struct json j = json_on(&line);
	enum err e;

	if ((e = store_devices(st, NULL, &page, json_device, NULL, why)) != ERR_OK)
		return e;
	page = (struct store_page){.by = STORE_BY_SEVERITY};
	if ((e = store_findings(st, NULL, &page, json_finding, NULL, why)) != ERR_OK)
		return e;
	json_object(&j);
	json_kstr(&j, "type", "summary");
	json_ku64(&j, "packets", s->stats.packets);
	json_ku64(&j, "bytes", s->stats.bytes);
	json_ku64(&j, "dropped", s->stats.dropped);
	json_ku64(&j, "flows", s->stats.flows);
	json_ku64(&j, "devices", s->run.devices);
	json_counts(&j, s);
	json_ku64(&j, "events", s->run.events);
	if (s->run.first.ns != 0) {
		json_kwall(&j, "first_packet", s->run.first);
		json_kwall(&j, "last_packet", s->run.last);
	}
	json_ku64(&j, "sensor_memory_high", s->stats.memory_high);
	json_key(&j, "seconds");
	json_double(&j, s->seconds, 3);
	json_object_end(&j);
	put_line(&line);
	buf_free(&line);
	return fflush(stdout) == 0 ? ERR_OK : FAIL_SYS(why, "standard output");
}

/* --- for people --- */

struct rows {
	const struct summary *s;
	struct cli_table *table;
	size_t n, left_out;
};

static bool
text_device(void *ctx, const struct store_device *d)
{
	struct rows *r = ctx;

	if (d->last.ns < r->s->run.first.ns)
		return true;
	if (r->n++ >= DEVICE_ROWS_MAX) {
		r->left_out++;
		return true;
	}
	cli_cell_u64(r->table, d->id);
	cli_cell(r->table, d->class.len > 0 ? d->class : BYTES("unknown"));
	cli_cell(r->table, d->maker);
	cli_cell(r->table, d->model.len > 0 ? d->model : d->hostname);
	cli_cell(r->table, d->software.len > 0 ? d->software : d->os);
	cli_cell(r->table, d->addresses);
	return true;
}

static bool
text_link(void *ctx, const struct store_link *l)
{
	struct rows *r = ctx;
	char client[IP_TEXT_MAX], server[IP_TEXT_MAX], route[2 * IP_TEXT_MAX + 16];

	if (l->last.ns < r->s->run.first.ns)
		return true;
	if (r->n++ >= LINK_ROWS_MAX) {
		r->left_out++;
		return true;
	}
	(void)ip_format(l->client, client);
	(void)ip_format(l->server, server);
	(void)snprintf(
	    route, sizeof(route), "%s > %s port %llu", client, server, (unsigned long long)l->port);
	cli_cell_str(r->table, proto_text(l->proto));
	cli_cell_str(r->table, route);
	cli_cell_u64(r->table, l->messages);
	cli_cell_str(r->table, l->encrypted ? "encrypted" : "clear text");
	return true;
}

static bool
text_finding(void *ctx, const struct store_finding *f)
{
	static const char *const colours[] = {"", "", "\033[33m", "\033[31m", "\033[1;31m"};
	struct rows *r = ctx;
	bool colour = r->s->colour && f->severity < ARRAY_LEN(colours);

	if (f->last.ns < r->s->run.first.ns)
		return true;
	if (r->n++ >= FINDING_ROWS_MAX) {
		r->left_out++;
		return true;
	}
	printf("  %s%-8s%s  %.*s\n", colour ? colours[f->severity] : "",
	    name_label(NAMES_severity, f->severity), colour ? "\033[0m" : "", (int)f->text.len,
	    (const char *)f->text.ptr);
	return true;
}

static void
left_out(const struct rows *r, const char *command)
{
	if (r->left_out > 0)
		printf("  ... and %zu more: hemostat %s\n", r->left_out, command);
}

static void
text_totals(const struct summary *s)
{
	const struct brain_run *r = &s->run;
	const char *comma = "";
	uint64_t all = 0;

	printf("%llu packets, %.1f MB, %llu flows in %.2f s", (unsigned long long)s->stats.packets,
	    (double)s->stats.bytes / 1e6, (unsigned long long)s->stats.flows, s->seconds);
	if (s->stats.dropped > 0)
		printf(
		    "; %llu packets DROPPED by the kernel", (unsigned long long)s->stats.dropped);
	if (s->stats.units[UNIT_flows_evicted] > 0)
		printf("\n%llu flows ended early: the table of flows was full (limits in the "
		       "settings)",
		    (unsigned long long)s->stats.units[UNIT_flows_evicted]);
	if (s->stats.units[UNIT_flows_unread] > 0)
		printf("\n%llu flows NOT READ in part: memory was out (limits in the settings)",
		    (unsigned long long)s->stats.units[UNIT_flows_unread]);
	if (s->stats.units[UNIT_fragments_lost] > 0)
		printf("\n%llu fragmented datagrams incomplete",
		    (unsigned long long)s->stats.units[UNIT_fragments_lost]);
	printf("\nclinical messages: ");
	for (uint64_t p = 0; p < PROTO_MAX; p++) {
		if (r->messages[p] == 0)
			continue;
		all += r->messages[p];
		printf("%s%llu %s", comma, (unsigned long long)r->messages[p], proto_text(p));
		comma = ", ";
	}
	printf("%s\nresults: %llu\n", all == 0 ? "none" : "", (unsigned long long)r->results);
	if (r->phi_messages > 0)
		printf("patient data in clear text: %llu of %llu messages\n",
		    (unsigned long long)r->phi_messages, (unsigned long long)all);
}

static void
text_anomalies(const struct summary *s)
{
	const char *head = "deviations and loss:";

	for (uint64_t a = 0; a < ANOMALY_MAX; a++) {
		if (s->run.anomalies[a] == 0)
			continue;
		printf("%s %s %llu", head, anomaly_info(a)->name,
		    (unsigned long long)s->run.anomalies[a]);
		head = ",";
	}
	if (head[0] == ',')
		(void)fputc('\n', stdout);
}

enum err
summary_text(const struct summary *s, struct store *st, struct why *why)
{
	static const char *const device_heads[] = {
	    "ID", "CLASS", "MAKER", "MODEL", "SOFTWARE", "ADDRESSES"};
	static const char *const link_heads[] = {"PROTOCOL", "FROM > TO", "MESSAGES", "PROTECTION"};
	struct cli c = {.colour = s->colour};
	struct store_link_filter clinical = {0};
	struct store_finding_filter open = {.state = BYTES("open")};
	struct store_page page = {.by = STORE_BY_ID};
	struct rows r = {.s = s};
	enum err e;

	text_totals(s);
	text_anomalies(s);
	printf("\nDEVICES (%llu)\n", (unsigned long long)s->run.devices);
	r.table = cli_table_new(&c, device_heads, ARRAY_LEN(device_heads));
	e = store_devices(st, NULL, &page, text_device, &r, why);
	cli_table_end(r.table, "  none");
	left_out(&r, "device list");
	if (e != ERR_OK)
		return e;

	for (uint64_t p = 0; p < PROTO_MAX; p++) {
		if (proto_kind(p) == PROTO_KIND_CLINICAL)
			clinical.protos |= UINT64_C(1) << p;
	}
	printf("\nCLINICAL LINKS\n");
	r = (struct rows){.s = s, .table = cli_table_new(&c, link_heads, ARRAY_LEN(link_heads))};
	page = (struct store_page){.by = STORE_BY_ID};
	e = store_links(st, &clinical, &page, text_link, &r, why);
	cli_table_end(r.table, "  none");
	left_out(&r, "link list --clinical");
	if (e != ERR_OK)
		return e;

	printf("\nFINDINGS, worst first\n");
	r = (struct rows){.s = s};
	page = (struct store_page){.by = STORE_BY_SEVERITY};
	if ((e = store_findings(st, &open, &page, text_finding, &r, why)) != ERR_OK)
		return e;
	if (r.n == 0)
		printf("  none\n");
	left_out(&r, "finding list");
	printf("\nkept in %s; next: hemostat finding list, hemostat device show ID%s\n", s->data,
	    r.n > 0 ? ", hemostat finding show ID" : "");
	return fflush(stdout) == 0 ? ERR_OK : FAIL_SYS(why, "standard output");
}
