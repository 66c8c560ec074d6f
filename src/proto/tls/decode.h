/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a TLS stream for people: an object a handshake message, alert or change. */
#pragma once

#include "proto/proto.h"

void tls_decode(struct bytes file, const struct line_sink *out);
