/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one file a command (or noun), one line each in commands.def.
 * Exit status: see enum cli_exit; text for people, or JSON Lines with --json; colour only on a
 * terminal; errors on standard error as "hemostat: what, where: expected". */
#pragma once

#include <stdio.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"

enum cli_exit {
	EXIT_DONE = 0,
	EXIT_FOUND = 1, /* done, and something was found or did not verify */
	EXIT_USAGE = 2,
	EXIT_INPUT = 3,
	EXIT_SYSTEM = 4,
};

struct cli_option {
	const char *name;  /* without the dashes; NULL ends a table */
	char letter;       /* 0: none */
	const char *value; /* what it takes, for the help: "FILE"; NULL: nothing */
	const char *help;
};

struct cli;

struct cli_command {
	const char *noun; /* "device", or the whole command: "watch" */
	const char *verb; /* "list"; NULL: none */
	const char *args; /* for the help: "ID...", "" for none */
	const char *summary;
	const char *detail;               /* more lines for its own help; may be NULL */
	const struct cli_option *options; /* may be NULL; the common ones come besides */
	int (*run)(struct cli *c);
};

enum { CLI_OPTIONS_MAX = 24 };

struct cli {
	const struct cli_command *command;
	const char *value[CLI_OPTIONS_MAX]; /* by place in command->options; "" for a flag given */
	char **args;
	size_t n_args;
	const char *data;   /* --data, else NULL: the default place */
	const char *config; /* --config, else NULL */
	bool json;
	bool colour;
};

/* What was given for an option of this command: NULL where it was not, "" for a flag. */
const char *cli_value(const struct cli *c, const char *option);
/* A number within [min, max]; `otherwise` where the option was not given. False: a word was said.
 */
bool cli_number(const struct cli *c, const char *option, uint64_t min, uint64_t max,
    uint64_t otherwise, uint64_t *out) MUST_CHECK;
/* A time: RFC 3339, or an age such as 90s, 15m, 2h, 7d before now. 0 where it was not given. */
bool cli_time(const struct cli *c, const char *option, struct wall *out) MUST_CHECK;

/* "hemostat: text" on standard error; returns code. */
int cli_fail(int code, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same from a why; the status follows its class. */
int cli_why(const struct why *why);

/* A line of JSON to standard output, flushed with the rest at exit. */
void cli_json_line(struct buf *line);

/* A JSON value for people: indented, without quotes where they say nothing. */
void cli_pretty_json(struct bytes json);
/* Only this member of an object, under its name; nothing where there is none. */
void cli_pretty_member(struct bytes json, const char *name);

extern const struct cli_option cli_reason_options[]; /* --reason TEXT */

int cli_main(int argc, char **argv);

/* Columns of text, widths by content, cut to the terminal. Cells are copied. */
struct cli_table;
struct cli_table *cli_table_new(const struct cli *c, const char *const *heads, size_t n);
void cli_cell(struct cli_table *t, struct bytes text); /* the next cell, row after row */
void cli_cell_str(struct cli_table *t, const char *text);
void cli_cell_u64(struct cli_table *t, uint64_t v);
void cli_cell_time(struct cli_table *t, struct wall when); /* "2026-02-03 04:05:06" UTC */
/* Print and free; `nothing` is said where there is no row. */
void cli_table_end(struct cli_table *t, const char *nothing);
