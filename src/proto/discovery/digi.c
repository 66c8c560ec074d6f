/* SPDX-License-Identifier: Apache-2.0 */
/* Digi serial servers: the discovery protocol ADDP.
 * Source: public descriptions of ADDP (no vendor paper): "DIGI", u16 operation, u16 length of
 *         what follows, then type, length, value.
 * Told:   maker, model, firmware, name, MAC and address from answers; writing the address or
 *         rebooting by a datagram as an anomaly, for it needs no more than a known password. */
#include "base/cursor.h"
#include "proto/proto.h"

enum {
	ADDP_DISCOVER = 1,
	ADDP_ANSWER = 2,
	ADDP_SET = 3,
	ADDP_REBOOT = 5,
	ADDP_DHCP = 7,
	ADDP_LAST = 16
};
enum addp_field {
	FIELD_MAC = 1,
	FIELD_IP = 2,
	FIELD_NAME = 4,
	FIELD_FIRMWARE = 8,
	FIELD_DEVICE = 13
};

struct found {
	struct mac mac;
	struct ip ip;
	struct bytes name, firmware, device;
};

/* False: a field runs over the end. */
static bool
fields(struct found *f, struct bytes in)
{
	struct cursor c = cursor_of(in);

	while (cursor_left(&c) > 0) {
		unsigned type = cursor_u8(&c);
		struct bytes value = cursor_take(&c, cursor_u8(&c));

		if (c.short_)
			return false;
		if (type == FIELD_MAC && value.len == 6)
			f->mac = mac_from(value.ptr);
		else if (type == FIELD_IP && value.len == 4)
			f->ip = ip_from_v4(value.ptr);
		else if (type == FIELD_NAME)
			f->name = value;
		else if (type == FIELD_FIRMWARE)
			f->firmware = value;
		else if (type == FIELD_DEVICE)
			f->device = value;
	}
	return true;
}

static void
tell(const struct observer *o, enum name_value dir, const struct found *f, enum name_value attr,
    struct bytes value)
{
	struct ev_claim c = {.ip = f->ip,
	    .mac = f->mac,
	    .attr = attr,
	    .value = bytes_trim(value),
	    .source = BYTES_INIT("Digi ADDP"),
	    .confidence = 90};

	if (c.value.len > 0 && bytes_printable(c.value))
		o->emit(o->owner, dir, 0, EV_claim, &c);
}

static void
answer(struct observer *o, enum name_value dir, struct bytes in)
{
	struct found f = {0};
	struct ev_binding b = {.source = BYTES_INIT("addp")};
	struct ev_setup s = {.proto = PROTO_digi, .what = BYTES_INIT("Digi ADDP UDP 2362")};

	if (!fields(&f, in))
		observe_anomaly(
		    o, dir, 0, ANOMALY_discovery_malformed, PROTO_digi, "field over the end");
	tell(o, dir, &f, attr_maker, BYTES("Digi"));
	tell(o, dir, &f, attr_class, BYTES("serial_server"));
	tell(o, dir, &f, attr_model, f.device);
	tell(o, dir, &f, attr_firmware, f.firmware);
	tell(o, dir, &f, attr_name, f.name);
	b.ip = f.ip;
	b.mac = f.mac;
	if (!mac_is_zero(f.mac))
		o->emit(o->owner, dir, 0, EV_binding, &b);
	s.ip = f.ip;
	o->emit(o->owner, dir, 0, EV_setup, &s);
}

static bool
digi_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	struct cursor c = cursor_of(payload);
	struct bytes mark = cursor_take(&c, 4), body;
	unsigned op = cursor_be16(&c), len = cursor_be16(&c);

	(void)v;
	if (c.short_ || !bytes_eq(mark, BYTES("DIGI")) || op < ADDP_DISCOVER || op > ADDP_LAST)
		return false;
	observe_unit(o, UNIT_discovery_packets);
	body = cursor_rest(&c);
	if (body.len < len)
		observe_anomaly(
		    o, dir, 0, ANOMALY_discovery_malformed, PROTO_digi, "shorter than it says");
	body = bytes_sub(body, 0, len);
	if (op == ADDP_ANSWER)
		answer(o, dir, body);
	else if (op == ADDP_SET || op == ADDP_REBOOT || op == ADDP_DHCP)
		observe_anomaly(o, dir, 0, ANOMALY_setup_written, PROTO_digi,
		    op == ADDP_REBOOT ? "ADDP reboot" : "ADDP address");
	return true;
}

const struct protocol digi_protocol = {
    .id = PROTO_digi,
    .name = "digi",
    .datagram = digi_datagram,
};
