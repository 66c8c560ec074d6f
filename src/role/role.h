/* SPDX-License-Identifier: Apache-2.0 */
/* Process roles: wiring only. A role is this program started again by the parent with --role NAME;
 * its descriptors are 3, 4, ... in the order its file names them. */
#pragma once

#include "capture/file.h"
#include "ipc/ipc.h"
#include "role/watch.h"

int role_main(int argc, char **argv);

int role_sensor(int argc, char **argv);
int role_store(int argc, char **argv);
int role_gate(int argc, char **argv);
int role_keys(int argc, char **argv);
int role_web(int argc, char **argv);

/* "hemostat ROLE: text" on standard error; for what a person must see. */
void role_say(const char *role, const char *fmt, ...) PRINTF_LIKE(2, 3);
