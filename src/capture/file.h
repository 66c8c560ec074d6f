/* SPDX-License-Identifier: Apache-2.0 */
/* pcap and pcapng files, plain or compressed, from any descriptor.
 * Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng; the older Kuznetzov variant; RFC 1952,
 *         RFC 8878 for the wrapping, which is told by its first bytes (several members or frames
 *         in a row are one stream).
 * Input:  any bytes; the descriptor may be a file, pipe or socket and is read from where it is.
 * Output: capture.h. pcapng: sections, interfaces, EPB, SPB and the obsolete packet block; other
 *         blocks are stepped over. Times are cut to nanoseconds.
 * Memory: two buffers of CAPTURE_BUFFER_BYTES at most, interfaces of the section.
 * Total:  a file that breaks off or goes wrong gives every packet before that place, then an error
 *         that names packet and offset (in the file after decompression).
 * Limits: CAPTURE_PACKET_MAX bytes a packet, CAPTURE_INTERFACES_MAX interfaces a section,
 *         CAPTURE_BLOCK_MAX bytes a pcapng block that must be read whole. */
#pragma once

#include "capture/capture.h"

enum {
	CAPTURE_BUFFER_BYTES = 1 << 20,
	CAPTURE_PACKET_MAX = 256 * 1024,
	CAPTURE_BLOCK_MAX = 64 * 1024,
	CAPTURE_INTERFACES_MAX = 4096,
};

enum capture_format { CAPTURE_PCAP, CAPTURE_PCAPNG };
enum capture_wrap { CAPTURE_PLAIN, CAPTURE_GZIP, CAPTURE_ZSTD };

/* Read the file's first bytes and make ready. The descriptor stays the caller's.
 * ERR_INPUT: not a capture file; why says what was found. ERR_SYSTEM: read failed, no memory. */
MUST_CHECK enum err capture_file_open(int fd, struct capture **c, struct why *why);

enum capture_format capture_file_format(const struct capture *c);
enum capture_wrap capture_file_wrap(const struct capture *c);
/* Bytes of the capture read so far, after decompression. */
uint64_t capture_file_offset(const struct capture *c);
