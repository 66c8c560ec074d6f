/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers the last versions of each result (keyed hash of order or specimen, test and sub-id) and
 * who sent them on which link.
 *
 * On its own link a result may not change while its time of observation stays the same (or is not
 * told); with another time it is a new measurement. On another link it must be one of the versions
 * seen before: what a middleware passes on late is no change. Legal is what the sender marks as
 * correction, and what follows a preliminary result.
 *
 * Compared are values as decimal numbers where they are numbers (5.0 is 5.00; 5.0 is not 50), as
 * text without outer blanks where they are not, and units where both sides tell them. */
#include "detect/engine.h"

enum { BATCH = 32 };

struct fresh_result {
	uint64_t key, more;
	struct result_variant v;
	bool corrects;
};

/* A hash of a decimal number that is the same for all its spellings (05.0, 5., +5); 0: not one. */
static uint64_t
number_hash(struct bytes t)
{
	const uint8_t *p = t.ptr, *end = t.ptr + t.len;
	bool minus = p < end && *p == '-', digits = false, point = false, part = false;
	size_t zeros = 0; /* of the fraction, not counted until another digit follows */
	uint64_t h = 0, whole = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end; p++) {
		unsigned c = *p - (unsigned)'0';

		if (c > 9) {
			if (*p != '.' || point)
				return 0;
			point = true;
			whole = h;
			h = h * 11 + 11;
			zeros = 0;
			continue;
		}
		digits = true;
		if (c == 0 && (point || h == 0)) {
			zeros++;
			continue;
		}
		for (; point && zeros > 0; zeros--)
			h = h * 11 + 1;
		h = h * 11 + c + 1;
		part = point;
	}
	if (!digits || t.len > 40)
		return 0;
	if (point && !part) /* "5.", "5.0" */
		h = whole;
	return h == 0 ? 1 : mix64(minus ? ~h : h) | 1; /* no zero is below zero */
}

/* The first to eighth byte as one word, without a copy of unknown length. */
static uint64_t
tail_word(struct bytes t)
{
	uint32_t first, last;

	if (t.len >= 4) {
		memcpy(&first, t.ptr, 4);
		memcpy(&last, t.ptr + t.len - 4, 4);
		return (uint64_t)first << 32 | last;
	}
	if (t.len == 0)
		return 0;
	return (uint64_t)t.ptr[0] << 16 | (uint64_t)t.ptr[t.len / 2] << 8 | t.ptr[t.len - 1];
}

static uint64_t
text_hash(struct bytes t)
{
	uint64_t h = t.len, w;

	for (; t.len > 8; t = bytes_of(t.ptr + 8, t.len - 8)) {
		memcpy(&w, t.ptr, 8);
		h = (h ^ w) * UINT64_C(0xd6e8feb86659fd93);
		h ^= h >> 32;
	}
	return mix64(h ^ tail_word(t));
}

/* bytes_trim() for what has no outer blanks nearly always. */
static inline struct bytes
trimmed(struct bytes t)
{
	return t.len == 0 || (t.ptr[0] > 0x20 && t.ptr[t.len - 1] > 0x20) ? t : bytes_trim(t);
}

static uint32_t
value_of(const struct ev_result *r)
{
	struct bytes t = trimmed(r->value);
	uint64_t h;

	if (t.len == 0) {
		memcpy(&h, r->value_hash.b, sizeof(h));
	} else if ((h = number_hash(t)) == 0) {
		h = text_hash(t);
	}
	return (uint32_t)(h ^ h >> 32) | 1;
}

/* "F", "F " and none are final; preliminary, pending and partial results may become anything. */
static bool
is_settled(struct bytes status)
{
	if (status.len == 0)
		return true;
	switch (status.ptr[0]) {
	case 'P':
	case 'R':
	case 'I':
	case 'S':
	case 'N':
	case 'O':
	case 'p': /* FHIR: preliminary, partial */
	case 'r': /* registered */
		return false;
	default:
		return true;
	}
}

static void
read_result(const struct ev_result *r, uint32_t link, struct fresh_result *out)
{
	struct bytes units = trimmed(r->units), observed = trimmed(r->observed);

	memcpy(&out->key, r->key.b, sizeof(out->key));
	memcpy(&out->more, r->key.b + 8, sizeof(out->more));
	out->key |= 1;
	out->corrects = r->corrects != 0;
	out->v = (struct result_variant){.value = value_of(r), .link = link};
	out->v.settled = is_settled(r->status);
	if (units.len > 0)
		out->v.units = (uint8_t)text_hash(units) | 1;
	if (observed.len > 0)
		out->v.observed = (uint16_t)text_hash(observed) | 1;
}

static bool
same_value(const struct result_variant *a, const struct result_variant *b)
{
	return a->value == b->value && (a->units == 0 || b->units == 0 || a->units == b->units);
}

