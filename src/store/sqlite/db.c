/* SPDX-License-Identifier: Apache-2.0 */
/* One database file in WAL mode: opening, schema, transactions, statements, errors.
 * Durability: synchronous=NORMAL, so a commit reaches the kernel, not the disk; a durable commit
 * syncs the WAL behind it, which is all that synchronous=FULL would have done. */
#include "store/sqlite/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/migration.h"

enum {
	APPLICATION_ID = 0x48656d6f, /* "Hemo" */
	PAGE_BYTES = 8192,
	CACHE_KIB = 16 * 1024,
	WAL_PAGES = 32 * 1024 * 1024 / PAGE_BYTES, /* copied into the database when it holds more */
	BUSY_MS = 10000,
	SHRINK_PAGES = 2048,
};

#define NOTHING_YET "nothing has been watched yet: run hemostat watch or hemostat demo"
#define DAMAGED     "is damaged: run `hemostat store rebuild`, or restore a copy of the data directory"

void
db_path(char out[DB_PATH_MAX], const struct store_dir *d, const char *name)
{
	(void)snprintf(out, DB_PATH_MAX, "%s/%s", store_dir_path(d), name);
}

/* --- errors --- */

/* SQLite's own detail may quote a statement, never a value: still only its fixed texts are used. */
enum err
sql_fail(struct backend *b, int rc, struct why *why)
{
	int last = errno, sys = b->db == NULL ? 0 : sqlite3_system_errno(b->db);
	enum err e;

	/* It does not always note the system's error, but leaves it standing. */
	if (sys == 0 && (rc & 0xff) == SQLITE_IOERR)
		sys = last;

	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return FAIL(why, ERR_INPUT, "%.80s/" DB_NAME " " DAMAGED, b->dir);
	case SQLITE_FULL:
		sys = ENOSPC;
		e = FAIL(why, ERR_SYSTEM,
		    "the disk of %.80s is full: free some space or shorten the retention", b->dir);
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		e = FAIL(why, ERR_SYSTEM, "%.80s/" DB_NAME " is held by another program", b->dir);
		break;
	case SQLITE_NOMEM:
		e = FAIL(why, ERR_SYSTEM, "no memory for the database");
		break;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		e = FAIL(why, ERR_SYSTEM,
		    "%.80s/" DB_NAME " cannot be %s: %s; run as the owner of the data directory",
		    b->dir, b->writer ? "written" : "opened",
		    sys != 0 ? strerror(sys) : sqlite3_errstr(rc));
		break;
	default:
		e = FAIL(why, ERR_SYSTEM, "%.80s/" DB_NAME ": %s%s%s", b->dir, sqlite3_errstr(rc),
		    sys != 0 ? ": " : "", sys != 0 ? strerror(sys) : "");
	}
	if (why != NULL)
		why->sys = sys;
	return e;
}

/* --- statements --- */

static const char *const texts[SQL_COUNT] = {
#define SQL(id, text) [SQL_##id] = text,
#include "store/sqlite/statements.def"
};

sqlite3_stmt *
sql_of(struct backend *b, enum sql id, enum err *e, struct why *why)
{
	int rc;

	*e = ERR_OK;
	if (b->stmts[id] != NULL)
		return b->stmts[id];
	rc = sqlite3_prepare_v3(
	    b->db, texts[id], -1, SQLITE_PREPARE_PERSISTENT, &b->stmts[id], NULL);
	if (rc == SQLITE_OK)
		return b->stmts[id];
	/* A table that is missing: the schema page was damaged. */
	*e = sql_fail(b, rc == SQLITE_ERROR ? SQLITE_CORRUPT : rc, why);
	return NULL;
}

void
bind_u64(sqlite3_stmt *s, int at, uint64_t v)
{
	(void)sqlite3_bind_int64(s, at, (int64_t)v);
}

void
bind_i64(sqlite3_stmt *s, int at, int64_t v)
{
	(void)sqlite3_bind_int64(s, at, v);
}

void
bind_text(sqlite3_stmt *s, int at, struct bytes t)
{
	(void)sqlite3_bind_text64(
	    s, at, t.len == 0 ? "" : (const char *)t.ptr, t.len, SQLITE_STATIC, SQLITE_UTF8);
}

