/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tls/decode.h"

#include <stdio.h>

#include "base/cursor.h"
#include "proto/tls/hello.h"
#include "proto/tls/record.h"
#include "proto/tls/tls.h"
#include "proto/tls/x509.h"

enum { NOTES_MAX = 16 };

struct decoder {
	const struct line_sink *out;
	struct buf text;
	struct json j;
	struct {
		enum anomaly name;
		uint64_t offset;
	} notes[NOTES_MAX];
	size_t n_notes;
};

static void
begin(struct decoder *d, const char *type, uint64_t offset, uint64_t length)
{
	buf_reset(&d->text);
	d->j = json_on(&d->text);
	json_object(&d->j);
	json_ku64(&d->j, "offset", offset);
	json_ku64(&d->j, "length", length);
	json_kstr(&d->j, "type", type);
}

static void
add_note(struct decoder *d, enum anomaly name, uint64_t offset)
{
	if (d->n_notes == NOTES_MAX)
		return;
	d->notes[d->n_notes].name = name;
	d->notes[d->n_notes++].offset = offset;
}

static void
finish(struct decoder *d)
{
	json_key(&d->j, "anomalies");
	json_array(&d->j);
	for (size_t i = 0; i < d->n_notes; i++) {
		json_object(&d->j);
		json_kstr(&d->j, "name", anomaly_info(d->notes[i].name)->name);
		json_ku64(&d->j, "offset", d->notes[i].offset);
		json_object_end(&d->j);
	}
	json_array_end(&d->j);
	json_object_end(&d->j);
	d->n_notes = 0;
	d->out->line(d->out->ctx, buf_bytes(&d->text));
}

static const char *
message_name(uint8_t type)
{
	static const char *const names[] = {[0] = "hello_request",
	    [1] = "client_hello",
	    [2] = "server_hello",
	    [4] = "new_session_ticket",
	    [8] = "encrypted_extensions",
	    [11] = "certificate",
	    [12] = "server_key_exchange",
	    [13] = "certificate_request",
	    [14] = "server_hello_done",
	    [15] = "certificate_verify",
	    [16] = "client_key_exchange",
	    [20] = "finished",
	    [22] = "certificate_status",
	    [24] = "key_update"};

	return type < ARRAY_LEN(names) && names[type] != NULL ? names[type] : "handshake";
}

static void
cipher_out(struct json *j, uint16_t number)
{
	const struct tls_cipher *c = tls_cipher(number);
	char text[8];

	(void)snprintf(text, sizeof(text), "0x%04x", number);
	json_str(j, c != NULL ? c->name : text);
}

static void
client_out(struct json *j, const struct tls_hello *h)
{
	size_t step = h->is_v2 ? 3 : 2;
	char ja4[JA4_MAX];

	(void)tls_ja4(h, ja4);
	json_kstr(j, "version", tls_version_name(h->version));
	json_kbytes_some(j, "sni", h->sni);
	json_kbytes_some(j, "alpn", h->alpn);
	json_kstr(j, "ja4", ja4);
	json_key(j, "ciphers");
	json_array(j);
	for (size_t i = 0; h->ciphers.len - i >= step; i += step)
		cipher_out(j, load_be16(h->ciphers.ptr + i + step - 2));
	json_array_end(j);
}

static void
server_out(struct json *j, const struct tls_hello *h)
{
	json_kstr(j, "version", tls_version_name(h->version));
	json_key(j, "cipher");
	cipher_out(j, h->cipher);
	json_kbool(j, "retry", h->is_retry);
	json_kbytes_some(j, "alpn", h->alpn);
}

