/* SPDX-License-Identifier: Apache-2.0 */
/* How fast packets become streams, against a plain libpcap loop that touches each byte.
 *   capture_bench make-bulk FILE [MIB]    eight transfers of full segments, acknowledged
 *   capture_bench make-short FILE [FLOWS] short conversations, 200 open at a time
 *   capture_bench MODE FILE [ROUNDS]      pcap | read | decode | flow | stream | all
 * One JSON line for each mode: the best of ROUNDS runs. `all` adds the ratio stream to pcap. */
#include <assert.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "capture/file.h"
#include "capture/write.h"
#include "net/build.h"
#include "net/flow.h"

enum { MSS = 1448, BULK_FLOWS = 8, OPEN_FLOWS = 200, SHORT_PACKETS = 10 };

static uint64_t touched; /* so that no work is optimised away */

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- making captures ---- */

struct maker {
	FILE *f;
	struct buf buf, frame;
	struct wall t;
};

static void
put(struct maker *m, const struct frame *f)
{
	m->frame.len = 0;
	frame_build(&m->frame, f);
	m->t.ns += 10000;
	pcap_write_packet(&m->buf, m->t, buf_bytes(&m->frame), 0);
	if (m->buf.len > 1 << 20) {
		assert(fwrite(m->buf.ptr, 1, m->buf.len, m->f) == m->buf.len);
		m->buf.len = 0;
	}
}

static struct frame
frame_of(uint32_t flow, int dir)
{
	uint8_t a[4] = {10, 1, (uint8_t)(flow >> 8), (uint8_t)flow}, b[4] = {10, 2, 0, 5};
	struct frame f = {.src_mac = {{2, 0, 0, 0, 0, 1}}, .dst_mac = {{2, 0, 0, 0, 0, 2}}};

	f.transport = IP_PROTO_TCP;
	f.window = 65535;
	f.tcp_flags = TCP_ACK;
	f.src = ip_from_v4(dir == 0 ? a : b);
	f.dst = ip_from_v4(dir == 0 ? b : a);
	f.src_port = dir == 0 ? (uint16_t)(20000 + flow % 40000) : 104;
	f.dst_port = dir == 0 ? 104 : (uint16_t)(20000 + flow % 40000);
	return f;
}

static void
shake(struct maker *m, uint32_t flow)
{
	struct frame a = frame_of(flow, 0), b = frame_of(flow, 1);

	a.tcp_flags = TCP_SYN;
	put(m, &a);
	b.tcp_flags = TCP_SYN | TCP_ACK;
	b.ack = 1;
	put(m, &b);
	a.tcp_flags = TCP_ACK;
	a.seq = a.ack = 1;
	put(m, &a);
}

static void
make_bulk(struct maker *m, size_t mib)
{
	static const uint8_t options[12] = {1, 1, 8, 10};
	uint8_t payload[MSS];
	size_t segments = (mib << 20) / (MSS + 82);

	for (size_t i = 0; i < MSS; i++)
		payload[i] = (uint8_t)(i * 7);
	for (uint32_t i = 0; i < BULK_FLOWS; i++)
		shake(m, i);
	for (size_t i = 0; i < segments; i++) {
		uint32_t flow = (uint32_t)(i / 16 % BULK_FLOWS);
		uint32_t n = (uint32_t)(i / 16 / BULK_FLOWS * 16 + i % 16);
		struct frame f = frame_of(flow, 0);

		f.seq = 1 + n * MSS;
		f.ack = 1;
		f.payload = bytes_of(payload, MSS);
		f.tcp_options = bytes_of(options, sizeof(options));
		put(m, &f);
		if (n % 2 == 1) {
			f = frame_of(flow, 1);
			f.seq = 1;
			f.ack = 1 + (n + 1) * MSS;
			f.tcp_options = bytes_of(options, sizeof(options));
			put(m, &f);
		}
	}
}

