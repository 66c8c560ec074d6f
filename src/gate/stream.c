/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of one direction: cut into units, judged, passed on, recorded. */
#include <stdio.h>

#include "gate/inner.h"

bool
stream_mark(struct side *to, const struct passing *m)
{
	if (to->n_passing + (m->own ? 0 : PASSING_OWN) >= PASSING_MAX)
		return false;
	to->passing[(to->first + to->n_passing++) % PASSING_MAX] = *m;
	return true;
}

/* Tell of units that are through. */
void
stream_tell(struct pair *p, struct side *to)
{
	struct gate *g = p->gate;
	enum name_value dir = to->dir == dir_orig ? dir_resp : dir_orig;

	while (to->n_passing > 0 && to->passing[to->first].done) {
		const struct passing *m = &to->passing[to->first];
		struct event_head head = {.time = g->wall, .dir = dir, .offset = m->end - m->size};
		struct ev_relay e = {.name = bytes_str(p->link->set.name),
		    .proto = m->proto,
		    .size = m->size,
		    .hash = m->hash,
		    .same = memcmp(m->hash.b, m->hash_out.b, sizeof(m->hash.b)) == 0,
		    .micros = (uint64_t)(m->done_ns - m->start_ns) / 1000};

		to->first = (to->first + 1) % PASSING_MAX;
		to->n_passing--;
		if (m->own)
			continue;
		p->link->status->units[dir]++;
		p->link->status->last_ns = g->wall.ns;
		if (!e.same) {
			e.hash_out = m->hash_out;
			p->link->status->altered++;
			gate_note(p, "alarm", "", m->size,
			    "the bytes that went out are not those that came in");
		}
		if (p->stream == NULL)
			continue;
		head.flow = sense_flow(p->stream);
		head.link = sense_link(p->stream);
		if (e.proto == PROTO_http)
			e.proto = sense_proto(p->stream);
		sense_tell(g->set.sense, EV_relay, &head, &e);
	}
}

static void
give(struct pair *p, struct side *to, struct bytes data)
{
	struct why why;

	if (data.len == 0 || p->dead || to->state == SIDE_GONE)
		return;
	p->link->status->bytes[to->dir == dir_orig ? dir_resp : dir_orig] += data.len;
	switch (side_give(to, data, &why)) {
	case SIDE_RESET:
		pair_reset(p, state_reset);
		break;
	case SIDE_BROKEN:
		pair_fail(p, "fail", why.text);
		break;
	default:
		break;
	}
}

/* A unit of `from` ends where `end` bytes have been given to the other side. */
static void
end_unit(struct side *from, struct side *to, uint64_t end)
{
	struct passing m = {.end = end,
	    .size = from->unit_size,
	    .start_ns = from->unit_ns,
	    .hash = sip_stream_end(&from->in_hash),
	    .proto = (uint8_t)unit_proto(from->pair->carrier)};

	/* No room: the record covers what follows too. */
	if (stream_mark(to, &m))
		from->unit_size = 0;
}

static bool
over_rate(struct link *l, const struct gate *g)
{
	int64_t minute = g->mono.ns / (60 * NS_PER_S);

	if (l->set.per_minute == 0)
		return false;
	if (minute != l->minute) {
		l->minute = minute;
		l->in_minute = 0;
	}
	return ++l->in_minute > l->set.per_minute;
}

static void
judge(struct pair *p, struct side *from, struct bytes unit, uint64_t size, struct judgement *j)
{
	struct link *l = p->link;

	policy_judge(&l->set, p->carrier, from->dir, unit, size, &from->memory, j);
	if (from->dir == dir_orig && !j->is_answer && over_rate(l, p->gate) &&
	    j->verdict == VERDICT_PASS) {
		j->verdict = VERDICT_REFUSE;
		(void)snprintf(j->reason, sizeof(j->reason),
		    "more than %u units a minute on link %.40s", l->set.per_minute, l->set.name);
	}
	if (j->verdict == VERDICT_UNSURE && l->set.unsure == GATE_REFUSE &&
	    l->set.mode == GATE_BLOCK)
		j->verdict = VERDICT_REFUSE;
	else if (j->verdict == VERDICT_UNSURE) {
		l->status->alarms++;
		gate_note(p, "alarm", j->type, size, j->reason);
	}
}

/* Tell the sender in its own words; end where the protocol has none. */
static void
refuse(
    struct pair *p, struct side *from, struct bytes unit, uint64_t size, const struct judgement *j)
{
	struct gate *g = p->gate;
	struct side *to = &p->side[from->dir == dir_orig ? 1 : 0];
	struct buf answer = {.cap = 16384};
	struct passing own = {.own = true};
	bool close;

