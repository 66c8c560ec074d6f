/* SPDX-License-Identifier: Apache-2.0 */
/* Role web: the console and the API over HTTPS.
 * Descriptors: 3 the listening socket, 4 a socket to the store role for changes.
 * Arguments:   data directory, address that is listened on, name of the site.
 * Before the first outside byte: the store is opened for reading, key and certificate are read (or
 * made), and the role is shut in: no file can be opened, no connection made, no program started. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/version.h"
#include "crypto/random.h"
#include "role/role.h"
#include "role/web.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/sandbox.h"

enum { FD_LISTENER = 3, FD_STORE = 4 };
enum { STATUS_SYSTEM = 4, TICK_MS = 250, ANSWER_MS = 10000, FILES_MAX = 4096 };
enum { PEM_MAX = 64 * 1024, CERTIFICATE_DAYS = 825, RENEW_DAYS = 30 };

#define IDENTITY_FILE "console.pem"

struct role {
	struct loop *loop;
	struct store_dir *dir;
	struct store *store;
	struct api *api;
	struct tls_server *tls;
	struct web_http *http;
	struct web_tls *front;
};

/* --- changes --- */

static enum err
ask_store(void *ctx, const struct request *r, struct why *why)
{
	struct pollfd p = {.fd = FD_STORE, .events = POLLIN};
	struct request_answer a;

	(void)ctx;
	if (send(FD_STORE, r, sizeof(*r), MSG_NOSIGNAL) != sizeof(*r) ||
	    poll(&p, 1, ANSWER_MS) != 1 || recv(FD_STORE, &a, sizeof(a), 0) != sizeof(a))
		return FAIL(why, ERR_SYSTEM, "the store role does not answer");
	a.text[sizeof(a.text) - 1] = 0;
	return a.code == ERR_OK ? ERR_OK : FAIL(why, (enum err)a.code, "%s", a.text);
}

/* --- identity --- */

