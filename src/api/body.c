/* SPDX-License-Identifier: Apache-2.0 */
#include "api/body.h"

#include <jansson.h>
#include <stdlib.h>

struct body {
	json_t *root;
};

void
body_seed(uint32_t seed)
{
	json_object_seed(seed | 1U);
}

struct body *
body_parse(struct bytes in, int *at)
{
	struct body *b = calloc(1, sizeof(*b));
	json_error_t where = {0};

	if (b != NULL)
		b->root = json_loadb((const char *)in.ptr, in.len, JSON_REJECT_DUPLICATES, &where);
	*at = where.position;
	if (b != NULL && json_is_object(b->root))
		return b;
	body_free(b);
	return NULL;
}

bool
body_field(const struct body *b, size_t i, struct body_field *out)
{
	void *it = json_object_iter(b->root);
	const json_t *v;

	while (it != NULL && i-- > 0)
		it = json_object_iter_next(b->root, it);
	if (it == NULL)
		return false;
	v = json_object_iter_value(it);
	*out = (struct body_field){.name = json_object_iter_key(it), .is_text = json_is_string(v)};
	if (out->is_text)
		out->text = bytes_of(json_string_value(v), json_string_length(v));
	return true;
}

const char *
body_text(const struct body *b, const char *name)
{
	const char *text = b == NULL ? NULL : json_string_value(json_object_get(b->root, name));

	return text == NULL ? "" : text;
}

bool
body_has(const struct body *b, const char *name)
{
	return b != NULL && json_object_get(b->root, name) != NULL;
}

void
body_free(struct body *b)
{
	if (b != NULL)
		json_decref(b->root);
	free(b);
}
