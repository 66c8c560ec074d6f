/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat watch -r FILE | -i INTERFACE, hemostat run, hemostat demo. */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/write.h"
#include "cli/open.h"
#include "lab/day.h"
#include "net/packet.h"
#include "role/watch.h"
#include "settings/settings.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/term.h"

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && slash[1] != 0 ? slash + 1 : path;
}

/* What the settings say, and the data directory. -1: fine; else the exit status. */
static int
begin_plan(struct cli *c, struct watch_plan *plan, struct settings *s, char data[DATA_DIR_PATH_MAX],
    char config[DATA_DIR_PATH_MAX])
{
	struct why why;

	cli_data_path(c, data);
	*plan = (struct watch_plan){.data = data,
	    .config = cli_settings_path(c, config),
	    .colour = c->colour,
	    .progress = term_is_tty(STDERR_FILENO),
	    .summary = c->json ? WATCH_JSON : WATCH_TEXT};
	if (settings_load(s, plan->config, &why) != ERR_OK)
		return cli_why(&why);
	plan->sensors = s->sensors;
	plan->max_flows = s->max_flows;
	plan->memory_bytes = s->memory_bytes;
	return -1;
}

static void
add_source(struct watch_plan *plan, const char *name, int fd)
{
	struct watch_source *w = &plan->sources[plan->n_sources++];

	w->live = fd == -1;
	w->fd = fd;
	(void)snprintf(w->name, sizeof(w->name), "%s", fd == -1 ? name : base_name(name));
}

static void
worst_case(const struct watch_plan *plan, struct buf *out)
{
	size_t n = plan->n_sources * plan->sensors;

	buf_printf(out,
	    "worst case: %zu sensor%s of %llu MiB and %llu live flows each, store 256 MiB\n", n,
	    n == 1 ? "" : "s", (unsigned long long)(plan->memory_bytes >> 20),
	    (unsigned long long)plan->max_flows);
}

/* --- watch --- */

static const struct cli_option watch_options[] = {
    {"read", 'r', "FILE", "a capture: pcap or pcapng, plain, gzip or zstd; - for standard input"},
    {"interface", 'i', "NAME", "a network interface, until interrupted"},
    {"sensors", 0, "N", "processes that share the work (1)"},
    {0},
};

static int
open_capture_file(const char *path)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		(void)cli_fail(EXIT_INPUT, "%s: %s", path, strerror(errno));
	return fd;
}

static int
run_watch(struct cli *c)
{
	const char *file = cli_value(c, "read"), *interface = cli_value(c, "interface");
	char data[DATA_DIR_PATH_MAX], config[DATA_DIR_PATH_MAX];
	struct buf hello = {0};
	struct watch_plan plan;
	struct settings s;
	uint64_t sensors;
	int status, fd = -1;

	if ((file == NULL) == (interface == NULL))
		return cli_fail(EXIT_USAGE, "watch takes either -r FILE or -i INTERFACE");
	if ((status = begin_plan(c, &plan, &s, data, config)) >= 0)
		return status;
	if (!cli_number(c, "sensors", 1, WATCH_SENSORS_MAX, plan.sensors, &sensors)) {
		settings_free(&s);
		return EXIT_USAGE;
	}
	plan.sensors = (unsigned)sensors;
	if (file != NULL && (fd = open_capture_file(file)) == -1) {
		settings_free(&s);
		return EXIT_INPUT;
	}
	/* Standard input cannot be read by two. */
	if (fd != -1 && lseek(fd, 0, SEEK_CUR) == -1)
		plan.sensors = 1;
	add_source(&plan, file != NULL ? file : interface, fd);
	if (file == NULL) {
		buf_printf(&hello, "watching %s; Ctrl-C ends it with a summary; data in %s\n",
		    interface, data);
		worst_case(&plan, &hello);
		buf_byte(&hello, 0);
		plan.hello = (const char *)hello.ptr;
		plan.hello_to = stderr;
	}
	status = watch_run(&plan);
	buf_free(&hello);
	fd_close(&fd);
	settings_free(&s);
	return status;
}

