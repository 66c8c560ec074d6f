/* SPDX-License-Identifier: Apache-2.0 */
/* FTP control connection: passwords in clear, outcome of log-ins, what the server is.
 * Source: RFC 959 4 (commands, replies), RFC 4217 (AUTH TLS).
 * Told:   USER and PASS as a credential (user hashed, password never), 230 and 530 as outcomes,
 *         known words of the greeting and of the answer to SYST. File names and other arguments
 *         never leave. After AUTH TLS is accepted nothing more is read.
 * The side that sends replies ("220 ...") is the server, whichever end opened the connection. */
#include "proto/login/banner.h"
#include "proto/pieces.h"
#include "proto/proto.h"

enum { FTP_LINE_KEEP = 512, FTP_LINE_LONG = 2048 };

struct ftp {
	struct observer *o;
	struct lines lines[2];
	struct hash128 user;
	struct bytes account; /* a word of ours, or empty */
	bool login_sent;      /* a USER or PASS waits for its reply */
	bool auth_sent;       /* AUTH waits for its reply */
	bool syst_sent;
	bool encrypted;
};

static const char *const commands[] = {"USER", "PASS", "ACCT", "AUTH", "PBSZ", "PROT", "SYST",
    "FEAT", "OPTS", "TYPE", "PORT", "PASV", "EPRT", "EPSV", "LIST", "NLST", "MLSD", "MLST", "RETR",
    "STOR", "STOU", "APPE", "ALLO", "REST", "RNFR", "RNTO", "ABOR", "DELE", "SIZE", "MDTM", "SITE",
    "STAT", "HELP", "NOOP", "QUIT", "REIN", "MODE", "STRU", "CWD", "CDUP", "PWD", "MKD", "RMD",
    "XPWD", "XCWD", "XMKD", "XRMD", "CLNT", "HOST", "LANG", "CCC", "MFMT"};

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* "ddd " or "ddd-" or "ddd": RFC 959 4.2. */
static bool
is_reply(struct bytes l)
{
	return l.len >= 3 && l.ptr[0] >= '1' && l.ptr[0] <= '6' && is_digit(l.ptr[1]) &&
	       is_digit(l.ptr[2]) && (l.len == 3 || l.ptr[3] == ' ' || l.ptr[3] == '-');
}

static bool
is_command(struct bytes l)
{
	struct bytes rest, word = bytes_split(l, ' ', &rest);

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (bytes_eq_nocase(word, bytes_str(commands[i])))
			return true;
	}
	return false;
}

static bool
first_line(struct bytes head, struct bytes *l)
{
	size_t n = bytes_find(head, '\n');

	*l = bytes_sub(head, 0, n);
	if (l->len > 0 && l->ptr[l->len - 1] == '\r')
		l->len--;
	return n < head.len;
}

/* A greeting of 220 that says FTP, or a known command of a client with no speaker of another
 * line protocol (SMTP, POP3, IRC) at the other end. */
static enum probe
ftp_probe(const struct probe_view *v)
{
	bool command = false, reply = false;

	for (size_t i = 0; i < 2; i++) {
		struct bytes l;
		bool whole;

		if (v->head[i].len == 0)
			continue;
		whole = first_line(v->head[i], &l);
		if (!bytes_printable(bytes_sub(l, 0, 4)))
			return PROBE_NO;
		if (!whole && v->head[i].len >= PROBE_BYTES_MAX)
			return PROBE_NO;
		if (!whole && !v->ended)
			continue;
		if (bytes_starts(l, BYTES("220")) && is_reply(l)) {
			reply = true;
			for (size_t at = 0; at + 3 <= l.len; at++) {
				if (bytes_eq_nocase(bytes_sub(l, at, 3), BYTES("ftp")))
					return PROBE_YES;
			}
		} else if (is_reply(l)) {
			reply = true;
		} else if (is_command(l)) {
			command = true;
		} else {
			return PROBE_NO;
		}
	}
	if (command && (reply || v->ended))
		return PROBE_YES;
	/* Nothing seen so far speaks against FTP. */
	return v->ended ? PROBE_NO : PROBE_MAYBE;
}

/* --- commands --- */

/* A word of account_is_common() that outlives the line. */
static struct bytes
common_account(struct bytes name)
{
	static const struct bytes known[] = {BYTES_INIT("anonymous"), BYTES_INIT("ftp"),
	    BYTES_INIT("root"), BYTES_INIT("admin"), BYTES_INIT("administrator"),
	    BYTES_INIT("guest"), BYTES_INIT("user"), BYTES_INIT("test"), BYTES_INIT("service")};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (bytes_eq_nocase(name, known[i]))
			return known[i];
	}
	return bytes_of(NULL, 0);
}

