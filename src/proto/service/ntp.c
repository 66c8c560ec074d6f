/* SPDX-License-Identifier: Apache-2.0 */
/* NTP: counted; what a server tells of itself in control answers; amplification queries.
 * Source: RFC 5905 7.3 (packets), RFC 9327 2 (mode 6), ntpd's mode 7. Without a magic the port
 *         and the structure decide together. */
#include <stdio.h>

#include "base/cursor.h"
#include "proto/proto.h"

enum { PORT_NTP = 123, NTP_BYTES = 48, CONTROL_BYTES = 12, PRIVATE_BYTES = 8 };
enum { MODE_CONTROL = 6, MODE_PRIVATE = 7, PRIVATE_MONLIST = 42, PRIVATE_MONLIST_OLD = 20 };

/* name="value" or name=value out of a list with commas. */
static struct bytes
variable(struct bytes list, const char *name)
{
	while (list.len > 0) {
		struct bytes value, item = bytes_split(list, ',', &list);

		item = bytes_trim(bytes_split(item, '=', &value));
		if (!bytes_eq(item, bytes_str(name)))
			continue;
		if (value.len >= 2 && value.ptr[0] == '"')
			value = bytes_sub(value, 1, bytes_find(bytes_from(value, 1), '"'));
		return bytes_trim(value);
	}
	return bytes_of(NULL, 0);
}

static void
control(const struct observer *o, enum name_value dir, struct bytes in)
{
	enum { RESPONSE = 0x80 };
	struct bytes list =
	    bytes_sub(in, CONTROL_BYTES, in.len >= CONTROL_BYTES ? load_be16(in.ptr + 10) : 0);
	struct bytes version, system, rest;
	char text[64];

	if ((in.ptr[1] & RESPONSE) == 0)
		return;
	version = bytes_split(variable(list, "version"), '@', &rest);
	if (bytes_printable(version))
		observe_claim(o, dir, CONTROL_BYTES, attr_software, version, "NTP control", 70);
	system = variable(list, "system");
	/* "Linux/3.10.0" */
	system = bytes_split(system, '/', &rest);
	if (system.len == 0 || !bytes_printable(system) || !bytes_printable(rest))
		return;
	(void)snprintf(text, sizeof(text), "%.*s %.*s", (int)(system.len & 31),
	    (const char *)system.ptr, (int)(rest.len & 31),
	    rest.len > 0 ? (const char *)rest.ptr : "");
	observe_claim(o, dir, CONTROL_BYTES, attr_os, bytes_str(text), "NTP control", 70);
}

static bool
ntp_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	unsigned version, mode;

	if ((v->port[0] != PORT_NTP && v->port[1] != PORT_NTP) || payload.len < PRIVATE_BYTES)
		return false;
	version = payload.ptr[0] >> 3 & 7;
	mode = payload.ptr[0] & 7;
	if (version < 1 || version > 4 || (mode < MODE_CONTROL && payload.len < NTP_BYTES) ||
	    (mode == 0 && version > 1))
		return false;
	observe_unit(o, UNIT_ntp_packets);
	if (mode == MODE_CONTROL && payload.len >= CONTROL_BYTES)
		control(o, dir, payload);
	else if (mode == MODE_PRIVATE && (payload.ptr[0] & 0x80) == 0 &&
		 (payload.ptr[3] == PRIVATE_MONLIST || payload.ptr[3] == PRIVATE_MONLIST_OLD))
		observe_anomaly(o, dir, 0, ANOMALY_ntp_monlist, PROTO_ntp, NULL);
	return true;
}

const struct protocol ntp_protocol = {
    .id = PROTO_ntp,
    .name = "ntp",
    .datagram = ntp_datagram,
};
