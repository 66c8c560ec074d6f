/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/entry.h"

#include <stdio.h>

#include "base/cursor.h"

struct bytes
entry_of(struct hasher *h, struct bytes record, uint8_t room[ENTRY_DIGEST_BYTES])
{
	if (record.len > 0 && record.len <= ENTRY_BYTES_MAX)
		return record;
	memset(room, 0, ENTRY_DIGEST_BYTES);
	room[4] = record.len > 0 ? 1 : 2;
	if (record.len == 0)
		return bytes_of(room, ENTRY_ABSENT_BYTES);
	for (int i = 0; i < 4; i++)
		room[5 + i] = (uint8_t)(record.len >> 8 * i);
	hash_two(h, record, (struct bytes){NULL, 0}, room + 9);
	return bytes_of(room, ENTRY_DIGEST_BYTES);
}

enum entry_form
entry_form(struct bytes entry)
{
	if (entry.len < ENTRY_ABSENT_BYTES)
		return ENTRY_OTHER;
	if (load_le32(entry.ptr) != 0)
		return load_le32(entry.ptr) == entry.len - 4 ? ENTRY_RECORD : ENTRY_OTHER;
	if (entry.ptr[4] == 1 && entry.len == ENTRY_DIGEST_BYTES)
		return ENTRY_DIGEST;
	return entry.ptr[4] == 2 && entry.len == ENTRY_ABSENT_BYTES ? ENTRY_ABSENT : ENTRY_OTHER;
}

bool
bundle_next(struct bytes *rest, struct bytes *entry)
{
	size_t n;

	if (rest->len < 2 || (n = load_be16(rest->ptr)) > rest->len - 2)
		return false;
	*entry = bytes_sub(*rest, 2, n);
	*rest = bytes_from(*rest, 2 + n);
	return true;
}

void
bundle_add(struct buf *out, struct bytes entry)
{
	buf_byte(out, (uint8_t)(entry.len >> 8));
	buf_byte(out, (uint8_t)entry.len);
	buf_add(out, entry);
}

void
tile_path(char out[TILE_PATH_MAX], unsigned level, uint64_t n, unsigned width)
{
	unsigned group[7], groups = 0;
	size_t at;

	do {
		group[groups++] = (unsigned)(n % 1000);
		n /= 1000;
	} while (n > 0 && groups < ARRAY_LEN(group));
	at = level == TILE_ENTRIES ? (size_t)snprintf(out, TILE_PATH_MAX, "tile/entries")
				   : (size_t)snprintf(out, TILE_PATH_MAX, "tile/%u", level & 63);
	while (groups-- > 0)
		at += (size_t)snprintf(
		    out + at, TILE_PATH_MAX - at, "/%s%03u", groups > 0 ? "x" : "", group[groups]);
	if (width < TREE_TILE)
		(void)snprintf(out + at, TILE_PATH_MAX - at, ".p/%u", width);
}
