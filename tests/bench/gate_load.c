/* SPDX-License-Identifier: Apache-2.0 */
/* Load for gateways and other relays: HL7 messages over many connections, one outstanding on each,
 * every acknowledgement held against its message.
 *   gate_load CONNECT-PORT SERVER-PORT CONNECTIONS MESSAGES BYTES
 * A child answers on SERVER-PORT; what lies between the two ports is measured. One JSON line:
 * messages a second, latencies, wrong answers (must be 0). Ends with 1 where an answer was wrong or
 * a connection ended. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, READ_BYTES = 1 << 16, CONNECTIONS_MAX = 4096, ID_FIELD = 9 };

struct peer {
	int fd;
	unsigned long id; /* of the message that is out */
	int64_t sent_ns;
	size_t at;      /* bytes of the unit so far */
	char head[160]; /* its first bytes */
};

static struct peer peers[CONNECTIONS_MAX * 2];

static int64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
die(const char *what)
{
	perror(what);
	exit(4);
}

static void
send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k == -1 && errno == EAGAIN) {
			struct timespec t = {0, 50000};

			(void)nanosleep(&t, NULL);
			continue;
		}
		if (k == -1)
			die("send");
		p += k;
		n -= (size_t)k;
	}
}

/* Field n of the first segment as a number. */
static unsigned long
field(const char *head, int n)
{
	for (; n > 0 && *head != 0; head++)
		n -= *head == '|';
	return strtoul(head, NULL, 10);
}

static void
watch(int ep, int fd, struct peer *p)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == -1)
		die("epoll");
}

/* Take bytes; `whole` for each unit that ends. False: the connection ended. */
static bool
take(struct peer *p, void (*whole)(struct peer *))
{
	static char in[READ_BYTES];
	ssize_t n = recv(p->fd, in, sizeof(in), 0);

	if (n == -1 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	for (ssize_t i = 0; i < n;) {
		const char *fs = memchr(in + i, 0x1c, (size_t)(n - i));
		size_t len = fs != NULL ? (size_t)(fs - in - i) + 1 : (size_t)(n - i);
		size_t room = sizeof(p->head) - 1 - p->at;

		if (p->at < sizeof(p->head) - 1)
			memcpy(p->head + p->at, in + i, len < room ? len : room);
		p->at += len;
		i += (ssize_t)len;
		if (fs == NULL)
			break;
		p->head[p->at < sizeof(p->head) - 1 ? p->at : sizeof(p->head) - 1] = 0;
		whole(p);
		p->at = 0;
		memset(p->head, 0, sizeof(p->head));
	}
	return true;
}

/* --- the server --- */

static void
answer(struct peer *p)
{
	char out[200];
	unsigned long id = field(p->head, ID_FIELD);
	int n = snprintf(out, sizeof(out),
	    "\x0bMSH|^~\\&|LIS|H|LOAD|L|20260301||ACK|A%lu|P|2.5.1\rMSA|AA|%lu\r\x1c\r", id, id);

	send_all(p->fd, out, (size_t)n);
}

static void
serve(int listener)
{
	struct epoll_event got[EVENTS], e = {.events = EPOLLIN};
	int ep = epoll_create1(0);
	size_t n_peers = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(ep, got, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct peer *p = got[i].data.ptr;

			if (p == NULL) {
				p = &peers[n_peers++ % (CONNECTIONS_MAX * 2)];
				*p = (struct peer){.fd = accept(listener, NULL, NULL)};
				watch(ep, p->fd, p);
			} else if (!take(p, answer)) {
				(void)close(p->fd);
			}
		}
	}
}

/* --- the client --- */

static char *message;
static size_t message_len;
static int64_t *took;
static unsigned long next_id, done, total, wrong;

static void
send_next(struct peer *p)
{
	char id[16];

	if (next_id >= total)
		return;
	p->id = 1000000000UL + next_id++;
	(void)snprintf(id, sizeof(id), "%lu", p->id);
	memcpy(strstr(message, "##########"), id, 10);
	p->sent_ns = now_ns();
	send_all(p->fd, message, message_len);
	memset(strstr(message, id), '#', 10);
}

static void
acknowledged(struct peer *p)
{
	const char *msa = strstr(p->head, "MSA|AA|");

	wrong += msa == NULL || strtoul(msa + 7, NULL, 10) != p->id;
	if (done < total)
		took[done++] = now_ns() - p->sent_ns;
	send_next(p);
}

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
make_message(size_t bytes)
{
	static const char head[] =
	    "\x0bMSH|^~\\&|LOAD|L|LIS|H|20260301080000||ORU^R01|##########|P|"
	    "2.5.1\rPID|1||X^^^H||DOE^JANE\rOBR|1||S1|CBC\r";
	static const char line[] = "OBX|1|NM|718-7^Hemoglobin||13.5|g/dL|12-16|N|||F\r";

	message = calloc(1, bytes + sizeof(head) + sizeof(line));
	message_len = sizeof(head) - 1;
	memcpy(message, head, message_len);
	while (message_len + 2 < bytes) {
		memcpy(message + message_len, line, sizeof(line) - 1);
		message_len += sizeof(line) - 1;
	}
	memcpy(message + message_len, "\x1c\r", 2);
	message_len += 2;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct rlimit l;
	struct epoll_event got[EVENTS];
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), ep;
	unsigned long connections;
	int64_t start;
	double seconds;

	if (argc != 6)
		return 2;
	connections = strtoul(argv[3], NULL, 10);
	total = strtoul(argv[4], NULL, 10);
	if (connections == 0 || connections > CONNECTIONS_MAX || total == 0)
		return 2;
	(void)getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
	a.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) == -1 || listen(listener, 4096) == -1)
		die("listen");
	if (fork() == 0)
		serve(listener);
	make_message(strtoul(argv[5], NULL, 10));
	took = calloc(total, sizeof(*took));
	ep = epoll_create1(0);
	a.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	for (unsigned long i = 0; i < connections; i++) {
		peers[i] = (struct peer){.fd = socket(AF_INET, SOCK_STREAM, 0)};
		if (connect(peers[i].fd, (struct sockaddr *)&a, sizeof(a)) == -1)
			die("connect");
		watch(ep, peers[i].fd, &peers[i]);
	}
	start = now_ns();
	for (unsigned long i = 0; i < connections; i++)
		send_next(&peers[i]);
	while (done < total) {
		int n = epoll_wait(ep, got, EVENTS, 30000);

		if (n == 0) {
			(void)fprintf(stderr, "no answer for 30 s, %lu of %lu done\n", done, total);
			return 1;
		}
		for (int i = 0; i < n; i++) {
			if (!take(got[i].data.ptr, acknowledged)) {
				(void)fprintf(
				    stderr, "a connection ended, %lu of %lu done\n", done, total);
				return 1;
			}
		}
	}
	seconds = (double)(now_ns() - start) / 1e9;
	qsort(took, total, sizeof(*took), by_size);
	printf("{\"connections\":%lu,\"messages\":%lu,\"bytes\":%zu,\"per_second\":%.0f,"
	       "\"p50_us\":%.0f,\"p99_us\":%.0f,\"wrong\":%lu}\n",
	    connections, total, message_len, (double)total / seconds, (double)took[total / 2] / 1e3,
	    (double)took[total * 99 / 100] / 1e3, wrong);
	return wrong != 0;
}
