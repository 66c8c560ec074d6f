/* SPDX-License-Identifier: Apache-2.0 */
/* The message format that DNS, multicast DNS, LLMNR and NetBIOS names share.
 * Source:  RFC 1035 4.1 (messages), 4.1.4 (compression); RFC 1002 4.2 (NetBIOS); RFC 6762 18.
 * Input:   one whole message.
 * Output:  names as dotted text in the caller's struct; record data as views into the message.
 * Total:   a compression pointer must point before the name it stands in, so every name ends;
 *          a fault is told once and ends the walk.
 * Limits:  NAME_TEXT_MAX bytes a name (RFC 1035 2.3.4 has 255 with the lengths). */
#pragma once

#include "base/cursor.h"

enum { NAME_TEXT_MAX = 255, DNS_HEADER_BYTES = 12, NETBIOS_NAME_BYTES = 15 };

enum dns_fault {
	DNS_OK,
	DNS_SHORT, /* ends inside a unit */
	DNS_LOOP,  /* a pointer that does not point back */
	DNS_LONG,  /* a name over the limit */
	DNS_LABEL, /* a label type that is not in use (RFC 6891 5) */
};

enum dns_type {
	DNS_A = 1,
	DNS_PTR = 12,
	DNS_HINFO = 13,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_NB = 32,     /* RFC 1002 */
	DNS_NBSTAT = 33, /* RFC 1002; SRV (RFC 2782) elsewhere */
	DNS_SRV = 33,
};

struct dns_name {
	uint8_t text[NAME_TEXT_MAX + 1]; /* labels joined with '.', control bytes as '?' */
	size_t len;
	size_t first; /* length of the first label in text */
	bool plain;   /* letters, digits, '-', '_' only */
};

struct dns_record {
	struct dns_name name;
	uint16_t type, class;
	uint32_t ttl;
	struct bytes data; /* in the message */
	size_t at;         /* of data in the message */
};

struct dns_message {
	struct bytes in;
	uint16_t id, flags;
	uint16_t n[4]; /* questions, answers, authorities, additionals */
	size_t at;     /* of the next unit */
	enum dns_fault fault;
};

enum { DNS_RESPONSE = 0x8000 }; /* in flags */

static inline unsigned
dns_opcode(const struct dns_message *m)
{
	return m->flags >> 11 & 15;
}

static inline unsigned
dns_rcode(const struct dns_message *m)
{
	return m->flags & 15;
}

/* Read the header. False: not even that is there. */
bool dns_open(struct dns_message *m, struct bytes in);
/* The next question or record (data empty for a question). False: m->fault is set. */
bool dns_question(struct dns_message *m, struct dns_record *r);
bool dns_record(struct dns_message *m, struct dns_record *r);
/* A name inside record data, at `at` of the message; *end gets the place after it. */
enum dns_fault dns_name_at(struct bytes message, size_t at, struct dns_name *name, size_t *end);

static inline struct bytes
dns_name_text(const struct dns_name *n)
{
	return bytes_of(n->text, n->len);
}

/* First-level decoding of a NetBIOS name (RFC 1001 14.1) from its 32 letters: 15 bytes without
 * trailing blanks and the suffix. False: not such a name. */
struct netbios_name {
	uint8_t text[NETBIOS_NAME_BYTES];
	size_t len;
	uint8_t suffix;
};

bool netbios_name_of(struct bytes letters, struct netbios_name *n);
