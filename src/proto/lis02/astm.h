/* SPDX-License-Identifier: Apache-2.0 */
/* ASTM over TCP or a serial line: telnet undone, LIS01 frames, LIS02 messages, both directions.
 * Either end may be the sender, also both in turn (host queries); either may dial.
 * decode(): a stream of one side, raw, in telnet, or bare records (CR, LF, or a text export). One
 *   object a unit, in stream order, each with "unit", "offset", "length", "anomalies":
 *   {"unit":"enq"|"ack"|"nak"|"eot"}
 *   {"unit":"frame", "number", "end":"ETX"|"ETB", "text_length", "checksum" (sent, in capitals;
 * null where missing), "computed", "ok" (the checksum is right),
 * "sequence":"ok"|"repeat"|"same"|"wrong", "repeat" (text dropped)}
 *   {"unit":"message", "type":"HPOR", "category", "carrier":"lis01"|"none", "delimiters":"|\\^&",
 *     "cut", "records":[{"type":"H", "offset", "fields":["H", "\\^&", ...]}]}: field n of the
 *     standard is fields[n - 1]; text as sent, escapes not undone.
 *   {"unit":"vendor", "text"}: STX text ETX of another protocol.
 *   {"unit":"telnet", "command":"WILL"..., "option", "data" (hex, sub-negotiations)}
 *   Anomalies of no unit of their own (noise) stand in {"unit":"noise"}. "offset" of a message and
 *   its records are those of their letters in the stream; "length" of a message counts the bytes
 *   of its records. */
#pragma once

#include "proto/proto.h"

extern const struct protocol astm_protocol;

void astm_decode(struct bytes file, const struct line_sink *out);
