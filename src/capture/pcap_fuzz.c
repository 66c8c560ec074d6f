/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a capture file: packets, then an end or an error with a reason. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/file.h"
#include "net/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture_packet batch[7];
	struct why why = {.code = ERR_OK};
	struct capture *c;
	uint64_t packets = 0;
	enum err e;
	size_t n;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd == -1 || (size > 0 && write(fd, data, size) != (ssize_t)size) ||
	    lseek(fd, 0, SEEK_SET) != 0)
		abort();
	if (capture_file_open(fd, &c, &why) == ERR_OK) {
		/* A small compressed file can hold very many packets. */
		while ((e = capture_next_batch(c, batch, 7, &n, &why)) == ERR_OK && n > 0 &&
		       packets < 100000) {
			for (size_t i = 0; i < n; i++) {
				struct packet p;

				packet_decode(batch[i].bytes, batch[i].linktype, &p);
				if (batch[i].index != ++packets ||
				    batch[i].wire_len < batch[i].bytes.len)
					abort();
			}
		}
		if (e != ERR_OK && (why.code != e || why.text[0] == 0))
			abort();
		capture_close(c);
	} else if (why.text[0] == 0) {
		abort();
	}
	(void)close(fd);
	return 0;
}
