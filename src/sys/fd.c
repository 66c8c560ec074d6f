/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/fd.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum err
fd_write_all(int fd, struct bytes data, struct why *why)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.ptr, data.len);

		if (n >= 0) {
			data = bytes_from(data, (size_t)n);
		} else if (errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			if (poll(&p, 1, -1) == -1 && errno != EINTR)
				return FAIL_SYS(why, "wait to write");
		} else if (errno != EINTR) {
			return FAIL_SYS(why, "write");
		}
	}
	return ERR_OK;
}

enum err
fd_read_some(int fd, void *p, size_t n, size_t *got, struct why *why)
{
	ssize_t r;

	*got = 0;
	while ((r = read(fd, p, n)) == -1) {
		if (errno != EINTR)
			return FAIL_SYS(why, "read");
	}
	*got = (size_t)r;
	return ERR_OK;
}

void
fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void
fd_close_from(int first)
{
	(void)close_range((unsigned)first, ~0U, 0);
}
