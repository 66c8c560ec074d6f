/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzz target without a fuzzer: every file of its corpus folder, then seeded mutations of each.
 * A crash or a sanitizer's word is the failure. One TAP line a file. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard.h"
#include "rng.h"

enum { REPLAY_MUTATIONS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
run(struct bytes data)
{
	struct guard g = guard_new(data);

	(void)LLVMFuzzerTestOneInput(g.view.ptr, g.view.len);
	guard_free(&g);
}

static void
mutate(struct bytes data, struct rng *rng)
{
	uint8_t *copy = malloc(data.len + 1);
	size_t len = data.len;

	if (copy == NULL)
		exit(99);
	memcpy(copy, data.ptr, data.len);
	for (size_t n = 1 + rng_below(rng, 4); n > 0 && len > 0; n--) {
		size_t at = rng_below(rng, len);

		switch (rng_below(rng, 4)) {
		case 0:
			copy[at] ^= (uint8_t)(1u << rng_below(rng, 8));
			break;
		case 1:
			copy[at] = (uint8_t)rng_next(rng);
			break;
		case 2:
			len = at;
			break;
		default:
			memmove(copy + at, copy + rng_below(rng, at + 1), len - at);
		}
	}
	run(bytes_of(copy, len));
	free(copy);
}

int
main(int argc, char **argv)
{
	struct rng rng = rng_new(7);
	struct dirent *e;
	int n = 0;
	DIR *d;

	if (argc != 2 || (d = opendir(argv[1])) == NULL) {
		printf("1..1\nnot ok 1 - corpus folder %s\n", argc > 1 ? argv[1] : "(none)");
		return 1;
	}
	while ((e = readdir(d)) != NULL) {
		char path[4096];
		struct bytes data;

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		data = file_slurp(path);
		run(data);
		for (int i = 0; i < REPLAY_MUTATIONS && data.len > 0; i++)
			mutate(data, &rng);
		free((void *)(uintptr_t)data.ptr);
		printf("ok %d - %s\n", ++n, e->d_name);
	}
	(void)closedir(d);
	printf("1..%d\n", n);
	return n > 0 ? 0 : 1;
}
