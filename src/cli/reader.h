/* SPDX-License-Identifier: Apache-2.0 */
/* Documents from outside are read in a child of their own, shut in before the first byte: it gets
 * the bytes in shared memory and answers with what the document calls itself.
 * The answer is held to be hostile: texts are cut, terminated and printable before they are given.
 * A child that dies or takes longer than READER_SECONDS_MAX is ended and replaced; the document is
 * then unreadable. */
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "intel/csaf.h"

enum { READER_SECONDS_MAX = 20, READER_TEXT_MAX = 256 };

struct reader;

struct reader_answer {
	uint32_t readable;                 /* 0: reason says why not */
	char reason[READER_TEXT_MAX];      /* WHY_TEXT_MAX */
	char name[CSAF_FILE_NAME_MAX + 1]; /* of the file it is kept under */
	char id[READER_TEXT_MAX], version[READER_TEXT_MAX];
	struct wall revised;
	uint64_t products, vulnerabilities, undefined, failed_tests;
};

enum err reader_start(struct reader **out, struct why *why) MUST_CHECK;
/* ERR_SYSTEM: no reader can be started. */
enum err reader_ask(
    struct reader *r, struct bytes document, struct reader_answer *out, struct why *why) MUST_CHECK;
void reader_end(struct reader *r); /* r may be NULL */
