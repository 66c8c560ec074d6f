/* SPDX-License-Identifier: Apache-2.0 */
/* Observations: HL7 v2.5.1 7.4.2. A value leaves as sent where it is a number, a code or a known
 * word of the laboratory; everything else leaves as a keyed hash. */
#include "base/mask.h"
#include "proto/hl7v2/session.h"

enum { NUMBER_BYTES_MAX = 32, ID_DIGITS_MAX = 9, CODE_BYTES_MAX = 32, WORDS_MAX = 4 };

/* --- is it a number, a code, a word? --- */

/* Digits with the signs that results have around them. least, most: digits it must have. */
static bool
number_like(struct bytes v, size_t least, size_t most)
{
	static const bool sign[256] = {['.'] = true,
	    [','] = true,
	    ['+'] = true,
	    ['-'] = true,
	    ['<'] = true,
	    ['>'] = true,
	    ['='] = true,
	    ['/'] = true,
	    [':'] = true,
	    ['*'] = true,
	    ['%'] = true,
	    ['^'] = true,
	    ['~'] = true,
	    ['&'] = true,
	    [' '] = true,
	    ['e'] = true,
	    ['E'] = true};
	size_t n = 0;

	if (v.len == 0 || v.len > NUMBER_BYTES_MAX)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];

		if (c >= '0' && c <= '9')
			n++;
		else if (!sign[c])
			return false;
	}
	return n >= least && n <= most;
}

static bool
known_word(struct bytes w)
{
	static const struct bytes words[] = {BYTES_INIT("POS"), BYTES_INIT("NEG"),
	    BYTES_INIT("POSITIVE"), BYTES_INIT("NEGATIVE"), BYTES_INIT("DETECTED"),
	    BYTES_INIT("NOT"), BYTES_INIT("UNDETECTED"), BYTES_INIT("REACTIVE"),
	    BYTES_INIT("NONREACTIVE"), BYTES_INIT("NON-REACTIVE"), BYTES_INIT("NON"),
	    BYTES_INIT("INDETERMINATE"), BYTES_INIT("EQUIVOCAL"), BYTES_INIT("INCONCLUSIVE"),
	    BYTES_INIT("BORDERLINE"), BYTES_INIT("INVALID"), BYTES_INIT("VALID"),
	    BYTES_INIT("ERROR"), BYTES_INIT("NORMAL"), BYTES_INIT("ABNORMAL"), BYTES_INIT("ABN"),
	    BYTES_INIT("LOW"), BYTES_INIT("HIGH"), BYTES_INIT("PRESENT"), BYTES_INIT("ABSENT"),
	    BYTES_INIT("TRACE"), BYTES_INIT("NONE"), BYTES_INIT("NIL"), BYTES_INIT("CLEAR"),
	    BYTES_INIT("CLOUDY"), BYTES_INIT("TURBID"), BYTES_INIT("YELLOW"), BYTES_INIT("AMBER"),
	    BYTES_INIT("STRAW"), BYTES_INIT("RED"), BYTES_INIT("BROWN"), BYTES_INIT("SMALL"),
	    BYTES_INIT("MODERATE"), BYTES_INIT("LARGE"), BYTES_INIT("FEW"), BYTES_INIT("MANY"),
	    BYTES_INIT("RARE"), BYTES_INIT("SLIGHT"), BYTES_INIT("MARKED"), BYTES_INIT("WEAK"),
	    BYTES_INIT("STRONG"), BYTES_INIT("NO"), BYTES_INIT("YES"), BYTES_INIT("RESULT"),
	    BYTES_INIT("GROWTH"), BYTES_INIT("PENDING"), BYTES_INIT("RESISTANT"),
	    BYTES_INIT("SUSCEPTIBLE"), BYTES_INIT("SENSITIVE"), BYTES_INIT("INTERMEDIATE"),
	    BYTES_INIT("TRUE"), BYTES_INIT("FALSE"), BYTES_INIT("UNKNOWN"), BYTES_INIT("QNS"),
	    BYTES_INIT("HEMOLYZED"), BYTES_INIT("CLOTTED"), BYTES_INIT("A"), BYTES_INIT("B"),
	    BYTES_INIT("AB"), BYTES_INIT("O"), BYTES_INIT("S"), BYTES_INIT("I"), BYTES_INIT("R"),
	    BYTES_INIT("N"), BYTES_INIT("P"), BYTES_INIT("RH"), BYTES_INIT("MEDIUM"),
	    BYTES_INIT("VERY"), BYTES_INIT("PASS"), BYTES_INIT("FAIL"), BYTES_INIT("PASSED"),
	    BYTES_INIT("FAILED")};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (words[i].len == w.len && bytes_eq_nocase(words[i], w))
			return true;
	}
	return number_like(w, 0, ID_DIGITS_MAX);
}

