/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/lis02/lis02.h"

#include "base/attr.h"
#include "base/mask.h"

bool
lis02_is_letter(uint8_t c)
{
	static const uint32_t set = 1u << ('H' - 'A') | 1u << ('P' - 'A') | 1u << ('O' - 'A') |
				    1u << ('R' - 'A') | 1u << ('C' - 'A') | 1u << ('Q' - 'A') |
				    1u << ('L' - 'A') | 1u << ('M' - 'A') | 1u << ('S' - 'A');

	return c >= 'A' && c <= 'Z' && (set >> (c - 'A') & 1) != 0;
}

static bool
is_punctuation(uint8_t c)
{
	return c > 0x20 && c < 0x7f && !(c >= '0' && c <= '9') &&
	       !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

bool
lis02_starts_record(struct bytes text, uint8_t field)
{
	if (text.len < 2 || !lis02_is_letter(text.ptr[0]))
		return false;
	return text.ptr[1] == field || (text.ptr[0] == 'H' && is_punctuation(text.ptr[1]));
}

/* LIS02-A2 5.4.1 and 6.2: the byte after H, then repeat, component, escape up to the next one. */
enum lis02_delims_kind
lis02_delims_of(struct bytes header, struct lis02_delims *d)
{
	struct bytes rest, text;

	*d = LIS02_DELIMS_DEFAULT;
	if (header.len < 2)
		return LIS02_DELIMS_BROKEN;
	d->field = header.ptr[1];
	text = bytes_split(bytes_from(header, 2), d->field, &rest);
	if (bytes_eq(text, BYTES("\\\\^&")))
		return LIS02_DELIMS_DOUBLED;
	if (text.len > 0)
		d->repeat = text.ptr[0];
	if (text.len > 1)
		d->component = text.ptr[1];
	d->escape = text.len > 2 ? text.ptr[2] : 0;
	if (text.len < 2 || text.len > 3 || d->repeat == d->component || d->repeat == d->escape ||
	    d->component == d->escape)
		return LIS02_DELIMS_BROKEN;
	return d->field == '|' && bytes_eq(text, BYTES("\\^&")) ? LIS02_DELIMS_USUAL
								: LIS02_DELIMS_OTHER;
}

size_t
lis02_split(struct bytes record, uint8_t field, struct bytes *f, size_t max, bool *more)
{
	size_t n = 0, from = 0;

	*more = false;
	for (size_t base = 0; base < record.len; base += MASK_BYTES_MAX) {
		uint64_t marks = bytes_mask2(bytes_sub(record, base, MASK_BYTES_MAX), field, field);

		for (; marks != 0 && n < max; marks &= marks - 1) {
			size_t at = base + (size_t)__builtin_ctzll(marks);

			f[n++] = (struct bytes){record.ptr + from, at - from};
			from = at + 1;
		}
	}
	if (n < max)
		f[n++] = bytes_from(record, from);
	else
		*more = true;
	return n;
}

/* lis02_component() of a short field, with one look at it. */
static struct bytes
short_component(struct bytes field, const struct lis02_delims *d, size_t n)
{
	uint64_t marks;
	size_t from = 0, at;

	if (field.len == 0) /* its pointer may be NULL */
		return (struct bytes){NULL, 0};
	marks = bytes_mask2(field, d->component, d->repeat);
	for (;; from = at + 1, marks &= marks - 1) {
		at = marks == 0 ? field.len : (size_t)__builtin_ctzll(marks);
		if (--n == 0)
			return (struct bytes){field.ptr + from, at - from};
		if (at == field.len || field.ptr[at] == d->repeat)
			return (struct bytes){NULL, 0};
	}
}

struct bytes
lis02_component(struct bytes field, const struct lis02_delims *d, size_t n)
{
	struct bytes rest, one;

	if (LIKELY(field.len <= MASK_BYTES_MAX))
		return short_component(field, d, n);
	one = bytes_split(field, d->repeat, &rest);
	while (n > 1 && one.len > 0) {
		size_t at = bytes_find(one, d->component);

		if (at == one.len)
			return (struct bytes){NULL, 0};
		one = bytes_from(one, at + 1);
		n--;
	}
	return bytes_sub(one, 0, bytes_find(one, d->component));
}

struct bytes
lis02_component_trim(struct bytes field, const struct lis02_delims *d, size_t n)
{
	return bytes_trim(lis02_component(field, d, n));
}

/* --- escapes, LIS02-A2 5.4.4 --- */

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes that an escape's inside stands for, appended at *n; false where it is not known. */
static bool
unescape_one(struct bytes in, const struct lis02_delims *d, uint8_t *out, size_t room, size_t *n)
{
	uint8_t c = 0;

	if (in.len == 0)
		return false;
	if (in.len == 1) {
		switch (in.ptr[0]) {
		case 'F':
			c = d->field;
			break;
		case 'S':
			c = d->component;
			break;
		case 'R':
			c = d->repeat;
			break;
		case 'E':
			c = d->escape;
			break;
		case 'H': /* highlighting on and off */
		case 'N':
			return true;
		default:
			return false;
		}
		if (*n < room)
			out[(*n)++] = c;
		return true;
	}
	if (in.ptr[0] != 'X' || in.len % 2 == 0)
		return false;
	for (size_t i = 1; i < in.len; i += 2) {
		if (hex_value(in.ptr[i]) < 0 || hex_value(in.ptr[i + 1]) < 0)
			return false;
	}
	for (size_t i = 1; i < in.len && *n < room; i += 2)
		out[(*n)++] = (uint8_t)(hex_value(in.ptr[i]) << 4 | hex_value(in.ptr[i + 1]));
	return true;
}

struct bytes
lis02_unescape(
    struct bytes text, const struct lis02_delims *d, uint8_t *out, size_t room, size_t *bad)
{
	size_t n = 0;

	*bad = 0;
	if (d->escape == 0 || bytes_find(text, d->escape) == text.len)
		return text;
	while (text.len > 0) {
		size_t at = bytes_find(text, d->escape), end;
		struct bytes plain = bytes_sub(text, 0, at < room - n ? at : room - n);

		if (plain.len > 0)
			memcpy(out + n, plain.ptr, plain.len);
		n += plain.len;
		if (at == text.len)
			break;
		text = bytes_from(text, at + 1);
		end = bytes_find(text, d->escape);
		if (end < text.len && unescape_one(bytes_sub(text, 0, end), d, out, room, &n)) {
			text = bytes_from(text, end + 1);
			continue;
		}
		(*bad)++;
		if (n < room)
			out[n++] = d->escape;
	}
	return bytes_of(out, n);
}

/* --- writing --- */

static void
write_fields(struct buf *out, const struct lis02_delims *d, const struct bytes *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_byte(out, d->field);
		buf_add(out, fields[i]);
	}
	buf_byte(out, '\r');
}

void
lis02_write_header(
    struct buf *out, const struct lis02_delims *d, const struct bytes *fields, size_t n)
{
	buf_byte(out, 'H');
	buf_byte(out, d->field);
	buf_byte(out, d->repeat);
	buf_byte(out, d->component);
	if (d->escape != 0)
		buf_byte(out, d->escape);
	write_fields(out, d, fields, n);
}

void
lis02_write_record(struct buf *out, const struct lis02_delims *d, char letter,
    const struct bytes *fields, size_t n)
{
	buf_byte(out, (uint8_t)letter);
	write_fields(out, d, fields, n);
}

void
lis02_write_text(struct buf *out, const struct lis02_delims *d, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		char name = c == d->field       ? 'F'
			    : c == d->component ? 'S'
			    : c == d->repeat    ? 'R'
			    : c == d->escape    ? 'E'
						: 0;

		if (d->escape == 0 || (name == 0 && c >= 0x20)) {
			buf_byte(out, c);
			continue;
		}
		buf_byte(out, d->escape);
		if (name != 0)
			buf_byte(out, (uint8_t)name);
		else
			buf_printf(out, "X%02X", c);
		buf_byte(out, d->escape);
	}
}
