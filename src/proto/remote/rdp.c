/* SPDX-License-Identifier: Apache-2.0 */
/* Remote desktop: how it is secured, that a log-in was tried, what the client says it is.
 * Source: RFC 1006 (TPKT), X.224 13 (TPDUs), [MS-RDPBCGR] 2.2.1.1 and 2.2.1.2 (negotiation),
 *         2.2.1.3.2 (client core data).
 * Told:   the user of the cookie as a hash, the security that the server chose, the client's
 *         name and Windows build where they cross in clear. After a change to TLS nothing more. */
#include <stdio.h>

#include "base/cursor.h"
#include "base/utf8.h"
#include "proto/pieces.h"
#include "proto/proto.h"

enum { RDP_KEEP = 2048, TPKT_BYTES = 4, COTP_BYTES = 7 };
enum { COTP_CR = 0xe0, COTP_CC = 0xd0 };
enum { NEG_REQUEST = 1, NEG_RESPONSE = 2, NEG_FAILURE = 3, NEG_BYTES = 8 };

struct rdp {
	struct observer *o;
	struct frames frames[2];
	struct hash128 user;
	bool negotiated; /* the server has answered */
	bool told;       /* the client's data was seen */
	bool closed;     /* nothing more is in clear */
};

static uint64_t
tpkt_size(struct bytes p)
{
	unsigned n = load_be16(p.ptr + 2);

	return p.ptr[0] == 3 && p.ptr[1] == 0 && n >= TPKT_BYTES + 3 ? n : 0;
}

/* X.224 13.3: a connection request or confirm of class 0 whose variable part is RDP's: nothing,
 * a cookie, or a negotiation. (S7 and others put parameters C0, C1, C2 there.) */
static bool
is_connect(struct bytes p, uint8_t tpdu)
{
	struct bytes var = bytes_from(p, TPKT_BYTES + COTP_BYTES);

	if (p.len < TPKT_BYTES + COTP_BYTES || (p.ptr[5] & 0xf0) != tpdu || p.ptr[10] != 0 ||
	    p.ptr[4] != p.len - TPKT_BYTES - 1)
		return false;
	return var.len == 0 || bytes_starts(var, BYTES("Cookie: ")) ||
	       (var.len >= NEG_BYTES && var.ptr[0] <= NEG_FAILURE && load_le16(var.ptr + 2) == 8);
}

static enum probe
rdp_probe(const struct probe_view *v)
{
	for (size_t i = 0; i < 2; i++) {
		struct bytes h = v->head[i];
		uint64_t n;

		if (h.len == 0)
			continue;
		if (h.len < TPKT_BYTES) {
			if (h.ptr[0] != 3 || (h.len > 1 && h.ptr[1] != 0))
				return PROBE_NO;
			continue;
		}
		if ((n = tpkt_size(h)) == 0 || n > 300)
			return PROBE_NO;
		if (h.len < n)
			continue;
		h.len = (size_t)n;
		return is_connect(h, COTP_CR) || is_connect(h, COTP_CC) ? PROBE_YES : PROBE_NO;
	}
	return v->ended ? PROBE_NO : PROBE_MAYBE;
}

/* 2.2.1.1: "Cookie: mstshash=NAME\r\n", then the negotiation. A routing token is no user. */
static void
request(struct rdp *r, enum name_value dir, const struct piece *p)
{
	static const struct bytes cookie = BYTES_INIT("Cookie: mstshash=");
	struct bytes rest, line, var = bytes_from(p->body, TPKT_BYTES + COTP_BYTES);
	struct ev_login l = {.proto = PROTO_rdp, .outcome = outcome_unknown};

	observe_unit(r->o, UNIT_rdp_requests);
	line = bytes_split(var, '\n', &rest);
	if (bytes_starts(line, cookie))
		l.user = r->user = observer_hash(r->o, bytes_from(line, cookie.len));
	r->o->emit(r->o->owner, dir, p->offset, EV_login, &l);
}

