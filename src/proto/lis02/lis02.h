/* SPDX-License-Identifier: Apache-2.0 */
/* Records of ASTM E1394 / CLSI LIS02-A2: cutting, escapes, writing. Pure text, no link layer.
 * Source:  LIS02-A2 5 (delimiters 5.4, records 5.5) and 6 to 14 (fields by record).
 * Fields are numbered as in the standard: field 1 is the record's letter, so field n is f[n - 1].
 * Limits:  LIS02_FIELDS_MAX fields of a record are cut out, the rest is not looked at. */
#pragma once

#include "base/buf.h"

enum {
	LIS02_FIELDS_MAX = 64, /* the longest record of the standard (P) has 35 */
	LIS02_COMPONENTS_MAX = 16,
};

struct lis02_delims {
	uint8_t field, repeat, component, escape; /* escape 0: the message has none */
};

#define LIS02_DELIMS_DEFAULT ((struct lis02_delims){'|', '\\', '^', '&'})

/* One of the letters H P O R C Q L M S. */
bool lis02_is_letter(uint8_t c);

/* True where text starts with a record's letter and the field delimiter; an H record may bring
 * any punctuation as its delimiter. */
bool lis02_starts_record(struct bytes text, uint8_t field);

enum lis02_delims_kind {
	LIS02_DELIMS_USUAL,
	LIS02_DELIMS_OTHER,   /* declared, but not the usual four */
	LIS02_DELIMS_DOUBLED, /* "\\^&" with the backslash doubled by a text export: read as usual
			       */
	LIS02_DELIMS_BROKEN, /* too few, or two the same: what is missing is taken from the usual */
};

/* Delimiters of an H record (at least "H" and one byte). */
enum lis02_delims_kind lis02_delims_of(struct bytes header, struct lis02_delims *d);

/* Cut a record (without CR) into f[0..]; the number of fields that it has, at most max. *more says
 * that there were others. */
size_t lis02_split(struct bytes record, uint8_t field, struct bytes *f, size_t max, bool *more);

/* Component n (from 1) of a field's first repeat; empty where there is none. */
struct bytes lis02_component(struct bytes field, const struct lis02_delims *d, size_t n);
/* The same, trimmed. */
struct bytes lis02_component_trim(struct bytes field, const struct lis02_delims *d, size_t n);

/* text with its escapes undone into out (at most room bytes); text itself where it has none.
 * *bad counts unknown and unclosed sequences, which stay as they are. */
struct bytes lis02_unescape(
    struct bytes text, const struct lis02_delims *d, uint8_t *out, size_t room, size_t *bad);

/* --- writing --- */

/* "H" and the delimiters, then fields 3.. as given (already escaped), CR. */
void lis02_write_header(
    struct buf *out, const struct lis02_delims *d, const struct bytes *fields, size_t n);
/* A record: letter, then fields 2.. as given (already escaped), CR. */
void lis02_write_record(struct buf *out, const struct lis02_delims *d, char letter,
    const struct bytes *fields, size_t n);
/* Text with every delimiter in it escaped, for use inside a field. */
void lis02_write_text(struct buf *out, const struct lis02_delims *d, struct bytes text);
