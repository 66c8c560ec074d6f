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
};

struct settings_raw {
	struct raw_file *file;
	struct detect_zone *zones;
	struct detect_cidr *nets;
	struct ip *managers;
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
	    "# Machines that may manage, scan and enter devices.\n# managers: [10.77.0.5]\n\n"
	    "# What is normal; 0 means the default.\nrates:\n");
#define RATE(id, value, unit, text)                                                                \
	buf_printf(out, "  %s: %llu    # %s: %s\n", #id, (unsigned long long)(value), unit, text);
#include "detect/rates.def"
}
