/* SPDX-License-Identifier: Apache-2.0 */
/* VNC (remote framebuffer): version, whether a password is asked for, outcome of the log-in.
 * Source: RFC 6143 7.1 (handshake), appendix A (versions 3.3 and 3.7).
 *
 *   VERSION --12 bytes--> SECURITY --types--> CHOICE (server waits) | CHALLENGE | RESULT
 *   CHALLENGE --16 bytes--> RESULT --4 bytes--> DONE                     (server's side)
 *   VERSION --12 bytes--> CHOICE --1 byte--> DONE                        (client's side) */
#include <stdio.h>

#include "base/cursor.h"
#include "proto/proto.h"

enum { VERSION_BYTES = 12, CHALLENGE_BYTES = 16, VNC_HOLD = 260 };

enum security { SEC_INVALID = 0, SEC_NONE = 1, SEC_PASSWORD = 2 };

enum step { VERSION, SECURITY, CHOICE, CHALLENGE, RESULT, DONE };

struct side {
	enum step step;
	uint8_t held[VNC_HOLD];
	size_t n;
	uint64_t at; /* offset of held[0] */
	unsigned minor;
};

struct vnc {
	struct observer *o;
	struct side server, client;
	enum name_value server_dir;
	bool server_known;
	enum security chosen;
	bool choice_known;
};

static const struct bytes magic = BYTES_INIT("RFB ");

static enum probe
vnc_probe(const struct probe_view *v)
{
	for (size_t i = 0; i < 2; i++) {
		struct bytes h = bytes_sub(v->head[i], 0, VERSION_BYTES);

		if (h.len == VERSION_BYTES && bytes_starts(h, magic) && h.ptr[7] == '.' &&
		    h.ptr[11] == '\n')
			return PROBE_YES;
		if (h.len > 0 && h.len < VERSION_BYTES && !v->ended &&
		    bytes_starts(h, bytes_sub(magic, 0, h.len)))
			return PROBE_MAYBE;
	}
	return v->head[0].len + v->head[1].len == 0 && !v->ended ? PROBE_MAYBE : PROBE_NO;
}

static void
tell_setup(struct vnc *s, uint64_t at, enum security type)
{
	struct ev_setup e = {
	    .proto = PROTO_vnc, .what = BYTES_INIT("VNC"), .password = type == SEC_NONE ? 2 : 1};

	if (type != SEC_INVALID)
		s->o->emit(s->o->owner, s->server_dir, at, EV_setup, &e);
}

static void
tell_login(struct vnc *s, uint64_t at, enum name_value outcome)
{
	struct ev_login l = {.proto = PROTO_vnc, .outcome = outcome};

	s->o->emit(s->o->owner, s->server_dir, at, EV_login, &l);
}

static void
version(struct vnc *s, struct side *d, enum name_value dir, struct bytes line)
{
	uint64_t minor = 0;
	char text[24];

	observe_unit(s->o, UNIT_vnc_banners);
	(void)bytes_to_u64(bytes_sub(line, 8, 3), &minor);
	d->minor = (unsigned)minor;
	/* RFC 6143 7.1.1: an unknown version is treated as 3.3, but 4.x and 5.x of vendors speak
	 * as 3.8. */
	if (line.ptr[6] > '3')
		d->minor = 8;
	if (d != &s->server)
		return;
	if (bytes_printable(bytes_sub(line, 4, 7))) {
		(void)snprintf(text, sizeof(text), "VNC RFB %.7s", (const char *)line.ptr + 4);
		observe_claim(s->o, dir, d->at, attr_service, bytes_str(text), "VNC banner", 90);
	}
}

/* The version both sides use: the lower. */
static unsigned
minor_of(const struct vnc *s)
{
	return s->client.minor != 0 && s->client.minor < s->server.minor ? s->client.minor
									 : s->server.minor;
}