static void
command(struct ftp *f, enum name_value dir, const struct piece *p)
{
	struct bytes arg, word = bytes_split(p->body, ' ', &arg);

	if (!is_command(p->body))
		return;
	observe_unit(f->o, UNIT_ftp_commands);
	if (bytes_eq_nocase(word, BYTES("USER"))) {
		f->user = observer_hash(f->o, arg);
		f->account = common_account(bytes_trim(arg));
		f->login_sent = true;
	} else if (bytes_eq_nocase(word, BYTES("PASS"))) {
		struct ev_credential c = {.proto = PROTO_ftp,
		    .scheme = BYTES_INIT("PASS"),
		    .user = f->user,
		    .account = f->account};

		f->login_sent = true;
		f->o->emit(f->o->owner, dir, p->offset, EV_credential, &c);
	} else if (bytes_eq_nocase(word, BYTES("AUTH"))) {
		f->auth_sent = true;
	} else if (bytes_eq_nocase(word, BYTES("SYST"))) {
		f->syst_sent = true;
	}
}

/* --- replies --- */

static void
login(struct ftp *f, enum name_value dir, uint64_t at, enum name_value outcome)
{
	struct ev_login l = {.proto = PROTO_ftp, .outcome = outcome, .user = f->user};

	f->login_sent = false;
	f->o->emit(f->o->owner, dir, at, EV_login, &l);
}

/* "215 UNIX Type: L8", "215 Windows_NT" */
static void
tell_system(struct ftp *f, enum name_value dir, uint64_t at, struct bytes text)
{
	if (bytes_starts_nocase(text, BYTES("Windows")))
		observe_claim(f->o, dir, at, attr_os, BYTES("Windows"), "FTP SYST", 60);
	else if (bytes_starts_nocase(text, BYTES("VxWorks")))
		observe_claim(f->o, dir, at, attr_os, BYTES("VxWorks"), "FTP SYST", 60);
	else if (bytes_starts_nocase(text, BYTES("UNIX")))
		observe_claim(f->o, dir, at, attr_os, BYTES("Unix"), "FTP SYST", 30);
}

static void
reply(struct ftp *f, enum name_value dir, const struct piece *p)
{
	struct bytes code = bytes_sub(p->body, 0, 3), text = bytes_from(p->body, 4);
	bool last = p->body.len == 3 || p->body.ptr[3] == ' ';

	if (bytes_eq(code, BYTES("220")))
		banner_tell(f->o, dir, p->offset, p->body, "FTP banner");
	if (!last)
		return;
	if (bytes_eq(code, BYTES("230")))
		login(f, dir, p->offset, outcome_success);
	else if (f->login_sent && (bytes_eq(code, BYTES("530")) || bytes_eq(code, BYTES("430"))))
		login(f, dir, p->offset, outcome_failure);
	else if (f->auth_sent && bytes_eq(code, BYTES("234")))
		f->encrypted = true;
	else if (f->syst_sent && bytes_eq(code, BYTES("215")))
		tell_system(f, dir, p->offset, text);
	if (code.ptr[0] >= '2')
		f->login_sent = false;
	if (f->auth_sent && code.ptr[0] >= '2')
		f->auth_sent = false;
}

static void
line(struct ftp *f, enum name_value dir, const struct piece *p)
{
	if (p->size > FTP_LINE_LONG)
		observe_anomaly(
		    f->o, dir, p->offset, ANOMALY_ftp_line_long, PROTO_ftp, "over 2048 bytes");
	if (is_reply(p->body))
		reply(f, dir, p);
	else
		command(f, dir, p);
}

static void *
ftp_open(struct observer *o)
{
	struct ftp *f = budget_alloc(o->budget, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->o = o;
	for (size_t i = 0; i < 2; i++)
		f->lines[i] = (struct lines){.cap = FTP_LINE_KEEP, .held.budget = o->budget};
	return f;
}

static void
ftp_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct ftp *f = session;
	struct piece p;

	while (!f->encrypted && lines_next(&f->lines[dir], &run, &offset, &p))
		line(f, dir, &p);
}

static void
ftp_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct ftp *f = session;

	(void)offset;
	(void)missing;
	lines_reset(&f->lines[dir]);
}

static void
ftp_end(void *session, enum name_value dir)
{
	struct ftp *f = session;
	struct piece p;

	if (!f->encrypted && lines_rest(&f->lines[dir], &p))
		line(f, dir, &p);
}

static void
ftp_close(void *session)
{
	struct ftp *f = session;

	lines_free(&f->lines[0]);
	lines_free(&f->lines[1]);
	budget_free(f->o->budget, f, sizeof(*f));
}

const struct protocol ftp_protocol = {
    .id = PROTO_ftp,
    .name = "ftp",
    .probe = ftp_probe,
    .open = ftp_open,
    .data = ftp_data,
    .gap = ftp_gap,
    .end = ftp_end,
    .close = ftp_close,
};
