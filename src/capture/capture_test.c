/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/sip.h"
#include "capture/file.h"
#include "capture/write.h"
#include "guard.h"
#include "net/packet.h"
#include "rng.h"

static int
fd_of(struct bytes b)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, b.ptr, b.len), b.len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

struct read_result {
	size_t n;
	uint64_t bytes;
	uint64_t digest; /* of all bytes and times */
	enum err e;
	struct why why;
	struct capture_packet last; /* its view is gone */
};

static struct read_result
read_fd_all(int fd, size_t max)
{
	struct read_result r = {0};
	struct capture_packet batch[CAPTURE_BATCH];
	struct capture *c;
	size_t n;

	r.digest = UINT64_C(14695981039346656037);
	if ((r.e = capture_file_open(fd, &c, &r.why)) != ERR_OK)
		return r;
	while ((r.e = capture_next_batch(c, batch, max, &n, &r.why)) == ERR_OK && n > 0) {
		for (size_t i = 0; i < n; i++) {
			const struct capture_packet *p = &batch[i];

			assert_int_equal(p->index, ++r.n);
			assert_true(p->wire_len >= p->bytes.len);
			r.bytes += p->bytes.len;
			r.digest = mix64(r.digest ^ (uint64_t)p->time.ns ^ p->wire_len) +
				   (uint64_t)p->linktype;
			for (size_t k = 0; k < p->bytes.len; k++)
				r.digest = (r.digest ^ p->bytes.ptr[k]) * UINT64_C(1099511628211);
			r.last = *p;
		}
	}
	assert_true(capture_ended(c));
	assert_int_equal(capture_counters(c).packets, r.n);
	assert_true(capture_counters(c).bytes == r.bytes);
	if (r.e != ERR_OK) { /* the error stays */
		assert_int_equal(capture_next_batch(c, batch, max, &n, &r.why), r.e);
		assert_int_equal(n, 0);
	}
	capture_close(c);
	return r;
}

static struct read_result
read_bytes(struct bytes b)
{
	int fd = fd_of(b);
	struct read_result r = read_fd_all(fd, CAPTURE_BATCH);

	(void)close(fd);
	return r;
}

/* ---- makers of files in any byte order ---- */

struct maker {
	struct buf out;
	bool swap;
};

static void
m16(struct maker *m, uint16_t v)
{
	if (m->swap)
		v = __builtin_bswap16(v);
	buf_add(&m->out, bytes_of(&v, sizeof(v)));
}

static void
m32(struct maker *m, uint32_t v)
{
	if (m->swap)
		v = __builtin_bswap32(v);
	buf_add(&m->out, bytes_of(&v, sizeof(v)));
}

static void
pcap_head(struct maker *m, uint32_t magic, uint16_t minor, uint32_t linktype)
{
	m32(m, magic);
	m16(m, 2);
	m16(m, minor);
	m32(m, 0);
	m32(m, 0);
	m32(m, 65535);
	m32(m, linktype);
}

static void
pcap_record(struct maker *m, uint32_t s, uint32_t frac, struct bytes b, uint32_t wire)
{
	m32(m, s);
	m32(m, frac);
	m32(m, (uint32_t)b.len);
	m32(m, wire);
	buf_add(&m->out, b);
}

static void
ng_block(struct maker *m, uint32_t type, struct bytes body)
{
	uint32_t total = (uint32_t)(12 + (body.len + 3) / 4 * 4);

	m32(m, type);
	m32(m, total);
	buf_add(&m->out, body);
	for (size_t i = body.len; i % 4 != 0; i++)
		buf_byte(&m->out, 0);
	m32(m, total);
}

static void
ng_section(struct maker *m)
{
	m32(m, 0x0a0d0d0a);
	m32(m, 28);
	m32(m, 0x1a2b3c4d);
	m16(m, 1);
	m16(m, 0);
	m32(m, UINT32_MAX);
	m32(m, UINT32_MAX);
	m32(m, 28);
}

