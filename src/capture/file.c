/* SPDX-License-Identifier: Apache-2.0 */
/* One buffer of bytes [from, to) of the file; a batch ends where the next packet is not whole in
 * it, the next call moves what is left to the front and reads on.
 * Invariants: 1. offset is the place of buf[from] in the file;
 *             2. views given out point into buf and nothing is moved before the next call;
 *             3. an error is told once all packets before it were given, then again at each call.
 */
#include "capture/file.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "capture/private.h"
#include "capture/source.h"
#include "net/packet.h"

enum {
	PCAP_HEAD = 24,
	PCAP_RECORD = 16,
	PCAP_RECORD_KUZNETZOV = 24,
	NG_SECTION = 0x0a0d0d0a,
	NG_INTERFACE = 1,
	NG_PACKET = 2, /* obsolete */
	NG_SIMPLE = 3,
	NG_ENHANCED = 6,
	NG_MAGIC = 0x1a2b3c4d,
	NG_OPTION_TSRESOL = 9,
	NG_OPTION_TSOFFSET = 14,
	BLOCK_PACKET_MAX = CAPTURE_PACKET_MAX + CAPTURE_BLOCK_MAX,
};

__extension__ typedef unsigned __int128 wide;

struct interface {
	int linktype;
	uint32_t snaplen; /* 0: no cut */
	uint64_t units;   /* of time in a second; 0: 2^64 */
	int64_t offset_s;
};

struct file {
	struct capture base;
	struct source source;
	uint8_t *buf;
	size_t from, to;
	uint64_t offset;
	uint64_t skip; /* bytes to step over before the next block */
	bool source_ended;
	enum err bad; /* the end of what can be read, and why */
	struct why why;
	enum capture_format format;
	bool swap; /* the writer's byte order is not ours */
	/* pcap */
	int linktype;
	uint32_t fraction_ns;
	uint32_t record;
	uint16_t minor; /* of version 2; 4 for any other */
	/* pcapng */
	struct interface *interfaces;
	size_t n_interfaces, room_interfaces;
	struct wall last;
	uint64_t n; /* packets given out */
};

static inline uint32_t
get32(const struct file *f, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return f->swap ? __builtin_bswap32(v) : v;
}

static inline uint16_t
get16(const struct file *f, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return f->swap ? __builtin_bswap16(v) : v;
}

/* Read until `need` bytes are there. False: they will not come, or not now; f->bad tells. */
static bool
fill(struct file *f, size_t need)
{
	if (f->to - f->from >= need)
		return true;
	if (f->from > 0) {
		memmove(f->buf, f->buf + f->from, f->to - f->from);
		f->to -= f->from;
		f->from = 0;
	}
	while (f->to < need && !f->source_ended && f->bad == ERR_OK) {
		size_t n;

		f->bad = source_read(&f->source, f->buf + f->to, CAPTURE_BUFFER_BYTES - f->to, &n,
		    &f->source_ended, &f->why);
		f->to += n;
		if (n == 0)
			break;
	}
	return f->to >= need;
}

static inline void
take(struct file *f, size_t n)
{
	f->from += n;
	f->offset += n;
}

/* Steps of the parsers below. */
enum step {
	STEP_PACKET, /* one was given */
	STEP_ON,     /* something else was read */
	STEP_NEED,   /* f->need bytes must be there first */
	STEP_BAD,    /* f->bad is set */
};

static enum step
bad(struct file *f, enum err code, const char *what, uint64_t value, const char *expected)
{
	f->bad = FAIL(&f->why, code,
	    "packet %" PRIu64 " at byte offset %" PRIu64 ": %s %" PRIu64 ", expected %s", f->n + 1,
	    f->offset, what, value, expected);
	return STEP_BAD;
}

/* ---- pcap ---- */

static inline enum step
pcap_step(struct file *f, struct capture_packet *p, size_t *need)
{
	const uint8_t *h = f->buf + f->from;
	size_t have = f->to - f->from;
	uint32_t len, wire;

	*need = f->record;
	if (have < *need)
		return STEP_NEED;
	len = get32(f, h + 8);
	wire = get32(f, h + 12);
	if (UNLIKELY(f->minor < 4) && (f->minor < 3 || len > wire)) {
		uint32_t other = wire;

		wire = len;
		len = other;
	}
	if (len > CAPTURE_PACKET_MAX)
		return bad(f, ERR_INPUT, "captured length", len, "at most 262144");
	*need += len;
	if (have < *need)
		return STEP_NEED;
	p->bytes = bytes_of(h + f->record, len);
	p->wire_len = wire < len ? len : wire;
	p->linktype = f->linktype;
	p->time.ns = (int64_t)get32(f, h) * NS_PER_S + (int64_t)get32(f, h + 4) * f->fraction_ns;
	p->interface = 0;
	take(f, *need);
	return STEP_PACKET;
}

