/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cases.h"

#include <unistd.h>

#include "base/utf8.h"
#include "sys/fd.h"

enum { READ_STEP = 1 << 18 };

enum fault
cli_case_fault(struct bytes text)
{
	return utf8_valid(text) ? FAULT_none : FAULT_encoding;
}

static bool
answer_one(struct cli *c, struct bytes text, case_answer *answer, void *ctx)
{
	struct bytes kept = bytes_sub(text, 0, CASE_BYTES_MAX);

	return answer(ctx, c, kept, kept.len < text.len ? FAULT_too_long : cli_case_fault(kept));
}

/* Lines as they come: what was answered is written before the next read may block. */
struct lines {
	struct buf in;
	bool skipping; /* the rest of a line that was too long */
	bool bad;
};

static void
answer_lines(struct cli *c, struct lines *l, bool last, case_answer *answer, void *ctx)
{
	struct bytes rest = buf_bytes(&l->in);

	while (rest.len > 0) {
		size_t n = bytes_find(rest, '\n');
		struct bytes line = bytes_sub(rest, 0, n);

		if (n == rest.len && !last && n <= CASE_BYTES_MAX)
			break;
		if (!l->skipping) {
			if (n < rest.len && line.len > 0 && line.ptr[line.len - 1] == '\r')
				line.len--;
			if (!answer_one(c, line, answer, ctx))
				l->bad = true;
		}
		l->skipping = n == rest.len;
		rest = bytes_from(rest, n + 1);
	}
	buf_drop(&l->in, l->in.len - rest.len);
}

static int
standard_input(struct cli *c, case_answer *answer, void *ctx)
{
	struct lines l = {0};
	struct why why;
	size_t got = 1;
	enum err e = ERR_OK;

	while (e == ERR_OK && got > 0) {
		(void)fflush(stdout);
		if (!buf_reserve(&l.in, READ_STEP)) {
			e = FAIL(&why, ERR_SYSTEM, "out of memory");
			break;
		}
		e = fd_read_some(STDIN_FILENO, l.in.ptr + l.in.len, READ_STEP, &got, &why);
		if (e == ERR_OK)
			l.in.len += got;
		answer_lines(c, &l, got == 0, answer, ctx);
	}
	buf_free(&l.in);
	if (e != ERR_OK)
		return cli_why(&why);
	return l.bad ? EXIT_FOUND : EXIT_DONE;
}

int
cli_cases(struct cli *c, size_t from, case_answer *answer, void *ctx)
{
	int status = EXIT_DONE;

	for (size_t i = from; i < c->n_args; i++) {
		struct bytes text = bytes_str(c->args[i]);
		int one;

		if (bytes_eq(text, BYTES("-")))
			one = standard_input(c, answer, ctx);
		else
			one = answer_one(c, text, answer, ctx) ? EXIT_DONE : EXIT_FOUND;
		if (one > status)
			status = one;
	}
	return status;
}

void
cli_fault_json(struct json *j, const char *key, enum fault f, size_t at)
{
	char text[160];

	if (f == FAULT_none) {
		json_kstr(j, key, NULL);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s at %zu: %s", fault_name(f), at, fault_text(f));
	json_kstr(j, key, text);
}

void
cli_shown(struct buf *out, struct bytes t)
{
	t = bytes_sub(t, 0, CASE_SHOWN_MAX);
	while (t.len > 0) {
		size_t n = utf8_length(t);

		if (n == 0 || t.ptr[0] < 0x20 || t.ptr[0] == 0x7f ||
		    (t.ptr[0] == 0xc2 && t.ptr[1] < 0xa0))
			buf_byte(out, '?');
		else
			buf_add(out, bytes_sub(t, 0, n));
		t = bytes_from(t, n == 0 ? 1 : n);
	}
}

void
cli_bad_case(struct bytes text, enum fault f, size_t at)
{
	struct buf shown = {0};

	cli_shown(&shown, text);
	printf("bad  %.*s: %s, at byte %zu\n", (int)shown.len,
	    shown.len > 0 ? (char *)shown.ptr : "", fault_text(f), at);
	buf_free(&shown);
}
