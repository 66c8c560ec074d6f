/* SPDX-License-Identifier: Apache-2.0 */
/* The shape is told in astm.h. A frame's line waits until what follows it is known (CR LF), and
 * with it the lines that came meanwhile, so that lines stand in stream order. */
#include "proto/lis02/astm.h"
#include "proto/lis02/message.h"
#include "proto/serialnet/serialnet.h"

struct note {
	enum anomaly name;
	uint64_t offset;
};

enum { NOTES_MAX = 256 };

struct decoder {
	const struct line_sink *out;
	struct chain chain;
	struct serialnet telnet;
	struct buf line;    /* the object that is being written */
	struct buf frame;   /* a frame that waits for its tail, without the list of anomalies */
	struct buf waiting; /* lines behind it */
	struct note notes[NOTES_MAX];
	size_t n_notes;
	size_t frame_notes; /* of those, the ones of the waiting frame */
	uint64_t frame_offset;
	bool frame_open;
};

static void
put_line(struct decoder *d, struct buf *b)
{
	if (d->frame_open) {
		buf_add(&d->waiting, buf_bytes(b));
		buf_byte(&d->waiting, '\n');
	} else {
		d->out->line(d->out->ctx, buf_bytes(b));
	}
	buf_reset(b);
}

static void
note(void *ctx, enum anomaly name, uint64_t offset)
{
	struct decoder *d = ctx;

	if (d->n_notes < NOTES_MAX)
		d->notes[d->n_notes++] = (struct note){name, offset};
}

/* The notes [from, n) as the member "anomalies"; they are used up. */
static void
put_notes(struct json *j, struct decoder *d, size_t from)
{
	json_key(j, "anomalies");
	json_array(j);
	for (size_t i = from; i < d->n_notes; i++) {
		json_object(j);
		json_kstr(j, "name", anomaly_info(d->notes[i].name)->name);
		json_ku64(j, "offset", d->notes[i].offset);
		json_object_end(j);
	}
	json_array_end(j);
	d->n_notes = from;
}

static struct json
unit_start(struct decoder *d, const char *unit, uint64_t offset, uint64_t length)
{
	struct json j = json_on(&d->line);

	json_object(&j);
	json_kstr(&j, "unit", unit);
	json_ku64(&j, "offset", offset);
	json_ku64(&j, "length", length);
	return j;
}

static void
unit_end(struct decoder *d, struct json *j, size_t from)
{
	put_notes(j, d, from);
	json_object_end(j);
	put_line(d, &d->line);
}

static size_t
notes_from(const struct decoder *d)
{
	return d->frame_open ? d->frame_notes : 0;
}

static void
on_control(void *ctx, uint8_t byte, uint64_t offset)
{
	struct decoder *d = ctx;
	const char *unit = byte == LIS01_ENQ   ? "enq"
			   : byte == LIS01_EOT ? "eot"
			   : byte == LIS01_ACK ? "ack"
					       : "nak";
	struct json j = unit_start(d, unit, offset, 1);

	unit_end(d, &j, notes_from(d));
}

static void
hex_byte(struct json *j, const char *key, uint8_t v)
{
	static const char hex[] = "0123456789ABCDEF";
	uint8_t text[2] = {(uint8_t)hex[v >> 4], (uint8_t)hex[v & 15]};

	json_kbytes(j, key, bytes_of(text, 2));
}

static void
on_frame(void *ctx, const struct lis01_frame *f)
{
	static const char *const sequence[] = {"ok", "repeat", "same", "wrong"};
	struct decoder *d = ctx;
	struct json j = unit_start(d, "frame", f->offset, f->end - f->offset);

	json_ku64(&j, "number", f->number);
	json_kstr(&j, "end", f->last == LIS01_ETX ? "ETX" : "ETB");
	json_ku64(&j, "text_length", f->text);
	if (f->sum == LIS01_SUM_MISSING)
		json_kstr(&j, "checksum", NULL);
	else
		hex_byte(&j, "checksum", f->sum_sent);
	hex_byte(&j, "computed", f->sum_computed);
	json_kbool(&j, "ok", f->sum <= LIS01_SUM_LOWER);
	json_kstr(&j, "sequence", sequence[f->sequence]);
	json_kbool(&j, "repeat", f->repeat);
	buf_reset(&d->frame);
	buf_add(&d->frame, buf_bytes(&d->line));
	buf_reset(&d->line);
	d->frame_open = true;
	d->frame_offset = f->offset;
	d->frame_notes = d->n_notes;
}

/* What the chain notes about a frame comes right behind it, before any other unit. */
static void
frame_note(void *ctx, enum anomaly name, uint64_t offset)
{
	struct decoder *d = ctx;

	if (d->frame_open && offset >= d->frame_offset && name >= ANOMALY_lis01_checksum &&
	    name <= ANOMALY_lis01_eight_bit && d->n_notes < NOTES_MAX) {
		memmove(&d->notes[d->frame_notes + 1], &d->notes[d->frame_notes],
		    (d->n_notes - d->frame_notes) * sizeof(d->notes[0]));
		d->notes[d->frame_notes++] = (struct note){name, offset};
		d->n_notes++;
		return;
	}
	note(ctx, name, offset);
}

static void
frame_close(struct decoder *d)
{
	struct json j = json_on(&d->frame);
	struct bytes rest;
	size_t kept = d->n_notes - d->frame_notes;
	struct note keep[NOTES_MAX];

	if (!d->frame_open)
		return;
	memcpy(keep, &d->notes[d->frame_notes], kept * sizeof(keep[0]));
	d->n_notes = d->frame_notes;
	d->frame_open = false;
	buf_byte(&d->frame, ',');
	put_notes(&j, d, 0);
	buf_byte(&d->frame, '}');
	put_line(d, &d->frame);
	memcpy(d->notes, keep, kept * sizeof(keep[0]));
	d->n_notes = kept;
	d->frame_notes = 0;
	for (rest = buf_bytes(&d->waiting); rest.len > 0;) {
		struct bytes line = bytes_split(rest, '\n', &rest);

		d->out->line(d->out->ctx, line);
	}
	buf_reset(&d->waiting);
}

