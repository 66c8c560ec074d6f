/* SPDX-License-Identifier: Apache-2.0 */
/* SNMP v1, v2c and v3: what an agent says it is, and passwords (communities) in clear.
 * Source: RFC 1157 (v1), RFC 3416 (PDUs), RFC 1901 (v2c), RFC 3412 6 (v3), RFC 3411 5 (engine
 *         id); ITU-T X.690 (BER). MIBs: RFC 3418 (system), RFC 6933 (entity), RFC 2790 (host),
 *         RFC 3805 (printer).
 * Told:   each community as a credential (its text only where it is "public" or "private");
 *         from answers and notifications description, name, serial, model, firmware and maker.
 * Limits: BER lengths of at most 4 bytes; object identifiers of OID_MAX numbers. */
#include <stdio.h>

#include "base/cursor.h"
#include "base/json.h"
#include "proto/proto.h"

enum { PORT_AGENT = 161, PORT_TRAP = 162, OID_MAX = 32, OID_TEXT_MAX = 128 };

enum ber { BER_INTEGER = 2, BER_OCTETS = 4, BER_OID = 6, BER_SEQUENCE = 0x30 };

enum pdu {
	PDU_GET = 0xa0,
	PDU_RESPONSE = 0xa2,
	PDU_TRAP_V1 = 0xa4,
	PDU_BULK = 0xa5,
	PDU_INFORM = 0xa6,
	PDU_TRAP_V2 = 0xa7,
	PDU_REPORT = 0xa8,
};

struct tlv {
	uint8_t tag;
	struct bytes value;
};

/* X.690 8.1: one tag byte, definite length. The next element; sets short_ where it does not fit. */
static struct tlv
element(struct cursor *c)
{
	struct tlv t = {cursor_u8(c), {NULL, 0}};
	size_t n = cursor_u8(c);

	if (n > 0x84 || n == 0x80)
		c->short_ = true;
	else if (n > 0x80)
		n = (size_t)cursor_be(c, n - 0x80);
	if (!c->short_)
		t.value = cursor_take(c, n);
	return t;
}

static bool
expect(struct cursor *c, uint8_t tag, struct bytes *value)
{
	struct tlv t = element(c);

	*value = t.value;
	return !c->short_ && t.tag == tag;
}

struct oid {
	uint32_t n[OID_MAX];
	size_t len;
};

/* X.690 8.19 */
static bool
oid_of(struct bytes in, struct oid *oid)
{
	uint64_t v = 0;

	oid->len = 0;
	for (size_t i = 0; i < in.len; i++) {
		v = v << 7 | (in.ptr[i] & 0x7f);
		if (v > UINT32_MAX || oid->len >= OID_MAX)
			return false;
		if ((in.ptr[i] & 0x80) != 0)
			continue;
		if (oid->len == 0) {
			uint32_t top = v < 80 ? (uint32_t)v / 40 : 2;

			oid->n[oid->len++] = top;
			v -= (uint64_t)top * 40;
		}
		oid->n[oid->len++] = (uint32_t)v;
		v = 0;
	}
	return in.len > 0 && v == 0;
}

static size_t
oid_text(const struct oid *oid, char out[OID_TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < oid->len && OID_TEXT_MAX - n > 12; i++)
		n += (size_t)snprintf(
		    out + n, OID_TEXT_MAX - n, i == 0 ? "%u" : ".%u", (unsigned)oid->n[i]);
	return n;
}

static bool
oid_starts(const struct oid *oid, const uint32_t *prefix, size_t n)
{
	return oid->len >= n && memcmp(oid->n, prefix, n * sizeof(*prefix)) == 0;
}

static const char *
enterprise_maker(uint32_t number)
{
	switch (number) {
#define ENTERPRISE(no, maker)                                                                      \
	case no:                                                                                   \
		return maker;
#include "proto/snmp/enterprises.def"
	default:
		return NULL;
	}
}

/* --- what the variables say --- */

struct variable {
	uint32_t oid[12]; /* without the index */
	size_t n;
	enum name_value attr;
	const char *source;
	unsigned confidence;
};

