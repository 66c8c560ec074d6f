/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/poct1a/poct1a.h"

#include "proto/poct1a/side.h"

struct session;

struct end {
	struct session *s;
	enum name_value dir;
	struct side_sink sink;
	struct poct1a_side side;
	struct document_reader reader;
};

struct session {
	struct observer *o;
	struct buf_pool pool;
	struct end end[2];
};

static void
on_document(void *ctx, const struct xml_piece *d, const struct document_place *at)
{
	struct end *e = ctx;

	document_observe(
	    &e->reader, &e->s->end[e->dir == dir_orig ? dir_resp : dir_orig].reader, d, at);
}

static void
on_anomaly(void *ctx, enum anomaly name, uint64_t offset)
{
	struct end *e = ctx;

	observe_anomaly(e->s->o, e->dir, offset, name, PROTO_poct1a, NULL);
}

static void *
poct1a_open(struct observer *o)
{
	struct session *s = budget_alloc(o->budget, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = o;
	for (int i = 0; i < 2; i++) {
		struct end *e = &s->end[i];

		e->s = s;
		e->dir = i == 0 ? dir_orig : dir_resp;
		e->sink = (struct side_sink){e, on_document, on_anomaly};
		side_init(&e->side, &e->sink, &s->pool, o->budget);
		document_reader_init(&e->reader, o, e->dir);
	}
	return s;
}

static void
poct1a_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct session *s = session;

	side_data(&s->end[dir].side, run, offset);
}

static void
poct1a_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct session *s = session;

	side_gap(&s->end[dir].side, offset, missing);
}

static void
poct1a_end(void *session, enum name_value dir)
{
	struct session *s = session;

	side_end(&s->end[dir].side);
}

static void
poct1a_close(void *session)
{
	struct session *s = session;

	for (int i = 0; i < 2; i++) {
		side_free(&s->end[i].side);
		document_reader_free(&s->end[i].reader);
	}
	buf_pool_free(&s->pool);
	budget_free(s->o->budget, s, sizeof(*s));
}

/* --- recognising --- */

/* The name of the first element; MAYBE where it has not come yet. */
static enum probe
probe_root(struct bytes b)
{
	size_t n = 0;

	for (;;) {
		size_t at;

		b = bytes_trim(b);
		if (b.len < 2)
			return b.len == 0 || b.ptr[0] == '<' ? PROBE_MAYBE : PROBE_NO;
		if (b.ptr[0] != '<')
			return PROBE_NO;
		if (b.ptr[1] == '?')
			at = bytes_find_seq(b, BYTES("?>"));
		else if (b.ptr[1] == '!' && b.len > 2 && b.ptr[2] == '-')
			at = bytes_find_seq(b, BYTES("-->"));
		else
			break;
		if (at == b.len)
			return PROBE_MAYBE;
		b = bytes_from(b, at + (b.ptr[1] == '?' ? 2 : 3));
	}
	b = bytes_from(b, 1);
	if (bytes_starts(b, BYTES("!DOCTYPE"))) /* ours to refuse where the name is ours */
		b = bytes_trim(bytes_from(b, 8));
	while (n < b.len && b.ptr[n] > ' ' && b.ptr[n] != '>' && b.ptr[n] != '/')
		n++;
	if (document_is_root(bytes_sub(b, 0, n)))
		return PROBE_YES;
	return n == b.len && n < 24 ? PROBE_MAYBE : PROBE_NO;
}

static enum probe
probe_head(struct bytes b)
{
	uint8_t narrow[PROBE_BYTES_MAX / 2];
	size_t n = 0;

	if (b.len > 0 && b.ptr[0] == 0x0b)
		b = bytes_from(b, 1);
	if (bytes_starts(b, BYTES("\xef\xbb\xbf")))
		b = bytes_from(b, 3);
	if (bytes_starts(b, BYTES("\xff\xfe")) || bytes_starts(b, BYTES("\xfe\xff")))
		b = bytes_from(b, 2);
	if (b.len < 2 || (b.ptr[0] != 0 && b.ptr[1] != 0))
		return probe_root(b);
	for (size_t i = b.ptr[0] == 0 ? 1 : 0; i < b.len && n < sizeof(narrow); i += 2)
		narrow[n++] = b.ptr[i];
	return probe_root(bytes_of(narrow, n));
}

static enum probe
poct1a_probe(const struct probe_view *v)
{
	enum probe best = PROBE_MAYBE;

	for (int i = 0; i < 2; i++) {
		enum probe p = probe_head(bytes_sub(v->head[i], 0, PROBE_BYTES_MAX));

		if (v->head[i].len == 0)
			continue;
		if (p != PROBE_MAYBE)
			return p;
		if (v->ended || v->head[i].len >= PROBE_BYTES_MAX)
			best = PROBE_NO;
	}
	return v->ended ? PROBE_NO : best;
}

const struct protocol poct1a_protocol = {
    .id = PROTO_poct1a,
    .name = "poct1a",
    .probe = poct1a_probe,
    .open = poct1a_open,
    .data = poct1a_data,
    .gap = poct1a_gap,
    .end = poct1a_end,
    .close = poct1a_close,
    .decode = poct1a_decode,
};
