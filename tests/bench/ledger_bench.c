/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_bench [ENTRIES]: durable appends in groups, time to an acknowledgement at 1,000 events/s,
 * inclusion proofs from a large log, and holding a log against its checkpoint. Data directories are
 * made below TMPDIR, which should be on a real disk. One JSON line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "brain/brain.h"
#include "fixture.h"
#include "ledger/audit.h"
#include "rng.h"
#include "sys/clock.h"

enum {
	GROUP = 2000,
	GROUPS = 100,
	PACED = 5000,
	PACED_US = 1000,
	PROOFS = 2000,
	VERIFY = 1000000,
	WRITE_EVERY = 65536
};

struct bench {
	struct temp_dir dir;
	struct store_dir *d;
	struct store *st;
	struct tlog *t;
	struct brain *b;
	struct why why;
	uint64_t i;
};

static double
now_s(void)
{
	return (double)mono_now().ns / (double)NS_PER_S;
}

static void
must(enum err e, const struct why *why)
{
	if (e == ERR_OK)
		return;
	(void)fprintf(stderr, "ledger_bench: %s\n", why->text);
	exit(1);
}

static void
start(struct bench *b)
{
	struct sip_key key;

	*b = (struct bench){.dir = temp_dir_new()};
	must(store_dir_open(&b->d, b->dir.path, STORE_WRITE, &b->why), &b->why);
	must(store_dir_key(b->d, &key, &b->why), &b->why);
	must(store_open(&b->st, b->d, STORE_WRITE, NULL, &b->why), &b->why);
	must(brain_ledger_open(&b->t, b->d, b->st, &b->why), &b->why);
	must(brain_open(&b->b, b->st, b->t, &key, NULL, &b->why), &b->why);
}

static void
finish(struct bench *b)
{
	if (b->b != NULL)
		must(brain_close(b->b, &b->why), &b->why);
	tlog_close(b->t);
	store_close(b->st);
	store_dir_close(b->d);
	temp_dir_free(&b->dir);
}

static void
feed(struct bench *b, size_t n)
{
	struct buf record = {0};

	while (n > 0) {
		struct bytes rest;

		buf_reset(&record);
		sample_event(b->i++, &record);
		if (record.ptr[4] == EV_finding || record.ptr[4] == EV_device)
			continue;
		rest = buf_bytes(&record);
		must(brain_take(b->b, &rest, &b->why), &b->why);
		n--;
	}
	buf_free(&record);
}

static double
groups_a_second(void)
{
	struct bench b;
	double from;

	start(&b);
	from = now_s();
	for (int i = 0; i < GROUPS; i++) {
		feed(&b, GROUP);
		must(brain_commit(b.b, STORE_DURABLE, &b.why), &b.why);
	}
	from = now_s() - from;
	finish(&b);
	return (double)GROUP * GROUPS / from;
}

static int
by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return a < b ? -1 : a > b;
}

/* Events come one a millisecond; what came while the last group was put on disk is the next one.
 * Time from an event's coming to its acknowledgement. */
static void
paced(double *p50, double *p99)
{
	double *took = calloc(PACED, sizeof(*took)), from;
	size_t done = 0;
	struct bench b;

	if (took == NULL)
		exit(1);
	start(&b);
	from = now_s();
	while (done < PACED) {
		size_t come = (size_t)((now_s() - from) * 1e6 / PACED_US);
		double at;

		if (come > PACED)
			come = PACED;
		if (come == done)
			continue;
		feed(&b, come - done);
		must(brain_commit(b.b, STORE_DURABLE, &b.why), &b.why);
		at = now_s();
		for (; done < come; done++)
			took[done] = at - from - (double)(done + 1) * PACED_US / 1e6;
	}
	finish(&b);
	qsort(took, PACED, sizeof(*took), by_value);
	*p50 = took[PACED / 2] * 1e3;
	*p99 = took[PACED * 99 / 100] * 1e3;
	free(took);
}

