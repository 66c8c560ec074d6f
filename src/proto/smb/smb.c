/* SPDX-License-Identifier: Apache-2.0 */
/* SMB 1, 2 and 3 over TCP: dialect, machine names, Windows version, log-ins. No file names.
 * Source: RFC 1002 4.3 (session service); [MS-CIFS] 2.2.3, 2.2.4; [MS-SMB] 2.2.4; [MS-SMB2] 2.2.
 *
 * Invariants:
 * 1. A frame is four bytes (type, 24 bits of length) and a body; the first SMB_KEEP bytes of it
 *    are looked at, the rest is skipped, so that file contents cost nothing.
 * 2. After a hole the next frame is one whose body starts with an SMB signature.
 * 3. The outcome of a log-in is the status of the server's answer to session set-up; "more
 *    processing required" is none. The user is the one of the last NTLM authenticate before it. */
#include <stdio.h>

#include "base/cursor.h"
#include "base/utf8.h"
#include "proto/names/message.h"
#include "proto/pieces.h"
#include "proto/proto.h"
#include "proto/smb/ntlm.h"

enum { SMB_KEEP = 4096, SMB_SYNC = 9, FRAME_PREFIX = 4, FRAME_MAX = 0x1000000 };
enum { SMB1_HEADER = 32, SMB2_HEADER = 64, COMPOUND_MAX = 64 };

enum frame_type { /* RFC 1002 4.3.1 */
	FRAME_MESSAGE = 0x00,
	FRAME_REQUEST = 0x81,
	FRAME_KEEPALIVE = 0x85,
};

/* [MS-ERREF] 2.3 */
static const uint32_t status_ok = 0, status_more = UINT32_C(0xc0000016);

enum dialect_kind { DIALECT_UNKNOWN, DIALECT_SMB1, DIALECT_SMB2, DIALECT_ENCRYPTED };

struct smb {
	struct observer *o;
	struct frames frames[2];
	struct hash128 user;
	bool user_known;
	bool told_encrypted[2];
};

static uint64_t
frame_size(struct bytes p)
{
	unsigned type = p.ptr[0];
	uint32_t n = load_be32(p.ptr) & 0xffffff;

	if (type != FRAME_MESSAGE && (type < FRAME_REQUEST || type > FRAME_KEEPALIVE))
		return 0;
	/* RFC 1002 4.3.2: two names of at most 255 bytes in a session request. */
	if (type != FRAME_MESSAGE && n > 512)
		return 0;
	return FRAME_PREFIX + (uint64_t)n;
}

static bool
is_signature(struct bytes b)
{
	return b.len >= 4 && b.ptr[0] >= 0xfc && b.ptr[1] == 'S' && b.ptr[2] == 'M' &&
	       b.ptr[3] == 'B';
}

static bool
frame_sync(struct bytes w)
{
	return w.ptr[0] == FRAME_MESSAGE && is_signature(bytes_from(w, 4)) &&
	       (load_be32(w.ptr) & 0xffffff) >= SMB1_HEADER;
}

static enum probe
probe_side(struct bytes head)
{
	unsigned type;

	if (head.len == 0)
		return PROBE_MAYBE;
	type = head.ptr[0];
	if (head.len < FRAME_PREFIX)
		return type == FRAME_MESSAGE || (type >= FRAME_REQUEST && type <= FRAME_KEEPALIVE)
			   ? PROBE_MAYBE
			   : PROBE_NO;
	if (frame_size(bytes_sub(head, 0, FRAME_PREFIX)) == 0)
		return PROBE_NO;
	if (type == FRAME_REQUEST) {
		struct netbios_name n;

		if (head.len < FRAME_PREFIX + 33)
			return PROBE_MAYBE;
		return head.ptr[4] == 32 && netbios_name_of(bytes_from(head, 5), &n) ? PROBE_YES
										     : PROBE_NO;
	}
	if (type != FRAME_MESSAGE)
		return load_be32(head.ptr) << 8 == 0 || type == 0x83 || type == 0x84 ? PROBE_MAYBE
										     : PROBE_NO;
	if (head.len < FRAME_PREFIX + 4)
		return PROBE_MAYBE;
	return is_signature(bytes_from(head, FRAME_PREFIX)) ? PROBE_YES : PROBE_NO;
}

