/* SPDX-License-Identifier: Apache-2.0 */
/* States of a session: hellos are read -> told (one EV_tls) -> nothing more but counting.
 * Invariants: EV_tls is told at most once; the client is the side that sent a client hello, else
 * the side opposite to a server hello. */
#include "proto/tls/tls.h"

#include <stdio.h>

#include "base/cursor.h"
#include "proto/tls/decode.h"
#include "proto/tls/hello.h"
#include "proto/tls/record.h"
#include "proto/tls/x509.h"

enum { SNI_MAX = 128, ALPN_MAX = 32, ALERT_FATAL = 2, TLS13 = 0x0304, TLS12 = 0x0303, SSL2 = 2 };

struct session {
	struct observer *o;
	struct tls_records side[2];
	enum name_value client; /* direction */
	uint64_t at;            /* offset of the first hello of the side that `client` names */
	enum name_value first;  /* who said the first hello */
	bool has_client, has_server, told, resumed, asked;
	bool ended[2];
	uint16_t offered; /* highest version the client offers */
	uint16_t version; /* chosen */
	uint16_t cipher;
	bool downgraded, has_v2;
	uint8_t compression;
	uint8_t session_id[32];
	uint8_t n_session_id;
	char sni[SNI_MAX];
	char alpn[ALPN_MAX];
	char ja4[JA4_MAX];
	uint16_t ciphers[HELLO_LIST_MAX];
	size_t n_ciphers; /* HELLO_LIST_MAX + 1: too many to keep */
	bool has_certificate;
	struct x509 certificate; /* first of the server */
	struct hash128 certificate_hash;
};

/* Copy text from the wire; what is not printable becomes '?'. */
static void
keep(char *out, size_t room, struct bytes text)
{
	size_t n = text.len < room - 1 ? text.len : room - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = text.ptr[i] < 0x20 || text.ptr[i] > 0x7e ? '?' : (char)text.ptr[i];
	out[n] = 0;
}

static void
note(struct session *s, enum name_value dir, uint64_t offset, enum anomaly name, const char *detail)
{
	observe_anomaly(s->o, dir, offset, name, PROTO_tls, detail);
}

static void
tell_weakness(struct session *s, const struct tls_cipher *cipher)
{
	enum name_value server = s->client == dir_orig ? dir_resp : dir_orig;

	if (s->version != 0 && s->version < TLS12)
		note(s, server, 0, ANOMALY_tls_version_old, tls_version_name(s->version));
	if (cipher != NULL && cipher->grade == TLS_GRADE_WEAK)
		note(s, server, 0, ANOMALY_tls_cipher_weak, cipher->reason);
	if (s->downgraded && s->offered >= TLS13 && s->version < TLS13)
		note(s, server, 0, ANOMALY_tls_downgrade, NULL);
	if (s->compression != 0)
		note(s, server, 0, ANOMALY_tls_compression, NULL);
	if (s->has_certificate && s->certificate.weak)
		note(s, server, 0, ANOMALY_tls_certificate_weak, s->certificate.key);
}

/* One EV_tls with all that is known by now. alert: 0, or fatal alert + 1. */
static void
tell(struct session *s, uint64_t alert)
{
	const struct tls_cipher *cipher =
	    s->has_server && s->version != SSL2 ? tls_cipher(s->cipher) : NULL;
	uint16_t version = s->has_server ? s->version : s->offered;
	struct ev_tls ev = {.alert = alert};
	char number[8];

	if (s->told || !(s->has_client || s->has_server))
		return;
	s->told = true;
	ev.version = bytes_str(tls_version_name(version));
	if (cipher != NULL) {
		ev.cipher = bytes_str(cipher->name);
	} else if (s->has_server && s->version != SSL2) {
		(void)snprintf(number, sizeof(number), "0x%04x", s->cipher);
		ev.cipher = bytes_str(number);
	}
	ev.sni = bytes_str(s->sni);
	ev.ja4 = bytes_str(s->ja4);
	ev.alpn = bytes_str(s->alpn);
	if (s->has_certificate) {
		ev.subject = bytes_str(s->certificate.subject);
		ev.issuer = bytes_str(s->certificate.issuer);
		ev.not_before = s->certificate.not_before;
		ev.not_after = s->certificate.not_after;
		ev.key = bytes_str(s->certificate.key);
		ev.signature = bytes_str(s->certificate.signature);
		ev.certificate = s->certificate_hash;
		if (s->certificate.self_issued)
			ev.flags |= TLS_SELF_SIGNED;
	}
	if (s->asked)
		ev.flags |= TLS_CLIENT_CERT_ASKED;
	if (s->resumed)
		ev.flags |= TLS_RESUMED;
	if (!s->has_server)
		ev.flags |= TLS_CLIENT_ONLY;
	s->o->emit(s->o->owner, s->first, s->at, EV_tls, &ev);
	tell_weakness(s, cipher);
}

