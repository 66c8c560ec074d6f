/* SPDX-License-Identifier: Apache-2.0 */
/* The console's files as tools/embed writes them: sorted by path. */
#pragma once

#include <stddef.h>

struct asset {
	const char *path; /* "/app.js" */
	const char *type;
	const char *tag;     /* ETag with its quotes: a digest of the bytes */
	int named_by_digest; /* the name changes with the bytes: it may be cached for ever */
	const unsigned char *plain, *gzip, *brotli; /* NULL: not kept in that form */
	size_t n_plain, n_gzip, n_brotli;
};

extern const struct asset assets[];
extern const size_t n_assets;
