/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/note.h"

#include "base/base64.h"
#include "base/cursor.h"
#include "base/utf8.h"

#define DASH "\xe2\x80\x94 "

/* --- words --- */

bool
line_next(struct bytes *rest, struct bytes *line)
{
	size_t n = bytes_find(*rest, '\n');

	if (n == rest->len)
		return false;
	*line = bytes_sub(*rest, 0, n);
	*rest = bytes_from(*rest, n + 1);
	return true;
}

bool
tree_hash_parse(struct bytes text, struct tree_hash *out)
{
	size_t n;

	return base64_decode_strict(text, out->b, sizeof(out->b), &n) && n == sizeof(out->b);
}

void
tree_hash_format(const struct tree_hash *hash, struct buf *out)
{
	base64_encode(bytes_of(hash->b, sizeof(hash->b)), out);
}

bool
number_parse(struct bytes text, uint64_t *out)
{
	uint64_t v;

	if (!bytes_to_u64(text, &v) || v > INT64_MAX || (text.ptr[0] == '0' && text.len > 1))
		return false;
	*out = v;
	return true;
}

/* --- keys --- */

/* White space of Unicode beyond ASCII. */
static bool
blank_at(struct bytes t)
{
	static const struct bytes blanks[] = {BYTES_INIT("\xc2\x85"), BYTES_INIT("\xc2\xa0"),
	    BYTES_INIT("\xe1\x9a\x80"), BYTES_INIT("\xe2\x80\xa8"), BYTES_INIT("\xe2\x80\xa9"),
	    BYTES_INIT("\xe2\x80\xaf"), BYTES_INIT("\xe2\x81\x9f"), BYTES_INIT("\xe3\x80\x80")};

	if (t.ptr[0] <= 0x20 || t.ptr[0] == 0x7f || t.ptr[0] == '+')
		return true;
	for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
		if (bytes_starts(t, blanks[i]))
			return true;
	}
	/* U+2000 to U+200A */
	return bytes_starts(t, BYTES("\xe2\x80")) && t.len > 2 && t.ptr[2] >= 0x80 &&
	       t.ptr[2] <= 0x8a;
}

bool
note_name_fits(struct bytes name)
{
	size_t n;

	if (name.len == 0 || name.len > NOTE_NAME_MAX)
		return false;
	for (; name.len > 0; name = bytes_from(name, n)) {
		if (blank_at(name) || (n = utf8_length(name)) == 0)
			return false;
	}
	return true;
}

uint32_t
note_key_id(struct hasher *h, struct bytes name, enum note_key_type type, const uint8_t *public)
{
	uint8_t tail[2 + ED25519_PUBLIC] = {'\n', (uint8_t)type}, sum[SHA256_BYTES];

	memcpy(tail + 2, public, ED25519_PUBLIC);
	hash_two(h, name, bytes_of(tail, sizeof(tail)), sum);
	return load_be32(sum);
}

static bool
hex_id(struct bytes text, uint32_t *id)
{
	*id = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		*id = *id << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return text.len == 8;
}

enum err
note_key_parse(struct hasher *h, struct bytes text, struct note_key *out, struct why *why)
{
	uint8_t raw[1 + ED25519_PUBLIC];
	struct bytes rest, id, name;
	size_t n;

	*out = (struct note_key){0};
	name = bytes_split(text, '+', &rest);
	id = bytes_split(rest, '+', &rest);
	if (!note_name_fits(name) || !hex_id(id, &out->id) ||
	    !base64_decode_strict(rest, raw, sizeof(raw), &n) || n == 0)
		return FAIL(why, ERR_INPUT,
		    "not a verifier key: expected name+hex id+base64 of an Ed25519 key");
	if (raw[0] != NOTE_ED25519 && raw[0] != NOTE_COSIGNATURE)
		return FAIL(why, ERR_INPUT, "verifier key of type %u: not known here", raw[0]);
	if (n != sizeof(raw))
		return FAIL(why, ERR_INPUT, "verifier key of %zu bytes", n - 1);
	out->name = name;
	out->type = (enum note_key_type)raw[0];
	memcpy(out->public, raw + 1, sizeof(out->public));
	if (note_key_id(h, name, out->type, out->public) != out->id)
		return FAIL(why, ERR_INPUT, "verifier key: its id %08x is not that of its bytes",
		    (unsigned)out->id);
	return ERR_OK;
}

