/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/write.h"

#include "proto/dicom/pdu.h"

static void
be16(struct buf *out, size_t v)
{
	buf_byte(out, (uint8_t)(v >> 8));
	buf_byte(out, (uint8_t)v);
}

static void
be32(struct buf *out, size_t v)
{
	be16(out, v >> 16);
	be16(out, v & 0xffff);
}

static void
le16(struct buf *out, size_t v)
{
	buf_byte(out, (uint8_t)v);
	buf_byte(out, (uint8_t)(v >> 8));
}

static void
le32(struct buf *out, size_t v)
{
	le16(out, v & 0xffff);
	le16(out, v >> 16);
}

static void
zeros(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_byte(out, 0);
}

/* Put the length of what was written behind `at` into the n big endian bytes that end there. */
static void
length_at(struct buf *out, size_t at, size_t n)
{
	size_t v = out->len - at;

	if (out->cut)
		return;
	for (size_t i = 1; i <= n; i++, v >>= 8)
		out->ptr[at - i] = (uint8_t)v;
}

static size_t
pdu_start(struct buf *out, uint8_t type)
{
	buf_byte(out, type);
	buf_byte(out, 0);
	be32(out, 0);
	return out->len;
}

static size_t
item_start(struct buf *out, uint8_t type)
{
	buf_byte(out, type);
	buf_byte(out, 0);
	be16(out, 0);
	return out->len;
}

static void
text_item(struct buf *out, uint8_t type, const char *text)
{
	size_t at = item_start(out, type);

	buf_text(out, text);
	length_at(out, at, 2);
}

static void
ae(struct buf *out, const char *title)
{
	struct bytes v = bytes_sub(bytes_str(title), 0, DICOM_AE_MAX);

	buf_add(out, v);
	for (size_t i = v.len; i < DICOM_AE_MAX; i++)
		buf_byte(out, ' ');
}

static void
offer(struct buf *out, const struct dicom_offer *o, bool answer)
{
	size_t at = item_start(out, answer ? 0x21 : 0x20);

	buf_byte(out, o->id);
	buf_byte(out, 0);
	buf_byte(out, answer ? o->result : 0);
	buf_byte(out, 0);
	if (!answer)
		text_item(out, 0x30, o->abstract);
	for (size_t i = 0; i < ARRAY_LEN(o->transfer) && o->transfer[i] != NULL; i++)
		text_item(out, 0x40, o->transfer[i]);
	length_at(out, at, 2);
}

static void
user_identity(struct buf *out, const struct dicom_association *a)
{
	struct bytes user = bytes_str(a->user), secret = bytes_str(a->secret);
	size_t at = item_start(out, 0x58);

	buf_byte(out, a->user_type);
	buf_byte(out, 0);
	be16(out, user.len);
	buf_add(out, user);
	be16(out, secret.len);
	buf_add(out, secret);
	length_at(out, at, 2);
}

void
dicom_write_association(struct buf *out, const struct dicom_association *a)
{
	size_t at = pdu_start(out, a->answer ? PDU_ASSOCIATE_AC : PDU_ASSOCIATE_RQ), item, sub;

	be16(out, a->version);
	be16(out, 0);
	ae(out, a->called);
	ae(out, a->calling);
	zeros(out, 32);
	text_item(out, 0x10, DICOM_APPLICATION_CONTEXT);
	for (size_t i = 0; i < a->n_offers; i++)
		offer(out, &a->offers[i], a->answer);
	item = item_start(out, 0x50);
	sub = item_start(out, 0x51);
	be32(out, a->max_length);
	length_at(out, sub, 2);
	text_item(out, 0x52, a->class_uid);
	if (a->version_name != NULL)
		text_item(out, 0x55, a->version_name);
	if (a->user_type != 0)
		user_identity(out, a);
	length_at(out, item, 2);
	length_at(out, at, 4);
}

static void
short_pdu(struct buf *out, uint8_t type, uint8_t a, uint8_t b, uint8_t c)
{
	size_t at = pdu_start(out, type);

	buf_byte(out, 0);
	buf_byte(out, a);
	buf_byte(out, b);
	buf_byte(out, c);
	length_at(out, at, 4);
}

void
dicom_write_rejection(struct buf *out, uint8_t result, uint8_t source, uint8_t reason)
{
	short_pdu(out, PDU_ASSOCIATE_RJ, result, source, reason);
}

void
dicom_write_release(struct buf *out, bool answer)
{
	short_pdu(out, answer ? PDU_RELEASE_RP : PDU_RELEASE_RQ, 0, 0, 0);
}

void
dicom_write_abort(struct buf *out, uint8_t source, uint8_t reason)
{
	short_pdu(out, PDU_ABORT, 0, source, reason);
}

void
dicom_write_element(
    struct buf *out, enum dicom_syntax syntax, uint32_t tag, const char *vr, struct bytes value)
{
	uint16_t code = DICOM_VR((uint8_t)vr[0], (uint8_t)vr[1]);
	bool big = syntax == SYNTAX_BIG;
	void (*u16)(struct buf *, size_t) = big ? be16 : le16;
	void (*u32)(struct buf *, size_t) = big ? be32 : le32;
	size_t length = value.len + value.len % 2;

