/* SPDX-License-Identifier: Apache-2.0 */
/* What a LIS02 message says: one message observation with its results, and claims about devices.
 * Source:  LIS02-A2 6 to 14 for the fields; senders.def for H-5.
 * Output:  EV_message: type = letters of the kinds of records in order of first appearance without
 *          L ("HPOR"); offset = that of the first record's letter in the stream; a result's offset
 *          = stream offset of its value minus that, frame bytes between them included, so that
 *          message offset + result offset points at the value in the captured stream.
 * Specimen: O-3 component 1; else of O-4 (rack^position^id, or id^^position) the id; else P-3.
 * Patient:  P-3, else P-4, else P-5, component 1. Queries: Q-3 patient^specimen.
 * Privacy: identifiers leave as keyed hashes, values by value_is_plain(), comments never.
 * Memory:  MESSAGE_RESULTS_MAX bytes of results, from the budget. */
#pragma once

#include "proto/lis02/chain.h"
#include "proto/tally.h"

enum {
	LIS02_RESULTS_MAX = 200 * 1024, /* bytes of encoded results: an event holds 256 KiB */
	LIS02_DEVICE_MAX = 96,
};

struct lis02_reader {
	struct observer *o;
	enum name_value dir;
	struct tally *tally;
	struct buf results;
	struct hash128 sender;            /* of the last H-5, so that claims are made once */
	struct hash128 control;           /* of the last message */
	uint8_t device[LIS02_DEVICE_MAX]; /* the last R-14 */
	size_t n_device;
	bool asked; /* a query went out that has no answer yet */
};

void lis02_reader_init(
    struct lis02_reader *r, struct observer *o, enum name_value dir, struct tally *tally);
/* peer: reader of the other direction, for queries and their answers. */
void lis02_observe(
    struct lis02_reader *r, struct lis02_reader *peer, const struct lis02_message *m);
void lis02_reader_free(struct lis02_reader *r);

/* Letters of the kinds of records in order of appearance, without L; the category. out holds at
 * least 16 bytes, is terminated. asked: the other side has a query open. */
enum name_value lis02_kind(struct bytes text, uint8_t field, bool asked, char *out);
