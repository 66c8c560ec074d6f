/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of virtual interfaces in a network namespace of the test's own. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/live.h"
#include "net/build.h"
#include "net/packet.h"

enum { WAIT_MS = 10000 };

static bool have_net;

/* Both ends carry frames only when the kernel has told them of each other. */
static bool
is_running(const char *interface)
{
	struct ifreq r = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool yes;

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", interface);
	yes = fd != -1 && ioctl(fd, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & IFF_RUNNING) != 0;
	(void)close(fd);
	return yes;
}

static bool
wait_running(void)
{
	for (int i = 0; i < WAIT_MS; i++) {
		if (is_running("va") && is_running("vb"))
			return true;
		(void)poll(NULL, 0, 1);
	}
	return false;
}

static int
net_up(void **state)
{
	(void)state;
	have_net = unshare(CLONE_NEWNET) == 0 &&
		   system("ip link set lo up && ip link add va type veth peer name vb && "
			  "ip link set va up arp off && ip link set vb up arp off && "
			  "sysctl -q -w net.ipv6.conf.va.disable_ipv6=1 "
			  "net.ipv6.conf.vb.disable_ipv6=1 2>/dev/null") == 0 &&
		   wait_running();
	return 0;
}

/* Not skip(): meson takes cmocka's "not ok # SKIP" for a failure. */
static bool
lacks_net(void)
{
	if (!have_net)
		print_message("# no right to make a network namespace: skipped\n");
	return !have_net;
}

/* A socket that sends whole frames into an interface. */
static int
sender(const char *interface)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = 0};

	to.sll_ifindex = (int)if_nametoindex(interface);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void
send_frame(int fd, uint16_t vlan_outer, uint16_t vlan, uint8_t proto, uint16_t port)
{
	static const uint8_t a[4] = {10, 99, 0, 1}, b[4] = {10, 99, 0, 2};
	struct frame f = {.src_mac = {{2, 0, 0, 0, 0, 1}},
	    .dst_mac = {{2, 0, 0, 0, 0, 2}},
	    .vlan = vlan,
	    .vlan_outer = vlan_outer,
	    .transport = proto,
	    .src_port = port,
	    .dst_port = 2575,
	    .seq = 7,
	    .tcp_flags = TCP_ACK,
	    .payload = BYTES("\vMSH|")};
	struct buf out = {0};

	f.src = ip_from_v4(a);
	f.dst = ip_from_v4(b);
	frame_build(&out, &f);
	assert_int_equal(send(fd, out.ptr, out.len, 0), out.len);
	buf_free(&out);
}

/* Packets until `want` of ours came. Others (the kernel's own chatter) are passed over. */
static size_t
collect(struct capture *c, struct packet *out, size_t want)
{
	struct capture_packet batch[CAPTURE_BATCH];
	struct why why;
	size_t n, got = 0;

	while (got < want) {
		struct pollfd p = {.fd = capture_fd(c), .events = POLLIN};

		assert_int_equal(capture_next_batch(c, batch, CAPTURE_BATCH, &n, &why), ERR_OK);
		if (n == 0 && poll(&p, 1, WAIT_MS) <= 0)
			break;
		for (size_t i = 0; i < n; i++) {
			struct packet pk;

			packet_decode(batch[i].bytes, batch[i].linktype, &pk);
			if (batch[i].vlan_tci != 0)
				packet_tagged(&pk, batch[i].vlan_tci);
			assert_true(batch[i].time.ns > 0);
			assert_true(batch[i].wire_len >= batch[i].bytes.len);
			if (pk.dst_port == 2575 && got < want)
				out[got++] = pk;
		}
	}
	return got;
}

static struct capture *
start(const struct live_settings *s, int *fd)
{
	struct capture *c = NULL;
	struct why why;

	if (live_open(s, fd, &why) != ERR_OK || live_map(*fd, s, &c, &why) != ERR_OK)
		fail_msg("%s", why.text);
	return c;
}

