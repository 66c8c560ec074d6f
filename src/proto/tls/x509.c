/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tls/x509.h"

#include <stdio.h>

#include "base/attr.h"

enum tag {
	TAG_BOOLEAN = 0x01,
	TAG_INTEGER = 0x02,
	TAG_BIT_STRING = 0x03,
	TAG_OCTET_STRING = 0x04,
	TAG_OID = 0x06,
	TAG_BMP_STRING = 0x1e,
	TAG_UTC_TIME = 0x17,
	TAG_GENERALIZED_TIME = 0x18,
	TAG_SEQUENCE = 0x30,
	TAG_SET = 0x31,
	TAG_VERSION = 0xa0,    /* [0] EXPLICIT */
	TAG_EXTENSIONS = 0xa3, /* [3] EXPLICIT */
};

enum { RSA_BITS_MIN = 2048, EC_BITS_MIN = 224 };
enum { YEAR_MIN = 1678, YEAR_MAX = 2261 }; /* what nanoseconds in 64 bits can hold */

struct item {
	uint8_t tag;
	struct bytes value;
	struct bytes whole; /* tag and length too */
};

/* X.690 8.1.3, definite lengths of up to 4 bytes, tags of one byte. */
static bool
der_next(struct bytes *in, struct item *it)
{
	size_t head = 2, len;

	*it = (struct item){0};
	if (in->len < 2 || (in->ptr[0] & 0x1f) == 0x1f)
		return false;
	len = in->ptr[1];
	if (len >= 0x80) {
		size_t n = len & 0x7f;

		if (n == 0 || n > 4 || in->len - 2 < n)
			return false;
		len = 0;
		for (size_t i = 0; i < n; i++)
			len = len << 8 | in->ptr[2 + i];
		head += n;
	}
	if (in->len - head < len)
		return false;
	it->tag = in->ptr[0];
	it->value = bytes_sub(*in, head, len);
	it->whole = bytes_sub(*in, 0, head + len);
	*in = bytes_from(*in, head + len);
	return true;
}

static bool
der_expect(struct bytes *in, uint8_t tag, struct item *it)
{
	return der_next(in, it) && it->tag == tag;
}

struct oid_name {
	struct bytes oid;
	const char *name;
	unsigned bits; /* curves */
	bool weak;     /* signatures */
};

static const struct oid_name signatures[] = {
    {BYTES_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02"), "md2WithRSAEncryption", 0, true},
    {BYTES_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"), "md5WithRSAEncryption", 0, true},
    {BYTES_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"), "sha1WithRSAEncryption", 0, true},
    {BYTES_INIT("\x2b\x0e\x03\x02\x1d"), "sha1WithRSAEncryption", 0, true},
    {BYTES_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), "rsassaPss", 0, false},
    {BYTES_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), "sha256WithRSAEncryption", 0, false},
    {BYTES_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), "sha384WithRSAEncryption", 0, false},
    {BYTES_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), "sha512WithRSAEncryption", 0, false},
    {BYTES_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e"), "sha224WithRSAEncryption", 0, false},
    {BYTES_INIT("\x2a\x86\x48\xce\x38\x04\x03"), "dsa-with-sha1", 0, true},
    {BYTES_INIT("\x60\x86\x48\x01\x65\x03\x04\x03\x02"), "dsa-with-sha256", 0, false},
    {BYTES_INIT("\x2a\x86\x48\xce\x3d\x04\x01"), "ecdsa-with-SHA1", 0, true},
    {BYTES_INIT("\x2a\x86\x48\xce\x3d\x04\x03\x02"), "ecdsa-with-SHA256", 0, false},
    {BYTES_INIT("\x2a\x86\x48\xce\x3d\x04\x03\x03"), "ecdsa-with-SHA384", 0, false},
    {BYTES_INIT("\x2a\x86\x48\xce\x3d\x04\x03\x04"), "ecdsa-with-SHA512", 0, false},
    {BYTES_INIT("\x2b\x65\x70"), "Ed25519", 0, false},
    {BYTES_INIT("\x2b\x65\x71"), "Ed448", 0, false},
};

