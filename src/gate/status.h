/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway is doing, in a file of fixed layout that it maps and `gate status` reads: no
 * request reaches the process that faces the network. Numbers may be a moment apart. */
#pragma once

#include "gate/link.h"

#define GATE_STATUS_FILE  "status"
#define GATE_STATUS_MAGIC UINT64_C(0x3153657461472d48)

struct gate_link_status {
	char name[GATE_NAME_MAX];
	uint64_t open, total;        /* connections */
	uint64_t units[2], bytes[2]; /* by dir, passed on */
	uint64_t refused, warned, alarms;
	uint64_t failures;  /* connections that did not come about */
	uint64_t strangers; /* of these: not trusted */
	uint64_t altered;   /* units whose bytes differ: must stay 0 */
	int64_t last_ns;    /* of the last unit */
	uint8_t listening, server_down, tls[2];
	char peer[GATE_NAME_MAX]; /* the last one that was proved */
	char version[16];
	char trouble[160]; /* the last one */
	int64_t trouble_ns;
};

struct gate_status {
	uint64_t magic;
	int64_t alive_ns; /* wall time of the last tick */
	int64_t certificate_end_ns;
	uint64_t pid;
	uint64_t memory, memory_high;
	uint64_t lost_events;
	uint64_t n_links;
	struct gate_link_status links[GATE_LINKS_MAX];
};