static enum probe
smb_probe(const struct probe_view *v)
{
	enum probe a = probe_side(v->head[0]), b = probe_side(v->head[1]);

	if (a == PROBE_NO || b == PROBE_NO)
		return PROBE_NO;
	if (a == PROBE_YES || b == PROBE_YES)
		return PROBE_YES;
	return v->ended ? PROBE_NO : PROBE_MAYBE;
}

/* --- telling --- */

static void
tell_service(struct smb *s, enum name_value dir, uint64_t at, const char *text)
{
	observe_claim(s->o, dir, at, attr_service, bytes_str(text), "SMB negotiate", 90);
}

static void
tell_login(struct smb *s, enum name_value dir, uint64_t at, uint32_t status)
{
	struct ev_login l = {.proto = PROTO_smb,
	    .outcome = status == status_ok ? outcome_success : outcome_failure,
	    .user = s->user};

	if (status == status_more)
		return;
	s->o->emit(s->o->owner, dir, at, EV_login, &l);
	s->user = (struct hash128){{0}};
}

static void
token(struct smb *s, enum name_value dir, uint64_t at, struct bytes body)
{
	struct ntlm_seen seen = ntlm_tell(s->o, dir, at, body, PROTO_smb);

	if (seen.type == 3)
		s->user = seen.user;
}

/* --- SMB 1: [MS-CIFS] --- */

enum smb1_command { SMB1_NEGOTIATE = 0x72, SMB1_SESSION = 0x73 };
enum { SMB1_RESPONSE = 0x80, SMB1_UNICODE = 0x8000 };

/* The next text of *in: UTF-16 or bytes, up to its NUL. */
static struct bytes
next_text(struct bytes *in, bool unicode, uint8_t *out, size_t cap)
{
	struct bytes text;
	size_t n = 0;

	if (!unicode)
		return bytes_split(*in, 0, in);
	while (n + 1 < in->len && (in->ptr[n] != 0 || in->ptr[n + 1] != 0))
		n += 2;
	text = bytes_of(out, utf8_from_utf16le(bytes_sub(*in, 0, n), out, cap));
	*in = bytes_from(*in, n + 2);
	return text;
}

/* Clients often claim to be an old Windows: less is held of them. NativeOS, NativeLanMan [,
 * PrimaryDomain]: [MS-CIFS] 2.2.4.53. "Windows 5.1", "Unix", "Samba 3.0.9". In Unicode they start
 * at an even offset from the header. */
static void
tell_native(struct smb *s, enum name_value dir, uint64_t at, struct bytes msg, struct bytes in,
    bool unicode, bool response)
{
	uint8_t out[128];
	struct bytes os;

	if (unicode && ((size_t)(in.ptr - msg.ptr) & 1) != 0)
		in = bytes_from(in, 1);
	os = next_text(&in, unicode, out, sizeof(out));
	if (utf8_valid(os))
		observe_claim(s->o, dir, at, attr_os, os, "SMB NativeOS", response ? 75 : 40);
	os = next_text(&in, unicode, out, sizeof(out));
	/* Windows repeats its name here; Samba tells its version. */
	if (bytes_starts_nocase(os, BYTES("Samba")))
		observe_claim(s->o, dir, at, attr_software, os, "SMB NativeLanMan", 75);
	if (!response)
		return;
	os = next_text(&in, unicode, out, sizeof(out));
	if (utf8_valid(os))
		observe_claim(s->o, dir, at, attr_domain, os, "SMB PrimaryDomain", 60);
}

/* Session set-up: word counts 12 (extended security), 13 (older) in requests, 4 and 3 in
 * answers. */