	p->link->status->refused++;
	gate_note(p, "refuse", j->type, size, j->reason);
	policy_answer(&answer, p->carrier, unit, j, g->wall, &close);
	/* Nothing of ours may stand inside a unit of the other side. */
	if (to->streaming || answer.cut || (answer.len == 0 && !j->is_answer)) {
		buf_free(&answer);
		pair_reset(p, state_rejected);
		return;
	}
	own.end = from->queued + answer.len;
	own.size = answer.len;
	if (answer.len > 0 && !stream_mark(from, &own)) {
		buf_free(&answer);
		pair_reset(p, state_rejected);
		return;
	}
	buf_add(&g->answers, buf_bytes(&answer));
	give(p, from, buf_bytes(&answer));
	buf_free(&answer);
	if (!close || p->dead)
		return;
	p->ending = true;
	from->shut_due = true;
	p->deadline_ns = g->mono.ns + GATE_LINGER_S * NS_PER_S;
	side_close(to, false);
}

/* Bytes of a message in mode block. True: the piece passes in place, with what is before it. */
static bool
hold_piece(struct pair *p, struct side *from, struct side *to, struct bytes piece, bool ends)
{
	struct gate *g = p->gate;
	struct bytes whole = piece;
	struct judgement j = {.verdict = VERDICT_PASS};

	from->hold.budget = &g->budget;
	if (from->hold.len > 0 || !ends || from->unit_size > p->link->set.max_bytes) {
		if (from->unit_size <= p->link->set.max_bytes)
			buf_add(&from->hold, piece);
		if (from->unit_size > p->link->set.max_bytes || from->hold.cut) {
			/* It cannot be held: judged by what is there. */
			judge(p, from, buf_bytes(&from->hold),
			    from->hold.cut ? UINT64_MAX : from->unit_size, &j);
			if (j.verdict == VERDICT_REFUSE) {
				p->link->status->refused++;
				gate_note(p, "refuse", j.type, from->unit_size, j.reason);
				pair_reset(p, state_rejected);
				return false;
			}
			give(p, to, buf_bytes(&from->hold));
			give(p, to, piece);
			buf_free(&from->hold);
			from->streaming = !ends;
			if (ends && !p->dead)
				end_unit(from, to, to->queued);
			return false;
		}
		if (!ends)
			return false;
		whole = buf_bytes(&from->hold);
	}
	judge(p, from, whole, from->unit_size, &j);
	from->refused = j.verdict == VERDICT_REFUSE;
	if (from->refused) {
		uint64_t size = from->unit_size;

		from->unit_size = 0;
		refuse(p, from, whole, size, &j);
	} else if (whole.ptr == piece.ptr) {
		return true;
	} else {
		give(p, to, whole);
		if (!p->dead)
			end_unit(from, to, to->queued);
	}
	buf_free(&from->hold);
	return false;
}

/* Modes observe and warn: the unit is on its way; keep its first bytes until it ends. */
static void
look_at(struct pair *p, struct side *from, struct bytes piece, bool ends)
{
	struct judgement j;

	if (p->link->set.mode != GATE_WARN)
		return;
	from->hold.budget = &p->gate->budget;
	if (from->hold.len > 0 || !ends) {
		buf_add(
		    &from->hold, bytes_sub(piece, 0,
				     from->hold.len < HEAD_KEPT ? HEAD_KEPT - from->hold.len : 0));
		piece = buf_bytes(&from->hold);
	}
	if (!ends)
		return;
	judge(p, from, piece, from->unit_size, &j);
	if (j.verdict == VERDICT_REFUSE) {
		p->link->status->warned++;
		gate_note(p, "warn", j.type, from->unit_size, j.reason);
	}
	buf_reset(&from->hold);
}

