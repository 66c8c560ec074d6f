/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/dataset.h"

#include "base/cursor.h"

/* States: HEAD -element()-> VALUE | SKIP | HEAD | DONE; VALUE -> SKIP -> HEAD.
 * Invariants: levels alternate sequence, item, sequence, ...; level[levels-1] is the innermost;
 * a level's elements are `blind` where the outer one is or nobody asked. */

#define TAG_ITEM         0xfffee000u
#define TAG_ITEM_END     0xfffee00du
#define TAG_SEQUENCE_END 0xfffee0ddu
#define TAG_PIXELS       0x7fe00010u

enum {
	GROUP_ITEM = 0xfffe,
	FIRST_LENGTH_MAX = 0x4000, /* no first element is longer; letters of a VR are above */
};

bool
dicom_vr_long(uint16_t vr)
{
	switch (vr) {
	case DICOM_VR('O', 'B'):
	case DICOM_VR('O', 'D'):
	case DICOM_VR('O', 'F'):
	case DICOM_VR('O', 'L'):
	case DICOM_VR('O', 'V'):
	case DICOM_VR('O', 'W'):
	case DICOM_VR('S', 'Q'):
	case DICOM_VR('S', 'V'):
	case DICOM_VR('U', 'C'):
	case DICOM_VR('U', 'N'):
	case DICOM_VR('U', 'R'):
	case DICOM_VR('U', 'T'):
	case DICOM_VR('U', 'V'):
		return true;
	default:
		return false;
	}
}

bool
dicom_vr_known(uint16_t vr)
{
	static const char names[] = "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS";

	for (size_t i = 0; i + 1 < sizeof(names); i += 2) {
		if (vr == DICOM_VR(names[i], names[i + 1]))
			return true;
	}
	return dicom_vr_long(vr);
}

bool
dicom_tag_sequence(uint32_t tag)
{
	switch (tag) {
	case 0x00041220: /* directory records */
	case 0x00081110: /* referenced study */
	case 0x00081111: /* referenced performed procedure step */
	case 0x00081115: /* referenced series */
	case 0x00081140: /* referenced image */
	case 0x00081199: /* referenced SOP */
	case 0x0018100a: /* UDI */
	case 0x00321064: /* requested procedure code */
	case 0x00400008: /* scheduled protocol code */
	case 0x00400100: /* scheduled procedure step */
	case 0x00400260: /* performed protocol code */
	case 0x00400275: /* request attributes */
	case 0x00400560: /* specimen description */
	case 0x0040a043: /* concept name */
	case 0x0040a730: /* content */
		return true;
	default:
		return false;
	}
}

void
dicom_set_init(struct dicom_set *s, enum dicom_syntax syntax, dicom_tell_fn *tell, uint32_t last,
    struct dicom_notes *notes)
{
	s->tell = tell;
	s->last = last;
	s->one_group = (last & 0xffff) == 0xffff && last != UINT32_MAX;
	s->syntax = syntax;
	s->notes = notes;
	s->shift = s->at = 0;
	s->state = SET_AT_HEAD;
	s->explicit_ = syntax != SYNTAX_IMPLICIT;
	s->big = syntax == SYNTAX_BIG;
	s->settled = s->lost = false;
	s->head_n = 0;
	s->value_n = s->value_want = 0;
	s->skip = s->prev = 0;
	s->levels = 0;
}

/* The first element shows how the set is written: its group is small, so the zero byte is the
 * high one; its VR is two known letters, or those bytes are the low half of a small length. */
