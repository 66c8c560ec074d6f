/* SPDX-License-Identifier: Apache-2.0 */
/* What standard output and error are connected to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool term_is_tty(int fd);
bool term_has_colour(int fd); /* a terminal, NO_COLOR unset, TERM not "dumb" */
size_t term_width(int fd);    /* columns; 100 where it is not a terminal */