static void
first_hello(struct session *s, enum name_value dir, uint64_t offset)
{
	if (s->has_client || s->has_server)
		return;
	s->first = dir;
	s->at = offset;
}

static void
take_client(struct session *s, enum name_value dir, const struct tls_hello *h, uint64_t offset)
{
	size_t step = h->is_v2 ? 3 : 2;

	first_hello(s, dir, offset);
	if (s->has_client)
		return; /* the second hello, after HelloRetryRequest: the first tells more */
	s->has_client = true;
	s->client = dir;
	s->offered = h->version;
	keep(s->sni, sizeof(s->sni), h->sni);
	keep(s->alpn, sizeof(s->alpn), h->alpn);
	(void)tls_ja4(h, s->ja4);
	s->n_session_id = (uint8_t)(h->session.len < 32 ? h->session.len : 32);
	if (s->n_session_id > 0)
		memcpy(s->session_id, h->session.ptr, s->n_session_id);
	s->n_ciphers = h->ciphers.len / step;
	for (size_t i = 0; i < s->n_ciphers && i < HELLO_LIST_MAX; i++)
		s->ciphers[i] = load_be16(h->ciphers.ptr + i * step + step - 2);
}

static bool
was_offered(const struct session *s, uint16_t cipher)
{
	for (size_t i = 0; i < s->n_ciphers && i < HELLO_LIST_MAX; i++) {
		if (s->ciphers[i] == cipher)
			return true;
	}
	return s->n_ciphers > HELLO_LIST_MAX;
}

static void
take_server(struct session *s, enum name_value dir, const struct tls_hello *h, uint64_t offset)
{
	first_hello(s, dir, offset);
	if (!s->has_client)
		s->client = dir == dir_orig ? dir_resp : dir_orig;
	if (s->has_client && !s->has_server && !was_offered(s, h->cipher))
		note(s, dir, offset, ANOMALY_tls_cipher_unasked, NULL);
	s->has_server = true;
	s->version = h->version;
	s->cipher = h->cipher;
	s->compression = h->compression;
	s->downgraded = h->downgraded;
	if (h->alpn.len > 0)
		keep(s->alpn, sizeof(s->alpn), h->alpn);
	s->resumed = h->version >= TLS13
			 ? h->has_psk
			 : h->session.len > 0 && h->session.len == s->n_session_id &&
			       memcmp(h->session.ptr, s->session_id, h->session.len) == 0;
}

/* RFC 5246 7.4.2: u24 length, then each u24 length and DER. The sender's own comes first. */
static void
take_certificates(struct session *s, enum name_value dir, struct bytes body, uint64_t offset)
{
	struct cursor c = cursor_of(body);
	struct cursor list = cursor_of(cursor_take(&c, (size_t)cursor_be(&c, 3)));
	bool first = true;

	while (cursor_left(&list) > 0) {
		struct bytes der = cursor_take(&list, (size_t)cursor_be(&list, 3));
		struct x509 x;

		if (list.short_)
			break;
		observe_unit(s->o, UNIT_tls_certificates);
		if (!first)
			continue;
		first = false;
		if (!x509_read(der, &x))
			note(s, dir, offset, ANOMALY_tls_certificate_bad, NULL);
		if (dir == s->client) {
			observe_claim(s->o, dir, offset, attr_name, bytes_str(x.common_name),
			    "TLS client certificate", 70);
		} else if (!s->has_certificate) {
			s->has_certificate = true;
			s->certificate = x;
			s->certificate_hash = sip128(s->o->key, der);
			s->resumed = false;
		}
	}
	if (c.short_ || list.short_ || cursor_left(&c) > 0)
		note(s, dir, offset, ANOMALY_tls_handshake_bad, "certificate list");
}

