/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat version compare SCHEME A B | SCHEME - */
#include "cli/cases.h"
#include "intel/version.h"

/* The reason why there is no order, "" where there is one. */
static void
reason_text(char out[200], enum fault f, int of)
{
	static const char *const sides[] = {"a", "b", "a and b"};

	out[0] = 0;
	if (f != FAULT_none)
		(void)snprintf(out, 200, "%s, %s: %s", fault_name(f), sides[of], fault_text(f));
}

static bool
answer_pair(const struct version_scheme *scheme, struct cli *c, struct bytes a, struct bytes b,
    enum fault f)
{
	int order = 0, of = 2;
	char reason[200];

	if (f == FAULT_none)
		f = version_compare(scheme, a, b, &order, &of);
	reason_text(reason, f, of);
	if (c->json) {
		struct buf line = {0};
		struct json j = json_on(&line);

		json_object(&j);
		json_kbytes(&j, "a", a);
		json_kbytes(&j, "b", b);
		json_key(&j, "order");
		if (f == FAULT_none)
			json_i64(&j, order);
		else
			json_null(&j);
		json_kstr(&j, "reason", f == FAULT_none ? NULL : reason);
		json_object_end(&j);
		cli_json_line(&line);
		buf_free(&line);
	} else {
		struct buf shown = {0};

		cli_shown(&shown, a);
		buf_printf(&shown, " %c ", f != FAULT_none ? '?' : "<=>"[order + 1]);
		cli_shown(&shown, b);
		printf("%.*s%s%s\n", (int)shown.len, (char *)shown.ptr, f == FAULT_none ? "" : "  ",
		    reason);
		buf_free(&shown);
	}
	return f == FAULT_none;
}

static bool
answer_line(void *ctx, struct cli *c, struct bytes line, enum fault f)
{
	struct bytes b, a = bytes_split(line, '\t', &b);

	if (f == FAULT_none && (a.len == line.len || bytes_find(b, '\t') < b.len))
		f = FAULT_pair;
	return answer_pair(ctx, c, a, b, f);
}

static int
no_scheme(const char *given)
{
	struct buf names = {0};

	for (size_t i = 0; version_scheme_at(i) != NULL; i++)
		buf_printf(&names, "%s%s", i > 0 ? ", " : "", version_scheme_at(i));
	buf_byte(&names, 0);
	(void)cli_fail(
	    EXIT_USAGE, "%s: no such scheme; expected one of %s", given, (const char *)names.ptr);
	buf_free(&names);
	return EXIT_USAGE;
}

static int
run(struct cli *c)
{
	const struct version_scheme *scheme =
	    c->n_args == 0 ? NULL : version_scheme_named(bytes_str(c->args[0]));
	bool lines = c->n_args == 2 && bytes_eq(bytes_str(c->args[1]), BYTES("-"));
	struct bytes a, b;
	enum fault f;

	if (!lines && c->n_args != 3)
		return cli_fail(EXIT_USAGE, "version compare takes SCHEME and either A B or -");
	if (scheme == NULL)
		return no_scheme(c->args[0]);
	if (lines)
		return cli_cases(c, 1, answer_line, (void *)(uintptr_t)scheme);
	a = bytes_str(c->args[1]);
	b = bytes_str(c->args[2]);
	f = cli_case_fault(a) != FAULT_none ? FAULT_encoding : cli_case_fault(b);
	return answer_pair(scheme, c, a, b, f) ? EXIT_DONE : EXIT_FOUND;
}

const struct cli_command command_version_compare = {
    .noun = "version",
    .verb = "compare",
    .args = "SCHEME A B",
    .summary = "which of two versions is newer, by the rules of a scheme",
    .detail =
	"SCHEME is semver, npm, go, deb, rpm, alpm, apk, pep440, maven, gem, nuget, openssl,\n"
	"generic (devices) or another name of these. With - in place of A B each line of\n"
	"standard input holds A, a TAB and B. Where the two have no order the answer says why,\n"
	"and the exit status is 1.",
    .run = run,
};
