/* SPDX-License-Identifier: Apache-2.0 */
/* What the verifier needs of an event record: its own reading, apart from the program's.
 * Layout: u32 LE length of the rest, u8 kind, then LEB128 numbers: time (ns since 1970), source,
 *         packet, flow, link, direction, offset; then the fields of the kind. Texts are a LEB128
 *         length and bytes. Kind 12 (capture): what, name, four numbers, detail. Kind 13 (process):
 *         role, what, status, detail.
 * Total:  any bytes: what cannot be read is not a record. */
#pragma once

#include "ledger/audit.h"

/* False: not a record. index is set by the caller. */
bool record_fact(struct bytes entry, struct audit_fact *out);
