/* SPDX-License-Identifier: Apache-2.0 */
/* For this room's tests: the shared vector files of the package-url projects, read by jansson. */
#pragma once

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"
#include "guard.h"

/* The members of "tests" of one file under the shared data; NULL where it is not there. The root is
 * the caller's to free (json_decref). */
static inline json_t *
vectors_open(const char *name, json_t **tests)
{
	const char *path = shared_path(name);
	json_t *root = path == NULL ? NULL : json_load_file(path, 0, NULL);

	*tests = json_is_array(root) ? root : json_object_get(root, "tests");
	return root;
}

/* A string member as a view into the document; empty for null and for nothing. */
static inline struct bytes
vectors_text(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return bytes_of(json_string_value(v), json_string_length(v));
}

/* Calls one() for each file of a folder of the shared data that ends so. Returns how many files. */
static inline size_t
vectors_each(
    const char *folder, const char *ending, void (*one)(void *ctx, const char *name), void *ctx)
{
	const char *path = shared_path(folder);
	DIR *d = path == NULL ? NULL : opendir(path);
	struct dirent *e;
	size_t n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		struct bytes file = bytes_str(e->d_name);
		char name[512];

		if (file.len < strlen(ending) ||
		    !bytes_eq(bytes_from(file, file.len - strlen(ending)), bytes_str(ending)))
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", folder, e->d_name);
		one(ctx, name);
		n++;
	}
	if (d != NULL)
		(void)closedir(d);
	return n;
}
