/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>

#include "cli/cli.h"

enum { INDENT = 2, DEPTH_MAX = 32 };

/* Values of devices reach this: no control byte goes to the terminal. */
static void
put_text(const char *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)t[i];

		(void)fputc(c < 0x20 || c == 0x7f ? '?' : c, stdout);
	}
}

static void put_value(const json_t *v, int depth);

static bool
is_plain(const json_t *v)
{
	return !json_is_object(v) && !json_is_array(v);
}

/* An object on one line where it is small and flat. */
static bool
put_flat(const json_t *v)
{
	const char *key, *comma = "";
	json_t *item;

	json_object_foreach((json_t *)(uintptr_t)v, key, item)
	{
		if (!is_plain(item))
			return false;
	}
	json_object_foreach((json_t *)(uintptr_t)v, key, item)
	{
		if (json_is_null(item))
			continue;
		printf("%s%s ", comma, key);
		put_value(item, 0);
		comma = ", ";
	}
	return true;
}

static void
put_object(const json_t *v, int depth)
{
	const char *key;
	json_t *item;

	json_object_foreach((json_t *)(uintptr_t)v, key, item)
	{
		if ((json_is_array(item) && json_array_size(item) == 0) || json_is_null(item))
			continue;
		printf("%*s%-14s", depth * INDENT, "", key);
		if (is_plain(item)) {
			(void)fputc(' ', stdout);
			put_value(item, depth);
			(void)fputc('\n', stdout);
		} else {
			(void)fputc('\n', stdout);
			put_value(item, depth + 1);
		}
	}
}

static void
put_array(const json_t *v, int depth)
{
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)v, i, item)
	{
		printf("%*s- ", depth * INDENT, "");
		if (is_plain(item))
			put_value(item, depth);
		else if (!json_is_object(item) || !put_flat(item)) {
			(void)fputc('\n', stdout);
			put_value(item, depth + 2);
			continue;
		}
		(void)fputc('\n', stdout);
	}
}

static void
put_value(const json_t *v, int depth)
{
	if (depth > DEPTH_MAX)
		return;
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		put_object(v, depth);
		break;
	case JSON_ARRAY:
		put_array(v, depth);
		break;
	case JSON_STRING:
		put_text(json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		printf("%lld", (long long)json_integer_value(v));
		break;
	case JSON_REAL:
		printf("%g", json_real_value(v));
		break;
	case JSON_TRUE:
		(void)fputs("yes", stdout);
		break;
	case JSON_FALSE:
		(void)fputs("no", stdout);
		break;
	default:
		(void)fputs("unknown", stdout);
	}
}

void
cli_pretty_json(struct bytes text)
{
	json_t *v = json_loadb((const char *)text.ptr, text.len, JSON_DECODE_ANY, NULL);

	if (v == NULL)
		return;
	put_value(v, 0);
	json_decref(v);
}

void
cli_pretty_member(struct bytes text, const char *name)
{
	json_t *v = json_loadb((const char *)text.ptr, text.len, 0, NULL);
	json_t *member = json_object_get(v, name);

	if (member != NULL) {
		printf("%s:\n", name);
		put_value(member, 1);
	}
	json_decref(v);
}
