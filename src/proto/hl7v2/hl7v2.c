/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/hl7v2/hl7v2.h"

#include <stdio.h>

#include "proto/hl7v2/session.h"

_Static_assert(sizeof(struct session) <= 480, "a hundred thousand idle sessions fit in 50 MB");

/* --- probe --- */

enum { VT = 0x0b, FS = 0x1c, CR = 0x0d, LF = 0x0a, ACK = 0x06, NAK = 0x15 };

/* What follows a VT. */
static enum probe
probe_block(struct bytes b)
{
	size_t skip;

	if (b.len == 0)
		return PROBE_MAYBE;
	switch (mllp_head(b, &skip)) {
	case MLLP_HEAD_YES:
		return PROBE_YES;
	case MLLP_HEAD_PART:
		return PROBE_MAYBE;
	case MLLP_HEAD_NO:
		break;
	}
	/* A commit block says that the other side speaks MLLP release 2, not what is in it. */
	if (b.ptr[0] == ACK || b.ptr[0] == NAK)
		return b.len == 1 || b.ptr[1] == FS ? PROBE_MAYBE : PROBE_NO;
	/* HLLP: t v v CR */
	if (b.ptr[0] == 'D' || b.ptr[0] == 'N') {
		if ((b.len > 1 && (b.ptr[1] < '0' || b.ptr[1] > '9')) ||
		    (b.len > 2 && (b.ptr[2] < '0' || b.ptr[2] > '9')) ||
		    (b.len > 3 && b.ptr[3] != CR))
			return PROBE_NO;
		return b.len > 3 ? PROBE_YES : PROBE_MAYBE;
	}
	return PROBE_NO;
}

/* Two lines behind each other that start like segments every laboratory sends: the capture starts
 * inside a message. The first line, cut in front, has a field separator, as no request line of a
 * text protocol has. */
static bool
probe_inside(struct bytes b)
{
	static const char names[] =
	    "PID PV1 ORC OBR OBX NTE SPM SAC INV TCD SID TQ1 DSP MSA ERR QAK QPD";
	unsigned segments = 0;
	size_t at = bytes_find(b, CR);

	if (memchr(b.ptr, '|', at) == NULL)
		return false;
	while (at < b.len) {
		struct bytes line = bytes_from(b, at + 1);

		if (line.len < 4)
			return false;
		if (line.ptr[3] == '|') {
			for (size_t i = 0; i < sizeof(names) - 3; i += 4) {
				if (memcmp(line.ptr, names + i, 3) == 0 && ++segments == 2)
					return true;
			}
		}
		at += 1 + bytes_find(line, CR);
	}
	return false;
}

static enum probe
probe_side(struct bytes b, bool ended)
{
	enum probe best = PROBE_NO;
	size_t skip, at;

	if (b.len == 0)
		return ended ? PROBE_NO : PROBE_MAYBE;
	if (b.ptr[0] == VT)
		return probe_block(bytes_from(b, 1));
	while (b.len > 0 && (b.ptr[0] == CR || b.ptr[0] == LF))
		b = bytes_from(b, 1);
	switch (mllp_head(b, &skip)) {
	case MLLP_HEAD_YES:
		return PROBE_YES;
	case MLLP_HEAD_PART:
		return PROBE_MAYBE;
	case MLLP_HEAD_NO:
		break;
	}
	for (at = bytes_find(b, VT); at < b.len; at += 1 + bytes_find(bytes_from(b, at + 1), VT)) {
		enum probe p = probe_block(bytes_from(b, at + 1));

		if (p == PROBE_YES)
			return p;
		if (p == PROBE_MAYBE)
			best = p;
	}
	if (probe_inside(b))
		return PROBE_YES;
	return best == PROBE_MAYBE || (b.len < PROBE_BYTES_MAX && !ended) ? PROBE_MAYBE : PROBE_NO;
}

static enum probe
probe(const struct probe_view *v)
{
	enum probe a = probe_side(v->head[dir_orig], v->ended);
	enum probe b = probe_side(v->head[dir_resp], v->ended);

	if (a == PROBE_YES || b == PROBE_YES)
		return PROBE_YES;
	/* One side that is surely something else decides. */
	if ((a == PROBE_NO && v->head[dir_orig].len > 0) ||
	    (b == PROBE_NO && v->head[dir_resp].len > 0))
		return PROBE_NO;
	return a == PROBE_MAYBE || b == PROBE_MAYBE ? PROBE_MAYBE : PROBE_NO;
}

