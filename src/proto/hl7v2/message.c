/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the segments of a body:
 *
 *   FHS BHS --> (between) --MSH--> open --MSH,FHS,BHS,BTS,FTS,end of body--> told --> (between)
 *
 * Invariants:
 *  1. m is told exactly once for each MSH; what it holds are views into the body.
 *  2. Of a cut body, the last segment without an end is not read (MSH: without its last field):
 *     a value that may be shorter than what was sent is never told as a value. */
#include "proto/hl7v2/session.h"

/* --- anomalies of the message --- */

void
hl7_note(struct reading *r, enum anomaly name, const uint8_t *at)
{
	struct message *m = &r->m;
	uint64_t offset = hl7_offset(r, at);

	if (!m->open) {
		observe_anomaly(r->s->o, r->dir, offset, name, PROTO_hl7, NULL);
		return;
	}
	for (unsigned i = 0; i < m->n_noted; i++) {
		if (m->noted[i].name == name) {
			m->noted[i].count++;
			return;
		}
	}
	if (m->n_noted < HL7_ANOMALIES_MAX)
		m->noted[m->n_noted++] = (struct noted){name, 1, offset};
}

static void
emit_noted(struct reading *r)
{
	for (unsigned i = 0; i < r->m.n_noted; i++) {
		const struct noted *n = &r->m.noted[i];
		struct ev_anomaly a = {.name = n->name, .proto = PROTO_hl7, .count = n->count};

		r->m.ev.anomalies += n->count;
		r->s->o->emit(r->s->o->owner, r->dir, n->offset, EV_anomaly, &a);
	}
}

/* --- patient data --- */

#define F(n)    (UINT64_C(1) << (n))
#define R(a, b) ((UINT64_C(2) << (b)) - F(a))

/* Fields of a segment that hold patient data, as bits of field numbers. */
static uint64_t
phi_fields(uint32_t name)
{
	switch (name) {
#define PHI(a, b, c, fields)                                                                       \
	case HL7_NAME(a, b, c):                                                                    \
		return fields;
#include "proto/hl7v2/phi.def"
	default:
		return 0;
	}
}

#undef F
#undef R

static void
count_phi(struct message *m, const struct hl7_segment *g, uint32_t name)
{
	uint64_t bits = phi_fields(name);

	bits &= g->n >= 63 ? ~UINT64_C(0) : (UINT64_C(2) << g->n) - 1;
	for (; bits != 0; bits &= bits - 1)
		m->ev.phi += hl7_valued(hl7_token(g, (unsigned)__builtin_ctzll(bits)));
}

/* --- segments --- */

static struct bytes
valued(struct bytes b)
{
	b = bytes_trim(b);
	return hl7_valued(b) ? b : (struct bytes){NULL, 0};
}

static struct bytes
either(struct bytes a, struct bytes b)
{
	return a.len > 0 ? a : b;
}

/* EI and CX: the identifier itself. */
static struct bytes
identifier(const struct message *m, struct bytes field)
{
	return valued(hl7_first(&m->d, field));
}

static uint64_t
category_of(struct bytes code)
{
	if (code.len != 3)
		return category_other;
	switch (HL7_NAME(code.ptr[0], code.ptr[1], code.ptr[2])) {
#define CATEGORY(a, b, c, category)                                                                \
	case HL7_NAME(a, b, c):                                                                    \
		return category_##category;
#include "proto/hl7v2/categories.def"
	default:
		return category_other;
	}
}

/* a^b in the space at hand, cut to it. */
static struct bytes
joined(char *space, size_t room, struct bytes a, struct bytes b)
{
	size_t n = a.len < room ? a.len : room;

	if (b.len == 0)
		return a;
	if (n > 0)
		memcpy(space, a.ptr, n);
	if (n < room)
		space[n++] = '^';
	b = bytes_sub(b, 0, room - n);
	if (b.len > 0)
		memcpy(space + n, b.ptr, b.len);
	return bytes_of(space, n + b.len);
}