/* The server's next unit, from `held`. Returns the bytes used; 0: more are needed. */
static size_t
server_unit(struct vnc *s, struct bytes in)
{
	struct side *d = &s->server;
	unsigned count;
	uint32_t word;

	switch (d->step) {
	case VERSION:
		if (in.len < VERSION_BYTES)
			return 0;
		version(s, d, s->server_dir, bytes_sub(in, 0, VERSION_BYTES));
		d->step = SECURITY;
		return VERSION_BYTES;
	case SECURITY:
		if (minor_of(s) < 7) { /* appendix A.1: the server decides */
			if (in.len < 4)
				return 0;
			word = load_be32(in.ptr);
			s->chosen = word <= SEC_PASSWORD ? (enum security)word : SEC_INVALID;
			s->choice_known = true;
			tell_setup(s, d->at, s->chosen);
			if (s->chosen == SEC_NONE)
				tell_login(s, d->at, outcome_success);
			d->step = s->chosen == SEC_PASSWORD ? CHALLENGE : DONE;
			return 4;
		}
		count = in.ptr[0];
		if (in.len < 1 + count)
			return 0;
		for (unsigned i = 1; i <= count; i++) {
			if (in.ptr[i] == SEC_NONE)
				tell_setup(s, d->at, SEC_NONE);
		}
		if (count > 0 && bytes_find(bytes_sub(in, 1, count), SEC_NONE) == count)
			tell_setup(s, d->at, SEC_PASSWORD);
		d->step = count == 0 ? DONE : CHOICE;
		return 1 + count;
	case CHOICE: /* what comes depends on what the client picked */
		if (!s->choice_known) {
			d->step = DONE;
			return in.len;
		}
		d->step = s->chosen == SEC_PASSWORD                   ? CHALLENGE
			  : s->chosen == SEC_NONE && minor_of(s) >= 8 ? RESULT
								      : DONE;
		if (s->chosen == SEC_NONE && d->step == DONE)
			tell_login(s, d->at, outcome_success);
		return d->step == DONE ? in.len : SIZE_MAX;
	case CHALLENGE:
		if (in.len < CHALLENGE_BYTES)
			return 0;
		d->step = RESULT;
		return CHALLENGE_BYTES;
	case RESULT:
		if (in.len < 4)
			return 0;
		word = load_be32(in.ptr);
		tell_login(s, d->at, word == 0 ? outcome_success : outcome_failure);
		if (word > 2)
			observe_anomaly(s->o, s->server_dir, d->at, ANOMALY_vnc_malformed,
			    PROTO_vnc, "security result");
		d->step = DONE;
		return 4;
	case DONE:
		break;
	}
	return in.len;
}

static size_t
client_unit(struct vnc *s, struct bytes in)
{
	struct side *d = &s->client;

	switch (d->step) {
	case VERSION:
		if (in.len < VERSION_BYTES)
			return 0;
		version(s, d, s->server_dir == dir_orig ? dir_resp : dir_orig,
		    bytes_sub(in, 0, VERSION_BYTES));
		d->step = minor_of(s) < 7 ? DONE : CHOICE;
		return VERSION_BYTES;
	case CHOICE:
		s->chosen = in.ptr[0] <= SEC_PASSWORD ? (enum security)in.ptr[0] : SEC_INVALID;
		s->choice_known = true;
		d->step = DONE;
		return 1;
	default:
		return in.len;
	}
}

static void *
vnc_open(struct observer *o)
{
	struct vnc *s = budget_alloc(o->budget, sizeof(*s));

	if (s != NULL)
		s->o = o;
	return s;
}

/* Bytes go through held one unit at a time: units are small and few. */
static void
vnc_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct vnc *s = session;
	struct side *d;

	if (!s->server_known) {
		s->server_known = true;
		s->server_dir = dir; /* 7.1.1: the server speaks first */
	}
	d = dir == s->server_dir ? &s->server : &s->client;
	while (run.len > 0 && d->step != DONE) {
		size_t used;

		if (d->n == 0)
			d->at = offset;
		if (d->n == VNC_HOLD) {
			d->step = DONE;
			return;
		}
		d->held[d->n++] = run.ptr[0];
		run = bytes_from(run, 1);
		offset++;
		do {
			used = d == &s->server ? server_unit(s, bytes_of(d->held, d->n))
					       : client_unit(s, bytes_of(d->held, d->n));
		} while (used == SIZE_MAX);
		if (used > 0)
			d->n = 0;
	}
}

static void
vnc_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct vnc *s = session;

	(void)dir;
	(void)offset;
	(void)missing;
	s->server.step = DONE;
	s->client.step = DONE;
}

static void
vnc_end(void *session, enum name_value dir)
{
	(void)session;
	(void)dir;
}

static void
vnc_close(void *session)
{
	struct vnc *s = session;

	budget_free(s->o->budget, s, sizeof(*s));
}

const struct protocol vnc_protocol = {
    .id = PROTO_vnc,
    .name = "vnc",
    .probe = vnc_probe,
    .open = vnc_open,
    .data = vnc_data,
    .gap = vnc_gap,
    .end = vnc_end,
    .close = vnc_close,
};
