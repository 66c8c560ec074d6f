/* SPDX-License-Identifier: Apache-2.0 */
/* The only place where a clock is read. */
#pragma once

#include "base/clock.h"

struct wall wall_now(void);
struct mono mono_now(void);
