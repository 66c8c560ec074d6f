/* SPDX-License-Identifier: Apache-2.0 */
/* The parent: opens captures with what privilege it has, starts the roles, restarts what crashes,
 * carries their end to the store. It reads no byte from outside. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/sip.h"

enum { WATCH_SOURCES_MAX = 16, WATCH_SENSORS_MAX = 8 };

struct watch_source {
	bool live;
	int fd; /* of a file; -1 for an interface: the parent opens one each sensor */
	char name[128];
};

enum watch_summary { WATCH_QUIET, WATCH_TEXT, WATCH_JSON };

struct watch_plan {
	const char *data;   /* path of the data directory, made where it is missing */
	const char *config; /* settings file or NULL */
	struct watch_source sources[WATCH_SOURCES_MAX];
	size_t n_sources;
	unsigned sensors; /* processes a source */
	enum watch_summary summary;
	uint64_t max_flows;    /* live at one time, a sensor */
	uint64_t memory_bytes; /* cap of what outside bytes can make a sensor hold */
	bool gate;             /* run the links of the gateway; live */
	bool colour;
	bool progress;
	bool daemon;        /* waits for an interface that is not there, or is gone, and goes on */
	const char *site;   /* name of the site, for the console; may be NULL */
	const char *listen; /* address of the console; NULL: none */
	bool listen_must;   /* without it, nothing starts */
	bool serve;         /* go on until stopped, also when all files are read */
	const char *hello;  /* printed once everything runs; may be NULL */
	FILE *hello_to;     /* NULL: standard output */
};

/* Until the files are read, or, live, until SIGINT or SIGTERM, or no interface is left to read.
 * The exit status. */
int watch_run(struct watch_plan *plan);
