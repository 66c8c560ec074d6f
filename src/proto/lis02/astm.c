/* SPDX-License-Identifier: Apache-2.0 */
/* bytes of a side -> serialnet (where the session began with telnet) -> chain -> reader.
 * A direction is RAW until its first two bytes, or the other direction's, show telnet. */
#include "proto/lis02/astm.h"

#include "proto/lis02/message.h"
#include "proto/serialnet/serialnet.h"

struct session;

struct side {
	struct session *s;
	enum name_value dir;
	struct serialnet telnet;
	struct chain chain;
	struct lis02_reader reader;
	struct tally tally;
	bool seen;           /* bytes came */
	bool first_ff;       /* the first byte was 0xFF and is held */
	uint64_t ff_offset;  /* its place */
	uint64_t unanswered; /* ENQ and frames that wait for the other side */
};

struct session {
	struct observer *o;
	struct chain_sink sink[2];
	struct side side[2];
	bool telnet;
	bool astm;   /* an ENQ, frame or record was seen */
	bool vendor; /* a block of another protocol was seen */
};

static struct side *
other_side(struct side *d)
{
	return &d->s->side[d->dir == dir_orig ? dir_resp : dir_orig];
}

static void
deviates(void *ctx, enum anomaly name, uint64_t offset)
{
	struct side *d = ctx;

	tally_add(&d->tally, d->s->o, d->dir, offset, name, PROTO_astm);
}

/* --- what the chain tells --- */

/* ACK and NAK speak about what the other side sent (LIS01-A2 6.4). */
static void
answer(struct side *d, uint8_t byte, uint64_t offset)
{
	struct side *peer = other_side(d);

	if (peer->unanswered > 0)
		peer->unanswered--;
	else if (peer->seen)
		deviates(d, ANOMALY_lis01_answer_unasked, offset);
	if (byte == LIS01_ACK)
		chain_accepted(&peer->chain);
	else
		chain_refused(&peer->chain);
}

static void
on_control(void *ctx, uint8_t byte, uint64_t offset)
{
	struct side *d = ctx;
	struct side *peer = other_side(d);

	switch (byte) {
	case LIS01_ENQ:
		observe_unit(d->s->o, UNIT_astm_enq);
		d->s->astm = true;
		d->unanswered = 1;
		break;
	case LIS01_EOT:
		observe_unit(d->s->o, UNIT_astm_eot);
		d->unanswered = 0;
		if (peer->unanswered > 0) /* receiver interrupt: it answers the frame */
			peer->unanswered--;
		tally_flush(&d->tally, d->s->o, d->dir, PROTO_astm);
		break;
	case LIS01_NAK:
		observe_unit(d->s->o, UNIT_astm_nak);
		FALLTHROUGH;
	default:
		answer(d, byte, offset);
	}
}

static void
on_frame(void *ctx, const struct lis01_frame *f)
{
	struct side *d = ctx;

	d->s->astm = true;
	d->unanswered++;
	if (f->sum == LIS01_SUM_MISSING)
		return;
	observe_unit(d->s->o, UNIT_astm_frames);
	if (f->sum == LIS01_SUM_BAD || f->sequence >= LIS01_NUMBER_SAME)
		observe_unit(d->s->o, UNIT_astm_frames_bad);
}

static void
on_record(void *ctx, uint64_t offset)
{
	struct side *d = ctx;

	(void)offset;
	d->s->astm = true;
	observe_unit(d->s->o, UNIT_lis02_records);
}

static void
on_message(void *ctx, const struct lis02_message *m)
{
	struct side *d = ctx;

	lis02_observe(&d->reader, &other_side(d)->reader, m);
	tally_flush(&d->tally, d->s->o, d->dir, PROTO_astm);
}

static void
on_vendor(void *ctx, struct bytes text, uint64_t offset, uint64_t size)
{
	struct side *d = ctx;

	(void)size;
	d->s->vendor = true;
	observe_unit(d->s->o, UNIT_vendor_blocks);
	deviates(d,
	    text.len > 0 && text.ptr[0] == 0x1e ? ANOMALY_astm_vendor_block
						: ANOMALY_astm_vendor_text,
	    offset);
}

/* --- telnet --- */

static void
telnet_data(struct side *d, struct bytes run, uint64_t offset)
{
	for (;;) {
		struct serialnet_piece p = serialnet_next(&d->telnet, &run, &offset);

		switch (p.kind) {
		case SERIALNET_MORE:
			return;
		case SERIALNET_DATA:
			chain_data(&d->chain, p.body, p.offset);
			break;
		case SERIALNET_SUB:
			if (p.cut)
				deviates(d, ANOMALY_telnet_subnegotiation, p.offset);
			FALLTHROUGH;
		case SERIALNET_COMMAND:
			observe_unit(d->s->o, UNIT_telnet_commands);
			break;
		}
	}
}

