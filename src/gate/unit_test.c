/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rng.h"

enum { ENDS_MAX = 64 };

struct cut {
	uint64_t ends[ENDS_MAX]; /* of messages */
	size_t n;
	uint64_t taken;
	bool odd;
};

/* Feed a stream in runs; where the messages end. */
static void
feed(struct bytes stream, enum unit_carrier carrier, struct rng *rng, size_t most, struct cut *out)
{
	struct unit_scan u;

	*out = (struct cut){0};
	unit_scan_init(&u, carrier, true);
	while (stream.len > 0) {
		size_t n = most == 0 ? stream.len : 1 + rng_below(rng, most);
		struct bytes run = bytes_sub(stream, 0, n);

		stream = bytes_from(stream, run.len);
		while (run.len > 0) {
			struct unit_piece p = unit_next(&u, run);

			assert_true(p.len >= 1 && p.len <= run.len);
			out->taken += p.len;
			if (p.ends && p.kind == UNIT_MESSAGE && out->n < ENDS_MAX)
				out->ends[out->n++] = out->taken;
			run = bytes_from(run, p.len);
		}
	}
	out->odd = u.odd;
}

struct stream_case {
	const char *name;
	enum unit_carrier carrier;
	struct bytes bytes;
	size_t messages;
};

static const struct stream_case cases[] = {
    {"two blocks", UNIT_MLLP, BYTES_INIT("\x0bMSH|a\r\x1c\r\x0bMSH|b\x1c\r"), 2},
    {"no CR", UNIT_MLLP, BYTES_INIT("\x0bMSH|a\x1c\x0bMSH|b\x1c"), 2},
    {"LF", UNIT_MLLP, BYTES_INIT("\x0bMSH|a\x1c\n\x0bMSH|b\x1c\n"), 2},
    {"not ended", UNIT_MLLP, BYTES_INIT("\x0bMSH|a"), 0},
    {"frames", UNIT_ASTM,
	BYTES_INIT("\x05\x02\x31H|\\^&\r\x03"
		   "3A\r\n\x02\x32L|1\r\x17"
		   "00\r\n\x04"),
	2},
    {"frame given up", UNIT_ASTM, BYTES_INIT("\x05\x02\x31H|\\\x04\x05"), 1},
    {"PDUs", UNIT_DICOM,
	BYTES_INIT("\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00\x06\x00\x00\x00\x00\x04\x01\x02\x03"
		   "\x04\x04\x00\x00\x00\x00\x00"),
	3},
    {"requests", UNIT_HTTP,
	BYTES_INIT("GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: "
		   "5\r\n\r\nGET /PUT / HTTP/1.1\r\n\r\n"),
	3},
    {"chunks", UNIT_HTTP,
	BYTES_INIT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n"
		   "0123456789\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
	2},
};

static void
any_cut_ends_units_at_the_same_places(void **state)
{
	struct rng rng = rng_new(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cut whole, cut;

		feed(cases[i].bytes, cases[i].carrier, &rng, 0, &whole);
		if (whole.n != cases[i].messages)
			fail_msg("%s: %zu messages", cases[i].name, whole.n);
		assert_int_equal(whole.taken, cases[i].bytes.len);
		for (int k = 0; k < 300; k++) {
			feed(cases[i].bytes, cases[i].carrier, &rng, k == 0 ? 1 : 9, &cut);
			assert_int_equal(cut.taken, whole.taken);
			if (cut.n != whole.n)
				fail_msg("%s: %zu messages in a cut", cases[i].name, cut.n);
			/* A line end behind FS or a checksum may stand alone. */
			for (size_t m = 0; m < cut.n; m++)
				assert_true(cut.ends[m] <= whole.ends[m] &&
					    whole.ends[m] - cut.ends[m] <= 2);
		}
	}
}

static void
smuggling_is_odd(void **state)
{
	static const struct bytes bad[] = {
	    BYTES_INIT("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n"),
	    BYTES_INIT(
		"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
	    BYTES_INIT("POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n"),
	    BYTES_INIT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"),
	    BYTES_INIT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n"),
	};
	struct rng rng = rng_new(2);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cut c;

		feed(bad[i], UNIT_HTTP, &rng, 0, &c);
		assert_true(c.odd);
	}
}

static void
noise_is_taken_whole(void **state)
{
	static const uint8_t special[] = {
	    0x0b, 0x1c, 0x0d, 0x0a, 0x02, 0x03, 0x04, 0x05, 0x06, 0x17, 0, 1, 4, '0', ':', ' '};
	struct rng rng = rng_new(3);
	uint8_t noise[200];

	(void)state;
	for (int k = 0; k < 4000; k++) {
		struct cut c;
		size_t n = 1 + rng_below(&rng, sizeof(noise) - 1);

		for (size_t i = 0; i < n; i++)
			noise[i] = special[rng_below(&rng, sizeof(special))];
		for (enum unit_carrier u = UNIT_RAW; u <= UNIT_HTTP; u++) {
			feed(bytes_of(noise, n), u, &rng, k % 2 == 0 ? 0 : 7, &c);
			assert_int_equal(c.taken, n);
		}
	}
}

static void
first_bytes_tell_the_carrier(void **state)
{
	(void)state;
	assert_int_equal(unit_carrier_of(BYTES("")), UNIT_UNKNOWN);
	assert_int_equal(unit_carrier_of(BYTES("\x0bMSH")), UNIT_MLLP);
	assert_int_equal(unit_carrier_of(BYTES("\x05")), UNIT_ASTM);
	assert_int_equal(unit_carrier_of(BYTES("\x01\x00")), UNIT_DICOM);
	assert_int_equal(unit_carrier_of(BYTES("\x01\x02")), UNIT_RAW);
	assert_int_equal(unit_carrier_of(BYTES("POST /x")), UNIT_HTTP);
	assert_int_equal(unit_carrier_of(BYTES("PO")), UNIT_UNKNOWN);
	assert_int_equal(unit_carrier_of(BYTES("PX")), UNIT_RAW);
	assert_int_equal(unit_carrier_of(BYTES("<?xml")), UNIT_RAW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(any_cut_ends_units_at_the_same_places),
	    cmocka_unit_test(smuggling_is_odd), cmocka_unit_test(noise_is_taken_whole),
	    cmocka_unit_test(first_bytes_tell_the_carrier)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
