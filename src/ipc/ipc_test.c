/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/ipc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "rng.h"

static enum err
feed(struct bytes data, size_t *messages)
{
	struct ipc_reader r = {.direction = IPC_UP};
	struct ipc_message m;
	struct why why;
	size_t at = 0;
	enum err e;

	*messages = 0;
	buf_add(&r.in, data);
	while ((e = ipc_next(&r, &at, &m, &why)) == ERR_OK)
		++*messages;
	buf_free(&r.in);
	return e;
}

static void
sample(struct buf *out)
{
	struct ipc_hello hello = {.version = IPC_VERSION};
	struct ipc_stats stats = {.packets = 3};
	struct ipc_done done = {.code = 0};

	ipc_put(out, IPC_UP, IPC_UP_hello, bytes_of(&hello, sizeof(hello)));
	ipc_put(out, IPC_UP, IPC_UP_events, BYTES("0123456789abcdef"));
	ipc_put(out, IPC_UP, IPC_UP_stats, bytes_of(&stats, sizeof(stats)));
	ipc_put(out, IPC_UP, IPC_UP_done, bytes_of(&done, sizeof(done)));
}

static void
whole_and_cut(void **state)
{
	struct buf out = {0};
	size_t n;

	(void)state;
	sample(&out);
	assert_int_equal(feed(buf_bytes(&out), &n), ERR_LIMIT);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < out.len; i++) {
		assert_int_equal(feed(bytes_of(out.ptr, i), &n), ERR_LIMIT);
		assert_true(n < 4);
	}
	buf_free(&out);
}

static void
hostile(void **state)
{
	struct rng rng = rng_new(4);
	struct buf out = {0};
	struct ipc_hello hello = {0};
	size_t n;

	(void)state;
	/* Events before hello: out of phase. */
	ipc_put(&out, IPC_UP, IPC_UP_events, BYTES("0123456789abcdef"));
	assert_int_equal(feed(buf_bytes(&out), &n), ERR_INPUT);
	/* A second hello: out of phase. */
	buf_reset(&out);
	ipc_put(&out, IPC_UP, IPC_UP_hello, bytes_of(&hello, sizeof(hello)));
	ipc_put(&out, IPC_UP, IPC_UP_hello, bytes_of(&hello, sizeof(hello)));
	assert_int_equal(feed(buf_bytes(&out), &n), ERR_INPUT);
	assert_int_equal(n, 1);
	/* Unknown type, wrong lengths. */
	assert_int_equal(feed(BYTES("\x01\0\0\0\x63x"), &n), ERR_INPUT);
	assert_int_equal(feed(BYTES("\xff\xff\xff\xff\x01"), &n), ERR_INPUT);
	assert_int_equal(feed(BYTES("\0\0\0\0\x01"), &n), ERR_INPUT);
	buf_reset(&out);
	sample(&out);
	for (int i = 0; i < 5000; i++) {
		size_t at = rng_below(&rng, out.len);
		uint8_t was = out.ptr[at];

		out.ptr[at] = (uint8_t)rng_next(&rng);
		(void)feed(buf_bytes(&out), &n);
		assert_true(n <= 4);
		out.ptr[at] = was;
	}
	buf_free(&out);
}

static void
over_a_pipe(void **state)
{
	struct ipc_reader r = {.direction = IPC_UP};
	struct buf out = {0};
	struct ipc_message m;
	struct why why;
	size_t at = 0;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	sample(&out);
	assert_int_equal(write(p[1], out.ptr, out.len), (ssize_t)out.len);
	(void)close(p[1]);
	assert_int_equal(ipc_fill(&r, p[0], &why), ERR_OK);
	assert_int_equal(ipc_next(&r, &at, &m, &why), ERR_OK);
	assert_int_equal(m.type, IPC_UP_hello);
	ipc_compact(&r, at);
	assert_int_equal(ipc_fill(&r, p[0], &why), ERR_ABSENT);
	(void)close(p[0]);
	buf_free(&r.in);
	buf_free(&out);
}

static void
packets_with_a_descriptor(void **state)
{
	struct ipc_attach attach = {.sensor = 2, .name = "eth0"};
	struct ipc_open open = {.version = IPC_VERSION};
	struct ipc_packet p;
	bool running = false;
	struct why why;
	int s[2], pipe_fd[2];
	char c = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0);
	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(
	    ipc_send(s[0], IPC_CTL, IPC_CTL_open, bytes_of(&open, sizeof(open)), -1, &why), ERR_OK);
	assert_int_equal(ipc_send(s[0], IPC_CTL, IPC_CTL_attach, bytes_of(&attach, sizeof(attach)),
			     pipe_fd[1], &why),
	    ERR_OK);
	assert_int_equal(ipc_receive(s[1], IPC_CTL, &running, &p, &why), ERR_OK);
	assert_int_equal(p.fd, -1);
	assert_int_equal(ipc_receive(s[1], IPC_CTL, &running, &p, &why), ERR_OK);
	assert_true(p.fd >= 0 && p.type == IPC_CTL_attach);
	assert_int_equal(write(p.fd, "x", 1), 1);
	assert_int_equal(read(pipe_fd[0], &c, 1), 1);
	(void)close(p.fd);
	/* Out of the table, too short, and gone. */
	assert_int_equal(send(s[0], "\x63", 1, 0), 1);
	assert_int_equal(ipc_receive(s[1], IPC_CTL, &running, &p, &why), ERR_INPUT);
	assert_int_equal(send(s[0], "\x02zz", 3, 0), 3);
	assert_int_equal(ipc_receive(s[1], IPC_CTL, &running, &p, &why), ERR_INPUT);
	(void)close(s[0]);
	assert_int_equal(ipc_receive(s[1], IPC_CTL, &running, &p, &why), ERR_ABSENT);
	(void)close(s[1]);
	(void)close(pipe_fd[0]);
	(void)close(pipe_fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whole_and_cut),
	    cmocka_unit_test(hostile), cmocka_unit_test(over_a_pipe),
	    cmocka_unit_test(packets_with_a_descriptor)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
