/* SPDX-License-Identifier: Apache-2.0 */
/* Documents that people import, kept as they came: files in a folder of the data directory.
 *   advisories/csaf/NAME     advisories, under the name their identifier gives
 *   advisories/aside/DIGEST  what could not be read; beside it DIGEST.why with the reason and where
 * it came from advisories/imported      when an import last ended, RFC 3339 Writer:  one at a time,
 * by a lock of its own: an import goes on beside a running watch. Safe:    a file has its name only
 * when it is whole and on the disk: what shelf_put() wrote shows after shelf_commit(); without
 * that, or after a crash, the shelf is as it was. Names:   letters, digits, "+", "-", "_" and ".",
 * not "." in front; at most SHELF_NAME_MAX. Errors:  ERR_SYSTEM: the disk or permissions;
 * ERR_REFUSED: another import runs, or the folder is open to other users; ERR_ABSENT: nothing has
 * been imported; ERR_LIMIT. Memory:  shelf_load() holds all documents: SHELF_BYTES_MAX at most. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "store/store.h"

enum { SHELF_NAME_MAX = 220, SHELF_FILES_MAX = 65536 };
#define SHELF_BYTES_MAX ((size_t)2 << 30)

struct shelf;

/* data_dir: its path; STORE_WRITE makes what is missing, the data directory too. */
enum err shelf_open(
    struct shelf **out, const char *data_dir, enum store_mode mode, struct why *why) MUST_CHECK;
void shelf_close(struct shelf *s); /* s may be NULL */

/* The document of that name; ERR_ABSENT: none. out is emptied first. */
enum err shelf_read(struct shelf *s, const char *name, struct buf *out, struct why *why) MUST_CHECK;
enum err shelf_put(
    struct shelf *s, const char *name, struct bytes document, struct why *why) MUST_CHECK;
/* source, reason: of ours or escaped by the caller. */
enum err shelf_put_aside(struct shelf *s, struct bytes document, const char *source,
    const char *reason, struct why *why) MUST_CHECK;
/* Give what was put its name, all of it on the disk. now: kept as the time of this import. */
enum err shelf_commit(struct shelf *s, struct wall now, struct why *why) MUST_CHECK;

struct shelf_document {
	char name[SHELF_NAME_MAX + 1];
	struct bytes text;
};

struct shelf_contents {
	struct shelf_document *documents; /* by name */
	size_t n, bytes;
	size_t aside;         /* documents that could not be read */
	struct wall imported; /* end of the last import; 0: never */
};

enum err shelf_load(struct shelf *s, struct shelf_contents *out, struct why *why) MUST_CHECK;
void shelf_contents_free(struct shelf_contents *c);

/* The documents put aside, by digest: where each came from and why it is there. */
typedef void (*shelf_aside_fn)(void *ctx, const char *digest, struct bytes why);
enum err shelf_aside(struct shelf *s, shelf_aside_fn fn, void *ctx, struct why *why) MUST_CHECK;
