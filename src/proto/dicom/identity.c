/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/identity.h"

enum {
	CONFIDENCE_BEHIND = 75,
	CONFIDENCE_SAME_NAME = 80, /* AE title = station name */
	CONFIDENCE_DIRECT = 55,    /* no station name */
};

static bool
holds_patient_data(uint32_t tag)
{
	switch (tag >> 16) {
	case 0x0010:
	case 0x0038:
		return true;
	default:
		break;
	}
	switch (tag) {
	case 0x00080050:
	case 0x00080080:
	case 0x00080081:
	case 0x00080090:
	case 0x00081010:
	case 0x00081048:
	case 0x00081050:
	case 0x00081070:
	case 0x00200010:
	case 0x00321032:
	case 0x0040a075:
	case 0x0040a123:
	case 0x0040a730:
		return true;
	default:
		return false;
	}
}

/* FIELD_COUNT: none. */
static enum dicom_field
field_of(uint32_t tag)
{
	switch (tag) {
	case 0x00080016:
		return FIELD_CLASS;
	case 0x00080060:
		return FIELD_MODALITY;
	case 0x00080070:
		return FIELD_MAKER;
	case 0x00080080:
		return FIELD_INSTITUTION;
	case 0x00081010:
		return FIELD_STATION;
	case 0x00081090:
		return FIELD_MODEL;
	case 0x00181000:
		return FIELD_SERIAL;
	case 0x00181008:
		return FIELD_GATEWAY;
	case 0x00181009:
		return FIELD_UDI;
	case 0x00181020:
		return FIELD_SOFTWARE;
	case 0x00420012:
		return FIELD_MEDIA;
	default:
		return FIELD_COUNT;
	}
}

enum dicom_tell
dicom_identity_tell(uint32_t tag, unsigned depth)
{
	if (depth > 0)
		return depth == 1 && (tag == 0x00181009 || tag == 0x00400551) ? TELL_VALUE
									      : TELL_NOT;
	switch (tag) {
	case 0x0018100a:
	case 0x00400560:
		return TELL_ENTER;
	case 0x00400512:
	case 0x00420011:
		return TELL_VALUE;
	default:
		return field_of(tag) != FIELD_COUNT || holds_patient_data(tag) ? TELL_VALUE
									       : TELL_NOT;
	}
}

void
dicom_identity_clear(struct dicom_identity *id)
{
	id->patient = id->order = id->specimen = (struct hash128){{0}};
	id->phi = id->document_bytes = id->document_at = 0;
	id->document_magic = magic_other;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		id->field[i].n = 0;
}

void
dicom_identity_take(
    struct dicom_identity *id, const struct observer *o, const struct dicom_set_event *ev)
{
	struct bytes v = bytes_trim(dicom_uid_trim(ev->value));
	enum dicom_field f = field_of(ev->tag);
	bool valued = v.len > 0 || ev->length == DICOM_UNDEFINED;

	if (ev->depth == 0 && valued && holds_patient_data(ev->tag))
		id->phi++;
	switch (ev->tag) {
	case 0x00080050:
		id->order = observer_hash(o, v);
		break;
	case 0x00100020:
		id->patient = observer_hash(o, v);
		break;
	case 0x00400512:
		id->specimen = observer_hash(o, v);
		break;
	case 0x00400551:
		if (hash128_is_zero(id->specimen))
			id->specimen = observer_hash(o, v);
		break;
	case 0x00420011:
		id->document_bytes = ev->length == DICOM_UNDEFINED ? 0 : ev->length;
		id->document_magic = magic_of(ev->value);
		id->document_at = ev->where;
		break;
	default:
		break;
	}
	if (f == FIELD_COUNT || id->field[f].n > 0)
		return;
	v = bytes_sub(v, 0, DICOM_FIELD_MAX);
	if (v.len > 0)
		memcpy(id->field[f].text, v.ptr, v.len);
	id->field[f].n = (uint8_t)v.len;
}

struct bytes
dicom_identity_text(const struct dicom_identity *id, enum dicom_field f)
{
	return bytes_of(id->field[f].text, id->field[f].n);
}

uint64_t
dicom_identity_device(const struct dicom_identity *id, const struct sip_key *key)
{
	static const enum dicom_field names[] = {
	    FIELD_MAKER, FIELD_MODEL, FIELD_SERIAL, FIELD_STATION};
	uint8_t text[ARRAY_LEN(names) * (DICOM_FIELD_MAX + 1)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct bytes v = dicom_identity_text(id, names[i]);

		if (v.len > 0)
			memcpy(text + n, v.ptr, v.len);
		n += v.len;
		text[n++] = 0;
	}
	return n == ARRAY_LEN(names) ? 0 : sip64(key, bytes_of(text, n)) | 1;
}

bool
dicom_identity_behind(const struct dicom_identity *id, struct bytes ae)
{
	struct bytes station = dicom_identity_text(id, FIELD_STATION);

	return id->field[FIELD_GATEWAY].n > 0 || (station.len > 0 && !bytes_eq_nocase(station, ae));
}

void
dicom_identity_claims(const struct dicom_identity *id, const struct observer *o,
    enum name_value dir, uint64_t offset, bool behind)
{
	static const struct {
		enum dicom_field field;
		enum name_value attr;
		const char *source;
	} table[] = {
	    {FIELD_MAKER, attr_maker, "DICOM 0008,0070"},
	    {FIELD_MODEL, attr_model, "DICOM 0008,1090"},
	    {FIELD_SERIAL, attr_serial, "DICOM 0018,1000"},
	    {FIELD_SOFTWARE, attr_software, "DICOM 0018,1020"},
	    {FIELD_UDI, attr_udi, "DICOM 0018,1009"},
	    {FIELD_STATION, attr_name, "DICOM 0008,1010"},
	    {FIELD_INSTITUTION, attr_facility, "DICOM 0008,0080"},
	    {FIELD_MODALITY, attr_class, "DICOM 0008,0060"},
	};
	unsigned direct = id->field[FIELD_STATION].n > 0 ? CONFIDENCE_SAME_NAME : CONFIDENCE_DIRECT;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct bytes v = dicom_identity_text(id, table[i].field);

		if (behind)
			observe_claim_behind(
			    o, dir, offset, table[i].attr, v, table[i].source, CONFIDENCE_BEHIND);
		else
			observe_claim(o, dir, offset, table[i].attr, v, table[i].source, direct);
	}
}

void
dicom_identity_attachment(
    const struct dicom_identity *id, const struct observer *o, enum name_value dir)
{
	struct ev_attachment a = {.proto = PROTO_dicom,
	    .place = BYTES("DICOM 0042,0011"),
	    .media = dicom_identity_text(id, FIELD_MEDIA),
	    .magic = id->document_magic,
	    .size = id->document_bytes};

	if (id->document_bytes > 0)
		o->emit(o->owner, dir, id->document_at, EV_attachment, &a);
}
