/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/settings.h"

#include <cyaml/cyaml.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/fd.h"

enum {
	INTERFACES_MAX = 16,
	ZONES_MAX = 64,
	NETWORKS_MAX = 256,
	MANAGERS_MAX = 64,
	SENSORS_MAX = 8,
	FLOWS_DEFAULT = 131072,
	MEMORY_MIB_DEFAULT = 192,
};

#define WEB_LISTEN_DEFAULT "127.0.0.1:8443"

/* As YAML has it. */
struct raw_zone {
	char *name;
	char **networks;
	unsigned networks_count;
	bool clinical;
};

struct raw_limits {
	uint32_t sensors;
	uint32_t flows;
	uint32_t memory_mib;
};

struct raw_retention {
	uint32_t days;
	uint32_t gib;
};

struct raw_web {
	char *listen;
};

struct raw_rates {
#define RATE(id, value, unit, text) uint64_t id;
#include "detect/rates.def"
};

struct raw_end {
	char *address;
	bool tls;
	bool tls12;
	char **peers;
	unsigned peers_count;
};

struct raw_rule {
	unsigned action; /* 1: deny */
	unsigned from;   /* enum gate_from */
	char *protocol;
	char *type;
	char *sender;
	char *receiver;
	uint64_t max_kib;
};

struct raw_link {
	char *name;
	struct raw_end *listen, *dial;
	unsigned mode;   /* enum gate_mode */
	unsigned unsure; /* enum gate_unsure */
	uint32_t connections, per_minute;
	uint64_t max_kib;
	char **protocols;
	unsigned protocols_count;
	struct raw_rule *rules;
	unsigned rules_count;
};

struct raw_file {
	char *site;
	char **interfaces;
	unsigned interfaces_count;
	struct raw_limits *limits;
	struct raw_retention *retention;
	struct raw_zone *zones;
	unsigned zones_count;
	char **managers;
	unsigned managers_count;
	struct raw_rates *rates;
	struct raw_web *web;
	struct raw_link *links;
	unsigned links_count;
};

struct settings_raw {
	struct raw_file *file;
	struct detect_zone *zones;
	struct detect_cidr *nets;
	struct ip *managers;
	struct gate_link *links;
};

static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 256)};

static const cyaml_schema_field_t zone_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct raw_zone, name, 1, 64),
    CYAML_FIELD_SEQUENCE(
	"networks", CYAML_FLAG_POINTER, struct raw_zone, networks, &text_schema, 1, NETWORKS_MAX),
    CYAML_FIELD_BOOL("clinical", CYAML_FLAG_OPTIONAL, struct raw_zone, clinical), CYAML_FIELD_END};

static const cyaml_schema_value_t zone_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_zone, zone_fields)};

static const cyaml_schema_field_t limits_fields[] = {
    CYAML_FIELD_UINT("sensors", CYAML_FLAG_OPTIONAL, struct raw_limits, sensors),
    CYAML_FIELD_UINT("flows", CYAML_FLAG_OPTIONAL, struct raw_limits, flows),
    CYAML_FIELD_UINT("memory_mib", CYAML_FLAG_OPTIONAL, struct raw_limits, memory_mib),
    CYAML_FIELD_END};

static const cyaml_schema_field_t retention_fields[] = {
    CYAML_FIELD_UINT("days", CYAML_FLAG_OPTIONAL, struct raw_retention, days),
    CYAML_FIELD_UINT("gib", CYAML_FLAG_OPTIONAL, struct raw_retention, gib), CYAML_FIELD_END};

static const cyaml_schema_field_t web_fields[] = {
    CYAML_FIELD_STRING_PTR(
	"listen", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_web, listen, 2, 64),
    CYAML_FIELD_END};

static const cyaml_schema_field_t end_fields[] = {
    CYAML_FIELD_STRING_PTR("address", CYAML_FLAG_POINTER, struct raw_end, address, 1, 64),
    CYAML_FIELD_BOOL("tls", CYAML_FLAG_OPTIONAL, struct raw_end, tls),
    CYAML_FIELD_BOOL("tls12", CYAML_FLAG_OPTIONAL, struct raw_end, tls12),
    CYAML_FIELD_SEQUENCE("peers", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_end, peers,
	&text_schema, 0, GATE_LINK_PEERS),
    CYAML_FIELD_END};

