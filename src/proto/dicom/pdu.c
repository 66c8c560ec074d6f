/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/pdu.h"

#include "base/cursor.h"

/* States: HEAD -begin()-> KEPT | PDV | SKIP | SCAN; PDV -pdv()-> FRAGMENT -> PDV;
 * KEPT, PDV, SKIP -finish()-> HEAD; SCAN -scan()-> HEAD.
 * Invariants: left <= length; pdv_left <= left; between calls head_n > 0 only in HEAD, PDV and
 * SCAN. A scan reads on into the PDU that it finds: those bytes wait in head. */

enum { PDV_HEAD = 6, SCAN_NEED = 20 };

static struct dicom_pdu_event
event_of(const struct dicom_pdu *r, enum dicom_pdu_kind kind)
{
	return (struct dicom_pdu_event){
	    .kind = kind, .type = r->type, .offset = r->pdu_at, .length = r->length};
}

static struct dicom_pdu_event
note(const struct dicom_pdu *r, enum anomaly name, const char *detail)
{
	struct dicom_pdu_event ev = event_of(r, DICOM_PDU_NOTE);

	ev.anomaly = name;
	ev.detail = detail;
	return ev;
}

static void
consume(struct dicom_pdu *r, struct bytes *in, size_t n)
{
	*in = bytes_from(*in, n);
	r->at += n;
}

/* Bring head to `need` bytes; false where the input ends before. */
static bool
gather(struct dicom_pdu *r, struct bytes *in, size_t need)
{
	size_t n;

	if (r->head_n >= need)
		return true;
	n = need - r->head_n;
	if (n > in->len)
		n = in->len;
	if (n > 0)
		memcpy(r->head + r->head_n, in->ptr, n);
	r->head_n = (uint8_t)(r->head_n + n);
	consume(r, in, n);
	return r->head_n == need;
}

/* Take n bytes off the front of head: a scan may have read on into the PDU it found. */
static void
head_drop(struct dicom_pdu *r, size_t n)
{
	r->head_n = (uint8_t)(r->head_n - n);
	memmove(r->head, r->head + n, r->head_n);
}

static enum probe
short_pdu_plausible(const uint8_t *p)
{
	bool ok = p[6] == 0;

	switch (p[0]) {
	case PDU_ASSOCIATE_RJ: /* PS3.8 9.3.4 */
		ok = ok && p[7] >= 1 && p[7] <= 2 && p[8] >= 1 && p[8] <= 3 && p[9] >= 1 &&
		     p[9] <= 10;
		break;
	case PDU_ABORT: /* PS3.8 9.3.8 */
		ok = ok && p[7] == 0 && p[8] <= 2 && p[9] <= 6;
		break;
	default:
		ok = ok && load_be32(p + 6) == 0;
	}
	return ok ? PROBE_YES : PROBE_NO;
}

static enum probe
pdata_plausible(struct bytes b, uint32_t length)
{
	uint32_t pdv;

	if (length < PDV_HEAD || length > DICOM_SCAN_PDATA_MAX)
		return PROBE_NO;
	if (b.len < DICOM_PDU_HEAD + PDV_HEAD)
		return PROBE_MAYBE;
	pdv = load_be32(b.ptr + 6);
	if (pdv < 2 || pdv > length - 4 || b.ptr[10] % 2 == 0 || b.ptr[11] > 3)
		return PROBE_NO;
	if ((b.ptr[11] & PDV_COMMAND) == 0)
		return pdv == length - 4 ? PROBE_YES : PROBE_NO;
	/* PS3.7 E.1: a command set begins with 0000,0000, of length 4. */
	if (pdv < 14)
		return PROBE_NO;
	if (b.len < SCAN_NEED)
		return PROBE_MAYBE;
	return load_be32(b.ptr + 12) == 0 && load_be32(b.ptr + 16) == 0x04000000 ? PROBE_YES
										 : PROBE_NO;
}

enum probe
dicom_pdu_plausible(struct bytes b)
{
	uint32_t length;

	if (b.len > 0 && (b.ptr[0] < PDU_ASSOCIATE_RQ || b.ptr[0] > PDU_ABORT))
		return PROBE_NO;
	if ((b.len > 1 && b.ptr[1] != 0) || (b.len > 2 && b.ptr[2] != 0))
		return PROBE_NO;
	if (b.len < DICOM_PDU_HEAD)
		return PROBE_MAYBE;
	length = load_be32(b.ptr + 2);
	switch (b.ptr[0]) {
	case PDU_ASSOCIATE_RQ:
	case PDU_ASSOCIATE_AC:
		if (length < DICOM_ASSOCIATE_MIN || length > DICOM_PDU_KEPT_MAX)
			return PROBE_NO;
		if (b.len < 10)
			return PROBE_MAYBE;
		return load_be32(b.ptr + 6) == 0x00010000 ? PROBE_YES : PROBE_NO;
	case PDU_P_DATA:
		return pdata_plausible(b, length);
	default:
		if (length != 4)
			return PROBE_NO;
		return b.len < 10 ? PROBE_MAYBE : short_pdu_plausible(b.ptr);
	}
}

