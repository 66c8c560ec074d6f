/* SPDX-License-Identifier: Apache-2.0 */
/* First byte 'A': an ARP body; anything else: an ICMPv6 message. */
#include "proto/arp/arp.h"
#include "trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct ip src = {{0xfe, 0x80, [15] = 1}};
	struct trace t;

	trace_init(&t);
	if (size > 0 && data[0] == 'A')
		(void)arp_packet(&t.observer, bytes_from(in, 1));
	else if (size > 0)
		(void)nd_packet(&t.observer, src, bytes_from(in, 1));
	trace_free(&t);
	return 0;
}