#define MIB2 1, 3, 6, 1, 2, 1
static const struct variable variables[] = {
    {{MIB2, 1, 1}, 8, attr_software, "SNMP sysDescr", 60},
    {{MIB2, 1, 5}, 8, attr_hostname, "SNMP sysName", 80},
    {{MIB2, 47, 1, 1, 1, 1, 8}, 12, attr_hardware, "SNMP entPhysicalHardwareRev", 80},
    {{MIB2, 47, 1, 1, 1, 1, 9}, 12, attr_firmware, "SNMP entPhysicalFirmwareRev", 80},
    {{MIB2, 47, 1, 1, 1, 1, 10}, 12, attr_software, "SNMP entPhysicalSoftwareRev", 80},
    {{MIB2, 47, 1, 1, 1, 1, 11}, 12, attr_serial, "SNMP entPhysicalSerialNum", 90},
    {{MIB2, 47, 1, 1, 1, 1, 12}, 12, attr_maker, "SNMP entPhysicalMfgName", 90},
    {{MIB2, 47, 1, 1, 1, 1, 13}, 12, attr_model, "SNMP entPhysicalModelName", 90},
    {{MIB2, 25, 3, 2, 1, 3}, 11, attr_model, "SNMP hrDeviceDescr", 60},
    {{MIB2, 43, 5, 1, 1, 17}, 11, attr_serial, "SNMP prtGeneralSerialNumber", 90},
};

static const uint32_t oid_object_id[] = {MIB2, 1, 2};
static const uint32_t oid_enterprises[] = {1, 3, 6, 1, 4, 1};

static void
tell_object_id(const struct observer *o, enum name_value dir, uint64_t at, struct bytes value)
{
	char text[OID_TEXT_MAX];
	const char *maker;
	struct oid oid;

	if (!oid_of(value, &oid) || oid.len < 7 || !oid_starts(&oid, oid_enterprises, 6))
		return;
	observe_claim(o, dir, at, attr_hardware, bytes_of(text, oid_text(&oid, text)),
	    "SNMP sysObjectID", 60);
	if ((maker = enterprise_maker(oid.n[6])) != NULL)
		observe_claim(o, dir, at, attr_maker, bytes_str(maker), "SNMP sysObjectID", 70);
}

/* "... Software: Windows Version 6.1 (Build 7601 Multiprocessor Free)", "Linux name 5.10.0 #1":
 * the words of asset/tables.h. */
static void
tell_description(const struct observer *o, enum name_value dir, uint64_t at, struct bytes text)
{
	static const struct bytes windows = BYTES_INIT("Windows Version "),
				  build = BYTES_INIT(" (Build ");
	size_t v = bytes_find_seq(text, windows), b = bytes_find_seq(text, build);
	struct bytes version, number, rest;
	char os[48];

	if (v < text.len && b < text.len && b > v) {
		version = bytes_sub(text, v + windows.len, b - v - windows.len);
		number = bytes_split(bytes_from(text, b + build.len), ' ', &rest);
		if (version.len > 8 || number.len > 8)
			return;
		(void)snprintf(os, sizeof(os), "Windows %.*s.%.*s", (int)version.len,
		    (const char *)version.ptr, (int)number.len, (const char *)number.ptr);
		observe_claim(o, dir, at, attr_os, bytes_str(os), "SNMP sysDescr", 80);
	} else if (bytes_starts(text, BYTES("Linux "))) {
		(void)bytes_split(bytes_from(text, 6), ' ', &rest); /* the host's name */
		version = bytes_split(rest, ' ', &rest);
		(void)snprintf(os, sizeof(os), "Linux %.*s", (int)(version.len & 31),
		    (const char *)version.ptr);
		observe_claim(o, dir, at, attr_os, bytes_str(os), "SNMP sysDescr", 80);
	}
}

static void
tell_variable(const struct observer *o, enum name_value dir, struct bytes in, const struct oid *oid,
    struct tlv value)
{
	uint64_t at = (uint64_t)(value.value.ptr - in.ptr);