static const struct oid_name curves[] = {
    {BYTES_INIT("\x2a\x86\x48\xce\x3d\x03\x01\x01"), "EC P-192", 192, false},
    {BYTES_INIT("\x2b\x81\x04\x00\x21"), "EC P-224", 224, false},
    {BYTES_INIT("\x2a\x86\x48\xce\x3d\x03\x01\x07"), "EC P-256", 256, false},
    {BYTES_INIT("\x2b\x81\x04\x00\x22"), "EC P-384", 384, false},
    {BYTES_INIT("\x2b\x81\x04\x00\x23"), "EC P-521", 521, false},
    {BYTES_INIT("\x2b\x81\x04\x00\x0a"), "EC secp256k1", 256, false},
    {BYTES_INIT("\x2b\x24\x03\x03\x02\x08\x01\x01\x07"), "EC brainpoolP256r1", 256, false},
    {BYTES_INIT("\x2b\x24\x03\x03\x02\x08\x01\x01\x0b"), "EC brainpoolP384r1", 384, false},
};

static const struct bytes oid_rsa = BYTES_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
static const struct bytes oid_rsa_pss = BYTES_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a");
static const struct bytes oid_dsa = BYTES_INIT("\x2a\x86\x48\xce\x38\x04\x01");
static const struct bytes oid_ec = BYTES_INIT("\x2a\x86\x48\xce\x3d\x02\x01");
static const struct bytes oid_ed25519 = BYTES_INIT("\x2b\x65\x70");
static const struct bytes oid_ed448 = BYTES_INIT("\x2b\x65\x71");
static const struct bytes oid_cn = BYTES_INIT("\x55\x04\x03");
static const struct bytes oid_o = BYTES_INIT("\x55\x04\x0a");
static const struct bytes oid_ou = BYTES_INIT("\x55\x04\x0b");
static const struct bytes oid_alt_name = BYTES_INIT("\x55\x1d\x11");
static const struct bytes oid_basic = BYTES_INIT("\x55\x1d\x13");

static const struct oid_name *
oid_find(const struct oid_name *table, size_t n, struct bytes oid)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes_eq(table[i].oid, oid))
			return &table[i];
	}
	return NULL;
}

/* Dotted digits of an OID that has no name here; cut where out is full. */
static void
oid_digits(struct bytes oid, char out[X509_WORD_MAX])
{
	uint32_t v = 0;
	int at = 0;

	for (size_t i = 0; i < oid.len && at < X509_WORD_MAX - 12; i++) {
		v = (v & 0x01ffffff) << 7 | (oid.ptr[i] & 0x7f);
		if (oid.ptr[i] & 0x80)
			continue;
		if (at == 0)
			at = snprintf(out, X509_WORD_MAX, "%u.%u", v < 80 ? v / 40 : 2,
			    v < 80 ? v % 40 : v - 80);
		else
			at += snprintf(out + at, (size_t)(X509_WORD_MAX - at), ".%u", v);
		v = 0;
	}
}

