/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/peers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/ca.h"
#include "sys/fd.h"

enum { PEER_FILE_MAX = 16 * 1024 };

enum err
gate_dir_open(const char *data, bool make, int *fd, struct why *why)
{
	char path[4096];

	*fd = -1;
	(void)snprintf(path, sizeof(path), "%s/%s", data, GATE_DIR);
	if (make && mkdir(data, 0700) == -1 && errno != EEXIST)
		return FAIL_SYS(why, "%s", data);
	if (make && mkdir(path, 0700) == -1 && errno != EEXIST)
		return FAIL_SYS(why, "%s", path);
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd == -1)
		return errno == ENOENT
			   ? FAIL(why, ERR_ABSENT,
				 "this box has no gateway yet; start with hemostat gate pair")
			   : FAIL_SYS(why, "%s", path);
	if (make && mkdirat(*fd, GATE_PEERS_DIR, 0700) == -1 && errno != EEXIST) {
		fd_close(fd);
		return FAIL_SYS(why, "%s/%s", path, GATE_PEERS_DIR);
	}
	return ERR_OK;
}

static struct bytes
value_of(struct bytes text, const char *key)
{
	struct bytes want = bytes_str(key), line;

	while (text.len > 0) {
		line = bytes_split(text, '\n', &text);
		if (bytes_starts(line, BYTES("-----")))
			break;
		if (bytes_starts(line, want))
			return bytes_trim(bytes_from(line, want.len));
	}
	return (struct bytes){NULL, 0};
}

static enum err
read_peer(int dir, const char *file, struct gate_peer *p, struct why *why)
{
	struct buf text = {.cap = PEER_FILE_MAX}, der = {0};
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct bytes subject;
	enum err e = ERR_OK;
	size_t got = 1;

	if (fd == -1)
		return FAIL_SYS(why, "peer %.60s", file);
	while (e == ERR_OK && got > 0) {
		if (!buf_reserve(&text, 2048))
			e = FAIL(why, ERR_INPUT, "peer %.60s: over %d bytes", file, PEER_FILE_MAX);
		else if ((e = fd_read_some(fd, text.ptr + text.len, 2048, &got, why)) == ERR_OK)
			text.len += got;
	}
	fd_close(&fd);
	if (e == ERR_OK && (e = cert_from_pem(buf_bytes(&text), &der, why)) == ERR_OK &&
	    der.len > GATE_CERT_MAX)
		e = FAIL(why, ERR_INPUT, "a certificate of %zu bytes", der.len);
	if (e == ERR_OK) {
		*p = (struct gate_peer){.len = (uint16_t)der.len};
		(void)snprintf(
		    p->name, sizeof(p->name), "%.*s", (int)(strlen(file) - strlen(".pem")), file);
		subject = value_of(buf_bytes(&text), "Subject:");
		(void)snprintf(p->subject, sizeof(p->subject), "%.*s", (int)subject.len,
		    subject.len > 0 ? (const char *)subject.ptr : "");
		p->is_gateway = bytes_eq(value_of(buf_bytes(&text), "Gateway:"), BYTES("yes"));
		memcpy(p->anchor, der.ptr, der.len);
	} else if (why != NULL) {
		struct why first = *why;

		e = FAIL(why, first.code, "peer %.60s: %.150s", file, first.text);
	}
	buf_free(&text);
	buf_free(&der);
	return e;
}

static bool
is_peer_file(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && n < GATE_NAME_MAX + 4 && strcmp(name + n - 4, ".pem") == 0 &&
	       name_is_plain(bytes_of(name, n - 4));
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct gate_peer *)a)->name, ((const struct gate_peer *)b)->name);
}

enum err
peers_load(int gate_dir, struct gate_peer **out, size_t *n, struct why *why)
{
	int dir = openat(gate_dir, GATE_PEERS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct gate_peer *all = calloc(GATE_PEERS_MAX, sizeof(*all));
	enum err e = ERR_OK;
	struct dirent *entry;
	DIR *list;

	*out = NULL;
	*n = 0;
	if (dir == -1 || all == NULL || (list = fdopendir(dir)) == NULL) {
		fd_close(&dir);
		free(all);
		return errno == ENOENT ? ERR_OK : FAIL_SYS(why, "the folder of peers");
	}
	while (e == ERR_OK && (entry = readdir(list)) != NULL) {
		if (!is_peer_file(entry->d_name))
			continue;
		if (*n == GATE_PEERS_MAX)
			e = FAIL(why, ERR_LIMIT, "more than %d peers", GATE_PEERS_MAX);
		else if ((e = read_peer(dir, entry->d_name, &all[*n], why)) == ERR_OK)
			(*n)++;
	}
	(void)closedir(list);
	if (e != ERR_OK) {
		free(all);
		*n = 0;
		return e;
	}
	qsort(all, *n, sizeof(*all), by_name);
	*out = all;
	return ERR_OK;
}

enum err
peers_save(int gate_dir, const struct gate_peer *p, struct why *why)
{
	char name[GATE_NAME_MAX + 32], side[GATE_NAME_MAX + 32];
	struct buf text = {0};
	enum err e;
	int fd = -1;

	if (!name_is_plain(bytes_str(p->name)))
		return FAIL(why, ERR_USAGE,
		    "%.70s: a name has 1 to 63 letters, digits, '-', '.' or '_'", p->name);
	(void)snprintf(name, sizeof(name), "%s/%s.pem", GATE_PEERS_DIR, p->name);
	(void)snprintf(side, sizeof(side), "%s/.%s.new", GATE_PEERS_DIR, p->name);
	if (p->subject[0] != 0)
		buf_printf(&text, "Subject: %s\n", p->subject);
	buf_printf(&text, "Gateway: %s\n", p->is_gateway ? "yes" : "no");
	if ((e = cert_to_pem(bytes_of(p->anchor, p->len), &text, why)) != ERR_OK)
		goto done;
	(void)unlinkat(gate_dir, side, 0);
	if ((fd = openat(gate_dir, side, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) == -1)
		e = FAIL_SYS(why, "peer %s", p->name);
	else if ((e = fd_write_all(fd, buf_bytes(&text), why)) == ERR_OK &&
		 (fsync(fd) == -1 || renameat(gate_dir, side, gate_dir, name) == -1))
		e = FAIL_SYS(why, "peer %s", p->name);
done:
	fd_close(&fd);
	buf_free(&text);
	return e;
}

enum err
peers_remove(int gate_dir, const char *name, struct why *why)
{
	char path[GATE_NAME_MAX + 32];

	if (!name_is_plain(bytes_str(name)))
		return FAIL(why, ERR_ABSENT, "no peer is named %.70s", name);
	(void)snprintf(path, sizeof(path), "%s/%s.pem", GATE_PEERS_DIR, name);
	if (unlinkat(gate_dir, path, 0) == -1)
		return errno == ENOENT ? FAIL(why, ERR_ABSENT, "no peer is named %s", name)
				       : FAIL_SYS(why, "peer %s", name);
	return ERR_OK;
}