/* tsresol 0: no option. */
static void
ng_interface(struct maker *m, uint16_t linktype, uint32_t snaplen, uint8_t tsresol, uint32_t offset)
{
	struct maker body = {.swap = m->swap};

	m16(&body, linktype);
	m16(&body, 0);
	m32(&body, snaplen);
	if (tsresol != 0) {
		m16(&body, 2); /* if_name, to be stepped over */
		m16(&body, 3);
		buf_add(&body.out, bytes_of("eth", 4));
		m16(&body, 9);
		m16(&body, 1);
		buf_byte(&body.out, tsresol);
		buf_add(&body.out, bytes_of("\0\0", 3));
	}
	if (offset != 0) {
		m16(&body, 14);
		m16(&body, 8);
		m32(&body, m->swap ? 0 : offset);
		m32(&body, m->swap ? offset : 0);
	}
	m32(&body, 0);
	ng_block(m, 1, buf_bytes(&body.out));
	buf_free(&body.out);
}

static void
ng_enhanced(struct maker *m, uint32_t type, uint32_t number, uint64_t t, struct bytes b)
{
	struct maker body = {.swap = m->swap};

	if (type == 2) {
		m16(&body, (uint16_t)number);
		m16(&body, 7);
	} else {
		m32(&body, number);
	}
	m32(&body, (uint32_t)(t >> 32));
	m32(&body, (uint32_t)t);
	m32(&body, (uint32_t)b.len);
	m32(&body, (uint32_t)b.len + 5);
	buf_add(&body.out, b);
	while (body.out.len % 4 != 0)
		buf_byte(&body.out, 0);
	m16(&body, 1); /* a comment */
	m16(&body, 2);
	buf_add(&body.out, bytes_of("hi\0", 4));
	m32(&body, 0);
	ng_block(m, type, buf_bytes(&body.out));
	buf_free(&body.out);
}

static void
pcap_variants(void **state)
{
	static const struct {
		uint32_t magic;
		int64_t ns;
	} cases[] = {{0xa1b2c3d4, 1005000}, {0xa1b23c4d, 1005}, {0xa1b2cd34, 1005000}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases) * 2; i++) {
		struct maker m = {.swap = i % 2 == 1};
		struct read_result r;

		pcap_head(&m, cases[i / 2].magic, 4, 0x10000000 | 1);
		for (int k = 0; k < 3; k++) {
			struct bytes b = BYTES("frame");

			if (cases[i / 2].magic == 0xa1b2cd34) {
				m32(&m, 0xffffffff);
				m32(&m, 1005);
				m32(&m, (uint32_t)b.len);
				m32(&m, 99);
				m32(&m, 3);
				m32(&m, 0);
				buf_add(&m.out, b);
			} else {
				pcap_record(&m, 0xffffffff, 1005, b, 99);
			}
		}
		r = read_bytes(buf_bytes(&m.out));
		assert_int_equal(r.e, ERR_OK);
		assert_int_equal(r.n, 3);
		assert_int_equal(r.bytes, 15);
		assert_int_equal(r.last.wire_len, 99);
		assert_int_equal(r.last.linktype, 1);
		assert_true(r.last.time.ns == INT64_C(4294967295) * NS_PER_S + cases[i / 2].ns);
		buf_free(&m.out);
	}
}

/* Before 2.4 the lengths stood the other way round. */
static void
pcap_old_versions(void **state)
{
	(void)state;
	for (uint16_t minor = 1; minor < 4; minor++) {
		struct maker m = {.swap = false};
		struct read_result r;

		pcap_head(&m, 0xa1b2c3d4, minor, 1);
		m32(&m, 1);
		m32(&m, 0);
		m32(&m, 60);
		m32(&m, 4);
		buf_add(&m.out, BYTES("abcd"));
		if (minor == 3)
			pcap_record(&m, 1, 0, BYTES("abcd"), 60);
		r = read_bytes(buf_bytes(&m.out));
		assert_int_equal(r.e, ERR_OK);
		assert_int_equal(r.n, minor == 3 ? 2 : 1);
		assert_int_equal(r.last.bytes.len, 4);
		assert_int_equal(r.last.wire_len, 60);
		buf_free(&m.out);
	}
}