/* What stands at head is no PDU: look for one from its second byte on. */
static struct dicom_pdu_event
give_up(struct dicom_pdu *r, enum anomaly name, const char *detail)
{
	struct dicom_pdu_event ev = note(r, name, detail);

	ev.dropped = true;
	r->state = PDU_AT_SCAN;
	r->scan_at = r->pdu_at;
	head_drop(r, 1);
	return ev;
}

/* A head is complete in r->head. */
static struct dicom_pdu_event
begin(struct dicom_pdu *r)
{
	bool reserved = r->head[1] != 0;
	struct dicom_pdu_event ev;

	r->pdu_at = r->at - r->head_n;
	r->type = r->head[0];
	r->length = r->left = load_be32(r->head + 2);
	if (r->type < PDU_ASSOCIATE_RQ || r->type > PDU_ABORT) {
		if (reserved || r->length > DICOM_PDU_ODD_MAX)
			return give_up(r, ANOMALY_dicom_pdu_type, "no PDU begins here");
		r->state = PDU_AT_SKIP;
		r->head_n = 0;
		return note(r, ANOMALY_dicom_pdu_type, "PDU of an unknown type stepped over");
	}
	if (r->length > (r->type == PDU_P_DATA ? DICOM_PDATA_MAX : DICOM_PDU_KEPT_MAX))
		return give_up(r, ANOMALY_dicom_pdu_length, "PDU length over the cap");
	head_drop(r, DICOM_PDU_HEAD);
	if (r->type == PDU_P_DATA) {
		r->state = PDU_AT_PDV;
	} else {
		r->state = PDU_AT_KEPT;
		buf_reset(&r->kept);
		buf_add(&r->kept, bytes_of(r->head, r->head_n));
		r->left -= r->head_n;
		r->head_n = 0;
	}
	ev = event_of(r, DICOM_PDU_BEGIN);
	ev.reserved = reserved;
	return ev;
}

static struct dicom_pdu_event
finish(struct dicom_pdu *r)
{
	r->state = PDU_AT_HEAD;
	r->head_n = 0;
	buf_free(&r->kept);
	return event_of(r, DICOM_PDU_END);
}

/* True: *ev is the body. */
static bool
keep(struct dicom_pdu *r, struct bytes *in, struct dicom_pdu_event *ev)
{
	size_t n = r->left < in->len ? r->left : in->len;
	struct bytes part = bytes_sub(*in, 0, n);

	*ev = event_of(r, DICOM_PDU_BODY);
	if (r->kept.len == 0 && n == r->left) {
		ev->body = part; /* in place */
	} else {
		buf_add(&r->kept, part);
		if (r->kept.cut) {
			r->state = PDU_AT_SKIP;
			*ev = note(r, ANOMALY_memory_cap, "association PDU");
			return true;
		}
		ev->body = buf_bytes(&r->kept);
	}
	r->left -= (uint32_t)n;
	consume(r, in, n);
	if (r->left > 0)
		return false;
	r->state = PDU_AT_SKIP;
	return true;
}

/* A PDV's head is complete in r->head. */
static struct dicom_pdu_event
pdv_begin(struct dicom_pdu *r)
{
	uint32_t length = load_be32(r->head);
	struct dicom_pdu_event ev;

	r->pdv_at = r->at - r->head_n;
	r->context = r->head[4];
	r->flags = r->head[5];
	head_drop(r, PDV_HEAD);
	r->left -= PDV_HEAD;
	if (length < 2 || length - 2 > r->left) {
		r->state = PDU_AT_SKIP;
		return note(r, ANOMALY_dicom_pdv_length,
		    length < 2 ? "PDV length under 2" : "PDV passes the end of its PDU");
	}
	r->pdv_left = length - 2;
	r->state = PDU_AT_FRAGMENT;
	ev = event_of(r, DICOM_PDU_PDV);
	ev.offset = r->pdv_at;
	ev.length = r->pdv_left;
	ev.context = r->context;
	ev.flags = r->flags;
	return ev;
}

static struct dicom_pdu_event
fragment(struct dicom_pdu *r, struct bytes *in)
{
	size_t n = r->pdv_left < in->len ? r->pdv_left : in->len;
	struct dicom_pdu_event ev = event_of(r, DICOM_PDU_FRAGMENT);

	ev.context = r->context;
	ev.flags = r->flags;
	if (r->pdv_left == 0) {
		r->state = PDU_AT_PDV;
		ev.kind = DICOM_PDU_PDV_END;
		ev.offset = r->pdv_at;
		return ev;
	}
	if (r->head_n > 0) { /* what a scan read of it */
		n = r->head_n;
		ev.offset = r->at - n;
		ev.body = bytes_of(r->head, n);
		r->head_n = 0;
	} else {
		ev.offset = r->at;
		ev.body = bytes_sub(*in, 0, n);
		consume(r, in, n);
	}
	ev.length = n;
	r->left -= (uint32_t)n;
	r->pdv_left -= (uint32_t)n;
	return ev;
}