static const cyaml_strval_t mode_words[] = {
    {"observe", GATE_OBSERVE}, {"warn", GATE_WARN}, {"block", GATE_BLOCK}};
static const cyaml_strval_t unsure_words[] = {
    {"pass", GATE_PASS_AND_ALARM}, {"block", GATE_REFUSE}};
static const cyaml_strval_t action_words[] = {{"allow", 0}, {"deny", 1}};
static const cyaml_strval_t from_words[] = {
    {"any", GATE_FROM_ANY}, {"client", GATE_FROM_CLIENT}, {"server", GATE_FROM_SERVER}};

#define OPTIONAL_TEXT(key, owner, max)                                                             \
	CYAML_FIELD_STRING_PTR(                                                                    \
	    #key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, owner, key, 1, (max)-1)

static const cyaml_schema_field_t rule_fields[] = {
    CYAML_FIELD_ENUM("action", CYAML_FLAG_DEFAULT | CYAML_FLAG_STRICT, struct raw_rule, action,
	action_words, CYAML_ARRAY_LEN(action_words)),
    CYAML_FIELD_ENUM("from", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct raw_rule, from,
	from_words, CYAML_ARRAY_LEN(from_words)),
    OPTIONAL_TEXT(protocol, struct raw_rule, 16), OPTIONAL_TEXT(type, struct raw_rule, 40),
    OPTIONAL_TEXT(sender, struct raw_rule, 44), OPTIONAL_TEXT(receiver, struct raw_rule, 44),
    CYAML_FIELD_UINT("max_kib", CYAML_FLAG_OPTIONAL, struct raw_rule, max_kib), CYAML_FIELD_END};

static const cyaml_schema_value_t rule_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_rule, rule_fields)};

static const cyaml_schema_field_t link_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct raw_link, name, 1, GATE_NAME_MAX - 1),
    CYAML_FIELD_MAPPING_PTR("listen", CYAML_FLAG_POINTER, struct raw_link, listen, end_fields),
    CYAML_FIELD_MAPPING_PTR("dial", CYAML_FLAG_POINTER, struct raw_link, dial, end_fields),
    CYAML_FIELD_ENUM("mode", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct raw_link, mode,
	mode_words, CYAML_ARRAY_LEN(mode_words)),
    CYAML_FIELD_ENUM("when_unsure", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct raw_link,
	unsure, unsure_words, CYAML_ARRAY_LEN(unsure_words)),
    CYAML_FIELD_UINT("connections", CYAML_FLAG_OPTIONAL, struct raw_link, connections),
    CYAML_FIELD_UINT("per_minute", CYAML_FLAG_OPTIONAL, struct raw_link, per_minute),
    CYAML_FIELD_UINT("max_kib", CYAML_FLAG_OPTIONAL, struct raw_link, max_kib),
    CYAML_FIELD_SEQUENCE("protocols", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_link,
	protocols, &text_schema, 0, 8),
    CYAML_FIELD_SEQUENCE("rules", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_link, rules,
	&rule_schema, 0, GATE_RULES_MAX),
    CYAML_FIELD_END};

static const cyaml_schema_value_t link_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_link, link_fields)};

static const cyaml_schema_field_t rates_fields[] = {
#define RATE(id, value, unit, text)                                                                \
	CYAML_FIELD_UINT(#id, CYAML_FLAG_OPTIONAL, struct raw_rates, id),
#include "detect/rates.def"
    CYAML_FIELD_END};

static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_STRING_PTR(
	"site", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_file, site, 1, 128),
    CYAML_FIELD_SEQUENCE("interfaces", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_file,
	interfaces, &text_schema, 0, INTERFACES_MAX),
    CYAML_FIELD_MAPPING_PTR(
	"limits", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_file, limits, limits_fields),
    CYAML_FIELD_MAPPING_PTR("retention", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_file,
	retention, retention_fields),
    CYAML_FIELD_SEQUENCE("zones", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_file, zones,
	&zone_schema, 0, ZONES_MAX),
    CYAML_FIELD_SEQUENCE("managers", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_file,
	managers, &text_schema, 0, MANAGERS_MAX),
    CYAML_FIELD_MAPPING_PTR(
	"rates", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_file, rates, rates_fields),
    CYAML_FIELD_MAPPING_PTR(
	"web", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_file, web, web_fields),
    CYAML_FIELD_SEQUENCE("links", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_file, links,
	&link_schema, 0, GATE_LINKS_MAX),
    CYAML_FIELD_END};

