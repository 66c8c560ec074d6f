/* SPDX-License-Identifier: Apache-2.0 */
/* What a leaf of the ledger holds, and where C2SP tiles put it.
 * Source:  C2SP tlog-tiles: an entry bundle is a run of (u16 big-endian length, entry), up to 256
 *          of them; so an entry has at most 65,535 bytes.
 * Entry:   event number s (from 1) is entry s - 1, always. An entry is
 *            the record as event_encode() made it, where it fits (its first four bytes are its
 *            length and never zero);
 *            else 00 00 00 00 01, its length (u32 little endian), its SHA-256;
 *            00 00 00 00 02 for an event that was gone before this ledger began.
 *          What law orders to be erased can go from the store: the leaf hash stays. */
#pragma once

#include "base/buf.h"
#include "ledger/tree.h"

enum { ENTRY_BYTES_MAX = 65535, ENTRY_DIGEST_BYTES = 41, ENTRY_ABSENT_BYTES = 5 };

/* The entry of a record; room is used where it is not the record itself. Empty: an absent one. */
struct bytes entry_of(struct hasher *h, struct bytes record, uint8_t room[ENTRY_DIGEST_BYTES]);

enum entry_form { ENTRY_RECORD, ENTRY_DIGEST, ENTRY_ABSENT, ENTRY_OTHER };

enum entry_form entry_form(struct bytes entry);

/* The next entry of a bundle. False at its end, or where it is cut (*rest is then not empty). */
bool bundle_next(struct bytes *rest, struct bytes *entry);
void bundle_add(struct buf *out, struct bytes entry);

enum { TILE_ENTRIES = 64, TILE_PATH_MAX = 64 };

/* "tile/0/x001/234.p/5": level, or TILE_ENTRIES for the bundle; width 256 is a full one. */
void tile_path(char out[TILE_PATH_MAX], unsigned level, uint64_t n, unsigned width);
