/* SPDX-License-Identifier: Apache-2.0 */
/* Within version*.c: what an order is made of.
 * An order has a check, which says whether a text is a version at all, and a comparison, which is
 * called with texts that passed it (and with FAULT_none may still say that there is no order). */
#pragma once

#include "intel/version.h"

struct version_order {
	enum fault (*check)(struct bytes text);
	enum fault (*compare)(struct bytes a, struct bytes b, int *order);
};

#define ORDER(name) extern const struct version_order version_order_##name;
ORDER(semver)
ORDER(npm)
ORDER(go)
ORDER(deb)
ORDER(rpm)
ORDER(alpm)
ORDER(apk)
ORDER(gentoo)
ORDER(pep440)
ORDER(maven)
ORDER(gem)
ORDER(nuget)
ORDER(openssl)
ORDER(generic)
ORDER(intdot)
ORDER(lexicographic)
ORDER(datetime)
#undef ORDER

static inline bool
version_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool
version_is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline uint8_t
version_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static inline int
version_sign(int x)
{
	return (x > 0) - (x < 0);
}

/* How many bytes at the start are digits, or letters. */
static inline size_t
version_digits(struct bytes t)
{
	size_t n = 0;

	while (n < t.len && version_is_digit(t.ptr[n]))
		n++;
	return n;
}

static inline size_t
version_letters(struct bytes t)
{
	size_t n = 0;

	while (n < t.len && version_is_letter(t.ptr[n]))
		n++;
	return n;
}

/* The first n bytes, and step over them. */
static inline struct bytes
version_take(struct bytes *t, size_t n)
{
	struct bytes head = bytes_sub(*t, 0, n);

	*t = bytes_from(*t, n);
	return head;
}

static inline struct bytes
version_trim_zeros(struct bytes t)
{
	while (t.len > 0 && t.ptr[0] == '0')
		t = bytes_from(t, 1);
	return t;
}

/* Two runs of digits of any length as numbers; nothing is 0. */
static inline int
version_numbers(struct bytes a, struct bytes b)
{
	a = version_trim_zeros(a);
	b = version_trim_zeros(b);
	return a.len != b.len ? (a.len > b.len) - (a.len < b.len) : version_sign(bytes_cmp(a, b));
}

/* Text without case. */
static inline int
version_text_nocase(struct bytes a, struct bytes b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		int d = version_lower(a.ptr[i]) - version_lower(b.ptr[i]);

		if (d != 0)
			return version_sign(d);
	}
	return (a.len > b.len) - (a.len < b.len);
}
