/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/assoc.h"

#include "base/cursor.h"

enum {
	ITEM_APPLICATION = 0x10,
	ITEM_CONTEXT_RQ = 0x20,
	ITEM_CONTEXT_AC = 0x21,
	ITEM_ABSTRACT = 0x30,
	ITEM_TRANSFER = 0x40,
	ITEM_USER = 0x50,
	ITEM_MAX_LENGTH = 0x51,
	ITEM_CLASS_UID = 0x52,
	ITEM_WINDOW = 0x53,
	ITEM_ROLE = 0x54,
	ITEM_VERSION_NAME = 0x55,
	ITEM_EXTENDED = 0x56,
	ITEM_COMMON_EXTENDED = 0x57,
	ITEM_IDENTITY_RQ = 0x58,
	ITEM_IDENTITY_AC = 0x59,
};

/* What is being read: the PDU's body, where it stands, who is told. */
struct reader {
	struct dicom_assoc *a;
	struct bytes body;
	uint64_t offset;
	struct dicom_notes *notes;
	bool past_end; /* an item passed its end: no complaint about missing ones */
	bool user_seen;
	uint8_t ids[32]; /* bit n: a context of id n came */
};

struct item {
	uint8_t type;
	struct bytes body;
	uint64_t at; /* stream offset of its head */
};

/* The next item off *list; false at its end or where what follows is none. */
static bool
item_next(struct reader *r, struct bytes *list, struct item *it)
{
	size_t length;

	if (list->len == 0)
		return false;
	it->at = r->offset + (uint64_t)(list->ptr - r->body.ptr);
	it->type = list->ptr[0];
	if (list->len < 4 || (length = load_be16(list->ptr + 2)) > list->len - 4) {
		dicom_note_add(
		    r->notes, ANOMALY_dicom_item_past_end, it->at, "item %02x", (unsigned)it->type);
		r->past_end = true;
		*list = bytes_from(*list, list->len);
		return false;
	}
	if (list->ptr[1] != 0)
		dicom_note_add(
		    r->notes, ANOMALY_dicom_reserved, it->at, "item %02x", (unsigned)it->type);
	it->body = bytes_sub(*list, 4, length);
	*list = bytes_from(*list, 4 + length);
	return true;
}

static bool
fixed(struct reader *r, const struct item *it, size_t n)
{
	if (it->body.len == n)
		return true;
	dicom_note_add(r->notes, ANOMALY_dicom_item_length, it->at, "item %02x length %zu, not %zu",
	    (unsigned)it->type, it->body.len, n);
	return false;
}

static struct bytes
uid(struct reader *r, const struct item *it)
{
	struct bytes v = dicom_uid_trim(it->body);

	if (v.len > DICOM_UID_MAX)
		dicom_note_add(r->notes, ANOMALY_dicom_string_long, it->at,
		    "UID in item %02x has %zu bytes", (unsigned)it->type, v.len);
	else if (v.len != it->body.len || !dicom_uid_valid(v))
		dicom_note_add(
		    r->notes, ANOMALY_dicom_uid, it->at, "item %02x", (unsigned)it->type);
	return v;
}

/* PS3.8 9.3.2: 16 characters of the default repertoire, blanks at both ends without meaning. */
static struct bytes
ae_title(struct reader *r, size_t at)
{
	struct bytes raw = bytes_sub(r->body, at, DICOM_AE_MAX);
	struct bytes v = bytes_trim(raw);

	if (v.len == 0 || !bytes_printable(raw) || bytes_find(raw, '\\') < raw.len)
		dicom_note_add(r->notes, ANOMALY_dicom_ae_title, r->offset + at,
		    v.len == 0 ? "AE title empty" : "AE title not padded with blanks, or not text");
	return bytes_sub(v, 0, bytes_find(v, 0));
}