/* HL7 v2.5.1 2.15.9 */
static void
read_msh(struct reading *r, const struct hl7_segment *g)
{
	struct message *m = &r->m;
	struct ev_message *ev = &m->ev;
	struct bytes type = hl7_head_field(g, 9), event;
	const uint8_t *end = g->text.ptr + g->text.len;

	hl7_check_delimiters(r, g);
	m->code = valued(hl7_first(&m->d, type));
	event = valued(hl7_piece(&m->d, type, 2, 1));
	ev->type = joined(m->type, sizeof(m->type), m->code, event);
	ev->category = category_of(m->code);
	m->control = valued(hl7_head_field(g, 10));
	ev->version = valued(hl7_first(&m->d, hl7_head_field(g, 12)));
	ev->sender = joined(m->sender, sizeof(m->sender),
	    valued(hl7_piece(&m->d, hl7_head_field(g, 3), 1, 0)),
	    valued(hl7_piece(&m->d, hl7_head_field(g, 4), 1, 0)));
	ev->receiver = joined(m->receiver, sizeof(m->receiver),
	    valued(hl7_piece(&m->d, hl7_head_field(g, 5), 1, 0)),
	    valued(hl7_piece(&m->d, hl7_head_field(g, 6), 1, 0)));
	m->charset = hl7_part(hl7_head_field(g, 18), m->d.repetition, 0);
	m->application = valued(hl7_first(&m->d, hl7_head_field(g, 3)));
	m->law = bytes_starts(hl7_head_field(g, 21), BYTES("LAB-2"));
	m->from_device = ev->category == category_result || ev->category == category_status ||
			 ev->category == category_query;
	hl7_claim_msh(r, g);
	if (m->cut) /* what lies behind the cut is not known to be missing */
		return;
	if (m->code.len == 0) {
		hl7_note(r, ANOMALY_hl7_no_type, end);
		ev->flags |= MESSAGE_MALFORMED;
	}
	if (m->control.len == 0)
		hl7_note(r, ANOMALY_hl7_no_control_id, end);
	if (!hl7_valued(hl7_head_field(g, 11)))
		hl7_note(r, ANOMALY_hl7_no_processing_id, end);
	if (ev->version.len == 0)
		hl7_note(r, ANOMALY_hl7_no_version, end);
}

/* HL7 v2.5.1 2.15.8 */
static void
read_msa(struct reading *r, const struct hl7_segment *g)
{
	struct message *m = &r->m;
	struct bytes code = valued(hl7_field(g, 1));

	if (m->has_msa)
		return;
	m->has_msa = true;
	m->ev.ack = code;
	m->ack_of = valued(hl7_field(g, 2));
	if (code.len != 2 || (code.ptr[0] != 'A' && code.ptr[0] != 'C') ||
	    (code.ptr[1] != 'A' && code.ptr[1] != 'E' && code.ptr[1] != 'R'))
		hl7_note(r, ANOMALY_hl7_ack_code, g->text.ptr);
}

/* HL7 v2.5.1 3.4.2 */
static void
read_pid(struct message *m, const struct hl7_segment *g)
{
	if (m->patient.len > 0)
		return;
	m->patient = either(identifier(m, hl7_field(g, 3)),
	    either(identifier(m, hl7_field(g, 2)), identifier(m, hl7_field(g, 4))));
}

/* HL7 v2.5.1 4.5.1. ORC comes before OBR, in OUL behind it. */
static void
read_orc(struct message *m, const struct hl7_segment *g)
{
	struct bytes filler = identifier(m, hl7_field(g, 3));

	m->orc_order = either(filler, identifier(m, hl7_field(g, 2)));
	if (m->order.len == 0)
		m->order = m->orc_order;
	m->first_order = either(m->first_order, m->orc_order);
}

/* HL7 v2.5.1 4.5.3 */
static void
read_obr(struct message *m, const struct hl7_segment *g)
{
	struct bytes filler = identifier(m, hl7_field(g, 3));
	struct bytes status = hl7_field(g, 25);

	m->order = either(filler, either(identifier(m, hl7_field(g, 2)), m->orc_order));
	m->orc_order = (struct bytes){NULL, 0};
	m->first_order = either(m->first_order, m->order);
	m->first_filler = either(m->first_filler, filler);
	m->service = hl7_field(g, 4);
	m->observed = hl7_field(g, 7);
	m->corrected = status.len == 1 && status.ptr[0] == 'C';
}

/* HL7 v2.5.1 7.4.3, 13.4.3: the specimen, or the container it is in. */
static void
read_specimen(struct message *m, struct bytes field)
{
	struct bytes id = either(identifier(m, field), valued(hl7_piece(&m->d, field, 2, 1)));

	m->specimen = either(id, m->specimen);
	m->first_specimen = either(m->first_specimen, id);
}

static void
read_segment(struct reading *r, const struct hl7_segment *g, uint32_t name)
{
	struct message *m = &r->m;

	switch (name) {
	case HL7_NAME('O', 'B', 'X'):
		hl7_obx(r, g);
		break;
	case HL7_NAME('M', 'S', 'A'):
		read_msa(r, g);
		break;
	case HL7_NAME('P', 'I', 'D'):
		read_pid(m, g);
		break;
	case HL7_NAME('O', 'R', 'C'):
		read_orc(m, g);
		break;
	case HL7_NAME('O', 'B', 'R'):
		read_obr(m, g);
		break;
	case HL7_NAME('S', 'P', 'M'):
		read_specimen(m, hl7_field(g, 2));
		break;
	case HL7_NAME('S', 'A', 'C'):
		read_specimen(m, hl7_field(g, 3));
		break;
	case HL7_NAME('Q', 'P', 'D'):
		/* IHE LAW LAB-27: QPD-3 is the specimen that is asked for. */
		if (m->ev.category == category_query)
			m->first_specimen =
			    either(m->first_specimen, identifier(m, hl7_field(g, 3)));
		break;
	default:
		hl7_claim_segment(r, g, name);
		break;
	}
	count_phi(m, g, name);
}