	if (value.tag == BER_OID && oid_starts(oid, oid_object_id, ARRAY_LEN(oid_object_id)))
		tell_object_id(o, dir, at, value.value);
	if (value.tag != BER_OCTETS)
		return;
	if (oid->len == 9 && oid_starts(oid, variables[0].oid, variables[0].n))
		tell_description(o, dir, at, value.value);
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		const struct variable *v = &variables[i];

		if (oid->len > v->n && oid_starts(oid, v->oid, v->n))
			observe_claim(o, dir, at, v->attr, value.value, v->source, v->confidence);
	}
}

/* RFC 3416 3: VarBindList. False: it does not hold together. */
static bool
bindings(const struct observer *o, enum name_value dir, struct bytes in, struct bytes list)
{
	struct cursor c = cursor_of(list);

	while (cursor_left(&c) > 0) {
		struct bytes row, name;
		struct cursor r;
		struct tlv value;
		struct oid oid;

		if (!expect(&c, BER_SEQUENCE, &row))
			return false;
		r = cursor_of(row);
		if (!expect(&r, BER_OID, &name))
			return false;
		value = element(&r);
		if (r.short_)
			return false;
		if (oid_of(name, &oid))
			tell_variable(o, dir, in, &oid, value);
	}
	return true;
}

static bool
pdu(const struct observer *o, enum name_value dir, struct bytes in, struct tlv t)
{
	struct cursor c = cursor_of(t.value);
	struct bytes skip, list;

	if (t.tag < PDU_GET || t.tag > PDU_REPORT)
		return false;
	if (t.tag == PDU_TRAP_V1) {
		if (!expect(&c, BER_OID, &skip))
			return false;
		tell_object_id(o, dir, (uint64_t)(skip.ptr - in.ptr), skip);
		for (int i = 0; i < 4; i++)
			(void)element(&c); /* address, generic, specific, time */
	} else {
		for (int i = 0; i < 3; i++)
			(void)element(&c); /* request id, error status, error index */
	}
	if (!expect(&c, BER_SEQUENCE, &list))
		return false;
	/* Questions carry no values; a SET says what someone wants, not what is. */
	if (t.tag != PDU_RESPONSE && t.tag != PDU_TRAP_V1 && t.tag != PDU_INFORM &&
	    t.tag != PDU_TRAP_V2)
		return true;
	return bindings(o, dir, in, list);
}

static void
tell_community(const struct observer *o, enum name_value dir, uint64_t at, struct bytes name)
{
	static const struct bytes known[] = {BYTES_INIT("public"), BYTES_INIT("private")};
	struct ev_credential c = {.proto = PROTO_snmp,
	    .scheme = BYTES_INIT("SNMP community"),
	    .user = observer_hash(o, name)};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (bytes_eq_nocase(name, known[i]))
			c.account = known[i];
	}
	if (name.len > 0)
		o->emit(o->owner, dir, at, EV_credential, &c);
}

/* RFC 3411 5 SnmpEngineID: enterprise number with the top bit, a format, its data. */
static void
tell_engine(const struct observer *o, enum name_value dir, uint64_t at, struct bytes id)
{
	enum { FORMAT_MAC = 3 };
	const char *maker;
	struct ev_claim c = {
	    .attr = attr_maker, .source = BYTES_INIT("SNMPv3 engine id"), .confidence = 60};

	if (id.len < 5 || (id.ptr[0] & 0x80) == 0 ||
	    (maker = enterprise_maker(load_be32(id.ptr) & 0x7fffffff)) == NULL)
		return;
	c.value = bytes_str(maker);
	if (id.ptr[4] == FORMAT_MAC && id.len == 11)
		c.mac = mac_from(id.ptr + 5);
	o->emit(o->owner, dir, at, EV_claim, &c);
}