static bool
known_words(struct bytes v)
{
	if (v.len == 0 || v.len > 64)
		return false;
	for (unsigned n = 0; v.len > 0; n++) {
		if (n == WORDS_MAX || !known_word(bytes_split(v, ' ', &v)))
			return false;
	}
	return true;
}

static bool
code_like(struct bytes v)
{
	if (v.len == 0 || v.len > CODE_BYTES_MAX)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] <= ' ' || v.ptr[i] >= 0x7f)
			return false;
	}
	return true;
}

#define TYPE(a, b) ((unsigned)(a) << 8 | (unsigned)(b))

/* OBX-2 by its first two letters, which no two of the types share that matter here: NM SN ST CE
 * CW(E) CN(E) TX FT ED RP NA IS ID; 0 where there is none. */
static unsigned
value_type(struct bytes type)
{
	return type.len >= 2 && type.len <= 3 ? TYPE(type.ptr[0], type.ptr[1]) : 0;
}

/* The part of OBX-5 that may leave as sent; empty where none may. */
static struct bytes
open_value(const struct hl7_delims *d, unsigned type, struct bytes v)
{
	const struct bytes none = {NULL, 0};
	struct bytes code;

	switch (type) {
	case TYPE('N', 'M'):
		/* Numbers with any sign, "-----", "ABN", short marks of the analyzer. */
		return v.len <= 4 || number_like(v, 0, 15) || known_words(v) ? v : none;
	case TYPE('S', 'N'):
	case TYPE('N', 'A'):
		return number_like(v, 0, 24) ? v : none;
	case TYPE('C', 'E'):
	case TYPE('C', 'W'):
	case TYPE('C', 'N'):
		code = hl7_piece(d, v, 1, 1);
		if (!hl7_valued(code))
			code = hl7_piece(d, v, 4, 1);
		if (code_like(code) || known_words(code))
			return code;
		code = hl7_piece(d, v, 2, 1);
		return known_words(code) ? code : none;
	case TYPE('I', 'S'):
	case TYPE('I', 'D'):
		return code_like(v) && v.len <= 16 ? v : none;
	case TYPE('S', 'T'):
	case TYPE('T', 'X'):
	case TYPE('F', 'T'):
	case 0:
		return number_like(v, 1, ID_DIGITS_MAX) || known_words(v) ? v : none;
	default:
		return none;
	}
}

/* --- identity: HL7 v2.5.1 7.4.2.3, 7.4.2.4, 4.5.3.3 --- */

struct key_text {
	uint8_t b[320]; /* six pieces of at most 49 */
	size_t n;
};

static void
key_add(struct key_text *k, const struct observer *o, struct bytes piece)
{
	enum { PLAIN_MAX = 48 };

	if (piece.len > PLAIN_MAX) {
		struct hash128 h = observer_hash(o, piece);

		k->b[k->n++] = 0xff;
		memcpy(k->b + k->n, h.b, sizeof(h.b));
		k->n += sizeof(h.b);
		return;
	}
	k->b[k->n++] = (uint8_t)piece.len;
	if (piece.len > 0)
		memcpy(k->b + k->n, piece.ptr, piece.len);
	k->n += piece.len;
}

/* What is the same for two messages about one result: the order's number, else the specimen's, else
 * patient, service and time; then test and sub-id. */
static struct hash128
result_key(const struct reading *r, const struct ev_result *res)
{
	const struct message *m = &r->m;
	const struct observer *o = r->s->o;
	struct key_text k;

	k.n = 0;
	if (m->order.len > 0) {
		key_add(&k, o, m->order);
	} else if (m->specimen.len > 0) {
		key_add(&k, o, m->specimen);
	} else {
		key_add(&k, o, m->patient);
		key_add(&k, o, hl7_piece(&m->d, m->service, 1, 1));
		key_add(&k, o, m->observed);
	}
	key_add(&k, o, res->code);
	key_add(&k, o, res->system);
	key_add(&k, o, res->sub);
	return sip128(o->key, bytes_of(k.b, k.n));
}

