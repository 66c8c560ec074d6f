/* SPDX-License-Identifier: Apache-2.0 */
/* Speed of the HL7 reader, one JSON line a mode: {"bench":"hl7","mode":m,"message_bytes":n,
 * "mb_s":x,"ns_message":y}.
 *   frame    MLLP blocks found, data not looked at
 *   parse    and every segment cut into fields
 *   observe  the whole session: message, results, claims told to an observer that drops them
 *   encode   and each observation encoded as an event
 *   packets  as encode, in runs of 1,460 bytes
 * Usage: hl7_bench [mode [observations per message]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/hl7v2/hl7v2.h"
#include "proto/hl7v2/write.h"
#include "proto/mllp/mllp.h"

enum { STREAM_BYTES = 4 << 20, RUN_BYTES = 64 << 10, PACKET_BYTES = 1460 };

static void
make_stream(struct buf *out, unsigned results)
{
	struct buf m = {0};
	struct hl7_writer w;
	char text[64];

	for (unsigned k = 0; out->len < STREAM_BYTES; k++) {
		struct hl7_header h = {.application = BYTES("BC-6800^00112233^EUI-64"),
		    .facility = BYTES("Mindray"),
		    .receiving_application = BYTES("LIS"),
		    .receiving_facility = BYTES("LAB"),
		    .time = BYTES("20260203040506+0000"),
		    .type = BYTES("ORU^R01^ORU_R01"),
		    .processing_id = BYTES("P"),
		    .version = BYTES("2.5.1"),
		    .charset = BYTES("UNICODE UTF-8")};

		buf_reset(&m);
		(void)snprintf(text, sizeof(text), "MSG%08u", k);
		h.control_id = bytes_str(text);
		hl7_write_begin(&w, &m);
		hl7_write_msh(&w, &h);
		hl7_write_segment(&w, "PID");
		hl7_write_field(&w, 1, BYTES("1"));
		hl7_write_raw(&w, 3, BYTES("2590157853^^^SIM^MRN"));
		hl7_write_raw(&w, 5, BYTES("Example^Person^^^^^CURRENT"));
		hl7_write_field(&w, 7, BYTES("19800101"));
		hl7_write_field(&w, 8, BYTES("F"));
		hl7_write_segment(&w, "OBR");
		hl7_write_field(&w, 1, BYTES("1"));
		(void)snprintf(text, sizeof(text), "S%07u", k);
		hl7_write_field(&w, 3, bytes_str(text));
		hl7_write_raw(&w, 4, BYTES("58410-2^CBC panel^LN"));
		hl7_write_field(&w, 7, BYTES("20260203040000"));
		for (unsigned i = 0; i < results; i++) {
			(void)snprintf(text, sizeof(text), "%u", i + 1);
			hl7_write_segment(&w, "OBX");
			hl7_write_field(&w, 1, bytes_str(text));
			hl7_write_field(&w, 2, BYTES("NM"));
			(void)snprintf(
			    text, sizeof(text), "%u-%u^Test number %u^LN", 700 + i, i % 10, i);
			hl7_write_raw(&w, 3, bytes_str(text));
			(void)snprintf(text, sizeof(text), "%u.%u", (k * 7 + i) % 300, i % 10);
			hl7_write_field(&w, 5, bytes_str(text));
			hl7_write_field(&w, 6, BYTES("10*9/L"));
			hl7_write_field(&w, 7, BYTES("120.0-160.0"));
			hl7_write_field(&w, 8, BYTES("N"));
			hl7_write_field(&w, 11, BYTES("F"));
			hl7_write_field(&w, 14, BYTES("20260203040500"));
		}
		hl7_write_end(&w);
		mllp_write(out, buf_bytes(&m));
	}
	buf_free(&m);
}

struct sink {
	struct buf out;
	bool encode;
	uint64_t n, messages;
};

static void
on_emit(void *owner, enum name_value dir, uint64_t offset, enum event_kind kind, const void *fields)
{
	struct sink *s = owner;
	struct event_head head = {.flow = 1, .dir = dir, .offset = offset};

	s->n++;
	s->messages += kind == EV_message;
	if (s->encode) {
		buf_reset(&s->out);
		(void)event_encode(&s->out, kind, &head, fields);
	}
}

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t
frame_or_parse(struct bytes stream, bool parse, uint64_t *fields)
{
	struct budget budget = {.cap = 1 << 26};
	struct buf_pool pool = {0};
	struct mllp_event ev;
	uint64_t n = 0;
	struct mllp p;

	mllp_init(&p, &pool, &budget, MLLP_CAP_BYTES);
	while (stream.len > 0) {
		struct bytes run = bytes_sub(stream, 0, RUN_BYTES);

		stream = bytes_from(stream, run.len);
		while ((ev = mllp_next(&p, &run)).kind != MLLP_MORE) {
			n++;
			if (parse) {
				struct hl7_segment g;
				struct hl7_scan scan;

				hl7_scan_init(&scan, ev.body, '|');
				while (hl7_scan_next(&scan, &g))
					*fields += g.n;
			}
		}
	}
	mllp_free(&p);
	buf_pool_free(&pool);
	return n;
}

static uint64_t
session(struct bytes stream, bool encode, size_t run_bytes, uint64_t *fields)
{
	static const struct sip_key key = {1, 2};
	struct budget budget = {.cap = 1 << 26};
	struct sink sink = {.encode = encode};
	struct observer o = {.owner = &sink, .emit = on_emit, .key = &key, .budget = &budget};
	uint64_t at = 0;
	void *s = hl7_protocol.open(&o);

	if (s == NULL)
		return 0;
	while (stream.len > 0) {
		struct bytes run = bytes_sub(stream, 0, run_bytes);

		hl7_protocol.data(s, dir_orig, run, at);
		at += run.len;
		stream = bytes_from(stream, run.len);
	}
	hl7_protocol.end(s, dir_orig);
	hl7_protocol.end(s, dir_resp);
	hl7_protocol.close(s);
	buf_pool_free(&o.pool);
	buf_free(&sink.out);
	*fields += sink.n;
	return sink.messages;
}

int
main(int argc, char **argv)
{
	static const char *const modes[] = {"frame", "parse", "observe", "encode", "packets"};
	unsigned results = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 22;
	struct buf stream = {0};

	make_stream(&stream, results);
	for (size_t m = 0; m < 5; m++) {
		uint64_t messages = 0, fields = 0;
		double best = 1e9;

		if (argc > 1 && strcmp(argv[1], modes[m]) != 0)
			continue;
		for (int i = 0; i < 20; i++) {
			double t = now();

			messages = m < 2 ? frame_or_parse(buf_bytes(&stream), m == 1, &fields)
					 : session(buf_bytes(&stream), m >= 3,
					       m == 4 ? PACKET_BYTES : RUN_BYTES, &fields);
			t = now() - t;
			best = t < best ? t : best;
		}
		printf("{\"bench\":\"hl7\",\"mode\":\"%s\",\"message_bytes\":%llu,\"mb_s\":%.0f,"
		       "\"ns_message\":%.0f,\"seen\":%llu}\n",
		    modes[m], (unsigned long long)(stream.len / messages),
		    (double)stream.len / best / 1e6, best * 1e9 / (double)messages,
		    (unsigned long long)fields);
	}
	buf_free(&stream);
	return 0;
}
