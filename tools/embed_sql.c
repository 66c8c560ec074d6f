/* SPDX-License-Identifier: Apache-2.0 */
/* embed_sql OUT.c NAME FILE...: writes `const struct migration NAME[]` from numbered SQL files
 * (NNNN_what.DIALECT.sql), in the order of their numbers, which must run 1, 2, 3, ... */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
die(const char *what, const char *name)
{
	(void)fprintf(stderr, "embed_sql: %s: %s\n", what, name);
	exit(1);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(base_name(*(char *const *)a), base_name(*(char *const *)b));
}

/* As an array of numbers: a string literal may not be longer than 4095 bytes in C17. */
static void
embed(FILE *out, const char *path, long number)
{
	const char *name = base_name(path);
	FILE *in = fopen(path, "rb");
	int c, n = 0;

	if (in == NULL)
		die("cannot open", path);
	if (strtol(name, NULL, 10) != number)
		die("its number does not follow on the one before", name);
	(void)fprintf(out, "static const char sql_%ld[] = {", number);
	while ((c = getc(in)) != EOF) {
		if (!isprint(c) && c != '\n' && c != '\t')
			die("holds a byte that is not printable ASCII", name);
		(void)fprintf(out, "%s%d, ", n++ % 20 == 0 ? "\n\t" : "", c);
	}
	(void)fputs("0};\n\n", out);
	(void)fclose(in);
}

int
main(int argc, char **argv)
{
	FILE *out;

	if (argc < 4)
		die("usage", "embed_sql OUT.c NAME FILE...");
	if ((out = fopen(argv[1], "w")) == NULL)
		die("cannot write", argv[1]);
	qsort(argv + 3, (size_t)argc - 3, sizeof(*argv), by_name);
	(void)fprintf(out, "/* Made by embed_sql from the files of src/store/migrations. */\n"
			   "#include \"store/migration.h\"\n\n");
	for (int i = 3; i < argc; i++)
		embed(out, argv[i], i - 2);
	(void)fprintf(out, "const struct migration %s[] = {\n", argv[2]);
	for (int i = 3; i < argc; i++)
		(void)fprintf(out, "\t{%d, \"%s\", sql_%d},\n", i - 2, base_name(argv[i]), i - 2);
	(void)fputs("\t{0, \"\", \"\"},\n};\n", out);
	if (fclose(out) != 0)
		die("cannot write", argv[1]);
	return 0;
}