static enum err
read_identity(int keys, struct buf *pem, struct why *why)
{
	int fd = openat(keys, IDENTITY_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	enum err e = ERR_OK;
	size_t got = 1;

	if (fd == -1)
		return errno == ENOENT ? ERR_ABSENT : FAIL_SYS(why, "keys/" IDENTITY_FILE);
	while (e == ERR_OK && got > 0) {
		if (!buf_reserve(pem, 4096)) {
			e = FAIL(why, ERR_INPUT, "keys/" IDENTITY_FILE " is too large");
			break;
		}
		if ((e = fd_read_some(fd, pem->ptr + pem->len, 4096, &got, why)) == ERR_OK)
			pem->len += got;
	}
	fd_close(&fd);
	return e;
}

static enum err
make_identity(int keys, const char *listen_name, struct buf *pem, struct why *why)
{
	char names[256], host[65] = "localhost";
	struct bytes rest, address = bytes_split(bytes_str(listen_name), ':', &rest);
	bool other = listen_name[0] != '[' && !bytes_starts(address, BYTES("127.")) &&
		     !bytes_eq(address, BYTES("0.0.0.0"));
	int fd;
	enum err e;

	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(names, sizeof(names), "DNS:localhost,DNS:%s,IP:127.0.0.1,IP:::1%s%.*s", host,
	    other ? ",IP:" : "", other ? (int)address.len : 0, (const char *)address.ptr);
	buf_reset(pem);
	if ((e = tls_identity_make("Hemostat", names, wall_now(), CERTIFICATE_DAYS, pem, why)) !=
	    ERR_OK)
		return e;
	(void)unlinkat(keys, IDENTITY_FILE, 0);
	fd = openat(keys, IDENTITY_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return FAIL_SYS(why, "keys/" IDENTITY_FILE);
	if ((e = fd_write_all(fd, buf_bytes(pem), why)) == ERR_OK && fsync(fd) == -1)
		e = FAIL_SYS(why, "keys/" IDENTITY_FILE);
	fd_close(&fd);
	if (e != ERR_OK)
		(void)unlinkat(keys, IDENTITY_FILE, 0);
	return e;
}

/* One that we made and that ends soon is made anew; a given one is the operator's to renew. */
static enum err
load_identity(struct role *r, const char *listen_name, struct buf *pem, struct why *why)
{
	int keys = openat(store_dir_fd(r->dir), "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct wall end;
	enum err e;

	if (keys == -1)
		return FAIL_SYS(why, "keys");
	e = read_identity(keys, pem, why);
	if (e == ERR_OK && (e = tls_identity_end(buf_bytes(pem), &end, why)) == ERR_OK &&
	    end.ns - wall_now().ns < RENEW_DAYS * 86400 * NS_PER_S)
		e = ERR_ABSENT;
	if (e == ERR_ABSENT)
		e = make_identity(keys, listen_name, pem, why);
	fd_close(&keys);
	return e;
}

/* --- life --- */

static void
on_tick(void *ctx)
{
	struct role *r = ctx;

	web_http_tick(r->http);
	web_tls_tick(r->front);
}

static void
on_signal(void *ctx, int signo)
{
	(void)signo;
	loop_stop(((struct role *)ctx)->loop);
}

static void
allow_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

static enum err
open_all(struct role *r, char **argv, struct why *why)
{
	const int signals[] = {SIGTERM, 0};
	struct api_settings set = {
	    .change = ask_store, .site = argv[3], .version = HEMOSTAT_VERSION};
	struct buf pem = {.cap = PEM_MAX};
	char fingerprint[TLS_FINGERPRINT_MAX] = "";
	bool landlocked;
	enum err e;

	allow_files();
	if ((e = store_dir_open(&r->dir, argv[1], STORE_READ, why)) != ERR_OK ||
	    (e = store_open(&r->store, r->dir, STORE_READ, NULL, why)) != ERR_OK ||
	    (e = load_identity(r, argv[2], &pem, why)) != ERR_OK ||
	    (e = tls_server_new(&r->tls, buf_bytes(&pem), why)) != ERR_OK ||
	    (e = tls_identity_fingerprint(buf_bytes(&pem), fingerprint, why)) != ERR_OK)
		goto done;
	set.store = r->store;
	if ((e = api_new(&r->api, &set, why)) != ERR_OK)
		goto done;
	e = ERR_SYSTEM;
	if ((r->loop = loop_new(why)) == NULL ||
	    loop_signals(r->loop, signals, on_signal, r, why) != ERR_OK ||
	    web_http_new(&r->http, r->loop, r->api, why) != ERR_OK ||
	    web_tls_new(&r->front, r->loop, FD_LISTENER, r->tls, r->http, why) != ERR_OK ||
	    loop_every(r->loop, TICK_MS, on_tick, r, why) == NULL)
		goto done;
	e = sandbox_enter(SANDBOX_WEB, -1, &landlocked, why);
	if (e == ERR_OK && api_setup_token(r->api)[0] != 0)
		(void)fprintf(stderr,
		    "\nFirst start: make the first account at\n  https://%s/#/setup/%s\n"
		    "The link works once. The browser will ask about a certificate this machine "
		    "made itself;\nits SHA-256 fingerprint is\n  %s\n\n",
		    argv[2], api_setup_token(r->api), fingerprint);
done:
	crypto_wipe(pem.ptr, pem.len);
	buf_free(&pem);
	return e;
}

int
role_web(int argc, char **argv)
{
	static struct role r;
	struct why why = {0};
	enum err e;

	if (argc != 4)
		return STATUS_SYSTEM;
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	if ((e = open_all(&r, argv, &why)) == ERR_OK)
		e = loop_run(r.loop, &why);
	if (e != ERR_OK)
		role_say("web", "%s", why.text);
	web_tls_free(r.front);
	web_http_free(r.http);
	loop_free(r.loop);
	api_free(r.api);
	tls_server_free(r.tls);
	store_close(r.store);
	if (r.dir != NULL)
		store_dir_close(r.dir);
	return e == ERR_OK ? 0 : STATUS_SYSTEM;
}
