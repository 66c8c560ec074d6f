/* SPDX-License-Identifier: Apache-2.0 */
/* store_bench [EVENTS]: how fast events are appended and found again. One JSON line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "fixture.h"

enum { POOL = 20000, DEVICES = 10000 };

static double
seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
cpu_seconds(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
must(enum err e, const struct why *why)
{
	if (e == ERR_OK)
		return;
	(void)fprintf(stderr, "store_bench: %s\n", why->text);
	exit(1);
}

static bool
count(void *ctx, const struct store_event *e)
{
	(void)e;
	++*(uint64_t *)ctx;
	return true;
}

static bool
count_device(void *ctx, const struct store_device *d)
{
	(void)d;
	++*(uint64_t *)ctx;
	return true;
}

/* A message without the head and the identifiers, which differ, is the same bytes over and over:
 * the pool holds many different ones, and each is given its own time and numbers. */
struct pool {
	struct buf bytes;
	size_t at[POOL + 1];
};

static void
fill_pool(struct pool *p)
{
	uint64_t i = 0;

	for (size_t n = 0; n < POOL; i++) {
		if (i % 16 == 0 || i % 16 == 5 || i % 16 == 10 || i % 16 == 15)
			continue;
		p->at[n++] = p->bytes.len;
		sample_event(i, &p->bytes);
		p->at[n] = p->bytes.len;
	}
}

/* As the store role does it: decode what came, append it. */
static void
append(struct store *st, const struct pool *p, uint64_t n)
{
	struct event ev;
	struct why why;
	size_t used;

	for (uint64_t i = 0; i < n; i++) {
		size_t k = (size_t)(i % POOL);
		struct bytes record =
		    bytes_sub(buf_bytes(&p->bytes), p->at[k], p->at[k + 1] - p->at[k]);

		must(event_decode(record, &ev, &used, &why), &why);
		must(store_append(st, record, &ev, NULL, &why), &why);
		if (store_wants_commit(st))
			must(store_commit(st, STORE_FAST, &why), &why);
	}
	must(store_commit(st, STORE_DURABLE, &why), &why);
}

static void
put_devices(struct store *st)
{
	char text[64], json[600];
	struct why why;

	memset(json, 'j', sizeof(json));
	for (uint64_t i = 1; i <= DEVICES; i++) {
		int n = snprintf(text, sizeof(text), "10.1.%u.%u 00:11:22:33:44:55",
		    (unsigned)(i >> 8 & 255), (unsigned)(i & 255));
		struct store_device d = {.id = i,
		    .state = BYTES("staged"),
		    .class = BYTES("analyzer"),
		    .maker = BYTES("Sysmex"),
		    .model = BYTES("XN-1000"),
		    .serial = bytes_of(text, (size_t)n),
		    .addresses = bytes_of(text, (size_t)n),
		    .first = sample_time(i),
		    .last = sample_time(mix64(i) % 100000),
		    .snapshot = bytes_of(json, 300),
		    .json = bytes_of(json, sizeof(json))};

		must(store_device_put(st, &d, &why), &why);
	}
	must(store_commit(st, STORE_DURABLE, &why), &why);
}

/* Small commits that are each on disk before the next: what a live link costs. */
static double
durable_batches(struct store *st, const struct pool *p, uint64_t n)
{
	double t = seconds();
	struct why why;

	for (uint64_t i = 0; i < n; i++) {
		for (size_t k = 0; k < 10; k++) {
			size_t j = (size_t)(i * 10 + k) % POOL;

			must(store_append(st,
				 bytes_sub(buf_bytes(&p->bytes), p->at[j], p->at[j + 1] - p->at[j]),
				 NULL, NULL, &why),
			    &why);
		}
		must(store_commit(st, STORE_DURABLE, &why), &why);
	}
	return seconds() - t;
}

int
main(int argc, char **argv)
{
	double cpu;
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000, given = 0, devices = 0;
	struct store_filter newest = {.by = STORE_NEWEST_FIRST, .limit = 100}, one = {0}, all = {0};
	struct store_page page = {.by = STORE_BY_LAST};
	struct temp_dir tmp;
	struct store_totals totals;
	struct rusage use;
	struct store_dir *d;
	struct store *st;
	struct pool pool = {0};
	struct why why;
	double t, t_append, t_newest, t_specimen, t_all, t_list, t_batch, t_rebuild;

	(void)setenv("TMPDIR", "/tmp", 0); /* a disk, not memory */
	tmp = temp_dir_new();
	fill_pool(&pool);
	must(store_dir_open(&d, tmp.path, STORE_WRITE, &why), &why);
	must(store_open(&st, d, STORE_WRITE, NULL, &why), &why);
	t = seconds();
	cpu = cpu_seconds();
	append(st, &pool, n);
	t_append = seconds() - t;
	cpu = cpu_seconds() - cpu;
	put_devices(st);
	must(store_totals(st, &totals, &why), &why);

	t = seconds();
	must(store_messages(st, &newest, count, &given, &why), &why);
	t_newest = seconds() - t;
	one.specimen = sample_specimen(17);
	t = seconds();
	must(store_messages(st, &one, count, &given, &why), &why);
	t_specimen = seconds() - t;
	t = seconds();
	must(store_events(st, &all, count, &given, &why), &why);
	t_all = seconds() - t;
	t = seconds();
	must(store_devices(st, NULL, &page, count_device, &devices, &why), &why);
	t_list = seconds() - t;
	t_batch = durable_batches(st, &pool, 1000);
	t = seconds();
	must(store_rebuild(st, NULL, NULL, &why), &why);
	t_rebuild = seconds() - t;
	(void)getrusage(RUSAGE_SELF, &use);
	printf("{\"bench\":\"store\",\"events\":%" PRIu64 ",\"append_per_s\":%.0f,"
	       "\"append_cpu_ns\":%.0f,\"raw_mb_per_s\":%.0f,\"raw_bytes_per_event\":%.0f,\"kept_"
	       "bytes_per_event\":%.0f,"
	       "\"newest_100_ms\":%.2f,\"by_specimen_ms\":%.2f,\"read_all_per_s\":%.0f,"
	       "\"list_10000_devices_ms\":%.2f,\"durable_commit_us\":%.0f,\"rebuild_per_s\":%.0f,"
	       "\"rss_mb\":%.0f}\n",
	    n, (double)n / t_append, cpu / (double)n * 1e9,
	    (double)totals.event_bytes / t_append / 1e6, (double)totals.event_bytes / (double)n,
	    (double)totals.stored_bytes / (double)n, t_newest * 1e3, t_specimen * 1e3,
	    (double)n / t_all, t_list * 1e3, t_batch * 1e3, (double)n / t_rebuild,
	    (double)use.ru_maxrss / 1e3);
	if (devices != DEVICES || given < n + 101)
		must(ERR_INPUT, &(struct why){.text = "rows are missing"});
	store_close(st);
	store_dir_close(d);
	temp_dir_free(&tmp);
	buf_free(&pool.bytes);
	return 0;
}
