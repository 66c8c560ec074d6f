/* SPDX-License-Identifier: Apache-2.0 */
/* Schema changes, forward only, embedded at build from src/store/migrations. Each runs once, whole,
 * in a transaction that also writes its number down. */
#pragma once

struct migration {
	unsigned number; /* 1, 2, 3, ...; 0 ends the list */
	const char *name;
	const char *sql;
};

extern const struct migration migrations_sqlite[];
