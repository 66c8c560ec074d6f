/* SPDX-License-Identifier: Apache-2.0 */
#include "role/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "sys/fd.h"

enum { BACKLOG = 128 };

static bool
parse(const char *text, struct sockaddr_storage *out, socklen_t *n)
{
	struct bytes t = bytes_str(text), host, port;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	char room[INET6_ADDRSTRLEN] = {0};
	uint64_t number;
	size_t colon = t.len;

	while (colon > 0 && t.ptr[colon - 1] != ':')
		colon--;
	if (colon < 2)
		return false;
	host = bytes_sub(t, 0, colon - 1);
	port = bytes_from(t, colon);
	if (!bytes_to_u64(port, &number) || number == 0 || number > UINT16_MAX)
		return false;
	memset(out, 0, sizeof(*out));
	if (host.ptr[0] == '[' && host.ptr[host.len - 1] == ']' && host.len - 2 < sizeof(room)) {
		memcpy(room, host.ptr + 1, host.len - 2);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)number);
		*n = sizeof(*v6);
		return inet_pton(AF_INET6, room, &v6->sin6_addr) == 1;
	}
	if (host.len >= sizeof(room))
		return false;
	memcpy(room, host.ptr, host.len);
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)number);
	*n = sizeof(*v4);
	return inet_pton(AF_INET, room, &v4->sin_addr) == 1;
}

enum err
listen_open(const char *address, int *fd, struct why *why)
{
	struct sockaddr_storage a;
	const int on = 1;
	socklen_t n;
	enum err e = ERR_OK;

	*fd = -1;
	if (!parse(address, &a, &n))
		return FAIL(why, ERR_USAGE,
		    "%.60s: expected an address and a port, such as 127.0.0.1:8443", address);
	*fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd == -1 || setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(*fd, (const struct sockaddr *)&a, n) == -1 || listen(*fd, BACKLOG) == -1) {
		e = errno == EADDRINUSE
			? FAIL(why, ERR_SYSTEM,
			      "%s is in use; give the console another place with web: listen: in "
			      "the settings, or none with off",
			      address)
			: FAIL_SYS(why, "listen on %s", address);
		fd_close(fd);
	}
	return e;
}
