/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: left > 0 only between a header and the end of its record; message_left > 0 only
 * between a message header and its end; a view in a run is used where a message lies whole in it,
 * a copy in r->message where it does not. */
#include "proto/tls/record.h"

#include "base/cursor.h"

enum content {
	CHANGE_CIPHER_SPEC = 20,
	ALERT = 21,
	HANDSHAKE = 22,
	APPLICATION_DATA = 23,
	HEARTBEAT = 24,
};

enum { V2_CLIENT_HELLO = 1, V2_SERVER_HELLO = 4, V2_BYTES_MAX = 0x7fff };

void
tls_records_init(struct tls_records *r, const struct tls_sink *sink, void *owner,
    enum name_value dir, struct budget *budget)
{
	*r = (struct tls_records){.sink = sink, .owner = owner, .dir = dir};
	r->message.cap = HANDSHAKE_BYTES_MAX;
	r->message.budget = budget;
}

static void
stop(struct tls_records *r, enum anomaly name, uint64_t offset)
{
	r->done = true;
	r->sink->anomaly(r, name, offset);
}

static bool
is_wanted(uint8_t type)
{
	return type == TLS_CLIENT_HELLO || type == TLS_SERVER_HELLO || type == TLS_CERTIFICATE ||
	       type == TLS_CERTIFICATE_REQUEST;
}

static void
message_done(struct tls_records *r, struct bytes body)
{
	if (!r->lost)
		r->sink->handshake(r, r->message_head[0], body, r->message_length, r->message_at);
	r->n_message_head = 0;
	r->lost = false;
	buf_reset(&r->message);
}

/* RFC 5246 7.4: type, u24 length. */
static void
message_begin(struct tls_records *r)
{
	r->message_length = load_be32(r->message_head) & 0xffffff;
	r->message_left = r->message_length;
	r->message_wanted = is_wanted(r->message_head[0]);
	if (r->message_wanted && r->message_length > HANDSHAKE_BYTES_MAX) {
		r->sink->anomaly(r, ANOMALY_unit_too_large, r->message_at);
		r->message_wanted = false;
		r->lost = true;
	}
	if (r->message_left == 0)
		message_done(r, (struct bytes){NULL, 0});
}

/* Bytes of a message that is under way. */
static void
message_bytes(struct tls_records *r, struct bytes part)
{
	bool whole = part.len == r->message_length;

	r->message_left -= part.len;
	if (r->message_wanted && !r->lost && !whole) {
		buf_add(&r->message, part);
		if (r->message.cut) {
			r->sink->anomaly(r, ANOMALY_memory_cap, r->message_at);
			r->lost = true;
		}
	}
	if (r->message_left > 0)
		return;
	if (!r->message_wanted)
		part = (struct bytes){NULL, 0};
	else if (!whole)
		part = buf_bytes(&r->message);
	message_done(r, part);
}

static void
handshake_bytes(struct tls_records *r, struct bytes in, uint64_t offset)
{
	while (in.len > 0 && !r->done && !r->encrypted) {
		size_t n;

		if (r->n_message_head < sizeof(r->message_head)) {
			if (r->n_message_head == 0)
				r->message_at = offset;
			r->message_head[r->n_message_head++] = in.ptr[0];
			in = bytes_from(in, 1);
			offset++;
			if (r->n_message_head == sizeof(r->message_head))
				message_begin(r);
			continue;
		}
		n = in.len < r->message_left ? in.len : r->message_left;
		message_bytes(r, bytes_sub(in, 0, n));
		in = bytes_from(in, n);
		offset += n;
	}
}

static void
small_bytes(struct tls_records *r, struct bytes in)
{
	while (in.len > 0 && r->n_small < sizeof(r->small)) {
		r->small[r->n_small++] = in.ptr[0];
		in = bytes_from(in, 1);
	}
}

static void
record_end(struct tls_records *r)
{
	if (r->encrypted)
		return;
	if (r->type == CHANGE_CIPHER_SPEC) {
		r->sink->change_cipher(r, r->record);
	} else if (r->type == ALERT && r->length == 2 && r->n_small == 2) {
		r->sink->alert(r, r->small[0], r->small[1], r->record);
	} else if (r->type == HEARTBEAT && r->n_small >= 3 && r->small[0] == 1 &&
		   load_be16(r->small + 1) > r->length - 3) {
		/* RFC 6520 4: the answer would hold memory that was never sent. */
		r->sink->anomaly(r, ANOMALY_tls_heartbeat_overread, r->record);
	}
}

