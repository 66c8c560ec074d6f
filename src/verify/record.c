/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/record.h"

#include "base/pack.h"

enum { KIND_CAPTURE = 12, KIND_PROCESS = 13 };

/* A text; empty where the record ends before it. */
static struct bytes
text(struct cursor *c)
{
	return cursor_left(c) == 0 ? (struct bytes){NULL, 0} : unpack_bytes(c, SIZE_MAX);
}

static void
number(struct cursor *c)
{
	if (cursor_left(c) > 0)
		(void)unpack_u64(c);
}

bool
record_fact(struct bytes entry, struct audit_fact *out)
{
	struct cursor c = cursor_of(entry);
	unsigned kind;

	if (cursor_le32(&c) != entry.len - 4 || entry.len < 5)
		return false;
	kind = cursor_u8(&c);
	out->time.ns = (int64_t)unpack_u64(&c);
	out->source = unpack_u64(&c);
	for (int i = 0; i < 5; i++)
		(void)unpack_u64(&c);
	out->kind = FACT_OTHER;
	out->role = out->what = out->detail = (struct bytes){NULL, 0};
	if (kind == KIND_CAPTURE) {
		out->kind = FACT_CAPTURE;
		out->what = text(&c);
		(void)text(&c);
		for (int i = 0; i < 4; i++)
			number(&c);
		out->detail = text(&c);
	} else if (kind == KIND_PROCESS) {
		out->kind = FACT_PROCESS;
		out->role = text(&c);
		out->what = text(&c);
		number(&c);
		out->detail = text(&c);
	}
	return !c.short_;
}
