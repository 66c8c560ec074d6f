/* SPDX-License-Identifier: Apache-2.0 */
/* A disk under SQLite that can fail at its k-th write or sync, or lose power.
 * Power: what was written but not synced is lost in part: of the writes since the last sync of a
 * file any subset arrives, in order, the last of them perhaps cut. Truncation counts as a write. */
#pragma once

#include "base/bytes.h"
#include "rng.h"

/* Become SQLite's default way to files; once in a test program. */
void disk_install(void);
/* Forget what is known of files and count operations from 0. */
void disk_reset(void);
/* Operation number `at` (from 1; 0 = none) fails; with `stay` all later ones too. full: with the
 * error of a full disk, else with an I/O error. */
void disk_fail(uint64_t at, bool stay, bool full);
uint64_t disk_operations(void); /* writes, truncations and syncs since disk_reset() */

/* Keep images for disk_power_cut(); slow. */
void disk_watch(bool on);
/* No further operation succeeds. Every file written since disk_watch() gets, in folder `to`, the
 * contents it might have after power comes back. */
void disk_power_cut(struct rng *rng, const char *to);
