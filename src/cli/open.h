/* SPDX-License-Identifier: Apache-2.0 */
/* Opening what a command works on, with the errors people expect. */
#pragma once

#include "brain/request.h"
#include "cli/cli.h"
#include "store/link_names.h"
#include "store/store.h"

struct cli_store {
	struct store_dir *dir;
	struct store *store;
};

/* Open the data directory and its store. -1: open; else the exit status (a word was said). */
int cli_open(const struct cli *c, enum store_mode mode, struct cli_store *out);
void cli_close(struct cli_store *s);

/* The path of --data, or the default; static storage of the caller. */
void cli_data_path(const struct cli *c, char out[DATA_DIR_PATH_MAX]);

/* Options shared by lists of events; use LIST_OPTIONS in a table and cli_list_filter() to read. */
#define LIST_OPTIONS                                                                               \
	{"limit", 'n', "N", "at most N rows (50; 0 = all)"},                                       \
	    {"since", 0, "TIME", "not before: 2026-02-03T04:05:06Z, or an age such as 2h"},        \
	    {"until", 0, "TIME", "not after"}, {"link", 0, "N", "only this link (number)"},        \
	    {"proto", 0, "NAME", "only this protocol: hl7, astm, dicom, ..."},                     \
	{                                                                                          \
		"oldest", 0, NULL, "oldest first"                                                  \
	}

/* Read them. -1: *f is filled but for the link; else the exit status. */
int cli_list_filter(struct cli *c, struct store_filter *f);
/* Look up the link that was asked for. -1: fine; else the exit status. */
int cli_list_link(struct cli *c, struct store *st, struct store_filter *f);

/* A stored JSON object as a line of output, with its type in front. */
void cli_typed_json(const char *type, struct bytes json);

/* The number or id given as the only argument. -1: fine; else the exit status. */
int cli_one_id(struct cli *c, const char *what, uint64_t *id);

/* Ask for a change (brain/request.h) and say what became of it. The exit status. */
int cli_request(struct cli *c, unsigned kind, uint64_t id, const char *state);

/* The same with a request that is filled but for who and why. */
enum err cli_ask(struct cli *c, struct request *r, struct why *why) MUST_CHECK;

/* The settings file in force: --config, else hemostat.yaml in the data directory where that is.
 * NULL: none. out: room of the caller. */
const char *cli_settings_path(const struct cli *c, char out[DATA_DIR_PATH_MAX]);
