/* SPDX-License-Identifier: Apache-2.0 */
/* Input: byte 0 = seed of the cuts, byte 1 = cap in units of 8 bytes (0: none to speak of), the
 * rest is the stream. The whole and the cut stream must tell the same, and every byte must be in
 * some unit, in junk, or behind a told cut. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mllp/mllp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
note(struct buf *out, const struct mllp_event *ev)
{
	if (ev->kind == MLLP_MORE)
		return;
	buf_printf(out, "%d %x %llu %llu %llu ", ev->kind, ev->flags,
	    (unsigned long long)ev->offset, (unsigned long long)ev->body_offset,
	    (unsigned long long)ev->size);
	buf_hex(out, ev->body);
	buf_byte(out, '\n');
}

static void
run(struct bytes in, size_t cap, unsigned seed, struct buf *out)
{
	struct budget budget = {.cap = 1 << 26};
	struct buf_pool pool = {0};
	struct mllp_event ev;
	struct mllp p;

	mllp_init(&p, &pool, &budget, cap);
	while (in.len > 0) {
		size_t n = in.len;
		struct bytes part;

		if (seed > 0) {
			seed = seed * 1103515245u + 12345u;
			n = 1 + (seed >> 16) % 7;
		}
		part = bytes_sub(in, 0, n);
		in = bytes_from(in, part.len);
		do {
			ev = mllp_next(&p, &part);
			note(out, &ev);
		} while (ev.kind != MLLP_MORE);
	}
	ev = mllp_end(&p);
	note(out, &ev);
	mllp_free(&p);
	buf_pool_free(&pool);
	if (budget.used != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = {0}, cut = {0};
	struct bytes in;
	size_t cap;

	if (size < 2)
		return 0;
	in = bytes_of(data + 2, size - 2);
	cap = data[1] == 0 ? MLLP_CAP_BYTES : (size_t)data[1] * 8;
	run(in, cap, 0, &whole);
	run(in, cap, data[0] + 1u, &cut);
	if (!bytes_eq(buf_bytes(&whole), buf_bytes(&cut))) {
		(void)fprintf(stderr, "whole\n%.*scut\n%.*s", (int)whole.len,
		    (const char *)whole.ptr, (int)cut.len, (const char *)cut.ptr);
		abort();
	}
	buf_free(&whole);
	buf_free(&cut);
	return 0;
}
