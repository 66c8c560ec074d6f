/* SPDX-License-Identifier: Apache-2.0 */
#include "brain/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "brain/brain.h"
#include "sys/clock.h"

/* ERR_ABSENT: nothing listens there. */
static enum err
ask_daemon(const char *data, const struct request *r, struct why *why)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct request_answer answer;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	enum err e = ERR_ABSENT;

	if (fd == -1)
		return FAIL_SYS(why, "socket");
	if ((size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", data, REQUEST_SOCKET) <
		sizeof(a.sun_path) &&
	    connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0) {
		if (send(fd, r, sizeof(*r), MSG_NOSIGNAL) != sizeof(*r) ||
		    recv(fd, &answer, sizeof(answer), 0) != sizeof(answer)) {
			e = FAIL(why, ERR_SYSTEM, "the daemon did not answer");
		} else {
			answer.text[sizeof(answer.text) - 1] = 0;
			e = (enum err)answer.code;
			if (e != ERR_OK)
				(void)FAIL(why, e, "%s", answer.text);
		}
	}
	(void)close(fd);
	return e;
}

static enum err
do_here(
    const char *data, const struct detect_config *config, const struct request *r, struct why *why)
{
	struct store_dir *dir = NULL;
	struct store *st = NULL;
	struct brain *b = NULL;
	struct tlog *ledger = NULL;
	struct sip_key key;
	struct why ignored;
	enum err e;

	if ((e = store_dir_open(&dir, data, STORE_WRITE, why)) == ERR_OK &&
	    (e = store_dir_key(dir, &key, why)) == ERR_OK &&
	    (e = store_open(&st, dir, STORE_WRITE, NULL, why)) == ERR_OK &&
	    (e = brain_ledger_open(&ledger, dir, st, why)) == ERR_OK &&
	    (e = brain_open(&b, st, ledger, &key, config, why)) == ERR_OK)
		e = brain_request(b, r, wall_now(), why);
	if (e == ERR_OK)
		e = brain_close(b, why);
	else
		(void)(brain_close(b, &ignored) == ERR_OK);
	explicit_bzero(&key, sizeof(key));
	tlog_close(ledger);
	store_close(st);
	if (dir != NULL)
		store_dir_close(dir);
	return e;
}

enum err
request_do(
    const char *data, const struct detect_config *config, const struct request *r, struct why *why)
{
	enum err e;

	*why = (struct why){0};
	e = ask_daemon(data, r, why);
	if (e != ERR_ABSENT || why->text[0] != 0)
		return e;
	if (access(data, F_OK) != 0)
		return FAIL(why, ERR_ABSENT,
		    "%s: nothing has been watched there yet; run hemostat watch or hemostat demo",
		    data);
	return do_here(data, config, r, why);
}
