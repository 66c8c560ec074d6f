/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/keyfile.h"
#include "crypto/random.h"

#define NEXT_NAME "ledger.key.next"

struct tlog_key {
	struct note_key public;
	uint8_t seed[ED25519_SEED];
	char name[NOTE_NAME_MAX + 1];
};

static enum err
set_up(struct tlog_key *k, struct hasher *h, struct bytes name, struct why *why)
{
	uint8_t sum[SHA256_BYTES];
	enum err e;

	if ((e = ed25519_public(k->seed, k->public.public, why)) != ERR_OK)
		return e;
	if (name.len == 0) {
		size_t n = (size_t)snprintf(k->name, sizeof(k->name), "hemostat/");

		hash_two(
		    h, bytes_of(k->public.public, ED25519_PUBLIC), (struct bytes){NULL, 0}, sum);
		for (size_t i = 0; i < 16; i++)
			n += (size_t)snprintf(k->name + n, sizeof(k->name) - n, "%02x", sum[i]);
		name = bytes_of(k->name, n);
	} else if (!note_name_fits(name)) {
		return FAIL(why, ERR_INPUT, "a ledger cannot have this name");
	} else {
		memcpy(k->name, name.ptr, name.len);
	}
	k->public.name = bytes_of(k->name, name.len);
	k->public.type = NOTE_ED25519;
	k->public.id = note_key_id(h, k->public.name, NOTE_ED25519, k->public.public);
	return ERR_OK;
}

static enum err
open_file(struct tlog_key **out, struct hasher *h, int keys_fd, const char *file, bool make,
    struct bytes name, struct why *why)
{
	struct tlog_key *k = calloc(1, sizeof(*k));
	enum err e;

	*out = NULL;
	if (k == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for the ledger's key");
	e = make ? key_file_ensure(keys_fd, file, k->seed, sizeof(k->seed), why)
		 : key_file_load(keys_fd, file, k->seed, sizeof(k->seed), why);
	if (e == ERR_OK)
		e = set_up(k, h, name, why);
	if (e == ERR_OK)
		*out = k;
	else
		tlog_key_free(k);
	return e;
}

enum err
tlog_key_open(struct tlog_key **out, struct hasher *h, int keys_fd, bool make, struct bytes name,
    struct why *why)
{
	return open_file(out, h, keys_fd, TLOG_KEY_NAME, make, name, why);
}

enum err
tlog_key_next(
    struct tlog_key **out, struct hasher *h, int keys_fd, struct bytes name, struct why *why)
{
	return open_file(out, h, keys_fd, NEXT_NAME, true, name, why);
}

enum err
tlog_key_promote(int keys_fd, struct why *why)
{
	if (renameat(keys_fd, NEXT_NAME, keys_fd, TLOG_KEY_NAME) != 0 && errno != ENOENT)
		return FAIL_SYS(why, "put the ledger's new key in its place");
	return fsync(keys_fd) == 0 ? ERR_OK : FAIL_SYS(why, "sync the keys folder");
}

void
tlog_key_free(struct tlog_key *k)
{
	if (k == NULL)
		return;
	crypto_wipe(k, sizeof(*k));
	free(k);
}

const struct note_key *
tlog_key_public(const struct tlog_key *k)
{
	return &k->public;
}

enum err
tlog_key_sign(const struct tlog_key *k, struct bytes text, struct buf *out, struct why *why)
{
	return note_sign(out, text, &k->public, k->seed, 0, why);
}
