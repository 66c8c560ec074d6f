/* SPDX-License-Identifier: Apache-2.0 */
#include "store/link_names.h"

#include <stdlib.h>

enum { NAMES_KEPT = 256 };

struct link_names {
	struct store *store;
	struct link_name kept[NAMES_KEPT];
};

struct link_names *
link_names_new(struct store *st)
{
	struct link_names *n = calloc(1, sizeof(*n));

	if (n == NULL)
		abort();
	n->store = st;
	return n;
}

void
link_names_free(struct link_names *n)
{
	free(n);
}

static bool
take_name(void *ctx, const struct store_link *l)
{
	struct link_name *n = ctx;

	n->number = l->number;
	n->port = l->port;
	(void)ip_format(l->client, n->client);
	(void)ip_format(l->server, n->server);
	return true;
}

const struct link_name *
link_name_of(struct link_names *n, uint64_t id)
{
	struct link_name *k = &n->kept[id % NAMES_KEPT];

	if (k->id == id && id != 0)
		return k;
	*k = (struct link_name){.id = id, .client = "-", .server = "-"};
	if (id != 0)
		(void)(store_link(n->store, id, take_name, k, NULL) == ERR_OK);
	return k;
}