/* --- the message --- */

static void
start_message(struct reading *r, const struct hl7_segment *g)
{
	struct message *m = &r->m;

	memset(m, 0, offsetof(struct message, noted));
	m->open = true;
	m->d = hl7_delims_of(g->text);
	m->start = m->end = (size_t)(g->text.ptr - r->body.ptr);
	m->ev.proto = PROTO_hl7;
	m->ev.carrier = bytes_str(r->carrier);
	buf_reset(&r->results);
	r->n_messages++;
	r->side->batch_messages++;
	if (r->side->in_batch || r->side->in_file || r->n_messages > 1)
		m->ev.flags |= MESSAGE_BATCH;
}

/* more: another message follows in the same body. */
static void
finish_message(struct reading *r, bool more)
{
	struct message *m = &r->m;
	struct ev_message *ev = &m->ev;
	const struct observer *o = r->s->o;

	if (!m->open)
		return;
	hl7_check_text(r, bytes_sub(r->body, m->start, m->end - m->start));
	if (more) {
		if ((ev->flags & MESSAGE_BATCH) == 0)
			hl7_note(r, ANOMALY_hl7_block_shared, r->body.ptr + m->end);
		ev->flags |= MESSAGE_BATCH;
	}
	if (m->cut)
		ev->flags |= MESSAGE_CUT;
	if (ev->category == category_other && m->has_msa)
		ev->category = category_ack;
	if (!m->cut && (ev->category == category_ack || m->has_msa) && m->ack_of.len == 0) {
		hl7_note(r, ANOMALY_hl7_ack_no_msa, r->body.ptr + m->start);
		ev->flags |= MESSAGE_MALFORMED;
	}
	ev->size = m->end - m->start;
	ev->control = observer_hash(o, m->control);
	ev->ack_of = observer_hash(o, m->ack_of);
	ev->patient = observer_hash(o, m->patient);
	ev->order = observer_hash(o, m->first_order);
	ev->specimen = observer_hash(o, either(m->first_specimen, m->first_filler));
	ev->results = buf_bytes(&r->results);
	hl7_pair(r, bytes_sub(r->body, m->content, m->end - m->content));
	emit_noted(r);
	m->open = false;
	observe_message(o, r->dir, r->offset + m->start, ev);
}

/* --- envelopes: HL7 v2.5.1 2.10.3 --- */

static void
open_batch(struct reading *r, const struct hl7_segment *g)
{
	if (r->side->in_batch)
		hl7_note(r, ANOMALY_hl7_envelope, g->text.ptr);
	r->side->in_batch = true;
	r->side->batch_messages = 0;
	r->side->count_lost = false;
	r->side->file_batches++;
	observe_unit(r->s->o, UNIT_hl7_batches);
}

static void
open_file(struct reading *r, const struct hl7_segment *g)
{
	if (r->side->in_file || r->side->in_batch)
		hl7_note(r, ANOMALY_hl7_envelope, g->text.ptr);
	r->side->in_file = true;
	r->side->in_batch = false;
	r->side->count_lost = false;
	r->side->file_batches = 0;
	observe_unit(r->s->o, UNIT_hl7_batches);
}

static void
check_count(struct reading *r, const struct hl7_segment *g, uint64_t n, enum anomaly name)
{
	struct bytes said = valued(hl7_field(g, 1));
	uint64_t v;

	if (said.len > 0 && !r->side->count_lost && (!bytes_to_u64(said, &v) || v != n))
		hl7_note(r, name, g->text.ptr);
}

static void
close_batch(struct reading *r, const struct hl7_segment *g)
{
	if (!r->side->in_batch)
		hl7_note(r, ANOMALY_hl7_envelope, g->text.ptr);
	else
		check_count(r, g, r->side->batch_messages, ANOMALY_hl7_batch_count);
	r->side->in_batch = false;
}

static void
close_file(struct reading *r, const struct hl7_segment *g)
{
	if (!r->side->in_file || r->side->in_batch)
		hl7_note(r, ANOMALY_hl7_envelope, g->text.ptr);
	else
		check_count(r, g, r->side->file_batches, ANOMALY_hl7_file_count);
	r->side->in_file = r->side->in_batch = false;
}