static void
on_handshake(struct tls_records *r, uint8_t type, struct bytes body, size_t length, uint64_t offset)
{
	struct session *s = r->owner;
	struct tls_hello h;
	bool good;

	(void)length;
	switch (type) {
	case TLS_CLIENT_HELLO:
	case TLS_SERVER_HELLO:
		observe_unit(s->o, UNIT_tls_hellos);
		good = type == TLS_CLIENT_HELLO ? tls_client_hello(body, &h)
						: tls_server_hello(body, &h);
		if (!good)
			note(s, r->dir, offset, ANOMALY_tls_handshake_bad,
			    type == TLS_CLIENT_HELLO ? "client hello" : "server hello");
		else if (type == TLS_CLIENT_HELLO)
			take_client(s, r->dir, &h, offset);
		else
			take_server(s, r->dir, &h, offset);
		break;
	case TLS_CERTIFICATE:
		take_certificates(s, r->dir, body, offset);
		break;
	case TLS_CERTIFICATE_REQUEST:
		s->asked = true;
		break;
	default:
		break;
	}
}

static void
on_v2_hello(struct tls_records *r, struct bytes message, uint64_t offset)
{
	struct session *s = r->owner;
	struct tls_hello h;

	observe_unit(s->o, UNIT_tls_hellos);
	note(s, r->dir, offset, ANOMALY_tls_sslv2, NULL);
	if ((message.ptr[0] & 0x80) != 0) {
		first_hello(s, r->dir, offset);
		s->has_server = true;
		s->client = r->dir == dir_orig ? dir_resp : dir_orig;
		s->version = SSL2;
		tell(s, 0);
	} else if (tls_v2_client_hello(message, &h)) {
		take_client(s, r->dir, &h, offset);
		r->done = h.version == SSL2; /* what follows is not in records of RFC 5246 */
	} else {
		note(s, r->dir, offset, ANOMALY_tls_handshake_bad, "SSL 2.0 client hello");
		r->done = true;
	}
}

static void
on_alert(struct tls_records *r, uint8_t level, uint8_t what, uint64_t offset)
{
	(void)offset;
	if (level == ALERT_FATAL)
		tell(r->owner, (uint64_t)what + 1);
}

/* RFC 8446 2.3: a client may send data before the server has said a word. */
static bool
is_early(const struct session *s, enum name_value dir)
{
	return s->has_client && !s->has_server && dir == s->client;
}

static void
on_change_cipher(struct tls_records *r, uint64_t offset)
{
	struct session *s = r->owner;

	(void)offset;
	if (s->has_server && s->version >= TLS13)
		return; /* RFC 8446 D.4: has no meaning there */
	r->encrypted = true;
	if (!is_early(s, r->dir))
		tell(s, 0);
}

static void
on_application(struct tls_records *r, uint64_t offset)
{
	(void)offset;
	if (!is_early(r->owner, r->dir))
		tell(r->owner, 0);
}

static void
on_anomaly(struct tls_records *r, enum anomaly name, uint64_t offset)
{
	note(r->owner, r->dir, offset, name, NULL);
}

static const struct tls_sink sink = {
    on_handshake, on_v2_hello, on_alert, on_change_cipher, on_application, on_anomaly};

static void *
tls_open(struct observer *o)
{
	struct session *s = budget_alloc(o->budget, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = o;
	tls_records_init(&s->side[dir_orig], &sink, s, dir_orig, o->budget);
	tls_records_init(&s->side[dir_resp], &sink, s, dir_resp, o->budget);
	return s;
}

static void
tls_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct session *s = session;

	if (!s->side[dir].done)
		tls_records_data(&s->side[dir], run, offset);
}

static void
tls_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct session *s = session;

	(void)offset;
	tls_records_gap(&s->side[dir], missing);
}

