/* SPDX-License-Identifier: Apache-2.0 */
/* Lantronix serial servers (XPort, UDS, MSS): the query port UDP 30718 and the set-up menu of
 * TCP 9999.
 * Source: UDS-10 and XPress-DR manuals; public notes of scanners. A query is 00 00 00 and a
 *         code: F6 asks for the firmware (answer F7), F8 for the set-up record (F9), FA and FC
 *         write, 03 resets. The record holds the menu's password in clear at bytes 8-11.
 * Told:   maker, firmware type, MAC, whether a password is set. Never the password. */
#include <stdio.h>

#include "base/cursor.h"
#include "proto/pieces.h"
#include "proto/proto.h"

enum { PORT_LANTRONIX = 30718, RECORD_BYTES = 120, FIRMWARE_BYTES = 16 };
enum code {
	CODE_RESET = 0x03,
	CODE_FIRMWARE = 0xf6,
	CODE_FIRMWARE_ANSWER = 0xf7,
	CODE_SETUP = 0xf8,
	CODE_SETUP_ANSWER = 0xf9,
	CODE_WRITE = 0xfa,
	CODE_LAST = 0xfd,
};

enum password { PASSWORD_SET = 1, PASSWORD_NONE = 2, PASSWORD_CLEAR = 3 };

static void
tell_maker(const struct observer *o, enum name_value dir, const char *source)
{
	observe_claim(o, dir, 0, attr_maker, BYTES("Lantronix"), source, 90);
	observe_claim(o, dir, 0, attr_class, BYTES("serial_server"), source, 90);
}

static bool
lantronix_oui(const uint8_t *p)
{
	return p[0] == 0 && ((p[1] == 0x20 && p[2] == 0x4a) || (p[1] == 0x80 && p[2] == 0xa3));
}

/* 16 header bytes of the firmware, its type as two letters at 4; newer ones add the MAC. */
static void
firmware(const struct observer *o, enum name_value dir, struct bytes in)
{
	struct ev_binding b = {.source = BYTES_INIT("lantronix")};
	char text[16];

	tell_maker(o, dir, "Lantronix UDP 30718");
	if (in.len < FIRMWARE_BYTES) {
		observe_anomaly(o, dir, 0, ANOMALY_discovery_malformed, PROTO_lantronix,
		    "firmware header too short");
		return;
	}
	if (bytes_printable(bytes_sub(in, 4, 2))) {
		(void)snprintf(text, sizeof(text), "type %c%c", in.ptr[4], in.ptr[5]);
		observe_claim(o, dir, 8, attr_hardware, bytes_str(text), "Lantronix UDP 30718", 80);
	}
	if (in.len >= 26 && lantronix_oui(in.ptr + 20)) {
		b.mac = mac_from(in.ptr + 20);
		o->emit(o->owner, dir, 24, EV_binding, &b);
	}
}

static void
setup_record(const struct observer *o, enum name_value dir, struct bytes in)
{
	struct ev_setup s = {.proto = PROTO_lantronix,
	    .what = BYTES_INIT("Lantronix UDP 30718"),
	    .password = PASSWORD_CLEAR};

	tell_maker(o, dir, "Lantronix UDP 30718");
	if (in.len < RECORD_BYTES) {
		observe_anomaly(o, dir, 0, ANOMALY_discovery_malformed, PROTO_lantronix,
		    "set-up record too short");
		return;
	}
	/* Whoever asks gets the password: set means sent in clear. */
	if (load_be32(in.ptr + 8) == 0)
		s.password = PASSWORD_NONE;
	if (load_be32(in.ptr) != 0)
		s.ip = ip_from_v4(in.ptr);
	o->emit(o->owner, dir, 12, EV_setup, &s);
	if (s.password == PASSWORD_CLEAR) {
		struct ev_credential c = {
		    .proto = PROTO_lantronix, .scheme = BYTES_INIT("set-up record")};

		o->emit(o->owner, dir, 12, EV_credential, &c);
	}
}

static bool
lantronix_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	bool on_port = v->port[0] == PORT_LANTRONIX || v->port[1] == PORT_LANTRONIX;
	struct bytes body = bytes_from(payload, 4);
	unsigned code;

	/* Three zero bytes are no magic: the port must agree. */
	if (!on_port || payload.len < 4 || payload.ptr[0] != 0 || payload.ptr[2] != 0)
		return false;
	code = payload.ptr[3];
	if (code != CODE_RESET && (code < 0xe0 || code > CODE_LAST))
		return false;
	observe_unit(o, UNIT_discovery_packets);
	if (code == CODE_FIRMWARE_ANSWER)
		firmware(o, dir, body);
	else if (code == CODE_SETUP_ANSWER)
		setup_record(o, dir, body);
	else if (code == CODE_WRITE || code == 0xfc || code == CODE_RESET)
		observe_anomaly(o, dir, 0, ANOMALY_setup_written, PROTO_lantronix,
		    code == CODE_RESET ? "UDP 30718 reset" : "UDP 30718 write");
	return true;
}

/* --- the menu of TCP 9999 --- */

enum { MENU_LINE_MAX = 160, MENU_LINES_MAX = 24 };

