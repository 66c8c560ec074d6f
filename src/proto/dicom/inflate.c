/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/inflate.h"

#include <zlib.h>

struct dicom_inflate {
	z_stream z;
	struct budget *budget;
	size_t left; /* of DICOM_INFLATE_MAX */
	bool over;   /* no more output */
	bool damaged;
};

/* In front of each block that zlib is given: its free function does not name the size. */
union block {
	size_t size;
	max_align_t align;
};

static void *
zalloc(void *budget, unsigned items, unsigned size)
{
	size_t n = sizeof(union block) + (size_t)items * size;
	union block *b = budget_alloc(budget, n);

	if (b == NULL)
		return NULL;
	b->size = n;
	return b + 1;
}

static void
zfree(void *budget, void *p)
{
	union block *b = p;

	if (b != NULL)
		budget_free(budget, b - 1, b[-1].size);
}

struct dicom_inflate *
dicom_inflate_new(struct budget *b)
{
	struct dicom_inflate *f = budget_alloc(b, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->budget = b;
	f->left = DICOM_INFLATE_MAX;
	f->z = (z_stream){.zalloc = zalloc, .zfree = zfree, .opaque = b};
	if (inflateInit2(&f->z, -MAX_WBITS) != Z_OK) {
		budget_free(b, f, sizeof(*f));
		return NULL;
	}
	return f;
}

struct bytes
dicom_inflate_next(struct dicom_inflate *f, struct bytes *in, uint8_t *out, size_t room)
{
	size_t n = in->len < UINT32_MAX ? in->len : UINT32_MAX;
	int r;

	if (room > f->left)
		room = f->left;
	if (f->over || room == 0) {
		*in = bytes_from(*in, in->len);
		return (struct bytes){NULL, 0};
	}
	f->z.next_in = (z_const Bytef *)(uintptr_t)in->ptr;
	f->z.avail_in = (unsigned)n;
	f->z.next_out = out;
	f->z.avail_out = (unsigned)room;
	r = inflate(&f->z, Z_SYNC_FLUSH);
	*in = bytes_from(*in, n - f->z.avail_in);
	n = room - f->z.avail_out;
	f->left -= n;
	if (r != Z_OK && r != Z_BUF_ERROR) {
		f->over = true;
		f->damaged = r != Z_STREAM_END;
	}
	return bytes_of(out, n);
}

bool
dicom_inflate_damaged(const struct dicom_inflate *f)
{
	return f->damaged;
}

void
dicom_inflate_free(struct dicom_inflate *f)
{
	if (f == NULL)
		return;
	(void)inflateEnd(&f->z);
	budget_free(f->budget, f, sizeof(*f));
}
