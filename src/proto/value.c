/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/value.h"

#include "base/attr.h"

bool
value_is_number(struct bytes v)
{
	static const char more[] = ".,+-*<>=:/%^() ";

	if (v.len == 0 || v.len > VALUE_TEXT_MAX)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];

		if (c >= '0' && c <= '9')
			continue;
		/* An exponent stands behind a digit and before a digit or a sign. */
		if ((c == 'e' || c == 'E') && i > 0 && i + 1 < v.len && v.ptr[i - 1] >= '0' &&
		    v.ptr[i - 1] <= '9')
			continue;
		if (c == 0 || memchr(more, c, sizeof(more) - 1) == NULL)
			return false;
	}
	return true;
}

bool
value_is_word(struct bytes v)
{
	static const struct bytes words[] = {
#define VALUE(text) BYTES_INIT(text),
#include "proto/values.def"
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (bytes_eq_nocase(v, words[i]))
			return true;
	}
	return false;
}

bool
value_is_plain(struct bytes v)
{
	v = bytes_trim(v);
	return value_is_number(v) || value_is_word(v);
}
