/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/proto.h"

#define PROTOCOL(id) extern const struct protocol id##_protocol;
#include "proto/protocols.def"
#undef PROTOCOL

const struct protocol *const protocols[] = {
#define PROTOCOL(id) &id##_protocol,
#include "proto/protocols.def"
#undef PROTOCOL
    NULL};

const struct protocol *
protocol_named(struct bytes name)
{
	for (size_t i = 0; protocols[i] != NULL; i++) {
		if (bytes_eq(bytes_str(protocols[i]->name), name))
			return protocols[i];
	}
	return NULL;
}
