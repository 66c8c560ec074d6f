/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/version.h"
#include "sys/clock.h"
#include "sys/term.h"

#define COMMAND(id) extern const struct cli_command command_##id;
#include "cli/commands.def"

static const struct cli_command *const commands[] = {
#define COMMAND(id) &command_##id,
#include "cli/commands.def"
};

static const struct cli_option common[] = {
    {"data", 0, "DIR", "data directory (/var/lib/hemostat, else ./hemostat-data)"},
    {"config", 0, "FILE", "settings, YAML (DIR/hemostat.yaml)"},
    {"json", 0, NULL, "JSON Lines on standard output"},
    {"help", 'h', NULL, "this text"},
    {0},
};

enum { OPT_DATA, OPT_CONFIG, OPT_JSON, OPT_HELP };

int
cli_fail(int code, const char *fmt, ...)
{
	va_list ap;

	(void)fflush(stdout);
	(void)fputs("hemostat: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return code;
}

int
cli_why(const struct why *why)
{
	static const int codes[] = {
	    [ERR_INPUT] = EXIT_INPUT,
	    [ERR_LIMIT] = EXIT_INPUT,
	    [ERR_SYSTEM] = EXIT_SYSTEM,
	    [ERR_ABSENT] = EXIT_INPUT,
	    [ERR_USAGE] = EXIT_USAGE,
	    [ERR_REFUSED] = EXIT_SYSTEM,
	};

	return cli_fail(why->code == ERR_OK ? EXIT_SYSTEM : codes[why->code], "%s", why->text);
}

/* --- help --- */

static void
print_options(const struct cli_option *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		char left[64];

		(void)snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : "  ",
		    o->letter ? o->letter : ' ', o->letter ? ", " : " ", o->name,
		    o->value ? " " : "", o->value ? o->value : "");
		printf("  %-28s %s\n", left, o->help);
	}
}

static void
help_command(const struct cli_command *c)
{
	printf("%s\n\nUsage: hemostat %s%s%s%s%s [OPTIONS]\n", c->summary, c->noun,
	    c->verb ? " " : "", c->verb ? c->verb : "", c->args[0] ? " " : "", c->args);
	if (c->detail != NULL)
		printf("\n%s\n", c->detail);
	printf("\nOptions:\n");
	print_options(c->options);
	print_options(common);
}

static void
help_list(const char *noun)
{
	printf("Hemostat watches, guards and proves what connected medical devices do.\n\n"
	       "Usage: hemostat COMMAND [ARGS] [OPTIONS]\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const struct cli_command *c = commands[i];
		char left[64];

		if (noun != NULL && strcmp(c->noun, noun) != 0)
			continue;
		(void)snprintf(left, sizeof(left), "%s%s%s%s%s", c->noun, c->verb ? " " : "",
		    c->verb ? c->verb : "", c->args[0] ? " " : "", c->args);
		printf("  %-34s %s\n", left, c->summary);
	}
	printf("\nEverywhere:\n");
	print_options(common);
	printf("  %-28s %s\n", "    --version", "version and licence");
	printf("\nExit status: 0 done, 1 something was found or did not verify, 2 wrong usage,\n"
	       "3 bad input, 4 system trouble. First steps: hemostat demo\n");
}

/* --- reading the command line --- */

static const struct cli_command *
find_command(const char *noun, const char *verb, bool *known_noun, int *words)
{
	*known_noun = false;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const struct cli_command *c = commands[i];

		if (strcmp(c->noun, noun) != 0)
			continue;
		*known_noun = true;
		if (c->verb == NULL || (verb != NULL && strcmp(c->verb, verb) == 0)) {
			*words = c->verb == NULL ? 1 : 2;
			return c;
		}
	}
	return NULL;
}

static int
option_at(const struct cli_option *table, const char *name, size_t len, char letter)
{
	for (int i = 0; table != NULL && table[i].name != NULL; i++) {
		if (letter != 0
			? table[i].letter == letter
			: strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return i;
	}
	return -1;
}

static int
set_common(struct cli *c, int which, const char *value)
{
	switch (which) {
	case OPT_DATA:
		c->data = value;
		break;
	case OPT_CONFIG:
		c->config = value;
		break;
	case OPT_JSON:
		c->json = true;
		break;
	default:
		help_command(c->command);
		return EXIT_DONE;
	}
	return -1;
}

/* One option at argv[*i]. -1: go on; else the exit status. */
static int
read_option(struct cli *c, int argc, char **argv, int *i)
{
	const char *text = argv[*i], *name = text + 2, *eq = NULL, *value = "";
	const struct cli_option *table = c->command->options, *o;
	char letter = 0;
	size_t len;
	int at, all;

	if (text[1] != '-') {
		letter = text[1];
		len = 0;
		if (text[2] != 0)
			eq = text + 1;
	} else {
		eq = strchr(name, '=');
		len = eq != NULL ? (size_t)(eq - name) : strlen(name);
	}
	at = option_at(table, name, len, letter);
	all = option_at(common, name, len, letter);
	if (at >= 0)
		o = &table[at];
	else if (all >= 0)
		o = &common[all];
	else
		return cli_fail(EXIT_USAGE,
		    "%s: unknown option for %s%s%s; see hemostat %s%s%s --help", text,
		    c->command->noun, c->command->verb ? " " : "",
		    c->command->verb ? c->command->verb : "", c->command->noun,
		    c->command->verb ? " " : "", c->command->verb ? c->command->verb : "");
	if (o->value != NULL) {
		if (eq != NULL)
			value = eq + 1;
		else if (*i + 1 < argc)
			value = argv[++*i];
		else
			return cli_fail(EXIT_USAGE, "--%s needs %s", o->name, o->value);
	} else if (eq != NULL) {
		return cli_fail(EXIT_USAGE, "--%s takes no value", o->name);
	}
	if (at < 0)
		return set_common(c, all, value);
	c->value[at] = value;
	return -1;
}

static int
read_line(struct cli *c, int argc, char **argv, int from)
{
	bool options = true;
	int status;

	for (int i = from; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1] != 0) {
			if ((status = read_option(c, argc, argv, &i)) >= 0)
				return status;
		} else {
			c->args[c->n_args++] = argv[i];
		}
	}
	if (c->n_args > 0 && c->command->args[0] == 0)
		return cli_fail(EXIT_USAGE, "%s: %s%s%s takes no arguments", c->args[0],
		    c->command->noun, c->command->verb ? " " : "",
		    c->command->verb ? c->command->verb : "");
	return -1;
}

