/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/unit.h"

enum { VT = 0x0b, FS = 0x1c, CR = 0x0d, LF = 0x0a };
enum { STX = 0x02, ETX = 0x03, EOT = 0x04, ENQ = 0x05, ACK = 0x06, NAK = 0x15, ETB = 0x17 };

enum { PDU_HEAD = 6, CHECKSUM = 2, CHUNK_MAX = 1 << 30 };

enum mllp_state { MLLP_OUT, MLLP_IN, MLLP_TAIL };
enum astm_state { ASTM_OUT, ASTM_TEXT, ASTM_SUM, ASTM_TAIL };
enum http_state { HTTP_HEAD, HTTP_BODY, HTTP_SIZE, HTTP_CHUNK, HTTP_CHUNK_END, HTTP_TRAILER };

/* HTTP by its first word; UNIT_UNKNOWN while that may still become one. */
static enum unit_carrier
text_carrier(struct bytes head)
{
	static const char *const words[] = {
	    "GET ", "POST ", "PUT ", "HEAD ", "PATCH ", "DELETE ", "OPTIONS "};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct bytes word = bytes_str(words[i]);

		if (bytes_starts(head, word))
			return UNIT_HTTP;
		if (bytes_starts(word, head))
			return UNIT_UNKNOWN;
	}
	return UNIT_RAW;
}

enum unit_carrier
unit_carrier_of(struct bytes head)
{
	uint8_t c = head.len > 0 ? head.ptr[0] : 0;

	if (head.len == 0)
		return UNIT_UNKNOWN;
	if (c == VT)
		return UNIT_MLLP;
	if (c == ENQ || c == STX || c == EOT || c == ACK || c == NAK)
		return UNIT_ASTM;
	if (c == 0x01 && (head.len < 2 || head.ptr[1] == 0))
		return UNIT_DICOM;
	return text_carrier(head);
}

enum proto
unit_proto(enum unit_carrier c)
{
	switch (c) {
	case UNIT_MLLP:
		return PROTO_hl7;
	case UNIT_ASTM:
		return PROTO_astm;
	case UNIT_DICOM:
		return PROTO_dicom;
	case UNIT_HTTP:
		return PROTO_http;
	default:
		return PROTO_unknown;
	}
}

void
unit_scan_init(struct unit_scan *u, enum unit_carrier carrier, bool request)
{
	*u = (struct unit_scan){.carrier = carrier == UNIT_HTTP && !request ? UNIT_RAW : carrier};
}

static struct unit_piece
piece(struct unit_scan *u, size_t len, bool ends, enum unit_kind kind)
{
	u->size += len;
	if (ends)
		u->size = 0;
	return (struct unit_piece){len, ends, kind};
}

/* --- MLLP --- */

/* A line end behind FS that came in a later run goes alone, so that FS never waits for it. */
static struct unit_piece
next_mllp(struct unit_scan *u, struct bytes in)
{
	size_t n;

	if (u->state == MLLP_TAIL) {
		u->state = MLLP_OUT;
		if (in.ptr[0] == CR || in.ptr[0] == LF)
			return piece(u, 1, true, UNIT_GLUE);
	}
	n = bytes_find(in, FS);
	if (n == in.len)
		return piece(u, n, false, UNIT_MESSAGE);
	n++;
	if (n < in.len && (in.ptr[n] == CR || in.ptr[n] == LF))
		return piece(u, n + 1, true, UNIT_MESSAGE);
	u->state = MLLP_TAIL;
	return piece(u, n, true, UNIT_MESSAGE);
}

/* --- LIS01 --- */

static bool
is_control(uint8_t c)
{
	return c == ENQ || c == ACK || c == NAK || c == EOT;
}

