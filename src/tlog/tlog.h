/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger on disk: one log of one data directory, growing with the store.
 * Source:  C2SP tlog-tiles; doc/ledger.md says what differs on disk and why.
 * Files:   in ledger/: level0 to level7 (tiles of a level end to end: entry i at 32 * i),
 *          checkpoint (the newest, a signed note), history (older ones), log.vkey (its keys, oldest
 *          first), rotations (notes by which a key hands over to the next).
 * Order:   tlog_add() for each event, tlog_write(), then the store's commit, then tlog_keep(), and
 *          tlog_sign() where both are on disk. So a checkpoint only ever speaks of events that
 *          neither the ledger nor the store can lose.
 * Recovery: what lies behind the newest checkpoint is made again from the store's events, by
 *          tlog_add() from tlog_next() on. Where the files do not lead to the checkpoint's root,
 *          tlog_broken() is true: after tlog_begin_again() all events are added from the first,
 *          and nothing is signed unless they lead to that same root.
 * Readers: any number, beside one writer: what lies below the checkpoint does not change.
 * Threads: one ledger belongs to one thread; blocks on the disk. */
#pragma once

#include "ledger/entry.h"
#include "tlog/key.h"

struct tlog;

enum tlog_mode { TLOG_READ, TLOG_WRITE };

/* dir_fd: the data directory. remembered: the newest checkpoint that the store knows of (a note),
 * empty for none: the ledger never goes back behind it. ERR_ABSENT: a reader, and there is no
 * ledger yet. ERR_REFUSED: files that cannot be: a checkpoint that its own keys did not sign, a
 * key that is lost. */
enum err tlog_open(struct tlog **out, int dir_fd, enum tlog_mode mode, struct bytes remembered,
    struct why *why) MUST_CHECK;
void tlog_close(struct tlog *t);

/* Number of the event to be added next: size + 1. */
uint64_t tlog_next(const struct tlog *t);

/* Add event seq. An earlier one than tlog_next() takes back what was added since the last
 * tlog_keep(). record empty: an event that is gone. ERR_REFUSED: behind or before what is kept. */
enum err tlog_add(struct tlog *t, uint64_t seq, struct bytes record, struct why *why) MUST_CHECK;

enum tlog_durability { TLOG_FAST, TLOG_DURABLE };

/* What was added, to the files; with TLOG_DURABLE on disk when this returns. */
enum err tlog_write(struct tlog *t, enum tlog_durability how, struct why *why) MUST_CHECK;
/* The store has committed the same events. */
void tlog_keep(struct tlog *t);
/* The store has undone them. */
void tlog_drop(struct tlog *t);
/* Sign what is kept, which must be on disk in ledger and store, and make it the newest checkpoint;
 * nothing where that is one already.
 * ERR_REFUSED: less is kept than was ever signed. */
enum err tlog_sign(struct tlog *t, struct why *why) MUST_CHECK;

bool tlog_broken(const struct tlog *t);
void tlog_begin_again(struct tlog *t);
/* How many entries the newest checkpoint speaks of. */
uint64_t tlog_signed_size(const struct tlog *t);
/* Bytes of level files behind what is kept: gone. */
enum err tlog_trim(struct tlog *t, struct why *why) MUST_CHECK;

/* --- reading --- */

struct hasher *tlog_hasher(const struct tlog *t);
struct tree_reader tlog_reader(struct tlog *t);
/* Hashes from `first` on that a level file holds, at most n; fewer where it ends. */
enum err tlog_level(struct tlog *t, unsigned level, uint64_t first, size_t n, struct tree_hash *out,
    size_t *got, struct why *why) MUST_CHECK;
/* The newest checkpoint, as it was signed; empty before the first. */
struct bytes tlog_note(const struct tlog *t);
/* The same read; size 0 before the first. */
const struct checkpoint *tlog_checkpoint(const struct tlog *t);
/* Keys of this log, oldest first; the last one signs. */
const struct note_key *tlog_keys(const struct tlog *t, size_t *n);
/* Whole file of ledger/ to out (empty where there is none). */
enum err tlog_file(
    const struct tlog *t, const char *name, struct buf *out, struct why *why) MUST_CHECK;

/* The next note of a file of several (history, rotations): each ends with an empty line. */
bool tlog_history_next(struct bytes *rest, struct bytes *note);

/* --- keys --- */

/* Hand over to a new key: the old one signs the new one's name, then is gone. Nothing may be added
 * and not kept. */
enum err tlog_rotate(struct tlog *t, struct why *why) MUST_CHECK;

/* The keys that follow from the first one by the notes of a rotations file: *keys (one given, room
 * for NOTE_KEYS_MAX) grows. ERR_REFUSED: a note that the key before did not sign. */
enum err tlog_follow(struct hasher *h, struct bytes rotations, struct note_key *keys, size_t *n,
    struct why *why) MUST_CHECK;