static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_file, file_fields)};

/* libcyaml says what is wrong and where in lines of its log: the first error, then the innermost
 * place. */
struct complaint {
	char what[128];
	char place[96];
};

static void hear(cyaml_log_t level, void *ctx, const char *fmt, va_list args) PRINTF_LIKE(3, 0);

static void
hear(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct complaint *c = ctx;
	char line[256];
	char *at;

	(void)level;
	(void)vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = 0;
	at = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
	if (strncmp(at, "  in ", 5) == 0 || strstr(at, "(line:") != NULL) {
		if (c->place[0] == 0)
			(void)snprintf(c->place, sizeof(c->place), "%.90s", at + strspn(at, " "));
	} else if (c->what[0] == 0) {
		(void)snprintf(c->what, sizeof(c->what), "%.120s", at);
	}
}

static const cyaml_config_t base_config = {
    .log_level = CYAML_LOG_WARNING, .mem_fn = cyaml_mem, .flags = CYAML_CFG_DEFAULT};

static enum err
read_text(const char *path, struct buf *out, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = ERR_OK;
	size_t got = 1;

	if (fd == -1)
		return FAIL_SYS(why, "settings %s", path);
	while (e == ERR_OK && got > 0) {
		if (!buf_reserve(out, 4096)) {
			e = FAIL(why, ERR_INPUT, "settings %s: larger than %d bytes", path,
			    SETTINGS_BYTES_MAX);
			break;
		}
		if ((e = fd_read_some(fd, out->ptr + out->len, 4096, &got, why)) == ERR_OK)
			out->len += got;
	}
	fd_close(&fd);
	return e;
}

static bool
is_blank(struct bytes text)
{
	while (text.len > 0) {
		struct bytes line = bytes_trim(bytes_split(text, '\n', &text));

		if (line.len > 0 && line.ptr[0] != '#' && !bytes_eq(line, BYTES("---")))
			return false;
	}
	return true;
}

static enum err
range(struct why *why, const char *path, const char *key, uint64_t v, uint64_t min, uint64_t max)
{
	if (v == 0 || (v >= min && v <= max))
		return ERR_OK;
	return FAIL(why, ERR_INPUT, "settings %s: %s is %llu, expected %llu to %llu", path, key,
	    (unsigned long long)v, (unsigned long long)min, (unsigned long long)max);
}

static bool
parse_cidr(const char *text, struct detect_cidr *out)
{
	struct bytes bits, ip = bytes_split(bytes_str(text), '/', &bits);
	uint64_t n = UINT64_MAX;
	uint64_t width;

	if (!ip_parse(ip, &out->ip))
		return false;
	width = ip_is_v4(out->ip) ? 32 : 128;
	if (ip.len == strlen(text))
		n = width;
	else if (!bytes_to_u64(bits, &n) || n > width)
		return false;
	out->bits = (uint8_t)(n + (128 - width));
	return true;
}

