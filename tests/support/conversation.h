/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations kept as corpus files in the 'S' form of fuzz.h, read back as turns. */
#pragma once

#include "trace.h"

enum { CONVERSATION_TURNS_MAX = 64 };

struct conversation {
	struct bytes file;
	struct turn turns[CONVERSATION_TURNS_MAX];
	size_t n;
};

/* "tests/corpus/" name; exits the test program where it cannot be read. */
struct conversation conversation_load(const char *name);
void conversation_free(struct conversation *c);