void
bind_text_some(sqlite3_stmt *s, int at, struct bytes t)
{
	if (t.len == 0)
		bind_null(s, at);
	else
		bind_text(s, at, t);
}

void
bind_blob(sqlite3_stmt *s, int at, struct bytes t)
{
	(void)sqlite3_bind_blob64(
	    s, at, t.len == 0 ? (const void *)"" : t.ptr, t.len, SQLITE_STATIC);
}

void
bind_null(sqlite3_stmt *s, int at)
{
	(void)sqlite3_bind_null(s, at);
}

void
sql_leave(sqlite3_stmt *s)
{
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
}

enum err
sql_row(struct backend *b, sqlite3_stmt *s, bool *got, struct why *why)
{
	int rc = sqlite3_step(s);
	enum err e = ERR_OK;

	*got = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW)
		return ERR_OK;
	if (rc != SQLITE_DONE)
		e = sql_fail(b, rc, why);
	sql_leave(s);
	return e;
}

enum err
sql_run(struct backend *b, sqlite3_stmt *s, struct why *why)
{
	bool got;
	enum err e = sql_row(b, s, &got, why);

	if (got)
		sql_leave(s);
	return e;
}

static enum err
run_plain(struct backend *b, enum sql id, struct why *why)
{
	enum err e;
	sqlite3_stmt *s = sql_of(b, id, &e, why);

	return s == NULL ? e : sql_run(b, s, why);
}

/* Pragmas and schema changes. */
static enum err
exec(struct backend *b, const char *text, struct why *why)
{
	int rc = sqlite3_exec(b->db, text, NULL, NULL, NULL);

	return rc == SQLITE_OK ? ERR_OK : sql_fail(b, rc, why);
}

static enum err
pragma_number(struct backend *b, const char *text, int64_t *v, struct why *why)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(b->db, text, -1, &s, NULL);

	*v = 0;
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(s);
		if (rc == SQLITE_ROW) {
			*v = sqlite3_column_int64(s, 0);
			rc = SQLITE_OK;
		} else if (rc == SQLITE_DONE) {
			rc = SQLITE_OK;
		}
	}
	(void)sqlite3_finalize(s);
	return rc == SQLITE_OK ? ERR_OK : sql_fail(b, rc, why);
}

uint64_t
row_u64(struct row *r)
{
	return (uint64_t)sqlite3_column_int64(r->s, r->at++);
}

int64_t
row_i64(struct row *r)
{
	return sqlite3_column_int64(r->s, r->at++);
}

struct wall
row_wall(struct row *r)
{
	return (struct wall){row_i64(r)};
}

struct bytes
row_bytes(struct row *r)
{
	const void *p = sqlite3_column_blob(r->s, r->at);
	int n = sqlite3_column_bytes(r->s, r->at++);
	struct bytes copy;

	if (n <= 0 || p == NULL)
		return (struct bytes){NULL, 0};
	copy = arena_copy(r->a, bytes_of(p, (size_t)n));
	if (copy.ptr == NULL)
		r->cut = true;
	return copy;
}

void
row_fixed(struct row *r, void *out, size_t n)
{
	const void *p = sqlite3_column_blob(r->s, r->at);
	int len = sqlite3_column_bytes(r->s, r->at++);

	memset(out, 0, n);
	if (p != NULL && len == (int)n)
		memcpy(out, p, n);
}

/* --- transactions --- */

static enum err
sqlite_begin(struct backend *b, struct why *why)
{
	return run_plain(b, SQL_begin, why);
}

static enum err
sync_wal(struct backend *b, struct why *why)
{
	sqlite3_file *wal = NULL;
	int rc = sqlite3_file_control(b->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&wal);

	if (rc == SQLITE_OK && wal != NULL && wal->pMethods != NULL)
		rc = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
	else if (rc == SQLITE_OK)
		rc = SQLITE_IOERR_FSYNC;
	return rc == SQLITE_OK ? ERR_OK : sql_fail(b, rc, why);
}