/* --- embedded files: HL7 v2.5.1 2.A.24 (ED), 2.A.65 (RP) --- */

static int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum { HEAD_BYTES = 16 };

/* The first bytes behind base64 (bits 6) or hex (bits 4). False where a byte is of neither. */
static bool
decode_head(struct bytes data, unsigned bits, uint8_t head[HEAD_BYTES], size_t *n)
{
	unsigned have = 0, value = 0;

	*n = 0;
	for (size_t i = 0; i < data.len && *n < HEAD_BYTES; i++) {
		uint8_t c = data.ptr[i];
		int v = bits == 6 ? base64_value(c) : hex_value(c);

		if (c == '=' && bits == 6)
			return true;
		if (c == ' ' || c == '\t')
			continue;
		if (v < 0)
			return false;
		value = (value << bits | (unsigned)v) & 0xffff;
		have += bits;
		if (have >= 8) {
			have -= 8;
			head[(*n)++] = (uint8_t)(value >> have);
		}
	}
	return true;
}

static uint64_t
decoded_size(struct bytes data, unsigned bits)
{
	while (bits == 6 && data.len > 0 && data.ptr[data.len - 1] == '=')
		data.len--;
	return (uint64_t)data.len * bits / 8;
}

static void
tell_attachment(struct reading *r, struct bytes data, unsigned bits, struct bytes media)
{
	struct observer *o = r->s->o;
	struct ev_attachment a = {.proto = PROTO_hl7, .place = BYTES("OBX-5"), .media = media};
	uint8_t head[HEAD_BYTES];
	size_t n = 0;

	if (bits == 8) {
		a.magic = magic_of(bytes_sub(data, 0, HEAD_BYTES));
		a.size = data.len;
	} else {
		if (!decode_head(data, bits, head, &n))
			hl7_note(r, ANOMALY_hl7_attachment_encoding, data.ptr);
		a.magic = magic_of(bytes_of(head, n));
		a.size = decoded_size(data, bits);
	}
	o->emit(o->owner, r->dir, hl7_offset(r, data.ptr), EV_attachment, &a);
}

static void
read_ed(struct reading *r, struct bytes rep)
{
	const struct hl7_delims *d = &r->m.d;
	struct bytes encoding = hl7_part(rep, d->component, 3), data = rep;
	struct bytes type = hl7_part(rep, d->component, 1), sub = hl7_part(rep, d->component, 2);
	uint8_t media[64];
	size_t n;

	for (int i = 0; i < 4; i++) {
		size_t at = bytes_find(data, d->component);

		if (at == data.len)
			return;
		data = bytes_from(data, at + 1);
	}
	type = bytes_sub(type, 0, 30);
	sub = bytes_sub(sub, 0, 30);
	n = type.len;
	if (n > 0)
		memcpy(media, type.ptr, n);
	if (sub.len > 0) {
		media[n++] = '/';
		memcpy(media + n, sub.ptr, sub.len);
		n += sub.len;
	}
	if (hl7_valued(data))
		tell_attachment(r, data,
		    bytes_eq_nocase(encoding, BYTES("Base64")) ? 6
		    : bytes_eq_nocase(encoding, BYTES("Hex"))  ? 4
							       : 8,
		    bytes_of(media, n));
}

/* Base64 where a pointer or a text should be: only what is surely a file. */
static void
read_hidden(struct reading *r, struct bytes text)
{
	enum { HIDDEN_MIN = 256 };
	uint8_t head[HEAD_BYTES];
	enum name_value magic;
	size_t n;

	if (text.len < HIDDEN_MIN || !decode_head(bytes_sub(text, 0, 64), 6, head, &n))
		return;
	magic = magic_of(bytes_of(head, n));
	if (magic != magic_other && magic != magic_text && magic != magic_zero)
		tell_attachment(r, text, 6, (struct bytes){NULL, 0});
}

static void
read_attachments(struct reading *r, unsigned type, struct bytes value)
{
	const struct hl7_delims *d = &r->m.d;
	enum { ATTACHMENTS_MAX = 16 };

	for (int i = 0; i < ATTACHMENTS_MAX && value.len > 0; i++) {
		size_t at = d->repetition == 0 ? value.len : bytes_find(value, d->repetition);
		struct bytes rep = bytes_sub(value, 0, at);

		if (type == TYPE('E', 'D'))
			read_ed(r, rep);
		else
			read_hidden(
			    r, type == TYPE('R', 'P') ? hl7_part(rep, d->component, 0) : rep);
		value = bytes_from(value, at + 1);
	}
}

