/* SPDX-License-Identifier: Apache-2.0 */
/* The store: everything that Hemostat keeps, except the ledger.
 * Two kinds of things are in it:
 *   events   the facts, as event_encode() wrote them, in blocks of up to 256 KiB that are
 *            compressed and checksummed; append only; numbered from 1 without holes. Messages and
 *            results are served from them: nothing is kept twice.
 *   derived  devices, findings, links, sources and hourly counts: what list pages and charts ask
 *            for. Links, sources and counts are made here, from the events, as they are appended;
 *            devices and findings are put by their owner. All can be made again from the events.
 * Writer:  one at a time (a lock in the data directory). All that is appended and put between two
 *          store_commit() is one transaction. When a function of a writer fails with ERR_SYSTEM
 *          or ERR_INPUT, everything since the last commit is undone, numbers of events included,
 *          and the store goes on from there; what was committed stays.
 * Readers: any number, also while a writer runs, each sees whole transactions. No function holds a
 *          database snapshot during a callback: a reader that waits for a slow terminal holds
 *          nobody up. A callback may call read functions of the same store.
 * Threads: one store belongs to one thread. Functions block on the disk: roles store and cli only.
 * Memory:  writer about 8 MiB, more while very many links are new between two commits (bounded by
 *          STORE_TALLY_MAX); reader about 2 MiB; the database cache up to 16 MiB.
 * Errors:  ERR_SYSTEM  no space, no permission, the disk fails: why says which.
 *          ERR_INPUT   the database is damaged; why says what to do. Or a record is not an event.
 *          ERR_ABSENT  no such row; or nothing has been kept yet.
 *          ERR_REFUSED another writer runs; a newer schema; a directory open to other users.
 *          No text of an error holds anything out of an event.
 * Not checked: that devices and findings fit the events; that is their owner's matter. */
#pragma once

#include "base/arena.h"
#include "event/event.h"

/* --- the data directory --- */

enum {
	DATA_DIR_PATH_MAX = 4096,
	STORE_BLOCK_RAW_MAX = EVENT_BYTES_MAX + 4, /* bytes of records in a block */
	STORE_COMMIT_BYTES = 32 * 1024 * 1024,     /* see store_wants_commit() */
	STORE_VALUE_MAX = 128 * 1024 * 1024,
	STORE_TALLY_MAX = 200000, /* changed links held between two commits */
};

enum store_mode { STORE_READ, STORE_WRITE };

/* hemostat.db, keys/identifier.key, evidence/, lock. */
struct store_dir;

/* /var/lib/hemostat where that can be written or made, else ./hemostat-data. Makes nothing. */
void data_dir_default(char out[DATA_DIR_PATH_MAX]);

/* The rule of data_dir_default() for other names. */
const char *data_dir_choose(const char *first, const char *otherwise);

/* STORE_WRITE makes what is missing (one level: the parent must exist), all of it closed to other
 * users, and takes the writer's lock until store_dir_close(). STORE_READ makes nothing.
 * ERR_ABSENT: reading, and there is no directory. ERR_REFUSED: locked by another writer (why names
 * its process), writable by other users, or not ours. ERR_SYSTEM: why says what and what to do. */
enum err store_dir_open(
    struct store_dir **out, const char *path, enum store_mode mode, struct why *why) MUST_CHECK;
/* The key under which identifiers are hashed. The caller wipes it. A reader gets ERR_ABSENT where
 * no writer has made it yet. */
enum err store_dir_key(const struct store_dir *d, struct sip_key *key, struct why *why) MUST_CHECK;
int store_dir_fd(const struct store_dir *d); /* for openat(); d owns it */
const char *store_dir_path(const struct store_dir *d);
void store_dir_close(struct store_dir *d);

/* --- opening --- */

struct store;

struct store_options {
	const char *backend;      /* "sqlite", or NULL for the same */
	struct wall (*now)(void); /* receipt time of blocks; NULL: the system's clock */
};

/* d must live as long as the store. A writer brings an older schema up to date; a reader refuses
 * it. ERR_ABSENT: a reader, and nothing has been watched yet. opt may be NULL. */
enum err store_open(struct store **out, struct store_dir *d, enum store_mode mode,
    const struct store_options *opt, struct why *why) MUST_CHECK;

/* What was not committed is dropped. st may be NULL. */
void store_close(struct store *st);