/* --- session --- */

void *
hl7_open_tapped(struct observer *o, const struct hl7_tap *tap)
{
	struct session *s = budget_alloc(o->budget, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = o;
	s->tap = tap;
	for (size_t i = 0; i < 2; i++)
		mllp_init(&s->side[i].framer, &o->pool, o->budget, MLLP_CAP_BYTES);
	return s;
}

static void *
open_session(struct observer *o)
{
	return hl7_open_tapped(o, NULL);
}

static void
tell_anomaly(
    struct session *s, enum name_value dir, uint64_t offset, enum anomaly name, uint64_t bytes)
{
	char detail[48];

	if (bytes == 0) {
		observe_anomaly(s->o, dir, offset, name, PROTO_hl7, NULL);
		return;
	}
	(void)snprintf(detail, sizeof(detail), "%llu bytes", (unsigned long long)bytes);
	observe_anomaly(s->o, dir, offset, name, PROTO_hl7, detail);
}

struct flag_row {
	unsigned flag;
	enum anomaly name;
	bool at_end; /* place: the unit's end, else its start */
};

/* MLLP R1 2, R2 3; HL7 v2.5.1 IG C.4: what a unit's flags are called. */
static void
tell_flags(struct session *s, enum name_value dir, const struct mllp_event *ev)
{
	static const struct flag_row table[] = {
	    {MLLP_CUT_GAP, ANOMALY_mllp_gap_in_block, true},
	    {MLLP_CUT_END, ANOMALY_mllp_end_missing, true},
	    {MLLP_CUT_START, ANOMALY_mllp_start_in_block, true},
	    {MLLP_CUT_SIZE, ANOMALY_unit_too_large, false},
	    {MLLP_CUT_MEMORY, ANOMALY_memory_cap, false},
	    {MLLP_END_FS, ANOMALY_mllp_end_no_cr, true},
	    {MLLP_END_LF, ANOMALY_mllp_end_lf, true},
	    {MLLP_FS_INSIDE, ANOMALY_mllp_fs_in_data, false},
	    {MLLP_START_MISSING, ANOMALY_mllp_start_missing, false},
	    {MLLP_BOM, ANOMALY_hl7_bom, false},
	    {MLLP_HLLP_SHORT, ANOMALY_hllp_trailer, true},
	    {MLLP_HLLP_LENGTH, ANOMALY_hllp_length, true},
	    {MLLP_HLLP_SUM, ANOMALY_hllp_checksum, true},
	    {MLLP_HLLP_NAK, ANOMALY_hllp_nak, false},
	};

	if (LIKELY(ev->flags == 0))
		return;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if ((ev->flags & table[i].flag) != 0)
			tell_anomaly(s, dir, ev->offset + (table[i].at_end ? ev->size : 0),
			    table[i].name, 0);
	}
}

static void
tell_junk(struct session *s, enum name_value dir, const struct mllp_event *ev)
{
	enum anomaly name = ANOMALY_mllp_junk;

	if ((ev->flags & MLLP_TAIL) != 0)
		return; /* told with what was cut */
	if ((ev->flags & (MLLP_FIRST | MLLP_JUNK_FS)) == (MLLP_FIRST | MLLP_JUNK_FS)) {
		name = ANOMALY_mllp_midstream;
		hl7_pair_lost(s, dir);
	} else if ((ev->flags & MLLP_JUNK_ENDS) != 0 && (ev->flags & MLLP_JUNK_FS) != 0) {
		name = ANOMALY_mllp_end_repeated;
	}
	tell_anomaly(s, dir, ev->offset, name, ev->size);
}

