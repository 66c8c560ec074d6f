/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind of capture must offer; its struct begins with struct capture. */
#pragma once

#include "capture/capture.h"

struct capture_ops {
	enum err (*next)(
	    struct capture *c, struct capture_packet *out, size_t max, size_t *n, struct why *why);
	void (*count)(struct capture *c); /* bring counters up to date; may be NULL */
	void (*close)(struct capture *c);
};

struct capture {
	const struct capture_ops *ops;
	int fd;
	bool ended;
	struct capture_counters counters;
};
