/* SPDX-License-Identifier: Apache-2.0 */
/* Input that ends right before an unreadable page: a read of one byte too many is a crash. */
#pragma once

#include "base/bytes.h"

struct guard {
	void *map;
	size_t map_len;
	struct bytes view;
};

struct guard guard_new(struct bytes data); /* exits the test program where memory is out */
void guard_free(struct guard *g);

/* A whole file, malloc'ed (free((void *)view.ptr)); NULL ptr where it cannot be read. */
struct bytes file_slurp(const char *path);

/* "<folder of shared data>/name", from HEMOSTAT_SHARED or beside the source tree. NULL where that
 * folder is not there: the caller skips. Static storage, overwritten by the next call. */
const char *shared_path(const char *name);
