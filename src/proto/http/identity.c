/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/identity.h"

#include "base/base64.h"

enum { SURE = 80, LIKELY_TRUE = 60, HINT = 40, PASSED_ON = 25 };

struct os_name {
	struct bytes text;
	const char *os;
};

/* Longer texts before their own prefixes. */
static const struct os_name agents[] = {
    {BYTES_INIT("Windows NT 10.0"), "Windows 10 or 11"},
    {BYTES_INIT("Windows NT 6.3"), "Windows 8.1"},
    {BYTES_INIT("Windows NT 6.2"), "Windows 8"},
    {BYTES_INIT("Windows NT 6.1"), "Windows 7"},
    {BYTES_INIT("Windows NT 6.0"), "Windows Vista"},
    {BYTES_INIT("Windows NT 5.2"), "Windows Server 2003"},
    {BYTES_INIT("Windows NT 5.1"), "Windows XP"},
    {BYTES_INIT("Windows NT 5.0"), "Windows 2000"},
    {BYTES_INIT("Windows NT 4.0"), "Windows NT 4.0"},
    {BYTES_INIT("Windows CE"), "Windows CE"},
    {BYTES_INIT("Windows 98"), "Windows 98"},
    {BYTES_INIT("Android"), "Android"},
    {BYTES_INIT("Mac OS X"), "macOS"},
    {BYTES_INIT("Linux"), "Linux"},
};

static const struct os_name servers[] = {
    {BYTES_INIT("Microsoft-IIS/5.0"), "Windows 2000"},
    {BYTES_INIT("Microsoft-IIS/5.1"), "Windows XP"},
    {BYTES_INIT("Microsoft-IIS/6.0"), "Windows Server 2003"},
    {BYTES_INIT("Microsoft-IIS/7.0"), "Windows Vista or Server 2008"},
    {BYTES_INIT("Microsoft-IIS/7.5"), "Windows 7 or Server 2008 R2"},
    {BYTES_INIT("Microsoft-IIS/8.0"), "Windows 8 or Server 2012"},
    {BYTES_INIT("Microsoft-IIS/8.5"), "Windows 8.1 or Server 2012 R2"},
    {BYTES_INIT("Microsoft-IIS/10.0"), "Windows 10 or later"},
    {BYTES_INIT("Windows CE"), "Windows CE"},
    {BYTES_INIT("(Debian)"), "Debian"},
    {BYTES_INIT("(Ubuntu)"), "Ubuntu"},
    {BYTES_INIT("(Raspbian)"), "Raspbian"},
    {BYTES_INIT("(Red Hat"), "Red Hat Enterprise Linux"},
    {BYTES_INIT("(CentOS)"), "CentOS"},
};

/* Web servers of serial device servers, by Server or by the realm of WWW-Authenticate. */
static const struct {
	struct bytes text;
	const char *maker, *class;
} embedded[] = {
    {BYTES_INIT("MoxaHttp"), "Moxa", "serial device server"},
    {BYTES_INIT("Lantronix"), "Lantronix", "serial device server"},
    {BYTES_INIT("XPort"), "Lantronix", "serial device server"},
    {BYTES_INIT("Digi "), "Digi International", "serial device server"},
    {BYTES_INIT("PortServer"), "Digi International", "serial device server"},
    {BYTES_INIT("NPort"), "Moxa", "serial device server"},
};

static bool
holds(struct bytes text, struct bytes part)
{
	return bytes_find_seq(text, part) < text.len;
}

static void
claim_os(const struct observer *o, enum name_value dir, uint64_t offset,
    const struct os_name *table, size_t n, struct bytes text, const char *source)
{
	for (size_t i = 0; i < n; i++) {
		if (!holds(text, table[i].text))
			continue;
		observe_claim(o, dir, offset, attr_os, bytes_str(table[i].os), source, LIKELY_TRUE);
		return;
	}
}

/* The product that speaks: the first, or for browsers (all say Mozilla) the telling one. */
static struct bytes
product_of(struct bytes agent)
{
	static const struct bytes telling[] = {BYTES_INIT("Edg/"), BYTES_INIT("Firefox/"),
	    BYTES_INIT("Chrome/"), BYTES_INIT("MSIE "), BYTES_INIT("Trident/")};

	if (!bytes_starts(agent, BYTES("Mozilla/")))
		return bytes_sub(agent, 0, bytes_find(agent, ' '));
	for (size_t i = 0; i < ARRAY_LEN(telling); i++) {
		struct bytes b = bytes_from(agent, bytes_find_seq(agent, telling[i]));
		size_t n = telling[i].len;

		if (b.len < n)
			continue;
		while (n < b.len && memchr(" ;)", b.ptr[n], 3) == NULL)
			n++;
		return bytes_sub(b, 0, n);
	}
	return (struct bytes){NULL, 0};
}

static void
claim_embedded(const struct observer *o, enum name_value dir, uint64_t offset, struct bytes text,
    const char *source)
{
	for (size_t i = 0; i < ARRAY_LEN(embedded); i++) {
		if (!holds(text, embedded[i].text))
			continue;
		observe_claim(
		    o, dir, offset, attr_maker, bytes_str(embedded[i].maker), source, SURE);
		observe_claim(
		    o, dir, offset, attr_class, bytes_str(embedded[i].class), source, SURE);
		return;
	}
}

