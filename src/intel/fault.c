/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/fault.h"

static const struct {
	const char *name, *text;
} faults[FAULT_MAX] = {
    [FAULT_none] = {"none", "nothing wrong"},
#define FAULT(id, text) [FAULT_##id] = {#id, text},
#include "intel/faults.def"
#undef FAULT
};

const char *
fault_name(enum fault f)
{
	return faults[f].name;
}

const char *
fault_text(enum fault f)
{
	return faults[f].text;
}
