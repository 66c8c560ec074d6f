/* SPDX-License-Identifier: Apache-2.0 */
/* What greetings of telnet, FTP and SSH servers say of maker, system and software.
 * Input:   one line of a greeting; only known patterns leave: free text never does.
 * Output:  claims about the speaker. The operating system in the words of asset/tables.h.
 * Total:   any bytes. */
#pragma once

#include "proto/observer.h"

/* source: a literal such as "telnet banner". */
void banner_tell(const struct observer *o, enum name_value dir, uint64_t offset, struct bytes line,
    const char *source);