/* Appends printable ASCII and UTF-8 bytes; a BMPString by its low bytes where the high are 0. */
static void
name_add(char out[X509_TEXT_MAX], const char *prefix, const struct item *value)
{
	size_t at = strlen(out), step = value->tag == TAG_BMP_STRING ? 2 : 1;
	int n = snprintf(
	    out + at, X509_TEXT_MAX - at, "%s%s", at > 0 && *prefix != 0 ? ", " : "", prefix);

	at = (size_t)n >= X509_TEXT_MAX - at ? X509_TEXT_MAX - 1 : at + (size_t)n;
	for (size_t i = step - 1; i < value->value.len && at < X509_TEXT_MAX - 1; i += step) {
		uint8_t c = value->value.ptr[i];

		if (step == 2 && value->value.ptr[i - 1] != 0)
			c = '?';
		out[at++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	out[at] = 0;
}

/* RFC 5280 4.1.2.4: SEQUENCE OF SET OF SEQUENCE { type, value }. CN, then O; OU where neither is
 * there. */
static bool
read_name(struct bytes rdns, char out[X509_TEXT_MAX], char *common_name)
{
	struct item cn = {0}, o = {0}, ou = {0};

	while (rdns.len > 0) {
		struct item set, pair, type, value;
		struct bytes in;

		if (!der_expect(&rdns, TAG_SET, &set))
			return false;
		in = set.value;
		while (in.len > 0) {
			struct bytes inner;

			if (!der_expect(&in, TAG_SEQUENCE, &pair))
				return false;
			inner = pair.value;
			if (!der_expect(&inner, TAG_OID, &type) || !der_next(&inner, &value))
				return false;
			if (bytes_eq(type.value, oid_cn))
				cn = value;
			else if (bytes_eq(type.value, oid_o))
				o = value;
			else if (bytes_eq(type.value, oid_ou))
				ou = value;
		}
	}
	if (cn.value.len > 0)
		name_add(out, "CN=", &cn);
	if (cn.value.len > 0 && common_name != NULL)
		name_add(common_name, "", &cn);
	if (o.value.len > 0)
		name_add(out, "O=", &o);
	if (cn.value.len == 0 && o.value.len == 0 && ou.value.len > 0)
		name_add(out, "OU=", &ou);
	return true;
}

static unsigned
two(const uint8_t *p)
{
	return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

/* RFC 5280 4.1.2.5: YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ. Anything else leaves 0. */
static struct wall
read_time(const struct item *it)
{
	size_t year_digits = it->tag == TAG_UTC_TIME ? 2 : 4;
	struct bytes t = it->value;
	const uint8_t *p = t.ptr;
	struct wall w = {0};
	int64_t year, days;

	if (t.len != year_digits + 11 || p[t.len - 1] != 'Z')
		return w;
	for (size_t i = 0; i < t.len - 1; i++) {
		if (p[i] < '0' || p[i] > '9')
			return w;
	}
	year = two(p);
	year = year_digits == 4 ? year * 100 + two(p + 2) : year < 50 ? 2000 + year : 1900 + year;
	p += year_digits;
	if (two(p) < 1 || two(p) > 12 || two(p + 2) < 1 || two(p + 2) > 31 || two(p + 4) > 23 ||
	    two(p + 6) > 59 || two(p + 8) > 60)
		return w;
	year = year > YEAR_MAX ? YEAR_MAX : year < YEAR_MIN ? YEAR_MIN : year;
	days = days_from_civil(year, two(p), two(p + 2));
	w.ns = (days * 86400 + two(p + 4) * 3600 + two(p + 6) * 60 + two(p + 8)) * NS_PER_S;
	return w;
}

/* Bits of an unsigned INTEGER. */
static unsigned
integer_bits(struct bytes v)
{
	unsigned bits;

	while (v.len > 0 && v.ptr[0] == 0)
		v = bytes_from(v, 1);
	if (v.len == 0 || v.len > 1u << 20)
		return 0;
	bits = (unsigned)v.len * 8;
	for (uint8_t top = v.ptr[0]; (top & 0x80) == 0; top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

/* RFC 5280 4.1.2.7, RFC 3279 2.3, RFC 5480 2: algorithm and key bits. */
static bool
read_key(struct bytes spki, struct x509 *x)
{
	struct item algorithm, oid, parameters, key, sequence, n;
	struct bytes in;

	if (!der_expect(&spki, TAG_SEQUENCE, &algorithm) ||
	    !der_expect(&spki, TAG_BIT_STRING, &key))
		return false;
	in = algorithm.value;
	if (!der_expect(&in, TAG_OID, &oid))
		return false;
	(void)der_next(&in, &parameters);
	if (bytes_eq(oid.value, oid_rsa) || bytes_eq(oid.value, oid_rsa_pss)) {
		struct bytes bits = bytes_from(key.value, 1), inner;

		if (!der_expect(&bits, TAG_SEQUENCE, &sequence))
			return false;
		inner = sequence.value;
		if (!der_expect(&inner, TAG_INTEGER, &n))
			return false;
		x->key_bits = integer_bits(n.value);
		(void)snprintf(x->key, sizeof(x->key), "RSA %u", x->key_bits);
		x->weak |= x->key_bits < RSA_BITS_MIN;
	} else if (bytes_eq(oid.value, oid_dsa)) {
		in = parameters.value;
		if (parameters.tag == TAG_SEQUENCE && der_expect(&in, TAG_INTEGER, &n))
			x->key_bits = integer_bits(n.value);
		(void)snprintf(x->key, sizeof(x->key), "DSA %u", x->key_bits);
		x->weak |= x->key_bits < RSA_BITS_MIN;
	} else if (bytes_eq(oid.value, oid_ec)) {
		const struct oid_name *c = oid_find(curves, ARRAY_LEN(curves), parameters.value);

		x->key_bits = c != NULL ? c->bits : 0;
		(void)snprintf(
		    x->key, sizeof(x->key), "%s", c != NULL ? c->name : "EC, curve not known");
		x->weak |= c != NULL && c->bits < EC_BITS_MIN;
	} else if (bytes_eq(oid.value, oid_ed25519)) {
		x->key_bits = 256;
		(void)snprintf(x->key, sizeof(x->key), "Ed25519");
	} else if (bytes_eq(oid.value, oid_ed448)) {
		x->key_bits = 456;
		(void)snprintf(x->key, sizeof(x->key), "Ed448");
	} else {
		oid_digits(oid.value, x->key);
	}
	return true;
}

static void
read_signature(struct bytes algorithm, struct x509 *x)
{
	const struct oid_name *s;
	struct item oid;

	if (!der_expect(&algorithm, TAG_OID, &oid))
		return;
	if ((s = oid_find(signatures, ARRAY_LEN(signatures), oid.value)) == NULL) {
		oid_digits(oid.value, x->signature);
		return;
	}
	(void)snprintf(x->signature, sizeof(x->signature), "%s", s->name);
	x->weak |= s->weak;
}

/* RFC 5280 4.2: { id, critical DEFAULT FALSE, value }. */
static bool
read_extension(struct bytes in, struct x509 *x)
{
	struct item oid, value, list, it;

	if (!der_expect(&in, TAG_OID, &oid) || !der_next(&in, &value))
		return false;
	if (value.tag == TAG_BOOLEAN && !der_next(&in, &value))
		return false;
	if (value.tag != TAG_OCTET_STRING)
		return false;
	in = value.value;
	if (bytes_eq(oid.value, oid_alt_name) && der_expect(&in, TAG_SEQUENCE, &list)) {
		for (in = list.value; der_next(&in, &it);)
			x->n_alt_names++;
	} else if (bytes_eq(oid.value, oid_basic) && der_expect(&in, TAG_SEQUENCE, &list)) {
		in = list.value;
		x->is_ca = der_next(&in, &it) && it.tag == TAG_BOOLEAN && it.value.len == 1 &&
			   it.value.ptr[0] != 0;
	}
	return true;
}

/* RFC 5280 4.1.2 */
static bool
read_tbs(struct bytes in, struct x509 *x)
{
	struct item it, issuer, subject, time;
	struct bytes times;

	if (!der_next(&in, &it))
		return false;
	if (it.tag == TAG_VERSION && !der_next(&in, &it))
		return false;
	if (it.tag != TAG_INTEGER || !der_expect(&in, TAG_SEQUENCE, &it) || /* serial, signature */
	    !der_expect(&in, TAG_SEQUENCE, &issuer) || !read_name(issuer.value, x->issuer, NULL) ||
	    !der_expect(&in, TAG_SEQUENCE, &it))
		return false;
	times = it.value;
	if (!der_next(&times, &time))
		return false;
	x->not_before = read_time(&time);
	if (!der_next(&times, &time))
		return false;
	x->not_after = read_time(&time);
	if (!der_expect(&in, TAG_SEQUENCE, &subject) ||
	    !read_name(subject.value, x->subject, x->common_name))
		return false;
	x->self_issued = bytes_eq(issuer.whole, subject.whole);
	if (!der_expect(&in, TAG_SEQUENCE, &it) || !read_key(it.value, x))
		return false;
	while (in.len > 0) {
		struct item list, extension;
		struct bytes all;

		if (!der_next(&in, &it))
			return false;
		if (it.tag != TAG_EXTENSIONS)
			continue; /* unique ids, RFC 5280 4.1.2.8 */
		if (!der_expect(&it.value, TAG_SEQUENCE, &list))
			return false;
		all = list.value;
		for (int n = 0; all.len > 0 && n < X509_EXTENSIONS_MAX; n++) {
			if (!der_expect(&all, TAG_SEQUENCE, &extension) ||
			    !read_extension(extension.value, x))
				return false;
		}
	}
	return true;
}

/* RFC 5280 4.1: { tbsCertificate, signatureAlgorithm, signature }. */
bool
x509_read(struct bytes der, struct x509 *out)
{
	struct item certificate, tbs, algorithm, signature;
	struct bytes in;

	*out = (struct x509){0};
	if (!der_expect(&der, TAG_SEQUENCE, &certificate))
		return false;
	in = certificate.value;
	if (!der_expect(&in, TAG_SEQUENCE, &tbs) || !read_tbs(tbs.value, out) ||
	    !der_expect(&in, TAG_SEQUENCE, &algorithm))
		return false;
	read_signature(algorithm.value, out);
	return der_expect(&in, TAG_BIT_STRING, &signature) && in.len == 0 && der.len == 0;
}
