/* SPDX-License-Identifier: Apache-2.0 */
/* What the sensor's own work costs, without files, pipes and store: a capture that lies in memory
 * through sense, events counted and dropped. One JSON line.
 *   sense_bench FILE [ROUNDS]   best of ROUNDS (5); 0: the digest alone
 * digest: over every event's bytes, in order: two builds that say the same of a capture give the
 *   same one. For counts that repeat: valgrind --tool=callgrind sense_bench FILE 1 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "capture/file.h"
#include "sense/sense.h"

struct frames {
	struct sense_frame *frame;
	size_t n, room;
	struct buf bytes;
};

struct tally {
	bool digesting;
	uint64_t bytes, events, digest;
};

static double
seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "sense_bench: %s\n", what);
	exit(1);
}

static void
keep(struct frames *f, const struct capture_packet *p)
{
	if (f->n == f->room) {
		f->room = f->room == 0 ? 4096 : f->room * 2;
		f->frame = realloc(f->frame, f->room * sizeof(*f->frame));
		must(f->frame != NULL, "no memory");
	}
	/* The bytes may still move: their place as a number until all are there. */
	f->frame[f->n++] = (struct sense_frame){.bytes = {NULL, p->bytes.len},
	    .wire_len = p->wire_len,
	    .linktype = p->linktype,
	    .vlan_tci = -1,
	    .time = p->time,
	    .number = p->index};
	buf_add(&f->bytes, p->bytes);
	must(!f->bytes.cut, "no memory");
}

static void
load(struct frames *f, const char *path)
{
	struct capture_packet packets[CAPTURE_BATCH];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct capture *c;
	struct why why;
	size_t n, at = 0;

	must(fd >= 0, path);
	must(capture_file_open(fd, &c, &why) == ERR_OK, "no capture");
	while (capture_next_batch(c, packets, CAPTURE_BATCH, &n, &why) == ERR_OK && n > 0) {
		for (size_t i = 0; i < n; i++)
			keep(f, &packets[i]);
	}
	capture_close(c);
	(void)close(fd);
	for (size_t i = 0; i < f->n; i++) {
		f->frame[i].bytes.ptr = f->bytes.ptr + at;
		at += f->frame[i].bytes.len;
	}
}

static void
on_events(void *ctx, struct bytes records)
{
	static const struct sip_key key = {1, 2};
	struct tally *t = ctx;

	t->bytes += records.len;
	while (t->digesting && records.len >= 4) {
		size_t n = 4 + ((size_t)records.ptr[0] | (size_t)records.ptr[1] << 8 |
				   (size_t)records.ptr[2] << 16);

		t->events++;
		t->digest = mix64(t->digest) ^ sip64(&key, bytes_sub(records, 0, n));
		records = bytes_from(records, n);
	}
}

/* As a reader does it: frames come into a buffer of its own, whose memory is warm. */
static void
give_batch(struct sense *s, const struct frames *f, size_t first, struct buf *batch)
{
	size_t n = f->n - first < SENSE_BATCH_MAX ? f->n - first : SENSE_BATCH_MAX;
	struct sense_frame frame[SENSE_BATCH_MAX];
	const uint8_t *from = f->frame[first].bytes.ptr;
	const struct sense_frame *last = &f->frame[first + n - 1];

	buf_reset(batch);
	buf_add(batch, bytes_of(from, (size_t)(last->bytes.ptr - from) + last->bytes.len));
	must(!batch->cut, "no memory");
	for (size_t i = 0; i < n; i++) {
		frame[i] = f->frame[first + i];
		frame[i].bytes.ptr = batch->ptr + (frame[i].bytes.ptr - from);
	}
	sense_frames(s, frame, n);
}

static double
run(const struct frames *f, struct tally *t, struct sense_counters *count)
{
	struct sense_settings set = {.key = {3, 4}, .source = 1, .events = on_events, .ctx = t};
	struct sense *s = sense_new(&set);
	struct buf batch = {.ptr = NULL};
	double started = seconds();

	must(s != NULL, "no memory");
	for (size_t i = 0; i < f->n; i += SENSE_BATCH_MAX)
		give_batch(s, f, i, &batch);
	sense_end(s);
	started = seconds() - started;
	sense_count(s, count);
	sense_free(s);
	buf_free(&batch);
	return started;
}

int
main(int argc, char **argv)
{
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
	struct sense_counters count;
	struct frames f = {.n = 0};
	struct tally t = {.digesting = rounds == 0};
	double best = 1e9;

	must(argc > 1, "sense_bench FILE [ROUNDS]");
	load(&f, argv[1]);
	for (unsigned i = 0; i == 0 || i < rounds; i++) {
		double s = run(&f, &t, &count);

		best = s < best ? s : best;
	}
	t.bytes /= rounds == 0 ? 1 : rounds;
	printf("{\"bench\":\"sense\",\"packets\":%" PRIu64 ",\"event_bytes\":%" PRIu64,
	    count.packets, t.bytes);
	if (t.digesting)
		printf(
		    ",\"events\":%" PRIu64 ",\"digest\":\"%016" PRIx64 "\"}\n", t.events, t.digest);
	else
		printf(",\"mb_s\":%.0f,\"ns_packet\":%.0f,\"memory_high\":%" PRIu64 "}\n",
		    (double)count.bytes / best / 1e6, best * 1e9 / (double)count.packets,
		    count.memory_high);
	free(f.frame);
	buf_free(&f.bytes);
	return 0;
}
