/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/open.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIST_DEFAULT = 50 };

void
cli_data_path(const struct cli *c, char out[DATA_DIR_PATH_MAX])
{
	if (c->data != NULL)
		(void)snprintf(out, DATA_DIR_PATH_MAX, "%s", c->data);
	else
		data_dir_default(out);
}

const char *
cli_settings_path(const struct cli *c, char out[DATA_DIR_PATH_MAX])
{
	size_t n;

	if (c->config != NULL)
		return c->config;
	cli_data_path(c, out);
	n = strlen(out);
	(void)snprintf(out + n, DATA_DIR_PATH_MAX - n, "/hemostat.yaml");
	return access(out, F_OK) == 0 ? out : NULL;
}

int
cli_open(const struct cli *c, enum store_mode mode, struct cli_store *s)
{
	char path[DATA_DIR_PATH_MAX];
	struct why why;

	*s = (struct cli_store){0};
	cli_data_path(c, path);
	if (store_dir_open(&s->dir, path, mode, &why) != ERR_OK ||
	    store_open(&s->store, s->dir, mode, NULL, &why) != ERR_OK) {
		cli_close(s);
		return cli_why(&why);
	}
	return -1;
}

void
cli_close(struct cli_store *s)
{
	store_close(s->store);
	if (s->dir != NULL)
		store_dir_close(s->dir);
	*s = (struct cli_store){0};
}

static bool
take_link(void *ctx, const struct store_link *l)
{
	*(uint64_t *)ctx = l->id;
	return true;
}

int
cli_list_filter(struct cli *c, struct store_filter *f)
{
	const char *proto = cli_value(c, "proto");
	uint64_t limit, link, no;

	*f = (struct store_filter){0};
	if (!cli_number(c, "limit", 0, UINT32_MAX, LIST_DEFAULT, &limit) ||
	    !cli_number(c, "link", 1, UINT32_MAX, 0, &link) ||
	    !cli_time(c, "since", &f->from_time) || !cli_time(c, "until", &f->to_time))
		return EXIT_USAGE;
	f->limit = limit;
	f->by = cli_value(c, "oldest") != NULL ? STORE_OLDEST_FIRST : STORE_NEWEST_FIRST;
	if (proto != NULL) {
		if (!proto_of(bytes_str(proto), &no))
			return cli_fail(EXIT_USAGE, "--proto %s: no such protocol", proto);
		f->protos = UINT64_C(1) << no;
	}
	return -1;
}

int
cli_list_link(struct cli *c, struct store *st, struct store_filter *f)
{
	struct why why;
	uint64_t link;

	if (!cli_number(c, "link", 1, UINT32_MAX, 0, &link))
		return EXIT_USAGE;
	if (link != 0 && store_link_numbered(st, link, take_link, &f->link, &why) != ERR_OK)
		return cli_why(&why);
	return -1;
}

void
cli_typed_json(const char *type, struct bytes json)
{
	if (json.len < 2 || json.ptr[0] != '{')
		return;
	printf("{\"type\":\"%s\",%.*s\n", type, (int)json.len - 1, (const char *)json.ptr + 1);
}

int
cli_one_id(struct cli *c, const char *what, uint64_t *id)
{
	if (c->n_args != 1 || !bytes_to_u64(bytes_str(c->args[0]), id) || *id == 0)
		return cli_fail(EXIT_USAGE, "%s %s takes one %s number; see hemostat %s list",
		    c->command->noun, c->command->verb, what, c->command->noun);
	return -1;
}