void
note_key_format(const struct note_key *k, struct buf *out)
{
	uint8_t raw[1 + ED25519_PUBLIC] = {(uint8_t)k->type};

	memcpy(raw + 1, k->public, sizeof(k->public));
	buf_add(out, k->name);
	buf_printf(out, "+%08x+", (unsigned)k->id);
	base64_encode(bytes_of(raw, sizeof(raw)), out);
}

/* --- notes --- */

static bool
text_fits(struct bytes t)
{
	for (size_t i = 0; i < t.len; i++) {
		if (t.ptr[i] < 0x20 && t.ptr[i] != '\n')
			return false;
	}
	return utf8_valid(t);
}

static bool
signature_parse(struct bytes line, struct note_signature *s)
{
	uint8_t raw[NOTE_SIGNATURE_BYTES_MAX];
	size_t n;

	if (!bytes_starts(line, BYTES(DASH)))
		return false;
	s->name = bytes_split(bytes_from(line, sizeof(DASH) - 1), ' ', &s->base64);
	if (!note_name_fits(s->name) || !base64_decode_strict(s->base64, raw, sizeof(raw), &n) ||
	    n < 5)
		return false;
	s->id = load_be32(raw);
	return true;
}

enum err
note_parse(struct bytes in, struct note *out, struct why *why)
{
	struct bytes rest, line;
	size_t at = 0;

	out->n = 0;
	out->text = (struct bytes){NULL, 0};
	if (in.len > NOTE_BYTES_MAX)
		return FAIL(
		    why, ERR_INPUT, "a note of %zu bytes; %d is the most", in.len, NOTE_BYTES_MAX);
	if (!text_fits(in))
		return FAIL(why, ERR_INPUT, "not a signed note: not plain UTF-8 text");
	for (size_t i = 1; i < in.len; i++) {
		if (in.ptr[i] == '\n' && in.ptr[i - 1] == '\n')
			at = i;
	}
	if (at == 0)
		return FAIL(why, ERR_INPUT, "not a signed note: no blank line before signatures");
	out->text = bytes_sub(in, 0, at);
	rest = bytes_from(in, at + 1);
	while (line_next(&rest, &line)) {
		if (out->n == NOTE_SIGNATURES_MAX)
			return FAIL(why, ERR_INPUT, "a note with more than %d signatures",
			    NOTE_SIGNATURES_MAX);
		if (!signature_parse(line, &out->sig[out->n++]))
			return FAIL(why, ERR_INPUT,
			    "not a signed note: line %zu behind the text is no signature", out->n);
	}
	if (rest.len > 0)
		return FAIL(why, ERR_INPUT, "not a signed note: its last line is cut");
	return out->n > 0 ? ERR_OK : FAIL(why, ERR_INPUT, "a note without signatures");
}

static void
cosigned_message(struct buf *out, struct bytes text, uint64_t time_s)
{
	buf_printf(out, "cosignature/v1\ntime %llu\n", (unsigned long long)time_s);
	buf_add(out, text);
}

static bool
signature_holds(
    struct bytes text, const struct note_signature *s, const struct note_key *k, uint64_t *time_s)
{
	uint8_t raw[NOTE_SIGNATURE_BYTES_MAX];
	struct buf message = {0};
	struct cursor c;
	bool ok = false;
	size_t n;

	*time_s = 0;
	if (!base64_decode_strict(s->base64, raw, sizeof(raw), &n))
		return false;
	c = cursor_of(bytes_of(raw, n));
	(void)cursor_be32(&c);
	if (k->type == NOTE_ED25519)
		return ed25519_verify(k->public, text, cursor_rest(&c));
	*time_s = cursor_be(&c, 8);
	cosigned_message(&message, text, *time_s);
	if (!c.short_ && *time_s <= INT64_MAX && !message.cut)
		ok = ed25519_verify(k->public, buf_bytes(&message), cursor_rest(&c));
	buf_free(&message);
	return ok;
}

