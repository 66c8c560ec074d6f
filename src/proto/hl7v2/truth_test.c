/* SPDX-License-Identifier: Apache-2.0 */
/* Files that others made, held against counts that others made: SOURCES.md counts MSH and segments
 * line by line; decode() must find the same. Each difference stands in doc/truth-hl7.md and in
 * `known` below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "proto/hl7v2/hl7v2.h"
#include "trace.h"

struct counts {
	unsigned long messages, segments;
};

static void
count_line(void *ctx, struct bytes json)
{
	const struct bytes segment = BYTES("{\"name\":\""), offset = BYTES("\",\"offset\":");
	struct counts *c = ctx;
	struct bytes rest = json;

	if (bytes_find_seq(json, BYTES("\"unit\":\"message\"")) < json.len)
		c->messages++;
	rest = bytes_from(json, bytes_find_seq(json, BYTES("\"segments\":[")));
	for (size_t at; (at = bytes_find_seq(rest, segment)) < rest.len;) {
		const uint8_t *p;

		rest = bytes_from(rest, at + segment.len);
		p = rest.ptr;
		/* The counting rule of SOURCES.md: capital, two capitals or digits, then neither a
		 * letter, a digit nor a blank. Anomalies have "name", too, but longer ones. */
		if (rest.len > 15 && p[0] >= 'A' && p[0] <= 'Z' &&
		    ((p[1] >= 'A' && p[1] <= 'Z') || (p[1] >= '0' && p[1] <= '9')) &&
		    ((p[2] >= 'A' && p[2] <= 'Z') || (p[2] >= '0' && p[2] <= '9')) &&
		    bytes_starts(bytes_from(rest, 3), offset))
			c->segments++;
	}
}

struct row {
	char file[128];
	unsigned long messages, segments;
};

/* "| file | src | path | MSH | segments | ..." */
static bool
read_row(struct bytes line, struct row *r)
{
	struct bytes cell[8];
	uint64_t a, b;

	for (size_t i = 0; i < ARRAY_LEN(cell); i++)
		cell[i] = bytes_trim(bytes_split(line, '|', &line));
	if (!bytes_to_u64(cell[4], &a) || !bytes_to_u64(cell[5], &b) ||
	    cell[1].len >= sizeof(r->file))
		return false;
	memcpy(r->file, cell[1].ptr, cell[1].len);
	r->file[cell[1].len] = 0;
	r->messages = a;
	r->segments = b;
	return true;
}

static bool
has_bom(struct bytes b)
{
	return bytes_starts(b, BYTES("\xef\xbb\xbfMSH|"));
}

/* What decode() finds beyond or below the table, each for a reason. */
static const struct {
	const char *file;
	long messages, segments;
} known[] = {
    /* No MSH, so no delimiters and no message: the lines are junk. */
    {"cosyte-malformed-no-msh-segment.hl7", 0, -2},
    {"mut-hl7-09.bin", 0, -3},
};

static void
counts_are_those_of_the_table(void **state)
{
	const char *path = shared_path("hl7/SOURCES.md");
	unsigned long files = 0, messages = 0, segments = 0, wrong = 0;
	struct bytes table, rest;

	(void)state;
	if (path == NULL) {
		/* not skip(): meson reads cmocka's "not ok # SKIP" as a failure */
		print_message("# shared samples are not here: skipped\n");
		return;
	}
	table = rest = file_slurp(path);
	while (rest.len > 0) {
		struct counts c = {0, 0};
		const struct line_sink sink = {&c, count_line};
		char name[256];
		struct bytes file;
		struct row r;
		long dm = 0, ds = 0;

		if (!read_row(bytes_split(rest, '\n', &rest), &r))
			continue;
		(void)snprintf(name, sizeof(name), "hl7/%s", r.file);
		path = shared_path(name);
		assert_non_null(path);
		file = file_slurp(path);
		hl7_decode(file, &sink);
		if (has_bom(file))
			dm = ds = 1;
		for (size_t i = 0; i < ARRAY_LEN(known); i++) {
			if (strcmp(known[i].file, r.file) == 0) {
				dm = known[i].messages;
				ds = known[i].segments;
			}
		}
		if ((long)c.messages - (long)r.messages != dm ||
		    (long)c.segments - (long)r.segments != ds) {
			fprintf(stderr, "%s: messages %lu, table %lu; segments %lu, table %lu\n",
			    r.file, c.messages, r.messages, c.segments, r.segments);
			wrong++;
		}
		files++;
		messages += c.messages;
		segments += c.segments;
		free((void *)(uintptr_t)file.ptr);
	}
	free((void *)(uintptr_t)table.ptr);
	print_message("# %lu files, %lu messages, %lu segments\n", files, messages, segments);
	assert_int_equal(wrong, 0);
	assert_true(files > 200);
}

/* The same files as streams: any cut gives what the whole gives, and all memory comes back. */
static void
any_cut_gives_the_same(void **state)
{
	enum { SMALL = 900 };
	const char *path = shared_path("hl7/SOURCES.md");
	struct bytes table, rest;

	(void)state;
	if (path == NULL) {
		print_message("# shared samples are not here: skipped\n");
		return;
	}
	table = rest = file_slurp(path);
	while (rest.len > 0) {
		struct turn turn = {dir_orig, {NULL, 0}, 0};
		char name[256];
		struct row r;

		if (!read_row(bytes_split(rest, '\n', &rest), &r))
			continue;
		(void)snprintf(name, sizeof(name), "hl7/%s", r.file);
		turn.data = file_slurp(shared_path(name));
		if (turn.data.len <= SMALL)
			trace_check_cuts(&hl7_protocol, &turn, 1, 3);
		free((void *)(uintptr_t)turn.data.ptr);
	}
	free((void *)(uintptr_t)table.ptr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(counts_are_those_of_the_table),
	    cmocka_unit_test(any_cut_gives_the_same)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
