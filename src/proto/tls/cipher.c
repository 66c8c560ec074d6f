/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tls/tls.h"

#define GRADE_CLEAR  TLS_GRADE_WEAK, "no encryption"
#define GRADE_EXPORT TLS_GRADE_WEAK, "export key of 40 or 56 bits"
#define GRADE_ANON   TLS_GRADE_WEAK, "no authentication"
#define GRADE_RC4    TLS_GRADE_WEAK, "RC4"
#define GRADE_RC2    TLS_GRADE_WEAK, "RC2"
#define GRADE_DES    TLS_GRADE_WEAK, "single DES"
#define GRADE_TDES   TLS_GRADE_WEAK, "3DES"
#define GRADE_IDEA   TLS_GRADE_WEAK, "IDEA"
#define GRADE_MD5    TLS_GRADE_WEAK, "MD5"
#define GRADE_STATIC TLS_GRADE_LEGACY, "no forward secrecy"
#define GRADE_CBC    TLS_GRADE_LEGACY, "CBC mode"
#define GRADE_NONE   TLS_GRADE_GOOD, ""
#define GRADE_SIGNAL TLS_GRADE_UNKNOWN, ""

/* One row of the table; the marks expand to two initializers. */
#define ROW(number, name, ...)            ROW_(number, name, __VA_ARGS__)
#define ROW_(number, name, grade, reason) {number, grade, name, reason},

static const struct tls_cipher table[] = {
#define CIPHER(number, name, mark) ROW(number, name, GRADE_##mark)
#include "proto/tls/ciphers.def"
};

/* The table is sorted by number. */
const struct tls_cipher *
tls_cipher(uint16_t number)
{
	size_t low = 0, high = ARRAY_LEN(table);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (table[mid].number == number)
			return &table[mid];
		if (table[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct tls_cipher *
tls_cipher_named(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (bytes_eq(bytes_str(table[i].name), name))
			return &table[i];
	}
	return NULL;
}

bool
tls_cipher_is_weak(struct bytes name)
{
	const struct tls_cipher *c = tls_cipher_named(name);

	return c != NULL && c->grade == TLS_GRADE_WEAK;
}

bool
tls_version_is_draft(uint16_t version)
{
	return version >> 8 == 0x7f || version >> 8 == 0xfb;
}

const char *
tls_version_name(uint16_t version)
{
	if (tls_version_is_draft(version))
		return "TLS 1.3 draft";
	switch (version) {
	case 0x0002:
		return "SSL 2.0";
	case 0x0300:
		return "SSL 3.0";
	case 0x0301:
		return "TLS 1.0";
	case 0x0302:
		return "TLS 1.1";
	case 0x0303:
		return "TLS 1.2";
	case 0x0304:
		return "TLS 1.3";
	default:
		return "unknown";
	}
}

bool
tls_version_is_old(struct bytes version)
{
	return bytes_starts(version, BYTES("SSL ")) || bytes_eq(version, BYTES("TLS 1.0")) ||
	       bytes_eq(version, BYTES("TLS 1.1"));
}
