/* SPDX-License-Identifier: Apache-2.0 */
/* DICOM files (PS3.10 section 7): preamble, "DICM", group 0002, data set. */
#include "base/cursor.h"
#include "proto/dicom/dicom.h"
#include "proto/dicom/inflate.h"

enum { PREAMBLE_BYTES = 128, FILE_CONFIDENCE = 60 };

#define META_LAST 0x0002ffffu

/* What the data set of a file without "DICM" can start with: an identifying element. */
static bool
element_start(struct bytes b)
{
	uint32_t le, be;

	if (b.len < 8)
		return false;
	le = (uint32_t)load_le16(b.ptr) << 16 | load_le16(b.ptr + 2);
	be = load_be32(b.ptr);
	if (dicom_vr_known(load_be16(b.ptr + 4)))
		return (le >> 16 == 0x0002 || le >> 16 == 0x0008 || be >> 16 == 0x0008) &&
		       ((le & 0xffff) < 0x2000 || (be & 0xffff) < 0x2000);
	return (le >> 16 == 0x0002 || le >> 16 == 0x0008) && (le & 0xffff) < 0x0100 &&
	       load_le32(b.ptr + 4) <= 128;
}

static enum dicom_preamble
preamble(enum name_value magic, struct bytes p)
{
	static const uint8_t zero[PREAMBLE_BYTES];

	if (memcmp(p.ptr, zero, sizeof(zero)) == 0)
		return PREAMBLE_ZERO;
	switch (magic) {
	case magic_tiff:
		return PREAMBLE_TIFF;
	case magic_pe:
	case magic_elf:
	case magic_macho:
	case magic_script:
	case magic_zip:
	case magic_pdf:
	case magic_html:
		return PREAMBLE_ALARM;
	default:
		return PREAMBLE_OTHER;
	}
}

bool
dicom_file_start(struct dicom_file *f, struct bytes file, uint64_t *meta_at)
{
	*f = (struct dicom_file){.magic = magic_zero};
	*meta_at = 0;
	if (bytes_starts(bytes_from(file, PREAMBLE_BYTES), BYTES("DICM"))) {
		f->magic = magic_of(bytes_sub(file, 0, PREAMBLE_BYTES));
		f->preamble = preamble(f->magic, bytes_sub(file, 0, PREAMBLE_BYTES));
		*meta_at = PREAMBLE_BYTES + 4;
	} else if (bytes_starts(file, BYTES("DICM"))) {
		*meta_at = 4;
	} else if (!element_start(file)) {
		return false;
	}
	f->data_at = *meta_at;
	f->meta = bytes_starts(bytes_from(file, (size_t)*meta_at), BYTES("\2\0"));
	return true;
}

static enum dicom_tell
meta_tell(uint32_t tag, unsigned depth)
{
	(void)depth;
	return tag == 0x00020000 || tag == 0x00020010 || tag == 0x00020012 || tag == 0x00020013 ||
		       tag == 0x00020016
		   ? TELL_VALUE
		   : TELL_NOT;
}

/* Group 0002: always explicit VR little endian. Sets data_at to what follows it. */
static void
meta(struct dicom_file *f, struct bytes file, struct dicom_notes *notes)
{
	struct bytes in = bytes_from(file, (size_t)f->data_at), v;
	uint64_t at = f->data_at, told_end = 0;
	struct dicom_set_event ev;
	struct dicom_set set;

	dicom_set_init(&set, SYNTAX_EXPLICIT, meta_tell, META_LAST, notes);
	set.shift = at;
	while ((ev = dicom_set_next(&set, &in)).kind == DICOM_SET_ELEMENT) {
		v = dicom_uid_trim(ev.value);
		if (ev.tag == 0x00020000 && ev.value.len == 4)
			told_end = ev.where + 12 + load_le32(ev.value.ptr);
		else if (ev.tag == 0x00020010)
			f->transfer = v;
		else if (ev.tag == 0x00020012)
			f->class_uid = v;
		else if (ev.tag == 0x00020013)
			f->version_name = v;
		else if (ev.tag == 0x00020016)
			f->ae = bytes_trim(v);
	}
	if (ev.kind == DICOM_SET_DONE && ev.tag > META_LAST) {
		f->data_at = ev.where;
	} else {
		f->inside = set.head_n > 0 || set.skip > 0 || set.state != SET_AT_HEAD;
		f->data_at = file.len;
	}
	if (told_end != 0 && told_end != f->data_at && f->data_at < file.len)
		dicom_note_add(notes, ANOMALY_dicom_file_meta, at,
		    "group 0002 ends at %llu, its length says %llu", (unsigned long long)f->data_at,
		    (unsigned long long)told_end);
	if (f->transfer.len == 0)
		dicom_note_add(notes, ANOMALY_dicom_file_meta, at, "no transfer syntax, 0002,0010");
}