/* --- OBX --- */

/* IHE LAW: raw data, images and graphs beside the result, marked in OBX-3. */
static bool
supplemental(const struct hl7_delims *d, struct bytes code)
{
	static const struct bytes marks[] = {BYTES_INIT("S_RAW"), BYTES_INIT("S_IMAGE"),
	    BYTES_INIT("S_GRAPH"), BYTES_INIT("S_OTHER")};

	if (code.len == 0 || memchr(code.ptr, '_', code.len) == NULL)
		return false;
	for (unsigned c = 1; c <= 6; c++) {
		struct bytes piece = hl7_piece(d, code, c, 1);

		for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
			if (bytes_eq(piece, marks[i]))
				return true;
		}
	}
	return false;
}

static struct bytes
no_null(struct bytes b)
{
	return hl7_valued(b) ? b : (struct bytes){NULL, 0};
}

/* OBX-3: the first coding, the alternate one where that is empty. */
static void
read_code(const struct hl7_delims *d, struct bytes field, struct ev_result *res)
{
	struct bytes piece[6] = {{NULL, 0}};
	size_t n = 0, from = 0, end = field.len;

	if (field.len == 0)
		return;
	for (size_t base = 0; base < end; base += MASK_BYTES_MAX) {
		uint64_t marks = bytes_mask2(
		    bytes_sub(field, base, MASK_BYTES_MAX), d->component, d->repetition);

		for (; marks != 0; marks &= marks - 1) {
			size_t at = base + (size_t)__builtin_ctzll(marks);

			if (field.ptr[at] == d->repetition) {
				end = at;
				break;
			}
			if (n < ARRAY_LEN(piece))
				piece[n++] = (struct bytes){field.ptr + from, at - from};
			from = at + 1;
		}
	}
	if (n < ARRAY_LEN(piece))
		piece[n] = (struct bytes){field.ptr + from, end - from};
	res->code = piece[0];
	res->name = piece[1];
	res->system = piece[2];
	if (!hl7_valued(res->code)) {
		res->code = piece[3];
		res->name = hl7_valued(piece[4]) ? piece[4] : res->name;
		res->system = piece[5];
	}
}

void
hl7_obx(struct reading *r, const struct hl7_segment *g)
{
	struct message *m = &r->m;
	unsigned type = value_type(hl7_field(g, 2));
	struct bytes value = hl7_field(g, 5), status = hl7_field(g, 11);
	struct ev_result res = {.offset = 0};
	bool free_text = type == TYPE('S', 'T') || type == TYPE('T', 'X') ||
			 type == TYPE('F', 'T') || type == TYPE('E', 'D');

	if (hl7_claim_obx(r, g))
		return;
	if (free_text || type == TYPE('R', 'P'))
		read_attachments(r, type, value);
	if (supplemental(&m->d, hl7_field(g, 3)))
		return;
	m->ev.n_results++;
	read_code(&m->d, hl7_field(g, 3), &res);
	res.sub = no_null(hl7_field(g, 4));
	if (hl7_valued(value)) {
		res.value = open_value(&m->d, type, value);
		if (res.value.len != value.len)
			res.value_hash = observer_hash(r->s->o, value);
		m->ev.phi += free_text && res.value.len == 0;
	} else {
		res.value = value;
	}
	res.units = no_null(hl7_first(&m->d, hl7_field(g, 6)));
	res.range = no_null(hl7_field(g, 7));
	res.flags = no_null(hl7_field(g, 8));
	res.status = no_null(status);
	res.observed = no_null(hl7_field(g, 14));
	if (res.observed.len == 0)
		res.observed = no_null(m->observed);
	res.device = no_null(hl7_field(g, 18));
	res.offset = value.ptr == NULL ? (uint64_t)(g->text.ptr - r->body.ptr) - m->start
				       : (uint64_t)(value.ptr - r->body.ptr) - m->start;
	/* 7.4.2.11, table 0085; 4.5.3.25, table 0123 */
	res.corrects = m->corrected ||
		       (status.len == 1 &&
			   (status.ptr[0] == 'C' || status.ptr[0] == 'W' || status.ptr[0] == 'D'));
	res.key = result_key(r, &res);
	if (r->results.ptr == NULL)
		buf_pool_take(&r->s->o->pool, &r->results);
	if (!result_encode(&r->results, &res))
		m->ev.flags |= MESSAGE_RESULTS_CUT;
}