/* --- run --- */

/* Interfaces that are up, other than loopback. */
static void
add_interfaces(struct watch_plan *plan, const struct settings *s)
{
	struct ifaddrs *all = NULL;

	for (size_t i = 0; i < s->n_interfaces && plan->n_sources < WATCH_SOURCES_MAX; i++)
		add_source(plan, s->interfaces[i], -1);
	if (s->n_interfaces > 0 || getifaddrs(&all) != 0)
		return;
	for (struct ifaddrs *a = all; a != NULL && plan->n_sources < WATCH_SOURCES_MAX;
	     a = a->ifa_next) {
		bool known = false;

		if ((a->ifa_flags & IFF_UP) == 0 || (a->ifa_flags & IFF_LOOPBACK) != 0)
			continue;
		for (size_t i = 0; i < plan->n_sources; i++)
			known |= strcmp(plan->sources[i].name, a->ifa_name) == 0;
		if (!known)
			add_source(plan, a->ifa_name, -1);
	}
	freeifaddrs(all);
}

static int
run_run(struct cli *c)
{
	char data[DATA_DIR_PATH_MAX], config[DATA_DIR_PATH_MAX];
	struct buf hello = {0};
	struct watch_plan plan;
	struct settings s;
	int status;

	if ((status = begin_plan(c, &plan, &s, data, config)) >= 0)
		return status;
	plan.daemon = true;
	plan.gate = true;
	plan.listen = s.web_listen;
	plan.site = (const char *)s.site.ptr;
	add_interfaces(&plan, &s);
	if (plan.n_sources == 0) {
		settings_free(&s);
		return cli_fail(EXIT_SYSTEM,
		    "no network interface is up; name one with interfaces: in the "
		    "settings, or read a file: hemostat watch -r FILE");
	}
	buf_text(&hello, "watching");
	for (size_t i = 0; i < plan.n_sources; i++)
		buf_printf(&hello, "%s %s", i > 0 ? "," : "", plan.sources[i].name);
	buf_printf(&hello, "; data in %s\n", data);
	worst_case(&plan, &hello);
	buf_printf(&hello,
	    "%s%s\n"
	    "next, in another terminal:\n"
	    "  hemostat demo               a small synthetic lab day, to see what this shows\n"
	    "  hemostat device list        what is connected (add --data %s where that is not the "
	    "default)\n"
	    "  hemostat finding list       what is wrong\n"
	    "stop with Ctrl-C\n",
	    plan.listen != NULL ? "console: https://" : "no console: web: listen: is off",
	    plan.listen != NULL ? plan.listen : "", data);
	buf_byte(&hello, 0);
	plan.hello = c->json ? NULL : (const char *)hello.ptr;
	status = watch_run(&plan);
	buf_free(&hello);
	settings_free(&s);
	return status;
}

/* --- gate run --- */

static int
run_gate_run(struct cli *c)
{
	char data[DATA_DIR_PATH_MAX], config[DATA_DIR_PATH_MAX], hello[DATA_DIR_PATH_MAX + 128];
	struct watch_plan plan;
	struct settings s;
	int status;

	if ((status = begin_plan(c, &plan, &s, data, config)) >= 0)
		return status;
	plan.gate = true;
	plan.summary = WATCH_QUIET;
	(void)snprintf(
	    hello, sizeof(hello), "the gateway runs; data in %s; see hemostat gate status\n", data);
	plan.hello = c->json ? NULL : hello;
	status = watch_run(&plan);
	settings_free(&s);
	return status;
}

/* --- demo --- */

static const struct cli_option demo_options[] = {
    {"serve", 0, NULL, "then show it in the console until stopped"},
    {"listen", 0, "ADDRESS", "of the console, with --serve (127.0.0.1:8443)"},
    {"keep", 0, "FILE", "write the capture of the lab day to FILE too"},
    {0},
};

struct recording {
	int fd;
	struct buf out;
	struct why why;
	enum err e;
};

enum { RECORD_STEP = 1 << 20 };

