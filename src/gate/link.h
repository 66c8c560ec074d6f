/* SPDX-License-Identifier: Apache-2.0 */
/* What a link of the gateway is: where it listens, where it dials, who may use it, what it may
 * carry. Plain data of fixed size, so that it crosses to the gate role as it is; texts terminated.
 * Made from the settings (settings/settings.h); names of peers are those of gate/peers.h. */
#pragma once

#include "base/addr.h"

enum {
	GATE_LINKS_MAX = 64,
	GATE_PEERS_MAX = 256, /* known to a box */
	GATE_LINK_PEERS = 8,  /* allowed on one side of a link */
	GATE_RULES_MAX = 12,
	GATE_NAME_MAX = 64,
	GATE_CONNECTIONS_DEFAULT = 256,
	GATE_CONNECTIONS_MAX = 10000,
	GATE_SIZE_DEFAULT = 16 << 20, /* bytes of one unit */
	GATE_SIZE_MAX = 256 << 20,
};

enum gate_mode {
	GATE_OBSERVE, /* inspect and record */
	GATE_WARN,    /* also tell what the policy would refuse */
	GATE_BLOCK,   /* hold each unit until it is whole and judged; refuse */
};

/* What happens to what cannot be judged: see policy.h. */
enum gate_unsure { GATE_PASS_AND_ALARM, GATE_REFUSE };

enum gate_from { GATE_FROM_ANY, GATE_FROM_CLIENT, GATE_FROM_SERVER };

struct gate_end {
	struct ip ip;
	uint16_t port;
	uint8_t tls;
	uint8_t old_tls; /* TLS 1.2 too */
	uint8_t n_peers;
	char peers[GATE_LINK_PEERS][GATE_NAME_MAX]; /* who may be there; TLS only */
};

/* Empty and 0 fit everything; texts may hold '*' for any run of bytes. */
struct gate_rule {
	uint8_t deny;  /* else allow */
	uint8_t from;  /* enum gate_from */
	uint8_t proto; /* enum proto */
	char type[40];
	char sender[44];
	char receiver[44];
	uint64_t max_bytes;
};

struct gate_link {
	char name[GATE_NAME_MAX];
	struct gate_end listen, dial;
	uint8_t mode;   /* enum gate_mode */
	uint8_t unsure; /* enum gate_unsure */
	uint8_t n_rules;
	uint32_t connections; /* at one time */
	uint32_t per_minute;  /* units from clients; 0: no bound */
	uint64_t max_bytes;   /* of one unit */
	uint64_t protos;      /* bits 1 << enum proto; 0: any */
	struct gate_rule rules[GATE_RULES_MAX];
};