/* One step of a conversation of ten packets. */
static void
short_step(struct maker *m, uint32_t flow, int step)
{
	static const uint8_t ask[320], answer[180];
	struct frame a = frame_of(flow, 0), b = frame_of(flow, 1);

	switch (step) {
	case 0:
		shake(m, flow);
		return;
	case 1:
		a.seq = a.ack = 1;
		a.payload = bytes_of(ask, sizeof(ask));
		put(m, &a);
		return;
	case 2:
		b.seq = 1;
		b.ack = 1 + sizeof(ask);
		put(m, &b);
		return;
	case 3:
		b.seq = 1;
		b.ack = 1 + sizeof(ask);
		b.payload = bytes_of(answer, sizeof(answer));
		put(m, &b);
		return;
	case 4:
		a.seq = 1 + sizeof(ask);
		a.ack = 1 + sizeof(answer);
		put(m, &a);
		return;
	case 5:
		a.tcp_flags |= TCP_FIN;
		a.seq = 1 + sizeof(ask);
		a.ack = 1 + sizeof(answer);
		put(m, &a);
		return;
	case 6:
		b.tcp_flags |= TCP_FIN;
		b.seq = 1 + sizeof(answer);
		b.ack = 2 + sizeof(ask);
		put(m, &b);
		return;
	default:
		a.seq = 2 + sizeof(ask);
		a.ack = 2 + sizeof(answer);
		put(m, &a);
	}
}

static void
make_short(struct maker *m, size_t flows)
{
	for (size_t first = 0; first < flows; first += OPEN_FLOWS) {
		for (int step = 0; step < 8; step++) {
			for (size_t i = first; i < first + OPEN_FLOWS && i < flows; i++)
				short_step(m, (uint32_t)i, step);
		}
	}
}

static int
make(const char *mode, const char *path, size_t n)
{
	struct maker m = {.f = fopen(path, "wb"), .t = {INT64_C(1767225600) * NS_PER_S}};

	if (m.f == NULL) {
		perror(path);
		return 1;
	}
	pcap_write_head(&m.buf, LINKTYPE_ETHERNET);
	if (strcmp(mode, "make-bulk") == 0)
		make_bulk(&m, n == 0 ? 512 : n);
	else
		make_short(&m, n == 0 ? 68000 : n);
	assert(fwrite(m.buf.ptr, 1, m.buf.len, m.f) == m.buf.len);
	buf_free(&m.buf);
	buf_free(&m.frame);
	return fclose(m.f) == 0 ? 0 : 1;
}

/* ---- measuring ---- */

struct tally {
	uint64_t packets, bytes, stream_bytes, flows;
	double seconds;
};

static void
touch(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct tally *t = (struct tally *)(void *)user;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < h->caplen; i++)
		sum += bytes[i];
	touched += sum;
	t->packets++;
	t->bytes += h->caplen;
}

static void
run_pcap(const char *path, struct tally *t)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline(path, text);

	assert(p != NULL);
	assert(pcap_loop(p, -1, touch, (u_char *)t) == 0);
	pcap_close(p);
}

static void
on_data(void *ctx, enum name_value dir, struct bytes run, uint64_t offset)
{
	(void)dir;
	(void)offset;
	((struct flow *)ctx)->word[0] += run.len;
}

static void
on_gap(void *ctx, enum name_value dir, uint64_t offset, uint64_t missing)
{
	(void)ctx;
	(void)dir;
	(void)offset;
	(void)missing;
	abort();
}

static void
on_end(void *ctx, enum name_value dir)
{
	(void)ctx;
	(void)dir;
}

struct chain {
	struct stream_pool pool;
	struct tally *tally;
};

static void
on_over(void *ctx, struct flow *f, enum flow_over why)
{
	struct chain *c = ctx;

	(void)why;
	stream_end(&c->pool, &f->stream, f);
	c->tally->stream_bytes += f->word[0];
	c->tally->flows++;
}

enum depth { READ, DECODE, FLOW, STREAM };

