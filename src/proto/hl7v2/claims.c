/* SPDX-License-Identifier: Apache-2.0 */
/* What messages say of devices. Confidence: 80-90 a serial number or UDI in a field made for it,
 * 60-70 a field that most senders fill rightly, 20-40 a field that often holds something else. */
#include "base/fold.h"
#include "proto/hl7v2/session.h"

void
hl7_claim(struct reading *r, enum name_value attr, struct bytes value, const char *source,
    unsigned confidence, int behind)
{
	struct session *s = r->s;
	uint64_t h;

	value = bytes_trim(value);
	if (!hl7_valued(value))
		return;
	h = fold64(s->o->key, value) +
	    ((uint64_t)attr << 8 | (uint64_t)r->dir << 1 | (uint64_t)behind) *
		UINT64_C(0x9e3779b97f4a7c15);
	h = (uint32_t)(h ^ h >> 32) | 1;
	for (size_t i = 0; i < SESSION_CLAIMS; i++) {
		if (s->claims[i] == h)
			return;
	}
	s->claims[s->claim_next] = (uint32_t)h;
	s->claim_next = (uint8_t)((s->claim_next + 1) % SESSION_CLAIMS);
	if (behind == BEHIND_YES)
		observe_claim_behind(
		    s->o, r->dir, hl7_offset(r, value.ptr), attr, value, source, confidence);
	else
		observe_claim(
		    s->o, r->dir, hl7_offset(r, value.ptr), attr, value, source, confidence);
}

static int
behind(const struct reading *r)
{
	return r->m.law ? BEHIND_NO : BEHIND_YES;
}

/* GS1 "(01)" or "01" and 14 digits, HIBCC "+", ICCBBA "=" (FDA UDI formats). */
static bool
looks_like_udi(struct bytes v)
{
	if (bytes_starts(v, BYTES("(01)")))
		return true;
	if (v.len >= 8 && (v.ptr[0] == '+' || bytes_starts(v, BYTES("=/"))))
		return true;
	if (v.len < 18 || !bytes_starts(v, BYTES("01")))
		return false;
	for (size_t i = 2; i < 16; i++) {
		if (v.ptr[i] < '0' || v.ptr[i] > '9')
			return false;
	}
	return true;
}

static size_t
digits(struct bytes v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.len; i++)
		n += v.ptr[i] >= '0' && v.ptr[i] <= '9';
	return n;
}

/* MSH-3.1 "<model> software <version>", as cobas 4800 has it. */
static bool
claim_software_in_name(struct reading *r, struct bytes name)
{
	const struct bytes word = BYTES(" software ");
	size_t at = 0;

	while (at + word.len < name.len && !bytes_starts_nocase(bytes_from(name, at), word))
		at++;
	if (at + word.len >= name.len)
		return false;
	hl7_claim(r, attr_model, bytes_sub(name, 0, at), "HL7 MSH-3.1", 60, BEHIND_NO);
	hl7_claim(r, attr_software, bytes_from(name, at + word.len), "HL7 MSH-3.1", 60, BEHIND_NO);
	return true;
}

/* HL7 v2.5.1 2.15.9.3, 2.15.9.4 */
void
hl7_claim_msh(struct reading *r, const struct hl7_segment *g)
{
	const struct hl7_delims *d = &r->m.d;
	struct bytes app = hl7_head_field(g, 3), fac = hl7_head_field(g, 4);
	struct bytes id = hl7_piece(d, app, 2, 0), kind = hl7_piece(d, app, 3, 0);
	struct bytes names = {app.ptr, app.len + 1 + fac.len};
	uint32_t h;

	if (fac.ptr == NULL)
		return;
	h = (uint32_t)fold64(r->s->o->key, names) + r->m.from_device;
	if (h == r->side->head)
		return;
	r->side->head = h;
	app = hl7_piece(d, app, 1, 1);
	hl7_claim(r, attr_application, app, "HL7 MSH-3.1", 70, BEHIND_NO);
	hl7_claim(r, attr_facility, hl7_piece(d, fac, 1, 1), "HL7 MSH-4.1", 60, BEHIND_NO);
	if (bytes_eq_nocase(kind, BYTES("EUI-64")) || (kind.len == 1 && digits(id) >= 4))
		hl7_claim(r, attr_serial, id, "HL7 MSH-3.2", 60, BEHIND_NO);
	if (!claim_software_in_name(r, app) && r->m.from_device) {
		hl7_claim(r, attr_model, app, "HL7 MSH-3.1", 30, BEHIND_NO);
		hl7_claim(r, attr_maker, hl7_piece(d, fac, 1, 1), "HL7 MSH-4.1", 20, BEHIND_NO);
	}
}

/* HL7 v2.5.1 2.15.12 */
static void
claim_sft(struct reading *r, const struct hl7_segment *g)
{
	const struct hl7_delims *d = &r->m.d;

	hl7_claim(r, attr_maker, hl7_piece(d, hl7_field(g, 1), 1, 1), "HL7 SFT-1", 50, BEHIND_NO);
	hl7_claim(r, attr_software, hl7_field(g, 2), "HL7 SFT-2", 70, BEHIND_NO);
	hl7_claim(r, attr_application, hl7_field(g, 3), "HL7 SFT-3", 70, BEHIND_NO);
	hl7_claim(r, attr_firmware, hl7_field(g, 4), "HL7 SFT-4", 40, BEHIND_NO);
}

