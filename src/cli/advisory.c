/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat advisory import|list|show. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/library.h"
#include "cli/reader.h"
#include "intel/csaf_check.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/term.h"

/* --- import --- */

struct import {
	const struct cli *c;
	struct shelf *shelf;
	struct reader *reader;
	struct buf in, kept; /* the document, and the one that is kept under its name */
	uint64_t read, new, changed, unchanged, older, aside, bytes, products, vulnerabilities,
	    faulty;
	bool tty;
};

static void
progress(const struct import *m, const char *path)
{
	const char *name = strrchr(path, '/');

	if (m->tty && m->read % 16 == 0)
		(void)fprintf(stderr, "\r%8llu read  %-40.40s", (unsigned long long)m->read,
		    name == NULL ? path : name + 1);
}

/* A name of a file for people: without control characters. */
static void
show_path(const char *path, char out[READER_TEXT_MAX])
{
	size_t n = 0;

	for (; path[n] != 0 && n + 1 < READER_TEXT_MAX; n++)
		out[n] = (uint8_t)path[n] < 0x20 || path[n] == 0x7f ? '?' : path[n];
	out[n] = 0;
}

static enum err
put_aside(struct import *m, const char *path, const char *reason, struct why *why)
{
	char shown[READER_TEXT_MAX];
	struct buf line = {0};
	struct json j = json_on(&line);

	show_path(path, shown);
	m->aside++;
	if (m->c->json) {
		json_object(&j);
		json_kstr(&j, "type", "advisory_aside");
		json_kstr(&j, "file", shown);
		json_kstr(&j, "reason", reason);
		json_object_end(&j);
		cli_json_line(&line);
		buf_free(&line);
	} else {
		(void)cli_fail(EXIT_FOUND, "%s: put aside: %s", shown, reason);
	}
	return shelf_put_aside(m->shelf, buf_bytes(&m->in), shown, reason, why);
}

/* The document of that name that is kept is newer: true. Where it cannot be read it gives way. */
static enum err
is_older(struct import *m, const struct reader_answer *now, bool *older, struct why *why)
{
	struct reader_answer then;
	enum err e;

	*older = false;
	if ((e = reader_ask(m->reader, buf_bytes(&m->kept), &then, why)) != ERR_OK)
		return e;
	*older = then.readable != 0 && then.revised.ns > now->revised.ns;
	return ERR_OK;
}

static enum err
import_document(struct import *m, const char *path, struct why *why)
{
	struct reader_answer a;
	bool older = false;
	enum err e;

	m->read++;
	m->bytes += m->in.len;
	if ((e = reader_ask(m->reader, buf_bytes(&m->in), &a, why)) != ERR_OK)
		return e;
	if (a.readable == 0)
		return put_aside(m, path, a.reason, why);
	m->products += a.products;
	m->vulnerabilities += a.vulnerabilities;
	m->faulty += a.failed_tests > 0;
	e = shelf_read(m->shelf, a.name, &m->kept, why);
	if (e == ERR_ABSENT) {
		m->new ++;
		return shelf_put(m->shelf, a.name, buf_bytes(&m->in), why);
	}
	if (e != ERR_OK)
		return e;
	if (bytes_eq(buf_bytes(&m->kept), buf_bytes(&m->in))) {
		m->unchanged++;
		return ERR_OK;
	}
	if ((e = is_older(m, &a, &older, why)) != ERR_OK)
		return e;
	if (older) {
		m->older++;
		return ERR_OK;
	}
	m->changed++;
	return shelf_put(m->shelf, a.name, buf_bytes(&m->in), why);
}

