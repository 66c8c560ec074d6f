/* SPDX-License-Identifier: Apache-2.0 */
/* Inside role web: TLS in front, HTTP behind it, on one loop.
 *   client ==TLS==> web_tls.c --socket pair--> web_http.c (libmicrohttpd) --> api/
 * Limits: CONNECTIONS_MAX at a time; a request's head of HEAD_BYTES_MAX, its body of
 *         API_REQUEST_MAX; a connection that says nothing for IDLE_S is closed. */
#pragma once

#include <sys/socket.h>

#include "api/api.h"
#include "crypto/tls_server.h"
#include "sys/loop.h"

enum { WEB_CONNECTIONS_MAX = 1200, WEB_HEAD_BYTES_MAX = 16 * 1024, WEB_IDLE_S = 30 };

struct web_http;

enum err web_http_new(
    struct web_http **out, struct loop *l, struct api *api, struct why *why) MUST_CHECK;
/* Takes the descriptor, which carries plain HTTP. */
bool web_http_add(struct web_http *h, int fd, const struct sockaddr *from, socklen_t n);
/* Let it work on what came or waits. */
void web_http_run(struct web_http *h);
/* What is new to everybody who listens; and a sign of life now and then. */
void web_http_tick(struct web_http *h);
void web_http_free(struct web_http *h);

struct web_tls;

/* Accepts on listener, and hands what is inside to h. */
enum err web_tls_new(struct web_tls **out, struct loop *l, int listener, struct tls_server *server,
    struct web_http *h, struct why *why) MUST_CHECK;
/* Close who is silent too long. */
void web_tls_tick(struct web_tls *t);
void web_tls_free(struct web_tls *t);
