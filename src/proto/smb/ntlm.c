/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smb/ntlm.h"

#include <stdio.h>

#include "base/cursor.h"
#include "base/utf8.h"

enum { NEGOTIATE = 1, CHALLENGE = 2, AUTHENTICATE = 3 };
enum { FLAG_UNICODE = 1, FLAG_VERSION = 0x02000000 };
enum { NTLM_TEXT_MAX = 128, NTLM_REVISION = 15 };

struct reader {
	struct observer *o;
	enum name_value dir;
	uint64_t offset; /* of msg in the stream */
	struct bytes msg;
	enum proto proto;
	bool unicode;
	bool bad;
};

/* A field descriptor at `at`: u16 length, u16 room, u32 offset from the start of the message. */
static struct bytes
field(struct reader *r, size_t at)
{
	struct bytes none = {NULL, 0};
	size_t len, from;

	if (r->msg.len < at + 8) {
		r->bad = true;
		return none;
	}
	len = load_le16(r->msg.ptr + at);
	from = load_le32(r->msg.ptr + at + 4);
	if (len == 0)
		return none;
	if (from > r->msg.len || r->msg.len - from < len) {
		r->bad = true;
		return none;
	}
	return bytes_sub(r->msg, from, len);
}

static struct bytes
text_of(const struct reader *r, struct bytes raw, bool unicode, uint8_t out[NTLM_TEXT_MAX])
{
	(void)r;
	if (unicode)
		return bytes_of(out, utf8_from_utf16le(raw, out, NTLM_TEXT_MAX));
	return raw;
}

static void
tell(struct reader *r, enum name_value attr, struct bytes raw, bool unicode, const char *source,
    unsigned confidence)
{
	uint8_t out[NTLM_TEXT_MAX];

	observe_claim(
	    r->o, r->dir, r->offset, attr, text_of(r, raw, unicode, out), source, confidence);
}

/* VERSION: major, minor, build, three zero bytes, revision. Samba says 6.1 with build 0: no
 * Windows. */
static void
tell_version(struct reader *r, size_t at, uint32_t flags)
{
	char os[32];
	unsigned build;

	if ((flags & FLAG_VERSION) == 0 || r->msg.len < at + 8 ||
	    r->msg.ptr[at + 7] != NTLM_REVISION)
		return;
	build = load_le16(r->msg.ptr + at + 2);
	if (build == 0 || r->msg.ptr[at] == 0)
		return;
	(void)snprintf(
	    os, sizeof(os), "Windows %u.%u.%u", r->msg.ptr[at], r->msg.ptr[at + 1], build);
	observe_claim(r->o, r->dir, r->offset + at, attr_os, bytes_str(os), "NTLMSSP version", 85);
}

/* AV_PAIR list: u16 id, u16 length, value; id 0 ends it. Text is always Unicode. */
static void
tell_target(struct reader *r, struct bytes info)
{
	enum { END, NB_COMPUTER, NB_DOMAIN, DNS_COMPUTER, DNS_DOMAIN };
	struct cursor c = cursor_of(info);

	while (cursor_left(&c) >= 4) {
		unsigned id = cursor_le16(&c);
		struct bytes value = cursor_take(&c, cursor_le16(&c));

		if (c.short_) {
			r->bad = true;
			return;
		}
		if (id == END)
			return;
		if (id == NB_COMPUTER)
			tell(r, attr_hostname, value, true, "NTLMSSP computer", 85);
		else if (id == DNS_COMPUTER)
			tell(r, attr_hostname, value, true, "NTLMSSP DNS computer", 80);
		else if (id == NB_DOMAIN)
			tell(r, attr_domain, value, true, "NTLMSSP domain", 80);
		else if (id == DNS_DOMAIN)
			tell(r, attr_domain, value, true, "NTLMSSP DNS domain", 80);
	}
}

static uint32_t
flags_at(const struct reader *r, size_t at)
{
	return r->msg.len < at + 4 ? 0 : load_le32(r->msg.ptr + at);
}

static struct hash128
authenticate(struct reader *r)
{
	uint32_t flags = flags_at(r, 60);
	bool unicode = (flags & FLAG_UNICODE) != 0;
	struct bytes user = field(r, 36), host = field(r, 44), domain = field(r, 28);
	uint8_t out[NTLM_TEXT_MAX];

	tell(r, attr_hostname, host, unicode, "NTLMSSP workstation", 80);
	tell(r, attr_domain, domain, unicode, "NTLMSSP user domain", 50);
	tell_version(r, 64, flags);
	return observer_hash(r->o, text_of(r, user, unicode, out));
}

struct ntlm_seen
ntlm_tell(
    struct observer *o, enum name_value dir, uint64_t offset, struct bytes token, enum proto proto)
{
	static const struct bytes signature = BYTES_INIT("NTLMSSP\0");
	size_t at = bytes_find_seq(token, signature);
	struct reader r = {o, dir, offset + at, bytes_from(token, at), proto, false, false};
	struct ntlm_seen seen = {0, {{0}}};
	uint32_t flags;

	if (r.msg.len < signature.len + 4)
		return seen;
	seen.type = load_le32(r.msg.ptr + signature.len);
	switch (seen.type) {
	case NEGOTIATE: /* names here are those of Windows 95; newer ones leave them empty */
		flags = flags_at(&r, 12);
		tell_version(&r, 32, flags);
		break;
	case CHALLENGE:
		flags = flags_at(&r, 20);
		if (r.msg.len >= 48)
			tell_target(&r, field(&r, 40));
		tell_version(&r, 48, flags);
		break;
	case AUTHENTICATE:
		seen.user = authenticate(&r);
		break;
	default:
		seen.type = 0;
		r.bad = true;
	}
	observe_unit(o, UNIT_ntlm_messages);
	if (r.bad)
		observe_anomaly(o, dir, r.offset, ANOMALY_ntlm_malformed, proto, NULL);
	return seen;
}