struct menu {
	struct observer *o;
	struct lines lines;
	enum name_value server;
	bool server_known;
	unsigned n;
	bool told; /* the state of the password */
};

static const struct bytes menu_magic = BYTES_INIT("Lantronix");

/* "*** Lantronix XPort ***", or the line of MAC address with its OUI. */
static bool
is_menu(struct bytes head)
{
	struct bytes first = bytes_sub(head, 0, 200);

	return (bytes_starts(first, BYTES("***")) || bytes_starts(first, BYTES("MAC address"))) &&
	       (bytes_find_seq(first, menu_magic) < first.len ||
		   bytes_find_seq(first, BYTES("MAC address 00204A")) < first.len ||
		   bytes_find_seq(first, BYTES("MAC address 0080A3")) < first.len);
}

static enum probe
lantronix_probe(const struct probe_view *v)
{
	bool maybe = false;

	for (size_t i = 0; i < 2; i++) {
		struct bytes h = v->head[i], start = bytes_sub(h, 0, 3);

		if (is_menu(h))
			return PROBE_YES;
		if (h.len > 0 && h.len < 200 &&
		    (bytes_starts(BYTES("***"), start) || bytes_starts(BYTES("MAC"), start)))
			maybe = true;
	}
	return maybe && !v->ended ? PROBE_MAYBE : PROBE_NO;
}

/* The value after a label, up to two blanks or the end of the line. */
static void
labelled(const struct menu *m, const struct piece *p, const char *label, enum name_value attr)
{
	struct bytes w = bytes_str(label), value;
	size_t at = bytes_find_seq(p->body, w), n;

	if (at == p->body.len)
		return;
	value = bytes_trim(bytes_from(p->body, at + w.len));
	n = bytes_find(value, ' ');
	value = bytes_sub(value, 0, n);
	if (bytes_printable(value))
		observe_claim(m->o, m->server, p->offset + at, attr, value, "Lantronix menu", 85);
}

static void
password_state(struct menu *m, uint64_t at, enum password state)
{
	struct ev_setup s = {.proto = PROTO_lantronix,
	    .what = BYTES_INIT("Lantronix menu TCP 9999"),
	    .password = state};

	if (m->told)
		return;
	m->told = true;
	m->o->emit(m->o->owner, m->server, at, EV_setup, &s);
}

static void
line(struct menu *m, const struct piece *p)
{
	struct bytes l = p->body, value, rest;
	struct ev_binding b = {.source = BYTES_INIT("lantronix")};
	size_t at = bytes_find_seq(l, BYTES("MAC address"));

	if (m->n++ == 0)
		tell_maker(m->o, m->server, "Lantronix menu");
	labelled(m, p, "Serial Number", attr_serial);
	labelled(m, p, "Software version", attr_firmware);
	if (bytes_starts(l, BYTES("*** Lantronix "))) {
		value = bytes_from(l, 14);
		value = bytes_sub(value, 0, bytes_find(value, '*'));
		if (bytes_printable(value))
			observe_claim(
			    m->o, m->server, p->offset, attr_model, value, "Lantronix menu", 75);
	}
	if (at < l.len) {
		value = bytes_split(bytes_trim(bytes_from(l, at + 11)), ' ', &rest);
		if (mac_parse(value, &b.mac))
			m->o->emit(m->o->owner, m->server, p->offset + at, EV_binding, &b);
	}
	if (bytes_find_seq(l, BYTES("Password")) < l.len)
		password_state(m, p->offset, PASSWORD_SET);
	else if (bytes_find_seq(l, BYTES("Press Enter")) < l.len)
		password_state(m, p->offset, PASSWORD_NONE);
}

static void *
lantronix_open(struct observer *o)
{
	struct menu *m = budget_alloc(o->budget, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->o = o;
	m->lines = (struct lines){.cap = MENU_LINE_MAX, .held.budget = o->budget};
	return m;
}

static void
lantronix_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct menu *m = session;
	struct piece p;

	if (!m->server_known) {
		m->server_known = true;
		m->server = dir; /* it greets */
	}
	if (dir != m->server) {
		/* The person at the other end answers: what stands open is a prompt. */
		if (lines_rest(&m->lines, &p) && m->n < MENU_LINES_MAX)
			line(m, &p);
		return;
	}
	while (m->n < MENU_LINES_MAX && lines_next(&m->lines, &run, &offset, &p))
		line(m, &p);
}

static void
lantronix_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct menu *m = session;

	(void)offset;
	(void)missing;
	if (dir == m->server)
		lines_reset(&m->lines);
}

static void
lantronix_end(void *session, enum name_value dir)
{
	struct menu *m = session;
	struct piece p;

	if (dir == m->server && lines_rest(&m->lines, &p) && m->n < MENU_LINES_MAX)
		line(m, &p);
}

static void
lantronix_close(void *session)
{
	struct menu *m = session;

	lines_free(&m->lines);
	budget_free(m->o->budget, m, sizeof(*m));
}

const struct protocol lantronix_protocol = {
    .id = PROTO_lantronix,
    .name = "lantronix",
    .probe = lantronix_probe,
    .open = lantronix_open,
    .data = lantronix_data,
    .gap = lantronix_gap,
    .end = lantronix_end,
    .close = lantronix_close,
    .datagram = lantronix_datagram,
};
