/* SPDX-License-Identifier: Apache-2.0 */
/* The server side against OpenSSL's client on a socket pair. */
#include "crypto/tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct buf pem;
static const struct wall now = {INT64_C(1772352000) * NS_PER_S};

static int
make(void **state)
{
	struct why why;

	(void)state;
	return tls_identity_make("Hemostat", "DNS:localhost,IP:127.0.0.1", now, 30, &pem, &why) ==
		       ERR_OK
		   ? 0
		   : -1;
}

static int
end(void **state)
{
	(void)state;
	buf_free(&pem);
	return 0;
}

static void
identity_can_be_read_again(void **state)
{
	char text[TLS_FINGERPRINT_MAX];
	struct wall until;
	struct why why;

	(void)state;
	assert_int_equal(tls_identity_end(buf_bytes(&pem), &until, &why), ERR_OK);
	assert_int_equal(until.ns, now.ns + 30 * 86400 * NS_PER_S);
	assert_int_equal(tls_identity_fingerprint(buf_bytes(&pem), text, &why), ERR_OK);
	assert_int_equal(strlen(text), 95);
	assert_int_equal(tls_identity_end(BYTES("nothing"), &until, &why), ERR_INPUT);
	assert_int_equal(tls_identity_fingerprint(BYTES(""), text, &why), ERR_INPUT);
}

static void
refuses_half_an_identity(void **state)
{
	struct tls_server *s;
	struct why why;
	struct bytes whole = buf_bytes(&pem);
	size_t key_end = bytes_find_seq(whole, BYTES("-----BEGIN CERT"));

	(void)state;
	assert_int_equal(tls_server_new(&s, BYTES(""), &why), ERR_INPUT);
	assert_int_equal(tls_server_new(&s, bytes_sub(whole, 0, key_end), &why), ERR_INPUT);
	assert_int_equal(tls_server_new(&s, bytes_from(whole, key_end), &why), ERR_INPUT);
	assert_null(s);
}

struct pair {
	struct tls_server *server;
	struct tls_conn *conn;
	SSL_CTX *ctx;
	SSL *client;
	int fds[2];
};

static void
begin(struct pair *p, int max_version)
{
	struct why why;

	assert_int_equal(tls_server_new(&p->server, buf_bytes(&pem), &why), ERR_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
	p->conn = tls_conn_new(p->server, p->fds[0]);
	assert_non_null(p->conn);
	p->ctx = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_set_max_proto_version(p->ctx, max_version), 1);
	p->client = SSL_new(p->ctx);
	assert_int_equal(SSL_set_fd(p->client, p->fds[1]), 1);
	SSL_set_connect_state(p->client);
}

static void
finish(struct pair *p)
{
	tls_conn_free(p->conn);
	tls_server_free(p->server);
	SSL_free(p->client);
	SSL_CTX_free(p->ctx);
	(void)close(p->fds[0]);
	(void)close(p->fds[1]);
}

static void
carries_bytes_both_ways(void **state)
{
	char room[16];
	size_t n = 0, put;
	struct pair p;
	enum tls_io io = TLS_IO_WANT_READ;

	(void)state;
	begin(&p, TLS1_3_VERSION);
	for (int i = 0; i < 10 && io != TLS_IO_OK; i++) {
		(void)SSL_write_ex(p.client, "hello", 5, &put);
		io = tls_conn_read(p.conn, room, sizeof(room), &n);
	}
	assert_int_equal(io, TLS_IO_OK);
	assert_memory_equal(room, "hello", 5);
	assert_string_equal(SSL_get_version(p.client), "TLSv1.3");
	assert_int_equal(tls_conn_write(p.conn, BYTES("back"), &put), TLS_IO_OK);
	assert_int_equal(SSL_read_ex(p.client, room, sizeof(room), &n), 1);
	assert_memory_equal(room, "back", 4);
	assert_int_equal(tls_conn_read(p.conn, room, sizeof(room), &n), TLS_IO_WANT_READ);
	(void)SSL_shutdown(p.client);
	assert_int_equal(tls_conn_read(p.conn, room, sizeof(room), &n), TLS_IO_END);
	finish(&p);
}

static void
older_versions_are_refused(void **state)
{
	enum tls_io io = TLS_IO_WANT_READ;
	struct pair p;
	size_t n;

	(void)state;
	begin(&p, TLS1_2_VERSION);
	for (int i = 0; i < 10 && io == TLS_IO_WANT_READ; i++) {
		(void)SSL_do_handshake(p.client);
		io = tls_conn_read(p.conn, &n, sizeof(n), &n);
	}
	assert_int_equal(io, TLS_IO_END);
	finish(&p);
}

static void
plain_bytes_end_the_connection(void **state)
{
	char room[16];
	struct pair p;
	size_t n;

	(void)state;
	begin(&p, TLS1_3_VERSION);
	assert_int_equal(send(p.fds[1], "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	assert_int_equal(tls_conn_read(p.conn, room, sizeof(room), &n), TLS_IO_END);
	assert_int_equal(tls_conn_read(p.conn, room, sizeof(room), &n), TLS_IO_END);
	assert_int_equal(tls_conn_write(p.conn, BYTES("x"), &n), TLS_IO_END);
	finish(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(identity_can_be_read_again),
	    cmocka_unit_test(refuses_half_an_identity),
	    cmocka_unit_test(carries_bytes_both_ways),
	    cmocka_unit_test(older_versions_are_refused),
	    cmocka_unit_test(plain_bytes_end_the_connection),
	};

	return cmocka_run_group_tests(tests, make, end);
}
