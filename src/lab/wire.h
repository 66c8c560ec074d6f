/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of conversations that never happened: what the demo, the benchmarks and tests feed to the
 * sensor. Ethernet, ARP, IPv4, UDP and TCP with right checksums, numbers and acknowledgements.
 * Output:  frames in order of time, to a function; bytes live during the call.
 * Disorder: wire.disorder_ppm of data segments are sent twice, swapped with their successor or
 *          held back past several others, as a lossy network does; nothing is missing.
 * Pure:    time and randomness come from struct wire; the same seed gives the same bytes. */
#pragma once

#include "base/addr.h"
#include "base/buf.h"
#include "base/clock.h"

typedef void (*wire_fn)(void *ctx, struct wall time, struct bytes frame);

enum { WIRE_MSS = 1460, WIRE_HELD_MAX = 8, WIRE_FRAME_MAX = 1600 };

struct wire_held {
	struct wall due;
	size_t len;
	unsigned behind; /* frames of the same conversation that go first */
	uint8_t frame[WIRE_FRAME_MAX];
};

struct wire {
	wire_fn fn;
	void *ctx;
	struct wall now; /* time of the next frame; every frame adds gap_ns */
	int64_t gap_ns;  /* between frames; 0: 50 microseconds */
	uint32_t disorder_ppm;
	uint64_t random; /* state */
	uint16_t ip_id;
	uint64_t frames, bytes;
	struct wire_held held[WIRE_HELD_MAX];
	size_t n_held;
};

struct wire_host {
	struct mac mac;
	struct ip ip; /* IPv4 */
};

/* Host 10.77.NET.LAST with a MAC of this vendor prefix. */
struct wire_host wire_host(uint32_t oui, uint8_t net, uint8_t last);

struct wire_tcp {
	struct wire *w;
	struct wire_host host[2]; /* client, server */
	uint16_t port[2];
	uint32_t seq[2];
	bool open;
};

uint64_t wire_random(struct wire *w);
uint64_t wire_below(struct wire *w, uint64_t n); /* 0 .. n-1 */

void wire_arp(struct wire *w, const struct wire_host *from, struct ip asked, bool reply,
    const struct wire_host *to);
void wire_udp(struct wire *w, const struct wire_host *from, uint16_t from_port,
    const struct wire_host *to, uint16_t to_port, struct bytes payload);

/* Handshake; wire_tcp_join() is a conversation whose start was not seen. */
struct wire_tcp wire_tcp_open(struct wire *w, const struct wire_host *client, uint16_t client_port,
    const struct wire_host *server, uint16_t server_port);
struct wire_tcp wire_tcp_join(struct wire *w, const struct wire_host *client, uint16_t client_port,
    const struct wire_host *server, uint16_t server_port);
/* Side 0 = client. Cut into segments of at most WIRE_MSS; one acknowledgement every second one. */
void wire_tcp_send(struct wire_tcp *t, int side, struct bytes data);
/* The same without the last acknowledgement. */
void wire_tcp_push(struct wire_tcp *t, int side, struct bytes data);
/* A forged repeat of the last bytes of that side, not yet acknowledged: same place, these bytes. */
void wire_tcp_forge(struct wire_tcp *t, int side, struct bytes data);
void wire_tcp_close(struct wire_tcp *t);
/* SYN answered by RST (refused), or by nothing. */
void wire_tcp_refused(struct wire *w, const struct wire_host *client, uint16_t client_port,
    const struct wire_host *server, uint16_t server_port, bool answered);
/* Frames that were held back by disorder: at the end of everything. */
void wire_flush(struct wire *w);
