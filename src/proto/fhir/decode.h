/* SPDX-License-Identifier: Apache-2.0 */
/* FHIR for people: a JSON resource, NDJSON, or one direction of an HTTP stream with such bodies. */
#pragma once

#include "proto/proto.h"

void fhir_decode(struct bytes file, const struct line_sink *out);