/* Names of the backends this program was built with; ends with NULL. */
extern const char *const store_backends[];

/* --- writing --- */

/* Append one event. record: as event_encode() made it; ev: the same decoded, or NULL to have it
 * decoded here. *seq (may be NULL) gets its number. ERR_INPUT without undoing anything: record is
 * not one whole event. */
enum err store_append(struct store *st, struct bytes record, const struct event *ev, uint64_t *seq,
    struct why *why) MUST_CHECK;

/* Encode and append. fields: the struct ev_KIND of kind. */
enum err store_append_fields(struct store *st, enum event_kind kind, const struct event_head *head,
    const void *fields, uint64_t *seq, struct why *why) MUST_CHECK;

enum store_durability {
	STORE_FAST,    /* survives the death of this process; the last seconds may go with power */
	STORE_DURABLE, /* survives loss of power: on disk when this returns */
};

enum err store_commit(struct store *st, enum store_durability how, struct why *why) MUST_CHECK;

/* True where so much waits (STORE_COMMIT_BYTES, STORE_TALLY_MAX) that a commit should come soon. */
bool store_wants_commit(const struct store *st);

/* --- events --- */

enum store_order {
	STORE_OLDEST_FIRST,
	STORE_NEWEST_FIRST,
};

/* Every field left zero asks for nothing. */
struct store_filter {
	uint64_t kinds;                 /* bits 1 << EV_x */
	uint64_t protos;                /* bits 1 << PROTO_x; drops kinds that name no protocol */
	uint64_t from_seq, to_seq;      /* both included */
	struct wall from_time, to_time; /* both included */
	uint64_t source, link, flow;
	struct hash128 patient, order, specimen, control; /* of messages (control: or its answer) */
	enum store_order by;                              /* by number */
	size_t limit; /* most events, or most results for store_results() */
};

/* Views live during the callback. */
struct store_event {
	uint64_t seq;
	struct bytes record;
	struct event ev;
};

/* Return false to stop. */
typedef bool (*store_event_fn)(void *ctx, const struct store_event *e);
typedef bool (*store_result_fn)(
    void *ctx, const struct store_event *message, const struct ev_result *r);

/* Events that fit, one call each. To follow: ask again with from_seq = last seen + 1. A writer sees
 * what it appended but has not committed. ERR_INPUT: a block is damaged; events before it (in the
 * order asked for) were given. */
enum err store_events(struct store *st, const struct store_filter *f, store_event_fn fn, void *ctx,
    struct why *why) MUST_CHECK;

/* One event. ERR_ABSENT: no such number, or dropped by retention. */
enum err store_event(
    struct store *st, uint64_t seq, store_event_fn fn, void *ctx, struct why *why) MUST_CHECK;

/* store_events() for messages only (f->kinds is not looked at). */
enum err store_messages(struct store *st, const struct store_filter *f, store_event_fn fn,
    void *ctx, struct why *why) MUST_CHECK;

/* The results inside the messages that fit, in the message's order (reversed for newest first).
 * code: only results with this test code; empty for all. */
enum err store_results(struct store *st, const struct store_filter *f, struct bytes code,
    store_result_fn fn, void *ctx, struct why *why) MUST_CHECK;

/* First and last number kept; both 0 where there is none. Committed events, and a writer's own. */
enum err store_range(
    struct store *st, uint64_t *first_seq, uint64_t *last_seq, struct why *why) MUST_CHECK;

/* The number that the next event will get. */
uint64_t store_next_seq(const struct store *st);

/* Let numbers up to seq - 1 stay empty: they were given to events that are lost, and may not be
 * given twice. Only at the start of a writer, before anything is appended; part of the transaction.
 * Nothing happens where the next number is there already. */
enum err store_skip_to(struct store *st, uint64_t seq, struct why *why) MUST_CHECK;

/* --- lists --- */

/* Where the next page starts: as the last row's place in its order. Plain data; all zero = start.
 */
struct store_place {
	uint64_t set;
	int64_t a, b;
	uint64_t id;
};

enum { STORE_PLACE_TEXT_MAX = 72 };

/* A place as a word for URLs and command lines, and back. False: not such a word. */
void store_place_format(const struct store_place *p, char out[STORE_PLACE_TEXT_MAX]);
bool store_place_parse(struct bytes text, struct store_place *p);