static void
smb1_session(struct smb *s, enum name_value dir, uint64_t at, struct bytes msg, bool response)
{
	struct cursor c = cursor_of(bytes_from(msg, SMB1_HEADER));
	size_t words = cursor_u8(&c);
	struct bytes params = cursor_take(&c, words * 2), data;
	bool unicode = (load_le16(msg.ptr + 10) & SMB1_UNICODE) != 0;
	uint8_t out[128];

	if (c.short_) {
		observe_anomaly(s->o, dir, at, ANOMALY_smb_malformed, PROTO_smb, "session set-up");
		words = 0;
	}
	data = bytes_sub(cursor_rest(&c), 2, SIZE_MAX); /* after the byte count */
	if (words == (response ? 4u : 12u)) {
		size_t blob = load_le16(params.ptr + (response ? 6 : 14));

		token(s, dir, at + (uint64_t)(data.ptr - msg.ptr), bytes_sub(data, 0, blob));
		tell_native(s, dir, at, msg, bytes_from(data, blob), unicode, response);
	} else if (!response && words == 13) {
		size_t passwords = (size_t)load_le16(params.ptr + 14) + load_le16(params.ptr + 16);
		struct bytes user;

		data = bytes_from(data, passwords);
		if (unicode && ((size_t)(data.ptr - msg.ptr) & 1) != 0)
			data = bytes_from(data, 1);
		user = next_text(&data, unicode, out, sizeof(out));
		s->user = observer_hash(s->o, user);
		user = next_text(&data, unicode, out, sizeof(out)); /* the user's domain */
		tell_native(s, dir, at, msg, data, unicode, false);
	} else if (response && words == 3) {
		tell_native(s, dir, at, msg, data, unicode, true);
	}
	if (response)
		tell_login(s, dir, at, load_le32(msg.ptr + 5));
}

/* A chosen dialect (index not FFFF) in a message of the old format: SMB 1 is in use. */
static void
smb1_negotiated(struct smb *s, enum name_value dir, uint64_t at, struct bytes msg)
{
	struct bytes params = bytes_from(msg, SMB1_HEADER);

	if (params.len >= 3 && params.ptr[0] > 0 && load_le16(params.ptr + 1) != 0xffff)
		tell_service(s, dir, at, "SMB 1");
}

static void
smb1_message(struct smb *s, enum name_value dir, uint64_t at, struct bytes msg)
{
	bool response;

	observe_unit(s->o, UNIT_smb_messages);
	if (msg.len < SMB1_HEADER + 1) {
		observe_anomaly(s->o, dir, at, ANOMALY_smb_malformed, PROTO_smb, "SMB 1 header");
		return;
	}
	response = (msg.ptr[9] & SMB1_RESPONSE) != 0;
	if (msg.ptr[4] == SMB1_SESSION)
		smb1_session(s, dir, at, msg, response);
	else if (msg.ptr[4] == SMB1_NEGOTIATE && response)
		smb1_negotiated(s, dir, at, msg);
}

/* --- SMB 2 and 3: [MS-SMB2] --- */

enum smb2_command { SMB2_NEGOTIATE = 0, SMB2_SESSION = 1 };
enum { SMB2_RESPONSE = 1, SMB2_SIGNING_REQUIRED = 2 };

static void
smb2_negotiated(struct smb *s, enum name_value dir, uint64_t at, struct bytes body)
{
	char text[40];
	unsigned dialect, mode;

	if (body.len < 8)
		return;
	mode = load_le16(body.ptr + 2);
	dialect = load_le16(body.ptr + 4);
	if (dialect == 0x02ff) /* any: the real one follows */
		return;
	(void)snprintf(text, sizeof(text), "SMB %u.%u%s%s", dialect >> 8, dialect >> 4 & 15,
	    (dialect & 15) == 1   ? ".1"
	    : (dialect & 15) == 2 ? ".2"
				  : "",
	    (mode & SMB2_SIGNING_REQUIRED) != 0 ? ", signing required" : "");
	tell_service(s, dir, at, text);
}

/* Buffer offset and length stand at places that differ by direction: 2.2.3 to 2.2.6. */
static void
smb2_one(struct smb *s, enum name_value dir, uint64_t at, struct bytes msg)
{
	bool response = (load_le32(msg.ptr + 16) & SMB2_RESPONSE) != 0;
	unsigned command = load_le16(msg.ptr + 12);
	struct bytes body = bytes_from(msg, SMB2_HEADER);
	size_t where = response ? 4 : 12;

	if (command == SMB2_NEGOTIATE && response) {
		smb2_negotiated(s, dir, at, body);
	} else if (command == SMB2_SESSION) {
		if (body.len >= where + 4)
			token(s, dir, at + load_le16(body.ptr + where),
			    bytes_sub(
				msg, load_le16(body.ptr + where), load_le16(body.ptr + where + 2)));
		if (response)
			tell_login(s, dir, at, load_le32(msg.ptr + 8));
	}
}

