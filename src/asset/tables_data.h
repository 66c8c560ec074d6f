/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the tables of data/ as tools/tables.py writes them. For tables.c alone. */
#pragma once

#include "base/bytes.h"

struct oui_row {
	uint32_t oui;   /* rows in this order */
	uint16_t maker; /* index into oui_makers */
};

struct model_row {
	const char *text;
	bool prefix;
	const char *maker, *class, *name;
};

struct os_row {
	const char *text;
	bool exact;
	const char *name;
	int32_t end, latest; /* days since 1970, 0: none */
	const char *source;
};

struct fingerprint_row {
	const char *options, *os;
};

extern const char *const oui_makers[];
extern const struct oui_row oui_rows[];
extern const size_t oui_rows_n;
extern const struct model_row model_rows[];
extern const size_t model_rows_n;
extern const struct os_row os_rows[];
extern const size_t os_rows_n;
extern const struct fingerprint_row fingerprint_rows[];
extern const size_t fingerprint_rows_n;