static enum err
take_zones(struct settings *s, const char *path, struct why *why)
{
	const struct raw_file *f = s->raw->file;
	size_t n_nets = 0, at = 0;

	for (unsigned i = 0; i < f->zones_count; i++)
		n_nets += f->zones[i].networks_count;
	s->raw->zones = calloc(f->zones_count + 1, sizeof(*s->raw->zones));
	s->raw->nets = calloc(n_nets + 1, sizeof(*s->raw->nets));
	s->raw->managers = calloc(f->managers_count + 1, sizeof(*s->raw->managers));
	if (s->raw->zones == NULL || s->raw->nets == NULL || s->raw->managers == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for settings");
	for (unsigned i = 0; i < f->zones_count; i++) {
		const struct raw_zone *z = &f->zones[i];

		s->raw->zones[i] = (struct detect_zone){
		    z->name, s->raw->nets + at, z->networks_count, z->clinical};
		for (unsigned k = 0; k < z->networks_count; k++) {
			if (!parse_cidr(z->networks[k], &s->raw->nets[at++]))
				return FAIL(why, ERR_INPUT,
				    "settings %s: zones: %s: networks: %.40s: expected an address "
				    "such as "
				    "10.1.0.0/16",
				    path, z->name, z->networks[k]);
		}
	}
	for (unsigned i = 0; i < f->managers_count; i++) {
		if (!ip_parse(bytes_str(f->managers[i]), &s->raw->managers[i]))
			return FAIL(why, ERR_INPUT,
			    "settings %s: managers: %.40s: expected an IP address", path,
			    f->managers[i]);
	}
	s->detect.zones = s->raw->zones;
	s->detect.n_zones = f->zones_count;
	s->detect.managers = s->raw->managers;
	s->detect.n_managers = f->managers_count;
	return ERR_OK;
}

/* --- links of the gateway --- */

bool
settings_parse_address(const char *text, struct ip *ip, uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	const char *number = colon != NULL ? colon + 1 : text;
	struct bytes host = bytes_of(text, colon != NULL ? (size_t)(colon - text) : 0);
	uint64_t v;

	*ip = (struct ip){0};
	if (!bytes_to_u64(bytes_str(number), &v) || v == 0 || v > UINT16_MAX)
		return false;
	*port = (uint16_t)v;
	if (host.len == 0)
		return true;
	if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		host = bytes_sub(host, 1, host.len - 2);
	return ip_parse(host, ip);
}

static void
copy_text(char *out, size_t room, const char *text)
{
	(void)snprintf(out, room, "%s", text != NULL ? text : "");
}

/* Where we are, for messages. */
struct place {
	const char *path;
	const char *link;
	struct why *why;
};

static enum err
take_end(const struct place *at, const char *which, const struct raw_end *r, struct gate_end *out)
{
	if (!settings_parse_address(r->address, &out->ip, &out->port))
		return FAIL(at->why, ERR_INPUT,
		    "settings %s: link %s: %s: %.60s: expected an IP address and a port, as in "
		    "10.1.1.5:2575",
		    at->path, at->link, which, r->address);
	if (ip_is_zero(out->ip)) {
		if (strcmp(which, "dial") == 0)
			return FAIL(at->why, ERR_INPUT,
			    "settings %s: link %s: dial: %.60s: expected the address of the server",
			    at->path, at->link, r->address);
		out->ip = ip_from_v4((const uint8_t[4]){0, 0, 0, 0});
	}
	out->tls = r->tls;
	out->old_tls = r->tls12;
	if (r->tls && r->peers_count == 0)
		return FAIL(at->why, ERR_INPUT,
		    "settings %s: link %s: %s: tls needs peers: name who may be there "
		    "(hemostat gate list shows them)",
		    at->path, at->link, which);
	if (!r->tls && (r->peers_count > 0 || r->tls12))
		return FAIL(at->why, ERR_INPUT,
		    "settings %s: link %s: %s: peers and tls12 need tls: true", at->path, at->link,
		    which);
	for (unsigned i = 0; i < r->peers_count; i++) {
		if (strlen(r->peers[i]) >= GATE_NAME_MAX)
			return FAIL(at->why, ERR_INPUT,
			    "settings %s: link %s: %s: the peer's name is too long", at->path,
			    at->link, which);
		copy_text(out->peers[i], GATE_NAME_MAX, r->peers[i]);
	}
	out->n_peers = (uint8_t)r->peers_count;
	return ERR_OK;
}

static enum err
take_proto(const struct place *at, const char *key, const char *name, uint64_t *out)
{
	if (!proto_of(bytes_str(name), out) ||
	    (proto_kind(*out) != PROTO_KIND_CLINICAL && *out != PROTO_http))
		return FAIL(at->why, ERR_INPUT,
		    "settings %s: link %s: %s: %.30s: expected hl7, astm, dicom, fhir, http or "
		    "poct1a",
		    at->path, at->link, key, name);
	return ERR_OK;
}

static enum err
take_link(const struct place *at, const struct raw_link *r, struct gate_link *out)
{
	uint64_t proto;
	enum err e;

	*out = (struct gate_link){.mode = (uint8_t)r->mode,
	    .unsure = (uint8_t)r->unsure,
	    .connections = r->connections != 0 ? r->connections : GATE_CONNECTIONS_DEFAULT,
	    .per_minute = r->per_minute,
	    .max_bytes = r->max_kib != 0 ? r->max_kib << 10 : GATE_SIZE_DEFAULT};
	copy_text(out->name, sizeof(out->name), r->name);
	if ((e = take_end(at, "listen", r->listen, &out->listen)) != ERR_OK ||
	    (e = take_end(at, "dial", r->dial, &out->dial)) != ERR_OK)
		return e;
	if ((e = range(at->why, at->path, "connections of a link", r->connections, 1,
		 GATE_CONNECTIONS_MAX)) != ERR_OK ||
	    (e = range(at->why, at->path, "max_kib of a link", r->max_kib, 1,
		 GATE_SIZE_MAX >> 10)) != ERR_OK)
		return e;
	for (unsigned i = 0; i < r->protocols_count; i++) {
		if ((e = take_proto(at, "protocols", r->protocols[i], &proto)) != ERR_OK)
			return e;
		out->protos |= UINT64_C(1) << proto;
	}
	for (unsigned i = 0; i < r->rules_count; i++) {
		const struct raw_rule *from = &r->rules[i];
		struct gate_rule *to = &out->rules[i];

		*to = (struct gate_rule){.deny = (uint8_t)from->action,
		    .from = (uint8_t)from->from,
		    .max_bytes = from->max_kib << 10};
		if (from->protocol != NULL) {
			if ((e = take_proto(at, "rules", from->protocol, &proto)) != ERR_OK)
				return e;
			to->proto = (uint8_t)proto;
		}
		copy_text(to->type, sizeof(to->type), from->type);
		copy_text(to->sender, sizeof(to->sender), from->sender);
		copy_text(to->receiver, sizeof(to->receiver), from->receiver);
	}
	out->n_rules = (uint8_t)r->rules_count;
	return ERR_OK;
}

static enum err
take_links(struct settings *s, const char *path, struct why *why)
{
	const struct raw_file *f = s->raw->file;
	struct place at = {.path = path, .why = why};
	enum err e;

	if (f->links_count == 0)
		return ERR_OK;
	if ((s->raw->links = calloc(f->links_count, sizeof(*s->raw->links))) == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for settings");
	for (unsigned i = 0; i < f->links_count; i++) {
		at.link = f->links[i].name;
		if ((e = take_link(&at, &f->links[i], &s->raw->links[i])) != ERR_OK)
			return e;
		for (unsigned k = 0; k < i; k++) {
			const struct gate_link *a = &s->raw->links[k], *b = &s->raw->links[i];

			if (strcmp(a->name, b->name) == 0)
				return FAIL(why, ERR_INPUT, "settings %s: two links are named %s",
				    path, b->name);
			if (a->listen.port == b->listen.port && ip_eq(a->listen.ip, b->listen.ip))
				return FAIL(why, ERR_INPUT,
				    "settings %s: links %s and %s listen on one port %u", path,
				    a->name, b->name, b->listen.port);
		}
	}
	s->links = s->raw->links;
	s->n_links = f->links_count;
	return ERR_OK;
}

static void
write_end(struct buf *out, const char *which, const struct gate_end *e)
{
	char ip[IP_TEXT_MAX];

	(void)ip_format(e->ip, ip);
	buf_printf(out, "    %s:\n      address: '%s%s%s:%u'\n", which, ip_is_v4(e->ip) ? "" : "[",
	    ip, ip_is_v4(e->ip) ? "" : "]", e->port);
	if (!e->tls)
		return;
	buf_printf(
	    out, "      tls: true\n%s      peers: [", e->old_tls ? "      tls12: true\n" : "");
	for (size_t i = 0; i < e->n_peers; i++)
		buf_printf(out, "%s'%s'", i > 0 ? ", " : "", e->peers[i]);
	buf_text(out, "]\n");
}

static void
write_text(struct buf *out, const char *key, const char *text)
{
	if (*text == 0)
		return;
	buf_printf(out, ", %s: '", key);
	for (; *text != 0; text++)
		buf_printf(out, "%s%c", *text == '\'' ? "'" : "", *text);
	buf_byte(out, '\'');
}

void
settings_write_link(struct buf *out, const struct gate_link *l)
{
	buf_printf(out, "  - name: '%s'\n", l->name);
	write_end(out, "listen", &l->listen);
	write_end(out, "dial", &l->dial);
	buf_printf(out,
	    "    mode: %s\n    when_unsure: %s\n    connections: %u\n    max_kib: %llu\n",
	    mode_words[l->mode].str, unsure_words[l->unsure].str, l->connections,
	    (unsigned long long)(l->max_bytes >> 10));
	if (l->per_minute > 0)
		buf_printf(out, "    per_minute: %u\n", l->per_minute);
	for (unsigned p = 0, n = 0; p < PROTO_MAX; p++) {
		if ((l->protos >> p & 1) == 0)
			continue;
		buf_printf(out, "%s%s", n++ == 0 ? "    protocols: [" : ", ", proto_label(p));
		if (l->protos >> p == 1)
			buf_text(out, "]\n");
	}
	if (l->n_rules > 0)
		buf_text(out, "    rules:\n");
	for (size_t i = 0; i < l->n_rules; i++) {
		const struct gate_rule *r = &l->rules[i];

		buf_printf(out, "      - {action: %s, from: %s", r->deny ? "deny" : "allow",
		    from_words[r->from].str);
		if (r->proto != 0)
			write_text(out, "protocol", proto_label(r->proto));
		write_text(out, "type", r->type);
		write_text(out, "sender", r->sender);
		write_text(out, "receiver", r->receiver);
		if (r->max_bytes > 0)
			buf_printf(
			    out, ", max_kib: %llu", (unsigned long long)(r->max_bytes >> 10));
		buf_text(out, "}\n");
	}
}

static enum err
take_file(struct settings *s, const char *path, struct why *why)
{
	const struct raw_file *f = s->raw->file;
	enum err e;

	s->site = bytes_str(f->site);
	s->interfaces = (const char *const *)f->interfaces;
	s->n_interfaces = f->interfaces_count;
	if (f->limits != NULL) {
		if ((e = range(why, path, "limits: sensors", f->limits->sensors, 1, SENSORS_MAX)) !=
			ERR_OK ||
		    (e = range(why, path, "limits: flows", f->limits->flows, 1024, 1 << 24)) !=
			ERR_OK ||
		    (e = range(why, path, "limits: memory_mib", f->limits->memory_mib, 32,
			 1 << 16)) != ERR_OK)
			return e;
		s->sensors = f->limits->sensors != 0 ? f->limits->sensors : s->sensors;
		s->max_flows = f->limits->flows != 0 ? f->limits->flows : s->max_flows;
		s->memory_bytes = f->limits->memory_mib != 0 ? (uint64_t)f->limits->memory_mib << 20
							     : s->memory_bytes;
	}
	if (f->web != NULL && f->web->listen != NULL)
		s->web_listen = strcmp(f->web->listen, "off") == 0 ? NULL : f->web->listen;
	if (f->retention != NULL) {
		s->retention_days = f->retention->days;
		s->retention_bytes = (uint64_t)f->retention->gib << 30;
	}
	if (f->rates != NULL) {
#define RATE(id, value, unit, text) s->detect.id = f->rates->id;
#include "detect/rates.def"
	}
	if ((e = take_links(s, path, why)) != ERR_OK)
		return e;
	return take_zones(s, path, why);
}

enum err
settings_load(struct settings *s, const char *path, struct why *why)
{
	struct complaint heard = {0};
	cyaml_config_t config = base_config;
	struct buf text = {.cap = SETTINGS_BYTES_MAX};
	cyaml_err_t r;
	enum err e;

	*s = (struct settings){.sensors = 1,
	    .max_flows = FLOWS_DEFAULT,
	    .web_listen = WEB_LISTEN_DEFAULT,
	    .memory_bytes = (uint64_t)MEMORY_MIB_DEFAULT << 20};
	if (path == NULL)
		return ERR_OK;
	if ((s->raw = calloc(1, sizeof(*s->raw))) == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for settings");
	if ((e = read_text(path, &text, why)) != ERR_OK || is_blank(buf_bytes(&text)))
		goto done;
	config.log_fn = hear;
	config.log_ctx = &heard;
	r = cyaml_load_data(
	    text.ptr, text.len, &config, &file_schema, (cyaml_data_t **)&s->raw->file, NULL);
	if (r != CYAML_OK)
		e = FAIL(why, ERR_INPUT, "settings %s: %s%s%s", path,
		    heard.what[0] != 0 ? heard.what : cyaml_strerror(r),
		    heard.place[0] != 0 ? ", " : "", heard.place);
	else if (s->raw->file != NULL)
		e = take_file(s, path, why);
done:
	buf_free(&text);
	if (e != ERR_OK)
		settings_free(s);
	return e;
}

void
settings_free(struct settings *s)
{
	cyaml_config_t config = base_config;

	if (s->raw != NULL) {
		if (s->raw->file != NULL)
			(void)cyaml_free(&config, &file_schema, s->raw->file, 0);
		free(s->raw->zones);
		free(s->raw->nets);
		free(s->raw->managers);
		free(s->raw->links);
		free(s->raw);
	}
	s->raw = NULL;
}

void
settings_example(struct buf *out)
{
	buf_text(out,
	    "# Hemostat settings. Every key may be left out; the values here are the defaults.\n\n"
	    "# Name of this site.\n# site: main laboratory\n\n"
	    "# Network interfaces to watch; without it, those that are up.\n"
	    "# interfaces: [eth1]\n\nlimits:\n"
	    "  sensors: 1          # processes an interface, 1 to 8\n");
	buf_printf(out,
	    "  flows: %d       # live conversations a sensor keeps\n"
	    "  memory_mib: %d     # what traffic can make a sensor hold\n\n",
	    FLOWS_DEFAULT, MEMORY_MIB_DEFAULT);
	buf_text(out,
	    "# Where the console and the API listen (HTTPS); off: nowhere.\n"
	    "web:\n  listen: " WEB_LISTEN_DEFAULT "\n\n"
	    "# Stored events are dropped after so many days, or above so many GiB; 0: never.\n"
	    "retention:\n  days: 0\n  gib: 0\n\n"
	    "# Groups of addresses. Without zones, private addresses are inside.\n"
	    "# zones:\n#   - name: laboratory\n#     networks: [10.77.0.0/24]\n"
	    "#     clinical: true\n\n"
	    "# Protected ways through the gateway (hemostat gate; see doc/gate.md).\n"
	    "# links:\n"
	    "#   - name: xn-550              # what lists and events call it\n"
	    "#     listen: {address: '0.0.0.0:2575'}   # the device connects here\n"
	    "#     dial: {address: '10.77.0.20:7700', tls: true, peers: [lis-side]}\n"
	    "#     mode: block               # observe, warn, block\n"
	    "#     when_unsure: pass         # what cannot be judged: pass (and alarm) or block\n"
	    "#     connections: 256          # at one time\n"
	    "#     per_minute: 0             # units from the client; 0: no bound\n"
	    "#     max_kib: 16384            # of one unit\n"
	    "#     protocols: [hl7]          # without it, any\n"
	    "#     rules:                    # deny rules first; without an allow rule, all else\n"
	    "#       - {action: deny, type: 'ADT*'}\n"
	    "#       - {action: allow, type: 'ORU^R01', sender: 'XN-550*', from: client}\n\n"
	    "# Machines that may manage, scan and enter devices.\n# managers: [10.77.0.5]\n\n"
	    "# What is normal; 0 means the default.\nrates:\n");
#define RATE(id, value, unit, text)                                                                \
	buf_printf(out, "  %s: %llu    # %s: %s\n", #id, (unsigned long long)(value), unit, text);
#include "detect/rates.def"
}
