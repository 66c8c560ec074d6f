/* SPDX-License-Identifier: Apache-2.0 */
/* HL7 v2 as a protocol: `const struct protocol hl7_protocol`, name "hl7".
 * Source:  HL7 v2.1 to v2.9 (clauses of v2.5.1 in the code); MLLP R1 and R2; IHE LAW, LTW, PCD-01.
 * Input:   both directions of a stream: MLLP, HLLP or unframed; or a file for decode().
 * Output:  one message observation for each MSH, acknowledgements too, at the offset of the M of
 *          MSH; claims, attachments and anomalies at the offset of the bytes they are about.
 *          Units: mllp_blocks (ended by FS CR), mllp_commits, hllp_blocks, hl7_unframed,
 *          hl7_batches.
 * Memory:  a session of 480 bytes at most; buffers from the observer's pool while a block is open;
 *          none a message.
 * Total:   any bytes; what is no HL7 is counted as junk.
 * Limits:  MLLP_CAP_BYTES a block; the named caps in session.h are anomalies, not ends.
 * Privacy: identifiers and free text leave as keyed hashes; a value leaves as sent where it is a
 *          number, a code or a known word (obx.c).
 * Not checked: whether segments stand in the order of their message structure, and data types of
 *          fields that nothing here reads.
 *
 * decode() writes one object for each message:
 *   {"proto":"hl7","unit":"message","offset":n,"length":n,"carrier":"mllp|mllp2|hllp|none",
 *    "type":"ORU^R01","version":"2.5.1","control_id":s,"sender":s,"receiver":s,"category":s,
 *    "ack":{"code":"AA","control_id":s},"cut":true,"batch":true,"repeat":true,"unpaired":true,
 *    "segments":[{"name":"MSH","offset":n,"fields":[...]}],"results":[...],
 *    "anomalies":[{"name":s,"offset":n,"count":n}]}
 *   fields[n-1] is field n as sent (of MSH: fields[0] is "|", fields[1] the encoding characters).
 *   A field without delimiters in it is a string. Any other is an array of its repetitions; a
 *   repetition is a string or an array of components; a component a string or an array of
 *   subcomponents. Segments of a batch envelope stand with the message they are next to. Bytes
 *   in no message come as {"proto":"hl7","unit":"rest","offset":n,"length":n,...}, commit blocks
 *   as {"proto":"hl7","unit":"commit","offset":n,"length":n,"stored":b}. */
#pragma once

#include "proto/proto.h"

extern const struct protocol hl7_protocol;

/* For decode.c: the session with someone who looks on. */
struct hl7_tap;
void *hl7_open_tapped(struct observer *o, const struct hl7_tap *tap);

void hl7_decode(struct bytes file, const struct line_sink *out);
