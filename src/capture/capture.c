/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/private.h"

enum err
capture_next_batch(
    struct capture *c, struct capture_packet *out, size_t max, size_t *n, struct why *why)
{
	enum err e;

	*n = 0;
	e = c->ops->next(c, out, max, n, why);
	c->counters.packets += *n;
	for (size_t i = 0; i < *n; i++)
		c->counters.bytes += out[i].bytes.len;
	return e;
}

bool
capture_ended(const struct capture *c)
{
	return c->ended;
}

int
capture_fd(const struct capture *c)
{
	return c->fd;
}

struct capture_counters
capture_counters(struct capture *c)
{
	if (c->ops->count != NULL)
		c->ops->count(c);
	return c->counters;
}

void
capture_close(struct capture *c)
{
	if (c != NULL)
		c->ops->close(c);
}
