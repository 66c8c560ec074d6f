/* SPDX-License-Identifier: Apache-2.0 */
/* TLS records of one direction, and handshake messages put together over their borders.
 * Source: RFC 8446 5.1, RFC 5246 6.2.1 and 7.4, RFC 6101 E (SSL 2.0 record of a first hello).
 * Input:  runs in stream order, holes told by tls_records_gap().
 * Output: calls of the sink; views live during the call.
 * Memory: one incomplete message of a wanted type, at most HANDSHAKE_BYTES_MAX.
 * Total:  bytes that are no record end the reading of this direction with one anomaly. */
#pragma once

#include "event/event.h"

enum { HANDSHAKE_BYTES_MAX = 256 * 1024, RECORD_BYTES_MAX = (1 << 14) + 2048 };

enum tls_message {
	TLS_CLIENT_HELLO = 1,
	TLS_SERVER_HELLO = 2,
	TLS_CERTIFICATE = 11,
	TLS_CERTIFICATE_REQUEST = 13,
};

struct tls_records;

struct tls_sink {
	/* body is empty for types that are not of enum tls_message; length is the body's own. */
	void (*handshake)(
	    struct tls_records *r, uint8_t type, struct bytes body, size_t length, uint64_t offset);
	/* An SSL 2.0 client hello (from its type byte), or the first five bytes of a 2.0 server
	 * hello: both only as the first bytes of a direction. */
	void (*v2_hello)(struct tls_records *r, struct bytes message, uint64_t offset);
	void (*alert)(struct tls_records *r, uint8_t level, uint8_t what, uint64_t offset);
	void (*change_cipher)(struct tls_records *r, uint64_t offset);
	void (*application)(struct tls_records *r, uint64_t offset); /* once; reading ends */
	void (*anomaly)(struct tls_records *r, enum anomaly name, uint64_t offset);
};

struct tls_records {
	const struct tls_sink *sink;
	void *owner;
	enum name_value dir;
	bool encrypted; /* set by the owner: handshake and alert records cannot be read */
	bool done;      /* set by either: no byte is looked at any more */
	/* private */
	bool started;
	bool lost; /* a hole took a part of the message under way: it is skipped */
	bool v2;   /* an SSL 2.0 hello is being read */
	uint8_t head[5];
	uint8_t n_head;
	uint8_t type;
	uint8_t small[8]; /* first bytes of an alert or a heartbeat */
	uint8_t n_small;
	size_t length;   /* of the record */
	size_t left;     /* bytes of the record to come */
	uint64_t record; /* offset of its header */
	uint8_t message_head[4];
	uint8_t n_message_head;
	size_t message_length;
	size_t message_left;
	uint64_t message_at;
	bool message_wanted;
	struct buf message;
};

void tls_records_init(struct tls_records *r, const struct tls_sink *sink, void *owner,
    enum name_value dir, struct budget *budget);
void tls_records_data(struct tls_records *r, struct bytes run, uint64_t offset);
void tls_records_gap(struct tls_records *r, uint64_t missing);
/* The direction is over: a message that was begun is told as an anomaly. */
void tls_records_end(struct tls_records *r);
void tls_records_free(struct tls_records *r);
