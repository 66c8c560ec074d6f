/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/inflate.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum { OUT_BYTES = 8192, WINDOW_AUTO = 15 + 32, BLOCK_HEAD = 16 };

struct inflater {
	z_stream z;
	struct budget *budget;
	enum inflate_result result;
	bool any;    /* output was made, or the format is settled */
	bool is_raw; /* deflate without a zlib head, as some servers send */
	uint64_t in, out;
};

/* zlib frees without naming the size, the budget wants it: it is kept in front of the block. */
static voidpf
zalloc(voidpf ctx, uInt items, uInt size)
{
	size_t n = (size_t)items * size + BLOCK_HEAD;
	uint8_t *p = budget_alloc(ctx, n);

	if (p == NULL)
		return NULL;
	memcpy(p, &n, sizeof(n));
	return p + BLOCK_HEAD;
}

static void
zfree(voidpf ctx, voidpf address)
{
	uint8_t *p = (uint8_t *)address - BLOCK_HEAD;
	size_t n;

	memcpy(&n, p, sizeof(n));
	budget_free(ctx, p, n);
}

struct inflater *
inflater_new(struct budget *budget)
{
	struct inflater *f = budget_alloc(budget, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->budget = budget;
	f->z.zalloc = zalloc;
	f->z.zfree = zfree;
	f->z.opaque = budget;
	if (inflateInit2(&f->z, WINDOW_AUTO) != Z_OK) {
		budget_free(budget, f, sizeof(*f));
		return NULL;
	}
	return f;
}

void
inflater_begin(struct inflater *f)
{
	f->result = INFLATE_MORE;
	f->any = f->is_raw = false;
	f->in = f->out = 0;
	if (inflateReset2(&f->z, WINDOW_AUTO) != Z_OK)
		f->result = INFLATE_BAD;
}

/* RFC 9110 8.4.1.2 means zlib, some senders mean raw deflate: told by the first byte. */
static void
settle(struct inflater *f, uint8_t first)
{
	f->any = true;
	if (first == 0x1f || (first & 0x0f) == Z_DEFLATED)
		return;
	f->is_raw = true;
	if (inflateReset2(&f->z, -15) != Z_OK)
		f->result = INFLATE_BAD;
}

enum inflate_result
inflater_data(
    struct inflater *f, struct bytes in, void (*take)(void *ctx, struct bytes out), void *ctx)
{
	uint8_t out[OUT_BYTES];

	if (in.len > 0 && !f->any)
		settle(f, in.ptr[0]);
	while (in.len > 0 && f->result == INFLATE_MORE) {
		size_t given = in.len < INT_MAX ? in.len : INT_MAX;
		int e = Z_OK;

		f->z.next_in = (z_const Bytef *)(uintptr_t)in.ptr;
		f->z.avail_in = (uInt)given;
		do {
			size_t n;

			f->z.next_out = out;
			f->z.avail_out = OUT_BYTES;
			e = inflate(&f->z, Z_NO_FLUSH);
			n = OUT_BYTES - f->z.avail_out;
			f->out += n;
			if (n > 0)
				take(ctx, bytes_of(out, n));
			if (f->out > INFLATE_BYTES_MAX ||
			    (f->out > INFLATE_FREE_BYTES &&
				f->out / INFLATE_RATIO_MAX > f->in + given - f->z.avail_in))
				f->result = INFLATE_BOMB;
		} while (e == Z_OK && f->z.avail_out == 0 && f->result == INFLATE_MORE);
		if (f->result == INFLATE_MORE && e == Z_STREAM_END)
			f->result = INFLATE_END;
		else if (f->result == INFLATE_MORE && e != Z_OK && e != Z_BUF_ERROR)
			f->result = INFLATE_BAD;
		f->in += given - f->z.avail_in;
		in = bytes_from(in, given - f->z.avail_in);
		if (f->z.avail_in == given)
			break; /* nothing was taken: all output is out */
	}
	return f->result;
}

void
inflater_free(struct inflater *f)
{
	if (f == NULL)
		return;
	(void)inflateEnd(&f->z);
	budget_free(f->budget, f, sizeof(*f));
}
