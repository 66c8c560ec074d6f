/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/clock.h"

#include <time.h>

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

struct wall
wall_now(void)
{
	return (struct wall){read_clock(CLOCK_REALTIME)};
}

struct mono
mono_now(void)
{
	return (struct mono){read_clock(CLOCK_MONOTONIC)};
}