static void
context(struct reader *r, const struct item *it)
{
	struct dicom_context c = {0};
	struct bytes list = bytes_from(it->body, 4);
	struct item sub;

	if (it->body.len < 4) {
		(void)fixed(r, it, 4);
		return;
	}
	c.id = it->body.ptr[0];
	c.result = it->body.ptr[2];
	c.transfers = list;
	if (c.id % 2 == 0 || (r->ids[c.id / 8] >> c.id % 8 & 1) != 0)
		dicom_note_add(
		    r->notes, ANOMALY_dicom_context_id, it->at, "context id %u", (unsigned)c.id);
	r->ids[c.id / 8] = (uint8_t)(r->ids[c.id / 8] | 1u << c.id % 8);
	while (item_next(r, &list, &sub)) {
		if (sub.type == ITEM_ABSTRACT) {
			c.abstract = uid(r, &sub);
		} else if (sub.type == ITEM_TRANSFER) {
			/* The syntax of a refused context means nothing (PS3.8 9.3.3.2). */
			if (!r->a->answer || c.result == CONTEXT_ACCEPTED)
				c.syntaxes |= 1u << dicom_syntax_of(uid(r, &sub));
		} else {
			dicom_note_add(r->notes, ANOMALY_dicom_item_unknown, sub.at, "item %02x",
			    (unsigned)sub.type);
		}
	}
	if (!r->past_end && ((!r->a->answer && (c.abstract.len == 0 || c.syntaxes == 0)) ||
				(r->a->answer && c.result == CONTEXT_ACCEPTED && c.syntaxes == 0)))
		dicom_note_add(r->notes, ANOMALY_dicom_item_missing, it->at,
		    "context %u lacks a syntax", (unsigned)c.id);
	if (r->a->n_contexts < DICOM_CONTEXTS_MAX)
		r->a->context[r->a->n_contexts++] = c;
}

/* PS3.7 D.3.3.7: type, response wanted, u16 length, primary, u16 length, secondary. */
static void
identity(struct reader *r, const struct item *it)
{
	struct cursor c = cursor_of(it->body);
	uint8_t type = cursor_u8(&c);
	struct bytes primary;
	size_t secret;

	(void)cursor_u8(&c);
	primary = cursor_take(&c, cursor_be16(&c));
	secret = cursor_take(&c, cursor_be16(&c)).len;
	if (c.short_ || cursor_left(&c) > 0)
		dicom_note_add(r->notes, ANOMALY_dicom_item_length, it->at,
		    "user identity fields do not fill item 58");
	if (type < USER_NAME || type > USER_JWT)
		dicom_note_add(r->notes, ANOMALY_dicom_item_unknown, it->at,
		    "user identity of type %u", (unsigned)type);
	r->a->user_type = type;
	r->a->user = primary;
	r->a->secret_bytes = secret;
}

static void
role(struct reader *r, const struct item *it)
{
	struct cursor c = cursor_of(it->body);
	struct dicom_role role;

	role.uid = cursor_take(&c, cursor_be16(&c));
	role.scu = cursor_u8(&c);
	role.scp = cursor_u8(&c);
	if (c.short_ || cursor_left(&c) > 0)
		dicom_note_add(r->notes, ANOMALY_dicom_item_length, it->at,
		    "role selection does not fill item 54");
	else if (r->a->n_roles < DICOM_ROLES_MAX)
		r->a->role[r->a->n_roles++] = role;
}

static void
version_name(struct reader *r, const struct item *it)
{
	if (it->body.len > DICOM_VERSION_MAX)
		dicom_note_add(r->notes, ANOMALY_dicom_string_long, it->at,
		    "implementation version name has %zu bytes", it->body.len);
	r->a->version_name = dicom_uid_trim(it->body);
}