static void
tls_end(void *session, enum name_value dir)
{
	struct session *s = session;

	tls_records_end(&s->side[dir]);
	s->ended[dir] = true;
	if (s->ended[dir_orig] && s->ended[dir_resp])
		tell(s, 0);
}

static void
tls_close(void *session)
{
	struct session *s = session;

	tls_records_free(&s->side[dir_orig]);
	tls_records_free(&s->side[dir_resp]);
	budget_free(s->o->budget, s, sizeof(*s));
}

/* Is this how a side of a TLS conversation begins? */
static enum probe
probe_side(struct bytes h, bool ended)
{
	enum { V2_CLIENT = 1, V2_SERVER = 4 };
	size_t length;

	if (h.len == 0)
		return PROBE_MAYBE;
	if ((h.ptr[0] & 0x80) != 0) { /* SSL 2.0 */
		if (h.len < 7)
			return ended ? PROBE_NO : PROBE_MAYBE;
		length = (size_t)(h.ptr[0] & 0x7f) << 8 | h.ptr[1];
		if (h.ptr[2] == V2_CLIENT)
			return length >= 12 &&
				       (h.ptr[3] == 3 || (h.ptr[3] == 0 && h.ptr[4] == 2)) &&
				       load_be16(h.ptr + 5) % 3 == 0
				   ? PROBE_YES
				   : PROBE_NO;
		return h.ptr[2] == V2_SERVER && h.ptr[3] <= 1 && h.ptr[4] <= 1 && h.ptr[5] == 0 &&
			       h.ptr[6] == 2
			   ? PROBE_YES
			   : PROBE_NO;
	}
	if (h.ptr[0] < 20 || h.ptr[0] > 23 || (h.len > 1 && h.ptr[1] != 3) ||
	    (h.len > 2 && h.ptr[2] > 4))
		return PROBE_NO;
	if (h.len < 6)
		return ended ? PROBE_NO : PROBE_MAYBE;
	length = load_be16(h.ptr + 3);
	if (length == 0 || length > RECORD_BYTES_MAX)
		return PROBE_NO;
	switch (h.ptr[0]) {
	case 22: /* a handshake begins with one of the hellos; in mid-session it is encrypted */
		return h.ptr[5] == TLS_CLIENT_HELLO || h.ptr[5] == TLS_SERVER_HELLO ? PROBE_YES
										    : PROBE_NO;
	case 21:
		if (length == 2 && h.len < 7 && !ended)
			return PROBE_MAYBE;
		return length == 2 && h.len >= 7 && (h.ptr[5] == 1 || h.ptr[5] == 2) ? PROBE_YES
										     : PROBE_NO;
	case 20:
		return length == 1 && h.ptr[5] == 1 ? PROBE_YES : PROBE_NO;
	default:
		break;
	}
	/* Application data: two record headers in a row, or one that leaves the view. */
	if (length >= PROBE_BYTES_MAX)
		return h.len >= PROBE_BYTES_MAX / 2 || ended ? PROBE_YES : PROBE_MAYBE;
	if (h.len - 5 < length + 3)
		return ended ? PROBE_YES : PROBE_MAYBE;
	h = bytes_from(h, 5 + length);
	return h.ptr[0] >= 20 && h.ptr[0] <= 23 && h.ptr[1] == 3 && h.ptr[2] <= 4 ? PROBE_YES
										  : PROBE_NO;
}

/* Every side that has spoken must look like TLS: a server that answers plain text with an alert
 * does not make it TLS. */
static enum probe
tls_probe(const struct probe_view *v)
{
	enum probe a = probe_side(v->head[dir_orig], v->ended);
	enum probe b = probe_side(v->head[dir_resp], v->ended);

	if (a == PROBE_NO || b == PROBE_NO)
		return PROBE_NO;
	return a == PROBE_YES || b == PROBE_YES ? PROBE_YES : PROBE_MAYBE;
}

const struct protocol tls_protocol = {
    .id = PROTO_tls,
    .name = "tls",
    .probe = tls_probe,
    .open = tls_open,
    .data = tls_data,
    .gap = tls_gap,
    .end = tls_end,
    .close = tls_close,
    .decode = tls_decode,
};