/* Put v in front; what it repeats, or the oldest, goes. */
static void
remember(struct row_result *row, const struct result_variant *v)
{
	size_t at = RESULT_VARIANTS - 1;

	if (row->v[0].value == 0) {
		row->v[0] = *v;
		return;
	}
	for (size_t i = 0; i < RESULT_VARIANTS; i++) {
		if (row->v[i].value != 0 && row->v[i].link == v->link &&
		    same_value(&row->v[i], v) && row->v[i].observed == v->observed) {
			at = i;
			break;
		}
	}
	for (size_t i = at; i > 0; i--)
		row->v[i] = row->v[i - 1];
	row->v[0] = *v;
}

/* The usual case: what was heard last on this link, once more. Nothing to do then. */
static inline bool
is_repeat(const struct row_result *row, const struct result_variant *v)
{
	for (size_t i = 0; i < RESULT_VARIANTS && row->v[i].value != 0; i++) {
		if (row->v[i].link == v->link)
			return row->v[i].value == v->value && row->v[i].observed == v->observed &&
			       row->v[i].units == v->units && row->v[i].settled == v->settled;
	}
	return false;
}

enum verdict { FINE, CHANGED_HERE, CHANGED_ON_THE_WAY };

static enum verdict
judge(const struct row_result *row, const struct fresh_result *r)
{
	const struct result_variant *here = NULL, *other = NULL;
	bool known = false;

	for (size_t i = 0; i < RESULT_VARIANTS && row->v[i].value != 0; i++) {
		const struct result_variant *v = &row->v[i];

		if (v->link == r->v.link) {
			if (here == NULL)
				here = v;
		} else {
			if (other == NULL)
				other = v;
			known = known || same_value(v, &r->v) || !v->settled;
		}
	}
	if (r->corrects)
		return FINE;
	if (here != NULL && !same_value(here, &r->v) && here->settled &&
	    (here->observed == 0 || r->v.observed == 0 || here->observed == r->v.observed))
		return known && other != NULL ? FINE : CHANGED_HERE;
	/* The first of several links is where the others have it from. */
	if (here == NULL && other != NULL && !known && r->v.settled)
		return CHANGED_ON_THE_WAY;
	return FINE;
}

static void
tell(struct detect *d, const struct ev_result *r, enum verdict verdict)
{
	struct end from = detect_speaker(d), to = detect_listener(d);
	struct hit h = {.detector = DETECTOR_result_changed,
	    .severity = verdict == CHANGED_HERE ? severity_high : severity_critical,
	    .device = from.device,
	    .ip = from.ip,
	    .peer = to.ip,
	    .link = d->link.id,
	    .cause = bytes_str(verdict == CHANGED_HERE ? "sent again" : "on the way")};
	struct bytes code = bytes_sub(r->code, 0, 40);

	if (!detect_hit(d, &h))
		return;
	if (verdict == CHANGED_HERE)
		detect_say(d,
		    "%s sent a result (test %.*s, byte %llu of its message) to %s again with "
		    "another value and without marking it as a correction",
		    end_text(d, from).t, (int)code.len, (const char *)code.ptr,
		    (unsigned long long)r->offset, end_text(d, to).t);
	else
		detect_say(d,
		    "A result (test %.*s, byte %llu of its message) that %s sent to %s is not "
		    "the one that was sent before it on the way",
		    (int)code.len, (const char *)code.ptr, (unsigned long long)r->offset,
		    end_text(d, from).t, end_text(d, to).t);
}

void
detect_result_changed(struct detect *d, const struct event *ev)
{
	struct bytes list = ev->u.message.results, again = list;
	uint64_t place = d->link.id != 0 ? d->link.id : ev->head.flow + mix64(ev->head.source);
	uint32_t link = (uint32_t)mix64(place + ev->head.dir) | 1;
	struct fresh_result batch[BATCH];
	struct ev_result r;
	bool more = list.len > 0;

	while (more) {
		size_t n = 0;

		/* First all keys, so that their rows are on their way when they are looked at. */
		while (n < BATCH && (more = result_next(&list, &r))) {
			read_result(&r, link, &batch[n]);
			if (hash128_is_zero(r.key))
				batch[n].key = 0;
			else
				table_prefetch(&d->results, batch[n].key);
			n++;
		}
		for (size_t i = 0; i < n; i++) {
			struct row_result *row;
			enum verdict verdict = FINE;
			bool fresh;

			if (batch[i].key == 0)
				continue;
			row = table_row(&d->results, batch[i].key, &fresh);
			if (row->more == batch[i].more && is_repeat(row, &batch[i].v))
				continue;
			if (!fresh && row->more == batch[i].more)
				verdict = judge(row, &batch[i]);
			else if (!fresh)
				memset(row, 0, sizeof(*row));
			row->more = batch[i].more;
			remember(row, &batch[i].v);
			if (verdict != FINE) {
				struct bytes seek = again;

				for (size_t k = 0; k <= i; k++) {
					if (!result_next(&seek, &r))
						break;
				}
				tell(d, &r, verdict);
			}
		}
		again = list;
	}
}