/* A realm such as "NPort 5610" or "Digi Connect ME": it names the model where it is a maker's. */
static void
claim_realm(const struct observer *o, enum name_value dir, const struct http_head *h)
{
	struct bytes challenge = http_field(h, BYTES("www-authenticate")), realm;
	size_t at = bytes_find_seq(challenge, BYTES("realm=\""));

	if (at == challenge.len)
		return;
	realm = bytes_from(challenge, at + 7);
	realm = bytes_sub(realm, 0, bytes_find(realm, '"'));
	claim_embedded(o, dir, h->offset, realm, "HTTP realm");
	for (size_t i = 0; i < ARRAY_LEN(embedded); i++) {
		if (holds(realm, embedded[i].text)) {
			observe_claim(o, dir, h->offset, attr_model, realm, "HTTP realm", HINT);
			return;
		}
	}
}

void
http_claims(const struct observer *o, enum name_value dir, const struct http_head *h)
{
	struct bytes v;

	if (h->kind == HTTP_REQUEST) {
		v = http_field(h, BYTES("user-agent"));
		claim_os(o, dir, h->offset, agents, ARRAY_LEN(agents), v, "HTTP User-Agent");
		observe_claim(
		    o, dir, h->offset, attr_application, product_of(v), "HTTP User-Agent", HINT);
	} else {
		v = http_field(h, BYTES("server"));
		claim_os(o, dir, h->offset, servers, ARRAY_LEN(servers), v, "HTTP Server");
		claim_embedded(o, dir, h->offset, v, "HTTP Server");
		observe_claim(o, dir, h->offset, attr_application, v, "HTTP Server", HINT);
		v = http_field(h, BYTES("x-powered-by"));
		observe_claim(o, dir, h->offset, attr_software, v, "HTTP X-Powered-By", HINT);
		claim_realm(o, dir, h);
	}
	v = http_field(h, BYTES("via"));
	observe_claim(o, dir, h->offset, attr_application, v, "HTTP Via", PASSED_ON);
}

static void
take_user(const struct observer *o, struct http_login *l, struct bytes user)
{
	l->user = observer_hash(o, user);
	if (account_is_common(user) && user.len < sizeof(l->account))
		memcpy(l->account, user.ptr, user.len);
}

/* The value of name="..." or name=... in a list of parameters. */
static struct bytes
parameter(struct bytes text, struct bytes name)
{
	struct bytes rest = text;

	while (rest.len > 0) {
		struct bytes v, item = bytes_trim(bytes_split(rest, ',', &rest));

		if (!bytes_eq_nocase(bytes_trim(bytes_split(item, '=', &v)), name))
			continue;
		v = bytes_trim(v);
		if (v.len >= 2 && v.ptr[0] == '"' && v.ptr[v.len - 1] == '"')
			v = bytes_sub(v, 1, v.len - 2);
		return v;
	}
	return (struct bytes){NULL, 0};
}

struct http_login
http_login(const struct observer *o, const struct http_head *h)
{
	struct bytes v = http_field(h, BYTES("authorization")), rest, scheme;
	struct http_login l = {.scheme = HTTP_AUTH_NONE};
	uint8_t text[HTTP_USER_MAX];

	if (v.len == 0)
		v = http_field(h, BYTES("proxy-authorization"));
	if (v.len == 0) {
		v = http_field(h, BYTES("x-api-key"));
		if (v.len > 0) {
			l.scheme = HTTP_AUTH_KEY;
			l.mark = sip64(o->key, v);
		}
		return l;
	}
	scheme = bytes_split(v, ' ', &rest);
	rest = bytes_trim(rest);
	l.mark = sip64(o->key, v);
	if (bytes_eq_nocase(scheme, BYTES("basic"))) {
		struct bytes pair, password;

		l.scheme = HTTP_AUTH_BASIC;
		pair = bytes_of(text, base64_decode(rest, text, sizeof(text)));
		take_user(o, &l, bytes_split(pair, ':', &password));
		memset(text, 0, sizeof(text));
	} else if (bytes_eq_nocase(scheme, BYTES("digest"))) {
		l.scheme = HTTP_AUTH_DIGEST;
		take_user(o, &l, parameter(bytes_from(v, 7), BYTES("username")));
		l.mark = sip64(o->key, bytes_of(l.user.b, sizeof(l.user.b)));
	} else {
		l.scheme =
		    bytes_eq_nocase(scheme, BYTES("bearer")) ? HTTP_AUTH_BEARER : HTTP_AUTH_OTHER;
	}
	return l;
}

static bool
one_of(struct bytes name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes_eq_nocase(name, bytes_str(list[i])))
			return true;
	}
	return false;
}

struct http_login
http_form_login(const struct observer *o, struct bytes form)
{
	static const char *const secrets[] = {
	    "password", "passwd", "pass", "pwd", "access_token", "api_key", "apikey"};
	static const char *const users[] = {
	    "user", "username", "login", "userid", "email", "account"};
	struct http_login l = {.scheme = HTTP_AUTH_NONE};

	while (form.len > 0) {
		struct bytes value, item = bytes_split(form, '&', &form);
		struct bytes name = bytes_split(item, '=', &value);

		if (value.len == 0)
			continue;
		if (one_of(name, users, ARRAY_LEN(users))) {
			take_user(o, &l, value);
		} else if (one_of(name, secrets, ARRAY_LEN(secrets))) {
			l.scheme = HTTP_AUTH_OTHER;
			l.mark ^= sip64(o->key, value);
		}
	}
	return l;
}

struct bytes
http_path(struct bytes target, struct bytes *query)
{
	struct bytes path = bytes_split(target, '?', query);
	size_t host = bytes_find_seq(path, BYTES("://"));

	if (host < path.len && bytes_find(path, '/') > host) {
		path = bytes_from(path, host + 3);
		path = bytes_from(path, bytes_find(path, '/'));
	}
	return path;
}
