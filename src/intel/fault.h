/* SPDX-License-Identifier: Apache-2.0 */
/* Why a text was refused: a name that stays, a sentence for people, and the offset beside it. */
#pragma once

enum fault {
	FAULT_none,
#define FAULT(id, text) FAULT_##id,
#include "intel/faults.def"
#undef FAULT
	FAULT_MAX,
};

/* "metric_twice"; "none" for FAULT_none. */
const char *fault_name(enum fault f);
/* "this metric stands twice" */
const char *fault_text(enum fault f);