static void
certificates_out(struct decoder *d, struct bytes body, uint64_t offset)
{
	struct cursor c = cursor_of(body);
	struct cursor list = cursor_of(cursor_take(&c, (size_t)cursor_be(&c, 3)));
	struct json *j = &d->j;

	json_key(j, "certificates");
	json_array(j);
	while (cursor_left(&list) > 0) {
		struct bytes der = cursor_take(&list, (size_t)cursor_be(&list, 3));
		struct x509 x;

		if (list.short_)
			break;
		if (!x509_read(der, &x))
			add_note(d, ANOMALY_tls_certificate_bad, offset);
		json_object(j);
		json_kstr(j, "subject", x.subject);
		json_kstr(j, "issuer", x.issuer);
		json_kwall(j, "not_before", x.not_before);
		json_kwall(j, "not_after", x.not_after);
		json_kstr(j, "key", x.key);
		json_kstr(j, "signature", x.signature);
		json_ku64(j, "alt_names", x.n_alt_names);
		json_kbool(j, "self_issued", x.self_issued);
		json_kbool(j, "ca", x.is_ca);
		json_object_end(j);
	}
	json_array_end(j);
	if (c.short_ || list.short_ || cursor_left(&c) > 0)
		add_note(d, ANOMALY_tls_handshake_bad, offset);
}

static void
on_handshake(struct tls_records *r, uint8_t type, struct bytes body, size_t length, uint64_t offset)
{
	struct decoder *d = r->owner;
	struct tls_hello h;

	begin(d, message_name(type), offset, length + 4);
	if (type == TLS_CLIENT_HELLO) {
		if (!tls_client_hello(body, &h))
			add_note(d, ANOMALY_tls_handshake_bad, offset);
		client_out(&d->j, &h);
	} else if (type == TLS_SERVER_HELLO) {
		if (!tls_server_hello(body, &h))
			add_note(d, ANOMALY_tls_handshake_bad, offset);
		server_out(&d->j, &h);
	} else if (type == TLS_CERTIFICATE) {
		certificates_out(d, body, offset);
	}
	finish(d);
}

static void
on_v2_hello(struct tls_records *r, struct bytes message, uint64_t offset)
{
	struct decoder *d = r->owner;
	struct tls_hello h;

	add_note(d, ANOMALY_tls_sslv2, offset);
	if ((message.ptr[0] & 0x80) != 0) {
		begin(d, "server_hello", offset, message.len);
		json_kstr(&d->j, "version", "SSL 2.0");
	} else {
		begin(d, "client_hello", offset, message.len + 2);
		if (!tls_v2_client_hello(message, &h))
			add_note(d, ANOMALY_tls_handshake_bad, offset);
		client_out(&d->j, &h);
		r->done = h.version == 2;
	}
	finish(d);
}

static void
on_alert(struct tls_records *r, uint8_t level, uint8_t what, uint64_t offset)
{
	struct decoder *d = r->owner;

	begin(d, "alert", offset, 7);
	json_ku64(&d->j, "level", level);
	json_ku64(&d->j, "alert", what);
	finish(d);
}

static void
on_change_cipher(struct tls_records *r, uint64_t offset)
{
	r->encrypted = true;
	begin(r->owner, "change_cipher_spec", offset, 6);
	finish(r->owner);
}

static void
on_application(struct tls_records *r, uint64_t offset)
{
	begin(r->owner, "application_data", offset, 5);
	finish(r->owner);
}

static void
on_anomaly(struct tls_records *r, enum anomaly name, uint64_t offset)
{
	add_note(r->owner, name, offset);
}

static const struct tls_sink sink = {
    on_handshake, on_v2_hello, on_alert, on_change_cipher, on_application, on_anomaly};

void
tls_decode(struct bytes file, const struct line_sink *out)
{
	struct decoder d = {.out = out};
	struct tls_records r;

	tls_records_init(&r, &sink, &d, dir_orig, NULL);
	tls_records_data(&r, file, 0);
	tls_records_end(&r);
	if (d.n_notes > 0) {
		begin(&d, "note", d.notes[0].offset, 0);
		finish(&d);
	}
	tls_records_free(&r);
	buf_free(&d.text);
}