/* RFC 3412 6: global data, security parameters (RFC 3414 2.4), data. */
static bool
v3(const struct observer *o, enum name_value dir, struct bytes in, struct cursor *c)
{
	struct bytes global, security, usm, engine, scoped, skip;
	struct cursor s;
	struct tlv data;

	if (!expect(c, BER_SEQUENCE, &global) || !expect(c, BER_OCTETS, &security))
		return false;
	s = cursor_of(security);
	if (expect(&s, BER_SEQUENCE, &usm)) {
		s = cursor_of(usm);
		/* The engine id is the agent's: whoever sends it first asks with it empty. */
		if (!expect(&s, BER_OCTETS, &engine))
			return false;
	} else {
		engine = bytes_of(NULL, 0);
	}
	data = element(c);
	if (c->short_)
		return false;
	if (data.tag == BER_OCTETS) /* encrypted */
		return true;
	if (data.tag != BER_SEQUENCE)
		return false;
	s = cursor_of(data.value);
	if (!expect(&s, BER_OCTETS, &skip) || !expect(&s, BER_OCTETS, &scoped))
		return false;
	data = element(&s);
	if (s.short_)
		return false;
	if (engine.len > 0 && (data.tag == PDU_RESPONSE || data.tag == PDU_REPORT))
		tell_engine(o, dir, (uint64_t)(engine.ptr - in.ptr), engine);
	return pdu(o, dir, in, data);
}

/* False: not SNMP. *good: all of it holds together. */
static bool
message(struct observer *o, enum name_value dir, struct bytes in, bool *good)
{
	struct cursor c = cursor_of(in);
	struct bytes body, version, community;
	struct tlv t;

	*good = false;
	if (cursor_u8(&c) != BER_SEQUENCE)
		return false;
	/* A cut datagram still shows its version: read inside without the whole length. */
	body = bytes_from(in, in.len > 1 && in.ptr[1] > 0x80 ? 2u + (in.ptr[1] & 0x7fu) : 2u);
	c = cursor_of(body);
	if (!expect(&c, BER_INTEGER, &version) || version.len != 1 ||
	    (version.ptr[0] != 0 && version.ptr[0] != 1 && version.ptr[0] != 3))
		return false;
	observe_unit(o, UNIT_snmp_messages);
	if (version.ptr[0] == 3) {
		*good = v3(o, dir, in, &c);
		return true;
	}
	if (!expect(&c, BER_OCTETS, &community))
		return true;
	t = element(&c);
	if (c.short_ || t.tag < PDU_GET || t.tag > PDU_REPORT)
		return true;
	tell_community(o, dir, (uint64_t)(community.ptr - in.ptr), community);
	*good = pdu(o, dir, in, t);
	return true;
}

/* Off its ports a message must be whole: the outer length fills the datagram. */
static bool
whole(struct bytes in)
{
	struct cursor c = cursor_of(in);
	struct bytes body, version, community;
	struct tlv t;

	if (!expect(&c, BER_SEQUENCE, &body) || cursor_left(&c) > 0)
		return false;
	c = cursor_of(body);
	if (!expect(&c, BER_INTEGER, &version) || version.len != 1)
		return false;
	if (version.ptr[0] == 3) { /* RFC 3412 6: id, size, flags, model */
		struct bytes global, id, size, flags, model;

		if (!expect(&c, BER_SEQUENCE, &global) || !expect(&c, BER_OCTETS, &community))
			return false;
		c = cursor_of(global);
		return expect(&c, BER_INTEGER, &id) && expect(&c, BER_INTEGER, &size) &&
		       expect(&c, BER_OCTETS, &flags) && flags.len == 1 &&
		       expect(&c, BER_INTEGER, &model) && cursor_left(&c) == 0;
	}
	if (version.ptr[0] > 1 || !expect(&c, BER_OCTETS, &community))
		return false;
	t = element(&c);
	return !c.short_ && t.tag >= PDU_GET && t.tag <= PDU_REPORT && t.value.len >= 8;
}

static bool
snmp_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	bool on_port = v->port[0] == PORT_AGENT || v->port[1] == PORT_AGENT ||
		       v->port[0] == PORT_TRAP || v->port[1] == PORT_TRAP;
	bool good;

	if ((!on_port && !whole(payload)) || !message(o, dir, payload, &good))
		return false;
	if (!good)
		observe_anomaly(o, dir, 0, ANOMALY_snmp_malformed, PROTO_snmp, NULL);
	return true;
}

const struct protocol snmp_protocol = {
    .id = PROTO_snmp,
    .name = "snmp",
    .datagram = snmp_datagram,
};
