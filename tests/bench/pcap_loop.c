/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick: libpcap's own loop over a file, touching each byte once. Nothing else. */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct sum {
	uint64_t packets, bytes, total;
};

static void
touch(u_char *user, const struct pcap_pkthdr *h, const u_char *p)
{
	struct sum *s = (struct sum *)(void *)user;
	uint64_t total = 0;
	bpf_u_int32 i = 0;

	for (; i + 8 <= h->caplen; i += 8) {
		uint64_t word;

		memcpy(&word, p + i, sizeof(word));
		total += word;
	}
	for (; i < h->caplen; i++)
		total += p[i];
	s->total += total;
	s->packets++;
	s->bytes += h->len;
}

int
main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE];
	struct sum s = {0};
	pcap_t *p;

	if (argc != 2 || (p = pcap_open_offline(argv[1], error)) == NULL) {
		fprintf(stderr, "pcap_loop FILE\n");
		return 2;
	}
	if (pcap_loop(p, -1, touch, (u_char *)&s) < 0)
		return 1;
	pcap_close(p);
	printf("%llu packets, %llu bytes, sum %llu\n", (unsigned long long)s.packets,
	    (unsigned long long)s.bytes, (unsigned long long)s.total);
	return 0;
}
