/* SPDX-License-Identifier: Apache-2.0 */
#include "role/role.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct role {
	const char *name;
	int (*run)(int argc, char **argv);
};

static const struct role roles[] = {
    {"sensor", role_sensor},
    {"store", role_store},
    {"gate", role_gate},
    {"keys", role_keys},
    {"web", role_web},
};

void
role_say(const char *role, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "hemostat %s: ", role);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

int
role_main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		if (strcmp(argv[0], roles[i].name) == 0)
			return roles[i].run(argc, argv);
	}
	role_say("?", "no such role: %s", argv[0]);
	return 2;
}
