/* SPDX-License-Identifier: Apache-2.0 */
/* Where two bytes stand in a short text, as bits: what cuts small fields into parts looks once.
 * Total: reads nothing outside the view. */
#pragma once

#include "base/bytes.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { MASK_BYTES_MAX = 64 };

#ifdef __SSE2__
static inline unsigned
mask_of16(__m128i v, uint8_t c0, uint8_t c1)
{
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)c0)),
	    _mm_cmpeq_epi8(v, _mm_set1_epi8((char)c1))));
}
#endif

/* Bit i: a.ptr[i] is c0 or c1. a.len <= MASK_BYTES_MAX. */
static inline uint64_t
bytes_mask2(struct bytes a, uint8_t c0, uint8_t c1)
{
	uint64_t mask = 0;
	size_t i = 0;

#ifdef __SSE2__
	/* The last load overlaps the one before it: the same bits come twice. */
	if (a.len >= 16) {
		for (; a.len - i >= 16; i += 16)
			mask |=
			    (uint64_t)mask_of16(
				_mm_loadu_si128((const __m128i *)(const void *)(a.ptr + i)), c0, c1)
			    << i;
		i = a.len - 16;
		return mask |
		       (uint64_t)mask_of16(
			   _mm_loadu_si128((const __m128i *)(const void *)(a.ptr + i)), c0, c1)
			   << i;
	}
	if (a.len >= 8) {
		int64_t first, last;

		memcpy(&first, a.ptr, 8);
		memcpy(&last, a.ptr + a.len - 8, 8);
		mask = mask_of16(_mm_set_epi64x(last, first), c0, c1);
		return (mask & 0xff) | (mask >> 8) << (a.len - 8);
	}
	if (a.len >= 4) {
		int32_t first, last;

		memcpy(&first, a.ptr, 4);
		memcpy(&last, a.ptr + a.len - 4, 4);
		mask = mask_of16(_mm_set_epi32(0, 0, last, first), c0, c1);
		return (mask & 0xf) | (mask >> 4 & 0xf) << (a.len - 4);
	}
#endif
	for (; i < a.len; i++)
		mask |= (uint64_t)(a.ptr[i] == c0 || a.ptr[i] == c1) << i;
	return mask;
}
