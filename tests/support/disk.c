/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "base/buf.h"

enum { FILES_MAX = 8, IMAGE_MAX = 64 * 1024 * 1024 };

/* A write (or a truncation, data empty and cut set) that no sync has followed yet. */
struct pending {
	uint64_t at;
	size_t len;
	bool cut;
	uint8_t *data;
};

struct image {
	char name[64];
	struct buf synced;
	struct pending *pending;
	size_t n, room;
};

struct disk_file {
	sqlite3_file base;
	struct image *image; /* NULL: not watched */
	sqlite3_file *real;  /* follows this struct */
};

static struct {
	sqlite3_vfs vfs, *real;
	uint64_t operations, fail_at;
	bool stay, full, watch, dead;
	struct image images[FILES_MAX];
	size_t n_images;
} disk;

/* --- images --- */

static void
image_apply(struct buf *b, const struct pending *p, size_t len)
{
	size_t end = (size_t)p->at + len;

	if (end > IMAGE_MAX)
		abort();
	if (p->cut) {
		b->len = (size_t)p->at < b->len ? (size_t)p->at : b->len;
		return;
	}
	while (b->len < end)
		buf_byte(b, 0);
	memcpy(b->ptr + p->at, p->data, len);
}

static void
image_forget(struct image *i)
{
	for (size_t k = 0; k < i->n; k++)
		free(i->pending[k].data);
	i->n = 0;
}

static void
image_write(struct image *i, const void *data, size_t len, uint64_t at, bool cut)
{
	struct pending *p;

	if (i->n == i->room) {
		i->room = i->room == 0 ? 64 : i->room * 2;
		if ((i->pending = realloc(i->pending, i->room * sizeof(*p))) == NULL)
			abort();
	}
	p = &i->pending[i->n++];
	*p = (struct pending){at, len, cut, malloc(len + 1)};
	if (p->data == NULL)
		abort();
	if (len > 0)
		memcpy(p->data, data, len);
}

static void
image_sync(struct image *i)
{
	for (size_t k = 0; k < i->n; k++)
		image_apply(&i->synced, &i->pending[k], i->pending[k].len);
	image_forget(i);
}

static struct image *
image_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;

	for (size_t i = 0; i < disk.n_images; i++) {
		if (strcmp(disk.images[i].name, name) == 0)
			return &disk.images[i];
	}
	if (disk.n_images == FILES_MAX)
		abort();
	(void)snprintf(disk.images[disk.n_images].name, sizeof(disk.images[0].name), "%s", name);
	return &disk.images[disk.n_images++];
}

/* --- files --- */

static sqlite3_file *
real(sqlite3_file *f)
{
	return ((struct disk_file *)(void *)f)->real;
}

static struct image *
image(sqlite3_file *f)
{
	return disk.watch ? ((struct disk_file *)(void *)f)->image : NULL;
}

/* Count an operation; what it should answer. */
static int
verdict(void)
{
	disk.operations++;
	if (disk.dead)
		return SQLITE_IOERR_WRITE;
	if (disk.fail_at == 0 || disk.operations < disk.fail_at ||
	    (disk.operations > disk.fail_at && !disk.stay))
		return SQLITE_OK;
	return disk.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int
d_close(sqlite3_file *f)
{
	return real(f)->pMethods->xClose(real(f));
}

static int
d_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int
d_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	int rc = verdict();

	if (rc != SQLITE_OK)
		return rc;
	if (image(f) != NULL)
		image_write(image(f), p, (size_t)n, (uint64_t)at, false);
	return real(f)->pMethods->xWrite(real(f), p, n, at);
}

static int
d_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = verdict();

	if (rc != SQLITE_OK)
		return rc;
	if (image(f) != NULL)
		image_write(image(f), NULL, 0, (uint64_t)size, true);
	return real(f)->pMethods->xTruncate(real(f), size);
}

static int
d_sync(sqlite3_file *f, int flags)
{
	int rc = verdict();

	if (rc != SQLITE_OK)
		return rc == SQLITE_IOERR_WRITE ? SQLITE_IOERR_FSYNC : rc;
	if (image(f) != NULL)
		image_sync(image(f));
	return real(f)->pMethods->xSync(real(f), flags);
}