static void
run_chain(const char *path, enum depth depth, struct tally *t)
{
	static const struct stream_sink sink = {on_data, on_gap, on_end, on_gap};
	struct budget budget = {.cap = (size_t)1 << 30};
	struct capture_packet batch[CAPTURE_BATCH];
	struct packet packets[CAPTURE_BATCH];
	struct flow_aim aims[CAPTURE_BATCH];
	struct chain chain = {.tally = t};
	struct flow_table flows;
	struct capture *c;
	struct why why;
	size_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert(fd >= 0);
	assert(capture_file_open(fd, &c, &why) == ERR_OK);
	assert(flow_init(
	    &flows, &(struct flow_settings){
			.budget = &budget, .key = {1, 2}, .over = on_over, .ctx = &chain}));
	stream_pool_init(&chain.pool, &(struct stream_settings){.sink = &sink, .budget = &budget});
	while (capture_next_batch(c, batch, CAPTURE_BATCH, &n, &why) == ERR_OK && n > 0) {
		bool aimed[CAPTURE_BATCH];

		for (size_t i = 0; i < n && depth >= DECODE; i++) {
			packet_decode(batch[i].bytes, batch[i].linktype, &packets[i]);
			touched += packets[i].seq;
			if (depth >= FLOW)
				aimed[i] = flow_aim(&flows, &packets[i], &aims[i]);
		}
		for (size_t i = 0; i < n && depth >= FLOW; i++) {
			if (aimed[i])
				flow_fetch(&flows, &aims[i]);
		}
		for (size_t i = 0; i < n && depth >= FLOW; i++) {
			enum name_value dir;
			struct flow *f;

			if (!aimed[i])
				continue;
			f = flow_take(&flows, &aims[i], &packets[i], batch[i].time, &dir);
			if (depth < STREAM || packets[i].kind != PACKET_TCP)
				continue;
			stream_tick(&chain.pool, batch[i].time);
			stream_packet(&chain.pool, &f->stream, dir, &packets[i], batch[i].time, f);
		}
		touched += (uint64_t)batch[n - 1].time.ns;
	}
	t->packets = capture_counters(c).packets;
	t->bytes = capture_counters(c).bytes;
	flow_free(&flows);
	stream_pool_free(&chain.pool);
	capture_close(c);
	(void)close(fd);
}

static struct tally
measure(const char *mode, const char *path, size_t rounds)
{
	static const char *const depths[] = {"read", "decode", "flow", "stream"};
	struct tally best = {.seconds = 1e9};

	for (size_t r = 0; r < rounds; r++) {
		struct tally t = {0};
		double start = now_s();

		if (strcmp(mode, "pcap") == 0)
			run_pcap(path, &t);
		for (size_t d = 0; d < ARRAY_LEN(depths); d++) {
			if (strcmp(mode, depths[d]) == 0)
				run_chain(path, (enum depth)d, &t);
		}
		t.seconds = now_s() - start;
		if (t.seconds < best.seconds)
			best = t;
	}
	printf(
	    "{\"bench\":\"capture\",\"mode\":\"%s\",\"packets\":%llu,\"bytes\":%llu,"
	    "\"flows\":%llu,\"stream_bytes\":%llu,\"seconds\":%.4f,\"mpps\":%.2f,\"gb_s\":%.2f}\n",
	    mode, (unsigned long long)best.packets, (unsigned long long)best.bytes,
	    (unsigned long long)best.flows, (unsigned long long)best.stream_bytes, best.seconds,
	    (double)best.packets / best.seconds / 1e6, (double)best.bytes / best.seconds / 1e9);
	return best;
}

int
main(int argc, char **argv)
{
	static const char *const modes[] = {"read", "decode", "flow", "stream"};
	size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	double base, last = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: capture_bench make-bulk|make-short|all|MODE FILE [N]\n");
		return 2;
	}
	if (strncmp(argv[1], "make-", 5) == 0)
		return make(argv[1], argv[2], n);
	if (n == 0)
		n = 5;
	if (strcmp(argv[1], "all") != 0) {
		(void)measure(argv[1], argv[2], n);
		return touched == 1;
	}
	base = measure("pcap", argv[2], n).seconds;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		last = measure(modes[i], argv[2], n).seconds;
	printf("{\"bench\":\"capture\",\"ratio_stream_to_pcap\":%.2f}\n", last / base);
	return touched == 1;
}