void
hl7_read_end(struct session *s, enum name_value dir, uint64_t offset)
{
	struct side *side = &s->side[dir];

	if (side->in_batch || side->in_file)
		observe_anomaly(s->o, dir, offset, ANOMALY_hl7_envelope, PROTO_hl7, NULL);
	side->in_batch = side->in_file = false;
}

/* --- the body --- */

/* A run of segments up to `end` is complete: for those who look on. */
static size_t
piece_done(struct reading *r, size_t from, size_t end, bool has_message)
{
	const struct hl7_tap *tap = r->s->tap;

	if (tap != NULL && end > from)
		tap->piece(tap->ctx, bytes_sub(r->body, from, end - from), r->offset + from,
		    has_message ? &r->m : NULL);
	return end;
}

/* The segment that a cut went through: MSH without the field that may be short, else nothing. */
static bool
drop_partial(struct hl7_segment *g, bool head)
{
	if (!head || g->n < 3)
		return false;
	g->n--;
	g->text.len = g->sep[g->n];
	return true;
}

static void
read_line(struct reading *r, struct hl7_segment *g, bool *orphans)
{
	struct message *m = &r->m;
	uint32_t name;
	bool lower;

	if (!m->open) {
		if (!*orphans)
			hl7_note(r, ANOMALY_hl7_segments_orphan, g->text.ptr);
		*orphans = true;
		return;
	}
	m->end = (size_t)(g->text.ptr - r->body.ptr) + g->text.len + (g->end != 0);
	name = hl7_segment_name(g, &lower);
	if (UNLIKELY(name == 0)) {
		hl7_note(r, ANOMALY_hl7_segment_name, g->text.ptr);
		return;
	}
	if (UNLIKELY(lower))
		hl7_note(r, ANOMALY_hl7_segment_case, g->text.ptr);
	if (UNLIKELY(g->over))
		hl7_note(r, ANOMALY_hl7_fields_cap, g->text.ptr);
	if (UNLIKELY(++m->n_segments == HL7_SEGMENTS_MAX))
		hl7_note(r, ANOMALY_hl7_segments_cap, g->text.ptr);
	if (UNLIKELY(g->text.len > HL7_REPETITIONS_MAX))
		hl7_check_caps(r, g, name);
	read_segment(r, g, name);
}

void
hl7_read_body(struct session *s, enum name_value dir, const char *carrier, struct bytes body,
    uint64_t offset, bool cut)
{
	struct reading r;
	struct hl7_segment g;
	struct bytes rest;
	size_t piece = 0;
	bool has_message = false, orphans = false;

	r.s = s;
	r.side = &s->side[dir];
	r.dir = dir;
	r.carrier = carrier;
	r.body = body;
	r.offset = offset;
	r.cut = cut;
	r.results = (struct buf){.cap = HL7_RESULTS_BYTES_MAX, .budget = s->o->budget};
	r.n_messages = 0;
	r.m.open = false;
	r.m.n_noted = 0;
	hl7_scan_init(&r.scan, body, '|');
	while ((rest = hl7_scan_rest(&r.scan)).len > 0) {
		size_t at = (size_t)(rest.ptr - body.ptr);
		bool head = hl7_is_head(rest);
		char first = head ? (char)rest.ptr[0] : 0;

		if (head) {
			if (has_message) {
				finish_message(&r, first == 'M');
				piece = piece_done(&r, piece, at, true);
				has_message = false;
			}
			hl7_scan_separator(&r.scan, rest.ptr[3]);
		}
		if (!hl7_scan_next(&r.scan, &g))
			break;
		if (cut && g.end == 0 && !drop_partial(&g, first == 'M')) {
			if (r.m.open) {
				r.m.end = body.len;
				r.m.cut = true;
			}
			break;
		}
		if (first == 'M') {
			start_message(&r, &g);
			r.m.end = at + g.text.len + (g.end != 0);
			has_message = true;
			orphans = false;
			r.m.cut = cut && g.end == 0;
			if (r.m.cut)
				r.m.end = body.len;
			r.m.content = r.m.end;
			read_msh(&r, &g);
		} else if (first == 'B') {
			open_batch(&r, &g);
		} else if (first == 'F') {
			open_file(&r, &g);
		} else if (g.sep[0] == 3 && g.text.ptr[1] == 'T' && g.text.ptr[2] == 'S' &&
			   (g.text.ptr[0] == 'B' || g.text.ptr[0] == 'F')) {
			finish_message(&r, false);
			if (g.text.ptr[0] == 'B')
				close_batch(&r, &g);
			else
				close_file(&r, &g);
		} else {
			read_line(&r, &g, &orphans);
		}
	}
	if (cut && r.m.open)
		r.m.cut = true;
	finish_message(&r, false);
	piece_done(&r, piece, body.len, has_message);
	buf_pool_give(&s->o->pool, &r.results);
}