static void
settle(struct dicom_set *s, const uint8_t *p)
{
	bool explicit_ = dicom_vr_known(load_be16(p + 4));
	bool big = p[0] == 0 && p[1] != 0;

	s->settled = true;
	if (!explicit_ && s->explicit_ && s->syntax != SYNTAX_UNKNOWN &&
	    (big ? load_be32(p + 4) : load_le32(p + 4)) > FIRST_LENGTH_MAX)
		explicit_ = true; /* neither fits: as agreed */
	if (s->syntax != SYNTAX_UNKNOWN && (explicit_ != s->explicit_ || big != s->big)) {
		dicom_note_add(s->notes, ANOMALY_dicom_syntax, s->now.where,
		    "data set is %s VR %s endian", explicit_ ? "explicit" : "implicit",
		    big ? "big" : "little");
	}
	s->explicit_ = explicit_;
	s->big = big;
}

static uint32_t
tag_of(const struct dicom_set *s, const uint8_t *p)
{
	if (s->big)
		return load_be32(p);
	return (uint32_t)load_le16(p) << 16 | load_le16(p + 2);
}

/* Bytes of the head that starts with these n. */
static size_t
head_need(struct dicom_set *s, const uint8_t *p, size_t n)
{
	uint16_t vr;

	if (n < 8)
		return 8;
	if (tag_of(s, p) >> 16 == GROUP_ITEM)
		return 8;
	if (!s->settled)
		settle(s, p);
	if (!s->explicit_)
		return 8;
	vr = load_be16(p + 4);
	/* New VRs take the long form (PS3.5 7.1.2); no letters at all: as old readers do. */
	if (dicom_vr_long(vr) ||
	    (!dicom_vr_known(vr) && p[4] >= 'A' && p[4] <= 'Z' && p[5] >= 'A' && p[5] <= 'Z'))
		return 12;
	return 8;
}

static void
stop(struct dicom_set *s)
{
	s->state = SET_AT_DONE;
}

/* False: no room, the walk is over. */
static bool
push(struct dicom_set *s, bool item, uint32_t length, bool blind)
{
	if (s->levels == DICOM_DEPTH_MAX) {
		dicom_note_add(s->notes, ANOMALY_dicom_depth, s->now.where,
		    "sequences nested over %d levels", DICOM_DEPTH_MAX / 2);
		stop(s);
		return false;
	}
	s->level[s->levels++] = (struct dicom_level){
	    .end = length == DICOM_UNDEFINED ? UINT64_MAX : s->at + length,
	    .item = item,
	    .blind = blind,
	    .explicit_before = s->explicit_,
	};
	return true;
}

static void
pop(struct dicom_set *s)
{
	s->explicit_ = s->level[--s->levels].explicit_before;
}

static bool
blind(const struct dicom_set *s)
{
	return s->levels > 0 && s->level[s->levels - 1].blind;
}

static void
skip(struct dicom_set *s, uint32_t n)
{
	s->skip = n;
	s->state = n > 0 ? SET_AT_SKIP : SET_AT_HEAD;
}

static void
broken(struct dicom_set *s, const char *what)
{
	dicom_note_add(s->notes, ANOMALY_dicom_element_length, s->now.where, "%s, group %04x", what,
	    (unsigned)(s->now.tag >> 16));
	stop(s);
}

/* FFFE,E000, FFFE,E00D or FFFE,E0DD (PS3.5 7.5). */
static void
item(struct dicom_set *s, uint32_t tag, uint32_t length)
{
	bool in_item = s->levels > 0 && s->level[s->levels - 1].item;
	bool in_sequence = s->levels > 0 && !in_item;

	if (tag == TAG_ITEM && in_sequence) {
		if (length == DICOM_UNDEFINED || !blind(s))
			(void)push(s, true, length, blind(s));
		else
			skip(s, length);
		return;
	}
	if (tag == TAG_ITEM_END && in_item) {
		pop(s);
	} else if (tag == TAG_SEQUENCE_END && s->levels > 0) {
		if (in_item) {
			dicom_note_add(s->notes, ANOMALY_dicom_element_length, s->now.where,
			    "sequence ends inside an item");
			pop(s);
		}
		pop(s);
	} else {
		broken(s, "item or delimiter out of place");
		return;
	}
	if (length != 0) {
		dicom_note_add(s->notes, ANOMALY_dicom_element_length, s->now.where,
		    "delimiter with a length");
	}
}

