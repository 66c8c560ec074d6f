/* SPDX-License-Identifier: Apache-2.0 */
/* A whole log in a folder, as C2SP tlog-tiles lays it out. */
#pragma once

#include "ledger/audit.h"
#include "ledger/proof.h"

enum { VERIFY_SAVED_MAX = 64 };

struct verify_log {
	const char *dir, *against;           /* against: another copy, or NULL */
	const char *saved[VERIFY_SAVED_MAX]; /* files of checkpoints kept elsewhere */
	size_t n_saved;
	struct policy policy; /* by which checkpoints are judged */
	/* out */
	uint64_t size, bundles_missing, records;
	struct audit audit;
	struct audit_complete complete;
	size_t n_points;
};

/* ERR_INPUT, ERR_SYSTEM, ERR_REFUSED: the log cannot be judged at all; why says why. Else the
 * faults are in v->audit and v->complete. */
enum err verify_log(struct hasher *h, struct verify_log *v, struct why *why) MUST_CHECK;

/* A whole file of at most max bytes. ERR_ABSENT: no such file. */
enum err verify_slurp(const char *path, size_t max, struct buf *out, struct why *why) MUST_CHECK;

/* What the keys of a policy point into. */
struct verify_texts {
	struct buf key, more;
};

/* The keys of a log folder: log.vkey and the rotations that follow from it, into p. first: the only
 * key that is trusted (then log.vkey is not read), or NULL. dir NULL: only `first`. */
enum err verify_keys(struct hasher *h, const char *dir, const struct note_key *first,
    struct policy *p, struct verify_texts *t, struct why *why) MUST_CHECK;