static struct unit_piece
astm_sum(struct unit_scan *u, struct bytes in, size_t n)
{
	while (u->count < CHECKSUM && n < in.len && in.ptr[n] != CR && in.ptr[n] != LF &&
	       in.ptr[n] != STX && !is_control(in.ptr[n])) {
		u->count++;
		n++;
	}
	if (n == in.len && u->count < CHECKSUM) {
		u->state = ASTM_SUM;
		return piece(u, n, false, UNIT_MESSAGE);
	}
	while (n < in.len && (in.ptr[n] == CR || in.ptr[n] == LF) && u->count < CHECKSUM + 2) {
		u->count++;
		n++;
	}
	u->state = ASTM_OUT;
	if (n > 0)
		return piece(u, n, true, UNIT_MESSAGE);
	/* The frame ended with the run before, without a checksum: what comes is of its unit. */
	if (in.ptr[0] == STX) {
		u->state = ASTM_TEXT;
		u->count = 0;
		return piece(u, 1, false, UNIT_MESSAGE);
	}
	return piece(u, 1, true, UNIT_MESSAGE);
}

static bool
is_between(uint8_t c)
{
	return is_control(c) || c == CR || c == LF;
}

/* Control bytes and line ends pass; anything else outside a frame is held against the rules. */
static struct unit_piece
between_frames(struct unit_scan *u, struct bytes in)
{
	bool control = is_between(in.ptr[0]);
	size_t n = 1;

	while (n < in.len && in.ptr[n] != STX && is_between(in.ptr[n]) == control)
		n++;
	return piece(u, n, true, control ? UNIT_GLUE : UNIT_MESSAGE);
}

static struct unit_piece
next_astm(struct unit_scan *u, struct bytes in)
{
	size_t n = 0;

	if (u->state == ASTM_SUM)
		return astm_sum(u, in, 0);
	if (u->state == ASTM_OUT) {
		if (in.ptr[0] != STX)
			return between_frames(u, in);
		u->state = ASTM_TEXT;
		u->count = 0;
		n = 1;
	}
	n += bytes_find4(bytes_from(in, n), ETX, ETB, EOT, ENQ);
	if (n == in.len)
		return piece(u, n, false, UNIT_MESSAGE);
	if (is_control(in.ptr[n])) {
		/* Given up in the middle: what there is goes with what ended it. */
		u->state = ASTM_OUT;
		return piece(u, n + 1, true, UNIT_MESSAGE);
	}
	u->count = 0;
	return astm_sum(u, in, n + 1);
}

/* --- DICOM --- */

static struct unit_piece
next_dicom(struct unit_scan *u, struct bytes in)
{
	size_t n = 0;

	while (u->count < PDU_HEAD && n < in.len) {
		u->head[u->count++] = in.ptr[n++];
		if (u->count == PDU_HEAD)
			u->need = (uint64_t)u->head[2] << 24 | (uint64_t)u->head[3] << 16 |
				  (uint64_t)u->head[4] << 8 | u->head[5];
	}
	if (u->count == PDU_HEAD) {
		size_t more = in.len - n < u->need ? in.len - n : (size_t)u->need;

		n += more;
		u->need -= more;
		if (u->need == 0) {
			u->count = 0;
			return piece(u, n, true, UNIT_MESSAGE);
		}
	}
	return piece(u, n, false, UNIT_MESSAGE);
}

/* --- HTTP requests --- */

static bool
is_header(const struct unit_scan *u, const char *name)
{
	size_t n = strlen(name);

	return u->line_len >= n && memcmp(u->line, name, n) == 0;
}

/* A line of the head is over: what it says about the body. */
static void
take_header(struct unit_scan *u)
{
	uint64_t v = 0;

	if (is_header(u, "content-length:")) {
		if (u->has_length ||
		    !bytes_to_u64(bytes_trim(bytes_of(u->line + 15, (size_t)u->line_len - 15)), &v))
			u->odd = 1; /* two lengths, or none: request smuggling */
		u->has_length = 1;
		u->length = v;
	} else if (is_header(u, "transfer-encoding:")) {
		u->is_chunked = 1;
		if (!bytes_eq(bytes_trim(bytes_of(u->line + 18, (size_t)u->line_len - 18)),
			BYTES("chunked")))
			u->odd = 1;
	}
	if (u->has_length && u->is_chunked)
		u->odd = 1;
	u->line_len = 0;
}