static void
on_tail(void *ctx)
{
	frame_close(ctx);
}

static void
on_record(void *ctx, uint64_t offset)
{
	(void)ctx;
	(void)offset;
}

static void
put_record(struct json *j, const struct lis02_message *m, struct bytes rec, uint8_t delim)
{
	struct bytes rest = rec;
	bool more = true;

	json_object(j);
	json_kbytes(j, "type", bytes_sub(rec, 0, 1));
	json_ku64(j, "offset", lis02_message_offset(m, (size_t)(rec.ptr - m->text.ptr)));
	json_key(j, "fields");
	json_array(j);
	while (more) {
		size_t at = bytes_find(rest, delim);

		json_bytes(j, bytes_sub(rest, 0, at));
		more = at < rest.len;
		rest = bytes_from(rest, at + 1);
	}
	json_array_end(j);
	json_object_end(j);
}

static void
on_message(void *ctx, const struct lis02_message *m)
{
	struct decoder *d = ctx;
	struct json j = unit_start(d, "message", m->offset, m->text.len);
	struct bytes text = m->text;
	struct lis02_delims delims = LIS02_DELIMS_DEFAULT;
	uint8_t delim = m->delim;
	char kind[16];
	enum name_value category = lis02_kind(text, delim, false, kind);

	if (!m->headless) {
		enum lis02_delims_kind how =
		    lis02_delims_of(bytes_sub(text, 0, bytes_find(text, '\r')), &delims);

		if (how == LIS02_DELIMS_BROKEN)
			note(d, ANOMALY_lis02_delimiters, m->offset);
		if (how == LIS02_DELIMS_DOUBLED)
			note(d, ANOMALY_lis02_doubled_backslash, m->offset);
	} else {
		delims.field = delim;
	}
	json_kstr(&j, "type", kind);
	json_kstr(&j, "category", name_label(NAMES_category, category));
	json_kstr(&j, "carrier", m->framed ? "lis01" : "none");
	json_kbytes(&j, "delimiters",
	    bytes_of(
		(const uint8_t[]){delims.field, delims.repeat, delims.component, delims.escape},
		delims.escape == 0 ? 3 : 4));
	json_kbool(&j, "cut", m->cut || m->headless);
	json_key(&j, "records");
	json_array(&j);
	while (text.len > 0) {
		struct bytes rec = bytes_split(text, '\r', &text);

		if (!lis02_starts_record(rec, delim))
			continue;
		if (rec.ptr[0] == 'H')
			delim = rec.ptr[1];
		put_record(&j, m, rec, delim);
	}
	json_array_end(&j);
	unit_end(d, &j, notes_from(d));
}

static void
on_vendor(void *ctx, struct bytes text, uint64_t offset, uint64_t size)
{
	struct decoder *d = ctx;
	struct json j = unit_start(d, "vendor", offset, size);

	note(d,
	    text.len > 0 && text.ptr[0] == 0x1e ? ANOMALY_astm_vendor_block
						: ANOMALY_astm_vendor_text,
	    offset);
	json_kbytes(&j, "text", text);
	unit_end(d, &j, notes_from(d));
}

static const char *
verb_name(uint8_t verb)
{
	switch (verb) {
	case TELNET_WILL:
		return "WILL";
	case TELNET_WONT:
		return "WONT";
	case TELNET_DO:
		return "DO";
	case TELNET_DONT:
		return "DONT";
	case TELNET_SB:
		return "SB";
	default:
		return "command";
	}
}

static void
put_telnet(struct decoder *d, const struct serialnet_piece *p, uint64_t end)
{
	struct json j = unit_start(d, "telnet", p->offset, end - p->offset);

	json_kstr(&j, "command", verb_name(p->verb));
	json_ku64(&j, "option", p->verb >= TELNET_SB ? p->option : p->verb);
	if (p->kind == SERIALNET_SUB)
		json_khex(&j, "data", p->body);
	if (p->cut)
		note(d, ANOMALY_telnet_subnegotiation, p->offset);
	unit_end(d, &j, notes_from(d));
}

void
astm_decode(struct bytes file, const struct line_sink *out)
{
	struct budget memory = {.cap = SIZE_MAX};
	struct decoder *d = budget_alloc(&memory, sizeof(*d));
	struct chain_sink sink = {
	    d, on_control, on_frame, on_tail, on_record, on_message, on_vendor, frame_note};
	bool telnet = serialnet_starts(file);
	uint64_t offset = 0;

	if (d == NULL)
		return;
	d->out = out;
	chain_init(&d->chain, &sink, &memory);
	if (!telnet)
		chain_data(&d->chain, file, 0);
	while (telnet) {
		struct serialnet_piece p = serialnet_next(&d->telnet, &file, &offset);

		if (p.kind == SERIALNET_MORE)
			break;
		if (p.kind == SERIALNET_DATA)
			chain_data(&d->chain, p.body, p.offset);
		else
			put_telnet(d, &p, offset);
	}
	chain_end(&d->chain);
	frame_close(d);
	if (d->n_notes > 0) {
		struct json j = unit_start(d, "noise", d->notes[0].offset, 0);

		unit_end(d, &j, 0);
	}
	chain_free(&d->chain);
	buf_free(&d->line);
	buf_free(&d->frame);
	buf_free(&d->waiting);
	budget_free(&memory, d, sizeof(*d));
}