/* True: the next PDU begins at head (carried bytes) or at the front of in. */
static bool
scan(struct dicom_pdu *r, struct bytes *in)
{
	struct bytes run = *in;

	while (r->head_n > 0) {
		size_t taken = run.len - in->len;
		enum probe is;

		if (taken >= r->head_n) { /* what is carried stands in this run: go on in place */
			*in = bytes_from(run, taken - r->head_n);
			r->at -= r->head_n;
			r->head_n = 0;
			break;
		}
		is = dicom_pdu_plausible(bytes_of(r->head, r->head_n));
		if (is == PROBE_YES)
			return true;
		if (is == PROBE_NO)
			head_drop(r, 1);
		else if (!gather(r, in, (size_t)r->head_n + 1))
			return false;
	}
	for (size_t i = 0; i < in->len; i++) {
		enum probe is;

		if (in->ptr[i] == 0 || in->ptr[i] > PDU_ABORT)
			continue;
		if (in->len - i > 2 && (in->ptr[i + 1] | in->ptr[i + 2]) != 0)
			continue;
		is = dicom_pdu_plausible(bytes_sub(*in, i, SCAN_NEED));
		if (is == PROBE_NO)
			continue;
		consume(r, in, i);
		if (is == PROBE_YES)
			return true;
		(void)gather(r, in, in->len); /* under SCAN_NEED bytes */
		return false;
	}
	consume(r, in, in->len);
	return false;
}

struct dicom_pdu_event
dicom_pdu_next(struct dicom_pdu *r, struct bytes *in)
{
	struct dicom_pdu_event ev;
	size_t n;

	for (;;) {
		switch (r->state) {
		case PDU_AT_HEAD:
			if (!gather(r, in, DICOM_PDU_HEAD))
				goto more;
			return begin(r);
		case PDU_AT_KEPT:
			if (keep(r, in, &ev))
				return ev;
			goto more;
		case PDU_AT_PDV:
			if (r->left == 0)
				return finish(r);
			if (r->left < PDV_HEAD) {
				r->state = PDU_AT_SKIP;
				return note(
				    r, ANOMALY_dicom_pdv_length, "PDU has no room for a PDV");
			}
			if (!gather(r, in, PDV_HEAD))
				goto more;
			return pdv_begin(r);
		case PDU_AT_FRAGMENT:
			if (r->pdv_left > 0 && in->len == 0 && r->head_n == 0)
				goto more;
			return fragment(r, in);
		case PDU_AT_SKIP:
			n = r->left < in->len ? r->left : in->len;
			r->left -= (uint32_t)n;
			consume(r, in, n);
			if (r->left == 0)
				return finish(r);
			goto more;
		case PDU_AT_SCAN:
			if (!scan(r, in))
				goto more;
			r->state = PDU_AT_HEAD;
			r->pdu_at = r->at - r->head_n;
			ev = note(r, ANOMALY_dicom_resync, "PDUs go on here");
			ev.length = r->pdu_at - r->scan_at;
			return ev;
		}
	}
more:
	return (struct dicom_pdu_event){.kind = DICOM_PDU_MORE};
}

bool
dicom_pdu_gap(struct dicom_pdu *r, uint64_t missing)
{
	bool inside = r->state == PDU_AT_FRAGMENT && missing <= r->pdv_left;

	r->at += missing;
	if (r->state != PDU_AT_HEAD && r->state != PDU_AT_SCAN &&
	    missing <= (uint64_t)r->left - (r->state == PDU_AT_PDV ? r->head_n : 0)) {
		if (r->state == PDU_AT_PDV)
			r->left -= r->head_n;
		r->left -= (uint32_t)missing;
		if (inside)
			r->pdv_left -= (uint32_t)missing;
		else
			r->state = PDU_AT_SKIP;
	} else {
		r->state = PDU_AT_SCAN;
		r->scan_at = r->at;
	}
	r->head_n = 0;
	return inside;
}

bool
dicom_pdu_inside(const struct dicom_pdu *r)
{
	if (r->state == PDU_AT_HEAD)
		return r->head_n > 0;
	return r->state != PDU_AT_SCAN;
}

void
dicom_pdu_free(struct dicom_pdu *r)
{
	buf_free(&r->kept);
}

const char *
dicom_pdu_name(uint8_t type)
{
	static const char *const names[] = {"A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "A-ASSOCIATE-RJ",
	    "P-DATA-TF", "A-RELEASE-RQ", "A-RELEASE-RP", "A-ABORT"};

	return type >= 1 && type <= ARRAY_LEN(names) ? names[type - 1] : "unknown";
}
