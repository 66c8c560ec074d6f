/* SPDX-License-Identifier: Apache-2.0 */
/* TFTP: requests are counted; file names never leave.
 * Source: RFC 1350 5 (requests), RFC 2347 (options). Transfers use ports of their own and have
 *         no magic: only requests, and data on port 69, are known. */
#include "base/cursor.h"
#include "proto/proto.h"

enum { PORT_TFTP = 69, TFTP_READ = 1, TFTP_WRITE = 2, TFTP_OACK = 6, TFTP_NAME_MAX = 512 };

/* "..": a step out of the folder, in any notation of slashes. */
static bool
leaves_folder(struct bytes name)
{
	size_t at;

	while ((at = bytes_find_seq(name, BYTES(".."))) < name.len) {
		bool left = at == 0 || name.ptr[at - 1] == '/' || name.ptr[at - 1] == '\\';
		bool right =
		    at + 2 == name.len || name.ptr[at + 2] == '/' || name.ptr[at + 2] == '\\';

		if (left && right)
			return true;
		name = bytes_from(name, at + 2);
	}
	return false;
}

static bool
tftp_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	static const struct bytes modes[] = {
	    BYTES_INIT("octet"), BYTES_INIT("netascii"), BYTES_INIT("mail")};
	bool on_port = v->port[0] == PORT_TFTP || v->port[1] == PORT_TFTP;
	struct bytes name, mode, rest;
	unsigned op;

	if (payload.len < 4 || payload.ptr[payload.len - 1] != 0)
		return on_port && payload.len >= 4 && payload.ptr[0] == 0 &&
		       payload.ptr[1] > TFTP_WRITE && payload.ptr[1] <= TFTP_OACK;
	op = load_be16(payload.ptr);
	if (op < TFTP_READ || op > TFTP_WRITE)
		return on_port && op > TFTP_WRITE && op <= TFTP_OACK;
	name = bytes_split(bytes_from(payload, 2), 0, &rest);
	mode = bytes_split(rest, 0, &rest);
	if (name.len == 0 || name.len > TFTP_NAME_MAX)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		if (!bytes_eq_nocase(mode, modes[i]))
			continue;
		observe_unit(o, UNIT_tftp_requests);
		if (leaves_folder(name))
			observe_anomaly(o, dir, 2, ANOMALY_tftp_path_escape, PROTO_tftp, NULL);
		return true;
	}
	return false;
}

const struct protocol tftp_protocol = {
    .id = PROTO_tftp,
    .name = "tftp",
    .datagram = tftp_datagram,
};