/* A log of n entries without a store. */
static void
large_log(struct bench *b, uint64_t n, double *seconds)
{
	struct buf record = {0};

	*b = (struct bench){.dir = temp_dir_new()};
	must(store_dir_open(&b->d, b->dir.path, STORE_WRITE, &b->why), &b->why);
	must(tlog_open(&b->t, store_dir_fd(b->d), TLOG_WRITE, (struct bytes){NULL, 0}, &b->why),
	    &b->why);
	sample_event(1, &record);
	*seconds = now_s();
	for (uint64_t i = 1; i <= n; i++) {
		memcpy(record.ptr + 5, &i, sizeof(i));
		must(tlog_add(b->t, i, buf_bytes(&record), &b->why), &b->why);
		if (i % WRITE_EVERY == 0 || i == n) {
			must(tlog_write(b->t, i == n ? TLOG_DURABLE : TLOG_FAST, &b->why), &b->why);
			tlog_keep(b->t);
		}
	}
	must(tlog_sign(b->t, &b->why), &b->why);
	*seconds = now_s() - *seconds;
	buf_free(&record);
}

static double
proof_ms(struct bench *b, uint64_t n)
{
	struct tree_reader r = tlog_reader(b->t);
	struct rng rng = rng_new(3);
	struct tree_proof p;
	double from = now_s();

	for (int i = 0; i < PROOFS; i++)
		must(tree_inclusion(
			 tlog_hasher(b->t), &r, rng_below(&rng, (size_t)n), n, &p, &b->why),
		    &b->why);
	return (now_s() - from) / PROOFS * 1e3;
}

struct checking {
	struct audit audit;
	struct tlog *t;
	uint64_t n;
	struct tree_hash leaf[4096];
};

static bool
check(void *ctx, const struct store_event *e)
{
	struct checking *c = ctx;
	uint8_t room[ENTRY_DIGEST_BYTES];
	size_t place = c->n % ARRAY_LEN(c->leaf), got;
	struct tree_hash made;

	made = tree_leaf(tlog_hasher(c->t), entry_of(tlog_hasher(c->t), e->record, room));
	if (place == 0 &&
	    tlog_level(c->t, 0, e->seq - 1, ARRAY_LEN(c->leaf), c->leaf, &got, NULL) != ERR_OK)
		exit(1);
	audit_leaf(&c->audit, &c->leaf[place], &made);
	return ++c->n < VERIFY;
}

static double
verify_s(void)
{
	struct store_filter all = {.from_seq = 1};
	struct checking *c = calloc(1, sizeof(*c));
	struct tree_reader r;
	struct bench b;
	double from;

	if (c == NULL)
		exit(1);
	start(&b);
	while (tlog_signed_size(b.t) < VERIFY) {
		feed(&b, 20000);
		must(brain_commit(b.b, STORE_DURABLE, &b.why), &b.why);
	}
	c->t = b.t;
	r = tlog_reader(b.t);
	from = now_s();
	audit_start(&c->audit, tlog_hasher(b.t), NULL, 0, &r);
	must(store_events(b.st, &all, check, c, &b.why), &b.why);
	from = now_s() - from;
	if (c->audit.faults.n > 0 || c->n != VERIFY)
		exit(1);
	finish(&b);
	free(c);
	return from;
}

int
main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
	double p50, p99, built, proof, verified, rate = groups_a_second();
	struct bench b;

	paced(&p50, &p99);
	large_log(&b, n, &built);
	proof = proof_ms(&b, n);
	finish(&b);
	verified = verify_s();
	printf("{\"bench\":\"ledger\",\"durable_appends_s\":%.0f,\"group\":%d,\"p50_ms\":%.2f,"
	       "\"p99_ms\":%.2f,\"entries\":%llu,\"hashed_s\":%.0f,\"proof_ms\":%.4f,"
	       "\"verify_1m_s\":%.2f}\n",
	    rate, GROUP, p50, p99, (unsigned long long)n, (double)n / built, proof, verified);
	return 0;
}