int
cli_main(int argc, char **argv)
{
	struct cli c = {.colour = term_has_colour(STDOUT_FILENO)};
	int words = 1, status, first = 1;
	bool known;

	/* Common options may stand before the command. */
	while (first + 1 < argc &&
	       (strcmp(argv[first], "--data") == 0 || strcmp(argv[first], "--config") == 0)) {
		if (strcmp(argv[first], "--data") == 0)
			c.data = argv[first + 1];
		else
			c.config = argv[first + 1];
		first += 2;
	}
	if (first < argc && strcmp(argv[first], "--json") == 0) {
		c.json = true;
		first++;
	}
	if (first >= argc) {
		help_list(NULL);
		return EXIT_USAGE;
	}
	if (strcmp(argv[first], "--help") == 0 || strcmp(argv[first], "-h") == 0 ||
	    strcmp(argv[first], "help") == 0) {
		help_list(NULL);
		return EXIT_DONE;
	}
	c.command =
	    find_command(argv[first], first + 1 < argc ? argv[first + 1] : NULL, &known, &words);
	if (strcmp(argv[first], "--version") == 0 ||
	    (strcmp(argv[first], "version") == 0 && first + 1 >= argc)) {
		printf("hemostat %s\nLicence Apache-2.0. No warranty; not a medical device.\n",
		    HEMOSTAT_VERSION);
		return EXIT_DONE;
	}
	if (c.command == NULL) {
		bool help = known && (first + 1 >= argc || strncmp(argv[first + 1], "-h", 2) == 0 ||
					 strcmp(argv[first + 1], "--help") == 0);

		if (help) {
			help_list(argv[first]);
			return first + 1 >= argc ? EXIT_USAGE : EXIT_DONE;
		}
		if (known)
			return cli_fail(EXIT_USAGE,
			    "%s %s: no such command; see hemostat %s --help", argv[first],
			    argv[first + 1], argv[first]);
		return cli_fail(
		    EXIT_USAGE, "%s: no such command; see hemostat --help", argv[first]);
	}
	if ((c.args = calloc((size_t)argc + 1, sizeof(*c.args))) == NULL)
		return cli_fail(EXIT_SYSTEM, "out of memory");
	status = read_line(&c, argc, argv, first + words);
	if (status < 0)
		status = c.command->run(&c);
	free(c.args);
	if (fflush(stdout) != 0 && status == EXIT_DONE)
		status = EXIT_SYSTEM;
	return status;
}

/* --- values --- */

const char *
cli_value(const struct cli *c, const char *option)
{
	int at = option_at(c->command->options, option, strlen(option), 0);

	return at < 0 ? NULL : c->value[at];
}

bool
cli_number(const struct cli *c, const char *option, uint64_t min, uint64_t max, uint64_t otherwise,
    uint64_t *out)
{
	const char *text = cli_value(c, option);

	*out = otherwise;
	if (text == NULL)
		return true;
	if (bytes_to_u64(bytes_str(text), out) && *out >= min && *out <= max)
		return true;
	(void)cli_fail(EXIT_USAGE, "--%s %s: expected a number from %llu to %llu", option, text,
	    (unsigned long long)min, (unsigned long long)max);
	return false;
}

bool
cli_time(const struct cli *c, const char *option, struct wall *out)
{
	static const struct {
		char unit;
		int64_t s;
	} ages[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	const char *text = cli_value(c, option);
	struct bytes t = bytes_str(text);
	uint64_t n;

	out->ns = 0;
	if (text == NULL || wall_parse(t, out))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
		if (t.len > 1 && t.ptr[t.len - 1] == ages[i].unit &&
		    bytes_to_u64(bytes_sub(t, 0, t.len - 1), &n) && n < 100000000) {
			out->ns = wall_now().ns - (int64_t)n * ages[i].s * NS_PER_S;
			return true;
		}
	}
	(void)cli_fail(EXIT_USAGE,
	    "--%s %s: expected a time such as 2026-02-03T04:05:06Z, or an age "
	    "such as 15m, 2h, 7d",
	    option, text);
	return false;
}

void
cli_json_line(struct buf *line)
{
	buf_byte(line, '\n');
	(void)fwrite(line->ptr, 1, line->len, stdout);
	buf_reset(line);
}
