/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/cli.h"
#include "role/role.h"

#ifdef HEMOSTAT_SANITIZED
/* Sanitizer builds only. Roles get no environment and may start nothing: what the sanitizers need
 * to know stands here. Leaks are looked for by the unit tests; here that would need ptrace. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0:symbolize=0:abort_on_error=1";
}

const char *
__ubsan_default_options(void)
{
	return "halt_on_error=1:abort_on_error=1:symbolize=0:print_stacktrace=1";
}
#endif

int
main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "--role") == 0)
		return role_main(argc - 2, argv + 2);
	return cli_main(argc, argv);
}