static void
user_item(struct reader *r, const struct item *it)
{
	switch (it->type) {
	case ITEM_MAX_LENGTH:
		if (fixed(r, it, 4))
			r->a->max_length = load_be32(it->body.ptr);
		break;
	case ITEM_CLASS_UID:
		r->a->class_uid = uid(r, it);
		break;
	case ITEM_WINDOW:
		if (fixed(r, it, 4)) {
			r->a->window_invoked = load_be16(it->body.ptr);
			r->a->window_performed = load_be16(it->body.ptr + 2);
		}
		break;
	case ITEM_ROLE:
		role(r, it);
		break;
	case ITEM_VERSION_NAME:
		version_name(r, it);
		break;
	case ITEM_IDENTITY_RQ:
		identity(r, it);
		break;
	case ITEM_EXTENDED:
	case ITEM_COMMON_EXTENDED:
	case ITEM_IDENTITY_AC:
		break;
	default:
		dicom_note_add(
		    r->notes, ANOMALY_dicom_item_unknown, it->at, "item %02x", (unsigned)it->type);
	}
}

static void
top_item(struct reader *r, const struct item *it)
{
	struct bytes list = it->body;
	struct item sub;

	switch (it->type) {
	case ITEM_APPLICATION:
		r->a->application_context = uid(r, it);
		if (!bytes_eq(r->a->application_context, BYTES(DICOM_APPLICATION_CONTEXT)))
			dicom_note_add(
			    r->notes, ANOMALY_dicom_application_context, it->at, "item 10");
		break;
	case ITEM_CONTEXT_RQ:
	case ITEM_CONTEXT_AC:
		if ((it->type == ITEM_CONTEXT_AC) != r->a->answer)
			dicom_note_add(r->notes, ANOMALY_dicom_item_unknown, it->at,
			    "item %02x in the wrong PDU", (unsigned)it->type);
		else
			context(r, it);
		break;
	case ITEM_USER:
		r->user_seen = true;
		while (item_next(r, &list, &sub))
			user_item(r, &sub);
		break;
	default:
		dicom_note_add(
		    r->notes, ANOMALY_dicom_item_unknown, it->at, "item %02x", (unsigned)it->type);
	}
}

static void
missing(struct reader *r)
{
	const char *what = r->a->application_context.len == 0 ? "application context, item 10"
			   : r->a->n_contexts == 0            ? "presentation contexts"
			   : !r->user_seen                    ? "user information, item 50"
			   : r->a->class_uid.len == 0         ? "implementation class UID, item 52"
							      : NULL;

	if (what != NULL)
		dicom_note_add(r->notes, ANOMALY_dicom_item_missing, r->offset, "%s", what);
}

void
dicom_assoc_read(struct dicom_assoc *a, struct bytes body, bool answer, uint64_t offset,
    struct dicom_notes *notes)
{
	struct reader r = {.a = a, .body = body, .offset = offset, .notes = notes};
	struct bytes list;
	struct item it;

	memset(a, 0, sizeof(*a));
	a->answer = answer;
	if (body.len < 68) {
		dicom_note_add(notes, ANOMALY_dicom_pdu_length, offset,
		    "associate PDU of %zu bytes, at least 68", body.len);
		return;
	}
	a->version = load_be16(body.ptr);
	if ((a->version & 1) == 0)
		dicom_note_add(notes, ANOMALY_dicom_version, offset, "protocol version %u",
		    (unsigned)a->version);
	a->called = ae_title(&r, 4);
	a->calling = ae_title(&r, 20);
	list = bytes_from(body, 68);
	while (item_next(&r, &list, &it))
		top_item(&r, &it);
	if (!r.past_end)
		missing(&r);
}

bool
dicom_context_transfer(struct bytes *transfers, struct bytes *uid)
{
	while (transfers->len >= 4) {
		uint8_t type = transfers->ptr[0];
		size_t length = load_be16(transfers->ptr + 2);

		*uid = bytes_sub(*transfers, 4, length);
		if (uid->len < length)
			break;
		*transfers = bytes_from(*transfers, 4 + length);
		if (type == ITEM_TRANSFER)
			return true;
	}
	return false;
}
