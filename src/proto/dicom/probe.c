/* SPDX-License-Identifier: Apache-2.0 */
/* Is a stream DICOM? By its bytes; the port only lets a damaged start count. */
#include "base/cursor.h"
#include "proto/dicom/assoc.h"
#include "proto/dicom/dicom.h"
#include "proto/dicom/pdu.h"

enum { PROBE_ITEM = 74, PROBE_AE = 10, PROBE_AE_END = 42 };

/* A hint: a well-known port lets a damaged start count, it never makes one. */
static bool
dicom_port(const struct probe_view *v)
{
	static const uint16_t ports[] = {104, 2761, 2762, 4242, 11112};

	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		if (v->port[0] == ports[i] || v->port[1] == ports[i])
			return true;
	}
	return false;
}

static enum probe
probe_associate(struct bytes b, bool ended, bool port)
{
	uint32_t length;

	if (b.len < DICOM_PDU_HEAD)
		return ended ? PROBE_NO : PROBE_MAYBE;
	length = load_be32(b.ptr + 2);
	if (length < DICOM_ASSOCIATE_MIN || length > DICOM_PDU_KEPT_MAX)
		return port ? PROBE_YES : PROBE_NO;
	if (b.len >= PROBE_AE && load_be16(b.ptr + 8) != 0)
		return PROBE_NO;
	for (size_t i = PROBE_AE; i < PROBE_AE_END && i < b.len; i++) {
		if (b.ptr[i] != 0 && (b.ptr[i] < 0x20 || b.ptr[i] > 0x7e))
			return PROBE_NO;
	}
	if (b.len < PROBE_ITEM + 2)
		return !ended                            ? PROBE_MAYBE
		       : b.len > PROBE_AE + DICOM_AE_MAX ? PROBE_YES
							 : PROBE_NO;
	switch (b.ptr[PROBE_ITEM]) {
	case 0x10:
	case 0x20:
	case 0x21:
	case 0x50:
		return b.ptr[PROBE_ITEM + 1] == 0 ? PROBE_YES : PROBE_NO;
	default:
		return PROBE_NO;
	}
}

/* Met in mid-association: a P-DATA that holds together and shows a command, or is followed by
 * another PDU. */
static enum probe
probe_data(struct bytes b, bool ended, bool port)
{
	enum probe is = dicom_pdu_plausible(b);
	uint64_t next;

	if (is != PROBE_YES)
		return is == PROBE_MAYBE && !ended ? PROBE_MAYBE : PROBE_NO;
	if ((b.ptr[11] & PDV_COMMAND) != 0)
		return PROBE_YES;
	next = DICOM_PDU_HEAD + (uint64_t)load_be32(b.ptr + 2);
	if (next < b.len) {
		is = dicom_pdu_plausible(bytes_from(b, (size_t)next));
		if (is != PROBE_MAYBE)
			return is;
	}
	if (!ended && b.len < PROBE_BYTES_MAX)
		return PROBE_MAYBE;
	return port ? PROBE_YES : PROBE_NO;
}

static enum probe
probe_side(struct bytes b, bool ended, bool port)
{
	enum probe is;

	if (b.len == 0)
		return ended ? PROBE_NO : PROBE_MAYBE;
	if (b.len > 1 && b.ptr[1] != 0)
		return PROBE_NO;
	if (port && ended && b.len >= DICOM_PDU_HEAD &&
	    b.len - DICOM_PDU_HEAD == load_be32(b.ptr + 2))
		return PROBE_YES; /* one whole PDU, of whatever type */
	switch (b.ptr[0]) {
	case PDU_ASSOCIATE_RQ:
	case PDU_ASSOCIATE_AC:
		return probe_associate(b, ended, port);
	case PDU_P_DATA:
		return probe_data(b, ended, port);
	default:
		is = dicom_pdu_plausible(b);
		if (is == PROBE_NO && port && !ended && b.len < DICOM_PDU_HEAD + 4)
			return PROBE_MAYBE;
		return is == PROBE_MAYBE && ended ? PROBE_NO : is;
	}
}

enum probe
dicom_probe(const struct probe_view *v)
{
	bool port = dicom_port(v);
	enum probe is[2];

	for (int d = 0; d < 2; d++)
		is[d] = probe_side(v->head[d], v->ended, port);
	if (is[0] == PROBE_YES || is[1] == PROBE_YES)
		return PROBE_YES;
	/* One side's no decides for both, but for a damaged P-DATA that the other may abort. */
	for (int d = 0; d < 2; d++) {
		if (is[d] == PROBE_NO && v->head[d].len > 0 && v->head[d].ptr[0] != PDU_P_DATA)
			return PROBE_NO;
	}
	if (is[0] == PROBE_MAYBE || is[1] == PROBE_MAYBE)
		return v->ended ? PROBE_NO : PROBE_MAYBE;
	return PROBE_NO;
}
