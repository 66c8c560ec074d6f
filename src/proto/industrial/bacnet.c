/* SPDX-License-Identifier: Apache-2.0 */
/* BACnet/IP: counted; who announces itself; device objects' maker, model, firmware; passwords of
 * reinitialize and communication control, which cross in clear.
 * Source: ANSI/ASHRAE 135: annex J (BVLL), clause 6.2 (NPDU), 20.1 (APDU), 20.2 (tags), 16.10
 *         (I-Am), 15.5 and 15.7 (ReadProperty and Multiple), 16.4 (ReinitializeDevice).
 * What came over a BACnet router (SNET) is told of a device behind the endpoint. */
#include "base/cursor.h"
#include "proto/proto.h"

enum {
	PORT_BACNET = 47808,
	BVLC_BYTES = 4,
	BVLC_IP = 0x81,
	BVLC_IP6 = 0x82,
	BVLC_FORWARDED = 4,
	BVLC_LAST = 0x0c
};
enum { NPDU_VERSION = 1, NPDU_NETWORK = 0x80, NPDU_DEST = 0x20, NPDU_SOURCE = 0x08 };
enum { APDU_CONFIRMED = 0, APDU_UNCONFIRMED = 1, APDU_COMPLEX_ACK = 3 };
enum { SERVICE_I_AM = 0, SERVICE_READ = 12, SERVICE_READ_MULTIPLE = 14 };
enum { SERVICE_COMMUNICATION = 17, SERVICE_REINITIALIZE = 20 };
enum { OBJECT_DEVICE = 8, TAG_CHARACTERS = 7, TAG_OBJECT = 12, BACNET_VALUES_MAX = 256 };

/* 20.2.1: a tag. kind of opening and closing tags is their own. */
struct tag {
	unsigned number;
	bool context;
	enum { TAG_VALUE, TAG_OPENING, TAG_CLOSING } kind;
	struct bytes value;
};

static bool
next_tag(struct cursor *c, struct tag *t)
{
	unsigned first = cursor_u8(c), len = first & 7;

	t->number = first >> 4;
	t->context = (first & 8) != 0;
	t->kind = TAG_VALUE;
	t->value = bytes_of(NULL, 0);
	if (t->number == 15)
		t->number = cursor_u8(c);
	if (c->short_)
		return false;
	if (t->context && len >= 6) {
		t->kind = len == 6 ? TAG_OPENING : TAG_CLOSING;
		return true;
	}
	if (!t->context && t->number == 1) /* boolean: the value is in the tag */
		return true;
	if (len == 5) {
		len = cursor_u8(c);
		if (len == 254)
			len = cursor_be16(c);
		else if (len == 255)
			len = cursor_be32(c);
	}
	t->value = cursor_take(c, len);
	return !c->short_;
}

static uint32_t
number(struct bytes b)
{
	uint32_t v = 0;

	for (size_t i = 0; i < b.len && i < 4; i++)
		v = v << 8 | b.ptr[i];
	return v;
}

struct apdu {
	struct observer *o;
	enum name_value dir;
	bool routed; /* it came from behind this endpoint */
};

static void
tell(const struct apdu *a, enum name_value attr, struct bytes value, const char *source)
{
	if (a->routed)
		observe_claim_behind(a->o, a->dir, 0, attr, value, source, 80);
	else
		observe_claim(a->o, a->dir, 0, attr, value, source, 80);
}

/* ASHRAE's list of vendor ids; only those that are certain. */
static const char *
vendor(uint32_t id)
{
	switch (id) {
	case 2:
		return "Trane";
	case 5:
		return "Johnson Controls";
	case 7:
		return "Siemens";
	case 8:
		return "Delta Controls";
	case 10:
		return "Schneider Electric";
	case 17:
		return "Honeywell";
	case 24:
		return "Automated Logic";
	case 35:
		return "Reliable Controls";
	case 36:
		return "Tridium";
	default:
		return NULL;
	}
}

/* 16.10: device object, largest APDU, segmentation, vendor. */
static void
i_am(const struct apdu *a, struct bytes in)
{
	struct cursor c = cursor_of(in);
	struct tag t;

	if (!next_tag(&c, &t) || t.context || t.number != TAG_OBJECT ||
	    number(t.value) >> 22 != OBJECT_DEVICE)
		return;
	for (int i = 0; i < 3; i++) {
		if (!next_tag(&c, &t))
			return;
	}
	tell(a, attr_service, BYTES("BACnet device"), "BACnet I-Am");
	if (vendor(number(t.value)) != NULL)
		tell(a, attr_maker, bytes_str(vendor(number(t.value))), "BACnet I-Am");
}

static void
property(const struct apdu *a, uint32_t id, struct tag *t)
{
	static const struct {
		uint32_t id;
		enum name_value attr;
		const char *source;
	} known[] = {
	    {121, attr_maker, "BACnet vendor-name"},
	    {70, attr_model, "BACnet model-name"},
	    {44, attr_firmware, "BACnet firmware-revision"},
	    {12, attr_software, "BACnet application-software-version"},
	    {77, attr_name, "BACnet object-name"},
	    {372, attr_serial, "BACnet serial-number"},
	};

	/* 20.2.9: the first byte names the character set; 0 is UTF-8. */
	if (t->context || t->number != TAG_CHARACTERS || t->value.len < 2 || t->value.ptr[0] != 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i].id == id)
			tell(a, known[i].attr, bytes_from(t->value, 1), known[i].source);
	}
}

