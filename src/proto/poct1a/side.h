/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a POCT1-A stream, from bytes to documents: raw, in MLLP blocks, or in UTF-16.
 * Input:   runs in stream order, cut anywhere; the first one or two bytes decide on the form.
 * Output:  calls on the sink; views live during the call. Values stay valid until the next byte.
 * Memory:  one document and one MLLP block at most, from the budget.
 * Total:   any bytes. UTF-16 beyond ASCII comes as '?': names and codes of POCT1-A are ASCII. */
#pragma once

#include "event/event.h"
#include "proto/mllp/mllp.h"
#include "proto/poct1a/document.h"

struct side_sink {
	void *ctx;
	void (*document)(void *ctx, const struct xml_piece *d, const struct document_place *at);
	void (*anomaly)(void *ctx, enum anomaly name, uint64_t offset);
};

struct poct1a_side {
	const struct side_sink *sink;
	struct xml_splitter split;
	struct mllp mllp;
	uint8_t form;  /* enum in side.c */
	uint8_t first; /* the first byte, while it is held */
	bool has_first;
	bool big_endian;
	bool odd; /* the first byte of a UTF-16 unit is held */
	uint8_t half;
	uint64_t base; /* offset at which UTF-16 began */
};

void side_init(struct poct1a_side *s, const struct side_sink *sink, struct buf_pool *pool,
    struct budget *budget);
void side_data(struct poct1a_side *s, struct bytes run, uint64_t offset);
void side_gap(struct poct1a_side *s, uint64_t offset, uint64_t missing);
void side_end(struct poct1a_side *s);
void side_free(struct poct1a_side *s);