/* The body of a block or of an unframed run. */
static void
read_body(struct session *s, enum name_value dir, const char *carrier, const struct mllp_event *ev)
{
	bool cut = (ev->flags & MLLP_CUT) != 0;
	struct bytes body = ev->body;
	uint64_t offset = ev->body_offset;
	size_t at = 0;

	if (body.len == 0) {
		if (!cut)
			tell_anomaly(s, dir, ev->offset, ANOMALY_mllp_empty_block, 0);
		return;
	}
	if (bytes_starts(body, BYTES("\xef\xbb\xbf"))) {
		tell_anomaly(s, dir, offset, ANOMALY_hl7_bom, 0);
		body = bytes_from(body, 3);
		offset += 3;
	}
	/* HL7 v2.5.1 2.15.9: a message starts with MSH; tolerated: lines before it. 2.10.3: the end
	 * of an envelope may come in a block of its own. */
	while (
	    at < body.len && !hl7_is_head(bytes_from(body, at)) &&
	    !(at == 0 && (bytes_starts(body, BYTES("BTS")) || bytes_starts(body, BYTES("FTS"))))) {
		at += bytes_find4(bytes_from(body, at), CR, LF, LF, LF);
		while (at < body.len && (body.ptr[at] == CR || body.ptr[at] == LF))
			at++;
	}
	if (at == body.len) {
		if (!cut || body.len > 3)
			tell_anomaly(s, dir, offset, ANOMALY_mllp_not_hl7, body.len);
		if (s->tap != NULL)
			s->tap->piece(s->tap->ctx, body, offset, NULL);
		return;
	}
	hl7_read_body(s, dir, carrier, body, offset, cut);
}

static void
take(struct session *s, enum name_value dir, const struct mllp_event *ev)
{
	bool whole = (ev->flags & (MLLP_CUT | MLLP_END_FS | MLLP_END_LF)) == 0;

	switch (ev->kind) {
	case MLLP_MORE:
		return;
	case MLLP_BLOCK:
		if (whole)
			observe_unit(s->o, UNIT_mllp_blocks);
		tell_flags(s, dir, ev);
		read_body(s, dir, s->commits ? "mllp2" : "mllp", ev);
		break;
	case MLLP_COMMIT: /* MLLP R2 3 */
		s->commits = true;
		if (whole)
			observe_unit(s->o, UNIT_mllp_blocks);
		observe_unit(s->o, UNIT_mllp_commits);
		tell_flags(s, dir, ev);
		if (ev->body.ptr[0] == NAK)
			tell_anomaly(s, dir, ev->offset, ANOMALY_mllp_commit_nak, 0);
		if (s->tap != NULL)
			s->tap->commit(s->tap->ctx, ev->offset, ev->size, ev->body.ptr[0] == ACK);
		break;
	case MLLP_HLLP:
		if (whole)
			observe_unit(s->o, UNIT_hllp_blocks);
		tell_flags(s, dir, ev);
		if ((ev->flags & MLLP_HLLP_NAK) == 0)
			read_body(s, dir, "hllp", ev);
		break;
	case MLLP_BARE:
		if ((ev->flags & MLLP_START_MISSING) == 0)
			tell_anomaly(s, dir, ev->offset, ANOMALY_mllp_unframed, 0);
		observe_unit(s->o, UNIT_hl7_unframed);
		tell_flags(s, dir, ev);
		read_body(s, dir, "none", ev);
		break;
	case MLLP_JUNK:
		tell_junk(s, dir, ev);
		break;
	case MLLP_NOTE:
		tell_flags(s, dir, ev);
		break;
	}
	if ((ev->flags & MLLP_CUT) != 0)
		hl7_pair_lost(s, dir);
}

static void
data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct session *s = session;
	struct mllp_event ev;

	(void)offset;
	/* Whoever speaks has heard what the other side said so far. */
	ev = mllp_flush(&s->side[!dir].framer);
	take(s, !dir, &ev);
	do {
		ev = mllp_next(&s->side[dir].framer, &run);
		take(s, dir, &ev);
	} while (ev.kind != MLLP_MORE);
}

static void
gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct session *s = session;
	struct mllp_event ev = mllp_gap(&s->side[dir].framer, missing);

	(void)offset;
	take(s, dir, &ev);
	hl7_pair_lost(s, dir);
}

static void
end(void *session, enum name_value dir)
{
	struct session *s = session;
	struct mllp_event ev = mllp_end(&s->side[dir].framer);

	take(s, dir, &ev);
	hl7_read_end(s, dir, s->side[dir].framer.at);
}

static void
close_session(void *session)
{
	struct session *s = session;
	struct budget *budget = s->o->budget;

	for (size_t i = 0; i < 2; i++)
		mllp_free(&s->side[i].framer);
	budget_free(budget, s, sizeof(*s));
}

const struct protocol hl7_protocol = {
    .id = PROTO_hl7,
    .name = "hl7",
    .probe = probe,
    .open = open_session,
    .data = data,
    .gap = gap,
    .end = end,
    .close = close_session,
    .decode = hl7_decode,
};
