/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/names/message.h"

bool
dns_open(struct dns_message *m, struct bytes in)
{
	struct cursor c = cursor_of(in);

	*m = (struct dns_message){.in = in, .at = DNS_HEADER_BYTES};
	m->id = cursor_be16(&c);
	m->flags = cursor_be16(&c);
	for (size_t i = 0; i < 4; i++)
		m->n[i] = cursor_be16(&c);
	return !c.short_;
}

static bool
is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* RFC 1035 4.1.4 */
enum dns_fault
dns_name_at(struct bytes in, size_t at, struct dns_name *name, size_t *end)
{
	size_t start = at; /* pointers must lead before this */
	bool jumped = false;

	name->len = 0;
	name->first = 0;
	name->plain = true;
	*end = in.len;
	for (;;) {
		uint8_t len;

		if (at >= in.len)
			return DNS_SHORT;
		len = in.ptr[at];
		if (len == 0)
			break;
		if ((len & 0xc0) == 0xc0) {
			size_t to;

			if (in.len - at < 2)
				return DNS_SHORT;
			to = (size_t)(len & 0x3f) << 8 | in.ptr[at + 1];
			if (!jumped)
				*end = at + 2;
			jumped = true;
			if (to >= start)
				return DNS_LOOP;
			start = at = to;
			continue;
		}
		if ((len & 0xc0) != 0)
			return DNS_LABEL;
		if (in.len - at - 1 < len)
			return DNS_SHORT;
		if (name->len + 1u + len > NAME_TEXT_MAX)
			return DNS_LONG;
		if (name->len > 0)
			name->text[name->len++] = '.';
		for (size_t i = 0; i < len; i++) {
			uint8_t c = in.ptr[at + 1 + i];

			name->plain = name->plain && is_plain(c);
			name->text[name->len++] = c < 0x20 || c == 0x7f ? '?' : c;
		}
		if (name->first == 0)
			name->first = len;
		at += 1u + len;
	}
	if (!jumped)
		*end = at + 1;
	return DNS_OK;
}

bool
dns_question(struct dns_message *m, struct dns_record *r)
{
	size_t end;

	if (m->fault == DNS_OK)
		m->fault = dns_name_at(m->in, m->at, &r->name, &end);
	if (m->fault != DNS_OK)
		return false;
	if (m->in.len - end < 4) {
		m->fault = DNS_SHORT;
		return false;
	}
	r->type = load_be16(m->in.ptr + end);
	r->class = load_be16(m->in.ptr + end + 2);
	r->ttl = 0;
	r->at = m->at = end + 4;
	r->data = bytes_of(NULL, 0);
	return true;
}

bool
dns_record(struct dns_message *m, struct dns_record *r)
{
	size_t len;

	if (!dns_question(m, r))
		return false;
	if (m->in.len - m->at < 6) {
		m->fault = DNS_SHORT;
		return false;
	}
	r->ttl = load_be32(m->in.ptr + m->at);
	len = load_be16(m->in.ptr + m->at + 4);
	r->at = m->at + 6;
	if (m->in.len - r->at < len) {
		m->fault = DNS_SHORT;
		return false;
	}
	r->data = bytes_sub(m->in, r->at, len);
	m->at = r->at + len;
	return true;
}

bool
netbios_name_of(struct bytes letters, struct netbios_name *n)
{
	uint8_t raw[NETBIOS_NAME_BYTES + 1];

	if (letters.len < 2 * sizeof(raw))
		return false;
	for (size_t i = 0; i < sizeof(raw); i++) {
		uint8_t hi = (uint8_t)(letters.ptr[2 * i] - 'A');
		uint8_t lo = (uint8_t)(letters.ptr[2 * i + 1] - 'A');

		if (hi > 15 || lo > 15)
			return false;
		raw[i] = (uint8_t)(hi << 4 | lo);
	}
	n->suffix = raw[NETBIOS_NAME_BYTES];
	n->len = NETBIOS_NAME_BYTES;
	while (n->len > 0 && (raw[n->len - 1] == ' ' || raw[n->len - 1] == 0))
		n->len--;
	for (size_t i = 0; i < n->len; i++)
		n->text[i] = raw[i] < 0x20 || raw[i] == 0x7f ? '?' : raw[i];
	return true;
}