static void
record_out(struct recording *r, size_t at_least)
{
	if (r->e != ERR_OK || r->out.len < at_least)
		return;
	r->e = fd_write_all(r->fd, buf_bytes(&r->out), &r->why);
	buf_reset(&r->out);
}

static void
record(void *ctx, struct wall time, struct bytes frame)
{
	struct recording *r = ctx;

	pcap_write_packet(&r->out, time, frame, (uint32_t)frame.len);
	record_out(r, RECORD_STEP);
}

static void
record_to(int fd, struct recording *r)
{
	*r = (struct recording){.fd = fd};
	pcap_write_head(&r->out, LINKTYPE_ETHERNET);
}

static enum err
record_end(struct recording *r)
{
	record_out(r, 1);
	buf_free(&r->out);
	return r->e;
}

/* Eight o'clock of the day before, so that every time is in the past. */
static struct wall
demo_morning(void)
{
	int64_t day = NS_PER_S * 86400;

	return (struct wall){(wall_now().ns / day - 1) * day + NS_PER_S * 3600 * 8};
}

static enum err
make_day(int fd, struct lab_truth *truth, struct why *why)
{
	struct recording r;
	struct wire w = {.fn = record, .ctx = &r, .now = demo_morning(), .random = 20260301};
	enum err e;

	record_to(fd, &r);
	lab_day(&w, truth);
	if ((e = record_end(&r)) != ERR_OK)
		*why = r.why;
	return e;
}

