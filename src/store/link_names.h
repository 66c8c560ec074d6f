/* SPDX-License-Identifier: Apache-2.0 */
/* Links as people name them: by small number and addresses. Remembers the last few.
 * Memory: about 40 KiB. A reader's: one belongs to one store. */
#pragma once

#include "store/store.h"

/* Link hash to the number people use; 0 where there is none. Remembers the last few. */
struct link_names;
struct link_names *link_names_new(struct store *st);
void link_names_free(struct link_names *n);
struct link_name {
	uint64_t id, number;
	char client[IP_TEXT_MAX], server[IP_TEXT_MAX];
	uint64_t port;
};
const struct link_name *link_name_of(struct link_names *n, uint64_t id); /* never NULL */