/* Anything that has items: their elements are walked where asked for, or where only they show the
 * end. */
static void
sequence(struct dicom_set *s, enum dicom_tell tell, uint32_t length)
{
	bool implicit_inside = s->now.vr == DICOM_VR('U', 'N');

	if (length != DICOM_UNDEFINED && tell != TELL_ENTER) {
		skip(s, length);
		return;
	}
	if (push(s, false, length, tell != TELL_ENTER) && implicit_inside)
		s->explicit_ = false;
}

static void
check(struct dicom_set *s, uint32_t tag, uint32_t length)
{
	if (s->explicit_ && !dicom_vr_known(s->now.vr))
		dicom_note_add(s->notes, ANOMALY_dicom_vr, s->now.where, "element %04x,%04x",
		    (unsigned)(tag >> 16), (unsigned)(tag & 0xffff));
	if (length % 2 == 1 && length != DICOM_UNDEFINED)
		dicom_note_add(s->notes, ANOMALY_dicom_element_odd, s->now.where,
		    "element %04x,%04x length %u", (unsigned)(tag >> 16), (unsigned)(tag & 0xffff),
		    (unsigned)length);
	if (s->levels > 0)
		return;
	if (tag <= s->prev && s->prev != 0)
		dicom_note_add(s->notes, ANOMALY_dicom_element_order, s->now.where,
		    "element %04x,%04x", (unsigned)(tag >> 16), (unsigned)(tag & 0xffff));
	else
		s->prev = tag;
}

/* The head at p is complete. True: s->now is to be told, without a value. */
static bool
element(struct dicom_set *s, const uint8_t *p, size_t need)
{
	uint32_t tag = tag_of(s, p), length;
	enum dicom_tell tell;

	s->now.tag = tag;
	s->now.big = s->big;
	s->now.vr = s->explicit_ && tag >> 16 != GROUP_ITEM ? load_be16(p + 4) : 0;
	s->now.depth = s->levels / 2;
	s->now.value = (struct bytes){NULL, 0};
	if (need == 12)
		length = s->big ? load_be32(p + 8) : load_le32(p + 8);
	else if (s->now.vr != 0)
		length = s->big ? load_be16(p + 6) : load_le16(p + 6);
	else
		length = s->big ? load_be32(p + 4) : load_le32(p + 4);
	s->now.length = length;
	if (s->levels == 0 && tag >> 16 != GROUP_ITEM &&
	    (tag > s->last || (s->one_group && tag >> 16 != s->last >> 16))) {
		stop(s);
		return false;
	}
	if (s->levels > 0 &&
	    (s->at > s->level[s->levels - 1].end ||
		(length != DICOM_UNDEFINED && length > s->level[s->levels - 1].end - s->at))) {
		broken(s, "element passes the end of its item");
		return false;
	}
	if (tag >> 16 == GROUP_ITEM) {
		item(s, tag, length);
		return false;
	}
	if (s->levels > 0 && !s->level[s->levels - 1].item) {
		broken(s, "element between items");
		return false;
	}
	check(s, tag, length);
	tell = blind(s) ? TELL_NOT : s->tell(tag, s->now.depth);
	if (length == DICOM_UNDEFINED ||
	    (tell == TELL_ENTER &&
		(s->now.vr == DICOM_VR('S', 'Q') || (s->now.vr == 0 && dicom_tag_sequence(tag))))) {
		if (tag == TAG_PIXELS || s->now.vr == DICOM_VR('O', 'B') ||
		    s->now.vr == DICOM_VR('O', 'W'))
			sequence(s, TELL_NOT, length);
		else
			sequence(s, tell, length);
		return tell != TELL_NOT;
	}
	if (tell == TELL_NOT || length == 0) {
		skip(s, length);
		return tell != TELL_NOT;
	}
	s->value_n = 0;
	s->value_want = (uint16_t)(length < DICOM_VALUE_MAX ? length : DICOM_VALUE_MAX);
	s->state = SET_AT_VALUE;
	return false;
}