static bool
pcap_open(struct file *f)
{
	const uint8_t *h = f->buf + f->from;
	uint32_t magic;

	memcpy(&magic, h, sizeof(magic));
	for (int i = 0; i < 2; i++, magic = __builtin_bswap32(magic)) {
		f->swap = i == 1;
		f->fraction_ns = 1000;
		f->record = PCAP_RECORD;
		if (magic == 0xa1b23c4d)
			f->fraction_ns = 1;
		else if (magic == 0xa1b2cd34)
			f->record = PCAP_RECORD_KUZNETZOV;
		else if (magic != 0xa1b2c3d4)
			continue;
		f->format = CAPTURE_PCAP;
		return true;
	}
	return false;
}

/* ---- pcapng ---- */

static struct wall
ng_time(const struct interface *i, uint32_t high, uint32_t low)
{
	uint64_t t = (uint64_t)high << 32 | low, s, ns;

	if (i->units == 1000000) {
		s = t / 1000000;
		ns = t % 1000000 * 1000;
	} else if (i->units == 0) {
		s = 0;
		ns = (uint64_t)((wide)t * (uint64_t)NS_PER_S >> 64);
	} else {
		s = t / i->units;
		ns = (uint64_t)((wide)(t % i->units) * (uint64_t)NS_PER_S / i->units);
	}
	/* Unsigned: a time that cannot be wraps and harms nobody. */
	return (struct wall){(int64_t)((s + (uint64_t)i->offset_s) * (uint64_t)NS_PER_S + ns)};
}

static void
ng_options(struct file *f, struct interface *i, struct bytes o)
{
	while (o.len >= 4) {
		uint16_t code = get16(f, o.ptr), len = get16(f, o.ptr + 2);
		const uint8_t *v = o.ptr + 4;
		size_t whole = 4 + ((size_t)len + 3) / 4 * 4;

		if (code == 0 || o.len - 4 < len)
			return;
		if (code == NG_OPTION_TSRESOL && len == 1) {
			unsigned exp = v[0] & 0x7f;

			i->units = 1;
			if ((v[0] & 0x80) != 0)
				i->units = exp < 64 ? UINT64_C(1) << exp : 0;
			else
				for (unsigned n = 0; n < exp && n < 19; n++)
					i->units *= 10;
		} else if (code == NG_OPTION_TSOFFSET && len == 8) {
			uint32_t a = get32(f, v), b = get32(f, v + 4);
			bool big = f->swap == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

			i->offset_s =
			    (int64_t)(big ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a);
		}
		o = bytes_from(o, whole);
	}
}

static enum step
ng_interface(struct file *f, struct bytes body)
{
	struct interface i = {.units = 1000000};

	if (body.len < 8)
		return bad(f, ERR_INPUT, "interface block body of", body.len, "8 bytes or more");
	if (f->n_interfaces == CAPTURE_INTERFACES_MAX)
		return bad(f, ERR_LIMIT, "interfaces over", f->n_interfaces, "at most 4096");
	if (f->n_interfaces == f->room_interfaces) {
		size_t room = f->room_interfaces == 0 ? 8 : f->room_interfaces * 2;
		struct interface *p = realloc(f->interfaces, room * sizeof(*p));

		if (p == NULL)
			return bad(f, ERR_SYSTEM, "no memory for interfaces", room, "memory");
		f->interfaces = p;
		f->room_interfaces = room;
	}
	i.linktype = get16(f, body.ptr);
	i.snaplen = get32(f, body.ptr + 4);
	ng_options(f, &i, bytes_from(body, 8));
	f->interfaces[f->n_interfaces++] = i;
	return STEP_ON;
}

