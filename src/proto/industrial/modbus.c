/* SPDX-License-Identifier: Apache-2.0 */
/* Modbus/TCP: counted; device identification gives maker, model and revision.
 * Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b 3.1.3 (header); MODBUS
 *         Application Protocol V1.1b3 6.21 (function 43 / 14), 7 (exceptions).
 * Probing: the header is weak (two zero bytes, a length, a known function): both directions must
 *         agree on it, or port 502 breaks the tie. */
#include "base/cursor.h"
#include "proto/pieces.h"
#include "proto/proto.h"

enum { PORT_MODBUS = 502, MBAP_BYTES = 7, ADU_MAX = 260, ADU_READ_MAX = 2054, MODBUS_SYNC = 8 };
enum { FN_DEVICE = 43, MEI_DEVICE = 14 };

struct modbus {
	struct observer *o;
	struct frames frames[2];
};

static bool
known_function(uint8_t f)
{
	f &= 0x7f;
	return (f >= 1 && f <= 8) || f == 11 || f == 12 || (f >= 15 && f <= 17) ||
	       (f >= 20 && f <= 24) || f == FN_DEVICE || f == 90 || f == 125 || f == 126;
}

/* Transaction, 0, length of what follows (unit, function, data). The standard ends at 260 bytes;
 * Schneider's UMAS goes on to over 1024. */
static uint64_t
adu_size(struct bytes p)
{
	unsigned n = load_be16(p.ptr + 4);

	return load_be16(p.ptr + 2) == 0 && n >= 2 && n <= ADU_READ_MAX - 6 ? 6u + n : 0;
}

static bool
adu_sync(struct bytes w)
{
	return adu_size(w) >= MODBUS_SYNC && adu_size(w) <= ADU_MAX && known_function(w.ptr[7]);
}

static enum probe
probe_side(struct bytes h, bool on_port)
{
	if (h.len >= 4 && load_be16(h.ptr + 2) != 0)
		return PROBE_NO;
	if (h.len < MODBUS_SYNC)
		return PROBE_MAYBE;
	if (on_port) /* scanners try every function */
		return adu_size(h) != 0 ? PROBE_YES : PROBE_NO;
	return adu_sync(bytes_sub(h, 0, MODBUS_SYNC)) ? PROBE_YES : PROBE_NO;
}

static enum probe
modbus_probe(const struct probe_view *v)
{
	bool on_port = v->port[0] == PORT_MODBUS || v->port[1] == PORT_MODBUS;
	enum probe a = probe_side(v->head[0], on_port), b = probe_side(v->head[1], on_port);

	if (a == PROBE_NO || b == PROBE_NO)
		return PROBE_NO;
	if (a == PROBE_YES && b == PROBE_YES)
		return load_be16(v->head[0].ptr) == load_be16(v->head[1].ptr) || on_port ? PROBE_YES
											 : PROBE_NO;
	if ((a == PROBE_YES || b == PROBE_YES) && on_port)
		return PROBE_YES;
	return v->ended ? PROBE_NO : PROBE_MAYBE;
}

/* 6.21: MEI type, code, conformity, more, next, number of objects, objects (id, length, text). */
static void
device_identification(struct modbus *m, enum name_value dir, uint64_t at, struct bytes pdu)
{
	static const enum name_value attrs[] = {
	    attr_maker, attr_model, attr_firmware, 0, attr_model, attr_model};
	struct cursor c = cursor_of(pdu);
	unsigned n;

	(void)cursor_take(&c, 2);
	if (cursor_u8(&c) > 4) /* a request has the object id here and ends */
		return;
	(void)cursor_take(&c, 3);
	n = cursor_u8(&c);
	for (unsigned i = 0; i < n && cursor_left(&c) >= 2; i++) {
		unsigned id = cursor_u8(&c);
		struct bytes value = cursor_take(&c, cursor_u8(&c));

		if (id < ARRAY_LEN(attrs) && attrs[id] != 0 && bytes_printable(value))
			observe_claim(m->o, dir, at, attrs[id], value, "Modbus 43/14", 85);
	}
}

static void
adu(struct modbus *m, enum name_value dir, const struct piece *p)
{
	struct bytes pdu = bytes_from(p->body, MBAP_BYTES);

	observe_unit(m->o, UNIT_modbus_pdus);
	if (p->size > ADU_MAX)
		observe_anomaly(
		    m->o, dir, p->offset, ANOMALY_modbus_malformed, PROTO_modbus, "over 260 bytes");
	if (pdu.len >= 8 && pdu.ptr[0] == FN_DEVICE && pdu.ptr[1] == MEI_DEVICE)
		device_identification(m, dir, p->offset, pdu);
}

static void *
modbus_open(struct observer *o)
{
	struct modbus *m = budget_alloc(o->budget, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->o = o;
	for (size_t i = 0; i < 2; i++)
		m->frames[i] = (struct frames){.prefix = 6,
		    .keep = ADU_MAX,
		    .size_of = adu_size,
		    .sync_at = adu_sync,
		    .sync = MODBUS_SYNC,
		    .held.budget = o->budget};
	return m;
}

static void
modbus_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct modbus *m = session;
	struct piece p;

	for (;;) {
		switch (frames_next(&m->frames[dir], &run, &offset, &p)) {
		case FRAMES_MORE:
			return;
		case FRAMES_UNIT:
			adu(m, dir, &p);
			break;
		case FRAMES_LOST:
			observe_anomaly(m->o, dir, p.offset, ANOMALY_modbus_malformed, PROTO_modbus,
			    "protocol id or length");
			break;
		case FRAMES_REFUSED:
			observe_anomaly(
			    m->o, dir, p.offset, ANOMALY_memory_cap, PROTO_modbus, "frame");
			break;
		}
	}
}

static void
modbus_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct modbus *m = session;

	(void)offset;
	frames_gap(&m->frames[dir], missing);
}

static void
modbus_end(void *session, enum name_value dir)
{
	(void)session;
	(void)dir;
}

static void
modbus_close(void *session)
{
	struct modbus *m = session;

	frames_free(&m->frames[0]);
	frames_free(&m->frames[1]);
	budget_free(m->o->budget, m, sizeof(*m));
}

const struct protocol modbus_protocol = {
    .id = PROTO_modbus,
    .name = "modbus",
    .probe = modbus_probe,
    .open = modbus_open,
    .data = modbus_data,
    .gap = modbus_gap,
    .end = modbus_end,
    .close = modbus_close,
};