static enum err
sqlite_commit(struct backend *b, enum store_durability how, struct why *why)
{
	enum err e = run_plain(b, SQL_commit, why);

	return e == ERR_OK && how == STORE_DURABLE ? sync_wal(b, why) : e;
}

static void
sqlite_rollback(struct backend *b)
{
	for (size_t i = 0; i < SQL_COUNT; i++) {
		if (b->stmts[i] != NULL)
			sql_leave(b->stmts[i]);
	}
	/* Some errors have rolled back already. */
	if (sqlite3_get_autocommit(b->db) == 0)
		(void)run_plain(b, SQL_rollback, NULL);
}

static enum err
sqlite_shrink(struct backend *b, struct why *why)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "PRAGMA incremental_vacuum(%d)", SHRINK_PAGES);
	return exec(b, text, why);
}

/* --- schema --- */

static unsigned
newest_schema(void)
{
	unsigned n = 0;

	while (migrations_sqlite[n].number != 0)
		n++;
	return n;
}

static enum err
migrate_one(struct backend *b, const struct migration *m, struct why *why)
{
	char version[64];
	enum err e;

	(void)snprintf(version, sizeof(version), "PRAGMA user_version = %u", m->number);
	if ((e = sqlite_begin(b, why)) != ERR_OK)
		return e;
	if ((e = exec(b, m->sql, why)) != ERR_OK || (e = exec(b, version, why)) != ERR_OK ||
	    (e = sqlite_commit(b, STORE_DURABLE, why)) != ERR_OK)
		sqlite_rollback(b);
	return e;
}

static enum err
check_schema(struct backend *b, unsigned wanted, struct why *why)
{
	int64_t version, app, tables;
	enum err e;

	if ((e = pragma_number(b, "PRAGMA user_version", &version, why)) != ERR_OK ||
	    (e = pragma_number(b, "PRAGMA application_id", &app, why)) != ERR_OK ||
	    (e = pragma_number(b, "SELECT count(*) FROM sqlite_schema", &tables, why)) != ERR_OK)
		return e;
	if (version == 0 && tables == 0)
		return b->writer ? ERR_OK : FAIL(why, ERR_ABSENT, NOTHING_YET);
	if (app != APPLICATION_ID || version <= 0)
		return FAIL(why, ERR_REFUSED,
		    "%.80s/" DB_NAME
		    " is not a database of Hemostat: move it away, or name another "
		    "directory with --data",
		    b->dir);
	if (version > newest_schema())
		return FAIL(why, ERR_REFUSED,
		    "%.80s/" DB_NAME " was written by a newer Hemostat (schema %lld, this program "
		    "knows %u): use that one or a newer one",
		    b->dir, (long long)version, newest_schema());
	if (!b->writer && version < wanted)
		return FAIL(why, ERR_REFUSED,
		    "%.80s/" DB_NAME " was written by an older Hemostat (schema %lld, needed %u): "
		    "run hemostat run or hemostat watch once to bring it up to date",
		    b->dir, (long long)version, wanted);
	return ERR_OK;
}

static enum err
migrate(struct backend *b, unsigned wanted, struct why *why)
{
	int64_t version;
	enum err e;

	if ((e = pragma_number(b, "PRAGMA user_version", &version, why)) != ERR_OK)
		return e;
	for (int64_t v = version; v < wanted && e == ERR_OK; v++)
		e = migrate_one(b, &migrations_sqlite[v], why);
	return e;
}

/* --- opening --- */