static enum step
ng_packet(struct file *f, uint32_t type, struct bytes body, struct capture_packet *p)
{
	size_t head = type == NG_SIMPLE ? 4 : 20;
	const struct interface *i;
	const uint8_t *h = body.ptr;
	uint32_t len, number = 0;

	if (body.len < head)
		return bad(f, ERR_INPUT, "packet block body of", body.len, "its fixed fields");
	if (type == NG_ENHANCED)
		number = get32(f, h);
	else if (type == NG_PACKET)
		number = get16(f, h);
	if (number >= f->n_interfaces)
		return bad(f, ERR_INPUT, "interface", number, "one that was described before");
	i = &f->interfaces[number];
	if (type == NG_SIMPLE) {
		p->wire_len = len = get32(f, h);
		if (i->snaplen != 0 && len > i->snaplen)
			len = i->snaplen;
		if (len > body.len - head)
			len = (uint32_t)(body.len - head);
	} else {
		len = get32(f, h + 12);
		p->wire_len = get32(f, h + 16);
		f->last = ng_time(i, get32(f, h + 4), get32(f, h + 8));
	}
	if (len > body.len - head)
		return bad(f, ERR_INPUT, "captured length", len, "at most what the block holds");
	if (len > CAPTURE_PACKET_MAX)
		return bad(f, ERR_INPUT, "captured length", len, "at most 262144");
	if (p->wire_len < len)
		p->wire_len = len;
	p->bytes = bytes_of(h + head, len);
	p->linktype = i->linktype;
	p->time = f->last;
	p->interface = number;
	return STEP_PACKET;
}

/* A section header says the byte order of itself and what follows. */
static enum step
ng_section(struct file *f, const uint8_t *h)
{
	uint32_t magic;

	memcpy(&magic, h + 8, sizeof(magic));
	if (magic != NG_MAGIC && magic != __builtin_bswap32(NG_MAGIC))
		return bad(f, ERR_INPUT, "byte-order magic", magic, "0x1a2b3c4d in either order");
	f->swap = magic != NG_MAGIC;
	f->n_interfaces = 0;
	return STEP_ON;
}

static enum step
ng_step(struct file *f, struct capture_packet *p, size_t *need)
{
	const uint8_t *h;
	size_t have = f->to - f->from;
	uint32_t type, total;
	struct bytes body;
	enum step s = STEP_ON;
	bool known;

	if (f->skip > 0) {
		size_t n = f->skip < have ? (size_t)f->skip : have;

		take(f, n);
		f->skip -= n;
		*need = 1;
		return f->skip > 0 ? STEP_NEED : STEP_ON;
	}
	*need = 12;
	if (have < *need)
		return STEP_NEED;
	h = f->buf + f->from;
	type = get32(f, h);
	if (type == NG_SECTION && (s = ng_section(f, h)) != STEP_ON)
		return s;
	total = get32(f, h + 4);
	if (total < 12 || total % 4 != 0)
		return bad(f, ERR_INPUT, "block length", total, "a multiple of 4 from 12 on");
	known = type == NG_SECTION || type == NG_INTERFACE || type == NG_PACKET ||
		type == NG_SIMPLE || type == NG_ENHANCED;
	if (known && total > BLOCK_PACKET_MAX)
		return bad(f, ERR_LIMIT, "block length", total, "at most 327680");
	if (!known && total > CAPTURE_BLOCK_MAX) {
		f->skip = total;
		return STEP_ON;
	}
	*need = total;
	if (have < *need)
		return STEP_NEED;
	if (get32(f, h + total - 4) != total)
		return bad(f, ERR_INPUT, "closing block length", get32(f, h + total - 4),
		    "the same as the opening one");
	body = bytes_of(h + 8, total - 12);
	if (type == NG_SECTION && body.len < 16)
		return bad(f, ERR_INPUT, "section block body of", body.len, "16 bytes or more");
	if (type == NG_SECTION && get16(f, h + 12) != 1)
		return bad(f, ERR_INPUT, "pcapng version", get16(f, h + 12), "version 1");
	if (type == NG_INTERFACE)
		s = ng_interface(f, body);
	else if (known && type != NG_SECTION)
		s = ng_packet(f, type, body, p);
	if (s != STEP_BAD)
		take(f, total);
	return s;
}

/* ---- either ---- */

