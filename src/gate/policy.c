/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/dicom/assoc.h"
#include "proto/dicom/pdu.h"
#include "proto/dicom/write.h"
#include "proto/hl7v2/write.h"

enum { VT = 0x0b, FS = 0x1c, STX = 0x02, ETX = 0x03, NAK = 0x15, ETB = 0x17 };

/* What a unit says of itself. */
struct facts {
	enum proto proto;
	struct bytes type, sender, receiver;
	uint64_t size;
	enum name_value dir;
	bool is_answer;
};

bool
policy_fits(const char *pattern, struct bytes text)
{
	const char *star = NULL, *p = pattern;
	size_t i = 0, from = 0;

	if (*pattern == 0)
		return true;
	while (i < text.len) {
		uint8_t a = text.ptr[i], b = (uint8_t)*p;

		if (a >= 'A' && a <= 'Z')
			a = (uint8_t)(a + 32);
		if (b >= 'A' && b <= 'Z')
			b = (uint8_t)(b + 32);
		if (*p == '*') {
			star = p++;
			from = i;
		} else if (*p != 0 && a == b) {
			p++;
			i++;
		} else if (star != NULL) {
			p = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return *p == 0;
}

static bool
is_proto(uint8_t wanted, enum proto is)
{
	return wanted == 0 || wanted == is || (wanted == PROTO_fhir && is == PROTO_http);
}

static bool
rule_fits(const struct gate_rule *r, const struct facts *f)
{
	if (r->from != GATE_FROM_ANY && (r->from == GATE_FROM_CLIENT) != (f->dir == dir_orig))
		return false;
	return is_proto(r->proto, f->proto) && policy_fits(r->type, f->type) &&
	       policy_fits(r->sender, f->sender) && policy_fits(r->receiver, f->receiver);
}

static void
set_text(char *out, size_t room, struct bytes text)
{
	size_t n = text.len < room - 1 ? text.len : room - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = text.ptr[i] >= 0x20 && text.ptr[i] <= 0x7e ? (char)text.ptr[i] : '?';
	out[n] = 0;
}

/* One message of a unit against the rules; the first that is not let through decides. */
static void
hold_against(const struct gate_link *link, const struct facts *f, struct judgement *out)
{
	const struct gate_rule *fit = NULL;
	bool has_allow = false;
	char sender[44];

	out->proto = f->proto;
	out->is_answer = f->is_answer;
	set_text(out->type, sizeof(out->type), f->type);
	set_text(sender, sizeof(sender), f->sender);
	for (size_t i = 0; i < link->n_rules; i++) {
		const struct gate_rule *r = &link->rules[i];

		has_allow |= !r->deny;
		if (!rule_fits(r, f))
			continue;
		if (r->deny) {
			out->verdict = VERDICT_REFUSE;
			(void)snprintf(out->reason, sizeof(out->reason),
			    "deny rule %zu of link %.40s: %s from %s", i + 1, link->name, out->type,
			    sender[0] != 0 ? sender : "an unnamed sender");
			return;
		}
		if (fit == NULL)
			fit = r;
	}
	if (f->is_answer || !has_allow) {
		fit = NULL;
	} else if (fit == NULL) {
		out->verdict = VERDICT_REFUSE;
		(void)snprintf(out->reason, sizeof(out->reason),
		    "no allow rule of link %.40s fits: %s from %s", link->name, out->type,
		    sender[0] != 0 ? sender : "an unnamed sender");
		return;
	}
	if (fit != NULL && fit->max_bytes > 0 && f->size > fit->max_bytes) {
		out->verdict = VERDICT_REFUSE;
		(void)snprintf(out->reason, sizeof(out->reason),
		    "%s of %llu bytes, expected at most %llu", out->type,
		    (unsigned long long)f->size, (unsigned long long)fit->max_bytes);
	}
}

static void
unsure(struct judgement *out, const char *reason)
{
	out->verdict = VERDICT_UNSURE;
	(void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
}

/* --- HL7 v2 --- */

/* The next MSH at the start of a segment, from `at` on; text.len where there is none. */
static size_t
next_msh(struct bytes text, size_t at)
{
	while (at < text.len) {
		size_t n = bytes_find_seq(bytes_from(text, at), BYTES("MSH"));

		at += n;
		if (at >= text.len)
			break;
		if (at == 0 || text.ptr[at - 1] == '\r' || text.ptr[at - 1] == '\n')
			return at;
		at++;
	}
	return text.len;
}

static struct bytes
trim_block(struct bytes unit)
{
	size_t vt = bytes_find(unit, VT);

	if (vt < unit.len)
		unit = bytes_from(unit, vt + 1);
	while (unit.len > 0 && (unit.ptr[unit.len - 1] == '\r' || unit.ptr[unit.len - 1] == '\n' ||
				   unit.ptr[unit.len - 1] == FS))
		unit.len--;
	return unit;
}

/* TYPE^TRIGGER of MSH-9; two components joined as they stand. */
static struct bytes
first_two(struct bytes field, uint8_t component)
{
	size_t n = bytes_find(field, component);

	if (n == field.len)
		return field;
	return bytes_sub(field, 0, n + 1 + bytes_find(bytes_from(field, n + 1), component));
}

static void
join(char *out, size_t room, struct bytes a, struct bytes b)
{
	size_t n;

	set_text(out, room, a);
	n = strlen(out);
	if (b.len > 0 && n + 2 < room) {
		out[n] = '^';
		set_text(out + n + 1, room - n - 1, b);
	}
}

static void
judge_hl7(const struct gate_link *link, struct facts *f, struct bytes unit, struct judgement *out)
{
	struct bytes text = trim_block(unit), one;
	size_t at = next_msh(text, 0), next;
	char sender[96], receiver[96], type[TYPE_MAX];
	struct hl7_header h;
	struct hl7_delims d;

	f->proto = PROTO_hl7;
	if (text.len == 1 && (text.ptr[0] == 0x06 || text.ptr[0] == NAK)) {
		f->type = BYTES("commit");
		f->is_answer = true;
		hold_against(link, f, out);
		return;
	}
	if (bytes_find(text, VT) < text.len) {
		unsure(out, "a block starts inside another");
		return;
	}
	if (at == text.len) {
		unsure(out, "the block holds no HL7 message that can be read");
		return;
	}
	for (; at < text.len && out->verdict == VERDICT_PASS; at = next) {
		next = next_msh(text, at + 3);
		one = bytes_sub(text, at, next - at);
		if (!hl7_read_header(one, &h, &d)) {
			unsure(out, "the message header cannot be read");
			return;
		}
		join(sender, sizeof(sender), h.application, h.facility);
		join(receiver, sizeof(receiver), h.receiving_application, h.receiving_facility);
		set_text(type, sizeof(type), first_two(h.type, d.component));
		f->type = bytes_str(type);
		f->sender = bytes_str(sender);
		f->receiver = bytes_str(receiver);
		f->is_answer = bytes_find_seq(one, BYTES("\rMSA")) < one.len ||
			       bytes_find_seq(one, BYTES("\nMSA")) < one.len;
		hold_against(link, f, out);
	}
}

/* --- LIS01 / LIS02 --- */

static struct bytes
astm_field(struct bytes record, uint8_t delimiter, unsigned n)
{
	struct bytes rest = record, field = {NULL, 0};

	for (unsigned i = 0; i < n; i++)
		field = bytes_split(rest, delimiter, &rest);
	return field;
}

/* The records of one frame's text, its number first. */
static void
judge_frame(const struct gate_link *link, struct facts *f, struct bytes text,
    struct policy_memory *m, struct judgement *out)
{
	struct bytes record;

	text = bytes_from(text, 1);
	while (text.len > 0 && out->verdict == VERDICT_PASS) {
		record = bytes_trim(bytes_split(text, '\r', &text));
		if (record.len == 0)
			continue;
		if (record.ptr[0] == 'H' && record.len > 1) {
			set_text(
			    m->sender, sizeof(m->sender), astm_field(record, record.ptr[1], 5));
			set_text(m->receiver, sizeof(m->receiver),
			    astm_field(record, record.ptr[1], 10));
		}
		f->type = bytes_sub(record, 0, 1);
		f->sender = bytes_str(m->sender);
		f->receiver = bytes_str(m->receiver);
		hold_against(link, f, out);
	}
}

/* Every STX starts a frame: a receiver may begin again at any of them. */
static void
judge_astm(const struct gate_link *link, struct facts *f, struct bytes unit,
    struct policy_memory *m, struct judgement *out)
{
	struct bytes text = unit;

	f->proto = PROTO_astm;
	if (text.len < 3 || text.ptr[0] != STX) {
		unsure(out, "bytes outside any frame");
		return;
	}
	if (bytes_find4(text, ETX, ETB, ETX, ETB) == text.len) {
		unsure(out, "the frame does not end");
		return;
	}
	while (text.len > 0 && out->verdict == VERDICT_PASS) {
		struct bytes one = bytes_split(bytes_from(text, 1), STX, &text);

		judge_frame(
		    link, f, bytes_sub(one, 0, bytes_find4(one, ETX, ETB, ETX, ETB)), m, out);
		if (text.len > 0)
			text = bytes_of(text.ptr - 1, text.len + 1);
	}
}

/* --- DICOM --- */

static void
judge_dicom(const struct gate_link *link, struct facts *f, struct bytes unit, struct judgement *out)
{
	struct dicom_notes notes = {0};
	struct dicom_assoc a = {0};

	f->proto = PROTO_dicom;
	if (unit.len < DICOM_PDU_HEAD) {
		unsure(out, "the PDU cannot be read");
		return;
	}
	f->is_answer = unit.ptr[0] != PDU_ASSOCIATE_RQ;
	if (f->is_answer) {
		f->type = unit.ptr[0] == PDU_P_DATA ? BYTES("P-DATA") : BYTES("PDU");
		hold_against(link, f, out);
		return;
	}
	if (unit.len < DICOM_PDU_HEAD + DICOM_ASSOCIATE_MIN) {
		unsure(out, "the association request is too short");
		return;
	}
	dicom_assoc_read(&a, bytes_from(unit, DICOM_PDU_HEAD), false, 0, &notes);
	f->sender = a.calling;
	f->receiver = a.called;
	f->type = BYTES("A-ASSOCIATE-RQ");
	hold_against(link, f, out);
	for (size_t i = 0; i < a.n_contexts && out->verdict == VERDICT_PASS; i++) {
		/* A SOP class is judged by deny rules that name it; allow rules let the
		 * association in. */
		f->type = a.context[i].abstract;
		f->is_answer = true;
		hold_against(link, f, out);
	}
	out->is_answer = false;
	if (out->verdict == VERDICT_PASS)
		set_text(out->type, sizeof(out->type), BYTES("A-ASSOCIATE-RQ"));
}

/* --- HTTP --- */

static struct bytes
http_header(struct bytes head, const char *name)
{
	struct bytes want = bytes_str(name), line;

	while (head.len > 0) {
		line = bytes_split(head, '\n', &head);
		if (bytes_starts_nocase(line, want))
			return bytes_trim(bytes_from(line, want.len));
	}
	return (struct bytes){NULL, 0};
}

/* The first part of a path that starts with a capital: a FHIR resource. */
static struct bytes
resource_of(struct bytes path)
{
	struct bytes part, rest = bytes_split(path, '?', &part);

	while (rest.len > 0) {
		part = bytes_split(rest, '/', &rest);
		if (part.len > 0 && part.ptr[0] >= 'A' && part.ptr[0] <= 'Z')
			return part;
	}
	return bytes_split(path, '?', &part);
}

static void
judge_http(const struct gate_link *link, struct facts *f, struct bytes unit, struct judgement *out)
{
	struct bytes rest, line = bytes_split(unit, '\n', &rest), target;
	struct bytes method = bytes_split(line, ' ', &target), version;
	char type[TYPE_MAX];
	size_t n;

	f->proto = PROTO_http;
	target = bytes_split(target, ' ', &version);
	if (method.len == 0 || method.len > 16 || target.len == 0 ||
	    !bytes_starts(version, BYTES("HTTP/1."))) {
		unsure(out, "the request line cannot be read");
		return;
	}
	set_text(type, sizeof(type), method);
	n = strlen(type);
	type[n++] = ' ';
	set_text(type + n, sizeof(type) - n, resource_of(target));
	f->type = bytes_str(type);
	f->receiver = http_header(rest, "host:");
	f->sender = http_header(rest, "user-agent:");
	hold_against(link, f, out);
}

/* --- all --- */

void
policy_judge(const struct gate_link *link, enum unit_carrier carrier, enum name_value dir,
    struct bytes unit, uint64_t size, struct policy_memory *m, struct judgement *out)
{
	struct facts f = {.size = size, .dir = dir, .proto = unit_proto(carrier)};

	*out = (struct judgement){.verdict = VERDICT_PASS, .proto = f.proto};
	if (size > link->max_bytes) {
		unsure(out, "the unit is larger than the link allows");
		(void)snprintf(out->reason, sizeof(out->reason),
		    "a unit of over %llu bytes, the most that the link carries",
		    (unsigned long long)link->max_bytes);
		return;
	}
	switch (carrier) {
	case UNIT_MLLP:
		judge_hl7(link, &f, unit, out);
		break;
	case UNIT_ASTM:
		judge_astm(link, &f, unit, m, out);
		break;
	case UNIT_DICOM:
		judge_dicom(link, &f, unit, out);
		break;
	case UNIT_HTTP:
		judge_http(link, &f, unit, out);
		break;
	default:
		if (link->n_rules > 0)
			unsure(out, "the protocol is not one that rules can be held against");
	}
}

bool
policy_carries(const struct gate_link *link, enum unit_carrier carrier, char reason[REASON_MAX])
{
	enum proto p = unit_proto(carrier);

	reason[0] = 0;
	if (link->protos == 0 || (link->protos >> p & 1) != 0 ||
	    (p == PROTO_http && (link->protos >> PROTO_fhir & 1) != 0) ||
	    (p == PROTO_unknown && (link->protos >> PROTO_poct1a & 1) != 0) ||
	    (p == PROTO_hl7 && (link->protos >> PROTO_poct1a & 1) != 0))
		return true;
	(void)snprintf(reason, REASON_MAX, "link %.40s does not carry %s", link->name,
	    p == PROTO_unknown ? "a protocol of this kind" : proto_text(p));
	return false;
}

static void
answer_hl7(struct buf *out, struct bytes unit, const struct judgement *j, struct wall now)
{
	char time[HL7_TIME_MAX], id[24], text[REASON_MAX + 32];
	struct bytes message = trim_block(unit);
	struct buf ack = {.cap = 8192};

	(void)hl7_format_time(now, time);
	(void)snprintf(id, sizeof(id), "HG%llx", (unsigned long long)now.ns);
	(void)snprintf(text, sizeof(text), "refused by the gateway: %s", j->reason);
	message = bytes_from(message, next_msh(message, 0));
	if (hl7_write_ack(&ack, message,
		&(struct hl7_ack){.code = BYTES("AR"),
		    .control_id = bytes_str(id),
		    .time = bytes_str(time),
		    .error = BYTES("207"),
		    .text = bytes_str(text)})) {
		buf_byte(out, VT);
		buf_add(out, buf_bytes(&ack));
		buf_add(out, BYTES("\x1c\r"));
	}
	buf_free(&ack);
}

static void
answer_http(struct buf *out, const struct judgement *j)
{
	struct buf body = {.cap = 4096};
	struct json w = json_on(&body);

	json_object(&w);
	json_kstr(&w, "resourceType", "OperationOutcome");
	json_key(&w, "issue");
	json_array(&w);
	json_object(&w);
	json_kstr(&w, "severity", "error");
	json_kstr(&w, "code", "forbidden");
	json_kstr(&w, "diagnostics", j->reason);
	json_object_end(&w);
	json_array_end(&w);
	json_object_end(&w);
	buf_printf(out,
	    "HTTP/1.1 403 Forbidden\r\nContent-Type: application/fhir+json\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	    body.len);
	buf_add(out, buf_bytes(&body));
	buf_free(&body);
}

void
policy_answer(struct buf *out, enum unit_carrier carrier, struct bytes unit,
    const struct judgement *j, struct wall now, bool *close)
{
	*close = false;
	if (j->is_answer && carrier != UNIT_DICOM)
		return;
	switch (carrier) {
	case UNIT_MLLP:
		answer_hl7(out, unit, j, now);
		break;
	case UNIT_ASTM:
		buf_byte(out, NAK);
		break;
	case UNIT_DICOM:
		*close = true;
		if (unit.len > 0 && unit.ptr[0] == PDU_ASSOCIATE_RQ)
			dicom_write_rejection(out, 1, 1, 1);
		else
			dicom_write_abort(out, 2, 0);
		break;
	case UNIT_HTTP:
		*close = true;
		answer_http(out, j);
		break;
	default:
		*close = true;
	}
}
