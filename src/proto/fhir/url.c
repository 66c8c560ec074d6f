/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/fhir/url.h"

#include "proto/fhir/resource.h"
#include "proto/http/identity.h"

enum { PARAMETER_MAX = 128 };

/* Search parameters whose value tells of a patient. */
static const char *const patient_parameters[] = {"patient", "subject", "identifier", "name",
    "family", "given", "birthdate", "phone", "email", "telecom", "address", "address-city",
    "address-postalcode", "death-date", "beneficiary", "individual"};

static unsigned
hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9'   ? (unsigned)c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10u
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10u
				      : 16;
}

/* RFC 3986 2.1, into out; cut at room. */
static struct bytes
unescape(struct bytes in, uint8_t *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len && n < room; i++) {
		uint8_t c = in.ptr[i];

		if (c == '%' && in.len - i > 2 && hex_digit(in.ptr[i + 1]) < 16 &&
		    hex_digit(in.ptr[i + 2]) < 16) {
			c = (uint8_t)(hex_digit(in.ptr[i + 1]) << 4 | hex_digit(in.ptr[i + 2]));
			i += 2;
		}
		out[n++] = c;
	}
	return bytes_of(out, n);
}

static bool
is_patient_parameter(struct bytes name)
{
	struct bytes modifier;

	name = bytes_split(name, ':', &modifier); /* "name:exact" */
	name = bytes_split(name, '.', &modifier); /* "subject.identifier" */
	for (size_t i = 0; i < ARRAY_LEN(patient_parameters); i++) {
		if (bytes_eq(name, bytes_str(patient_parameters[i])))
			return true;
	}
	return false;
}

/* A parameter that refers to one patient gives the hash: reference, or system|value. */
static void
take_patient(const struct observer *o, struct fhir_url *u, struct bytes name, struct bytes value)
{
	bool refers = bytes_starts(name, BYTES("patient")) || bytes_starts(name, BYTES("subject"));
	uint8_t text[PARAMETER_MAX];
	size_t bar;

	if (!refers && !(bytes_starts(name, BYTES("identifier")) &&
			   bytes_eq(bytes_str(u->type), BYTES("Patient"))))
		return;
	value = unescape(value, text, sizeof(text));
	bar = bytes_find(value, '|');
	if (bar < value.len)
		value = bytes_from(value, bar + 1);
	if (hash128_is_zero(u->patient))
		u->patient = observer_hash(o, fhir_reference_id(value));
}

void
fhir_url_read(const struct observer *o, struct bytes target, struct fhir_url *u)
{
	struct bytes query, rest = http_path(target, &query), last = {NULL, 0};

	*u = (struct fhir_url){.n_patient_fields = 0};
	while (rest.len > 0) {
		struct bytes part = bytes_split(rest, '/', &rest);

		if (part.len == 0)
			continue;
		if (fhir_type(part) != NULL) {
			fhir_word(u->type, sizeof(u->type), part);
			u->operation[0] = 0;
		} else if (part.ptr[0] == '$' || part.ptr[0] == '_' ||
			   (bytes_eq(part, BYTES("metadata")) && rest.len == 0)) {
			fhir_word(u->operation, sizeof(u->operation), part);
		} else if (bytes_eq(last, BYTES("Patient"))) {
			u->patient = observer_hash(o, part);
		}
		last = part;
	}
	while (query.len > 0) {
		struct bytes value, item = bytes_split(query, '&', &query);
		struct bytes name = bytes_split(item, '=', &value);

		if (value.len == 0 || !is_patient_parameter(name))
			continue;
		/* "name" and "identifier" of other types tell of devices, places, codes. */
		if (!bytes_eq(bytes_str(u->type), BYTES("Patient")) &&
		    !bytes_starts(name, BYTES("patient")) && !bytes_starts(name, BYTES("subject")))
			continue;
		u->n_patient_fields++;
		take_patient(o, u, name, value);
	}
}
