/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/cli.h"
#include "role/role.h"

int
main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "--role") == 0)
		return role_main(argc - 2, argv + 2);
	return cli_main(argc, argv);
}
