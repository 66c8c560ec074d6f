/* SPDX-License-Identifier: Apache-2.0 */
/* NetBIOS over UDP: the name service and the datagram service with its browser announcements.
 * Source: RFC 1001, RFC 1002 4.2 and 4.4; [MS-BRWS] 2.2.1 HostAnnouncement.
 * A name of suffix 03 may be a user's: never told. */
#include <stdio.h>

#include "proto/names/message.h"
#include "proto/proto.h"

enum { PORT_NAME = 137, PORT_DATAGRAM = 138 };

enum {
	OP_QUERY = 0,
	OP_REGISTRATION = 5,
	OP_REFRESH = 8,
	OP_REFRESH_ALT = 9,
	OP_MULTIHOMED = 15,
};

enum { SUFFIX_WORKSTATION = 0x00, SUFFIX_CONTROLLER = 0x1c, SUFFIX_FILE_SERVER = 0x20 };
enum { NB_GROUP = 0x8000 };
enum { NBSTAT_ROW_BYTES = 18 };

static void
bind(const struct observer *o, enum name_value dir, uint64_t at, const struct netbios_name *n,
    struct ip ip, struct mac mac)
{
	struct ev_binding b = {
	    .ip = ip, .mac = mac, .host = bytes_of(n->text, n->len), .source = BYTES_INIT("nbns")};

	if (n->len > 0 && !(ip_is_group(ip) && !ip_is_zero(ip)))
		o->emit(o->owner, dir, at, EV_binding, &b);
}

/* What a name and its suffix say about the machine that owns it. */
static void
tell_name(const struct observer *o, enum name_value dir, uint64_t at, const struct netbios_name *n,
    unsigned flags, struct ip ip, struct mac mac)
{
	struct bytes text = bytes_of(n->text, n->len);

	if ((flags & NB_GROUP) != 0) {
		if (n->suffix == SUFFIX_WORKSTATION)
			observe_claim(o, dir, at, attr_domain, text, "NBNS group", 60);
		else if (n->suffix == SUFFIX_CONTROLLER)
			observe_claim(o, dir, at, attr_service, BYTES("domain controller"),
			    "NBNS suffix 1C", 70);
		return;
	}
	if (n->suffix == SUFFIX_FILE_SERVER)
		observe_claim(o, dir, at, attr_service, BYTES("file server"), "NBNS suffix 20", 60);
	if (n->suffix == SUFFIX_WORKSTATION || n->suffix == SUFFIX_FILE_SERVER)
		bind(o, dir, at, n, ip, mac);
}

/* The 32 letters of a name as it stands in dotted text. */
static bool
name_of(const struct dns_name *name, struct netbios_name *n)
{
	return name->first == 32 && netbios_name_of(bytes_of(name->text, 32), n);
}

/* RFC 1002 4.2.18: all names of one machine, and its MAC. */
static void
tell_nbstat(const struct observer *o, enum name_value dir, const struct dns_record *r)
{
	struct cursor c = cursor_of(r->data);
	size_t n = cursor_u8(&c);
	struct bytes rows = cursor_take(&c, n * NBSTAT_ROW_BYTES);
	struct bytes unit_id = cursor_take(&c, 6);
	struct mac mac = {{0}};

	if (unit_id.len == 6)
		mac = mac_from(unit_id.ptr);
	for (size_t i = 0; i < rows.len; i += NBSTAT_ROW_BYTES) {
		struct netbios_name name = {.len = NETBIOS_NAME_BYTES};

		memcpy(name.text, rows.ptr + i, NETBIOS_NAME_BYTES);
		name.suffix = rows.ptr[i + NETBIOS_NAME_BYTES];
		while (name.len > 0 &&
		       (name.text[name.len - 1] == ' ' || name.text[name.len - 1] == 0))
			name.len--;
		tell_name(o, dir, r->at + 1 + i, &name,
		    load_be16(rows.ptr + i + NETBIOS_NAME_BYTES + 1), (struct ip){{0}}, mac);
	}
}

static void
tell_record(const struct observer *o, enum name_value dir, const struct dns_message *m,
    const struct dns_record *r)
{
	bool answer = (m->flags & DNS_RESPONSE) != 0;
	unsigned op = dns_opcode(m);
	struct netbios_name name;

	if (answer && r->type == DNS_NBSTAT) {
		tell_nbstat(o, dir, r);
		return;
	}
	if (r->type != DNS_NB || r->data.len < 6 || !name_of(&r->name, &name))
		return;
	if (answer ? op != OP_QUERY || dns_rcode(m) != 0
		   : op != OP_REGISTRATION && op != OP_REFRESH && op != OP_REFRESH_ALT &&
			 op != OP_MULTIHOMED)
		return;
	for (size_t i = 0; r->data.len - i >= 6; i += 6)
		tell_name(o, dir, r->at + i, &name, load_be16(r->data.ptr + i),
		    ip_from_v4(r->data.ptr + i + 2), (struct mac){{0}});
}