/* RFC 6101 E.1: an SSL 2.0 hello, only as the first thing a side says. */
static bool
v2_begin(struct tls_records *r)
{
	const uint8_t *h = r->head;

	if ((h[0] & 0x80) == 0)
		return false;
	if (h[2] == V2_SERVER_HELLO) {
		r->done = true;
		r->sink->v2_hello(r, bytes_of(h, sizeof(r->head)), r->record);
		return true;
	}
	if (h[2] != V2_CLIENT_HELLO || !(h[3] == 3 || (h[3] == 0 && h[4] == 2)))
		return false;
	r->length = (size_t)(h[0] & 0x7f) << 8 | h[1];
	if (r->length < 9)
		return false;
	r->v2 = true;
	r->left = r->length - 3;
	buf_add(&r->message, bytes_of(h + 2, 3));
	return true;
}

/* RFC 8446 5.1: type, version, length. */
static void
record_begin(struct tls_records *r)
{
	bool first = !r->started;

	r->started = true;
	r->n_head = 0;
	r->n_small = 0;
	if (first && v2_begin(r))
		return;
	r->type = r->head[0];
	r->length = load_be16(r->head + 3);
	if (r->type < CHANGE_CIPHER_SPEC || r->type > HEARTBEAT || r->head[1] != 3 ||
	    r->head[2] > 4) {
		stop(r, ANOMALY_tls_record_bad, r->record);
		return;
	}
	if (r->length > RECORD_BYTES_MAX) {
		stop(r, ANOMALY_tls_record_too_large, r->record);
		return;
	}
	if (r->type == APPLICATION_DATA) {
		r->done = true;
		r->sink->application(r, r->record);
		return;
	}
	if (r->length == 0) {
		stop(r, ANOMALY_tls_record_bad, r->record);
		return;
	}
	r->left = r->length;
}

static void
v2_bytes(struct tls_records *r, struct bytes part)
{
	buf_add(&r->message, part);
	if (r->left > 0)
		return;
	r->v2 = false;
	if (r->message.cut)
		stop(r, ANOMALY_memory_cap, r->record);
	else
		r->sink->v2_hello(r, buf_bytes(&r->message), r->record);
	buf_reset(&r->message);
}

void
tls_records_data(struct tls_records *r, struct bytes run, uint64_t offset)
{
	while (run.len > 0 && !r->done) {
		struct bytes part;

		if (r->left == 0) {
			if (r->n_head == 0)
				r->record = offset;
			r->head[r->n_head++] = run.ptr[0];
			run = bytes_from(run, 1);
			offset++;
			if (r->n_head == sizeof(r->head))
				record_begin(r);
			continue;
		}
		part = bytes_sub(run, 0, r->left);
		r->left -= part.len;
		if (r->v2)
			v2_bytes(r, part);
		else if (!r->encrypted && r->type == HANDSHAKE)
			handshake_bytes(r, part, offset);
		else if (!r->encrypted)
			small_bytes(r, part);
		run = bytes_from(run, part.len);
		offset += part.len;
		if (r->left == 0 && !r->done)
			record_end(r);
	}
	if (r->done)
		buf_free(&r->message);
}

/* A hole inside a record can be stepped over; after any other nothing can be relied on. */
void
tls_records_gap(struct tls_records *r, uint64_t missing)
{
	if (r->done)
		return;
	if (r->left == 0 || missing > r->left || r->v2) {
		r->done = true;
		return;
	}
	r->left -= (size_t)missing;
	if (r->type != HANDSHAKE || r->encrypted)
		return;
	/* Inside one message: it alone is lost. Over its border: the next header is not where we
	 * know it to be. */
	if (r->n_message_head < sizeof(r->message_head) || missing >= r->message_left) {
		r->done = true;
		return;
	}
	r->message_left -= (size_t)missing;
	r->lost = true;
}

void
tls_records_end(struct tls_records *r)
{
	if (r->done)
		return;
	r->done = true;
	if (r->n_message_head > 0 || r->v2)
		r->sink->anomaly(r, ANOMALY_tls_handshake_cut, r->v2 ? r->record : r->message_at);
	else if (r->left > 0 || r->n_head > 0)
		r->sink->anomaly(r, ANOMALY_tls_handshake_cut, r->record);
}

void
tls_records_free(struct tls_records *r)
{
	buf_free(&r->message);
}
