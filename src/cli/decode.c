/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat decode: raw bytes of one side of a stream, or bare messages, to one object a unit. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "proto/proto.h"
#include "sys/fd.h"
#include "sys/sandbox.h"

enum { DECODE_BYTES_MAX = 1 << 30, READ_STEP = 1 << 20 };

static const struct cli_option options[] = {
    {"proto", 'p', "NAME", "protocol: hl7, astm, poct1a, dicom, fhir, ..."},
    {0},
};

struct decoding {
	size_t units;
	bool json;
};

static void
print_unit(void *ctx, struct bytes json)
{
	struct decoding *d = ctx;

	(void)fwrite(json.ptr, 1, json.len, stdout);
	(void)fputc('\n', stdout);
	d->units++;
}

static enum err
read_file(const char *path, struct buf *out, struct why *why)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	enum err e = ERR_OK;
	size_t got = 1;

	if (fd == -1)
		return FAIL_SYS(why, "%s", path);
	while (e == ERR_OK && got > 0) {
		if (!buf_reserve(out, READ_STEP)) {
			e = FAIL(
			    why, ERR_LIMIT, "%s: larger than %d bytes", path, DECODE_BYTES_MAX);
			break;
		}
		if ((e = fd_read_some(fd, out->ptr + out->len, READ_STEP, &got, why)) == ERR_OK)
			out->len += got;
	}
	fd_close(&fd);
	return e;
}

static int
no_protocol(const char *given)
{
	struct buf names = {0};

	for (size_t i = 0; protocols[i] != NULL; i++) {
		if (protocols[i]->decode != NULL)
			buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", protocols[i]->name);
	}
	buf_byte(&names, 0);
	(void)cli_fail(
	    EXIT_USAGE, "--proto %s: expected one of %s", given, (const char *)names.ptr);
	buf_free(&names);
	return EXIT_USAGE;
}

static int
run(struct cli *c)
{
	struct buf in = {.cap = DECODE_BYTES_MAX};
	const char *name = cli_value(c, "proto");
	const struct protocol *p = name == NULL ? NULL : protocol_named(bytes_str(name));
	struct decoding d = {0, c->json};
	struct line_sink sink = {&d, print_unit};
	bool landlocked;
	struct why why;

	if (name == NULL)
		return cli_fail(
		    EXIT_USAGE, "decode needs --proto NAME; see hemostat decode --help");
	if (p == NULL || p->decode == NULL)
		return no_protocol(name);
	if (c->n_args != 1)
		return cli_fail(EXIT_USAGE, "decode takes one FILE (or - for standard input)");
	if (read_file(c->args[0], &in, &why) != ERR_OK)
		return cli_why(&why);
	if (sandbox_enter(SANDBOX_READER, -1, &landlocked, &why) != ERR_OK)
		return cli_why(&why);
	p->decode(buf_bytes(&in), &sink);
	buf_free(&in);
	if (d.units == 0)
		return cli_fail(EXIT_INPUT, "%s: nothing in it reads as %s", c->args[0], p->name);
	return EXIT_DONE;
}

const struct cli_command command_decode = {
    .noun = "decode",
    .args = "FILE",
    .summary = "show what raw bytes of a protocol say, unit by unit",
    .detail = "FILE holds one side of a stream, or bare messages, as raw bytes. Prints one JSON\n"
	      "object a unit with its offset, length and named anomalies. It shows content:\n"
	      "handle its output as patient data.",
    .options = options,
    .run = run,
};
