/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of the store's front share. */
#pragma once

#include "store/backend.h"

enum { TAIL_PARTS_MAX = 24 };

/* A run of the tail: one block in the database, or not written yet. */
struct tail_part {
	struct block_info info;
	size_t raw_at, keys_at; /* where it starts in the tail's buffers */
	bool written;           /* its row holds all of it */
	bool has_row;           /* a row stands under its first number, up to date or not */
};

/* The last events, still apart from full blocks.
 * Invariants: parts follow each other in number and in the buffers; only the last may be not
 * written; all of them together fit one block. A commit writes the last part; parts of like size
 * are joined then, so that many small commits end as few blocks and each event is written again
 * about log2(block / commit) times. */
struct tail {
	struct buf raw, keys;
	struct tail_part parts[TAIL_PARTS_MAX];
	size_t n;
};

struct store {
	const struct backend_ops *ops;
	struct backend *b;
	struct store_dir *dir;
	struct wall (*now)(void);
	struct packer *packer;
	bool writer;
	bool rebuilding;
	bool in_transaction;
	bool unsynced;     /* a commit since the last durable one */
	uint64_t next_seq; /* of the next event */
	uint64_t kept_seq; /* the same as of the last commit */
	uint64_t waiting;  /* bytes of records since then */
	struct tail tail;
	struct tally tally;
	struct buf record; /* of store_append_fields() */
	struct buf packed, set;
};

/* Begin a transaction where none is open. */
enum err store_begin(struct store *st, struct why *why) MUST_CHECK;
/* Undo everything since the last commit and give back e. */
enum err store_undo(struct store *st, enum err e);
/* After a commit: later events will not be joined to blocks that are written. */
void store_seal_tail(struct store *st);
/* Put what waits in memory into the open transaction, so that reading sees it. */
enum err store_settle(struct store *st, struct why *why) MUST_CHECK;
enum err store_flush_tally(struct store *st, struct why *why) MUST_CHECK;
/* Read and unpack the block of a row: its records, and where each starts. ERR_ABSENT: gone. */
enum err store_read_block(struct store *st, const struct block_info *i, struct buf *kept,
    struct buf *raw, struct buf *at, struct why *why) MUST_CHECK;
/* Refused for readers. */
enum err store_writable(const struct store *st, struct why *why) MUST_CHECK;
