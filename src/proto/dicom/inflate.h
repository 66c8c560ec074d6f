/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a deflated data set (PS3.5 A.5: RFC 1951, no zlib head), enough for identity
 * elements. Memory: about 40 KiB from the budget while it lives. Total:  any bytes; never more than
 * DICOM_INFLATE_MAX bytes out, so that a bomb costs nothing. */
#pragma once

#include "base/budget.h"
#include "base/bytes.h"

enum { DICOM_INFLATE_MAX = 64 * 1024 };

struct dicom_inflate;

struct dicom_inflate *dicom_inflate_new(struct budget *b) MUST_CHECK; /* NULL: no memory */
/* Up to room bytes of output, taking from *in. An empty view: more input is needed, or the end, the
 * cap or damage was met (then *in is used up). */
struct bytes dicom_inflate_next(
    struct dicom_inflate *f, struct bytes *in, uint8_t *out, size_t room);
bool dicom_inflate_damaged(const struct dicom_inflate *f);
void dicom_inflate_free(struct dicom_inflate *f); /* f may be NULL */