static void
pcapng_blocks(void **state)
{
	(void)state;
	for (int swap = 0; swap < 2; swap++) {
		struct maker m = {.swap = swap == 1};
		struct read_result r;
		struct buf big = {0};

		ng_section(&m);
		ng_interface(&m, 1, 0, 0, 0);
		ng_interface(&m, 113, 4, 9, 100);
		ng_interface(&m, 101, 0, 0x80 | 20, 0);
		ng_enhanced(&m, 6, 0, 1500000, BYTES("micro"));
		r = read_bytes(buf_bytes(&m.out));
		assert_int_equal(r.n, 1);
		assert_true(r.last.time.ns == 1500 * NS_PER_MS);
		assert_int_equal(r.last.wire_len, 10);
		ng_enhanced(&m, 6, 1, 1500000001, BYTES("nano"));
		r = read_bytes(buf_bytes(&m.out));
		assert_true(r.last.time.ns == 101 * NS_PER_S + 500 * NS_PER_MS + 1);
		assert_int_equal(r.last.linktype, 113);
		assert_int_equal(r.last.interface, 1);
		ng_enhanced(&m, 6, 2, (1 << 20) + (1 << 19), BYTES("binary"));
		r = read_bytes(buf_bytes(&m.out));
		assert_true(r.last.time.ns == 1500 * NS_PER_MS);
		ng_enhanced(&m, 2, 0, 7, BYTES("obsolete"));
		r = read_bytes(buf_bytes(&m.out));
		assert_int_equal(r.last.bytes.len, 8);
		assert_int_equal(r.last.time.ns, 7000);
		/* Unknown blocks, one larger than any buffer. */
		ng_block(&m, 0x0bad, BYTES("what?"));
		assert_true(buf_reserve(&big, 3 << 20));
		memset(big.ptr, 0x55, 3 << 20);
		big.len = 3 << 20;
		ng_block(&m, 0x0bae, buf_bytes(&big));
		buf_free(&big);
		ng_block(&m, 3, bytes_of(swap ? "\0\0\0\x06simple" : "\x06\0\0\0simple", 10));
		r = read_bytes(buf_bytes(&m.out));
		assert_int_equal(r.e, ERR_OK);
		assert_int_equal(r.n, 5);
		assert_int_equal(r.last.bytes.len, 6);
		/* A new section, in the other byte order, with its own interfaces. */
		m.swap = !m.swap;
		ng_section(&m);
		ng_interface(&m, 276, 0, 0, 0);
		ng_enhanced(&m, 6, 0, 1, BYTES("second"));
		r = read_bytes(buf_bytes(&m.out));
		assert_int_equal(r.e, ERR_OK);
		assert_int_equal(r.n, 6);
		assert_int_equal(r.last.linktype, 276);
		ng_enhanced(&m, 6, 1, 1, BYTES("interface of the old section"));
		r = read_bytes(buf_bytes(&m.out));
		assert_int_equal(r.e, ERR_INPUT);
		assert_int_equal(r.n, 6);
		assert_non_null(strstr(r.why.text, "packet 7 at byte offset"));
		assert_non_null(strstr(r.why.text, "interface 1"));
		buf_free(&m.out);
	}
}

