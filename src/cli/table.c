/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"
#include "cli/cli.h"
#include "sys/term.h"

enum { COLUMNS_MAX = 16, CELL_MAX = 120 };

struct cli_table {
	const char *const *heads;
	size_t n;
	size_t width[COLUMNS_MAX];
	struct buf text; /* cells one after another */
	size_t *ends;    /* where each ends in text */
	size_t cells, room;
	bool colour;
};

/* Characters, not bytes; what is not UTF-8 counts one each. */
static size_t
columns_of(struct bytes t)
{
	size_t n = 0;

	while (t.len > 0) {
		size_t len = utf8_length(t);

		t = bytes_from(t, len == 0 ? 1 : len);
		n++;
	}
	return n;
}

struct cli_table *
cli_table_new(const struct cli *c, const char *const *heads, size_t n)
{
	struct cli_table *t = calloc(1, sizeof(*t));

	if (t == NULL || n > COLUMNS_MAX)
		abort();
	t->heads = heads;
	t->n = n;
	t->colour = c->colour;
	for (size_t i = 0; i < n; i++)
		t->width[i] = columns_of(bytes_str(heads[i]));
	return t;
}

/* Untrusted text: control bytes and what is not UTF-8 become '?', so that no device can talk to
 * the terminal. */
static void
add_plain(struct buf *out, struct bytes t)
{
	t = bytes_sub(t, 0, CELL_MAX);
	while (t.len > 0) {
		size_t len = utf8_length(t);

		if (len == 0 || t.ptr[0] < 0x20 || t.ptr[0] == 0x7f ||
		    (t.ptr[0] == 0xc2 && t.ptr[1] < 0xa0)) {
			buf_byte(out, '?');
			len = len == 0 ? 1 : len;
		} else {
			buf_add(out, bytes_sub(t, 0, len));
		}
		t = bytes_from(t, len);
	}
}

void
cli_cell(struct cli_table *t, struct bytes text)
{
	size_t from = t->text.len, width;

	if (t->cells == t->room) {
		t->room = t->room == 0 ? 256 : t->room * 2;
		if ((t->ends = realloc(t->ends, t->room * sizeof(*t->ends))) == NULL)
			abort();
	}
	add_plain(&t->text, text);
	t->ends[t->cells] = t->text.len;
	width = columns_of(bytes_of(t->text.ptr + from, t->text.len - from));
	if (width > t->width[t->cells % t->n])
		t->width[t->cells % t->n] = width;
	t->cells++;
}

void
cli_cell_str(struct cli_table *t, const char *text)
{
	cli_cell(t, bytes_str(text));
}

void
cli_cell_u64(struct cli_table *t, uint64_t v)
{
	char text[24];

	cli_cell(
	    t, bytes_of(text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)v)));
}

void
cli_cell_time(struct cli_table *t, struct wall when)
{
	char text[WALL_TEXT_MAX];

	if (when.ns == 0) {
		cli_cell_str(t, "-");
		return;
	}
	(void)wall_format(when, text);
	text[10] = ' ';
	cli_cell(t, bytes_of(text, 19));
}

static void
print_cell(struct bytes text, size_t width, bool last)
{
	(void)fwrite(text.ptr, 1, text.len, stdout);
	for (size_t i = columns_of(text); i < width && !last; i++)
		(void)fputc(' ', stdout);
	(void)fputs(last ? "\n" : "  ", stdout);
}

void
cli_table_end(struct cli_table *t, const char *nothing)
{
	size_t from = 0;

	if (t->cells == 0) {
		printf("%s\n", nothing);
	} else {
		if (t->colour)
			(void)fputs("\033[1m", stdout);
		for (size_t i = 0; i < t->n; i++)
			print_cell(bytes_str(t->heads[i]), t->width[i], i + 1 == t->n);
		if (t->colour)
			(void)fputs("\033[0m", stdout);
	}
	for (size_t i = 0; i < t->cells; i++) {
		print_cell(bytes_of(t->text.ptr + from, t->ends[i] - from), t->width[i % t->n],
		    i % t->n + 1 == t->n);
		from = t->ends[i];
	}
	buf_free(&t->text);
	free(t->ends);
	free(t);
}
