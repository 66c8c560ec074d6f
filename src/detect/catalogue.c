/* SPDX-License-Identifier: Apache-2.0 */
/* The table of detectors as people see it. */
#include "detect/detect.h"

/* The texts of a detector under its name, so that the table below can name them. */
#define ENTRY(id, why, todo)                                                                       \
	static const char why_##id[] = why;                                                        \
	static const char todo_##id[] = todo;
#include "detect/catalogue.def"

static const struct detector_info infos[DETECTORS] = {
#define DETECTOR(id, no, sev, tech, kinds, text)                                                   \
	[no] = {DETECTOR_##id, #id, severity_##sev, tech, text, why_##id, todo_##id},
#include "detect/detectors.def"
};

const struct detector_info *
detector_info(enum detector_id id)
{
	return (size_t)id < DETECTORS && infos[id].name != NULL ? &infos[id] : NULL;
}

const struct detector_info *
detector_named(struct bytes name)
{
	for (size_t i = 1; i < DETECTORS; i++) {
		if (infos[i].name != NULL && bytes_eq(bytes_str(infos[i].name), name))
			return &infos[i];
	}
	return NULL;
}
