/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/lis02/message.h"

#include "proto/value.h"

enum { MAKER_CONFIDENCE = 50, KIND_TEXT_MAX = 16, ID_MAX = 256, KEY_CODE_MAX = 496 };

/* One message while it is read. */
struct walk {
	struct lis02_reader *r;
	const struct lis02_message *m;
	struct lis02_delims d;
	struct ev_message ev;
	struct hash128 specimen; /* of the current order, for the keys of its results */
	bool patient_seen, order_seen;
	bool device; /* the sender is an analyzer, not a host */
	bool order_corrected;
	struct bytes sender; /* H-5 */
	struct bytes f[LIS02_FIELDS_MAX];
	size_t n;
};

/* Fields that hold patient data, by record: bit n = field n. */
#define F(n)     (UINT64_C(1) << (n))
#define FS(a, b) ((F((b) + 1) - 1) & ~(F(a) - 1))
static const uint64_t phi_fields[26] = {
    ['P' - 'A'] = FS(3, 8) | F(11) | F(13) | F(14) | FS(19, 24) | F(26),
    ['O' - 'A'] = F(3) | F(4) | F(11) | F(14) | F(17) | F(18),
    ['Q' - 'A'] = F(3) | F(4) | F(9) | F(10),
    ['C' - 'A'] = F(4),
};

static struct bytes
field(const struct walk *w, size_t n)
{
	return n <= w->n ? w->f[n - 1] : (struct bytes){NULL, 0};
}

static struct bytes
field_trim(const struct walk *w, size_t n)
{
	return bytes_trim(field(w, n));
}

static size_t
pos_of(const struct walk *w, struct bytes part)
{
	return part.ptr == NULL ? 0 : (size_t)(part.ptr - w->m->text.ptr);
}

static void
deviates(struct walk *w, enum anomaly name, size_t pos)
{
	tally_add(
	    w->r->tally, w->r->o, w->r->dir, lis02_message_offset(w->m, pos), name, PROTO_astm);
}

/* Keyed hash of an identifier, escapes undone, so that it is the same however it was sent. */
static struct hash128
id_hash(const struct walk *w, struct bytes id)
{
	uint8_t room[ID_MAX];
	size_t bad;

	return observer_hash(w->r->o, lis02_unescape(id, &w->d, room, sizeof(room), &bad));
}

/* --- H --- */

struct sender_row {
	uint8_t at;
	struct bytes match;
	const char *maker, *text;
	uint8_t model, serial, serial2, software, name;
	uint8_t confidence;
};

static const struct sender_row senders[] = {
#define SENDER(at, match, maker, text, model, serial, serial2, software, name, confidence)         \
	{at, BYTES_INIT(match), maker, text, model, serial, serial2, software, name, confidence},
#include "proto/lis02/senders.def"
};

static void
claim(const struct walk *w, enum name_value attr, struct bytes value, const char *source,
    unsigned confidence)
{
	observe_claim(
	    w->r->o, w->r->dir, lis02_message_offset(w->m, 0), attr, value, source, confidence);
}

static struct bytes
sender_part(const struct walk *w, size_t n)
{
	if (n == 0)
		return (struct bytes){NULL, 0};
	return lis02_component_trim(w->sender, &w->d, n);
}

