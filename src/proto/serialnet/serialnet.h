/* SPDX-License-Identifier: Apache-2.0 */
/* Undoes telnet and RFC 2217 around the bytes of a serial line, one direction of a stream.
 * Source:  RFC 854 (commands, CR NUL), RFC 855 (sub-negotiation), RFC 856 (binary), RFC 2217 3
 *          (COM-PORT option 44).
 * Input:   runs in stream order, cut anywhere; offset = of the first byte of the run.
 * Output:  one piece a call. SERIALNET_DATA is a view into the run (one 0xFF: into a constant)
 *          whose bytes stand one after the other in the stream from `offset` on, so that every
 *          data byte can be mapped back; a doubled 0xFF has the offset of its first byte.
 * Memory:  none; SERIALNET_SUB_MAX bytes of a sub-negotiation are kept inside the struct.
 * Total:   any bytes; each call but SERIALNET_MORE takes at least one byte. Without 0xFF and
 *          without CR NUL a run comes back whole and untouched.
 * Limits:  SERIALNET_SUB_MAX: longer sub-negotiations are cut, `cut` says so.
 * Not checked: whether the other side agreed to an option. Binary mode is taken from this side's
 *          own WILL and WONT. */
#pragma once

#include "base/bytes.h"

enum { SERIALNET_SUB_MAX = 64 };

enum {
	TELNET_SE = 0xf0,
	TELNET_SB = 0xfa,
	TELNET_WILL = 0xfb,
	TELNET_WONT = 0xfc,
	TELNET_DO = 0xfd,
	TELNET_DONT = 0xfe,
	TELNET_IAC = 0xff,
	TELNET_OPTION_BINARY = 0,
	TELNET_OPTION_COM_PORT = 0x2c,
};

enum serialnet_kind {
	SERIALNET_MORE,    /* the run is used up */
	SERIALNET_DATA,    /* body: bytes of the serial line */
	SERIALNET_COMMAND, /* verb; option where verb is WILL, WONT, DO or DONT */
	SERIALNET_SUB,     /* option, body: what stood between SB option and SE */
};

struct serialnet_piece {
	enum serialnet_kind kind;
	struct bytes body; /* until the next call */
	uint64_t offset;   /* of the first byte of the piece in the stream */
	uint8_t verb;
	uint8_t option;
	bool cut; /* the sub-negotiation was longer than SERIALNET_SUB_MAX */
};

struct serialnet {
	uint8_t state;
	uint8_t verb;
	uint8_t option;
	bool binary;   /* this side sends WILL BINARY: CR NUL is data */
	bool com_port; /* option 44 was named by this side */
	bool after_cr;
	bool cut;
	size_t n_sub;
	uint64_t start; /* offset of the open command */
	uint8_t sub[SERIALNET_SUB_MAX];
};

/* True where head is how a telnet negotiation starts: IAC and WILL, WONT, DO, DONT or SB. */
bool serialnet_starts(struct bytes head);

/* The next piece; *in and *offset move past what was taken. A zeroed struct is the start. */
struct serialnet_piece serialnet_next(struct serialnet *s, struct bytes *in, uint64_t *offset);

/* Forget an open command (a hole); options stay as they were. */
void serialnet_gap(struct serialnet *s);
