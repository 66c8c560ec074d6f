/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/version.h"

#include "intel/version_rules.h"

struct version_scheme {
	struct bytes name;
	const char *order_name;
	const struct version_order *order;
};

static const struct version_scheme schemes[] = {
#define SCHEME(name, order) {BYTES_INIT(name), #order, &version_order_##order},
#include "intel/version_schemes.def"
};

const struct version_scheme *
version_scheme_named(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (bytes_eq_nocase(schemes[i].name, name))
			return &schemes[i];
	return NULL;
}

const char *
version_scheme_name(const struct version_scheme *s)
{
	return s->order_name;
}

const char *
version_scheme_at(size_t i)
{
	return i < ARRAY_LEN(schemes) ? (const char *)schemes[i].name.ptr : NULL;
}

enum fault
version_check(const struct version_scheme *s, struct bytes text)
{
	if (text.len == 0)
		return FAULT_empty;
	if (text.len > VERSION_TEXT_MAX)
		return FAULT_too_long;
	return s->order->check(text);
}

enum fault
version_compare(const struct version_scheme *s, struct bytes a, struct bytes b, int *order, int *of)
{
	enum fault fa = version_check(s, a), fb = version_check(s, b), f;

	*order = 0;
	*of = fa == FAULT_none ? 1 : fb == FAULT_none ? 0 : 2;
	if (fa != FAULT_none || fb != FAULT_none)
		return fa != FAULT_none ? fa : fb;
	*of = 2;
	if ((f = s->order->compare(a, b, order)) != FAULT_none)
		*order = 0;
	return f;
}
