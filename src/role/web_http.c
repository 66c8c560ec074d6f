/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd carries HTTP/1.1 on sockets it is given; it is driven by our loop, has no thread
 * and no listening socket of its own. What it hands over becomes a struct api_request. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "crypto/random.h"
#include "role/web.h"
#include "sys/clock.h"
#include "sys/fd.h"

enum { PING_S = 15, LISTENER_BYTES_MAX = 256 * 1024, STREAM_BLOCK = 16 * 1024 };

/* A request being read, then a stream where it became one. */
struct exchange {
	char *uri;
	struct buf body;
	bool begun;
	bool too_large;
};

struct listener {
	struct listener *next, **back;
	struct web_http *h;
	struct MHD_Connection *connection;
	struct buf waiting;
	uint64_t session;
	bool suspended;
	bool over;
};

struct web_http {
	struct api *api;
	struct MHD_Daemon *daemon;
	struct loop *loop;
	struct watch *watch;
	struct listener *listeners;
	uint64_t stream_at; /* event number up to which everybody was told */
	struct mono last_ping;
	bool running;
};

/* --- what came --- */

static struct bytes
header(struct MHD_Connection *c, const char *name)
{
	return bytes_str(MHD_lookup_connection_value(c, MHD_HEADER_KIND, name));
}

static enum api_method
method_of(const char *m)
{
	if (strcmp(m, "GET") == 0 || strcmp(m, "HEAD") == 0)
		return API_GET;
	if (strcmp(m, "POST") == 0)
		return API_POST;
	if (strcmp(m, "PATCH") == 0)
		return API_PATCH;
	return strcmp(m, "DELETE") == 0 ? API_DELETE : API_OTHER;
}

static void
take_address(struct MHD_Connection *c, struct api_request *in)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = info != NULL ? info->client_addr : NULL;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (a != NULL && a->sa_family == AF_INET) {
		memcpy(&v4, a, sizeof(v4));
		(void)inet_ntop(AF_INET, &v4.sin_addr, in->from, sizeof(in->from));
		in->from_here = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
	} else if (a != NULL && a->sa_family == AF_INET6) {
		memcpy(&v6, a, sizeof(v6));
		(void)inet_ntop(AF_INET6, &v6.sin6_addr, in->from, sizeof(in->from));
		in->from_here = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
	}
}

/* --- streams --- */

static void
leave(struct listener *l)
{
	*l->back = l->next;
	if (l->next != NULL)
		l->next->back = l->back;
	buf_free(&l->waiting);
	free(l);
}

static void
stream_free(void *ctx)
{
	leave(ctx);
}

static ssize_t
stream_read(void *ctx, uint64_t pos, char *room, size_t max)
{
	struct listener *l = ctx;
	size_t n = l->waiting.len < max ? l->waiting.len : max;

	(void)pos;
	if (n == 0 && l->over)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0) {
		l->suspended = true;
		MHD_suspend_connection(l->connection);
		return 0;
	}
	memcpy(room, l->waiting.ptr, n);
	buf_drop(&l->waiting, n);
	return (ssize_t)n;
}

static struct MHD_Response *
stream_response(struct web_http *h, struct MHD_Connection *c, const struct api_response *out)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct MHD_Response *r;
	struct why why;
	uint64_t seq = out->stream_from;

	if (l == NULL)
		return NULL;
	*l = (struct listener){.h = h,
	    .connection = c,
	    .session = out->stream_session,
	    .waiting = {.cap = LISTENER_BYTES_MAX},
	    .next = h->listeners,
	    .back = &h->listeners};
	/* The first to listen hears what comes now, not all that ever was. */
	if (h->listeners == NULL && seq > h->stream_at)
		h->stream_at = seq;
	if (h->listeners != NULL)
		h->listeners->back = &l->next;
	h->listeners = l;
	buf_text(&l->waiting, "retry: 3000\n\n");
	/* What it missed while it was away; then it is where the others are. */
	if (seq < h->stream_at && api_stream(h->api, &seq, &l->waiting, &why) != ERR_OK)
		l->over = true;
	r = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, l, stream_free);
	if (r == NULL)
		leave(l);
	return r;
}

