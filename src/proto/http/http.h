/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.x over TCP, passive: requests paired with answers, what they tell of machines and
 * log-ins, what files they carry; clinical contents (FHIR) ride on it (content.h).
 * Source:  RFC 9110, RFC 9112; HTTP/2 is recognised by its preface and not read.
 * Input:   both directions as proto.h says.
 * Output:  units http_requests, http_responses; claims, credential, login, attachment, anomaly;
 *          what contents emit. Targets, queries and field values that may tell of a patient never
 *          leave: only names do.
 * Memory:  a head under way a side, an inflater a side where a wanted body is compressed.
 * Limits:  HTTP_SLOTS requests without an answer; older ones are told as they are.
 * Not checked: caching, ranges, methods' meanings. */
#pragma once

#include "proto/proto.h"

extern const struct protocol http_protocol;
