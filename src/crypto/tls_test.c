/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tls.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/ca.h"

static const struct wall noon = {INT64_C(4102444800) * NS_PER_S - INT64_C(86400) * 365 * NS_PER_S};

/* A box: its folder, authority and current certificate. */
struct box {
	char path[64];
	int dir;
	struct ca *ca;
	struct buf leaf, anchor;
	unsigned signatures;
};

static struct wall
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (struct wall){t.tv_sec * NS_PER_S};
}

static void
box_new(struct box *b, const char *name, struct wall when, unsigned days)
{
	struct why why;

	*b = (struct box){0};
	(void)snprintf(b->path, sizeof(b->path), "/tmp/hemostat-tls-XXXXXX");
	assert_non_null(mkdtemp(b->path));
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(ca_ensure(b->dir, name, when, &why), ERR_OK);
	assert_int_equal(ca_open(&b->ca, b->dir, &why), ERR_OK);
	assert_int_equal(ca_leaf(b->ca, when, days, &b->leaf, &why), ERR_OK);
	assert_int_equal(ca_certificate(b->dir, &b->anchor, &why), ERR_OK);
}

static void
box_free(struct box *b)
{
	ca_close(b->ca);
	buf_free(&b->leaf);
	buf_free(&b->anchor);
	(void)unlinkat(b->dir, "ca.key", 0);
	(void)unlinkat(b->dir, "ca.pem", 0);
	(void)unlinkat(b->dir, "node.key", 0);
	(void)close(b->dir);
	(void)rmdir(b->path);
}

static bool
sign(void *ctx, struct bytes digest, uint8_t *sig, size_t *len)
{
	struct box *b = ctx;
	struct why why;

	b->signatures++;
	return ca_sign(b->ca, digest, sig, len, &why) == ERR_OK;
}

static struct tls_context *
context(struct box *b, enum tls_role role, const struct bytes *anchors, size_t n)
{
	struct tls_context *c;
	struct why why;

	if (tls_context_new(&c,
		&(struct tls_spec){.role = role,
		    .certificate = buf_bytes(&b->leaf),
		    .authority = buf_bytes(&b->anchor),
		    .anchors = anchors,
		    .n_anchors = n,
		    .sign = sign,
		    .ctx = b},
		&why) != ERR_OK)
		fail_msg("%s", why.text);
	return c;
}

struct pair {
	int fd[2];
	struct tls *client, *server;
};

/* True where both sides finish and know each other. */
static bool
meet(struct pair *p, struct tls_context *client, struct tls_context *server, struct tls_peer *seen,
    struct why *why)
{
	enum tls_io a = TLS_WANT_READ, b = TLS_WANT_READ;
	char byte;
	size_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fd), 0);
	p->client = tls_new(client, p->fd[0]);
	p->server = tls_new(server, p->fd[1]);
	for (int i = 0; i < 20 && (a != TLS_OK || b != TLS_OK); i++) {
		if (a == TLS_WANT_READ && (a = tls_handshake(p->client, why)) == TLS_FAILED)
			return false;
		if (b == TLS_WANT_READ && (b = tls_handshake(p->server, why)) == TLS_FAILED)
			return false;
	}
	if (a != TLS_OK || b != TLS_OK)
		return false;
	/* The server's ticket comes with the first read. */
	(void)tls_read(p->client, &byte, 1, &n, why);
	return tls_peer(p->server, seen, why) == ERR_OK;
}

static void
part(struct pair *p)
{
	tls_free(p->client);
	tls_free(p->server);
	(void)close(p->fd[0]);
	(void)close(p->fd[1]);
}

static void
boxes_that_trust_each_other_talk(void **state)
{
	struct box a, b;
	struct bytes anchors[2];
	struct tls_context *client, *server;
	struct tls_peer seen;
	struct pair p;
	struct why why;
	char text[8];
	size_t n;

	(void)state;
	box_new(&a, "analyzer-side", now(), 7);
	box_new(&b, "lis-side", now(), 7);
	anchors[0] = buf_bytes(&b.anchor);
	anchors[1] = buf_bytes(&a.anchor);
	client = context(&a, TLS_CLIENT, anchors, 1);
	server = context(&b, TLS_SERVER, anchors, 2);
	if (!meet(&p, client, server, &seen, &why))
		fail_msg("%s", why.text);
	assert_string_equal(seen.name, "analyzer-side");
	assert_int_equal(seen.anchor, 1);
	assert_string_equal(seen.version, "TLSv1.3");
	assert_false(seen.resumed);
	assert_int_equal(a.signatures, 1);
	assert_int_equal(b.signatures, 1);
	assert_int_equal(tls_write(p.client, BYTES("hello"), &n, &why), TLS_OK);
	assert_int_equal(tls_read(p.server, text, sizeof(text), &n, &why), TLS_OK);
	assert_memory_equal(text, "hello", n);
	assert_int_equal(tls_end(p.client), TLS_OK);
	assert_int_equal(tls_read(p.server, text, sizeof(text), &n, &why), TLS_END);
	/* Half closed: the other direction still works. */
	assert_int_equal(tls_write(p.server, BYTES("bye"), &n, &why), TLS_OK);
	assert_int_equal(tls_read(p.client, text, sizeof(text), &n, &why), TLS_OK);
	part(&p);
	/* The second time without a signature, and still known by name. */
	assert_true(meet(&p, client, server, &seen, &why));
	assert_true(seen.resumed);
	assert_string_equal(seen.name, "analyzer-side");
	assert_int_equal(seen.anchor, 1);
	assert_int_equal(a.signatures, 1);
	part(&p);
	tls_context_free(client);
	tls_context_free(server);
	box_free(&a);
	box_free(&b);
}

