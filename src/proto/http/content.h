/* SPDX-License-Identifier: Apache-2.0 */
/* What rides on HTTP: a reader of bodies that is asked at each message whether it wants it.
 * A content is a row in contents.def and a `const struct http_content` in its own folder.
 * An exchange is a request and its answer, known by a slot number 0..HTTP_SLOTS-1 that is used
 * again after done(). Either half may be missing. Transfer and content codings are undone. */
#pragma once

#include "proto/http/reader.h"
#include "proto/observer.h"

enum { HTTP_SLOTS = 16 };

struct http_content {
	enum proto id;
	void *(*open)(struct observer *o); /* NULL: no memory; the session goes on without */
	void (*close)(void *state);
	/* The head of a message in dir; true: give me the body. The head lives during the call. */
	bool (*head)(void *state, size_t slot, enum name_value dir, const struct http_head *h);
	void (*body)(void *state, size_t slot, enum name_value dir, struct bytes part);
	/* The message is over; size: its bytes on the wire; cut: a part was not given. */
	void (*end)(void *state, size_t slot, enum name_value dir, uint64_t size, bool cut);
	void (*done)(void *state, size_t slot);
	bool (*seen)(const void *state); /* something of this content was met */
};

extern const struct http_content *const http_contents[]; /* ends with NULL */
