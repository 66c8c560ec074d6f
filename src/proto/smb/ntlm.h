/* SPDX-License-Identifier: Apache-2.0 */
/* NTLMSSP messages inside an authentication token: machine names, domains, Windows version.
 * Source: [MS-NLMP] 2.2.1 (messages), 2.2.2.1 (AV_PAIR), 2.2.2.10 (VERSION).
 * Input:  the bytes of a security buffer (SPNEGO or bare); the message is found by its signature.
 * Output: claims about the speaker; the user only as a keyed hash.
 * Total:  any bytes; fields that point outside the message are left out and told as an anomaly. */
#pragma once

#include "proto/observer.h"

struct ntlm_seen {
	unsigned type;       /* 1 negotiate, 2 challenge, 3 authenticate; 0: none here */
	struct hash128 user; /* of an authenticate; zero where anonymous */
};

/* offset: of token in the stream. Counts UNIT_ntlm_messages. */
struct ntlm_seen ntlm_tell(
    struct observer *o, enum name_value dir, uint64_t offset, struct bytes token, enum proto proto);
