/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <stdio.h>

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool
ip_is_v4(struct ip a)
{
	return memcmp(a.b, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool
ip_is_zero(struct ip a)
{
	static const struct ip zero;

	return ip_eq(a, zero);
}

bool
mac_is_zero(struct mac m)
{
	static const struct mac zero;

	return mac_eq(m, zero);
}

bool
mac_is_group(struct mac m)
{
	return (m.b[0] & 1) != 0;
}

bool
ip_is_group(struct ip a)
{
	if (ip_is_zero(a))
		return true;
	if (ip_is_v4(a))
		return a.b[12] == 0 || a.b[12] >= 224;
	return a.b[0] == 0xff;
}

bool
ip_is_loopback(struct ip a)
{
	static const struct ip v6 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

	return ip_is_v4(a) ? a.b[12] == 127 : ip_eq(a, v6);
}

bool
ip_is_private(struct ip a)
{
	const uint8_t *v4 = a.b + 12;

	if (ip_is_loopback(a))
		return true;
	if (!ip_is_v4(a))
		return (a.b[0] & 0xfe) == 0xfc || (a.b[0] == 0xfe && (a.b[1] & 0xc0) == 0x80);
	return v4[0] == 10 || (v4[0] == 172 && (v4[1] & 0xf0) == 16) ||
	       (v4[0] == 192 && v4[1] == 168) || (v4[0] == 169 && v4[1] == 254) ||
	       (v4[0] == 100 && (v4[1] & 0xc0) == 64);
}

/* RFC 5952: the longest run of two or more zero groups, the first of equals, becomes "::". */
static size_t
v6_format(struct ip a, char out[IP_TEXT_MAX])
{
	int best = -1, best_len = 1;
	size_t n = 0;

	for (int i = 0; i < 8; i++) {
		int len = 0;

		while (i + len < 8 && a.b[2 * (i + len)] == 0 && a.b[2 * (i + len) + 1] == 0)
			len++;
		if (len > best_len) {
			best = i;
			best_len = len;
		}
		i += len;
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			n += (size_t)snprintf(out + n, IP_TEXT_MAX - n, "::");
			i += best_len - 1;
			continue;
		}
		n += (size_t)snprintf(out + n, IP_TEXT_MAX - n, "%s%x",
		    i > 0 && i != best + best_len ? ":" : "",
		    (unsigned)(a.b[2 * i] << 8 | a.b[2 * i + 1]));
	}
	return n;
}

size_t
ip_format(struct ip a, char out[IP_TEXT_MAX])
{
	if (ip_is_v4(a))
		return (size_t)snprintf(
		    out, IP_TEXT_MAX, "%u.%u.%u.%u", a.b[12], a.b[13], a.b[14], a.b[15]);
	return v6_format(a, out);
}

size_t
mac_format(struct mac m, char out[MAC_TEXT_MAX])
{
	return (size_t)snprintf(out, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", m.b[0], m.b[1],
	    m.b[2], m.b[3], m.b[4], m.b[5]);
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
v4_parse(struct bytes t, uint8_t out[4])
{
	for (int i = 0; i < 4; i++) {
		struct bytes part = bytes_split(t, '.', &t);
		uint64_t v;

		if (part.len > 3 || !bytes_to_u64(part, &v) || v > 255)
			return false;
		out[i] = (uint8_t)v;
	}
	return t.len == 0;
}

/* RFC 4291 2.2: eight groups, one "::", an IPv4 tail. */
static bool
v6_parse(struct bytes t, uint8_t out[16])
{
	uint8_t b[16] = {0};
	size_t n = 0, at = 0, gap = SIZE_MAX;

	if (bytes_starts(t, BYTES("::"))) {
		gap = 0;
		at = 2;
	}
	while (at < t.len) {
		struct bytes rest = bytes_from(t, at);
		size_t i = 0;
		unsigned v = 0;

		if (bytes_find(rest, '.') < rest.len && bytes_find(rest, ':') == rest.len) {
			if (n > 12 || !v4_parse(rest, b + n))
				return false;
			n += 4;
			at = t.len;
			break;
		}
		for (; i < rest.len && hex_digit(rest.ptr[i]) >= 0; i++) {
			if (i == 4)
				return false;
			v = v << 4 | (unsigned)hex_digit(rest.ptr[i]);
		}
		if (i == 0 || n > 14)
			return false;
		b[n++] = (uint8_t)(v >> 8);
		b[n++] = (uint8_t)v;
		at += i;
		if (at == t.len)
			break;
		if (t.ptr[at++] != ':' || at == t.len)
			return false;
		if (t.ptr[at] == ':') {
			if (gap != SIZE_MAX)
				return false;
			gap = n;
			at++;
		}
	}
	if (gap == SIZE_MAX ? n != 16 : n > 14)
		return false;
	memset(out, 0, 16);
	if (gap == SIZE_MAX)
		gap = n;
	memcpy(out, b, gap);
	memcpy(out + 16 - (n - gap), b + gap, n - gap);
	return true;
}

bool
ip_parse(struct bytes text, struct ip *a)
{
	uint8_t b[16];

	if (bytes_find(text, ':') < text.len) {
		if (!v6_parse(text, b))
			return false;
		*a = ip_from_v6(b);
		return true;
	}
	if (!v4_parse(text, b))
		return false;
	*a = ip_from_v4(b);
	return true;
}

bool
mac_parse(struct bytes t, struct mac *m)
{
	struct mac out;
	size_t step = t.len == 12 ? 2 : 3;

	if (t.len != 12 && t.len != 17)
		return false;
	for (size_t i = 0; i < 6; i++) {
		int hi = hex_digit(t.ptr[i * step]), lo = hex_digit(t.ptr[i * step + 1]);

		if (hi < 0 || lo < 0)
			return false;
		if (step == 3 && i < 5 && t.ptr[i * 3 + 2] != ':' && t.ptr[i * 3 + 2] != '-')
			return false;
		out.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*m = out;
	return true;
}
