/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs that travel alone, and the policy by which they are judged.
 * Source:  C2SP tlog-proof, tlog-policy.
 * Input:   any bytes; views point into them.
 * Limits:  POLICY_* of each thing in a policy; names of at most 64 bytes there. */
#pragma once

#include "ledger/note.h"

struct tlog_proof {
	struct bytes extra; /* base64 as it stands; empty where there is none */
	uint64_t index;
	struct tree_proof path;
	struct bytes note; /* the signed checkpoint */
};

enum err tlog_proof_parse(struct bytes in, struct tlog_proof *out, struct why *why) MUST_CHECK;
void tlog_proof_format(const struct tlog_proof *p, struct buf *out);

enum { POLICY_LOGS_MAX = 64, POLICY_WITNESSES_MAX = 64, POLICY_GROUPS_MAX = 64 };

struct policy_group {
	struct bytes name;
	uint64_t need;              /* at least this many members */
	uint64_t witnesses, groups; /* bits: members */
};

/* Keys: logs first, then witnesses, as note_verify() takes them. */
struct policy {
	size_t n_logs, n_witnesses, n_groups;
	struct note_key keys[POLICY_LOGS_MAX + POLICY_WITNESSES_MAX];
	struct bytes witness_name[POLICY_WITNESSES_MAX];
	struct policy_group group[POLICY_GROUPS_MAX];
	uint64_t quorum_witness, quorum_group; /* one bit in one of them; none: no quorum asked */
};

enum err policy_parse(
    struct hasher *h, struct bytes in, struct policy *out, struct why *why) MUST_CHECK;
/* Only this log, no witnesses. */
void policy_of_key(const struct note_key *log, struct policy *out);

/* The checkpoint in a note, held against a policy: the origin is a log's name, that log has signed,
 * and enough witnesses have. ERR_INPUT: not a checkpoint. ERR_REFUSED: why says what lacks. */
enum err policy_open(const struct policy *p, struct bytes note, struct checkpoint *out,
    struct note_signers *signers, struct why *why) MUST_CHECK;

/* The whole of it: leaf hash, proof and policy. ERR_REFUSED also where the path does not end in the
 * root. *c: the checkpoint it stands under. */
enum err tlog_proof_holds(struct hasher *h, const struct policy *p, const struct tlog_proof *proof,
    const struct tree_hash *leaf, struct checkpoint *c, struct why *why) MUST_CHECK;