static void
side_bytes(struct side *d, struct bytes run, uint64_t offset)
{
	if (d->s->telnet)
		telnet_data(d, run, offset);
	else
		chain_data(&d->chain, run, offset);
}

/* The first two bytes of a side decide for the session. False: the first one is held. */
static void
side_first(struct side *d, struct bytes run, uint64_t offset)
{
	static const uint8_t ff = TELNET_IAC;
	uint8_t head[2] = {ff, run.ptr[0]};

	if (!d->first_ff) {
		d->seen = true;
		if (run.ptr[0] != ff || d->s->telnet) {
			side_bytes(d, run, offset);
			return;
		}
		d->first_ff = true;
		d->ff_offset = offset;
		if (run.len == 1)
			return;
		run = bytes_from(run, 1);
		offset++;
		head[1] = run.ptr[0];
	}
	d->first_ff = false;
	if (serialnet_starts(bytes_of(head, 2)))
		d->s->telnet = true;
	side_bytes(d, bytes_of(&ff, 1), d->ff_offset);
	side_bytes(d, run, offset);
}

/* --- the interface --- */

static void *
astm_open(struct observer *o)
{
	struct session *s = budget_alloc(o->budget, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = o;
	for (int i = 0; i < 2; i++) {
		struct side *d = &s->side[i];

		d->s = s;
		d->dir = i == 0 ? dir_orig : dir_resp;
		d->tally.base = ANOMALY_lis01_checksum;
		s->sink[i] = (struct chain_sink){.ctx = d,
		    .control = on_control,
		    .frame = on_frame,
		    .record = on_record,
		    .message = on_message,
		    .vendor = on_vendor,
		    .anomaly = deviates};
		chain_init(&d->chain, &s->sink[i], o->budget);
		lis02_reader_init(&d->reader, o, d->dir, &d->tally);
	}
	return s;
}

static void
astm_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct session *s = session;
	struct side *d = &s->side[dir];

	if (!d->seen || d->first_ff)
		side_first(d, run, offset);
	else
		side_bytes(d, run, offset);
}

static void
astm_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct session *s = session;
	struct side *d = &s->side[dir];

	(void)missing;
	d->first_ff = false;
	d->seen = true;
	d->unanswered++; /* one may be in the hole: no false alarm of an answer to nothing */
	serialnet_gap(&d->telnet);
	chain_gap(&d->chain, offset);
}

static void
astm_end(void *session, enum name_value dir)
{
	struct session *s = session;
	struct side *d = &s->side[dir];

	if (d->first_ff) {
		d->first_ff = false;
		side_bytes(d, BYTES("\xff"), d->ff_offset);
	}
	chain_end(&d->chain);
	tally_flush(&d->tally, s->o, d->dir, PROTO_astm);
}

static void
astm_close(void *session)
{
	struct session *s = session;

	for (int i = 0; i < 2; i++) {
		chain_free(&s->side[i].chain);
		lis02_reader_free(&s->side[i].reader);
	}
	budget_free(s->o->budget, s, sizeof(*s));
}

static enum proto
astm_carries(const void *session)
{
	const struct session *s = session;

	if (!s->astm && s->vendor)
		return PROTO_vendor;
	if (!s->astm && s->telnet)
		return PROTO_rfc2217;
	return PROTO_astm;
}

/* --- recognising --- */

/* The serial line's bytes of a head: telnet undone where it starts so. com_port: option 44 was
 * named. */
static struct bytes
undo_telnet(struct bytes head, uint8_t *room, bool *telnet, bool *com_port)
{
	struct serialnet t = {0};
	uint64_t offset = 0;
	size_t n = 0;

	head = bytes_sub(head, 0, PROBE_BYTES_MAX);
	*com_port = false;
	if (!(*telnet = serialnet_starts(head)))
		return head;
	for (;;) {
		struct serialnet_piece p = serialnet_next(&t, &head, &offset);

		if (p.kind == SERIALNET_MORE)
			break;
		if (p.kind == SERIALNET_DATA) {
			memcpy(room + n, p.body.ptr, p.body.len);
			n += p.body.len;
		}
	}
	*com_port = t.com_port;
	return bytes_of(room, n);
}

/* STX digit text ETX|ETB C1 C2 with the right checksum, as the first thing in b. */
static bool
whole_frame(struct bytes b)
{
	struct lis01 l;
	uint64_t offset = 0;

	lis01_init(&l);
	for (;;) {
		struct lis01_event e = lis01_next(&l, &b, &offset);

		if (e.kind == LIS01_FRAME)
			return e.frame.sum <= LIS01_SUM_LOWER;
		if (e.kind != LIS01_START && e.kind != LIS01_PIECE && e.kind != LIS01_BYTE)
			return false;
	}
}