static void
refused(void **state)
{
	static const struct {
		const char *name;
		struct bytes file;
		const char *word;
	} cases[] = {
	    {"empty", BYTES_INIT(""), "0 bytes"},
	    {"short", BYTES_INIT("\xd4\xc3\xb2\xa1\x02\0"), "6 bytes"},
	    {"text", BYTES_INIT("this is a text and by no means a capture"), "74686973"},
	    {"pcapng magic", BYTES_INIT("\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1b............"),
		"byte offset 8"},
	    {"gzip of nothing", BYTES_INIT("\x1f\x8b\x08\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0"),
		"0 bytes"},
	    {"gzip broken off", BYTES_INIT("\x1f\x8b\x08\0\0\0\0\0\0\3"), "breaks off"},
	    {"gzip damaged", BYTES_INIT("\x1f\x8b\x08\0\0\0\0\0\0\3\xff\xff\xff\xff\xff\xff"),
		"damaged"},
	    {"zstd broken off", BYTES_INIT("\x28\xb5\x2f\xfd\0\x58"), "breaks off"},
	    {"zstd damaged", BYTES_INIT("\x28\xb5\x2f\xfd\0\x58\7\0\0\0\0\0\0\0"), "damaged"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct read_result r = read_bytes(cases[i].file);

		if (r.e != ERR_INPUT || strstr(r.why.text, cases[i].word) == NULL)
			fail_msg("%s: %s", cases[i].name, r.why.text);
	}
}

static struct buf
sample(size_t packets, struct rng *r)
{
	struct buf out = {0};
	static uint8_t noise[3000];

	pcap_write_head(&out, LINKTYPE_ETHERNET);
	for (size_t i = 0; i < packets; i++) {
		size_t n = rng_below(r, sizeof(noise));

		for (size_t k = 0; k < n; k++)
			noise[k] = (uint8_t)(rng_next(r) & 0x37);
		pcap_write_packet(&out, (struct wall){(int64_t)i * 1000}, bytes_of(noise, n), 0);
	}
	return out;
}

/* Cut anywhere: all whole packets, then one error that names place and need. */
static void
cut_anywhere(void **state)
{
	struct rng r = rng_new(3);
	struct buf whole = sample(4, &r);
	size_t ends[5] = {24}, n = 1;

	(void)state;
	for (size_t at = 24; at < whole.len;) {
		uint32_t len;

		memcpy(&len, whole.ptr + at + 8, sizeof(len));
		at += 16 + len;
		ends[n++] = at;
	}
	for (size_t cut = 24; cut <= whole.len; cut++) {
		struct read_result got = read_bytes(bytes_of(whole.ptr, cut));
		size_t full = 0;

		while (full + 1 < n && ends[full + 1] <= cut)
			full++;
		assert_int_equal(got.n, full);
		assert_int_equal(got.e, ends[full] == cut ? ERR_OK : ERR_INPUT);
		if (got.e != ERR_OK) {
			char place[64];

			(void)snprintf(place, sizeof(place),
			    "packet %zu breaks off: at byte offset %zu ", full + 1, ends[full]);
			assert_non_null(strstr(got.why.text, place));
		}
	}
	buf_free(&whole);
}

static struct buf
gzip_of(struct bytes b)
{
	struct buf out = {0};
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_true(buf_reserve(&out, deflateBound(&z, b.len) + 64));
	z.next_in = (Bytef *)(uintptr_t)b.ptr;
	z.avail_in = (uInt)b.len;
	z.next_out = out.ptr;
	z.avail_out = (uInt)out.room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out.len = z.total_out;
	(void)deflateEnd(&z);
	return out;
}

static struct buf
zstd_of(struct bytes b)
{
	struct buf out = {0};

	assert_true(buf_reserve(&out, ZSTD_compressBound(b.len)));
	out.len = ZSTD_compress(out.ptr, out.room, b.ptr, b.len, 3);
	assert_false(ZSTD_isError(out.len));
	return out;
}

static void
same(struct read_result a, struct read_result b)
{
	assert_int_equal(a.e, b.e);
	assert_int_equal(a.n, b.n);
	assert_true(a.digest == b.digest);
}

/* Wrapped, in two members, through a pipe in small writes, in small batches: the same packets. */
static void
any_way_the_same(void **state)
{
	struct rng r = rng_new(5);
	struct buf plain = sample(3000, &r);
	struct bytes all = buf_bytes(&plain), a = bytes_sub(all, 0, 1000000);
	struct read_result whole = read_bytes(all), got;
	struct buf z = gzip_of(all), s = zstd_of(all), z1 = gzip_of(a), z2, s2;
	int p[2], fd;

	(void)state;
	assert_int_equal(whole.n, 3000);
	same(read_bytes(buf_bytes(&z)), whole);
	same(read_bytes(buf_bytes(&s)), whole);
	z2 = gzip_of(bytes_from(all, a.len));
	buf_add(&z1, buf_bytes(&z2));
	same(read_bytes(buf_bytes(&z1)), whole);
	buf_byte(&z1, 0);
	buf_byte(&z1, 0); /* padding of a tape */
	same(read_bytes(buf_bytes(&z1)), whole);
	buf_free(&z2);
	z2 = zstd_of(a);
	s2 = zstd_of(bytes_from(all, a.len));
	buf_add(&z2, buf_bytes(&s2));
	same(read_bytes(buf_bytes(&z2)), whole);
	for (size_t max = 1; max < 8; max += 3) {
		fd = fd_of(all);
		same(read_fd_all(fd, max), whole);
		(void)close(fd);
	}
	for (int wrapped = 0; wrapped < 3; wrapped++) {
		struct bytes out = wrapped == 0 ? all : buf_bytes(wrapped == 1 ? &z : &s);
		pid_t child;

		assert_int_equal(pipe(p), 0);
		if ((child = fork()) == 0) {
			size_t at = 0, step = 1;

			(void)close(p[0]);
			while (at < out.len) {
				size_t n = out.len - at < step ? out.len - at : step;
				ssize_t w = write(p[1], out.ptr + at, n);

				if (w <= 0)
					_exit(1);
				at += (size_t)w;
				step = step > 60000 ? 7 : step * 3;
			}
			_exit(0);
		}
		(void)close(p[1]);
		got = read_fd_all(p[0], CAPTURE_BATCH);
		same(got, whole);
		(void)close(p[0]);
		(void)waitpid(child, NULL, 0);
	}
	/* A compressed file that breaks off gives what it holds. */
	got = read_bytes(bytes_sub(buf_bytes(&z), 0, z.len - 1000));
	assert_int_equal(got.e, ERR_INPUT);
	assert_true(got.n > 2900 && got.n < 3000);
	assert_non_null(strstr(got.why.text, "breaks off"));
	got = read_bytes(bytes_sub(buf_bytes(&s), 0, s.len - 1000));
	assert_int_equal(got.e, ERR_INPUT);
	assert_true(got.n > 2500 && got.n < 3000);
	buf_free(&plain);
	buf_free(&z);
	buf_free(&s);
	buf_free(&z1);
	buf_free(&z2);
	buf_free(&s2);
}

static void
write_then_read(void **state)
{
	struct buf out = {0};
	struct read_result r;

	(void)state;
	pcap_write_head(&out, LINKTYPE_RAW);
	pcap_write_packet(&out, (struct wall){NS_PER_S + 1}, BYTES("abc"), 1000);
	r = read_bytes(buf_bytes(&out));
	assert_int_equal(r.n, 1);
	assert_int_equal(r.last.time.ns, NS_PER_S + 1);
	assert_int_equal(r.last.wire_len, 1000);
	assert_int_equal(r.last.linktype, LINKTYPE_RAW);
	pcap_write_packet(&out, (struct wall){-5}, BYTES(""), 0);
	pcap_write_packet(&out, (struct wall){INT64_MAX}, BYTES(""), 0);
	r = read_bytes(buf_bytes(&out));
	assert_int_equal(r.n, 3);
	assert_true(r.last.time.ns == INT64_C(4294967295) * NS_PER_S);
	buf_free(&out);
}

static void
too_long(void **state)
{
	struct maker m = {.swap = false};
	struct read_result r;

	(void)state;
	pcap_head(&m, 0xa1b2c3d4, 4, 1);
	pcap_record(&m, 1, 1, BYTES("ok"), 2);
	m32(&m, 1);
	m32(&m, 1);
	m32(&m, CAPTURE_PACKET_MAX + 1);
	m32(&m, CAPTURE_PACKET_MAX + 1);
	r = read_bytes(buf_bytes(&m.out));
	assert_int_equal(r.n, 1);
	assert_int_equal(r.e, ERR_INPUT);
	assert_string_equal(r.why.text, "packet 2 at byte offset 42: captured length 262145, "
					"expected at most 262144");
	buf_free(&m.out);
}

/* Bits turned over anywhere: an error or packets, never more. */
static void
mutations(void **state)
{
	struct rng r = rng_new(17);
	struct maker ng = {.swap = false};
	struct buf p;

	(void)state;
	ng_section(&ng);
	ng_interface(&ng, 1, 0, 9, 5);
	for (int i = 0; i < 20; i++)
		ng_enhanced(&ng, i % 5 == 0 ? 2 : 6, 0, 99, BYTES("some bytes of a packet"));
	p = sample(5, &r);
	for (int round = 0; round < 4000; round++) {
		struct buf *from = round % 2 == 0 ? &p : &ng.out;
		uint8_t *copy = malloc(from->len);

		assert_non_null(copy);
		memcpy(copy, from->ptr, from->len);
		for (size_t k = 1 + rng_below(&r, 3); k > 0; k--) {
			size_t at = rng_below(&r, round % 3 == 0 ? from->len : 128);

			copy[at] = rng_below(&r, 2) == 0
				       ? copy[at] ^ (uint8_t)(1u << rng_below(&r, 8))
				       : (uint8_t)rng_next(&r);
		}
		(void)read_bytes(bytes_of(copy, from->len));
		free(copy);
	}
	buf_free(&p);
	buf_free(&ng.out);
}

/* ---- the shared captures ---- */

/* The figure in the column `packets` of SOURCES.md, -1 where the file has no row. */
static long
packets_told(struct bytes sources, const char *file)
{
	char start[300];
	size_t at;
	struct bytes rest, cell;

	(void)snprintf(start, sizeof(start), "| %s |", file);
	at = bytes_find_seq(sources, bytes_str(start));
	if (at == sources.len)
		return -1;
	rest = bytes_from(sources, at + strlen(start));
	(void)bytes_split(rest, '|', &rest); /* what, or source */
	if (strncmp(file, "lab-", 4) != 0)
		(void)bytes_split(rest, '|', &rest); /* path */
	cell = bytes_trim(bytes_split(rest, '|', &rest));
	return strtol((const char *)cell.ptr, NULL, 10);
}

static void
shared_counts(void **state)
{
	const char *path = shared_path("pcap/SOURCES.md");
	struct bytes sources;
	struct dirent *e;
	size_t files = 0, wrong = 0;
	char folder[1024];
	DIR *d;

	(void)state;
	if (path == NULL) {
		print_message("# shared captures are not here: skipped\n");
		return; /* not skip(): meson takes cmocka's "not ok # SKIP" for a failure */
	}
	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(strlen(path) - 11), path);
	sources = file_slurp(path);
	d = opendir(folder);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		long told = packets_told(sources, e->d_name);
		struct read_result r;
		char name[1400];
		int fd;

		if (told < 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", folder, e->d_name);
		fd = open(name, O_RDONLY | O_CLOEXEC);
		r = read_fd_all(fd, CAPTURE_BATCH);
		(void)close(fd);
		files++;
		if ((long)r.n != told) {
			print_message(
			    "# %s: %zu packets, told %ld: %s\n", e->d_name, r.n, told, r.why.text);
			wrong++;
		}
	}
	(void)closedir(d);
	free((void *)(uintptr_t)sources.ptr);
	print_message("# %zu files\n", files);
	assert_int_equal(wrong, 0);
	assert_true(files >= 577);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pcap_variants),
	    cmocka_unit_test(pcap_old_versions),
	    cmocka_unit_test(pcapng_blocks),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(cut_anywhere),
	    cmocka_unit_test(any_way_the_same),
	    cmocka_unit_test(write_then_read),
	    cmocka_unit_test(too_long),
	    cmocka_unit_test(mutations),
	    cmocka_unit_test(shared_counts),
	};

	return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
