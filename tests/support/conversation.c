/* SPDX-License-Identifier: Apache-2.0 */
#include "conversation.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "guard.h"

struct conversation
conversation_load(const char *name)
{
	const char *source = getenv("HEMOSTAT_SOURCE");
	struct conversation c = {.n = 0};
	struct cursor in;
	char path[1024];

	(void)snprintf(path, sizeof(path), "%s/tests/corpus/%s", source ? source : ".", name);
	c.file = file_slurp(path);
	if (c.file.ptr == NULL || c.file.len == 0 || c.file.ptr[0] != 'S') {
		fprintf(stderr, "%s is not a conversation\n", path);
		exit(99);
	}
	in = cursor_of(bytes_from(c.file, 1));
	while (cursor_left(&in) >= 3 && c.n < CONVERSATION_TURNS_MAX) {
		struct turn *t = &c.turns[c.n++];
		unsigned flags = cursor_u8(&in);

		t->dir = (flags & 1) != 0 ? dir_resp : dir_orig;
		t->gap = (flags & 2) != 0 ? 7 : 0;
		t->data = cursor_take(&in, cursor_be16(&in));
	}
	return c;
}

void
conversation_free(struct conversation *c)
{
	free((void *)(uintptr_t)c->file.ptr);
	c->file = (struct bytes){NULL, 0};
}