static void
cut_units(struct pair *p, struct side *from, struct side *to, struct bytes run)
{
	bool block = p->link->set.mode == GATE_BLOCK;
	size_t at = 0, start = 0; /* run[start..at) is to be passed on */

	while (at < run.len && !p->dead && !p->ending) {
		struct unit_piece pc = unit_next(&from->scan, bytes_from(run, at));
		struct bytes piece = bytes_sub(run, at, pc.len);
		bool in_place = true;

		if (from->unit_size == 0) {
			from->unit_ns = p->gate->mono.ns;
			sip_stream_begin(&from->in_hash, &p->gate->set.key);
		}
		sip_stream_add(&from->in_hash, piece);
		from->unit_size += pc.len;
		if (block && pc.kind == UNIT_GLUE && from->refused && p->carrier != UNIT_ASTM) {
			/* What belongs to a refused message goes with it. */
			give(p, to, bytes_sub(run, start, at - start));
			start = at + pc.len;
			in_place = false;
			from->unit_size = 0;
		} else if (block && pc.kind == UNIT_MESSAGE && !from->streaming) {
			if (from->hold.len > 0 || !pc.ends ||
			    from->unit_size > p->link->set.max_bytes) {
				give(p, to, bytes_sub(run, start, at - start));
				start = at;
			}
			in_place = hold_piece(p, from, to, piece, pc.ends);
			if (!in_place) {
				if (start < at && !p->dead)
					give(p, to, bytes_sub(run, start, at - start));
				start = at + pc.len;
			}
		} else {
			if (pc.ends)
				from->streaming = false;
			if (block && pc.kind == UNIT_RUN && !from->refused &&
			    p->link->set.n_rules > 0) {
				/* No borders to hold: the link's unsure decides, once. */
				struct judgement j;

				from->refused = true;
				judge(p, from, piece, from->unit_size, &j);
				if (j.verdict == VERDICT_REFUSE) {
					p->link->status->refused++;
					gate_note(p, "refuse", "", from->unit_size, j.reason);
					pair_reset(p, state_rejected);
					return;
				}
			}
			if (pc.kind == UNIT_MESSAGE)
				look_at(p, from, piece, pc.ends);
		}
		at += pc.len;
		if (in_place && pc.ends && from->unit_size > 0)
			end_unit(from, to, to->queued + (at - start));
	}
	if (!p->dead && !p->ending && start < at)
		give(p, to, bytes_sub(run, start, at - start));
}

/* False: more bytes must come before anything is known. */
static bool
find_carrier(struct pair *p, struct side *from, struct bytes *run)
{
	char reason[REASON_MAX];

	if (from->hold.len > 0 || unit_carrier_of(*run) == UNIT_UNKNOWN) {
		from->hold.budget = &p->gate->budget;
		buf_add(&from->hold, *run);
		*run = buf_bytes(&from->hold);
		if (unit_carrier_of(*run) == UNIT_UNKNOWN && !from->eof)
			return false;
	}
	p->carrier = unit_carrier_of(*run);
	if (p->carrier == UNIT_UNKNOWN)
		p->carrier = UNIT_RAW;
	for (int d = 0; d < 2; d++)
		unit_scan_init(&p->side[d].scan, p->carrier, d == dir_orig);
	if (policy_carries(&p->link->set, p->carrier, reason))
		return true;
	if (p->link->set.mode == GATE_BLOCK) {
		p->link->status->refused++;
		gate_note(p, "refuse", "", run->len, reason);
		pair_reset(p, state_rejected);
		return false;
	}
	if (p->link->set.mode == GATE_WARN) {
		p->link->status->warned++;
		gate_note(p, "warn", "", run->len, reason);
	}
	return true;
}

void
stream_take(struct pair *p, enum name_value dir, struct bytes run)
{
	struct side *from = &p->side[dir], *to = &p->side[dir == dir_orig ? dir_resp : dir_orig];
	struct gate *g = p->gate;
	struct buf first = {0};

	if (p->carrier == UNIT_UNKNOWN) {
		if (!find_carrier(p, from, &run))
			return;
		first = from->hold;
		from->hold = (struct buf){0};
	}
	buf_reset(&g->answers);
	cut_units(p, from, to, run);
	if (p->stream != NULL) {
		sense_data(g->set.sense, p->stream, dir, run, g->wall);
		if (g->answers.len > 0)
			sense_data(
			    g->set.sense, p->stream, to->dir, buf_bytes(&g->answers), g->wall);
	}
	buf_free(&first);
	if (p->dead)
		return;
	stream_tell(p, to);
	stream_tell(p, from);
}

void
stream_over(struct pair *p, enum name_value dir)
{
	struct side *from = &p->side[dir], *to = &p->side[dir == dir_orig ? dir_resp : dir_orig];
	struct link *l = p->link;

	if (p->carrier == UNIT_UNKNOWN && from->hold.len > 0)
		stream_take(p, dir, (struct bytes){NULL, 0});
	if (p->dead)
		return;
	if (l->set.mode == GATE_BLOCK && from->hold.len > 0) {
		if (l->set.unsure == GATE_REFUSE) {
			l->status->refused++;
			gate_note(p, "refuse", "", from->unit_size,
			    "the connection ended inside a unit; it was not passed on");
		} else {
			l->status->alarms++;
			gate_note(p, "alarm", "", from->unit_size,
			    "the connection ended inside a unit; it was passed on unjudged");
			give(p, to, buf_bytes(&from->hold));
		}
		buf_free(&from->hold);
	}
	if (p->dead)
		return;
	if (from->unit_size > 0 && to->state == SIDE_OPEN && to->queued > to->written)
		end_unit(from, to, to->queued);
	if (p->stream != NULL)
		sense_shut(p->gate->set.sense, p->stream, dir, p->gate->wall);
	to->shut_due = true;
}
