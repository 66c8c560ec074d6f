/* SPDX-License-Identifier: Apache-2.0 */
/* What a watch says at its end: for people, or as JSON Lines whose last is the summary. */
#pragma once

#include "brain/brain.h"
#include "ipc/ipc.h"

struct summary {
	struct brain_run run;
	struct ipc_stats stats; /* summed over sensors */
	double seconds;
	const char *data; /* path of the data directory, for hints */
	bool colour;
};

/* st: after the last commit. Writes to standard output. */
enum err summary_text(const struct summary *s, struct store *st, struct why *why) MUST_CHECK;
enum err summary_json(const struct summary *s, struct store *st, struct why *why) MUST_CHECK;
