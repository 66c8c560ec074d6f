/* SPDX-License-Identifier: Apache-2.0 */
/* Network addresses as plain values. An IPv4 address is kept as ::ffff:a.b.c.d (RFC 4291 2.5.5.2),
 * so that there is one kind of IP address everywhere. All zero means "not known". */
#pragma once

#include "base/bytes.h"

struct ip {
	uint8_t b[16];
};

struct mac {
	uint8_t b[6];
};

enum { IP_TEXT_MAX = 48, MAC_TEXT_MAX = 18 };

static inline struct ip
ip_from_v4(const uint8_t v4[4])
{
	struct ip a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, v4[0], v4[1], v4[2], v4[3]}};

	return a;
}

static inline struct ip
ip_from_v6(const uint8_t v6[16])
{
	struct ip a;

	memcpy(a.b, v6, sizeof(a.b));
	return a;
}

static inline struct mac
mac_from(const uint8_t b[6])
{
	struct mac m;

	memcpy(m.b, b, sizeof(m.b));
	return m;
}

static inline bool
ip_eq(struct ip a, struct ip b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static inline bool
mac_eq(struct mac a, struct mac b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

bool ip_is_v4(struct ip a);
bool ip_is_zero(struct ip a);
bool mac_is_zero(struct mac m);
bool mac_is_group(struct mac m); /* multicast or broadcast */

/* Addresses that are not one host: unspecified, multicast, limited broadcast. */
bool ip_is_group(struct ip a);
bool ip_is_loopback(struct ip a);
/* RFC 1918, RFC 4193, RFC 6598, link local and loopback: not reachable from the Internet. */
bool ip_is_private(struct ip a);

/* Dotted quad, or RFC 5952 text. Terminated; returns the length. */
size_t ip_format(struct ip a, char out[IP_TEXT_MAX]);
size_t mac_format(struct mac m, char out[MAC_TEXT_MAX]); /* aa:bb:cc:dd:ee:ff */
bool ip_parse(struct bytes text, struct ip *a);          /* either family */
bool mac_parse(struct bytes text, struct mac *m);        /* with ':', '-', or bare hex */