/* The bytes for a step are not in the buffer and will not come. */
static enum err
broken_off(struct file *f, size_t need)
{
	size_t have = f->to - f->from;

	f->base.ended = true;
	if (f->bad != ERR_OK || (have == 0 && f->skip == 0))
		return f->bad;
	f->bad = FAIL(&f->why, ERR_INPUT,
	    "packet %" PRIu64 " breaks off: at byte offset %" PRIu64
	    " the file has %zu bytes left, expected %" PRIu64,
	    f->n + 1, f->offset, have, f->skip > 0 ? f->skip : (uint64_t)need);
	return f->bad;
}

static enum err
file_next(struct capture *c, struct capture_packet *out, size_t max, size_t *n, struct why *why)
{
	struct file *f = (struct file *)c;
	size_t need = 0;

	while (*n < max) {
		enum step s = f->format == CAPTURE_PCAP ? pcap_step(f, &out[*n], &need)
							: ng_step(f, &out[*n], &need);

		if (s == STEP_PACKET) {
			out[*n].index = ++f->n;
			out[*n].vlan_tci = 0;
			++*n;
		} else if (s == STEP_BAD) {
			break;
		} else if (s == STEP_NEED && (*n > 0 || !fill(f, need))) {
			break;
		}
	}
	if (*n > 0)
		return ERR_OK;
	if (f->bad == ERR_OK && !f->source_ended)
		return ERR_OK; /* a descriptor that does not block */
	if (broken_off(f, need) != ERR_OK && why != NULL)
		*why = f->why;
	return f->bad;
}

static void
file_close(struct capture *c)
{
	struct file *f = (struct file *)c;

	source_close(&f->source);
	free(f->buf);
	free(f->interfaces);
	free(f);
}

static const struct capture_ops file_ops = {.next = file_next, .close = file_close};

static enum err
open_format(struct file *f, struct why *why)
{
	const uint8_t *h = f->buf;

	while (!fill(f, PCAP_HEAD) && f->bad == ERR_OK && !f->source_ended)
		(void)poll(&(struct pollfd){.fd = f->base.fd, .events = POLLIN}, 1, -1);
	if (f->to < PCAP_HEAD) {
		if (f->bad != ERR_OK) {
			if (why != NULL)
				*why = f->why;
			return f->bad;
		}
		return FAIL(why, ERR_INPUT,
		    "not a capture file: %zu bytes, expected at least 24 of a pcap or pcapng "
		    "header",
		    f->to);
	}
	if (load_be32(h) == NG_SECTION) {
		f->format = CAPTURE_PCAPNG;
		if (ng_section(f, h) == STEP_BAD)
			return FAIL(why, ERR_INPUT,
			    "not a capture file: byte-order magic %02x%02x%02x%02x at byte offset "
			    "8, "
			    "expected 1a2b3c4d in either order",
			    h[8], h[9], h[10], h[11]);
		return ERR_OK;
	}
	if (!pcap_open(f))
		return FAIL(why, ERR_INPUT,
		    "not a capture file: first bytes %02x%02x%02x%02x, expected pcap (a1b2c3d4, "
		    "a1b23c4d) or pcapng (0a0d0d0a)",
		    h[0], h[1], h[2], h[3]);
	f->linktype = (int)(get32(f, h + 20) & 0xffff);
	/* Before version 2.4 the two lengths stood the other way round, in 2.3 in either way. */
	f->minor = get16(f, h + 4) == 2 && get16(f, h + 6) < 4 ? get16(f, h + 6) : 4;
	take(f, PCAP_HEAD);
	return ERR_OK;
}

enum err
capture_file_open(int fd, struct capture **c, struct why *why)
{
	struct file *f = calloc(1, sizeof(*f));
	enum err e;

	*c = NULL;
	if (f == NULL || (f->buf = malloc(CAPTURE_BUFFER_BYTES)) == NULL) {
		free(f);
		return FAIL(why, ERR_SYSTEM, "no memory for a capture buffer");
	}
	f->base = (struct capture){.ops = &file_ops, .fd = fd};
	if ((e = source_open(&f->source, fd, why)) != ERR_OK ||
	    (e = open_format(f, why)) != ERR_OK) {
		file_close(&f->base);
		return e;
	}
	*c = &f->base;
	return ERR_OK;
}

enum capture_format
capture_file_format(const struct capture *c)
{
	return ((const struct file *)c)->format;
}

enum capture_wrap
capture_file_wrap(const struct capture *c)
{
	return ((const struct file *)c)->source.wrap;
}

uint64_t
capture_file_offset(const struct capture *c)
{
	return ((const struct file *)c)->offset;
}
