/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard.h"

static void
die(const char *what)
{
	(void)fprintf(stderr, "fixture: %s\n", what);
	exit(99);
}

/* --- directories --- */

struct temp_dir
temp_dir_new(void)
{
	const char *root = getenv("TMPDIR");
	struct temp_dir t;

	if (root == NULL)
		root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(t.path, sizeof(t.path), "%.200s/hemostat-test-XXXXXX", root);
	if (mkdtemp(t.path) == NULL)
		die("no temporary directory");
	return t;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void
temp_dir_free(struct temp_dir *t)
{
	(void)nftw(t->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- events --- */

static struct hash128
hash_of(uint64_t domain, uint64_t i)
{
	uint64_t v[2] = {mix64(i * 8 + domain + 1), mix64(~(i * 8 + domain))};
	struct hash128 h;

	memcpy(h.b, v, sizeof(h.b));
	return h;
}

uint64_t
sample_link(uint64_t i)
{
	return mix64(i * UINT64_C(2654435761) % SAMPLE_LINKS + 1000);
}

struct hash128
sample_specimen(uint64_t i)
{
	return hash_of(1, i);
}

struct wall
sample_time(uint64_t i)
{
	return (struct wall){1767225600 * NS_PER_S + (int64_t)i * NS_PER_S};
}

static struct ip
host(uint64_t i)
{
	uint8_t v4[4] = {10, 1, (uint8_t)(i >> 8), (uint8_t)i};

	return ip_from_v4(v4);
}

static void
sample_results(uint64_t i, struct buf *list)
{
	static const char *const codes[SAMPLE_RESULTS][3] = {{"GLU", "Glucose", "mmol/L"},
	    {"HGB", "Hemoglobin", "g/dL"}, {"K", "Potassium", "mmol/L"}};

	for (uint64_t k = 0; k < SAMPLE_RESULTS; k++) {
		char value[24];
		int n = snprintf(value, sizeof(value), "%llu.%llu",
		    (unsigned long long)(mix64(i + k) % 20), (unsigned long long)(mix64(i) % 10));
		struct ev_result r = {.key = hash_of(3 + k, i),
		    .code = bytes_str(codes[k][0]),
		    .system = BYTES("L"),
		    .name = bytes_str(codes[k][1]),
		    .value = bytes_of(value, (size_t)n),
		    .units = bytes_str(codes[k][2]),
		    .range = BYTES("3.5-5.5"),
		    .flags = BYTES("N"),
		    .status = BYTES("F"),
		    .observed = BYTES("20260103101500"),
		    .device = BYTES("XN-1000^Sysmex"),
		    .offset = 100 + k * 80};

		if (!result_encode(list, &r))
			die("result");
	}
}

static void
sample_message(uint64_t i, const struct event_head *head, struct buf *out)
{
	static struct buf list;
	struct ev_message m = {.proto = i % 3 == 0 ? PROTO_astm : PROTO_hl7,
	    .category = category_result,
	    .carrier = BYTES("mllp"),
	    .type = BYTES("ORU^R01"),
	    .version = BYTES("2.5.1"),
	    .sender = BYTES("XN-1000^Sysmex"),
	    .receiver = BYTES("LIS^HOSPITAL"),
	    .control = hash_of(0, i),
	    .patient = hash_of(2, i / 5),
	    .order = hash_of(6, i),
	    .specimen = sample_specimen(i),
	    .size = 900 + i % 100,
	    .phi = 7,
	    .n_results = SAMPLE_RESULTS};

	buf_reset(&list);
	sample_results(i, &list);
	m.results = buf_bytes(&list);
	if (!event_encode(out, EV_message, head, &m))
		die("message");
}

void
sample_event(uint64_t i, struct buf *out)
{
	struct event_head head = {
	    sample_time(i), 1, i + 1, i / 50 + 1, sample_link(i), i & 1, i * 900};
	bool ok = true;

	switch (i % 16) {
	case 0: {
		struct ev_link l = {.id = head.link,
		    .client = host(head.link % 1000),
		    .server = host(7),
		    .port = 2575,
		    .proto = PROTO_hl7,
		    .transport = transport_tcp};

		ok = event_encode(out, EV_link, &head, &l);
		break;
	}
	case 5: {
		struct ev_flow f = {.id = head.flow,
		    .link = head.link,
		    .orig = host(i % 1000),
		    .resp = host(7),
		    .proto = PROTO_hl7,
		    .transport = transport_tcp,
		    .orig_bytes = 1000,
		    .resp_bytes = 100};

		ok = event_encode(out, EV_flow, &head, &f);
		break;
	}
	case 10: {
		struct ev_claim c = {.ip = host(i % 1000),
		    .attr = attr_model,
		    .value = BYTES("XN-1000"),
		    .source = BYTES("HL7 MSH-3.1"),
		    .confidence = 80};

		ok = event_encode(out, EV_claim, &head, &c);
		break;
	}
	case 15: {
		struct ev_finding f = {.id = i,
		    .detector = BYTES("clear_phi"),
		    .severity = severity_medium,
		    .what = BYTES("new"),
		    .text = BYTES("patient data crosses the wire without TLS")};

		ok = event_encode(out, EV_finding, &head, &f);
		break;
	}
	default:
		sample_message(i, &head, out);
	}
	if (!ok)
		die("event");
}

/* --- searching --- */

static size_t
count_in(struct bytes hay, struct bytes needle)
{
	size_t n = 0;

	while (needle.len > 0 && hay.len >= needle.len) {
		const uint8_t *p = memmem(hay.ptr, hay.len, needle.ptr, needle.len);

		if (p == NULL)
			break;
		n++;
		hay = bytes_from(hay, (size_t)(p - hay.ptr) + 1);
	}
	return n;
}

size_t
files_holding(const char *path, struct bytes needle)
{
	char inner[1024];
	struct dirent *e;
	struct stat st;
	size_t n = 0;
	DIR *d = opendir(path);

	if (d == NULL)
		die("a directory cannot be read");
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n += count_in(bytes_str(e->d_name), needle);
		(void)snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name);
		if (lstat(inner, &st) != 0)
			die("a file cannot be looked at");
		if (S_ISDIR(st.st_mode)) {
			n += files_holding(inner, needle);
		} else if (S_ISREG(st.st_mode)) {
			struct bytes data = file_slurp(inner);

			n += count_in(data, needle);
			free((void *)(uintptr_t)data.ptr);
		}
	}
	(void)closedir(d);
	return n;
}

struct search {
	struct bytes needle;
	size_t n;
};

static bool
search_event(void *ctx, const struct store_event *e)
{
	struct search *s = ctx;

	s->n += count_in(e->record, s->needle);
	return true;
}

static bool
search_device(void *ctx, const struct store_device *d)
{
	const struct bytes all[] = {d->state, d->class, d->maker, d->model, d->serial, d->software,
	    d->os, d->hostname, d->addresses, d->snapshot, d->json};
	struct search *s = ctx;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		s->n += count_in(all[i], s->needle);
	return true;
}

static bool
search_finding(void *ctx, const struct store_finding *f)
{
	const struct bytes all[] = {
	    f->detector, f->cause, f->text, f->state, f->evidence, f->snapshot, f->json};
	struct search *s = ctx;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		s->n += count_in(all[i], s->needle);
	return true;
}

size_t
data_dir_holding(const char *path, struct bytes needle)
{
	struct search s = {needle, files_holding(path, needle)};
	struct store_filter all = {0};
	struct store_page devices = {0}, findings = {0};
	struct store_dir *d;
	struct store *st = NULL;
	struct why why = {0};

	if (store_dir_open(&d, path, STORE_READ, &why) != ERR_OK ||
	    store_open(&st, d, STORE_READ, NULL, &why) != ERR_OK ||
	    store_events(st, &all, search_event, &s, &why) != ERR_OK ||
	    store_devices(st, NULL, &devices, search_device, &s, &why) != ERR_OK ||
	    store_findings(st, NULL, &findings, search_finding, &s, &why) != ERR_OK)
		die(why.text);
	store_close(st);
	store_dir_close(d);
	return s.n;
}
