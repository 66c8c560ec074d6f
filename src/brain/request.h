/* SPDX-License-Identifier: Apache-2.0 */
/* What a person may ask to be changed, on one path whether the daemon runs or not: over the control
 * socket of the data directory to the store role, else by opening the store here. */
#pragma once

#include "base/err.h"

enum request_kind {
	REQUEST_DEVICE_STATE = 1,
	REQUEST_FINDING_STATE = 2,
	REQUEST_ACCOUNT =
	    3, /* state: a people_act, or login, refused, logout, which change nothing */
};

/* Crosses the control socket as it is; texts terminated. */
struct request {
	uint32_t kind; /* enum request_kind */
	uint32_t pad;
	uint64_t id;
	char state[16];
	char who[64];
	char reason[192];
	/* REQUEST_ACCOUNT only. */
	char name[32];
	char role[16];
	char from[48];    /* address the person asked from; empty: this machine */
	char secret[128]; /* hash of the password */
};

struct request_answer {
	uint32_t code; /* enum err */
	char text[200];
};

#define REQUEST_SOCKET "control.sock"

struct detect_config;

/* data: path of the data directory; config: as the daemon would have it (only used where none
 * runs). ERR_ABSENT: no such device or finding. ERR_USAGE: a state that
 * it cannot have. */
enum err request_do(const char *data, const struct detect_config *config, const struct request *r,
    struct why *why) MUST_CHECK;
