/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat cvss VECTOR... */
#include "intel/cvss.h"
#include "cli/cases.h"

static void
score_json(struct json *j, const char *key, int tenths)
{
	json_key(j, key);
	if (tenths == CVSS_NONE)
		json_null(j);
	else
		json_double(j, tenths / 10.0, 1);
}

static void
answer_json(struct bytes text, const struct cvss *v, enum fault f, size_t at)
{
	const struct cvss_scores none = {CVSS_NONE, CVSS_NONE, CVSS_NONE, CVSS_NONE, CVSS_SEV_NONE};
	struct cvss_scores s = f == FAULT_none ? cvss_score(v) : none;
	struct buf line = {0};
	struct json j = json_on(&line);

	json_object(&j);
	json_kbytes(&j, "vector", text);
	json_kstr(&j, "version", f == FAULT_none ? cvss_version_name(v->version) : NULL);
	score_json(&j, "base", s.base);
	score_json(&j, "temporal", s.temporal);
	score_json(&j, "environmental", s.environmental);
	score_json(&j, "score", s.score);
	json_kstr(&j, "severity", f == FAULT_none ? cvss_severity_name(s.severity) : NULL);
	cli_fault_json(&j, "error", f, at);
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
}

static void
score_text(const char *name, int tenths)
{
	if (tenths == CVSS_NONE)
		printf("%s    -  ", name);
	else
		printf("%s %4.1f  ", name, tenths / 10.0);
}

static void
answer_text(struct bytes text, const struct cvss *v)
{
	struct cvss_scores s = cvss_score(v);

	if (v->version == CVSS_4_0) {
		score_text("score", s.score);
		printf("%30s", "");
	} else {
		score_text("base ", s.base);
		score_text("temporal", s.temporal);
		score_text("environ.", s.environmental);
	}
	printf(
	    "%-8s  %.*s\n", cvss_severity_name(s.severity), (int)text.len, (const char *)text.ptr);
}

static bool
answer(void *ctx, struct cli *c, struct bytes text, enum fault f)
{
	struct cvss v = {0};
	size_t at = 0;

	(void)ctx;
	if (f == FAULT_none)
		f = cvss_parse(text, &v, &at);
	if (c->json)
		answer_json(text, &v, f, at);
	else if (f == FAULT_none)
		answer_text(text, &v);
	else
		cli_bad_case(text, f, at);
	return f == FAULT_none;
}

static int
run(struct cli *c)
{
	if (c->n_args == 0)
		return cli_fail(
		    EXIT_USAGE, "cvss takes at least one VECTOR (or - for standard input)");
	return cli_cases(c, 0, answer, NULL);
}

const struct cli_command command_cvss = {
    .noun = "cvss",
    .args = "VECTOR...",
    .summary = "score CVSS vectors 2.0, 3.0, 3.1 and 4.0",
    .detail =
	"One line of answer a vector; - reads one a line from standard input. Scores that a\n"
	"version does not have, or a vector does not give, are null (- in text). Exit status\n"
	"1 where a vector was refused.",
    .run = run,
};
