/* SPDX-License-Identifier: Apache-2.0 */
/* The settings file: YAML, every key optional, so that an empty file (or none) runs.
 * Total:  an unknown key, a wrong type or a value out of range is ERR_INPUT; the text names the
 *         file, line, key and what was expected.
 * Memory: settings own all they point to until settings_free(). */
#pragma once

#include "detect/detect.h"
#include "gate/link.h"

enum { SETTINGS_BYTES_MAX = 1 << 20 };

struct settings {
	struct bytes site;             /* name of the site */
	const char *const *interfaces; /* to watch; none: those that are up */
	size_t n_interfaces;
	unsigned sensors;         /* processes an interface */
	uint64_t max_flows;       /* a sensor */
	uint64_t memory_bytes;    /* a sensor */
	const char *web_listen;   /* address of the console; NULL: off */
	uint64_t retention_days;  /* of events; 0: for ever */
	uint64_t retention_bytes; /* of stored events; 0: no bound */
	struct detect_config detect;
	const struct gate_link *links; /* of the gateway */
	size_t n_links;
	struct settings_raw *raw; /* private */
};

/* path NULL: defaults. */
enum err settings_load(struct settings *s, const char *path, struct why *why) MUST_CHECK;
void settings_free(struct settings *s);

/* Append one link as an item of `links:`, as settings_load() reads it. */
void settings_write_link(struct buf *out, const struct gate_link *l);

/* "1.2.3.4:2575" or "[::1]:2575"; a bare port listens everywhere. */
bool settings_parse_address(const char *text, struct ip *ip, uint16_t *port);

/* Every key with type, default and meaning, as a commented file that loads. */
void settings_example(struct buf *out);
