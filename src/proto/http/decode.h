/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of an HTTP stream for people: an object a message, with its fields. */
#pragma once

#include "proto/proto.h"

void http_decode(struct bytes file, const struct line_sink *out);
