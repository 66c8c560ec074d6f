/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that need a data directory, or events to put in one. */
#pragma once

#include "store/store.h"

/* A new empty directory below TMPDIR, else in memory where /dev/shm is, else below /tmp; exits the
 * test program on failure. */
struct temp_dir {
	char path[256];
};

struct temp_dir temp_dir_new(void);
/* Remove it with all in it. */
void temp_dir_free(struct temp_dir *t);

/* Event number i of an endless made-up stream: always the same bytes for the same i. Of 16 events,
 * 12 are messages of 3 results, the others links, flows, claims and findings; 40 links; times one
 * second apart from 2026-01-01. Appended to out. */
void sample_event(uint64_t i, struct buf *out);
enum { SAMPLE_LINKS = 40, SAMPLE_MESSAGES_OF_16 = 12, SAMPLE_RESULTS = 3 };

/* Link of a sample message, and the keyed hash its specimen has. */
uint64_t sample_link(uint64_t i);
struct hash128 sample_specimen(uint64_t i);
struct wall sample_time(uint64_t i);

/* How many times the bytes stand in any file below path, as they are; in names of files too. */
size_t files_holding(const char *path, struct bytes needle);
/* The same, and in every event, row and value of the store in that data directory, as it comes out
 * of compression. A patient's name that is found here was not kept out. No store may be open on it
 * in this process (reading its files ends SQLite's locks on them). */
size_t data_dir_holding(const char *path, struct bytes needle);