static enum err
import_file(struct import *m, const char *path, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum err e = ERR_OK;
	struct stat st;
	size_t got = 1;

	progress(m, path);
	buf_reset(&m->in);
	if (fd == -1)
		return FAIL_SYS(why, "%.200s", path);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		fd_close(&fd);
		return FAIL(why, ERR_USAGE, "%.200s: not a file", path);
	}
	while (e == ERR_OK && got > 0 && m->in.len <= CSAF_BYTES_MAX) {
		size_t step = (size_t)st.st_size > m->in.len ? (size_t)st.st_size - m->in.len : 1;

		if (step > CSAF_BYTES_MAX + (size_t)1 - m->in.len)
			step = CSAF_BYTES_MAX + (size_t)1 - m->in.len;
		if (step == 0)
			break;
		if (!buf_reserve(&m->in, step)) {
			e = FAIL(why, ERR_LIMIT, "%.200s: no memory", path);
			break;
		}
		if ((e = fd_read_some(fd, m->in.ptr + m->in.len, step, &got, why)) == ERR_OK)
			m->in.len += got;
	}
	fd_close(&fd);
	return e == ERR_OK ? import_document(m, path, why) : e;
}

static bool
is_json(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".json") == 0;
}

/* A file, or every .json below a folder, in the order of names. Links are not followed. */
static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static enum err
import_path(struct import *m, char *path, struct why *why)
{
	char *const paths[] = {path, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	enum err e = ERR_OK;
	FTSENT *f;

	if (walk == NULL)
		return FAIL_SYS(why, "%.200s", path);
	while (e == ERR_OK && (f = fts_read(walk)) != NULL) {
		switch (f->fts_info) {
		case FTS_F:
			if (f->fts_level == 0 || is_json(f->fts_name))
				e = import_file(m, f->fts_path, why);
			break;
		case FTS_DNR:
		case FTS_ERR:
		case FTS_NS:
			errno = f->fts_errno;
			e = FAIL_SYS(why, "%.200s", f->fts_path);
			break;
		default:
			break;
		}
	}
	(void)fts_close(walk);
	return e;
}

static void
tell_import(const struct import *m)
{
	struct buf line = {0};
	struct json j = json_on(&line);

	if (!m->c->json) {
		printf("%llu documents read: %llu new, %llu changed, %llu unchanged, %llu older "
		       "than what is kept, %llu put aside\n",
		    (unsigned long long)m->read, (unsigned long long)m->new,
		    (unsigned long long)m->changed, (unsigned long long)m->unchanged,
		    (unsigned long long)m->older, (unsigned long long)m->aside);
		if (m->faulty > 0)
			printf("%llu fail a mandatory test of CSAF: hemostat advisory show ID "
			       "tells which\n",
			    (unsigned long long)m->faulty);
		return;
	}
	json_object(&j);
	json_kstr(&j, "type", "advisory_import");
	json_ku64(&j, "read", m->read);
	json_ku64(&j, "new", m->new);
	json_ku64(&j, "changed", m->changed);
	json_ku64(&j, "unchanged", m->unchanged);
	json_ku64(&j, "older", m->older);
	json_ku64(&j, "aside", m->aside);
	json_ku64(&j, "bytes", m->bytes);
	json_ku64(&j, "products", m->products);
	json_ku64(&j, "vulnerabilities", m->vulnerabilities);
	json_ku64(&j, "faulty", m->faulty);
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
}

static int
run_import(struct cli *c)
{
	struct import m = {.c = c, .tty = !c->json && term_is_tty(STDERR_FILENO)};
	char path[DATA_DIR_PATH_MAX];
	struct why why;
	enum err e;

	if (c->n_args == 0)
		return cli_fail(EXIT_USAGE, "advisory import needs a file or a folder");
	if (c->data != NULL)
		(void)snprintf(path, sizeof(path), "%s", c->data);
	else
		data_dir_default(path);
	if ((e = shelf_open(&m.shelf, path, STORE_WRITE, &why)) == ERR_OK)
		e = reader_start(&m.reader, &why);
	for (size_t i = 0; e == ERR_OK && i < c->n_args; i++)
		e = import_path(&m, c->args[i], &why);
	if (m.tty)
		(void)fputs("\r\033[K", stderr);
	/* What was read before a failure counts. */
	if (m.shelf != NULL && m.reader != NULL) {
		struct why late;

		if (shelf_commit(m.shelf, wall_now(), &late) != ERR_OK && e == ERR_OK) {
			e = late.code;
			why = late;
		}
		tell_import(&m);
	}
	reader_end(m.reader);
	shelf_close(m.shelf);
	buf_free(&m.in);
	buf_free(&m.kept);
	if (e != ERR_OK)
		return cli_why(&why);
	if (m.read == 0)
		return cli_fail(EXIT_INPUT,
		    "no advisory found: folders are searched for files that end in .json");
	return m.aside == m.read ? EXIT_INPUT : m.aside > 0 ? EXIT_FOUND : EXIT_DONE;
}

/* --- list --- */

static const struct cli_option list_options[] = {
    {"find", 0, "TEXT", "only with this in its identifier, title, makers or products"},
    {"aside", 0, NULL, "what could not be read, with the reasons"},
    {0},
};

static const char *const list_heads[] = {
    "ADVISORY", "REVISED", "CVES", "SCORE", "PRODUCTS", "TITLE"};

struct listing {
	struct cli *c;
	struct cli_table *table; /* NULL: JSON */
	struct bytes find;
	struct buf line;
	size_t n;
};

static bool
holds(struct bytes text, struct bytes find)
{
	for (size_t i = 0; i + find.len <= text.len; i++) {
		if (bytes_starts_nocase(bytes_from(text, i), find))
			return true;
	}
	return false;
}

static bool
is_found(const struct csaf *d, struct bytes find)
{
	bool found = find.len == 0 || holds(d->id, find) || holds(d->title, find);

	for (size_t i = 0; !found && i < d->n_products; i++)
		found = holds(d->products[i].vendor, find) || holds(d->products[i].name, find);
	for (size_t i = 0; !found && i < d->n_vulnerabilities; i++)
		found = holds(d->vulnerabilities[i].id, find);
	return found;
}

/* The highest base score in tenths, -1 where there is none. */
static int
highest(const struct csaf *d)
{
	int best = -1;

	for (size_t i = 0; i < d->n_vulnerabilities; i++) {
		for (size_t k = 0; k < d->vulnerabilities[i].n_scores; k++) {
			if (d->vulnerabilities[i].scores[k].computed > best)
				best = d->vulnerabilities[i].scores[k].computed;
		}
	}
	return best;
}

/* The mandatory tests of CSAF that the document fails. */
static void
json_faults(const struct csaf *d, struct arena *a, struct json *j)
{
	struct csaf_faults faults;
	struct why why;

	if (csaf_check(a, d, &faults, &why) != ERR_OK)
		return;
	json_key(j, "failed_tests");
	json_array(j);
	for (int t = 0; t < CSAF_TEST_MAX; t++) {
		if (!faults.failed[t])
			continue;
		json_object(j);
		json_kstr(j, "test", csaf_test_number((enum csaf_test)t));
		json_kstr(j, "text", csaf_test_text((enum csaf_test)t));
		json_ku64(j, "offset", faults.at[t]);
		json_object_end(j);
	}
	json_array_end(j);
}

static void
json_summary(const struct csaf *d, struct json *j)
{
	json_kbytes(j, "advisory", d->id);
	json_kbytes(j, "title", d->title);
	json_kbytes(j, "publisher", d->publisher);
	json_kbytes(j, "category", d->category);
	json_kbytes(j, "state", d->status);
	json_kbytes(j, "revision", d->version);
	json_kbytes(j, "released", d->released);
	json_kbytes(j, "revised", d->revised);
	json_kbytes_some(j, "tlp", d->tlp);
	json_ku64(j, "products", d->n_products);
	json_ku64(j, "combinations", d->n_combined);
	json_ku64(j, "undefined", d->undefined);
	json_key(j, "highest");
	if (highest(d) >= 0)
		json_double(j, highest(d) / 10.0, 1);
	else
		json_null(j);
}

static bool
list_one(void *ctx, const struct csaf *d, struct arena *a)
{
	struct listing *l = ctx;
	struct json j = json_on(&l->line);
	char score[16] = "";

	(void)a;
	if (!is_found(d, l->find))
		return true;
	l->n++;
	if (l->table == NULL) {
		json_object(&j);
		json_kstr(&j, "type", "advisory");
		json_summary(d, &j);
		json_ku64(&j, "vulnerabilities", d->n_vulnerabilities);
		json_object_end(&j);
		cli_json_line(&l->line);
		return true;
	}
	if (highest(d) >= 0)
		(void)snprintf(score, sizeof(score), "%.1f", highest(d) / 10.0);
	cli_cell(l->table, d->id);
	cli_cell(l->table, bytes_sub(d->revised, 0, 10));
	cli_cell_u64(l->table, d->n_vulnerabilities);
	cli_cell_str(l->table, score);
	cli_cell_u64(l->table, d->n_products);
	cli_cell(l->table, d->title);
	return true;
}

static void
list_aside(void *ctx, const char *digest, struct bytes text)
{
	struct listing *l = ctx;
	struct json j = json_on(&l->line);
	struct bytes source, reason = bytes_split(text, '\n', &source);

	l->n++;
	if (l->table == NULL) {
		json_object(&j);
		json_kstr(&j, "type", "advisory_aside");
		json_kstr(&j, "sha256", digest);
		json_kbytes(&j, "file", source);
		json_kbytes(&j, "reason", reason);
		json_object_end(&j);
		cli_json_line(&l->line);
		return;
	}
	cli_cell(l->table, bytes_sub(bytes_str(digest), 0, 12));
	cli_cell(l->table, source);
	cli_cell(l->table, reason);
}

static int
run_list_aside(struct cli *c)
{
	static const char *const heads[] = {"SHA-256", "FILE", "WHY IT WAS PUT ASIDE"};
	struct listing l = {.c = c};
	char path[DATA_DIR_PATH_MAX];
	struct shelf *shelf = NULL;
	struct why why;
	enum err e;

	if (c->data != NULL)
		(void)snprintf(path, sizeof(path), "%s", c->data);
	else
		data_dir_default(path);
	if (!c->json)
		l.table = cli_table_new(c, heads, ARRAY_LEN(heads));
	if ((e = shelf_open(&shelf, path, STORE_READ, &why)) == ERR_OK)
		e = shelf_aside(shelf, list_aside, &l, &why);
	if (l.table != NULL)
		cli_table_end(l.table, e == ERR_OK ? "nothing was put aside" : "");
	shelf_close(shelf);
	buf_free(&l.line);
	return e == ERR_OK ? EXIT_DONE : cli_why(&why);
}

static int
run_list(struct cli *c)
{
	struct listing l = {.c = c, .find = bytes_str(cli_value(c, "find"))};
	struct library library;
	int status;

	if (cli_value(c, "aside") != NULL)
		return run_list_aside(c);
	if ((status = library_open(c, &library)) >= 0)
		return status;
	if (!c->json)
		l.table = cli_table_new(c, list_heads, ARRAY_LEN(list_heads));
	library_each(&library, list_one, &l);
	if (l.table != NULL)
		cli_table_end(l.table, "no advisory fits");
	status = library_state(c, &library);
	library_close(&library);
	buf_free(&l.line);
	return status;
}

/* --- show --- */

static void
json_vulnerability(const struct csaf *d, const struct csaf_vulnerability *v, struct json *j)
{
	json_object(j);
	json_kbytes(j, "id", v->id);
	json_kbytes_some(j, "title", v->title);
	json_key(j, "scores");
	json_array(j);
	for (size_t i = 0; i < v->n_scores; i++) {
		const struct csaf_score *s = &v->scores[i];

		json_object(j);
		json_kbytes(j, "vector", s->vector);
		if (s->computed != CVSS_NONE) {
			json_key(j, "base");
			json_double(j, s->computed / 10.0, 1);
			json_kstr(j, "severity", cvss_severity_name(s->severity));
		}
		json_object_end(j);
	}
	json_array_end(j);
	for (int g = 0; g < CSAF_GROUP_MAX; g++) {
		if (v->group[g].n == 0)
			continue;
		json_key(j, csaf_group_name((enum csaf_group)g));
		json_array(j);
		for (size_t i = 0; i < v->group[g].n; i++)
			json_bytes(j, d->products[v->group[g].products[i]].id);
		json_array_end(j);
	}
	if (v->n_remedies > 0)
		json_key(j, "remediations");
	if (v->n_remedies > 0)
		json_array(j);
	for (size_t i = 0; i < v->n_remedies; i++) {
		json_object(j);
		json_kbytes(j, "category", v->remedies[i].category);
		json_kbytes(j, "details", v->remedies[i].details);
		json_object_end(j);
	}
	if (v->n_remedies > 0)
		json_array_end(j);
	json_object_end(j);
}

static void
json_product(const struct csaf *d, const struct csaf_product *p, struct json *j)
{
	json_object(j);
	json_kbytes(j, "product_id", p->id);
	json_kbytes_some(j, "vendor", p->vendor);
	json_kbytes_some(j, "family", p->family);
	json_kbytes_some(j, "product", p->name);
	json_kbytes_some(j, "version", p->version);
	json_kbytes_some(j, "range", p->range);
	if (!p->branched)
		json_kbytes_some(j, "name", p->full_name);
	json_kbytes_some(j, "relation", p->relation);
	if (p->part != CSAF_NONE)
		json_kbytes(j, "part", d->products[p->part].id);
	if (p->whole != CSAF_NONE)
		json_kbytes(j, "whole", d->products[p->whole].id);
	json_object_end(j);
}

struct showing {
	struct cli *c;
	struct bytes id;
	struct buf line;
	bool found;
};

static bool
show_one(void *ctx, const struct csaf *d, struct arena *a)
{
	struct showing *s = ctx;
	struct json j = json_on(&s->line);

	if (!bytes_eq_nocase(d->id, s->id))
		return true;
	s->found = true;
	json_object(&j);
	json_kstr(&j, "type", "advisory");
	json_summary(d, &j);
	json_faults(d, a, &j);
	json_key(&j, "product_list");
	json_array(&j);
	for (size_t i = 0; i < d->n_products; i++)
		json_product(d, &d->products[i], &j);
	json_array_end(&j);
	json_key(&j, "vulnerabilities");
	json_array(&j);
	for (size_t i = 0; i < d->n_vulnerabilities; i++)
		json_vulnerability(d, &d->vulnerabilities[i], &j);
	json_array_end(&j);
	json_object_end(&j);
	return false;
}

static int
run_show(struct cli *c)
{
	struct showing s = {.c = c};
	struct library library;
	int status;

	if (c->n_args != 1)
		return cli_fail(EXIT_USAGE, "advisory show needs one ID, such as ICSMA-24-065-01");
	s.id = bytes_str(c->args[0]);
	if ((status = library_open(c, &library)) >= 0)
		return status;
	library_each(&library, show_one, &s);
	status = EXIT_DONE;
	if (!s.found)
		status = cli_fail(EXIT_INPUT, "%s: no such advisory was imported", c->args[0]);
	else if (c->json)
		cli_json_line(&s.line);
	else
		cli_pretty_json(buf_bytes(&s.line));
	library_close(&library);
	buf_free(&s.line);
	return status;
}

const struct cli_command command_advisory_import = {.noun = "advisory",
    .verb = "import",
    .args = "PATH...",
    .summary = "read CSAF 2.0 advisories from files and folders and keep them",
    .detail = "Folders are searched for files that end in .json. A document that is kept already "
	      "and has not\n"
	      "changed costs nothing; one that is older than what is kept is passed over; one that "
	      "cannot be read\n"
	      "is put aside with the reason. Documents are read by a process that can open and "
	      "write nothing.\n"
	      "Exit status 1: some documents were put aside; 3: all of them.",
    .run = run_import};

const struct cli_command command_advisory_list = {.noun = "advisory",
    .verb = "list",
    .args = "",
    .summary = "imported advisories",
    .options = list_options,
    .run = run_list};

const struct cli_command command_advisory_show = {.noun = "advisory",
    .verb = "show",
    .args = "ID",
    .summary = "one advisory: products, vulnerabilities, what to do",
    .run = run_show};