static void
claim_by_row(const struct walk *w, const struct sender_row *s)
{
	struct bytes serial = sender_part(w, s->serial);

	if (serial.len == 0)
		serial = sender_part(w, s->serial2);
	/* derived from the model's name, not sent */
	claim(w, attr_maker, bytes_str(s->maker), "LIS02 H-5 layout", MAKER_CONFIDENCE);
	claim(w, attr_model, s->text[0] != 0 ? bytes_str(s->text) : sender_part(w, s->model),
	    "LIS02 H-5", s->confidence);
	claim(w, attr_serial, serial, "LIS02 H-5", s->confidence);
	claim(w, attr_software, sender_part(w, s->software), "LIS02 H-5", s->confidence);
	claim(w, attr_name, sender_part(w, s->name), "LIS02 H-5", s->confidence);
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* "4.2.2.1730", "V1.0", "00-24". */
static bool
looks_like_version(struct bytes t)
{
	size_t dots = 0;

	if (t.len > 0 && (t.ptr[0] | 0x20) == 'v')
		t = bytes_from(t, 1);
	if (t.len < 3 || t.len > 24 || !is_digit(t.ptr[0]))
		return false;
	for (size_t i = 0; i < t.len; i++)
		dots += t.ptr[i] == '.' || (t.len <= 5 && t.ptr[i] == '-');
	return dots > 0;
}

static bool
looks_like_serial(struct bytes t)
{
	size_t digits = 0;

	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = t.ptr[i];

		digits += is_digit(c);
		if (!is_digit(c) && c != '-' && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
			return false;
	}
	return t.len >= 5 && t.len <= 24 && digits >= 3;
}

/* No row knows it: the first component is a model's or a system's name, the rest by its look. */
static void
claim_by_look(const struct walk *w)
{
	claim(w, attr_model, sender_part(w, 1), "LIS02 H-5.1", 40);
	for (size_t n = 2; n <= 7; n++) {
		struct bytes t = sender_part(w, n);

		if (looks_like_version(t))
			claim(w, attr_software, t, "LIS02 H-5 by look", 25);
		else if (looks_like_serial(t))
			claim(w, attr_serial, t, "LIS02 H-5 by look", 20);
	}
}

static void
claim_sender(struct walk *w)
{
	struct hash128 h = observer_hash(w->r->o, w->sender);

	h.b[0] ^= (uint8_t)w->device;
	if (bytes_trim(w->sender).len == 0 || memcmp(&h, &w->r->sender, sizeof(h)) == 0)
		return;
	w->r->sender = h;
	if (!w->device) {
		claim(w, attr_application, sender_part(w, 1), "LIS02 H-5.1", 40);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		if (bytes_starts_nocase(sender_part(w, senders[i].at), senders[i].match)) {
			claim_by_row(w, &senders[i]);
			return;
		}
	}
	claim_by_look(w);
}

/* LIS02-A2 6. */
static void
header(struct walk *w, struct bytes record)
{
	enum lis02_delims_kind kind = lis02_delims_of(record, &w->d);

	if (kind == LIS02_DELIMS_BROKEN)
		deviates(w, ANOMALY_lis02_delimiters, pos_of(w, record));
	if (kind == LIS02_DELIMS_DOUBLED)
		deviates(w, ANOMALY_lis02_doubled_backslash, pos_of(w, record));
	w->sender = field(w, 5);
	w->ev.sender = field_trim(w, 5);
	w->ev.receiver = field_trim(w, 10);
	w->ev.version = field_trim(w, 13);
	w->ev.control = id_hash(w, field(w, 3));
	claim_sender(w);
}

/* --- P, O, Q --- */

/* LIS02-A2 7. */
static void
patient(struct walk *w)
{
	struct hash128 h = {{0}};

	for (size_t n = 3; n <= 5 && hash128_is_zero(h); n++)
		h = id_hash(w, lis02_component(field(w, n), &w->d, 1));
	if (hash128_is_zero(w->ev.patient))
		w->ev.patient = h;
	w->patient_seen = true;
	w->specimen = id_hash(w, lis02_component(field(w, 3), &w->d, 1));
}

/* LIS02-A2 8.4.3, 8.4.4, and where devices put it. */
static void
order(struct walk *w)
{
	struct bytes in = field(w, 4), id = lis02_component_trim(field(w, 3), &w->d, 1);

	if (id.len == 0) {
		bool id_first = lis02_component_trim(in, &w->d, 1).len > 0 &&
				lis02_component_trim(in, &w->d, 2).len == 0;

		id = lis02_component_trim(in, &w->d, id_first ? 1 : 3);
		if (id.len == 0)
			id = lis02_component_trim(in, &w->d, 1);
	}
	if (id.len > 0)
		w->specimen = id_hash(w, id);
	if (hash128_is_zero(w->ev.specimen))
		w->ev.specimen = w->specimen;
	w->order_seen = true;
	w->order_corrected = bytes_eq(field_trim(w, 26), BYTES("C"));
	if (!w->patient_seen)
		deviates(w, ANOMALY_lis02_hierarchy, pos_of(w, w->f[0]));
}

/* LIS02-A2 11. */
static void
query(struct walk *w)
{
	if (hash128_is_zero(w->ev.patient))
		w->ev.patient = id_hash(w, lis02_component(field(w, 3), &w->d, 1));
	if (hash128_is_zero(w->ev.specimen))
		w->ev.specimen = id_hash(w, lis02_component(field(w, 3), &w->d, 2));
}

/* --- R --- */

static struct hash128
result_key(const struct walk *w, struct bytes test)
{
	uint8_t room[sizeof(struct hash128) + KEY_CODE_MAX];
	size_t n = test.len < KEY_CODE_MAX ? test.len : KEY_CODE_MAX;

	memcpy(room, &w->specimen, sizeof(w->specimen));
	if (n > 0)
		memcpy(room + sizeof(w->specimen), test.ptr, n);
	return sip128(w->r->o->key, bytes_of(room, sizeof(w->specimen) + n));
}

/* ^^^code^name..., ^^^^code^dilution, or a bare code. */
static void
result_test(const struct walk *w, struct ev_result *r)
{
	struct bytes test = field(w, 3);

	r->code = lis02_component_trim(test, &w->d, 4);
	if (r->code.len > 0) {
		r->name = lis02_component_trim(test, &w->d, 5);
	} else {
		r->code = lis02_component_trim(test, &w->d, 5);
		r->sub = lis02_component_trim(test, &w->d, 6);
	}
	for (size_t n = 1; n <= 3 && r->code.len == 0; n++)
		r->code = lis02_component_trim(test, &w->d, n);
}

/* as sent where all its components are numbers or words of a result; the one component that
 * is there where the others are empty ("^26.7"). */
static struct bytes
result_value(const struct walk *w, bool *plain)
{
	struct bytes v = field_trim(w, 4), rest = v, only = v;
	size_t valued = 0;

	*plain = true;
	while (rest.len > 0) {
		struct bytes one = bytes_trim(bytes_split(rest, w->d.component, &rest));

		if (one.len == 0)
			continue;
		valued++;
		only = one;
		*plain = *plain && value_is_plain(one);
	}
	return valued == 1 ? only : v;
}

/* the instrument that measured, where that is not the sender itself. */
static void
claim_device(struct walk *w, struct bytes device)
{
	struct bytes name = lis02_component_trim(device, &w->d, 1);
	uint64_t at = lis02_message_offset(w->m, pos_of(w, device));

	device = bytes_sub(device, 0, LIS02_DEVICE_MAX);
	if (name.len == 0 || bytes_eq(device, bytes_of(w->r->device, w->r->n_device)))
		return;
	memcpy(w->r->device, device.ptr, device.len);
	w->r->n_device = device.len;
	for (size_t n = 1; n <= 7; n++) {
		if (bytes_eq(name, sender_part(w, n)))
			return;
	}
	observe_claim_behind(w->r->o, w->r->dir, at, attr_name, name, "LIS02 R-14.1", 40);
	if (bytes_starts_nocase(name, BYTES("Cepheid")))
		observe_claim_behind(w->r->o, w->r->dir, at, attr_serial,
		    lis02_component_trim(device, &w->d, 2), "LIS02 R-14.2", 60);
}

/* LIS02-A2 9. */
static void
result(struct walk *w)
{
	struct ev_result r = {0};
	bool plain;
	struct bytes value = result_value(w, &plain);

	result_test(w, &r);
	r.key = result_key(w, field_trim(w, 3));
	if (plain)
		r.value = value;
	else
		r.value_hash = observer_hash(w->r->o, value);
	r.units = field_trim(w, 5);
	r.range = field_trim(w, 6);
	r.flags = field_trim(w, 7);
	r.status = field_trim(w, 9);
	r.observed = field_trim(w, 13);
	if (r.observed.len == 0)
		r.observed = field_trim(w, 12);
	r.device = field_trim(w, 14);
	r.corrects = w->order_corrected || bytes_eq(r.status, BYTES("C"));
	if (value.ptr != NULL)
		r.offset = lis02_message_offset(w->m, pos_of(w, value)) - w->m->offset;
	w->ev.n_results++;
	if (!result_encode(&w->r->results, &r))
		w->ev.flags |= MESSAGE_RESULTS_CUT;
	claim_device(w, r.device);
	if (!w->order_seen)
		deviates(w, ANOMALY_lis02_hierarchy, pos_of(w, w->f[0]));
}

/* --- the whole --- */

static void
count_phi(struct walk *w, uint8_t letter)
{
	uint64_t set = phi_fields[letter - 'A'];

	while (set != 0) {
		size_t n = (size_t)__builtin_ctzll(set);

		set &= set - 1;
		if (n > w->n)
			return;
		w->ev.phi += field_trim(w, n).len > 0;
	}
}

static void
check_escapes(struct walk *w, struct bytes record)
{
	uint8_t room[ID_MAX];
	size_t bad, at = bytes_find(record, w->d.escape);

	if (w->d.escape == 0 || at == record.len)
		return;
	for (size_t i = record.ptr[0] == 'H' ? 2 : 1; i < w->n; i++) {
		(void)lis02_unescape(w->f[i], &w->d, room, sizeof(room), &bad);
		if (bad > 0)
			deviates(w, ANOMALY_lis02_escape, pos_of(w, w->f[i]));
	}
}

static void
record(struct walk *w, struct bytes rec)
{
	uint8_t letter = rec.ptr[0];
	bool more;

	if (letter == 'H')
		(void)lis02_delims_of(rec, &w->d);
	if (letter == 'M' || letter == 'S' || letter == 'L')
		return;
	w->n = lis02_split(rec, w->d.field, w->f, LIS02_FIELDS_MAX, &more);
	if (more)
		deviates(w, ANOMALY_lis02_fields_many, pos_of(w, rec));
	count_phi(w, letter);
	switch (letter) {
	case 'H':
		header(w, rec);
		break;
	case 'P':
		patient(w);
		break;
	case 'O':
		order(w);
		break;
	case 'Q':
		query(w);
		break;
	case 'R':
		result(w);
		break;
	default:
		break;
	}
	check_escapes(w, rec);
}

/* The next record of text, without its CR; lines that are none are stepped over. */
static bool
next_record(struct bytes *text, uint8_t delim, struct bytes *rec)
{
	while (text->len > 0) {
		*rec = bytes_split(*text, '\r', text);
		if (lis02_starts_record(*rec, delim))
			return true;
	}
	return false;
}

enum name_value
lis02_kind(struct bytes text, uint8_t delim, bool asked, char *out)
{
	unsigned seen = 0;
	size_t n = 0;
	bool none = false; /* O-26 says that there is nothing to do */
	struct bytes rec;

	while (next_record(&text, delim, &rec)) {
		unsigned bit = 1u << (rec.ptr[0] - 'A');
		struct bytes f[26];
		bool more;

		if (rec.ptr[0] == 'H')
			delim = rec.ptr[1];
		if (rec.ptr[0] == 'O' && (seen & bit) == 0 &&
		    lis02_split(rec, delim, f, ARRAY_LEN(f), &more) == ARRAY_LEN(f)) {
			struct bytes type = bytes_trim(f[25]);

			none = type.len == 1 && memchr("QXYZ", type.ptr[0], 4) != NULL;
		}
		if ((seen & bit) == 0 && rec.ptr[0] != 'L' && n + 1 < KIND_TEXT_MAX)
			out[n++] = (char)rec.ptr[0];
		seen |= bit;
	}
	out[n] = 0;
#define SEEN(c) ((seen >> ((c) - 'A') & 1) != 0)
	if (SEEN('R'))
		return category_result;
	if (SEEN('Q'))
		return category_query;
	if (SEEN('O'))
		return asked || none ? category_query_answer : category_order;
	if (asked)
		return category_query_answer;
	if (SEEN('P'))
		return category_patient;
	return SEEN('M') || SEEN('S') || SEEN('C') ? category_status : category_session;
#undef SEEN
}

void
lis02_reader_init(
    struct lis02_reader *r, struct observer *o, enum name_value dir, struct tally *tally)
{
	*r = (struct lis02_reader){.o = o, .dir = dir, .tally = tally};
	r->results = (struct buf){.cap = LIS02_RESULTS_MAX, .budget = o->budget};
}

void
lis02_reader_free(struct lis02_reader *r)
{
	buf_free(&r->results);
}

void
lis02_observe(struct lis02_reader *r, struct lis02_reader *peer, const struct lis02_message *m)
{
	struct walk w = {.r = r, .m = m, .d = LIS02_DELIMS_DEFAULT};
	struct bytes text = m->text, rec;
	char kind[KIND_TEXT_MAX];

	w.d.field = m->delim;
	w.ev.category = lis02_kind(text, w.d.field, peer->asked, kind);
	w.device = w.ev.category == category_result || w.ev.category == category_query ||
		   w.ev.category == category_status;
	buf_reset(&r->results);
	while (next_record(&text, w.d.field, &rec))
		record(&w, rec);
	if (hash128_is_zero(w.ev.specimen) && w.patient_seen)
		w.ev.specimen = w.specimen;
	w.ev.proto = PROTO_astm;
	w.ev.carrier = m->framed ? BYTES("lis01") : BYTES("none");
	w.ev.type = bytes_str(kind);
	w.ev.size = m->text.len;
	w.ev.flags |= (m->cut || m->headless ? MESSAGE_CUT : 0);
	if (!hash128_is_zero(w.ev.control) &&
	    memcmp(&w.ev.control, &r->control, sizeof(r->control)) == 0)
		w.ev.flags |= MESSAGE_REPEAT;
	r->control = w.ev.control;
	if (w.ev.category == category_query)
		r->asked = true;
	if (w.ev.category == category_query_answer)
		peer->asked = false;
	w.ev.anomalies = tally_take(r->tally);
	w.ev.results = buf_bytes(&r->results);
	observe_message(r->o, r->dir, m->offset, &w.ev);
}
