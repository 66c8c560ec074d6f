/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/observer.h"

struct hash128
observer_hash(const struct observer *o, struct bytes id)
{
	id = bytes_trim(id);
	if (id.len == 0)
		return (struct hash128){{0}};
	return sip128(o->key, id);
}

void
observe_message(
    const struct observer *o, enum name_value dir, uint64_t offset, const struct ev_message *m)
{
	o->emit(o->owner, dir, offset, EV_message, m);
}

static void
claim(const struct observer *o, enum name_value dir, uint64_t offset, enum name_value attr,
    struct bytes value, const char *source, unsigned confidence, unsigned behind)
{
	struct ev_claim c = {
	    .attr = attr,
	    .value = bytes_trim(value),
	    .source = bytes_str(source),
	    .confidence = confidence,
	    .behind = behind,
	};

	if (c.value.len > 0)
		o->emit(o->owner, dir, offset, EV_claim, &c);
}

void
observe_claim(const struct observer *o, enum name_value dir, uint64_t offset, enum name_value attr,
    struct bytes value, const char *source, unsigned confidence)
{
	claim(o, dir, offset, attr, value, source, confidence, 0);
}

void
observe_claim_behind(const struct observer *o, enum name_value dir, uint64_t offset,
    enum name_value attr, struct bytes value, const char *source, unsigned confidence)
{
	claim(o, dir, offset, attr, value, source, confidence, 1);
}

void
observe_anomaly(const struct observer *o, enum name_value dir, uint64_t offset, enum anomaly name,
    enum proto proto, const char *detail)
{
	struct ev_anomaly a = {
	    .name = name, .proto = proto, .count = 1, .detail = bytes_str(detail)};

	o->emit(o->owner, dir, offset, EV_anomaly, &a);
}

struct signature {
	struct bytes head;
	enum name_value magic;
};

enum name_value
magic_of(struct bytes head)
{
	static const struct signature table[] = {
	    {BYTES_INIT("MZ"), magic_pe},
	    {BYTES_INIT("\x7f"
			"ELF"),
		magic_elf},
	    {BYTES_INIT("\xfe\xed\xfa\xce"), magic_macho},
	    {BYTES_INIT("\xfe\xed\xfa\xcf"), magic_macho},
	    {BYTES_INIT("\xce\xfa\xed\xfe"), magic_macho},
	    {BYTES_INIT("\xcf\xfa\xed\xfe"), magic_macho},
	    {BYTES_INIT("\xca\xfe\xba\xbe"), magic_macho},
	    {BYTES_INIT("#!"), magic_script},
	    {BYTES_INIT("PK\x03\x04"), magic_zip},
	    {BYTES_INIT("%PDF"), magic_pdf},
	    {BYTES_INIT("<"), magic_html},
	    {BYTES_INIT("\x89PNG"), magic_image},
	    {BYTES_INIT("\xff\xd8\xff"), magic_image},
	    {BYTES_INIT("GIF8"), magic_image},
	    {BYTES_INIT("II*\0"), magic_tiff},
	    {BYTES_INIT("MM\0*"), magic_tiff},
	    {BYTES_INIT("II+\0"), magic_tiff},
	    {BYTES_INIT("MM\0+"), magic_tiff},
	};
	static const uint8_t zero[16];

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (bytes_starts(head, table[i].head))
			return table[i].magic;
	}
	head = bytes_sub(head, 0, sizeof(zero));
	if (head.len > 0 && memcmp(head.ptr, zero, head.len) == 0)
		return magic_zero;
	return head.len > 0 && bytes_printable(head) ? magic_text : magic_other;
}

bool
account_is_common(struct bytes name)
{
	static const char *const common[] = {"root", "admin", "administrator", "anonymous", "guest",
	    "user", "test", "ftp", "service", "support", "operator", "supervisor", "orthanc",
	    "default", "manager", "sysadmin", "lis", "lab"};

	for (size_t i = 0; i < ARRAY_LEN(common); i++) {
		if (bytes_eq_nocase(name, bytes_str(common[i])))
			return true;
	}
	return false;
}