static void
strangers_are_refused(void **state)
{
	struct box a, b, stranger, old, early;
	struct bytes of_a[3], of_b;
	struct tls_context *good, *server, *bad[4];
	struct tls_peer seen;
	struct pair p;
	struct why why;

	(void)state;
	box_new(&a, "a", now(), 7);
	box_new(&b, "b", now(), 7);
	box_new(&stranger, "a", now(), 7); /* the same name, another authority */
	box_new(&old, "old", (struct wall){now().ns - INT64_C(30) * 86400 * NS_PER_S}, 7);
	box_new(&early, "early", noon, 7);
	of_a[0] = buf_bytes(&a.anchor);
	of_a[1] = buf_bytes(&old.anchor);
	of_a[2] = buf_bytes(&early.anchor);
	of_b = buf_bytes(&b.anchor);
	server = context(&b, TLS_SERVER, of_a, 3);
	good = context(&a, TLS_CLIENT, &of_b, 1);
	bad[0] = context(&stranger, TLS_CLIENT, &of_b, 1);
	bad[1] = context(&old, TLS_CLIENT, &of_b, 1);
	bad[2] = context(&early, TLS_CLIENT, &of_b, 1);
	bad[3] = context(&a, TLS_CLIENT, of_a, 1); /* does not trust the server */
	assert_true(meet(&p, good, server, &seen, &why));
	part(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(meet(&p, bad[i], server, &seen, &why));
		assert_non_null(strstr(why.text, i == 1 ? "expired" : "certificate"));
		part(&p);
		tls_context_free(bad[i]);
	}
	tls_context_free(good);
	tls_context_free(server);
	box_free(&a);
	box_free(&b);
	box_free(&stranger);
	box_free(&old);
	box_free(&early);
}

/* Who stole the certificate but not the key gets nowhere. */
static void
a_certificate_alone_is_not_enough(void **state)
{
	struct box a, b, thief;
	struct bytes of_a, of_b;
	struct tls_context *server, *client;
	struct tls_peer seen;
	struct pair p;
	struct why why;

	(void)state;
	box_new(&a, "a", now(), 7);
	box_new(&b, "b", now(), 7);
	box_new(&thief, "thief", now(), 7);
	of_a = buf_bytes(&a.anchor);
	of_b = buf_bytes(&b.anchor);
	buf_reset(&thief.leaf);
	buf_add(&thief.leaf, buf_bytes(&a.leaf));
	server = context(&b, TLS_SERVER, &of_a, 1);
	client = context(&thief, TLS_CLIENT, &of_b, 1);
	assert_false(meet(&p, client, server, &seen, &why));
	part(&p);
	tls_context_free(client);
	tls_context_free(server);
	box_free(&a);
	box_free(&b);
	box_free(&thief);
}

static void
files_of_the_authority(void **state)
{
	static const char *const bad[] = {"", "-a", "a b", "a/b", "\x01"};
	struct buf key = {0}, cert = {0}, der = {0}, pem = {0};
	struct cert_info info;
	struct box a;
	struct stat st;
	struct ca *c;
	struct why why;

	(void)state;
	box_new(&a, "box-1", now(), 7);
	assert_int_equal(fstatat(a.dir, "ca.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fstatat(a.dir, "node.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ca_ensure(a.dir, "other", now(), &why), ERR_OK);
	assert_string_equal(ca_name(a.ca), "box-1"); /* what is there stays */
	assert_int_equal(ca_issue(a.ca, "xn-550", now(), 397, &key, &cert, &why), ERR_OK);
	assert_int_equal(cert_from_pem(buf_bytes(&cert), &der, &why), ERR_OK);
	assert_int_equal(cert_read(buf_bytes(&der), &info, &why), ERR_OK);
	assert_string_equal(info.name, "xn-550");
	assert_string_equal(info.issuer, "box-1");
	assert_false(info.authority);
	assert_int_equal(cert_to_pem(buf_bytes(&der), &pem, &why), ERR_OK);
	assert_true(bytes_eq(buf_bytes(&pem), buf_bytes(&cert)));
	assert_int_equal(cert_read(buf_bytes(&a.anchor), &info, &why), ERR_OK);
	assert_true(info.authority);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ca_issue(a.ca, bad[i], now(), 1, &key, &cert, &why), ERR_USAGE);
	for (size_t n = 0; n < der.len; n++)
		assert_int_equal(cert_read(bytes_of(der.ptr, n), &info, &why), ERR_INPUT);
	assert_int_equal(cert_from_pem(BYTES("nothing"), &pem, &why), ERR_INPUT);
	/* Keys that others can read are not used. */
	assert_int_equal(fchmodat(a.dir, "node.key", 0644, 0), 0);
	assert_int_equal(ca_open(&c, a.dir, &why), ERR_REFUSED);
	assert_null(c);
	buf_free(&key);
	buf_free(&cert);
	buf_free(&der);
	buf_free(&pem);
	box_free(&a);
}

static void
digests_of_other_lengths_are_not_signed(void **state)
{
	uint8_t digest[80] = {1}, sig[SIGNATURE_MAX];
	struct box a;
	struct why why;
	size_t len;

	(void)state;
	box_new(&a, "a", now(), 7);
	for (size_t n = 0; n < sizeof(digest); n++)
		assert_int_equal(ca_sign(a.ca, bytes_of(digest, n), sig, &len, &why),
		    n >= 32 && n <= 64 ? ERR_OK : ERR_INPUT);
	box_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(boxes_that_trust_each_other_talk),
	    cmocka_unit_test(strangers_are_refused),
	    cmocka_unit_test(a_certificate_alone_is_not_enough),
	    cmocka_unit_test(files_of_the_authority),
	    cmocka_unit_test(digests_of_other_lengths_are_not_signed)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
