/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum err
why_set(struct why *why, enum err code, int with_errno, const char *file, int line, const char *fmt,
    ...)
{
	int sys = with_errno ? errno : 0;
	va_list ap;
	int n;

	if (why == NULL)
		return code;
	why->code = code;
	why->sys = sys;
	why->file = file;
	why->line = line;
	va_start(ap, fmt);
	n = vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	if (sys != 0 && n >= 0 && (size_t)n < sizeof(why->text))
		(void)snprintf(why->text + n, sizeof(why->text) - (size_t)n, ": %s", strerror(sys));
	return code;
}

const char *
err_name(enum err e)
{
	static const char *const names[] = {
	    [ERR_OK] = "ok",
	    [ERR_INPUT] = "input",
	    [ERR_LIMIT] = "limit",
	    [ERR_SYSTEM] = "system",
	    [ERR_ABSENT] = "absent",
	    [ERR_USAGE] = "usage",
	    [ERR_REFUSED] = "refused",
	};

	return (size_t)e < ARRAY_LEN(names) ? names[e] : "unknown";
}
