/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of the ledger share. */
#pragma once

#include "brain/brain.h"
#include "cli/open.h"
#include "ledger/audit.h"
#include "ledger/proof.h"

struct cli_ledger {
	struct cli_store s;
	struct tlog *log;
	struct buf remembered; /* the checkpoint that the store knows of */
};

/* For reading. -1: open; else the exit status (a word was said). */
int cli_ledger_open(const struct cli *c, enum store_mode mode, struct cli_ledger *l);
void cli_ledger_close(struct cli_ledger *l);