static int
d_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real(f)->pMethods->xFileSize(real(f), size);
}

static int
d_lock(sqlite3_file *f, int kind)
{
	return real(f)->pMethods->xLock(real(f), kind);
}

static int
d_unlock(sqlite3_file *f, int kind)
{
	return real(f)->pMethods->xUnlock(real(f), kind);
}

static int
d_reserved(sqlite3_file *f, int *out)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int
d_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int
d_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int
d_traits(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int
d_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int
d_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}

static void
d_shm_barrier(sqlite3_file *f)
{
	real(f)->pMethods->xShmBarrier(real(f));
}

static int
d_shm_unmap(sqlite3_file *f, int drop)
{
	return real(f)->pMethods->xShmUnmap(real(f), drop);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = d_close,
    .xRead = d_read,
    .xWrite = d_write,
    .xTruncate = d_truncate,
    .xSync = d_sync,
    .xFileSize = d_size,
    .xLock = d_lock,
    .xUnlock = d_unlock,
    .xCheckReservedLock = d_reserved,
    .xFileControl = d_control,
    .xSectorSize = d_sector,
    .xDeviceCharacteristics = d_traits,
    .xShmMap = d_shm_map,
    .xShmLock = d_shm_lock,
    .xShmBarrier = d_shm_barrier,
    .xShmUnmap = d_shm_unmap,
};

static int
d_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out)
{
	struct disk_file *d = (struct disk_file *)(void *)f;
	int rc;

	(void)vfs;
	d->real = (sqlite3_file *)(void *)(d + 1);
	d->image =
	    disk.watch && path != NULL && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0
		? image_of(path)
		: NULL;
	rc = disk.real->xOpen(disk.real, path, d->real, flags, out);
	d->base.pMethods = d->real->pMethods == NULL ? NULL : &methods;
	return rc;
}

void
disk_install(void)
{
	disk.real = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.pNext = NULL;
	disk.vfs.zName = "disk";
	disk.vfs.szOsFile = (int)sizeof(struct disk_file) + disk.real->szOsFile;
	disk.vfs.xOpen = d_open;
	if (sqlite3_vfs_register(&disk.vfs, 1) != SQLITE_OK)
		abort();
}

/* --- control --- */

void
disk_reset(void)
{
	for (size_t i = 0; i < disk.n_images; i++) {
		image_forget(&disk.images[i]);
		free(disk.images[i].pending);
		buf_free(&disk.images[i].synced);
		disk.images[i] = (struct image){0};
	}
	disk.n_images = 0;
	disk.operations = disk.fail_at = 0;
	disk.stay = disk.full = disk.watch = disk.dead = false;
}

void
disk_fail(uint64_t at, bool stay, bool full)
{
	disk.fail_at = at;
	disk.stay = stay;
	disk.full = full;
}

uint64_t
disk_operations(void)
{
	return disk.operations;
}

void
disk_watch(bool on)
{
	disk.watch = on;
}

void
disk_power_cut(struct rng *rng, const char *to)
{
	disk.dead = true;
	for (size_t i = 0; i < disk.n_images; i++) {
		struct image *m = &disk.images[i];
		size_t mode = rng_below(rng, 3); /* none arrive, any subset, all up to one */
		size_t up_to = rng_below(rng, m->n + 1);
		char path[512];
		FILE *out;

		for (size_t k = 0; k < m->n; k++) {
			const struct pending *p = &m->pending[k];
			bool last = mode == 2 && k + 1 == up_to;

			if (mode == 0 || (mode == 1 && rng_below(rng, 2) == 0) ||
			    (mode == 2 && k >= up_to))
				continue;
			image_apply(&m->synced, p, last ? rng_below(rng, p->len + 1) : p->len);
		}
		(void)snprintf(path, sizeof(path), "%.400s/%s", to, m->name);
		out = fopen(path, "wb");
		if (out == NULL || fwrite(m->synced.ptr, 1, m->synced.len, out) != m->synced.len ||
		    fclose(out) != 0)
			abort();
	}
}
