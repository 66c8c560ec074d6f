/* SPDX-License-Identifier: Apache-2.0 */
/* A name for protocols that Hemostat does not read itself, by nDPI. The only room that includes it.
 * nDPI sees the first packets of a flow that no parser of ours took; its word is a label for
 * people, never a reason for a finding: ours have decided before it is asked.
 * Memory: nDPI's tables (about 5 MiB) come with the first unknown flow, so that start-up stays
 *         short; NAMING_FLOWS_MAX flows under examination at one time, others stay unnamed.
 * Total:  any packet gives a label or none. */
#pragma once

#include "base/bytes.h"
#include "base/clock.h"

enum { NAMING_FLOWS_MAX = 2048, NAMING_PACKETS_MAX = 10, NAMING_LABEL_MAX = 32 };

struct naming;
struct naming_flow;

struct naming *naming_new(void); /* NULL: no memory */
void naming_free(struct naming *n);

/* NULL: too many at one time, or nDPI could not start. */
struct naming_flow *naming_open(struct naming *n);
/* Show one IP packet (from its IP header on). True: label holds the word, or is empty when nDPI
 * gave up; either way the flow is over and must be closed. */
bool naming_packet(struct naming *n, struct naming_flow *f, struct bytes ip, struct wall time,
    char label[NAMING_LABEL_MAX]);
void naming_close(struct naming *n, struct naming_flow *f);