/* An empty view: damage or no memory. Caller frees. */
static struct buf
inflated(struct bytes in, const struct observer *o, uint64_t at, struct dicom_notes *notes)
{
	struct buf out = {.cap = DICOM_INFLATE_MAX, .budget = o->budget};
	struct dicom_inflate *f = dicom_inflate_new(o->budget);
	size_t n = 1;

	while (f != NULL && n > 0 && buf_reserve(&out, 4096)) {
		n = dicom_inflate_next(f, &in, out.ptr + out.len, 4096).len;
		out.len += n;
	}
	if (f != NULL && dicom_inflate_damaged(f))
		dicom_note_add(notes, ANOMALY_dicom_deflate, at, "deflated data set");
	dicom_inflate_free(f);
	return out;
}

static void
data_set(
    struct dicom_file *f, const struct observer *o, struct bytes data, struct dicom_notes *notes)
{
	struct dicom_set_event ev;
	struct dicom_set set;

	dicom_set_init(&set, f->syntax, dicom_identity_tell, DICOM_IDENTITY_LAST, notes);
	set.shift = f->data_at;
	while ((ev = dicom_set_next(&set, &data)).kind == DICOM_SET_ELEMENT)
		dicom_identity_take(&f->identity, o, &ev);
	f->inside = f->inside ||
		    (ev.kind == DICOM_SET_MORE && (set.head_n > 0 || set.skip > 0 ||
						      set.state == SET_AT_VALUE || set.levels > 0));
	if (f->syntax == SYNTAX_UNKNOWN || !set.explicit_)
		f->syntax = !set.explicit_ ? SYNTAX_IMPLICIT
			    : set.big      ? SYNTAX_BIG
					   : SYNTAX_EXPLICIT;
}

bool
dicom_file_read(
    struct dicom_file *f, const struct observer *o, struct bytes file, struct dicom_notes *notes)
{
	struct buf plain = {0};
	struct bytes data;
	uint64_t meta_at;

	if (!dicom_file_start(f, file, &meta_at))
		return false;
	if (f->preamble == PREAMBLE_NONE)
		dicom_note_add(notes, ANOMALY_dicom_file_preamble, 0, "no preamble");
	else if (f->preamble == PREAMBLE_OTHER)
		dicom_note_add(notes, ANOMALY_dicom_file_preamble, 0, "preamble is not zero");
	else if (f->preamble == PREAMBLE_ALARM)
		dicom_note_add(notes, ANOMALY_dicom_preamble_code, 0, "preamble: %s",
		    name_label(NAMES_magic, f->magic));
	if (f->meta)
		meta(f, file, notes);
	else
		dicom_note_add(notes, ANOMALY_dicom_file_meta, meta_at, "no group 0002");
	f->syntax = dicom_syntax_of(f->transfer);
	data = bytes_from(file, (size_t)f->data_at);
	if (f->syntax == SYNTAX_DEFLATED) {
		plain = inflated(data, o, f->data_at, notes);
		data = buf_bytes(&plain);
	}
	data_set(f, o, data, notes);
	buf_free(&plain);
	return true;
}

bool
dicom_file_inspect(struct observer *o, enum name_value dir, uint64_t offset, struct bytes file)
{
	struct dicom_notes notes = {0};
	struct dicom_file f;

	if (!dicom_file_read(&f, o, file, &notes))
		return false;
	observe_unit(o, UNIT_dicom_files);
	if (f.preamble == PREAMBLE_OTHER || f.preamble == PREAMBLE_ALARM) {
		struct ev_attachment a = {.proto = PROTO_dicom,
		    .place = BYTES("DICOM preamble"),
		    .media = BYTES("application/dicom"),
		    .magic = f.magic,
		    .size = PREAMBLE_BYTES};

		o->emit(o->owner, dir, offset, EV_attachment, &a);
	}
	for (size_t i = 0; i < notes.n; i++)
		notes.list[i].offset += offset;
	dicom_notes_tell(&notes, o, dir);
	if (f.identity.document_bytes > 0) {
		f.identity.document_at += offset;
		dicom_identity_attachment(&f.identity, o, dir);
	}
	dicom_identity_claims(&f.identity, o, dir, offset, true);
	observe_claim_behind(
	    o, dir, offset, attr_application, f.version_name, "DICOM 0002,0013", FILE_CONFIDENCE);
	return true;
}
