/* SPDX-License-Identifier: Apache-2.0 */
/* The centre of one site: events of all sensors in; stored facts, devices and findings out.
 * It holds the asset book and the detectors, and writes what they say to the store. Used by the
 * store role while it watches, by a command when nothing watches, and to make derived tables again.
 * One per process; blocks on the disk. */
#pragma once

#include "asset/asset.h"
#include "brain/request.h"
#include "detect/detect.h"
#include "store/store.h"
#include "tlog/tlog.h"

struct brain;

/* What was seen since brain_open(): the end of a watch is told from it. */
struct brain_run {
	uint64_t messages[PROTO_MAX];
	uint64_t results;
	uint64_t clear_messages; /* clinical ones that were not under TLS */
	uint64_t phi_messages;   /* of these, with patient data */
	uint64_t anomalies[ANOMALY_MAX];
	uint64_t findings[DETECTORS]; /* new or seen again, by row of the detector table */
	uint64_t devices;             /* seen in this run */
	uint64_t events;
	struct wall first, last; /* times of packets */
};

/* The ledger of the data directory that d and st belong to, for brain_open(); see tlog.h. */
enum err brain_ledger_open(
    struct tlog **out, const struct store_dir *d, struct store *st, struct why *why) MUST_CHECK;

/* st: opened for writing. What the store remembers of devices and findings is taken up again.
 * ledger: every event goes into it too, and it is brought up to what the store holds; NULL: none.
 * Both are the caller's, until after brain_close(). config: zones, rates; copied. ERR_REFUSED:
 * ledger and store cannot both be right; why says what to look at. */
enum err brain_open(struct brain **out, struct store *st, struct tlog *ledger,
    const struct sip_key *key, const struct detect_config *config, struct why *why) MUST_CHECK;

/* Take the event at the start of *records, and step over it. ERR_INPUT: the sender is not to be
 * trusted any more; what came before is kept. ERR_SYSTEM: the store failed. */
enum err brain_take(struct brain *b, struct bytes *records, struct why *why) MUST_CHECK;

/* A fact of Hemostat itself. */
enum err brain_tell(struct brain *b, enum event_kind kind, const struct event_head *head,
    const void *fields, struct why *why) MUST_CHECK;

/* What a person asked for; recorded as an event with their name. */
enum err brain_request(
    struct brain *b, const struct request *r, struct wall now, struct why *why) MUST_CHECK;

/* Changed devices and findings to the store, then commit. With STORE_DURABLE the events are on disk
 * in store and ledger when this returns, under a new signed checkpoint. */
enum err brain_commit(struct brain *b, enum store_durability how, struct why *why) MUST_CHECK;
bool brain_wants_commit(const struct brain *b);

void brain_run_told(const struct brain *b, struct brain_run *out);
const struct asset_book *brain_assets(const struct brain *b);

/* Remember the state of book and detectors, commit, free. b may be NULL. */
enum err brain_close(struct brain *b, struct why *why);

/* Free without remembering, as when the process ends at once. b may be NULL. */
void brain_forget(struct brain *b);

/* Make devices, findings, links and counts again from the events, and nothing else. */
enum err brain_rebuild(struct store *st, const struct sip_key *key,
    const struct detect_config *config, uint64_t *events, struct why *why) MUST_CHECK;