enum err
note_verify(const struct note *n, const struct note_key *keys, size_t n_keys,
    struct note_signers *out, struct why *why)
{
	uint64_t time_s;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < n->n; i++) {
		const struct note_signature *s = &n->sig[i];

		for (size_t k = 0; k < n_keys && k < NOTE_KEYS_MAX; k++) {
			if (s->id != keys[k].id || !bytes_eq(s->name, keys[k].name))
				continue;
			if (!signature_holds(n->text, s, &keys[k], &time_s))
				return FAIL(why, ERR_REFUSED,
				    "the signature of %.*s (key %08x) does not hold",
				    (int)(s->name.len < 80 ? s->name.len : 80),
				    (const char *)s->name.ptr, (unsigned)s->id);
			out->n += !out->by[k];
			out->by[k] = true;
			if (time_s > out->time[k])
				out->time[k] = time_s;
		}
	}
	return out->n > 0 ? ERR_OK : FAIL(why, ERR_REFUSED, "no known key has signed");
}

enum err
note_sign(struct buf *out, struct bytes text, const struct note_key *k,
    const uint8_t seed[ED25519_SEED], uint64_t time_s, struct why *why)
{
	uint8_t raw[4 + 8 + ED25519_SIGNATURE];
	struct buf message = {0};
	size_t n = 4;
	enum err e;

	for (int i = 0; i < 4; i++)
		raw[i] = (uint8_t)(k->id >> (24 - 8 * i));
	if (k->type == NOTE_COSIGNATURE) {
		cosigned_message(&message, text, time_s);
		for (int i = 0; i < 8; i++)
			raw[n++] = (uint8_t)(time_s >> (56 - 8 * i));
	} else {
		buf_add(&message, text);
	}
	if (message.cut)
		e = FAIL(why, ERR_SYSTEM, "no memory for a note");
	else
		e = ed25519_sign(seed, buf_bytes(&message), raw + n, why);
	buf_free(&message);
	if (e != ERR_OK)
		return e;
	buf_text(out, DASH);
	buf_add(out, k->name);
	buf_byte(out, ' ');
	base64_encode(bytes_of(raw, n + ED25519_SIGNATURE), out);
	buf_byte(out, '\n');
	return out->cut ? FAIL(why, ERR_SYSTEM, "no memory for a note") : ERR_OK;
}

/* --- checkpoints --- */

enum err
checkpoint_parse(struct bytes text, struct checkpoint *out, struct why *why)
{
	struct bytes rest = text, line;

	memset(out, 0, sizeof(*out));
	if (!line_next(&rest, &out->origin) || out->origin.len == 0)
		return FAIL(why, ERR_INPUT, "not a checkpoint: line 1 is no origin");
	if (!line_next(&rest, &line) || !number_parse(line, &out->size))
		return FAIL(why, ERR_INPUT, "not a checkpoint: line 2 is no tree size");
	if (!line_next(&rest, &line) || !tree_hash_parse(line, &out->root))
		return FAIL(why, ERR_INPUT, "not a checkpoint: line 3 is no root hash");
	out->extensions = rest;
	while (line_next(&rest, &line)) {
		if (line.len == 0)
			return FAIL(why, ERR_INPUT, "not a checkpoint: an empty extension line");
	}
	return rest.len == 0 ? ERR_OK
			     : FAIL(why, ERR_INPUT, "not a checkpoint: its last line is cut");
}

void
checkpoint_format(const struct checkpoint *c, struct buf *out)
{
	buf_add(out, c->origin);
	buf_printf(out, "\n%llu\n", (unsigned long long)c->size);
	tree_hash_format(&c->root, out);
	buf_byte(out, '\n');
	buf_add(out, c->extensions);
}
