/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

size_t
bytes_find4(struct bytes a, uint8_t c0, uint8_t c1, uint8_t c2, uint8_t c3)
{
	size_t i = 0;

#ifdef __SSE2__
	const __m128i v0 = _mm_set1_epi8((char)c0), v1 = _mm_set1_epi8((char)c1);
	const __m128i v2 = _mm_set1_epi8((char)c2), v3 = _mm_set1_epi8((char)c3);

	for (; a.len - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(a.ptr + i));
		__m128i hit =
		    _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, v0), _mm_cmpeq_epi8(v, v1)),
			_mm_or_si128(_mm_cmpeq_epi8(v, v2), _mm_cmpeq_epi8(v, v3)));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);

		if (mask != 0)
			return i + (size_t)__builtin_ctz(mask);
	}
#endif
	for (; i < a.len; i++) {
		uint8_t c = a.ptr[i];

		if (c == c0 || c == c1 || c == c2 || c == c3)
			return i;
	}
	return a.len;
}

#ifdef __SSE2__
/* FF where one of 16 bytes is one of two. */
static inline __m128i
hits2(const uint8_t *p, __m128i v0, __m128i v1)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);

	return _mm_or_si128(_mm_cmpeq_epi8(v, v0), _mm_cmpeq_epi8(v, v1));
}
#endif

size_t
bytes_find2(struct bytes a, uint8_t c0, uint8_t c1)
{
	size_t i = 0;

#ifdef __SSE2__
	const __m128i v0 = _mm_set1_epi8((char)c0), v1 = _mm_set1_epi8((char)c1);

	for (; a.len - i >= 64; i += 64) {
		const uint8_t *p = a.ptr + i;

		if (_mm_movemask_epi8(
			_mm_or_si128(_mm_or_si128(hits2(p, v0, v1), hits2(p + 16, v0, v1)),
			    _mm_or_si128(hits2(p + 32, v0, v1), hits2(p + 48, v0, v1)))) != 0)
			break;
	}
	for (; a.len - i >= 16; i += 16) {
		unsigned mask = (unsigned)_mm_movemask_epi8(hits2(a.ptr + i, v0, v1));

		if (mask != 0)
			return i + (size_t)__builtin_ctz(mask);
	}
#endif
	while (i < a.len && a.ptr[i] != c0 && a.ptr[i] != c1)
		i++;
	return i;
}

size_t
bytes_find_seq(struct bytes a, struct bytes needle)
{
	size_t at = 0;

	if (needle.len == 0 || needle.len > a.len)
		return a.len;
	while (a.len - at >= needle.len) {
		size_t hop =
		    bytes_find(bytes_sub(a, at, a.len - at - needle.len + 1), needle.ptr[0]);

		at += hop;
		if (a.len - at < needle.len)
			break;
		if (memcmp(a.ptr + at, needle.ptr, needle.len) == 0)
			return at;
		at++;
	}
	return a.len;
}

bool
bytes_starts_nocase(struct bytes a, struct bytes prefix)
{
	if (a.len < prefix.len)
		return false;
	for (size_t i = 0; i < prefix.len; i++) {
		if (lower(a.ptr[i]) != lower(prefix.ptr[i]))
			return false;
	}
	return true;
}

bool
bytes_eq_nocase(struct bytes a, struct bytes b)
{
	return a.len == b.len && bytes_starts_nocase(a, b);
}

int
bytes_cmp(struct bytes a, struct bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	if (c != 0)
		return c;
	return a.len < b.len ? -1 : a.len > b.len;
}

struct bytes
bytes_split(struct bytes a, uint8_t c, struct bytes *rest)
{
	size_t at = bytes_find(a, c);

	*rest = bytes_from(a, at < a.len ? at + 1 : at);
	return bytes_sub(a, 0, at);
}

bool
bytes_to_u64(struct bytes a, uint64_t *v)
{
	uint64_t n = 0;

	if (a.len == 0)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		uint8_t d = (uint8_t)(a.ptr[i] - '0');

		if (d > 9 || __builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)d, &n))
			return false;
	}
	*v = n;
	return true;
}

bool
bytes_eq_secret(struct bytes a, struct bytes b)
{
	uint8_t diff = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		diff |= (uint8_t)(a.ptr[i] ^ b.ptr[i]);
	return diff == 0;
}

bool
bytes_printable(struct bytes a)
{
	for (size_t i = 0; i < a.len; i++) {
		if (a.ptr[i] < 0x20 || a.ptr[i] > 0x7e)
			return false;
	}
	return true;
}