/* HL7 v2.8.2 7.4.4 */
static void
claim_prt(struct reading *r, const struct hl7_segment *g)
{
	const struct hl7_delims *d = &r->m.d;
	struct bytes device = hl7_piece(d, hl7_field(g, 10), 1, 1);

	if (looks_like_udi(device))
		hl7_claim(r, attr_udi, device, "HL7 PRT-10", 80, behind(r));
	else
		hl7_claim(r, attr_name, device, "HL7 PRT-10", 50, behind(r));
	hl7_claim(r, attr_udi, hl7_piece(d, hl7_field(g, 16), 1, 1), "HL7 PRT-16", 90, behind(r));
	hl7_claim(r, attr_serial, hl7_field(g, 20), "HL7 PRT-20", 80, behind(r));
	hl7_claim(r, attr_class, hl7_piece(d, hl7_field(g, 22), 2, 0), "HL7 PRT-22", 60, behind(r));
}

/* HL7 v2.9 17.8.1 */
static void
claim_dev(struct reading *r, const struct hl7_segment *g)
{
	const struct hl7_delims *d = &r->m.d;

	hl7_claim(r, attr_udi, hl7_piece(d, hl7_field(g, 2), 1, 1), "HL7 DEV-2", 80, behind(r));
	hl7_claim(r, attr_maker, hl7_piece(d, hl7_field(g, 5), 1, 0), "HL7 DEV-5", 60, behind(r));
	hl7_claim(r, attr_name, hl7_field(g, 6), "HL7 DEV-6", 50, behind(r));
	hl7_claim(r, attr_model, hl7_field(g, 7), "HL7 DEV-7", 70, behind(r));
	hl7_claim(r, attr_serial, hl7_field(g, 11), "HL7 DEV-11", 80, behind(r));
	hl7_claim(
	    r, attr_software, hl7_piece(d, hl7_field(g, 16), 1, 0), "HL7 DEV-16", 60, behind(r));
}

void
hl7_claim_segment(struct reading *r, const struct hl7_segment *g, uint32_t name)
{
	const struct hl7_delims *d = &r->m.d;

	switch (name) {
	case HL7_NAME('S', 'F', 'T'):
		claim_sft(r, g);
		break;
	case HL7_NAME('E', 'Q', 'U'): /* HL7 v2.5.1 13.4.1 */
		hl7_claim(r, attr_model, hl7_piece(d, hl7_field(g, 1), 1, 1), "HL7 EQU-1", 50,
		    r->m.ev.category == category_status ? BEHIND_NO : BEHIND_YES);
		break;
	case HL7_NAME('I', 'N', 'V'): /* HL7 v2.5.1 13.4.4 */
		hl7_claim(r, attr_maker, hl7_piece(d, hl7_field(g, 17), 1, 0), "HL7 INV-17", 30,
		    behind(r));
		break;
	case HL7_NAME('P', 'R', 'T'):
		claim_prt(r, g);
		break;
	case HL7_NAME('D', 'E', 'V'):
		claim_dev(r, g);
		break;
	default:
		break;
	}
}

/* HL7 v2.5.1 7.4.2.18; IHE LAW: model^maker ~ serial^maker ~ module^maker. */
static void
claim_equipment(struct reading *r, struct bytes field)
{
	const struct hl7_delims *d = &r->m.d;
	struct bytes first = hl7_part(field, d->repetition, 0);
	struct bytes second = hl7_part(field, d->repetition, 1);
	struct bytes id = hl7_part(hl7_part(first, d->component, 0), d->subcomponent, 0);
	int who = bytes_eq_nocase(id, r->m.application) ? BEHIND_NO : behind(r);

	if (looks_like_udi(id)) {
		hl7_claim(r, attr_udi, id, "HL7 OBX-18", 80, who);
		return;
	}
	if (bytes_eq_nocase(hl7_part(first, d->component, 3), BYTES("EUI-64"))) {
		hl7_claim(r, attr_serial, id, "HL7 OBX-18", 70, who);
		return;
	}
	hl7_claim(r, attr_model, id, "HL7 OBX-18", second.len > 0 ? 70 : 40, who);
	hl7_claim(r, attr_maker, hl7_part(first, d->component, 1), "HL7 OBX-18",
	    second.len > 0 ? 60 : 30, who);
	hl7_claim(r, attr_serial, hl7_part(second, d->component, 0), "HL7 OBX-18", 70, who);
}

struct mdc {
	struct bytes code;
	enum name_value attr;
};

bool
hl7_claim_obx(struct reading *r, const struct hl7_segment *g)
{
	/* IEEE 11073-10101 codes of device attributes, as IHE PCD-01 sends them. */
	static const struct mdc table[] = {
	    {BYTES_INIT("531969"), attr_model},
	    {BYTES_INIT("531970"), attr_maker},
	    {BYTES_INIT("531972"), attr_serial},
	    {BYTES_INIT("531974"), attr_hardware},
	    {BYTES_INIT("531975"), attr_software},
	    {BYTES_INIT("531976"), attr_firmware},
	};
	struct bytes code = hl7_field(g, 3), device = hl7_field(g, 18);

	if (device.len > 0 && !bytes_eq(device, r->m.device)) {
		r->m.device = device;
		claim_equipment(r, device);
	}
	if (!bytes_starts(code, BYTES("5319")))
		return false;
	code = hl7_piece(&r->m.d, code, 1, 1);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (!bytes_eq(code, table[i].code))
			continue;
		hl7_claim(r, table[i].attr, hl7_piece(&r->m.d, hl7_field(g, 5), 1, 0),
		    "HL7 OBX-5 (MDC)", 80, BEHIND_YES);
		return true;
	}
	return false;
}
