/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "guard.h"
#include "trace.h"

enum { FUZZ_HOLE_BYTES = 7 };

static void
stream(struct trace *t, const struct protocol *p, struct bytes in)
{
	struct cursor c = cursor_of(in);
	struct probe_view view = {{{NULL, 0}, {NULL, 0}}, {40000, 40001}, false};
	uint64_t at[2] = {0, 0};
	void *s = p->open(&t->observer);

	if (s == NULL)
		abort();
	while (cursor_left(&c) >= 3) {
		unsigned flags = cursor_u8(&c);
		enum name_value dir = (flags & 1) != 0 ? dir_resp : dir_orig;
		size_t len = cursor_be16(&c);
		struct bytes run = cursor_take(&c, len < cursor_left(&c) ? len : cursor_left(&c));

		if (view.head[dir].len == 0) {
			view.head[dir] = bytes_sub(run, 0, PROBE_BYTES_MAX);
			(void)p->probe(&view);
		}
		if ((flags & 2) != 0) {
			p->gap(s, dir, at[dir], FUZZ_HOLE_BYTES);
			at[dir] += FUZZ_HOLE_BYTES;
		}
		if (run.len > 0)
			p->data(s, dir, run, at[dir]);
		at[dir] += run.len;
	}
	view.ended = true;
	(void)p->probe(&view);
	p->end(s, dir_orig);
	p->end(s, dir_resp);
	if (p->carries != NULL)
		(void)p->carries(s);
	p->close(s);
}

static void
datagram(struct trace *t, const struct protocol *p, struct bytes in)
{
	struct cursor c = cursor_of(in);
	enum name_value dir = (cursor_u8(&c) & 1) != 0 ? dir_resp : dir_orig;
	struct probe_view view = {{{NULL, 0}, {NULL, 0}}, {0, 0}, true};
	struct guard g;

	view.port[dir] = cursor_be16(&c);
	view.port[1 - dir] = cursor_be16(&c);
	g = guard_new(cursor_rest(&c));
	view.head[dir] = g.view;
	(void)p->datagram(&t->observer, dir, g.view, &view);
	guard_free(&g);
}

int
fuzz_protocol(const struct protocol *p, const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct trace t;
	struct buf out = {0};

	if (size == 0)
		return 0;
	trace_init(&t);
	if (data[0] == 'S' && p->open != NULL)
		stream(&t, p, bytes_from(in, 1));
	else if (data[0] == 'D' && p->datagram != NULL)
		datagram(&t, p, bytes_from(in, 1));
	else if (p->decode != NULL)
		trace_decode(p, in, &out);
	buf_free(&out);
	trace_free(&t);
	return 0;
}
