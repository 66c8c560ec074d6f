/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard
guard_new(struct bytes data)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (data.len + page - 1) / page * page;
	struct guard g = {NULL, room + page, {NULL, 0}};
	uint8_t *p;

	g.map = mmap(NULL, g.map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g.map == MAP_FAILED || mprotect((uint8_t *)g.map + room, page, PROT_NONE) != 0) {
		perror("guard page");
		exit(99);
	}
	p = (uint8_t *)g.map + room - data.len;
	if (data.len > 0)
		memcpy(p, data.ptr, data.len);
	g.view = bytes_of(p, data.len);
	return g;
}

void
guard_free(struct guard *g)
{
	(void)munmap(g->map, g->map_len);
	g->map = NULL;
}

struct bytes
file_slurp(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = NULL;
	size_t n = 0, room = 0;

	if (f == NULL)
		return (struct bytes){NULL, 0};
	for (;;) {
		size_t got;

		if (n == room) {
			room = room == 0 ? 65536 : room * 2;
			if ((p = realloc(p, room)) == NULL)
				exit(99);
		}
		got = fread(p + n, 1, room - n, f);
		if (got == 0)
			break;
		n += got;
	}
	(void)fclose(f);
	return bytes_of(p, n);
}

const char *
shared_path(const char *name)
{
	static char path[1024];
	const char *root = getenv("HEMOSTAT_SHARED"), *source = getenv("HEMOSTAT_SOURCE");

	if (root != NULL)
		(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	else
		(void)snprintf(
		    path, sizeof(path), "%s/../shared/data/%s", source ? source : ".", name);
	return access(path, R_OK) == 0 ? path : NULL;
}
