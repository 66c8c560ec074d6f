/* SPDX-License-Identifier: Apache-2.0 */
/* What detectors share: the event at hand, their tables, and the way to say that something is
 * wrong. A detector is one function; its memory is a row type below and a line in tables.def. */
#pragma once

#include "base/idmap.h"
#include "detect/detect.h"
#include "detect/table.h"

enum { SKETCH_WORDS = 16 }; /* 1,024 bits: enough to tell 600 different things */

/* Counts different things by the bits their hashes set. */
struct sketch {
	uint64_t bits[SKETCH_WORDS];
};

struct row_window { /* occurrences in a window of time */
	int64_t start_ns;
	uint64_t count;
	uint64_t most; /* of a whole window before */
	uint64_t told;
};

struct row_targets { /* different targets in a window of time */
	int64_t start_ns;
	struct sketch seen;
};

struct row_queries {
	int64_t start_ns;
	uint64_t open;
	struct sketch patients, specimens;
};

struct row_logins {
	int64_t start_ns;
	uint64_t failures, others;
};

struct row_owner { /* who has an address */
	int64_t last_ns;
	uint8_t mac[8]; /* 6 used */
};

struct row_seen {
	int64_t first_ns;
};

struct row_capture {
	uint64_t packets, dropped;
	int64_t start_ns;
	uint64_t holes;
};

enum { RESULT_VARIANTS = 3 };

struct result_variant {
	uint32_t value; /* 0: none */
	uint32_t link;
	uint16_t observed; /* 0: not told */
	uint8_t units;     /* 0: not told */
	uint8_t settled;   /* 1: final; 0: preliminary */
};

struct row_result {
	uint64_t more;                            /* rest of the key */
	struct result_variant v[RESULT_VARIANTS]; /* latest first */
};

/* TABLE(id, rows, row type) */
#define DETECT_TABLES(TABLE)                                                                       \
	TABLE(tls_flows, 4096, struct row_seen)                                                    \
	TABLE(scan_hosts, 1024, struct row_targets)                                                \
	TABLE(scan_ports, 1024, struct row_targets)                                                \
	TABLE(logins, 1024, struct row_logins)                                                     \
	TABLE(messages, 8192, struct row_window)                                                   \
	TABLE(connections, 4096, struct row_window)                                                \
	TABLE(queries, 1024, struct row_queries)                                                   \
	TABLE(movers, 1024, struct row_seen)                                                       \
	TABLE(owners, 8192, struct row_owner)                                                      \
	TABLE(dhcp_servers, 64, struct row_seen)                                                   \
	TABLE(directors, 4096, struct row_seen)                                                    \
	TABLE(captures, 256, struct row_capture)                                                   \
	TABLE(results, 0, struct row_result)

struct finding {
	uint64_t id, key, device, link, count;
	struct event_head first;
	int64_t last_ns, told_ns;
	struct ip ip, peer;
	uint8_t detector, severity, state, cause_len;
	uint16_t text_len;
	uint8_t cause[FINDING_CAUSE_MAX];
	uint8_t text[FINDING_TEXT_MAX];
};

struct detect {
	struct budget *budget;
	struct detect_config config; /* every rate set */
#define TABLE(id, rows, type) struct table id;
	DETECT_TABLES(TABLE)
#undef TABLE
	struct finding *findings;
	size_t n_findings, room_findings;
	struct idmap by_key, by_id;
	uint64_t last_id, forgotten;
	uint64_t made[DETECTORS];
	int64_t first_ns; /* of the first event ever; 0 = none yet */
	int64_t dhcp_first_ns;
	/* During one event: */
	const struct event_head *head;
	const struct asset_book *book;
	const struct event_sink *sink;
	struct asset_link link; /* id = 0: none or not known */
	struct finding *said;   /* what detect_hit() found */
	const char *what;
};

#define DETECTOR(id, no, sev, tech, kinds, text)                                                   \
	void detect_##id(struct detect *d, const struct event *ev);
#include "detect/detectors.def"

/* A thing to be told. severity 0: the detector's own. */
struct hit {
	enum detector_id detector;
	enum name_value severity;
	uint64_t device;
	struct ip ip, peer;
	uint64_t link;
	struct bytes cause;
};

/* Count it. True where it must be told: then call detect_say() at once. */
bool detect_hit(struct detect *d, const struct hit *h) MUST_CHECK;
/* What happened, in a sentence without a full stop. */
void detect_say(struct detect *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The cause is gone: close what is open. reason: a literal. */
void detect_close(
    struct detect *d, enum detector_id id, uint64_t device, struct bytes cause, const char *reason);

/* The end of the link that spoke (or listened). */
struct end {
	struct ip ip;
	uint64_t device;
};
struct end detect_speaker(const struct detect *d);
struct end detect_listener(const struct detect *d);
struct end detect_client(const struct detect *d);
struct end detect_server(const struct detect *d);

/* This flow is one whose TLS Hemostat saw begin, and yet its inside is told: the gateway ends it.
 */
bool detect_in_tls(struct detect *d);
bool detect_is_manager(const struct detect *d, struct ip ip);
/* Inside: in a zone, or private where no zones are set. */
bool detect_is_inside(const struct detect *d, struct ip ip);
/* Has the device been watched long enough, or approved, so that its peers are known? */
bool detect_has_learned(const struct detect *d, uint64_t device);
/* A window that began at *start is over: begin anew. True then. */
bool detect_window(const struct detect *d, int64_t *start, uint64_t seconds);

uint64_t key_of_ip(struct ip ip, uint64_t salt);
uint64_t key_of_ips(struct ip a, struct ip b, uint64_t salt);
uint64_t key_of_bytes(struct bytes b, uint64_t salt);

/* Add a hash; the number of different ones, about (exact while small). */
size_t sketch_add(struct sketch *s, uint64_t hash);

/* An address as text, for the length of one full expression. */
struct ip_text {
	char t[IP_TEXT_MAX];
};
struct ip_text ip_text(struct ip ip);
/* "10.0.0.5" or, where it is known, "10.0.0.5 (XN-550)". */
struct end_text {
	char t[IP_TEXT_MAX + 48];
};
struct end_text end_text(const struct detect *d, struct end e);