static void
consume(struct dicom_set *s, struct bytes *in, size_t n)
{
	*in = bytes_from(*in, n);
	s->at += n;
}

/* False: more bytes are needed. */
static bool
head(struct dicom_set *s, struct bytes *in, bool *tell)
{
	uint8_t copy[12];
	size_t need, n;

	if (s->head_n == 0) {
		while (s->levels > 0 && s->level[s->levels - 1].end <= s->at)
			pop(s);
		if (in->len == 0)
			return false;
		s->now.offset = s->at;
		s->now.where = s->at + s->shift;
		if (in->len >= sizeof(s->head)) {
			const uint8_t *p = in->ptr;

			need = head_need(s, p, sizeof(s->head));
			consume(s, in, need);
			*tell = element(s, p, need);
			return true;
		}
	}
	while (s->head_n < (need = head_need(s, s->head, s->head_n))) {
		n = need - s->head_n < in->len ? need - s->head_n : in->len;
		if (n == 0)
			return false;
		memcpy(s->head + s->head_n, in->ptr, n);
		s->head_n = (uint8_t)(s->head_n + n);
		consume(s, in, n);
	}
	memcpy(copy, s->head, sizeof(copy));
	s->head_n = 0;
	*tell = element(s, copy, need);
	return true;
}

/* False: more bytes are needed. True: s->now is to be told. */
static bool
value(struct dicom_set *s, struct bytes *in)
{
	size_t n = (size_t)(s->value_want - s->value_n);

	if (s->value_n == 0 && in->len >= n) {
		s->now.value = bytes_sub(*in, 0, n);
	} else {
		if (n > in->len)
			n = in->len;
		if (n > 0)
			memcpy(s->value + s->value_n, in->ptr, n);
		s->now.value = bytes_of(s->value, s->value_want);
	}
	s->value_n = (uint16_t)(s->value_n + n);
	consume(s, in, n);
	if (s->value_n < s->value_want)
		return false;
	skip(s, s->now.length - s->value_want);
	return true;
}

struct dicom_set_event
dicom_set_next(struct dicom_set *s, struct bytes *in)
{
	bool tell = false;
	size_t n;

	for (;;) {
		switch (s->state) {
		case SET_AT_HEAD:
			if (!head(s, in, &tell))
				goto more;
			if (!tell)
				break;
			s->now.kind = DICOM_SET_ELEMENT;
			return s->now;
		case SET_AT_VALUE:
			if (!value(s, in))
				goto more;
			s->now.kind = DICOM_SET_ELEMENT;
			return s->now;
		case SET_AT_SKIP:
			n = s->skip < in->len ? s->skip : in->len;
			s->skip -= (uint32_t)n;
			consume(s, in, n);
			if (s->skip > 0)
				goto more;
			s->state = SET_AT_HEAD;
			break;
		case SET_AT_DONE:
			s->now.kind = DICOM_SET_DONE;
			return s->now;
		}
	}
more:
	return (struct dicom_set_event){.kind = DICOM_SET_MORE};
}

void
dicom_set_gap(struct dicom_set *s, uint64_t missing)
{
	if (s->state == SET_AT_SKIP && missing <= s->skip) {
		s->skip -= (uint32_t)missing;
		s->at += missing;
	} else if (s->state != SET_AT_DONE) {
		s->lost = true;
		stop(s);
	}
}

void
dicom_set_end(struct dicom_set *s)
{
	if (s->state == SET_AT_DONE)
		return;
	while (s->levels > 0 && s->level[s->levels - 1].end <= s->at && s->head_n == 0)
		pop(s);
	if (s->head_n > 0 || s->state == SET_AT_VALUE || s->skip > 0 || s->levels > 0)
		broken(s, "the data set ends inside an element");
	stop(s);
}
