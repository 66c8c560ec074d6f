/* SPDX-License-Identifier: Apache-2.0 */
/* The whole chain over the shared captures, against what tshark makes of their TCP streams
 * (tests/golden/net/follow.txt; make_follow.py beside it made that). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "capture/file.h"
#include "guard.h"
#include "net/flow.h"
#include "net/fragment.h"

enum { FLOWS_MAX = 64 };

/* One side as it was heard. */
struct heard {
	char sender[IP_TEXT_MAX + 8];
	uint64_t bytes, missing, conflicts;
	uLong crc;
};

struct chain {
	struct stream_pool pool;
	struct heard heard[FLOWS_MAX][2];
	size_t n; /* TCP flows */
};

static struct chain chain; /* the sink knows only the flow */

static struct heard *
heard_of(const void *ctx, enum name_value dir)
{
	return &chain.heard[((const struct flow *)ctx)->word[0]][dir];
}

static void
on_data(void *ctx, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct heard *h = heard_of(ctx, dir);

	assert_true(offset == h->bytes + h->missing);
	h->crc = crc32(h->crc, run.ptr, (uInt)run.len);
	h->bytes += run.len;
}

static void
on_gap(void *ctx, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct heard *h = heard_of(ctx, dir);

	assert_true(offset == h->bytes + h->missing);
	h->missing += missing;
}

static void
on_end(void *ctx, enum name_value dir)
{
	(void)ctx;
	(void)dir;
}

static void
on_conflict(void *ctx, enum name_value dir, uint64_t offset, uint64_t len)
{
	(void)offset;
	(void)len;
	heard_of(ctx, dir)->conflicts++;
}

static void
on_over(void *ctx, struct flow *f, enum flow_over why)
{
	(void)ctx;
	(void)why;
	if (f->key.transport != IP_PROTO_TCP)
		return;
	stream_end(&chain.pool, &f->stream, f);
	for (int d = 0; d < 2; d++) {
		char ip[IP_TEXT_MAX], *out = chain.heard[f->word[0]][d].sender;
		bool v4 = ip_is_v4(f->key.ip[0]);

		(void)ip_format(flow_ip(f, (enum name_value)d), ip);
		(void)snprintf(out, IP_TEXT_MAX + 8, v4 ? "%s:%u" : "[%s]:%u", ip,
		    flow_port(f, (enum name_value)d));
	}
}

static void
run_packet(struct flow_table *flows, const struct packet *p, struct wall time)
{
	struct flow_aim aim;
	enum name_value dir;
	struct flow *f;

	if (!flow_aim(flows, p, &aim))
		return;
	f = flow_take(flows, &aim, p, time, &dir);
	if (p->kind != PACKET_TCP)
		return;
	if (f->packets[0] + f->packets[1] == 1) {
		assert_true(chain.n < FLOWS_MAX);
		f->word[0] = chain.n++;
	}
	stream_tick(&chain.pool, time);
	stream_packet(&chain.pool, &f->stream, dir, p, time, f);
}

static void
run_file(const char *path)
{
	static const struct stream_sink sink = {on_data, on_gap, on_end, on_conflict};
	struct budget budget = {.cap = (size_t)1 << 30};
	struct capture_packet batch[CAPTURE_BATCH];
	struct fragment_table fragments;
	struct flow_table flows;
	struct capture *c;
	struct why why;
	size_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	chain = (struct chain){0};
	stream_pool_init(&chain.pool, &(struct stream_settings){.sink = &sink, .budget = &budget});
	assert_true(flow_init(
	    &flows, &(struct flow_settings){.capacity = 1000, .budget = &budget, .over = on_over}));
	assert_true(fragment_init(&fragments, &(struct fragment_settings){.budget = &budget}));
	assert_int_equal(capture_file_open(fd, &c, &why), ERR_OK);
	while (capture_next_batch(c, batch, CAPTURE_BATCH, &n, &why) == ERR_OK && n > 0) {
		for (size_t i = 0; i < n; i++) {
			struct bytes whole;
			struct packet p;
			unsigned notes;

			packet_decode(batch[i].bytes, batch[i].linktype, &p);
			if (p.kind == PACKET_FRAGMENT && fragment_add(&fragments, &p, batch[i].time,
							     &whole, &notes) == FRAGMENT_WHOLE)
				packet_resume(&p, whole);
			run_packet(&flows, &p, batch[i].time);
		}
	}
	capture_close(c);
	(void)close(fd);
	flow_free(&flows);
	stream_pool_free(&chain.pool);
	fragment_free(&fragments);
	assert_int_equal(budget.used, 0);
}

static void
same_as_tshark(void **state)
{
	const char *source = getenv("HEMOSTAT_SOURCE");
	char name[1024], file[128], last[128] = "", sender[64];
	unsigned long long bytes, missing;
	unsigned stream, crc;
	size_t lines = 0, wrong = 0;
	FILE *f;

	(void)state;
	if (shared_path("pcap") == NULL) {
		print_message("# shared captures are not here: skipped\n");
		return; /* not skip(): meson takes cmocka's "not ok # SKIP" for a failure */
	}
	(void)snprintf(
	    name, sizeof(name), "%s/tests/golden/net/follow.txt", source == NULL ? "." : source);
	f = fopen(name, "r");
	assert_non_null(f);
	while (fscanf(f, "%127s %u %63s %llu %x %llu", file, &stream, sender, &bytes, &crc,
		   &missing) == 6) {
		const struct heard *h;

		if (strcmp(file, last) != 0) {
			(void)snprintf(name, sizeof(name), "pcap/%s", file);
			run_file(shared_path(name));
			(void)snprintf(last, sizeof(last), "%s", file);
		}
		lines++;
		assert_true(stream < chain.n);
		h = &chain.heard[stream][strcmp(chain.heard[stream][0].sender, sender) != 0];
		if (strcmp(h->sender, sender) == 0 && h->bytes == bytes && h->crc == crc)
			continue;
		print_message("# %s %u: %s %llu %08x %llu, heard %s %llu %08lx %llu\n", file,
		    stream, sender, bytes, crc, missing, h->sender, (unsigned long long)h->bytes,
		    h->crc, (unsigned long long)h->missing);
		wrong++;
	}
	(void)fclose(f);
	print_message("# %zu sides of streams\n", lines);
	assert_int_equal(wrong, 0);
	assert_true(lines > 150);
}

static void
conflicts_where_forged(void **state)
{
	const char *overlap = shared_path("pcap/lab-hl7-mllp-pyhl7-simplehl7-overlap.pcap");

	(void)state;
	if (overlap == NULL) {
		print_message("# shared captures are not here: skipped\n");
		return;
	}
	run_file(overlap);
	assert_true(chain.pool.conflicts >= 72);
	run_file(shared_path("pcap/lab-hl7-mllp-pyhl7-simplehl7.pcap"));
	assert_int_equal(chain.pool.conflicts, 0);
	run_file(shared_path("pcap/lab-hl7-mllp-simhosp80-ooo.pcap"));
	assert_int_equal(chain.pool.conflicts, 0);
	assert_int_equal(chain.pool.gaps, 0);
	run_file(shared_path("pcap/lab-hl7-mllp-simhosp80-gap.pcap"));
	assert_true(chain.pool.gaps > 0);
	run_file(shared_path("pcap/lab-hl7-mllp-simhosp80-frag.pcap"));
	assert_int_equal(chain.pool.gaps, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_as_tshark),
	    cmocka_unit_test(conflicts_where_forged),
	};

	return cmocka_run_group_tests_name("capture follow", tests, NULL, NULL);
}
