/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tls/hello.h"

#include <assert.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/cursor.h"
#include "base/sha256.h"

enum extension {
	EXT_SERVER_NAME = 0,
	EXT_SIGNATURE_ALGORITHMS = 13,
	EXT_ALPN = 16,
	EXT_SESSION_TICKET = 35,
	EXT_PRE_SHARED_KEY = 41,
	EXT_SUPPORTED_VERSIONS = 43,
};

enum {
	RANDOM_BYTES = 32,
	SESSION_BYTES_MAX = 32,
	NAME_HOST = 0,
	CLIENT_HELLO_V2 = 1,
	DRAFT = 0x7f
};

/* RFC 8446 4.1.3: the random of a HelloRetryRequest, SHA-256 of "HelloRetryRequest". */
static const uint8_t retry_random[RANDOM_BYTES] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
    0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
    0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static bool
is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* RFC 6066 3: the first host name of the list. */
static struct bytes
first_host(struct bytes data)
{
	struct cursor c = cursor_of(data);
	struct cursor list = cursor_of(cursor_take(&c, cursor_be16(&c)));

	while (cursor_left(&list) > 0) {
		uint8_t type = cursor_u8(&list);
		struct bytes name = cursor_take(&list, cursor_be16(&list));

		if (type == NAME_HOST)
			return name;
	}
	return (struct bytes){NULL, 0};
}

/* RFC 7301 3.1: the first protocol name. */
static struct bytes
first_protocol(struct bytes data)
{
	struct cursor c = cursor_of(data);
	struct cursor list = cursor_of(cursor_take(&c, cursor_be16(&c)));

	return cursor_take(&list, cursor_u8(&list));
}

/* RFC 8446 4.2.1: a client sends a list, a server one value. */
static uint16_t
best_version(struct bytes data, bool from_client)
{
	struct cursor c = cursor_of(data);
	uint16_t best = 0;

	if (!from_client)
		return cursor_be16(&c);
	c = cursor_of(cursor_take(&c, cursor_u8(&c)));
	while (cursor_left(&c) >= 2) {
		uint16_t v = cursor_be16(&c);

		if (!is_grease(v) && v > best)
			best = v;
	}
	return best;
}

static bool
read_extensions(struct tls_hello *h, bool from_client)
{
	struct cursor c = cursor_of(h->extensions);
	uint16_t v;

	while (cursor_left(&c) > 0) {
		uint16_t type = cursor_be16(&c);
		struct bytes data = cursor_take(&c, cursor_be16(&c));

		if (c.short_)
			return false;
		switch (type) {
		case EXT_SERVER_NAME:
			h->has_sni = 1;
			h->sni = first_host(data);
			break;
		case EXT_SIGNATURE_ALGORITHMS:
			if (data.len >= 2)
				h->signatures = bytes_sub(data, 2, load_be16(data.ptr));
			break;
		case EXT_ALPN:
			h->alpn = first_protocol(data);
			break;
		case EXT_SESSION_TICKET:
			h->has_ticket = data.len > 0;
			break;
		case EXT_PRE_SHARED_KEY:
			h->has_psk = 1;
			break;
		case EXT_SUPPORTED_VERSIONS:
			if ((v = best_version(data, from_client)) != 0)
				h->version = v;
			break;
		default:
			break;
		}
	}
	return true;
}

/* The extension block may be missing (RFC 5246 7.4.1.2); nothing may follow it. */
static bool
extension_block(struct cursor *c, struct tls_hello *h, bool from_client)
{
	if (c->short_)
		return false;
	if (cursor_left(c) == 0)
		return true;
	h->extensions = cursor_take(c, cursor_be16(c));
	if (c->short_)
		return false;
	return read_extensions(h, from_client) && cursor_left(c) == 0;
}

/* RFC 8446 4.1.2 */
bool
tls_client_hello(struct bytes body, struct tls_hello *h)
{
	struct cursor c = cursor_of(body);

	*h = (struct tls_hello){0};
	h->legacy_version = h->version = cursor_be16(&c);
	h->random = cursor_take(&c, RANDOM_BYTES);
	h->session = cursor_take(&c, cursor_u8(&c));
	h->ciphers = cursor_take(&c, cursor_be16(&c));
	(void)cursor_take(&c, cursor_u8(&c)); /* compression methods */
	if (h->session.len > SESSION_BYTES_MAX || h->ciphers.len % 2 != 0 || h->ciphers.len == 0)
		return false;
	return extension_block(&c, h, true);
}

/* RFC 8446 4.1.3; drafts up to 21 had neither session id nor compression here. */
bool
tls_server_hello(struct bytes body, struct tls_hello *h)
{
	struct cursor c = cursor_of(body);

	*h = (struct tls_hello){0};
	h->legacy_version = h->version = cursor_be16(&c);
	h->random = cursor_take(&c, RANDOM_BYTES);
	if (h->legacy_version >> 8 == DRAFT) {
		h->cipher = cursor_be16(&c);
	} else {
		h->session = cursor_take(&c, cursor_u8(&c));
		h->cipher = cursor_be16(&c);
		h->compression = cursor_u8(&c);
	}
	if (c.short_ || h->session.len > SESSION_BYTES_MAX)
		return false;
	h->is_retry = memcmp(h->random.ptr, retry_random, RANDOM_BYTES) == 0;
	h->downgraded = memcmp(h->random.ptr + 24, "DOWNGRD", 7) == 0 && h->random.ptr[31] <= 1;
	return extension_block(&c, h, false);
}

