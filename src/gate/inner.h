/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the gate room: a pair of sides is one relayed connection.
 *
 *            accept            peer proved          connected, peer proved
 *   (none) ----------> SHAKE ---------------> dial -----------------------> OPEN
 *            plain: at once                    |                             |
 *                                              +--fails--> client is reset   +-- both ended -> gone
 *
 * Invariants:
 * 1. A dead pair is only freed by pair_reap(); whoever calls into a pair looks at `dead` after.
 * 2. Bytes for a side are counted in queued when they are given to it, in written when the
 *    descriptor took them; out holds the difference.
 * 3. passing[] holds, in order, where units end in queued; own marks bytes of ours. */
#pragma once

#include "base/buf.h"
#include "crypto/tls.h"
#include "gate/gate.h"
#include "gate/policy.h"
#include "gate/unit.h"

enum { PASSING_MAX = 32, PASSING_OWN = 4, FIRST_BYTES = 8, HEAD_KEPT = 4096 };

enum side_state { SIDE_NONE, SIDE_CONNECT, SIDE_SHAKE, SIDE_OPEN, SIDE_GONE };

struct passing {
	uint64_t end; /* in queued */
	uint64_t size;
	struct hash128 hash, hash_out;
	int64_t start_ns, done_ns;
	uint8_t proto;
	bool own, done;
};

struct pair;

struct side {
	struct pair *pair;
	enum name_value dir; /* dir_orig: the client */
	enum side_state state;
	int fd;
	struct watch *watch;
	uint32_t armed;
	struct tls *tls;
	bool eof;      /* nothing more comes */
	bool shut;     /* we said that no more goes */
	bool shut_due; /* say it when out is empty */
	bool read_wants_write, write_wants_read;
	bool more; /* read bytes wait inside TLS, which the descriptor does not show */
	char peer[GATE_NAME_MAX];
	uint64_t trust; /* of the anchor and name that were proved; 0: none */
	/* to it */
	struct buf out;
	size_t out_at;
	uint64_t queued, written;
	struct sip_stream out_hash;
	struct passing passing[PASSING_MAX];
	unsigned first, n_passing;
	/* from it */
	struct unit_scan scan;
	struct sip_stream in_hash;
	uint64_t unit_size;
	int64_t unit_ns;
	struct buf hold; /* block: the unit so far; else its first bytes */
	bool streaming;  /* block: the rest of this unit passes unheld */
	bool refused;    /* the last message was */
	struct policy_memory memory;
};

struct link;

struct pair {
	struct pair *next, *prev;
	struct gate *gate;
	struct link *link;
	struct side side[2];
	enum unit_carrier carrier;
	struct sense_stream *stream;
	struct ip ip[2];
	uint16_t port[2];
	int64_t deadline_ns; /* mono; 0: none */
	enum name_value end_state;
	bool ending; /* a refusal ends it: what comes is thrown away */
	bool dead;
};

struct link {
	struct gate_link set;
	struct gate *gate;
	int listener;
	struct watch *watch;
	struct tls_context *context[2]; /* listen, dial */
	/* What the contexts' anchors are. */
	uint16_t anchor_of[2][TLS_ANCHORS_MAX]; /* index in gate.peers */
	struct gate_link_status *status;
	size_t open;
	int64_t minute, told_s;
	uint32_t in_minute, told, untold;
	bool used; /* by the configuration that is being taken */
};

struct gate {
	struct gate_settings set;
	struct budget budget;
	struct link *links[GATE_LINKS_MAX];
	size_t n_links;
	struct gate_peer *peers;
	size_t n_peers;
	struct pair *pairs;
	bool choked;
	struct wall wall; /* of the turn */
	struct mono mono;
	struct buf answers; /* of the run in hand */
	uint8_t *scratch;
};

/* gate.c */
void gate_now(struct gate *g);
void gate_note(
    struct pair *p, const char *what, const char *type, uint64_t size, const char *reason);
void link_note(struct link *l, const char *what, const char *reason);
/* Who is behind a proved connection: ERR_REFUSED: nobody that this side of the link allows. */
enum err link_know(struct link *l, int which, const struct tls_peer *seen, struct side *s,
    bool *is_gateway, struct why *why) MUST_CHECK;
bool link_trusts(const struct gate *g, const struct link *l, int which, uint64_t trust);

/* pair.c */
void pair_accept(struct link *l, int fd, struct ip ip, uint16_t port);
/* Ends it at once; reset: both sides see an abnormal end. */
void pair_end(struct pair *p, enum name_value state);
void pair_reset(struct pair *p, enum name_value state);
void pair_tick(struct pair *p);
void pair_reap(struct gate *g);
void pair_fail(struct pair *p, const char *what, const char *reason);
void pair_progress(struct pair *p);

/* side.c: one descriptor */
enum side_io { SIDE_DONE, SIDE_WAIT, SIDE_EOF, SIDE_BROKEN, SIDE_RESET };
enum side_io side_shake(struct side *s, struct why *why);
enum side_io side_read(struct side *s, uint8_t *to, size_t room, size_t *got, struct why *why);
/* Give bytes to a side: written as far as it takes them, the rest is kept. */
enum side_io side_give(struct side *s, struct bytes data, struct why *why);
enum side_io side_drain(struct side *s, struct why *why);
enum side_io side_shut(struct side *s);
void side_close(struct side *s, bool reset);
size_t side_waiting(const struct side *s);

/* stream.c: the bytes of one direction */
void stream_take(struct pair *p, enum name_value dir, struct bytes run);
void stream_over(struct pair *p, enum name_value dir);
void stream_tell(struct pair *p, struct side *to);
/* Mark that a unit ends at `end` of what is given to `to`. False: no room; it counts with the next.
 */
bool stream_mark(struct side *to, const struct passing *m);
