/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat purl STRING... */
#include "intel/purl.h"
#include "cli/cases.h"

enum { PURL_ARENA_MAX = 1 << 20 };

static void
part_json(struct json *j, const char *key, struct bytes part)
{
	json_key(j, key);
	if (part.len == 0)
		json_null(j);
	else
		json_bytes(j, part);
}

static void
answer_json(struct arena *a, const struct purl *p, enum fault f, size_t at)
{
	struct buf line = {0}, canonical = {0};
	struct json j = json_on(&line);

	if (f == FAULT_none)
		purl_write(p, &canonical);
	json_object(&j);
	part_json(&j, "type", p->type);
	part_json(&j, "namespace", p->namespace);
	part_json(&j, "name", p->name);
	part_json(&j, "version", p->version);
	json_key(&j, "qualifiers");
	if (p->n_qualifiers == 0) {
		json_null(&j);
	} else {
		json_object(&j);
		for (size_t i = 0; i < p->n_qualifiers; i++) {
			const char *key = arena_str(a, p->qualifiers[i].key);

			if (key != NULL)
				json_kbytes(&j, key, p->qualifiers[i].value);
		}
		json_object_end(&j);
	}
	part_json(&j, "subpath", p->subpath);
	part_json(&j, "canonical", buf_bytes(&canonical));
	cli_fault_json(&j, "error", f, at);
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
	buf_free(&canonical);
}

static bool
answer(void *ctx, struct cli *c, struct bytes text, enum fault f)
{
	struct arena *a = ctx;
	struct purl p = {0};
	size_t at = 0;

	if (f == FAULT_none)
		f = purl_parse(a, text, &p, &at);
	if (c->json) {
		answer_json(a, &p, f, at);
	} else if (f == FAULT_none) {
		struct buf canonical = {0};

		purl_write(&p, &canonical);
		printf("ok   %.*s\n", (int)canonical.len, (char *)canonical.ptr);
		buf_free(&canonical);
	} else {
		cli_bad_case(text, f, at);
	}
	arena_reset(a);
	return f == FAULT_none;
}

static int
run(struct cli *c)
{
	struct arena *a;
	int status;

	if (c->n_args == 0)
		return cli_fail(
		    EXIT_USAGE, "purl takes at least one STRING (or - for standard input)");
	if ((a = arena_new(PURL_ARENA_MAX, NULL)) == NULL)
		return cli_fail(EXIT_SYSTEM, "out of memory");
	status = cli_cases(c, 0, answer, a);
	arena_free(a);
	return status;
}

const struct cli_command command_purl = {
    .noun = "purl",
    .args = "STRING...",
    .summary = "check package URLs and show their canonical form",
    .detail =
	"One line of answer a string; - reads one a line from standard input. With --json the\n"
	"parts come decoded and normalised by the rules of their type. Exit status 1 where a\n"
	"string was refused.",
    .run = run,
};
