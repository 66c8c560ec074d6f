/* SPDX-License-Identifier: Apache-2.0 */
/* FHIR R4 in JSON over HTTP: one EV_message an interaction (a request and its answer).
 * Source:  FHIR R4 (4.0.1) "RESTful API", "JSON".
 * Input:   bodies and heads by proto/http/content.h; files by decode().
 * Output:  EV_message: type "GET Patient", "POST Bundle transaction", "POST $process-message";
 *          ack = HTTP status; results of the request, or where it had none, of the answer;
 *          result offsets count from the start of the body that held them. Status words come as
 *          letters of HL7 table 0085. Claims "behind" from Device, attachments, anomalies.
 *          Queries and ids of a URL never leave but as keyed hashes.
 * What is FHIR: a media type of FHIR on either message, a JSON body whose resourceType R4 knows,
 *          GET [base]/metadata, or a path of a known type where FHIR was met on this connection.
 * Memory:  the largest entry of a Bundle (doc.h), for each direction; RESULTS_BYTES_MAX an
 *          interaction under way.
 * Not read: XML (counted, with the anomaly fhir_xml); profiles and terminology. */
#pragma once

#include "proto/http/content.h"
#include "proto/proto.h"

extern const struct http_content fhir_content;
extern const struct protocol fhir_protocol; /* decode only: the wire is HTTP's */
