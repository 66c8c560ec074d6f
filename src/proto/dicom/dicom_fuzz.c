/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: bit 0 decode the rest, bit 1 read it as a file; else a conversation: each turn is a
 * head (bit 7 side, bit 6 a hole of that many bytes, low bits length / 8) and its bytes. */
#include <stdlib.h>

#include "proto/dicom/dicom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
no_emit(void *owner, enum name_value dir, uint64_t offset, enum event_kind kind, const void *fields)
{
	struct buf out = {0};
	struct event_head head = {.dir = dir, .offset = offset};

	(void)owner;
	if (!event_encode(&out, kind, &head, fields))
		abort();
	buf_free(&out);
}

static void
no_line(void *ctx, struct bytes json)
{
	(void)ctx;
	if (json.len == 0)
		abort();
}

static void
talk(struct observer *o, struct bytes in)
{
	void *s = dicom_protocol.open(o);
	uint64_t at[2] = {0, 0};

	if (s == NULL)
		abort();
	while (in.len > 0) {
		uint8_t head = in.ptr[0];
		enum name_value dir = head & 0x80 ? dir_resp : dir_orig;
		struct bytes run = bytes_sub(in, 1, (size_t)(head & 0x3f) * 8 + 1);

		in = bytes_from(in, 1 + run.len);
		if ((head & 0x40) != 0) {
			dicom_protocol.gap(s, dir, at[dir], (head & 0x3f) + 1u);
			at[dir] += (head & 0x3f) + 1u;
		}
		if (run.len > 0)
			dicom_protocol.data(s, dir, run, at[dir]);
		at[dir] += run.len;
	}
	dicom_protocol.end(s, dir_orig);
	dicom_protocol.end(s, dir_resp);
	dicom_protocol.close(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sip_key key = {1, 2};
	struct budget budget = {.cap = 1 << 22};
	struct observer o = {.emit = no_emit, .key = &key, .budget = &budget};
	struct line_sink sink = {NULL, no_line};
	struct bytes in = bytes_of(data, size);
	struct probe_view view = {.head = {in, {NULL, 0}}, .ended = true};

	if (size == 0)
		return 0;
	(void)dicom_protocol.probe(&view);
	in = bytes_from(in, 1);
	if ((data[0] & 1) != 0)
		dicom_protocol.decode(in, &sink);
	else if ((data[0] & 2) != 0)
		(void)dicom_file_inspect(&o, dir_orig, 0, in);
	else
		talk(&o, in);
	if (budget.used != 0)
		abort();
	return 0;
}