enum store_by {
	STORE_BY_ID,       /* ascending; links: by number */
	STORE_BY_LAST,     /* last seen, newest first */
	STORE_BY_FIRST,    /* first seen, newest first */
	STORE_BY_SEVERITY, /* findings: worst first, then last seen; elsewhere as STORE_BY_LAST */
};

struct store_page {
	enum store_by by;
	size_t limit;             /* most rows, 0 = all */
	struct store_place after; /* in: start behind this; out: the last row given */
	bool more;                /* out: rows may be left behind `after` */
};

/* Views of rows live during the callback, or until the put returns. Texts are UTF-8 of ours. */
struct store_device {
	uint64_t id;
	struct bytes state, class, maker, model, serial, software, os, hostname;
	struct bytes addresses; /* all of them, blank between */
	struct wall first, last;
	struct bytes snapshot; /* what its owner needs to go on, empty where it keeps one for all */
	struct bytes json;     /* asset_json() */
};

struct store_finding {
	uint64_t id;
	struct bytes detector;
	uint64_t severity; /* severity_x */
	uint64_t device, link;
	struct bytes cause, text;
	uint64_t count;
	struct wall first, last;
	struct bytes state;    /* open, closed */
	struct bytes evidence; /* pointers to events and bytes, as their owner encodes them */
	struct bytes snapshot;
	struct bytes json; /* detect_finding_json() */
};

struct store_link {
	uint64_t id;     /* keyed hash, as in events */
	uint64_t number; /* small, for people; never given to another link */
	struct ip client, server;
	struct mac client_mac, server_mac;
	uint64_t port, proto, transport, vlan;
	struct bytes app;
	struct wall first, last;
	uint64_t messages, results, flows;
	uint64_t bytes;     /* payload of its flows, both directions */
	uint64_t encrypted; /* TLS handshakes seen */
};

struct store_source {
	uint64_t number; /* as in event_head.source */
	struct bytes kind, name;
	struct wall started, ended; /* ended 0: not told to have stopped */
	uint64_t packets, bytes, dropped;
};

struct store_hour {
	struct wall start;
	enum event_kind kind;
	uint64_t sub; /* message, flow, link, ...: protocol; finding (new ones): severity; else 0 */
	uint64_t n, bytes;
};

typedef bool (*store_device_fn)(void *ctx, const struct store_device *d);
typedef bool (*store_finding_fn)(void *ctx, const struct store_finding *f);
typedef bool (*store_link_fn)(void *ctx, const struct store_link *l);
typedef bool (*store_source_fn)(void *ctx, const struct store_source *s);
typedef bool (*store_hour_fn)(void *ctx, const struct store_hour *h);

/* Empty fields ask for nothing. */
struct store_device_filter {
	struct bytes state, class;
	struct bytes words; /* found in maker, model, serial, software, hostname or addresses */
};

struct store_finding_filter {
	struct bytes state, detector;
	uint64_t device, link;
	uint64_t min_severity;
};

struct store_link_filter {
	uint64_t protos; /* bits 1 << PROTO_x */
	struct ip host;  /* client or server */
};

/* Insert or replace the row with this id. */
enum err store_device_put(
    struct store *st, const struct store_device *d, struct why *why) MUST_CHECK;
enum err store_finding_put(
    struct store *st, const struct store_finding *f, struct why *why) MUST_CHECK;
/* Merged into another: nothing happens where there is no such row. */
enum err store_device_drop(struct store *st, uint64_t id, struct why *why) MUST_CHECK;

/* Rows that fit, in page->by's order, from page->after on. f may be NULL. */
enum err store_devices(struct store *st, const struct store_device_filter *f,
    struct store_page *page, store_device_fn fn, void *ctx, struct why *why) MUST_CHECK;
enum err store_findings(struct store *st, const struct store_finding_filter *f,
    struct store_page *page, store_finding_fn fn, void *ctx, struct why *why) MUST_CHECK;
enum err store_links(struct store *st, const struct store_link_filter *f, struct store_page *page,
    store_link_fn fn, void *ctx, struct why *why) MUST_CHECK;
enum err store_sources(struct store *st, struct store_page *page, store_source_fn fn, void *ctx,
    struct why *why) MUST_CHECK;
