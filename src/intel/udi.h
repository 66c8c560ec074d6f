/* SPDX-License-Identifier: Apache-2.0 */
/* Unique device identifiers as printed on a device, of the three issuers that FDA and EU name.
 * Source:  GS1 General Specifications 3, 7.12 (application identifiers, FNC1, dates); ANSI/HIBC 2.6
 *          (HIBCC); ISBT 128 Technical Specification 2.4 (ICCBBA).
 * Input:   one UDI from a scanner or a keyboard: GS1 with brackets, with GS (0x1D) for FNC1, or
 *          plain, with or without ]C1 ]d2 ]Q3 ]e0 ]J1 in front; HIBCC with its check character;
 *          ICCBBA.
 * Output:  views into the text; dates as dates.
 * Total:   any bytes give a UDI or a named fault with its offset. No memory.
 * Checked: GTIN and SSCC modulo 10, HIBCC modulo 43, dates, lengths, characters.
 * Doubt:   in GS1 without separators a lot or a serial number runs to the end of the text; where
 *          it holds what could be the next identifier, `doubtful` says so. Nothing is split on a
 *          guess.
 * Limits:  UDI_TEXT_MAX bytes. */
#pragma once

#include "base/attr.h"
#include "base/bytes.h"
#include "intel/fault.h"

enum { UDI_TEXT_MAX = 256, UDI_DATE_TEXT_MAX = 11 };

enum udi_issuer { UDI_GS1, UDI_HIBCC, UDI_ICCBBA };

struct udi_date {
	int year; /* 0: no date given */
	int month, day;
};

struct udi {
	enum udi_issuer issuer;
	struct bytes di;      /* GTIN; HIBCC labeler, product and unit; ISBT product code */
	struct bytes lot;     /* empty where there is none */
	struct bytes serial;  /* the same */
	struct bytes version; /* of software, GS1 (8012); the same */
	struct udi_date expiry, made;
	bool checked; /* a check digit or character stands there, and fits */
	bool doubtful;
};

/* year_now: two digits of a year mean the year from 49 before it to 50 after. *at: the offset of
 * what is wrong. On a fault *out is cleared. */
enum fault udi_parse(struct bytes text, int year_now, struct udi *out, size_t *at) MUST_CHECK;

const char *udi_issuer_name(enum udi_issuer issuer); /* "GS1" */

/* "2026-03-31", terminated; "" where there is no date. Returns its length. */
size_t udi_date_text(struct udi_date d, char out[UDI_DATE_TEXT_MAX]);

/* The modulo 10 digit of GS1 keys for the digits before it, and the modulo 43 character of HIBCC
 * for all before it; 0 where a byte is none of theirs. */
uint8_t udi_check_gs1(struct bytes digits);
uint8_t udi_check_hibcc(struct bytes text);