/* 3.3.5.2.7: messages may stand in a chain, each telling where the next begins. */
static void
smb2_chain(struct smb *s, enum name_value dir, uint64_t at, struct bytes frame)
{
	for (int i = 0; i < COMPOUND_MAX; i++) {
		uint32_t next;

		observe_unit(s->o, UNIT_smb_messages);
		if (frame.len < SMB2_HEADER) {
			observe_anomaly(
			    s->o, dir, at, ANOMALY_smb_malformed, PROTO_smb, "SMB 2 header");
			return;
		}
		smb2_one(s, dir, at, frame);
		next = load_le32(frame.ptr + 20);
		if (next < SMB2_HEADER || next >= frame.len)
			return;
		frame = bytes_from(frame, next);
		at += next;
		if (!bytes_starts(frame, BYTES("\xfeSMB")))
			return;
	}
}

/* --- frames --- */

/* RFC 1002 4.3.2: called name, calling name. */
static void
session_request(struct smb *s, enum name_value dir, uint64_t at, struct bytes body)
{
	struct netbios_name n;
	struct bytes calling = bytes_from(body, 34);

	if (calling.len >= 33 && calling.ptr[0] == 32 &&
	    netbios_name_of(bytes_from(calling, 1), &n))
		observe_claim(s->o, dir, at, attr_hostname, bytes_of(n.text, n.len),
		    "NetBIOS calling name", 75);
}

static void
frame(struct smb *s, enum name_value dir, const struct piece *p)
{
	struct bytes body = bytes_from(p->body, FRAME_PREFIX);
	uint64_t at = p->offset + FRAME_PREFIX;

	if (p->body.ptr[0] == FRAME_REQUEST) {
		session_request(s, dir, at, body);
		return;
	}
	if (p->body.ptr[0] != FRAME_MESSAGE || !is_signature(body))
		return;
	switch (body.ptr[0]) {
	case 0xff:
		smb1_message(s, dir, at, body);
		break;
	case 0xfe:
		smb2_chain(s, dir, at, body);
		break;
	default: /* 0xfd encrypted (2.2.41), 0xfc compressed (2.2.42) */
		observe_unit(s->o, UNIT_smb_messages);
		if (body.ptr[0] == 0xfd && !s->told_encrypted[dir]) {
			s->told_encrypted[dir] = true;
			tell_service(s, dir, at, "SMB 3 encrypted");
		}
	}
}

static void *
smb_open(struct observer *o)
{
	struct smb *s = budget_alloc(o->budget, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = o;
	for (size_t i = 0; i < 2; i++)
		s->frames[i] = (struct frames){.prefix = FRAME_PREFIX,
		    .keep = SMB_KEEP,
		    .size_of = frame_size,
		    .sync_at = frame_sync,
		    .sync = SMB_SYNC,
		    .held.budget = o->budget};
	return s;
}

static void
smb_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct smb *s = session;
	struct piece p;

	for (;;) {
		switch (frames_next(&s->frames[dir], &run, &offset, &p)) {
		case FRAMES_MORE:
			return;
		case FRAMES_UNIT:
			frame(s, dir, &p);
			break;
		case FRAMES_LOST:
			observe_anomaly(s->o, dir, p.offset, ANOMALY_smb_malformed, PROTO_smb,
			    "no session frame here");
			break;
		case FRAMES_REFUSED:
			observe_anomaly(
			    s->o, dir, p.offset, ANOMALY_memory_cap, PROTO_smb, "frame");
			break;
		}
	}
}

static void
smb_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct smb *s = session;

	(void)offset;
	frames_gap(&s->frames[dir], missing);
}

static void
smb_end(void *session, enum name_value dir)
{
	(void)session;
	(void)dir;
}

static void
smb_close(void *session)
{
	struct smb *s = session;

	frames_free(&s->frames[0]);
	frames_free(&s->frames[1]);
	budget_free(s->o->budget, s, sizeof(*s));
}

const struct protocol smb_protocol = {
    .id = PROTO_smb,
    .name = "smb",
    .probe = smb_probe,
    .open = smb_open,
    .data = smb_data,
    .gap = smb_gap,
    .end = smb_end,
    .close = smb_close,
};