static enum err
set_up(struct backend *b, struct why *why)
{
	char text[256];
	int64_t tables;
	int on = 1;
	enum err e;

	(void)sqlite3_busy_timeout(b->db, BUSY_MS);
	(void)sqlite3_db_config(b->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(b->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(b->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(b->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	(void)sqlite3_limit(b->db, SQLITE_LIMIT_ATTACHED, 0);
	(void)snprintf(text, sizeof(text),
	    "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -%d",
	    CACHE_KIB);
	if ((e = exec(b, text, why)) != ERR_OK || !b->writer)
		return e;
	if ((e = pragma_number(b, "SELECT count(*) FROM sqlite_schema", &tables, why)) != ERR_OK)
		return e;
	if (tables == 0) {
		(void)snprintf(text, sizeof(text),
		    "PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA "
		    "application_id = %d",
		    PAGE_BYTES, APPLICATION_ID);
		if ((e = exec(b, text, why)) != ERR_OK)
			return e;
	}
	/* The WAL stays when its writer ends, so that readers without the right to make files in
	 * the directory can read. */
	(void)sqlite3_file_control(b->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	(void)snprintf(text, sizeof(text),
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = FAST; "
	    "PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d",
	    WAL_PAGES, WAL_PAGES * PAGE_BYTES);
	return exec(b, text, why);
}

/* The file exists before SQLite opens it, closed to other users; its WAL follows its mode. One that
 * is there is not opened here: closing it would drop the locks of other stores of this process. */
static enum err
make_file(struct store_dir *d, const char *name, struct why *why)
{
	struct stat st;
	int fd =
	    openat(store_dir_fd(d), name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1 && errno != EEXIST)
		return FAIL_SYS(why, "cannot make %.80s/%s", store_dir_path(d), name);
	if (fd != -1 && (close(fd) != 0 || fsync(store_dir_fd(d)) != 0))
		return FAIL_SYS(why, "cannot sync %.80s", store_dir_path(d));
	if (fstatat(store_dir_fd(d), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return FAIL_SYS(why, "cannot look at %.80s/%s", store_dir_path(d), name);
	if (!S_ISREG(st.st_mode))
		return FAIL(
		    why, ERR_REFUSED, "%.80s/%s is not a plain file", store_dir_path(d), name);
	if ((st.st_mode & 077) != 0)
		return FAIL(why, ERR_REFUSED,
		    "%.80s/%s is open to other users (mode %04o); chmod 600 it", store_dir_path(d),
		    name, (unsigned)st.st_mode & 07777);
	return ERR_OK;
}

static void
sqlite_close(struct backend *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < SQL_COUNT; i++)
		(void)sqlite3_finalize(b->stmts[i]);
	if (b->db != NULL)
		(void)sqlite3_close(b->db);
	free(b);
}

static enum err
open_file(struct backend **out, struct store_dir *d, const char *name, enum store_mode mode,
    struct why *why)
{
	char path[DB_PATH_MAX];
	struct backend *b;
	int rc, flags;

	*out = NULL;
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for the database");
	b->dir = store_dir_path(d);
	b->writer = mode == STORE_WRITE;
	db_path(path, d, name);
	flags = (b->writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX |
		SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
	if ((rc = sqlite3_open_v2(path, &b->db, flags, NULL)) != SQLITE_OK) {
		enum err e = sql_fail(b, rc, why);

		sqlite_close(b);
		return e;
	}
	*out = b;
	return ERR_OK;
}

static void
sqlite_abandon(struct store_dir *d)
{
	(void)unlinkat(store_dir_fd(d), DB_NEW_NAME, 0);
	(void)unlinkat(store_dir_fd(d), DB_NEW_NAME "-wal", 0);
	(void)unlinkat(store_dir_fd(d), DB_NEW_NAME "-shm", 0);
}

static enum err
sqlite_open(struct backend **out, struct store_dir *d, enum store_mode mode, unsigned schema_max,
    bool anew, struct why *why)
{
	unsigned wanted = schema_max == SCHEMA_NEWEST ? newest_schema() : schema_max;
	const char *name = anew ? DB_NEW_NAME : DB_NAME;
	struct backend *b = NULL;
	struct stat st;
	enum err e;

	*out = NULL;
	if (anew)
		sqlite_abandon(d);
	if (mode == STORE_READ && fstatat(store_dir_fd(d), name, &st, 0) != 0 && errno == ENOENT)
		return FAIL(why, ERR_ABSENT, NOTHING_YET);
	if ((mode == STORE_WRITE && (e = make_file(d, name, why)) != ERR_OK) ||
	    (e = open_file(&b, d, name, mode, why)) != ERR_OK)
		return e;
	if ((e = check_schema(b, wanted, why)) != ERR_OK || (e = set_up(b, why)) != ERR_OK ||
	    (b->writer && (e = migrate(b, wanted, why)) != ERR_OK)) {
		sqlite_close(b);
		return e;
	}
	*out = b;
	return ERR_OK;
}

static enum err
sqlite_open_damaged(struct backend **out, struct store_dir *d, struct why *why)
{
	enum err e = open_file(out, d, DB_NAME, STORE_READ, why);

	/* With this, a file that is shorter than its header says is read as far as it goes. */
	if (e == ERR_OK)
		(void)sqlite3_exec((*out)->db, "PRAGMA writable_schema = ON", NULL, NULL, NULL);
	return e;
}

static enum err
sqlite_check(struct backend *b, struct why *why)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(b->db, "PRAGMA integrity_check(1)", -1, &s, NULL);
	bool sound = false;

	if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		const unsigned char *word = sqlite3_column_text(s, 0);

		sound = word != NULL && memcmp(word, "ok", 3) == 0;
		rc = SQLITE_OK;
	}
	(void)sqlite3_finalize(s);
	if (rc == SQLITE_OK && !sound)
		rc = SQLITE_CORRUPT;
	return rc == SQLITE_OK ? ERR_OK : sql_fail(b, rc, why);
}

/* --- taking the place of a damaged database --- */

static enum err
move(struct store_dir *d, const char *from, const char *to, struct why *why)
{
	int fd = store_dir_fd(d);

	if (renameat(fd, from, fd, to) == 0 || errno == ENOENT)
		return ERR_OK;
	return FAIL_SYS(why, "cannot rename %s in %.80s", from, store_dir_path(d));
}

/* The WAL goes first: a WAL beside a database that it does not belong to would be read into it. */
static enum err
sqlite_replace(struct store_dir *d, char aside[64], struct why *why)
{
	char wal[80];
	struct stat st;
	enum err e;
	int n = 0;

	do {
		(void)snprintf(aside, 64, DB_NAME ".damaged-%d", ++n);
	} while (fstatat(store_dir_fd(d), aside, &st, AT_SYMLINK_NOFOLLOW) == 0);
	(void)snprintf(wal, sizeof(wal), "%s-wal", aside);
	(void)unlinkat(store_dir_fd(d), DB_NEW_NAME "-wal", 0);
	(void)unlinkat(store_dir_fd(d), DB_NEW_NAME "-shm", 0);
	(void)unlinkat(store_dir_fd(d), DB_NAME "-shm", 0);
	if ((e = move(d, DB_NAME "-wal", wal, why)) != ERR_OK ||
	    (e = move(d, DB_NAME, aside, why)) != ERR_OK ||
	    (e = move(d, DB_NEW_NAME, DB_NAME, why)) != ERR_OK)
		return e;
	return fsync(store_dir_fd(d)) == 0 ? ERR_OK
					   : FAIL_SYS(why, "cannot sync %.80s", store_dir_path(d));
}

const struct backend_ops backend_sqlite = {
    .name = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .open_damaged = sqlite_open_damaged,
    .replace = sqlite_replace,
    .abandon = sqlite_abandon,
    .check = sqlite_check,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .shrink = sqlite_shrink,
    .block_put = sqlite_block_put,
    .block_drop = sqlite_block_drop,
    .blocks = sqlite_blocks,
    .block_bytes = sqlite_block_bytes,
    .block_range = sqlite_block_range,
    .block_numbers = sqlite_block_numbers,
    .block_since = sqlite_block_since,
    .value_put = sqlite_value_put,
    .value = sqlite_value,
    .link_add = sqlite_link_add,
    .hour_add = sqlite_hour_add,
    .source_add = sqlite_source_add,
    .source_new = sqlite_source_new,
    .device_put = sqlite_device_put,
    .device_drop = sqlite_device_drop,
    .finding_put = sqlite_finding_put,
    .derived_clear = sqlite_derived_clear,
    .numbers_copy = sqlite_numbers_copy,
    .devices = sqlite_devices,
    .findings = sqlite_findings,
    .links = sqlite_links,
    .sources = sqlite_sources,
    .hours = sqlite_hours,
    .device = sqlite_device,
    .finding = sqlite_finding,
    .link = sqlite_link,
    .totals = sqlite_totals,
};