static int
run_demo(struct cli *c)
{
	char data[DATA_DIR_PATH_MAX], config[DATA_DIR_PATH_MAX];
	const char *keep = cli_value(c, "keep");
	char hello[128];
	struct lab_truth truth;
	struct watch_plan plan;
	struct settings s;
	struct why why;
	enum err e;
	int status, fd;

	if (c->data == NULL)
		c->data = "hemostat-demo";
	if ((status = begin_plan(c, &plan, &s, data, config)) >= 0)
		return status;
	fd = keep != NULL ? open(keep, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
			  : memfd_create("lab day", MFD_CLOEXEC);
	if (fd == -1) {
		settings_free(&s);
		return cli_fail(EXIT_SYSTEM, "%s: %s", keep ? keep : "memory", strerror(errno));
	}
	if ((e = make_day(fd, &truth, &why)) != ERR_OK || lseek(fd, 0, SEEK_SET) == -1) {
		status = e != ERR_OK ? cli_why(&why) : EXIT_SYSTEM;
	} else {
		if (!c->json)
			printf("A synthetic lab day: invented people, devices and results. Kept in "
			       "%s\n\n",
			    data);
		(void)fflush(stdout);
		if (cli_value(c, "serve") != NULL) {
			plan.serve = plan.listen_must = true;
			plan.listen = cli_value(c, "listen") != NULL ? cli_value(c, "listen")
				      : s.web_listen != NULL         ? s.web_listen
								     : "127.0.0.1:8443";
			plan.site = s.site.ptr != NULL ? (const char *)s.site.ptr
						       : "Demonstration laboratory";
			plan.summary = WATCH_QUIET;
			(void)snprintf(hello, sizeof(hello),
			    "console: https://%s    (stop with Ctrl-C)\n", plan.listen);
			plan.hello = c->json ? NULL : hello;
		}
		add_source(&plan, "lab day (synthetic)", fd);
		status = watch_run(&plan);
	}
	if (status == EXIT_DONE && !c->json && !plan.serve)
		printf("\nlook further:\n  hemostat --data %s finding list\n  hemostat --data %s "
		       "device show 1\n"
		       "  hemostat --data %s result list\n",
		    data, data, data);
	fd_close(&fd);
	settings_free(&s);
	return status;
}

/* --- lab make --- */

static const struct cli_option lab_options[] = {
    {"kind", 0, "NAME",
	"day, dicom, records (HL7 and ASTM), short (a message a connection), crowd (10,000 "
	"devices)"},
    {"mib", 0, "N", "size, about, in MiB (16); day has a size of its own"},
    {"seed", 0, "N", "other people and values (1)"},
    {"disorder", 0, "PPM", "segments sent twice, overtaken or late, of a million (0)"},
    {0},
};

static int
kind_of(const char *name, enum lab_load *kind, bool *day)
{
	*day = name == NULL || strcmp(name, "day") == 0;
	if (*day)
		return -1;
	for (unsigned k = 0; k < LAB_KINDS; k++) {
		if (strcmp(name, lab_load_name((enum lab_load)k)) == 0) {
			*kind = (enum lab_load)k;
			return -1;
		}
	}
	return cli_fail(EXIT_USAGE, "--kind %s: expected day, dicom, records or short", name);
}

static void
tell_truth(const struct lab_truth *t, const struct wire *w)
{
	struct buf line = {0};
	struct json j = json_on(&line);

	json_object(&j);
	json_kstr(&j, "type", "truth");
	json_ku64(&j, "packets", w->frames);
	json_ku64(&j, "bytes", w->bytes);
	json_ku64(&j, "connections", t->flows);
	json_ku64(&j, "results", t->results);
	json_key(&j, "messages");
	json_object(&j);
	json_ku64(&j, "hl7", t->hl7);
	json_ku64(&j, "astm", t->astm);
	json_ku64(&j, "poct1a", t->poct1a);
	json_ku64(&j, "dicom", t->dicom);
	json_ku64(&j, "fhir", t->fhir);
	json_object_end(&j);
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
}

static int
run_lab_make(struct cli *c)
{
	struct recording r;
	struct wire w = {.fn = record, .ctx = &r, .now = {INT64_C(1772352000) * NS_PER_S}};
	uint64_t mib, seed, disorder;
	enum lab_load kind = LAB_RECORDS;
	struct lab_truth truth;
	int fd, status;
	bool day;

	if (c->n_args != 1)
		return cli_fail(EXIT_USAGE, "lab make takes one FILE to write");
	if ((status = kind_of(cli_value(c, "kind"), &kind, &day)) >= 0)
		return status;
	if (!cli_number(c, "mib", 1, 1 << 20, 16, &mib) ||
	    !cli_number(c, "seed", 1, UINT32_MAX, 1, &seed) ||
	    !cli_number(c, "disorder", 0, 500000, 0, &disorder))
		return EXIT_USAGE;
	w.random = seed;
	w.disorder_ppm = (uint32_t)disorder;
	if ((fd = open(c->args[0], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) == -1)
		return cli_fail(EXIT_SYSTEM, "%s: %s", c->args[0], strerror(errno));
	record_to(fd, &r);
	if (day)
		lab_day(&w, &truth);
	else
		lab_load(&w, kind, mib << 20, &truth);
	if (record_end(&r) == ERR_OK)
		tell_truth(&truth, &w);
	fd_close(&fd);
	return r.e == ERR_OK ? EXIT_DONE : cli_why(&r.why);
}

const struct cli_command command_run = {.noun = "run",
    .args = "",
    .summary = "watch the interfaces of this machine until stopped",
    .detail =
	"Interfaces, zones, rates and limits come from the settings file; without one, every\n"
	"interface that is up is watched. Needs CAP_NET_RAW (root, or the systemd unit).",
    .run = run_run};

const struct cli_command command_gate_run = {.noun = "gate",
    .verb = "run",
    .args = "",
    .summary = "run the links of the gateway alone, without watching interfaces",
    .run = run_gate_run};

const struct cli_command command_watch = {.noun = "watch",
    .args = "",
    .summary = "read a capture file or one interface, then say what was seen",
    .options = watch_options,
    .run = run_watch};

const struct cli_command command_demo = {.noun = "demo",
    .args = "",
    .summary = "replay a small synthetic lab day, end to end",
    .options = demo_options,
    .run = run_demo};

const struct cli_command command_lab_make = {.noun = "lab",
    .verb = "make",
    .args = "FILE",
    .summary = "write a capture of the lab twin, and what is in it",
    .options = lab_options,
    .run = run_lab_make};
