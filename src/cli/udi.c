/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat udi STRING... */
#include "intel/udi.h"
#include "cli/cases.h"
#include "sys/clock.h"

static int
year_now(void)
{
	char text[WALL_TEXT_MAX];
	int year = 0;

	(void)wall_format(wall_now(), text);
	for (size_t i = 0; i < 4; i++)
		year = year * 10 + (text[i] - '0');
	return year;
}

static void
part_json(struct json *j, const char *key, struct bytes part)
{
	json_key(j, key);
	if (part.len == 0)
		json_null(j);
	else
		json_bytes(j, part);
}

static const char doubt[] = "without separators: the last value may hold more than one";

static void
answer_json(struct bytes text, const struct udi *u, enum fault f, size_t at)
{
	char expiry[UDI_DATE_TEXT_MAX], made[UDI_DATE_TEXT_MAX];
	struct buf line = {0};
	struct json j = json_on(&line);

	json_object(&j);
	json_kbytes(&j, "udi", text);
	json_kstr(&j, "issuer", f == FAULT_none ? udi_issuer_name(u->issuer) : NULL);
	part_json(&j, "di", u->di);
	part_json(&j, "lot", u->lot);
	part_json(&j, "serial", u->serial);
	part_json(&j, "expiry", bytes_of(expiry, udi_date_text(u->expiry, expiry)));
	part_json(&j, "made", bytes_of(made, udi_date_text(u->made, made)));
	part_json(&j, "software", u->version);
	json_kbool(&j, "valid", f == FAULT_none);
	json_key(&j, "check");
	if (u->checked || f == FAULT_check_digit)
		json_bool(&j, u->checked);
	else
		json_null(&j);
	json_kstr(&j, "doubt", u->doubtful ? doubt : NULL);
	cli_fault_json(&j, "error", f, at);
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
}

static void
part_text(const char *name, struct bytes part)
{
	if (part.len > 0)
		printf("  %s %.*s", name, (int)part.len, (const char *)part.ptr);
}

static void
answer_text(const struct udi *u)
{
	char date[UDI_DATE_TEXT_MAX];

	printf(
	    "%-6s  %-16.*s", udi_issuer_name(u->issuer), (int)u->di.len, (const char *)u->di.ptr);
	part_text("lot", u->lot);
	part_text("serial", u->serial);
	part_text("software", u->version);
	part_text("expires", bytes_of(date, udi_date_text(u->expiry, date)));
	part_text("made", bytes_of(date, udi_date_text(u->made, date)));
	printf("%s%s\n", u->doubtful ? "  " : "", u->doubtful ? doubt : "");
}

static bool
answer(void *ctx, struct cli *c, struct bytes text, enum fault f)
{
	struct udi u = {0};
	size_t at = 0;

	(void)ctx;
	if (f == FAULT_none)
		f = udi_parse(text, year_now(), &u, &at);
	if (c->json)
		answer_json(text, &u, f, at);
	else if (f == FAULT_none)
		answer_text(&u);
	else
		cli_bad_case(text, f, at);
	return f == FAULT_none;
}

static int
run(struct cli *c)
{
	if (c->n_args == 0)
		return cli_fail(
		    EXIT_USAGE, "udi takes at least one STRING (or - for standard input)");
	return cli_cases(c, 0, answer, NULL);
}

const struct cli_command command_udi = {
    .noun = "udi",
    .args = "STRING...",
    .summary = "read device identifiers of GS1, HIBCC and ICCBBA",
    .detail =
	"One line of answer a string; - reads one a line from standard input. Check digits,\n"
	"dates and lengths are checked; dates come as YYYY-MM-DD. Exit status 1 where a string\n"
	"was refused.",
    .run = run,
};
