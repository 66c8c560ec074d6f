/* SPDX-License-Identifier: Apache-2.0 */
/* Deviations of a message that need no meaning of its fields: delimiters, caps, characters. */
#include "base/utf8.h"
#include "proto/hl7v2/session.h"

enum { CR = 0x0d, LF = 0x0a };

/* HL7 v2.5.1 2.5.4, 2.15.9.1, 2.15.9.2 */
void
hl7_check_delimiters(struct reading *r, const struct hl7_segment *g)
{
	const struct hl7_delims *d = &r->m.d, *u = &hl7_delims_usual;
	const uint8_t all[] = {
	    d->field, d->component, d->repetition, d->escape, d->subcomponent, d->truncation};

	if (LIKELY(g->text.len >= 8 && memcmp(g->text.ptr + 3, "|^~\\&", 5) == 0 &&
		   d->truncation == 0))
		return;
	if (d->subcomponent == 0)
		hl7_note(r, ANOMALY_hl7_delimiters_few, g->text.ptr + 4);
	if (d->field != u->field || (d->component != u->component && d->component != 0) ||
	    (d->repetition != u->repetition && d->repetition != 0) ||
	    (d->escape != u->escape && d->escape != 0) ||
	    (d->subcomponent != u->subcomponent && d->subcomponent != 0))
		hl7_note(r, ANOMALY_hl7_delimiters_unusual, g->text.ptr + 3);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		for (size_t k = 0; k < i; k++) {
			if (all[i] == all[k] && all[i] != 0)
				hl7_note(r, ANOMALY_hl7_delimiters_clash, g->text.ptr + 3 + i);
		}
	}
}

/* Caps that only a hostile or broken peer passes; looked at in long segments alone, as short ones
 * cannot pass them. */
void
hl7_check_caps(struct reading *r, const struct hl7_segment *g, uint32_t name)
{
	const struct hl7_delims *d = &r->m.d;
	bool data = name == HL7_NAME('O', 'B', 'X') || name == HL7_NAME('N', 'T', 'E') ||
		    g->text.ptr[0] == 'Z';

	if (g->text.len > HL7_SEGMENT_BYTES_MAX && !data)
		hl7_note(r, ANOMALY_hl7_segment_oversize, g->text.ptr);
	for (unsigned i = 1; i <= g->n; i++) {
		struct bytes f = hl7_token(g, i);

		if (f.len <= HL7_REPETITIONS_MAX || (name == HL7_NAME('O', 'B', 'X') && i == 5))
			continue;
		if (hl7_parts(f, d->repetition) > HL7_REPETITIONS_MAX)
			hl7_note(r, ANOMALY_hl7_repetitions_cap, f.ptr);
		else if (hl7_parts(f, d->component) > HL7_COMPONENTS_MAX ||
			 hl7_parts(f, d->subcomponent) > HL7_COMPONENTS_MAX)
			hl7_note(r, ANOMALY_hl7_components_cap, f.ptr);
	}
}

/* HL7 v2.5.1 2.15.9.18, table 0211 */
static void
check_charset(struct reading *r, struct bytes text)
{
	struct bytes charset = bytes_trim(r->m.charset);
	size_t at = 0;

	while (at < text.len && text.ptr[at] < 0x80)
		at++;
	if (at == text.len)
		return;
	if (!hl7_valued(charset) || bytes_eq_nocase(charset, BYTES("ASCII"))) {
		hl7_note(r, ANOMALY_hl7_charset_undeclared, text.ptr + at);
		return;
	}
	if (bytes_find_seq(charset, BYTES("UTF-8")) == charset.len &&
	    bytes_find_seq(charset, BYTES("UTF8")) == charset.len)
		return;
	while (at < text.len) {
		size_t n = utf8_length(bytes_from(text, at));

		if (n == 0) {
			hl7_note(r, ANOMALY_hl7_not_utf8, text.ptr + at);
			return;
		}
		at += n;
	}
}

static void
check_control(struct reading *r, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c < 0x20 && c != CR && c != LF && c != r->m.d.field)
			hl7_note(r, ANOMALY_hl7_control_byte, text.ptr + i);
	}
}

void
hl7_check_text(struct reading *r, struct bytes text)
{
	struct message *m = &r->m;
	size_t skip = text.len < 9 ? text.len : 9;
	struct bytes body = bytes_from(text, skip);

	if (r->scan.high)
		check_charset(r, text);
	if (r->scan.control)
		check_control(r, text);
	if (r->scan.lf && memchr(text.ptr, LF, text.len) != NULL)
		hl7_note(
		    r, ANOMALY_hl7_segment_end, (const uint8_t *)memchr(text.ptr, LF, text.len));
	/* MSH-2 ends within the nine bytes that are skipped. */
	if (m->d.escape != 0 && body.len > 0 && memchr(body.ptr, m->d.escape, body.len) != NULL) {
		struct hl7_escapes e = hl7_escapes_of(body, &m->d);

		if (e.unknown > 0)
			hl7_note(r, ANOMALY_hl7_escape_unknown, body.ptr + e.first);
		if (e.open > 0)
			hl7_note(r, ANOMALY_hl7_escape_open, body.ptr + e.first);
	}
}