static void
frames_come_with_tags(void **state)
{
	struct live_settings s = {.interface = "vb", .promiscuous = true};
	struct packet p[4];
	struct capture *c;
	int fd, out;

	(void)state;
	if (lacks_net())
		return;
	c = start(&s, &fd);
	out = sender("va");
	send_frame(out, 0, 0, IP_PROTO_TCP, 1000);
	send_frame(out, 0, 10, IP_PROTO_TCP, 1001);
	send_frame(out, 100, 10, IP_PROTO_UDP, 1002);
	assert_int_equal(collect(c, p, 3), 3);
	assert_int_equal(p[0].kind, PACKET_TCP);
	assert_int_equal(p[0].vlan, 0);
	assert_true(bytes_eq(bytes_sub(p[0].payload, 0, 0), BYTES("")));
	assert_int_equal(p[0].payload.len, 5);
	assert_int_equal(p[1].src_port, 1001);
	assert_int_equal(p[1].vlan, 10);
	assert_int_equal(p[1].vlan_outer, 10);
	assert_int_equal(p[2].kind, PACKET_UDP);
	assert_int_equal(p[2].vlan, 10);
	assert_int_equal(p[2].vlan_outer, 100);
	assert_int_equal(capture_counters(c).dropped, 0);
	assert_false(capture_ended(c));
	capture_close(c);
	(void)close(fd);
	(void)close(out);
}

static void
filter_and_errors(void **state)
{
	struct live_settings s = {.interface = "vb", .filter = "udp port 2575"};
	struct packet p[2];
	struct capture *c;
	struct why why;
	int fd, out;

	(void)state;
	if (lacks_net())
		return;
	c = start(&s, &fd);
	out = sender("va");
	send_frame(out, 0, 0, IP_PROTO_TCP, 1);
	send_frame(out, 0, 0, IP_PROTO_UDP, 2);
	assert_int_equal(collect(c, p, 1), 1);
	assert_int_equal(p[0].src_port, 2);
	capture_close(c);
	(void)close(fd);
	(void)close(out);
	s.filter = "udp prt 2575";
	assert_int_equal(live_open(&s, &fd, &why), ERR_USAGE);
	assert_int_equal(fd, -1);
	s = (struct live_settings){.interface = "nowhere0"};
	assert_int_equal(live_open(&s, &fd, &why), ERR_ABSENT);
	s.interface = "a-name-that-is-too-long-for-any";
	assert_int_equal(live_open(&s, &fd, &why), ERR_ABSENT);
}

