/* SPDX-License-Identifier: Apache-2.0 */
/* Views of bytes: a pointer and a length, by value, never owning.
 * Total: no function reads outside [ptr, ptr+len). A view of length 0 may hold any pointer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *ptr;
	size_t len;
};

/* The bytes of a string literal, without its terminator. */
#define BYTES(lit) ((struct bytes){(const uint8_t *)("" lit), sizeof(lit) - 1})

/* The same as an initializer of static tables. */
#define BYTES_INIT(lit)                                                                            \
	{                                                                                          \
		(const uint8_t *)("" lit), sizeof(lit) - 1                                         \
	}

static inline struct bytes
bytes_of(const void *p, size_t n)
{
	return (struct bytes){p, n};
}

/* The bytes of a terminated string of ours (never of input); NULL gives an empty view. */
static inline struct bytes
bytes_str(const char *s)
{
	return (struct bytes){(const uint8_t *)s, s == NULL ? 0 : strlen(s)};
}

static inline bool
bytes_eq(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
bytes_starts(struct bytes a, struct bytes prefix)
{
	return a.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

/* From byte `from` on, at most n bytes; cut to what is there. */
static inline struct bytes
bytes_sub(struct bytes a, size_t from, size_t n)
{
	if (from > a.len)
		from = a.len;
	if (n > a.len - from)
		n = a.len - from;
	return (struct bytes){a.ptr == NULL ? NULL : a.ptr + from, n};
}

static inline struct bytes
bytes_from(struct bytes a, size_t from)
{
	return bytes_sub(a, from, SIZE_MAX);
}

/* Index of the first byte c, or a.len where there is none. */
static inline size_t
bytes_find(struct bytes a, uint8_t c)
{
	const uint8_t *p = a.len == 0 ? NULL : memchr(a.ptr, c, a.len);

	return p == NULL ? a.len : (size_t)(p - a.ptr);
}

/* Index of the first byte that is one of four (equal ones may be given), or a.len. 16 bytes a step.
 */
size_t bytes_find4(struct bytes a, uint8_t c0, uint8_t c1, uint8_t c2, uint8_t c3);

/* The same for two, 64 bytes a step. */
size_t bytes_find2(struct bytes a, uint8_t c0, uint8_t c1);

/* Index of the first occurrence of needle (at least one byte), or a.len. Linear for our short
 * needles: O(a.len * needle.len) at worst. */
size_t bytes_find_seq(struct bytes a, struct bytes needle);

/* ASCII letters compare equal in either case. */
bool bytes_eq_nocase(struct bytes a, struct bytes b);
bool bytes_starts_nocase(struct bytes a, struct bytes prefix);

/* Order as memcmp, the shorter first where one is a prefix of the other. */
int bytes_cmp(struct bytes a, struct bytes b);

/* Without leading and trailing bytes <= 0x20. */
static inline struct bytes
bytes_trim(struct bytes a)
{
	while (a.len > 0 && a.ptr[0] <= 0x20) {
		a.ptr++;
		a.len--;
	}
	while (a.len > 0 && a.ptr[a.len - 1] <= 0x20)
		a.len--;
	return a;
}

/* The part before the first byte c; *rest gets what follows it (empty where there is no c). */
struct bytes bytes_split(struct bytes a, uint8_t c, struct bytes *rest);

/* Decimal digits only, at least one, no sign. False (and *v untouched) on anything else or on
 * overflow. */
bool bytes_to_u64(struct bytes a, uint64_t *v);

/* Equal in time that depends on the lengths only. For secrets. */
bool bytes_eq_secret(struct bytes a, struct bytes b);

/* True where every byte is 0x20..0x7e. */
bool bytes_printable(struct bytes a);