/* True at the empty line. */
static bool
head_byte(struct unit_scan *u, uint8_t c)
{
	if (c == LF) {
		if (u->lines > 0 && u->line_len == 0)
			return true;
		take_header(u);
		u->lines = 1;
	} else if (c != CR && u->line_len < sizeof(u->line)) {
		u->line[u->line_len++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return false;
}

static void
go_odd(struct unit_scan *u)
{
	u->odd = 1;
	u->carrier = UNIT_RAW;
}

static struct unit_piece
end_head(struct unit_scan *u, size_t n)
{
	u->state = u->is_chunked ? HTTP_SIZE : u->length > 0 ? HTTP_BODY : HTTP_HEAD;
	u->need = u->is_chunked ? 0 : u->length;
	u->count = 0;
	u->lines = u->line_len = u->has_length = u->is_chunked = 0;
	u->length = 0;
	if (u->odd)
		go_odd(u);
	return piece(u, n, true, UNIT_MESSAGE);
}

static struct unit_piece
http_head(struct unit_scan *u, struct bytes in)
{
	for (size_t n = 0; n < in.len; n++) {
		if (head_byte(u, in.ptr[n]))
			return end_head(u, n + 1);
	}
	if (u->size + in.len > UNIT_HTTP_HEAD_MAX) {
		go_odd(u);
		return piece(u, in.len, true, UNIT_MESSAGE);
	}
	return piece(u, in.len, false, UNIT_MESSAGE);
}

static int
hex_of(uint8_t c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* The size line of a chunk, or the trailer behind the last one. */
static struct unit_piece
http_line(struct unit_scan *u, struct bytes in)
{
	size_t n = 0;

	while (n < in.len) {
		uint8_t c = in.ptr[n++];
		int digit = hex_of(c);

		if (u->state == HTTP_SIZE && u->lines == 0 && digit >= 0) {
			u->need = u->need << 4 | (uint64_t)digit;
			if (u->need > CHUNK_MAX) {
				go_odd(u);
				return piece(u, n, true, UNIT_GLUE);
			}
			continue;
		}
		if (c != LF) {
			u->lines = 1; /* an extension, or a trailer's text */
			u->line_len = c == CR ? u->line_len : 1;
			continue;
		}
		if (u->state == HTTP_SIZE)
			u->state = u->need > 0 ? HTTP_CHUNK : HTTP_TRAILER;
		else if (u->line_len == 0)
			u->state = HTTP_HEAD;
		u->lines = u->line_len = 0;
		break;
	}
	return piece(u, n, true, UNIT_GLUE);
}

static struct unit_piece
next_http(struct unit_scan *u, struct bytes in)
{
	size_t n;

	switch ((enum http_state)u->state) {
	case HTTP_HEAD:
		return http_head(u, in);
	case HTTP_BODY:
	case HTTP_CHUNK:
		n = in.len < u->need ? in.len : (size_t)u->need;
		u->need -= n;
		if (u->need == 0)
			u->state = u->state == HTTP_BODY ? HTTP_HEAD : HTTP_CHUNK_END;
		return piece(u, n, true, UNIT_GLUE);
	case HTTP_CHUNK_END:
		n = bytes_find(in, LF);
		if (n < in.len) {
			n++;
			u->state = HTTP_SIZE;
		}
		return piece(u, n, true, UNIT_GLUE);
	default:
		return http_line(u, in);
	}
}

struct unit_piece
unit_next(struct unit_scan *u, struct bytes in)
{
	switch (u->carrier) {
	case UNIT_MLLP:
		return next_mllp(u, in);
	case UNIT_ASTM:
		return next_astm(u, in);
	case UNIT_DICOM:
		return next_dicom(u, in);
	case UNIT_HTTP:
		return next_http(u, in);
	default:
		return piece(u, in.len, true, UNIT_RUN);
	}
}