/* The opener hands the descriptor to another process, which maps and reads. */
static void
read_by_another_process(void **state)
{
	struct live_settings s = {.interface = "vb", .ring_bytes = 4 << 20};
	struct packet p[50];
	struct why why;
	int fd, out, status;
	pid_t child;

	(void)state;
	if (lacks_net())
		return;
	assert_int_equal(live_open(&s, &fd, &why), ERR_OK);
	out = sender("va");
	for (uint16_t i = 0; i < 50; i++)
		send_frame(out, 0, 0, IP_PROTO_TCP, i);
	if ((child = fork()) == 0) {
		struct capture *c;

		if (setgid(65534) != 0 || setuid(65534) != 0 ||
		    live_map(fd, &s, &c, &why) != ERR_OK)
			_exit(1);
		_exit(collect(c, p, 50) == 50 && p[49].src_port == 49 ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	(void)close(fd);
	(void)close(out);
}

/* Two sensors: every packet once, and all of a flow at one of them. */
static void
fanout(void **state)
{
	enum { FLOWS = 40, EACH = 5 };
	struct live_settings s = {.interface = "vb", .fanout_group = 7};
	struct capture_packet batch[CAPTURE_BATCH];
	struct capture *c[2];
	int fd[2], out, where[FLOWS] = {0};
	size_t got = 0, by[2] = {0, 0}, n;
	struct why why;

	(void)state;
	if (lacks_net())
		return;
	for (int i = 0; i < 2; i++)
		c[i] = start(&s, &fd[i]);
	out = sender("va");
	for (uint16_t i = 0; i < FLOWS * EACH; i++)
		send_frame(out, 0, 0, IP_PROTO_TCP, 3000 + i % FLOWS);
	while (got < FLOWS * EACH) {
		struct pollfd p[2] = {
		    {.fd = fd[0], .events = POLLIN}, {.fd = fd[1], .events = POLLIN}};

		assert_true(poll(p, 2, WAIT_MS) > 0);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(
			    capture_next_batch(c[k], batch, CAPTURE_BATCH, &n, &why), ERR_OK);
			for (size_t i = 0; i < n; i++) {
				struct packet pk;

				packet_decode(batch[i].bytes, batch[i].linktype, &pk);
				if (pk.dst_port != 2575)
					continue;
				assert_true((where[pk.src_port - 3000] | 1 << k) == 1 << k);
				where[pk.src_port - 3000] = 1 << k;
				by[k]++;
				got++;
			}
		}
	}
	assert_true(by[0] > 0 && by[1] > 0);
	for (int i = 0; i < 2; i++) {
		capture_close(c[i]);
		(void)close(fd[i]);
	}
	(void)close(out);
}

/* A ring that nobody empties: what does not fit is counted. */
static void
drops_are_counted(void **state)
{
	struct live_settings s = {.interface = "vb", .ring_bytes = 2 << 20};
	struct capture *c;
	int fd, out;

	(void)state;
	if (lacks_net())
		return;
	c = start(&s, &fd);
	out = sender("va");
	for (int i = 0; i < 40000; i++)
		send_frame(out, 0, 0, IP_PROTO_TCP, 1);
	assert_true(capture_counters(c).dropped > 0);
	assert_true(capture_counters(c).dropped < 40000);
	capture_close(c);
	(void)close(fd);
	(void)close(out);
}

static void
loopback_once(void **state)
{
	struct live_settings s = {.interface = "lo"};
	struct packet p[3];
	struct capture *c;
	int fd, out;

	(void)state;
	if (lacks_net())
		return;
	c = start(&s, &fd);
	out = sender("lo");
	send_frame(out, 0, 0, IP_PROTO_UDP, 11);
	send_frame(out, 0, 0, IP_PROTO_UDP, 12);
	assert_int_equal(collect(c, p, 2), 2);
	assert_int_equal(p[0].src_port, 11);
	assert_int_equal(p[1].src_port, 12);
	capture_close(c);
	(void)close(fd);
	(void)close(out);
}

/* Last: it takes the interfaces away. */
static void
interface_down_and_gone(void **state)
{
	struct live_settings s = {.interface = "vb"};
	struct capture_packet batch[4];
	struct packet p[1];
	struct capture *c;
	struct why why;
	size_t n;
	int fd, out;

	(void)state;
	if (lacks_net())
		return;
	c = start(&s, &fd);
	assert_int_equal(system("ip link set vb down"), 0);
	assert_int_equal(capture_next_batch(c, batch, 4, &n, &why), ERR_ABSENT);
	assert_string_equal(why.text, "interface \"vb\" is down");
	assert_int_equal(system("ip link set vb up"), 0);
	out = sender("va");
	send_frame(out, 0, 0, IP_PROTO_TCP, 1);
	assert_int_equal(collect(c, p, 1), 1);
	assert_int_equal(system("ip link del vb"), 0);
	while (capture_next_batch(c, batch, 4, &n, &why) == ERR_OK && n > 0)
		continue;
	assert_int_equal(capture_next_batch(c, batch, 4, &n, &why), ERR_SYSTEM);
	assert_string_equal(why.text, "interface \"vb\" is gone");
	capture_close(c);
	(void)close(fd);
	(void)close(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_come_with_tags),
	    cmocka_unit_test(filter_and_errors),
	    cmocka_unit_test(read_by_another_process),
	    cmocka_unit_test(fanout),
	    cmocka_unit_test(drops_are_counted),
	    cmocka_unit_test(loopback_once),
	    cmocka_unit_test(interface_down_and_gone),
	};

	return cmocka_run_group_tests_name("capture live", tests, net_up, NULL);
}
