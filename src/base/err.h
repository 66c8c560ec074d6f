/* SPDX-License-Identifier: Apache-2.0 */
/* How every function that can fail says so.
 * The class decides what the caller does: input (the peer's fault: count, drop the unit, go on),
 * limit (ours, by design: same, plus a metric), system (retry or degrade visibly). A bug asserts.
 * Detail goes into a caller-owned struct why: never patient data, always a place. */
#pragma once

#include <stdint.h>

#include "base/attr.h"

enum err {
	ERR_OK = 0,
	ERR_INPUT,   /* bytes from outside are not what they should be */
	ERR_LIMIT,   /* a named cap was reached */
	ERR_SYSTEM,  /* the operating system said no; why.sys holds errno */
	ERR_ABSENT,  /* the thing asked for does not exist */
	ERR_USAGE,   /* the caller (a person) asked for something that makes no sense */
	ERR_REFUSED, /* a rule forbids it */
};

enum { WHY_TEXT_MAX = 256 };

struct why {
	enum err code;
	int sys;          /* errno, 0 where none */
	const char *file; /* source place, for the debug log */
	int line;
	char text[WHY_TEXT_MAX]; /* one sentence without a full stop, always terminated */
};

/* Fill *why (which may be NULL) and return code, so that `return FAIL(...)` reads as one step.
 * FAIL_SYS adds ": " and the text of errno. */
#define FAIL(why, code, ...) why_set((why), (code), 0, __FILE__, __LINE__, __VA_ARGS__)
#define FAIL_SYS(why, ...)   why_set((why), ERR_SYSTEM, 1, __FILE__, __LINE__, __VA_ARGS__)

enum err why_set(struct why *why, enum err code, int with_errno, const char *file, int line,
    const char *fmt, ...) PRINTF_LIKE(6, 7);

/* The class as a word: "input", "limit", ... */
const char *err_name(enum err e);
