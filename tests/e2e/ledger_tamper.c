/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_tamper DATA ACTION INDEX: edit the database of a data directory behind the ledger's back,
 * as somebody would who may write its files: all events are read, changed, and written to a new
 * database that takes the old one's place. INDEX: entry of the ledger, from 0.
 *   flip     the event's time is a nanosecond later
 *   back     the event's time is an hour earlier
 *   drop     the event is left out          insert   another one stands before it
 *   reorder  it changes places with the next  cut    it and all behind it are gone
 *   forget   nothing is changed, but the store forgets what was signed (with the others: also,
 *            where ACTION ends in "+")
 *   retain   nothing is tampered with: retention lets go of what it may, up to INDEX */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

struct all {
	struct buf bytes;
	size_t *at; /* where each starts; one more at the end */
	size_t n;
};

static void
must(enum err e, const struct why *why)
{
	if (e == ERR_OK)
		return;
	(void)fprintf(stderr, "ledger_tamper: %s\n", why->text);
	exit(1);
}

static bool
take(void *ctx, const struct store_event *e)
{
	struct all *a = ctx;

	a->at = realloc(a->at, (a->n + 2) * sizeof(*a->at));
	if (a->at == NULL)
		exit(1);
	a->at[a->n++] = a->bytes.len;
	buf_add(&a->bytes, e->record);
	a->at[a->n] = a->bytes.len;
	return true;
}

static void
append(struct store *st, struct bytes record, int64_t later_ns)
{
	struct buf changed = {0};
	struct event ev;
	struct why why;
	size_t used;

	if (later_ns != 0) {
		must(event_decode(record, &ev, &used, &why), &why);
		ev.head.time.ns += later_ns;
		if (!event_encode(&changed, ev.kind, &ev.head, &ev.u))
			exit(1);
		record = buf_bytes(&changed);
	}
	must(store_append(st, record, NULL, NULL, &why), &why);
	buf_free(&changed);
}

static struct bytes
record(const struct all *a, size_t i)
{
	return bytes_sub(buf_bytes(&a->bytes), a->at[i], a->at[i + 1] - a->at[i]);
}

static void
write_changed(struct store *st, const struct all *a, const char *action, size_t index)
{
	size_t n = strcspn(action, "+");

	for (size_t i = 0; i < a->n; i++) {
		bool here = i == index;

		if (here && strncmp(action, "cut", n) == 0)
			return;
		if (here && strncmp(action, "drop", n) == 0)
			continue;
		if (here && strncmp(action, "insert", n) == 0)
			append(st, record(a, 0), 5);
		if (here && strncmp(action, "reorder", n) == 0 && i + 1 < a->n) {
			append(st, record(a, i + 1), 0);
			append(st, record(a, i), 0);
			i++;
			continue;
		}
		append(st, record(a, i),
		    !here                             ? 0
		    : strncmp(action, "flip", n) == 0 ? 1
		    : strncmp(action, "back", n) == 0 ? -3600 * NS_PER_S
						      : 0);
	}
}

static void
gone(const char *data, const char *name)
{
	char path[4200];

	(void)snprintf(path, sizeof(path), "%s/%s", data, name);
	(void)unlink(path);
}

static void
retain(struct store *st, uint64_t index)
{
	struct store_keep keep = {.max_bytes = 1, .keep_from_seq = index + 1};
	struct store_dropped dropped;
	struct why why;

	must(store_retain(st, &keep, &dropped, &why), &why);
	printf("%llu\n", (unsigned long long)dropped.events);
}

int
main(int argc, char **argv)
{
	struct store_filter every = {.from_seq = 1};
	struct buf known = {0};
	struct store_dir *d;
	struct store *st;
	struct all a = {0};
	struct why why;

	if (argc != 4)
		return 2;
	must(store_dir_open(&d, argv[1], STORE_WRITE, &why), &why);
	must(store_open(&st, d, STORE_WRITE, NULL, &why), &why);
	if (strcmp(argv[2], "retain") == 0) {
		retain(st, strtoul(argv[3], NULL, 10));
		store_close(st);
		store_dir_close(d);
		return 0;
	}
	must(store_events(st, &every, take, &a, &why), &why);
	(void)(store_value(st, "ledger.signed", &known, &why) == ERR_OK);
	store_close(st);
	gone(argv[1], "hemostat.db");
	gone(argv[1], "hemostat.db-wal");
	gone(argv[1], "hemostat.db-shm");
	must(store_open(&st, d, STORE_WRITE, NULL, &why), &why);
	write_changed(st, &a, argv[2], strtoul(argv[3], NULL, 10));
	if (known.len > 0 && strchr(argv[2], '+') == NULL && strcmp(argv[2], "forget") != 0)
		must(store_value_put(st, "ledger.signed", buf_bytes(&known), &why), &why);
	must(store_commit(st, STORE_DURABLE, &why), &why);
	store_close(st);
	store_dir_close(d);
	buf_free(&known);
	buf_free(&a.bytes);
	free(a.at);
	return 0;
}