/* 15.5, 15.7: [0] object, then ([1] or [2]) property and its value between tags 3 or 4. Values
 * that are not plain text are stepped over. */
static void
read_answer(const struct apdu *a, struct bytes in, bool multiple)
{
	struct cursor c = cursor_of(in);
	bool device = false;
	uint32_t id = UINT32_MAX;
	unsigned depth = 0;
	struct tag t;

	for (int i = 0; i < BACNET_VALUES_MAX && next_tag(&c, &t); i++) {
		unsigned property_tag = multiple ? 2 : 1;

		if (t.kind == TAG_OPENING) {
			depth++;
		} else if (t.kind == TAG_CLOSING) {
			depth -= depth > 0;
		} else if (depth == 0 && t.context && t.number == 0) {
			device = number(t.value) >> 22 == OBJECT_DEVICE;
		} else if (depth == (multiple ? 1u : 0u) && t.context && t.number == property_tag) {
			id = number(t.value);
		} else if (device && depth == (multiple ? 2u : 1u)) {
			property(a, id, &t);
		}
	}
}

/* 16.1 and 16.4: a password as [2] or [1] of characters. */
static void
password(const struct apdu *a, struct bytes in, unsigned tag)
{
	struct cursor c = cursor_of(in);
	struct tag t;

	while (next_tag(&c, &t)) {
		struct ev_credential e = {
		    .proto = PROTO_bacnet, .scheme = BYTES_INIT("BACnet password")};

		if (!t.context || t.number != tag || t.kind != TAG_VALUE || t.value.len < 2)
			continue;
		a->o->emit(a->o->owner, a->dir, 0, EV_credential, &e);
		return;
	}
}

/* 20.1.2 ff. Segmented units are left alone. */
static void
apdu(const struct apdu *a, struct bytes in)
{
	struct cursor c = cursor_of(in);
	unsigned first = cursor_u8(&c), service;

	switch (first >> 4) {
	case APDU_UNCONFIRMED:
		if (cursor_u8(&c) == SERVICE_I_AM)
			i_am(a, cursor_rest(&c));
		break;
	case APDU_CONFIRMED:
		if ((first & 8) != 0)
			break;
		(void)cursor_take(&c, 2); /* sizes, invoke id */
		service = cursor_u8(&c);
		if (service == SERVICE_COMMUNICATION)
			password(a, cursor_rest(&c), 2);
		else if (service == SERVICE_REINITIALIZE)
			password(a, cursor_rest(&c), 1);
		break;
	case APDU_COMPLEX_ACK:
		if ((first & 8) != 0)
			break;
		(void)cursor_u8(&c); /* invoke id */
		service = cursor_u8(&c);
		if (service == SERVICE_READ || service == SERVICE_READ_MULTIPLE)
			read_answer(a, cursor_rest(&c), service == SERVICE_READ_MULTIPLE);
		break;
	default:
		break;
	}
}

/* 6.2: version, control, destination and source networks. False: it does not hold together. */
static bool
npdu(struct apdu *a, struct cursor *c)
{
	unsigned version = cursor_u8(c), control = cursor_u8(c);

	if (version != NPDU_VERSION)
		return false;
	if ((control & NPDU_DEST) != 0) {
		(void)cursor_be16(c);
		(void)cursor_take(c, cursor_u8(c));
	}
	if ((control & NPDU_SOURCE) != 0) {
		(void)cursor_be16(c);
		(void)cursor_take(c, cursor_u8(c));
		a->routed = true;
	}
	if ((control & NPDU_DEST) != 0)
		(void)cursor_u8(c); /* hop count */
	if (c->short_)
		return false;
	if ((control & NPDU_NETWORK) == 0 && cursor_left(c) > 0)
		apdu(a, cursor_rest(c));
	return true;
}

static bool
bacnet_datagram(
    struct observer *o, enum name_value dir, struct bytes payload, const struct probe_view *v)
{
	struct apdu a = {o, dir, false};
	struct cursor c = cursor_of(payload);
	unsigned type = cursor_u8(&c), function = cursor_u8(&c), len = cursor_be16(&c);

	bool on_port = v->port[0] == PORT_BACNET || v->port[1] == PORT_BACNET;

	if (c.short_ || type != BVLC_IP || function > BVLC_LAST || len < BVLC_BYTES ||
	    (len != payload.len && !on_port))
		return false;
	observe_unit(o, UNIT_bacnet_packets);
	if (len != payload.len) {
		observe_anomaly(o, dir, 2, ANOMALY_bacnet_malformed, PROTO_bacnet, "BVLC length");
		c.in = bytes_sub(payload, 0, len);
	}
	switch (function) {
	case BVLC_FORWARDED: /* six bytes of who it was */
		(void)cursor_take(&c, 6);
		a.routed = true;
		break;
	case 9: /* distribute broadcast */
	case 10:
	case 11:
		break;
	default: /* management of the broadcast tables */
		return true;
	}
	if (!npdu(&a, &c))
		observe_anomaly(o, dir, 0, ANOMALY_bacnet_malformed, PROTO_bacnet, "NPDU");
	return true;
}

const struct protocol bacnet_protocol = {
    .id = PROTO_bacnet,
    .name = "bacnet",
    .datagram = bacnet_datagram,
};