static void
wake(struct listener *l)
{
	if (l->suspended) {
		l->suspended = false;
		MHD_resume_connection(l->connection);
	}
}

static void
tell_all(struct web_http *h, struct bytes piece)
{
	struct wall now = wall_now();

	for (struct listener *l = h->listeners; l != NULL; l = l->next) {
		l->over |= !api_stream_alive(h->api, l->session, now);
		/* Too slow to follow: it asks again, and is told what it missed. */
		if (!l->over)
			buf_add(&l->waiting, piece);
		l->over |= l->waiting.cut;
		wake(l);
	}
}

void
web_http_tick(struct web_http *h)
{
	struct mono now = mono_now();
	struct buf piece = {.cap = LISTENER_BYTES_MAX};
	struct why why;

	if (api_stream(h->api, &h->stream_at, &piece, &why) == ERR_OK && piece.len > 0) {
		tell_all(h, buf_bytes(&piece));
		h->last_ping = now;
	} else if (now.ns - h->last_ping.ns > PING_S * NS_PER_S) {
		tell_all(h, BYTES(": still here\n\n"));
		h->last_ping = now;
	}
	buf_free(&piece);
	web_http_run(h);
}

/* --- answers --- */

static void
add_headers(struct MHD_Response *r, const struct api_response *out)
{
	for (const char *const *s = api_security_headers; *s != NULL; s += 2)
		(void)MHD_add_response_header(r, s[0], s[1]);
	for (size_t i = 0; i < out->n_headers; i++)
		(void)MHD_add_response_header(r, out->headers[i].name, out->headers[i].value);
	if (!out->page)
		(void)MHD_add_response_header(r, "Cache-Control", "no-store");
	if (out->encoding != NULL)
		(void)MHD_add_response_header(r, "Content-Encoding", out->encoding);
	if (out->status != 204 && out->status != 304)
		(void)MHD_add_response_header(r, "Content-Type", out->type);
}

static enum MHD_Result
answer(struct web_http *h, struct MHD_Connection *c, struct api_response *out)
{
	struct MHD_Response *r;
	enum MHD_Result queued;

	if (out->stream) {
		(void)MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
		r = stream_response(h, c, out);
	} else if (out->fixed.ptr != NULL) {
		r = MHD_create_response_from_buffer(
		    out->fixed.len, (void *)(uintptr_t)out->fixed.ptr, MHD_RESPMEM_PERSISTENT);
	} else {
		/* The library frees what the buffer holds. */
		r = MHD_create_response_from_buffer(
		    out->body.len, out->body.ptr, MHD_RESPMEM_MUST_FREE);
		if (r != NULL)
			out->body = (struct buf){0};
	}
	buf_free(&out->body);
	if (r == NULL)
		return MHD_NO;
	add_headers(r, out);
	queued = MHD_queue_response(c, (unsigned)out->status, r);
	MHD_destroy_response(r);
	return queued;
}

static enum MHD_Result
handle(struct web_http *h, struct MHD_Connection *c, const char *method, struct exchange *x)
{
	struct bytes query, path = bytes_split(bytes_str(x->uri), '?', &query);
	struct api_request in = {.method = method_of(method),
	    .path = path,
	    .query = query,
	    .cookie = header(c, "Cookie"),
	    .host = header(c, "Host"),
	    .origin = header(c, "Origin"),
	    .csrf = header(c, "X-CSRF-Token"),
	    .content_type = header(c, "Content-Type"),
	    .accept_encoding = header(c, "Accept-Encoding"),
	    .if_match = header(c, "If-Match"),
	    .if_none_match = header(c, "If-None-Match"),
	    .last_event_id = header(c, "Last-Event-ID"),
	    .background = header(c, "X-Background").len > 0,
	    .body = buf_bytes(&x->body),
	    .now = wall_now(),
	    .mono = mono_now()};
	struct api_response out;
	static uint8_t too_large[API_REQUEST_MAX + 1];

	if (x->too_large)
		in.body = bytes_of(too_large, sizeof(too_large));
	take_address(c, &in);
	api_handle(h->api, &in, &out);
	return answer(h, c, &out);
}