/* RFC 6101 E.1: type, version, three lengths, cipher specs, session id, challenge. */
bool
tls_v2_client_hello(struct bytes message, struct tls_hello *h)
{
	struct cursor c = cursor_of(message);
	uint8_t type = cursor_u8(&c);
	uint16_t n_ciphers, n_session, n_challenge;

	*h = (struct tls_hello){.is_v2 = 1};
	h->legacy_version = h->version = cursor_be16(&c);
	n_ciphers = cursor_be16(&c);
	n_session = cursor_be16(&c);
	n_challenge = cursor_be16(&c);
	h->ciphers = cursor_take(&c, n_ciphers);
	h->session = cursor_take(&c, n_session);
	h->random = cursor_take(&c, n_challenge);
	return type == CLIENT_HELLO_V2 && !c.short_ && n_ciphers % 3 == 0 && n_ciphers > 0;
}

bool
tls_offers(const struct tls_hello *client, uint16_t cipher)
{
	size_t step = client->is_v2 ? 3 : 2, skip = step - 2;

	for (size_t i = 0; client->ciphers.len - i >= step; i += step) {
		if (load_be16(client->ciphers.ptr + i + skip) == cipher)
			return true;
	}
	return false;
}

struct list {
	uint16_t v[HELLO_LIST_MAX];
	size_t n;
};

static void
list_add(struct list *l, uint16_t v)
{
	if (!is_grease(v) && l->n < ARRAY_LEN(l->v))
		l->v[l->n++] = v;
}

/* By insertion: lists of some dozen entries, at most HELLO_LIST_MAX. */
static void
list_sort(struct list *l)
{
	for (size_t i = 1; i < l->n; i++) {
		uint16_t v = l->v[i];
		size_t at = i;

		while (at > 0 && l->v[at - 1] > v) {
			l->v[at] = l->v[at - 1];
			at--;
		}
		l->v[at] = v;
	}
}

static size_t
list_text(const struct list *l, char *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (i > 0)
			out[n++] = ',';
		for (int shift = 12; shift >= 0; shift -= 4)
			out[n++] = hex[l->v[i] >> shift & 15];
	}
	return n;
}

/* First 12 hex digits of the digest; zeros for an empty text. */
static void
digest12(const char *text, size_t len, char out[13])
{
	struct sha256 h = sha256_of(bytes_of(text, len));

	if (len == 0)
		memset(&h, 0, sizeof(h));
	for (size_t i = 0; i < 6; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", h.b[i]);
}

static const char *
ja4_version(uint16_t v)
{
	switch (v) {
	case 0x0304:
		return "13";
	case 0x0303:
		return "12";
	case 0x0302:
		return "11";
	case 0x0301:
		return "10";
	case 0x0300:
		return "s3";
	case 0x0002:
		return "s2";
	default:
		return "00";
	}
}

static bool
is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* First and last character of the first ALPN name, or of its hex digits. */
static void
ja4_alpn(struct bytes alpn, char out[3])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t first, last;

	memcpy(out, "00", 3);
	if (alpn.len == 0)
		return;
	first = alpn.ptr[0];
	last = alpn.ptr[alpn.len - 1];
	if (is_alnum(first) && is_alnum(last)) {
		out[0] = (char)first;
		out[1] = (char)last;
	} else {
		out[0] = hex[first >> 4];
		out[1] = hex[last & 15];
	}
}

size_t
tls_ja4(const struct tls_hello *client, char out[JA4_MAX])
{
	struct list ciphers = {.n = 0}, extensions = {.n = 0}, signatures = {.n = 0};
	size_t step = client->is_v2 ? 3 : 2, n_extensions = 0, len;
	struct cursor c = cursor_of(client->extensions);
	char text[2 * HELLO_LIST_MAX * 5 + 1], b[13], e[13], alpn[3];
	int n;

	for (size_t i = 0; client->ciphers.len - i >= step; i += step)
		list_add(&ciphers, load_be16(client->ciphers.ptr + i + step - 2));
	while (cursor_left(&c) >= 4) {
		uint16_t type = cursor_be16(&c);

		(void)cursor_take(&c, cursor_be16(&c));
		n_extensions += !is_grease(type);
		if (type != EXT_SERVER_NAME && type != EXT_ALPN)
			list_add(&extensions, type);
	}
	for (size_t i = 0; client->signatures.len - i >= 2; i += 2)
		list_add(&signatures, load_be16(client->signatures.ptr + i));
	list_sort(&ciphers);
	list_sort(&extensions);
	digest12(text, list_text(&ciphers, text), b);
	len = list_text(&extensions, text);
	if (len > 0 && signatures.n > 0) {
		text[len++] = '_';
		len += list_text(&signatures, text + len);
	}
	digest12(text, len, e);
	ja4_alpn(client->alpn, alpn);
	n = snprintf(out, JA4_MAX, "t%s%c%02u%02u%s_%s_%s", ja4_version(client->version),
	    client->has_sni ? 'd' : 'i', (unsigned)(ciphers.n > 99 ? 99 : ciphers.n),
	    (unsigned)(n_extensions > 99 ? 99 : n_extensions), alpn, b, e);
	assert(n > 0 && n < JA4_MAX);
	return (size_t)n;
}