	u16(out, tag >> 16);
	u16(out, tag & 0xffff);
	if (syntax == SYNTAX_IMPLICIT) {
		u32(out, length);
	} else {
		be16(out, code);
		if (dicom_vr_long(code)) {
			zeros(out, 2);
			u32(out, length);
		} else {
			u16(out, length);
		}
	}
	buf_add(out, value);
	if (value.len % 2 == 1)
		buf_byte(out, code == DICOM_VR('U', 'I') || code == DICOM_VR('O', 'B') ? 0 : ' ');
}

void
dicom_write_u16(struct buf *out, enum dicom_syntax syntax, uint32_t tag, uint16_t v)
{
	uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};

	if (syntax == SYNTAX_BIG) {
		b[0] = (uint8_t)(v >> 8);
		b[1] = (uint8_t)v;
	}
	dicom_write_element(out, syntax, tag, "US", bytes_of(b, 2));
}

static void
command_text(struct buf *out, uint32_t tag, const char *vr, const char *text)
{
	if (text != NULL)
		dicom_write_element(out, SYNTAX_IMPLICIT, tag, vr, bytes_str(text));
}

void
dicom_write_command(struct buf *out, const struct dicom_command_spec *c)
{
	bool answer = (c->command & DIMSE_ANSWER) != 0;
	size_t at;

	dicom_write_element(out, SYNTAX_IMPLICIT, 0x00000000, "UL", BYTES("\0\0\0\0"));
	at = out->len;
	command_text(out, 0x00000002, "UI", c->class_uid);
	dicom_write_u16(out, SYNTAX_IMPLICIT, 0x00000100, c->command);
	dicom_write_u16(out, SYNTAX_IMPLICIT, answer ? 0x00000120 : 0x00000110, c->id);
	command_text(out, 0x00000600, "AE", c->destination);
	if (!answer && c->command != DIMSE_C_ECHO)
		dicom_write_u16(out, SYNTAX_IMPLICIT, 0x00000700, 0);
	dicom_write_u16(
	    out, SYNTAX_IMPLICIT, 0x00000800, c->has_data ? DIMSE_DATA_SOME : DIMSE_DATA_NONE);
	if (answer)
		dicom_write_u16(out, SYNTAX_IMPLICIT, 0x00000900, c->status);
	command_text(out, 0x00001000, "UI", c->instance_uid);
	command_text(out, 0x00001030, "AE", c->originator);
	if (!out->cut) {
		size_t length = out->len - at;

		for (size_t i = 0; i < 4; i++)
			out->ptr[at - 4 + i] = (uint8_t)(length >> 8 * i);
	}
}

void
dicom_write_pdata(
    struct buf *out, uint8_t context, bool command, struct bytes data, uint32_t max_length)
{
	size_t room = max_length > 6 ? max_length - 6 : 1;

	do {
		struct bytes part = bytes_sub(data, 0, room);

		data = bytes_from(data, part.len);
		buf_byte(out, PDU_P_DATA);
		buf_byte(out, 0);
		be32(out, part.len + 6);
		be32(out, part.len + 2);
		buf_byte(out, context);
		buf_byte(
		    out, (uint8_t)((command ? PDV_COMMAND : 0) | (data.len == 0 ? PDV_LAST : 0)));
		buf_add(out, part);
	} while (data.len > 0);
}

void
dicom_write_message(struct buf *out, uint8_t context, const struct dicom_command_spec *c,
    struct bytes data, uint32_t max_length)
{
	struct buf set = {.budget = out->budget};

	dicom_write_command(&set, c);
	dicom_write_pdata(out, context, true, buf_bytes(&set), max_length);
	if (c->has_data)
		dicom_write_pdata(out, context, false, data, max_length);
	buf_free(&set);
}

void
dicom_write_file(struct buf *out, const char *class_uid, const char *instance_uid,
    const char *transfer, struct bytes data)
{
	size_t at, length;

	zeros(out, 128);
	buf_text(out, "DICM");
	dicom_write_element(out, SYNTAX_EXPLICIT, 0x00020000, "UL", BYTES("\0\0\0\0"));
	at = out->len;
	dicom_write_element(out, SYNTAX_EXPLICIT, 0x00020001, "OB", BYTES("\0\1"));
	dicom_write_element(out, SYNTAX_EXPLICIT, 0x00020002, "UI", bytes_str(class_uid));
	dicom_write_element(out, SYNTAX_EXPLICIT, 0x00020003, "UI", bytes_str(instance_uid));
	dicom_write_element(out, SYNTAX_EXPLICIT, 0x00020010, "UI", bytes_str(transfer));
	length = out->len - at;
	for (size_t i = 0; i < 4 && !out->cut; i++)
		out->ptr[at - 4 + i] = (uint8_t)(length >> 8 * i);
	buf_add(out, data);
}
