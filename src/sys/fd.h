/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes, descriptors across processes. All retry on EINTR. */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

/* Exactly all of data; blocks where the descriptor does. */
enum err fd_write_all(int fd, struct bytes data, struct why *why) MUST_CHECK;

/* Up to n bytes into p; *got = 0 at the end of file. */
enum err fd_read_some(int fd, void *p, size_t n, size_t *got, struct why *why) MUST_CHECK;

/* Close where open (>= 0) and set to -1. */
void fd_close(int *fd);

/* Close every descriptor from `first` on. */
void fd_close_from(int first);
