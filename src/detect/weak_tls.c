/* SPDX-License-Identifier: Apache-2.0 */
/* Each weakness of a server is its own finding: each has its own remedy.
 * Times are held against the time of the packet: an old capture is judged by its day. */
#include "detect/engine.h"

static void
tell(struct detect *d, const char *cause, enum name_value severity, const char *text,
    struct bytes detail)
{
	struct end server = detect_server(d);
	struct hit h = {.detector = DETECTOR_weak_tls,
	    .severity = severity,
	    .device = server.device,
	    .ip = server.ip,
	    .peer = d->link.client,
	    .link = d->link.id,
	    .cause = bytes_str(cause)};

	if (detect_hit(d, &h))
		detect_say(d, "%s %s%s%.*s%s", end_text(d, server).t, text,
		    detail.len > 0 ? " (" : "", (int)detail.len, (const char *)detail.ptr,
		    detail.len > 0 ? ")" : "");
}

static bool
holds(struct bytes text, const char *word)
{
	return text.len > 0 && bytes_find_seq(text, bytes_str(word)) < text.len;
}

static bool
holds_any(struct bytes text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (holds(text, words[i]))
			return true;
	}
	return false;
}

static void
look_at_version(struct detect *d, const struct ev_tls *t)
{
	static const char *const old[] = {"SSL", "TLS 1.0", "TLS 1.1"};
	static const char *const weak[] = {
	    "RC4", "3DES", "_DES", "NULL", "EXPORT", "anon", "_MD5", "RC2", "IDEA"};

	/* What a client merely offers is not what the two agree on. */
	if ((t->flags & TLS_CLIENT_ONLY) != 0)
		return;
	if (holds_any(t->version, old, ARRAY_LEN(old)))
		tell(d, "version", holds(t->version, "SSL") ? severity_high : severity_medium,
		    "still speaks a broken version of TLS", t->version);
	if (holds_any(t->cipher, weak, ARRAY_LEN(weak)))
		tell(d, "cipher", severity_high, "uses a cipher that can be broken", t->cipher);
}

/* "RSA 2048", "EC P-256", "DSA 1024". */
static void
look_at_key(struct detect *d, const struct ev_tls *t)
{
	bool curve = bytes_starts(t->key, BYTES("EC"));
	struct bytes digits = t->key;
	uint64_t bits;

	while (digits.len > 0 && (digits.ptr[0] < '0' || digits.ptr[0] > '9'))
		digits = bytes_from(digits, 1);
	if (!bytes_to_u64(digits, &bits) || bits == 0)
		return;
	if (!curve && !bytes_starts(t->key, BYTES("RSA")) && !bytes_starts(t->key, BYTES("DSA")))
		return;
	if (bits < (curve ? d->config.tls_ec_bits : d->config.tls_rsa_bits))
		tell(d, "key", severity_medium, "has a certificate with a short key", t->key);
}

static bool
equals_any(struct bytes text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes_starts_nocase(text, bytes_str(words[i])))
			return true;
	}
	return false;
}

static void
look_at_certificate(struct detect *d, const struct ev_tls *t)
{
	static const char *const old[] = {
	    "sha1", "md5", "md2", "md4", "ecdsa-with-SHA1", "dsaWithSHA1", "dsa-with-sha1"};
	int64_t now = d->head->time.ns;
	char text[WALL_TEXT_MAX];

	if (t->not_after.ns != 0 && now > t->not_after.ns)
		tell(d, "expired", severity_medium,
		    "has a certificate that is no longer valid; it ended",
		    bytes_of(text, wall_format(t->not_after, text)));
	else if (t->not_before.ns != 0 && now < t->not_before.ns)
		tell(d, "not_yet", severity_medium,
		    "has a certificate that is not valid yet; it begins",
		    bytes_of(text, wall_format(t->not_before, text)));
	look_at_key(d, t);
	/* The signature on a self-signed certificate proves nothing either way. */
	if ((t->flags & TLS_SELF_SIGNED) != 0)
		tell(d, "self_signed", severity_low,
		    "has a certificate that only itself vouches for", (struct bytes){NULL, 0});
	else if (equals_any(t->signature, old, ARRAY_LEN(old)))
		tell(d, "signature", severity_medium, "has a certificate signed with a broken hash",
		    t->signature);
}

void
detect_weak_tls(struct detect *d, const struct event *ev)
{
	look_at_version(d, &ev->u.tls);
	look_at_certificate(d, &ev->u.tls);
}
