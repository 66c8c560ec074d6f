/* SPDX-License-Identifier: Apache-2.0 */
/* Moxa NPort serial servers: the discovery and set-up protocol of UDP 4800 (DE-211 and DE-311:
 * 1029), and the automatic report of addresses.
 * Source: NPort manuals; public notes of scanners. A message is function, status, u16 length of
 *         all of it, u32 transaction; answers have bit 7 of the function set, then application id
 *         u32, hardware id u16, MAC, address.
 * Doubt:  the byte order of the two ids was never confirmed: they are told as sent, in hex. */
#include <stdio.h>

#include "base/cursor.h"
#include "proto/proto.h"

enum { PORT_MOXA = 4800, PORT_MOXA_OLD = 1029, MOXA_HEADER = 8, MOXA_ANSWER = 24 };
enum { FN_SEARCH = 1, FN_LAST = 0x2f, FN_ANSWER = 0x80 };

static const uint8_t moxa_oui[3] = {0x00, 0x90, 0xe8};

static void
tell(const struct observer *o, enum name_value dir, struct mac mac, struct ip ip,
    enum name_value attr, struct bytes value, const char *source)
{
	struct ev_claim c = {.ip = ip,
	    .mac = mac,
	    .attr = attr,
	    .value = bytes_trim(value),
	    .source = bytes_str(source),
	    .confidence = 85};

	if (c.value.len > 0 && bytes_printable(c.value))
		o->emit(o->owner, dir, 0, EV_claim, &c);
}

static void
bind(const struct observer *o, enum name_value dir, struct mac mac, struct ip ip)
{
	struct ev_binding b = {.ip = ip, .mac = mac, .source = BYTES_INIT("moxa")};

	if (!mac_is_zero(mac))
		o->emit(o->owner, dir, 0, EV_binding, &b);
}

static void
answer(struct observer *o, enum name_value dir, struct bytes in)
{
	struct ev_setup s = {.proto = PROTO_moxa, .what = BYTES_INIT("Moxa UDP 4800")};
	struct mac mac = mac_from(in.ptr + 14);
	struct ip ip = ip_from_v4(in.ptr + 20);
	char text[48];

	(void)snprintf(text, sizeof(text), "application %08x hardware %04x",
	    (unsigned)load_be32(in.ptr + 8), load_be16(in.ptr + 12));
	tell(o, dir, mac, ip, attr_maker, BYTES("Moxa"), "Moxa UDP 4800");
	tell(o, dir, mac, ip, attr_class, BYTES("serial_server"), "Moxa UDP 4800");
	tell(o, dir, mac, ip, attr_hardware, bytes_str(text), "Moxa UDP 4800");
	bind(o, dir, mac, ip);
	s.ip = ip;
	o->emit(o->owner, dir, 0, EV_setup, &s);
}

/* "MOXA" and type, length, value: name, hardware, MAC, serial, address, firmware. */
static bool
report(struct observer *o, enum name_value dir, struct bytes in)
{
	enum { NAME = 1, HARDWARE, MAC, SERIAL, ADDRESS, FIRMWARE = 8 };
	struct cursor c = cursor_of(bytes_from(in, 4));
	struct bytes field[9] = {{NULL, 0}};
	struct mac mac = {{0}};
	struct ip ip = {{0}};
	char text[24];

	while (cursor_left(&c) > 0) {
		unsigned type = cursor_u8(&c);
		struct bytes value = cursor_take(&c, cursor_u8(&c));

		if (c.short_)
			return false;
		if (type < ARRAY_LEN(field))
			field[type] = value;
	}
	if (field[MAC].len != 6)
		return false;
	mac = mac_from(field[MAC].ptr);
	if (field[ADDRESS].len == 4)
		ip = ip_from_v4(field[ADDRESS].ptr);
	observe_unit(o, UNIT_discovery_packets);
	tell(o, dir, mac, ip, attr_maker, BYTES("Moxa"), "Moxa IP report");
	tell(o, dir, mac, ip, attr_class, BYTES("serial_server"), "Moxa IP report");
	tell(o, dir, mac, ip, attr_name, field[NAME], "Moxa IP report");
	if (field[FIRMWARE].len == 4) {
		const uint8_t *f = field[FIRMWARE].ptr;

		/* 01 03 04 00 is 1.3.4 */
		(void)snprintf(text, sizeof(text), "%u.%u.%u", f[0], f[1], f[2]);
		tell(o, dir, mac, ip, attr_firmware, bytes_str(text), "Moxa IP report");
	}
	bind(o, dir, mac, ip);
	return true;
}

static bool
moxa_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	bool on_port = v->port[0] == PORT_MOXA || v->port[1] == PORT_MOXA ||
		       v->port[0] == PORT_MOXA_OLD || v->port[1] == PORT_MOXA_OLD;
	unsigned function;
	bool oui;

	if (bytes_starts(payload, BYTES("MOXA")))
		return report(o, dir, payload);
	if (payload.len < MOXA_HEADER || load_be16(payload.ptr + 2) != payload.len)
		return false;
	function = payload.ptr[0] & 0x7f;
	oui = payload.len >= MOXA_ANSWER && memcmp(payload.ptr + 14, moxa_oui, 3) == 0;
	if (function < FN_SEARCH || function > FN_LAST || (!on_port && !oui))
		return false;
	observe_unit(o, UNIT_discovery_packets);
	if (payload.ptr[0] == (FN_SEARCH | FN_ANSWER) && payload.len >= MOXA_ANSWER)
		answer(o, dir, payload);
	else if (payload.ptr[0] == (FN_SEARCH | FN_ANSWER))
		observe_anomaly(
		    o, dir, 0, ANOMALY_discovery_malformed, PROTO_moxa, "answer too short");
	return true;
}

const struct protocol moxa_protocol = {
    .id = PROTO_moxa,
    .name = "moxa",
    .datagram = moxa_datagram,
};