static void *
keep_uri(void *ctx, const char *uri, struct MHD_Connection *c)
{
	struct exchange *x = calloc(1, sizeof(*x));

	(void)ctx;
	(void)c;
	if (x != NULL && (x->uri = strdup(uri)) == NULL) {
		free(x);
		x = NULL;
	}
	if (x != NULL)
		x->body.cap = API_REQUEST_MAX;
	return x;
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **req)
{
	struct exchange *x = *req;

	(void)url;
	(void)version;
	if (x == NULL)
		return MHD_NO;
	/* The first call comes before the body: say that it is wanted. */
	if (!x->begun) {
		x->begun = true;
		return MHD_YES;
	}
	if (*size > 0) {
		buf_add(&x->body, bytes_of(data, *size));
		x->too_large |= x->body.cut;
		*size = 0;
		return MHD_YES;
	}
	return handle(ctx, c, method, x);
}

static void
on_done(void *ctx, struct MHD_Connection *c, void **req, enum MHD_RequestTerminationCode how)
{
	struct exchange *x = *req;

	(void)ctx;
	(void)c;
	(void)how;
	if (x != NULL) {
		crypto_wipe(x->body.ptr, x->body.len);
		buf_free(&x->body);
		free(x->uri);
	}
	free(x);
	*req = NULL;
}

/* --- life --- */

static void
on_ready(void *ctx, uint32_t events)
{
	(void)events;
	web_http_run(ctx);
}

void
web_http_run(struct web_http *h)
{
	MHD_UNSIGNED_LONG_LONG wait;

	/* Work that is left over from a resumed or half-served connection has no event of its own.
	 */
	for (unsigned i = 0; i < 8; i++) {
		if (MHD_run(h->daemon) != MHD_YES || MHD_get_timeout(h->daemon, &wait) != MHD_YES ||
		    wait > 0)
			return;
	}
}

bool
web_http_add(struct web_http *h, int fd, const struct sockaddr *from, socklen_t n)
{
	return MHD_add_connection(h->daemon, fd, from, n) == MHD_YES;
}

enum err
web_http_new(struct web_http **out, struct loop *l, struct api *api, struct why *why)
{
	struct web_http *h = calloc(1, sizeof(*h));
	const union MHD_DaemonInfo *info;
	enum err e;

	*out = h;
	if (h == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for HTTP");
	h->api = api;
	h->loop = l;
	h->daemon =
	    MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0,
		NULL, NULL, on_request, h, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)WEB_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)WEB_HEAD_BYTES_MAX + 8 * 1024, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)WEB_IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK,
		keep_uri, h, MHD_OPTION_NOTIFY_COMPLETED, on_done, h, MHD_OPTION_END);
	if (h->daemon == NULL)
		return FAIL(why, ERR_SYSTEM, "libmicrohttpd does not start");
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || info->epoll_fd < 0)
		return FAIL(why, ERR_SYSTEM, "libmicrohttpd has no epoll");
	h->watch = loop_watch(l, info->epoll_fd, EPOLLIN, on_ready, h, why);
	e = h->watch == NULL ? ERR_SYSTEM : ERR_OK;
	return e;
}

void
web_http_free(struct web_http *h)
{
	if (h == NULL)
		return;
	for (struct listener *l = h->listeners; l != NULL; l = l->next) {
		l->over = true;
		wake(l);
	}
	if (h->daemon != NULL) {
		(void)MHD_run(h->daemon);
		MHD_stop_daemon(h->daemon);
	}
	free(h);
}