/* What stands at the start of a direction once answers and line ends are stepped over. */
static enum probe
probe_start(struct bytes b, bool ended)
{
	bool full = ended || b.len >= PROBE_BYTES_MAX;

	if (b.len < 2)
		return PROBE_MAYBE;
	switch (b.ptr[0]) {
	case LIS01_ENQ:
		/* 05 then 00, 01, 02 00...: SOCKS, DCE/RPC */
		if (b.ptr[1] == LIS01_ENQ || b.ptr[1] == LIS01_EOT)
			return PROBE_YES;
		return b.ptr[1] == LIS01_STX ? probe_start(bytes_from(b, 1), ended) : PROBE_NO;
	case LIS01_STX:
		if (b.ptr[1] == 0x1e) {
			if (b.len < 4)
				return PROBE_MAYBE;
			return b.ptr[2] >= 'a' && b.ptr[2] <= 'z' && b.ptr[3] >= 'a' &&
				       b.ptr[3] <= 'z'
				   ? PROBE_YES
				   : PROBE_NO;
		}
		if (b.ptr[1] >= '0' && b.ptr[1] <= '7') {
			if (b.len < 4)
				return PROBE_MAYBE;
			if (lis02_starts_record(bytes_from(b, 2), '|') || whole_frame(b))
				return PROBE_YES;
			return full ? PROBE_NO : PROBE_MAYBE;
		}
		return PROBE_NO;
	case 'H':
		/* H, delimiter, two or three more delimiters, then the first one or CR */
		if (!lis02_starts_record(b, 0) || b.len < 6)
			return b.len < 6 && !ended && lis02_starts_record(b, 0) ? PROBE_MAYBE
										: PROBE_NO;
		for (size_t i = 2; i < 4; i++) {
			if (b.ptr[i] == b.ptr[1] ||
			    !lis02_starts_record(
				(struct bytes){(const uint8_t[]){'H', b.ptr[i]}, 2}, 0))
				return PROBE_NO;
		}
		return b.ptr[4] == b.ptr[1] || b.ptr[5] == b.ptr[1] || b.ptr[5] == '\r' ||
			       b.ptr[5] == '\n'
			   ? PROBE_YES
			   : PROBE_NO;
	default:
		/* a bare record in mid-stream: "P|1|" */
		if (!lis02_starts_record(b, '|'))
			return PROBE_NO;
		if (b.len < 4)
			return PROBE_MAYBE;
		return b.ptr[2] >= '0' && b.ptr[2] <= '9' &&
			       (b.ptr[3] == '|' || (b.ptr[3] >= '0' && b.ptr[3] <= '9'))
			   ? PROBE_YES
			   : PROBE_NO;
	}
}

static bool
is_answer(uint8_t c)
{
	return c == LIS01_ACK || c == LIS01_NAK;
}

static enum probe
astm_probe(const struct probe_view *v)
{
	uint8_t room[2][PROBE_BYTES_MAX];
	bool telnet[2], com_port[2], enq[2] = {false, false}, answered[2] = {false, false};
	enum probe best = PROBE_NO;

	for (int i = 0; i < 2; i++) {
		struct bytes b = undo_telnet(v->head[i], room[i], &telnet[i], &com_port[i]);
		enum probe p = PROBE_MAYBE;

		if (com_port[i])
			return PROBE_YES;
		if (b.len > 0)
			answered[i] = is_answer(b.ptr[0]) || b.ptr[0] == LIS01_EOT;
		while (b.len > 0 && (is_answer(b.ptr[0]) || b.ptr[0] == '\r' || b.ptr[0] == '\n'))
			b = bytes_from(b, 1);
		enq[i] = b.len > 0 && b.ptr[0] == LIS01_ENQ;
		if (b.len > 1)
			p = probe_start(b, v->ended);
		else if (b.len == 1 && !enq[i] && b.ptr[0] != LIS01_STX && b.ptr[0] != LIS01_EOT &&
			 !lis02_is_letter(b.ptr[0]))
			p = PROBE_NO;
		if (p == PROBE_YES)
			return PROBE_YES;
		/* The other side of a session may be silent; it may not be something else. */
		if (p == PROBE_NO)
			return PROBE_NO;
		if (v->head[i].len > 0)
			best = PROBE_MAYBE;
	}
	if ((enq[0] && (answered[1] || enq[1])) || (enq[1] && answered[0]))
		return PROBE_YES;
	if (v->ended)
		return enq[0] || enq[1] ? PROBE_YES : PROBE_NO;
	return best == PROBE_NO ? PROBE_MAYBE : best;
}

const struct protocol astm_protocol = {
    .id = PROTO_astm,
    .name = "astm",
    .probe = astm_probe,
    .open = astm_open,
    .data = astm_data,
    .gap = astm_gap,
    .end = astm_end,
    .close = astm_close,
    .carries = astm_carries,
    .decode = astm_decode,
};