static void
confirm(struct rdp *r, enum name_value dir, const struct piece *p)
{
	static const char *const names[] = {"RDP without TLS", "RDP with TLS", "RDP with CredSSP",
	    NULL, "RDP with RDSTLS", NULL, NULL, NULL, "RDP with CredSSP"};
	struct bytes var = bytes_from(p->body, TPKT_BYTES + COTP_BYTES);
	uint32_t chosen = 0;

	r->negotiated = true;
	if (var.len >= NEG_BYTES && var.ptr[0] == NEG_FAILURE) {
		r->closed = true;
		return;
	}
	if (var.len >= NEG_BYTES && var.ptr[0] == NEG_RESPONSE)
		chosen = load_le32(var.ptr + 4);
	if (chosen < ARRAY_LEN(names) && names[chosen] != NULL)
		observe_claim(r->o, dir, p->offset, attr_service, bytes_str(names[chosen]),
		    "RDP negotiation", 90);
	r->closed = chosen != 0;
}

/* 2.2.1.3.2 TS_UD_CS_CORE inside the MCS connect-initial: header C001, length, version, width,
 * height, colours, SAS, keyboard, build, name in 32 bytes of UTF-16. */
static void
client_data(struct rdp *r, enum name_value dir, const struct piece *p)
{
	enum { BUILD_AT = 20, NAME_AT = 24, NAME_BYTES = 32 };
	size_t duca = bytes_find_seq(p->body, BYTES("Duca"));
	struct bytes core = bytes_from(p->body, duca);
	uint8_t name[NAME_BYTES * 2];
	size_t at = bytes_find_seq(core, BYTES("\x01\xc0"));
	char text[32];
	uint32_t build;

	core = bytes_from(core, at);
	if (core.len < NAME_AT + NAME_BYTES)
		return;
	r->told = true;
	build = load_le32(core.ptr + BUILD_AT);
	observe_claim(r->o, dir, p->offset + duca + at, attr_hostname,
	    bytes_of(
		name, utf8_from_utf16le(bytes_sub(core, NAME_AT, NAME_BYTES), name, sizeof(name))),
	    "RDP client name", 75);
	if (build >= 2195 && build < 100000) {
		(void)snprintf(text, sizeof(text), "Windows build %u", (unsigned)build);
		observe_claim(r->o, dir, p->offset + duca + at, attr_os, bytes_str(text),
		    "RDP client build", 60);
	}
}

static void
unit(struct rdp *r, enum name_value dir, const struct piece *p)
{
	uint8_t tpdu = p->body.len > 5 ? p->body.ptr[5] & 0xf0 : 0;

	if (tpdu == COTP_CR || tpdu == COTP_CC) {
		if (!is_connect(p->body, tpdu))
			observe_anomaly(r->o, dir, p->offset, ANOMALY_rdp_malformed, PROTO_rdp,
			    "connection TPDU");
		else if (tpdu == COTP_CR)
			request(r, dir, p);
		else
			confirm(r, dir, p);
	} else if (!r->told && r->negotiated) {
		client_data(r, dir, p);
	}
}

static void *
rdp_open(struct observer *o)
{
	struct rdp *r = budget_alloc(o->budget, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->o = o;
	for (size_t i = 0; i < 2; i++)
		r->frames[i] = (struct frames){.prefix = TPKT_BYTES,
		    .keep = RDP_KEEP,
		    .size_of = tpkt_size,
		    .held.budget = o->budget};
	return r;
}

static void
rdp_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct rdp *r = session;
	struct piece p;

	/* Fast-path units (2.2.9.1) are no TPKT: from there on the direction is left alone. */
	while (!r->closed) {
		enum frames_step step = frames_next(&r->frames[dir], &run, &offset, &p);

		if (step == FRAMES_MORE)
			return;
		if (step == FRAMES_UNIT)
			unit(r, dir, &p);
	}
}

static void
rdp_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct rdp *r = session;

	(void)offset;
	frames_gap(&r->frames[dir], missing);
}

static void
rdp_end(void *session, enum name_value dir)
{
	(void)session;
	(void)dir;
}

static void
rdp_close(void *session)
{
	struct rdp *r = session;

	frames_free(&r->frames[0]);
	frames_free(&r->frames[1]);
	budget_free(r->o->budget, r, sizeof(*r));
}

const struct protocol rdp_protocol = {
    .id = PROTO_rdp,
    .name = "rdp",
    .probe = rdp_probe,
    .open = rdp_open,
    .data = rdp_data,
    .gap = rdp_gap,
    .end = rdp_end,
    .close = rdp_close,
};