static void
name_message(struct observer *o, enum name_value dir, struct bytes in)
{
	struct dns_message m;
	struct dns_record r;
	size_t records;
	char place[40];

	observe_unit(o, UNIT_netbios_messages);
	(void)dns_open(&m, in);
	records = (size_t)m.n[1] + m.n[2] + m.n[3];
	for (size_t i = 0; i < m.n[0] && dns_question(&m, &r); i++)
		;
	for (size_t i = 0; i < records && m.fault == DNS_OK && dns_record(&m, &r); i++)
		tell_record(o, dir, &m, &r);
	if (m.fault == DNS_OK)
		return;
	(void)snprintf(place, sizeof(place), "message of %zu bytes, at %zu", in.len, m.at);
	observe_anomaly(o, dir, 0,
	    m.fault == DNS_LOOP ? ANOMALY_dns_pointer_loop : ANOMALY_nbns_malformed, PROTO_nbns,
	    place);
}

/* --- datagram service --- */

/* RFC 1002 4.4.1: type, flags, id, source address, port, length, offset; then the two names. */
enum { DGM_NAME_AT = 14, DGM_NAME_BYTES = 34 };

enum { DGM_DIRECT_UNIQUE = 0x10, DGM_BROADCAST = 0x12, DGM_QUERY_NEGATIVE = 0x16 };

/* [MS-BRWS] 2.2.1, 2.2.10: server type bits */
enum { SERVER_UNIX = 0x800, SERVER_NT = 0x1000 };

/* A browser announcement inside an SMB transaction to \MAILSLOT\BROWSE. */
static void
tell_browser(const struct observer *o, enum name_value dir, struct bytes in, size_t smb_at)
{
	enum { SMB_HEADER = 32, DATA_OFFSET_AT = SMB_HEADER + 1 + 24, HOST = 1, MASTER = 15 };
	struct bytes smb = bytes_from(in, smb_at);
	char os[24];
	struct cursor c;
	struct bytes name;
	unsigned command, major, minor;
	uint32_t type;

	if (smb.len < DATA_OFFSET_AT + 2 || !bytes_starts(smb, BYTES("\xffSMB\x25")) ||
	    bytes_find_seq(smb, BYTES("\\MAILSLOT\\BROWSE")) == smb.len)
		return;
	c = cursor_of(bytes_from(smb, load_le16(smb.ptr + DATA_OFFSET_AT)));
	command = cursor_u8(&c);
	(void)cursor_take(&c, 5);
	name = cursor_take(&c, 16);
	major = cursor_u8(&c);
	minor = cursor_u8(&c);
	type = cursor_le32(&c);
	if (c.short_ || (command != HOST && command != MASTER))
		return;
	observe_claim(o, dir, smb_at, attr_hostname, bytes_sub(name, 0, bytes_find(name, 0)),
	    "browser announcement", 70);
	/* Unix servers announce made-up Windows versions. */
	if ((type & SERVER_NT) == 0 || (type & SERVER_UNIX) != 0)
		return;
	(void)snprintf(os, sizeof(os), "Windows %u.%u", major, minor);
	observe_claim(o, dir, smb_at, attr_os, bytes_str(os), "browser announcement", 50);
}

static bool
datagram_message(struct observer *o, enum name_value dir, struct bytes in)
{
	struct netbios_name name;
	uint8_t type = in.len > 0 ? in.ptr[0] : 0;

	if (type < DGM_DIRECT_UNIQUE || type > DGM_QUERY_NEGATIVE)
		return false;
	if (type > DGM_BROADCAST) { /* an error (4.4.3) or a query (4.4.4) */
		observe_unit(o, UNIT_netbios_messages);
		return true;
	}
	if (in.len < DGM_NAME_AT + 2 * DGM_NAME_BYTES || in.ptr[DGM_NAME_AT] != 32 ||
	    !netbios_name_of(bytes_sub(in, DGM_NAME_AT + 1, 32), &name))
		return false;
	observe_unit(o, UNIT_netbios_messages);
	tell_name(o, dir, DGM_NAME_AT, &name, 0, ip_from_v4(in.ptr + 4), (struct mac){{0}});
	tell_browser(o, dir, in, DGM_NAME_AT + 2 * DGM_NAME_BYTES);
	return true;
}

/* A name message starts with a header and a name of 32 letters A-P: that is magic enough. On its
 * port a header will do, so that damage is seen. */
static bool
is_name_message(struct bytes in, bool on_port)
{
	struct netbios_name name;
	struct dns_message m;

	if (!dns_open(&m, in))
		return false;
	if (in.len > DNS_HEADER_BYTES && in.ptr[DNS_HEADER_BYTES] == 32 &&
	    netbios_name_of(bytes_from(in, DNS_HEADER_BYTES + 1), &name))
		return true;
	return on_port && m.n[0] <= 1 && m.n[1] <= 1 && m.n[2] <= 1 && m.n[3] <= 1;
}

static bool
nbns_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	if (v->port[0] == PORT_DATAGRAM || v->port[1] == PORT_DATAGRAM)
		return datagram_message(o, dir, payload);
	if (!is_name_message(payload, v->port[0] == PORT_NAME || v->port[1] == PORT_NAME))
		return false;
	name_message(o, dir, payload);
	return true;
}

const struct protocol nbns_protocol = {
    .id = PROTO_nbns,
    .name = "nbns",
    .datagram = nbns_datagram,
};