/* Hours from..to (starts of hours; 0 = no bound) of one kind, oldest first, subs in order. */
enum err store_hours(struct store *st, enum event_kind kind, struct wall from, struct wall to,
    store_hour_fn fn, void *ctx, struct why *why) MUST_CHECK;

/* One row. ERR_ABSENT: none. store_link takes the id, store_link_numbered what people type. */
enum err store_device(
    struct store *st, uint64_t id, store_device_fn fn, void *ctx, struct why *why) MUST_CHECK;
enum err store_finding(
    struct store *st, uint64_t id, store_finding_fn fn, void *ctx, struct why *why) MUST_CHECK;
enum err store_link(
    struct store *st, uint64_t id, store_link_fn fn, void *ctx, struct why *why) MUST_CHECK;
enum err store_link_numbered(
    struct store *st, uint64_t number, store_link_fn fn, void *ctx, struct why *why) MUST_CHECK;

/* A new capture: its number is given here and never again. kind: file, interface, gate. */
enum err store_source_new(struct store *st, struct bytes kind, struct bytes name, uint64_t *number,
    struct why *why) MUST_CHECK;

struct store_totals {
	uint64_t events;                    /* kept now */
	uint64_t event_bytes, stored_bytes; /* of kept blocks, before and after compression */
	uint64_t messages[PROTO_MAX];       /* ever counted, by protocol */
	uint64_t devices, links, sources;
	uint64_t findings_open[severity_critical + 1];
};

enum err store_totals(struct store *st, struct store_totals *t, struct why *why) MUST_CHECK;

/* Named values: settings, positions, the state of a whole engine (asset_encode(), detect_encode()).
 * Part of the transaction like all else. At most STORE_VALUE_MAX bytes (ERR_LIMIT). key: ours.
 * Absent: ERR_ABSENT, out empty. */
enum err store_value_put(
    struct store *st, const char *key, struct bytes value, struct why *why) MUST_CHECK;
enum err store_value(
    struct store *st, const char *key, struct buf *out, struct why *why) MUST_CHECK;

/* --- making again --- */

/* Empty devices, findings and hours, zero the counts of links and sources (their numbers stay),
 * and commit, marking that a rebuild is under way: store_rebuilding() is true until
 * store_rebuild() ends, also after a crash. */
enum err store_derived_clear(struct store *st, struct why *why) MUST_CHECK;
bool store_rebuilding(const struct store *st);

/* Clear, then give every event, oldest first, to fn (may be NULL), which puts devices and findings
 * as it did when the event was new; links, sources and hours are counted here. Commits as it goes.
 * fn must not append. ERR_REFUSED: fn said stop. Events dropped by retention are not counted. */
enum err store_rebuild(struct store *st, store_event_fn fn, void *ctx, struct why *why) MUST_CHECK;

struct store_check {
	uint64_t blocks, events;
	uint64_t damaged_blocks, damaged_events;
	uint64_t holes;         /* places where numbers are missing between blocks */
	bool structure_damaged; /* the backend's own check found fault */
};

/* Read everything and hold it against its checksums. ERR_INPUT: something is damaged (*out says
 * how much, as far as could be read). */
enum err store_check(struct store *st, struct store_check *out, struct why *why) MUST_CHECK;

/* Save what can be read of a damaged database: a new one with every sound block, sources, link
 * numbers and values takes its place; the damaged one stays beside it as hemostat.db.damaged-N. d:
 * opened for writing, no store open on it. Afterwards store_rebuilding() is true. ERR_INPUT: not
 * one event can be read; the database stays where it is. */
enum err store_rescue(struct store_dir *d, struct store_check *out, struct why *why) MUST_CHECK;

/* --- retention --- */

struct store_keep {
	struct wall received_after; /* drop blocks received before this; 0 = no bound */
	uint64_t max_bytes;         /* of stored blocks; 0 = no bound */
	uint64_t keep_from_seq;     /* never drop this event or later ones: they are not in the
				     * ledger yet. UINT64_MAX: there is no ledger. */
	size_t max_blocks;          /* most blocks a call, 0 = 1000: bounded work */
};

struct store_dropped {
	uint64_t blocks, events, bytes;
	bool more; /* call again */
};

/* Drop the oldest blocks; derived rows stay. Commits. Blocks go in order of number only, so that
 * what is kept has no holes. */
enum err store_retain(struct store *st, const struct store_keep *keep, struct store_dropped *out,
    struct why *why) MUST_CHECK;
