/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/hl7v2/write.h"

#include <stdio.h>

enum { CR = 0x0d, LF = 0x0a };

void
hl7_write_begin(struct hl7_writer *w, struct buf *out)
{
	*w = (struct hl7_writer){.out = out, .d = hl7_delims_usual};
}

void
hl7_write_end(struct hl7_writer *w)
{
	if (w->open)
		buf_byte(w->out, CR);
	w->open = false;
}

void
hl7_write_segment(struct hl7_writer *w, const char *name)
{
	hl7_write_end(w);
	buf_text(w->out, name);
	w->field = 0;
	w->open = true;
}

/* The letter of a delimiter's escape sequence, 0 where c is none: HL7 v2.5.1 2.7.1 */
static char
escape_letter(const struct hl7_delims *d, uint8_t c)
{
	if (c == d->field)
		return 'F';
	if (c == d->component)
		return 'S';
	if (c == d->subcomponent)
		return 'T';
	if (c == d->repetition)
		return 'R';
	return c == d->escape ? 'E' : 0;
}

static void
put_text(struct hl7_writer *w, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		char letter = escape_letter(&w->d, c);

		if (letter != 0)
			buf_printf(w->out, "%c%c%c", w->d.escape, letter, w->d.escape);
		else if (c < 0x20)
			buf_printf(w->out, "%cX%02X%c", w->d.escape, c, w->d.escape);
		else
			buf_byte(w->out, c);
	}
}

static void
go_to(struct hl7_writer *w, unsigned n)
{
	for (; w->field < n; w->field++)
		buf_byte(w->out, w->d.field);
}

void
hl7_write_field(struct hl7_writer *w, unsigned n, struct bytes text)
{
	go_to(w, n);
	put_text(w, text);
}

void
hl7_write_raw(struct hl7_writer *w, unsigned n, struct bytes text)
{
	go_to(w, n);
	for (size_t i = 0; i < text.len; i++)
		buf_byte(w->out, text.ptr[i] == CR || text.ptr[i] == LF ? ' ' : text.ptr[i]);
}

void
hl7_write_repetition(struct hl7_writer *w, struct bytes text)
{
	buf_byte(w->out, w->d.repetition);
	put_text(w, text);
}

void
hl7_write_component(struct hl7_writer *w, struct bytes text)
{
	buf_byte(w->out, w->d.component);
	put_text(w, text);
}

void
hl7_write_subcomponent(struct hl7_writer *w, struct bytes text)
{
	buf_byte(w->out, w->d.subcomponent);
	put_text(w, text);
}

static void
raw_some(struct hl7_writer *w, unsigned n, struct bytes text)
{
	if (text.len > 0)
		hl7_write_raw(w, n, text);
}

/* HL7 v2.5.1 2.15.9 */
void
hl7_write_msh(struct hl7_writer *w, const struct hl7_header *h)
{
	const uint8_t encoding[] = {
	    w->d.component, w->d.repetition, w->d.escape, w->d.subcomponent, w->d.truncation};
	size_t n = 0;

	hl7_write_segment(w, "MSH");
	buf_byte(w->out, w->d.field);
	while (n < sizeof(encoding) && encoding[n] != 0)
		n++;
	buf_add(w->out, bytes_of(encoding, n));
	w->field = 2;
	raw_some(w, 3, h->application);
	raw_some(w, 4, h->facility);
	raw_some(w, 5, h->receiving_application);
	raw_some(w, 6, h->receiving_facility);
	raw_some(w, 7, h->time);
	raw_some(w, 9, h->type);
	raw_some(w, 10, h->control_id);
	raw_some(w, 11, h->processing_id);
	raw_some(w, 12, h->version);
	raw_some(w, 15, h->accept_ack);
	raw_some(w, 16, h->application_ack);
	raw_some(w, 18, h->charset);
	raw_some(w, 21, h->profile);
}

bool
hl7_read_header(struct bytes message, struct hl7_header *h, struct hl7_delims *d)
{
	struct hl7_segment g;
	struct hl7_scan scan;

	memset(h, 0, sizeof(*h));
	if (!hl7_is_head(message) || message.ptr[0] != 'M')
		return false;
	*d = hl7_delims_of(message);
	hl7_scan_init(&scan, message, d->field);
	if (!hl7_scan_next(&scan, &g))
		return false;
	h->application = hl7_token(&g, 2);
	h->facility = hl7_token(&g, 3);
	h->receiving_application = hl7_token(&g, 4);
	h->receiving_facility = hl7_token(&g, 5);
	h->time = hl7_token(&g, 6);
	h->type = hl7_token(&g, 8);
	h->control_id = hl7_token(&g, 9);
	h->processing_id = hl7_token(&g, 10);
	h->version = hl7_token(&g, 11);
	h->accept_ack = hl7_token(&g, 14);
	h->application_ack = hl7_token(&g, 15);
	h->charset = hl7_token(&g, 17);
	h->profile = hl7_token(&g, 20);
	return true;
}

/* HL7 v2.5.1 2.9.2; 2.15.8 MSA; 2.15.5 ERR */
bool
hl7_write_ack(struct buf *out, struct bytes message, const struct hl7_ack *a)
{
	struct hl7_header in, h = {.time = a->time, .control_id = a->control_id};
	struct hl7_writer w = {.out = out};
	struct bytes event, version;
	uint8_t type[64];
	bool has_err;
	size_t n = 3;

	if (!hl7_read_header(message, &in, &w.d))
		return false;
	if (w.d.escape == 0)
		w.d.escape = '\\'; /* put_text needs one; declared with it */
	if (w.d.repetition == 0)
		w.d.repetition = '~';
	if (w.d.component == 0)
		w.d.component = '^';
	if (w.d.subcomponent == 0)
		w.d.subcomponent = '&';
	event = hl7_piece(&w.d, in.type, 2, 1);
	memcpy(type, "ACK", 3);
	if (hl7_valued(event) && event.len <= 16) {
		type[n++] = w.d.component;
		memcpy(type + n, event.ptr, event.len);
		n += event.len;
	}
	h.type = bytes_of(type, n);
	h.application = in.receiving_application;
	h.facility = in.receiving_facility;
	h.receiving_application = in.application;
	h.receiving_facility = in.facility;
	h.processing_id = in.processing_id;
	h.version = in.version;
	h.charset = in.charset;
	version = hl7_piece(&w.d, in.version, 1, 1);
	has_err = bytes_cmp(version, BYTES("2.5")) >= 0;
	hl7_write_msh(&w, &h);
	hl7_write_segment(&w, "MSA");
	hl7_write_field(&w, 1, a->code);
	hl7_write_raw(&w, 2, in.control_id);
	if (!has_err && a->text.len > 0)
		hl7_write_field(&w, 3, a->text);
	if (has_err && a->error.len > 0) {
		hl7_write_segment(&w, "ERR");
		hl7_write_field(&w, 3, a->error);
		hl7_write_field(&w, 4, BYTES("E"));
		if (a->text.len > 0)
			hl7_write_field(&w, 8, a->text);
	}
	hl7_write_end(&w);
	return true;
}

size_t
hl7_format_time(struct wall t, char out[HL7_TIME_MAX])
{
	char iso[WALL_TEXT_MAX];
	size_t n = wall_format(t, iso);

	/* 2026-02-03T04:05:06... */
	if (n < 19)
		return 0;
	return (size_t)snprintf(out, HL7_TIME_MAX, "%.4s%.2s%.2s%.2s%.2s%.2s+0000", iso, iso + 5,
	    iso + 8, iso + 11, iso + 14, iso + 17);
}
