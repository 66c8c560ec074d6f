/* SPDX-License-Identifier: Apache-2.0 */
/* Parser tests: an observer that writes every observation as a line of JSON, and ways to feed a
 * protocol so that any cut of a stream can be held against the whole. */
#pragma once

#include "proto/proto.h"
#include "rng.h"

struct trace {
	struct observer observer; /* give this to the parser */
	struct budget budget;
	struct sip_key key;
	struct buf text; /* {"dir":0,"offset":12,"kind":"message",...} and a line end, for each */
	size_t n;        /* observations */
	size_t n_kind[EV_MAX];
};

void trace_init(struct trace *t); /* budget: 64 MiB; key: fixed; time: 2026-01-01 */
/* Frees; asserts that the parser gave all its memory back. */
void trace_free(struct trace *t);
/* Terminated view of the text. */
const char *trace_text(struct trace *t);
/* How many observations' lines hold this string. */
size_t trace_count(struct trace *t, const char *needle);

/* One piece of a conversation. */
struct turn {
	enum name_value dir;
	struct bytes data;
	uint64_t gap; /* bytes missing before data */
};

/* Open, feed the turns (each cut at random places where rng is given; one byte a run where
 * byte_wise), end both sides, close. Every run sits against an unreadable page. */
void trace_feed(struct trace *t, const struct protocol *p, const struct turn *turns, size_t n,
    struct rng *rng, bool byte_wise);

/* The property "any cut of the stream gives the same as the whole": feeds whole, byte by byte and
 * `rounds` random cuts; fails the cmocka test with both traces where two differ. */
void trace_check_cuts(const struct protocol *p, const struct turn *turns, size_t n, int rounds);

/* One datagram from port src to port dst, against an unreadable page: what datagram() says. */
bool trace_datagram(struct trace *t, const struct protocol *p, enum name_value dir,
    struct bytes payload, uint16_t src, uint16_t dst);

/* Every truncation and every flip of one bit of a datagram: any answer but a crash will do. */
void trace_hurt_datagram(
    const struct protocol *p, struct bytes payload, uint16_t src, uint16_t dst);

/* decode() into text, a line an object. */
void trace_decode(const struct protocol *p, struct bytes file, struct buf *out);
