/* SPDX-License-Identifier: Apache-2.0 */
#include "asset/tables.h"

#include <stdio.h>

#include "asset/tables_data.h"
#include "base/attr.h"

struct bytes
oui_maker(struct mac mac)
{
	uint32_t key = (uint32_t)mac.b[0] << 16 | (uint32_t)mac.b[1] << 8 | mac.b[2];
	size_t low = 0, high = oui_rows_n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (oui_rows[mid].oui < key)
			low = mid + 1;
		else
			high = mid;
	}
	/* All zero is "not known", not Xerox. */
	return !mac_is_zero(mac) && low < oui_rows_n && oui_rows[low].oui == key
		   ? bytes_str(oui_makers[oui_rows[low].maker])
		   : bytes_of(NULL, 0);
}

/* --- models --- */

static bool
is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_joint(uint8_t c)
{
	return c == ' ' || c == '-' || c == '_';
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Bytes of text from `at` that the pattern covers, joints in either left out; 0: it does not. */
static size_t
covers(struct bytes text, size_t at, struct bytes pattern)
{
	size_t i = at, k = 0;

	for (;;) {
		while (k < pattern.len && is_joint(pattern.ptr[k]))
			k++;
		if (k == pattern.len)
			return i - at;
		while (i > at && i < text.len && is_joint(text.ptr[i]))
			i++;
		if (i == text.len || lower(text.ptr[i]) != pattern.ptr[k])
			return 0;
		i++;
		k++;
	}
}

/* A pattern ends where no letter or digit goes on; one of letters may be followed by digits when
 * it is a prefix ("xn" of "XN550"). */
static bool
row_fits(const struct model_row *row, struct bytes text)
{
	struct bytes pattern = bytes_str(row->text);
	size_t starts = row->prefix ? 1 : text.len;

	for (size_t at = 0; at < starts && at < text.len; at++) {
		size_t n = covers(text, at, pattern);
		uint8_t before = at > 0 ? text.ptr[at - 1] : ' ';
		uint8_t after = n > 0 && at + n < text.len ? text.ptr[at + n] : ' ';

		if (n == 0 || is_letter(before) || is_digit(before))
			continue;
		if (!is_letter(after) && !is_digit(after))
			return true;
		if (row->prefix && is_digit(after) && is_letter(pattern.ptr[pattern.len - 1]))
			return true;
	}
	return false;
}

enum { MODEL_TEXT_MAX = 128 };

bool
model_lookup(struct bytes text, struct model_info *out)
{
	const struct model_row *best = NULL;
	size_t best_len = 0;

	*out = (struct model_info){0};
	text = bytes_sub(bytes_trim(text), 0, MODEL_TEXT_MAX);
	for (size_t i = 0; i < model_rows_n; i++) {
		struct bytes name = bytes_str(model_rows[i].name);
		size_t len = bytes_str(model_rows[i].text).len;

		/* A row that names the maker alone gives way to any model. */
		if (bytes_eq(name, bytes_str(model_rows[i].maker)))
			len = 1;
		if (len > best_len && row_fits(&model_rows[i], text)) {
			best = &model_rows[i];
			best_len = len;
		}
	}
	if (best == NULL)
		return false;
	*out = (struct model_info){
	    bytes_str(best->maker), bytes_str(best->class), bytes_str(best->name)};
	return true;
}

/* --- operating systems --- */

static struct wall
wall_of_day(int32_t day)
{
	return (struct wall){(int64_t)day * 86400 * NS_PER_S};
}

static bool
fingerprint(struct bytes options, struct os_support *out)
{
	for (size_t i = 0; i < fingerprint_rows_n; i++) {
		if (bytes_eq(options, bytes_str(fingerprint_rows[i].options))) {
			out->name = bytes_str(fingerprint_rows[i].os);
			return true;
		}
	}
	return false;
}

bool
os_support(struct bytes claim, struct os_support *out)
{
	static const struct bytes options = BYTES_INIT("DHCP options ");
	const struct os_row *best = NULL;
	size_t best_len = 0;

	*out = (struct os_support){0};
	claim = bytes_trim(claim);
	if (bytes_starts(claim, options))
		return fingerprint(bytes_from(claim, options.len), out);
	for (size_t i = 0; i < os_rows_n; i++) {
		struct bytes text = bytes_str(os_rows[i].text);

		if (text.len <= best_len || !(os_rows[i].exact ? bytes_eq_nocase(claim, text)
							       : bytes_starts_nocase(claim, text)))
			continue;
		best = &os_rows[i];
		best_len = text.len;
	}
	if (best == NULL)
		return false;
	out->name = bytes_str(best->name);
	out->end = wall_of_day(best->end);
	out->latest = wall_of_day(best->latest);
	out->source = bytes_str(best->source);
	return true;
}

bool
os_of_ntlm_version(unsigned major, unsigned minor, unsigned build, struct os_support *out)
{
	char text[48];

	(void)snprintf(text, sizeof(text), "Windows %u.%u.%u", major, minor, build);
	return os_support(bytes_str(text), out);
}

/* --- for the asset book --- */

static struct bytes
class_of_model(struct bytes model)
{
	struct model_info info;

	(void)model_lookup(model, &info);
	return info.class;
}

static struct bytes
maker_of_model(struct bytes model)
{
	struct model_info info;

	(void)model_lookup(model, &info);
	return info.maker;
}

const struct asset_knowledge asset_tables = {
    .maker_of_mac = oui_maker,
    .class_of_model = class_of_model,
    .maker_of_model = maker_of_model,
};
