/* SPDX-License-Identifier: Apache-2.0 */
/* POCT1-A2 over TCP: XML documents one after the other, raw or each in an MLLP block.
 * Source:  CLSI POCT1-A2; the device dials the manager, both send documents.
 * decode(): a stream of one side, or bare documents. One object a document, in stream order:
 *   {"unit":"document", "offset", "length", "root", "category", "carrier":"none"|"mllp",
 *    "ok", "error" ("ok", "cut", "syntax", "mismatch", "doctype", "entity", "depth", "attributes",
 *    "size"), "elements":[{"name", "depth", "offset", "text" (where there is any), and each
 *    attribute under its name with "@" before it: "@V":"6.4"}], "anomalies":[{name, offset}]}
 *   elements stand in document order with depth 0 for the root; values have their references
 *   undone. A refused document ("ok":false) has the elements up to its fault.
 *   Bytes outside documents: {"unit":"noise"}. */
#pragma once

#include "proto/proto.h"

extern const struct protocol poct1a_protocol;

void poct1a_decode(struct bytes file, const struct line_sink *out);
