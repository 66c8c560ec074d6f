/* SPDX-License-Identifier: Apache-2.0 */
/* May this unit pass this link? And the answer in the peer's own protocol when it may not.
 * Order: unit too large -> unsure; a deny rule that fits -> refuse; allow rules exist and none
 *        fits -> refuse; else pass. A unit that cannot be read, or a protocol without borders while
 *        there are rules for its content, is unsure: the link says what that means.
 * What a unit says of itself:
 *   HL7 v2   type MSH-9 as TYPE^TRIGGER, sender MSH-3^MSH-4, receiver MSH-5^MSH-6
 *   ASTM     type is each record's letter, sender H-5, receiver H-10 (of the message's first frame)
 *   DICOM    A-ASSOCIATE-RQ: type is that, then each SOP class; sender and receiver the AE titles
 *   HTTP     type "METHOD Resource" (FHIR) or "METHOD /path", receiver Host
 * Acknowledgements (HL7 MSA, LIS01 control bytes, DICOM answers) pass unless a deny rule names
 * them: an answer belongs to what was let through.
 * Pure and total: any bytes; work linear in the unit's head. */
#pragma once

#include "base/buf.h"
#include "gate/link.h"
#include "gate/unit.h"

enum verdict { VERDICT_PASS, VERDICT_REFUSE, VERDICT_UNSURE };

enum { REASON_MAX = 160, TYPE_MAX = 64 };

struct judgement {
	enum verdict verdict;
	enum proto proto;
	bool is_answer;          /* no answer is owed */
	char type[TYPE_MAX];     /* printable */
	char reason[REASON_MAX]; /* plain words, nothing of a patient; empty on pass */
};

/* What is remembered of one direction between units. */
struct policy_memory {
	char sender[44], receiver[44]; /* ASTM: of the message in hand */
};

/* unit: all of it, or its first bytes where size says that it is longer. */
void policy_judge(const struct gate_link *link, enum unit_carrier carrier, enum name_value dir,
    struct bytes unit, uint64_t size, struct policy_memory *m, struct judgement *out);

/* May a conversation of this carrier run over the link at all? reason as above. */
bool policy_carries(
    const struct gate_link *link, enum unit_carrier carrier, char reason[REASON_MAX]);

/* Append what tells the sender of the unit that it was refused; *close: the connection ends with
 * it. Nothing is appended where the protocol has no word for it. now: for MSH-7. */
void policy_answer(struct buf *out, enum unit_carrier carrier, struct bytes unit,
    const struct judgement *j, struct wall now, bool *close);

/* '*' in pattern stands for any run; letters count in either case; empty fits all. */
bool policy_fits(const char *pattern, struct bytes text);
