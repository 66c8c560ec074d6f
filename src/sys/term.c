/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 100 };

bool
term_is_tty(int fd)
{
	return isatty(fd) == 1;
}

bool
term_has_colour(int fd)
{
	const char *term = getenv("TERM");

	return term_is_tty(fd) && getenv("NO_COLOR") == NULL && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

size_t
term_width(int fd)
{
	struct winsize ws;

	if (ioctl(fd, TIOCGWINSZ, &ws) == -1 || ws.ws_col == 0)
		return WIDTH_DEFAULT;
	return ws.ws_col;
}
