/* SPDX-License-Identifier: Apache-2.0 */
/* Events: the one form in which facts leave a parser, cross to another process and are stored.
 * A pure parser fills a struct ev_KIND (an observation); the owner of its stream adds the head;
 * event_encode() makes the bytes that are sent, stored and hashed.
 * Encoding: u32 LE length of the rest, u8 kind, head, fields in the order of events.def; numbers
 *           are LEB128, texts and lists a LEB128 length and bytes, addresses and hashes raw.
 *           A record that ends early has its missing fields empty (older writers); extra bytes at
 *           the end are refused by event_decode().
 * Total:    event_decode() on any bytes gives an event or ERR_INPUT; views point into the input.
 * Limits:   EVENT_BYTES_MAX a record; texts at their field's max: longer ones are cut on encode. */
#pragma once

#include "base/addr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/sip.h"

enum { EVENT_BYTES_MAX = 256 * 1024 };

/* Words. enum transport { TRANSPORT_tcp = 6, ... }: values as name_set_ID. */
enum name_set {
	NAMES_transport,
	NAMES_category,
	NAMES_attr,
	NAMES_outcome,
	NAMES_magic,
	NAMES_state,
	NAMES_severity,
	NAMES_dir
};

enum name_value {
#define NAME(set, id, no, label) set##_##id = (no),
#include "event/names.def"
};

enum proto {
#define PROTO(id, no, label, kind, text) PROTO_##id = (no),
#include "event/protos.def"
	PROTO_MAX = 64
};

enum proto_kind {
	PROTO_KIND_OTHER,
	PROTO_KIND_CLINICAL,
	PROTO_KIND_OFFICE,
	PROTO_KIND_REMOTE,
	PROTO_KIND_NETWORK
};

enum anomaly {
#define ANOMALY(id, no, class, source, text) ANOMALY_##id = (no),
#include "event/anomalies.def"
	ANOMALY_MAX = 1000
};

enum anomaly_class { ANOMALY_DEVIATION, ANOMALY_ATTACK, ANOMALY_LOSS };

struct anomaly_info {
	enum anomaly id;
	const char *name;
	enum anomaly_class class;
	const char *source; /* standard and clause */
	const char *text;
};

enum unit {
#define UNIT(id, text) UNIT_##id,
#include "event/units.def"
	UNIT_COUNT
};

/* Bits of message.flags. */
enum {
	MESSAGE_CUT = 1,       /* bytes are missing: what is there is told, nothing is invented */
	MESSAGE_MALFORMED = 2, /* could not be read as its type asks */
	MESSAGE_REPEAT = 4,    /* same control id as a message just before on this flow */
	MESSAGE_BATCH = 8,     /* came inside a batch or shared a block */
	MESSAGE_RESULTS_CUT = 16, /* more results than a record holds; n_results counts all */
	MESSAGE_UNPAIRED = 32,    /* an answer to nothing that was seen */
	MESSAGE_PROTECTED = 64,   /* the gateway carries it under TLS */
};

enum { TLS_SELF_SIGNED = 1, TLS_CLIENT_CERT_ASKED = 2, TLS_RESUMED = 4, TLS_CLIENT_ONLY = 8 };

enum { BINDING_GRATUITOUS = 1, BINDING_SERVER = 2, BINDING_ROUTER = 4 };

enum {
	FLOW_MIDSTREAM = 1,
	FLOW_CONFLICT = 2,
	FLOW_SWAPPED = 4,
	FLOW_EVICTED = 8, /* ended early: the table of flows was full */
	FLOW_UNREAD = 16, /* bytes of it went by unread: memory was out */
};

enum event_kind {
#define EVENT(id, no, text) EV_##id = (no),
#include "event/events.def"
	EV_MAX = 64
};

#define EVENT(id, no, text)  struct ev_##id {
#define RECORD(id, no, text) struct ev_##id {
#define U64(ev, f, c)        uint64_t f;
#define TIME(ev, f, c)       struct wall f;
#define TEXT(ev, f, max, c)  struct bytes f;
#define IP(ev, f, c)         struct ip f;
#define MAC(ev, f, c)        struct mac f;
#define HASH(ev, f, c)       struct hash128 f;
#define NAMED(ev, f, set, c) uint64_t f;
#define PROTOCOL(ev, f, c)   uint64_t f;
#define ANOM(ev, f, c)       uint64_t f;
#define LIST(ev, f, rec, c)  struct bytes f; /* records, as result_encode() wrote them */
#define END(ev)                                                                                    \
	}                                                                                          \
	;
#include "event/events.def"

/* What every event carries. */
struct event_head {
	struct wall time; /* of the packet that completed the unit, or of the act */
	uint64_t source;  /* number of the capture it came from, 0 = Hemostat itself */
	uint64_t packet;  /* number of that packet in its capture, from 1; 0 = none */
	uint64_t flow;    /* 0 = none */
	uint64_t link;    /* 0 = none */
	uint64_t dir;     /* dir_orig or dir_resp: who spoke */
	uint64_t offset;  /* of the unit from the start of its direction's stream, bytes */
};

struct event {
	enum event_kind kind;
	struct event_head head;
	union {
		struct ev_message message;
		struct ev_claim claim;
		struct ev_anomaly anomaly;
		struct ev_credential credential;
		struct ev_login login;
		struct ev_tls tls;
		struct ev_attachment attachment;
		struct ev_binding binding;
		struct ev_setup setup;
		struct ev_flow flow;
		struct ev_link link;
		struct ev_capture capture;
		struct ev_process process;
		struct ev_device device;
		struct ev_finding finding;
		struct ev_account account;
		struct ev_gate gate;
		struct ev_relay relay;
	} u;
};

/* Append one event; `fields` is the struct ev_KIND that belongs to kind. False (nothing appended)
 * where out is at its cap or the record would pass EVENT_BYTES_MAX. */
bool event_encode(
    struct buf *out, enum event_kind kind, const struct event_head *head, const void *fields);

/* Read the event at the start of in; *used gets its whole length. ERR_LIMIT: in holds only a part
 * of it (*used gets the whole length where that is known, else 0). ERR_INPUT: not an event. */
enum err event_decode(struct bytes in, struct event *ev, size_t *used, struct why *why) MUST_CHECK;

/* Append a result record to the LIST bytes of a message. Same rule as event_encode(). */
bool result_encode(struct buf *list, const struct ev_result *r);
/* Take the next result off *list. False at its end or where what follows is not a record. */
bool result_next(struct bytes *list, struct ev_result *r);

/* {"kind":..., "time":..., ...} with every field that is set; results as an array. */
void event_json(struct json *j, const struct event *ev);
/* Only the fields of its kind, inside an object the caller has opened. */
void event_json_fields(struct json *j, const struct event *ev);
/* The fields of one result, inside an object the caller has opened. */
void result_json_fields(struct json *j, const struct ev_result *r);

const char *event_name(enum event_kind kind);     /* NULL: no such kind */
enum event_kind event_kind_of(struct bytes name); /* 0: no such name */

/* Label of a word, protocol, anomaly or unit; "unknown" for numbers that are none. */
const char *name_label(enum name_set set, uint64_t value);
/* The number of a label; false where the set has no such word. */
bool name_value(enum name_set set, struct bytes label, uint64_t *value);
const char *proto_label(uint64_t proto);
const char *proto_text(uint64_t proto);
enum proto_kind proto_kind(uint64_t proto);
bool proto_of(struct bytes label, uint64_t *proto);
const struct anomaly_info *anomaly_info(uint64_t id); /* NULL: no such anomaly */
const char *unit_name(enum unit u);
