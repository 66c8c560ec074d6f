/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that answer one line a case: cases are arguments, or lines of standard input for "-".
 * Every case gets its answer, in order; a bad one never costs another. */
#pragma once

#include "base/json.h"
#include "cli/cli.h"
#include "intel/fault.h"

enum { CASE_BYTES_MAX = 65536 };

/* The text of a case, without its line end. f: FAULT_encoding where it is not UTF-8,
 * FAULT_too_long where it was cut to CASE_BYTES_MAX; else FAULT_none. False: the case is bad. */
typedef bool case_answer(void *ctx, struct cli *c, struct bytes text, enum fault f);

/* Arguments from the given one on. The exit status: EXIT_FOUND where a case was bad. */
int cli_cases(struct cli *c, size_t from, case_answer *answer, void *ctx);

/* FAULT_encoding where text is not UTF-8. */
enum fault cli_case_fault(struct bytes text);

/* The value of "error": null, or "metric_twice at 45: this metric stands twice". */
void cli_fault_json(struct json *j, const char *key, enum fault f, size_t at);

/* Untrusted text for a terminal: what is not printable becomes '?', at most CASE_SHOWN_MAX bytes.
 */
enum { CASE_SHOWN_MAX = 200 };
void cli_shown(struct buf *out, struct bytes text);

/* "bad  TEXT: this metric stands twice, at byte 45" */
void cli_bad_case(struct bytes text, enum fault f, size_t at);
