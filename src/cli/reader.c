/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "intel/csaf_check.h"
#include "sys/fd.h"
#include "sys/sandbox.h"

struct reader {
	uint8_t *shared; /* CSAF_BYTES_MAX; the child only reads it */
	pid_t child;     /* 0: none */
	int ask, answer;
};

/* --- in the child --- */

static void
put_text(char *out, size_t room, struct bytes t)
{
	size_t n = t.len < room - 1 ? t.len : room - 1;

	if (n > 0)
		memcpy(out, t.ptr, n);
	out[n] = 0;
}

static void
read_document(struct arena *a, struct bytes document, struct reader_answer *out)
{
	struct why why = {0};
	struct csaf_faults faults;
	struct csaf doc;

	if (csaf_read(a, document, &doc, &why) != ERR_OK) {
		put_text(out->reason, sizeof(out->reason), bytes_str(why.text));
		return;
	}
	if (!csaf_file_name(doc.id, out->name)) {
		put_text(
		    out->reason, sizeof(out->reason), BYTES("its identifier makes no file name"));
		return;
	}
	if (!wall_parse(doc.revised, &out->revised)) {
		put_text(
		    out->reason, sizeof(out->reason), BYTES("current_release_date is no time"));
		return;
	}
	if (csaf_check(a, &doc, &faults, &why) == ERR_OK)
		out->failed_tests = faults.n_tests;
	put_text(out->id, sizeof(out->id), doc.id);
	put_text(out->version, sizeof(out->version), doc.version);
	out->products = doc.n_products;
	out->vulnerabilities = doc.n_vulnerabilities;
	out->undefined = doc.undefined;
	out->readable = 1;
}

static void
serve(const uint8_t *shared, int ask, int answer)
{
	struct reader_answer out;
	struct arena *a = arena_new(CSAF_ARENA_MAX, NULL);
	struct why why;
	bool landlocked;
	uint32_t n;
	size_t got;

	if (a == NULL || sandbox_enter(SANDBOX_READER, -1, &landlocked, &why) != ERR_OK)
		_exit(1);
	while (fd_read_some(ask, &n, sizeof(n), &got, &why) == ERR_OK && got == sizeof(n) &&
	       n <= CSAF_BYTES_MAX) {
		memset(&out, 0, sizeof(out));
		read_document(a, bytes_of(shared, n), &out);
		arena_reset(a);
		if (fd_write_all(answer, bytes_of(&out, sizeof(out)), &why) != ERR_OK)
			break;
	}
	_exit(0);
}

/* --- in the parent --- */

static void
stop_child(struct reader *r)
{
	int status;

	fd_close(&r->ask);
	fd_close(&r->answer);
	if (r->child > 0) {
		(void)kill(r->child, SIGKILL);
		while (waitpid(r->child, &status, 0) == -1 && errno == EINTR)
			continue;
	}
	r->child = 0;
}

static enum err
start_child(struct reader *r, struct why *why)
{
	int ask[2], answer[2];
	pid_t parent = getpid();

	if (pipe2(ask, O_CLOEXEC) == -1)
		return FAIL_SYS(why, "start a reader");
	if (pipe2(answer, O_CLOEXEC) == -1) {
		fd_close(&ask[0]);
		fd_close(&ask[1]);
		return FAIL_SYS(why, "start a reader");
	}
	(void)fflush(NULL);
	if ((r->child = fork()) == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || dup2(ask[0], 0) == -1 || dup2(answer[1], 1) == -1 ||
		    mprotect(r->shared, CSAF_BYTES_MAX, PROT_READ) == -1)
			_exit(1);
		fd_close_from(3);
		serve(r->shared, 0, 1);
	}
	fd_close(&ask[0]);
	fd_close(&answer[1]);
	r->ask = ask[1];
	r->answer = answer[0];
	if (r->child > 0)
		return ERR_OK;
	r->child = 0;
	stop_child(r);
	return FAIL_SYS(why, "start a reader");
}

enum err
reader_start(struct reader **out, struct why *why)
{
	struct reader *r = calloc(1, sizeof(*r));
	enum err e;

	*out = NULL;
	if (r == NULL)
		return FAIL_SYS(why, "start a reader");
	r->ask = r->answer = -1;
	r->shared = mmap(NULL, CSAF_BYTES_MAX, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->shared == MAP_FAILED) {
		free(r);
		return FAIL_SYS(why, "start a reader");
	}
	/* A reader that died is told by its pipe. */
	(void)signal(SIGPIPE, SIG_IGN);
	if ((e = start_child(r, why)) != ERR_OK)
		reader_end(r);
	else
		*out = r;
	return e;
}

void
reader_end(struct reader *r)
{
	if (r == NULL)
		return;
	stop_child(r);
	(void)munmap(r->shared, CSAF_BYTES_MAX);
	free(r);
}

/* A whole answer, or not. */
static bool
take_answer(struct reader *r, struct reader_answer *out)
{
	uint8_t *p = (uint8_t *)out;
	struct pollfd w = {r->answer, POLLIN, 0};
	size_t have = 0, got;
	struct why why;

	while (have < sizeof(*out)) {
		int n = poll(&w, 1, READER_SECONDS_MAX * 1000);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 ||
		    fd_read_some(r->answer, p + have, sizeof(*out) - have, &got, &why) != ERR_OK ||
		    got == 0)
			return false;
		have += got;
	}
	return true;
}

/* Only what can be shown and fits. */
static void
tame(char *text, size_t room)
{
	text[room - 1] = 0;
	for (; *text != 0; text++) {
		if ((uint8_t)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

enum err
reader_ask(struct reader *r, struct bytes document, struct reader_answer *out, struct why *why)
{
	uint32_t n = (uint32_t)document.len;
	struct why dead;
	enum err e;

	memset(out, 0, sizeof(*out));
	if (document.len > CSAF_BYTES_MAX) {
		(void)snprintf(
		    out->reason, sizeof(out->reason), "larger than %d bytes", CSAF_BYTES_MAX);
		return ERR_OK;
	}
	if (r->child == 0 && (e = start_child(r, why)) != ERR_OK)
		return e;
	if (document.len > 0)
		memcpy(r->shared, document.ptr, document.len);
	if (fd_write_all(r->ask, bytes_of(&n, sizeof(n)), &dead) != ERR_OK ||
	    !take_answer(r, out)) {
		stop_child(r);
		memset(out, 0, sizeof(*out));
		(void)snprintf(out->reason, sizeof(out->reason),
		    "its reader died or took more than %d seconds", READER_SECONDS_MAX);
		return ERR_OK;
	}
	tame(out->reason, sizeof(out->reason));
	tame(out->name, sizeof(out->name));
	tame(out->id, sizeof(out->id));
	tame(out->version, sizeof(out->version));
	return ERR_OK;
}
