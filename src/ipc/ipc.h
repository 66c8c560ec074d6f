/* SPDX-License-Identifier: Apache-2.0 */
/* Typed, bounded messages over a pipe between our own processes.
 * Wire:   u32 length of the payload, u8 type, payload; both ends are the same program on the same
 *         machine, so structs cross as they are.
 * Total:  a reader takes any bytes; what is not in messages.def is ERR_INPUT and the caller ends
 *         the sender. Lengths from a weaker role are claims. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/sip.h"
#include "event/event.h"

enum { IPC_VERSION = 2, IPC_PAYLOAD_MAX = 512 * 1024, IPC_TEXT_MAX = 200, IPC_PACKET_MAX = 4096 };

enum ipc_direction { IPC_DOWN, IPC_UP, IPC_CTL, IPC_RPT, IPC_GTE, IPC_KEY, IPC_SIG };

/* What a sensor is told. */
struct ipc_start {
	uint32_t version;
	uint32_t sensor;    /* this one's number, from 0 */
	uint32_t sensors;   /* how many share the source */
	uint32_t source;    /* number of the capture in the store */
	struct sip_key key; /* for identifiers */
	uint64_t max_flows;
	uint64_t memory_bytes; /* cap of all that outside bytes can make it hold */
	uint8_t live;
	uint8_t progress; /* tell it on standard error */
	char name[128];   /* interface or file name, terminated */
};

struct ipc_hello {
	uint32_t version;
	uint32_t sensor;
	uint32_t source;
	char name[128];
};

struct ipc_stats {
	uint64_t packets;
	uint64_t bytes; /* as they were on the wire */
	uint64_t dropped;
	uint64_t flows;
	uint64_t live_flows;
	uint64_t memory_high;
	uint64_t units[UNIT_COUNT];
};

struct ipc_done {
	uint32_t code;           /* enum err */
	char text[IPC_TEXT_MAX]; /* terminated; why it ended where that was no plain end */
};

/* What the store is told first. The data directory's descriptor is inherited. */
struct ipc_open {
	uint32_t version;
	uint8_t live;    /* commits often; a file is committed in large steps */
	uint8_t summary; /* 1: print one at the end for people, 2: as JSON */
	uint8_t colour;
	uint8_t pad;
	char data[1024];   /* path of the data directory, terminated */
	char config[1024]; /* path of the settings, terminated; empty: none */
};

struct ipc_ready {
	uint32_t code; /* enum err */
	char text[IPC_TEXT_MAX];
};

/* A sensor's pipe comes along as the descriptor. */
struct ipc_attach {
	uint32_t source; /* 0: a new one; else one that was given before (a restart) */
	uint32_t sensor;
	uint8_t live;
	uint8_t gate; /* it is the gateway, not a sensor */
	uint8_t pad[2];
	char name[128];
};

struct ipc_attached {
	uint32_t source;
	uint32_t sensor;
};

struct ipc_process {
	uint32_t status;
	char role[16];
	char what[16];
	char detail[IPC_TEXT_MAX];
};

/* What the gate role is told first. Links, peers and the socket to the keys role follow, then
 * commit; later changes come the same way. */
struct ipc_gate_start {
	uint32_t version;
	uint32_t source;    /* number of its events in the store */
	struct sip_key key; /* for identifiers and hashes of units */
	uint64_t memory_bytes;
};

/* Our certificate and the authority that issued it, DER, one behind the other. */
struct ipc_certificate {
	uint16_t leaf_len, authority_len;
	uint32_t pad;
	int64_t end_ns; /* wall time */
	char name[64];
	uint8_t der[3840];
};

enum ipc_type {
#define MESSAGE(direction, type, no, phase, min, max) IPC_##direction##_##type = (no),
#include "ipc/messages.def"
};

/* Append a message to out; the payload's size is held against the table (asserted: it is ours). */
void ipc_put(struct buf *out, enum ipc_direction d, enum ipc_type type, struct bytes payload);

/* One message as one packet on a socket pair (SOCK_SEQPACKET); pass_fd -1: none. */
enum err ipc_send(int fd, enum ipc_direction d, enum ipc_type type, struct bytes payload,
    int pass_fd, struct why *why) MUST_CHECK;

struct ipc_packet {
	enum ipc_type type;
	struct bytes payload; /* in data */
	int fd;               /* -1: none came; the receiver's to close */
	uint8_t data[IPC_PACKET_MAX];
};

/* ERR_ABSENT: the other side is gone. ERR_INPUT: not in the table; a descriptor that came is
 * closed. *running is the phase, kept by the caller. */
enum err ipc_receive(
    int fd, enum ipc_direction d, bool *running, struct ipc_packet *p, struct why *why) MUST_CHECK;

struct ipc_reader {
	enum ipc_direction direction;
	bool running; /* phase RUN */
	struct buf in;
};

struct ipc_message {
	enum ipc_type type;
	struct bytes payload; /* until the next call on this reader */
};

/* Read once from fd. ERR_ABSENT: end of file. */
enum err ipc_fill(struct ipc_reader *r, int fd, struct why *why) MUST_CHECK;
/* The next whole message of what was read: ERR_LIMIT = there is none yet; ERR_INPUT = not of this
 * protocol. Call until ERR_LIMIT, then ipc_compact(). */
enum err ipc_next(
    struct ipc_reader *r, size_t *at, struct ipc_message *m, struct why *why) MUST_CHECK;
void ipc_compact(struct ipc_reader *r, size_t at);
